// SPDX-License-Identifier: GPL-2.0
/*
 * The way to the other end, followed as TCP follows it.
 *
 * TCP asks the routing code before each packet whether its route still holds.
 * A frame does not: a connection remembers at which generation its way was
 * found good, and one comparison before each frame says whether anything has
 * changed since.  Then the same question is asked as TCP asks it.  The
 * generation is the sum of two counters that only grow: the kernel's own of
 * the namespace, which routes, rules, addresses and IPsec policies advance, and
 * one of this file for neighbours and devices.
 *
 * What is found:
 *  - a route as before: the neighbour's address may be new, or the MTU;
 *  - a route by another device that carries frames: the connection moves there;
 *  - no route, or one that refuses: frames are lost, as TCP's packets are, and
 *    each expiry asks again;
 *  - a route that frames cannot take (a router, IPsec): likewise, but not for
 *    long, because TCP would go on; see timer.c;
 *  - the local address has left this host: what comes for it is not for us.
 *
 * A way that is bad is remembered by a generation that never matches.
 */

#include <linux/etherdevice.h>
#include <linux/hash.h>
#include <linux/inetdevice.h>
#include <linux/netdevice.h>
#include <net/arp.h>
#include <net/ip_fib.h>
#include <net/neighbour.h>
#include <net/netevent.h>
#include <net/netns/hash.h>
#include <net/route.h>

#include "core/conn.h"
#include "frames/frames.h"
#include "frames/path.h"
#include "inet/policy.h"
#include "lan/eth.h"
#include "memory/across.h"
#include "memory/memory.h"
#include "memory/outage.h"
#include "memory/pair.h"

#define PATH_NEIGH_BITS	12
/* So long a verdict on frames that come in stands, unless things change. */
#define PATH_LOOK_AGAIN	(HZ / 10)
/* So long a way that frames cannot take is no reason to end. */
#define PATH_LOST_NS	(3ULL * NSEC_PER_SEC)

atomic_t fsk_path_changes;

/*
 * What was heard last of each neighbour: its address in the upper 48 bits, a
 * hash of what it is the neighbour of in the lower 16.  Most events only say
 * that a neighbour is still where it was.
 */
static u64 path_neighbours[1 << PATH_NEIGH_BITS];

static void changed(void)
{
	atomic_inc(&fsk_path_changes);
}

/**
 * fsk_path_route - the route by which TCP would send now
 * @sk: connected socket
 * @fl4: where to put the flow
 *
 * Context: any but hard interrupt; no lock of @sk is needed.
 * Return: a route, referenced, or an error pointer.
 */
struct rtable *fsk_path_route(struct sock *sk, struct flowi4 *fl4)
{
	const struct inet_sock *inet = inet_sk(sk);

	return ip_route_output_ports(sock_net(sk), fl4, sk, inet->inet_daddr,
				     inet->inet_saddr, inet->inet_dport,
				     inet->inet_sport, IPPROTO_TCP,
				     ip_sock_rt_tos(sk), sk->sk_bound_dev_if);
}

/* Likewise, kept in the socket as TCP keeps it.  Socket lock held. */
static struct rtable *kept_route(struct sock *sk)
{
	struct dst_entry *dst = __sk_dst_check(sk, 0);
	struct flowi4 fl4;
	struct rtable *rt;

	if (dst)
		return container_of(dst, struct rtable, dst);
	rt = fsk_path_route(sk, &fl4);
	if (!IS_ERR(rt))
		sk_setup_caps(sk, &rt->dst);
	return rt;
}

static void set_mtu(struct fsk_frames *fr, const struct net_device *dev,
		    const struct dst_entry *dst)
{
	u32 mtu = fsk_eth_mtu(dev);

	/* The route's own, or what was learned of it. */
	if (dst)
		mtu = clamp_t(u32, dst_mtu(dst),
			      FSK_MSS_LEAST + sizeof(struct fsk_hdr), mtu);
	WRITE_ONCE(fr->path.mtu, mtu);
}

/**
 * fsk_path_start - the way of a new connection of frames
 * @fr: connection with a device, and the route, if known, in its socket
 *
 * Context: the caller owns the socket or is the only one to know it.
 */
void fsk_path_start(struct fsk_frames *fr)
{
	struct dst_entry *dst = __sk_dst_get(fr->conn.sk);
	struct fsk_conn *conn = &fr->conn;
	u32 genid = 0;

	if (dst)
		genid = container_of(dst, struct rtable, dst)->rt_genid;
	set_mtu(fr, rcu_access_pointer(fr->path.dev), dst);
	/* If no route is known it is looked up with the first frame. */
	conn->path_gen = dst ? genid + atomic_read(&fsk_path_changes) :
			       fsk_path_gen(conn->sk) - 1;
	fr->path.seen = conn->path_gen - 1;
}

/*
 * The neighbour's address, if it is known; otherwise ARP is asked, and the old
 * one stays until it answers.  @ask: have it confirmed in any case.
 */
static void follow_neighbour(struct fsk_frames *fr, struct net_device *dev,
			     bool ask)
{
	__be32 daddr = inet_sk(fr->conn.sk)->inet_daddr;
	u8 mac[MAX_ADDR_LEN];
	struct neighbour *n;

	if (dev->flags & IFF_LOOPBACK)
		return;
	n = __ipv4_neigh_lookup(dev, (__force u32)daddr);
	if (!n)
		n = neigh_create(&arp_tbl, &daddr, dev);
	if (IS_ERR(n))
		return;
	if (READ_ONCE(n->nud_state) & NUD_VALID) {
		neigh_ha_snapshot(mac, n, dev);
		ether_addr_copy(fr->path.mac, mac);
	} else {
		ask = true;
	}
	if (ask)
		neigh_event_send(n, NULL);
	neigh_release(n);
}

/* Can frames take this route? */
static bool carries(const struct fsk_frames *fr, const struct rtable *rt)
{
	const struct net_device *dev = rt->dst.dev;

	if (rt->rt_uses_gateway || dst_xfrm(&rt->dst) ||
	    (rt->rt_type != RTN_UNICAST && rt->rt_type != RTN_LOCAL))
		return false;
	/* Which may be too narrow by now for new connections. */
	if (dev == fsk_frames_dev(fr))
		return true;
	return fsk_eth_usable(dev);
}

/* Return: FSK_PATH_*, of frames that leave.  RCU read section. */
static u8 follow(struct fsk_frames *fr, bool ask)
{
	struct rtable *rt = kept_route(fr->conn.sk);

	if (IS_ERR(rt))
		return FSK_PATH_NO_ROUTE;
	if (!carries(fr, rt) || !fsk_frames_set_dev(fr, rt->dst.dev))
		return FSK_PATH_ELSEWHERE;
	set_mtu(fr, rt->dst.dev, &rt->dst);
	follow_neighbour(fr, rt->dst.dev, ask);
	return 0;
}

/* Return: FSK_PATH_*, of frames that come in.  RCU read section. */
static u8 admit(const struct fsk_frames *fr)
{
	struct sock *sk = fr->conn.sk;
	struct net_device *dev;

	if (inet_addr_type(sock_net(sk), inet_sk(sk)->inet_rcv_saddr) !=
	    RTN_LOCAL)
		return FSK_PATH_NOT_OURS;
	dev = fsk_frames_dev(fr);
	if (dev && !fsk_policy_running(sk, dev))
		return FSK_PATH_REFUSED;
	return 0;
}

static void check(struct fsk_frames *fr, bool ask)
{
	u32 gen = fsk_path_gen(fr->conn.sk);
	u8 bad;

	rcu_read_lock();
	bad = follow(fr, ask);
	bad |= admit(fr);
	rcu_read_unlock();
	if (bad & FSK_PATH_ELSEWHERE && !(fr->path.bad & FSK_PATH_ELSEWHERE))
		fr->path.lost_at = fsk_now();
	fr->path.bad = bad;
	fr->path.seen = gen;
	fr->path.looked = jiffies;
	fr->conn.path_gen = bad ? gen - 1 : gen;
}

/**
 * fsk_path_check - find the way again
 * @fr: connected connection of frames
 *
 * Context: socket lock held in either form.
 */
void fsk_path_check(struct fsk_frames *fr)
{
	check(fr, false);
}

/**
 * fsk_path_doubt - find the way again, for nothing gets through
 * @fr: connected connection of frames
 *
 * ARP is to look whether the peer is where it was.  What was learned of the
 * MTU on the way advances no generation, and is found here.
 *
 * Context: socket lock held in either form.
 */
void fsk_path_doubt(struct fsk_frames *fr)
{
	check(fr, true);
}

/**
 * fsk_path_hears - is what comes in for this host?
 * @fr: connected connection of frames whose way is not known to be good
 *
 * Context: socket lock held in either form.
 * Return: false if TCP would not get it.
 */
bool fsk_path_hears(struct fsk_frames *fr)
{
	if (fr->path.seen != fsk_path_gen(fr->conn.sk) ||
	    (fr->path.bad &&
	     time_after(jiffies, fr->path.looked + PATH_LOOK_AGAIN)))
		fsk_path_check(fr);
	return !(fr->path.bad & FSK_PATH_BAD_IN);
}

/* Would TCP go on by a router or IPsec? */
static bool is_elsewhere(struct sock *sk)
{
	struct flowi4 fl4;
	struct rtable *rt;
	bool yes;

	rt = fsk_path_route(sk, &fl4);
	if (IS_ERR(rt))
		return false;
	yes = rt->rt_uses_gateway || dst_xfrm(&rt->dst);
	ip_rt_put(rt);
	return yes;
}

/**
 * fsk_path_lost - has the way led elsewhere for too long?
 * @fr: connected connection
 * @now: ns
 *
 * While addresses and routes are being changed there may be another way for a
 * moment.
 *
 * Context: socket lock held in either form.
 * Return: true if TCP would go on, but frames cannot.
 */
bool fsk_path_lost(struct fsk_frames *fr, u64 now)
{
	if (likely(!(fr->path.bad & FSK_PATH_ELSEWHERE)) ||
	    now - fr->path.lost_at < PATH_LOST_NS)
		return false;
	fsk_path_check(fr);
	return fr->path.bad & FSK_PATH_ELSEWHERE;
}

/**
 * fsk_path_part - tell the peer, by the old way, that this is the end
 * @fr: connected connection whose way leads elsewhere
 *
 * Context: socket lock held in either form.
 */
void fsk_path_part(struct fsk_frames *fr)
{
	struct net_device *dev = fsk_frames_dev(fr);

	if (!dev || fr->path.bad & FSK_PATH_NOT_OURS)
		return;
	fsk_count_reset(sock_net(fr->conn.sk));
	fsk_eth_send(dev, fr->path.mac, FSK_T_RESET, cpu_to_be32(fr->peer_id),
		     cpu_to_be32(fr->seal_key), NULL, 0);
}

/**
 * fsk_path_pair_lost - as fsk_path_lost(), in memory
 * @mem: connected connection
 * @now: ns
 *
 * Context: socket lock held in either form.
 * Return: true if TCP would go on, but memory cannot.
 */
bool fsk_path_pair_lost(const struct fsk_memory *mem, u64 now)
{
	return unlikely(READ_ONCE(mem->pair->astray)) && mem->stalled_since &&
	       now - mem->stalled_since >= PATH_LOST_NS &&
	       is_elsewhere(mem->conn.sk);
}

/**
 * fsk_path_pair_part - as fsk_path_part(), in memory
 * @mem: connected connection whose way leads elsewhere
 *
 * Context: socket lock held in either form.
 */
void fsk_path_pair_part(struct fsk_memory *mem)
{
	WRITE_ONCE(mem->pair->astray, false);
	fsk_pair_tell_line(mem->pair);
	fsk_loop_reset_later(mem);
}

/* Not a way that frames, or memory in their place, could not take. */
static bool is_plain(const struct rtable *rt, u8 type)
{
	return rt->rt_type == type && !rt->rt_uses_gateway &&
	       !dst_xfrm(&rt->dst) && READ_ONCE(rt->dst.dev->flags) & IFF_UP;
}

/* Does the neighbour that @rt leads to, if it is known, have @to's address? */
static bool meets(const struct fsk_memory *mem, const struct rtable *rt,
		  const struct net_device *to)
{
	__be32 daddr = inet_sk(mem->conn.sk)->inet_daddr;
	u8 mac[MAX_ADDR_LEN];
	struct neighbour *n;
	bool same = true;

	n = __ipv4_neigh_lookup(rt->dst.dev, (__force u32)daddr);
	if (!n)
		return true;
	if (READ_ONCE(n->nud_state) & NUD_VALID) {
		neigh_ha_snapshot(mac, n, rt->dst.dev);
		same = ether_addr_equal_unaligned(mac, to->dev_addr);
	}
	neigh_release(n);
	return same;
}

/* Do the ends' routes lead to each other's devices? */
static bool joined(const struct fsk_memory *mem, const struct fsk_memory *peer,
		   const struct rtable *there, const struct rtable *back)
{
	struct fsk_line *line = mem->pair->line;

	return is_plain(there, RTN_UNICAST) && is_plain(back, RTN_UNICAST) &&
	       meets(mem, there, back->dst.dev) &&
	       meets(peer, back, there->dst.dev) &&
	       fsk_policy_running(mem->conn.sk, there->dst.dev) &&
	       fsk_policy_running(peer->conn.sk, back->dst.dev) &&
	       fsk_across_follow(line, mem->side, there->dst.dev) &&
	       fsk_across_follow(line, peer->side, back->dst.dev);
}

/* The ends are in two namespaces.  RCU read section. */
static bool across_whole(const struct fsk_memory *mem, const struct rtable *rt)
{
	const struct fsk_memory *peer;
	struct flowi4 fl4;
	struct rtable *back;
	bool whole;

	peer = rcu_dereference(mem->pair->end[!mem->side]);
	if (!peer)
		return true;
	back = fsk_path_route(peer->conn.sk, &fl4);
	if (IS_ERR(back))
		return false;
	whole = joined(mem, peer, rt, back);
	ip_rt_put(back);
	return whole;
}

/* Likewise in one. */
static bool within_whole(const struct fsk_memory *mem, const struct rtable *rt)
{
	return is_plain(rt, RTN_LOCAL) &&
	       fsk_policy_running(mem->conn.sk, rt->dst.dev);
}

static bool pair_whole(struct fsk_memory *mem)
{
	struct flowi4 fl4;
	struct rtable *rt;
	bool whole;

	rt = fsk_path_route(mem->conn.sk, &fl4);
	if (IS_ERR(rt))
		return false;
	whole = mem->pair->line ? across_whole(mem, rt) :
				   within_whole(mem, rt);
	ip_rt_put(rt);
	return whole;
}

/**
 * fsk_path_pair - would packets get from one end in memory to the other?
 * @mem: one end
 *
 * Both ends learn it if the answer is new.
 *
 * Context: socket lock held in either form.
 * Return: true if so, as far as routes, neighbours and policies go.
 */
bool fsk_path_pair(struct fsk_memory *mem)
{
	u32 gen = fsk_path_gen(mem->conn.sk);
	struct fsk_pair *pair = mem->pair;
	bool whole;

	rcu_read_lock();
	whole = pair_whole(mem);
	rcu_read_unlock();
	mem->conn.path_gen = whole ? gen : gen - 1;
	if (READ_ONCE(pair->astray) == whole) {
		WRITE_ONCE(pair->astray, !whole);
		fsk_pair_tell_line(pair);
	}
	return whole;
}

/* Is it news that the neighbour @n is at @mac? */
static bool is_news(const struct neighbour *n, const u8 *mac)
{
	u64 whose = (u64)*(const u32 *)n->primary_key << 32 |
		    (u32)n->dev->ifindex;
	u64 hash = (whose ^ net_hash_mix(dev_net(n->dev))) * GOLDEN_RATIO_64;
	u64 *slot = &path_neighbours[hash >> (64 - PATH_NEIGH_BITS)];
	u64 now = ether_addr_to_u64(mac) << 16 | (u16)(hash >> 32);

	if (READ_ONCE(*slot) == now)
		return false;
	WRITE_ONCE(*slot, now);
	return true;
}

/* Called in atomic context. */
static int netevent(struct notifier_block *nb, unsigned long event, void *ptr)
{
	u8 mac[MAX_ADDR_LEN] __aligned(2);
	struct neighbour *n = ptr;

	if (event != NETEVENT_NEIGH_UPDATE || n->tbl != &arp_tbl ||
	    n->dev->addr_len != ETH_ALEN ||
	    !(READ_ONCE(n->nud_state) & NUD_VALID))
		return NOTIFY_DONE;
	neigh_ha_snapshot(mac, n, n->dev);
	if (is_news(n, mac))
		changed();
	return NOTIFY_DONE;
}

static int inetaddr_event(struct notifier_block *nb, unsigned long event,
			  void *ptr)
{
	changed();
	return NOTIFY_DONE;
}

static int netdev_event(struct notifier_block *nb, unsigned long event,
			void *ptr)
{
	switch (event) {
	case NETDEV_UP:
	case NETDEV_DOWN:
	case NETDEV_CHANGEADDR:
	case NETDEV_CHANGEUPPER:
	case NETDEV_UNREGISTER:
		changed();
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block netevent_nb = { .notifier_call = netevent };
static struct notifier_block inetaddr_nb = { .notifier_call = inetaddr_event };
static struct notifier_block netdev_nb = { .notifier_call = netdev_event };

/**
 * fsk_path_init - begin to watch addresses, neighbours and devices
 *
 * Context: process, module load.
 * Return: 0 or a negative errno of the notifier chains.
 */
int fsk_path_init(void)
{
	int err;

	err = register_netdevice_notifier(&netdev_nb);
	if (err)
		return err;
	err = register_inetaddr_notifier(&inetaddr_nb);
	if (err)
		goto err_netdev;
	err = register_netevent_notifier(&netevent_nb);
	if (err)
		goto err_inetaddr;
	return 0;

err_inetaddr:
	unregister_inetaddr_notifier(&inetaddr_nb);
err_netdev:
	unregister_netdevice_notifier(&netdev_nb);
	return err;
}

/**
 * fsk_path_exit - undo fsk_path_init()
 *
 * Context: process, module unload.
 */
void fsk_path_exit(void)
{
	unregister_netevent_notifier(&netevent_nb);
	unregister_inetaddr_notifier(&inetaddr_nb);
	unregister_netdevice_notifier(&netdev_nb);
}
