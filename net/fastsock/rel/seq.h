/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which of two sequence numbers comes first: modulo 2^32, and true as long as
 * they are less than 2^31 apart.
 */
#ifndef _FSK_SEQ_H
#define _FSK_SEQ_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include "rel_user.h"	/* selftests/rel: the same names in user space */
#endif

static inline bool fsk_before(u32 a, u32 b)
{
	return (s32)(a - b) < 0;
}

static inline bool fsk_after(u32 a, u32 b)
{
	return fsk_before(b, a);
}

#endif /* _FSK_SEQ_H */
