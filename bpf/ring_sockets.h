/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets that only an io_uring holds, and that are in no table. A walk through the descriptors finds the rings, and notes
 * the slots of their sockets. Their records are then written from copies, as in walk.h, and discarded if the slot has
 * changed meanwhile. tcp_files() and udp_files() write the sockets that have a descriptor.
 */
#ifndef RING_SOCKETS_H
#define RING_SOCKETS_H

#include "descriptors.h"

/* The socket of a slot, or 0. */
static __always_inline __u64 socket_of_slot(__u64 slot_at)
{
	struct file *file = (void *)file_of_slot(load_word(slot_at));
	struct socket *socket;

	if (!file || !is_socket(file))
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	return (__u64)BPF_CORE_READ(socket, sk);
}

/* Leaves this socket and those behind it to the next call, because the output has no room for another record. */
static __always_inline void go_back(struct holder_lane *holders, struct found_socket *found, __u32 index)
{
	holders->at = found->place;
	holders->count_found = index;
	holders->is_done = 0;
}

/*
 * Looks at a socket before it is read. Returns 0 if it is not of this type, is in a table, or in another network namespace
 * than those that are read.
 */
__noinline int begin_ring_socket(__u32 number, __u32 index)
{
	struct task_struct *reader = (void *)bpf_get_current_task();
	struct output *output = bpf_map_lookup_elem(&outputs, &number);
	struct holder_lane *holders = holder_lane_of(number, false);
	struct lane *lane = bpf_map_lookup_elem(&lanes, &number);
	struct found_socket *found;
	__u64 net;

	if (!lane || !holders || !output || index >= holders->count_found)
		return 0;
	found = &holders->found[index & (CALL_RING_SOCKETS - 1)];
	if (output->header.length > OUTPUT_SIZE - RECORD_ROOM) {
		go_back(holders, found, index);
		return 0;
	}
	lane->copies.address = socket_of_slot(found->slot_at);
	if (!lane->copies.address)
		return 0;
	lane->length = output->header.length;
	copy_common(lane, lane->copies.address);
	net = (__u64)COMMON(lane)->skc_net.net;
	if ((COMMON(lane)->skc_family != AF_INET && COMMON(lane)->skc_family != AF_INET6) ||
	    (!parameters.prefilter.every_netns && net != (__u64)BPF_CORE_READ(reader, nsproxy, net_ns)))
		return 0;
	lane->likeness[0].net = net;
	lane->copied_net = 0;
	copy_net(lane);
	return 1;
}

/* Looks at the slot after its socket was read. If that has changed, the record is discarded. */
__noinline int end_ring_socket(__u32 number, __u32 index)
{
	struct output *output = bpf_map_lookup_elem(&outputs, &number);
	struct holder_lane *holders = holder_lane_of(number, false);
	struct lane *lane = bpf_map_lookup_elem(&lanes, &number);

	if (lane && holders && output &&
	    socket_of_slot(holders->found[index & (CALL_RING_SOCKETS - 1)].slot_at) != lane->copies.address)
		output->header.length = lane->length;
	return 0;
}

static __always_inline void emit_unlisted_tcp(struct copies *copy, struct seq_file *seq)
{
	struct sock *sk = (void *)copy->sock;

	COPY(tcp_sock, copy->sock, copy->address);
	if (sk->sk_type == SOCK_STREAM && sk->sk_protocol == IPPROTO_TCP && !is_in_table(sk) &&
	    wanted(&sk->__sk_common, TCP_CLOSE, parameters.prefilter.tcp_states))
		emit_tcp(copy, seq, TCP_CLOSE, true);
}

/* UDP-Lite sockets are among those, up to 7.0. */
static __always_inline void emit_unlisted_udp(struct copies *copy, struct seq_file *seq)
{
	struct sock *sk = (void *)copy->sock;

	COPY(udp_sock, copy->sock, copy->address);
	if (sk->sk_type == SOCK_DGRAM && (sk->sk_protocol == IPPROTO_UDP || sk->sk_protocol == IPPROTO_UDPLITE) &&
	    !is_in_table(sk) &&
	    wanted(&sk->__sk_common, sk->__sk_common.skc_state, parameters.prefilter.udp_states))
		emit_udp(copy, seq, true);
}

static __always_inline int emit_unlisted(__u32 number, enum walk_kind kind)
{
	struct seq_file *seq = bpf_map_lookup_elem(&outputs, &number);
	struct lane *lane = bpf_map_lookup_elem(&lanes, &number);

	if (!lane || !seq)
		return 0;
	if (kind == WALK_TCP)
		emit_unlisted_tcp(&lane->copies, seq);
	else
		emit_unlisted_udp(&lane->copies, seq);
	return 0;
}

/* The number of sockets that the steps of a call have found. */
__noinline int ring_sockets(__u32 number)
{
	struct holder_lane *lane = holder_lane_of(number, false);

	return lane ? lane->count_found : 0;
}

static long turn_for_sockets(__u32 index, struct turn *turn)
{
	return step_for_sockets(turn->number) & 1;
}

/* The program of a kind. A kernel without bpf_loop() cannot open a socket in an io_uring either. */
#define RING_WALK(name, kind)                                                                      \
	__noinline int emit_##name(__u32 number)                                                   \
	{                                                                                          \
		return emit_unlisted(number, kind);                                                \
	}                                                                                          \
                                                                                                   \
	static long emit_turn_##name(__u32 index, struct turn *turn)                               \
	{                                                                                          \
		if (!begin_ring_socket(turn->number, index))                                       \
			return 0;                                                                  \
		emit_##name(turn->number);                                                         \
		end_ring_socket(turn->number, index);                                              \
		return 0;                                                                          \
	}                                                                                          \
                                                                                                   \
	SEC("iter/bpf_map_elem")                                                                   \
	int name(struct bpf_iter__bpf_map_elem *ctx)                                               \
	{                                                                                          \
		struct turn turn = {};                                                             \
                                                                                                   \
		if (!ctx->value)                                                                   \
			return 0;                                                                  \
		turn.number = *(__u32 *)ctx->value;                                                \
		if (!begin_descriptors(turn.number, ctx->meta->session_id, false))                 \
			return 0;                                                                  \
		bpf_loop(HOLDER_STEPS, turn_for_sockets, &turn, 0);                                \
		bpf_loop(ring_sockets(turn.number), emit_turn_##name, &turn, 0);                   \
		end_descriptors(turn.number, false);                                               \
		return 1;                                                                          \
	}

#endif
