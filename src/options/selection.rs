//! The options that `-O` selects, resolved for each kind of socket.

use std::rc::Rc;

use wildmatch::WildMatchPattern;

use crate::options::catalogue::CATALOGUE;
use crate::options::defaults::Defaults;
use crate::options::plan::{Others, Plan};
use crate::options::reference::sysctls;
use crate::options::short::{names, without_prefix};
use crate::record::fact::Sections;
use crate::socket::kind::{Family, SocketKind};
use crate::text::suggest;

/// The parsed words of `-O`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The options that are always shown, in this order.
    parts: Vec<SelectedPart>,
    /// Whether all other options that are set follow, including those that repeat another option.
    set: bool,
}

/// A word of `-O`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum SelectedPart {
    /// The most commonly needed options of the family. Other options that are set follow.
    Common,
    /// An option, by its index in the catalogue.
    Option(usize),
}

impl Selection {
    /// The word `common`, which is the default of the table.
    pub fn common() -> Selection {
        Selection { parts: vec![SelectedPart::Common], set: false }
    }

    /// All options, which is the default of JSON.
    pub fn all() -> Selection {
        Selection::of(0..CATALOGUE.len())
    }

    /// These options, by their indexes in the catalogue.
    pub fn of(options: impl IntoIterator<Item = usize>) -> Selection {
        let parts = options.into_iter().map(SelectedPart::Option).collect();
        Selection { parts, set: false }
    }

    /// Parses names with or without their prefix, patterns, and the words `common`, `set` and `all`, in any
    /// case.
    ///
    /// # Errors
    ///
    /// If a word matches no option, a sentence that suggests the nearest names. If there are no words, a
    /// sentence that says so.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Selection, String> {
        let mut selection = Selection::default();
        for word in words.into_iter().map(str::trim).filter(|word| !word.is_empty()) {
            selection.add(word)?;
        }
        match selection.parts.is_empty() && !selection.set {
            true => Err("empty list (name at least one option, or common, set or all)".into()),
            false => Ok(selection),
        }
    }

    fn add(&mut self, word: &str) -> Result<(), String> {
        match word.to_lowercase().as_str() {
            "common" => self.parts.push(SelectedPart::Common),
            "set" => self.set = true,
            "all" => self.parts.extend(Selection::all().parts),
            _ => self.parts.extend(find(word)?.into_iter().map(SelectedPart::Option)),
        }
        Ok(())
    }

    /// The indexes in the catalogue of the options, if they are the same for every socket.
    pub fn fixed(&self) -> Option<Vec<usize>> {
        let mut options = Vec::new();
        for part in &self.parts {
            match part {
                SelectedPart::Common => return None,
                SelectedPart::Option(index) if options.contains(index) => {}
                SelectedPart::Option(index) => options.push(*index),
            }
        }
        (!self.set).then_some(options)
    }

    /// The sections of records that the options are read from, and whether they are set.
    pub fn sections(&self) -> Sections {
        let every = self.set || self.parts.contains(&SelectedPart::Common);
        let is_read = |index: &usize| every || self.parts.contains(&SelectedPart::Option(*index));
        let read = (0..CATALOGUE.len()).filter(is_read);
        read.map(|index| CATALOGUE[index].sections()).collect()
    }

    /// Plans the options to show for sockets of one kind.
    pub fn plan(&self, kind: SocketKind, defaults: &Defaults) -> Plan {
        let mut always = Vec::new();
        let mut has = vec![false; CATALOGUE.len()];
        let mut add = |index: usize| {
            if !std::mem::replace(&mut has[index], true) {
                always.push(index);
            }
        };
        for part in &self.parts {
            match part {
                SelectedPart::Common => common(kind.family()).for_each(&mut add),
                SelectedPart::Option(index) => add(*index),
            }
        }
        let others = match (self.set, self.parts.contains(&SelectedPart::Common)) {
            (true, _) => Others::Set,
            (false, true) => Others::SetOnce,
            (false, false) => Others::None,
        };
        Plan::new(kind.family(), always, others, defaults.answers(kind).map(Rc::as_ref))
    }
}

/// The indexes in the catalogue of the most commonly needed options.
fn common(family: Family) -> impl Iterator<Item = usize> {
    let names = family.common().iter();
    names.filter_map(|name| CATALOGUE.iter().position(|option| option.name == *name))
}

/// Returns the indexes in the catalogue of the options that a name or a pattern matches.
///
/// # Errors
///
/// If no option matches, a sentence that suggests the nearest names.
pub fn find(word: &str) -> Result<Vec<usize>, String> {
    let pattern = WildMatchPattern::<'*', '?'>::new_case_insensitive(word);
    let found: Vec<usize> = (0..CATALOGUE.len())
        .filter(|&index| {
            names(&CATALOGUE[index])
                .any(|name| pattern.matches(name) || pattern.matches(without_prefix(name)))
        })
        .collect();
    match found.is_empty() {
        false => Ok(found),
        true => Err(of_sysctl(word)
            .unwrap_or_else(|| suggest::unknown("option", word, CATALOGUE.iter().flat_map(names)))),
    }
}

/// The message for the name of a sysctl.
pub fn of_sysctl(word: &str) -> Option<String> {
    let options = sysctls::options_of(word);
    let known = suggest::listed(&options[..options.len().min(3)], "or");
    (!options.is_empty())
        .then(|| format!("unknown option '{word}' (for the option of this sysctl: {known})"))
}

/// The name of the option at an index in the catalogue.
pub fn name(index: usize) -> &'static str {
    CATALOGUE[index].name
}
