// SPDX-License-Identifier: GPL-2.0
/* net.fastsock.*: what an administrator sets, and who may enable. */

#include <linux/capability.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysctl.h>
#include <net/net_namespace.h>

#include "admin.h"
#include "base/compat.h"
#include "base/pernet.h"
#include "core/life.h"
#include "lan/group.h"
#include "socket/claim.h"
#include "stream/spin.h"

static DEFINE_MUTEX(enable_mutex);	/* changes of fsk_net.enable */
static int userns_enable;	/* sysctl, of the host */

/*
 * Whoever makes a user namespace administers the network namespaces that it
 * owns, and may be anybody.  What enabling sets off (a hook in TCP, a reference
 * on this module, a parser of frames) is the host's.
 */
static bool may_enable(void)
{
	return READ_ONCE(userns_enable) || capable(CAP_NET_ADMIN);
}

static int set_enable(struct net *net, int val)
{
	struct fsk_net *fn = fsk_net(net);
	int old, err = 0;

	mutex_lock(&enable_mutex);
	old = fn->enable;
	if (val && val != old && !may_enable())
		err = -EPERM;
	if (!err && !old && val)
		err = fsk_claim_enable();
	if (err)
		goto out;
	if (val)
		WRITE_ONCE(fn->open, true);
	WRITE_ONCE(fn->enable, val);
	if (!old != !val)
		fsk_group_enable(net, val);
	if (old && !val)
		fsk_claim_disable();
out:
	mutex_unlock(&enable_mutex);
	return err;
}

static int enable_handler(FSK_CTL_TABLE *table, int write, void *buffer,
			  size_t *lenp, loff_t *ppos)
{
	struct net *net = table->extra2;
	int val = READ_ONCE(fsk_net(net)->enable);
	struct ctl_table tmp = {
		.data = &val, .maxlen = sizeof(val), .mode = table->mode,
		.extra1 = SYSCTL_ZERO, .extra2 = SYSCTL_TWO,
	};
	int err;

	err = proc_dointvec_minmax(&tmp, write, buffer, lenp, ppos);
	if (err || !write)
		return err;
	err = set_enable(net, val);
	/* Who turned it off may want to unload the module next. */
	if (!err && !val)
		fsk_claim_settle();
	return err;
}

static int spin_handler(FSK_CTL_TABLE *table, int write, void *buffer,
			size_t *lenp, loff_t *ppos)
{
	int err = proc_dointvec_minmax(table, write, buffer, lenp, ppos);

	if (!err && write && READ_ONCE(*(int *)table->data))
		WRITE_ONCE(fsk_spin_used, true);
	return err;
}

static int post_min_least = 1024;
static int post_min_most = INT_MAX;
static int handshake_ms_most = 50;
static int spin_us_most = 1000;

static const struct ctl_table sysctls[] = {
	{
		.procname = "enable",
		.maxlen = sizeof(int), .mode = 0644,
		.proc_handler = enable_handler,
	}, {
		.procname = "loopback_frames",
		.maxlen = sizeof(int), .mode = 0644,
		.proc_handler = proc_dointvec_minmax,
		.extra1 = SYSCTL_ZERO, .extra2 = SYSCTL_ONE,
	}, {
		.procname = "post_min",
		.maxlen = sizeof(int), .mode = 0644,
		.proc_handler = proc_dointvec_minmax,
		.extra1 = &post_min_least, .extra2 = &post_min_most,
	}, {
		.procname = "handshake_ms",
		.maxlen = sizeof(int), .mode = 0644,
		.proc_handler = proc_dointvec_minmax,
		.extra1 = SYSCTL_ONE, .extra2 = &handshake_ms_most,
	}, {
		.procname = "same_host",
		.maxlen = sizeof(int), .mode = 0644,
		.proc_handler = proc_dointvec_minmax,
		.extra1 = SYSCTL_ZERO, .extra2 = SYSCTL_TWO,
	}, {
		.procname = "host_post_min",
		.maxlen = sizeof(int), .mode = 0644,
		.proc_handler = proc_dointvec_minmax,
		.extra1 = &post_min_least, .extra2 = &post_min_most,
	}, {
		.procname = "spin_us",
		.maxlen = sizeof(int), .mode = 0644,
		.proc_handler = spin_handler,
		.extra1 = SYSCTL_ZERO, .extra2 = &spin_us_most,
	}, {
		/* The host's, so the last: other namespaces lack these. */
		.procname = "max_orphans",
		.data = &fsk_max_orphans,
		.maxlen = sizeof(int), .mode = 0644,
		.proc_handler = proc_dointvec_minmax,
		.extra1 = SYSCTL_ZERO,
	}, {
		.procname = "userns_enable",
		.data = &userns_enable,
		.maxlen = sizeof(int), .mode = 0644,
		.proc_handler = proc_dointvec_minmax,
		.extra1 = SYSCTL_ZERO, .extra2 = SYSCTL_ONE,
	},
};

#define FSK_HOST_SYSCTLS	2

/**
 * fsk_sysctl_init_net - make the settings of a new namespace
 * @net: namespace
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int fsk_sysctl_init_net(struct net *net)
{
	const size_t n = ARRAY_SIZE(sysctls) -
			 (net_eq(net, &init_net) ? 0 : FSK_HOST_SYSCTLS);
	struct fsk_net *fn = fsk_net(net);
	struct ctl_table *table;

	/* One more, zeroed, for kernels that want a sentinel. */
	table = kcalloc(n + 1, sizeof(*table), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	memcpy(table, sysctls, n * sizeof(*table));
	table[0].extra2 = net;
	table[1].data = &fn->loopback_frames;
	table[2].data = &fn->post_min;
	table[3].data = &fn->handshake_ms;
	table[4].data = &fn->same_host;
	table[5].data = &fn->host_post_min;
	table[6].data = &fn->spin_us;
	fn->sysctl = fsk_register_sysctl(net, "net/fastsock", table, n);
	if (!fn->sysctl) {
		kfree(table);
		return -ENOMEM;
	}
	fn->table = table;
	return 0;
}

/**
 * fsk_sysctl_exit_net - undo fsk_sysctl_init_net()
 * @net: namespace
 *
 * Context: process, may sleep.
 */
void fsk_sysctl_exit_net(struct net *net)
{
	struct fsk_net *fn = fsk_net(net);

	unregister_net_sysctl_table(fn->sysctl);
	kfree(fn->table);
}
