/* SPDX-License-Identifier: GPL-2.0 */
/* The one timer of a connection, and what waits for its owner. */
#ifndef _FSK_TIMER_H
#define _FSK_TIMER_H

#include <linux/minmax.h>
#include <linux/types.h>

struct fsk_conn;
struct sock;

/* The earlier of two times, of which 0 is none. */
static inline u64 fsk_sooner(u64 a, u64 b)
{
	if (!a || !b)
		return a ?: b;
	return min(a, b);
}

void fsk_timer_arm(struct fsk_conn *conn);
void fsk_timer_arm_at(struct fsk_conn *conn, u64 at);
void fsk_timer_run(struct fsk_conn *conn);
bool fsk_timer_cancel(struct fsk_conn *conn);
void fsk_timer_exit(struct fsk_conn *conn);
void fsk_conn_notify(struct fsk_conn *conn, unsigned int events);
void fsk_release_cb(struct sock *sk);

#endif /* _FSK_TIMER_H */
