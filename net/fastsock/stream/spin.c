// SPDX-License-Identifier: GPL-2.0
/*
 * A reader looks for a while before it sleeps.
 *
 * It holds no lock and stands in no wait queue meanwhile: the writer goes on as
 * if nobody waited, and has nobody to wake.  What it looks at lies in the
 * socket, which its descriptor keeps; connection and ring may go at any time.
 * That it looks there without order is no matter: whatever it believes to have
 * seen, its caller looks again under the socket lock or in the wait queue.
 *
 * It looks only while it is alone on its processor.  So the other end, and
 * whatever else the bytes depend on, runs as soon as it can.
 *
 * How long it looks is learnt as KVM learns halt_poll_ns: longer after a sleep
 * that net.fastsock.spin_us would have covered, shorter after one that it would
 * not.
 *
 * Time is local_clock(): never a device's register, as ktime_get() may be.
 * Where it goes backwards from one processor to another, that ends a spin.
 */

#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "base/stats.h"
#include "core/conn.h"
#include "rel/seq.h"
#include "stream/post.h"
#include "stream/spin.h"

bool fsk_spin_used __read_mostly;

#define FSK_SPIN_LEAST	10000	/* ns; learning begins and ends here */

/**
 * fsk_spin_over - has anything happened that ends the wait?
 * @spin: the wait
 * @sk: socket
 *
 * Context: any.
 * Return: true if the reader has to look closer.
 */
bool fsk_spin_over(const struct fsk_spin *spin, const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	/* Filling a posted buffer moves copied_seq, then rcv_nxt. */
	u32 nxt = READ_ONCE(tp->rcv_nxt);
	u32 seen = READ_ONCE(tp->copied_seq) + spin->ahead;

	return fsk_after(nxt, seen) ||
	       (spin->post && READ_ONCE(spin->post->filled) >= spin->want) ||
	       READ_ONCE(sk->sk_backlog.tail) || READ_ONCE(sk->sk_err) ||
	       READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN ||
	       READ_ONCE(tp->urg_data) ||
	       READ_ONCE(sk->sk_state) != spin->state;
}

/* Has anybody else a use for this processor, or the thread for its time? */
static bool needed_elsewhere(void)
{
	return need_resched() || !single_task_running() ||
	       signal_pending(current);
}

/* What the connection has learnt, ns. */
static u32 learnt(const struct sock *sk)
{
	const struct fsk_conn *conn;
	u32 ns = 0;

	rcu_read_lock();
	conn = fsk_conn_rcu(sk);
	if (conn)
		ns = READ_ONCE(conn->spin_ns);
	rcu_read_unlock();
	return ns;
}

/**
 * fsk_spin_begin - a reader begins to wait
 * @spin: the wait; its first fields are set
 * @sk: connected socket that somebody wants to be spun on
 *
 * Context: process, with or without the socket lock.
 * Return: true if fsk_spin_wait() is worth a call.
 */
bool fsk_spin_begin(struct fsk_spin *spin, const struct sock *sk)
{
	const struct fsk_net *fn = fsk_net(sock_net(sk));

	spin->start = 0;
	spin->state = READ_ONCE(sk->sk_state);
	/* SIGIO must find out whether somebody waits, see recv.c. */
	if (num_online_cpus() == 1 || needed_elsewhere() ||
	    sock_flag(sk, SOCK_FASYNC) || fsk_spin_over(spin, sk) ||
	    !((1 << spin->state) & (TCPF_ESTABLISHED | TCPF_FIN_WAIT1 |
				    TCPF_FIN_WAIT2)))
		return false;
	spin->max = READ_ONCE(fn->spin_us) * NSEC_PER_USEC;
	spin->own = min(learnt(sk), spin->max);
	spin->limit = max_t(u64, spin->own,
			    (u64)fsk_busy_poll(sk) * NSEC_PER_USEC);
	spin->start = local_clock();
	return spin->limit;
}

/**
 * fsk_spin_wait - spin
 * @spin: the wait, after fsk_spin_begin()
 * @sk: socket
 * @timeo: jiffies that the reader waits at most; what is left afterwards
 *
 * Context: process; the caller holds no lock.
 * Return: true if something happened, false if it is time to sleep.
 */
bool fsk_spin_wait(const struct fsk_spin *spin, const struct sock *sk,
		   long *timeo)
{
	unsigned long began = jiffies;
	bool over = false;

	fsk_stat_inc(sock_net(sk), FSK_MIB_SPINS);
	while (!over && !needed_elsewhere() &&
	       local_clock() - spin->start < spin->limit &&
	       jiffies - began <= (unsigned long)*timeo) {
		cpu_relax();
		over = fsk_spin_over(spin, sk);
	}
	if (over)
		fsk_stat_inc(sock_net(sk), FSK_MIB_SPIN_HITS);
	/* Calls without a timeout are known by that, see sock_intr_errno(). */
	if (*timeo != MAX_SCHEDULE_TIMEOUT)
		*timeo -= min_t(long, jiffies - began, *timeo);
	return over;
}

/* What a wait that ended in sleep teaches, ns. */
static u32 lesson(const struct fsk_spin *spin)
{
	u64 waited = local_clock() - spin->start;
	u32 ns = spin->own;

	if (waited > spin->max)
		return ns / 2 < FSK_SPIN_LEAST ? 0 : ns / 2;
	if (waited > ns)
		return min(max_t(u32, 2 * ns, FSK_SPIN_LEAST), spin->max);
	return ns;
}

/**
 * __fsk_spin_slept - a reader had to sleep: learn from it
 * @spin: the wait
 * @sk: socket, perhaps no longer the same connection
 *
 * Context: process; the caller owns @sk.
 */
void __fsk_spin_slept(const struct fsk_spin *spin, struct sock *sk)
{
	struct fsk_conn *conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;

	if (conn && spin->start)
		WRITE_ONCE(conn->spin_ns, lesson(spin));
}

/**
 * fsk_spin_slept - as __fsk_spin_slept(), for who does not own the socket
 * @spin: the wait
 * @sk: socket, perhaps no longer the same connection
 *
 * Context: process, may sleep; the caller holds no lock.
 */
void fsk_spin_slept(const struct fsk_spin *spin, struct sock *sk)
{
	if (!spin->start || lesson(spin) == spin->own)
		return;
	lock_sock(sk);
	__fsk_spin_slept(spin, sk);
	release_sock(sk);
}
