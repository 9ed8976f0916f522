// SPDX-License-Identifier: GPL-2.0
/* Packets of IPv4 that are only tried out: their routes, in and out. */

#include <linux/netdevice.h>
#include <linux/security.h>
#include <linux/skbuff.h>
#include <net/ip.h>
#include <net/route.h>
#include <net/tcp.h>
#include <net/xfrm.h>

#include "base/tuple.h"
#include "inet/ipv4.h"
#include "inet/known.h"

/**
 * fsk_ipv4_tos - type of service that a socket's packets have
 * @sk: socket
 *
 * Context: any.
 * Return: as in the header.
 */
u8 fsk_ipv4_tos(const struct sock *sk)
{
	return READ_ONCE(inet_sk(sk)->tos);
}

/**
 * fsk_ipv4_ttl - time to live that a socket's packets have
 * @sk: socket
 * @dst: the route they take
 *
 * Context: any.
 * Return: hops.
 */
int fsk_ipv4_ttl(const struct sock *sk, struct dst_entry *dst)
{
	int ttl = READ_ONCE(inet_sk(sk)->uc_ttl);

	return ttl < 0 ? ip4_dst_hoplimit(dst) : ttl;
}

/**
 * fsk_ipv4_can_spoof - may a socket have addresses of other hosts?
 * @sk: socket
 *
 * Context: any.
 * Return: true if so.
 */
bool fsk_ipv4_can_spoof(struct sock *sk)
{
	return inet_can_nonlocal_bind(sock_net(sk), inet_sk(sk));
}

/*
 * On loopback TCP's packets bring the route they were sent by, and input
 * routing would refuse 127/8.
 */
static int route_loopback(struct net *net, struct sk_buff *skb)
{
	const struct iphdr *iph = ip_hdr(skb);
	/* Not bound to it: local addresses have devices of their own. */
	struct flowi4 fl4 = {
		.daddr = iph->daddr,
		.saddr = iph->saddr,
	};
	struct rtable *rt = __ip_route_output_key(net, &fl4);

	if (IS_ERR(rt))
		return PTR_ERR(rt);
	skb_dst_set(skb, &rt->dst);
	return 0;
}

/**
 * fsk_ipv4_leave_route - give a packet its route as input has it
 * @net: namespace
 * @skb: packet that came in on @skb->dev
 *
 * Context: RCU read section, BH off.
 * Return: true if it is for this host; @skb has a route then.
 */
bool fsk_ipv4_leave_route(struct net *net, struct sk_buff *skb)
{
	const struct iphdr *iph = ip_hdr(skb);
	int err;

	if (skb->dev->flags & IFF_LOOPBACK)
		err = route_loopback(net, skb);
	else
		err = ip_route_input_noref(skb, iph->daddr, iph->saddr,
					   iph->tos, skb->dev);
	return !err && skb_rtable(skb)->rt_type == RTN_LOCAL;
}

/**
 * fsk_ipv4_is_for_us - is a packet that came in on @skb->dev for this host?
 * @net: namespace
 * @skb: packet
 * @want_route: somebody looks at its route afterwards
 *
 * Context: RCU read section, BH off.
 * Return: true if so.
 */
bool fsk_ipv4_is_for_us(struct net *net, struct sk_buff *skb, bool want_route)
{
	struct in6_addr daddr = fsk_addr_of_v4(ip_hdr(skb)->daddr);
	struct in6_addr saddr = fsk_addr_of_v4(ip_hdr(skb)->saddr);
	bool applies = fsk_ipv4_known_applies(net);
	struct fsk_known_key key;
	bool known = false;

	if (applies) {
		fsk_known_key_in(&key, skb->dev, &daddr, &saddr);
		known = fsk_known(net, &key);
	}
	if (known && !want_route)
		return true;
	if (!fsk_ipv4_leave_route(net, skb))
		return false;
	if (applies && !known)
		fsk_known_add(net, &key, NULL, NULL);
	return true;
}

/* The flow that leaves this end: @t as the packet has it. */
static void out_flow(struct flowi4 *fl4, struct sock *sk, u32 mark,
		     const struct fsk_tuple *t)
{
	flowi4_init_output(fl4, READ_ONCE(sk->sk_bound_dev_if), mark,
			   ip_sock_rt_tos(sk), RT_SCOPE_UNIVERSE, IPPROTO_TCP,
			   inet_sk_flowi_flags(sk), fsk_addr_v4(&t->daddr),
			   fsk_addr_v4(&t->saddr), t->dport, t->sport,
			   sock_net_uid(sock_net(sk), sk));
	security_sk_classify_flow(sk, flowi4_to_flowi_common(fl4));
}

/**
 * fsk_ipv4_answer_route - the route of what a listener sends
 * @lsk: listener
 * @mark: of the packet
 * @t: its addresses, in its own direction
 *
 * Context: RCU read section, BH off.
 * Return: a route, referenced, or an error pointer.
 */
struct dst_entry *fsk_ipv4_answer_route(struct sock *lsk, u32 mark,
					const struct fsk_tuple *t)
{
	bool plain = fsk_ipv4_known_suits(lsk, mark);
	struct net *net = sock_net(lsk);
	struct fsk_known_key key;
	struct dst_entry *dst;
	struct flowi4 fl4;
	struct rtable *rt;

	if (plain) {
		fsk_known_key_out(&key, net, &t->daddr, &t->saddr);
		dst = fsk_known_route(net, &key, NULL);
		if (dst)
			return dst;
	}
	out_flow(&fl4, lsk, mark, t);
	plain = plain && !fl4.flowi4_oif && fsk_ipv4_known_keeps(&fl4);
	rt = __ip_route_output_key(net, &fl4);
	if (IS_ERR(rt))
		return ERR_CAST(rt);
	if (plain)
		fsk_known_add(net, &key, &rt->dst, NULL);
	return &rt->dst;
}

/**
 * fsk_ipv4_xfrm_route - what IPsec makes of a route
 * @sk: socket that sends
 * @dst: its route
 * @mark: of the packet
 * @t: its addresses, in its own direction
 *
 * Context: RCU read section, or process.
 * Return: a route, referenced, or an error pointer.
 */
struct dst_entry *fsk_ipv4_xfrm_route(struct sock *sk, struct dst_entry *dst,
				      u32 mark, const struct fsk_tuple *t)
{
	struct flowi4 fl4;

	out_flow(&fl4, sk, mark, t);
	return xfrm_lookup(sock_net(sk), dst_clone(dst), flowi4_to_flowi(&fl4),
			   sk, 0);
}

/**
 * fsk_ipv4_child_route - the route that inet_csk_route_child_sock() would find
 * @lsk: listener
 * @req: the child's request
 *
 * Context: any.
 * Return: a route, referenced, or NULL to have TCP look it up.
 */
struct dst_entry *fsk_ipv4_child_route(const struct sock *lsk,
				       const struct request_sock *req)
{
	const struct inet_request_sock *ireq = inet_rsk(req);
	struct in6_addr daddr = fsk_addr_of_v4(ireq->ir_rmt_addr);
	struct in6_addr saddr = fsk_addr_of_v4(ireq->ir_loc_addr);
	struct fsk_known_key key;

	if (ireq->ir_iif || !fsk_ipv4_known_suits(lsk, ireq->ir_mark))
		return NULL;
	fsk_known_key_out(&key, sock_net(lsk), &daddr, &saddr);
	return fsk_known_route(sock_net(lsk), &key, NULL);
}
