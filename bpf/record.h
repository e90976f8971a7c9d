/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The record: what the programs write for each socket, in this order.
 *
 *   record_header      always
 *   socket_section     if SECTION_SOCKET is in record_header.sections, and so on in the order of
 *   ip_section ...     enum section; each starts with what every section starts with: which facts
 *                      this kernel has, and their values
 *   items              if SECTION_ITEMS: item_header and its bytes, filled up to a multiple of
 *                      eight, until an item of kind ITEM_END
 *
 * A socket that the kernel keeps as a mini-socket only (TIME_WAIT, SYN_RECV) is a header.
 * Everything is in the byte order of the machine, but for what the kernel keeps in network order.
 * Each struct is a multiple of eight bytes long and has no hidden padding, so that the reader can
 * look at it in place.
 */
#ifndef RECORD_H
#define RECORD_H

#include "options.h"

/* "knst": the first bytes of each record, so that a damaged stream is noticed. */
#define RECORD_MAGIC 0x74736e6b

enum section {
	SECTION_SOCKET = 1,
	SECTION_IP = 2,
	SECTION_IPV6 = 4,
	SECTION_TCP = 8,
	SECTION_UDP = 16,
	SECTION_RAW = 32,
	SECTION_UNIX = 64,
	SECTION_PACKET = 128,
	SECTION_XDP = 256,
	SECTION_NETLINK = 512,
	SECTION_VSOCK = 1024,
	SECTION_TLS = 2048,
	SECTION_SCTP = 4096,
	SECTION_ITEMS = 1 << 30,
};

/* What tells who could hold a socket, and of which walk it came. */
enum socket_trait {
	TRAIT_SOCKET = 1, /* it has a struct socket: it was accepted, if it had to be */
	TRAIT_DEAD = 2,	  /* its process closed it */
	TRAIT_KERNEL = 4, /* the kernel made it for itself */
	TRAIT_ONCE = 8,	  /* this walk comes by each socket only once, whatever changes meanwhile */
	TRAIT_SUBFLOW = 16,  /* it is a subflow of an MPTCP socket, its master */
	TRAIT_FALLBACK = 32, /* an MPTCP socket that has fallen back to TCP, and answers so */
};

/* Which timer of a connection runs. */
enum timer {
	TIMER_NONE,
	TIMER_RETRANSMIT,
	TIMER_KEEPALIVE,
	TIMER_TIME_WAIT,
	TIMER_PROBE,
};

struct record_header {
	__u32 magic;
	__u32 sections; /* enum section, or-ed */
	__u16 family;	/* AF_INET ... */
	__u16 protocol; /* as in socket(2) */
	__u8 socket_type; /* SOCK_STREAM ... */
	__u8 state;	/* include/net/tcp_states.h; a mini-socket's is the one that /proc shows */
	__u16 traits;	/* enum socket_trait, or-ed */
	__u32 local_port;
	__u32 remote_port;
	__u8 local_address[16]; /* of AF_INET the first four bytes */
	__u8 remote_address[16];
	__u64 cookie;  /* 0: this kernel does not tell */
	__u64 address; /* of the kernel's object: never shown, it tells sockets apart where cookies cannot */
	__u64 master;  /* the cookie of the MPTCP socket that this is a subflow of, or 0 */
	__u64 master_inode;
	__u64 inode;
	__u64 reuseport_group; /* the address of what the sockets of a group share, or 0 */
	__u32 reuseport_members;
	__u32 netns; /* inode number of the network namespace */
	__u32 uid;
	__u32 ifindex; /* of the bound device; 0: not bound */
	__u32 recv_queue;
	__u32 send_queue;
	__u32 drops;
	__s32 timer_left; /* jiffies until it runs out */
	__u8 timer;	  /* enum timer */
	__u8 retransmits; /* of the same data, or of the answer to a SYN */
	__u8 probes;	  /* unanswered, of a window that is 0 or of a peer that is silent */
	__u8 unused[5];
};

/* "knso" */
#define OWNER_MAGIC 0x6f736e6b

/* A descriptor that is a socket; in a stream of its own. */
struct owner_record {
	__u32 magic;
	__u32 pid; /* of the process, in the pid namespace of the reader */
	__u32 fd;
	__u32 flags; /* O_NONBLOCK ... of open(2) */
	__u64 cookie; /* 0: this kernel does not tell */
	__u64 inode;
	__u8 command[16]; /* of the thread group's leader */
	__u32 netns; /* inode number of the socket's network namespace */
	__u32 unused;
};

/* "knsn" */
#define TASK_MAGIC 0x6e736e6b

/* A task and where it is; in a stream of its own. */
struct task_record {
	__u32 magic;
	__u32 pid; /* of the process and of the thread, in the pid namespace of the reader */
	__u32 tid;
	__u32 netns; /* inode number of its network namespace */
};

/* The option lists as enumerations: what is in the sections, and at which place. */
#define ENUMERATE(name, ...) name,
#define NOTHING(name, ...)
#define FACTS(level, LIST)                                                                         \
	enum level##_flag { LIST(ENUMERATE, NOTHING) level##_FLAGS };                              \
	enum level##_value { LIST(NOTHING, ENUMERATE) level##_VALUES };                            \
	_Static_assert((int)level##_FLAGS <= 64, "a section has 64 flags at most");                \
	_Static_assert((int)level##_VALUES <= 48, "a section must fit the BPF stack")

FACTS(SOCKET, SOCKET_OPTIONS_LIST);
FACTS(IP, IP_OPTIONS_LIST);
FACTS(IPV6, IPV6_OPTIONS_LIST);
FACTS(TCP, TCP_OPTIONS_LIST);
FACTS(UDP, UDP_OPTIONS_LIST);
FACTS(RAW, RAW_OPTIONS_LIST);
FACTS(UNIX, UNIX_OPTIONS_LIST);
FACTS(PACKET, PACKET_OPTIONS_LIST);
FACTS(XDP, XDP_OPTIONS_LIST);
FACTS(NETLINK, NETLINK_OPTIONS_LIST);
FACTS(VSOCK, VSOCK_OPTIONS_LIST);
FACTS(TLS, TLS_OPTIONS_LIST);
FACTS(SCTP, SCTP_OPTIONS_LIST);

/*
 * What every section starts with. Bit n of has_flags: this kernel has flag n; of flags: it is on.
 * Bit n of has_values: values[n] is filled in.
 */
#define SECTION(level)                                                                             \
	__u64 has_flags;                                                                           \
	__u64 flags;                                                                               \
	__u64 has_values;                                                                          \
	__u64 values[level##_VALUES]

struct socket_section {
	SECTION(SOCKET);
};

struct ip_section {
	SECTION(IP);
};

struct ipv6_section {
	SECTION(IPV6);
	__u8 pktinfo_address[16]; /* IPV6_PKTINFO */
};

struct tcp_section {
	SECTION(TCP);
	__u8 congestion[16]; /* TCP_CONGESTION */
	__u8 ulp[16];	     /* TCP_ULP */
	__u32 snd_wnd;	     /* what the Diag column is made of */
	__u32 rcv_wnd;
	__u32 in_flight; /* bytes sent and not acknowledged */
	__u32 ack_age;	 /* jiffies since the last acknowledgement */
};

struct udp_section {
	SECTION(UDP);
};

struct raw_section {
	SECTION(RAW);
	__u8 icmp6_filter[32]; /* ICMPV6_FILTER */
};

/* sizeof(sun_path); a name may fill it to the last byte. */
#define UNIX_PATH_MAX 108

struct unix_section {
	SECTION(UNIX);
	__u64 peer; /* the inode of the socket at the other end, or 0 */
	__u32 path_length;
	__u32 peer_path_length;
	__u8 path[UNIX_PATH_MAX]; /* an abstract name begins with a zero byte */
	__u8 peer_path[UNIX_PATH_MAX];
};

struct packet_section {
	SECTION(PACKET);
	__s32 ifindex; /* 0: all interfaces; -1: the one it was bound to is gone */
	__be16 ethertype; /* 0: not bound */
	__u16 bound_known; /* whether this kernel tells these two */
};

struct xdp_section {
	SECTION(XDP);
	__u32 ifindex; /* 0: not bound, or the interface is gone */
	__u16 queue;
	__u16 bound_known;
};

struct netlink_section {
	SECTION(NETLINK);
	__u32 portid; /* 0: never bound, or of the kernel */
	__u32 dst_portid;
	__u32 dst_group;
	__u32 unused;
};

struct vsock_section {
	SECTION(VSOCK);
	__u32 local_cid; /* all ones, here and below: any */
	__u32 local_port;
	__u32 remote_cid;
	__u32 remote_port;
};

struct tls_section {
	SECTION(TLS);
};

struct sctp_section {
	SECTION(SCTP);
};

enum item_kind {
	ITEM_END,
	ITEM_IP_OPTIONS,       /* ip_options_item */
	ITEM_IPV6_HOPOPTS,     /* an extension header, as it goes on the wire */
	ITEM_IPV6_RTHDRDSTOPTS,
	ITEM_IPV6_RTHDR,
	ITEM_IPV6_DSTOPTS,
	ITEM_IP_MEMBERSHIP,    /* membership_item, then the sources, four bytes each */
	ITEM_IPV6_MEMBERSHIP,  /* membership_item, then the sources, sixteen bytes each */
	ITEM_IPV6_ANYCAST,     /* membership_item without sources */
	ITEM_PACKET_MEMBERSHIP, /* packet_membership_item */
	ITEM_NETLINK_GROUPS,   /* a bit for each group from 1 on, in words of 64 bits */
	ITEM_CUT,	       /* there was more of the kind before than a record can hold */
};

struct item_header {
	__u32 kind;   /* enum item_kind */
	__u32 length; /* of what follows, before it is filled up */
};

struct ip_options_item {
	__be32 faddr; /* the final destination of a source route */
	__u8 optlen;
	__u8 srr; /* where these options stand, counted from the IP header; 0: not there */
	__u8 rr;
	__u8 ts;
	__u8 rr_needaddr;
	__u8 ts_needtime;
	__u8 ts_needaddr;
	__u8 unused;
	__u8 data[44]; /* an IP header has room for 40 */
};

struct membership_item {
	__u8 group[16]; /* of IPv4 the first four bytes */
	__u8 address[16]; /* IPv4: the address of the interface, where it was named by that */
	__u32 ifindex;
	__u32 mode;    /* MCAST_EXCLUDE 0, MCAST_INCLUDE 1 */
	__u32 sources; /* how many the kernel has */
	__u32 unused;
};

struct packet_membership_item {
	__u32 ifindex;
	__u32 count; /* how often it was asked for */
	__u16 type;  /* PACKET_MR_MULTICAST ... */
	__u16 length; /* of the address */
	__u32 unused;
	__u8 address[32];
};

#endif
