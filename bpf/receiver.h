/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The function of the kernel that receives for a socket of the kernel. It tells which part of the kernel uses the
 * socket: a tunnel sets encap_rcv of its UDP sockets (net/ipv4/udp_tunnel_core.c), a part of netlink netlink_rcv
 * (net/netlink/af_netlink.c), others sk_data_ready, such as NFS (net/sunrpc/xprtsock.c), iSCSI, NVMe, Ceph and RDS.
 */
#ifndef RECEIVER_H
#define RECEIVER_H

#include "compat.h"

/* 5.13: the helper that knows the names of functions. */
static __always_inline __u64 has_receiver(struct sock *sk)
{
	struct netlink_sock *nlk = 0;
	struct udp_sock *up = 0;

	return HAS_HELPER(BPF_FUNC_snprintf) & HAS(sk, sk_data_ready) & HAS(up, encap_rcv) & HAS(nlk, netlink_rcv);
}

static __always_inline __u64 receiver_of(struct sock *sk)
{
	__u64 function = 0;

	__u16 family = LOAD(sk, __sk_common.skc_family);
	bool is_internet = family == AF_INET || family == AF_INET6;

	if (family == AF_NETLINK)
		bpf_core_read(&function, sizeof(function), &((struct netlink_sock *)sk)->netlink_rcv);
	else if (is_internet && LOAD(sk, sk_type) == SOCK_DGRAM && LOAD(sk, sk_protocol) == IPPROTO_UDP)
		bpf_core_read(&function, sizeof(function), &((struct udp_sock *)sk)->encap_rcv);
	if (!function)
		bpf_core_read(&function, sizeof(function), &sk->sk_data_ready);
	return function;
}

/*
 * Writes the name of the function and, in brackets, of its module. Returns the length that it has with the zero byte,
 * or 0. A kernel that does not keep the names writes the address instead, which no record may contain.
 */
static __always_inline __u64 read_receiver(struct receiver_section *section, struct sock *sk)
{
	static const char name[] = "%ps";
	__u64 function = receiver_of(sk);
	long length = bpf_snprintf((char *)section->function, sizeof(section->function), name, &function, sizeof(function));

	if (length > 0 && section->function[0] != '0')
		return length;
	__builtin_memset(section->function, 0, sizeof(section->function));
	return 0;
}

#endif
