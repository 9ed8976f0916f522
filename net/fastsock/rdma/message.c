// SPDX-License-Identifier: GPL-2.0
/*
 * Messages over a queue pair: what is sent, and what comes in.
 *
 * That a message has arrived means nothing to a connection, whose own acks tell
 * what the other end has: so nothing here knows what a frame says, and a queue
 * pair that breaks loses frames as a wire does.
 *
 * The other end says how many frames it has buffers for (credits), and says so
 * again as it makes buffers free.  It does that at once, whether the program
 * reads or not: a frame leaves its buffer by being copied, or takes the page
 * with it, which is charged to its socket as any other's.  Without credits a
 * frame waits here, for as long as there are few.
 *
 * Everything runs in softirq or with BH disabled.  The device calls nothing of
 * this file while it is called.
 */

#include <linux/skbuff.h>
#include <linux/slab.h>
#include <rdma/ib_verbs.h>

#include "rdma/rdma.h"

/* More frames than that are not kept waiting; as many as a qdisc's. */
#define QUEUE_MAX	1000
/* Bytes; so short a frame is copied, and its page used again. */
#define COPY_MAX	512
/* Bytes before a frame that came in, for a link header. */
#define HEADROOM	64
/* The other end hears of free buffers when it may still have as many. */
#define OWED_MAX	(FSK_RDMA_CREDITS / 2)

/* Nothing more is sent, and the work item closes it. */
static void broken(struct fsk_rdma_qp *q)
{
	WRITE_ONCE(q->suspect, true);
	if (!READ_ONCE(q->broken)) {
		WRITE_ONCE(q->broken, true);
		fsk_rdma_kick();
	}
}

static void unmap(struct fsk_rdma_send *s)
{
	struct ib_device *ibdev = s->qp->port.ibdev;
	int i;

	if (s->num_sge)
		ib_dma_unmap_single(ibdev, s->sge[0].addr, s->sge[0].length,
				    DMA_TO_DEVICE);
	for (i = 1; i < s->num_sge; i++)
		ib_dma_unmap_page(ibdev, s->sge[i].addr, s->sge[i].length,
				  DMA_TO_DEVICE);
	s->num_sge = 0;
}

/**
 * fsk_rdma_drop_send - free a message that the device does not have
 * @s: with a message or without
 *
 * Context: any but hard interrupt.
 */
void fsk_rdma_drop_send(struct fsk_rdma_send *s)
{
	if (!s->skb)
		return;
	unmap(s);
	kfree_skb(s->skb);
	s->skb = NULL;
}

static bool add_sge(struct fsk_rdma_send *s, u64 addr, u32 len)
{
	struct ib_sge *sge = &s->sge[s->num_sge];

	if (ib_dma_mapping_error(s->qp->port.ibdev, addr))
		return false;
	sge->addr = addr;
	sge->length = len;
	sge->lkey = s->qp->pd->local_dma_lkey;
	s->num_sge++;
	return true;
}

static bool map(struct fsk_rdma_send *s)
{
	struct ib_device *ibdev = s->qp->port.ibdev;
	struct sk_buff *skb = s->skb;
	const skb_frag_t *frag;
	u64 addr;
	int i;

	addr = ib_dma_map_single(ibdev, skb->data, skb_headlen(skb),
				 DMA_TO_DEVICE);
	if (!add_sge(s, addr, skb_headlen(skb)))
		return false;
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		frag = &skb_shinfo(skb)->frags[i];
		addr = ib_dma_map_page(ibdev, skb_frag_page(frag),
				       skb_frag_off(frag), skb_frag_size(frag),
				       DMA_TO_DEVICE);
		if (!add_sge(s, addr, skb_frag_size(frag)))
			goto unmap;
	}
	return true;

unmap:
	unmap(s);
	return false;
}

/* The lock is held.  @skb's data is at struct fsk_channel_hdr; consumed. */
static void post(struct fsk_rdma_qp *q, struct sk_buff *skb)
{
	struct fsk_channel_hdr *hdr = (void *)skb->data;
	struct ib_send_wr wr = {
		.opcode		= IB_WR_SEND,
		.send_flags	= IB_SEND_SIGNALED,
	};
	struct fsk_rdma_send *s;

	s = list_first_entry(&q->idle, struct fsk_rdma_send, list);
	hdr->credits = cpu_to_be16(q->owed);
	s->skb = skb;
	if (!map(s))
		goto drop;
	wr.wr_cqe = &s->cqe;
	wr.sg_list = s->sge;
	wr.num_sge = s->num_sge;
	if (ib_post_send(q->qp, &wr, NULL))
		goto drop;
	q->owed = 0;
	list_del(&s->list);
	q->num_idle--;
	return;

drop:
	fsk_rdma_drop_send(s);
	broken(q);
}

/* A message without a frame, or NULL. */
static struct sk_buff *short_message(u8 type, u32 nonce)
{
	struct fsk_channel_hdr hdr = {
		.type = type,
		.nonce = cpu_to_be32(nonce),
	};
	struct sk_buff *skb = alloc_skb(sizeof(hdr), GFP_ATOMIC);

	if (skb)
		skb_put_data(skb, &hdr, sizeof(hdr));
	return skb;
}

/* The lock is held: send what waits, and what the other end should know. */
static void push(struct fsk_rdma_qp *q)
{
	struct sk_buff *skb;

	if (q->closed)
		return;
	while (!READ_ONCE(q->broken) && q->credits &&
	       q->num_idle > FSK_RDMA_SPARE) {
		skb = __skb_dequeue(&q->queue);
		if (!skb)
			break;
		q->credits--;
		post(q, skb);
	}
	if (READ_ONCE(q->broken) || q->owed < OWED_MAX || !q->num_idle)
		return;
	/* Without memory the next message that comes in tries again. */
	skb = short_message(FSK_CHANNEL_CREDIT, 0);
	if (skb)
		post(q, skb);
}

/**
 * fsk_rdma_say - send a message without a frame
 * @q: connected queue pair
 * @type: FSK_CHANNEL_HELLO or FSK_CHANNEL_HEARD
 * @nonce: the other end's
 *
 * Without memory, or while too much is on its way, nothing is sent.
 *
 * Context: process or softirq.
 */
void fsk_rdma_say(struct fsk_rdma_qp *q, u8 type, u32 nonce)
{
	struct sk_buff *skb = short_message(type, nonce);

	if (!skb)
		return;
	spin_lock_bh(&q->lock);
	if (q->closed || READ_ONCE(q->broken) || !q->num_idle)
		kfree_skb(skb);
	else
		post(q, skb);
	spin_unlock_bh(&q->lock);
}

/* Return: false if it cannot be sent as a message; then it is as it was. */
static bool prepare(const struct fsk_rdma_qp *q, struct sk_buff *skb)
{
	struct fsk_channel_hdr *hdr;

	if (skb_has_frag_list(skb) ||
	    skb_shinfo(skb)->nr_frags >= q->max_sge) {
		if (skb_linearize(skb))
			return false;
	}
	/* Nobody else uses what is before a frame. */
	if (skb_headroom(skb) < sizeof(*hdr) &&
	    pskb_expand_head(skb, SKB_DATA_ALIGN(sizeof(*hdr)), 0, GFP_ATOMIC))
		return false;
	hdr = __skb_push(skb, sizeof(*hdr));
	memset(hdr, 0, sizeof(*hdr));
	hdr->type = FSK_CHANNEL_FRAME;
	return true;
}

/**
 * fsk_rdma_xmit - struct fsk_channel_ops.xmit
 * @channel: of a queue pair
 * @skb: frame, data at struct fsk_hdr
 *
 * Context: any but hard interrupt, RCU read section.
 * Return: true if @skb is consumed.
 */
bool fsk_rdma_xmit(struct fsk_channel *channel, struct sk_buff *skb)
{
	struct fsk_rdma_qp *q = fsk_rdma_qp(channel);

	if (READ_ONCE(q->suspect) || !prepare(q, skb))
		return false;
	spin_lock_bh(&q->lock);
	if (q->closed || skb_queue_len(&q->queue) >= QUEUE_MAX) {
		kfree_skb(skb);
	} else {
		q->frames++;
		__skb_queue_tail(&q->queue, skb);
		push(q);
	}
	spin_unlock_bh(&q->lock);
	return true;
}

/**
 * fsk_rdma_doubt - struct fsk_channel_ops.doubt
 * @channel: of a queue pair
 *
 * Frames go elsewhere until the other end has said that it hears.
 *
 * Context: any but hard interrupt, RCU read section.
 */
void fsk_rdma_doubt(struct fsk_channel *channel)
{
	struct fsk_rdma_qp *q = fsk_rdma_qp(channel);

	if (READ_ONCE(q->suspect))
		return;
	WRITE_ONCE(q->suspect, true);
	fsk_rdma_kick();
}

/**
 * fsk_rdma_send_done - a message has arrived, or never will
 * @cq: unused
 * @wc: which, and how it went
 *
 * Context: softirq.
 */
void fsk_rdma_send_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct fsk_rdma_send *s = container_of(wc->wr_cqe,
					       struct fsk_rdma_send, cqe);
	struct fsk_rdma_qp *q = s->qp;
	struct sk_buff *skb = s->skb;

	if (unlikely(wc->status != IB_WC_SUCCESS))
		broken(q);
	unmap(s);
	s->skb = NULL;
	spin_lock_bh(&q->lock);
	list_add(&s->list, &q->idle);
	q->num_idle++;
	push(q);
	spin_unlock_bh(&q->lock);
	consume_skb(skb);
}

/**
 * fsk_rdma_post_recv - let a message come into a buffer
 * @r: buffer
 *
 * Context: any but hard interrupt.
 * Return: 0 or a negative errno.
 */
int fsk_rdma_post_recv(struct fsk_rdma_recv *r)
{
	struct fsk_rdma_qp *q = r->qp;
	struct ib_sge sge = {
		.addr	= r->addr,
		.length	= FSK_RDMA_BUFFER,
		.lkey	= q->pd->local_dma_lkey,
	};
	struct ib_recv_wr wr = {
		.wr_cqe		= &r->cqe,
		.sg_list	= &sge,
		.num_sge	= 1,
	};

	return ib_post_recv(q->qp, &wr, NULL);
}

/* The device has @page for @r from here on.  Return: false if it cannot. */
static bool replace(struct fsk_rdma_recv *r)
{
	struct ib_device *ibdev = r->qp->port.ibdev;
	struct page *page = alloc_page(GFP_ATOMIC);
	u64 addr;

	if (!page)
		return false;
	addr = ib_dma_map_page(ibdev, page, 0, FSK_RDMA_BUFFER,
			       DMA_FROM_DEVICE);
	if (ib_dma_mapping_error(ibdev, addr)) {
		__free_page(page);
		return false;
	}
	ib_dma_unmap_page(ibdev, r->addr, FSK_RDMA_BUFFER, DMA_FROM_DEVICE);
	r->page = page;
	r->addr = addr;
	return true;
}

/*
 * The frame of a message of @len bytes.  What is short is copied, otherwise the
 * page goes with it, and @r gets another one.
 */
static struct sk_buff *frame_of(struct fsk_rdma_recv *r, u32 len)
{
	u32 off = sizeof(struct fsk_channel_hdr);
	struct page *page = r->page;
	const void *data = page_address(page);
	struct sk_buff *skb;
	u32 head;

	len -= off;
	head = len <= COPY_MAX ? len : sizeof(struct fsk_hdr);
	skb = alloc_skb(HEADROOM + COPY_MAX, GFP_ATOMIC);
	if (!skb)
		return NULL;
	skb_reserve(skb, HEADROOM);
	if (head < len && !replace(r)) {
		kfree_skb(skb);
		return NULL;
	}
	skb_put_data(skb, data + off, head);
	if (head < len)
		skb_add_rx_frag(skb, 0, page, off + head, len - head,
				PAGE_SIZE);
	return skb;
}

static void rcv_frame(struct fsk_rdma_recv *r, u32 len)
{
	struct fsk_rdma_qp *q = r->qp;
	struct sk_buff *skb = frame_of(r, len);

	q->frames++;
	spin_lock_bh(&q->lock);
	q->owed++;
	spin_unlock_bh(&q->lock);
	if (!skb)
		return;		/* lost in transit */
	rcu_read_lock();
	fsk_channel_rcv(&q->channel, skb);
	rcu_read_unlock();
}

/* The other end gives credits.  Return: false if more than it said. */
static bool take_credits(struct fsk_rdma_qp *q, unsigned int n)
{
	bool ok;

	if (n)
		WRITE_ONCE(q->given, true);
	spin_lock_bh(&q->lock);
	q->credits += n;
	ok = q->credits <= q->credits_max;
	if (ok)
		push(q);
	spin_unlock_bh(&q->lock);
	return ok;
}

/* Return: false if the other end does not do what was agreed. */
static bool rcv_message(struct fsk_rdma_recv *r, u32 len)
{
	const struct fsk_channel_hdr *hdr = page_address(r->page);
	struct fsk_rdma_qp *q = r->qp;
	unsigned int credits;

	if (len < sizeof(*hdr))
		return false;
	credits = be16_to_cpu(hdr->credits);
	switch (hdr->type) {
	case FSK_CHANNEL_FRAME:
		if (len < sizeof(*hdr) + sizeof(struct fsk_hdr))
			return false;
		rcv_frame(r, len);
		break;
	case FSK_CHANNEL_HELLO:
	case FSK_CHANNEL_HEARD:
		if (be32_to_cpu(hdr->nonce) != q->nonce)
			return false;
		if (hdr->type == FSK_CHANNEL_HELLO)
			WRITE_ONCE(q->asked, true);
		WRITE_ONCE(q->heard, true);
		fsk_rdma_kick();
		break;
	case FSK_CHANNEL_CREDIT:
		break;
	default:
		return false;
	}
	return take_credits(q, credits);
}

/**
 * fsk_rdma_recv_done - a message has come, or none will
 * @cq: unused
 * @wc: into which buffer
 *
 * Context: softirq.
 */
void fsk_rdma_recv_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct fsk_rdma_recv *r = container_of(wc->wr_cqe,
					       struct fsk_rdma_recv, cqe);
	struct fsk_rdma_qp *q = r->qp;

	/* A write with immediate data takes a buffer, too, and fills none. */
	if (wc->status != IB_WC_SUCCESS || wc->opcode != IB_WC_RECV) {
		broken(q);
		return;
	}
	ib_dma_sync_single_for_cpu(q->port.ibdev, r->addr, FSK_RDMA_BUFFER,
				   DMA_FROM_DEVICE);
	if (!rcv_message(r, wc->byte_len)) {
		broken(q);
		return;
	}
	ib_dma_sync_single_for_device(q->port.ibdev, r->addr, FSK_RDMA_BUFFER,
				      DMA_FROM_DEVICE);
	if (fsk_rdma_post_recv(r))
		broken(q);
}
