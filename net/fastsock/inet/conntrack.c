// SPDX-License-Identifier: GPL-2.0
/*
 * Telling conntrack which names are taken, where there is NAT.
 *
 * A host that masquerades others' connections chooses source ports for them
 * that conntrack has no entry for.  Conntrack sees the packets of this host's
 * own TCP connections, so their ports are avoided; of fastsock's it sees none.
 * A foreign connection that got the name of one of ours would hang: its
 * segments meet our socket, which drops them.  So a connection between hosts
 * gets an entry, at both ends, if the namespace has NAT hooks.  It counts as
 * established, and nothing but the end of the connection ends it.
 *
 * Only functions that conntrack has registered as hooks are called, for a
 * module that used its symbols would have it loaded on every host.  The entry
 * is not referenced either, or conntrack could not be unloaded: at the end it
 * is found again by the same SYN, which conntrack ignores on an established
 * connection.  If an administrator has deleted it, there is nothing to end.
 */

#include <linux/ip.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/skbuff.h>
#if IS_ENABLED(CONFIG_NF_CONNTRACK)
#include <net/netfilter/nf_conntrack.h>
#endif

#include "base/stats.h"
#include "base/tuple.h"
#include "inet/conntrack.h"
#include "inet/ip.h"
#include "inet/netfilter.h"
#include "inet/packet.h"
#include "inet/policy.h"

#if defined(CONFIG_NETFILTER) && IS_ENABLED(CONFIG_NF_CONNTRACK)

/* Jiffies; the longest that conntrack can count, halved for safety. */
#define ENTRY_LIFE	(S32_MAX / 2)

/* The function of the kernel's at this place. */
static const struct nf_hook_entry *
find_hook(const struct net *net, u8 pf, unsigned int hook,
	  bool (*is_it)(const struct nf_hook_ops *ops, u8 pf))
{
	const struct nf_hook_entries *e;
	struct nf_hook_ops **ops;
	unsigned int i;

	e = rcu_dereference(*fsk_nf_hooks(net, pf, hook));
	if (!e)
		return NULL;
	ops = nf_hook_entries_get_hook_ops(e);
	for (i = 0; i < e->num_hook_entries; i++) {
		if (is_it(READ_ONCE(ops[i]), pf))
			return &e->hooks[i];
	}
	return NULL;
}

static bool is_track(const struct nf_hook_ops *ops, u8 pf)
{
	return ops->priority == NF_IP_PRI_CONNTRACK &&
	       ops->hook_ops_type == NF_HOOK_OP_UNDEFINED;
}

static bool is_nat(const struct nf_hook_ops *ops, u8 pf)
{
	return ops->priority == NF_IP_PRI_NAT_SRC &&
	       ops->hook_ops_type == NF_HOOK_OP_UNDEFINED;
}

static bool call(struct net *net, u8 pf, unsigned int hook,
		 bool (*which)(const struct nf_hook_ops *ops, u8 pf),
		 struct sk_buff **skb)
{
	const struct nf_hook_entry *e = find_hook(net, pf, hook, which);
	struct nf_hook_state state;

	if (!e)
		return false;
	/* Conntrack does not ask for the device, but looks at it. */
	nf_hook_state_init(&state, hook, pf, net->loopback_dev,
			   net->loopback_dev, NULL, net, NULL);
	return fsk_nf_call(e, &state, skb) == FSK_ACCEPT;
}

/*
 * The connection's SYN, with the entry that conntrack has for it; a new one if
 * there was none.  NULL without memory, or if conntrack is gone.
 */
static struct sk_buff *tracked_syn(const struct sock *sk, u8 side)
{
	bool server = side == FSK_TRACKED_SERVER;
	struct fsk_tuple t = fsk_tuple_of(sk);
	struct net *net = sock_net(sk);
	enum ip_conntrack_info info;
	struct sk_buff *skb;

	if (server)
		t = fsk_tuple_reversed(&t);
	skb = fsk_packet_build(net->loopback_dev, &t, false, 0, IPDEFTTL);
	if (!skb)
		return NULL;
	if (call(net, fsk_ip_of(&t)->pf,
		 server ? NF_INET_PRE_ROUTING : NF_INET_LOCAL_OUT, is_track,
		 &skb) && nf_ct_get(skb, &info) &&
	    CTINFO2DIR(info) == IP_CT_DIR_ORIGINAL)
		return skb;
	kfree_skb(skb);
	return NULL;
}

/* Nobody else knows @ct yet. */
static void establish(struct nf_conn *ct)
{
	struct ip_ct_tcp *tcp = &ct->proto.tcp;

	tcp->state = TCP_CONNTRACK_ESTABLISHED;
	tcp->seen[0].flags |= IP_CT_TCP_FLAG_BE_LIBERAL;
	tcp->seen[1].flags |= IP_CT_TCP_FLAG_BE_LIBERAL;
	set_bit(IPS_SEEN_REPLY_BIT, &ct->status);
	set_bit(IPS_ASSURED_BIT, &ct->status);
	WRITE_ONCE(ct->timeout, ENTRY_LIFE);
}

/**
 * fsk_conntrack_do_open - have conntrack know of a connection, if there is NAT
 * @sk: socket of an established connection
 * @side: which end of it this is
 * @tracked: where to note what conntrack has then, enum fsk_tracked
 *
 * Without an entry, for want of memory or because there is one already, the
 * connection is as good, but its name may be chosen for another.
 *
 * Context: socket lock held in either form, RCU read section.
 */
void fsk_conntrack_do_open(struct sock *sk, enum fsk_tracked side, u8 *tracked)
{
	const struct dst_entry *dst = __sk_dst_get(sk);
	bool server = side == FSK_TRACKED_SERVER;
	u8 pf = fsk_ip_of_sock(sk)->pf;
	struct net *net = sock_net(sk);
	enum ip_conntrack_info info;
	struct sk_buff *skb;
	struct nf_conn *ct;

	if (!find_hook(net, pf, NF_INET_POST_ROUTING, is_nat))
		return;
	/* Within a host nothing is masqueraded. */
	if (dst && dst->dev->flags & IFF_LOOPBACK)
		return;
	skb = tracked_syn(sk, side);
	ct = skb ? nf_ct_get(skb, &info) : NULL;
	if (!ct || nf_ct_is_confirmed(ct)) {
		*tracked = FSK_TRACKED_NOT;
	} else {
		*tracked = side;
		establish(ct);
		call(net, pf, server ? NF_INET_LOCAL_IN : NF_INET_POST_ROUTING,
		     fsk_nf_is_ct_confirm, &skb);
	}
	kfree_skb(skb);
}

/**
 * fsk_conntrack_close - the name is free again
 * @sk: socket of a connection with an entry
 * @tracked: for which end, enum fsk_tracked; none afterwards
 *
 * Context: socket lock held in either form.
 */
void fsk_conntrack_close(struct sock *sk, u8 *tracked)
{
	enum ip_conntrack_info info;
	struct sk_buff *skb;
	struct nf_conn *ct;

	rcu_read_lock();
	skb = tracked_syn(sk, *tracked);
	if (skb) {
		ct = nf_ct_get(skb, &info);
		if (nf_ct_is_confirmed(ct))
			WRITE_ONCE(ct->timeout, nfct_time_stamp);
		kfree_skb(skb);
	}
	rcu_read_unlock();
	*tracked = FSK_TRACKED_NOT;
}

#endif /* CONFIG_NETFILTER && CONFIG_NF_CONNTRACK */
