// SPDX-License-Identifier: GPL-2.0
/*
 * What keeps the module: connections, and calls of which the socket may lose
 * its own reference meanwhile.
 *
 * A module has one reference count, which all processors would write with every
 * connection.  So they count apart, each for itself, while a namespace is
 * enabled: nobody needs to know the sum then, for the module stays anyway.
 * When the last one is disabled they count together again, and the last hold
 * lets the module go.  All holds together have one reference on the module.
 *
 * Holds that were taken apart may be dropped together and the other way round.
 * While processors count apart, and until their numbers were added up, the
 * common count is off by FSK_HOLD_BIAS and cannot become 0.
 */

#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "base/hold.h"

#define FSK_HOLD_BIAS	(LONG_MAX / 2)

DEFINE_PER_CPU(long, fsk_holds);
bool fsk_holds_apart __read_mostly;

static atomic_long_t holds;
static bool biased;		/* @holds is; claim_mutex */

/*
 * The module's reference comes first: who finds that @holds is not 0 any more
 * relies on it, whatever has become of the first one's reason to be here.
 */
static void hold_many(long n)
{
	__module_get(THIS_MODULE);
	if (atomic_long_fetch_add(n, &holds))
		module_put(THIS_MODULE);
}

static void drop_many(long n)
{
	if (atomic_long_sub_and_test(n, &holds))
		module_put(THIS_MODULE);
}

/**
 * fsk_hold_shared - fsk_hold() while no namespace is enabled
 *
 * Context: any.
 */
void fsk_hold_shared(void)
{
	hold_many(1);
}

/**
 * fsk_hold_drop_shared - fsk_hold_drop() while no namespace is enabled
 *
 * Context: any.
 */
void fsk_hold_drop_shared(void)
{
	drop_many(1);
}

/**
 * fsk_hold_split - from here on processors count apart
 *
 * Context: process, claim_mutex held; the caller has a reference on the module.
 */
void fsk_hold_split(void)
{
	if (!biased)
		hold_many(FSK_HOLD_BIAS);
	biased = true;
	smp_wmb();	/* the bias, then who relies on it */
	WRITE_ONCE(fsk_holds_apart, true);
}

/**
 * fsk_hold_join - from here on processors count together
 *
 * A grace period of RCU later, and if fsk_hold_split() was not called again
 * meanwhile, fsk_hold_fold() is due.
 *
 * Context: process, claim_mutex held.
 */
void fsk_hold_join(void)
{
	WRITE_ONCE(fsk_holds_apart, false);
}

/* What processors have counted apart. */
static long sum_apart(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(fsk_holds, cpu));
	return sum;
}

/**
 * fsk_hold_fold - add up what processors have counted apart
 *
 * Nobody counts apart any more.  The module may be unused afterwards.
 *
 * Context: process, claim_mutex held.
 */
void fsk_hold_fold(void)
{
	long sum = sum_apart();
	int cpu;

	if (!biased)
		return;
	for_each_possible_cpu(cpu)
		WRITE_ONCE(per_cpu(fsk_holds, cpu), 0);
	biased = false;
	drop_many(FSK_HOLD_BIAS - sum);
}

/* Exact while nobody comes or goes. */
static int get_holds(char *buffer, const struct kernel_param *kp)
{
	long sum = atomic_long_read(&holds) + sum_apart();

	/* No host has so many connections. */
	if (sum > FSK_HOLD_BIAS / 2)
		sum -= FSK_HOLD_BIAS;
	return sysfs_emit(buffer, "%ld\n", sum);
}

/* insmod calls it if somebody tries. */
static int set_holds(const char *val, const struct kernel_param *kp)
{
	return -EPERM;
}

static const struct kernel_param_ops holds_ops = {
	.get = get_holds,
	.set = set_holds,
};

module_param_cb(holds, &holds_ops, NULL, 0444);
MODULE_PARM_DESC(holds, "connections and calls that keep the module, beside sockets and namespaces; read only");
