// SPDX-License-Identifier: GPL-2.0
/* Packets of IPv6 that are only tried out: their routes, in and out. */

#include <linux/inetdevice.h>
#include <linux/netdevice.h>
#include <linux/security.h>
#include <linux/skbuff.h>
#include <net/addrconf.h>
#include <net/ip6_fib.h>
#include <net/ip6_route.h>
#include <net/tcp.h>
#include <net/xfrm.h>

#include "base/tuple.h"
#include "inet/ipv6.h"
#include "inet/known.h"

#if IS_ENABLED(CONFIG_IPV6)
/**
 * fsk_ipv6_tos - traffic class that a socket's packets have
 * @sk: socket
 *
 * Context: any.
 * Return: as in the header.
 */
u8 fsk_ipv6_tos(const struct sock *sk)
{
	return inet6_sk(sk)->tclass;
}

/**
 * fsk_ipv6_ttl - hop limit that a socket's packets have
 * @sk: socket
 * @dst: the route they take
 *
 * Context: any.
 * Return: hops.
 */
int fsk_ipv6_ttl(const struct sock *sk, struct dst_entry *dst)
{
	int hops = inet6_sk(sk)->hop_limit;
	const struct inet6_dev *idev;

	if (hops >= 0)
		return hops;
	hops = dst_metric_raw(dst, RTAX_HOPLIMIT);
	if (hops)
		return hops;
	rcu_read_lock();
	idev = __in6_dev_get(dst->dev);
	hops = idev ? READ_ONCE(idev->cnf.hop_limit) : IPV6_DEFAULT_HOPLIMIT;
	rcu_read_unlock();
	return hops;
}

/**
 * fsk_ipv6_can_spoof - may a socket have addresses of other hosts?
 * @sk: socket
 *
 * Context: any.
 * Return: true if so.
 */
bool fsk_ipv6_can_spoof(struct sock *sk)
{
	return ipv6_can_nonlocal_bind(sock_net(sk), inet_sk(sk));
}

/* On loopback TCP's packets bring the route they were sent by. */
static struct dst_entry *route_loopback(struct net *net, struct sk_buff *skb,
					struct flowi6 *fl6)
{
	if (fsk_ipv6_link_local(&fl6->daddr))
		fl6->flowi6_oif = IP6CB(skb)->iif;
	fl6->flowi6_mark = 0;
	return fsk_ipv6_route_output(NULL, net, fl6);
}

static struct dst_entry *route_in(struct net *net, struct sk_buff *skb)
{
	const struct ipv6hdr *iph = ipv6_hdr(skb);
	struct flowi6 fl6 = {
		.daddr = iph->daddr,
		.saddr = iph->saddr,
		.flowlabel = ip6_flowinfo(iph),
		.flowi6_mark = skb->mark,
		.flowi6_proto = IPPROTO_TCP,
		.fl6_dport = tcp_hdr(skb)->dest,
		.fl6_sport = tcp_hdr(skb)->source,
	};

	if (skb->dev->flags & IFF_LOOPBACK)
		return route_loopback(net, skb, &fl6);
	return fsk_ipv6_route_input(skb->dev, &fl6, skb);
}

/* The same, perhaps from memory. */
static struct dst_entry *known_in(struct net *net, struct sk_buff *skb)
{
	const struct ipv6hdr *iph = ipv6_hdr(skb);
	struct fsk_known_key key;
	struct dst_entry *dst;

	if (!fsk_ipv6_known_applies(net, &iph->daddr, &iph->saddr))
		return route_in(net, skb);
	fsk_known_key_in(&key, skb->dev, &iph->daddr, &iph->saddr);
	dst = fsk_known_route(net, &key, NULL);
	if (dst)
		return dst;
	dst = route_in(net, skb);
	if (!IS_ERR(dst))
		fsk_known_add(net, &key, dst, NULL);
	return dst;
}

/**
 * fsk_ipv6_leave_route - give a packet its route as input has it
 * @net: namespace
 * @skb: packet that came in on @skb->dev
 *
 * The route of what crosses loopback also says by which device it is taken to
 * come in.
 *
 * Context: RCU read section, BH off.
 * Return: true if it is for this host; @skb has a route then.
 */
bool fsk_ipv6_leave_route(struct net *net, struct sk_buff *skb)
{
	struct dst_entry *dst = known_in(net, skb);
	const struct inet6_dev *idev;

	if (IS_ERR(dst))
		return false;
	skb_dst_set(skb, dst);
	idev = ip6_dst_idev(dst);
	if (skb->dev->flags & IFF_LOOPBACK && idev)
		IP6CB(skb)->iif = idev->dev->ifindex;
	return fsk_ipv6_is_local(dst);
}

/**
 * fsk_ipv6_is_for_us - is a packet that came in on @skb->dev for this host?
 * @net: namespace
 * @skb: packet
 * @want_route: somebody looks at its route afterwards
 *
 * Context: RCU read section, BH off.
 * Return: true if so.
 */
bool fsk_ipv6_is_for_us(struct net *net, struct sk_buff *skb, bool want_route)
{
	return fsk_ipv6_leave_route(net, skb);
}

/* The flow that leaves this end: @t as the packet has it. */
static void out_flow(struct flowi6 *fl6, struct sock *sk, u32 mark,
		     const struct fsk_tuple *t)
{
	*fl6 = (struct flowi6) {
		.daddr = t->daddr,
		.saddr = t->saddr,
		.flowi6_oif = READ_ONCE(sk->sk_bound_dev_if),
		.flowi6_mark = mark,
		.flowi6_proto = IPPROTO_TCP,
		.flowi6_uid = sock_net_uid(sock_net(sk), sk),
		.fl6_dport = t->dport,
		.fl6_sport = t->sport,
	};
	if (!fl6->flowi6_oif && fsk_ipv6_link_local(&t->daddr))
		fl6->flowi6_oif = t->iif;
	security_sk_classify_flow(sk, flowi6_to_flowi_common(fl6));
}

/**
 * fsk_ipv6_answer_route - the route of what a listener sends
 * @lsk: listener
 * @mark: of the packet
 * @t: its addresses, in its own direction
 *
 * Context: RCU read section, BH off.
 * Return: a route, referenced, or an error pointer.
 */
struct dst_entry *fsk_ipv6_answer_route(struct sock *lsk, u32 mark,
					const struct fsk_tuple *t)
{
	bool plain = fsk_ipv6_known_suits(lsk, mark, &t->daddr, &t->saddr);
	struct net *net = sock_net(lsk);
	struct fsk_known_key key;
	struct dst_entry *dst;
	struct flowi6 fl6;

	if (plain) {
		fsk_known_key_out(&key, net, &t->daddr, &t->saddr);
		dst = fsk_known_route(net, &key, NULL);
		if (dst)
			return dst;
	}
	out_flow(&fl6, lsk, mark, t);
	/* A listener's owner may have bound it to a device meanwhile. */
	plain = plain && !fl6.flowi6_oif;
	dst = fsk_ipv6_route_output(lsk, net, &fl6);
	if (plain && !IS_ERR(dst))
		fsk_known_add(net, &key, dst, NULL);
	return dst;
}

/**
 * fsk_ipv6_xfrm_route - what IPsec makes of a route
 * @sk: socket that sends
 * @dst: its route
 * @mark: of the packet
 * @t: its addresses, in its own direction
 *
 * Context: RCU read section, or process.
 * Return: a route, referenced, or an error pointer.
 */
struct dst_entry *fsk_ipv6_xfrm_route(struct sock *sk, struct dst_entry *dst,
				      u32 mark, const struct fsk_tuple *t)
{
	struct flowi6 fl6;

	out_flow(&fl6, sk, mark, t);
	return xfrm_lookup(sock_net(sk), dst_clone(dst), flowi6_to_flowi(&fl6),
			   sk, 0);
}

/**
 * fsk_ipv6_child_route - the route that inet6_csk_route_req() would find
 * @lsk: listener
 * @req: the child's request
 *
 * Context: any.
 * Return: a route, referenced, or NULL to have TCP look it up.
 */
struct dst_entry *fsk_ipv6_child_route(const struct sock *lsk,
				       const struct request_sock *req)
{
	const struct inet_request_sock *ireq = inet_rsk(req);
	const struct in6_addr *daddr = &ireq->ir_v6_rmt_addr;
	const struct in6_addr *saddr = &ireq->ir_v6_loc_addr;
	struct fsk_known_key key;

	if (ireq->ir_iif ||
	    !fsk_ipv6_known_suits(lsk, ireq->ir_mark, daddr, saddr))
		return NULL;
	fsk_known_key_out(&key, sock_net(lsk), daddr, saddr);
	return fsk_known_route(sock_net(lsk), &key, NULL);
}
#endif /* CONFIG_IPV6 */
