/* SPDX-License-Identifier: GPL-2.0 */
/* One call of recv() or its like, and what all of them do. */
#ifndef _FSK_CALL_H
#define _FSK_CALL_H

#include <linux/types.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "core/conn.h"
#include "core/transport.h"

struct msghdr;
struct sk_buff;

/**
 * struct fsk_call - one call of recv
 * @sk: socket
 * @msg: where to
 * @left: bytes that still fit
 * @target: bytes that satisfy the call
 * @timeo: jiffies left to wait
 * @flags: MSG_*
 * @peek_at: the copied_seq that @peek counts from
 * @peek: with MSG_PEEK, bytes already passed
 * @peek_from: @peek at the beginning, SO_PEEK_OFF
 * @copied: bytes returned so far
 * @want: with a posted buffer, bytes in it that end the wait
 * @stamped: last skb read, if its time stamp is wanted; referenced
 */
struct fsk_call {
	struct sock *sk;
	struct msghdr *msg;
	size_t left;
	size_t target;
	long timeo;
	int flags;
	u32 peek_at;
	u32 peek;
	u32 peek_from;
	size_t copied;
	size_t want;
	struct sk_buff *stamped;
};

/* The number of the byte that the call has got to. */
static inline u32 fsk_call_position(const struct fsk_call *r)
{
	return tcp_sk(r->sk)->copied_seq + r->peek;
}

/* The program, or a kernel user, made room: tell the peer. */
static inline void fsk_call_done(struct fsk_conn *conn, size_t copied)
{
	conn->avg_recv = conn->avg_recv - conn->avg_recv / 4 + copied / 4;
	fsk_ops(conn)->read_done(conn);
}

#endif /* _FSK_CALL_H */
