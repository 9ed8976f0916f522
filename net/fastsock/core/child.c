// SPDX-License-Identifier: GPL-2.0
/*
 * A listener's child: who would take the connection, may it be one of ours, and
 * the making of it.  TCP's functions find the listener, clone it and queue the
 * child for accept(); so backlog, SO_REUSEPORT, security modules and counters
 * are as with TCP, whatever carries the connection.
 */

#include <linux/export.h>
#include <linux/percpu.h>
#include <linux/security.h>
#include <net/inet_connection_sock.h>
#include <net/inet_hashtables.h>
#include <net/sock_reuseport.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "base/stats.h"
#include "base/tuple.h"
#include "core/child.h"
#include "core/conn.h"
#include "core/delegate.h"
#include "core/family.h"
#include "core/keepalive.h"
#include "inet/conntrack.h"
#include "inet/ip.h"
#include "inet/policy.h"

/**
 * fsk_child_find_listener - find the listener TCP would give this SYN to
 * @dev: device it came from
 * @t: addresses
 *
 * Context: BH disabled, RCU read section.
 * Return: the listener, referenced if it counts references, or NULL.
 */
struct sock *fsk_child_find_listener(struct net_device *dev,
				     const struct fsk_tuple *t)
{
	struct sock *sk = fsk_ip_of(t)->find_listener(dev, t);

	if (sk && !refcount_inc_not_zero(&sk->sk_refcnt))
		return NULL;
	return sk;
}

/**
 * fsk_child_listener_reason - what a child of this listener could not be
 * @lsk: listener
 * @t: addresses
 *
 * Context: BH disabled, RCU read section.
 * Return: FSK_ACCEPT, or the enum fsk_reason to delegate with.
 */
int fsk_child_listener_reason(struct sock *lsk, const struct fsk_tuple *t)
{
	const struct inet_connection_sock *icsk = inet_csk(lsk);
	const struct sock_reuseport *group;
	int reason;

	if (!fsk_claimed(lsk))
		return FSK_REASON_UNCLAIMED;
	reason = fsk_option_reason(lsk, fsk_ip_of(t));
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

/* Whose requests are these?  A listener of AF_INET6 has those of IPv4, too. */
static enum fsk_family_id req_family(const struct fsk_tuple *t)
{
	return fsk_ip_of(t)->pf == NFPROTO_IPV6 ? FSK_INET6 : FSK_INET;
}

static struct request_sock *alloc_req(struct sock *lsk,
				      const struct fsk_tuple *t)
{
	const struct proto *prot = fsk_families[req_family(t)].tcp_prot;

	return inet_reqsk_alloc(prot->rsk_prot, lsk, false);
}

static void fill_req(struct request_sock *req, struct sock *lsk,
		     struct net_device *dev, struct sk_buff *skb,
		     const struct fsk_tuple *t, u16 mss)
{
	struct inet_request_sock *ireq = inet_rsk(req);
	struct tcp_request_sock *treq = tcp_rsk(req);

	/* Not all of it is set by the allocator; TCP's own paths fill it. */
	req->num_retrans = 0;
	req->num_timeout = 0;
	req->syncookie = 0;
	req->mss = mss;
	req->ts_recent = 0;
	req->rsk_rcv_wnd = 0;
	req->rsk_window_clamp = 0;
	ireq->ir_num = ntohs(t->dport);
	ireq->ir_rmt_port = t->sport;
	ireq->ir_iif = inet_request_bound_dev_if(lsk, skb);
	fsk_ip_of(t)->fill_req(req, lsk, dev, t);
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
	/* The child's numbers are 0 until fsk_state_numbers(). */
	fsk_compat_req(treq);
	treq->txhash = fsk_ip_txhash();
	treq->rcv_nxt = treq->rcv_isn + 1;
}

/* Of each processor, the requests that a SYN was only asked about with. */
static DEFINE_PER_CPU(struct request_sock *, asked_req[FSK_FAMILIES]);

/* BH disabled.  Return: a request to be given to keep_req(); or NULL. */
static struct request_sock *borrow_req(struct sock *lsk,
				       const struct fsk_tuple *t)
{
	struct request_sock *req;

	req = this_cpu_xchg(asked_req[req_family(t)], NULL);
	if (!req)
		return alloc_req(lsk, t);
	req_to_sk(req)->sk_prot = lsk->sk_prot;
	write_pnet(&inet_rsk(req)->ireq_net, sock_net(lsk));
	inet_rsk(req)->ireq_family = lsk->sk_family;
	req->secid = 0;
	req->peer_secid = 0;
	atomic64_set(&inet_rsk(req)->ir_cookie, 0);
	return req;
}

/* Frees what a security module has left in @req. */
static void keep_req(struct request_sock *req, const struct fsk_tuple *t)
{
	struct inet_request_sock *ireq = inet_rsk(req);

	req->rsk_ops->destructor(req);
	RCU_INIT_POINTER(ireq->ireq_opt, NULL);
#if IS_ENABLED(CONFIG_IPV6)
	ireq->pktopts = NULL;
#endif
	req = this_cpu_xchg(asked_req[req_family(t)], req);
	if (req)
		reqsk_free(req);
}

/**
 * fsk_child_exit - free what is kept for SYNs; none comes any more
 *
 * Context: process, module unload.
 */
void fsk_child_exit(void)
{
	struct request_sock *req;
	int cpu, i;

	for_each_possible_cpu(cpu)
		for (i = 0; i < FSK_FAMILIES; i++) {
			req = per_cpu(asked_req[i], cpu);
			if (req)
				reqsk_free(req);
		}
}

/**
 * fsk_child_lsm_reason - would the security module let TCP answer this SYN?
 * @lsk: listener
 * @dev: device the client is on
 * @skb: SYN, as fsk_policy_syn() makes it
 * @t: addresses
 *
 * Context: BH disabled, RCU read section.
 * Return: FSK_ACCEPT, or the enum fsk_reason to delegate with.
 */
int fsk_child_lsm_reason(struct sock *lsk, struct net_device *dev,
			 struct sk_buff *skb, const struct fsk_tuple *t)
{
	struct request_sock *req;
	int reason;

	if (!IS_ENABLED(CONFIG_SECURITY_NETWORK))
		return FSK_ACCEPT;
	req = borrow_req(lsk, t);
	if (!req)
		return FSK_REASON_NOMEM;
	fill_req(req, lsk, dev, skb, t, TCP_MSS_DEFAULT);
	reason = security_inet_conn_request(lsk, skb, req) ? FSK_REASON_LSM :
							     FSK_ACCEPT;
	keep_req(req, t);
	return reason;
}

/**
 * fsk_child_lookup - find the server's end of that name
 * @dev: device the client is on
 * @t: addresses
 *
 * Context: BH disabled, RCU read section.
 * Return: a socket, perhaps in TIME_WAIT, referenced; or NULL.
 */
struct sock *fsk_child_lookup(struct net_device *dev, const struct fsk_tuple *t)
{
	return fsk_ip_of(t)->find_established(dev, t);
}

/**
 * fsk_child_tuple_in_use - does a socket have this four-tuple?
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
bool fsk_child_tuple_in_use(struct net_device *dev, const struct fsk_tuple *t,
			    bool take_over)
{
	struct sock *sk = fsk_child_lookup(dev, t);
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
 * fsk_child_check - may this listener have this connection?
 * @lsk: listener
 * @dev: device the client is on
 * @mac: its address there, or NULL to ask for it; 2-byte aligned
 * @t: addresses
 * @mark: of the SYN as it arrives
 * @syn: where to put the SYN that was judged; to be freed by fsk_spare_put()
 * @mtu: where to put the MTU of the way back, bytes
 *
 * The security module is asked later, see fsk_child_make().
 *
 * Context: BH disabled, RCU read section.
 * Return: FSK_ACCEPT, or the enum fsk_reason to delegate with, without a SYN.
 */
int fsk_child_check(struct sock *lsk, struct net_device *dev, const u8 *mac,
		    const struct fsk_tuple *t, u32 mark,
		    struct sk_buff **syn, u32 *mtu)
{
	int reason = fsk_child_listener_reason(lsk, t);

	if (reason == FSK_ACCEPT &&
	    (sk_acceptq_is_full(lsk) ||
	     fsk_child_tuple_in_use(dev, t, false)))
		reason = FSK_REASON_BACKLOG;
	return reason == FSK_ACCEPT ?
	       fsk_policy_accept(lsk, dev, mac, t, mark, syn, mtu) : reason;
}

/**
 * fsk_child_find_acceptor - who takes a connection that was offered?
 * @dev: device the client is on
 * @t: addresses
 *
 * What fsk_rcv_confirm() asks once more, when SYN was judged already.
 *
 * Context: BH disabled, RCU read section.
 * Return: the listener, referenced, or NULL.
 */
struct sock *fsk_child_find_acceptor(struct net_device *dev,
				     const struct fsk_tuple *t)
{
	struct sock *lsk = fsk_child_find_listener(dev, t);

	if (!lsk)
		return NULL;
	if (fsk_child_listener_reason(lsk, t) == FSK_ACCEPT &&
	    !sk_acceptq_is_full(lsk) && !fsk_child_tuple_in_use(dev, t, false))
		return lsk;
	sock_put(lsk);
	return NULL;
}
EXPORT_SYMBOL_NS_GPL(fsk_child_find_acceptor, FASTSOCK);

/* TCP arms keepalive if the listener has it; ours starts when it is queued. */
static void disarm(struct sock *sk)
{
	tcp_prot.keepalive(sk, 0);
}

/**
 * fsk_child_make - TCP's clone of a listener
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
struct sock *fsk_child_make(struct sock *lsk, struct net_device *dev,
			    const struct fsk_tuple *t, u16 mss,
			    struct sk_buff *skb, struct request_sock **reqp)
{
	struct request_sock *req;
	struct sock *child;
	bool own_req = false;

	req = alloc_req(lsk, t);
	if (!req)
		return NULL;
	fill_req(req, lsk, dev, skb, t, mss);
	if (security_inet_conn_request(lsk, skb, req))
		goto err_req;
	child = fsk_syn_recv_sock(inet_csk(lsk)->icsk_af_ops, lsk, skb, req,
				  fsk_ip_of(t)->child_route(lsk, req),
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

/**
 * fsk_child_discard - undo fsk_child_make()
 * @child: its result, not attached
 * @req: its request
 *
 * The child is bound and hashed, so TCP's way of discarding unfinished children
 * is not for it.
 *
 * Context: BH disabled.
 */
void fsk_child_discard(struct sock *child, struct request_sock *req)
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
EXPORT_SYMBOL_NS_GPL(fsk_child_discard, FASTSOCK);

/**
 * fsk_child_choose - whose child is to be the other end, if that is here?
 * @dev: device the client is on
 * @t: addresses
 * @mark: of the SYN as it arrives
 * @lsk: where to put the listener, referenced
 * @syn: where to put the SYN that was judged; to be freed by fsk_spare_put(),
 *	or by kfree_skb()
 *
 * Context: process.
 * Return: FSK_ACCEPT, or the enum fsk_reason to delegate with, without either.
 */
int fsk_child_choose(struct net_device *dev, const struct fsk_tuple *t,
		     u32 mark, struct sock **lsk, struct sk_buff **syn)
{
	int reason = FSK_REASON_NO_LISTENER;
	u32 mtu;

	rcu_read_lock();
	local_bh_disable();
	*lsk = fsk_child_find_listener(dev, t);
	if (*lsk)
		reason = fsk_child_check(*lsk, dev, NULL, t, mark, syn,
					 &mtu);
	local_bh_enable();
	rcu_read_unlock();
	if (*lsk && reason != FSK_ACCEPT)
		sock_put(*lsk);
	return reason;
}
EXPORT_SYMBOL_NS_GPL(fsk_child_choose, FASTSOCK);

/**
 * fsk_child_begin - make a child for whom the client does not wait
 * @lsk: listener
 * @dev: device the client is on
 * @t: addresses
 * @syn: SYN, as fsk_policy_syn() makes it
 * @childp: where to put the child
 * @reqp: where to put its request
 *
 * What rests in TIME_WAIT makes way.
 *
 * Context: BH disabled, RCU read section.
 * Return: FSK_ACCEPT, with a child as from fsk_child_make() that may be
 * attached; or the enum fsk_reason to delegate with.
 */
int fsk_child_begin(struct sock *lsk, struct net_device *dev,
		    const struct fsk_tuple *t, struct sk_buff *syn,
		    struct sock **childp, struct request_sock **reqp)
{
	struct sock *child = NULL;

	if (!fsk_child_tuple_in_use(dev, t, true))
		child = fsk_child_make(lsk, dev, t, TCP_MSS_DEFAULT, syn, reqp);
	if (!child)
		return FSK_REASON_BACKLOG;
	/* The listener's options may have changed since they were looked at. */
	if (rcu_access_pointer(child->sk_filter) ||
	    inet_csk(child)->icsk_ulp_ops) {
		fsk_child_discard(child, *reqp);
		return FSK_REASON_LISTENER;
	}
	*childp = child;
	return FSK_ACCEPT;
}
EXPORT_SYMBOL_NS_GPL(fsk_child_begin, FASTSOCK);

/**
 * fsk_child_established - a server's end is complete
 * @conn: its connection, attached, with TCP's numbers
 *
 * Context: the child's spinlock is held, RCU read section.
 */
void fsk_child_established(struct fsk_conn *conn)
{
	struct net *net = sock_net(conn->sk);

	tcp_set_state(conn->sk, TCP_ESTABLISHED);
	fsk_conntrack_open(conn->sk, FSK_TRACKED_SERVER, &conn->tracked);
	fsk_stat_inc(net, FSK_MIB_PASSIVE_OPENS);
	fsk_stat_inc(net, FSK_MIB_CURR_ESTAB);
}
EXPORT_SYMBOL_NS_GPL(fsk_child_established, FASTSOCK);

/**
 * fsk_child_queue - give a child to its listener
 * @lsk: listener
 * @child: from fsk_child_make(), attached; its spinlock is released
 * @req: its request
 *
 * Context: BH disabled, RCU read section.
 * Return: false if the listener has closed meanwhile; the child is gone.
 */
bool fsk_child_queue(struct sock *lsk, struct sock *child,
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
EXPORT_SYMBOL_NS_GPL(fsk_child_queue, FASTSOCK);
