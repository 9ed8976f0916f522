// SPDX-License-Identifier: GPL-2.0
/*
 * How one end of a connection in memory tells the other something.
 *
 * LOCKING
 *
 * The writer of a ring is whoever owns the sender's socket, its reader whoever
 * owns the receiver's.  All else that an end changes in the other is changed
 * under the other's socket spinlock, and, while somebody owns the socket, left
 * in fsk_conn.deferred for fsk_release_cb().  Nobody waits for the other end's
 * spinlock while holding a socket's spinlock: whoever has to tell the other end
 * something then leaves it to a work item (fsk_loop_reset_later()).  That work
 * item itself may (fsk_mem_link_changed()): there is one for both ends.
 *
 * The ends know each other through struct fsk_pair, under RCU: fsk_conn_kill()
 * takes an end out, under its socket's spinlock or before anybody knows it.
 */

#include <linux/rcupdate.h>
#include <linux/workqueue.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "core/conn.h"
#include "core/state.h"
#include "memory/events.h"
#include "memory/memory.h"
#include "memory/outage.h"
#include "memory/pair.h"
#include "memory/recv.h"
#include "memory/ring.h"
#include "memory/window.h"
#include "stream/urgent.h"

void (*fsk_mem_data_ready)(struct sock *sk);

static void established(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;

	if (conn->phase != FSK_PH_SYN_SENT ||
	    conn->sk->sk_state != TCP_SYN_SENT)
		return;
	conn->phase = FSK_PH_OPEN;
	fsk_state_established(conn);
}

/* Beyond the window it is known of, but not there; fsk_loop_show() has it. */
static void urgent(struct fsk_memory *mem)
{
	fsk_urgent_announced(&mem->conn, mem->urg_in);
	if (mem->urg_in - mem->in->tail < mem->in->window)
		fsk_urgent_byte(&mem->conn, mem->urg_in, mem->urg_byte);
}

/**
 * fsk_mem_process_fin - the writer has sent its last byte
 * @mem: connection; it may be dead afterwards
 *
 * When the window has that byte, so does TCP's receiver.  Until then a reset
 * must be seen to have cut the stream short.
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
	fsk_loop_show(mem);
	fsk_state_fin(conn);
}

/**
 * fsk_mem_process_reset - the other end says that the connection is gone
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
	/* What TCP would not have sent yet is lost.  Nobody writes any more. */
	if (unread > window) {
		WRITE_ONCE(mem->in->head, mem->in->tail + window);
		fsk_loop_count(mem);
	}
	fsk_state_reset(&mem->conn);
}

/* A kernel user has taken the socket over: as TCP hands it bytes. */
static void feed(struct fsk_memory *mem)
{
	struct sock *sk = mem->conn.sk;

	fsk_loop_fill(mem);
	do {
		if (!sock_flag(sk, SOCK_DEAD))
			sk->sk_data_ready(sk);
	} while (fsk_loop_fill(mem));
	fsk_loop_read(mem);
}

/**
 * fsk_mem_defer_to_work - tell an end from where its lock must not be taken
 * @pair: the ends
 * @side: which of them is to be told
 * @bit: FSK_LATE_*, what
 *
 * Context: any but hard interrupt.
 */
void fsk_mem_defer_to_work(struct fsk_pair *pair, unsigned int side,
			   unsigned int bit)
{
	set_bit(bit + side, &pair->late);
	fsk_pair_queue(pair);
}

/**
 * fsk_loop_run - do what the other end wants
 * @mem: connection; it may be dead afterwards
 * @events: FSK_EV_*
 *
 * Context: socket lock held in either form, RCU read section, BH disabled.
 */
void fsk_loop_run(struct fsk_memory *mem, unsigned int events)
{
	struct fsk_conn *conn = &mem->conn;

	if (conn->phase == FSK_PH_DEAD)
		return;
	if (events & FSK_EV_CONNECTED)
		established(mem);
	if (events & FSK_EV_URGENT)
		urgent(mem);
	if (events & FSK_EV_READABLE)
		feed(mem);
	if (events & FSK_EV_FIN)
		fsk_mem_process_fin(mem);
	if (events & FSK_EV_RESET && conn->phase != FSK_PH_DEAD)
		fsk_mem_process_reset(mem);
	if (events & FSK_EV_SPACE && conn->phase != FSK_PH_DEAD)
		fsk_mem_update_snd(mem);
	/* This lock is not the one to speak to the other end under. */
	if (events & FSK_EV_LINE && conn->phase != FSK_PH_DEAD)
		fsk_mem_defer_to_work(mem->pair, mem->side, FSK_LATE_LINE);
}

/**
 * fsk_mem_post_event - run events of an end, now or when its owner lets go
 * @mem: the end
 * @event: FSK_EV_*
 *
 * Context: the spinlock of its socket is held, not by its owner; BH disabled,
 * RCU read section.
 */
void fsk_mem_post_event(struct fsk_memory *mem, unsigned int event)
{
	struct fsk_conn *conn = &mem->conn;

	if (conn->phase == FSK_PH_DEAD)
		return;
	if (sock_owned_by_user(conn->sk))
		conn->deferred |= event;
	else
		fsk_loop_run(mem, event);
}

/**
 * fsk_mem_notify_peer - run events of the other end
 * @mem: this end
 * @event: FSK_EV_*
 *
 * Context: process; the caller owns this end's socket, or is the pair's work
 * item.
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
 * fsk_mem_reset_both - nobody will read what was written
 * @mem: connection
 *
 * As if TCP had got a reset in answer to it.
 *
 * Context: process; the caller owns the socket.
 */
void fsk_mem_reset_both(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;

	fsk_mem_notify_peer(mem, FSK_EV_RESET);
	rcu_read_lock();
	spin_lock_bh(&conn->sk->sk_lock.slock);
	if (conn->phase != FSK_PH_DEAD)
		fsk_mem_process_reset(mem);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
	rcu_read_unlock();
}

static void late_events(struct fsk_pair *pair, unsigned int side)
{
	unsigned int events = 0;
	struct fsk_memory *mem;

	/* Not heard while the line is cut; looked at again when it is whole. */
	if (!fsk_mem_link_is_down(pair) &&
	    test_and_clear_bit(FSK_LATE_RESET + side, &pair->late))
		events |= FSK_EV_RESET;
	if (test_and_clear_bit(FSK_LATE_SPACE + side, &pair->late))
		events |= FSK_EV_SPACE;
	mem = rcu_dereference(pair->end[side]);
	if (!mem || !events)
		return;
	spin_lock_bh(&mem->conn.sk->sk_lock.slock);
	fsk_mem_post_event(mem, events);
	spin_unlock_bh(&mem->conn.sk->sk_lock.slock);
}

/**
 * fsk_loop_late - tell the ends what could not be told at once
 * @work: of a struct fsk_pair, which is referenced
 *
 * Context: process.
 */
void fsk_loop_late(struct work_struct *work)
{
	struct fsk_pair *pair = container_of(work, struct fsk_pair, work);
	unsigned int side;

	rcu_read_lock();
	/* First, or a reset could overtake what was held before it. */
	for (side = 0; side < 2; side++)
		fsk_mem_link_changed(pair, side);
	for (side = 0; side < 2; side++)
		late_events(pair, side);
	rcu_read_unlock();
	fsk_pair_put(pair);
}

static int look_at_data_ready(struct sock *sk)
{
	fsk_mem_data_ready = sk->sk_data_ready;
	return 0;
}

/**
 * fsk_loop_init - learn what sockets start with
 *
 * Context: process, module load.
 * Return: 0 or a negative errno.
 */
int fsk_loop_init(void)
{
	return fsk_conn_sample(look_at_data_ready);
}
