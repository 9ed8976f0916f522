// SPDX-License-Identifier: GPL-2.0
/* Connections in frames: ids, keys, the device, from first to last. */

#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <net/tcp.h>

#include "core/attach.h"
#include "core/conn.h"
#include "core/delegate.h"
#include "core/segment_size.h"
#include "core/state.h"
#include "frames/frames.h"
#include "frames/pages.h"
#include "frames/path.h"
#include "frames/segment.h"
#include "frames/tomb.h"
#include "frames/tx.h"
#include "inet/route.h"
#include "lan/eth.h"
#include "rel/rel.h"
#include "stream/queue.h"

/* A second; after so many even frames with the right key wait for the next. */
#define FSK_WRONG_KEYS	1000
/* Makes fsk_frames.open_key a number that the key of no frame equals. */
#define FSK_KEY_SHUT	BIT_ULL(32)

/* Protects epochs, open_key, wrong_keys and wrong_since of each fsk_frames. */
static DEFINE_SPINLOCK(frames_keys_lock);
static struct kmem_cache *frames_cache;
static hsiphash_key_t peer_secret;	/* of fsk_net.by_peer */
static hsiphash_key_t mask_secret;	/* of fsk_frames.mask */

/* Ids of this end are secret hashes, or cookies: no peer can choose them. */
static u32 id_hash(const struct fsk_net *fn, u32 id)
{
	return fsk_table_hash(&fn->by_id, id);
}

/* The other end chooses its ids, so their hash needs a secret. */
static u32 peer_hash(u32 peer_id, u32 peer_key)
{
	return hsiphash_2u32(peer_id, peer_key, &peer_secret);
}

/**
 * fsk_frames_find - find a connection by its own id
 * @fn: of the namespace that a frame came to
 * @id: id in its header, host order
 * @key: key in that header; ids may collide, the pair does not
 *
 * Context: RCU read section.
 * Return: the connection, to be locked through its socket, or NULL.
 */
struct fsk_frames *fsk_frames_find(const struct fsk_net *fn, u32 id, u32 key)
{
	const struct fsk_buckets *now = rcu_dereference(fn->by_id.now);
	struct hlist_node *node;
	struct fsk_frames *fr;

	__hlist_for_each_rcu(node, fsk_table_bucket(now, id_hash(fn, id))) {
		fr = fsk_table_entry(node, now, struct fsk_frames, id_link);
		if (fr->id == id && READ_ONCE(fr->open_key) == key)
			return fr;
	}
	return NULL;
}

static bool is_peer(const struct fsk_frames *fr, const struct net_device *dev,
		    const u8 *mac)
{
	return rcu_access_pointer(fr->path.dev) == dev &&
	       ether_addr_equal(fr->path.mac, mac);
}

/* After too many wrong keys no key is accepted for the rest of a second. */
static bool is_shut(struct fsk_frames *fr)
{
	lockdep_assert_held(&frames_keys_lock);
	if (time_after_eq(jiffies, fr->wrong_since + HZ)) {
		fr->wrong_since = jiffies;
		fr->wrong_keys = 0;
		WRITE_ONCE(fr->open_key, lower_32_bits(fr->open_key));
	}
	return fr->open_key & FSK_KEY_SHUT;
}

/* A frame with the peer's address, perhaps forged by who guesses the key. */
static void wrong_key(struct fsk_frames *fr)
{
	spin_lock_bh(&frames_keys_lock);
	if (!is_shut(fr) && ++fr->wrong_keys > FSK_WRONG_KEYS)
		WRITE_ONCE(fr->open_key, fr->open_key | FSK_KEY_SHUT);
	spin_unlock_bh(&frames_keys_lock);
}

static bool may_open(struct fsk_frames *fr)
{
	bool shut;

	spin_lock_bh(&frames_keys_lock);
	shut = is_shut(fr);
	spin_unlock_bh(&frames_keys_lock);
	return !shut;
}

/**
 * fsk_frames_find_other - find a connection by a key that it does not have now
 * @fn: of the namespace that the frame came to
 * @id: id in its header, host order
 * @key: key in that header
 * @probe: it is a PROBE, whose key is of no epoch
 * @dev: device it came from
 * @mac: whom it came from
 *
 * It may be of an epoch that the connection is about to enter, or has just
 * left.  If not, and if all but the key is right, it counts as a guess.  What
 * somebody else sends is no better than a frame to an id that nobody has, and
 * is not answered otherwise: who guesses would find ids first, and keys later.
 *
 * Context: RCU read section.
 * Return: the connection, to be locked through its socket; NULL if there is
 * none; ERR_PTR(-EACCES) if the sender is to be told nothing.
 */
struct fsk_frames *fsk_frames_find_other(const struct fsk_net *fn, u32 id,
					 u32 key, bool probe,
					 const struct net_device *dev,
					 const u8 *mac)
{
	const struct fsk_buckets *now = rcu_dereference(fn->by_id.now);
	struct fsk_frames *fr, *found = NULL;
	struct hlist_node *node;

	__hlist_for_each_rcu(node, fsk_table_bucket(now, id_hash(fn, id))) {
		fr = fsk_table_entry(node, now, struct fsk_frames, id_link);
		if (fr->id != id)
			continue;
		if (probe ? key == fr->conn.key :
		    fsk_epochs_near(&fr->epochs, key - fr->conn.key))
			return may_open(fr) ? fr : ERR_PTR(-EACCES);
		if (!is_peer(fr, dev, mac))
			continue;
		wrong_key(fr);
		found = ERR_PTR(-EACCES);
	}
	return found;
}

/**
 * fsk_frames_find_peer - find a connection by what it writes into frames
 * @fn: of the namespace that a frame came to
 * @peer_id: the peer's id, host order
 * @peer_key: the peer's key
 *
 * Context: RCU read section.
 * Return: the connection, to be locked through its socket, or NULL.
 */
struct fsk_frames *fsk_frames_find_peer(const struct fsk_net *fn, u32 peer_id,
					u32 peer_key)
{
	const struct fsk_buckets *now = rcu_dereference(fn->by_peer.now);
	u32 hash = peer_hash(peer_id, peer_key);
	struct hlist_node *node;
	struct fsk_frames *fr;

	__hlist_for_each_rcu(node, fsk_table_bucket(now, hash)) {
		fr = fsk_table_entry(node, now, struct fsk_frames, peer_link);
		if (fr->peer_id == peer_id && fr->conn.peer_key == peer_key)
			return fr;
	}
	return NULL;
}

static void set_keys(struct fsk_frames *fr)
{
	const struct fsk_epochs *ep = &fr->epochs;
	u64 shut = fr->open_key & FSK_KEY_SHUT;

	WRITE_ONCE(fr->seal_key,
		   fr->conn.peer_key + fsk_epochs_mix(ep->sent, ep->rcvd));
	WRITE_ONCE(fr->open_key, shut |
		   (u32)(fr->conn.key + fsk_epochs_mix(ep->rcvd, ep->sent)));
}

static void begin_keys(struct fsk_frames *fr)
{
	fsk_epochs_init(&fr->epochs, fr->tx.una, fr->rx.nxt);
	fr->wrong_since = jiffies;
	set_keys(fr);
}

/**
 * fsk_frames_keys - what frames of a new connection are sealed with
 * @fr: connection with its key, and with its peer's if that is known
 *
 * Context: socket lock held in either form, or the connection is in no table.
 */
void fsk_frames_keys(struct fsk_frames *fr)
{
	if (!fr->id_link.added) {
		begin_keys(fr);
		return;
	}
	spin_lock_bh(&frames_keys_lock);
	begin_keys(fr);
	spin_unlock_bh(&frames_keys_lock);
}

/**
 * fsk_frames_rekey - the numbers of one direction have entered another epoch
 * @fr: connection of which fsk_epochs_passed() says so
 *
 * Context: socket lock held in either form.
 */
void fsk_frames_rekey(struct fsk_frames *fr)
{
	spin_lock_bh(&frames_keys_lock);
	fsk_epochs_count(&fr->epochs, fr->tx.una, fr->rx.nxt);
	set_keys(fr);
	spin_unlock_bh(&frames_keys_lock);
}

/**
 * fsk_frames_alloc - make a connection of frames that nobody sees yet
 * @sk: its socket
 * @dev: device towards the peer
 * @mac: the peer's address on @dev
 * @gfp: allocation flags
 *
 * Context: as @gfp allows; the caller owns @sk or is the only one to know it.
 * Return: the connection, still without id and key, or NULL without memory.
 */
struct fsk_frames *fsk_frames_alloc(struct sock *sk, struct net_device *dev,
				    const u8 *mac, gfp_t gfp)
{
	struct fsk_frames *fr = kmem_cache_zalloc(frames_cache, gfp);

	if (!fr)
		return NULL;
	fsk_conn_prepare(&fr->conn, sk, &fsk_frames_transport);
	netdev_hold(dev, NULL, gfp);	/* no tracker: see put_dev() */
	RCU_INIT_POINTER(fr->path.dev, dev);
	ether_addr_copy(fr->path.mac, mac);
	fr->path.headroom = fsk_eth_headroom(dev);
	fsk_path_start(fr);
	return fr;
}

/*
 * Drop the reference on the device; frames are lost from here on.  The end of
 * the connection and the device's notifier may run at once: one of them finds
 * the pointer.  No lock is common to them that could protect a reference
 * tracker.
 */
static void put_dev(struct fsk_frames *fr)
{
	struct net_device *dev = unrcu_pointer(xchg(&fr->path.dev, NULL));

	if (dev)
		netdev_put(dev, NULL);
}

/* False as soon as @dev is on its way out: it is closed before it leaves. */
static bool stays(const struct net_device *dev, const struct net *net)
{
	return dev->reg_state == NETREG_REGISTERED &&
	       READ_ONCE(dev->flags) & IFF_UP && net_eq(dev_net(dev), net);
}

/**
 * fsk_frames_set_dev - move to a device
 * @fr: connection
 * @dev: device; whoever unregisters it waits for the caller's section to end
 *
 * A device that is up and in its namespace, or that we have already, will yet
 * come to the notifier that takes it away from its connections.
 *
 * Context: socket lock held in either form, RCU read section.
 * Return: false if @dev is about to leave.
 */
bool fsk_frames_set_dev(struct fsk_frames *fr, struct net_device *dev)
{
	if (fsk_frames_dev(fr) == dev)
		return true;
	if (!stays(dev, sock_net(fr->conn.sk)))
		return false;
	put_dev(fr);
	netdev_hold(dev, NULL, GFP_ATOMIC);
	fr->path.headroom = fsk_eth_headroom(dev);
	rcu_assign_pointer(fr->path.dev, dev);
	return true;
}

/**
 * fsk_frames_mss - what this end takes in one frame
 * @fr: connection
 * @dev: its device
 *
 * Context: any.
 * Return: bytes.
 */
u16 fsk_frames_mss(const struct fsk_frames *fr, const struct net_device *dev)
{
	return fsk_mss_fit(fsk_mss_own(fr->conn.sk, fsk_eth_mtu(dev)),
		       fr->path.mtu);
}

/**
 * fsk_frames_numbers - begin: both halves of the core, and TCP's numbers
 * @fr: attached connection with keys and segment sizes
 * @peer_win: so many bytes the other end takes at once
 *
 * Context: socket lock held in either form.
 */
void fsk_frames_numbers(struct fsk_frames *fr, u32 peer_win)
{
	struct fsk_conn *conn = &fr->conn;

	fsk_rel_tx_init(&fr->tx, conn->key, peer_win, fsk_tx_mss(fr),
			&fsk_cc_lan);
	fr->tx.cut = fsk_tx_cut;
	fsk_rel_rx_init(&fr->rx, conn->peer_key, fsk_rx_promise(conn->sk),
			conn->mss);
	fsk_frames_keys(fr);
	fsk_state_numbers(conn, fr->mask);
}

/**
 * fsk_frames_name - give a new connection its id and key, and what hides them
 * @fr: connection that is in no table
 * @name: id, not 0, in the upper half and key in the lower one
 *
 * Both are in frames that others on the way may see; @mask never leaves the
 * kernel, and can only be told from them by who knows the secret.
 *
 * Context: any.
 */
void fsk_frames_name(struct fsk_frames *fr, u64 name)
{
	fr->id = upper_32_bits(name);
	fr->conn.key = lower_32_bits(name);
	fr->mask = hsiphash_2u32(fr->id, fr->conn.key, &mask_secret);
}

/**
 * fsk_frames_hash - let frames find the connection by its id
 * @fr: attached connection
 *
 * If its device is about to leave the namespace, whose notifier may have missed
 * it, it loses the device at once.
 *
 * Context: socket lock held, or the socket is unknown to others.
 */
void fsk_frames_hash(struct fsk_frames *fr)
{
	const struct net *net = sock_net(fr->conn.sk);
	struct fsk_net *fn = fsk_net(net);
	const struct net_device *dev;

	fsk_table_add(&fn->by_id, &fr->id_link, id_hash(fn, fr->id));
	/* Pairs with the grace period before a device's notifiers run. */
	smp_mb();
	rcu_read_lock();
	dev = fsk_frames_dev(fr);
	if (unlikely(dev && !stays(dev, net)))
		put_dev(fr);
	rcu_read_unlock();
}

/**
 * fsk_frames_hash_peer - let UNKNOWN frames find the connection
 * @fr: connection whose @peer_id is known
 *
 * Context: socket lock held, or the socket is unknown to others.
 */
void fsk_frames_hash_peer(struct fsk_frames *fr)
{
	fsk_table_add(&fsk_net(sock_net(fr->conn.sk))->by_peer, &fr->peer_link,
		      peer_hash(fr->peer_id, fr->conn.peer_key));
}

static void conn_purge(struct fsk_frames *fr)
{
	struct fsk_seg *seg, *next;

	fsk_segment_free(fr, fsk_rel_tx_purge(&fr->tx));
	for (seg = fsk_rel_rx_purge(&fr->rx); seg; seg = next) {
		next = seg->next;
		kfree_skb(fsk_seg_skb(seg));
	}
	fsk_frames_drop_charge(fr);
}

/**
 * fsk_frames_leave - the connection dies
 * @fr: connection of frames
 *
 * Context: socket lock held in either form.
 */
void fsk_frames_leave(struct fsk_frames *fr)
{
	struct net *net = sock_net(fr->conn.sk);

	/* First, so that a CONFIRM finds one or the other. */
	if (fr->tomb)
		fsk_tomb_add(net, fr->tomb, fr->id, fr->conn.key);
	fr->tomb = NULL;
	fsk_table_del(&fsk_net(net)->by_id, &fr->id_link);
	fsk_table_del(&fsk_net(net)->by_peer, &fr->peer_link);
	conn_purge(fr);
	put_dev(fr);
}

/**
 * fsk_frames_discard - free a connection that was never attached
 * @fr: from fsk_frames_alloc()
 *
 * Context: any.
 */
void fsk_frames_discard(struct fsk_frames *fr)
{
	put_dev(fr);
	fsk_tomb_free(fr->tomb);
	fsk_frames_free(fr);
}

/**
 * fsk_frames_free - free a connection that nobody can look at any more
 * @fr: connection that is dead or was never attached
 *
 * Context: any.
 */
void fsk_frames_free(struct fsk_frames *fr)
{
	fsk_fallback_free(&fr->conn);
	kmem_cache_free(frames_cache, fr);
}

/* A connection that is moving to another device keeps that one. */
static void drop_dev(struct fsk_frames *fr, struct net_device *dev)
{
	struct net_device __rcu *mine = RCU_INITIALIZER(dev);

	if (try_cmpxchg(&fr->path.dev, &mine, NULL))
		netdev_put(dev, NULL);
}

/* Take a device away from all connections of a namespace. */
static void drop_dev_of_all(const struct fsk_net *fn, struct net_device *dev)
{
	const struct fsk_buckets *now;
	struct hlist_node *node;
	struct fsk_frames *fr;
	unsigned int i = 0;
	bool more;

	/* If it grows, what was in a bucket goes to it or to later ones. */
	do {
		local_bh_disable();
		rcu_read_lock();
		now = rcu_dereference(fn->by_id.now);
		__hlist_for_each_rcu(node, &now->heads[i]) {
			fr = fsk_table_entry(node, now, struct fsk_frames,
					     id_link);
			if (rcu_access_pointer(fr->path.dev) == dev)
				drop_dev(fr, dev);
		}
		more = ++i < fsk_table_size(now);
		rcu_read_unlock();
		local_bh_enable();
		cond_resched();
	} while (more);
	/* Who has looked for its way meanwhile has found the device. */
	fsk_route_changed();
}

/**
 * struct dev_drop - what takes a device away from a namespace's connections
 * @work: item on fsk_wq
 * @net: the namespace, referenced
 * @dev: the device, referenced until nobody can look at it any more
 * @tracker: of that reference
 */
struct dev_drop {
	struct work_struct work;
	struct net *net;
	struct net_device *dev;
	netdevice_tracker tracker;
};

static void drop_dev_work(struct work_struct *work)
{
	struct dev_drop *drop = container_of(work, struct dev_drop, work);

	drop_dev_of_all(fsk_net(drop->net), drop->dev);
	synchronize_rcu();	/* readers of fsk_frames.path.dev */
	netdev_put(drop->dev, &drop->tracker);
	put_net(drop->net);
	kfree(drop);
}

/**
 * fsk_frames_drop_dev - a device goes away
 * @dev: device that is being unregistered
 *
 * Its connections stay, as TCP's do, and end when retransmission gives up.  A
 * work item takes it from them, because there may be many others: whoever
 * unregisters it waits for its references without RTNL.  If it moves to another
 * namespace, it is down until somebody has found it there.
 *
 * Context: process, RTNL held; no lock of a socket is taken: its owner may
 * sleep for as long as its memory's pager likes.
 */
void fsk_frames_drop_dev(struct net_device *dev)
{
	struct fsk_net *fn = fsk_net(dev_net(dev));
	struct dev_drop *drop;

	if (!READ_ONCE(fn->by_id.count))
		return;
	drop = kzalloc(sizeof(*drop), GFP_KERNEL);
	/* Without memory it takes longer; a dying namespace has none left. */
	if (drop)
		drop->net = maybe_get_net(dev_net(dev));
	if (!drop || !drop->net) {
		kfree(drop);
		drop_dev_of_all(fn, dev);
		return;
	}
	drop->dev = dev;
	netdev_hold(dev, &drop->tracker, GFP_KERNEL);
	INIT_WORK(&drop->work, drop_dev_work);
	queue_work(fsk_wq, &drop->work);
}

/**
 * fsk_frames_init_net - make the tables of a new namespace
 * @net: namespace
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int fsk_frames_init_net(struct net *net)
{
	struct fsk_net *fn = fsk_net(net);
	int err;

	err = fsk_table_init(&fn->by_id);
	if (err)
		return err;
	err = fsk_table_init(&fn->by_peer);
	if (err)
		fsk_table_exit(&fn->by_id);
	return err;
}

/**
 * fsk_frames_exit_net - undo fsk_frames_init_net(); no frame comes any more
 * @net: namespace
 *
 * Context: process, may sleep.
 */
void fsk_frames_exit_net(struct net *net)
{
	struct fsk_net *fn = fsk_net(net);

	fsk_table_exit(&fn->by_peer);
	fsk_table_exit(&fn->by_id);
}

/**
 * fsk_frames_init - prepare for connections in frames
 *
 * Context: process, module load.
 * Return: 0 or -ENOMEM.
 */
int fsk_frames_init(void)
{
	int err;

	frames_cache = KMEM_CACHE(fsk_frames, SLAB_ACCOUNT);
	if (!frames_cache)
		return -ENOMEM;
	err = fsk_pages_init();
	if (err) {
		kmem_cache_destroy(frames_cache);
		return err;
	}
	get_random_bytes(&peer_secret, sizeof(peer_secret));
	get_random_bytes(&mask_secret, sizeof(mask_secret));
	return 0;
}

/**
 * fsk_frames_exit - undo fsk_frames_init(); no connection is left
 *
 * Context: process, module unload, after fsk_conn_exit().
 */
void fsk_frames_exit(void)
{
	fsk_pages_exit();
	kmem_cache_destroy(frames_cache);
}
