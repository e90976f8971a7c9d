/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs of the kernel's iterators over tables of sockets, which replace the walks of walks.bpf.c that a kernel does
 * not permit. They visit the network namespace of the process that opens them. Their pointers have types that the verifier
 * tracks.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TYPED_POINTERS

#include "record.h"
#include "read.h"
#include "sections.h"
#include "state.h"
#include "mini.h"
#include "unix.h"
#include "filter.h"
#include "accept_queue.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

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

struct queue_in_seq {
	struct seq_file *seq;
	struct queue queue;
};

static long queue_turn(__u32 index, struct queue_in_seq *turn)
{
	return follow_queue(turn->seq, &turn->queue);
}

static __always_inline int show_queue(struct bpf_iter__tcp *ctx, bool loop_helper)
{
	struct queue_in_seq turn = { .seq = ctx->meta->seq };
	struct sock_common *skc = ctx->sk_common;
	bool is_done = false;

	if (!skc || skc->skc_state != TCP_LISTEN || !has_queues())
		return 0;
	turn.queue.listener = address_of(skc);
	/* A zero that the verifier does not know: begin_packets() */
	turn.queue.request = load_word(0);
	identify_listener(&turn.queue);
	if (loop_helper)
		is_done = bpf_loop(SEQ_REQUESTS, queue_turn, &turn, 0) < SEQ_REQUESTS;
	else
		for (int i = 0; i < SEQ_REQUESTS_UNROLLED && !is_done; i++)
			is_done = queue_turn(i, &turn);
	/* The end of the queue may be where the loop ended. */
	if (!is_done && (!turn.queue.request || turn.queue.next))
		write_waiting(turn.seq, &turn.queue, 0, 0, turn.queue.cookie);
	return 0;
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

SEC("iter/tcp")
int queue_table(struct bpf_iter__tcp *ctx)
{
	return show_queue(ctx, true);
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

SEC("iter/tcp")
int queue_table_without_loop(struct bpf_iter__tcp *ctx)
{
	return show_queue(ctx, false);
}
