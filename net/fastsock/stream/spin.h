/* SPDX-License-Identifier: GPL-2.0 */
/* A reader looks for a while before it sleeps. */
#ifndef _FSK_SPIN_H
#define _FSK_SPIN_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <net/sock.h>

#include "base/pernet.h"

struct fsk_post;

/**
 * struct fsk_spin - one wait of a reader
 * @ahead: unread bytes that do not end the wait, because it has seen them
 * @post: buffer that the reader has posted; NULL if none
 * @want: bytes in @post that end the wait
 * @state: sk_state when the wait began
 * @max: ns, net.fastsock.spin_us
 * @own: ns, what the connection has learnt
 * @limit: ns, so long it may spin
 * @start: ns of local_clock(), when the wait began; 0 if nothing is to be
 *	learnt from it
 *
 * The caller sets the first three.
 */
struct fsk_spin {
	u32 ahead;
	const struct fsk_post *post;
	size_t want;
	u8 state;
	u32 max;
	u32 own;
	u64 limit;
	u64 start;
};

/* SO_BUSY_POLL, which net.core.busy_read initialises: microseconds. */
static inline unsigned int fsk_busy_poll(const struct sock *sk)
{
#ifdef CONFIG_NET_RX_BUSY_POLL
	return READ_ONCE(sk->sk_ll_usec);
#else
	return 0;
#endif
}

/* Some namespace has, or had, spin_us: looking it up costs. */
extern bool fsk_spin_used;

/* Is there anybody who wants readers of @sk to spin?  Any context. */
static inline bool fsk_spin_wanted(const struct sock *sk)
{
	return fsk_busy_poll(sk) ||
	       (READ_ONCE(fsk_spin_used) &&
		READ_ONCE(fsk_net(sock_net(sk))->spin_us));
}

bool fsk_spin_begin(struct fsk_spin *spin, const struct sock *sk);
bool fsk_spin_wait(const struct fsk_spin *spin, const struct sock *sk,
		   long *timeo);
bool fsk_spin_over(const struct fsk_spin *spin, const struct sock *sk);
void fsk_spin_slept(const struct fsk_spin *spin, struct sock *sk);
void __fsk_spin_slept(const struct fsk_spin *spin, struct sock *sk);

#endif /* _FSK_SPIN_H */
