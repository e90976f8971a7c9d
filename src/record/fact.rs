//! The facts of bpf/options.h by name, and how they are read from a record.

use crate::kernel::request::FactPlace;
use crate::record::section::Record;
pub use crate::record::section::{Section, Sections, COUNTS, SECTIONS};

/// A fact: the number of a flag or value in a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    Flag(Section, u8),
    Value(Section, u8),
}

impl Fact {
    /// Where the programs find the fact: the number of its section, and its place there.
    pub fn place(self) -> (u32, FactPlace) {
        match self {
            Fact::Flag(section, n) => (section as u32, FactPlace::Flag(n)),
            Fact::Value(section, n) => (section as u32, FactPlace::Value(n)),
        }
    }

    /// The section that the fact is in.
    fn section(self) -> Section {
        match self {
            Fact::Flag(section, _) | Fact::Value(section, _) => section,
        }
    }

    /// Reads the fact from a record. Returns `None` if the kernel or this socket does not have it.
    // Without the hint here and in what it calls, a row takes 4 % more instructions.
    #[inline]
    pub fn of(self, record: &Record) -> Option<u64> {
        match self {
            Fact::Flag(section, n) => {
                let (has, on) = record.flags(section)?;
                (has >> n & 1 != 0).then_some(on >> n & 1)
            }
            Fact::Value(section, n) => {
                let (has, values) = record.values(section)?;
                values.get(usize::from(n)).copied().filter(|_| has >> n & 1 != 0)
            }
        }
    }
}

/// The sections that these facts are in.
pub fn sections(facts: &[Fact]) -> Sections {
    facts.iter().map(|fact| fact.section().into()).collect()
}

/// `flag!(SOCKET SO_DEBUG)`: the fact of that FLAG line. A name that is not in options.h is a compile error.
macro_rules! flag {
    ($level:ident $name:ident) => {
        $crate::record::fact::Fact::Flag(
            $crate::record::section::$level::SECTION,
            $crate::record::section::$level::Flag::$name.0 as u8,
        )
    };
}

/// `value!(SOCKET SO_MARK)`: the fact of that VALUE line.
macro_rules! value {
    ($level:ident $name:ident) => {
        $crate::record::fact::Fact::Value(
            $crate::record::section::$level::SECTION,
            $crate::record::section::$level::Value::$name.0 as u8,
        )
    };
}

pub(crate) use {flag, value};
