/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether this kernel has the members that the lists and blobs of items.h are read from. What they are
 * given is never read: it names a type.
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

static __always_inline bool has_ip_options(struct inet_sock *inet)
{
	struct ip_options_rcu *given = 0;

	return HAS(inet, inet_opt) & HAS(given, opt.__data) & HAS(given, opt.optlen) &
	       HAS(given, opt.faddr) & HAS(given, opt.srr) & HAS(given, opt.rr) &
	       HAS(given, opt.ts) & HAS(given, opt.rr_needaddr) & HAS(given, opt.ts_needtime) &
	       HAS(given, opt.ts_needaddr);
}

/* An extension header of IPv6, `member` of struct ipv6_txoptions. */
#define HAS_EXTENSION(member)                                                                      \
	(HAS_BEHIND(np, opt, member) &                                                            \
	 bpf_core_field_exists(((struct ipv6_opt_hdr *)0)->hdrlen))

#endif
