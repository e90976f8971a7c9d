//! THE TABLE: one line for each option. What it is called, its level and number, how it is decoded and
//! worded, what "set" means for it, and what it does.
//!
//! bpf/options.h has the other half, a line for each fact. The two are tied together at compile time:
//! a line here names facts that must be there, the function that decodes the option is given just
//! these, and `every_fact_is_used` makes sure that none is left over.

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

/// The level of every socket.
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

/// `option!(LEVEL NAME = number, kind, marker, function, [facts], help)`: an option that takes a function
/// to decode, which is given these facts.
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

/// An option that is the number of one fact.
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
    number!(SOL_SOCKET SOCKET SO_REUSEADDR = 2, Enum(constants::REUSE), Differs, "lets a socket be bound to a port of which connections are still being closed"),
    bool!(SOL_SOCKET SOCKET SO_REUSEPORT = 15, Differs, "lets several sockets be bound to one port, which share what arrives"),
    bool!(SOL_SOCKET SOCKET SO_KEEPALIVE = 9, Differs, "probes an idle connection, to notice a peer that is gone"),
    bool!(SOL_SOCKET SOCKET SO_BROADCAST = 6, Differs, "allows datagrams to broadcast addresses"),
    option!(SOL_SOCKET SO_LINGER = 13, Linger, IsNot(flag!(SOCKET SO_LINGER), 0), socket::linger, [flag!(SOCKET SO_LINGER), value!(SOCKET SO_LINGER__jiffies)], "how long close(2) waits for data to be sent; 0 seconds: the connection is reset"),
    number!(SOL_SOCKET SOCKET SO_SNDBUF = 7, Bytes, HasBit(value!(SOCKET SO_BUF_LOCK), 1), "limit of the send buffer, twice what was asked for; setting it stops autotuning"),
    number!(SOL_SOCKET SOCKET SO_RCVBUF = 8, Bytes, HasBit(value!(SOCKET SO_BUF_LOCK), 2), "limit of the receive buffer, twice what was asked for; setting it stops autotuning"),
    option!(SOL_SOCKET SO_BUF_LOCK = 72, Flags(constants::BUFFER_LOCKS), Differs, socket::buffer_locks, [value!(SOCKET SO_BUF_LOCK)], "which buffers have a limit that was set, so that autotuning is off"),
    option!(SOL_SOCKET SO_RCVTIMEO = 20, Timeval, IsNot(value!(SOCKET SO_RCVTIMEO), socket::NO_TIMEOUT), socket::timeout, [value!(SOCKET SO_RCVTIMEO)], "how long a receiving call waits; 0: without end").also_called(&["SO_RCVTIMEO_OLD", "SO_RCVTIMEO_NEW"]),
    option!(SOL_SOCKET SO_SNDTIMEO = 21, Timeval, IsNot(value!(SOCKET SO_SNDTIMEO), socket::NO_TIMEOUT), socket::timeout, [value!(SOCKET SO_SNDTIMEO)], "how long a sending call waits, connect(2) too; 0: without end").also_called(&["SO_SNDTIMEO_OLD", "SO_SNDTIMEO_NEW"]),
    number!(SOL_SOCKET SOCKET SO_RCVLOWAT = 18, Bytes, UNLESS_MPTCP, "how much must be there before the socket counts as readable"),
    option!(SOL_SOCKET SO_BINDTODEVICE = 25, Name, BOUND_TO_DEVICE, socket::bound_device, [value!(SOCKET SO_BINDTOIFINDEX)], "the only interface the socket sends and receives through"),
    number!(SOL_SOCKET SOCKET SO_BINDTOIFINDEX = 62, Ifindex, BOUND_TO_DEVICE, "the same as SO_BINDTODEVICE, by index"),
    number!(SOL_SOCKET SOCKET SO_MARK = 36, Uint, UNLESS_ACCEPTED_WITH_MARK, "the mark of outgoing packets, for routing and firewall rules"),
    number!(SOL_SOCKET SOCKET SO_PRIORITY = 12, Int, Differs, "the queueing priority of outgoing packets; setting IP_TOS changes it too"),
    number!(SOL_SOCKET SOCKET SO_MAX_PACING_RATE = 47, Rate, Differs, "the rate at which packets leave at most"),
    bool!(SOL_SOCKET SOCKET SO_DONTROUTE = 5, Differs, "sends to hosts of the local network only"),
    bool!(SOL_SOCKET SOCKET SO_OOBINLINE = 10, Differs, "leaves urgent data in the stream of normal data"),
    bool!(SOL_SOCKET SOCKET SO_ZEROCOPY = 60, Differs, "allows sending without copying (MSG_ZEROCOPY)"),
    number!(SOL_SOCKET SOCKET SO_PEEK_OFF = 42, Int, Differs, "where the next MSG_PEEK begins; -1: at the front"),
    number!(SOL_SOCKET SOCKET SO_BUSY_POLL = 46, Microseconds, Differs, "how long to poll the network device when there is no data"),
    bool!(SOL_SOCKET SOCKET SO_PREFER_BUSY_POLL = 69, Differs, "prefers busy polling to the device's interrupts"),
    number!(SOL_SOCKET SOCKET SO_BUSY_POLL_BUDGET = 70, Int, NotEmpty, "how many packets one busy poll takes").without_getter("sock", "sk_busy_poll_budget"),
    number!(SOL_SOCKET SOCKET SO_INCOMING_CPU = 49, Int, Never, "the CPU on which packets for the socket last arrived, or the one it asked for"),
    option!(SOL_SOCKET SO_INCOMING_NAPI_ID = 56, Uint, Never, socket::napi_id, [value!(SOCKET SO_INCOMING_NAPI_ID)], "the device queue from which packets last arrived; 0: none"),
    bool!(SOL_SOCKET SOCKET SO_NO_CHECK = 11, Differs, "leaves out the checksum of UDP over IPv4"),
    bool!(SOL_SOCKET SOCKET SO_RXQ_OVFL = 40, Differs, "tells the receiver how many packets were dropped"),
    option!(SOL_SOCKET SO_TIMESTAMP = 29, Bool, Differs, socket::timestamp, [flag!(SOCKET SO_TIMESTAMP__any), flag!(SOCKET SO_TIMESTAMP__ns), flag!(SOCKET SO_TIMESTAMP__new)], "tells the receiver when a packet arrived, in microseconds").also_called(&["SO_TIMESTAMP_OLD"]),
    option!(SOL_SOCKET SO_TIMESTAMPNS = 35, Bool, Differs, socket::timestampns, [flag!(SOCKET SO_TIMESTAMP__any), flag!(SOCKET SO_TIMESTAMP__ns), flag!(SOCKET SO_TIMESTAMP__new)], "tells the receiver when a packet arrived, in nanoseconds").also_called(&["SO_TIMESTAMPNS_OLD"]),
    option!(SOL_SOCKET SO_TIMESTAMP_NEW = 63, Bool, Differs, socket::timestamp_new, [flag!(SOCKET SO_TIMESTAMP__any), flag!(SOCKET SO_TIMESTAMP__ns), flag!(SOCKET SO_TIMESTAMP__new)], "SO_TIMESTAMP with 64 bits for the seconds; on with SO_TIMESTAMPNS_NEW too"),
    option!(SOL_SOCKET SO_TIMESTAMPNS_NEW = 64, Bool, Differs, socket::timestampns_new, [flag!(SOCKET SO_TIMESTAMP__any), flag!(SOCKET SO_TIMESTAMP__ns), flag!(SOCKET SO_TIMESTAMP__new)], "SO_TIMESTAMPNS with 64 bits for the seconds"),
    option!(SOL_SOCKET SO_TIMESTAMPING = 37, Timestamping, Differs, socket::timestamping, [value!(SOCKET SO_TIMESTAMPING), value!(SOCKET SO_TIMESTAMPING__bind_phc)], "which time stamps are made and reported, and of which clock").also_called(&["SO_TIMESTAMPING_OLD", "SO_TIMESTAMPING_NEW"]),
    option!(SOL_SOCKET SO_TXTIME = 61, Txtime, IsNot(flag!(SOCKET SO_TXTIME), 0), socket::txtime, [flag!(SOCKET SO_TXTIME), value!(SOCKET SO_TXTIME__clockid), flag!(SOCKET SO_TXTIME__deadline_mode), flag!(SOCKET SO_TXTIME__report_errors)], "packets carry the time at which they leave, by this clock"),
    bool!(SOL_SOCKET SOCKET SO_RCVMARK = 75, Differs, "tells the receiver the mark of a packet"),
    bool!(SOL_SOCKET SOCKET SO_RCVPRIORITY = 82, Differs, "tells the receiver the priority of a packet"),
    bool!(SOL_SOCKET SOCKET SO_SELECT_ERR_QUEUE = 45, Differs, "makes select(2) report the error queue as an exception"),
    bool!(SOL_SOCKET SOCKET SO_WIFI_STATUS = 41, Differs, "tells the sender whether a wireless packet was acknowledged"),
    bool!(SOL_SOCKET SOCKET SO_NOFCS = 43, Differs, "leaves the frame's checksum to the program"),
    option!(SOL_SOCKET SO_GET_FILTER = 26, Program, IsNot(value!(SOCKET SO_GET_FILTER), 0), socket::program, [value!(SOCKET SO_GET_FILTER), value!(SOCKET SO_GET_FILTER__classic), value!(SOCKET SO_GET_FILTER__insns), value!(SOCKET SO_GET_FILTER__id)], "the program that decides which packets reach the socket").also_called(&["SO_ATTACH_FILTER", "SO_ATTACH_BPF"]),
    bool!(SOL_SOCKET SOCKET SO_LOCK_FILTER = 44, Differs, "the filter can no longer be changed"),
    option!(SOL_SOCKET SO_ATTACH_REUSEPORT_CBPF = 51, Program, NotEmpty, socket::program, [value!(SOCKET SO_ATTACH_REUSEPORT_CBPF), value!(SOCKET SO_ATTACH_REUSEPORT_CBPF__classic), value!(SOCKET SO_ATTACH_REUSEPORT_CBPF__insns), value!(SOCKET SO_ATTACH_REUSEPORT_CBPF__id)], "the program that chooses among the sockets of one SO_REUSEPORT group").also_called(&["SO_ATTACH_REUSEPORT_EBPF"]).without_getter("sock", "sk_reuseport_cb"),
    number!(SOL_SOCKET SOCKET SO_TXREHASH = 74, Int, UNLESS_SCTP, "takes another path through the network when a connection stalls"),
    number!(SOL_SOCKET SOCKET SO_RESERVE_MEM = 73, Bytes, Differs, "memory that is set aside for the socket"),
    bool!(SOL_SOCKET SOCKET SO_PASSCRED = 16, Differs, "tells the receiver who sent a message"),
    bool!(SOL_SOCKET SOCKET SO_PASSSEC = 34, Differs, "tells the receiver the security label of the sender"),
    bool!(SOL_SOCKET SOCKET SO_PASSPIDFD = 76, Differs, "hands the receiver a file descriptor of the sending process"),
    bool!(SOL_SOCKET SOCKET SO_PASSRIGHTS = 83, Differs, "accepts file descriptors that are passed to it"),
    bool!(SOL_SOCKET UNIX SO_INQ = 84, NotEmpty, "tells the receiver how much is left to read").without_getter("unix_sock", "recvmsg_inq"),
    bool!(SOL_SOCKET UNIX SO_RIGHTS_NOTRUNC = 85, NotEmpty, "a file descriptor that may not be received leaves an error in its place, instead of ending the list").without_getter("unix_sock", "scm_rights_notrunc"),
    option!(SOL_SOCKET SO_PEERCRED = 17, Struct(&layouts::UCRED), Never, unix::peer_credentials, [flag!(UNIX SO_PEERCRED__known), value!(UNIX SO_PEERCRED__pid), value!(UNIX SO_PEERCRED__uid), value!(UNIX SO_PEERCRED__gid)], "the process at the other end, as it was when it connected or listened"),
    number!(SOL_SOCKET SOCKET SK_BPF_CB_FLAGS = 1009, Flags(constants::BPF_CALLBACKS), NotEmpty, "when BPF programs are called for the socket; set by such a program").without_getter("sock", "sk_bpf_cb_flags"),
    bool!(SOL_SOCKET SOCKET SK_BPF_BYPASS_PROT_MEM = 1010, NotEmpty, "the socket does not count against the memory of its protocol; set by a BPF program").without_getter("sock", "sk_bypass_prot_mem"),
    bool!(SOL_SOCKET SOCKET SO_DEBUG = 1, Differs, "records debugging information"),
    number!(SOL_SOCKET SOCKET SO_TYPE = 3, Enum(constants::SOCKET_TYPES), Never, "the type of the socket"),
    number!(SOL_SOCKET SOCKET SO_DOMAIN = 39, Enum(constants::DOMAINS), Never, "the address family of the socket"),
    option!(SOL_SOCKET SO_PROTOCOL = 38, Enum(constants::PROTOCOLS), Never, socket::protocol, [value!(SOCKET SO_PROTOCOL)], "the protocol of the socket"),
    option!(SOL_SOCKET SO_ACCEPTCONN = 30, Bool, Never, socket::accepts_connections, [value!(SOCKET SO_ACCEPTCONN)], "the socket listens"),
    option!(SOL_SOCKET SO_ERROR = 4, Errno, Never, socket::pending_error, [value!(SOCKET SO_ERROR), value!(SOCKET SO_ERROR__soft)], "the error that waits to be reported; knetstat looks without clearing it"),
    option!(SOL_SOCKET SO_COOKIE = 57, Uint64, Never, socket::cookie, [], "a number that the kernel gives to no other socket until it restarts"),
    number!(SOL_SOCKET SOCKET SO_NETNS_COOKIE = 71, Uint64, Never, "a number that the kernel gives to no other network namespace"),

    // IPPROTO_TCP
    bool!(IPPROTO_TCP TCP TCP_NODELAY = 1, Differs, "sends small pieces at once instead of gathering them (Nagle's algorithm off)"),
    bool!(IPPROTO_TCP TCP TCP_CORK = 3, Differs, "holds back what does not fill a packet, for 200 milliseconds at most"),
    option!(IPPROTO_TCP TCP_KEEPIDLE = 4, Seconds, IsNot(value!(TCP TCP_KEEPIDLE), 0), tcp::seconds_or_system, [value!(TCP TCP_KEEPIDLE), value!(TCP TCP_KEEPIDLE__sysctl), flag!(TCP TCP_IS_MPTCP)], "how long a connection is idle before SO_KEEPALIVE probes it"),
    option!(IPPROTO_TCP TCP_KEEPINTVL = 5, Seconds, IsNot(value!(TCP TCP_KEEPINTVL), 0), tcp::seconds_or_system, [value!(TCP TCP_KEEPINTVL), value!(TCP TCP_KEEPINTVL__sysctl), flag!(TCP TCP_IS_MPTCP)], "the time between two such probes"),
    option!(IPPROTO_TCP TCP_KEEPCNT = 6, Int, IsNot(value!(TCP TCP_KEEPCNT), 0), tcp::number_or_system, [value!(TCP TCP_KEEPCNT), value!(TCP TCP_KEEPCNT__sysctl)], "how many probes go unanswered before the connection is given up"),
    number!(IPPROTO_TCP TCP TCP_USER_TIMEOUT = 18, Milliseconds, Differs, "how long sent data may stay unacknowledged before the connection is given up; 0: the system's"),
    option!(IPPROTO_TCP TCP_SYNCNT = 7, Int, IsNot(value!(TCP TCP_SYNCNT), 0), tcp::number_or_system, [value!(TCP TCP_SYNCNT), value!(TCP TCP_SYNCNT__sysctl)], "how often connect(2) repeats an unanswered SYN"),
    option!(IPPROTO_TCP TCP_LINGER2 = 8, Seconds, IsNot(value!(TCP TCP_LINGER2), 0), tcp::linger2, [value!(TCP TCP_LINGER2), value!(TCP TCP_LINGER2__sysctl)], "how long a closed connection waits in FIN_WAIT2 for its peer; -1: not at all"),
    option!(IPPROTO_TCP TCP_DEFER_ACCEPT = 9, Seconds, Differs, tcp::defer_accept, [value!(TCP TCP_DEFER_ACCEPT)], "a listener hands out a connection only when data arrived, or after this time; the kernel rounds up"),
    number!(IPPROTO_TCP TCP TCP_FASTOPEN = 23, Int, FASTOPEN, "how many connections a listener may have open early (TCP Fast Open)"),
    bool!(IPPROTO_TCP TCP TCP_FASTOPEN_CONNECT = 30, Differs, "connect(2) waits for the first data and sends it with the SYN"),
    bool!(IPPROTO_TCP TCP TCP_FASTOPEN_NO_COOKIE = 34, Differs, "uses Fast Open without a cookie"),
    number!(IPPROTO_TCP TCP TCP_NOTSENT_LOWAT = 25, Bytes, UNLESS_SUBFLOW, "the socket counts as writable while less than this is unsent; 0: the sysctl net.ipv4.tcp_notsent_lowat"),
    option!(IPPROTO_TCP TCP_CONGESTION = 13, Name, CONGESTION, tcp::congestion, [], "the congestion control algorithm"),
    option!(IPPROTO_TCP TCP_ULP = 31, Name, ULP, tcp::ulp, [flag!(TCP TCP_IS_MPTCP)], "the protocol on top of the connection, such as tls, mptcp or smc"),
    option!(IPPROTO_TCP TCP_MAXSEG = 2, Bytes, MAXSEG, tcp::maxseg, [value!(TCP TCP_MAXSEG), value!(TCP TCP_MAXSEG__user), value!(TCP TCP_MAXSEG__clamp), flag!(TCP TCP_REPAIR)], "the largest segment: before the connection what was asked for, then what is used"),
    number!(IPPROTO_TCP TCP TCP_WINDOW_CLAMP = 10, Bytes, UNLESS_CLAMPED, "the largest window that is offered to the peer"),
    option!(IPPROTO_TCP TCP_QUICKACK = 12, Bool, Never, tcp::quickack, [value!(TCP TCP_QUICKACK), value!(TCP TCP_QUICKACK__sysctl)], "acknowledges at once; the kernel switches it with the traffic"),
    number!(IPPROTO_TCP TCP TCP_SAVE_SYN = 27, Int, Differs, "keeps the headers of the SYN of accepted connections"),
    bool!(IPPROTO_TCP TCP TCP_INQ = 36, Differs, "tells the receiver how much is left to read"),
    number!(IPPROTO_TCP TCP TCP_TX_DELAY = 37, Microseconds, Differs, "delays outgoing packets, for tests"),
    option!(IPPROTO_TCP TCP_RTO_MAX_MS = 44, Milliseconds, Differs, tcp::jiffies_in::<1_000>, [value!(TCP TCP_RTO_MAX_MS)], "the longest time between two retransmissions"),
    option!(IPPROTO_TCP TCP_RTO_MIN_US = 45, Microseconds, UNLESS_RTO_MIN_RESET, tcp::jiffies_in::<1_000_000>, [value!(TCP TCP_RTO_MIN_US)], "the shortest time before a retransmission"),
    option!(IPPROTO_TCP TCP_DELACK_MAX_US = 46, Microseconds, UNLESS_DELACK_MAX_RESET, tcp::jiffies_in::<1_000_000>, [value!(TCP TCP_DELACK_MAX_US)], "the longest time that an acknowledgement is held back"),
    bool!(IPPROTO_TCP TCP TCP_THIN_LINEAR_TIMEOUTS = 16, Differs, "repeats lost packets of a thin stream without waiting longer each time"),
    option!(IPPROTO_TCP TCP_MD5SIG = 14, Keys, IsNot(flag!(TCP TCP_MD5SIG), 0), tcp::md5_keys, [flag!(TCP TCP_MD5SIG)], "packets of these peers have MD5 signatures; the keys are never read").also_called(&["TCP_MD5SIG_EXT"]).without_getter("tcp_sock", "md5sig_info"),
    option!(IPPROTO_TCP TCP_AO_ADD_KEY = 38, Keys, IsNot(flag!(TCP TCP_AO_ADD_KEY), 0), tcp::ao_keys, [flag!(TCP TCP_AO_ADD_KEY)], "packets of these peers are signed with the TCP Authentication Option; the keys are never read").also_called(&["TCP_AO_DEL_KEY", "TCP_AO_INFO", "TCP_AO_GET_KEYS"]).without_getter("tcp_sock", "ao_info"),
    number!(IPPROTO_TCP TCP TCP_BPF_SOCK_OPS_CB_FLAGS = 1008, Flags(constants::SOCK_OPS_CALLBACKS), NotEmpty, "when BPF programs of the kind sock_ops are called for the connection; set by such a program").without_getter("tcp_sock", "bpf_sock_ops_cb_flags"),
    bool!(IPPROTO_TCP TCP TCP_IS_MPTCP = 43, Never, "the socket is part of an MPTCP connection"),
    bool!(IPPROTO_TCP TCP TCP_REPAIR = 19, Differs, "the connection is being saved or restored (CRIU)"),

    // SOL_TLS
    option!(SOL_TLS TLS_TX = 1, Tls, NotEmpty, tls::direction, [value!(TLS TLS_TX), value!(TLS TLS_TX__version), value!(TLS TLS_TX__mode)], "how the kernel encrypts what is sent: version, cipher, and who does it; the keys are never read").with_tls("tx_conf"),
    option!(SOL_TLS TLS_RX = 2, Tls, NotEmpty, tls::direction, [value!(TLS TLS_RX), value!(TLS TLS_RX__version), value!(TLS TLS_RX__mode)], "how the kernel decrypts what arrives, in the same terms").with_tls("rx_conf"),
    bool!(SOL_TLS TLS TLS_TX_ZEROCOPY_RO = 3, NotEmpty, "the network device encrypts files that are sent, without a copy").with_tls("zerocopy_sendfile"),
    option!(SOL_TLS TLS_RX_EXPECT_NO_PAD = 4, Bool, NotEmpty, tls::no_pad, [flag!(TLS TLS_RX_EXPECT_NO_PAD), value!(TLS TLS_RX_EXPECT_NO_PAD__version), value!(TLS TLS_RX__mode)], "takes records of TLS 1.3 to have no padding, which saves a copy").with_tls("rx_no_pad"),
    number!(SOL_TLS TLS TLS_TX_MAX_PAYLOAD_LEN = 5, Bytes, IsNot(value!(TLS TLS_TX_MAX_PAYLOAD_LEN), tls::MAX_PAYLOAD), "how much goes into one record").with_tls("tx_max_payload_len"),

    // IPPROTO_UDP
    bool!(IPPROTO_UDP UDP UDP_CORK = 1, Differs, "gathers what is sent into one datagram until it is switched off"),
    number!(IPPROTO_UDP UDP UDP_SEGMENT = 103, Bytes, Differs, "cuts what is sent at once into datagrams of this size (GSO)"),
    bool!(IPPROTO_UDP UDP UDP_GRO = 104, Differs, "receives several datagrams of one flow at once"),
    option!(IPPROTO_UDP UDP_ENCAP = 100, Enum(constants::ENCAPSULATIONS), Differs, udp::encapsulation, [value!(UDP UDP_ENCAP)], "the tunnel protocol whose packets the kernel takes out of the datagrams"),
    bool!(IPPROTO_UDP UDP UDP_NO_CHECK6_TX = 101, Differs, "sends over IPv6 without a checksum"),
    bool!(IPPROTO_UDP UDP UDP_NO_CHECK6_RX = 102, Differs, "accepts datagrams without a checksum over IPv6"),

    // IPPROTO_IP
    number!(IPPROTO_IP IP IP_TOS = 1, Int, DiffersApartFromEcn, "the type of service (DSCP) of outgoing packets"),
    option!(IPPROTO_IP IP_TTL = 2, Int, IsNot(value!(IP IP_TTL), u64::MAX), ip::ttl, [value!(IP IP_TTL), value!(IP IP_TTL__sysctl)], "the time to live of outgoing packets"),
    number!(IPPROTO_IP IP IP_MINTTL = 21, Int, Differs, "drops packets that arrive with a smaller time to live"),
    number!(IPPROTO_IP IP IP_MTU_DISCOVER = 10, Enum(constants::PMTU_DISCOVERY), UNLESS_SCTP, "whether the path's MTU is discovered, and packets may be fragmented"),
    bool!(IPPROTO_IP IP IP_FREEBIND = 15, Differs, "allows an address that this host does not have yet"),
    bool!(IPPROTO_IP IP IP_TRANSPARENT = 19, Differs, "allows addresses of other hosts, for transparent proxies"),
    bool!(IPPROTO_IP IP IP_BIND_ADDRESS_NO_PORT = 24, Differs, "bind(2) to port 0 leaves the choice of the port to connect(2)"),
    option!(IPPROTO_IP IP_LOCAL_PORT_RANGE = 51, PortRange, Differs, ip::port_range, [value!(IP IP_LOCAL_PORT_RANGE)], "the ports from which the kernel chooses; 0-0: the system's"),
    number!(IPPROTO_IP IP IP_UNICAST_IF = 50, IfindexNetworkOrder, Differs, "the interface for packets that are not multicast"),
    bool!(IPPROTO_IP IP IP_PKTINFO = 8, Differs, "tells the receiver at which address and interface a packet arrived"),
    bool!(IPPROTO_IP IP IP_RECVERR = 11, Differs, "keeps errors from the network in the error queue"),
    bool!(IPPROTO_IP IP IP_RECVERR_RFC4884 = 26, Differs, "tells where an ICMP error has its extensions (RFC 4884)"),
    bool!(IPPROTO_IP IP IP_RECVTTL = 12, Differs, "tells the receiver the time to live of a packet"),
    bool!(IPPROTO_IP IP IP_RECVTOS = 13, Differs, "tells the receiver the type of service of a packet"),
    bool!(IPPROTO_IP IP IP_RECVOPTS = 6, Differs, "tells the receiver the IP options of a packet"),
    bool!(IPPROTO_IP IP IP_RETOPTS = 7, Differs, "tells the receiver the IP options for an answer"),
    bool!(IPPROTO_IP IP IP_RECVORIGDSTADDR = 20, Differs, "tells the receiver where a redirected packet was going"),
    bool!(IPPROTO_IP IP IP_RECVFRAGSIZE = 25, Differs, "tells the receiver the size of the largest fragment"),
    bool!(IPPROTO_IP IP IP_CHECKSUM = 23, Differs, "tells the receiver the checksum of a packet"),
    bool!(IPPROTO_IP IP IP_PASSSEC = 18, Differs, "tells the receiver the security label of a packet"),
    option!(IPPROTO_IP IP_ADD_MEMBERSHIP = 35, Memberships, NotEmpty, ip::joined_groups, [flag!(IP IP_ADD_MEMBERSHIP)], "the IPv4 multicast groups that were joined").also_called(&["IP_DROP_MEMBERSHIP", "IP_ADD_SOURCE_MEMBERSHIP", "IP_BLOCK_SOURCE", "MCAST_JOIN_GROUP", "MCAST_JOIN_SOURCE_GROUP"]).without_getter("inet_sock", "mc_list"),
    option!(IPPROTO_IP IP_MULTICAST_IF = 32, Multicast, MULTICAST_INTERFACE, ip::multicast_interface, [value!(IP IP_MULTICAST_IF), value!(IP IP_MULTICAST_IF__ifindex)], "the source address of outgoing multicast, and after % the interface"),
    number!(IPPROTO_IP IP IP_MULTICAST_TTL = 33, Int, UNLESS_TCP, "the time to live of outgoing multicast"),
    bool!(IPPROTO_IP IP IP_MULTICAST_LOOP = 34, Differs, "multicast that is sent comes back to this host"),
    bool!(IPPROTO_IP IP IP_MULTICAST_ALL = 49, UNLESS_CONVERTED, "receives every group that somebody on this host joined"),
    option!(IPPROTO_IP IP_OPTIONS = 4, Blob, Differs, ip::options, [flag!(IP IP_OPTIONS)], "the IP options of outgoing packets"),
    bool!(IPPROTO_IP IP IP_HDRINCL = 3, Differs, "the program writes the IP header itself (raw sockets)"),
    bool!(IPPROTO_IP IP IP_NODEFRAG = 22, Differs, "does not put fragments of outgoing packets together (raw sockets)"),
    bool!(IPPROTO_IP IP IP_ROUTER_ALERT = 5, Differs, "receives packets with the router alert option (raw sockets)"),
    option!(IPPROTO_IP IP_IPSEC_POLICY = 16, Flags(constants::POLICY_DIRECTIONS), NotEmpty, ip::policy, [value!(IP IP_IPSEC_POLICY__in), value!(IP IP_IPSEC_POLICY__out)], "the directions in which the socket has an IPsec policy of its own").also_called(&["IP_XFRM_POLICY"]).without_getter("sock", "sk_policy"),

    // SOL_RAW
    number!(SOL_RAW RAW ICMP_FILTER = 1, Mask, Differs, "the ICMP types that do not reach the socket, a bit for each"),

    // SOL_SCTP
    bool!(SOL_SCTP SCTP SCTP_NODELAY = 3, Differs, "sends small messages at once instead of gathering them (Nagle's algorithm off)"),
    number!(SOL_SCTP SCTP SCTP_AUTOCLOSE = 4, Seconds, Differs, "how long an association may be idle before it is closed; 0: for ever"),
    option!(SOL_SCTP SCTP_INITMSG = 2, Struct(&layouts::SCTP_INITMSG), Differs, sctp::initmsg, [value!(SCTP SCTP_INITMSG__ostreams), value!(SCTP SCTP_INITMSG__instreams), value!(SCTP SCTP_INITMSG__attempts), value!(SCTP SCTP_INITMSG__timeo)], "how many streams an association has, and how often and how late its beginning is repeated"),
    option!(SOL_SCTP SCTP_RTOINFO = 0, Struct(&layouts::SCTP_RTOINFO), Differs, sctp::rtoinfo, [value!(SCTP SCTP_RTOINFO__initial), value!(SCTP SCTP_RTOINFO__max), value!(SCTP SCTP_RTOINFO__min), flag!(SCTP SCTP_STATUS__association)], "the time before a retransmission: at first, at most, at least").inside((0, 16)),
    option!(SOL_SCTP SCTP_ASSOCINFO = 1, Struct(&layouts::SCTP_ASSOCPARAMS), UNLESS_ASSOCIATED, sctp::associnfo, [value!(SCTP SCTP_ASSOCINFO__asocmaxrxt), value!(SCTP SCTP_ASSOCINFO__destinations), value!(SCTP SCTP_ASSOCINFO__peer_rwnd), value!(SCTP SCTP_ASSOCINFO__local_rwnd), value!(SCTP SCTP_ASSOCINFO__cookie_life), flag!(SCTP SCTP_STATUS__association)], "how many retransmissions end an association, and how long its cookie is valid"),
    option!(SOL_SCTP SCTP_PEER_ADDR_PARAMS = 9, Struct(&layouts::SCTP_PADDRPARAMS), UNLESS_ASSOCIATED, sctp::path, [value!(SCTP SCTP_PEER_ADDR_PARAMS__hbinterval), value!(SCTP SCTP_PEER_ADDR_PARAMS__pathmaxrxt), value!(SCTP SCTP_PEER_ADDR_PARAMS__pathmtu), value!(SCTP SCTP_PEER_ADDR_PARAMS__sackdelay), value!(SCTP SCTP_PEER_ADDR_PARAMS__flags), value!(SCTP SCTP_PEER_ADDR_PARAMS__flowlabel), value!(SCTP SCTP_PEER_ADDR_PARAMS__dscp), flag!(SCTP SCTP_STATUS__association)], "heartbeats, retransmissions, MTU and marking of each path to the peer").inside((0, 156)),
    option!(SOL_SCTP SCTP_PEER_ADDR_THLDS = 31, Struct(&layouts::SCTP_PADDRTHLDS), Differs, sctp::thresholds, [value!(SCTP SCTP_PEER_ADDR_PARAMS__pathmaxrxt), value!(SCTP SCTP_PEER_ADDR_THLDS__pf)], "after how many lost packets a path counts as failed, and as potentially failed").inside((0, 144)),
    option!(SOL_SCTP SCTP_PEER_ADDR_THLDS_V2 = 37, Struct(&layouts::SCTP_PADDRTHLDS_V2), Differs, sctp::thresholds_v2, [value!(SCTP SCTP_PEER_ADDR_PARAMS__pathmaxrxt), value!(SCTP SCTP_PEER_ADDR_THLDS__pf), value!(SCTP SCTP_PEER_ADDR_THLDS_V2__ps)], "the same, and after how many another path becomes the primary one").inside((0, 144)),
    option!(SOL_SCTP SCTP_DELAYED_SACK = 16, Struct(&layouts::SCTP_SACK_INFO), Differs, sctp::sack, [value!(SCTP SCTP_PEER_ADDR_PARAMS__flags), value!(SCTP SCTP_PEER_ADDR_PARAMS__sackdelay), value!(SCTP SCTP_DELAYED_SACK__freq), flag!(SCTP SCTP_STATUS__association)], "how long, and for how many packets, an acknowledgement is held back").also_called(&["SCTP_DELAYED_ACK", "SCTP_DELAYED_ACK_TIME"]),
    option!(SOL_SCTP SCTP_EVENTS = 11, Struct(&layouts::SCTP_EVENT_SUBSCRIBE), Differs, sctp::events, [value!(SCTP SCTP_EVENTS)], "the events of which the receiver is told").also_called(&["SCTP_EVENT"]),
    bool!(SOL_SCTP SCTP SCTP_RECVRCVINFO = 32, Differs, "tells the receiver the stream and the numbers of a message"),
    bool!(SOL_SCTP SCTP SCTP_RECVNXTINFO = 33, Differs, "tells the receiver of the message after this one"),
    number!(SOL_SCTP SCTP SCTP_MAXSEG = 13, Bytes, UNLESS_ASSOCIATED, "the largest piece that messages are cut into; 0: as large as fits").inside(layouts::SCTP_ASSOC_VALUE),
    bool!(SOL_SCTP SCTP SCTP_DISABLE_FRAGMENTS = 8, Differs, "refuses messages that would have to be cut"),
    bool!(SOL_SCTP SCTP SCTP_FRAGMENT_INTERLEAVE = 18, Differs, "hands over parts of messages of several associations in turn"),
    number!(SOL_SCTP SCTP SCTP_PARTIAL_DELIVERY_POINT = 19, Bytes, Differs, "a message that has grown to this is handed over before its end; 0: not before the buffer is full"),
    number!(SOL_SCTP SCTP SCTP_MAX_BURST = 20, Uint, Differs, "how many packets may be sent at once").inside(layouts::SCTP_ASSOC_VALUE),
    number!(SOL_SCTP SCTP SCTP_CONTEXT = 17, Uint, Differs, "a number that comes with messages that were received").inside(layouts::SCTP_ASSOC_VALUE),
    option!(SOL_SCTP SCTP_DEFAULT_SEND_PARAM = 10, Struct(&layouts::SCTP_SNDRCVINFO), Differs, sctp::send_param, [value!(SCTP SCTP_DEFAULT_SEND_PARAM__stream), value!(SCTP SCTP_DEFAULT_SEND_PARAM__flags), value!(SCTP SCTP_DEFAULT_SEND_PARAM__ppid), value!(SCTP SCTP_DEFAULT_SEND_PARAM__context), value!(SCTP SCTP_DEFAULT_SEND_PARAM__timetolive)], "how a message is sent for which nothing is said").inside((0, 32)),
    option!(SOL_SCTP SCTP_DEFAULT_SNDINFO = 34, Struct(&layouts::SCTP_SNDINFO), Differs, sctp::send_info, [value!(SCTP SCTP_DEFAULT_SEND_PARAM__stream), value!(SCTP SCTP_DEFAULT_SEND_PARAM__flags), value!(SCTP SCTP_DEFAULT_SEND_PARAM__ppid), value!(SCTP SCTP_DEFAULT_SEND_PARAM__context)], "the same in a newer form").inside((0, 16)),
    option!(SOL_SCTP SCTP_DEFAULT_PRINFO = 114, Struct(&layouts::SCTP_DEFAULT_PRINFO), Differs, sctp::policy, [value!(SCTP SCTP_DEFAULT_SEND_PARAM__flags), value!(SCTP SCTP_DEFAULT_SEND_PARAM__timetolive)], "when a message is given up that was not delivered").inside((0, 12)),
    number!(SOL_SCTP SCTP SCTP_ADAPTATION_LAYER = 7, Uint, Differs, "what the peer is told of the layer above"),
    bool!(SOL_SCTP SCTP SCTP_I_WANT_MAPPED_V4_ADDR = 12, Differs, "an IPv6 socket gives IPv4 addresses as v4-mapped ones"),
    bool!(SOL_SCTP SCTP SCTP_AUTO_ASCONF = 30, Differs, "tells the peer when this host gets or loses an address"),
    bool!(SOL_SCTP SCTP SCTP_REUSE_PORT = 36, Differs, "lets several sockets of one association each be bound to one port"),
    bool!(SOL_SCTP SCTP SCTP_PR_SUPPORTED = 113, UNLESS_ASSOCIATED, "messages may be given up (partial reliability)").inside(layouts::SCTP_ASSOC_VALUE),
    bool!(SOL_SCTP SCTP SCTP_RECONFIG_SUPPORTED = 117, UNLESS_ASSOCIATED, "streams may be reset and added").inside(layouts::SCTP_ASSOC_VALUE),
    number!(SOL_SCTP SCTP SCTP_ENABLE_STREAM_RESET = 118, Flags(constants::SCTP_RESETS), Differs, "which of that the peer may ask for").inside(layouts::SCTP_ASSOC_VALUE),
    bool!(SOL_SCTP SCTP SCTP_INTERLEAVING_SUPPORTED = 125, UNLESS_ASSOCIATED, "pieces of messages may be mixed on the way").inside(layouts::SCTP_ASSOC_VALUE),
    option!(SOL_SCTP SCTP_STREAM_SCHEDULER = 123, Enum(constants::SCTP_SCHEDULERS), Differs, sctp::scheduler, [value!(SCTP SCTP_STREAM_SCHEDULER), flag!(SCTP SCTP_STATUS__association)], "which stream sends next; not known of a socket with one association").inside(layouts::SCTP_ASSOC_VALUE),
    bool!(SOL_SCTP SCTP SCTP_ASCONF_SUPPORTED = 128, UNLESS_ASSOCIATED, "addresses may be added and removed").inside(layouts::SCTP_ASSOC_VALUE),
    bool!(SOL_SCTP SCTP SCTP_AUTH_SUPPORTED = 129, UNLESS_ASSOCIATED, "chunks may be authenticated").inside(layouts::SCTP_ASSOC_VALUE),
    bool!(SOL_SCTP SCTP SCTP_ECN_SUPPORTED = 130, UNLESS_ASSOCIATED, "congestion may be signalled without loss (ECN)").inside(layouts::SCTP_ASSOC_VALUE),
    number!(SOL_SCTP SCTP SCTP_EXPOSE_POTENTIALLY_FAILED_STATE = 131, Enum(constants::SCTP_EXPOSURES), Differs, "whether programs are told that a path may have failed").also_called(&["SCTP_EXPOSE_PF_STATE"]).inside(layouts::SCTP_ASSOC_VALUE),
    option!(SOL_SCTP SCTP_REMOTE_UDP_ENCAPS_PORT = 132, PortNetworkOrder, Differs, sctp::encapsulation_port, [value!(SCTP SCTP_REMOTE_UDP_ENCAPS_PORT)], "the peer's UDP port, where SCTP goes over UDP; 0: it does not").inside(layouts::SCTP_AT_ADDRESS),
    option!(SOL_SCTP SCTP_PLPMTUD_PROBE_INTERVAL = 133, Milliseconds, Differs, sctp::probe_interval, [value!(SCTP SCTP_PLPMTUD_PROBE_INTERVAL), flag!(SCTP SCTP_STATUS__association)], "the time between probes of the path's MTU; 0: there are none").inside(layouts::SCTP_AT_ADDRESS),

    // SOL_ICMPV6
    option!(SOL_ICMPV6 ICMPV6_FILTER = 1, Blob, Differs, raw::icmpv6_filter, [], "the ICMPv6 types that do not reach the socket, a bit for each"),

    // SOL_NETLINK
    option!(SOL_NETLINK NETLINK_LIST_MEMBERSHIPS = 9, Groups, Differs, netlink::groups, [value!(NETLINK NETLINK_LIST_MEMBERSHIPS)], "the multicast groups that were joined, by number").also_called(&["NETLINK_ADD_MEMBERSHIP", "NETLINK_DROP_MEMBERSHIP"]),
    bool!(SOL_NETLINK NETLINK NETLINK_NO_ENOBUFS = 5, Differs, "keeps quiet about messages that were lost because the receive buffer was full"),
    bool!(SOL_NETLINK NETLINK NETLINK_BROADCAST_ERROR = 4, Differs, "tells the sender of a broadcast when the receive buffer had no room for it"),
    bool!(SOL_NETLINK NETLINK NETLINK_PKTINFO = 3, Differs, "tells the receiver to which group a message was sent"),
    bool!(SOL_NETLINK NETLINK NETLINK_LISTEN_ALL_NSID = 8, Differs, "receives from all network namespaces that have a number in its own"),
    bool!(SOL_NETLINK NETLINK NETLINK_CAP_ACK = 10, Differs, "error messages do not repeat the whole request"),
    bool!(SOL_NETLINK NETLINK NETLINK_EXT_ACK = 11, Differs, "acknowledgements and errors say more: a text, and where in the request"),
    bool!(SOL_NETLINK NETLINK NETLINK_GET_STRICT_CHK = 12, Differs, "the kernel looks strictly at the requests of dumps, and filters by them"),

    // AF_VSOCK
    number!(AF_VSOCK VSOCK SO_VM_SOCKETS_BUFFER_SIZE = 0, Uint64, Differs, "how many bytes the receive buffer holds"),
    number!(AF_VSOCK VSOCK SO_VM_SOCKETS_BUFFER_MIN_SIZE = 1, Uint64, Differs, "the least that SO_VM_SOCKETS_BUFFER_SIZE may be, in bytes"),
    number!(AF_VSOCK VSOCK SO_VM_SOCKETS_BUFFER_MAX_SIZE = 2, Uint64, Differs, "the most that SO_VM_SOCKETS_BUFFER_SIZE may be, in bytes"),
    option!(AF_VSOCK SO_VM_SOCKETS_CONNECT_TIMEOUT = 6, Timeval, Differs, socket::timeout, [value!(VSOCK SO_VM_SOCKETS_CONNECT_TIMEOUT)], "how long connect(2) waits for the other end").also_called(&["SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD", "SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW"]),

    // IPPROTO_IPV6
    bool!(IPPROTO_IPV6 IPV6 IPV6_V6ONLY = 26, UNLESS_BOUND, "takes IPv6 alone, and no IPv4 by way of v4-mapped addresses"),
    number!(IPPROTO_IPV6 IPV6 IPV6_TCLASS = 67, Int, DiffersApartFromEcn, "the traffic class (DSCP) of outgoing packets"),
    option!(IPPROTO_IPV6 IPV6_UNICAST_HOPS = 16, Int, IsNot(value!(IPV6 IPV6_UNICAST_HOPS), u64::MAX), ipv6::unicast_hops, [value!(IPV6 IPV6_UNICAST_HOPS), value!(IPV6 IPV6_UNICAST_HOPS__route), value!(IPV6 IPV6_UNICAST_HOPS__sysctl)], "the hop limit of outgoing packets"),
    number!(IPPROTO_IPV6 IPV6 IPV6_MINHOPCOUNT = 73, Int, Differs, "drops packets that arrive with a smaller hop limit"),
    number!(IPPROTO_IPV6 IPV6 IPV6_MTU_DISCOVER = 23, Enum(constants::PMTU_DISCOVERY), Differs, "whether the path's MTU is discovered, and packets may be fragmented"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_DONTFRAG = 62, Differs, "does not fragment what is larger than the path's MTU"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_FREEBIND = 78, Differs, "allows an address that this host does not have yet; one with IP_FREEBIND"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_TRANSPARENT = 75, Differs, "allows addresses of other hosts; one with IP_TRANSPARENT"),
    number!(IPPROTO_IPV6 IPV6 IPV6_UNICAST_IF = 76, IfindexNetworkOrder, Differs, "the interface for packets that are not multicast"),
    option!(IPPROTO_IPV6 IPV6_ADDR_PREFERENCES = 72, Flags(constants::ADDRESS_PREFERENCES), Differs, ipv6::address_preferences, [value!(IPV6 IPV6_ADDR_PREFERENCES)], "which of its addresses the host prefers as the source"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVPKTINFO = 49, Differs, "tells the receiver at which address and interface a packet arrived"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVERR = 25, Differs, "keeps errors from the network in the error queue"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVERR_RFC4884 = 31, Differs, "tells where an ICMPv6 error has its extensions (RFC 4884)"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVHOPLIMIT = 51, Differs, "tells the receiver the hop limit of a packet"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVTCLASS = 66, Differs, "tells the receiver the traffic class of a packet"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVHOPOPTS = 53, Differs, "tells the receiver the hop-by-hop options of a packet"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVDSTOPTS = 58, Differs, "tells the receiver the destination options of a packet"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVRTHDR = 56, Differs, "tells the receiver the routing header of a packet"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVPATHMTU = 60, Differs, "tells the receiver when the path's MTU changes"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVORIGDSTADDR = 74, Differs, "tells the receiver where a redirected packet was going"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_RECVFRAGSIZE = 77, Differs, "tells the receiver the size of the largest fragment"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_FLOWINFO = 11, Differs, "tells the receiver the flow label of a packet"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_FLOWINFO_SEND = 33, Differs, "the program chooses the flow label with the address"),
    option!(IPPROTO_IPV6 IPV6_AUTOFLOWLABEL = 70, Bool, IsNot(flag!(IPV6 IPV6_AUTOFLOWLABEL__set), 0), ipv6::auto_flow_label, [flag!(IPV6 IPV6_AUTOFLOWLABEL__set), flag!(IPV6 IPV6_AUTOFLOWLABEL), value!(IPV6 IPV6_AUTOFLOWLABEL__sysctl)], "the kernel chooses a flow label for each flow"),
    option!(IPPROTO_IPV6 IPV6_JOIN_GROUP = 20, Memberships, NotEmpty, ipv6::joined_groups, [flag!(IPV6 IPV6_JOIN_GROUP)], "the IPv6 multicast groups that were joined").also_called(&["IPV6_ADD_MEMBERSHIP", "IPV6_LEAVE_GROUP", "IPV6_DROP_MEMBERSHIP"]).without_getter("ipv6_pinfo", "ipv6_mc_list"),
    option!(IPPROTO_IPV6 IPV6_JOIN_ANYCAST = 27, Memberships, NotEmpty, ipv6::joined_anycast, [flag!(IPV6 IPV6_JOIN_ANYCAST)], "the anycast addresses that were joined").also_called(&["IPV6_LEAVE_ANYCAST"]).without_getter("ipv6_pinfo", "ipv6_ac_list"),
    number!(IPPROTO_IPV6 IPV6 IPV6_MULTICAST_IF = 17, Ifindex, UNLESS_TCP, "the interface for multicast"),
    number!(IPPROTO_IPV6 IPV6 IPV6_MULTICAST_HOPS = 18, Int, UNLESS_TCP, "the hop limit of outgoing multicast"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_MULTICAST_LOOP = 19, UNLESS_SCTP, "multicast that is sent comes back to this host"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_MULTICAST_ALL = 29, UNLESS_SCTP, "receives every group that somebody on this host joined"),
    option!(IPPROTO_IPV6 IPV6_PKTINFO = 50, Pktinfo, NotEmpty, ipv6::pktinfo, [value!(IPV6 IPV6_PKTINFO__ifindex)], "the source address and interface of outgoing packets").without_getter("ipv6_pinfo", "sticky_pktinfo"),
    option!(IPPROTO_IPV6 IPV6_HOPOPTS = 54, Blob, Differs, ipv6::hop_by_hop_options, [flag!(IPV6 IPV6_HOPOPTS)], "the hop-by-hop options of outgoing packets"),
    option!(IPPROTO_IPV6 IPV6_RTHDRDSTOPTS = 55, Blob, Differs, ipv6::destination_options_of_route, [flag!(IPV6 IPV6_RTHDRDSTOPTS)], "the destination options for each hop of the routing header"),
    option!(IPPROTO_IPV6 IPV6_RTHDR = 57, Blob, Differs, ipv6::routing_header, [flag!(IPV6 IPV6_RTHDR)], "the routing header of outgoing packets"),
    option!(IPPROTO_IPV6 IPV6_DSTOPTS = 59, Blob, Differs, ipv6::destination_options, [flag!(IPV6 IPV6_DSTOPTS)], "the destination options of outgoing packets"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_2292PKTINFO = 2, Differs, "IPV6_RECVPKTINFO in the form of RFC 2292"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_2292HOPOPTS = 3, Differs, "IPV6_RECVHOPOPTS in the form of RFC 2292"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_2292DSTOPTS = 4, Differs, "IPV6_RECVDSTOPTS in the form of RFC 2292"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_2292RTHDR = 5, Differs, "IPV6_RECVRTHDR in the form of RFC 2292"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_2292HOPLIMIT = 8, Differs, "IPV6_RECVHOPLIMIT in the form of RFC 2292"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_HDRINCL = 36, Differs, "the program writes the IPv6 header itself (raw sockets)"),
    option!(IPPROTO_IPV6 IPV6_CHECKSUM = 7, Int, Differs, raw::checksum_offset, [flag!(RAW IPV6_CHECKSUM__on), value!(RAW IPV6_CHECKSUM)], "where the kernel writes the checksum of what is sent; -1: nowhere (raw sockets)"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_ROUTER_ALERT = 22, Differs, "receives packets with the router alert option (raw sockets)"),
    bool!(IPPROTO_IPV6 IPV6 IPV6_ROUTER_ALERT_ISOLATE = 30, Differs, "router alerts reach only sockets of their own network namespace"),
    option!(IPPROTO_IPV6 IPV6_IPSEC_POLICY = 34, Flags(constants::POLICY_DIRECTIONS), NotEmpty, ipv6::policy, [value!(IP IP_IPSEC_POLICY__in), value!(IP IP_IPSEC_POLICY__out)], "the directions in which the socket has an IPsec policy of its own").also_called(&["IPV6_XFRM_POLICY"]).without_getter("sock", "sk_policy"),

    // SOL_PACKET
    option!(SOL_PACKET PACKET_ADD_MEMBERSHIP = 1, PacketMemberships, NotEmpty, packet::memberships, [flag!(PACKET PACKET_ADD_MEMBERSHIP)], "what the interfaces were told to receive: PROMISC everything, ALLMULTI all multicast, or an address").also_called(&["PACKET_DROP_MEMBERSHIP"]).without_getter("packet_sock", "mclist"),
    option!(SOL_PACKET PACKET_FANOUT = 18, Fanout, IsNot(flag!(PACKET PACKET_FANOUT__joined), 0), packet::fanout, [flag!(PACKET PACKET_FANOUT__joined), value!(PACKET PACKET_FANOUT), value!(PACKET PACKET_FANOUT__type), value!(PACKET PACKET_FANOUT__flags)], "the group of sockets among which packets are shared out, and how"),
    option!(SOL_PACKET PACKET_FANOUT_DATA = 22, Program, NotEmpty, packet::fanout_program, [value!(PACKET PACKET_FANOUT_DATA), value!(PACKET PACKET_FANOUT__type), value!(PACKET PACKET_FANOUT_DATA__id)], "the program that chooses among the sockets of a fanout group").without_getter("packet_fanout", "bpf_prog"),
    option!(SOL_PACKET PACKET_RX_RING = 5, Struct(&layouts::TPACKET_REQ), NotEmpty, packet::ring, [flag!(PACKET PACKET_RX_RING), value!(PACKET PACKET_RX_RING__block_pages), value!(PACKET PACKET_RX_RING__blocks), value!(PACKET PACKET_RX_RING__frame_size), value!(PACKET PACKET_RX_RING__last_frame)], "the memory shared with the kernel in which packets arrive").without_getter("packet_sock", "rx_ring"),
    option!(SOL_PACKET PACKET_TX_RING = 13, Struct(&layouts::TPACKET_REQ), NotEmpty, packet::ring, [flag!(PACKET PACKET_TX_RING), value!(PACKET PACKET_TX_RING__block_pages), value!(PACKET PACKET_TX_RING__blocks), value!(PACKET PACKET_TX_RING__frame_size), value!(PACKET PACKET_TX_RING__last_frame)], "the memory shared with the kernel from which packets are sent").without_getter("packet_sock", "tx_ring"),
    number!(SOL_PACKET PACKET PACKET_VERSION = 10, Enum(constants::RING_VERSIONS), Differs, "the form of the packets in a ring"),
    number!(SOL_PACKET PACKET PACKET_RESERVE = 12, Uint, Differs, "bytes that are left free in front of each packet in a ring"),
    number!(SOL_PACKET PACKET PACKET_COPY_THRESH = 7, Int, Differs, "whether packets that do not fit their place in a ring are queued whole too"),
    bool!(SOL_PACKET PACKET PACKET_LOSS = 14, Differs, "skips packets in the send ring that are malformed"),
    bool!(SOL_PACKET PACKET PACKET_TX_HAS_OFF = 19, Differs, "the program says where in its place in the send ring a packet begins"),
    number!(SOL_PACKET PACKET PACKET_TIMESTAMP = 17, Flags(constants::TIMESTAMPING), Differs, "which time stamps the packets in a ring have"),
    bool!(SOL_PACKET PACKET PACKET_AUXDATA = 8, Differs, "tells the receiver length, VLAN and checksum state of a packet"),
    bool!(SOL_PACKET PACKET PACKET_ORIGDEV = 9, Differs, "tells the receiver the interface a packet came in by, not the one above it, such as a bond"),
    bool!(SOL_PACKET PACKET PACKET_IGNORE_OUTGOING = 23, Differs, "does not receive what this host sends"),
    bool!(SOL_PACKET PACKET PACKET_QDISC_BYPASS = 20, Differs, "sends past the queueing discipline"),
    bool!(SOL_PACKET PACKET PACKET_VNET_HDR = 15, Differs, "packets have a header for what the device is to do, as in a virtual machine"),
    number!(SOL_PACKET PACKET PACKET_VNET_HDR_SZ = 24, Bytes, Differs, "the size of that header; 0: none"),
    option!(SOL_PACKET PACKET_STATISTICS = 6, Struct(&layouts::TPACKET_STATS), Never, packet::statistics, [value!(PACKET PACKET_STATISTICS), value!(PACKET PACKET_STATISTICS__drops), value!(PACKET PACKET_STATISTICS__freezes), value!(PACKET PACKET_VERSION)], "packets that arrived and were dropped since somebody asked; knetstat looks without clearing it"),
    option!(SOL_PACKET PACKET_ROLLOVER_STATS = 21, Struct(&layouts::TPACKET_ROLLOVER_STATS), Never, packet::rollover_statistics, [flag!(PACKET PACKET_ROLLOVER_STATS__kept), value!(PACKET PACKET_ROLLOVER_STATS), value!(PACKET PACKET_ROLLOVER_STATS__huge), value!(PACKET PACKET_ROLLOVER_STATS__failed)], "packets that went to another socket of the fanout group because this one was full"),

    // SOL_XDP
    option!(SOL_XDP XDP_UMEM_REG = 4, Struct(&layouts::XDP_UMEM_REG), NotEmpty, xdp::memory, [value!(XDP XDP_UMEM_REG), value!(XDP XDP_UMEM_REG__chunk_size), value!(XDP XDP_UMEM_REG__headroom), value!(XDP XDP_UMEM_REG__flags), value!(XDP XDP_UMEM_REG__tx_metadata_len)], "the memory shared with the kernel in which packets are").without_getter("xdp_sock", "umem"),
    number!(SOL_XDP XDP XDP_RX_RING = 2, Uint, NotEmpty, "how many packets that arrived the ring holds; 0: there is no ring").without_getter("xdp_sock", "rx"),
    number!(SOL_XDP XDP XDP_TX_RING = 3, Uint, NotEmpty, "how many packets that are to be sent the ring holds; 0: there is no ring").without_getter("xdp_sock", "tx"),
    number!(SOL_XDP XDP XDP_UMEM_FILL_RING = 5, Uint, NotEmpty, "how many free places for packets that arrive the ring holds; 0: there is no ring").without_getter("xdp_sock", "umem"),
    number!(SOL_XDP XDP XDP_UMEM_COMPLETION_RING = 6, Uint, NotEmpty, "how many places of packets that were sent the ring holds; 0: there is no ring").without_getter("xdp_sock", "umem"),
    number!(SOL_XDP XDP XDP_MAX_TX_SKB_BUDGET = 9, Uint, TX_BUDGET, "how many packets one call sends at most, where they are copied").without_getter("xdp_sock", "max_tx_budget"),
    option!(SOL_XDP XDP_OPTIONS = 8, Flags(constants::XDP_OPTIONS), Never, xdp::options, [flag!(XDP XDP_OPTIONS)], "ZEROCOPY: packets are not copied between the device and the socket"),
    option!(SOL_XDP XDP_STATISTICS = 7, Struct(&layouts::XDP_STATISTICS), Never, xdp::statistics, [value!(XDP XDP_STATISTICS), value!(XDP XDP_STATISTICS__rx_invalid), value!(XDP XDP_STATISTICS__tx_invalid), value!(XDP XDP_STATISTICS__rx_full), value!(XDP XDP_STATISTICS__fill_empty), value!(XDP XDP_STATISTICS__tx_empty)], "packets that were dropped, descriptors that were invalid, and rings that were full or empty"),
];

/// The option of this name, exactly as the C constant.
pub fn named(name: &str) -> Option<&'static OptionSpec> {
    CATALOGUE.iter().find(|option| option.name == name)
}

/// Asserted at compile time: each fact that the kernel side collects is used by an option, or to see
/// whether it is set.
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

const _: () = assert!(
    every_fact_is_used(),
    "bpf/options.h has a line that no option of src/options/catalogue.rs is decoded from"
);

const fn is_used(fact: Fact) -> bool {
    let mut i = 0;
    while i < CATALOGUE.len() {
        if contains(CATALOGUE[i].facts(), fact) || contains(CATALOGUE[i].marker.facts(), fact) {
            return true;
        }
        i += 1;
    }
    false
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

/// `==`, which cannot be used at compile time.
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
