/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What columns show of a TCP connection: sections without options. */
#ifndef CONNECTION_H
#define CONNECTION_H

/* When the kernel gives up the connection: src/options/dead_after/ */
static __noinline int write_dead(struct seq_file *seq, struct tcp_sock *tp, struct net *net)
{
	RETURN_UNLESS_WANTED(DEAD)
	BEGIN_PART(seq, struct dead_section, section)

	FILL(DEAD_OPTIONS_LIST)
	END_PART(seq, section);
	return 0;
}

/* Why the connection makes no progress: src/socket/diag.rs */
static __noinline int write_diag(struct seq_file *seq, struct tcp_sock *tp)
{
	RETURN_UNLESS_WANTED(DIAG)
	BEGIN_PART(seq, struct diag_section, section)

	FILL(DIAG_OPTIONS_LIST)
	END_PART(seq, section);
	return 0;
}

#endif
