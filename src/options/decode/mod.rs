//! Decodes options: the part of getsockopt(2) that follows once the kernel has read its structures. There is
//! one file for each level or family. Each function names the place in the kernel that it follows.
//!
//! A function receives the facts that its option declares in the catalogue, in the same order, and cannot
//! read others. It returns `None` if the kernel would not answer.

pub mod ip;
pub mod ipv6;
mod memberships;
pub mod netlink;
pub mod packet;
pub mod raw;
pub mod sctp;
pub mod socket;
pub mod tcp;
pub mod tls;
pub mod udp;
pub mod unix;
pub mod xdp;

use crate::kernel::request::FactNumber;
use crate::options::context::Context;
use crate::options::kind::ValueKind;
use crate::options::value::Value;

/// The facts of an option. `None` if the kernel or this socket does not have the fact.
pub type Facts<const N: usize> = [Option<u64>; N];

fn boolean(on: bool) -> Value {
    Value::Int(on.into())
}

/// Converts a number that the kernel stores as an `int`.
fn int(raw: u64) -> Value {
    Value::Int((raw as i32).into())
}

/// Converts a fact that is 0 or 1.
fn is_on(fact: Option<u64>) -> Option<bool> {
    fact.map(|raw| raw != 0)
}

/// The bits of a raw number that belong to a value of this kind.
pub fn width(kind: ValueKind) -> u64 {
    match stored(kind) {
        FactNumber::Unsigned64 => u64::MAX,
        FactNumber::Signed32 | FactNumber::Unsigned32 => u32::MAX.into(),
    }
}

/// How the kernel stores a number of this kind, for [`number`] and for tests in the kernel.
pub fn stored(kind: ValueKind) -> FactNumber {
    match kind {
        ValueKind::Uint64 | ValueKind::Rate => FactNumber::Unsigned64,
        ValueKind::Int | ValueKind::Seconds => FactNumber::Signed32,
        _ => FactNumber::Unsigned32,
    }
}

/// Converts a raw number to a value.
pub fn number(context: &Context, kind: ValueKind, raw: u64) -> Value {
    match kind {
        ValueKind::Ifindex | ValueKind::IfindexNetworkOrder => {
            Value::Interface(context.interface(raw as u32))
        }
        kind => match stored(kind) {
            FactNumber::Unsigned64 => Value::Uint64(raw),
            FactNumber::Signed32 => int(raw),
            FactNumber::Unsigned32 => Value::Int((raw as u32).into()),
        },
    }
}
