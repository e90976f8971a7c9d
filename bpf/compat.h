/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Accessors for the differences between kernels, each with the version that brought the change. The
 * choice depends on the BTF of the running kernel and never on its version, because stable kernels adopt
 * changes of later ones.
 */
#ifndef COMPAT_H
#define COMPAT_H

/* A helper function of the kernel, named by its constant. */
#define HAS_HELPER(name) bpf_core_enum_value_exists(enum bpf_func_id, name)

/* Bits of a socket, and which of them this kernel has. */
struct bits {
	__u64 present;
	__u64 word;
};

/* Adds a bit that is a bit field on this kernel. */
#define GATHER(bits, place, pointer, member)                                                       \
	if (HAS(pointer, member)) {                                                                \
		(bits)->present |= 1ULL << (place);                                                \
		(bits)->word |= (LOAD_BIT(pointer, member) & 1ULL) << (place);                     \
	}

/*
 * 6.6 moved the IPv4 bits to inet_flags. Before, the first nine were in cmsg_flags, and the others were bit fields,
 * which this gathers at the places that they have in inet_flags. Those are an anonymous enumeration, which CO-RE
 * cannot look up.
 */
static __always_inline void load_inet_bits(struct bits *bits, struct inet_sock *inet)
{
	if (HAS(inet, inet_flags)) {
		bits->present = ~0ULL;
		bits->word = LOAD(inet, inet_flags);
		return;
	}
	if (HAS(inet, cmsg_flags)) {
		bits->present = 0x1ff;
		bits->word = LOAD(inet, cmsg_flags) & 0x1ff;
	}
	GATHER(bits, 9, inet, recverr)
	GATHER(bits, 10, inet, recverr_rfc4884)
	GATHER(bits, 11, inet, freebind)
	GATHER(bits, 12, inet, hdrincl)
	GATHER(bits, 13, inet, mc_loop)
	GATHER(bits, 14, inet, mc_all)
	GATHER(bits, 15, inet, transparent)
	GATHER(bits, 17, inet, nodefrag)
	GATHER(bits, 18, inet, bind_address_no_port)
}

/* 6.7 moved the IPv6 bits to inet_flags too. 6.6 has inet_flags, but not yet these bits in it. */
static __always_inline void load_inet6_bits(struct bits *bits, struct ipv6_pinfo *np)
{
	if (!HAS(np, mc_loop))
		return;
	bits->present &= (1 << 20) - 1 | 1 << 30;
	GATHER(bits, 20, np, mc_loop)
	GATHER(bits, 21, np, recverr_rfc4884)
	GATHER(bits, 22, np, mc_all)
	GATHER(bits, 23, np, autoflowlabel_set)
	GATHER(bits, 24, np, autoflowlabel)
	GATHER(bits, 25, np, dontfrag)
	GATHER(bits, 26, np, recverr)
	GATHER(bits, 28, np, rtalert_isolate)
	GATHER(bits, 29, np, sndflow)
}

/* A bit that was gathered. */
#define GATHERED(place) bits.present >> (place) & 1, bits.word >> (place)

/* 6.7, and stable 6.1 kernels: bits of udp_flags instead of members. */
#define UDP_BIT(bit, member)                                                                       \
	HAS(up, member) | HAS(up, udp_flags),                                                      \
		HAS(up, member) ? LOAD_BIT(up, member) : LOAD(up, udp_flags) >> bit

/*
 * 6.16 moved the SO_PASS* bits from struct socket, which an orphan does not have, to struct sock. There
 * they share a byte with sk_txrehash. This read does not check which of the two the socket uses: the
 * reader asks the kernel for the options of each kind of socket. A kernel that has any of the new bits does not
 * use the old ones, at whose places this gathers them.
 */
static __always_inline void load_scm_bits(struct bits *bits, struct sock *sk)
{
	if (HAS(sk, sk_scm_rights) | HAS(sk, sk_scm_credentials) | HAS(sk, sk_scm_security) | HAS(sk, sk_scm_pidfd)) {
		GATHER(bits, 3, sk, sk_scm_credentials)
		GATHER(bits, 4, sk, sk_scm_security)
		GATHER(bits, 7, sk, sk_scm_pidfd)
	} else if (HAS_BEHIND(sk, sk_socket, flags) && LOAD(sk, sk_socket)) {
		bits->present = ~0ULL;
		bits->word = LOAD_BEHIND(sk, sk_socket, flags);
	}
}

/*
 * 6.3, and stable kernels: bits of a word, whose numbers are looked up in the running kernel's BTF.
 * Before, bit fields.
 */
#define HAS_PACKET_FLAG(bit)                                                                       \
	(HAS(po, flags) & bpf_core_enum_value_exists(enum packet_sock_flags, bit))
#define PACKET_FLAG(bit)                                                                           \
	HAS_PACKET_FLAG(bit),                                                                      \
		LOAD(po, flags) >> bpf_core_enum_value(enum packet_sock_flags, bit)
#define PACKET_BIT(bit, member)                                                                    \
	HAS(po, member) | HAS_PACKET_FLAG(bit),                                                    \
		HAS(po, member) ?                                                                  \
			LOAD_BIT(po, member) :                                                     \
			LOAD(po, flags) >> bpf_core_enum_value(enum packet_sock_flags, bit)

/* 6.6: the size of the header, 0 without one. Before, a bit: whether there is a header. */
#define PACKET_VNET_HDR_BIT                                                                        \
	HAS(po, vnet_hdr_sz) | HAS(po, has_vnet_hdr) |                                             \
		HAS_PACKET_FLAG(PACKET_SOCK_HAS_VNET_HDR),                                         \
		HAS(po, vnet_hdr_sz)  ? LOAD(po, vnet_hdr_sz) != 0 :                               \
		HAS(po, has_vnet_hdr) ? LOAD_BIT(po, has_vnet_hdr) :                               \
					LOAD(po, flags) >>                                         \
						bpf_core_enum_value(enum packet_sock_flags,        \
								    PACKET_SOCK_HAS_VNET_HDR)

/* 6.8: one number instead of a pair. CO-RE treats a member whose kind changed as absent. */
#define RANGE(inet) FLAVOUR(inet_sock___range, inet)
#define PORT_RANGE                                                                                 \
	HAS(inet, local_port_range) | HAS(RANGE(inet), local_port_range.lo),                       \
		HAS(inet, local_port_range) ?                                                      \
			LOAD(inet, local_port_range) :                                             \
			LOAD(RANGE(inet), local_port_range.lo) |                                   \
				(__u32)LOAD(RANGE(inet), local_port_range.hi) << 16

static __always_inline __u64 has_cgroup(struct sock *sk)
{
	struct cgroup *cgroup = 0;

	return (HAS(sk, sk_cgrp_data.cgroup) | HAS(sk, sk_cgrp_data.val)) & HAS_BEHIND(cgroup, kn, id);
}

/*
 * The number of the control group of a socket, or 0 if it has none. Before 5.15, the pointer to it is a word that has
 * one of its two lowest bits set, or is 0, if it is the first group: include/linux/cgroup.h, sock_cgroup_ptr()
 */
static __always_inline __u64 cgroup_of(struct sock *sk)
{
	struct cgroup *cgroup;
	__u64 word;

	if (HAS(sk, sk_cgrp_data.cgroup)) {
		cgroup = LOAD(sk, sk_cgrp_data.cgroup);
		return AWAY(cgroup, kn, id);
	}
	word = LOAD(sk, sk_cgrp_data.val);
	cgroup = (void *)word;
	return word & 3 || !word ? FIRST_CGROUP : AWAY(cgroup, kn, id);
}

/*
 * The cookie of a socket, or 0 if it has none. bpf_get_socket_cookie() is not used, because it would
 * generate one in the socket.
 */
static __always_inline __u64 existing_cookie(struct sock_common *skc)
{
	if (!HAS(skc, skc_cookie.counter))
		return 0;
	return BPF_CORE_READ(skc, skc_cookie.counter);
}

/* 6.18: struct sock has the inode number. Before, the inode is next to struct socket. */
static __always_inline __u64 socket_inode(struct sock *sk)
{
	struct socket_alloc *alloc;
	unsigned long inode = 0;

	if (HAS(sk, sk_ino))
		return LOAD(sk, sk_ino);
	alloc = (struct socket_alloc *)GET(sk, sk_socket);
	if (alloc)
		bpf_core_read(&inode, sizeof(inode), &alloc->vfs_inode.i_ino);
	return inode;
}

/* The same for a pointer whose type the verifier does not track. */
static __always_inline __u64 probed_inode(struct sock *sk)
{
	struct socket_alloc *alloc;
	unsigned long inode = 0;

	if (HAS(sk, sk_ino))
		return BPF_CORE_READ(sk, sk_ino);
	alloc = HAS(sk, sk_socket) ? (struct socket_alloc *)BPF_CORE_READ(sk, sk_socket) : 0;
	if (alloc)
		bpf_core_read(&inode, sizeof(inode), &alloc->vfs_inode.i_ino);
	return inode;
}

/*
 * The number of the bit MPTCP_FALLBACK_DONE of mptcp_sock.flags, which is a macro and so not in BTF. It
 * was renumbered in 6.9, in the series that added notsent_lowat.
 */
static __always_inline __u32 fallback_bit(struct mptcp_sock *msk)
{
	return HAS(msk, notsent_lowat) ? 2 : 4;
}

/* 6.18 replaced icsk_timeout by the expiry of the timer. 7.1 moved that timer and the keepalive timer. */
static __always_inline unsigned long retransmit_expires(struct tcp_sock *tp)
{
	if (HAS(tp, inet_conn.icsk_timeout))
		return LOAD(tp, inet_conn.icsk_timeout);
	if (HAS(tp, inet_conn.icsk_retransmit_timer.expires))
		return LOAD(tp, inet_conn.icsk_retransmit_timer.expires);
	return GET(tp, inet_conn.icsk_inet.sk.tcp_retransmit_timer.expires);
}

/* Whether the keepalive timer is pending, and when it expires. */
static __always_inline bool keepalive_runs(struct tcp_sock *tp, unsigned long *expires)
{
	if (HAS(tp, inet_conn.icsk_keepalive_timer.expires)) {
		*expires = LOAD(tp, inet_conn.icsk_keepalive_timer.expires);
		return LOAD(tp, inet_conn.icsk_keepalive_timer.entry.pprev) != 0;
	}
	*expires = GET(tp, inet_conn.icsk_inet.sk.sk_timer.expires);
	return GET(tp, inet_conn.icsk_inet.sk.sk_timer.entry.pprev) != 0;
}

/*
 * Whether tail loss probes are sent: net/ipv4/tcp_output.c, tcp_schedule_loss_probe(). They are for 3 and 4
 * of the numbers 0 to 4. Adding one moves that into a bit.
 */
#define LOSS_PROBES                                                                                \
	HAS(net, ipv4.sysctl_tcp_early_retrans),                                                   \
		(LOAD_BIT(net, ipv4.sysctl_tcp_early_retrans) + 1) >> 2

/*
 * 6.16: an iterator that resumes in the middle of a bucket identifies the remaining sockets by their
 * cookies. Before, it counted sockets, and if the bucket changed it visited some twice and others never. A walk
 * knows it of each of its calls.
 */
#if defined(WALKS) || defined(PART_OF_READER)
#define visits_each_tcp_socket_once(seq) is_walked_once(seq)
#define visits_each_udp_socket_once(seq) is_walked_once(seq)
#elif defined(TYPED_POINTERS)
#define visits_each_tcp_socket_once(seq) HAS((union bpf_tcp_iter_batch_item *)0, cookie)
#define visits_each_udp_socket_once(seq) HAS((union bpf_udp_iter_batch_item *)0, cookie)
#else
/* A socket is visited once for each of its descriptors. */
#define visits_each_tcp_socket_once(seq) false
#define visits_each_udp_socket_once(seq) false
#endif

/* 6.18: UDP and raw sockets count drops in two counters, each for half of the NUMA nodes. */
static __always_inline __u32 socket_drops(struct sock *sk)
{
	struct numa_drop_counters *counters = GET(sk, sk_drop_counters);

	if (counters && HAS(counters, drops0.counter) && HAS(counters, drops1.counter))
		return AWAY(counters, drops0.counter) + AWAY(counters, drops1.counter);
	return GET(sk, sk_drops.counter);
}

static __always_inline __u64 has_program_name(struct bpf_prog *program)
{
	return HAS_BEHIND(program, aux, name);
}

/* Reads the name of a BPF program, of which most sockets have none. */
static __always_inline void read_program_name(__u8 *name, struct bpf_prog *program)
{
	struct bpf_prog_aux *aux;

	if (!has_program_name(program) || !program)
		return;
	aux = BPF_CORE_READ(program, aux);
	bpf_core_read(name, 16, &aux->name);
}

#endif
