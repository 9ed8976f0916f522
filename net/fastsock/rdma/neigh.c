// SPDX-License-Identifier: GPL-2.0
/*
 * Neighbours and their channels: who begins, what is agreed, and what happens
 * when something fails.
 *
 * Of two neighbours the one with the lower link-layer address begins, once a
 * connection between them has succeeded:
 *
 *	REQ		by Ethernet	here is my queue pair
 *	ACK		by Ethernet	here is mine, connected with yours
 *	HELLO		over it		do you hear this?
 *	HEARD		over it		yes: frames may come
 *
 * Connections wait for none of this.  They begin by Ethernet, use the channel
 * from when it is there, and go on by Ethernet when it is not there any more:
 * because a message could not be delivered, the other end says DOWN, the device
 * goes, or nobody has used it for long.  Frames that are not acknowledged in
 * time make it suspect: they go by Ethernet until a HELLO is answered.
 *
 * A CHANNEL frame can be forged by whoever can forge a neighbour's address.
 * What can be reached by that is bounded: there is one channel for each
 * neighbour that connections have been made with, it is made twice a second at
 * most, and what is connected with a wrong end never answers HELLO.  One that
 * works is given up only when it no longer answers.
 */

#include <linux/etherdevice.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/netdevice.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "rdma/rdma.h"

/* Neighbours that are known at a time, and notes that wait, at most. */
#define NEIGHS_MAX	1024
#define NOTES_MAX	256
/* Queue pairs, and those of them that are not proved yet, at most. */
#define QPS_MAX		256
#define QPS_NEW_MAX	32

#define ASK_AGAIN	(HZ / 5)	/* doubles each time */
#define ASK_TIMES	5
#define PROVE_TIME	(5 * HZ)	/* for HELLO and HEARD */
#define DOUBT_TIME	(2 * HZ)	/* for HEARD, of one that is suspect */
#define ALIVE_TIME	(5 * HZ)	/* between HELLOs of one that works */
#define PACE		(HZ / 2)	/* between a neighbour's queue pairs */
#define RETRY_MIN	(1 * HZ)	/* after a failure; doubles each time */
#define RETRY_MAX	(60 * HZ)
#define RETRY_TIMES	10
#define FORGET_TIME	(600 * HZ)	/* without a channel, nor wanted */
#define SLEEP_TIME	(24 * 3600 * HZ) /* after it was idle */

static unsigned int idle = 300;
module_param(idle, uint, 0644);
MODULE_PARM_DESC(idle, "seconds without frames after which a channel is closed");

/**
 * enum state - of a neighbour's channel
 * @NONE: there is none
 * @ASKING: REQ was sent, and waits for ACK
 * @PROVING: both ends are connected; does it work?
 * @UP: frames use it
 */
enum state { NONE, ASKING, PROVING, UP };

static const char *const state_names[] = {
	[NONE] = "none",
	[ASKING] = "asking",
	[PROVING] = "proving",
	[UP] = "up",
};

/**
 * struct neigh - a neighbour
 * @list: in neighs
 * @dev: device towards it, referenced
 * @mac: its link-layer address
 * @gone: @dev is down or going; written under notes_lock
 * @state: enum state
 * @q: the queue pair; NULL if NONE
 * @peer_nonce: what the other end calls it
 * @asked: REQs sent
 * @failures: in a row
 * @at: jiffies, when what is waited for is late
 * @up_at: jiffies, when it was proved
 * @retry_at: jiffies before which no new queue pair is made
 * @wanted_at: jiffies, when it was last wanted
 * @frames_seen: fsk_rdma_qp.frames when they last changed
 * @frames_at: jiffies, then
 * @doubted: HELLO was sent, and has to be answered
 * @sleeper: in the table while @asleep, so that frames ask for a channel
 * @asleep: the last one was closed because it was idle
 * @rcu: for freeing
 *
 * All but @gone: fsk_rdma_mutex.
 */
struct neigh {
	struct list_head list;
	struct net_device *dev;
	u8 mac[ETH_ALEN] __aligned(2);
	bool gone;
	enum state state;
	struct fsk_rdma_qp *q;
	u32 peer_nonce;
	unsigned int asked;
	unsigned int failures;
	unsigned long at;
	unsigned long up_at;
	unsigned long retry_at;
	unsigned long wanted_at;
	unsigned long frames_seen;
	unsigned long frames_at;
	bool doubted;
	struct fsk_channel sleeper;
	bool asleep;
	struct rcu_head rcu;
};

/**
 * struct note - something that came in atomic context
 * @list: in notes
 * @dev: device towards the neighbour, referenced
 * @mac: its link-layer address
 * @setup: of a CHANNEL frame; op is 0 if the neighbour is just wanted
 */
struct note {
	struct list_head list;
	struct net_device *dev;
	u8 mac[ETH_ALEN] __aligned(2);
	struct fsk_channel_setup setup;
};

static LIST_HEAD(neighs);		/* fsk_rdma_mutex and notes_lock */
static unsigned int num_neighs;		/* fsk_rdma_mutex */
static LIST_HEAD(notes);		/* notes_lock */
static unsigned int num_notes;		/* notes_lock */
static DEFINE_SPINLOCK(notes_lock);	/* BH */

static void take_note(struct net_device *dev, const u8 *mac,
		      const struct fsk_channel_setup *setup)
{
	struct note *note = kzalloc(sizeof(*note), GFP_ATOMIC);
	bool full;

	if (!note)
		return;
	ether_addr_copy(note->mac, mac);
	if (setup)
		note->setup = *setup;
	spin_lock_bh(&notes_lock);
	/* Whoever takes it down looks for it afterwards, under the lock. */
	full = num_notes >= NOTES_MAX || !(READ_ONCE(dev->flags) & IFF_UP);
	if (!full) {
		dev_hold(dev);
		note->dev = dev;
		list_add_tail(&note->list, &notes);
		num_notes++;
	}
	spin_unlock_bh(&notes_lock);
	if (full)
		kfree(note);
	else
		fsk_rdma_kick();
}

/**
 * fsk_rdma_wanted - struct fsk_channel_ops.want
 * @dev: device towards a neighbour
 * @mac: its link-layer address, aligned to 2 bytes
 *
 * Context: any but hard interrupt.
 */
void fsk_rdma_wanted(struct net_device *dev, const u8 *mac)
{
	take_note(dev, mac, NULL);
}

/**
 * fsk_rdma_setup - struct fsk_channel_ops.setup
 * @dev: device that a CHANNEL frame came in on
 * @mac: whom it came from, aligned to 2 bytes
 * @setup: its body
 *
 * Context: softirq.
 */
void fsk_rdma_setup(struct net_device *dev, const u8 *mac,
		    const struct fsk_channel_setup *setup)
{
	if (setup->op >= FSK_CHANNEL_REQ && setup->op <= FSK_CHANNEL_DOWN)
		take_note(dev, mac, setup);
}

static struct note *next_note(void)
{
	struct note *note;

	spin_lock_bh(&notes_lock);
	note = list_first_entry_or_null(&notes, struct note, list);
	if (note) {
		list_del(&note->list);
		num_notes--;
	}
	spin_unlock_bh(&notes_lock);
	return note;
}

static void free_note(struct note *note)
{
	dev_put(note->dev);
	kfree(note);
}

static struct neigh *find(const struct net_device *dev, const u8 *mac)
{
	struct neigh *n;

	list_for_each_entry(n, &neighs, list)
		if (n->dev == dev && ether_addr_equal(n->mac, mac))
			return n;
	return NULL;
}

static struct neigh *find_or_make(struct net_device *dev, const u8 *mac)
{
	struct neigh *n = find(dev, mac);

	if (n || num_neighs >= NEIGHS_MAX)
		return n;
	n = kzalloc(sizeof(*n), GFP_KERNEL);
	if (!n)
		return NULL;
	ether_addr_copy(n->mac, mac);
	ether_addr_copy(n->sleeper.mac, mac);
	INIT_HLIST_NODE(&n->sleeper.node);
	n->sleeper.dev = dev;
	n->sleeper.asleep = true;
	n->retry_at = jiffies;
	n->wanted_at = jiffies;
	dev_hold(dev);
	n->dev = dev;
	spin_lock_bh(&notes_lock);
	n->gone = !(READ_ONCE(dev->flags) & IFF_UP);
	list_add_tail(&n->list, &neighs);
	spin_unlock_bh(&notes_lock);
	num_neighs++;
	return n;
}

static void tell(struct neigh *n, u8 op)
{
	struct fsk_channel_setup setup = {
		.version	= FSK_CHANNEL_VERSION,
		.op		= op,
		.mtu		= n->q->mtu,
		.features	= FSK_CHANNEL_PLACES,
		.credits	= cpu_to_be16(FSK_RDMA_CREDITS),
		.max		= cpu_to_be16(FSK_RDMA_BUFFER),
		.qpn		= cpu_to_be32(n->q->qp->qp_num),
		.psn		= cpu_to_be32(n->q->psn),
		.nonce		= cpu_to_be32(n->q->nonce),
		.peer_nonce	= cpu_to_be32(n->peer_nonce),
	};

	memcpy(setup.gid, n->q->port.gid.raw, sizeof(setup.gid));
	fsk_channel_send_setup(n->dev, n->mac, &setup);
}

static void close_channel(struct neigh *n)
{
	if (!n->q)
		return;
	fsk_channel_del(&n->q->channel);
	fsk_rdma_close(n->q);
	n->q = NULL;
	n->state = NONE;
	n->peer_nonce = 0;
	n->doubted = false;
}

static void awaken(struct neigh *n)
{
	if (n->asleep)
		fsk_channel_del(&n->sleeper);
	n->asleep = false;
}

/*
 * Frames that come later shall ask for a new channel.  The last time that it
 * slept is longer ago than a grace period: a channel was up and idle since.
 */
static void fall_asleep(struct neigh *n)
{
	close_channel(n);
	n->failures = RETRY_TIMES;	/* until it is wanted again */
	n->wanted_at = jiffies;
	if (n->asleep)
		return;
	n->asleep = true;
	n->sleeper.want_at = jiffies;
	fsk_channel_add(&n->sleeper);
}

static void forget(struct neigh *n)
{
	close_channel(n);
	awaken(n);
	spin_lock_bh(&notes_lock);
	list_del(&n->list);
	spin_unlock_bh(&notes_lock);
	num_neighs--;
	dev_put(n->dev);
	kfree_rcu(n, rcu);
}

static unsigned long backoff(unsigned int failures)
{
	return min_t(unsigned long, RETRY_MIN << min(failures, 6U), RETRY_MAX);
}

/* Of two ends one begins, or both would. */
static bool begins(const struct neigh *n)
{
	return memcmp(n->dev->dev_addr, n->mac, ETH_ALEN) < 0;
}

static void fail(struct neigh *n)
{
	if (n->q && n->peer_nonce)
		tell(n, FSK_CHANNEL_DOWN);
	close_channel(n);
	/* Who answers leaves it to the other end how soon it asks again. */
	n->retry_at = jiffies + (begins(n) ? backoff(n->failures) : PACE);
	n->failures++;
}

/* Each takes more than half a megabyte: may there be one more? */
static bool may_open(void)
{
	unsigned int all = 0, proved = 0;
	const struct neigh *n;

	list_for_each_entry(n, &neighs, list) {
		all += !!n->q;
		proved += n->state == UP;
	}
	return all < QPS_MAX && all - proved < QPS_NEW_MAX;
}

static bool open_channel(struct neigh *n, const u8 *peer)
{
	struct fsk_rdma_qp *q = ERR_PTR(-ENOSPC);

	if (may_open())
		q = fsk_rdma_open(n->dev, n->mac, peer);
	if (IS_ERR(q)) {
		fail(n);
		return false;
	}
	n->q = q;
	n->retry_at = jiffies + PACE;
	return true;
}

static void ask(struct neigh *n)
{
	if (!open_channel(n, NULL))
		return;
	n->state = ASKING;
	n->asked = 1;
	n->at = jiffies + ASK_AGAIN;
	tell(n, FSK_CHANNEL_REQ);
}

/* @setup says what the other end has.  Return: false if it has failed. */
static bool connect_channel(struct neigh *n,
			    const struct fsk_channel_setup *setup)
{
	n->peer_nonce = be32_to_cpu(setup->nonce);
	if (fsk_rdma_connect(n->q, setup)) {
		fail(n);
		return false;
	}
	n->state = PROVING;
	n->at = jiffies + PROVE_TIME;
	return true;
}

static void rcv_req(struct neigh *n, const struct fsk_channel_setup *setup)
{
	if (begins(n))
		return;
	if (n->q && n->peer_nonce == be32_to_cpu(setup->nonce)) {
		tell(n, FSK_CHANNEL_ACK);	/* the first was lost */
		return;
	}
	if (n->q) {
		/* If the other end has lost it, HELLO will not arrive. */
		fsk_rdma_doubt(&n->q->channel);
		return;
	}
	if (!time_before(jiffies, n->retry_at) &&
	    open_channel(n, setup->gid) && connect_channel(n, setup))
		tell(n, FSK_CHANNEL_ACK);
}

static void rcv_ack(struct neigh *n, const struct fsk_channel_setup *setup)
{
	if (n->state != ASKING ||
	    be32_to_cpu(setup->peer_nonce) != n->q->nonce)
		return;
	if (connect_channel(n, setup))
		fsk_rdma_say(n->q, FSK_CHANNEL_HELLO, n->peer_nonce);
}

static void rcv_down(struct neigh *n, const struct fsk_channel_setup *setup)
{
	if (!n->q || be32_to_cpu(setup->peer_nonce) != n->q->nonce ||
	    be32_to_cpu(setup->nonce) != n->peer_nonce)
		return;
	close_channel(n);
	n->retry_at = jiffies + RETRY_MIN;
}

static void read_note(const struct note *note)
{
	struct neigh *n = find_or_make(note->dev, note->mac);

	if (!n)
		return;
	switch (note->setup.op) {
	case FSK_CHANNEL_REQ:
		n->wanted_at = jiffies;
		rcv_req(n, &note->setup);
		break;
	case FSK_CHANNEL_ACK:
		rcv_ack(n, &note->setup);
		break;
	case FSK_CHANNEL_DOWN:
		rcv_down(n, &note->setup);
		break;
	default:
		n->wanted_at = jiffies;
		/* It has worked before, or a connection would not say so. */
		if (n->failures >= RETRY_TIMES)
			n->failures = RETRY_TIMES - 1;
	}
}

static void run_none(struct neigh *n)
{
	if (n->failures < RETRY_TIMES && begins(n) &&
	    time_before(jiffies, n->wanted_at + FORGET_TIME) &&
	    time_after_eq(jiffies, n->retry_at))
		ask(n);
}

static void run_asking(struct neigh *n)
{
	if (time_before(jiffies, n->at))
		return;
	if (n->asked >= ASK_TIMES) {
		fail(n);
		return;
	}
	n->at = jiffies + (ASK_AGAIN << n->asked);
	n->asked++;
	tell(n, FSK_CHANNEL_REQ);
}

static void run_proving(struct neigh *n)
{
	if (READ_ONCE(n->q->heard)) {
		n->state = UP;
		n->up_at = jiffies;
		n->at = jiffies + ALIVE_TIME;
		n->frames_seen = READ_ONCE(n->q->frames);
		n->frames_at = jiffies;
		awaken(n);
		fsk_channel_add(&n->q->channel);
	} else if (time_after_eq(jiffies, n->at)) {
		fail(n);
	}
}

/* Sends a HELLO, which is answered in time, or the channel is given up. */
static void challenge(struct neigh *n)
{
	WRITE_ONCE(n->q->heard, false);
	WRITE_ONCE(n->q->given, false);
	n->doubted = true;
	n->at = jiffies + DOUBT_TIME;
	fsk_rdma_say(n->q, FSK_CHANNEL_HELLO, n->peer_nonce);
}

/*
 * Buffers become free at once, whatever programs do: there are credits, or some
 * have come since it was challenged.
 */
static bool lets_come(const struct fsk_rdma_qp *q)
{
	return READ_ONCE(q->credits) || READ_ONCE(q->given);
}

static unsigned long idle_time(void)
{
	return clamp_t(u64, READ_ONCE(idle), 1, 24 * 3600) * HZ;
}

static void run_up(struct neigh *n)
{
	unsigned long frames = READ_ONCE(n->q->frames);

	if (n->frames_seen != frames) {
		n->frames_seen = frames;
		n->frames_at = jiffies;
	}
	if (n->doubted) {
		if (READ_ONCE(n->q->heard) && lets_come(n->q)) {
			n->doubted = false;
			n->at = jiffies + ALIVE_TIME;
			WRITE_ONCE(n->q->suspect, false);
			/* One that breaks as soon as it is used is none. */
			if (time_after_eq(jiffies, n->up_at + ALIVE_TIME))
				n->failures = 0;
		} else if (time_after_eq(jiffies, n->at)) {
			fail(n);
		}
	/* First: all that comes may be times to challenge it. */
	} else if (begins(n) &&
		   time_after_eq(jiffies, n->frames_at + idle_time())) {
		tell(n, FSK_CHANNEL_DOWN);
		fall_asleep(n);
	} else if (READ_ONCE(n->q->suspect) ||
		   time_after_eq(jiffies, n->at)) {
		challenge(n);
	}
}

/* So long a neighbour is known without a channel, and without being wanted. */
static unsigned long patience(const struct neigh *n)
{
	return n->asleep ? SLEEP_TIME : FORGET_TIME;
}

/* Return: false if @n is forgotten. */
static bool run(struct neigh *n)
{
	if (READ_ONCE(n->gone)) {
		forget(n);
		return false;
	}
	if (n->q && READ_ONCE(n->q->broken)) {
		fail(n);
	} else if (n->q && READ_ONCE(n->q->asked)) {
		WRITE_ONCE(n->q->asked, false);
		fsk_rdma_say(n->q, FSK_CHANNEL_HEARD, n->peer_nonce);
	}
	switch (n->state) {
	case NONE:
		run_none(n);
		break;
	case ASKING:
		run_asking(n);
		break;
	case PROVING:
		run_proving(n);
		break;
	case UP:
		run_up(n);
		break;
	}
	if (!n->q && time_after(jiffies, n->wanted_at + patience(n))) {
		forget(n);
		return false;
	}
	return true;
}

/* When is something due?  jiffies from now on. */
static unsigned long due(const struct neigh *n)
{
	unsigned long at = n->q ? n->at : n->wanted_at + patience(n) + HZ;

	if (!n->q && begins(n) && n->failures < RETRY_TIMES)
		at = n->retry_at;
	return time_after(at, jiffies) ? at - jiffies : 1;
}

/**
 * fsk_rdma_run - do what is due, and what was noted
 *
 * Context: process, may sleep; @fsk_rdma_mutex held.
 * Return: jiffies until more is due; MAX_SCHEDULE_TIMEOUT if nothing will be.
 */
unsigned long fsk_rdma_run(void)
{
	unsigned long delay = MAX_SCHEDULE_TIMEOUT;
	struct neigh *n, *next;
	struct note *note;

	while ((note = next_note())) {
		read_note(note);
		free_note(note);
	}
	list_for_each_entry_safe(n, next, &neighs, list)
		if (run(n))
			delay = min(delay, due(n));
	return delay;
}

/**
 * fsk_rdma_device_up - there is another RDMA device
 *
 * Context: process; @fsk_rdma_mutex held.
 */
void fsk_rdma_device_up(void)
{
	struct neigh *n;

	list_for_each_entry(n, &neighs, list) {
		if (n->q)
			continue;
		n->failures = 0;
		n->retry_at = jiffies;
	}
}

/**
 * fsk_rdma_device_gone - an RDMA device goes
 * @ibdev: device; it is not used any more on return
 *
 * Context: process, may sleep; @fsk_rdma_mutex held.
 */
void fsk_rdma_device_gone(const struct ib_device *ibdev)
{
	struct neigh *n;

	list_for_each_entry(n, &neighs, list)
		if (n->q && n->q->port.ibdev == ibdev)
			fail(n);
}

/**
 * fsk_rdma_netdev_gone - a device is down, goes, or has another address
 * @dev: device
 *
 * Its neighbours are forgotten by the work item.
 *
 * Context: any but hard interrupt; the device is not IFF_UP, or will be taken
 * for another one.
 */
void fsk_rdma_netdev_gone(const struct net_device *dev)
{
	struct neigh *n;
	bool any = false;

	spin_lock_bh(&notes_lock);
	list_for_each_entry(n, &neighs, list) {
		if (n->dev != dev)
			continue;
		WRITE_ONCE(n->gone, true);
		any = true;
	}
	any |= num_notes;
	spin_unlock_bh(&notes_lock);
	if (any)
		fsk_rdma_kick();
}

/**
 * fsk_rdma_forget_all - no neighbour is known any more
 *
 * Context: process, may sleep; @fsk_rdma_mutex held.
 */
void fsk_rdma_forget_all(void)
{
	struct neigh *n, *next;
	struct note *note;

	while ((note = next_note()))
		free_note(note);
	list_for_each_entry_safe(n, next, &neighs, list) {
		if (n->q && n->peer_nonce)
			tell(n, FSK_CHANNEL_DOWN);
		forget(n);
	}
}

/**
 * fsk_rdma_show - list the neighbours of a namespace
 * @seq: where to
 * @net: namespace
 *
 * Context: process; @fsk_rdma_mutex held.
 */
void fsk_rdma_show(struct seq_file *seq, const struct net *net)
{
	struct neigh *n;

	seq_puts(seq, "Device MAC State RdmaDevice Credits Waiting Suspect Failures\n");
	list_for_each_entry(n, &neighs, list) {
		if (dev_net(n->dev) != net)
			continue;
		seq_printf(seq, "%s %pM %s ", n->dev->name, n->mac,
			   state_names[n->state]);
		if (n->q)
			seq_printf(seq, "%s/%u %u %u %u %u\n",
				   n->q->port.ibdev->name, n->q->port.num,
				   READ_ONCE(n->q->credits),
				   skb_queue_len_lockless(&n->q->queue),
				   READ_ONCE(n->q->suspect), n->failures);
		else
			seq_printf(seq, "- 0 0 0 %u\n", n->failures);
	}
}
