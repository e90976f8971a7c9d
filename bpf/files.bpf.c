/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tasks, and the sockets behind their file descriptors: who holds them, and those that are in no
 * table. The kernel walks the tasks of the reader's pid namespace, and of each the descriptors, of
 * threads only where they have their own. A socket that several descriptors share is met as often.
 * There is a program for each family, so that each is a stream of its own. One is not among them:
 * MPTCP sockets without a descriptor are reached through the table of TCP.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "record.h"
#include "read.h"
#include "sections.h"
#include "unix.h"
#include "raw.h"
#include "packet.h"
#include "xdp.h"
#include "netlink.h"
#include "vsock.h"
#include "mptcp.h"
#include "sctp.h"
#include "filter.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* include/uapi/linux/magic.h */
#define SOCKFS_MAGIC 0x534F434B

/* include/linux/pid_types.h */
#define PIDTYPE_TGID 1

/* A socket behind a descriptor. */
struct found {
	struct sock *sk;
	struct net *net;
	__u64 cookie;
	__u16 family;
	__u16 protocol;
	__u8 type;
};

/*
 * 5.11 has a helper. Before, a file of the socket file system is known by that system's magic
 * number, and what it keeps for itself is the socket.
 */
static __always_inline struct sock *sock_of(struct file *file)
{
	struct socket *socket;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_sock_from_file)) {
		socket = bpf_sock_from_file(file);
		return socket ? socket->sk : 0;
	}
	if (BPF_CORE_READ(file, f_inode, i_sb, s_magic) != SOCKFS_MAGIC)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	return socket ? BPF_CORE_READ(socket, sk) : 0;
}

/* Finds the socket behind a descriptor, of the network namespaces that are asked for. */
static __always_inline bool find(struct bpf_iter__task_file *ctx, struct found *found)
{
	struct task_struct *reader = (void *)bpf_get_current_task();
	struct sock *sk;

	if (!ctx->task || !ctx->file)
		return false;
	sk = sock_of(ctx->file);
	if (!sk)
		return false;
	found->sk = sk;
	found->net = BPF_CORE_READ(sk, __sk_common.skc_net.net);
	if (!prefilter.every_netns && found->net != BPF_CORE_READ(reader, nsproxy, net_ns))
		return false;
	found->family = LOAD(sk, __sk_common.skc_family);
	found->protocol = GET_BITS(sk, sk_protocol);
	found->type = GET_BITS(sk, sk_type);
	return true;
}

static __always_inline bool is_inet(struct found *found)
{
	return found->family == AF_INET || found->family == AF_INET6;
}

/* The cookie: as the last thing, because asking gives the socket one. */
static __always_inline __u64 cookie_of(struct found *found)
{
	__u64 cookie = given_cookie(found->sk);

	return cookie ? cookie : kept_cookie(&found->sk->__sk_common);
}

/* Whether the socket is in the table of its protocol, where an iterator finds it. */
static __always_inline bool is_in_table(struct sock *sk)
{
	return GET_OR(sk, __sk_common.skc_node.pprev, (void *)1) != 0;
}

/* Who holds a socket: a record for each descriptor that is one. */
SEC("iter/task_file")
int owners(struct bpf_iter__task_file *ctx)
{
	struct owner_record owner = { .magic = OWNER_MAGIC };
	struct task_struct *task = ctx->task, *leader;
	struct file *file = ctx->file;
	struct sock *sk;

	/*
	 * None of the reads is guarded: where one of them fails there is no owner to tell, the
	 * program does not load, and the table goes without.
	 */
	if (!task || !file)
		return 0;
	sk = sock_of(file);
	if (!sk)
		return 0;
	owner.pid = number_of(BPF_CORE_READ(task, signal, pids[PIDTYPE_TGID]));
	owner.fd = ctx->fd;
	owner.flags = BPF_CORE_READ(file, f_flags);
	owner.cookie = given_cookie(sk);
	owner.inode = BPF_CORE_READ(file, f_inode, i_ino);
	owner.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	leader = BPF_CORE_READ(task, group_leader);
	bpf_core_read(owner.command, 16, &leader->comm);
	bpf_seq_write(ctx->meta->seq, &owner, sizeof(owner));
	return 0;
}

/* In which network namespace each task is: a record for each. */
SEC("iter/task")
int tasks(struct bpf_iter__task *ctx)
{
	struct task_record record = {};
	struct task_struct *task = ctx->task;
	struct nsproxy *nsproxy;

	if (!task)
		return 0;
	/* One that has ended is in none. */
	nsproxy = BPF_CORE_READ(task, nsproxy);
	if (!nsproxy)
		return 0;
	record.magic = TASK_MAGIC;
	record.pid = number_of(BPF_CORE_READ(task, signal, pids[PIDTYPE_TGID]));
	record.tid = number_of(BPF_CORE_READ(task, thread_pid));
	record.netns = BPF_CORE_READ(nsproxy, net_ns, ns.inum);
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

/* TCP sockets that are neither listening nor connected. */
SEC("iter/task_file")
int tcp_files(struct bpf_iter__task_file *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct found found = {};
	struct inet_sock *inet;
	struct ipv6_pinfo *np;
	struct tcp_sock *tp;
	int sections;

	if (!find(ctx, &found) || !is_inet(&found) || found.protocol != IPPROTO_TCP ||
	    found.type != SOCK_STREAM || is_in_table(found.sk) ||
	    !wanted(&found.sk->__sk_common, TCP_CLOSE, prefilter.tcp_states))
		return 0;
	tp = (void *)found.sk;
	inet = &tp->inet_conn.icsk_inet;
	np = GET(inet, pinet6);
	sections = write_tcp_header(seq, tp, np, found.net, cookie_of(&found));
	write_inet(seq, inet, np, found.net, sections);
	write_tcp(seq, tp, found.net);
	if (sections & SECTION_TLS)
		write_tls(seq, tp);
	if (sections & SECTION_ITEMS)
		write_items(seq, inet, np, false, false);
	return 0;
}

static __always_inline bool is_wanted_mptcp(struct sock *sk)
{
	return GET_BITS(sk, sk_protocol) == IPPROTO_MPTCP &&
	       wanted(&sk->__sk_common, LOAD(sk, __sk_common.skc_state), prefilter.tcp_states);
}

/* MPTCP sockets, which have no table that can be walked. */
SEC("iter/task_file")
int mptcp_files(struct bpf_iter__task_file *ctx)
{
	struct mptcp_sock *msk = 0;
	struct found found = {};

	if (!HAS(msk, sk.icsk_inet)) /* A kernel without MPTCP does not have its types either. */
		return 0;
	if (!find(ctx, &found) || !is_inet(&found) || !is_wanted_mptcp(found.sk))
		return 0;
	return show_mptcp(ctx->meta->seq, (void *)found.sk, found.net, cookie_of(&found));
}

/*
 * Those of them that have no descriptor, because they wait to be accepted or were closed: by their
 * subflows, of which the first tells of them, or, where it is gone, each.
 */
SEC("iter/tcp")
int mptcp_subflows(struct bpf_iter__tcp *ctx)
{
	struct mptcp_subflow_context *subflow = 0;
	struct tcp_sock *tp = (void *)ctx->sk_common;
	struct mptcp_sock *msk = 0;
	struct sock *first;
	struct net *net;
	__u8 state;

	if (!tp || !HAS(tp, is_mptcp) || !HAS(subflow, conn) || !HAS(msk, first))
		return 0;
	state = BPF_CORE_READ(ctx, sk_common, skc_state);
	if (state == TCP_TIME_WAIT || state == TCP_NEW_SYN_RECV || !LOAD(tp, is_mptcp))
		return 0;
	subflow = BPF_CORE_READ(tp, inet_conn.icsk_ulp_data);
	msk = (void *)BPF_CORE_READ(subflow, conn);
	if (!msk || !is_wanted_mptcp((void *)msk))
		return 0;
	first = BPF_CORE_READ(msk, first);
	if (first && first != (void *)tp && is_in_table(first))
		return 0;
	net = BPF_CORE_READ(tp, inet_conn.icsk_inet.sk.__sk_common.skc_net.net);
	return show_mptcp(ctx->meta->seq, msk, net, kept_cookie((void *)msk));
}

/* UDP sockets that are not bound. */
static __always_inline int show_udp_file(struct bpf_iter__task_file *ctx, bool loop_helper)
{
	struct seq_file *seq = ctx->meta->seq;
	struct found found = {};
	struct inet_sock *inet;
	struct ipv6_pinfo *np;
	int sections;

	if (!find(ctx, &found) || !is_inet(&found) || found.protocol != IPPROTO_UDP ||
	    found.type != SOCK_DGRAM || is_in_table(found.sk) ||
	    !wanted(&found.sk->__sk_common, TCP_CLOSE, prefilter.udp_states))
		return 0;
	inet = (void *)found.sk;
	np = GET(inet, pinet6);
	sections = write_udp_header(seq, (void *)inet, np, found.net, cookie_of(&found));
	write_inet(seq, inet, np, found.net, sections);
	write_udp(seq, (void *)inet);
	if (sections & SECTION_ITEMS)
		write_items(seq, inet, np, true, loop_helper);
	return 0;
}

static __always_inline bool is_raw(struct found *found)
{
	return is_inet(found) &&
	       (found->type == SOCK_RAW ||
		(found->type == SOCK_DGRAM &&
		 (found->protocol == IPPROTO_ICMP || found->protocol == IPPROTO_ICMPV6)));
}

static __always_inline int show_raw(struct bpf_iter__task_file *ctx, bool loop_helper)
{
	struct seq_file *seq = ctx->meta->seq;
	struct found found = {};
	struct inet_sock *inet;
	struct ipv6_pinfo *np;
	int sections;

	if (!find(ctx, &found) || !is_raw(&found) ||
	    !wanted(&found.sk->__sk_common, TCP_CLOSE, ~0))
		return 0;
	inet = (void *)found.sk;
	np = GET(inet, pinet6);
	sections = write_raw_header(seq, inet, np, found.net, cookie_of(&found));
	write_inet(seq, inet, np, found.net, sections);
	if (sections & SECTION_RAW)
		write_raw(seq, inet);
	if (sections & SECTION_ITEMS)
		write_items(seq, inet, np, true, loop_helper);
	return 0;
}

static __always_inline bool is_sctp(struct found *found)
{
	return is_inet(found) && found->protocol == IPPROTO_SCTP &&
	       (found->type == SOCK_STREAM || found->type == SOCK_SEQPACKET);
}

static __always_inline int show_sctp(struct bpf_iter__task_file *ctx, bool loop_helper)
{
	struct seq_file *seq = ctx->meta->seq;
	struct found found = {};
	struct inet_sock *inet;
	struct ipv6_pinfo *np;
	int sections;

	if (!find(ctx, &found) || !is_sctp(&found))
		return 0;
	inet = (void *)found.sk;
	if (!wanted(&inet->sk.__sk_common, LOAD(inet, sk.__sk_common.skc_state), prefilter.tcp_states))
		return 0;
	np = GET(inet, pinet6);
	sections = write_sctp_header(seq, inet, np, found.net, cookie_of(&found));
	write_inet(seq, inet, np, found.net, sections);
	write_sctp(seq, (void *)inet);
	if (sections & SECTION_ITEMS)
		loop_helper ? write_sctp_items(seq, inet, np) :
			      write_sctp_items_without_loop(seq, inet, np);
	return 0;
}

/*
 * Unix sockets. Their table's iterator, which came with 5.15, misses sockets when there are more than
 * fit its buffer: bpf_iter_unix_batch() takes a bucket for done that it had only begun.
 */
static __always_inline int show_unix_file(struct bpf_iter__task_file *ctx, bool loop_helper)
{
	struct seq_file *seq = ctx->meta->seq;
	struct found found = {};
	struct unix_sock *u;

	if (!find(ctx, &found) || found.family != AF_UNIX)
		return 0;
	u = (void *)found.sk;
	write_unix_header(seq, u, found.net, cookie_of(&found), unread_bytes(u, loop_helper));
	write_socket(seq, found.sk, found.net);
	write_unix(seq, u);
	return 0;
}

/* Packet sockets: those of the kernel's table that have a descriptor, and those without a protocol. */
static __always_inline int show_packet(struct bpf_iter__task_file *ctx, bool loop_helper)
{
	struct seq_file *seq = ctx->meta->seq;
	struct found found = {};
	struct packet_sock *po;
	int sections;

	if (!find(ctx, &found) || found.family != AF_PACKET)
		return 0;
	po = (void *)found.sk;
	sections = write_packet_header(seq, po, found.net, cookie_of(&found));
	write_socket(seq, found.sk, found.net);
	write_packet(seq, po);
	if (sections & SECTION_ITEMS)
		write_packet_memberships(seq, po, loop_helper);
	return 0;
}

/*
 * Netlink sockets. Those that were never bound are in no table; and the walk of the table, which may
 * begin again or pass over some while it changes, misses none of those that are met here.
 */
SEC("iter/task_file")
int netlink_files(struct bpf_iter__task_file *ctx)
{
	struct found found = {};

	if (!find(ctx, &found) || found.family != AF_NETLINK)
		return 0;
	return show_netlink(ctx->meta->seq, (void *)found.sk, found.net, cookie_of(&found));
}

SEC("iter/task_file")
int vsock_files(struct bpf_iter__task_file *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct found found = {};
	int sections;

	if (!find(ctx, &found) || found.family != AF_VSOCK)
		return 0;
	sections = write_vsock_header(seq, found.sk, found.net, cookie_of(&found));
	write_socket(seq, found.sk, found.net);
	if (sections & SECTION_VSOCK)
		write_vsock(seq, (void *)found.sk);
	return 0;
}

/* A socket of which no more is known than what every socket has. */
static __noinline int write_plain_header(struct seq_file *seq, struct sock *sk, struct net *net,
					 __u64 cookie)
{
	struct record_header header = {};

	fill_header(&header, &sk->__sk_common, GET(net, ns.inum), cookie);
	if (header.family == AF_INET || header.family == AF_INET6)
		fill_endpoints(&header, &sk->__sk_common);
	fill_socket(&header, sk);
	fill_queues(&header, sk);
	bpf_seq_write(seq, &header, sizeof(header));
	return 0;
}

/* Sockets that no other program of this object, and none of tables.bpf.c, shows. */
static __always_inline bool is_known(struct found *found)
{
	if (found->family == AF_UNIX || found->family == AF_PACKET || found->family == AF_XDP ||
	    found->family == AF_NETLINK || found->family == AF_VSOCK)
		return true;
	return is_inet(found) &&
	       (is_raw(found) || is_sctp(found) ||
		(found->type == SOCK_STREAM && found->protocol == IPPROTO_TCP) ||
		found->protocol == IPPROTO_MPTCP ||
		(found->type == SOCK_DGRAM && found->protocol == IPPROTO_UDP));
}

/* What no program knows more of than that it is a socket. */
SEC("iter/task_file")
int other_files(struct bpf_iter__task_file *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct found found = {};

	if (!find(ctx, &found) || is_known(&found))
		return 0;
	write_plain_header(seq, found.sk, found.net, cookie_of(&found));
	write_socket(seq, found.sk, found.net);
	return 0;
}

SEC("iter/task_file")
int udp_files(struct bpf_iter__task_file *ctx)
{
	return show_udp_file(ctx, true);
}

SEC("iter/task_file")
int raw_files(struct bpf_iter__task_file *ctx)
{
	return show_raw(ctx, true);
}

SEC("iter/task_file")
int packet_files(struct bpf_iter__task_file *ctx)
{
	return show_packet(ctx, true);
}

SEC("iter/task_file")
int xdp_files(struct bpf_iter__task_file *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct found found = {};
	struct xdp_sock *xs;

	if (!find(ctx, &found) || found.family != AF_XDP)
		return 0;
	xs = (void *)found.sk;
	write_xdp_header(seq, xs, found.net, cookie_of(&found));
	write_socket(seq, found.sk, found.net);
	write_xdp(seq, xs);
	return 0;
}

SEC("iter/task_file")
int sctp_files(struct bpf_iter__task_file *ctx)
{
	return show_sctp(ctx, true);
}

SEC("iter/task_file")
int unix_files(struct bpf_iter__task_file *ctx)
{
	return show_unix_file(ctx, true);
}

/* For kernels before 5.17, which have no bpf_loop() and refuse a program that names it. */
SEC("iter/task_file")
int udp_files_without_loop(struct bpf_iter__task_file *ctx)
{
	return show_udp_file(ctx, false);
}

SEC("iter/task_file")
int raw_files_without_loop(struct bpf_iter__task_file *ctx)
{
	return show_raw(ctx, false);
}

SEC("iter/task_file")
int packet_files_without_loop(struct bpf_iter__task_file *ctx)
{
	return show_packet(ctx, false);
}

SEC("iter/task_file")
int sctp_files_without_loop(struct bpf_iter__task_file *ctx)
{
	return show_sctp(ctx, false);
}

SEC("iter/task_file")
int unix_files_without_loop(struct bpf_iter__task_file *ctx)
{
	return show_unix_file(ctx, false);
}
