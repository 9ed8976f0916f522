// SPDX-License-Identifier: GPL-2.0
/* Memory as a transport: what is due, what TCP_INFO shows, the end. */

#include <linux/skbuff.h>
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
#include "memory/cork.h"
#include "memory/events.h"
#include "memory/link.h"
#include "memory/memory.h"
#include "memory/outage.h"
#include "memory/pair.h"
#include "memory/recv.h"
#include "memory/ring.h"
#include "memory/send.h"
#include "socket/ops.h"

/* So often an orphan looks after its bytes. */
#define FSK_ORPHAN_NS		NSEC_PER_SEC
/* So often one that waits for a way to the other end looks for it. */
#define FSK_ASTRAY_NS		(200 * NSEC_PER_MSEC)

static int memory_write(struct fsk_conn *conn, struct msghdr *msg, long *timeo,
			size_t *copied)
{
	return fsk_loop_write(fsk_memory(conn), msg, timeo, copied);
}

static void memory_urgent(struct fsk_conn *conn, bool less)
{
	if (less)
		fsk_loop_urgent(fsk_memory(conn));
}

static void memory_send_fin(struct fsk_conn *conn)
{
	fsk_loop_fin(fsk_memory(conn));
}

/* What is sent gets nowhere since then, ns; 0 if it does. */
static u64 stalled_since(const struct fsk_memory *mem)
{
	return mem->conn.cork_at ? 0 : mem->stalled_since;
}

/*
 * In memory nothing is sent again.  A writer's patience may still end, and an
 * orphan with bytes looks whether it must go.  While the line is cut nobody is
 * heard, as where a cable is pulled.
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
	     mem->severed))
		at = fsk_sooner(at, mem->stalled_since +
				    fsk_patience(conn->sk) + 1);
	if (conn->life_at && conn->sk->sk_wmem_queued)
		at = fsk_sooner(at, conn->retry_at ?:
				    conn->heard_at + FSK_ORPHAN_NS);
	at = fsk_sooner(at, conn->retry_at);
	return at;
}

/*
 * Who is there is heard.  An orphan whose peer is not looks again, and so does
 * who waits for a way; whoever has the peer's address now is asked.
 */
static void look_around(struct fsk_memory *mem, u64 now)
{
	struct fsk_conn *conn = &mem->conn;

	conn->retry_at = 0;
	if (mem->out->starved)
		fsk_loop_retry(mem);
	if (fsk_loop_look(mem)) {
		conn->heard_at = now;
		return;
	}
	if (mem->stalled_since && READ_ONCE(mem->pair->astray)) {
		fsk_challenge_silence(conn, now);
		conn->retry_at = now + FSK_ASTRAY_NS;
	} else if (conn->life_at) {
		conn->retry_at = now + FSK_ORPHAN_NS;
	}
}

static bool memory_timeout(struct fsk_conn *conn, u64 now)
{
	struct fsk_memory *mem = fsk_memory(conn);

	if (fsk_conn_opening(conn))
		return true;
	fsk_conn_info(conn);
	if (fsk_patience_lost(conn, stalled_since(mem), now))
		return false;
	fsk_challenge_run(conn, now);
	if (unlikely(fsk_path_pair_lost(mem, now))) {
		fsk_path_pair_part(mem);
		fsk_conn_abort(conn, ECONNRESET);
		return false;
	}
	look_around(mem, now);
	if (fsk_orphan_lost(conn, mem->stalled_since, now))
		return false;
	if (conn->cork_at && now >= conn->cork_at) {
		conn->cork_at = 0;
		fsk_loop_uncork_later(mem);
	}
	return true;
}

static void memory_event(struct fsk_conn *conn, unsigned int events)
{
	fsk_loop_run(fsk_memory(conn), events);
}

/* What the writer at the other end has counted for this one. */
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
	/* What is sent is there when send() returns: the least there is. */
	tp->srtt_us = 1 << 3;
	minmax_reset(&tp->rtt_min, tcp_jiffies32, 1);
	tp->lsndtime = tcp_jiffies32;
	tp->rcv_tstamp = tcp_jiffies32;
	inet_csk(conn->sk)->icsk_ack.lrcvtime = tcp_jiffies32;
}

static void memory_send_reset(struct fsk_conn *conn, bool locked)
{
	if (locked)
		fsk_loop_reset_later(fsk_memory(conn));
	else
		fsk_loop_reset(fsk_memory(conn));
}

/* Nobody is lost unless the line is cut. */
static bool memory_needs_probe(const struct fsk_conn *conn)
{
	const struct fsk_memory *mem = fsk_memory(conn);

	return mem->severed && !mem->stalled_since;
}

static bool memory_present(struct fsk_conn *conn)
{
	return fsk_path_pair(fsk_memory(conn));
}

static void memory_cork(struct fsk_conn *conn)
{
	fsk_loop_cork(fsk_memory(conn));
}

static void memory_uncork(struct fsk_conn *conn)
{
	fsk_loop_uncork(fsk_memory(conn));
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
	return fsk_loop_queue(fsk_memory(conn));
}

/* Also before a wait for more, which must not keep the writer waiting. */
static void memory_read_done(struct fsk_conn *conn)
{
	fsk_loop_read(fsk_memory(conn));
}

static void memory_resized(struct fsk_conn *conn)
{
	fsk_loop_resized(fsk_memory(conn));
}

static void memory_kill(struct fsk_conn *conn)
{
	fsk_loop_leave(fsk_memory(conn));
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

/*
 * A frame that waited for the owner was for the connection in whose place this
 * one is, see fsk_conn_swap().  A TCP segment has raced with the filter.
 */
static int memory_backlog_rcv(struct sock *sk, struct sk_buff *skb)
{
	if (skb->protocol == fsk_ethertype)
		fsk_drop(sock_net(sk), skb, FSK_DROP_STATE);
	else
		kfree_skb(skb);
	return 0;
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
	.resized	= memory_resized,
	.leave		= memory_leave,
	.event		= memory_event,
	.unhook		= memory_unhook,
};

const struct fsk_transport fsk_memory_transport = {
	.ops		= &memory_ops,
	.within_host	= true,
	.proto_ops	= &fsk_memory_ops,
	.backlog_rcv	= memory_backlog_rcv,
};
