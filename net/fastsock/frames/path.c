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
#include <net/tcp.h>

#include "core/conn.h"
#include "frames/frames.h"
#include "frames/path.h"
#include "inet/ip.h"
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
		genid = fsk_ip_of_sock(conn->sk)->store_genid(conn->sk, dst);
	set_mtu(fr, rcu_access_pointer(fr->path.dev), dst);
	fr->path.state = look_for_channel(fr);
	/* If no route is known it is looked up with the first frame. */
	conn->path_gen = dst ? genid + atomic_read(&fsk_route_changes) :
			       fsk_route_gen(conn->route_genid) - 1;
	fr->path.seen = conn->path_gen - 1;
}

/* It is asked for if it is not known; then the old one stays meanwhile. */
static void follow_neighbour(struct fsk_frames *fr, struct net_device *dev,
			     bool ask)
{
	const struct fsk_tuple t = fsk_tuple_of(fr->conn.sk);

	if (!(dev->flags & IFF_LOOPBACK))
		fsk_ip_resolve(dev, &t.daddr, ask, fr->path.mac);
}

/* Can frames take this route? */
static bool carries(const struct fsk_frames *fr, const struct dst_entry *dst)
{
	const struct fsk_ip *ip = fsk_ip_of_sock(fr->conn.sk);
	const struct net_device *dev = dst->dev;

	if (fsk_ip_route_reason(ip, dst) != FSK_ACCEPT)
		return false;
	/* Which may be too narrow by now for new connections. */
	if (dev == fsk_frames_dev(fr))
		return true;
	return fsk_eth_usable(dev);
}

/* Return: FSK_PATH_*, of frames that leave.  RCU read section. */
static u8 follow(struct fsk_frames *fr, bool ask)
{
	struct dst_entry *dst = fsk_ip_kept_route(fr->conn.sk);

	if (IS_ERR(dst))
		return FSK_PATH_NO_ROUTE;
	if (!carries(fr, dst) || !fsk_frames_set_dev(fr, dst->dev))
		return FSK_PATH_ELSEWHERE;
	set_mtu(fr, dst->dev, dst);
	follow_neighbour(fr, dst->dev, ask);
	return 0;
}

/* Return: FSK_PATH_*, of frames that come in.  RCU read section. */
static u8 admit(const struct fsk_frames *fr)
{
	struct sock *sk = fr->conn.sk;
	struct net_device *dev;

	dev = fsk_frames_dev(fr);
	if (!fsk_ip_of_sock(sk)->is_ours(sk, dev))
		return FSK_PATH_NOT_OURS;
	if (dev && !fsk_policy_running(sk, dev))
		return FSK_PATH_REFUSED;
	return 0;
}

static void check(struct fsk_frames *fr, bool ask)
{
	u32 gen = fsk_route_gen(fr->conn.route_genid);
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
 * @fr: connection of frames whose way is not known to be good
 *
 * One that is being opened keeps to the way that it has begun with: TCP takes
 * over soon if that leads nowhere.
 *
 * Context: socket lock held in either form, RCU read section.
 * Return: false if TCP would not get it.
 */
bool fsk_path_hears(struct fsk_frames *fr)
{
	if (fsk_conn_opening(&fr->conn))
		return !admit(fr);
	if (fr->path.seen != fsk_route_gen(fr->conn.route_genid) ||
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
