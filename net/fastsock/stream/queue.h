/* SPDX-License-Identifier: GPL-2.0 */
/* The receive queue of a socket, how much it may hold, and what follows it. */
#ifndef _FSK_QUEUE_H
#define _FSK_QUEUE_H

#include <linux/skbuff.h>
#include <linux/types.h>
#include <linux/uio.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "core/conn.h"
#include "core/transport.h"
#include "stream/post.h"

struct fsk_call;

#define FSK_RMEM_MAX	0x7f000000U	/* sk_rmem_alloc is an int */

/*
 * Memory for what is received.  TCP's segments, each of which is as large as
 * many frames, fill SO_RCVBUF with bytes and little else.  For the same bytes
 * frames need twice as much.
 */
static inline u32 fsk_rx_budget(const struct sock *sk)
{
	return min(2U * READ_ONCE(sk->sk_rcvbuf), FSK_RMEM_MAX);
}

/*
 * Room for stream bytes in a receive buffer: half of the free memory, because
 * the other half is what skbs cost beyond their bytes.
 */
static inline u32 fsk_rx_space(const struct sock *sk)
{
	s64 room = fsk_rx_budget(sk);

	room -= atomic_read(&sk->sk_rmem_alloc);
	return room > 0 ? room / 2 : 0;
}

/*
 * The window that a socket offers while nothing is unread: half of its receive
 * buffer, as with TCP.  A program may still make that smaller, and what was
 * promised cannot be taken back.
 */
static inline u32 fsk_rx_promise(const struct sock *sk)
{
	return min(fsk_rx_space(sk), READ_ONCE(sk->sk_rcvbuf) / 2U);
}

/* Queue bytes for recv() as TCP queues a segment; they are charged to @sk. */
static inline void fsk_rx_queue(struct sock *sk, struct sk_buff *skb, u32 seq)
{
	struct tcp_skb_cb *tcb = TCP_SKB_CB(skb);

	memset(tcb, 0, offsetof(struct tcp_skb_cb, ack_seq));
	tcb->seq = seq;
	tcb->end_seq = seq + skb->len;
	__skb_queue_tail(&sk->sk_receive_queue, skb);
}

/*
 * Wait until nobody fills the buffer that another thread may have posted; while
 * the caller owns the socket nobody begins to.  A writer that fills one moves
 * the transport's numbers without a lock.  So call it whenever the socket has
 * been locked (again), before the bytes behind the queue are looked at.
 *
 * Context: process, may sleep; the caller owns the socket.
 */
static inline void fsk_queue_settle(const struct fsk_conn *conn)
{
	if (unlikely(conn->post))
		fsk_post_settle(conn->post);
}

/*
 * Bytes from @seq on that are not queued but with the transport.  The caller
 * owns the socket, and fsk_queue_settle() comes before.
 */
static inline u32 fsk_queue_behind(const struct fsk_conn *conn, u32 seq)
{
	DEBUG_NET_WARN_ON_ONCE(fsk_post_busy(conn->post));
	return fsk_ops(conn)->unread ? fsk_ops(conn)->unread(conn, seq) : 0;
}

/*
 * Forget the next @n bytes, which are behind the queue; all that was queued is
 * read.  Socket lock held in either form.
 */
static inline void fsk_queue_pass(struct fsk_conn *conn, u32 n)
{
	struct tcp_sock *tp = tcp_sk(conn->sk);

	WRITE_ONCE(tp->copied_seq, tp->copied_seq + n);
	fsk_ops(conn)->consume(conn, n);
}

bool fsk_rx_grow_buffer(struct fsk_conn *conn);
void fsk_queue_consume(struct sock *sk, struct sk_buff *skb, u32 n);
bool __fsk_queue_copy(const struct sk_buff *skb, u32 off, struct iov_iter *to,
		      u32 n);
int fsk_queue_take(struct fsk_call *r, struct fsk_conn *conn);
void fsk_queue_skip(struct sock *sk);
void fsk_queue_process_urgent(struct fsk_conn *conn);

/*
 * Copy @n bytes from @off on of a queued skb, see __fsk_queue_copy(); mostly
 * all of them are in its linear part.  Return: false if that is not possible.
 */
static __always_inline bool fsk_queue_copy(const struct sk_buff *skb, u32 off,
					   struct iov_iter *to, u32 n)
{
	size_t got;

	if (unlikely(off + n > skb_headlen(skb)))
		return __fsk_queue_copy(skb, off, to, n);
	got = _copy_to_iter(skb->data + off, n, to);
	if (likely(got == n))
		return true;
	iov_iter_revert(to, got);
	return false;
}

#endif /* _FSK_QUEUE_H */
