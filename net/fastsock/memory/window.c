// SPDX-License-Identifier: GPL-2.0
/*
 * TCP's numbers over a ring.
 *
 * The ring has one number for what was written and one for what was read.  A
 * program expects more: only what fits into the receive buffer counts as
 * received (rcv_nxt, SIOCINQ, poll()), the rest as still in the send buffer
 * (snd_una, SIOCOUTQ, POLLOUT), and unread bytes count as memory of the socket
 * that is to read them.  fsk_ring.window says how
 * many of them that are.
 */

#include <linux/atomic.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "core/conn.h"
#include "core/life.h"
#include "core/state.h"
#include "core/timer.h"
#include "memory/memory.h"
#include "memory/ring.h"
#include "memory/window.h"
#include "stream/send.h"
#include "stream/urgent.h"

/*
 * Do so many unread bytes count as the socket's memory (sk_rmem_alloc)?  Not if
 * they are few: counting each message and forgetting it again would have both
 * ends write a cache line that they otherwise leave alone.  But if poll() is to
 * call the receive buffer full, they do, however few they are.
 */
static bool worth_counting(u32 unread, u32 window)
{
	return unread >= FSK_MEM_COUNT_MIN ||
	       fsk_mem_nearly_full(unread, window);
}

/**
 * fsk_mem_count_unread - have sk_rmem_alloc count what is unread
 * @mem: the reading end
 *
 * The writer calls it when much more is unread than is counted, the reader when
 * it has taken bytes that were counted, both at any time.  So each exchanges
 * @counted at once, adds the difference to sk_rmem_alloc, and starts again if
 * the ring has changed meanwhile.
 *
 * Context: the caller owns the socket, or its spinlock is held.
 */
void fsk_mem_count_unread(struct fsk_memory *mem)
{
	u32 unread, counted;

	if (!mem->counts)
		return;
	do {
		unread = fsk_ring_unread(mem->in);
		counted = worth_counting(unread, READ_ONCE(mem->in->window)) ?
			  unread : 0;
		/* @counted, then the ring again: pairs with the other's. */
		counted -= xchg(&mem->counted, counted);
		atomic_add(counted, &mem->conn.sk->sk_rmem_alloc);
	} while (unlikely(unread != fsk_ring_unread(mem->in)));
}

/**
 * fsk_mem_update_snd - update what the sender knows of the reader
 * @mem: the writing end
 *
 * Sets sk_wmem_queued to the bytes beyond the reader's window: to SIOCOUTQ and
 * poll() they are still in our send buffer, and snd_una stands before them.  A
 * writer that has no memory for more sees a full buffer, or poll() would say
 * that it can write.  Wakes writers if there is new space, and notes since when
 * there was none (@stalled_since).
 *
 * Context: socket lock held in either form.
 */
void fsk_mem_update_snd(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;
	struct sock *sk = conn->sk;
	struct tcp_sock *tp = tcp_sk(sk);
	u32 before = mem->out->waiting, waiting;
	u32 used, window = READ_ONCE(mem->out->window);
	int queued = sk->sk_wmem_queued;
	bool starved, grown;

	for (;;) {
		used = fsk_ring_used(mem->out);
		waiting = max(used > window ? used - window : 0,
			      mem->out->withheld);
		starved = unlikely(mem->out->starved) &&
			  !fsk_ring_may_write(mem->out);
		WRITE_ONCE(sk->sk_wmem_queued,
			   starved ? max_t(u32, waiting,
					   READ_ONCE(sk->sk_sndbuf)) :
				     waiting);
		WRITE_ONCE(mem->out->waiting, waiting ?: starved);
		if (likely(!waiting && !starved))
			break;
		/* @waiting, then tail: pairs with fsk_mem_read_done(). */
		smp_mb();
		if (used == fsk_ring_used(mem->out))
			break;
	}
	mem->out->starved = starved;
	/* A FIN that does not follow yet counts as one unacknowledged byte. */
	WRITE_ONCE(tp->snd_una, tp->write_seq - waiting -
				(waiting || conn->fin_wanted ?
				 mem->fin_sent : 0));
	WRITE_ONCE(tp->snd_nxt, tp->snd_una);
	if (likely(!queued && !sk->sk_wmem_queued))
		return;
	if (!waiting && !conn->fin_wanted)
		mem->stalled_since = 0;
	else if (waiting < before || !mem->stalled_since)
		mem->stalled_since = fsk_now();
	grown = !starved && fsk_send_keep_writable(sk, waiting);
	if (sk->sk_wmem_queued < queued || grown)
		fsk_send_space(sk);
	if (sk->sk_wmem_queued < queued && conn->life_at &&
	    sock_flag(sk, SOCK_DEAD))
		conn->life_at = fsk_now() + fsk_stall_timeout(sk);
	if (waiting) {
		/* The timer has something to do only for these. */
		if (conn->life_at || inet_csk(sk)->icsk_user_timeout ||
		    mem->link_down)
			fsk_timer_arm(conn);
	} else if (mem->fin_sent && !conn->fin_wanted) {
		fsk_state_fin_acked(conn, fsk_now());
	}
}

/**
 * fsk_mem_rcv_nxt - what rcv_nxt is to be
 * @mem: the reading end
 *
 * Context: any; without the socket's spinlock it may be outdated at once.
 * Return: the number of the first byte beyond the window or not written yet; a
 * FIN counts as a byte.
 */
u32 fsk_mem_rcv_nxt(const struct fsk_memory *mem)
{
	u32 unread = fsk_ring_unread(mem->in);

	return mem->in->tail + min(unread, mem->in->window) +
	       sock_flag(mem->conn.sk, SOCK_DONE);
}

/**
 * fsk_mem_advance_rcv_nxt - bring rcv_nxt up to date, and nothing else
 * @mem: the reading end
 *
 * It is for the caller to look whether the urgent byte is among what came.
 *
 * Context: the socket's spinlock is held, by its owner if it has one.
 */
void fsk_mem_advance_rcv_nxt(struct fsk_memory *mem)
{
	struct tcp_sock *tp = tcp_sk(mem->conn.sk);
	u32 nxt;

	do {
		nxt = fsk_mem_rcv_nxt(mem);
		WRITE_ONCE(tp->rcv_nxt, nxt);
		tp->rcv_wup = nxt;
		/* rcv_nxt, then tail: pairs with fsk_mem_read_done(). */
		smp_mb();
	} while (unlikely(nxt != fsk_mem_rcv_nxt(mem)));
}

/**
 * fsk_mem_update_rcv_nxt - have poll() and others see what has come
 * @mem: the reading end
 *
 * Bytes may have been written, or the window may have moved over bytes that
 * were; then also an urgent byte that was announced may be among them.
 *
 * Context: the socket's spinlock is held, by its owner if it has one.
 */
void fsk_mem_update_rcv_nxt(struct fsk_memory *mem)
{
	fsk_mem_advance_rcv_nxt(mem);
	if (unlikely(fsk_mem_urgent_arrived(mem)))
		fsk_urgent_byte(&mem->conn, mem->urg_in, mem->urg_byte);
}
