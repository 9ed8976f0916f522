/* SPDX-License-Identifier: GPL-2.0 */
/* How many sockets without a descriptor there may be. */
#ifndef _FSK_ORPHAN_H
#define _FSK_ORPHAN_H

#include <linux/types.h>

struct sock;

extern int fsk_max_orphans;	/* sysctl, of the host */
void fsk_orphan_init(void);
bool fsk_orphan_check(const struct sock *sk, int shift);

#endif /* _FSK_ORPHAN_H */
