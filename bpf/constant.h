/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CONSTANT_H
#define CONSTANT_H

/*
 * Of a static constant. The compiler would otherwise move it to a section for constants that are merged, where its BTF,
 * which pins.h requires, does not say that it is.
 */
#define CONSTANT __attribute__((section(".rodata")))

#endif
