/* SPDX-License-Identifier: GPL-2.0 */
/* Frames on Ethernet. */
#ifndef _FSK_ETH_H
#define _FSK_ETH_H

#include <linux/etherdevice.h>
#include <linux/minmax.h>
#include <linux/netdevice.h>
#include <linux/sctp.h>
#include <linux/skbuff.h>
#include <linux/types.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/stats.h"

#define FSK_ETH_MTU_MAX		65535		/* bytes */
/*
 * From struct fsk_hdr on: who asks how long the pieces of a super-frame are
 * adds an SCTP header, see FSK_GSO_TYPE.
 */
#define FSK_TRANSPORT_OFFSET	\
	(sizeof(struct fsk_hdr) - sizeof(struct sctphdr))
/* Below it IPv4 itself ends; new connections need more. */
#define FSK_ETH_MTU_LEAST	68		/* bytes */

/* Bytes of frame (struct fsk_hdr included) that @dev takes now. */
static inline u32 fsk_eth_mtu(const struct net_device *dev)
{
	return clamp_t(u32, READ_ONCE(dev->mtu), FSK_ETH_MTU_LEAST,
		       FSK_ETH_MTU_MAX);
}

/* Bytes to reserve before struct fsk_hdr. */
static inline u32 fsk_eth_headroom(const struct net_device *dev)
{
	return LL_RESERVED_SPACE(dev);
}

/* May @mac stand as the source of a frame that came in on @dev? */
static inline bool fsk_eth_source_ok(const struct net_device *dev,
				     const u8 *mac)
{
	return is_valid_ether_addr(mac) || dev->flags & IFF_LOOPBACK;
}

/**
 * fsk_eth_pull - check the link header of a frame that came in
 * @skb: as struct packet_type's function got it
 * @dev: device it came from
 * @mac: set to its link-layer source, aligned to 2 bytes; a copy, because
 *	pulling the frame's own header may move the link header
 *
 * Frames to a group pass: which types may be sent to one is for the caller, who
 * finds it in skb->pkt_type.  Inline, for it runs for each frame.
 *
 * Context: softirq, RCU read section.
 * Return: the frame, data at struct fsk_hdr; NULL if it was dropped.
 */
static inline struct sk_buff *
fsk_eth_pull(struct sk_buff *skb, struct net_device *dev, u8 *mac)
{
	skb = skb_share_check(skb, GFP_ATOMIC);
	if (!skb)
		return NULL;
	if (unlikely(skb->destructor))
		skb_orphan(skb);	/* its sender pays no longer */

	if (skb->pkt_type == PACKET_OTHERHOST) {
		fsk_drop(dev_net(dev), skb, FSK_DROP_NOT_FOR_US);
		return NULL;
	}
	ether_addr_copy(mac, eth_hdr(skb)->h_source);
	if (!fsk_eth_source_ok(dev, mac)) {
		fsk_drop(dev_net(dev), skb, FSK_DROP_SOURCE);
		return NULL;
	}
	return skb;
}

bool fsk_eth_usable(const struct net_device *dev);
int fsk_eth_xmit(struct net_device *dev, const u8 *mac, struct sk_buff *skb);
int fsk_eth_send(struct net_device *dev, const u8 *mac, u8 type, __be32 id,
		 __be32 key, const void *body, u16 len);

/* What struct packet_type has: a frame came in; consumes @skb. */
typedef int (*fsk_eth_func)(struct sk_buff *skb, struct net_device *dev,
			    struct packet_type *pt, struct net_device *orig);

void fsk_eth_init(fsk_eth_func func);
void fsk_eth_exit(void);

#endif /* _FSK_ETH_H */
