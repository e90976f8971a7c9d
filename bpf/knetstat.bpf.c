// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The iterators: for each socket of a kernel table one record (record.h), written to the iterator's
 * file, which the program in src/ reads.
 *
 * Each part of a record is built on the stack of a function of its own and written at once. A
 * record is larger than the 512 bytes of stack, but a map to build it in would be wrong: iterator
 * programs can be preempted, and two readers of one iterator would write into each other's record.
 * Where the file's buffer overflows in the middle of a record, the kernel takes back all its parts
 * and runs the program again for that socket; so nothing here keeps count of anything.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "record.h"
#include "read.h"
#include "compat.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17

/* include/net/tcp_states.h */
#define TCP_SYN_RECV 3
#define TCP_TIME_WAIT 6
#define TCP_LISTEN 10
#define TCP_NEW_SYN_RECV 12

/* include/uapi/linux/rtnetlink.h */
#define RTAX_HOPLIMIT 10

/*
 * The knobs: which sockets are worth a record. They only save work; the reader filters again. They
 * are constants by the time the verifier runs, which removes what is not asked for.
 */
#define PORT_RANGES 8

struct port_range {
	__u16 low;
	__u16 high;
};

struct port_filter {
	__u32 count; /* 0: every port */
	struct port_range ranges[PORT_RANGES];
};

const volatile __u8 want_ipv4 = 1;
const volatile __u8 want_ipv6 = 1;
const volatile __u32 tcp_states = ~0;	     /* bit n: state n */
const volatile __u32 udp_states = ~0;
const volatile struct port_filter local_ports;
const volatile struct port_filter remote_ports;
const volatile struct port_filter either_ports; /* local or remote */

/* Never read: it makes the types and lists known to the reader. */
const volatile struct {
	struct record_header header;
	struct socket_section socket;
	struct ip_section ip;
	struct ipv6_section ipv6;
	struct tcp_section tcp;
	struct udp_section udp;
	struct item_header item;
	struct ip_options_item ip_options;
	struct membership_item membership;
	struct owner_record owner;
	enum socket_trait socket_trait;
	enum section section;
	enum item_kind item_kind;
	enum SOCKET_flag socket_flag;
	enum SOCKET_value socket_value;
	enum IP_flag ip_flag;
	enum IP_value ip_value;
	enum IPV6_flag ipv6_flag;
	enum IPV6_value ipv6_value;
	enum TCP_flag tcp_flag;
	enum TCP_value tcp_value;
	enum UDP_flag udp_flag;
	enum UDP_value udp_value;
} schema;

/* The filter */

static __always_inline bool in_ranges(const volatile struct port_filter *filter, __u16 port)
{
	if (filter->count == 0)
		return true;
	for (int i = 0; i < PORT_RANGES; i++) {
		if (i < filter->count && port >= filter->ranges[i].low &&
		    port <= filter->ranges[i].high)
			return true;
	}
	return false;
}

static __always_inline bool wanted(const struct sock_common *skc, __u8 state, __u32 states)
{
	__u16 local = skc->skc_num, remote = bpf_ntohs(skc->skc_dport);

	if (skc->skc_family == AF_INET ? !want_ipv4 : !want_ipv6)
		return false;
	if (!(states >> (state & 31) & 1))
		return false;
	if (!in_ranges(&local_ports, local) || !in_ranges(&remote_ports, remote))
		return false;
	return in_ranges(&either_ports, local) || in_ranges(&either_ports, remote);
}

/* The header */

static __always_inline void fill_header(struct record_header *header, struct sock_common *skc,
					struct net *net, __u8 protocol, __u8 state)
{
	header->magic = RECORD_MAGIC;
	header->protocol = protocol;
	header->state = state;
	header->family = skc->skc_family;
	header->local_port = skc->skc_num;
	header->remote_port = bpf_ntohs(skc->skc_dport);
	header->ifindex = GET(skc, skc_bound_dev_if);
	header->netns = GET(net, ns.inum);
	header->cookie = socket_cookie(skc);
	if (skc->skc_family == AF_INET) {
		*(__u32 *)header->local_address = skc->skc_rcv_saddr;
		*(__u32 *)header->remote_address = skc->skc_daddr;
	} else if (bpf_core_field_exists(skc->skc_v6_rcv_saddr)) {
		bpf_core_read(header->local_address, 16, &skc->skc_v6_rcv_saddr);
		bpf_core_read(header->remote_address, 16, &skc->skc_v6_daddr);
	}
}

static __always_inline bool has_items(struct inet_sock *inet, struct ipv6_pinfo *np)
{
	/* Without IPv6, np is NULL, and so is all that is read through it. */
	return GET(inet, inet_opt) || GET(inet, mc_list) || GET(np, opt) || GET(np, ipv6_mc_list) ||
	       GET(np, ipv6_ac_list);
}

static __always_inline void fill_owner(struct record_header *header, struct inet_sock *inet,
				       struct ipv6_pinfo *np)
{
	struct sock *sk = &inet->sk;

	if (GET(sk, sk_socket))
		header->traits |= TRAIT_SOCKET;
	if (sk->__sk_common.skc_flags >> bpf_core_enum_value(enum sock_flags, SOCK_DEAD) & 1)
		header->traits |= TRAIT_DEAD;
	if (bpf_core_field_exists(sk->sk_kern_sock) && BPF_CORE_READ_BITFIELD(sk, sk_kern_sock))
		header->traits |= TRAIT_KERNEL;
	header->inode = socket_inode(&inet->sk);
	header->uid = GET(inet, sk.sk_uid.val);
	header->drops = socket_drops(&inet->sk);
	header->sections |= SECTION_SOCKET | SECTION_IP;
	if (header->family == AF_INET6)
		header->sections |= SECTION_IPV6;
	if (has_items(inet, np))
		header->sections |= SECTION_ITEMS;
}

/* A socket that the kernel keeps in short form: its header is all there is. */
static __noinline int write_mini_socket(struct seq_file *seq, struct sock_common *skc, __u8 state)
{
	struct record_header header = {};

	fill_header(&header, skc, GET(skc, skc_net.net), IPPROTO_TCP, state);
	if (state == TCP_SYN_RECV && bpf_core_field_exists(skc->skc_listener->sk_uid.val))
		header.uid = BPF_CORE_READ(skc, skc_listener, sk_uid.val);
	bpf_seq_write(seq, &header, sizeof(header));
	return 0;
}

/*
 * Of a subflow of MPTCP, who could hold it is a matter of the MPTCP socket, its master, which is in no
 * table. Its cookie is there if the walk for owners, which comes first, met it at a descriptor.
 */
static __always_inline void fill_master(struct record_header *header, struct tcp_sock *tp)
{
	struct mptcp_subflow_context *subflow = 0;
	struct sock *master;

	if (!bpf_core_field_exists(tp->is_mptcp) ||
	    !bpf_core_field_exists(subflow->conn->__sk_common.skc_cookie.counter) || !tp->is_mptcp)
		return;
	subflow = BPF_CORE_READ(tp, inet_conn.icsk_ulp_data);
	master = BPF_CORE_READ(subflow, conn);
	header->master = BPF_CORE_READ(master, __sk_common.skc_cookie.counter);
	header->traits = 0;
	if (BPF_CORE_READ(master, sk_socket))
		header->traits |= TRAIT_SOCKET;
	if (BPF_CORE_READ(master, __sk_common.skc_flags) >>
		    bpf_core_enum_value(enum sock_flags, SOCK_DEAD) & 1)
		header->traits |= TRAIT_DEAD;
}

static __noinline int write_tcp_header(struct seq_file *seq, struct tcp_sock *tp,
				       struct ipv6_pinfo *np, struct net *net)
{
	struct inet_sock *inet = &tp->inet_conn.icsk_inet;
	struct sock *sk = &inet->sk;
	struct record_header header = {};
	__s32 unread;

	fill_header(&header, &sk->__sk_common, net, IPPROTO_TCP, sk->__sk_common.skc_state);
	fill_owner(&header, inet, np);
	header.sections |= SECTION_TCP;
	fill_master(&header, tp);
	if (sk->__sk_common.skc_state == TCP_LISTEN) {
		header.recv_queue = GET(sk, sk_ack_backlog);
		header.send_queue = GET(sk, sk_max_ack_backlog);
	} else {
		unread = GET(tp, rcv_nxt) - GET(tp, copied_seq);
		header.recv_queue = unread < 0 ? 0 : unread;
		header.send_queue = GET(tp, write_seq) - GET(tp, snd_una);
	}
	bpf_seq_write(seq, &header, sizeof(header));
	return header.sections;
}

static __noinline int write_udp_header(struct seq_file *seq, struct udp_sock *up,
				       struct ipv6_pinfo *np, struct net *net)
{
	struct sock *sk = &up->inet.sk;
	struct record_header header = {};

	fill_header(&header, &sk->__sk_common, net, IPPROTO_UDP, sk->__sk_common.skc_state);
	fill_owner(&header, &up->inet, np);
	header.sections |= SECTION_UDP;
	header.recv_queue = GET(sk, sk_backlog.rmem_alloc.counter) - GET(up, forward_deficit);
	/* The kernel counts from one: net/core/sock.c, sk_wmem_alloc_get() */
	header.send_queue = GET_OR(sk, sk_wmem_alloc.refs.counter, 1) - 1;
	bpf_seq_write(seq, &header, sizeof(header));
	return header.sections;
}

/* The sections */

/*
 * The pointers of a socket are read once and handed on. From the UDP iterator the socket comes as
 * "trusted", and for each pointer that is read from such a one some kernels search all their types.
 */
static __always_inline struct bpf_prog *filter_of(struct sock *sk)
{
	/* Where the first pointer is NULL, so is what is read through it. */
	return bpf_core_field_exists(sk->sk_filter->prog) ? sk->sk_filter->prog : 0;
}

static __always_inline struct bpf_prog *reuseport_program_of(struct sock *sk)
{
	return bpf_core_field_exists(sk->sk_reuseport_cb->prog) ? sk->sk_reuseport_cb->prog : 0;
}

static __noinline int write_socket(struct seq_file *seq, struct sock *sk, struct net *net)
{
	struct bpf_prog *filter = filter_of(sk), *reuseport = reuseport_program_of(sk);
	struct socket_section section = {};

	FILL(SOCKET_OPTIONS_LIST)
	bpf_seq_write(seq, &section, sizeof(section));
	return 0;
}

static __noinline int write_ip(struct seq_file *seq, struct inet_sock *inet, struct net *net)
{
	struct sock *sk = &inet->sk;
	struct ip_section section = {};

	FILL(IP_OPTIONS_LIST)
	bpf_seq_write(seq, &section, sizeof(section));
	return 0;
}

/*
 * The hop limit of the route that the socket has cached, or -1: net/ipv6/output_core.c,
 * ip6_dst_hoplimit().
 */
static __always_inline __s64 route_hop_limit(struct sock *sk)
{
	struct dst_entry *dst = sk->sk_dst_cache;
	__u32 hop_limit = 0;

	if (!dst || !bpf_core_field_exists(dst->_metrics) ||
	    !bpf_core_field_exists(dst->dev->ip6_ptr))
		return -1;
	/* The lowest two bits of the pointer are flags: include/net/dst.h, DST_METRICS_PTR() */
	bpf_probe_read_kernel(&hop_limit, sizeof(hop_limit),
			      (__u32 *)(dst->_metrics & ~3UL) + RTAX_HOPLIMIT - 1);
	if (hop_limit)
		return hop_limit;
	return dst->dev->ip6_ptr ? dst->dev->ip6_ptr->cnf.hop_limit : -1;
}

static __noinline int write_ipv6(struct seq_file *seq, struct inet_sock *inet,
				 struct ipv6_pinfo *np, struct net *net)
{
	struct sock *sk = &inet->sk;
	struct ipv6_section section = {};

	FILL(IPV6_OPTIONS_LIST)
	if (bpf_core_field_exists(np->sticky_pktinfo.ipi6_addr))
		bpf_core_read(section.pktinfo_address, 16, &np->sticky_pktinfo.ipi6_addr);
	bpf_seq_write(seq, &section, sizeof(section));
	return 0;
}

static __noinline int write_tcp(struct seq_file *seq, struct tcp_sock *tp, struct net *net)
{
	struct tcp_section section = {};

	FILL(TCP_OPTIONS_LIST)
	if (bpf_core_field_exists(tp->inet_conn.icsk_ca_ops->name))
		bpf_core_read(section.congestion, 16, &tp->inet_conn.icsk_ca_ops->name);
	if (bpf_core_field_exists(tp->inet_conn.icsk_ulp_ops->name) && tp->inet_conn.icsk_ulp_ops)
		bpf_core_read(section.ulp, 16, &tp->inet_conn.icsk_ulp_ops->name);
	/* A window that is not known is not shut. */
	section.snd_wnd = GET_OR(tp, snd_wnd, 1);
	section.rcv_wnd = GET_OR(tp, rcv_wnd, 1);
	section.in_flight = GET(tp, snd_nxt) - GET(tp, snd_una);
	section.ack_age = (__u32)bpf_jiffies64() - GET_OR(tp, rcv_tstamp, (__u32)bpf_jiffies64());
	bpf_seq_write(seq, &section, sizeof(section));
	return 0;
}

static __noinline int write_udp(struct seq_file *seq, struct udp_sock *up)
{
	struct udp_section section = {};

	FILL(UDP_OPTIONS_LIST)
	bpf_seq_write(seq, &section, sizeof(section));
	return 0;
}

#include "items.h"
#include "owners.h"

/* The iterators */

static __always_inline int show_tcp(struct bpf_iter__tcp *ctx, bool loop_helper)
{
	struct sock_common *skc = ctx->sk_common;
	struct seq_file *seq = ctx->meta->seq;
	struct tcp_timewait_sock *tw;
	struct inet_sock *inet;
	struct ipv6_pinfo *np;
	struct tcp_sock *tp;
	struct net *net;
	int sections;
	__u8 state;

	if (!skc)
		return 0;

	/* The mini-sockets have only struct sock_common: bpf_skc_to_tcp_sock() refuses them. */
	state = skc->skc_state;
	if (state == TCP_NEW_SYN_RECV)
		state = TCP_SYN_RECV;
	if (state == TCP_TIME_WAIT) {
		tw = bpf_skc_to_tcp_timewait_sock(skc);
		if (!tw)
			return 0;
		state = GET_OR(tw, tw_sk.tw_substate, TCP_TIME_WAIT);
	}
	if (!wanted(skc, state, tcp_states))
		return 0;

	tp = bpf_skc_to_tcp_sock(skc);
	if (!tp)
		return write_mini_socket(seq, skc, state);

	inet = &tp->inet_conn.icsk_inet;
	net = GET(inet, sk.__sk_common.skc_net.net);
	np = GET(inet, pinet6);
	sections = write_tcp_header(seq, tp, np, net);
	write_socket(seq, &inet->sk, net);
	write_ip(seq, inet, net);
	if (sections & SECTION_IPV6)
		write_ipv6(seq, inet, np, net);
	write_tcp(seq, tp, net);
	if (sections & SECTION_ITEMS)
		write_items(seq, inet, np, false, loop_helper);
	return 0;
}

static __always_inline int show_udp(struct bpf_iter__udp *ctx, bool loop_helper)
{
	struct udp_sock *up = ctx->udp_sk;
	struct seq_file *seq = ctx->meta->seq;
	struct ipv6_pinfo *np;
	struct net *net;
	int sections;

	if (!up || !wanted(&up->inet.sk.__sk_common, up->inet.sk.__sk_common.skc_state, udp_states))
		return 0;

	net = GET(up, inet.sk.__sk_common.skc_net.net);
	np = GET(up, inet.pinet6);
	sections = write_udp_header(seq, up, np, net);
	write_socket(seq, &up->inet.sk, net);
	write_ip(seq, &up->inet, net);
	if (sections & SECTION_IPV6)
		write_ipv6(seq, &up->inet, np, net);
	write_udp(seq, up);
	if (sections & SECTION_ITEMS)
		write_items(seq, &up->inet, np, true, loop_helper);
	return 0;
}

SEC("iter/tcp")
int tcp(struct bpf_iter__tcp *ctx)
{
	return show_tcp(ctx, true);
}

SEC("iter/udp")
int udp(struct bpf_iter__udp *ctx)
{
	return show_udp(ctx, true);
}

/* For kernels before 5.17, which have no bpf_loop() and refuse a program that names it. */
SEC("iter/tcp")
int tcp_without_loop(struct bpf_iter__tcp *ctx)
{
	return show_tcp(ctx, false);
}

SEC("iter/udp")
int udp_without_loop(struct bpf_iter__udp *ctx)
{
	return show_udp(ctx, false);
}
