/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Netlink sockets: net/netlink/af_netlink.c */
#ifndef NETLINK_H
#define NETLINK_H

static __noinline int write_netlink_header(struct seq_file *seq, struct netlink_sock *nlk,
					   struct net *net, __u64 address)
{
	BEGIN_PART(seq, struct record_header, header)

	fill_header(header, &nlk->sk.__sk_common, GET(net, ns.inum), address);
	fill_socket(header, &nlk->sk);
	header->sections |= SECTION_NETLINK;
	if (HAS(nlk, groups) && GET(nlk, ngroups))
		header->sections |= SECTION_ITEMS;
	fill_queues(header, &nlk->sk);
	/* The groups are also part of the local address, which almost every run shows. */
	return write_header_with(seq, header, parameters.prefilter.sections | SECTION_ITEMS);
}

static __noinline int write_netlink(struct seq_file *seq, struct netlink_sock *nlk)
{
	RETURN_UNLESS_WANTED(NETLINK)
	BEGIN_PART(seq, struct netlink_section, section)

	FILL(NETLINK_OPTIONS_LIST)
	section->portid = GET(nlk, portid);
	section->dst_portid = GET(nlk, dst_portid);
	section->dst_group = GET(nlk, dst_group);
	END_PART(seq, section);
	return 0;
}

/*
 * Writes the groups as a bitmap of 64-bit words: NETLINK_LIST_MEMBERSHIPS. Reads their number before the
 * pointer to the bitmap, which may grow meanwhile but never shrinks.
 */
static __noinline int write_groups(struct seq_file *seq, struct netlink_sock *nlk)
{
	__u64 length = (GET(nlk, ngroups) + 63ULL) / 64 * 8;
	struct cursor cursor = { .seq = seq, .length = length };

	cursor.bytes = ADDRESS(nlk, groups);
	if (length > BYTES_MAX)
		cursor.length = BYTES_MAX;
	write_item_header(seq, ITEM_NETLINK_GROUPS, cursor.length);
	for (__u32 done = 0; done < BYTES_MAX && done < cursor.length; done += CHUNK)
		copy_chunk(&cursor, done);
	if (length > BYTES_MAX)
		write_item_header(seq, ITEM_CUT, 0);
	write_item_header(seq, ITEM_END, 0);
	return 0;
}

static __always_inline int show_netlink(struct seq_file *seq, struct netlink_sock *nlk,
					struct net *net, __u64 address)
{
	int sections = write_netlink_header(seq, nlk, net, address);

	write_common(seq, &nlk->sk, net);
	write_netlink(seq, nlk);
	if (sections & SECTION_ITEMS)
		write_groups(seq, nlk);
	return 0;
}

#endif
