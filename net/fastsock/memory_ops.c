// SPDX-License-Identifier: GPL-2.0
/* Memory as a transport. */

#include <linux/skbuff.h>
#include <net/sock.h>
#include <uapi/linux/fastsock_wire.h>

#include "claim.h"
#include "conn.h"
#include "loop.h"
#include "memory.h"
#include "pair.h"
#include "pernet.h"
#include "stats.h"
#include "transport.h"

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
