//! The options that getsockopt(2) supports: number, layout, and values to set.
//!
//! This repeats a table of the program on purpose: nothing here comes from the program under test. The
//! numbers are those of the C library's headers.

use super::sctp::SCTP;
use super::values::*;
use super::{Layout, Row, Values};
use crate::numbers::*;
use Layout::{
    Address, Blob, Filter, Groups, Int, Linger, Long, Members, Name, NetworkIndex, Ports, Short,
    Timestamping, Timeval, Tls, Txtime, Uint,
};
use Values::{Between, EarlyLate, Fixed, Flag, Ints, Made};

/// The indexes of the loopback interface and of another interface in the tests.
pub const LOOPBACK: i32 = 1;
pub const SECOND: i32 = 77;

/// Returns every option that is compared, of all families.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    TCP_AND_UDP.iter().chain(OTHERS).chain(SCTP)
}

/// The options of TCP and UDP sockets.
#[rustfmt::skip]
pub static TCP_AND_UDP: &[Row] = &[
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
    // With this option, connect(2) sends no packet, and no connection arrives.
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

    // The options that a connection has as soon as the ULP `tls` is attached, before it has keys.
    row!(SOL_TLS TLS_TX_ZEROCOPY_RO, Int, Fixed),
    row!(SOL_TLS TLS_TX_MAX_PAYLOAD_LEN, Short, Fixed),
];

/// The options that only sockets of other families have, and connections with TLS. Those of SCTP have their
/// own table.
#[rustfmt::skip]
static OTHERS: &[Row] = &[
    row!(SOL_SOCKET SO_PASSRIGHTS, Int, Flag),
    row!(SOL_TLS TLS_TX, Tls, Fixed),
    row!(SOL_TLS TLS_RX, Tls, Fixed),
    row!(SOL_TLS TLS_RX_EXPECT_NO_PAD, Int, Fixed),
    row!(SOL_RAW ICMP_FILTER, Uint, Ints(&[0x55, 0, -1, i32::MIN])),
    row!(IPPROTO_ICMPV6 ICMPV6_FILTER, Blob, Made(icmpv6_filters)),
    row!(SOL_NETLINK NETLINK_LIST_MEMBERSHIPS, Groups, Made(netlink_groups)),
    row!(SOL_NETLINK NETLINK_NO_ENOBUFS, Int, Flag),
    row!(SOL_NETLINK NETLINK_BROADCAST_ERROR, Int, Flag),
    row!(SOL_NETLINK NETLINK_PKTINFO, Int, Flag),
    row!(SOL_NETLINK NETLINK_LISTEN_ALL_NSID, Int, Flag),
    row!(SOL_NETLINK NETLINK_CAP_ACK, Int, Flag),
    row!(SOL_NETLINK NETLINK_EXT_ACK, Int, Flag),
    row!(SOL_NETLINK NETLINK_GET_STRICT_CHK, Int, Flag),
    row!(AF_VSOCK SO_VM_SOCKETS_BUFFER_SIZE, Long, Made(vsock_sizes)),
    row!(AF_VSOCK SO_VM_SOCKETS_BUFFER_MIN_SIZE, Long, Made(vsock_least)),
    row!(AF_VSOCK SO_VM_SOCKETS_BUFFER_MAX_SIZE, Long, Made(vsock_most)),
    row!(AF_VSOCK SO_VM_SOCKETS_CONNECT_TIMEOUT, Timeval, Made(vsock_timeouts)),
    row!(IPPROTO_IPV6 IPV6_HDRINCL, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_CHECKSUM, Int, Ints(&[2, -1, 0, 40])),
    row!(SOL_PACKET PACKET_AUXDATA, Int, Flag),
    row!(SOL_PACKET PACKET_ORIGDEV, Int, Flag),
    row!(SOL_PACKET PACKET_LOSS, Int, Flag),
    row!(SOL_PACKET PACKET_TX_HAS_OFF, Int, Flag),
    row!(SOL_PACKET PACKET_QDISC_BYPASS, Int, Flag),
    row!(SOL_PACKET PACKET_IGNORE_OUTGOING, Int, Flag),
    row!(SOL_PACKET PACKET_VNET_HDR, Int, Flag),
    row!(SOL_PACKET PACKET_VNET_HDR_SZ, Int, Ints(&[10, 12, 0])),
    row!(SOL_PACKET PACKET_COPY_THRESH, Int, Ints(&[1, 1500, -1, 0])),
    row!(SOL_PACKET PACKET_VERSION, Int, Ints(&[0, 1, 2])),
    row!(SOL_PACKET PACKET_RESERVE, Uint, Ints(&[64, i32::MAX, 0])),
    row!(SOL_PACKET PACKET_TIMESTAMP, Uint, Ints(&[64, 8 | 16, -1, 0])),
    row!(SOL_PACKET PACKET_FANOUT, Uint, Fixed),
    row!(SOL_XDP XDP_OPTIONS, Uint, Fixed),
    row!(SOL_XDP XDP_STATISTICS, Members(&[("rx_dropped", 0, 8), ("rx_invalid_descs", 8, 8), ("tx_invalid_descs", 16, 8), ("rx_ring_full", 24, 8), ("rx_fill_ring_empty_descs", 32, 8), ("tx_ring_empty_descs", 40, 8)], 48), Fixed),
];

/// Rows of [`TCP_AND_UDP`] again, with values that raw sockets accept.
pub static SET_BY_RAW_SOCKETS: &[Row] = &[
    row!(IPPROTO_IP IP_HDRINCL, Int, Flag),
    row!(IPPROTO_IP IP_NODEFRAG, Int, Flag),
    row!(IPPROTO_IP IP_ROUTER_ALERT, Int, Flag),
    row!(IPPROTO_IPV6 IPV6_ROUTER_ALERT, Int, Ints(&[0, 7, -1])),
];

/// The options of the catalogue that are not compared with getsockopt(2), the reasons, and the tests that
/// cover them instead.
pub const NOT_COMPARED: [(&str, &str); 28] = [
    ("SO_BUSY_POLL_BUDGET", "has no getter: options::unseen"),
    ("SO_ATTACH_REUSEPORT_CBPF", "has no getter: options::programs"),
    ("TCP_MD5SIG", "has no getter: options::keys"),
    ("TCP_AO_ADD_KEY", "has no getter: options::keys"),
    ("IP_ADD_MEMBERSHIP", "has no getter: options::memberships, with /proc/net/igmp"),
    ("IP_IPSEC_POLICY", "has no getter: options::unseen, with ip xfrm policy"),
    ("IPV6_JOIN_GROUP", "has no getter: options::memberships, with /proc/net/igmp6"),
    ("IPV6_JOIN_ANYCAST", "has no getter: options::memberships, with /proc/net/anycast6"),
    ("IPV6_PKTINFO", "has no getter: options::unseen"),
    ("IPV6_IPSEC_POLICY", "has no getter: options::unseen"),
    ("SO_INQ", "has no getter: families::unix"),
    ("SO_RIGHTS_NOTRUNC", "has no getter: families::unix"),
    ("SK_BPF_CB_FLAGS", "has no getter: options::programs"),
    ("SK_BPF_BYPASS_PROT_MEM", "has no getter: options::programs"),
    ("TCP_BPF_SOCK_OPS_CB_FLAGS", "has no getter: options::programs"),
    ("PACKET_FANOUT_DATA", "has no getter: families::packet"),
    ("XDP_UMEM_REG", "has no getter: families::xdp"),
    ("XDP_RX_RING", "has no getter: families::xdp"),
    ("XDP_TX_RING", "has no getter: families::xdp"),
    ("XDP_UMEM_FILL_RING", "has no getter: families::xdp"),
    ("XDP_UMEM_COMPLETION_RING", "has no getter: families::xdp"),
    ("XDP_MAX_TX_SKB_BUDGET", "has no getter: families::xdp"),
    ("SO_PEERCRED", "is answered by every socket, but only unix sockets have it: families::unix"),
    ("PACKET_ADD_MEMBERSHIP", "has no getter: families::packet, with sock_diag(7)"),
    ("PACKET_RX_RING", "has no getter: families::packet, with sock_diag(7)"),
    ("PACKET_TX_RING", "has no getter: families::packet, with sock_diag(7)"),
    ("PACKET_STATISTICS", "is cleared by asking: families::packet"),
    ("PACKET_ROLLOVER_STATS", "only members of some fanout groups have it: families::packet"),
];

/// Each option of the catalogue is compared, or listed above with a reason.
#[test]
fn no_option_is_left_out() {
    use knetstat::options::catalogue::CATALOGUE;
    for option in CATALOGUE {
        let name = option.name;
        let compared = rows().find(|row| row.name == name);
        let reason = NOT_COMPARED.iter().find(|(other, _)| *other == name).map(|(_, why)| *why);
        match (compared, reason) {
            (Some(row), None) => {
                let numbers = (option.level.number, option.number);
                assert_eq!(numbers, (row.level, row.number), "{name}");
                assert!(option.has_getter, "{name}");
            }
            (None, Some(reason)) => {
                assert_eq!(option.has_getter, !reason.starts_with("has no getter"), "{name}");
            }
            (None, None) => panic!("nothing compares {name}"),
            (Some(_), Some(_)) => panic!("{name} is compared, and said not to be"),
        }
    }
    let known = rows().map(|row| row.name).chain(NOT_COMPARED.map(|(name, _)| name));
    let listed = |name: &str| CATALOGUE.iter().any(|option| option.name == name);
    let missing: Vec<_> = known.filter(|name| !listed(name)).collect();
    assert!(missing.is_empty(), "the catalogue lacks {missing:?}");
}
