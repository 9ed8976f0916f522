// SPDX-License-Identifier: GPL-2.0
/*
 * A reader waits for bytes, the end of the stream or an error, and in the end
 * finds out why its call is over.
 *
 * fsk_wait_data() is called with the socket locked, and unlocks it meanwhile.
 * fsk_wait_unlocked() saves taking the lock first where there is obviously
 * nothing to read.  Both may spin before they sleep, see spin.c.
 */

#include <linux/sched/signal.h>
#include <linux/wait.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "core/conn.h"
#include "core/transport.h"
#include "stream/call.h"
#include "stream/post.h"
#include "stream/spin.h"
#include "stream/wait.h"

/*
 * Are there bytes behind the queue, or is @conn gone?  Without the socket lock
 * another thread may disconnect the socket, so @conn is used only while it is
 * found there, in an RCU section.
 */
static bool more_behind(const struct fsk_call *r, const struct fsk_conn *conn)
{
	bool more;

	rcu_read_lock();
	/* One more connection may have got its memory, and may be here. */
	more = fsk_conn_rcu(r->sk) != conn || !fsk_ops(conn)->unread ||
	       fsk_ops(conn)->unread(conn, fsk_call_position(r));
	rcu_read_unlock();
	return more;
}

/* @conn: NULL if all bytes are queued */
static bool wait_over(const struct fsk_call *r, const struct sk_buff *last,
		      const struct fsk_conn *conn, const struct fsk_post *post)
{
	return skb_peek_tail(&r->sk->sk_receive_queue) != last ||
	       (conn && more_behind(r, conn)) ||
	       (post && READ_ONCE(post->filled) >= r->want);
}

/*
 * Spin, with the socket unlocked, before fsk_wait_data() sleeps.  Return: 1 if
 * something happened, 0 if not, negative if it was disconnected.
 */
static int spin_locked(struct fsk_call *r, struct fsk_spin *spin)
{
	struct sock *sk = r->sk;
	int disconnects = sk->sk_disconnects;

	if (!fsk_spin_begin(spin, sk))
		return 0;
	release_sock(sk);
	fsk_spin_wait(spin, sk, &r->timeo);
	lock_sock(sk);
	if (sk->sk_disconnects != disconnects)
		return -EPIPE;
	/* Nobody was there to be woken. */
	return !r->timeo || fsk_spin_over(spin, sk);
}

/**
 * fsk_wait_data - wait until something happened
 * @r: the call
 * @conn: its connection
 * @post: buffer that the call has posted, NULL if none
 *
 * Context: process, may sleep; the caller owns the socket, which is unlocked
 * meanwhile.
 * Return: 0, or a negative errno if the socket was disconnected.
 */
int fsk_wait_data(struct fsk_call *r, const struct fsk_conn *conn,
		  const struct fsk_post *post)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	struct sk_buff *last = skb_peek_tail(&r->sk->sk_receive_queue);
	struct fsk_spin spin = {
		.ahead = r->peek, .post = post, .want = r->want,
	};
	struct sock *sk = r->sk;
	int err;

	if (!fsk_ops(conn)->unread)
		conn = NULL;
	if (unlikely(fsk_spin_wanted(sk))) {
		err = spin_locked(r, &spin);
		if (err || wait_over(r, last, conn, post))
			return min(err, 0);
	}
	add_wait_queue(sk_sleep(sk), &wait);
	sk_set_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	err = sk_wait_event(sk, &r->timeo,
			    wait_over(r, last, conn, post), &wait);
	sk_clear_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	remove_wait_queue(sk_sleep(sk), &wait);
	if (unlikely(spin.start))
		__fsk_spin_slept(&spin, sk);
	return min(err, 0);
}

/**
 * fsk_wait_spinning - as fsk_wait_unlocked(), but spin first
 * @sk: socket on which somebody wants readers to spin
 * @timeo: jiffies left to wait, not 0
 *
 * Context: process, may sleep; the caller does not own the socket.
 * Return: jiffies that are left.
 */
long fsk_wait_spinning(struct sock *sk, long timeo)
{
	struct fsk_spin spin = {};

	if ((fsk_spin_begin(&spin, sk) &&
	     fsk_spin_wait(&spin, sk, &timeo)) || !timeo)
		return timeo;
	timeo = fsk_wait_unlocked(sk, timeo);
	fsk_spin_slept(&spin, sk);
	return timeo;
}

/**
 * fsk_wait_reason - why a call ends that has not got all that it wants
 * @r: the call
 *
 * Context: process; the caller owns the socket.
 * Return: 1 if it has to wait, else what it returns if nothing was copied.
 */
int fsk_wait_reason(const struct fsk_call *r)
{
	struct sock *sk = r->sk;

	if (r->copied)
		return sk->sk_err || sk->sk_state == TCP_CLOSE ||
		       sk->sk_shutdown & RCV_SHUTDOWN || !r->timeo ||
		       signal_pending(current) ? 0 : 1;
	if (sock_flag(sk, SOCK_DONE))
		return 0;
	if (sk->sk_err)
		return sock_error(sk);
	if (sk->sk_shutdown & RCV_SHUTDOWN)
		return 0;
	if (sk->sk_state == TCP_CLOSE)
		return -ENOTCONN;
	if (!r->timeo)
		return -EAGAIN;
	if (signal_pending(current))
		return sock_intr_errno(r->timeo);
	return 1;
}
