// SPDX-License-Identifier: GPL-2.0
/*
 * What TCP would know of a ring: its numbers, and what counts as the memory of
 * either socket.
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
#include "rel/rel.h"
#include "stream/send.h"
#include "stream/urgent.h"

/*
 * Unread bytes count as the socket's memory, in case somebody looks, but not a
 * few: to count each message and to forget it again would be all that the ends
 * write into that line.  More than poll() needs to call a receive buffer full,
 * see tcp_poll(), do count however few they are.
 */
static bool many(u32 unread, u32 window)
{
	return unread >= FSK_LOOP_COUNT || fsk_mem_nearly_full(unread, window);
}

/**
 * fsk_loop_count - have the socket's memory count what is unread
 * @mem: connection
 *
 * The writer calls it when more is unread than counts, the reader after it has
 * taken something that did.  Neither knows what the other is about to do, so
 * whoever changes @counted corrects the socket's number by the difference, and
 * looks again.
 *
 * Context: the caller owns the socket, or its spinlock is held.
 */
void fsk_loop_count(struct fsk_memory *mem)
{
	u32 unread, counted;

	if (!mem->counts)
		return;
	do {
		unread = fsk_ring_unread(mem->in);
		counted = many(unread, READ_ONCE(mem->in->window)) ? unread : 0;
		/* The number, then the ring: pairs with the other's xchg(). */
		counted -= xchg(&mem->counted, counted);
		atomic_add(counted, &mem->conn.sk->sk_rmem_alloc);
	} while (unlikely(unread != fsk_ring_unread(mem->in)));
}

/**
 * fsk_mem_update_snd - how far has the reader got?
 * @mem: connection
 *
 * What the reader's window does not cover is, to the program, in the send
 * buffer.  One that has no memory for more looks full, or a program would poll
 * for what it cannot write.
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
			      mem->out->held);
		starved = unlikely(mem->out->starved) &&
			  !fsk_ring_may_write(mem->out);
		WRITE_ONCE(sk->sk_wmem_queued,
			   starved ? max_t(u32, waiting,
					   READ_ONCE(sk->sk_sndbuf)) :
				     waiting);
		WRITE_ONCE(mem->out->waiting, waiting ?: starved);
		if (likely(!waiting && !starved))
			break;
		smp_mb();	/* pairs with fsk_loop_read() */
		if (used == fsk_ring_used(mem->out))
			break;
	}
	mem->out->starved = starved;
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
		conn->life_at = fsk_now() + fsk_patience(sk);
	if (waiting) {
		/* Only these have something to wait for. */
		if (conn->life_at || inet_csk(sk)->icsk_user_timeout ||
		    mem->severed)
			fsk_timer_arm(conn);
	} else if (mem->fin_sent && !conn->fin_wanted) {
		fsk_state_fin_acked(conn, fsk_now());
	}
}

/**
 * fsk_mem_received - up to where does TCP's receiver have everything?
 * @mem: connection
 *
 * Context: any; without the socket's spinlock a guess.
 * Return: the number of the byte after it; a FIN counts as a byte.
 */
u32 fsk_mem_received(const struct fsk_memory *mem)
{
	u32 unread = fsk_ring_unread(mem->in);

	return mem->in->tail + min(unread, mem->in->window) +
	       sock_flag(mem->conn.sk, SOCK_DONE);
}

/**
 * fsk_mem_show_bytes - as fsk_loop_show(), but for the urgent byte
 * @mem: connection
 *
 * Context: the socket's spinlock is held, by its owner if it has one.
 */
void fsk_mem_show_bytes(struct fsk_memory *mem)
{
	struct tcp_sock *tp = tcp_sk(mem->conn.sk);
	u32 nxt;

	do {
		nxt = fsk_mem_received(mem);
		WRITE_ONCE(tp->rcv_nxt, nxt);
		tp->rcv_wup = nxt;
		smp_mb();	/* pairs with fsk_loop_read() */
	} while (unlikely(nxt != fsk_mem_received(mem)));
}

/**
 * fsk_loop_show - tell poll() and others what has been received
 * @mem: connection
 *
 * No more than the window; a FIN counts as a byte.
 *
 * Context: the socket's spinlock is held, by its owner if it has one.
 */
void fsk_loop_show(struct fsk_memory *mem)
{
	fsk_mem_show_bytes(mem);
	if (unlikely(fsk_mem_urgent_came(mem)))
		fsk_urgent_byte(&mem->conn, mem->urg_in, mem->urg_byte);
}
