/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* MPTCP sockets, the masters of subflows: net/mptcp/protocol.c, sockopt.c, mptcp_diag.c */
#ifndef MPTCP_H
#define MPTCP_H

#define IPPROTO_MPTCP 262

/* include/uapi/linux/tcp.h */
#define TCP_MSS_DEFAULT 536

/*
 * Whether the socket has fallen back to one TCP connection, because the peer or a middlebox does not
 * support MPTCP. The TCP socket then answers for all levels but SOL_SOCKET: sockopt.c,
 * __mptcp_tcp_fallback()
 */
static __always_inline bool has_fallen_back(struct mptcp_sock *msk)
{
	return GET(msk, flags) >> fallback_bit(msk) & 1 && GET(msk, first);
}

/* The socket that answers for IP. */
static __always_inline struct inet_sock *mptcp_inet(struct mptcp_sock *msk, struct tcp_sock *first)
{
	return has_fallen_back(msk) ? &first->inet_conn.icsk_inet : &msk->sk.icsk_inet;
}

/*
 * The address of the MPTCP socket of a subflow, whose address is given, or 0. Also 0 if another subflow is the one by which it
 * is found. The reads are not guarded. On a kernel that lacks one of the members, the program does not load, and knetstat reports what is
 * missing.
 */
static __noinline __u64 mptcp_master_of(__u64 address)
{
	struct tcp_sock *tp = (void *)address;
	struct mptcp_subflow_context *subflow;
	struct mptcp_sock *msk = 0;
	struct sock *first;

	if (!bpf_core_type_exists(struct mptcp_sock) || !BPF_CORE_READ(tp, is_mptcp))
		return 0;
	subflow = BPF_CORE_READ(tp, inet_conn.icsk_ulp_data);
	msk = (void *)BPF_CORE_READ(subflow, conn);
	if (!msk || BPF_CORE_READ((struct sock *)msk, sk_protocol) != IPPROTO_MPTCP)
		return 0;
	first = BPF_CORE_READ(msk, first);
	return first && first != (void *)tp && is_in_table(first) ? 0 : (__u64)msk;
}

/* mptcp_diag.c, mptcp_diag_get_info() */
static __always_inline void fill_mptcp_queues(struct record_header *header, struct mptcp_sock *msk,
					      struct tcp_sock *first)
{
	struct sock *sk = &first->inet_conn.icsk_inet.sk;

	if (header->state == TCP_LISTEN && GET(msk, first)) {
		header->recv_queue = GET(sk, sk_ack_backlog);
		header->send_queue = GET(sk, sk_max_ack_backlog);
		return;
	}
	fill_queues(header, &msk->sk.icsk_inet.sk);
	header->recv_queue += GET(msk, backlog_len);
}

/*
 * `first` is the first subflow or, if there is none, what reads as zeros. `np` belongs to the socket that answers for
 * IP. All of them may be copies.
 */
static __noinline int write_mptcp_header(struct seq_file *seq, struct mptcp_sock *msk, struct tcp_sock *first,
					 struct ipv6_pinfo *np, __u64 address)
{
	struct inet_sock *inet = mptcp_inet(msk, first);
	BEGIN_PART(seq, struct record_header, header)
	__u32 netns = 0;

	if (HAS_BEHIND(msk, sk.icsk_inet.sk.__sk_common.skc_net.net, ns.inum))
		netns = BPF_CORE_READ(msk, sk.icsk_inet.sk.__sk_common.skc_net.net, ns.inum);
	fill_inet(header, &msk->sk.icsk_inet, np, netns, address);
	header->sections |= SECTION_TCP;
	if (IS_WANTED(ITEMS) && GET(inet, inet_opt))
		header->sections |= SECTION_ITEMS;
	if (has_fallen_back(msk))
		header->traits |= TRAIT_FALLBACK;
	else if (HAS(inet, pinet6)) /* sockopt.c, mptcp_getsockopt_v6(): some options even over IPv4 */
		header->sections |= SECTION_IPV6;
	fill_mptcp_queues(header, msk, first);
	return write_header(seq, header);
}

/*
 * Whether the congestion control differs from that of a new socket. An MPTCP socket has no flag for it,
 * and the kernel itself may set the flag of a subflow. The algorithm of a subflow may be that of a route. The MPTCP
 * socket keeps the one that was set, as long as it answers for it.
 */
static __always_inline bool has_own_congestion(struct tcp_section *section, struct mptcp_sock *msk, struct net *net)
{
	const struct tcp_congestion_ops *common = GET(net, ipv4.tcp_congestion_control);
	__u64 own[2], other[2] = {};

	if (!common || !HAS(common, name))
		return false;
	__builtin_memcpy(own, section->congestion, sizeof(own));
	if (HAS(msk, ca_name) && !has_fallen_back(msk))
		bpf_core_read(own, sizeof(own), &msk->ca_name);
	bpf_core_read(other, sizeof(other), &common->name);
	return own[0] != other[0] || own[1] != other[1];
}

/* Without a first subflow, the names are those that the next subflow will have. */
static __always_inline void copy_names(struct tcp_section *section, struct mptcp_sock *msk,
				       struct tcp_sock *tp)
{
	const struct tcp_congestion_ops *congestion = GET(tp, inet_conn.icsk_ca_ops);
	const struct tcp_ulp_ops *ulp = GET(tp, inet_conn.icsk_ulp_ops);

	if (!GET(msk, first)) {
		if (HAS(msk, ca_name))
			bpf_core_read(section->congestion, 16, &msk->ca_name);
		/* Byte by byte, because a string literal would need a map of its own. */
		section->ulp[0] = 'm';
		section->ulp[1] = 'p';
		section->ulp[2] = 't';
		section->ulp[3] = 'c';
		section->ulp[4] = 'p';
		return;
	}
	if (HAS(congestion, name))
		bpf_core_read(section->congestion, 16, &congestion->name);
	if (HAS(ulp, name) && ulp)
		bpf_core_read(section->ulp, 16, &ulp->name);
}

/* `tp` is the first subflow. */
static __noinline int write_mptcp(struct seq_file *seq, struct mptcp_sock *msk, struct tcp_sock *tp,
				  struct net *net)
{
	RETURN_UNLESS_WANTED(TCP)
	/* getsockopt(2) creates a missing first subflow, unless the socket is connected. */
	bool has_first = GET(msk, first) || LOAD(msk, sk.icsk_inet.sk.__sk_common.skc_state) == TCP_CLOSE;
	BEGIN_PART(seq, struct tcp_section, section)

	if (has_fallen_back(msk)) {
		FILL(TCP_OPTIONS_LIST)
		section->flags &= ~(1ULL << TCP_IS_MPTCP | 1ULL << TCP_CONGESTION__set);
	} else {
		FILL(MPTCP_OPTIONS_LIST)
		if (has_first) {
			FILL(MPTCP_FIRST_OPTIONS_LIST)
		}
	}
	if (has_first)
		copy_names(section, msk, tp);
	section->has_flags |= 1ULL << TCP_CONGESTION__set;
	section->flags |= (__u64)has_own_congestion(section, msk, net) << TCP_CONGESTION__set;
	END_PART(seq, section);
	return 0;
}

static __always_inline void write_mptcp_socket(struct seq_file *seq, struct mptcp_sock *msk,
					       struct tcp_sock *first, struct ipv6_pinfo *np,
					       struct net *net, __u64 address, bool loop_helper)
{
	int sections = write_mptcp_header(seq, msk, first, np, address);

	write_common(seq, &msk->sk.icsk_inet.sk, net);
	write_ip(seq, mptcp_inet(msk, first), net);
	if (sections & SECTION_IPV6)
		write_ipv6(seq, mptcp_inet(msk, first), np, net);
	write_mptcp(seq, msk, first, net);
	if (sections & SECTION_ITEMS)
		write_items(seq, mptcp_inet(msk, first), np, 0, false, loop_helper);
}

#endif
