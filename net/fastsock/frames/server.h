/* SPDX-License-Identifier: GPL-2.0 */
/* The server's half of the handshake. */
#ifndef _FSK_SERVER_H
#define _FSK_SERVER_H

#include <linux/types.h>

struct fsk_call;
struct fsk_frames;
struct net_device;
struct sk_buff;

void fsk_rcv_syn(struct sk_buff *skb, struct net_device *dev, const u8 *mac);
struct fsk_frames *fsk_rcv_confirm(u32 id, u32 key,
				   const struct fsk_call *call,
				   struct net_device *dev, const u8 *mac);

#endif /* _FSK_SERVER_H */
