// SPDX-License-Identifier: GPL-2.0
/*
 * SYN, SYNACK, CONFIRM: from two sockets to a connection.
 *
 * The server keeps no state for a SYN.  Its id and key are a keyed hash of what
 * the SYN said and of the time; CONFIRM repeats the SYN, is addressed to them,
 * and so proves that the client got the SYNACK.  Only then is there a child.
 */

#include <linux/lockdep.h>
#include <linux/sched/mm.h>
#include <linux/security.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/arp.h>
#include <net/inet_hashtables.h>
#include <net/l3mdev.h>
#include <net/sock_reuseport.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "base/hold.h"
#include "base/stats.h"
#include "core/conn.h"
#include "core/keepalive.h"
#include "core/state.h"
#include "core/timer.h"
#include "frames/frames.h"
#include "frames/handshake.h"
#include "frames/path.h"
#include "frames/rx.h"
#include "frames/tomb.h"
#include "frames/tx.h"
#include "frames/waiting.h"
#include "inet/conntrack.h"
#include "inet/policy.h"
#include "lan/eth.h"
#include "lan/peer.h"
#include "memory/across.h"
#include "rel/rel.h"
#include "socket/claim.h"
#include "stream/send.h"

static siphash_aligned_key_t cookie_secret;

/**
 * fsk_handshake_syn_body - what SYN and CONFIRM say
 * @fr: client's connection
 * @syn: where to write it
 *
 * Context: socket lock held in either form.
 */
void fsk_handshake_syn_body(const struct fsk_frames *fr, struct fsk_syn *syn)
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

/**
 * fsk_handshake_mss - what an end takes in one frame
 * @sk: its socket, which may have TCP_MAXSEG
 * @mtu: bytes of frame (struct fsk_hdr included) that the way takes
 *
 * Context: any.
 * Return: bytes.
 */
u16 fsk_handshake_mss(const struct sock *sk, u32 mtu)
{
	u32 mss = min_t(u32, mtu, U16_MAX) - sizeof(struct fsk_hdr);
	u32 user_mss = READ_ONCE(tcp_sk(sk)->rx_opt.user_mss);

	return user_mss ? min(mss, max_t(u32, user_mss, FSK_MSS_MIN)) : mss;
}

/* A route may be narrower than its device. */
static u16 fitting(u16 mss, u32 mtu)
{
	const u32 least = FSK_MSS_MIN + sizeof(struct fsk_hdr);

	return min_t(u32, mss, max(mtu, least) - sizeof(struct fsk_hdr));
}

static u16 own_mss(const struct fsk_frames *fr, const struct net_device *dev)
{
	return fitting(fsk_handshake_mss(fr->conn.sk, fsk_eth_mtu(dev)),
		       fr->path.mtu);
}

/* What a segment of that size means to TCP's own code, and to tools. */
static void sizes(struct fsk_conn *conn)
{
	struct inet_connection_sock *icsk = inet_csk(conn->sk);
	struct tcp_sock *tp = tcp_sk(conn->sk);

	tp->mss_cache = min(conn->mss, conn->peer_mss);
	tp->advmss = conn->mss;
	icsk->icsk_rto = TCP_RTO_MIN;	/* for tcp_fin_time() */
	icsk->icsk_pmtu_cookie = conn->mss + sizeof(struct fsk_hdr);
	icsk->icsk_ack.lrcvtime = tcp_jiffies32;
	icsk->icsk_ack.rcv_mss = conn->mss;
}

/**
 * fsk_handshake_numbers - tell TCP's socket where sequences begin: at the keys
 * @conn: attached connection with keys and segment sizes
 * @mask: what the sending numbers are to be ahead of the key
 *
 * Context: socket lock held in either form.
 */
void fsk_handshake_numbers(struct fsk_conn *conn, u32 mask)
{
	struct tcp_sock *tp = tcp_sk(conn->sk);
	u32 seq = conn->key + mask;

	tp->snd_una = seq;
	tp->pushed_seq = seq;
	WRITE_ONCE(tp->snd_nxt, seq);
	WRITE_ONCE(tp->write_seq, seq);
	WRITE_ONCE(tp->copied_seq, conn->peer_key);
	WRITE_ONCE(tp->rcv_nxt, conn->peer_key);
	tp->rcv_wup = conn->peer_key;
	tp->rcv_wnd = S32_MAX;	/* so that tcp_poll() sees no pressure */
	tp->urg_data = 0;
	conn->corked = tp->nonagle & TCP_NAGLE_CORK;
	conn->told_una = conn->key;
	conn->told_nxt = conn->key;
	conn->told_rcv = conn->peer_key;
	conn->tuned_seq = conn->peer_key;
	conn->tuned_at = tcp_jiffies32;
	sizes(conn);
	fsk_send_init_buffer(conn->sk);
	fsk_conn_info(conn);
}

/* Both halves of the core; the other end takes @peer_win bytes at once. */
static void frames_numbers(struct fsk_frames *fr, u32 peer_win)
{
	struct fsk_conn *conn = &fr->conn;

	fsk_rel_tx_init(&fr->tx, conn->key, peer_win, fsk_tx_mss(fr),
			&fsk_cc_lan);
	fsk_rel_rx_init(&fr->rx, conn->peer_key, fsk_rx_promise(conn->sk),
			conn->mss);
	fsk_frames_keys(fr);
	fsk_handshake_numbers(conn, fr->mask);
}

static void send_syn(struct fsk_frames *fr)
{
	struct net_device *dev;
	struct fsk_syn syn;

	fsk_handshake_syn_body(fr, &syn);
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
 * fsk_handshake_start - send the first SYN
 * @sk: socket in SYN_SENT with its four-tuple hashed
 * @dev: device of the route
 * @mac: the server's address
 *
 * Context: process, socket owned.
 * Return: 0 or -ENOMEM.
 */
int fsk_handshake_start(struct sock *sk, struct net_device *dev, const u8 *mac)
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
	conn->mss = own_mss(fr, dev);
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
 * fsk_handshake_timeout - SYN or CONFIRM is due again
 * @fr: connection whose @hs_at has passed
 * @now: ns
 *
 * Context: socket lock held in either form, RCU read section.
 */
void fsk_handshake_timeout(struct fsk_frames *fr, u64 now)
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
		fsk_handshake_fallback(fr, FSK_REASON_TIMEOUT);
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
 * fsk_handshake_fallback - go on with TCP
 * @fr: connection in phase SYN_SENT
 * @reason: why
 *
 * TCP connects in process context: a work item does it.
 *
 * Context: socket lock held in either form.
 */
void fsk_handshake_fallback(struct fsk_frames *fr, enum fsk_reason reason)
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

/**
 * fsk_handshake_ack_waits - does a client's last word in the handshake wait?
 * @sk: its socket
 *
 * As in tcp_rcv_synsent_state_process().  A program that looks whether a server
 * listens resets the connection before, and the server's program sees nothing.
 *
 * Context: the caller owns @sk, or has its spinlock.
 * Return: true if it is to wait for data.
 */
bool fsk_handshake_ack_waits(struct sock *sk)
{
	return inet_csk_in_pingpong_mode(sk) ||
	       READ_ONCE(inet_csk(sk)->icsk_accept_queue.rskq_defer_accept);
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
	if (unlikely(fsk_handshake_ack_waits(conn->sk))) {
		fr->confirm_waits = true;
		wait = FSK_CONFIRM_LATE_NS;
		inet_csk_exit_pingpong_mode(conn->sk);	/* as TCP */
	}
	/* Data may ride on CONFIRM if the program hurries. */
	fr->hs_at = fsk_now() + wait;
	frames_numbers(fr, be32_to_cpu(sa->win));
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
 * fsk_handshake_again - the owner of a socket lets go that the work met
 * @fr: connection whose @deferred had FSK_EV_FALLBACK
 *
 * Context: the socket's spinlock is held, by its owner.
 */
void fsk_handshake_again(struct fsk_frames *fr)
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
	    fsk_handshake_ack_waits(conn->sk))
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
		fsk_handshake_fallback(fr, FSK_REASON_VERSION);
		return;
	}
	if (!dev || !tell_lsm(sk, dev)) {
		fsk_handshake_fallback(fr, FSK_REASON_NOMEM);
		return;
	}
	fsk_peer_answered(dev, fr->path.mac);
	if (!joins(fr, sa))
		confirm(fr, sa);
}

/* The server's id and key: a hash of the SYN, the client's place, and time. */
static u64 cookie(const struct fsk_syn *syn, const struct net_device *dev,
		  const u8 *mac, u32 slot)
{
	struct {
		__be32 saddr, daddr, id, key;
		__be16 sport, dport;
		u32 slot;
		u32 net;
		u32 ifindex;
		u8 mac[ETH_ALEN];
		__be16 mss;
	} __packed __aligned(SIPHASH_ALIGNMENT) in = {
		.saddr = syn->saddr, .daddr = syn->daddr,
		.id = syn->id, .key = syn->key,
		.sport = syn->sport, .dport = syn->dport,
		.slot = slot, .net = net_hash_mix(dev_net(dev)),
		.ifindex = dev->ifindex, .mss = syn->mss,
	};
	u64 hash;

	ether_addr_copy(in.mac, mac);
	hash = siphash(&in, sizeof(in), &cookie_secret);
	return upper_32_bits(hash) ? hash : hash | BIT_ULL(32);	/* id not 0 */
}

static u32 cookie_slot(void)
{
	u64 now = get_jiffies_64();

	return now >> FSK_COOKIE_SHIFT;
}

/*
 * What the cookie vouches for, whenever it was made: the same hash for a time
 * that no clock shows.
 */
static u64 cookie_body(const struct fsk_syn *syn, const struct net_device *dev,
		       const u8 *mac)
{
	return cookie(syn, dev, mac, U32_MAX);
}

static bool cookie_ok(u32 id, u32 key, const struct fsk_syn *syn,
		      const struct net_device *dev, const u8 *mac)
{
	u64 got = (u64)id << 32 | key;
	u32 slot = cookie_slot();

	return got == cookie(syn, dev, mac, slot) ||
	       got == cookie(syn, dev, mac, slot - 1);
}

/**
 * fsk_handshake_answered - did this device of ours answer this SYN?
 * @dev: device
 * @syn: what the client says
 * @mac: client's address
 * @id: id in SYNACK, host order
 * @key: key in SYNACK, host order
 *
 * Nobody but this kernel can make the cookie, and it is good for one connection
 * once and for some seconds.
 *
 * Context: RCU read section.
 * Return: true if so.
 */
bool fsk_handshake_answered(const struct net_device *dev,
			    const struct fsk_syn *syn, const u8 *mac, u32 id,
			    u32 key)
{
	return cookie_ok(id, key, syn, dev, mac) &&
	       !fsk_tomb_find(dev_net(dev), id, key);
}

/**
 * fsk_handshake_listener - find the listener TCP would give this SYN to
 * @dev: device it came from
 * @t: addresses
 *
 * Context: BH disabled, RCU read section.
 * Return: the listener, referenced if it counts references, or NULL.
 */
struct sock *fsk_handshake_listener(struct net_device *dev,
				    const struct fsk_tuple *t)
{
	struct net *net = dev_net(dev);
	int dif = dev->ifindex, sdif = 0;
	struct sock *sk;

	if (netif_is_l3_slave(dev)) {
		sdif = dif;
		dif = l3mdev_master_ifindex_rcu(dev);
	}
	sk = __inet_lookup_listener(net, net->ipv4.tcp_death_row.hashinfo, NULL,
				    0, t->saddr, t->sport, t->daddr,
				    ntohs(t->dport), dif, sdif);
	if (sk && !refcount_inc_not_zero(&sk->sk_refcnt))
		return NULL;
	return sk;
}

/* What a child of this listener could not be. */
static int listener_reason(struct sock *lsk)
{
	const struct inet_connection_sock *icsk = inet_csk(lsk);
	const struct sock_reuseport *group;
	int reason;

	if (lsk->sk_family != AF_INET || !fsk_claimed(lsk))
		return FSK_REASON_UNCLAIMED;
	reason = fsk_option_reason(lsk);
	if (reason != FSK_ACCEPT)
		return reason;
	if (icsk->icsk_accept_queue.fastopenq.max_qlen)
		return FSK_REASON_FASTOPEN;
	if (icsk->icsk_accept_queue.rskq_defer_accept ||
	    tcp_sk(lsk)->save_syn)
		return FSK_REASON_LISTENER;
	/* A queued child would move to a socket that may not be claimed. */
	if (lsk->sk_reuseport &&
	    READ_ONCE(sock_net(lsk)->ipv4.sysctl_tcp_migrate_req))
		return FSK_REASON_LISTENER;
	/* A program that picks the socket wants to see the segment. */
	group = rcu_dereference(lsk->sk_reuseport_cb);
	if (group && rcu_access_pointer(group->prog))
		return FSK_REASON_LISTENER;
	return fsk_policy_sock(lsk);
}

static struct request_sock *make_req(struct sock *lsk, struct sk_buff *skb,
				     const struct fsk_tuple *t, u16 mss)
{
	struct request_sock *req;
	struct inet_request_sock *ireq;
	struct tcp_request_sock *treq;

	req = inet_reqsk_alloc(tcp_prot.rsk_prot, lsk, false);
	if (!req)
		return NULL;
	ireq = inet_rsk(req);
	treq = tcp_rsk(req);
	/* Not all of it is set by the allocator; TCP's own paths fill it. */
	req->num_retrans = 0;
	req->num_timeout = 0;
	req->syncookie = 0;
	req->mss = mss;
	req->ts_recent = 0;
	req->rsk_rcv_wnd = 0;
	req->rsk_window_clamp = 0;
	sk_rcv_saddr_set(req_to_sk(req), t->daddr);
	sk_daddr_set(req_to_sk(req), t->saddr);
	ireq->ir_num = ntohs(t->dport);
	ireq->ir_rmt_port = t->sport;
	ireq->ir_iif = inet_request_bound_dev_if(lsk, skb);
	ireq->ir_mark = inet_request_mark(lsk, skb);
	ireq->tstamp_ok = 0;
	ireq->sack_ok = 0;
	ireq->wscale_ok = 0;
	ireq->snd_wscale = 0;
	ireq->rcv_wscale = 0;
	ireq->ecn_ok = 0;
	ireq->acked = 0;
	ireq->no_srccheck = 0;
#if IS_ENABLED(CONFIG_SMC)
	ireq->smc_ok = 0;
#endif
	/* The child's numbers are 0 until fsk_handshake_numbers(). */
	fsk_compat_req(treq);
	treq->txhash = net_tx_rndhash();
	treq->rcv_nxt = treq->rcv_isn + 1;
	return req;
}

/* Would the security module let TCP answer this SYN? */
static int lsm_reason(struct sock *lsk, struct sk_buff *skb,
		      const struct fsk_tuple *t)
{
	struct request_sock *req;
	int reason;

	if (!IS_ENABLED(CONFIG_SECURITY_NETWORK))
		return FSK_ACCEPT;
	req = make_req(lsk, skb, t, TCP_MSS_DEFAULT);
	if (!req)
		return FSK_REASON_NOMEM;
	reason = security_inet_conn_request(lsk, skb, req) ? FSK_REASON_LSM :
							     FSK_ACCEPT;
	reqsk_free(req);
	return reason;
}

/* Who has the server's end of that name, referenced. */
static struct sock *named(struct net_device *dev, const struct fsk_tuple *t)
{
	struct net *net = dev_net(dev);

	return __inet_lookup_established(net,
					 net->ipv4.tcp_death_row.hashinfo,
					 t->saddr, t->sport, t->daddr,
					 ntohs(t->dport), dev->ifindex, 0);
}

/**
 * fsk_handshake_name_used - does a socket have this four-tuple?
 * @dev: device the client is on
 * @t: addresses
 * @take_over: end one that rests in TIME_WAIT
 *
 * What rests there guards against late segments, which cannot reach us: a new
 * connection may take over from it.
 *
 * Context: BH disabled, RCU read section.
 * Return: true if there is one, TIME_WAIT excepted.
 */
bool fsk_handshake_name_used(struct net_device *dev, const struct fsk_tuple *t,
			     bool take_over)
{
	struct sock *sk = named(dev, t);
	bool in_use;

	if (!sk)
		return false;
	in_use = sk->sk_state != TCP_TIME_WAIT;
	if (!in_use && take_over)
		inet_twsk_deschedule_put(inet_twsk(sk));
	else
		sock_gen_put(sk);
	return in_use;
}

/**
 * fsk_handshake_judge - may this listener have this connection?
 * @lsk: listener
 * @dev: device the client is on
 * @t: addresses
 * @mark: of the SYN as it arrives
 * @syn: where to put the SYN that was judged; to be freed by kfree_skb()
 * @mtu: where to put the MTU of the way back, bytes
 *
 * The security module is asked later, see fsk_handshake_child().
 *
 * Context: BH disabled, RCU read section.
 * Return: FSK_ACCEPT, or the enum fsk_reason to delegate with, without a SYN.
 */
int fsk_handshake_judge(struct sock *lsk, struct net_device *dev,
			const struct fsk_tuple *t, u32 mark,
			struct sk_buff **syn, u32 *mtu)
{
	int reason = listener_reason(lsk);

	if (reason == FSK_ACCEPT &&
	    (sk_acceptq_is_full(lsk) ||
	     fsk_handshake_name_used(dev, t, false)))
		reason = FSK_REASON_BACKLOG;
	return reason == FSK_ACCEPT ?
	       fsk_policy_accept(lsk, dev, t, mark, syn, mtu) : reason;
}

/* FSK_ACCEPT and what to offer, or why TCP is to serve this client. */
static int syn_reason(const struct fsk_syn *syn, struct net_device *dev,
		      const struct fsk_tuple *t, struct fsk_synack *sa)
{
	struct sk_buff *skb = NULL;
	struct sock *lsk;
	u32 mtu = 0;
	int reason;
	u16 mss;

	if (!READ_ONCE(fsk_net(dev_net(dev))->enable))
		return FSK_REASON_DISABLED;
	if (!fsk_eth_usable(dev))
		return FSK_REASON_DEVICE;
	if (syn->version == FSK_WIRE_REFUSED)	/* see bridge.c */
		return FSK_REASON_NETFILTER;
	if (syn->version != FSK_WIRE_VERSION)
		return FSK_REASON_VERSION;
	lsk = fsk_handshake_listener(dev, t);
	if (!lsk)
		return FSK_REASON_NO_LISTENER;
	reason = fsk_tomb_full(dev_net(dev)) ?
		 FSK_REASON_BACKLOG :
		 fsk_handshake_judge(lsk, dev, t, 0, &skb, &mtu);
	/* CONFIRM meets no rule that would mark it for the child. */
	if (reason == FSK_ACCEPT && inet_request_mark(lsk, skb) !=
				    READ_ONCE(lsk->sk_mark))
		reason = FSK_REASON_NETFILTER;
	if (reason == FSK_ACCEPT)
		reason = lsm_reason(lsk, skb, t);
	kfree_skb(skb);
	sa->win = cpu_to_be32(fsk_rx_promise(lsk));
	if (reason == FSK_ACCEPT) {
		mss = fsk_handshake_mss(lsk, fsk_eth_mtu(dev));
		sa->mss = cpu_to_be16(fitting(mss, mtu));
	}
	sock_put(lsk);
	return reason;
}

static void syn_tuple(const struct fsk_syn *syn, struct fsk_tuple *t)
{
	t->saddr = syn->saddr;
	t->daddr = syn->daddr;
	t->sport = syn->sport;
	t->dport = syn->dport;
}

static bool syn_sane(const struct fsk_syn *syn)
{
	return syn->id && syn->sport && syn->dport && !syn->reserved &&
	       be16_to_cpu(syn->mss) >= FSK_MSS_MIN &&
	       !ipv4_is_multicast(syn->saddr) && !ipv4_is_lbcast(syn->saddr) &&
	       !ipv4_is_zeronet(syn->saddr) && !ipv4_is_multicast(syn->daddr) &&
	       !ipv4_is_lbcast(syn->daddr) && !ipv4_is_zeronet(syn->daddr);
}

/*
 * Is @mac where TCP would send its SYN-ACK?  Otherwise any machine on the
 * segment could claim its neighbour's address.  CONFIRM need not ask again: its
 * cookie covers both.
 */
static bool source_known(struct net_device *dev, const u8 *mac, __be32 addr)
{
	u8 known[MAX_ADDR_LEN];
	struct neighbour *n;

	if (dev->flags & IFF_LOOPBACK)
		return true;
	n = __ipv4_neigh_lookup_noref(dev, (__force u32)addr);
	if (!n || !(READ_ONCE(n->nud_state) & NUD_VALID))
		return false;
	neigh_ha_snapshot(known, n, dev);
	return ether_addr_equal(known, mac);
}

/* The spinlock is held.  Return: false if the peer is somebody else. */
static bool ask_peer(struct fsk_frames *fr, const struct fsk_syn *syn,
		     const struct net_device *dev, const u8 *mac)
{
	struct sock *sk = fr->conn.sk;

	if (!fsk_conn_opening(&fr->conn) && !sock_owned_by_user(sk) &&
	    !fsk_path_fresh(&fr->conn))
		fsk_path_check(fr);
	if (rcu_access_pointer(fr->path.dev) != dev ||
	    !ether_addr_equal(fr->path.mac, mac))
		return false;
	/* Its own SYN may come twice. */
	if (fr->peer_id != be32_to_cpu(syn->id) && !sock_owned_by_user(sk))
		fsk_tx_probe(fr);
	return true;
}

/*
 * A client that asks for the name of a connection it has may have forgotten it,
 * as a host that rebooted: ask it, and the SYN that it sends next finds the
 * name free.  TCP's challenge ack.
 *
 * Context: BH disabled, RCU read section.
 * Return: true if @syn needs no answer.
 */
static bool ask_after(const struct fsk_syn *syn, struct net_device *dev,
		      const u8 *mac, const struct fsk_tuple *t)
{
	struct sock *sk = named(dev, t);
	struct fsk_conn *conn;
	bool known = false;

	if (!sk)
		return false;
	if (!sk_fullsock(sk))
		goto out;
	bh_lock_sock(sk);
	conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;
	if (!fsk_conn_dead(conn) && fsk_in_frames(conn))
		known = ask_peer(fsk_frames(conn), syn, dev, mac);
	bh_unlock_sock(sk);
out:
	sock_gen_put(sk);
	return known;
}

static void answer_syn(const struct fsk_syn *syn, struct net_device *dev,
		       const u8 *mac, int reason, struct fsk_synack *sa)
{
	struct fsk_reject rej = { .reason = cpu_to_be32(reason) };
	u64 c;

	if (reason != FSK_ACCEPT) {
		fsk_eth_send(dev, mac, FSK_T_REJECT, syn->id, syn->key, &rej,
			     sizeof(rej));
		return;
	}
	c = cookie(syn, dev, mac, cookie_slot());
	sa->id = cpu_to_be32(upper_32_bits(c));
	sa->key = cpu_to_be32(lower_32_bits(c));
	fsk_eth_send(dev, mac, FSK_T_SYNACK, syn->id, syn->key, sa,
		     sizeof(*sa));
}

/**
 * fsk_rcv_syn - a client asks for a connection
 * @skb: SYN frame, data at struct fsk_hdr, length checked; consumed
 * @dev: device it came from
 * @mac: client's address
 *
 * Answers SYNACK or REJECT and remembers nothing.
 *
 * Context: softirq, RCU read section.
 */
void fsk_rcv_syn(struct sk_buff *skb, struct net_device *dev, const u8 *mac)
{
	const struct fsk_syn *syn = (const void *)(skb->data +
						   sizeof(struct fsk_hdr));
	struct net *net = dev_net(dev);
	struct fsk_synack sa = { .version = FSK_WIRE_VERSION };
	struct fsk_tuple t;
	int reason;

	if (!syn_sane(syn)) {
		fsk_drop(net, skb, FSK_DROP_LENGTH);
		return;
	}
	switch (fsk_peer_judge_syn(dev, mac)) {
	case FSK_SYN_DROP:
		fsk_drop(net, skb, FSK_DROP_RATE);
		return;
	case FSK_SYN_REJECT:
		answer_syn(syn, dev, mac, FSK_REASON_BACKLOG, &sa);
		fsk_drop(net, skb, FSK_DROP_RATE);
		return;
	case FSK_SYN_JUDGE:
		break;
	}
	syn_tuple(syn, &t);
	reason = source_known(dev, mac, t.saddr) ?
		 syn_reason(syn, dev, &t, &sa) : FSK_REASON_UNKNOWN_PEER;
	if (likely(reason != FSK_REASON_BACKLOG) ||
	    !ask_after(syn, dev, mac, &t))
		answer_syn(syn, dev, mac, reason, &sa);
	consume_skb(skb);
}

/* TCP arms keepalive if the listener has it; ours starts when it is queued. */
static void disarm(struct sock *sk)
{
	tcp_prot.keepalive(sk, 0);
}

/**
 * fsk_handshake_child - TCP's clone of a listener
 * @lsk: listener
 * @dev: device the client is on
 * @t: addresses
 * @mss: what the client takes in one frame, bytes
 * @skb: SYN, as fsk_policy_syn() makes it
 * @reqp: where to put the request
 *
 * Context: BH disabled, RCU read section.
 * Return: the child, its spinlock held, in the established hash; NULL if the
 * accept queue is full, without memory, or if the security module objects.
 */
struct sock *fsk_handshake_child(struct sock *lsk, struct net_device *dev,
				 const struct fsk_tuple *t, u16 mss,
				 struct sk_buff *skb,
				 struct request_sock **reqp)
{
	struct request_sock *req;
	struct sock *child;
	bool own_req = false;

	req = make_req(lsk, skb, t, mss);
	if (!req)
		return NULL;
	if (security_inet_conn_request(lsk, skb, req))
		goto err_req;
	child = fsk_syn_recv_sock(inet_csk(lsk)->icsk_af_ops, lsk, skb, req,
				  &own_req);
	if (!child)
		goto err_req;
	security_inet_conn_established(child, skb);
	disarm(child);
	refcount_set(&req->rsk_refcnt, 1);
	*reqp = req;
	return child;

err_req:
	reqsk_free(req);
	return NULL;
}

/* Turn TCP's child into one end of a connection.  @child is locked. */
static void child_init(struct sock *child, struct fsk_frames *fr,
		       u32 id, u32 key, const struct fsk_syn *syn)
{
	struct fsk_conn *conn = &fr->conn;

	fr->id = id;
	conn->key = key;
	fr->peer_id = be32_to_cpu(syn->id);
	conn->peer_key = be32_to_cpu(syn->key);
	conn->peer_mss = be16_to_cpu(syn->mss);
	conn->mss = own_mss(fr, fsk_frames_dev(fr));
	conn->phase = FSK_PH_OPEN;
	fsk_conn_attach(child, conn);
	frames_numbers(fr, be32_to_cpu(syn->win));
	tcp_set_state(child, TCP_ESTABLISHED);
	fsk_frames_hash(fr);
	fsk_frames_hash_peer(fr);
}

/**
 * fsk_handshake_discard - undo fsk_handshake_child()
 * @child: its result, not attached
 * @req: its request
 *
 * The child is bound and hashed, so TCP's way of discarding unfinished children
 * is not for it.
 *
 * Context: BH disabled.
 */
void fsk_handshake_discard(struct sock *child, struct request_sock *req)
	__releases(&child->sk_lock.slock)
{
	reqsk_put(req);
	tcp_set_state(child, TCP_CLOSE);
	sock_orphan(child);
	this_cpu_inc(*child->sk_prot->orphan_count);
	inet_csk_destroy_sock(child);
	bh_unlock_sock(child);
	sock_put(child);
}

/**
 * fsk_handshake_queue - give a child to its listener
 * @lsk: listener
 * @child: from fsk_handshake_child(), attached; its spinlock is released
 * @req: its request
 *
 * Context: BH disabled, RCU read section.
 * Return: false if the listener has closed meanwhile; the child is gone.
 */
bool fsk_handshake_queue(struct sock *lsk, struct sock *child,
			 struct request_sock *req)
	__releases(&child->sk_lock.slock)
{
	bool queued = inet_csk_reqsk_queue_add(lsk, req, child);

	if (unlikely(sock_flag(child, SOCK_KEEPOPEN)) && queued)
		fsk_keepalive_start(fsk_conn(child));
	bh_unlock_sock(child);
	if (queued)
		lsk->sk_data_ready(lsk);
	else
		reqsk_put(req);
	sock_put(child);
	return queued;
}

static struct fsk_frames *accept_confirm(struct sock *lsk, u32 id, u32 key,
					 const struct fsk_syn *syn,
					 struct net_device *dev, const u8 *mac)
{
	struct request_sock *req;
	struct fsk_frames *fr;
	struct fsk_tuple t;
	struct sk_buff *skb;
	struct sock *child;

	syn_tuple(syn, &t);
	if (fsk_handshake_name_used(dev, &t, true))
		return ERR_PTR(-EAGAIN);
	skb = fsk_policy_syn(dev, &t);
	if (!skb)
		return ERR_PTR(-EAGAIN);
	child = fsk_handshake_child(lsk, dev, &t, be16_to_cpu(syn->mss), skb,
				    &req);
	kfree_skb(skb);
	if (!child)
		return ERR_PTR(-EAGAIN);
	__acquire(&child->sk_lock.slock);	/* TCP locked it */
	fr = fsk_eth_usable(dev) ?
	     fsk_frames_alloc(child, dev, mac, GFP_ATOMIC) : NULL;
	if (fr)
		fr->tomb = fsk_tomb_alloc(GFP_ATOMIC);
	/* The listener's options may have changed since they were looked at. */
	if (!fr || !fr->tomb ||
	    rcu_access_pointer(child->sk_filter) ||
	    inet_csk(child)->icsk_ulp_ops) {
		if (fr)
			fsk_frames_discard(fr);
		fsk_handshake_discard(child, req);
		return ERR_PTR(-ENOMEM);
	}
	child_init(child, fr, id, key, syn);
	fsk_conntrack_open(&fr->conn, FSK_TRACKED_SERVER);
	fsk_peer_answered(dev, mac);
	fsk_stat_inc(dev_net(dev), FSK_MIB_PASSIVE_OPENS);
	fsk_stat_inc(dev_net(dev), FSK_MIB_CURR_ESTAB);
	return fsk_handshake_queue(lsk, child, req) ? fr : ERR_PTR(-EAGAIN);
}

static bool cookie_good(u32 id, u32 key, const struct fsk_syn *syn,
			struct net_device *dev, const u8 *mac)
{
	struct fsk_net *fn = fsk_net(dev_net(dev));

	return cookie_ok(id, key, syn, dev, mac) ||
	       (fsk_waiting_any(fn) &&
		fsk_waiting_find(fn, (u64)id << 32 | key,
				 cookie_body(syn, dev, mac), false));
}

/*
 * The accept queue is full, and the client's program believes itself connected:
 * for as long as it goes on asking, its cookie stays good.  SYNACK once more
 * tells its host that the server is there, though its program may sleep.
 */
static void let_wait(struct sock *lsk, u32 id, u32 key,
		     const struct fsk_syn *syn, struct net_device *dev,
		     const u8 *mac)
{
	struct fsk_synack sa = {
		.version = FSK_WIRE_VERSION,
		.id = cpu_to_be32(id),
		.key = cpu_to_be32(key),
		.win = cpu_to_be32(fsk_rx_promise(lsk)),
		.mss = cpu_to_be16(fsk_handshake_mss(lsk, fsk_eth_mtu(dev))),
	};

	if (fsk_waiting_add(fsk_net(dev_net(dev)), (u64)id << 32 | key,
			    cookie_body(syn, dev, mac)))
		fsk_eth_send(dev, mac, FSK_T_SYNACK, syn->id, syn->key, &sa,
			     sizeof(sa));
}

/**
 * fsk_rcv_confirm - a client confirms a connection nobody knows yet
 * @id: first half of the cookie
 * @key: second half
 * @syn: head of the body
 * @dev: device it came from
 * @mac: client's address
 *
 * Context: softirq, RCU read section.
 * Return: the new connection, on its listener's accept queue; NULL if the
 * client is to be told that there is none; ERR_PTR(-EAGAIN) if it had better
 * try again (accept queue full, out of memory).
 */
struct fsk_frames *fsk_rcv_confirm(u32 id, u32 key,
				   const struct fsk_syn *syn,
				   struct net_device *dev, const u8 *mac)
{
	struct net *net = dev_net(dev);
	struct fsk_frames *fr;
	struct fsk_tuple t;
	struct sock *lsk;

	if (!syn_sane(syn) || !cookie_good(id, key, syn, dev, mac) ||
	    fsk_tomb_find(net, id, key)) {
		fsk_drop(net, NULL, FSK_DROP_COOKIE);
		return NULL;
	}
	syn_tuple(syn, &t);
	lsk = fsk_handshake_listener(dev, &t);
	if (!lsk)
		return NULL;
	if (listener_reason(lsk) != FSK_ACCEPT) {
		fr = NULL;
	} else if (sk_acceptq_is_full(lsk)) {
		fsk_drop(net, NULL, FSK_DROP_BACKLOG);
		let_wait(lsk, id, key, syn, dev, mac);
		fr = ERR_PTR(-EAGAIN);
	} else {
		fr = accept_confirm(lsk, id, key, syn, dev, mac);
	}
	/* Whatever came of it: a copy that is late finds nothing. */
	if (!IS_ERR(fr) && fsk_waiting_any(fsk_net(net)))
		fsk_waiting_find(fsk_net(net), (u64)id << 32 | key,
				 cookie_body(syn, dev, mac), true);
	sock_put(lsk);
	return fr;
}

/**
 * fsk_handshake_taker - who takes a connection that was offered?
 * @dev: device the client is on
 * @t: addresses
 *
 * What fsk_rcv_confirm() asks once more, when SYN was judged already.
 *
 * Context: BH disabled, RCU read section.
 * Return: the listener, referenced, or NULL.
 */
struct sock *fsk_handshake_taker(struct net_device *dev,
				 const struct fsk_tuple *t)
{
	struct sock *lsk = fsk_handshake_listener(dev, t);

	if (!lsk)
		return NULL;
	if (listener_reason(lsk) == FSK_ACCEPT && !sk_acceptq_is_full(lsk) &&
	    !fsk_handshake_name_used(dev, t, false))
		return lsk;
	sock_put(lsk);
	return NULL;
}

/**
 * fsk_handshake_init - choose the cookie secret
 *
 * Context: process, module load.
 * Return: 0.
 */
int fsk_handshake_init(void)
{
	get_random_bytes(&cookie_secret, sizeof(cookie_secret));
	return 0;
}
