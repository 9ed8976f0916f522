// SPDX-License-Identifier: GPL-2.0
/* The packets that TCP would exchange first, for those who judge packets. */

#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <linux/skbuff.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/netns/hash.h>
#include <net/tcp.h>

#include "base/spare.h"
#include "base/tuple.h"
#include "inet/ip.h"
#include "inet/packet.h"

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
	struct tcphdr tcp;
	struct fsk_options options;
};

static_assert(sizeof(struct fsk_segment) == 40);

/* @headers: bytes of those of IP and TCP. */
static void put_options(struct fsk_options *opt, const struct net_device *dev,
			unsigned int headers)
{
	*opt = (struct fsk_options) {
		.mss = { TCPOPT_MSS, TCPOLEN_MSS },
		.mss_value = htons(dev->mtu - headers),
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

/**
 * fsk_packet_checksum - what stands in a TCP header
 * @t: addresses
 * @th: header, in which the field is 0
 * @len: bytes of it and what follows
 *
 * Context: any.
 * Return: the sum.
 */
__sum16 fsk_packet_checksum(const struct fsk_tuple *t, const struct tcphdr *th,
			    int len)
{
	__wsum sum = csum_partial(th, len, 0);

	if (fsk_ip_of(t)->pf == NFPROTO_IPV6)
		return csum_ipv6_magic(&t->saddr, &t->daddr, len, IPPROTO_TCP,
				       sum);
	return tcp_v4_check(len, fsk_addr_v4(&t->saddr),
			    fsk_addr_v4(&t->daddr), sum);
}

static void put_tcp(struct fsk_segment *seg, const struct fsk_ip *ip,
		    const struct fsk_tuple *t, const struct net_device *dev,
		    bool reply)
{
	const int len = sizeof(*seg);
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
	put_options(&seg->options, dev, ip->header_len + sizeof(*th));
	th->check = fsk_packet_checksum(t, th, len);
}

static void put_ipv4(struct iphdr *iph, const struct fsk_tuple *t, u8 tos,
		     u8 ttl)
{
	memset(iph, 0, sizeof(*iph));
	iph->version = 4;
	iph->ihl = sizeof(*iph) / 4;
	iph->tos = tos;
	iph->tot_len = htons(sizeof(*iph) + sizeof(struct fsk_segment));
	iph->frag_off = htons(IP_DF);
	iph->ttl = ttl;
	iph->protocol = IPPROTO_TCP;
	iph->saddr = fsk_addr_v4(&t->saddr);
	iph->daddr = fsk_addr_v4(&t->daddr);
	ip_send_check(iph);
}

static void put_ipv6(struct ipv6hdr *iph, const struct fsk_tuple *t, u8 tos,
		     u8 ttl)
{
	ip6_flow_hdr(iph, tos, 0);
	iph->payload_len = htons(sizeof(struct fsk_segment));
	iph->nexthdr = IPPROTO_TCP;
	iph->hop_limit = ttl;
	iph->saddr = t->saddr;
	iph->daddr = t->daddr;
}

/* What IPv6 notes of each packet. */
static void note_ipv6(struct sk_buff *skb)
{
	memset(IP6CB(skb), 0, sizeof(*IP6CB(skb)));
	IP6CB(skb)->nhoff = offsetof(struct ipv6hdr, nexthdr);
}

static void put_ip(struct sk_buff *skb, const struct fsk_ip *ip,
		   const struct fsk_tuple *t, u8 tos, u8 ttl)
{
	void *header = skb_put(skb, ip->header_len);

	skb->protocol = ip->ethertype;
	if (ip->pf == NFPROTO_IPV6) {
		note_ipv6(skb);
		put_ipv6(header, t, tos, ttl);
	} else {
		put_ipv4(header, t, tos, ttl);
	}
}

/**
 * fsk_packet_build - the SYN or SYN-ACK that TCP would send
 * @dev: device that it would cross
 * @t: addresses of the packet, in its own direction
 * @reply: a SYN-ACK
 * @tos: type of service, or traffic class
 * @ttl: time to live, or hop limit
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
	const struct fsk_ip *ip = fsk_ip_of(t);
	struct sk_buff *skb;

	skb = fsk_spare_get(LL_MAX_HEADER + ip->header_len +
			    sizeof(struct fsk_segment), GFP_ATOMIC);
	if (!skb)
		return NULL;
	skb_reserve(skb, LL_MAX_HEADER);
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, ip->header_len);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	put_ip(skb, ip, t, tos, ttl);
	put_tcp(skb_put(skb, sizeof(struct fsk_segment)), ip, t, dev, reply);
	return skb;
}

/**
 * fsk_packet_tuple - the addresses of a packet
 * @skb: packet of fsk_packet_build(), which others may have changed
 *
 * Context: any.
 * Return: the addresses, in the packet's own direction.
 */
struct fsk_tuple fsk_packet_tuple(const struct sk_buff *skb)
{
	const struct tcphdr *th = tcp_hdr(skb);
	struct fsk_tuple t = { .sport = th->source, .dport = th->dest };

	if (skb->protocol == htons(ETH_P_IPV6)) {
		t.saddr = ipv6_hdr(skb)->saddr;
		t.daddr = ipv6_hdr(skb)->daddr;
	} else {
		t.saddr = fsk_addr_of_v4(ip_hdr(skb)->saddr);
		t.daddr = fsk_addr_of_v4(ip_hdr(skb)->daddr);
	}
	return t;
}

static bool is_tcp(const struct sk_buff *skb)
{
	return skb->protocol == htons(ETH_P_IPV6) ?
	       ipv6_hdr(skb)->nexthdr == IPPROTO_TCP :
	       ip_hdr(skb)->protocol == IPPROTO_TCP;
}

/**
 * fsk_packet_unchanged - has nobody rewritten what fastsock would not rewrite?
 * @skb: packet
 * @t: the addresses that it was built with
 *
 * Context: any.
 * Return: true if so.
 */
bool fsk_packet_unchanged(const struct sk_buff *skb, const struct fsk_tuple *t)
{
	const struct fsk_tuple now = fsk_packet_tuple(skb);

	return ipv6_addr_equal(&now.saddr, &t->saddr) &&
	       ipv6_addr_equal(&now.daddr, &t->daddr) &&
	       now.sport == t->sport && now.dport == t->dport && is_tcp(skb);
}

/**
 * fsk_packet_turn - make the answer out of a SYN
 * @skb: SYN, data at the TCP header
 *
 * Context: any.
 */
void fsk_packet_turn(struct sk_buff *skb)
{
	const struct fsk_tuple was = fsk_packet_tuple(skb);
	const struct fsk_tuple t = fsk_tuple_reversed(&was);
	struct tcphdr *th = tcp_hdr(skb);

	if (skb->protocol == htons(ETH_P_IPV6))
		swap(ipv6_hdr(skb)->saddr, ipv6_hdr(skb)->daddr);
	else
		swap(ip_hdr(skb)->saddr, ip_hdr(skb)->daddr);	/* sum stays */
	swap(th->source, th->dest);
	th->ack = 1;
	th->ack_seq = htonl(TCP_SKB_CB(skb)->end_seq);
	th->check = 0;
	th->check = fsk_packet_checksum(&t, th, skb->len);
	TCP_SKB_CB(skb)->tcp_flags |= TCPHDR_ACK;
}

/**
 * fsk_packet_hand_to_tcp - make a packet what TCP's receive path has
 * @skb: SYN or SYN-ACK, data at the IP header
 *
 * Context: any.
 */
void fsk_packet_hand_to_tcp(struct sk_buff *skb)
{
	__skb_pull(skb, skb_transport_offset(skb));
#if IS_ENABLED(CONFIG_IPV6)
	/* What IPv6 has noted lies where TCP puts its own. */
	if (skb->protocol == htons(ETH_P_IPV6))
		memmove(&TCP_SKB_CB(skb)->header.h6, IP6CB(skb),
			sizeof(struct inet6_skb_parm));
#endif
	TCP_SKB_CB(skb)->seq = ntohl(tcp_hdr(skb)->seq);
	TCP_SKB_CB(skb)->end_seq = TCP_SKB_CB(skb)->seq + 1;
	TCP_SKB_CB(skb)->tcp_flags = TCPHDR_SYN;
}
