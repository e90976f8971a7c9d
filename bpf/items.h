/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The items at the end of a record: blobs and lists, which most sockets do not have.
 *
 * All the reads are bpf_probe_read_kernel(): the lists are walked by address, and the sockets that
 * have them are few.
 */
#ifndef ITEMS_H
#define ITEMS_H

/* What all items of a record may take, so that the record fits the 32 KiB buffer of a read. */
#define ITEMS_ROOM 24576

/* An IPv6 extension header is at most 256 times eight bytes. */
#define CHUNK 128
#define CHUNKS 16

/* How many entries of a list are followed: with bpf_loop(), and where the verifier follows too. */
#define LIST_MAX 512
#define LIST_MAX_UNROLLED 20

/* Writes `length` bytes of the kernel, filled up with zeros to a multiple of eight. */
static __noinline int write_bytes(struct seq_file *seq, __u64 from, __u64 length)
{
	__u8 chunk[CHUNK];

	for (__u64 done = 0; done < CHUNK * CHUNKS; done += CHUNK) {
		__u64 part;

		if (done >= length)
			break;
		part = length - done;
		/* The verifier has to see that the very register it passes on was compared. */
		barrier_var(part);
		if (part > CHUNK)
			part = CHUNK;
		__builtin_memset(chunk, 0, sizeof(chunk));
		bpf_probe_read_kernel(chunk, part, (void *)(from + done));
		part = (part + 7) & ~7ULL;
		barrier_var(part);
		if (part > CHUNK)
			break;
		bpf_seq_write(seq, chunk, part);
	}
	return 0;
}

static __always_inline void write_item_header(struct seq_file *seq, __u32 kind, __u32 length)
{
	struct item_header header = { .kind = kind, .length = length };

	bpf_seq_write(seq, &header, sizeof(header));
}

static __noinline int write_ip_options(struct seq_file *seq, struct inet_sock *inet)
{
	struct ip_options *opt = &inet->inet_opt->opt;
	struct {
		struct item_header header;
		struct ip_options_item item;
	} part = {
		.header = { .kind = ITEM_IP_OPTIONS, .length = sizeof(struct ip_options_item) },
	};
	__u32 length;

	if (!bpf_core_field_exists(opt->__data) || !bpf_core_field_exists(opt->rr_needaddr))
		return 0;
	part.item.optlen = opt->optlen;
	part.item.faddr = opt->faddr;
	part.item.srr = opt->srr;
	part.item.rr = opt->rr;
	part.item.ts = opt->ts;
	part.item.rr_needaddr = BPF_CORE_READ_BITFIELD(opt, rr_needaddr);
	part.item.ts_needtime = BPF_CORE_READ_BITFIELD(opt, ts_needtime);
	part.item.ts_needaddr = BPF_CORE_READ_BITFIELD(opt, ts_needaddr);
	length = part.item.optlen;
	if (length > 40)
		length = 40;
	bpf_core_read(part.item.data, length, &opt->__data);
	bpf_seq_write(seq, &part, sizeof(part));
	return 0;
}

static __always_inline void write_extension(struct seq_file *seq, __u32 kind, void *header)
{
	struct ipv6_opt_hdr *hdr = header;
	__u32 length;

	if (!hdr)
		return;
	/* include/net/ipv6.h, ipv6_optlen() */
	length = (BPF_CORE_READ(hdr, hdrlen) + 1) * 8;
	write_item_header(seq, kind, length);
	write_bytes(seq, (__u64)hdr, length);
}

/*
 * A walk through a list, by address; also the context of the bpf_loop() callbacks. `start` is where
 * the items begin in the buffer: how much they take is read off the file, because the verifier
 * would follow a count of our own through all its values.
 */
struct walk {
	struct seq_file *seq;
	__u64 next;
	__u64 start;
	__u32 kind;
};

struct membership_part {
	struct item_header header;
	struct membership_item item;
};

/* Writes an entry and its sources, if there is room; 1 ends the walk. */
static __always_inline long write_membership(struct walk *walk, struct membership_part *part,
					     __u64 sources, __u32 size)
{
	__u32 length = part->item.sources * size;

	if (length > CHUNK * CHUNKS)
		length = CHUNK * CHUNKS;
	part->header.kind = walk->kind;
	part->header.length = sizeof(part->item) + length;
	if (walk->seq->count - walk->start > ITEMS_ROOM)
		return 1;
	bpf_seq_write(walk->seq, part, sizeof(*part));
	write_bytes(walk->seq, sources, length);
	return 0;
}

static long ip_membership(__u32 index, struct walk *walk)
{
	struct ip_mc_socklist *entry = (void *)walk->next;
	struct membership_part part = {};
	struct ip_sf_socklist *sources;

	if (!entry)
		return 1;
	*(__u32 *)part.item.group = BPF_CORE_READ(entry, multi.imr_multiaddr.s_addr);
	*(__u32 *)part.item.address = BPF_CORE_READ(entry, multi.imr_address.s_addr);
	part.item.ifindex = BPF_CORE_READ(entry, multi.imr_ifindex);
	part.item.mode = BPF_CORE_READ(entry, sfmode);
	sources = BPF_CORE_READ(entry, sflist);
	if (sources)
		part.item.sources = BPF_CORE_READ(sources, sl_count);
	if (write_membership(walk, &part, (__u64)&sources->sl_addr, 4))
		return 1;
	walk->next = (__u64)BPF_CORE_READ(entry, next_rcu);
	return 0;
}

static long ipv6_membership(__u32 index, struct walk *walk)
{
	struct ipv6_mc_socklist *entry = (void *)walk->next;
	struct membership_part part = {};
	struct ip6_sf_socklist *sources;

	if (!entry)
		return 1;
	bpf_core_read(part.item.group, 16, &entry->addr);
	part.item.ifindex = BPF_CORE_READ(entry, ifindex);
	part.item.mode = BPF_CORE_READ(entry, sfmode);
	sources = BPF_CORE_READ(entry, sflist);
	if (sources)
		part.item.sources = BPF_CORE_READ(sources, sl_count);
	if (write_membership(walk, &part, (__u64)&sources->sl_addr, 16))
		return 1;
	walk->next = (__u64)BPF_CORE_READ(entry, next);
	return 0;
}

static long ipv6_anycast(__u32 index, struct walk *walk)
{
	struct ipv6_ac_socklist *entry = (void *)walk->next;
	struct membership_part part = {};

	if (!entry)
		return 1;
	bpf_core_read(part.item.group, 16, &entry->acl_addr);
	part.item.ifindex = BPF_CORE_READ(entry, acl_ifindex);
	if (write_membership(walk, &part, 0, 0))
		return 1;
	walk->next = (__u64)BPF_CORE_READ(entry, acl_next);
	return 0;
}

/* Follows a list with one of the functions above, and says so when it was not followed to its end. */
#define WALK(list, item, step, loop_helper)                                                        \
	do {                                                                                       \
		walk.next = (__u64)(list);                                                         \
		walk.kind = item;                                                                  \
		if (!walk.next)                                                                    \
			break;                                                                     \
		if (loop_helper) {                                                                 \
			bpf_loop(LIST_MAX, step, &walk, 0);                                        \
		} else {                                                                           \
			for (__u32 i = 0; i < LIST_MAX_UNROLLED; i++)                              \
				if (step(i, &walk))                                                \
					break;                                                     \
		}                                                                                  \
		if (walk.next)                                                                     \
			write_item_header(seq, ITEM_CUT, 0);                                       \
	} while (0)

/* The kernel lets no TCP socket join a group; `memberships` spares it that part. */
static __always_inline void write_items(struct seq_file *seq, struct inet_sock *inet,
					bool memberships, bool loop_helper)
{
	struct walk walk = { .seq = seq, .start = seq->count };
	struct ipv6_txoptions *opt;
	struct ipv6_pinfo *np;

	if (inet->inet_opt)
		write_ip_options(seq, inet);
	if (memberships)
		WALK(inet->mc_list, ITEM_IP_MEMBERSHIP, ip_membership, loop_helper);
	if (inet->sk.__sk_common.skc_family == AF_INET6) {
		np = inet->pinet6;
		opt = np->opt;
		if (opt) {
			write_extension(seq, ITEM_IPV6_HOPOPTS, opt->hopopt);
			write_extension(seq, ITEM_IPV6_RTHDRDSTOPTS, opt->dst0opt);
			write_extension(seq, ITEM_IPV6_RTHDR, opt->srcrt);
			write_extension(seq, ITEM_IPV6_DSTOPTS, opt->dst1opt);
		}
		if (memberships)
			WALK(np->ipv6_mc_list, ITEM_IPV6_MEMBERSHIP, ipv6_membership, loop_helper);
		WALK(np->ipv6_ac_list, ITEM_IPV6_ANYCAST, ipv6_anycast, loop_helper);
	}
	write_item_header(seq, ITEM_END, 0);
}

#endif
