// SPDX-License-Identifier: GPL-2.0
/*
 * The client's half of the handshake: SYN, what the server says to it, CONFIRM.
 * Whatever else comes of it is TCP's: see fsk_client_fallback().
 */

#include <linux/lockdep.h>
#include <linux/sched/mm.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/tcp.h>

#include "base/hold.h"
#include "base/stats.h"
#include "base/tuple.h"
#include "core/conn.h"
#include "core/delegate.h"
#include "core/state.h"
#include "core/timer.h"
#include "frames/client.h"
#include "frames/frames.h"
#include "frames/tx.h"
#include "inet/policy.h"
#include "lan/eth.h"
#include "lan/peer.h"
#include "memory/across.h"
#include "rel/rel.h"
#include "stream/queue.h"

/**
 * fsk_client_syn_body - what SYN and CONFIRM say
 * @fr: client's connection
 * @syn: where to write it
 *
 * Context: socket lock held in either form.
 */
void fsk_client_syn_body(const struct fsk_frames *fr, struct fsk_syn *syn)
{
	const struct inet_sock *inet = inet_sk(fr->conn.sk);

	memset(syn, 0, sizeof(*syn));
	syn->version = FSK_WIRE_VERSION;
	syn->mss = cpu_to_be16(fr->conn.mss);
	syn->saddr = inet->inet_saddr;
	syn->daddr = inet->inet_daddr;
	syn->sport = inet->inet_sport;
	syn->dport = inet->inet_dport;
	syn->id = cpu_to_be32(fr->id);
	syn->key = cpu_to_be32(fr->conn.key);
	syn->win = cpu_to_be32(fr->rx.wnd_end - fr->rx.nxt);
	memcpy(syn->hostid, fsk_hostid, sizeof(syn->hostid));
}

static void send_syn(struct fsk_frames *fr)
{
	struct net_device *dev;
	struct fsk_syn syn;

	fsk_client_syn_body(fr, &syn);
	rcu_read_lock();
	dev = fsk_frames_dev(fr);
	if (dev)
		fsk_eth_send(dev, fr->path.mac, FSK_T_SYN, 0, 0, &syn,
			     sizeof(syn));
	rcu_read_unlock();
}

/**
 * struct fsk_fallback - what takes a handshake further in process context
 * @work: item on fsk_wq
 * @sk: socket, referenced while queued
 * @id: the connection's id
 * @key: its key
 * @sa: what its server said; only in FSK_PH_JOINING
 *
 * Not part of the connection, which may be freed while the work waits.
 */
struct fsk_fallback {
	struct work_struct work;
	struct sock *sk;
	u32 id;
	u32 key;
	struct fsk_synack sa;
};

static void fallback_work(struct work_struct *work);

/**
 * fsk_client_start - send the first SYN
 * @sk: socket in SYN_SENT with its four-tuple hashed
 * @dev: device of the route
 * @mac: the server's address
 *
 * Context: process, socket owned.
 * Return: 0 or -ENOMEM.
 */
int fsk_client_start(struct sock *sk, struct net_device *dev, const u8 *mac)
{
	int ms = READ_ONCE(fsk_net(sock_net(sk))->handshake_ms);
	struct fsk_conn *conn;
	struct fsk_frames *fr;
	u64 now = fsk_now();

	if (!fsk_eth_usable(dev))
		return -ENOMEM;
	fr = fsk_frames_alloc(sk, dev, mac, GFP_KERNEL);
	if (!fr)
		return -ENOMEM;
	conn = &fr->conn;
	fr->fallback = kmalloc(sizeof(*fr->fallback), GFP_KERNEL);
	if (!fr->fallback) {
		fsk_frames_discard(fr);
		return -ENOMEM;
	}
	do {
		fr->id = get_random_u32();
	} while (!fr->id);
	conn->key = get_random_u32();
	conn->mss = fsk_frames_mss(fr, dev);
	conn->peer_mss = conn->mss;
	fsk_rel_rx_init(&fr->rx, 0, fsk_rx_promise(sk), conn->mss);
	fsk_frames_keys(fr);
	conn->phase = FSK_PH_SYN_SENT;
	fr->hs_end = now + ms * (u64)NSEC_PER_MSEC;
	fr->hs_at = min(now + FSK_HS_RETRY_NS, fr->hs_end);
	fr->hs_tries = 1;
	/* What an earlier connection left, as tcp_connect_init() forgets it. */
	WRITE_ONCE(sk->sk_err, 0);
	sock_reset_flag(sk, SOCK_DONE);
	/* What an ICMP error would have to quote.  write_seq stays TCP's. */
	tcp_sk(sk)->snd_una = conn->key + fr->mask;
	WRITE_ONCE(tcp_sk(sk)->snd_nxt, tcp_sk(sk)->snd_una);
	fsk_conn_attach(sk, conn);
	fsk_frames_hash(fr);
	send_syn(fr);
	fsk_timer_arm(conn);
	return 0;
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

/*
 * The connection is in its new phase; the work finds it by that.  Socket lock
 * held in either form.
 */
static void queue_fallback(struct fsk_frames *fr)
{
	struct fsk_fallback *fb = fr->fallback;
	struct fsk_conn *conn = &fr->conn;

	fr->hs_at = 0;
	fr->fallback = NULL;
	sock_hold(conn->sk);
	fsk_hold();
	fb->sk = conn->sk;
	fb->id = fr->id;
	fb->key = conn->key;
	INIT_WORK(&fb->work, fallback_work);
	queue_work(fsk_wq, &fb->work);
}

/**
 * fsk_client_fallback - go on with TCP
 * @fr: connection in phase SYN_SENT
 * @reason: why
 *
 * TCP connects in process context: a work item does it.
 *
 * Context: socket lock held in either form.
 */
void fsk_client_fallback(struct fsk_frames *fr, enum fsk_reason reason)
{
	fr->conn.phase = FSK_PH_FALLBACK;
	fr->reason = reason;
	queue_fallback(fr);
}

/* The program is still waiting in connect(), or polls: it notices nothing. */
static void fallback(struct sock *sk)
{
	const struct inet_sock *inet = inet_sk(sk);
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = inet->inet_dport,
		.sin_addr.s_addr = inet->inet_daddr,
	};
	enum fsk_reason reason = fsk_frames(fsk_conn(sk))->reason;
	int err;

	fsk_conn_detach(sk);
	err = fsk_connect_tcp(sk, (struct sockaddr *)&addr, sizeof(addr),
			      reason);
	if (!err)
		return;
	WRITE_ONCE(sk->sk_err, -err);
	sk->sk_state_change(sk);
	sk_error_report(sk);
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

/* What fsk_rcv_synack() could not do under the spinlock. */
static void join(struct fsk_frames *fr, const struct fsk_synack *sa)
{
	struct fsk_conn *conn = &fr->conn;
	struct mem_cgroup *memcg;

	conn->phase = FSK_PH_SYN_SENT;
	if (!rcu_access_pointer(fr->path.dev)) {
		fr->reason = FSK_REASON_DEVICE;
		fallback(conn->sk);
		return;
	}
	memcg = set_active_memcg(memcg_of(conn->sk));
	rcu_read_lock();
	local_bh_disable();
	if (!fsk_across_join(fr, sa))
		confirm(fr, sa);
	local_bh_enable();
	rcu_read_unlock();
	set_active_memcg(memcg);
}

/* Is this what the work was queued for? */
static bool is_for(const struct fsk_fallback *fb, const struct fsk_conn *conn)
{
	return conn && fsk_in_frames(conn) &&
	       fsk_frames(conn)->id == fb->id && conn->key == fb->key &&
	       (conn->phase == FSK_PH_FALLBACK ||
		conn->phase == FSK_PH_JOINING);
}

/*
 * Own the socket, but never wait for who owns it: that may be a program asleep
 * in a page fault for as long as it likes, and all hosts' connections share the
 * workers.  It gets the item back and queues it anew when it lets go.
 *
 * Return: false if the socket is owned; @fb is gone then.
 */
static bool own(struct sock *sk, struct fsk_fallback *fb)
{
	struct fsk_conn *conn;
	bool owned;

	rcu_read_lock();
	spin_lock_bh(&sk->sk_lock.slock);
	owned = sock_owned_by_user(sk);
	if (!owned) {
		sk->sk_lock.owned = 1;
		goto out;
	}
	/* Its owner may end it just now: a grace period later @fb is freed. */
	conn = fsk_conn_rcu(sk);
	if (is_for(fb, conn)) {
		fsk_frames(conn)->fallback = fb;
		conn->deferred |= FSK_EV_FALLBACK;
	} else {
		kfree(fb);
	}
out:
	spin_unlock_bh(&sk->sk_lock.slock);
	rcu_read_unlock();
	if (!owned)	/* for lockdep; release_sock() does the opposite */
		mutex_acquire(&sk->sk_lock.dep_map, 0, 1, _RET_IP_);
	return !owned;
}

/* The connection may have ended, and the socket may have a new one. */
static void fallback_work(struct work_struct *work)
{
	struct fsk_fallback *fb = container_of(work, struct fsk_fallback, work);
	struct sock *sk = fb->sk;
	struct fsk_conn *conn;

	if (own(sk, fb)) {
		conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;
		if (sk->sk_state != TCP_SYN_SENT || !is_for(fb, conn))
			;
		else if (conn->phase == FSK_PH_FALLBACK)
			fallback(sk);
		else
			join(fsk_frames(conn), &fb->sa);
		release_sock(sk);
		kfree(fb);
	}
	sock_put(sk);
	fsk_hold_drop();
}

/**
 * fsk_client_again - the owner of a socket lets go that the work met
 * @fr: connection whose @deferred had FSK_EV_FALLBACK
 *
 * Context: the socket's spinlock is held, by its owner.
 */
void fsk_client_again(struct fsk_frames *fr)
{
	if (fr->fallback && (fr->conn.phase == FSK_PH_FALLBACK ||
			     fr->conn.phase == FSK_PH_JOINING))
		queue_fallback(fr);
}

/*
 * Tell the security module whom a client is connected to, as TCP's SYN-ACK
 * does.  Return: false without memory.
 */
static bool tell_lsm(struct sock *sk, struct net_device *dev)
{
	const struct inet_sock *inet = inet_sk(sk);
	const struct fsk_tuple answer = {
		.saddr = inet->inet_daddr, .daddr = inet->inet_saddr,
		.sport = inet->inet_dport, .dport = inet->inet_sport,
	};
	struct sk_buff *skb;

	if (!IS_ENABLED(CONFIG_SECURITY_NETWORK))
		return true;
	skb = fsk_policy_synack(dev, &answer);
	if (!skb)
		return false;
	security_inet_conn_established(sk, skb);
	kfree_skb(skb);
	return true;
}

/*
 * Does memory lead to this server?  Both ends are made by whoever owns the
 * socket: here its owner's backlog is run, or a work item is to do it.
 */
static bool joins(struct fsk_frames *fr, const struct fsk_synack *sa)
{
	struct fsk_conn *conn = &fr->conn;

	if (likely(!fsk_across_wanted(fr)) ||
	    fsk_state_ack_waits(conn->sk))
		return false;
	if (sock_owned_by_user(conn->sk))
		return fsk_across_join(fr, sa);
	if (!fsk_across_leads(fr, sa))
		return false;
	fr->fallback->sa = *sa;
	conn->phase = FSK_PH_JOINING;
	queue_fallback(fr);
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
	if (!dev || !tell_lsm(sk, dev)) {
		fsk_client_fallback(fr, FSK_REASON_NOMEM);
		return;
	}
	fsk_peer_answered(dev, fr->path.mac);
	if (!joins(fr, sa))
		confirm(fr, sa);
}
