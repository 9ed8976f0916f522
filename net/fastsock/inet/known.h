/* SPDX-License-Identifier: GPL-2.0 */
/* What was learned lately of routes that depend on nothing but addresses. */
#ifndef _FSK_KNOWN_H
#define _FSK_KNOWN_H

#include <linux/types.h>

struct net;
struct net_device;
struct rtable;
struct sock;

bool fsk_known_applies(const struct net *net);
bool fsk_known_suits(const struct sock *sk, u32 mark);
struct rtable *fsk_known_out(struct net *net, __be32 daddr, __be32 saddr,
			     __be32 *source);
void fsk_known_add_out(struct net *net, __be32 daddr, __be32 saddr,
		       struct rtable *rt, __be32 source);
bool fsk_known_in(const struct net_device *dev, __be32 daddr, __be32 saddr);
void fsk_known_add_in(const struct net_device *dev, __be32 daddr, __be32 saddr,
		      u32 genid);
void fsk_known_exit_net(struct net *net);

#endif /* _FSK_KNOWN_H */
