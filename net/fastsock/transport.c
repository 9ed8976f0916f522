// SPDX-License-Identifier: GPL-2.0
/* Which transport serves a device, and small frames outside connections. */

#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <uapi/linux/fastsock_wire.h>

#include "seal.h"
#include "transport.h"

/* In order of preference. */
static const struct fsk_transport_ops *const fsk_transports[] = {
	&fsk_eth_ops,
};

/**
 * fsk_transport_for - find what carries frames over a device
 * @dev: device towards the peer
 *
 * Context: any; the caller keeps @dev alive.
 * Return: the transport, or NULL when none can use @dev now.
 */
const struct fsk_transport_ops *fsk_transport_for(const struct net_device *dev)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fsk_transports); i++)
		if (fsk_transports[i]->usable(dev))
			return fsk_transports[i];
	return NULL;
}

static struct sk_buff *
fsk_transport_alloc(const struct fsk_transport_ops *t,
		    const struct net_device *dev, u32 len)
{
	u32 headroom = t->headroom(dev);
	struct sk_buff *skb;

	skb = alloc_skb(headroom + len + READ_ONCE(dev->needed_tailroom),
			GFP_ATOMIC);
	if (skb)
		skb_reserve(skb, headroom);
	return skb;
}

/**
 * fsk_transport_send - send one frame that belongs to no connection here
 * @dev: device to send on
 * @mac: link-layer destination
 * @type: enum fsk_type
 * @id: the receiver's connection id, 0 if the type has none
 * @key: the receiver's key for @id
 * @body: what follows the header, NULL if @len is 0
 * @len: bytes of @body
 *
 * Sequence number, ack and window are zero.
 *
 * Context: any but hard interrupt; the caller keeps @dev alive.
 * Return: 0 when the device took the frame, -EOPNOTSUPP when no transport can
 * use @dev, -EMSGSIZE when the frame is too long for it, -ENOMEM, or what the
 * transport's xmit returned.
 */
int fsk_transport_send(struct net_device *dev, const u8 *mac, u8 type,
		       __be32 id, __be32 key, const void *body, u16 len)
{
	const struct fsk_transport_ops *t = fsk_transport_for(dev);
	struct fsk_hdr hdr = {
		.type = type,
		.len = cpu_to_be16(len),
		.id = id,
	};
	struct sk_buff *skb;

	if (!t)
		return -EOPNOTSUPP;
	if (sizeof(hdr) + len > t->mtu(dev))
		return -EMSGSIZE;

	skb = fsk_transport_alloc(t, dev, sizeof(hdr) + len);
	if (!skb)
		return -ENOMEM;
	skb_put_data(skb, &hdr, sizeof(hdr));
	if (len)
		skb_put_data(skb, body, len);
	fsk_seal((struct fsk_hdr *)skb->data, be32_to_cpu(key));
	return t->xmit(dev, mac, skb);
}
