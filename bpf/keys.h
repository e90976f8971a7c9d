/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The MD5 and TCP-AO keys of a TCP socket, as items: the peers that they are for, never the keys
 * themselves. A step writes one entry. The verifier has less to follow than in a step of items.h, so that
 * an unrolled loop may have more steps.
 */
#ifndef KEYS_H
#define KEYS_H

#define KEY_STEPS_UNROLLED 32

/* include/uapi/linux/tcp.h: the key is only for the VRF of its interface index, or for no VRF if that is 0 */
#define TCP_MD5SIG_FLAG_IFINDEX 2
#define TCP_AO_KEYF_IFINDEX 1

struct key_part {
	struct item_header header;
	struct key_item item;
};

/* These read an entry, without the key itself, and advance the cursor. */
static __always_inline void read_md5_key(struct cursor *cursor, struct key_item *item)
{
	struct tcp_md5sig_key *key;

	key = (void *)cursor->entry - bpf_core_field_offset(struct tcp_md5sig_key, node);
	bpf_core_read(item->address, 16, &key->addr.a6);
	item->family = BPF_CORE_READ(key, family);
	item->prefix_length = BPF_CORE_READ(key, prefixlen);
	item->ifindex = BPF_CORE_READ(key, l3index);
	if (HAS(key, flags) ? !(BPF_CORE_READ(key, flags) & TCP_MD5SIG_FLAG_IFINDEX) :
			      !item->ifindex)
		item->ifindex = -1;
	cursor->entry = (__u64)BPF_CORE_READ(key, node.next);
}

static __always_inline void read_ao_key(struct cursor *cursor, struct key_item *item)
{
	struct tcp_ao_key *key;

	key = (void *)cursor->entry - bpf_core_field_offset(struct tcp_ao_key, node);
	bpf_core_read(item->address, 16, &key->addr.a6);
	item->family = BPF_CORE_READ(key, family);
	item->prefix_length = BPF_CORE_READ(key, prefixlen);
	item->ifindex = BPF_CORE_READ(key, l3index);
	if (!(BPF_CORE_READ(key, keyflags) & TCP_AO_KEYF_IFINDEX))
		item->ifindex = -1;
	item->send_id = BPF_CORE_READ(key, sndid);
	item->receive_id = BPF_CORE_READ(key, rcvid);
	cursor->entry = (__u64)BPF_CORE_READ(key, node.next);
}

/* Writes the next entry. Returns 1 when no entry or no room is left. */
static long key_step(__u32 index, struct cursor *cursor)
{
	if (!cursor->entry || written(cursor->seq) - cursor->start > ITEMS_ROOM)
		return 1;
	BEGIN_PART_OR_RETURN(1, cursor->seq, struct key_part, part)
	part->header.kind = cursor->kind;
	part->header.length = sizeof(part->item);
	if (cursor->kind == ITEM_TCP_MD5_KEY && has_md5_keys(0))
		read_md5_key(cursor, &part->item);
	else if (cursor->kind == ITEM_TCP_AO_KEY && has_ao_keys(0))
		read_ao_key(cursor, &part->item);
	else
		return 1;
	END_PART(cursor->seq, part);
	return 0;
}

static __always_inline void write_keys(struct cursor *cursor, __u32 kind, __u64 first, bool loop_helper)
{
	if (!first)
		return;
	cursor->kind = kind;
	cursor->entry = first;
	if (loop_helper)
		bpf_loop(STEPS, key_step, cursor, 0);
	else
		for (__u32 i = 0; i < KEY_STEPS_UNROLLED; i++)
			if (key_step(i, cursor))
				break;
	if (cursor->entry)
		write_item_header(cursor->seq, ITEM_CUT, 0);
}

#endif
