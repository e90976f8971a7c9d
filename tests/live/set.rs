//! The options that count as set. The expected options are those that the tests set with setsockopt(2).

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU16, Ordering};

use crate::common::scene::inode;
use crate::common::{
    self, attach_return, bind, connect, enter_namespace, find, has_mptcp, ip, is_option, listen,
    local_address, not_tested, open, set, set_bytes, sockets, stdout, sysctl, wait_until,
};
use knetstat::options::catalogue::CATALOGUE;
use knetstat::options::set::Marker;
use knetstat::options::spec::OptionSpec;
use nix::sys::socket::{AddressFamily, SockType};
use serde_json::Value;
use socket2::{Domain, Type};

const SOL_SOCKET: i32 = 1;
const IPPROTO_IP: i32 = 0;
const IPPROTO_IPV6: i32 = 41;
const IPPROTO_TCP: i32 = 6;
const IPPROTO_UDP: i32 = 17;

/// Levels whose options no new TCP or UDP socket has. `families` and `tls` test them.
const OTHER_LEVELS: [&str; 8] = [
    "SOL_RAW",
    "SOL_ICMPV6",
    "SOL_SCTP",
    "SOL_NETLINK",
    "AF_VSOCK",
    "SOL_PACKET",
    "SOL_XDP",
    "SOL_TLS",
];

/// The index of the loopback interface, which is always 1.
const LO: i32 = 1;

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LOCALHOST6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// The four kinds of sockets, and sets of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kinds(u8);

const TCP4: Kinds = Kinds(1);
const TCP6: Kinds = Kinds(2);
const UDP4: Kinds = Kinds(4);
const UDP6: Kinds = Kinds(8);
const TCP: Kinds = Kinds(TCP4.0 | TCP6.0);
const UDP: Kinds = Kinds(UDP4.0 | UDP6.0);
const V4: Kinds = Kinds(TCP4.0 | UDP4.0);
const V6: Kinds = Kinds(TCP6.0 | UDP6.0);
const ALL: Kinds = Kinds(TCP.0 | UDP.0);

impl Kinds {
    fn contains(self, kind: Kinds) -> bool {
        self.0 & kind.0 != 0
    }

    /// Returns the name of one kind.
    fn word(self) -> &'static str {
        match self {
            TCP4 => "tcp",
            TCP6 => "tcp6",
            UDP4 => "udp",
            UDP6 => "udp6",
            _ => "several",
        }
    }

    fn each(self) -> impl Iterator<Item = Kinds> {
        [TCP4, TCP6, UDP4, UDP6].into_iter().filter(move |kind| self.contains(*kind))
    }
}

/// A call of setsockopt(2), and the options of the socket that count as set after it.
struct Setting {
    kinds: Kinds,
    level: i32,
    number: i32,
    value: Vec<u8>,
    expected: &'static str,
}

/// `rows!(level: (kinds, number, value, "options that are set then"), ...)`
macro_rules! rows {
    ($level:expr; $(($kinds:expr, $number:expr, $value:expr, $expected:expr),)*) => {
        vec![$(Setting {
            kinds: $kinds,
            level: $level,
            number: $number,
            value: bytes(&$value),
            expected: $expected,
        },)*]
    };
}

/// Returns the bytes of 32-bit numbers in a C struct.
fn bytes(numbers: &[i32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

/// Returns the members of a 64-bit struct timeval.
fn timeval(seconds: i64, microseconds: i64) -> [i32; 4] {
    let halves = |number: i64| (number as i32, (number >> 32) as i32);
    let ((a, b), (c, d)) = (halves(seconds), halves(microseconds));
    match cfg!(target_endian = "little") {
        true => [a, b, c, d],
        false => [b, a, d, c],
    }
}

/// Returns four bytes in network byte order.
fn be(bytes: [u8; 4]) -> i32 {
    i32::from_ne_bytes(bytes)
}

#[rustfmt::skip]
fn socket_settings() -> Vec<Setting> {
    let timeouts = |number, name| rows![SOL_SOCKET;
        (ALL, number, timeval(1, 500_000), name),
        (ALL, number, timeval(0, 1), name), // less than a tick
        (ALL, number, timeval(-1, 0), name), // do not wait: getsockopt(2) returns 0
        (ALL, number, timeval(0, 0), ""), // no timeout, the default
    ];
    let mut rows = rows![SOL_SOCKET;
        (ALL, 1, [1], "SO_DEBUG"),
        (ALL, 1, [0], ""),
        (ALL, 2, [1], "SO_REUSEADDR"),
        (ALL, 5, [1], "SO_DONTROUTE"),
        (ALL, 6, [1], "SO_BROADCAST"),
        (ALL, 7, [50_000], "SO_SNDBUF SO_BUF_LOCK"),
        (ALL, 8, [50_000], "SO_RCVBUF SO_BUF_LOCK"),
        (ALL, 32, [50_000], "SO_SNDBUF SO_BUF_LOCK"), // SO_SNDBUFFORCE
        (ALL, 33, [50_000], "SO_RCVBUF SO_BUF_LOCK"), // SO_RCVBUFFORCE
        (TCP, 7, [8192], "SO_SNDBUF SO_BUF_LOCK"), // 16384, the default
        (ALL, 9, [1], "SO_KEEPALIVE"),
        (ALL, 10, [1], "SO_OOBINLINE"),
        (ALL, 11, [1], "SO_NO_CHECK"),
        (ALL, 12, [5], "SO_PRIORITY"),
        (ALL, 13, [1, 5], "SO_LINGER"),
        (ALL, 13, [1, 0], "SO_LINGER"),
        (ALL, 13, [0, 5], ""), // off
        (ALL, 15, [1], "SO_REUSEPORT"),
        (ALL, 16, [1], "SO_PASSCRED"),
        (ALL, 18, [100], "SO_RCVLOWAT"),
        (ALL, 18, [0], ""), // becomes 1, the default
        (ALL, 25, [be(*b"lo\0\0")], "SO_BINDTODEVICE SO_BINDTOIFINDEX"),
        (ALL, 62, [LO], "SO_BINDTODEVICE SO_BINDTOIFINDEX"),
        (ALL, 29, [1], "SO_TIMESTAMP"),
        (ALL, 35, [1], "SO_TIMESTAMPNS"),
        (ALL, 63, [1], "SO_TIMESTAMP_NEW"),
        (ALL, 64, [1], "SO_TIMESTAMPNS_NEW SO_TIMESTAMP_NEW"),
        (ALL, 37, [8 | 16], "SO_TIMESTAMPING"),
        (ALL, 65, [8 | 16], "SO_TIMESTAMPING"), // SO_TIMESTAMPING_NEW
        (ALL, 34, [1], "SO_PASSSEC"),
        (ALL, 36, [7], "SO_MARK"),
        (ALL, 40, [1], "SO_RXQ_OVFL"),
        (ALL, 41, [1], "SO_WIFI_STATUS"),
        (ALL, 42, [0], "SO_PEEK_OFF"),
        (ALL, 42, [-1], ""),
        (ALL, 43, [1], "SO_NOFCS"),
        (ALL, 44, [1], "SO_LOCK_FILTER"),
        (ALL, 45, [1], "SO_SELECT_ERR_QUEUE"),
        (ALL, 46, [50], "SO_BUSY_POLL"),
        (ALL, 47, [1_000_000], "SO_MAX_PACING_RATE"),
        (ALL, 47, [-1], ""), // unlimited
        (ALL, 49, [1], ""), // SO_INCOMING_CPU: the kernel changes it constantly
        (ALL, 60, [1], "SO_ZEROCOPY"),
        (ALL, 61, [1, 1], "SO_TXTIME"),
        (ALL, 61, [0, 0], "SO_TXTIME"), // CLOCK_REALTIME: getsockopt(2) returns the same as before
        (ALL, 69, [1], "SO_PREFER_BUSY_POLL"),
        (ALL, 70, [16], "SO_BUSY_POLL_BUDGET"),
        (ALL, 72, [1], "SO_BUF_LOCK SO_SNDBUF"),
        (ALL, 72, [3], "SO_BUF_LOCK SO_SNDBUF SO_RCVBUF"),
        (ALL, 72, [0], ""),
        (ALL, 74, [0], "SO_TXREHASH"),
        (ALL, 74, [1], ""),
        (ALL, 75, [1], "SO_RCVMARK"),
        (ALL, 76, [1], "SO_PASSPIDFD"),
        (ALL, 82, [1], "SO_RCVPRIORITY"),
    ];
    rows.extend(timeouts(20, "SO_RCVTIMEO"));
    rows.extend(timeouts(66, "SO_RCVTIMEO")); // SO_RCVTIMEO_NEW
    rows.extend(timeouts(21, "SO_SNDTIMEO"));
    rows.extend(timeouts(67, "SO_SNDTIMEO")); // SO_SNDTIMEO_NEW
    rows
}

#[rustfmt::skip]
fn tcp_settings() -> Vec<Setting> {
    rows![IPPROTO_TCP;
        (TCP, 1, [1], "TCP_NODELAY"),
        (TCP, 1, [0], ""),
        (TCP, 2, [1000], "TCP_MAXSEG"),
        (TCP, 3, [1], "TCP_CORK"),
        (TCP, 4, [7200], "TCP_KEEPIDLE"), // the default
        (TCP, 4, [60], "TCP_KEEPIDLE"),
        (TCP, 5, [75], "TCP_KEEPINTVL"), // the default
        (TCP, 6, [9], "TCP_KEEPCNT"), // the default
        (TCP, 7, [6], "TCP_SYNCNT"), // the default
        (TCP, 8, [60], "TCP_LINGER2"), // the default
        (TCP, 8, [-1], "TCP_LINGER2"),
        (TCP, 8, [0], ""), // the sysctl applies
        (TCP, 9, [5], "TCP_DEFER_ACCEPT"),
        (TCP, 9, [0], ""),
        (TCP, 10, [10_000], "TCP_WINDOW_CLAMP"),
        (TCP, 10, [0], ""),
        (TCP, 12, [0], ""), // TCP_QUICKACK: traffic changes it
        (TCP, 12, [1], ""),
        (TCP, 13, [be(*b"reno")], "TCP_CONGESTION"),
        (TCP, 13, [be(*b"cubi"), be(*b"c\0\0\0")], "TCP_CONGESTION"), // the default
        (TCP, 16, [1], "TCP_THIN_LINEAR_TIMEOUTS"),
        (TCP, 18, [30_000], "TCP_USER_TIMEOUT"),
        (TCP, 23, [5], "TCP_FASTOPEN"),
        (TCP, 23, [0], ""),
        (TCP, 25, [16_384], "TCP_NOTSENT_LOWAT"),
        (TCP, 27, [1], "TCP_SAVE_SYN"),
        (TCP, 27, [2], "TCP_SAVE_SYN"),
        (TCP, 30, [1], "TCP_FASTOPEN_CONNECT"),
        (TCP, 34, [1], "TCP_FASTOPEN_NO_COOKIE"),
        (TCP, 36, [1], "TCP_INQ"),
        (TCP, 37, [1000], "TCP_TX_DELAY"),
        (TCP, 44, [5000], "TCP_RTO_MAX_MS"),
        (TCP, 45, [100_000], "TCP_RTO_MIN_US"),
        (TCP, 46, [20_000], "TCP_DELACK_MAX_US"),
    ]
}

#[rustfmt::skip]
fn udp_settings() -> Vec<Setting> {
    rows![IPPROTO_UDP;
        (UDP, 1, [1], "UDP_CORK"),
        (UDP, 1, [0], ""),
        (UDP, 100, [3], "UDP_ENCAP"), // L2TPINUDP
        (UDP, 101, [1], "UDP_NO_CHECK6_TX"),
        (UDP, 102, [1], "UDP_NO_CHECK6_RX"),
        (UDP, 103, [1000], "UDP_SEGMENT"),
        (UDP, 104, [1], "UDP_GRO"),
    ]
}

#[rustfmt::skip]
fn ip_settings() -> Vec<Setting> {
    let localhost = be([127, 0, 0, 1]);
    let group = be([239, 1, 2, 3]);
    rows![IPPROTO_IP;
        (ALL, 1, [0x20], "IP_TOS"),
        (ALL, 1, [0x10], "IP_TOS SO_PRIORITY"),
        (ALL, 1, [0], ""),
        (UDP, 1, [1], "IP_TOS"),
        (TCP, 1, [1], ""), // the ECN bits of TCP are reserved for the kernel
        (ALL, 2, [64], "IP_TTL"), // the default
        (ALL, 2, [9], "IP_TTL"),
        (ALL, 2, [-1], ""), // the sysctl applies
        (ALL, 4, [be([7, 7, 4, 0]), 0], "IP_OPTIONS"),
        (ALL, 6, [1], "IP_RECVOPTS"),
        (ALL, 7, [1], "IP_RETOPTS"),
        (ALL, 8, [1], "IP_PKTINFO"),
        (ALL, 10, [2], "IP_MTU_DISCOVER"),
        (ALL, 10, [1], ""),
        (ALL, 11, [1], "IP_RECVERR"),
        (ALL, 12, [1], "IP_RECVTTL"),
        (ALL, 13, [1], "IP_RECVTOS"),
        (V4, 15, [1], "IP_FREEBIND"),
        (V6, 15, [1], "IP_FREEBIND IPV6_FREEBIND"),
        (ALL, 18, [1], "IP_PASSSEC"),
        (V4, 19, [1], "IP_TRANSPARENT"),
        (V6, 19, [1], "IP_TRANSPARENT IPV6_TRANSPARENT"),
        (ALL, 20, [1], "IP_RECVORIGDSTADDR"),
        (ALL, 21, [5], "IP_MINTTL"),
        (UDP, 23, [1], "IP_CHECKSUM"),
        (ALL, 24, [1], "IP_BIND_ADDRESS_NO_PORT"),
        (UDP, 25, [1], "IP_RECVFRAGSIZE"),
        (ALL, 26, [1], "IP_RECVERR_RFC4884"),
        (UDP, 32, [localhost], "IP_MULTICAST_IF"),
        (UDP, 32, [0, 0, LO], "IP_MULTICAST_IF"), // by index: getsockopt(2) returns 0.0.0.0
        (UDP, 33, [9], "IP_MULTICAST_TTL"),
        (UDP, 33, [-1], ""),
        (ALL, 34, [0], "IP_MULTICAST_LOOP"),
        (UDP, 35, [group, 0, LO], "IP_ADD_MEMBERSHIP"),
        (V4, 49, [0], "IP_MULTICAST_ALL"),
        (V6, 49, [1], "IP_MULTICAST_ALL"), // off on new IPv6 sockets
        (ALL, 50, [LO.to_be()], "IP_UNICAST_IF"),
        (ALL, 51, [40_000 | 41_000 << 16], "IP_LOCAL_PORT_RANGE"),
    ]
}

#[rustfmt::skip]
fn ipv6_settings() -> Vec<Setting> {
    let localhost = [0, 0, 0, be([0, 0, 0, 1])];
    let [a, b, c, d] = localhost;
    let group = be([0xff, 2, 0, 0]);
    let anycast = [be([0xfd, 0, 0, 0]), 0, 0, be([0, 0, 0, 9])];
    let [e, f, g, h] = anycast;
    let padding = be([0, 0, 1, 4]); // next header, length, PadN of four bytes
    let route = be([0, 2, 4, 0]); // next header, length, type 4 (segments), the last of them
    rows![IPPROTO_IPV6;
        (V6, 2, [1], "IPV6_2292PKTINFO"),
        (V6, 3, [1], "IPV6_2292HOPOPTS"),
        (V6, 4, [1], "IPV6_2292DSTOPTS"),
        (V6, 5, [1], "IPV6_2292RTHDR"),
        (V6, 8, [1], "IPV6_2292HOPLIMIT"),
        (V6, 11, [1], "IPV6_FLOWINFO"),
        (V6, 16, [64], "IPV6_UNICAST_HOPS"), // the default
        (V6, 16, [9], "IPV6_UNICAST_HOPS"),
        (V6, 16, [-1], ""), // the route's value or the sysctl applies
        (UDP6, 17, [LO], "IPV6_MULTICAST_IF"),
        (UDP6, 18, [9], "IPV6_MULTICAST_HOPS"),
        (UDP6, 18, [-1], ""),
        (V6, 19, [0], "IPV6_MULTICAST_LOOP"),
        (UDP6, 20, [group, 0, 0, be([0, 0, 0x12, 0x34]), LO], "IPV6_JOIN_GROUP"),
        (V6, 23, [2], "IPV6_MTU_DISCOVER"),
        (V6, 24, [1400], ""), // getsockopt(2) reads IPV6_MTU from the route: it is not shown
        (V6, 25, [1], "IPV6_RECVERR"),
        (V6, 26, [1], "IPV6_V6ONLY"),
        (V6, 26, [0], ""),
        (V6, 27, [e, f, g, h, LO], "IPV6_JOIN_ANYCAST"),
        (V6, 29, [0], "IPV6_MULTICAST_ALL"),
        (V6, 30, [1], "IPV6_ROUTER_ALERT_ISOLATE"),
        (V6, 31, [1], "IPV6_RECVERR_RFC4884"),
        (V6, 33, [1], "IPV6_FLOWINFO_SEND"),
        (V6, 49, [1], "IPV6_RECVPKTINFO"),
        (V6, 50, [a, b, c, d, LO], "IPV6_PKTINFO"),
        (V6, 51, [1], "IPV6_RECVHOPLIMIT"),
        (V6, 53, [1], "IPV6_RECVHOPOPTS"),
        (V6, 54, [padding, 0], "IPV6_HOPOPTS"),
        (V6, 55, [padding, 0], "IPV6_RTHDRDSTOPTS"),
        (V6, 56, [1], "IPV6_RECVRTHDR"),
        (V6, 57, [route, 0, a, b, c, d], "IPV6_RTHDR"),
        (V6, 58, [1], "IPV6_RECVDSTOPTS"),
        (V6, 59, [padding, 0], "IPV6_DSTOPTS"),
        (V6, 60, [1], "IPV6_RECVPATHMTU"),
        (V6, 62, [1], "IPV6_DONTFRAG"),
        (V6, 66, [1], "IPV6_RECVTCLASS"),
        (V6, 67, [0x20], "IPV6_TCLASS"),
        (UDP6, 67, [1], "IPV6_TCLASS"),
        (TCP6, 67, [1], ""), // the ECN bits of TCP are reserved for the kernel
        (V6, 67, [-1], ""), // becomes 0
        (V6, 70, [1], "IPV6_AUTOFLOWLABEL"), // the default
        (V6, 70, [0], "IPV6_AUTOFLOWLABEL"),
        (V6, 72, [2], "IPV6_ADDR_PREFERENCES"), // PREFER_SRC_PUBLIC
        (V6, 72, [0x100], ""), // PREFER_SRC_PUBTMP_DEFAULT
        (V6, 73, [5], "IPV6_MINHOPCOUNT"),
        (V6, 74, [1], "IPV6_RECVORIGDSTADDR"),
        (V6, 75, [1], "IP_TRANSPARENT IPV6_TRANSPARENT"),
        (V6, 76, [LO.to_be()], "IPV6_UNICAST_IF"),
        (V6, 77, [1], "IPV6_RECVFRAGSIZE"),
        (V6, 78, [1], "IP_FREEBIND IPV6_FREEBIND"),
    ]
}

fn settings() -> Vec<Setting> {
    let levels =
        [socket_settings(), tcp_settings(), udp_settings(), ip_settings(), ipv6_settings()];
    levels.into_iter().flatten().collect()
}

/// Opens a socket of one kind.
fn open_kind(kind: Kinds) -> OwnedFd {
    let family = if V6.contains(kind) { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let socket_type = if TCP.contains(kind) { SockType::Stream } else { SockType::Datagram };
    open(family, socket_type)
}

/// Adds a socket to the kernel's tables, where knetstat finds it: binds it to the wildcard address, which
/// sets no option, and to a port of its own.
fn publish(socket: &impl AsFd, kind: Kinds) {
    static PORT: AtomicU16 = AtomicU16::new(1024);
    let any: IpAddr = match V6.contains(kind) {
        true => Ipv6Addr::UNSPECIFIED.into(),
        false => Ipv4Addr::UNSPECIFIED.into(),
    };
    bind(socket, (any, PORT.fetch_add(1, Ordering::Relaxed)));
    if TCP.contains(kind) {
        listen(socket, 5);
    }
}

/// Returns the words of a list as a set.
fn names(words: &str) -> BTreeSet<&str> {
    words.split_whitespace().collect()
}

/// Returns the options in a list that the kernel has for this socket.
fn known<'a>(socket: &impl AsFd, words: &'a str) -> BTreeSet<&'a str> {
    let is_known = |name: &&str| {
        let option = CATALOGUE.iter().find(|option| option.name == *name).expect("an option");
        let (level, number) = (option.level.number, option.number);
        let answer =
            knetstat::kernel::syscall::getsockopt(socket.as_fd(), level, number, &mut [0; 512]);
        !option.has_getter || !answer.is_err_and(|error| is_refusal(&error))
    };
    words.split_whitespace().filter(is_known).collect()
}

/// Returns the options that count as set for a socket.
fn set_of<'a>(sockets: &'a [Value], socket: &impl AsFd) -> BTreeSet<&'a str> {
    let shown =
        find(sockets, socket).unwrap_or_else(|| panic!("no row for inode {}", inode(socket)));
    let set = shown["set"].as_array().unwrap_or_else(|| panic!("no set: {shown}"));
    set.iter().map(|name| name.as_str().expect("a name")).collect()
}

/// Asserts that no option counts as set on the sockets.
fn assert_nothing_set(sockets: &[&dyn AsFd]) {
    assert!(!sockets.is_empty());
    let all = common::sockets("");
    for socket in sockets {
        assert_eq!(set_of(&all, &socket.as_fd()), names(""));
    }
}

/// Whether the error means that the kernel does not have the option for this kind of socket.
fn is_refusal(error: &io::Error) -> bool {
    const ENOPROTOOPT: i32 = 92;
    const EOPNOTSUPP: i32 = 95;
    matches!(error.raw_os_error(), Some(ENOPROTOOPT | EOPNOTSUPP))
}

fn name_of(level: i32, number: i32) -> Option<&'static str> {
    let is_it = |option: &&OptionSpec| (option.level.number, option.number) == (level, number);
    CATALOGUE.iter().find(is_it).map(|option| option.name)
}

#[test]
fn each_setting_alone() {
    enter_namespace();
    // IPV6_JOIN_ANYCAST requires a router with an address in that network.
    sysctl("net/ipv6/conf/all/forwarding", "1");
    ip("addr add fd00::1/64 dev lo nodad");

    let mut cases: Vec<(String, OwnedFd, &str)> = Vec::new();
    let mut refused: Vec<(String, OwnedFd, Option<&str>)> = Vec::new();
    for setting in settings() {
        for kind in setting.kinds.each() {
            let Setting { level, number, value, expected, .. } = &setting;
            let what = format!("{}: level {level} number {number} = {value:?}", kind.word());
            let socket = open_kind(kind);
            let result = set_bytes(&socket, *level, *number, value);
            publish(&socket, kind);
            match result {
                Ok(()) => cases.push((what, socket, expected)),
                Err(error) if is_refusal(&error) => {
                    refused.push((what, socket, name_of(*level, *number)));
                }
                Err(error) => panic!("{what}: {error}"),
            }
        }
    }

    assert!(cases.len() > 2 * refused.len(), "{} of {} are refused", refused.len(), cases.len());
    let (all, only_set) = (sockets(""), sockets("-O set"));
    let mut wrong = Vec::new();
    for (what, socket, expected) in &cases {
        let by_all = set_of(&all, socket);
        let by_set = set_of(&only_set, socket);
        let shown = find(&only_set, socket).expect("a row")["options"].as_object().unwrap();
        let shown = shown.keys().map(String::as_str);
        let shown: BTreeSet<&str> = shown.filter(|name| is_option(name)).collect();
        for set in [by_all, by_set, shown] {
            if set != known(socket, expected) {
                wrong.push(format!("{what}: {set:?} instead of {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // An option that cannot be set here is not shown.
    for (what, socket, option) in &refused {
        let options = &find(&all, socket).expect("a row")["options"];
        assert!(option.is_none_or(|name| options.get(name).is_none()), "{what}");
        assert_eq!(set_of(&all, socket), names(""), "{what}");
    }
    let names: BTreeSet<&str> = refused.iter().filter_map(|(_, _, option)| *option).collect();
    let names: Vec<&str> = names.into_iter().collect();
    if !names.is_empty() {
        not_tested(&format!(
            "that these count as set, which some kind refuses: {}",
            names.join(", ")
        ));
    }
}

/// A new option must have a row in the tables above, or be listed here with the test that covers it, or the
/// reason why there is none.
#[test]
fn every_option_is_tested() {
    const ELSEWHERE: &[&str] = &[
        "SO_GET_FILTER", // programs()
        "SO_ATTACH_REUSEPORT_CBPF",
        "TCP_MD5SIG", // keys_and_policies()
        "IP_IPSEC_POLICY",
        "IPV6_IPSEC_POLICY",
        "TCP_REPAIR",        // repair()
        "SO_RESERVE_MEM",    // needs a memory cgroup that counts sockets
        "TCP_ULP",           // needs a kernel with TLS
        "TCP_AO_ADD_KEY",    // needs a kernel with TCP-AO
        "IP_HDRINCL",        // raw sockets only
        "IP_NODEFRAG",       // raw sockets only
        "IP_ROUTER_ALERT",   // raw sockets only
        "IPV6_ROUTER_ALERT", // raw sockets only
        "IPV6_HDRINCL",      // raw sockets only
        "IPV6_CHECKSUM",     // raw sockets only
        "SO_PASSRIGHTS",     // unix sockets only
        "SO_INQ",            // unix sockets only
        "SO_RIGHTS_NOTRUNC", // unix sockets only
        "SK_BPF_CB_FLAGS",   // BPF programs only: options::programs
        "SK_BPF_BYPASS_PROT_MEM",
        "TCP_BPF_SOCK_OPS_CB_FLAGS",
    ];
    let settings = settings();
    let here = |option: &&OptionSpec| {
        !matches!(option.marker, Marker::Never) && !OTHER_LEVELS.contains(&option.level.name)
    };
    for option in CATALOGUE.iter().filter(here) {
        let tested = settings.iter().any(|setting| names(setting.expected).contains(option.name));
        assert_ne!(tested, ELSEWHERE.contains(&option.name), "{}", option.name);
    }
}

/// Opens sockets of each kind, listening and bound, and both ends of a connection of each IP version.
fn fresh_sockets() -> Vec<OwnedFd> {
    let mut sockets: Vec<OwnedFd> = ALL
        .each()
        .map(|kind| {
            let socket = open_kind(kind);
            publish(&socket, kind);
            socket
        })
        .collect();
    for (kind, ip) in [(TCP4, LOCALHOST), (TCP6, LOCALHOST6)] {
        let listener = open_kind(kind);
        publish(&listener, kind);
        let (client, server) = connect(&TcpListener::from(listener), ip);
        sockets.extend([client.into(), server.into()]);
    }
    for (kind, ip) in [(UDP4, LOCALHOST), (UDP6, LOCALHOST6)] {
        let socket = open_kind(kind);
        bind(&socket, (ip, 0));
        let socket = UdpSocket::from(socket);
        socket.connect((ip, 9)).expect("connect");
        sockets.push(socket.into());
    }
    sockets
}

/// Asserts that no option counts as set on new sockets.
fn assert_fresh_sockets_have_nothing_set() {
    let fresh = fresh_sockets();
    let shown = sockets("");
    for socket in &fresh {
        let shown = find(&shown, socket).expect("a row");
        assert_eq!(shown["set"], serde_json::json!([]), "{shown}");
    }
}

#[test]
fn nothing_is_set_of_new_sockets() {
    enter_namespace();
    assert_fresh_sockets_have_nothing_set();
}

/// bind(2) to an IPv6 address makes the kernel enable IPV6_V6ONLY, which does not count as set.
#[test]
fn an_ipv6_address_sets_nothing() {
    enter_namespace();
    let udp = open_kind(UDP6);
    bind(&udp, (LOCALHOST6, 0));
    let tcp = open_kind(TCP6);
    bind(&tcp, (LOCALHOST6, 0));
    listen(&tcp, 5);
    let tcp = TcpListener::from(tcp);
    let (client, server) = connect(&tcp, LOCALHOST6);
    let mapped = open_kind(UDP6);
    bind(&mapped, (Ipv4Addr::LOCALHOST.to_ipv6_mapped(), 0));
    assert_nothing_set(&[&udp, &tcp, &client, &server, &mapped]);
}

/// A new namespace with unusual defaults.
#[test]
fn nothing_is_set_by_the_system() {
    const SYSCTLS: &[(&str, &str)] = &[
        ("net/ipv6/bindv6only", "1"),
        ("net/ipv6/conf/all/hop_limit", "100"),
        ("net/ipv6/auto_flowlabels", "0"),
        ("net/ipv4/ip_default_ttl", "100"),
        ("net/ipv4/ip_no_pmtu_disc", "1"),
        ("net/ipv4/tcp_keepalive_time", "100"),
        ("net/ipv4/tcp_keepalive_intvl", "7"),
        ("net/ipv4/tcp_keepalive_probes", "3"),
        ("net/ipv4/tcp_syn_retries", "2"),
        ("net/ipv4/tcp_fin_timeout", "20"),
        ("net/ipv4/tcp_wmem", "8192 30000 4194304"),
        ("net/ipv4/tcp_rmem", "8192 50000 6291456"),
        ("net/ipv4/tcp_congestion_control", "reno"),
        ("net/ipv4/tcp_notsent_lowat", "16384"),
        ("net/ipv4/tcp_fastopen", "1027"), // 0x403: listen(2) sets TCP_FASTOPEN itself
    ];
    for (name, value) in SYSCTLS {
        enter_namespace();
        sysctl(name, value);
        assert_fresh_sockets_have_nothing_set();
    }
    enter_namespace();
    SYSCTLS.iter().for_each(|(name, value)| sysctl(name, value));
    assert_fresh_sockets_have_nothing_set();
}

/// If the kernel marks a value as set, a later change of the sysctl makes no difference.
#[test]
fn a_sysctl_that_changes_later() {
    enter_namespace();
    let fresh = fresh_sockets();
    for (name, value) in [
        ("net/ipv4/ip_default_ttl", "100"),
        ("net/ipv6/conf/all/hop_limit", "100"),
        ("net/ipv6/auto_flowlabels", "0"),
        ("net/ipv4/tcp_keepalive_time", "100"),
        ("net/ipv4/tcp_keepalive_intvl", "7"),
        ("net/ipv4/tcp_keepalive_probes", "3"),
        ("net/ipv4/tcp_syn_retries", "2"),
        ("net/ipv4/tcp_fin_timeout", "20"),
        ("net/ipv4/tcp_wmem", "8192 30000 4194304"),
        ("net/ipv4/tcp_rmem", "8192 50000 6291456"),
        ("net/ipv4/tcp_congestion_control", "reno"),
        ("net/ipv4/tcp_notsent_lowat", "16384"),
    ] {
        sysctl(name, value);
    }
    let fresh: Vec<&dyn AsFd> = fresh.iter().map(|socket| socket as &dyn AsFd).collect();
    assert_nothing_set(&fresh);
}

/// Fast Open that the kernel enables on every listener, and Fast Open that a program enables nevertheless.
#[test]
fn fast_open_beside_the_systems() {
    enter_namespace();
    sysctl("net/ipv4/tcp_fastopen", "1027");
    let asked = open_kind(TCP4);
    set(&asked, IPPROTO_TCP, 23, 3).unwrap();
    publish(&asked, TCP4);
    assert_eq!(set_of(&sockets(""), &asked), names("TCP_FASTOPEN"));
}

/// Transfers data in both directions until the kernel has enlarged the buffers of both ends.
#[test]
fn what_the_kernel_changes_by_itself() {
    for (kind, ip) in [(TCP4, LOCALHOST), (TCP6, LOCALHOST6)] {
        enter_namespace();
        let listener = open_kind(kind);
        publish(&listener, kind);
        let fresh = option(&sockets(""), &listener, "SO_RCVBUF");
        let listener = TcpListener::from(listener);
        let (client, server) = connect(&listener, ip);
        exchange(&client, &server);
        wait_until("the receive buffer has grown", || {
            exchange(&server, &client);
            exchange(&client, &server);
            option(&sockets(""), &server, "SO_RCVBUF") > fresh
        });

        let all = sockets("");
        let value = |name| option(&all, &server, name);
        assert!(value("SO_SNDBUF") > option(&all, &listener, "SO_SNDBUF"));
        assert!(value("SO_INCOMING_CPU") >= 0);
        assert!(value("TCP_WINDOW_CLAMP") > 0);
        let name = if V6.contains(kind) { "IPV6_MULTICAST_HOPS" } else { "IP_MULTICAST_TTL" };
        assert_ne!(value(name), 1, "that of the SYN");
        assert_nothing_set(&[&listener, &client, &server]);
    }
}

/// Sends a few megabytes.
fn exchange(mut from: &TcpStream, mut to: &TcpStream) {
    const LENGTH: usize = 4 << 20;
    std::thread::scope(|scope| {
        scope.spawn(move || from.write_all(&vec![0; LENGTH]).expect("write"));
        to.read_exact(&mut vec![0; LENGTH]).expect("read");
    });
}

/// Returns an option that is a number.
fn option(sockets: &[Value], socket: &impl AsFd, name: &str) -> i64 {
    let shown = find(sockets, socket).expect("a row");
    shown["options"][name].as_i64().unwrap_or_else(|| panic!("no {name} in {shown}"))
}

#[test]
fn datagrams_set_nothing() {
    enter_namespace();
    for (kind, ip) in [(UDP4, LOCALHOST), (UDP6, LOCALHOST6)] {
        let (receiver, sender) = (open_kind(kind), open_kind(kind));
        bind(&sender, (ip, 0));
        publish(&receiver, kind);
        let (receiver, sender) = (UdpSocket::from(receiver), UdpSocket::from(sender));
        receiver.connect(sender.local_addr().unwrap()).unwrap();
        sender.send_to(b"hello", receiver.local_addr().unwrap()).unwrap();
        assert!(option(&sockets(""), &receiver, "SO_INCOMING_CPU") >= 0);
        assert_nothing_set(&[&receiver, &sender]);
    }
}

#[test]
fn an_accepted_socket_inherits_from_its_listener() {
    enter_namespace();
    let listener = open_kind(TCP6);
    for (level, number, value) in [
        (SOL_SOCKET, 2, 1),
        (SOL_SOCKET, 8, 50_000),
        (SOL_SOCKET, 9, 1),
        (SOL_SOCKET, 36, 7),
        (IPPROTO_IP, 2, 64),
        (IPPROTO_IPV6, 16, 64),
        (IPPROTO_IPV6, 67, 0x20),
        (IPPROTO_TCP, 1, 1),
        (IPPROTO_TCP, 2, 1000),
        (IPPROTO_TCP, 4, 7200),
        (IPPROTO_TCP, 9, 5), // TCP_DEFER_ACCEPT is not inherited
        (IPPROTO_TCP, 18, 30_000),
    ] {
        set(&listener, level, number, value).unwrap();
    }
    set_bytes(&listener, SOL_SOCKET, 13, &bytes(&[1, 5])).unwrap();
    set_bytes(&listener, SOL_SOCKET, 20, &bytes(&timeval(-1, 0))).unwrap();
    set_bytes(&listener, IPPROTO_TCP, 13, b"reno").unwrap();
    publish(&listener, TCP6);

    let inherited =
        "SO_REUSEADDR SO_RCVBUF SO_BUF_LOCK SO_KEEPALIVE SO_MARK SO_LINGER SO_RCVTIMEO \
                     IP_TTL IPV6_UNICAST_HOPS IPV6_TCLASS TCP_NODELAY TCP_MAXSEG TCP_KEEPIDLE \
                     TCP_USER_TIMEOUT TCP_CONGESTION";
    let listener = TcpListener::from(listener);
    let port = listener.local_addr().unwrap().port();
    let mut client = TcpStream::connect((LOCALHOST6, port)).unwrap();
    client.write_all(b"now").unwrap(); // TCP_DEFER_ACCEPT waits for data
    let unaccepted = sockets("--state established").len();
    assert_eq!(unaccepted, 2, "the server's end waits to be accepted");
    let (server, _) = listener.accept().unwrap();

    let all = sockets("");
    let mut expected = known(&server, inherited);
    assert_eq!(set_of(&all, &server), expected);
    assert_eq!(set_of(&all, &client), names(""));
    expected.insert("TCP_DEFER_ACCEPT");
    assert_eq!(set_of(&all, &listener), expected);
}

/// Options that are set on the accepted socket are not set on its listener.
#[test]
fn a_connection_has_its_own() {
    enter_namespace();
    let listener = open_kind(TCP4);
    publish(&listener, TCP4);
    let listener = TcpListener::from(listener);
    let (client, server) = connect(&listener, LOCALHOST);
    set(&server, IPPROTO_TCP, 1, 1).unwrap();
    set(&client, IPPROTO_TCP, 2, 1000).unwrap();
    set(&client, IPPROTO_IP, 1, 0x10).unwrap();
    let all = sockets("");
    assert_eq!(set_of(&all, &listener), names(""));
    assert_eq!(set_of(&all, &server), names("TCP_NODELAY"));
    assert_eq!(set_of(&all, &client), names("TCP_MAXSEG IP_TOS SO_PRIORITY"));
}

#[test]
fn programs() {
    enter_namespace();
    let sockets: Vec<(OwnedFd, OwnedFd)> = ALL
        .each()
        .map(|kind| {
            let filtered = open_kind(kind);
            attach_return(&filtered, SOL_SOCKET, 26, u32::MAX).unwrap();
            publish(&filtered, kind);
            let balanced = open_kind(kind);
            set(&balanced, SOL_SOCKET, 15, 1).unwrap();
            attach_return(&balanced, SOL_SOCKET, 51, 0).unwrap();
            publish(&balanced, kind);
            (filtered, balanced)
        })
        .collect();
    let all = common::sockets("");
    for (filtered, balanced) in &sockets {
        assert_eq!(set_of(&all, filtered), names("SO_GET_FILTER"));
        assert_eq!(set_of(&all, balanced), names("SO_REUSEPORT SO_ATTACH_REUSEPORT_CBPF"));
    }

    // Removed again
    let (filtered, balanced) = &sockets[0];
    set(filtered, SOL_SOCKET, 27, 0).unwrap();
    set(balanced, SOL_SOCKET, 68, 0).unwrap();
    let all = common::sockets("");
    assert_eq!(set_of(&all, filtered), names(""));
    assert_eq!(set_of(&all, balanced), names("SO_REUSEPORT"));
}

#[test]
fn keys_and_policies() {
    enter_namespace();
    let mut cases = Vec::new();
    for (kind, family) in [(TCP4, 2_u16), (TCP6, 10)] {
        let socket = open_kind(kind);
        set_bytes(&socket, IPPROTO_TCP, 14, &md5sig(family)).expect("TCP_MD5SIG");
        publish(&socket, kind);
        cases.push((socket, "TCP_MD5SIG"));
    }
    for kind in ALL.each() {
        let (level, number, family, expected) = match V6.contains(kind) {
            true => (IPPROTO_IPV6, 35, 10, "IP_IPSEC_POLICY IPV6_IPSEC_POLICY"),
            false => (IPPROTO_IP, 17, 2, "IP_IPSEC_POLICY"),
        };
        let socket = open_kind(kind);
        set_bytes(&socket, level, number, &policy(family)).expect("IP_XFRM_POLICY");
        publish(&socket, kind);
        cases.push((socket, expected));
    }
    let all = sockets("");
    for (socket, expected) in &cases {
        assert_eq!(set_of(&all, socket), names(expected));
    }
}

/// Returns a struct tcp_md5sig (include/uapi/linux/tcp.h) for a peer of this family.
fn md5sig(family: u16) -> Vec<u8> {
    const ADDRESS: usize = 128; // struct __kernel_sockaddr_storage
    let mut key = vec![0; ADDRESS + 8 + 80];
    key[..2].copy_from_slice(&family.to_ne_bytes());
    match family {
        2 => key[4..8].copy_from_slice(&[127, 0, 0, 1]),
        _ => key[23] = 1,
    }
    key[ADDRESS + 2..ADDRESS + 4].copy_from_slice(&6u16.to_ne_bytes()); // tcpm_keylen
    key[ADDRESS + 8..ADDRESS + 14].copy_from_slice(b"secret");
    key
}

/// Returns a struct xfrm_userpolicy_info (include/uapi/linux/xfrm.h) that allows all incoming packets.
fn policy(family: u16) -> Vec<u8> {
    const FAMILY: usize = 40; // sel.family
    let mut policy = vec![0; 168];
    policy[FAMILY..FAMILY + 2].copy_from_slice(&family.to_ne_bytes());
    policy
}

/// TCP_REPAIR makes the kernel write SO_REUSEADDR.
#[test]
fn repair() {
    enter_namespace();
    let listener = open_kind(TCP4);
    publish(&listener, TCP4);
    let (client, _server) = connect(&TcpListener::from(listener), LOCALHOST);
    set(&client, IPPROTO_TCP, 19, 1).unwrap();
    assert_eq!(set_of(&sockets(""), &client), names("TCP_REPAIR SO_REUSEADDR"));
    set(&client, IPPROTO_TCP, 19, 0).unwrap();
    assert_eq!(set_of(&sockets(""), &client), names(""));
}

/// The kernel itself sets options of the subflows of an MPTCP socket. Connections that fall back to TCP
/// keep some of them.
#[test]
fn mptcp_sets_nothing() {
    enter_namespace();
    if !has_mptcp("mptcp_sets_nothing") {
        return;
    }
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = mptcp_socket();
    bind(&listener, any);
    listen(&listener, 5);
    let address = local_address(&listener);
    let client = mptcp_socket();
    client.connect(&address.into()).expect("connect");
    let plain = TcpStream::connect(address).expect("connect");
    let accepted = [(); 2].map(|()| listener.accept().expect("accept").0);

    let all = sockets("");
    assert_eq!(all.len(), 1 + 2 + accepted.len());
    for shown in &all {
        assert_eq!(shown["set"], serde_json::json!([]), "{shown}");
    }

    // The kernel copies options of the MPTCP socket to its subflows.
    client.set_keepalive(true).expect("SO_KEEPALIVE");
    set(&plain, IPPROTO_TCP, 25, 16_384).expect("TCP_NOTSENT_LOWAT");
    let all = sockets("");
    let port = local_address(&client).port();
    let below = all.iter().find(|shown| shown["local"]["port"] == port).expect("a row");
    assert!(below["set"].as_array().unwrap().contains(&"SO_KEEPALIVE".into()), "{below}");
    assert_eq!(set_of(&all, &plain), names("TCP_NOTSENT_LOWAT"));
}

fn mptcp_socket() -> socket2::Socket {
    let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, Some(socket2::Protocol::MPTCP));
    socket.expect("an MPTCP socket: CONFIG_MPTCP, and net.mptcp.enabled")
}

/// In the table, `-O set` shows only the options that are set, and the default selection adds them to the
/// common options.
#[test]
fn set_in_the_table() {
    enter_namespace();
    let socket = UdpSocket::bind("127.0.0.1:4000").unwrap();
    let options = |arguments: &str| {
        let table = stdout(&format!("-uH {arguments}"));
        table.split_once("UNCONN").expect("a row").1.trim().to_string()
    };
    assert_eq!(options("-O set"), "");
    assert_eq!(options(""), "SO_REUSEADDR=0,SO_BROADCAST=0");
    set(&socket, SOL_SOCKET, 12, 5).unwrap();
    set(&socket, SOL_SOCKET, 6, 1).unwrap();
    assert_eq!(options("-O set"), "SO_BROADCAST=1,SO_PRIORITY=5");
    assert_eq!(options(""), "SO_REUSEADDR=0,SO_BROADCAST=1,SO_PRIORITY=5");
    assert_eq!(options("-O priority"), "SO_PRIORITY=5");
}
