/* SPDX-License-Identifier: GPL-2.0 */
/* What was learned lately of routes that depend on nothing but addresses. */
#ifndef _FSK_KNOWN_H
#define _FSK_KNOWN_H

#include <linux/in6.h>
#include <linux/types.h>

struct dst_entry;
struct net;
struct net_device;

/**
 * struct fsk_known_key - what the way of packets depends on
 * @daddr: where they go
 * @saddr: where they come from; the unspecified address of IPv6 for what leaves
 *	before that is chosen
 * @ifindex: device that they come in by; 0 for what leaves
 * @state: of IPv4 that comes in, how strictly sources are checked, -1 if the
 *	device takes none; of IPv6, counts changes of addresses that stay
 * @genid: counts what may lead a namespace's packets elsewhere
 *
 * Addresses are the caller's; those of IPv4 are mapped ones.  A key is to be
 * filled before a route is looked up: what changes meanwhile then leads to an
 * answer that nobody finds.
 */
struct fsk_known_key {
	const struct in6_addr *daddr;
	const struct in6_addr *saddr;
	int ifindex;
	int state;
	u32 genid;
};

/**
 * struct fsk_known_way - what a look-up says beside the route
 * @saddr: the address that packets come from
 * @oif: the flow's @flowi_oif afterwards; 0 unless the look-up has set it
 */
struct fsk_known_way {
	struct in6_addr saddr;
	int oif;
};

void fsk_known_key_out(struct fsk_known_key *key, const struct net *net,
		       const struct in6_addr *daddr,
		       const struct in6_addr *saddr);
void fsk_known_key_in(struct fsk_known_key *key, const struct net_device *dev,
		      const struct in6_addr *daddr,
		      const struct in6_addr *saddr);
bool fsk_known(const struct net *net, const struct fsk_known_key *key);
struct dst_entry *fsk_known_route(const struct net *net,
				  const struct fsk_known_key *key,
				  struct fsk_known_way *way);
void fsk_known_add(const struct net *net, const struct fsk_known_key *key,
		   struct dst_entry *dst, const struct fsk_known_way *way);
void fsk_known_exit_net(struct net *net);

#endif /* _FSK_KNOWN_H */
