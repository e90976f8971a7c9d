/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The four files of the knetstat kernel module, as programs that can be pinned: tcpstat, tcp6stat, udpstat and
 * udp6stat. They write text in the module's layout. `knetstat --module` prints the same from records:
 * src/output/module.rs
 *
 * Each is there twice: as a program of the kernel's iterator, and as a walk that takes no lock of a socket (pins.h).
 * Readers share the programs, so that no map holds what belongs to one of them, except as pins.h describes.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TYPED_POINTERS

#include "numbers.h"
#include "read.h"
#include "state.h"
#include "text.h"
#include "pins.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define TCP_HEADER "Recv-Q Send-Q Local Address           Foreign Address         Stat Diag Options\n"
#define UDP_HEADER "Recv-Q Send-Q Local Address           Foreign Address         Options\n"

#define QUEUE_WIDTH 6
#define ADDRESS_WIDTH 23
#define STATE_WIDTH 4
#define MARK_WIDTH 4

/* include/net/tcp.h */
#define TCP_NAGLE_OFF 1
/* include/uapi/linux/socket.h */
#define SOCK_SNDBUF_LOCK 1
#define SOCK_RCVBUF_LOCK 2
/* include/linux/sched.h, MAX_SCHEDULE_TIMEOUT: no timeout */
#define NO_TIMEOUT (~0UL >> 1)

/* Clock ticks per second, the unit of times in the kernel. The loader sets it: src/kernel/module.rs */
const volatile __u64 hz = 250;

/*
 * Whether nothing has been written yet, neither to the buffer nor to the reader. The program is called for each socket
 * and, at the end, without one. The first call has the number 0 or 1, because the iterators count a token of their own,
 * or -1, because they do not count a socket that they skip: kernel/bpf/bpf_iter.c, bpf_seq_read(). The last call can
 * have the same number.
 */
static __always_inline bool is_first(struct bpf_iter_meta *meta)
{
	struct seq_file *seq = meta->seq;

	return meta->seq_num + 1 <= 2 && !seq->count && !BPF_CORE_READ(seq, file, f_pos);
}

static __always_inline void put_port(struct seq_file *seq, __u16 port)
{
	PUT(seq, ":")
	if (port)
		put_number(seq, port);
	else
		PUT(seq, "*")
}

/* Writes an address and its port. Like the module, with at least one blank behind them. */
static __always_inline void put_end(struct seq_file *seq, __u16 family, const __u32 *ipv6, __u32 ipv4,
				    __u16 port)
{
	__u64 begin = seq->count;

	if (family == AF_INET6)
		put_ipv6(seq, ipv6);
	else
		put_ipv4(seq, ipv4);
	put_port(seq, port);
	pad(seq, begin, ADDRESS_WIDTH);
	PUT(seq, " ")
}

static __always_inline void put_ends(struct seq_file *seq, struct sock_common *skc, __u16 family)
{
	__u32 local[4] = {}, remote[4] = {};

	if (family == AF_INET6 && (HAS(skc, skc_v6_rcv_saddr) & HAS(skc, skc_v6_daddr))) {
		bpf_core_read(local, sizeof(local), &skc->skc_v6_rcv_saddr);
		bpf_core_read(remote, sizeof(remote), &skc->skc_v6_daddr);
	}
	put_end(seq, family, local, LOAD(skc, skc_rcv_saddr), LOAD(skc, skc_num));
	put_end(seq, family, remote, LOAD(skc, skc_daddr), bpf_ntohs(LOAD(skc, skc_dport)));
}

static __always_inline void put_queues(struct seq_file *seq, __u32 recv_queue, __u32 send_queue)
{
	put_in_column(seq, recv_queue, QUEUE_WIDTH);
	PUT(seq, " ")
	put_in_column(seq, send_queue, QUEUE_WIDTH);
	PUT(seq, " ")
}

static __always_inline void put_state(struct seq_file *seq, __u8 state)
{
	/* By the numbers of include/net/tcp_states.h, four letters each. The two of a request are the same. */
	static const char words[16 * STATE_WIDTH] CONSTANT =
		"NONEESTBSYNSSYNRFNW1FNW2TIMWCLSDCLSWLACKLSTNCLSG"
		"SYNRNONENONENONE";
	__u64 number = state;

	barrier_var(number);
	number &= 15;
	bpf_seq_write(seq, words + STATE_WIDTH * number, STATE_WIDTH);
	PUT(seq, " ")
}

/* The marks of src/socket/diag.rs, which also tells what they mean. */
static __noinline int put_mark(struct seq_file *seq, struct tcp_sock *tp)
{
	bool sends = GET_OR(tp, snd_wnd, 1), receives = GET_OR(tp, rcv_wnd, 1);
	__u32 ack_age = HAS(tp, rcv_tstamp) ? (__u32)bpf_jiffies64() - LOAD(tp, rcv_tstamp) : 0;

	if (!sends && !receives)
		PUT(seq, ">|<")
	else if (!receives)
		PUT(seq, "|<")
	else if (!sends)
		PUT(seq, ">|")
	else if (GET(tp, snd_nxt) != GET(tp, snd_una) && ack_age > hz)
		PUT(seq, ">#")
	return 0;
}

#define PUT_OPTION(seq, name, value)                                                               \
	{                                                                                          \
		PUT(seq, name "=")                                                                 \
		put_number(seq, value);                                                            \
	}

#define FLAG(sk, name) (HAS_SOCK_FLAGS(sk, name) ? HAS_SOCK_FLAG(sk, name) : 0)

static __always_inline void put_timeout(struct seq_file *seq, long jiffies)
{
	__s64 milliseconds = (__u64)jiffies * 1000;

	if (milliseconds < 0) {
		PUT(seq, "-")
		milliseconds = -milliseconds;
	}
	put_long(seq, (__u64)milliseconds / hz);
	PUT(seq, "ms")
}

/* The options of SOL_SOCKET that are only written if they are set. The kernel doubles the sizes that are set. */
static __noinline int put_set_options(struct seq_file *seq, struct sock *sk)
{
	__u64 locks = GET_BITS(sk, sk_userlocks);

	if (locks & SOCK_RCVBUF_LOCK)
		PUT_OPTION(seq, ",SO_RCVBUF", (__u32)GET(sk, sk_rcvbuf) / 2)
	if (locks & SOCK_SNDBUF_LOCK)
		PUT_OPTION(seq, ",SO_SNDBUF", (__u32)GET(sk, sk_sndbuf) / 2)
	if (GET_OR(sk, sk_rcvtimeo, NO_TIMEOUT) != NO_TIMEOUT) {
		PUT(seq, ",SO_RCVTIMEO=")
		put_timeout(seq, GET(sk, sk_rcvtimeo));
	}
	if (GET_OR(sk, sk_sndtimeo, NO_TIMEOUT) != NO_TIMEOUT) {
		PUT(seq, ",SO_SNDTIMEO=")
		put_timeout(seq, GET(sk, sk_sndtimeo));
	}
	if (FLAG(sk, SOCK_LINGER)) {
		PUT(seq, ",SO_LINGER=")
		put_long(seq, GET(sk, sk_lingertime) / hz);
		PUT(seq, "s")
	}
	return 0;
}

static __always_inline void put_shared_options(struct seq_file *seq, struct sock *sk)
{
	PUT_OPTION(seq, "SO_REUSEADDR", GET_BITS(sk, __sk_common.skc_reuse))
	PUT_OPTION(seq, ",SO_REUSEPORT", GET_BITS(sk, __sk_common.skc_reuseport))
}

static __noinline int put_tcp_options(struct seq_file *seq, struct tcp_sock *tp, __u8 state)
{
	struct sock *sk = &tp->inet_conn.icsk_inet.sk;
	__u32 idle = GET(tp, keepalive_time), interval = GET(tp, keepalive_intvl);
	__u32 probes = GET(tp, keepalive_probes), limit = GET(tp, inet_conn.icsk_user_timeout);

	put_shared_options(seq, sk);
	PUT_OPTION(seq, ",SO_KEEPALIVE", FLAG(sk, SOCK_KEEPOPEN))
	if (idle)
		PUT_OPTION(seq, ",TCP_KEEPIDLE", idle / hz)
	if (probes)
		PUT_OPTION(seq, ",TCP_KEEPCNT", probes)
	if (interval)
		PUT_OPTION(seq, ",TCP_KEEPINTVL", interval / hz)
	if (limit)
		PUT_OPTION(seq, ",TCP_USER_TIMEOUT", limit)
	put_set_options(seq, sk);
	PUT_OPTION(seq, ",TCP_NODELAY", GET_BITS(tp, nonagle) & TCP_NAGLE_OFF)
	if (state == TCP_LISTEN)
		PUT_OPTION(seq, ",TCP_FASTOPEN",
			   GET(tp, inet_conn.icsk_accept_queue.fastopenq.max_qlen))
	PUT_OPTION(seq, ",TCP_DEFER_ACCEPT", GET(tp, inet_conn.icsk_accept_queue.rskq_defer_accept))
	return 0;
}

/* net/ipv4/tcp_ipv4.c, get_tcp4_sock(). The sequence numbers that a closed connection leaves behind are no queue. */
static __always_inline void put_tcp_queues(struct seq_file *seq, struct tcp_sock *tp, __u8 state)
{
	__s32 unread = GET(tp, rcv_nxt) - GET(tp, copied_seq);

	if (state == TCP_LISTEN)
		put_queues(seq, GET(tp, inet_conn.icsk_inet.sk.sk_ack_backlog), 0);
	else if (state == TCP_CLOSE)
		put_queues(seq, 0, 0);
	else
		put_queues(seq, unread < 0 ? 0 : unread, GET(tp, write_seq) - GET(tp, snd_una));
}

/* `tp` is NULL for a mini-socket, which has only struct sock_common. */
static __always_inline void put_tcp_line(struct seq_file *seq, struct sock_common *skc, struct tcp_sock *tp,
					 __u8 state, __u16 family)
{
	__u64 begin;

	if (tp)
		put_tcp_queues(seq, tp, state);
	else
		put_queues(seq, 0, 0);
	put_ends(seq, skc, family);
	put_state(seq, state);
	if (tp) {
		begin = seq->count;
		if (state == TCP_ESTABLISHED)
			put_mark(seq, tp);
		pad(seq, begin, MARK_WIDTH);
		PUT(seq, " ")
		put_tcp_options(seq, tp, state);
	}
	PUT(seq, "\n")
}

static __always_inline void put_udp_line(struct seq_file *seq, struct udp_sock *up, __u16 family)
{
	struct sock *sk = &up->inet.sk;

	/*
	 * Without what has been read, but not returned yet: net/ipv4/udp.c, udp_rqueue_get(). The kernel counts from one:
	 * include/net/sock.h, sk_wmem_alloc_get().
	 */
	put_queues(seq, GET(sk, sk_backlog.rmem_alloc.counter) - GET(up, forward_deficit),
		   GET_OR(sk, sk_wmem_alloc.refs.counter, 1) - 1);
	put_ends(seq, &sk->__sk_common, family);
	put_shared_options(seq, sk);
	put_set_options(seq, sk);
	PUT_OPTION(seq, ",SO_BROADCAST", FLAG(sk, SOCK_BROADCAST))
	PUT(seq, "\n")
}

/* Not inlined, like show_udp(), so that two programs share the code. */
static __noinline int show_tcp(struct bpf_iter__tcp *ctx, __u16 family)
{
	struct sock_common *skc = ctx->sk_common;
	struct seq_file *seq = ctx->meta->seq;

	if (is_first(ctx->meta))
		PUT(seq, TCP_HEADER)
	if (!skc || LOAD(skc, skc_family) != family)
		return 0;
	/* This returns NULL for mini-sockets. */
	put_tcp_line(seq, skc, bpf_skc_to_tcp_sock(skc), tcp_state(skc, address_of(skc)), family);
	return 0;
}

static __noinline int show_udp(struct bpf_iter__udp *ctx, __u16 family)
{
	struct udp_sock *up = ctx->udp_sk;
	struct seq_file *seq = ctx->meta->seq;

	if (is_first(ctx->meta))
		PUT(seq, UDP_HEADER)
	if (up && LOAD(up, inet.sk.__sk_common.skc_family) == family)
		put_udp_line(seq, up, family);
	return 0;
}

SEC("iter/tcp")
int tcpstat(struct bpf_iter__tcp *ctx)
{
	return show_tcp(ctx, AF_INET);
}

SEC("iter/tcp")
int tcp6stat(struct bpf_iter__tcp *ctx)
{
	return show_tcp(ctx, AF_INET6);
}

SEC("iter/udp")
int udpstat(struct bpf_iter__udp *ctx)
{
	return show_udp(ctx, AF_INET);
}

SEC("iter/udp")
int udp6stat(struct bpf_iter__udp *ctx)
{
	return show_udp(ctx, AF_INET6);
}

/*
 * The same by walks (pins.h), which wait for the lock of no socket. They require bpf_loop() and the storage of tasks. The
 * loader tries them first: src/kernel/module.rs
 */

/* No line is longer. The options of TCP with the longest values are 330 bytes, the rest of a line 125. */
#define LINE_ROOM 480
/* For fewer lines, no batch is begun. */
#define BATCH_LEAST 8

/* The context of the callbacks of a loop. */
struct turn {
	struct seq_file *seq;
	__u64 family;
};

static __noinline int show_copy_of_tcp(struct seq_file *seq, __u32 index, __u16 family)
{
	__u32 state = copy_socket(index), in_kernel = state >> 8;
	struct lane *lane = own_lane();

	if (!state || !lane)
		return 0;
	if (in_kernel == TCP_TIME_WAIT || in_kernel == TCP_NEW_SYN_RECV)
		put_tcp_line(seq, (void *)lane->copies.sock, 0, state, family);
	else
		put_tcp_line(seq, (void *)lane->copies.sock, (void *)lane->copies.sock, state, family);
	return 0;
}

static __noinline int show_copy_of_udp(struct seq_file *seq, __u32 index, __u16 family)
{
	__u32 state = copy_socket(index);
	struct lane *lane = own_lane();

	if (state && lane)
		put_udp_line(seq, (void *)lane->copies.sock, family);
	return 0;
}

/* The number of lines for which there is room. */
static __always_inline __u32 room_of(struct seq_file *seq)
{
	return seq->count < seq->size ? (seq->size - seq->count) / LINE_ROOM : 0;
}

static long tcp_turn(__u32 index, struct turn *turn)
{
	int next = next_socket(room_of(turn->seq), BATCH_LEAST);

	if (next < 0)
		return next == CALL_ENDS;
	show_copy_of_tcp(turn->seq, next, turn->family);
	end_socket(false);
	return 0;
}

static long udp_turn(__u32 index, struct turn *turn)
{
	int next = next_socket(room_of(turn->seq), BATCH_LEAST);

	if (next < 0)
		return next == CALL_ENDS;
	show_copy_of_udp(turn->seq, next, turn->family);
	end_socket(false);
	return 0;
}

static __always_inline int walk(struct bpf_iter__bpf_map_elem *ctx, bool is_tcp, __u16 family)
{
	struct turn turn = { .seq = ctx->meta->seq, .family = family };
	struct seq_file *seq = ctx->meta->seq;
	__u32 *number = ctx->key;
	int call;

	if (!number)
		return 0;
	call = begin_call(ctx->meta->session_id, *number, family, is_tcp ? TABLE_TCP_LISTEN : TABLE_UDP,
			  is_tcp ? TABLE_TCP : TABLE_UDP);
	if (call == CALL_DONE)
		return 0;
	/* The reader takes what there is, and the call is made again: kernel/bpf/bpf_iter.c, bpf_seq_read() */
	if (seq->count && room_of(seq) < BATCH_LEAST)
		return 1;
	if (call == CALL_FIRST && is_tcp)
		PUT(seq, TCP_HEADER)
	else if (call == CALL_FIRST)
		PUT(seq, UDP_HEADER)
	if (call != CALL_FAILED) {
		bpf_loop(CALL_TURNS, is_tcp ? tcp_turn : udp_turn, &turn, 0);
		if (seq->count < seq->size && end_call())
			return 0;
	}
	fail(seq);
	return 0;
}

SEC("iter/bpf_map_elem")
int tcpstat_walk(struct bpf_iter__bpf_map_elem *ctx)
{
	return walk(ctx, true, AF_INET);
}

SEC("iter/bpf_map_elem")
int tcp6stat_walk(struct bpf_iter__bpf_map_elem *ctx)
{
	return walk(ctx, true, AF_INET6);
}

SEC("iter/bpf_map_elem")
int udpstat_walk(struct bpf_iter__bpf_map_elem *ctx)
{
	return walk(ctx, false, AF_INET);
}

SEC("iter/bpf_map_elem")
int udp6stat_walk(struct bpf_iter__bpf_map_elem *ctx)
{
	return walk(ctx, false, AF_INET6);
}
