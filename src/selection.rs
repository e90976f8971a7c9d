//! Which options are shown: what `-O` says, worked out for each kind of socket; and whether an
//! option counts as set.

use wildmatch::WildMatchPattern;

use crate::catalogue::{Marker, OptionSpec, Read, CATALOGUE, COMMON_TCP, COMMON_UDP};
use crate::pristine::{Answer, Pristine};
use crate::read::Facts;
use crate::socket::{Protocol, SocketKind};
use crate::suggest;
use crate::value::{Filter, Kind, Memberships, Value};

/// What `-O` asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// What is always shown, in this order.
    parts: Vec<Part>,
    /// Everything else that is set follows.
    set: bool,
}

/// A word of `-O`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// What everyone asks for, which depends on the protocol.
    Common,
    /// An option, by its place in the catalogue.
    Option(usize),
}

impl Selection {
    /// What is shown when nothing was asked for: in the table.
    pub fn common() -> Selection {
        Selection { parts: vec![Part::Common], set: true }
    }

    /// What is shown when nothing was asked for: in JSON.
    pub fn all() -> Selection {
        Selection { parts: (0..CATALOGUE.len()).map(Part::Option).collect(), set: false }
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
            true => Err("name at least one option, or common, set or all".into()),
            false => Ok(selection),
        }
    }

    fn add(&mut self, word: &str) -> Result<(), String> {
        match word.to_lowercase().as_str() {
            "common" => {
                self.parts.push(Part::Common);
                self.set = true;
            }
            "set" => self.set = true,
            "all" => self.parts.extend(Selection::all().parts),
            _ => self.parts.extend(find(word)?.into_iter().map(Part::Option)),
        }
        Ok(())
    }

    /// Works out what is shown of sockets of one kind.
    pub fn plan(&self, kind: SocketKind, pristine: &Pristine) -> Plan {
        let answers = pristine.answers(kind);
        let mut plan = Plan { entries: Vec::new(), knows_set: answers.is_some() };
        let mut seen = vec![false; CATALOGUE.len()];
        let mut add = |index: usize, always: bool| {
            let answer = answers.map_or(&Answer::Unasked, |answers| &answers[index]);
            if std::mem::replace(&mut seen[index], true) || *answer == Answer::Absent {
                return;
            }
            let pristine = match answer {
                Answer::Value(value) => Some(value.clone()),
                _ => None,
            };
            plan.entries.push(Entry { option: &CATALOGUE[index], pristine, always });
        };
        for part in &self.parts {
            match part {
                Part::Common => common(kind.protocol).for_each(|index| add(index, true)),
                Part::Option(index) => add(*index, true),
            }
        }
        if self.set {
            (0..CATALOGUE.len()).for_each(|index| add(index, false));
        }
        plan
    }
}

/// The places in the catalogue of what everyone asks for.
fn common(protocol: Protocol) -> impl Iterator<Item = usize> {
    let names: &[&str] = match protocol {
        Protocol::Tcp => &COMMON_TCP,
        Protocol::Udp => &COMMON_UDP,
    };
    names.iter().filter_map(|name| CATALOGUE.iter().position(|option| option.name == *name))
}

/// The places in the catalogue of the options that a name or a glob means.
///
/// # Errors
///
/// When there is none: a sentence with the nearest ones.
pub fn find(word: &str) -> Result<Vec<usize>, String> {
    let pattern = WildMatchPattern::<'*', '?'>::new_case_insensitive(word);
    let names = |option: &'static OptionSpec| {
        [option.name].into_iter().chain(option.aliases.iter().copied())
    };
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

/// The name without its SO_, TCP_ ...
fn without_prefix(name: &str) -> &str {
    name.split_once('_').map_or(name, |(_, bare)| bare)
}

/// What is shown of the sockets of one kind.
pub struct Plan {
    entries: Vec<Entry>,
    /// Whether there was a pristine socket to compare with.
    pub knows_set: bool,
}

/// An option that sockets of this kind have.
struct Entry {
    option: &'static OptionSpec,
    /// With what a new socket begins, where that can be asked.
    pristine: Option<Value>,
    /// Shown in any case; otherwise when it is set.
    always: bool,
}

/// An option of a socket, to be shown.
pub struct Shown {
    pub option: &'static OptionSpec,
    pub value: Value,
    pub set: bool,
}

impl Plan {
    /// Puts what is to be shown of a socket into `shown`.
    pub fn apply(&self, facts: &Facts, shown: &mut Vec<Shown>) {
        shown.clear();
        for entry in &self.entries {
            let Some(value) = read(entry.option, facts) else {
                continue;
            };
            let set = self.knows_set && is_set(entry, &value, facts);
            if entry.always || set {
                shown.push(Shown { option: entry.option, value, set });
            }
        }
    }
}

/// The value of an option; `None` when this kernel or this socket does not have it.
fn read(option: &OptionSpec, facts: &Facts) -> Option<Value> {
    match option.read {
        Read::With(function) => function(facts),
        Read::Fact => {
            let raw = facts.get(*option.facts.first()?)?;
            Some(Value::Number(match option.kind {
                Kind::Int | Kind::Seconds => (raw as i32).into(),
                Kind::Uint64 | Kind::Rate => raw.into(),
                _ => (raw as u32).into(),
            }))
        }
    }
}

fn is_set(entry: &Entry, value: &Value, facts: &Facts) -> bool {
    let differs = || entry.pristine.as_ref().is_some_and(|pristine| pristine != value);
    match entry.option.marker {
        Marker::Differs => differs(),
        Marker::DiffersApartFrom(mask) => match (value, &entry.pristine) {
            (Value::Number(value), Some(Value::Number(pristine))) => {
                let mask = if facts.record.tcp.is_some() { i128::from(mask) } else { 0 };
                (value ^ pristine) & !mask != 0
            }
            _ => differs(),
        },
        Marker::DiffersUnlessConnected => differs() && !facts.is_tcp_connection(),
        Marker::IsNot(fact, number) => facts.get(fact).is_some_and(|raw| raw != number),
        Marker::HasBit(fact, mask) => facts.get(fact).is_some_and(|raw| raw & mask != 0),
        Marker::With(function, _) => function(facts),
        Marker::NotEmpty => !is_empty(value),
        Marker::Never => false,
    }
}

/// Whether there is nothing to show.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Number(number) => *number == 0,
        Value::Filter(filter) => *filter == Filter::None,
        Value::Memberships(Memberships { members, .. }) => members.is_empty(),
        Value::Pktinfo { address, ifindex } => address.is_unspecified() && *ifindex == 0,
        Value::Name(name) => name.is_empty(),
        Value::Blob(bytes) => bytes.is_empty(),
        _ => false,
    }
}
