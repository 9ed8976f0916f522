/* SPDX-License-Identifier: GPL-2.0 */
/* Routes and neighbours. */
#ifndef _FSK_IPV4_H
#define _FSK_IPV4_H

#include <linux/types.h>
#include <net/net_namespace.h>
#include <net/route.h>
#include <net/xfrm.h>

struct flowi4;
struct net_device;
struct sock;

/* Does an IPsec policy judge what leaves?  Those of single sockets apart. */
static inline bool fsk_ipv4_xfrm_judges_out(const struct net *net)
{
#ifdef CONFIG_XFRM
	return READ_ONCE(net->xfrm.policy_count[XFRM_POLICY_OUT]) ||
	       READ_ONCE(net->xfrm.policy_default[XFRM_POLICY_OUT]) !=
	       XFRM_USERPOLICY_ACCEPT;
#else
	return false;
#endif
}

/* Not to the destination itself: to a router, or through a light tunnel. */
static inline bool fsk_ipv4_route_leads_on(const struct rtable *rt)
{
	return rt->rt_uses_gateway || rt->dst.lwtstate;
}

bool fsk_ipv4_neighbour(struct net_device *dev, __be32 addr, u8 *mac);
bool fsk_ipv4_neighbour_is(struct net_device *dev, __be32 addr, const u8 *mac);
void fsk_ipv4_resolve(struct net_device *dev, __be32 addr, bool ask, u8 *mac);

struct rtable *fsk_ipv4_route(struct sock *sk, struct flowi4 *fl4);
struct rtable *fsk_ipv4_kept_route(struct sock *sk);
bool fsk_ipv4_elsewhere(struct sock *sk);
int fsk_ipv4_route_reason(const struct rtable *rt);
bool fsk_ipv4_is_ours(const struct sock *sk);

bool fsk_ipv4_ports_matter(const struct net *net);
bool fsk_ipv4_route_plain(const struct sock *sk);
struct rtable *fsk_ipv4_first_route(const struct sock *sk, __be32 *daddr);
struct rtable *fsk_ipv4_connect_route(struct sock *sk, struct flowi4 *fl4,
				      __be32 daddr, __be16 dport);
void fsk_ipv4_init(void);
u32 fsk_ipv4_txhash(void);
int fsk_ipv4_bind_and_hash(struct sock *sk, struct flowi4 *fl4, __be16 dport,
			   struct rtable **rtp);

#endif /* _FSK_IPV4_H */
