// SPDX-License-Identifier: GPL-2.0
/*
 * Is the peer still there?  A host that rebooted without the module, or a
 * standby without it that took an address over, ignores frames.  But it has
 * TCP, which answers a segment of a connection that it does not know by a
 * reset.  So where frames draw no answer one bare TCP segment is sent for the
 * four-tuple, an ACK as TCP's challenge ACK (RFC 5961).  A peer that still runs
 * the connection drops it in its socket filter.  From any other it draws a
 * reset whose sequence number is the one that the ACK acknowledged; that is
 * random, so nobody who cannot see the segment can make one.
 *
 * The question is asked when a TCP segment comes for the four-tuple, which the
 * filter drops, and when nothing comes for a while.  In the first case the peer
 * is asked with a frame before; if it answers, no segment leaves.  Frames go to
 * the peer alone, are not longer than what drew them, and are at most one a
 * second for each connection: nothing to amplify with.  More than a few wrong
 * guesses end the round.
 */

#include <linux/export.h>
#include <linux/skbuff.h>
#include <net/inet_connection_sock.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "base/stats.h"
#include "core/challenge.h"
#include "core/conn.h"
#include "core/state.h"
#include "core/timer.h"
#include "core/transport.h"
#include "inet/ip.h"
#include "inet/packet.h"

/* Between two questions of a connection; then twice as much each time. */
#define CHALLENGE_EVERY_NS	((u64)NSEC_PER_SEC)
#define CHALLENGE_ROUNDS_MAX	5
/* So long the peer has for an answer by frame. */
#define CHALLENGE_WAIT_NS	(20 * NSEC_PER_MSEC)
/* Resets with a wrong number that are put up with. */
#define CHALLENGE_WRONG_MAX	8

static struct sk_buff *build_ack(const struct fsk_conn *conn)
{
	const struct fsk_tuple t = fsk_tuple_of(conn->sk);
	struct sk_buff *skb;
	struct tcphdr *th;

	skb = alloc_skb(MAX_TCP_HEADER, GFP_ATOMIC);
	if (!skb)
		return NULL;
	skb_reserve(skb, MAX_TCP_HEADER);
	th = skb_push(skb, sizeof(*th));
	skb_reset_transport_header(skb);
	memset(th, 0, sizeof(*th));
	th->source = t.sport;
	th->dest = t.dport;
	th->seq = (__force __be32)get_random_u32();
	th->ack_seq = htonl(conn->challenge.seq);
	th->doff = sizeof(*th) / 4;
	th->ack = 1;
	th->check = fsk_packet_checksum(&t, th, sizeof(*th));
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	return skb;
}

/* Whose packets they are; a socket may still have those of an earlier one. */
static const struct inet_connection_sock_af_ops *tcp_of(const struct sock *sk)
{
	bool native = fsk_ip_of_sock(sk)->pf == NFPROTO_IPV6;

	return fsk_families[native ? FSK_INET6 : FSK_INET].tcp_af_ops;
}

static void send_ack(struct fsk_conn *conn)
{
	struct sock *sk = conn->sk;
	struct dst_entry *dst;
	struct sk_buff *skb;
	struct flowi fl;

	dst = fsk_ip_of_sock(sk)->route(sk, &fl);
	if (IS_ERR(dst))
		return;
	skb = build_ack(conn);
	if (!skb) {
		dst_release(dst);
		return;
	}
	skb_dst_set(skb, dst);
	tcp_of(sk)->queue_xmit(sk, skb, &fl);
}

static void ask(struct fsk_conn *conn, u64 now)
{
	struct fsk_challenge *c = &conn->challenge;

	c->seq = get_random_u32();
	c->wrong = 0;
	c->open = true;
	c->asked_at = now;
	c->due_at = 0;
	fsk_stat_inc(sock_net(conn->sk), FSK_MIB_CHALLENGES);
	send_ack(conn);
}

/* Was a question asked so lately that this is none? */
static bool too_soon(struct fsk_conn *conn, u64 now)
{
	struct fsk_challenge *c = &conn->challenge;

	if (conn->heard_at > c->asked_at)
		c->rounds = 0;
	if (c->asked_at && now - c->asked_at < CHALLENGE_EVERY_NS << c->rounds)
		return true;
	c->rounds = min(c->rounds + 1, CHALLENGE_ROUNDS_MAX);
	return false;
}

/**
 * fsk_challenge_suspect - a TCP segment has come for the four-tuple
 * @conn: connection
 *
 * Within the host whether the other end is there is known at once.
 *
 * Context: socket lock held in either form, BH disabled, RCU read section.
 */
void fsk_challenge_suspect(struct fsk_conn *conn)
{
	const struct fsk_transport_ops *ops = fsk_ops(conn);
	struct fsk_challenge *c = &conn->challenge;
	u64 now = fsk_now();

	if (conn->phase != FSK_PH_OPEN || too_soon(conn, now))
		return;
	c->asked_at = now;
	c->open = false;
	if (ops->present) {
		if (!ops->present(conn))
			ask(conn, now);
		return;
	}
	c->due_at = now + CHALLENGE_WAIT_NS;
	ops->probe(conn);
	fsk_timer_arm(conn);
}

/**
 * fsk_challenge_run - the peer had time to answer by a frame
 * @conn: connection; the question may not be due yet
 * @now: ns
 *
 * Context: socket lock held in either form.
 */
void fsk_challenge_run(struct fsk_conn *conn, u64 now)
{
	struct fsk_challenge *c = &conn->challenge;

	if (likely(!c->due_at) || now < c->due_at)
		return;
	c->due_at = 0;
	if (conn->heard_at <= c->asked_at)
		ask(conn, now);
}
EXPORT_SYMBOL_NS_GPL(fsk_challenge_run, FASTSOCK);

/**
 * fsk_challenge_silence - the peer has not answered what it should answer
 * @conn: connection
 * @now: ns
 *
 * Not during the handshake: a server whose accept queue is full keeps silent,
 * and its TCP knows nothing of the connection yet.
 *
 * Context: socket lock held in either form.
 */
void fsk_challenge_silence(struct fsk_conn *conn, u64 now)
{
	if (conn->phase == FSK_PH_OPEN && !too_soon(conn, now))
		ask(conn, now);
}
EXPORT_SYMBOL_NS_GPL(fsk_challenge_silence, FASTSOCK);

/**
 * fsk_challenge_refused - the peer's host knows nothing of the connection
 * @conn: connection; do not use it afterwards
 *
 * Context: socket lock held in either form, BH disabled, RCU read section.
 */
void fsk_challenge_refused(struct fsk_conn *conn)
{
	const struct fsk_transport_ops *ops = fsk_ops(conn);

	/* It has been heard since, or the other end is where it was. */
	if (conn->phase != FSK_PH_OPEN ||
	    (ops->present ? ops->present(conn) :
			    conn->heard_at > conn->challenge.asked_at))
		return;
	fsk_state_reset(conn);
}

/* Is this reset an answer?  Socket lock held in either form. */
static bool answers(struct fsk_challenge *c, const struct tcphdr *th)
{
	if (!c->open)
		return false;
	if (ntohl(th->seq) == c->seq)
		return true;
	c->open = ++c->wrong < CHALLENGE_WRONG_MAX;
	return false;
}

static void segment(struct fsk_conn *conn, const struct tcphdr *th)
{
	bool owned = sock_owned_by_user(conn->sk);

	if (th->rst) {
		if (!answers(&conn->challenge, th))
			return;
		conn->challenge.open = false;
		if (owned)
			conn->deferred |= FSK_DEFER_REFUSED;
		else
			fsk_challenge_refused(conn);
	} else if (th->syn && !th->ack) {
		if (owned)
			conn->deferred |= FSK_DEFER_SUSPECT;
		else
			fsk_challenge_suspect(conn);
	}
}

/**
 * fsk_challenge_segment - the filter is about to drop a TCP segment
 * @sk: socket to whose four-tuple it came
 * @skb: segment, data at the TCP header, which is linear
 *
 * Context: softirq, RCU read section, no socket lock held.
 */
void fsk_challenge_segment(struct sock *sk, struct sk_buff *skb)
{
	const struct tcphdr *th = (const void *)skb->data;
	struct fsk_conn *conn;

	if ((!th->syn && !th->rst) || tcp_checksum_complete(skb))
		return;
	bh_lock_sock_nested(sk);
	conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;
	if (!fsk_conn_dead(conn))
		segment(conn, th);
	bh_unlock_sock(sk);
}
