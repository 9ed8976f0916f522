// SPDX-License-Identifier: GPL-2.0
/*
 * What IP knows of the way to a peer: its routes, and its neighbours.
 *
 * Who carries connections past TCP sends to where TCP would.  Here are the
 * questions that both protocols answer, each with its own routes and its own
 * table of neighbours: see struct fsk_ip.
 */

#include <linux/etherdevice.h>
#include <linux/hash.h>
#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/smp.h>
#include <net/neighbour.h>

#include "inet/ip.h"

static bool snapshot(struct neighbour *n, u8 *mac)
{
	u8 ha[MAX_ADDR_LEN] __aligned(2);

	if (!(READ_ONCE(n->nud_state) & NUD_VALID))
		return false;
	neigh_ha_snapshot(ha, n, n->dev);
	ether_addr_copy(mac, ha);
	return true;
}

/**
 * fsk_ip_neighbour - which link-layer address has this neighbour?
 * @dev: device it is on
 * @addr: its address
 * @mac: where to put the answer, 2-byte aligned; untouched if there is none
 *
 * Context: any.
 * Return: true if ARP, or neighbour discovery, knows it.
 */
bool fsk_ip_neighbour(struct net_device *dev, const struct in6_addr *addr,
		      u8 *mac)
{
	struct neighbour *n;
	bool known;

	rcu_read_lock();
	n = fsk_ip_by_addr(addr)->find_neighbour(dev, addr);
	known = n && snapshot(n, mac);
	rcu_read_unlock();
	return known;
}

/**
 * fsk_ip_neighbour_is - has this neighbour that link-layer address?
 * @dev: device it is on
 * @addr: its address
 * @mac: link-layer address, 2-byte aligned
 *
 * Context: any.
 * Return: true if ARP, or neighbour discovery, says so; false also if it does
 * not know.
 */
bool fsk_ip_neighbour_is(struct net_device *dev, const struct in6_addr *addr,
			 const u8 *mac)
{
	u8 known[ETH_ALEN] __aligned(2);

	return fsk_ip_neighbour(dev, addr, known) &&
	       ether_addr_equal(known, mac);
}

/**
 * fsk_ip_resolve - as fsk_ip_neighbour(), and have it found out
 * @dev: device the neighbour is on
 * @addr: its address
 * @ask: have what is known confirmed
 * @mac: where to put the address, if it is known; 2-byte aligned
 *
 * Context: any but hard interrupt.
 */
void fsk_ip_resolve(struct net_device *dev, const struct in6_addr *addr,
		    bool ask, u8 *mac)
{
	struct neighbour *n = fsk_ip_by_addr(addr)->make_neighbour(dev, addr);

	if (IS_ERR(n))
		return;
	if (!snapshot(n, mac) || ask)
		neigh_event_send(n, NULL);
	neigh_release(n);
}

/**
 * fsk_ip_elsewhere - would TCP go on by a router or IPsec?
 * @sk: connected socket
 *
 * Context: any but hard interrupt; no lock of @sk is needed.
 * Return: true if so; false also if there is no route.
 */
bool fsk_ip_elsewhere(struct sock *sk)
{
	const struct fsk_ip *ip = fsk_ip_of_sock(sk);
	struct dst_entry *dst;
	struct flowi fl;
	bool yes;

	dst = ip->route(sk, &fl);
	if (IS_ERR(dst))
		return false;
	yes = ip->leads_on(dst) || dst_xfrm(dst);
	dst_release(dst);
	return yes;
}

/**
 * fsk_ip_kept_route - the route by which TCP would send now, kept in the socket
 * as TCP keeps it
 * @sk: connected socket
 *
 * Context: socket lock held in either form, RCU read section.
 * Return: a route, which the socket references, or an error pointer.
 */
struct dst_entry *fsk_ip_kept_route(struct sock *sk)
{
	const struct fsk_ip *ip = fsk_ip_of_sock(sk);
	struct dst_entry *dst = ip->stored_route(sk);
	struct flowi fl;

	if (dst)
		return dst;
	dst = ip->route(sk, &fl);
	if (!IS_ERR(dst))
		ip->store_route(sk, dst);
	return dst;
}

/**
 * fsk_ip_route_reason - does this route lead to a neighbour, or to this host?
 * @ip: whose route
 * @dst: route
 *
 * Context: any.
 * Return: FSK_ACCEPT, or the enum fsk_reason to delegate with.
 */
int fsk_ip_route_reason(const struct fsk_ip *ip, const struct dst_entry *dst)
{
	u8 type = ip->route_type(dst);

	if (type != RTN_UNICAST && type != RTN_LOCAL)
		return FSK_REASON_NOROUTE;
	if (ip->leads_on(dst))
		return FSK_REASON_GATEWAY;
	if (dst_xfrm(dst))
		return FSK_REASON_XFRM;
	return FSK_ACCEPT;
}

/* Where the hashes of this processor's connections have got to. */
static DEFINE_PER_CPU(u32, txhash_seq);

/**
 * fsk_ip_txhash - a number that tells a connection's packets from others'
 *
 * Queues and qdiscs spread connections by it.  Steps of the golden ratio are
 * spread more evenly than random numbers, and cost less.
 *
 * Context: any.
 * Return: the number, not 0.
 */
u32 fsk_ip_txhash(void)
{
	return this_cpu_add_return(txhash_seq, GOLDEN_RATIO_32) ?: 1;
}

/**
 * fsk_ip_init - choose what hashes begin with
 *
 * Processors begin elsewhere, and nobody can tell how many there were.
 *
 * Context: process, module load.
 */
void fsk_ip_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		per_cpu(txhash_seq, cpu) = get_random_u32();
}
