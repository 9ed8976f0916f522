// SPDX-License-Identifier: GPL-2.0
/*
 * Connections in memory between network namespaces of this kernel.
 *
 * The wire says nothing of it.  SYN and SYNACK cross whatever joins the
 * namespaces and meet all judges on the way, as between two hosts.  SYNACK
 * carries the server's cookie: a hash, keyed with a secret of this kernel, of
 * what SYN said, of the namespace and the device it came to, of the address it
 * came from, and of the time.  So the client looks for a device of this kernel
 * that has the server's address and would have made this very cookie.  If there
 * is one, then the server is here, frames pass now in both directions, and
 * policy has let them.  The client then makes both ends instead of sending
 * CONFIRM.  Whatever does not fit leaves a connection of frames.
 *
 * THE LINE
 *
 * What joins such a pair is watched: while one of its devices is down or
 * without carrier, and once one is gone, the line is cut.  What an end sends is
 * then held, also the end of its stream, and a reset waits, until the line is
 * whole again or the end loses patience.  across_lock orders the changes of
 * fsk_line.cut; each end learns of them through a work item (fsk_loop_late()).
 */

#include <linux/etherdevice.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <net/sock.h>
#include <uapi/linux/fastsock_wire.h>

#include "core/child.h"
#include "core/conn.h"
#include "frames/client.h"
#include "frames/cookie.h"
#include "frames/frames.h"
#include "inet/policy.h"
#include "lan/eth.h"
#include "lan/group.h"
#include "lan/peer.h"
#include "memory/across.h"
#include "memory/pair.h"

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

/**
 * struct question - which device answered this SYN?
 * @net: the client's namespace
 * @mac: the client's address
 * @syn: what it said
 * @id: id in SYNACK, host order
 * @key: its key, host order
 */
struct question {
	const struct net *net;
	const u8 *mac;
	struct fsk_syn syn;
	u32 id;
	u32 key;
};

static bool answered(struct net_device *dev, const void *arg)
{
	const struct net *net = dev_net(dev);
	const struct question *q = arg;

	return !net_eq(net, q->net) &&
	       READ_ONCE(fsk_net(net)->same_host) == FSK_SAME_HOST_ALL &&
	       READ_ONCE(fsk_net(net)->enable) && fsk_eth_usable(dev) &&
	       fsk_cookie_answered(dev, &q->syn, q->mac, q->id, q->key);
}

/* The server's device, if it is here.  RCU read section. */
static struct net_device *server_dev(const struct fsk_frames *fr,
				     const struct fsk_synack *sa)
{
	const struct net_device *dev = fsk_frames_dev(fr);
	struct question q = {
		.net = sock_net(fr->conn.sk),
		.id = be32_to_cpu(sa->id),
		.key = be32_to_cpu(sa->key),
	};

	if (!dev || dev->flags & IFF_LOOPBACK)
		return NULL;
	q.mac = dev->dev_addr;
	fsk_client_syn_body(fr, &q.syn);
	return fsk_group_find_dev(fr->path.mac, answered, &q);
}

/**
 * fsk_across_leads - may memory lead to this server?
 * @fr: client's connection in SYN_SENT
 * @sa: what the server said
 *
 * Context: socket lock held in either form, RCU read section.
 * Return: true if fsk_across_join() is worth a try.
 */
bool fsk_across_leads(const struct fsk_frames *fr, const struct fsk_synack *sa)
{
	return server_dev(fr, sa);
}

/**
 * fsk_across_join - go on in memory, if the server is in this kernel
 * @fr: client's connection in SYN_SENT
 * @sa: what the server said
 *
 * Context: process, BH disabled, RCU read section; the caller owns the socket.
 * Return: true if so: @fr is gone.  Otherwise it goes on with frames.
 */
bool fsk_across_join(struct fsk_frames *fr, const struct fsk_synack *sa)
{
	const struct fsk_tuple t = fsk_tuple_of(fr->conn.sk);
	struct net_device *mine = fsk_frames_dev(fr), *dev;
	u8 mac[ETH_ALEN] __aligned(2);
	struct sock *lsk;
	bool ok;

	/* It has left, or moved to another namespace. */
	if (!mine)
		return false;
	dev = server_dev(fr, sa);
	if (!dev)
		return false;
	lsk = fsk_child_find_acceptor(dev, &t);
	if (!lsk)
		return false;
	ether_addr_copy(mac, mine->dev_addr);
	ok = fsk_pair_join(fr, sa, dev, &t, lsk);
	if (ok)
		fsk_peer_answered(dev, mac);
	sock_put(lsk);
	return ok;
}

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
