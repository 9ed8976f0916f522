// SPDX-License-Identifier: GPL-2.0
/*
 * A bridge judges what it forwards: with rules of the bridge family, and, where
 * br_netfilter is on, with the IP rules of its namespace.  They see TCP's
 * packets and not fastsock's frames, and neither end can ask them, for the ends
 * are in other namespaces or on other machines.  So a hook of ours sits behind
 * the others of each bridge.  It stops at SYN frames, builds the SYN and the
 * SYN-ACK that TCP would exchange, and leads them through the hooks that would
 * meet them on this bridge.  If any does not plainly accept, the SYN frame goes
 * on with a version that says so, and the server answers it with REJECT: only
 * the server's answer is sure to find the way back to the client.
 *
 * br_netfilter's own hooks steal each IP packet and send it on, so these are
 * not called, or find none of the notes without which they do nothing.  What
 * they do is done here: the hooks of IPv4 or IPv6 are asked at the same places,
 * with the bridge as device, the ports as physical devices, and a route of that
 * device, because some targets take it for granted.
 *
 * Where a frame carries a VLAN tag, whether and with which device br_netfilter
 * asks depends on settings that only itself sees.  Such connections use TCP if
 * there are IP rules at all.
 */

#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_bridge.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <net/ip.h>
#include <net/route.h>
#include <net/tcp.h>
#include <uapi/linux/fastsock_wire.h>
#include <uapi/linux/netfilter_bridge.h>

#include "base/call.h"
#include "base/compat.h"
#include "base/pernet.h"
#include "base/stats.h"
#include "base/tuple.h"
#include "frames/bridge.h"
#include "frames/call.h"
#include "inet/ip.h"
#include "inet/netfilter.h"
#include "inet/packet.h"
#include "inet/policy.h"
#include "lan/seal.h"

#ifdef CONFIG_NETFILTER_FAMILY_BRIDGE

/**
 * struct crossing - a SYN frame on its way across a bridge
 * @net: the bridge's namespace
 * @br: the bridge
 * @from: port it came from; NULL if the bridge's own host sends it
 * @to: port it leaves by; NULL if it is for the bridge's own host
 * @mac: its destination and source
 * @t: addresses of the connection, from client to server
 * @tagged: it is in a VLAN
 * @pf: the protocol of TCP's packets
 * @usable: this host has it; else br_netfilter drops what it should ask about
 * @asks_ip: br_netfilter would ask its hooks about them
 */
struct crossing {
	struct net *net;
	struct net_device *br;
	struct net_device *from;
	struct net_device *to;
	struct ethhdr mac;
	struct fsk_tuple t;
	bool tagged;
	u8 pf;
	bool usable;
	bool asks_ip;
};

static bool is_undefined(const struct nf_hook_ops *ops, int priority)
{
	return ops->hook_ops_type == NF_HOOK_OP_UNDEFINED &&
	       ops->priority == priority;
}

/*
 * br_netfilter's at PRE_ROUTING and FORWARD.  6.1 has one more at FORWARD, a
 * step before this one.
 */
static bool is_brnf(const struct nf_hook_ops *ops)
{
	return is_undefined(ops, NF_BR_PRI_BRNF);
}

/*
 * Ours, br_netfilter's at POST_ROUTING, and the last of both conntracks, which
 * would confirm an entry.
 */
static bool is_last(const struct nf_hook_ops *ops)
{
	return is_undefined(ops, NF_BR_PRI_LAST);
}

#if IS_ENABLED(CONFIG_BRIDGE_NETFILTER)
/*
 * Is br_netfilter on for this bridge?  Only itself knows its settings.  A
 * packet whose device is no port is one that it drops without a trace when it
 * is on, and accepts when it is off.  Caller: RCU.
 */
static bool asks_ip(const struct crossing *c)
{
	struct net_device *stray = c->net->loopback_dev;
	const struct nf_hook_entries *e;
	struct nf_hook_state state;
	struct nf_hook_ops **ops;
	unsigned int i, verdict;
	struct sk_buff *skb;

	e = rcu_dereference(c->net->nf.hooks_bridge[NF_BR_PRE_ROUTING]);
	if (!e)
		return false;
	ops = nf_hook_entries_get_hook_ops(e);
	for (i = 0; i < e->num_hook_entries; i++)
		if (is_brnf(READ_ONCE(ops[i])))
			break;
	if (i == e->num_hook_entries)
		return false;
	skb = fsk_packet_build(c->br, &c->t, false, 0, IPDEFTTL);
	/* Who receives the device's packets would be taken for a port. */
	if (!skb || rcu_access_pointer(stray->rx_handler_data)) {
		kfree_skb(skb);
		return true;
	}
	skb->dev = stray;
	nf_hook_state_init(&state, NF_BR_PRE_ROUTING, NFPROTO_BRIDGE,
			   c->from ?: c->to, NULL, NULL, c->net, NULL);
	verdict = nf_hook_entry_hookfn(&e->hooks[i], skb, &state) &
		  NF_VERDICT_MASK;
	if (verdict != NF_STOLEN)
		kfree_skb(skb);
	return verdict != NF_ACCEPT;
}

/* What br_netfilter notes for matches of physical devices. */
static bool note_ports(const struct crossing *c, unsigned int hook,
		       struct net_device *in, struct net_device *out,
		       struct sk_buff *skb)
{
	struct nf_bridge_info *info = skb_ext_add(skb, SKB_EXT_BRIDGE_NF);

	if (!info)
		return false;
	memset(info, 0, sizeof(*info));
	info->in_prerouting = hook == NF_INET_PRE_ROUTING;
	fsk_set_physin(info, in);
	info->physoutdev = out;
	if (skb->protocol == htons(ETH_P_IPV6))
		info->ipv6_daddr = ipv6_hdr(skb)->daddr;
	else
		info->ipv4_daddr = ip_hdr(skb)->daddr;
	return true;
}

/* Without the note br_netfilter's own functions let the packet alone. */
static void forget_ports(struct sk_buff *skb)
{
	skb_ext_del(skb, SKB_EXT_BRIDGE_NF);
}
#else
static bool asks_ip(const struct crossing *c)
{
	return false;
}

static bool note_ports(const struct crossing *c, unsigned int hook,
		       struct net_device *in, struct net_device *out,
		       struct sk_buff *skb)
{
	return false;
}

static void forget_ports(struct sk_buff *skb)
{
}
#endif /* CONFIG_BRIDGE_NETFILTER */

/* As a packet has it behind PRE_ROUTING. */
static bool give_route(const struct crossing *c, bool local,
		       struct sk_buff *skb)
{
	struct rtable *rt;

	if (skb_dst(skb))
		return true;
	rt = rt_dst_alloc(c->br, 0, local ? RTN_LOCAL : RTN_UNICAST, true);
	if (!rt)
		return false;
	skb_dst_set(skb, &rt->dst);
	return true;
}

/* Caller: RCU, BH off.  The hooks of IP as br_netfilter asks them. */
static int ask_ip(const struct crossing *c, unsigned int hook,
		  struct net_device *in, struct net_device *out,
		  struct sk_buff **skb)
{
	bool arrives = hook == NF_INET_PRE_ROUTING || hook == NF_INET_LOCAL_IN;
	struct net_device *dev = (*skb)->dev;
	int why;

	if (!c->asks_ip || !fsk_nf_hooked(c->net, c->pf, hook))
		return FSK_ACCEPT;
	if (c->tagged)
		return FSK_REASON_NETFILTER;
	if (!note_ports(c, hook, in, out, *skb) ||
	    (hook != NF_INET_PRE_ROUTING &&
	     !give_route(c, hook == NF_INET_LOCAL_IN, *skb)))
		return FSK_REASON_NOMEM;
	if (arrives)
		(*skb)->dev = c->br;
	(*skb)->pkt_type = PACKET_HOST;
	why = fsk_nf_run(c->net, c->pf, hook,
			 hook == NF_INET_POST_ROUTING ? NULL : c->br,
			 arrives ? NULL : c->br, NULL, skb);
	if (*skb) {
		forget_ports(*skb);
		(*skb)->dev = dev;
		(*skb)->pkt_type = PACKET_OTHERHOST;
	}
	return why;
}

/* Caller: RCU, BH off.  The bridge's hooks, and br_netfilter's among them. */
static int ask_bridge(const struct crossing *c, unsigned int hook,
		      struct net_device *in, struct net_device *out,
		      struct sk_buff **skb)
{
	const struct nf_hook_entries *e;
	struct nf_hook_state state;
	struct nf_hook_ops **ops;
	unsigned int i;
	int why;

	e = rcu_dereference(c->net->nf.hooks_bridge[hook]);
	if (!e)
		return FSK_ACCEPT;
	ops = nf_hook_entries_get_hook_ops(e);
	nf_hook_state_init(&state, hook, NFPROTO_BRIDGE, in, out, NULL, c->net,
			   NULL);
	for (i = 0; i < e->num_hook_entries; i++) {
		const struct nf_hook_ops *op = READ_ONCE(ops[i]);

		if (is_last(op))
			continue;
		/* The broute table hands frames to the host's own router. */
		if (is_undefined(op, NF_BR_PRI_FIRST))
			return FSK_REASON_NETFILTER;
		if (!is_brnf(op))
			why = fsk_nf_call(&e->hooks[i], &state, skb);
		else if (hook == NF_BR_PRE_ROUTING)
			why = ask_ip(c, NF_INET_PRE_ROUTING, in, NULL, skb);
		else
			why = ask_ip(c, NF_INET_FORWARD, in, out, skb);
		if (why != FSK_ACCEPT)
			return why;
	}
	return FSK_ACCEPT;
}

/* Caller: RCU, BH off. */
static int lead_in(const struct crossing *c, struct net_device *in,
		   struct sk_buff **skb)
{
	int why;

	(*skb)->dev = in;
	(*skb)->skb_iif = in->ifindex;
	why = ask_bridge(c, NF_BR_PRE_ROUTING, in, NULL, skb);
	if (why != FSK_ACCEPT || (c->from && c->to))
		return why;
	(*skb)->dev = c->br;
	why = ask_bridge(c, NF_BR_LOCAL_IN, in, NULL, skb);
	if (why != FSK_ACCEPT)
		return why;
	return ask_ip(c, NF_INET_LOCAL_IN, in, NULL, skb);
}

/* Caller: RCU, BH off. */
static int lead_out(const struct crossing *c, struct net_device *in,
		    struct net_device *out, struct sk_buff **skb)
{
	int why;

	(*skb)->dev = out;
	why = ask_bridge(c, in ? NF_BR_FORWARD : NF_BR_LOCAL_OUT, in, out, skb);
	if (why != FSK_ACCEPT)
		return why;
	why = ask_bridge(c, NF_BR_POST_ROUTING, NULL, out, skb);
	if (why != FSK_ACCEPT || !in)
		return why;
	return ask_ip(c, NF_INET_POST_ROUTING, in, out, skb);
}

static struct sk_buff *make_packet(const struct crossing *c,
				   const struct fsk_tuple *t,
				   const struct ethhdr *mac, bool reply)
{
	struct sk_buff *skb = fsk_packet_build(c->br, t, reply, 0, IPDEFTTL);

	if (!skb)
		return NULL;
	memcpy(skb_push(skb, ETH_HLEN), mac, ETH_HLEN);
	skb_reset_mac_header(skb);
	__skb_pull(skb, ETH_HLEN);
	skb_reset_mac_len(skb);
	skb->pkt_type = PACKET_OTHERHOST;
	return skb;
}

/* Nothing rewrote what fastsock would not rewrite. */
static bool packet_unchanged(const struct sk_buff *skb,
			     const struct fsk_tuple *t,
			     const struct ethhdr *mac)
{
	return fsk_packet_unchanged(skb, t) &&
	       !memcmp(eth_hdr(skb), mac, ETH_HLEN);
}

/* Caller: RCU, BH off. */
static int judge_packet(const struct crossing *c, const struct fsk_tuple *t,
			const struct ethhdr *mac, struct net_device *in,
			struct net_device *out, struct sk_buff **skb)
{
	int why = FSK_ACCEPT;

	if (in)
		why = lead_in(c, in, skb);
	if (why == FSK_ACCEPT && out)
		why = lead_out(c, in, out, skb);
	if (why != FSK_ACCEPT)
		return why;
	return packet_unchanged(*skb, t, mac) && !fsk_nf_has_helper(*skb) ?
	       FSK_ACCEPT : FSK_REASON_NETFILTER;
}

/* Caller: RCU, BH off. */
static int judge_answer(const struct crossing *c, const struct sk_buff *syn)
{
	const struct fsk_tuple t = fsk_tuple_reversed(&c->t);
	struct ethhdr mac = { .h_proto = c->mac.h_proto };
	struct sk_buff *skb;
	int why;

	ether_addr_copy(mac.h_dest, c->mac.h_source);
	ether_addr_copy(mac.h_source, c->mac.h_dest);
	skb = make_packet(c, &t, &mac, true);
	if (!skb)
		return FSK_REASON_NOMEM;
	fsk_nf_track_reply(skb, syn);
	why = judge_packet(c, &t, &mac, c->to, c->from, &skb);
	kfree_skb(skb);
	return why;
}

/* Caller: RCU, BH off. */
static int judge(const struct crossing *c)
{
	struct sk_buff *skb;
	int why;

	if ((c->from && fsk_nf_device_hooked(c->from)) ||
	    (c->to && fsk_nf_device_hooked(c->to)) ||
	    (c->asks_ip && fsk_nf_sends(c->net, c->pf)) ||
	    (c->asks_ip && !c->usable))
		return FSK_REASON_NETFILTER;
	skb = make_packet(c, &c->t, &c->mac, false);
	if (!skb)
		return FSK_REASON_NOMEM;
	why = judge_packet(c, &c->t, &c->mac, c->from, c->to, &skb);
	if (why == FSK_ACCEPT)
		why = judge_answer(c, skb);
	kfree_skb(skb);
	return why;
}

static bool is_syn(u8 type)
{
	return type == FSK_T_SYN || type == FSK_T_SYN6;
}

/*
 * Is this a whole SYN or SYN6 of this version, for addresses that can be
 * judged?
 */
static bool read_syn(struct sk_buff *skb, const struct net_device *br,
		     struct fsk_call *call)
{
	const struct fsk_hdr *hdr;
	u32 len;

	if (!pskb_may_pull(skb, sizeof(*hdr)))
		return false;
	hdr = (const void *)skb->data;
	if (likely(!is_syn(hdr->type)))
		return false;
	len = fsk_call_len(hdr->type);
	if (be16_to_cpu(hdr->len) != len ||
	    !pskb_may_pull(skb, sizeof(*hdr) + len))
		return false;
	hdr = (const void *)skb->data;
	return !fsk_unseal(hdr) &&
	       fsk_call_read(hdr->type, hdr + 1, br, call) &&
	       call->version == FSK_WIRE_VERSION;
}

/* Have the server refuse it.  The frame may be somebody else's, too. */
static unsigned int refuse(struct sk_buff *skb)
{
	struct fsk_hdr *hdr = (void *)skb->data;

	BUILD_BUG_ON(offsetof(struct fsk_syn, version) !=
		     offsetof(struct fsk_syn6, version));
	if (skb_ensure_writable(skb, sizeof(*hdr) + fsk_call_len(hdr->type)))
		return NF_DROP;
	hdr = (void *)skb->data;
	((struct fsk_syn *)(hdr + 1))->version = FSK_WIRE_REFUSED;
	fsk_seal(hdr, 0);
	return NF_ACCEPT;
}

static unsigned int judge_frame(struct sk_buff *skb,
				const struct nf_hook_state *state)
{
	struct crossing c = {
		.net = state->net,
		.from = state->in,
		.to = state->out,
		.tagged = skb_vlan_tag_present(skb),
	};
	const struct fsk_ip *ip;
	struct fsk_call call;
	int why;

	c.br = netdev_master_upper_dev_get_rcu(c.from ?: c.to);
	if (!c.br || !read_syn(skb, c.br, &call))
		return NF_ACCEPT;
	c.t = call.t;
	ip = fsk_ip_of(&c.t);
	c.pf = ip->pf;
	c.usable = fsk_call_usable(&call);
	c.mac = *eth_hdr(skb);
	c.mac.h_proto = ip->ethertype;
	local_bh_disable();
	c.asks_ip = asks_ip(&c);
	why = judge(&c);
	local_bh_enable();
	return why == FSK_ACCEPT ? NF_ACCEPT : refuse(skb);
}

/* Each frame that a bridge forwards, of whatever kind, comes here. */
static unsigned int bridge_hook(void *priv, struct sk_buff *skb,
				const struct nf_hook_state *state)
{
	if (likely(skb->protocol != fsk_ethertype))
		return NF_ACCEPT;
	return judge_frame(skb, state);
}

/* The last: what a rule drops need not be judged. */
static const struct nf_hook_ops bridge_hooks[] = {
	{
		.hook = bridge_hook, .pf = NFPROTO_BRIDGE,
		.hooknum = NF_BR_FORWARD, .priority = NF_BR_PRI_LAST,
	}, {
		.hook = bridge_hook, .pf = NFPROTO_BRIDGE,
		.hooknum = NF_BR_LOCAL_IN, .priority = NF_BR_PRI_LAST,
	}, {
		.hook = bridge_hook, .pf = NFPROTO_BRIDGE,
		.hooknum = NF_BR_LOCAL_OUT, .priority = NF_BR_PRI_LAST,
	},
};

/**
 * fsk_bridge_watch - a namespace has a bridge: judge what crosses it
 * @net: namespace
 *
 * Whether fastsock is enabled there does not matter: the ends are elsewhere.
 *
 * Context: process, RTNL held.
 * Return: 0 or a negative errno.
 */
int fsk_bridge_watch(struct net *net)
{
	struct fsk_net *fn = fsk_net(net);
	int err;

	ASSERT_RTNL();
	if (fn->bridged)
		return 0;
	err = nf_register_net_hooks(net, bridge_hooks,
				    ARRAY_SIZE(bridge_hooks));
	if (!err)
		fn->bridged = true;
	return err;
}

/**
 * fsk_bridge_pre_exit_net - undo fsk_bridge_watch()
 * @net: namespace that goes, or the module does
 *
 * An RCU grace period follows before the module may go.
 *
 * Context: process.
 */
void fsk_bridge_pre_exit_net(struct net *net)
{
	if (fsk_net(net)->bridged)
		nf_unregister_net_hooks(net, bridge_hooks,
					ARRAY_SIZE(bridge_hooks));
}

#endif /* CONFIG_NETFILTER_FAMILY_BRIDGE */
