// SPDX-License-Identifier: GPL-2.0
/*
 * IPv6: its routes, neighbour discovery, and how TCP's sockets get their names.
 * Packets that are only tried out are in ipv6_packet.c, sockets of AF_INET6
 * with addresses of IPv4 in mapped.c.
 *
 * IPv6 may be a module that nobody has loaded, or turned off.  What is linked
 * to here the kernel always has; what is part of IPv6 itself is asked for when
 * fastsock is loaded.
 *
 * A difference to IPv4 runs through all of it: addresses have scopes.  Packets
 * of a host to itself cross the loopback device, but TCP takes them to come in
 * by the device that has the address: fsk_tuple.iif.
 */

#include <linux/inetdevice.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/security.h>
#include <net/addrconf.h>
#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>
#include <net/ip6_fib.h>
#include <net/ip6_route.h>
#include <net/ipv6_stubs.h>
#include <net/ndisc.h>
#include <net/tcp.h>
#include <net/transp_v6.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/compat.h"
#include "base/stats.h"
#include "inet/ip.h"
#include "inet/ipv6.h"
#include "inet/known.h"

#if IS_ENABLED(CONFIG_IPV6)
/* symbol_get() keeps them. */
static struct dst_entry *(*route_output)(struct net *net,
					 const struct sock *sk,
					 struct flowi6 *fl6, int flags)
	__read_mostly;
static struct dst_entry *(*route_input)(struct net *net,
					struct net_device *dev,
					struct flowi6 *fl6,
					const struct sk_buff *skb, int flags)
	__read_mostly;

/**
 * fsk_ipv6_init - look for IPv6
 * @wanted: there are sockets of AF_INET6
 *
 * Context: process, module load.
 */
void fsk_ipv6_init(bool wanted)
{
	if (!wanted)
		return;
	route_output = symbol_get(ip6_route_output_flags);
	route_input = symbol_get(ip6_route_input_lookup);
	if (!route_output || !route_input)
		fsk_ipv6_exit();
}

/**
 * fsk_ipv6_exit - undo fsk_ipv6_init()
 *
 * Context: process.
 */
void fsk_ipv6_exit(void)
{
	if (route_output)
		symbol_put(ip6_route_output_flags);
	if (route_input)
		symbol_put(ip6_route_input_lookup);
	route_output = NULL;
	route_input = NULL;
}

/**
 * fsk_ipv6_usable - can there be connections of IPv6?
 *
 * Context: any.
 * Return: true if the kernel has IPv6.
 */
bool fsk_ipv6_usable(void)
{
	return route_output;
}

/* A route, or why there is none. */
static struct dst_entry *checked(struct dst_entry *dst)
{
	int err = dst->error;

	if (!err)
		return dst;
	dst_release(dst);
	return ERR_PTR(err);
}

/**
 * fsk_ipv6_route_output - by which route does a packet leave?
 * @sk: socket that sends it, or NULL
 * @net: namespace
 * @fl6: flow
 *
 * Context: any but hard interrupt.
 * Return: a route, referenced, or an error pointer.
 */
struct dst_entry *fsk_ipv6_route_output(const struct sock *sk, struct net *net,
					struct flowi6 *fl6)
{
	return checked(route_output(net, sk, fl6, 0));
}

/**
 * fsk_ipv6_route_input - where does a packet go that comes in?
 * @dev: device it comes in by
 * @fl6: flow
 * @skb: packet, or NULL
 *
 * Context: any but hard interrupt.
 * Return: a route, referenced, or an error pointer.
 */
struct dst_entry *fsk_ipv6_route_input(struct net_device *dev,
				       struct flowi6 *fl6,
				       const struct sk_buff *skb)
{
	fl6->flowi6_iif = dev->ifindex;
	return checked(route_input(dev_net(dev), dev, fl6, skb,
				   RT6_LOOKUP_F_HAS_SADDR));
}

static const struct rt6_info *rt6(const struct dst_entry *dst)
{
	return container_of(dst, struct rt6_info, dst);
}

static u8 route_type(const struct dst_entry *dst)
{
	u32 flags = rt6(dst)->rt6i_flags;

	if (dst->error || flags & RTF_REJECT)
		return RTN_UNREACHABLE;
	if (flags & RTF_LOCAL)
		return RTN_LOCAL;
	return flags & RTF_ANYCAST ? RTN_ANYCAST : RTN_UNICAST;
}

/**
 * fsk_ipv6_is_local - does a route lead to this host?
 * @dst: route
 *
 * Addresses of which it is not yet known whether others have them, too, have no
 * such route.
 *
 * Context: any.
 * Return: true if so.
 */
bool fsk_ipv6_is_local(const struct dst_entry *dst)
{
	return route_type(dst) == RTN_LOCAL;
}

static bool leads_on(const struct dst_entry *dst)
{
	return rt6(dst)->rt6i_flags & RTF_GATEWAY || dst->lwtstate;
}

static const atomic_t *genid(const struct net *net)
{
	return &net->ipv6.fib6_sernum;
}

/* In an RCU read section. */
static struct neighbour *find_neighbour(struct net_device *dev,
					const struct in6_addr *addr)
{
	return __ipv6_neigh_lookup_noref_stub(dev, addr);
}

static struct neighbour *make_neighbour(struct net_device *dev,
					const struct in6_addr *addr)
{
	return neigh_create(ipv6_stub->nd_tbl, addr, dev);
}

static void fill_flow(struct sock *sk, const struct in6_addr *daddr,
		      const struct in6_addr *saddr, __be16 dport,
		      struct flowi6 *fl6)
{
	memset(fl6, 0, sizeof(*fl6));
	fl6->flowi6_proto = IPPROTO_TCP;
	fl6->daddr = *daddr;
	fl6->saddr = *saddr;
	fl6->flowlabel = ip6_make_flowinfo(inet6_sk(sk)->tclass, 0);
	fl6->flowi6_oif = READ_ONCE(sk->sk_bound_dev_if);
	fl6->flowi6_mark = READ_ONCE(sk->sk_mark);
	fl6->fl6_dport = dport;
	fl6->fl6_sport = inet_sk(sk)->inet_sport;
	fl6->flowi6_uid = sk->sk_uid;
	security_sk_classify_flow(sk, flowi6_to_flowi_common(fl6));
}

/*
 * With what IPsec makes of it.  TCP notes of IPv6 that it cannot send, for
 * SO_ERROR, and forgets it with the next ack.
 */
static struct dst_entry *route(struct sock *sk, struct flowi *fl)
{
	struct dst_entry *dst;

	fill_flow(sk, &sk->sk_v6_daddr, &sk->sk_v6_rcv_saddr,
		  inet_sk(sk)->inet_dport, &fl->u.ip6);
	dst = ipv6_stub->ipv6_dst_lookup_flow(sock_net(sk), sk, &fl->u.ip6,
					      NULL);
	WRITE_ONCE(sk->sk_err_soft, IS_ERR(dst) ? -PTR_ERR(dst) : 0);
	return dst;
}

static struct dst_entry *stored_route(struct sock *sk)
{
	return __sk_dst_check(sk, inet6_sk(sk)->dst_cookie);
}

/* TCP looks only at the cookie, not at what datagram sockets note. */
static void store_route(struct sock *sk, struct dst_entry *dst)
{
	inet6_sk(sk)->dst_cookie = rt6_get_cookie(rt6(dst));
	sk_setup_caps(sk, dst);
}

/* A route says whether it still holds, but not since when it has. */
static u32 store_genid(const struct sock *sk, struct dst_entry *dst)
{
	u32 gen = atomic_read(genid(sock_net(sk)));

	return dst->ops->check(dst, inet6_sk(sk)->dst_cookie) ? gen : gen - 1;
}

/* Without a device nothing comes in that might not be. */
static bool is_ours(const struct sock *sk, struct net_device *dev)
{
	struct flowi6 fl6 = {
		.daddr = sk->sk_v6_rcv_saddr, .saddr = sk->sk_v6_daddr,
		.fl6_dport = inet_sk(sk)->inet_sport,
		.fl6_sport = inet_sk(sk)->inet_dport,
		.flowi6_proto = IPPROTO_TCP,
	};
	struct dst_entry *dst;
	bool ours;

	if (!dev)
		return true;
	dst = fsk_ipv6_route_input(dev, &fl6, NULL);
	if (IS_ERR(dst))
		return false;
	ours = fsk_ipv6_is_local(dst);
	dst_release(dst);
	return ours;
}

static bool has_rules(const struct net *net)
{
	return fib6_has_custom_rules(net);
}

/**
 * fsk_ipv6_known_applies - may routes depend on nothing but addresses?
 * @net: namespace
 * @daddr: where packets go
 * @saddr: where they come from; unspecified if that is to be chosen
 *
 * Context: any.
 * Return: false if rules, IPsec or the choice among several ways look at more,
 * or if these addresses mean something only with a device.
 */
bool fsk_ipv6_known_applies(const struct net *net,
			    const struct in6_addr *daddr,
			    const struct in6_addr *saddr)
{
	return !fsk_ipv6_link_local(daddr) && !fsk_ipv6_link_local(saddr) &&
	       !ip6_multipath_hash_policy(net) &&
	       !fsk_ip_xfrm_judges_out(net) && !has_rules(net);
}

/**
 * fsk_ipv6_known_suits - do a socket's routes depend on nothing but addresses?
 * @sk: client or listener
 * @mark: of the packets
 * @daddr: where they go
 * @saddr: where they come from; unspecified if that is to be chosen
 *
 * Context: any.
 * Return: true if so.
 */
bool fsk_ipv6_known_suits(const struct sock *sk, u32 mark,
			  const struct in6_addr *daddr,
			  const struct in6_addr *saddr)
{
	return !mark && !READ_ONCE(sk->sk_bound_dev_if) &&
	       !inet6_sk(sk)->tclass && !inet6_sk(sk)->srcprefs &&
	       fsk_ipv6_known_applies(sock_net(sk), daddr, saddr);
}

/* Extension headers, flow labels, and what wants to see headers that came. */
static int option_reason(const struct sock *sk)
{
	const struct ipv6_pinfo *np = inet6_sk(sk);

	if (rcu_access_pointer(np->opt))
		return FSK_REASON_IPOPTIONS;
	if (fsk_labels_flows(sk) || np->min_hopcount || np->rxopt.all)
		return FSK_REASON_OPTION;
	return FSK_ACCEPT;
}

static bool route_plain(const struct sock *sk)
{
	return ipv6_addr_any(&sk->sk_v6_rcv_saddr) && !sk->sk_bound_dev_if &&
	       !READ_ONCE(sk->sk_mark) && !inet6_sk(sk)->tclass &&
	       !inet6_sk(sk)->srcprefs && !has_rules(sock_net(sk));
}

static struct dst_entry *connect_route(struct sock *sk, struct flowi *fl,
				       struct fsk_tuple *to)
{
	const struct in6_addr *saddr = &sk->sk_v6_rcv_saddr;
	struct flowi6 *fl6 = &fl->u.ip6;
	struct net *net = sock_net(sk);
	struct fsk_known_key key;
	struct fsk_known_way way;
	struct dst_entry *dst;
	bool plain;

	fill_flow(sk, &to->daddr, saddr, to->dport, fl6);
	plain = ipv6_addr_any(saddr) &&
		fsk_ipv6_known_suits(sk, fl6->flowi6_mark, &to->daddr, saddr);
	if (plain) {
		fsk_known_key_out(&key, net, &to->daddr, saddr);
		dst = fsk_known_route(net, &key, &way);
		if (dst) {
			fl6->saddr = way.saddr;
			fl6->flowi6_oif = way.oif;
			return dst;
		}
	}
	/* Preferences for addresses may change meanwhile: others want none. */
	dst = ipv6_stub->ipv6_dst_lookup_flow(net, plain ? NULL : sk, fl6,
					      NULL);
	if (plain && !IS_ERR(dst)) {
		way.saddr = fl6->saddr;
		way.oif = fl6->flowi6_oif;
		fsk_known_add(net, &key, dst, &way);
	}
	return dst;
}

static struct dst_entry *first_route(struct sock *sk, struct fsk_tuple *to)
{
	struct flowi6 fl6;

	fill_flow(sk, &to->daddr, &sk->sk_v6_rcv_saddr, 0, &fl6);
	return ipv6_stub->ipv6_dst_lookup_flow(sock_net(sk), sk, &fl6, NULL);
}

/*
 * Return: 0 with the socket in SYN_SENT and hashed; or TCP's errno with the
 * socket as before and the route put.
 */
static int bind_and_hash(struct sock *sk, struct flowi *fl, __be16 dport,
			 struct dst_entry **dst)
{
	struct inet_timewait_death_row *row = &sock_net(sk)->ipv4.tcp_death_row;
	struct ipv6_pinfo *np = inet6_sk(sk);
	struct inet_sock *inet = inet_sk(sk);
	int err;

	sk->sk_v6_daddr = fl->u.ip6.daddr;
	if (ipv6_addr_any(&sk->sk_v6_rcv_saddr)) {
		err = inet_bhash2_update_saddr(sk, &fl->u.ip6.saddr, AF_INET6);
		if (err)
			goto err_dst;
	}
	np->saddr = sk->sk_v6_rcv_saddr;
	np->flow_label = 0;
	inet->inet_rcv_saddr = LOOPBACK4_IPV6;
	inet->inet_dport = dport;
	sk->sk_gso_type = SKB_GSO_TCPV6;
	inet_csk(sk)->icsk_ext_hdr_len = 0;
	tcp_set_state(sk, TCP_SYN_SENT);
	err = inet6_hash_connect(row, sk);
	if (err)
		goto err_state;
	WRITE_ONCE(sk->sk_txhash, fsk_ip_txhash());
	return 0;

err_state:
	tcp_set_state(sk, TCP_CLOSE);
	inet_bhash2_reset_saddr(sk);
	inet->inet_dport = 0;
err_dst:
	dst_release(*dst);
	sk->sk_route_caps = 0;
	return err;
}

/* By which device would this host take its own packets to come in? */
static int scope_of(const struct sock *sk)
{
	const struct inet6_dev *idev;
	const struct dst_entry *dst;
	int iif = 0;

	rcu_read_lock();
	dst = rcu_dereference(sk->sk_dst_cache);
	if (dst) {
		idev = rt6(dst)->rt6i_idev;
		iif = idev ? idev->dev->ifindex : dst->dev->ifindex;
	}
	rcu_read_unlock();
	return iif ?: READ_ONCE(sk->sk_bound_dev_if);
}

static struct fsk_tuple tuple_of(const struct sock *sk)
{
	return (struct fsk_tuple) {
		.saddr = sk->sk_v6_rcv_saddr, .daddr = sk->sk_v6_daddr,
		.sport = inet_sk(sk)->inet_sport,
		.dport = inet_sk(sk)->inet_dport, .iif = scope_of(sk),
	};
}

/* Addresses of VRFs are left to TCP before the answer matters. */
static struct sock *find_listener(struct net_device *dev,
				  const struct fsk_tuple *t)
{
	struct net *net = dev_net(dev);

	return inet6_lookup_listener(net, net->ipv4.tcp_death_row.hashinfo,
				     NULL, 0, &t->saddr, t->sport, &t->daddr,
				     ntohs(t->dport), t->iif ?: dev->ifindex,
				     0);
}

static struct sock *find_established(struct net_device *dev,
				     const struct fsk_tuple *t)
{
	struct net *net = dev_net(dev);

	return __inet6_lookup_established(net,
					  net->ipv4.tcp_death_row.hashinfo,
					  &t->saddr, t->sport, &t->daddr,
					  ntohs(t->dport),
					  t->iif ?: dev->ifindex, 0);
}

static void fill_req(struct request_sock *req, const struct sock *lsk,
		     const struct net_device *dev, const struct fsk_tuple *t)
{
	struct inet_request_sock *ireq = inet_rsk(req);

	ireq->ir_v6_loc_addr = t->daddr;
	ireq->ir_v6_rmt_addr = t->saddr;
	if (!READ_ONCE(lsk->sk_bound_dev_if) &&
	    ipv6_addr_type(&t->saddr) & IPV6_ADDR_LINKLOCAL)
		ireq->ir_iif = t->iif ?: dev->ifindex;
}

const struct fsk_ip fsk_ipv6 = {
	.pf			= NFPROTO_IPV6,
	.header_len		= sizeof(struct ipv6hdr),
	.ethertype		= cpu_to_be16(ETH_P_IPV6),
	.hello			= FSK_HELLO_IPV6,
	.genid			= genid,
	.find_neighbour		= find_neighbour,
	.make_neighbour		= make_neighbour,
	.route			= route,
	.stored_route		= stored_route,
	.store_route		= store_route,
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
	.tos			= fsk_ipv6_tos,
	.ttl			= fsk_ipv6_ttl,
	.is_for_us		= fsk_ipv6_is_for_us,
	.leave_route		= fsk_ipv6_leave_route,
	.answer_route		= fsk_ipv6_answer_route,
	.xfrm_route		= fsk_ipv6_xfrm_route,
	.can_spoof		= fsk_ipv6_can_spoof,
	.find_listener		= find_listener,
	.find_established	= find_established,
	.fill_req		= fill_req,
	.child_route		= fsk_ipv6_child_route,
};

/* A link-local address needs a device, and binds the socket to it. */
static bool choose_scope(struct sock *sk, const struct sockaddr_in6 *addr,
			 int addr_len)
{
	int scope = addr_len >= sizeof(*addr) ? addr->sin6_scope_id : 0;

	/* TCP knows whether both are of the same VRF. */
	if (scope && sk->sk_bound_dev_if && sk->sk_bound_dev_if != scope)
		return false;
	if (scope)
		sk->sk_bound_dev_if = scope;
	return sk->sk_bound_dev_if;
}

/**
 * fsk_ipv6_destination - can this socket go to that address?
 * @sk: unconnected socket of AF_INET6
 * @addr: where to, not an address of IPv4
 * @addr_len: bytes of @addr
 * @to: where to put it
 *
 * Context: process; the caller owns @sk.
 * Return: FSK_ACCEPT, or the enum fsk_reason to delegate with.
 */
int fsk_ipv6_destination(struct sock *sk, const struct sockaddr_in6 *addr,
			 int addr_len, struct fsk_tuple *to)
{
	int type;

	if (!fsk_ipv6_usable())
		return FSK_REASON_IPV6;
	*to = (struct fsk_tuple) {
		.daddr = ipv6_addr_any(&addr->sin6_addr) ?
			 in6addr_loopback : addr->sin6_addr,
		.dport = addr->sin6_port,
	};
	type = ipv6_addr_type(&to->daddr);
	if (type & IPV6_ADDR_MULTICAST ||
	    ipv6_addr_v4mapped(&sk->sk_v6_rcv_saddr) ||
	    (type & IPV6_ADDR_LINKLOCAL && !choose_scope(sk, addr, addr_len)))
		return FSK_REASON_NOROUTE;
	return FSK_ACCEPT;
}
#else
/* There are no such sockets. */
void fsk_ipv6_init(bool wanted)
{
}

void fsk_ipv6_exit(void)
{
}

bool fsk_ipv6_usable(void)
{
	return false;
}
#endif /* CONFIG_IPV6 */
