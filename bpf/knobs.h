/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The knobs: which sockets are worth a record. They only save work; the reader filters again. They
 * are constants by the time the verifier runs, which removes what is not asked for. tables.bpf.c has
 * them; the linker makes them those of files.bpf.c too.
 */
#ifndef KNOBS_H
#define KNOBS_H

#define PORT_RANGES 8

struct port_range {
	__u16 low;
	__u16 high;
};

struct port_filter {
	__u32 count; /* 0: every port */
	struct port_range ranges[PORT_RANGES];
};

#ifdef KNOBS_ARE_HERE
const volatile __u8 every_netns = 0; /* not only that of the reader */
const volatile __u8 want_ipv4 = 1;
const volatile __u8 want_ipv6 = 1;
const volatile __u32 tcp_states = ~0; /* bit n: state n */
const volatile __u32 udp_states = ~0;
const volatile struct port_filter local_ports = {};
const volatile struct port_filter remote_ports = {};
const volatile struct port_filter either_ports = {}; /* local or remote */
#else
extern const volatile __u8 every_netns;
extern const volatile __u8 want_ipv4;
extern const volatile __u8 want_ipv6;
extern const volatile __u32 tcp_states;
extern const volatile __u32 udp_states;
extern const volatile struct port_filter local_ports;
extern const volatile struct port_filter remote_ports;
extern const volatile struct port_filter either_ports;
#endif

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

	if (LOAD(skc, skc_family) == AF_INET ? !want_ipv4 : !want_ipv6)
		return false;
	if (!(states >> (state & 31) & 1))
		return false;
	if (!in_ranges(&local_ports, local) || !in_ranges(&remote_ports, remote))
		return false;
	return in_ranges(&either_ports, local) || in_ranges(&either_ports, remote);
}

#endif
