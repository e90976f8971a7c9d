//! What these tests know of the options: number, what getsockopt(2) lays out, and values to set.
//!
//! It is written down a second time, on purpose: nothing here comes from the program under test. The
//! numbers are those of the C library's headers.

use std::net::Ipv4Addr;

use serde_json::{json, Value};

use crate::numbers::*;

/// An option that getsockopt(2) answers.
pub struct Row {
    pub name: &'static str,
    pub level: i32,
    pub number: i32,
    pub layout: Layout,
    pub values: Values,
}

/// What getsockopt(2) lays out.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(dead_code)] // some are those of other families
pub enum Layout {
    Int,
    Uint,
    /// 16 bits, without a sign.
    Short,
    /// 64 bits, without a sign.
    Long,
    /// `struct linger`
    Linger,
    /// `struct timeval`
    Timeval,
    /// `struct so_timestamping`
    Timestamping,
    /// `struct sock_txtime`
    Txtime,
    /// Two ports in 32 bits.
    Ports,
    /// A string that ends with a zero or with the buffer.
    Name,
    /// `struct in_addr`
    Address,
    /// An interface index in network order.
    NetworkIndex,
    /// Bytes.
    Blob,
    /// A bit for each group from 1 on, in words of 32 bits.
    #[allow(dead_code)] // only tests/families asks for it
    Groups,
    /// These members of a structure of that size: name, where it begins, how many bytes it has.
    Members(&'static [(&'static str, usize, usize)], usize),
    /// A number of 32 bits, where it begins in a structure of that size.
    Inside(usize, usize),
    /// A port in network order, where it begins in a structure of that size.
    Port(usize, usize),
    /// No value but a length, the number of instructions: SO_GET_FILTER without a buffer.
    Filter,
}

impl Layout {
    /// How large a buffer is offered.
    pub fn size(self) -> usize {
        match self {
            Layout::Long | Layout::Linger | Layout::Timestamping | Layout::Txtime => 8,
            Layout::Timeval | Layout::Name => 16,
            Layout::Blob | Layout::Groups => 2048,
            Layout::Members(_, size) | Layout::Inside(_, size) | Layout::Port(_, size) => size,
            Layout::Filter => 0,
            Layout::Short => 2,
            _ => 4,
        }
    }

    /// The JSON that stands for an answer of `length` bytes.
    pub fn json(self, bytes: &[u8], length: usize) -> Value {
        let int = |at: usize| i32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
        let long = |at: usize| i64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap());
        match self {
            Layout::Int => json!(int(0)),
            Layout::Uint => json!(int(0) as u32),
            Layout::Short => json!(number(&bytes[..2])),
            Layout::Long => json!(long(0) as u64),
            Layout::Linger => json!({"l_onoff": int(0), "l_linger": int(4)}),
            Layout::Timeval => json!({"tv_sec": long(0), "tv_usec": long(8)}),
            // Before 5.14 there are only the flags.
            Layout::Timestamping => {
                json!({"flags": int(0), "bind_phc": if length < 8 { 0 } else { int(4) }})
            }
            Layout::Txtime => json!({"clockid": int(0), "flags": int(4)}),
            Layout::Ports => json!({"lo": int(0) & 0xffff, "hi": int(0) as u32 >> 16}),
            Layout::Name => {
                let name = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
                json!(std::str::from_utf8(name).expect("these tests use plain names"))
            }
            Layout::Address => json!(Ipv4Addr::from(u32::from_be(int(0) as u32)).to_string()),
            Layout::NetworkIndex => json!(u32::from_be(int(0) as u32)),
            Layout::Blob => json!(hex(bytes)),
            Layout::Groups => {
                let joined = |group: &usize| int(group / 32 * 4) >> (group % 32) & 1 != 0;
                let groups = (0..length * 8).filter(joined).map(|group| group + 1);
                json!(groups.collect::<Vec<_>>())
            }
            Layout::Members(members, _) => members
                .iter()
                .map(|&(name, at, size)| (name, number(&bytes[at..at + size])))
                .collect(),
            Layout::Inside(at, _) => json!(int(at) as u32),
            Layout::Port(at, _) => json!(u16::from_be_bytes([bytes[at], bytes[at + 1]])),
            Layout::Filter if length == 0 => json!({"kind": "none", "instructions": 0}),
            Layout::Filter => json!({"kind": "classic", "instructions": length}),
        }
    }
}

/// A number without a sign.
fn number(bytes: &[u8]) -> u64 {
    let mut number = [0; 8];
    let place = if cfg!(target_endian = "little") { 0 } else { 8 - bytes.len() };
    number[place..place + bytes.len()].copy_from_slice(bytes);
    u64::from_ne_bytes(number)
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What can be set.
pub enum Values {
    /// Nothing: it only tells, or only raw and unix sockets can set it.
    Fixed,
    /// 0 and 1.
    Flag,
    /// These numbers.
    Ints(&'static [i32]),
    /// The numbers from the first to the second.
    Between(i32, i32),
    /// These; the second ones would break a connection that is yet to be made.
    EarlyLate(&'static [i32], &'static [i32]),
    /// What the function makes.
    Made(fn() -> Vec<Setting>),
}

/// A call of setsockopt(2).
#[derive(Clone)]
pub struct Setting {
    /// The option that it is for.
    pub name: &'static str,
    pub level: i32,
    pub number: i32,
    pub value: Vec<u8>,
    /// Only for a socket that is connected already: the value would be in the way of that.
    pub late: bool,
}

impl Setting {
    fn new(row: &Row, value: i32, late: bool) -> Setting {
        let Row { name, level, number, .. } = *row;
        Setting { name, level, number, value: value.to_ne_bytes().to_vec(), late }
    }

    fn with(name: &'static str, level: i32, number: i32, value: impl Into<Vec<u8>>) -> Setting {
        Setting { name, level, number, value: value.into(), late: false }
    }

    fn late(mut self) -> Setting {
        self.late = true;
        self
    }
}

impl Row {
    /// Some values to set, the extremes among them.
    pub fn settings(&self) -> Vec<Setting> {
        let early = |values: &[i32]| values.iter().map(|&n| Setting::new(self, n, false)).collect();
        match self.values {
            Values::Fixed => Vec::new(),
            Values::Flag => early(&[1, 0]),
            Values::Ints(values) => early(values),
            Values::Between(low, high) => {
                let mut values = vec![high, low + 1, low, (low / 2 + high / 2) | 1];
                values.dedup();
                early(&values)
            }
            Values::EarlyLate(first, second) => {
                let mut settings: Vec<Setting> = early(first);
                settings.extend(second.iter().map(|&n| Setting::new(self, n, true)));
                settings
            }
            Values::Made(make) => make(),
        }
    }

    /// Any value, chosen by a random number.
    pub fn random(&self, random: u64) -> Option<Setting> {
        if let Values::Between(low, high) = self.values {
            // One time in two an extreme; otherwise anything between.
            if random % 2 == 0 {
                let span = (i64::from(high) - i64::from(low) + 1) as u64;
                let value = i64::from(low) + ((random >> 1) % span) as i64;
                return Some(Setting::new(self, value as i32, false));
            }
        }
        let settings = self.settings();
        let index = (random >> 1) as usize % settings.len().max(1);
        settings.into_iter().nth(index)
    }
}

/// The index of the loopback interface, and the one that the tests give another interface.
pub const LOOPBACK: i32 = 1;
pub const SECOND: i32 = 77;

macro_rules! row {
    ($level:ident $name:ident, $layout:ident, $values:expr) => {
        Row {
            name: stringify!($name),
            level: $level,
            number: $name,
            layout: Layout::$layout,
            values: $values,
        }
    };
}

use Values::{Between, EarlyLate, Fixed, Flag, Ints, Made};

/// Every option that getsockopt(2) answers on some socket.
#[rustfmt::skip]
pub static TABLE: &[Row] = &[
    row!(SOL_SOCKET SO_DEBUG, Int, Flag),
    row!(SOL_SOCKET SO_REUSEADDR, Int, Flag),
    row!(SOL_SOCKET SO_TYPE, Int, Fixed),
    row!(SOL_SOCKET SO_ERROR, Int, Fixed),
    row!(SOL_SOCKET SO_DONTROUTE, Int, Flag),
    row!(SOL_SOCKET SO_BROADCAST, Int, Flag),
    row!(SOL_SOCKET SO_SNDBUF, Uint, Made(send_buffers)),
    row!(SOL_SOCKET SO_RCVBUF, Uint, Made(receive_buffers)),
    row!(SOL_SOCKET SO_KEEPALIVE, Int, Flag),
    row!(SOL_SOCKET SO_OOBINLINE, Int, Flag),
    row!(SOL_SOCKET SO_NO_CHECK, Int, Flag),
    row!(SOL_SOCKET SO_PRIORITY, Int, Ints(&[5, 0, 6, 7, i32::MAX, -1])),
    row!(SOL_SOCKET SO_LINGER, Linger, Made(lingers)),
    row!(SOL_SOCKET SO_REUSEPORT, Int, Flag),
    row!(SOL_SOCKET SO_PASSCRED, Int, Flag),
    row!(SOL_SOCKET SO_RCVLOWAT, Uint, Ints(&[100, 0, 1, 65536, i32::MAX, -1])),
    row!(SOL_SOCKET SO_RCVTIMEO, Timeval, Made(|| timeouts("SO_RCVTIMEO", SO_RCVTIMEO, 66))),
    row!(SOL_SOCKET SO_SNDTIMEO, Timeval, Made(|| timeouts("SO_SNDTIMEO", SO_SNDTIMEO, 67))),
    row!(SOL_SOCKET SO_BINDTODEVICE, Name, Made(devices)),
    row!(SOL_SOCKET SO_BINDTOIFINDEX, Int, EarlyLate(&[LOOPBACK, 0], &[SECOND])),
    row!(SOL_SOCKET SO_GET_FILTER, Filter, Made(filters)),
    row!(SOL_SOCKET SO_LOCK_FILTER, Int, Flag),
    row!(SOL_SOCKET SO_TIMESTAMP, Int, Flag),
    row!(SOL_SOCKET SO_TIMESTAMPNS, Int, Flag),
    row!(SOL_SOCKET SO_TIMESTAMP_NEW, Int, Flag),
    row!(SOL_SOCKET SO_TIMESTAMPNS_NEW, Int, Flag),
    row!(SOL_SOCKET SO_TIMESTAMPING, Timestamping, Made(timestampings)),
    row!(SOL_SOCKET SO_ACCEPTCONN, Int, Fixed),
    row!(SOL_SOCKET SO_PASSSEC, Int, Flag),
    row!(SOL_SOCKET SO_MARK, Uint, Ints(&[0x1234, 0, 1, i32::MAX, i32::MIN, -1])),
    row!(SOL_SOCKET SO_PROTOCOL, Int, Fixed),
    row!(SOL_SOCKET SO_DOMAIN, Int, Fixed),
    row!(SOL_SOCKET SO_RXQ_OVFL, Int, Flag),
    row!(SOL_SOCKET SO_WIFI_STATUS, Int, Flag),
    row!(SOL_SOCKET SO_PEEK_OFF, Int, Ints(&[0, 1, -1, 4096, i32::MAX])),
    row!(SOL_SOCKET SO_NOFCS, Int, Flag),
    row!(SOL_SOCKET SO_SELECT_ERR_QUEUE, Int, Flag),
    row!(SOL_SOCKET SO_BUSY_POLL, Uint, Between(0, i32::MAX)),
    row!(SOL_SOCKET SO_PREFER_BUSY_POLL, Int, Flag),
    row!(SOL_SOCKET SO_MAX_PACING_RATE, Long, Made(pacing_rates)),
    row!(SOL_SOCKET SO_INCOMING_CPU, Int, Ints(&[0, 1, -1, 4095, i32::MAX])),
    row!(SOL_SOCKET SO_INCOMING_NAPI_ID, Uint, Fixed),
    row!(SOL_SOCKET SO_COOKIE, Long, Fixed),
    row!(SOL_SOCKET SO_ZEROCOPY, Int, Flag),
    row!(SOL_SOCKET SO_TXTIME, Txtime, Made(transmit_times)),
    row!(SOL_SOCKET SO_NETNS_COOKIE, Long, Fixed),
    row!(SOL_SOCKET SO_BUF_LOCK, Uint, Between(0, 3)),
    row!(SOL_SOCKET SO_RESERVE_MEM, Uint, Ints(&[4096, 0, 1 << 20])),
    row!(SOL_SOCKET SO_TXREHASH, Int, Ints(&[0, 1, -1])),
    row!(SOL_SOCKET SO_RCVMARK, Int, Flag),
    row!(SOL_SOCKET SO_PASSPIDFD, Int, Flag),
    row!(SOL_SOCKET SO_RCVPRIORITY, Int, Flag),

    row!(IPPROTO_TCP TCP_NODELAY, Int, Flag),
    row!(IPPROTO_TCP TCP_MAXSEG, Uint, Ints(&[1000, 0, 88, 536, 32767])),
    row!(IPPROTO_TCP TCP_CORK, Int, Flag),
    row!(IPPROTO_TCP TCP_KEEPIDLE, Int, Between(1, 32767)),
    row!(IPPROTO_TCP TCP_KEEPINTVL, Int, Between(1, 32767)),
    row!(IPPROTO_TCP TCP_KEEPCNT, Int, Between(1, 127)),
    row!(IPPROTO_TCP TCP_SYNCNT, Int, Between(1, 127)),
    row!(IPPROTO_TCP TCP_LINGER2, Int, Ints(&[5, 0, -1, 1, 120, 121, i32::MAX, i32::MIN])),
    row!(IPPROTO_TCP TCP_DEFER_ACCEPT, Int, Ints(&[1, 0, 5, 10, 100, 4000, i32::MAX, -1])),
    row!(IPPROTO_TCP TCP_WINDOW_CLAMP, Uint, Ints(&[5000, 0, 1, 65535, i32::MAX])),
    row!(IPPROTO_TCP TCP_QUICKACK, Int, Ints(&[0, 1, 2])),
    row!(IPPROTO_TCP TCP_CONGESTION, Name, Made(congestion_algorithms)),
    row!(IPPROTO_TCP TCP_THIN_LINEAR_TIMEOUTS, Int, Flag),
    row!(IPPROTO_TCP TCP_USER_TIMEOUT, Uint, Between(0, i32::MAX)),
    row!(IPPROTO_TCP TCP_FASTOPEN, Int, Between(0, 5000)),
    row!(IPPROTO_TCP TCP_NOTSENT_LOWAT, Uint, Ints(&[16384, 0, 1, i32::MAX, -1])),
    row!(IPPROTO_TCP TCP_SAVE_SYN, Int, Between(0, 2)),
    row!(IPPROTO_TCP TCP_FASTOPEN_CONNECT, Int, Flag),
    row!(IPPROTO_TCP TCP_ULP, Name, Made(upper_layers)),
    row!(IPPROTO_TCP TCP_FASTOPEN_NO_COOKIE, Int, Flag),
    row!(IPPROTO_TCP TCP_INQ, Int, Flag),
    row!(IPPROTO_TCP TCP_TX_DELAY, Uint, Ints(&[1000, 0, 1, (1 << 28) - 1])),
    row!(IPPROTO_TCP TCP_IS_MPTCP, Int, Fixed),
    row!(IPPROTO_TCP TCP_RTO_MAX_MS, Uint, Between(1000, 120_000)),
    row!(IPPROTO_TCP TCP_RTO_MIN_US, Uint, Between(8000, 200_000)),
    row!(IPPROTO_TCP TCP_DELACK_MAX_US, Uint, Between(8000, 200_000)),
    // With it on, connect(2) asks nobody, and no connection arrives.
    row!(IPPROTO_TCP TCP_REPAIR, Int, EarlyLate(&[0], &[1, -1])),

    row!(IPPROTO_UDP UDP_CORK, Int, Flag),
    row!(IPPROTO_UDP UDP_ENCAP, Uint, Ints(&[2, 0, 3])),
    row!(IPPROTO_UDP UDP_NO_CHECK6_TX, Int, Flag),
    row!(IPPROTO_UDP UDP_NO_CHECK6_RX, Int, Flag),
    row!(IPPROTO_UDP UDP_SEGMENT, Uint, Between(0, 65535)),
    row!(IPPROTO_UDP UDP_GRO, Int, Flag),

    row!(IPPROTO_IP IP_TOS, Int, Between(0, 255)),
    row!(IPPROTO_IP IP_TTL, Int, Ints(&[33, -1, 1, 255])),
    row!(IPPROTO_IP IP_HDRINCL, Int, Fixed),
    row!(IPPROTO_IP IP_OPTIONS, Blob, Made(ip_options)),
    row!(IPPROTO_IP IP_ROUTER_ALERT, Int, Fixed),
    row!(IPPROTO_IP IP_RECVOPTS, Int, Flag),
    row!(IPPROTO_IP IP_RETOPTS, Int, Flag),
    row!(IPPROTO_IP IP_PKTINFO, Int, Flag),
    row!(IPPROTO_IP IP_MTU_DISCOVER, Uint, Between(0, 5)),
    row!(IPPROTO_IP IP_RECVERR, Int, Flag),
    row!(IPPROTO_IP IP_RECVTTL, Int, Flag),
    row!(IPPROTO_IP IP_RECVTOS, Int, Flag),
    row!(IPPROTO_IP IP_FREEBIND, Int, Flag),
    row!(IPPROTO_IP IP_PASSSEC, Int, Flag),
    row!(IPPROTO_IP IP_TRANSPARENT, Int, Flag),
    row!(IPPROTO_IP IP_RECVORIGDSTADDR, Int, Flag),
    row!(IPPROTO_IP IP_MINTTL, Int, EarlyLate(&[1, 0], &[64, 255])),
    row!(IPPROTO_IP IP_NODEFRAG, Int, Fixed),
    row!(IPPROTO_IP IP_CHECKSUM, Int, Flag),
    row!(IPPROTO_IP IP_BIND_ADDRESS_NO_PORT, Int, Flag),
    row!(IPPROTO_IP IP_RECVFRAGSIZE, Int, Flag),
    row!(IPPROTO_IP IP_RECVERR_RFC4884, Int, Flag),
    row!(IPPROTO_IP IP_MULTICAST_IF, Address, Made(multicast_interfaces)),
    row!(IPPROTO_IP IP_MULTICAST_TTL, Int, Ints(&[7, -1, 0, 255])),
    row!(IPPROTO_IP IP_MULTICAST_LOOP, Int, Flag),
    row!(IPPROTO_IP IP_MULTICAST_ALL, Int, Flag),
    row!(IPPROTO_IP IP_UNICAST_IF, NetworkIndex, Made(|| unicast_interfaces("IP_UNICAST_IF", IPPROTO_IP, IP_UNICAST_IF))),
    row!(IPPROTO_IP IP_LOCAL_PORT_RANGE, Ports, Made(port_ranges)),

    row!(IPPROTO_IPV6 IPV6_2292PKTINFO, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_2292HOPOPTS, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_2292DSTOPTS, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_2292RTHDR, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_2292HOPLIMIT, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_FLOWINFO, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_UNICAST_HOPS, Int, EarlyLate(&[33, -1, 1, 255], &[0])),
    row!(IPPROTO_IPV6 IPV6_MULTICAST_IF, Int, EarlyLate(&[LOOPBACK, 0], &[SECOND])),
    row!(IPPROTO_IPV6 IPV6_MULTICAST_HOPS, Int, Ints(&[7, -1, 0, 255])),
    row!(IPPROTO_IPV6 IPV6_MULTICAST_LOOP, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_ROUTER_ALERT, Int, Fixed),
    row!(IPPROTO_IPV6 IPV6_MTU_DISCOVER, Uint, Between(0, 5)),
    row!(IPPROTO_IPV6 IPV6_RECVERR, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_V6ONLY, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_MULTICAST_ALL, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_ROUTER_ALERT_ISOLATE, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_RECVERR_RFC4884, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_FLOWINFO_SEND, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_RECVPKTINFO, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_RECVHOPLIMIT, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_RECVHOPOPTS, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_HOPOPTS, Blob, Made(|| extension_headers("IPV6_HOPOPTS", IPV6_HOPOPTS))),
    row!(IPPROTO_IPV6 IPV6_RTHDRDSTOPTS, Blob, Made(|| extension_headers("IPV6_RTHDRDSTOPTS", IPV6_RTHDRDSTOPTS))),
    row!(IPPROTO_IPV6 IPV6_RECVRTHDR, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_RTHDR, Blob, Made(routing_headers)),
    row!(IPPROTO_IPV6 IPV6_RECVDSTOPTS, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_DSTOPTS, Blob, Made(|| extension_headers("IPV6_DSTOPTS", IPV6_DSTOPTS))),
    row!(IPPROTO_IPV6 IPV6_RECVPATHMTU, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_DONTFRAG, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_RECVTCLASS, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_TCLASS, Int, Between(-1, 255)),
    row!(IPPROTO_IPV6 IPV6_AUTOFLOWLABEL, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_ADDR_PREFERENCES, Uint, Ints(&[1, 2, 0x100, 4, 0x400, 1 | 4, 2 | 0x400, 0x500])),
    row!(IPPROTO_IPV6 IPV6_MINHOPCOUNT, Int, EarlyLate(&[1, 0], &[64, 255])),
    row!(IPPROTO_IPV6 IPV6_RECVORIGDSTADDR, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_TRANSPARENT, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_UNICAST_IF, NetworkIndex, Made(|| unicast_interfaces("IPV6_UNICAST_IF", IPPROTO_IPV6, IPV6_UNICAST_IF))),
    row!(IPPROTO_IPV6 IPV6_RECVFRAGSIZE, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_FREEBIND, Int, Flag),

    // What a connection has as soon as TLS is on top of it; the others tell of keys, see tests/tls.rs.
    row!(SOL_TLS TLS_TX_ZEROCOPY_RO, Int, Fixed),
    row!(SOL_TLS TLS_TX_MAX_PAYLOAD_LEN, Short, Fixed),
];

/// What no socket of TCP or UDP has of the levels that they do have: tests/families compares it.
pub const OF_OTHER_FAMILIES: [&str; 5] =
    ["SO_PASSRIGHTS", "SO_INQ", "SO_PEERCRED", "IPV6_HDRINCL", "IPV6_CHECKSUM"];

/// The options that getsockopt(2) does not answer; they have tests of their own, in unseen.rs.
pub const WITHOUT_GETTER: [&str; 10] = [
    "SO_BUSY_POLL_BUDGET",
    "SO_ATTACH_REUSEPORT_CBPF",
    "TCP_MD5SIG",
    "TCP_AO_ADD_KEY",
    "IP_ADD_MEMBERSHIP",
    "IP_IPSEC_POLICY",
    "IPV6_JOIN_GROUP",
    "IPV6_JOIN_ANYCAST",
    "IPV6_PKTINFO",
    "IPV6_IPSEC_POLICY",
];

/// Members of a C structure one after another.
pub fn structure<const N: usize>(members: [&[u8]; N]) -> Vec<u8> {
    members.concat()
}

fn ints<const N: usize>(members: [i32; N]) -> Vec<u8> {
    members.into_iter().flat_map(i32::to_ne_bytes).collect()
}

fn longs<const N: usize>(members: [i64; N]) -> Vec<u8> {
    members.into_iter().flat_map(i64::to_ne_bytes).collect()
}

fn send_buffers() -> Vec<Setting> {
    let set = |number, value| Setting::with("SO_SNDBUF", SOL_SOCKET, number, ints([value]));
    vec![
        set(SO_SNDBUF, 30_000),
        set(SO_SNDBUF, 0),
        set(SO_SNDBUF, i32::MAX),
        set(SO_SNDBUFFORCE, 10_000_000),
    ]
}

fn receive_buffers() -> Vec<Setting> {
    let set = |number, value| Setting::with("SO_RCVBUF", SOL_SOCKET, number, ints([value]));
    vec![
        set(SO_RCVBUF, 30_000),
        set(SO_RCVBUF, 0),
        set(SO_RCVBUF, i32::MAX),
        set(SO_RCVBUFFORCE, 10_000_000),
    ]
}

fn lingers() -> Vec<Setting> {
    let set = |on, seconds| Setting::with("SO_LINGER", SOL_SOCKET, SO_LINGER, ints([on, seconds]));
    vec![set(1, 5), set(0, 7), set(1, 0), set(1, i32::MAX), set(1, -1)]
}

fn timeouts(name: &'static str, old: i32, new: i32) -> Vec<Setting> {
    let set = |number, seconds, microseconds| {
        Setting::with(name, SOL_SOCKET, number, longs([seconds, microseconds]))
    };
    vec![
        set(old, 1, 500_000),
        set(new, 2, 250_001),
        set(old, 0, 0),
        set(old, 0, 1),
        set(old, 0, 999_999),
        set(old, -1, 0),
        set(old, 1 << 40, 3),
        set(old, i64::MAX, 0),
    ]
}

fn devices() -> Vec<Setting> {
    let set = |name: &str| Setting::with("SO_BINDTODEVICE", SOL_SOCKET, SO_BINDTODEVICE, name);
    vec![set("lo"), set(""), set("second").late()]
}

/// Programs that let every packet pass.
fn filters() -> Vec<Setting> {
    let set = |number, value| Setting::with("SO_GET_FILTER", SOL_SOCKET, number, value);
    vec![
        set(SO_ATTACH_FILTER, classic_program(1)),
        set(SO_ATTACH_FILTER, classic_program(3)),
        set(SO_ATTACH_FILTER, classic_program(MOST_INSTRUCTIONS)),
        set(SO_DETACH_FILTER, ints([0])),
    ]
}

/// BPF_MAXINSNS
pub const MOST_INSTRUCTIONS: usize = 4096;

/// `struct sock_fprog` of that many instructions of classic BPF: nothing but returns, so that the
/// end of a longer program is one too.
pub fn classic_program(instructions: usize) -> Vec<u8> {
    // `struct sock_filter`: BPF_RET | BPF_K, and how much of the packet passes: all.
    static PROGRAM: [[u8; 8]; MOST_INSTRUCTIONS] =
        [[6, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]; MOST_INSTRUCTIONS];
    let length = u16::try_from(instructions).expect("a program is that short");
    let address = PROGRAM[..instructions].as_ptr() as usize;
    structure([&length.to_ne_bytes(), &[0; 6], &address.to_ne_bytes()])
}

fn timestampings() -> Vec<Setting> {
    // SOF_TIMESTAMPING_...: combinations that belong together.
    const TRANSMIT: i32 = 1 | 2 | 16;
    const RECEIVE: i32 = 4 | 8 | 64;
    const IDENTIFIED: i32 = 2 | 16 | 128 | 2048;
    const SCHEDULED: i32 = 256 | 512 | 1024;
    let set = |number, value| Setting::with("SO_TIMESTAMPING", SOL_SOCKET, number, value);
    let mut settings: Vec<Setting> = [TRANSMIT, RECEIVE, IDENTIFIED, SCHEDULED, 1 << 14, 0]
        .into_iter()
        .map(|flags| set(SO_TIMESTAMPING, ints([flags])))
        .collect();
    settings.push(set(SO_TIMESTAMPING, ints([RECEIVE | SCHEDULED, 0])));
    settings.push(set(SO_TIMESTAMPING_NEW, ints([TRANSMIT | RECEIVE])));
    settings
}

fn pacing_rates() -> Vec<Setting> {
    let set =
        |value: Vec<u8>| Setting::with("SO_MAX_PACING_RATE", SOL_SOCKET, SO_MAX_PACING_RATE, value);
    vec![
        set(ints([1_000_000])),
        set(longs([1 << 40])),
        set(ints([0])),
        set(ints([-1])),
        set(ints([i32::MAX])),
        set(longs([-2])),
    ]
}

fn transmit_times() -> Vec<Setting> {
    let set =
        |clock, flags| Setting::with("SO_TXTIME", SOL_SOCKET, SO_TXTIME, ints([clock, flags]));
    vec![set(1, 1), set(11, 3), set(0, 2), set(1, 0)]
}

/// The algorithms that this kernel has, but for those that it would have to load.
fn congestion_algorithms() -> Vec<Setting> {
    let available = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_available_congestion_control");
    let available = available.expect("the kernel has TCP");
    let set = |name: &str| Setting::with("TCP_CONGESTION", IPPROTO_TCP, TCP_CONGESTION, name);
    available.split_whitespace().map(set).collect()
}

fn upper_layers() -> Vec<Setting> {
    vec![Setting::with("TCP_ULP", IPPROTO_TCP, TCP_ULP, "tls").late()]
}

/// Options of the IP header that change nothing on the way: the others are in blobs.rs.
fn ip_options() -> Vec<Setting> {
    let set = |value: &[u8]| Setting::with("IP_OPTIONS", IPPROTO_IP, IP_OPTIONS, value);
    vec![
        set(&[1, 1, 1, 0]),
        // Record route with room for two addresses.
        set(&[7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0]),
        set(&[]),
    ]
}

fn multicast_interfaces() -> Vec<Setting> {
    let set = |value: Vec<u8>| Setting::with("IP_MULTICAST_IF", IPPROTO_IP, IP_MULTICAST_IF, value);
    let loopback = [127, 0, 0, 1];
    let index = LOOPBACK.to_ne_bytes();
    vec![
        set(loopback.to_vec()),
        set(structure([&[0; 4], &loopback, &index])),
        set(structure([&[0; 4], &[10, 7, 7, 7], &index])),
        set(structure([&[0; 4], &[0; 4], &index])),
        set(vec![0; 4]),
    ]
}

fn unicast_interfaces(name: &'static str, level: i32, number: i32) -> Vec<Setting> {
    let set = |index: i32| Setting::with(name, level, number, index.to_be_bytes());
    vec![set(LOOPBACK), set(0), set(SECOND).late()]
}

fn port_ranges() -> Vec<Setting> {
    let set = |low: u16, high: u16| {
        let value = u32::from(low) | u32::from(high) << 16;
        let value = value.to_ne_bytes();
        Setting::with("IP_LOCAL_PORT_RANGE", IPPROTO_IP, IP_LOCAL_PORT_RANGE, value)
    };
    vec![set(40_000, 50_000), set(0, 0), set(1, 65_535), set(0, 50_000), set(40_000, 0)]
}

/// A header of options: one that is eight bytes of padding, and one as large as the kernel takes.
fn extension_headers(name: &'static str, number: i32) -> Vec<Setting> {
    let set = |value: Vec<u8>| Setting::with(name, IPPROTO_IPV6, number, value);
    let padding = set(vec![0, 0, 1, 4, 0, 0, 0, 0]);
    vec![
        // A SYN with destination options arrives, one with the others does not.
        if number == IPV6_DSTOPTS { padding } else { padding.late() },
        set(extension_header(48)).late(),
        set(extension_header(2040)).late(),
        set(Vec::new()),
    ]
}

/// An extension header of that many bytes, with an option that whoever does not know it skips.
pub fn extension_header(length: usize) -> Vec<u8> {
    const SKIPPED: u8 = 0x1e;
    let mut header: Vec<u8> = (0..length).map(|at| at as u8).collect();
    header[0] = 0;
    header[1] = (length / 8 - 1) as u8;
    header[2] = SKIPPED;
    header[3] = (length - 4).min(255) as u8;
    header
}

/// Segment routing headers of one and of two segments: the only kind that every kernel still takes.
fn routing_headers() -> Vec<Setting> {
    let set = |value| Setting::with("IPV6_RTHDR", IPPROTO_IPV6, IPV6_RTHDR, value);
    vec![set(routing_header(1)).late(), set(routing_header(2)).late(), set(Vec::new())]
}

/// `struct ipv6_sr_hdr` with its segments.
pub fn routing_header(segments: u8) -> Vec<u8> {
    const SEGMENT_ROUTING: u8 = 4;
    let mut header = vec![0, segments * 2, SEGMENT_ROUTING, segments - 1, segments - 1, 0, 0, 0];
    for segment in 0..segments {
        header.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, segment + 1]);
    }
    header
}
