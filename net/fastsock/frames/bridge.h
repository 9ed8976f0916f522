/* SPDX-License-Identifier: GPL-2.0 */
/* Bridges of this host between the ends of a connection. */
#ifndef _FSK_BRIDGE_H
#define _FSK_BRIDGE_H

#include <linux/errno.h>

struct net;

#ifdef CONFIG_NETFILTER_FAMILY_BRIDGE
int fsk_bridge_watch(struct net *net);
void fsk_bridge_pre_exit_net(struct net *net);
#else
static inline int fsk_bridge_watch(struct net *net)
{
	return 0;
}

static inline void fsk_bridge_pre_exit_net(struct net *net)
{
}
#endif

#endif /* _FSK_BRIDGE_H */
