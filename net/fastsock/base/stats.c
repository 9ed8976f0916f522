// SPDX-License-Identifier: GPL-2.0
/* Counters of a namespace, and both tracepoints. */

#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/inet_sock.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/pernet.h"
#include "base/stats.h"

#define CREATE_TRACE_POINTS
#include "base/trace.h"

/**
 * fsk_stats_init - make the counters of a new namespace
 * @net: namespace
 *
 * Context: process, may sleep.  Before anything counts in @net.
 * Return: 0 or -ENOMEM.
 */
int fsk_stats_init(struct net *net)
{
	struct fsk_net *fn = fsk_net(net);

	fn->mib = __alloc_percpu(FSK_MIB_MAX * sizeof(u64), __alignof__(u64));
	return fn->mib ? 0 : -ENOMEM;
}

/**
 * fsk_stats_exit - undo fsk_stats_init()
 * @net: namespace
 *
 * Context: process, may sleep.  After the last that counts in @net.
 */
void fsk_stats_exit(struct net *net)
{
	free_percpu(fsk_net(net)->mib);
}

/**
 * fsk_count_delegated - a connection went to TCP: count it and tell why
 * @sk: its socket
 * @reason: why
 *
 * Context: any.
 */
void fsk_count_delegated(const struct sock *sk, enum fsk_reason reason)
{
	fsk_stat_inc(sock_net(sk), FSK_MIB_DELEGATED + reason);
	trace_fastsock_delegate(sk, reason);
}

/* The type byte of a frame of ours, or FSK_T_MAX when there is none. */
static u8 fsk_frame_type(const struct sk_buff *skb, int offset)
{
	u8 *type, buf;

	type = skb_header_pointer(skb, offset, sizeof(buf), &buf);
	return type ? *type : FSK_T_MAX;
}

/*
 * The device is looked up by number: a frame that waited in a socket's backlog
 * does not keep skb->dev alive.
 */
static void fsk_trace_drop(const struct net *net, const struct sk_buff *skb,
			   enum fsk_drop why)
{
	struct net_device *dev = NULL;
	unsigned int len = 0;
	u8 type = FSK_T_MAX;
	int offset;

	rcu_read_lock();
	if (skb) {
		offset = skb_network_offset(skb);
		type = fsk_frame_type(skb, offset);
		len = skb->len - offset;
		dev = dev_get_by_index_rcu((struct net *)net, skb->skb_iif);
	}
	trace_fastsock_drop(net, dev, type, len, why);
	rcu_read_unlock();
}

/**
 * fsk_drop - drop a received frame, count it and tell why
 * @net: namespace that received it
 * @skb: the frame, consumed; NULL when the caller frees it
 * @why: the reason
 *
 * Context: any.
 */
void fsk_drop(const struct net *net, struct sk_buff *skb, enum fsk_drop why)
{
	fsk_stat_inc(net, FSK_MIB_DROP + why);
	if (trace_fastsock_drop_enabled())
		fsk_trace_drop(net, skb, why);
	kfree_skb(skb);
}
