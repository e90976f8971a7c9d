/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packet sockets: net/packet/af_packet.c, net/packet/diag.c */
#ifndef PACKET_H
#define PACKET_H

#define AF_PACKET 17

static __noinline int write_packet_header(struct seq_file *seq, struct packet_sock *po,
					  struct net *net, __u64 address)
{
	BEGIN_PART(seq, struct record_header, header)
	struct sock *sk = &po->sk;

	fill_header(header, &sk->__sk_common, GET(net, ns.inum), address);
	fill_socket(header, sk);
	header->sections |= SECTION_PACKET;
	if (!IS_WANTED(ITEMS) || GET(po, mclist))
		header->sections |= SECTION_ITEMS;
	fill_queues(header, sk);
	return write_header(seq, header);
}

/* include/uapi/linux/if_packet.h */
#define PACKET_FANOUT_CBPF 6
#define PACKET_FANOUT_EBPF 7

/*
 * The BPF program that chooses among the sockets of a fanout group. Groups of other types store something
 * else in its place.
 */
static __always_inline struct bpf_prog *fanout_program(struct packet_fanout *fanout)
{
	__u8 type;

	if (!HAS(fanout, type) || !HAS(fanout, bpf_prog))
		return 0;
	type = AWAY(fanout, type);
	return type == PACKET_FANOUT_CBPF || type == PACKET_FANOUT_EBPF ? AWAY(fanout, bpf_prog) : 0;
}

static __noinline int write_packet(struct seq_file *seq, struct packet_sock *po)
{
	RETURN_UNLESS_WANTED(PACKET)
	struct packet_rollover *rollover = GET(po, rollover);
	struct packet_fanout *fanout = GET(po, fanout);
	struct bpf_prog *data = fanout_program(fanout);
	BEGIN_PART(seq, struct packet_section, section)

	FILL(PACKET_OPTIONS_LIST)
	if (HAS(po, ifindex) && HAS(po, num)) {
		section->ifindex = LOAD(po, ifindex);
		section->ethertype = LOAD(po, num);
		section->bound_known = 1;
	}
	read_program_name(section->fanout_name, data);
	END_PART(seq, section);
	return 0;
}

struct packet_membership_part {
	struct item_header header;
	struct packet_membership_item item;
};

/*
 * Writes the next entry. Returns 1 when no entry or no room is left. The kernel changes the list under a
 * lock that no program can take: an entry that is removed meanwhile may end the list early.
 */
static long packet_membership_step(__u32 index, struct cursor *cursor)
{
	struct packet_mclist *entry = (void *)cursor->entry;

	if (!entry || written(cursor->seq) - cursor->start > ITEMS_ROOM)
		return 1;
	if (!has_packet_memberships(0))
		return 1;
	BEGIN_PART_OR_RETURN(1, cursor->seq, struct packet_membership_part, part)
	part->header.kind = ITEM_PACKET_MEMBERSHIP;
	part->header.length = sizeof(part->item);
	part->item.ifindex = BPF_CORE_READ(entry, ifindex);
	part->item.count = BPF_CORE_READ(entry, count);
	part->item.type = BPF_CORE_READ(entry, type);
	part->item.length = BPF_CORE_READ(entry, alen);
	bpf_core_read(part->item.address, sizeof(part->item.address), &entry->addr);
	cursor->entry = (__u64)BPF_CORE_READ(entry, next);
	END_PART(cursor->seq, part);
	return 0;
}

static __always_inline int put_packet_memberships(struct seq_file *seq, struct packet_sock *po, bool loop_helper)
{
	struct cursor cursor = { .seq = seq, .start = written(seq), .entry = ADDRESS(po, mclist) };

	if (loop_helper)
		bpf_loop(STEPS, packet_membership_step, &cursor, 0);
	else
		for (__u32 i = 0; i < STEPS_UNROLLED; i++)
			if (packet_membership_step(i, &cursor))
				break;
	if (cursor.entry)
		write_item_header(seq, ITEM_CUT, 0);
	write_item_header(seq, ITEM_END, 0);
	return 0;
}

/* Not inlined, so that a walk needs less of the stack. */
static __noinline int write_packet_memberships(struct seq_file *seq, struct packet_sock *po)
{
	return put_packet_memberships(seq, po, true);
}

static __noinline int write_packet_memberships_without_loop(struct seq_file *seq, struct packet_sock *po)
{
	return put_packet_memberships(seq, po, false);
}

static __always_inline void write_packet_socket(struct seq_file *seq, struct packet_sock *po, struct net *net,
						__u64 address, bool loop_helper)
{
	int sections = write_packet_header(seq, po, net, address);

	write_common(seq, &po->sk, net);
	write_packet(seq, po);
	if (sections & SECTION_ITEMS)
		loop_helper ? write_packet_memberships(seq, po) :
			      write_packet_memberships_without_loop(seq, po);
}

#endif
