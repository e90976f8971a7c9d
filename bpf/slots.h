/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading the slots of a table and the sockets in its chains, which may change and be freed at any time. A struct lane
 * has the state of the one who reads: that of a walk (lane.h), or of a reader of a pin (pins.h).
 */
#ifndef SLOTS_H
#define SLOTS_H

#include "hashes.h"
#include "likeness.h"

/* Most slots are empty. Groups of eight that are, and then some single ones, are passed in one step. */
#define GROUPS_PER_STEP 2
#define SLOTS_PER_STEP 4

#define NODE_OFFSET bpf_core_field_offset(struct sock_common, skc_node)

#define COMMON(lane) ((struct sock_common *)(lane)->common)

static __always_inline bool is_end(__u64 node)
{
	return (node & 1) | !node;
}

#define END_OF(type, member) (bpf_core_field_offset(type, member) + bpf_core_field_size(type, member))

/*
 * Copies what every socket begins with, up to the last member that is looked at here: two lines of the cache, which is
 * most of the time of a walk past sockets that are not wanted.
 */
static __always_inline void copy_common(struct lane *lane, __u64 address)
{
	__u64 size = END_OF(struct sock_common, skc_node);

	if (size < END_OF(struct sock_common, skc_hash))
		size = END_OF(struct sock_common, skc_hash);
	bpf_probe_read_kernel(lane->common, size < sizeof(lane->common) ? size : sizeof(lane->common),
			      (void *)address);
}

/* Copies the links of a socket alone. */
static __always_inline void copy_node(struct lane *lane, __u64 address)
{
	bpf_probe_read_kernel(&COMMON(lane)->skc_node, sizeof(struct hlist_node), (void *)(address + NODE_OFFSET));
}

/* The head of a slot. Those of the slots around it are read at once. */
static __always_inline __u64 load_head(struct lane *lane, __u64 offset)
{
	__u64 begin = offset & ~(__u64)(HEADS - 1);

	if (lane->heads_begin != begin) {
		/* Behind the last slot may be an address that cannot be read. */
		if ((lane->slots.stride & (lane->slots.stride - 1)) ||
		    bpf_probe_read_kernel(lane->heads, sizeof(lane->heads), (void *)(lane->slots.base + begin)))
			return load_word(lane->slots.base + offset);
		lane->heads_begin = begin;
	}
	return lane->heads[(offset & (HEADS - 1)) / 8];
}

/* Whether a group of eight slots, of a table whose slots are only heads, has no chain. */
static __always_inline bool is_empty_group(struct lane *lane, __u64 slot)
{
	__u64 offset = slot * 8, *heads, all, any;

	load_head(lane, offset);
	if (lane->heads_begin != (offset & ~(__u64)(HEADS - 1)))
		return false;
	heads = &lane->heads[(offset & (HEADS - 1)) / 8 & (HEADS / 8 - 8)];
	all = heads[0] & heads[1] & heads[2] & heads[3] & heads[4] & heads[5] & heads[6] & heads[7];
	any = heads[0] | heads[1] | heads[2] | heads[3] | heads[4] | heads[5] | heads[6] | heads[7];
	return (all & 1) | !any;
}

/* Passes groups of slots that have no chain, up to one that has some, or two groups. Returns the last slot passed. */
static __always_inline __u64 pass_empty_groups(struct lane *lane, __u64 slot, __u64 end)
{
	for (int i = 0; i < GROUPS_PER_STEP; i++) {
		__u64 next = slot + 1;

		if (lane->slots.stride != 8 || next & 7 || next + 8 > end || !is_empty_group(lane, next))
			break;
		slot += 8;
	}
	return slot;
}

/* How many times a socket that changes is read. */
#define TRIES 4

static __always_inline void liken(struct lane *lane, struct likeness *likeness)
{
	struct sock_common *skc = COMMON(lane);

	copy_common(lane, lane->copies.address);
	likeness->addresses = (__u64)skc->skc_daddr << 32 | skc->skc_rcv_saddr;
	likeness->hash = skc->skc_hash;
	likeness->cookie = GET(skc, skc_cookie.counter);
	likeness->state = (__u64)skc->skc_state << 32 | (__u32)skc->skc_dport << 16 | skc->skc_num;
	likeness->pprev = (__u64)skc->skc_node.pprev;
	likeness->net = (__u64)skc->skc_net.net;
}

/* Copies a structure of the kernel. */
#define COPY(type, to, address)                                                                    \
	bpf_probe_read_kernel(to,                                                                  \
			      bpf_core_type_size(struct type) < sizeof(to) ?                       \
				      bpf_core_type_size(struct type) : sizeof(to),                \
			      (void *)(address))

/* The peer of a unix socket, which the copy of it has as well. Its memory may be that of another as soon as this differs. */
static __always_inline bool has_other_peer(struct lane *lane)
{
	struct unix_sock *copy = (void *)lane->copies.sock, *u = (void *)lane->copies.address;

	return HAS(u, peer) && BPF_CORE_READ(u, peer) != GET(copy, peer);
}

/*
 * Looks at the socket after it was read. One of a table whose chains end in NULL, whose memory may be used for anything
 * once it was removed, must also be what its link points to.
 */
static __always_inline bool has_changed(struct lane *lane)
{
	struct likeness *before = &lane->likeness[0], *after = &lane->likeness[1];

	liken(lane, after);
	if (lane->slots.nulls == NO_NULLS && load_word(after->pprev) != lane->copies.address + NODE_OFFSET)
		return true;
	if (lane->table == TABLE_UNIX && (before->pprev != after->pprev || has_other_peer(lane)))
		return true;
	return !after->pprev || before->addresses != after->addresses || before->hash != after->hash ||
	       before->cookie != after->cookie || before->state != after->state ||
	       before->net != after->net;
}

#endif
