// SPDX-License-Identifier: GPL-2.0
/*
 * The client's half of the handshake: SYN, what the server says to it, CONFIRM.
 * Whatever else comes of it is TCP's: see fsk_client_fallback().
 */

#include <linux/sched/mm.h>
#include <linux/security.h>
#include <net/tcp.h>

#include "base/call.h"
#include "base/spare.h"
#include "base/stats.h"
#include "base/tuple.h"
#include "core/attach.h"
#include "core/conn.h"
#include "core/delegate.h"
#include "core/state.h"
#include "core/timer.h"
#include "core/transport.h"
#include "frames/call.h"
#include "frames/client.h"
#include "frames/cookie.h"
#include "frames/frames.h"
#include "frames/tx.h"
#include "inet/ip.h"
#include "inet/policy.h"
#include "lan/eth.h"
#include "lan/peer.h"
#include "rel/rel.h"
#include "stream/queue.h"

/**
 * fsk_client_call - what SYN and CONFIRM say
 * @fr: client's connection
 * @call: where to put it
 *
 * Context: socket lock held in either form.
 */
void fsk_client_call(const struct fsk_frames *fr, struct fsk_call *call)
{
	*call = (struct fsk_call) {
		.t = fsk_tuple_of(fr->conn.sk),
		.id = cpu_to_be32(fr->id),
		.key = cpu_to_be32(fr->conn.key),
		.win = cpu_to_be32(fr->rx.wnd_end - fr->rx.nxt),
		.mss = cpu_to_be16(fr->conn.mss),
		.version = FSK_WIRE_VERSION,
	};
}

static void send_syn(struct fsk_frames *fr)
{
	u8 body[FSK_CALL_MAX] __aligned(4);
	struct net_device *dev;
	struct fsk_call call;
	u8 type;

	fsk_client_call(fr, &call);
	fsk_call_write(&call, body);
	type = fsk_call_type(&call.t, false);
	rcu_read_lock();
	dev = fsk_frames_dev(fr);
	if (dev)
		fsk_eth_send(dev, fr->path.mac, type, 0, 0, body,
			     fsk_call_len(type));
	rcu_read_unlock();
}

/**
 * fsk_client_connect - send the first SYN
 * @sk: socket in SYN_SENT with its four-tuple hashed
 * @dev: device of the route
 * @mac: the server's address
 *
 * @t: addresses
 *
 * Context: process, socket owned.
 * Return: FSK_ACCEPT, or the enum fsk_reason to delegate with.
 */
int fsk_client_connect(struct sock *sk, struct net_device *dev, const u8 *mac,
		       const struct fsk_tuple *t)
{
	int ms = READ_ONCE(fsk_net(sock_net(sk))->handshake_ms);
	struct fsk_conn *conn;
	struct fsk_frames *fr;
	u64 now;

	if (!fsk_eth_usable(dev))
		return FSK_REASON_NOMEM;
	fr = fsk_frames_alloc(sk, dev, mac, GFP_KERNEL);
	if (!fr)
		return FSK_REASON_NOMEM;
	conn = &fr->conn;
	if (!fsk_fallback_alloc(conn)) {
		fsk_frames_discard(fr);
		return FSK_REASON_NOMEM;
	}
	fsk_frames_name(fr, fsk_cookie_fresh());
	fr->confirm_type = fsk_call_type(t, true);
	conn->mss = fsk_frames_mss(fr, dev);
	conn->peer_mss = conn->mss;
	fsk_rel_rx_init(&fr->rx, 0, fsk_rx_promise(sk), conn->mss);
	fsk_frames_keys(fr);
	conn->phase = FSK_PH_SYN_SENT;
	now = conn->heard_at;		/* it was made just now */
	fr->hs_end = now + ms * (u64)NSEC_PER_MSEC;
	fr->hs_at = min(now + FSK_HS_RETRY_NS, fr->hs_end);
	fr->hs_tries = 1;
	/* What an earlier connection left, as tcp_connect_init() forgets it. */
	WRITE_ONCE(sk->sk_err, 0);
	sock_reset_flag(sk, SOCK_DONE);
	/* What an ICMP error would have to quote.  write_seq stays TCP's. */
	tcp_sk(sk)->snd_una = conn->key + fr->mask;
	WRITE_ONCE(tcp_sk(sk)->snd_nxt, tcp_sk(sk)->snd_una);
	/* When the caller lets go: an answer that is here by then does it. */
	conn->deferred = FSK_DEFER_ARM;
	fsk_conn_attach(sk, conn);
	fsk_frames_hash(fr);
	send_syn(fr);
	return FSK_ACCEPT;
}

/**
 * fsk_client_timeout - SYN or CONFIRM is due again
 * @fr: connection whose @hs_at has passed
 * @now: ns
 *
 * Context: socket lock held in either form, RCU read section.
 */
void fsk_client_timeout(struct fsk_frames *fr, u64 now)
{
	struct fsk_conn *conn = &fr->conn;
	struct net_device *dev;

	if (conn->phase == FSK_PH_CONFIRMING) {
		if (now - conn->heard_at > 60ULL * NSEC_PER_SEC) {
			fsk_conn_timeout(conn);
			return;
		}
		fsk_tx_confirm(fr, now);
		return;
	}
	if (conn->phase != FSK_PH_SYN_SENT) {
		fr->hs_at = 0;
		return;
	}
	if (now >= fr->hs_end) {
		dev = fsk_frames_dev(fr);
		if (dev)
			fsk_peer_failed(dev, fr->path.mac);
		fsk_client_fallback(fr, FSK_REASON_TIMEOUT);
		return;
	}
	send_syn(fr);
	fr->hs_at = min(now + (FSK_HS_RETRY_NS << fr->hs_tries), fr->hs_end);
	fr->hs_tries = min(fr->hs_tries + 1, 8);
}

/**
 * fsk_client_fallback - go on with TCP
 * @fr: connection in phase SYN_SENT
 * @reason: why
 *
 * Context: socket lock held in either form.
 */
void fsk_client_fallback(struct fsk_frames *fr, enum fsk_reason reason)
{
	fr->hs_at = 0;
	fsk_fall_back(&fr->conn, reason);
}

/* Go on with frames. */
static void confirm(struct fsk_frames *fr, const struct fsk_synack *sa)
{
	struct fsk_conn *conn = &fr->conn;
	u64 wait = FSK_CONFIRM_NS;

	fr->peer_id = be32_to_cpu(sa->id);
	conn->peer_key = be32_to_cpu(sa->key);
	conn->peer_mss = be16_to_cpu(sa->mss);
	conn->phase = FSK_PH_CONFIRMING;
	fr->hs_tries = 0;
	if (unlikely(fsk_state_ack_waits(conn->sk))) {
		fr->confirm_waits = true;
		wait = FSK_CONFIRM_LATE_NS;
		inet_csk_exit_pingpong_mode(conn->sk);	/* as TCP */
	}
	/* Data may ride on CONFIRM if the program hurries. */
	fr->hs_at = fsk_now() + wait;
	fsk_frames_numbers(fr, be32_to_cpu(sa->win));
	fsk_frames_hash_peer(fr);
	fsk_state_established(conn);
}

static struct mem_cgroup *memcg_of(const struct sock *sk)
{
#ifdef CONFIG_MEMCG
	return sk->sk_memcg;
#else
	return NULL;
#endif
}

static void say_syn(const struct fsk_conn *conn, struct fsk_call *call)
{
	fsk_client_call(fsk_frames(conn), call);
}

/*
 * Is there a better way to the server than frames?  BH disabled, RCU read
 * section.  Return: as fsk_transport_upgrade().
 */
static int upgrade(struct fsk_frames *fr, struct net_device *dev,
		   const struct fsk_synack *sa)
{
	const struct fsk_offer offer = {
		.dev = dev, .mac = fr->path.mac, .say_syn = say_syn,
		.synack = sa,
	};

	return fsk_transport_upgrade(&fr->conn, &offer);
}

/**
 * fsk_client_resume - what fsk_rcv_synack() could not do under the spinlock
 * @conn: connection in phase SYN_SENT
 * @sa: what the server said
 *
 * Context: process; the caller owns the socket.
 */
void fsk_client_resume(struct fsk_conn *conn, const struct fsk_synack *sa)
{
	struct fsk_frames *fr = fsk_frames(conn);
	struct mem_cgroup *memcg;
	struct net_device *dev;

	if (!rcu_access_pointer(fr->path.dev)) {
		fsk_fall_back_owned(conn, FSK_REASON_DEVICE);
		return;
	}
	memcg = set_active_memcg(memcg_of(conn->sk));
	rcu_read_lock();
	local_bh_disable();
	dev = fsk_frames_dev(fr);
	if (!dev || upgrade(fr, dev, sa) != 1)
		confirm(fr, sa);
	local_bh_enable();
	rcu_read_unlock();
	set_active_memcg(memcg);
}

/*
 * Tell the security module whom a client is connected to, as TCP's SYN-ACK
 * does.  Return: false without memory.
 */
static bool tell_lsm(struct sock *sk, struct net_device *dev, const u8 *mac)
{
	const struct fsk_tuple syn = fsk_tuple_of(sk);
	const struct fsk_tuple answer = fsk_tuple_reversed(&syn);
	struct sk_buff *skb;

	if (!IS_ENABLED(CONFIG_SECURITY_NETWORK))
		return true;
	skb = fsk_policy_synack(dev, mac, &answer);
	if (!skb)
		return false;
	security_inet_conn_established(sk, skb);
	fsk_spare_put(skb);
	return true;
}

/**
 * fsk_rcv_synack - the server is ready
 * @fr: client's connection
 * @sa: what the server says
 *
 * Context: socket lock held in either form, RCU read section.
 */
void fsk_rcv_synack(struct fsk_frames *fr, const struct fsk_synack *sa)
{
	struct net_device *dev = fsk_frames_dev(fr);
	struct sock *sk = fr->conn.sk;

	if (fr->conn.phase != FSK_PH_SYN_SENT || sk->sk_state != TCP_SYN_SENT)
		return;		/* a duplicate, or too late */
	if (sa->version != FSK_WIRE_VERSION || !sa->id ||
	    be16_to_cpu(sa->mss) < FSK_MSS_MIN) {
		fsk_client_fallback(fr, FSK_REASON_VERSION);
		return;
	}
	if (!dev || !tell_lsm(sk, dev, fr->path.mac)) {
		fsk_client_fallback(fr, FSK_REASON_NOMEM);
		return;
	}
	fsk_peer_answered(dev, fr->path.mac);
	switch (upgrade(fr, dev, sa)) {
	case 0:
		confirm(fr, sa);
		break;
	case -EAGAIN:
		fr->hs_at = 0;
		fsk_resume_later(&fr->conn, sa);
		break;
	}
}
