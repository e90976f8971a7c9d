//! How options are decoded: the half of getsockopt(2) that comes after the kernel has looked into its
//! structures. A file for each level or family, as in bpf/; each function names the place in the kernel
//! that it follows.
//!
//! A function is given the facts that its option names in the catalogue, in that order, and can see no
//! others. It returns `None` where the kernel would not answer.

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

use crate::options::context::Context;
use crate::options::kind::ValueKind;
use crate::options::value::Value;

/// The facts of an option; `None`: the kernel or this socket does not have it.
pub type Facts<const N: usize> = [Option<u64>; N];

/// TCP_LISTEN, include/net/tcp_states.h.
const LISTEN: u64 = 10;

fn boolean(on: bool) -> Value {
    Value::Int(on.into())
}

/// What the kernel keeps as an `int`.
fn int(raw: u64) -> Value {
    Value::Int((raw as i32).into())
}

/// A fact that is on or off.
fn is_on(fact: Option<u64>) -> Option<bool> {
    fact.map(|raw| raw != 0)
}

/// The bits of a raw number that a value of this kind has.
pub fn width(kind: ValueKind) -> u64 {
    match kind {
        ValueKind::Uint64 | ValueKind::Rate => u64::MAX,
        _ => u32::MAX.into(),
    }
}

/// The value that is a raw number.
pub fn number(context: &Context, kind: ValueKind, raw: u64) -> Value {
    match kind {
        ValueKind::Ifindex | ValueKind::IfindexNetworkOrder => {
            Value::Interface(context.interface(raw as u32))
        }
        ValueKind::Uint64 | ValueKind::Rate => Value::Uint64(raw),
        ValueKind::Int | ValueKind::Seconds => int(raw),
        _ => Value::Int((raw as u32).into()),
    }
}
