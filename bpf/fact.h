/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The test of one fact, which decides whether a socket gets a record before its header is written. The
 * function that writes the section of the fact is called twice: first without a `seq`, to build the section
 * and test it. A fact thereby needs no line besides the one in options.h. If no fact is tested, the verifier
 * removes all of this.
 */
#ifndef FACT_H
#define FACT_H

#include "parameters.h"

/* The section that contains the tested fact. 0: no fact is tested. */
#define TESTED_SECTION parameters.prefilter.fact.section

/* The members that every section starts with. */
struct facts {
	FACTS(SOCKET);
};

/*
 * Whether the tested fact of this section is in the admitted range. A fact that the kernel lacks never is,
 * not even if the test is inverted. `values` is the number of values in the section. Inlined, because the
 * stack has no room for another function.
 */
static __always_inline bool has_wanted_fact(const struct facts *facts, __u32 values)
{
	const volatile struct fact_test *test = &parameters.prefilter.fact;
	/* Constants to the verifier, and so is the offset from the stack. */
	__u32 place = test->place & 63, discarded = test->discarded_bits & 63;
	__u64 number;

	if (test->is_flag) {
		if (!(facts->has_flags >> place & 1))
			return false;
		number = facts->flags >> place & 1;
	} else {
		if (place >= values || !(facts->has_values >> place & 1))
			return false;
		number = facts->values[place] << discarded;
		number = test->is_signed ? (__s64)number >> discarded : number >> discarded;
	}
	/* One comparison, which is right for signed and for unsigned numbers. */
	return (number - test->low <= test->span) != test->inverted;
}

/* In a function that writes a section: returns the result of the test if there is no `seq`. */
#define RETURN_IF_TEST(level)                                                                      \
	if (TESTED_SECTION && !seq)                                                                \
		return has_wanted_fact((void *)section, level##_VALUES);

#endif
