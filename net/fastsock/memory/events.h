/* SPDX-License-Identifier: GPL-2.0 */
/* How one end of a connection in memory tells the other something. */
#ifndef _FSK_MEM_EVENTS_H
#define _FSK_MEM_EVENTS_H

#include <linux/compiler.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "base/compat.h"
#include "core/conn.h"
#include "memory/memory.h"
#include "memory/pair.h"

struct work_struct;

extern void (*fsk_mem_data_ready)(struct sock *sk);

void fsk_mem_process_fin(struct fsk_memory *mem);
void fsk_mem_process_reset(struct fsk_memory *mem);
void fsk_mem_run_events(struct fsk_memory *mem, unsigned int events);
void fsk_mem_post_event(struct fsk_memory *mem, unsigned int event);
bool fsk_mem_notify_peer(struct fsk_memory *mem, unsigned int event);
void fsk_mem_reset_both(struct fsk_memory *mem);
void fsk_mem_defer_to_work(struct fsk_pair *pair, unsigned int side,
			   unsigned int bit);
void fsk_mem_peer_work(struct work_struct *work);
int fsk_mem_init(void);

/* The other end, NULL once it is dead; RCU read section, of either kind. */
static inline struct fsk_memory *fsk_mem_peer(const struct fsk_memory *mem)
{
	return rcu_dereference_check(mem->pair->end[!mem->side],
				     rcu_read_lock_bh_held());
}

/*
 * Take the spinlock of this end's socket, which the caller owns, for calls that
 * need it, and may call back.
 */
static inline void fsk_mem_lock(struct fsk_memory *mem)
	__acquires(&mem->conn.sk->sk_lock.slock)
{
	spin_lock_bh(&mem->conn.sk->sk_lock.slock);
	mem->spinlocked = true;
}

static inline void fsk_mem_unlock(struct fsk_memory *mem)
	__releases(&mem->conn.sk->sk_lock.slock)
{
	mem->spinlocked = false;
	spin_unlock_bh(&mem->conn.sk->sk_lock.slock);
}

/* Has the program closed its socket, so that bytes are answered by a reset? */
static inline bool fsk_mem_rcv_closed(const struct fsk_memory *mem)
{
	const struct sock *sk = mem->conn.sk;

	return (1 << sk->sk_state) & (TCPF_FIN_WAIT1 | TCPF_FIN_WAIT2) &&
	       sk->sk_shutdown & RCV_SHUTDOWN;
}

/* What sock_def_readable() does, for a caller who is in an RCU read section. */
static __always_inline void fsk_mem_wake_plain(struct sock *sk)
{
	struct socket_wq *wq = rcu_dereference_check(sk->sk_wq,
						     rcu_read_lock_bh_held());

	if (skwq_has_sleeper(wq))
		wake_up_interruptible_sync_poll(&wq->wait, EPOLLIN | EPOLLPRI |
						EPOLLRDNORM | EPOLLRDBAND);
	sk_wake_async(sk, SOCK_WAKE_WAITD, POLL_IN);
}

/*
 * Wake who waits for bytes at the other end.  No spinlock may be held: kernel
 * users expect to be called with the socket's.  Process, RCU read section.
 */
static __always_inline void fsk_mem_wake_reader(struct fsk_memory *peer)
{
	struct sock *sk = peer->conn.sk;

	if (likely(sk->sk_data_ready == fsk_mem_data_ready)) {
		fsk_trace_data_ready(sk);
		fsk_mem_wake_plain(sk);
		return;
	}
	spin_lock_bh(&sk->sk_lock.slock);
	fsk_mem_post_event(peer, FSK_EV_READABLE);
	spin_unlock_bh(&sk->sk_lock.slock);
}

#endif /* _FSK_MEM_EVENTS_H */
