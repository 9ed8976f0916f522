// SPDX-License-Identifier: GPL-2.0
/*
 * Claiming sockets, and giving them to TCP when fastsock is not to be.
 *
 * tcp_prot.init is the one hook.  It never sleeps, so that after restoring the
 * pointer synchronize_rcu_tasks() proves that no task is inside.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/etherdevice.h>
#include <linux/hash.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/seccomp.h>
#include <linux/workqueue.h>
#include <net/arp.h>
#include <net/inet_common.h>
#include <net/inet_hashtables.h>
#include <net/ip_fib.h>
#include <net/route.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "base/hold.h"
#include "base/stats.h"
#include "core/conn.h"
#include "core/state.h"
#include "frames/handshake.h"
#include "inet/policy.h"
#include "lan/eth.h"
#include "lan/hello.h"
#include "lan/peer.h"
#include "memory/connect.h"
#include "memory/memory.h"
#include "memory/pair.h"
#include "memory/recv.h"
#include "memory/send.h"
#include "socket/claim.h"
#include "socket/sock.h"
#include "stream/recv.h"
#include "stream/send.h"

struct proto_ops fsk_claimed_ops __read_mostly;
struct proto_ops fsk_veteran_ops __read_mostly;
struct proto_ops fsk_stream_ops __read_mostly;
struct proto_ops fsk_memory_ops __read_mostly;

static int (*tcp_prot_init)(struct sock *sk);	/* what we hooked over */
static DEFINE_MUTEX(claim_mutex);	/* those below, tcp_prot.init, hold.c */
static unsigned int claim_users;
static unsigned int claim_parting;	/* references that claim_work drops */
static void claim_part(struct work_struct *work);
static DECLARE_WORK(claim_work, claim_part);
static unsigned int family;
module_param(family, uint, 0444);
MODULE_PARM_DESC(family, "address family number of AF_FASTSOCK, 19 for example; 0 (default): there is none");

static bool undecided(const struct socket *sock)
{
	const struct proto_ops *ops = READ_ONCE(sock->ops);

	return ops == &fsk_claimed_ops || ops == &fsk_veteran_ops;
}

static bool connected_ops(const struct socket *sock)
{
	return sock->ops == &fsk_stream_ops || sock->ops == &fsk_memory_ops;
}

/* Context: process; the caller owns @sk, or nobody else knows it. */
static void claim(struct sock *sk)
{
	WRITE_ONCE(sk->sk_socket->ops, &fsk_claimed_ops);
	fsk_stat_inc(sock_net(sk), FSK_MIB_CLAIMED);
}

static int hook(struct sock *sk)
{
	struct socket *sock;
	int err;

	err = tcp_prot_init(sk);
	if (err || READ_ONCE(fsk_net(sock_net(sk))->enable) != FSK_ENABLE_ALL)
		return err;
	sock = sk->sk_socket;
	if (!sk->sk_kern_sock && sock && sock->ops == &inet_stream_ops)
		claim(sk);
	return 0;
}

/**
 * fsk_claimed - does fastsock have a say on this socket?
 * @sk: listener
 *
 * Context: softirq or process, BH disabled.
 * Return: true if its proto_ops are fastsock's.
 */
bool fsk_claimed(struct sock *sk)
{
	bool ours;

	/* sock_orphan() changes sk_socket under this lock. */
	read_lock(&sk->sk_callback_lock);
	ours = sk->sk_socket && undecided(sk->sk_socket);
	read_unlock(&sk->sk_callback_lock);
	return ours;
}

/**
 * fsk_delegate - from here on the socket is TCP's alone
 * @sk: claimed socket without connection
 * @reason: why, for the counter and the tracepoint
 *
 * Context: process; the caller owns @sk and holds the module (fsk_hold()),
 * because the socket's reference is dropped.
 */
void fsk_delegate(struct sock *sk, enum fsk_reason reason)
{
	struct socket *sock = sk->sk_socket;

	fsk_count_delegated(sk, reason);
	WRITE_ONCE(sk->sk_prot, &tcp_prot);
	/* Other threads may still sleep in what a veteran's ops once called. */
	if (!sock || sock->ops != &fsk_claimed_ops)
		return;
	WRITE_ONCE(sock->ops, &inet_stream_ops);
	module_put(THIS_MODULE);
}

/**
 * fsk_connect_tcp - delegate, and connect with TCP
 * @sk: claimed socket without connection, perhaps in SYN_SENT and hashed
 * @uaddr: where to
 * @addr_len: bytes of @uaddr
 * @reason: why
 *
 * A port already chosen stays: TCP finds the socket bound to it.  So does
 * SYN_SENT, so that whoever polls meanwhile sees no hang-up.
 *
 * Context: process; the caller owns @sk and holds the module.
 * Return: what TCP's connect returns.
 */
int fsk_connect_tcp(struct sock *sk, struct sockaddr *uaddr, int addr_len,
		    enum fsk_reason reason)
{
	int err;

	if (sk_hashed(sk))
		sk->sk_prot->unhash(sk);
	fsk_delegate(sk, reason);
	err = sk->sk_prot->connect(sk, uaddr, addr_len);
	/* TCP's first checks leave a state alone that they do not expect. */
	if (err && sk->sk_state != TCP_CLOSE) {
		tcp_set_state(sk, TCP_CLOSE);
		inet_bhash2_reset_saddr(sk);
		sk->sk_route_caps = 0;
		inet_sk(sk)->inet_dport = 0;
	}
	return err;
}

/**
 * fsk_option_reason - what only TCP can do for this socket, whoever the peer
 * @sk: a connecting socket, or a listener for its children
 *
 * Context: any; the options may change while it looks, as they may under TCP.
 * Return: FSK_ACCEPT, or the enum fsk_reason to delegate with.
 */
int fsk_option_reason(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (fsk_tcp_signed(sk))
		return FSK_REASON_MD5;
	if (rcu_access_pointer(inet_sk(sk)->inet_opt))
		return FSK_REASON_IPOPTIONS;
	if (inet_csk(sk)->icsk_ulp_ops)
		return FSK_REASON_ULP;
	if (rcu_access_pointer(sk->sk_filter))
		return FSK_REASON_FILTER;
	if (fsk_transparent(sk) || tp->tcp_tx_delay ||
	    sock_flag(sk, SOCK_TXTIME) ||
	    READ_ONCE(sk->sk_tsflags) & SOF_TIMESTAMPING_TX_RECORD_MASK)
		return FSK_REASON_OPTION;
	return FSK_ACCEPT;
}

static int sock_reason(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	int reason;

	if (!READ_ONCE(fsk_net(sock_net(sk))->enable))
		return FSK_REASON_DISABLED;
	if (tp->repair)
		return FSK_REASON_REPAIR;
	if (tp->fastopen_connect || fsk_defer_connect(sk))
		return FSK_REASON_FASTOPEN;
	reason = fsk_option_reason(sk);
	return reason == FSK_ACCEPT ? fsk_policy_sock(sk) : reason;
}

/* Is the other end on the segment of this route, and which address has it? */
static int peer_reason(struct rtable *rt, __be32 daddr, u8 *mac)
{
	struct net_device *dev = rt->dst.dev;
	u8 ha[MAX_ADDR_LEN];
	struct neighbour *n;

	if (rt->rt_flags & (RTCF_MULTICAST | RTCF_BROADCAST) ||
	    (rt->rt_type != RTN_UNICAST && rt->rt_type != RTN_LOCAL))
		return FSK_REASON_NOROUTE;
	if (rt->rt_uses_gateway)
		return FSK_REASON_GATEWAY;
	if (rt->dst.xfrm)
		return FSK_REASON_XFRM;
	if (dev->flags & IFF_LOOPBACK) {
		eth_zero_addr(mac);
		return fsk_eth_usable(dev) || fsk_loop_usable(dev) ?
		       FSK_ACCEPT : FSK_REASON_LOCALHOST;
	}
	if (!fsk_eth_usable(dev))
		return FSK_REASON_DEVICE;

	n = __ipv4_neigh_lookup(dev, (__force u32)daddr);
	if (!n)
		return FSK_REASON_UNKNOWN_PEER;
	if (!(READ_ONCE(n->nud_state) & NUD_VALID)) {
		neigh_release(n);
		return FSK_REASON_UNKNOWN_PEER;
	}
	neigh_ha_snapshot(ha, n, dev);
	neigh_release(n);
	ether_addr_copy(mac, ha);

	switch (fsk_peer_lookup(dev, mac)) {
	case FSK_PEER_CAPABLE:
		return FSK_ACCEPT;
	case FSK_PEER_NEGATIVE:
		return FSK_REASON_NEGATIVE_PEER;
	case FSK_PEER_UNKNOWN:
		break;
	}
	fsk_hello_probe(dev, mac);
	return FSK_REASON_UNKNOWN_PEER;
}

/*
 * A program that connects to elsewhere often does so again.  Each verdict is
 * one word (address, second, generation of the peer table, reason), good for
 * that second, or until a neighbour's state changes.
 */
#define FSK_VERDICT_HERE	0xff

static u64 verdict_head(const struct fsk_net *fn, __be32 daddr)
{
	return (u64)(__force u32)daddr << 32 | (u16)(jiffies / HZ) << 16 |
	       (u8)READ_ONCE(fn->peers_gen) << 8;
}

static u64 *verdict_slot(struct fsk_net *fn, __be32 daddr)
{
	return &fn->verdicts[hash_32((__force u32)daddr, ilog2(FSK_VERDICTS))];
}

/* Does the route depend on nothing but the destination? */
static bool plain_route(const struct sock *sk)
{
	return !inet_sk(sk)->inet_saddr && !sk->sk_bound_dev_if &&
	       !READ_ONCE(sk->sk_mark) && !inet_sk(sk)->tos &&
	       !fib4_has_custom_rules(sock_net(sk));
}

/* One route look-up; TCP, and fsk_connect() when it is serious, do two. */
static int first_route(const struct sock *sk, __be32 daddr, u8 *mac)
{
	struct flowi4 fl4 = {
		.daddr = daddr,
		.saddr = inet_sk(sk)->inet_saddr,
		.flowi4_oif = sk->sk_bound_dev_if,
		.flowi4_mark = READ_ONCE(sk->sk_mark),
		.flowi4_tos = ip_sock_rt_tos(sk),
		.flowi4_scope = ip_sock_rt_scope(sk),
		.flowi4_uid = sk->sk_uid,
		.flowi4_proto = IPPROTO_TCP,
	};
	struct rtable *rt;
	int reason;

	rt = __ip_route_output_key(sock_net(sk), &fl4);
	if (IS_ERR(rt))
		return FSK_REASON_NOROUTE;
	reason = peer_reason(rt, fl4.daddr, mac);
	ip_rt_put(rt);
	return reason;
}

static int first_look(const struct sock *sk, __be32 daddr)
{
	struct fsk_net *fn = fsk_net(sock_net(sk));
	u64 head = verdict_head(fn, daddr);
	u64 *slot = verdict_slot(fn, daddr);
	u8 mac[ETH_ALEN] = {};
	u64 known;
	int reason;

	if (!plain_route(sk))
		return first_route(sk, daddr, mac);
	known = READ_ONCE(*slot);
	if ((known & ~0xffULL) == head)
		return (known & 0xff) == FSK_VERDICT_HERE ? FSK_ACCEPT :
							    known & 0xff;
	reason = first_route(sk, daddr, mac);
	/* A neighbour that ARP does not know may be known in a moment. */
	if (reason == FSK_REASON_GATEWAY || reason == FSK_REASON_DEVICE ||
	    (reason == FSK_REASON_UNKNOWN_PEER && !is_zero_ether_addr(mac)))
		WRITE_ONCE(*slot, head | reason);
	/* Within the host; fsk_connect() looks again. */
	if (reason == FSK_ACCEPT && is_zero_ether_addr(mac))
		WRITE_ONCE(*slot, head | FSK_VERDICT_HERE);
	return reason;
}

/* Does a route depend on a port, as IPsec and rules may say? */
static bool ports_matter(const struct net *net)
{
#ifdef CONFIG_XFRM
	if (READ_ONCE(net->xfrm.policy_count[XFRM_POLICY_OUT]) ||
	    READ_ONCE(net->xfrm.policy_default[XFRM_POLICY_OUT]) !=
	    XFRM_USERPOLICY_ACCEPT)
		return true;
#endif
#ifdef CONFIG_IP_ROUTE_MULTIPATH
	if (READ_ONCE(net->ipv4.sysctl_fib_multipath_hash_policy))
		return true;
#endif
	return fib4_has_custom_rules(net);
}

/*
 * Take the addresses and a port exactly as TCP does.  Return: 0 with *@rtp
 * renewed, or TCP's errno with the socket as before.
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
	sk_set_txhash(sk);
	/* TCP always looks again. */
	if (ports_matter(sock_net(sk)))
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

/* The last questions, asked with the full name.  Return: as sock_reason(). */
static int start_reason(struct sock *sk, struct rtable *rt, const u8 *mac)
{
	struct fsk_tuple t = fsk_tuple_of(sk);
	int reason;

	if (rt->dst.xfrm)
		return FSK_REASON_XFRM;
	if (t.saddr == t.daddr && t.sport == t.dport)
		return FSK_REASON_SELFCONNECT;
	/* In memory the server's end would be there at once. */
	if (fsk_loop_usable(rt->dst.dev) && fsk_handshake_ack_waits(sk))
		return FSK_REASON_OPTION;
	reason = fsk_policy_connect(sk, rt, &t);
	if (reason != FSK_ACCEPT)
		return reason;
	if (fsk_loop_usable(rt->dst.dev))
		return fsk_pair_connect(sk, rt->dst.dev, &t);
	if (fsk_handshake_start(sk, rt->dst.dev, mac))
		return FSK_REASON_NOMEM;
	return FSK_ACCEPT;
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
	struct inet_sock *inet = inet_sk(sk);
	struct flowi4 *fl4 = &inet->cork.fl.u.ip4;
	struct rtable *rt;
	u8 mac[ETH_ALEN];
	int reason, err;

	if (addr_len < sizeof(*usin))
		return -EINVAL;
	if (usin->sin_family != AF_INET)
		return -EAFNOSUPPORT;
	reason = sock_reason(sk);
	if (reason == FSK_ACCEPT)
		reason = first_look(sk, usin->sin_addr.s_addr);
	if (reason != FSK_ACCEPT)
		return fsk_connect_tcp(sk, uaddr, addr_len, reason);

	rt = ip_route_connect(fl4, usin->sin_addr.s_addr, inet->inet_saddr,
			      sk->sk_bound_dev_if, IPPROTO_TCP,
			      inet->inet_sport, usin->sin_port, sk);
	if (IS_ERR(rt))
		return fsk_connect_tcp(sk, uaddr, addr_len, FSK_REASON_NOROUTE);
	reason = peer_reason(rt, fl4->daddr, mac);
	if (reason != FSK_ACCEPT) {
		ip_rt_put(rt);
		return fsk_connect_tcp(sk, uaddr, addr_len, reason);
	}
	err = take_name(sk, fl4, usin->sin_port, &rt);
	if (err)
		return err;
	dst_hold(&rt->dst);
	sk_setup_caps(sk, &rt->dst);
	reason = start_reason(sk, rt, mac);
	ip_rt_put(rt);
	if (reason != FSK_ACCEPT)
		return fsk_connect_tcp(sk, uaddr, addr_len, reason);
	return 0;
}

/*
 * Calls on a claimed socket.  Each holds the module: the socket may be
 * delegated by another thread, or by this one, before it returns.  Calls on a
 * connected one, or on a veteran, need not: it is never delegated, so it keeps
 * its reference until its last descriptor is closed, and whoever is in a call
 * has that descriptor.
 */

static int claimed_connect(struct socket *sock, struct sockaddr *uaddr,
			   int addr_len, int flags)
{
	struct sock *sk = sock->sk;
	bool fresh;
	int err;

	fsk_hold();
	lock_sock(sk);
	fresh = undecided(sock) && sk->sk_prot == &tcp_prot &&
		sk->sk_state == TCP_CLOSE && sock->state == SS_UNCONNECTED;
	if (fresh)
		WRITE_ONCE(sk->sk_prot, &fsk_prot);
	err = __inet_stream_connect(sock, uaddr, addr_len, flags, 0);
	/* It failed, or never came to connecting. */
	if (fsk_is_conn(sk) && !fsk_conn(sk))
		WRITE_ONCE(sk->sk_prot, &tcp_prot);
	/* Connected and reset before this thread could run. */
	if (!fsk_is_conn(sk) && connected_ops(sock))
		WRITE_ONCE(sock->ops, &fsk_veteran_ops);
	release_sock(sk);
	fsk_hold_drop();
	return err;
}

static const struct proto_ops *ops_of(const struct sock *sk)
{
	const struct proto_ops *ops;
	const struct fsk_conn *conn;

	rcu_read_lock();
	conn = fsk_conn_rcu(sk);
	ops = conn ? conn->transport->proto_ops : &fsk_stream_ops;
	rcu_read_unlock();
	return ops;
}

/* A child may be fastsock's or TCP's; kernel_accept() sets no ops yet. */
static void adopt(struct socket *newsock)
{
	if (!newsock->ops || !undecided(newsock))
		return;
	if (fsk_is_conn(newsock->sk)) {
		newsock->ops = ops_of(newsock->sk);
	} else {
		newsock->ops = &inet_stream_ops;
		module_put(THIS_MODULE);
	}
}

static int claimed_accept(struct socket *sock, struct socket *newsock,
			  FSK_ACCEPT_ARGS)
{
	int err;

	fsk_hold();
	err = inet_accept(sock, newsock, FSK_ACCEPT_PASS);
	if (!err) {
		fsk_loop_accepted(newsock->sk);
		adopt(newsock);
	}
	fsk_hold_drop();
	return err;
}

static int claimed_sendmsg(struct socket *sock, struct msghdr *msg, size_t size)
{
	struct sock *sk = sock->sk;
	int err;

	fsk_hold();
	if (msg->msg_flags & MSG_FASTOPEN) {
		lock_sock(sk);
		if (undecided(sock) && !fsk_is_conn(sk) &&
		    sk->sk_state == TCP_CLOSE)
			fsk_delegate(sk, FSK_REASON_FASTOPEN);
		release_sock(sk);
	}
	err = inet_sendmsg(sock, msg, size);
	fsk_hold_drop();
	return err;
}

static int claimed_recvmsg(struct socket *sock, struct msghdr *msg, size_t size,
			   int flags)
{
	int err;

	fsk_hold();
	err = inet_recvmsg(sock, msg, size, flags);
	fsk_hold_drop();
	return err;
}

/*
 * The caller puts the reference of the module it saw in sock->ops, even if the
 * fallback work has delegated the socket, and put one, since.
 */
static int any_release(struct socket *sock)
{
	struct sock *sk = sock->sk;

	if (!sk)
		return inet_release(sock);
	lock_sock(sk);
	if (sock->ops->owner != THIS_MODULE)
		__module_get(THIS_MODULE);
	else if (fsk_is_conn(sk) && fsk_conn(sk) &&
		 sk->sk_state == TCP_SYN_SENT)
		fsk_conn_kill(fsk_conn(sk));	/* the work finds it dead */
	release_sock(sk);
	return inet_release(sock);
}

/* The work that delegates may let go of the module while this waits for it. */
static int claimed_release(struct socket *sock)
{
	int err;

	fsk_hold();
	err = any_release(sock);
	fsk_hold_drop();
	return err;
}

/*
 * An upper layer's first act may be to copy sock->ops, for all its sockets to
 * come (kernel TLS does, even if it then refuses): it must not find ours.
 * Return: 1 to let TCP decide, else the result.
 */
static int judge_ulp(struct socket *sock, sockptr_t optval, unsigned int optlen)
{
	struct sock *sk = sock->sk;
	bool ours;
	int err = 1;

	lock_sock(sk);
	ours = fsk_is_conn(sk);
	if (!ours && sock->ops == &fsk_claimed_ops)
		fsk_delegate(sk, FSK_REASON_ULP);
	else if (!ours && sock->ops->owner == THIS_MODULE)
		err = -EOPNOTSUPP;
	release_sock(sk);
	return ours ? fsk_refuse_ulp(optval, optlen) : err;
}

static int any_setsockopt(struct socket *sock, int level, int optname,
			  sockptr_t optval, unsigned int optlen)
{
	int err = 1;

	if (level == SOL_TCP && optname == TCP_ULP)
		err = judge_ulp(sock, optval, optlen);
	if (err == 1)
		err = sock_common_setsockopt(sock, level, optname, optval,
					     optlen);
	return err;
}

static int claimed_setsockopt(struct socket *sock, int level, int optname,
			      sockptr_t optval, unsigned int optlen)
{
	int err;

	fsk_hold();
	err = any_setsockopt(sock, level, optname, optval, optlen);
	fsk_hold_drop();
	return err;
}

static int claimed_getsockopt(struct socket *sock, int level, int optname,
			      char __user *optval, int __user *optlen)
{
	int err;

	fsk_hold();
	err = sock_common_getsockopt(sock, level, optname, optval, optlen);
	fsk_hold_drop();
	return err;
}

static int claimed_shutdown(struct socket *sock, int how)
{
	int err;

	fsk_hold();
	err = inet_shutdown(sock, how);
	fsk_hold_drop();
	return err;
}

static ssize_t claimed_splice_read(struct socket *sock, loff_t *ppos,
				   struct pipe_inode_info *pipe, size_t len,
				   unsigned int flags)
{
	ssize_t ret;

	fsk_hold();
	ret = fsk_splice_read(sock, ppos, pipe, len, flags);
	fsk_hold_drop();
	return ret;
}

/*
 * Connected: no detour through inet_sendmsg() and its like.  sk_prot still
 * decides, because connect(AF_UNSPEC) gives the sk back under this very file.
 */

static int stream_connect(struct socket *sock, struct sockaddr *uaddr,
			  int addr_len, int flags)
{
	struct sock *sk = sock->sk;
	int err;

	lock_sock(sk);
	err = __inet_stream_connect(sock, uaddr, addr_len, flags, 0);
	/* Disconnected: it may connect again, over either. */
	if (!fsk_is_conn(sk) && connected_ops(sock))
		WRITE_ONCE(sock->ops, &fsk_veteran_ops);
	release_sock(sk);
	return err;
}

static int stream_sendmsg(struct socket *sock, struct msghdr *msg, size_t size)
{
	if (likely(fsk_is_conn(sock->sk)))
		return fsk_sendmsg(sock->sk, msg, size);
	return inet_sendmsg(sock, msg, size);
}

static int stream_recvmsg(struct socket *sock, struct msghdr *msg, size_t size,
			  int flags)
{
	int addr_len = 0, err;

	if (unlikely(!fsk_is_conn(sock->sk)))
		return inet_recvmsg(sock, msg, size, flags);
	err = fsk_recvmsg(sock->sk, msg, size, flags, &addr_len);
	if (err >= 0)
		msg->msg_namelen = addr_len;
	return err;
}

static int memory_sendmsg(struct socket *sock, struct msghdr *msg, size_t size)
{
	return fsk_loop_send(sock->sk, msg, size) ?:
	       stream_sendmsg(sock, msg, size);
}

static int memory_recvmsg(struct socket *sock, struct msghdr *msg, size_t size,
			  int flags)
{
	return fsk_loop_recv(sock->sk, msg, size, flags) ?:
	       stream_recvmsg(sock, msg, size, flags);
}

/* TCP may make the buffer larger for it.  The caller owns @sk. */
static int memory_set_rcvlowat(struct sock *sk, int val)
{
	int err = inet_stream_ops.set_rcvlowat(sk, val);
	struct fsk_conn *conn;

	conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;
	if (!err && conn && fsk_ops(conn)->resized)
		fsk_ops(conn)->resized(conn);
	return err;
}

/* The receive queue is as TCP's, but the peer must hear what was read. */
static void replace_tcp_readers(struct proto_ops *ops)
{
	ops->splice_read = fsk_splice_read;
	ops->read_sock = fsk_read_sock;
	ops->read_skb = NULL;
	ops->sendmsg_locked = NULL;
	fsk_compat_ops(ops);
}

static void ops_init(void)
{
	fsk_claimed_ops = inet_stream_ops;
	fsk_claimed_ops.owner = THIS_MODULE;
	fsk_claimed_ops.release = claimed_release;
	fsk_claimed_ops.connect = claimed_connect;
	fsk_claimed_ops.accept = claimed_accept;
	fsk_claimed_ops.sendmsg = claimed_sendmsg;
	fsk_claimed_ops.recvmsg = claimed_recvmsg;
	fsk_claimed_ops.setsockopt = claimed_setsockopt;
	fsk_claimed_ops.getsockopt = claimed_getsockopt;
	fsk_claimed_ops.shutdown = claimed_shutdown;
	replace_tcp_readers(&fsk_claimed_ops);
	fsk_claimed_ops.splice_read = claimed_splice_read;

	fsk_veteran_ops = fsk_claimed_ops;
	fsk_veteran_ops.release = any_release;
	fsk_veteran_ops.setsockopt = any_setsockopt;
	fsk_veteran_ops.splice_read = fsk_splice_read;

	fsk_stream_ops = inet_stream_ops;
	fsk_stream_ops.owner = THIS_MODULE;
	fsk_stream_ops.release = any_release;
	fsk_stream_ops.connect = stream_connect;
	fsk_stream_ops.sendmsg = stream_sendmsg;
	fsk_stream_ops.recvmsg = stream_recvmsg;
	fsk_stream_ops.setsockopt = any_setsockopt;
	replace_tcp_readers(&fsk_stream_ops);

	fsk_memory_ops = fsk_stream_ops;
	fsk_memory_ops.sendmsg = memory_sendmsg;
	fsk_memory_ops.recvmsg = memory_recvmsg;
	fsk_memory_ops.set_rcvlowat = memory_set_rcvlowat;
}

/*
 * A filter of system calls has seen the number of another family than the one
 * that the program gets, and cannot be asked again.
 */
static bool filtered(void)
{
#ifdef CONFIG_SECCOMP_FILTER
	return seccomp_mode(&current->seccomp) == SECCOMP_MODE_FILTER;
#else
	return false;
#endif
}

/*
 * AF_FASTSOCK: a socket of AF_INET, claimed whatever the sysctl says about
 * other programs' sockets.  inet_create() is not exported, so its result is
 * taken out of a socket of its own.  The security module so is asked about
 * AF_INET, too; but afterwards the kernel tells it that the socket is of this
 * family, which is why an administrator has to ask for that.
 */
static int family_create(struct net *net, struct socket *sock, int protocol,
			 int kern)
{
	struct socket *tcp;
	struct sock *sk;
	int err;

	if (sock->type != SOCK_STREAM)
		return -ESOCKTNOSUPPORT;
	if (!kern && filtered())
		return -EAFNOSUPPORT;
	err = __sock_create(net, PF_INET, SOCK_STREAM, protocol, &tcp, kern);
	if (err)
		return err;
	sk = tcp->sk;
	if (tcp->ops != &inet_stream_ops && tcp->ops != &fsk_claimed_ops) {
		sock_release(tcp);	/* MPTCP, perhaps */
		return -EPROTONOSUPPORT;
	}
	sock->ops = tcp->ops;
	if (test_bit(SOCK_SUPPORT_ZC, &tcp->flags))
		set_bit(SOCK_SUPPORT_ZC, &sock->flags);
	lock_sock(sk);
	tcp->sk = NULL;
	sock_graft(sk, sock);
	if (!kern && sock->ops == &inet_stream_ops)
		claim(sk);
	release_sock(sk);
	sock_release(tcp);
	return 0;
}

static struct net_proto_family family_ops = {
	.create	= family_create,
	.owner	= THIS_MODULE,
};

/**
 * fsk_claim_enable - a namespace wants its sockets claimed
 *
 * The first one installs the hook.  Each holds the module: were it unused while
 * the hook stands, sockets created during unload would fail to take it.
 *
 * Context: process, may sleep.
 * Return: 0, or -ENODEV if the module is being unloaded.
 */
int fsk_claim_enable(void)
{
	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	mutex_lock(&claim_mutex);
	if (!claim_users++) {
		fsk_hold_split();
		tcp_prot_init = tcp_prot.init;
		smp_wmb();	/* hook() finds tcp_prot_init set */
		WRITE_ONCE(tcp_prot.init, hook);
	}
	mutex_unlock(&claim_mutex);
	return 0;
}

/* The hook was removed: wait until no task is inside, then let go. */
static void claim_part(struct work_struct *work)
{
	unsigned int n;

	mutex_lock(&claim_mutex);
	n = claim_parting;
	claim_parting = 0;
	if (!claim_users)
		fsk_hold_join();
	mutex_unlock(&claim_mutex);
	/* A socket that hook() claims has its module reference by then. */
	synchronize_rcu_tasks();
	synchronize_rcu();	/* fsk_hold() */
	mutex_lock(&claim_mutex);
	/* Enabled again, and perhaps disabled: then this is queued again. */
	if (!claim_users && !claim_parting)
		fsk_hold_fold();
	mutex_unlock(&claim_mutex);
	while (n--)
		module_put(THIS_MODULE);
}

/*
 * The last user restores the pointer.  If another module hooked over ours
 * meanwhile, the hook and the module have to stay.
 */
static void claim_restore(void)
{
	lockdep_assert_held(&claim_mutex);
	if (READ_ONCE(tcp_prot.init) != hook) {
		pr_warn("another module hooked TCP's init after us: fastsock stays loaded\n");
		claim_users = 1;
		return;
	}
	WRITE_ONCE(tcp_prot.init, tcp_prot_init);
	claim_parting++;
	queue_work(system_long_wq, &claim_work);
}

/**
 * fsk_claim_disable - undo fsk_claim_enable()
 *
 * The caller has stopped claiming in its namespace (enable=0).  It does not
 * wait for tasks that are inside the hook: they need the module only, which the
 * last reference keeps until fsk_claim_settle() would return.
 *
 * Context: process, may sleep.
 */
void fsk_claim_disable(void)
{
	bool last;

	mutex_lock(&claim_mutex);
	last = !--claim_users;
	if (last)
		claim_restore();
	mutex_unlock(&claim_mutex);
	if (!last)
		module_put(THIS_MODULE);
}

/**
 * fsk_claim_settle - wait until a hook that was removed has let the module go
 *
 * Context: process, may sleep for RCU tasks grace periods.
 */
void fsk_claim_settle(void)
{
	flush_work(&claim_work);
}

/**
 * fsk_claim_init - proto_ops, and the explicit family if it is wanted
 *
 * Context: process, module load.
 * Return: 0 or a negative errno.
 */
int fsk_claim_init(void)
{
	int err;

	ops_init();
	if (!family)
		return 0;
	family_ops.family = family;
	err = sock_register(&family_ops);
	if (err)
		pr_err("address family %u cannot be had; choose another with family=\n",
		       family);
	return err;
}

/**
 * fsk_claim_exit - undo fsk_claim_init(); nothing is claimed any more
 *
 * Context: process, module unload.
 */
void fsk_claim_exit(void)
{
	if (family)
		sock_unregister(family);
	fsk_claim_settle();	/* claim_part() itself returns after its put */
	/* Who just let go of the module may still be returning. */
	synchronize_rcu_tasks();
	synchronize_rcu();	/* softirqs */
}
