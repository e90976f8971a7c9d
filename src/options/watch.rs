//! Finds out which options may have another value than on the socket before: those that depend on a fact that has
//! changed. Most sockets of a host have most options in common.

use crate::options::context::{Context, Outline};
use crate::record::fact::{Fact, Section};
use crate::record::Record;

/// What an option depends on.
pub struct Dependency<'a> {
    /// The facts that it is decoded from, and those that decide whether it is set.
    pub facts: [&'a [Fact]; 2],
    /// Whether it depends on a single number alone, and on nothing else that a context has.
    pub is_number: bool,
}

/// The facts that the options of a plan depend on, as they were on the last socket. Options are the numbers of their
/// entries in the plan.
#[derive(Default)]
pub struct Watch {
    sections: Vec<Watched>,
    /// The options that depend on more than facts.
    others: Vec<usize>,
    /// The options that depend on no fact. They are always read.
    without_facts: Vec<usize>,
    /// `None` before the first socket.
    outline: Option<Outline>,
}

/// The facts of a section that options depend on.
struct Watched {
    section: Section,
    flags: Facts,
    values: Facts,
    /// The names and other bytes behind the values.
    rest: Vec<u64>,
}

/// The flags or the values of a section.
#[derive(Default)]
struct Facts {
    /// A bit for each fact that an option depends on.
    mask: u64,
    /// The facts that options depend on.
    numbers: Vec<u8>,
    /// The options that depend on each of `numbers`.
    options: Vec<Vec<usize>>,
    /// Which facts the last socket had.
    has: u64,
    /// The flags in one word, or the value of each of `numbers`.
    last: Vec<u64>,
}

/// The options that have to be read again.
#[derive(Debug, PartialEq, Eq)]
pub enum Changes {
    /// All, because the socket has other facts than the one before, or there was none.
    All,
    /// Those that were listed.
    Listed,
}

impl Watch {
    /// Adds an option.
    pub fn add(&mut self, option: usize, on: &Dependency) {
        if !on.is_number {
            self.others.push(option);
        }
        if on.facts.iter().all(|facts| facts.is_empty()) {
            self.without_facts.push(option);
        }
        on.facts.iter().copied().flatten().for_each(|fact| self.add_fact(option, *fact));
    }

    fn add_fact(&mut self, option: usize, fact: Fact) {
        let (Fact::Flag(section, n) | Fact::Value(section, n)) = fact;
        let place = self.sections.iter().position(|it| it.section == section);
        let place = place.unwrap_or_else(|| {
            let (flags, values) = (Facts::default(), Facts::default());
            self.sections.push(Watched { section, flags, values, rest: Vec::new() });
            self.sections.len() - 1
        });
        let watched = &mut self.sections[place];
        let facts =
            if matches!(fact, Fact::Flag(..)) { &mut watched.flags } else { &mut watched.values };
        facts.add(option, n);
    }

    /// Lists the options that have to be read again, in their order. The socket is then the last one.
    pub fn changes(&mut self, context: &Context, list: &mut Vec<usize>) -> Changes {
        list.clear();
        let outline = Some(context.outline());
        let before = std::mem::replace(&mut self.outline, outline);
        let (mut is_known, mut is_other) = (true, before != outline || context.has_items());
        match (before, outline) {
            (Some(before), Some(outline)) if before.has_sections_of(&outline) => {}
            _ => is_known = false,
        }
        for watched in &mut self.sections {
            let (knows, has_other_rest) = watched.changes(context.record(), list);
            is_known &= knows;
            is_other |= has_other_rest;
        }
        if !is_known {
            return Changes::All;
        }
        list.extend_from_slice(if is_other { &self.others } else { &self.without_facts });
        list.sort_unstable();
        list.dedup();
        Changes::Listed
    }
}

impl Watched {
    /// Adds the options whose facts have changed. Returns whether these are the same facts as before, and whether the rest
    /// of the section has changed.
    fn changes(&mut self, record: &Record, list: &mut Vec<usize>) -> (bool, bool) {
        let (Some((has_flags, on)), Some((has_values, values))) =
            (record.flags(self.section), record.values(self.section))
        else {
            return (true, false);
        };
        let rest = record.rest(self.section);
        // Some words. For slices, memcmp(3) would be called, which takes longer: see SetCheck::differs().
        let is_other = !self.rest.iter().eq(rest);
        if is_other {
            self.rest.clear();
            self.rest.extend_from_slice(rest);
        }
        let knows_flags = self.flags.has(has_flags);
        self.flags.flag_changes(on, list);
        let knows_values = self.values.has(has_values);
        self.values.value_changes(values, list);
        (knows_flags && knows_values, is_other)
    }
}

impl Facts {
    fn add(&mut self, option: usize, n: u8) {
        self.mask |= 1 << n;
        match self.numbers.iter().position(|known| *known == n) {
            Some(place) => self.options[place].push(option),
            None => {
                self.numbers.push(n);
                self.options.push(vec![option]);
            }
        }
    }

    /// Notes which facts the socket has. Returns whether the last one had the same.
    fn has(&mut self, has: u64) -> bool {
        let has = has & self.mask;
        std::mem::replace(&mut self.has, has) == has
    }

    fn flag_changes(&mut self, on: u64, list: &mut Vec<usize>) {
        self.last.resize(1, 0);
        let changed = std::mem::replace(&mut self.last[0], on) ^ on;
        if changed & self.mask == 0 {
            return;
        }
        for (n, options) in self.numbers.iter().zip(&self.options) {
            if changed >> n & 1 != 0 {
                list.extend(options);
            }
        }
    }

    fn value_changes(&mut self, values: &[u64], list: &mut Vec<usize>) {
        self.last.resize(self.numbers.len(), 0);
        for (place, (n, last)) in self.numbers.iter().zip(&mut self.last).enumerate() {
            let value = values.get(usize::from(*n)).copied().unwrap_or_default();
            if *last != value {
                *last = value;
                list.extend(&self.options[place]);
            }
        }
    }
}
