// SPDX-License-Identifier: GPL-2.0
/* Counters of a namespace, /proc/net/fastsock_stat, and both tracepoints. */

#include <linux/netdevice.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/skbuff.h>
#include <net/inet_sock.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/pernet.h"
#include "base/stats.h"

#define CREATE_TRACE_POINTS
#include "base/trace.h"

/* What a counter is called in /proc, in the order of enum fsk_mib. */
struct fsk_mib_name {
	unsigned int mib;
	const char *name;
};

static const struct fsk_mib_name fsk_mib_names[] = {
#define FSK_M(id, name) { FSK_MIB_##id, "Fsk" #name },
#define FSK_R(id, name) \
	{ FSK_MIB_DELEGATED + FSK_REASON_##id, "FskDelegated" #name },
#define FSK_D(id, name) { FSK_MIB_DROP + FSK_DROP_##id, "FskDrop" #name },
	FSK_MIBS(FSK_M)
	FSK_REASONS(FSK_R)
	FSK_DROPS(FSK_D)
#undef FSK_M
#undef FSK_R
#undef FSK_D
};

static_assert(ARRAY_SIZE(fsk_mib_names) == FSK_MIB_MAX);

static u64 fsk_mib_sum(const struct fsk_net *fn, unsigned int mib)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(&fn->mib[mib], cpu));

	/* Not counted by itself: it is most of what comes. */
	if (mib == FSK_MIB_QUEUED_BYTES)
		sum = fsk_mib_sum(fn, FSK_MIB_IN_BYTES) -
		      fsk_mib_sum(fn, FSK_MIB_POSTED_BYTES);
	/* A gauge may read below zero while it moves from CPU to CPU. */
	if (mib == FSK_MIB_CURR_ESTAB && (s64)sum < 0)
		return 0;
	return sum;
}

static int fsk_stat_show(struct seq_file *seq, void *v)
{
	const struct fsk_net *fn = fsk_net(seq_file_single_net(seq));
	const struct fsk_mib_name *m = fsk_mib_names;

	for (; m < fsk_mib_names + ARRAY_SIZE(fsk_mib_names); m++) {
		/* The one figure that is no counter ends the first group. */
		if (m->mib == FSK_MIB_DELEGATED)
			seq_printf(seq, "FskPeers %u\n", READ_ONCE(fn->npeers));
		seq_printf(seq, "%s %llu\n", m->name, fsk_mib_sum(fn, m->mib));
	}
	return 0;
}

/**
 * fsk_stats_init - make the counters of a new namespace and show them
 * @net: namespace
 *
 * Context: process, may sleep.  Before anything counts in @net.
 * Return: 0 or -ENOMEM.
 */
int fsk_stats_init(struct net *net)
{
	struct fsk_net *fn = fsk_net(net);

	fn->mib = __alloc_percpu(FSK_MIB_MAX * sizeof(u64), __alignof__(u64));
	if (!fn->mib)
		return -ENOMEM;
	if (!proc_create_net_single("fastsock_stat", 0444, net->proc_net,
				    fsk_stat_show, NULL)) {
		free_percpu(fn->mib);
		return -ENOMEM;
	}
	return 0;
}

/**
 * fsk_stats_exit - undo fsk_stats_init()
 * @net: namespace
 *
 * Context: process, may sleep.  After the last that counts in @net.
 */
void fsk_stats_exit(struct net *net)
{
	remove_proc_entry("fastsock_stat", net->proc_net);
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
