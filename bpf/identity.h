/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Identities: keyed hashes of the addresses of kernel objects. A record needs them to distinguish the
 * objects, which have no other number that always exists: a socket has a cookie only if a process has asked
 * for it, and generating one would change the socket. It has an inode only while a process can hold it.
 * Unprivileged users may read records, and must not learn the addresses. The hash is SipHash-1-3, which the
 * hash tables of several languages use. The kernel prints pointers with %p through SipHash-2-4
 * (lib/vsprintf.c, __ptr_to_hashval()).
 *
 * Each process that loads the programs chooses a random key and passes it to all of them. An object
 * therefore has the same identity in every stream of that process, and for every reader of an iterator
 * that the process has pinned. The key is in a map that no program or user can change, and that only
 * CAP_SYS_ADMIN can open: bpf(2), BPF_MAP_GET_FD_BY_ID. The kernel may use the memory of an object, and so
 * its identity, for another after it was freed: src/commands/table/seen.rs.
 *
 * A block cipher would exclude collisions. With SipHash, two of a million objects have the same identity
 * with a probability of 2^-25, but it needs a third of the instructions: it is arithmetic on 64 bits,
 * whereas the 32-bit halves of such a cipher's blocks would have to be masked at each step. The verifier
 * analyses 220 instructions for it, and a thousand take a millisecond of each start.
 */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "parameters.h"

#define ROTATE(word, bits) ((word) << (bits) | (word) >> (64 - (bits)))

struct sip_state {
	__u64 a, b, c, d;
};

/* include/linux/siphash.h, SIPHASH_PERMUTATION */
static __always_inline void sip_round(struct sip_state *v)
{
	v->a += v->b;
	v->b = ROTATE(v->b, 13) ^ v->a;
	v->a = ROTATE(v->a, 32);
	v->c += v->d;
	v->d = ROTATE(v->d, 16) ^ v->c;
	v->a += v->d;
	v->d = ROTATE(v->d, 21) ^ v->a;
	v->c += v->b;
	v->b = ROTATE(v->b, 17) ^ v->c;
	v->c = ROTATE(v->c, 32);
}

static __always_inline void sip_compress(struct sip_state *v, __u64 word)
{
	v->d ^= word;
	sip_round(v);
	v->a ^= word;
}

/*
 * Hashes an address. Never returns 0, which means no object. Not static: the verifier analyses a global
 * function separately, once for each program, and not on each path that calls it. It uses no stack, of
 * which some callers have little left.
 */
__noinline __u64 hash_address(__u64 address)
{
	__u64 first = parameters.identity_key.words[0];
	__u64 second = parameters.identity_key.words[1];
	/* "somepseudorandomlygeneratedbytes" */
	struct sip_state v = {
		.a = first ^ 0x736f6d6570736575ULL,
		.b = second ^ 0x646f72616e646f6dULL,
		.c = first ^ 0x6c7967656e657261ULL,
		.d = second ^ 0x7465646279746573ULL,
	};
	__u64 hash;

	sip_compress(&v, address);
	/* The last word has the length of the message in its highest byte. */
	sip_compress(&v, (__u64)sizeof(address) << 56);
	v.c ^= 0xff;
	sip_round(&v);
	sip_round(&v);
	sip_round(&v);
	hash = v.a ^ v.b ^ v.c ^ v.d;
	return hash ? hash : 1;
}

#endif
