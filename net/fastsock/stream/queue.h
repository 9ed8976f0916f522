/* SPDX-License-Identifier: GPL-2.0 */
/* The receive queue of a socket, and how much it may hold. */
#ifndef _FSK_QUEUE_H
#define _FSK_QUEUE_H

#include <linux/skbuff.h>
#include <linux/types.h>
#include <net/sock.h>
#include <net/tcp.h>

struct fsk_conn;

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

bool fsk_rx_grow_buffer(struct fsk_conn *conn);

#endif /* _FSK_QUEUE_H */
