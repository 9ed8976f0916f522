/* SPDX-License-Identifier: GPL-2.0 */
/* What fastsock keeps for each network namespace. */
#ifndef _FSK_PERNET_H
#define _FSK_PERNET_H

#include <linux/if_ether.h>
#include <linux/list.h>
#include <linux/notifier.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "base/table.h"

struct ctl_table;
struct ctl_table_header;
struct fsk_peer;

#define FSK_PEER_BUCKETS	256
#define FSK_DELEGATE_CACHE	256
#define FSK_KNOWN		64

/* Values of net.fastsock.enable. */
#define FSK_ENABLE_OFF		0
#define FSK_ENABLE_ALL		1	/* every stream socket of TCP */
#define FSK_ENABLE_EXPLICIT	2	/* only those of AF_FASTSOCK */

/* Values of net.fastsock.same_host. */
#define FSK_SAME_HOST_OFF	0
#define FSK_SAME_HOST_OWN	1	/* within a namespace */
#define FSK_SAME_HOST_ALL	2	/* with others that say so, too */

/* Defaults of the sysctls of these names. */
#define FSK_POST_MIN		16384	/* bytes */
#define FSK_HOST_POST_MIN	INT_MAX	/* bytes */
#define FSK_HANDSHAKE_MS	40	/* ms */

/**
 * struct fsk_budget - so many a second, after a burst; see lan/peer.c
 * @left: may be spent
 * @at: jiffies up to which @left is reckoned
 */
struct fsk_budget {
	unsigned int left;
	unsigned long at;
};

/**
 * struct fsk_tombs - ids of a namespace's server ends that are gone
 * @table: by id and key; RCU
 * @fifo: oldest first
 * @lock: protects @fifo; before @table's own
 * @reap: removes what has expired; queued while there are any
 */
struct fsk_tombs {
	struct fsk_table table;
	struct list_head fifo;
	spinlock_t lock;		/* fifo */
	struct delayed_work reap;
};

struct fsk_known;
struct fsk_waiting;

/**
 * struct fsk_net - fastsock's part of a network namespace
 * @enable: sysctl, FSK_ENABLE_*; unless off, SYNs and HELLOs are answered
 * @open: it was enabled once, or is of the host's own user namespace; frames
 *	are looked at
 * @loopback_frames: sysctl, test only; frames may cross the loopback device
 * @post_min: sysctl, bytes; a receive of at least so much pins its buffer
 * @handshake_ms: sysctl, ms; how long a connect waits for SYNACK
 * @same_host: sysctl, FSK_SAME_HOST_*; connections within the host use memory
 * @host_post_min: sysctl, bytes; as @post_min, for connections within the host
 * @spin_us: sysctl, us; a receive spins so long at most before it sleeps
 * @rules_copy: whether rules copy packets of IPv4 and of IPv6, and for which
 *	second that is known; see netfilter.c
 * @bridged: bridge.c has its hooks here; RTNL
 * @mib: counters, enum fsk_mib
 * @sysctl: registered table header
 * @table: this namespace's copy of the sysctl table
 * @peers: capability cache, hashed by device and MAC; RCU, @peers_lock
 * @peers_lock: serialises changes of @peers and @npeers
 * @npeers: entries in @peers that are capable or negative
 * @peers_gen: counts changes of any entry's state; under @peers_lock
 * @delegate_cache: destinations that were TCP's in this second, see connect.c
 * @peers_gc: ages entries
 * @peers_answers: answers HELLOs to the group, after a while
 * @unknown: for what senders that are not in @peers ask for
 * @newcomers: for SYNs of peers that have carried no connection yet
 * @probes: for HELLOs to neighbours
 * @budget_lock: protects these three and those of each peer
 * @waiting: clients that found the accept queue full; NULL until the first
 * @by_id: connections of frames by their own id; RCU
 * @by_peer: the same by what they call the other end; RCU
 * @tombs: ids of server ends that are gone
 * @known: routes that were looked up lately; RCU, xchg()
 * @fib_nb: hears of routes that change, see route.c
 */
struct fsk_net {
	int enable;
	bool open;
	int loopback_frames;
	int post_min;
	int handshake_ms;
	int same_host;
	int host_post_min;
	int spin_us;
	unsigned long rules_copy[2];
	bool bridged;
	u64 __percpu *mib;
	struct ctl_table_header *sysctl;
	struct ctl_table *table;
	struct hlist_head peers[FSK_PEER_BUCKETS];
	spinlock_t peers_lock;		/* peers, npeers, peers_gen */
	unsigned int npeers;
	u32 peers_gen;
	u64 delegate_cache[FSK_DELEGATE_CACHE];
	struct delayed_work peers_gc;
	struct delayed_work peers_answers;
	struct fsk_budget unknown;
	struct fsk_budget newcomers;
	struct fsk_budget probes;
	spinlock_t budget_lock;		/* all budgets */
	struct fsk_waiting *waiting;
	struct fsk_table by_id;
	struct fsk_table by_peer;
	struct fsk_tombs tombs;
	struct fsk_known __rcu *known[FSK_KNOWN];
	struct notifier_block fib_nb;
};

extern unsigned int fsk_net_id;
extern u8 fsk_hostid[];
extern __be16 fsk_ethertype;
extern struct workqueue_struct *fsk_wq;

/*
 * As net_generic().  The kernel replaces the array when a module brings a
 * larger id, and frees the old one after a grace period, for which whoever
 * cannot be preempted is a reader, too: that takes no function calls, as
 * rcu_read_lock() does where readers can be preempted.
 */
static inline struct fsk_net *fsk_net(const struct net *net)
{
	struct fsk_net *fn;

	rcu_read_lock_sched();
	fn = rcu_dereference_sched(net->gen)->ptr[fsk_net_id];
	rcu_read_unlock_sched();
	return fn;
}

#endif /* _FSK_PERNET_H */
