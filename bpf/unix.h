/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Unix sockets: net/unix/af_unix.c, net/unix/diag.c */
#ifndef UNIX_H
#define UNIX_H

#define SOCK_SEQPACKET 5

/* sizeof(sun_family): the bytes of an address before its path. */
#define PATH_OFFSET 2

/* The most packets counted of a queue: with bpf_loop(), and where the verifier follows each iteration. */
#define PACKETS 4096
#define PACKETS_UNROLLED 64

/* The position in a queue. `head` and `packet` are addresses: see struct cursor */
struct queue_cursor {
	__u64 head;
	__u64 packet;
	__u64 bytes;
};

/* Whether this kernel has the members that add_packet() reads. */
static __always_inline bool has_packets(void)
{
	struct unix_skb_parms *parms = 0;
	struct sk_buff_head *head = 0;
	struct sk_buff *packet = 0;

	return HAS(head, next) & HAS(packet, next) & HAS(packet, len) & HAS(packet, cb) &
	       HAS(parms, consumed);
}

static long add_packet(__u32 index, struct queue_cursor *cursor)
{
	struct sk_buff *packet = (void *)cursor->packet;
	struct unix_skb_parms *parms;

	if (!has_packets() || cursor->packet == cursor->head || !cursor->packet)
		return 1;
	parms = (void *)packet->cb;
	cursor->bytes += BPF_CORE_READ(packet, len);
	cursor->bytes -= BPF_CORE_READ(parms, consumed);
	cursor->packet = (__u64)BPF_CORE_READ(packet, next);
	return 0;
}

/*
 * The unread bytes, as unix_inq_len() counts them: for datagram sockets, those of the first datagram.
 * 6.18: a stream has a counter. `address` is where the socket itself is.
 */
static __always_inline __u32 count_unread(struct unix_sock *u, __u64 address, bool loop_helper)
{
	__u8 type = GET(u, sk.sk_type);
	struct queue_cursor cursor = {};
	struct sk_buff_head *queue;

	if (type == SOCK_STREAM && HAS(u, inq_len))
		return LOAD(u, inq_len);
	if (!HAS(u, sk.sk_receive_queue) || !has_packets())
		return 0;
	queue = &u->sk.sk_receive_queue;
	cursor.head = address + bpf_core_field_offset(struct sock, sk_receive_queue);
	cursor.packet = (__u64)BPF_CORE_READ(queue, next);
	if (type != SOCK_STREAM && type != SOCK_SEQPACKET)
		add_packet(0, &cursor);
	else if (loop_helper)
		bpf_loop(PACKETS, add_packet, &cursor, 0);
	else
		for (__u32 i = 0; i < PACKETS_UNROLLED; i++)
			if (add_packet(i, &cursor))
				break;
	return cursor.bytes;
}

/* The packets of the queue that count_unread() may have to look at. */
static __always_inline __u32 packets_to_count(struct unix_sock *u)
{
	__u8 type = GET(u, sk.sk_type);
	__u32 packets = GET(u, sk.sk_receive_queue.qlen);

	if ((type == SOCK_STREAM && HAS(u, inq_len)) || (type != SOCK_STREAM && type != SOCK_SEQPACKET))
		return 0;
	return packets < PACKETS ? packets : PACKETS;
}

/* Not inlined, so that the callers need less of the stack. */
static __noinline __u32 count_unread_with_loop(struct unix_sock *u, __u64 address)
{
	return count_unread(u, address, true);
}

static __noinline __u32 count_unread_without_loop(struct unix_sock *u, __u64 address)
{
	return count_unread(u, address, false);
}

static __always_inline __u32 unread_bytes(struct unix_sock *u, __u64 address, bool loop_helper)
{
	return loop_helper ? count_unread_with_loop(u, address) : count_unread_without_loop(u, address);
}

static __noinline int write_unix_header(struct seq_file *seq, struct unix_sock *u, struct net *net,
					__u64 address, __u32 unread)
{
	BEGIN_PART(seq, struct record_header, header)
	struct sock *sk = &u->sk;

	fill_header(header, &sk->__sk_common, GET(net, ns.inum), address);
	fill_socket(header, sk);
	if (is_walked_once(seq))
		header->traits |= TRAIT_ONCE;
	header->sections |= SECTION_UNIX;
	if (header->state == TCP_LISTEN) {
		header->recv_queue = GET(sk, sk_receive_queue.qlen);
		header->send_queue = GET(sk, sk_max_ack_backlog);
	} else {
		fill_queues(header, sk);
		header->recv_queue = unread;
	}
	return write_header(seq, header);
}

/* Copies the name of a bound socket and returns its length: an abstract name may contain zero bytes. */
static __always_inline __u32 copy_path(__u8 *path, struct unix_address *address)
{
	__u64 length;

	if (!address || !HAS(address, len) || !HAS(address, name))
		return 0;
	length = BPF_CORE_READ(address, len) - PATH_OFFSET;
	barrier_var(length);
	if (length > UNIX_PATH_MAX)
		length = UNIX_PATH_MAX;
	barrier_var(length);
	length &= 127;
	bpf_probe_read_kernel(path, length, (void *)&address->name + PATH_OFFSET);
	return length;
}

/* Why the peer has no inode. */
static __always_inline enum unix_peer bare_peer(struct sock *peer)
{
	if (!HAS_SOCK_FLAGS(peer, SOCK_DEAD))
		return UNIX_PEER_UNKNOWN;
	return BPF_CORE_READ(peer, __sk_common.skc_flags) >> bpf_core_enum_value(enum sock_flags, SOCK_DEAD) & 1
		       ? UNIX_PEER_CLOSED
		       : UNIX_PEER_WAITING;
}

/* Not inlined: the frame of write_unix() is one of the largest, because it can hold a whole section. */
static __noinline int fill_peer(struct unix_section *section, struct unix_sock *peer)
{
	section->peer = probed_inode((struct sock *)peer);
	section->peer_state = section->peer ? UNIX_PEER_OPEN : bare_peer((struct sock *)peer);
	section->peer_path_length =
		HAS(peer, addr) ? copy_path(section->peer_path, BPF_CORE_READ(peer, addr)) : 0;
	return 0;
}

static __noinline int write_unix(struct seq_file *seq, struct unix_sock *u)
{
	RETURN_UNLESS_WANTED(UNIX)
	const struct cred *cred = GET(u, sk.sk_peer_cred);
	struct unix_sock *peer = (void *)GET(u, peer);
	BEGIN_PART(seq, struct unix_section, section)

	FILL(UNIX_OPTIONS_LIST)
	section->path_length = copy_path(section->path, GET(u, addr));
	if (peer)
		fill_peer(section, peer);
	END_PART(seq, section);
	return 0;
}

static __always_inline void write_unix_socket(struct seq_file *seq, struct unix_sock *u, struct net *net,
					      __u64 address, __u32 unread)
{
	write_unix_header(seq, u, net, address, unread);
	write_common(seq, &u->sk, net);
	write_unix(seq, u);
}

#endif
