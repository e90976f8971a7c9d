//! What is shown of the sockets of one kind, worked out once, so that little is left to do for each
//! socket: most options of most sockets are as they always were, and one look at the raw fact tells.

use crate::options::catalogue::{Marker, OptionSpec, Read, CATALOGUE};
use crate::options::decode::Facts;
use crate::options::defaults::{Answer, Answers};
use crate::options::value::{Filter, Kind, Memberships, Value};
use crate::record::fact::{Fact, SECTIONS};
use crate::socket::kind::Family;

/// The bits of IP_TOS and IPV6_TCLASS that ECN has: RFC 3168.
const ECN: u64 = 3;

/// An option of a socket, to be shown.
pub struct Shown {
    pub option: &'static OptionSpec,
    pub value: Value,
    pub set: bool,
}

/// What is shown of the sockets of one kind; by default nothing.
#[derive(Default)]
pub struct Plan {
    /// Shown in any case, in this order.
    always: Vec<Entry>,
    /// Shown when set, in the order of the catalogue; without the flags below.
    if_set: Vec<Entry>,
    /// Flags that are shown when set, of which one look tells whether any is; by section.
    flags: [Flags; SECTIONS.len()],
    /// Whether there was a pristine socket to compare with.
    pub knows_set: bool,
}

/// An option that sockets of this kind have.
struct Entry {
    /// Its place in the catalogue.
    index: usize,
    check: Check,
}

/// How to tell whether an option is set.
enum Check {
    /// Never.
    Never,
    /// The fact, in these bits, is not this number.
    Raw { fact: Fact, mask: u64, calm: u64 },
    /// The same, but where the function says so it tells nothing.
    RawUnless { fact: Fact, mask: u64, calm: u64, unless: fn(&Facts) -> bool },
    /// A function knows.
    With(fn(&Facts) -> bool),
    /// The value is not that of a pristine socket.
    Differs(Value),
    /// The same, but where the function says so it tells nothing.
    DiffersUnless(Value, fn(&Facts) -> bool),
    /// There is something.
    NotEmpty,
}

/// The flags of one section that are set when they are not as here.
#[derive(Default)]
struct Flags {
    mask: u64,
    calm: u64,
    /// The option of each bit.
    options: Vec<(u8, usize)>,
}

impl Plan {
    /// Made of the options that are `always` shown, by their places in the catalogue, and whether
    /// all others are when they are set. `answers` are those of a pristine socket, if there was one.
    pub fn new(
        family: Family,
        always: Vec<usize>,
        others_if_set: bool,
        answers: Option<&Answers>,
    ) -> Plan {
        let has = |index: &usize| answers.is_none_or(|answers| answers[*index] != Answer::Absent);
        let mut plan = Plan {
            always: always
                .iter()
                .copied()
                .filter(has)
                .map(|n| Entry::new(n, family, answers))
                .collect(),
            if_set: Vec::new(),
            flags: Default::default(),
            knows_set: answers.is_some(),
        };
        if others_if_set && plan.knows_set {
            let others = (0..CATALOGUE.len()).filter(|index| !always.contains(index));
            others.filter(has).for_each(|index| plan.watch(Entry::new(index, family, answers)));
        }
        plan
    }

    fn watch(&mut self, entry: Entry) {
        match entry.check {
            Check::Never => {}
            Check::Raw { fact: Fact::Flag(section, bit), mask: 1, calm } => {
                let flags = &mut self.flags[section as usize];
                flags.mask |= 1 << bit;
                flags.calm |= calm << bit;
                flags.options.push((bit, entry.index));
            }
            _ => self.if_set.push(entry),
        }
    }

    /// Puts what is to be shown of a socket into `shown`.
    pub fn apply(&self, facts: &Facts, shown: &mut Vec<Shown>) {
        shown.clear();
        for entry in &self.always {
            let option = &CATALOGUE[entry.index];
            if let Some(value) = read(option, facts) {
                let set = self.knows_set && entry.check.is_set(&value, facts);
                shown.push(Shown { option, value, set });
            }
        }
        let first = shown.len();
        for entry in &self.if_set {
            if entry.check.is_calm(facts) {
                continue;
            }
            let option = &CATALOGUE[entry.index];
            match read(option, facts) {
                Some(value) if entry.check.is_set(&value, facts) => {
                    shown.push(Shown { option, value, set: true });
                }
                _ => {}
            }
        }
        if self.add_flags(facts, shown) {
            // Options lie in the order of the catalogue.
            shown[first..].sort_by_key(|shown| std::ptr::from_ref(shown.option));
        }
    }

    /// Adds the flags that are set; whether there were any.
    fn add_flags(&self, facts: &Facts, shown: &mut Vec<Shown>) -> bool {
        let before = shown.len();
        for (section, flags) in SECTIONS.iter().zip(&self.flags) {
            let Some((has, on)) = section.flags(facts.record) else {
                continue;
            };
            let stirred = (on ^ flags.calm) & flags.mask & has;
            if stirred == 0 {
                continue;
            }
            for (_, index) in flags.options.iter().filter(|(bit, _)| stirred >> bit & 1 != 0) {
                let option = &CATALOGUE[*index];
                if let Some(value) = read(option, facts) {
                    shown.push(Shown { option, value, set: true });
                }
            }
        }
        shown.len() > before
    }
}

impl Entry {
    fn new(index: usize, family: Family, answers: Option<&Answers>) -> Entry {
        let pristine = match answers.map(|answers| &answers[index]) {
            Some(Answer::Value(value)) => Some(value),
            _ => None,
        };
        Entry { index, check: Check::new(&CATALOGUE[index], family, pristine) }
    }
}

impl Check {
    fn new(option: &OptionSpec, family: Family, pristine: Option<&Value>) -> Check {
        let all = u64::MAX;
        match (option.marker, pristine) {
            (Marker::Never, _) => Check::Never,
            (Marker::IsNot(fact, calm), _) => Check::Raw { fact, mask: all, calm },
            (Marker::HasBit(fact, mask), _) => Check::Raw { fact, mask, calm: 0 },
            (Marker::With(function, _), _) => Check::With(function),
            (Marker::NotEmpty, _) => match single_fact(option) {
                Some((fact, mask)) => Check::Raw { fact, mask, calm: 0 },
                None => Check::NotEmpty,
            },
            // With nothing to compare it with, nobody knows.
            (_, None) => Check::Never,
            (marker, Some(value)) => {
                let (Some((fact, mask)), Value::Number(calm)) = (single_fact(option), value) else {
                    return match marker {
                        Marker::DiffersUnless(unless, _) => {
                            Check::DiffersUnless(value.clone(), unless)
                        }
                        _ => Check::Differs(value.clone()),
                    };
                };
                let is_tcp = matches!(family, Family::Tcp | Family::Mptcp);
                let ecn = match marker {
                    Marker::DiffersApartFromEcn if is_tcp || family == Family::Sctp => ECN,
                    _ => 0,
                };
                let mask = mask & !ecn;
                let calm = *calm as u64 & mask;
                match marker {
                    Marker::DiffersUnless(unless, _) => {
                        Check::RawUnless { fact, mask, calm, unless }
                    }
                    Marker::DiffersApartFromEcn => {
                        Check::RawUnless { fact, mask, calm, unless: |facts| facts.reflects_tos() }
                    }
                    _ => Check::Raw { fact, mask, calm },
                }
            }
        }
    }

    /// Whether one look tells that the option is not set.
    fn is_calm(&self, facts: &Facts) -> bool {
        match self {
            Check::Raw { .. } | Check::RawUnless { .. } => !self.is_set(&Value::Number(0), facts),
            Check::With(function) => !function(facts),
            Check::Never => true,
            Check::DiffersUnless(_, unless) => unless(facts),
            Check::Differs(_) | Check::NotEmpty => false,
        }
    }

    fn is_set(&self, value: &Value, facts: &Facts) -> bool {
        let stirred = |fact, mask, calm| facts.get(fact).is_some_and(|raw| raw & mask != calm);
        match *self {
            Check::Never => false,
            Check::Raw { fact, mask, calm } => stirred(fact, mask, calm),
            Check::RawUnless { fact, mask, calm, unless } => {
                stirred(fact, mask, calm) && !unless(facts)
            }
            Check::With(function) => function(facts),
            Check::Differs(ref pristine) => value != pristine,
            Check::DiffersUnless(ref pristine, unless) => value != pristine && !unless(facts),
            Check::NotEmpty => !is_empty(value),
        }
    }
}

/// The fact that alone makes the value, and the bits of it that do.
fn single_fact(option: &OptionSpec) -> Option<(Fact, u64)> {
    match (option.read, option.facts) {
        (Read::Fact, &[fact @ Fact::Flag(..)]) => Some((fact, 1)),
        (Read::Fact, &[fact]) => Some((fact, width(option.kind))),
        _ => None,
    }
}

/// The bits of a raw number that its kind has.
fn width(kind: Kind) -> u64 {
    match kind {
        Kind::Uint64 | Kind::Rate => u64::MAX,
        _ => u32::MAX.into(),
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
                kind => (raw & width(kind)).into(),
            }))
        }
    }
}

/// Whether there is nothing to show.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Number(number) => *number == 0,
        Value::Filter(filter) => *filter == Filter::None,
        Value::Memberships(Memberships { members, .. }) => members.is_empty(),
        Value::Groups { numbers, cut } => numbers.is_empty() && !cut,
        Value::Pktinfo { address, ifindex } => address.is_unspecified() && *ifindex == 0,
        Value::Name(name) => name.is_empty(),
        Value::Blob(bytes) => bytes.is_empty(),
        Value::Struct(members) => members.iter().all(|(_, number)| *number == 0),
        Value::PacketMemberships(memberships) => memberships.members.is_empty(),
        _ => false,
    }
}
