/* SPDX-License-Identifier: GPL-2.0 */
/* Connections within the host: two sockets that share memory. */
#ifndef _FSK_LOOP_H
#define _FSK_LOOP_H

#include <linux/socket.h>
#include <linux/types.h>
#include <net/sock.h>

#include "core/state.h"
#include "frames/rx.h"
#include "memory/memory.h"
#include "memory/ring.h"
#include "rel/rel.h"

struct fsk_tuple;
struct net_device;

/* So many bytes, and TCP_INFO's counters of 64 bits are brought up to date. */
#define FSK_LOOP_TELL	0x40000000U
/* After so many read bytes likewise, and the receive buffer may grow. */
#define FSK_LOOP_TUNE	0x40000U

int fsk_loop_init(void);
bool fsk_loop_usable(const struct net_device *dev);
u32 fsk_loop_mtu(const struct net_device *dev);
int fsk_loop_write(struct fsk_memory *mem, struct msghdr *msg, long *timeo,
		   size_t *copied);
int fsk_loop_send(struct sock *sk, struct msghdr *msg, size_t size);
int fsk_loop_recv(struct sock *sk, struct msghdr *msg, size_t len, int flags);
bool fsk_loop_queue(struct fsk_memory *mem);
bool fsk_loop_fill(struct fsk_memory *mem);
void fsk_loop_show(struct fsk_memory *mem);
void fsk_loop_taken(struct fsk_memory *mem);
void fsk_loop_count(struct fsk_memory *mem);
void fsk_loop_resized(struct fsk_memory *mem);
void fsk_loop_retry(struct fsk_memory *mem);
void fsk_loop_urgent(struct fsk_memory *mem);
void fsk_loop_accepted(struct sock *sk);
void fsk_loop_fin(struct fsk_memory *mem);
void fsk_loop_reset(struct fsk_memory *mem);
void fsk_loop_reset_later(struct fsk_memory *mem);
void fsk_loop_cork(struct fsk_memory *mem);
void fsk_loop_uncork(struct fsk_memory *mem);
void fsk_loop_uncork_later(struct fsk_memory *mem);
void fsk_loop_late(struct work_struct *work);
void fsk_loop_run(struct fsk_memory *mem, unsigned int events);
bool fsk_loop_look(struct fsk_memory *mem);
void fsk_loop_leave(struct fsk_memory *mem);
void fsk_loop_unhook(struct fsk_memory *mem);

/*
 * Bytes that count as received by @sk before it reads them.  TCP's buffer holds
 * nearly as many where segments are large, and a ring costs little beyond its
 * bytes.
 */
static inline u32 fsk_loop_window(const struct sock *sk)
{
	return min_t(u32, READ_ONCE(sk->sk_rcvbuf), FSK_RING_MAX / 2);
}

/*
 * The reader of the ring @in has taken bytes: does that matter to anybody?
 * Socket lock held in either form.
 */
static inline void fsk_loop_read(struct fsk_memory *mem)
{
	const struct fsk_ring *ring = mem->in;
	struct fsk_conn *conn = &mem->conn;
	u32 window;

	if (unlikely(ring->tail - conn->told_rcv > FSK_LOOP_TUNE)) {
		fsk_conn_info(conn);
		fsk_rx_grow_buffer(conn);
	}
	window = fsk_loop_window(conn->sk);
	if (unlikely(ring->window != window))
		WRITE_ONCE(mem->in->window, window);
	/* Pairs with update(), fsk_loop_show() and fsk_loop_count(). */
	smp_mb();
	if (unlikely(READ_ONCE(mem->counted)))
		fsk_loop_count(mem);
	/* Somebody waits for space, or bytes came to stand in the window. */
	if (unlikely(READ_ONCE(ring->waiting) ||
		     fsk_before(READ_ONCE(tcp_sk(conn->sk)->rcv_nxt),
				READ_ONCE(ring->head))))
		fsk_loop_taken(mem);
}

#endif /* _FSK_LOOP_H */
