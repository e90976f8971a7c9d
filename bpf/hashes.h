/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the kernel's tables of sockets are. No symbol of the kernel is needed: each is reached from a network namespace
 * or, those of UDP-Lite and of raw sockets, from a socket of the reader.
 */
#ifndef HASHES_H
#define HASHES_H

/* include/net/inet_hashtables.h */
#define LISTENING_NULLS_BASE (1U << 29)
/* include/net/inet_hashtables.h, INET_LHTABLE_SIZE, up to 5.18 */
#define LISTENING_SLOTS 32
/* include/net/af_unix.h, UNIX_HASH_SIZE: a macro, and so not in BTF */
#define UNIX_SLOTS 512

#define NO_NULLS (~0ULL)

/* The bytes of a table's heads that are read at once. */
#define HEADS 512

/* The tables of the kernel that sockets hang in. */
enum table {
	TABLE_TCP,
	TABLE_TCP_LISTEN,
	TABLE_UDP,
	TABLE_UDPLITE,
	TABLE_UNIX,
	TABLE_PACKET,
	TABLE_XDP,
	TABLE_RAW,
	TABLE_RAW6,
	TABLES
};

/* Whether all namespaces share the table, which is reached from a socket that the reader may not have. */
static __always_inline bool is_of_reader(enum table table)
{
	return table == TABLE_UDPLITE || table == TABLE_RAW || table == TABLE_RAW6;
}

/* Where the slots of a table are, each of which begins a chain of sockets. */
struct slots {
	__u64 base; /* the address of the first slot's head */
	__u64 stride;
	__u64 count;
	__u64 nulls; /* the number at the end of the first chain; NO_NULLS: chains end in a NULL pointer */
};

/* 5.18 to 6.0: a pointer, and a struct before and after. CO-RE treats a member whose kind changed as absent. */
static __always_inline struct inet_hashinfo *tcp_hashinfo(struct net *net)
{
	struct net___pointer *other = FLAVOUR(net___pointer, net);

	if (HAS(net, ipv4.tcp_death_row.hashinfo))
		return BPF_CORE_READ(net, ipv4.tcp_death_row.hashinfo);
	if (HAS(other, ipv4.tcp_death_row))
		return BPF_CORE_READ(other, ipv4.tcp_death_row, hashinfo);
	return 0;
}

static __always_inline void find_tcp(struct net *net, struct slots *slots)
{
	struct inet_hashinfo *hashinfo = tcp_hashinfo(net);

	if (!hashinfo)
		return;
	slots->base = (__u64)BPF_CORE_READ(hashinfo, ehash) +
		      bpf_core_field_offset(struct inet_ehash_bucket, chain);
	slots->stride = bpf_core_type_size(struct inet_ehash_bucket);
	slots->count = BPF_CORE_READ(hashinfo, ehash_mask) + 1ULL;
	slots->nulls = 0;
}

/* 5.19 removed the table by port, and all listeners are in the one by port and address. */
static __always_inline void find_tcp_listen(struct net *net, struct slots *slots)
{
	struct inet_hashinfo *hashinfo = tcp_hashinfo(net);

	if (!hashinfo)
		return;
	if (HAS(hashinfo, listening_hash)) {
		slots->base = (__u64)hashinfo + bpf_core_field_offset(struct inet_hashinfo, listening_hash);
		slots->count = LISTENING_SLOTS;
	} else if (HAS(hashinfo, lhash2)) {
		slots->base = (__u64)BPF_CORE_READ(hashinfo, lhash2);
		slots->count = BPF_CORE_READ(hashinfo, lhash2_mask) + 1ULL;
	}
	if (slots->base)
		slots->base += bpf_core_field_offset(struct inet_listen_hashbucket, nulls_head);
	slots->stride = bpf_core_type_size(struct inet_listen_hashbucket);
	slots->nulls = LISTENING_NULLS_BASE;
}

static __always_inline void find_in_udp_table(struct udp_table *table, struct slots *slots)
{
	if (!table)
		return;
	slots->base = (__u64)BPF_CORE_READ(table, hash) + bpf_core_field_offset(struct udp_hslot, head);
	slots->stride = bpf_core_type_size(struct udp_hslot);
	slots->count = BPF_CORE_READ(table, mask) + 1ULL;
	slots->nulls = NO_NULLS;
}

/* Whether the protocol of a socket leads to its table. 7.1 removed UDP-Lite, and with it the last use of this. */
#define HAS_UDP_TABLE HAS((struct proto *)0, h.udp_table)

/*
 * 6.2 gave namespaces tables of their own. Before, the table is that of every UDP socket. A namespace has one of
 * its own for multicast: net/ipv4/igmp.c, igmp_net_init().
 */
static __always_inline void find_udp(struct net *net, struct slots *slots)
{
	if (HAS(net, ipv4.udp_table))
		find_in_udp_table(BPF_CORE_READ(net, ipv4.udp_table), slots);
	else if (HAS(net, ipv4.mc_autojoin_sk) && HAS_UDP_TABLE)
		find_in_udp_table(BPF_CORE_READ(net, ipv4.mc_autojoin_sk, __sk_common.skc_prot,
						h.udp_table),
				  slots);
}

#ifdef WALKS
/* The protocol of a socket that the reader has opened. NULL without a descriptor. */
static __noinline struct proto *protocol_of(__u64 fd)
{
	struct task_struct *reader = (void *)bpf_get_current_task();
	struct file **files, *file = 0;
	struct socket *socket;

	if (!fd || !HAS(reader, files))
		return 0;
	files = BPF_CORE_READ(reader, files, fdt, fd);
	bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk, __sk_common.skc_prot);
}

/* Up to 7.0 */
static __always_inline void find_udplite(struct slots *slots)
{
	struct proto *protocol = protocol_of(parameters.walk.udplite_fd);

	if (HAS_UDP_TABLE)
		find_in_udp_table(BPF_CORE_READ(protocol, h.udp_table), slots);
}

/* The chains of 6.0 to 6.2 end in a number. What a socket points back to is looked at here as well. */
static __always_inline void find_raw(__u64 fd, struct slots *slots)
{
	struct proto *protocol = protocol_of(fd);
	struct raw_hashinfo *table = 0;

	if (!HAS(protocol, h.raw_hash) || !HAS(table, ht))
		return;
	table = BPF_CORE_READ(protocol, h.raw_hash);
	if (!table)
		return;
	slots->base = (__u64)table + bpf_core_field_offset(struct raw_hashinfo, ht);
	slots->stride = bpf_core_type_size(struct hlist_head);
	slots->count = bpf_core_field_size(struct raw_hashinfo, ht) / slots->stride;
	slots->nulls = NO_NULLS;
}
#define find_raw4(slots) find_raw(parameters.walk.raw_fd, slots)
#define find_raw6(slots) find_raw(parameters.walk.raw6_fd, slots)
#else
/* A pin has no reader whose sockets lead there. */
#define find_udplite(slots) (slots)->base = 0
#define find_raw4(slots) (slots)->base = 0
#define find_raw6(slots) (slots)->base = 0
#endif

/* 6.0: a table for each namespace. Before, its address is only known by its symbol. */
static __always_inline void find_unix(struct net *net, struct slots *slots)
{
	if (!HAS(net, unx.table.buckets))
		return;
	slots->base = (__u64)BPF_CORE_READ(net, unx.table.buckets);
	slots->stride = bpf_core_type_size(struct hlist_head);
	slots->count = UNIX_SLOTS;
	slots->nulls = NO_NULLS;
}

/* A list is a table with one slot. */
static __always_inline void begin_list(__u64 head, struct slots *slots)
{
	slots->base = head;
	slots->stride = bpf_core_type_size(struct hlist_head);
	slots->count = 1;
	slots->nulls = NO_NULLS;
}

/* A list for each namespace, to the end of which new sockets are added. */
static __always_inline void find_packet(struct net *net, struct slots *slots)
{
	if (HAS(net, packet.sklist))
		begin_list((__u64)net + bpf_core_field_offset(struct net, packet.sklist), slots);
}

/* A list for each namespace, to the beginning of which new sockets are added. */
static __always_inline void find_xdp(struct net *net, struct slots *slots)
{
	if (HAS(net, xdp.list))
		begin_list((__u64)net + bpf_core_field_offset(struct net, xdp.list), slots);
}

/* Finds a table. slots->base remains 0 if this kernel does not have it. */
static __noinline int find_slots(__u64 address, __u64 table, struct slots *slots)
{
	struct net *net = (void *)address;

	slots->base = 0;
	switch (table) {
	case TABLE_TCP:
		find_tcp(net, slots);
		break;
	case TABLE_TCP_LISTEN:
		find_tcp_listen(net, slots);
		break;
	case TABLE_UDP:
		find_udp(net, slots);
		break;
	case TABLE_UDPLITE:
		find_udplite(slots);
		break;
	case TABLE_PACKET:
		find_packet(net, slots);
		break;
	case TABLE_XDP:
		find_xdp(net, slots);
		break;
	case TABLE_RAW:
		find_raw4(slots);
		break;
	case TABLE_RAW6:
		find_raw6(slots);
		break;
	default:
		find_unix(net, slots);
	}
	return 0;
}

#endif
