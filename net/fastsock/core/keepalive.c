// SPDX-License-Identifier: GPL-2.0
/*
 * SO_KEEPALIVE: is the other end still there?
 *
 * TCP's timer of the socket waits for the next look, with a function of ours,
 * so that ss -o and /proc/net/tcp show it.  As under TCP it is left alone while
 * the connection is busy: when it fires, it sees how long nothing was heard.
 *
 * The function is ours from fsk_keepalive_start() until fsk_conn_kill().  One
 * that was about to run then waits for the socket's lock: ours finds a dead
 * connection, or none, and TCP's a socket that is closed, or TCP's again.  If
 * the socket is owned, ours may queue the timer once more just then, and TCP's
 * function runs in its place.  So nothing of ours is queued afterwards, and
 * what runs, in softirq, ends before a grace period does.
 */

#include <linux/timer.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "core/challenge.h"
#include "core/conn.h"
#include "core/keepalive.h"
#include "core/state.h"
#include "core/timer.h"
#include "core/transport.h"

/* Jiffies until it looks again whether the socket is owned, as TCP's does. */
#define FSK_KEEPALIVE_OWNED	(HZ / 20)

static void (*tcp_keepalive)(struct timer_list *t);

/* Sysctls may be 0 or less.  Return: jiffies. */
static unsigned int idle_time(const struct fsk_conn *conn)
{
	return max(keepalive_time_when(tcp_sk(conn->sk)), 1);
}

/* Each probe later than the last.  Return: ns, when the next one is due. */
static u64 due_at(const struct fsk_conn *conn)
{
	int interval = max(keepalive_intvl_when(tcp_sk(conn->sk)), 1);

	return conn->heard_at + jiffies64_to_nsecs(idle_time(conn)) +
	       conn->probes * jiffies64_to_nsecs(interval);
}

/* Bytes on the way are a probe themselves. */
static bool needless(const struct fsk_conn *conn)
{
	return conn->phase != FSK_PH_OPEN || !fsk_ops(conn)->needs_probe(conn);
}

/* Is the peer taken for dead? */
static bool gone(const struct fsk_conn *conn, u64 now)
{
	u32 user_ms = READ_ONCE(inet_csk(conn->sk)->icsk_user_timeout);

	if (user_ms)
		return conn->probes && now - conn->heard_at >=
				       (u64)user_ms * NSEC_PER_MSEC;
	return conn->probes >= keepalive_probes(tcp_sk(conn->sk));
}

static void probe(struct fsk_conn *conn, u64 now)
{
	const struct fsk_transport_ops *ops = fsk_ops(conn);

	if (conn->probes++ || !ops->probe)
		fsk_challenge_silence(conn, now);
	__NET_INC_STATS(sock_net(conn->sk), LINUX_MIB_TCPKEEPALIVE);
	if (ops->probe)
		ops->probe(conn);
}

/* Return: jiffies until there is something to do. */
static unsigned long wait_for(const struct fsk_conn *conn, u64 now)
{
	u64 at;

	if (needless(conn))
		return idle_time(conn);
	at = due_at(conn);
	return at > now ? nsecs_to_jiffies(at - now) + 1 : 1;
}

/* Softirq, RCU read section, spinlock held; nobody owns the socket. */
static void run(struct fsk_conn *conn)
{
	struct sock *sk = conn->sk;
	u64 now = fsk_now();

	if (!needless(conn) && now >= due_at(conn)) {
		if (gone(conn, now)) {
			fsk_conn_info(conn);
			fsk_conn_timeout(conn);
			return;
		}
		probe(conn, now);
	}
	/* In memory an idle end looks for its way. */
	fsk_timer_run(conn);
	if (conn->phase == FSK_PH_DEAD)
		return;
	inet_csk(sk)->icsk_probes_out = min_t(u32, conn->probes, U8_MAX);
	sk_reset_timer(sk, fsk_keepalive_timer(sk),
		       jiffies + wait_for(conn, now));
}

static void keepalive_fire(struct timer_list *t)
{
	struct sock *sk = fsk_keepalive_sock(t);
	struct fsk_conn *conn;

	rcu_read_lock();
	bh_lock_sock(sk);
	conn = fsk_conn_rcu(sk);
	if (!fsk_conn_dead(conn) && !fsk_conn_opening(conn) &&
	    sock_flag(sk, SOCK_KEEPOPEN)) {
		if (sock_owned_by_user(sk))
			sk_reset_timer(sk, t, jiffies + FSK_KEEPALIVE_OWNED);
		else
			run(conn);
	}
	bh_unlock_sock(sk);
	rcu_read_unlock();
	sock_put(sk);
}

static void arm(struct sock *sk, unsigned long delay)
{
	struct timer_list *timer = fsk_keepalive_timer(sk);

	timer->function = keepalive_fire;
	sk_reset_timer(sk, timer, jiffies + delay);
}

/**
 * fsk_keepalive_start - begin to look after the peer
 * @conn: connection that is neither opening nor dead
 *
 * Context: socket lock held in either form.
 */
void fsk_keepalive_start(struct fsk_conn *conn)
{
	conn->probes = 0;
	arm(conn->sk, idle_time(conn));
}

/**
 * fsk_keepalive_moved - the next look is due at another time
 * @conn: connection that is not dead
 *
 * Context: socket lock held in either form.
 */
void fsk_keepalive_moved(struct fsk_conn *conn)
{
	if (sock_flag(conn->sk, SOCK_KEEPOPEN) && !fsk_conn_opening(conn))
		arm(conn->sk, wait_for(conn, fsk_now()));
}

/**
 * fsk_keepalive_stop - the connection dies: the timer is TCP's again
 * @sk: its socket, on which somebody else has a reference, too
 *
 * Context: socket lock held in either form.
 */
void fsk_keepalive_stop(struct sock *sk)
{
	struct timer_list *timer = fsk_keepalive_timer(sk);

	if (likely(timer->function != keepalive_fire))
		return;
	sk_stop_timer(sk, timer);
	timer->function = tcp_keepalive;
}

/**
 * fsk_keepalive - struct proto.keepalive: SO_KEEPALIVE changes
 * @sk: socket; the flag itself is set by the caller afterwards
 * @on: new value
 *
 * Context: process; the caller owns @sk.
 */
void fsk_keepalive(struct sock *sk, int on)
{
	struct fsk_conn *conn = fsk_conn(sk);

	if (fsk_conn_dead(conn) || fsk_conn_opening(conn))
		return;
	if (!on)
		sk_stop_timer(sk, fsk_keepalive_timer(sk));
	else if (!sock_flag(sk, SOCK_KEEPOPEN))
		fsk_keepalive_start(conn);
}

/**
 * fsk_keepalive_learn - TCP's own function is not exported; a socket shows it
 * @sk: new TCP socket
 *
 * Context: process, module load.
 * Return: 0.
 */
int fsk_keepalive_learn(struct sock *sk)
{
	tcp_keepalive = fsk_keepalive_timer(sk)->function;
	return 0;
}
