//! What is shown of the sockets of one kind, worked out once, so that little is left to do for each
//! socket: most options of most sockets are as they always were, and one look at the raw fact shows it.

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
    /// Whether it counts as set; false where nobody knows.
    pub set: bool,
}

/// Which options are shown after those that always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    None,
    /// All that are set.
    Set,
    /// Those that are set, without what repeats another option that is shown.
    SetOnce,
}

/// What is shown of the sockets of one kind; by default nothing.
#[derive(Default)]
pub struct Plan {
    /// Shown in any case, in this order.
    always: Vec<PlanEntry>,
    /// Shown when set, in the order of the catalogue; without the flags below.
    if_set: Vec<PlanEntry>,
    /// Flags that are shown when set, of which one look shows whether any is; by section.
    flags: [Flags; SECTIONS.len()],
    /// Whether there was a new socket to compare with, which answered.
    pub knows_set: bool,
    /// Whether options that are set may be missing, because that is not known.
    pub is_partial: bool,
    /// Whether what repeats another option is left out.
    once: bool,
}

/// An option that sockets of this kind have.
struct PlanEntry {
    /// Its index in the catalogue.
    index: usize,
    check: SetCheck,
}

/// The flags of one section that are set when they differ from those of an unset option.
#[derive(Default)]
struct Flags {
    mask: u64,
    unset: u64,
    /// The option of each bit.
    options: Vec<(u8, usize)>,
}

impl Plan {
    /// Made of the options that are `always` shown, by their indexes in the catalogue, and of the
    /// `others` when they are set. `answers` are those of a new socket, if there was one; without
    /// them, only what has a mark of the kernel counts as set.
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

    /// Puts what is to be shown of a socket into `shown`.
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
            // Options lie in the order of the catalogue.
            shown[first..].sort_by_key(|shown| std::ptr::from_ref(shown.option));
        }
        if self.once {
            remove_repeats(shown, first);
        }
    }

    /// Adds the flags that are set; whether there were any.
    fn add_flags(&self, context: &Context, shown: &mut Vec<OptionValue>) -> bool {
        let before = shown.len();
        for (section, flags) in SECTIONS.iter().zip(&self.flags) {
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

/// Removes what says nothing beside another option that is shown, from the place `first` on.
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
