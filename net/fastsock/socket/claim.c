// SPDX-License-Identifier: GPL-2.0
/*
 * Which sockets are claimed: all new ones of TCP, or those of AF_FASTSOCK.
 *
 * The one hook is in tcp_prot.init and in tcpv6_prot.init.  It never sleeps, so
 * that after restoring the pointers synchronize_rcu_tasks() proves that no task
 * is inside.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/seccomp.h>
#include <linux/workqueue.h>
#include <net/inet_common.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "base/hold.h"
#include "base/stats.h"
#include "core/delegate.h"
#include "core/family.h"
#include "socket/claim.h"

static int (*hooked_over[FSK_FAMILIES])(struct sock *sk);
static DEFINE_MUTEX(claim_mutex);	/* those below, TCP's init, hold.c */
static unsigned int claim_users;
static unsigned int claim_puts;	/* references that claim_work drops */
static void claim_finish(struct work_struct *work);
static DECLARE_WORK(claim_work, claim_finish);
static unsigned int family;
module_param(family, uint, 0444);
MODULE_PARM_DESC(family, "address family number of AF_FASTSOCK, 19 for example; 0 (default): there is none");

/* Context: process; the caller owns @sk, or nobody else knows it. */
static void claim(struct sock *sk)
{
	WRITE_ONCE(sk->sk_socket->ops, &fsk_family(sk)->claimed);
	fsk_stat_inc(sock_net(sk), FSK_MIB_CLAIMED);
}

static int hook(struct sock *sk)
{
	enum fsk_family_id id = fsk_family_id(sk);
	struct socket *sock;
	int err;

	err = hooked_over[id](sk);
	if (err || READ_ONCE(fsk_net(sock_net(sk))->enable) != FSK_ENABLE_ALL)
		return err;
	sock = sk->sk_socket;
	if (!sk->sk_kern_sock && sock && sock->ops == fsk_families[id].tcp_ops)
		claim(sk);
	return 0;
}

/*
 * A filter of system calls has seen the number of another family than the one
 * that the program gets, and cannot be asked again.
 */
static bool filtered(void)
{
#ifdef CONFIG_SECCOMP_FILTER
	return seccomp_mode(&current->seccomp) == SECCOMP_MODE_FILTER;
#else
	return false;
#endif
}

/*
 * AF_FASTSOCK: a socket of AF_INET, claimed whatever the sysctl says about
 * other programs' sockets.  inet_create() is not exported, so its result is
 * taken out of a socket of its own.  The security module so is asked about
 * AF_INET, too; but afterwards the kernel tells it that the socket is of this
 * family, which is why an administrator has to ask for that.
 */
static int family_create(struct net *net, struct socket *sock, int protocol,
			 int kern)
{
	struct socket *tcp;
	struct sock *sk;
	int err;

	if (sock->type != SOCK_STREAM)
		return -ESOCKTNOSUPPORT;
	if (!kern && filtered())
		return -EAFNOSUPPORT;
	err = __sock_create(net, PF_INET, SOCK_STREAM, protocol, &tcp, kern);
	if (err)
		return err;
	sk = tcp->sk;
	if (tcp->ops != &inet_stream_ops && !fsk_undecided(tcp)) {
		sock_release(tcp);	/* MPTCP, perhaps */
		return -EPROTONOSUPPORT;
	}
	sock->ops = tcp->ops;
	if (test_bit(SOCK_SUPPORT_ZC, &tcp->flags))
		set_bit(SOCK_SUPPORT_ZC, &sock->flags);
	lock_sock(sk);
	tcp->sk = NULL;
	sock_graft(sk, sock);
	if (!kern && sock->ops == &inet_stream_ops)
		claim(sk);
	release_sock(sk);
	sock_release(tcp);
	return 0;
}

/* claim_mutex is held. */
static void install(void)
{
	struct fsk_family *fam;
	int id;

	for (id = 0; id < FSK_FAMILIES; id++)
		if (fsk_families[id].tcp_prot)
			hooked_over[id] = fsk_families[id].tcp_prot->init;
	smp_wmb();	/* hook() finds hooked_over set */
	for (fam = fsk_families; fam < fsk_families + FSK_FAMILIES; fam++)
		if (fam->tcp_prot)
			WRITE_ONCE(fam->tcp_prot->init, hook);
}

/* claim_mutex is held.  Return: false if another module hooked over ours. */
static bool restore(void)
{
	struct fsk_family *fam;
	int id;

	for (fam = fsk_families; fam < fsk_families + FSK_FAMILIES; fam++)
		if (fam->tcp_prot && READ_ONCE(fam->tcp_prot->init) != hook)
			return false;
	for (id = 0; id < FSK_FAMILIES; id++)
		if (fsk_families[id].tcp_prot)
			WRITE_ONCE(fsk_families[id].tcp_prot->init,
				   hooked_over[id]);
	return true;
}

static struct net_proto_family family_ops = {
	.create	= family_create,
	.owner	= THIS_MODULE,
};

/**
 * fsk_claim_enable - a namespace wants its sockets claimed
 *
 * The first one installs the hook.  Each holds the module: were it unused while
 * the hook stands, sockets created during unload would fail to take it.
 *
 * Context: process, may sleep.
 * Return: 0, or -ENODEV if the module is being unloaded.
 */
int fsk_claim_enable(void)
{
	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	mutex_lock(&claim_mutex);
	if (!claim_users++) {
		fsk_hold_split();
		install();
	}
	mutex_unlock(&claim_mutex);
	return 0;
}

/* The hook was removed: wait until no task is inside, then let go. */
static void claim_finish(struct work_struct *work)
{
	unsigned int n;

	mutex_lock(&claim_mutex);
	n = claim_puts;
	claim_puts = 0;
	if (!claim_users)
		fsk_hold_join();
	mutex_unlock(&claim_mutex);
	/* A socket that hook() claims has its module reference by then. */
	synchronize_rcu_tasks();
	synchronize_rcu();	/* fsk_hold() */
	mutex_lock(&claim_mutex);
	/* Enabled again, and perhaps disabled: then this is queued again. */
	if (!claim_users && !claim_puts)
		fsk_hold_fold();
	mutex_unlock(&claim_mutex);
	while (n--)
		module_put(THIS_MODULE);
}

/*
 * The last user restores the pointers.  If another module hooked over ours
 * meanwhile, the hook and the module have to stay.
 */
static void claim_restore(void)
{
	lockdep_assert_held(&claim_mutex);
	if (!restore()) {
		pr_warn("another module hooked TCP's init after us: fastsock stays loaded\n");
		claim_users = 1;
		return;
	}
	claim_puts++;
	queue_work(system_long_wq, &claim_work);
}

/**
 * fsk_claim_disable - undo fsk_claim_enable()
 *
 * The caller has stopped claiming in its namespace (enable=0).  It does not
 * wait for tasks that are inside the hook: they need the module only, which the
 * last reference keeps until fsk_claim_settle() would return.
 *
 * Context: process, may sleep.
 */
void fsk_claim_disable(void)
{
	bool last;

	mutex_lock(&claim_mutex);
	last = !--claim_users;
	if (last)
		claim_restore();
	mutex_unlock(&claim_mutex);
	if (!last)
		module_put(THIS_MODULE);
}

/**
 * fsk_claim_settle - wait until a hook that was removed has let the module go
 *
 * Context: process, may sleep for RCU tasks grace periods.
 */
void fsk_claim_settle(void)
{
	flush_work(&claim_work);
}

/**
 * fsk_claim_init - proto_ops, and the explicit family if it is wanted
 *
 * Context: process, module load.
 * Return: 0 or a negative errno.
 */
int fsk_claim_init(void)
{
	int err;

	if (!family)
		return 0;
	family_ops.family = family;
	err = sock_register(&family_ops);
	if (err)
		pr_err("address family %u cannot be had; choose another with family=\n",
		       family);
	return err;
}

/**
 * fsk_claim_exit - undo fsk_claim_init(); nothing is claimed any more
 *
 * Context: process, module unload.
 */
void fsk_claim_exit(void)
{
	if (family)
		sock_unregister(family);
	fsk_claim_settle();	/* claim_finish() returns after its put */
	/* Who just let go of the module may still be returning. */
	synchronize_rcu_tasks();
	synchronize_rcu();	/* softirqs */
}
