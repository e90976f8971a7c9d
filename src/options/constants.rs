//! The words for values that are enumerations or sets of flags. The numbers are the kernel's ABI, from the
//! header that is named with each table.

/// Words for the numbers of an enumeration, or for single bits.
pub type Words = &'static [(u32, &'static str)];

/// include/linux/net.h, enum sock_type
pub static SOCKET_TYPES: Words = &[
    (1, "STREAM"),
    (2, "DGRAM"),
    (3, "RAW"),
    (4, "RDM"),
    (5, "SEQPACKET"),
    (6, "DCCP"),
    (10, "PACKET"),
];

/// include/uapi/linux/in.h, IPPROTO_*
pub static PROTOCOLS: Words = &[
    (0, "IP"),
    (1, "ICMP"),
    (6, "TCP"),
    (17, "UDP"),
    (58, "ICMPV6"),
    (132, "SCTP"),
    (136, "UDPLITE"),
    (255, "RAW"),
    (262, "MPTCP"),
];

/// include/uapi/linux/netlink.h, NETLINK_*, in lower case
pub static NETLINK: Words = &[
    (0, "route"),
    (1, "unused"),
    (2, "usersock"),
    (3, "firewall"),
    (4, "sock_diag"),
    (5, "nflog"),
    (6, "xfrm"),
    (7, "selinux"),
    (8, "iscsi"),
    (9, "audit"),
    (10, "fib_lookup"),
    (11, "connector"),
    (12, "netfilter"),
    (13, "ip6_fw"),
    (14, "dnrtmsg"),
    (15, "kobject_uevent"),
    (16, "generic"),
    (18, "scsitransport"),
    (19, "ecryptfs"),
    (20, "rdma"),
    (21, "crypto"),
    (22, "smc"),
];

/// include/linux/socket.h, AF_*
pub static DOMAINS: Words = &[
    (1, "UNIX"),
    (2, "INET"),
    (10, "INET6"),
    (16, "NETLINK"),
    (17, "PACKET"),
    (40, "VSOCK"),
    (44, "XDP"),
];

/// include/uapi/linux/in.h, IP_PMTUDISC_*; in6.h has the same numbers
pub static PMTU_DISCOVERY: Words =
    &[(0, "DONT"), (1, "WANT"), (2, "DO"), (3, "PROBE"), (4, "INTERFACE"), (5, "OMIT")];

/// include/net/sock.h, SK_*_REUSE: SO_REUSEADDR can also report FORCE, which TCP_REPAIR sets
pub static REUSE: Words = &[(0, "0"), (1, "1"), (2, "FORCE")];

/// include/uapi/linux/socket.h, SOCK_*_LOCK
pub static BUFFER_LOCKS: Words = &[(1, "SNDBUF"), (2, "RCVBUF")];

/// include/uapi/linux/net_tstamp.h, SOF_TIMESTAMPING_*
pub static TIMESTAMPING: Words = &[
    (1 << 0, "TX_HARDWARE"),
    (1 << 1, "TX_SOFTWARE"),
    (1 << 2, "RX_HARDWARE"),
    (1 << 3, "RX_SOFTWARE"),
    (1 << 4, "SOFTWARE"),
    (1 << 5, "SYS_HARDWARE"),
    (1 << 6, "RAW_HARDWARE"),
    (1 << 7, "OPT_ID"),
    (1 << 8, "TX_SCHED"),
    (1 << 9, "TX_ACK"),
    (1 << 10, "OPT_CMSG"),
    (1 << 11, "OPT_TSONLY"),
    (1 << 12, "OPT_STATS"),
    (1 << 13, "OPT_PKTINFO"),
    (1 << 14, "OPT_TX_SWHW"),
    (1 << 15, "BIND_PHC"),
    (1 << 16, "OPT_ID_TCP"),
    (1 << 17, "OPT_RX_FILTER"),
    (1 << 18, "TX_COMPLETION"),
];

/// include/uapi/linux/net_tstamp.h, SOF_TXTIME_*
pub static TXTIME: Words = &[(1, "DEADLINE_MODE"), (2, "REPORT_ERRORS")];

/// include/uapi/linux/time.h, CLOCK_*
pub static CLOCKS: Words = &[(0, "REALTIME"), (1, "MONOTONIC"), (7, "BOOTTIME"), (11, "TAI")];

/// include/uapi/linux/in6.h, IPV6_PREFER_SRC_*
pub static ADDRESS_PREFERENCES: Words = &[
    (0x1, "TMP"),
    (0x2, "PUBLIC"),
    (0x4, "COA"),
    (0x100, "PUBTMP_DEFAULT"),
    (0x400, "HOME"),
    (0x8, "CGA"),
    (0x800, "NONCGA"),
];

/// include/uapi/linux/udp.h, UDP_ENCAP_*
pub static ENCAPSULATIONS: Words = &[
    (0, "0"),
    (1, "ESPINUDP_NON_IKE"),
    (2, "ESPINUDP"),
    (3, "L2TPINUDP"),
    (4, "GTP0"),
    (5, "GTP1U"),
    (6, "RXRPC"),
    (7, "ESPINTCP"),
    (8, "OVPNINUDP"),
];

/// include/uapi/linux/if_packet.h, enum tpacket_versions
pub static RING_VERSIONS: Words = &[(0, "TPACKET_V1"), (1, "TPACKET_V2"), (2, "TPACKET_V3")];

/// include/uapi/linux/if_packet.h, PACKET_FANOUT_*
pub static FANOUTS: Words = &[
    (0, "HASH"),
    (1, "LB"),
    (2, "CPU"),
    (3, "ROLLOVER"),
    (4, "RND"),
    (5, "QM"),
    (6, "CBPF"),
    (7, "EBPF"),
];

/// include/uapi/linux/if_packet.h, PACKET_FANOUT_FLAG_*, as getsockopt(2) gives them
pub static FANOUT_FLAGS: Words = &[
    (0x1000_0000, "FLAG_ROLLOVER"),
    (0x2000_0000, "FLAG_UNIQUEID"),
    (0x4000_0000, "FLAG_IGNORE_OUTGOING"),
    (0x8000_0000, "FLAG_DEFRAG"),
];

/// include/uapi/linux/if_packet.h, PACKET_MR_*
pub static PACKET_MEMBERSHIPS: Words =
    &[(0, "MULTICAST"), (1, "PROMISC"), (2, "ALLMULTI"), (3, "UNICAST")];

/// include/uapi/linux/if_xdp.h, XDP_OPTIONS_*
pub static XDP_OPTIONS: Words = &[(1, "ZEROCOPY")];

/// include/uapi/linux/if_ether.h, ETH_P_*: the most common ones
pub static ETHERTYPES: Words = &[
    (0x0001, "802.3"),
    (0x0003, "all"),
    (0x0004, "802.2"),
    (0x0060, "loop"),
    (0x0800, "ip"),
    (0x0806, "arp"),
    (0x8035, "rarp"),
    (0x8100, "802.1q"),
    (0x86dd, "ipv6"),
    (0x8847, "mpls_uc"),
    (0x8848, "mpls_mc"),
    (0x8863, "ppp_disc"),
    (0x8864, "ppp_ses"),
    (0x888e, "pae"),
    (0x88a8, "802.1ad"),
    (0x88e5, "macsec"),
    (0x88f7, "1588"),
];

/// include/uapi/linux/if_xdp.h, XDP_UMEM_*
pub static XDP_MEMORY: Words =
    &[(1, "UNALIGNED_CHUNK_FLAG"), (2, "TX_SW_CSUM"), (4, "TX_METADATA_LEN")];

/// include/uapi/linux/bpf.h, SK_BPF_CB_*
pub static BPF_CALLBACKS: Words = &[(1, "TX_TIMESTAMPING")];

/// include/uapi/linux/bpf.h, BPF_SOCK_OPS_*_CB_FLAG
pub static SOCK_OPS_CALLBACKS: Words = &[
    (1, "RTO"),
    (2, "RETRANS"),
    (4, "STATE"),
    (8, "RTT"),
    (16, "PARSE_ALL_HDR_OPT"),
    (32, "PARSE_UNKNOWN_HDR_OPT"),
    (64, "WRITE_HDR_OPT"),
];

/// include/uapi/linux/xfrm.h, XFRM_POLICY_*, as bits
pub static POLICY_DIRECTIONS: Words = &[(1, "IN"), (2, "OUT")];

/// include/uapi/linux/tls.h, TLS_*_VERSION
pub static TLS_VERSIONS: Words = &[(0x303, "1.2"), (0x304, "1.3")];

/// include/uapi/linux/tls.h, TLS_CIPHER_*, in the words of ss(8)
pub static TLS_CIPHERS: Words = &[
    (51, "aes-gcm-128"),
    (52, "aes-gcm-256"),
    (53, "aes-ccm-128"),
    (54, "chacha20-poly1305"),
    (55, "sm4-gcm"),
    (56, "sm4-ccm"),
    (57, "aria-gcm-128"),
    (58, "aria-gcm-256"),
];

/// include/net/tls.h, TLS_BASE and its neighbours: what encrypts
pub static TLS_MODES: Words = &[(0, "base"), (1, "sw"), (2, "hw"), (3, "hw-record")];

/// include/uapi/linux/sctp.h, enum sctp_spp_flags
pub static SCTP_PATH: Words = &[
    (1 << 0, "HB_ENABLE"),
    (1 << 1, "HB_DISABLE"),
    (1 << 2, "HB_DEMAND"),
    (1 << 3, "PMTUD_ENABLE"),
    (1 << 4, "PMTUD_DISABLE"),
    (1 << 5, "SACKDELAY_ENABLE"),
    (1 << 6, "SACKDELAY_DISABLE"),
    (1 << 7, "HB_TIME_IS_ZERO"),
    (1 << 8, "IPV6_FLOWLABEL"),
    (1 << 9, "DSCP"),
];

/// include/uapi/linux/sctp.h, enum sctp_sinfo_flags; two of the bits are a policy of SCTP_POLICIES
pub static SCTP_SEND: Words = &[
    (1 << 0, "UNORDERED"),
    (1 << 1, "ADDR_OVER"),
    (1 << 2, "ABORT"),
    (1 << 3, "SACK_IMMEDIATELY"),
    (1 << 6, "SENDALL"),
    (1 << 7, "PR_SCTP_ALL"),
];

/// include/uapi/linux/sctp.h, SCTP_PR_SCTP_*
pub static SCTP_POLICIES: Words = &[(0, "NONE"), (0x10, "TTL"), (0x20, "RTX"), (0x30, "PRIO")];

/// include/uapi/linux/sctp.h, SCTP_ENABLE_*
pub static SCTP_RESETS: Words =
    &[(1, "RESET_STREAM_REQ"), (2, "RESET_ASSOC_REQ"), (4, "CHANGE_ASSOC_REQ")];

/// include/uapi/linux/sctp.h, enum sctp_sched_type
pub static SCTP_SCHEDULERS: Words = &[(0, "FCFS"), (1, "PRIO"), (2, "RR"), (3, "FC"), (4, "WFQ")];

/// include/net/sctp/constants.h, SCTP_PF_EXPOSE_*
pub static SCTP_EXPOSURES: Words = &[(0, "UNSET"), (1, "DISABLE"), (2, "ENABLE")];

/// Returns the word for a number.
pub fn word(words: Words, number: u32) -> Option<&'static str> {
    words.iter().find(|(known, _)| *known == number).map(|(_, word)| *word)
}
