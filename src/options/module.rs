//! The options as the knetstat kernel module prints them: fewer, in its own order and units. bpf/module.bpf.c prints the
//! same from the kernel.

use std::io::{self, Write};

use crate::options::decode::socket::NO_TIMEOUT;
use crate::record::fact::{flag, sections, value, Fact, Sections};
use crate::record::Record;
use crate::socket::kind::SocketKind;

/// The kinds of sockets that the module prints, each in a file of its own, in the order of its tables.
pub const KINDS: [SocketKind; 4] =
    [SocketKind::Tcp, SocketKind::Tcp6, SocketKind::Udp, SocketKind::Udp6];

/// TCP_LISTEN, include/net/tcp_states.h.
const LISTEN: u8 = 10;
/// SOCK_SNDBUF_LOCK and SOCK_RCVBUF_LOCK, include/uapi/linux/socket.h.
const SNDBUF_LOCK: u64 = 1;
const RCVBUF_LOCK: u64 = 2;

/// An option of the module.
struct Printed {
    name: &'static str,
    fact: Fact,
    unit: Unit,
    when: When,
}

/// How the kernel's number is printed.
#[derive(Clone, Copy)]
enum Unit {
    Number,
    /// Half of it: the kernel doubles the sizes of buffers that are set.
    Half,
    /// Jiffies as seconds, without a unit.
    BareSeconds,
    /// Jiffies as seconds.
    Seconds,
    /// Jiffies as milliseconds.
    Milliseconds,
}

/// When an option is printed.
#[derive(Clone, Copy)]
enum When {
    Always,
    /// If the socket listens.
    Listening,
    /// If it is not this number.
    IsNot(u64),
    /// If this fact has these bits.
    HasBits(Fact, u64),
}

use Unit::{BareSeconds, Half, Milliseconds, Number, Seconds};
use When::{Always, HasBits, IsNot, Listening};

const fn printed(name: &'static str, fact: Fact, unit: Unit, when: When) -> Printed {
    Printed { name, fact, unit, when }
}

const REUSEADDR: Printed = printed("SO_REUSEADDR", value!(SOCKET SO_REUSEADDR), Number, Always);
const REUSEPORT: Printed = printed("SO_REUSEPORT", flag!(SOCKET SO_REUSEPORT), Number, Always);
const LOCKS: Fact = value!(SOCKET SO_BUF_LOCK);
const RCVBUF: Printed =
    printed("SO_RCVBUF", value!(SOCKET SO_RCVBUF), Half, HasBits(LOCKS, RCVBUF_LOCK));
const SNDBUF: Printed =
    printed("SO_SNDBUF", value!(SOCKET SO_SNDBUF), Half, HasBits(LOCKS, SNDBUF_LOCK));
const RCVTIMEO: Printed =
    printed("SO_RCVTIMEO", value!(SOCKET SO_RCVTIMEO), Milliseconds, IsNot(NO_TIMEOUT));
const SNDTIMEO: Printed =
    printed("SO_SNDTIMEO", value!(SOCKET SO_SNDTIMEO), Milliseconds, IsNot(NO_TIMEOUT));
const LINGER: Printed = printed(
    "SO_LINGER",
    value!(SOCKET SO_LINGER__jiffies),
    Seconds,
    HasBits(flag!(SOCKET SO_LINGER), 1),
);

static OF_TCP: [Printed; 15] = [
    REUSEADDR,
    REUSEPORT,
    printed("SO_KEEPALIVE", flag!(SOCKET SO_KEEPALIVE), Number, Always),
    printed("TCP_KEEPIDLE", value!(TCP TCP_KEEPIDLE), BareSeconds, IsNot(0)),
    printed("TCP_KEEPCNT", value!(TCP TCP_KEEPCNT), Number, IsNot(0)),
    printed("TCP_KEEPINTVL", value!(TCP TCP_KEEPINTVL), BareSeconds, IsNot(0)),
    // Milliseconds. The module converted them from jiffies, which they were up to Linux 4.19.
    printed("TCP_USER_TIMEOUT", value!(TCP TCP_USER_TIMEOUT), Number, IsNot(0)),
    RCVBUF,
    SNDBUF,
    RCVTIMEO,
    SNDTIMEO,
    LINGER,
    printed("TCP_NODELAY", flag!(TCP TCP_NODELAY), Number, Always),
    printed("TCP_FASTOPEN", value!(TCP TCP_FASTOPEN), Number, Listening),
    // The number of retransmissions, and not the time that getsockopt(2) returns.
    printed("TCP_DEFER_ACCEPT", value!(TCP TCP_DEFER_ACCEPT), Number, Always),
];

static OF_UDP: [Printed; 8] = [
    REUSEADDR,
    REUSEPORT,
    RCVBUF,
    SNDBUF,
    RCVTIMEO,
    SNDTIMEO,
    LINGER,
    printed("SO_BROADCAST", flag!(SOCKET SO_BROADCAST), Number, Always),
];

/// The sections of records that the options are read from.
pub fn read_sections() -> Sections {
    let facts = OF_TCP.iter().chain(&OF_UDP).flat_map(|option| match option.when {
        HasBits(fact, _) => [option.fact, fact],
        Always | Listening | IsNot(_) => [option.fact; 2],
    });
    sections(&facts.collect::<Vec<Fact>>())
}

/// Appends the options of a TCP socket. `hz` is the number of jiffies in a second.
///
/// # Errors
///
/// None: appending to memory does not fail.
pub fn write_tcp(to: &mut Vec<u8>, record: &Record, hz: u64) -> io::Result<()> {
    write(to, &OF_TCP, record, hz)
}

/// Appends the options of a UDP socket, like [`write_tcp`].
///
/// # Errors
///
/// None, as there.
pub fn write_udp(to: &mut Vec<u8>, record: &Record, hz: u64) -> io::Result<()> {
    write(to, &OF_UDP, record, hz)
}

fn write(to: &mut Vec<u8>, options: &[Printed], record: &Record, hz: u64) -> io::Result<()> {
    let mut comma = "";
    for option in options {
        let raw = option.fact.of(record);
        let is_printed = match option.when {
            Always => true,
            Listening => record.header.state == LISTEN,
            IsNot(unset) => raw.is_some_and(|raw| raw != unset),
            HasBits(fact, bits) => fact.of(record).is_some_and(|it| it & bits != 0),
        };
        if is_printed {
            write!(to, "{comma}{}=", option.name)?;
            write_value(to, raw.unwrap_or_default(), option.unit, hz)?;
            comma = ",";
        }
    }
    Ok(())
}

fn write_value(to: &mut Vec<u8>, raw: u64, unit: Unit, hz: u64) -> io::Result<()> {
    match unit {
        Number => write!(to, "{raw}"),
        Half => write!(to, "{}", raw / 2),
        BareSeconds => write!(to, "{}", raw / hz),
        Seconds => write!(to, "{}s", raw / hz),
        // As the module computes it, with the overflow of long timeouts.
        Milliseconds => write!(to, "{}ms", (raw as i64).wrapping_mul(1000) / hz as i64),
    }
}
