/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs that iterate over the kernel's tables of sockets, in the network namespace of the process
 * that opens the iterator. They also visit sockets that no process holds. Their pointers have types that
 * the verifier tracks.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TYPED_POINTERS

#include "record.h"
#include "read.h"
#include "sections.h"
#include "connection.h"
#include "unix.h"
#include "netlink.h"
#include "filter.h"
#include "schema.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline void fill_mini_timer(struct record_header *header, struct sock_common *skc)
{
	struct tcp_timewait_sock *tw = bpf_skc_to_tcp_timewait_sock(skc);
	struct tcp_request_sock *request;

	if (tw) {
		set_timer(header, TIMER_TIME_WAIT, GET(tw, tw_sk.tw_timer.expires));
		return;
	}
	request = bpf_skc_to_tcp_request_sock(skc);
	if (!request)
		return;
	set_timer(header, TIMER_RETRANSMIT, GET(request, req.req.rsk_timer.expires));
	header->retransmits = GET_BITS(request, req.req.num_timeout);
}

/* The user of a connection request is that of its listener. */
static __always_inline __u32 uid_of_request(struct sock_common *skc)
{
	if (!HAS_BEHIND(skc, skc_listener, sk_uid.val))
		return 0;
	return BPF_CORE_READ(skc, skc_listener, sk_uid.val);
}

/* Other mini-sockets have no user, and none has facts. */
static __always_inline bool is_wanted_mini_socket(struct sock_common *skc, __u8 state)
{
	if (TESTED_SECTION)
		return false;
	if (!parameters.prefilter.uids.count)
		return true;
	return state == TCP_SYN_RECV && in_numbers(&parameters.prefilter.uids, uid_of_request(skc));
}

/*
 * Writes a mini-socket, whose record is only a header. The pointer comes from the iterator itself and is
 * "trusted". Some kernels search all their types for each pointer that is loaded through a trusted one,
 * but not if it is read with bpf_probe_read_kernel().
 */
static __noinline int write_mini_socket(struct seq_file *seq, struct sock_common *skc, __u8 state)
{
	struct record_header header = {};
	__u32 netns = 0;

	if (HAS_BEHIND(skc, skc_net.net, ns.inum))
		netns = BPF_CORE_READ(skc, skc_net.net, ns.inum);
	fill_header(&header, skc, netns, socket_cookie(skc));
	fill_endpoints(&header, skc);
	fill_mini_timer(&header, skc);
	header.socket_type = SOCK_STREAM;
	header.protocol = IPPROTO_TCP;
	header.state = state;
	if (visits_each_tcp_socket_once())
		header.traits |= TRAIT_ONCE;
	if (state == TCP_SYN_RECV)
		header.uid = uid_of_request(skc);
	bpf_seq_write(seq, &header, sizeof(header));
	return 0;
}

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

	/* Mini-sockets have only struct sock_common, and bpf_skc_to_tcp_sock() returns NULL for them. */
	state = skc->skc_state;
	if (state == TCP_NEW_SYN_RECV)
		state = TCP_SYN_RECV;
	if (state == TCP_TIME_WAIT) {
		tw = bpf_skc_to_tcp_timewait_sock(skc);
		if (!tw)
			return 0;
		state = GET_OR(tw, tw_sk.tw_substate, TCP_TIME_WAIT);
	}
	if (!wanted(skc, state, parameters.prefilter.tcp_states))
		return 0;

	tp = bpf_skc_to_tcp_sock(skc);
	if (!tp)
		return is_wanted_mini_socket(skc, state) ? write_mini_socket(seq, skc, state) : 0;

	inet = &tp->inet_conn.icsk_inet;
	net = GET(inet, sk.__sk_common.skc_net.net);
	np = GET(inet, pinet6);
	if (!has_wanted_user(&inet->sk) || !has_wanted_tcp_fact(tp, np, net))
		return 0;
	sections = write_tcp_header(seq, tp, np, net, socket_cookie(skc));
	write_inet(seq, inet, np, net, sections);
	write_tcp(seq, tp, net);
	if (sections & SECTION_TLS)
		write_tls(seq, tp);
	if (sections & SECTION_DEAD)
		write_dead(seq, tp, net);
	write_diag(seq, tp);
	if (sections & SECTION_ITEMS)
		write_items(seq, inet, np, tp, false, loop_helper);
	return 0;
}

static __always_inline int show_udp(struct bpf_iter__udp *ctx, bool loop_helper)
{
	struct udp_sock *up = ctx->udp_sk;
	struct seq_file *seq = ctx->meta->seq;
	struct sock_common *skc;
	struct ipv6_pinfo *np;
	struct net *net;
	int sections;

	if (!up)
		return 0;
	skc = &up->inet.sk.__sk_common;
	if (!wanted(skc, skc->skc_state, parameters.prefilter.udp_states) ||
	    !has_wanted_user(&up->inet.sk))
		return 0;

	net = GET(up, inet.sk.__sk_common.skc_net.net);
	np = GET(up, inet.pinet6);
	if (!has_wanted_udp_fact(up, np, net))
		return 0;
	sections = write_udp_header(seq, up, np, net, socket_cookie(skc));
	write_inet(seq, &up->inet, np, net, sections);
	write_udp(seq, up);
	if (sections & SECTION_ITEMS)
		write_items(seq, &up->inet, np, 0, true, loop_helper);
	return 0;
}

static __always_inline int show_unix(struct bpf_iter__unix *ctx, bool loop_helper)
{
	struct seq_file *seq = ctx->meta->seq;
	struct unix_sock *u = ctx->unix_sk;
	struct net *net;

	if (!u || !has_wanted_user(&u->sk))
		return 0;
	net = GET(u, sk.__sk_common.skc_net.net);
	write_unix_header(seq, u, net, socket_cookie(&u->sk.__sk_common),
			  unread_bytes(u, loop_helper));
	write_socket(seq, &u->sk, net);
	write_unix(seq, u);
	return 0;
}

SEC("iter/netlink")
int netlink_table(struct bpf_iter__netlink *ctx)
{
	struct netlink_sock *nlk = ctx->sk;

	if (!nlk || !has_wanted_user(&nlk->sk))
		return 0;
	return show_netlink(ctx->meta->seq, nlk, GET(nlk, sk.__sk_common.skc_net.net),
			    socket_cookie(&nlk->sk.__sk_common));
}

SEC("iter/tcp")
int tcp_table(struct bpf_iter__tcp *ctx)
{
	return show_tcp(ctx, true);
}

SEC("iter/udp")
int udp_table(struct bpf_iter__udp *ctx)
{
	return show_udp(ctx, true);
}

SEC("iter/unix")
int unix_table(struct bpf_iter__unix *ctx)
{
	return show_unix(ctx, true);
}

/* For kernels before 5.17, which have no bpf_loop() and refuse a program that names it. */
SEC("iter/tcp")
int tcp_table_without_loop(struct bpf_iter__tcp *ctx)
{
	return show_tcp(ctx, false);
}

SEC("iter/udp")
int udp_table_without_loop(struct bpf_iter__udp *ctx)
{
	return show_udp(ctx, false);
}

SEC("iter/unix")
int unix_table_without_loop(struct bpf_iter__unix *ctx)
{
	return show_unix(ctx, false);
}
