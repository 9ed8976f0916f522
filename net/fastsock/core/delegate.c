// SPDX-License-Identifier: GPL-2.0
/*
 * Whose socket it is, fastsock's or TCP's, and giving it to TCP, with a reason.
 *
 * A claimed socket is one whose proto_ops are ours before anybody knows to
 * where it will connect.  Who gives it to TCP restores TCP's: from then on
 * nothing of ours runs for it.
 */

#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/inet_common.h>
#include <net/inet_hashtables.h>
#include <net/tcp.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/compat.h"
#include "base/hold.h"
#include "base/pernet.h"
#include "base/stats.h"
#include "core/attach.h"
#include "core/conn.h"
#include "core/delegate.h"
#include "core/family.h"
#include "core/state.h"
#include "core/transport.h"
#include "inet/ip.h"
#include "inet/mapped.h"

int (*fsk_guest_release)(struct socket *sock) __read_mostly;

/**
 * fsk_ops_set - give a socket other operations
 * @sock: socket
 * @ops: what it is to have
 *
 * Its reference on the module of the ones it has goes to the module of the
 * others.  The caller knows that both stay until then.
 *
 * Context: socket lock held in either form, or nobody else knows @sock.
 */
void fsk_ops_set(struct socket *sock, const struct proto_ops *ops)
{
	struct module *old = sock->ops->owner;

	if (ops->owner == old) {
		WRITE_ONCE(sock->ops, ops);
		return;
	}
	__module_get(ops->owner);
	WRITE_ONCE(sock->ops, ops);
	module_put(old);
}

/**
 * fsk_ops_connect - a client's connection is one
 * @conn: connection
 *
 * A socket that belongs to another module keeps that one's operations, see
 * transport.c: they work for any connection.
 *
 * Context: socket lock held in either form.
 */
void fsk_ops_connect(const struct fsk_conn *conn)
{
	const struct fsk_transport *t = conn->transport;
	struct socket *sock = conn->sk->sk_socket;

	if (sock && (likely(sock->ops->owner == THIS_MODULE) ||
		     sock->ops->owner == t->owner))
		fsk_ops_set(sock, &t->proto_ops[fsk_family_id(conn->sk)]);
}

/**
 * fsk_ops_disconnect - a connection leaves its socket, which may have others
 * @conn: attached connection, no longer opening, or dead
 *
 * Context: process; the caller owns the socket.
 */
void fsk_ops_disconnect(const struct fsk_conn *conn)
{
	enum fsk_family_id id = fsk_family_id(conn->sk);
	const struct fsk_transport *t = conn->transport;
	struct socket *sock = conn->sk->sk_socket;

	/*
	 * What a kernel user has accepted has its listener's operations; TCP's,
	 * if that was delegated with children in its queue.
	 */
	if (sock && sock->ops && (fsk_connected(sock) || t->foreign ||
				  sock->ops == fsk_families[id].tcp_ops))
		fsk_ops_set(sock, &t->reused_ops[id]);
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
	ours = sk->sk_socket && fsk_undecided(sk->sk_socket);
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
	const struct fsk_family *fam = fsk_family(sk);
	struct socket *sock = sk->sk_socket;

	fsk_count_delegated(sk, reason);
	WRITE_ONCE(sk->sk_prot, fam->tcp_prot);
	/* If it was connected, threads may still sleep in what that called. */
	if (sock && fsk_never_connected(sock))
		fsk_ops_set(sock, fam->tcp_ops);
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
 * @ip: what protocol the connection would be of
 *
 * Context: any; the options may change while it looks, as they may under TCP.
 * Return: FSK_ACCEPT, or the enum fsk_reason to delegate with.
 */
int fsk_option_reason(const struct sock *sk, const struct fsk_ip *ip)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (fsk_tcp_signed(sk))
		return FSK_REASON_MD5;
	if (inet_csk(sk)->icsk_ulp_ops)
		return FSK_REASON_ULP;
	if (rcu_access_pointer(sk->sk_filter))
		return FSK_REASON_FILTER;
	if (fsk_transparent(sk) || tp->tcp_tx_delay ||
	    sock_flag(sk, SOCK_TXTIME) ||
	    READ_ONCE(sk->sk_tsflags) & SOF_TIMESTAMPING_TX_RECORD_MASK)
		return FSK_REASON_OPTION;
	return ip->option_reason(sk);
}

/**
 * struct fsk_fallback - what takes a client's opening further, in process
 * context
 * @work: item on fsk_wq
 * @sk: socket, referenced while queued
 * @sa: what its server said; only in FSK_PH_JOINING
 *
 * Not part of the connection, which may be freed while the work waits; it tells
 * which connection it is for, since no other can have one at this address.
 */
struct fsk_fallback {
	struct work_struct work;
	struct sock *sk;
	struct fsk_synack sa;
};

static bool is_for(const struct fsk_fallback *fb, const struct fsk_conn *conn)
{
	return conn && conn->fallback == fb && conn->fallback_queued &&
	       (conn->phase == FSK_PH_FALLBACK ||
		conn->phase == FSK_PH_JOINING);
}

/**
 * fsk_fall_back_owned - as fsk_fall_back(), at once
 * @conn: client's connection that is still opening; do not use it afterwards
 * @reason: why
 *
 * The program is still waiting in connect(), or polls: it notices nothing.
 *
 * Context: process; the caller owns the socket and holds the module.
 */
void fsk_fall_back_owned(struct fsk_conn *conn, enum fsk_reason reason)
{
	struct sock *sk = conn->sk;
	struct sockaddr_storage addr;
	int len, err;

	len = fsk_inet_server_name(sk, &addr);
	fsk_conn_detach(sk);
	err = fsk_connect_tcp(sk, (struct sockaddr *)&addr, len, reason);
	if (!err)
		return;
	WRITE_ONCE(sk->sk_err, -err);
	sk->sk_state_change(sk);
	sk_error_report(sk);
}
EXPORT_SYMBOL_NS_GPL(fsk_fall_back_owned, FASTSOCK);

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
		conn->fallback_queued = false;
		conn->deferred |= FSK_DEFER_FALLBACK;
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

/* The caller owns the socket, and @fb, which was for @conn. */
static void run(struct fsk_fallback *fb, struct fsk_conn *conn)
{
	const struct fsk_transport *t = conn->transport;

	if (conn->phase == FSK_PH_FALLBACK) {
		fsk_fall_back_owned(conn, conn->reason);
	} else {
		conn->phase = FSK_PH_SYN_SENT;
		/* It may give the connection up, and with it its reference. */
		fsk_transport_get(t);
		t->ops->resume(conn, &fb->sa);
		fsk_transport_put(t);
	}
}

/*
 * The caller owns the socket.  The connection may have ended, and the socket
 * may have a new one.  Return: what to fsk_file_put() when it is no longer
 * owned.
 */
static struct file *run_if_due(struct sock *sk, struct fsk_fallback *fb)
{
	struct fsk_conn *conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;
	struct socket *sock = sk->sk_socket;

	if (sk->sk_state != TCP_SYN_SENT || !is_for(fb, conn))
		return NULL;
	conn->fallback = NULL;
	conn->fallback_queued = false;
	if (!fsk_file_get(sock)) {
		fsk_conn_kill(conn);	/* release() is about to */
		return NULL;
	}
	run(fb, conn);
	return sock ? sock->file : NULL;
}

static void fallback_work(struct work_struct *work)
{
	struct fsk_fallback *fb = container_of(work, struct fsk_fallback, work);
	struct sock *sk = fb->sk;
	struct file *file;

	if (own(sk, fb)) {
		file = run_if_due(sk, fb);
		release_sock(sk);
		fsk_file_put(file);
		kfree(fb);
	}
	sock_put(sk);
	fsk_hold_drop();
}

/*
 * The connection is in its new phase; the work finds it by that.  Socket lock
 * held in either form.
 */
static void queue(struct fsk_conn *conn)
{
	struct fsk_fallback *fb = conn->fallback;

	conn->fallback_queued = true;
	sock_hold(conn->sk);
	fsk_hold();
	fb->sk = conn->sk;
	INIT_WORK(&fb->work, fallback_work);
	queue_work(fsk_wq, &fb->work);
}

/**
 * fsk_fall_back - give a connection that is still opening to TCP
 * @conn: client's connection, with fsk_fallback_alloc(), in phase SYN_SENT
 * @reason: why
 *
 * TCP connects in process context: a work item does it.
 *
 * Context: socket lock held in either form.
 */
void fsk_fall_back(struct fsk_conn *conn, enum fsk_reason reason)
{
	conn->phase = FSK_PH_FALLBACK;
	conn->reason = reason;
	queue(conn);
}
EXPORT_SYMBOL_NS_GPL(fsk_fall_back, FASTSOCK);

/**
 * fsk_resume_later - go on with an opening where the socket is owned
 * @conn: client's connection, with fsk_fallback_alloc(), in phase SYN_SENT
 * @sa: what the server said
 *
 * The transport's @resume is called, unless the connection ends before.
 *
 * Context: socket lock held in either form.
 */
void fsk_resume_later(struct fsk_conn *conn, const struct fsk_synack *sa)
{
	conn->phase = FSK_PH_JOINING;
	conn->fallback->sa = *sa;
	queue(conn);
}
EXPORT_SYMBOL_NS_GPL(fsk_resume_later, FASTSOCK);

/**
 * fsk_fallback_again - the owner of a socket lets go that the work met
 * @conn: connection whose @deferred had FSK_DEFER_FALLBACK; perhaps dead
 *
 * Context: the socket's spinlock is held, by its owner.
 */
void fsk_fallback_again(struct fsk_conn *conn)
{
	if (conn->fallback && !conn->fallback_queued &&
	    (conn->phase == FSK_PH_FALLBACK || conn->phase == FSK_PH_JOINING))
		queue(conn);
}

/**
 * fsk_fallback_alloc - prepare for fsk_fall_back(), which cannot fail
 * @conn: client's connection
 *
 * Context: process, may sleep.
 * Return: false without memory.
 */
bool fsk_fallback_alloc(struct fsk_conn *conn)
{
	conn->fallback = kmalloc(sizeof(*conn->fallback), GFP_KERNEL);
	return conn->fallback;
}
EXPORT_SYMBOL_NS_GPL(fsk_fallback_alloc, FASTSOCK);

/**
 * fsk_fallback_free - undo fsk_fallback_alloc()
 * @conn: connection that is about to be freed
 *
 * Context: any.
 */
void fsk_fallback_free(struct fsk_conn *conn)
{
	if (!conn->fallback_queued)
		kfree(conn->fallback);
}
EXPORT_SYMBOL_NS_GPL(fsk_fallback_free, FASTSOCK);
