// SPDX-License-Identifier: GPL-2.0
/*
 * Bytes that go past the ring: a thread that waits in recv() has posted its
 * buffer, and the writer copies straight into that.
 */

#include <linux/rcupdate.h>
#include <linux/uio.h>
#include <linux/wait_bit.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "base/stats.h"
#include "core/conn.h"
#include "memory/events.h"
#include "memory/memory.h"
#include "memory/posted.h"
#include "memory/ring.h"
#include "stream/post.h"

/*
 * May bytes go past the ring?  Only if nothing is in front of them.  The
 * spinlock of @peer's socket is held.
 */
static bool may_go_past(const struct fsk_memory *peer)
{
	const struct fsk_post *post = peer->conn.post;
	const struct sock *sk = peer->conn.sk;

	/*
	 * Look at this first.  A thread that finds its connection dead frees
	 * the buffer that it has posted there, and @post still leads to it.
	 */
	if (unlikely(peer->conn.phase == FSK_PH_DEAD))
		return false;
	return post && !post->busy && post->filled < post->len &&
	       !sock_owned_by_user(sk) &&
	       !fsk_mem_rcv_closed(peer) && !fsk_ring_unread(peer->in) &&
	       skb_queue_empty(&sk->sk_receive_queue) &&
	       !tcp_sk(sk)->urg_data;
}

/*
 * Count @n bytes that were copied into @peer's posted buffer as received and
 * read.  The spinlock of its socket is held.  Return: is that enough for its
 * reader?
 */
static bool count_posted(struct fsk_memory *peer, u32 n)
{
	struct tcp_sock *tp = tcp_sk(peer->conn.sk);
	struct fsk_post *post = peer->conn.post;
	bool enough;

	/* It was killed meanwhile, and its socket may be TCP's by now. */
	if (unlikely(peer->conn.phase == FSK_PH_DEAD)) {
		fsk_post_filled(post, 0);
		return true;
	}
	/* In this order nobody who looks without the lock sees unread bytes. */
	WRITE_ONCE(tp->copied_seq, tp->copied_seq + n);
	fsk_ring_skip(peer->in, n);
	WRITE_ONCE(tp->rcv_nxt, tp->rcv_nxt + n);
	WRITE_ONCE(peer->in->segs, peer->in->segs + 1);
	fsk_conn_stat_add(&peer->conn, FSK_MIB_IN_BYTES, n);
	fsk_conn_stat_add(&peer->conn, FSK_MIB_POSTED_BYTES, n);
	enough = post->filled + n >= peer->conn.post_want;
	fsk_post_filled(post, n);
	return enough;
}

/**
 * fsk_mem_write_posted - copy into the buffer that the reader waits with
 * @mem: connection, of whose bytes none is withheld
 * @msg: what to send
 * @len: bytes wanted
 *
 * No lock is held over the copy: while fsk_post.busy is set nobody else touches
 * the buffer or the reader's numbers.
 *
 * Context: process, may fault; the caller owns the socket.
 * Return: bytes, 0 if they have to go through the ring.
 */
int fsk_mem_write_posted(struct fsk_memory *mem, struct msghdr *msg, size_t len)
{
	struct fsk_memory *peer;
	struct fsk_post *post;
	bool enough, ready;
	size_t n = 0;

	rcu_read_lock();
	peer = fsk_mem_peer(mem);
	if (likely(!peer || !READ_ONCE(peer->conn.post)))
		goto out;
	spin_lock_bh(&peer->conn.sk->sk_lock.slock);
	post = peer->conn.post;
	ready = may_go_past(peer);
	if (ready)
		post->busy = true;
	spin_unlock_bh(&peer->conn.sk->sk_lock.slock);
	if (!ready)
		goto out;

	n = fsk_post_copy(post, &msg->msg_iter, len);

	spin_lock_bh(&peer->conn.sk->sk_lock.slock);
	enough = count_posted(peer, n);
	spin_unlock_bh(&peer->conn.sk->sk_lock.slock);
	/* Not busy any more, then whether anybody waits for that. */
	smp_mb();
	/* The buffer may be gone by now; its address is all that is used. */
	wake_up_var(&post->busy);
	if (enough)
		fsk_mem_wake_reader(peer);
out:
	rcu_read_unlock();
	return n;
}
