//! Values of options.
//!
//! A value is what getsockopt(2) returns, whether it was obtained by getsockopt(2) or decoded from a record.
//! How it is formatted depends on the option's [`ValueKind`](super::kind::ValueKind): see `text.rs` and
//! `json.rs`.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::options::interface::Interface;
use crate::options::keys::Keys;
use crate::options::kind::{StructLayout, StructMember};
use crate::options::memberships::{Groups, Memberships, PacketMemberships};
use crate::text::Name;

/// The value of an option.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A 32-bit number, signed or unsigned, or a boolean.
    Int(i64),
    /// An unsigned 64-bit number.
    Uint64(u64),
    /// A number for which the words of its kind do not apply on this socket.
    Wordless(u32),
    /// A name of at most 16 bytes, stored by the kernel. Empty if there is none.
    Name(Name),
    /// An interface.
    Interface(Interface),
    /// IP_MULTICAST_IF: an address, and the interface, which getsockopt(2) does not report.
    Multicast { address: Ipv4Addr, interface: Interface },
    /// `struct linger`.
    Linger { on: bool, seconds: i32 },
    /// `struct timeval`.
    Timeval { seconds: i64, microseconds: i64 },
    /// `struct so_timestamping`.
    Timestamping { flags: u32, bind_phc: i32 },
    /// `struct sock_txtime`, and whether it is on, which getsockopt(2) does not report.
    Txtime { clockid: i32, flags: u32, on: bool },
    /// A range of ports. 0 to 0 means the system's range.
    PortRange { low: u16, high: u16 },
    /// A socket filter, or the program of a reuseport group.
    Program(AttachedProgram),
    /// Bytes as they are sent on the wire.
    Blob(Vec<u8>),
    /// `struct in6_pktinfo`.
    Pktinfo { address: Ipv6Addr, interface: Interface },
    /// `struct tls_crypto_info`, and what encrypts, which getsockopt(2) does not report.
    Tls { version: u16, cipher: u16, mode: u8 },
    /// Any other structure of numbers.
    Struct(Structure),
    /// Joined multicast groups or anycast addresses.
    Memberships(Memberships),
    /// The peers for which there are keys, which getsockopt(2) does not report.
    Keys(Keys),
    /// The memberships of a packet socket.
    PacketMemberships(PacketMemberships),
    /// PACKET_FANOUT. `joined` distinguishes group 0 from no group, which getsockopt(2) does not.
    Fanout { number: u32, joined: bool },
    /// Joined groups that are identified by numbers.
    Groups(Groups),
}

/// A part of a value that getsockopt(2) does not report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Untold<'a> {
    /// The index of the interface of IP_MULTICAST_IF.
    Ifindex(u32),
    /// The peers for which there are keys.
    Keys(&'a Keys),
}

impl Untold<'_> {
    /// The suffix of the JSON member's name, which follows the name of the option.
    pub fn suffix(&self) -> &'static str {
        match self {
            Untold::Ifindex(_) => "_ifindex",
            Untold::Keys(_) => "_prefixes",
        }
    }
}

/// A BPF program that is attached to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachedProgram {
    None,
    /// Classic BPF, with this number of instructions.
    Classic(u32),
    /// Classic BPF of which the kernel has kept no original.
    Converted,
    /// An eBPF program. The name is empty if it has none, and `None` if it is unknown.
    Ebpf {
        id: u32,
        name: Option<Name>,
    },
}

/// A structure: one number for each member of its layout. It is created from bytes, or from a type of
/// `layouts.rs` whose fields are the members, so that members cannot be mixed up.
#[derive(Clone, Debug)]
pub struct Structure {
    layout: StructLayout,
    numbers: Vec<i64>,
}

impl Structure {
    /// Parses the structure that getsockopt(2) returned. Returns `None` if there are too few bytes.
    pub fn read(layout: StructLayout, bytes: &[u8]) -> Option<Structure> {
        let numbers = layout.iter().map(|member| member.read(bytes)).collect::<Option<_>>()?;
        Some(Structure { layout, numbers })
    }

    /// Creates a structure from a type of `layouts.rs`, with one number for each member, in the order of the
    /// layout.
    pub(super) fn new<const N: usize>(
        layout: &'static [StructMember; N],
        numbers: [i64; N],
    ) -> Structure {
        Structure { layout, numbers: numbers.into() }
    }

    /// Each member with its number.
    pub fn members(&self) -> impl Iterator<Item = (&'static StructMember, i64)> + '_ {
        self.layout.iter().zip(self.numbers.iter().copied())
    }
}

impl PartialEq for Structure {
    fn eq(&self, other: &Structure) -> bool {
        std::ptr::eq(self.layout, other.layout) && self.numbers == other.numbers
    }
}

impl Value {
    /// The part of the value that getsockopt(2) does not report, if JSON has a separate member for it.
    pub fn untold(&self) -> Option<Untold<'_>> {
        match self {
            Value::Multicast { interface, .. } if interface.index != 0 => {
                Some(Untold::Ifindex(interface.index))
            }
            Value::Keys(keys) => Some(Untold::Keys(keys)),
            _ => None,
        }
    }

    /// Whether two values of an option are certainly the same in every output. Equal interfaces of two network
    /// namespaces may have different names.
    pub fn is_same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Int(one), Value::Int(other)) => one == other,
            (Value::Interface(one), Value::Interface(other)) => {
                one == other && one.name == other.name
            }
            (
                Value::Multicast { .. }
                | Value::Pktinfo { .. }
                | Value::Memberships(_)
                | Value::PacketMemberships(_)
                | Value::Keys(_),
                _,
            ) => false,
            (one, other) => one == other,
        }
    }

    /// Whether it has entries that did not fit into a record.
    pub fn is_cut(&self) -> bool {
        match self {
            Value::Memberships(it) => it.cut || it.members.iter().any(|member| member.cut),
            Value::PacketMemberships(it) => it.cut,
            Value::Groups(it) => it.cut,
            Value::Keys(it) => it.cut,
            _ => false,
        }
    }

    /// Whether there is nothing to show: 0, no program, or an empty name, list or string of bytes.
    pub fn is_empty(&self) -> bool {
        match self {
            Value::Int(number) => *number == 0,
            Value::Uint64(number) => *number == 0,
            Value::Program(program) => *program == AttachedProgram::None,
            Value::Memberships(it) => it.members.is_empty() && !it.cut,
            Value::PacketMemberships(it) => it.members.is_empty() && !it.cut,
            Value::Groups(groups) => groups.numbers.is_empty() && !groups.cut,
            Value::Interface(interface) => interface.index == 0,
            Value::Multicast { address, interface } => {
                address.is_unspecified() && interface.index == 0
            }
            Value::Pktinfo { address, interface } => {
                address.is_unspecified() && interface.index == 0
            }
            Value::Name(name) => name.is_empty(),
            Value::Blob(bytes) => bytes.is_empty(),
            Value::Struct(structure) => structure.numbers.iter().all(|number| *number == 0),
            Value::Wordless(_)
            | Value::Linger { .. }
            | Value::Timeval { .. }
            | Value::Timestamping { .. }
            | Value::Txtime { .. }
            | Value::PortRange { .. }
            | Value::Tls { .. }
            | Value::Keys(_)
            | Value::Fanout { .. } => false,
        }
    }
}
