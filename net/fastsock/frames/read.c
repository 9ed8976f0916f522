// SPDX-License-Identifier: GPL-2.0
/*
 * recv() if it is simple: a few bytes of one segment satisfy it.  Then the
 * socket needs no owner, who costs more than their copy: its spinlock is held.
 */

#include <linux/uaccess.h>
#include <linux/uio.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "core/conn.h"
#include "frames/frames.h"
#include "frames/read.h"
#include "stream/call.h"
#include "stream/queue.h"
#include "stream/recv.h"
#include "stream/spin.h"
#include "stream/wait.h"

/* Bytes; bottom halves wait while they are copied. */
#define FSK_READ_SIMPLE	2048U

/* Does nothing but the bytes matter to a reader? */
static bool is_plain(const struct sock *sk)
{
	return !tcp_sk(sk)->urg_data && !tcp_sk(sk)->recvmsg_inq &&
	       !fsk_stamps(sk) && READ_ONCE(sk->sk_peek_off) < 0;
}

/* How many bytes a call may return now that has room for @len.  Any context. */
static size_t ready(const struct sock *sk, size_t len)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return min_t(size_t, len, READ_ONCE(tp->rcv_nxt) -
				  READ_ONCE(tp->copied_seq));
}

/* Copy bytes of an skb.  Return: false if the program's memory faults. */
static bool copy(const struct sk_buff *skb, u32 off, struct iov_iter *to, u32 n)
{
	size_t got;

	if (unlikely(off + n > skb_headlen(skb)))
		return fsk_queue_copy(skb, off, to, n);
	got = _copy_to_iter(skb->data + off, n, to);
	if (likely(got == n))
		return true;
	iov_iter_revert(to, got);
	return false;
}

/*
 * Copy and forget up to @len bytes of the first skb that is queued.  Return:
 * how many, 0 if there is none or the program's memory faults.
 */
static u32 take_first(struct sock *sk, struct msghdr *msg, u32 len)
{
	struct sk_buff *skb = skb_peek(&sk->sk_receive_queue);
	u32 off, n;

	if (unlikely(!skb))
		return 0;
	off = tcp_sk(sk)->copied_seq - TCP_SKB_CB(skb)->seq;
	n = min(len, TCP_SKB_CB(skb)->end_seq - tcp_sk(sk)->copied_seq);
	if (unlikely(!copy(skb, off, &msg->msg_iter, n)))
		return 0;
	fsk_queue_consume(sk, skb, n);
	return n;
}

/*
 * The socket lock is held in either form.  Return: bytes; if @more is set there
 * are others for who may sleep, because a page is not there.
 */
static int take(struct sock *sk, struct msghdr *msg, size_t len, bool *more)
{
	struct fsk_conn *conn = fsk_conn(sk);
	u32 n, done, all = ready(sk, len);

	/* Another thread may have connected it anew, in memory. */
	if (unlikely(!conn || !fsk_in_frames(conn) || conn->post ||
		     !is_plain(sk) || all > FSK_READ_SIMPLE ||
		     all < sock_rcvlowat(sk, 0, len)))
		return 0;
	/* Nobody sleeps here for a page that is not there. */
	pagefault_disable();
	done = take_first(sk, msg, all);
	for (n = done; unlikely(n && done < all); done += n)
		n = take_first(sk, msg, all - done);
	pagefault_enable();
	if (unlikely(!done))
		return 0;
	fsk_call_done(conn, done);
	*more = done < all;
	return done;
}

/* Return: as fsk_read_simple(). */
static noinline int take_rest(struct sock *sk, struct msghdr *msg, size_t len,
			      int flags, int done)
{
	int addr_len, n;

	n = fsk_recvmsg(sk, msg, len, flags | MSG_DONTWAIT, &addr_len);
	return done + max(n, 0);
}

/**
 * fsk_read_simple - recv() if it is simple
 * @sk: connected socket
 * @msg: where to put the bytes
 * @len: bytes wanted
 * @flags: MSG_*
 *
 * That is, if bytes are there, perhaps after one wait without a time limit, but
 * not many, and neither flags that matter nor control messages are asked for.
 *
 * Context: process, may sleep.
 * Return: bytes, 0 if fsk_recvmsg() is to do it, or -EPIPE if the socket was
 * disconnected meanwhile.
 */
int fsk_read_simple(struct sock *sk, struct msghdr *msg, size_t len, int flags)
{
	int disconnects = READ_ONCE(sk->sk_disconnects), n = 0;
	bool slow, more = false;

	if (unlikely(flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL) ||
		     msg->msg_get_inq || !len ||
		     !user_backed_iter(&msg->msg_iter)) ||
	    ready(sk, len) > FSK_READ_SIMPLE)
		return 0;
	sock_rps_record_flow(sk);
	if (fsk_wait_quiet(sk)) {
		if (flags & MSG_DONTWAIT ||
		    READ_ONCE(sk->sk_rcvtimeo) != MAX_SCHEDULE_TIMEOUT ||
		    !fsk_recv_may_wait(sk, len, sock_rcvlowat(sk, 0, len)))
			return 0;
		if (unlikely(fsk_spin_wanted(sk)))
			fsk_wait_spinning(sk, MAX_SCHEDULE_TIMEOUT);
		else
			fsk_wait_unlocked(sk, MAX_SCHEDULE_TIMEOUT);
	}
	slow = lock_sock_fast(sk);
	if (unlikely(sk->sk_disconnects != disconnects))
		n = -EPIPE;
	else if (likely(fsk_is_conn(sk)))
		n = take(sk, msg, len, &more);
	unlock_sock_fast(sk, slow);
	if (unlikely(more))
		return take_rest(sk, msg, len - n, flags, n);
	return n;
}
