/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sockets between virtual machines and their hosts: net/vmw_vsock/af_vsock.c */
#ifndef VSOCK_H
#define VSOCK_H

/*
 * Omits the section where libbpf does not find the types of vsock, for example because they belong to a
 * module whose BTF it cannot read.
 */
static __noinline int write_vsock_header(struct seq_file *seq, struct sock *sk, struct net *net,
					 __u64 address)
{
	BEGIN_PART(seq, struct record_header, header)

	fill_header(header, &sk->__sk_common, GET(net, ns.inum), address);
	fill_socket(header, sk);
	if (bpf_core_type_exists(struct vsock_sock))
		header->sections |= SECTION_VSOCK;
	if (header->state == TCP_LISTEN) {
		header->recv_queue = GET(sk, sk_ack_backlog);
		header->send_queue = GET(sk, sk_max_ack_backlog);
	} else {
		fill_queues(header, sk);
	}
	return write_header(seq, header);
}

static __noinline int write_vsock(struct seq_file *seq, struct vsock_sock *vsk)
{
	RETURN_UNLESS_WANTED(VSOCK)
	BEGIN_PART(seq, struct vsock_section, section)

	FILL(VSOCK_OPTIONS_LIST)
	section->local_cid = GET_OR(vsk, local_addr.svm_cid, ~0);
	section->local_port = GET_OR(vsk, local_addr.svm_port, ~0);
	section->remote_cid = GET_OR(vsk, remote_addr.svm_cid, ~0);
	section->remote_port = GET_OR(vsk, remote_addr.svm_port, ~0);
	END_PART(seq, section);
	return 0;
}

#endif
