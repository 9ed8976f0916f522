/* SPDX-License-Identifier: GPL-2.0 */
/* The packets that TCP would exchange first, for those who judge packets. */
#ifndef _FSK_PACKET_H
#define _FSK_PACKET_H

#include <linux/types.h>

struct fsk_tuple;
struct net_device;
struct sk_buff;
struct tcphdr;

struct sk_buff *fsk_packet_build(const struct net_device *dev,
				 const struct fsk_tuple *t, bool reply, u8 tos,
				 u8 ttl);
__sum16 fsk_packet_checksum(const struct fsk_tuple *t, const struct tcphdr *th,
			    int len);
struct fsk_tuple fsk_packet_tuple(const struct sk_buff *skb);
bool fsk_packet_unchanged(const struct sk_buff *skb, const struct fsk_tuple *t);
void fsk_packet_turn(struct sk_buff *skb);
void fsk_packet_hand_to_tcp(struct sk_buff *skb);

#endif /* _FSK_PACKET_H */
