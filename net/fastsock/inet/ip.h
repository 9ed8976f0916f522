/* SPDX-License-Identifier: GPL-2.0 */
/* What differs between connections of IPv4 and of IPv6. */
#ifndef _FSK_IP_H
#define _FSK_IP_H

#include <linux/atomic.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <linux/types.h>
#include <net/dst.h>
#include <net/flow.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include <net/xfrm.h>

#include "base/stats.h"
#include "base/tuple.h"

struct neighbour;
struct net;
struct net_device;
struct request_sock;
struct sk_buff;

/**
 * struct fsk_ip - the operations of one of the two
 * @pf: NFPROTO_IPV4 or NFPROTO_IPV6, which are AF_INET and AF_INET6, too
 * @header_len: bytes of its header
 * @ethertype: of its packets
 * @hello: FSK_HELLO_* that a peer must have said to have such connections
 * @genid: counts what may lead a namespace's packets elsewhere
 *
 * Neighbours:
 * @find_neighbour: the entry of an address on a device, in an RCU read section
 * @make_neighbour: the same, referenced, and made if there is none
 *
 * Routes:
 * @route: the one by which TCP would send now, of a connected socket
 * @stored_route: the one that a socket keeps, if it still holds; the socket
 *	references it
 * @store_route: have a socket keep a route; it gets the caller's reference
 * @store_genid: @genid at which a kept route was looked up
 * @route_type: RTN_*
 * @leads_on: not to the destination itself, but by a router or a tunnel
 * @is_ours: has this host still the address of a connected socket's end?
 * @has_rules: are there rules that choose among tables of routes?
 *
 * To connect:
 * @option_reason: what only TCP can do for this socket: FSK_ACCEPT, or the enum
 *	fsk_reason to delegate with
 * @route_plain: does a socket's route depend on nothing but the destination?
 * @first_route: where would a connect() lead, ports aside?
 * @connect_route: the route by which TCP would connect, and its flow
 * @bind_and_hash: take addresses and a port exactly as TCP does
 * @tuple_of: what a client's socket is called that has its full name
 *
 * Packets that are only tried out, see policy.c:
 * @tos: type of service, or traffic class, that a socket sends with
 * @ttl: time to live, or hop limit, by a route
 * @is_for_us: is what came in on @skb->dev for this host?  Leaves a route if
 *	@want_route, which may have no reference.  RCU, BH off
 * @leave_route: give an skb its route as input has it; the same context
 * @answer_route: the route of what a listener sends
 * @xfrm_route: what IPsec makes of a route that a socket's packets take
 * @can_spoof: may a socket have addresses of other hosts?
 *
 * Listeners:
 * @find_listener: the one that TCP would give a SYN to.  BH off, RCU; it is
 *	not referenced
 * @find_established: the socket of the server's end of a name, referenced
 * @fill_req: the names in a request
 * @child_route: a child's route, referenced, or NULL to have TCP look it up
 *
 * A route is referenced unless another thing is said; flows are filled.
 */
struct fsk_ip {
	u8 pf;
	u8 header_len;
	u8 hello;
	__be16 ethertype;
	const atomic_t *(*genid)(const struct net *net);

	struct neighbour *(*find_neighbour)(struct net_device *dev,
					    const struct in6_addr *addr);
	struct neighbour *(*make_neighbour)(struct net_device *dev,
					    const struct in6_addr *addr);

	struct dst_entry *(*route)(struct sock *sk, struct flowi *fl);
	struct dst_entry *(*stored_route)(struct sock *sk);
	void (*store_route)(struct sock *sk, struct dst_entry *dst);
	u32 (*store_genid)(const struct sock *sk, struct dst_entry *dst);
	u8 (*route_type)(const struct dst_entry *dst);
	bool (*leads_on)(const struct dst_entry *dst);
	bool (*is_ours)(const struct sock *sk, struct net_device *dev);
	bool (*has_rules)(const struct net *net);

	int (*option_reason)(const struct sock *sk);
	bool (*route_plain)(const struct sock *sk);
	struct dst_entry *(*first_route)(struct sock *sk,
					 struct fsk_tuple *to);
	struct dst_entry *(*connect_route)(struct sock *sk, struct flowi *fl,
					   struct fsk_tuple *to);
	int (*bind_and_hash)(struct sock *sk, struct flowi *fl, __be16 dport,
			     struct dst_entry **dst);
	struct fsk_tuple (*tuple_of)(const struct sock *sk);

	u8 (*tos)(const struct sock *sk);
	int (*ttl)(const struct sock *sk, struct dst_entry *dst);
	bool (*is_for_us)(struct net *net, struct sk_buff *skb,
			  bool want_route);
	bool (*leave_route)(struct net *net, struct sk_buff *skb);
	struct dst_entry *(*answer_route)(struct sock *lsk, u32 mark,
					  const struct fsk_tuple *t);
	struct dst_entry *(*xfrm_route)(struct sock *sk, struct dst_entry *dst,
					u32 mark, const struct fsk_tuple *t);
	bool (*can_spoof)(struct sock *sk);

	struct sock *(*find_listener)(struct net_device *dev,
				      const struct fsk_tuple *t);
	struct sock *(*find_established)(struct net_device *dev,
					 const struct fsk_tuple *t);
	void (*fill_req)(struct request_sock *req, const struct sock *lsk,
			 const struct net_device *dev,
			 const struct fsk_tuple *t);
	struct dst_entry *(*child_route)(const struct sock *lsk,
					 const struct request_sock *req);
};

extern const struct fsk_ip fsk_ipv4;
extern const struct fsk_ip fsk_ipv6;

/* By what a connection runs that has this address. */
static inline const struct fsk_ip *fsk_ip_by_addr(const struct in6_addr *addr)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (unlikely(!ipv6_addr_v4mapped(addr)))
		return &fsk_ipv6;
#endif
	return &fsk_ipv4;
}

static inline const struct fsk_ip *fsk_ip_of(const struct fsk_tuple *t)
{
	return fsk_ip_by_addr(&t->daddr);
}

/*
 * By what a socket's connection runs: one of AF_INET6 may be one of IPv4.  The
 * caller knows that it has the server's address, or its client's.
 */
static inline const struct fsk_ip *fsk_ip_of_sock(const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (unlikely(sk->sk_family == AF_INET6))
		return fsk_ip_by_addr(&sk->sk_v6_daddr);
#endif
	return &fsk_ipv4;
}

/* Does an IPsec policy judge what leaves?  Those of single sockets apart. */
static inline bool fsk_ip_xfrm_judges_out(const struct net *net)
{
#ifdef CONFIG_XFRM
	return READ_ONCE(net->xfrm.policy_count[XFRM_POLICY_OUT]) ||
	       READ_ONCE(net->xfrm.policy_default[XFRM_POLICY_OUT]) !=
	       XFRM_USERPOLICY_ACCEPT;
#else
	return false;
#endif
}

/* See struct fsk_ip. */
static inline struct fsk_tuple fsk_tuple_of(const struct sock *sk)
{
	return fsk_ip_of_sock(sk)->tuple_of(sk);
}

bool fsk_ip_neighbour(struct net_device *dev, const struct in6_addr *addr,
		      u8 *mac);
bool fsk_ip_neighbour_is(struct net_device *dev, const struct in6_addr *addr,
			 const u8 *mac);
void fsk_ip_resolve(struct net_device *dev, const struct in6_addr *addr,
		    bool ask, u8 *mac);

struct dst_entry *fsk_ip_kept_route(struct sock *sk);
bool fsk_ip_elsewhere(struct sock *sk);
int fsk_ip_route_reason(const struct fsk_ip *ip, const struct dst_entry *dst);

u32 fsk_ip_txhash(void);
void fsk_ip_init(void);

#endif /* _FSK_IP_H */
