/* SPDX-License-Identifier: GPL-2.0 */
/* Frames on Ethernet. */
#ifndef _FSK_ETH_H
#define _FSK_ETH_H

#include <linux/minmax.h>
#include <linux/netdevice.h>
#include <linux/types.h>

struct sk_buff;

#define FSK_ETH_MTU_MAX		65535		/* bytes */
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

bool fsk_eth_usable(const struct net_device *dev);
int fsk_eth_xmit(struct net_device *dev, const u8 *mac, struct sk_buff *skb);
int fsk_eth_send(struct net_device *dev, const u8 *mac, u8 type, __be32 id,
		 __be32 key, const void *body, u16 len);
int fsk_eth_init(void);
void fsk_eth_exit(void);

/* What it calls: a frame came in.  Consumes @skb. */
void fsk_rcv(struct sk_buff *skb, struct net_device *dev, const u8 *mac);

#endif /* _FSK_ETH_H */
