/* SPDX-License-Identifier: GPL-2.0 */
/* Clients that were told of a connection and found the accept queue full. */
#ifndef _FSK_WAITING_H
#define _FSK_WAITING_H

#include <linux/compiler.h>
#include <linux/types.h>

#include "base/pernet.h"

/* Has anybody ever waited in this namespace? */
static inline bool fsk_waiting_any(const struct fsk_net *fn)
{
	return unlikely(READ_ONCE(fn->waiting));
}

bool fsk_waiting_add(struct fsk_net *fn, u64 cookie, u64 body);
bool fsk_waiting_find(struct fsk_net *fn, u64 cookie, u64 body, bool forget);
void fsk_waiting_exit(struct fsk_net *fn);

#endif /* _FSK_WAITING_H */
