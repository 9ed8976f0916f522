// SPDX-License-Identifier: GPL-2.0
/*
 * Super-frames: an skb that is as long as many frames is cut here, as late as
 * possible, for a device that does not take it whole; and frames that come in
 * one after the other are merged to one, as early as possible (GRO).
 *
 * Frames are merged only if they belong to the same connection: address, id and
 * key are the same, and the numbers follow each other.  Whoever does not know
 * the key so spoils nobody's frames but his own.  What is within a tunnel, or
 * behind a tag that the device has left, is merged when that is off.
 */

#include <linux/delay.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/gro.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/compat.h"
#include "base/stats.h"
#include "lan/eth.h"
#include "lan/offload.h"
#include "lan/seal.h"

/* The headers of frames that were one: @first is what that one said. */
static void fill_headers(struct sk_buff *segs, const struct fsk_hdr *first,
			 u32 key)
{
	u32 seq = be32_to_cpu(first->seq);
	struct fsk_hdr *hdr;
	struct sk_buff *skb;
	u32 len;

	for (skb = segs; skb; skb = skb->next) {
		hdr = (void *)skb_network_header(skb);
		len = skb->len - skb_network_offset(skb) - sizeof(*hdr);
		hdr->seq = cpu_to_be32(seq);
		hdr->len = cpu_to_be16(len);
		/* End of stream, the wish for an ack, the urgent byte. */
		hdr->flags = first->flags;
		if (skb->next)
			hdr->flags &= FSK_F_PATIENCE;
		fsk_seal(hdr, key);
		seq += len;
	}
}

/*
 * struct packet_offload.callbacks.gso_segment: @skb's data is at struct
 * fsk_hdr, and its link header before.
 */
static struct sk_buff *gso_segment(struct sk_buff *skb,
				   netdev_features_t features)
{
	unsigned int type = skb_shinfo(skb)->gso_type;
	struct sk_buff *segs;
	struct fsk_hdr first;
	u32 key;

	/* Whatever else a guest or a packet socket calls ours, it is not. */
	if ((type & (FSK_GSO_TYPE | SKB_GSO_DODGY)) != FSK_GSO_TYPE ||
	    !pskb_may_pull(skb, sizeof(first)))
		return ERR_PTR(-EINVAL);
	/* It may have been that of a tag. */
	skb_reset_network_header(skb);
	/* A tunnel that has let it out may have forgotten that. */
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	first = *(const struct fsk_hdr *)skb->data;
	if (first.type != FSK_T_DATA ||
	    be16_to_cpu(first.len) != skb->len - sizeof(first))
		return ERR_PTR(-EINVAL);
	key = fsk_unseal(&first);
	__skb_pull(skb, sizeof(first));
	/*
	 * There is no checksum, so no device has to be able to make one, but
	 * for that of a tunnel; and no device makes pieces of larger ones.
	 */
	features &= ~NETIF_F_GSO_PARTIAL;
	if (skb->encap_hdr_csum)
		features &= ~NETIF_F_CSUM_MASK;
	else
		features |= NETIF_F_HW_CSUM;
	segs = skb_segment(skb, features);
	if (!IS_ERR_OR_NULL(segs))
		fill_headers(segs, &first, key);
	return segs;
}

/**
 * fsk_offload_cut - cut a super-frame that does not go by a device
 * @skb: super-frame, data at struct fsk_hdr; consumed unless NULL is returned
 * @size: stream bytes of each frame, but for the last one
 *
 * Context: any but hard interrupt.
 * Return: the frames, data at struct fsk_hdr, or NULL: @skb is none, or there
 * is no memory.
 */
struct sk_buff *fsk_offload_cut(struct sk_buff *skb, u32 size)
{
	struct sk_buff *segs;
	u16 before;

	/* What is written here it may share with the segment it is made of. */
	if (!skb_is_gso(skb) || skb_unclone(skb, GFP_ATOMIC))
		return NULL;
	before = skb_shinfo(skb)->gso_size;
	skb_shinfo(skb)->gso_size = size;
	/* As a device would see it, with a link header of no bytes. */
	skb->protocol = fsk_ethertype;
	skb_reset_network_header(skb);
	skb_reset_mac_header(skb);
	segs = skb_gso_segment(skb, NETIF_F_SG);
	if (IS_ERR_OR_NULL(segs)) {
		/* It goes by the device, whose frames are shorter. */
		skb_shinfo(skb)->gso_size = before;
		return NULL;
	}
	consume_skb(skb);
	return segs;
}

/* Shorter frames are rarely followed by others at once. */
#define GRO_LEAST	512	/* bytes of body */

/* Merging is over: fsk_offload_exit() waits for what is merged already. */
static bool gro_stopped __read_mostly;
/* Frames to which others were merged, and which have not gone on since. */
static DEFINE_PER_CPU(long, gro_merged);

/* The header of a frame in GRO that is, or is about to be, held. */
static struct fsk_hdr *gro_header(struct sk_buff *skb)
{
	unsigned int off = skb_gro_offset(skb);

	return skb_gro_header(skb, off + sizeof(struct fsk_hdr), off);
}

/*
 * A card that does not know the protocol gives all frames the same hash, or
 * none.  That of the connection spreads them over processors (RPS).  It may
 * stand in an skb that is held, too: so what GRO itself thinks of as one flow,
 * by its hash, is not asked.
 */
static void gro_hash(struct sk_buff *skb, const struct fsk_hdr *hdr)
{
	if (!skb->l4_hash && hdr->id)
		skb_set_hash(skb, be32_to_cpu(hdr->id), PKT_HASH_TYPE_L4);
}

/* Did two packets come the same way from the same sender? */
static bool gro_same_way(const struct sk_buff *p, const struct sk_buff *skb)
{
	return p->protocol == skb->protocol && p->dev == skb->dev &&
	       skb_vlan_tag_present(p) == skb_vlan_tag_present(skb) &&
	       p->vlan_tci == skb->vlan_tci &&
	       p->vlan_proto == skb->vlan_proto &&
	       p->dev->hard_header_len == ETH_HLEN &&
	       !compare_ether_header(skb_mac_header(p), skb_mac_header(skb));
}

/* Finds what is held of the same connection. */
static struct sk_buff *gro_find(struct list_head *head,
				const struct sk_buff *skb,
				const struct fsk_hdr *hdr, unsigned int off)
{
	const struct fsk_hdr *held;
	struct sk_buff *p;

	list_for_each_entry(p, head, list) {
		if (!gro_same_way(p, skb))
			continue;
		held = (const void *)(p->data + off);
		if (held->id == hdr->id)
			return p;
	}
	return NULL;
}

/* Can a frame begin, or be part of, a longer one? */
static bool gro_mergeable(struct sk_buff *skb, const struct fsk_hdr *hdr)
{
	u32 len = be16_to_cpu(hdr->len);

	return hdr->type == FSK_T_DATA && len &&
	       !(hdr->flags & ~FSK_F_DATA) &&
	       skb_gro_len(skb) == sizeof(*hdr) + len && !skb_cloned(skb) &&
	       !skb_has_frag_list(skb) && !skb_zcopy(skb) &&
	       !skb->destructor && !skb->slow_gro && fsk_frags_readable(skb) &&
	       !READ_ONCE(gro_stopped);
}

/* Do the bytes of @skb, after its header, follow those of @p? */
static bool gro_follows(struct sk_buff *p, const struct fsk_hdr *held,
			const struct sk_buff *skb, const struct fsk_hdr *hdr)
{
	u32 had = skb_gro_len(p), more = be16_to_cpu(hdr->len);

	return be32_to_cpu(held->seq) + had == be32_to_cpu(hdr->seq) &&
	       more <= skb_shinfo(p)->gso_size &&
	       p->len + more < GSO_LEGACY_MAX_SIZE && !skb_cloned(p) &&
	       p->pp_recycle == skb->pp_recycle && !p->slow_gro &&
	       !((held->flags ^ hdr->flags) & FSK_F_PATIENCE) &&
	       !skb_metadata_differs(p, skb) &&
	       fsk_unseal(held) == fsk_unseal(hdr);
}

/*
 * The pages of @skb, which has no linear bytes of the stream, become those of
 * @p.  Return: false if it has no room for them.
 */
static bool gro_move_pages(struct sk_buff *p, struct sk_buff *skb, u32 len)
{
	struct skb_shared_info *to, *from = skb_shinfo(skb);
	int heads = skb_gro_offset(skb) - skb_headlen(skb);
	struct sk_buff *last = NAPI_GRO_CB(p)->last;
	skb_frag_t *frag;
	u32 moved;

	to = skb_shinfo(last);
	if (heads < 0 || to->nr_frags + from->nr_frags > MAX_SKB_FRAGS)
		return false;
	frag = &to->frags[to->nr_frags];
	memcpy(frag, from->frags, from->nr_frags * sizeof(*frag));
	skb_frag_off_add(frag, heads);
	skb_frag_size_sub(frag, heads);
	to->nr_frags += from->nr_frags;
	to->flags |= from->flags & SKBFL_SHARED_FRAG;
	from->nr_frags = 0;
	moved = skb->truesize - SKB_TRUESIZE(skb_end_offset(skb));
	skb->truesize -= moved;
	skb->len -= skb->data_len;
	skb->data_len = 0;
	NAPI_GRO_CB(skb)->free = NAPI_GRO_FREE;
	p->truesize += moved;
	if (last != p) {
		last->len += len;
		last->data_len += len;
		last->truesize += moved;
	}
	return true;
}

/*
 * @skb, from its bytes on, becomes part of @p's list.  Return: false if its
 * headers are in its pages: then it begins a new one, which pulls them.
 */
static bool gro_chain(struct sk_buff *p, struct sk_buff *skb)
{
	if (skb_headlen(skb) < skb_gro_offset(skb))
		return false;
	__skb_pull(skb, skb_gro_offset(skb));
	if (NAPI_GRO_CB(p)->last == p)
		skb_shinfo(p)->frag_list = skb;
	else
		NAPI_GRO_CB(p)->last->next = skb;
	NAPI_GRO_CB(p)->last = skb;
	__skb_header_release(skb);
	p->truesize += skb->truesize;
	return true;
}

/* Return: false if they are better left apart. */
static bool gro_merge(struct sk_buff *p, struct fsk_hdr *held,
		      struct sk_buff *skb, const struct fsk_hdr *hdr)
{
	struct fsk_hdr newest = *hdr;
	u32 len = be16_to_cpu(hdr->len);
	u32 key = fsk_unseal(held);

	if (!gro_move_pages(p, skb, len) && !gro_chain(p, skb))
		return false;
	held->ack = newest.ack;
	held->win = newest.win;
	held->flags = newest.flags;
	fsk_seal(held, key);
	if (NAPI_GRO_CB(p)->count++ == 1)
		this_cpu_inc(gro_merged);
	p->len += len;
	p->data_len += len;
	NAPI_GRO_CB(skb)->same_flow = 1;
	return true;
}

/*
 * struct packet_offload.callbacks.gro_receive: a frame came in, perhaps after
 * others, at @head, that are held until the device has no more.  It is merged
 * to one of them, held itself, or goes on at once.
 *
 * Return: what was held and has to go on now: it is complete, or may not be
 * overtaken.
 */
static struct sk_buff *gro_receive(struct list_head *head, struct sk_buff *skb)
{
	struct fsk_hdr *hdr = gro_header(skb), *held;
	unsigned int off = skb_gro_offset(skb);
	struct sk_buff *p;
	bool last;

	if (unlikely(!hdr || skb->protocol != fsk_ethertype))
		goto on;
	p = gro_find(head, skb, hdr, off);
	gro_hash(skb, hdr);
	if (!gro_mergeable(skb, hdr)) {
		NAPI_GRO_CB(skb)->flush = 1;
		return p;
	}
	skb_gro_pull(skb, sizeof(*hdr));
	last = hdr->flags & ~FSK_F_PATIENCE ||
	       be16_to_cpu(hdr->len) < GRO_LEAST;
	if (!p) {
		NAPI_GRO_CB(skb)->flush |= last;
		return NULL;
	}
	held = (void *)(p->data + off);
	last |= be16_to_cpu(hdr->len) < skb_shinfo(p)->gso_size;
	if (!NAPI_GRO_CB(skb)->flush && gro_follows(p, held, skb, hdr) &&
	    gro_merge(p, held, skb, hdr))
		return last ? p : NULL;
	NAPI_GRO_CB(skb)->flush |= last;
	return p;
on:
	NAPI_GRO_CB(skb)->flush = 1;
	return NULL;
}

/*
 * struct packet_offload.callbacks.gro_complete: what was merged goes on.  It is
 * as if it had been sent whole; a bridge may have to cut it again.
 */
static int gro_complete(struct sk_buff *skb, int nhoff)
{
	struct fsk_hdr *hdr = (void *)(skb->data + nhoff);
	u32 key = fsk_unseal(hdr);

	this_cpu_dec(gro_merged);
	hdr->len = cpu_to_be16(skb->len - nhoff - sizeof(*hdr));
	fsk_seal(hdr, key);
	skb_shinfo(skb)->gso_type = FSK_GSO_TYPE;
	skb_shinfo(skb)->gso_segs = NAPI_GRO_CB(skb)->count;
	skb_set_transport_header(skb, nhoff + FSK_TRANSPORT_OFFSET);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	return 0;
}

static struct packet_offload packet_offload __read_mostly = {
	.callbacks = {
		.gso_segment = gso_segment,
		.gro_receive = gro_receive,
		.gro_complete = gro_complete,
	},
};

/**
 * fsk_offload_init - super-frames may be sent from now on
 *
 * Context: process, may sleep; @fsk_ethertype is set.
 */
void fsk_offload_init(void)
{
	packet_offload.type = fsk_ethertype;
	dev_add_offload(&packet_offload);
}

static long merged_now(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu(gro_merged, cpu);
	return sum;
}

/**
 * fsk_offload_exit - no super-frame is sent any more
 *
 * What is still queued at a device that does not take it whole is dropped.  The
 * kernel warns when merged frames find nobody to complete them: a device keeps
 * such for as long as its gro_flush_timeout says.  If it goes away meanwhile
 * they are never completed, so there is an end to the wait.
 *
 * Context: process, may sleep.
 */
void fsk_offload_exit(void)
{
	unsigned long end = jiffies + HZ;

	WRITE_ONCE(gro_stopped, true);
	synchronize_net();
	while (merged_now() && time_before(jiffies, end))
		msleep(20);
	dev_remove_offload(&packet_offload);
}
