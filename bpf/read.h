/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a member of a kernel structure is read: the macros with which the lists of options.h are
 * written and expanded. The differences between kernels are in compat.h.
 *
 * A table's iterator hands over its sockets as pointers whose types the verifier knows: there a
 * read is a plain load, which costs nothing. What is found behind a file descriptor is a mere
 * address to it, and each read is a call of bpf_probe_read_kernel(). Everything that reads sockets
 * is written once, with LOAD() and its kin, and compiled for both: see tables.bpf.c, files.bpf.c.
 *
 * LOAD() is for a member that has one width on all kernels; LOAD_BITS() reads with the width and the
 * signedness that the running kernel's BTF gives, a bit field or not.
 */
#ifndef READ_H
#define READ_H

#ifdef TYPED_POINTERS
#define LOAD(pointer, member) ((pointer)->member)
#define LOAD_BEHIND(pointer, first, member) ((pointer)->first->member)
#define LOAD_BITS(pointer, member) BPF_CORE_READ_BITFIELD(pointer, member)
#else
#define LOAD(pointer, member) BPF_CORE_READ(pointer, member)
#define LOAD_BEHIND(pointer, first, member) BPF_CORE_READ(pointer, first, member)
#define LOAD_BITS(pointer, member) BPF_CORE_READ_BITFIELD_PROBED(pointer, member)
#endif

#define HAS(pointer, member) bpf_core_field_exists((pointer)->member)

/* A member, or 0 where the kernel does not have it. */
#define GET(pointer, member) GET_OR(pointer, member, 0)
#define GET_OR(pointer, member, other) (HAS(pointer, member) ? LOAD(pointer, member) : (other))
#define GET_BITS(pointer, member) (HAS(pointer, member) ? LOAD_BITS(pointer, member) : 0)

/* A member of what another member points to: BTF is asked for each of them. */
#define HAS_BEHIND(pointer, first, member) (HAS(pointer, first) && HAS(pointer, first->member))
#define GET_BEHIND(pointer, first, member)                                                         \
	(HAS_BEHIND(pointer, first, member) ? LOAD_BEHIND(pointer, first, member) : 0)

/* Each of these stands for two arguments, `present, expression`. */
#define MEMBER(pointer, member) HAS(pointer, member), LOAD(pointer, member)
#define BITS(pointer, member) HAS(pointer, member), LOAD_BITS(pointer, member)
#define BEHIND(pointer, first, member)                                                             \
	HAS_BEHIND(pointer, first, member), LOAD_BEHIND(pointer, first, member)

/* The same of what the verifier has no type for in either case: what is behind a `void *`. */
#define FAR_MEMBER(pointer, member) HAS(pointer, member), BPF_CORE_READ(pointer, member)
#define FAR_BITS(pointer, member)                                                                  \
	HAS(pointer, member), BPF_CORE_READ_BITFIELD_PROBED(pointer, member)

/* Whether there is what the member points to; `value` is that pointer, already read. */
#define PRESENT(pointer, member, value) HAS(pointer, member), (value) != 0

/* The same of the two programs of a socket, where the kernel has the pointers to them. */
#define OF_FILTER(...) OF(HAS_BEHIND(sk, sk_filter, prog), __VA_ARGS__)
#define OF_REUSEPORT(...) OF(HAS_BEHIND(sk, sk_reuseport_cb, prog), __VA_ARGS__)
#define OF(has, ...) OF_(has, __VA_ARGS__)
#define OF_(has, present, expression) (has) && (present), expression

/* A bit of skc_flags; its number is looked up in the running kernel. */
#define HAS_SOCK_FLAG(sk, name)                                                                    \
	(LOAD(sk, __sk_common.skc_flags) >> bpf_core_enum_value(enum sock_flags, name) & 1)
#define SOCK_FLAG(name)                                                                            \
	HAS(sk, __sk_common.skc_flags) && bpf_core_enum_value_exists(enum sock_flags, name),       \
		HAS_SOCK_FLAG(sk, name)

/*
 * Expansion of a line into the section `section`. A flag is shifted, never tested: a branch for
 * each would double the paths that the verifier has to follow.
 */
#define FILL_FLAG(name, ...) FILL_FLAG_(name, __VA_ARGS__)
#define FILL_FLAG_(name, present, expression)                                                      \
	if (present) {                                                                             \
		section.has_flags |= 1ULL << name;                                                 \
		section.flags |= ((__u64)(expression) & 1) << name;                                \
	}

#define FILL_VALUE(name, ...) FILL_VALUE_(name, __VA_ARGS__)
#define FILL_VALUE_(name, present, expression)                                                     \
	if (present) {                                                                             \
		section.has_values |= 1ULL << name;                                                \
		section.values[name] = (__u64)(expression);                                        \
	}

#define FILL(LIST) LIST(FILL_FLAG, FILL_VALUE)

#endif
