// SPDX-License-Identifier: GPL-2.0
/*
 * Who on the segment speaks fastsock: the capability cache, HELLO and BYE.
 *
 * Entries are keyed by device and link-layer address.  Readers hold RCU only;
 * fsk_net.peers_lock serialises writers.  Everything a stranger's frame can
 * grow is bounded: a bucket holds FSK_PEER_DEPTH entries, the hash is seeded,
 * and an entry that has carried a connection is never evicted, so a flood of
 * HELLOs with forged addresses cannot make us forget the peers in use.
 *
 * What a frame can make us do is bounded by who sent it.  Strangers share one
 * budget.  Who was heard has one of his own, but a HELLO costs nothing and its
 * address may be forged, so all who have carried no connection yet share one,
 * too.  Who has carried one gets frames at his address: his budget is ample,
 * and each SYN that becomes a connection is paid back.
 *
 * The group address joined on a device is tracked in fsk_peer_devs under RTNL,
 * beside which every event that may join or leave is serialised; so each
 * dev_mc_add() meets exactly one dev_mc_del().
 *
 * Lock order: RTNL, fsk_net.peers_lock, fsk_net.budget_lock.  No frame is sent
 * under a spinlock.
 */

#include <linux/etherdevice.h>
#include <linux/jhash.h>
#include <linux/netdevice.h>
#include <linux/proc_fs.h>
#include <linux/random.h>
#include <linux/rtnetlink.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <net/arp.h>
#include <net/neighbour.h>
#include <net/netevent.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/compat.h"
#include "base/pernet.h"
#include "base/stats.h"
#include "lan/eth.h"
#include "lan/peer.h"

/* Devices of this kernel with the same address that are asked. */
#define FSK_PEER_TWINS		16
#define FSK_PEER_DEPTH		16		/* entries in one bucket */
#define FSK_PEER_AGE		(600 * HZ)	/* unheard for so long: gone */
#define FSK_PEER_STALE		(FSK_PEER_AGE / 2) /* ask again when used */
#define FSK_PEER_GC		(60 * HZ)	/* between ageing runs */
#define FSK_PEER_BACKOFF	(1 * HZ)	/* first; doubles each time */
#define FSK_PEER_BACKOFF_MAX	(60 * HZ)
/* After so many failures in a row a HELLO no longer ends the back-off. */
#define FSK_PEER_PATIENCE	3

/* A HELLO to the group is answered so much later at most, by chance. */
#define FSK_PEER_JITTER		(HZ / 4)
/* One peer is not answered a HELLO to the group more often. */
#define FSK_PEER_PACE		(1 * HZ)
/* The same if nothing says that it has forgotten us; its link may have. */
#define FSK_PEER_QUIET		(4 * HZ)

/**
 * struct fsk_rate - what a budget gives
 * @rate: a second
 * @burst: at once
 */
struct fsk_rate {
	unsigned int rate;
	unsigned int burst;
};

/* Answers to strangers, entries made for them, and HELLOs to neighbours. */
static const struct fsk_rate fsk_rate_strangers = { 1000, 200 };
/* SYNs of all peers that have carried no connection, and of each of them. */
static const struct fsk_rate fsk_rate_newcomers = { 1000, 1000 };
static const struct fsk_rate fsk_rate_newcomer = { 200, 100 };
/* SYNs of a peer that has, beyond those that become connections. */
static const struct fsk_rate fsk_rate_peer = { 2000, 4096 };
/* Answers without much work to a peer: UNKNOWN, HELLO_ACK, REJECT. */
static const struct fsk_rate fsk_rate_answers = { 1000, 200 };
/* What a connection pays back: SYN may have come twice. */
#define FSK_SYN_REFUND		2

/**
 * struct fsk_peer - what is known of one neighbour
 * @node: in fsk_net.peers
 * @rcu: for freeing
 * @net: its namespace, which outlives it
 * @ifindex: device it was heard on
 * @mac: its link-layer address
 * @state: enum fsk_peer_state; NEGATIVE counts until @until only
 * @failures: handshakes that failed since the last that succeeded
 * @tries: HELLOs sent since it was last heard
 * @used: has carried a connection: not evicted
 * @wanted: the worker shall probe it
 * @owed: the worker shall answer its HELLO
 * @hostid: its host identity, zero before it was heard
 * @seen: jiffies when it was last heard, or the entry made
 * @until: jiffies when the back-off of NEGATIVE ends
 * @probe_at: jiffies before which it is not probed again
 * @expires: jiffies when the entry is dropped
 * @told: jiffies when it last got HELLO_ACK
 * @due: jiffies when it may get the next one, if @owed
 * @syns: SYNs that are judged; fsk_net.budget_lock
 * @answers: cheaper answers; likewise
 *
 * Written under fsk_net.peers_lock, except @wanted, @owed, @due and @told;
 * @state, @used, @seen, @until and @probe_at are also read without it.
 */
struct fsk_peer {
	struct hlist_node node;
	struct rcu_head rcu;
	struct net *net;
	int ifindex;
	u8 mac[ETH_ALEN];
	u8 state;
	u8 failures;
	u8 tries;
	bool used;
	bool wanted;
	bool owed;
	u8 hostid[FSK_HOSTID_LEN];
	unsigned long seen;
	unsigned long until;
	unsigned long probe_at;
	unsigned long expires;
	unsigned long told;
	unsigned long due;
	struct fsk_budget syns;
	struct fsk_budget answers;
};

/**
 * struct fsk_peer_dev - a device on which our group address is joined
 * @list: in fsk_peer_devs
 * @node: in fsk_peer_macs, by the device's address; RCU
 * @rcu: for freeing
 * @dev: the device; NETDEV_UNREGISTER removes us, so no reference is held
 * @greeted: HELLO was sent since the device has had a carrier
 */
struct fsk_peer_dev {
	struct list_head list;
	struct hlist_node node;
	struct rcu_head rcu;
	struct net_device *dev;
	bool greeted;
};

static LIST_HEAD(fsk_peer_devs);	/* RTNL */
static struct hlist_head fsk_peer_macs[FSK_PEER_BUCKETS]; /* RTNL */
static bool fsk_peer_running;		/* RTNL; notifiers are registered */
static u32 fsk_peer_seed;

static const u8 fsk_peer_group[ETH_ALEN] __aligned(2) = FSK_MCAST_ADDR;

/* Interval number @n, counted from 0, of a back-off; jiffies. */
static unsigned long fsk_peer_backoff(unsigned int n)
{
	return min_t(unsigned long, FSK_PEER_BACKOFF << min(n, 6U),
		     FSK_PEER_BACKOFF_MAX);
}

/* As jhash() of its bytes, but not byte by byte. */
static u32 fsk_peer_hash(const u8 *mac, u32 seed)
{
	return jhash_2words(get_unaligned((const u32 *)mac),
			    get_unaligned((const u16 *)(mac + 4)), seed);
}

static struct hlist_head *fsk_peer_bucket(struct fsk_net *fn, int ifindex,
					  const u8 *mac)
{
	u32 hash = fsk_peer_hash(mac, fsk_peer_seed ^ ifindex);

	return &fn->peers[hash % FSK_PEER_BUCKETS];
}

/* Caller holds RCU or peers_lock. */
static struct fsk_peer *fsk_peer_find(struct fsk_net *fn, int ifindex,
				      const u8 *mac)
{
	struct fsk_peer *p;

	hlist_for_each_entry_rcu(p, fsk_peer_bucket(fn, ifindex, mac), node,
				 lockdep_is_held(&fn->peers_lock))
		if (p->ifindex == ifindex && ether_addr_equal(p->mac, mac))
			return p;
	return NULL;
}

/* npeers counts the entries that are not UNKNOWN. */
static void fsk_peer_set_state(struct fsk_net *fn, struct fsk_peer *p,
			       enum fsk_peer_state state)
{
	int change = (state != FSK_PEER_UNKNOWN) -
		     (p->state != FSK_PEER_UNKNOWN);

	lockdep_assert_held(&fn->peers_lock);
	WRITE_ONCE(fn->npeers, fn->npeers + change);
	WRITE_ONCE(fn->peers_gen, fn->peers_gen + 1);
	WRITE_ONCE(p->state, state);
}

static void fsk_peer_unlink(struct fsk_net *fn, struct fsk_peer *p)
{
	fsk_peer_set_state(fn, p, FSK_PEER_UNKNOWN);
	hlist_del_rcu(&p->node);
	kfree_rcu(p, rcu);
}

/* Make room in a bucket: the entry longest unheard that carried nothing. */
static bool fsk_peer_make_room(struct fsk_net *fn, struct hlist_head *bucket)
{
	struct fsk_peer *p, *victim = NULL;
	unsigned int depth = 0;

	hlist_for_each_entry(p, bucket, node) {
		depth++;
		if (!p->used && (!victim || time_before(p->seen, victim->seen)))
			victim = p;
	}
	if (depth < FSK_PEER_DEPTH)
		return true;
	if (!victim)
		return false;
	fsk_peer_unlink(fn, victim);
	return true;
}

static void fsk_budget_fill(struct fsk_budget *b, const struct fsk_rate *r)
{
	b->left = r->burst;
	b->at = jiffies;
}

/* Take one of a budget; false if there is none. */
static bool fsk_budget_spend(struct fsk_net *fn, struct fsk_budget *b,
			     const struct fsk_rate *r)
{
	unsigned long elapsed, fresh;
	bool ok;

	spin_lock_bh(&fn->budget_lock);
	elapsed = min_t(unsigned long, jiffies - b->at, 4 * HZ);
	fresh = elapsed * r->rate / HZ;
	if (fresh) {
		b->left = min_t(unsigned long, b->left + fresh, r->burst);
		b->at = jiffies;
	}
	ok = b->left;
	if (ok)
		b->left--;
	spin_unlock_bh(&fn->budget_lock);
	return ok;
}

static bool fsk_peer_usable(const struct net_device *dev)
{
	return READ_ONCE(fsk_net(dev_net(dev))->enable) &&
	       fsk_eth_usable(dev);
}

/*
 * Find or make the entry; NULL when there is no room.  Whoever disables the
 * namespace or takes the device down does so first and empties the cache then,
 * under the lock: either we see the former, or it sees our entry.
 */
static struct fsk_peer *fsk_peer_get(struct fsk_net *fn,
				     const struct net_device *dev,
				     const u8 *mac)
{
	struct hlist_head *bucket;
	struct fsk_peer *p;

	lockdep_assert_held(&fn->peers_lock);
	if (!fsk_peer_usable(dev))
		return NULL;
	p = fsk_peer_find(fn, dev->ifindex, mac);
	if (p)
		return p;

	bucket = fsk_peer_bucket(fn, dev->ifindex, mac);
	if (!fsk_peer_make_room(fn, bucket))
		return NULL;
	p = kzalloc(sizeof(*p), GFP_ATOMIC);
	if (!p)
		return NULL;
	p->net = dev_net(dev);
	p->ifindex = dev->ifindex;
	ether_addr_copy(p->mac, mac);
	p->seen = jiffies;
	p->probe_at = jiffies;
	p->expires = jiffies + FSK_PEER_AGE;
	p->told = jiffies - FSK_PEER_QUIET;
	fsk_budget_fill(&p->syns, &fsk_rate_newcomer);
	fsk_budget_fill(&p->answers, &fsk_rate_answers);
	hlist_add_head_rcu(&p->node, bucket);
	queue_delayed_work(system_power_efficient_wq, &fn->peers_gc,
			   FSK_PEER_GC);
	return p;
}

/* Forget what was heard on a device, or everything if @ifindex is 0. */
static void fsk_peer_forget(struct fsk_net *fn, int ifindex)
{
	struct hlist_node *next;
	struct fsk_peer *p;
	unsigned int i;

	spin_lock_bh(&fn->peers_lock);
	for (i = 0; i < FSK_PEER_BUCKETS; i++)
		hlist_for_each_entry_safe(p, next, &fn->peers[i], node)
			if (!ifindex || p->ifindex == ifindex)
				fsk_peer_unlink(fn, p);
	spin_unlock_bh(&fn->peers_lock);
}

/* Was anything heard from @p that it may have an answer of its own budget? */
static bool fsk_peer_heard(const struct fsk_peer *p)
{
	return p && (READ_ONCE(p->used) ||
		     READ_ONCE(p->state) != FSK_PEER_UNKNOWN);
}

static bool fsk_peer_may_stranger(struct fsk_net *fn)
{
	return fsk_budget_spend(fn, &fn->strangers, &fsk_rate_strangers);
}

/**
 * fsk_peer_may_answer - may we answer a frame that fits nothing?
 * @dev: device it came from
 * @mac: whom it came from, aligned to 2 bytes
 *
 * Context: RCU read section, any but hard interrupt.
 * Return: true if the answer may be sent.
 */
bool fsk_peer_may_answer(struct net_device *dev, const u8 *mac)
{
	struct fsk_net *fn = fsk_net(dev_net(dev));
	struct fsk_peer *p = fsk_peer_find(fn, dev->ifindex, mac);

	if (!fsk_peer_heard(p))
		return fsk_peer_may_stranger(fn);
	return fsk_budget_spend(fn, &p->answers, &fsk_rate_answers);
}

/**
 * fsk_peer_judge_syn - what is a SYN worth?
 * @dev: device it came from
 * @mac: whom it came from, aligned to 2 bytes
 *
 * To answer it well costs netfilter, routing and the security module.
 *
 * Context: RCU read section, any but hard interrupt.
 * Return: whether to look at it, only to say that TCP is to be used, or to drop
 * it.
 */
enum fsk_syn_worth fsk_peer_judge_syn(struct net_device *dev, const u8 *mac)
{
	struct fsk_net *fn = fsk_net(dev_net(dev));
	struct fsk_peer *p = fsk_peer_find(fn, dev->ifindex, mac);
	bool ok;

	if (!fsk_peer_heard(p)) {
		ok = fsk_peer_may_stranger(fn);
	} else if (!READ_ONCE(p->used)) {
		ok = fsk_budget_spend(fn, &p->syns, &fsk_rate_newcomer) &&
		     fsk_budget_spend(fn, &fn->newcomers, &fsk_rate_newcomers);
	} else {
		if (fsk_budget_spend(fn, &p->syns, &fsk_rate_peer))
			return FSK_SYN_JUDGE;
		ok = fsk_budget_spend(fn, &p->answers, &fsk_rate_answers);
		return ok ? FSK_SYN_REJECT : FSK_SYN_DROP;
	}
	return ok ? FSK_SYN_JUDGE : FSK_SYN_DROP;
}

/* @p has carried one more connection. */
static void fsk_peer_refund(struct fsk_net *fn, struct fsk_peer *p)
{
	lockdep_assert_held(&fn->peers_lock);
	spin_lock(&fn->budget_lock);
	if (!p->used)
		fsk_budget_fill(&p->syns, &fsk_rate_peer);
	p->syns.left = min(p->syns.left + FSK_SYN_REFUND, fsk_rate_peer.burst);
	spin_unlock(&fn->budget_lock);
}

static void fsk_peer_say(struct net_device *dev, const u8 *mac, u8 type)
{
	struct fsk_hello hello = { .version = FSK_WIRE_VERSION };
	int err;

	memcpy(hello.hostid, fsk_hostid, FSK_HOSTID_LEN);
	err = fsk_eth_send(dev, mac, type, 0, 0, &hello, sizeof(hello));
	if (!err && type != FSK_T_BYE)
		fsk_stat_inc(dev_net(dev), FSK_MIB_HELLO_OUT);
}

/* Let the worker probe @p, unless a probe would be too early anyway. */
static void fsk_peer_want(struct fsk_net *fn, struct fsk_peer *p)
{
	if (READ_ONCE(p->wanted) ||
	    time_before(jiffies, READ_ONCE(p->probe_at)))
		return;
	WRITE_ONCE(p->wanted, true);
	mod_delayed_work(system_power_efficient_wq, &fn->peers_gc, 0);
}

/*
 * A back-off that has run out leaves us not knowing: the worker asks, and
 * connections use TCP until there is an answer.  So a peer that died costs one
 * handshake timeout, not one for each back-off.
 */
static enum fsk_peer_state fsk_peer_judge(struct fsk_net *fn,
					  struct fsk_peer *p)
{
	switch (READ_ONCE(p->state)) {
	case FSK_PEER_CAPABLE:
		if (time_after(jiffies, READ_ONCE(p->seen) + FSK_PEER_STALE))
			fsk_peer_want(fn, p);
		return FSK_PEER_CAPABLE;
	case FSK_PEER_NEGATIVE:
		if (time_before(jiffies, READ_ONCE(p->until)))
			return FSK_PEER_NEGATIVE;
		fsk_peer_want(fn, p);
		return FSK_PEER_UNKNOWN;
	default:
		return FSK_PEER_UNKNOWN;
	}
}

/**
 * fsk_peer_lookup - does a neighbour speak fastsock?
 * @dev: device towards it
 * @mac: its link-layer address, aligned to 2 bytes
 *
 * Never waits and never sends; an entry that grows old is probed by a worker.
 * On the loopback device the neighbour is ourselves, and needs no HELLO.
 *
 * Context: any but hard interrupt; the caller keeps @dev alive.
 * Return: the state; UNKNOWN also after a back-off, until the peer answers.
 */
enum fsk_peer_state fsk_peer_lookup(struct net_device *dev, const u8 *mac)
{
	enum fsk_peer_state state = FSK_PEER_UNKNOWN;
	struct fsk_net *fn = fsk_net(dev_net(dev));
	struct fsk_peer *p;

	rcu_read_lock();
	p = fsk_peer_find(fn, dev->ifindex, mac);
	if (p)
		state = fsk_peer_judge(fn, p);
	rcu_read_unlock();

	if (state == FSK_PEER_UNKNOWN && dev->flags & IFF_LOOPBACK)
		return FSK_PEER_CAPABLE;
	return state;
}

/* Note a probe of @mac; false if it comes too early or there is no room. */
static bool fsk_peer_may_probe(struct fsk_net *fn, struct net_device *dev,
			       const u8 *mac)
{
	struct fsk_peer *p;
	bool ok = false;

	spin_lock_bh(&fn->peers_lock);
	p = fsk_peer_get(fn, dev, mac);
	if (p && time_after_eq(jiffies, p->probe_at)) {
		WRITE_ONCE(p->probe_at, jiffies + fsk_peer_backoff(p->tries));
		if (p->tries < U8_MAX)
			p->tries++;
		if (p->state != FSK_PEER_CAPABLE)
			p->expires = jiffies + FSK_PEER_AGE;
		ok = true;
	}
	spin_unlock_bh(&fn->peers_lock);
	return ok;
}

/**
 * fsk_peer_probe - ask a neighbour whether it speaks fastsock
 * @dev: device towards it
 * @mac: its link-layer address, aligned to 2 bytes
 *
 * Sends one HELLO.  Unanswered ones back off from 1 s to 60 s per neighbour,
 * and all share a budget of the namespace.
 *
 * Context: any but hard interrupt; the caller keeps @dev alive.
 */
void fsk_peer_probe(struct net_device *dev, const u8 *mac)
{
	struct fsk_net *fn = fsk_net(dev_net(dev));

	if (!fsk_peer_usable(dev) ||
	    (!is_valid_ether_addr(mac) && !(dev->flags & IFF_LOOPBACK)))
		return;
	if (fsk_peer_may_probe(fn, dev, mac) &&
	    fsk_budget_spend(fn, &fn->probes, &fsk_rate_strangers))
		fsk_peer_say(dev, mac, FSK_T_HELLO);
}

/* Something that only a living fastsock can have sent came from @p. */
static void fsk_peer_refresh(struct fsk_peer *p)
{
	WRITE_ONCE(p->seen, jiffies);
	p->expires = jiffies + FSK_PEER_AGE;
	p->tries = 0;
}

/**
 * fsk_peer_answered - a handshake with a neighbour succeeded
 * @dev: device towards it
 * @mac: its link-layer address, aligned to 2 bytes
 *
 * Makes it capable, ends its history of failures, protects its entry, and gives
 * back what its SYN has cost.
 *
 * Context: any but hard interrupt; the caller keeps @dev alive.
 */
void fsk_peer_answered(struct net_device *dev, const u8 *mac)
{
	struct fsk_net *fn = fsk_net(dev_net(dev));
	struct fsk_peer *p;

	spin_lock_bh(&fn->peers_lock);
	p = fsk_peer_get(fn, dev, mac);
	if (p) {
		fsk_peer_refresh(p);
		fsk_peer_set_state(fn, p, FSK_PEER_CAPABLE);
		p->failures = 0;
		fsk_peer_refund(fn, p);
		WRITE_ONCE(p->used, true);
	}
	spin_unlock_bh(&fn->peers_lock);
}

/**
 * fsk_peer_failed - a neighbour thought capable did not answer a handshake
 * @dev: device towards it
 * @mac: its link-layer address, aligned to 2 bytes
 *
 * Makes it negative, for 1 s at first and twice as long after each further
 * failure, up to 60 s.  Connects that failed together count as one failure.
 *
 * Context: any but hard interrupt; the caller keeps @dev alive.
 */
void fsk_peer_failed(struct net_device *dev, const u8 *mac)
{
	struct fsk_net *fn = fsk_net(dev_net(dev));
	unsigned long now = jiffies;
	struct fsk_peer *p;

	spin_lock_bh(&fn->peers_lock);
	p = fsk_peer_get(fn, dev, mac);
	if (!p || (p->state == FSK_PEER_NEGATIVE && time_before(now, p->until)))
		goto unlock;
	WRITE_ONCE(p->until, now + fsk_peer_backoff(p->failures));
	if (p->failures < U8_MAX)
		p->failures++;
	p->expires = now + FSK_PEER_AGE;
	fsk_peer_set_state(fn, p, FSK_PEER_NEGATIVE);
unlock:
	spin_unlock_bh(&fn->peers_lock);
}

/*
 * A HELLO is sent by one who has just come up or wants to talk, which ends a
 * back-off, but not for ever: a path on which HELLOs pass and handshakes do not
 * must not make every connect wait.  A HELLO_ACK shows only that it is there.
 */
static bool fsk_peer_forgiven(const struct fsk_peer *p, u8 type)
{
	if (p->state != FSK_PEER_NEGATIVE || !time_before(jiffies, p->until))
		return true;
	return type == FSK_T_HELLO && p->failures <= FSK_PEER_PATIENCE;
}

/*
 * When may a HELLO to the group be answered?  The sender's address may be
 * forged, and so every host of the segment be made to answer a victim: a peer
 * that has the identity that we know, and has not said BYE, waits longer.  It
 * does get an answer, for a link that was down makes it forget us.
 */
static unsigned long fsk_peer_due(const struct fsk_peer *p,
				  const struct fsk_hello *hello)
{
	bool anew = p->state != FSK_PEER_CAPABLE ||
		    memcmp(p->hostid, hello->hostid, FSK_HOSTID_LEN);

	return READ_ONCE(p->told) + (anew ? FSK_PEER_PACE : FSK_PEER_QUIET);
}

/* It is to be answered a HELLO to the group. */
static void fsk_peer_owe(struct fsk_peer *p, unsigned long due)
{
	if (!READ_ONCE(p->owed) || time_before(due, READ_ONCE(p->due)))
		WRITE_ONCE(p->due, due);
	WRITE_ONCE(p->owed, true);
}

/* Return: true if a HELLO to the group is to be answered. */
static bool fsk_peer_learn(struct net_device *dev, const u8 *mac, u8 type,
			   const struct fsk_hello *hello, bool group)
{
	struct fsk_net *fn = fsk_net(dev_net(dev));
	struct fsk_peer *p;
	bool answer = false;

	spin_lock_bh(&fn->peers_lock);
	p = fsk_peer_get(fn, dev, mac);
	if (p) {
		answer = group;
		if (group)
			fsk_peer_owe(p, fsk_peer_due(p, hello));
		else if (type == FSK_T_HELLO)
			WRITE_ONCE(p->told, jiffies);
		fsk_peer_refresh(p);
		memcpy(p->hostid, hello->hostid, FSK_HOSTID_LEN);
		if (fsk_peer_forgiven(p, type))
			fsk_peer_set_state(fn, p, FSK_PEER_CAPABLE);
	}
	spin_unlock_bh(&fn->peers_lock);
	return answer;
}

static void fsk_peer_bye(struct net_device *dev, const u8 *mac)
{
	struct fsk_net *fn = fsk_net(dev_net(dev));
	struct fsk_peer *p;

	spin_lock_bh(&fn->peers_lock);
	p = fsk_peer_find(fn, dev->ifindex, mac);
	if (p)
		fsk_peer_set_state(fn, p, FSK_PEER_UNKNOWN);
	spin_unlock_bh(&fn->peers_lock);
}

static bool fsk_peer_known(struct net_device *dev, const u8 *mac)
{
	struct fsk_net *fn = fsk_net(dev_net(dev));
	bool known;

	rcu_read_lock();
	known = fsk_peer_find(fn, dev->ifindex, mac);
	rcu_read_unlock();
	return known;
}

/*
 * Learning from a stranger costs as much as answering one.  Hosts answer the
 * group at different times, so that a newcomer can hear them all.
 */
static void fsk_peer_rcv_hello(struct net_device *dev, const u8 *mac, u8 type,
			       const struct fsk_hello *hello, bool group)
{
	struct net *net = dev_net(dev);
	struct fsk_net *fn = fsk_net(net);

	if (((type == FSK_T_HELLO && !group) || !fsk_peer_known(dev, mac)) &&
	    !fsk_peer_may_answer(dev, mac)) {
		fsk_drop(net, NULL, FSK_DROP_RATE);
		return;
	}
	fsk_stat_inc(net, FSK_MIB_HELLO_IN);
	if (fsk_peer_learn(dev, mac, type, hello, group))
		queue_delayed_work(system_power_efficient_wq,
				   &fn->peers_answers,
				   get_random_u32() % FSK_PEER_JITTER);
	if (type == FSK_T_HELLO && !group)
		fsk_peer_say(dev, mac, FSK_T_HELLO_ACK);
}

/**
 * fsk_peer_rcv - a HELLO, HELLO_ACK or BYE came in
 * @dev: device it came in on
 * @mac: whom it came from, aligned to 2 bytes
 * @type: FSK_T_HELLO, FSK_T_HELLO_ACK or FSK_T_BYE
 * @hello: its body, complete
 * @group: HELLO that was sent to the group
 *
 * Learns from it and answers a HELLO.  A namespace that is not enabled does
 * neither.  What is not used is counted as a drop; the caller frees the frame.
 *
 * Context: softirq, inside an RCU read section.
 */
void fsk_peer_rcv(struct net_device *dev, const u8 *mac, u8 type,
		  const struct fsk_hello *hello, bool group)
{
	struct net *net = dev_net(dev);

	if (!fsk_peer_usable(dev)) {
		fsk_drop(net, NULL, FSK_DROP_NOT_FOR_US);
	} else if (ether_addr_equal(mac, dev->dev_addr) &&
		   !(dev->flags & IFF_LOOPBACK)) {
		/* Our own, reflected by the segment: an answer would be too. */
		fsk_drop(net, NULL, FSK_DROP_SOURCE);
	} else if (hello->version != FSK_WIRE_VERSION) {
		fsk_drop(net, NULL, FSK_DROP_VERSION);
	} else if (type == FSK_T_BYE) {
		fsk_peer_bye(dev, mac);
	} else {
		fsk_peer_rcv_hello(dev, mac, type, hello, group);
	}
}

/* Drop aged entries of a bucket; true if any remain. */
static bool fsk_peer_age(struct fsk_net *fn, struct hlist_head *bucket)
{
	struct hlist_node *next;
	struct fsk_peer *p;
	bool remain;

	spin_lock_bh(&fn->peers_lock);
	hlist_for_each_entry_safe(p, next, bucket, node)
		if (time_after(jiffies, p->expires))
			fsk_peer_unlink(fn, p);
	remain = !hlist_empty(bucket);
	spin_unlock_bh(&fn->peers_lock);
	return remain;
}

/* Probe the entries of a bucket that a lookup found old. */
static void fsk_peer_ask(struct hlist_head *bucket)
{
	struct net_device *dev;
	struct fsk_peer *p;

	rcu_read_lock();
	hlist_for_each_entry_rcu(p, bucket, node) {
		if (!READ_ONCE(p->wanted))
			continue;
		WRITE_ONCE(p->wanted, false);
		dev = dev_get_by_index_rcu(p->net, p->ifindex);
		if (dev)
			fsk_peer_probe(dev, p->mac);
	}
	rcu_read_unlock();
}

static void fsk_peer_gc(struct work_struct *work)
{
	struct fsk_net *fn = container_of(to_delayed_work(work), struct fsk_net,
					  peers_gc);
	bool remain = false;
	unsigned int i;

	for (i = 0; i < FSK_PEER_BUCKETS; i++) {
		if (hlist_empty(&fn->peers[i]))
			continue;
		remain |= fsk_peer_age(fn, &fn->peers[i]);
		fsk_peer_ask(&fn->peers[i]);
		cond_resched();
	}
	if (remain)
		queue_delayed_work(system_power_efficient_wq, &fn->peers_gc,
				   FSK_PEER_GC);
}

/* Answer the HELLOs of a bucket; true if some are still too early. */
static bool fsk_peer_tell(struct hlist_head *bucket)
{
	struct net_device *dev;
	bool early = false;
	struct fsk_peer *p;

	rcu_read_lock();
	hlist_for_each_entry_rcu(p, bucket, node) {
		if (!READ_ONCE(p->owed))
			continue;
		if (time_before(jiffies, READ_ONCE(p->due))) {
			early = true;
			continue;
		}
		WRITE_ONCE(p->owed, false);
		WRITE_ONCE(p->told, jiffies);
		dev = dev_get_by_index_rcu(p->net, p->ifindex);
		if (dev && fsk_peer_usable(dev))
			fsk_peer_say(dev, p->mac, FSK_T_HELLO_ACK);
	}
	rcu_read_unlock();
	return early;
}

static void fsk_peers_answer(struct work_struct *work)
{
	struct fsk_net *fn = container_of(to_delayed_work(work), struct fsk_net,
					  peers_answers);
	bool early = false;
	unsigned int i;

	for (i = 0; i < FSK_PEER_BUCKETS; i++) {
		early |= fsk_peer_tell(&fn->peers[i]);
		cond_resched();
	}
	if (early)
		queue_delayed_work(system_power_efficient_wq,
				   &fn->peers_answers, FSK_PEER_JITTER);
}

static struct fsk_peer_dev *fsk_peer_dev_find(const struct net_device *dev)
{
	struct fsk_peer_dev *pd;

	ASSERT_RTNL();
	list_for_each_entry(pd, &fsk_peer_devs, list)
		if (pd->dev == dev)
			return pd;
	return NULL;
}

static struct hlist_head *fsk_peer_macs_bucket(const u8 *mac)
{
	return &fsk_peer_macs[fsk_peer_hash(mac, fsk_peer_seed) %
			      FSK_PEER_BUCKETS];
}

/**
 * fsk_peer_find_dev - find a device of this kernel by its address
 * @mac: link-layer address, aligned to 2 bytes
 * @match: is it this one?  There may be several, in several namespaces
 * @arg: for @match
 *
 * Only devices on which fastsock is enabled, and not more than FSK_PEER_TWINS
 * that share an address.  One whose address changes just now may be missed.
 *
 * Context: RCU read section.
 * Return: the device, good for as long as the section lasts, or NULL.
 */
struct net_device *fsk_peer_find_dev(const u8 *mac,
				     bool (*match)(struct net_device *dev,
						   const void *arg),
				     const void *arg)
{
	struct fsk_peer_dev *pd;
	unsigned int n = 0;

	hlist_for_each_entry_rcu(pd, fsk_peer_macs_bucket(mac), node) {
		if (!ether_addr_equal(pd->dev->dev_addr, mac))
			continue;
		if (match(pd->dev, arg))
			return pd->dev;
		if (++n == FSK_PEER_TWINS)
			break;
	}
	return NULL;
}

static struct fsk_peer_dev *fsk_peer_join(struct net_device *dev)
{
	struct fsk_peer_dev *pd;

	ASSERT_RTNL();
	pd = kzalloc(sizeof(*pd), GFP_KERNEL);
	if (!pd)
		return NULL;
	if (dev_mc_add(dev, fsk_peer_group)) {
		kfree(pd);
		return NULL;
	}
	pd->dev = dev;
	list_add(&pd->list, &fsk_peer_devs);
	hlist_add_head_rcu(&pd->node, fsk_peer_macs_bucket(dev->dev_addr));
	return pd;
}

static void fsk_peer_leave(struct fsk_peer_dev *pd)
{
	ASSERT_RTNL();
	dev_mc_del(pd->dev, fsk_peer_group);
	fsk_peer_forget(fsk_net(dev_net(pd->dev)), pd->dev->ifindex);
	list_del(&pd->list);
	hlist_del_rcu(&pd->node);
	kfree_rcu(pd, rcu);
}

/* One HELLO to the group each time the device gets a carrier. */
static void fsk_peer_greet(struct fsk_peer_dev *pd)
{
	bool carrier = netif_carrier_ok(pd->dev);

	if (carrier && !pd->greeted)
		fsk_peer_say(pd->dev, fsk_peer_group, FSK_T_HELLO);
	pd->greeted = carrier;
}

/* Join or leave the group on @dev as its state now asks for. */
static void fsk_peer_dev_sync(struct net_device *dev, bool anew)
{
	struct fsk_peer_dev *pd = fsk_peer_dev_find(dev);

	if (!fsk_peer_running || !fsk_peer_usable(dev)) {
		if (pd)
			fsk_peer_leave(pd);
		return;
	}
	if (!pd)
		pd = fsk_peer_join(dev);
	if (!pd) {
		netdev_warn(dev, "fastsock: no memory to join the group\n");
		return;
	}
	if (anew) {
		/* Its address may be new. */
		hlist_del_rcu(&pd->node);
		hlist_add_head_rcu(&pd->node,
				   fsk_peer_macs_bucket(dev->dev_addr));
		pd->greeted = false;
	}
	fsk_peer_greet(pd);
}

static void fsk_peer_dev_gone(struct net_device *dev)
{
	struct fsk_peer_dev *pd = fsk_peer_dev_find(dev);

	if (pd)
		fsk_peer_leave(pd);
}

/* Called with RTNL held. */
static int fsk_peer_netdev_event(struct notifier_block *nb,
				 unsigned long event, void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);

	switch (event) {
	case NETDEV_UP:
	case NETDEV_CHANGE:
	case NETDEV_CHANGEMTU:
	case NETDEV_CHANGEUPPER:
		fsk_peer_dev_sync(dev, false);
		break;
	case NETDEV_CHANGEADDR:
		fsk_peer_dev_sync(dev, true);
		break;
	case NETDEV_DOWN:
	case NETDEV_UNREGISTER:
		fsk_peer_dev_gone(dev);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block fsk_peer_netdev_nb = {
	.notifier_call = fsk_peer_netdev_event,
};

/* ARP has resolved or confirmed a neighbour: find out what it speaks. */
static void fsk_peer_neigh_update(struct neighbour *n)
{
	u8 mac[MAX_ADDR_LEN] __aligned(2);
	struct net_device *dev = n->dev;

	if (!(READ_ONCE(n->nud_state) & NUD_VALID & ~NUD_NOARP) ||
	    !fsk_peer_usable(dev))
		return;
	neigh_ha_snapshot(mac, n, dev);
	if (fsk_peer_lookup(dev, mac) == FSK_PEER_UNKNOWN)
		fsk_peer_probe(dev, mac);
}

/* Called in atomic context. */
static int fsk_peer_netevent(struct notifier_block *nb, unsigned long event,
			     void *ptr)
{
	struct neighbour *n = ptr;

	if (event == NETEVENT_NEIGH_UPDATE && n->tbl == &arp_tbl)
		fsk_peer_neigh_update(n);
	return NOTIFY_DONE;
}

static struct notifier_block fsk_peer_netevent_nb = {
	.notifier_call = fsk_peer_netevent,
};

static void fsk_peer_open(struct net *net)
{
	struct net_device *dev;

	ASSERT_RTNL();
	for_each_netdev(net, dev)
		fsk_peer_dev_sync(dev, true);
}

static void fsk_peer_part(struct fsk_peer_dev *pd)
{
	fsk_peer_say(pd->dev, fsk_peer_group, FSK_T_BYE);
	fsk_peer_leave(pd);
}

/* Say BYE on every joined device of @net, leave the group, forget all. */
static void fsk_peer_close(struct net *net)
{
	struct fsk_peer_dev *pd, *next;

	ASSERT_RTNL();
	list_for_each_entry_safe(pd, next, &fsk_peer_devs, list) {
		if (net_eq(dev_net(pd->dev), net))
			fsk_peer_part(pd);
	}
	fsk_peer_forget(fsk_net(net), 0);
}

/**
 * fsk_peer_enable - the sysctl was written: announce or take leave
 * @net: namespace
 * @on: what was written to fsk_net.enable, before this call
 *
 * Turning on joins the HELLO group on every usable device and sends HELLO, also
 * if it was on already; turning off sends BYE, leaves and empties the cache.
 * When writers race, the value that stands is what is done.  Call it with @on
 * true also after loopback_frames changed while enabled.
 *
 * Context: process, may sleep; takes RTNL.
 */
void fsk_peer_enable(struct net *net, bool on)
{
	struct fsk_net *fn = fsk_net(net);

	rtnl_lock();
	/* If it differs, another writer came later and calls or has called. */
	if (on == !!READ_ONCE(fn->enable)) {
		if (on)
			fsk_peer_open(net);
		else
			fsk_peer_close(net);
	}
	rtnl_unlock();
}

static const char *const fsk_peer_state_names[] = {
	[FSK_PEER_CAPABLE] = "capable",
	[FSK_PEER_NEGATIVE] = "negative",
};

/* The position in /proc/net/fastsock_peers is the number of a bucket. */
static void *fsk_peers_start(struct seq_file *seq, loff_t *pos)
{
	struct fsk_net *fn = fsk_net(seq_file_net(seq));

	return *pos < FSK_PEER_BUCKETS ? &fn->peers[*pos] : NULL;
}

static void *fsk_peers_next(struct seq_file *seq, void *v, loff_t *pos)
{
	++*pos;
	return fsk_peers_start(seq, pos);
}

static void fsk_peers_stop(struct seq_file *seq, void *v)
{
}

static int fsk_peers_show(struct seq_file *seq, void *v)
{
	struct net *net = seq_file_net(seq);
	struct fsk_net *fn = fsk_net(net);
	struct hlist_head *bucket = v;
	struct net_device *dev;
	struct fsk_peer *p;

	rcu_read_lock();
	spin_lock_bh(&fn->peers_lock);
	hlist_for_each_entry(p, bucket, node) {
		dev = dev_get_by_index_rcu(net, p->ifindex);
		if (!dev || p->state == FSK_PEER_UNKNOWN)
			continue;
		seq_printf(seq, "%s %pM %s %*phN %u\n", dev->name, p->mac,
			   fsk_peer_state_names[p->state],
			   FSK_HOSTID_LEN, p->hostid,
			   jiffies_to_msecs(jiffies - p->seen));
	}
	spin_unlock_bh(&fn->peers_lock);
	rcu_read_unlock();
	return 0;
}

static const struct seq_operations fsk_peers_seq_ops = {
	.start	= fsk_peers_start,
	.next	= fsk_peers_next,
	.stop	= fsk_peers_stop,
	.show	= fsk_peers_show,
};

/**
 * fsk_peer_init_net - prepare the cache of a new namespace
 * @net: namespace, not enabled
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int fsk_peer_init_net(struct net *net)
{
	struct fsk_net *fn = fsk_net(net);
	unsigned int i;

	for (i = 0; i < FSK_PEER_BUCKETS; i++)
		INIT_HLIST_HEAD(&fn->peers[i]);
	fn->npeers = 0;
	fsk_budget_fill(&fn->strangers, &fsk_rate_strangers);
	fsk_budget_fill(&fn->newcomers, &fsk_rate_newcomers);
	fsk_budget_fill(&fn->probes, &fsk_rate_strangers);
	spin_lock_init(&fn->peers_lock);
	spin_lock_init(&fn->budget_lock);
	INIT_DELAYED_WORK(&fn->peers_gc, fsk_peer_gc);
	INIT_DELAYED_WORK(&fn->peers_answers, fsk_peers_answer);
	if (!proc_create_net("fastsock_peers", 0444, net->proc_net,
			     &fsk_peers_seq_ops,
			     sizeof(struct seq_net_private)))
		return -ENOMEM;
	return 0;
}

/**
 * fsk_peer_exit_net - undo fsk_peer_init_net()
 * @net: namespace
 *
 * Belongs to a pernet subsystem: the namespace's devices, or when the module
 * goes the notifiers (see fsk_peer_exit()), are gone already, and with them
 * the group addresses.  No frame is received any more and no socket of ours
 * lives, so nothing can be learned or looked up again.
 *
 * Context: process, may sleep.
 */
void fsk_peer_exit_net(struct net *net)
{
	struct fsk_net *fn = fsk_net(net);

	remove_proc_entry("fastsock_peers", net->proc_net);
	cancel_delayed_work_sync(&fn->peers_answers);
	cancel_delayed_work_sync(&fn->peers_gc);
	fsk_peer_forget(fn, 0);
}

/* From here on nothing joins the group; what has joined says BYE. */
static void fsk_peer_stop(void)
{
	struct fsk_peer_dev *pd, *next;

	rtnl_lock();
	fsk_peer_running = false;
	list_for_each_entry_safe(pd, next, &fsk_peer_devs, list)
		fsk_peer_part(pd);
	rtnl_unlock();
}

/**
 * fsk_peer_init - begin to watch devices and neighbours
 *
 * Context: process, may sleep; takes RTNL.  After the pernet operations are
 * registered.
 * Return: 0 or a negative errno of the notifier chains.
 */
int fsk_peer_init(void)
{
	int err;

	get_random_bytes(&fsk_peer_seed, sizeof(fsk_peer_seed));
	rtnl_lock();
	fsk_peer_running = true;
	rtnl_unlock();

	/* Replays NETDEV_UP for the devices of namespaces already enabled. */
	err = register_netdevice_notifier(&fsk_peer_netdev_nb);
	if (err)
		goto stop;
	err = register_netevent_notifier(&fsk_peer_netevent_nb);
	if (err)
		goto unregister;
	return 0;

unregister:
	unregister_netdevice_notifier(&fsk_peer_netdev_nb);
stop:
	fsk_peer_stop();
	return err;
}

/**
 * fsk_peer_exit - undo fsk_peer_init(): say BYE, leave every group
 *
 * Context: process, may sleep; takes RTNL.  Before the pernet operations are
 * unregistered.  A write to the sysctl that comes after it joins nothing.
 */
void fsk_peer_exit(void)
{
	unregister_netevent_notifier(&fsk_peer_netevent_nb);
	fsk_peer_stop();
	unregister_netdevice_notifier(&fsk_peer_netdev_nb);
}
