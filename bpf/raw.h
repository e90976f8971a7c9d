/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Raw sockets, and ping sockets, which need no privilege: net/ipv4/raw.c, ping.c */
#ifndef RAW_H
#define RAW_H

#define SOCK_RAW 3
#define IPPROTO_ICMP 1
#define IPPROTO_ICMPV6 58

static __noinline int write_raw_header(struct seq_file *seq, struct inet_sock *inet,
				       struct ipv6_pinfo *np, struct net *net, __u64 address)
{
	BEGIN_PART(seq, struct record_header, header)

	fill_inet(header, inet, np, GET(net, ns.inum), address);
	if (header->socket_type == SOCK_RAW)
		header->sections |= SECTION_RAW;
	fill_queues(header, &inet->sk);
	return write_header(seq, header);
}

/* One of these is the socket, and the other contains zeros, or is NULL for the programs that probe. */
static __noinline int write_raw(struct seq_file *seq, struct raw_sock *raw, struct raw6_sock *raw6)
{
	RETURN_UNLESS_WANTED(RAW)
	BEGIN_PART(seq, struct raw_section, section)

	FILL(RAW_OPTIONS_LIST)
	if (HAS(raw6, filter.data))
		bpf_core_read(section->icmp6_filter, 32, &raw6->filter.data);
	END_PART(seq, section);
	return 0;
}

/* `raw` begins with the members that all have in common, `raw6` is for the others of an IPv6 socket. */
static __always_inline void write_raw_socket(struct seq_file *seq, struct raw_sock *raw, struct raw6_sock *raw6,
					     struct ipv6_pinfo *np, struct net *net, __u64 address, bool loop_helper)
{
	struct inet_sock *inet = &raw->inet;
	int sections = write_raw_header(seq, inet, np, net, address);

	write_inet(seq, inet, np, net, sections);
	if (sections & SECTION_RAW)
		write_raw(seq, raw, raw6);
	if (sections & SECTION_ITEMS)
		write_items(seq, inet, np, 0, true, loop_helper);
}

#endif
