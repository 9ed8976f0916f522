// SPDX-License-Identifier: GPL-2.0
/*
 * The connection's one timer, but for keepalive's, which is TCP's.
 *
 * It is armed lazily: a deadline that moves away leaves it alone, so that a
 * busy connection programs the clock once a millisecond and not once a frame.
 */

#include <linux/hrtimer.h>
#include <net/tcp.h>

#include "challenge.h"
#include "conn.h"
#include "orphan.h"
#include "state.h"
#include "timer.h"
#include "transport.h"

/* TCP_RTO_MAX twice. */
#define FSK_LONG_NS		(240LL * NSEC_PER_SEC)

/* What TCP's linear back-off from 200 ms to 120 s makes of a retry count. */
static u64 retries_ns(unsigned int retries)
{
	const unsigned int thresh = 9;	/* 200 ms << 9 is about 120 s */
	u64 ms;

	if (retries <= thresh)
		ms = ((2ULL << retries) - 1) * 200;
	else
		ms = ((2ULL << thresh) - 1) * 200 +
		     (retries - thresh) * 120000ULL;
	return ms * NSEC_PER_MSEC;
}

/**
 * fsk_patience - how long a connection may get nowhere
 * @sk: its socket
 *
 * Context: any.
 * Return: ns until retransmission gives up, as TCP's options and sysctls say.
 */
u64 fsk_patience(const struct sock *sk)
{
	const struct net *net = sock_net(sk);
	u32 user_ms = READ_ONCE(inet_csk(sk)->icsk_user_timeout);

	if (user_ms)
		return (u64)user_ms * NSEC_PER_MSEC;
	if (sock_flag(sk, SOCK_DEAD))
		return retries_ns(READ_ONCE(net->ipv4.sysctl_tcp_orphan_retries)
				  ?: 8);
	return retries_ns(READ_ONCE(net->ipv4.sysctl_tcp_retries2));
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
	hrtimer_start(&conn->timer, ns_to_ktime(at), HRTIMER_MODE_ABS_SOFT);
}

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
	return hrtimer_try_to_cancel(&conn->timer) >= 0;
}

/**
 * fsk_timer_exit - see to it that the timer is neither queued nor running
 * @conn: dead connection, about to be freed
 *
 * Context: any but the timer's own callback; no socket lock.
 */
void fsk_timer_exit(struct fsk_conn *conn)
{
	hrtimer_cancel(&conn->timer);
}

/*
 * As tcp_out_of_resources() of who retransmits or probes: an orphan that got
 * nowhere for long counts twice, and so does one with dubious news.
 */
static bool orphan_must_go(const struct fsk_conn *conn, bool stuck, u64 now)
{
	const struct sock *sk = conn->sk;
	int shift = 0;

	if (!conn->life_at || !stuck)
		return false;
	/* Progress moves @life_at. */
	if ((s64)(now + fsk_patience(sk) - conn->life_at) > FSK_LONG_NS)
		shift++;
	if (READ_ONCE(sk->sk_err_soft))
		shift++;
	return fsk_orphan_check(sk, shift);
}

/**
 * fsk_patience_lost - did the connection get nowhere for too long?
 * @conn: connected connection; it is dead afterwards if so
 * @since: ns, since when what was sent gets nowhere; 0 if it does
 * @now: ns
 *
 * Context: socket lock held in either form, RCU read section.
 * Return: true if it is over.
 */
bool fsk_patience_lost(struct fsk_conn *conn, u64 since, u64 now)
{
	if (!since || now - since <= fsk_patience(conn->sk))
		return false;
	fsk_conn_timeout(conn);
	return true;
}

/**
 * fsk_orphan_lost - must the connection go because it is an orphan?
 * @conn: connected connection; it is dead afterwards if so
 * @stuck: what was sent gets nowhere
 * @now: ns
 *
 * Context: socket lock held in either form, RCU read section.
 * Return: true if it is over.
 */
bool fsk_orphan_lost(struct fsk_conn *conn, bool stuck, u64 now)
{
	struct sock *sk = conn->sk;

	if (orphan_must_go(conn, stuck, now)) {
		__NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPABORTONMEMORY);
		fsk_ops(conn)->send_reset(conn, true);
		fsk_conn_done(conn);
		return true;
	}
	if (conn->life_at && now >= conn->life_at) {
		if (sk->sk_state != TCP_FIN_WAIT2)
			fsk_ops(conn)->send_reset(conn, true);
		fsk_conn_done(conn);
		return true;
	}
	return false;
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
	if (what & FSK_DEFER_SUSPECT)
		fsk_challenge_suspect(conn);
	if (what & FSK_DEFER_REFUSED)
		fsk_challenge_refused(conn);
	if (what & FSK_DEFER_TIMER)
		fsk_timer_run(conn);
	rcu_read_unlock();
}

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

/**
 * fsk_timer_init - prepare a connection's timer
 * @conn: new connection
 *
 * Context: any.
 */
void fsk_timer_init(struct fsk_conn *conn)
{
	hrtimer_init(&conn->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_SOFT);
	conn->timer.function = timer_fire;
}
