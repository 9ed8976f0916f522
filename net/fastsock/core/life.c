// SPDX-License-Identifier: GPL-2.0
/*
 * How long a connection may get nowhere, whatever carries it, how many orphans,
 * sockets without a descriptor, there may be, and what they may hold.
 *
 * tcp_check_oom() is not exported, nor is what it looks at: TCP's count of
 * orphans, renewed ten times a second, and the sysctl tcp_max_orphans.  The
 * per-CPU counts are; the bound is a sysctl of our own.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/export.h>
#include <linux/jiffies.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "core/conn.h"
#include "core/life.h"
#include "core/state.h"
#include "core/transport.h"

/* Jiffies; as often as TCP counts. */
#define FSK_COUNT_PERIOD	(HZ / 10)
/* TCP_RTO_MAX twice. */
#define FSK_LONG_NS		(240LL * NSEC_PER_SEC)

int fsk_max_orphans __read_mostly;

static unsigned long counted_at = INITIAL_JIFFIES;
static int orphans;		/* TCP's, fastsock's among them */

/* What TCP's linear back-off from 200 ms to 120 s makes of a retry count. */
static u64 retries_ns(unsigned int retries)
{
	const unsigned int thresh = 9;	/* 200 ms << 9 is about 120 s */
	u64 ms;

	if (retries <= thresh)
		ms = ((2ULL << retries) - 1) * 200;
	else
		ms = ((2ULL << thresh) - 1) * 200 +
		     (retries - thresh) * 120000ULL;
	return ms * NSEC_PER_MSEC;
}

/**
 * fsk_stall_timeout - how long a connection may get nowhere
 * @sk: its socket
 *
 * Context: any.
 * Return: ns until retransmission gives up, as TCP's options and sysctls say.
 */
u64 fsk_stall_timeout(const struct sock *sk)
{
	const struct net *net = sock_net(sk);
	u32 user_ms = READ_ONCE(inet_csk(sk)->icsk_user_timeout);

	if (user_ms)
		return (u64)user_ms * NSEC_PER_MSEC;
	if (sock_flag(sk, SOCK_DEAD))
		return retries_ns(READ_ONCE(net->ipv4.sysctl_tcp_orphan_retries)
				  ?: 8);
	return retries_ns(READ_ONCE(net->ipv4.sysctl_tcp_retries2));
}
EXPORT_SYMBOL_NS_GPL(fsk_stall_timeout, FASTSOCK);

/**
 * fsk_stalled_too_long - did the connection get nowhere for too long?
 * @conn: connected connection; it is dead afterwards if so
 * @since: ns, since when what was sent gets nowhere; 0 if it does
 * @now: ns
 *
 * Context: socket lock held in either form, RCU read section.
 * Return: true if it is over.
 */
bool fsk_stalled_too_long(struct fsk_conn *conn, u64 since, u64 now)
{
	if (!since || now - since <= fsk_stall_timeout(conn->sk))
		return false;
	fsk_conn_timeout(conn);
	return true;
}
EXPORT_SYMBOL_NS_GPL(fsk_stalled_too_long, FASTSOCK);

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

/*
 * As tcp_out_of_resources() of who retransmits or probes: an orphan that got
 * nowhere for long counts twice, and so does one with dubious news.
 */
static bool orphan_must_go(const struct fsk_conn *conn, bool stuck, u64 now)
{
	const struct sock *sk = conn->sk;
	int shift = 0;

	if (!conn->life_at || !stuck)
		return false;
	/* Progress moves @life_at. */
	if ((s64)(now + fsk_stall_timeout(sk) - conn->life_at) > FSK_LONG_NS)
		shift++;
	if (READ_ONCE(sk->sk_err_soft))
		shift++;
	return fsk_orphan_check(sk, shift);
}

/**
 * fsk_orphan_lost - must the connection go because it is an orphan?
 * @conn: connected connection; it is dead afterwards if so
 * @stuck: what was sent gets nowhere
 * @now: ns
 *
 * Context: socket lock held in either form, RCU read section.
 * Return: true if it is over.
 */
bool fsk_orphan_lost(struct fsk_conn *conn, bool stuck, u64 now)
{
	struct sock *sk = conn->sk;

	if (orphan_must_go(conn, stuck, now)) {
		__NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPABORTONMEMORY);
		fsk_ops(conn)->send_reset(conn, true);
		fsk_conn_done(conn);
		return true;
	}
	if (conn->life_at && now >= conn->life_at) {
		if (sk->sk_state != TCP_FIN_WAIT2)
			fsk_ops(conn)->send_reset(conn, true);
		fsk_conn_done(conn);
		return true;
	}
	return false;
}
EXPORT_SYMBOL_NS_GPL(fsk_orphan_lost, FASTSOCK);
