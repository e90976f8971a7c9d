/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The items at the end of a record: blobs and lists, which most sockets do not have.
 *
 * An item is written in steps: one for its header, and one for each CHUNK of the bytes after it. A step
 * is a function that bpf_loop() calls: the verifier analyses it only a few times, whereas it would
 * follow every iteration of a loop. Kernels without bpf_loop() run a loop of fewer iterations. A cursor
 * holds addresses and not typed pointers, so what it points to is read with bpf_probe_read_kernel().
 */
#ifndef ITEMS_H
#define ITEMS_H

/* No entry is begun after this many bytes of items, so that a record fits the 32 KiB buffer of a read. */
#define ITEMS_ROOM 24576

/*
 * The same for the lists before the extension headers, which are always written whole: four of at most 2,056
 * bytes. The kernel ends a read in which a record does not fit.
 */
#define LISTS_ROOM (ITEMS_ROOM - 4 * 2056)

/*
 * An IPv6 extension header has at most 2,048 bytes. The sources of a membership and the groups of a
 * netlink socket are cut at this length.
 */
#define BYTES_MAX 2048

/* The most steps for a list: with bpf_loop(), and in an unrolled loop, where the verifier follows each. */
#define STEPS 1024
#define STEPS_UNROLLED 24

/* The position in a list; also the context of the bpf_loop() callback. */
struct cursor {
	struct seq_file *seq;
	/*
	 * The offset of the items in the buffer. Their length follows from the length of the buffer,
	 * because the verifier would follow a counter here through all its values.
	 */
	__u64 start;
	__u64 steps; /* the number of steps allowed */
	__u64 entry; /* the address of the next entry of the list, or 0 */
	__u64 bytes; /* the address of the bytes to copy after the item's header, */
	__u64 length; /* their number, */
	__u64 first; /* and the step that copies the first chunk of them */
	__u32 kind; /* enum item_kind */
};

struct membership_part {
	struct item_header header;
	struct membership_item item;
};

struct ip_options_part {
	struct item_header header;
	struct ip_options_item item;
};

static __always_inline int write_item_header(struct seq_file *seq, __u32 kind, __u32 length)
{
	BEGIN_PART(seq, struct item_header, header)

	header->kind = kind;
	header->length = length;
	END_PART(seq, header);
	return 0;
}

/* Copies the chunk that begins at `done`. */
static __always_inline void copy_chunk(struct cursor *cursor, __u64 done)
{
	put_chunk(cursor->seq, cursor->bytes + done, cursor->length - done);
}

/* These read an entry and advance the cursor. The steps that follow copy its sources. */
static __always_inline void read_ip_membership(struct cursor *cursor, struct membership_item *item)
{
	struct ip_mc_socklist *entry = (void *)cursor->entry;
	struct ip_sf_socklist *sources = BPF_CORE_READ(entry, sflist);

	*(__u32 *)item->group = BPF_CORE_READ(entry, multi.imr_multiaddr.s_addr);
	*(__u32 *)item->address = BPF_CORE_READ(entry, multi.imr_address.s_addr);
	item->ifindex = BPF_CORE_READ(entry, multi.imr_ifindex);
	item->mode = BPF_CORE_READ(entry, sfmode);
	if (sources)
		item->sources = BPF_CORE_READ(sources, sl_count);
	cursor->bytes = (__u64)&sources->sl_addr;
	cursor->length = item->sources * 4ULL;
	cursor->entry = (__u64)BPF_CORE_READ(entry, next_rcu);
}

static __always_inline void read_ipv6_membership(struct cursor *cursor, struct membership_item *item)
{
	struct ipv6_mc_socklist *entry = (void *)cursor->entry;
	struct ip6_sf_socklist *sources = BPF_CORE_READ(entry, sflist);

	bpf_core_read(item->group, 16, &entry->addr);
	item->ifindex = BPF_CORE_READ(entry, ifindex);
	item->mode = BPF_CORE_READ(entry, sfmode);
	if (sources)
		item->sources = BPF_CORE_READ(sources, sl_count);
	cursor->bytes = (__u64)&sources->sl_addr;
	cursor->length = item->sources * 16ULL;
	cursor->entry = (__u64)BPF_CORE_READ(entry, next);
}

static __always_inline void read_anycast(struct cursor *cursor, struct membership_item *item)
{
	struct ipv6_ac_socklist *entry = (void *)cursor->entry;

	bpf_core_read(item->group, 16, &entry->acl_addr);
	item->ifindex = BPF_CORE_READ(entry, acl_ifindex);
	cursor->entry = (__u64)BPF_CORE_READ(entry, acl_next);
}

/*
 * Writes the next part of a list or a blob. Returns 1 when nothing or no room is left. If a list did not
 * fit, cursor->entry is then not 0.
 */
static long step(__u32 index, struct cursor *cursor)
{
	__u64 entry = cursor->entry, done = (index - cursor->first) * CHUNK;

	if (index >= cursor->first && done < cursor->length) {
		copy_chunk(cursor, done);
		return 0;
	}
	if (!entry || written(cursor->seq) - cursor->start > LISTS_ROOM)
		return 1;
	BEGIN_PART_OR_RETURN(1, cursor->seq, struct membership_part, part)
	cursor->length = 0;
	cursor->first = index + 1;
	if (cursor->kind == ITEM_IP_MEMBERSHIP && has_ip_memberships(0))
		read_ip_membership(cursor, &part->item);
	else if (cursor->kind == ITEM_IPV6_MEMBERSHIP && has_ipv6_memberships(0))
		read_ipv6_membership(cursor, &part->item);
	else if (cursor->kind == ITEM_IPV6_ANYCAST && has_anycast(0))
		read_anycast(cursor, &part->item);
	else
		return 1;
	if (cursor->length > BYTES_MAX)
		cursor->length = BYTES_MAX;
	/* Begins an item only if the steps suffice for all of it, because its header has its length. */
	if (cursor->first + (cursor->length + CHUNK - 1) / CHUNK >= cursor->steps) {
		cursor->entry = entry;
		return 1;
	}
	part->header.kind = cursor->kind;
	part->header.length = sizeof(part->item) + cursor->length;
	END_PART(cursor->seq, part);
	return 0;
}

static __always_inline void run(struct cursor *cursor, bool loop_helper)
{
	if (loop_helper) {
		cursor->steps = STEPS;
		bpf_loop(STEPS, step, cursor, 0);
		return;
	}
	cursor->steps = STEPS_UNROLLED;
	for (__u32 i = 0; i < STEPS_UNROLLED; i++)
		if (step(i, cursor))
			break;
}

static __always_inline void write_list(struct cursor *cursor, __u32 kind, __u64 first, bool loop_helper)
{
	if (!first)
		return;
	cursor->kind = kind;
	cursor->entry = first;
	cursor->length = 0;
	run(cursor, loop_helper);
	if (cursor->entry)
		write_item_header(cursor->seq, ITEM_CUT, 0);
}

static __always_inline void write_extension(struct cursor *cursor, __u32 kind, __u64 header,
					    bool loop_helper)
{
	struct ipv6_opt_hdr *hdr = (void *)header;

	if (!header || !HAS(hdr, hdrlen))
		return;
	cursor->entry = 0;
	cursor->bytes = header;
	/* include/net/ipv6.h, ipv6_optlen() */
	cursor->length = (BPF_CORE_READ(hdr, hdrlen) + 1) * 8;
	cursor->first = 0;
	write_item_header(cursor->seq, kind, cursor->length);
	run(cursor, loop_helper);
}

static __noinline int write_ip_options(struct seq_file *seq, struct inet_sock *inet)
{
	struct ip_options_rcu *given = GET(inet, inet_opt);
	struct ip_options *opt = &given->opt;
	__u32 length;

	if (!has_ip_options(inet))
		return 0;
	BEGIN_PART(seq, struct ip_options_part, part)
	part->header.kind = ITEM_IP_OPTIONS;
	part->header.length = sizeof(part->item);
	part->item.optlen = AWAY(opt, optlen);
	part->item.faddr = AWAY(opt, faddr);
	part->item.srr = AWAY(opt, srr);
	part->item.rr = AWAY(opt, rr);
	part->item.ts = AWAY(opt, ts);
	part->item.rr_needaddr = BPF_CORE_READ_BITFIELD_PROBED(opt, rr_needaddr);
	part->item.ts_needtime = BPF_CORE_READ_BITFIELD_PROBED(opt, ts_needtime);
	part->item.ts_needaddr = BPF_CORE_READ_BITFIELD_PROBED(opt, ts_needaddr);
	length = part->item.optlen;
	if (length > 40)
		length = 40;
	bpf_core_read(part->item.data, length, &opt->__data);
	END_PART(seq, part);
	return 0;
}

#include "keys.h"

/*
 * A pointer as a number, as a cursor holds it. With a typed pointer in the first iteration and numbers in
 * the others, the verifier would have to follow two different states.
 */
#define ADDRESS(pointer, member)                                                                   \
	(bpf_core_field_exists((pointer)->member) ? (__u64)BPF_CORE_READ(pointer, member) : 0)

/*
 * `tp` is the socket if it is a TCP socket, which can have keys, else NULL. `memberships` is whether the
 * socket can join multicast groups. MPTCP sockets can do neither.
 */
static __always_inline void write_all_items(struct seq_file *seq, struct inet_sock *inet,
					    struct ipv6_pinfo *np, struct tcp_sock *tp,
					    bool memberships, bool loop_helper)
{
	struct cursor cursor = { .seq = seq, .start = written(seq) };
	struct ipv6_txoptions *opt;

	if (GET(inet, inet_opt))
		write_ip_options(seq, inet);
	if (memberships)
		write_list(&cursor, ITEM_IP_MEMBERSHIP, ADDRESS(inet, mc_list), loop_helper);
	if (HAS(inet, pinet6) && LOAD(inet, sk.__sk_common.skc_family) == AF_INET6) {
		opt = GET(np, opt);
		if (opt) {
			write_extension(&cursor, ITEM_IPV6_HOPOPTS, ADDRESS(opt, hopopt), loop_helper);
			write_extension(&cursor, ITEM_IPV6_RTHDRDSTOPTS, ADDRESS(opt, dst0opt),
					loop_helper);
			write_extension(&cursor, ITEM_IPV6_RTHDR, ADDRESS(opt, srcrt), loop_helper);
			write_extension(&cursor, ITEM_IPV6_DSTOPTS, ADDRESS(opt, dst1opt), loop_helper);
		}
		if (memberships)
			write_list(&cursor, ITEM_IPV6_MEMBERSHIP, ADDRESS(np, ipv6_mc_list),
				   loop_helper);
		write_list(&cursor, ITEM_IPV6_ANYCAST, ADDRESS(np, ipv6_ac_list), loop_helper);
	}
	if (tp && has_md5_keys(tp))
		write_keys(&cursor, ITEM_TCP_MD5_KEY, first_md5_key(tp), loop_helper);
	if (tp && has_ao_keys(tp))
		write_keys(&cursor, ITEM_TCP_AO_KEY, first_ao_key(tp), loop_helper);
	write_item_header(seq, ITEM_END, 0);
}

/* Not inlined, so that the callers need less of the stack. */
static __noinline int write_items_with_loop(struct seq_file *seq, struct inet_sock *inet,
					    struct ipv6_pinfo *np, struct tcp_sock *tp,
					    bool memberships)
{
	write_all_items(seq, inet, np, tp, memberships, true);
	return 0;
}

static __noinline int write_items_without_loop(struct seq_file *seq, struct inet_sock *inet,
					       struct ipv6_pinfo *np, struct tcp_sock *tp,
					       bool memberships)
{
	write_all_items(seq, inet, np, tp, memberships, false);
	return 0;
}

static __always_inline void write_items(struct seq_file *seq, struct inet_sock *inet,
					struct ipv6_pinfo *np, struct tcp_sock *tp,
					bool memberships, bool loop_helper)
{
	if (loop_helper)
		write_items_with_loop(seq, inet, np, tp, memberships);
	else
		write_items_without_loop(seq, inet, np, tp, memberships);
}

#endif
