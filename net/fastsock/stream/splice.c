// SPDX-License-Identifier: GPL-2.0
/*
 * splice() from a socket, and read_sock() for users in the kernel.
 *
 * Both are TCP's as long as the bytes are queued.  Those that a transport keeps
 * behind the queue splice() copies to new pages, and read_sock() has queued.
 */

#include <linux/fs.h>
#include <linux/pipe_fs_i.h>
#include <linux/splice.h>
#include <linux/uio.h>
#include <net/inet_common.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "core/conn.h"
#include "core/transport.h"
#include "stream/call.h"
#include "stream/queue.h"
#include "stream/recv.h"
#include "stream/wait.h"

#define FSK_SPLICE_PAGES	16

/**
 * fsk_read_sock - struct proto_ops.read_sock: TCP's, and the peer hears of it
 * @sk: socket
 * @desc: the reader's state
 * @actor: the reader
 *
 * Context: the caller owns @sk.
 * Return: as TCP's.
 */
int fsk_read_sock(struct sock *sk, read_descriptor_t *desc,
		  sk_read_actor_t actor)
{
	struct fsk_conn *conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;
	bool (*queue)(struct fsk_conn *conn);
	int copied, n;

	queue = conn ? fsk_ops(conn)->queue : NULL;
	if (queue)
		queue(conn);
	copied = inet_stream_ops.read_sock(sk, desc, actor);
	while (queue && copied > 0 && desc->count && queue(conn)) {
		n = inet_stream_ops.read_sock(sk, desc, actor);
		if (n <= 0)
			break;
		copied += n;
	}
	if (copied > 0 && fsk_is_conn(sk) && fsk_conn(sk))
		fsk_call_done(fsk_conn(sk), copied);
	return copied;
}

static void splice_page_put(struct splice_pipe_desc *spd, unsigned int i)
{
	put_page(spd->pages[i]);
}

/* There are @len bytes, and kernel memory does not fault: it cannot fail. */
static void copy_to_page(const struct fsk_conn *conn, u32 seq,
			 struct page *page, u32 len)
{
	struct kvec vec = { .iov_base = page_address(page), .iov_len = len };
	struct iov_iter to;
	size_t n;

	iov_iter_kvec(&to, ITER_DEST, &vec, 1, len);
	while (len) {
		n = fsk_ops(conn)->read(conn, seq, &to, len);
		seq += n;
		len -= n;
	}
}

/* One round of splicing.  Return: bytes, 0 if there are none, or an errno. */
static ssize_t splice_stretch(struct fsk_conn *conn,
			      struct pipe_inode_info *pipe, size_t len)
{
	struct partial_page partial[FSK_SPLICE_PAGES];
	struct page *pages[FSK_SPLICE_PAGES];
	struct splice_pipe_desc spd = {
		.pages = pages,
		.partial = partial,
		.nr_pages_max = FSK_SPLICE_PAGES,
		.ops = &nosteal_pipe_buf_ops,
		.spd_release = splice_page_put,
	};
	const struct tcp_sock *tp = tcp_sk(conn->sk);
	u32 n, off = 0, unread = 0;
	ssize_t ret;

	/* A kernel user may have had bytes queued while we waited. */
	if (likely(skb_queue_empty(&conn->sk->sk_receive_queue)))
		unread = fsk_queue_behind(conn, tp->copied_seq);
	if (unlikely(tp->urg_data))
		unread = min(unread, tp->urg_seq - tp->copied_seq);
	len = min_t(size_t, len, unread);
	while (off < len && spd.nr_pages < FSK_SPLICE_PAGES) {
		pages[spd.nr_pages] = alloc_page(GFP_KERNEL);
		if (!pages[spd.nr_pages])
			break;
		n = min_t(u32, len - off, PAGE_SIZE);
		copy_to_page(conn, tp->copied_seq + off,
			     pages[spd.nr_pages], n);
		partial[spd.nr_pages].offset = 0;
		partial[spd.nr_pages].len = n;
		spd.nr_pages++;
		off += n;
	}
	if (!off)
		return len ? -ENOMEM : 0;
	ret = splice_to_pipe(pipe, &spd);
	if (ret > 0)
		fsk_queue_pass(conn, ret);
	return ret;
}

/*
 * Does splice() end because the next byte, which is there, is urgent?  It does
 * not wait then.  Other bytes that have come since splice_stretch() found none
 * are for the next round.
 */
static bool urgent_is_next(const struct fsk_conn *conn)
{
	const struct tcp_sock *tp = tcp_sk(conn->sk);

	return unlikely(tp->urg_data) && tp->urg_seq == tp->copied_seq &&
	       fsk_queue_behind(conn, tp->copied_seq);
}

/* As TCP's splice_read; the caller owns the socket, whose queue is empty. */
static ssize_t splice_behind(struct socket *sock, struct pipe_inode_info *pipe,
			     size_t len)
{
	struct sock *sk = sock->sk;
	struct fsk_call r = {
		.sk = sk, .left = len,
		.timeo = sock_rcvtimeo(sk, sock->file->f_flags & O_NONBLOCK),
	};
	struct fsk_conn *conn = fsk_conn(sk);
	ssize_t ret;

	while (r.left) {
		fsk_queue_settle(conn);
		if (unlikely(READ_ONCE(conn->deferred) & FSK_EV_URGENT))
			fsk_queue_process_urgent(conn);
		ret = splice_stretch(conn, pipe, r.left);
		if (ret > 0) {
			r.left -= ret;
			r.copied += ret;
			continue;
		}
		if (ret < 0 || r.copied)
			break;
		ret = fsk_wait_reason(&r);
		if (ret <= 0 || urgent_is_next(conn))
			break;
		ret = fsk_wait_data(&r, conn, NULL);
		if (!ret && (!fsk_is_conn(sk) || fsk_conn(sk) != conn))
			ret = -ENOTCONN;
		if (ret)
			break;
	}
	return r.copied ?: min_t(ssize_t, ret, 0);
}

/*
 * Wait until the socket is connected: only then is it known whether its bytes
 * are queued or behind the queue.  Return: 0, or why it is not connected.
 */
static int await_connection(struct socket *sock)
{
	struct sock *sk = sock->sk;
	long timeo = sock_rcvtimeo(sk, sock->file->f_flags & O_NONBLOCK);

	if (!fsk_is_conn(sk) || !fsk_conn(sk) ||
	    !fsk_conn_opening(fsk_conn(sk)))
		return 0;
	return sk_stream_wait_connect(sk, &timeo);
}

/**
 * fsk_splice_read - struct proto_ops.splice_read: TCP's, or splice_behind()
 * @sock: socket
 * @ppos: offset, which a socket has not
 * @pipe: where to
 * @len: bytes wanted
 * @flags: SPLICE_F_*
 *
 * Context: process, may sleep.
 * Return: as TCP's.
 */
ssize_t fsk_splice_read(struct socket *sock, loff_t *ppos,
			struct pipe_inode_info *pipe, size_t len,
			unsigned int flags)
{
	struct sock *sk = sock->sk;
	struct fsk_conn *conn;
	ssize_t copied;
	bool ours;
	int err;

	lock_sock(sk);
	err = await_connection(sock);
	if (err) {
		release_sock(sk);
		return err;
	}
	conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;
	ours = conn && fsk_ops(conn)->unread &&
	       skb_queue_empty(&sk->sk_receive_queue);
	if (ours)
		copied = *ppos ? -ESPIPE :
			 splice_behind(sock, pipe, len);
	release_sock(sk);
	if (!ours)
		copied = inet_stream_ops.splice_read(sock, ppos, pipe, len,
						     flags);
	if (copied > 0) {
		lock_sock(sk);
		if (fsk_is_conn(sk) && fsk_conn(sk))
			fsk_call_done(fsk_conn(sk), copied);
		release_sock(sk);
	}
	return copied;
}
