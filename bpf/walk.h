/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A walk of our own through the kernel's hash tables of sockets. It takes no lock, unlike the kernel's iterators,
 * which take that of each socket: a task that is stuck with one can neither hang it nor be disturbed by it.
 *
 * A call does a piece of the walk, under the rcu_read_lock() of the kernel around it, in two phases: it collects the
 * addresses of sockets (chains.h), and then writes a record of each. A socket may be changed, freed and used again
 * at any time. Its record is written from a copy. What it is, and that it is still in its chain, is looked at
 * before and after; if it has changed, the record is discarded and written once more.
 *
 * A connection may leave its chain between the two phases because another struct takes its place, for example that of
 * TIME_WAIT, which the first phase has not seen. The call is then made again, with fewer sockets, which takes less time.
 */
#ifndef WALK_H
#define WALK_H

#include "lane.h"
#include "chains.h"
#include "messages.h"

/* Copies the namespace, of which sockets have options in common, unless the copy is that of the socket before. */
static __always_inline void copy_net(struct lane *lane)
{
	__u64 net = lane->likeness[0].net;

	if (net == lane->copied_net)
		return;
	COPY(net, lane->copies.net, net);
	lane->copied_net = net;
}

/* How often a call is made again because sockets have changed, each time with half of the sockets. At most 7. */
#define RETAKES 5

/* What sockets of a call have done, as bits. */
enum unsteady {
	UNSTEADY_LEFT = 1,    /* one left its chain before it was read */
	UNSTEADY_CHANGED = 2, /* one changed each time that it was read */
};

/* The most steps of a call in the queues of its sockets. The last queue may take it further. */
#define CALL_WORK 1024

/*
 * Whether there is no room for the record of a socket, or no time. The call is then made again, with as many sockets as
 * there was room for.
 */
static __always_inline bool is_full(struct lane *lane, struct output *output, __u32 index)
{
	bool has_room = output->header.length <= OUTPUT_SIZE - RECORD_ROOM;

	if (has_room && (lane->work < CALL_WORK || !index))
		return false;
	if (index < lane->limit)
		lane->limit = index;
	lane->is_busy = has_room;
	return true;
}

/*
 * Looks at a socket before it is read. Returns its state, or 0 if it has left its chain. The verifier analyses this and
 * the other functions that are not static only once.
 */
__noinline int begin_socket(__u32 number, __u32 index)
{
	struct output *output = bpf_map_lookup_elem(&outputs, &number);
	struct lane *lane = bpf_map_lookup_elem(&lanes, &number);
	struct likeness *before;
	bool is_gone;

	if (!lane || !output || is_full(lane, output, index))
		return 0;
	before = &lane->likeness[0];
	lane->copies.address = lane->address[index & (CALL_SOCKETS - 1)];
	lane->length = output->header.length;
	lane->index = index;
	liken(lane, before);
	is_gone = !before->pprev;
	if (lane->table == TABLE_TCP) {
		/* The address may be that of another connection by now, which another slot has. */
		is_gone |= (before->hash & (lane->slots.count - 1)) != lane->slot_of[index & (CALL_SOCKETS - 1)];
		if (is_gone)
			lane->unsteady |= UNSTEADY_LEFT;
	}
	if (is_gone)
		return 0;
	copy_net(lane);
	return COMMON(lane)->skc_state;
}

/* Keeps the record that was written, or discards it and returns 1 if the socket has changed meanwhile. */
__noinline int end_socket(__u32 number)
{
	struct output *output = bpf_map_lookup_elem(&outputs, &number);
	struct lane *lane = bpf_map_lookup_elem(&lanes, &number);

	if (!lane || !output || !has_changed(lane))
		return 0;
	output->header.length = lane->length;
	return 1;
}

/* Gives up a socket that has changed each time. */
__noinline int give_up_socket(__u32 number)
{
	struct lane *lane = bpf_map_lookup_elem(&lanes, &number);

	if (lane)
		lane->unsteady |= UNSTEADY_CHANGED;
	return 0;
}

/* Copies the IPv6 part of a socket. An IPv4 socket has none, and the copy of another is not looked at. */
static __always_inline void copy_np(struct copies *copy, struct inet_sock *inet)
{
	if ((IS_WANTED(IPV6) | IS_WANTED(ITEMS)) && HAS(inet, pinet6) && LOAD(inet, pinet6))
		COPY(ipv6_pinfo, copy->np, LOAD(inet, pinet6));
}

#define COPIED_NP(copy) ((struct ipv6_pinfo *)(copy)->np)
#define COPIED_NET(copy) ((struct net *)(copy)->net)

static __always_inline void emit_mini_socket(struct copies *copy, struct seq_file *seq)
{
	struct sock_common *skc = (void *)copy->sock;
	__u8 state;

	COPY(tcp_timewait_sock, copy->sock, copy->address);
	state = tcp_state(skc, copy->address);
	if (state == TCP_SYN_RECV)
		COPY(tcp_request_sock, copy->sock, copy->address);
	if (is_wanted_mini_socket(skc, state))
		write_mini_socket(seq, skc, state, copy->address);
}

static __always_inline void emit_tcp(struct copies *copy, struct seq_file *seq, __u8 state, bool loop_helper)
{
	struct tcp_sock *tp = (void *)copy->sock;
	struct inet_sock *inet = &tp->inet_conn.icsk_inet;

	if (state == TCP_TIME_WAIT || state == TCP_NEW_SYN_RECV) {
		emit_mini_socket(copy, seq);
		return;
	}
	COPY(tcp_sock, copy->sock, copy->address);
	copy_np(copy, inet);
	if (has_wanted_user(&inet->sk) && has_wanted_tcp_fact(tp, COPIED_NP(copy), COPIED_NET(copy)))
		write_tcp_socket(seq, tp, COPIED_NP(copy), COPIED_NET(copy),
				 copy->address, loop_helper);
}

static __always_inline void emit_udp(struct copies *copy, struct seq_file *seq, bool loop_helper)
{
	struct udp_sock *up = (void *)copy->sock;

	COPY(udp_sock, copy->sock, copy->address);
	copy_np(copy, &up->inet);
	if (has_wanted_user(&up->inet.sk) &&
	    has_wanted_udp_fact(up, COPIED_NP(copy), COPIED_NET(copy)))
		write_udp_socket(seq, up, COPIED_NP(copy), COPIED_NET(copy),
				 copy->address, loop_helper);
}

static __always_inline void emit_unix(struct lane *lane, struct seq_file *seq, bool loop_helper)
{
	struct copies *copy = &lane->copies;
	struct unix_sock *u = (void *)copy->sock;

	COPY(unix_sock, copy->sock, copy->address);
	lane->work += packets_to_count(u);
	if (has_wanted_user(&u->sk))
		write_unix_socket(seq, u, COPIED_NET(copy), copy->address,
				  unread_bytes(u, copy->address, loop_helper));
}

static __always_inline void emit_packet(struct copies *copy, struct seq_file *seq, bool loop_helper)
{
	struct packet_sock *po = (void *)copy->sock;

	COPY(packet_sock, copy->sock, copy->address);
	if (has_wanted_user(&po->sk))
		write_packet_socket(seq, po, COPIED_NET(copy), copy->address, loop_helper);
}

static __always_inline void emit_xdp(struct copies *copy, struct seq_file *seq)
{
	struct xdp_sock *xs = (void *)copy->sock;

	COPY(xdp_sock, copy->sock, copy->address);
	if (has_wanted_user(&xs->sk))
		write_xdp_socket(seq, xs, COPIED_NET(copy), copy->address);
}

/* The types of IPv4 and IPv6 differ. What the socket is not is copied as zeros. */
static __always_inline void emit_raw(struct copies *copy, struct seq_file *seq, bool loop_helper)
{
	struct raw_sock *raw = (void *)copy->sock;
	struct raw6_sock *raw6 = (void *)copy->first;
	struct inet_sock *inet = &raw->inet;

	COPY(raw_sock, copy->sock, copy->address);
	COPY(raw6_sock, copy->first, inet->sk.__sk_common.skc_family == AF_INET6 ? copy->address : 0);
	copy_np(copy, inet);
	if (has_wanted_user(&inet->sk))
		write_raw_socket(seq, raw, raw6, COPIED_NP(copy), COPIED_NET(copy), copy->address, loop_helper);
}

static __always_inline void emit_messages(struct copies *copy, __u32 number)
{
	COPY(unix_sock, copy->sock, copy->address);
	write_messages((void *)copy->sock, copy->address, number);
}

/* MPTCP sockets are in no table. This finds them by their subflows. What is not there is copied as zeros. */
static __always_inline void emit_mptcp(struct copies *copy, struct seq_file *seq, bool loop_helper)
{
	struct mptcp_sock *msk = (void *)copy->sock;
	struct tcp_sock *first = (void *)copy->first;
	__u64 master = mptcp_master_of(copy->address);

	if (!master)
		return;
	COPY(mptcp_sock, copy->sock, master);
	if (!is_wanted_mptcp(&msk->sk.icsk_inet.sk))
		return;
	COPY(tcp_sock, copy->first, GET(msk, first));
	COPY(ipv6_pinfo, copy->np, GET(mptcp_inet(msk, first), pinet6));
	write_mptcp_socket(seq, msk, first, COPIED_NP(copy), COPIED_NET(copy), master, loop_helper);
}

/* Writes the record of a socket, unless a look at all of it shows that it is not wanted. */
static __always_inline int emit(__u32 number, __u32 state, enum walk_kind kind, bool loop_helper)
{
	struct seq_file *seq = bpf_map_lookup_elem(&outputs, &number);
	struct lane *lane = bpf_map_lookup_elem(&lanes, &number);
	struct copies *copy;

	if (!lane || !seq)
		return 0;
	copy = &lane->copies;
	if (kind == WALK_TCP)
		emit_tcp(copy, seq, state, loop_helper);
	else if (kind == WALK_UDP)
		emit_udp(copy, seq, loop_helper);
	else if (kind == WALK_UNIX)
		emit_unix(lane, seq, loop_helper);
	else if (kind == WALK_MESSAGES)
		emit_messages(copy, number);
	else if (kind == WALK_PACKET)
		emit_packet(copy, seq, loop_helper);
	else if (kind == WALK_XDP)
		emit_xdp(copy, seq);
	else if (kind == WALK_RAW)
		emit_raw(copy, seq, loop_helper);
	else
		emit_mptcp(copy, seq, loop_helper);
	return 0;
}

/* The context of the callbacks of a loop. */
struct turn {
	__u32 number; /* of the lane */
};

/* The tables of a kind of sockets. */
static __always_inline enum table first_table(enum walk_kind kind)
{
	switch (kind) {
	case WALK_UDP:
		return TABLE_UDP;
	case WALK_UNIX:
	case WALK_MESSAGES:
		return TABLE_UNIX;
	case WALK_QUEUES:
		return TABLE_TCP_LISTEN;
	case WALK_PACKET:
		return TABLE_PACKET;
	case WALK_XDP:
		return TABLE_XDP;
	case WALK_RAW:
		return TABLE_RAW;
	default:
		return TABLE_TCP;
	}
}

static __always_inline enum table last_table(enum walk_kind kind)
{
	switch (kind) {
	case WALK_UDP:
		return TABLE_UDPLITE;
	case WALK_UNIX:
	case WALK_MESSAGES:
		return TABLE_UNIX;
	case WALK_PACKET:
		return TABLE_PACKET;
	case WALK_XDP:
		return TABLE_XDP;
	case WALK_RAW:
		return TABLE_RAW6;
	default:
		return TABLE_TCP_LISTEN;
	}
}

/* Begins another walk if another iterator is read. */
static __always_inline void begin_walk(struct lane *lane, struct output_header *output, __u64 session,
				       enum walk_kind kind)
{
	if (lane->session == session)
		return;
	lane->session = session;
	lane->next_place = 0;
	lane->next_table = first_table(kind);
	lane->tables_begun = 0;
	lane->slots.count = lane->next_stripe = 0;
	lane->slot = lane->end = 0;
	lane->copied_net = 0;
	output->lost = 0;
	output->done = 0;
}

/* Begins to walk the next table. Returns false if none is left. */
static __always_inline bool begin_table(struct lane *lane, struct output *output, __u32 number,
					enum walk_kind kind)
{
	__u32 zero = 0, index = lane->next_place + 1;
	struct place *first = bpf_map_lookup_elem(&places, &zero);
	struct place *place = bpf_map_lookup_elem(&places, &index);

	if (!first || !place || lane->next_place >= first->count)
		return false;
	lane->net = place->net;
	lane->table = lane->next_table;
	lane->slots.base = lane->slots.count = 0;
	output->header.lost += place->missing >> (lane->table & 63) & 1;
	if (place->tables >> (lane->table & 63) & 1)
		find_slots(place->net, lane->table, &lane->slots);
	lane->tables_begun++;
	lane->stripe = (lane->slots.count + STRIPES - 1) / STRIPES;
	lane->next_stripe = lane->stripe * number;
	lane->slot = lane->end = lane->low = lane->width = 0;
	begin_stripe(lane);
	lane->steps = CALL_STEPS;
	lane->limit = CALL_SOCKETS;
	lane->retakes = lane->is_busy = 0;
	lane->next_table++;
	if (lane->next_table > last_table(kind)) {
		lane->next_table = first_table(kind);
		lane->next_place++;
	}
	return true;
}

/* Begins a call, of the iterator of this number. Returns 0 if the walk is over. */
__noinline int begin_call(__u32 number, __u64 session, __u32 kind)
{
	struct output *output = bpf_map_lookup_elem(&outputs, &number);
	struct lane *lane = bpf_map_lookup_elem(&lanes, &number);

	if (!lane || !output)
		return 0;
	lane->begun_at = bpf_ktime_get_ns();
	output->header.length = output->header.is_split = 0;
	begin_walk(lane, &output->header, session, kind);
	if (lane->slot >= lane->end && !begin_stripe(lane) && !begin_table(lane, output, number, kind)) {
		output->header.done = 1;
		return 0;
	}
	lane->first = (struct call){
		.slot = lane->slot,
		.end = lane->end,
		.next_stripe = lane->next_stripe,
		.low = lane->low,
		.width = lane->width,
		.steps = lane->steps,
		.limit = lane->limit,
	};
	lane->unsteady = lane->work = 0;
	begin_collecting(lane);
	return 1;
}

/* Whether the call is to be made again, for want of room or because sockets have changed. */
static __always_inline bool is_retaken(struct lane *lane, struct output *output)
{
	if (lane->limit != lane->first.limit)
		return true;
	if (lane->unsteady && lane->retakes < RETAKES) {
		lane->retakes++;
		return true;
	}
	if (lane->unsteady & UNSTEADY_CHANGED)
		output->header.lost++;
	lane->retakes = 0;
	/* Other queues may be shorter, unlike other records. */
	if (lane->is_busy && lane->limit < CALL_SOCKETS)
		lane->limit *= 2;
	if (lane->limit > CALL_SOCKETS)
		lane->limit = CALL_SOCKETS;
	return false;
}

/* Ends a call, and takes back what it did if it is to be made again. */
__noinline int end_call(__u32 number)
{
	struct output *output = bpf_map_lookup_elem(&outputs, &number);
	struct lane *lane = bpf_map_lookup_elem(&lanes, &number);
	__u64 duration;

	if (!lane || !output)
		return 0;
	if (is_retaken(lane, output)) {
		output->header.length = 0;
		lane->slot = lane->first.slot;
		lane->end = lane->first.end;
		lane->next_stripe = lane->first.next_stripe;
		lane->low = lane->first.low;
		lane->width = lane->first.width;
		lane->steps = lane->first.steps;
	}
	output->header.order = lane->tables_begun << 32 | lane->end;
	duration = bpf_ktime_get_ns() - lane->begun_at;
	if (duration > output->header.longest_call)
		output->header.longest_call = duration;
	return 0;
}

/* The collecting of a kind: `collect_turn_name`, and `collect_some_name` for kernels without bpf_loop(). */
#define COLLECT(name, kind)                                                                        \
	__noinline int visit_##name(__u32 number)                                                  \
	{                                                                                          \
		return visit(number, kind);                                                        \
	}                                                                                          \
                                                                                                   \
	/* One step. Returns 1 when there is no more to collect. */                                \
	static __always_inline long collect_##name(__u32 number)                                   \
	{                                                                                          \
		return (is_at_end(number) ? end_chain(number) : visit_##name(number)) & 1;         \
	}                                                                                          \
                                                                                                   \
	static long collect_turn_##name(__u32 index, struct turn *turn)                            \
	{                                                                                          \
		return collect_##name(turn->number);                                               \
	}                                                                                          \
                                                                                                   \
	__noinline int collect_some_##name(__u32 number)                                           \
	{                                                                                          \
		for (int i = 0; i < SOME_STEPS; i++)                                               \
			if (collect_##name(number))                                                \
				return 1;                                                          \
		return 0;                                                                          \
	}

/*
 * The programs of a kind: `name`, and for kernels before 5.17, which have no bpf_loop() and refuse a program that
 * names it, `name`_without_loop. The latter tries a socket that changes only twice, so that the verifier has less to
 * follow.
 */
#define WALK(name, kind)                                                                           \
	WALK_WITH_LOOP(name, kind)                                                                 \
	WALK_WITHOUT_LOOP(name, kind)

#define WALK_WITH_LOOP(name, kind)                                                                 \
	COLLECT(name, kind)                                                                        \
                                                                                                   \
	__noinline int emit_##name(__u32 number, __u32 state)                                      \
	{                                                                                          \
		return emit(number, state, kind, true);                                            \
	}                                                                                          \
                                                                                                   \
	static long emit_turn_##name(__u32 index, struct turn *turn)                               \
	{                                                                                          \
		__u32 state;                                                                       \
                                                                                                   \
		for (int i = 0; i < TRIES; i++) {                                                  \
			state = begin_socket(turn->number, index);                                 \
			if (!state)                                                                \
				return 0;                                                          \
			emit_##name(turn->number, state);                                          \
			if (!end_socket(turn->number))                                             \
				return 0;                                                          \
		}                                                                                  \
		give_up_socket(turn->number);                                                      \
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
		if (!begin_call(turn.number, ctx->meta->session_id, kind))                         \
			return 0;                                                                  \
		bpf_loop(steps(turn.number), collect_turn_##name, &turn, 0);                       \
		bpf_loop(end_collecting(turn.number), emit_turn_##name, &turn, 0);                 \
		end_call(turn.number);                                                             \
		return 1;                                                                          \
	}

#define WALK_WITHOUT_LOOP(name, kind)                                                              \
	__noinline int emit_##name##_without_loop(__u32 number, __u32 state)                       \
	{                                                                                          \
		return emit(number, state, kind, false);                                           \
	}                                                                                          \
                                                                                                   \
	SEC("iter/bpf_map_elem")                                                                   \
	int name##_without_loop(struct bpf_iter__bpf_map_elem *ctx)                                \
	{                                                                                          \
		__u32 number, state, end;                                                          \
                                                                                                   \
		if (!ctx->value)                                                                   \
			return 0;                                                                  \
		number = *(__u32 *)ctx->value;                                                     \
		if (!begin_call(number, ctx->meta->session_id, kind))                              \
			return 0;                                                                  \
		end = steps(number);                                                               \
		for (__u32 i = 0; i < CALL_STEPS_MAX_WITHOUT_LOOP && i < end; i += SOME_STEPS)     \
			if (collect_some_##name(number))                                           \
				break;                                                             \
		end = end_collecting(number);                                                      \
		for (__u32 i = 0; i < CALL_SOCKETS && i < end; i++) {                              \
			state = begin_socket(number, i);                                           \
			if (!state)                                                                \
				continue;                                                          \
			emit_##name##_without_loop(number, state);                                 \
			if (!end_socket(number))                                                   \
				continue;                                                          \
			state = begin_socket(number, i);                                           \
			if (!state)                                                                \
				continue;                                                          \
			emit_##name##_without_loop(number, state);                                 \
			if (end_socket(number))                                                    \
				give_up_socket(number);                                            \
		}                                                                                  \
		end_call(number);                                                                  \
		return 1;                                                                          \
	}

/*
 * Adds the network namespace of the reader to the places of the walks that are begun next, which it makes for each
 * reading of another iterator anew. Returns 0 if there is no room.
 */
SEC("iter/bpf_map_elem")
int walk_place(struct bpf_iter__bpf_map_elem *ctx)
{
	struct task_struct *reader = (void *)bpf_get_current_task();
	__u64 session = ctx->meta->session_id, *known;
	struct place *first, *place;
	struct output *output;
	struct slots slots = {};
	__u32 index = 0;

	first = bpf_map_lookup_elem(&places, &index);
	output = bpf_map_lookup_elem(&outputs, &index);
	if (!ctx->value || !first || !output)
		return 0;
	if (first->session != session) {
		first->session = session;
		first->count = 0;
	}
	index = first->count + 1;
	place = bpf_map_lookup_elem(&places, &index);
	if (!place)
		return 0;
	place->net = (__u64)BPF_CORE_READ(reader, nsproxy, net_ns);
	place->tables = place->missing = 0;
	/* 6.1 does not take every form of a loop that the compiler may give it. */
	#pragma clang loop unroll(full)
	for (__u32 table = 0; table < TABLES; table++) {
		find_slots(place->net, table, &slots);
		if (!slots.base && !is_of_reader(table))
			place->missing |= 1ULL << table;
		known = bpf_map_lookup_elem(&known_tables, &slots.base);
		if (!slots.base || (known && *known == session))
			continue;
		place->tables |= 1ULL << table;
		bpf_map_update_elem(&known_tables, &slots.base, &session, 0);
	}
	output->header.missing = place->missing;
	first->count = index;
	return 1;
}

#endif
