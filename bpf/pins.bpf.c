/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The records of TCP and UDP sockets, and of accept queues, for pins, by walks that have many readers (pins.h). They replace the programs of the
 * kernel's iterators in tables.bpf.c, which wait for the lock of each socket.
 *
 * A record is written from a copy of the socket, directly to the seq_file of the reader. What the socket points to is
 * read meanwhile. If the socket has changed then, a void record follows, with which the reader discards the record.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TYPED_POINTERS
#define PART_OF_READER

#include "numbers.h"
#include "read.h"
#include "state.h"
#include "pins.h"

/* Where a part of a record is built. */
static __always_inline void *part_of_reader(__u32 size)
{
	struct lane *lane = own_lane();

	if (!lane)
		return 0;
	__builtin_memset(lane->part, 0, size);
	return lane->part;
}

#include "record.h"
#include "sections.h"
#include "mini.h"
#include "accept_queue.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* What a pin shows; a constant to the compiler. */
enum pin { PIN_TCP, PIN_UDP, PIN_QUEUES };

/* The room for a record that few exceed. */
#define RECORD_USUAL 2048

/* The network namespace of the reader. */
struct copied_net {
	__u8 net[7680];
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct copied_net);
} pin_nets SEC(".maps");

static __always_inline struct net *own_net(void)
{
	struct copied_net *copy = bpf_task_storage_get(&pin_nets, bpf_get_current_task_btf(), 0, 0);

	return copy ? (struct net *)copy->net : 0;
}

/* Copies the namespace, of which sockets have options in common. Returns 0 if there is no memory. */
__noinline int copy_net(void)
{
	struct copied_net *copy = bpf_task_storage_get(&pin_nets, bpf_get_current_task_btf(), 0,
						       BPF_LOCAL_STORAGE_GET_F_CREATE);
	struct lane *lane = own_lane();

	if (!lane || !copy)
		return 0;
	COPY(net, copy->net, lane->place.net);
	return 1;
}

/* Copies the IPv6 part of the socket that was copied last. */
__noinline int copy_np(void)
{
	struct lane *lane = own_lane();
	struct inet_sock *inet;

	if (!lane)
		return 0;
	inet = (void *)lane->copies.sock;
	if (HAS(inet, pinet6) && LOAD(inet, pinet6))
		COPY(ipv6_pinfo, lane->copies.np, LOAD(inet, pinet6));
	return 0;
}

/* The context of the callbacks of a loop. */
struct turn {
	struct seq_file *seq;
	__u64 index; /* of the socket in the batch */
	__u64 most;  /* the most sockets of a batch */
};

/* Writes the record of a socket. Returns whether it is right, or there is none. */
static __always_inline bool write_tcp_copy(struct turn *turn)
{
	__u32 state = copy_socket(turn->index), in_kernel = state >> 8;
	struct lane *lane = own_lane();
	struct net *net = own_net();

	if (!state || !lane || !net)
		return true;
	if (in_kernel == TCP_TIME_WAIT || in_kernel == TCP_NEW_SYN_RECV) {
		write_mini_socket(turn->seq, (void *)lane->copies.sock, state, lane->copies.address);
	} else {
		copy_np();
		write_tcp_socket(turn->seq, (void *)lane->copies.sock, (void *)lane->copies.np, net,
				 lane->copies.address, true);
	}
	return !has_socket_changed();
}

static __always_inline bool write_udp_copy(struct turn *turn)
{
	__u32 state = copy_socket(turn->index);
	struct lane *lane = own_lane();
	struct net *net = own_net();

	if (!state || !lane || !net)
		return true;
	copy_np();
	write_udp_socket(turn->seq, (void *)lane->copies.sock, (void *)lane->copies.np, net, lane->copies.address,
			 true);
	return !has_socket_changed();
}

static __noinline int discard(struct seq_file *seq)
{
	struct void_record record = { .magic = VOID_MAGIC };

	bpf_seq_write(seq, &record, sizeof(record));
	return 0;
}

static long try_tcp(__u32 index, struct turn *turn)
{
	if (write_tcp_copy(turn))
		return 1;
	discard(turn->seq);
	return 0;
}

static long try_udp(__u32 index, struct turn *turn)
{
	if (write_udp_copy(turn))
		return 1;
	discard(turn->seq);
	return 0;
}

static long tcp_turn(__u32 index, struct turn *turn)
{
	turn->index = index;
	bpf_loop(TRIES, try_tcp, turn, 0);
	return 0;
}

static long udp_turn(__u32 index, struct turn *turn)
{
	turn->index = index;
	bpf_loop(TRIES, try_udp, turn, 0);
	return 0;
}

/* The number of records for which there is room. */
static __always_inline __u32 room_of(struct seq_file *seq)
{
	return seq->count < seq->size ? (seq->size - seq->count) / RECORD_USUAL : 0;
}

/* The context of the callback of a loop over an accept queue. */
struct queue_turn {
	struct seq_file *seq;
	struct queue queue;
};

static long follow_turn(__u32 index, struct queue_turn *turn)
{
	return follow_queue(turn->seq, &turn->queue);
}

/* Writes the connections that wait for a listener. Each is looked at again after it was read: accept_queue.h */
static long queue_turn(__u32 index, struct turn *turn)
{
	struct queue_turn queue = { .seq = turn->seq };
	__u32 state = copy_socket(index);
	struct lane *lane = own_lane();

	if (state >> 8 != TCP_LISTEN || !lane || !has_queues())
		return 0;
	queue.queue.listener = lane->copies.address;
	identify_listener(&queue.queue);
	/* The end of the queue may be where the loop ended. */
	if (bpf_loop(SEQ_REQUESTS, follow_turn, &queue, 0) == SEQ_REQUESTS &&
	    (!queue.queue.request || queue.queue.next))
		write_waiting(turn->seq, &queue.queue, 0, 0, queue.queue.cookie);
	return 0;
}

/* Writes a batch. Returns 1 if there is no room for it, or the walk is over. */
static __always_inline int write_batch(struct turn *turn, enum pin pin)
{
	__u32 limit = room_of(turn->seq);

	if (limit > turn->most)
		limit = turn->most;
	if (!limit || !begin_batch(limit))
		return 1;
	bpf_loop(CHAIN_STEPS, collect_turn, 0, 0);
	limit = end_batch();
	if (pin == PIN_TCP)
		bpf_loop(limit, tcp_turn, turn, 0);
	else if (pin == PIN_UDP)
		bpf_loop(limit, udp_turn, turn, 0);
	else
		bpf_loop(limit, queue_turn, turn, 0);
	return 0;
}

static long tcp_batch(__u32 index, struct turn *turn)
{
	return write_batch(turn, PIN_TCP);
}

static long udp_batch(__u32 index, struct turn *turn)
{
	return write_batch(turn, PIN_UDP);
}

static long queue_batch(__u32 index, struct turn *turn)
{
	return write_batch(turn, PIN_QUEUES);
}

/* Returns whether the walk goes on. */
static __always_inline bool write_records(struct seq_file *seq, int call, enum pin pin)
{
	bool is_for_one = call == CALL_FOR_ONE;
	__u32 batches;
	struct turn turn = { .seq = seq, .most = is_for_one ? 1 : BATCH_SOCKETS };

	if (call == CALL_FAILED || !copy_net())
		return false;
	batches = is_for_one ? 1 : CALL_BATCHES;
	if (pin == PIN_TCP)
		bpf_loop(batches, tcp_batch, &turn, 0);
	else if (pin == PIN_UDP)
		bpf_loop(batches, udp_batch, &turn, 0);
	else
		bpf_loop(batches, queue_batch, &turn, 0);
	if (seq->count < seq->size)
		return end_call();
	if (!is_for_one)
		end_call_for_one();
	return false;
}

static __always_inline int walk(struct bpf_iter__bpf_map_elem *ctx, enum pin pin)
{
	struct seq_file *seq = ctx->meta->seq;
	__u32 *number = ctx->key;
	int call;

	if (!number)
		return 0;
	call = begin_call(ctx->meta->session_id, *number, 0,
			  pin == PIN_UDP ? TABLE_UDP : pin == PIN_TCP ? TABLE_TCP : TABLE_TCP_LISTEN,
			  pin == PIN_UDP ? TABLE_UDP : TABLE_TCP_LISTEN);
	/* The end, which the reader learns by the error EAGAIN: src/kernel/shared.rs. So it waits for no further calls. */
	if (call == CALL_DONE && !seq->count)
		forget_position(ctx->meta->session_id);
	if (call == CALL_DONE)
		return 1;
	/* The reader takes what there is, and the call is made again: kernel/bpf/bpf_iter.c, bpf_seq_read() */
	if (seq->count && (call == CALL_FOR_ONE || !room_of(seq)))
		return 1;
	if (!write_records(seq, call, pin))
		fail(seq);
	return 0;
}

SEC("iter/bpf_map_elem")
int tcp_pin(struct bpf_iter__bpf_map_elem *ctx)
{
	return walk(ctx, PIN_TCP);
}

SEC("iter/bpf_map_elem")
int udp_pin(struct bpf_iter__bpf_map_elem *ctx)
{
	return walk(ctx, PIN_UDP);
}

SEC("iter/bpf_map_elem")
int queue_pin(struct bpf_iter__bpf_map_elem *ctx)
{
	return walk(ctx, PIN_QUEUES);
}
