/* SPDX-License-Identifier: GPL-2.0 */
/* Another way for frames to a neighbour than its device's queue. */
#ifndef _FSK_CHANNEL_H
#define _FSK_CHANNEL_H

#include <linux/compiler.h>
#include <linux/if_ether.h>
#include <linux/list.h>
#include <linux/types.h>
#include <uapi/linux/fastsock_wire.h>

#include "lan/eth.h"

struct net_device;
struct sk_buff;

/**
 * struct fsk_channel - a way to one neighbour
 * @node: in the table; set by fsk_channel_add()
 * @dev: device that leads to it as well; whoever adds the channel keeps it
 * @mac: the neighbour's link-layer address
 * @max: longest frame that it takes, bytes, struct fsk_hdr included
 */
struct fsk_channel {
	struct hlist_node node;
	struct net_device *dev;
	u8 mac[ETH_ALEN] __aligned(2);
	u32 max;
};

/**
 * struct fsk_channel_ops - what a module does that brings channels
 * @features: FSK_HELLO_*, what HELLOs are to say of it
 * @xmit: take a frame, no longer than @max, data at struct fsk_hdr; true if it
 *	is consumed, sent or lost, false if it has to go another way
 * @doubt: a frame that may have gone this way was not acknowledged in time
 * @want: a neighbour with a common feature has just carried a connection
 * @setup: a CHANNEL frame came from a neighbour that has carried connections
 *
 * Context: any but hard interrupt, RCU read section; they do not sleep.
 */
struct fsk_channel_ops {
	u8 features;
	bool (*xmit)(struct fsk_channel *channel, struct sk_buff *skb);
	void (*doubt)(struct fsk_channel *channel);
	void (*want)(struct net_device *dev, const u8 *mac);
	void (*setup)(struct net_device *dev, const u8 *mac,
		      const struct fsk_channel_setup *setup);
};

/* For modules that bring channels. */
int fsk_channel_register(const struct fsk_channel_ops *ops);
void fsk_channel_unregister(const struct fsk_channel_ops *ops);
void fsk_channel_add(struct fsk_channel *channel);
void fsk_channel_del(struct fsk_channel *channel);
void fsk_channel_rcv(struct fsk_channel *channel, struct sk_buff *skb);
int fsk_channel_send_setup(struct net_device *dev, const u8 *mac,
			   const struct fsk_channel_setup *setup);

/* For frames and neighbours. */
extern unsigned int fsk_channel_count;

/* Is there a channel at all? */
static inline bool fsk_channel_any(void)
{
	return READ_ONCE(fsk_channel_count);
}

bool fsk_channel_exists(const struct net_device *dev, const u8 *mac);
bool fsk_channel_xmit(const struct net_device *dev, const u8 *mac,
		      struct sk_buff *skb, bool late);
u8 fsk_channel_features(void);
void fsk_channel_want(struct net_device *dev, const u8 *mac, u8 features);
void fsk_channel_rcv_setup(struct net_device *dev, const u8 *mac,
			   const struct fsk_channel_setup *setup);
void fsk_channel_init(fsk_eth_func rcv, void (*changed)(void));

#endif /* _FSK_CHANNEL_H */
