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
 * rules, addresses, devices and policies do, or the route itself says that it
 * holds no more.  And for a second at most, so that nothing is kept for longer
 * that does neither: of IPv6 a device's carrier, labels of addresses and
 * use_tempaddr.  Only flows are answered whose route depends on nothing but the
 * two addresses: those who ask know whether that is so.
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
#include <net/dst.h>
#include <net/ip6_fib.h>
#include <net/ipv6.h>

#include "base/pernet.h"
#include "inet/known.h"

#define KNOWN_LIFE	HZ	/* jiffies */

/**
 * struct fsk_known - one answer; constant once it can be found
 * @rcu: defers freeing
 * @daddr: where packets go
 * @saddr: where they come from
 * @ifindex: see struct fsk_known_key, as the next two
 * @state: see there
 * @genid: see there
 * @cookie: by which a route of IPv6 knows whether it holds
 * @way: what was chosen for what leaves
 * @dst: route, referenced; may be NULL for what comes in
 * @until: jiffies, when it is no longer believed
 */
struct fsk_known {
	struct rcu_head rcu;
	struct in6_addr daddr;
	struct in6_addr saddr;
	int ifindex;
	int state;
	u32 genid;
	u32 cookie;
	struct fsk_known_way way;
	struct dst_entry *dst;
	unsigned long until;
};

/* As struct fsk_ip's, without a call. */
static u32 genid(const struct net *net, const struct in6_addr *addr)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (unlikely(!ipv6_addr_v4mapped(addr)))
		return atomic_read(&net->ipv6.fib6_sernum);
#endif
	return rt_genid_ipv4(net);
}

/* Counts, among others, when one becomes deprecated, or no longer is. */
static int addr_changes(const struct net *net)
{
#if IS_ENABLED(CONFIG_IPV6)
	return atomic_read(&net->ipv6.dev_addr_genid);
#else
	return 0;
#endif
}

/**
 * fsk_known_key_out - ask by which route packets leave
 * @key: what to fill
 * @net: namespace
 * @daddr: where they go
 * @saddr: where they come from; unspecified if that is to be chosen
 *
 * Context: any.
 */
void fsk_known_key_out(struct fsk_known_key *key, const struct net *net,
		       const struct in6_addr *daddr,
		       const struct in6_addr *saddr)
{
	key->daddr = daddr;
	key->saddr = saddr;
	key->ifindex = 0;
	key->state = ipv6_addr_v4mapped(daddr) ? 0 : addr_changes(net);
	key->genid = genid(net, daddr);
}

/* How strictly are sources of IPv4 checked? */
static int rp_filter(const struct net_device *dev)
{
	struct in_device *in_dev;
	int strict = -1;

	rcu_read_lock();
	in_dev = __in_dev_get_rcu(dev);
	if (in_dev)
		strict = IN_DEV_RPFILTER(in_dev);
	rcu_read_unlock();
	return strict;
}

/**
 * fsk_known_key_in - ask whether packets are for this host
 * @key: what to fill
 * @dev: device they come in by
 * @daddr: where they go
 * @saddr: where they come from
 *
 * Context: any.
 */
void fsk_known_key_in(struct fsk_known_key *key, const struct net_device *dev,
		      const struct in6_addr *daddr,
		      const struct in6_addr *saddr)
{
	key->daddr = daddr;
	key->saddr = saddr;
	key->ifindex = dev->ifindex;
	key->state = ipv6_addr_v4mapped(daddr) ? rp_filter(dev) :
						 addr_changes(dev_net(dev));
	key->genid = genid(dev_net(dev), daddr);
}

static struct fsk_known __rcu **slot_of(const struct net *net,
					const struct fsk_known_key *key)
{
	u32 low = (__force u32)key->daddr->s6_addr32[3] +
		  (__force u32)key->saddr->s6_addr32[3] * 31 + key->ifindex;

	return &fsk_net(net)->known[hash_32(low, ilog2(FSK_KNOWN))];
}

static bool answers(const struct fsk_known *k, const struct fsk_known_key *key)
{
	return k->genid == key->genid && k->ifindex == key->ifindex &&
	       k->state == key->state &&
	       ipv6_addr_equal(&k->daddr, key->daddr) &&
	       ipv6_addr_equal(&k->saddr, key->saddr) &&
	       time_before(jiffies, k->until);
}

/*
 * Of IPv4 the counter says all that ipv4_dst_check() would, which is not
 * exported everywhere.  Routes of IPv6 that go do not advance it.
 */
static bool holds(const struct fsk_known *k)
{
	struct dst_entry *dst = k->dst;

	return !dst || (READ_ONCE(dst->obsolete) == DST_OBSOLETE_FORCE_CHK &&
			(ipv6_addr_v4mapped(&k->daddr) ||
			 dst->ops->check(dst, k->cookie)));
}

/* RCU read section. */
static const struct fsk_known *find(const struct net *net,
				    const struct fsk_known_key *key)
{
	const struct fsk_known *k = rcu_dereference(*slot_of(net, key));

	return k && answers(k, key) && holds(k) ? k : NULL;
}

/**
 * fsk_known - are packets that come in known to be for this host?
 * @net: namespace
 * @key: which packets
 *
 * Context: any.
 * Return: true if so; false also if that has to be looked up.
 */
bool fsk_known(const struct net *net, const struct fsk_known_key *key)
{
	bool known;

	rcu_read_lock();
	known = find(net, key);
	rcu_read_unlock();
	return known;
}

/**
 * fsk_known_route - which route do packets take?
 * @net: namespace
 * @key: which packets
 * @way: where to put what else was chosen, or NULL
 *
 * Context: any.
 * Return: a route, referenced, or NULL if it has to be looked up.
 */
struct dst_entry *fsk_known_route(const struct net *net,
				  const struct fsk_known_key *key,
				  struct fsk_known_way *way)
{
	const struct fsk_known *k;
	struct dst_entry *dst = NULL;

	rcu_read_lock();
	k = find(net, key);
	/* Another answer may have taken its slot meanwhile. */
	if (k && k->dst && dst_hold_safe(k->dst)) {
		dst = k->dst;
		if (way)
			*way = k->way;
	}
	rcu_read_unlock();
	return dst;
}

/* Readers may still look at both: routes, too, outlast a grace period. */
static void drop(struct fsk_known *k)
{
	if (!k)
		return;
	dst_release(k->dst);
	kfree_rcu(k, rcu);
}

/**
 * fsk_known_add - a route was looked up
 * @net: namespace
 * @key: for which packets
 * @dst: the route, to which the caller has a reference; or NULL if it is enough
 *	that packets are for this host
 * @way: what else was chosen, or NULL
 *
 * Without memory nothing is kept.
 *
 * Context: any.
 */
void fsk_known_add(const struct net *net, const struct fsk_known_key *key,
		   struct dst_entry *dst, const struct fsk_known_way *way)
{
	struct fsk_known *k = kmalloc(sizeof(*k), GFP_ATOMIC | __GFP_NOWARN);

	if (!k)
		return;
	k->daddr = *key->daddr;
	k->saddr = *key->saddr;
	k->ifindex = key->ifindex;
	k->state = key->state;
	k->genid = key->genid;
	k->way = way ? *way : (struct fsk_known_way) {};
	k->dst = dst;
	k->cookie = 0;
	k->until = jiffies + KNOWN_LIFE;
	if (dst)
		dst_hold(dst);
	if (dst && !ipv6_addr_v4mapped(key->daddr))
		k->cookie = rt6_get_cookie(container_of(dst, struct rt6_info,
							dst));
	drop(unrcu_pointer(xchg(slot_of(net, key), RCU_INITIALIZER(k))));
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
