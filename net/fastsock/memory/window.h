/* SPDX-License-Identifier: GPL-2.0 */
/* What TCP would know of a ring: its numbers, and the memory of sockets. */
#ifndef _FSK_MEM_WINDOW_H
#define _FSK_MEM_WINDOW_H

#include <linux/compiler.h>
#include <linux/minmax.h>
#include <linux/types.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <asm/barrier.h>

#include "memory/memory.h"
#include "memory/ring.h"
#include "rel/rel.h"

/* Fewer unread bytes do not count as the socket's memory. */
#define FSK_LOOP_COUNT		4096

void fsk_mem_update_snd(struct fsk_memory *mem);
u32 fsk_mem_received(const struct fsk_memory *mem);
void fsk_mem_show_bytes(struct fsk_memory *mem);
void fsk_loop_show(struct fsk_memory *mem);
void fsk_loop_count(struct fsk_memory *mem);

/*
 * Bytes that count as received by @sk before it reads them.  TCP's buffer holds
 * nearly as many where segments are large, and a ring costs little beyond its
 * bytes.
 */
static inline u32 fsk_loop_window(const struct sock *sk)
{
	return min_t(u32, READ_ONCE(sk->sk_rcvbuf), FSK_RING_MAX / 2);
}

/* More than the window holds is unread: has all of that been shown already? */
static inline bool fsk_mem_all_shown(const struct fsk_memory *mem)
{
	smp_mb();	/* head, then tail: pairs with fsk_loop_read() */
	return READ_ONCE(mem->in->tail) + mem->in->window ==
	       tcp_sk(mem->conn.sk)->rcv_nxt;
}

/* Has the urgent byte that was announced come into the window? */
static inline bool fsk_mem_urgent_came(const struct fsk_memory *mem)
{
	const struct tcp_sock *tp = tcp_sk(mem->conn.sk);

	return tp->urg_data == TCP_URG_NOTYET &&
	       tp->urg_seq == mem->urg_in &&
	       fsk_before(mem->urg_in, tp->rcv_nxt);
}

/* Would poll() call the receive buffer full?  See tcp_rmem_pressure(). */
static __always_inline bool fsk_mem_nearly_full(u32 bytes, u32 window)
{
	return bytes > window - window / 8;
}

/* Are so many unread that what counts of them is too few? */
static __always_inline bool fsk_mem_count_due(u32 unread, u32 counted,
					      u32 window)
{
	return unread >= FSK_LOOP_COUNT + 2 * counted ||
	       (fsk_mem_nearly_full(unread, window) &&
		!fsk_mem_nearly_full(counted, window));
}

#endif /* _FSK_MEM_WINDOW_H */
