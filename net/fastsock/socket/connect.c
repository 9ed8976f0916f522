// SPDX-License-Identifier: GPL-2.0
/*
 * connect(): fastsock if everything speaks for it, otherwise TCP.
 *
 * A first look at the route decides almost always.  Only if it speaks for
 * fastsock does the socket take addresses and a port, exactly as TCP would, so
 * that even then TCP can have it.
 */

#include <linux/etherdevice.h>
#include <linux/hash.h>
#include <linux/jhash.h>
#include <net/ipv6.h>
#include <net/netns/hash.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "base/stats.h"
#include "base/tuple.h"
#include "core/conn.h"
#include "core/delegate.h"
#include "core/state.h"
#include "core/transport.h"
#include "inet/ip.h"
#include "inet/mapped.h"
#include "inet/policy.h"
#include "lan/hello.h"
#include "lan/peer.h"
#include "socket/connect.h"

static int sock_reason(const struct sock *sk, const struct fsk_ip *ip)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	int reason;

	if (!READ_ONCE(fsk_net(sock_net(sk))->enable))
		return FSK_REASON_DISABLED;
	if (tp->repair)
		return FSK_REASON_REPAIR;
	if (tp->fastopen_connect || fsk_defer_connect(sk))
		return FSK_REASON_FASTOPEN;
	reason = fsk_option_reason(sk, ip);
	return reason == FSK_ACCEPT ? fsk_policy_sock(sk) : reason;
}

/* Is the other end on the segment of @dev, and which address has it? */
static int peer_reason(struct net_device *dev, const struct in6_addr *daddr,
		       u8 *mac)
{
	const struct fsk_ip *ip = fsk_ip_by_addr(daddr);

	if (!fsk_ip_neighbour(dev, daddr, mac))
		return FSK_REASON_UNKNOWN_PEER;

	switch (fsk_peer_lookup(dev, mac)) {
	case FSK_PEER_CAPABLE:
		if (likely(!ip->hello) || fsk_peer_says(dev, mac, ip->hello))
			return FSK_ACCEPT;
		/* It may have said so before it was forgotten. */
		fsk_hello_probe(dev, mac);
		return FSK_REASON_IPV6;
	case FSK_PEER_NEGATIVE:
		return FSK_REASON_NEGATIVE_PEER;
	case FSK_PEER_UNKNOWN:
		break;
	}
	fsk_hello_probe(dev, mac);
	return FSK_REASON_UNKNOWN_PEER;
}

/*
 * The device of a route, which does not keep it, for the caller to put.  As
 * with the kernel's own users, RCU keeps it until it is held.
 */
static struct net_device *hold_device(const struct dst_entry *dst)
{
	struct net_device *dev;

	rcu_read_lock();
	dev = READ_ONCE(dst->dev);
	dev_hold(dev);
	rcu_read_unlock();
	return dev;
}

/*
 * What is to carry a connection by this route, on @dev, for the caller to put,
 * and the neighbour's address.  Return: as sock_reason(); without @way if not
 * accepted.
 */
static int way_reason(const struct sock *sk, const struct dst_entry *dst,
		      struct net_device *dev, const struct in6_addr *daddr,
		      u8 *mac, const struct fsk_transport **way)
{
	int reason = fsk_ip_route_reason(fsk_ip_by_addr(daddr), dst);

	if (reason != FSK_ACCEPT)
		return reason;
	*way = fsk_transport_for(sk, dev);
	if (dev->flags & IFF_LOOPBACK) {
		eth_zero_addr(mac);
		return *way ? FSK_ACCEPT : FSK_REASON_LOCALHOST;
	}
	if (!*way)
		return FSK_REASON_DEVICE;
	reason = peer_reason(dev, daddr, mac);
	if (reason != FSK_ACCEPT)
		fsk_transport_put(*way);
	return reason;
}

/*
 * Who connects to somewhere often does so again.  Each answer is one word
 * (address, second, generation of the peer table, reason), good for that
 * second, or until a neighbour's state changes.  That the other end is near is
 * only a hint, for fsk_connect() looks again; that it is not is believed by
 * sockets whose route depends on nothing but the address.  An address of IPv6
 * does not fit: a hash of it stands there, which nobody outside can foresee.
 * Where two have the same, one is TCP's for a second without need.
 */
#define FSK_CACHE_HERE	0xff

static u32 cache_key(const struct net *net, const struct in6_addr *daddr)
{
	if (likely(ipv6_addr_v4mapped(daddr)))
		return (__force u32)fsk_addr_v4(daddr);
	return jhash2((const u32 *)daddr->s6_addr32, 4, net_hash_mix(net));
}

static u64 cache_head(const struct fsk_net *fn, u32 key)
{
	return (u64)key << 32 | (u16)(jiffies / HZ) << 16 |
	       (u8)READ_ONCE(fn->peers_gen) << 8;
}

static u64 *cache_slot(struct fsk_net *fn, u32 key)
{
	return &fn->delegate_cache[hash_32(key, ilog2(FSK_DELEGATE_CACHE))];
}

/* Without the port; fsk_connect() looks again when it is serious. */
static int first_route(struct sock *sk, const struct fsk_ip *ip,
		       const struct fsk_tuple *where, u8 *mac)
{
	struct fsk_tuple to = *where;
	const struct fsk_transport *way;
	struct net_device *dev;
	struct dst_entry *dst;
	int reason;

	dst = ip->first_route(sk, &to);
	if (IS_ERR(dst))
		return FSK_REASON_NOROUTE;
	dev = hold_device(dst);
	reason = way_reason(sk, dst, dev, &to.daddr, mac, &way);
	if (reason == FSK_ACCEPT)
		fsk_transport_put(way);
	dev_put(dev);
	dst_release(dst);
	return reason;
}

static int precheck(struct sock *sk, const struct fsk_ip *ip,
		    const struct fsk_tuple *to)
{
	struct fsk_net *fn = fsk_net(sock_net(sk));
	u32 key = cache_key(sock_net(sk), &to->daddr);
	u64 head = cache_head(fn, key);
	u64 *slot = cache_slot(fn, key);
	u8 mac[ETH_ALEN] __aligned(2) = {};
	u64 known = READ_ONCE(*slot);
	int reason;
	bool plain;

	if (known == (head | FSK_CACHE_HERE))
		return FSK_ACCEPT;
	plain = ip->route_plain(sk);
	if (plain && (known & ~0xffULL) == head)
		return known & 0xff;
	reason = first_route(sk, ip, to, mac);
	if (reason == FSK_ACCEPT)
		WRITE_ONCE(*slot, head | FSK_CACHE_HERE);
	/* A neighbour that is not known may be known in a moment. */
	else if (plain &&
		 (reason == FSK_REASON_GATEWAY || reason == FSK_REASON_DEVICE ||
		  (reason == FSK_REASON_UNKNOWN_PEER &&
		   !is_zero_ether_addr(mac))))
		WRITE_ONCE(*slot, head | reason);
	return reason;
}

/* The last questions, asked with the full name.  Return: as sock_reason(). */
static int start_reason(struct sock *sk, struct dst_entry *dst,
			struct net_device *dev, const u8 *mac,
			const struct fsk_transport *way)
{
	struct fsk_tuple t = fsk_tuple_of(sk);
	int reason;

	if (dst_xfrm(dst))
		return FSK_REASON_XFRM;
	if (ipv6_addr_equal(&t.saddr, &t.daddr) && t.sport == t.dport)
		return FSK_REASON_SELFCONNECT;
	/* By the port the route leads elsewhere, and @mac is not there. */
	if (unlikely(dst->dev != dev))
		return FSK_REASON_UNKNOWN_PEER;
	/* The last ack cannot wait where the server's end is there at once. */
	if (way->at_once && fsk_state_ack_waits(sk))
		return FSK_REASON_OPTION;
	reason = fsk_policy_connect(sk, dst, &t);
	return reason == FSK_ACCEPT ?
	       way->ops->connect(sk, dev, mac, &t) : reason;
}

/*
 * @to is the address that @uaddr, as the program has written it, means.
 * Return: as fsk_connect().
 */
static int connect_ip(struct sock *sk, struct fsk_tuple *to,
		      struct sockaddr *uaddr, int addr_len)
{
	struct flowi *fl = &inet_sk(sk)->cork.fl;
	const struct fsk_ip *ip = fsk_ip_of(to);
	const struct fsk_transport *way;
	u8 mac[ETH_ALEN] __aligned(2);
	struct net_device *dev;
	struct dst_entry *dst;
	int reason, err;

	reason = sock_reason(sk, ip);
	if (reason == FSK_ACCEPT)
		reason = precheck(sk, ip, to);
	if (reason != FSK_ACCEPT)
		return fsk_connect_tcp(sk, uaddr, addr_len, reason);

	dst = ip->connect_route(sk, fl, to);
	if (IS_ERR(dst))
		return fsk_connect_tcp(sk, uaddr, addr_len, FSK_REASON_NOROUTE);
	dev = hold_device(dst);
	reason = way_reason(sk, dst, dev, &to->daddr, mac, &way);
	if (reason != FSK_ACCEPT) {
		dev_put(dev);
		dst_release(dst);
		return fsk_connect_tcp(sk, uaddr, addr_len, reason);
	}
	err = ip->bind_and_hash(sk, fl, to->dport, &dst);
	if (err) {
		dev_put(dev);
		fsk_transport_put(way);
		return err;
	}
	dst_hold(dst);
	ip->store_route(sk, dst);
	reason = start_reason(sk, dst, dev, mac, way);
	dev_put(dev);
	fsk_transport_put(way);
	dst_release(dst);
	if (reason != FSK_ACCEPT)
		return fsk_connect_tcp(sk, uaddr, addr_len, reason);
	return 0;
}

/**
 * fsk_connect - struct proto.connect: fastsock if everything speaks for it
 * @sk: unconnected socket
 * @uaddr: where to; cgroup programs have already had their say
 * @addr_len: bytes of @uaddr
 *
 * Context: process; the caller owns @sk and holds the module.
 * Return: 0 with the socket in SYN_SENT, over fastsock or TCP; else TCP's
 * errno.
 */
int fsk_connect(struct sock *sk, struct sockaddr *uaddr, int addr_len)
{
	const struct sockaddr_in *usin = (struct sockaddr_in *)uaddr;
	struct fsk_tuple to;

	if (addr_len < sizeof(*usin))
		return -EINVAL;
	if (usin->sin_family != AF_INET)
		return -EAFNOSUPPORT;
	to = (struct fsk_tuple) {
		.daddr = fsk_addr_of_v4(usin->sin_addr.s_addr),
		.dport = usin->sin_port,
	};
	return connect_ip(sk, &to, uaddr, addr_len);
}

/**
 * fsk_connect6 - the same of AF_INET6
 * @sk: unconnected socket
 * @uaddr: where to
 * @addr_len: bytes of @uaddr
 *
 * Context: process; the caller owns @sk and holds the module.
 * Return: as fsk_connect().
 */
int fsk_connect6(struct sock *sk, struct sockaddr *uaddr, int addr_len)
{
	const struct sockaddr_in6 *usin6 = (struct sockaddr_in6 *)uaddr;
	struct fsk_tuple to;
	int reason, err;

	if (addr_len < SIN6_LEN_RFC2133)
		return -EINVAL;
	if (usin6->sin6_family != AF_INET6)
		return -EAFNOSUPPORT;
	reason = fsk_inet6_destination(sk, usin6, addr_len, &to);
	if (reason != FSK_ACCEPT)
		return fsk_connect_tcp(sk, uaddr, addr_len, reason);
	err = connect_ip(sk, &to, uaddr, addr_len);
	if (!err)
		fsk_inet6_named(sk);
	return err;
}
