/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The parts of a record: the header, then a section for each level of options. Each is built by its own
 * function, in the buffer of a walk or on the stack of an iterator: no map holds the latter, because
 * concurrent readers of a program would share it. When the kernel's buffer is full, the kernel discards all
 * parts of the record and runs the program again.
 */
#ifndef SECTIONS_H
#define SECTIONS_H

#include "numbers.h"
#include "output.h"
#include "compat.h"
#include "lists.h"
#include "sockmap.h"
#include "receiver.h"
#include "identity.h"
#include "fact.h"
#include "process.h"

/* Whether the socket is in the table of its protocol. Its pointer may be a mere address. */
static __always_inline bool is_in_table(struct sock *sk)
{
	return HAS(sk, __sk_common.skc_node.pprev) ? BPF_CORE_READ(sk, __sk_common.skc_node.pprev) != 0 : true;
}

/* The header */

/*
 * Fills in the members that every socket has, including mini-sockets. `address` is where the kernel has the
 * socket, as a number: see address_of(). `skc` may be a copy.
 */
static __always_inline void fill_header(struct record_header *header, struct sock_common *skc,
					__u32 netns, __u64 address)
{
	header->magic = RECORD_MAGIC;
	header->family = LOAD(skc, skc_family);
	header->state = LOAD(skc, skc_state);
	header->ifindex = GET(skc, skc_bound_dev_if);
	header->netns = netns;
	header->cookie = existing_cookie(skc);
	header->identity = hash_address(address);
}

static __always_inline void fill_endpoints(struct record_header *header, struct sock_common *skc)
{
	header->local_port = LOAD(skc, skc_num);
	header->remote_port = bpf_ntohs(LOAD(skc, skc_dport));
	if (header->family == AF_INET) {
		*(__u32 *)header->local_address = LOAD(skc, skc_rcv_saddr);
		*(__u32 *)header->remote_address = LOAD(skc, skc_daddr);
	} else if (HAS(skc, skc_v6_rcv_saddr) || HAS(skc, skc_v6_daddr)) {
		/* A kernel without IPv6 has neither member, and no IPv6 sockets. */
		bpf_core_read(header->local_address, 16, &skc->skc_v6_rcv_saddr);
		bpf_core_read(header->remote_address, 16, &skc->skc_v6_daddr);
	}
}

/* Whether the kernel created the socket for its own use. */
static __always_inline bool is_of_kernel(struct sock *sk)
{
	return HAS(sk, sk_kern_sock) && LOAD_BIT(sk, sk_kern_sock) & 1;
}

/*
 * Whether the record says who receives for the socket: for those of the kernel, and for those that a process may have
 * handed to it, as rpc.nfsd(8) and iscsid(8) do. The kernel keeps its own data at these. A record has two looks at that, so
 * the socket must be a copy.
 */
static __always_inline bool tells_receiver(struct sock *sk)
{
#ifdef WALKS
	if (GET(sk, sk_user_data))
		return true;
#endif
	return is_of_kernel(sk);
}

/* Returns the traits that determine whether processes can hold the socket. */
static __always_inline __u16 traits_of(struct sock *sk)
{
	__u16 traits = 0;

	if (GET(sk, sk_socket))
		traits |= TRAIT_SOCKET;
	if (HAS_SOCK_FLAGS(sk, SOCK_DEAD) && HAS_SOCK_FLAG(sk, SOCK_DEAD))
		traits |= TRAIT_DEAD;
	if (is_of_kernel(sk))
		traits |= TRAIT_KERNEL;
	return traits;
}

/* Fills in the members that every socket has except mini-sockets. */
static __always_inline void fill_socket(struct record_header *header, struct sock *sk)
{
	/* Not guarded, because they identify the socket. Without them the program does not load. */
	header->protocol = LOAD(sk, sk_protocol);
	header->socket_type = LOAD(sk, sk_type);
	header->traits = traits_of(sk);
	header->inode = socket_inode(sk);
	header->uid = GET(sk, sk_uid.val);
	header->drops = socket_drops(sk);
	header->sections |= SECTION_SOCKET | SECTION_CGROUP | SECTION_SOCKMAP;
	if (tells_receiver(sk))
		header->sections |= SECTION_RECEIVER;
}

/* Fills in the queues as in /proc/net/udp, raw and netlink. TCP queues are in write_tcp_header(). */
static __always_inline void fill_queues(struct record_header *header, struct sock *sk)
{
	header->recv_queue = GET(sk, sk_backlog.rmem_alloc.counter);
	/* The kernel counts from one: include/net/sock.h, sk_wmem_alloc_get() */
	header->send_queue = GET_OR(sk, sk_wmem_alloc.refs.counter, 1) - 1;
}

/* SO_REUSEPORT, 3.9: sockets that share a port. All sockets of a group point to one struct. */
static __always_inline void fill_reuseport(struct record_header *header, struct sock *sk)
{
	struct sock_reuseport *group = GET(sk, sk_reuseport_cb);

	if (!group)
		return;
	header->reuseport_group = hash_address(address_of(group));
	header->reuseport_members = HAS(group, num_socks) ? AWAY(group, num_socks) : 0;
}

static __always_inline bool has_items(struct inet_sock *inet, struct ipv6_pinfo *np)
{
	if (GET(inet, inet_opt) || GET(inet, mc_list))
		return true;
	return HAS(inet, pinet6) && LOAD(inet, sk.__sk_common.skc_family) == AF_INET6 &&
	       (GET(np, opt) || GET(np, ipv6_mc_list) || GET(np, ipv6_ac_list));
}

/*
 * Writes the header, without the sections that are not wanted. Returns the others. The verifier then only
 * knows which sections are not wanted: it would follow a socket with and without a section separately if it
 * knew that, which the detour through the stack avoids.
 */
static __always_inline int write_header_with(struct seq_file *seq, struct record_header *header,
					     __u32 wanted)
{
	__u32 all = *(volatile __u32 *)&header->sections;

	header->sections = all & wanted;
	header->left_out = all & ~wanted;
	END_PART(seq, header);
	return all & wanted;
}

static __always_inline int write_header(struct seq_file *seq, struct record_header *header)
{
	return write_header_with(seq, header, parameters.prefilter.sections);
}

static __always_inline bool is_flag_on(bool has_flag, __u64 bits)
{
	return has_flag && bits & 1;
}

/* Whether the address of the socket may be one of another host: IP_TRANSPARENT */
static __always_inline bool is_transparent(struct inet_sock *inet)
{
	if (HAS(inet, inet_flags))
		return LOAD(inet, inet_flags) >> 15 & 1;
	return HAS(inet, transparent) && LOAD_BIT(inet, transparent) & 1;
}

static __always_inline void fill_inet(struct record_header *header, struct inet_sock *inet,
				      struct ipv6_pinfo *np, __u32 netns, __u64 address)
{
	struct sock_common *skc = &inet->sk.__sk_common;

	fill_header(header, skc, netns, address);
	fill_endpoints(header, skc);
	fill_socket(header, &inet->sk);
	header->sections |= SECTION_IP;
	if (is_transparent(inet))
		header->traits |= TRAIT_TRANSPARENT;
	if (HAS(inet, pinet6) && header->family == AF_INET6)
		header->sections |= SECTION_IPV6;
	if (!IS_WANTED(ITEMS) || has_items(inet, np))
		header->sections |= SECTION_ITEMS;
}

/* The timers: net/ipv4/tcp_ipv4.c, get_tcp4_sock() and its neighbours, which write /proc/net/tcp. */

static __always_inline void set_timer(struct record_header *header, __u8 timer, unsigned long expires)
{
	header->timer = timer;
	header->timer_left = expires - bpf_jiffies64();
}

static __always_inline void fill_timer(struct record_header *header, struct tcp_sock *tp)
{
	__u8 pending = GET(tp, inet_conn.icsk_pending);
	unsigned long expires;

	header->retransmits = GET(tp, inet_conn.icsk_retransmits);
	header->probes = GET(tp, inet_conn.icsk_probes_out);
	if (pending == ICSK_TIME_RETRANS || pending == ICSK_TIME_LOSS_PROBE ||
	    pending == ICSK_TIME_REO_TIMEOUT)
		set_timer(header, TIMER_RETRANSMIT, retransmit_expires(tp));
	else if (pending == ICSK_TIME_PROBE0)
		set_timer(header, TIMER_PROBE, retransmit_expires(tp));
	else if (keepalive_runs(tp, &expires))
		set_timer(header, TIMER_KEEPALIVE, expires);
	else if (GET(tp, inet_conn.icsk_ack.pending) & ICSK_ACK_TIMER &&
		 GET(tp, inet_conn.icsk_delack_timer.entry.pprev))
		/* Unlike the others, not in /proc/net/tcp: net/ipv4/inet_diag.c, for ss(8) */
		set_timer(header, TIMER_DELAYED_ACK,
			  GET(tp, inet_conn.icsk_delack_timer.expires));
}

/*
 * Fills in the MPTCP socket of a subflow, its master, which is in no table. The processes that hold the
 * master also hold the subflow.
 */
static __always_inline void fill_master(struct record_header *header, struct tcp_sock *tp)
{
	struct mptcp_subflow_context *subflow = 0;
	struct sock *master;

	if (!HAS(tp, is_mptcp) || !HAS(tp, inet_conn.icsk_ulp_data) || !HAS(subflow, conn) ||
	    !LOAD(tp, is_mptcp))
		return;
	subflow = BPF_CORE_READ(tp, inet_conn.icsk_ulp_data);
	master = BPF_CORE_READ(subflow, conn);
	header->master = existing_cookie(&master->__sk_common);
	header->master_inode = probed_inode(master);
	header->traits &= TRAIT_ONCE;
	header->traits |= TRAIT_SUBFLOW;
	if (HAS(master, sk_socket) && BPF_CORE_READ(master, sk_socket))
		header->traits |= TRAIT_SOCKET;
	if (HAS_SOCK_FLAGS(master, SOCK_DEAD) &&
	    BPF_CORE_READ(master, __sk_common.skc_flags) >>
			    bpf_core_enum_value(enum sock_flags, SOCK_DEAD) & 1)
		header->traits |= TRAIT_DEAD;
}

/* Whether the connection has the ULP for kernel TLS: net/tls/tls_main.c, tcp_tls_ulp_ops */
static __always_inline bool has_tls(struct tcp_sock *tp)
{
	const struct tcp_ulp_ops *ulp = GET(tp, inet_conn.icsk_ulp_ops);
	char name[4] = {};

	if (!ulp || !HAS(ulp, name))
		return false;
	bpf_core_read(name, sizeof(name), &ulp->name);
	return name[0] == 't' && name[1] == 'l' && name[2] == 's' && !name[3];
}

/* The sections of a connection. A socket that is only found at its descriptor has none. */
static __always_inline __u32 connection_sections(void)
{
#ifdef TYPED_POINTERS
	return SECTION_DIAG | SECTION_DEAD;
#else
	return 0;
#endif
}

static __noinline int write_tcp_header(struct seq_file *seq, struct tcp_sock *tp,
				       struct ipv6_pinfo *np, struct net *net, __u64 address)
{
	struct inet_sock *inet = &tp->inet_conn.icsk_inet;
	struct sock *sk = &inet->sk;
	BEGIN_PART(seq, struct record_header, header)
	__s32 unread;

	fill_inet(header, inet, np, GET(net, ns.inum), address);
	header->sections |= SECTION_TCP | connection_sections();
	if (visits_each_tcp_socket_once(seq))
		header->traits |= TRAIT_ONCE;
	fill_reuseport(header, sk);
	fill_master(header, tp);
	fill_timer(header, tp);
	if (!IS_WANTED(TLS) || has_tls(tp))
		header->sections |= SECTION_TLS;
	if (IS_WANTED(ITEMS) && may_have_keys(tp))
		header->sections |= SECTION_ITEMS;
	if (header->state == TCP_LISTEN) {
		header->recv_queue = GET(sk, sk_ack_backlog);
		header->send_queue = GET(sk, sk_max_ack_backlog);
	} else if (header->state != TCP_CLOSE) {
		/* The sequence numbers that a closed connection leaves behind are no queue. */
		unread = GET(tp, rcv_nxt) - GET(tp, copied_seq);
		header->recv_queue = unread < 0 ? 0 : unread;
		header->send_queue = GET(tp, write_seq) - GET(tp, snd_una);
	}
	return write_header(seq, header);
}

static __noinline int write_udp_header(struct seq_file *seq, struct udp_sock *up,
				       struct ipv6_pinfo *np, struct net *net, __u64 address)
{
	struct sock *sk = &up->inet.sk;
	BEGIN_PART(seq, struct record_header, header)

	fill_inet(header, &up->inet, np, GET(net, ns.inum), address);
	header->sections |= SECTION_UDP;
	if (visits_each_udp_socket_once(seq))
		header->traits |= TRAIT_ONCE;
	fill_reuseport(header, sk);
	fill_queues(header, sk);
	header->recv_queue -= GET(up, forward_deficit);
	return write_header(seq, header);
}

/* The sections. Without `seq`, a function tests a fact of its section instead: see fact.h. */

/*
 * The pointers of a socket are loaded once and passed on. The UDP iterator passes the socket as a
 * "trusted" pointer, and some kernels search all their types for each pointer that is loaded through
 * a trusted one. Loading through a NULL pointer returns 0.
 */
static __noinline int write_socket(struct seq_file *seq, struct sock *sk, struct net *net)
{
	RETURN_UNLESS_WANTED(SOCKET)
	struct bpf_prog *filter = GET_BEHIND(sk, sk_filter, prog);
	struct bpf_prog *reuseport = GET_BEHIND(sk, sk_reuseport_cb, prog);
	bool has_sock_flags = HAS(sk, __sk_common.skc_flags);
	__u64 sock_flags = GET(sk, __sk_common.skc_flags);
	struct bits bits = {};
	BEGIN_PART(seq, struct socket_section, section)

	/* The programs first, and in the list too: the stack of this function is the largest of all. */
	read_program_name(section->filter_name, filter);
	read_program_name(section->reuseport_name, reuseport);
	load_scm_bits(&bits, sk);
	FILL(SOCKET_OPTIONS_LIST)
	RETURN_IF_TEST(SOCKET)
	END_PART(seq, section);
	return 0;
}

static __noinline int write_cgroup(struct seq_file *seq, struct sock *sk)
{
	RETURN_UNLESS_WANTED(CGROUP)
	BEGIN_PART(seq, struct cgroup_section, section)

	FILL(CGROUP_OPTIONS_LIST)
	END_PART(seq, section);
	return 0;
}

static __noinline int write_sockmap(struct seq_file *seq, struct sock *sk)
{
	RETURN_UNLESS_WANTED(SOCKMAP)
	__u64 count = 0;
	BEGIN_PART(seq, struct sockmap_section, section)

	if (has_sockmaps(sk))
		count = read_sockmaps(section, sk);
	FILL(SOCKMAP_OPTIONS_LIST)
	END_PART(seq, section);
	return 0;
}

static __noinline int write_receiver(struct seq_file *seq, struct sock *sk)
{
	RETURN_UNLESS_WANTED(RECEIVER)
	__u64 length = 0;

	if (!tells_receiver(sk))
		return 0;
	BEGIN_PART(seq, struct receiver_section, section)

	if (has_receiver(sk))
		length = read_receiver(section, sk);
	FILL(RECEIVER_OPTIONS_LIST)
	END_PART(seq, section);
	return 0;
}

/* Writes the sections that sockets of all families have. */
static __always_inline void write_common(struct seq_file *seq, struct sock *sk, struct net *net)
{
	write_socket(seq, sk, net);
	write_cgroup(seq, sk);
	write_sockmap(seq, sk);
	write_receiver(seq, sk);
}

static __noinline int write_ip(struct seq_file *seq, struct inet_sock *inet, struct net *net)
{
	RETURN_UNLESS_WANTED(IP)
	struct bits bits = {};
	struct sock *sk = &inet->sk;
	BEGIN_PART(seq, struct ip_section, section)

	load_inet_bits(&bits, inet);
	FILL(IP_OPTIONS_LIST)
	RETURN_IF_TEST(IP)
	END_PART(seq, section);
	return 0;
}

static __always_inline bool has_route_hop_limit(struct sock *sk)
{
	struct dst_entry *dst = 0;
	struct inet6_dev *ip6 = 0;

	return HAS(sk, sk_dst_cache) & HAS(dst, _metrics) & HAS_BEHIND(dst, dev, ip6_ptr) &
	       HAS(ip6, cnf.hop_limit);
}

/*
 * The hop limit of the route that the socket has cached, or -1: net/ipv6/output_core.c,
 * ip6_dst_hoplimit().
 */
static __always_inline __s64 route_hop_limit(struct sock *sk)
{
	struct dst_entry *dst = LOAD(sk, sk_dst_cache);
	struct net_device *dev;
	struct inet6_dev *ip6;
	__u32 hop_limit = 0;

	if (!dst)
		return -1;
	/* The lowest two bits of the pointer are flags: include/net/dst.h, DST_METRICS_PTR() */
	bpf_probe_read_kernel(&hop_limit, sizeof(hop_limit),
			      (__u32 *)(AWAY(dst, _metrics) & ~3UL) + RTAX_HOPLIMIT - 1);
	if (hop_limit)
		return hop_limit;
	dev = AWAY(dst, dev);
	ip6 = AWAY(dev, ip6_ptr);
	return ip6 ? AWAY(ip6, cnf.hop_limit) : -1;
}

static __noinline int write_ipv6(struct seq_file *seq, struct inet_sock *inet,
				 struct ipv6_pinfo *np, struct net *net)
{
	RETURN_UNLESS_WANTED(IPV6)
	struct bits bits = {};
	struct sock *sk = &inet->sk;
	BEGIN_PART(seq, struct ipv6_section, section)

	load_inet_bits(&bits, inet);
	load_inet6_bits(&bits, np);
	FILL(IPV6_OPTIONS_LIST)
	RETURN_IF_TEST(IPV6)
	if (HAS(np, sticky_pktinfo.ipi6_addr))
		bpf_core_read(section->pktinfo_address, 16, &np->sticky_pktinfo.ipi6_addr);
	END_PART(seq, section);
	return 0;
}

/* Writes the sections that IPv4 and IPv6 sockets of all protocols have. */
static __always_inline void write_inet(struct seq_file *seq, struct inet_sock *inet,
				       struct ipv6_pinfo *np, struct net *net, int sections)
{
	write_common(seq, &inet->sk, net);
	write_ip(seq, inet, net);
	if (HAS(inet, pinet6) && sections & SECTION_IPV6)
		write_ipv6(seq, inet, np, net);
}

static __noinline int write_tcp(struct seq_file *seq, struct tcp_sock *tp, struct net *net)
{
	RETURN_UNLESS_WANTED(TCP)
	const struct tcp_congestion_ops *congestion = GET(tp, inet_conn.icsk_ca_ops);
	const struct tcp_ulp_ops *ulp = GET(tp, inet_conn.icsk_ulp_ops);
	BEGIN_PART(seq, struct tcp_section, section)

	FILL(TCP_OPTIONS_LIST)
	RETURN_IF_TEST(TCP)
	if (HAS(congestion, name))
		bpf_core_read(section->congestion, 16, &congestion->name);
	if (HAS(ulp, name) && ulp)
		bpf_core_read(section->ulp, 16, &ulp->name);
	END_PART(seq, section);
	return 0;
}

static __noinline int write_tls(struct seq_file *seq, struct tcp_sock *tp)
{
	RETURN_UNLESS_WANTED(TLS)
	struct tls_context *tls = GET(tp, inet_conn.icsk_ulp_data);
	BEGIN_PART(seq, struct tls_section, section)

	FILL(TLS_OPTIONS_LIST)
	RETURN_IF_TEST(TLS)
	END_PART(seq, section);
	return 0;
}

static __noinline int write_udp(struct seq_file *seq, struct udp_sock *up)
{
	RETURN_UNLESS_WANTED(UDP)
	BEGIN_PART(seq, struct udp_section, section)

	FILL(UDP_OPTIONS_LIST)
	RETURN_IF_TEST(UDP)
	END_PART(seq, section);
	return 0;
}

#include "items.h"
#include "connection.h"

/* The records of TCP and UDP sockets, for each of their sources. */

static __always_inline void write_tcp_socket(struct seq_file *seq, struct tcp_sock *tp,
					     struct ipv6_pinfo *np, struct net *net, __u64 address,
					     bool loop_helper)
{
	struct inet_sock *inet = &tp->inet_conn.icsk_inet;
	int sections = write_tcp_header(seq, tp, np, net, address);

	write_inet(seq, inet, np, net, sections);
	write_tcp(seq, tp, net);
	if (sections & SECTION_TLS)
		write_tls(seq, tp);
	if (connection_sections()) {
		write_dead(seq, tp, net);
		write_diag(seq, tp);
	}
	if (sections & SECTION_ITEMS)
		write_items(seq, inet, np, tp, false, loop_helper);
}

static __always_inline void write_udp_socket(struct seq_file *seq, struct udp_sock *up,
					     struct ipv6_pinfo *np, struct net *net, __u64 address,
					     bool loop_helper)
{
	int sections = write_udp_header(seq, up, np, net, address);

	write_inet(seq, &up->inet, np, net, sections);
	write_udp(seq, up);
	if (sections & SECTION_ITEMS)
		write_items(seq, &up->inet, np, 0, true, loop_helper);
}

#endif
