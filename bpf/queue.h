/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The programs that read accept queues: accept_queue.h */
#ifndef QUEUE_H
#define QUEUE_H

#include "walk.h"

/* The most requests of a call, whose records fit its output: two for each, if it is one of MPTCP. */
#define CALL_REQUESTS 1024

/* The most requests of a queue that are read, so that a queue that changes all the time has an end. */
#define QUEUE_REQUESTS (1 << 20)

/* Walks: the listeners of a part of their table are collected, and their queues are then followed one after the other. */

/* Whether the socket at an address is a listener that is wanted. */
static __always_inline bool is_listener(struct lane *lane, __u64 address)
{
	copy_common(lane, address);
	return is_candidate(lane, WALK_QUEUES, address);
}

/* Begins with the queue of the next listener. Returns false if none is left. */
static __always_inline bool begin_queue(struct lane *lane)
{
	__u64 address;

	if (lane->next_queue >= lane->queues)
		return false;
	address = lane->address[lane->next_queue & (CALL_SOCKETS - 1)];
	lane->next_queue++;
	if (!is_listener(lane, address))
		return true;
	lane->queue.listener = address;
	lane->queue.request = lane->queue.steps = 0;
	identify_listener(&lane->queue);
	return true;
}

/* One step. Returns 1 when no queue is left. */
__noinline int visit_request(__u32 number)
{
	struct seq_file *seq = bpf_map_lookup_elem(&outputs, &number);
	struct lane *lane = bpf_map_lookup_elem(&lanes, &number);

	if (!lane || !seq)
		return 1;
	if (!lane->queue.listener)
		return !begin_queue(lane);
	lane->queue.steps++;
	if (lane->queue.steps > QUEUE_REQUESTS)
		write_waiting(seq, &lane->queue, 0, 0, lane->queue.cookie);
	else if (!follow_queue(seq, &lane->queue))
		return 0;
	lane->queue.listener = 0;
	return 0;
}

/*
 * Begins a call that goes on with the queues of the one before. Returns 0 if none is left. The listener may have been
 * closed in between, and its memory used for another.
 */
__noinline int resume_queues(__u32 number, __u64 session)
{
	struct output *output = bpf_map_lookup_elem(&outputs, &number);
	struct lane *lane = bpf_map_lookup_elem(&lanes, &number);

	if (!lane || !output || lane->session != session)
		return 0;
	if (lane->queue.listener) {
		if (is_listener(lane, lane->queue.listener))
			identify_listener(&lane->queue);
		else
			lane->queue.listener = 0;
	}
	if (!lane->queue.listener && lane->next_queue >= lane->queues)
		return 0;
	lane->begun_at = bpf_ktime_get_ns();
	output->header.length = 0;
	return 1;
}

/* Begins with the listeners that were collected. */
__noinline int begin_queues(__u32 number)
{
	struct lane *lane = bpf_map_lookup_elem(&lanes, &number);
	__u32 count = end_collecting(number);

	if (!lane)
		return 0;
	lane->queues = has_queues() ? count : 0;
	lane->next_queue = 0;
	lane->queue.listener = 0;
	return 0;
}

COLLECT(queue_walk, WALK_QUEUES)

static long request_turn(__u32 index, struct turn *turn)
{
	return visit_request(turn->number) & 1;
}

SEC("iter/bpf_map_elem")
int queue_walk(struct bpf_iter__bpf_map_elem *ctx)
{
	struct turn turn = {};

	if (!ctx->value)
		return 0;
	turn.number = *(__u32 *)ctx->value;
	if (!resume_queues(turn.number, ctx->meta->session_id)) {
		if (!begin_call(turn.number, ctx->meta->session_id, WALK_QUEUES))
			return 0;
		bpf_loop(steps(turn.number), collect_turn_queue_walk, &turn, 0);
		begin_queues(turn.number);
	}
	bpf_loop(CALL_REQUESTS, request_turn, &turn, 0);
	end_call(turn.number);
	return 1;
}

SEC("iter/bpf_map_elem")
int queue_walk_without_loop(struct bpf_iter__bpf_map_elem *ctx)
{
	__u32 number, end;

	if (!ctx->value)
		return 0;
	number = *(__u32 *)ctx->value;
	if (!resume_queues(number, ctx->meta->session_id)) {
		if (!begin_call(number, ctx->meta->session_id, WALK_QUEUES))
			return 0;
		end = steps(number);
		for (__u32 i = 0; i < CALL_STEPS_MAX_WITHOUT_LOOP && i < end; i += SOME_STEPS)
			if (collect_some_queue_walk(number))
				break;
		begin_queues(number);
	}
	for (__u32 i = 0; i < CALL_REQUESTS; i++)
		if (visit_request(number))
			break;
	end_call(number);
	return 1;
}

#endif
