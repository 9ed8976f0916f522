/* SPDX-License-Identifier: GPL-2.0 */
/* What happens when, in simulated time. */
#ifndef _AGENDA_H
#define _AGENDA_H

#include <stddef.h>

#include "rel/rel.h"

/* First in each event. */
struct due {
	u64 at;			/* ns */
	u64 nr;			/* order among equal times: that of adding */
};

struct agenda {
	char *heap;
	size_t size;		/* bytes of an event */
	u32 events;
	u32 room;		/* events */
	u64 nr;
};

void agenda_init(struct agenda *a, size_t size);
void agenda_free(struct agenda *a);
/* Adds a copy of @event, whose @at is set. */
void agenda_add(struct agenda *a, void *event);
/* The next event, NULL if there is none. */
const struct due *agenda_next(const struct agenda *a);
/* Moves the next event, which there must be, to @event. */
void agenda_take(struct agenda *a, void *event);

#endif /* _AGENDA_H */
