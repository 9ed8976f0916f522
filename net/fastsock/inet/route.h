/* SPDX-License-Identifier: GPL-2.0 */
/* Can the way to a peer have changed? */
#ifndef _FSK_ROUTE_H
#define _FSK_ROUTE_H

#include <linux/atomic.h>
#include <linux/types.h>

extern atomic_t fsk_route_changes;

struct net;

/*
 * Counts all that may lead a connection elsewhere: routes, IPsec policies and
 * addresses of its namespace, neighbours and devices of all namespaces.
 * @genid: the kernel's own counter of the namespace, see struct fsk_ip.
 */
static inline u32 fsk_route_gen(const atomic_t *genid)
{
	return atomic_read(genid) + atomic_read(&fsk_route_changes);
}

void fsk_route_changed(void);
int fsk_route_init_net(struct net *net);
void fsk_route_exit_net(struct net *net);
int fsk_route_init(void);
void fsk_route_exit(void);

#endif /* _FSK_ROUTE_H */
