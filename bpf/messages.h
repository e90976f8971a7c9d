/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets in messages: the files that SCM_RIGHTS passes lie in the receive queue of a unix socket until they are
 * received, and the sender may have closed its descriptor by then. The queue of a listener has a packet for each
 * connection that waits to be accepted: net/unix/af_unix.c, unix_stream_connect(). A walk through the unix sockets looks
 * into their queues. The lock of a queue is not taken: a packet counts if the link to it is still there after it was
 * read, and a list of files if the packet still has it.
 */
#ifndef MESSAGES_H
#define MESSAGES_H

/*
 * The most packets and files of a queue, and how often it is read if it changes. All are read in one call, in which each
 * takes an eighth of a microsecond. The limit of a listener's queue is 4096, unless net.core.somaxconn was raised. A queue
 * of messages has less than 300 packets, unless net.core.wmem_max was raised, each with up to 253 files.
 */
#define MESSAGE_STEPS 6144
#define MESSAGE_TRIES 8

/* The position in a queue. */
struct message_cursor {
	__u64 head; /* the address of the queue, which is the last link, too */
	__u64 link; /* where the address of the packet is */
	__u64 packet;
	__u64 list; /* the files of the packet, a struct scm_fp_list; 0: to be looked at */
	__u64 count; /* the number of files, */
	__u64 index; /* and which one is next */
	__u64 carrier; /* the inode of the unix socket; 0: it waits to be accepted */
	__u64 identity; /* of the unix socket */
	__u64 cookie; /* and its cookie */
	__u64 is_listener;
	/* In one word: the verifier then keeps no value of the second, which it would follow up to the limit. */
	__u32 number; /* of the lane */
	__u32 tries;
};

static __always_inline bool has_messages(void)
{
	struct unix_skb_parms *parms = 0;
	struct scm_fp_list *list = 0;

	return has_packets() & HAS(parms, fp) & HAS(list, fp) & HAS(list, count) & HAS((struct sk_buff *)0, sk);
}

/* The address of the pointer to the files of a packet. */
static __always_inline __u64 list_of(__u64 packet)
{
	return packet + bpf_core_field_offset(struct sk_buff, cb) +
	       bpf_core_field_offset(struct unix_skb_parms, fp);
}

static __always_inline void begin_packets(struct message_cursor *cursor)
{
	cursor->link = cursor->head + bpf_core_field_offset(struct sk_buff_head, next);
	cursor->packet = load_word(cursor->link);
	/*
	 * Zeros that the verifier does not know. Kernels such as 6.1 analyse only the first turn of bpf_loop(), and remove
	 * what that does not reach.
	 */
	cursor->list = cursor->count = cursor->index = load_word(0);
}

/* Writes that the queue could not be read to its end, in place of what was read of it. */
static __always_inline void put_cut(struct message_cursor *cursor, struct lane *lane, struct output *output)
{
	struct message_record *record;

	output->header.length = lane->length;
	record = next_place((void *)output, sizeof(*record));
	if (!record)
		return;
	*record = (struct message_record){
		.magic = MESSAGE_MAGIC,
		.kind = cursor->is_listener ? MESSAGE_WAITING_CUT : MESSAGE_FILES_CUT,
	};
	output->header.length += sizeof(*record);
}

/*
 * The place of the next record. NULL if there is no room: the call is then made again with the sockets before this one, as
 * in is_full().
 */
static __always_inline struct message_record *next_record(struct message_cursor *cursor, struct lane *lane,
							  struct output *output)
{
	struct message_record *record = next_place((void *)output, sizeof(*record));

	if (record)
		output->header.length += sizeof(*record);
	else if (!lane->length)
		put_cut(cursor, lane, output);
	else if (lane->index < lane->limit)
		lane->limit = lane->index;
	return record;
}

/* Begins again with the queue, which has changed. Returns 1 if that happens too often. */
static __always_inline long restart_packets(struct message_cursor *cursor, struct lane *lane, struct output *output)
{
	output->header.length = lane->length;
	begin_packets(cursor);
	if (++cursor->tries < MESSAGE_TRIES)
		return 0;
	put_cut(cursor, lane, output);
	return 1;
}

/* Goes to the files of the packet or, if it has none, to the next packet. Returns 1 at the end of the queue. */
static __always_inline long next_packet(struct message_cursor *cursor, struct lane *lane, struct output *output)
{
	struct scm_fp_list *list;
	__u64 next;

	if (cursor->packet == cursor->head || !cursor->packet)
		return 1;
	list = (void *)load_word(list_of(cursor->packet));
	next = load_word(cursor->packet + bpf_core_field_offset(struct sk_buff, next));
	if (load_word(cursor->link) != cursor->packet)
		return restart_packets(cursor, lane, output);
	if (list) {
		cursor->list = (__u64)list;
		cursor->count = BPF_CORE_READ(list, count);
		cursor->index = 0;
		return 0;
	}
	cursor->link = cursor->packet + bpf_core_field_offset(struct sk_buff, next);
	cursor->packet = next;
	return 0;
}

/* Writes a record of the next file if it is a socket. Returns 1 if there is no room. */
static __always_inline long put_message(struct message_cursor *cursor, struct lane *lane, struct output *output)
{
	__u64 at = cursor->list + bpf_core_field_offset(struct scm_fp_list, fp) + cursor->index * 8;
	struct file *file = (void *)load_word(at);
	struct message_record *record;

	cursor->index++;
	if (!is_socket(file))
		return 0;
	record = next_record(cursor, lane, output);
	if (!record)
		return 1;
	*record = (struct message_record){
		.magic = MESSAGE_MAGIC,
		.kind = MESSAGE_FILE,
		.inode = BPF_CORE_READ(file, f_inode, i_ino),
		.carrier = cursor->carrier,
		.identity = cursor->identity,
	};
	return 0;
}

static long message_turn(__u32 index, struct message_cursor *cursor)
{
	struct output *output = bpf_map_lookup_elem(&outputs, &cursor->number);
	struct lane *lane = bpf_map_lookup_elem(&lanes, &cursor->number);

	if (!lane || !output)
		return 1;
	if (!cursor->list)
		return next_packet(cursor, lane, output) & 1;
	if (cursor->index < cursor->count)
		return put_message(cursor, lane, output) & 1;
	/* The files are freed with their packet, or handed to the receiver. */
	if (load_word(list_of(cursor->packet)) != cursor->list || load_word(cursor->link) != cursor->packet)
		return restart_packets(cursor, lane, output) & 1;
	cursor->list = 0;
	cursor->link = cursor->packet + bpf_core_field_offset(struct sk_buff, next);
	cursor->packet = load_word(cursor->link);
	return 0;
}

/* The inode of the other end of a connection. */
static __always_inline __u64 inode_of_peer(__u64 connection)
{
	struct unix_sock *u = (void *)connection;
	struct sock *peer = HAS(u, peer) ? BPF_CORE_READ(u, peer) : 0;

	return peer ? probed_inode(peer) : 0;
}

/* Writes a record of the connection that waits in the next packet of a listener. Returns 1 at the end of the queue. */
static __always_inline long put_waiting(struct message_cursor *cursor, struct lane *lane, struct output *output)
{
	struct sk_buff *packet = (void *)cursor->packet;
	struct message_record *record;
	__u64 connection, client, next;

	if (cursor->packet == cursor->head || !cursor->packet)
		return 1;
	connection = (__u64)BPF_CORE_READ(packet, sk);
	client = inode_of_peer(connection);
	next = (__u64)BPF_CORE_READ(packet, next);
	if (load_word(cursor->link) != cursor->packet)
		return restart_packets(cursor, lane, output);
	record = next_record(cursor, lane, output);
	if (!record)
		return 1;
	*record = (struct message_record){
		.magic = MESSAGE_MAGIC,
		.kind = MESSAGE_WAITING,
		.inode = client,
		.carrier = cursor->carrier,
		.identity = hash_address(connection),
		.cookie = cursor->cookie,
	};
	cursor->link = cursor->packet + bpf_core_field_offset(struct sk_buff, next);
	cursor->packet = next;
	return 0;
}

static long waiting_turn(__u32 index, struct message_cursor *cursor)
{
	struct output *output = bpf_map_lookup_elem(&outputs, &cursor->number);
	struct lane *lane = bpf_map_lookup_elem(&lanes, &cursor->number);

	return lane && output ? put_waiting(cursor, lane, output) & 1 : 1;
}

/* Writes what lies in the queue of a unix socket. `address` is where the socket itself is. */
static __always_inline void write_messages(struct unix_sock *u, __u64 address, __u32 number)
{
	struct message_cursor cursor = { .number = number };
	struct output *output;
	struct lane *lane;
	long steps;

	if (!has_messages() || !GET(u, sk.sk_receive_queue.qlen))
		return;
	cursor.head = address + bpf_core_field_offset(struct sock, sk_receive_queue);
	cursor.carrier = probed_inode(&u->sk);
	cursor.identity = hash_address(address);
	cursor.cookie = GET(u, sk.__sk_common.skc_cookie.counter);
	cursor.is_listener = u->sk.__sk_common.skc_state == TCP_LISTEN;
	begin_packets(&cursor);
	steps = cursor.is_listener ? bpf_loop(MESSAGE_STEPS, waiting_turn, &cursor, 0) :
				     bpf_loop(MESSAGE_STEPS, message_turn, &cursor, 0);
	output = bpf_map_lookup_elem(&outputs, &number);
	lane = bpf_map_lookup_elem(&lanes, &number);
	if (!lane || !output)
		return;
	lane->work += steps;
	if (steps >= MESSAGE_STEPS)
		put_cut(&cursor, lane, output);
}

#endif
