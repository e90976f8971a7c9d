/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The parameters of a run. The loader (src/kernel/object.rs) sets them before the verifier runs, to which
 * they are constants. They share one section, because each section is a map and each map a descriptor.
 */
#ifndef PARAMETERS_H
#define PARAMETERS_H

/* See identity.h. */
struct identity_key {
	__u64 words[2];
};

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
	__u8 every_netns; /* 0: only the network namespace of the reader */
	__u8 want_dead_after; /* whether TCP sockets in a table have a section DEAD */
};

struct parameters {
	struct identity_key identity_key;
	struct prefilter prefilter; /* see filter.h */
};

/* The initial value admits every socket in the network namespace of the reader. */
const volatile struct parameters parameters SEC(".rodata.parameters") = {
	.prefilter = {
		.tcp_states = ~0,
		.udp_states = ~0,
		.want_ipv4 = 1,
		.want_ipv6 = 1,
	},
};

#endif
