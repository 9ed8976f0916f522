/* SPDX-License-Identifier: GPL-2.0 */
/* Would the equivalent TCP connection be let through? */
#ifndef _FSK_POLICY_H
#define _FSK_POLICY_H

#include <linux/types.h>

struct dst_entry;
struct fsk_tuple;
struct net_device;
struct sk_buff;
struct sock;

int fsk_policy_connect(struct sock *sk, struct dst_entry *dst,
		       const struct fsk_tuple *t);
int fsk_policy_accept(struct sock *lsk, struct net_device *dev, const u8 *mac,
		      const struct fsk_tuple *t, u32 mark,
		      struct sk_buff **syn, u32 *mtu);
int fsk_policy_sock(const struct sock *sk);
bool fsk_policy_running(struct sock *sk, struct net_device *dev);
struct sk_buff *fsk_policy_syn(struct net_device *dev, const u8 *mac,
			       const struct fsk_tuple *t);
struct sk_buff *fsk_policy_synack(struct net_device *dev, const u8 *mac,
				  const struct fsk_tuple *t);
void fsk_policy_turn(struct sk_buff *skb);

#endif /* _FSK_POLICY_H */
