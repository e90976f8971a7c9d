/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether this kernel has the members from which items.h reads lists and blobs. The argument of a
 * has_*() function is never read: it only provides a type.
 */
#ifndef LISTS_H
#define LISTS_H

static __always_inline bool has_ip_memberships(struct inet_sock *inet)
{
	struct ip_mc_socklist *entry = 0;

	return HAS(inet, mc_list) & HAS(entry, multi.imr_multiaddr.s_addr) &
	       HAS(entry, multi.imr_address.s_addr) & HAS(entry, multi.imr_ifindex) &
	       HAS(entry, sfmode) & HAS(entry, next_rcu) &
	       HAS_BEHIND(entry, sflist, sl_count) & HAS_BEHIND(entry, sflist, sl_addr);
}

static __always_inline bool has_ipv6_memberships(struct ipv6_pinfo *np)
{
	struct ipv6_mc_socklist *entry = 0;

	return HAS(np, ipv6_mc_list) & HAS(entry, addr) & HAS(entry, ifindex) &
	       HAS(entry, sfmode) & HAS(entry, next) & HAS_BEHIND(entry, sflist, sl_count) &
	       HAS_BEHIND(entry, sflist, sl_addr);
}

static __always_inline bool has_anycast(struct ipv6_pinfo *np)
{
	struct ipv6_ac_socklist *entry = 0;

	return HAS(np, ipv6_ac_list) & HAS(entry, acl_addr) &
	       HAS(entry, acl_ifindex) & HAS(entry, acl_next);
}

static __always_inline bool has_packet_memberships(struct packet_sock *po)
{
	struct packet_mclist *entry = 0;

	return HAS(po, mclist) & HAS(entry, next) & HAS(entry, ifindex) &
	       HAS(entry, count) & HAS(entry, type) & HAS(entry, alen) & HAS(entry, addr);
}

static __always_inline bool has_md5_keys(struct tcp_sock *tp)
{
	struct tcp_md5sig_key *key = 0;

	return HAS_BEHIND(tp, md5sig_info, head.first) & HAS(key, node.next) &
	       HAS(key, addr.a6) & HAS(key, l3index) & HAS(key, family) & HAS(key, prefixlen);
}

static __always_inline bool has_ao_keys(struct tcp_sock *tp)
{
	struct tcp_ao_key *key = 0;

	return HAS_BEHIND(tp, ao_info, head.first) & HAS(key, node.next) &
	       HAS(key, addr.a6) & HAS(key, l3index) & HAS(key, family) &
	       HAS(key, prefixlen) & HAS(key, keyflags) & HAS(key, sndid) & HAS(key, rcvid);
}

/* The address of the first entry of a list, or 0. A number, as a cursor holds it: see ADDRESS() in items.h */
static __always_inline __u64 first_md5_key(struct tcp_sock *tp)
{
	return (__u64)BPF_CORE_READ(tp, md5sig_info, head.first);
}

static __always_inline __u64 first_ao_key(struct tcp_sock *tp)
{
	return (__u64)BPF_CORE_READ(tp, ao_info, head.first);
}

/* Whether there may be keys. An emptied list remains allocated. */
static __always_inline bool may_have_keys(struct tcp_sock *tp)
{
	return GET(tp, md5sig_info) || GET(tp, ao_info);
}

static __always_inline bool has_ip_options(struct inet_sock *inet)
{
	struct ip_options_rcu *given = 0;

	return HAS(inet, inet_opt) & HAS(given, opt.__data) & HAS(given, opt.optlen) &
	       HAS(given, opt.faddr) & HAS(given, opt.srr) & HAS(given, opt.rr) &
	       HAS(given, opt.ts) & HAS(given, opt.rr_needaddr) & HAS(given, opt.ts_needtime) &
	       HAS(given, opt.ts_needaddr);
}

/* Whether this kernel has the IPv6 extension header `member` of struct ipv6_txoptions. */
#define HAS_EXTENSION(member)                                                                      \
	(HAS_BEHIND(np, opt, member) &                                                            \
	 bpf_core_field_exists(((struct ipv6_opt_hdr *)0)->hdrlen))

#endif
