/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The record that the programs write for each socket. Its parts, in this order:
 *
 *   record_header      always
 *   socket_section     if SECTION_SOCKET is in record_header.sections, and so on in the order of
 *   ip_section ...     SECTIONS. Each starts with FACTS: which facts this kernel has, and their
 *                      values
 *   items              if SECTION_ITEMS: item_header and its bytes, padded to a multiple of eight,
 *                      until an item of kind ITEM_END
 *
 * A section that the run does not want is in record_header.left_out instead. The record of a mini-socket
 * (TIME_WAIT, SYN_RECV, some in FIN_WAIT2) is only a header.
 * Everything is in host byte order, except what the kernel keeps in network byte order.
 * Each struct is a multiple of eight bytes long and has no hidden padding, so that the reader can
 * use it in place. No member is a kernel address: streams may be read by unprivileged users.
 */
#ifndef RECORD_H
#define RECORD_H

#include "options.h"

/* "knst": the first bytes of each record, so that a damaged stream is noticed. */
#define RECORD_MAGIC 0x74736e6b

/*
 * THE SECTIONS, in the order in which they follow the header:
 *
 *   SECTION(LEVEL, name)   the facts of LEVEL_OPTIONS_LIST of options.h, in a struct name_section
 *
 * Each line generates the bit of the section in the header, the enumerations of its facts and its exports
 * in schema.h. src/record/section.rs has the same lines and asserts that they match.
 */
#define SECTIONS(SECTION)                                                                          \
	SECTION(SOCKET, socket)                                                                    \
	SECTION(CGROUP, cgroup)                                                                    \
	SECTION(SOCKMAP, sockmap)                                                                  \
	SECTION(RECEIVER, receiver)                                                                \
	SECTION(IP, ip)                                                                            \
	SECTION(IPV6, ipv6)                                                                        \
	SECTION(TCP, tcp)                                                                          \
	SECTION(UDP, udp)                                                                          \
	SECTION(RAW, raw)                                                                          \
	SECTION(UNIX, unix)                                                                        \
	SECTION(PACKET, packet)                                                                    \
	SECTION(XDP, xdp)                                                                          \
	SECTION(NETLINK, netlink)                                                                  \
	SECTION(VSOCK, vsock)                                                                      \
	SECTION(TLS, tls)                                                                          \
	SECTION(SCTP, sctp)                                                                        \
	SECTION(DEAD, dead)                                                                        \
	SECTION(DIAG, diag)

#define SECTION_NUMBER(level, name) SECTION_NUMBER_##level,
enum section_number { SECTIONS(SECTION_NUMBER) SECTION_COUNT };

#define SECTION_BIT(level, name) SECTION_##level = 1 << SECTION_NUMBER_##level,
enum section { SECTIONS(SECTION_BIT) SECTION_ITEMS = 1 << 30 };

_Static_assert((int)SECTION_COUNT <= 30, "the bit of a section is below that of the items");

/* Whether processes can hold the socket, and how the program that wrote the record iterates. */
enum socket_trait {
	TRAIT_SOCKET = 1, /* has a struct socket, so it does not wait to be accepted */
	TRAIT_DEAD = 2,	  /* closed by every process that held it */
	TRAIT_KERNEL = 4, /* created by the kernel for its own use */
	TRAIT_ONCE = 8,	  /* the iterator visits each socket only once, even if the table changes */
	TRAIT_SUBFLOW = 16,  /* a subflow of an MPTCP socket, its master */
	TRAIT_FALLBACK = 32, /* an MPTCP socket that has fallen back to TCP, and answers as TCP */
	TRAIT_TRANSPARENT = 64, /* its address may be one of another host */
};

/* The pending timer of a connection. */
enum timer {
	TIMER_NONE,
	TIMER_RETRANSMIT,
	TIMER_KEEPALIVE,
	TIMER_TIME_WAIT,
	TIMER_PROBE,
	TIMER_DELAYED_ACK,
};

/* The structs that leave the kernel have no padding, whose bytes would be uninitialized. */
#pragma clang diagnostic push
#pragma clang diagnostic error "-Wpadded"

struct record_header {
	__u32 magic;
	__u32 sections; /* enum section, or-ed */
	__u16 family;	/* AF_INET ... */
	__u16 protocol; /* as in socket(2) */
	__u8 socket_type; /* SOCK_STREAM ... */
	__u8 state;	/* include/net/tcp_states.h; of a mini-socket, as in /proc/net/tcp */
	__u16 traits;	/* enum socket_trait, or-ed */
	__u32 local_port;
	__u32 remote_port;
	__u8 local_address[16]; /* AF_INET: the first four bytes */
	__u8 remote_address[16];
	__u64 cookie;	/* 0: the socket has none */
	__u64 identity; /* see identity.h */
	__u64 master;	/* of a subflow: the cookie of the MPTCP socket, or 0. Of a request: that of its listener */
	__u64 master_inode;
	__u64 inode;
	__u64 reuseport_group; /* the identity of struct sock_reuseport, which a group shares, or 0 */
	__u32 reuseport_members;
	__u32 netns; /* inode number of the network namespace */
	__u32 uid;
	__u32 ifindex; /* of the bound device; 0: not bound */
	__u32 recv_queue;
	__u32 send_queue;
	__u32 drops;
	__s32 timer_left; /* jiffies until the timer expires */
	__u8 timer;	  /* enum timer */
	__u8 retransmits; /* of the same data, or of a SYN-ACK */
	__u8 probes;	  /* unanswered zero-window or keepalive probes */
	__u8 unused;
	__u32 left_out; /* enum section, or-ed: see parameters.h. The socket may have them, or has them */
};

/* "knso" */
#define OWNER_MAGIC 0x6f736e6b

/* A process that holds a socket. These records have their own stream. */
struct owner_record {
	__u32 magic;
	__u32 pid; /* of the process, in the PID namespace of the reader */
	__u32 tid; /* of the thread that has the descriptor, if the process does not; otherwise 0 */
	__u32 fd;
	__u32 slot; /* one more than the slot of an io_uring, which `fd` is; 0: `fd` is the socket itself */
	__u32 flags; /* O_NONBLOCK ... of open(2) */
	__u64 inode; /* of the socket, as in record_header */
	__u64 started; /* ns since boot at which the process began, in the initial time namespace; 0: unknown */
	__u8 command[16]; /* of the thread group's leader */
	__u32 netns; /* inode number of the socket's network namespace */
	__u16 ring_is_registered; /* `fd` is the index among the io_urings that the thread has registered */
	__u16 is_io_worker; /* the thread is one of the kernel, which an io_uring has added to the process */
};

/* "knsm" */
#define MESSAGE_MAGIC 0x6d736e6b

enum message_kind {
	MESSAGE_FILE = 1, /* a socket that a message carries */
	MESSAGE_WAITING, /* a connection that waits to be accepted by a unix socket */
	MESSAGE_FILES_CUT, /* a queue of messages could not be read to its end */
	MESSAGE_WAITING_CUT, /* an accept queue could not */
};

/* What lies in the receive queue of a unix socket. These records have their own stream. */
struct message_record {
	__u32 magic;
	__u32 kind; /* enum message_kind */
	__u64 inode; /* of the socket that is carried, or of the client of the connection */
	__u64 carrier; /* the inode of the unix socket that has the queue; 0: it waits to be accepted itself */
	__u64 identity; /* of that unix socket or, as in record_header, of the connection */
	__u64 cookie; /* of the listener of the connection; 0: it has none */
};

/* "knsq" */
#define WAITING_MAGIC 0x71736e6b

/* A connection in the accept queue of a listener. These records have their own stream. */
struct waiting_record {
	__u32 magic;
	__u32 local_port; /* of the connection, as in record_header */
	__u32 remote_port;
	__u32 remote_address; /* its last four bytes, in network byte order */
	__u64 identity; /* of the connection. 0: the rest of a queue could not be read */
	__u64 listener; /* the cookie of the listener, or 0 */
	__u64 listener_inode;
};

/* "knsv" */
#define VOID_MAGIC 0x76736e6b

/* Says that the record of a socket before it is wrong. */
struct void_record {
	__u32 magic;
	__u32 unused;
};

/* "knsn" */
#define TASK_MAGIC 0x6e736e6b

/* A task and its network namespace. These records have their own stream. */
struct task_record {
	__u32 magic;
	__u32 pid; /* of the process, and tid of the thread, in the PID namespace of the reader */
	__u32 tid;
	__u32 netns; /* inode number of the network namespace */
};

/*
 * The option lists as enumerations: a fact's constant is the number of its bit in `flags`, or its index
 * in `values`.
 */
#define ENUMERATE(name, ...) name,
#define NOTHING(name, ...)
#define FACT_ENUMS(level, name)                                                                    \
	enum level##_flag { level##_OPTIONS_LIST(ENUMERATE, NOTHING) level##_FLAGS };              \
	enum level##_value { level##_OPTIONS_LIST(NOTHING, ENUMERATE) level##_VALUES };            \
	_Static_assert((int)level##_FLAGS <= 64, "a section has 64 flags at most");                \
	_Static_assert((int)level##_VALUES <= 48, "a section must fit the BPF stack");
SECTIONS(FACT_ENUMS)

/*
 * The members that every section starts with. Bit n of has_flags: this kernel has flag n. Bit n of flags:
 * flag n is on. Bit n of has_values: this kernel has values[n].
 */
#define FACTS(level)                                                                               \
	__u64 has_flags;                                                                           \
	__u64 flags;                                                                               \
	__u64 has_values;                                                                          \
	__u64 values[level##_VALUES]

struct socket_section {
	FACTS(SOCKET);
	__u8 filter_name[16];	/* of the program of SO_GET_FILTER */
	__u8 reuseport_name[16]; /* of that of SO_ATTACH_REUSEPORT_CBPF */
};

struct cgroup_section {
	FACTS(CGROUP);
};

/* The maps in a record. A socket may be in more. */
#define SOCKMAPS 4

struct sockmap_section {
	FACTS(SOCKMAP);
	__u32 ids[SOCKMAPS];
	__u8 names[SOCKMAPS][16];
};

/* Of a socket of the kernel, and of one that a process may have handed to the kernel. */
struct receiver_section {
	FACTS(RECEIVER);
	__u8 function[64]; /* with its module: `xs_data_ready [sunrpc]`. The last byte is zero */
};

struct ip_section {
	FACTS(IP);
};

struct ipv6_section {
	FACTS(IPV6);
	__u8 pktinfo_address[16]; /* IPV6_PKTINFO */
};

struct tcp_section {
	FACTS(TCP);
	__u8 congestion[16]; /* TCP_CONGESTION */
	__u8 ulp[16];	     /* TCP_ULP */
};

struct udp_section {
	FACTS(UDP);
};

struct raw_section {
	FACTS(RAW);
	__u8 icmp6_filter[32]; /* ICMPV6_FILTER */
};

/* sizeof(sun_path); a name may fill it to the last byte. */
#define UNIX_PATH_MAX 108

/* The socket at the other end of a unix socket. */
enum unix_peer {
	UNIX_PEER_NONE,
	UNIX_PEER_OPEN,	   /* has a struct socket, and so an inode */
	UNIX_PEER_WAITING, /* has not been accepted yet */
	UNIX_PEER_CLOSED,  /* is only kept because this socket refers to it */
	UNIX_PEER_UNKNOWN, /* one of the last two */
};

struct unix_section {
	FACTS(UNIX);
	__u64 peer; /* the inode of the socket at the other end, or 0 */
	__u16 path_length;
	__u16 peer_path_length;
	__u32 peer_state; /* enum unix_peer */
	__u8 path[UNIX_PATH_MAX]; /* an abstract name begins with a zero byte */
	__u8 peer_path[UNIX_PATH_MAX];
};

struct packet_section {
	FACTS(PACKET);
	__s32 ifindex; /* 0: all interfaces; -1: the bound interface is gone */
	__be16 ethertype; /* 0: not bound */
	__u16 bound_known; /* whether this kernel has the two members above */
	__u8 fanout_name[16]; /* of the program of PACKET_FANOUT_DATA */
};

struct xdp_section {
	FACTS(XDP);
	__u32 ifindex; /* 0: not bound, or the interface is gone */
	__u16 queue;
	__u16 bound_known;
};

struct netlink_section {
	FACTS(NETLINK);
	__u32 portid; /* 0: never bound, or a socket of the kernel */
	__u32 dst_portid;
	__u32 dst_group;
	__u32 unused;
};

struct vsock_section {
	FACTS(VSOCK);
	__u32 local_cid; /* all ones, here and below: any */
	__u32 local_port;
	__u32 remote_cid;
	__u32 remote_port;
};

/* These two: of a TCP socket in a table. */
struct dead_section {
	FACTS(DEAD);
};

struct diag_section {
	FACTS(DIAG);
};

struct tls_section {
	FACTS(TLS);
};

struct sctp_section {
	FACTS(SCTP);
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
	ITEM_NETLINK_GROUPS,   /* a bitmap of 64-bit words, whose first bit is group 1 */
	ITEM_TCP_MD5_KEY,      /* key_item */
	ITEM_TCP_AO_KEY,       /* key_item */
	ITEM_CUT,	       /* the list before this item is longer than a record can hold */
};

struct item_header {
	__u32 kind;   /* enum item_kind */
	__u32 length; /* of the bytes that follow, without their padding */
};

struct ip_options_item {
	__be32 faddr; /* the final destination of a source route */
	__u8 optlen;
	__u8 srr; /* the offsets of these options from the IP header; 0: absent */
	__u8 rr;
	__u8 ts;
	__u8 rr_needaddr;
	__u8 ts_needtime;
	__u8 ts_needaddr;
	__u8 unused;
	__u8 data[44]; /* an IP header has room for 40 */
};

struct membership_item {
	__u8 group[16]; /* IPv4: the first four bytes */
	__u8 address[16]; /* IPv4: the address of the interface, if the process named it by that */
	__u32 ifindex;
	__u32 mode;    /* MCAST_EXCLUDE 0, MCAST_INCLUDE 1 */
	__u32 sources; /* the number that the kernel has; the item may hold fewer */
	__u32 unused;
};

/* The peers that a key is for. The key itself is never read. */
struct key_item {
	__u8 address[16]; /* AF_INET: the first four bytes */
	__s32 ifindex; /* of the VRF; 0: peers in no VRF; -1: peers in any or none */
	__u8 family;
	__u8 prefix_length;
	__u8 send_id; /* TCP-AO: the KeyID in segments that are sent, */
	__u8 receive_id; /* and in segments that are received */
};

struct packet_membership_item {
	__u32 ifindex;
	__u32 count; /* how many times the membership was added */
	__u16 type;  /* PACKET_MR_MULTICAST ... */
	__u16 length; /* of the address */
	__u32 unused;
	__u8 address[32];
};

#pragma clang diagnostic pop

#endif
