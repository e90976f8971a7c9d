/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef LIKENESS_H
#define LIKENESS_H

/* What tells a socket from another at the same address, and from itself at another time. */
struct likeness {
	__u64 addresses;
	__u64 hash;
	__u64 cookie;
	__u64 state; /* and the ports */
	__u64 pprev; /* 0: it is in no chain any more */
	__u64 net;
};

#endif
