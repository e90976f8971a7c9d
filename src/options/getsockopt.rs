//! Parses the results of getsockopt(2) into values.

use std::net::Ipv4Addr;

use crate::options::interface::Interface;
use crate::options::kind::ValueKind;
use crate::options::memberships::{group_numbers, Groups};
use crate::options::value::{AttachedProgram, Structure, Value};
use crate::text::Name;

/// Parses a result of getsockopt(2). `bytes` is what fit into the buffer, and `length` the length of the
/// whole value, in bytes (of a socket filter: in instructions). Returns `None` if there are too few bytes, or
/// if getsockopt(2) cannot report values of this kind.
pub fn value(kind: ValueKind, bytes: &[u8], length: usize) -> Option<Value> {
    let int = |at: usize| Some(i32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let long = |at: usize| Some(i64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    Some(match kind {
        ValueKind::Int | ValueKind::Seconds => Value::Int(int(0)?.into()),
        ValueKind::Uint64 | ValueKind::Rate => Value::Uint64(long(0)? as u64),
        ValueKind::Ifindex => Value::Interface(unnamed(int(0)? as u32)),
        ValueKind::IfindexNetworkOrder => Value::Interface(unnamed(u32::from_be(int(0)? as u32))),
        ValueKind::PortNetworkOrder => {
            Value::Int(u16::from_be_bytes(bytes.get(..2)?.try_into().ok()?).into())
        }
        ValueKind::Name => Value::Name(Name::new(bytes)),
        ValueKind::Multicast => Value::Multicast {
            address: Ipv4Addr::from(u32::from_be(int(0)? as u32)),
            interface: unnamed(0),
        },
        ValueKind::Linger => Value::Linger { on: int(0)? != 0, seconds: int(4)? },
        ValueKind::Timeval => Value::Timeval { seconds: long(0)?, microseconds: long(8)? },
        // Before 5.14, getsockopt(2) returns only the flags.
        ValueKind::Timestamping => {
            Value::Timestamping { flags: int(0)? as u32, bind_phc: int(4).unwrap_or_default() }
        }
        ValueKind::Txtime => Value::Txtime { clockid: int(0)?, flags: int(4)? as u32, on: false },
        ValueKind::PortRange => {
            let range = int(0)? as u32;
            Value::PortRange { low: range as u16, high: (range >> 16) as u16 }
        }
        ValueKind::Program if length == 0 => Value::Program(AttachedProgram::None),
        ValueKind::Program => Value::Program(AttachedProgram::Classic(u32::try_from(length).ok()?)),
        ValueKind::Blob => Value::Blob(bytes.to_vec()),
        ValueKind::Struct(layout) => Value::Struct(Structure::read(layout, bytes)?),
        ValueKind::Fanout => Value::Fanout { number: int(0)? as u32, joined: int(0)? != 0 },
        ValueKind::Groups => {
            let words = bytes.chunks_exact(4).filter_map(|word| word.try_into().ok());
            Value::Groups(Groups {
                numbers: group_numbers(words.map(u32::from_ne_bytes).map(u64::from), 32),
                cut: length > bytes.len(),
            })
        }
        ValueKind::Pktinfo
        | ValueKind::Tls
        | ValueKind::Keys
        | ValueKind::Memberships
        | ValueKind::PacketMemberships => return None,
        _ => Value::Int((int(0)? as u32).into()),
    })
}

/// An interface whose name is not looked up.
fn unnamed(index: u32) -> Interface {
    Interface { index, name: Name::default() }
}
