/* SPDX-License-Identifier: GPL-2.0 */
/* The two ends of a connection in memory, and what they share. */
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

struct fsk_mem_link;
struct sock;

/* Bits of fsk_pair.pending: for @end[0], and for @end[1] the next one. */
#define FSK_WORK_RESET	0	/* the peer has reset it; waits for the link */
#define FSK_WORK_SPACE	2	/* the peer has made space in the ring */
#define FSK_WORK_LINK	4	/* its link has changed, or its cork expired */

/**
 * struct fsk_pair - what the two ends of a connection share
 * @ring: @ring[i] carries what @end[i] sends
 * @pending: FSK_WORK_*, what @work is to tell the ends
 * @last_head: heads of the rings when reclaim_work() last looked;
 *	reclaim_list.lock
 * @refs: ends that have not left, @work while it is queued
 * @cpu: in whose struct reclaim_list @reclaim_node is; constant
 * @was_listed: @reclaim_node was once in it
 * @unreachable: the ends' routes do not lead to each other, see link.c
 * @link: the devices between the ends if these are in two namespaces; constant
 *	once anybody knows them
 * @end: client and server; RCU, NULL once dead
 * @reclaim_node: in a list while a ring holds memory; reclaim_list.lock
 * @work: fsk_mem_peer_work(), tells the ends what is @pending
 * @rcu: defers freeing; nobody can queue @work any more then
 * @mem: the ends themselves; either reads the first bytes of the other, see
 *	struct fsk_conn
 */
struct fsk_pair {
	/* Cache lines that the ends write for each message. */
	struct fsk_ring ring[2];
	/* Seldom used. */
	unsigned long pending;
	u32 last_head[2];
	refcount_t refs;
	u16 cpu;
	bool was_listed;
	bool unreachable;
	struct fsk_mem_link *link;
	/* Read for each message, and seldom written. */
	struct fsk_memory __rcu *end[2] ____cacheline_aligned_in_smp;
	struct list_head reclaim_node;
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

void fsk_pair_kill(struct fsk_memory *mem);
void fsk_pair_put(struct fsk_pair *pair);
bool fsk_pair_leave(struct fsk_memory *mem);
void fsk_pair_queue(struct fsk_pair *pair);
void fsk_pair_notify_link(struct fsk_pair *pair);
void fsk_pair_add_to_reclaim(struct fsk_pair *pair);
struct fsk_memory *fsk_pair_alloc(struct sock *sk, gfp_t gfp);
void fsk_pair_discard(struct fsk_memory *mem);
int fsk_pair_init(void);
void fsk_pair_exit(void);

#endif /* _FSK_PAIR_H */
