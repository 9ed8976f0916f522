// SPDX-License-Identifier: GPL-2.0
/*
 * How one end of a connection in memory tells the other something.
 *
 * LOCKING
 *
 * The writer of a ring is whoever owns the sender's socket, its reader whoever
 * owns the receiver's.  All else that an end changes in the other it changes
 * under the other's socket spinlock.  What must not be changed while somebody
 * owns that socket is left in fsk_conn.deferred for fsk_release_cb().
 *
 * Nobody waits for the other end's spinlock while holding a socket's spinlock.
 * Who holds one and has to tell the other end something leaves it to the pair's
 * work item (fsk_mem_defer_to_work()).  That work item itself may take one in
 * the other (fsk_mem_process_link()), because there is one for both ends.
 *
 * The ends find each other in struct fsk_pair, under RCU.  fsk_pair_kill()
 * takes an end out, under its socket's spinlock or before anybody knows it.
 */

#include <linux/rcupdate.h>
#include <linux/workqueue.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "core/attach.h"
#include "core/conn.h"
#include "core/state.h"
#include "memory/events.h"
#include "memory/link.h"
#include "memory/memory.h"
#include "memory/outage.h"
#include "memory/pair.h"
#include "memory/recv.h"
#include "memory/ring.h"
#include "memory/window.h"
#include "stream/urgent.h"

/* sk_data_ready of sockets that no kernel user has taken over; constant. */
void (*fsk_mem_data_ready)(struct sock *sk);

/* The server's end exists; connect() is about to return. */
static void established(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;

	if (conn->phase != FSK_PH_SYN_SENT ||
	    conn->sk->sk_state != TCP_SYN_SENT)
		return;
	conn->phase = FSK_PH_OPEN;
	fsk_state_established(conn);
}

/*
 * Outside the window: announce it (SIGURG) without the byte, as TCP does;
 * fsk_mem_update_rcv_nxt() delivers the byte later.
 */
static void process_urgent(struct fsk_memory *mem)
{
	fsk_urgent_announced(&mem->conn, mem->urg_in);
	if (mem->urg_in - mem->in->tail < mem->in->window)
		fsk_urgent_byte(&mem->conn, mem->urg_in, mem->urg_byte);
}

/**
 * fsk_mem_process_fin - the peer has ended its stream
 * @mem: connection; it may be dead afterwards
 *
 * TCP's receiver would get the FIN after the last byte, so this waits until the
 * window has that byte (@fin_beyond).  Until then a reset means that the stream
 * is not complete.
 *
 * Context: the socket's spinlock is held, by its owner if it has one; RCU read
 * section.
 */
void fsk_mem_process_fin(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;

	if (sock_flag(conn->sk, SOCK_DONE))
		return;
	mem->fin_beyond = fsk_ring_unread(mem->in) > mem->in->window;
	if (unlikely(mem->fin_beyond))
		return;
	fsk_state_rcv_done(conn->sk);
	fsk_mem_update_rcv_nxt(mem);
	fsk_state_fin(conn);
}

/**
 * fsk_mem_process_reset - the peer has reset the connection
 * @mem: connection; it is dead afterwards
 *
 * Context: the socket's spinlock is held, by its owner if it has one; RCU read
 * section.
 */
void fsk_mem_process_reset(struct fsk_memory *mem)
{
	u32 unread, window = mem->in->window;

	if (unlikely(mem->fin_beyond)) {
		fsk_mem_process_fin(mem);
		if (mem->conn.phase == FSK_PH_DEAD)
			return;
	}
	unread = fsk_ring_unread(mem->in);
	/*
	 * Bytes beyond the window TCP would not have sent yet: they are lost.
	 * Nobody writes any more, so @head is ours.
	 */
	if (unread > window) {
		WRITE_ONCE(mem->in->head, mem->in->tail + window);
		fsk_mem_count_unread(mem);
	}
	fsk_state_reset(&mem->conn);
}

/*
 * A kernel user has taken the socket over (KCM, a storage driver): queue bytes,
 * and call it, as TCP does for each segment, until all is queued.
 */
static void feed(struct fsk_memory *mem)
{
	struct sock *sk = mem->conn.sk;

	fsk_mem_fill(mem);
	do {
		if (!sock_flag(sk, SOCK_DEAD))
			sk->sk_data_ready(sk);
	} while (fsk_mem_fill(mem));
	fsk_mem_read_done(mem);
}

/**
 * fsk_mem_defer_to_work - have the pair's work item tell an end something
 * @pair: the ends
 * @side: which of them is to be told
 * @bit: FSK_WORK_*, what
 *
 * For those who hold a spinlock already.
 *
 * Context: any but hard interrupt.
 */
void fsk_mem_defer_to_work(struct fsk_pair *pair, unsigned int side,
			   unsigned int bit)
{
	set_bit(bit + side, &pair->pending);
	fsk_pair_queue(pair);
}

/**
 * fsk_mem_run_events - do what the other end wants
 * @mem: connection; it may be dead afterwards
 * @events: FSK_EV_*
 *
 * Context: the socket's spinlock is held, by its owner if it has one; RCU read
 * section, BH disabled.
 */
void fsk_mem_run_events(struct fsk_memory *mem, unsigned int events)
{
	struct fsk_conn *conn = &mem->conn;

	if (conn->phase == FSK_PH_DEAD)
		return;
	mem->spinlocked = true;
	if (events & FSK_EV_CONNECTED)
		established(mem);
	if (events & FSK_EV_URGENT)
		process_urgent(mem);
	if (events & FSK_EV_READABLE)
		feed(mem);
	if (events & FSK_EV_FIN)
		fsk_mem_process_fin(mem);
	if (events & FSK_EV_RESET && conn->phase != FSK_PH_DEAD)
		fsk_mem_process_reset(mem);
	if (events & FSK_EV_SPACE && conn->phase != FSK_PH_DEAD)
		fsk_mem_update_snd(mem);
	/* The work item, for it has to take the other end's spinlock, too. */
	if (events & FSK_EV_LINK && conn->phase != FSK_PH_DEAD)
		fsk_mem_defer_to_work(mem->pair, mem->side, FSK_WORK_LINK);
	mem->spinlocked = false;
}

/**
 * fsk_mem_post_event - run events of an end, now or when its owner lets go
 * @mem: the end
 * @event: FSK_EV_*
 *
 * Context: the spinlock of its socket is held, but not by its owner; BH
 * disabled, RCU read section.
 */
void fsk_mem_post_event(struct fsk_memory *mem, unsigned int event)
{
	/* As fsk_conn_notify(), without looking for the function. */
	if (!fsk_conn_defer(&mem->conn, event))
		fsk_mem_run_events(mem, event);
}

/**
 * fsk_mem_notify_peer - have the other end run events
 * @mem: this end
 * @event: FSK_EV_*
 *
 * Context: process; the caller owns this end's socket and holds no spinlock, or
 * is the pair's work item.
 * Return: false if there is no other end any more.
 */
bool fsk_mem_notify_peer(struct fsk_memory *mem, unsigned int event)
{
	struct fsk_memory *peer;

	rcu_read_lock_bh();
	peer = fsk_mem_peer(mem);
	if (peer) {
		spin_lock(&peer->conn.sk->sk_lock.slock);
		fsk_mem_post_event(peer, event);
		spin_unlock(&peer->conn.sk->sk_lock.slock);
	}
	rcu_read_unlock_bh();
	return peer;
}

/**
 * fsk_mem_reset_both - nobody will read what was written: reset both ends
 * @mem: this end; it is dead afterwards
 *
 * With TCP the other end's host would have answered the bytes by a reset.
 *
 * Context: process; the caller owns the socket.
 */
void fsk_mem_reset_both(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;

	fsk_mem_notify_peer(mem, FSK_EV_RESET);
	rcu_read_lock();
	fsk_mem_lock(mem);
	if (conn->phase != FSK_PH_DEAD)
		fsk_mem_process_reset(mem);
	fsk_mem_unlock(mem);
	rcu_read_unlock();
}

/* Tell an end what was left to the work item, but for its link. */
static void run_pending(struct fsk_pair *pair, unsigned int side)
{
	unsigned int events = 0;
	struct fsk_memory *mem;

	/* It does not get through a link that is down, and waits for it. */
	if (!fsk_mem_link_is_down(pair) &&
	    test_and_clear_bit(FSK_WORK_RESET + side, &pair->pending))
		events |= FSK_EV_RESET;
	if (test_and_clear_bit(FSK_WORK_SPACE + side, &pair->pending))
		events |= FSK_EV_SPACE;
	mem = rcu_dereference(pair->end[side]);
	if (!mem || !events)
		return;
	spin_lock_bh(&mem->conn.sk->sk_lock.slock);
	fsk_mem_post_event(mem, events);
	spin_unlock_bh(&mem->conn.sk->sk_lock.slock);
}

/**
 * fsk_mem_peer_work - tell the ends what was left to the pair's work item
 * @work: of a struct fsk_pair; its reference on the pair is dropped
 *
 * Context: process.
 */
void fsk_mem_peer_work(struct work_struct *work)
{
	struct fsk_pair *pair = container_of(work, struct fsk_pair, work);
	unsigned int side;

	rcu_read_lock();
	/* First, or a reset could overtake bytes that waited for the link. */
	for (side = 0; side < 2; side++)
		fsk_mem_process_link(pair, side);
	for (side = 0; side < 2; side++)
		run_pending(pair, side);
	rcu_read_unlock();
	fsk_pair_put(pair);
}

static int note_data_ready(struct sock *sk)
{
	fsk_mem_data_ready = sk->sk_data_ready;
	return 0;
}

/**
 * fsk_mem_init - learn the sk_data_ready that sockets start with
 *
 * Context: process, module load.
 * Return: 0 or a negative errno.
 */
int fsk_mem_init(void)
{
	return fsk_conn_sample(note_data_ready);
}
