// SPDX-License-Identifier: GPL-2.0
/*
 * Can the way to a peer have changed?
 *
 * TCP asks the routing code before each packet whether its route still holds.
 * Who sends without it remembers the generation at which its way was found good
 * (fsk_route_gen()), and asks again once that has advanced.  It is the sum of
 * two counters that only grow: the kernel's own of the namespace, which routes,
 * rules, addresses and IPsec policies advance, and one of this file for
 * neighbours and devices, and for routes of IPv6 that go: these the kernel does
 * not count.
 */

#include <linux/etherdevice.h>
#include <linux/hash.h>
#include <linux/inetdevice.h>
#include <linux/netdevice.h>
#include <linux/jhash.h>
#include <net/addrconf.h>
#include <net/fib_notifier.h>
#include <net/neighbour.h>
#include <net/netevent.h>
#include <net/netns/hash.h>

#include "base/pernet.h"
#include "inet/route.h"

#define ROUTE_NEIGH_BITS	12

atomic_t fsk_route_changes;

/*
 * What was heard last of each neighbour: its address in the upper 48 bits, a
 * hash of what it is the neighbour of in the lower 16.  Most events only say
 * that a neighbour is still where it was.
 */
static u64 route_neighbours[1 << ROUTE_NEIGH_BITS];

/**
 * fsk_route_changed - something has changed that may lead packets elsewhere
 *
 * Context: any.
 */
void fsk_route_changed(void)
{
	atomic_inc(&fsk_route_changes);
}

/* A neighbour's address, or with IPv6 a hash of it. */
static u32 address(const struct neighbour *n)
{
	const u32 *key = (const u32 *)n->primary_key;

	return n->tbl->family == AF_INET6 ? jhash2(key, 4, 0) : *key;
}

/* Is it news that the neighbour @n is at @mac? */
static bool is_news(const struct neighbour *n, const u8 *mac)
{
	u64 whose = (u64)address(n) << 32 | (u32)n->dev->ifindex;
	u64 hash = (whose ^ net_hash_mix(dev_net(n->dev))) * GOLDEN_RATIO_64;
	u64 *slot = &route_neighbours[hash >> (64 - ROUTE_NEIGH_BITS)];
	u64 now = ether_addr_to_u64(mac) << 16 | (u16)(hash >> 32);

	if (READ_ONCE(*slot) == now)
		return false;
	WRITE_ONCE(*slot, now);
	return true;
}

#if IS_ENABLED(CONFIG_IPV6)
/* Registering fails while routes change, which they cannot do for ever. */
#define FIB_RETRIES	100

/* Called in atomic context. */
static int fib_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	const struct fsk_net *fn = container_of(nb, struct fsk_net, fib_nb);
	const struct fib_notifier_info *info = ptr;

	if (info->family == AF_INET6 && READ_ONCE(fn->open) &&
	    (event == FIB_EVENT_ENTRY_DEL || event == FIB_EVENT_ENTRY_REPLACE))
		fsk_route_changed();
	return NOTIFY_DONE;
}

/**
 * fsk_route_init_net - begin to watch a namespace's routes
 * @net: namespace
 *
 * Context: process, may sleep.
 * Return: 0 or a negative errno of the notifier chain.
 */
int fsk_route_init_net(struct net *net)
{
	struct notifier_block *nb = &fsk_net(net)->fib_nb;
	int err, i;

	nb->notifier_call = fib_event;
	for (i = 0; i < FIB_RETRIES; i++) {
		err = register_fib_notifier(net, nb, NULL, NULL);
		if (err != -EBUSY)
			break;
		cond_resched();
	}
	return err;
}

/**
 * fsk_route_exit_net - undo fsk_route_init_net()
 * @net: namespace
 *
 * It waits for a grace period.  A namespace that goes need not: its chain goes
 * with it, and what is heard until then does no harm.
 *
 * Context: process, may sleep.
 */
void fsk_route_exit_net(struct net *net)
{
	unregister_fib_notifier(net, &fsk_net(net)->fib_nb);
}
#else
int fsk_route_init_net(struct net *net)
{
	return 0;
}

void fsk_route_exit_net(struct net *net)
{
}
#endif /* CONFIG_IPV6 */

/* Called in atomic context. */
static int netevent(struct notifier_block *nb, unsigned long event, void *ptr)
{
	u8 mac[MAX_ADDR_LEN] __aligned(2);
	struct neighbour *n = ptr;

	if (event != NETEVENT_NEIGH_UPDATE ||
	    (n->tbl->family != AF_INET && n->tbl->family != AF_INET6) ||
	    n->dev->addr_len != ETH_ALEN ||
	    !(READ_ONCE(n->nud_state) & NUD_VALID))
		return NOTIFY_DONE;
	neigh_ha_snapshot(mac, n, n->dev);
	if (is_news(n, mac))
		fsk_route_changed();
	return NOTIFY_DONE;
}

static int inetaddr_event(struct notifier_block *nb, unsigned long event,
			  void *ptr)
{
	fsk_route_changed();
	return NOTIFY_DONE;
}

static int netdev_event(struct notifier_block *nb, unsigned long event,
			void *ptr)
{
	switch (event) {
	case NETDEV_UP:
	case NETDEV_DOWN:
	case NETDEV_CHANGEADDR:
	case NETDEV_CHANGEUPPER:
	case NETDEV_UNREGISTER:
		fsk_route_changed();
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block netevent_nb = { .notifier_call = netevent };
static struct notifier_block inetaddr_nb = { .notifier_call = inetaddr_event };
static struct notifier_block inet6addr_nb = { .notifier_call = inetaddr_event };
static struct notifier_block netdev_nb = { .notifier_call = netdev_event };

/**
 * fsk_route_init - begin to watch addresses, neighbours and devices
 *
 * Context: process, module load.
 * Return: 0 or a negative errno of the notifier chains.
 */
int fsk_route_init(void)
{
	int err;

	err = register_netdevice_notifier(&netdev_nb);
	if (err)
		return err;
	err = register_inetaddr_notifier(&inetaddr_nb);
	if (err)
		goto err_netdev;
	err = register_inet6addr_notifier(&inet6addr_nb);
	if (err)
		goto err_inetaddr;
	err = register_netevent_notifier(&netevent_nb);
	if (err)
		goto err_inet6addr;
	return 0;

err_inet6addr:
	unregister_inet6addr_notifier(&inet6addr_nb);
err_inetaddr:
	unregister_inetaddr_notifier(&inetaddr_nb);
err_netdev:
	unregister_netdevice_notifier(&netdev_nb);
	return err;
}

/**
 * fsk_route_exit - undo fsk_route_init()
 *
 * Context: process, module unload.
 */
void fsk_route_exit(void)
{
	unregister_netevent_notifier(&netevent_nb);
	unregister_inet6addr_notifier(&inet6addr_nb);
	unregister_inetaddr_notifier(&inetaddr_nb);
	unregister_netdevice_notifier(&netdev_nb);
}
