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
#ifndef ACCEPT_QUEUE_H
#define ACCEPT_QUEUE_H

/* The accept queue that is being followed; its last request tells where to go on. */
struct queue {
	__u64 listener; /* the address of its socket; 0: none is followed */
	__u64 cookie;
	__u64 inode;
	__u64 is_mptcp;	     /* whether the listener is the subflow of an MPTCP socket, */
	__u64 master_cookie; /* and the cookie of that */
	__u64 request; /* the address of the last request that was read, whose place is */
	__u64 next;    /* before this one. 0: none was read, or it has left the queue */
	__u64 child;   /* what the last request was when it was read: its connection, */
	__u64 ports;   /* and the ports and an address of that */
	__u64 steps;
};

/*
 * The most requests of a listener in an iterator, where the records of one listener must fit 32 KB, and in an unrolled
 * loop, where the verifier follows each.
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

#endif
