/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs that find sockets in the kernel's tables, also those that no process holds.
 *
 * The walks (walk.h) go through the tables themselves and read copies. The kernel's iterators replace a walk that a
 * kernel does not permit. They visit the network namespace of the process that opens them. Their pointers have types
 * that the verifier tracks.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TYPED_POINTERS
#define WALKS parameters.walk.is_on

#include "record.h"
#include "read.h"
#include "sections.h"
#include "state.h"
#include "mini.h"
#include "unix.h"
#include "packet.h"
#include "xdp.h"
#include "raw.h"
#include "filter.h"
#include "mptcp.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Other mini-sockets have no user, and none has facts. */
static __always_inline bool is_wanted_mini_socket(struct sock_common *skc, __u8 state)
{
	if (TESTED_SECTION)
		return false;
	if (!parameters.prefilter.uids.count)
		return true;
	return state == TCP_SYN_RECV && in_numbers(&parameters.prefilter.uids, uid_of_request(skc));
}

static __always_inline int show_tcp(struct bpf_iter__tcp *ctx, bool loop_helper)
{
	struct sock_common *skc = ctx->sk_common;
	struct seq_file *seq = ctx->meta->seq;
	struct inet_sock *inet;
	struct ipv6_pinfo *np;
	struct tcp_sock *tp;
	struct net *net;
	__u8 state;

	if (!skc)
		return 0;

	state = tcp_state(skc, address_of(skc));
	if (!wanted(skc, state, parameters.prefilter.tcp_states))
		return 0;

	/* Mini-sockets have only struct sock_common, and this returns NULL for them. */
	tp = bpf_skc_to_tcp_sock(skc);
	if (!tp)
		return is_wanted_mini_socket(skc, state) ? write_mini_socket(seq, skc, state, address_of(skc)) :
							    0;

	inet = &tp->inet_conn.icsk_inet;
	net = GET(inet, sk.__sk_common.skc_net.net);
	np = GET(inet, pinet6);
	if (!has_wanted_user(&inet->sk) || !has_wanted_tcp_fact(tp, np, net))
		return 0;
	write_tcp_socket(seq, tp, np, net, address_of(skc), loop_helper);
	return 0;
}

static __always_inline int show_udp(struct bpf_iter__udp *ctx, bool loop_helper)
{
	struct udp_sock *up = ctx->udp_sk;
	struct seq_file *seq = ctx->meta->seq;
	struct sock_common *skc;
	struct ipv6_pinfo *np;
	struct net *net;

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
	write_udp_socket(seq, up, np, net, address_of(skc), loop_helper);
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
	write_unix_socket(seq, u, net, address_of(u),
			  unread_bytes(u, address_of(u), loop_helper));
	return 0;
}

#include "walk.h"
#include "ring_sockets.h"
#include "queue.h"
#include "schema.h"

WALK(tcp_walk, WALK_TCP)
WALK(udp_walk, WALK_UDP)
WALK(unix_walk, WALK_UNIX)
WALK(mptcp_walk, WALK_MPTCP)
WALK(packet_walk, WALK_PACKET)
WALK(xdp_walk, WALK_XDP)
WALK(raw_walk, WALK_RAW)
/* Every kernel with a table of unix sockets for each namespace has bpf_loop(). */
WALK_WITH_LOOP(message_walk, WALK_MESSAGES)
RING_WALK(tcp_ring_walk, WALK_TCP)
RING_WALK(udp_ring_walk, WALK_UDP)

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
