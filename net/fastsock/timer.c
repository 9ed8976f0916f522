// SPDX-License-Identifier: GPL-2.0
/*
 * The connection's one timer, but for keepalive's, which is TCP's.
 *
 * It is armed lazily: a deadline that moves away leaves it alone, so that a
 * busy connection programs the clock once a millisecond and not once a frame.
 */

#include <linux/hrtimer.h>
#include <net/tcp.h>

#include "conn.h"
#include "frames.h"
#include "handshake.h"
#include "loop.h"
#include "memory.h"
#include "orphan.h"
#include "pair.h"
#include "path.h"
#include "rel.h"
#include "state.h"
#include "timer.h"
#include "tx.h"

#define FSK_TROUBLE_AFTER	2	/* expiries in a row */
#define FSK_SMALL_AFTER		4
/* So often an orphan in memory looks after its bytes. */
#define FSK_ORPHAN_NS		NSEC_PER_SEC
/* So often one that waits for a way to the other end looks for it. */
#define FSK_ASTRAY_NS		(200 * NSEC_PER_MSEC)
/* Who does not answer for so long may be another host by now. */
#define FSK_SILENCE_NS		(100 * NSEC_PER_MSEC)
/* TCP_RTO_MAX twice. */
#define FSK_LONG_NS		(240LL * NSEC_PER_SEC)
/* Then full frames are tried again. */
#define FSK_SMALL_NS		(10ULL * NSEC_PER_SEC)

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

static u64 sooner(u64 a, u64 b)
{
	if (!a || !b)
		return a ?: b;
	return min(a, b);
}

/*
 * What was sent gets nowhere since then, ns; 0 if it does.
 *
 * A peer that answers but takes nothing for want of room may do so for ever, as
 * with TCP (RFC 1122, 4.2.2.17), unless the program has set a limit.  One that
 * does not take what its window covers may not.
 */
static u64 stalled_since(const struct fsk_conn *conn)
{
	const struct fsk_frames *fr;

	if (fsk_in_memory(conn))
		return conn->cork_at ? 0 : fsk_memory(conn)->stalled_since;
	fr = fsk_frames(conn);
	if (READ_ONCE(inet_csk(conn->sk)->icsk_user_timeout) ||
	    !fsk_rel_tx_idle(&fr->tx))
		return fr->tx.stuck_since;
	return fr->tx.stalled_since;
}

/*
 * In memory nothing is sent again.  A writer's patience may still end, and an
 * orphan with bytes looks whether it must go.  While the line is cut nobody is
 * heard, as where a cable is pulled.
 */
static u64 memory_deadline(const struct fsk_memory *mem)
{
	const struct fsk_conn *conn = &mem->conn;
	u64 at;

	if (fsk_conn_opening(conn))
		return 0;
	at = sooner(conn->life_at, conn->cork_at);
	if (stalled_since(conn) &&
	    (READ_ONCE(inet_csk(conn->sk)->icsk_user_timeout) ||
	     mem->severed))
		at = sooner(at, mem->stalled_since + fsk_patience(conn->sk) +
				1);
	if (conn->life_at && conn->sk->sk_wmem_queued)
		at = sooner(at, conn->retry_at ?:
				conn->heard_at + FSK_ORPHAN_NS);
	at = sooner(at, conn->retry_at);
	return at;
}

static u64 frames_deadline(const struct fsk_frames *fr)
{
	const struct fsk_conn *conn = &fr->conn;
	u64 at;

	at = fr->hs_at;
	if (fsk_conn_opening(conn))
		return at;
	at = sooner(at, conn->challenge.due_at);
	at = sooner(at, fsk_rel_tx_deadline(&fr->tx));
	at = sooner(at, fr->rx.ack_at);
	at = sooner(at, conn->life_at);
	at = sooner(at, conn->retry_at);
	at = sooner(at, conn->cork_at);
	if (unlikely(fr->tx.stuck_since) && stalled_since(conn))
		at = sooner(at, stalled_since(conn) + fsk_patience(conn->sk) +
				1);
	return at;
}

static u64 conn_deadline(const struct fsk_conn *conn)
{
	return fsk_in_memory(conn) ? memory_deadline(fsk_memory(conn)) :
				     frames_deadline(fsk_frames(conn));
}

/**
 * fsk_timer_arm - see to it that the timer runs by the next deadline
 * @conn: connection
 *
 * Context: socket lock held in either form.
 */
void fsk_timer_arm(struct fsk_conn *conn)
{
	u64 at;

	if (conn->phase == FSK_PH_DEAD)
		return;
	at = conn_deadline(conn);
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
 * Nothing gets through.  The peer may be elsewhere by now, or a device on the
 * way takes only smaller frames than it did.
 */
static void path_trouble(struct fsk_frames *fr, u64 now)
{
	struct fsk_conn *conn = &fr->conn;

	if (fr->tx.backoff >= FSK_SMALL_AFTER && conn->phase == FSK_PH_OPEN)
		fr->small_until = now + FSK_SMALL_NS;
	fsk_path_doubt(fr);
	if (now - fr->tx.stalled_since >= FSK_SILENCE_NS &&
	    now - conn->heard_at >= FSK_SILENCE_NS)
		fsk_challenge_silence(conn, now);
}

static void run_retransmit(struct fsk_frames *fr, u64 now)
{
	/* A peer whose window is shut answers, and is no trouble. */
	if (fr->tx.stalled_since && fr->tx.backoff >= FSK_TROUBLE_AFTER)
		path_trouble(fr, now);
	switch (fsk_rel_tx_timeout(&fr->tx, now)) {
	case FSK_REL_SEND:
		fsk_tx_push(fr, now);
		/* What answers UNKNOWN to the copy names no connection. */
		if (fr->seal_key != fr->conn.peer_key && fr->tx.backoff)
			fsk_tx_probe(fr);
		break;
	case FSK_REL_PROBE:
		fsk_tx_probe(fr);
		break;
	case FSK_REL_NONE:
		break;
	}
}

/*
 * In memory: who is there is heard.  An orphan whose peer is not looks again,
 * and so does who waits for a way; whoever has the peer's address now is asked.
 */
static void look_around(struct fsk_memory *mem, u64 now)
{
	struct fsk_conn *conn = &mem->conn;

	conn->retry_at = 0;
	if (mem->out->starved)
		fsk_loop_retry(mem);
	if (fsk_loop_look(mem)) {
		conn->heard_at = now;
		return;
	}
	if (mem->stalled_since && READ_ONCE(mem->pair->astray)) {
		fsk_challenge_silence(conn, now);
		conn->retry_at = now + FSK_ASTRAY_NS;
	} else if (conn->life_at) {
		conn->retry_at = now + FSK_ORPHAN_NS;
	}
}

/*
 * As tcp_out_of_resources() of who retransmits or probes: an orphan that got
 * nowhere for long counts twice, and so does one with dubious news.
 */
static bool orphan_must_go(const struct fsk_conn *conn, u64 now)
{
	const struct sock *sk = conn->sk;
	int shift = 0;

	if (!conn->life_at ||
	    !(fsk_in_memory(conn) ? fsk_memory(conn)->stalled_since :
				    fsk_frames(conn)->tx.backoff))
		return false;
	/* Progress moves @life_at. */
	if ((s64)(now + fsk_patience(sk) - conn->life_at) > FSK_LONG_NS)
		shift++;
	if (READ_ONCE(sk->sk_err_soft))
		shift++;
	return fsk_orphan_check(sk, shift);
}

static void run_handshake(struct fsk_frames *fr, u64 now)
{
	if (fr->hs_at && now >= fr->hs_at)
		fsk_handshake_timeout(fr, now);
}

static void run_frames(struct fsk_frames *fr, u64 now)
{
	struct fsk_conn *conn = &fr->conn;

	if (conn->cork_at && now >= conn->cork_at) {
		conn->cork_at = 0;
		fsk_tx_push(fr, now);
	}
	if (conn->retry_at && now >= conn->retry_at) {
		conn->retry_at = 0;
		if (conn->fin_wanted)
			fsk_tx_fin(fr);
		fsk_tx_push(fr, now);
	}
	run_retransmit(fr, now);
	if (fr->rx.ack_now || (fr->rx.ack_at && now >= fr->rx.ack_at))
		fsk_tx_ack(fr);
}

/* Nothing is sent again. */
static void run_memory(struct fsk_memory *mem, u64 now)
{
	struct fsk_conn *conn = &mem->conn;

	if (conn->cork_at && now >= conn->cork_at) {
		conn->cork_at = 0;
		fsk_loop_uncork_later(mem);
	}
}

static void conn_run(struct fsk_conn *conn, u64 now)
{
	struct sock *sk = conn->sk;

	if (conn->phase == FSK_PH_DEAD)
		return;
	if (!fsk_in_memory(conn))
		run_handshake(fsk_frames(conn), now);
	if (fsk_conn_opening(conn) || conn->phase == FSK_PH_DEAD)
		return;

	fsk_conn_info(conn);
	if (stalled_since(conn) &&
	    now - stalled_since(conn) > fsk_patience(sk)) {
		fsk_conn_timeout(conn);
		return;
	}
	fsk_challenge_run(conn, now);
	if (unlikely(fsk_path_lost(conn, now))) {
		fsk_path_part(conn);
		fsk_conn_abort(conn, ECONNRESET);
		return;
	}
	if (fsk_in_memory(conn))
		look_around(fsk_memory(conn), now);
	if (orphan_must_go(conn, now)) {
		__NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPABORTONMEMORY);
		fsk_ops(conn)->send_reset(conn, true);
		fsk_conn_done(conn);
		return;
	}
	if (conn->life_at && now >= conn->life_at) {
		if (sk->sk_state != TCP_FIN_WAIT2)
			fsk_ops(conn)->send_reset(conn, true);
		fsk_conn_done(conn);
		return;
	}
	if (fsk_in_memory(conn))
		run_memory(fsk_memory(conn), now);
	else
		run_frames(fsk_frames(conn), now);
}

/*
 * What ss -o and /proc/net/tcp show of a connection that waits for an answer.
 * TCP's timer is not armed.
 */
static void show_timer(struct fsk_frames *fr, u64 now)
{
	struct inet_connection_sock *icsk = inet_csk(fr->conn.sk);
	u64 at = fsk_rel_tx_deadline(&fr->tx);

	if (!at) {
		icsk->icsk_pending = 0;
		icsk->icsk_retransmits = 0;
		return;
	}
	icsk->icsk_pending = fr->tx.inflight ? ICSK_TIME_RETRANS :
					       ICSK_TIME_PROBE0;
	icsk->icsk_retransmits = fr->tx.backoff;
	icsk->icsk_timeout = jiffies +
			     (at > now ? nsecs_to_jiffies(at - now) : 0);
}

static void after_run(struct fsk_frames *fr, u64 now)
{
	show_timer(fr, now);
	if (fr->tx.una == fr->tx.end && !fr->rx.ack_at)
		fsk_mem_let_go(fr);
}

/**
 * fsk_timer_run - do what is due
 * @conn: connection; it may be dead afterwards
 *
 * Context: softirq with the socket's spinlock held, or its owner releases it.
 */
void fsk_timer_run(struct fsk_conn *conn)
{
	u64 now = fsk_now();

	rcu_read_lock();
	conn_run(conn, now);
	if (!fsk_in_memory(conn) && conn->phase == FSK_PH_OPEN)
		after_run(fsk_frames(conn), now);
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
		fsk_loop_run(fsk_memory(conn), what);
	if (what & FSK_DEFER_SUSPECT)
		fsk_challenge_suspect(conn);
	if (what & FSK_DEFER_REFUSED)
		fsk_challenge_refused(conn);
	if (what & FSK_DEFER_TIMER)
		fsk_timer_run(conn);
	if (what & FSK_DEFER_FALLBACK)
		fsk_handshake_again(fsk_frames(conn));
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
