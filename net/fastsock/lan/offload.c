// SPDX-License-Identifier: GPL-2.0
/*
 * Super-frames on their way: an skb that is as long as many frames is cut here,
 * as late as possible, for a device that does not take it whole.
 */

#include <linux/err.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/gro.h>
#include <uapi/linux/fastsock_wire.h>

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
		hdr->flags = skb->next ? 0 : first->flags;
		fsk_seal(hdr, key);
		seq += len;
	}
}

/*
 * struct packet_offload.callbacks.gso_segment: @skb's data is at struct fsk_hdr,
 * and its link header before.
 */
static struct sk_buff *gso_segment(struct sk_buff *skb,
				   netdev_features_t features)
{
	struct sk_buff *segs;
	struct fsk_hdr first;
	u32 key;

	if (!pskb_may_pull(skb, sizeof(first)))
		return ERR_PTR(-EINVAL);
	first = *(const struct fsk_hdr *)skb->data;
	if (first.type != FSK_T_DATA ||
	    be16_to_cpu(first.len) != skb->len - sizeof(first))
		return ERR_PTR(-EINVAL);
	key = fsk_unseal(&first);
	__skb_pull(skb, sizeof(first));
	/*
	 * There is no checksum, so no device has to be able to make one, and
	 * no device makes pieces of larger ones (GSO_PARTIAL).
	 */
	features = (features | NETIF_F_HW_CSUM) & ~NETIF_F_GSO_PARTIAL;
	segs = skb_segment(skb, features);
	if (!IS_ERR_OR_NULL(segs))
		fill_headers(segs, &first, key);
	return segs;
}

static struct packet_offload packet_offload __read_mostly = {
	.callbacks = {
		.gso_segment = gso_segment,
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

/**
 * fsk_offload_exit - no super-frame is sent any more
 *
 * What is still queued at a device that does not take it whole is dropped.
 *
 * Context: process, may sleep.
 */
void fsk_offload_exit(void)
{
	dev_remove_offload(&packet_offload);
}
