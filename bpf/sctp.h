/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* SCTP sockets: net/sctp/socket.c */
#ifndef SCTP_H
#define SCTP_H

#define IPPROTO_SCTP 132

/* include/net/sctp/constants.h: SCTP_SS_CLOSING has the number of TCP's state CLOSE_WAIT. */
#define SCTP_SS_CLOSING 8

/* The value that getsockopt(2) returns: the association's if there is one, else the socket's. */
#define EITHER(pointer, member, of_association)                                                    \
	HAS(pointer, member) & HAS(asoc, of_association),                                          \
		asoc ? (__u64)LOAD(asoc, of_association) : (__u64)LOAD(pointer, member)
#define EITHER_BITS(pointer, member, of_association)                                               \
	HAS(pointer, member) & HAS(asoc, of_association),                                          \
		asoc ? LOAD_BITS(asoc, of_association) : LOAD_BITS(pointer, member)

/*
 * The association that getsockopt(2) uses if none is named: the association of a connected socket that
 * can have only one. sctp_id2assoc()
 */
static __always_inline struct sctp_association *only_association(struct sctp_sock *sp)
{
	struct sctp_endpoint *ep = GET(sp, ep);
	struct sctp_association *asoc = 0;
	struct list_head *first;
	__u8 state = LOAD(sp, inet.sk.__sk_common.skc_state);

	if (!HAS(sp, type) || !HAS(ep, asocs) || !HAS(asoc, asocs))
		return 0;
	if (LOAD(sp, type) == bpf_core_enum_value(enum sctp_socket_type, SCTP_SOCKET_UDP) ||
	    (state != TCP_ESTABLISHED && state != SCTP_SS_CLOSING))
		return 0;
	first = LOAD(ep, asocs.next);
	if (first == (void *)ep + bpf_core_field_offset(ep->asocs))
		return 0;
	return (void *)first - bpf_core_field_offset(asoc->asocs);
}

/*
 * Whether the socket is bound to the wildcard address: sctp_is_ep_boundall(). BTF does not have struct
 * sctp_sockaddr_entry, in which the address, a struct sockaddr_in or sockaddr_in6, follows two members
 * of two pointers each.
 */
static __always_inline bool is_bound_to_all(struct sctp_sock *sp)
{
	struct sctp_endpoint *ep = GET(sp, ep);
	struct list_head *head, *first;
	__u32 address[6] = {};

	if (!HAS(ep, base.bind_addr.address_list))
		return false;
	head = &ep->base.bind_addr.address_list;
	first = BPF_CORE_READ(head, next);
	if (first == head || BPF_CORE_READ(first, next) != head)
		return false;
	bpf_probe_read_kernel(address, sizeof(address), (void *)first + 4 * sizeof(void *));
	if (*(__u16 *)address == AF_INET)
		return !address[1];
	return !(address[2] | address[3] | address[4] | address[5]);
}

static __noinline int write_sctp_header(struct seq_file *seq, struct inet_sock *inet,
					struct ipv6_pinfo *np, struct net *net, __u64 address)
{
	BEGIN_PART(seq, struct record_header, header)
	struct sock *sk = &inet->sk;

	fill_inet(header, inet, np, GET(net, ns.inum), address);
	header->sections |= SECTION_SCTP;
	if (header->state == TCP_LISTEN) {
		header->recv_queue = GET(sk, sk_ack_backlog);
		header->send_queue = GET(sk, sk_max_ack_backlog);
	} else {
		/* The sums of all associations: sctp_set_owner_w() adds to both. */
		header->recv_queue = GET(sk, sk_backlog.rmem_alloc.counter);
		header->send_queue = GET(sk, sk_wmem_queued);
	}
	return write_header(seq, header);
}

static __noinline int write_sctp(struct seq_file *seq, struct sctp_sock *sp)
{
	RETURN_UNLESS_WANTED(SCTP)
	struct sctp_association *asoc = only_association(sp);
	struct sctp_endpoint *ep = GET(sp, ep);
	BEGIN_PART(seq, struct sctp_section, section)

	FILL(SCTP_OPTIONS_LIST)
	END_PART(seq, section);
	return 0;
}

/*
 * The items have their own functions, because inlined they and write_sctp() would need more stack than
 * 5.10 allows. There are two functions, because a program for kernels without bpf_loop() must not name it.
 */
static __noinline int write_sctp_items(struct seq_file *seq, struct inet_sock *inet,
				       struct ipv6_pinfo *np)
{
	write_items(seq, inet, np, 0, true, true);
	return 0;
}

static __noinline int write_sctp_items_without_loop(struct seq_file *seq, struct inet_sock *inet,
						    struct ipv6_pinfo *np)
{
	write_items(seq, inet, np, 0, true, false);
	return 0;
}

#endif
