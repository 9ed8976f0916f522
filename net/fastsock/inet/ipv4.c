// SPDX-License-Identifier: GPL-2.0
/*
 * IPv4: its routes, ARP, and how TCP's sockets get their names.  Packets that
 * are only tried out are in ipv4_packet.c.
 */

#include <linux/netdevice.h>
#include <net/arp.h>
#include <net/inet_hashtables.h>
#include <net/ip_fib.h>
#include <net/l3mdev.h>
#include <net/route.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "base/stats.h"
#include "inet/ip.h"
#include "inet/ipv4.h"
#include "inet/known.h"

static const atomic_t *genid(const struct net *net)
{
	return &net->ipv4.rt_genid;
}

/* In an RCU read section. */
static struct neighbour *find_neighbour(struct net_device *dev,
					const struct in6_addr *addr)
{
	__be32 key = fsk_addr_v4(addr);

	return __ipv4_neigh_lookup_noref(dev, (__force u32)key);
}

static struct neighbour *make_neighbour(struct net_device *dev,
					const struct in6_addr *addr)
{
	__be32 key = fsk_addr_v4(addr);
	struct neighbour *n;

	n = __ipv4_neigh_lookup(dev, (__force u32)key);
	return n ?: neigh_create(&arp_tbl, &key, dev);
}

static struct rtable *rtable(const struct dst_entry *dst)
{
	return container_of(dst, struct rtable, dst);
}

/* A route, or why there is none, for those who do not know what kind it is. */
static struct dst_entry *dst_of(struct rtable *rt)
{
	return IS_ERR(rt) ? ERR_CAST(rt) : &rt->dst;
}

static struct dst_entry *route(struct sock *sk, struct flowi *fl)
{
	const struct inet_sock *inet = inet_sk(sk);

	return dst_of(ip_route_output_ports(sock_net(sk), &fl->u.ip4, sk,
					    inet->inet_daddr, inet->inet_saddr,
					    inet->inet_dport, inet->inet_sport,
					    IPPROTO_TCP, ip_sock_rt_tos(sk),
					    sk->sk_bound_dev_if));
}

static struct dst_entry *stored_route(struct sock *sk)
{
	return __sk_dst_check(sk, 0);
}

static u32 store_genid(const struct sock *sk, struct dst_entry *dst)
{
	return rtable(dst)->rt_genid;
}

static u8 route_type(const struct dst_entry *dst)
{
	const struct rtable *rt = rtable(dst);

	if (rt->rt_flags & RTCF_MULTICAST)
		return RTN_MULTICAST;
	return rt->rt_flags & RTCF_BROADCAST ? RTN_BROADCAST : rt->rt_type;
}

static bool leads_on(const struct dst_entry *dst)
{
	return rtable(dst)->rt_uses_gateway || dst->lwtstate;
}

static bool is_ours(const struct sock *sk, struct net_device *dev)
{
	return inet_addr_type(sock_net(sk), inet_sk(sk)->inet_rcv_saddr) ==
	       RTN_LOCAL;
}

static bool has_rules(const struct net *net)
{
	return fib4_has_custom_rules(net);
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
	return fsk_ip_xfrm_judges_out(net) || has_rules(net);
}

/**
 * fsk_ipv4_known_applies - may routes depend on nothing but addresses?
 * @net: namespace
 *
 * Context: any.
 * Return: false if rules, IPsec or the choice among several ways look at more.
 */
bool fsk_ipv4_known_applies(const struct net *net)
{
#ifdef CONFIG_IP_ROUTE_MULTIPATH
	if (READ_ONCE(net->ipv4.sysctl_fib_multipath_use_neigh))
		return false;
#endif
	return !fsk_ipv4_ports_matter(net);
}

/**
 * fsk_ipv4_known_suits - do a socket's routes depend on nothing but addresses?
 * @sk: client or listener
 * @mark: of the packets
 *
 * Context: any.
 * Return: true if so.
 */
bool fsk_ipv4_known_suits(const struct sock *sk, u32 mark)
{
	return !mark && !READ_ONCE(sk->sk_bound_dev_if) &&
	       !READ_ONCE(inet_sk(sk)->tos) &&
	       !sock_flag(sk, SOCK_LOCALROUTE) && !inet_sk_flowi_flags(sk) &&
	       fsk_ipv4_known_applies(sock_net(sk));
}

/**
 * fsk_ipv4_known_keeps - may what is found for this flow be remembered?
 * @fl4: flow of a socket that fsk_ipv4_known_suits(), whose options may have
 *	changed since it was looked at
 *
 * Context: any.
 * Return: true if so.
 */
bool fsk_ipv4_known_keeps(const struct flowi4 *fl4)
{
	return !fl4->flowi4_tos && !fl4->flowi4_flags &&
	       fl4->flowi4_scope == RT_SCOPE_UNIVERSE;
}

static int option_reason(const struct sock *sk)
{
	return rcu_access_pointer(inet_sk(sk)->inet_opt) ?
	       FSK_REASON_IPOPTIONS : FSK_ACCEPT;
}

static bool route_plain(const struct sock *sk)
{
	return !inet_sk(sk)->inet_saddr && !sk->sk_bound_dev_if &&
	       !READ_ONCE(sk->sk_mark) && !inet_sk(sk)->tos &&
	       !has_rules(sock_net(sk));
}

/*
 * One look-up, where connect_route() may do two.  The unspecified address
 * becomes this host's.
 */
static struct dst_entry *first_route(struct sock *sk, struct fsk_tuple *to)
{
	struct flowi4 fl4 = {
		.daddr = fsk_addr_v4(&to->daddr),
		.saddr = inet_sk(sk)->inet_saddr,
		.flowi4_oif = sk->sk_bound_dev_if,
		.flowi4_mark = READ_ONCE(sk->sk_mark),
		.flowi4_tos = ip_sock_rt_tos(sk),
		.flowi4_scope = ip_sock_rt_scope(sk),
		.flowi4_uid = sk->sk_uid,
		.flowi4_proto = IPPROTO_TCP,
	};
	struct rtable *rt = __ip_route_output_key(sock_net(sk), &fl4);

	to->daddr = fsk_addr_of_v4(fl4.daddr);
	return dst_of(rt);
}

static struct rtable *connect_rtable(struct sock *sk, struct flowi4 *fl4,
				     const struct fsk_tuple *to)
{
	const struct inet_sock *inet = inet_sk(sk);
	__be32 daddr = fsk_addr_v4(&to->daddr);
	struct net *net = sock_net(sk);
	struct fsk_known_key key;
	struct fsk_known_way way;
	struct dst_entry *dst;
	struct rtable *rt;
	bool plain;

	plain = daddr && !inet->inet_saddr &&
		fsk_ipv4_known_suits(sk, READ_ONCE(sk->sk_mark));
	if (plain) {
		fsk_known_key_out(&key, net, &to->daddr, &in6addr_any);
		dst = fsk_known_route(net, &key, &way);
		if (dst) {
			ip_route_connect_init(fl4, daddr,
					      fsk_addr_v4(&way.saddr), way.oif,
					      IPPROTO_TCP, inet->inet_sport,
					      to->dport, sk);
			return rtable(dst);
		}
	}
	rt = ip_route_connect(fl4, daddr, inet->inet_saddr,
			      sk->sk_bound_dev_if, IPPROTO_TCP,
			      inet->inet_sport, to->dport, sk);
	/* Some options do not wait for the owner of the socket. */
	if (plain && !IS_ERR(rt) && fsk_ipv4_known_keeps(fl4)) {
		way.saddr = fsk_addr_of_v4(fl4->saddr);
		way.oif = fl4->flowi4_oif;
		fsk_known_add(net, &key, &rt->dst, &way);
	}
	return rt;
}

/* TCP looks twice, because only the first time tells its own address. */
static struct dst_entry *connect_route(struct sock *sk, struct flowi *fl,
				       struct fsk_tuple *to)
{
	struct rtable *rt = connect_rtable(sk, &fl->u.ip4, to);

	if (IS_ERR(rt))
		return ERR_CAST(rt);
	to->daddr = fsk_addr_of_v4(fl->u.ip4.daddr);
	return &rt->dst;
}

/*
 * Return: 0 with the socket in SYN_SENT and hashed; or TCP's errno with the
 * socket as before and the route put.
 */
static int take_name(struct sock *sk, struct flowi4 *fl4, __be16 dport,
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
	WRITE_ONCE(sk->sk_txhash, fsk_ip_txhash());
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

static int bind_and_hash(struct sock *sk, struct flowi *fl, __be16 dport,
			 struct dst_entry **dst)
{
	struct rtable *rt = rtable(*dst);
	int err;

	err = take_name(sk, &fl->u.ip4, dport, &rt);
	if (!err)
		*dst = &rt->dst;
	return err;
}

static struct fsk_tuple tuple_of(const struct sock *sk)
{
	const struct inet_sock *inet = inet_sk(sk);

	return (struct fsk_tuple) {
		.saddr = fsk_addr_of_v4(inet->inet_saddr),
		.daddr = fsk_addr_of_v4(inet->inet_daddr),
		.sport = inet->inet_sport, .dport = inet->inet_dport,
	};
}

static struct sock *find_listener(struct net_device *dev,
				  const struct fsk_tuple *t)
{
	struct net *net = dev_net(dev);
	int dif = dev->ifindex, sdif = 0;

	if (netif_is_l3_slave(dev)) {
		sdif = dif;
		dif = l3mdev_master_ifindex_rcu(dev);
	}
	return __inet_lookup_listener(net, net->ipv4.tcp_death_row.hashinfo,
				      NULL, 0, fsk_addr_v4(&t->saddr),
				      t->sport, fsk_addr_v4(&t->daddr),
				      ntohs(t->dport), dif, sdif);
}

static struct sock *find_established(struct net_device *dev,
				     const struct fsk_tuple *t)
{
	struct net *net = dev_net(dev);

	return __inet_lookup_established(net,
					 net->ipv4.tcp_death_row.hashinfo,
					 fsk_addr_v4(&t->saddr), t->sport,
					 fsk_addr_v4(&t->daddr),
					 ntohs(t->dport), dev->ifindex, 0);
}

static void fill_req(struct request_sock *req, const struct sock *lsk,
		     const struct net_device *dev, const struct fsk_tuple *t)
{
	sk_rcv_saddr_set(req_to_sk(req), fsk_addr_v4(&t->daddr));
	sk_daddr_set(req_to_sk(req), fsk_addr_v4(&t->saddr));
}

const struct fsk_ip fsk_ipv4 = {
	.pf			= NFPROTO_IPV4,
	.header_len		= sizeof(struct iphdr),
	.ethertype		= cpu_to_be16(ETH_P_IP),
	.genid			= genid,
	.find_neighbour		= find_neighbour,
	.make_neighbour		= make_neighbour,
	.route			= route,
	.stored_route		= stored_route,
	.store_route		= sk_setup_caps,
	.store_genid		= store_genid,
	.route_type		= route_type,
	.leads_on		= leads_on,
	.is_ours		= is_ours,
	.has_rules		= has_rules,
	.option_reason		= option_reason,
	.route_plain		= route_plain,
	.first_route		= first_route,
	.connect_route		= connect_route,
	.bind_and_hash		= bind_and_hash,
	.tuple_of		= tuple_of,
	.tos			= fsk_ipv4_tos,
	.ttl			= fsk_ipv4_ttl,
	.is_for_us		= fsk_ipv4_is_for_us,
	.leave_route		= fsk_ipv4_leave_route,
	.answer_route		= fsk_ipv4_answer_route,
	.xfrm_route		= fsk_ipv4_xfrm_route,
	.can_spoof		= fsk_ipv4_can_spoof,
	.find_listener		= find_listener,
	.find_established	= find_established,
	.fill_req		= fill_req,
	.child_route		= fsk_ipv4_child_route,
};
