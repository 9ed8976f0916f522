// SPDX-License-Identifier: GPL-2.0
/*
 * The operations of sockets, proto_ops and struct proto: of claimed ones, of
 * connected ones, and of those that were connected before.  TCP's, but for the
 * calls in which fastsock has a say.
 */

#include <linux/bpf.h>
#include <linux/in6.h>
#include <linux/module.h>
#include <net/inet_common.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "base/hold.h"
#include "base/stats.h"
#include "core/conn.h"
#include "core/delegate.h"
#include "core/family.h"
#include "core/keepalive.h"
#include "core/state.h"
#include "core/timer.h"
#include "inet/mapped.h"
#include "socket/close.h"
#include "socket/connect.h"
#include "socket/ops.h"
#include "socket/sockopt.h"
#include "stream/recv.h"
#include "stream/send.h"

/*
 * Calls on a claimed socket.  Each holds the module: the socket may be
 * delegated by another thread, or by this one, before it returns.  Calls on a
 * connected one, or on one that was, need not: it is never delegated, so it
 * keeps its reference, on this module or on one that needs it, until its last
 * descriptor is closed, and whoever is in a call has that descriptor.
 */

static int claimed_connect(struct socket *sock, struct sockaddr *uaddr,
			   int addr_len, int flags)
{
	struct fsk_family *fam = fsk_family(sock->sk);
	struct sock *sk = sock->sk;
	bool fresh;
	int err;

	fsk_hold();
	lock_sock(sk);
	fresh = fsk_undecided(sock) && sk->sk_prot == fam->tcp_prot &&
		sk->sk_state == TCP_CLOSE && sock->state == SS_UNCONNECTED;
	if (fresh)
		WRITE_ONCE(sk->sk_prot, &fam->prot);
	err = __inet_stream_connect(sock, uaddr, addr_len, flags, 0);
	/* It failed, or never came to connecting. */
	if (fsk_is_conn(sk) && !fsk_conn(sk))
		WRITE_ONCE(sk->sk_prot, fam->tcp_prot);
	release_sock(sk);
	fsk_hold_drop();
	return err;
}

/*
 * A child may be fastsock's or TCP's.  Nobody else knows it yet but its peer.
 * kernel_accept() sets no ops before, but those of the listener afterwards.
 */
static void adopt(struct socket *newsock)
{
	enum fsk_family_id id = fsk_family_id(newsock->sk);
	const struct proto_ops *ops = fsk_families[id].tcp_ops;
	struct sock *sk = newsock->sk;
	struct fsk_conn *conn;

	spin_lock_bh(&sk->sk_lock.slock);
	conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;
	if (likely(conn)) {
		ops = &conn->transport->proto_ops[id];
		if (fsk_ops(conn)->accepted)
			fsk_ops(conn)->accepted(conn);
	}
	if (newsock->ops && fsk_undecided(newsock))
		fsk_ops_set(newsock, ops);
	spin_unlock_bh(&sk->sk_lock.slock);
}

static int claimed_accept(struct socket *sock, struct socket *newsock,
			  FSK_ACCEPT_ARGS)
{
	int err;

	fsk_hold();
	err = inet_accept(sock, newsock, FSK_ACCEPT_PASS);
	if (!err)
		adopt(newsock);
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
		if (fsk_undecided(sock) && !fsk_is_conn(sk) &&
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

/* A connection that is not yet one: the work that delegates finds it dead. */
static void give_up(struct sock *sk)
{
	if (fsk_is_conn(sk) && fsk_conn(sk) && sk->sk_state == TCP_SYN_SENT)
		fsk_conn_kill(fsk_conn(sk));
}

/*
 * The caller puts the reference of the module it saw in sock->ops, which was
 * this one.  Since then the fallback work may have delegated the socket, and
 * put the reference, or a connection of another module's was established, and
 * has moved it.  Afterwards nothing changes that any more.
 */
static int any_release(struct socket *sock)
{
	struct sock *sk = sock->sk;

	if (!sk)
		return inet_release(sock);
	lock_sock(sk);
	if (sock->ops->owner != THIS_MODULE)
		fsk_ops_set(sock, &fsk_family(sk)->reused);
	else
		give_up(sk);
	release_sock(sk);
	return fsk_family(sk)->tcp_ops->release(sock);
}

/* The same, but it was another module, whose socket stays that to the end. */
static int guest_release(struct socket *sock)
{
	struct sock *sk = sock->sk;

	if (!sk)
		return inet_release(sock);
	lock_sock(sk);
	give_up(sk);
	release_sock(sk);
	return fsk_family(sk)->tcp_ops->release(sock);
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
	if (!ours && fsk_never_connected(sock))
		fsk_delegate(sk, FSK_REASON_ULP);
	else if (!ours && (fsk_undecided(sock) || fsk_connected(sock)))
		err = -EOPNOTSUPP;
	release_sock(sk);
	return ours ? fsk_refuse_ulp(optval, optlen) : err;
}

/*
 * IPV6_ADDRFORM gives a connected socket of AF_INET6 the operations of AF_INET,
 * TCP's: not one that has ours, whose reference on a module would never be
 * dropped, and in whose functions threads may sleep.  TCP refuses that likewise
 * where an upper layer has operations of its own.  TCP is not asked even if it
 * would refuse: another thread may connect the socket meanwhile.
 * Return: 1 to let TCP decide, which has the socket for good; else the result.
 */
static int judge_addrform(struct socket *sock, sockptr_t optval,
			  unsigned int optlen)
{
	struct sock *sk = sock->sk;
	int family, err = 1;

	if (optlen < sizeof(family))
		return -EINVAL;
	if (copy_from_sockptr(&family, optval, sizeof(family)))
		return -EFAULT;
	if (family != PF_INET)
		return -EINVAL;
	lock_sock(sk);
	if (fsk_undecided(sock) || fsk_connected(sock))
		err = fsk_inet6_addrform(sk);
	release_sock(sk);
	return err;
}

static int any_setsockopt(struct socket *sock, int level, int optname,
			  sockptr_t optval, unsigned int optlen)
{
	int err = 1;

	if (level == SOL_TCP && optname == TCP_ULP)
		err = judge_ulp(sock, optval, optlen);
	else if (level == SOL_IPV6 && optname == IPV6_ADDRFORM &&
		 READ_ONCE(sock->ops)->family == PF_INET6)
		err = judge_addrform(sock, optval, optlen);
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

/* As inet_stream_connect(); but by it ours are known, see fsk_connected(). */
static int stream_connect(struct socket *sock, struct sockaddr *uaddr,
			  int addr_len, int flags)
{
	struct sock *sk = sock->sk;
	int err;

	lock_sock(sk);
	err = __inet_stream_connect(sock, uaddr, addr_len, flags, 0);
	release_sock(sk);
	return err;
}

/*
 * TCP may make the buffer larger for it.  The caller owns @sk, but for a
 * program of BPF, which may be called under the spinlock: then the next read
 * sees it.
 */
static int stream_set_rcvlowat(struct sock *sk, int val)
{
	int err = inet_stream_ops.set_rcvlowat(sk, val);
	struct fsk_conn *conn;

	conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;
	if (!err && conn && fsk_ops(conn)->resized && !has_current_bpf_ctx())
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

/* Not registered: sockets keep TCP's slab, counters and memory limits. */
static void fill_prot(struct fsk_family *fam)
{
	struct proto *prot = &fam->prot;

	*prot = *fam->tcp_prot;
	prot->close = fsk_close;
	prot->connect = fsk_connect;
	prot->disconnect = fsk_disconnect;
	prot->shutdown = fsk_shutdown;
	prot->setsockopt = fsk_setsockopt;
	prot->getsockopt = fsk_getsockopt;
	prot->keepalive = fsk_keepalive;
	prot->sendmsg = fsk_sendmsg;
	prot->recvmsg = fsk_recvmsg;
	prot->backlog_rcv = fsk_backlog_drop;
	prot->release_cb = fsk_release_cb;
	prot->diag_destroy = fsk_abort;
#ifdef CONFIG_BPF_SYSCALL
	prot->psock_update_sk_prot = NULL;	/* no sockmap */
#endif
	fsk_compat_proto(prot);
}

static void fill_claimed(struct proto_ops *ops, const struct proto_ops *tcp)
{
	*ops = *tcp;
	ops->owner = THIS_MODULE;
	ops->release = claimed_release;
	ops->connect = claimed_connect;
	ops->accept = claimed_accept;
	ops->sendmsg = claimed_sendmsg;
	ops->recvmsg = claimed_recvmsg;
	ops->setsockopt = claimed_setsockopt;
	ops->getsockopt = claimed_getsockopt;
	ops->shutdown = claimed_shutdown;
	replace_tcp_readers(ops);
	ops->splice_read = claimed_splice_read;
}

static void fill_reused(struct proto_ops *ops, const struct proto_ops *claimed)
{
	*ops = *claimed;
	ops->release = any_release;
	ops->setsockopt = any_setsockopt;
	ops->splice_read = fsk_splice_read;
	ops->set_rcvlowat = stream_set_rcvlowat;
}

/* Released as TCP's: what any_release() looks for can be no more. */
static void fill_connected(struct proto_ops *ops, const struct proto_ops *tcp)
{
	*ops = *tcp;
	ops->owner = THIS_MODULE;
	ops->connect = stream_connect;
	ops->sendmsg = fsk_stream_sendmsg;
	ops->recvmsg = fsk_stream_recvmsg;
	ops->setsockopt = any_setsockopt;
	ops->set_rcvlowat = stream_set_rcvlowat;
	replace_tcp_readers(ops);
}

/**
 * fsk_socket_ops_init - derive fastsock's operations from TCP's
 *
 * Context: process, module load, after fsk_family_init().
 */
void fsk_socket_ops_init(void)
{
	struct fsk_family *fam;

	for (fam = fsk_families; fam < fsk_families + FSK_FAMILIES; fam++) {
		if (!fam->tcp_prot)
			continue;
		fill_prot(fam);
		fill_claimed(&fam->claimed, fam->tcp_ops);
		fill_reused(&fam->reused, &fam->claimed);
		fill_connected(&fam->connected, fam->tcp_ops);
	}
	fsk_families[FSK_INET6].prot.connect = fsk_connect6;
	fsk_guest_release = guest_release;
}
