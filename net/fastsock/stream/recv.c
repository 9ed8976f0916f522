// SPDX-License-Identifier: GPL-2.0
/*
 * recv(): takes what there is, and waits for more, if that is worth while with
 * the program's buffer posted, so that bytes are copied into it as they come.
 */

#include <linux/export.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>
#include <net/inet_common.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "base/place.h"
#include "base/stats.h"
#include "core/conn.h"
#include "core/transport.h"
#include "stream/call.h"
#include "stream/post.h"
#include "stream/queue.h"
#include "stream/recv.h"
#include "stream/spin.h"
#include "stream/urgent.h"
#include "stream/wait.h"

/*
 * Another thread took bytes while this one was waiting to peek at more: as with
 * TCP it begins anew.
 */
static void restart_peek(struct fsk_call *r)
{
	u32 seq = tcp_sk(r->sk)->copied_seq;

	if (likely(seq == r->peek_at))
		return;
	r->peek = r->peek_from;
	r->peek_at = seq;
}

/* Copying once more within the host is cheaper than a frame's copy. */
static u32 post_min(const struct fsk_conn *conn)
{
	const struct fsk_net *fn = fsk_net(sock_net(conn->sk));

	return conn->transport->within_host ? READ_ONCE(fn->host_post_min) :
					      READ_ONCE(fn->post_min);
}

/*
 * Is this call, and what lately came, worth pinning pages for?  Not if so much
 * comes in one piece: then a reader copies it for less.
 */
static bool worth_posting(const struct fsk_call *r, const struct fsk_conn *conn)
{
	size_t min = post_min(conn);

	return r->left >= min && conn->came < min &&
	       !(r->flags & (MSG_PEEK | MSG_TRUNC)) &&
	       user_backed_iter(&r->msg->msg_iter) && !conn->post &&
	       !fsk_queue_behind(conn, tcp_sk(r->sk)->copied_seq) &&
	       !tcp_sk(r->sk)->urg_data && !fsk_stamps(r->sk) &&
	       skb_queue_empty(&r->sk->sk_receive_queue) &&
	       !fsk_conn_opening(conn) &&
	       (r->target - r->copied >= min || conn->avg_recv >= min);
}

/* Post the program's buffer.  Return: NULL if it is not to be. */
static struct fsk_post *post(struct fsk_call *r, struct fsk_conn *conn)
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
static void unpost(struct fsk_call *r, struct fsk_post *post)
{
	size_t n = post->filled;

	fsk_post_unpin(post);
	iov_iter_advance(&r->msg->msg_iter, n);
	r->left -= n;
	r->copied += n;
}

/*
 * The other end's device may write to the buffer: see to it that it cannot any
 * more, and that all counts which it has said to have written.  The socket is
 * owned, and frames that come meanwhile wait in its backlog.
 */
static noinline void withdraw(struct fsk_call *r, struct fsk_post *post)
{
	fsk_place_withdraw(post->place);
	if (READ_ONCE(r->sk->sk_backlog.tail))
		sk_flush_backlog(r->sk);
	fsk_place_put(post->place);
	post->place = NULL;
}

/*
 * Wait once, with the buffer posted if that pays.  Return: 0, -EXDEV if the
 * socket was delegated meanwhile, another negative errno if disconnected.
 */
static int wait_once(struct fsk_call *r, struct fsk_conn *conn)
{
	struct fsk_post *mine;
	int err;

	fsk_ops(conn)->waits(conn);
	mine = post(r, conn);
	if (mine && fsk_ops(conn)->posted)
		fsk_ops(conn)->posted(conn);
	err = fsk_wait_data(r, conn, mine);
	if (mine && unlikely(mine->place))
		withdraw(r, mine);
	if (mine)
		fsk_post_settle(mine);
	if (!err && (!fsk_is_conn(r->sk) || fsk_conn(r->sk) != conn))
		err = -EXDEV;
	if (!err && mine)
		conn->post = NULL;
	if (mine)
		unpost(r, mine);
	return err;
}

/**
 * fsk_recv_may_wait - can a call wait without having locked the socket?
 * @sk: socket, connecting or connected, with nothing to read
 * @left: bytes that the call may return
 * @target: bytes that satisfy it
 *
 * That is, has it no buffer to post?  What is looked at here may change at any
 * time; who changes it wakes the waiting call.
 *
 * Context: process; the caller does not own the socket.
 */
bool fsk_recv_may_wait(struct sock *sk, size_t left, size_t target)
{
	const struct fsk_conn *conn;
	bool plain;
	u32 min;

	/* SIGIO must find out under the lock whether somebody waits. */
	if (sock_flag(sk, SOCK_FASYNC))
		return false;
	rcu_read_lock_sched();
	conn = fsk_conn_rcu(sk);
	min = conn ? post_min(conn) : 0;
	plain = conn && READ_ONCE(conn->phase) == FSK_PH_OPEN &&
		(left < min || READ_ONCE(conn->came) >= min ||
		 (target < min && READ_ONCE(conn->avg_recv) < min));
	rcu_read_unlock_sched();
	return plain;
}

/* Is there something that a receive of no bytes could have waited for? */
static bool unread(const struct sock *sk)
{
	return !skb_queue_empty(&sk->sk_receive_queue) ||
	       fsk_queue_behind(fsk_conn(sk), tcp_sk(sk)->copied_seq);
}

/* Return: 0 or a negative errno; -EXDEV if the socket was delegated. */
static int recv_locked(struct fsk_call *r)
{
	struct fsk_conn *conn = fsk_conn(r->sk);
	int err;

	for (;;) {
		if (unlikely(r->flags & MSG_PEEK))
			restart_peek(r);
		fsk_queue_settle(conn);
		err = fsk_queue_take(r, conn);
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
		err = fsk_wait_reason(r);
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
static void tell_more(struct fsk_call *r)
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
	struct fsk_call r = { .sk = sk, .msg = msg };
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
	struct fsk_call r = {
		.sk = sk, .msg = msg, .left = len, .flags = flags,
		.target = sock_rcvlowat(sk, flags & MSG_WAITALL, len),
		.timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT),
	};
	int disconnects = READ_ONCE(sk->sk_disconnects);
	struct fsk_conn *conn;
	int err;

	if (unlikely(flags & MSG_ERRQUEUE))
		return inet_recv_error(sk, msg, len, addr_len);
	if (unlikely(flags & MSG_OOB))
		return recv_urgent(sk, msg, len, flags, addr_len);

	if (r.timeo && len && fsk_wait_quiet(sk) &&
	    fsk_recv_may_wait(sk, r.left, r.target))
		r.timeo = unlikely(fsk_spin_wanted(sk)) ?
			  fsk_wait_spinning(sk, r.timeo) :
			  fsk_wait_unlocked(sk, r.timeo);

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
	r.peek_from = fsk_peek_offset(sk, flags);
	r.peek = r.peek_from;
	r.peek_at = tcp_sk(sk)->copied_seq;
	err = recv_locked(&r);
	if (likely(err != -EXDEV && fsk_is_conn(sk) && fsk_conn(sk) == conn)) {
		if (r.copied && !(flags & MSG_PEEK))
			fsk_call_done(conn, r.copied);
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
EXPORT_SYMBOL_NS_GPL(fsk_recvmsg, FASTSOCK);
