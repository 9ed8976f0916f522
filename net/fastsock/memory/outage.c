// SPDX-License-Identifier: GPL-2.0
/*
 * The end of the stream, resets, and what happens while the link is down.
 *
 * What an end sends while its link is down (link.c) must not arrive before the
 * link is up again, and not at all if the end gives up before.  So its bytes
 * are withheld in the ring (cork.c), the end of the stream waits as
 * @fin_wanted, an urgent byte as @urg_out, and a reset as a bit of
 * fsk_pair.pending.  Time without progress counts as if TCP retransmitted.
 *
 * An end learns of its link from the pair's work item.  Or, when something has
 * changed (fsk_conn_path_fresh()), it looks itself before it sends.
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

/* An end that waits for a route looks for one so soon, then less often. */
#define FSK_MEM_RECHECK_NS	(10 * NSEC_PER_MSEC)
/*
 * For lockdep: the class of an end's spinlock under which the other end's is
 * taken.
 */
#define FSK_WORK_NESTING	2

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
	if (READ_ONCE(mem->pair->unreachable) && !mem->conn.retry_at)
		mem->conn.retry_at = fsk_now() + FSK_MEM_RECHECK_NS;
}

/* The spinlock is held.  What is sent from now on waits. */
static void set_link_down(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;

	mem->link_down = true;
	mem->withholds = true;
	conn->heard_at = fsk_now();
	conn->probes = 0;
	if (mem->stalled_since)
		mem->stalled_since = conn->heard_at;
	fsk_mem_recheck_soon(mem);
	fsk_keepalive_moved(conn);
	fsk_timer_arm(conn);
}

/**
 * fsk_mem_check_link - do the routes still lead to the other end?
 * @mem: connection
 *
 * Called when something has changed.  If they do not, what is written next must
 * not arrive, so the link goes down at once.
 *
 * Context: process; the caller owns the socket.
 */
void fsk_mem_check_link(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;

	if (fsk_mem_link_check_route(mem) || mem->link_down)
		return;
	fsk_mem_lock(mem);
	if (conn->phase != FSK_PH_DEAD)
		set_link_down(mem);
	fsk_mem_unlock(mem);
}

/**
 * fsk_mem_check_link_locked - as fsk_mem_check_link(), with the spinlock
 * @mem: connection
 *
 * Context: the socket's spinlock is held, by its owner if it has one.
 * Return: true if the link is up.
 */
bool fsk_mem_check_link_locked(struct fsk_memory *mem)
{
	if ((mem->link_down || !fsk_conn_path_fresh(&mem->conn)) &&
	    !fsk_mem_link_check_route(mem) && !mem->link_down)
		set_link_down(mem);
	return !mem->link_down;
}

/* The peer knows of the end of the stream; the spinlock is held. */
static void fin_delivered(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;

	fsk_mem_update_snd(mem);
	if (!conn->sk->sk_wmem_queued && conn->phase != FSK_PH_DEAD)
		fsk_state_fin_acked(conn, fsk_now());
}

/* The caller owns the socket. */
static void send_fin(struct fsk_memory *mem)
{
	if (!fsk_mem_notify_peer(mem, FSK_EV_FIN)) {
		fsk_mem_reset_both(mem);
		return;
	}
	rcu_read_lock();
	fsk_mem_lock(mem);
	fin_delivered(mem);
	fsk_mem_unlock(mem);
	rcu_read_unlock();
}

/* Something is to be sent, but not yet: from now on time counts. */
static void await_link(struct fsk_memory *mem)
{
	if (!mem->stalled_since)
		mem->stalled_since = fsk_now();
	fsk_mem_recheck_soon(mem);
	fsk_timer_arm(&mem->conn);
}

/**
 * fsk_mem_send_fin - the program sends no more
 * @mem: connection; its state has already changed, and may do so again
 *
 * Context: process; the caller owns the socket.
 */
void fsk_mem_send_fin(struct fsk_memory *mem)
{
	struct tcp_sock *tp = tcp_sk(mem->conn.sk);
	struct fsk_conn *conn = &mem->conn;

	if (unlikely(!fsk_conn_path_fresh(conn)))
		fsk_mem_check_link(mem);
	fsk_mem_uncork(mem);
	if (conn->phase == FSK_PH_DEAD)
		return;
	mem->fin_sent = true;
	mem->out->starved = false;
	WRITE_ONCE(tp->write_seq, tp->write_seq + 1);
	if (unlikely(mem->link_down)) {
		conn->fin_wanted = true;
		await_link(mem);
		return;
	}
	send_fin(mem);
}

/**
 * fsk_mem_send_reset - tell the other end that the connection is gone
 * @mem: connection
 *
 * Context: process; the caller owns the socket.
 */
void fsk_mem_send_reset(struct fsk_memory *mem)
{
	if (unlikely(!fsk_conn_path_fresh(&mem->conn)))
		fsk_mem_check_link(mem);
	if (unlikely(fsk_mem_link_is_down(mem->pair))) {
		fsk_mem_send_reset_locked(mem);
		return;
	}
	fsk_count_reset(sock_net(mem->conn.sk));
	fsk_mem_notify_peer(mem, FSK_EV_RESET);
}

/*
 * Reset the other end at once, while this end's spinlock may be held: the other
 * one's can only be tried.  Return: false if it was not free, or if bytes that
 * were sent before may still wait for the link.
 */
static bool reset_now(struct fsk_memory *mem)
{
	struct fsk_memory *peer;
	bool done = false;

	if (unlikely(mem->pair->link))
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
 * fsk_mem_send_reset_locked - as fsk_mem_send_reset(), also with the spinlock
 * @mem: connection
 *
 * The other end is reset at once if its spinlock is free, as it usually is:
 * when close() of a listener returns, those who waited for it to accept are to
 * know, as with TCP.  Otherwise the pair's work item does it.
 *
 * Context: socket lock held in either form.
 */
void fsk_mem_send_reset_locked(struct fsk_memory *mem)
{
	fsk_count_reset(sock_net(mem->conn.sk));
	if (!reset_now(mem))
		fsk_mem_defer_to_work(mem->pair, !mem->side, FSK_WORK_RESET);
}

/*
 * Send all that waited for the link.  The pair's work item, with this end's
 * spinlock held; it takes the peer's, too, as nobody else may.
 */
static void set_link_up(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;
	bool fin = conn->fin_wanted;

	mem->link_down = false;
	mem->withholds = conn->corked;
	conn->cork_at = 0;
	conn->fin_wanted = false;
	mem->stalled_since = 0;
	if (!fsk_mem_send_withheld(mem, fin)) {
		fsk_mem_notify_peer(mem, FSK_EV_RESET);
		fsk_mem_process_reset(mem);
		return;
	}
	if (fin)
		fin_delivered(mem);
	else
		fsk_mem_update_snd(mem);
	/* An orphan without bytes to send ends sooner. */
	fsk_timer_arm(conn);
}

/*
 * Is it up again?  With a device back routes may be, of which nobody tells.
 * The spinlock is held.
 */
static bool link_is_back(struct fsk_memory *mem)
{
	struct fsk_pair *pair = mem->pair;

	return !fsk_mem_link_is_down(pair) ||
	       (READ_ONCE(pair->unreachable) && fsk_mem_link_check_route(mem) &&
		!fsk_mem_link_is_down(pair));
}

/* The pair's work item, with this end's spinlock held. */
static void follow_link(struct fsk_memory *mem)
{
	mem->spinlocked = true;
	if (mem->link_down) {
		if (link_is_back(mem))
			set_link_up(mem);
	} else if (fsk_mem_link_is_down(mem->pair)) {
		set_link_down(mem);
	} else if (mem->cork_due) {
		fsk_mem_cork_expired(mem);
	}
	mem->spinlocked = false;
}

/**
 * fsk_mem_process_link - have an end note that its link is down, or up again
 * @pair: the ends
 * @side: which of them; nothing is done unless FSK_WORK_LINK is set for it
 *
 * Also sends what has waited long enough for more.  To send, the other end's
 * spinlock is taken inside this end's.  That cannot deadlock, because nobody
 * but the pair's work item does so, and there is one for both ends.
 *
 * Context: process, work item of @pair; RCU read section.
 */
void fsk_mem_process_link(struct fsk_pair *pair, unsigned int side)
{
	struct fsk_memory *mem;
	struct sock *sk;

	mem = rcu_dereference(pair->end[side]);
	if (!mem || !test_and_clear_bit(FSK_WORK_LINK + side, &pair->pending))
		return;
	sk = mem->conn.sk;
	local_bh_disable();
	spin_lock_nested(&sk->sk_lock.slock, FSK_WORK_NESTING);
	if (!fsk_conn_defer(&mem->conn, FSK_EV_LINK))
		follow_link(mem);
	spin_unlock(&sk->sk_lock.slock);
	local_bh_enable();
}
