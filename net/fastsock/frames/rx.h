/* SPDX-License-Identifier: GPL-2.0 */
/* Receiving from frames, and the buffer for what is received. */
#ifndef _FSK_RX_H
#define _FSK_RX_H

#include <linux/types.h>

struct fsk_conn;
struct fsk_frames;
struct net_device;
struct packet_type;
struct sk_buff;
struct sock;

void fsk_rx_queue(struct sock *sk, struct sk_buff *skb, u32 seq);
int fsk_rcv(struct sk_buff *skb, struct net_device *dev,
	    struct packet_type *pt, struct net_device *orig_dev);
int fsk_backlog_rcv(struct sock *sk, struct sk_buff *skb);
u32 fsk_rx_window(struct fsk_frames *fr);
u32 fsk_rx_space(const struct sock *sk);
u32 fsk_rx_promise(const struct sock *sk);
bool fsk_rx_grow_buffer(struct fsk_conn *conn);

#endif /* _FSK_RX_H */
