// SPDX-License-Identifier: GPL-2.0
/*
 * Clients that were told of a connection and found the accept queue full.
 *
 * The server keeps nothing for a SYN, and SYNACK makes the client's connect()
 * succeed.  If the queue has filled up by the time of CONFIRM, the client has
 * to try again, for as long as the server's program likes to sleep: longer than
 * a cookie is good.  What was good once is therefore remembered while the
 * client goes on asking.
 *
 * Each namespace remembers so many that it is no burden, and takes the memory
 * when the first one comes.
 */

#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "frames/waiting.h"

/* Sets of places; a set is found by the cookie, which is random. */
#define FSK_WAITING_SETS	128
#define FSK_WAITING_WAYS	8
/* Jiffies without a CONFIRM; they come every other second at least. */
#define FSK_WAITING_LIFE	(16 * HZ)

/**
 * struct place - one client
 * @cookie: id and key that it was given; 0 if there is none
 * @body: hash of all the rest that the cookie vouched for
 * @until: jiffies
 */
struct place {
	u64 cookie;
	u64 body;
	unsigned long until;
};

/**
 * struct fsk_waiting - the clients of a namespace
 * @lock: protects @places
 * @places: all of them
 */
struct fsk_waiting {
	spinlock_t lock;	/* places */
	struct place places[FSK_WAITING_SETS][FSK_WAITING_WAYS];
};

static struct fsk_waiting *get_table(struct fsk_net *fn)
{
	struct fsk_waiting *table = READ_ONCE(fn->waiting), *other;

	if (table)
		return table;
	table = kzalloc(sizeof(*table), GFP_ATOMIC | __GFP_NOWARN);
	if (!table)
		return NULL;
	spin_lock_init(&table->lock);
	other = cmpxchg(&fn->waiting, NULL, table);
	if (!other)
		return table;
	kfree(table);
	return other;
}

static struct place *set_of(struct fsk_waiting *table, u64 cookie)
{
	return table->places[cookie % FSK_WAITING_SETS];
}

static bool is_at(const struct place *p, u64 cookie, u64 body)
{
	return p->cookie == cookie && p->body == body &&
	       time_before(jiffies, p->until);
}

/**
 * fsk_waiting_add - remember a client, or remember it for longer
 * @fn: namespace
 * @cookie: id and key in its CONFIRM, which is good
 * @body: hash of what it says
 *
 * Context: softirq.
 * Return: false if there is no place: it may wait while its cookie is good.
 */
bool fsk_waiting_add(struct fsk_net *fn, u64 cookie, u64 body)
{
	struct fsk_waiting *table = get_table(fn);
	struct place *p, *end, *place = NULL;

	if (!table)
		return false;
	spin_lock(&table->lock);
	p = set_of(table, cookie);
	for (end = p + FSK_WAITING_WAYS; p < end; p++) {
		if (is_at(p, cookie, body)) {
			place = p;
			break;
		}
		if (!p->cookie || time_after_eq(jiffies, p->until))
			place = p;
	}
	if (place) {
		place->cookie = cookie;
		place->body = body;
		place->until = jiffies + FSK_WAITING_LIFE;
	}
	spin_unlock(&table->lock);
	return place;
}

/**
 * fsk_waiting_find - does this client wait?
 * @fn: namespace
 * @cookie: id and key in its CONFIRM
 * @body: hash of what it says
 * @forget: if so, not any more
 *
 * Context: softirq.
 * Return: true if its cookie was good once.
 */
bool fsk_waiting_find(struct fsk_net *fn, u64 cookie, u64 body, bool forget)
{
	struct fsk_waiting *table = READ_ONCE(fn->waiting);
	struct place *p, *end;
	bool found = false;

	if (!table)
		return false;
	spin_lock(&table->lock);
	p = set_of(table, cookie);
	for (end = p + FSK_WAITING_WAYS; p < end && !found; p++) {
		found = is_at(p, cookie, body);
		if (found && forget)
			p->cookie = 0;
	}
	spin_unlock(&table->lock);
	return found;
}

/**
 * fsk_waiting_exit - forget all
 * @fn: namespace in which no frame arrives any more
 *
 * Context: process.
 */
void fsk_waiting_exit(struct fsk_net *fn)
{
	kfree(fn->waiting);
}
