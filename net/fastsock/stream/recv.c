// SPDX-License-Identifier: GPL-2.0
/* recv(): from the queue, or through pages posted while the program waits. */

#include <linux/fs.h>
#include <linux/pipe_fs_i.h>
#include <linux/sched/signal.h>
#include <linux/splice.h>
#include <linux/uio.h>
#include <net/inet_common.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "base/stats.h"
#include "core/conn.h"
#include "core/transport.h"
#include "rel/rel.h"
#include "stream/post.h"
#include "stream/recv.h"
#include "stream/spin.h"
#include "stream/urgent.h"

#define FSK_SPLICE_PAGES	16

/**
 * struct recv - one call of recv
 * @sk: socket
 * @msg: where to
 * @left: bytes that still fit
 * @target: bytes that satisfy the call
 * @timeo: jiffies left to wait
 * @flags: MSG_*
 * @peek_at: the copied_seq that @peek counts from
 * @peek: with MSG_PEEK, bytes already passed
 * @peek_from: @peek at the beginning, SO_PEEK_OFF
 * @copied: bytes returned so far
 * @want: with a posted buffer, bytes in it that end the wait
 * @stamped: last skb read, if its time stamp is wanted; referenced
 */
struct recv {
	struct sock *sk;
	struct msghdr *msg;
	size_t left;
	size_t target;
	long timeo;
	int flags;
	u32 peek_at;
	u32 peek;
	u32 peek_from;
	size_t copied;
	size_t want;
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

/*
 * Nobody fills a buffer that another thread has posted, and nobody begins to
 * while this one owns the socket: such a writer moves the numbers of the ring
 * without a lock.  To be called whenever the socket was locked (again) before
 * the ring is looked at.
 *
 * Context: process, may sleep; the caller owns the socket.
 */
static void settle(const struct fsk_conn *conn)
{
	if (unlikely(conn->post))
		fsk_post_settle(conn->post);
}

/*
 * Bytes from @seq on that are not queued but with the transport.  The caller
 * owns the socket, and settle() comes before.
 */
static u32 behind(const struct fsk_conn *conn, u32 seq)
{
	DEBUG_NET_WARN_ON_ONCE(fsk_post_busy(conn->post));
	return fsk_ops(conn)->unread ? fsk_ops(conn)->unread(conn, seq) : 0;
}

/* They follow what is queued, all of which was read.  The program's socket. */
static void consume_behind(struct fsk_conn *conn, u32 n)
{
	struct tcp_sock *tp = tcp_sk(conn->sk);

	WRITE_ONCE(tp->copied_seq, tp->copied_seq + n);
	fsk_ops(conn)->consume(conn, n);
}

/**
 * fsk_recv_skip - pass over the next unread byte
 * @sk: connected socket
 *
 * Context: socket lock held in either form.
 */
void fsk_recv_skip(struct sock *sk)
{
	const struct fsk_transport_ops *ops;
	struct fsk_conn *conn;
	struct sk_buff *skb;

	skb_queue_walk(&sk->sk_receive_queue, skb)
		if (fsk_before(tcp_sk(sk)->copied_seq,
			       TCP_SKB_CB(skb)->end_seq)) {
			consume(sk, skb, 1);
			return;
		}
	conn = fsk_conn(sk);
	ops = fsk_ops(conn);
	if (ops->unread && ops->unread(conn, tcp_sk(sk)->copied_seq))
		consume_behind(conn, 1);
}

/* The number of the byte that the call has got to. */
static u32 position(const struct recv *r)
{
	return tcp_sk(r->sk)->copied_seq + r->peek;
}

/*
 * Another thread took bytes while this one was waiting to peek at more: as with
 * TCP it begins anew.
 */
static void look_again(struct recv *r)
{
	u32 seq = tcp_sk(r->sk)->copied_seq;

	if (likely(seq == r->peek_at))
		return;
	r->peek = r->peek_from;
	r->peek_at = seq;
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

/* Bytes that are not queued have no skb that could carry their time stamp. */
static void stamp(struct recv *r, const struct fsk_conn *conn)
{
	kfree_skb(r->stamped);
	r->stamped = alloc_skb(0, GFP_KERNEL);
	if (r->stamped)
		r->stamped->tstamp = fsk_ops(conn)->stamp(conn);
}

static void advance_behind(struct recv *r, struct fsk_conn *conn, u32 n)
{
	if (unlikely(fsk_stamps(r->sk)))
		stamp(r, conn);
	if (r->flags & MSG_PEEK) {
		r->peek += n;
		return;
	}
	consume_behind(conn, n);
	if (unlikely(tcp_sk(r->sk)->urg_data))
		fsk_urgent_passed(r->sk);
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

/* Copy some of @unread bytes, to the urgent byte at most; 0 or -EFAULT. */
static int copy_behind(struct recv *r, struct fsk_conn *conn, u32 unread)
{
	struct tcp_sock *tp = tcp_sk(r->sk);
	u32 n = min_t(size_t, unread, r->left);
	u32 ahead;

	if (unlikely(tp->urg_data)) {
		ahead = tp->urg_seq - position(r);
		if (!ahead && !sock_flag(r->sk, SOCK_URGINLINE)) {
			advance_behind(r, conn, 1);
			return 0;
		}
		if (ahead)
			n = min(n, ahead);
	}
	if (likely(!(r->flags & MSG_TRUNC))) {
		n = fsk_ops(conn)->read(conn, position(r), &r->msg->msg_iter,
					n);
		if (unlikely(!n))
			return -EFAULT;
	}
	r->left -= n;
	r->copied += n;
	advance_behind(r, conn, n);
	return 0;
}

/* Learn now of urgent data that was announced to the socket's owner. */
static noinline void heed(struct fsk_conn *conn)
{
	rcu_read_lock();
	spin_lock_bh(&conn->sk->sk_lock.slock);
	conn->deferred &= ~FSK_EV_URGENT;
	fsk_ops(conn)->event(conn, FSK_EV_URGENT);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
	rcu_read_unlock();
}

/* Take what the transport has behind the queue.  Return: as take_queue(). */
static int take_behind(struct recv *r, struct fsk_conn *conn)
{
	u32 unread;
	int err;

	while (r->left) {
		/* SO_PEEK_OFF may point beyond what there is. */
		unread = behind(conn, position(r));
		if (!unread)
			break;
		/* What came with these bytes and has to be known before. */
		if (unlikely(READ_ONCE(conn->deferred) & FSK_EV_URGENT))
			heed(conn);
		if (unlikely(tcp_sk(r->sk)->urg_data)) {
			err = mark_stops(r);
			if (err)
				return err;
		}
		err = copy_behind(r, conn, unread);
		if (unlikely(err))
			return err;
	}
	return 0;
}

/* Copying once more within the host is cheaper than a frame's copy. */
static u32 post_min(const struct fsk_conn *conn)
{
	const struct fsk_net *fn = fsk_net(sock_net(conn->sk));

	return conn->transport->within_host ? READ_ONCE(fn->host_post_min) :
					      READ_ONCE(fn->post_min);
}

/* Is this call, and what lately came, worth pinning pages for? */
static bool worth_posting(const struct recv *r, const struct fsk_conn *conn)
{
	size_t min = post_min(conn);

	return r->left >= min &&
	       !(r->flags & (MSG_PEEK | MSG_TRUNC)) &&
	       user_backed_iter(&r->msg->msg_iter) && !conn->post &&
	       !behind(conn, tcp_sk(r->sk)->copied_seq) &&
	       !tcp_sk(r->sk)->urg_data && !fsk_stamps(r->sk) &&
	       skb_queue_empty(&r->sk->sk_receive_queue) &&
	       !fsk_conn_opening(conn) &&
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

/*
 * With or without the socket lock: then another thread may disconnect the
 * socket, and the connection stays for as long as it is found there.
 */
static bool more_behind(const struct recv *r, const struct fsk_conn *conn)
{
	bool more;

	rcu_read_lock();
	/* Another one may have got its memory meanwhile, and its place. */
	more = fsk_conn_rcu(r->sk) != conn || !fsk_ops(conn)->unread ||
	       fsk_ops(conn)->unread(conn, position(r));
	rcu_read_unlock();
	return more;
}

/* @conn: NULL if all bytes are queued */
static bool wait_over(const struct recv *r, const struct sk_buff *last,
		      const struct fsk_conn *conn, const struct fsk_post *post)
{
	return skb_peek_tail(&r->sk->sk_receive_queue) != last ||
	       (conn && more_behind(r, conn)) ||
	       (post && READ_ONCE(post->filled) >= r->want);
}

/*
 * Spin, with the socket unlocked, before wait_data() sleeps.  Return: 1 if
 * something happened, 0 if not, negative if it was disconnected.
 */
static int spin_data(struct recv *r, struct fsk_spin *spin)
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

/* Sleep until something happened; the socket is unlocked meanwhile.  Return:
 * negative if it was disconnected.
 */
static int wait_data(struct recv *r, const struct fsk_conn *conn,
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
		err = spin_data(r, &spin);
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

/* The program made room: tell the peer. */
static void made_room(struct fsk_conn *conn, size_t copied)
{
	conn->avg_recv = conn->avg_recv - conn->avg_recv / 4 + copied / 4;
	fsk_ops(conn)->read_done(conn);
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
	struct fsk_conn *conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;
	bool (*queue)(struct fsk_conn *conn);
	int copied, n;

	queue = conn ? fsk_ops(conn)->queue : NULL;
	if (queue)
		queue(conn);
	copied = inet_stream_ops.read_sock(sk, desc, actor);
	while (queue && copied > 0 && desc->count && queue(conn)) {
		n = inet_stream_ops.read_sock(sk, desc, actor);
		if (n <= 0)
			break;
		copied += n;
	}
	if (copied > 0 && fsk_is_conn(sk) && fsk_conn(sk))
		made_room(fsk_conn(sk), copied);
	return copied;
}

/* Wait once, with the buffer posted if that pays.  Return: 0, -EXDEV if the
 * socket was delegated meanwhile, another negative errno if disconnected.
 */
static int wait_once(struct recv *r, struct fsk_conn *conn)
{
	struct fsk_post *mine;
	int err;

	fsk_ops(conn)->waits(conn);
	mine = post(r, conn);
	err = wait_data(r, conn, mine);
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

static void splice_page_put(struct splice_pipe_desc *spd, unsigned int i)
{
	put_page(spd->pages[i]);
}

/* So many bytes there are, and kernel memory does not fault. */
static void copy_to_page(const struct fsk_conn *conn, u32 seq,
			 struct page *page, u32 len)
{
	struct kvec vec = { .iov_base = page_address(page), .iov_len = len };
	struct iov_iter to;
	size_t n;

	iov_iter_kvec(&to, ITER_DEST, &vec, 1, len);
	while (len) {
		n = fsk_ops(conn)->read(conn, seq, &to, len);
		seq += n;
		len -= n;
	}
}

/* One round of splicing.  Return: bytes, 0 if there are none, or an errno. */
static ssize_t splice_stretch(struct fsk_conn *conn,
			      struct pipe_inode_info *pipe, size_t len)
{
	struct partial_page partial[FSK_SPLICE_PAGES];
	struct page *pages[FSK_SPLICE_PAGES];
	struct splice_pipe_desc spd = {
		.pages = pages,
		.partial = partial,
		.nr_pages_max = FSK_SPLICE_PAGES,
		.ops = &nosteal_pipe_buf_ops,
		.spd_release = splice_page_put,
	};
	const struct tcp_sock *tp = tcp_sk(conn->sk);
	u32 n, off = 0, unread = 0;
	ssize_t ret;

	/* A kernel user may have had bytes queued while we waited. */
	if (likely(skb_queue_empty(&conn->sk->sk_receive_queue)))
		unread = behind(conn, tp->copied_seq);
	if (unlikely(tp->urg_data))
		unread = min(unread, tp->urg_seq - tp->copied_seq);
	len = min_t(size_t, len, unread);
	while (off < len && spd.nr_pages < FSK_SPLICE_PAGES) {
		pages[spd.nr_pages] = alloc_page(GFP_KERNEL);
		if (!pages[spd.nr_pages])
			break;
		n = min_t(u32, len - off, PAGE_SIZE);
		copy_to_page(conn, tp->copied_seq + off,
			     pages[spd.nr_pages], n);
		partial[spd.nr_pages].offset = 0;
		partial[spd.nr_pages].len = n;
		spd.nr_pages++;
		off += n;
	}
	if (!off)
		return len ? -ENOMEM : 0;
	ret = splice_to_pipe(pipe, &spd);
	if (ret > 0)
		consume_behind(conn, ret);
	return ret;
}

/*
 * Urgent data stops splice(), but does not keep it waiting.  Other bytes may
 * have come since splice_stretch() found none: they are for the next round.
 */
static bool urgent_is_next(const struct fsk_conn *conn)
{
	const struct tcp_sock *tp = tcp_sk(conn->sk);

	return unlikely(tp->urg_data) && tp->urg_seq == tp->copied_seq &&
	       behind(conn, tp->copied_seq);
}

/* As TCP's splice_read; the caller owns the socket, whose queue is empty. */
static ssize_t splice_behind(struct socket *sock, struct pipe_inode_info *pipe,
			     size_t len)
{
	struct sock *sk = sock->sk;
	struct recv r = {
		.sk = sk, .left = len,
		.timeo = sock_rcvtimeo(sk, sock->file->f_flags & O_NONBLOCK),
	};
	struct fsk_conn *conn = fsk_conn(sk);
	ssize_t ret;

	while (r.left) {
		settle(conn);
		if (unlikely(READ_ONCE(conn->deferred) & FSK_EV_URGENT))
			heed(conn);
		ret = splice_stretch(conn, pipe, r.left);
		if (ret > 0) {
			r.left -= ret;
			r.copied += ret;
			continue;
		}
		if (ret < 0 || r.copied)
			break;
		ret = stop_reason(&r);
		if (ret <= 0 || urgent_is_next(conn))
			break;
		ret = wait_data(&r, conn, NULL);
		if (!ret && (!fsk_is_conn(sk) || fsk_conn(sk) != conn))
			ret = -ENOTCONN;
		if (ret)
			break;
	}
	return r.copied ?: min_t(ssize_t, ret, 0);
}

/*
 * Only a connection shows whether bytes will come in a ring.  Return: 0, or why
 * there is none.
 */
static int await_connection(struct socket *sock)
{
	struct sock *sk = sock->sk;
	long timeo = sock_rcvtimeo(sk, sock->file->f_flags & O_NONBLOCK);

	if (!fsk_is_conn(sk) || !fsk_conn(sk) ||
	    !fsk_conn_opening(fsk_conn(sk)))
		return 0;
	return sk_stream_wait_connect(sk, &timeo);
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
	struct fsk_conn *conn;
	ssize_t copied;
	bool ours;
	int err;

	lock_sock(sk);
	err = await_connection(sock);
	if (err) {
		release_sock(sk);
		return err;
	}
	conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;
	ours = conn && fsk_ops(conn)->unread &&
	       skb_queue_empty(&sk->sk_receive_queue);
	if (ours)
		copied = *ppos ? -ESPIPE :
			 splice_behind(sock, pipe, len);
	release_sock(sk);
	if (!ours)
		copied = inet_stream_ops.splice_read(sock, ppos, pipe, len,
						     flags);
	if (copied > 0) {
		lock_sock(sk);
		if (fsk_is_conn(sk) && fsk_conn(sk))
			made_room(fsk_conn(sk), copied);
		release_sock(sk);
	}
	return copied;
}

static bool quiet(const struct sock *sk)
{
	return fsk_recv_quiet(sk) && !READ_ONCE(sk->sk_backlog.tail);
}

/*
 * Nothing to read and no reason to look closer: waiting needs no lock, and the
 * one that reading takes comes when there is something.  All of it may change
 * at once; whoever changes it wakes us.
 */
static bool idle(const struct recv *r, struct sock *sk)
{
	const struct fsk_conn *conn;
	bool plain;
	u32 min;

	/* SIGIO must find out under the lock whether somebody waits. */
	if (!quiet(sk) || sock_flag(sk, SOCK_FASYNC))
		return false;
	rcu_read_lock_sched();
	conn = fsk_conn_rcu(sk);
	min = conn ? post_min(conn) : 0;
	plain = conn && READ_ONCE(conn->phase) == FSK_PH_OPEN &&
		(r->left < min || (r->target < min &&
				   READ_ONCE(conn->avg_recv) < min));
	rcu_read_unlock_sched();
	return plain;
}

static __always_inline void wait_unlocked(struct recv *r, struct sock *sk)
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

static noinline void spin_unlocked(struct recv *r, struct sock *sk)
{
	struct fsk_spin spin = {};

	if ((fsk_spin_begin(&spin, sk) &&
	     fsk_spin_wait(&spin, sk, &r->timeo)) || !r->timeo)
		return;
	wait_unlocked(r, sk);
	fsk_spin_slept(&spin, sk);
}

/* Is there something that a receive of no bytes could have waited for? */
static bool unread(const struct sock *sk)
{
	return !skb_queue_empty(&sk->sk_receive_queue) ||
	       behind(fsk_conn(sk), tcp_sk(sk)->copied_seq);
}

/* Return: 0 or a negative errno; -EXDEV if the socket was delegated. */
static int recv_locked(struct recv *r)
{
	struct fsk_conn *conn = fsk_conn(r->sk);
	int err;

	for (;;) {
		if (unlikely(r->flags & MSG_PEEK))
			look_again(r);
		settle(conn);
		err = take_queue(r);
		if (fsk_ops(conn)->unread && likely(!err))
			err = take_behind(r, conn);
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
	struct recv r = {
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

	if (r.timeo && len && idle(&r, sk)) {
		if (unlikely(fsk_spin_wanted(sk)))
			spin_unlocked(&r, sk);
		else
			wait_unlocked(&r, sk);
	}

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
