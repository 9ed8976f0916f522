/* SPDX-License-Identifier: GPL-2.0 */
/* One entry of the table of neighbours; no file outside lan/ looks into it. */
#ifndef _FSK_ENTRY_H
#define _FSK_ENTRY_H

#include <linux/if_ether.h>
#include <linux/jiffies.h>
#include <linux/netdevice.h>
#include <linux/types.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/pernet.h"
#include "lan/eth.h"
#include "lan/peer.h"

#define FSK_PEER_GC	(60 * HZ)	/* between ageing runs */
/*
 * A known peer is not answered HELLOs to the group more often.  Only its link
 * can have been down and have made it forget us.
 */
#define FSK_PEER_QUIET	(4 * HZ)

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
 * @features: FSK_HELLO_* of its last HELLO
 * @hostid: its host identity, zero before it was heard
 * @seen: jiffies when it was last heard, or the entry made
 * @until: jiffies when the back-off of NEGATIVE ends
 * @probe_at: jiffies before which it is not probed again
 * @expires: jiffies when the entry is dropped
 * @answered: jiffies when it was last sent HELLO_ACK
 * @due: jiffies when it may get the next one, if @owed
 * @syns: SYNs that are judged; fsk_net.budget_lock
 * @answers: cheaper answers; fsk_net.budget_lock
 *
 * Written under fsk_net.peers_lock, except @wanted, @owed, @due and @answered;
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
	u8 features;
	u8 hostid[FSK_HOSTID_LEN];
	unsigned long seen;
	unsigned long until;
	unsigned long probe_at;
	unsigned long expires;
	unsigned long answered;
	unsigned long due;
	struct fsk_budget syns;
	struct fsk_budget answers;
};

/* May neighbours on @dev be asked and answered? */
static inline bool fsk_peer_usable(const struct net_device *dev)
{
	return READ_ONCE(fsk_net(dev_net(dev))->enable) &&
	       fsk_eth_usable(dev);
}

struct fsk_peer *fsk_peer_find(struct fsk_net *fn, int ifindex, const u8 *mac);
struct fsk_peer *fsk_peer_get(struct fsk_net *fn, const struct net_device *dev,
			      const u8 *mac);
void fsk_peer_set_state(struct fsk_net *fn, struct fsk_peer *p,
			enum fsk_peer_state state);
void fsk_peer_refresh(struct fsk_peer *p);
void fsk_peer_forget(struct fsk_net *fn, int ifindex);
bool fsk_peer_age(struct fsk_net *fn, struct hlist_head *bucket);
bool fsk_peer_may_probe(struct net_device *dev, const u8 *mac);
u32 fsk_peer_hash(const u8 *mac, int ifindex);
void fsk_peer_init(void);

#endif /* _FSK_ENTRY_H */
