//! The kinds of sockets, one line for each: its name, its family, and how to open a new socket. Sockets of
//! one kind have the same options and the same defaults.

pub use crate::kernel::family::Family;
use crate::socket::state::State;

impl Family {
    /// The state with this number in the kernel. `accepted` is whether the socket has a struct socket.
    pub fn state(self, number: u8, accepted: bool) -> State {
        match self {
            Family::Tcp | Family::Mptcp | Family::Sctp | Family::Vsock => State::of_tcp(number),
            Family::Unix => State::of_unix(number, accepted),
            Family::Xdp => State::of_xdp(number),
            Family::Udp | Family::Raw | Family::Packet | Family::Netlink | Family::Other => {
                State::of_udp(number)
            }
        }
    }

    /// The most commonly needed options, which are shown first, whether they are set or not.
    pub fn common(self) -> &'static [&'static str] {
        match self {
            Family::Tcp | Family::Mptcp => &["SO_REUSEADDR", "SO_KEEPALIVE", "TCP_NODELAY"],
            Family::Udp => &["SO_REUSEADDR", "SO_BROADCAST"],
            Family::Unix => &["SO_PASSCRED"],
            Family::Raw => &[],
            // SO_TYPE says whether packets include the link-layer header. The memberships show promiscuous
            // mode.
            Family::Packet => &["SO_TYPE", "PACKET_ADD_MEMBERSHIP"],
            Family::Xdp => &["XDP_OPTIONS"],
            Family::Netlink => &["NETLINK_LIST_MEMBERSHIPS", "NETLINK_NO_ENOBUFS"],
            Family::Vsock => &["SO_VM_SOCKETS_BUFFER_SIZE"],
            Family::Sctp => &["SO_REUSEADDR", "SCTP_NODELAY", "SCTP_AUTOCLOSE"],
            // It is unknown which options are set for these sockets, so that no others are shown.
            Family::Other => &["SO_REUSEADDR", "SO_SNDBUF", "SO_RCVBUF", "SO_PRIORITY", "SO_MARK"],
        }
    }
}

/// A version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V4,
    V6,
}

/// The properties of a kind.
struct KindSpec {
    word: &'static str,
    family: Family,
    version: Option<Version>,
    /// The arguments of socket(2), and the name in /proc/net/protocols. If that name is listed, the kernel
    /// need not load the protocol.
    open: Option<((i32, i32, i32), &'static str)>,
}

macro_rules! kinds {
    ($($name:ident = $word:literal $family:ident $version:expr, $open:expr;)*) => {
        /// A kind of socket.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum SocketKind {
            $($name,)*
        }

        impl SocketKind {
            /// Every kind.
            pub const ALL: [SocketKind; [$(SocketKind::$name),*].len()] = [$(SocketKind::$name),*];
        }

        static SPECS: [KindSpec; SocketKind::ALL.len()] = [$(KindSpec {
            word: $word,
            family: Family::$family,
            version: $version,
            open: $open,
        },)*];
    };
}

const V4: Option<Version> = Some(Version::V4);
const V6: Option<Version> = Some(Version::V6);

const UNIX: i32 = 1;
const INET: i32 = 2;
const INET6: i32 = 10;
const PACKET: i32 = 17;
const XDP: i32 = 44;
const NETLINK: i32 = 16;
const VSOCK: i32 = 40;

const STREAM: i32 = 1;
const DGRAM: i32 = 2;
const RAW: i32 = 3;
const SEQPACKET: i32 = 5;
/// SOCK_PACKET: packet sockets as they were before Linux 2.2. They have no SOL_PACKET options.
const OLD_PACKET: i32 = 10;

const ICMP: i32 = 1;
const TCP: i32 = 6;
const UDP: i32 = 17;
/// RFC 3828
const UDP_LITE: i32 = 136;
const ROUTE: i32 = 0;
const ICMPV6: i32 = 58;
const MPTCP: i32 = 262;
const SCTP: i32 = 132;
const RAW_IP: i32 = 255;
/// A protocol that nobody uses: RFC 3692 reserves it for experiments.
const NONE: i32 = 253;

#[rustfmt::skip]
kinds! {
    Tcp = "tcp" Tcp V4, Some(((INET, STREAM, TCP), "TCP"));
    Tcp6 = "tcp6" Tcp V6, Some(((INET6, STREAM, TCP), "TCPv6"));
    Udp = "udp" Udp V4, Some(((INET, DGRAM, UDP), "UDP"));
    Udp6 = "udp6" Udp V6, Some(((INET6, DGRAM, UDP), "UDPv6"));
    UdpLite = "udplite" Udp V4, None;
    UdpLite6 = "udplite6" Udp V6, None;
    Raw = "raw" Raw V4, Some(((INET, RAW, NONE), "RAW"));
    RawIcmp = "raw" Raw V4, Some(((INET, RAW, ICMP), "RAW"));
    RawHeaders = "raw" Raw V4, Some(((INET, RAW, RAW_IP), "RAW"));
    Raw6 = "raw6" Raw V6, Some(((INET6, RAW, NONE), "RAWv6"));
    Raw6Icmp = "raw6" Raw V6, Some(((INET6, RAW, ICMPV6), "RAWv6"));
    Raw6Headers = "raw6" Raw V6, Some(((INET6, RAW, RAW_IP), "RAWv6"));
    Ping = "icmp" Raw V4, Some(((INET, DGRAM, ICMP), "PING"));
    Ping6 = "icmp6" Raw V6, Some(((INET6, DGRAM, ICMPV6), "PINGv6"));
    Mptcp = "mptcp" Mptcp V4, Some(((INET, STREAM, MPTCP), "MPTCP"));
    Mptcp6 = "mptcp6" Mptcp V6, Some(((INET6, STREAM, MPTCP), "MPTCPv6"));
    MptcpFallback = "mptcp" Mptcp V4, None;
    Mptcp6Fallback = "mptcp6" Mptcp V6, None;
    Packet = "packet" Packet None, Some(((PACKET, RAW, 0), "PACKET"));
    PacketDatagram = "packet" Packet None, Some(((PACKET, DGRAM, 0), "PACKET"));
    PacketOld = "packet" Packet None, Some(((PACKET, OLD_PACKET, 0), "PACKET"));
    Xdp = "xdp" Xdp None, Some(((XDP, RAW, 0), "XDP"));
    Netlink = "netlink" Netlink None, Some(((NETLINK, RAW, ROUTE), "NETLINK"));
    Vsock = "vsock" Vsock None, Some(((VSOCK, STREAM, 0), "AF_VSOCK"));
    VsockDatagram = "vsock" Vsock None, Some(((VSOCK, DGRAM, 0), "AF_VSOCK"));
    VsockSequenced = "vsock" Vsock None, Some(((VSOCK, SEQPACKET, 0), "AF_VSOCK"));
    Sctp = "sctp" Sctp V4, Some(((INET, STREAM, SCTP), "SCTP"));
    Sctp6 = "sctp6" Sctp V6, Some(((INET6, STREAM, SCTP), "SCTPv6"));
    SctpMany = "sctp" Sctp V4, Some(((INET, SEQPACKET, SCTP), "SCTP"));
    SctpMany6 = "sctp6" Sctp V6, Some(((INET6, SEQPACKET, SCTP), "SCTPv6"));
    Other = "other" Other None, None;
    Unix = "unix" Unix None, Some(((UNIX, STREAM, 0), "UNIX"));
    UnixDatagram = "unix" Unix None, Some(((UNIX, DGRAM, 0), "UNIX"));
    UnixSequenced = "unix" Unix None, Some(((UNIX, SEQPACKET, 0), "UNIX"));
}

impl SocketKind {
    /// The kind of a socket with this address family, type and protocol, as in socket(2).
    pub fn of(domain: u16, socket_type: u8, protocol: u16) -> SocketKind {
        match (domain.into(), socket_type.into(), protocol.into()) {
            (INET, STREAM, TCP) => SocketKind::Tcp,
            (INET6, STREAM, TCP) => SocketKind::Tcp6,
            (INET, DGRAM, UDP) => SocketKind::Udp,
            (INET6, DGRAM, UDP) => SocketKind::Udp6,
            (INET, DGRAM, UDP_LITE) => SocketKind::UdpLite,
            (INET6, DGRAM, UDP_LITE) => SocketKind::UdpLite6,
            (INET, RAW, ICMP) => SocketKind::RawIcmp,
            (INET, RAW, RAW_IP) => SocketKind::RawHeaders,
            (INET, RAW, _) => SocketKind::Raw,
            (INET6, RAW, ICMPV6) => SocketKind::Raw6Icmp,
            (INET6, RAW, RAW_IP) => SocketKind::Raw6Headers,
            (INET6, RAW, _) => SocketKind::Raw6,
            (INET, DGRAM, ICMP) => SocketKind::Ping,
            (INET6, DGRAM, ICMPV6) => SocketKind::Ping6,
            (PACKET, RAW, _) => SocketKind::Packet,
            (PACKET, OLD_PACKET, _) => SocketKind::PacketOld,
            (PACKET, _, _) => SocketKind::PacketDatagram,
            (XDP, _, _) => SocketKind::Xdp,
            (NETLINK, _, _) => SocketKind::Netlink,
            (VSOCK, STREAM, _) => SocketKind::Vsock,
            (VSOCK, SEQPACKET, _) => SocketKind::VsockSequenced,
            (VSOCK, _, _) => SocketKind::VsockDatagram,
            (INET, STREAM, MPTCP) => SocketKind::Mptcp,
            (INET6, STREAM, MPTCP) => SocketKind::Mptcp6,
            (INET, STREAM, SCTP) => SocketKind::Sctp,
            (INET6, STREAM, SCTP) => SocketKind::Sctp6,
            (INET, SEQPACKET, SCTP) => SocketKind::SctpMany,
            (INET6, SEQPACKET, SCTP) => SocketKind::SctpMany6,
            (UNIX, STREAM, _) => SocketKind::Unix,
            (UNIX, SEQPACKET, _) => SocketKind::UnixSequenced,
            (UNIX, _, _) => SocketKind::UnixDatagram,
            _ => SocketKind::Other,
        }
    }

    /// The kind of an MPTCP socket that has fallen back to TCP. Other kinds are returned unchanged.
    pub fn fallen_back(self) -> SocketKind {
        match self {
            SocketKind::Mptcp => SocketKind::MptcpFallback,
            SocketKind::Mptcp6 => SocketKind::Mptcp6Fallback,
            kind => kind,
        }
    }

    /// For a kind of which no new socket can be opened, or only with a warning in the kernel's log, as for
    /// UDP-Lite: the kind to ask at SOL_SOCKET, and the kind to ask at all other levels.
    pub fn answers_as(self) -> Option<(SocketKind, SocketKind)> {
        match self {
            SocketKind::UdpLite => Some((SocketKind::Udp, SocketKind::Udp)),
            SocketKind::UdpLite6 => Some((SocketKind::Udp6, SocketKind::Udp6)),
            SocketKind::MptcpFallback => Some((SocketKind::Mptcp, SocketKind::Tcp)),
            SocketKind::Mptcp6Fallback => Some((SocketKind::Mptcp6, SocketKind::Tcp6)),
            _ => None,
        }
    }

    fn spec(self) -> &'static KindSpec {
        &SPECS[self as usize]
    }

    /// The index in [`SocketKind::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// The word in the first column, which is that of /proc/net if it has the kind.
    pub fn word(self) -> &'static str {
        self.spec().word
    }

    /// Whether this is UDP-Lite. Its sockets are rare, and in a kernel table of their own.
    pub fn is_udp_lite(self) -> bool {
        matches!(self, SocketKind::UdpLite | SocketKind::UdpLite6)
    }

    /// The family, which is what the command line selects.
    pub fn family(self) -> Family {
        self.spec().family
    }

    /// The version of IP for which such sockets are opened, or `None` for sockets without IP.
    pub fn version(self) -> Option<Version> {
        self.spec().version
    }

    /// How to open a socket: the arguments of socket(2), and the name of the protocol in /proc/net/protocols.
    /// `None` if knetstat cannot open one.
    pub fn open(self) -> Option<((i32, i32, i32), &'static str)> {
        self.spec().open
    }
}

/// The word for a socket without a kind of its own, from the AF_ constant in include/linux/socket.h, or from
/// the protocol in include/uapi/linux/in.h.
pub fn other_word(domain: u16, protocol: u16) -> &'static str {
    match (i32::from(domain), protocol) {
        (INET | INET6, 33) => "dccp",
        (INET | INET6, 115) => "l2tp",
        (INET | INET6, 256) => "smc",
        _ => domain_word(domain),
    }
}

fn domain_word(domain: u16) -> &'static str {
    match domain {
        2 => "inet",
        3 => "ax25",
        5 => "atalk",
        9 => "x25",
        10 => "inet6",
        15 => "key",
        21 => "rds",
        23 => "irda",
        24 => "pppox",
        26 => "llc",
        27 => "ib",
        28 => "mpls",
        29 => "can",
        30 => "tipc",
        31 => "bluetooth",
        33 => "rxrpc",
        35 => "phonet",
        36 => "ieee802154",
        37 => "caif",
        38 => "alg",
        39 => "nfc",
        41 => "kcm",
        42 => "qipcrtr",
        43 => "smc",
        45 => "mctp",
        _ => SocketKind::Other.word(),
    }
}

/// The word for a type of socket(2).
pub fn type_word(socket_type: u8) -> &'static str {
    match socket_type {
        1 => "stream",
        2 => "dgram",
        3 => "raw",
        4 => "rdm",
        5 => "seqpacket",
        6 => "dccp",
        10 => "packet",
        _ => "unknown",
    }
}

/// The words for all protocols.
pub fn words() -> Vec<&'static str> {
    let known = SocketKind::ALL.map(SocketKind::word);
    let of_inet = [33, 115, 256].map(|protocol| other_word(INET as u16, protocol));
    let others = (0..64).map(|domain| other_word(domain, 0));
    let mut words: Vec<&str> = Vec::new();
    for word in known.into_iter().chain(of_inet).chain(others) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// The words for all types.
pub fn type_words() -> Vec<&'static str> {
    (1..=11).map(type_word).filter(|word| *word != "unknown").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_socket_is_of_its_kind() {
        for kind in SocketKind::ALL {
            if let Some(((domain, socket_type, protocol), _)) = kind.open() {
                assert_eq!(SocketKind::of(domain as u16, socket_type as u8, protocol as u16), kind);
            }
        }
    }
}
