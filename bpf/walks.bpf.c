/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs that find sockets in the kernel's tables, also those that no process holds, by walking the tables
 * themselves: walk.h. They read copies. The kernel's iterators of tables.bpf.c replace a walk that a kernel does not permit.
 *
 * The two are compiled apart, because the verifier moves the rest of a program for each part of it that it removes: with
 * both in one, a start of `-t` takes 28.7 ms and not 26.0.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TYPED_POINTERS
#define WALKS

#include "record.h"
#include "read.h"
#include "sections.h"
#include "state.h"
#include "mini.h"
#include "unix.h"
#include "packet.h"
#include "xdp.h"
#include "raw.h"
#include "filter.h"
#include "mptcp.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#include "walk.h"
#include "ring_sockets.h"
#include "queue.h"
#include "schema.h"

WALK(tcp_walk, WALK_TCP)
WALK(udp_walk, WALK_UDP)
WALK(unix_walk, WALK_UNIX)
WALK(mptcp_walk, WALK_MPTCP)
WALK(packet_walk, WALK_PACKET)
WALK(xdp_walk, WALK_XDP)
WALK(raw_walk, WALK_RAW)
/* Every kernel with a table of unix sockets for each namespace has bpf_loop(). */
WALK_WITH_LOOP(message_walk, WALK_MESSAGES)
RING_WALK(tcp_ring_walk, WALK_TCP)
RING_WALK(udp_ring_walk, WALK_UDP)
