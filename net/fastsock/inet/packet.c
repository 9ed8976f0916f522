// SPDX-License-Identifier: GPL-2.0
/* The packets that TCP would exchange first, for those who judge packets. */

#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <linux/skbuff.h>
#include <net/ip.h>
#include <net/netns/hash.h>
#include <net/tcp.h>

#include "base/spare.h"
#include "base/tuple.h"
#include "inet/packet.h"
#include "inet/policy.h"

#define SYN_WINDOW	64240	/* bytes; Linux's first window on Ethernet */

/* What Linux offers in a SYN: MSS, SACK, timestamps, window scale. */
struct fsk_options {
	u8 mss[2];
	__be16 mss_value;
	u8 sack[2];
	u8 stamp[2];
	__be32 stamp_value;
	__be32 stamp_echo;
	u8 scale[4];
};

struct fsk_segment {
	struct iphdr ip;
	struct tcphdr tcp;
	struct fsk_options options;
};

static_assert(sizeof(struct fsk_segment) == 60);

static void put_options(struct fsk_options *opt, const struct net_device *dev)
{
	*opt = (struct fsk_options) {
		.mss = { TCPOPT_MSS, TCPOLEN_MSS },
		.mss_value = htons(dev->mtu - 40),
		.sack = { TCPOPT_SACK_PERM, TCPOLEN_SACK_PERM },
		.stamp = { TCPOPT_TIMESTAMP, TCPOLEN_TIMESTAMP },
		.stamp_value = htonl(tcp_jiffies32),
		.scale = { TCPOPT_NOP, TCPOPT_WINDOW, TCPOLEN_WINDOW, 7 },
	};
}

/* Where sequence numbers of this processor's packets have got to. */
static DEFINE_PER_CPU(u32, packet_seq);

/*
 * A sequence number that no connection knows of, so that what a REJECT rule
 * answers it with fits neither this nor any other.  Steps of the golden ratio
 * spread evenly and come round after 2^32.  Nobody gains by knowing them, for
 * no connection has one, so they need not cost what random numbers do.
 */
static __be32 some_seq(const struct net_device *dev)
{
	return htonl(this_cpu_add_return(packet_seq, 0x9e3779b9) ^
		     net_hash_mix(dev_net(dev)));
}

static void put_tcp(struct fsk_segment *seg, const struct fsk_tuple *t,
		    const struct net_device *dev, bool reply)
{
	const int len = sizeof(seg->tcp) + sizeof(seg->options);
	struct tcphdr *th = &seg->tcp;

	memset(th, 0, sizeof(*th));
	th->source = t->sport;
	th->dest = t->dport;
	th->seq = some_seq(dev);
	th->doff = len / 4;
	th->syn = 1;
	if (reply) {
		th->ack = 1;
		th->ack_seq = some_seq(dev);
	}
	th->window = htons(SYN_WINDOW);
	put_options(&seg->options, dev);
	th->check = tcp_v4_check(len, t->saddr, t->daddr,
				 csum_partial(th, len, 0));
}

static void put_ip(struct iphdr *iph, const struct fsk_tuple *t, u8 tos, u8 ttl)
{
	memset(iph, 0, sizeof(*iph));
	iph->version = 4;
	iph->ihl = sizeof(*iph) / 4;
	iph->tos = tos;
	iph->tot_len = htons(sizeof(struct fsk_segment));
	iph->frag_off = htons(IP_DF);
	iph->ttl = ttl;
	iph->protocol = IPPROTO_TCP;
	iph->saddr = t->saddr;
	iph->daddr = t->daddr;
	ip_send_check(iph);
}

/**
 * fsk_packet_build - the SYN or SYN-ACK that TCP would send
 * @dev: device that it would cross
 * @t: addresses of the packet, in its own direction
 * @reply: a SYN-ACK
 * @tos: type of service
 * @ttl: time to live
 *
 * The data begins with the IP header; headroom and header offsets are there for
 * whoever looks at packets.
 *
 * Context: any.
 * Return: the packet, to be freed by fsk_spare_put(), or by kfree_skb() where
 * somebody may have taken it; NULL without memory.
 */
struct sk_buff *fsk_packet_build(const struct net_device *dev,
				 const struct fsk_tuple *t, bool reply, u8 tos,
				 u8 ttl)
{
	struct fsk_segment *seg;
	struct sk_buff *skb;

	skb = fsk_spare_get(LL_MAX_HEADER + sizeof(*seg), GFP_ATOMIC);
	if (!skb)
		return NULL;
	skb_reserve(skb, LL_MAX_HEADER);
	seg = skb_put(skb, sizeof(*seg));
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, sizeof(seg->ip));
	skb->protocol = htons(ETH_P_IP);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	put_ip(&seg->ip, t, tos, ttl);
	put_tcp(seg, t, dev, reply);
	return skb;
}
