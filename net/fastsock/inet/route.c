// SPDX-License-Identifier: GPL-2.0
/*
 * Can the way to a peer have changed?
 *
 * TCP asks the routing code before each packet whether its route still holds.
 * Who sends without it remembers the generation at which its way was found good
 * (fsk_route_gen()), and asks again once that has advanced.  It is the sum of
 * two counters that only grow: the kernel's own of the namespace, which routes,
 * rules, addresses and IPsec policies advance, and one of this file for
 * neighbours and devices.
 */

#include <linux/etherdevice.h>
#include <linux/hash.h>
#include <linux/inetdevice.h>
#include <linux/netdevice.h>
#include <net/arp.h>
#include <net/neighbour.h>
#include <net/netevent.h>
#include <net/netns/hash.h>

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

/* Is it news that the neighbour @n is at @mac? */
static bool is_news(const struct neighbour *n, const u8 *mac)
{
	u64 whose = (u64)*(const u32 *)n->primary_key << 32 |
		    (u32)n->dev->ifindex;
	u64 hash = (whose ^ net_hash_mix(dev_net(n->dev))) * GOLDEN_RATIO_64;
	u64 *slot = &route_neighbours[hash >> (64 - ROUTE_NEIGH_BITS)];
	u64 now = ether_addr_to_u64(mac) << 16 | (u16)(hash >> 32);

	if (READ_ONCE(*slot) == now)
		return false;
	WRITE_ONCE(*slot, now);
	return true;
}

/* Called in atomic context. */
static int netevent(struct notifier_block *nb, unsigned long event, void *ptr)
{
	u8 mac[MAX_ADDR_LEN] __aligned(2);
	struct neighbour *n = ptr;

	if (event != NETEVENT_NEIGH_UPDATE || n->tbl != &arp_tbl ||
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
	err = register_netevent_notifier(&netevent_nb);
	if (err)
		goto err_inetaddr;
	return 0;

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
	unregister_inetaddr_notifier(&inetaddr_nb);
	unregister_netdevice_notifier(&netdev_nb);
}
