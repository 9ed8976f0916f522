// SPDX-License-Identifier: GPL-2.0
/*
 * The way to the other end, followed as TCP follows it.
 *
 * A connection remembers at which generation (fsk_route_gen()) its way was
 * found good, and one comparison before each frame says whether anything has
 * changed since.  Then the same question is asked as TCP asks it.
 *
 * What is found:
 *  - a route as before: the neighbour's address may be new, or the MTU;
 *  - a route by another device that carries frames: the connection moves there;
 *  - no route, or one that refuses: frames are lost, as TCP's packets are, and
 *    each expiry asks again;
 *  - a route that frames cannot take (a router, IPsec): frames are lost, too,
 *    but not for long, because TCP would go on; see fsk_path_lost();
 *  - the local address has left this host: what comes for it is not for us.
 *
 * A way that is bad is remembered by a generation that never matches.
 */

#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <net/route.h>
#include <net/tcp.h>

#include "core/conn.h"
#include "frames/frames.h"
#include "frames/path.h"
#include "inet/ipv4.h"
#include "inet/policy.h"
#include "inet/route.h"
#include "lan/eth.h"
#include "lan/channel.h"

/* So long a verdict on frames that come in stands, unless things change. */
#define PATH_LOOK_AGAIN	(HZ / 10)
/* So long a way that frames cannot take is no reason to end. */
#define PATH_LOST_NS	(3ULL * NSEC_PER_SEC)

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

/* Return: FSK_PATH_CHANNEL if there is one. */
static u8 look_for_channel(const struct fsk_frames *fr)
{
	const struct net_device *dev;
	bool found;

	if (likely(!fsk_channel_any()))
		return 0;
	rcu_read_lock();
	dev = fsk_frames_dev(fr);
	found = dev && fsk_channel_exists(dev, fr->path.mac);
	rcu_read_unlock();
	return found ? FSK_PATH_CHANNEL : 0;
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
	fr->path.state = look_for_channel(fr);
	/* If no route is known it is looked up with the first frame. */
	conn->path_gen = dst ? genid + atomic_read(&fsk_route_changes) :
			       fsk_route_gen(conn->sk) - 1;
	fr->path.seen = conn->path_gen - 1;
}

/* ARP is asked if it does not know; then the old address stays meanwhile. */
static void follow_neighbour(struct fsk_frames *fr, struct net_device *dev,
			     bool ask)
{
	if (!(dev->flags & IFF_LOOPBACK))
		fsk_ipv4_resolve(dev, inet_sk(fr->conn.sk)->inet_daddr, ask,
				 fr->path.mac);
}

/* Can frames take this route? */
static bool carries(const struct fsk_frames *fr, const struct rtable *rt)
{
	const struct net_device *dev = rt->dst.dev;

	if (fsk_ipv4_route_reason(rt) != FSK_ACCEPT)
		return false;
	/* Which may be too narrow by now for new connections. */
	if (dev == fsk_frames_dev(fr))
		return true;
	return fsk_eth_usable(dev);
}

/* Return: FSK_PATH_*, of frames that leave.  RCU read section. */
static u8 follow(struct fsk_frames *fr, bool ask)
{
	struct rtable *rt = fsk_ipv4_kept_route(fr->conn.sk);

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

	if (!fsk_ipv4_is_ours(sk))
		return FSK_PATH_NOT_OURS;
	dev = fsk_frames_dev(fr);
	if (dev && !fsk_policy_running(sk, dev))
		return FSK_PATH_REFUSED;
	return 0;
}

static void check(struct fsk_frames *fr, bool ask)
{
	u32 gen = fsk_route_gen(fr->conn.sk);
	u8 bad;

	rcu_read_lock();
	bad = follow(fr, ask);
	bad |= admit(fr);
	rcu_read_unlock();
	if (bad & FSK_PATH_ELSEWHERE && !(fr->path.state & FSK_PATH_ELSEWHERE))
		fr->path.lost_at = fsk_now();
	fr->path.state = bad | look_for_channel(fr);
	fr->path.seen = gen;
	fr->path.looked = tcp_jiffies32;
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
	if (fr->path.seen != fsk_route_gen(fr->conn.sk) ||
	    (fr->path.state & (FSK_PATH_BAD_OUT | FSK_PATH_BAD_IN) &&
	     tcp_jiffies32 - fr->path.looked > PATH_LOOK_AGAIN))
		fsk_path_check(fr);
	return !(fr->path.state & FSK_PATH_BAD_IN);
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
	if (likely(!(fr->path.state & FSK_PATH_ELSEWHERE)) ||
	    now - fr->path.lost_at < PATH_LOST_NS)
		return false;
	fsk_path_check(fr);
	return fr->path.state & FSK_PATH_ELSEWHERE;
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

	if (!dev || fr->path.state & FSK_PATH_NOT_OURS)
		return;
	fsk_count_reset(sock_net(fr->conn.sk));
	fsk_eth_send(dev, fr->path.mac, FSK_T_RESET, cpu_to_be32(fr->peer_id),
		     cpu_to_be32(fr->seal_key), NULL, 0);
}
