//! Values of options, and the two ways they are written: as text in the table, as JSON.
//!
//! A value is what getsockopt(2) gives, whichever way it was learned. How it is worded depends on
//! the option, which says so with a [`Kind`].

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::options::constants::{self, Words};
use crate::options::memberships::PacketMemberships;
use crate::text::{Escaped, Name, Word};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Everything that is a number, also on and off.
    Number(i128),
    /// A number that does not mean, on this socket, what the words of its kind say.
    Wordless(u32),
    /// A name that the kernel keeps, at most 16 bytes; empty: none.
    Name(Name),
    /// An IPv4 address.
    Address(Ipv4Addr),
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
    /// A socket filter.
    Filter(Filter),
    /// Bytes as they go on the wire.
    Blob(Vec<u8>),
    /// `struct in6_pktinfo`.
    Pktinfo { address: Ipv6Addr, ifindex: u32 },
    /// `struct tls_crypto_info`, and what getsockopt does not tell: who encrypts.
    Tls { version: u16, cipher: u16, mode: u8 },
    /// Any other structure, of numbers: its members.
    Struct(Vec<(&'static str, i64)>),
    /// Joined groups.
    Memberships(Memberships),
    /// The memberships of a packet socket.
    PacketMemberships(PacketMemberships),
    /// PACKET_FANOUT; `joined` is what getsockopt does not tell of the group 0.
    Fanout { number: u32, joined: bool },
    /// Numbers of joined groups, and whether there are more than a record can hold.
    Groups { numbers: Vec<u32>, cut: bool },
}

/// A socket filter or the program of a reuseport group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    None,
    /// So many instructions of classic BPF.
    Classic(u32),
    /// The BPF program with that id.
    Ebpf(u32),
}

/// The groups of a list, and whether there are more than a record can hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Memberships {
    pub members: Vec<Membership>,
    pub cut: bool,
}

/// One joined group.
#[derive(Clone, Debug, PartialEq)]
pub struct Membership {
    pub list: List,
    pub group: std::net::IpAddr,
    /// IPv4: the local address that named the interface; unspecified where the index did.
    pub address: Ipv4Addr,
    pub ifindex: u32,
    /// The interface's name where it still has one.
    pub interface: Name,
    /// Whether only the sources are received, or all but them.
    pub include: bool,
    pub sources: Vec<std::net::IpAddr>,
    /// Whether there are more sources than a record can hold.
    pub cut: bool,
}

/// Which list a membership stands in: that decides the names of its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    Ip,
    Ipv6,
    Anycast,
}

/// How an option's value is worded, and what getsockopt(2) lays out for it.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
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
    /// An IPv4 address.
    Address,
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
    /// A socket filter.
    Filter,
    /// Bytes as they go on the wire.
    Blob,
    /// `struct in6_pktinfo`.
    Pktinfo,
    /// `struct tls_crypto_info`.
    Tls,
    /// Any other structure, of numbers.
    Struct(Fields),
    /// Joined groups.
    Memberships,
    /// The memberships of a packet socket.
    PacketMemberships,
    /// A fanout group of packet sockets: its number, type and flags in 32 bits.
    Fanout,
    /// Joined groups that have numbers: a bit for each from 1 on.
    Groups,
}

/// A member of a structure of numbers, as getsockopt(2) lays it out.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: &'static str,
    /// Where it begins, in bytes.
    pub at: usize,
    /// How many bytes it has: 1, 2, 4 or 8.
    pub size: usize,
    pub signed: bool,
    /// How the number is worded.
    pub kind: Kind,
}

/// The members of a structure.
pub type Fields = &'static [Field];

impl Field {
    /// A member without a sign.
    pub const fn unsigned(name: &'static str, at: usize, size: usize) -> Field {
        Field { name, at, size, signed: false, kind: Kind::Int }
    }

    /// A member that may be below zero.
    pub const fn signed(name: &'static str, at: usize, size: usize) -> Field {
        Field { name, at, size, signed: true, kind: Kind::Int }
    }

    /// The same, worded like this.
    pub const fn shown(mut self, kind: Kind) -> Field {
        self.kind = kind;
        self
    }

    /// The member in the bytes of a structure.
    fn of(&self, bytes: &[u8]) -> Option<i64> {
        let bytes = bytes.get(self.at..self.at + self.size)?;
        let mut number = [0; 8];
        let place = if cfg!(target_endian = "little") { 0 } else { 8 - self.size };
        number[place..place + self.size].copy_from_slice(bytes);
        let unused = 64 - 8 * self.size as u32;
        Some(match self.signed {
            true => i64::from_ne_bytes(number) << unused >> unused,
            false => i64::from_ne_bytes(number),
        })
    }
}

impl Kind {
    /// A word for the list of options.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Bool => "boolean",
            Kind::Int
            | Kind::Bytes
            | Kind::Seconds
            | Kind::Milliseconds
            | Kind::Microseconds
            | Kind::Uint
            | Kind::Uint64
            | Kind::Fanout
            | Kind::Rate => "number",
            Kind::Ifindex | Kind::IfindexNetworkOrder => "interface index",
            Kind::PortNetworkOrder => "port",
            Kind::Errno => "error",
            Kind::Enum(_) => "enumeration",
            Kind::Flags(_) => "flags",
            Kind::Name => "name",
            Kind::Address => "address",
            Kind::Mask => "mask",
            Kind::Linger
            | Kind::Timeval
            | Kind::Timestamping
            | Kind::Txtime
            | Kind::Pktinfo
            | Kind::Tls
            | Kind::Struct(_) => "structure",
            Kind::PortRange => "port range",
            Kind::Filter => "program",
            Kind::Blob => "bytes",
            Kind::Memberships | Kind::PacketMemberships | Kind::Groups => "list",
        }
    }

    /// The unit of the number, or nothing.
    pub fn unit(self) -> &'static str {
        match self {
            Kind::Bytes => "bytes",
            Kind::Seconds | Kind::Linger | Kind::Timeval => "seconds",
            Kind::Milliseconds => "milliseconds",
            Kind::Microseconds => "microseconds",
            Kind::Rate => "bytes per second",
            _ => "",
        }
    }

    /// How many bytes to offer getsockopt(2). Some options want exactly their size.
    pub fn size(self) -> usize {
        match self {
            Kind::Uint64 | Kind::Rate | Kind::Linger | Kind::Timestamping | Kind::Txtime => 8,
            Kind::Struct(fields) => {
                fields.iter().map(|field| field.at + field.size).max().unwrap_or(0)
            }
            Kind::Timeval | Kind::Name => 16,
            Kind::Blob | Kind::Groups => 2048,
            // SO_GET_FILTER takes a number of instructions here; asked for none it counts them.
            Kind::Filter => 0,
            _ => 4,
        }
    }

    /// The value that getsockopt(2) laid out: `bytes` of the buffer, of a value of `length`.
    pub fn from_getsockopt(self, bytes: &[u8], length: usize) -> Option<Value> {
        let int = |at: usize| Some(i32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let long = |at: usize| Some(i64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        Some(match self {
            Kind::Int | Kind::Seconds => Value::Number(int(0)?.into()),
            Kind::Uint64 | Kind::Rate => Value::Number((long(0)? as u64).into()),
            Kind::IfindexNetworkOrder => Value::Number(u32::from_be(int(0)? as u32).into()),
            Kind::PortNetworkOrder => {
                Value::Number(u16::from_be_bytes(bytes.get(..2)?.try_into().ok()?).into())
            }
            Kind::Name => Value::Name(Name::new(bytes)),
            Kind::Address => Value::Address(Ipv4Addr::from(u32::from_be(int(0)? as u32))),
            Kind::Linger => Value::Linger { on: int(0)? != 0, seconds: int(4)? },
            Kind::Timeval => Value::Timeval { seconds: long(0)?, microseconds: long(8)? },
            // Before 5.14 the flags alone.
            Kind::Timestamping => {
                Value::Timestamping { flags: int(0)? as u32, bind_phc: int(4).unwrap_or_default() }
            }
            Kind::Txtime => Value::Txtime { clockid: int(0)?, flags: int(4)? as u32, on: false },
            Kind::PortRange => {
                let range = int(0)? as u32;
                Value::PortRange { low: range as u16, high: (range >> 16) as u16 }
            }
            Kind::Filter if length == 0 => Value::Filter(Filter::None),
            Kind::Filter => Value::Filter(Filter::Classic(u32::try_from(length).ok()?)),
            Kind::Blob => Value::Blob(bytes.to_vec()),
            Kind::Struct(fields) => Value::Struct(
                fields
                    .iter()
                    .map(|field| Some((field.name, field.of(bytes)?)))
                    .collect::<Option<Vec<_>>>()?,
            ),
            Kind::Fanout => Value::Fanout { number: int(0)? as u32, joined: int(0)? != 0 },
            Kind::Groups => {
                let words = bytes.chunks_exact(4).filter_map(|word| word.try_into().ok());
                Value::Groups {
                    numbers: group_numbers(words.map(u32::from_ne_bytes).map(u64::from), 32),
                    cut: length > bytes.len(),
                }
            }
            Kind::Pktinfo | Kind::Tls | Kind::Memberships | Kind::PacketMemberships => return None,
            _ => Value::Number((int(0)? as u32).into()),
        })
    }
}

/// The numbers of the groups in a list of words of so many bits, one bit for each group from 1 on.
pub fn group_numbers(words: impl Iterator<Item = u64>, bits: u32) -> Vec<u32> {
    let numbers = words.zip((1..).step_by(bits as usize)).flat_map(|(word, first)| {
        (0..bits).filter(move |bit| word >> bit & 1 != 0).map(move |bit| first + bit)
    });
    numbers.collect()
}

/// A value as text, in the words of its kind. Has no blank and no comma.
pub struct Text<'a>(pub &'a Value, pub Kind);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.0 {
            Value::Number(number) => write_number(f, *number, self.1),
            Value::Wordless(number) => number.fmt(f),
            Value::Name(name) if name.is_empty() => f.write_str("-"),
            Value::Name(name) => Word(name.as_bytes()).fmt(f),
            Value::Address(address) => address.fmt(f),
            Value::Linger { on: false, .. } => f.write_str("off"),
            Value::Linger { seconds, .. } => write!(f, "{seconds}s"),
            Value::Timeval { seconds, microseconds } => write_seconds(f, *seconds, *microseconds),
            Value::Timestamping { flags, bind_phc } => {
                write_flags(f, *flags, constants::TIMESTAMPING)?;
                match bind_phc {
                    0 => Ok(()),
                    phc => write!(f, "|bind_phc:{phc}"),
                }
            }
            Value::Txtime { on: false, .. } => f.write_str("off"),
            Value::Txtime { clockid, flags, .. } => {
                write_word(f, *clockid as u32, constants::CLOCKS)?;
                if *flags != 0 {
                    f.write_str("|")?;
                    write_flags(f, *flags, constants::TXTIME)?;
                }
                Ok(())
            }
            Value::PortRange { low, high } => write!(f, "{low}-{high}"),
            Value::Filter(Filter::None) => f.write_str("-"),
            Value::Filter(Filter::Classic(1)) => f.write_str("classic:1insn"),
            Value::Filter(Filter::Classic(instructions)) => {
                write!(f, "classic:{instructions}insns")
            }
            Value::Filter(Filter::Ebpf(id)) => write!(f, "ebpf:id{id}"),
            Value::Blob(bytes) if bytes.is_empty() => f.write_str("-"),
            Value::Blob(bytes) => Hex(bytes).fmt(f),
            Value::Pktinfo { address, ifindex } => write!(f, "{address}%{ifindex}"),
            Value::Tls { version, cipher, mode } => {
                write_word(f, (*version).into(), constants::TLS_VERSIONS)?;
                f.write_str("|")?;
                write_word(f, (*cipher).into(), constants::TLS_CIPHERS)?;
                f.write_str("|")?;
                write_word(f, (*mode).into(), constants::TLS_MODES)
            }
            Value::Struct(members) => write_members(f, members, self.1),
            Value::Memberships(memberships) => write_memberships(f, memberships),
            Value::PacketMemberships(memberships) => memberships.fmt(f),
            Value::Fanout { joined: false, .. } => f.write_str("-"),
            Value::Fanout { number, .. } => write_fanout(f, *number),
            Value::Groups { numbers, cut } => write_groups(f, numbers, *cut),
        }
    }
}

/// `name:number` for each member, joined by `|`. One that is on or off is its name alone, where it is
/// on; within a member the words of flags are joined by `+`.
fn write_members(
    f: &mut fmt::Formatter,
    members: &[(&'static str, i64)],
    kind: Kind,
) -> fmt::Result {
    let fields = if let Kind::Struct(fields) = kind { fields } else { &[] };
    let mut bar = "";
    for (place, (name, number)) in members.iter().enumerate() {
        match fields.get(place).map_or(Kind::Int, |field| field.kind) {
            Kind::Bool if *number == 0 => continue,
            Kind::Bool => write!(f, "{bar}{name}")?,
            Kind::Flags(words) => {
                write!(f, "{bar}{name}:")?;
                write_joined(f, *number as u32, words, "+")?;
            }
            kind => {
                write!(f, "{bar}{name}:")?;
                write_number(f, (*number).into(), kind)?;
            }
        }
        bar = "|";
    }
    match bar {
        "" => f.write_str("-"),
        _ => Ok(()),
    }
}

fn write_number(f: &mut fmt::Formatter, number: i128, kind: Kind) -> fmt::Result {
    match kind {
        Kind::Seconds => write!(f, "{number}s"),
        Kind::Milliseconds => write!(f, "{number}ms"),
        Kind::Microseconds => write!(f, "{number}us"),
        Kind::Rate if number == u64::MAX.into() => f.write_str("unlimited"),
        Kind::Errno if number != 0 => match i32::try_from(number) {
            Ok(number) => write!(f, "{:?}", nix::errno::Errno::from_raw(number)),
            Err(_) => write!(f, "{number}"),
        },
        Kind::Mask => write!(f, "{number:#x}"),
        Kind::Enum(words) => write_word(f, number as u32, words),
        Kind::Flags(words) => write_flags(f, number as u32, words),
        _ => match i64::try_from(number) {
            Ok(number) => write!(f, "{number}"),
            Err(_) => write!(f, "{number}"),
        },
    }
}

fn write_word(f: &mut fmt::Formatter, number: u32, words: Words) -> fmt::Result {
    match constants::word(words, number) {
        Some(word) => f.write_str(word),
        None => write!(f, "{number}"),
    }
}

/// The words of the bits that are on, joined by `|`; a bit without a word in hexadecimal.
fn write_flags(f: &mut fmt::Formatter, flags: u32, words: Words) -> fmt::Result {
    write_joined(f, flags, words, "|")
}

fn write_joined(f: &mut fmt::Formatter, flags: u32, words: Words, mark: &str) -> fmt::Result {
    if flags == 0 {
        return f.write_str("0");
    }
    let mut bar = "";
    let mut rest = flags;
    for (bit, word) in words.iter().filter(|(bit, _)| flags & bit != 0) {
        write!(f, "{bar}{word}")?;
        rest &= !bit;
        bar = mark;
    }
    match rest {
        0 => Ok(()),
        rest => write!(f, "{bar}{rest:#x}"),
    }
}

/// net/packet/af_packet.c, PACKET_FANOUT: the number in the lowest 16 bits, then the type, then flags.
fn write_fanout(f: &mut fmt::Formatter, number: u32) -> fmt::Result {
    write!(f, "id:{}|", number & 0xffff)?;
    write_word(f, number >> 16 & 0xff, constants::FANOUTS)?;
    match number & 0xff00_0000 {
        0 => Ok(()),
        flags => {
            f.write_str("|")?;
            write_flags(f, flags, constants::FANOUT_FLAGS)
        }
    }
}

/// Seconds with as many decimals as it takes.
fn write_seconds(f: &mut fmt::Formatter, seconds: i64, microseconds: i64) -> fmt::Result {
    if microseconds == 0 {
        return write!(f, "{seconds}s");
    }
    let decimals = format!("{microseconds:06}");
    write!(f, "{seconds}.{}s", decimals.trim_end_matches('0'))
}

/// `group%interface`, then `+source` for each source that alone is heard, or `-source` for each that
/// is not.
fn write_memberships(f: &mut fmt::Formatter, memberships: &Memberships) -> fmt::Result {
    if memberships.members.is_empty() {
        return f.write_str("-");
    }
    let mut bar = "";
    for member in &memberships.members {
        write!(f, "{bar}{}%", member.group)?;
        match member.interface.is_empty() {
            true => write!(f, "{}", member.ifindex)?,
            false => write!(f, "{}", Word(member.interface.as_bytes()))?,
        }
        for source in &member.sources {
            write!(f, "{}{source}", if member.include { '+' } else { '-' })?;
        }
        if member.cut {
            f.write_str(if member.include { "+..." } else { "-..." })?;
        }
        bar = "|";
    }
    match memberships.cut {
        true => f.write_str("|..."),
        false => Ok(()),
    }
}

/// Numbers joined by `|`.
fn write_groups(f: &mut fmt::Formatter, numbers: &[u32], cut: bool) -> fmt::Result {
    if numbers.is_empty() && !cut {
        return f.write_str("-");
    }
    let mut bar = "";
    for number in numbers {
        write!(f, "{bar}{number}")?;
        bar = "|";
    }
    match cut {
        true => write!(f, "{bar}..."),
        false => Ok(()),
    }
}

/// Bytes in hexadecimal.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Number(number) => match (i64::try_from(*number), u64::try_from(*number)) {
                (Ok(number), _) => to.serialize_i64(number),
                (_, Ok(number)) => to.serialize_u64(number),
                _ => to.serialize_i128(*number),
            },
            Value::Wordless(number) => to.serialize_u32(*number),
            Value::Name(name) => to.collect_str(&Escaped(name.as_bytes())),
            Value::Address(address) => to.collect_str(address),
            Value::Linger { on, seconds } => {
                object(to, &[("l_onoff", i64::from(*on)), ("l_linger", i64::from(*seconds))])
            }
            Value::Timeval { seconds, microseconds } => {
                object(to, &[("tv_sec", *seconds), ("tv_usec", *microseconds)])
            }
            Value::Timestamping { flags, bind_phc } => {
                object(to, &[("flags", i64::from(*flags)), ("bind_phc", i64::from(*bind_phc))])
            }
            Value::Txtime { clockid, flags, .. } => {
                object(to, &[("clockid", i64::from(*clockid)), ("flags", i64::from(*flags))])
            }
            Value::PortRange { low, high } => {
                object(to, &[("lo", i64::from(*low)), ("hi", i64::from(*high))])
            }
            Value::Filter(filter) => filter.serialize(to),
            Value::Blob(bytes) => to.collect_str(&Hex(bytes)),
            Value::Pktinfo { address, ifindex } => {
                let mut map = to.serialize_map(Some(2))?;
                map.serialize_entry("ipi6_addr", &address.to_string())?;
                map.serialize_entry("ipi6_ifindex", ifindex)?;
                map.end()
            }
            Value::Tls { version, cipher, mode } => {
                let mut map = to.serialize_map(Some(3))?;
                map.serialize_entry("version", version)?;
                map.serialize_entry("cipher_type", cipher)?;
                map.serialize_entry(
                    "mode",
                    &constants::word(constants::TLS_MODES, (*mode).into()),
                )?;
                map.end()
            }
            Value::Struct(members) => object(to, members),
            Value::Memberships(memberships) => to.collect_seq(memberships.entries()),
            Value::PacketMemberships(memberships) => memberships.serialize(to),
            Value::Fanout { number, .. } => to.serialize_u32(*number),
            // A null at the end stands for those that there was no room for.
            Value::Groups { numbers, cut } => {
                to.collect_seq(numbers.iter().map(Some).chain(cut.then_some(None)))
            }
        }
    }
}

fn object<S: Serializer>(to: S, members: &[(&str, i64)]) -> Result<S::Ok, S::Error> {
    to.collect_map(members.iter().copied())
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(2))?;
        match self {
            Filter::None => {
                map.serialize_entry("kind", "none")?;
                map.serialize_entry("instructions", &0)?;
            }
            Filter::Classic(instructions) => {
                map.serialize_entry("kind", "classic")?;
                map.serialize_entry("instructions", instructions)?;
            }
            Filter::Ebpf(id) => {
                map.serialize_entry("kind", "ebpf")?;
                map.serialize_entry("id", id)?;
            }
        }
        map.end()
    }
}

/// An entry of a list, and whether there are more behind it that a record cannot hold.
struct Entry<'a> {
    member: &'a Membership,
    more: bool,
}

impl Memberships {
    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let last = self.members.len().saturating_sub(1);
        let entry = move |(n, member)| Entry { member, more: self.cut && n == last };
        self.members.iter().enumerate().map(entry)
    }
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Entry { member, more } = self;
        let mut map = to.serialize_map(None)?;
        match member.list {
            List::Ip => {
                map.serialize_entry("imr_multiaddr", &member.group)?;
                map.serialize_entry("imr_address", &member.address)?;
                map.serialize_entry("imr_ifindex", &member.ifindex)?;
            }
            List::Ipv6 => {
                map.serialize_entry("ipv6mr_multiaddr", &member.group)?;
                map.serialize_entry("ipv6mr_interface", &member.ifindex)?;
            }
            List::Anycast => {
                map.serialize_entry("ipv6mr_acaddr", &member.group)?;
                map.serialize_entry("ipv6mr_ifindex", &member.ifindex)?;
            }
        }
        if member.list != List::Anycast {
            let mode = if member.include { "include" } else { "exclude" };
            map.serialize_entry("mode", mode)?;
            map.serialize_entry("sources", &member.sources)?;
        }
        if member.cut {
            map.serialize_entry("cut", &true)?;
        }
        if *more {
            map.serialize_entry("more", &true)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: Value, kind: Kind) -> String {
        Text(&value, kind).to_string()
    }

    #[test]
    fn durations_carry_their_unit() {
        let timeval = |seconds, microseconds| Value::Timeval { seconds, microseconds };
        assert_eq!(text(timeval(1, 500_000), Kind::Timeval), "1.5s");
        assert_eq!(text(timeval(0, 4000), Kind::Timeval), "0.004s");
        assert_eq!(text(Value::Number(60), Kind::Seconds), "60s");
        assert_eq!(text(Value::Linger { on: true, seconds: 5 }, Kind::Linger), "5s");
        assert_eq!(text(Value::Linger { on: false, seconds: 5 }, Kind::Linger), "off");
    }

    #[test]
    fn words_and_flags() {
        assert_eq!(text(Value::Number(2), Kind::Enum(constants::PMTU_DISCOVERY)), "DO");
        assert_eq!(text(Value::Number(9), Kind::Enum(constants::PMTU_DISCOVERY)), "9");
        assert_eq!(
            text(Value::Number(0x83), Kind::Flags(constants::BUFFER_LOCKS)),
            "SNDBUF|RCVBUF|0x80"
        );
        assert_eq!(text(Value::Number(u64::MAX.into()), Kind::Rate), "unlimited");
        assert_eq!(text(Value::Number(111), Kind::Errno), "ECONNREFUSED");
    }

    #[test]
    fn names_from_outside_are_escaped() {
        let name = Value::Name(Name::new(b"a b,c\x1b\xff\\"));
        assert_eq!(text(name.clone(), Kind::Name), r"a\x20b\x2cc\x1b\xff\\");
        assert_eq!(serde_json::to_string(&name).unwrap(), r#""a b,c\\x1b\\xff\\\\""#);
    }

    #[test]
    fn numbers_of_64_bits_stay_whole() {
        let json = |number: u64| serde_json::to_string(&Value::Number(number.into())).unwrap();
        assert_eq!(json(u64::MAX), "18446744073709551615");
        assert_eq!(json(5), "5");
    }
}
