// SPDX-License-Identifier: GPL-2.0
/* How a connection hangs on a TCP sk, and how it comes off again. */

#include <linux/filter.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <net/inet_connection_sock.h>

#include "base/hold.h"
#include "core/attach.h"
#include "core/conn.h"
#include "core/delegate.h"
#include "core/family.h"
#include "core/keepalive.h"
#include "core/state.h"
#include "core/timer.h"
#include "core/transport.h"
#include "inet/ip.h"

static struct sk_filter *reject_all;

/**
 * fsk_conn_prepare - what every end begins with
 * @conn: zeroed memory
 * @sk: its socket, which has its peer's address
 * @transport: what will carry it
 *
 * Context: any; the caller owns @sk or is the only one to know it.
 */
void fsk_conn_prepare(struct fsk_conn *conn, struct sock *sk,
		      const struct fsk_transport *transport)
{
	conn->sk = sk;
	conn->mib = fsk_net(sock_net(sk))->mib;
	conn->transport = transport;
	conn->heard_at = fsk_now();
	conn->route_genid = fsk_ip_of_sock(sk)->genid(sock_net(sk));
}
EXPORT_SYMBOL_NS_GPL(fsk_conn_prepare, FASTSOCK);

/*
 * All connections have the same filter, and its count of references is not
 * touched: nobody can detach a filter that is locked, who clones a connection
 * counts for the clone, and when TCP destroys the socket, ulp_release() comes
 * before it would drop one.  Nor is it charged to the socket, which it cost
 * nothing.
 */
static void filter_attach(struct sock *sk, struct fsk_conn *conn)
{
	conn->filter_locked = sock_flag(sk, SOCK_FILTER_LOCKED);
	sock_set_flag(sk, SOCK_FILTER_LOCKED);
	rcu_assign_pointer(sk->sk_filter, reject_all);
}

static void filter_detach(struct sock *sk, const struct fsk_conn *conn)
{
	RCU_INIT_POINTER(sk->sk_filter, NULL);
	sock_valbool_flag(sk, SOCK_FILTER_LOCKED, conn->filter_locked);
}

static void ulp_release(struct sock *sk);

/*
 * TCP must neither run its own upper layers on the socket nor offer ours:
 * init() refuses setsockopt(TCP_ULP, "fastsock").
 */
static int ulp_init(struct sock *sk)
{
	return -EOPNOTSUPP;
}

/*
 * A listener has been disconnected, and has become a client of ours, while a
 * child of it was being made.  Such a child has nothing of the connection but
 * the filter, and who makes it discards it.
 */
static void ulp_clone(const struct request_sock *req, struct sock *newsk,
		      const gfp_t priority)
{
	struct inet_connection_sock *icsk = inet_csk(newsk);
	const struct fsk_family *fam = fsk_family(newsk);

	icsk->icsk_ulp_ops = NULL;
	RCU_INIT_POINTER(icsk->icsk_ulp_data, NULL);
	icsk->icsk_af_ops = fam->tcp_af_ops;
	newsk->sk_backlog_rcv = fam->tcp_prot->backlog_rcv;
	newsk->sk_prot_creator = fam->tcp_prot;
	WRITE_ONCE(newsk->sk_prot, fam->tcp_prot);
}

static struct tcp_ulp_ops fsk_ulp_ops __read_mostly = {
	.name		= "fastsock",
	.owner		= THIS_MODULE,
	.init		= ulp_init,
};

/* Those of a socket, which nobody can find by their name: see ulp_release(). */
static const struct tcp_ulp_ops fsk_conn_ulp_ops = {
	.name		= "fastsock",
	.release	= ulp_release,
	.clone		= ulp_clone,
};

/*
 * What TCP has given the socket: of AF_INET6 that depends on whether it is, or
 * was, a connection of IPv4.  The clone of a listener that becomes a client of
 * ours just then may have begun with ours.
 */
static void remember_tcp(const struct sock *sk, struct fsk_conn *conn)
{
	const struct fsk_family *fam = fsk_family(sk);

	conn->tcp_af_ops = inet_csk(sk)->icsk_af_ops;
	conn->tcp_backlog_rcv = sk->sk_backlog_rcv;
	if (unlikely(conn->tcp_af_ops == &fam->af_ops ||
		     conn->tcp_af_ops == &fam->native_af_ops)) {
		conn->tcp_af_ops = fam->tcp_af_ops;
		conn->tcp_backlog_rcv = fam->tcp_prot->backlog_rcv;
	}
}

/**
 * fsk_conn_attach - put a connection into its socket's ULP slot
 * @sk: a TCP socket without ULP, filter or listener role
 * @conn: of fsk_conn_prepare() for @sk
 *
 * From here on TCP segments and ICMP errors for the four-tuple are dropped
 * before any TCP processing, and whatever TCP code still runs cannot transmit.
 *
 * Context: socket lock held, or @sk is unknown to others.  The caller holds the
 * transport's module.
 */
void fsk_conn_attach(struct sock *sk, struct fsk_conn *conn)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct fsk_family *fam = fsk_family(sk);

	fsk_hold();
	sock_hold(sk);
	fsk_transport_get(conn->transport);
	filter_attach(sk, conn);
	remember_tcp(sk, conn);
	icsk->icsk_af_ops = fsk_ip_of_sock(sk)->pf == NFPROTO_IPV6 ?
			    &fam->native_af_ops : &fam->af_ops;
	icsk->icsk_ulp_ops = &fsk_conn_ulp_ops;
	rcu_assign_pointer(icsk->icsk_ulp_data, conn);
	sk->sk_backlog_rcv = conn->transport->backlog_rcv;
	WRITE_ONCE(sk->sk_prot, &fam->prot);
}
EXPORT_SYMBOL_NS_GPL(fsk_conn_attach, FASTSOCK);

static void conn_free_rcu(struct rcu_head *rcu)
{
	struct fsk_conn *conn = container_of(rcu, struct fsk_conn, rcu);
	const struct fsk_transport *transport = conn->transport;

	fsk_timer_exit(conn);
	sock_put(conn->sk);
	transport->ops->free(conn);
	fsk_transport_put(transport);
}

/* The connection is dead and no longer attached. */
static void conn_part(struct fsk_conn *conn)
{
	const struct fsk_transport_ops *ops = fsk_ops(conn);

	if (!ops->leave || !ops->leave(conn))
		call_rcu(&conn->rcu, conn_free_rcu);
}

/* The part of detaching that both ends of life share. */
static void conn_unhook(struct sock *sk, struct fsk_conn *conn)
{
	struct inet_connection_sock *icsk = inet_csk(sk);

	if (fsk_ops(conn)->unhook)
		fsk_ops(conn)->unhook(conn);
	filter_detach(sk, conn);
	icsk->icsk_af_ops = conn->tcp_af_ops;
	RCU_INIT_POINTER(icsk->icsk_ulp_data, NULL);
	WRITE_ONCE(sk->sk_prot, fsk_family(sk)->tcp_prot);
	conn_part(conn);
}

static void ulp_release_conn(struct sock *sk, struct fsk_conn *conn)
{
	/* In which form the lock is held is not known. */
	if (conn->phase != FSK_PH_DEAD)
		fsk_ops(conn)->send_reset(conn, true);
	fsk_conn_kill(conn);
	conn_unhook(sk, conn);
}

/*
 * TCP destroys the socket.  sk_backlog_rcv stays ours: the caller may own the
 * socket and find frames on the backlog when it lets go.  TCP looks once more
 * at the operations, but does not sleep before.
 */
static void ulp_release(struct sock *sk)
{
	struct fsk_conn *conn = fsk_conn(sk);

	if (conn)
		ulp_release_conn(sk, conn);
	fsk_hold_drop();
}

/* Softirq looks at the phase under the spinlock before it queues. */
static void kill_owned(struct fsk_conn *conn)
{
	spin_lock_bh(&conn->sk->sk_lock.slock);
	fsk_conn_kill(conn);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
}

/**
 * fsk_conn_detach - make the socket a plain TCP socket again
 * @sk: socket with an attached connection
 *
 * Context: process; the caller owns the socket.
 */
void fsk_conn_detach(struct sock *sk)
{
	struct fsk_conn *conn = fsk_conn(sk);
	int (*backlog_rcv)(struct sock *sk, struct sk_buff *skb);

	if (!fsk_conn_opening(conn))
		fsk_ops_disconnect(conn);
	kill_owned(conn);
	sk_flush_backlog(sk);

	inet_csk(sk)->icsk_ulp_ops = NULL;
	tcp_sk(sk)->snd_una = tcp_sk(sk)->write_seq;
	WRITE_ONCE(tcp_sk(sk)->snd_nxt, tcp_sk(sk)->write_seq);
	backlog_rcv = conn->tcp_backlog_rcv;
	conn_unhook(sk, conn);		/* which may free it */
	sk->sk_backlog_rcv = backlog_rcv;
	fsk_hold_drop();
}
EXPORT_SYMBOL_NS_GPL(fsk_conn_detach, FASTSOCK);

/**
 * fsk_conn_swap - put another connection in the place of the attached one
 * @old: attached connection, which stays as it is
 * @conn: another one for the same socket
 *
 * The caller ends the one that is to go by fsk_conn_forget().
 *
 * Context: process; the caller owns the socket.
 */
void fsk_conn_swap(struct fsk_conn *old, struct fsk_conn *conn)
{
	fsk_transport_get(conn->transport);
	conn->filter_locked = old->filter_locked;
	conn->tcp_af_ops = old->tcp_af_ops;
	conn->tcp_backlog_rcv = old->tcp_backlog_rcv;
	rcu_assign_pointer(inet_csk(old->sk)->icsk_ulp_data, conn);
	old->sk->sk_backlog_rcv = conn->transport->backlog_rcv;
}
EXPORT_SYMBOL_NS_GPL(fsk_conn_swap, FASTSOCK);

/**
 * fsk_conn_forget - free a connection that is no longer attached
 * @conn: connection; it has a reference on its socket
 *
 * Context: process; the caller owns the socket.
 */
void fsk_conn_forget(struct fsk_conn *conn)
{
	kill_owned(conn);
	conn_part(conn);
}
EXPORT_SYMBOL_NS_GPL(fsk_conn_forget, FASTSOCK);

/**
 * fsk_conn_sample - show what a new TCP socket begins with
 * @look: takes from it what the kernel does not export; 0 or a negative errno
 *
 * Context: process, module load.
 * Return: what @look says, or why there is no socket.
 */
int fsk_conn_sample(int (*look)(struct sock *sk))
{
	struct socket *sock;
	int err;

	err = sock_create_kern(&init_net, PF_INET, SOCK_STREAM, IPPROTO_TCP,
			       &sock);
	if (err)
		return err;
	err = look(sock->sk);
	sock_release(sock);
	return err;
}

/*
 * In place of a compiled program.  TCP's receive path runs it: softirq, RCU
 * read section, data at the TCP header, the socket to whose name the segment
 * came in skb->sk for the time being.
 */
static unsigned int reject(const void *ctx, const struct bpf_insn *insns)
{
	struct sk_buff *skb = (struct sk_buff *)ctx;

	if (likely(skb->sk))
		fsk_challenge_segment(skb->sk, skb);
	return 0;
}

/*
 * The program says that it was attached with no instructions: then
 * SO_GET_FILTER tells of no filter, as CRIU asks of every socket, instead of
 * failing.
 */
static int filter_init(void)
{
	static struct sock_fprog_kern attached;
	struct bpf_prog *prog;

	reject_all = kzalloc(sizeof(*reject_all), GFP_KERNEL);
	if (!reject_all)
		return -ENOMEM;
	prog = bpf_prog_alloc(bpf_prog_size(1), 0);
	if (!prog) {
		kfree(reject_all);
		return -ENOMEM;
	}
	prog->len = 1;
	prog->insnsi[0] = BPF_EXIT_INSN();
	prog->bpf_func = reject;
	prog->orig_prog = &attached;
	refcount_set(&reject_all->refcnt, 1);
	reject_all->prog = prog;
	return 0;
}

static void filter_exit(void)
{
	bpf_prog_free(reject_all->prog);
	kfree(reject_all);
}

/**
 * fsk_conn_init - filter and ULP
 *
 * Context: process, module load.
 * Return: 0 or a negative errno.
 */
int fsk_conn_init(void)
{
	int err;

	err = filter_init();
	if (err)
		return err;
	err = fsk_conn_sample(fsk_keepalive_learn);
	if (err)
		goto err_filter;
	err = tcp_register_ulp(&fsk_ulp_ops);
	if (err)
		goto err_filter;
	return 0;

err_filter:
	filter_exit();
	return err;
}

/**
 * fsk_conn_exit - undo fsk_conn_init(); no connection is left
 *
 * Context: process, module unload.
 */
void fsk_conn_exit(void)
{
	tcp_unregister_ulp(&fsk_ulp_ops);
	rcu_barrier();		/* conn_free_rcu(), free_known() */
	filter_exit();
}
