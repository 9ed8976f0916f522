// SPDX-License-Identifier: GPL-2.0
/*
 * The connection's one timer, but for keepalive's, which is TCP's.
 *
 * It is armed lazily: a deadline that moves away leaves it alone, so that a
 * busy connection programs the clock once a millisecond and not once a frame.
 */

#include <linux/export.h>
#include <linux/hrtimer.h>
#include <net/tcp.h>

#include "core/challenge.h"
#include "core/conn.h"
#include "core/delegate.h"
#include "core/timer.h"
#include "core/transport.h"

static enum hrtimer_restart timer_fire(struct hrtimer *timer);

/* Many a connection ends before it needs one. */
static void init_timer_of(struct fsk_conn *conn)
{
	hrtimer_init(&conn->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_SOFT);
	conn->timer.function = timer_fire;
	conn->timed = true;
}

/**
 * fsk_timer_arm - see to it that the timer runs by the next deadline
 * @conn: connection
 *
 * Context: socket lock held in either form.
 */
void fsk_timer_arm(struct fsk_conn *conn)
{
	if (conn->phase != FSK_PH_DEAD)
		fsk_timer_arm_at(conn, fsk_ops(conn)->deadline(conn));
}
EXPORT_SYMBOL_NS_GPL(fsk_timer_arm, FASTSOCK);

/**
 * fsk_timer_arm_at - as fsk_timer_arm(), for a transport that knows itself
 * @conn: connection that is not dead
 * @at: ns, its next deadline; 0 if it has none
 *
 * Context: socket lock held in either form.
 */
void fsk_timer_arm_at(struct fsk_conn *conn, u64 at)
{
	if (!at || (conn->timer_at && conn->timer_at <= at))
		return;
	conn->timer_at = at;
	if (!conn->timed)
		init_timer_of(conn);
	hrtimer_start(&conn->timer, ns_to_ktime(at), HRTIMER_MODE_ABS_SOFT);
}
EXPORT_SYMBOL_NS_GPL(fsk_timer_arm_at, FASTSOCK);

/**
 * fsk_timer_cancel - stop the timer
 * @conn: connection
 *
 * A callback that already runs, or that this could not dequeue because it runs,
 * finds the connection dead; fsk_timer_exit() waits for it.
 *
 * Context: socket lock held in either form.
 * Return: false if it runs.
 */
bool fsk_timer_cancel(struct fsk_conn *conn)
{
	conn->timer_at = 0;
	if (conn->timed && hrtimer_try_to_cancel(&conn->timer) >= 0)
		conn->timed = false;
	return !conn->timed;
}

/**
 * fsk_timer_exit - see to it that the timer is neither queued nor running
 * @conn: dead connection, about to be freed
 *
 * Context: any but the timer's own callback; no socket lock.
 */
void fsk_timer_exit(struct fsk_conn *conn)
{
	if (conn->timed)
		hrtimer_cancel(&conn->timer);
}

/**
 * fsk_timer_run - do what is due
 * @conn: connection; it may be dead afterwards
 *
 * Context: softirq with the socket's spinlock held, or its owner releases it.
 */
void fsk_timer_run(struct fsk_conn *conn)
{
	rcu_read_lock();
	if (conn->phase != FSK_PH_DEAD &&
	    fsk_ops(conn)->timeout(conn, fsk_now()))
		fsk_timer_arm(conn);
	rcu_read_unlock();
}

static enum hrtimer_restart timer_fire(struct hrtimer *timer)
{
	struct fsk_conn *conn = container_of(timer, struct fsk_conn, timer);
	struct sock *sk = conn->sk;

	bh_lock_sock(sk);
	if (conn->phase != FSK_PH_DEAD) {
		conn->timer_at = 0;
		if (sock_owned_by_user(sk))
			conn->deferred |= FSK_DEFER_TIMER;
		else
			fsk_timer_run(conn);
	}
	bh_unlock_sock(sk);
	return HRTIMER_NORESTART;
}

static noinline void run_deferred(struct fsk_conn *conn)
{
	unsigned int what = conn->deferred;

	conn->deferred = 0;
	rcu_read_lock();
	if (what & FSK_EV_ALL)
		fsk_ops(conn)->event(conn, what);
	if (what & FSK_DEFER_FALLBACK)
		fsk_fallback_again(conn);
	if (what & FSK_DEFER_SUSPECT)
		fsk_challenge_suspect(conn);
	if (what & FSK_DEFER_REFUSED)
		fsk_challenge_refused(conn);
	if (what & FSK_DEFER_TIMER)
		fsk_timer_run(conn);
	if (what & FSK_DEFER_ARM)
		fsk_timer_arm(conn);
	rcu_read_unlock();
}

/**
 * fsk_conn_notify - have a transport look after a connection
 * @conn: connection; it may be dead, also afterwards
 * @events: FSK_EV_* of the transport
 *
 * At once, or, if somebody owns the socket, when he lets go of it.
 *
 * Context: the socket's spinlock is held, BH disabled, RCU read section.
 */
void fsk_conn_notify(struct fsk_conn *conn, unsigned int events)
{
	if (!fsk_conn_defer(conn, events))
		fsk_ops(conn)->event(conn, events);
}
EXPORT_SYMBOL_NS_GPL(fsk_conn_notify, FASTSOCK);

/**
 * fsk_release_cb - struct proto.release_cb: what waited for the owner
 * @sk: socket about to be released
 *
 * Context: the caller owns @sk and holds its spinlock.
 */
void fsk_release_cb(struct sock *sk)
{
	struct fsk_conn *conn = fsk_conn(sk);

	/* tcp_v4_err() knows sockets that no filter protects from it. */
	if (unlikely(READ_ONCE(sk->sk_tsq_flags)) &&
	    test_and_clear_bit(TCP_MTU_REDUCED_DEFERRED, &sk->sk_tsq_flags))
		__sock_put(sk);
	if (conn && unlikely(conn->deferred))
		run_deferred(conn);
}
