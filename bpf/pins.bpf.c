/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The records of TCP, UDP, MPTCP and unix sockets, and of accept queues, for pins, by walks that have many readers
 * (pins.h). They replace the programs of the kernel's iterators in tables.bpf.c and files.bpf.c, which wait for the lock of
 * each socket.
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
#include "unix.h"
#include "mptcp.h"
#include "accept_queue.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

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

/* The first subflow of an MPTCP socket. */
struct copied_first {
	__u8 sock[3584];
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct copied_first);
} pin_firsts SEC(".maps");

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

/*
 * Copies the MPTCP socket of the subflow that was copied last, in place of that, with its first subflow. What is not there is
 * copied as zeros. Returns its address, or 0 if there is none.
 */
__noinline __u64 copy_master(void)
{
	struct copied_first *first = bpf_task_storage_get(&pin_firsts, bpf_get_current_task_btf(), 0,
							  BPF_LOCAL_STORAGE_GET_F_CREATE);
	struct lane *lane = own_lane();
	struct mptcp_sock *msk;
	__u64 master;

	if (!lane)
		return 0;
	if (!first) {
		lane->is_failed = 1;
		return 0;
	}
	master = mptcp_master_of(lane->copies.address);
	if (!master)
		return 0;
	msk = (void *)lane->copies.sock;
	COPY(mptcp_sock, lane->copies.sock, master);
	COPY(tcp_sock, first->sock, GET(msk, first));
	COPY(ipv6_pinfo, lane->copies.np, GET(mptcp_inet(msk, (void *)first->sock), pinet6));
	return master;
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

/* The context of the callback of a loop. */
struct turn {
	struct seq_file *seq;
};

/* Writes the record of a socket of the batch. Returns whether it is right, or there is none. */
static __always_inline bool write_tcp_record(struct seq_file *seq, __u32 index)
{
	__u32 state = copy_socket(index), in_kernel = state >> 8;
	struct lane *lane = own_lane();
	struct net *net = own_net();

	if (!state || !lane || !net)
		return true;
	if (in_kernel == TCP_TIME_WAIT || in_kernel == TCP_NEW_SYN_RECV) {
		write_mini_socket(seq, (void *)lane->copies.sock, state, lane->copies.address);
	} else {
		copy_np();
		write_tcp_socket(seq, (void *)lane->copies.sock, (void *)lane->copies.np, net,
				 lane->copies.address, true);
	}
	return !has_socket_changed();
}

static __always_inline bool write_udp_record(struct seq_file *seq, __u32 index)
{
	__u32 state = copy_socket(index);
	struct lane *lane = own_lane();
	struct net *net = own_net();

	if (!state || !lane || !net)
		return true;
	copy_np();
	write_udp_socket(seq, (void *)lane->copies.sock, (void *)lane->copies.np, net, lane->copies.address,
			 true);
	return !has_socket_changed();
}

/* The MPTCP socket of a subflow. */
static __always_inline bool write_mptcp_record(struct seq_file *seq, __u32 index)
{
	struct lane *lane = own_lane();
	struct net *net = own_net();
	struct copied_first *first;
	__u32 state, in_kernel;
	__u64 master;

	/* A kernel without MPTCP does not have its types either. Most sockets are no subflows, and are not copied. */
	if (!bpf_core_type_exists(struct mptcp_sock) || !lane || !net ||
	    !mptcp_master_of(lane->address[index & (BATCH_SOCKETS - 1)]))
		return true;
	state = copy_socket(index);
	in_kernel = state >> 8;
	if (!state || in_kernel == TCP_TIME_WAIT || in_kernel == TCP_NEW_SYN_RECV)
		return true;
	master = copy_master();
	first = bpf_task_storage_get(&pin_firsts, bpf_get_current_task_btf(), 0, 0);
	if (!master || !first)
		return true;
	write_mptcp_socket(seq, (void *)lane->copies.sock, (void *)first->sock, (void *)lane->copies.np, net,
			   master, true);
	return !has_socket_changed();
}

static __always_inline bool write_unix_record(struct seq_file *seq, __u32 index)
{
	__u32 state = copy_socket(index);
	struct lane *lane = own_lane();
	struct net *net = own_net();
	struct unix_sock *u;

	if (!state || !lane || !net)
		return true;
	u = (void *)lane->copies.sock;
	write_unix_socket(seq, u, net, lane->copies.address, unread_bytes(u, lane->copies.address, true));
	return !has_socket_changed();
}

static __noinline int discard(struct seq_file *seq)
{
	struct void_record record = { .magic = VOID_MAGIC };

	bpf_seq_write(seq, &record, sizeof(record));
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
static __always_inline bool write_queue_record(struct seq_file *seq, __u32 index)
{
	struct queue_turn turn = { .seq = seq };
	__u32 state = copy_socket(index);
	struct lane *lane = own_lane();

	if (state >> 8 != TCP_LISTEN || !lane || !has_queues())
		return true;
	turn.queue.listener = lane->copies.address;
	identify_listener(&turn.queue);
	/* The end of the queue may be where the loop ended. */
	if (bpf_loop(SEQ_REQUESTS, follow_turn, &turn, 0) == SEQ_REQUESTS &&
	    (!turn.queue.request || turn.queue.next))
		write_waiting(seq, &turn.queue, 0, 0, turn.queue.cookie);
	return true;
}

/* Ends a call. Without `is_begun`, it cannot be made. */
static __always_inline void end_writing(struct seq_file *seq, int call, bool is_begun)
{
	bool is_full = seq->count >= seq->size;

	if (is_begun && !is_full && end_call())
		return;
	if (is_begun && is_full && call != CALL_FOR_ONE)
		end_call_for_one();
	fail(seq);
}

/* Begins a call of a program. Returns enum call. */
static __always_inline int begin_program(struct bpf_iter__bpf_map_elem *ctx, __u32 number, enum table first,
					 enum table last)
{
	struct seq_file *seq = ctx->meta->seq;
	int call = begin_call(ctx->meta->session_id, number, 0, first, last);

	/* The end, which the reader learns by the error EAGAIN: src/kernel/shared.rs. So it waits for no further calls. */
	if (call == CALL_DONE && !seq->count)
		forget_position(ctx->meta->session_id);
	/* The reader takes what there is, and the call is made again: kernel/bpf/bpf_iter.c, bpf_seq_read() */
	if (seq->count && (call == CALL_FOR_ONE || !room_of(seq)))
		return CALL_DONE;
	return call;
}

/* The program of a pin, which calls write_##name##_record() for each socket of its tables. */
#define PIN(name, first, last)                                                                     \
	static long turn_##name(__u32 index, struct turn *turn)                                    \
	{                                                                                          \
		int next = next_socket(room_of(turn->seq), 1);                                     \
		bool is_right;                                                                     \
                                                                                                   \
		if (next < 0)                                                                      \
			return next == CALL_ENDS;                                                  \
		is_right = write_##name##_record(turn->seq, next);                                 \
		if (!is_right)                                                                     \
			discard(turn->seq);                                                        \
		end_socket(!is_right);                                                             \
		return 0;                                                                          \
	}                                                                                          \
                                                                                                   \
	SEC("iter/bpf_map_elem")                                                                   \
	int name##_pin(struct bpf_iter__bpf_map_elem *ctx)                                         \
	{                                                                                          \
		struct turn turn = { .seq = ctx->meta->seq };                                      \
		__u32 *number = ctx->key;                                                          \
		bool is_begun;                                                                     \
		int call;                                                                          \
                                                                                                   \
		if (!number)                                                                       \
			return 0;                                                                  \
		call = begin_program(ctx, *number, first, last);                                   \
		if (call == CALL_DONE)                                                             \
			return 1;                                                                  \
		is_begun = call != CALL_FAILED && copy_net();                                      \
		if (is_begun)                                                                      \
			bpf_loop(CALL_TURNS, turn_##name, &turn, 0);                               \
		end_writing(turn.seq, call, is_begun);                                             \
		return 0;                                                                          \
	}

PIN(tcp, TABLE_TCP, TABLE_TCP_LISTEN)
PIN(udp, TABLE_UDP, TABLE_UDP)
PIN(mptcp, TABLE_TCP, TABLE_TCP_LISTEN)
PIN(unix, TABLE_UNIX, TABLE_UNIX)
PIN(queue, TABLE_TCP_LISTEN, TABLE_TCP_LISTEN)
