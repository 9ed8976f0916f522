// SPDX-License-Identifier: GPL-2.0
/*
 * The table of neighbours: who on the segment speaks fastsock.
 *
 * Entries are keyed by device and link-layer address.  Readers hold RCU only;
 * fsk_net.peers_lock serialises writers.  Everything that frames of unknown
 * senders can grow is bounded: a bucket holds FSK_PEER_DEPTH entries, the hash
 * is seeded, and an entry that has carried a connection is never evicted, so a
 * flood of HELLOs with forged addresses cannot make us forget the peers in use.
 *
 * How much work a frame can cause depends on who sent it.  Unknown senders
 * share one budget.  A peer that was heard has one of its own, but a HELLO
 * costs nothing and its address may be forged, so all peers that have carried
 * no connection yet share another, too.  A peer that has carried one receives
 * frames at its address: its budget is ample, and each SYN that becomes a
 * connection is paid back.
 *
 * Lock order: RTNL, fsk_net.peers_lock, fsk_net.budget_lock.
 */

#include <linux/etherdevice.h>
#include <linux/jhash.h>
#include <linux/netdevice.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "base/compat.h"
#include "base/pernet.h"
#include "lan/entry.h"
#include "lan/eth.h"
#include "lan/channel.h"
#include "lan/peer.h"

#define FSK_PEER_DEPTH		16		/* entries in one bucket */
#define FSK_PEER_AGE		(600 * HZ)	/* unheard for so long: gone */
#define FSK_PEER_STALE		(FSK_PEER_AGE / 2) /* ask again when used */
#define FSK_PEER_BACKOFF	(1 * HZ)	/* first; doubles each time */
#define FSK_PEER_BACKOFF_MAX	(60 * HZ)

/**
 * struct budget_rate - what a budget gives
 * @rate: a second
 * @burst: at once
 */
struct budget_rate {
	unsigned int rate;
	unsigned int burst;
};

/* Answers to unheard senders, entries for them, and HELLOs to neighbours. */
static const struct budget_rate rate_unknown = { 1000, 200 };
/* SYNs of all peers that have carried no connection, and of each of them. */
static const struct budget_rate rate_newcomers = { 1000, 1000 };
static const struct budget_rate rate_newcomer = { 200, 100 };
/* SYNs of a peer that has, beyond those that become connections. */
static const struct budget_rate rate_peer = { 2000, 4096 };
/* Answers without much work to a peer: UNKNOWN, HELLO_ACK, REJECT. */
static const struct budget_rate rate_answers = { 1000, 200 };
/* What a connection pays back: SYN may have come twice. */
#define FSK_SYN_REFUND		2

static u32 seed __read_mostly;

/* Interval number @n, counted from 0, of a back-off; jiffies. */
static unsigned long backoff(unsigned int n)
{
	return min_t(unsigned long, FSK_PEER_BACKOFF << min(n, 6U),
		     FSK_PEER_BACKOFF_MAX);
}

/**
 * fsk_peer_hash - a seeded hash of a link-layer address
 * @mac: address, aligned to 2 bytes
 * @ifindex: goes into the hash, too
 *
 * As jhash() of its bytes, but not byte by byte.
 *
 * Context: any, after fsk_peer_init().
 * Return: the hash.
 */
u32 fsk_peer_hash(const u8 *mac, int ifindex)
{
	return jhash_2words(get_unaligned((const u32 *)mac),
			    get_unaligned((const u16 *)(mac + 4)),
			    seed ^ ifindex);
}

static struct hlist_head *bucket_of(struct fsk_net *fn, int ifindex,
				    const u8 *mac)
{
	return &fn->peers[fsk_peer_hash(mac, ifindex) % FSK_PEER_BUCKETS];
}

/**
 * fsk_peer_find - look a neighbour up
 * @fn: its namespace
 * @ifindex: device towards it
 * @mac: its link-layer address, aligned to 2 bytes
 *
 * Context: RCU read section, or fsk_net.peers_lock held.
 * Return: its entry or NULL.
 */
struct fsk_peer *fsk_peer_find(struct fsk_net *fn, int ifindex, const u8 *mac)
{
	struct fsk_peer *p;

	hlist_for_each_entry_rcu(p, bucket_of(fn, ifindex, mac), node,
				 lockdep_is_held(&fn->peers_lock))
		if (p->ifindex == ifindex && ether_addr_equal(p->mac, mac))
			return p;
	return NULL;
}

/**
 * fsk_peer_set_state - what a neighbour speaks has become known
 * @fn: its namespace
 * @p: its entry
 * @state: the new state
 *
 * fsk_net.npeers counts the entries that are not UNKNOWN.
 *
 * Context: fsk_net.peers_lock held.
 */
void fsk_peer_set_state(struct fsk_net *fn, struct fsk_peer *p,
			enum fsk_peer_state state)
{
	int change = (state != FSK_PEER_UNKNOWN) -
		     (p->state != FSK_PEER_UNKNOWN);

	lockdep_assert_held(&fn->peers_lock);
	/* Each handshake says it again, which is no news for connect(). */
	if (p->state == state)
		return;
	WRITE_ONCE(fn->npeers, fn->npeers + change);
	WRITE_ONCE(fn->peers_gen, fn->peers_gen + 1);
	WRITE_ONCE(p->state, state);
}

static void drop_entry(struct fsk_net *fn, struct fsk_peer *p)
{
	fsk_peer_set_state(fn, p, FSK_PEER_UNKNOWN);
	hlist_del_rcu(&p->node);
	kfree_rcu(p, rcu);
}

/* Make room in a bucket: the entry longest unheard that carried nothing. */
static bool make_room(struct fsk_net *fn, struct hlist_head *bucket)
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
	drop_entry(fn, victim);
	return true;
}

static void budget_fill(struct fsk_budget *b, const struct budget_rate *r)
{
	b->left = r->burst;
	b->at = jiffies;
}

/* Take one of a budget; false if there is none. */
static bool budget_spend(struct fsk_net *fn, struct fsk_budget *b,
			 const struct budget_rate *r)
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

/**
 * fsk_peer_get - find or make the entry of a neighbour
 * @fn: its namespace
 * @dev: device towards it
 * @mac: its link-layer address, aligned to 2 bytes
 *
 * Whoever disables the namespace or takes the device down does that first and
 * empties the table afterwards, under the lock.  So either we see that @dev is
 * not usable, or the new entry is found and removed.
 *
 * Context: fsk_net.peers_lock held.
 * Return: the entry; NULL when there is no room or @dev is not usable.
 */
struct fsk_peer *fsk_peer_get(struct fsk_net *fn, const struct net_device *dev,
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

	bucket = bucket_of(fn, dev->ifindex, mac);
	if (!make_room(fn, bucket))
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
	p->answered = jiffies - FSK_PEER_QUIET;
	budget_fill(&p->syns, &rate_newcomer);
	budget_fill(&p->answers, &rate_answers);
	hlist_add_head_rcu(&p->node, bucket);
	queue_delayed_work(system_power_efficient_wq, &fn->peers_gc,
			   FSK_PEER_GC);
	return p;
}

/**
 * fsk_peer_forget - forget what was heard on a device
 * @fn: namespace
 * @ifindex: the device, or 0 for all
 *
 * Context: process or softirq; takes fsk_net.peers_lock.
 */
void fsk_peer_forget(struct fsk_net *fn, int ifindex)
{
	struct hlist_node *next;
	struct fsk_peer *p;
	unsigned int i;

	spin_lock_bh(&fn->peers_lock);
	for (i = 0; i < FSK_PEER_BUCKETS; i++)
		hlist_for_each_entry_safe(p, next, &fn->peers[i], node)
			if (!ifindex || p->ifindex == ifindex)
				drop_entry(fn, p);
	spin_unlock_bh(&fn->peers_lock);
}

/* Has @p been heard, so that answers come out of a budget of its own? */
static bool heard(const struct fsk_peer *p)
{
	return p && (READ_ONCE(p->used) ||
		     READ_ONCE(p->state) != FSK_PEER_UNKNOWN);
}

/* One more answer to senders that were never heard? */
static bool may_answer_unheard(struct fsk_net *fn)
{
	return budget_spend(fn, &fn->unknown, &rate_unknown);
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

	if (!heard(p))
		return may_answer_unheard(fn);
	return budget_spend(fn, &p->answers, &rate_answers);
}

/**
 * fsk_peer_used - has a neighbour that speaks fastsock carried a connection?
 * @dev: device towards it
 * @mac: its link-layer address, aligned to 2 bytes
 *
 * Context: RCU read section, any but hard interrupt.
 * Return: true if it has.
 */
bool fsk_peer_used(struct net_device *dev, const u8 *mac)
{
	struct fsk_net *fn = fsk_net(dev_net(dev));
	struct fsk_peer *p = fsk_peer_find(fn, dev->ifindex, mac);

	return p && READ_ONCE(p->used) &&
	       READ_ONCE(p->state) == FSK_PEER_CAPABLE;
}

/**
 * fsk_peer_says - can a neighbour do this?
 * @dev: device towards it
 * @mac: its link-layer address, aligned to 2 bytes
 * @feature: FSK_HELLO_*, one of them
 *
 * Context: any but hard interrupt; the caller keeps @dev alive.
 * Return: true if its HELLO has said so, or it is ourselves.
 */
bool fsk_peer_says(struct net_device *dev, const u8 *mac, u8 feature)
{
	struct fsk_net *fn = fsk_net(dev_net(dev));
	const struct fsk_peer *p;
	bool says;

	if (dev->flags & IFF_LOOPBACK)
		return true;
	rcu_read_lock();
	p = fsk_peer_find(fn, dev->ifindex, mac);
	says = p && READ_ONCE(p->features) & feature;
	rcu_read_unlock();
	return says;
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

	if (!heard(p)) {
		ok = may_answer_unheard(fn);
	} else if (!READ_ONCE(p->used)) {
		ok = budget_spend(fn, &p->syns, &rate_newcomer) &&
		     budget_spend(fn, &fn->newcomers, &rate_newcomers);
	} else {
		if (budget_spend(fn, &p->syns, &rate_peer))
			return FSK_SYN_JUDGE;
		ok = budget_spend(fn, &p->answers, &rate_answers);
		return ok ? FSK_SYN_REJECT : FSK_SYN_DROP;
	}
	return ok ? FSK_SYN_JUDGE : FSK_SYN_DROP;
}

/* @p has carried one more connection.  RCU read section, or peers_lock held. */
static void refund(struct fsk_net *fn, struct fsk_peer *p)
{
	spin_lock_bh(&fn->budget_lock);
	if (!READ_ONCE(p->used))
		budget_fill(&p->syns, &rate_peer);
	p->syns.left = min(p->syns.left + FSK_SYN_REFUND, rate_peer.burst);
	spin_unlock_bh(&fn->budget_lock);
}

/* Is there nothing new in a handshake with @p?  RCU read section. */
static bool is_settled(const struct fsk_peer *p)
{
	return READ_ONCE(p->used) && READ_ONCE(p->state) == FSK_PEER_CAPABLE &&
	       !READ_ONCE(p->failures) && !READ_ONCE(p->tries) &&
	       time_before(jiffies, READ_ONCE(p->seen) + HZ);
}

/* Let the worker probe @p, unless a probe would be too early anyway. */
static void want_probe(struct fsk_net *fn, struct fsk_peer *p)
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
static enum fsk_peer_state state_now(struct fsk_net *fn, struct fsk_peer *p)
{
	switch (READ_ONCE(p->state)) {
	case FSK_PEER_CAPABLE:
		if (time_after(jiffies, READ_ONCE(p->seen) + FSK_PEER_STALE))
			want_probe(fn, p);
		return FSK_PEER_CAPABLE;
	case FSK_PEER_NEGATIVE:
		if (time_before(jiffies, READ_ONCE(p->until)))
			return FSK_PEER_NEGATIVE;
		want_probe(fn, p);
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
		state = state_now(fn, p);
	rcu_read_unlock();

	if (state == FSK_PEER_UNKNOWN && dev->flags & IFF_LOOPBACK)
		return FSK_PEER_CAPABLE;
	return state;
}

/**
 * fsk_peer_may_probe - may a neighbour be sent a probe now?  Note that it was
 * @dev: device towards it
 * @mac: its link-layer address, aligned to 2 bytes
 *
 * Context: any but hard interrupt; the caller keeps @dev alive.
 * Return: false if it comes too early, there is no room in the table, or the
 * budget of all probes is spent.
 */
bool fsk_peer_may_probe(struct net_device *dev, const u8 *mac)
{
	struct fsk_net *fn = fsk_net(dev_net(dev));
	struct fsk_peer *p;
	bool ok = false;

	spin_lock_bh(&fn->peers_lock);
	p = fsk_peer_get(fn, dev, mac);
	if (p && time_after_eq(jiffies, p->probe_at)) {
		WRITE_ONCE(p->probe_at, jiffies + backoff(p->tries));
		if (p->tries < U8_MAX)
			p->tries++;
		if (p->state != FSK_PEER_CAPABLE)
			p->expires = jiffies + FSK_PEER_AGE;
		ok = true;
	}
	spin_unlock_bh(&fn->peers_lock);
	return ok && budget_spend(fn, &fn->probes, &rate_unknown);
}

/**
 * fsk_peer_refresh - a neighbour has sent what only fastsock can have sent
 * @p: its entry
 *
 * Context: fsk_net.peers_lock held.
 */
void fsk_peer_refresh(struct fsk_peer *p)
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
	u8 features = 0;
	bool known;

	rcu_read_lock();
	p = fsk_peer_find(fn, dev->ifindex, mac);
	known = p && is_settled(p);
	if (known)
		refund(fn, p);
	rcu_read_unlock();
	if (known)
		return;
	spin_lock_bh(&fn->peers_lock);
	p = fsk_peer_get(fn, dev, mac);
	if (p) {
		fsk_peer_refresh(p);
		fsk_peer_set_state(fn, p, FSK_PEER_CAPABLE);
		p->failures = 0;
		refund(fn, p);
		WRITE_ONCE(p->used, true);
		features = p->features;
	}
	spin_unlock_bh(&fn->peers_lock);
	if (features)
		fsk_channel_want(dev, mac, features);
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
	WRITE_ONCE(p->until, now + backoff(p->failures));
	if (p->failures < U8_MAX)
		p->failures++;
	p->expires = now + FSK_PEER_AGE;
	fsk_peer_set_state(fn, p, FSK_PEER_NEGATIVE);
unlock:
	spin_unlock_bh(&fn->peers_lock);
}

/**
 * fsk_peer_age - drop the entries of a bucket that are too old
 * @fn: namespace
 * @bucket: one of fsk_net.peers
 *
 * Context: process; takes fsk_net.peers_lock.
 * Return: true if any entries remain.
 */
bool fsk_peer_age(struct fsk_net *fn, struct hlist_head *bucket)
{
	struct hlist_node *next;
	struct fsk_peer *p;
	bool remain;

	spin_lock_bh(&fn->peers_lock);
	hlist_for_each_entry_safe(p, next, bucket, node)
		if (time_after(jiffies, p->expires))
			drop_entry(fn, p);
	remain = !hlist_empty(bucket);
	spin_unlock_bh(&fn->peers_lock);
	return remain;
}

/**
 * fsk_peer_each - look at the peers of a bucket
 * @net: namespace
 * @bucket: which, below FSK_PEER_BUCKETS
 * @look: is called for each whose device is still there; does not sleep
 * @arg: for @look
 *
 * Context: process; takes fsk_net.peers_lock.
 */
void fsk_peer_each(struct net *net, unsigned int bucket,
		   void (*look)(const struct fsk_peer_info *info, void *arg),
		   void *arg)
{
	struct fsk_net *fn = fsk_net(net);
	struct fsk_peer_info info;
	struct fsk_peer *p;

	rcu_read_lock();
	spin_lock_bh(&fn->peers_lock);
	hlist_for_each_entry(p, &fn->peers[bucket], node) {
		info.dev = dev_get_by_index_rcu(net, p->ifindex);
		if (!info.dev || p->state == FSK_PEER_UNKNOWN)
			continue;
		info.mac = p->mac;
		info.hostid = p->hostid;
		info.state = p->state;
		info.age = jiffies - p->seen;
		look(&info, arg);
	}
	spin_unlock_bh(&fn->peers_lock);
	rcu_read_unlock();
}

/**
 * fsk_peer_init_net - prepare the table of a new namespace
 * @net: namespace, not enabled
 *
 * Context: process.
 */
void fsk_peer_init_net(struct net *net)
{
	struct fsk_net *fn = fsk_net(net);
	unsigned int i;

	for (i = 0; i < FSK_PEER_BUCKETS; i++)
		INIT_HLIST_HEAD(&fn->peers[i]);
	fn->npeers = 0;
	budget_fill(&fn->unknown, &rate_unknown);
	budget_fill(&fn->newcomers, &rate_newcomers);
	budget_fill(&fn->probes, &rate_unknown);
	spin_lock_init(&fn->peers_lock);
	spin_lock_init(&fn->budget_lock);
}

/**
 * fsk_peer_exit_net - undo fsk_peer_init_net()
 * @net: namespace
 *
 * After fsk_hello_exit_net().
 *
 * Context: process, may sleep.
 */
void fsk_peer_exit_net(struct net *net)
{
	fsk_peer_forget(fsk_net(net), 0);
}

/**
 * fsk_peer_init - choose the seed of the table
 *
 * Context: process, may sleep; before the first neighbour is heard.
 */
void fsk_peer_init(void)
{
	get_random_bytes(&seed, sizeof(seed));
}
