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

#include "compat.h"
#include "conn.h"
#include "frames.h"
#include "loop.h"
#include "memory.h"
#include "pair.h"
#include "post.h"
#include "recv.h"
#include "rel.h"
#include "ring.h"
#include "rx.h"
#include "spin.h"
#include "stats.h"
#include "tx.h"
#include "urgent.h"

#define FSK_SPLICE_PAGES	16
#define FSK_QUEUE_MAX	SKB_WITH_OVERHEAD(16384)	/* bytes of one skb */

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

/* What the owner of the socket may read from its ring, after settle(). */
static u32 unread_in_ring(const struct fsk_memory *mem)
{
	DEBUG_NET_WARN_ON_ONCE(fsk_post_busy(mem->conn.post));
	return fsk_ring_unread(mem->in);
}

/* Likewise, for connections that may have no ring. */
static bool ring_has_bytes(const struct fsk_conn *conn)
{
	return fsk_in_memory(conn) && unread_in_ring(fsk_memory(conn));
}

/* What is in the ring follows what is queued.  The program's socket. */
static void consume_ring(struct sock *sk, struct fsk_ring *ring, u32 n)
{
	struct tcp_sock *tp = tcp_sk(sk);

	WRITE_ONCE(tp->copied_seq, tp->copied_seq + n);
	fsk_ring_take(ring, n);
}

/**
 * fsk_recv_skip - pass over the next unread byte
 * @sk: connected socket
 *
 * Context: socket lock held in either form.
 */
void fsk_recv_skip(struct sock *sk)
{
	struct fsk_conn *conn;
	struct fsk_ring *ring;
	struct sk_buff *skb;

	skb_queue_walk(&sk->sk_receive_queue, skb)
		if (fsk_before(tcp_sk(sk)->copied_seq,
			       TCP_SKB_CB(skb)->end_seq)) {
			consume(sk, skb, 1);
			return;
		}
	conn = fsk_conn(sk);
	if (!fsk_in_memory(conn))
		return;
	ring = fsk_memory(conn)->in;
	if (!fsk_ring_unread(ring))
		return;
	WRITE_ONCE(tcp_sk(sk)->copied_seq, tcp_sk(sk)->copied_seq + 1);
	fsk_ring_take(ring, 1);
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

/* Bytes in a ring have no skb that could carry their time stamp. */
static void stamp(struct recv *r, const struct fsk_ring *ring)
{
	kfree_skb(r->stamped);
	r->stamped = alloc_skb(0, GFP_KERNEL);
	if (r->stamped)
		r->stamped->tstamp = READ_ONCE(ring->stamp);
}

static void pass_ring(struct recv *r, struct fsk_ring *ring, u32 n)
{
	if (unlikely(fsk_stamps(r->sk)))
		stamp(r, ring);
	if (r->flags & MSG_PEEK) {
		r->peek += n;
		return;
	}
	consume_ring(r->sk, ring, n);
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

/* Copy from the ring as far as the urgent byte; 0 or -EFAULT. */
static int copy_stretch(struct recv *r, struct fsk_ring *ring, u32 unread)
{
	struct tcp_sock *tp = tcp_sk(r->sk);
	u32 n = min_t(size_t, unread, r->left);
	u32 ahead;

	if (unlikely(tp->urg_data)) {
		ahead = tp->urg_seq - position(r);
		if (!ahead && !sock_flag(r->sk, SOCK_URGINLINE)) {
			pass_ring(r, ring, 1);
			return 0;
		}
		if (ahead)
			n = min(n, ahead);
	}
	if (likely(!(r->flags & MSG_TRUNC))) {
		n = fsk_ring_read(ring, position(r) - ring->tail,
				  &r->msg->msg_iter, n);
		if (unlikely(!n))
			return -EFAULT;
	}
	r->left -= n;
	r->copied += n;
	pass_ring(r, ring, n);
	return 0;
}

/* Take what is in the ring.  Return: as take_queue(). */
static int take_ring(struct recv *r, struct fsk_memory *mem)
{
	struct fsk_ring *ring = mem->in;
	u32 unread;
	int err;

	while (r->left) {
		/* SO_PEEK_OFF may point beyond what there is. */
		unread = unread_in_ring(mem) - (position(r) - ring->tail);
		if ((s32)unread <= 0)
			break;
		/* What came with these bytes and has to be known before. */
		if (unlikely(READ_ONCE(mem->conn.deferred) & FSK_EV_URGENT))
			fsk_loop_heed(mem);
		if (unlikely(tcp_sk(r->sk)->urg_data)) {
			err = mark_stops(r);
			if (err)
				return err;
		}
		err = copy_stretch(r, ring, unread);
		if (unlikely(err))
			return err;
	}
	return 0;
}

/* Copying once more within the host is cheaper than a frame's copy. */
static u32 post_min(const struct fsk_conn *conn)
{
	const struct fsk_net *fn = fsk_net(sock_net(conn->sk));

	return fsk_in_memory(conn) ? READ_ONCE(fn->host_post_min) :
				     READ_ONCE(fn->post_min);
}

/* Is this call, and what lately came, worth pinning pages for? */
static bool worth_posting(const struct recv *r, const struct fsk_conn *conn)
{
	size_t min = post_min(conn);

	return r->left >= min &&
	       !(r->flags & (MSG_PEEK | MSG_TRUNC)) &&
	       user_backed_iter(&r->msg->msg_iter) && !conn->post &&
	       !ring_has_bytes(conn) &&
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

static bool wait_over(const struct recv *r, const struct sk_buff *last,
		      const struct fsk_ring *ring, u32 unread,
		      const struct fsk_post *post)
{
	return skb_peek_tail(&r->sk->sk_receive_queue) != last ||
	       (ring && (s32)(fsk_ring_unread(ring) - unread) > 0) ||
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
	const struct fsk_ring *ring = NULL;
	struct fsk_pair *pair = NULL;
	struct sock *sk = r->sk;
	u32 unread = 0;
	int err;

	if (fsk_in_memory(conn)) {
		ring = fsk_memory(conn)->in;
		pair = fsk_memory(conn)->pair;
		unread = position(r) - ring->tail;
	}
	if (unlikely(fsk_spin_wanted(sk))) {
		err = spin_data(r, &spin);
		if (err || wait_over(r, last, ring, unread, post))
			return min(err, 0);
	}
	/* The ring may not go, whoever disconnects meanwhile. */
	if (pair)
		fsk_pair_get(pair);
	add_wait_queue(sk_sleep(sk), &wait);
	sk_set_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	err = sk_wait_event(sk, &r->timeo,
			    wait_over(r, last, ring, unread, post), &wait);
	sk_clear_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	remove_wait_queue(sk_sleep(sk), &wait);
	if (pair)
		fsk_pair_put(pair);
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
	struct sock *sk = conn->sk;
	u32 window, rcvbuf = READ_ONCE(sk->sk_rcvbuf);
	struct fsk_frames *fr;

	conn->avg_recv = conn->avg_recv - conn->avg_recv / 4 + copied / 4;
	if (fsk_in_memory(conn)) {
		fsk_loop_read(fsk_memory(conn));
		return;
	}
	fr = fsk_frames(conn);
	window = fr->rx.wnd_end - fr->rx.nxt;
	if (likely(window >= rcvbuf / 4) || conn->phase == FSK_PH_DEAD)
		return;
	if (fsk_rx_space(sk) >= window + min_t(u32, 2 * fr->rx.mss,
					       rcvbuf / 4) &&
	    !(sk->sk_shutdown & RCV_SHUTDOWN)) {
		rcu_read_lock();
		fsk_tx_ack(fr);
		rcu_read_unlock();
	}
}

/*
 * Kernel users know sk_receive_queue alone: move bytes there that they can
 * read.  Return: false if there were none, or no memory.
 */
static bool queue_ring(struct sock *sk, struct fsk_ring *ring)
{
	const struct fsk_conn *conn = fsk_conn(sk);
	struct sk_buff *skb;
	u32 n;

	/* While a posted buffer is filled the ring is empty, and moves. */
	if (unlikely(fsk_post_busy(conn->post)))
		return false;
	n = min_t(u32, fsk_ring_unread(ring), FSK_QUEUE_MAX);
	skb = n ? alloc_skb(n, GFP_ATOMIC | __GFP_NOWARN) : NULL;
	if (!skb)
		return false;
	/* Who has read all gets on, memory or not: see make_room() in rx.c. */
	if (!sk_rmem_schedule(sk, skb, skb->truesize) &&
	    !skb_queue_empty(&sk->sk_receive_queue)) {
		kfree_skb(skb);
		return false;
	}
	skb_set_owner_r(skb, sk);
	fsk_ring_copy(ring, 0, __skb_put(skb, n), n);
	fsk_rx_queue(sk, skb, ring->tail);
	fsk_ring_take(ring, n);
	fsk_loop_count(fsk_memory(conn));
	return true;
}

/**
 * fsk_recv_fill - queue what is in a ring for a kernel user
 * @sk: socket of a connection in memory
 *
 * As far as the receive buffer goes.
 *
 * Context: socket lock held in either form.
 * Return: true if something was queued.
 */
bool fsk_recv_fill(struct sock *sk)
{
	const struct fsk_memory *mem = fsk_memory(fsk_conn(sk));
	struct fsk_ring *ring = mem->in;
	bool any = false;
	s64 used;

	do {
		/* What is in the ring, or was, counts already. */
		used = (s64)atomic_read(&sk->sk_rmem_alloc) -
		       READ_ONCE(mem->counted);
		if (used >= READ_ONCE(sk->sk_rcvbuf) || !queue_ring(sk, ring))
			return any;
		any = true;
	} while (1);
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
	struct fsk_ring *ring = NULL;
	int copied, n;

	if (conn && fsk_in_memory(conn))
		ring = fsk_memory(conn)->in;
	if (ring)
		queue_ring(sk, ring);
	copied = inet_stream_ops.read_sock(sk, desc, actor);
	while (ring && copied > 0 && desc->count && queue_ring(sk, ring)) {
		n = inet_stream_ops.read_sock(sk, desc, actor);
		if (n <= 0)
			break;
		copied += n;
	}
	if (copied > 0 && fsk_is_conn(sk) && fsk_conn(sk))
		made_room(fsk_conn(sk), copied);
	return copied;
}

/* Who waits for an answer has nothing more to say for now. */
static void confirm(struct fsk_frames *fr)
{
	if (fr->confirm_sent || fr->confirm_waits)
		return;
	rcu_read_lock();
	fsk_tx_confirm(fr, fsk_now());
	rcu_read_unlock();
}

/* Wait once, with the buffer posted if that pays.  Return: 0, -EXDEV if the
 * socket was delegated meanwhile, another negative errno if disconnected.
 */
static int wait_once(struct recv *r, struct fsk_conn *conn)
{
	struct fsk_post *mine;
	int err;

	if (conn->phase == FSK_PH_CONFIRMING)
		confirm(fsk_frames(conn));
	/* A call that waits for more must not keep the writer waiting. */
	if (fsk_in_memory(conn))
		fsk_loop_read(fsk_memory(conn));
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

/* One round of splicing.  Return: bytes, 0 if there are none, or an errno. */
static ssize_t splice_stretch(struct fsk_memory *mem,
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
	const struct tcp_sock *tp = tcp_sk(mem->conn.sk);
	u32 n, off = 0, unread = unread_in_ring(mem);
	struct fsk_ring *ring = mem->in;
	ssize_t ret;

	if (unlikely(tp->urg_data))
		unread = min(unread, tp->urg_seq - tp->copied_seq);
	len = min_t(size_t, len, unread);
	while (off < len && spd.nr_pages < FSK_SPLICE_PAGES) {
		pages[spd.nr_pages] = alloc_page(GFP_KERNEL);
		if (!pages[spd.nr_pages])
			break;
		n = min_t(u32, len - off, PAGE_SIZE);
		fsk_ring_copy(ring, off, page_address(pages[spd.nr_pages]), n);
		partial[spd.nr_pages].offset = 0;
		partial[spd.nr_pages].len = n;
		spd.nr_pages++;
		off += n;
	}
	if (!off)
		return len ? -ENOMEM : 0;
	ret = splice_to_pipe(pipe, &spd);
	if (ret > 0)
		consume_ring(mem->conn.sk, ring, ret);
	return ret;
}

/*
 * Urgent data stops splice(), but does not keep it waiting.  Other bytes may
 * have come since splice_stretch() found none: they are for the next round.
 */
static bool urgent_is_next(const struct fsk_memory *mem)
{
	const struct tcp_sock *tp = tcp_sk(mem->conn.sk);

	return unlikely(tp->urg_data) && tp->urg_seq == tp->copied_seq &&
	       unread_in_ring(mem);
}

/* As TCP's splice_read; the caller owns the socket, whose queue is empty. */
static ssize_t splice_ring(struct socket *sock, struct pipe_inode_info *pipe,
			   size_t len)
{
	struct sock *sk = sock->sk;
	struct recv r = {
		.sk = sk, .left = len,
		.timeo = sock_rcvtimeo(sk, sock->file->f_flags & O_NONBLOCK),
	};
	struct fsk_conn *conn = fsk_conn(sk);
	struct fsk_memory *mem = fsk_memory(conn);
	ssize_t ret;

	while (r.left) {
		settle(conn);
		if (unlikely(READ_ONCE(conn->deferred) & FSK_EV_URGENT))
			fsk_loop_heed(mem);
		ret = splice_stretch(mem, pipe, r.left);
		if (ret > 0) {
			r.left -= ret;
			r.copied += ret;
			continue;
		}
		if (ret < 0 || r.copied)
			break;
		ret = stop_reason(&r);
		if (ret <= 0 || urgent_is_next(mem))
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
	ssize_t copied;
	bool ring;
	int err;

	lock_sock(sk);
	err = await_connection(sock);
	if (err) {
		release_sock(sk);
		return err;
	}
	ring = fsk_is_conn(sk) && fsk_conn(sk) && fsk_in_memory(fsk_conn(sk)) &&
	       skb_queue_empty(&sk->sk_receive_queue);
	if (ring)
		copied = *ppos ? -ESPIPE :
			 splice_ring(sock, pipe, len);
	release_sock(sk);
	if (!ring)
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

/* No bytes, no end and no error to tell of; in memory that is all. */
static bool quiet_ring(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return READ_ONCE(tp->rcv_nxt) == READ_ONCE(tp->copied_seq) &&
	       !READ_ONCE(sk->sk_err) &&
	       !(READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN) &&
	       READ_ONCE(sk->sk_state) == TCP_ESTABLISHED;
}

static bool quiet(const struct sock *sk)
{
	return quiet_ring(sk) && !READ_ONCE(sk->sk_backlog.tail);
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
	const struct fsk_conn *conn = fsk_conn(sk);

	return !skb_queue_empty(&sk->sk_receive_queue) ||
	       ring_has_bytes(conn);
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
		if (fsk_in_memory(conn) && likely(!err))
			err = take_ring(r, fsk_memory(conn));
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

/*
 * wait_unlocked() for a ring.  TCP's sleepers wait for a flag of their own, not
 * to miss a wake-up before they sleep; here the state itself is looked at.
 */
static __always_inline void wait_ring(struct sock *sk)
{
	DEFINE_WAIT(wait);

	prepare_to_wait(sk_sleep(sk), &wait, TASK_INTERRUPTIBLE);
	if (quiet_ring(sk) && !signal_pending(current))
		schedule();
	finish_wait(sk_sleep(sk), &wait);
}

static noinline void spin_ring(struct sock *sk)
{
	long timeo = MAX_SCHEDULE_TIMEOUT;
	struct fsk_spin spin = {};

	if (fsk_spin_begin(&spin, sk) && fsk_spin_wait(&spin, sk, &timeo))
		return;
	wait_ring(sk);
	fsk_spin_slept(&spin, sk);
}

/* Is there nothing but bytes in a ring to take, and no time stamps? */
static bool plain_ring(const struct sock *sk)
{
	return skb_queue_empty(&sk->sk_receive_queue) &&
	       !tcp_sk(sk)->urg_data && !fsk_stamps(sk) &&
	       !tcp_sk(sk)->recvmsg_inq && READ_ONCE(sk->sk_peek_off) < 0;
}

/**
 * fsk_recv_ring - recv() in the ordinary case, and only then
 * @sk: connected socket
 * @msg: where to put the bytes
 * @len: bytes wanted
 * @flags: MSG_*
 *
 * The bytes are in a ring, or it is worth waiting once for them.
 *
 * Context: process, may sleep.
 * Return: bytes, 0 if fsk_recvmsg() is to do it, or -EPIPE if the socket was
 * disconnected meanwhile.
 */
int fsk_recv_ring(struct sock *sk, struct msghdr *msg, size_t len, int flags)
{
	int disconnects = READ_ONCE(sk->sk_disconnects);
	struct fsk_memory *mem;
	struct fsk_conn *conn;
	size_t n, done = 0;
	u32 unread;

	if (unlikely(flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL) ||
		     msg->msg_get_inq || !len))
		return 0;
	if (quiet_ring(sk)) {
		if (flags & MSG_DONTWAIT || sock_flag(sk, SOCK_FASYNC) ||
		    READ_ONCE(sk->sk_rcvtimeo) != MAX_SCHEDULE_TIMEOUT ||
		    len >= READ_ONCE(fsk_net(sock_net(sk))->host_post_min))
			return 0;
		if (unlikely(fsk_spin_wanted(sk)))
			spin_ring(sk);
		else
			wait_ring(sk);
	}
	lock_sock(sk);
	if (unlikely(sk->sk_disconnects != disconnects)) {
		release_sock(sk);
		return -EPIPE;
	}
	conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;
	if (unlikely(!conn || !fsk_in_memory(conn) || !plain_ring(sk) ||
		     conn->post))
		goto out;
	mem = fsk_memory(conn);
	unread = min_t(size_t, unread_in_ring(mem), len);
	/* After the head: what is urgent is announced before it is shown. */
	if (unlikely(READ_ONCE(conn->deferred) & FSK_EV_URGENT))
		goto out;
	if (unlikely(unread < min_t(size_t, READ_ONCE(sk->sk_rcvlowat), len)))
		goto out;
	while (done < unread) {
		n = fsk_ring_read(mem->in, 0, &msg->msg_iter, unread - done);
		if (unlikely(!n))
			break;
		consume_ring(sk, mem->in, n);
		done += n;
	}
	conn->avg_recv = conn->avg_recv - conn->avg_recv / 4 + done / 4;
	fsk_loop_read(mem);
out:
	release_sock(sk);
	return done;
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
