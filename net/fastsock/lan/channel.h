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

struct fsk_place;
struct net_device;
struct sk_buff;

/**
 * struct fsk_channel - a way to one neighbour
 * @node: in the table; set by fsk_channel_add()
 * @dev: device that leads to it as well; whoever adds the channel keeps it
 * @mac: the neighbour's link-layer address
 * @max: longest frame that it takes, bytes, struct fsk_hdr included
 * @place_min: bytes that a waiting reader has to want for its buffer to be
 *	offered to the other end; 0 if none is
 * @asleep: it takes no frames; it is there so that they ask for one that does
 * @want_at: jiffies, before which they do not ask again; if @asleep
 */
struct fsk_channel {
	struct hlist_node node;
	struct net_device *dev;
	u8 mac[ETH_ALEN] __aligned(2);
	u32 max;
	u32 place_min;
	bool asleep;
	unsigned long want_at;
};

/**
 * struct fsk_put - bytes that go into a buffer of the other end
 * @token: of the buffer
 * @off: where in it the first byte has its place
 * @last: nothing more is to be written there
 * @data: DATA frame with the bytes, data at struct fsk_hdr
 * @frame: PLACED frame that is to follow them
 */
struct fsk_put {
	u32 token;
	u32 off;
	bool last;
	struct sk_buff *data;
	struct sk_buff *frame;
};

/**
 * struct fsk_channel_ops - what a module does that brings channels
 * @features: FSK_HELLO_*, what HELLOs are to say of it
 * @xmit: take a frame, no longer than @max, data at struct fsk_hdr; true if it
 *	is consumed, sent or lost, false if it has to go another way
 * @doubt: a frame that may have gone this way was not acknowledged in time
 * @want: a neighbour with a common feature has just carried a connection
 * @setup: a CHANNEL frame came from a neighbour that has carried connections
 * @offer: let the other end write to a buffer, and tell it by an ADVERT frame;
 *	true if @frame is consumed and the channel has a reference on @place
 * @withdraw: a buffer that was offered is to be out of reach soon, and if @late
 *	by ending its channel
 * @put: write bytes to a buffer that the other end has offered; true if both
 *	skbs are consumed, sent or lost
 * @decline: nothing will be written to a buffer that the other end has offered
 * @end: the other end has said what cannot be
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
	bool (*offer)(struct fsk_channel *channel, struct fsk_place *place,
		      struct sk_buff *frame);
	void (*withdraw)(struct fsk_place *place, bool late);
	bool (*put)(struct fsk_channel *channel, const struct fsk_put *put);
	void (*decline)(struct fsk_channel *channel, u32 token);
	void (*end)(struct fsk_channel *channel);
};

/* For modules that bring channels. */
int fsk_channel_register(const struct fsk_channel_ops *ops);
void fsk_channel_unregister(const struct fsk_channel_ops *ops);
void fsk_channel_add(struct fsk_channel *channel);
void fsk_channel_del(struct fsk_channel *channel);
void fsk_channel_rcv(struct fsk_channel *channel, struct sk_buff *skb);
void fsk_channel_give_back(const struct fsk_channel *channel,
			   struct sk_buff *skb);
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
u32 fsk_channel_place_min(const struct net_device *dev, const u8 *mac);
bool fsk_channel_offer(const struct net_device *dev, const u8 *mac,
		       struct fsk_place *place, struct sk_buff *frame);
bool fsk_channel_put(const struct net_device *dev, const u8 *mac,
		     const struct fsk_put *put);
void fsk_channel_decline(const struct net_device *dev, const u8 *mac,
			 u32 token);
void fsk_channel_end(const struct net_device *dev, const u8 *mac);
u8 fsk_channel_features(void);
void fsk_channel_want(struct net_device *dev, const u8 *mac, u8 features);
void fsk_channel_rcv_setup(struct net_device *dev, const u8 *mac,
			   const struct fsk_channel_setup *setup);
void fsk_channel_init(fsk_eth_func rcv, void (*changed)(void));

#endif /* _FSK_CHANNEL_H */
