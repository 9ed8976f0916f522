/* SPDX-License-Identifier: GPL-2.0 */
/* What the two ends of a connection within the host share. */
#ifndef _FSK_PAIR_H
#define _FSK_PAIR_H

#include <linux/build_bug.h>
#include <linux/cache.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "memory/memory.h"
#include "memory/ring.h"

struct fsk_line;
struct sock;

/* Bits of fsk_pair.late: for @end[0], and for @end[1] the next one. */
#define FSK_LATE_RESET	0	/* it is to be reset, once the line is whole */
#define FSK_LATE_SPACE	2	/* it is to hear of space */
#define FSK_LATE_LINE	4	/* its line has changed, its cork expired */

/**
 * struct fsk_pair - what the two ends of a connection share
 * @ring: @ring[i] carries what @end[i] sends
 * @late: FSK_LATE_*, what the ends are still to be told
 * @seen: heads of the rings when tidy() last looked; holders.lock
 * @refs: ends that have not left, @work while it is queued
 * @cpu: whose list @holder is in; constant
 * @held: it was in that list
 * @astray: packets would not get from one to the other, see fsk_path_pair()
 * @line: what joins the ends if these are in two namespaces, see across.c
 * @end: client and server; RCU, NULL once dead
 * @holder: in a list while there is memory in a ring; holders.lock
 * @work: tells the ends
 * @rcu: defers freeing; nobody can queue @work any more then
 * @mem: the ends themselves; either reads the first bytes of the other, see
 *	struct fsk_conn
 */
struct fsk_pair {
	/* Lines that the ends write for each message, see struct fsk_ring. */
	struct fsk_ring ring[2];
	/* Seldom used. */
	unsigned long late;
	u32 seen[2];
	refcount_t refs;
	u16 cpu;
	bool held;
	bool astray;
	struct fsk_line *line;
	/* Read for each message, and seldom written. */
	struct fsk_memory __rcu *end[2] ____cacheline_aligned_in_smp;
	struct list_head holder;
	union {
		struct work_struct work;
		struct rcu_head rcu;
	};
	struct fsk_memory mem[2] ____cacheline_aligned_in_smp;
} ____cacheline_aligned_in_smp;

/* Who reads from the first ring writes into the second. */
static_assert(BITS_PER_LONG != 64 || SMP_CACHE_BYTES != 64 ||
	      (offsetof(struct fsk_pair, ring[0].first) >= 64 &&
	       offsetof(struct fsk_pair, ring[1].waiting) < 128 &&
	       offsetof(struct fsk_pair, ring[1].first) >= 128));

void fsk_loop_leave(struct fsk_memory *mem);
void fsk_pair_put(struct fsk_pair *pair);
bool fsk_pair_leave(struct fsk_memory *mem);
void fsk_pair_queue(struct fsk_pair *pair);
void fsk_pair_tell_line(struct fsk_pair *pair);
void fsk_pair_holds(struct fsk_pair *pair);
struct fsk_memory *fsk_pair_alloc(struct sock *sk, gfp_t gfp);
void fsk_pair_discard(struct fsk_memory *mem);
int fsk_pair_init(void);
void fsk_pair_exit(void);

#endif /* _FSK_PAIR_H */
