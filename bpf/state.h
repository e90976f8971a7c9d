/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The state of a TCP socket. It says what a mini-socket is, which is not asked for its type with
 * bpf_skc_to_tcp_timewait_sock() and its neighbour: their answer is NULL for the subflows of MPTCP, which have
 * another struct proto.
 */
#ifndef STATE_H
#define STATE_H

#include "numbers.h"

/* The state of a socket in TIME_WAIT is that which /proc/net/tcp shows. */
static __always_inline __u8 tcp_state(struct sock_common *skc, __u64 address)
{
	struct tcp_timewait_sock *tw = (void *)address;
	__u8 state = skc->skc_state;

	if (state == TCP_NEW_SYN_RECV)
		return TCP_SYN_RECV;
	if (state == TCP_TIME_WAIT && HAS(tw, tw_sk.tw_substate))
		return BPF_CORE_READ(tw, tw_sk.tw_substate);
	return state;
}

#endif
