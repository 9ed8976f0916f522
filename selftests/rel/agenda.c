// SPDX-License-Identifier: GPL-2.0
/* A heap of events, for simulations. */
#include <stdlib.h>
#include <string.h>

#include "agenda.h"
#include "model.h"

static struct due *nth(const struct agenda *a, u32 i)
{
	return (struct due *)(a->heap + i * a->size);
}

static bool due_before(const struct due *a, const struct due *b)
{
	return a->at != b->at ? a->at < b->at : a->nr < b->nr;
}

static void move(const struct agenda *a, u32 to, u32 from)
{
	memcpy(nth(a, to), nth(a, from), a->size);
}

void agenda_init(struct agenda *a, size_t size)
{
	*a = (struct agenda){ .size = size };
}

void agenda_free(struct agenda *a)
{
	free(a->heap);
	a->heap = NULL;
}

void agenda_add(struct agenda *a, void *event)
{
	struct due *due = event;
	u32 i = a->events++;

	due->nr = a->nr++;
	if (i == a->room) {
		a->room = 2 * a->room + 1024;
		a->heap = realloc(a->heap, a->room * a->size);
		MODEL_CHECK(a->heap);
	}
	for (; i && due_before(due, nth(a, (i - 1) / 2)); i = (i - 1) / 2)
		move(a, i, (i - 1) / 2);
	memcpy(nth(a, i), event, a->size);
}

const struct due *agenda_next(const struct agenda *a)
{
	return a->events ? nth(a, 0) : NULL;
}

void agenda_take(struct agenda *a, void *event)
{
	u32 i = 0, child = 1, last;

	MODEL_CHECK(a->events);
	memcpy(event, nth(a, 0), a->size);
	last = --a->events;
	for (; child < last; i = child, child = 2 * i + 1) {
		if (child + 1 < last &&
		    due_before(nth(a, child + 1), nth(a, child)))
			child++;
		if (!due_before(nth(a, child), nth(a, last)))
			break;
		move(a, i, child);
	}
	if (i != last)
		move(a, i, last);
}
