//! Which options are shown: what `-O` says, worked out for each kind of socket.

use std::rc::Rc;

use wildmatch::WildMatchPattern;

use crate::options::catalogue::CATALOGUE;
use crate::options::defaults::Defaults;
use crate::options::plan::{Others, Plan};
use crate::options::short::{names, without_prefix};
use crate::socket::kind::{Family, SocketKind};
use crate::text::suggest;

/// What `-O` asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// What is always shown, in this order.
    parts: Vec<SelectedPart>,
    /// Whether everything else that is set follows, even what repeats another option.
    set: bool,
}

/// A word of `-O`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum SelectedPart {
    /// What everyone asks for, which depends on the family. Whatever is set follows.
    Common,
    /// An option, by its index in the catalogue.
    Option(usize),
}

impl Selection {
    /// What is shown when nothing was asked for: in the table.
    pub fn common() -> Selection {
        Selection { parts: vec![SelectedPart::Common], set: false }
    }

    /// What is shown when nothing was asked for: in JSON.
    pub fn all() -> Selection {
        Selection { parts: (0..CATALOGUE.len()).map(SelectedPart::Option).collect(), set: false }
    }

    /// Understands names with or without their prefix, globs, and the words `common`, `set` and
    /// `all`, in any case.
    ///
    /// # Errors
    ///
    /// For a word that names no option: a sentence with the nearest ones.
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

    /// Works out what is shown of sockets of one kind.
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

/// The places in the catalogue of what everyone asks for.
fn common(family: Family) -> impl Iterator<Item = usize> {
    let names = family.common().iter();
    names.filter_map(|name| CATALOGUE.iter().position(|option| option.name == *name))
}

/// The places in the catalogue of the options that a name or a glob means.
///
/// # Errors
///
/// When there is none: a sentence with the nearest ones.
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
        true => Err(suggest::unknown("option", word, CATALOGUE.iter().flat_map(names))),
    }
}

/// The name of the option at a place in the catalogue.
pub fn name(index: usize) -> &'static str {
    CATALOGUE[index].name
}
