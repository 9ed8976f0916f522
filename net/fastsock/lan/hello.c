// SPDX-License-Identifier: GPL-2.0
/*
 * HELLO, HELLO_ACK and BYE: hosts tell each other that they speak fastsock.
 *
 * A HELLO to one neighbour is a probe and is answered at once.  A HELLO to the
 * group comes from a host that has just come up.  Every other host answers it,
 * each after a random time, so that the newcomer can hear them all.  A worker
 * sends these answers, and another probes the neighbours whose entries are in
 * use and have become old.  No frame is sent under a spinlock.
 */

#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/random.h>
#include <linux/workqueue.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/pernet.h"
#include "base/stats.h"
#include "lan/entry.h"
#include "lan/eth.h"
#include "lan/hello.h"
#include "lan/channel.h"
#include "lan/peer.h"

/* After so many failures in a row a HELLO no longer ends the back-off. */
#define FAILURES_FORGIVEN	3
/* A HELLO to the group is answered so much later at most, by chance. */
#define ANSWER_JITTER		(HZ / 4)
/* One peer is not answered HELLOs to the group more often. */
#define ANSWER_PACE		(1 * HZ)

/* What HELLOs say beside what channels can do; constant after load. */
static u8 own_features __read_mostly;

/**
 * fsk_hello_init - say what this host takes
 * @features: FSK_HELLO_*, those of channels apart
 *
 * Context: process, module load.
 */
void fsk_hello_init(u8 features)
{
	own_features = features;
}

/**
 * fsk_hello_send - send a frame that says who we are
 * @dev: device to send on
 * @mac: to whom
 * @type: FSK_T_HELLO, FSK_T_HELLO_ACK or FSK_T_BYE
 *
 * Context: any but hard interrupt; the caller keeps @dev alive.
 */
void fsk_hello_send(struct net_device *dev, const u8 *mac, u8 type)
{
	struct fsk_hello hello = {
		.version = FSK_WIRE_VERSION,
		.features = fsk_channel_features() | own_features,
	};
	int err;

	memcpy(hello.hostid, fsk_hostid, FSK_HOSTID_LEN);
	err = fsk_eth_send(dev, mac, type, 0, 0, &hello, sizeof(hello));
	if (!err && type != FSK_T_BYE)
		fsk_stat_inc(dev_net(dev), FSK_MIB_HELLO_OUT);
}

/**
 * fsk_hello_probe - ask a neighbour whether it speaks fastsock
 * @dev: device towards it
 * @mac: its link-layer address, aligned to 2 bytes
 *
 * Sends one HELLO.  Unanswered ones back off from 1 s to 60 s per neighbour,
 * and all share a budget of the namespace.
 *
 * Context: any but hard interrupt; the caller keeps @dev alive.
 */
void fsk_hello_probe(struct net_device *dev, const u8 *mac)
{
	if (!fsk_peer_usable(dev) ||
	    (!is_valid_ether_addr(mac) && !(dev->flags & IFF_LOOPBACK)))
		return;
	if (fsk_peer_may_probe(dev, mac))
		fsk_hello_send(dev, mac, FSK_T_HELLO);
}

/*
 * Does a HELLO end the back-off after a failed handshake?  Its sender has just
 * come up or wants to talk, so yes; but no longer after several failures: on a
 * path where HELLOs pass and handshakes do not, every connect would have to
 * wait.  A HELLO_ACK only shows that the peer is there.
 */
static bool forgiven(const struct fsk_peer *p, u8 type)
{
	if (p->state != FSK_PEER_NEGATIVE || !time_before(jiffies, p->until))
		return true;
	return type == FSK_T_HELLO && p->failures <= FAILURES_FORGIVEN;
}

/*
 * When may a HELLO to the group be answered?  With a forged source address it
 * makes every host of the segment send an answer to a victim.  So a peer that
 * we know, by the same identity and without a BYE since, is answered less
 * often.  It does get an answer: it may have forgotten us because its link was
 * down.
 */
static unsigned long answer_due(const struct fsk_peer *p,
				const struct fsk_hello *hello)
{
	bool anew = p->state != FSK_PEER_CAPABLE ||
		    memcmp(p->hostid, hello->hostid, FSK_HOSTID_LEN);

	return READ_ONCE(p->answered) + (anew ? ANSWER_PACE : FSK_PEER_QUIET);
}

/* @p shall get an answer to its HELLO to the group at @due. */
static void owe_answer(struct fsk_peer *p, unsigned long due)
{
	if (!READ_ONCE(p->owed) || time_before(due, READ_ONCE(p->due)))
		WRITE_ONCE(p->due, due);
	WRITE_ONCE(p->owed, true);
}

/* Return: true if it is a HELLO to the group, and the worker is to answer. */
static bool learn(struct net_device *dev, const u8 *mac, u8 type,
		  const struct fsk_hello *hello, bool group)
{
	struct fsk_net *fn = fsk_net(dev_net(dev));
	struct fsk_peer *p;
	bool answer = false;
	u8 news = 0;

	spin_lock_bh(&fn->peers_lock);
	p = fsk_peer_get(fn, dev, mac);
	if (p) {
		answer = group;
		if (p->used)
			news = hello->features & ~p->features;
		WRITE_ONCE(p->features, hello->features);
		if (group)
			owe_answer(p, answer_due(p, hello));
		else if (type == FSK_T_HELLO)
			WRITE_ONCE(p->answered, jiffies);
		fsk_peer_refresh(p);
		memcpy(p->hostid, hello->hostid, FSK_HOSTID_LEN);
		if (forgiven(p, type))
			fsk_peer_set_state(fn, p, FSK_PEER_CAPABLE);
	}
	spin_unlock_bh(&fn->peers_lock);
	if (news)
		fsk_channel_want(dev, mac, news);
	return answer;
}

static void rcv_bye(struct net_device *dev, const u8 *mac)
{
	struct fsk_net *fn = fsk_net(dev_net(dev));
	struct fsk_peer *p;

	spin_lock_bh(&fn->peers_lock);
	p = fsk_peer_find(fn, dev->ifindex, mac);
	if (p)
		fsk_peer_set_state(fn, p, FSK_PEER_UNKNOWN);
	spin_unlock_bh(&fn->peers_lock);
}

static bool in_table(struct net_device *dev, const u8 *mac)
{
	struct fsk_net *fn = fsk_net(dev_net(dev));
	bool found;

	rcu_read_lock();
	found = fsk_peer_find(fn, dev->ifindex, mac);
	rcu_read_unlock();
	return found;
}

/* To make an entry for an unknown sender is limited as to answer it is. */
static void rcv_hello(struct net_device *dev, const u8 *mac, u8 type,
		      const struct fsk_hello *hello, bool group)
{
	struct net *net = dev_net(dev);
	struct fsk_net *fn = fsk_net(net);

	if (((type == FSK_T_HELLO && !group) || !in_table(dev, mac)) &&
	    !fsk_peer_may_answer(dev, mac)) {
		fsk_drop(net, NULL, FSK_DROP_RATE);
		return;
	}
	fsk_stat_inc(net, FSK_MIB_HELLO_IN);
	if (learn(dev, mac, type, hello, group))
		queue_delayed_work(system_power_efficient_wq,
				   &fn->peers_answers,
				   get_random_u32() % ANSWER_JITTER);
	if (type == FSK_T_HELLO && !group)
		fsk_hello_send(dev, mac, FSK_T_HELLO_ACK);
}

/**
 * fsk_hello_rcv - a HELLO, HELLO_ACK or BYE came in
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
void fsk_hello_rcv(struct net_device *dev, const u8 *mac, u8 type,
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
		rcv_bye(dev, mac);
	} else {
		rcv_hello(dev, mac, type, hello, group);
	}
}

/* Probe the entries of a bucket that a lookup found old. */
static void probe_wanted(struct hlist_head *bucket)
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
			fsk_hello_probe(dev, p->mac);
	}
	rcu_read_unlock();
}

/* Ages the table, and probes. */
static void gc_work(struct work_struct *work)
{
	struct fsk_net *fn = container_of(to_delayed_work(work), struct fsk_net,
					  peers_gc);
	bool remain = false;
	unsigned int i;

	for (i = 0; i < FSK_PEER_BUCKETS; i++) {
		if (hlist_empty(&fn->peers[i]))
			continue;
		remain |= fsk_peer_age(fn, &fn->peers[i]);
		probe_wanted(&fn->peers[i]);
		cond_resched();
	}
	if (remain)
		queue_delayed_work(system_power_efficient_wq, &fn->peers_gc,
				   FSK_PEER_GC);
}

/* Answer the HELLOs of a bucket; true if some are still too early. */
static bool answer_owed(struct hlist_head *bucket)
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
		WRITE_ONCE(p->answered, jiffies);
		dev = dev_get_by_index_rcu(p->net, p->ifindex);
		if (dev && fsk_peer_usable(dev))
			fsk_hello_send(dev, p->mac, FSK_T_HELLO_ACK);
	}
	rcu_read_unlock();
	return early;
}

static void answers_work(struct work_struct *work)
{
	struct fsk_net *fn = container_of(to_delayed_work(work), struct fsk_net,
					  peers_answers);
	bool early = false;
	unsigned int i;

	for (i = 0; i < FSK_PEER_BUCKETS; i++) {
		early |= answer_owed(&fn->peers[i]);
		cond_resched();
	}
	if (early)
		queue_delayed_work(system_power_efficient_wq,
				   &fn->peers_answers, ANSWER_JITTER);
}

/**
 * fsk_hello_init_net - prepare the workers of a new namespace
 * @net: namespace, not enabled
 *
 * Context: process.
 */
void fsk_hello_init_net(struct net *net)
{
	struct fsk_net *fn = fsk_net(net);

	INIT_DELAYED_WORK(&fn->peers_gc, gc_work);
	INIT_DELAYED_WORK(&fn->peers_answers, answers_work);
}

/**
 * fsk_hello_exit_net - undo fsk_hello_init_net()
 * @net: namespace
 *
 * Belongs to a pernet subsystem: the namespace's devices, or when the module
 * goes the notifiers (see fsk_group_exit()), are gone already, and with them
 * the group addresses.  No frame is received any more and no socket of ours
 * lives, so nothing can be learned or looked up again.
 *
 * Context: process, may sleep.
 */
void fsk_hello_exit_net(struct net *net)
{
	struct fsk_net *fn = fsk_net(net);

	cancel_delayed_work_sync(&fn->peers_answers);
	cancel_delayed_work_sync(&fn->peers_gc);
}
