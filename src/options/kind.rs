//! Kinds of values: the layout that getsockopt(2) returns for an option, and how the value is formatted.

use crate::options::constants::Words;

/// How the value of an option is formatted, and what layout getsockopt(2) returns for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueKind {
    /// On or off.
    Bool,
    /// A signed number without a unit.
    Int,
    /// An unsigned number without a unit.
    Uint,
    /// An unsigned 64-bit number.
    Uint64,
    /// A set of bits that have no words here.
    Mask,
    /// A number of bytes.
    Bytes,
    /// Seconds. -1 means never.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Bytes per second, in 64 bits. All ones means unlimited.
    Rate,
    /// An interface index in host byte order.
    Ifindex,
    /// An interface index that getsockopt(2) returns in network byte order. Values have it in host byte
    /// order.
    IfindexNetworkOrder,
    /// A port that getsockopt(2) returns in network byte order. Values have it in host byte order.
    PortNetworkOrder,
    /// An error number.
    Errno,
    /// One of these words, by its number.
    Enum(Words),
    /// Any of these words, each by its bit.
    Flags(Words),
    /// A name.
    Name,
    /// IP_MULTICAST_IF: an IPv4 address, and the interface, which getsockopt(2) does not report.
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
    /// Bytes as they are sent on the wire.
    Blob,
    /// `struct in6_pktinfo`.
    Pktinfo,
    /// `struct tls_crypto_info`.
    Tls,
    /// Any other structure of numbers.
    Struct(StructLayout),
    /// Joined multicast groups or anycast addresses.
    Memberships,
    /// The peers for which a TCP socket has keys.
    Keys,
    /// The memberships of a packet socket.
    PacketMemberships,
    /// A fanout group of packet sockets: its ID, type and flags in 32 bits.
    Fanout,
    /// Joined groups that are identified by numbers, one bit for each group from 1 on.
    Groups,
}

/// A member of a structure of numbers, in the layout that getsockopt(2) returns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StructMember {
    /// The name in the C structure.
    pub name: &'static str,
    /// The offset in bytes.
    pub offset: usize,
    /// The size in bytes: 1, 2, 4 or 8.
    pub size: usize,
    pub signed: bool,
    /// How the number is formatted.
    pub kind: ValueKind,
}

/// The layout of a structure: its members, in order.
pub type StructLayout = &'static [StructMember];

impl StructMember {
    /// Reads the member from the bytes of a structure. Returns `None` if there are too few bytes.
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
    /// The word for this kind in the list of options.
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

    /// Whether such a value is read from the items of a record, and not only from facts.
    pub(super) fn is_in_items(self) -> bool {
        matches!(
            self,
            ValueKind::Blob
                | ValueKind::Memberships
                | ValueKind::Keys
                | ValueKind::PacketMemberships
                | ValueKind::Groups
        )
    }

    /// The unit of the number, or an empty string.
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

    /// The size in bytes of the buffer to pass to getsockopt(2). Some options require their exact size.
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
            // SO_GET_FILTER expects the buffer's size in instructions. With 0, it returns their number.
            ValueKind::Program => 0,
            _ => 4,
        }
    }
}
