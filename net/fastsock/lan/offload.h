/* SPDX-License-Identifier: GPL-2.0 */
/* Super-frames: many frames in one skb. */
#ifndef _FSK_OFFLOAD_H
#define _FSK_OFFLOAD_H

#include <linux/minmax.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/types.h>
#include <net/tcp.h>
#include <uapi/linux/fastsock_wire.h>

#include "lan/eth.h"

/*
 * A type that virtual devices pass on (NETIF_F_GSO_SOFTWARE) and no hardware
 * cuts.  The function that cuts is found by EtherType.
 */
#define FSK_GSO_TYPE	SKB_GSO_SCTP

/*
 * Stream bytes that an skb may have on its way to @dev; 0 if it must be a
 * single frame.  A device without scatter and gather would have to copy it
 * first.  Room is left for tunnels, as TCP leaves it.
 */
static inline u32 fsk_offload_room(const struct net_device *dev)
{
	netdev_features_t need = NETIF_F_SG | NETIF_F_GSO;
	u32 max = min_t(u32, READ_ONCE(dev->gso_max_size), GSO_LEGACY_MAX_SIZE);
	u32 heads = max_t(u32, fsk_eth_headroom(dev), MAX_TCP_HEADER) +
		    sizeof(struct fsk_hdr) + 1;

	return (dev->features & need) == need && max > heads ? max - heads : 0;
}

/* Does @dev take super-frames whole? */
static inline bool fsk_offload_whole(const struct net_device *dev)
{
	return net_gso_ok(dev->features, FSK_GSO_TYPE);
}

/**
 * fsk_offload_mark - say of how many frames an skb consists
 * @skb: stream bytes, to which the header will be added; it may have been
 *	marked for an earlier transmission
 * @mss: bytes of each frame, but for the last one
 *
 * Context: any; nobody else looks at what @skb shares with its clones.
 * Return: how many.
 */
static inline u32 fsk_offload_mark(struct sk_buff *skb, u32 mss)
{
	struct skb_shared_info *info = skb_shinfo(skb);

	if (skb->len > mss) {
		info->gso_size = mss;
		info->gso_segs = DIV_ROUND_UP(skb->len, mss);
		info->gso_type = FSK_GSO_TYPE;
		return info->gso_segs;
	}
	if (unlikely(info->gso_size))
		skb_gso_reset(skb);
	return 1;
}

struct sk_buff *fsk_offload_cut(struct sk_buff *skb, u32 size);
void fsk_offload_init(void);
void fsk_offload_exit(void);

#endif /* _FSK_OFFLOAD_H */
