// SPDX-License-Identifier: GPL-2.0
/*
 * Simulates a LAN link that loses, duplicates and reorders, with rel_*.c at both
 * ends, and holds goodput and latency against bounds.
 *
 * The link is 1 Gbit/s with 50 us each way and 256 KiB of queue.  Time is
 * simulated and the random numbers are seeded, so figures repeat exactly.
 */
#include <stdarg.h>

#include "agenda.h"
#include "model.h"

#define NS_PER_S	1000000000ULL
#define US		1000ULL
#define MS		1000000ULL
#define MSS		1476U		/* bytes of stream in a frame */
#define OVERHEAD	62U		/* header, Ethernet, preamble, gap */
#define LINK_BPS	1000000000ULL
#define LINK_DELAY	(50 * US)
#define LINK_QUEUE	(256U << 10)	/* bytes */
#define RCVBUF		(1024 * 1024U)	/* bytes */
#define SNDBUF		(1024 * 1024U)	/* bytes */

enum event_type {
	EV_FRAME,		/* data reaches the receiver */
	EV_PROBE,		/* so does a probe */
	EV_ACK,			/* ack reaches the sender */
	EV_READ,		/* the program reads all there is */
};

struct event {
	struct due due;
	enum event_type type;
	union {
		struct model_frame frame;
		struct model_ack ack;
	};
};

/* One kind of link and load, and what must come out. */
struct scenario {
	const char *name;
	u32 loss;		/* per 1000 frames, each way */
	u32 dup;		/* per 1000 */
	u32 jitter;		/* us of extra delay at most: reorders */
	u32 stall;		/* us the receiver freezes, every 10 ms */
	u32 pause;		/* us between reads; 0: reads at once */
	u32 rcvbuf;		/* bytes, 0 for RCVBUF */
	u32 pieces;		/* written at once, 0 for one */
	bool whole;		/* and the link takes them as one frame */
	u32 most_segs;		/* segments sent at most, 0 for any number */
	u64 bytes;		/* of bulk; 0: request and answer instead */
	u32 least_mbps;		/* goodput at least, bulk */
	u32 most_us;		/* mean round trip at most, else */
};

struct sim {
	struct model m;		/* first: callbacks get its address */
	const struct scenario *sc;
	u64 prng;
	u64 link_free[2];	/* ns, when each direction is idle */
	u64 drops;		/* for want of queue */
	u64 timeouts;
	struct agenda agenda;
};

static u32 rnd(struct sim *s, u32 below)
{
	return (model_random(&s->prng) >> 16) % below;
}

/* Puts @ev on the link: queue, serialisation, loss, delay. */
static void link_send(struct sim *s, int dir, u32 bytes, struct event *ev)
{
	u64 *idle = &s->link_free[dir];
	u64 now = s->m.now;

	if (*idle < now)
		*idle = now;
	if ((*idle - now) * LINK_BPS / 8 / NS_PER_S > LINK_QUEUE) {
		s->drops++;
		return;
	}
	*idle += (bytes + OVERHEAD) * 8 * NS_PER_S / LINK_BPS;
	if (rnd(s, 1000) < s->sc->loss)
		return;
	ev->due.at = *idle + LINK_DELAY;
	if (s->sc->jitter)
		ev->due.at += rnd(s, s->sc->jitter) * US;
	/* A host that is frozen sees all that came meanwhile afterwards. */
	if (!dir && s->sc->stall && ev->due.at % (10 * MS) < s->sc->stall * US)
		ev->due.at += s->sc->stall * US - ev->due.at % (10 * MS);
	agenda_add(&s->agenda, ev);
	if (rnd(s, 1000) < s->sc->dup)
		agenda_add(&s->agenda, ev);
}

static void sim_xmit(struct model *m, const struct model_frame *frame)
{
	struct event ev = { .type = EV_FRAME, .frame = *frame };

	link_send((struct sim *)m, 0, frame->len, &ev);
}

static void sim_xmit_probe(struct model *m)
{
	struct event ev = { .type = EV_PROBE };

	link_send((struct sim *)m, 0, 0, &ev);
}

static void send_ack(struct sim *s)
{
	struct event ev = { .type = EV_ACK };

	model_make_ack(&s->m, &ev.ack);
	link_send(s, 1, ev.ack.nr * sizeof(ev.ack.sack[0]), &ev);
}

/* Reads, and tells of the window when it was all but shut. */
static void program_reads(struct sim *s)
{
	struct event ev = {
		.type = EV_READ,
		.due.at = s->m.now + s->sc->pause * US,
	};
	bool shut = s->m.rx.wnd_end - s->m.rx.nxt < 2 * MSS;

	model_read(&s->m, s->m.unread);
	if (shut && !s->m.fin_received)
		send_ack(s);
	agenda_add(&s->agenda, &ev);
}

static void handle(struct sim *s, const struct event *ev)
{
	struct model *m = &s->m;

	switch (ev->type) {
	case EV_READ:
		program_reads(s);
		return;
	case EV_ACK:
		model_take_ack(m, &ev->ack);
		return;
	case EV_FRAME:
		model_take_data(m, &ev->frame);
		break;
	case EV_PROBE:
		break;
	}
	if (!s->sc->pause)
		model_read(m, m->unread);
	if (ev->type == EV_PROBE || m->rx.ack_now)
		send_ack(s);
}

/* Runs the earliest of: an event, a delayed ack, a timer of the sender. */
static void sim_step(struct sim *s)
{
	const struct due *next = agenda_next(&s->agenda);
	u64 due = fsk_rel_tx_deadline(&s->m.tx);
	struct model *m = &s->m;
	struct event ev;
	u32 cwnd;

	if (next && (!due || next->at <= due) &&
	    (!m->rx.ack_at || next->at <= m->rx.ack_at)) {
		agenda_take(&s->agenda, &ev);
		m->now = ev.due.at;
		handle(s, &ev);
	} else if (m->rx.ack_at && (!due || m->rx.ack_at <= due)) {
		m->now = m->rx.ack_at;
		send_ack(s);
	} else {
		MODEL_CHECK(due);
		m->now = due;
		cwnd = m->tx.cc.cwnd;
		s->timeouts += m->tx.rto_at == due;
		model_timeout(m);
		MODEL_CHECK(m->tx.cc.cwnd <= cwnd);
	}
}

static void sim_write(struct sim *s)
{
	u32 most = MSS * max(s->sc->pieces, 1U);
	struct model *m = &s->m;
	u64 left;

	while (m->written < s->sc->bytes && m->tx.end - m->tx.una < SNDBUF) {
		left = s->sc->bytes - m->written;
		model_write(m, left < most ? left : most, left <= most);
	}
}

static bool report(unsigned int nr, const struct sim *s, u64 ns, u64 retrans,
		   const char *fmt, ...)
{
	const struct scenario *sc = s->sc;
	u64 value, bound;
	va_list ap;
	bool ok;

	if (sc->bytes) {
		value = sc->bytes * 8 * 1000 / ns;
		bound = sc->least_mbps;
		ok = value >= bound &&
		     (!sc->most_segs || s->m.sent_segs <= sc->most_segs);
	} else {
		value = ns / US;
		bound = sc->most_us;
		ok = value <= bound;
	}
	printf("%sok %u sim__%s # ", ok ? "" : "not ", nr, sc->name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf(" (bound %llu); %llu frames in %llu segments, %llu again, %llu timeouts, %llu queue drops\n",
	       bound, s->m.sent_frames, s->m.sent_segs, retrans, s->timeouts,
	       s->drops);
	return ok;
}

static void sim_start(struct sim *s, const struct scenario *sc)
{
	memset(s, 0, sizeof(*s));
	s->prng = 88172645463325252ULL;
	agenda_init(&s->agenda, sizeof(struct event));
	s->sc = sc;
	/* Numbers wrap in the middle of every run. */
	model_init(&s->m, 0U - 1000000, MSS, sc->rcvbuf ? sc->rcvbuf : RCVBUF);
	s->m.xmit = sim_xmit;
	s->m.xmit_probe = sim_xmit_probe;
	s->m.pieces = sc->whole ? MODEL_WHOLE : MODEL_CUT;
	if (sc->pause)
		program_reads(s);
}

static bool run_bulk(unsigned int nr, struct sim *s)
{
	struct model *m = &s->m;
	u64 begin = m->now, ns;
	u64 limit = begin + 600 * NS_PER_S;
	unsigned int steps = 0;

	while (!model_done(m)) {
		sim_write(s);
		model_pump(m);
		sim_step(s);
		MODEL_CHECK(m->now < limit);
		if (steps++ % 64 == 0)
			model_check(m);
	}
	ns = m->now - begin;
	return report(nr, s, ns, m->tx.retrans, "goodput %llu Mbit/s",
		      s->sc->bytes * 8 * 1000 / ns);
}

/*
 * A request of one byte; its ack stands for the answer, and carries the same
 * recovery: what counts is how long a lost frame keeps the program waiting.
 */
static bool run_rpc(unsigned int nr, struct sim *s)
{
	u64 begin, took, sum = 0, worst = 0;
	const unsigned int rounds = 20000;
	struct model *m = &s->m;
	unsigned int i;

	for (i = 0; i < rounds; i++) {
		begin = m->now;
		model_write(m, 1, false);
		model_pump(m);
		while (m->tx.head) {
			sim_step(s);
			/* The program answers at once. */
			if (m->rx.ack_at)
				send_ack(s);
			model_pump(m);
		}
		took = m->now - begin;
		sum += took;
		worst = took > worst ? took : worst;
		model_check(m);
	}
	return report(nr, s, sum / rounds, m->tx.retrans,
		      "round trip %llu us mean, %llu us worst",
		      sum / rounds / US, worst / US);
}

static const struct scenario scenarios[] = {
	{ .name = "bulk_no_loss", .bytes = 64 << 20, .least_mbps = 900 },
	{ .name = "bulk_loss_0.1_percent", .loss = 1, .bytes = 64 << 20,
	  .least_mbps = 850 },
	{ .name = "bulk_loss_1_percent", .loss = 10, .bytes = 64 << 20,
	  .least_mbps = 850 },
	{ .name = "bulk_loss_2_percent", .loss = 20, .bytes = 32 << 20,
	  .least_mbps = 800 },
	{ .name = "bulk_loss_5_percent", .loss = 50, .bytes = 16 << 20,
	  .least_mbps = 600 },
	{ .name = "bulk_loss_10_percent", .loss = 100, .bytes = 16 << 20,
	  .least_mbps = 400 },
	{ .name = "bulk_duplicates", .dup = 50, .bytes = 32 << 20,
	  .least_mbps = 900 },
	{ .name = "bulk_reordering", .jitter = 200, .bytes = 32 << 20,
	  .least_mbps = 900 },
	{ .name = "bulk_jitter_1_ms", .jitter = 1000, .bytes = 16 << 20,
	  .least_mbps = 400 },
	{ .name = "bulk_jitter_10_ms", .jitter = 10000, .bytes = 16 << 20,
	  .least_mbps = 10 },
	{ .name = "bulk_frozen_host", .stall = 3000, .bytes = 32 << 20,
	  .least_mbps = 500 },
	{ .name = "bulk_all_at_once", .loss = 20, .dup = 20, .jitter = 200,
	  .stall = 3000, .bytes = 8 << 20, .least_mbps = 200 },
	{ .name = "bulk_slow_reader", .pause = 5000, .rcvbuf = 65536,
	  .bytes = 8 << 20, .least_mbps = 80 },
	{ .name = "bulk_slow_reader_loss_10_percent", .loss = 100,
	  .pause = 5000, .rcvbuf = 65536, .bytes = 8 << 20, .least_mbps = 40 },
	{ .name = "bulk_small_buffer", .rcvbuf = 65536, .bytes = 32 << 20,
	  .least_mbps = 900 },
	{ .name = "pieces_no_loss", .pieces = 44, .bytes = 64 << 20,
	  .least_mbps = 900, .most_segs = 4000 },
	{ .name = "pieces_whole", .pieces = 44, .whole = true,
	  .bytes = 64 << 20, .least_mbps = 900, .most_segs = 2000 },
	{ .name = "pieces_loss_0.1_percent", .pieces = 44, .loss = 1,
	  .bytes = 64 << 20, .least_mbps = 850, .most_segs = 6000 },
	{ .name = "pieces_loss_1_percent", .pieces = 44, .loss = 10,
	  .bytes = 64 << 20, .least_mbps = 850 },
	{ .name = "pieces_loss_5_percent", .pieces = 44, .loss = 50,
	  .bytes = 16 << 20, .least_mbps = 600 },
	{ .name = "pieces_reordering", .pieces = 44, .jitter = 200,
	  .bytes = 32 << 20, .least_mbps = 900, .most_segs = 2000 },
	{ .name = "pieces_slow_reader", .pieces = 44, .pause = 5000,
	  .rcvbuf = 65536, .bytes = 8 << 20, .least_mbps = 80 },
	{ .name = "pieces_small_buffer", .pieces = 44, .rcvbuf = 65536,
	  .bytes = 32 << 20, .least_mbps = 900, .most_segs = 3000 },
	{ .name = "pieces_all_at_once", .pieces = 44, .loss = 20, .dup = 20,
	  .jitter = 200, .stall = 3000, .bytes = 8 << 20, .least_mbps = 200 },
	{ .name = "request_no_loss", .most_us = 110 },
	{ .name = "request_loss_1_percent", .loss = 10, .most_us = 150 },
	{ .name = "request_loss_5_percent", .loss = 50, .most_us = 300 },
	{ .name = "request_loss_10_percent", .loss = 100, .most_us = 500 },
	{ .name = "request_frozen_host", .stall = 3000, .most_us = 300 },
};

int main(void)
{
	static struct sim sim;
	unsigned int i;
	bool ok = true;

	printf("KTAP version 1\n1..%zu\n", ARRAY_SIZE(scenarios));
	for (i = 0; i < ARRAY_SIZE(scenarios); i++) {
		sim_start(&sim, &scenarios[i]);
		if (scenarios[i].bytes)
			ok &= run_bulk(i + 1, &sim);
		else
			ok &= run_rpc(i + 1, &sim);
		fflush(stdout);
		model_free(&sim.m);
		agenda_free(&sim.agenda);
	}
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
