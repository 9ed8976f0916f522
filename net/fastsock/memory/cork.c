// SPDX-License-Identifier: GPL-2.0
/*
 * Bytes that a program has written and its peer does not get yet.
 *
 * They are in the ring, beyond its head (fsk_ring.withheld), because the
 * program wants full segments (TCP_CORK, MSG_MORE) or because the link is down,
 * see outage.c.  While either may be so @withholds is set, which alone is what
 * send() looks at.
 */

#include <linux/list.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "core/conn.h"
#include "core/timer.h"
#include "memory/cork.h"
#include "memory/events.h"
#include "memory/memory.h"
#include "memory/outage.h"
#include "memory/pair.h"
#include "memory/ring.h"
#include "memory/send.h"
#include "memory/window.h"

/**
 * fsk_mem_withhold - do not let the reader see written bytes yet
 * @mem: connection whose @withholds is set
 * @n: how many, those that fsk_ring_write() took last
 * @is_urgent: the last of them is urgent
 *
 * Context: process; the caller owns the socket.
 */
void fsk_mem_withhold(struct fsk_memory *mem, u32 n, bool is_urgent)
{
	mem->out->withheld += n;
	mem->conn.urg_out |= is_urgent;
	smp_mb();	/* memory, then the list: pairs with reclaim_pair() */
	if (list_empty_careful(&mem->pair->reclaim_node))
		fsk_pair_add_to_reclaim(mem->pair);
	fsk_mem_recheck_soon(mem);
	fsk_mem_update_snd(mem);
}

/**
 * fsk_mem_cork_written - send those withheld bytes that need not wait for more
 * @mem: connection with withheld bytes, whose link is not down
 * @msg: the call that wrote the last of them
 * @is_urgent: the last of them is urgent
 *
 * With TCP_CORK all that fills segments goes, with MSG_MORE everything once a
 * segment is full: TCP would get the ack of that segment at once, and then send
 * the rest.  Urgent bytes, and those of a call without MSG_MORE, do not wait.
 *
 * Context: process; the caller owns the socket.
 */
void fsk_mem_cork_written(struct fsk_memory *mem, const struct msghdr *msg,
			  bool is_urgent)
{
	u32 n = mem->out->withheld, mss = tcp_sk(mem->conn.sk)->mss_cache;
	struct fsk_conn *conn = &mem->conn;

	if (conn->corked && !is_urgent)
		n -= n % mss;
	else if (msg->msg_flags & MSG_MORE && !is_urgent && n < mss)
		n = 0;
	if (n && !fsk_mem_push_withheld(mem, n)) {
		fsk_mem_reset_both(mem);
		return;
	}
	if (mem->out->withheld && (n || !conn->cork_at)) {
		conn->cork_at = fsk_now() + FSK_CORK_NS;
		fsk_timer_arm(conn);
	}
}

/**
 * fsk_mem_uncork - send what waits for more, unless the link is down
 * @mem: connected connection
 *
 * Context: process; the caller owns the socket.
 */
void fsk_mem_uncork(struct fsk_memory *mem)
{
	if (mem->out->withheld && !mem->link_down &&
	    !fsk_mem_push_withheld(mem, mem->out->withheld))
		fsk_mem_reset_both(mem);
}

/**
 * fsk_mem_cork - TCP_CORK has changed
 * @mem: connected connection, whose @corked has
 *
 * Context: process; the caller owns the socket.
 */
void fsk_mem_cork(struct fsk_memory *mem)
{
	if (!mem->conn.corked)
		fsk_mem_uncork(mem);
	mem->withholds = mem->link_down || mem->conn.corked ||
			 mem->out->withheld;
}

/**
 * fsk_mem_uncork_later - as fsk_mem_uncork(), by the pair's work item
 * @mem: connection
 *
 * Context: socket lock held in either form.
 */
void fsk_mem_uncork_later(struct fsk_memory *mem)
{
	mem->cork_due = true;
	fsk_mem_defer_to_work(mem->pair, mem->side, FSK_WORK_LINK);
}

/**
 * fsk_mem_cork_expired - send what has waited for more for long enough
 * @mem: connection, whose link is not down
 *
 * Context: the pair's work item, with the spinlock of this end's socket.
 */
void fsk_mem_cork_expired(struct fsk_memory *mem)
{
	mem->cork_due = false;
	if (mem->out->withheld &&
	    !fsk_mem_push_withheld(mem, mem->out->withheld)) {
		fsk_mem_notify_peer(mem, FSK_EV_RESET);
		fsk_mem_process_reset(mem);
	}
}
