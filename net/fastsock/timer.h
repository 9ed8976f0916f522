/* SPDX-License-Identifier: GPL-2.0 */
/* The one timer of a connection, and what waits for its owner. */
#ifndef _FSK_TIMER_H
#define _FSK_TIMER_H

#include <linux/types.h>

#include "conn.h"
#include "frames.h"

struct sock;

void fsk_timer_init(struct fsk_conn *conn);
void fsk_timer_arm(struct fsk_conn *conn);

/*
 * As fsk_timer_arm(), for when only deadlines at least a delayed ack away can
 * be new: a timer that fires before then finds them.
 */
static inline void fsk_timer_touch(struct fsk_frames *fr, u64 now)
{
	if (unlikely(!fr->conn.timer_at || fr->tx.in_recovery ||
		     fr->conn.timer_at > now + FSK_DELACK_NS))
		fsk_timer_arm(&fr->conn);
}

void fsk_timer_run(struct fsk_conn *conn);
bool fsk_timer_cancel(struct fsk_conn *conn);
void fsk_timer_exit(struct fsk_conn *conn);
u64 fsk_patience(const struct sock *sk);
void fsk_release_cb(struct sock *sk);

#endif /* _FSK_TIMER_H */
