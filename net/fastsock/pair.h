/* SPDX-License-Identifier: GPL-2.0 */
/* What the two ends of a connection within the host share. */
#ifndef _FSK_PAIR_H
#define _FSK_PAIR_H

#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "ring.h"

struct fsk_conn;
struct fsk_line;
struct fsk_synack;
struct fsk_tuple;
struct net_device;
struct sock;

/* Bits of fsk_pair.late: for @end[0], and for @end[1] the next one. */
#define FSK_LATE_RESET	0	/* it is to be reset, once the line is whole */
#define FSK_LATE_SPACE	2	/* it is to hear of space */
#define FSK_LATE_LINE	4	/* its line has changed, its cork expired */

/**
 * struct fsk_pair - what the two ends of a connection share
 * @end: client and server; RCU, NULL once dead
 * @ring: @ring[i] carries what @end[i] sends
 * @seen: heads of the rings when tidy() last looked; holders.lock
 * @holder: in a list while there is memory in a ring; holders.lock
 * @cpu: whose; constant
 * @held: it was there
 * @late: FSK_LATE_*, what the ends are still to be told
 * @work: does so
 * @refs: ends that have not left, @work while it is queued, waiting readers
 * @line: what joins the ends if these are in two namespaces, see across.c
 * @astray: packets would not get from one to the other, see fsk_path_pair()
 * @rcu: defers freeing
 *
 * The ends themselves follow: FSK_CONN_IN_MEMORY bytes for each.
 */
struct fsk_pair {
	struct fsk_conn __rcu *end[2];
	struct fsk_ring ring[2];
	u32 seen[2];
	struct list_head holder;
	bool held;
	u32 cpu;
	unsigned long late;
	struct work_struct work;
	refcount_t refs;
	struct fsk_line *line;
	bool astray;
	struct rcu_head rcu;
};

static inline void fsk_pair_get(struct fsk_pair *pair)
{
	refcount_inc(&pair->refs);
}

void fsk_pair_put(struct fsk_pair *pair);
bool fsk_pair_leave(struct fsk_conn *conn);
void fsk_pair_queue(struct fsk_pair *pair);
void fsk_pair_tell_line(struct fsk_pair *pair);
void fsk_pair_holds(struct fsk_pair *pair);
int fsk_pair_connect(struct sock *sk, struct net_device *dev,
		     const struct fsk_tuple *t);
bool fsk_pair_join(struct fsk_conn *old, const struct fsk_synack *sa,
		   struct net_device *dev, const struct fsk_tuple *t,
		   struct sock *lsk);
int fsk_pair_init(void);
void fsk_pair_exit(void);

#endif /* _FSK_PAIR_H */
