/* SPDX-License-Identifier: GPL-2.0 */
/* What was learned lately of routes that depend on nothing but addresses. */
#ifndef _FSK_KNOWN_H
#define _FSK_KNOWN_H

#include <linux/types.h>

struct flowi4;
struct net;
struct net_device;
struct rtable;
struct sock;

/**
 * struct fsk_known_way - what a look-up says beside the route
 * @saddr: the address that packets come from
 * @oif: the flow's @flowi4_oif afterwards; 0 unless the look-up has set it
 */
struct fsk_known_way {
	__be32 saddr;
	int oif;
};

/**
 * struct fsk_known_state - what decides about packets that come in
 * @genid: rt_genid_ipv4()
 * @rp_filter: how strictly sources are checked; -1 if the device takes no IPv4
 */
struct fsk_known_state {
	u32 genid;
	int rp_filter;
};

bool fsk_known_applies(const struct net *net);
bool fsk_known_suits(const struct sock *sk, u32 mark);
bool fsk_known_keeps(const struct flowi4 *fl4);
struct rtable *fsk_known_out(struct net *net, __be32 daddr, __be32 saddr,
			     struct fsk_known_way *way);
void fsk_known_add_out(struct net *net, __be32 daddr, __be32 saddr,
		       struct rtable *rt, const struct fsk_known_way *way);
struct fsk_known_state fsk_known_state(const struct net_device *dev);
bool fsk_known_in(const struct net_device *dev, __be32 daddr, __be32 saddr,
		  struct fsk_known_state now);
void fsk_known_add_in(const struct net_device *dev, __be32 daddr, __be32 saddr,
		      struct fsk_known_state then);
void fsk_known_exit_net(struct net *net);

#endif /* _FSK_KNOWN_H */
