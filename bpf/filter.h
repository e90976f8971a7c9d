/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The prefilter, which decides whether a socket gets a record. It only saves work: the reader filters
 * again. Its values are constant when the verifier runs, which removes the code that they rule out.
 */
#ifndef FILTER_H
#define FILTER_H

#include "fact.h"
#include "parameters.h"

/* The loops remain loops: unrolled, each would be as long as the rest of this file. */
static __noinline int in_ranges(const volatile struct port_filter *filter, __u16 port)
{
	if (filter->count == 0)
		return true;
	#pragma clang loop unroll(disable)
	for (int i = 0; i < PORT_RANGES; i++) {
		if (i >= filter->count)
			return false;
		if (port >= filter->ranges[i].low && port <= filter->ranges[i].high)
			return true;
	}
	return false;
}

static __always_inline bool has_wanted_ports(__u16 local, __u16 remote)
{
	return in_ranges(&parameters.prefilter.local_ports, local) &&
	       in_ranges(&parameters.prefilter.remote_ports, remote) &&
	       (in_ranges(&parameters.prefilter.either_ports, local) ||
		in_ranges(&parameters.prefilter.either_ports, remote));
}

static __always_inline bool in_numbers(const volatile struct number_filter *filter, __u32 number)
{
	#pragma clang loop unroll(disable)
	for (int i = 0; i < NUMBERS; i++) {
		if (i < filter->count && number == filter->numbers[i])
			return true;
	}
	return false;
}

union address {
	__u32 words[4];
	__u64 halves[2];
};

static __noinline int in_networks(const volatile struct network_filter *filter,
				  const union address *address)
{
	if (filter->count == 0)
		return true;
	#pragma clang loop unroll(disable)
	for (int i = 0; i < NETWORKS; i++) {
		const volatile struct network *network = &filter->networks[i];

		if (i < filter->count &&
		    !((address->halves[0] ^ network->address[0]) & network->mask[0]) &&
		    !((address->halves[1] ^ network->address[1]) & network->mask[1]))
			return true;
	}
	return false;
}

/*
 * Whether the addresses are in the networks. An IPv4 address is compared as an IPv4-mapped one. An IPv4
 * network thereby contains the mapped addresses, as in src/query/filter.rs. A short IPv6 network contains
 * IPv4 addresses, which the reader drops.
 */
static __noinline int in_wanted_networks(struct sock_common *skc)
{
	union address local = {}, remote = {};

	if (LOAD(skc, skc_family) == AF_INET) {
		local.words[2] = remote.words[2] = bpf_htonl(0xffff);
		local.words[3] = LOAD(skc, skc_rcv_saddr);
		remote.words[3] = LOAD(skc, skc_daddr);
	} else if (HAS(skc, skc_v6_rcv_saddr) || HAS(skc, skc_v6_daddr)) {
		bpf_core_read(&local, 16, &skc->skc_v6_rcv_saddr);
		bpf_core_read(&remote, 16, &skc->skc_v6_daddr);
	}
	if (!in_networks(&parameters.prefilter.local_networks, &local) ||
	    !in_networks(&parameters.prefilter.remote_networks, &remote))
		return false;
	return in_networks(&parameters.prefilter.either_networks, &local) ||
	       in_networks(&parameters.prefilter.either_networks, &remote);
}

/* The functions below read the same members as those that fill in the header (sections.h). */

/* For every socket except mini-sockets. */
static __noinline int has_wanted_user(struct sock *sk)
{
	return !parameters.prefilter.uids.count ||
	       in_numbers(&parameters.prefilter.uids, GET(sk, sk_uid.val));
}

/* Whether the addresses and the state of an internet socket are wanted. */
static __noinline int wanted(struct sock_common *skc, __u8 state, __u32 states)
{
	__u16 local = LOAD(skc, skc_num), remote = bpf_ntohs(LOAD(skc, skc_dport));

	if (LOAD(skc, skc_family) == AF_INET ? !parameters.prefilter.want_ipv4 : !parameters.prefilter.want_ipv6)
		return false;
	if (!(states >> (state & 31) & 1))
		return false;
	if ((parameters.prefilter.local_ports.count | parameters.prefilter.remote_ports.count |
	     parameters.prefilter.either_ports.count) &&
	    !has_wanted_ports(local, remote))
		return false;
	if (parameters.prefilter.interfaces.count &&
	    !in_numbers(&parameters.prefilter.interfaces, GET(skc, skc_bound_dev_if)))
		return false;
	return !(parameters.prefilter.local_networks.count |
		 parameters.prefilter.remote_networks.count |
		 parameters.prefilter.either_networks.count) ||
	       in_wanted_networks(skc);
}

/*
 * Whether the fact of an internet socket is wanted (fact.h), if it is in a section that all of them have. A
 * fact in a section that the socket lacks is unknown, which the reader never selects.
 */
static __always_inline bool has_wanted_inet_fact(__u32 section, struct inet_sock *inet,
						 struct ipv6_pinfo *np, struct net *net)
{
	switch (section) {
	case SECTION_SOCKET:
		return write_socket(0, &inet->sk, net);
	case SECTION_IP:
		return write_ip(0, inet, net);
	case SECTION_IPV6:
		return HAS(inet, pinet6) && LOAD(inet, sk.__sk_common.skc_family) == AF_INET6 &&
		       write_ipv6(0, inet, np, net);
	default:
		return false;
	}
}

static __always_inline bool has_wanted_tcp_fact(struct tcp_sock *tp, struct ipv6_pinfo *np,
						struct net *net)
{
	__u32 section = TESTED_SECTION;

	if (!section)
		return true;
	if (section == SECTION_TCP)
		return write_tcp(0, tp, net);
	if (section == SECTION_TLS)
		return has_tls(tp) && write_tls(0, tp);
	return has_wanted_inet_fact(section, &tp->inet_conn.icsk_inet, np, net);
}

static __always_inline bool has_wanted_udp_fact(struct udp_sock *up, struct ipv6_pinfo *np,
						struct net *net)
{
	__u32 section = TESTED_SECTION;

	if (!section)
		return true;
	if (section == SECTION_UDP)
		return write_udp(0, up);
	return has_wanted_inet_fact(section, &up->inet, np, net);
}

static __always_inline bool is_wanted_mptcp(struct sock *sk)
{
	return wanted(&sk->__sk_common, LOAD(sk, __sk_common.skc_state), parameters.prefilter.tcp_states) &&
	       has_wanted_user(sk);
}

#endif
