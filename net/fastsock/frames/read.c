// SPDX-License-Identifier: GPL-2.0
/*
 * recv() if it is simple: a few bytes satisfy it, and nothing but bytes is
 * asked for.  Then the socket needs no owner, who costs more than their copy:
 * its spinlock is held.
 */

#include <linux/uaccess.h>
#include <linux/uio.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "core/conn.h"
#include "frames/frames.h"
#include "frames/read.h"
#include "rel/seq.h"
#include "stream/call.h"
#include "stream/queue.h"
#include "stream/recv.h"
#include "stream/spin.h"
#include "stream/wait.h"

/* Bottom halves wait while no more than that is copied. */
#define FSK_READ_BYTES	2048U
#define FSK_READ_SKBS	8

/*
 * How many bytes a call may return now that has room for @len.  The end of the
 * stream counts as one.  Any context.
 */
static size_t ready(const struct sock *sk, size_t len)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return min_t(size_t, len, READ_ONCE(tp->rcv_nxt) -
				  READ_ONCE(tp->copied_seq));
}

/*
 * Copy up to @len bytes that are queued.  Return: how many, all that there are,
 * or 0 if that takes longer or the program's memory faults; *@skbs: in how many
 * skbs the last of them is.
 */
static u32 copy(struct sock *sk, struct iov_iter *to, u32 len, int *skbs)
{
	struct sk_buff_head *queue = &sk->sk_receive_queue;
	struct sk_buff *skb = skb_peek(queue);
	u32 seq = tcp_sk(sk)->copied_seq, done = 0, n;

	for (*skbs = 0; skb && done < len; skb = skb_peek_next(skb, queue)) {
		if (unlikely(++*skbs > FSK_READ_SKBS ||
			     !fsk_before(seq, TCP_SKB_CB(skb)->end_seq)))
			goto undo;
		n = min(len - done, TCP_SKB_CB(skb)->end_seq - seq);
		if (unlikely(!fsk_queue_copy(skb, seq - TCP_SKB_CB(skb)->seq,
					     to, n)))
			goto undo;
		done += n;
		seq += n;
	}
	return done;
undo:
	iov_iter_revert(to, done);
	return 0;
}

/* Forget @len bytes of so many skbs, all but the last of which end with it. */
static void consume(struct sock *sk, u32 len, int skbs)
{
	struct sk_buff *skb;
	u32 n;

	for (; unlikely(skbs > 1); skbs--) {
		skb = skb_peek(&sk->sk_receive_queue);
		n = TCP_SKB_CB(skb)->end_seq - tcp_sk(sk)->copied_seq;
		fsk_queue_consume(sk, skb, n);
		len -= n;
	}
	fsk_queue_consume(sk, skb_peek(&sk->sk_receive_queue), len);
}

/* The socket lock is held in either form.  Return: bytes, or 0. */
static u32 take(struct sock *sk, struct msghdr *msg, size_t len)
{
	struct fsk_conn *conn = fsk_conn(sk);
	u32 n, all = ready(sk, len);
	int skbs;

	/* Another thread may have connected it anew, in memory. */
	if (unlikely(!conn || !fsk_in_frames(conn) || conn->post ||
		     !fsk_recv_wants_bytes(sk) || all > FSK_READ_BYTES ||
		     all < sock_rcvlowat(sk, 0, len)))
		return 0;
	/* Who may sleep copies to a page that is not there. */
	pagefault_disable();
	n = copy(sk, &msg->msg_iter, all, &skbs);
	pagefault_enable();
	if (unlikely(!n))
		return 0;
	consume(sk, n, skbs);
	fsk_call_done(conn, n);
	return n;
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
 * All that the call returns is copied under one lock, as by fsk_recvmsg().
 *
 * Context: process, may sleep.
 * Return: bytes, 0 if fsk_recvmsg() is to do it, or -EPIPE if the socket was
 * disconnected meanwhile.
 */
int fsk_read_simple(struct sock *sk, struct msghdr *msg, size_t len, int flags)
{
	int disconnects = READ_ONCE(sk->sk_disconnects), n = 0;
	bool slow;

	if (unlikely(!fsk_recv_is_plain(msg, len, flags) ||
		     !user_backed_iter(&msg->msg_iter)))
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
	if (ready(sk, len) > FSK_READ_BYTES &&
	    likely(READ_ONCE(sk->sk_disconnects) == disconnects))
		return 0;
	slow = lock_sock_fast(sk);
	if (unlikely(sk->sk_disconnects != disconnects))
		n = -EPIPE;
	else if (likely(fsk_is_conn(sk)))
		n = take(sk, msg, len);
	unlock_sock_fast(sk, slow);
	return n;
}
