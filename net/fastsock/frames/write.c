// SPDX-License-Identifier: GPL-2.0
/*
 * From the bytes of a program to segments that are queued to be sent.  A writer
 * waits here for room, and pushes what is queued by the batch.
 */

#include <linux/uio.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "base/copy.h"
#include "core/conn.h"
#include "frames/frames.h"
#include "frames/pages.h"
#include "frames/segment.h"
#include "frames/tx.h"
#include "frames/write.h"
#include "rel/rel.h"
#include "stream/send.h"

#define FSK_BATCH	24576	/* bytes of one send handed over together */

/*
 * Longer sends go to page frags: bytes that with all headers fill 1 KiB or, if
 * nothing else is under way, 2 KiB.  Pages are dearer for one skb and cheaper
 * for many, because the kernel clears the memory of each skb's linear part.
 */
#define FSK_LINEAR_MAX	512	/* bytes */
#define FSK_LINEAR_ONE	1408	/* bytes */
/* Of any linear skb with that, and headers. */
#define FSK_SIMPLE_ROOM	2048	/* bytes */
/* sk_page_frag_refill() takes a new page if the last one has less left. */
#define FSK_PAGE_LEAST	32	/* bytes */

/*
 * As fsk_tx_push().  A virtual device has its peer receive in softirq: with
 * bottom halves off that comes once for all frames of a batch.
 */
static void push_batch(struct fsk_frames *fr, u64 now)
{
	bool one = fr->tx.unsent == fr->tx.tail;

	rcu_read_lock();
	if (one) {
		fsk_tx_push(fr, now);
	} else {
		local_bh_disable();
		fsk_tx_push(fr, now);
		local_bh_enable();
	}
	rcu_read_unlock();
}

/**
 * fsk_write_uncork - send what waits for more
 * @fr: connected connection
 *
 * Context: process; the caller owns the socket.
 */
void fsk_write_uncork(struct fsk_frames *fr)
{
	if (!fr->conn.cork_at)
		return;
	fr->conn.cork_at = 0;
	push_batch(fr, fsk_now());
}

/*
 * Copy up to @len bytes into page frags; bytes copied or a negative errno.
 * Kept out of line: what it calls would cost small sends a stack guard.
 */
static noinline int append_paged(struct sock *sk, struct sk_buff *skb,
				 struct msghdr *msg, int len)
{
	struct page_frag *pfrag = sk_page_frag(sk);
	int i = skb_shinfo(skb)->nr_frags;
	bool merge;
	int got;

	if (!fsk_pages_refill(sk, pfrag))
		return -ENOMEM;
	merge = skb_can_coalesce(skb, i, pfrag->page, pfrag->offset);
	if (!merge && i >= MAX_SKB_FRAGS)
		return -EMSGSIZE;
	len = min_t(int, len, pfrag->size - pfrag->offset);
	if (!fsk_segment_schedule(sk, len))
		return -ENOMEM;
	got = fsk_copy_from_iter(pfrag->page, pfrag->offset, len,
				 &msg->msg_iter);
	if (unlikely(got != len)) {
		iov_iter_revert(&msg->msg_iter, got);
		return -EFAULT;
	}
	skb->len += len;
	skb->data_len += len;
	skb->truesize += len;
	sk_wmem_queued_add(sk, len);
	sk_mem_charge(sk, len);
	if (merge) {
		skb_frag_size_add(&skb_shinfo(skb)->frags[i - 1], len);
	} else {
		skb_fill_page_desc(skb, i, pfrag->page, pfrag->offset, len);
		page_ref_inc(pfrag->page);
	}
	pfrag->offset += len;
	fsk_segment_recount(sk, skb);
	return len;
}

static __always_inline int append(struct sock *sk, struct sk_buff *skb,
				  struct msghdr *msg, int len)
{
	int got;

	if (skb_is_nonlinear(skb) || skb_tailroom(skb) < len)
		return append_paged(sk, skb, msg, len);
	/* That there is room for them is known, so nothing has to check it. */
	got = _copy_from_iter(skb_tail_pointer(skb), len, &msg->msg_iter);
	if (likely(got == len)) {
		__skb_put(skb, len);
		return len;
	}
	iov_iter_revert(&msg->msg_iter, got);
	return -EFAULT;
}

static u32 linear_most(const struct fsk_frames *fr)
{
	return fsk_rel_tx_idle(&fr->tx) ? FSK_LINEAR_ONE : FSK_LINEAR_MAX;
}

/*
 * Put up to @len bytes into a new segment, which is linear if @small.  Return:
 * bytes taken, or a negative errno: -ENOMEM means wait.
 */
static __always_inline int send_new(struct fsk_frames *fr, struct msghdr *msg,
				    u32 len, bool small, gfp_t gfp)
{
	struct sock *sk = fr->conn.sk;
	struct sk_buff *skb;
	u32 done = 0;
	int n = 0;

	skb = fsk_segment_alloc(fr, small ? len : 0, small, gfp, false);
	if (!skb)
		return -ENOMEM;
	while (done < len) {
		n = append(sk, skb, msg, len - done);
		if (n < 0)
			break;
		done += n;
	}
	if (!done) {
		FSK_CB(skb)->seg.next = NULL;
		fsk_segment_free(fr, &FSK_CB(skb)->seg);
		return n;
	}
	FSK_CB(skb)->seg.len = done;
	fsk_rel_tx_queue(&fr->tx, &FSK_CB(skb)->seg);
	return done;
}

/*
 * Fill up the last segment to @most bytes while it waits for a window.  Return:
 * as above.
 */
static int send_more(struct fsk_frames *fr, struct msghdr *msg, u32 len,
		     u32 most)
{
	struct fsk_seg *tail = fr->tx.tail;
	struct sk_buff *skb;
	int n;

	if (!tail || tail->flags & (FSK_SEG_SENT | FSK_SEG_FIN | FSK_SEG_URG))
		return 0;
	skb = fsk_seg_skb(tail);
	if (skb->len >= most || skb_cloned(skb))
		return 0;
	n = append(fr->conn.sk, skb, msg, min(len, most - skb->len));
	if (n == -EMSGSIZE)
		return 0;
	if (n > 0)
		fsk_rel_tx_grow(&fr->tx, tail, n);
	return n;
}

/**
 * fsk_write_fin - queue the end of the stream
 * @fr: connected connection; its state has already changed
 *
 * Without memory it is tried again from the timer.  The caller pushes.
 *
 * Context: socket lock held in either form.
 */
void fsk_write_fin(struct fsk_frames *fr)
{
	struct fsk_seg *tail = fr->tx.tail;
	struct fsk_conn *conn = &fr->conn;
	struct sk_buff *skb;

	conn->fin_wanted = false;
	if (tail && !(tail->flags & FSK_SEG_SENT)) {
		tail->flags |= FSK_SEG_FIN;
		fsk_rel_tx_grow(&fr->tx, tail, 1);
		return;
	}
	skb = fsk_segment_alloc(fr, 0, true, GFP_ATOMIC, true);
	if (!skb) {
		conn->fin_wanted = true;
		conn->retry_at = fsk_now() + FSK_RETRY_NS;
		return;
	}
	FSK_CB(skb)->seg.flags = FSK_SEG_FIN;
	FSK_CB(skb)->seg.len = 1;
	fsk_rel_tx_queue(&fr->tx, &FSK_CB(skb)->seg);
}

/* Bytes that wait for more must go first, or the wait would never end. */
static int wait_memory(struct fsk_frames *fr, long *timeo)
{
	fsk_write_uncork(fr);
	return sk_stream_wait_memory(fr->conn.sk, timeo);
}

static int wait_space(struct fsk_frames *fr, long *timeo)
{
	struct sock *sk = fr->conn.sk;

	/* The buffer grows only for a call that may wait. */
	if (sk_stream_memory_free(sk) || (*timeo && fsk_send_grow(sk)))
		return 0;
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	return wait_memory(fr, timeo);
}

/* The last byte queued is urgent, unless it has left already. */
static void mark_urgent(struct fsk_frames *fr)
{
	struct fsk_seg *tail = fr->tx.tail;

	if (!tail || tail->flags & (FSK_SEG_SENT | FSK_SEG_FIN))
		return;
	tail->flags |= FSK_SEG_URG;
	fr->conn.urg_seq = fr->tx.end - 1;
	fr->conn.urg_out = true;
}

/* As fsk_tx_burst(), for the owner of the socket. */
static u32 owner_burst(const struct fsk_frames *fr)
{
	u32 burst;

	rcu_read_lock();
	burst = fsk_tx_burst(fr, fsk_tx_mss(fr));
	rcu_read_unlock();
	return burst;
}

/*
 * Is there room for one more segment, of up to @most bytes?  TCP would go on
 * filling its last skb.
 */
static bool may_queue(const struct fsk_frames *fr, u32 most)
{
	u64 unsent = fr->tx.end - fr->tx.nxt, more = FSK_OVERRUN - most;
	const struct sock *sk = fr->conn.sk;

	if (likely(sk_stream_memory_free(sk)))
		return true;
	return fr->tx.unsent &&
	       (u64)sk->sk_wmem_queued < READ_ONCE(sk->sk_sndbuf) + more &&
	       unsent < (u64)tcp_notsent_lowat(tcp_sk(sk)) + more;
}

static int write_segs(struct fsk_frames *fr, struct msghdr *msg, long *timeo,
		      size_t *copied)
{
	struct fsk_conn *conn = &fr->conn;
	struct sock *sk = conn->sk;
	u32 most, len, held = 0, full = 0;
	bool more;
	int n;

	more = conn->corked || msg->msg_flags & MSG_MORE;
	if (unlikely(conn->cork_at) && !more && msg_data_left(msg)) {
		conn->cork_at = 0;
		held = 1;	/* to be pushed, whatever becomes of the rest */
	}
	/* A buffer that a write overfills would wait for acks within it. */
	while (*timeo && msg_data_left(msg) > sk->sk_sndbuf / 4 &&
	       fsk_send_grow(sk))
		;
	while (msg_data_left(msg)) {
		if (sk->sk_err || sk->sk_shutdown & SEND_SHUTDOWN)
			return -EPIPE;
		/* A small one fits nearly any path, and is cut for others. */
		most = linear_most(fr);
		if (fr->tx.unsent || msg_data_left(msg) > most) {
			full = full ?: owner_burst(fr);
			most = full;
		}
		len = min_t(size_t, msg_data_left(msg), most);
		n = send_more(fr, msg, len, most);
		if (!n)
			n = may_queue(fr, most) ?
			    send_new(fr, msg, len, len <= linear_most(fr),
				     sk->sk_allocation) : -ENOSPC;
		if (n > 0) {
			*copied += n;
			held += n;
			if (unlikely(msg->msg_flags & MSG_OOB) &&
			    !msg_data_left(msg))
				mark_urgent(fr);
			if (unlikely(more) && !conn->cork_at)
				conn->cork_at = fsk_now() + FSK_CORK_NS;
			if (held >= FSK_BATCH || !msg_data_left(msg)) {
				push_batch(fr, fsk_now());
				held = 0;
				full = 0;
			}
			continue;
		}
		if (held)
			push_batch(fr, fsk_now());
		held = 0;
		full = 0;
		if (n != -ENOSPC && n != -ENOMEM)
			return n;
		n = n == -ENOMEM ? wait_memory(fr, timeo) :
				   wait_space(fr, timeo);
		if (n)
			return n;
		/* Waiting let go of the lock: reset or disconnected? */
		if (!fsk_is_conn(sk) || fsk_conn(sk) != conn)
			return -EPIPE;
	}
	return 0;
}

/**
 * fsk_write_msg - struct fsk_transport_ops.write of frames
 * @conn: connected connection of frames
 * @msg: what to send
 * @timeo: jiffies left to wait
 * @copied: bytes taken, to be added to
 *
 * Context: process, may sleep; the caller owns the socket.
 * Return: 0 or why not all was taken, as TCP.
 */
int fsk_write_msg(struct fsk_conn *conn, struct msghdr *msg, long *timeo,
		  size_t *copied)
{
	struct sock *sk = conn->sk;
	int err;

	err = write_segs(fsk_frames(conn), msg, timeo, copied);
	if (fsk_send_keep_writable(sk, sk->sk_wmem_queued))
		fsk_send_space(sk);
	return err;
}

/* Does nothing wait to be sent?  Any context. */
static bool sent_all(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return READ_ONCE(tp->write_seq) == READ_ONCE(tp->snd_nxt);
}

/*
 * Is there room for @size bytes in page frags?  More than FSK_PAGE_LEAST are
 * sent then without a new page, for which append_paged() might sleep.
 */
static bool has_pages(struct sock *sk, size_t size)
{
	const struct page_frag *pfrag = sk_page_frag(sk);

	static_assert(FSK_LINEAR_MAX >= FSK_PAGE_LEAST);
	return pfrag->page && pfrag->size - pfrag->offset >= size;
}

/*
 * Is a segment charged without asking the cgroup?  It would get its memory with
 * bottom halves off, beyond its limit; who may sleep waits for that.
 */
static bool is_charged(const struct sock *sk)
{
	return !mem_cgroup_sockets_enabled || !sk->sk_memcg ||
	       sk->sk_forward_alloc > (int)SKB_TRUESIZE(FSK_SIMPLE_ROOM);
}

/* May a segment of @size bytes be queued and sent, whatever else there is? */
static bool is_simple(struct sock *sk, size_t size)
{
	const struct fsk_conn *conn;
	const struct fsk_frames *fr;

	if (unlikely(!fsk_send_is_open(sk)))
		return false;
	conn = fsk_conn(sk);
	/* Another thread may have connected it anew, in memory. */
	if (unlikely(!fsk_in_frames(conn) || conn->corked || conn->cork_at))
		return false;
	fr = fsk_frames(conn);
	return !fr->tx.unsent && !fr->tx.lost && sk_stream_memory_free(sk) &&
	       is_charged(sk) &&
	       (size <= linear_most(fr) || has_pages(sk, size));
}

/**
 * fsk_write_simple - send() if it is simple
 * @sk: socket
 * @msg: what to send
 * @size: bytes
 *
 * That is, if it fits one frame, has neither flags that matter nor ancillary
 * data, and there is nothing to wait for.  Then the socket needs no owner, who
 * costs more than the copy of so little: its spinlock is held, and bytes whose
 * page is not there are left to who may sleep.
 *
 * Context: process, may sleep.
 * Return: bytes taken, all of them, or 0 if fsk_sendmsg() is to do it.
 */
int fsk_write_simple(struct sock *sk, struct msghdr *msg, size_t size)
{
	struct fsk_frames *fr;
	int n = 0;
	bool slow;

	if (unlikely(!fsk_send_is_plain(msg, size) || !fsk_is_conn(sk)) ||
	    size > FSK_LINEAR_ONE || !sent_all(sk) ||
	    !user_backed_iter(&msg->msg_iter))
		return 0;
	slow = lock_sock_fast(sk);
	if (unlikely(!is_simple(sk, size)))
		goto out;
	fr = fsk_frames(fsk_conn(sk));
	sk_clear_bit(SOCKWQ_ASYNC_NOSPACE, sk);
	pagefault_disable();
	n = send_new(fr, msg, size, size <= linear_most(fr),
		     GFP_NOWAIT | __GFP_NOWARN);
	pagefault_enable();
	if (unlikely(n <= 0)) {
		n = 0;
		goto out;
	}
	DEBUG_NET_WARN_ON_ONCE(n != size);
	rcu_read_lock();
	fsk_tx_push(fr, fsk_now());
	rcu_read_unlock();
	if (fsk_send_keep_writable(sk, sk->sk_wmem_queued))
		fsk_send_space(sk);
out:
	unlock_sock_fast(sk, slow);
	return n;
}

/**
 * fsk_write_urgent - a send with MSG_OOB ends
 * @fr: connected connection
 * @less: it has written less than it was to: its last byte is urgent
 *
 * Context: process; the caller owns the socket.
 */
void fsk_write_urgent(struct fsk_frames *fr, bool less)
{
	if (less)
		mark_urgent(fr);
	rcu_read_lock();
	fsk_tx_urgent(fr);
	rcu_read_unlock();
}
