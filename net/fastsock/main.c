// SPDX-License-Identifier: GPL-2.0
/* Load and unload, network namespaces, sysctls. */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/sysctl.h>
#include <linux/user_namespace.h>
#include <net/inet_common.h>
#include <net/net_namespace.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "base/opcheck.h"
#include "base/pernet.h"
#include "base/stats.h"
#include "core/conn.h"
#include "core/life.h"
#include "frames/bridge.h"
#include "frames/cookie.h"
#include "frames/frames.h"
#include "frames/rx.h"
#include "frames/tomb.h"
#include "frames/waiting.h"
#include "inet/route.h"
#include "lan/eth.h"
#include "lan/group.h"
#include "lan/hello.h"
#include "lan/peer.h"
#include "memory/events.h"
#include "memory/link.h"
#include "memory/pair.h"
#include "socket/claim.h"
#include "socket/sock.h"
#include "stream/spin.h"

unsigned int fsk_net_id __read_mostly;
u8 fsk_hostid[FSK_HOSTID_LEN] __read_mostly;
__be16 fsk_ethertype __read_mostly;
struct workqueue_struct *fsk_wq;

static ushort ethertype = FSK_ETHERTYPE;
module_param(ethertype, ushort, 0444);
MODULE_PARM_DESC(ethertype, "EtherType of fastsock frames, 0x0600 or more");

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

static int sysctl_init_net(struct net *net)
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

static void sysctl_exit_net(struct net *net)
{
	struct fsk_net *fn = fsk_net(net);

	unregister_net_sysctl_table(fn->sysctl);
	kfree(fn->table);
}

static int __net_init fsk_init_net(struct net *net)
{
	struct fsk_net *fn = fsk_net(net);
	int err;

	fn->open = net->user_ns == &init_user_ns;
	fn->post_min = FSK_POST_MIN;
	fn->handshake_ms = FSK_HANDSHAKE_MS;
	fn->same_host = FSK_SAME_HOST_OWN;
	fn->host_post_min = FSK_HOST_POST_MIN;
	err = fsk_stats_init(net);
	if (err)
		return err;
	err = fsk_peer_init_net(net);
	if (err)
		goto err_stats;
	fsk_hello_init_net(net);
	err = fsk_frames_init_net(net);
	if (err)
		goto err_hello;
	err = fsk_tomb_init_net(net);
	if (err)
		goto err_conn;
	err = sysctl_init_net(net);
	if (err)
		goto err_tomb;
	return 0;

err_tomb:
	fsk_tomb_exit_net(net);
err_conn:
	fsk_frames_exit_net(net);
err_hello:
	fsk_hello_exit_net(net);
	fsk_peer_exit_net(net);
err_stats:
	fsk_stats_exit(net);
	return err;
}

/*
 * Sockets and devices of these namespaces are gone, and with the latter the
 * groups that they had joined: nothing is waited for, nor RTNL taken.
 */
static void __net_exit fsk_exit_batch(struct list_head *nets)
{
	struct net *net;

	list_for_each_entry(net, nets, exit_list) {
		sysctl_exit_net(net);
		if (fsk_net(net)->enable)
			fsk_claim_disable();
		fsk_hello_exit_net(net);
		fsk_peer_exit_net(net);
		fsk_tomb_exit_net(net);
		fsk_frames_exit_net(net);
		fsk_waiting_exit(fsk_net(net));
		fsk_stats_exit(net);
	}
}

static struct pernet_operations fsk_net_ops = {
	.init		= fsk_init_net,
	.pre_exit	= fsk_bridge_pre_exit_net,
	.exit_batch	= fsk_exit_batch,
	.id		= &fsk_net_id,
	.size		= sizeof(struct fsk_net),
};

static int netdev_event(struct notifier_block *nb, unsigned long event,
			void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	int err = 0;

	switch (event) {
	case NETDEV_REGISTER:
		if (netif_is_bridge_master(dev))
			err = fsk_bridge_watch(dev_net(dev));
		break;
	case NETDEV_UNREGISTER:
		fsk_frames_drop_dev(dev);
		fsk_mem_link_device(dev, true);
		break;
	case NETDEV_UP:
	case NETDEV_DOWN:
	case NETDEV_CHANGE:
		fsk_mem_link_device(dev, false);
		break;
	}
	return notifier_from_errno(err);
}

static struct notifier_block netdev_nb = {
	.notifier_call = netdev_event,
};

/* A type that Linux handles itself would get every such frame twice. */
static bool __init ethertype_ok(u16 type)
{
	switch (type) {
	case ETH_P_IP:
	case ETH_P_ARP:
	case ETH_P_RARP:
	case ETH_P_IPV6:
	case ETH_P_8021Q:
	case ETH_P_8021AD:
	case ETH_P_LLDP:
	case ETH_P_SLOW:
	case ETH_P_PAE:
		return false;
	}
	return type >= ETH_P_802_3_MIN;
}

static int __init fsk_init(void)
{
	int err;

	if (!ethertype_ok(ethertype)) {
		pr_err("ethertype 0x%04x is a length or another protocol's: use 0x0600 or more, such as 0x88b5 or 0x88b6\n",
		       ethertype);
		return -EINVAL;
	}
	err = fsk_opcheck_proto(&tcp_prot) ?:
	      fsk_opcheck_ops(&inet_stream_ops);
	if (err)
		return err;
	fsk_ethertype = htons(ethertype);
	get_random_bytes(fsk_hostid, sizeof(fsk_hostid));
	fsk_sock_init();
	fsk_orphan_init();

	fsk_wq = alloc_workqueue("fastsock", WQ_HIGHPRI | WQ_UNBOUND, 0);
	if (!fsk_wq)
		return -ENOMEM;
	err = fsk_tomb_init();
	if (err)
		goto err_wq;
	err = fsk_cookie_init();
	if (err)
		goto err_tomb;
	err = fsk_mem_init();
	if (err)
		goto err_tomb;
	err = fsk_pair_init();
	if (err)
		goto err_tomb;
	err = fsk_frames_init();
	if (err)
		goto err_pair;
	err = fsk_conn_init();
	if (err)
		goto err_frames;
	err = register_pernet_subsys(&fsk_net_ops);
	if (err)
		goto err_conn;
	err = register_netdevice_notifier(&netdev_nb);
	if (err)
		goto err_net;
	err = fsk_group_init();
	if (err)
		goto err_netdev;
	err = fsk_route_init();
	if (err)
		goto err_group;
	fsk_eth_init(fsk_rcv);
	err = fsk_claim_init();
	if (err)
		goto err_eth;
	return 0;

err_eth:
	fsk_eth_exit();
	fsk_route_exit();
err_group:
	fsk_group_exit();
err_netdev:
	unregister_netdevice_notifier(&netdev_nb);
err_net:
	unregister_pernet_subsys(&fsk_net_ops);
err_conn:
	fsk_conn_exit();
err_frames:
	fsk_frames_exit();
err_pair:
	fsk_pair_exit();
err_tomb:
	fsk_tomb_exit();
err_wq:
	destroy_workqueue(fsk_wq);
	return err;
}

static void __exit fsk_exit(void)
{
	fsk_claim_exit();
	fsk_eth_exit();
	fsk_route_exit();
	fsk_group_exit();
	unregister_netdevice_notifier(&netdev_nb);
	flush_workqueue(fsk_wq);	/* fsk_frames_drop_dev() */
	unregister_pernet_subsys(&fsk_net_ops);
	fsk_conn_exit();
	fsk_frames_exit();
	fsk_pair_exit();
	fsk_tomb_exit();
	destroy_workqueue(fsk_wq);
}

module_init(fsk_init);
module_exit(fsk_exit);

MODULE_DESCRIPTION("Fast sockets: local TCP without TCP");
MODULE_LICENSE("GPL");
