/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* When the kernel gives up a TCP connection: src/options/dead_after/ */
#ifndef DEAD_H
#define DEAD_H

static __noinline int write_dead(struct seq_file *seq, struct tcp_sock *tp, struct net *net)
{
	struct dead_section section = {};

	FILL(DEAD_OPTIONS_LIST)
	put(seq, &section, sizeof(section));
	return 0;
}

#endif
