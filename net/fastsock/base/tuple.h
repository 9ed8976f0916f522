/* SPDX-License-Identifier: GPL-2.0 */
/* What a connection is called. */
#ifndef _FSK_TUPLE_H
#define _FSK_TUPLE_H

#include <linux/types.h>
#include <net/inet_sock.h>

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

#endif /* _FSK_TUPLE_H */
