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

static __noinline int write_raw(struct seq_file *seq, struct inet_sock *inet)
{
	RETURN_UNLESS_WANTED(RAW)
	bool is_ipv6 = LOAD(inet, sk.__sk_common.skc_family) == AF_INET6;
	/* raw_sock and raw6_sock differ in layout. Reading through a NULL pointer returns 0. */
	struct raw6_sock *raw6 = is_ipv6 ? (void *)inet : 0;
	struct raw_sock *raw = is_ipv6 ? 0 : (void *)inet;
	BEGIN_PART(seq, struct raw_section, section)

	FILL(RAW_OPTIONS_LIST)
	if (HAS(raw6, filter.data))
		bpf_core_read(section->icmp6_filter, 32, &raw6->filter.data);
	END_PART(seq, section);
	return 0;
}

#endif
