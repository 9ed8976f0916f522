// SPDX-License-Identifier: GPL-2.0
/* Ethernet: raw frames of our own EtherType, in and out. */

#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/pernet.h"
#include "base/spare.h"
#include "base/stats.h"
#include "lan/eth.h"
#include "lan/seal.h"

/* What every IPv4 host takes; leaves FSK_MSS_MIN after the longest header. */
#define FSK_ETH_MTU_MIN		576		/* bytes */

/**
 * fsk_eth_usable - can new connections have their frames on a device?
 * @dev: device towards the peer
 *
 * Ports of a bridge, bond or team do not count: their frames come up through
 * the device above them, which is also the one that routes name.
 *
 * Context: any; the caller keeps @dev alive.
 * Return: true if @dev can carry frames now.
 */
bool fsk_eth_usable(const struct net_device *dev)
{
	if (!(READ_ONCE(dev->flags) & IFF_UP))
		return false;
	if (dev->flags & IFF_LOOPBACK)
		return READ_ONCE(fsk_net(dev_net(dev))->loopback_frames);
	return dev->type == ARPHRD_ETHER && dev->addr_len == ETH_ALEN &&
	       READ_ONCE(dev->mtu) >= FSK_ETH_MTU_MIN &&
	       !netif_is_bridge_port(dev) && !netif_is_lag_port(dev) &&
	       !netif_is_ovs_port(dev);
}

/*
 * The headroom was reserved for the device as it was then; one that stacked
 * devices have made dearer since must not make dev_hard_header() panic.
 */
static int fsk_eth_push(struct net_device *dev, const u8 *mac,
			struct sk_buff *skb)
{
	unsigned int need = dev->hard_header_len;
	int err;

	if (unlikely(skb_headroom(skb) < need)) {
		need = SKB_DATA_ALIGN(need - skb_headroom(skb));
		err = pskb_expand_head(skb, need, 0, GFP_ATOMIC);
		if (err)
			return err;
	}
	err = dev_hard_header(skb, dev, ntohs(fsk_ethertype), mac,
			      dev->dev_addr, skb->len);
	return err < 0 ? -EINVAL : 0;
}

/**
 * fsk_eth_xmit - add the link header and hand a frame to the device
 * @dev: device
 * @mac: link-layer destination
 * @skb: frame, data at struct fsk_hdr; consumed
 *
 * Context: any but hard interrupt; the caller keeps @dev alive.
 * Return: 0, or a negative errno: the frame counts as lost in transit.
 */
int fsk_eth_xmit(struct net_device *dev, const u8 *mac, struct sk_buff *skb)
{
	int err;

	skb->dev = dev;
	skb->protocol = fsk_ethertype;
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, FSK_TRANSPORT_OFFSET);
	err = fsk_eth_push(dev, mac, skb);
	if (unlikely(err)) {
		kfree_skb(skb);
		return err;
	}

	fsk_stat_inc(dev_net(dev), FSK_MIB_OUT_FRAMES);
	err = dev_queue_xmit(skb);
	return err > 0 ? net_xmit_errno(err) : err;
}

static struct sk_buff *fsk_eth_alloc(const struct net_device *dev, u32 len)
{
	u32 headroom = fsk_eth_headroom(dev);
	struct sk_buff *skb;

	skb = fsk_spare_get(headroom + len + READ_ONCE(dev->needed_tailroom),
			    GFP_ATOMIC);
	if (skb)
		skb_reserve(skb, headroom);
	return skb;
}

/**
 * fsk_eth_send - send one frame that belongs to no connection here
 * @dev: device to send on
 * @mac: link-layer destination
 * @type: enum fsk_type
 * @id: the receiver's connection id, 0 if the type has none
 * @key: the receiver's key for @id
 * @body: what follows the header, NULL if @len is 0
 * @len: bytes of @body
 *
 * Sequence number, ack and window are zero.
 *
 * Context: any but hard interrupt; the caller keeps @dev alive.
 * Return: 0 when the device took the frame, -EOPNOTSUPP when @dev cannot carry
 * frames, -EMSGSIZE when the frame is too long for it, -ENOMEM, or what
 * fsk_eth_xmit() returned.
 */
int fsk_eth_send(struct net_device *dev, const u8 *mac, u8 type, __be32 id,
		 __be32 key, const void *body, u16 len)
{
	struct fsk_hdr hdr = {
		.type = type,
		.len = cpu_to_be16(len),
		.id = id,
	};
	struct sk_buff *skb;

	if (!fsk_eth_usable(dev))
		return -EOPNOTSUPP;
	if (sizeof(hdr) + len > fsk_eth_mtu(dev))
		return -EMSGSIZE;

	skb = fsk_eth_alloc(dev, sizeof(hdr) + len);
	if (!skb)
		return -ENOMEM;
	skb_put_data(skb, &hdr, sizeof(hdr));
	if (len)
		skb_put_data(skb, body, len);
	fsk_seal((struct fsk_hdr *)skb->data, be32_to_cpu(key));
	return fsk_eth_xmit(dev, mac, skb);
}

static struct packet_type packet_type __read_mostly;

/**
 * fsk_eth_init - begin to receive frames, on every device of every namespace
 * @func: gets each frame, and begins with fsk_eth_pull()
 *
 * Context: process, may sleep.  Last on the load ladder, when all that @func
 * uses is ready; @fsk_ethertype is set.
 */
void fsk_eth_init(fsk_eth_func func)
{
	packet_type.type = fsk_ethertype;
	packet_type.func = func;
	dev_add_pack(&packet_type);
}

/**
 * fsk_eth_exit - receive no more frames
 *
 * Context: process, may sleep.  The function that got the frames is not running
 * when it returns.
 */
void fsk_eth_exit(void)
{
	dev_remove_pack(&packet_type);
}
