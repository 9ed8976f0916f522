// SPDX-License-Identifier: GPL-2.0
/*
 * fastsock_rdma.ko: frames between neighbours take an RDMA device, where both
 * have one.
 *
 * Locks: fsk_rdma_mutex is held for everything that makes, changes or ends a
 * queue pair, and keeps the RDMA devices: their removal waits for it.  What has
 * to be done is noted in atomic context, and one work item does it.
 */

#include <linux/atomic.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <rdma/ib_cache.h>
#include <rdma/ib_verbs.h>

#include "lan/channel.h"
#include "rdma/rdma.h"

DEFINE_MUTEX(fsk_rdma_mutex);	/* see above */

/**
 * struct device_entry - an RDMA device of this host
 * @list: in devices
 * @ibdev: it
 */
struct device_entry {
	struct list_head list;
	struct ib_device *ibdev;
};

static LIST_HEAD(devices);	/* fsk_rdma_mutex */
static struct workqueue_struct *wq;

static void work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(work, work_fn);
static atomic_t kicked;		/* the work item runs within a tick */

static void work_fn(struct work_struct *unused)
{
	unsigned long delay;

	/* A kick after this comes again; what was said before it is seen. */
	atomic_xchg(&kicked, 0);
	mutex_lock(&fsk_rdma_mutex);
	delay = fsk_rdma_run();
	mutex_unlock(&fsk_rdma_mutex);
	/* If it was kicked meanwhile it is queued, and stays so. */
	if (delay != MAX_SCHEDULE_TIMEOUT)
		queue_delayed_work(wq, &work, delay);
}

/**
 * fsk_rdma_kick - something is to be done
 *
 * It is, within a tick, but not more often: neighbours can cause it.
 *
 * Context: any.
 */
void fsk_rdma_kick(void)
{
	if (!atomic_xchg(&kicked, 1))
		mod_delayed_work(wq, &work, 1);
}

static bool is_v4(const void *gid)
{
	return ipv6_addr_v4mapped(gid);
}

/* How well does an address of a port suit?  0 not at all. */
static int suits(const struct ib_gid_attr *attr, const struct net_device *dev,
		 const u8 *peer)
{
	const struct net_device *ndev;
	bool v4 = is_v4(&attr->gid);
	int score = 0;

	if (attr->gid_type != IB_GID_TYPE_ROCE_UDP_ENCAP)
		return 0;
	rcu_read_lock();
	ndev = rdma_read_gid_attr_ndev_rcu(attr);
	if (ndev == dev)
		score = peer ? v4 == is_v4(peer) : 1 + v4;
	rcu_read_unlock();
	return score;
}

/* Looks at the addresses of one port; a better one than @best is noted. */
static int look_at_port(struct ib_device *ibdev, u32 num,
			const struct net_device *dev, const u8 *peer, int best,
			struct fsk_rdma_port *port)
{
	const struct ib_gid_attr *attr;
	int i, score;

	for (i = 0; i < ibdev->port_data[num].immutable.gid_tbl_len; i++) {
		attr = rdma_get_gid_attr(ibdev, num, i);
		if (IS_ERR(attr))
			continue;
		score = suits(attr, dev, peer);
		if (score > best) {
			best = score;
			port->ibdev = ibdev;
			port->num = num;
			port->sgid_index = i;
			port->gid = attr->gid;
		}
		rdma_put_gid_attr(attr);
	}
	return best;
}

/**
 * fsk_rdma_find_port - which RDMA port has an address on a device?
 * @dev: device
 * @peer: address of the other end, or NULL: one of the same family is needed;
 *	otherwise IPv4 is preferred
 * @port: set to the port
 *
 * Only devices that @dev's namespace may use, with RoCE 2.
 *
 * Context: process; @fsk_rdma_mutex held.
 * Return: false if there is none.
 */
bool fsk_rdma_find_port(const struct net_device *dev, const u8 *peer,
			struct fsk_rdma_port *port)
{
	struct device_entry *d;
	int best = 0;
	u32 num;

	lockdep_assert_held(&fsk_rdma_mutex);
	list_for_each_entry(d, &devices, list) {
		if (!rdma_dev_access_netns(d->ibdev, dev_net(dev)))
			continue;
		rdma_for_each_port(d->ibdev, num)
			if (rdma_protocol_roce_udp_encap(d->ibdev, num))
				best = look_at_port(d->ibdev, num, dev, peer,
						    best, port);
	}
	return best;
}

static int ib_add(struct ib_device *ibdev)
{
	struct device_entry *d = kzalloc(sizeof(*d), GFP_KERNEL);

	if (!d)
		return -ENOMEM;
	d->ibdev = ibdev;
	mutex_lock(&fsk_rdma_mutex);
	list_add_tail(&d->list, &devices);
	fsk_rdma_device_up();
	mutex_unlock(&fsk_rdma_mutex);
	fsk_rdma_kick();
	return 0;
}

static void ib_remove(struct ib_device *ibdev, void *unused)
{
	struct device_entry *d, *next;

	mutex_lock(&fsk_rdma_mutex);
	fsk_rdma_device_gone(ibdev);
	list_for_each_entry_safe(d, next, &devices, list) {
		if (d->ibdev != ibdev)
			continue;
		list_del(&d->list);
		kfree(d);
	}
	mutex_unlock(&fsk_rdma_mutex);
}

static struct ib_client ib_client = {
	.name	= "fastsock",
	.add	= ib_add,
	.remove	= ib_remove,
};

static int netdev_event(struct notifier_block *nb, unsigned long event,
			void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);

	switch (event) {
	case NETDEV_DOWN:
	case NETDEV_CHANGEADDR:
	case NETDEV_UNREGISTER:
		fsk_rdma_netdev_gone(dev);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block netdev_nb = {
	.notifier_call = netdev_event,
};

static const struct fsk_channel_ops channel_ops = {
	.features	= FSK_HELLO_RDMA,
	.xmit		= fsk_rdma_xmit,
	.doubt		= fsk_rdma_doubt,
	.want		= fsk_rdma_wanted,
	.setup		= fsk_rdma_setup,
	.offer		= fsk_rdma_offer,
	.withdraw	= fsk_rdma_withdraw,
	.put		= fsk_rdma_put,
	.decline	= fsk_rdma_decline,
	.end		= fsk_rdma_end,
};

static int channels_show(struct seq_file *seq, void *v)
{
	mutex_lock(&fsk_rdma_mutex);
	fsk_rdma_show(seq, seq_file_single_net(seq));
	mutex_unlock(&fsk_rdma_mutex);
	return 0;
}

static int __net_init init_net_proc(struct net *net)
{
	return proc_create_net_single("fastsock_channels", 0444, net->proc_net,
				      channels_show, NULL) ? 0 : -ENOMEM;
}

static void __net_exit exit_net_proc(struct net *net)
{
	remove_proc_entry("fastsock_channels", net->proc_net);
}

static struct pernet_operations net_ops = {
	.init = init_net_proc,
	.exit = exit_net_proc,
};

static int __init fsk_rdma_init(void)
{
	int err;

	wq = alloc_ordered_workqueue("fastsock_rdma", 0);
	if (!wq)
		return -ENOMEM;
	err = register_pernet_subsys(&net_ops);
	if (err)
		goto err_wq;
	err = register_netdevice_notifier(&netdev_nb);
	if (err)
		goto err_net;
	err = ib_register_client(&ib_client);
	if (err)
		goto err_netdev;
	err = fsk_channel_register(&channel_ops);
	if (err)
		goto err_client;
	return 0;

err_client:
	ib_unregister_client(&ib_client);
err_netdev:
	unregister_netdevice_notifier(&netdev_nb);
err_net:
	unregister_pernet_subsys(&net_ops);
err_wq:
	destroy_workqueue(wq);
	return err;
}

/* Connections go on by Ethernet: nobody has to wait, or to close them. */
static void __exit fsk_rdma_exit(void)
{
	fsk_channel_unregister(&channel_ops);
	mutex_lock(&fsk_rdma_mutex);
	fsk_rdma_forget_all();
	mutex_unlock(&fsk_rdma_mutex);
	/* This says of all devices that they go: nobody would be told DOWN. */
	unregister_netdevice_notifier(&netdev_nb);
	ib_unregister_client(&ib_client);
	/* Nothing is left that could queue it again. */
	cancel_delayed_work_sync(&work);
	unregister_pernet_subsys(&net_ops);
	destroy_workqueue(wq);
	rcu_barrier();
}

module_init(fsk_rdma_init);
module_exit(fsk_rdma_exit);

MODULE_DESCRIPTION("Fast sockets: frames over RDMA");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(FASTSOCK);
