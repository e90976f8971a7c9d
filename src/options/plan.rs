//! Plans which options to show for the sockets of one kind, and reads them. A plan is made once, and remembers the
//! options of the last socket, so that little work is left for each socket: most options have the same value there.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::options::catalogue::CATALOGUE;
use crate::options::context::Context;
use crate::options::decode;
use crate::options::defaults::{Answer, Answers};
use crate::options::kind::ValueKind;
use crate::options::repeats;
use crate::options::set::SetCheck;
use crate::options::spec::OptionSpec;
use crate::options::value::Value;
use crate::options::watch::{Changes, Dependency, Watch};
use crate::record::fact::Fact;
use crate::socket::kind::Family;

/// An option of a socket, with its value.
pub struct OptionValue {
    pub option: &'static OptionSpec,
    pub value: Value,
    /// Whether the option counts as set. False if that is unknown.
    pub set: bool,
    /// Two with the same number are one and the same.
    pub number: u64,
}

impl OptionValue {
    /// Creates one with a new number.
    pub fn new(option: &'static OptionSpec, value: Value, set: bool) -> OptionValue {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        OptionValue { option, value, set, number: NUMBERS.fetch_add(1, Ordering::Relaxed) }
    }

    /// Whether another one is certainly the same in every output.
    pub fn is_same(&self, other: &OptionValue) -> bool {
        self.number == other.number
            || std::ptr::eq(self.option, other.option)
                && self.set == other.set
                && self.value.is_same(&other.value)
    }
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

/// The options to show for sockets of one kind, and those of the last socket. The default is none.
#[derive(Default)]
pub struct Plan {
    /// Options that are always shown, in this order, and then those that are shown if they are set, in the order of the
    /// catalogue.
    entries: Vec<PlanEntry>,
    /// The number of those that are always shown.
    always: usize,
    /// Whether a new socket could be asked for its defaults, and refused no option.
    pub knows_set: bool,
    /// Whether options that are set may be missing, because it is unknown whether they are set.
    pub is_partial: bool,
    /// Whether options that repeat another option are omitted.
    once: bool,
    watch: Watch,
    /// The options of the last socket that has sections.
    shown: Vec<OptionValue>,
    /// Whether the last socket has none, as a mini-socket.
    is_bare: bool,
    /// The entries that have to be read again.
    changed: Vec<usize>,
}

/// An option that sockets of this kind have.
struct PlanEntry {
    option: &'static OptionSpec,
    check: SetCheck,
    /// The fact that alone decides its value and whether it is set, if there is one.
    fact: Option<Fact>,
    /// Where the last socket has it in `shown`, if it is always shown.
    place: Option<usize>,
    /// Whether it is set on the last socket, if it is only shown then.
    is_set: bool,
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
            entries: always.iter().copied().filter(has).map(entry).collect(),
            knows_set: answers.is_some_and(|answers| !answers.iter().any(is_refused)),
            once: others == Others::SetOnce,
            ..Plan::default()
        };
        plan.always = plan.entries.len();
        plan.is_partial = others != Others::None && !plan.knows_set;
        if others != Others::None {
            let rest = (0..CATALOGUE.len()).filter(|index| !always.contains(index));
            let rest = rest.filter(|index| CATALOGUE[*index].may_be_of(family));
            let rest = rest.filter(has).map(entry);
            plan.entries.extend(rest.filter(|entry| !matches!(entry.check, SetCheck::Never)));
        }
        for (n, entry) in plan.entries.iter().enumerate() {
            plan.watch.add(n, &entry.dependency());
        }
        plan
    }

    /// Reads the options of a socket.
    pub fn read(&mut self, context: &Context) {
        self.is_bare = !context.has_sections();
        if self.is_bare {
            return;
        }
        match self.watch.changes(context, &mut self.changed) {
            Changes::Listed if self.read_changed(context) => {}
            _ => self.read_all(context),
        }
    }

    /// The options to show for the socket that was read last.
    pub fn shown(&self) -> &[OptionValue] {
        if self.is_bare {
            &[]
        } else {
            &self.shown
        }
    }

    fn read_all(&mut self, context: &Context) {
        self.shown.clear();
        let (always, others) = self.entries.split_at_mut(self.always);
        for entry in always {
            let shown = entry.read(context);
            entry.place = shown.is_some().then_some(self.shown.len());
            self.shown.extend(shown);
        }
        for entry in others {
            let shown = entry.read_if_set(context);
            entry.is_set = shown.is_some();
            self.shown.extend(shown);
        }
        self.remove_repeats();
    }

    /// Reads the entries that have changed. Returns whether these are all that has to be read: not if one that is always
    /// shown has come or gone.
    fn read_changed(&mut self, context: &Context) -> bool {
        let mut are_others_changed = false;
        for n in &self.changed {
            let entry = &mut self.entries[*n];
            if *n >= self.always {
                let was_set = entry.is_set;
                entry.is_set = entry.read_if_set(context).is_some();
                are_others_changed |= entry.is_set || was_set;
                continue;
            }
            match (entry.place, entry.read(context)) {
                (Some(place), Some(shown)) if !shown.is_same(&self.shown[place]) => {
                    self.shown[place] = shown;
                }
                (Some(_), Some(_)) | (None, None) => {}
                _ => return false,
            }
        }
        if are_others_changed {
            self.read_others(context);
        }
        true
    }

    /// Reads the options that are shown because they are set.
    fn read_others(&mut self, context: &Context) {
        let (always, others) = self.entries.split_at(self.always);
        self.shown.truncate(always.iter().filter(|entry| entry.place.is_some()).count());
        let set = others.iter().filter(|entry| entry.is_set);
        self.shown.extend(set.filter_map(|entry| entry.read_if_set(context)));
        self.remove_repeats();
    }

    /// Removes options that repeat another option that is shown, if that is wanted.
    fn remove_repeats(&mut self) {
        if !self.once {
            return;
        }
        let always = self.entries[..self.always].iter().filter(|entry| entry.place.is_some());
        for index in (always.count()..self.shown.len()).rev() {
            let OptionValue { option, value, .. } = &self.shown[index];
            let is_shown = |name: &str| self.shown.iter().any(|it| it.option.name == name);
            if repeats::says_nothing(option.name, value, is_shown) {
                self.shown.remove(index);
            }
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
        let single = option.single_fact();
        let check = SetCheck::new(option.marker, single, family, default);
        let fact = single.map(|(fact, _)| fact).filter(|fact| check.is_of(*fact));
        PlanEntry { option, check, fact, place: None, is_set: false }
    }

    fn dependency(&self) -> Dependency<'static> {
        let is_interface =
            matches!(self.option.kind, ValueKind::Ifindex | ValueKind::IfindexNetworkOrder);
        Dependency {
            facts: [self.option.facts(), self.option.marker.facts()],
            is_number: self.fact.is_some() && !is_interface,
        }
    }

    /// The option of a socket, if this kernel and this socket have it.
    fn read(&self, context: &Context) -> Option<OptionValue> {
        // Most options are of this kind. A row with all options takes 32,000 instructions instead of 35,000.
        if let Some(fact) = self.fact {
            let raw = context.get(fact)?;
            let value = decode::number(context, self.option.kind, raw);
            return Some(OptionValue::new(self.option, value, self.check.is_set_by(raw)));
        }
        let value = self.option.decode(context)?;
        let set = self.check.is_set(&value, context);
        Some(OptionValue::new(self.option, value, set))
    }

    /// The option of a socket, if it is set.
    fn read_if_set(&self, context: &Context) -> Option<OptionValue> {
        if self.check.is_ruled_out(context) {
            return None;
        }
        let value = self.option.decode(context)?;
        self.check.is_set(&value, context).then(|| OptionValue::new(self.option, value, true))
    }
}
