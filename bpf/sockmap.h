/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sockmaps and sockhashes that a socket is in: net/core/sock_map.c. A socket in a map has a struct sk_psock, to
 * which sk_user_data points, with a list of the maps.
 */
#ifndef SOCKMAP_H
#define SOCKMAP_H

/* The flags in the lowest bits of sk_user_data: include/net/sock.h. They are macros, and so not in BTF. */
#define SK_USER_DATA_NOCOPY 1
#define SK_USER_DATA_BPF 2
#define SK_USER_DATA_FLAGS 7

static __always_inline __u64 has_sockmaps(struct sock *sk)
{
	struct sk_psock *psock = 0;
	struct sk_psock_link *link = 0;
	struct bpf_map *map = 0;

	return HAS(sk, sk_user_data) & HAS(psock, sk) & HAS(psock, link.next) & HAS(link, list.next) &
	       HAS(link, map) & HAS(map, id) & HAS(map, name);
}

/*
 * The struct sk_psock of a socket, or NULL. Kernels since 6.0 have a flag for it. Before, the flags are those of some
 * other users of sk_user_data, too, but no other struct begins with a pointer to the socket.
 */
static __always_inline struct sk_psock *psock_of(struct sock *sk)
{
	__u64 data = (__u64)LOAD(sk, sk_user_data);
	struct sk_psock *psock = (void *)(data & ~(__u64)SK_USER_DATA_FLAGS);
	struct sock *owner;

	if ((data & (SK_USER_DATA_NOCOPY | SK_USER_DATA_BPF)) != SK_USER_DATA_NOCOPY)
		return 0;
	owner = BPF_CORE_READ(psock, sk);
	return (__u64)AWAY(owner, sk_user_data) == data ? psock : 0;
}

/* The most links of a socket to maps that are followed. A socket has one for each key of a map. */
#define SOCKMAP_LINKS 24

/* Whether the map with this number, which is not 0, is none of those so far. */
static __always_inline bool is_new_map(struct sockmap_section *section, __u32 id)
{
	bool is_new = true;

	#pragma unroll
	for (__u32 i = 0; i < SOCKMAPS; i++)
		is_new &= section->ids[i] != id;
	return is_new;
}

/*
 * Adds the map of a link to the first `count` maps, unless it is one of them. Returns how many there are then, at most one
 * more than fit. The section may be on the stack, where the verifier permits no other arithmetic than +. Not inlined, because
 * the verifier moves all of a program for each part of it that it removes.
 */
static __noinline int add_map(struct sockmap_section *section, struct sk_psock_link *link, __u64 count)
{
	struct bpf_map *map = BPF_CORE_READ(link, map);
	__u32 id = AWAY(map, id);
	__u8 *at = (void *)section;

	if (!is_new_map(section, id))
		return count;
	barrier_var(at);
	barrier_var(count);
	if (count >= SOCKMAPS)
		return SOCKMAPS + 1;
	*(__u32 *)(at + offsetof(struct sockmap_section, ids) + count * 4) = id;
	bpf_core_read(at + offsetof(struct sockmap_section, names) + count * 16, 16, &map->name);
	return count + 1;
}

/* Reads the first maps, each once. Returns how many there are, at most one more than fit. */
static __always_inline __u64 read_sockmaps(struct sockmap_section *section, struct sock *sk)
{
	struct sk_psock *psock = psock_of(sk);
	struct sk_psock_link *link = 0;
	__u64 head, entry, count = 0;

	if (!psock)
		return 0;
	head = (__u64)psock + bpf_core_field_offset(psock->link);
	entry = (__u64)BPF_CORE_READ(psock, link.next);
	#pragma unroll
	for (__u32 i = 0; i < SOCKMAP_LINKS; i++) {
		if (!entry || entry == head)
			return count;
		link = (void *)(entry - bpf_core_field_offset(link->list));
		count = add_map(section, link, count);
		if (count > SOCKMAPS)
			return count;
		entry = (__u64)BPF_CORE_READ(link, list.next);
	}
	return entry == head ? count : SOCKMAPS + 1;
}

#endif
