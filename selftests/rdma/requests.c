// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of work requests of a queue pair: a message is copied when it is
 * posted.  What cannot be, because the other end is not there or has no buffer,
 * is tried again for a while, and then breaks the queue pair.  Errors are those
 * of the specification of InfiniBand.
 *
 * One lock for all devices: it is no model of speed.
 */

#include <linux/etherdevice.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/string.h>

#include "device.h"

#define RETRY_EVERY	(HZ / 20)
#define RETRY_TIMES	5

DEFINE_SPINLOCK(fskt_lock);
LIST_HEAD(fskt_pairs);
LIST_HEAD(fskt_regions);

static unsigned long sends, writes, broken;
module_param(sends, ulong, 0444);
MODULE_PARM_DESC(sends, "messages that went into a buffer of the other end");
module_param(writes, ulong, 0444);
MODULE_PARM_DESC(writes, "writes to memory of the other end");
module_param(broken, ulong, 0444);
MODULE_PARM_DESC(broken, "queue pairs that failed");

static unsigned int break_every;
module_param(break_every, uint, 0644);
MODULE_PARM_DESC(break_every, "each so many-th message breaks its queue pair; 0 none");

static unsigned int messages;

static struct fskt_request *first_of(struct fskt_queue *w)
{
	return w->num ? &w->ring[w->first] : NULL;
}

struct fskt_request *fskt_add(struct fskt_queue *w)
{
	if (w->num == w->size)
		return NULL;
	return &w->ring[(w->first + w->num++) % w->size];
}

static void done_with_first(struct fskt_queue *w)
{
	w->first = (w->first + 1) % w->size;
	w->num--;
}

static void complete_wc(struct ib_cq *ib, const struct ib_wc *wc)
{
	struct fskt_cq *cq = as_completions(ib);

	if (WARN_ON_ONCE(cq->num == cq->size))
		return;
	cq->ring[(cq->first + cq->num++) % cq->size] = *wc;
	if (!cq->armed)
		return;
	cq->armed = false;
	ib->comp_handler(ib, ib->cq_context);
}

static void complete_recv(struct fskt_pair *qp, struct ib_wc wc)
{
	wc.wr_cqe = first_of(&qp->rq)->cqe;
	wc.qp = &qp->ib;
	wc.port_num = 1;
	done_with_first(&qp->rq);
	complete_wc(qp->ib.recv_cq, &wc);
}

static enum ib_wc_opcode sent_as(enum ib_wr_opcode op)
{
	switch (op) {
	case IB_WR_RDMA_WRITE:
	case IB_WR_RDMA_WRITE_WITH_IMM:
		return IB_WC_RDMA_WRITE;
	case IB_WR_REG_MR:
		return IB_WC_REG_MR;
	case IB_WR_LOCAL_INV:
		return IB_WC_LOCAL_INV;
	default:
		return IB_WC_SEND;
	}
}

static void complete_send(struct fskt_pair *qp, enum ib_wc_status status)
{
	const struct fskt_request *r = first_of(&qp->sq);
	struct ib_wc wc = {
		.wr_cqe = r->cqe,
		.status = status,
		.opcode = sent_as(r->opcode),
		.qp = &qp->ib,
	};
	bool tell = status || r->flags & IB_SEND_SIGNALED;

	qp->tries = 0;
	done_with_first(&qp->sq);
	if (tell)
		complete_wc(qp->ib.send_cq, &wc);
}

/* All that is left comes back; what is posted from now on, too. */
void fskt_flush(struct fskt_pair *qp)
{
	while (qp->sq.num)
		complete_send(qp, IB_WC_WR_FLUSH_ERR);
	while (qp->rq.num)
		complete_recv(qp, (struct ib_wc){
			.status = IB_WC_WR_FLUSH_ERR });
}

static void fail(struct fskt_pair *qp)
{
	if (qp->state == IB_QPS_ERR)
		return;
	broken++;
	qp->state = IB_QPS_ERR;
	fskt_flush(qp);
}

/* Of the end that receives: its owner is told by its buffers. */
static void fail_recv(struct fskt_pair *qp, enum ib_wc_status status)
{
	if (qp->rq.num)
		complete_recv(qp, (struct ib_wc){ .status = status });
	fail(qp);
}

static struct fskt_region *find_region(const struct ib_pd *pd, u32 key)
{
	struct fskt_region *mr;

	list_for_each_entry(mr, &fskt_regions, list)
		if (mr->valid && mr->key == key && mr->ib.pd == pd)
			return mr;
	return NULL;
}

static void copy_to_region(const struct fskt_region *mr, u64 at,
			   const void *from, u32 len)
{
	u64 off = at - mr->ib.iova + (mr->ib.iova & ~PAGE_MASK);
	u32 part;

	while (len) {
		part = min_t(u32, len, PAGE_SIZE - offset_in_page(off));
		memcpy((void *)(uintptr_t)mr->pages[off >> PAGE_SHIFT] +
		       offset_in_page(off), from, part);
		off += part;
		from += part;
		len -= part;
	}
}

static u32 length_of(const struct fskt_request *r)
{
	u32 len = 0;
	int i;

	for (i = 0; i < r->num_sge; i++)
		len += r->sge[i].length;
	return len;
}

static bool is_local(const struct fskt_request *r)
{
	int i;

	for (i = 0; i < r->num_sge; i++)
		if (r->sge[i].lkey != FSKT_LKEY_LOCAL)
			return false;
	return true;
}

/* From the memory of one request to that of another, which is as long. */
static void copy_between(const struct fskt_request *from,
			 const struct fskt_request *to)
{
	u32 off = 0, part;
	int i, j = 0;
	const void *src;

	for (i = 0; i < from->num_sge; i++) {
		u32 left = from->sge[i].length;

		src = (const void *)(uintptr_t)from->sge[i].addr;
		while (left) {
			part = min(left, to->sge[j].length - off);
			memcpy((void *)(uintptr_t)to->sge[j].addr + off, src,
			       part);
			src += part;
			left -= part;
			off += part;
			if (off == to->sge[j].length) {
				off = 0;
				j++;
			}
		}
	}
}

/* What requests do.  Status of the sender; -EAGAIN to try again. */

static int do_invalidate(struct fskt_pair *qp, u32 key)
{
	struct fskt_region *mr = find_region(qp->ib.pd, key);

	if (!mr)
		return IB_WC_LOC_QP_OP_ERR;
	mr->valid = false;
	return IB_WC_SUCCESS;
}

static int do_register(const struct fskt_request *r)
{
	struct fskt_region *mr = r->reg.mr;

	if (mr->valid)
		return IB_WC_MW_BIND_ERR;
	mr->key = r->reg.key;
	mr->access = r->reg.access;
	mr->valid = true;
	return IB_WC_SUCCESS;
}

static int do_send(const struct fskt_request *r, struct fskt_pair *peer)
{
	struct fskt_request *into = first_of(&peer->rq);
	struct ib_wc wc = {
		.opcode = IB_WC_RECV,
		.byte_len = length_of(r),
	};

	if (!into)
		return -EAGAIN;
	if (wc.byte_len > length_of(into)) {
		fail_recv(peer, IB_WC_LOC_LEN_ERR);
		return IB_WC_REM_INV_REQ_ERR;
	}
	if (r->opcode == IB_WR_SEND_WITH_INV) {
		if (do_invalidate(peer, r->invalidate)) {
			fail_recv(peer, IB_WC_LOC_PROT_ERR);
			return IB_WC_REM_ACCESS_ERR;
		}
		wc.wc_flags = IB_WC_WITH_INVALIDATE;
		wc.ex.invalidate_rkey = r->invalidate;
	}
	copy_between(r, into);
	sends++;
	complete_recv(peer, wc);
	return IB_WC_SUCCESS;
}

static int do_write(const struct fskt_request *r, struct fskt_pair *peer)
{
	const struct fskt_region *mr = find_region(peer->ib.pd, r->rkey);
	u32 len = length_of(r);
	u64 at = r->remote;
	int i;

	if (r->opcode == IB_WR_RDMA_WRITE_WITH_IMM && !peer->rq.num)
		return -EAGAIN;
	if (!(peer->access & IB_ACCESS_REMOTE_WRITE) || !mr ||
	    !(mr->access & IB_ACCESS_REMOTE_WRITE) || at < mr->ib.iova ||
	    at + len > mr->ib.iova + mr->ib.length) {
		fail(peer);
		return IB_WC_REM_ACCESS_ERR;
	}
	for (i = 0; i < r->num_sge; i++) {
		copy_to_region(mr, at, (const void *)(uintptr_t)r->sge[i].addr,
			       r->sge[i].length);
		at += r->sge[i].length;
	}
	writes++;
	if (r->opcode == IB_WR_RDMA_WRITE_WITH_IMM)
		complete_recv(peer, (struct ib_wc){
			.opcode = IB_WC_RECV_RDMA_WITH_IMM,
			.byte_len = len,
			.wc_flags = IB_WC_WITH_IMM,
			.ex.imm_data = r->imm_data });
	return IB_WC_SUCCESS;
}

static bool cut;
module_param(cut, bool, 0644);
MODULE_PARM_DESC(cut, "no message gets through");

/* The other end, if it can be reached. */
static struct fskt_pair *peer_of(const struct fskt_pair *qp)
{
	const struct fskt_device *dev = as_device(qp->ib.device), *other;
	struct fskt_pair *p;

	if (cut)
		return NULL;
	list_for_each_entry(p, &fskt_pairs, list) {
		other = as_device(p->ib.device);
		if (p->ib.qp_num == qp->dest && p->dest == qp->ib.qp_num &&
		    p->state >= IB_QPS_RTR && p->state <= IB_QPS_SQD &&
		    dev->up && other->up &&
		    ether_addr_equal(other->mac, qp->dmac) &&
		    ether_addr_equal(dev->mac, p->dmac))
			return p;
	}
	return NULL;
}

static int do_remote(struct fskt_pair *qp, const struct fskt_request *r)
{
	struct fskt_pair *peer = peer_of(qp);

	if (!peer)
		return -EAGAIN;
	if (!is_local(r))
		return IB_WC_LOC_PROT_ERR;
	if (break_every && !(++messages % break_every))
		return IB_WC_RETRY_EXC_ERR;
	switch (r->opcode) {
	case IB_WR_SEND:
	case IB_WR_SEND_WITH_INV:
		return do_send(r, peer);
	case IB_WR_RDMA_WRITE:
	case IB_WR_RDMA_WRITE_WITH_IMM:
		return do_write(r, peer);
	default:
		return IB_WC_LOC_QP_OP_ERR;
	}
}

void fskt_run(struct fskt_pair *qp)
{
	struct fskt_request *r;
	int status;

	while (qp->state == IB_QPS_RTS) {
		r = first_of(&qp->sq);
		if (!r)
			return;
		if (r->opcode == IB_WR_REG_MR)
			status = do_register(r);
		else if (r->opcode == IB_WR_LOCAL_INV)
			status = do_invalidate(qp, r->invalidate);
		else
			status = do_remote(qp, r);
		if (status == -EAGAIN) {
			if (!timer_pending(&qp->timer))
				mod_timer(&qp->timer, jiffies + RETRY_EVERY);
			return;
		}
		complete_send(qp, status);
		if (status)
			fail(qp);
	}
}

void fskt_retry(struct timer_list *t)
{
	struct fskt_pair *qp = container_of(t, struct fskt_pair, timer);
	unsigned long flags;

	spin_lock_irqsave(&fskt_lock, flags);
	if (qp->state == IB_QPS_RTS && qp->sq.num &&
	    ++qp->tries > RETRY_TIMES) {
		complete_send(qp, peer_of(qp) ? IB_WC_RNR_RETRY_EXC_ERR :
						IB_WC_RETRY_EXC_ERR);
		fail(qp);
	}
	fskt_run(qp);
	spin_unlock_irqrestore(&fskt_lock, flags);
}
