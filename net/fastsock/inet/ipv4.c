// SPDX-License-Identifier: GPL-2.0
/*
 * What IPv4 knows of the way to a peer: its routes, and ARP.
 *
 * Who carries connections past TCP sends to where TCP would.  Every question to
 * the routing code and to the table of neighbours stands here: another family
 * needs a room like this one, and nothing else of the kind.
 */

#include <linux/etherdevice.h>
#include <linux/hash.h>
#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <net/arp.h>
#include <net/inet_hashtables.h>
#include <net/ip_fib.h>
#include <net/neighbour.h>
#include <net/route.h>
#include <net/tcp.h>
#include <net/xfrm.h>

#include "base/compat.h"
#include "base/stats.h"
#include "inet/ipv4.h"
#include "inet/known.h"

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
 * fsk_ipv4_neighbour - which link-layer address has this neighbour?
 * @dev: device it is on
 * @addr: its address
 * @mac: where to put the answer, 2-byte aligned; untouched if there is none
 *
 * Context: any.
 * Return: true if ARP knows it.
 */
bool fsk_ipv4_neighbour(struct net_device *dev, __be32 addr, u8 *mac)
{
	struct neighbour *n;
	bool known;

	rcu_read_lock();
	n = __ipv4_neigh_lookup_noref(dev, (__force u32)addr);
	known = n && snapshot(n, mac);
	rcu_read_unlock();
	return known;
}

/**
 * fsk_ipv4_neighbour_is - has this neighbour that link-layer address?
 * @dev: device it is on
 * @addr: its address
 * @mac: link-layer address, 2-byte aligned
 *
 * Context: any.
 * Return: true if ARP says so; false also if it does not know.
 */
bool fsk_ipv4_neighbour_is(struct net_device *dev, __be32 addr, const u8 *mac)
{
	u8 known[ETH_ALEN] __aligned(2);

	return fsk_ipv4_neighbour(dev, addr, known) &&
	       ether_addr_equal(known, mac);
}

/**
 * fsk_ipv4_resolve - as fsk_ipv4_neighbour(), and have ARP find out
 * @dev: device the neighbour is on
 * @addr: its address
 * @ask: have what is known confirmed
 * @mac: where to put the address, if it is known; 2-byte aligned
 *
 * Context: any but hard interrupt.
 */
void fsk_ipv4_resolve(struct net_device *dev, __be32 addr, bool ask, u8 *mac)
{
	struct neighbour *n;

	n = __ipv4_neigh_lookup(dev, (__force u32)addr);
	if (!n)
		n = neigh_create(&arp_tbl, &addr, dev);
	if (IS_ERR(n))
		return;
	if (!snapshot(n, mac) || ask)
		neigh_event_send(n, NULL);
	neigh_release(n);
}

/**
 * fsk_ipv4_route - the route by which TCP would send now
 * @sk: connected socket
 * @fl4: where to put the flow
 *
 * Context: any but hard interrupt; no lock of @sk is needed.
 * Return: a route, referenced, or an error pointer.
 */
struct rtable *fsk_ipv4_route(struct sock *sk, struct flowi4 *fl4)
{
	const struct inet_sock *inet = inet_sk(sk);

	return ip_route_output_ports(sock_net(sk), fl4, sk, inet->inet_daddr,
				     inet->inet_saddr, inet->inet_dport,
				     inet->inet_sport, IPPROTO_TCP,
				     ip_sock_rt_tos(sk), sk->sk_bound_dev_if);
}

/**
 * fsk_ipv4_elsewhere - would TCP go on by a router or IPsec?
 * @sk: connected socket
 *
 * Context: any but hard interrupt; no lock of @sk is needed.
 * Return: true if so; false also if there is no route.
 */
bool fsk_ipv4_elsewhere(struct sock *sk)
{
	struct flowi4 fl4;
	struct rtable *rt;
	bool yes;

	rt = fsk_ipv4_route(sk, &fl4);
	if (IS_ERR(rt))
		return false;
	yes = fsk_ipv4_route_leads_on(rt) || dst_xfrm(&rt->dst);
	ip_rt_put(rt);
	return yes;
}

/**
 * fsk_ipv4_kept_route - likewise, kept in the socket as TCP keeps it
 * @sk: connected socket
 *
 * Context: socket lock held in either form, RCU read section.
 * Return: a route, which the socket references, or an error pointer.
 */
struct rtable *fsk_ipv4_kept_route(struct sock *sk)
{
	struct dst_entry *dst = __sk_dst_check(sk, 0);
	struct flowi4 fl4;
	struct rtable *rt;

	if (dst)
		return container_of(dst, struct rtable, dst);
	rt = fsk_ipv4_route(sk, &fl4);
	if (!IS_ERR(rt))
		sk_setup_caps(sk, &rt->dst);
	return rt;
}

/**
 * fsk_ipv4_route_reason - does this route lead to a neighbour, or to this host?
 * @rt: route
 *
 * Context: any.
 * Return: FSK_ACCEPT, or the enum fsk_reason to delegate with.
 */
int fsk_ipv4_route_reason(const struct rtable *rt)
{
	if (rt->rt_flags & (RTCF_MULTICAST | RTCF_BROADCAST) ||
	    (rt->rt_type != RTN_UNICAST && rt->rt_type != RTN_LOCAL))
		return FSK_REASON_NOROUTE;
	if (fsk_ipv4_route_leads_on(rt))
		return FSK_REASON_GATEWAY;
	if (dst_xfrm(&rt->dst))
		return FSK_REASON_XFRM;
	return FSK_ACCEPT;
}

/**
 * fsk_ipv4_is_ours - has this host still the address of its end?
 * @sk: connected socket
 *
 * Context: any.
 * Return: true if so.
 */
bool fsk_ipv4_is_ours(const struct sock *sk)
{
	return inet_addr_type(sock_net(sk), inet_sk(sk)->inet_rcv_saddr) ==
	       RTN_LOCAL;
}

/**
 * fsk_ipv4_ports_matter - may a route depend on ports, or on more?
 * @net: namespace
 *
 * As IPsec and rules may say.
 *
 * Context: any.
 * Return: true if so.
 */
bool fsk_ipv4_ports_matter(const struct net *net)
{
#ifdef CONFIG_IP_ROUTE_MULTIPATH
	if (READ_ONCE(net->ipv4.sysctl_fib_multipath_hash_policy))
		return true;
#endif
	return fsk_ipv4_xfrm_judges_out(net) || fib4_has_custom_rules(net);
}

/**
 * fsk_ipv4_route_plain - does the route depend on nothing but the destination?
 * @sk: unconnected socket
 *
 * Context: process; the caller owns @sk.
 * Return: true if so.
 */
bool fsk_ipv4_route_plain(const struct sock *sk)
{
	return !inet_sk(sk)->inet_saddr && !sk->sk_bound_dev_if &&
	       !READ_ONCE(sk->sk_mark) && !inet_sk(sk)->tos &&
	       !fib4_has_custom_rules(sock_net(sk));
}

/**
 * fsk_ipv4_first_route - where would this connect() lead, ports aside?
 * @sk: unconnected socket
 * @daddr: the server's address; 0 becomes this host's
 *
 * One look-up, where fsk_ipv4_connect_route() may do two.
 *
 * Context: process; the caller owns @sk.
 * Return: a route, referenced, or an error pointer.
 */
struct rtable *fsk_ipv4_first_route(const struct sock *sk, __be32 *daddr)
{
	struct flowi4 fl4 = {
		.daddr = *daddr,
		.saddr = inet_sk(sk)->inet_saddr,
		.flowi4_oif = sk->sk_bound_dev_if,
		.flowi4_mark = READ_ONCE(sk->sk_mark),
		.flowi4_tos = ip_sock_rt_tos(sk),
		.flowi4_scope = ip_sock_rt_scope(sk),
		.flowi4_uid = sk->sk_uid,
		.flowi4_proto = IPPROTO_TCP,
	};
	struct rtable *rt = __ip_route_output_key(sock_net(sk), &fl4);

	*daddr = fl4.daddr;
	return rt;
}

/**
 * fsk_ipv4_connect_route - the route by which TCP would connect
 * @sk: unconnected socket
 * @fl4: where to put the flow
 * @daddr: the server's address
 * @dport: its port
 *
 * TCP looks twice, because only the first time tells its own address.
 *
 * Context: process; the caller owns @sk.
 * Return: a route, referenced, or an error pointer.
 */
struct rtable *fsk_ipv4_connect_route(struct sock *sk, struct flowi4 *fl4,
				      __be32 daddr, __be16 dport)
{
	const struct inet_sock *inet = inet_sk(sk);
	struct net *net = sock_net(sk);
	struct fsk_known_way way;
	struct rtable *rt;
	bool plain;

	plain = daddr && !inet->inet_saddr &&
		fsk_known_suits(sk, READ_ONCE(sk->sk_mark));
	rt = plain ? fsk_known_out(net, daddr, 0, &way) : NULL;
	if (rt) {
		ip_route_connect_init(fl4, daddr, way.saddr, way.oif,
				      IPPROTO_TCP, inet->inet_sport, dport, sk);
		return rt;
	}
	rt = ip_route_connect(fl4, daddr, inet->inet_saddr,
			      sk->sk_bound_dev_if, IPPROTO_TCP,
			      inet->inet_sport, dport, sk);
	/* Some options do not wait for the owner of the socket. */
	if (plain && !IS_ERR(rt) && fsk_known_keeps(fl4)) {
		way.saddr = fl4->saddr;
		way.oif = fl4->flowi4_oif;
		fsk_known_add_out(net, daddr, 0, rt, &way);
	}
	return rt;
}

/* Where the hashes of this processor's connections have got to. */
static DEFINE_PER_CPU(u32, txhash_seq);

/**
 * fsk_ipv4_txhash - a number that tells a connection's packets from others'
 *
 * Queues and qdiscs spread connections by it.  Steps of the golden ratio are
 * spread more evenly than random numbers, and cost less.
 *
 * Context: any.
 * Return: the number, not 0.
 */
u32 fsk_ipv4_txhash(void)
{
	return this_cpu_add_return(txhash_seq, GOLDEN_RATIO_32) ?: 1;
}

/**
 * fsk_ipv4_init - choose what hashes begin with
 *
 * Processors begin elsewhere, and nobody can tell how many there were.
 *
 * Context: process, module load.
 */
void fsk_ipv4_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		per_cpu(txhash_seq, cpu) = get_random_u32();
}

/**
 * fsk_ipv4_bind_and_hash - take the addresses and a port exactly as TCP does
 * @sk: unconnected socket
 * @fl4: flow of the route
 * @dport: the server's port
 * @rtp: the route, referenced; perhaps another one afterwards
 *
 * Context: process; the caller owns @sk.
 * Return: 0 with the socket in SYN_SENT and hashed; or TCP's errno with the
 * socket as before and the route put.
 */
int fsk_ipv4_bind_and_hash(struct sock *sk, struct flowi4 *fl4, __be16 dport,
			   struct rtable **rtp)
{
	struct inet_timewait_death_row *row = &sock_net(sk)->ipv4.tcp_death_row;
	struct inet_sock *inet = inet_sk(sk);
	__be16 sport = inet->inet_sport;
	int err;

	if (!inet->inet_saddr) {
		err = inet_bhash2_update_saddr(sk, &fl4->saddr, AF_INET);
		if (err) {
			ip_rt_put(*rtp);
			return err;
		}
	} else {
		sk_rcv_saddr_set(sk, inet->inet_saddr);
	}
	inet->inet_dport = dport;
	sk_daddr_set(sk, fl4->daddr);
	inet_csk(sk)->icsk_ext_hdr_len = 0;
	tcp_set_state(sk, TCP_SYN_SENT);
	err = inet_hash_connect(row, sk);
	if (err)
		goto failure;
	WRITE_ONCE(sk->sk_txhash, fsk_ipv4_txhash());
	/* TCP always looks again. */
	if (fsk_ipv4_ports_matter(sock_net(sk)))
		*rtp = ip_route_newports(fl4, *rtp, sport, dport,
					 inet->inet_sport, inet->inet_dport,
					 sk);
	if (IS_ERR(*rtp)) {
		err = PTR_ERR(*rtp);
		*rtp = NULL;
		goto failure;
	}
	return 0;

failure:
	tcp_set_state(sk, TCP_CLOSE);
	inet_bhash2_reset_saddr(sk);
	ip_rt_put(*rtp);
	sk->sk_route_caps = 0;
	inet->inet_dport = 0;
	return err;
}
