// SPDX-License-Identifier: GPL-2.0
/*
 * Would a packet get from one end of a connection in memory to the other?
 *
 * The bytes need no link, but a program must see of a pulled cable, a changed
 * route or a new IPsec policy what it would see with TCP.  So a connection in
 * memory has a link, which is up while both of this holds:
 *  - the ends' routes lead to each other, which is looked at when something has
 *    changed (inet/route.c); if they do not, fsk_pair.unreachable is set;
 *  - between two namespaces, both ends' devices are up and have carrier, as
 *    notifiers tell; if not, fsk_mem_link.no_carrier is set.
 * Each end learns through a work item (fsk_mem_peer_work()) that the link is
 * down or up again, and notes it in fsk_memory.link_down; outage.c says what
 * that means for what it sends.
 */

#include <linux/etherdevice.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <net/arp.h>
#include <net/route.h>
#include <net/sock.h>

#include "core/conn.h"
#include "inet/ip.h"
#include "inet/policy.h"
#include "inet/route.h"
#include "memory/link.h"
#include "memory/memory.h"
#include "memory/outage.h"
#include "memory/pair.h"

/* Routes that memory cannot take end a connection after this time only. */
#define LINK_LOST_NS	(3ULL * NSEC_PER_SEC)

/* log2 of the buckets in which links are found by device. */
#define LINK_BITS	8
/* So many links are looked at before others get the lock. */
#define LINK_BATCH	64

/**
 * struct link_end - one end of a link
 * @link: the link; constant
 * @node: in links while there is a device
 * @dev: device, referenced; NULL once gone
 * @tracker: of the reference
 */
struct link_end {
	struct fsk_mem_link *link;
	struct hlist_node node;
	struct net_device *dev;
	netdevice_tracker tracker;
};

/**
 * struct fsk_mem_link - the devices between two ends in two namespaces
 * @pair: the ends; constant
 * @end: of the client and of the server
 * @no_carrier: one of the devices is down, without carrier or gone; stored
 *	under link_lock
 */
struct fsk_mem_link {
	struct fsk_pair *pair;
	struct link_end end[2];
	bool no_carrier;
};

/* All ends that have a device, by device. */
static struct hlist_head links[1 << LINK_BITS];
/* Those that fsk_mem_link_device() has yet to look at. */
static HLIST_HEAD(links_unvisited);
/* Protects both, and the links whose ends are in them. */
static DEFINE_SPINLOCK(link_lock);

static bool has_carrier(const struct net_device *dev)
{
	return dev && dev->reg_state == NETREG_REGISTERED &&
	       READ_ONCE(dev->flags) & IFF_UP && netif_carrier_ok(dev);
}

static bool lacks_carrier(const struct fsk_mem_link *link)
{
	return !has_carrier(link->end[0].dev) || !has_carrier(link->end[1].dev);
}

static struct hlist_head *links_of(const struct net_device *dev)
{
	return &links[hash_ptr(dev, LINK_BITS)];
}

/**
 * fsk_mem_link_watch - begin to watch the devices between two ends
 * @pair: pair that nobody else knows
 * @client: device of the client, in a namespace of its own
 * @server: device of the server
 *
 * Devices are looked at and found in the same RCU read section, so that their
 * notifiers find the link if they are about to go.
 *
 * Context: BH disabled, RCU read section.
 * Return: false without memory, or if one of the devices has no carrier.
 */
bool fsk_mem_link_watch(struct fsk_pair *pair, struct net_device *client,
			struct net_device *server)
{
	struct fsk_mem_link *link = kzalloc(sizeof(*link),
					    GFP_ATOMIC | __GFP_ACCOUNT);
	struct link_end *end;

	if (!link)
		return false;
	link->pair = pair;
	link->end[0].dev = client;
	link->end[1].dev = server;
	if (lacks_carrier(link)) {
		kfree(link);
		return false;
	}
	pair->link = link;
	spin_lock_bh(&link_lock);
	for (end = link->end; end < link->end + 2; end++) {
		end->link = link;
		netdev_hold(end->dev, &end->tracker, GFP_ATOMIC);
		hlist_add_head(&end->node, links_of(end->dev));
	}
	/* Changed since, and nobody was told? */
	link->no_carrier = lacks_carrier(link);
	spin_unlock_bh(&link_lock);
	return true;
}

static void put_end(struct link_end *end)
{
	struct net_device *dev = end->dev;

	if (!dev)
		return;
	hlist_del(&end->node);
	WRITE_ONCE(end->dev, NULL);
	netdev_put(dev, &end->tracker);
}

/**
 * fsk_mem_link_unwatch - undo fsk_mem_link_watch()
 * @link: link of a pair that both ends have left
 *
 * Context: any but hard interrupt.
 */
void fsk_mem_link_unwatch(struct fsk_mem_link *link)
{
	spin_lock_bh(&link_lock);
	put_end(&link->end[0]);
	put_end(&link->end[1]);
	spin_unlock_bh(&link_lock);
	kfree(link);
}

/**
 * fsk_mem_link_no_carrier - is a device down, without carrier or gone?
 * @link: link
 *
 * Context: any.
 * Return: true if so.
 */
bool fsk_mem_link_no_carrier(const struct fsk_mem_link *link)
{
	return READ_ONCE(link->no_carrier);
}

/**
 * fsk_mem_link_is_down - does nothing get from one end to the other?
 * @pair: the ends
 *
 * What an end has noted of it is in fsk_memory.link_down.
 *
 * Context: any.
 * Return: true if so.
 */
bool fsk_mem_link_is_down(const struct fsk_pair *pair)
{
	return unlikely(READ_ONCE(pair->unreachable)) ||
	       (unlikely(pair->link) && fsk_mem_link_no_carrier(pair->link));
}

/* A device has changed: does that change the link? */
static void recheck_carrier(struct fsk_mem_link *link)
{
	bool lacking = lacks_carrier(link);

	lockdep_assert_held(&link_lock);
	if (lacking == link->no_carrier)
		return;
	WRITE_ONCE(link->no_carrier, lacking);
	fsk_pair_notify_link(link->pair);
}

static void end_changed(struct link_end *end, bool gone)
{
	if (gone)
		put_end(end);
	recheck_carrier(end->link);
}

/**
 * fsk_mem_link_follow - an end's route names another device now
 * @link: link
 * @side: which end
 * @dev: the device; it is not freed before the caller's RCU read section ends
 *
 * Context: any but hard interrupt, RCU read section.
 * Return: false if @dev is about to leave.
 */
bool fsk_mem_link_follow(struct fsk_mem_link *link, unsigned int side,
			 struct net_device *dev)
{
	struct link_end *end = &link->end[side];
	bool ok = true;

	if (likely(READ_ONCE(end->dev) == dev))
		return true;
	spin_lock_bh(&link_lock);
	if (end->dev != dev) {
		ok = dev->reg_state == NETREG_REGISTERED &&
		     READ_ONCE(dev->flags) & IFF_UP;
		if (ok) {
			put_end(end);
			WRITE_ONCE(end->dev, dev);
			netdev_hold(dev, &end->tracker, GFP_ATOMIC);
			hlist_add_head(&end->node, links_of(dev));
			recheck_carrier(link);
		}
	}
	spin_unlock_bh(&link_lock);
	return ok;
}

/**
 * fsk_mem_link_device - a device went up or down, or has gone
 * @dev: device
 * @gone: it leaves its namespace
 *
 * Context: process, RTNL held.
 */
void fsk_mem_link_device(struct net_device *dev, bool gone)
{
	struct link_end *end;
	unsigned int n = 0;

	spin_lock_bh(&link_lock);
	hlist_move_list(links_of(dev), &links_unvisited);
	while (!hlist_empty(&links_unvisited)) {
		end = hlist_entry(links_unvisited.first, struct link_end, node);
		hlist_del(&end->node);
		hlist_add_head(&end->node, links_of(end->dev));
		if (end->dev == dev)
			end_changed(end, gone);
		if (++n % LINK_BATCH)
			continue;
		spin_unlock_bh(&link_lock);
		cond_resched();
		spin_lock_bh(&link_lock);
	}
	spin_unlock_bh(&link_lock);
}

/**
 * fsk_mem_link_lost - have the routes led elsewhere for too long?
 * @mem: connected connection
 * @now: ns
 *
 * While addresses and routes are being changed there may be another way for a
 * moment.
 *
 * Context: socket lock held in either form.
 * Return: true if TCP would go on, but memory cannot.
 */
bool fsk_mem_link_lost(const struct fsk_memory *mem, u64 now)
{
	return unlikely(READ_ONCE(mem->pair->unreachable)) &&
	       mem->stalled_since &&
	       now - mem->stalled_since >= LINK_LOST_NS &&
	       fsk_ip_elsewhere(mem->conn.sk);
}

/**
 * fsk_mem_link_give_up - let a last reset pass
 * @mem: connected connection whose routes lead elsewhere; it is about to end
 *
 * As frames send one by the old path.  The link counts as up for it, unless a
 * device has no carrier.
 *
 * Context: socket lock held in either form.
 */
void fsk_mem_link_give_up(struct fsk_memory *mem)
{
	WRITE_ONCE(mem->pair->unreachable, false);
	fsk_pair_notify_link(mem->pair);
	fsk_mem_send_reset_locked(mem);
}

/* A route that frames, or memory in their place, could take? */
static bool is_direct(const struct fsk_memory *mem, const struct dst_entry *dst,
		      u8 type)
{
	const struct fsk_ip *ip = fsk_ip_of_sock(mem->conn.sk);

	return ip->route_type(dst) == type && !ip->leads_on(dst) &&
	       !dst_xfrm(dst) && READ_ONCE(dst->dev->flags) & IFF_UP;
}

/* Does the neighbour that @dst leads to, if it is known, have @to's address? */
static bool leads_to(const struct fsk_memory *mem, const struct dst_entry *dst,
		     const struct net_device *to)
{
	const struct fsk_tuple t = fsk_tuple_of(mem->conn.sk);
	u8 mac[ETH_ALEN] __aligned(2);

	return !fsk_ip_neighbour(dst->dev, &t.daddr, mac) ||
	       ether_addr_equal_unaligned(mac, to->dev_addr);
}

/* Do the ends' routes lead to each other's devices? */
static bool routes_meet(const struct fsk_memory *mem,
			const struct fsk_memory *peer,
			const struct dst_entry *there,
			const struct dst_entry *back)
{
	struct fsk_mem_link *link = mem->pair->link;

	return is_direct(mem, there, RTN_UNICAST) &&
	       is_direct(peer, back, RTN_UNICAST) &&
	       leads_to(mem, there, back->dev) &&
	       leads_to(peer, back, there->dev) &&
	       fsk_policy_running(mem->conn.sk, there->dev) &&
	       fsk_policy_running(peer->conn.sk, back->dev) &&
	       fsk_mem_link_follow(link, mem->side, there->dev) &&
	       fsk_mem_link_follow(link, peer->side, back->dev);
}

/*
 * Does @dst, the route of @mem, lead to a peer in another namespace, and the
 * peer's route back?  RCU read section.
 */
static bool reaches_across(const struct fsk_memory *mem,
			   const struct dst_entry *dst)
{
	const struct fsk_memory *peer;
	struct dst_entry *back;
	struct flowi fl;
	bool reached;

	peer = rcu_dereference(mem->pair->end[!mem->side]);
	if (!peer)
		return true;
	back = fsk_ip_of_sock(peer->conn.sk)->route(peer->conn.sk, &fl);
	if (IS_ERR(back))
		return false;
	reached = routes_meet(mem, peer, dst, back);
	dst_release(back);
	return reached;
}

/* Does @dst, the route of @mem, lead to a peer in the same namespace? */
static bool reaches_within(const struct fsk_memory *mem,
			   const struct dst_entry *dst)
{
	return is_direct(mem, dst, RTN_LOCAL) &&
	       fsk_policy_running(mem->conn.sk, dst->dev);
}

static bool reaches_peer(struct fsk_memory *mem)
{
	struct sock *sk = mem->conn.sk;
	struct dst_entry *dst;
	struct flowi fl;
	bool reached;

	dst = fsk_ip_of_sock(sk)->route(sk, &fl);
	if (IS_ERR(dst))
		return false;
	reached = mem->pair->link ? reaches_across(mem, dst) :
				    reaches_within(mem, dst);
	dst_release(dst);
	return reached;
}

/**
 * fsk_mem_link_check_route - do the ends' routes lead to each other?
 * @mem: one end
 *
 * If the answer is new, fsk_pair.unreachable changes and both ends are told.
 * A bad answer is remembered by a generation that never matches, so that
 * fsk_conn_path_fresh() has the question asked again each time.
 *
 * Context: socket lock held in either form.
 * Return: true if so, and neighbours and IPsec policies agree.
 */
bool fsk_mem_link_check_route(struct fsk_memory *mem)
{
	u32 gen = fsk_route_gen(mem->conn.route_genid);
	struct fsk_pair *pair = mem->pair;
	bool reached;

	rcu_read_lock();
	reached = reaches_peer(mem);
	rcu_read_unlock();
	mem->conn.path_gen = reached ? gen : gen - 1;
	if (READ_ONCE(pair->unreachable) == reached) {
		WRITE_ONCE(pair->unreachable, !reached);
		fsk_pair_notify_link(pair);
	}
	return reached;
}
