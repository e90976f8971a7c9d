/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* XDP sockets: net/xdp/xsk.c, net/xdp/xsk_diag.c */
#ifndef XDP_H
#define XDP_H

#define AF_XDP 44

static __noinline int write_xdp_header(struct seq_file *seq, struct xdp_sock *xs, struct net *net,
				       __u64 address)
{
	BEGIN_PART(seq, struct record_header, header)
	struct sock *sk = &xs->sk;

	fill_header(header, &sk->__sk_common, GET(net, ns.inum), address);
	fill_socket(header, sk);
	header->state = GET(xs, state);
	header->sections |= SECTION_XDP;
	fill_queues(header, sk);
	return write_header(seq, header);
}

static __noinline int write_xdp(struct seq_file *seq, struct xdp_sock *xs)
{
	RETURN_UNLESS_WANTED(XDP)
	struct xsk_queue *rx = GET(xs, rx), *tx = GET(xs, tx);
	struct xsk_queue *fill = GET_BEHIND(xs, pool, fq);
	/* Before bind(2), the fill and completion rings are in fq_tmp and cq_tmp, not in the pool. */
	struct xsk_queue *fill_ring = fill ? fill : GET(xs, fq_tmp);
	struct xsk_queue *completion_ring = GET_BEHIND(xs, pool, cq);
	struct xdp_umem *umem = GET(xs, umem);
	BEGIN_PART(seq, struct xdp_section, section)

	if (!completion_ring)
		completion_ring = GET(xs, cq_tmp);
	/* Reading through a NULL pointer returns 0. */
	FILL(XDP_OPTIONS_LIST)
	if (HAS(xs, state) && HAS(xs, queue_id) && HAS_BEHIND(xs, dev, ifindex)) {
		/* xs->dev is not cleared when the interface is removed. */
		if (LOAD(xs, state) == XSK_BOUND) {
			section->ifindex = LOAD_BEHIND(xs, dev, ifindex);
			section->queue = LOAD(xs, queue_id);
		}
		section->bound_known = 1;
	}
	END_PART(seq, section);
	return 0;
}

static __always_inline void write_xdp_socket(struct seq_file *seq, struct xdp_sock *xs, struct net *net, __u64 address)
{
	write_xdp_header(seq, xs, net, address);
	write_common(seq, &xs->sk, net);
	write_xdp(seq, xs);
}

#endif
