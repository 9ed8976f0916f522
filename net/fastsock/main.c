// SPDX-License-Identifier: GPL-2.0
/* Load and unload, and network namespaces. */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/random.h>
#include <linux/user_namespace.h>
#include <net/inet_common.h>
#include <net/net_namespace.h>
#include <net/tcp.h>
#include <uapi/linux/fastsock_wire.h>

#include "admin.h"
#include "base/pernet.h"
#include "base/spare.h"
#include "base/stats.h"
#include "core/attach.h"
#include "core/child.h"
#include "core/conn.h"
#include "core/family.h"
#include "core/life.h"
#include "core/transport.h"
#include "frames/bridge.h"
#include "frames/cookie.h"
#include "frames/frames.h"
#include "frames/rx.h"
#include "frames/tomb.h"
#include "frames/waiting.h"
#include "inet/ip.h"
#include "inet/ipv6.h"
#include "inet/known.h"
#include "inet/route.h"
#include "lan/eth.h"
#include "lan/group.h"
#include "lan/hello.h"
#include "lan/channel.h"
#include "lan/offload.h"
#include "lan/peer.h"
#include "memory/events.h"
#include "memory/memory.h"
#include "memory/pair.h"
#include "socket/claim.h"
#include "socket/ops.h"

static ushort ethertype = FSK_ETHERTYPE;
module_param(ethertype, ushort, 0444);
MODULE_PARM_DESC(ethertype, "EtherType of fastsock frames, 0x0600 or more");

/* False: namespaces that we leave stay. */
static bool loaded;

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
	fsk_peer_init_net(net);
	fsk_hello_init_net(net);
	err = fsk_frames_init_net(net);
	if (err)
		goto err_hello;
	err = fsk_tomb_init_net(net);
	if (err)
		goto err_conn;
	err = fsk_proc_init_net(net);
	if (err)
		goto err_tomb;
	err = fsk_route_init_net(net);
	if (err)
		goto err_proc;
	err = fsk_sysctl_init_net(net);
	if (err)
		goto err_route;
	return 0;

err_route:
	fsk_route_exit_net(net);
err_proc:
	fsk_proc_exit_net(net);
err_tomb:
	fsk_tomb_exit_net(net);
err_conn:
	fsk_frames_exit_net(net);
err_hello:
	fsk_hello_exit_net(net);
	fsk_peer_exit_net(net);
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
		fsk_sysctl_exit_net(net);
		if (!loaded)
			fsk_route_exit_net(net);
		fsk_proc_exit_net(net);
		if (fsk_net(net)->enable)
			fsk_claim_disable();
		fsk_hello_exit_net(net);
		fsk_peer_exit_net(net);
		fsk_tomb_exit_net(net);
		fsk_frames_exit_net(net);
		fsk_waiting_exit(fsk_net(net));
		fsk_known_exit_net(net);
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
	case NETDEV_UP:
	case NETDEV_DOWN:
	case NETDEV_CHANGE:
		fsk_transport_device(dev, event);
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

/* Memory is preferred to frames, and what other modules bring to both. */
static int __init register_transports(void)
{
	int err;

	err = fsk_transport_register(&fsk_frames_transport);
	if (err)
		return err;
	err = fsk_transport_register(&fsk_memory_transport);
	if (err)
		fsk_transport_unregister(&fsk_frames_transport);
	return err;
}

static void unregister_transports(void)
{
	fsk_transport_unregister(&fsk_memory_transport);
	fsk_transport_unregister(&fsk_frames_transport);
}

static int __init fsk_init(void)
{
	int err;

	if (!ethertype_ok(ethertype)) {
		pr_err("ethertype 0x%04x is a length or another protocol's: use 0x0600 or more, such as 0x88b5 or 0x88b6\n",
		       ethertype);
		return -EINVAL;
	}
	err = fsk_family_init();
	if (err)
		return err;
	fsk_ethertype = htons(ethertype);
	get_random_bytes(fsk_hostid, FSK_HOSTID_LEN);
	fsk_ipv6_init(fsk_families[FSK_INET6].tcp_prot);
	fsk_hello_init(fsk_ipv6_usable() ? FSK_HELLO_IPV6 : 0);
	fsk_socket_ops_init();
	fsk_orphan_init();
	fsk_ip_init();

	err = -ENOMEM;
	fsk_wq = alloc_workqueue("fastsock", WQ_HIGHPRI | WQ_UNBOUND, 0);
	if (!fsk_wq)
		goto err_family;
	err = fsk_spare_init();
	if (err)
		goto err_wq;
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
	err = register_transports();
	if (err)
		goto err_conn;
	err = register_pernet_subsys(&fsk_net_ops);
	if (err)
		goto err_transports;
	loaded = true;
	err = register_netdevice_notifier(&netdev_nb);
	if (err)
		goto err_net;
	err = fsk_group_init();
	if (err)
		goto err_netdev;
	err = fsk_route_init();
	if (err)
		goto err_group;
	fsk_offload_init();
	fsk_channel_init(fsk_rcv, fsk_route_changed);
	fsk_eth_init(fsk_rcv);
	err = fsk_claim_init();
	if (err)
		goto err_eth;
	return 0;

err_eth:
	fsk_eth_exit();
	fsk_offload_exit();
	fsk_route_exit();
err_group:
	fsk_group_exit();
err_netdev:
	unregister_netdevice_notifier(&netdev_nb);
err_net:
	loaded = false;
	unregister_pernet_subsys(&fsk_net_ops);
err_transports:
	unregister_transports();
err_conn:
	fsk_conn_exit();
err_frames:
	fsk_frames_exit();
err_pair:
	fsk_pair_exit();
err_tomb:
	fsk_tomb_exit();
err_wq:
	fsk_child_exit();
	fsk_spare_exit();
	destroy_workqueue(fsk_wq);
err_family:
	fsk_ipv6_exit();
	fsk_family_exit();
	return err;
}

static void __exit fsk_exit(void)
{
	fsk_claim_exit();
	fsk_eth_exit();
	fsk_offload_exit();
	fsk_route_exit();
	fsk_group_exit();
	unregister_netdevice_notifier(&netdev_nb);
	flush_workqueue(fsk_wq);	/* fsk_frames_drop_dev() */
	loaded = false;
	unregister_pernet_subsys(&fsk_net_ops);
	unregister_transports();
	fsk_conn_exit();
	fsk_frames_exit();
	fsk_pair_exit();
	fsk_tomb_exit();
	fsk_child_exit();
	fsk_spare_exit();
	destroy_workqueue(fsk_wq);
	fsk_ipv6_exit();
	fsk_family_exit();
}

module_init(fsk_init);
module_exit(fsk_exit);

MODULE_DESCRIPTION("Fast sockets: local TCP without TCP");
MODULE_LICENSE("GPL");
