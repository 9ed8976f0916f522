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

#include "base/spare.h"
#include "rdma/rdma.h"

/* More frames than that are not kept waiting; as many as a qdisc's. */
#define QUEUE_MAX	1000
/* Bytes; so short a frame is copied, and its page used again. */
#define COPY_MAX	512
/* Bytes before a frame that came in, for a link header. */
#define HEADROOM	64
/* The other end hears of free buffers when it may still have as many. */
#define OWED_MAX	(FSK_RDMA_CREDITS / 2)

/**
 * fsk_rdma_broken - nothing more is sent, and the work item closes it
 * @q: queue pair
 *
 * Context: any but hard interrupt.
 */
void fsk_rdma_broken(struct fsk_rdma_qp *q)
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

/* All of s->skb but for its first @skip bytes, which are linear. */
static bool map(struct fsk_rdma_send *s, u32 skip)
{
	struct ib_device *ibdev = s->qp->port.ibdev;
	struct sk_buff *skb = s->skb;
	u32 len = skb_headlen(skb) - skip;
	const skb_frag_t *frag;
	u64 addr;
	int i;

	if (len) {
		addr = ib_dma_map_single(ibdev, skb->data + skip, len,
					 DMA_TO_DEVICE);
		if (!add_sge(s, addr, len))
			return false;
	}
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

/*
 * The lock is held.  Hand over what @wr says, with all of @skb but its first
 * @skip bytes; @skb, which may be NULL, is consumed.  Return: false if the
 * device does not take it; then the queue pair is broken.
 */
static bool hand_over(struct fsk_rdma_qp *q, struct ib_send_wr *wr,
		      struct sk_buff *skb, u32 skip)
{
	struct fsk_rdma_send *s;

	s = list_first_entry(&q->idle, struct fsk_rdma_send, list);
	s->skb = skb;
	if (skb && !map(s, skip))
		goto drop;
	wr->wr_cqe = &s->cqe;
	wr->send_flags = IB_SEND_SIGNALED;
	wr->sg_list = s->sge;
	wr->num_sge = s->num_sge;
	if (ib_post_send(q->qp, wr, NULL))
		goto drop;
	list_del(&s->list);
	q->num_idle--;
	return true;

drop:
	fsk_rdma_drop_send(s);
	fsk_rdma_broken(q);
	return false;
}

/**
 * fsk_rdma_post_other - have the device do what is no message
 * @q: queue pair; its lock is held, and it has idle ones of @sends
 * @wr: what
 *
 * Context: BH disabled.
 * Return: false if it does not; then the queue pair is broken.
 */
bool fsk_rdma_post_other(struct fsk_rdma_qp *q, struct ib_send_wr *wr)
{
	return hand_over(q, wr, NULL, 0);
}

/* The lock is held.  @skb's data is at struct fsk_channel_hdr; consumed. */
static void post(struct fsk_rdma_qp *q, struct sk_buff *skb)
{
	const struct fsk_rdma_msg *msg = FSK_RDMA_MSG(skb);
	struct fsk_channel_hdr *hdr = (void *)skb->data;
	struct ib_rdma_wr write = {
		.wr.opcode	= IB_WR_RDMA_WRITE,
		.remote_addr	= msg->addr,
		.rkey		= msg->rkey,
	};
	struct ib_send_wr wr = { .opcode = IB_WR_SEND };

	if (msg->data && !hand_over(q, &write.wr, msg->data,
				    sizeof(struct fsk_hdr))) {
		kfree_skb(skb);
		return;
	}
	if (msg->voids) {
		wr.opcode = IB_WR_SEND_WITH_INV;
		wr.ex.invalidate_rkey = msg->rkey;
	}
	hdr->credits = cpu_to_be16(q->owed);
	if (hand_over(q, &wr, skb, 0))
		q->owed = 0;
}

/**
 * fsk_rdma_short - make a message without a frame
 * @type: FSK_CHANNEL_*
 * @body: what follows struct fsk_channel_hdr
 * @len: bytes of that
 *
 * Context: any.
 * Return: it, or NULL without memory.
 */
struct sk_buff *fsk_rdma_short(u8 type, const void *body, u32 len)
{
	struct fsk_channel_hdr hdr = { .type = type };
	struct sk_buff *skb = fsk_spare_get(sizeof(hdr) + len, GFP_ATOMIC);

	if (!skb)
		return NULL;
	skb_put_data(skb, &hdr, sizeof(hdr));
	skb_put_data(skb, body, len);
	*FSK_RDMA_MSG(skb) = (struct fsk_rdma_msg) {};
	return skb;
}

/* The message that waits longest is not to be sent. */
static void drop_message(struct sk_buff *skb)
{
	kfree_skb(FSK_RDMA_MSG(skb)->data);
	kfree_skb(skb);
}

/* Something that makes sense without the queue pair? */
static bool is_frame(const struct sk_buff *skb)
{
	const struct fsk_channel_hdr *hdr = (const void *)skb->data;
	const struct fsk_hdr *frame = (const void *)(hdr + 1);

	return hdr->type == FSK_CHANNEL_FRAME && frame->type != FSK_T_PLACED;
}

/**
 * fsk_rdma_flush_queue - send what waits for a credit by the network device
 * @q: queue pair that is closed
 *
 * What has been handed to the RDMA device is lost, or has arrived.
 *
 * Context: any but hard interrupt.
 */
void fsk_rdma_flush_queue(struct fsk_rdma_qp *q)
{
	struct sk_buff *skb;

	rcu_read_lock();
	while ((skb = __skb_dequeue(&q->queue))) {
		if (!is_frame(skb)) {
			drop_message(skb);
			continue;
		}
		__skb_pull(skb, sizeof(struct fsk_channel_hdr));
		fsk_channel_give_back(&q->channel, skb);
	}
	rcu_read_unlock();
}

/* The lock is held: send what waits, and what the other end should know. */
static void push(struct fsk_rdma_qp *q)
{
	struct sk_buff *skb;

	if (q->closed)
		return;
	/* What is written needs one more. */
	while (!READ_ONCE(q->broken) && q->credits &&
	       q->num_idle > FSK_RDMA_SPARE + 1) {
		skb = __skb_dequeue(&q->queue);
		if (!skb)
			break;
		if (unlikely(FSK_RDMA_MSG(skb)->data) &&
		    !fsk_rdma_may_write(q, FSK_RDMA_MSG(skb))) {
			drop_message(skb);	/* lost in transit */
			continue;
		}
		q->credits--;
		post(q, skb);
	}
	if (READ_ONCE(q->broken) || q->owed < OWED_MAX || !q->num_idle)
		return;
	/* Without memory the next message that comes in tries again. */
	skb = fsk_rdma_short(FSK_CHANNEL_CREDIT, NULL, 0);
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
	struct sk_buff *skb = fsk_rdma_short(type, NULL, 0);
	struct fsk_channel_hdr *hdr;

	if (!skb)
		return;
	hdr = (void *)skb->data;
	hdr->nonce = cpu_to_be32(nonce);
	spin_lock_bh(&q->lock);
	if (q->closed || READ_ONCE(q->broken) || !q->num_idle)
		kfree_skb(skb);
	else
		post(q, skb);
	spin_unlock_bh(&q->lock);
}

/**
 * fsk_rdma_make_room - see to it that something can stand before a frame
 * @skb: frame
 * @len: bytes
 *
 * Nobody else uses what is before a frame.
 *
 * Context: any.
 * Return: false without memory.
 */
bool fsk_rdma_make_room(struct sk_buff *skb, u32 len)
{
	return skb_headroom(skb) >= len ||
	       !pskb_expand_head(skb, SKB_DATA_ALIGN(len), 0, GFP_ATOMIC);
}

/**
 * fsk_rdma_prepend - make a message of a frame
 * @skb: frame, with room before it
 * @type: FSK_CHANNEL_*
 * @body: what is to be between struct fsk_channel_hdr and the frame
 * @len: bytes of that
 *
 * Context: any.
 */
void fsk_rdma_prepend(struct sk_buff *skb, u8 type, const void *body, u32 len)
{
	struct fsk_channel_hdr *hdr;

	memcpy(__skb_push(skb, len), body, len);
	hdr = __skb_push(skb, sizeof(*hdr));
	memset(hdr, 0, sizeof(*hdr));
	hdr->type = type;
	*FSK_RDMA_MSG(skb) = (struct fsk_rdma_msg) {};
}

/**
 * fsk_rdma_may_queue - is there room for one more message?
 * @q: queue pair; its lock is held
 *
 * Context: BH disabled.
 * Return: false if it would be lost.
 */
bool fsk_rdma_may_queue(const struct fsk_rdma_qp *q)
{
	return !q->closed && skb_queue_len(&q->queue) < QUEUE_MAX;
}

/**
 * fsk_rdma_queue - send a message, as soon as there is a credit
 * @q: queue pair; its lock is held
 * @skb: message, data at struct fsk_channel_hdr; consumed
 *
 * Context: BH disabled.
 */
void fsk_rdma_queue(struct fsk_rdma_qp *q, struct sk_buff *skb)
{
	__skb_queue_tail(&q->queue, skb);
	push(q);
}

/* Return: false if it cannot be sent as a message; then it is as it was. */
static bool prepare(const struct fsk_rdma_qp *q, struct sk_buff *skb)
{
	if (skb_has_frag_list(skb) ||
	    skb_shinfo(skb)->nr_frags >= q->max_sge) {
		if (skb_linearize(skb))
			return false;
	}
	if (!fsk_rdma_make_room(skb, sizeof(struct fsk_channel_hdr)))
		return false;
	fsk_rdma_prepend(skb, FSK_CHANNEL_FRAME, NULL, 0);
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
	if (fsk_rdma_may_queue(q)) {
		q->frames++;
		fsk_rdma_queue(q, skb);
	} else {
		kfree_skb(skb);
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
 * fsk_rdma_send_done - something has been done, or never will be
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
		fsk_rdma_broken(q);
	unmap(s);
	s->skb = NULL;
	spin_lock_bh(&q->lock);
	list_add(&s->list, &q->idle);
	q->num_idle++;
	push(q);
	spin_unlock_bh(&q->lock);
	fsk_spare_put(skb);
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
 * The frame of a message of @len bytes, which begins at @off.  What is short is
 * copied, otherwise the page goes with it, and @r gets another one.
 */
static struct sk_buff *frame_of(struct fsk_rdma_recv *r, u32 off, u32 len)
{
	struct page *page = r->page;
	const void *data = page_address(page);
	struct sk_buff *skb;
	u32 head;

	len -= off;
	head = len <= COPY_MAX ? len : sizeof(struct fsk_hdr);
	skb = fsk_spare_get(HEADROOM + head, GFP_ATOMIC);
	if (!skb)
		return NULL;
	skb_reserve(skb, HEADROOM);
	if (head < len && !replace(r)) {
		kfree_skb(skb);
		return NULL;
	}
	skb_put_data(skb, data + off, head);
	/* Whether a socket wants it only the network devices' path may know. */
	__net_timestamp(skb);
	if (head < len)
		skb_add_rx_frag(skb, 0, page, off + head, len - head,
				PAGE_SIZE);
	return skb;
}

/* The buffer of a message that has cost a credit is free again. */
static void owe(struct fsk_rdma_qp *q)
{
	spin_lock_bh(&q->lock);
	q->owed++;
	spin_unlock_bh(&q->lock);
}

/* Return: false if there is no frame behind @off. */
static bool rcv_frame(struct fsk_rdma_recv *r, u32 off, u32 len)
{
	struct fsk_rdma_qp *q = r->qp;
	struct sk_buff *skb;

	if (len < off + sizeof(struct fsk_hdr))
		return false;
	skb = frame_of(r, off, len);
	q->frames++;
	owe(q);
	if (!skb)
		return true;		/* lost in transit */
	rcu_read_lock();
	fsk_channel_rcv(&q->channel, skb);
	rcu_read_unlock();
	return true;
}

static bool rcv_advert(struct fsk_rdma_recv *r, u32 len)
{
	const struct fsk_channel_hdr *hdr = page_address(r->page);
	u32 off = sizeof(*hdr) + sizeof(struct fsk_channel_advert);

	return len >= off &&
	       fsk_rdma_rcv_advert(r->qp, (const void *)(hdr + 1)) &&
	       rcv_frame(r, off, len);
}

static bool rcv_revoke(struct fsk_rdma_recv *r, u32 len)
{
	const struct fsk_channel_hdr *hdr = page_address(r->page);
	const struct fsk_channel_token *body = (const void *)(hdr + 1);

	if (len < sizeof(*hdr) + sizeof(*body))
		return false;
	owe(r->qp);
	fsk_rdma_give_up(r->qp, be32_to_cpu(body->token));
	return true;
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

/* HELLO or HEARD.  Return: false if it is for another channel. */
static bool rcv_hello(struct fsk_rdma_qp *q, const struct fsk_channel_hdr *hdr)
{
	if (be32_to_cpu(hdr->nonce) != q->nonce)
		return false;
	if (hdr->type == FSK_CHANNEL_HELLO)
		WRITE_ONCE(q->asked, true);
	WRITE_ONCE(q->heard, true);
	fsk_rdma_kick();
	return true;
}

/*
 * @voids: it has invalidated a key.  Return: false if the other end does not do
 * what was agreed.
 */
static bool rcv_message(struct fsk_rdma_recv *r, u32 len, bool voids)
{
	const struct fsk_channel_hdr *hdr = page_address(r->page);
	struct fsk_rdma_qp *q = r->qp;
	unsigned int credits;
	bool good = true;

	if (len < sizeof(*hdr))
		return false;
	credits = be16_to_cpu(hdr->credits);
	switch (hdr->type) {
	case FSK_CHANNEL_FRAME:
		good = rcv_frame(r, sizeof(*hdr), len);
		break;
	case FSK_CHANNEL_HELLO:
	case FSK_CHANNEL_HEARD:
		good = rcv_hello(q, hdr);
		break;
	case FSK_CHANNEL_CREDIT:
		break;
	case FSK_CHANNEL_ADVERT:
		good = rcv_advert(r, len);
		break;
	case FSK_CHANNEL_REVOKE:
		good = rcv_revoke(r, len);
		break;
	case FSK_CHANNEL_VOID:
		owe(q);
		good = voids;
		break;
	default:
		good = false;
	}
	return good && take_credits(q, credits);
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
	bool voids;

	/* A write with immediate data takes a buffer, too, and fills none. */
	if (wc->status != IB_WC_SUCCESS || wc->opcode != IB_WC_RECV) {
		fsk_rdma_broken(q);
		return;
	}
	ib_dma_sync_single_for_cpu(q->port.ibdev, r->addr, FSK_RDMA_BUFFER,
				   DMA_FROM_DEVICE);
	voids = wc->wc_flags & IB_WC_WITH_INVALIDATE;
	/* Before what it says wakes who waits for that. */
	if ((voids && !fsk_rdma_invalidated(q, wc->ex.invalidate_rkey)) ||
	    !rcv_message(r, wc->byte_len, voids)) {
		fsk_rdma_broken(q);
		return;
	}
	ib_dma_sync_single_for_device(q->port.ibdev, r->addr, FSK_RDMA_BUFFER,
				      DMA_FROM_DEVICE);
	if (fsk_rdma_post_recv(r))
		fsk_rdma_broken(q);
}
