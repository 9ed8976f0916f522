// SPDX-License-Identifier: GPL-2.0
/*
 * An RDMA device without a wire, for tests:
 *
 *	rdma link add NAME type fsktest netdev DEVICE
 *
 * rdma_rxe works in the first network namespace only.  This one works in all,
 * so that whatever tests two namespaces can do so over RDMA.  It has what
 * fastsock_rdma uses: reliable connections, fast registration, SEND and WRITE.
 */

#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/slab.h>
#include <net/addrconf.h>
#include <rdma/ib_addr.h>
#include <rdma/ib_mad.h>
#include <rdma/rdma_netlink.h>

#include "device.h"

#define GIDS		32
#define QUEUE_MAX	1024	/* work requests of a queue */
#define CQE_MAX		4096
#define MR_PAGES	512

static u32 last_number = 1;	/* fskt_lock */
static u32 last_key = FSKT_LKEY_LOCAL;	/* fskt_lock */

static int query_device(struct ib_device *ib, struct ib_device_attr *attr,
			struct ib_udata *udata)
{
	*attr = (struct ib_device_attr) {
		.max_mr_size		= ~0ULL,
		.page_size_cap		= PAGE_SIZE,
		.max_qp			= 4096,
		.max_qp_wr		= QUEUE_MAX,
		.device_cap_flags	= IB_DEVICE_MEM_MGT_EXTENSIONS,
		.kernel_cap_flags	= IBK_LOCAL_DMA_LKEY |
					  IBK_ALLOW_USER_UNREG,
		.max_send_sge		= FSKT_SGE_MAX,
		.max_recv_sge		= FSKT_SGE_MAX,
		.max_cq			= 8192,
		.max_cqe		= CQE_MAX,
		.max_mr			= 65536,
		.max_pd			= 8192,
		.max_fast_reg_page_list_len = MR_PAGES,
		.max_pkeys		= 1,
	};
	return 0;
}

static int query_port(struct ib_device *ib, u32 port, struct ib_port_attr *attr)
{
	bool up = READ_ONCE(as_device(ib)->up);

	attr->state = up ? IB_PORT_ACTIVE : IB_PORT_DOWN;
	attr->phys_state = up ? IB_PORT_PHYS_STATE_LINK_UP :
				IB_PORT_PHYS_STATE_DISABLED;
	attr->max_mtu = IB_MTU_4096;
	attr->active_mtu = IB_MTU_1024;
	attr->gid_tbl_len = GIDS;
	attr->port_cap_flags = IB_PORT_CM_SUP;
	attr->max_msg_sz = SZ_1G;
	attr->pkey_tbl_len = 1;
	attr->active_width = IB_WIDTH_1X;
	attr->active_speed = IB_SPEED_EDR;
	return 0;
}

static int query_pkey(struct ib_device *ib, u32 port, u16 index, u16 *pkey)
{
	*pkey = IB_DEFAULT_PKEY_FULL;
	return 0;
}

static int get_port_immutable(struct ib_device *ib, u32 port,
			      struct ib_port_immutable *i)
{
	i->core_cap_flags = RDMA_CORE_PORT_IBA_ROCE_UDP_ENCAP;
	i->gid_tbl_len = GIDS;
	i->pkey_tbl_len = 1;
	i->max_mad_size = IB_MGMT_MAD_SIZE;
	return 0;
}

static enum rdma_link_layer get_link_layer(struct ib_device *ib, u32 port)
{
	return IB_LINK_LAYER_ETHERNET;
}

static int alloc_pd(struct ib_pd *pd, struct ib_udata *udata)
{
	return 0;
}

static int dealloc_pd(struct ib_pd *pd, struct ib_udata *udata)
{
	return 0;
}

static int make_cq(struct ib_cq *ib, const struct ib_cq_init_attr *attr)
{
	struct fskt_cq *cq = as_completions(ib);

	if (attr->cqe > CQE_MAX)
		return -EINVAL;
	cq->size = attr->cqe;
	cq->ring = kvcalloc(cq->size, sizeof(*cq->ring), GFP_KERNEL);
	return cq->ring ? 0 : -ENOMEM;
}

#ifdef FSK_HAS_CQ_BUNDLE
static int create_cq(struct ib_cq *ib, const struct ib_cq_init_attr *attr,
		     struct uverbs_attr_bundle *attrs)
#else
static int create_cq(struct ib_cq *ib, const struct ib_cq_init_attr *attr,
		     struct ib_udata *udata)
#endif
{
	return make_cq(ib, attr);
}

static int destroy_cq(struct ib_cq *ib, struct ib_udata *udata)
{
	kvfree(as_completions(ib)->ring);
	return 0;
}

static int poll_cq(struct ib_cq *ib, int num, struct ib_wc *wc)
{
	struct fskt_cq *cq = as_completions(ib);
	unsigned long flags;
	int n;

	spin_lock_irqsave(&fskt_lock, flags);
	for (n = 0; n < num && cq->num; n++) {
		wc[n] = cq->ring[cq->first];
		cq->first = (cq->first + 1) % cq->size;
		cq->num--;
	}
	spin_unlock_irqrestore(&fskt_lock, flags);
	return n;
}

static int req_notify_cq(struct ib_cq *ib, enum ib_cq_notify_flags how)
{
	struct fskt_cq *cq = as_completions(ib);
	unsigned long flags;
	int more;

	spin_lock_irqsave(&fskt_lock, flags);
	cq->armed = true;
	more = how & IB_CQ_REPORT_MISSED_EVENTS && cq->num;
	spin_unlock_irqrestore(&fskt_lock, flags);
	return more;
}

static int make_queue(struct fskt_queue *w, u32 size)
{
	w->size = max(size, 1U);
	w->ring = kvcalloc(w->size, sizeof(*w->ring), GFP_KERNEL);
	return w->ring ? 0 : -ENOMEM;
}

static void free_queues(struct fskt_pair *qp)
{
	kvfree(qp->sq.ring);
	kvfree(qp->rq.ring);
}

static int create_qp(struct ib_qp *ib, struct ib_qp_init_attr *init,
		     struct ib_udata *udata)
{
	const struct ib_qp_cap *cap = &init->cap;
	struct fskt_pair *qp = as_pair(ib);
	unsigned long flags;

	if (init->qp_type != IB_QPT_RC || init->srq)
		return -EOPNOTSUPP;
	if (max(cap->max_send_wr, cap->max_recv_wr) > QUEUE_MAX ||
	    max(cap->max_send_sge, cap->max_recv_sge) > FSKT_SGE_MAX)
		return -EINVAL;
	if (make_queue(&qp->sq, cap->max_send_wr) ||
	    make_queue(&qp->rq, cap->max_recv_wr)) {
		free_queues(qp);
		return -ENOMEM;
	}
	timer_setup(&qp->timer, fskt_retry, 0);
	qp->state = IB_QPS_RESET;
	spin_lock_irqsave(&fskt_lock, flags);
	ib->qp_num = ++last_number & GENMASK(23, 0);
	list_add(&qp->list, &fskt_pairs);
	spin_unlock_irqrestore(&fskt_lock, flags);
	return 0;
}

static int destroy_qp(struct ib_qp *ib, struct ib_udata *udata)
{
	struct fskt_pair *qp = as_pair(ib);
	unsigned long flags;

	spin_lock_irqsave(&fskt_lock, flags);
	qp->state = IB_QPS_RESET;
	list_del(&qp->list);
	spin_unlock_irqrestore(&fskt_lock, flags);
	del_timer_sync(&qp->timer);
	free_queues(qp);
	return 0;
}

static void set_attr(struct fskt_pair *qp, const struct ib_qp_attr *attr,
		     int mask)
{
	if (mask & IB_QP_AV)
		ether_addr_copy(qp->dmac, attr->ah_attr.roce.dmac);
	if (mask & IB_QP_DEST_QPN)
		qp->dest = attr->dest_qp_num;
	if (mask & IB_QP_ACCESS_FLAGS)
		qp->access = attr->qp_access_flags;
	if (mask & IB_QP_PATH_MTU)
		qp->mtu = attr->path_mtu;
}

static int modify_qp(struct ib_qp *ib, struct ib_qp_attr *attr, int mask,
		     struct ib_udata *udata)
{
	struct fskt_pair *qp = as_pair(ib), *p;
	enum ib_qp_state to;
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&fskt_lock, flags);
	to = mask & IB_QP_STATE ? attr->qp_state : qp->state;
	if (!ib_modify_qp_is_ok(qp->state, to, IB_QPT_RC, mask)) {
		err = -EINVAL;
		goto out;
	}
	set_attr(qp, attr, mask);
	qp->state = to;
	if (to == IB_QPS_ERR)
		fskt_flush(qp);
	fskt_run(qp);
	/* The other end may have waited for this one. */
	list_for_each_entry(p, &fskt_pairs, list)
		if (p->dest == ib->qp_num && p != qp)
			fskt_run(p);
out:
	spin_unlock_irqrestore(&fskt_lock, flags);
	return err;
}

static int query_qp(struct ib_qp *ib, struct ib_qp_attr *attr, int mask,
		    struct ib_qp_init_attr *init)
{
	struct fskt_pair *qp = as_pair(ib);

	memset(attr, 0, sizeof(*attr));
	memset(init, 0, sizeof(*init));
	attr->qp_state = READ_ONCE(qp->state);
	attr->cur_qp_state = attr->qp_state;
	attr->dest_qp_num = qp->dest;
	attr->path_mtu = qp->mtu;
	attr->port_num = 1;
	init->qp_type = IB_QPT_RC;
	return 0;
}

static void take_send(struct fskt_request *r, const struct ib_send_wr *wr)
{
	r->cqe = wr->wr_cqe;
	r->opcode = wr->opcode;
	r->flags = wr->send_flags;
	r->num_sge = 0;
	switch (wr->opcode) {
	case IB_WR_REG_MR:
		r->reg.mr = as_region(reg_wr(wr)->mr);
		r->reg.key = reg_wr(wr)->key;
		r->reg.access = reg_wr(wr)->access;
		return;
	case IB_WR_LOCAL_INV:
	case IB_WR_SEND_WITH_INV:
		r->invalidate = wr->ex.invalidate_rkey;
		break;
	case IB_WR_RDMA_WRITE:
	case IB_WR_RDMA_WRITE_WITH_IMM:
		r->imm_data = wr->ex.imm_data;
		r->remote = rdma_wr(wr)->remote_addr;
		r->rkey = rdma_wr(wr)->rkey;
		break;
	default:
		break;
	}
	r->num_sge = wr->num_sge;
	memcpy(r->sge, wr->sg_list, wr->num_sge * sizeof(r->sge[0]));
}

/* Room for one more request, or why there is none. */
static struct fskt_request *new_request(struct fskt_queue *q, bool open,
					int num_sge)
{
	if (!open || num_sge > FSKT_SGE_MAX)
		return ERR_PTR(-EINVAL);
	return fskt_add(q) ?: ERR_PTR(-ENOMEM);
}

static int post_send(struct ib_qp *ib, const struct ib_send_wr *wr,
		     const struct ib_send_wr **bad)
{
	struct fskt_pair *qp = as_pair(ib);
	struct fskt_request *r;
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&fskt_lock, flags);
	for (; wr; wr = wr->next) {
		r = new_request(&qp->sq, qp->state >= IB_QPS_RTS, wr->num_sge);
		if (IS_ERR(r)) {
			err = PTR_ERR(r);
			*bad = wr;
			break;
		}
		take_send(r, wr);
	}
	if (qp->state == IB_QPS_ERR)
		fskt_flush(qp);
	fskt_run(qp);
	spin_unlock_irqrestore(&fskt_lock, flags);
	return err;
}

static int post_recv(struct ib_qp *ib, const struct ib_recv_wr *wr,
		     const struct ib_recv_wr **bad)
{
	struct fskt_pair *qp = as_pair(ib);
	struct fskt_request *r;
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&fskt_lock, flags);
	for (; wr; wr = wr->next) {
		r = new_request(&qp->rq, qp->state != IB_QPS_RESET,
				wr->num_sge);
		if (IS_ERR(r)) {
			err = PTR_ERR(r);
			*bad = wr;
			break;
		}
		r->cqe = wr->wr_cqe;
		r->num_sge = wr->num_sge;
		memcpy(r->sge, wr->sg_list, wr->num_sge * sizeof(r->sge[0]));
	}
	if (qp->state == IB_QPS_ERR)
		fskt_flush(qp);
	/* Whoever waits for a buffer looks again soon. */
	spin_unlock_irqrestore(&fskt_lock, flags);
	return err;
}

static struct ib_mr *get_dma_mr(struct ib_pd *pd, int access)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static struct ib_mr *reg_user_mr(struct ib_pd *pd, u64 start, u64 length,
				 u64 virt, int access, struct ib_udata *udata)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static struct ib_mr *alloc_mr(struct ib_pd *pd, enum ib_mr_type type, u32 max)
{
	struct fskt_region *mr;
	unsigned long flags;

	if (type != IB_MR_TYPE_MEM_REG || max > MR_PAGES)
		return ERR_PTR(-EINVAL);
	mr = kzalloc(sizeof(*mr), GFP_KERNEL);
	if (!mr)
		return ERR_PTR(-ENOMEM);
	mr->pages = kvcalloc(max, sizeof(*mr->pages), GFP_KERNEL);
	if (!mr->pages) {
		kfree(mr);
		return ERR_PTR(-ENOMEM);
	}
	mr->max = max;
	spin_lock_irqsave(&fskt_lock, flags);
	/* The low byte is the user's. */
	last_key += 0x100;
	mr->key = last_key;
	list_add(&mr->list, &fskt_regions);
	spin_unlock_irqrestore(&fskt_lock, flags);
	mr->ib.lkey = mr->key;
	mr->ib.rkey = mr->key;
	return &mr->ib;
}

static int dereg_mr(struct ib_mr *ib, struct ib_udata *udata)
{
	struct fskt_region *mr = as_region(ib);
	unsigned long flags;

	spin_lock_irqsave(&fskt_lock, flags);
	list_del(&mr->list);
	spin_unlock_irqrestore(&fskt_lock, flags);
	kvfree(mr->pages);
	kfree(mr);
	return 0;
}

static int set_page(struct ib_mr *ib, u64 addr)
{
	struct fskt_region *mr = as_region(ib);

	if (mr->num == mr->max)
		return -ENOMEM;
	mr->pages[mr->num++] = addr;
	return 0;
}

static int map_mr_sg(struct ib_mr *ib, struct scatterlist *sg, int num,
		     unsigned int *offset)
{
	as_region(ib)->num = 0;
	return ib_sg_to_pages(ib, sg, num, offset, set_page);
}

static void dealloc_driver(struct ib_device *ib)
{
}

static const struct ib_device_ops device_ops = {
	.owner			= THIS_MODULE,
	.driver_id		= RDMA_DRIVER_UNKNOWN,
	.query_device		= query_device,
	.query_port		= query_port,
	.query_pkey		= query_pkey,
	.get_port_immutable	= get_port_immutable,
	.get_link_layer		= get_link_layer,
	.alloc_pd		= alloc_pd,
	.dealloc_pd		= dealloc_pd,
	.create_cq		= create_cq,
	.destroy_cq		= destroy_cq,
	.poll_cq		= poll_cq,
	.req_notify_cq		= req_notify_cq,
	.create_qp		= create_qp,
	.destroy_qp		= destroy_qp,
	.modify_qp		= modify_qp,
	.query_qp		= query_qp,
	.post_send		= post_send,
	.post_recv		= post_recv,
	.get_dma_mr		= get_dma_mr,
	.reg_user_mr		= reg_user_mr,
	.alloc_mr		= alloc_mr,
	.map_mr_sg		= map_mr_sg,
	.dereg_mr		= dereg_mr,
	.dealloc_driver		= dealloc_driver,
	INIT_RDMA_OBJ_SIZE(ib_pd, fskt_pd, ib),
	INIT_RDMA_OBJ_SIZE(ib_cq, fskt_cq, ib),
	INIT_RDMA_OBJ_SIZE(ib_qp, fskt_pair, ib),
};

static bool is_up(const struct net_device *ndev)
{
	return netif_running(ndev) && netif_carrier_ok(ndev);
}

static int newlink(const char *name, struct net_device *ndev)
{
	struct fskt_device *dev = ib_alloc_device(fskt_device, ib);
	int err;

	if (!dev)
		return -ENOMEM;
	ib_set_device_ops(&dev->ib, &device_ops);
	dev->ib.node_type = RDMA_NODE_IB_CA;
	dev->ib.phys_port_cnt = 1;
	dev->ib.num_comp_vectors = 1;
	dev->ib.local_dma_lkey = FSKT_LKEY_LOCAL;
	addrconf_addr_eui48((u8 *)&dev->ib.node_guid, ndev->dev_addr);
	ether_addr_copy(dev->mac, ndev->dev_addr);
	dev->up = is_up(ndev);
	err = ib_device_set_netdev(&dev->ib, ndev, 1) ?:
	      ib_register_device(&dev->ib, name, NULL);
	if (err)
		ib_dealloc_device(&dev->ib);
	return err;
}

static struct rdma_link_ops link_ops = {
	.type		= "fsktest",
	.newlink	= newlink,
};

static void set_up(struct fskt_device *dev, bool up)
{
	struct ib_event event = {
		.device = &dev->ib,
		.event = up ? IB_EVENT_PORT_ACTIVE : IB_EVENT_PORT_ERR,
		.element.port_num = 1,
	};

	if (dev->up == up)
		return;
	WRITE_ONCE(dev->up, up);
	ib_dispatch_event(&event);
}

static int netdev_event(struct notifier_block *nb, unsigned long event,
			void *ptr)
{
	struct net_device *ndev = netdev_notifier_info_to_dev(ptr);
	struct ib_device *ib;

	ib = ib_device_get_by_netdev(ndev, RDMA_DRIVER_UNKNOWN);
	if (!ib)
		return NOTIFY_DONE;
	if (ib->ops.owner == THIS_MODULE) {
		if (event == NETDEV_UNREGISTER)
			ib_unregister_device_queued(ib);
		else
			set_up(as_device(ib), event != NETDEV_GOING_DOWN &&
			       is_up(ndev));
	}
	ib_device_put(ib);
	return NOTIFY_DONE;
}

static struct notifier_block netdev_nb = {
	.notifier_call = netdev_event,
};

static int __init test_device_init(void)
{
	int err;

	BUILD_BUG_ON(QUEUE_MAX * 2 > CQE_MAX);
	err = register_netdevice_notifier(&netdev_nb);
	if (!err)
		rdma_link_register(&link_ops);
	return err;
}

static void __exit test_device_exit(void)
{
	rdma_link_unregister(&link_ops);
	unregister_netdevice_notifier(&netdev_nb);
	ib_unregister_driver(RDMA_DRIVER_UNKNOWN);
}

module_init(test_device_init);
module_exit(test_device_exit);

MODULE_DESCRIPTION("Fast sockets: an RDMA device for tests");
MODULE_LICENSE("GPL");
MODULE_ALIAS_RDMA_LINK("fsktest");
