/* SPDX-License-Identifier: GPL-2.0 */
/* What a connection is called. */
#ifndef _FSK_TUPLE_H
#define _FSK_TUPLE_H

#include <linux/in6.h>
#include <linux/types.h>
#include <net/ipv6.h>

/**
 * struct fsk_tuple - addresses of a connection, from client to server
 * @saddr: client's address; those of IPv4 as IPv6 writes them, ::ffff:a.b.c.d
 * @daddr: server's address
 * @sport: client's port
 * @dport: server's port
 * @iif: device whose scope the addresses of IPv6 are of, where that is not the
 *	one that packets cross: within a host they cross the loopback device.  0
 *	if it is
 */
struct fsk_tuple {
	struct in6_addr saddr;
	struct in6_addr daddr;
	__be16 sport;
	__be16 dport;
	int iif;
};

/* An address of IPv4, out of one that is written as IPv6's. */
static inline __be32 fsk_addr_v4(const struct in6_addr *addr)
{
	return addr->s6_addr32[3];
}

/* And back. */
static inline struct in6_addr fsk_addr_of_v4(__be32 addr)
{
	struct in6_addr mapped;

	ipv6_addr_set_v4mapped(addr, &mapped);
	return mapped;
}

/* The name that the answers have. */
static inline struct fsk_tuple fsk_tuple_reversed(const struct fsk_tuple *t)
{
	return (struct fsk_tuple) {
		.saddr = t->daddr, .daddr = t->saddr,
		.sport = t->dport, .dport = t->sport, .iif = t->iif,
	};
}

#endif /* _FSK_TUPLE_H */
