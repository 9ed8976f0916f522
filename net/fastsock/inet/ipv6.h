/* SPDX-License-Identifier: GPL-2.0 */
/* Connections of IPv6. */
#ifndef _FSK_IPV6_H
#define _FSK_IPV6_H

#include <linux/types.h>
#include <net/ipv6.h>

struct dst_entry;
struct flowi6;
struct fsk_tuple;
struct net;
struct net_device;
struct request_sock;
struct sk_buff;
struct sock;
struct sockaddr_in6;

/* Is this an address that means something only with a device? */
static inline bool fsk_ipv6_link_local(const struct in6_addr *addr)
{
	return (addr->s6_addr32[0] & htonl(0xffc00000)) == htonl(0xfe800000);
}

void fsk_ipv6_init(bool wanted);
void fsk_ipv6_exit(void);
bool fsk_ipv6_usable(void);
int fsk_ipv6_destination(struct sock *sk, const struct sockaddr_in6 *addr,
			 int addr_len, struct fsk_tuple *to);
struct dst_entry *fsk_ipv6_route_output(const struct sock *sk, struct net *net,
					struct flowi6 *fl6);
struct dst_entry *fsk_ipv6_route_input(struct net_device *dev,
				       struct flowi6 *fl6,
				       const struct sk_buff *skb);
bool fsk_ipv6_is_local(const struct dst_entry *dst);
bool fsk_ipv6_known_applies(const struct net *net,
			    const struct in6_addr *daddr,
			    const struct in6_addr *saddr);
bool fsk_ipv6_known_suits(const struct sock *sk, u32 mark,
			  const struct in6_addr *daddr,
			  const struct in6_addr *saddr);

/* ipv6_packet.c */
u8 fsk_ipv6_tos(const struct sock *sk);
int fsk_ipv6_ttl(const struct sock *sk, struct dst_entry *dst);
bool fsk_ipv6_can_spoof(struct sock *sk);
bool fsk_ipv6_leave_route(struct net *net, struct sk_buff *skb);
bool fsk_ipv6_is_for_us(struct net *net, struct sk_buff *skb, bool want_route);
struct dst_entry *fsk_ipv6_answer_route(struct sock *lsk, u32 mark,
					const struct fsk_tuple *t);
struct dst_entry *fsk_ipv6_xfrm_route(struct sock *sk, struct dst_entry *dst,
				      u32 mark, const struct fsk_tuple *t);
struct dst_entry *fsk_ipv6_child_route(const struct sock *lsk,
				       const struct request_sock *req);

#endif /* _FSK_IPV6_H */
