/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The parameters of a run. The loader (src/kernel/object.rs) sets them before the verifier runs, to which
 * they are constants. They share one section, because each section is a map and each map a descriptor.
 */
#ifndef PARAMETERS_H
#define PARAMETERS_H

/* The loader writes the bytes of these structs, and padding has none. */
#pragma clang diagnostic push
#pragma clang diagnostic error "-Wpadded"

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

#define NUMBERS 8

struct number_filter {
	__u32 count; /* 0: every number */
	__u32 numbers[NUMBERS];
};

#define NETWORKS 8

/* An IPv4 address is an IPv4-mapped one. In network byte order. */
struct network {
	__u64 address[2];
	__u64 mask[2];
};

struct network_filter {
	__u32 count; /* 0: every address */
	__u32 unused;
	struct network networks[NETWORKS];
};

/* A test of one fact of options.h. See fact.h. */
struct fact_test {
	__u64 low;
	__u64 span;    /* the highest number less the lowest */
	__u32 section; /* enum section; 0: no test */
	__u8 is_flag;  /* whether `place` is the number of a flag, and not of a value */
	__u8 place;
	__u8 discarded_bits; /* how many of the upper bits are not part of the number */
	__u8 is_signed;
	__u8 inverted; /* whether numbers outside the range are admitted */
	__u8 unused[7];
};

struct prefilter {
	__u32 tcp_states; /* bit n: state n */
	__u32 udp_states;
	__u32 sections; /* enum section, or-ed: those that the run wants. See IS_WANTED() */
	struct port_filter local_ports;
	struct port_filter remote_ports;
	struct port_filter either_ports; /* local or remote */
	struct number_filter interfaces; /* the index of the bound interface */
	struct number_filter uids;
	__u8 want_ipv4;
	__u8 want_ipv6;
	__u8 every_netns; /* 0: only the network namespace of the reader */
	__u8 want_listeners; /* whether the records of connection requests name the listener */
	__u8 unused[4];
	struct network_filter local_networks;
	struct network_filter remote_networks;
	struct network_filter either_networks; /* local or remote */
	struct fact_test fact;
};

/* See walk.h. */
struct walk_parameters {
	__u32 lanes;
	/* Descriptors of the reader, sockets that lead to tables: UDP-Lite, raw, and raw over IPv6. 0: there is none. */
	__u32 udplite_fd;
	__u32 raw_fd;
	__u32 raw6_fd;
};

struct parameters {
	struct identity_key identity_key;
	struct walk_parameters walk;
	struct prefilter prefilter; /* see filter.h */
};

#pragma clang diagnostic pop

/* The initial value admits every socket in the network namespace of the reader, with all sections. */
const volatile struct parameters parameters SEC(".rodata.parameters") = {
	.prefilter = {
		.tcp_states = ~0,
		.udp_states = ~0,
		.sections = ~0,
		.want_ipv4 = 1,
		.want_ipv6 = 1,
	},
	.walk.lanes = 1,
};

/*
 * Whether the run wants a section, or the items. The verifier removes the code of the others. There is no
 * such test for each fact, because it would have to find out and remove so many branches that a start takes
 * longer.
 */
#define IS_WANTED(level) (parameters.prefilter.sections & SECTION_##level)

/* In a function that writes a section, before anything is read. */
#define RETURN_UNLESS_WANTED(level)                                                                \
	if (!IS_WANTED(level))                                                                     \
		return 0;

#endif
