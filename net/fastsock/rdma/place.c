// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers that the other end of a queue pair may write to, and those of the
 * other end.
 *
 * A buffer is registered, and with that within reach, from the moment on at
 * which it is offered.  It is out of reach again in one of two ways: the other
 * end invalidates the key by its last message about it, which says that the
 * buffer is full (a frame), or that it gives it up (VOID, which REVOKE asks
 * for); or the queue pair is no more.  There is no third one: to invalidate a
 * key here, while the other end may be writing, would end the queue pair of a
 * neighbour that does nothing wrong; and a device made of software can be in
 * the middle of a write that it has allowed before.  What comes in by one queue
 * pair is handled in order, so a message that invalidates comes after all
 * writes.
 *
 * The lock of the queue pair is held, BH disabled, where nothing else is said.
 */

#include <linux/dma-mapping.h>
#include <linux/moduleparam.h>
#include <linux/scatterlist.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <rdma/ib_verbs.h>

#include "base/place.h"
#include "rdma/rdma.h"

/* Registering costs more than to copy less: see Documentation/rdma.rst. */
unsigned int fsk_rdma_place_min = 65536;
module_param_named(place_min, fsk_rdma_place_min, uint, 0644);
MODULE_PARM_DESC(place_min,
		 "bytes that a waiting reader has to want for its buffer to be written to by new channels; 0: never");

static struct fsk_rdma_place *unused_place(struct fsk_rdma_qp *q)
{
	int i;

	for (i = 0; q->places && i < FSK_CHANNEL_ADVERTS; i++)
		if (!q->places[i].place)
			return &q->places[i];
	return NULL;
}

static unsigned int pages_of(const struct fsk_place *place)
{
	return DIV_ROUND_UP(place->offset + place->len, PAGE_SIZE);
}

static void fill_sg(struct fsk_rdma_place *p, const struct fsk_place *place,
		    unsigned int pages)
{
	u32 off = place->offset, left = place->len, n;
	unsigned int i;

	sg_init_table(p->sg, pages);
	for (i = 0; i < pages; i++) {
		n = min_t(u32, left, PAGE_SIZE - off);
		sg_set_page(&p->sg[i], place->pages[i], n, off);
		left -= n;
		off = 0;
	}
}

/*
 * Does the device write to the pages themselves?  What is copied to others
 * first would come over what the processor has written meanwhile.
 */
static bool is_direct(const struct ib_device *ibdev,
		      const struct fsk_rdma_place *p)
{
	int i;

	if (ib_uses_virt_dma((struct ib_device *)ibdev))
		return true;
	for (i = 0; i < p->nents; i++)
		if (dma_need_sync(ibdev->dma_device, sg_dma_address(&p->sg[i])))
			return false;
	return true;
}

static bool map_place(const struct fsk_rdma_qp *q, struct fsk_rdma_place *p,
		      const struct fsk_place *place)
{
	unsigned int pages = pages_of(place);
	struct ib_device *ibdev = q->port.ibdev;

	if (pages > FSK_RDMA_PLACE_PAGES)
		return false;
	fill_sg(p, place, pages);
	p->nents = ib_dma_map_sg(ibdev, p->sg, pages, DMA_FROM_DEVICE);
	if (!p->nents)
		return false;
	if (is_direct(ibdev, p) &&
	    ib_map_mr_sg(p->mr, p->sg, p->nents, NULL, PAGE_SIZE) == p->nents &&
	    p->mr->length == place->len)
		return true;
	ib_dma_unmap_sg(ibdev, p->sg, pages, DMA_FROM_DEVICE);
	return false;
}

static void unmap_place(const struct fsk_rdma_qp *q, struct fsk_rdma_place *p,
			const struct fsk_place *place)
{
	ib_dma_unmap_sg(q->port.ibdev, p->sg, pages_of(place),
			DMA_FROM_DEVICE);
}

/* Whatever follows on the queue pair finds the key valid. */
static bool register_place(struct fsk_rdma_qp *q, struct fsk_rdma_place *p,
			   struct fsk_place *place)
{
	struct ib_mr *mr = p->mr;
	struct ib_reg_wr wr = {
		.wr.opcode	= IB_WR_REG_MR,
		.mr		= mr,
		.access		= IB_ACCESS_LOCAL_WRITE |
				  IB_ACCESS_REMOTE_WRITE,
	};

	if (!map_place(q, p, place))
		return false;
	/* The other end is told no address of this host's. */
	mr->iova = (u64)place->token << 32 | offset_in_page(mr->iova);
	ib_update_fast_reg_key(mr, ib_inc_rkey(mr->rkey));
	wr.key = mr->rkey;
	if (!fsk_rdma_post_other(q, &wr.wr)) {
		unmap_place(q, p, place);
		return false;
	}
	place->channel = &q->channel;
	fsk_place_get(place);
	p->place = place;
	return true;
}

/**
 * fsk_rdma_offer - struct fsk_channel_ops.offer
 * @channel: of a queue pair
 * @place: buffer
 * @frame: ADVERT frame, data at struct fsk_hdr
 *
 * Context: any but hard interrupt, RCU read section.
 * Return: true if it was; then @frame is consumed.
 */
bool fsk_rdma_offer(struct fsk_channel *channel, struct fsk_place *place,
		    struct sk_buff *frame)
{
	struct fsk_rdma_qp *q = fsk_rdma_qp(channel);
	struct fsk_channel_advert advert = {
		.token	= cpu_to_be32(place->token),
		.len	= cpu_to_be32(place->len),
	};
	struct fsk_rdma_place *p;
	bool done = false;

	if (READ_ONCE(q->suspect) ||
	    !fsk_rdma_make_room(frame, sizeof(struct fsk_channel_hdr) +
				       sizeof(advert)))
		return false;
	spin_lock_bh(&q->lock);
	p = unused_place(q);
	if (p && fsk_rdma_may_queue(q) && !READ_ONCE(q->broken) &&
	    q->num_idle > FSK_RDMA_SPARE && register_place(q, p, place)) {
		advert.rkey = cpu_to_be32(p->mr->rkey);
		advert.addr = cpu_to_be64(p->mr->iova);
		fsk_rdma_prepend(frame, FSK_CHANNEL_ADVERT, &advert,
				 sizeof(advert));
		q->frames++;
		fsk_rdma_queue(q, frame);
		done = true;
	}
	spin_unlock_bh(&q->lock);
	return done;
}

static void end_place(struct fsk_rdma_qp *q, struct fsk_rdma_place *p)
{
	struct fsk_place *place = p->place;

	/* What the device has written can be seen from here on. */
	unmap_place(q, p, place);
	p->place = NULL;
	fsk_place_ended(place);
}

/**
 * fsk_rdma_invalidated - the other end has invalidated a key
 * @q: queue pair
 * @rkey: the key
 *
 * Context: softirq.
 * Return: false if there is no such key.
 */
bool fsk_rdma_invalidated(struct fsk_rdma_qp *q, u32 rkey)
{
	struct fsk_rdma_place *p;
	bool found = false;
	int i;

	spin_lock_bh(&q->lock);
	for (i = 0; q->places && !found && i < FSK_CHANNEL_ADVERTS; i++) {
		p = &q->places[i];
		found = p->place && p->mr->rkey == rkey;
		if (found)
			end_place(q, p);
	}
	spin_unlock_bh(&q->lock);
	return found;
}

/**
 * fsk_rdma_withdraw - struct fsk_channel_ops.withdraw
 * @place: buffer that was offered, and has not ended when this section began
 * @late: it was asked for, in vain
 *
 * Context: any but hard interrupt, RCU read section.
 */
void fsk_rdma_withdraw(struct fsk_place *place, bool late)
{
	struct fsk_rdma_qp *q = fsk_rdma_qp(place->channel);
	struct fsk_channel_token token = {
		.token = cpu_to_be32(place->token),
	};
	struct sk_buff *skb;

	if (late) {
		fsk_rdma_broken(q);
		return;
	}
	/* Without memory it will be late. */
	skb = fsk_rdma_short(FSK_CHANNEL_REVOKE, &token, sizeof(token));
	if (!skb)
		return;
	spin_lock_bh(&q->lock);
	if (q->closed)
		kfree_skb(skb);
	else
		fsk_rdma_queue(q, skb);
	spin_unlock_bh(&q->lock);
}

/**
 * fsk_rdma_end - struct fsk_channel_ops.end
 * @channel: of a queue pair whose other end lies
 *
 * Context: any but hard interrupt, RCU read section.
 */
void fsk_rdma_end(struct fsk_channel *channel)
{
	fsk_rdma_broken(fsk_rdma_qp(channel));
}

static struct fsk_rdma_target *find_target(struct fsk_rdma_qp *q, u32 token)
{
	int i;

	for (i = 0; i < FSK_CHANNEL_ADVERTS; i++)
		if (q->targets[i].live && q->targets[i].token == token)
			return &q->targets[i];
	return NULL;
}

static struct fsk_rdma_target *unused_target(struct fsk_rdma_qp *q)
{
	int i;

	for (i = 0; i < FSK_CHANNEL_ADVERTS; i++)
		if (!q->targets[i].live)
			return &q->targets[i];
	return NULL;
}

/**
 * fsk_rdma_rcv_advert - the other end offers a buffer
 * @q: queue pair
 * @advert: what it says of it
 *
 * Context: softirq; takes the lock.
 * Return: false if it offers more than was agreed, or one twice.
 */
bool fsk_rdma_rcv_advert(struct fsk_rdma_qp *q,
			 const struct fsk_channel_advert *advert)
{
	struct fsk_rdma_target *t;
	bool good;

	spin_lock_bh(&q->lock);
	t = unused_target(q);
	good = t && !find_target(q, be32_to_cpu(advert->token));
	if (good)
		*t = (struct fsk_rdma_target) {
			.live	= true,
			.token	= be32_to_cpu(advert->token),
			.rkey	= be32_to_cpu(advert->rkey),
			.len	= be32_to_cpu(advert->len),
			.addr	= be64_to_cpu(advert->addr),
		};
	spin_unlock_bh(&q->lock);
	return good;
}

/**
 * fsk_rdma_give_up - a buffer of the other end will not be written to
 * @q: queue pair
 * @token: of the buffer; unknown if it has been filled meanwhile
 *
 * What waits to be written to it is lost, and so is this without memory: then
 * the other end ends the channel.
 *
 * Context: any but hard interrupt; takes the lock.
 */
void fsk_rdma_give_up(struct fsk_rdma_qp *q, u32 token)
{
	struct fsk_rdma_target *t;
	struct sk_buff *skb;

	spin_lock_bh(&q->lock);
	t = find_target(q, token);
	skb = t && !q->closed ? fsk_rdma_short(FSK_CHANNEL_VOID, NULL, 0) :
				NULL;
	if (skb) {
		FSK_RDMA_MSG(skb)->voids = true;
		FSK_RDMA_MSG(skb)->rkey = t->rkey;
		t->live = false;
		fsk_rdma_queue(q, skb);
	}
	spin_unlock_bh(&q->lock);
}

/**
 * fsk_rdma_decline - struct fsk_channel_ops.decline
 * @channel: of a queue pair
 * @token: of a buffer of the other end
 *
 * Context: any but hard interrupt, RCU read section; takes the lock.
 */
void fsk_rdma_decline(struct fsk_channel *channel, u32 token)
{
	fsk_rdma_give_up(fsk_rdma_qp(channel), token);
}

/**
 * fsk_rdma_may_write - is the buffer of a message still there?
 * @q: queue pair
 * @msg: message with bytes that are to be written, about to be sent
 *
 * Context: BH disabled, the lock held.
 * Return: false if the other end has it no more.
 */
bool fsk_rdma_may_write(struct fsk_rdma_qp *q, const struct fsk_rdma_msg *msg)
{
	struct fsk_rdma_target *t = find_target(q, msg->token);

	if (!t || t->rkey != msg->rkey)
		return false;
	if (msg->voids)
		t->live = false;	/* this is the last of it */
	return true;
}

/* Can the device take the bytes of @data as they are? */
static bool can_write(const struct fsk_rdma_qp *q, const struct sk_buff *data)
{
	return !skb_has_frag_list(data) &&
	       skb_shinfo(data)->nr_frags < q->max_sge;
}

/**
 * fsk_rdma_put - struct fsk_channel_ops.put
 * @channel: of a queue pair
 * @put: what, and where to
 *
 * Context: any but hard interrupt, RCU read section; takes the lock.
 * Return: true if both skbs are consumed.
 */
bool fsk_rdma_put(struct fsk_channel *channel, const struct fsk_put *put)
{
	struct fsk_rdma_qp *q = fsk_rdma_qp(channel);
	u32 len = put->data->len - sizeof(struct fsk_hdr);
	const struct fsk_rdma_target *t;
	bool done;

	if (READ_ONCE(q->suspect) || !can_write(q, put->data) ||
	    !fsk_rdma_make_room(put->frame, sizeof(struct fsk_channel_hdr)))
		return false;
	spin_lock_bh(&q->lock);
	t = find_target(q, put->token);
	done = t && fsk_rdma_may_queue(q) && len <= t->len &&
	       put->off <= t->len - len;
	if (done) {
		fsk_rdma_prepend(put->frame, FSK_CHANNEL_FRAME, NULL, 0);
		*FSK_RDMA_MSG(put->frame) = (struct fsk_rdma_msg) {
			.data	= put->data,
			.addr	= t->addr + put->off,
			.rkey	= t->rkey,
			.token	= t->token,
			.voids	= put->last,
		};
		q->frames++;
		fsk_rdma_queue(q, put->frame);
	}
	spin_unlock_bh(&q->lock);
	return done;
}

static void free_mrs(struct fsk_rdma_qp *q)
{
	int i;

	for (i = 0; i < FSK_CHANNEL_ADVERTS; i++)
		if (!IS_ERR_OR_NULL(q->places[i].mr))
			ib_dereg_mr(q->places[i].mr);
	kvfree(q->places);
	q->places = NULL;
}

/**
 * fsk_rdma_make_places - prepare to offer buffers, if the device can
 * @q: queue pair
 *
 * Context: process, may sleep; @fsk_rdma_mutex held, not the lock.
 */
void fsk_rdma_make_places(struct fsk_rdma_qp *q)
{
	const struct ib_device_attr *attrs = &q->port.ibdev->attrs;
	struct ib_mr *mr;
	int i;

	if (!READ_ONCE(fsk_rdma_place_min) ||
	    !(attrs->device_cap_flags & IB_DEVICE_MEM_MGT_EXTENSIONS) ||
	    attrs->max_fast_reg_page_list_len < FSK_RDMA_PLACE_PAGES)
		return;
	q->places = kvcalloc(FSK_CHANNEL_ADVERTS, sizeof(*q->places),
			     GFP_KERNEL);
	for (i = 0; q->places && i < FSK_CHANNEL_ADVERTS; i++) {
		mr = ib_alloc_mr(q->pd, IB_MR_TYPE_MEM_REG,
				 FSK_RDMA_PLACE_PAGES);
		if (IS_ERR(mr)) {
			free_mrs(q);
			return;
		}
		q->places[i].mr = mr;
	}
}

/**
 * fsk_rdma_end_places - no buffer is within reach any more
 * @q: closed queue pair that the device has no more
 *
 * Context: process; @fsk_rdma_mutex held, not the lock.
 */
void fsk_rdma_end_places(struct fsk_rdma_qp *q)
{
	int i;

	spin_lock_bh(&q->lock);
	for (i = 0; q->places && i < FSK_CHANNEL_ADVERTS; i++)
		if (q->places[i].place)
			end_place(q, &q->places[i]);
	spin_unlock_bh(&q->lock);
}

/**
 * fsk_rdma_free_places - undo fsk_rdma_make_places()
 * @q: queue pair after fsk_rdma_end_places()
 *
 * Context: process, may sleep; @fsk_rdma_mutex held, not the lock.
 */
void fsk_rdma_free_places(struct fsk_rdma_qp *q)
{
	if (q->places)
		free_mrs(q);
}
