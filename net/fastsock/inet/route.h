/* SPDX-License-Identifier: GPL-2.0 */
/* Can the way to a peer have changed? */
#ifndef _FSK_ROUTE_H
#define _FSK_ROUTE_H

#include <linux/atomic.h>
#include <linux/types.h>
#include <net/net_namespace.h>
#include <net/sock.h>

extern atomic_t fsk_route_changes;

/*
 * Counts all that may lead a connection elsewhere: routes, IPsec policies and
 * addresses of its namespace, neighbours and devices of all namespaces.
 */
static inline u32 fsk_route_gen(const struct sock *sk)
{
	return rt_genid_ipv4(sock_net(sk)) + atomic_read(&fsk_route_changes);
}

void fsk_route_changed(void);
int fsk_route_init(void);
void fsk_route_exit(void);

#endif /* _FSK_ROUTE_H */
