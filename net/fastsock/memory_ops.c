// SPDX-License-Identifier: GPL-2.0
/* Memory as a transport. */

#include <linux/skbuff.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <uapi/linux/fastsock_wire.h>

#include "claim.h"
#include "conn.h"
#include "loop.h"
#include "memory.h"
#include "pair.h"
#include "pernet.h"
#include "ring.h"
#include "state.h"
#include "stats.h"
#include "transport.h"

/* What the writer at the other end has counted for this one. */
static void tell_segs(struct fsk_memory *mem)
{
	u32 segs = READ_ONCE(mem->in->segs), more = segs - mem->told_segs;
	struct tcp_sock *tp = tcp_sk(mem->conn.sk);

	mem->told_segs = segs;
	WRITE_ONCE(tp->segs_in, tp->segs_in + more);
	WRITE_ONCE(tp->data_segs_in, tp->data_segs_in + more);
	tp->rcv_wup = tp->rcv_nxt;
}

static void memory_count(struct fsk_conn *conn)
{
	struct fsk_memory *mem = fsk_memory(conn);

	tell_segs(mem);
	fsk_state_bytes(conn, tcp_sk(conn->sk)->snd_una, mem->out->head,
			mem->in->head);
}

static void memory_info(struct fsk_conn *conn)
{
	const struct fsk_memory *mem = fsk_memory(conn);
	struct tcp_sock *tp = tcp_sk(conn->sk);

	memory_count(conn);
	tp->snd_wnd = mem->out->window;
	tp->rcvq_space.space = mem->in->window;
	tp->delivered = tp->data_segs_out;
	/* What is sent is there when send() returns: the least there is. */
	tp->srtt_us = 1 << 3;
	minmax_reset(&tp->rtt_min, tcp_jiffies32, 1);
	tp->lsndtime = tcp_jiffies32;
	tp->rcv_tstamp = tcp_jiffies32;
	inet_csk(conn->sk)->icsk_ack.lrcvtime = tcp_jiffies32;
}

static void memory_send_reset(struct fsk_conn *conn, bool locked)
{
	if (locked)
		fsk_loop_reset_later(fsk_memory(conn));
	else
		fsk_loop_reset(fsk_memory(conn));
}

static void memory_kill(struct fsk_conn *conn)
{
	fsk_loop_leave(fsk_memory(conn));
}

static void memory_free(struct fsk_conn *conn)
{
	fsk_pair_put(fsk_memory(conn)->pair);
}

static bool memory_leave(struct fsk_conn *conn)
{
	return fsk_pair_leave(fsk_memory(conn));
}

static void memory_unhook(struct fsk_conn *conn)
{
	fsk_loop_unhook(fsk_memory(conn));
}

/*
 * A frame that waited for the owner was for the connection in whose place this
 * one is, see fsk_conn_swap().  A TCP segment has raced with the filter.
 */
static int memory_backlog_rcv(struct sock *sk, struct sk_buff *skb)
{
	if (skb->protocol == fsk_ethertype)
		fsk_drop(sock_net(sk), skb, FSK_DROP_STATE);
	else
		kfree_skb(skb);
	return 0;
}

static const struct fsk_transport_ops memory_ops = {
	.count		= memory_count,
	.info		= memory_info,
	.send_reset	= memory_send_reset,
	.kill		= memory_kill,
	.free		= memory_free,
	.leave		= memory_leave,
	.unhook		= memory_unhook,
};

const struct fsk_transport fsk_memory_transport = {
	.ops		= &memory_ops,
	.proto_ops	= &fsk_memory_ops,
	.backlog_rcv	= memory_backlog_rcv,
};
