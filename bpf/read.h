/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The macros with which the lists of options.h are written and expanded. Each of the first group
 * stands for two arguments, `present, expression`. The differences between kernels are in compat.h.
 */
#ifndef READ_H
#define READ_H

#define MEMBER(pointer, member) bpf_core_field_exists((pointer)->member), (pointer)->member

/* Reads with the width and signedness that the running kernel's BTF gives. */
#define BITS(pointer, member)                                                                      \
	bpf_core_field_exists((pointer)->member), BPF_CORE_READ_BITFIELD(pointer, member)

/* A member, or 0 where the kernel does not have it. */
#define GET(pointer, member) GET_OR(pointer, member, 0)
#define GET_OR(pointer, member, other)                                                             \
	(bpf_core_field_exists((pointer)->member) ? (pointer)->member : (other))

/* Whether there is what the member points to; `value` is that pointer, already read. */
#define PRESENT(pointer, member, value) bpf_core_field_exists((pointer)->member), (value) != 0

/* A bit of skc_flags; its number is looked up in the running kernel. */
#define SOCK_FLAG(name)                                                                            \
	bpf_core_enum_value_exists(enum sock_flags, name),                                         \
		sk->__sk_common.skc_flags >> bpf_core_enum_value(enum sock_flags, name)

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
