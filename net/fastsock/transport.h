/* SPDX-License-Identifier: GPL-2.0 */
/* The thin interface between connections and what carries their frames. */
#ifndef _FSK_TRANSPORT_H
#define _FSK_TRANSPORT_H

#include <linux/types.h>
#include <linux/if_ether.h>

struct fsk_conn;
struct net_device;
struct sk_buff;

/**
 * struct fsk_path - where the other end of a connection is; see path.c
 * @dev: device towards it, NULL once it is unregistered; RCU.  Who takes it
 *	away drops the reference of the path's holder
 * @mac: its link-layer address
 * @headroom: bytes that @dev wanted lately before struct fsk_hdr
 * @mtu: bytes of frame (struct fsk_hdr included) that the way takes
 * @bad: FSK_PATH_*, why frames may not leave or come in; 0 if they may
 * @seen: generation at which the way was looked for last
 * @looked: jiffies, when that was
 * @lost_at: ns, since when it is one that frames cannot take
 */
struct fsk_path {
	struct net_device __rcu *dev;
	u8 mac[ETH_ALEN];
	u8 bad;
	u16 headroom;
	u32 mtu;
	u32 seen;
	unsigned long looked;
	u64 lost_at;
};

/**
 * struct fsk_transport_ops - one way to carry connections
 * @name: for diagnosis
 * @usable: may this transport carry connections over this device?
 * @mtu: bytes of frame (struct fsk_hdr included) that @dev takes now
 * @headroom: bytes to reserve before struct fsk_hdr
 * @xmit: add the link header and hand @skb to the device; consumes @skb;
 *	0 or a negative errno (the frame counts as lost in transit)
 *
 * A transport without @xmit carries no frames but bytes: its connections have
 * rings (ring.h), and loop.h says what it does with them.
 *
 * Context: any, also softirq; none of them sleeps.
 */
struct fsk_transport_ops {
	const char *name;
	bool (*usable)(const struct net_device *dev);
	u32 (*mtu)(const struct net_device *dev);
	u32 (*headroom)(const struct net_device *dev);
	int (*xmit)(struct net_device *dev, const u8 *mac, struct sk_buff *skb);
};

extern const struct fsk_transport_ops fsk_eth_ops;
extern const struct fsk_transport_ops fsk_loop_ops;

int fsk_eth_init(void);
void fsk_eth_exit(void);

const struct fsk_transport_ops *fsk_transport_for(const struct net_device *dev);
int fsk_transport_send(struct net_device *dev, const u8 *mac, u8 type,
		       __be32 id, __be32 key, const void *body, u16 len);

/* What a transport calls: a frame came in.  Consumes @skb. */
void fsk_rcv(struct sk_buff *skb, struct net_device *dev, const u8 *mac);

#endif /* _FSK_TRANSPORT_H */
