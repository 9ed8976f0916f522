/* SPDX-License-Identifier: GPL-2.0 */
/* A frame comes in. */
#ifndef _FSK_RX_H
#define _FSK_RX_H

#include <linux/types.h>

struct net_device;
struct packet_type;
struct sk_buff;
struct sock;

int fsk_rcv(struct sk_buff *skb, struct net_device *dev,
	    struct packet_type *pt, struct net_device *orig_dev);
int fsk_backlog_rcv(struct sock *sk, struct sk_buff *skb);

#endif /* _FSK_RX_H */
