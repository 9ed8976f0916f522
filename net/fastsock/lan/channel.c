// SPDX-License-Identifier: GPL-2.0
/*
 * Channels: another way for the frames of connections to a neighbour than the
 * queue of its device.  A module brings them (fastsock_rdma.ko); this file
 * knows which there are.
 *
 * A channel promises nothing.  What it loses is sent again, as what an Ethernet
 * loses, and it may go at any time: frames take the device again with the next
 * one.  So no connection holds a channel; each frame looks for one, unless
 * there was none when the connection's way was last looked at (see path.c).
 * Handshakes, and what belongs to no connection, always take the device.
 *
 * A channel that was closed because no frames took it leaves one behind that
 * sleeps: frames find that, and take the device, but ask for a new one.
 */

#include <linux/etherdevice.h>
#include <linux/jiffies.h>
#include <linux/netdevice.h>
#include <linux/rculist.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>

#include "base/pernet.h"
#include "base/place.h"
#include "base/stats.h"
#include "lan/channel.h"
#include "lan/entry.h"
#include "lan/eth.h"
#include "lan/group.h"
#include "lan/offload.h"
#include "lan/peer.h"

#define CHANNEL_BUCKETS	256
/* Frames ask for a channel that sleeps no more often. */
#define WANT_AGAIN	HZ

/* All: RCU, channels_lock. */
static struct hlist_head channels[CHANNEL_BUCKETS];
unsigned int fsk_channel_count __read_mostly;
static const struct fsk_channel_ops __rcu *channel_ops;

static DEFINE_SPINLOCK(channels_lock);	/* channels, count, ops */

/* Set once. */
static fsk_eth_func channel_rcv __read_mostly;
static void (*channel_changed)(void) __read_mostly;

static struct hlist_head *bucket_of(const struct net_device *dev, const u8 *mac)
{
	return &channels[fsk_peer_hash(mac, dev->ifindex) % CHANNEL_BUCKETS];
}

/* RCU read section, or channels_lock held. */
static struct fsk_channel *find(const struct net_device *dev, const u8 *mac)
{
	struct fsk_channel *channel;

	hlist_for_each_entry_rcu(channel, bucket_of(dev, mac), node,
				 lockdep_is_held(&channels_lock))
		if (channel->dev == dev && ether_addr_equal(channel->mac, mac))
			return channel;
	return NULL;
}

static struct fsk_channel *find_awake(const struct net_device *dev,
				      const u8 *mac)
{
	struct fsk_channel *channel = find(dev, mac);

	return channel && !channel->asleep ? channel : NULL;
}

/**
 * fsk_channel_register - from here on neighbours may get channels
 * @ops: what brings them
 *
 * Neighbours are told by a HELLO.
 *
 * Context: process, may sleep; takes RTNL.
 * Return: 0, or -EBUSY while another module brings channels.
 */
int fsk_channel_register(const struct fsk_channel_ops *ops)
{
	int err = 0;

	spin_lock_bh(&channels_lock);
	if (rcu_access_pointer(channel_ops))
		err = -EBUSY;
	else
		rcu_assign_pointer(channel_ops, ops);
	spin_unlock_bh(&channels_lock);
	if (!err)
		fsk_group_announce();
	return err;
}
EXPORT_SYMBOL_NS_GPL(fsk_channel_register, FASTSOCK);

/**
 * fsk_channel_unregister - undo fsk_channel_register()
 * @ops: what was registered
 *
 * Frames look for no channel any more, also if some are still in the table.
 *
 * Context: process, may sleep; takes RTNL.  None of @ops' functions is running
 * when it returns.
 */
void fsk_channel_unregister(const struct fsk_channel_ops *ops)
{
	spin_lock_bh(&channels_lock);
	RCU_INIT_POINTER(channel_ops, NULL);
	spin_unlock_bh(&channels_lock);
	synchronize_rcu();
	fsk_group_announce();
}
EXPORT_SYMBOL_NS_GPL(fsk_channel_unregister, FASTSOCK);

/**
 * fsk_channel_add - frames take this channel from now on
 * @channel: channel, the only one to its neighbour
 *
 * Connections look at their way again, and so find it.
 *
 * Context: any but hard interrupt.  After fsk_channel_del() a grace period has
 * to pass before @channel is freed or added again.
 */
void fsk_channel_add(struct fsk_channel *channel)
{
	spin_lock_bh(&channels_lock);
	hlist_add_head_rcu(&channel->node,
			   bucket_of(channel->dev, channel->mac));
	WRITE_ONCE(fsk_channel_count, fsk_channel_count + 1);
	spin_unlock_bh(&channels_lock);
	channel_changed();
}
EXPORT_SYMBOL_NS_GPL(fsk_channel_add, FASTSOCK);

/**
 * fsk_channel_del - frames take this channel no longer
 * @channel: channel, in the table or not
 *
 * Context: any but hard interrupt.  Who found the channel before may still use
 * it, in an RCU read section.
 */
void fsk_channel_del(struct fsk_channel *channel)
{
	bool had;

	spin_lock_bh(&channels_lock);
	had = !hlist_unhashed(&channel->node);
	if (had) {
		hlist_del_init_rcu(&channel->node);
		WRITE_ONCE(fsk_channel_count, fsk_channel_count - 1);
	}
	spin_unlock_bh(&channels_lock);
	if (had)
		channel_changed();
}
EXPORT_SYMBOL_NS_GPL(fsk_channel_del, FASTSOCK);

/*
 * What belongs to no connection has no key.  A channel is not always confined
 * to the segment, as frames are, so those come by the device only.
 */
static bool has_key(const struct fsk_hdr *hdr)
{
	switch (hdr->type) {
	case FSK_T_SYN:
	case FSK_T_SYN6:
	case FSK_T_HELLO:
	case FSK_T_HELLO_ACK:
	case FSK_T_BYE:
	case FSK_T_CHANNEL:
		return false;
	}
	return true;
}

/**
 * fsk_channel_rcv - a frame came in over a channel
 * @channel: channel that was added
 * @skb: frame, data at struct fsk_hdr, which is not in pages; room for a link
 *	header before; consumed
 *
 * As if it had come in on the channel's device, which has to be up.
 *
 * Context: softirq, RCU read section.
 */
void fsk_channel_rcv(struct fsk_channel *channel, struct sk_buff *skb)
{
	struct net_device *dev = channel->dev;
	struct ethhdr *eth;

	skb_reset_network_header(skb);
	if (unlikely(!(READ_ONCE(dev->flags) & IFF_UP))) {
		fsk_drop(dev_net(dev), skb, FSK_DROP_NOT_FOR_US);
		return;
	}
	if (unlikely(!has_key((const void *)skb->data))) {
		fsk_drop(dev_net(dev), skb, FSK_DROP_TYPE);
		return;
	}
	eth = __skb_push(skb, sizeof(*eth));
	ether_addr_copy(eth->h_dest, dev->dev_addr);
	ether_addr_copy(eth->h_source, channel->mac);
	eth->h_proto = fsk_ethertype;
	skb_reset_mac_header(skb);
	__skb_pull(skb, sizeof(*eth));
	skb->dev = dev;
	skb->skb_iif = dev->ifindex;
	skb->protocol = fsk_ethertype;
	skb->pkt_type = PACKET_HOST;
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	fsk_stat_inc(dev_net(dev), FSK_MIB_CHANNEL_IN_FRAMES);
	channel_rcv(skb, dev, NULL, dev);
}
EXPORT_SYMBOL_NS_GPL(fsk_channel_rcv, FASTSOCK);

/**
 * fsk_channel_give_back - send a frame by the device that the channel has taken
 * @channel: channel that is in no table any more
 * @skb: frame, data at struct fsk_hdr; consumed
 *
 * It may be longer than the device takes, and is cut by that then.
 *
 * Context: any but hard interrupt, RCU read section.
 */
void fsk_channel_give_back(const struct fsk_channel *channel,
			   struct sk_buff *skb)
{
	struct net_device *dev = channel->dev;
	u32 size = fsk_eth_mtu(dev) - sizeof(struct fsk_hdr);

	if (!(READ_ONCE(dev->flags) & IFF_UP)) {
		fsk_drop(dev_net(dev), skb, FSK_DROP_NO_ROUTE);
		return;
	}
	if (!skb_is_gso(skb) && skb->len > size + sizeof(struct fsk_hdr)) {
		__skb_pull(skb, sizeof(struct fsk_hdr));
		fsk_offload_mark(skb, size);
		__skb_push(skb, sizeof(struct fsk_hdr));
	}
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	fsk_eth_xmit(dev, channel->mac, skb);
}
EXPORT_SYMBOL_NS_GPL(fsk_channel_give_back, FASTSOCK);

/**
 * fsk_channel_send_setup - send a CHANNEL frame
 * @dev: device towards the neighbour
 * @mac: its link-layer address
 * @setup: what it says
 *
 * Context: any but hard interrupt; the caller keeps @dev alive.
 * Return: as fsk_eth_send().
 */
int fsk_channel_send_setup(struct net_device *dev, const u8 *mac,
			   const struct fsk_channel_setup *setup)
{
	return fsk_eth_send(dev, mac, FSK_T_CHANNEL, 0, 0, setup,
			    sizeof(*setup));
}
EXPORT_SYMBOL_NS_GPL(fsk_channel_send_setup, FASTSOCK);

/**
 * fsk_channel_exists - is there a channel to a neighbour?
 * @dev: device towards it
 * @mac: its link-layer address, aligned to 2 bytes
 *
 * Context: RCU read section.
 * Return: true if frames should look for it.
 */
bool fsk_channel_exists(const struct net_device *dev, const u8 *mac)
{
	return find(dev, mac);
}

/* Return: how many of them the channel has taken. */
static unsigned int send_each(const struct fsk_channel_ops *ops,
			      struct fsk_channel *channel, struct sk_buff *skbs)
{
	struct sk_buff *skb, *next;
	unsigned int n = 0;

	skb_list_walk_safe(skbs, skb, next) {
		skb_mark_not_on_list(skb);
		if (ops->xmit(channel, skb))
			n++;
		else
			kfree_skb(skb);	/* lost in transit */
	}
	return n;
}

/* Return: how many frames; 0 if @skb has to go another way. */
static unsigned int send(const struct fsk_channel_ops *ops,
			 struct fsk_channel *channel, struct sk_buff *skb)
{
	struct sk_buff *pieces;

	if (skb->len <= channel->max)
		return ops->xmit(channel, skb);
	pieces = fsk_offload_cut(skb, channel->max - sizeof(struct fsk_hdr));
	return pieces ? send_each(ops, channel, pieces) ?: 1 : 0;
}

/* A frame would take a channel, but that was closed because none did. */
static void wake(const struct fsk_channel_ops *ops, struct fsk_channel *channel)
{
	if (time_before(jiffies, READ_ONCE(channel->want_at)))
		return;
	WRITE_ONCE(channel->want_at, jiffies + WANT_AGAIN);
	ops->want(channel->dev, channel->mac);
}

/**
 * fsk_channel_xmit - send a frame over the channel to a neighbour
 * @dev: device towards it
 * @mac: its link-layer address, aligned to 2 bytes
 * @skb: frame, data at struct fsk_hdr
 * @late: an earlier frame was not acknowledged in time
 *
 * Where frames are sent again because of silence, the channel may be what is
 * broken: they take the device until the channel has shown that it is not.
 *
 * Context: any but hard interrupt, RCU read section.
 * Return: true if @skb is consumed, false if it has to go by the device.
 */
bool fsk_channel_xmit(const struct net_device *dev, const u8 *mac,
		      struct sk_buff *skb, bool late)
{
	const struct fsk_channel_ops *ops = rcu_dereference(channel_ops);
	struct fsk_channel *channel = find(dev, mac);
	struct net *net = dev_net(dev);
	unsigned int n;

	if (!ops || !channel)
		return false;
	if (unlikely(channel->asleep)) {
		wake(ops, channel);
		return false;
	}
	if (late) {
		ops->doubt(channel);
		return false;
	}
	n = send(ops, channel, skb);
	fsk_stat_add(net, FSK_MIB_OUT_FRAMES, n);
	fsk_stat_add(net, FSK_MIB_CHANNEL_OUT_FRAMES, n);
	return n;
}

/**
 * fsk_channel_place_min - is a waiting reader's buffer worth being offered?
 * @dev: device towards the neighbour
 * @mac: its link-layer address, aligned to 2 bytes
 *
 * Context: RCU read section.
 * Return: bytes that the reader has to want at least; 0 if none is.
 */
u32 fsk_channel_place_min(const struct net_device *dev, const u8 *mac)
{
	const struct fsk_channel *channel = find_awake(dev, mac);

	return channel ? READ_ONCE(channel->place_min) : 0;
}

/*
 * struct fsk_place.withdraw: have the other end give up the buffer, or end the
 * channel.  Where that is going, or its module, nothing has to be done.
 */
static void withdraw(struct fsk_place *place, bool late)
{
	const struct fsk_channel_ops *ops;

	rcu_read_lock();
	ops = rcu_dereference(channel_ops);
	/* Unless that has happened the channel stays for this section. */
	if (ops && !completion_done(&place->ended)) {
		if (!late)
			fsk_stat_inc(dev_net(place->channel->dev),
				     FSK_MIB_CHANNEL_REVOKES);
		ops->withdraw(place, late);
	}
	rcu_read_unlock();
}

/**
 * fsk_channel_offer - let the other end write to a waiting reader's buffer
 * @dev: device towards it
 * @mac: its link-layer address, aligned to 2 bytes
 * @place: buffer; the reader has to call fsk_place_withdraw()
 * @frame: ADVERT frame, data at struct fsk_hdr
 *
 * Context: any but hard interrupt, RCU read section.
 * Return: true if it can from now on; then @frame is consumed.
 */
bool fsk_channel_offer(const struct net_device *dev, const u8 *mac,
		       struct fsk_place *place, struct sk_buff *frame)
{
	const struct fsk_channel_ops *ops = rcu_dereference(channel_ops);
	struct fsk_channel *channel = find_awake(dev, mac);
	struct net *net = dev_net(dev);

	if (!ops || !channel)
		return false;
	place->withdraw = withdraw;
	if (!ops->offer(channel, place, frame))
		return false;
	fsk_stat_inc(net, FSK_MIB_OUT_FRAMES);
	fsk_stat_inc(net, FSK_MIB_CHANNEL_OUT_FRAMES);
	fsk_stat_inc(net, FSK_MIB_CHANNEL_ADVERTS);
	return true;
}

/**
 * fsk_channel_put - write to a buffer that the other end has offered
 * @dev: device towards it
 * @mac: its link-layer address, aligned to 2 bytes
 * @put: what, and where to
 *
 * Context: any but hard interrupt, RCU read section.
 * Return: true if both skbs are consumed, false if the bytes have to go another
 * way.
 */
bool fsk_channel_put(const struct net_device *dev, const u8 *mac,
		     const struct fsk_put *put)
{
	const struct fsk_channel_ops *ops = rcu_dereference(channel_ops);
	struct fsk_channel *channel = find_awake(dev, mac);
	struct net *net = dev_net(dev);

	if (!ops || !channel || !ops->put(channel, put))
		return false;
	fsk_stat_inc(net, FSK_MIB_OUT_FRAMES);
	fsk_stat_inc(net, FSK_MIB_CHANNEL_OUT_FRAMES);
	return true;
}

/**
 * fsk_channel_decline - a buffer that the other end has offered is of no use
 * @dev: device towards it
 * @mac: its link-layer address, aligned to 2 bytes
 * @token: of the buffer
 *
 * Context: any but hard interrupt, RCU read section.
 */
void fsk_channel_decline(const struct net_device *dev, const u8 *mac,
			 u32 token)
{
	const struct fsk_channel_ops *ops = rcu_dereference(channel_ops);
	struct fsk_channel *channel = find_awake(dev, mac);

	if (ops && channel)
		ops->decline(channel, token);
}

/**
 * fsk_channel_end - the other end has said what cannot be
 * @dev: device towards it
 * @mac: its link-layer address, aligned to 2 bytes
 *
 * Context: any but hard interrupt, RCU read section.
 */
void fsk_channel_end(const struct net_device *dev, const u8 *mac)
{
	const struct fsk_channel_ops *ops = rcu_dereference(channel_ops);
	struct fsk_channel *channel = find_awake(dev, mac);

	if (ops && channel)
		ops->end(channel);
}

/**
 * fsk_channel_features - what HELLOs say of channels
 *
 * Context: any.
 * Return: FSK_HELLO_*.
 */
u8 fsk_channel_features(void)
{
	const struct fsk_channel_ops *ops;
	u8 features;

	rcu_read_lock();
	ops = rcu_dereference(channel_ops);
	features = ops ? ops->features : 0;
	rcu_read_unlock();
	return features;
}

/**
 * fsk_channel_want - a neighbour has carried a connection, and will carry more
 * @dev: device towards it
 * @mac: its link-layer address
 * @features: what its HELLO said
 *
 * Context: any but hard interrupt; the caller keeps @dev alive.
 */
void fsk_channel_want(struct net_device *dev, const u8 *mac, u8 features)
{
	const struct fsk_channel_ops *ops;

	rcu_read_lock();
	ops = rcu_dereference(channel_ops);
	if (ops && ops->features & features)
		ops->want(dev, mac);
	rcu_read_unlock();
}

/**
 * fsk_channel_rcv_setup - a CHANNEL frame came in
 * @dev: device it came in on
 * @mac: whom it came from, aligned to 2 bytes
 * @setup: its body, complete
 *
 * To make a channel costs memory and time.  So only neighbours to which there
 * have been connections are heard, and not too often; the caller frees the
 * frame.
 *
 * Context: softirq, RCU read section.
 */
void fsk_channel_rcv_setup(struct net_device *dev, const u8 *mac,
			   const struct fsk_channel_setup *setup)
{
	const struct fsk_channel_ops *ops = rcu_dereference(channel_ops);
	struct net *net = dev_net(dev);

	if (!ops || !fsk_peer_usable(dev))
		fsk_drop(net, NULL, FSK_DROP_NOT_FOR_US);
	else if (setup->version != FSK_CHANNEL_VERSION)
		fsk_drop(net, NULL, FSK_DROP_VERSION);
	else if (!fsk_peer_used(dev, mac))
		fsk_drop(net, NULL, FSK_DROP_STATE);
	else if (!fsk_peer_may_answer(dev, mac))
		fsk_drop(net, NULL, FSK_DROP_RATE);
	else
		ops->setup(dev, mac, setup);
}

/**
 * fsk_channel_init - say what is to happen above
 * @rcv: gets the frames that come in over channels
 * @changed: connections shall look at their way again
 *
 * Context: process, module load.
 */
void fsk_channel_init(fsk_eth_func rcv, void (*changed)(void))
{
	channel_rcv = rcv;
	channel_changed = changed;
}
