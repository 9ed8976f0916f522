/* SPDX-License-Identifier: GPL-2.0 */
/* The reading end of a connection in memory. */
#ifndef _FSK_MEM_RECV_H
#define _FSK_MEM_RECV_H

#include <linux/compiler.h>
#include <linux/socket.h>
#include <linux/types.h>
#include <net/sock.h>
#include <asm/barrier.h>

#include "core/state.h"
#include "memory/memory.h"
#include "memory/ring.h"
#include "memory/window.h"
#include "rel/seq.h"
#include "stream/queue.h"

/* After so many read bytes the receive buffer may grow. */
#define FSK_MEM_TUNE	0x40000U

int fsk_mem_recv(struct sock *sk, struct msghdr *msg, size_t len, int flags);
bool fsk_mem_queue(struct fsk_memory *mem);
bool fsk_mem_fill(struct fsk_memory *mem);
void fsk_mem_made_room(struct fsk_memory *mem);
void fsk_mem_resized(struct fsk_memory *mem);
void fsk_mem_accepted(struct fsk_memory *mem);

/*
 * The reader has taken bytes out of @in, or wants TCP's numbers up to date:
 * does that matter to anybody?  Socket lock held in either form.
 */
static inline void fsk_mem_read_done(struct fsk_memory *mem)
{
	const struct fsk_ring *ring = mem->in;
	struct fsk_conn *conn = &mem->conn;
	u32 window;

	if (unlikely(ring->tail - conn->reported_rcv > FSK_MEM_TUNE)) {
		fsk_conn_info(conn);
		fsk_rx_grow_buffer(conn);
	}
	window = fsk_mem_window(conn->sk);
	if (unlikely(ring->window != window))
		WRITE_ONCE(mem->in->window, window);
	/*
	 * Tail and window, then what others have made of them: pairs with
	 * fsk_mem_update_snd(), fsk_mem_advance_rcv_nxt(),
	 * fsk_mem_count_unread().
	 */
	smp_mb();
	if (unlikely(READ_ONCE(mem->counted)))
		fsk_mem_count_unread(mem);
	/* The writer waits for space, or the window has moved over bytes. */
	if (unlikely(READ_ONCE(ring->waiting) ||
		     fsk_before(READ_ONCE(tcp_sk(conn->sk)->rcv_nxt),
				READ_ONCE(ring->head))))
		fsk_mem_made_room(mem);
}

#endif /* _FSK_MEM_RECV_H */
