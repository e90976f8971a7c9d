//! THE TABLE: one line for each option, with its name, level and number, how it is decoded and formatted,
//! when it counts as set, and what it does.
//!
//! bpf/options.h is the other half, with one line for each fact. The two are checked against each other at
//! compile time: a line here can only name facts that exist, the function that decodes the option receives
//! only these facts, and `every_fact_is_used` asserts that no fact is left over.

use std::ptr;

use crate::options::dead_after;
use crate::options::decode::{
    ip, ipv6, netlink, packet, raw, sctp, socket, tcp, tls, udp, unix, xdp,
};
use crate::options::kind::ValueKind::*;
use crate::options::set::Marker::{Differs, DiffersApartFromEcn, HasBit, IsNot, Never, NotEmpty};
use crate::options::set::{
    BOUND_TO_DEVICE, CONGESTION, FASTOPEN, MAXSEG, MULTICAST_INTERFACE, TX_BUDGET, ULP,
    UNLESS_ACCEPTED_WITH_MARK, UNLESS_ASSOCIATED, UNLESS_BOUND, UNLESS_CLAMPED, UNLESS_CONVERTED,
    UNLESS_DELACK_MAX_RESET, UNLESS_MPTCP, UNLESS_RTO_MIN_RESET, UNLESS_SCTP, UNLESS_SUBFLOW,
    UNLESS_TCP,
};
use crate::options::spec::{Decoder, Level, OptionSpec};
use crate::options::{constants, layouts};
use crate::record::fact::{flag, value, Fact, Section, COUNTS};
use crate::socket::{cgroup, diag, receiver, sockmap};

/// The level that every socket supports.
pub const SOL_SOCKET: Level = Level { name: "SOL_SOCKET", number: 1 };
const IPPROTO_IP: Level = Level { name: "IPPROTO_IP", number: 0 };
const IPPROTO_IPV6: Level = Level { name: "IPPROTO_IPV6", number: 41 };
const IPPROTO_TCP: Level = Level { name: "IPPROTO_TCP", number: 6 };
const IPPROTO_UDP: Level = Level { name: "IPPROTO_UDP", number: 17 };
const SOL_RAW: Level = Level { name: "SOL_RAW", number: 255 };
const SOL_TLS: Level = Level { name: "SOL_TLS", number: 282 };
const SOL_SCTP: Level = Level { name: "SOL_SCTP", number: 132 };
const SOL_ICMPV6: Level = Level { name: "SOL_ICMPV6", number: 58 };
const SOL_PACKET: Level = Level { name: "SOL_PACKET", number: 263 };
const SOL_XDP: Level = Level { name: "SOL_XDP", number: 283 };
const SOL_NETLINK: Level = Level { name: "SOL_NETLINK", number: 270 };
const AF_VSOCK: Level = Level { name: "AF_VSOCK", number: 40 };

/// `option!(LEVEL NAME = number, kind, marker, function, [facts], help)`: an option that a function decodes
/// from these facts.
macro_rules! option {
    ($level:ident $name:ident = $number:literal, $kind:expr, $marker:expr, $decode:path, [$($fact:expr),*], $help:literal) => {
        OptionSpec {
            name: stringify!($name),
            aliases: &[],
            level: $level,
            number: $number,
            kind: $kind,
            decoder: Decoder::Function {
                facts: &[$($fact),*],
                decode: |context| $decode(context, [$(context.get($fact)),*]),
            },
            marker: $marker,
            has_getter: true,
            inside: (0, 0),
            kept_in: ("", ""),
            help: $help,
        }
    };
}

/// An option whose value is a single fact.
macro_rules! one_fact {
    ($level:ident $name:ident = $number:literal, $kind:expr, $marker:expr, $fact:expr, $help:literal) => {
        OptionSpec {
            name: stringify!($name),
            aliases: &[],
            level: $level,
            number: $number,
            kind: $kind,
            decoder: Decoder::Number($fact),
            marker: $marker,
            has_getter: true,
            inside: (0, 0),
            kept_in: ("", ""),
            help: $help,
        }
    };
}

/// `bool!(LEVEL SECTION NAME = number, marker, help)`: a FLAG line that is an option by itself.
macro_rules! bool {
    ($level:ident $section:ident $name:ident = $number:literal, $marker:expr, $help:literal) => {
        one_fact!($level $name = $number, Bool, $marker, flag!($section $name), $help)
    };
}

/// `number!(LEVEL SECTION NAME = number, kind, marker, help)`: a VALUE line that is an option by itself.
macro_rules! number {
    ($level:ident $section:ident $name:ident = $number:literal, $kind:expr, $marker:expr, $help:literal) => {
        one_fact!($level $name = $number, $kind, $marker, value!($section $name), $help)
    };
}

/// Every option, in the order in which they are printed.
#[rustfmt::skip]
pub static CATALOGUE: &[OptionSpec] = &[
    // SOL_SOCKET
    number!(SOL_SOCKET SOCKET SO_REUSEADDR = 2, Enum(constants::REUSE), Differs, "allows binding to a port of sockets that set this too: for TCP and SCTP unless one listens, for UDP always"),
    bool!(SOL_SOCKET SOCKET SO_REUSEPORT = 15, Differs, "allows several sockets that set this to bind to one address and port; the kernel distributes the traffic"),
    bool!(SOL_SOCKET SOCKET SO_KEEPALIVE = 9, Differs, "sends probes on an idle TCP connection to detect a peer that is gone; no effect on other sockets"),
    bool!(SOL_SOCKET SOCKET SO_BROADCAST = 6, Differs, "allows sending datagrams to broadcast addresses"),
    option!(SOL_SOCKET SO_LINGER = 13, Linger, IsNot(flag!(SOCKET SO_LINGER), 0), socket::linger, [flag!(SOCKET SO_LINGER), value!(SOCKET SO_LINGER__jiffies)], "how long close(2) waits for unsent data; with 0 seconds TCP and SCTP abort the connection"),
    number!(SOL_SOCKET SOCKET SO_SNDBUF = 7, Bytes, HasBit(value!(SOCKET SO_BUF_LOCK), 1), "limit of the send buffer; setting it stores twice the value, and TCP stops adjusting the buffer"),
    number!(SOL_SOCKET SOCKET SO_RCVBUF = 8, Bytes, HasBit(value!(SOCKET SO_BUF_LOCK), 2), "limit of the receive buffer; setting it stores twice the value, and TCP stops adjusting the buffer"),
    option!(SOL_SOCKET SO_BUF_LOCK = 72, Flags(constants::BUFFER_LOCKS), Differs, socket::buffer_locks, [value!(SOCKET SO_BUF_LOCK)], "which buffers have a limit that was set, so that TCP does not adjust them"),
    option!(SOL_SOCKET SO_RCVTIMEO = 20, Timeval, IsNot(value!(SOCKET SO_RCVTIMEO), socket::NO_TIMEOUT), socket::timeout, [value!(SOCKET SO_RCVTIMEO)], "how long a receiving call waits; 0: indefinitely").also_called(&["SO_RCVTIMEO_OLD", "SO_RCVTIMEO_NEW"]),
    option!(SOL_SOCKET SO_SNDTIMEO = 21, Timeval, IsNot(value!(SOCKET SO_SNDTIMEO), socket::NO_TIMEOUT), socket::timeout, [value!(SOCKET SO_SNDTIMEO)], "how long a sending call, and connect(2), wait; 0: indefinitely").also_called(&["SO_SNDTIMEO_OLD", "SO_SNDTIMEO_NEW"]),
    number!(SOL_SOCKET SOCKET SO_RCVLOWAT = 18, Bytes, UNLESS_MPTCP, "how many bytes must be available before poll(2) reports a stream as readable"),
    option!(SOL_SOCKET SO_BINDTODEVICE = 25, Name, BOUND_TO_DEVICE, socket::bound_device, [value!(SOCKET SO_BINDTOIFINDEX)], "name of the only interface that the socket sends and receives through"),
    number!(SOL_SOCKET SOCKET SO_BINDTOIFINDEX = 62, Ifindex, BOUND_TO_DEVICE, "index of the only interface that the socket sends and receives through, as SO_BINDTODEVICE"),
    number!(SOL_SOCKET SOCKET SO_MARK = 36, Uint, UNLESS_ACCEPTED_WITH_MARK, "mark of outgoing packets, for routing and firewall rules"),
    number!(SOL_SOCKET SOCKET SO_PRIORITY = 12, Int, Differs, "queueing priority of outgoing packets; setting IP_TOS changes it too"),
    number!(SOL_SOCKET SOCKET SO_MAX_PACING_RATE = 47, Rate, Differs, "maximum rate at which packets are sent"),
    bool!(SOL_SOCKET SOCKET SO_DONTROUTE = 5, Differs, "sends only to hosts on directly connected networks, without a gateway"),
    bool!(SOL_SOCKET SOCKET SO_OOBINLINE = 10, Differs, "keeps urgent data in the stream of normal data"),
    bool!(SOL_SOCKET SOCKET SO_ZEROCOPY = 60, Differs, "allows sending without copying (MSG_ZEROCOPY)"),
    number!(SOL_SOCKET SOCKET SO_PEEK_OFF = 42, Int, Differs, "offset at which the next MSG_PEEK begins; -1: at the front of the queue"),
    number!(SOL_SOCKET SOCKET SO_BUSY_POLL = 46, Microseconds, Differs, "how long to poll the network device when no data is available; 0: not at all"),
    bool!(SOL_SOCKET SOCKET SO_PREFER_BUSY_POLL = 69, Differs, "prefers busy polling over the device's interrupts"),
    number!(SOL_SOCKET SOCKET SO_BUSY_POLL_BUDGET = 70, Int, NotEmpty, "how many packets one busy poll may process").without_getter("sock", "sk_busy_poll_budget"),
    number!(SOL_SOCKET SOCKET SO_INCOMING_CPU = 49, Int, Never, "CPU on which packets last arrived, or the CPU that was set for choosing among the sockets of a port"),
    option!(SOL_SOCKET SO_INCOMING_NAPI_ID = 56, Uint, Never, socket::napi_id, [value!(SOCKET SO_INCOMING_NAPI_ID)], "device queue from which packets last arrived; 0: none"),
    bool!(SOL_SOCKET SOCKET SO_NO_CHECK = 11, Differs, "sends UDP over IPv4 without a checksum"),
    bool!(SOL_SOCKET SOCKET SO_RXQ_OVFL = 40, Differs, "reports to the receiver how many packets the socket has dropped"),
    option!(SOL_SOCKET SO_TIMESTAMP = 29, Bool, Differs, socket::timestamp, [flag!(SOCKET SO_TIMESTAMP__any), flag!(SOCKET SO_TIMESTAMP__ns), flag!(SOCKET SO_TIMESTAMP__new)], "reports to the receiver when a packet arrived, in microseconds").also_called(&["SO_TIMESTAMP_OLD"]),
    option!(SOL_SOCKET SO_TIMESTAMPNS = 35, Bool, Differs, socket::timestampns, [flag!(SOCKET SO_TIMESTAMP__any), flag!(SOCKET SO_TIMESTAMP__ns), flag!(SOCKET SO_TIMESTAMP__new)], "reports to the receiver when a packet arrived, in nanoseconds").also_called(&["SO_TIMESTAMPNS_OLD"]),
    option!(SOL_SOCKET SO_TIMESTAMP_NEW = 63, Bool, Differs, socket::timestamp_new, [flag!(SOCKET SO_TIMESTAMP__any), flag!(SOCKET SO_TIMESTAMP__ns), flag!(SOCKET SO_TIMESTAMP__new)], "SO_TIMESTAMP with 64 bits for the seconds; also on with SO_TIMESTAMPNS_NEW"),
    option!(SOL_SOCKET SO_TIMESTAMPNS_NEW = 64, Bool, Differs, socket::timestampns_new, [flag!(SOCKET SO_TIMESTAMP__any), flag!(SOCKET SO_TIMESTAMP__ns), flag!(SOCKET SO_TIMESTAMP__new)], "SO_TIMESTAMPNS with 64 bits for the seconds"),
    option!(SOL_SOCKET SO_TIMESTAMPING = 37, Timestamping, Differs, socket::timestamping, [value!(SOCKET SO_TIMESTAMPING), value!(SOCKET SO_TIMESTAMPING__bind_phc)], "which timestamps are taken and reported for sent and received packets, and by which clock").also_called(&["SO_TIMESTAMPING_OLD", "SO_TIMESTAMPING_NEW"]),
    option!(SOL_SOCKET SO_TXTIME = 61, Txtime, IsNot(flag!(SOCKET SO_TXTIME), 0), socket::txtime, [flag!(SOCKET SO_TXTIME), value!(SOCKET SO_TXTIME__clockid), flag!(SOCKET SO_TXTIME__deadline_mode), flag!(SOCKET SO_TXTIME__report_errors)], "allows each packet to carry the time at which it is sent, by this clock"),
    bool!(SOL_SOCKET SOCKET SO_RCVMARK = 75, Differs, "reports to the receiver the mark of a packet"),
    bool!(SOL_SOCKET SOCKET SO_RCVPRIORITY = 82, Differs, "reports to the receiver the priority of a packet"),
    bool!(SOL_SOCKET SOCKET SO_SELECT_ERR_QUEUE = 45, Differs, "makes select(2) and poll(2) report a message in the error queue as an exceptional condition"),
    bool!(SOL_SOCKET SOCKET SO_WIFI_STATUS = 41, Differs, "reports to the sender whether a wireless frame was acknowledged"),
    bool!(SOL_SOCKET SOCKET SO_NOFCS = 43, Differs, "the program supplies the frame check sequence of a packet socket's frames"),
    option!(SOL_SOCKET SO_GET_FILTER = 26, Program, IsNot(flag!(SOCKET SO_GET_FILTER), 0), socket::filter, [flag!(SOCKET SO_GET_FILTER), flag!(SOCKET SO_GET_FILTER__classic), value!(SOCKET SO_GET_FILTER__insns), value!(SOCKET SO_GET_FILTER__id), flag!(SOCKET SO_GET_FILTER__name)], "BPF program that decides which packets reach the socket").also_called(&["SO_ATTACH_FILTER", "SO_ATTACH_BPF"]),
    bool!(SOL_SOCKET SOCKET SO_LOCK_FILTER = 44, Differs, "the filter can no longer be changed or removed"),
    option!(SOL_SOCKET SO_ATTACH_REUSEPORT_CBPF = 51, Program, NotEmpty, socket::reuseport_program, [flag!(SOCKET SO_ATTACH_REUSEPORT_CBPF), flag!(SOCKET SO_ATTACH_REUSEPORT_CBPF__classic), value!(SOCKET SO_ATTACH_REUSEPORT_CBPF__insns), value!(SOCKET SO_ATTACH_REUSEPORT_CBPF__id), flag!(SOCKET SO_ATTACH_REUSEPORT_CBPF__name)], "BPF program that chooses among the sockets that share a port by SO_REUSEPORT").also_called(&["SO_ATTACH_REUSEPORT_EBPF"]).without_getter("sock", "sk_reuseport_cb"),
    number!(SOL_SOCKET SOCKET SO_TXREHASH = 74, Int, UNLESS_SCTP, "chooses another path through the network when a connection stalls"),
    number!(SOL_SOCKET SOCKET SO_RESERVE_MEM = 73, Bytes, Differs, "memory that is reserved for the socket"),
    bool!(SOL_SOCKET SOCKET SO_PASSCRED = 16, Differs, "reports to the receiver the process ID, user and group of the sender"),
    bool!(SOL_SOCKET SOCKET SO_PASSSEC = 34, Differs, "reports to the receiver the security label of the sender"),
    bool!(SOL_SOCKET SOCKET SO_PASSPIDFD = 76, Differs, "hands the receiver a PID file descriptor of the sending process"),
    bool!(SOL_SOCKET SOCKET SO_PASSRIGHTS = 83, Differs, "accepts file descriptors that are passed over the socket"),
    bool!(SOL_SOCKET UNIX SO_INQ = 84, NotEmpty, "reports to the receiver how many bytes are left to read").without_getter("unix_sock", "recvmsg_inq"),
    bool!(SOL_SOCKET UNIX SO_RIGHTS_NOTRUNC = 85, NotEmpty, "replaces a file descriptor that may not be received by an error, instead of ending the list there").without_getter("unix_sock", "scm_rights_notrunc"),
    option!(SOL_SOCKET SO_PEERCRED = 17, Struct(&layouts::UCRED), Never, unix::peer_credentials, [flag!(UNIX SO_PEERCRED__known), value!(UNIX SO_PEERCRED__pid), value!(UNIX SO_PEERCRED__uid), value!(UNIX SO_PEERCRED__gid)], "process at the other end, as it was when it connected or listened"),
    number!(SOL_SOCKET SOCKET SK_BPF_CB_FLAGS = 1009, Flags(constants::BPF_CALLBACKS), NotEmpty, "events for which BPF programs are called; set by a BPF program").without_getter("sock", "sk_bpf_cb_flags"),
    bool!(SOL_SOCKET SOCKET SK_BPF_BYPASS_PROT_MEM = 1010, NotEmpty, "does not count the socket against the memory limit of its protocol; set by a BPF program").without_getter("sock", "sk_bypass_prot_mem"),
    bool!(SOL_SOCKET SOCKET SO_DEBUG = 1, Differs, "enables debugging information, where the protocol has any"),
    number!(SOL_SOCKET SOCKET SO_TYPE = 3, Enum(constants::SOCKET_TYPES), Never, "type of the socket"),
    number!(SOL_SOCKET SOCKET SO_DOMAIN = 39, Enum(constants::DOMAINS), Never, "address family of the socket"),
    option!(SOL_SOCKET SO_PROTOCOL = 38, Enum(constants::PROTOCOLS), Never, socket::protocol, [value!(SOCKET SO_PROTOCOL)], "protocol of the socket"),
    bool!(SOL_SOCKET SOCKET SO_ACCEPTCONN = 30, Never, "the socket is listening"),
    option!(SOL_SOCKET SO_ERROR = 4, Errno, Never, socket::pending_error, [value!(SOCKET SO_ERROR), value!(SOCKET SO_ERROR__soft)], "pending error; knetstat reads it without clearing it"),
    option!(SOL_SOCKET SO_COOKIE = 57, Uint64, Never, socket::cookie, [], "number that the kernel gives to no other socket before the next boot; absent until a process asks for it"),
    number!(SOL_SOCKET SOCKET SO_NETNS_COOKIE = 71, Uint64, Never, "number that the kernel gives to no other network namespace before the next boot"),

    // IPPROTO_TCP
    bool!(IPPROTO_TCP TCP TCP_NODELAY = 1, Differs, "sends small segments at once instead of collecting them (disables Nagle's algorithm)"),
    bool!(IPPROTO_TCP TCP TCP_CORK = 3, Differs, "holds back segments that are not full, for at most 200 milliseconds"),
    option!(IPPROTO_TCP TCP_KEEPIDLE = 4, Seconds, IsNot(value!(TCP TCP_KEEPIDLE), 0), tcp::seconds_or_system, [value!(TCP TCP_KEEPIDLE), value!(TCP TCP_KEEPIDLE__sysctl), flag!(TCP TCP_IS_MPTCP)], "how long a connection is idle before SO_KEEPALIVE sends the first probe"),
    option!(IPPROTO_TCP TCP_KEEPINTVL = 5, Seconds, IsNot(value!(TCP TCP_KEEPINTVL), 0), tcp::seconds_or_system, [value!(TCP TCP_KEEPINTVL), value!(TCP TCP_KEEPINTVL__sysctl), flag!(TCP TCP_IS_MPTCP)], "time between two probes of SO_KEEPALIVE"),
    option!(IPPROTO_TCP TCP_KEEPCNT = 6, Int, IsNot(value!(TCP TCP_KEEPCNT), 0), tcp::number_or_system, [value!(TCP TCP_KEEPCNT), value!(TCP TCP_KEEPCNT__sysctl)], "number of unanswered probes of SO_KEEPALIVE after which the connection is dropped"),
    number!(IPPROTO_TCP TCP TCP_USER_TIMEOUT = 18, Milliseconds, Differs, "how long data or keepalive probes may stay unanswered before the connection is dropped; 0: not limited here"),
    option!(IPPROTO_TCP TCP_SYNCNT = 7, Int, IsNot(value!(TCP TCP_SYNCNT), 0), tcp::number_or_system, [value!(TCP TCP_SYNCNT), value!(TCP TCP_SYNCNT__sysctl)], "how many times connect(2) repeats an unanswered SYN"),
    option!(IPPROTO_TCP TCP_LINGER2 = 8, Seconds, IsNot(value!(TCP TCP_LINGER2), 0), tcp::linger2, [value!(TCP TCP_LINGER2), value!(TCP TCP_LINGER2__sysctl)], "how long a closed connection stays in FIN_WAIT2; -1: not at all"),
    option!(IPPROTO_TCP TCP_DEFER_ACCEPT = 9, Seconds, Differs, tcp::defer_accept, [value!(TCP TCP_DEFER_ACCEPT)], "a listening socket reports a connection only once data has arrived, or after this time, rounded up"),
    number!(IPPROTO_TCP TCP TCP_FASTOPEN = 23, Int, FASTOPEN, "how many TCP Fast Open connections a listening socket may have that are not yet fully open"),
    bool!(IPPROTO_TCP TCP TCP_FASTOPEN_CONNECT = 30, Differs, "lets connect(2) return at once, and sends the first data with the SYN (TCP Fast Open)"),
    bool!(IPPROTO_TCP TCP TCP_FASTOPEN_NO_COOKIE = 34, Differs, "uses TCP Fast Open without a cookie"),
    number!(IPPROTO_TCP TCP TCP_NOTSENT_LOWAT = 25, Bytes, UNLESS_SUBFLOW, "reports the socket as writable only while less than this is unsent; 0: net.ipv4.tcp_notsent_lowat applies"),
    option!(IPPROTO_TCP TCP_CONGESTION = 13, Name, CONGESTION, tcp::congestion, [], "congestion control algorithm"),
    option!(IPPROTO_TCP TCP_ULP = 31, Name, ULP, tcp::ulp, [flag!(TCP TCP_IS_MPTCP)], "protocol on top of the connection, such as tls, mptcp or smc"),
    option!(IPPROTO_TCP TCP_MAXSEG = 2, Bytes, MAXSEG, tcp::maxseg, [value!(TCP TCP_MAXSEG), value!(TCP TCP_MAXSEG__user), value!(TCP TCP_MAXSEG__clamp), flag!(TCP TCP_REPAIR)], "maximum segment size: before the connection the value that was set, or 536, then the value in use"),
    number!(IPPROTO_TCP TCP TCP_WINDOW_CLAMP = 10, Bytes, UNLESS_CLAMPED, "largest window that is advertised to the peer"),
    option!(IPPROTO_TCP TCP_QUICKACK = 12, Bool, Never, tcp::quickack, [value!(TCP TCP_QUICKACK), value!(TCP TCP_QUICKACK__sysctl)], "acknowledges at once; the kernel turns it on and off as traffic changes"),
    number!(IPPROTO_TCP TCP TCP_SAVE_SYN = 27, Int, Differs, "keeps the headers of the SYN of accepted connections"),
    bool!(IPPROTO_TCP TCP TCP_INQ = 36, Differs, "reports to the receiver how many bytes are left to read"),
    number!(IPPROTO_TCP TCP TCP_TX_DELAY = 37, Microseconds, Differs, "delays outgoing packets, for testing"),
    option!(IPPROTO_TCP TCP_RTO_MAX_MS = 44, Milliseconds, Differs, tcp::jiffies_in::<1_000>, [value!(TCP TCP_RTO_MAX_MS)], "maximum time between two retransmissions"),
    option!(IPPROTO_TCP TCP_RTO_MIN_US = 45, Microseconds, UNLESS_RTO_MIN_RESET, tcp::jiffies_in::<1_000_000>, [value!(TCP TCP_RTO_MIN_US)], "minimum time before a retransmission"),
    option!(IPPROTO_TCP TCP_DELACK_MAX_US = 46, Microseconds, UNLESS_DELACK_MAX_RESET, tcp::jiffies_in::<1_000_000>, [value!(TCP TCP_DELACK_MAX_US)], "how long an acknowledgment may be delayed"),
    bool!(IPPROTO_TCP TCP TCP_THIN_LINEAR_TIMEOUTS = 16, Differs, "retransmits on a thin stream without doubling the timeout each time"),
    option!(IPPROTO_TCP TCP_MD5SIG = 14, Keys, IsNot(flag!(TCP TCP_MD5SIG), 0), tcp::md5_keys, [flag!(TCP TCP_MD5SIG)], "peers whose packets carry MD5 signatures (RFC 2385); keys are never read").also_called(&["TCP_MD5SIG_EXT"]).without_getter("tcp_sock", "md5sig_info"),
    option!(IPPROTO_TCP TCP_AO_ADD_KEY = 38, Keys, IsNot(flag!(TCP TCP_AO_ADD_KEY), 0), tcp::ao_keys, [flag!(TCP TCP_AO_ADD_KEY)], "peers whose packets carry the TCP Authentication Option (RFC 5925); keys are never read").also_called(&["TCP_AO_DEL_KEY", "TCP_AO_INFO", "TCP_AO_GET_KEYS"]).without_getter("tcp_sock", "ao_info"),
    number!(IPPROTO_TCP TCP TCP_BPF_SOCK_OPS_CB_FLAGS = 1008, Flags(constants::SOCK_OPS_CALLBACKS), NotEmpty, "events for which a sock_ops BPF program is called; set by that program").without_getter("tcp_sock", "bpf_sock_ops_cb_flags"),
    bool!(IPPROTO_TCP TCP TCP_IS_MPTCP = 43, Never, "the socket is part of an MPTCP connection"),
    bool!(IPPROTO_TCP TCP TCP_REPAIR = 19, Differs, "the connection is being saved or restored, as by CRIU"),

    // SOL_TLS
    option!(SOL_TLS TLS_TX = 1, Tls, NotEmpty, tls::direction, [value!(TLS TLS_TX), value!(TLS TLS_TX__version), value!(TLS TLS_TX__mode)], "how the kernel encrypts what is sent: version, cipher, and who does it; keys are never read").with_tls("tx_conf"),
    option!(SOL_TLS TLS_RX = 2, Tls, NotEmpty, tls::direction, [value!(TLS TLS_RX), value!(TLS TLS_RX__version), value!(TLS TLS_RX__mode)], "how the kernel decrypts what is received: version, cipher, and who does it; keys are never read").with_tls("rx_conf"),
    bool!(SOL_TLS TLS TLS_TX_ZEROCOPY_RO = 3, NotEmpty, "the network device encrypts what sendfile(2) sends without a copy; the file must not change meanwhile").with_tls("zerocopy_sendfile"),
    option!(SOL_TLS TLS_RX_EXPECT_NO_PAD = 4, Bool, NotEmpty, tls::no_pad, [flag!(TLS TLS_RX_EXPECT_NO_PAD), value!(TLS TLS_RX_EXPECT_NO_PAD__version), value!(TLS TLS_RX__mode)], "expects TLS 1.3 records without padding, to decrypt them faster").with_tls("rx_no_pad"),
    number!(SOL_TLS TLS TLS_TX_MAX_PAYLOAD_LEN = 5, Bytes, IsNot(value!(TLS TLS_TX_MAX_PAYLOAD_LEN), tls::MAX_PAYLOAD), "maximum payload of a TLS record that is sent").with_tls("tx_max_payload_len"),

    // IPPROTO_UDP
    bool!(IPPROTO_UDP UDP UDP_CORK = 1, Differs, "collects what is sent into one datagram until the option is turned off"),
    number!(IPPROTO_UDP UDP UDP_SEGMENT = 103, Bytes, Differs, "splits what one call sends into datagrams of this size (GSO); 0: off"),
    bool!(IPPROTO_UDP UDP UDP_GRO = 104, Differs, "receives several datagrams of one flow with one call"),
    option!(IPPROTO_UDP UDP_ENCAP = 100, Enum(constants::ENCAPSULATIONS), Differs, udp::encapsulation, [value!(UDP UDP_ENCAP)], "tunnel protocol whose packets the kernel takes out of the datagrams"),
    bool!(IPPROTO_UDP UDP UDP_NO_CHECK6_TX = 101, Differs, "sends over IPv6 without a checksum"),
    bool!(IPPROTO_UDP UDP UDP_NO_CHECK6_RX = 102, Differs, "accepts datagrams over IPv6 without a checksum"),

    // IPPROTO_IP
    number!(IPPROTO_IP IP IP_TOS = 1, Int, DiffersApartFromEcn, "type of service (DSCP and ECN) of outgoing packets"),
    option!(IPPROTO_IP IP_TTL = 2, Int, IsNot(value!(IP IP_TTL), u64::MAX), ip::ttl, [value!(IP IP_TTL), value!(IP IP_TTL__sysctl)], "time to live of outgoing packets"),
    number!(IPPROTO_IP IP IP_MINTTL = 21, Int, Differs, "drops packets that arrive with a smaller time to live"),
    number!(IPPROTO_IP IP IP_MTU_DISCOVER = 10, Enum(constants::PMTU_DISCOVERY), UNLESS_SCTP, "whether the path MTU is discovered, and whether packets may be fragmented"),
    bool!(IPPROTO_IP IP IP_FREEBIND = 15, Differs, "allows binding to an address that this host does not have"),
    bool!(IPPROTO_IP IP IP_TRANSPARENT = 19, Differs, "allows addresses of other hosts, for transparent proxies"),
    bool!(IPPROTO_IP IP IP_BIND_ADDRESS_NO_PORT = 24, Differs, "leaves the choice of the port to connect(2) where bind(2) is given port 0"),
    option!(IPPROTO_IP IP_LOCAL_PORT_RANGE = 51, PortRange, Differs, ip::port_range, [value!(IP IP_LOCAL_PORT_RANGE)], "ports that the kernel chooses from; 0-0: net.ipv4.ip_local_port_range applies"),
    number!(IPPROTO_IP IP IP_UNICAST_IF = 50, IfindexNetworkOrder, Differs, "interface for packets that are not multicast; 0: chosen by the route"),
    bool!(IPPROTO_IP IP IP_PKTINFO = 8, Differs, "reports to the receiver the destination address and the interface of a packet"),
    bool!(IPPROTO_IP IP IP_RECVERR = 11, Differs, "queues errors that the network reports, for recvmsg(2) with MSG_ERRQUEUE"),
    bool!(IPPROTO_IP IP IP_RECVERR_RFC4884 = 26, Differs, "reports where the extensions of an ICMP error begin (RFC 4884)"),
    bool!(IPPROTO_IP IP IP_RECVTTL = 12, Differs, "reports to the receiver the time to live of a packet"),
    bool!(IPPROTO_IP IP IP_RECVTOS = 13, Differs, "reports to the receiver the type of service of a packet"),
    bool!(IPPROTO_IP IP IP_RECVOPTS = 6, Differs, "reports to the receiver the IP options of a packet"),
    bool!(IPPROTO_IP IP IP_RETOPTS = 7, Differs, "reports to the receiver the IP options for a reply"),
    bool!(IPPROTO_IP IP IP_RECVORIGDSTADDR = 20, Differs, "reports to the receiver the original destination of a redirected packet"),
    bool!(IPPROTO_IP IP IP_RECVFRAGSIZE = 25, Differs, "reports to the receiver the size of the largest fragment of a packet"),
    bool!(IPPROTO_IP IP IP_CHECKSUM = 23, Differs, "reports to the receiver the checksum of a datagram"),
    bool!(IPPROTO_IP IP IP_PASSSEC = 18, Differs, "reports to the receiver the security label of a packet"),
    option!(IPPROTO_IP IP_ADD_MEMBERSHIP = 35, Memberships, NotEmpty, ip::joined_groups, [flag!(IP IP_ADD_MEMBERSHIP)], "IPv4 multicast groups that were joined, with the sources that are allowed or blocked").also_called(&["IP_DROP_MEMBERSHIP", "IP_ADD_SOURCE_MEMBERSHIP", "IP_BLOCK_SOURCE", "MCAST_JOIN_GROUP", "MCAST_JOIN_SOURCE_GROUP"]).without_getter("inet_sock", "mc_list"),
    option!(IPPROTO_IP IP_MULTICAST_IF = 32, Multicast, MULTICAST_INTERFACE, ip::multicast_interface, [value!(IP IP_MULTICAST_IF), value!(IP IP_MULTICAST_IF__ifindex)], "source address of outgoing multicast, and after % the interface"),
    number!(IPPROTO_IP IP IP_MULTICAST_TTL = 33, Int, UNLESS_TCP, "time to live of outgoing multicast"),
    bool!(IPPROTO_IP IP IP_MULTICAST_LOOP = 34, Differs, "delivers multicast that is sent to this host too"),
    bool!(IPPROTO_IP IP IP_MULTICAST_ALL = 49, UNLESS_CONVERTED, "receives every group that any socket on this host joined"),
    option!(IPPROTO_IP IP_OPTIONS = 4, Blob, Differs, ip::options, [flag!(IP IP_OPTIONS)], "IP options of outgoing packets"),
    bool!(IPPROTO_IP IP IP_HDRINCL = 3, Differs, "the program writes the IP header itself (raw sockets)"),
    bool!(IPPROTO_IP IP IP_NODEFRAG = 22, Differs, "does not reassemble fragments of outgoing packets for connection tracking (raw sockets)"),
    bool!(IPPROTO_IP IP IP_ROUTER_ALERT = 5, Differs, "receives packets with the router alert option (raw sockets)"),
    option!(IPPROTO_IP IP_IPSEC_POLICY = 16, Flags(constants::POLICY_DIRECTIONS), NotEmpty, ip::policy, [value!(IP IP_IPSEC_POLICY__in), value!(IP IP_IPSEC_POLICY__out)], "directions in which the socket has an IPsec policy of its own").also_called(&["IP_XFRM_POLICY"]).without_getter("sock", "sk_policy"),

    // SOL_RAW
    number!(SOL_RAW RAW ICMP_FILTER = 1, Mask, Differs, "ICMP types that do not reach the socket, a bit for each"),

    // SOL_SCTP
    bool!(SOL_SCTP SCTP SCTP_NODELAY = 3, Differs, "sends small messages at once instead of collecting them (disables Nagle's algorithm)"),
    number!(SOL_SCTP SCTP SCTP_AUTOCLOSE = 4, Seconds, Differs, "how long an association may be idle before it is closed; 0: indefinitely"),
    option!(SOL_SCTP SCTP_INITMSG = 2, Struct(&layouts::SCTP_INITMSG), Differs, sctp::initmsg, [value!(SCTP SCTP_INITMSG__ostreams), value!(SCTP SCTP_INITMSG__instreams), value!(SCTP SCTP_INITMSG__attempts), value!(SCTP SCTP_INITMSG__timeo)], "number of streams of an association, and how often and how long its opening is retried"),
    option!(SOL_SCTP SCTP_RTOINFO = 0, Struct(&layouts::SCTP_RTOINFO), Differs, sctp::rtoinfo, [value!(SCTP SCTP_RTOINFO__initial), value!(SCTP SCTP_RTOINFO__max), value!(SCTP SCTP_RTOINFO__min), flag!(SCTP SCTP_STATUS__association)], "initial, maximum and minimum time before a retransmission").inside((0, 16)),
    option!(SOL_SCTP SCTP_ASSOCINFO = 1, Struct(&layouts::SCTP_ASSOCPARAMS), UNLESS_ASSOCIATED, sctp::associnfo, [value!(SCTP SCTP_ASSOCINFO__asocmaxrxt), value!(SCTP SCTP_ASSOCINFO__destinations), value!(SCTP SCTP_ASSOCINFO__peer_rwnd), value!(SCTP SCTP_ASSOCINFO__local_rwnd), value!(SCTP SCTP_ASSOCINFO__cookie_life), flag!(SCTP SCTP_STATUS__association)], "number of retransmissions after which an association fails, and how long its cookie is valid"),
    option!(SOL_SCTP SCTP_PEER_ADDR_PARAMS = 9, Struct(&layouts::SCTP_PADDRPARAMS), UNLESS_ASSOCIATED, sctp::path, [value!(SCTP SCTP_PEER_ADDR_PARAMS__hbinterval), value!(SCTP SCTP_PEER_ADDR_PARAMS__pathmaxrxt), value!(SCTP SCTP_PEER_ADDR_PARAMS__pathmtu), value!(SCTP SCTP_PEER_ADDR_PARAMS__sackdelay), value!(SCTP SCTP_PEER_ADDR_PARAMS__flags), value!(SCTP SCTP_PEER_ADDR_PARAMS__flowlabel), value!(SCTP SCTP_PEER_ADDR_PARAMS__dscp), flag!(SCTP SCTP_STATUS__association)], "heartbeats, retransmissions, MTU and marking of each path to the peer").inside((0, 156)),
    option!(SOL_SCTP SCTP_PEER_ADDR_THLDS = 31, Struct(&layouts::SCTP_PADDRTHLDS), Differs, sctp::thresholds, [value!(SCTP SCTP_PEER_ADDR_PARAMS__pathmaxrxt), value!(SCTP SCTP_PEER_ADDR_THLDS__pf)], "number of lost packets after which a path counts as failed, and as potentially failed").inside((0, 144)),
    option!(SOL_SCTP SCTP_PEER_ADDR_THLDS_V2 = 37, Struct(&layouts::SCTP_PADDRTHLDS_V2), Differs, sctp::thresholds_v2, [value!(SCTP SCTP_PEER_ADDR_PARAMS__pathmaxrxt), value!(SCTP SCTP_PEER_ADDR_THLDS__pf), value!(SCTP SCTP_PEER_ADDR_THLDS_V2__ps)], "SCTP_PEER_ADDR_THLDS, and the number of lost packets after which another path becomes the primary one").inside((0, 144)),
    option!(SOL_SCTP SCTP_DELAYED_SACK = 16, Struct(&layouts::SCTP_SACK_INFO), Differs, sctp::sack, [value!(SCTP SCTP_PEER_ADDR_PARAMS__flags), value!(SCTP SCTP_PEER_ADDR_PARAMS__sackdelay), value!(SCTP SCTP_DELAYED_SACK__freq), flag!(SCTP SCTP_STATUS__association)], "how long, and for how many packets, an acknowledgment may be delayed").also_called(&["SCTP_DELAYED_ACK", "SCTP_DELAYED_ACK_TIME"]),
    option!(SOL_SCTP SCTP_EVENTS = 11, Struct(&layouts::SCTP_EVENT_SUBSCRIBE), Differs, sctp::events, [value!(SCTP SCTP_EVENTS)], "events that are reported to the receiver").also_called(&["SCTP_EVENT"]),
    bool!(SOL_SCTP SCTP SCTP_RECVRCVINFO = 32, Differs, "reports to the receiver the stream and the sequence numbers of a message"),
    bool!(SOL_SCTP SCTP SCTP_RECVNXTINFO = 33, Differs, "reports to the receiver the message that follows"),
    number!(SOL_SCTP SCTP SCTP_MAXSEG = 13, Bytes, UNLESS_ASSOCIATED, "largest piece that messages are split into; 0: limited by the path MTU alone").inside(layouts::SCTP_ASSOC_VALUE),
    bool!(SOL_SCTP SCTP SCTP_DISABLE_FRAGMENTS = 8, Differs, "rejects messages that would have to be split"),
    bool!(SOL_SCTP SCTP SCTP_FRAGMENT_INTERLEAVE = 18, Differs, "delivers parts of messages of several associations in turn"),
    number!(SOL_SCTP SCTP SCTP_PARTIAL_DELIVERY_POINT = 19, Bytes, Differs, "size at which a message is delivered before it is complete; 0: only when the buffer is full"),
    number!(SOL_SCTP SCTP SCTP_MAX_BURST = 20, Uint, Differs, "how many packets may be sent at once").inside(layouts::SCTP_ASSOC_VALUE),
    number!(SOL_SCTP SCTP SCTP_CONTEXT = 17, Uint, Differs, "number that is reported with received messages").inside(layouts::SCTP_ASSOC_VALUE),
    option!(SOL_SCTP SCTP_DEFAULT_SEND_PARAM = 10, Struct(&layouts::SCTP_SNDRCVINFO), Differs, sctp::send_param, [value!(SCTP SCTP_DEFAULT_SEND_PARAM__stream), value!(SCTP SCTP_DEFAULT_SEND_PARAM__flags), value!(SCTP SCTP_DEFAULT_SEND_PARAM__ppid), value!(SCTP SCTP_DEFAULT_SEND_PARAM__context), value!(SCTP SCTP_DEFAULT_SEND_PARAM__timetolive)], "how a message is sent when the call does not say").inside((0, 32)),
    option!(SOL_SCTP SCTP_DEFAULT_SNDINFO = 34, Struct(&layouts::SCTP_SNDINFO), Differs, sctp::send_info, [value!(SCTP SCTP_DEFAULT_SEND_PARAM__stream), value!(SCTP SCTP_DEFAULT_SEND_PARAM__flags), value!(SCTP SCTP_DEFAULT_SEND_PARAM__ppid), value!(SCTP SCTP_DEFAULT_SEND_PARAM__context)], "how a message is sent when the call does not say, in the form of RFC 6458").inside((0, 16)),
    option!(SOL_SCTP SCTP_DEFAULT_PRINFO = 114, Struct(&layouts::SCTP_DEFAULT_PRINFO), Differs, sctp::policy, [value!(SCTP SCTP_DEFAULT_SEND_PARAM__flags), value!(SCTP SCTP_DEFAULT_SEND_PARAM__timetolive)], "when a message that was not delivered is abandoned").inside((0, 12)),
    number!(SOL_SCTP SCTP SCTP_ADAPTATION_LAYER = 7, Uint, Differs, "adaptation layer indication that is sent to the peer"),
    bool!(SOL_SCTP SCTP SCTP_I_WANT_MAPPED_V4_ADDR = 12, Differs, "reports IPv4 addresses on an IPv6 socket as IPv4-mapped"),
    bool!(SOL_SCTP SCTP SCTP_AUTO_ASCONF = 30, Differs, "tells the peer when this host gains or loses an address"),
    bool!(SOL_SCTP SCTP SCTP_REUSE_PORT = 36, Differs, "allows several sockets that have one association each to bind to the same port"),
    bool!(SOL_SCTP SCTP SCTP_PR_SUPPORTED = 113, UNLESS_ASSOCIATED, "allows messages to be abandoned (partial reliability)").inside(layouts::SCTP_ASSOC_VALUE),
    bool!(SOL_SCTP SCTP SCTP_RECONFIG_SUPPORTED = 117, UNLESS_ASSOCIATED, "allows streams to be reset and added").inside(layouts::SCTP_ASSOC_VALUE),
    number!(SOL_SCTP SCTP SCTP_ENABLE_STREAM_RESET = 118, Flags(constants::SCTP_RESETS), Differs, "which stream resets and additions the peer may request").inside(layouts::SCTP_ASSOC_VALUE),
    bool!(SOL_SCTP SCTP SCTP_INTERLEAVING_SUPPORTED = 125, UNLESS_ASSOCIATED, "allows pieces of different messages to be interleaved on the wire").inside(layouts::SCTP_ASSOC_VALUE),
    option!(SOL_SCTP SCTP_STREAM_SCHEDULER = 123, Enum(constants::SCTP_SCHEDULERS), Differs, sctp::scheduler, [value!(SCTP SCTP_STREAM_SCHEDULER), flag!(SCTP SCTP_STATUS__association)], "which stream sends next; unknown for a socket with one association").inside(layouts::SCTP_ASSOC_VALUE),
    bool!(SOL_SCTP SCTP SCTP_ASCONF_SUPPORTED = 128, UNLESS_ASSOCIATED, "allows addresses to be added and removed").inside(layouts::SCTP_ASSOC_VALUE),
    bool!(SOL_SCTP SCTP SCTP_AUTH_SUPPORTED = 129, UNLESS_ASSOCIATED, "allows chunks to be authenticated").inside(layouts::SCTP_ASSOC_VALUE),
    bool!(SOL_SCTP SCTP SCTP_ECN_SUPPORTED = 130, UNLESS_ASSOCIATED, "allows congestion to be signaled without loss (ECN)").inside(layouts::SCTP_ASSOC_VALUE),
    number!(SOL_SCTP SCTP SCTP_EXPOSE_POTENTIALLY_FAILED_STATE = 131, Enum(constants::SCTP_EXPOSURES), Differs, "whether programs are told that a path may have failed").also_called(&["SCTP_EXPOSE_PF_STATE"]).inside(layouts::SCTP_ASSOC_VALUE),
    option!(SOL_SCTP SCTP_REMOTE_UDP_ENCAPS_PORT = 132, PortNetworkOrder, Differs, sctp::encapsulation_port, [value!(SCTP SCTP_REMOTE_UDP_ENCAPS_PORT)], "UDP port of the peer, for SCTP over UDP; 0: off").inside(layouts::SCTP_AT_ADDRESS),
    option!(SOL_SCTP SCTP_PLPMTUD_PROBE_INTERVAL = 133, Milliseconds, Differs, sctp::probe_interval, [value!(SCTP SCTP_PLPMTUD_PROBE_INTERVAL), flag!(SCTP SCTP_STATUS__association)], "time between probes of the path MTU; 0: off").inside(layouts::SCTP_AT_ADDRESS),

    // SOL_ICMPV6
    option!(SOL_ICMPV6 ICMPV6_FILTER = 1, Blob, Differs, raw::icmpv6_filter, [flag!(RAW ICMPV6_FILTER)], "ICMPv6 types that do not reach the socket, a bit for each"),

    // SOL_NETLINK
    option!(SOL_NETLINK NETLINK_LIST_MEMBERSHIPS = 9, Groups, Differs, netlink::groups, [value!(NETLINK NETLINK_LIST_MEMBERSHIPS)], "multicast groups that were joined, by number").also_called(&["NETLINK_ADD_MEMBERSHIP", "NETLINK_DROP_MEMBERSHIP"]),
    bool!(SOL_NETLINK NETLINK NETLINK_NO_ENOBUFS = 5, Differs, "does not report messages that were lost because the receive buffer was full"),
    bool!(SOL_NETLINK NETLINK NETLINK_BROADCAST_ERROR = 4, Differs, "reports to the sender of a broadcast that this receive buffer had no room for it"),
    bool!(SOL_NETLINK NETLINK NETLINK_PKTINFO = 3, Differs, "reports to the receiver the group that a message was sent to"),
    bool!(SOL_NETLINK NETLINK NETLINK_LISTEN_ALL_NSID = 8, Differs, "receives from all network namespaces that have an ID in the socket's own"),
    bool!(SOL_NETLINK NETLINK NETLINK_CAP_ACK = 10, Differs, "error messages do not repeat the whole request"),
    bool!(SOL_NETLINK NETLINK NETLINK_EXT_ACK = 11, Differs, "acknowledgments and errors carry details: a text, and the place in the request"),
    bool!(SOL_NETLINK NETLINK NETLINK_GET_STRICT_CHK = 12, Differs, "the kernel validates dump requests strictly, and filters by them"),

    // AF_VSOCK
    number!(AF_VSOCK VSOCK SO_VM_SOCKETS_BUFFER_SIZE = 0, Uint64, Differs, "size of the receive buffer in bytes"),
    number!(AF_VSOCK VSOCK SO_VM_SOCKETS_BUFFER_MIN_SIZE = 1, Uint64, Differs, "minimum of SO_VM_SOCKETS_BUFFER_SIZE in bytes"),
    number!(AF_VSOCK VSOCK SO_VM_SOCKETS_BUFFER_MAX_SIZE = 2, Uint64, Differs, "maximum of SO_VM_SOCKETS_BUFFER_SIZE in bytes"),
    option!(AF_VSOCK SO_VM_SOCKETS_CONNECT_TIMEOUT = 6, Timeval, Differs, socket::timeout, [value!(VSOCK SO_VM_SOCKETS_CONNECT_TIMEOUT)], "how long connect(2) waits for the peer").also_called(&["SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD", "SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW"]),

    // IPPROTO_IPV6
    bool!(IPPROTO_IPV6 IPV6 IPV6_V6ONLY = 26, UNLESS_BOUND, "restricts the socket to IPv6; when off, it also handles IPv4 through IPv4-mapped addresses"),
    number!(IPPROTO_IPV6 IPV6 IPV6_TCLASS = 67, Int, DiffersApartFromEcn, "traffic class (DSCP and ECN) of outgoing packets"),
    option!(IPPROTO_IPV6 IPV6_UNICAST_HOPS = 16, Int, IsNot(value!(IPV6 IPV6_UNICAST_HOPS), u64::MAX), ipv6::unicast_hops, [value!(IPV6 IPV6_UNICAST_HOPS), value!(IPV6 IPV6_UNICAST_HOPS__route), value!(IPV6 IPV6_UNICAST_HOPS__sysctl)], "hop limit of outgoing packets"),
    number!(IPPROTO_IPV6 IPV6 IPV6_MINHOPCOUNT = 73, Int, Differs, "drops packets that arrive with a smaller hop limit"),
    number!(IPPROTO_IPV6 IPV6 IPV6_MTU_DISCOVER = 23, Enum(constants::PMTU_DISCOVERY), Differs, "whether the path MTU is discovered, and whether packets may be fragmented"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_DONTFRAG = 62, Differs, "does not fragment datagrams that exceed the path MTU"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_FREEBIND = 78, Differs, "allows binding to an address that this host does not have; the same flag as IP_FREEBIND"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_TRANSPARENT = 75, Differs, "allows addresses of other hosts; the same flag as IP_TRANSPARENT"),
    number!(IPPROTO_IPV6 IPV6 IPV6_UNICAST_IF = 76, IfindexNetworkOrder, Differs, "interface for packets that are not multicast; 0: chosen by the route"),
    option!(IPPROTO_IPV6 IPV6_ADDR_PREFERENCES = 72, Flags(constants::ADDRESS_PREFERENCES), Differs, ipv6::address_preferences, [value!(IPV6 IPV6_ADDR_PREFERENCES)], "which of the host's addresses are preferred as the source"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVPKTINFO = 49, Differs, "reports to the receiver the destination address and the interface of a packet"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVERR = 25, Differs, "queues errors that the network reports, for recvmsg(2) with MSG_ERRQUEUE"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVERR_RFC4884 = 31, Differs, "reports where the extensions of an ICMPv6 error begin (RFC 4884)"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVHOPLIMIT = 51, Differs, "reports to the receiver the hop limit of a packet"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVTCLASS = 66, Differs, "reports to the receiver the traffic class of a packet"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVHOPOPTS = 53, Differs, "reports to the receiver the hop-by-hop options of a packet"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVDSTOPTS = 58, Differs, "reports to the receiver the destination options of a packet"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVRTHDR = 56, Differs, "reports to the receiver the routing header of a packet"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVPATHMTU = 60, Differs, "reports to the receiver when the path MTU changes"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVORIGDSTADDR = 74, Differs, "reports to the receiver the original destination of a redirected packet"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVFRAGSIZE = 77, Differs, "reports to the receiver the size of the largest fragment of a packet"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_FLOWINFO = 11, Differs, "reports to the receiver the traffic class and the flow label of a packet"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_FLOWINFO_SEND = 33, Differs, "the program chooses the flow label, together with the address"),
    option!(IPPROTO_IPV6 IPV6_AUTOFLOWLABEL = 70, Bool, IsNot(flag!(IPV6 IPV6_AUTOFLOWLABEL__set), 0), ipv6::auto_flow_label, [flag!(IPV6 IPV6_AUTOFLOWLABEL__set), flag!(IPV6 IPV6_AUTOFLOWLABEL), value!(IPV6 IPV6_AUTOFLOWLABEL__sysctl)], "the kernel chooses a flow label for each flow"),
    option!(IPPROTO_IPV6 IPV6_JOIN_GROUP = 20, Memberships, NotEmpty, ipv6::joined_groups, [flag!(IPV6 IPV6_JOIN_GROUP)], "IPv6 multicast groups that were joined, with the sources that are allowed or blocked").also_called(&["IPV6_ADD_MEMBERSHIP", "IPV6_LEAVE_GROUP", "IPV6_DROP_MEMBERSHIP"]).without_getter("ipv6_pinfo", "ipv6_mc_list"),
    option!(IPPROTO_IPV6 IPV6_JOIN_ANYCAST = 27, Memberships, NotEmpty, ipv6::joined_anycast, [flag!(IPV6 IPV6_JOIN_ANYCAST)], "anycast addresses that were joined").also_called(&["IPV6_LEAVE_ANYCAST"]).without_getter("ipv6_pinfo", "ipv6_ac_list"),
    number!(IPPROTO_IPV6 IPV6 IPV6_MULTICAST_IF = 17, Ifindex, UNLESS_TCP, "interface for outgoing multicast"),
    number!(IPPROTO_IPV6 IPV6 IPV6_MULTICAST_HOPS = 18, Int, UNLESS_TCP, "hop limit of outgoing multicast"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_MULTICAST_LOOP = 19, UNLESS_SCTP, "delivers multicast that is sent to this host too"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_MULTICAST_ALL = 29, UNLESS_SCTP, "receives every group that any socket on this host joined"),
    option!(IPPROTO_IPV6 IPV6_PKTINFO = 50, Pktinfo, NotEmpty, ipv6::pktinfo, [value!(IPV6 IPV6_PKTINFO__ifindex)], "source address and interface of outgoing packets").without_getter("ipv6_pinfo", "sticky_pktinfo"),
    option!(IPPROTO_IPV6 IPV6_HOPOPTS = 54, Blob, Differs, ipv6::hop_by_hop_options, [flag!(IPV6 IPV6_HOPOPTS)], "hop-by-hop options of outgoing packets"),
    option!(IPPROTO_IPV6 IPV6_RTHDRDSTOPTS = 55, Blob, Differs, ipv6::destination_options_of_route, [flag!(IPV6 IPV6_RTHDRDSTOPTS)], "destination options of outgoing packets for each hop of the routing header"),
    option!(IPPROTO_IPV6 IPV6_RTHDR = 57, Blob, Differs, ipv6::routing_header, [flag!(IPV6 IPV6_RTHDR)], "routing header of outgoing packets"),
    option!(IPPROTO_IPV6 IPV6_DSTOPTS = 59, Blob, Differs, ipv6::destination_options, [flag!(IPV6 IPV6_DSTOPTS)], "destination options of outgoing packets"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_2292PKTINFO = 2, Differs, "IPV6_RECVPKTINFO in the form of RFC 2292"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_2292HOPOPTS = 3, Differs, "IPV6_RECVHOPOPTS in the form of RFC 2292"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_2292DSTOPTS = 4, Differs, "IPV6_RECVDSTOPTS in the form of RFC 2292"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_2292RTHDR = 5, Differs, "IPV6_RECVRTHDR in the form of RFC 2292"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_2292HOPLIMIT = 8, Differs, "IPV6_RECVHOPLIMIT in the form of RFC 2292"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_HDRINCL = 36, Differs, "the program writes the IPv6 header itself (raw sockets)"),
    option!(IPPROTO_IPV6 IPV6_CHECKSUM = 7, Int, Differs, raw::checksum_offset, [flag!(RAW IPV6_CHECKSUM__on), value!(RAW IPV6_CHECKSUM)], "offset at which the kernel writes the checksum of outgoing packets; -1: nowhere (raw sockets)"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_ROUTER_ALERT = 22, Differs, "receives packets with the router alert option (raw sockets)"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_ROUTER_ALERT_ISOLATE = 30, Differs, "delivers router alerts only to sockets of their own network namespace"),
    option!(IPPROTO_IPV6 IPV6_IPSEC_POLICY = 34, Flags(constants::POLICY_DIRECTIONS), NotEmpty, ipv6::policy, [value!(IP IP_IPSEC_POLICY__in), value!(IP IP_IPSEC_POLICY__out)], "directions in which the socket has an IPsec policy of its own").also_called(&["IPV6_XFRM_POLICY"]).without_getter("sock", "sk_policy"),

    // SOL_PACKET
    option!(SOL_PACKET PACKET_ADD_MEMBERSHIP = 1, PacketMemberships, NotEmpty, packet::memberships, [flag!(PACKET PACKET_ADD_MEMBERSHIP)], "what interfaces were told to receive: everything (PROMISC), all multicast (ALLMULTI), or an address").also_called(&["PACKET_DROP_MEMBERSHIP"]).without_getter("packet_sock", "mclist"),
    option!(SOL_PACKET PACKET_FANOUT = 18, Fanout, IsNot(flag!(PACKET PACKET_FANOUT__joined), 0), packet::fanout, [flag!(PACKET PACKET_FANOUT__joined), value!(PACKET PACKET_FANOUT), value!(PACKET PACKET_FANOUT__type), value!(PACKET PACKET_FANOUT__flags)], "group of sockets that packets are distributed among, and how"),
    option!(SOL_PACKET PACKET_FANOUT_DATA = 22, Program, NotEmpty, packet::fanout_program, [value!(PACKET PACKET_FANOUT_DATA), value!(PACKET PACKET_FANOUT__type), value!(PACKET PACKET_FANOUT_DATA__id), flag!(PACKET PACKET_FANOUT_DATA__name)], "BPF program that chooses among the sockets of a fanout group").without_getter("packet_fanout", "bpf_prog"),
    option!(SOL_PACKET PACKET_RX_RING = 5, Struct(&layouts::TPACKET_REQ), NotEmpty, packet::ring, [flag!(PACKET PACKET_RX_RING), value!(PACKET PACKET_RX_RING__block_pages), value!(PACKET PACKET_RX_RING__blocks), value!(PACKET PACKET_RX_RING__frame_size), value!(PACKET PACKET_RX_RING__last_frame)], "memory shared with the kernel for received packets").without_getter("packet_sock", "rx_ring"),
    option!(SOL_PACKET PACKET_TX_RING = 13, Struct(&layouts::TPACKET_REQ), NotEmpty, packet::ring, [flag!(PACKET PACKET_TX_RING), value!(PACKET PACKET_TX_RING__block_pages), value!(PACKET PACKET_TX_RING__blocks), value!(PACKET PACKET_TX_RING__frame_size), value!(PACKET PACKET_TX_RING__last_frame)], "memory shared with the kernel for packets to send").without_getter("packet_sock", "tx_ring"),
    number!(SOL_PACKET PACKET PACKET_VERSION = 10, Enum(constants::RING_VERSIONS), Differs, "format of the packets in a ring"),
    number!(SOL_PACKET PACKET PACKET_RESERVE = 12, Uint, Differs, "bytes that are left free in front of each packet in a ring"),
    number!(SOL_PACKET PACKET PACKET_COPY_THRESH = 7, Int, Differs, "whether packets that do not fit into a frame of the ring are also queued whole"),
    bool!(SOL_PACKET PACKET PACKET_LOSS = 14, Differs, "skips malformed packets in the send ring instead of stopping at them"),
    bool!(SOL_PACKET PACKET PACKET_TX_HAS_OFF = 19, Differs, "the program sets where a packet begins in its frame of the send ring"),
    number!(SOL_PACKET PACKET PACKET_TIMESTAMP = 17, Flags(constants::TIMESTAMPING), Differs, "which timestamps the packets in a ring carry"),
    bool!(SOL_PACKET PACKET PACKET_AUXDATA = 8, Differs, "reports to the receiver the length, VLAN and checksum state of a packet"),
    bool!(SOL_PACKET PACKET PACKET_ORIGDEV = 9, Differs, "reports to the receiver the interface that a packet arrived on, not the one above it, such as a bond"),
    bool!(SOL_PACKET PACKET PACKET_IGNORE_OUTGOING = 23, Differs, "does not receive packets that this host sends"),
    bool!(SOL_PACKET PACKET PACKET_QDISC_BYPASS = 20, Differs, "sends without the queueing discipline"),
    bool!(SOL_PACKET PACKET PACKET_VNET_HDR = 15, Differs, "packets begin with a header on checksum and segmentation offload, as for virtual machines"),
    number!(SOL_PACKET PACKET PACKET_VNET_HDR_SZ = 24, Bytes, Differs, "size of the header of PACKET_VNET_HDR; 0: none"),
    option!(SOL_PACKET PACKET_STATISTICS = 6, Struct(&layouts::TPACKET_STATS), Never, packet::statistics, [value!(PACKET PACKET_STATISTICS), value!(PACKET PACKET_STATISTICS__drops), value!(PACKET PACKET_STATISTICS__freezes), value!(PACKET PACKET_VERSION)], "packets received and dropped since the last query; knetstat reads it without clearing it"),
    option!(SOL_PACKET PACKET_ROLLOVER_STATS = 21, Struct(&layouts::TPACKET_ROLLOVER_STATS), Never, packet::rollover_statistics, [flag!(PACKET PACKET_ROLLOVER_STATS__kept), value!(PACKET PACKET_ROLLOVER_STATS), value!(PACKET PACKET_ROLLOVER_STATS__huge), value!(PACKET PACKET_ROLLOVER_STATS__failed)], "packets that went to another socket of the fanout group because this one was full"),

    // SOL_XDP
    option!(SOL_XDP XDP_UMEM_REG = 4, Struct(&layouts::XDP_UMEM_REG), NotEmpty, xdp::memory, [value!(XDP XDP_UMEM_REG), value!(XDP XDP_UMEM_REG__chunk_size), value!(XDP XDP_UMEM_REG__headroom), value!(XDP XDP_UMEM_REG__flags), value!(XDP XDP_UMEM_REG__tx_metadata_len)], "memory shared with the kernel for packets").without_getter("xdp_sock", "umem"),
    number!(SOL_XDP XDP XDP_RX_RING = 2, Uint, NotEmpty, "number of entries of the ring for received packets; 0: there is no ring").without_getter("xdp_sock", "rx"),
    number!(SOL_XDP XDP XDP_TX_RING = 3, Uint, NotEmpty, "number of entries of the ring for packets to send; 0: there is no ring").without_getter("xdp_sock", "tx"),
    number!(SOL_XDP XDP XDP_UMEM_FILL_RING = 5, Uint, NotEmpty, "number of entries of the ring for free frames; 0: there is no ring").without_getter("xdp_sock", "umem"),
    number!(SOL_XDP XDP XDP_UMEM_COMPLETION_RING = 6, Uint, NotEmpty, "number of entries of the ring for frames that were sent; 0: there is no ring").without_getter("xdp_sock", "umem"),
    number!(SOL_XDP XDP XDP_MAX_TX_SKB_BUDGET = 9, Uint, TX_BUDGET, "how many packets one call may send when they are copied").without_getter("xdp_sock", "max_tx_budget"),
    option!(SOL_XDP XDP_OPTIONS = 8, Flags(constants::XDP_OPTIONS), Never, xdp::options, [flag!(XDP XDP_OPTIONS)], "whether packets are exchanged with the device without copying (ZEROCOPY)"),
    option!(SOL_XDP XDP_STATISTICS = 7, Struct(&layouts::XDP_STATISTICS), Never, xdp::statistics, [value!(XDP XDP_STATISTICS), value!(XDP XDP_STATISTICS__rx_invalid), value!(XDP XDP_STATISTICS__tx_invalid), value!(XDP XDP_STATISTICS__rx_full), value!(XDP XDP_STATISTICS__fill_empty), value!(XDP XDP_STATISTICS__tx_empty)], "packets that were dropped, invalid descriptors, and rings that were full or empty"),
];

/// Returns the option with this name, which must be exactly the C constant.
pub fn named(name: &str) -> Option<&'static OptionSpec> {
    CATALOGUE.iter().find(|option| option.name == name)
}

/// Returns the index of an option of the catalogue.
pub fn index_of(option: &OptionSpec) -> Option<usize> {
    let offset = ptr::from_ref(option).addr().checked_sub(CATALOGUE.as_ptr().addr())?;
    let index = offset / size_of::<OptionSpec>();
    CATALOGUE.get(index).filter(|found| ptr::eq(*found, option)).map(|_| index)
}

/// Returns whether each fact that the BPF programs collect is used, by the decoder of an option, by a marker,
/// or by a column. Asserted at compile time.
const fn every_fact_is_used() -> bool {
    let mut section = 0;
    while section < COUNTS.len() {
        let (of, flags, values) = COUNTS[section];
        let mut n = 0;
        while n < flags || n < values {
            if n < flags && !is_used(Fact::Flag(of, n as u8)) {
                return false;
            }
            if n < values && !is_used(Fact::Value(of, n as u8)) {
                return false;
            }
            n += 1;
        }
        section += 1;
    }
    true
}

const _: () =
    assert!(every_fact_is_used(), "bpf/options.h has a line that nothing is decoded from");

const fn is_used(fact: Fact) -> bool {
    let mut i = 0;
    while i < CATALOGUE.len() {
        if contains(CATALOGUE[i].facts(), fact) || contains(CATALOGUE[i].marker.facts(), fact) {
            return true;
        }
        i += 1;
    }
    contains(dead_after::IDLE, fact)
        || contains(dead_after::SENDING, fact)
        || contains(&diag::FACTS, fact)
        || contains(&cgroup::FACTS, fact)
        || contains(&sockmap::FACTS, fact)
        || contains(&receiver::FACTS, fact)
}

const fn contains(facts: &[Fact], fact: Fact) -> bool {
    let mut i = 0;
    while i < facts.len() {
        if same(facts[i], fact) {
            return true;
        }
        i += 1;
    }
    false
}

/// `==`, which is not available at compile time.
const fn same(a: Fact, b: Fact) -> bool {
    match (a, b) {
        (Fact::Flag(a, m), Fact::Flag(b, n)) => same_section(a, b) && m == n,
        (Fact::Value(a, m), Fact::Value(b, n)) => same_section(a, b) && m == n,
        _ => false,
    }
}

const fn same_section(a: Section, b: Section) -> bool {
    a as u8 == b as u8
}
