//! Where the value of an option comes from: a program, a sysctl, or the kernel.

use std::fmt;
use std::sync::LazyLock;

use crate::host::Host;
use crate::options::catalogue::{index_of, CATALOGUE};
use crate::options::defaults::{Answer, Answers};
use crate::options::plan::OptionValue;
use crate::options::reference::sysctls::{self, Role, Sysctl};
use crate::options::set::Marker;
use crate::options::text::Text;
use crate::options::value::Value;
use crate::socket::kind::SocketKind;
use crate::text::Escaped;

/// Where a value comes from.
#[derive(Debug, PartialEq)]
pub enum Origin {
    /// A program has set it, on this socket or on the listening socket that accepted it.
    Set,
    /// It is that of a new socket of the same kind, which these sysctls determine, if there are any.
    Default(Vec<Source>),
    /// The kernel records programs that set it, and none has. A new socket has another value now.
    NotSet(String),
    /// A new socket has another value, and the kernel may have changed this one itself.
    Changed(String),
    /// A program cannot set it, or the kernel keeps changing it.
    Kernel,
    /// No new socket could be asked.
    Unknown,
}

/// A sysctl that determines a default.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    sysctl: Sysctl,
    /// Its value in the network namespace of the socket, if that is known.
    value: Option<String>,
}

/// The sysctls of each option, in the order of the catalogue. A run looks them up for each option of each socket.
static SYSCTLS: LazyLock<Vec<Vec<Sysctl>>> =
    LazyLock::new(|| CATALOGUE.iter().map(|it| sysctls::of(it.name).collect()).collect());

/// Finds out where the value of an option of a socket comes from. `answers` are those of a new socket.
pub fn of(shown: &OptionValue, kind: SocketKind, answers: Option<&Answers>, host: &Host) -> Origin {
    let option = shown.option;
    let index = index_of(option);
    let answer = answers.zip(index).and_then(|(answers, index)| answers.get(index));
    let new = match answer {
        Some(Answer::Value(value)) => Some(value),
        _ => None,
    };
    match (shown.set, &option.marker, new) {
        (true, ..) => Origin::Set,
        (_, Marker::Never, _) => Origin::Kernel,
        (_, _, Some(new)) if *new == shown.value => Origin::Default(sources(shown, kind, host)),
        (_, marker, Some(new)) => {
            let new = match Text(new, option.kind).to_string() {
                empty if empty.is_empty() => "-".into(),
                new => new,
            };
            match marker.is_recorded() {
                true => Origin::NotSet(new),
                false => Origin::Changed(new),
            }
        }
        // A socket that is not new may have the option, such as one with TLS.
        (_, Marker::NotEmpty | Marker::IsNot(..) | Marker::When(_), None) => {
            Origin::Default(Vec::new())
        }
        (_, _, None) => Origin::Unknown,
    }
}

/// The sysctls that determine the value, or that apply in place of an option that is not set.
fn sources(shown: &OptionValue, kind: SocketKind, host: &Host) -> Vec<Source> {
    let applies = |sysctl: &Sysctl| match sysctl.role {
        Role::Default => true,
        Role::Unset => is_unset(&shown.value),
        Role::Limit | Role::Other => false,
    };
    let all = index_of(shown.option).map_or(&[][..], |index| &SYSCTLS[index]);
    let known = all.iter().copied().filter(applies).filter(|sysctl| sysctl.is_for(kind));
    let source =
        |sysctl: Sysctl| Source { sysctl, value: host.sysctl(sysctl.name).map(Into::into) };
    known.map(source).collect()
}

/// Whether the value leaves the decision to a sysctl.
fn is_unset(value: &Value) -> bool {
    value.is_empty() || *value == Value::PortRange { low: 0, high: 0 }
}

impl Origin {
    /// The sysctls of a default.
    pub fn sources(&self) -> &[Source] {
        match self {
            Origin::Default(sources) => sources,
            _ => &[],
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Origin::Set => f.write_str("set"),
            Origin::Default(_) => f.write_str("default"),
            Origin::NotSet(new) => write!(f, "not set (new socket: {new})"),
            Origin::Changed(new) => write!(f, "set, or by the kernel (new socket: {new})"),
            Origin::Kernel => f.write_str("kept by the kernel"),
            Origin::Unknown => f.write_str("unknown whether set"),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Source { sysctl, value } = self;
        f.write_str(sysctl.name)?;
        if let Some(value) = value {
            write!(f, " = {}", Escaped(value.as_bytes()))?;
        }
        match (sysctl.field(), sysctl.member()) {
            (Some(field), _) => {
                write!(f, " ({})", ["first", "second", "third"][(field - 1).min(2)])
            }
            (None, Some(member)) => write!(f, " ({member})"),
            (None, None) => Ok(()),
        }
    }
}
