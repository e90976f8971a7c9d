/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The prefilter, which decides whether a socket gets a record. It only saves work: the reader filters
 * again. Its values are constant when the verifier runs, which removes the code that they rule out.
 */
#ifndef FILTER_H
#define FILTER_H

#include "parameters.h"

static __always_inline bool in_ranges(const volatile struct port_filter *filter, __u16 port)
{
	if (filter->count == 0)
		return true;
	for (int i = 0; i < PORT_RANGES; i++) {
		if (i < filter->count && port >= filter->ranges[i].low &&
		    port <= filter->ranges[i].high)
			return true;
	}
	return false;
}

static __always_inline bool wanted(struct sock_common *skc, __u8 state, __u32 states)
{
	__u16 local = LOAD(skc, skc_num), remote = bpf_ntohs(LOAD(skc, skc_dport));

	if (LOAD(skc, skc_family) == AF_INET ? !parameters.prefilter.want_ipv4 : !parameters.prefilter.want_ipv6)
		return false;
	if (!(states >> (state & 31) & 1))
		return false;
	if (!in_ranges(&parameters.prefilter.local_ports, local) ||
	    !in_ranges(&parameters.prefilter.remote_ports, remote))
		return false;
	return in_ranges(&parameters.prefilter.either_ports, local) ||
	       in_ranges(&parameters.prefilter.either_ports, remote);
}

#endif
