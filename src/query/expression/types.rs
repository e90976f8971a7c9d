//! The types of what can be asked for, from THE TABLES of columns and options. A type decides which values
//! are accepted and which comparisons make sense.

use super::subject::Subject;
use crate::options::catalogue::CATALOGUE;
use crate::options::constants::{self, Words};
use crate::options::kind::ValueKind;
use crate::options::spec::OptionSpec;
use crate::query::columns::{Column, ColumnType};
use crate::query::datum::microseconds_in;
use crate::query::key::Key;

/// The type of a subject.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// On or off.
    Switch,
    Number(Unit),
    /// A time, and the microseconds that a number without a unit counts. Whether it can be off or never end.
    Time {
        unit: i128,
        off: bool,
        never: bool,
    },
    /// One of these words.
    Word(Vec<&'static str>),
    /// A number with a word.
    Enumeration(Words),
    /// A set of bits with words.
    Flags(Words),
    Errno,
    State,
    Port,
    /// One end of a socket.
    End,
    /// The address of one end.
    Host,
    Interface,
    User,
    /// A point in time.
    Moment,
    /// A name from outside.
    Name,
    /// The name of an option.
    OptionName,
    /// Anything else, which is compared as it is printed. Options have their words in any case.
    Printed {
        any_case: bool,
    },
    /// Numbers, of which one is compared, or all as they are printed.
    Numbers,
}

/// The unit of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    None,
    Bytes,
    /// Bytes per second, or unlimited.
    Rate,
    /// None, and a mask may select the bits that count.
    Mark,
}

impl Type {
    /// The type of a subject.
    pub fn of(subject: Subject) -> Type {
        match subject {
            Subject::EitherPort => Type::Port,
            Subject::EitherEnd => Type::End,
            Subject::Key(Key::Column(column)) => of_column(column),
            Subject::Key(Key::Option(index) | Key::Versions(index, _)) => {
                of_kind(CATALOGUE[index].kind)
            }
            Subject::Key(Key::Member(index, name)) => of_member(&CATALOGUE[index], name),
        }
    }

    /// Whether one value can be larger than another.
    pub fn is_ordered(&self) -> bool {
        matches!(
            self,
            Type::Number(_)
                | Type::Numbers
                | Type::Time { .. }
                | Type::Moment
                | Type::Port
                | Type::User
        )
    }

    /// Whether names are compared as they are, and not as words in any case.
    pub fn is_from_outside(&self) -> bool {
        matches!(
            self,
            Type::Name
                | Type::Interface
                | Type::End
                | Type::Host
                | Type::Printed { any_case: false }
        )
    }
}

fn of_column(column: Column) -> Type {
    match column.column_type() {
        ColumnType::Number | ColumnType::Numbers => Type::Number(Unit::None),
        ColumnType::Bytes => Type::Number(Unit::Bytes),
        ColumnType::Switches => Type::Switch,
        ColumnType::Word(words) => Type::Word(words()),
        ColumnType::State => Type::State,
        ColumnType::Port => Type::Port,
        ColumnType::User | ColumnType::Users => Type::User,
        ColumnType::Moments => Type::Moment,
        ColumnType::Interface => Type::Interface,
        ColumnType::Text | ColumnType::Texts | ColumnType::Texted | ColumnType::List => Type::Name,
        ColumnType::OptionNames => Type::OptionName,
        ColumnType::Address => Type::End,
        ColumnType::Host => Type::Host,
        ColumnType::Timer => Type::Time { unit: 1_000_000, off: false, never: false },
        ColumnType::Time => Type::Time { unit: 1_000_000, off: false, never: true },
        ColumnType::Object => Type::Printed { any_case: false },
    }
}

fn of_kind(kind: ValueKind) -> Type {
    if let Some(unit) = microseconds_in(kind) {
        return Type::Time { unit, off: kind == ValueKind::Linger, never: false };
    }
    match kind {
        ValueKind::Bool => Type::Switch,
        ValueKind::Bytes => Type::Number(Unit::Bytes),
        ValueKind::Rate => Type::Number(Unit::Rate),
        ValueKind::Uint | ValueKind::Mask => Type::Number(Unit::Mark),
        ValueKind::Int | ValueKind::Uint64 | ValueKind::PortNetworkOrder => {
            Type::Number(Unit::None)
        }
        ValueKind::Groups => Type::Numbers,
        ValueKind::Ifindex | ValueKind::IfindexNetworkOrder => Type::Interface,
        ValueKind::Errno => Type::Errno,
        ValueKind::Enum(words) => Type::Enumeration(words),
        ValueKind::Flags(words) => Type::Flags(words),
        ValueKind::Timestamping => Type::Flags(constants::TIMESTAMPING),
        ValueKind::Name => Type::Name,
        _ => Type::Printed { any_case: true },
    }
}

/// The type of a member of a structure.
fn of_member(option: &OptionSpec, name: &str) -> Type {
    match (option.kind, name) {
        (ValueKind::Linger, "l_onoff") => return Type::Switch,
        (ValueKind::Timestamping, "flags") => return Type::Flags(constants::TIMESTAMPING),
        (ValueKind::Txtime, "flags") => return Type::Flags(constants::TXTIME),
        (ValueKind::Txtime, "clockid") => return Type::Enumeration(constants::CLOCKS),
        (ValueKind::Tls, "version") => return Type::Enumeration(constants::TLS_VERSIONS),
        (ValueKind::Tls, "cipher_type") => return Type::Enumeration(constants::TLS_CIPHERS),
        _ => {}
    }
    match option.kind {
        ValueKind::Struct(layout) => {
            let member = layout.iter().find(|member| member.name == name);
            // A member is compared as the number that JSON has.
            match member.map(|member| member.kind) {
                Some(ValueKind::Enum(words)) => Type::Enumeration(words),
                Some(ValueKind::Flags(words)) => Type::Flags(words),
                _ => Type::Number(Unit::None),
            }
        }
        _ => Type::Number(Unit::None),
    }
}

/// Whether an option of this kind can be asked for by its name alone, because it is on or off.
pub fn is_switch(kind: ValueKind) -> bool {
    match kind {
        ValueKind::Enum(words) => words.contains(&(0, "0")) && words.contains(&(1, "1")),
        kind => matches!(
            kind,
            ValueKind::Bool
                | ValueKind::Keys
                | ValueKind::Linger
                | ValueKind::Txtime
                | ValueKind::Program
                | ValueKind::Name
                | ValueKind::Ifindex
                | ValueKind::IfindexNetworkOrder
                | ValueKind::Pktinfo
                | ValueKind::Blob
                | ValueKind::Memberships
                | ValueKind::PacketMemberships
                | ValueKind::Groups
                | ValueKind::Fanout
        ),
    }
}
