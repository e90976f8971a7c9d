/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a program writes its records. An iterator writes to its seq_file. A walk (walk.h) writes to a buffer
 * that the reader has mapped, and passes that buffer in place of the seq_file, so that one set of functions
 * serves both.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "parameters.h"

enum walk_limit {
	/* The size of a buffer in bytes, and how much of it must be free before a record is begun. */
	OUTPUT_SIZE = 192 * 1024,
	RECORD_ROOM = 36 * 1024,
	/* The most lanes and network namespaces of a walk: see lane.h */
	LANES = 4,
	PLACES = 65536,
};

/* What the reader learns from a call: src/kernel/walk.rs */
struct output_header {
	__u64 length; /* of the records, in bytes */
	__u64 done;   /* whether the walk is over */
	__u64 lost;   /* tables that were not found, and chains that changed faster than they could be followed */
	__u64 longest_call; /* since the programs were loaded, in nanoseconds */
	__u64 order; /* of the records among those of all lanes. It increases from stripe to stripe. */
	__u64 is_split; /* whether the reader may get a socket of this call once more */
	__u64 missing; /* of the first lane: tables of the last place that were not found, as bits of enum table */
};

struct output {
	struct output_header header;
	__u8 bytes[OUTPUT_SIZE];
};

/* The bytes that are copied from the kernel at once. */
#define CHUNK 256

/*
 * Copies `length` bytes from an address of the kernel, CHUNK at most, padded with zeros to a multiple of eight.
 * The verifier has to see a comparison of the register that the call uses. 5.10 still assumes that the value may
 * be negative, which the mask excludes.
 */
#define COPY_CHUNK(to, address, length)                                                            \
	({                                                                                         \
		__u64 part = (length);                                                             \
                                                                                                   \
		barrier_var(part);                                                                 \
		if (part > CHUNK)                                                                  \
			part = CHUNK;                                                              \
		barrier_var(part);                                                                 \
		part &= 2 * CHUNK - 1;                                                             \
		bpf_probe_read_kernel(to, part, (void *)(address));                                \
		(part + 7) & ~7ULL;                                                                \
	})

#ifdef WALKS
#define OUTPUT_OF(seq) ((struct output *)(seq))

/* Whether the reader gets each socket of this call only once. */
static __always_inline bool is_walked_once(struct seq_file *seq)
{
	return !OUTPUT_OF(seq)->header.is_split;
}

/* The place of the next `size` bytes, a constant, in the buffer. NULL if there is no room. */
static __always_inline void *next_place(struct seq_file *seq, __u32 size)
{
	__u64 place = OUTPUT_OF(seq)->header.length;

	barrier_var(place);
	if (place > OUTPUT_SIZE - size)
		return 0;
	barrier_var(place);
	return OUTPUT_OF(seq)->bytes + place;
}

/*
 * Where a part of a record is built: at its place in the buffer, or without a `seq` on the stack, see fact.h. Returns NULL
 * if the buffer is full.
 */
static __always_inline void *begin_part(struct seq_file *seq, void *on_stack, __u32 size)
{
	void *part = seq ? next_place(seq, size) : on_stack;

	return part ? __builtin_memset(__builtin_assume_aligned(part, 8), 0, size) : 0;
}

static __always_inline void end_part(struct seq_file *seq, const void *part, __u32 size)
{
	OUTPUT_OF(seq)->header.length += size;
}

static __always_inline void put_chunk(struct seq_file *seq, __u64 address, __u64 length)
{
	void *to = next_place(seq, CHUNK);

	if (!to)
		return;
	__builtin_memset(__builtin_assume_aligned(to, 8), 0, CHUNK);
	OUTPUT_OF(seq)->header.length += COPY_CHUNK(to, address, length);
}

/* The number of bytes written so far. */
static __always_inline __u64 written(struct seq_file *seq)
{
	return OUTPUT_OF(seq)->header.length;
}
#else
/* Where a chunk is copied to first. A pin has no room for it on its stack: pins.h */
#ifdef PART_OF_READER
#define is_walked_once(seq) true
#define begin_part(seq, on_stack, size) part_of_reader(size)
#define begin_chunk(on_stack) part_of_reader(sizeof(on_stack))
#else
#define is_walked_once(seq) false
#define begin_part(seq, on_stack, size) __builtin_memset(on_stack, 0, size)
#define begin_chunk(on_stack) __builtin_memset(on_stack, 0, sizeof(on_stack))
#endif
#define end_part(seq, part, size) bpf_seq_write(seq, part, size)

/* Not inlined, because of the stack that it needs. */
static __noinline int put_chunk(struct seq_file *seq, __u64 address, __u64 length)
{
	__u8 on_stack[CHUNK], *chunk = begin_chunk(on_stack);
	__u64 padded;

	if (!chunk)
		return 0;
	padded = COPY_CHUNK(chunk, address, length);
	barrier_var(padded);
	if (padded <= CHUNK)
		bpf_seq_write(seq, chunk, padded);
	return 0;
}

/* A plain load, because seq is a typed pointer in every program. */
static __always_inline __u64 written(struct seq_file *seq)
{
	return HAS(seq, count) ? seq->count : 0;
}
#endif

/*
 * Declares a part of a record, a pointer to zeros, in a function that returns 0, or `full`, if there is no room for it.
 *
 * The verifier keeps no values of a walk's buffer. It does so for each word on the stack, and would follow a socket
 * separately for each combination of members that a condition fills in: it analyses 12,400 instructions for TCP with
 * parts on the stack, and 8,900 in the buffer.
 */
#define BEGIN_PART(seq, type, name) BEGIN_PART_OR_RETURN(0, seq, type, name)
#define BEGIN_PART_OR_RETURN(full, seq, type, name)                                                \
	type name##_on_stack, *name = begin_part(seq, &name##_on_stack, sizeof(name##_on_stack));  \
                                                                                                   \
	if (!name)                                                                                 \
		return full;

/* Adds the part to the record. Without this, it leaves no trace. */
#define END_PART(seq, name) end_part(seq, name, sizeof(*name))

#endif
