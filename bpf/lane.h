/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The state of a walk, and its maps. A walk has one or more lanes, each of which is read by one thread and has its
 * own element in each map. The slots of a table are divided into stripes, which the lanes do in turn. The reader
 * merges the lanes by output_header.order, so that the same table gives the same rows in the same order.
 *
 * The loader freezes all maps, because they say where the kernel is read. The reader would keep a means to read any
 * address after it has given up its capabilities. It starts a walk by opening an iterator, whose number is a new
 * one (bpf_iter_meta.session_id), and what a walk is for is in the parameters.
 */
#ifndef LANE_H
#define LANE_H

#include "hashes.h"
#include "likeness.h"
#include "accept_queue.h"

/*
 * The most sockets of a call, a power of two. All of a call is under rcu_read_lock(). A socket that is not in the
 * cache of the CPU takes up to two microseconds.
 */
#define CALL_SOCKETS 128

/*
 * The most steps of a call, each to another node or past some empty slots; more for a chain that needs them. A step
 * to a node that is not in the cache of the CPU takes a quarter of a microsecond.
 */
#define CALL_STEPS 1024
#define CALL_STEPS_MAX (1 << 20)
#define CALL_STEPS_MAX_WITHOUT_LOOP (1 << 14)

/* The steps that a kernel without bpf_loop() does at once. */
#define SOME_STEPS 64

/*
 * The most stripes of a table. While the records of a lane's stripe are used, the other lanes do theirs, as far as the
 * reader has memory for them: a stripe of a table of a million sockets is 1 MB.
 */
#define STRIPES 1024

/* A network namespace, and the tables that are walked for it: the tables that it shares are the first one's. */
struct place {
	union {
		__u64 net; /* the address of its struct net */
		__u64 session; /* of the first element: bpf_iter_meta.session_id */
	};
	union {
		__u64 tables; /* bit n: enum table n */
		__u64 count; /* of the first element: the number of places */
	};
	__u64 missing; /* the tables that every namespace has, and that were not found */
};

/*
 * The phase that collects sockets. Its state is in a map and not on the stack: what is loaded from there is any
 * number to the verifier, to which one step of the loop then looks like the other.
 */
struct collecting {
	__u64 slot;
	__u64 node;	/* the address of the next node of the chain, or the mark at its end */
	__u64 link;	/* where the pointer to that node is */
	__u64 position; /* of the node in the chain */
	__u64 limit;	/* the number of sockets at most, */
	__u64 found;	/* that of those that were found, */
	__u64 before;	/* and what it was when the chain began */
	__u64 low;	/* the addresses of the chain that the call has are above this one, */
	__u64 high;	/* and at most this one */
	__u64 least;	/* the lowest and the highest address of those that are wanted */
	__u64 most;
	__u64 above;	/* the lowest address that is too high; ~0: there is none */
	__u64 is_part;	/* whether the chain ended, and has such addresses */
	__u64 is_cut;	/* whether the last chain is left to the next call */
};

/* Copies of kernel structures. One that is larger is cut, and the verifier then refuses what is read behind. */
struct copies {
	__u64 address; /* of the socket itself */
	__u8 sock[4096]; /* of any kind of socket */
	__u8 first[4096]; /* the first subflow of an MPTCP socket */
	__u8 np[1024];
	__u8 net[16384];
};

/* Where a call begins, to make it again. */
struct call {
	__u64 slot;
	__u64 end;
	__u64 next_stripe;
	__u64 low;
	__u64 width;
	__u64 steps;
	__u64 limit;
};

struct lane {
	__u64 session; /* the iterator that is being read */
	__u64 next_place; /* the index of the place of the next table */
	__u64 next_table; /* enum table */
	__u64 table;
	__u64 net;
	struct slots slots;
	__u64 tables_begun; /* their number */
	__u64 stripe; /* the number of slots of one */
	__u64 next_stripe; /* where the next one of this lane begins */
	__u64 slot; /* where the next call begins, */
	__u64 end;  /* and where its stripe ends */
	__u64 low; /* up to which address the sockets of that slot are done, if one call was not enough for all, */
	__u64 width; /* and how many addresses above it the next call tries; 0: all */
	__u64 steps; /* of a call, at most */
	__u64 limit; /* the number of sockets of a call, at most */
	__u64 retakes; /* how often the call was made again, because sockets had changed */
	__u64 unsteady; /* whether that is so in this call: enum unsteady */
	__u64 work; /* the steps of this call in the queues of sockets */
	__u64 is_busy; /* whether `limit` was lowered because there were too many */
	__u64 copied_net; /* which namespace the copy is of */
	struct collecting collecting;
	struct call first;
	__u64 begun_at; /* of the call, in nanoseconds */
	__u64 length; /* of the output before the record that is being written */
	__u64 index; /* of its socket among those of the call */
	struct likeness likeness[2]; /* the socket before and after */
	struct queue queue;
	__u64 queues;	  /* the number of listeners that were collected, */
	__u64 next_queue; /* and the index of the next one */
	__u64 heads_begin; /* the offset of `heads` in the table */
	__u64 heads[HEADS / 8];
	__u64 common[32]; /* a copy of a struct sock_common */
	__u64 address[CALL_SOCKETS];
	__u64 slot_of[CALL_SOCKETS];
	struct copies copies;
};

/* The loader makes as many elements as there are lanes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lane);
} lanes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct output);
} outputs SEC(".maps");

/*
 * The network namespaces of the walk, from the second element on. The first has the iterator that they were found
 * with, and their number. The loader makes room for more than one namespace if there may be more.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct place);
} places SEC(".maps");

/* The tables of the places so far, by the address of the first slot, with the session. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u64);
} known_tables SEC(".maps");

/*
 * What the iterators of the lanes go over: one element, the number of the lane. A call that returns 1 is made
 * again by the next read(2): kernel/bpf/bpf_iter.c, bpf_seq_read().
 */
const volatile __u32 lane_0 SEC(".rodata.lane_0") = 0;
const volatile __u32 lane_1 SEC(".rodata.lane_1") = 1;
const volatile __u32 lane_2 SEC(".rodata.lane_2") = 2;
const volatile __u32 lane_3 SEC(".rodata.lane_3") = 3;

#endif
