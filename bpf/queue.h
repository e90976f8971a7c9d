/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Accept queues: which connections wait for which listener. A connection that waits to be accepted has no pointer to its
 * listener. Only the queue of the listener leads to it: a list of requests, each with its connection. The kernel
 * appends requests at the end, and takes them from the beginning: net/ipv4/inet_connection_sock.c,
 * inet_csk_reqsk_queue_add() and include/net/request_sock.h, reqsk_queue_remove().
 *
 * The list has a lock, which is not taken here, and a request that has left the queue may be freed and used again at
 * once. A request counts only if it is looked at again after it was read: if the link through which it was reached
 * still leads to it, from the head of the queue or from a request that is still there. If not, all requests so far have
 * left the queue, and what has not been read begins at its head. A long queue is read in several calls in the same way.
 *
 * The reader joins these records with the sockets that it reads later, and compares their ports and addresses, because
 * a connection may be closed, and its memory used for another, in between: src/socket/listener.rs
 */
#ifndef QUEUE_H
#define QUEUE_H

#include "walk.h"

/* The most requests of a call, whose records fit its output: two for each, if it is one of MPTCP. */
#define CALL_REQUESTS 1024

/* The most requests of a queue that are read, so that a queue that changes all the time has an end. */
#define QUEUE_REQUESTS (1 << 20)

/*
 * The same in an iterator, whose records of one listener must fit 32 KB, and in an unrolled loop, where the verifier
 * follows each.
 */
#define SEQ_REQUESTS 256
#define SEQ_REQUESTS_UNROLLED 24

/* Whether this kernel has the members that are read here. */
static __always_inline bool has_queues(void)
{
	struct inet_connection_sock *icsk = 0;
	struct request_sock *request = 0;

	return HAS(icsk, icsk_accept_queue.rskq_accept_head) & HAS(request, dl_next) & HAS(request, sk) &
	       HAS(request, __req_common.skc_listener) & HAS(request, __req_common.skc_refcnt.refs.counter);
}

static __always_inline __u64 head_of(__u64 listener)
{
	struct inet_connection_sock *icsk = (void *)listener;

	return (__u64)BPF_CORE_READ(icsk, icsk_accept_queue.rskq_accept_head);
}

/* The address of the MPTCP socket of a subflow, or 0. */
static __always_inline __u64 master_of(__u64 address)
{
	struct tcp_sock *tp = (void *)address;
	struct mptcp_subflow_context *subflow = 0;

	if (!HAS(tp, is_mptcp) || !HAS(tp, inet_conn.icsk_ulp_data) || !HAS(subflow, conn) ||
	    !BPF_CORE_READ(tp, is_mptcp))
		return 0;
	subflow = BPF_CORE_READ(tp, inet_conn.icsk_ulp_data);
	return (__u64)BPF_CORE_READ(subflow, conn);
}

/* Reads what records say of the listener. */
static __always_inline void identify_listener(struct queue *queue)
{
	struct sock *listener = (void *)queue->listener;
	struct sock *master = (void *)master_of(queue->listener);

	queue->cookie = existing_cookie(&listener->__sk_common);
	queue->inode = probed_inode(listener);
	queue->is_mptcp = master != 0;
	queue->master_cookie = master ? existing_cookie(&master->__sk_common) : 0;
}

/* The ports of a request and an address of its peer. Two of one time differ in them. */
static __always_inline __u64 ports_of(struct sock_common *skc)
{
	return (__u64)BPF_CORE_READ(skc, skc_daddr) << 32 | (__u32)BPF_CORE_READ(skc, skc_dport) << 16 |
	       BPF_CORE_READ(skc, skc_num);
}

/* Whether the last request is where it was. One that has left its queue is freed at once. */
static __always_inline bool is_last_still_there(struct queue *queue)
{
	struct request_sock *last = (void *)queue->request;

	return BPF_CORE_READ(last, __req_common.skc_refcnt.refs.counter) &&
	       (__u64)BPF_CORE_READ(last, dl_next) == queue->next &&
	       (__u64)BPF_CORE_READ(last, sk) == queue->child && ports_of(&last->__req_common) == queue->ports;
}

/* Whether the link to a request still leads to it. */
static __always_inline bool is_linked(struct queue *queue, __u64 request)
{
	return queue->request ? is_last_still_there(queue) : head_of(queue->listener) == request;
}

/* Without a request, writes that the rest of the queue is not known. */
static __always_inline int write_waiting(struct seq_file *seq, struct queue *queue, struct sock_common *request,
					 __u64 connection, __u64 cookie)
{
	BEGIN_PART(seq, struct waiting_record, record)

	record->magic = WAITING_MAGIC;
	record->listener = cookie;
	record->listener_inode = queue->inode;
	if (request) {
		record->identity = hash_address(connection);
		record->local_port = BPF_CORE_READ(request, skc_num);
		record->remote_port = bpf_ntohs(BPF_CORE_READ(request, skc_dport));
		if (BPF_CORE_READ(request, skc_family) == AF_INET)
			record->remote_address = BPF_CORE_READ(request, skc_daddr);
		else if (HAS(request, skc_v6_daddr))
			bpf_probe_read_kernel(&record->remote_address, 4,
					      (void *)&request->skc_v6_daddr + 12);
	}
	END_PART(seq, record);
	return 0;
}

/* Reads the next request of a queue, and writes its record. Returns 1 at the end of the queue. */
static __always_inline int follow_queue(struct seq_file *seq, struct queue *queue)
{
	__u64 address = queue->request ? queue->next : head_of(queue->listener);
	struct request_sock *request = (void *)address;
	__u64 child, next, ports, listener, master;

	if (!address)
		return 1;
	child = (__u64)BPF_CORE_READ(request, sk);
	next = (__u64)BPF_CORE_READ(request, dl_next);
	ports = ports_of(&request->__req_common);
	/* A connection that a SYN cookie has brought about has none here. */
	listener = (__u64)BPF_CORE_READ(request, __req_common.skc_listener);
	if (!is_linked(queue, address) || !child || (listener && listener != queue->listener)) {
		queue->request = 0;
		return 0;
	}
	write_waiting(seq, queue, &request->__req_common, child, queue->cookie);
	master = queue->is_mptcp ? master_of(child) : 0;
	if (master)
		write_waiting(seq, queue, &request->__req_common, master, queue->master_cookie);
	queue->request = address;
	queue->next = next;
	queue->child = child;
	queue->ports = ports;
	return 0;
}

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

/* The kernel's iterator, where tables are not walked. */

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
int queue_table(struct bpf_iter__tcp *ctx)
{
	return show_queue(ctx, true);
}

SEC("iter/tcp")
int queue_table_without_loop(struct bpf_iter__tcp *ctx)
{
	return show_queue(ctx, false);
}

#endif
