// SPDX-License-Identifier: GPL-2.0
/*
 * What joins the two ends of a connection in memory.
 *
 * THE LINE
 *
 * What joins a pair across namespaces is watched: while one of its devices is
 * down or without carrier, and once one is gone, the line is cut.  What an end
 * sends is then held, also the end of its stream, and a reset waits, until the
 * line is whole again or the end loses patience.  across_lock orders the
 * changes of fsk_line.cut; each end learns of them through a work item
 * (fsk_loop_late()).
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
#include "inet/ipv4.h"
#include "inet/policy.h"
#include "inet/route.h"
#include "memory/link.h"
#include "memory/memory.h"
#include "memory/outage.h"
#include "memory/pair.h"

/* So long a way that memory cannot take is no reason to end. */
#define PATH_LOST_NS	(3ULL * NSEC_PER_SEC)

#define ACROSS_BITS	8
/* So many lines are looked at before others get the lock. */
#define ACROSS_BATCH	64

/**
 * struct line_end - an end of a line
 * @line: constant
 * @node: in across_lines while there is a device
 * @dev: device, referenced; NULL once gone
 * @tracker: of the reference
 */
struct line_end {
	struct fsk_line *line;
	struct hlist_node node;
	struct net_device *dev;
	netdevice_tracker tracker;
};

/**
 * struct fsk_line - what joins two ends in two namespaces
 * @pair: the ends; constant
 * @end: of the client and of the server
 * @cut: nothing gets from one to the other; stored under across_lock
 */
struct fsk_line {
	struct fsk_pair *pair;
	struct line_end end[2];
	bool cut;
};

/* By device. */
static struct hlist_head across_lines[1 << ACROSS_BITS];

/* Those that fsk_across_changed() has yet to see. */
static HLIST_HEAD(across_unseen);

/* Both, and all that is in them */
static DEFINE_SPINLOCK(across_lock);

static bool carries(const struct net_device *dev)
{
	return dev && dev->reg_state == NETREG_REGISTERED &&
	       READ_ONCE(dev->flags) & IFF_UP && netif_carrier_ok(dev);
}

static bool is_cut(const struct fsk_line *line)
{
	return !carries(line->end[0].dev) || !carries(line->end[1].dev);
}

static struct hlist_head *lines_of(const struct net_device *dev)
{
	return &across_lines[hash_ptr(dev, ACROSS_BITS)];
}

/**
 * fsk_across_watch - begin to look after what joins a pair
 * @pair: pair that nobody else knows
 * @client: device of the client, in a namespace of its own
 * @server: device of the server
 *
 * Devices are looked at and found in the same RCU read section, so that their
 * notifiers find the line if they are about to go.
 *
 * Context: BH disabled, RCU read section.
 * Return: false without memory or if the line is cut already.
 */
bool fsk_across_watch(struct fsk_pair *pair, struct net_device *client,
		      struct net_device *server)
{
	struct fsk_line *line = kzalloc(sizeof(*line),
					GFP_ATOMIC | __GFP_ACCOUNT);
	struct line_end *end;

	if (!line)
		return false;
	line->pair = pair;
	line->end[0].dev = client;
	line->end[1].dev = server;
	if (is_cut(line)) {
		kfree(line);
		return false;
	}
	pair->line = line;
	spin_lock_bh(&across_lock);
	for (end = line->end; end < line->end + 2; end++) {
		end->line = line;
		netdev_hold(end->dev, &end->tracker, GFP_ATOMIC);
		hlist_add_head(&end->node, lines_of(end->dev));
	}
	/* Changed since, and nobody was told? */
	line->cut = is_cut(line);
	spin_unlock_bh(&across_lock);
	return true;
}

static void put_end(struct line_end *end)
{
	struct net_device *dev = end->dev;

	if (!dev)
		return;
	hlist_del(&end->node);
	WRITE_ONCE(end->dev, NULL);
	netdev_put(dev, &end->tracker);
}

/**
 * fsk_across_unwatch - undo fsk_across_watch()
 * @line: line of a pair without ends
 *
 * Context: any but hard interrupt.
 */
void fsk_across_unwatch(struct fsk_line *line)
{
	spin_lock_bh(&across_lock);
	put_end(&line->end[0]);
	put_end(&line->end[1]);
	spin_unlock_bh(&across_lock);
	kfree(line);
}

/**
 * fsk_across_cut - does nothing get from one end to the other?
 * @line: line
 *
 * Context: any.
 * Return: true if so.
 */
bool fsk_across_cut(const struct fsk_line *line)
{
	return READ_ONCE(line->cut);
}

/* A device has changed. */
static void look_again(struct fsk_line *line)
{
	bool cut = is_cut(line);

	lockdep_assert_held(&across_lock);
	if (cut == line->cut)
		return;
	WRITE_ONCE(line->cut, cut);
	fsk_pair_tell_line(line->pair);
}

static void end_changed(struct line_end *end, bool gone)
{
	if (gone)
		put_end(end);
	look_again(end->line);
}

/**
 * fsk_across_follow - an end's route names another device now
 * @line: line
 * @side: which end
 * @dev: device; whoever unregisters it waits for the caller's section to end
 *
 * Context: any but hard interrupt, RCU read section.
 * Return: false if @dev is about to leave.
 */
bool fsk_across_follow(struct fsk_line *line, unsigned int side,
		       struct net_device *dev)
{
	struct line_end *end = &line->end[side];
	bool ok = true;

	if (likely(READ_ONCE(end->dev) == dev))
		return true;
	spin_lock_bh(&across_lock);
	if (end->dev != dev) {
		ok = dev->reg_state == NETREG_REGISTERED &&
		     READ_ONCE(dev->flags) & IFF_UP;
		if (ok) {
			put_end(end);
			WRITE_ONCE(end->dev, dev);
			netdev_hold(dev, &end->tracker, GFP_ATOMIC);
			hlist_add_head(&end->node, lines_of(dev));
			look_again(line);
		}
	}
	spin_unlock_bh(&across_lock);
	return ok;
}

/**
 * fsk_across_changed - a device went up or down, or has gone
 * @dev: device
 * @gone: it leaves its namespace
 *
 * Context: process, RTNL held.
 */
void fsk_across_changed(struct net_device *dev, bool gone)
{
	struct line_end *end;
	unsigned int n = 0;

	spin_lock_bh(&across_lock);
	hlist_move_list(lines_of(dev), &across_unseen);
	while (!hlist_empty(&across_unseen)) {
		end = hlist_entry(across_unseen.first, struct line_end, node);
		hlist_del(&end->node);
		hlist_add_head(&end->node, lines_of(end->dev));
		if (end->dev == dev)
			end_changed(end, gone);
		if (++n % ACROSS_BATCH)
			continue;
		spin_unlock_bh(&across_lock);
		cond_resched();
		spin_lock_bh(&across_lock);
	}
	spin_unlock_bh(&across_lock);
}

/**
 * fsk_path_pair_lost - as fsk_path_lost(), in memory
 * @mem: connected connection
 * @now: ns
 *
 * Context: socket lock held in either form.
 * Return: true if TCP would go on, but memory cannot.
 */
bool fsk_path_pair_lost(const struct fsk_memory *mem, u64 now)
{
	return unlikely(READ_ONCE(mem->pair->astray)) && mem->stalled_since &&
	       now - mem->stalled_since >= PATH_LOST_NS &&
	       fsk_ipv4_elsewhere(mem->conn.sk);
}

/**
 * fsk_path_pair_part - as fsk_path_part(), in memory
 * @mem: connected connection whose way leads elsewhere
 *
 * Context: socket lock held in either form.
 */
void fsk_path_pair_part(struct fsk_memory *mem)
{
	WRITE_ONCE(mem->pair->astray, false);
	fsk_pair_tell_line(mem->pair);
	fsk_loop_reset_later(mem);
}

/* Not a way that frames, or memory in their place, could not take. */
static bool is_plain(const struct rtable *rt, u8 type)
{
	return rt->rt_type == type && !rt->rt_uses_gateway &&
	       !dst_xfrm(&rt->dst) && READ_ONCE(rt->dst.dev->flags) & IFF_UP;
}

/* Does the neighbour that @rt leads to, if it is known, have @to's address? */
static bool meets(const struct fsk_memory *mem, const struct rtable *rt,
		  const struct net_device *to)
{
	u8 mac[ETH_ALEN] __aligned(2);

	return !fsk_ipv4_neighbour(rt->dst.dev,
				   inet_sk(mem->conn.sk)->inet_daddr, mac) ||
	       ether_addr_equal_unaligned(mac, to->dev_addr);
}

/* Do the ends' routes lead to each other's devices? */
static bool joined(const struct fsk_memory *mem, const struct fsk_memory *peer,
		   const struct rtable *there, const struct rtable *back)
{
	struct fsk_line *line = mem->pair->line;

	return is_plain(there, RTN_UNICAST) && is_plain(back, RTN_UNICAST) &&
	       meets(mem, there, back->dst.dev) &&
	       meets(peer, back, there->dst.dev) &&
	       fsk_policy_running(mem->conn.sk, there->dst.dev) &&
	       fsk_policy_running(peer->conn.sk, back->dst.dev) &&
	       fsk_across_follow(line, mem->side, there->dst.dev) &&
	       fsk_across_follow(line, peer->side, back->dst.dev);
}

/* The ends are in two namespaces.  RCU read section. */
static bool across_whole(const struct fsk_memory *mem, const struct rtable *rt)
{
	const struct fsk_memory *peer;
	struct flowi4 fl4;
	struct rtable *back;
	bool whole;

	peer = rcu_dereference(mem->pair->end[!mem->side]);
	if (!peer)
		return true;
	back = fsk_ipv4_route(peer->conn.sk, &fl4);
	if (IS_ERR(back))
		return false;
	whole = joined(mem, peer, rt, back);
	ip_rt_put(back);
	return whole;
}

/* Likewise in one. */
static bool within_whole(const struct fsk_memory *mem, const struct rtable *rt)
{
	return is_plain(rt, RTN_LOCAL) &&
	       fsk_policy_running(mem->conn.sk, rt->dst.dev);
}

static bool pair_whole(struct fsk_memory *mem)
{
	struct flowi4 fl4;
	struct rtable *rt;
	bool whole;

	rt = fsk_ipv4_route(mem->conn.sk, &fl4);
	if (IS_ERR(rt))
		return false;
	whole = mem->pair->line ? across_whole(mem, rt) :
				   within_whole(mem, rt);
	ip_rt_put(rt);
	return whole;
}

/**
 * fsk_path_pair - would packets get from one end in memory to the other?
 * @mem: one end
 *
 * Both ends learn it if the answer is new.
 *
 * Context: socket lock held in either form.
 * Return: true if so, as far as routes, neighbours and policies go.
 */
bool fsk_path_pair(struct fsk_memory *mem)
{
	u32 gen = fsk_route_gen(mem->conn.sk);
	struct fsk_pair *pair = mem->pair;
	bool whole;

	rcu_read_lock();
	whole = pair_whole(mem);
	rcu_read_unlock();
	mem->conn.path_gen = whole ? gen : gen - 1;
	if (READ_ONCE(pair->astray) == whole) {
		WRITE_ONCE(pair->astray, !whole);
		fsk_pair_tell_line(pair);
	}
	return whole;
}
