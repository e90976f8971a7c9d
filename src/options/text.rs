//! Formats values for the table.

use std::fmt;

use nix::errno::Errno;

use crate::options::constants::{self, Words};
use crate::options::keys::{Key, KeyProtocol, Keys};
use crate::options::kind::ValueKind;
use crate::options::memberships::{Membership, PacketMembership};
use crate::options::value::{AttachedProgram, Structure, Value};
use crate::text::{is_number, set_apart, First, Name, Part, Word};

/// A value as text, formatted by its kind. Contains no blanks and no commas.
pub struct Text<'a>(pub &'a Value, pub ValueKind);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.0 {
            Value::Int(number) => write_number(f, *number, self.1),
            Value::Uint64(u64::MAX) if self.1 == ValueKind::Rate => f.write_str("unlimited"),
            Value::Uint64(number) => number.fmt(f),
            Value::Wordless(number) => number.fmt(f),
            Value::Name(name) if name.is_empty() => f.write_str("-"),
            Value::Name(name) => write_name(f, name.as_bytes()),
            Value::Interface(interface) if interface.name.is_empty() => interface.index.fmt(f),
            Value::Interface(interface) => write_name(f, interface.name.as_bytes()),
            Value::Multicast { address, interface } if interface.index == 0 => address.fmt(f),
            Value::Multicast { address, interface } => {
                address.fmt(f)?;
                write_interface(f, &interface.name, interface.index)
            }
            Value::Linger { on: false, .. } => f.write_str("off"),
            Value::Linger { seconds, .. } => write!(f, "{seconds}s"),
            Value::Timeval { seconds, microseconds } => write_seconds(f, *seconds, *microseconds),
            Value::Timestamping { flags, bind_phc } => {
                write_flags(f, *flags, constants::TIMESTAMPING, "|")?;
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
                    write_flags(f, *flags, constants::TXTIME, "|")?;
                }
                Ok(())
            }
            Value::PortRange { low, high } => write!(f, "{low}-{high}"),
            Value::Program(AttachedProgram::None) => f.write_str("-"),
            Value::Program(AttachedProgram::Classic(1)) => f.write_str("classic:1insn"),
            Value::Program(AttachedProgram::Classic(instructions)) => {
                write!(f, "classic:{instructions}insns")
            }
            Value::Program(AttachedProgram::Converted) => f.write_str("classic"),
            Value::Program(AttachedProgram::Ebpf { id, name }) => {
                write!(f, "ebpf:id{id}")?;
                match name.filter(|name| !name.is_empty()) {
                    Some(name) => write!(f, "/{}", Word(name.as_bytes())),
                    None => Ok(()),
                }
            }
            Value::Blob(bytes) if bytes.is_empty() => f.write_str("-"),
            Value::Blob(bytes) => Hex(bytes).fmt(f),
            Value::Pktinfo { address, interface } => {
                address.fmt(f)?;
                write_interface(f, &interface.name, interface.index)
            }
            Value::Tls { version, cipher, mode } => {
                write_word(f, (*version).into(), constants::TLS_VERSIONS)?;
                f.write_str("|")?;
                write_word(f, (*cipher).into(), constants::TLS_CIPHERS)?;
                f.write_str("|")?;
                write_word(f, (*mode).into(), constants::TLS_MODES)
            }
            Value::Struct(structure) => write_members(f, structure),
            Value::Keys(keys) => write_keys(f, keys),
            Value::Memberships(it) => write_list(f, &it.members, it.cut, write_membership),
            Value::PacketMemberships(it) => {
                write_list(f, &it.members, it.cut, write_packet_membership)
            }
            Value::Fanout { joined: false, .. } => f.write_str("-"),
            Value::Fanout { number, .. } => write_fanout(f, *number),
            Value::Groups(it) => write_list(f, &it.numbers, it.cut, |f, number| number.fmt(f)),
        }
    }
}

/// Writes `name:number` for each member, joined by `|`. A boolean member is written as its name if it is on,
/// and omitted otherwise. The flags within a member are joined by `+`.
fn write_members(f: &mut fmt::Formatter, structure: &Structure) -> fmt::Result {
    let mut bar = "";
    for (member, number) in structure.members() {
        match member.kind {
            ValueKind::Bool if number == 0 => continue,
            ValueKind::Bool => write!(f, "{bar}{}", member.name)?,
            ValueKind::Flags(words) => {
                write!(f, "{bar}{}:", member.name)?;
                write_flags(f, number as u32, words, "+")?;
            }
            kind => {
                write!(f, "{bar}{}:", member.name)?;
                write_number(f, number, kind)?;
            }
        }
        bar = "|";
    }
    match bar {
        "" => f.write_str("-"),
        _ => Ok(()),
    }
}

fn write_number(f: &mut fmt::Formatter, number: i64, kind: ValueKind) -> fmt::Result {
    match kind {
        ValueKind::Seconds => write!(f, "{number}s"),
        ValueKind::Milliseconds => write!(f, "{number}ms"),
        ValueKind::Microseconds => write!(f, "{number}us"),
        ValueKind::Errno if number != 0 => match i32::try_from(number) {
            Ok(number) => write!(f, "{:?}", Errno::from_raw(number)),
            Err(_) => write!(f, "{number}"),
        },
        ValueKind::Mask => write!(f, "{number:#x}"),
        ValueKind::Enum(words) => write_word(f, number as u32, words),
        ValueKind::Flags(words) => write_flags(f, number as u32, words, "|"),
        _ => write!(f, "{number}"),
    }
}

fn write_word(f: &mut fmt::Formatter, number: u32, words: Words) -> fmt::Result {
    match constants::word(words, number) {
        Some(word) => f.write_str(word),
        None => write!(f, "{number}"),
    }
}

/// Writes the words of the bits that are on, joined by `mark`. Bits without a word are written in
/// hexadecimal.
fn write_flags(f: &mut fmt::Formatter, flags: u32, words: Words, mark: &str) -> fmt::Result {
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

/// net/packet/af_packet.c, PACKET_FANOUT: the ID is in the lowest 16 bits, followed by the type and the
/// flags.
fn write_fanout(f: &mut fmt::Formatter, number: u32) -> fmt::Result {
    write!(f, "id:{}|", number & 0xffff)?;
    write_word(f, number >> 16 & 0xff, constants::FANOUTS)?;
    match number & 0xff00_0000 {
        0 => Ok(()),
        flags => {
            f.write_str("|")?;
            write_flags(f, flags, constants::FANOUT_FLAGS, "|")
        }
    }
}

/// Writes seconds, with only as many decimals as are needed.
fn write_seconds(f: &mut fmt::Formatter, seconds: i64, microseconds: i64) -> fmt::Result {
    if microseconds == 0 {
        return write!(f, "{seconds}s");
    }
    let decimals = format!("{microseconds:06}");
    write!(f, "{seconds}.{}s", decimals.trim_end_matches('0'))
}

/// Writes the entries of a list joined by `|`. `cut`: there are more.
fn write_list<T>(
    f: &mut fmt::Formatter,
    entries: &[T],
    cut: bool,
    write: fn(&mut fmt::Formatter, &T) -> fmt::Result,
) -> fmt::Result {
    if entries.is_empty() && !cut {
        return f.write_str("-");
    }
    let mut bar = "";
    for entry in entries {
        f.write_str(bar)?;
        write(f, entry)?;
        bar = "|";
    }
    match cut {
        true => write!(f, "{bar}..."),
        false => Ok(()),
    }
}

/// Writes `group%interface`, followed by `+source` for each source in include mode, or `-source` in exclude
/// mode.
pub(super) fn write_membership(f: &mut fmt::Formatter, member: &Membership) -> fmt::Result {
    write!(f, "{}", member.group)?;
    write_interface(f, &member.interface, member.ifindex)?;
    let sign = if member.include { '+' } else { '-' };
    for source in &member.sources {
        write!(f, "{sign}{source}")?;
    }
    match member.cut {
        true => write!(f, "{sign}..."),
        false => Ok(()),
    }
}

fn write_keys(f: &mut fmt::Formatter, keys: &Keys) -> fmt::Result {
    match keys.members.is_empty() {
        // The keys were removed after the fact was read and before the list was.
        true => f.write_str("1"),
        false => write_list(f, &keys.members, keys.cut, write_key),
    }
}

/// Writes `address/bits`, followed by `%interface` if the key applies only to packets from one VRF (`%0`:
/// from no VRF), and by the IDs of a TCP-AO key.
pub(super) fn write_key(f: &mut fmt::Formatter, key: &Key) -> fmt::Result {
    write!(f, "{}/{}", key.address, key.prefix_length)?;
    if let Some(interface) = &key.interface {
        write_interface(f, &interface.name, interface.index)?;
    }
    match key.protocol {
        KeyProtocol::Ao { send_id, receive_id } => {
            write!(f, "+sndid:{send_id}+rcvid:{receive_id}")
        }
        KeyProtocol::Md5 => Ok(()),
    }
}

/// Writes `PROMISC%eth0`, `MULTICAST:01:00:5e:00:00:fb%eth0`, and `*2` if it was requested twice.
pub(super) fn write_packet_membership(
    f: &mut fmt::Formatter,
    member: &PacketMembership,
) -> fmt::Result {
    write_packet_request(f, member)?;
    write_interface(f, &member.interface, member.ifindex)?;
    match member.count {
        1 => Ok(()),
        count => write!(f, "*{count}"),
    }
}

/// Writes `PROMISC`, or `MULTICAST:01:00:5e:00:00:fb`.
pub(super) fn write_packet_request(
    f: &mut fmt::Formatter,
    member: &PacketMembership,
) -> fmt::Result {
    write_word(f, member.kind.into(), constants::PACKET_MEMBERSHIPS)?;
    match member.address.is_empty() {
        true => Ok(()),
        false => write!(f, ":{}", LinkAddress(&member.address)),
    }
}

/// Writes `%` and the name of an interface, or its index if it has no name any more.
fn write_interface(f: &mut fmt::Formatter, name: &Name, index: u32) -> fmt::Result {
    if name.is_empty() {
        return write!(f, "%{index}");
    }
    let (first, rest) = apart(name.as_bytes());
    write!(f, "%{first}{}", Part(rest))
}

/// Writes a name that is the whole value.
fn write_name(f: &mut fmt::Formatter, name: &[u8]) -> fmt::Result {
    let (first, rest) = apart(name);
    write!(f, "{first}{}", Word(rest))
}

/// Makes a name distinguishable from what is printed if there is no name: a number, or `-`.
fn apart(name: &[u8]) -> (First, &[u8]) {
    set_apart(name, is_number(name) || name == b"-")
}

/// A link-layer address: `01:00:5e:00:00:fb`.
pub struct LinkAddress<'a>(pub &'a [u8]);

impl fmt::Display for LinkAddress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut colon = "";
        for byte in self.0 {
            write!(f, "{colon}{byte:02x}")?;
            colon = ":";
        }
        Ok(())
    }
}

/// Bytes in hexadecimal.
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: Value, kind: ValueKind) -> String {
        Text(&value, kind).to_string()
    }

    #[test]
    fn durations_carry_their_unit() {
        let timeval = |seconds, microseconds| Value::Timeval { seconds, microseconds };
        assert_eq!(text(timeval(1, 500_000), ValueKind::Timeval), "1.5s");
        assert_eq!(text(timeval(0, 4000), ValueKind::Timeval), "0.004s");
        assert_eq!(text(Value::Int(60), ValueKind::Seconds), "60s");
        assert_eq!(text(Value::Linger { on: true, seconds: 5 }, ValueKind::Linger), "5s");
        assert_eq!(text(Value::Linger { on: false, seconds: 5 }, ValueKind::Linger), "off");
    }

    #[test]
    fn words_and_flags() {
        assert_eq!(text(Value::Int(2), ValueKind::Enum(constants::PMTU_DISCOVERY)), "DO");
        assert_eq!(text(Value::Int(9), ValueKind::Enum(constants::PMTU_DISCOVERY)), "9");
        assert_eq!(
            text(Value::Int(0x83), ValueKind::Flags(constants::BUFFER_LOCKS)),
            "SNDBUF|RCVBUF|0x80"
        );
        assert_eq!(text(Value::Uint64(u64::MAX), ValueKind::Rate), "unlimited");
        assert_eq!(text(Value::Int(111), ValueKind::Errno), "ECONNREFUSED");
    }

    #[test]
    fn names_from_outside_are_escaped() {
        let name = Value::Name(Name::new(b"a b,c\x1b\xff\\"));
        assert_eq!(text(name, ValueKind::Name), r"a\x20b\x2cc\x1b\xff\\");
        let program = |name| Value::Program(AttachedProgram::Ebpf { id: 7, name });
        let named = program(Some(Name::new(b"a,b\x1b")));
        assert_eq!(text(named, ValueKind::Program), r"ebpf:id7/a\x2cb\x1b");
        for nameless in [None, Some(Name::default())] {
            assert_eq!(text(program(nameless), ValueKind::Program), "ebpf:id7");
        }
    }
}
