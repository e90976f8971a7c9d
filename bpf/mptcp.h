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

/* mptcp_diag.c, mptcp_diag_get_info() */
static __always_inline void fill_mptcp_queues(struct record_header *header, struct mptcp_sock *msk)
{
	struct sock *first = GET(msk, first);

	if (header->state == TCP_LISTEN && first) {
		header->recv_queue = GET(first, sk_ack_backlog);
		header->send_queue = GET(first, sk_max_ack_backlog);
		return;
	}
	fill_queues(header, &msk->sk.icsk_inet.sk);
	header->recv_queue += GET(msk, backlog_len);
}

/* `inet` is the socket that answers for IP. */
static __noinline int write_mptcp_header(struct seq_file *seq, struct mptcp_sock *msk,
					 struct inet_sock *inet, struct net *net, __u64 cookie)
{
	struct record_header header = {};

	fill_inet(&header, &msk->sk.icsk_inet, GET(inet, pinet6), net, cookie);
	/* Generating a cookie requires a typed pointer. A socket found through a subflow has none. */
	if (!cookie)
		header.identity = identity_of(msk);
	header.sections |= SECTION_TCP;
	if (IS_WANTED(ITEMS) && GET(inet, inet_opt))
		header.sections |= SECTION_ITEMS;
	if (inet != &msk->sk.icsk_inet)
		header.traits |= TRAIT_FALLBACK;
	else if (HAS(inet, pinet6)) /* sockopt.c, mptcp_getsockopt_v6(): some options even over IPv4 */
		header.sections |= SECTION_IPV6;
	fill_mptcp_queues(&header, msk);
	return write_header(seq, &header);
}

/*
 * Whether the congestion control differs from that of a new socket. An MPTCP socket has no flag for it,
 * and the kernel itself may set the flag of a subflow.
 */
static __always_inline bool has_own_congestion(struct tcp_section *section, struct net *net)
{
	const struct tcp_congestion_ops *common = GET(net, ipv4.tcp_congestion_control);
	__u64 own[2], other[2] = {};

	if (!common || !HAS(common, name))
		return false;
	__builtin_memcpy(own, section->congestion, sizeof(own));
	bpf_core_read(other, sizeof(other), &common->name);
	return own[0] != other[0] || own[1] != other[1];
}

/* `tp` is the first subflow. If it is NULL, the names are those that the next subflow will have. */
static __always_inline void copy_names(struct tcp_section *section, struct mptcp_sock *msk,
				       struct tcp_sock *tp)
{
	const struct tcp_congestion_ops *congestion = GET(tp, inet_conn.icsk_ca_ops);
	const struct tcp_ulp_ops *ulp = GET(tp, inet_conn.icsk_ulp_ops);

	if (!tp) {
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

static __noinline int write_mptcp(struct seq_file *seq, struct mptcp_sock *msk, struct net *net,
				  bool fallen_back)
{
	RETURN_UNLESS_WANTED(TCP)
	struct tcp_sock *tp = (void *)GET(msk, first);
	/* getsockopt(2) creates a missing first subflow, unless the socket is connected. */
	bool has_first = tp || LOAD(msk, sk.icsk_inet.sk.__sk_common.skc_state) == TCP_CLOSE;
	struct tcp_section section = {};

	if (fallen_back) {
		FILL(TCP_OPTIONS_LIST)
		section.flags &= ~(1ULL << TCP_IS_MPTCP | 1ULL << TCP_CONGESTION__set);
	} else {
		FILL(MPTCP_OPTIONS_LIST)
		if (has_first) {
			FILL(MPTCP_FIRST_OPTIONS_LIST)
		}
	}
	if (has_first)
		copy_names(&section, msk, tp);
	section.has_flags |= 1ULL << TCP_CONGESTION__set;
	section.flags |= (__u64)has_own_congestion(&section, net) << TCP_CONGESTION__set;
	bpf_seq_write(seq, &section, sizeof(section));
	return 0;
}

static __always_inline int show_mptcp(struct seq_file *seq, struct mptcp_sock *msk,
				      struct net *net, __u64 cookie, bool loop_helper)
{
	struct inet_sock *inet = &msk->sk.icsk_inet;
	bool fallen_back = has_fallen_back(msk);
	struct ipv6_pinfo *np;
	int sections;

	if (fallen_back)
		inet = (void *)GET(msk, first);
	np = GET(inet, pinet6);
	sections = write_mptcp_header(seq, msk, inet, net, cookie);
	write_socket(seq, &msk->sk.icsk_inet.sk, net);
	write_ip(seq, inet, net);
	if (sections & SECTION_IPV6)
		write_ipv6(seq, inet, np, net);
	write_mptcp(seq, msk, net, fallen_back);
	if (sections & SECTION_ITEMS)
		write_items(seq, inet, np, 0, false, loop_helper);
	return 0;
}

#endif
