/* SPDX-License-Identifier: GPL-2.0 */
/* Who on the segment speaks fastsock. */
#ifndef _FSK_PEER_H
#define _FSK_PEER_H

#include <linux/types.h>

struct net;
struct net_device;

enum fsk_peer_state {
	FSK_PEER_UNKNOWN,
	FSK_PEER_CAPABLE,
	FSK_PEER_NEGATIVE,	/* a handshake failed lately */
};

/**
 * struct fsk_peer_info - what is shown of a peer
 * @dev: device it was heard on
 * @mac: its link-layer address
 * @hostid: its host identity, FSK_HOSTID_LEN bytes
 * @state: capable or negative
 * @age: jiffies since it was last heard
 */
struct fsk_peer_info {
	const struct net_device *dev;
	const u8 *mac;
	const u8 *hostid;
	enum fsk_peer_state state;
	unsigned long age;
};

enum fsk_syn_worth {
	FSK_SYN_JUDGE,
	FSK_SYN_REJECT,		/* unseen; it is over its budget */
	FSK_SYN_DROP,
};

enum fsk_peer_state fsk_peer_lookup(struct net_device *dev, const u8 *mac);
void fsk_peer_answered(struct net_device *dev, const u8 *mac);
void fsk_peer_failed(struct net_device *dev, const u8 *mac);
bool fsk_peer_says(struct net_device *dev, const u8 *mac, u8 feature);
bool fsk_peer_used(struct net_device *dev, const u8 *mac);
bool fsk_peer_may_answer(struct net_device *dev, const u8 *mac);
enum fsk_syn_worth fsk_peer_judge_syn(struct net_device *dev, const u8 *mac);
void fsk_peer_each(struct net *net, unsigned int bucket,
		   void (*look)(const struct fsk_peer_info *info, void *arg),
		   void *arg);
void fsk_peer_init_net(struct net *net);
void fsk_peer_exit_net(struct net *net);

#endif /* _FSK_PEER_H */
