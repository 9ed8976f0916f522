/* SPDX-License-Identifier: GPL-2.0 */
/* A reader waits, with the socket unlocked. */
#ifndef _FSK_WAIT_H
#define _FSK_WAIT_H

#include <linux/types.h>
#include <linux/wait.h>
#include <net/sock.h>

#include "stream/call.h"
#include "stream/recv.h"

struct fsk_conn;
struct fsk_post;

/* As fsk_recv_quiet(), and no frame waits in the backlog.  Any context. */
static inline bool fsk_wait_quiet(const struct sock *sk)
{
	return fsk_recv_quiet(sk) && !READ_ONCE(sk->sk_backlog.tail);
}

/*
 * Wait once, without the socket lock, until something happened.  The caller
 * locks the socket then and looks what it was.  Inline, for recv() comes here
 * whenever there is nothing to read.
 */
static __always_inline long fsk_wait_unlocked(struct sock *sk, long timeo)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);

	add_wait_queue(sk_sleep(sk), &wait);
	sk_set_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	smp_mb();	/* pairs with skwq_has_sleeper() in sk_data_ready */
	if (fsk_wait_quiet(sk))
		timeo = wait_woken(&wait, TASK_INTERRUPTIBLE, timeo);
	sk_clear_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	remove_wait_queue(sk_sleep(sk), &wait);
	return timeo;
}

int fsk_wait_data(struct fsk_call *r, const struct fsk_conn *conn,
		  const struct fsk_post *post);
long fsk_wait_spinning(struct sock *sk, long timeo);
int fsk_wait_reason(const struct fsk_call *r);

#endif /* _FSK_WAIT_H */
