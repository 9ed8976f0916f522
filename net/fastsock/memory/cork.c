// SPDX-License-Identifier: GPL-2.0
/*
 * Bytes that are written but do not go yet: more is to come (TCP_CORK,
 * MSG_MORE), or the link is down, see outage.c.
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
 * fsk_mem_withhold - keep written bytes from the reader for now
 * @mem: connection whose @holds is set
 * @n: bytes that fsk_ring_write() took last
 * @is_urgent: the last of them is urgent
 *
 * Context: process; the caller owns the socket.
 */
void fsk_mem_withhold(struct fsk_memory *mem, u32 n, bool is_urgent)
{
	mem->out->held += n;
	mem->conn.urg_out |= is_urgent;
	smp_mb();	/* memory, then the list: pairs with visit(), pair.c */
	if (list_empty_careful(&mem->pair->holder))
		fsk_pair_holds(mem->pair);
	fsk_mem_recheck_soon(mem);
	fsk_mem_update_snd(mem);
}

/**
 * fsk_mem_cork_written - send of what is withheld what need not wait for more
 * @mem: connection with withheld bytes, whose link is not down
 * @msg: the call that wrote the last of them
 * @is_urgent: the last of them is urgent
 *
 * Bytes that fill a segment need not wait for more, nor does anything if the
 * program says so.  A segment that goes has TCP forget MSG_MORE, for its ack is
 * there at once.
 *
 * Context: process; the caller owns the socket.
 */
void fsk_mem_cork_written(struct fsk_memory *mem, const struct msghdr *msg,
			  bool is_urgent)
{
	u32 n = mem->out->held, mss = tcp_sk(mem->conn.sk)->mss_cache;
	struct fsk_conn *conn = &mem->conn;

	if (conn->corked && !is_urgent)
		n -= n % mss;
	else if (msg->msg_flags & MSG_MORE && !is_urgent && n < mss)
		n = 0;
	if (n && !fsk_mem_push_withheld(mem, n)) {
		fsk_mem_reset_both(mem);
		return;
	}
	if (mem->out->held && (n || !conn->cork_at)) {
		conn->cork_at = fsk_now() + FSK_CORK_NS;
		fsk_timer_arm(conn);
	}
}

/**
 * fsk_loop_uncork - send what waits for more
 * @mem: connected connection
 *
 * Context: process; the caller owns the socket.
 */
void fsk_loop_uncork(struct fsk_memory *mem)
{
	if (mem->out->held && !mem->severed &&
	    !fsk_mem_push_withheld(mem, mem->out->held))
		fsk_mem_reset_both(mem);
}

/**
 * fsk_loop_cork - TCP_CORK has changed
 * @mem: connected connection, whose @corked has
 *
 * Context: process; the caller owns the socket.
 */
void fsk_loop_cork(struct fsk_memory *mem)
{
	if (!mem->conn.corked)
		fsk_loop_uncork(mem);
	mem->holds = mem->severed || mem->conn.corked || mem->out->held;
}

/**
 * fsk_loop_uncork_later - as fsk_loop_uncork(), from a work item
 * @mem: connection
 *
 * Context: socket lock held in either form.
 */
void fsk_loop_uncork_later(struct fsk_memory *mem)
{
	mem->cork_due = true;
	fsk_mem_defer_to_work(mem->pair, mem->side, FSK_LATE_LINE);
}

/**
 * fsk_mem_cork_expired - what waited for more has waited long enough
 * @mem: connection, whose link is not down
 *
 * Context: work item of the pair; the socket's spinlock is held, and no other.
 */
void fsk_mem_cork_expired(struct fsk_memory *mem)
{
	mem->cork_due = false;
	if (mem->out->held && !fsk_mem_push_withheld(mem, mem->out->held)) {
		fsk_mem_notify_peer(mem, FSK_EV_RESET);
		fsk_mem_process_reset(mem);
	}
}
