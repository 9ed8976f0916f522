/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of IPv4 share. */
#ifndef _FSK_IPV4_H
#define _FSK_IPV4_H

#include <linux/types.h>

struct dst_entry;
struct flowi4;
struct fsk_tuple;
struct net;
struct request_sock;
struct sk_buff;
struct sock;

bool fsk_ipv4_ports_matter(const struct net *net);
bool fsk_ipv4_known_applies(const struct net *net);
bool fsk_ipv4_known_suits(const struct sock *sk, u32 mark);
bool fsk_ipv4_known_keeps(const struct flowi4 *fl4);

/* ipv4_packet.c */
u8 fsk_ipv4_tos(const struct sock *sk);
int fsk_ipv4_ttl(const struct sock *sk, struct dst_entry *dst);
bool fsk_ipv4_is_for_us(struct net *net, struct sk_buff *skb, bool want_route);
bool fsk_ipv4_leave_route(struct net *net, struct sk_buff *skb);
struct dst_entry *fsk_ipv4_answer_route(struct sock *lsk, u32 mark,
					const struct fsk_tuple *t);
struct dst_entry *fsk_ipv4_xfrm_route(struct sock *sk, struct dst_entry *dst,
				      u32 mark, const struct fsk_tuple *t);
bool fsk_ipv4_can_spoof(struct sock *sk);
struct dst_entry *fsk_ipv4_child_route(const struct sock *lsk,
				       const struct request_sock *req);

#endif /* _FSK_IPV4_H */
