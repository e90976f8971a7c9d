//! Plans which options to show for the sockets of one kind. A plan is made once, so that little work is left
//! for each socket. Most options of most sockets still have their default value, which can be seen from the
//! raw fact without decoding it.

use crate::options::catalogue::CATALOGUE;
use crate::options::context::Context;
use crate::options::defaults::{Answer, Answers};
use crate::options::repeats;
use crate::options::set::SetCheck;
use crate::options::spec::OptionSpec;
use crate::options::value::Value;
use crate::record::fact::{Fact, SECTIONS};
use crate::socket::kind::Family;

/// An option of a socket, with its value.
pub struct OptionValue {
    pub option: &'static OptionSpec,
    pub value: Value,
    /// Whether the option counts as set. False if that is unknown.
    pub set: bool,
}

/// The options that are shown after those that are always shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    None,
    /// All options that are set.
    Set,
    /// All options that are set, except those that repeat another option that is shown.
    SetOnce,
}

/// The options to show for sockets of one kind. The default is none.
#[derive(Default)]
pub struct Plan {
    /// Options that are always shown, in this order.
    always: Vec<PlanEntry>,
    /// Options that are shown if they are set, in the order of the catalogue, without `flags`.
    if_set: Vec<PlanEntry>,
    /// Flags that are shown if they are set, by section. All flags of a section are tested at once.
    flags: [Flags; SECTIONS.len()],
    /// Whether a new socket could be asked for its defaults, and refused no option.
    pub knows_set: bool,
    /// Whether options that are set may be missing, because it is unknown whether they are set.
    pub is_partial: bool,
    /// Whether options that repeat another option are omitted.
    once: bool,
}

/// An option that sockets of this kind have.
struct PlanEntry {
    /// Its index in the catalogue.
    index: usize,
    check: SetCheck,
}

/// The flags of one section. An option is set if its bit differs from that bit of `unset`.
#[derive(Default)]
struct Flags {
    mask: u64,
    unset: u64,
    /// Each bit with the index of its option in the catalogue.
    options: Vec<(u8, usize)>,
}

impl Plan {
    /// Plans to show the options in `always`, given by their indexes in the catalogue, and then the `others`.
    /// `answers` are those of a new socket, if one could be opened. Without them, only options whose marker
    /// needs no default can count as set.
    pub fn new(
        family: Family,
        always: Vec<usize>,
        others: Others,
        answers: Option<&Answers>,
    ) -> Plan {
        let has = |index: &usize| answers.is_none_or(|answers| answers[*index] != Answer::Absent);
        let entry = |index| PlanEntry::new(index, family, answers);
        let mut plan = Plan {
            always: always.iter().copied().filter(has).map(entry).collect(),
            if_set: Vec::new(),
            flags: Default::default(),
            knows_set: answers.is_some_and(|answers| !answers.iter().any(is_refused)),
            is_partial: false,
            once: others == Others::SetOnce,
        };
        plan.is_partial = others != Others::None && !plan.knows_set;
        if others != Others::None {
            let rest = (0..CATALOGUE.len()).filter(|index| !always.contains(index));
            rest.filter(has).for_each(|index| plan.watch(entry(index)));
        }
        plan
    }

    fn watch(&mut self, entry: PlanEntry) {
        match entry.check {
            SetCheck::Never => {}
            SetCheck::Fact { fact: Fact::Flag(section, bit), mask: 1, unset, unless: None } => {
                let flags = &mut self.flags[section as usize];
                flags.mask |= 1 << bit;
                flags.unset |= unset << bit;
                flags.options.push((bit, entry.index));
            }
            _ => self.if_set.push(entry),
        }
    }

    /// Replaces the contents of `shown` by the options to show for a socket.
    pub fn apply(&self, context: &Context, shown: &mut Vec<OptionValue>) {
        shown.clear();
        for entry in &self.always {
            let option = &CATALOGUE[entry.index];
            if let Some(value) = option.decode(context) {
                let set = entry.check.is_set(&value, context);
                shown.push(OptionValue { option, value, set });
            }
        }
        let first = shown.len();
        for entry in self.if_set.iter().filter(|entry| !entry.check.is_ruled_out(context)) {
            let option = &CATALOGUE[entry.index];
            match option.decode(context) {
                Some(value) if entry.check.is_set(&value, context) => {
                    shown.push(OptionValue { option, value, set: true });
                }
                _ => {}
            }
        }
        if self.add_flags(context, shown) {
            // All options are in the catalogue, so that their addresses have its order.
            shown[first..].sort_by_key(|shown| std::ptr::from_ref(shown.option));
        }
        if self.once {
            remove_repeats(shown, first);
        }
    }

    /// Adds the flags that are set. Returns whether there were any.
    fn add_flags(&self, context: &Context, shown: &mut Vec<OptionValue>) -> bool {
        let before = shown.len();
        let sections = SECTIONS.iter().zip(&self.flags);
        for (section, flags) in sections.filter(|(_, flags)| flags.mask != 0) {
            let Some((has, on)) = section.flags(context.record()) else {
                continue;
            };
            let set = (on ^ flags.unset) & flags.mask & has;
            if set == 0 {
                continue;
            }
            for (_, index) in flags.options.iter().filter(|(bit, _)| set >> bit & 1 != 0) {
                let option = &CATALOGUE[*index];
                if let Some(value) = option.decode(context) {
                    shown.push(OptionValue { option, value, set: true });
                }
            }
        }
        shown.len() > before
    }
}

/// Removes options that repeat another option that is shown. Starts at index `first`.
fn remove_repeats(shown: &mut Vec<OptionValue>, first: usize) {
    for index in (first..shown.len()).rev() {
        let OptionValue { option, value, .. } = &shown[index];
        let is_shown = |name: &str| shown.iter().any(|it| it.option.name == name);
        if repeats::says_nothing(option.name, value, is_shown) {
            shown.remove(index);
        }
    }
}

fn is_refused(answer: &Answer) -> bool {
    matches!(answer, Answer::Refused(_))
}

impl PlanEntry {
    fn new(index: usize, family: Family, answers: Option<&Answers>) -> PlanEntry {
        let option = &CATALOGUE[index];
        let default = match answers.map(|answers| &answers[index]) {
            Some(Answer::Value(value)) => Some(value),
            _ => None,
        };
        PlanEntry {
            index,
            check: SetCheck::new(option.marker, option.single_fact(), family, default),
        }
    }
}
