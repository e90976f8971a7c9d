//! Values that are structures of numbers, by the names of their members in C. They are the members of the
//! JSON objects, and can be asked for in an expression: `so_linger.l_linger`.

use crate::options::kind::ValueKind;
use crate::options::value::{AttachedProgram, Value};

impl ValueKind {
    /// The names of the members that are numbers. Empty if the value is no structure.
    pub fn members(self) -> Vec<&'static str> {
        match self {
            ValueKind::Linger => vec!["l_onoff", "l_linger"],
            ValueKind::Timeval => vec!["tv_sec", "tv_usec"],
            ValueKind::Timestamping => vec!["flags", "bind_phc"],
            ValueKind::Txtime => vec!["clockid", "flags"],
            ValueKind::PortRange => vec!["lo", "hi"],
            ValueKind::Pktinfo => vec!["ipi6_ifindex"],
            ValueKind::Tls => vec!["version", "cipher_type"],
            ValueKind::Program => vec!["instructions", "id"],
            ValueKind::Struct(layout) => layout.iter().map(|member| member.name).collect(),
            _ => Vec::new(),
        }
    }
}

impl Value {
    /// The members of a structure of two numbers.
    pub(super) fn pair(&self) -> Option<[(&'static str, i64); 2]> {
        Some(match self {
            Value::Linger { on, seconds } => {
                [("l_onoff", i64::from(*on)), ("l_linger", i64::from(*seconds))]
            }
            Value::Timeval { seconds, microseconds } => {
                [("tv_sec", *seconds), ("tv_usec", *microseconds)]
            }
            Value::Timestamping { flags, bind_phc } => {
                [("flags", i64::from(*flags)), ("bind_phc", i64::from(*bind_phc))]
            }
            Value::Txtime { clockid, flags, .. } => {
                [("clockid", i64::from(*clockid)), ("flags", i64::from(*flags))]
            }
            Value::PortRange { low, high } => [("lo", i64::from(*low)), ("hi", i64::from(*high))],
            _ => return None,
        })
    }

    /// The member with this name, if it is a number.
    pub fn member(&self, name: &str) -> Option<i64> {
        match (self, name) {
            (Value::Pktinfo { interface, .. }, "ipi6_ifindex") => Some(interface.index.into()),
            (Value::Tls { version, .. }, "version") => Some((*version).into()),
            (Value::Tls { cipher, .. }, "cipher_type") => Some((*cipher).into()),
            (Value::Program(AttachedProgram::Classic(count)), "instructions") => {
                Some((*count).into())
            }
            (Value::Program(AttachedProgram::Ebpf { id, .. }), "id") => Some((*id).into()),
            (Value::Struct(structure), _) => structure
                .members()
                .find(|(member, _)| member.name == name)
                .map(|(_, number)| number),
            _ => self.pair()?.into_iter().find(|(member, _)| *member == name).map(|(_, it)| it),
        }
    }
}
