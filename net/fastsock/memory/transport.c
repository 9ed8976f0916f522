// SPDX-License-Identifier: GPL-2.0
/*
 * Memory as a transport: its table, what its timer does, and what TCP_INFO
 * shows.
 */

#include <linux/module.h>
#include <linux/netdevice.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/pernet.h"
#include "base/stats.h"
#include "core/challenge.h"
#include "core/conn.h"
#include "core/life.h"
#include "core/state.h"
#include "core/timer.h"
#include "core/transport.h"
#include "memory/across.h"
#include "memory/connect.h"
#include "memory/cork.h"
#include "memory/events.h"
#include "memory/link.h"
#include "memory/memory.h"
#include "memory/outage.h"
#include "memory/pair.h"
#include "memory/recv.h"
#include "memory/ring.h"
#include "memory/send.h"
#include "stream/recv.h"
#include "stream/send.h"

/* So often an orphan with unsent bytes looks whether it must go. */
#define FSK_ORPHAN_NS		NSEC_PER_SEC
/* So often an end that waits for a route to the other one looks for it. */
#define FSK_RECHECK_NS		(200 * NSEC_PER_MSEC)

static int memory_write(struct fsk_conn *conn, struct msghdr *msg, long *timeo,
			size_t *copied)
{
	return fsk_mem_write(fsk_memory(conn), msg, timeo, copied);
}

static void memory_urgent(struct fsk_conn *conn, bool less)
{
	if (less)
		fsk_mem_urgent(fsk_memory(conn));
}

static void memory_send_fin(struct fsk_conn *conn)
{
	fsk_mem_send_fin(fsk_memory(conn));
}

/* As @stalled_since, but not because of what waits for more.  ns, or 0. */
static u64 stalled_since(const struct fsk_memory *mem)
{
	return mem->conn.cork_at ? 0 : mem->stalled_since;
}

/*
 * In memory nothing is retransmitted.  But a writer's time may run out: because
 * of TCP_USER_TIMEOUT, or because the link is down, when TCP would retransmit
 * in vain.  And an orphan with unsent bytes looks now and then whether it must
 * go.
 */
static u64 memory_deadline(const struct fsk_conn *conn)
{
	const struct fsk_memory *mem = fsk_memory(conn);
	u64 at;

	if (fsk_conn_opening(conn))
		return 0;
	at = fsk_sooner(conn->life_at, conn->cork_at);
	if (stalled_since(mem) &&
	    (READ_ONCE(inet_csk(conn->sk)->icsk_user_timeout) ||
	     mem->link_down))
		at = fsk_sooner(at, mem->stalled_since +
				    fsk_stall_timeout(conn->sk) + 1);
	if (conn->life_at && conn->sk->sk_wmem_queued)
		at = fsk_sooner(at, conn->retry_at ?:
				    conn->heard_at + FSK_ORPHAN_NS);
	at = fsk_sooner(at, conn->retry_at);
	return at;
}

/*
 * Look at the link.  If it is up, the peer counts as heard, because TCP's would
 * have answered by now.  If it is down, an orphan looks again later, and so
 * does an end that waits for a route; it also asks the host that has the peer's
 * address now, which may refuse the connection.
 */
static void recheck(struct fsk_memory *mem, u64 now)
{
	struct fsk_conn *conn = &mem->conn;

	conn->retry_at = 0;
	if (mem->out->starved)
		fsk_mem_retry(mem);
	if (fsk_mem_check_link_locked(mem)) {
		conn->heard_at = now;
		return;
	}
	if (mem->stalled_since && READ_ONCE(mem->pair->unreachable)) {
		fsk_challenge_silence(conn, now);
		conn->retry_at = now + FSK_RECHECK_NS;
	} else if (conn->life_at) {
		conn->retry_at = now + FSK_ORPHAN_NS;
	}
}

static bool run_timer(struct fsk_memory *mem, u64 now)
{
	struct fsk_conn *conn = &mem->conn;

	fsk_conn_info(conn);
	if (fsk_stalled_too_long(conn, stalled_since(mem), now))
		return false;
	fsk_challenge_run(conn, now);
	if (unlikely(fsk_mem_link_lost(mem, now))) {
		fsk_mem_link_give_up(mem);
		fsk_conn_abort(conn, ECONNRESET);
		return false;
	}
	recheck(mem, now);
	if (fsk_orphan_lost(conn, mem->stalled_since, now))
		return false;
	if (conn->cork_at && now >= conn->cork_at) {
		conn->cork_at = 0;
		fsk_mem_uncork_later(mem);
	}
	return true;
}

/* The timer holds the spinlock. */
static bool memory_timeout(struct fsk_conn *conn, u64 now)
{
	struct fsk_memory *mem = fsk_memory(conn);
	bool lives;

	if (fsk_conn_opening(conn))
		return true;
	mem->spinlocked = true;
	lives = run_timer(mem, now);
	mem->spinlocked = false;
	return lives;
}

static void memory_event(struct fsk_conn *conn, unsigned int events)
{
	fsk_mem_run_events(fsk_memory(conn), events);
}

/* Segments received are counted by the writer, see fsk_ring.segs. */
static void update_segs(struct fsk_memory *mem)
{
	u32 segs = READ_ONCE(mem->in->segs), more = segs - mem->reported_segs;
	struct tcp_sock *tp = tcp_sk(mem->conn.sk);

	mem->reported_segs = segs;
	WRITE_ONCE(tp->segs_in, tp->segs_in + more);
	WRITE_ONCE(tp->data_segs_in, tp->data_segs_in + more);
	tp->rcv_wup = tp->rcv_nxt;
}

static void memory_count(struct fsk_conn *conn)
{
	struct fsk_memory *mem = fsk_memory(conn);

	update_segs(mem);
	fsk_state_bytes(conn, tcp_sk(conn->sk)->snd_una, mem->out->head,
			mem->in->head);
}

static void memory_info(struct fsk_conn *conn)
{
	const struct fsk_memory *mem = fsk_memory(conn);
	struct tcp_sock *tp = tcp_sk(conn->sk);

	memory_count(conn);
	tp->snd_wnd = mem->out->window;
	tp->rcvq_space.space = mem->in->window;
	tp->delivered = tp->data_segs_out;
	/* The least that can be said: bytes are there when send() returns. */
	tp->srtt_us = 1 << 3;
	minmax_reset(&tp->rtt_min, tcp_jiffies32, 1);
	tp->lsndtime = tcp_jiffies32;
	tp->rcv_tstamp = tcp_jiffies32;
	inet_csk(conn->sk)->icsk_ack.lrcvtime = tcp_jiffies32;
}

static void memory_send_reset(struct fsk_conn *conn, bool locked)
{
	if (locked)
		fsk_mem_send_reset_locked(fsk_memory(conn));
	else
		fsk_mem_send_reset(fsk_memory(conn));
}

/* A peer cannot be lost while the link is up. */
static bool memory_needs_probe(const struct fsk_conn *conn)
{
	const struct fsk_memory *mem = fsk_memory(conn);

	return mem->link_down && !mem->stalled_since;
}

static bool memory_present(struct fsk_conn *conn)
{
	return fsk_mem_link_check_route(fsk_memory(conn));
}

static void memory_cork(struct fsk_conn *conn)
{
	fsk_mem_cork(fsk_memory(conn));
}

static void memory_uncork(struct fsk_conn *conn)
{
	fsk_mem_uncork(fsk_memory(conn));
}

static u32 memory_unread(const struct fsk_conn *conn, u32 seq)
{
	return fsk_ring_beyond(fsk_memory(conn)->in, seq);
}

static size_t memory_read(const struct fsk_conn *conn, u32 seq,
			  struct iov_iter *to, size_t len)
{
	const struct fsk_ring *ring = fsk_memory(conn)->in;

	DEBUG_NET_WARN_ON_ONCE(fsk_before(seq, ring->tail));
	return fsk_ring_read(ring, seq - ring->tail, to, len);
}

static void memory_consume(struct fsk_conn *conn, u32 len)
{
	fsk_ring_take(fsk_memory(conn)->in, len);
}

static ktime_t memory_stamp(const struct fsk_conn *conn)
{
	return READ_ONCE(fsk_memory(conn)->in->stamp);
}

static bool memory_queue(struct fsk_conn *conn)
{
	return fsk_mem_queue(fsk_memory(conn));
}

/* Also before a wait for more, which must not keep the writer waiting. */
static void memory_read_done(struct fsk_conn *conn)
{
	fsk_mem_read_done(fsk_memory(conn));
}

static void memory_resized(struct fsk_conn *conn)
{
	fsk_mem_resized(fsk_memory(conn));
}

static void memory_kill(struct fsk_conn *conn)
{
	fsk_pair_kill(fsk_memory(conn));
}

static void memory_free(struct fsk_conn *conn)
{
	fsk_pair_put(fsk_memory(conn)->pair);
}

static bool memory_leave(struct fsk_conn *conn)
{
	return fsk_pair_leave(fsk_memory(conn));
}

static void memory_unhook(struct fsk_conn *conn)
{
	struct fsk_memory *mem = fsk_memory(conn);

	if (mem->counted)
		atomic_sub(xchg(&mem->counted, 0), &conn->sk->sk_rmem_alloc);
}

static int memory_connect(struct sock *sk, struct net_device *dev,
			  const u8 *mac, const struct fsk_tuple *t)
{
	return fsk_mem_connect(sk, dev, t);
}

static void memory_accepted(struct fsk_conn *conn)
{
	fsk_mem_accepted(fsk_memory(conn));
}

static void memory_device(struct net_device *dev, unsigned long event)
{
	fsk_mem_link_device(dev, event == NETDEV_UNREGISTER);
}

static int memory_sendmsg(struct socket *sock, struct msghdr *msg, size_t size)
{
	return fsk_mem_send(sock->sk, msg, size) ?:
	       fsk_stream_sendmsg(sock, msg, size);
}

static int memory_recvmsg(struct socket *sock, struct msghdr *msg, size_t size,
			  int flags)
{
	return fsk_mem_recv(sock->sk, msg, size, flags) ?:
	       fsk_stream_recvmsg(sock, msg, size, flags);
}

static const struct fsk_transport_ops memory_ops = {
	.write		= memory_write,
	.urgent		= memory_urgent,
	.send_fin	= memory_send_fin,
	.deadline	= memory_deadline,
	.timeout	= memory_timeout,
	.count		= memory_count,
	.info		= memory_info,
	.send_reset	= memory_send_reset,
	.needs_probe	= memory_needs_probe,
	.cork		= memory_cork,
	.uncork		= memory_uncork,
	.waits		= memory_read_done,
	.read_done	= memory_read_done,
	.kill		= memory_kill,
	.free		= memory_free,
	.present	= memory_present,
	.unread		= memory_unread,
	.read		= memory_read,
	.consume	= memory_consume,
	.stamp		= memory_stamp,
	.queue		= memory_queue,
	.usable		= fsk_mem_usable,
	.connect	= memory_connect,
	.upgrade	= fsk_mem_upgrade,
	.accepted	= memory_accepted,
	.device		= memory_device,
	.resized	= memory_resized,
	.leave		= memory_leave,
	.event		= memory_event,
	.unhook		= memory_unhook,
};

struct fsk_transport fsk_memory_transport __read_mostly = {
	.name		= "memory",
	.owner		= THIS_MODULE,
	.ops		= &memory_ops,
	.within_host	= true,
	.at_once	= true,
	.sendmsg	= memory_sendmsg,
	.recvmsg	= memory_recvmsg,
};
