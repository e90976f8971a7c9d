/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs that iterate over tasks or their file descriptors. They find the processes that hold
 * sockets, and the sockets that are in no table. The kernel visits the tasks of the reader's PID
 * namespace and the descriptors of each process. It visits those of a thread only if they are not shared
 * with the process. A socket with several descriptors is visited once for each. Each family has its own
 * program, and so its own stream. MPTCP and netlink have a second program, which iterates over the table of TCP
 * or their own, for sockets without a descriptor.
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
#include "filter.h"
#include "mptcp.h"
#include "sctp.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * THE FAMILIES. family_of() assigns each socket to exactly one, so that only the programs of one family
 * write it. A program of this file must name its family to get a socket. other_files() writes the sockets
 * of FAMILY_OTHER.
 */
enum family {
	FAMILY_TCP,
	FAMILY_UDP,
	FAMILY_RAW,
	FAMILY_MPTCP,
	FAMILY_SCTP,
	FAMILY_UNIX,
	FAMILY_PACKET,
	FAMILY_XDP,
	FAMILY_NETLINK,
	FAMILY_VSOCK,
	FAMILY_OTHER,
};

/* A socket behind a descriptor, with the arguments of socket(2). */
struct file_socket {
	struct sock *sk;
	struct net *net;
	__u16 domain;
	__u16 protocol;
	__u8 type;
};

/* The type is checked first, because a raw socket may have any protocol. */
static __always_inline enum family inet_family_of(const struct file_socket *socket)
{
	__u16 protocol = socket->protocol;

	switch (socket->type) {
	case SOCK_RAW:
		return FAMILY_RAW;
	case SOCK_DGRAM:
		if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
			return FAMILY_RAW;
		if (protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE)
			return FAMILY_UDP;
		return FAMILY_OTHER;
	case SOCK_STREAM:
		if (protocol == IPPROTO_TCP)
			return FAMILY_TCP;
		if (protocol == IPPROTO_MPTCP)
			return FAMILY_MPTCP;
		return protocol == IPPROTO_SCTP ? FAMILY_SCTP : FAMILY_OTHER;
	case SOCK_SEQPACKET:
		return protocol == IPPROTO_SCTP ? FAMILY_SCTP : FAMILY_OTHER;
	default:
		return FAMILY_OTHER;
	}
}

static __always_inline enum family family_of(const struct file_socket *socket)
{
	switch (socket->domain) {
	case AF_INET:
	case AF_INET6:
		return inet_family_of(socket);
	case AF_UNIX:
		return FAMILY_UNIX;
	case AF_PACKET:
		return FAMILY_PACKET;
	case AF_XDP:
		return FAMILY_XDP;
	case AF_NETLINK:
		return FAMILY_NETLINK;
	case AF_VSOCK:
		return FAMILY_VSOCK;
	default:
		return FAMILY_OTHER;
	}
}

/*
 * 5.11 added a helper. Before, a file is a socket if its file system has the magic number of sockfs. Its
 * private data is then the struct socket.
 */
static __always_inline struct sock *sock_of(struct file *file)
{
	struct socket *socket;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_sock_from_file)) {
		socket = bpf_sock_from_file(file);
		return socket ? socket->sk : 0;
	}
	if (!is_socket(file))
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

/*
 * Finds the socket behind a descriptor. Returns false unless the socket is of this family, in a
 * requested network namespace, and of a wanted user.
 */
static __always_inline bool find_socket(struct bpf_iter__task_file *ctx, enum family family,
					struct file_socket *socket)
{
	struct task_struct *reader = (void *)bpf_get_current_task();
	struct sock *sk;

	if (!ctx->task || !ctx->file)
		return false;
	sk = sock_of(ctx->file);
	if (!sk)
		return false;
	socket->sk = sk;
	socket->net = BPF_CORE_READ(sk, __sk_common.skc_net.net);
	if (!parameters.prefilter.every_netns && socket->net != BPF_CORE_READ(reader, nsproxy, net_ns))
		return false;
	socket->domain = LOAD(sk, __sk_common.skc_family);
	socket->protocol = LOAD(sk, sk_protocol);
	socket->type = LOAD(sk, sk_type);
	return family_of(socket) == family && has_wanted_user(sk);
}

/* The processes that hold sockets. Writes a record for each descriptor that is a socket. */
SEC("iter/task_file")
int owners(struct bpf_iter__task_file *ctx)
{
	struct owner_record owner = { .magic = OWNER_MAGIC };
	struct task_struct *task = ctx->task;
	struct task_struct *leader;
	struct file *file = ctx->file;
	struct pid *pid = 0;
	struct sock *sk;

	/*
	 * What the pointers of the iterator lead to is loaded without a probe, of which each takes a fortieth of the
	 * time. All members but the start are required to report an owner, so that these reads are not
	 * guarded. On a kernel that lacks one, the program does not load, and the table has no owners.
	 */
	if (!task || !file)
		return 0;
	sk = sock_of(file);
	if (!sk)
		return 0;
	/* An address, because 5.10 adds no number to a pointer that it tracks. */
	bpf_core_read(&pid, sizeof(pid), &task->signal->pids[PIDTYPE_TGID]);
	leader = task->group_leader;
	/* The iterator skips threads that have the descriptors of the first one: kernel/bpf/task_iter.c. */
	if (task != leader) {
		if (is_like_the_one_before(task, task->files))
			return 0;
		owner.tid = pid_number(BPF_CORE_READ(task, thread_pid));
	}
	owner.pid = pid_number(pid);
	owner.fd = ctx->fd;
	owner.flags = file->f_flags;
	owner.inode = probed_inode(sk);
	owner.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	if (HAS(leader, start_boottime))
		owner.started = leader->start_boottime;
	bpf_core_read(owner.command, 16, &task->group_leader->comm);
	bpf_seq_write(ctx->meta->seq, &owner, sizeof(owner));
	return 0;
}

/* The network namespaces of tasks. Writes a record for each task. */
SEC("iter/task")
int tasks(struct bpf_iter__task *ctx)
{
	struct task_record record = {};
	struct task_struct *task = ctx->task;
	struct nsproxy *nsproxy;

	if (!task)
		return 0;
	/* A task that has exited has none. */
	nsproxy = BPF_CORE_READ(task, nsproxy);
	if (!nsproxy)
		return 0;
	record.magic = TASK_MAGIC;
	record.pid = pid_number(BPF_CORE_READ(task, signal, pids[PIDTYPE_TGID]));
	record.tid = pid_number(BPF_CORE_READ(task, thread_pid));
	record.netns = BPF_CORE_READ(nsproxy, net_ns, ns.inum);
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

/* TCP sockets that are neither listening nor connected. */
static __always_inline int show_tcp_file(struct bpf_iter__task_file *ctx, bool loop_helper)
{
	struct seq_file *seq = ctx->meta->seq;
	struct file_socket socket = {};
	struct inet_sock *inet;
	struct ipv6_pinfo *np;
	struct tcp_sock *tp;

	if (!find_socket(ctx, FAMILY_TCP, &socket) || is_in_table(socket.sk) ||
	    !wanted(&socket.sk->__sk_common, TCP_CLOSE, parameters.prefilter.tcp_states))
		return 0;
	tp = (void *)socket.sk;
	inet = &tp->inet_conn.icsk_inet;
	np = GET(inet, pinet6);
	if (!has_wanted_tcp_fact(tp, np, socket.net))
		return 0;
	write_tcp_socket(seq, tp, np, socket.net, address_of(socket.sk), loop_helper);
	return 0;
}

/* `msk` is the socket itself, and not a copy. */
static __always_inline void show_mptcp_at(struct seq_file *seq, struct mptcp_sock *msk, struct net *net,
					  __u64 address, bool loop_helper)
{
	struct tcp_sock *first = (void *)GET(msk, first);
	struct inet_sock *inet = mptcp_inet(msk, first);

	write_mptcp_socket(seq, msk, first, GET(inet, pinet6), net, address, loop_helper);
}

/* MPTCP sockets, also those without a subflow, by which a walk finds the others. */
static __always_inline int show_mptcp_file(struct bpf_iter__task_file *ctx, bool loop_helper)
{
	struct file_socket socket = {};

	/* A kernel without MPTCP does not have its types either. */
	if (!bpf_core_type_exists(struct mptcp_sock))
		return 0;
	if (!find_socket(ctx, FAMILY_MPTCP, &socket) || !is_wanted_mptcp(socket.sk))
		return 0;
	show_mptcp_at(ctx->meta->seq, (void *)socket.sk, socket.net, address_of(socket.sk), loop_helper);
	return 0;
}

/*
 * MPTCP sockets without a descriptor, because they wait to be accepted or were closed. They are found
 * through their first subflow or, if that is not in the table, through each of the others.
 */
static __always_inline int show_mptcp_subflow(struct bpf_iter__tcp *ctx, bool loop_helper)
{
	struct tcp_sock *tp = (void *)ctx->sk_common;
	struct mptcp_sock *msk;
	struct net *net;
	__u8 state;

	if (!tp)
		return 0;
	state = BPF_CORE_READ(ctx, sk_common, skc_state);
	if (state == TCP_TIME_WAIT || state == TCP_NEW_SYN_RECV)
		return 0;
	msk = (void *)mptcp_master_of((__u64)tp);
	if (!msk || !is_wanted_mptcp((void *)msk))
		return 0;
	net = BPF_CORE_READ(tp, inet_conn.icsk_inet.sk.__sk_common.skc_net.net);
	show_mptcp_at(ctx->meta->seq, msk, net, (__u64)msk, loop_helper);
	return 0;
}

/*
 * UDP sockets that are not bound, and all UDP-Lite sockets, because only a walk visits their table. 7.x
 * kernels have no UDP-Lite.
 */
static __always_inline int show_udp_file(struct bpf_iter__task_file *ctx, bool loop_helper)
{
	struct seq_file *seq = ctx->meta->seq;
	struct file_socket socket = {};
	struct inet_sock *inet;
	struct ipv6_pinfo *np;

	if (!find_socket(ctx, FAMILY_UDP, &socket) ||
	    (socket.protocol != IPPROTO_UDPLITE && is_in_table(socket.sk)))
		return 0;
	inet = (void *)socket.sk;
	if (!wanted(&inet->sk.__sk_common, LOAD(inet, sk.__sk_common.skc_state),
		    parameters.prefilter.udp_states))
		return 0;
	np = GET(inet, pinet6);
	if (!has_wanted_udp_fact((void *)inet, np, socket.net))
		return 0;
	write_udp_socket(seq, (void *)inet, np, socket.net, address_of(socket.sk), loop_helper);
	return 0;
}

static __always_inline int show_raw(struct bpf_iter__task_file *ctx, bool loop_helper)
{
	struct file_socket socket = {};
	struct inet_sock *inet;
	bool is_ipv6;

	if (!find_socket(ctx, FAMILY_RAW, &socket) ||
	    !wanted(&socket.sk->__sk_common, TCP_CLOSE, ~0))
		return 0;
	inet = (void *)socket.sk;
	is_ipv6 = LOAD(inet, sk.__sk_common.skc_family) == AF_INET6;
	write_raw_socket(ctx->meta->seq, (void *)inet, is_ipv6 ? (void *)inet : 0, GET(inet, pinet6), socket.net,
			 address_of(socket.sk), loop_helper);
	return 0;
}

static __always_inline int show_sctp(struct bpf_iter__task_file *ctx, bool loop_helper)
{
	struct seq_file *seq = ctx->meta->seq;
	struct file_socket socket = {};
	struct inet_sock *inet;
	struct ipv6_pinfo *np;
	int sections;

	if (!find_socket(ctx, FAMILY_SCTP, &socket))
		return 0;
	inet = (void *)socket.sk;
	if (!wanted(&inet->sk.__sk_common, LOAD(inet, sk.__sk_common.skc_state), parameters.prefilter.tcp_states))
		return 0;
	np = GET(inet, pinet6);
	sections = write_sctp_header(seq, inet, np, socket.net, address_of(socket.sk));
	write_inet(seq, inet, np, socket.net, sections);
	write_sctp(seq, (void *)inet);
	if (sections & SECTION_ITEMS)
		loop_helper ? write_sctp_items(seq, inet, np) :
			      write_sctp_items_without_loop(seq, inet, np);
	return 0;
}

/*
 * Unix sockets. The iterator of their table, which 5.15 added, skips sockets if there are more than fit
 * its buffer: bpf_iter_unix_batch() does not resume in the middle of a bucket.
 */
static __always_inline int show_unix_file(struct bpf_iter__task_file *ctx, bool loop_helper)
{
	struct seq_file *seq = ctx->meta->seq;
	struct file_socket socket = {};
	struct unix_sock *u;

	if (!find_socket(ctx, FAMILY_UNIX, &socket))
		return 0;
	u = (void *)socket.sk;
	write_unix_socket(seq, u, socket.net, address_of(socket.sk),
			  unread_bytes(u, address_of(socket.sk), loop_helper));
	return 0;
}

/* Packet sockets, for which the kernel has no iterator. */
static __always_inline int show_packet(struct bpf_iter__task_file *ctx, bool loop_helper)
{
	struct file_socket socket = {};

	if (find_socket(ctx, FAMILY_PACKET, &socket))
		write_packet_socket(ctx->meta->seq, (void *)socket.sk, socket.net, address_of(socket.sk),
				    loop_helper);
	return 0;
}

/*
 * Netlink sockets. Those that were never bound are in no table, and the iterator of the table may skip
 * some while the table changes.
 */
SEC("iter/task_file")
int netlink_files(struct bpf_iter__task_file *ctx)
{
	struct file_socket socket = {};

	if (!find_socket(ctx, FAMILY_NETLINK, &socket))
		return 0;
	return show_netlink(ctx->meta->seq, (void *)socket.sk, socket.net, address_of(socket.sk));
}

/* Those that are bound, also without a descriptor. */
SEC("iter/netlink")
int netlink_bound(struct bpf_iter__netlink *ctx)
{
	struct netlink_sock *nlk = ctx->sk;

	if (!nlk || !has_wanted_user(&nlk->sk))
		return 0;
	return show_netlink(ctx->meta->seq, nlk, GET(nlk, sk.__sk_common.skc_net.net),
			    address_of(nlk));
}

SEC("iter/task_file")
int vsock_files(struct bpf_iter__task_file *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct file_socket socket = {};
	int sections;

	if (!find_socket(ctx, FAMILY_VSOCK, &socket))
		return 0;
	sections = write_vsock_header(seq, socket.sk, socket.net, address_of(socket.sk));
	write_common(seq, socket.sk, socket.net);
	if (sections & SECTION_VSOCK)
		write_vsock(seq, (void *)socket.sk);
	return 0;
}

/* Writes a header with the members that sockets of every family have. */
static __noinline int write_plain_header(struct seq_file *seq, struct sock *sk, struct net *net,
					 __u64 address)
{
	BEGIN_PART(seq, struct record_header, header)

	fill_header(header, &sk->__sk_common, GET(net, ns.inum), address);
	if (header->family == AF_INET || header->family == AF_INET6)
		fill_endpoints(header, &sk->__sk_common);
	fill_socket(header, sk);
	fill_queues(header, sk);
	return write_header(seq, header);
}

/* The sockets of families that have no program of their own. */
SEC("iter/task_file")
int other_files(struct bpf_iter__task_file *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct file_socket socket = {};

	if (!find_socket(ctx, FAMILY_OTHER, &socket))
		return 0;
	write_plain_header(seq, socket.sk, socket.net, address_of(socket.sk));
	write_common(seq, socket.sk, socket.net);
	return 0;
}

SEC("iter/task_file")
int tcp_files(struct bpf_iter__task_file *ctx)
{
	return show_tcp_file(ctx, true);
}

SEC("iter/task_file")
int mptcp_files(struct bpf_iter__task_file *ctx)
{
	return show_mptcp_file(ctx, true);
}

SEC("iter/tcp")
int mptcp_subflows(struct bpf_iter__tcp *ctx)
{
	return show_mptcp_subflow(ctx, true);
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
	struct file_socket socket = {};

	if (find_socket(ctx, FAMILY_XDP, &socket))
		write_xdp_socket(ctx->meta->seq, (void *)socket.sk, socket.net, address_of(socket.sk));
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
int tcp_files_without_loop(struct bpf_iter__task_file *ctx)
{
	return show_tcp_file(ctx, false);
}

SEC("iter/task_file")
int mptcp_files_without_loop(struct bpf_iter__task_file *ctx)
{
	return show_mptcp_file(ctx, false);
}

SEC("iter/tcp")
int mptcp_subflows_without_loop(struct bpf_iter__tcp *ctx)
{
	return show_mptcp_subflow(ctx, false);
}

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
