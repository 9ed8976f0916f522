/* SPDX-License-Identifier: GPL-2.0 */
/* How long a connection may get nowhere, and how many orphans there may be. */
#ifndef _FSK_LIFE_H
#define _FSK_LIFE_H

#include <linux/types.h>

struct fsk_conn;
struct sock;

extern int fsk_max_orphans;	/* sysctl, of the host */

void fsk_orphan_init(void);
u64 fsk_stall_timeout(const struct sock *sk);
bool fsk_stalled_too_long(struct fsk_conn *conn, u64 since, u64 now);
bool fsk_orphan_check(const struct sock *sk, int shift);
bool fsk_orphan_lost(struct fsk_conn *conn, bool stuck, u64 now);

#endif /* _FSK_LIFE_H */
