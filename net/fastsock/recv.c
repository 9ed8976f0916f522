// SPDX-License-Identifier: GPL-2.0
/* recv(): from the queue, or through pages posted while the program waits. */

#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>
#include <net/inet_common.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "compat.h"
#include "conn.h"
#include "post.h"

/**
 * struct recv - one call of recv
 * @sk: socket
 * @msg: where to
 * @left: bytes that still fit
 * @copied: bytes returned so far
 * @target: bytes that satisfy the call
 * @peek: with MSG_PEEK, bytes already passed
 * @want: with a posted buffer, bytes in it that end the wait
 * @timeo: jiffies left to wait
 * @flags: MSG_*
 * @stamped: last skb read, if its time stamp is wanted; referenced
 */
struct recv {
	struct sock *sk;
	struct msghdr *msg;
	size_t left;
	size_t copied;
	size_t target;
	size_t want;
	u32 peek;
	long timeo;
	int flags;
	struct sk_buff *stamped;
};

static void consume(struct sock *sk, struct sk_buff *skb, u32 n)
{
	struct tcp_sock *tp = tcp_sk(sk);

	WRITE_ONCE(tp->copied_seq, tp->copied_seq + n);
	if (fsk_before(tp->copied_seq, TCP_SKB_CB(skb)->end_seq))
		return;
	__skb_unlink(skb, &sk->sk_receive_queue);
	consume_skb(skb);
}

/**
 * fsk_recv_skip - pass over the next unread byte
 * @sk: connected socket
 *
 * Context: socket lock held in either form.
 */
void fsk_recv_skip(struct sock *sk)
{
	struct sk_buff *skb;

	skb_queue_walk(&sk->sk_receive_queue, skb)
		if (fsk_before(tcp_sk(sk)->copied_seq,
			       TCP_SKB_CB(skb)->end_seq)) {
			consume(sk, skb, 1);
			return;
		}
}

/* The number of the byte that the call has got to. */
static u32 position(const struct recv *r)
{
	return tcp_sk(r->sk)->copied_seq + r->peek;
}

/* Does the call end before the urgent byte?  1, 0, or a negative errno. */
static int mark_stops(const struct recv *r)
{
	if (position(r) != tcp_sk(r->sk)->urg_seq)
		return 0;
	if (r->copied)
		return 1;
	if (signal_pending(current))
		return r->timeo ? sock_intr_errno(r->timeo) : -EAGAIN;
	return 0;
}

static void advance(struct recv *r, struct sk_buff *skb, u32 n)
{
	struct sock *sk = r->sk;

	if (unlikely(fsk_stamps(sk))) {
		kfree_skb(r->stamped);
		r->stamped = skb_get(skb);
	}
	if (r->flags & MSG_PEEK) {
		r->peek += n;
		return;
	}
	consume(sk, skb, n);
	if (unlikely(tcp_sk(sk)->urg_data))
		fsk_urgent_passed(sk);
}

/* Copy from one queued skb as far as the urgent byte; 0 or -EFAULT. */
static int copy_one(struct recv *r, struct sk_buff *skb)
{
	u32 off = position(r) - TCP_SKB_CB(skb)->seq;
	u32 n = min_t(size_t, skb->len - off, r->left);
	u32 ahead;

	if (unlikely(tcp_sk(r->sk)->urg_data)) {
		ahead = tcp_sk(r->sk)->urg_seq - position(r);
		if (!ahead && !sock_flag(r->sk, SOCK_URGINLINE)) {
			advance(r, skb, 1);
			return 0;
		}
		if (ahead)
			n = min(n, ahead);
	}
	if (!(r->flags & MSG_TRUNC) &&
	    skb_copy_datagram_msg(skb, off, r->msg, n))
		return -EFAULT;
	r->left -= n;
	r->copied += n;
	advance(r, skb, n);
	return 0;
}

/*
 * Take what is queued.  Return: 0, 1 if the call ends at the mark of urgent
 * data, or a negative errno; with r->copied so far.
 */
static int take_queue(struct recv *r)
{
	struct sk_buff *skb, *next;
	u32 end;
	int err;

	skb_queue_walk_safe(&r->sk->sk_receive_queue, skb, next) {
		end = TCP_SKB_CB(skb)->end_seq;
		while (r->left && fsk_before(position(r), end)) {
			if (unlikely(tcp_sk(r->sk)->urg_data)) {
				err = mark_stops(r);
				if (err)
					return err;
			}
			err = copy_one(r, skb);
			if (unlikely(err))
				return err;
		}
		if (!r->left)
			break;
	}
	return 0;
}

/* Is this call, and what lately came, worth pinning pages for? */
static bool worth_posting(const struct recv *r, const struct fsk_conn *conn)
{
	size_t min = READ_ONCE(fsk_net(sock_net(r->sk))->post_min);

	return r->left >= min &&
	       !(r->flags & (MSG_PEEK | MSG_TRUNC)) &&
	       user_backed_iter(&r->msg->msg_iter) && !conn->post &&
	       !tcp_sk(r->sk)->urg_data && !fsk_stamps(r->sk) &&
	       skb_queue_empty(&r->sk->sk_receive_queue) &&
	       conn->phase != FSK_PH_SYN_SENT &&
	       conn->phase != FSK_PH_FALLBACK &&
	       (r->target - r->copied >= min || conn->avg_recv >= min);
}

/* Post the program's buffer.  Return: NULL if it is not to be. */
static struct fsk_post *post(struct recv *r, struct fsk_conn *conn)
{
	struct fsk_post *post;
	size_t expect;

	if (!worth_posting(r, conn))
		return NULL;
	/* Pinning costs by the page: no more than is likely to come. */
	expect = max_t(size_t, r->target - r->copied, 2 * conn->avg_recv);
	post = fsk_post_pin(&r->msg->msg_iter, min(r->left, expect));
	if (IS_ERR(post)) {
		fsk_stat_inc(sock_net(r->sk), FSK_MIB_POST_REFUSED);
		return NULL;	/* copying finds out what is wrong with it */
	}
	r->want = clamp_t(size_t, r->target - r->copied, 1, post->len);
	conn->post_want = r->want;
	conn->post = post;
	return post;
}

/* Account for what came into the buffer; nothing writes to it any more. */
static void unpost(struct recv *r, struct fsk_post *post)
{
	size_t n = post->filled;

	fsk_post_unpin(post);
	iov_iter_advance(&r->msg->msg_iter, n);
	r->left -= n;
	r->copied += n;
}

static bool wait_over(const struct recv *r, const struct sk_buff *last,
		      const struct fsk_post *post)
{
	return skb_peek_tail(&r->sk->sk_receive_queue) != last ||
	       (post && READ_ONCE(post->filled) >= r->want);
}

/* Sleep until something happened; the socket is unlocked meanwhile.  Return:
 * negative if it was disconnected.
 */
static int wait_data(struct recv *r, const struct fsk_post *post)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	struct sk_buff *last = skb_peek_tail(&r->sk->sk_receive_queue);
	struct sock *sk = r->sk;
	int err;

	add_wait_queue(sk_sleep(sk), &wait);
	sk_set_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	err = sk_wait_event(sk, &r->timeo, wait_over(r, last, post), &wait);
	sk_clear_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	remove_wait_queue(sk_sleep(sk), &wait);
	return min(err, 0);
}

/* Why the call ends now: 1 to go on, else its result if nothing was copied. */
static int stop_reason(const struct recv *r)
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

/* The program made room: grow the buffer it keeps up with, tell the peer. */
static void made_room(struct fsk_conn *conn, size_t copied)
{
	struct sock *sk = conn->sk;
	int max = READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_rmem[2]);
	int rcvbuf = READ_ONCE(sk->sk_rcvbuf);
	u32 window = conn->rx.wnd_end - conn->rx.nxt;

	conn->avg_recv = conn->avg_recv - conn->avg_recv / 4 + copied / 4;
	if (likely(window >= rcvbuf / 4) || conn->phase == FSK_PH_DEAD)
		return;
	if (!(sk->sk_userlocks & SOCK_RCVBUF_LOCK) && rcvbuf < max &&
	    skb_queue_empty(&sk->sk_receive_queue) &&
	    !tcp_under_memory_pressure(sk) &&
	    tcp_sk(sk)->copied_seq - conn->tuned_seq >= rcvbuf / 2) {
		conn->tuned_seq = tcp_sk(sk)->copied_seq;
		rcvbuf = min_t(u32, 2U * rcvbuf, max);
		WRITE_ONCE(sk->sk_rcvbuf, rcvbuf);
	}
	if (fsk_rx_space(sk) >= window + min_t(u32, 2 * conn->rx.mss,
					       rcvbuf / 4) &&
	    !(sk->sk_shutdown & RCV_SHUTDOWN))
		fsk_tx_ack(conn);
}

/**
 * fsk_read_sock - struct proto_ops.read_sock: TCP's, and the peer hears of it
 * @sk: socket
 * @desc: the reader's state
 * @actor: the reader
 *
 * Context: the caller owns @sk.
 * Return: as TCP's.
 */
int fsk_read_sock(struct sock *sk, read_descriptor_t *desc,
		  sk_read_actor_t actor)
{
	int copied = inet_stream_ops.read_sock(sk, desc, actor);

	if (copied > 0 && fsk_is_conn(sk) && fsk_conn(sk))
		made_room(fsk_conn(sk), copied);
	return copied;
}

/**
 * fsk_splice_read - struct proto_ops.splice_read: likewise
 * @sock: socket
 * @ppos: offset, which a socket has not
 * @pipe: where to
 * @len: bytes wanted
 * @flags: SPLICE_F_*
 *
 * Context: process, may sleep.
 * Return: as TCP's.
 */
ssize_t fsk_splice_read(struct socket *sock, loff_t *ppos,
			struct pipe_inode_info *pipe, size_t len,
			unsigned int flags)
{
	struct sock *sk = sock->sk;
	ssize_t copied;

	__module_get(THIS_MODULE);
	copied = inet_stream_ops.splice_read(sock, ppos, pipe, len, flags);
	if (copied > 0) {
		lock_sock(sk);
		if (fsk_is_conn(sk) && fsk_conn(sk))
			made_room(fsk_conn(sk), copied);
		release_sock(sk);
	}
	module_put(THIS_MODULE);
	return copied;
}

/* Wait once, with the buffer posted if that pays.  Return: 0, -EXDEV if the
 * socket was delegated meanwhile, another negative errno if disconnected.
 */
static int wait_once(struct recv *r, struct fsk_conn *conn)
{
	struct fsk_post *mine;
	int err;

	if (conn->phase == FSK_PH_CONFIRMING && !conn->confirm_sent)
		fsk_tx_confirm(conn, fsk_now());
	mine = post(r, conn);
	err = wait_data(r, mine);
	if (!err && (!fsk_is_conn(r->sk) || fsk_conn(r->sk) != conn))
		err = -EXDEV;
	if (!err && mine)
		conn->post = NULL;
	if (mine)
		unpost(r, mine);
	return err;
}

static bool quiet(const struct sock *sk)
{
	return skb_queue_empty_lockless(&sk->sk_receive_queue) &&
	       !READ_ONCE(sk->sk_backlog.tail) && !READ_ONCE(sk->sk_err) &&
	       !(READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN) &&
	       READ_ONCE(sk->sk_state) == TCP_ESTABLISHED;
}

/*
 * Nothing to read and no reason to look closer: waiting needs no lock, and the
 * one that reading takes comes when there is something.  All of it may change
 * at once; whoever changes it wakes us.
 */
static bool idle(const struct recv *r, struct sock *sk)
{
	u32 min = READ_ONCE(fsk_net(sock_net(sk))->post_min);
	const struct fsk_conn *conn;
	bool plain;

	/* SIGIO must find out under the lock whether somebody waits. */
	if (!quiet(sk) || sock_flag(sk, SOCK_FASYNC))
		return false;
	rcu_read_lock();
	conn = rcu_dereference(inet_csk(sk)->icsk_ulp_data);
	plain = conn && READ_ONCE(conn->phase) == FSK_PH_OPEN &&
		(r->left < min || (r->target < min &&
				   READ_ONCE(conn->avg_recv) < min));
	rcu_read_unlock();
	return plain;
}

static void wait_unlocked(struct recv *r, struct sock *sk)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);

	add_wait_queue(sk_sleep(sk), &wait);
	sk_set_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	smp_mb();	/* pairs with skwq_has_sleeper() in sk_data_ready */
	if (quiet(sk))
		r->timeo = wait_woken(&wait, TASK_INTERRUPTIBLE, r->timeo);
	sk_clear_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	remove_wait_queue(sk_sleep(sk), &wait);
}

/* Is there something that a receive of no bytes could have waited for? */
static bool unread(const struct sock *sk)
{
	return !skb_queue_empty(&sk->sk_receive_queue);
}

/* Return: 0 or a negative errno; -EXDEV if the socket was delegated. */
static int recv_locked(struct recv *r)
{
	struct fsk_conn *conn = fsk_conn(r->sk);
	int err;

	for (;;) {
		err = take_queue(r);
		if (unlikely(err)) {
			err = min(err, 0);
			break;
		}
		if (!r->left && (r->copied || unread(r->sk)))
			break;
		if (r->copied >= r->target) {
			if (!READ_ONCE(r->sk->sk_backlog.tail))
				break;
			sk_flush_backlog(r->sk);
			r->target = r->copied + 1;
			r->timeo = 0;
			continue;
		}
		err = stop_reason(r);
		if (err <= 0)
			break;
		err = wait_once(r, conn);
		/* A receive of no bytes waits for anything at all. */
		if (err || (!r->left && !r->copied))
			break;
	}
	return err;
}

/* What TCP_INQ tells: what waits, not 0 at the end of the stream. */
static int unread_hint(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return tp->rcv_nxt - tp->copied_seq ?: sock_flag(sk, SOCK_DONE);
}

/* A call succeeded: what it says beside the bytes. */
static void tell_more(struct recv *r)
{
	bool inq = tcp_sk(r->sk)->recvmsg_inq;
	struct msghdr *msg = r->msg;

	if (r->stamped && (r->stamped->tstamp ||
			   skb_hwtstamps(r->stamped)->hwtstamp))
		__sock_recv_timestamp(msg, r->sk, r->stamped);
	if (!inq && !msg->msg_get_inq)
		return;
	msg->msg_inq = unread_hint(r->sk);
	if (inq)
		put_cmsg(msg, SOL_TCP, TCP_CM_INQ, sizeof(msg->msg_inq),
			 &msg->msg_inq);
}

static int recv_urgent(struct sock *sk, struct msghdr *msg, size_t len,
		       int flags, int *addr_len)
{
	struct recv r = { .sk = sk, .msg = msg };
	int err;

	lock_sock(sk);
	if (!fsk_is_conn(sk) || !fsk_conn(sk)) {
		release_sock(sk);
		return READ_ONCE(sk->sk_prot)->recvmsg(sk, msg, len, flags,
						       addr_len);
	}
	err = fsk_urgent_recvmsg(sk, msg, len, flags);
	release_sock(sk);
	if (err >= 0)
		tell_more(&r);
	return err;
}

/**
 * fsk_recvmsg - struct proto.recvmsg
 * @sk: socket, connecting or connected
 * @msg: where to put the bytes
 * @len: bytes wanted
 * @flags: MSG_*
 * @addr_len: unused, a stream has no source address
 *
 * Context: process, may sleep.
 * Return: bytes or a negative errno, as TCP.
 */
int fsk_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags,
		int *addr_len)
{
	struct recv r = { .sk = sk, .msg = msg, .left = len, .flags = flags };
	int disconnects = READ_ONCE(sk->sk_disconnects);
	struct fsk_conn *conn;
	int err;

	if (unlikely(flags & MSG_ERRQUEUE))
		return inet_recv_error(sk, msg, len, addr_len);
	if (unlikely(flags & MSG_OOB))
		return recv_urgent(sk, msg, len, flags, addr_len);

	r.timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT);
	r.target = sock_rcvlowat(sk, flags & MSG_WAITALL, len);
	if (r.timeo && len && idle(&r, sk))
		wait_unlocked(&r, sk);

	lock_sock(sk);
	conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;
	if (unlikely(sk->sk_disconnects != disconnects)) {
		release_sock(sk);
		return -EPIPE;
	}
	if (unlikely(!conn)) {
		release_sock(sk);
		return READ_ONCE(sk->sk_prot)->recvmsg(sk, msg, len, flags,
						       addr_len);
	}
	r.peek = fsk_peek_offset(sk, flags);
	err = recv_locked(&r);
	if (likely(err != -EXDEV && fsk_is_conn(sk) && fsk_conn(sk) == conn)) {
		if (r.copied && !(flags & MSG_PEEK))
			made_room(conn, r.copied);
		fsk_peek_advance(sk, flags, r.copied);
	}
	release_sock(sk);
	if (unlikely(err == -EXDEV && !r.copied))
		return READ_ONCE(sk->sk_prot)->recvmsg(sk, msg, len, flags,
						       addr_len);
	err = r.copied ?: err;
	if (unlikely(r.stamped || tcp_sk(sk)->recvmsg_inq ||
		     msg->msg_get_inq)) {
		if (err >= 0)
			tell_more(&r);
		kfree_skb(r.stamped);
	}
	return err;
}
