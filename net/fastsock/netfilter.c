// SPDX-License-Identifier: GPL-2.0
/*
 * Asking netfilter's IPv4 hooks about a packet that goes nowhere.
 *
 * The hooks are called one by one rather than through nf_hook(), for two
 * reasons.  A verdict of QUEUE must only be seen: the packet must not reach a
 * user-space queue.  And conntrack's last hook must not run: it would put an
 * entry for a connection whose packets conntrack never sees into the table,
 * where it would stay in SYN_SENT for two minutes.  All rules come before that
 * hook and see the entry as they see TCP's: new for the SYN, established and in
 * reply direction for the SYN-ACK.  Freeing the packets frees the entry, and
 * nothing remains.  The exception is an expected (RELATED) connection: its
 * expectation is used up by the SYN, so the entry is kept, for a TCP SYN that
 * may follow would no longer be related.
 */

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/skbuff.h>
#if IS_ENABLED(CONFIG_NF_CONNTRACK)
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_extend.h>
#endif

#include "netfilter.h"

#ifdef CONFIG_NETFILTER
#if IS_ENABLED(CONFIG_NF_CONNTRACK)
/**
 * fsk_nf_has_helper - does a conntrack helper follow this connection?
 * @skb: its SYN, led past the hooks
 *
 * A helper (FTP, SIP ...) reads the stream for the connections it announces;
 * if it cannot, a firewall refuses those.
 *
 * Context: any.
 * Return: true if so.
 */
bool fsk_nf_has_helper(const struct sk_buff *skb)
{
	enum ip_conntrack_info info;
	const struct nf_conn *ct = nf_ct_get(skb, &info);

	return ct && nf_ct_ext_exist(ct, NF_CT_EXT_HELPER);
}

/*
 * The entry of an expected connection is kept.  With no window noted for the
 * client, the TCP tracker takes the sequence numbers of the next SYN as they
 * come.
 */
static bool keep_entry(const struct sk_buff *skb)
{
	enum ip_conntrack_info info;
	struct nf_conn *ct = nf_ct_get(skb, &info);

	if (!ct || !test_bit(IPS_EXPECTED_BIT, &ct->status))
		return false;
	ct->proto.tcp.seen[IP_CT_DIR_ORIGINAL].td_maxwin = 0;
	return true;
}

/**
 * fsk_nf_track_reply - as conntrack would mark the answer, had it seen the SYN
 * @reply: the answer, before the hooks
 * @syn: the SYN, led past them
 *
 * Context: any.
 */
void fsk_nf_track_reply(struct sk_buff *reply, const struct sk_buff *syn)
{
	enum ip_conntrack_info info;
	struct nf_conn *ct = nf_ct_get(syn, &info);

	if (!ct || nf_ct_is_template(ct))
		return;
	if (!nf_ct_is_confirmed(ct))	/* nobody else sees it */
		set_bit(IPS_SEEN_REPLY_BIT, &ct->status);
	nf_conntrack_get(&ct->ct_general);
	nf_ct_set(reply, ct, IP_CT_ESTABLISHED_REPLY);
}
#else
bool fsk_nf_has_helper(const struct sk_buff *skb)
{
	return false;
}

static bool keep_entry(const struct sk_buff *skb)
{
	return false;
}

void fsk_nf_track_reply(struct sk_buff *reply, const struct sk_buff *syn)
{
}
#endif /* CONFIG_NF_CONNTRACK */

/* nf_conntrack's last hook, see the top of this file. */
static bool is_ct_confirm(const struct nf_hook_ops *ops)
{
	return ops->priority == NF_IP_PRI_CONNTRACK_CONFIRM &&
	       ops->hook_ops_type == NF_HOOK_OP_UNDEFINED;
}

/* A hook that stole the packet may want it to go on later: it must not. */
static int nf_discard(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	kfree_skb(skb);
	return 0;
}

/**
 * fsk_nf_call - ask one hook
 * @hook: the hook
 * @state: where and of whom; the function to go on with is replaced
 * @skb: the packet; NULL afterwards if the hook has stolen it
 *
 * Context: RCU read section.
 * Return: FSK_ACCEPT, or FSK_REASON_NETFILTER.
 */
int fsk_nf_call(const struct nf_hook_entry *hook, struct nf_hook_state *state,
		struct sk_buff **skb)
{
	unsigned int verdict;

	state->okfn = nf_discard;
	verdict = nf_hook_entry_hookfn(hook, *skb, state) & NF_VERDICT_MASK;
	if (verdict == NF_ACCEPT)
		return FSK_ACCEPT;
	if (verdict == NF_STOLEN)
		*skb = NULL;
	return FSK_REASON_NETFILTER;
}

/**
 * fsk_nf_run - lead a packet past an IPv4 hook
 * @net: namespace
 * @hook: NF_INET_*
 * @in: device it came from, or NULL
 * @out: device it leaves by, or NULL
 * @sk: the socket that hooks are told
 * @skb: the packet; NULL afterwards if a hook has stolen it
 *
 * Context: RCU read section.
 * Return: FSK_ACCEPT, or FSK_REASON_NETFILTER if any does not plainly accept.
 */
int fsk_nf_run(struct net *net, unsigned int hook, struct net_device *in,
	       struct net_device *out, struct sock *sk, struct sk_buff **skb)
{
	const struct nf_hook_entries *e;
	struct nf_hook_state state;
	struct nf_hook_ops **ops;
	unsigned int i;

	e = rcu_dereference(net->nf.hooks_ipv4[hook]);
	if (!e)
		return FSK_ACCEPT;

	ops = nf_hook_entries_get_hook_ops(e);
	nf_hook_state_init(&state, hook, NFPROTO_IPV4, in, out, sk, net, NULL);
	for (i = 0; i < e->num_hook_entries; i++) {
		if (is_ct_confirm(READ_ONCE(ops[i])) && !keep_entry(*skb))
			continue;
		if (fsk_nf_call(&e->hooks[i], &state, skb) != FSK_ACCEPT)
			return FSK_REASON_NETFILTER;
	}
	return FSK_ACCEPT;
}
#endif /* CONFIG_NETFILTER */
