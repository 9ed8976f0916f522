// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a connection in memory, and what becomes of its ends while nothing
 * gets from one to the other.
 */

#include <linux/rcupdate.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "core/conn.h"
#include "core/keepalive.h"
#include "core/state.h"
#include "core/timer.h"
#include "memory/cork.h"
#include "memory/events.h"
#include "memory/link.h"
#include "memory/memory.h"
#include "memory/outage.h"
#include "memory/pair.h"
#include "memory/ring.h"
#include "memory/send.h"
#include "memory/window.h"

/* An end whose way is lost looks for it so soon. */
#define FSK_LOOP_ASTRAY_NS	(10 * NSEC_PER_MSEC)
/* Of this end's spinlock while the other's is taken, for lockdep. */
#define FSK_LATE_NESTING	2

/**
 * fsk_mem_link_is_down - does nothing get from one end to the other?
 * @pair: the ends
 *
 * Context: any.
 * Return: true if so.
 */
bool fsk_mem_link_is_down(const struct fsk_pair *pair)
{
	return unlikely(READ_ONCE(pair->astray)) ||
	       (unlikely(pair->line) && fsk_across_cut(pair->line));
}

/**
 * fsk_mem_recheck_soon - something waits for a route to the other end
 * @mem: connection
 *
 * Nobody tells of a new route, so the timer looks for one.
 *
 * Context: socket lock held in either form; the caller arms the timer.
 */
void fsk_mem_recheck_soon(struct fsk_memory *mem)
{
	if (READ_ONCE(mem->pair->astray) && !mem->conn.retry_at)
		mem->conn.retry_at = fsk_now() + FSK_LOOP_ASTRAY_NS;
}

static void sever(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;

	mem->severed = true;
	mem->holds = true;
	conn->heard_at = fsk_now();
	conn->probes = 0;
	if (mem->stalled_since)
		mem->stalled_since = conn->heard_at;
	fsk_mem_recheck_soon(mem);
	fsk_keepalive_moved(conn);
	fsk_timer_arm(conn);
}

/**
 * fsk_mem_check_link - is the other end still reached?
 * @mem: connection
 *
 * Something has changed that may lead packets elsewhere.  What is written next
 * must not arrive then.
 *
 * Context: process; the caller owns the socket.
 */
void fsk_mem_check_link(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;

	if (fsk_path_pair(mem) || mem->severed)
		return;
	spin_lock_bh(&conn->sk->sk_lock.slock);
	if (conn->phase != FSK_PH_DEAD)
		sever(mem);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
}

/**
 * fsk_loop_look - is the other end there?
 * @mem: connection
 *
 * Context: the socket's spinlock is held, by its owner if it has one.
 * Return: false if the line is cut.
 */
bool fsk_loop_look(struct fsk_memory *mem)
{
	if ((mem->severed || !fsk_path_fresh(&mem->conn)) &&
	    !fsk_path_pair(mem) && !mem->severed)
		sever(mem);
	return !mem->severed;
}

/* The other end knows of the end of the stream; the spinlock is held. */
static void fin_told(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;

	fsk_mem_update_snd(mem);
	if (!conn->sk->sk_wmem_queued && conn->phase != FSK_PH_DEAD)
		fsk_state_fin_acked(conn, fsk_now());
}

/* The end of the stream.  The caller owns the socket. */
static void send_fin(struct fsk_memory *mem)
{
	if (!fsk_mem_notify_peer(mem, FSK_EV_FIN)) {
		fsk_mem_reset_both(mem);
		return;
	}
	rcu_read_lock();
	spin_lock_bh(&mem->conn.sk->sk_lock.slock);
	fin_told(mem);
	spin_unlock_bh(&mem->conn.sk->sk_lock.slock);
	rcu_read_unlock();
}

/* There is something to send and no line: patience begins to end. */
static void await_line(struct fsk_memory *mem)
{
	if (!mem->stalled_since)
		mem->stalled_since = fsk_now();
	fsk_mem_recheck_soon(mem);
	fsk_timer_arm(&mem->conn);
}

/**
 * fsk_loop_fin - the program sends no more
 * @mem: connection; its state has already changed, and may do so again
 *
 * Context: process; the caller owns the socket.
 */
void fsk_loop_fin(struct fsk_memory *mem)
{
	struct tcp_sock *tp = tcp_sk(mem->conn.sk);
	struct fsk_conn *conn = &mem->conn;

	if (unlikely(!fsk_path_fresh(conn)))
		fsk_mem_check_link(mem);
	fsk_loop_uncork(mem);
	if (conn->phase == FSK_PH_DEAD)
		return;
	mem->fin_sent = true;
	mem->out->starved = false;
	WRITE_ONCE(tp->write_seq, tp->write_seq + 1);
	if (unlikely(mem->severed)) {
		conn->fin_wanted = true;
		await_line(mem);
		return;
	}
	send_fin(mem);
}

/**
 * fsk_loop_reset - tell the other end that the connection is gone
 * @mem: connection
 *
 * Context: process; the caller owns the socket.
 */
void fsk_loop_reset(struct fsk_memory *mem)
{
	if (unlikely(!fsk_path_fresh(&mem->conn)))
		fsk_mem_check_link(mem);
	if (unlikely(fsk_mem_link_is_down(mem->pair))) {
		fsk_loop_reset_later(mem);
		return;
	}
	fsk_count_reset(sock_net(mem->conn.sk));
	fsk_mem_notify_peer(mem, FSK_EV_RESET);
}

/*
 * fsk_loop_reset() where this end's spinlock may be held: only if the other's
 * is free, for it must not be waited for.  Return: false if not, or if what was
 * sent before the reset may still wait for the line.
 */
static bool reset_now(struct fsk_memory *mem)
{
	struct fsk_memory *peer;
	bool done = false;

	if (unlikely(mem->pair->line))
		return false;
	rcu_read_lock();
	peer = fsk_mem_peer(mem);
	if (peer && spin_trylock_bh(&peer->conn.sk->sk_lock.slock)) {
		fsk_mem_post_event(peer, FSK_EV_RESET);
		spin_unlock_bh(&peer->conn.sk->sk_lock.slock);
		done = true;
	}
	rcu_read_unlock();
	return done;
}

/**
 * fsk_loop_reset_later - as fsk_loop_reset(), if need be from a work item
 * @mem: connection
 *
 * Usually at once: when close() of a listener returns, those who wait for it to
 * accept are to know, as with TCP.
 *
 * Context: socket lock held in either form.
 */
void fsk_loop_reset_later(struct fsk_memory *mem)
{
	fsk_count_reset(sock_net(mem->conn.sk));
	if (!reset_now(mem))
		fsk_mem_defer_to_work(mem->pair, !mem->side, FSK_LATE_RESET);
}

/* Both spinlocks are the caller's to take, and he has this end's. */
static void mend(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;
	bool fin = conn->fin_wanted;

	mem->severed = false;
	mem->holds = conn->corked;
	conn->cork_at = 0;
	conn->fin_wanted = false;
	mem->stalled_since = 0;
	if (!fsk_mem_send_withheld(mem, fin)) {
		fsk_mem_notify_peer(mem, FSK_EV_RESET);
		fsk_mem_process_reset(mem);
		return;
	}
	if (fin)
		fin_told(mem);
	else
		fsk_mem_update_snd(mem);
	/* An orphan has less time now. */
	fsk_timer_arm(conn);
}

/* A line that is whole again may bring back the way. */
static bool is_whole(struct fsk_memory *mem)
{
	struct fsk_pair *pair = mem->pair;

	return !fsk_mem_link_is_down(pair) ||
	       (READ_ONCE(pair->astray) && fsk_path_pair(mem) &&
		!fsk_mem_link_is_down(pair));
}

/**
 * fsk_mem_link_changed - an end learns that its link is down, or up again
 * @pair: the ends
 * @side: which of them, if FSK_LATE_LINE says that there is news for it
 *
 * The end then speaks to the other one, both under spinlocks.  This is safe
 * because nobody but the pair's work item takes one in the other.
 *
 * Context: process, work item of @pair; RCU read section.
 */
void fsk_mem_link_changed(struct fsk_pair *pair, unsigned int side)
{
	struct fsk_memory *mem;
	struct sock *sk;

	mem = rcu_dereference(pair->end[side]);
	if (!mem || !test_and_clear_bit(FSK_LATE_LINE + side, &pair->late))
		return;
	sk = mem->conn.sk;
	local_bh_disable();
	spin_lock_nested(&sk->sk_lock.slock, FSK_LATE_NESTING);
	if (mem->conn.phase == FSK_PH_DEAD)
		;
	else if (sock_owned_by_user(sk))
		mem->conn.deferred |= FSK_EV_LINE;
	else if (mem->severed && is_whole(mem))
		mend(mem);
	else if (!mem->severed && fsk_mem_link_is_down(pair))
		sever(mem);
	else if (!mem->severed && mem->cork_due)
		fsk_mem_cork_expired(mem);
	spin_unlock(&sk->sk_lock.slock);
	local_bh_enable();
}
