// SPDX-License-Identifier: GPL-2.0
/*
 * The receive queue of a socket, and the bytes that follow it.
 *
 * Stream bytes are in sk_receive_queue, where kernel code that knows TCP finds
 * them.  A transport may keep further ones itself, see @unread in struct
 * fsk_transport_ops; they come after all that is queued.  A call of recv()
 * takes both in one loop, fsk_queue_take().
 */

#include <linux/sched/signal.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "base/copy.h"
#include "base/spare.h"
#include "core/conn.h"
#include "core/transport.h"
#include "rel/seq.h"
#include "stream/call.h"
#include "stream/queue.h"
#include "stream/urgent.h"

/**
 * fsk_rx_grow_buffer - let a receive buffer that is in use grow
 * @conn: connection whose peer sends much
 *
 * It becomes four times what the program has read since it was last looked at,
 * at least twice as large as before, if that was half of it in a second: a
 * program that is slow gets no more with TCP either.
 *
 * Context: socket lock held in either form.
 * Return: true if it grew: within what the program and the administrator allow.
 */
bool fsk_rx_grow_buffer(struct fsk_conn *conn)
{
	struct sock *sk = conn->sk;
	const struct net *net = sock_net(sk);
	u32 max = READ_ONCE(net->ipv4.sysctl_tcp_rmem[2]);
	u32 seq = READ_ONCE(tcp_sk(sk)->copied_seq);
	u32 rcvbuf = READ_ONCE(sk->sk_rcvbuf);
	u32 n = seq - conn->tuned_seq;
	bool slow;

	if (n < rcvbuf / 2 || rcvbuf >= max)
		return false;
	slow = tcp_jiffies32 - conn->tuned_at > HZ;
	conn->tuned_seq = seq;
	conn->tuned_at = tcp_jiffies32;
	if (slow || sk->sk_userlocks & SOCK_RCVBUF_LOCK ||
	    !READ_ONCE(net->ipv4.sysctl_tcp_moderate_rcvbuf) ||
	    tcp_under_memory_pressure(sk))
		return false;
	WRITE_ONCE(sk->sk_rcvbuf, min_t(u64, 4ULL * n, max));
	return true;
}

/**
 * fsk_queue_consume - forget the next bytes, which are queued
 * @sk: connected socket
 * @skb: the first skb of the queue that has unread bytes
 * @n: how many of them
 *
 * Context: socket lock held in either form.
 */
void fsk_queue_consume(struct sock *sk, struct sk_buff *skb, u32 n)
{
	struct tcp_sock *tp = tcp_sk(sk);

	WRITE_ONCE(tp->copied_seq, tp->copied_seq + n);
	if (fsk_before(tp->copied_seq, TCP_SKB_CB(skb)->end_seq))
		return;
	__skb_unlink(skb, &sk->sk_receive_queue);
	fsk_spare_put(skb);
}

/**
 * fsk_queue_skip - pass over the next unread byte
 * @sk: connected socket
 *
 * Context: socket lock held in either form.
 */
void fsk_queue_skip(struct sock *sk)
{
	const struct fsk_transport_ops *ops;
	struct fsk_conn *conn;
	struct sk_buff *skb;

	skb_queue_walk(&sk->sk_receive_queue, skb)
		if (fsk_before(tcp_sk(sk)->copied_seq,
			       TCP_SKB_CB(skb)->end_seq)) {
			fsk_queue_consume(sk, skb, 1);
			return;
		}
	conn = fsk_conn(sk);
	ops = fsk_ops(conn);
	if (ops->unread && ops->unread(conn, tcp_sk(sk)->copied_seq))
		fsk_queue_pass(conn, 1);
}

/* Does the call end before the urgent byte?  1, 0, or a negative errno. */
static int mark_stops(const struct fsk_call *r)
{
	if (fsk_call_position(r) != tcp_sk(r->sk)->urg_seq)
		return 0;
	if (r->copied)
		return 1;
	if (signal_pending(current))
		return r->timeo ? sock_intr_errno(r->timeo) : -EAGAIN;
	return 0;
}

/**
 * fsk_queue_process_urgent - learn now of urgent data that was announced
 * @conn: connection of a transport with bytes behind the queue
 *
 * Otherwise the announcement waits until the owner lets go of the socket, but
 * it came with bytes that the owner is about to read.
 *
 * Context: process; the caller owns the socket.
 */
noinline void fsk_queue_process_urgent(struct fsk_conn *conn)
{
	rcu_read_lock();
	spin_lock_bh(&conn->sk->sk_lock.slock);
	conn->deferred &= ~FSK_EV_URGENT;
	fsk_ops(conn)->event(conn, FSK_EV_URGENT);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
	rcu_read_unlock();
}

/* An skb with the time stamp of bytes that are in none; NULL without memory. */
static struct sk_buff *stamp_behind(const struct fsk_conn *conn)
{
	struct sk_buff *skb = alloc_skb(0, GFP_KERNEL);

	if (skb)
		skb->tstamp = fsk_ops(conn)->stamp(conn);
	return skb;
}

static noinline void keep_stamp(struct fsk_call *r, struct fsk_conn *conn,
				struct sk_buff *skb)
{
	kfree_skb(r->stamped);
	r->stamped = skb ? skb_get(skb) : stamp_behind(conn);
}

/* The call has got @n bytes further: in @skb, or behind the queue if NULL. */
static __always_inline void advance(struct fsk_call *r, struct fsk_conn *conn,
				    struct sk_buff *skb, u32 n)
{
	struct sock *sk = r->sk;

	if (unlikely(fsk_stamps(sk)))
		keep_stamp(r, conn, skb);
	if (r->flags & MSG_PEEK) {
		r->peek += n;
		return;
	}
	if (skb)
		fsk_queue_consume(sk, skb, n);
	else
		fsk_queue_pass(conn, n);
	if (unlikely(tcp_sk(sk)->urg_data))
		fsk_urgent_passed(sk);
}

/**
 * __fsk_queue_copy - copy bytes of a queued skb, wherever in it they are
 * @skb: it
 * @off: where in it
 * @to: whereto
 * @n: bytes
 *
 * As skb_copy_datagram_iter(), without its checks that kernel memory is what it
 * seems to be: of an skb that is known.
 *
 * Context: any in which @to may be written.
 * Return: false if it faults, or if not all bytes are in the skb's own linear
 * part and pages; nothing is copied then.
 */
bool __fsk_queue_copy(const struct sk_buff *skb, u32 off, struct iov_iter *to,
		      u32 n)
{
	u32 left = n, end = skb_headlen(skb), begin, len;
	const skb_frag_t *frag;
	int i;

	if (unlikely(!fsk_frags_readable(skb)))
		return false;
	for (i = -1; left && i < skb_shinfo(skb)->nr_frags; i++) {
		frag = i < 0 ? NULL : &skb_shinfo(skb)->frags[i];
		begin = frag ? end : 0;
		end += frag ? skb_frag_size(frag) : 0;
		if (off >= end)
			continue;
		len = min(left, end - off);
		if (frag)
			len = fsk_copy_to_iter(skb_frag_page(frag),
					       skb_frag_off(frag) + off -
					       begin, len, to);
		else
			len = _copy_to_iter(skb->data + off, len, to);
		off += len;
		left -= len;
		if (off < end)
			break;
	}
	if (unlikely(left))
		iov_iter_revert(to, n - left);
	return !left;
}

/* Copy up to @n bytes.  Return: how many, 0 if the program's memory faults. */
static u32 copy(struct fsk_call *r, const struct fsk_conn *conn,
		const struct sk_buff *skb, u32 n)
{
	u32 seq = fsk_call_position(r);

	if (r->flags & MSG_TRUNC)
		return n;
	if (!skb)
		return fsk_ops(conn)->read(conn, seq, &r->msg->msg_iter, n);
	seq -= TCP_SKB_CB(skb)->seq;
	if (likely(fsk_queue_copy(skb, seq, &r->msg->msg_iter, n)) ||
	    (skb_has_frag_list(skb) &&
	     !skb_copy_datagram_msg(skb, seq, r->msg, n)))
		return n;
	return 0;
}

/*
 * Where the call goes on in the queue: NULL if all of it is read.  A call that
 * peeks has got to @skb before; NULL if it begins.
 */
static struct sk_buff *find_skb(const struct fsk_call *r, struct sk_buff *skb)
{
	struct sk_buff_head *queue = &r->sk->sk_receive_queue;

	if (!skb || !(r->flags & MSG_PEEK))
		skb = skb_peek(queue);
	while (skb && !fsk_before(fsk_call_position(r),
				  TCP_SKB_CB(skb)->end_seq))
		skb = skb_peek_next(skb, queue);
	return skb;
}

/*
 * Bytes there are in @skb, or behind the queue, from where the call has got to.
 * Return: 0 if there are none: SO_PEEK_OFF may point beyond what there is.
 */
static u32 available(const struct fsk_call *r, struct fsk_conn *conn,
		     const struct sk_buff *skb)
{
	u32 n;

	if (skb)
		return TCP_SKB_CB(skb)->end_seq - fsk_call_position(r);
	n = fsk_queue_behind(conn, fsk_call_position(r));
	/* What was announced with these bytes has to be known before them. */
	if (n && unlikely(READ_ONCE(conn->deferred) & FSK_EV_URGENT)) {
		fsk_queue_process_urgent(conn);
		/* That may have passed over an urgent byte, as this call. */
		n = fsk_queue_behind(conn, fsk_call_position(r));
	}
	return n;
}

/**
 * fsk_queue_take - take what there is: queued, then behind the queue
 * @r: the call
 * @conn: its connection, after fsk_queue_settle()
 *
 * Context: process, may sleep; the caller owns the socket.
 * Return: 0, 1 if the call ends at the mark of urgent data, or a negative
 * errno; with r->copied so far.
 */
int fsk_queue_take(struct fsk_call *r, struct fsk_conn *conn)
{
	struct tcp_sock *tp = tcp_sk(r->sk);
	struct sk_buff *skb = NULL;
	u32 n, ahead;
	int err;

	while (r->left) {
		skb = find_skb(r, skb);
		n = available(r, conn, skb);
		if (!n)
			break;
		n = min_t(size_t, n, r->left);
		if (unlikely(tp->urg_data)) {
			err = mark_stops(r);
			if (err)
				return err;
			ahead = tp->urg_seq - fsk_call_position(r);
			if (!ahead && !sock_flag(r->sk, SOCK_URGINLINE)) {
				advance(r, conn, skb, 1);
				continue;
			}
			if (ahead)
				n = min(n, ahead);
		}
		n = copy(r, conn, skb, n);
		if (unlikely(!n))
			return -EFAULT;
		r->left -= n;
		r->copied += n;
		advance(r, conn, skb, n);
	}
	return 0;
}
