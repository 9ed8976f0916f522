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
#include "rel/rel.h"
#include "stream/queue.h"

/* After so many read bytes the receive buffer may grow. */
#define FSK_LOOP_TUNE	0x40000U

int fsk_loop_recv(struct sock *sk, struct msghdr *msg, size_t len, int flags);
bool fsk_loop_queue(struct fsk_memory *mem);
bool fsk_loop_fill(struct fsk_memory *mem);
void fsk_loop_taken(struct fsk_memory *mem);
void fsk_loop_resized(struct fsk_memory *mem);
void fsk_loop_accepted(struct sock *sk);

/*
 * The reader of the ring @in has taken bytes: does that matter to anybody?
 * Socket lock held in either form.
 */
static inline void fsk_loop_read(struct fsk_memory *mem)
{
	const struct fsk_ring *ring = mem->in;
	struct fsk_conn *conn = &mem->conn;
	u32 window;

	if (unlikely(ring->tail - conn->reported_rcv > FSK_LOOP_TUNE)) {
		fsk_conn_info(conn);
		fsk_rx_grow_buffer(conn);
	}
	window = fsk_loop_window(conn->sk);
	if (unlikely(ring->window != window))
		WRITE_ONCE(mem->in->window, window);
	/* Pairs with fsk_mem_update_snd(), fsk_loop_show() and the count. */
	smp_mb();
	if (unlikely(READ_ONCE(mem->counted)))
		fsk_loop_count(mem);
	/* Somebody waits for space, or bytes came to stand in the window. */
	if (unlikely(READ_ONCE(ring->waiting) ||
		     fsk_before(READ_ONCE(tcp_sk(conn->sk)->rcv_nxt),
				READ_ONCE(ring->head))))
		fsk_loop_taken(mem);
}

#endif /* _FSK_MEM_RECV_H */
