// SPDX-License-Identifier: GPL-2.0
/*
 * The reading end: recv() where it is simple, bytes for kernel users, and what
 * becomes of the room that a reader makes.
 */

#include <linux/cpumask.h>
#include <linux/poll.h>
#include <linux/skbuff.h>
#include <linux/wait.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "core/conn.h"
#include "memory/events.h"
#include "memory/memory.h"
#include "memory/pair.h"
#include "memory/recv.h"
#include "memory/ring.h"
#include "memory/window.h"
#include "stream/post.h"
#include "stream/queue.h"
#include "stream/recv.h"
#include "stream/spin.h"

#define FSK_QUEUE_MAX	SKB_WITH_OVERHEAD(16384)	/* bytes of one skb */

/**
 * fsk_mem_queue - move bytes from the ring to sk_receive_queue
 * @mem: connection
 *
 * That is all that kernel users read from.
 *
 * Context: socket lock held in either form.
 * Return: false if there were none, or no memory.
 */
bool fsk_mem_queue(struct fsk_memory *mem)
{
	struct sock *sk = mem->conn.sk;
	struct fsk_ring *ring = mem->in;
	struct sk_buff *skb;
	u32 n;

	/* A writer who fills a posted buffer moves the ring's numbers. */
	if (unlikely(fsk_post_busy(mem->conn.post)))
		return false;
	n = min_t(u32, fsk_ring_unread(ring), FSK_QUEUE_MAX);
	skb = n ? alloc_skb(n, GFP_ATOMIC | __GFP_NOWARN) : NULL;
	if (!skb)
		return false;
	/* A reader who has read all gets on even without memory. */
	if (!sk_rmem_schedule(sk, skb, skb->truesize) &&
	    !skb_queue_empty(&sk->sk_receive_queue)) {
		kfree_skb(skb);
		return false;
	}
	skb_set_owner_r(skb, sk);
	fsk_ring_copy(ring, 0, __skb_put(skb, n), n);
	fsk_rx_queue(sk, skb, ring->tail);
	fsk_ring_take(ring, n);
	fsk_mem_count_unread(mem);
	return true;
}

/**
 * fsk_mem_fill - queue what is in a ring for a kernel user
 * @mem: connection
 *
 * As much as the receive buffer has room for.
 *
 * Context: socket lock held in either form.
 * Return: true if something was queued.
 */
bool fsk_mem_fill(struct fsk_memory *mem)
{
	struct sock *sk = mem->conn.sk;
	bool any = false;
	s64 used;

	do {
		/* What was in the ring is in sk_rmem_alloc already. */
		used = (s64)atomic_read(&sk->sk_rmem_alloc) -
		       READ_ONCE(mem->counted);
		if (used >= READ_ONCE(sk->sk_rcvbuf) || !fsk_mem_queue(mem))
			return any;
		any = true;
	} while (1);
}

/* The program has read @n bytes of the ring; nothing is queued before them. */
static void consume_ring(struct sock *sk, struct fsk_ring *ring, u32 n)
{
	struct tcp_sock *tp = tcp_sk(sk);

	WRITE_ONCE(tp->copied_seq, tp->copied_seq + n);
	fsk_ring_take(ring, n);
}

/*
 * Wait until there is something to read or a signal, with the socket unlocked.
 * No wake-up is missed: whether there is something is looked at once more after
 * we are in the wait queue.
 */
static __always_inline void wait_ring(struct sock *sk)
{
	DEFINE_WAIT(wait);

	prepare_to_wait(sk_sleep(sk), &wait, TASK_INTERRUPTIBLE);
	if (fsk_recv_quiet(sk) && !signal_pending(current))
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

/* Are the ring's bytes the next ones, and is nothing else asked for? */
static bool plain_ring(const struct sock *sk)
{
	return skb_queue_empty(&sk->sk_receive_queue) &&
	       fsk_recv_wants_bytes(sk);
}

/*
 * Who reads often answers at once, and the other end sleeps until then.  So it
 * begins to wake up now, on a processor of its own, while the program here is
 * still about its answer.  If that is not there in time the other end sleeps
 * again, and is left in peace for FSK_ROUSE_AFTER reads.  If it does not sleep,
 * we need not look each time.
 *
 * Nobody polls for EPOLLMSG: only readers who sleep in recv() wake up, and
 * writers who wait for space.
 */
static noinline void rouse_peer(struct fsk_memory *mem)
{
	struct socket_wq *wq = NULL;
	struct fsk_memory *peer;
	bool sleeps;

	rcu_read_lock();
	peer = fsk_mem_peer(mem);
	if (peer)
		wq = rcu_dereference(peer->conn.sk->sk_wq);
	sleeps = skwq_has_sleeper(wq);
	if (mem->rouse == FSK_ROUSED) {
		/* A question in two parts, perhaps. */
		if (sleeps)
			mem->rouse = 0;
	} else if (sleeps) {
		mem->rouse = FSK_ROUSED;
		wake_up_interruptible_poll(&wq->wait, EPOLLMSG);
	} else {
		mem->rouse -= FSK_ROUSE_AFTER / 8;
	}
	rcu_read_unlock();
}

/**
 * fsk_mem_recv - recv() if it is simple
 * @sk: connected socket
 * @msg: where to put the bytes
 * @len: bytes wanted
 * @flags: MSG_*
 *
 * That is, if bytes are in the ring, perhaps after one wait without a time
 * limit, and neither flags that matter nor control messages are asked for.
 *
 * Context: process, may sleep.
 * Return: bytes, 0 if fsk_recvmsg() is to do it, or -EPIPE if the socket was
 * disconnected meanwhile.
 */
int fsk_mem_recv(struct sock *sk, struct msghdr *msg, size_t len, int flags)
{
	int disconnects = READ_ONCE(sk->sk_disconnects);
	struct fsk_memory *mem;
	struct fsk_conn *conn;
	size_t n, done = 0;
	u32 unread;

	if (unlikely(!fsk_recv_is_plain(msg, len, flags)))
		return 0;
	if (fsk_recv_quiet(sk)) {
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
	DEBUG_NET_WARN_ON_ONCE(fsk_post_busy(conn->post));
	unread = min_t(size_t, fsk_ring_unread(mem->in), len);
	/* After the head: an urgent byte is announced, then published. */
	if (unlikely(READ_ONCE(conn->deferred) & FSK_EV_URGENT))
		goto out;
	if (unlikely(unread < min_t(size_t, READ_ONCE(sk->sk_rcvlowat), len)))
		goto out;
	if (mem->rouse < FSK_ROUSE_AFTER)
		mem->rouse++;
	else if (num_online_cpus() > 1)
		rouse_peer(mem);
	while (done < unread) {
		n = fsk_ring_read(mem->in, 0, &msg->msg_iter, unread - done);
		if (unlikely(!n))
			break;
		consume_ring(sk, mem->in, n);
		done += n;
	}
	conn->avg_recv = conn->avg_recv - conn->avg_recv / 4 + done / 4;
	fsk_mem_read_done(mem);
out:
	release_sock(sk);
	return done;
}

/*
 * The window has moved: update rcv_nxt, and see to the end of the stream if it
 * has come into the window.  The spinlock is held.
 */
static void window_moved_locked(struct fsk_memory *mem)
{
	fsk_mem_update_rcv_nxt(mem);
	if (unlikely(mem->fin_beyond))
		fsk_mem_process_fin(mem);
}

/* As above, but the caller owns the socket; the end waits until it lets go. */
static void window_moved(struct fsk_memory *mem)
{
	fsk_mem_lock(mem);
	fsk_mem_update_rcv_nxt(mem);
	if (unlikely(mem->fin_beyond))
		mem->conn.deferred |= FSK_EV_FIN;
	fsk_mem_unlock(mem);
}

/*
 * Bytes that waited beyond the window count as received only now, as if a
 * segment had come.  A program that waits for edges (EPOLLET), and has asked
 * before how much there was, must be woken.  Kernel users just read on.
 */
static void wake_for_window(struct sock *sk)
{
	if (unlikely(sk->sk_data_ready != fsk_mem_data_ready))
		return;
	rcu_read_lock();
	fsk_mem_wake_plain(sk);
	rcu_read_unlock();
}

/**
 * fsk_mem_made_room - the program, or a kernel user, has made room
 * @mem: connection
 *
 * Called by fsk_mem_read_done() if the writer is ahead of the window, or waits.
 *
 * A kernel user may read when it is called back, under the spinlock.  It cannot
 * say so, therefore whoever takes the spinlock and may call back notes it in
 * @spinlocked.  A dead connection may be ended by others who hold it.
 *
 * Context: process, the caller owns the socket; or the spinlock is held, and
 * @spinlocked is set or the connection is dead.
 */
void fsk_mem_made_room(struct fsk_memory *mem)
{
	struct tcp_sock *tp = tcp_sk(mem->conn.sk);
	struct fsk_conn *conn = &mem->conn;
	bool dead = conn->phase == FSK_PH_DEAD;

	if (fsk_rx_grow_buffer(conn))
		WRITE_ONCE(mem->in->window, fsk_mem_window(conn->sk));
	if (unlikely(READ_ONCE(tp->rcv_nxt) != fsk_mem_rcv_nxt(mem) &&
		     !dead)) {
		if (unlikely(mem->spinlocked))
			window_moved_locked(mem);
		else
			window_moved(mem);
		wake_for_window(conn->sk);
	}
	if (!READ_ONCE(mem->in->waiting))
		return;
	if (unlikely(mem->spinlocked || dead))
		fsk_mem_defer_to_work(mem->pair, !mem->side, FSK_WORK_SPACE);
	else
		fsk_mem_notify_peer(mem, FSK_EV_SPACE);
}

/**
 * fsk_mem_resized - the receive buffer has a new size
 * @mem: connection
 *
 * Context: process; the caller owns the socket.
 */
void fsk_mem_resized(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;

	if (conn->phase == FSK_PH_DEAD)
		return;
	WRITE_ONCE(mem->in->window, fsk_mem_window(conn->sk));
	fsk_mem_count_unread(mem);
	window_moved(mem);
	conn->sk->sk_data_ready(conn->sk);
	fsk_mem_read_done(mem);
}

/**
 * fsk_mem_accepted - accept() has returned the socket: count unread bytes
 * @mem: connection
 *
 * Not before: accept() charges what is in sk_rmem_alloc to the memory cgroup of
 * the program.  TCP uncharges that as it is read, but the bytes of a ring are
 * charged to who wrote them, so that nobody would uncharge them here.
 *
 * Context: the socket's spinlock is held, and nobody owns it.
 */
void fsk_mem_accepted(struct fsk_memory *mem)
{
	mem->counts = true;
	fsk_mem_count_unread(mem);
}
