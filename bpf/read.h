/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The macros that read members of kernel structures, with which the lists of options.h are written and
 * expanded. The differences between kernels are in compat.h.
 *
 * The iterator of a table passes its sockets as pointers whose types the verifier tracks, and a read is
 * a plain load. A socket behind a file descriptor is a number to the verifier, and each read is a call
 * of bpf_probe_read_kernel(). The code that reads sockets is written once, with LOAD() and its
 * variants, and compiled for both: see tables.bpf.c and files.bpf.c.
 *
 * A walk of our own (walks.bpf.c) reads copies of sockets in a map. A member of the copy is a plain load, too. What
 * the copy points to is a number to the verifier, and AWAY() reads it in every program.
 *
 * LOAD() is for a member that has the same width on all kernels. LOAD_BITS() reads a member or a bit
 * field with the width and the signedness of the running kernel's BTF. LOAD_BIT() is for a single bit,
 * or the byte that begins with it; it has no branches. LOAD_BITS() has one for each width, which the
 * verifier has to remove again each time a program is loaded, except of a copy.
 */
#ifndef READ_H
#define READ_H

#ifdef TYPED_POINTERS
#define LOAD(pointer, member) ((pointer)->member)
#define LOAD_BEHIND(pointer, first, member) AWAY((pointer)->first, member)
#if defined(WALKS) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/* More of a copy than the member can be read. LSHIFT_U64 shifts it out. */
#define LOAD_WORD(pointer, member, address) (*(const __u64 *)(address))
#else
/* The word of the member with its width, the usual one first. */
#define LOAD_WORD(pointer, member, address)                                                        \
	({                                                                                         \
		__u32 size = __CORE_RELO(pointer, member, BYTE_SIZE);                              \
		__u64 word = 0;                                                                    \
		if (__builtin_expect(size == 1, 1))                                                \
			word = *(const __u8 *)(address);                                           \
		else if (size == 2)                                                                \
			word = *(const __u16 *)(address);                                          \
		else if (size == 4)                                                                \
			word = *(const __u32 *)(address);                                          \
		else if (size == 8)                                                                \
			word = *(const __u64 *)(address);                                          \
		word;                                                                              \
	})
#endif
/* BPF_CORE_READ_BITFIELD() without a branch for the sign. */
#define LOAD_BITS(pointer, member)                                                                 \
	({                                                                                         \
		const void *address =                                                              \
			(const void *)(pointer) + __CORE_RELO(pointer, member, BYTE_OFFSET);       \
		__u64 bits;                                                                        \
		asm volatile("" : "+r"(address));                                                  \
		bits = LOAD_WORD(pointer, member, address);                                        \
		bits <<= __CORE_RELO(pointer, member, LSHIFT_U64);                                 \
		bits >> __CORE_RELO(pointer, member, RSHIFT_U64) |                                 \
			((__s64)bits >> __CORE_RELO(pointer, member, RSHIFT_U64) &                 \
			 -(__u64)__CORE_RELO(pointer, member, SIGNED));                            \
	})
#define LOAD_BYTE(address) (*(const __u8 *)(address))
#else
#define LOAD(pointer, member) BPF_CORE_READ(pointer, member)
#define LOAD_BEHIND(pointer, first, member) BPF_CORE_READ(pointer, first, member)
#define LOAD_BITS(pointer, member) BPF_CORE_READ_BITFIELD_PROBED(pointer, member)
#define LOAD_BYTE(address)                                                                         \
	({                                                                                         \
		__u8 byte = 0;                                                                     \
		bpf_probe_read_kernel(&byte, sizeof(byte), address);                               \
		byte;                                                                              \
	})
#endif

/*
 * A member of a struct that is not part of the socket, or 0 if there is none. Often there is none, and a walk then saves
 * the calls. Reading through a NULL pointer returns 0, too, and has no branch. Linux 5.10 to 6.2 follow both of its ways
 * to the end of the function if one of them stores a known number: 6.1 analyses 59,700 instructions of other_files() with
 * the branch and 8,500 without it, of tcp_table() 39,400 and 14,400.
 */
#ifdef WALKS
#define AWAY(pointer, ...) ((pointer) ? BPF_CORE_READ(pointer, __VA_ARGS__) : 0)
#else
#define AWAY(pointer, ...) BPF_CORE_READ(pointer, __VA_ARGS__)
#endif

#if defined(WALKS) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOAD_BIT(pointer, member)                                                                  \
	({                                                                                         \
		const void *address =                                                              \
			(const void *)(pointer) + __CORE_RELO(pointer, member, BYTE_OFFSET);       \
		asm volatile("" : "+r"(address));                                                  \
		LOAD_WORD(pointer, member, address) << __CORE_RELO(pointer, member, LSHIFT_U64)    \
						    >> __CORE_RELO(pointer, member, RSHIFT_U64);   \
	})
#elif __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/* The two shifts that isolate the bit differ by its offset in the word at BYTE_OFFSET. */
#define LOAD_BIT(pointer, member)                                                                  \
	({                                                                                         \
		__u64 bit = (__u64)__CORE_RELO(pointer, member, RSHIFT_U64) -                      \
			    (__u64)__CORE_RELO(pointer, member, LSHIFT_U64);                       \
		const void *address = (const void *)(pointer) +                                    \
				      __CORE_RELO(pointer, member, BYTE_OFFSET) + (bit >> 3);      \
		asm volatile("" : "+r"(address));                                                  \
		LOAD_BYTE(address) >> (bit & 7);                                                   \
	})
#else
#define LOAD_BIT(pointer, member) LOAD_BITS(pointer, member)
#endif

/* Casts a pointer to another shape of its type: see the flavours in vmlinux.h */
#define FLAVOUR(type, pointer) ((struct type *)(pointer))

/*
 * Whether the running kernel has a member. Several are joined with `&` and `|`: && and || are branches,
 * and the verifier removes each branch whose outcome it knows by moving all instructions after it.
 */
#define HAS(pointer, member) ((__u64)bpf_core_field_exists((pointer)->member))

/* A member, or 0 where the kernel does not have it. */
#define GET(pointer, member) GET_OR(pointer, member, 0)
#define GET_OR(pointer, member, other) (HAS(pointer, member) ? LOAD(pointer, member) : (other))
#define GET_BITS(pointer, member) (HAS(pointer, member) ? LOAD_BITS(pointer, member) : 0)

/* A member of the struct that another member points to. BTF must have both. */
#define HAS_BEHIND(pointer, first, member) (HAS(pointer, first) & HAS(pointer, first->member))
#define GET_BEHIND(pointer, first, member)                                                         \
	(HAS_BEHIND(pointer, first, member) ? LOAD_BEHIND(pointer, first, member) : 0)

/* Each of these expands to two arguments, `present, expression`. */
#define MEMBER(pointer, member) HAS(pointer, member), LOAD(pointer, member)
#define BITS(pointer, member) HAS(pointer, member), LOAD_BITS(pointer, member)
#define BIT(pointer, member) HAS(pointer, member), LOAD_BIT(pointer, member)
#define BEHIND(pointer, first, member)                                                             \
	HAS_BEHIND(pointer, first, member), LOAD_BEHIND(pointer, first, member)

/* The same of a struct that is not part of the socket: see AWAY(). */
#define AWAY_MEMBER(pointer, member) HAS(pointer, member), AWAY(pointer, member)
#define AWAY_BEHIND(pointer, first, member)                                                        \
	HAS_BEHIND(pointer, first, member), AWAY(pointer, first, member)

/* The same for structs behind a `void *`, whose type the verifier never tracks. */
#define PROBED_MEMBER(pointer, member) HAS(pointer, member), BPF_CORE_READ(pointer, member)
#define PROBED_BITS(pointer, member)                                                                  \
	HAS(pointer, member), BPF_CORE_READ_BITFIELD_PROBED(pointer, member)

/* Whether the member points to something; `value` is that pointer, already read. */
#define PRESENT(pointer, member, value) HAS(pointer, member), (value) != 0

/* Facts about the two programs of a socket, present only where the kernel has the pointers to them. */
#define OF_FILTER(...) OF(HAS_BEHIND(sk, sk_filter, prog), __VA_ARGS__)
#define OF_REUSEPORT(...) OF(HAS_BEHIND(sk, sk_reuseport_cb, prog), __VA_ARGS__)
#define OF(has, ...) OF_(has, __VA_ARGS__)
#define OF_(has, present, expression) (has) & (present), expression

/* A bit of skc_flags; its number is looked up in the running kernel. */
#define HAS_SOCK_FLAG(sk, name)                                                                    \
	(LOAD(sk, __sk_common.skc_flags) >> bpf_core_enum_value(enum sock_flags, name) & 1)
#define HAS_SOCK_FLAGS(sk, name)                                                                   \
	(HAS(sk, __sk_common.skc_flags) & bpf_core_enum_value_exists(enum sock_flags, name))
/* The same in write_socket(), which loads the word once. */
#define SOCK_FLAG(name)                                                                            \
	has_sock_flags & bpf_core_enum_value_exists(enum sock_flags, name),                        \
		sock_flags >> bpf_core_enum_value(enum sock_flags, name)

/*
 * Expand a line into the section `section`. A flag is shifted, never tested: each branch would double
 * the paths that the verifier has to follow.
 */
#define FILL_FLAG(name, ...) FILL_FLAG_(name, __VA_ARGS__)
#define FILL_FLAG_(name, present, expression)                                                      \
	if (present) {                                                                             \
		has_flags |= 1ULL << name;                                                         \
		flags |= ((__u64)(expression) & 1) << name;                                        \
	}

#define FILL_VALUE(name, ...) FILL_VALUE_(name, __VA_ARGS__)
#define FILL_VALUE_(name, present, expression)                                                     \
	if (present) {                                                                             \
		has_values |= 1ULL << name;                                                        \
		section->values[name] = (__u64)(expression);                                        \
	}

/* Collects the words in registers, because the compiler would write each change to the stack. */
#define FILL(LIST)                                                                                 \
	{                                                                                          \
		__u64 has_flags = 0, flags = 0, has_values = 0;                                    \
                                                                                                   \
		LIST(FILL_FLAG, FILL_VALUE)                                                        \
		section->has_flags |= has_flags;                                                    \
		section->flags |= flags;                                                            \
		section->has_values |= has_values;                                                  \
	}

/* The address of a kernel object as a number. The verifier does not let a typed pointer be one. */
static __always_inline __u64 address_of(const void *object)
{
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &object);
	return address;
}

static __always_inline __u64 load_word(__u64 address)
{
	__u64 word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), (void *)address);
	return word;
}

#endif
