/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Collecting sockets: follows the chains of a table from slot to slot under RCU, and notes the addresses of those
 * that are wanted. No socket is missed that is in the table all the time, and none is noted twice:
 *
 *   A socket must point back to the link through which it was reached. Otherwise it was moved, or freed, maybe without
 *   waiting for readers, or the link is that of a socket that was removed. The chain is then followed again.
 *   The chains of TCP end in a number, that of their slot. A chain that ends in another number led through a socket
 *   that was removed and added elsewhere meanwhile, and is followed again, too.
 *
 * A chain that does not fit a call any more is left to the next one as a whole. A chain that does not fit a call of
 * its own is done in the order of addresses: a call has those of its sockets up to some address, and the next one those
 * above it. The address of a socket never changes. To pass over a number of nodes would lose sockets, because others come
 * and go, at either end, and any number of them while the reader waits.
 */
#ifndef CHAINS_H
#define CHAINS_H

#include "slots.h"

/* What a walk looks for; a constant to the compiler. */
enum walk_kind { WALK_TCP, WALK_UDP, WALK_UNIX, WALK_MPTCP, WALK_QUEUES, WALK_MESSAGES, WALK_PACKET, WALK_XDP, WALK_RAW };

/* Begins the next stripe of the lane. Returns false if none is left in the table. */
static __always_inline bool begin_stripe(struct lane *lane)
{
	if (lane->next_stripe >= lane->slots.count)
		return false;
	lane->slot = lane->next_stripe;
	lane->end = lane->slot + lane->stripe;
	if (lane->end > lane->slots.count)
		lane->end = lane->slots.count;
	lane->next_stripe += lane->stripe * parameters.walk.lanes;
	lane->low = lane->width = 0;
	return true;
}

/* Begins with the chain of a slot, whose head has been loaded. */
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

/*
 * Goes to the next slot that has a chain, or near to it. Returns 1 if none is left for this call, whose sockets are
 * all of one stripe.
 */
static __always_inline long next_slot(struct lane *lane)
{
	struct collecting *c = &lane->collecting;
	__u64 head = 1;

	c->slot = pass_empty_groups(lane, c->slot, lane->end);
	for (int i = 0; i < SLOTS_PER_STEP && is_end(head); i++) {
		c->slot++;
		if (c->slot >= lane->end) {
			if (c->found || !begin_stripe(lane))
				return 1;
			c->slot = lane->slot;
		}
		head = load_head(lane, c->slot * lane->slots.stride);
	}
	c->before = c->found;
	c->low = 0;
	c->high = ~0ULL;
	begin_chain(lane, head);
	return 0;
}

/*
 * The end of a chain. Returns 1 when there is no more to collect. Not static, because the verifier then analyses it
 * only once.
 */
__noinline int end_chain(__u32 number)
{
	struct lane *lane = bpf_map_lookup_elem(&lanes, &number);
	struct collecting *c;

	if (!lane)
		return 1;
	c = &lane->collecting;
	if (lane->slots.nulls != NO_NULLS && c->position && c->node >> 1 != lane->slots.nulls + c->slot) {
		restart_chain(lane);
		return 0;
	}
	if (c->above == ~0ULL)
		return next_slot(lane);
	c->is_part = 1;
	return 1;
}

/* Whether a socket, of which there is a copy of the beginning, may be wanted. */
static __always_inline bool is_candidate(struct lane *lane, enum walk_kind kind, __u64 address)
{
	struct sock_common *skc = COMMON(lane);

	if (!parameters.prefilter.every_netns && (__u64)skc->skc_net.net != lane->net)
		return false;
	switch (kind) {
	case WALK_TCP:
		return wanted(skc, tcp_state(skc, address), parameters.prefilter.tcp_states);
	case WALK_UDP:
		return wanted(skc, skc->skc_state, parameters.prefilter.udp_states);
	case WALK_UNIX:
	case WALK_MESSAGES:
		return skc->skc_family == AF_UNIX;
	case WALK_PACKET:
		return skc->skc_family == AF_PACKET;
	case WALK_XDP:
		return skc->skc_family == AF_XDP;
	case WALK_RAW:
		return wanted(skc, TCP_CLOSE, ~0);
	case WALK_QUEUES:
		return skc->skc_state == TCP_LISTEN;
	default:
		return skc->skc_state != TCP_TIME_WAIT && skc->skc_state != TCP_NEW_SYN_RECV;
	}
}

/* What note() has done with a socket. */
enum noted { NOTED, NOTED_LATER, NOTED_AGAIN };

/*
 * Notes the address of a socket that is wanted. NOTED_LATER: the chain is left to the next call. NOTED_AGAIN: it is
 * followed again, for fewer addresses.
 */
static __always_inline enum noted note(struct lane *lane, __u64 address)
{
	struct collecting *c = &lane->collecting;
	__u64 found = c->found;

	if (address < c->least)
		c->least = address;
	if (address > c->most)
		c->most = address;
	if (found < c->limit) {
		lane->address[found & (CALL_SOCKETS - 1)] = address;
		lane->slot_of[found & (CALL_SOCKETS - 1)] = c->slot;
		c->found = found + 1;
		return NOTED;
	}
	if (c->before) {
		c->found = c->before;
		c->is_cut = 1;
		return NOTED_LATER;
	}
	c->high = c->least + (c->most - c->least) / 2;
	restart_chain(lane);
	return NOTED_AGAIN;
}

/* A node of a chain. Returns 1 when there is no more to collect. */
static __always_inline int visit(__u32 number, enum walk_kind kind)
{
	struct lane *lane = bpf_map_lookup_elem(&lanes, &number);
	struct collecting *c;
	__u64 node, address;
	enum noted noted;
	bool is_of_this;

	if (!lane)
		return 1;
	c = &lane->collecting;
	node = c->node;
	address = node - NODE_OFFSET;
	is_of_this = address > c->low && address <= c->high;
	if (is_of_this)
		copy_common(lane, address);
	else
		copy_node(lane, address);
	if ((__u64)COMMON(lane)->skc_node.pprev != c->link) {
		restart_chain(lane);
		return 0;
	}
	if (is_of_this && is_candidate(lane, kind, address)) {
		noted = note(lane, address);
		if (noted != NOTED)
			return noted == NOTED_LATER;
	}
	/* Whether it is wanted will be seen when its turn comes. */
	if (address > c->high && address < c->above)
		c->above = address;
	c->link = node;
	c->position++;
	c->node = (__u64)COMMON(lane)->skc_node.next;
	return 0;
}

/* Whether the next step is to the end of a chain. */
static __always_inline bool is_at_end(__u32 number)
{
	struct lane *lane = bpf_map_lookup_elem(&lanes, &number);

	return !lane || is_end(lane->collecting.node);
}

static __always_inline void begin_collecting(struct lane *lane)
{
	struct collecting *c = &lane->collecting;

	c->slot = lane->slot;
	c->limit = lane->limit >> (lane->retakes & 7);
	if (!c->limit)
		c->limit = 1;
	c->found = c->before = 0;
	c->low = lane->low;
	c->high = lane->width && lane->low + lane->width > lane->low ? lane->low + lane->width : ~0ULL;
	c->is_part = 0;
	c->is_cut = 0;
	lane->heads_begin = ~0ULL;
	/* A lane of a small table may have no slot at all. */
	c->node = 1;
	c->position = 0;
	c->above = ~0ULL;
	if (c->slot < lane->end)
		restart_chain(lane);
}

/*
 * The steps were used up within a chain, which is left to the next call: if it was the only one, with as many addresses as
 * were tried last, or with more steps.
 */
static __always_inline void give_up_chain(struct lane *lane, struct output *output)
{
	struct collecting *c = &lane->collecting;

	c->found = c->before;
	if (c->slot != lane->slot) {
		lane->low = lane->width = 0;
	} else if (c->high != ~0ULL && (!lane->width || c->high - c->low < lane->width)) {
		lane->width = c->high - c->low;
	} else if (lane->steps < CALL_STEPS_MAX) {
		lane->steps *= 2;
	} else {
		output->header.lost++;
		c->slot++;
		lane->low = lane->width = 0;
	}
}

/* The most steps of this call. */
static __always_inline __u32 steps(__u32 number)
{
	struct lane *lane = bpf_map_lookup_elem(&lanes, &number);

	return lane ? lane->steps : 0;
}

/* Decides where the next call begins. Returns the number of sockets that were collected. */
__noinline int end_collecting(__u32 number)
{
	struct output *output = bpf_map_lookup_elem(&outputs, &number);
	struct lane *lane = bpf_map_lookup_elem(&lanes, &number);
	struct collecting *c;

	if (!lane || !output)
		return 0;
	c = &lane->collecting;
	if (c->is_part) {
		lane->low = c->above - 1;
		lane->width = 2 * (c->high - c->low);
	} else if (c->slot >= lane->end || c->is_cut) {
		lane->low = lane->width = 0;
	} else {
		give_up_chain(lane, output);
	}
	/* The chain that needed more steps is done. */
	if (lane->slot != c->slot)
		lane->steps = CALL_STEPS;
	lane->slot = c->slot;
	return c->found;
}

#endif
