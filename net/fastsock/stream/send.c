// SPDX-License-Identifier: GPL-2.0
/* send(), and how large the buffer is, whatever carries the bytes. */

#include <linux/export.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "core/conn.h"
#include "core/transport.h"
#include "stream/send.h"

/**
 * fsk_send_grow - make a send buffer larger
 * @sk: socket
 *
 * Within what the program and the administrator allow.
 *
 * Context: socket lock held in either form.
 * Return: true if it grew.
 */
bool fsk_send_grow(struct sock *sk)
{
	int max = READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_wmem[2]);
	int cur = READ_ONCE(sk->sk_sndbuf);

	if (sk->sk_userlocks & SOCK_SNDBUF_LOCK || cur >= max ||
	    tcp_under_memory_pressure(sk) ||
	    sk_memory_allocated(sk) >= sk_prot_mem_limits(sk, 0))
		return false;
	WRITE_ONCE(sk->sk_sndbuf, min_t(u32, 2U * cur, max));
	return true;
}
EXPORT_SYMBOL_NS_GPL(fsk_send_grow, FASTSOCK);

/**
 * __fsk_send_keep_writable - let a send buffer that is in use grow
 * @sk: socket
 * @queued: bytes in its send buffer, more than half of it
 *
 * TCP's grows as acks come.  This one grows before poll() would say that it is
 * full, so that a program that polls before each send gets no less far.
 *
 * Context: socket lock held in either form.
 * Return: true if it grew; the caller then tells who waits for room.
 */
bool __fsk_send_keep_writable(struct sock *sk, u32 queued)
{
	bool grown = false;

	while (queued > READ_ONCE(sk->sk_sndbuf) / 2U &&
	       fsk_send_grow(sk))
		grown = true;
	return grown;
}
EXPORT_SYMBOL_NS_GPL(__fsk_send_keep_writable, FASTSOCK);

/* What TCP says when it is asked to connect while it sends. */
static int fastopen_error(const struct sock *sk, const struct msghdr *msg)
{
	const struct sockaddr *addr = msg->msg_name;

	if (!(READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_fastopen) &
	      TFO_CLIENT_ENABLE) ||
	    (addr && msg->msg_namelen >= sizeof(addr->sa_family) &&
	     addr->sa_family == AF_UNSPEC))
		return -EOPNOTSUPP;
	return -EISCONN;
}

/* A send with MSG_OOB ends: it may have got less far than it wanted. */
static void tell_urgent(struct sock *sk, struct msghdr *msg)
{
	struct fsk_conn *conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;

	if (!fsk_conn_dead(conn))
		fsk_ops(conn)->urgent(conn, msg_data_left(msg));
}

static int send_locked(struct sock *sk, struct msghdr *msg, size_t size)
{
	struct ubuf_info *uarg = NULL;
	struct fsk_conn *conn;
	size_t copied = 0;
	long timeo;
	int err;

	if (unlikely(msg->msg_flags & MSG_FASTOPEN))
		return fastopen_error(sk, msg);
	if (msg->msg_flags & MSG_ZEROCOPY && size && !msg->msg_ubuf &&
	    sock_flag(sk, SOCK_ZEROCOPY)) {
		uarg = fsk_zerocopy_begin(sk, size);
		if (!uarg)
			return sk_stream_error(sk, msg->msg_flags, -ENOBUFS);
	}
	timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT);

	if (msg->msg_controllen) {
		struct sockcm_cookie sockc;

		sockcm_init(&sockc, sk);
		err = sock_cmsg_send(sk, msg, &sockc);
		if (err) {
			err = -EINVAL;
			goto out;
		}
	}
	sk_clear_bit(SOCKWQ_ASYNC_NOSPACE, sk);
	err = -EPIPE;
	conn = fsk_conn(sk);
	if (!(sk->sk_err || sk->sk_shutdown & SEND_SHUTDOWN))
		err = fsk_ops(conn)->write(conn, msg, &timeo, &copied);
	if (unlikely(msg->msg_flags & MSG_OOB && copied))
		tell_urgent(sk, msg);
out:
	fsk_zerocopy_end(uarg, copied);
	if (copied)
		return copied;
	if (!err)
		return 0;
	err = sk_stream_error(sk, msg->msg_flags, err);
	/* An edge-triggered writer must hear of the space it was refused. */
	if (err == -EAGAIN)
		sk->sk_write_space(sk);
	return err;
}

/**
 * fsk_sendmsg - struct proto.sendmsg
 * @sk: socket, connecting or connected
 * @msg: what to send
 * @size: bytes
 *
 * Context: process, may sleep.
 * Return: bytes taken or a negative errno, as TCP.
 */
int fsk_sendmsg(struct sock *sk, struct msghdr *msg, size_t size)
{
	long timeo;
	int ret = 0;

	lock_sock(sk);
	if (unlikely((1 << sk->sk_state) &
		     ~(TCPF_ESTABLISHED | TCPF_CLOSE_WAIT))) {
		timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT);
		ret = sk_stream_wait_connect(sk, &timeo);
	}
	if (unlikely(!ret && !fsk_is_conn(sk))) {
		release_sock(sk);	/* delegated while we waited */
		return READ_ONCE(sk->sk_prot)->sendmsg(sk, msg, size);
	}
	ret = ret ? sk_stream_error(sk, msg->msg_flags, ret) :
		    send_locked(sk, msg, size);
	release_sock(sk);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(fsk_sendmsg, FASTSOCK);
