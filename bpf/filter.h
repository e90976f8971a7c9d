/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The prefilter: which sockets are worth a record. It only saves work, the reader filters again. It is
 * constant by the time the verifier runs, which then removes the code that is not needed.
 */
#ifndef FILTER_H
#define FILTER_H

#define PORT_RANGES 8

struct port_range {
	__u16 low;
	__u16 high;
};

struct port_filter {
	__u32 count; /* 0: every port */
	struct port_range ranges[PORT_RANGES];
};

struct prefilter {
	__u32 tcp_states; /* bit n: state n */
	__u32 udp_states;
	struct port_filter local_ports;
	struct port_filter remote_ports;
	struct port_filter either_ports; /* local or remote */
	__u8 want_ipv4;
	__u8 want_ipv6;
	__u8 every_netns; /* not only that of the reader */
	__u8 unused;
};

/* In a section of its own, where the loader finds it. The initial value admits every socket. */
const volatile struct prefilter prefilter SEC(".rodata.prefilter") = {
	.tcp_states = ~0,
	.udp_states = ~0,
	.want_ipv4 = 1,
	.want_ipv6 = 1,
};

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

	if (LOAD(skc, skc_family) == AF_INET ? !prefilter.want_ipv4 : !prefilter.want_ipv6)
		return false;
	if (!(states >> (state & 31) & 1))
		return false;
	if (!in_ranges(&prefilter.local_ports, local) || !in_ranges(&prefilter.remote_ports, remote))
		return false;
	return in_ranges(&prefilter.either_ports, local) || in_ranges(&prefilter.either_ports, remote);
}

#endif
