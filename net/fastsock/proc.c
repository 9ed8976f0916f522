// SPDX-License-Identifier: GPL-2.0
/* /proc/net/fastsock_stat and /proc/net/fastsock_peers. */

#include <linux/jiffies.h>
#include <linux/netdevice.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>
#include <uapi/linux/fastsock_wire.h>

#include "admin.h"
#include "base/pernet.h"
#include "base/stats.h"
#include "lan/peer.h"

/* What a counter is called in /proc, in the order of enum fsk_mib. */
struct mib_name {
	unsigned int mib;
	const char *name;
};

static const struct mib_name mib_names[] = {
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

static_assert(ARRAY_SIZE(mib_names) == FSK_MIB_MAX);

static u64 mib_sum(const struct fsk_net *fn, unsigned int mib)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(&fn->mib[mib], cpu));

	/* Not counted by itself: it is most of what comes. */
	if (mib == FSK_MIB_QUEUED_BYTES)
		sum = mib_sum(fn, FSK_MIB_IN_BYTES) -
		      mib_sum(fn, FSK_MIB_POSTED_BYTES);
	/* A gauge may read below zero while it moves from CPU to CPU. */
	if (mib == FSK_MIB_CURR_ESTAB && (s64)sum < 0)
		return 0;
	return sum;
}

static int stat_show(struct seq_file *seq, void *v)
{
	const struct fsk_net *fn = fsk_net(seq_file_single_net(seq));
	const struct mib_name *m = mib_names;

	for (; m < mib_names + ARRAY_SIZE(mib_names); m++) {
		/* The one figure that is no counter ends the first group. */
		if (m->mib == FSK_MIB_DELEGATED)
			seq_printf(seq, "FskPeers %u\n", READ_ONCE(fn->npeers));
		seq_printf(seq, "%s %llu\n", m->name, mib_sum(fn, m->mib));
	}
	return 0;
}

static const char *const state_names[] = {
	[FSK_PEER_CAPABLE] = "capable",
	[FSK_PEER_NEGATIVE] = "negative",
};

/* The position in fastsock_peers is the number of a bucket. */
static void *peers_start(struct seq_file *seq, loff_t *pos)
{
	return *pos < FSK_PEER_BUCKETS ? pos : NULL;
}

static void *peers_next(struct seq_file *seq, void *v, loff_t *pos)
{
	++*pos;
	return peers_start(seq, pos);
}

static void peers_stop(struct seq_file *seq, void *v)
{
}

static void show_peer(const struct fsk_peer_info *info, void *arg)
{
	seq_printf(arg, "%s %pM %s %*phN %u\n", info->dev->name, info->mac,
		   state_names[info->state], FSK_HOSTID_LEN, info->hostid,
		   jiffies_to_msecs(info->age));
}

static int peers_show(struct seq_file *seq, void *v)
{
	const loff_t *pos = v;

	fsk_peer_each(seq_file_net(seq), *pos, show_peer, seq);
	return 0;
}

static const struct seq_operations peers_seq_ops = {
	.start	= peers_start,
	.next	= peers_next,
	.stop	= peers_stop,
	.show	= peers_show,
};

/**
 * fsk_proc_init_net - show counters and peers of a new namespace
 * @net: namespace
 *
 * Context: process, may sleep.  After what is shown was made.
 * Return: 0 or -ENOMEM.
 */
int fsk_proc_init_net(struct net *net)
{
	if (!proc_create_net_single("fastsock_stat", 0444, net->proc_net,
				    stat_show, NULL))
		return -ENOMEM;
	if (!proc_create_net("fastsock_peers", 0444, net->proc_net,
			     &peers_seq_ops, sizeof(struct seq_net_private))) {
		remove_proc_entry("fastsock_stat", net->proc_net);
		return -ENOMEM;
	}
	return 0;
}

/**
 * fsk_proc_exit_net - undo fsk_proc_init_net()
 * @net: namespace
 *
 * Context: process, may sleep.
 */
void fsk_proc_exit_net(struct net *net)
{
	remove_proc_entry("fastsock_peers", net->proc_net);
	remove_proc_entry("fastsock_stat", net->proc_net);
}
