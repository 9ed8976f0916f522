// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzzes rel_*.c: the input is a program of writes, losses, duplicates,
 * reorderings, lies and pauses, between a sender and a receiver.
 *
 * With an honest peer the stream must arrive exactly, and must arrive at all
 * once the channel stops misbehaving.  With a hostile one nothing is promised
 * but the invariants.  Built as a libFuzzer target, or with its own main()
 * that runs random programs: fuzz [seeds [first seed]].
 */
#include <signal.h>

#include "model.h"

#define CHANNEL_MAX	1024	/* frames under way in one direction */
#define SEGS_MAX	64	/* queued at once, keeps the checks cheap */
#define FINISH_STEPS	4096	/* and 16 a byte: more is no progress */

struct fuzz {
	struct model m;		/* first: callbacks get its address */
	const u8 *data;
	size_t left;
	bool perfect;		/* the channel loses and reorders nothing */
	struct model_frame frames[CHANNEL_MAX];
	unsigned int nr_frames;
	struct model_ack acks[CHANNEL_MAX];
	unsigned int nr_acks;
};

static u8 take(struct fuzz *f)
{
	if (!f->left)
		return 0;
	f->left--;
	return *f->data++;
}

static u32 take32(struct fuzz *f)
{
	u32 v = take(f);

	v = v << 8 | take(f);
	v = v << 8 | take(f);
	return v << 8 | take(f);
}

static void fuzz_xmit(struct model *m, const struct model_frame *frame)
{
	struct fuzz *f = (struct fuzz *)m;

	/* A full channel is one more way to lose a frame. */
	if (f->nr_frames < CHANNEL_MAX)
		f->frames[f->nr_frames++] = *frame;
}

static void send_ack(struct fuzz *f)
{
	struct model_ack ack;

	model_make_ack(&f->m, &ack);
	if (f->nr_acks < CHANNEL_MAX)
		f->acks[f->nr_acks++] = ack;
}

static void fuzz_xmit_probe(struct model *m)
{
	struct fuzz *f = (struct fuzz *)m;

	if (f->perfect || take(f) & 1)
		send_ack(f);
}

static void deliver_frame(struct fuzz *f, unsigned int i, bool keep)
{
	struct model_frame frame = f->frames[i];

	if (!keep) {
		f->nr_frames--;
		memmove(&f->frames[i], &f->frames[i + 1],
			(f->nr_frames - i) * sizeof(frame));
	}
	model_take_data(&f->m, &frame);
	if (f->m.rx.ack_now)
		send_ack(f);
}

static void deliver_ack(struct fuzz *f, unsigned int i, bool keep)
{
	struct model_ack ack = f->acks[i];

	if (!keep) {
		f->nr_acks--;
		memmove(&f->acks[i], &f->acks[i + 1],
			(f->nr_acks - i) * sizeof(ack));
	}
	model_take_ack(&f->m, &ack);
}

static u32 near(struct fuzz *f, u32 base)
{
	u8 how = take(f);

	if (how < 8)
		return take32(f);
	return base + (how < 128 ? take(f) : take32(f) % 65536) - (how & 31);
}

/* Some segments that were sent, as if they had arrived. */
static void lie_range(struct fuzz *f, struct fsk_rel_range *range)
{
	const struct fsk_rel_tx *tx = &f->m.tx;
	const struct fsk_seg *seg = tx->head;
	u8 skip = take(f) & 63, more = take(f) & 3;

	range->start = tx->una;
	range->end = tx->una;
	for (; skip && seg != tx->unsent; skip--)
		seg = seg->next;
	if (seg == tx->unsent)
		return;
	range->start = seg->seq;
	for (; more && seg->next != tx->unsent; more--)
		seg = seg->next;
	range->end = seg->seq + seg->len;
}

/* An ack as no honest peer would send it. */
static void lie_ack(struct fuzz *f)
{
	struct model_ack ack = {};
	unsigned int i;
	u8 how = take(f);

	ack.ack = how & 1 ? near(f, f->m.tx.una) : f->m.tx.una;
	ack.wnd = how & 2 ? take32(f) : take(f);
	ack.nr = take(f) % (FSK_SACK_TAKEN + 1);
	for (i = 0; i < ack.nr; i++) {
		if (take(f) & 3) {
			lie_range(f, &ack.sack[i]);
			continue;
		}
		ack.sack[i].start = near(f, f->m.tx.una);
		ack.sack[i].end = near(f, ack.sack[i].start);
	}
	model_take_ack(&f->m, &ack);
}

static void lie_data(struct fuzz *f)
{
	struct model_frame frame = {};

	frame.seq = near(f, f->m.rx.nxt);
	frame.len = 1 + take(f);
	frame.fin = take(f) < 16;
	model_take_data(&f->m, &frame);
}

static unsigned int queued(const struct model *m)
{
	const struct fsk_seg *seg;
	unsigned int n = 0;

	for (seg = m->tx.head; seg; seg = seg->next)
		n++;
	return n;
}

static void split_any(struct fuzz *f)
{
	struct fsk_seg *seg = f->m.tx.head;
	u8 skip = take(f) & 7;

	while (seg && skip--)
		seg = seg->next;
	if (seg && seg->len > 1)
		model_split(&f->m, seg, 1 + take(f) % (seg->len - 1));
}

static void advance(struct fuzz *f)
{
	u8 how = take(f);
	u64 due = fsk_rel_tx_deadline(&f->m.tx);

	if (how < 64)
		f->m.now += how * 1000;
	else if (how < 128)
		f->m.now += (how - 63) * 50000;
	else if (due > f->m.now)
		f->m.now = due + (how & 1 ? 0 : 10000);
	model_timeout(&f->m);
}

static void step_write(struct fuzz *f)
{
	u32 len = take(f);

	if (queued(&f->m) >= SEGS_MAX)
		return;
	if (len == 255)
		model_write(&f->m, take(f) & 63, true);
	else if (len >= 240)
		model_write(&f->m, 1 + take(f) * 16, false);
	else
		model_write(&f->m, 1 + len, false);
}

static void step_frame(struct fuzz *f, bool drop)
{
	u8 how = take(f);
	unsigned int i;

	if (!f->nr_frames)
		return;
	i = how & 64 ? (how & 63) % f->nr_frames : 0;
	if (drop)
		f->frames[i] = f->frames[--f->nr_frames];
	else
		deliver_frame(f, i, how >= 240);
}

static void step_ack(struct fuzz *f, bool drop)
{
	u8 how = take(f);
	unsigned int i;

	if (!f->nr_acks)
		return;
	i = how & 64 ? (how & 63) % f->nr_acks : 0;
	if (drop)
		f->acks[i] = f->acks[--f->nr_acks];
	else
		deliver_ack(f, i, how >= 240);
}

static void step(struct fuzz *f)
{
	switch (take(f) & 15) {
	case 0:
	case 1:
		step_write(f);
		break;
	case 2:
		model_grow(&f->m, 1 + (take(f) & 63));
		break;
	case 3:
		split_any(f);
		break;
	case 4:
		step_frame(f, true);
		break;
	case 5:
		step_ack(f, true);
		break;
	case 6:
	case 7:
	case 8:
		step_frame(f, false);
		break;
	case 9:
	case 10:
		step_ack(f, false);
		break;
	case 11:
		advance(f);
		break;
	case 12:
		model_read(&f->m, take32(f) & 0xfff);
		f->m.no_memory = take(f) < 64;
		if (f->m.no_memory)
			model_forget(&f->m);
		break;
	case 13:
		send_ack(f);
		break;
	case 14:
		if (f->m.hostile)
			lie_ack(f);
		break;
	case 15:
		if (f->m.hostile)
			lie_data(f);
		break;
	}
	if (f->m.now % 3)	/* sometimes the caller is late */
		model_pump(&f->m);
	model_check(&f->m);
}

/* The channel behaves from now on: everything has to arrive. */
static void finish(struct fuzz *f)
{
	struct model *m = &f->m;
	u64 due, steps = 0;

	f->perfect = true;
	m->no_memory = false;
	model_write(m, 0, true);
	while (!model_done(m)) {
		MODEL_CHECK(steps++ < FINISH_STEPS + 16 * m->written);
		model_pump(m);
		if (f->nr_frames) {
			deliver_frame(f, 0, false);
		} else if (f->nr_acks) {
			m->now += 20000;
			deliver_ack(f, 0, false);
		} else if (m->unread) {
			model_read(m, m->unread);
			send_ack(f);
		} else if (m->rx.ack_at && m->now >= m->rx.ack_at) {
			send_ack(f);
		} else {
			due = fsk_rel_tx_deadline(&m->tx);
			if (m->rx.ack_at && (!due || m->rx.ack_at < due))
				due = m->rx.ack_at;
			MODEL_CHECK(due);
			if (m->now < due)
				m->now = due;
			model_timeout(m);
		}
		model_check(m);
	}
	MODEL_CHECK(!m->tx.rto_at && !m->tx.probe_at);
	MODEL_CHECK(!m->tx.inflight && !m->tx.lost && !m->tx.in_recovery);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz f = { .data = data, .left = size };
	u32 isn, mss, rcvbuf;
	u8 how = take(&f);

	isn = how & 1 ? 0U - take(&f) * 16 : take32(&f);
	mss = 1 + (how & 2 ? take(&f) : take32(&f) % 9000);
	rcvbuf = how & 4 ? 1U + take(&f) : take32(&f) % 65536;
	model_init(&f.m, isn, mss, rcvbuf);
	f.m.hostile = (how & 0x38) == 0x38;
	f.m.pieces = how & 0x40 ? MODEL_CUT : MODEL_WHOLE;
	rel_steps_most = how & 0x80 ? 2 : MODEL_STEPS_ANY;
	f.m.plain = true;
	f.m.xmit = fuzz_xmit;
	f.m.xmit_probe = fuzz_xmit_probe;
	while (f.left)
		step(&f);
	if (!f.m.hostile && rcvbuf)
		finish(&f);
	model_free(&f.m);
	return 0;
}

#ifndef FUZZ_LIBFUZZER
static unsigned long current_seed;

/* Every kind of failure ends in abort(): say which seed repeats it. */
const char *__asan_default_options(void)
{
	return "abort_on_error=1";
}

const char *__ubsan_default_options(void)
{
	return "abort_on_error=1:print_stacktrace=1";
}

static void on_abort(int sig)
{
	printf("not ok 1 fuzz__random_programs # seed %lu\n", current_seed);
	fflush(stdout);
	signal(sig, SIG_DFL);
}

int main(int argc, char **argv)
{
	unsigned long seeds = argc > 1 ? strtoul(argv[1], NULL, 0) : 20000;
	unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	u8 program[4096];
	size_t i, len;
	u64 state;

	printf("KTAP version 1\n1..1\n");
	fflush(stdout);
	signal(SIGABRT, on_abort);
	for (; seeds; seeds--, seed++) {
		current_seed = seed;
		state = seed * 0x9e3779b97f4a7c15ULL + 1;
		for (i = 0; i < 8; i++)
			model_random(&state);
		len = model_random(&state) % sizeof(program);
		for (i = 0; i < len; i++)
			program[i] = model_random(&state) >> 24;
		LLVMFuzzerTestOneInput(program, len);
	}
	printf("ok 1 fuzz__random_programs\n");
	return 0;
}
#endif
