// SPDX-License-Identifier: GPL-2.0
/*
 * A queue pair, from being made to being gone.
 *
 * It is of the type RC, and is set up by hand: what its ends have to know of
 * each other stands in frames (struct fsk_channel_setup), so there is neither
 * rdma_cm nor a port.  Sends go to the buffers that stand in its receive queue,
 * and nothing of this host's memory can be read through it from outside, or
 * written, but for what place.c has offered.
 *
 * Everything here is done in process context with @fsk_rdma_mutex held.
 */

#include <linux/random.h>
#include <linux/slab.h>
#include <rdma/ib_addr.h>
#include <rdma/ib_cache.h>
#include <rdma/ib_verbs.h>

#include "rdma/rdma.h"

/*
 * 4.096 us * 2^16: so long the device waits for an ack.  Less breaks healthy
 * connections of rdma_rxe on busy machines.
 */
#define ACK_TIMEOUT	16
/* Less than 7, which some devices take for ever. */
#define RETRIES		5
/* Before a message is sent again for which there was no buffer. */
#define RNR_TIMER	IB_RNR_TIMER_000_24
/* RoCE 2 is routable; what leaves the segment is not for a neighbour. */
#define HOP_LIMIT	1

static int make_verbs(struct fsk_rdma_qp *q)
{
	struct ib_device *ibdev = q->port.ibdev;
	struct ib_qp_init_attr init = {
		.qp_type	= IB_QPT_RC,
		.sq_sig_type	= IB_SIGNAL_REQ_WR,
		.cap = {
			/* One more each, to be drained. */
			.max_send_wr	= FSK_RDMA_SENDS + 1,
			.max_recv_wr	= FSK_RDMA_RECVS + 1,
			.max_send_sge	= q->max_sge,
			.max_recv_sge	= 1,
		},
	};

	q->pd = ib_alloc_pd(ibdev, 0);
	if (IS_ERR(q->pd))
		return PTR_ERR(q->pd);
	q->cq = ib_alloc_cq_any(ibdev, q, FSK_RDMA_SENDS + FSK_RDMA_RECVS + 2,
				IB_POLL_SOFTIRQ);
	if (IS_ERR(q->cq))
		return PTR_ERR(q->cq);
	init.send_cq = q->cq;
	init.recv_cq = q->cq;
	q->qp = ib_create_qp(q->pd, &init);
	return PTR_ERR_OR_ZERO(q->qp);
}

static int make_buffers(struct fsk_rdma_qp *q)
{
	struct ib_device *ibdev = q->port.ibdev;
	struct fsk_rdma_recv *r;
	int i;

	q->sends = kvcalloc(FSK_RDMA_SENDS, sizeof(*q->sends), GFP_KERNEL);
	q->recvs = kvcalloc(FSK_RDMA_RECVS, sizeof(*q->recvs), GFP_KERNEL);
	if (!q->sends || !q->recvs)
		return -ENOMEM;
	for (i = 0; i < FSK_RDMA_SENDS; i++) {
		q->sends[i].qp = q;
		q->sends[i].cqe.done = fsk_rdma_send_done;
		list_add_tail(&q->sends[i].list, &q->idle);
	}
	q->num_idle = FSK_RDMA_SENDS;
	for (i = 0; i < FSK_RDMA_RECVS; i++) {
		r = &q->recvs[i];
		r->qp = q;
		r->cqe.done = fsk_rdma_recv_done;
		r->page = alloc_page(GFP_KERNEL);
		if (!r->page)
			return -ENOMEM;
		r->addr = ib_dma_map_page(ibdev, r->page, 0, FSK_RDMA_BUFFER,
					  DMA_FROM_DEVICE);
		if (ib_dma_mapping_error(ibdev, r->addr)) {
			__free_page(r->page);
			r->page = NULL;
			return -ENOMEM;
		}
	}
	return 0;
}

/* The queue pair is gone, and nothing is handled any more. */
static void free_buffers(struct fsk_rdma_qp *q)
{
	struct ib_device *ibdev = q->port.ibdev;
	struct fsk_rdma_recv *r;
	int i;

	for (i = 0; q->recvs && i < FSK_RDMA_RECVS; i++) {
		r = &q->recvs[i];
		if (!r->page)
			break;
		ib_dma_unmap_page(ibdev, r->addr, FSK_RDMA_BUFFER,
				  DMA_FROM_DEVICE);
		__free_page(r->page);
	}
	/* A device that is broken itself gives nothing back. */
	for (i = 0; q->sends && i < FSK_RDMA_SENDS; i++)
		fsk_rdma_drop_send(&q->sends[i]);
	kvfree(q->recvs);
	kvfree(q->sends);
}

/* From here on messages may come in, once the other end is known. */
static int to_init(struct fsk_rdma_qp *q)
{
	struct ib_qp_attr attr = {
		.qp_state	= IB_QPS_INIT,
		.port_num	= q->port.num,
		.qp_access_flags = 0,
	};
	int err, i;

	err = ib_modify_qp(q->qp, &attr, IB_QP_STATE | IB_QP_PKEY_INDEX |
			   IB_QP_PORT | IB_QP_ACCESS_FLAGS);
	for (i = 0; !err && i < FSK_RDMA_RECVS; i++)
		err = fsk_rdma_post_recv(&q->recvs[i]);
	return err;
}

static void destroy(struct fsk_rdma_qp *q)
{
	if (!IS_ERR_OR_NULL(q->qp))
		ib_destroy_qp(q->qp);
	/* Nothing comes from outside any more. */
	fsk_rdma_end_places(q);
	/* No message is handled any more when this returns. */
	if (!IS_ERR_OR_NULL(q->cq))
		ib_free_cq(q->cq);
	free_buffers(q);
	fsk_rdma_free_places(q);
	if (!IS_ERR_OR_NULL(q->pd))
		ib_dealloc_pd(q->pd);
	fsk_rdma_flush_queue(q);
	/* A frame may just have found it. */
	kfree_rcu(q, rcu);
}

/* Return: 0 if there is none. */
static enum ib_mtu mtu_of(const struct fsk_rdma_port *port,
			  const struct net_device *dev)
{
	struct ib_port_attr attr;

	if (ib_query_port(port->ibdev, port->num, &attr))
		return 0;
	/* That of a VLAN may be less than its port's. */
	return min_t(enum ib_mtu, attr.active_mtu,
		     iboe_get_mtu(READ_ONCE(dev->mtu)));
}

static bool has_room(const struct ib_device *ibdev)
{
	return ibdev->attrs.max_qp_wr > max(FSK_RDMA_SENDS, FSK_RDMA_RECVS) &&
	       ibdev->attrs.max_cqe > FSK_RDMA_SENDS + FSK_RDMA_RECVS + 1 &&
	       ibdev->attrs.max_send_sge > 0;
}

/**
 * fsk_rdma_open - make a queue pair for a neighbour, without connecting it
 * @dev: device towards it, which the caller keeps
 * @mac: its link-layer address
 * @peer: address of the other end; NULL if it is not known yet
 *
 * Context: process, may sleep; @fsk_rdma_mutex held.
 * Return: it, or an ERR_PTR(): -ENODEV without an RDMA device for @dev, or what
 * that said.
 */
struct fsk_rdma_qp *fsk_rdma_open(struct net_device *dev, const u8 *mac,
				  const u8 *peer)
{
	struct fsk_rdma_qp *q = kzalloc(sizeof(*q), GFP_KERNEL);
	int err;

	lockdep_assert_held(&fsk_rdma_mutex);
	if (!q)
		return ERR_PTR(-ENOMEM);
	spin_lock_init(&q->lock);
	__skb_queue_head_init(&q->queue);
	INIT_LIST_HEAD(&q->idle);
	INIT_HLIST_NODE(&q->channel.node);
	q->channel.dev = dev;
	ether_addr_copy(q->channel.mac, mac);
	if (!fsk_rdma_find_port(dev, peer, &q->port) ||
	    !has_room(q->port.ibdev)) {
		kfree(q);
		return ERR_PTR(-ENODEV);
	}
	q->mtu = mtu_of(&q->port, dev);
	if (!q->mtu) {
		kfree(q);
		return ERR_PTR(-ENODEV);
	}
	q->max_sge = min_t(u32, q->port.ibdev->attrs.max_send_sge,
			   FSK_RDMA_SGE);
	q->psn = get_random_u32() & GENMASK(23, 0);
	q->nonce = get_random_u32() | 1;
	err = make_buffers(q) ?: make_verbs(q) ?: to_init(q);
	if (!err)
		fsk_rdma_make_places(q);
	if (err) {
		q->closed = true;
		destroy(q);
		return ERR_PTR(err);
	}
	return q;
}

static int to_rtr(struct fsk_rdma_qp *q, const struct fsk_channel_setup *setup,
		  enum ib_mtu mtu)
{
	struct ib_qp_attr attr = {
		.qp_state		= IB_QPS_RTR,
		.path_mtu		= mtu,
		.dest_qp_num		= be32_to_cpu(setup->qpn),
		.rq_psn			= be32_to_cpu(setup->psn),
		.max_dest_rd_atomic	= 0,
		.min_rnr_timer		= RNR_TIMER,
		/* But there is nothing that could be written to. */
		.qp_access_flags	= q->channel.place_min ?
					  IB_ACCESS_REMOTE_WRITE : 0,
	};
	union ib_gid gid;

	memcpy(gid.raw, setup->gid, sizeof(gid.raw));
	attr.ah_attr.type = rdma_ah_find_type(q->port.ibdev, q->port.num);
	rdma_ah_set_port_num(&attr.ah_attr, q->port.num);
	rdma_ah_set_grh(&attr.ah_attr, &gid, 0, q->port.sgid_index, HOP_LIMIT,
			0);
	ether_addr_copy(attr.ah_attr.roce.dmac, q->channel.mac);
	return ib_modify_qp(q->qp, &attr, IB_QP_STATE | IB_QP_AV |
			    IB_QP_PATH_MTU | IB_QP_DEST_QPN | IB_QP_RQ_PSN |
			    IB_QP_MAX_DEST_RD_ATOMIC | IB_QP_MIN_RNR_TIMER |
			    IB_QP_ACCESS_FLAGS);
}

static int to_rts(struct fsk_rdma_qp *q)
{
	struct ib_qp_attr attr = {
		.qp_state	= IB_QPS_RTS,
		.timeout	= ACK_TIMEOUT,
		.retry_cnt	= RETRIES,
		.rnr_retry	= RETRIES,
		.sq_psn		= q->psn,
		.max_rd_atomic	= 0,
	};

	return ib_modify_qp(q->qp, &attr, IB_QP_STATE | IB_QP_TIMEOUT |
			    IB_QP_RETRY_CNT | IB_QP_RNR_RETRY | IB_QP_SQ_PSN |
			    IB_QP_MAX_QP_RD_ATOMIC);
}

/* Can this be the other end's? */
static bool makes_sense(const struct fsk_channel_setup *setup)
{
	u32 qpn = be32_to_cpu(setup->qpn);

	return qpn > 1 && qpn < 1 << 24 && be32_to_cpu(setup->psn) < 1 << 24 &&
	       setup->mtu >= IB_MTU_256 && setup->mtu <= IB_MTU_4096 &&
	       setup->nonce && setup->credits &&
	       be16_to_cpu(setup->max) > FSK_RDMA_MIN &&
	       memchr_inv(setup->gid, 0, sizeof(setup->gid));
}

/**
 * fsk_rdma_connect - connect a queue pair with the other end's
 * @q: queue pair that fsk_rdma_open() has made
 * @setup: REQ or ACK of the other end
 *
 * Context: process, may sleep; @fsk_rdma_mutex held.
 * Return: 0, -EPROTO if what the other end says makes no sense, or what the
 * device said.
 */
int fsk_rdma_connect(struct fsk_rdma_qp *q,
		     const struct fsk_channel_setup *setup)
{
	u32 max = min_t(u32, be16_to_cpu(setup->max), FSK_RDMA_BUFFER);

	lockdep_assert_held(&fsk_rdma_mutex);
	if (!makes_sense(setup))
		return -EPROTO;
	q->channel.max = max - sizeof(struct fsk_channel_hdr);
	q->credits_max = be16_to_cpu(setup->credits);
	q->credits = q->credits_max;
	q->channel.place_min = q->places &&
			       setup->features & FSK_CHANNEL_PLACES ?
			       READ_ONCE(fsk_rdma_place_min) : 0;
	q->connected = true;
	/* Both ends find the same one. */
	return to_rtr(q, setup, min_t(enum ib_mtu, q->mtu, setup->mtu)) ?:
	       to_rts(q);
}

/**
 * fsk_rdma_close - end a queue pair
 * @q: queue pair whose channel is in no table any more
 *
 * What is on its way is lost, or has arrived.
 *
 * Context: process, may sleep; @fsk_rdma_mutex held.
 */
void fsk_rdma_close(struct fsk_rdma_qp *q)
{
	lockdep_assert_held(&fsk_rdma_mutex);
	spin_lock_bh(&q->lock);
	q->closed = true;
	spin_unlock_bh(&q->lock);
	/* The device gives back every buffer that it has begun to use. */
	if (q->connected)
		ib_drain_qp(q->qp);
	destroy(q);
}
