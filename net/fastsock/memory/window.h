/* SPDX-License-Identifier: GPL-2.0 */
/* TCP's numbers over a ring. */
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
#include "rel/seq.h"

/* Fewer unread bytes do not count as the socket's memory. */
#define FSK_MEM_COUNT_MIN	4096

void fsk_mem_update_snd(struct fsk_memory *mem);
u32 fsk_mem_rcv_nxt(const struct fsk_memory *mem);
void fsk_mem_advance_rcv_nxt(struct fsk_memory *mem);
void fsk_mem_update_rcv_nxt(struct fsk_memory *mem);
void fsk_mem_count_unread(struct fsk_memory *mem);

/*
 * Bytes that count as received by @sk before it has read them.  TCP reserves a
 * part of sk_rcvbuf for skbs' overhead; a ring has hardly any.
 */
static inline u32 fsk_mem_window(const struct sock *sk)
{
	return min_t(u32, READ_ONCE(sk->sk_rcvbuf), FSK_RING_MAX / 2);
}

/* Does rcv_nxt stand at the end of the window, beyond which there is more? */
static inline bool fsk_mem_rcv_nxt_current(const struct fsk_memory *mem)
{
	smp_mb();	/* head, then tail; pairs with fsk_mem_read_done() */
	return READ_ONCE(mem->in->tail) + mem->in->window ==
	       tcp_sk(mem->conn.sk)->rcv_nxt;
}

/* Has the urgent byte that was announced come into the window? */
static inline bool fsk_mem_urgent_arrived(const struct fsk_memory *mem)
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

/* Are so many bytes unread that @counted is too few? */
static __always_inline bool fsk_mem_count_due(u32 unread, u32 counted,
					      u32 window)
{
	return unread >= FSK_MEM_COUNT_MIN + 2 * counted ||
	       (fsk_mem_nearly_full(unread, window) &&
		!fsk_mem_nearly_full(counted, window));
}

#endif /* _FSK_MEM_WINDOW_H */
