// SPDX-License-Identifier: GPL-2.0
/* Connections: ids, lookup, attachment to a TCP sk, and how it is undone. */

#include <linux/etherdevice.h>
#include <linux/filter.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <net/inet_connection_sock.h>

#include "conn.h"
#include "hold.h"
#include "keepalive.h"
#include "loop.h"
#include "opcheck.h"
#include "pair.h"
#include "path.h"
#include "rx.h"
#include "state.h"
#include "timer.h"
#include "tomb.h"
#include "tx.h"

/* In a second; the next ones, and true ones, wait for another second. */
#define FSK_WRONG_KEYS	1000
/* In fsk_conn.open_key, which no key of a frame is then. */
#define FSK_KEY_SHUT	BIT_ULL(32)

/* fsk_conn.epochs, open_key, wrong_keys, wrong_since of all. */
static DEFINE_SPINLOCK(conn_keys_lock);
static struct kmem_cache *conn_cache;
static hsiphash_key_t peer_secret;	/* of fsk_net.by_peer */
static struct sk_filter *reject_all;
static const struct inet_connection_sock_af_ops *tcp_af_ops;
static struct inet_connection_sock_af_ops fsk_af_ops;

/* Ids of this end are random or cookies: no peer can choose them. */
static u32 id_hash(const struct fsk_net *fn, u32 id)
{
	return fsk_table_hash(&fn->by_id, id);
}

/* Those of the other end are what it likes. */
static u32 peer_hash(u32 peer_id, u32 peer_key)
{
	return hsiphash_2u32(peer_id, peer_key, &peer_secret);
}

/**
 * fsk_conn_find - find a connection by its own id
 * @fn: of the namespace that a frame came to
 * @id: id in its header, host order
 * @key: key in that header; ids may collide, the pair does not
 *
 * Context: RCU read section.
 * Return: the connection, to be locked through its socket, or NULL.
 */
struct fsk_conn *fsk_conn_find(const struct fsk_net *fn, u32 id, u32 key)
{
	const struct fsk_buckets *now = rcu_dereference(fn->by_id.now);
	struct hlist_node *node;
	struct fsk_conn *conn;

	__hlist_for_each_rcu(node, fsk_table_bucket(now, id_hash(fn, id))) {
		conn = fsk_table_entry(node, now, struct fsk_conn, id_link);
		if (conn->id == id && READ_ONCE(conn->open_key) == key)
			return conn;
	}
	return NULL;
}

static bool is_peer(const struct fsk_conn *conn, const struct net_device *dev,
		    const u8 *mac)
{
	return rcu_access_pointer(conn->path.dev) == dev &&
	       ether_addr_equal(conn->path.mac, mac);
}

/* Too many wrong keys of late: nobody is believed for the rest of a second. */
static bool is_shut(struct fsk_conn *conn)
{
	lockdep_assert_held(&conn_keys_lock);
	if (time_after_eq(jiffies, conn->wrong_since + HZ)) {
		conn->wrong_since = jiffies;
		conn->wrong_keys = 0;
		WRITE_ONCE(conn->open_key, lower_32_bits(conn->open_key));
	}
	return conn->open_key & FSK_KEY_SHUT;
}

/* The source is the peer's, or somebody says so who guesses. */
static void wrong_key(struct fsk_conn *conn)
{
	spin_lock_bh(&conn_keys_lock);
	if (!is_shut(conn) && ++conn->wrong_keys > FSK_WRONG_KEYS)
		WRITE_ONCE(conn->open_key, conn->open_key | FSK_KEY_SHUT);
	spin_unlock_bh(&conn_keys_lock);
}

static bool may_open(struct fsk_conn *conn)
{
	bool shut;

	spin_lock_bh(&conn_keys_lock);
	shut = is_shut(conn);
	spin_unlock_bh(&conn_keys_lock);
	return !shut;
}

/**
 * fsk_conn_find_other - find a connection whose usual key a frame does not have
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
struct fsk_conn *fsk_conn_find_other(const struct fsk_net *fn, u32 id, u32 key,
				     bool probe, const struct net_device *dev,
				     const u8 *mac)
{
	const struct fsk_buckets *now = rcu_dereference(fn->by_id.now);
	struct fsk_conn *conn, *found = NULL;
	struct hlist_node *node;

	__hlist_for_each_rcu(node, fsk_table_bucket(now, id_hash(fn, id))) {
		conn = fsk_table_entry(node, now, struct fsk_conn, id_link);
		if (conn->id != id)
			continue;
		if (probe ? key == conn->key :
		    fsk_epochs_near(&conn->epochs, key - conn->key))
			return may_open(conn) ? conn : ERR_PTR(-EACCES);
		if (!is_peer(conn, dev, mac))
			continue;
		wrong_key(conn);
		found = ERR_PTR(-EACCES);
	}
	return found;
}

/**
 * fsk_conn_find_peer - find a connection by what it writes into frames
 * @fn: of the namespace that a frame came to
 * @peer_id: the peer's id, host order
 * @peer_key: the peer's key
 *
 * Context: RCU read section.
 * Return: the connection, to be locked through its socket, or NULL.
 */
struct fsk_conn *fsk_conn_find_peer(const struct fsk_net *fn, u32 peer_id,
				    u32 peer_key)
{
	const struct fsk_buckets *now = rcu_dereference(fn->by_peer.now);
	u32 hash = peer_hash(peer_id, peer_key);
	struct hlist_node *node;
	struct fsk_conn *conn;

	__hlist_for_each_rcu(node, fsk_table_bucket(now, hash)) {
		conn = fsk_table_entry(node, now, struct fsk_conn, peer_link);
		if (conn->peer_id == peer_id && conn->peer_key == peer_key)
			return conn;
	}
	return NULL;
}

static void set_keys(struct fsk_conn *conn)
{
	const struct fsk_epochs *ep = &conn->epochs;
	u64 shut = conn->open_key & FSK_KEY_SHUT;

	WRITE_ONCE(conn->seal_key,
		   conn->peer_key + fsk_epochs_mix(ep->sent, ep->rcvd));
	WRITE_ONCE(conn->open_key, shut |
		   (u32)(conn->key + fsk_epochs_mix(ep->rcvd, ep->sent)));
}

/**
 * fsk_conn_keys - what frames of a new connection are sealed with
 * @conn: connection with its key, and with its peer's if that is known
 *
 * Context: socket lock held in either form, or the connection is in no table.
 */
void fsk_conn_keys(struct fsk_conn *conn)
{
	spin_lock_bh(&conn_keys_lock);
	fsk_epochs_init(&conn->epochs, conn->tx.una, conn->rx.nxt);
	conn->wrong_since = jiffies;
	set_keys(conn);
	spin_unlock_bh(&conn_keys_lock);
}

/**
 * fsk_conn_rekey - the numbers of one direction have entered another epoch
 * @conn: connection of which fsk_epochs_passed() says so
 *
 * Context: socket lock held in either form.
 */
void fsk_conn_rekey(struct fsk_conn *conn)
{
	spin_lock_bh(&conn_keys_lock);
	fsk_epochs_count(&conn->epochs, conn->tx.una, conn->rx.nxt);
	set_keys(conn);
	spin_unlock_bh(&conn_keys_lock);
}

/**
 * fsk_conn_prepare - what every end begins with
 * @conn: zeroed memory
 * @sk: its socket
 * @xport: what will carry it
 *
 * Context: any; the caller owns @sk or is the only one to know it.
 */
void fsk_conn_prepare(struct fsk_conn *conn, struct sock *sk,
		      const struct fsk_transport_ops *xport)
{
	conn->sk = sk;
	conn->mib = fsk_net(sock_net(sk))->mib;
	conn->xport = xport;
	conn->heard_at = fsk_now();
	fsk_timer_init(conn);
}

/**
 * fsk_conn_alloc - make a connection of frames that nobody sees yet
 * @sk: its socket
 * @xport: what will carry it
 * @dev: device towards the peer
 * @mac: the peer's address on @dev
 * @gfp: allocation flags
 *
 * Context: as @gfp allows; the caller owns @sk or is the only one to know it.
 * Return: the connection, still without id and key, or NULL without memory.
 */
struct fsk_conn *fsk_conn_alloc(struct sock *sk,
				const struct fsk_transport_ops *xport,
				struct net_device *dev, const u8 *mac,
				gfp_t gfp)
{
	struct fsk_conn *conn = kmem_cache_zalloc(conn_cache, gfp);

	if (!conn)
		return NULL;
	fsk_conn_prepare(conn, sk, xport);
	netdev_hold(dev, NULL, gfp);	/* no tracker: see put_dev() */
	RCU_INIT_POINTER(conn->path.dev, dev);
	ether_addr_copy(conn->path.mac, mac);
	/* Without a transport the caller gives it up. */
	if (xport) {
		conn->path.headroom = xport->headroom(dev);
		fsk_path_start(conn);
	}
	conn->mask = get_random_u32();
	return conn;
}

/*
 * Let the device go; frames are lost from here on.  The end of the connection
 * and the device's notifier may both come to it: one of them finds it.  They
 * share no lock that would keep a tracker of the reference.
 */
static void put_dev(struct fsk_conn *conn)
{
	struct net_device *dev = unrcu_pointer(xchg(&conn->path.dev, NULL));

	if (dev)
		netdev_put(dev, NULL);
}

/* It is closed before it is unregistered or moved to another namespace. */
static bool stays(const struct net_device *dev, const struct net *net)
{
	return dev->reg_state == NETREG_REGISTERED &&
	       READ_ONCE(dev->flags) & IFF_UP && net_eq(dev_net(dev), net);
}

/**
 * fsk_conn_set_dev - move to a device
 * @conn: connection
 * @dev: device; whoever unregisters it waits for the caller's section to end
 *
 * Its notifier, which lets go of it, has not run yet if it still belongs to its
 * namespace and is up, or if it is ours already.
 *
 * Context: socket lock held in either form, RCU read section.
 * Return: false if @dev is about to leave.
 */
bool fsk_conn_set_dev(struct fsk_conn *conn, struct net_device *dev)
{
	if (fsk_conn_dev(conn) == dev)
		return true;
	if (!stays(dev, sock_net(conn->sk)))
		return false;
	put_dev(conn);
	netdev_hold(dev, NULL, GFP_ATOMIC);
	conn->path.headroom = conn->xport->headroom(dev);
	rcu_assign_pointer(conn->path.dev, dev);
	return true;
}

/*
 * All connections have the same filter, and its count of references is not
 * touched: nobody can detach a filter that is locked, a connection is never
 * cloned, and when TCP destroys the socket, ulp_release() comes before it would
 * drop one.  Nor is it charged to the socket, which it cost nothing.
 */
static void filter_attach(struct sock *sk, struct fsk_conn *conn)
{
	conn->filter_locked = sock_flag(sk, SOCK_FILTER_LOCKED);
	sock_set_flag(sk, SOCK_FILTER_LOCKED);
	rcu_assign_pointer(sk->sk_filter, reject_all);
}

static void filter_detach(struct sock *sk, const struct fsk_conn *conn)
{
	RCU_INIT_POINTER(sk->sk_filter, NULL);
	sock_valbool_flag(sk, SOCK_FILTER_LOCKED, conn->filter_locked);
}

static void ulp_release(struct sock *sk);

/*
 * TCP must neither run its own upper layers on the socket nor offer ours:
 * init() refuses setsockopt(TCP_ULP, "fastsock").
 */
static int ulp_init(struct sock *sk)
{
	return -EOPNOTSUPP;
}

static struct tcp_ulp_ops fsk_ulp_ops __read_mostly = {
	.name		= "fastsock",
	.owner		= THIS_MODULE,
	.init		= ulp_init,
};

/* Those of a socket, which nobody can find by their name: see ulp_release(). */
static const struct tcp_ulp_ops fsk_conn_ulp_ops = {
	.name		= "fastsock",
	.release	= ulp_release,
};

/**
 * fsk_conn_attach - put a connection into its socket's ULP slot
 * @sk: a TCP socket without ULP, filter or listener role
 * @conn: from fsk_conn_alloc() for @sk
 *
 * From here on TCP segments and ICMP errors for the four-tuple are dropped
 * before any TCP processing, and whatever TCP code still runs cannot transmit.
 *
 * Context: socket lock held, or @sk is unknown to others.
 */
void fsk_conn_attach(struct sock *sk, struct fsk_conn *conn)
{
	struct inet_connection_sock *icsk = inet_csk(sk);

	fsk_hold();
	sock_hold(sk);
	filter_attach(sk, conn);
	icsk->icsk_af_ops = &fsk_af_ops;
	icsk->icsk_ulp_ops = &fsk_conn_ulp_ops;
	rcu_assign_pointer(icsk->icsk_ulp_data, conn);
	sk->sk_backlog_rcv = fsk_backlog_rcv;
	WRITE_ONCE(sk->sk_prot, &fsk_prot);
}

/**
 * fsk_conn_hash - let frames find the connection by its id
 * @conn: attached connection
 *
 * If its device is about to leave the namespace, whose notifier may have missed
 * it, it loses the device at once.
 *
 * Context: socket lock held, or the socket is unknown to others.
 */
void fsk_conn_hash(struct fsk_conn *conn)
{
	const struct net *net = sock_net(conn->sk);
	struct fsk_net *fn = fsk_net(net);
	const struct net_device *dev;

	fsk_table_add(&fn->by_id, &conn->id_link, id_hash(fn, conn->id));
	/* Pairs with the grace period before a device's notifiers run. */
	smp_mb();
	rcu_read_lock();
	dev = fsk_conn_dev(conn);
	if (unlikely(dev && !stays(dev, net)))
		put_dev(conn);
	rcu_read_unlock();
}

/**
 * fsk_conn_hash_peer - let UNKNOWN frames find the connection
 * @conn: connection whose @peer_id is known
 *
 * Context: socket lock held, or the socket is unknown to others.
 */
void fsk_conn_hash_peer(struct fsk_conn *conn)
{
	fsk_table_add(&fsk_net(sock_net(conn->sk))->by_peer, &conn->peer_link,
		      peer_hash(conn->peer_id, conn->peer_key));
}

static void conn_free_rcu(struct rcu_head *rcu)
{
	struct fsk_conn *conn = container_of(rcu, struct fsk_conn, rcu);

	fsk_timer_exit(conn);
	sock_put(conn->sk);
	if (conn->pair) {
		fsk_pair_put(conn->pair);
		return;
	}
	kfree(conn->fallback);
	kmem_cache_free(conn_cache, conn);
}

/* The connection is dead and no longer attached. */
static void conn_part(struct fsk_conn *conn)
{
	if (!conn->pair || !fsk_pair_leave(conn))
		call_rcu(&conn->rcu, conn_free_rcu);
}

static void conn_purge(struct fsk_conn *conn)
{
	struct fsk_seg *seg, *next;

	fsk_tx_free(conn, fsk_rel_tx_purge(&conn->tx));
	for (seg = fsk_rel_rx_purge(&conn->rx); seg; seg = next) {
		next = seg->next;
		kfree_skb(fsk_seg_skb(seg));
	}
	fsk_mem_let_go(conn);
}

/**
 * fsk_frames_leave - the connection dies
 * @conn: connection of frames
 *
 * Context: socket lock held in either form.
 */
void fsk_frames_leave(struct fsk_conn *conn)
{
	struct net *net = sock_net(conn->sk);

	/* First, so that a CONFIRM finds one or the other. */
	if (conn->tomb)
		fsk_tomb_add(net, conn->tomb, conn->id, conn->key);
	conn->tomb = NULL;
	fsk_table_del(&fsk_net(net)->by_id, &conn->id_link);
	fsk_table_del(&fsk_net(net)->by_peer, &conn->peer_link);
	conn_purge(conn);
	put_dev(conn);
}

/**
 * fsk_conn_free - free a connection that was never attached
 * @conn: from fsk_conn_alloc(), or of a pair
 *
 * Context: any.
 */
void fsk_conn_free(struct fsk_conn *conn)
{
	if (conn->pair) {
		fsk_loop_leave(conn);
		fsk_pair_put(conn->pair);
		return;
	}
	put_dev(conn);
	fsk_tomb_free(conn->tomb);
	kfree(conn->fallback);
	kmem_cache_free(conn_cache, conn);
}

/* The part of detaching that both ends of life share. */
static void conn_unhook(struct sock *sk, struct fsk_conn *conn)
{
	struct inet_connection_sock *icsk = inet_csk(sk);

	if (conn->pair)
		fsk_loop_unhook(conn);
	filter_detach(sk, conn);
	icsk->icsk_af_ops = tcp_af_ops;
	RCU_INIT_POINTER(icsk->icsk_ulp_data, NULL);
	WRITE_ONCE(sk->sk_prot, &tcp_prot);
	conn_part(conn);
}

static void ulp_release_conn(struct sock *sk, struct fsk_conn *conn)
{
	if (conn->phase != FSK_PH_DEAD) {
		rcu_read_lock();
		fsk_tx_reset(conn);
		rcu_read_unlock();
	}
	fsk_conn_kill(conn);
	conn_unhook(sk, conn);
}

/*
 * TCP destroys the socket.  sk_backlog_rcv stays ours: the caller may own the
 * socket and find frames on the backlog when it lets go.  TCP looks once more
 * at the operations, but does not sleep before.
 */
static void ulp_release(struct sock *sk)
{
	struct fsk_conn *conn = fsk_conn(sk);

	if (conn)
		ulp_release_conn(sk, conn);
	fsk_hold_drop();
}

/* Softirq looks at the phase under the spinlock before it queues. */
static void kill_owned(struct fsk_conn *conn)
{
	spin_lock_bh(&conn->sk->sk_lock.slock);
	fsk_conn_kill(conn);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
}

/**
 * fsk_conn_detach - make the socket a plain TCP socket again
 * @sk: socket with an attached connection
 *
 * Context: process; the caller owns the socket.
 */
void fsk_conn_detach(struct sock *sk)
{
	struct fsk_conn *conn = fsk_conn(sk);

	kill_owned(conn);
	sk_flush_backlog(sk);

	inet_csk(sk)->icsk_ulp_ops = NULL;
	tcp_sk(sk)->snd_una = tcp_sk(sk)->write_seq;
	WRITE_ONCE(tcp_sk(sk)->snd_nxt, tcp_sk(sk)->write_seq);
	conn_unhook(sk, conn);
	sk->sk_backlog_rcv = tcp_prot.backlog_rcv;
	fsk_hold_drop();
}

/**
 * fsk_conn_swap - put another connection in the place of the attached one
 * @old: attached connection, which stays as it is
 * @conn: another one for the same socket
 *
 * The caller ends the one that is to go by fsk_conn_forget().
 *
 * Context: process; the caller owns the socket.
 */
void fsk_conn_swap(struct fsk_conn *old, struct fsk_conn *conn)
{
	conn->filter_locked = old->filter_locked;
	rcu_assign_pointer(inet_csk(old->sk)->icsk_ulp_data, conn);
}

/**
 * fsk_conn_forget - free a connection that is no longer attached
 * @conn: connection; it has a reference on its socket
 *
 * Context: process; the caller owns the socket.
 */
void fsk_conn_forget(struct fsk_conn *conn)
{
	kill_owned(conn);
	conn_part(conn);
}

/* TCP's clock, so many ns ago; 0 stands for the beginning. */
static u32 jiffies_at(const struct fsk_conn *conn, u64 at, u64 now)
{
	return at ? tcp_jiffies32 - (u32)nsecs_to_jiffies(now - at) :
		    inet_csk(conn->sk)->icsk_ack.lrcvtime;
}

/**
 * fsk_frames_info - tell TCP_INFO and ss what the core knows
 * @conn: connection of frames
 *
 * Context: socket lock held in either form.
 */
void fsk_frames_info(struct fsk_conn *conn)
{
	struct tcp_sock *tp = tcp_sk(conn->sk);
	u32 mss = max_t(u32, tp->mss_cache, 1);
	u32 cwnd = conn->tx.cc.cwnd / mss;
	u64 now = fsk_now();

	tp->lsndtime = jiffies_at(conn, conn->tx.rack_sent, now);
	tp->rcv_tstamp = jiffies_at(conn, conn->heard_at, now);
	inet_csk(conn->sk)->icsk_ack.lrcvtime = tp->rcv_tstamp;
	tp->snd_wnd = conn->tx.wnd_end - conn->tx.una;
	tp->rcvq_space.space = fsk_rx_space(conn->sk);
	tp->total_retrans = conn->tx.retrans;
	tp->delivered = tp->data_segs_out -
			DIV_ROUND_UP(conn->tx.inflight, mss);
	tcp_snd_cwnd_set(tp, max_t(u32, cwnd, 1));
	if (!conn->tx.srtt)
		return;
	/* TCP keeps eighths and quarters of microseconds. */
	tp->srtt_us = div_u64(conn->tx.srtt * 8, NSEC_PER_USEC);
	tp->mdev_us = div_u64(conn->tx.rttvar * 4, NSEC_PER_USEC);
	minmax_reset(&tp->rtt_min, tcp_jiffies32,
		     div_u64(conn->tx.cc.min_rtt, NSEC_PER_USEC));
}

/* A connection that is moving to another device keeps that one. */
static void drop_dev(struct fsk_conn *conn, struct net_device *dev)
{
	struct net_device __rcu *mine = RCU_INITIALIZER(dev);

	if (try_cmpxchg(&conn->path.dev, &mine, NULL))
		netdev_put(dev, NULL);
}

/* Take a device away from all connections of a namespace. */
static void drop_dev_of_all(const struct fsk_net *fn, struct net_device *dev)
{
	const struct fsk_buckets *now;
	struct hlist_node *node;
	struct fsk_conn *conn;
	unsigned int i = 0;
	bool more;

	/* If it grows, what was in a bucket goes to it or to later ones. */
	do {
		local_bh_disable();
		rcu_read_lock();
		now = rcu_dereference(fn->by_id.now);
		__hlist_for_each_rcu(node, &now->heads[i]) {
			conn = fsk_table_entry(node, now, struct fsk_conn,
					       id_link);
			if (rcu_access_pointer(conn->path.dev) == dev)
				drop_dev(conn, dev);
		}
		more = ++i < fsk_table_size(now);
		rcu_read_unlock();
		local_bh_enable();
		cond_resched();
	} while (more);
	/* Who has looked for its way meanwhile has found the device. */
	atomic_inc(&fsk_path_changes);
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
	synchronize_rcu();	/* readers of fsk_conn.path.dev */
	netdev_put(drop->dev, &drop->tracker);
	put_net(drop->net);
	kfree(drop);
}

/**
 * fsk_conn_drop_dev - a device goes away
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
void fsk_conn_drop_dev(struct net_device *dev)
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

/* Nothing that TCP code builds for a fastsock socket leaves the host. */
static int discard_xmit(struct sock *sk, struct sk_buff *skb, struct flowi *fl)
{
	kfree_skb(skb);
	return 0;
}

/**
 * fsk_conn_sample - show what a new TCP socket begins with
 * @look: takes from it what the kernel does not export; 0 or a negative errno
 *
 * Context: process, module load.
 * Return: what @look says, or why there is no socket.
 */
int fsk_conn_sample(int (*look)(struct sock *sk))
{
	struct socket *sock;
	int err;

	err = sock_create_kern(&init_net, PF_INET, SOCK_STREAM, IPPROTO_TCP,
			       &sock);
	if (err)
		return err;
	err = look(sock->sk);
	sock_release(sock);
	return err;
}

/* TCP's own operations, which are not exported everywhere. */
static int look_at_ops(struct sock *sk)
{
	int err;

	tcp_af_ops = inet_csk(sk)->icsk_af_ops;
	fsk_keepalive_learn(sk);
	err = fsk_opcheck_af_ops(tcp_af_ops);
	if (err)
		return err;
	fsk_af_ops = *tcp_af_ops;
	fsk_af_ops.queue_xmit = discard_xmit;
	return 0;
}

/*
 * In place of a compiled program.  TCP's receive path runs it: softirq, RCU
 * read section, data at the TCP header, the socket to whose name the segment
 * came in skb->sk for the time being.
 */
static unsigned int reject(const void *ctx, const struct bpf_insn *insns)
{
	struct sk_buff *skb = (struct sk_buff *)ctx;

	if (likely(skb->sk))
		fsk_challenge_segment(skb->sk, skb);
	return 0;
}

/*
 * The program says that it was attached with no instructions: then
 * SO_GET_FILTER tells of no filter, as CRIU asks of every socket, instead of
 * failing.
 */
static int filter_init(void)
{
	static struct sock_fprog_kern attached;
	struct bpf_prog *prog;

	reject_all = kzalloc(sizeof(*reject_all), GFP_KERNEL);
	if (!reject_all)
		return -ENOMEM;
	prog = bpf_prog_alloc(bpf_prog_size(1), 0);
	if (!prog) {
		kfree(reject_all);
		return -ENOMEM;
	}
	prog->len = 1;
	prog->insnsi[0] = BPF_EXIT_INSN();
	prog->bpf_func = reject;
	prog->orig_prog = &attached;
	refcount_set(&reject_all->refcnt, 1);
	reject_all->prog = prog;
	return 0;
}

static void filter_exit(void)
{
	bpf_prog_free(reject_all->prog);
	kfree(reject_all);
}

/**
 * fsk_conn_init_net - make the tables of a new namespace
 * @net: namespace
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int fsk_conn_init_net(struct net *net)
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
 * fsk_conn_exit_net - undo fsk_conn_init_net(); no connection, no frame is left
 * @net: namespace
 *
 * Context: process, may sleep.
 */
void fsk_conn_exit_net(struct net *net)
{
	struct fsk_net *fn = fsk_net(net);

	fsk_table_exit(&fn->by_peer);
	fsk_table_exit(&fn->by_id);
}

/**
 * fsk_conn_init - cache, filter and ULP
 *
 * Context: process, module load.
 * Return: 0 or a negative errno.
 */
int fsk_conn_init(void)
{
	int err = -ENOMEM;

	conn_cache = KMEM_CACHE(fsk_conn, SLAB_ACCOUNT);
	if (!conn_cache)
		return err;
	get_random_bytes(&peer_secret, sizeof(peer_secret));
	err = filter_init();
	if (err)
		goto err_cache;
	err = fsk_conn_sample(look_at_ops);
	if (err)
		goto err_filter;
	err = tcp_register_ulp(&fsk_ulp_ops);
	if (err)
		goto err_filter;
	return 0;

err_filter:
	filter_exit();
err_cache:
	kmem_cache_destroy(conn_cache);
	return err;
}

/**
 * fsk_conn_exit - undo fsk_conn_init(); no connection is left
 *
 * Context: process, module unload.
 */
void fsk_conn_exit(void)
{
	tcp_unregister_ulp(&fsk_ulp_ops);
	rcu_barrier();		/* conn_free_rcu() */
	filter_exit();
	kmem_cache_destroy(conn_cache);
}
