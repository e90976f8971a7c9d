//! Kinds of values: what getsockopt(2) lays out for an option, and in which terms it is worded.

use crate::options::constants::Words;

/// How an option's value is worded, and what getsockopt(2) lays out for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueKind {
    /// On or off.
    Bool,
    /// A signed number of no unit.
    Int,
    /// An unsigned number of no unit.
    Uint,
    /// An unsigned number of 64 bits.
    Uint64,
    /// A number whose bits have no words here.
    Mask,
    /// Bytes.
    Bytes,
    /// Seconds; -1: never.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Bytes a second in 64 bits; all ones: unlimited.
    Rate,
    /// An interface index in host order.
    Ifindex,
    /// An interface index that getsockopt gives in network order; host order here.
    IfindexNetworkOrder,
    /// A port that getsockopt gives in network order; host order here.
    PortNetworkOrder,
    /// An error number.
    Errno,
    /// One of these words.
    Enum(Words),
    /// Any of these words.
    Flags(Words),
    /// A name.
    Name,
    /// IP_MULTICAST_IF: an IPv4 address, and the interface that getsockopt does not tell.
    Multicast,
    /// `struct linger`.
    Linger,
    /// `struct timeval`.
    Timeval,
    /// `struct so_timestamping`.
    Timestamping,
    /// `struct sock_txtime`.
    Txtime,
    /// Two ports in 32 bits.
    PortRange,
    /// A socket filter, or the program of a reuseport group.
    Program,
    /// Bytes as they go on the wire.
    Blob,
    /// `struct in6_pktinfo`.
    Pktinfo,
    /// `struct tls_crypto_info`.
    Tls,
    /// Any other structure, of numbers.
    Struct(StructLayout),
    /// Joined groups.
    Memberships,
    /// For which peers a TCP socket has keys.
    Keys,
    /// The memberships of a packet socket.
    PacketMemberships,
    /// A fanout group of packet sockets: its number, type and flags in 32 bits.
    Fanout,
    /// Joined groups that have numbers: a bit for each from 1 on.
    Groups,
}

/// A member of a structure of numbers, as getsockopt(2) lays it out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StructMember {
    /// The name in the C structure.
    pub name: &'static str,
    /// Where it begins, in bytes.
    pub offset: usize,
    /// How many bytes it has: 1, 2, 4 or 8.
    pub size: usize,
    pub signed: bool,
    /// How the number is worded.
    pub kind: ValueKind,
}

/// The layout of a structure: its members, in their order.
pub type StructLayout = &'static [StructMember];

impl StructMember {
    /// The member in the bytes of a structure; `None` if there are too few of them.
    pub fn read(&self, bytes: &[u8]) -> Option<i64> {
        let bytes = bytes.get(self.offset..self.offset + self.size)?;
        let mut number = [0; 8];
        let begin = if cfg!(target_endian = "little") { 0 } else { 8 - self.size };
        number[begin..begin + self.size].copy_from_slice(bytes);
        let unused = 64 - 8 * self.size as u32;
        Some(match self.signed {
            true => i64::from_ne_bytes(number) << unused >> unused,
            false => i64::from_ne_bytes(number),
        })
    }
}

impl ValueKind {
    /// A word for the list of options.
    pub fn word(self) -> &'static str {
        match self {
            ValueKind::Bool | ValueKind::Keys => "boolean",
            ValueKind::Int
            | ValueKind::Bytes
            | ValueKind::Seconds
            | ValueKind::Milliseconds
            | ValueKind::Microseconds
            | ValueKind::Uint
            | ValueKind::Uint64
            | ValueKind::Fanout
            | ValueKind::Rate => "number",
            ValueKind::Ifindex | ValueKind::IfindexNetworkOrder => "interface index",
            ValueKind::PortNetworkOrder => "port",
            ValueKind::Errno => "error",
            ValueKind::Enum(_) => "enumeration",
            ValueKind::Flags(_) => "flags",
            ValueKind::Name => "name",
            ValueKind::Multicast => "address",
            ValueKind::Mask => "mask",
            ValueKind::Linger
            | ValueKind::Timeval
            | ValueKind::Timestamping
            | ValueKind::Txtime
            | ValueKind::Pktinfo
            | ValueKind::Tls
            | ValueKind::Struct(_) => "structure",
            ValueKind::PortRange => "port range",
            ValueKind::Program => "program",
            ValueKind::Blob => "bytes",
            ValueKind::Memberships | ValueKind::PacketMemberships | ValueKind::Groups => "list",
        }
    }

    /// The unit of the number, or nothing.
    pub fn unit(self) -> &'static str {
        match self {
            ValueKind::Bytes => "bytes",
            ValueKind::Seconds | ValueKind::Linger | ValueKind::Timeval => "seconds",
            ValueKind::Milliseconds => "milliseconds",
            ValueKind::Microseconds => "microseconds",
            ValueKind::Rate => "bytes per second",
            _ => "",
        }
    }

    /// How many bytes to offer getsockopt(2). Some options want exactly their size.
    pub fn size(self) -> usize {
        match self {
            ValueKind::Uint64
            | ValueKind::Rate
            | ValueKind::Linger
            | ValueKind::Timestamping
            | ValueKind::Txtime => 8,
            ValueKind::Struct(layout) => {
                layout.iter().map(|member| member.offset + member.size).max().unwrap_or(0)
            }
            ValueKind::Timeval | ValueKind::Name => 16,
            ValueKind::Blob | ValueKind::Groups => 2048,
            // SO_GET_FILTER takes a number of instructions here; asked for none it counts them.
            ValueKind::Program => 0,
            _ => 4,
        }
    }
}
