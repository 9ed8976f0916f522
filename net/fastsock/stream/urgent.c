// SPDX-License-Identifier: GPL-2.0
/*
 * Urgent data: one byte that can be read before its turn, and a mark where it
 * stands in the stream.
 *
 * The state is kept in the tcp_sock, in TCP's own terms, so that poll(),
 * FIONREAD and SIOCATMARK are TCP's.
 */

#include <linux/export.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "core/conn.h"
#include "rel/seq.h"
#include "stream/queue.h"
#include "stream/urgent.h"

/**
 * fsk_urgent_announced - urgent data is on its way, or has come
 * @conn: connection
 * @seq: sequence number of the urgent byte, of which nothing was said before
 *	it was received
 *
 * Context: socket lock held in either form.
 */
void fsk_urgent_announced(struct fsk_conn *conn, u32 seq)
{
	struct sock *sk = conn->sk;
	struct tcp_sock *tp = tcp_sk(sk);

	/* Read already, or older than what is known. */
	if (fsk_before(seq, tp->copied_seq) ||
	    (tp->urg_data && !fsk_after(seq, tp->urg_seq)))
		return;
	sk_send_sigurg(sk);
	/* A reader that stands before the old urgent byte has had it. */
	if (tp->urg_data && tp->urg_seq == tp->copied_seq &&
	    !sock_flag(sk, SOCK_URGINLINE) && tp->copied_seq != tp->rcv_nxt)
		fsk_queue_skip(sk);
	WRITE_ONCE(tp->urg_data, TCP_URG_NOTYET);
	WRITE_ONCE(tp->urg_seq, seq);
}
EXPORT_SYMBOL_NS_GPL(fsk_urgent_announced, FASTSOCK);

/**
 * fsk_urgent_byte - the urgent byte is here
 * @conn: connection
 * @seq: its sequence number, which fsk_urgent_announced() has
 * @byte: it
 *
 * Context: socket lock held in either form, before the byte is delivered.
 */
void fsk_urgent_byte(struct fsk_conn *conn, u32 seq, u8 byte)
{
	struct tcp_sock *tp = tcp_sk(conn->sk);

	if (tp->urg_data != TCP_URG_NOTYET || tp->urg_seq != seq)
		return;
	WRITE_ONCE(tp->urg_data, TCP_URG_VALID | byte);
	if (!sock_flag(conn->sk, SOCK_DEAD))
		conn->sk->sk_data_ready(conn->sk);
}
EXPORT_SYMBOL_NS_GPL(fsk_urgent_byte, FASTSOCK);

/**
 * fsk_urgent_passed - the reader has moved on; is it beyond the mark?
 * @sk: socket whose copied_seq has moved
 *
 * Context: socket lock held in either form.
 */
void fsk_urgent_passed(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (fsk_after(tp->copied_seq, tp->urg_seq))
		WRITE_ONCE(tp->urg_data, 0);
}

/* Return: 1 or 0 bytes, or -EFAULT. */
static int take_byte(struct tcp_sock *tp, struct msghdr *msg, size_t len,
		     int flags)
{
	u8 byte = tp->urg_data;

	if (!(flags & MSG_PEEK))
		WRITE_ONCE(tp->urg_data, TCP_URG_READ);
	msg->msg_flags |= MSG_OOB;
	if (!len) {
		msg->msg_flags |= MSG_TRUNC;
		return 0;
	}
	if (!(flags & MSG_TRUNC) && memcpy_to_msg(msg, &byte, 1))
		return -EFAULT;
	return 1;
}

/**
 * fsk_urgent_recvmsg - recv with MSG_OOB
 * @sk: connected socket
 * @msg: where to put the byte
 * @len: bytes wanted
 * @flags: MSG_*
 *
 * Never waits.
 *
 * Context: process; the caller owns @sk.
 * Return: bytes or a negative errno, as TCP.
 */
int fsk_urgent_recvmsg(struct sock *sk, struct msghdr *msg, size_t len,
		       int flags)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (sock_flag(sk, SOCK_URGINLINE) || !tp->urg_data ||
	    tp->urg_data == TCP_URG_READ)
		return -EINVAL;
	if (sk->sk_state == TCP_CLOSE && !sock_flag(sk, SOCK_DONE))
		return -ENOTCONN;
	if (tp->urg_data & TCP_URG_VALID)
		return take_byte(tp, msg, len, flags);
	if (sk->sk_state == TCP_CLOSE || sk->sk_shutdown & RCV_SHUTDOWN)
		return 0;
	return -EAGAIN;
}
