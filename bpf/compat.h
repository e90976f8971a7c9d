/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The differences between kernels, one accessor for each, with the version and the reason. What is
 * there is asked of the running kernel's BTF; versions stand in comments only, because stable
 * kernels take over changes from later ones.
 */
#ifndef COMPAT_H
#define COMPAT_H

/* A member of another shape of the type, see the flavours in vmlinux.h. */
#define FLAVOUR(type, pointer) ((struct type *)(pointer))

/* 6.6 gathered the IPv4 bits in inet_flags; before, the first nine were in cmsg_flags. */
#define INET_CMSG(bit)                                                                             \
	bpf_core_field_exists(inet->inet_flags) ||                                                 \
			bpf_core_field_exists(inet->cmsg_flags),        \
		(bpf_core_field_exists(inet->inet_flags) ?                                         \
			 inet->inet_flags :                                                        \
			 inet->cmsg_flags) >> bit

/* ... and the others were bit fields. The numbers are an anonymous enum, which BTF cannot name. */
#define INET_BIT(bit, member)                                                                      \
	bpf_core_field_exists(inet->member) ||                          \
			bpf_core_field_exists(inet->inet_flags),                                   \
		bpf_core_field_exists(inet->member) ?                   \
			BPF_CORE_READ_BITFIELD(inet, member) :          \
			inet->inet_flags >> bit

/* A bit that never was anything else. */
#define INET_FLAG(bit) bpf_core_field_exists(inet->inet_flags), inet->inet_flags >> bit

/*
 * 6.7 moved the IPv6 bits there too. 6.6 has both words, so the old member decides, not the new.
 */
#define INET6_BIT(bit, member)                                                                     \
	bpf_core_field_exists(np->member) ||                           \
			bpf_core_field_exists(inet->inet_flags),                                   \
		bpf_core_field_exists(np->member) ?                    \
			BPF_CORE_READ_BITFIELD(np, member) :           \
			inet->inet_flags >> bit

/* 6.7, and 6.1 stable: udp_flags instead of members. */
#define UDP_BIT(bit, member)                                                                       \
	bpf_core_field_exists(up->member) ||                             \
			bpf_core_field_exists(up->udp_flags),                                      \
		bpf_core_field_exists(up->member) ?                      \
			BPF_CORE_READ_BITFIELD(up, member) :             \
			up->udp_flags >> bit

/*
 * 6.16 moved the SO_PASS* bits from struct socket, which an orphan has not, to struct sock. There
 * they share a byte with sk_txrehash: which of the two a socket means the kernel's answer to
 * getsockopt tells, not this read.
 */
#define SCM_BIT(member, bit)                                                                       \
	bpf_core_field_exists(sk->member) ||                                                       \
			(bpf_core_field_exists(sk->sk_socket->flags) && sk->sk_socket),            \
		bpf_core_field_exists(sk->member) ? BPF_CORE_READ_BITFIELD(sk, member) :           \
						    sk->sk_socket->flags >> bit

/* 6.8: one number instead of a pair. A change of kind, which CO-RE takes for an absent member. */
#define PORT_RANGE                                                                                 \
	bpf_core_field_exists(inet->local_port_range) ||                                           \
			bpf_core_field_exists(                                                     \
				FLAVOUR(inet_sock___range, inet)->local_port_range.lo),            \
		bpf_core_field_exists(inet->local_port_range) ?                                    \
			inet->local_port_range :                                                   \
			FLAVOUR(inet_sock___range, inet)->local_port_range.lo |                    \
				(__u32)FLAVOUR(inet_sock___range, inet)->local_port_range.hi << 16

/*
 * 5.12: iterators may ask for the cookie, which gives the socket one. The helper is older and its
 * number says nothing; the one below came with the same kernel.
 */
static __always_inline __u64 given_cookie(void *sk)
{
	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_check_mtu))
		return 0;
	return bpf_get_socket_cookie(sk);
}

/* Before, there is the cookie of a socket that someone asked for its own, and 0 for the others. */
static __always_inline __u64 socket_cookie(struct sock_common *skc)
{
	__u64 cookie = given_cookie(skc);

	return cookie ? cookie : BPF_CORE_READ(skc, skc_cookie.counter);
}

/* 6.18: the inode's number is kept in struct sock; before, the inode stands behind the socket. */
static __always_inline __u64 socket_inode(struct sock *sk)
{
	struct socket_alloc *alloc;
	unsigned long inode = 0;

	if (bpf_core_field_exists(sk->sk_ino))
		return sk->sk_ino;
	alloc = (struct socket_alloc *)sk->sk_socket;
	if (alloc)
		bpf_core_read(&inode, sizeof(inode), &alloc->vfs_inode.i_ino);
	return inode;
}

/* 6.18: UDP counts its drops for each memory node. */
static __always_inline __u32 socket_drops(struct sock *sk)
{
	if (bpf_core_field_exists(sk->sk_drop_counters) && sk->sk_drop_counters)
		return sk->sk_drop_counters->drops0.counter + sk->sk_drop_counters->drops1.counter;
	if (bpf_core_field_exists(sk->sk_drops))
		return sk->sk_drops.counter;
	return 0;
}

#endif
