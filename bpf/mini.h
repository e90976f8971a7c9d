/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Mini-sockets of TCP: connections in TIME_WAIT, and connection requests. */
#ifndef MINI_H
#define MINI_H

#include "filter.h"

static __always_inline void fill_mini_timer(struct record_header *header, struct sock_common *skc)
{
	struct tcp_timewait_sock *tw = (void *)skc;
	struct tcp_request_sock *request = (void *)skc;
	unsigned long expires = 0;

	if (skc->skc_state == TCP_TIME_WAIT) {
		if (HAS(tw, tw_sk.tw_timer.expires))
			expires = BPF_CORE_READ(tw, tw_sk.tw_timer.expires);
		set_timer(header, TIMER_TIME_WAIT, expires);
		return;
	}
	if (HAS(request, req.req.rsk_timer.expires))
		expires = BPF_CORE_READ(request, req.req.rsk_timer.expires);
	set_timer(header, TIMER_RETRANSMIT, expires);
	if (HAS(request, req.req.num_timeout))
		header->retransmits = BPF_CORE_READ_BITFIELD_PROBED(request, req.req.num_timeout);
}

/* The user of a connection request is that of its listener. */
static __always_inline __u32 uid_of_request(struct sock_common *skc)
{
	if (!HAS_BEHIND(skc, skc_listener, sk_uid.val))
		return 0;
	return BPF_CORE_READ(skc, skc_listener, sk_uid.val);
}

/* The listener that answers a connection request, in the place of the MPTCP socket of a subflow. */
static __always_inline void fill_listener(struct record_header *header, struct sock_common *skc)
{
	struct sock *listener;

	if (!parameters.prefilter.want_listeners || !HAS(skc, skc_listener))
		return;
	listener = BPF_CORE_READ(skc, skc_listener);
	header->master = existing_cookie(&listener->__sk_common);
	header->master_inode = probed_inode(listener);
}

/*
 * Writes a mini-socket, whose record is only a header. The pointer comes from the iterator itself and is
 * "trusted". Some kernels search all their types for each pointer that is loaded through a trusted one,
 * but not if it is read with bpf_probe_read_kernel().
 */
static __noinline int write_mini_socket(struct seq_file *seq, struct sock_common *skc, __u8 state,
					__u64 address)
{
	BEGIN_PART(seq, struct record_header, header)
	__u32 netns = 0;

	if (HAS_BEHIND(skc, skc_net.net, ns.inum))
		netns = BPF_CORE_READ(skc, skc_net.net, ns.inum);
	fill_header(header, skc, netns, address);
	fill_endpoints(header, skc);
	fill_mini_timer(header, skc);
	header->socket_type = SOCK_STREAM;
	header->protocol = IPPROTO_TCP;
	header->state = state;
	if (visits_each_tcp_socket_once(seq))
		header->traits |= TRAIT_ONCE;
	if (state == TCP_SYN_RECV) {
		header->uid = uid_of_request(skc);
		fill_listener(header, skc);
	}
	END_PART(seq, header);
	return 0;
}

/* Other mini-sockets have no user, and none has facts. */
static __always_inline bool is_wanted_mini_socket(struct sock_common *skc, __u8 state)
{
	if (TESTED_SECTION)
		return false;
	if (!parameters.prefilter.uids.count)
		return true;
	return state == TCP_SYN_RECV && in_numbers(&parameters.prefilter.uids, uid_of_request(skc));
}

#endif
