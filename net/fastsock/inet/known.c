// SPDX-License-Identifier: GPL-2.0
/*
 * Routes that were looked up lately.
 *
 * To open a connection TCP looks up five routes, of which most are the same for
 * all connections between two hosts.  Here the answers are kept: by which route
 * packets leave, and that packets on a device are for this host.
 *
 * An answer counts for as long as the kernel would go on using a route that a
 * socket keeps: until the counter of the namespace advances, which routes,
 * rules, addresses, devices and policies do, or the route is marked as
 * obsolete.  And for a second at most, so that nothing is kept for longer that
 * advances no counter.  Only flows are answered whose route depends on nothing
 * but the two addresses.
 *
 * A reference on a route keeps neither its device nor its namespace: a device
 * that is unregistered is taken away from all routes, as from those that
 * sockets keep.  A route is held until another takes its slot, or the namespace
 * ends.
 */

#include <linux/hash.h>
#include <linux/inetdevice.h>
#include <linux/jiffies.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <net/ip_fib.h>
#include <net/route.h>
#include <net/sock.h>

#include "base/pernet.h"
#include "inet/ipv4.h"
#include "inet/known.h"

#define KNOWN_LIFE	HZ	/* jiffies */

/**
 * struct fsk_known - one answer; constant once it can be found
 * @rcu: defers freeing
 * @rt: route of what leaves, referenced; NULL for what comes in
 * @until: jiffies, when it is no longer believed
 * @daddr: where packets go
 * @saddr: where they come from; 0 for what leaves before that is chosen
 * @way: what was chosen for what leaves
 * @ifindex: device that packets come in by; 0 for what leaves
 * @state: fsk_known_state() before the look-up of what comes in
 */
struct fsk_known {
	struct rcu_head rcu;
	struct rtable *rt;
	unsigned long until;
	__be32 daddr;
	__be32 saddr;
	struct fsk_known_way way;
	int ifindex;
	struct fsk_known_state state;
};

/**
 * fsk_known_applies - may routes depend on nothing but addresses?
 * @net: namespace
 *
 * Context: any.
 * Return: false if rules, IPsec or the choice among several ways look at more.
 */
bool fsk_known_applies(const struct net *net)
{
#ifdef CONFIG_IP_ROUTE_MULTIPATH
	if (READ_ONCE(net->ipv4.sysctl_fib_multipath_use_neigh))
		return false;
#endif
	return !fsk_ipv4_ports_matter(net);
}

/**
 * fsk_known_suits - do this socket's routes depend on nothing but addresses?
 * @sk: client or listener
 * @mark: of the packets
 *
 * Context: any.
 * Return: true if so.
 */
bool fsk_known_suits(const struct sock *sk, u32 mark)
{
	return !mark && !READ_ONCE(sk->sk_bound_dev_if) &&
	       !READ_ONCE(inet_sk(sk)->tos) &&
	       !sock_flag(sk, SOCK_LOCALROUTE) && !inet_sk_flowi_flags(sk) &&
	       fsk_known_applies(sock_net(sk));
}

/**
 * fsk_known_keeps - may what is found for this flow be remembered?
 * @fl4: flow of a socket that fsk_known_suits(), whose options may have changed
 *	since it was looked at
 *
 * Context: any.
 * Return: true if so.
 */
bool fsk_known_keeps(const struct flowi4 *fl4)
{
	return !fl4->flowi4_tos && !fl4->flowi4_flags &&
	       fl4->flowi4_scope == RT_SCOPE_UNIVERSE;
}

static struct fsk_known __rcu **slot_of(const struct net *net, __be32 daddr,
					__be32 saddr, int ifindex)
{
	u32 key = (__force u32)daddr + (__force u32)saddr * 31 + ifindex;

	return &fsk_net(net)->known[hash_32(key, ilog2(FSK_KNOWN))];
}

/* RCU read section. */
static const struct fsk_known *find(const struct net *net, __be32 daddr,
				    __be32 saddr, int ifindex)
{
	const struct fsk_known *k;

	k = rcu_dereference(*slot_of(net, daddr, saddr, ifindex));
	if (k && k->daddr == daddr && k->saddr == saddr &&
	    k->ifindex == ifindex && time_before(jiffies, k->until))
		return k;
	return NULL;
}

/* Readers are gone: nothing else would keep the route while they look at it. */
static void free_known(struct rcu_head *rcu)
{
	struct fsk_known *k = container_of(rcu, struct fsk_known, rcu);

	if (k->rt)
		ip_rt_put(k->rt);
	kfree(k);
}

static void drop(struct fsk_known *k)
{
	if (k)
		call_rcu(&k->rcu, free_known);
}

/* Without memory nothing is kept. */
static void add(const struct net *net, const struct fsk_known *what)
{
	struct fsk_known *k;

	k = kmemdup(what, sizeof(*what), GFP_ATOMIC | __GFP_NOWARN);
	if (!k)
		return;
	if (k->rt)
		dst_hold(&k->rt->dst);
	k->until = jiffies + KNOWN_LIFE;
	drop(unrcu_pointer(xchg(slot_of(net, k->daddr, k->saddr, k->ifindex),
				RCU_INITIALIZER(k))));
}

/* As ipv4_dst_check(), which is not exported everywhere. */
static bool is_valid(const struct net *net, const struct rtable *rt)
{
	return READ_ONCE(rt->dst.obsolete) == DST_OBSOLETE_FORCE_CHK &&
	       rt->rt_genid == rt_genid_ipv4(net);
}

/**
 * fsk_known_out - by which route do packets leave?
 * @net: namespace
 * @daddr: where to
 * @saddr: where from; 0 if that is to be chosen
 * @way: where to put what else was chosen
 *
 * Context: any; of a flow that fsk_known_suits().
 * Return: a route, referenced, or NULL if it has to be looked up.
 */
struct rtable *fsk_known_out(struct net *net, __be32 daddr, __be32 saddr,
			     struct fsk_known_way *way)
{
	const struct fsk_known *k;
	struct rtable *rt = NULL;

	rcu_read_lock();
	k = find(net, daddr, saddr, 0);
	if (k && is_valid(net, k->rt)) {
		rt = k->rt;
		dst_hold(&rt->dst);
		*way = k->way;
	}
	rcu_read_unlock();
	return rt;
}

/**
 * fsk_known_add_out - a route was looked up
 * @net: namespace
 * @daddr: where to
 * @saddr: where from; 0 if that was to be chosen
 * @rt: the route; the caller has a reference
 * @way: what else was chosen
 *
 * Context: any; of a flow that fsk_known_suits().
 */
void fsk_known_add_out(struct net *net, __be32 daddr, __be32 saddr,
		       struct rtable *rt, const struct fsk_known_way *way)
{
	const struct fsk_known what = {
		.rt = rt, .daddr = daddr, .saddr = saddr, .way = *way,
	};

	add(net, &what);
}

/**
 * fsk_known_state - on what it depends whether packets are for this host
 * @dev: device they come in by
 *
 * To be asked before that is looked up.
 *
 * Context: any.
 * Return: what to give to fsk_known_in() and fsk_known_add_in().
 */
struct fsk_known_state fsk_known_state(const struct net_device *dev)
{
	struct fsk_known_state now = {
		.genid = rt_genid_ipv4(dev_net(dev)), .rp_filter = -1,
	};
	struct in_device *in_dev;

	rcu_read_lock();
	in_dev = __in_dev_get_rcu(dev);
	if (in_dev)
		now.rp_filter = IN_DEV_RPFILTER(in_dev);
	rcu_read_unlock();
	return now;
}

/**
 * fsk_known_in - are packets that come in for this host?
 * @dev: device they come in by
 * @daddr: where they go
 * @saddr: where they come from
 * @now: fsk_known_state()
 *
 * Context: any; where fsk_known_applies().
 * Return: true if so; false also if that has to be looked up.
 */
bool fsk_known_in(const struct net_device *dev, __be32 daddr, __be32 saddr,
		  struct fsk_known_state now)
{
	const struct net *net = dev_net(dev);
	const struct fsk_known *k;
	bool yes;

	rcu_read_lock();
	k = find(net, daddr, saddr, dev->ifindex);
	yes = k && k->state.genid == now.genid &&
	      k->state.rp_filter == now.rp_filter;
	rcu_read_unlock();
	return yes;
}

/**
 * fsk_known_add_in - packets were found to be for this host
 * @dev: device they come in by
 * @daddr: where they go
 * @saddr: where they come from
 * @then: fsk_known_state() before that was looked up
 *
 * Context: any; where fsk_known_applies().
 */
void fsk_known_add_in(const struct net_device *dev, __be32 daddr, __be32 saddr,
		      struct fsk_known_state then)
{
	const struct fsk_known what = {
		.daddr = daddr, .saddr = saddr, .ifindex = dev->ifindex,
		.state = then,
	};

	add(dev_net(dev), &what);
}

/**
 * fsk_known_exit_net - forget everything; nobody connects any more
 * @net: namespace
 *
 * Context: process.
 */
void fsk_known_exit_net(struct net *net)
{
	struct fsk_net *fn = fsk_net(net);
	unsigned int i;

	for (i = 0; i < FSK_KNOWN; i++)
		drop(unrcu_pointer(xchg(&fn->known[i], NULL)));
}
