/* SPDX-License-Identifier: GPL-2.0 */
/* Would the equivalent TCP connection be let through? */
#ifndef _FSK_POLICY_H
#define _FSK_POLICY_H

#include <linux/types.h>
#include <net/inet_sock.h>

struct net_device;
struct rtable;
struct sk_buff;
struct sock;

/**
 * struct fsk_tuple - addresses of a connection, from client to server
 * @saddr: client's address
 * @daddr: server's address
 * @sport: client's port
 * @dport: server's port
 */
struct fsk_tuple {
	__be32 saddr;
	__be32 daddr;
	__be16 sport;
	__be16 dport;
};

/* Of a client's socket that has its full name. */
static inline struct fsk_tuple fsk_tuple_of(const struct sock *sk)
{
	const struct inet_sock *inet = inet_sk(sk);

	return (struct fsk_tuple) {
		.saddr = inet->inet_saddr, .daddr = inet->inet_daddr,
		.sport = inet->inet_sport, .dport = inet->inet_dport,
	};
}

int fsk_policy_connect(struct sock *sk, struct rtable *rt,
		       const struct fsk_tuple *t);
int fsk_policy_accept(struct sock *lsk, struct net_device *dev,
		      const struct fsk_tuple *t, u32 mark,
		      struct sk_buff **syn, u32 *mtu);
int fsk_policy_sock(const struct sock *sk);
bool fsk_policy_running(struct sock *sk, struct net_device *dev);
struct sk_buff *fsk_policy_syn(struct net_device *dev,
			       const struct fsk_tuple *t);
struct sk_buff *fsk_policy_synack(struct net_device *dev,
				  const struct fsk_tuple *t);
void fsk_policy_turn(struct sk_buff *skb);

#endif /* _FSK_POLICY_H */
