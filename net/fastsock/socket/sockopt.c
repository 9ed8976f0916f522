// SPDX-License-Identifier: GPL-2.0
/*
 * Options of a fastsock socket.
 *
 * Its sk is TCP's, so TCP stores and reports nearly all of them.  Here are
 * those whose TCP handler would arm a timer, transmit, or read the receive
 * queue, and those that fastsock cannot honour once connected.
 */

#include <linux/sockptr.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "core/conn.h"
#include "core/keepalive.h"
#include "core/state.h"
#include "core/timer.h"
#include "core/transport.h"
#include "socket/sockopt.h"

static int get_int(sockptr_t optval, unsigned int optlen, int *val)
{
	if (optlen < sizeof(int))
		return -EINVAL;
	return copy_from_sockptr(val, optval, sizeof(*val)) ? -EFAULT : 0;
}

/* TCP has stored it; what waited for more may go. */
static void set_cork(struct sock *sk)
{
	struct fsk_conn *conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;

	if (fsk_conn_dead(conn) || fsk_conn_opening(conn))
		return;		/* looked at when it is connected */
	conn->corked = tcp_sk(sk)->nonagle & TCP_NAGLE_CORK;
	fsk_ops(conn)->cork(conn);
}

/* TCP_NODELAY sends what is there, but does not end TCP_CORK. */
static void set_nodelay(struct sock *sk)
{
	struct fsk_conn *conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;

	if (fsk_conn_dead(conn) || fsk_conn_opening(conn) ||
	    !(tcp_sk(sk)->nonagle & TCP_NAGLE_OFF))
		return;
	fsk_ops(conn)->uncork(conn);
}

/* The ack that ends the handshake has waited long enough. */
static void confirm_now(struct sock *sk)
{
	struct fsk_conn *conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;

	if (!fsk_conn_dead(conn) && fsk_ops(conn)->quickack)
		fsk_ops(conn)->quickack(conn);
}

/* TCP's handlers of these arm its timer or transmit. */
static int set_own(struct sock *sk, int optname, int val)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (optname == TCP_QUICKACK) {
		if (val)
			confirm_now(sk);
		if (val & 1)
			inet_csk_exit_pingpong_mode(sk);
		else
			inet_csk_enter_pingpong_mode(sk);
		return 0;
	}
	if (val < 1 || val > MAX_TCP_KEEPIDLE)
		return -EINVAL;
	WRITE_ONCE(tp->keepalive_time, val * HZ);
	if (fsk_is_conn(sk) && !fsk_conn_dead(fsk_conn(sk)))
		fsk_keepalive_moved(fsk_conn(sk));
	return 0;
}

static void rearm(struct sock *sk)
{
	struct fsk_conn *conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;

	if (!fsk_conn_dead(conn))
		fsk_timer_arm(conn);
}

/**
 * fsk_refuse_ulp - setsockopt(TCP_ULP) of a socket whose slot is ours
 * @optval: name of the upper layer
 * @optlen: bytes of @optval
 *
 * TCP is not asked, for the connection may end meanwhile.
 *
 * Context: process, may sleep.
 * Return: -EINVAL or -EFAULT for a bad name, -EEXIST for kernel TLS, -ENOENT
 * for what no program asks for on a connection.
 */
int fsk_refuse_ulp(sockptr_t optval, unsigned int optlen)
{
	char name[TCP_ULP_NAME_MAX];
	long len;

	if (!optlen)
		return -EINVAL;
	len = strncpy_from_sockptr(name, optval,
				   min_t(long, TCP_ULP_NAME_MAX - 1, optlen));
	if (len < 0)
		return -EFAULT;
	name[len] = '\0';
	return strcmp(name, "tls") ? -ENOENT : -EEXIST;
}

/* Return: 0, or why TCP refuses this key before it looks at the socket. */
static int bad_key(const struct sock *sk, sockptr_t optval,
		   unsigned int optlen)
{
	struct tcp_md5sig sig;

	if (optlen < sizeof(sig))
		return -EINVAL;
	if (copy_from_sockptr(&sig, optval, sizeof(sig)))
		return -EFAULT;
	return sig.tcpm_addr.ss_family == sk->sk_family ? 0 : -EINVAL;
}

/*
 * What only TCP has, once the connection is fastsock's: 0 if it is not that.
 * The other options of TCP_REPAIR fail by themselves without it.
 */
static int refused_set(const struct sock *sk, int optname, sockptr_t optval,
		       unsigned int optlen)
{
	int err, val;

	switch (optname) {
	case TCP_REPAIR:
		if (!ns_capable(sock_net(sk)->user_ns, CAP_NET_ADMIN))
			return 0;	/* TCP says EPERM */
		err = get_int(optval, optlen, &val);
		if (!err && (val > TCP_REPAIR_ON || val < TCP_REPAIR_OFF_NO_WP))
			err = -EINVAL;
		return err ?: -EOPNOTSUPP;
	case TCP_MD5SIG:
	case TCP_MD5SIG_EXT:
		err = bad_key(sk, optval, optlen);
		return err ?: -EOPNOTSUPP;
	case TCP_ULP:
		return fsk_refuse_ulp(optval, optlen);
	case TCP_TX_DELAY:
		return -EOPNOTSUPP;
	}
	return fsk_compat_refused(optname) ? -EOPNOTSUPP : 0;
}

/**
 * fsk_setsockopt - struct proto.setsockopt
 * @sk: socket, connecting or connected
 * @level: level
 * @optname: option
 * @optval: value
 * @optlen: bytes of @optval
 *
 * Context: process, may sleep.
 * Return: 0 or a negative errno; -EOPNOTSUPP for what only TCP has.
 */
int fsk_setsockopt(struct sock *sk, int level, int optname, sockptr_t optval,
		   unsigned int optlen)
{
	int err, val;

	if (level != SOL_TCP)
		return tcp_prot.setsockopt(sk, level, optname, optval, optlen);
	err = refused_set(sk, optname, optval, optlen);
	if (err)
		return err;
	if (optname == TCP_KEEPIDLE || optname == TCP_QUICKACK) {
		err = get_int(optval, optlen, &val);
		if (err)
			return err;
		lock_sock(sk);
		err = set_own(sk, optname, val);
	} else {
		err = tcp_prot.setsockopt(sk, level, optname, optval, optlen);
		lock_sock(sk);
		if (!err && optname == TCP_CORK)
			set_cork(sk);
		else if (!err && optname == TCP_NODELAY)
			set_nodelay(sk);
	}
	rearm(sk);
	release_sock(sk);
	return err;
}

/**
 * fsk_getsockopt - struct proto.getsockopt
 * @sk: socket, connecting or connected
 * @level: level
 * @optname: option
 * @optval: user memory for the value
 * @optlen: in and out, bytes of @optval
 *
 * Context: process, may sleep.
 * Return: 0 or a negative errno.
 */
int fsk_getsockopt(struct sock *sk, int level, int optname,
		   char __user *optval, int __user *optlen)
{
	/* Would map pages of the receive queue as TCP's own. */
	if (level == SOL_TCP && optname == TCP_ZEROCOPY_RECEIVE)
		return -EOPNOTSUPP;
	if (level == SOL_TCP && optname == TCP_INFO) {
		lock_sock(sk);
		if (fsk_is_conn(sk) && !fsk_conn_dead(fsk_conn(sk)))
			fsk_conn_info(fsk_conn(sk));
		release_sock(sk);
	}
	return tcp_prot.getsockopt(sk, level, optname, optval, optlen);
}
