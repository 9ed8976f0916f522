/* SPDX-License-Identifier: GPL-2.0 */
/* Entries of conntrack that keep a connection's name from others. */
#ifndef _FSK_CONNTRACK_H
#define _FSK_CONNTRACK_H

#include <linux/netfilter.h>
#include <linux/types.h>
#include <net/sock.h>

#include "inet/ip.h"
#include "inet/netfilter.h"

/**
 * enum fsk_tracked - has conntrack an entry of ours, and for which end?
 * @FSK_TRACKED_NOT: none
 * @FSK_TRACKED_CLIENT: this end is the client
 * @FSK_TRACKED_SERVER: this end is the server
 */
enum fsk_tracked {
	FSK_TRACKED_NOT,
	FSK_TRACKED_CLIENT,
	FSK_TRACKED_SERVER,
};

#if defined(CONFIG_NETFILTER) && IS_ENABLED(CONFIG_NF_CONNTRACK)
void fsk_conntrack_do_open(struct sock *sk, enum fsk_tracked side,
			   u8 *tracked);
void fsk_conntrack_close(struct sock *sk, u8 *tracked);

/* See fsk_conntrack_do_open(). */
static inline void fsk_conntrack_open(struct sock *sk, enum fsk_tracked side,
				      u8 *tracked)
{
	if (unlikely(fsk_nf_hooked(sock_net(sk), fsk_ip_of_sock(sk)->pf,
				   NF_INET_POST_ROUTING)))
		fsk_conntrack_do_open(sk, side, tracked);
}
#else
static inline void fsk_conntrack_open(struct sock *sk, enum fsk_tracked side,
				      u8 *tracked)
{
}

static inline void fsk_conntrack_close(struct sock *sk, u8 *tracked)
{
}
#endif

#endif /* _FSK_CONNTRACK_H */
