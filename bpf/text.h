/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Text, written to the seq_file of an iterator.
 *
 * Nothing is shared by the readers of a program: text is built on the stack and copied by bpf_seq_write().
 * bpf_seq_printf() is not used. It formats in a buffer of the processor, which up to Linux 5.12 it refuses to
 * a program that has interrupted another one, and it has no %pI6c. When the kernel's buffer is full, the kernel
 * discards what the program has written for this socket, and runs the program again.
 *
 * Linux 5.10 permits no store at a variable place of the stack. Digits are therefore stored from the right end of an
 * array, all of them, and bpf_seq_write() begins at the first that counts. To the verifier, the beginning and the
 * length are independent, so that each array has room for the longest text behind the last beginning. The beginning
 * is computed behind a barrier, because the verifier permits no subtraction from a pointer to the stack.
 */
#ifndef TEXT_H
#define TEXT_H

#include "constant.h"

/* Writes a string literal. */
#define PUT(seq, literal)                                                                          \
	{                                                                                          \
		static const char text[] CONSTANT = literal;                                       \
                                                                                                   \
		bpf_seq_write(seq, text, sizeof(text) - 1);                                        \
	}

/* Writes so many blanks, 31 at most. */
static __noinline int put_blanks(struct seq_file *seq, __u64 count)
{
	static const char blanks[32] CONSTANT = "                               ";

	barrier_var(count);
	count &= sizeof(blanks) - 1;
	bpf_seq_write(seq, blanks, count);
	return 0;
}

/* Fills up what was written since `begin` to a width of at most 31. */
static __always_inline void pad(struct seq_file *seq, __u64 begin, __u64 width)
{
	__u64 length = seq->count - begin;

	if (length < width)
		put_blanks(seq, width - length);
}

/* 1, or 0 for 0, without a branch: the verifier would follow each outcome to the end of the number. */
static __always_inline __u64 is_nonzero(__u64 number)
{
	__u64 negative = -number;

	barrier_var(negative);
	return (number | negative) >> 63;
}

/* The digits of the largest number of 32 bits. */
#define DIGITS 10

/* Writes a number with at least so many digits. */
static __noinline int put_digits(struct seq_file *seq, __u32 number, __u32 least)
{
	char digits[2 * DIGITS] = {};
	__u64 rest = number, length = 1, first;

#pragma unroll
	for (int place = DIGITS - 1; place >= 0; place--) {
		/* A division takes longer. */
		__u64 tenth = rest * 0xcccccccdULL >> 35;

		digits[place] = '0' + (rest - 10 * tenth);
		rest = tenth;
		length += place ? is_nonzero(rest) : 0;
	}
	if (length < least)
		length = least;
	barrier_var(length);
	if (length > DIGITS)
		return 0;
	first = DIGITS - length;
	barrier_var(first);
	bpf_seq_write(seq, digits + first, length);
	return 0;
}

static __always_inline void put_number(struct seq_file *seq, __u32 number)
{
	put_digits(seq, number, 1);
}

/* Writes a number below 2^32 * 10^9. */
static __noinline int put_long(struct seq_file *seq, __u64 number)
{
	__u32 billions = number / 1000000000;

	if (billions)
		put_number(seq, billions);
	put_digits(seq, number % 1000000000, billions ? 9 : 1);
	return 0;
}

/* Writes a number right-aligned in a column. */
static __always_inline void put_in_column(struct seq_file *seq, __u32 number, __u32 width)
{
	__u32 blanks = 0;
	__u32 power = 10;

	for (__u32 digits = 1; digits < width; digits++) {
		blanks += number < power;
		power *= 10;
	}
	put_blanks(seq, blanks);
	put_number(seq, number);
}

static __always_inline void put_ipv4(struct seq_file *seq, __u32 address)
{
	__u32 host = bpf_ntohl(address);

	put_number(seq, host >> 24);
	PUT(seq, ".")
	put_number(seq, host >> 16 & 255);
	PUT(seq, ".")
	put_number(seq, host >> 8 & 255);
	PUT(seq, ".")
	put_number(seq, host & 255);
}

/* Writes a number in hexadecimal, without leading zeros, and a colon behind it if `colon` is 1. */
static __noinline int put_hex(struct seq_file *seq, __u32 word, __u32 colon)
{
	static const char hex[16] CONSTANT = "0123456789abcdef";
	char text[8] = {};
	__u64 length = 1, first;

	text[0] = hex[word >> 12 & 15];
	text[1] = hex[word >> 8 & 15];
	text[2] = hex[word >> 4 & 15];
	text[3] = hex[word & 15];
	text[4] = ':';
	length += is_nonzero(word >> 4 & 0xfff);
	length += is_nonzero(word >> 8 & 0xff);
	length += is_nonzero(word >> 12 & 0xf);
	first = 4 - length;
	barrier_var(first);
	bpf_seq_write(seq, text + first, length + (colon & 1));
	return 0;
}

/* The longest of the runs of at least two bits, and of several the one of the lowest bits. 0: there is none. */
static __always_inline __u32 longest_run(__u32 bits)
{
	__u32 first = 0, ends = bits, length = 1;

	/* After each round, the bits at which a longer run begins. Without branches, as in is_nonzero(). */
#pragma unroll
	for (__u32 more = 1; more < 8; more++) {
		__u32 has;

		ends &= bits >> more;
		has = is_nonzero(ends);
		first = has * (ends & -ends) + (1 - has) * first;
		length += has;
	}
	return (first << length) - first;
}

/*
 * Writes an IPv6 address as %pI6c does: lib/vsprintf.c, ip6_compressed_string(). The last 32 bits of an
 * IPv4-mapped address and of an ISATAP address (RFC 5214, 6.1) are an IPv4 address.
 */
static __noinline int put_ipv6(struct seq_file *seq, const __u32 *address)
{
	bool is_mapped = !address[0] && !address[1] && address[2] == bpf_htonl(0xffff);
	bool is_isatap = (address[2] | bpf_htonl(0x02000000)) == bpf_htonl(0x02005efe);
	__u32 words[8], zeros = 0, run;
	__u32 has_ipv4 = is_mapped || is_isatap;

#pragma unroll
	for (int i = 0; i < 8; i++) {
		words[i] = bpf_ntohl(address[i / 2]) >> (i % 2 ? 0 : 16) & 0xffff;
		zeros |= (is_nonzero(words[i]) ^ 1) << i;
	}
	if (has_ipv4)
		zeros &= 0x3f;
	barrier_var(zeros);
	run = longest_run(zeros);
	barrier_var(run);
#pragma unroll
	for (int i = 0; i < 8; i++) {
		/* Whether another word follows that is not in the run. */
		__u32 colon = i < 7 ? ~run >> (i + 1) & 1 : 0;

		if (has_ipv4 && i > 5)
			break;
		if (!(run >> i & 1))
			put_hex(seq, words[i], colon);
		else if (!i || !(run >> (i - 1) & 1))
			PUT(seq, "::")
	}
	if (has_ipv4)
		put_ipv4(seq, address[3]);
	return 0;
}

#endif
