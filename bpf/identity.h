/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Identities: what tells kernel objects apart in records where there is no cookie. A stream of records
 * may be read by users who must not learn kernel addresses, so an identity is a keyed hash of the
 * address, SipHash-2-4, as in the kernel's own %p (lib/vsprintf.c, __ptr_to_hashval()).
 *
 * The key is chosen at random by each process that loads the programs, which gives the same one to all
 * of them: an object has one identity in every stream of that process, and for every reader of an
 * iterator that it pins. A map of read-only data can be read only with CAP_SYS_ADMIN.
 *
 * A block cipher could not give two objects one identity. SipHash does so for two of a million with a
 * probability of 2^-25, but BPF computes it in half as many instructions: about 270, all on 64 bits,
 * where a cipher of 64-bit blocks works on halves that this instruction set has to mask.
 */
#ifndef IDENTITY_H
#define IDENTITY_H

struct identity_key {
	__u64 words[2];
};

/* In a section of its own, which the loader fills in: src/kernel/identity.rs */
const volatile struct identity_key identity_key SEC(".rodata.identity") = {};

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
	sip_round(v);
	v->a ^= word;
}

/*
 * Hashes an address; never to 0, which stands for no object. Not static: a global function is verified
 * by itself, once for each program, and not again on each path that calls it. Its state stays in
 * registers, as some callers have little of the stack left.
 */
__noinline __u64 hash_address(__u64 address)
{
	__u64 first = identity_key.words[0], second = identity_key.words[1];
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
	sip_round(&v);
	hash = v.a ^ v.b ^ v.c ^ v.d;
	return hash ? hash : 1;
}

static __always_inline __u64 identity_of(const void *object)
{
	__u64 address = 0;

	/* The verifier allows no arithmetic on a typed pointer: reading it makes it a number. */
	bpf_probe_read_kernel(&address, sizeof(address), &object);
	return hash_address(address);
}

#endif
