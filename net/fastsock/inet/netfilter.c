// SPDX-License-Identifier: GPL-2.0
/*
 * Asking netfilter's hooks about a packet that goes nowhere.  Those of IPv6
 * have the numbers and, but for one, the priorities of IPv4's.
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
 *
 * Some hooks send packets on their own account: IPVS passes a SYN on to a real
 * server, SYNPROXY answers it, rules with TEE or "dup" copy it to others.  What
 * is only tried out must not leave, and what such a hook does to TCP's packets
 * cannot be done to frames.  So these are found before any is asked: by where
 * they stand among the hooks, for IPVS and SYNPROXY stand where nothing else of
 * the kernel does; and copies by the rules themselves.  Rules change while
 * packets are tried out, so copying is also switched off meanwhile, by the flag
 * that keeps a copy from being copied.
 */

#include <linux/kallsyms.h>
#include <linux/netfilter.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/skbuff.h>
#include <net/netfilter/ipv4/nf_dup_ipv4.h>
#include <net/netfilter/ipv6/nf_dup_ipv6.h>
#if IS_ENABLED(CONFIG_NF_TABLES)
#include <net/netfilter/nf_tables.h>
#endif
#if IS_ENABLED(CONFIG_NF_CONNTRACK)
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_extend.h>
#endif

#include "base/stats.h"
#include "inet/netfilter.h"

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

/* Where functions of the kernel stand that send nothing. */
static const int quiet_priorities[] = {
	NF_IP_PRI_FIRST,		/* br_netfilter */
	NF_IP_PRI_RAW_BEFORE_DEFRAG,
	NF_IP_PRI_CONNTRACK_DEFRAG,
	NF_IP_PRI_RAW,
	NF_IP_PRI_SELINUX_FIRST,
	NF_IP_PRI_CONNTRACK,
	NF_IP_PRI_MANGLE,
	NF_IP_PRI_NAT_DST,
	NF_IP_PRI_FILTER,
	NF_IP_PRI_SECURITY,
	NF_IP_PRI_NAT_SRC,
	NF_IP_PRI_SELINUX_LAST,
	NF_IP_PRI_CONNTRACK_HELPER,
};

#define IS_SAME(name)	((int)NF_IP_PRI_##name == (int)NF_IP6_PRI_##name)
static_assert(IS_SAME(FIRST) && IS_SAME(RAW_BEFORE_DEFRAG) &&
	      IS_SAME(CONNTRACK_DEFRAG) && IS_SAME(RAW) &&
	      IS_SAME(SELINUX_FIRST) && IS_SAME(CONNTRACK) &&
	      IS_SAME(MANGLE) && IS_SAME(NAT_DST) && IS_SAME(FILTER) &&
	      IS_SAME(SECURITY) && IS_SAME(NAT_SRC) && IS_SAME(SELINUX_LAST) &&
	      IS_SAME(CONNTRACK_HELPER) && IS_SAME(LAST));

/**
 * fsk_nf_is_ct_confirm - is this nf_conntrack's last hook?
 * @ops: a hook
 * @pf: NFPROTO_IPV4 or NFPROTO_IPV6
 *
 * See the top of this file.  Where IPv6 comes in it stands a step before the
 * last, where SYNPROXY stands, too; but that has hooks where packets leave.
 *
 * Context: RCU read section.
 * Return: true if so.
 */
bool fsk_nf_is_ct_confirm(const struct nf_hook_ops *ops, u8 pf)
{
	bool early = pf == NFPROTO_IPV6 && ops->hooknum == NF_INET_LOCAL_IN;

	return ops->priority == NF_IP_PRI_CONNTRACK_CONFIRM - early &&
	       ops->hook_ops_type == NF_HOOK_OP_UNDEFINED;
}

static bool is_quiet(const struct nf_hook_ops *ops, u8 pf)
{
	unsigned int i;

	/* Rules, or a BPF program, which can only accept and drop. */
	if (ops->hook_ops_type != NF_HOOK_OP_UNDEFINED)
		return true;
	for (i = 0; i < ARRAY_SIZE(quiet_priorities); i++)
		if (ops->priority == quiet_priorities[i])
			return true;
	return fsk_nf_is_ct_confirm(ops, pf);
}

/* Calls @match for each hook that packets of an end or a bridge meet. */
static bool any_hook(const struct net *net, u8 pf,
		     bool (*match)(const struct nf_hook_ops *ops, u8 pf))
{
	const struct nf_hook_entries *e;
	struct nf_hook_ops **ops;
	unsigned int hook, i;

	for (hook = 0; hook < NF_INET_NUMHOOKS; hook++) {
		e = rcu_dereference(*fsk_nf_hooks(net, pf, hook));
		if (!e)
			continue;
		ops = nf_hook_entries_get_hook_ops(e);
		for (i = 0; i < e->num_hook_entries; i++)
			if (match(READ_ONCE(ops[i]), pf))
				return true;
	}
	return false;
}

static bool is_loud(const struct nf_hook_ops *ops, u8 pf)
{
	return !is_quiet(ops, pf);
}

/* A table of iptables: its rules are behind @priv. */
static bool is_iptable(const struct nf_hook_ops *ops, u8 pf)
{
	if (ops->hook_ops_type != NF_HOOK_OP_UNDEFINED || !ops->priv)
		return false;
	switch (ops->priority) {
	case NF_IP_PRI_RAW_BEFORE_DEFRAG:
	case NF_IP_PRI_RAW:
	case NF_IP_PRI_MANGLE:
	case NF_IP_PRI_FILTER:
	case NF_IP_PRI_SECURITY:
		return true;
	}
	return false;
}

#if IS_ENABLED(CONFIG_NF_TABLES)
static bool copies(const struct nft_expr *expr)
{
	const char *name = expr->ops->type->name;
	const struct xt_target *target;

	if (!strcmp(name, "dup"))
		return true;
	if (strcmp(name, "target"))
		return false;
	target = expr->ops->data;	/* of iptables */
	return target && !strcmp(target->name, "TEE");
}

static bool rule_copies(const struct nft_rule *rule)
{
	const struct nft_expr *expr, *last;

	nft_rule_for_each_expr(expr, last, rule)
		if (copies(expr))
			return true;
	return false;
}

/* Chains are reached by maps, too, so the whole table is looked at. */
static bool table_copies(const struct nf_hook_ops *ops, u8 pf)
{
	const struct nft_chain *base = ops->priv, *chain;
	const struct nft_rule *rule;

	if (ops->hook_ops_type != NF_HOOK_OP_NF_TABLES)
		return false;
	list_for_each_entry_rcu(chain, &base->table->chains, list)
		list_for_each_entry_rcu(rule, &chain->rules, list)
			if (rule_copies(rule))
				return true;
	return false;
}
#else
static bool table_copies(const struct nf_hook_ops *ops, u8 pf)
{
	return false;
}
#endif /* CONFIG_NF_TABLES */

/* Is there a TEE anywhere on this host? */
static bool tee_used(void)
{
	const struct static_key *key = symbol_get(xt_tee_enabled);
	bool used;

	if (!key)
		return false;
	used = static_key_enabled(key);
	symbol_put(xt_tee_enabled);
	return used;
}

/* Without this function there is no rule that copies packets. */
static bool can_copy(u8 pf)
{
	if (pf == NFPROTO_IPV6) {
		if (!symbol_get(nf_dup_ipv6))
			return false;
		symbol_put(nf_dup_ipv6);
		return true;
	}
	if (!symbol_get(nf_dup_ipv4))
		return false;
	symbol_put(nf_dup_ipv4);
	return true;
}

/* There may be many rules, so this is good for a second. */
#define COPIES_KNOWN	BIT(0)
#define COPIES_FOUND	BIT(1)

static bool rules_copy(struct net *net, u8 pf)
{
	unsigned long *answer = &fsk_net(net)->rules_copy[pf == NFPROTO_IPV6];
	unsigned long now = jiffies / HZ << 2 | COPIES_KNOWN;
	unsigned long seen = READ_ONCE(*answer);

	if ((seen & ~COPIES_FOUND) != now) {
		seen = now;
		if (can_copy(pf) &&
		    (any_hook(net, pf, table_copies) ||
		     (tee_used() && any_hook(net, pf, is_iptable))))
			seen |= COPIES_FOUND;
		WRITE_ONCE(*answer, seen);
	}
	return seen & COPIES_FOUND;
}

/**
 * fsk_nf_sends - may a hook of this namespace send packets itself?
 * @net: namespace
 * @pf: NFPROTO_IPV4 or NFPROTO_IPV6
 *
 * Context: RCU read section.
 * Return: true if packets must not be tried out here.
 */
bool fsk_nf_sends(struct net *net, u8 pf)
{
	return any_hook(net, pf, is_loud) || rules_copy(net, pf);
}

/* A function of a module would have its module's name behind its own. */
static noinline bool is_named(nf_hookfn *hook, const char *name)
{
	char symbol[KSYM_SYMBOL_LEN];

	sprint_symbol_no_offset(symbol, (unsigned long)hook);
	return !strcmp(symbol, name);
}

/*
 * AppArmor's hook is registered on every host that has AppArmor, and has
 * nothing to say of a packet that no rule has given a secmark.  SELinux and
 * Smack have no hook there, so other hooks are rarely asked for their names.
 */
static bool is_apparmor(const struct nf_hook_ops *ops, nf_hookfn *hook)
{
	static nf_hookfn *known;	/* not of a module, so it stays true */

	if (ops->priority != NF_IP_PRI_SELINUX_FIRST ||
	    ops->hook_ops_type != NF_HOOK_OP_UNDEFINED)
		return false;
	if (likely(READ_ONCE(known) == hook))
		return true;
	if (!is_named(hook, "apparmor_ip_postroute"))
		return false;
	WRITE_ONCE(known, hook);
	return true;
}

/**
 * fsk_nf_judges_out - may a hook of this namespace refuse what leaves it?
 * @net: namespace
 * @pf: NFPROTO_IPV4 or NFPROTO_IPV6
 *
 * Context: RCU read section.
 * Return: false if none is asked that would not accept any packet.
 */
bool fsk_nf_judges_out(const struct net *net, u8 pf)
{
	const struct nf_hook_entries *e;
	struct nf_hook_ops **ops;
	unsigned int i;

	if (fsk_nf_hooked(net, pf, NF_INET_LOCAL_OUT))
		return true;
	e = rcu_dereference(*fsk_nf_hooks(net, pf, NF_INET_POST_ROUTING));
	if (!e)
		return false;
	ops = nf_hook_entries_get_hook_ops(e);
	for (i = 0; i < e->num_hook_entries; i++)
		if (!is_apparmor(READ_ONCE(ops[i]), e->hooks[i].hook))
			return true;
	return false;
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
	bool copy;

	state->okfn = nf_discard;
	local_bh_disable();
	copy = __this_cpu_read(nf_skb_duplicated);
	__this_cpu_write(nf_skb_duplicated, true);
	verdict = nf_hook_entry_hookfn(hook, *skb, state) & NF_VERDICT_MASK;
	__this_cpu_write(nf_skb_duplicated, copy);
	local_bh_enable();
	if (verdict == NF_ACCEPT)
		return FSK_ACCEPT;
	if (verdict == NF_STOLEN)
		*skb = NULL;
	return FSK_REASON_NETFILTER;
}

/**
 * fsk_nf_run - lead a packet past a hook
 * @net: namespace
 * @pf: NFPROTO_IPV4 or NFPROTO_IPV6
 * @hook: NF_INET_*
 * @in: device it came from, or NULL
 * @out: device it leaves by, or NULL
 * @sk: the socket that hooks are told
 * @skb: the packet; NULL afterwards if a hook has stolen it
 *
 * Context: RCU read section.
 * Return: FSK_ACCEPT, or FSK_REASON_NETFILTER if any does not plainly accept.
 */
int fsk_nf_run(struct net *net, u8 pf, unsigned int hook,
	       struct net_device *in, struct net_device *out, struct sock *sk,
	       struct sk_buff **skb)
{
	const struct nf_hook_entries *e;
	struct nf_hook_state state;
	struct nf_hook_ops **ops;
	unsigned int i;

	e = rcu_dereference(*fsk_nf_hooks(net, pf, hook));
	if (!e)
		return FSK_ACCEPT;

	ops = nf_hook_entries_get_hook_ops(e);
	nf_hook_state_init(&state, hook, pf, in, out, sk, net, NULL);
	for (i = 0; i < e->num_hook_entries; i++) {
		if (fsk_nf_is_ct_confirm(READ_ONCE(ops[i]), pf) &&
		    !keep_entry(*skb))
			continue;
		if (fsk_nf_call(&e->hooks[i], &state, skb) != FSK_ACCEPT)
			return FSK_REASON_NETFILTER;
	}
	return FSK_ACCEPT;
}
#endif /* CONFIG_NETFILTER */
