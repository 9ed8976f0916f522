// SPDX-License-Identifier: GPL-2.0
/*
 * How many orphans, sockets without a descriptor, there may be, and what they
 * may hold.
 *
 * tcp_check_oom() is not exported, nor is what it looks at: TCP's count of
 * orphans, renewed ten times a second, and the sysctl tcp_max_orphans.  The
 * per-CPU counts are; the bound is a sysctl of our own.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/jiffies.h>
#include <net/tcp.h>

#include "compat.h"
#include "conn.h"
#include "orphan.h"

/* Jiffies; as often as TCP counts. */
#define FSK_COUNT_PERIOD	(HZ / 10)

int fsk_max_orphans __read_mostly;

static unsigned long counted_at = INITIAL_JIFFIES;
static int orphans;		/* TCP's, fastsock's among them */

/**
 * fsk_orphan_init - as many orphans as TCP allows by default
 *
 * That is what tcp_init() makes of its table's size, whatever
 * tcp_max_orphans says by now.
 *
 * Context: module load.
 */
void fsk_orphan_init(void)
{
	const struct inet_hashinfo *hash = init_net.ipv4.tcp_death_row.hashinfo;

	fsk_max_orphans = (hash->ehash_mask + 1) / 2;
}

static noinline void count(unsigned long now)
{
	int cpu, sum = 0;

	WRITE_ONCE(counted_at, now);
	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(tcp_orphan_count, cpu));
	WRITE_ONCE(orphans, max(sum, 0));
}

static bool too_many(int shift)
{
	unsigned long now = jiffies;

	if (time_after(now, READ_ONCE(counted_at) + FSK_COUNT_PERIOD))
		count(now);
	return READ_ONCE(orphans) << shift > READ_ONCE(fsk_max_orphans);
}

static bool out_of_memory(const struct sock *sk)
{
	return sk->sk_wmem_queued > SOCK_MIN_SNDBUF &&
	       sk_memory_allocated(sk) > sk_prot_mem_limits(sk, 2);
}

/**
 * fsk_orphan_check - must this orphan go?
 * @sk: socket without a descriptor
 * @shift: log2 of how many orphans it counts for
 *
 * If so it counts no longer, or until the next count one too many would be the
 * end of all that ask.
 *
 * Context: any; @sk locked in either form.
 * Return: true if there are more than net.fastsock.max_orphans, or if TCP has
 * used up tcp_mem and bytes wait to be sent.
 */
bool fsk_orphan_check(const struct sock *sk, int shift)
{
	if (unlikely(too_many(shift))) {
		net_info_ratelimited("too many orphaned sockets\n");
		WRITE_ONCE(orphans, max(READ_ONCE(orphans) - 1, 0));
		return true;
	}
	if (unlikely(out_of_memory(sk))) {
		net_info_ratelimited("out of memory -- consider tuning tcp_mem\n");
		return true;
	}
	return false;
}
