/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A walk of a table for a file that has many readers: a pin. Like the walk of one reader (walk.h), it takes no lock of a
 * socket. What it finds goes into the seq_file of the reader.
 *
 * The iterator goes over a map, the number of whose element is the number of the call. A call writes as much as fits
 * into the buffer of the seq_file, 32 KB. It does so in batches. A batch collects the addresses of sockets, copies each
 * of them, looks at it again, and then writes it, so that no line or record is of two sockets. The calls after the end of
 * the walk write nothing.
 *
 * No two readers share anything:
 *
 *   What a call needs (struct lane) is in the storage of the task that reads. A task is in one call at a time.
 *   Where a reader is in the table (struct position) is in a map, by the number of the open file
 *   (bpf_iter_meta.session_id), which no other has had. A call works with a copy of it.
 *
 * A reader may never come back, and its position remains. When the map is full, those that are older than IDLE are
 * removed. A reader without its position, whose next call is not the first, gets an error instead of a part of the table,
 * like one for which the calls are too few.
 *
 * A socket that is in the table all the time is shown once. A slot is shown as a whole, or in the order of addresses:
 * sockets of a chain that does not fit are shown up to some address, and those above it in the next batch. The address of
 * a socket never changes. To "skip n nodes" would lose sockets, because others come and go.
 */
#ifndef PINS_H
#define PINS_H

#include "constant.h"
#include "hashes.h"
#include "likeness.h"

/*
 * The most calls of a reader. The loader sets it, because each call takes a tenth of a microsecond, also if it is after
 * the end: src/kernel/shared.rs
 */
const volatile __u32 calls SEC(".rodata.calls") = 4096;

/* The most batches of a call, and the most sockets of a batch, a power of two. */
#define CALL_BATCHES 16
#define BATCH_SOCKETS 64

/*
 * After as many steps, a call ends with the chain, because all of it is under rcu_read_lock(). A longer chain is followed
 * to its end, and up to so many steps.
 */
#define CALL_STEPS 4096
#define CHAIN_STEPS (1 << 20)

/* The most positions, and how long one is kept if there is no room for another, in nanoseconds. */
#define POSITIONS 16384
#define IDLE 60000000000ULL

/* Where a reader is. */
struct position {
	__u64 net;     /* the address of the network namespace */
	__u64 table;   /* enum table */
	__u64 slot;    /* the first that is not done, */
	__u64 address; /* up to which its sockets are done, */
	__u64 width;   /* and how many addresses above it the last batch had; 0: all */
	__u64 is_done;
	__u64 is_alone; /* whether a record was so long that the next call writes only one */
	__u64 used_at; /* in nanoseconds */
};

/* The phase that collects. See lane.h. */
struct collecting {
	__u64 slot;
	__u64 node;	/* the address of the next node of the chain, or the mark at its end */
	__u64 link;	/* where the pointer to that node is */
	__u64 position; /* of the node in the chain */
	__u64 found;	/* the number of sockets, */
	__u64 before;	/* and what it was when the chain began */
	__u64 low;	/* The addresses of the chain that are wanted are above this one, */
	__u64 high;	/* and at most this one. */
	__u64 least;	/* the lowest and the highest address of those */
	__u64 most;
	__u64 above;	/* the lowest address that is too high; ~0: there is none */
	__u64 steps;	/* of the call */
	__u64 is_ended;
};

/* Copies of kernel structures. */
struct copies {
	__u64 address; /* of the socket itself */
	__u8 sock[3584]; /* of any kind of socket */
	__u8 np[512];
};

/* The state of a call. A kernel may refuse storage of more than 8 KB: mm/slub.c, kmalloc_nolock() */
struct lane {
	__u64 session;
	__u64 number; /* of the call */
	struct position place;
	struct position begin; /* where the call began */
	__u64 family; /* 0: any */
	__u64 last_table; /* enum table */
	__u64 is_failed;
	__u64 table;
	struct slots slots;
	__u64 batches; /* how many more the call may have, */
	__u64 most;    /* and the most sockets of each */
	__u64 limit; /* the most sockets of the batch */
	__u64 found; /* their number, */
	__u64 next;  /* the index of the one that is written, */
	__u64 tries; /* and how often it was */
	struct collecting collecting;
	struct likeness likeness[2]; /* the socket before and after */
	__u64 heads_begin; /* the offset of `heads` in the table */
	__u64 heads[HEADS / 8];
	__u64 common[32]; /* a copy of a struct sock_common */
	__u64 address[BATCH_SOCKETS];
	__u64 slot_of[BATCH_SOCKETS];
	__u64 part[96]; /* of a record: output.h */
	struct copies copies;
};

#include "slots.h"

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct lane);
} pin_lanes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, POSITIONS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct position);
} pin_positions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, __u32);
} pin_calls SEC(".maps");

/* The state of this task's call. */
static __always_inline struct lane *own_lane(void)
{
	return bpf_task_storage_get(&pin_lanes, bpf_get_current_task_btf(), 0, 0);
}

/* Collecting. */

/* Begins with the chain of the slot, whose head has been loaded. */
static __always_inline void begin_chain(struct lane *lane, __u64 head)
{
	struct collecting *c = &lane->collecting;

	c->found = c->before;
	c->position = 0;
	c->least = c->above = ~0ULL;
	c->most = 0;
	c->link = lane->slots.base + c->slot * lane->slots.stride;
	c->node = head;
}

/* Follows a chain from its beginning, because it has changed, or because other addresses are wanted. */
static __always_inline void restart_chain(struct lane *lane)
{
	begin_chain(lane, load_word(lane->slots.base + lane->collecting.slot * lane->slots.stride));
}

static __always_inline int end_here(struct collecting *c)
{
	c->is_ended = 1;
	return 1;
}

/* Goes to the next slot that has a chain, or near to it. Returns 1 at the end of the table, and of the batch. */
static __always_inline int next_slot(struct lane *lane)
{
	struct collecting *c = &lane->collecting;
	__u64 head = 1;

	c->slot = pass_empty_groups(lane, c->slot, lane->slots.count);
	for (int i = 0; i < SLOTS_PER_STEP && is_end(head); i++) {
		c->slot++;
		if (c->slot >= lane->slots.count)
			return end_here(c);
		head = load_head(lane, c->slot * lane->slots.stride);
	}
	c->before = c->found;
	c->low = 0;
	c->high = ~0ULL;
	begin_chain(lane, head);
	return c->steps >= CALL_STEPS ? end_here(c) : 0;
}

/* The end of a chain. Returns 1 when there is no more to collect. */
static __always_inline int end_chain(struct lane *lane)
{
	struct collecting *c = &lane->collecting;

	if (lane->slots.nulls != NO_NULLS && c->position && c->node >> 1 != lane->slots.nulls + c->slot) {
		restart_chain(lane);
		return 0;
	}
	return c->above != ~0ULL ? end_here(c) : next_slot(lane);
}

/* Notes the address of a socket. Returns 1 if the chain is left to the next batch. */
static __always_inline int note(struct lane *lane, __u64 address)
{
	struct collecting *c = &lane->collecting;
	__u64 found = c->found;

	if (address <= c->low)
		return 0;
	if (address > c->high) {
		if (address < c->above)
			c->above = address;
		return 0;
	}
	if (address < c->least)
		c->least = address;
	if (address > c->most)
		c->most = address;
	if (found < lane->limit) {
		lane->address[found & (BATCH_SOCKETS - 1)] = address;
		lane->slot_of[found & (BATCH_SOCKETS - 1)] = c->slot;
		c->found = found + 1;
		return 0;
	}
	if (c->before) {
		c->found = c->before;
		c->above = ~0ULL;
		return end_here(c);
	}
	/* The chain alone has more sockets than there is room for. */
	c->high = c->least + (c->most - c->least) / 2;
	restart_chain(lane);
	return 2;
}

static __always_inline bool is_wanted_here(struct lane *lane)
{
	struct sock_common *skc = COMMON(lane);

	return (__u64)skc->skc_net.net == lane->place.net &&
	       (!lane->family || skc->skc_family == lane->family);
}

/* A node of a chain. Returns 1 when there is no more to collect. */
static __always_inline int visit(struct lane *lane)
{
	struct collecting *c = &lane->collecting;
	__u64 node = c->node;
	int noted;

	copy_common(lane, node - NODE_OFFSET);
	if ((__u64)COMMON(lane)->skc_node.pprev != c->link) {
		restart_chain(lane);
		return 0;
	}
	c->link = node;
	if (is_wanted_here(lane)) {
		noted = note(lane, node - NODE_OFFSET);
		if (noted)
			return noted & 1;
	}
	c->position++;
	c->node = (__u64)COMMON(lane)->skc_node.next;
	return 0;
}

/* A step. Not static, like the other functions without the seq_file, because the verifier then analyses it only once. */
__noinline int collect(void)
{
	struct lane *lane = own_lane();

	if (!lane)
		return 1;
	lane->collecting.steps++;
	return is_end(lane->collecting.node) ? end_chain(lane) : visit(lane);
}

static long collect_turn(__u32 index, void *nothing)
{
	return collect() & 1;
}

/* Begins a batch of so many sockets at most. Returns false if there is none. */
static __always_inline bool begin_batch(struct lane *lane, __u32 limit)
{
	struct collecting *c = &lane->collecting;
	struct position *place = &lane->place;

	if (!lane->batches | place->is_done | lane->is_failed | (c->steps >= CALL_STEPS))
		return false;
	lane->batches--;
	lane->table = place->table;
	find_slots(place->net, lane->table, &lane->slots);
	if (!lane->slots.base) {
		lane->is_failed = 1;
		return false;
	}
	lane->limit = limit < lane->most ? limit : lane->most;
	lane->heads_begin = ~0ULL;
	c->slot = place->slot;
	c->before = c->is_ended = 0;
	c->low = place->address;
	c->high = place->width && c->low + place->width > c->low ? c->low + place->width : ~0ULL;
	restart_chain(lane);
	return true;
}

/* Ends the collecting of a batch, and decides where the next one begins. Returns the number of sockets. */
static __always_inline __u64 end_batch(struct lane *lane)
{
	struct collecting *c = &lane->collecting;
	struct position *place = &lane->place;

	if (!c->is_ended) {
		lane->is_failed = 1;
		return 0;
	}
	place->slot = c->slot;
	place->address = place->width = 0;
	if (c->above != ~0ULL) {
		place->address = c->above - 1;
		place->width = 2 * (c->high - c->low);
	} else if (c->slot >= lane->slots.count) {
		place->slot = 0;
		place->is_done = place->table == lane->last_table;
		place->table = lane->last_table;
	}
	return c->found;
}

/* Sockets. */

/*
 * One loop does all turns of a call, of which one is for a socket or for the end of a batch. Later verifiers, such as that of
 * 6.12, follow each loop twice, and a loop in a loop in a loop eight times.
 */
#define CALL_TURNS (CALL_BATCHES * (BATCH_SOCKETS * TRIES + 1))

/* In place of the index of a socket. */
#define BATCH_ENDS (-1)
#define CALL_ENDS (-2)

/*
 * Returns the index of the socket to write. After the last one of a batch, the next is collected, unless there is room for
 * fewer than `least` sockets.
 */
__noinline int next_socket(__u32 room, __u32 least)
{
	struct lane *lane = own_lane();

	if (!lane)
		return CALL_ENDS;
	if (lane->next < lane->found)
		return lane->next & (BATCH_SOCKETS - 1);
	if (room < least || !begin_batch(lane, room))
		return CALL_ENDS;
	bpf_loop(CHAIN_STEPS, collect_turn, 0, 0);
	lane->found = end_batch(lane);
	lane->next = lane->tries = 0;
	return lane->found ? 0 : BATCH_ENDS;
}

/* Goes to the next socket or, if this one has changed while it was written, writes it once more. */
__noinline int end_socket(__u32 has_changed)
{
	struct lane *lane = own_lane();

	if (!lane || (has_changed && ++lane->tries < TRIES))
		return 0;
	lane->next++;
	lane->tries = 0;
	return 0;
}

#define CHANGED (-1)

/*
 * Copies a socket. Returns its state, that of the kernel in the upper bits, 0 if it is not in its chain any more, or
 * CHANGED.
 */
__noinline int copy_once(__u32 index)
{
	struct lane *lane = own_lane();
	struct likeness *before;
	struct sock_common *skc;
	__u32 state, shown;

	if (!lane)
		return 0;
	before = &lane->likeness[0];
	lane->copies.address = lane->address[index & (BATCH_SOCKETS - 1)];
	skc = (void *)lane->copies.sock;
	liken(lane, before);
	if (!before->pprev || !is_wanted_here(lane))
		return 0;
	/* The address may be that of another connection by now, which another slot has. */
	if (lane->table == TABLE_TCP &&
	    (before->hash & (lane->slots.count - 1)) != lane->slot_of[index & (BATCH_SOCKETS - 1)])
		return 0;
	state = COMMON(lane)->skc_state;
	if (state == TCP_TIME_WAIT || state == TCP_NEW_SYN_RECV)
		COPY(tcp_timewait_sock, lane->copies.sock, lane->copies.address);
	else if (lane->table == TABLE_UDP)
		COPY(udp_sock, lane->copies.sock, lane->copies.address);
	else if (lane->table == TABLE_UNIX)
		COPY(unix_sock, lane->copies.sock, lane->copies.address);
	else
		COPY(tcp_sock, lane->copies.sock, lane->copies.address);
	shown = tcp_state(skc, lane->copies.address);
	return has_changed(lane) ? CHANGED : state << 8 | shown;
}

/* The same, but returns 0 for a socket that changes all the time. */
__noinline int copy_socket(__u32 index)
{
	int state;

	/* 6.1 does not take every form of a loop that the compiler may give it. */
	#pragma clang loop unroll(full)
	for (int i = 0; i < TRIES; i++) {
		state = copy_once(index);
		if (state != CHANGED)
			return state;
	}
	return 0;
}

/* Whether the socket that was copied last has changed since then. */
__noinline int has_socket_changed(void)
{
	struct lane *lane = own_lane();

	return !lane || has_changed(lane);
}

/* Calls. */

enum call { CALL_DONE, CALL_FIRST, CALL_NEXT, CALL_FOR_ONE, CALL_FAILED };

/*
 * The position of a reader. Its memory may become that of another position at any time. If it is still there after it was
 * copied, the copy is right, because only this reader can have put it there.
 */
static __always_inline bool load_position(struct lane *lane)
{
	__u64 session = lane->session;
	struct position *position = bpf_map_lookup_elem(&pin_positions, &session);

	if (!position)
		return false;
	lane->place = *position;
	return bpf_map_lookup_elem(&pin_positions, &session) == position;
}

static long forget_if_old(void *map, __u64 *session, struct position *position, __u64 *now)
{
	if (*now - position->used_at > IDLE)
		bpf_map_delete_elem(&pin_positions, session);
	return 0;
}

static __always_inline bool store_position(struct lane *lane)
{
	__u64 session = lane->session, now = bpf_ktime_get_ns();

	lane->place.used_at = now;
	if (!bpf_map_update_elem(&pin_positions, &session, &lane->place, 0))
		return true;
	bpf_for_each_map_elem(&pin_positions, forget_if_old, &now, 0);
	return !bpf_map_update_elem(&pin_positions, &session, &lane->place, 0);
}

__noinline int forget_position(__u64 session)
{
	return bpf_map_delete_elem(&pin_positions, &session);
}

/* Begins a call. Returns enum call. */
__noinline int begin_call(__u64 session, __u32 number, __u32 family, __u32 first_table, __u32 last_table)
{
	struct task_struct *reader = bpf_get_current_task_btf();
	struct lane *lane = bpf_task_storage_get(&pin_lanes, reader, 0, 0);

	/* Most calls come after the end. */
	if (lane && lane->session == session && lane->place.is_done && number < calls - 1)
		return CALL_DONE;
	lane = bpf_task_storage_get(&pin_lanes, reader, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!lane)
		return CALL_FAILED;
	lane->session = session;
	lane->number = number;
	lane->family = family;
	lane->last_table = last_table;
	lane->is_failed = 0;
	lane->batches = CALL_BATCHES;
	lane->most = BATCH_SOCKETS;
	lane->found = lane->next = 0;
	lane->collecting.steps = 0;
	if (!load_position(lane)) {
		if (number)
			return CALL_FAILED;
		lane->place = (struct position){
			.net = (__u64)BPF_CORE_READ(reader, nsproxy, net_ns),
			.table = first_table,
		};
	}
	lane->begin = lane->place;
	if (lane->place.is_done) {
		if (number == calls - 1)
			bpf_map_delete_elem(&pin_positions, &session);
		return CALL_DONE;
	}
	if (lane->place.net != (__u64)BPF_CORE_READ(reader, nsproxy, net_ns))
		return CALL_FAILED;
	if (lane->place.is_alone) {
		lane->batches = lane->most = 1;
		return CALL_FOR_ONE;
	}
	return number ? CALL_NEXT : CALL_FIRST;
}

/* Ends a call. Returns 0 if the walk has failed. */
__noinline int end_call(void)
{
	struct lane *lane = own_lane();

	if (!lane || lane->is_failed || (!lane->place.is_done && lane->number >= calls - 1))
		return 0;
	lane->place.is_alone = 0;
	return store_position(lane);
}

/*
 * Ends a call that wrote more than fits, which the kernel takes back: the next call begins where it began, and writes
 * only one record.
 */
__noinline int end_call_for_one(void)
{
	struct lane *lane = own_lane();

	if (!lane)
		return 0;
	lane->place = lane->begin;
	lane->place.is_alone = 1;
	return store_position(lane);
}

/* Writes more than fits, so that the reader gets the error E2BIG: kernel/bpf/bpf_iter.c, bpf_seq_read() */
static long write_blanks(__u32 index, struct seq_file **seq)
{
	static const char blanks[1024] CONSTANT = {};

	return bpf_seq_write(*seq, blanks, sizeof(blanks)) != 0;
}

static __always_inline void fail(struct seq_file *seq)
{
	bpf_loop(1 << 16, write_blanks, &seq, 0);
}

#endif
