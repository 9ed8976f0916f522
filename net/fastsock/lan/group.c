// SPDX-License-Identifier: GPL-2.0
/*
 * Which devices belong to the group that hears HELLOs, and when.
 *
 * A device joins when fastsock is enabled in its namespace and it can carry
 * frames.  RTNL protects the list of members, and every event that may join or
 * leave holds it, so each dev_mc_add() meets exactly one dev_mc_del().  When a
 * device leaves, what was heard on it is forgotten.
 *
 * What makes us ask a neighbour by ourselves is here, too: ARP has resolved it.
 */

#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <net/arp.h>
#include <net/neighbour.h>
#include <net/netevent.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/pernet.h"
#include "lan/entry.h"
#include "lan/group.h"
#include "lan/hello.h"
#include "lan/peer.h"

/* Devices of this kernel with the same address that are asked. */
#define TWINS_MAX	16

/**
 * struct member - a device on which our group address is joined
 * @list: in members
 * @node: in members_by_mac, by the device's address; RCU
 * @rcu: for freeing
 * @dev: the device; NETDEV_UNREGISTER removes us, so no reference is held
 * @greeted: HELLO was sent since the device has had a carrier
 */
struct member {
	struct list_head list;
	struct hlist_node node;
	struct rcu_head rcu;
	struct net_device *dev;
	bool greeted;
};

static LIST_HEAD(members);	/* RTNL */
static struct hlist_head members_by_mac[FSK_PEER_BUCKETS]; /* RTNL */
static bool running;		/* RTNL; notifiers are registered */

static const u8 group_addr[ETH_ALEN] __aligned(2) = FSK_MCAST_ADDR;

static struct member *find_member(const struct net_device *dev)
{
	struct member *m;

	ASSERT_RTNL();
	list_for_each_entry(m, &members, list)
		if (m->dev == dev)
			return m;
	return NULL;
}

static struct hlist_head *macs_bucket(const u8 *mac)
{
	return &members_by_mac[fsk_peer_hash(mac, 0) % FSK_PEER_BUCKETS];
}

/**
 * fsk_group_find_dev - find a device of this kernel by its address
 * @mac: link-layer address, aligned to 2 bytes
 * @match: is it this one?  There may be several, in several namespaces
 * @arg: for @match
 *
 * Only devices on which fastsock is enabled, and not more than TWINS_MAX that
 * share an address.  One whose address changes just now may be missed.
 *
 * Context: RCU read section.
 * Return: the device, good for as long as the section lasts, or NULL.
 */
struct net_device *fsk_group_find_dev(const u8 *mac,
				      bool (*match)(struct net_device *dev,
						    const void *arg),
				      const void *arg)
{
	struct member *m;
	unsigned int n = 0;

	hlist_for_each_entry_rcu(m, macs_bucket(mac), node) {
		if (!ether_addr_equal(m->dev->dev_addr, mac))
			continue;
		if (match(m->dev, arg))
			return m->dev;
		if (++n == TWINS_MAX)
			break;
	}
	return NULL;
}

static struct member *join(struct net_device *dev)
{
	struct member *m;

	ASSERT_RTNL();
	m = kzalloc(sizeof(*m), GFP_KERNEL);
	if (!m)
		return NULL;
	if (dev_mc_add(dev, group_addr)) {
		kfree(m);
		return NULL;
	}
	m->dev = dev;
	list_add(&m->list, &members);
	hlist_add_head_rcu(&m->node, macs_bucket(dev->dev_addr));
	return m;
}

static void leave(struct member *m)
{
	ASSERT_RTNL();
	dev_mc_del(m->dev, group_addr);
	fsk_peer_forget(fsk_net(dev_net(m->dev)), m->dev->ifindex);
	list_del(&m->list);
	hlist_del_rcu(&m->node);
	kfree_rcu(m, rcu);
}

/* One HELLO to the group each time the device gets a carrier. */
static void greet(struct member *m)
{
	bool carrier = netif_carrier_ok(m->dev);

	if (carrier && !m->greeted)
		fsk_hello_send(m->dev, group_addr, FSK_T_HELLO);
	m->greeted = carrier;
}

/* Join or leave the group on @dev as its state now asks for. */
static void sync_dev(struct net_device *dev, bool anew)
{
	struct member *m = find_member(dev);

	if (!running || !fsk_peer_usable(dev)) {
		if (m)
			leave(m);
		return;
	}
	if (!m)
		m = join(dev);
	if (!m) {
		netdev_warn(dev, "fastsock: no memory to join the group\n");
		return;
	}
	if (anew) {
		/* Its address may be new. */
		hlist_del_rcu(&m->node);
		hlist_add_head_rcu(&m->node, macs_bucket(dev->dev_addr));
		m->greeted = false;
	}
	greet(m);
}

static void leave_dev(struct net_device *dev)
{
	struct member *m = find_member(dev);

	if (m)
		leave(m);
}

/* Called with RTNL held. */
static int netdev_event(struct notifier_block *nb, unsigned long event,
			void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);

	switch (event) {
	case NETDEV_UP:
	case NETDEV_CHANGE:
	case NETDEV_CHANGEMTU:
	case NETDEV_CHANGEUPPER:
		sync_dev(dev, false);
		break;
	case NETDEV_CHANGEADDR:
		sync_dev(dev, true);
		break;
	case NETDEV_DOWN:
	case NETDEV_UNREGISTER:
		leave_dev(dev);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block netdev_nb = {
	.notifier_call = netdev_event,
};

/* ARP has resolved or confirmed a neighbour: find out what it speaks. */
static void neighbour_changed(struct neighbour *n)
{
	u8 mac[MAX_ADDR_LEN] __aligned(2);
	struct net_device *dev = n->dev;

	if (!(READ_ONCE(n->nud_state) & NUD_VALID & ~NUD_NOARP) ||
	    !fsk_peer_usable(dev))
		return;
	neigh_ha_snapshot(mac, n, dev);
	if (fsk_peer_lookup(dev, mac) == FSK_PEER_UNKNOWN)
		fsk_hello_probe(dev, mac);
}

/* Called in atomic context. */
static int netevent(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct neighbour *n = ptr;

	if (event == NETEVENT_NEIGH_UPDATE &&
	    (n->tbl->family == AF_INET || n->tbl->family == AF_INET6))
		neighbour_changed(n);
	return NOTIFY_DONE;
}

static struct notifier_block netevent_nb = {
	.notifier_call = netevent,
};

static void open_net(struct net *net)
{
	struct net_device *dev;

	ASSERT_RTNL();
	for_each_netdev(net, dev)
		sync_dev(dev, true);
}

static void bye_and_leave(struct member *m)
{
	fsk_hello_send(m->dev, group_addr, FSK_T_BYE);
	leave(m);
}

/* Say BYE on every joined device of @net, leave the group, forget all. */
static void close_net(struct net *net)
{
	struct member *m, *next;

	ASSERT_RTNL();
	list_for_each_entry_safe(m, next, &members, list) {
		if (net_eq(dev_net(m->dev), net))
			bye_and_leave(m);
	}
	fsk_peer_forget(fsk_net(net), 0);
}

/**
 * fsk_group_enable - the sysctl was written: announce or take leave
 * @net: namespace
 * @on: what was written to fsk_net.enable, before this call
 *
 * Turning on joins the HELLO group on every usable device and sends HELLO, also
 * if it was on already; turning off sends BYE, leaves and empties the table.
 * When writers race, the value that stands is what is done.  Call it with @on
 * true also after loopback_frames changed while enabled.
 *
 * Context: process, may sleep; takes RTNL.
 */
void fsk_group_enable(struct net *net, bool on)
{
	struct fsk_net *fn = fsk_net(net);

	rtnl_lock();
	/* If it differs, another writer came later and calls or has called. */
	if (on == !!READ_ONCE(fn->enable)) {
		if (on)
			open_net(net);
		else
			close_net(net);
	}
	rtnl_unlock();
}

/**
 * fsk_group_announce - say again on all devices who we are
 *
 * Context: process, may sleep; takes RTNL.
 */
void fsk_group_announce(void)
{
	struct member *m;

	rtnl_lock();
	list_for_each_entry(m, &members, list)
		if (netif_carrier_ok(m->dev))
			fsk_hello_send(m->dev, group_addr, FSK_T_HELLO);
	rtnl_unlock();
}

/* From here on nothing joins the group; what has joined says BYE. */
static void leave_all(void)
{
	struct member *m, *next;

	rtnl_lock();
	running = false;
	list_for_each_entry_safe(m, next, &members, list)
		bye_and_leave(m);
	rtnl_unlock();
}

/**
 * fsk_group_init - begin to watch devices and neighbours
 *
 * Context: process, may sleep; takes RTNL.  After the pernet operations are
 * registered.
 * Return: 0 or a negative errno of the notifier chains.
 */
int fsk_group_init(void)
{
	int err;

	fsk_peer_init();
	rtnl_lock();
	running = true;
	rtnl_unlock();

	/* Replays NETDEV_UP for the devices of namespaces already enabled. */
	err = register_netdevice_notifier(&netdev_nb);
	if (err)
		goto stop;
	err = register_netevent_notifier(&netevent_nb);
	if (err)
		goto unregister;
	return 0;

unregister:
	unregister_netdevice_notifier(&netdev_nb);
stop:
	leave_all();
	return err;
}

/**
 * fsk_group_exit - undo fsk_group_init(): say BYE, leave every group
 *
 * Context: process, may sleep; takes RTNL.  Before the pernet operations are
 * unregistered.  A write to the sysctl that comes after it joins nothing.
 */
void fsk_group_exit(void)
{
	unregister_netevent_notifier(&netevent_nb);
	leave_all();
	unregister_netdevice_notifier(&netdev_nb);
}
