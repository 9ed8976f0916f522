// SPDX-License-Identifier: GPL-2.0
/*
 * Simulates many senders before one port of a switch that drops what finds its
 * buffer full, with rel_*.c and a congestion control at each end.
 *
 * Each sender is a host with its own link.  Frames wait for that link, then in
 * the port's buffer, which is served first come, first served.  Acks meet no
 * queue.  Time is simulated and random numbers are seeded: figures repeat.
 *
 * usage: switch_sim [--all] [--csv DIR] [PATTERN ...]
 */
#include <fnmatch.h>
#include <math.h>

#include "agenda.h"
#include "model.h"
#include "tcp_cc.h"

#define NS_PER_S	1000000000ULL
#define US		1000ULL
#define MS		1000000ULL
#define HEADER		24U		/* struct fsk_hdr */
#define OVERHEAD	62U		/* header, Ethernet, preamble, gap */
#define RCVBUF		(64U << 20)	/* never the limit */
#define PIECES		65536U		/* bytes of a long segment */
#define BUCKETS		50		/* in the series of a run */

enum event_type {
	EV_PORT,		/* a frame reaches the port of the switch */
	EV_FRAME,		/* it reaches the receiver */
	EV_PROBE,		/* so does a probe */
	EV_ACK,			/* an ack reaches the sender */
	EV_TIMER,		/* of the sender */
	EV_DELACK,		/* of the receiver */
	EV_START,		/* the program begins, or begins anew */
	EV_STOP,
	EV_WRITE,		/* the next short transfer */
	EV_SAMPLE,
	EV_WARM,		/* figures count from here on */
};

enum kind {
	LAN,			/* bulk */
	RENO,
	CUBIC,
	SHORT,			/* short transfers, one after the other */
};

struct event {
	struct due due;
	u32 payload;
	u32 flow;
	u32 life;		/* of the flow; others are void */
	enum event_type type;
	bool late;		/* its host has slept meanwhile */
};

union payload {
	struct model_frame frame;
	struct model_ack ack;
	u32 next;		/* free one */
};

/* One switch, its senders, and what must come out. */
struct scenario {
	const char *name;
	double gbps;
	u32 mtu;		/* 0 for 1500 */
	u32 delay;		/* us one way without any queue; 0 for 25 */
	u32 buffer;		/* KiB */
	u32 lan, reno, cubic, shorts;	/* senders of each kind */
	u32 ms;			/* duration */
	u32 warm;		/* ms that do not count */
	u32 stagger;		/* us between starts */
	u32 late;		/* ms until the competitors start */
	u32 early;		/* ms until they stop, 0 for never */
	u32 nic;		/* speed of a sender's link, in ports */
	u32 block;		/* KiB: all send so much, wait for all, again */
	u32 sleep;		/* us: hosts find out so much later at most */
	u32 sleepers;		/* only so many of the LAN's; 0: all */
	u32 backlog;		/* frames a host that sleeps keeps; 0: all */
	u32 outage;		/* ms without frames, from a drain on */
	u32 churn;		/* ms: LAN senders run and pause so long */
	u32 request;		/* bytes of a short transfer, 0 for 16 KiB */
	u32 gap;		/* us between short transfers, 0 for 1000 */
	bool fresh;		/* each on a new connection */
	bool matrix;		/* only with --all */
	/* Bounds; 0 for none. */
	u32 least_mbps;		/* all bulk of the LAN kind */
	u32 least_share;	/* per 1000 of a fair one, beside competitors */
	u32 most_share;
	u32 least_jain;		/* per 1000 */
	u32 most_queue;		/* us, mean */
	u32 most_p99;		/* us, short transfers */
	u32 most_p50;
	u32 most_needless;	/* copies of what had arrived, per 1000 */
	u32 least_window;	/* frames, mean of the LAN kind */
};

struct flow {
	struct model m;		/* first: callbacks get its address */
	struct sim *s;
	enum kind kind;
	u32 id;
	u32 life;
	bool active;
	u64 nic_free;		/* ns, when its link is idle */
	u64 timer;		/* ns, earliest event pending; 0 none */
	u64 delack;
	u64 asleep[2], awake[2];	/* ns, next time of either end */
	u32 backlog;		/* frames that wait for the receiver */
	u64 base;		/* bytes received in earlier lives */
	u64 at_warm;		/* bytes received when warm */
	u64 goal;		/* stream bytes that the program wants sent */
	u64 begin;		/* ns, when the short transfer began */
	u64 retrans;		/* segments, in earlier lives */
	u32 high;		/* highest number sent */
	u64 bucket;		/* bytes at the last sample */
};

struct sim {
	const struct scenario *sc;
	struct flow *flows;
	u32 nr_flows;
	u32 mss;
	u64 now;
	u64 end;
	u64 bits;		/* per second, of the port */
	u64 port_free;		/* ns */
	u64 prng;
	struct agenda agenda;
	union payload *pool;
	u32 pool_size, pool_free;
	u64 frames, copies, drops, timeouts;
	u64 max_queue;		/* ns */
	double sum_queue;
	double sum_window;	/* frames */
	u64 outage_end;		/* ns */
	u32 samples;
	u64 *took;		/* ns of each short transfer */
	u32 nr_took, took_size;
	u32 blocks;
	bool warm;
	FILE *series;
};

static bool run_all;
static const char *csv_dir;

static FILE *create(const char *path)
{
	FILE *file = fopen(path, "w");

	if (!file) {
		perror(path);
		exit(2);
	}
	return file;
}

static u64 rnd(struct sim *s, u64 below)
{
	return (model_random(&s->prng) >> 16) % below;
}

static u32 payload_new(struct sim *s)
{
	u32 i = s->pool_free, size = s->pool_size;

	if (!i) {
		s->pool_size = 2 * size + 1024;
		s->pool = realloc(s->pool, s->pool_size * sizeof(*s->pool));
		MODEL_CHECK(s->pool);
		/* The first is nobody's: 0 ends the list. */
		for (i = s->pool_size - 1; i > size; i--) {
			s->pool[i].next = s->pool_free;
			s->pool_free = i;
		}
		i = s->pool_free;
	}
	s->pool_free = s->pool[i].next;
	return i;
}

static void payload_free(struct sim *s, u32 i)
{
	if (!i)
		return;
	s->pool[i].next = s->pool_free;
	s->pool_free = i;
}

static void at_life(struct flow *f, u32 life, u64 when, enum event_type type,
		    u32 payload)
{
	struct event ev = {
		.due.at = when,
		.payload = payload,
		.flow = f->id,
		.life = life,
		.type = type,
	};

	agenda_add(&f->s->agenda, &ev);
}

static void at(struct flow *f, u64 when, enum event_type type, u32 payload)
{
	at_life(f, f->life, when, type, payload);
}

static u64 delay(const struct sim *s)
{
	return (s->sc->delay ? s->sc->delay : 25) * US;
}

static u64 serialise(const struct sim *s, u32 bytes, u32 times)
{
	return (bytes + OVERHEAD) * 8ULL * NS_PER_S / (s->bits * times);
}

/* The sender's own link: it may be faster than the port, and has no limit. */
static void host_send(struct flow *f, u32 bytes, enum event_type type,
		      u32 payload)
{
	struct sim *s = f->s;

	f->nic_free = max(f->nic_free, s->now) +
		      serialise(s, bytes, s->sc->nic ? s->sc->nic : 1);
	at(f, f->nic_free + (type == EV_PROBE ? delay(s) : 0), type, payload);
}

static void switch_xmit(struct model *m, const struct model_frame *frame)
{
	struct flow *f = (struct flow *)m;
	struct sim *s = f->s;
	u32 i = payload_new(s);

	s->pool[i].frame = *frame;
	s->frames++;
	if (fsk_after(f->high, frame->seq))
		s->copies++;
	else
		f->high = frame->seq + frame->len;
	host_send(f, frame->len, EV_PORT, i);
}

static void switch_xmit_probe(struct model *m)
{
	host_send((struct flow *)m, 0, EV_PROBE, 0);
}

static u64 port_backlog(const struct sim *s)
{
	return s->port_free > s->now ? s->port_free - s->now : 0;
}

/* Drop-tail: what does not fit whole is not taken. */
static void port_take(struct flow *f, u32 life, u32 payload)
{
	struct sim *s = f->s;
	u32 bytes = s->pool[payload].frame.len;
	u64 wait = port_backlog(s);
	u64 limit = s->sc->buffer * 8192ULL * NS_PER_S / s->bits;

	if (s->now < s->outage_end || wait + serialise(s, bytes, 1) > limit) {
		s->drops++;
		payload_free(s, payload);
		return;
	}
	s->max_queue = max(s->max_queue, wait);
	s->port_free = s->now + wait + serialise(s, bytes, 1);
	at_life(f, life, s->port_free + delay(s), EV_FRAME, payload);
}

static u64 flow_received(const struct flow *f)
{
	return f->base + f->m.received;
}

static void send_ack(struct flow *f)
{
	struct sim *s = f->s;
	u32 i = payload_new(s);

	model_make_ack(&f->m, &s->pool[i].ack);
	at(f, s->now + delay(s), EV_ACK, i);
}

/* Bulk fills its send buffer; the others have said how far they mean to go. */
static void flow_write(struct flow *f)
{
	struct model *m = &f->m;
	u32 most = PIECES / m->mss * m->mss;
	u32 buf = 2 * max(m->tx.cc.cwnd, most);
	u32 len;

	while (f->active && m->written < f->goal &&
	       m->tx.end - m->tx.una < buf) {
		len = min((u64)most, f->goal - m->written);
		model_write(m, len, false);
	}
}

static void flow_arm(struct flow *f)
{
	u64 due = fsk_rel_tx_deadline(&f->m.tx);

	if (due && (!f->timer || due < f->timer)) {
		f->timer = due;
		at(f, due, EV_TIMER, 0);
	}
	due = f->m.rx.ack_at;
	if (due && (!f->delack || due < f->delack)) {
		f->delack = due;
		at(f, due, EV_DELACK, 0);
	}
}

static void flow_pump(struct flow *f)
{
	flow_write(f);
	model_pump(&f->m);
	flow_arm(f);
}

static void flow_timer(struct flow *f)
{
	u64 due = fsk_rel_tx_deadline(&f->m.tx);

	f->timer = 0;
	if (due && due <= f->s->now) {
		f->s->timeouts += f->m.tx.rto_at == due;
		model_timeout(&f->m);
	}
	flow_pump(f);
}

static void flow_delack(struct flow *f)
{
	f->delack = 0;
	if (f->m.rx.ack_at && f->m.rx.ack_at <= f->s->now)
		send_ack(f);
	flow_arm(f);
}

/* Everything of the connection is given up; what is under way is void. */
static void flow_reset(struct flow *f)
{
	struct sim *s = f->s;

	f->base += f->m.received;
	f->retrans += f->m.tx.retrans;
	if (f->life)
		model_free(&f->m);
	f->life++;
	f->timer = 0;
	f->delack = 0;
	/* Numbers wrap soon. */
	model_init(&f->m, 0U - 100000, s->mss, RCVBUF);
	f->high = 0U - 100000;
	f->m.now = s->now;
	f->m.xmit = switch_xmit;
	f->m.xmit_probe = switch_xmit_probe;
	if (f->kind == RENO || f->kind == CUBIC) {
		f->m.tx.cc.ops = f->kind == RENO ? &tcp_reno : &tcp_cubic;
		f->m.tx.cc.ops->init(&f->m.tx.cc);
	}
}

static u64 gap(struct sim *s)
{
	u32 us = s->sc->gap ? s->sc->gap : 1000;

	return (us / 2 + rnd(s, us)) * US;
}

static void blocks_begin(struct sim *s)
{
	struct flow *f;

	for (f = s->flows; f < s->flows + s->nr_flows; f++) {
		if (f->kind != LAN)
			continue;
		f->m.now = s->now;
		f->goal += s->sc->block * 1024ULL;
		flow_pump(f);
	}
}

static void blocks_look(struct sim *s)
{
	struct flow *f;

	for (f = s->flows; f < s->flows + s->nr_flows; f++)
		if (f->kind == LAN && f->m.received < f->goal)
			return;
	s->blocks += s->warm;
	blocks_begin(s);
}

static void flow_start(struct flow *f)
{
	const struct scenario *sc = f->s->sc;

	flow_reset(f);
	f->active = true;
	f->goal = ~0ULL;
	if (f->kind == SHORT) {
		f->goal = 0;
		at(f, f->s->now + gap(f->s), EV_WRITE, 0);
	} else if (f->kind == LAN && sc->block) {
		f->goal = sc->block * 1024ULL;
	} else if (f->kind == LAN && sc->churn) {
		at(f, f->s->now + (sc->churn / 2 + rnd(f->s, sc->churn)) * MS,
		   EV_STOP, 0);
	} else if (f->kind != LAN && sc->early) {
		at(f, sc->early * MS, EV_STOP, 0);
	}
	flow_pump(f);
}

static void flow_stop(struct flow *f)
{
	const struct scenario *sc = f->s->sc;

	flow_reset(f);
	f->active = false;
	if (f->kind == LAN && sc->churn)
		at(f, f->s->now + (sc->churn / 2 + rnd(f->s, sc->churn)) * MS,
		   EV_START, 0);
}

static void short_write(struct flow *f)
{
	const struct scenario *sc = f->s->sc;

	if (sc->fresh)
		flow_reset(f);
	f->begin = f->s->now;
	f->goal = f->m.written + (sc->request ? sc->request : 16384);
	flow_pump(f);
}

static void short_done(struct flow *f)
{
	struct sim *s = f->s;

	if (s->warm) {
		if (s->nr_took == s->took_size) {
			s->took_size = 2 * s->took_size + 1024;
			s->took = realloc(s->took,
					  s->took_size * sizeof(*s->took));
			MODEL_CHECK(s->took);
		}
		s->took[s->nr_took++] = s->now - f->begin;
	}
	f->begin = 0;
	at(f, s->now + gap(s), EV_WRITE, 0);
}

static void flow_frame(struct flow *f, const struct model_frame *frame)
{
	struct model *m = &f->m;

	model_take_data(m, frame);
	model_read(m, m->unread);
	if (m->rx.ack_now)
		send_ack(f);
	flow_arm(f);
	if (f->kind == SHORT && f->begin && m->received == f->goal)
		short_done(f);
	else if (f->s->sc->block && m->received == f->goal)
		blocks_look(f->s);
}

/* The mean cwnd of bulk, in frames. */
static double window(const struct sim *s)
{
	const struct flow *f;
	double sum = 0;

	for (f = s->flows; f < s->flows + s->nr_flows; f++)
		if (f->kind == LAN)
			sum += f->m.tx.cc.cwnd / s->mss;
	return s->sc->lan ? sum / s->sc->lan : 0;
}

static void sample(struct sim *s)
{
	u64 sum[SHORT + 1] = {};
	u64 every = s->sc->ms * MS / BUCKETS / 20;
	struct flow *f;

	if (s->warm) {
		s->sum_queue += port_backlog(s);
		s->sum_window += window(s);
		s->samples++;
	}
	at(s->flows, s->now + every, EV_SAMPLE, 0);
	if (!s->series)
		return;
	for (f = s->flows; f < s->flows + s->nr_flows; f++) {
		sum[f->kind] += flow_received(f) - f->bucket;
		f->bucket = flow_received(f);
	}
	fprintf(s->series, "%.4f,%.1f,%.1f,%.1f\n", s->now / 1e6,
		port_backlog(s) / 1e3, sum[LAN] * 8e3 / every,
		(sum[RENO] + sum[CUBIC]) * 8e3 / every);
}

static void warm(struct sim *s)
{
	struct flow *f;

	s->warm = true;
	s->max_queue = 0;
	for (f = s->flows; f < s->flows + s->nr_flows; f++)
		f->at_warm = flow_received(f);
}

static void handle_flow(struct sim *s, struct flow *f, const struct event *ev)
{
	f->m.now = s->now;
	switch (ev->type) {
	case EV_PORT:
		port_take(f, ev->life, ev->payload);
		return;
	case EV_FRAME:
		flow_frame(f, &s->pool[ev->payload].frame);
		break;
	case EV_PROBE:
		send_ack(f);
		break;
	case EV_ACK:
		model_take_ack(&f->m, &s->pool[ev->payload].ack);
		flow_pump(f);
		break;
	case EV_TIMER:
		flow_timer(f);
		break;
	case EV_DELACK:
		flow_delack(f);
		break;
	case EV_START:
		flow_start(f);
		break;
	case EV_STOP:
		flow_stop(f);
		break;
	case EV_WRITE:
		short_write(f);
		break;
	default:
		break;
	}
	payload_free(s, ev->payload);
}

/*
 * A host that shares its processor sleeps now and then, and sees all that came
 * meanwhile at once.  Returns whether @ev waits for that.
 */
static bool host_sleeps(struct flow *f, const struct event *ev)
{
	bool is_receiver = ev->type == EV_FRAME || ev->type == EV_PROBE;
	u64 *asleep = &f->asleep[is_receiver], *awake = &f->awake[is_receiver];
	struct event late = *ev;
	struct sim *s = f->s;

	if (ev->late && ev->type == EV_FRAME)
		f->backlog--;
	if (!s->sc->sleep || ev->late ||
	    (s->sc->sleepers && f->id >= s->sc->sleepers) ||
	    (!is_receiver && ev->type != EV_ACK && ev->type != EV_TIMER))
		return false;
	while (s->now >= *awake) {
		*asleep = *awake + rnd(s, s->sc->sleep * US);
		*awake = *asleep + 100 * US + rnd(s, s->sc->sleep * US);
	}
	if (s->now < *asleep)
		return false;
	if (ev->type == EV_FRAME && s->sc->backlog &&
	    f->backlog == s->sc->backlog) {
		s->drops++;
		payload_free(s, ev->payload);
		return true;
	}
	f->backlog += ev->type == EV_FRAME;
	late.late = true;
	late.due.at = *awake;
	agenda_add(&s->agenda, &late);
	return true;
}

/* What is sent during a drain is lost, once: the timer has to end the drain. */
static void lose_drain(struct sim *s, const struct flow *f)
{
	if (s->sc->outage && s->warm && !s->outage_end && f->kind == LAN &&
	    f->m.tx.cc.cwnd <= 2 * s->mss)
		s->outage_end = s->now + s->sc->outage * MS;
}

static void handle(struct sim *s, const struct event *ev)
{
	struct flow *f = &s->flows[ev->flow];

	s->now = ev->due.at;
	if (host_sleeps(f, ev))
		return;
	lose_drain(s, f);
	if (ev->type == EV_SAMPLE)
		sample(s);
	else if (ev->type == EV_WARM)
		warm(s);
	else if (ev->life == f->life || ev->type == EV_WRITE)
		handle_flow(s, f, ev);
	else if (ev->type == EV_PORT)
		port_take(f, ev->life, ev->payload);	/* takes its room */
	else
		payload_free(s, ev->payload);
}

static void add_flows(struct sim *s, enum kind is, u32 n, u64 from)
{
	struct flow *f;

	while (n--) {
		f = &s->flows[s->nr_flows];
		f->s = s;
		f->kind = is;
		f->id = s->nr_flows++;
		at(f, from, EV_START, 0);
		from += s->sc->stagger * US;
	}
}

static void series_open(struct sim *s)
{
	char path[4096];

	if (!csv_dir)
		return;
	snprintf(path, sizeof(path), "%s/%s.csv", csv_dir, s->sc->name);
	s->series = create(path);
	fprintf(s->series, "ms,queue_us,lan_mbps,tcp_mbps\n");
}

static void sim_start(struct sim *s, const struct scenario *sc)
{
	u32 n = sc->lan + sc->reno + sc->cubic + sc->shorts;

	memset(s, 0, sizeof(*s));
	s->prng = 88172645463325252ULL;
	agenda_init(&s->agenda, sizeof(struct event));
	s->sc = sc;
	s->mss = (sc->mtu ? sc->mtu : 1500) - HEADER;
	s->bits = sc->gbps * 1e9;
	s->end = sc->ms * MS;
	s->flows = calloc(n, sizeof(*s->flows));
	MODEL_CHECK(s->flows);
	s->now = 1;
	add_flows(s, LAN, sc->lan, MS);
	add_flows(s, RENO, sc->reno, sc->late * MS + MS);
	add_flows(s, CUBIC, sc->cubic, sc->late * MS + MS);
	add_flows(s, SHORT, sc->shorts, MS);
	at(s->flows, MS, EV_SAMPLE, 0);
	at(s->flows, sc->warm * MS + 1, EV_WARM, 0);
	series_open(s);
}

static void sim_free(struct sim *s)
{
	struct flow *f;

	for (f = s->flows; f < s->flows + s->nr_flows; f++)
		if (f->life)
			model_free(&f->m);
	if (s->series)
		fclose(s->series);
	free(s->flows);
	agenda_free(&s->agenda);
	free(s->pool);
	free(s->took);
}

static void sim_run(struct sim *s)
{
	const struct due *next;
	struct event ev;
	u64 steps = 0;

	while ((next = agenda_next(&s->agenda)) && next->at < s->end) {
		agenda_take(&s->agenda, &ev);
		handle(s, &ev);
		if (steps++ % 65536 == 0 && s->flows[ev.flow].life)
			model_check(&s->flows[ev.flow].m);
	}
	s->now = s->end;
}

struct figures {
	double lan, tcp;	/* Mbit/s of all senders of a kind */
	double share;		/* of a fair one */
	double jain;		/* among LAN senders */
	double queue, peak;	/* us */
	double window;		/* frames */
	double p50, p99, p999;	/* us */
	double copies;		/* per 1000 frames */
	double needless;	/* of those, of what was not dropped */
};

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static double quantile(const struct sim *s, double q)
{
	return s->nr_took ? s->took[(u32)(q * (s->nr_took - 1))] / 1e3 : 0;
}

static void sum_goodput(const struct sim *s, struct figures *fig)
{
	double x, sum = 0, squares = 0, ns = s->end - s->sc->warm * MS;
	u32 tcps = s->sc->reno + s->sc->cubic, lans = s->sc->lan;
	struct flow *f;

	for (f = s->flows; f < s->flows + s->nr_flows; f++) {
		x = (flow_received(f) - f->at_warm) * 8e3 / ns;
		if (f->kind == LAN) {
			sum += x;
			squares += x * x;
		} else if (f->kind != SHORT) {
			fig->tcp += x;
		}
	}
	fig->lan = sum;
	fig->jain = squares > 0 ? sum * sum / (lans * squares) : 1;
	if (tcps && lans)
		fig->share = sum / (sum + fig->tcp) * (lans + tcps) / lans;
}

static void sum_up(struct sim *s, struct figures *fig)
{
	memset(fig, 0, sizeof(*fig));
	sum_goodput(s, fig);
	qsort(s->took, s->nr_took, sizeof(*s->took), by_value);
	fig->p50 = quantile(s, 0.5);
	fig->p99 = quantile(s, 0.99);
	fig->p999 = quantile(s, 0.999);
	fig->queue = s->samples ? s->sum_queue / s->samples / 1e3 : 0;
	fig->peak = s->max_queue / 1e3;
	fig->window = s->samples ? s->sum_window / s->samples : 0;
	fig->copies = s->copies * 1e3 / max(s->frames, 1ULL);
	fig->needless = s->copies > s->drops ?
		(s->copies - s->drops) * 1e3 / s->frames : 0;
}

static bool least(double value, u32 bound)
{
	return !bound || value >= bound;
}

static bool most(double value, u32 bound)
{
	return !bound || value <= bound;
}

static bool good(const struct scenario *sc, const struct figures *fig)
{
	return least(fig->lan, sc->least_mbps) &&
	       least(fig->share * 1000, sc->least_share) &&
	       most(fig->share * 1000, sc->most_share) &&
	       least(fig->jain * 1000, sc->least_jain) &&
	       most(fig->queue, sc->most_queue) &&
	       most(fig->p50, sc->most_p50) &&
	       most(fig->p99, sc->most_p99) &&
	       most(fig->needless, sc->most_needless) &&
	       least(fig->window, sc->least_window);
}

static void print_bounds(const struct scenario *sc)
{
	printf(" (bounds:");
	if (sc->least_mbps)
		printf(" goodput %u", sc->least_mbps);
	if (sc->least_share)
		printf(" share %.2f", sc->least_share / 1e3);
	if (sc->most_share)
		printf(" to %.2f", sc->most_share / 1e3);
	if (sc->least_jain)
		printf(" Jain %.3f", sc->least_jain / 1e3);
	if (sc->most_queue)
		printf(" queue %u", sc->most_queue);
	if (sc->most_p50)
		printf(" p50 %u", sc->most_p50);
	if (sc->most_p99)
		printf(" p99 %u", sc->most_p99);
	if (sc->most_needless)
		printf(" needless %u", sc->most_needless);
	if (sc->least_window)
		printf(" window %u", sc->least_window);
	printf(")\n");
}

static void print_csv(FILE *out, const struct sim *s,
		      const struct figures *fig)
{
	const struct scenario *sc = s->sc;

	fprintf(out, "%s,%g,%u,%u,%u,%u,%u,%u,", sc->name, sc->gbps,
		s->mss + HEADER, sc->buffer, sc->lan, sc->reno, sc->cubic,
		sc->shorts);
	fprintf(out, "%.1f,%.1f,%.3f,%.4f,%.1f,%.1f,%.1f,%.1f,%.1f,",
		fig->lan, fig->tcp, fig->share, fig->jain, fig->queue,
		fig->peak, fig->p50, fig->p99, fig->p999);
	fprintf(out, "%llu,%llu,%.2f,%.2f,%llu\n", s->frames, s->drops,
		fig->copies, fig->needless, s->timeouts);
}

static bool report(unsigned int nr, struct sim *s, FILE *csv)
{
	const struct scenario *sc = s->sc;
	struct figures fig;
	bool ok;

	sum_up(s, &fig);
	ok = good(sc, &fig);
	printf("%sok %u switch__%s # %.0f Mbit/s", ok ? "" : "not ", nr,
	       sc->name, fig.lan);
	if (sc->reno + sc->cubic)
		printf(", TCP %.0f, share %.2f", fig.tcp, fig.share);
	printf(", Jain %.3f, queue %.0f us (peak %.0f)", fig.jain, fig.queue,
	       fig.peak);
	if (s->nr_took)
		printf(", short p50/99/99.9 %.0f/%.0f/%.0f us", fig.p50,
		       fig.p99, fig.p999);
	if (sc->lan)
		printf(", window %.0f", fig.window);
	printf(", copies %.1f/1000, needless %.1f, %llu drops, %llu timeouts",
	       fig.copies, fig.needless, s->drops, s->timeouts);
	print_bounds(sc);
	fflush(stdout);
	if (csv)
		print_csv(csv, s, &fig);
	return ok;
}

#include "switch_scenarios.h"

static FILE *summary_open(void)
{
	char path[4096];
	FILE *csv;

	if (!csv_dir)
		return NULL;
	snprintf(path, sizeof(path), "%s/summary.csv", csv_dir);
	csv = create(path);
	fprintf(csv, "name,gbps,mtu,buffer_kib,lan,reno,cubic,shorts,");
	fprintf(csv, "lan_mbps,tcp_mbps,share,jain,queue_us,peak_us,");
	fprintf(csv, "p50_us,p99_us,p999_us,frames,drops,");
	fprintf(csv, "copies_permille,needless_permille,timeouts\n");
	return csv;
}

static bool wanted(const struct scenario *sc, int n, char **patterns)
{
	int i;

	if (!n)
		return run_all || !sc->matrix;
	for (i = 0; i < n; i++)
		if (!fnmatch(patterns[i], sc->name, 0))
			return true;
	return false;
}

static int parse(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && !strncmp(argv[i], "--", 2); i++) {
		if (!strcmp(argv[i], "--all")) {
			run_all = true;
		} else if (!strcmp(argv[i], "--csv") && i + 1 < argc) {
			csv_dir = argv[++i];
		} else {
			fprintf(stderr, "usage: %s [--all] [--csv DIR] %s\n",
				argv[0], "[PATTERN]...");
			exit(2);
		}
	}
	return i;
}

int main(int argc, char **argv)
{
	static struct sim sim;
	int first = parse(argc, argv);
	FILE *csv = summary_open();
	unsigned int i, nr = 0, n = 0;
	bool ok = true;

	for (i = 0; i < ARRAY_SIZE(scenarios); i++)
		n += wanted(&scenarios[i], argc - first, argv + first);
	printf("KTAP version 1\n1..%u\n", n);
	for (i = 0; i < ARRAY_SIZE(scenarios); i++) {
		if (!wanted(&scenarios[i], argc - first, argv + first))
			continue;
		sim_start(&sim, &scenarios[i]);
		sim_run(&sim);
		ok &= report(++nr, &sim, csv);
		sim_free(&sim);
	}
	if (csv)
		fclose(csv);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
