//! Values of options.
//!
//! A value is what getsockopt(2) gives, whether it was asked for or decoded from a record. How it is
//! worded depends on the option's [`ValueKind`](super::kind::ValueKind): see `text.rs` and `json.rs`.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::options::interface::Interface;
use crate::options::keys::Keys;
use crate::options::kind::{StructLayout, StructMember};
use crate::options::memberships::{Groups, Memberships, PacketMemberships};
use crate::text::Name;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number of 32 bits, with or without a sign; also on and off.
    Int(i64),
    /// A number of 64 bits without a sign.
    Uint64(u64),
    /// A number that does not mean, on this socket, what the words of its kind say.
    Wordless(u32),
    /// A name that the kernel keeps, at most 16 bytes; empty: none.
    Name(Name),
    /// An interface, by its index.
    Interface(Interface),
    /// IP_MULTICAST_IF: an address, and what getsockopt does not tell: the interface.
    Multicast { address: Ipv4Addr, interface: Interface },
    /// `struct linger`.
    Linger { on: bool, seconds: i32 },
    /// `struct timeval`.
    Timeval { seconds: i64, microseconds: i64 },
    /// `struct so_timestamping`.
    Timestamping { flags: u32, bind_phc: i32 },
    /// `struct sock_txtime`; `on` is what getsockopt does not tell.
    Txtime { clockid: i32, flags: u32, on: bool },
    /// A range of ports; 0 to 0: the system's.
    PortRange { low: u16, high: u16 },
    /// A socket filter, or the program of a reuseport group.
    Program(AttachedProgram),
    /// Bytes as they go on the wire.
    Blob(Vec<u8>),
    /// `struct in6_pktinfo`.
    Pktinfo { address: Ipv6Addr, interface: Interface },
    /// `struct tls_crypto_info`, and what getsockopt does not tell: who encrypts.
    Tls { version: u16, cipher: u16, mode: u8 },
    /// Any other structure, of numbers.
    Struct(Structure),
    /// Joined groups.
    Memberships(Memberships),
    /// For which peers there are keys; getsockopt does not tell.
    Keys(Keys),
    /// The memberships of a packet socket.
    PacketMemberships(PacketMemberships),
    /// PACKET_FANOUT; `joined` is what getsockopt does not tell of the group 0.
    Fanout { number: u32, joined: bool },
    /// Joined groups that have numbers.
    Groups(Groups),
}

/// What belongs to a value that getsockopt(2) gives, but that getsockopt(2) does not tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Untold<'a> {
    /// The index of the interface of IP_MULTICAST_IF.
    Ifindex(u32),
    /// For which peers there are keys.
    Keys(&'a Keys),
}

impl Untold<'_> {
    /// What follows the name of the option in that of the member of JSON.
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
    /// So many instructions of classic BPF.
    Classic(u32),
    /// Classic BPF, of which the kernel has kept no original.
    Converted,
    /// The BPF program with that id.
    Ebpf(u32),
}

/// A structure: a number for each member of its layout. Made of its bytes, or of one of the types of
/// `layouts.rs`, whose fields are the members: none can be mistaken for another.
#[derive(Clone, Debug)]
pub struct Structure {
    layout: StructLayout,
    numbers: Vec<i64>,
}

impl Structure {
    /// The structure that getsockopt(2) laid out; `None` if there are too few bytes.
    pub fn read(layout: StructLayout, bytes: &[u8]) -> Option<Structure> {
        let numbers = layout.iter().map(|member| member.read(bytes)).collect::<Option<_>>()?;
        Some(Structure { layout, numbers })
    }

    /// For the types of `layouts.rs`: a number for each member, in the order of the layout.
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
    /// What getsockopt(2) does not tell, where JSON has a member of its own for it.
    pub fn untold(&self) -> Option<Untold<'_>> {
        match self {
            Value::Multicast { interface, .. } if interface.index != 0 => {
                Some(Untold::Ifindex(interface.index))
            }
            Value::Keys(keys) => Some(Untold::Keys(keys)),
            _ => None,
        }
    }

    /// Whether there is nothing to show: 0, an empty name, list or string of bytes, no program.
    pub fn is_empty(&self) -> bool {
        match self {
            Value::Int(number) => *number == 0,
            Value::Uint64(number) => *number == 0,
            Value::Program(program) => *program == AttachedProgram::None,
            Value::Memberships(memberships) => memberships.members.is_empty(),
            Value::PacketMemberships(memberships) => memberships.members.is_empty(),
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
