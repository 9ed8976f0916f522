/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tables of objects by a hash, which grow with what is in them.
 *
 * Readers hold RCU only.  An object has two links, so that it can be in the
 * next, larger array of buckets while readers still follow the links of the
 * present one.  Adding cannot fail and waits for nothing: a work item makes the
 * table larger, a few buckets at a time.  It never shrinks.
 */
#ifndef _FSK_TABLE_H
#define _FSK_TABLE_H

#include <linux/rculist.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

/**
 * struct fsk_link - what makes an object a member of a table
 * @in: chains; fsk_buckets.side tells which is in use
 * @hash: of the object
 * @added: it is in the table; under the table's lock
 *
 * @added is false before; a link may not be added twice.
 */
struct fsk_link {
	struct hlist_node in[2];
	u32 hash;
	bool added;
};

/**
 * struct fsk_buckets - the chains of a table
 * @shift: the highest 32 - @shift bits of a hash are the number of the bucket
 * @side: index into fsk_link.in
 * @heads: the chains
 */
struct fsk_buckets {
	unsigned int shift;
	unsigned int side;
	struct hlist_head heads[];
};

/**
 * struct fsk_table - a table
 * @now: where readers look; RCU
 * @next: larger, and being filled; NULL most of the time
 * @moved: buckets of @now whose members are in @next, too
 * @count: members
 * @lock: protects all of these against writers
 * @secret: odd and random, for fsk_table_hash(); constant
 * @grow: makes it larger
 */
struct fsk_table {
	struct fsk_buckets __rcu *now;
	u64 secret;
	struct fsk_buckets *next;
	unsigned int moved;
	unsigned int count;
	spinlock_t lock;	/* now, next, moved, count, links */
	struct work_struct grow;
};

static inline unsigned int fsk_table_size(const struct fsk_buckets *buckets)
{
	return 1U << (32 - buckets->shift);
}

int fsk_table_init(struct fsk_table *table);
void fsk_table_exit(struct fsk_table *table);
void fsk_table_add(struct fsk_table *table, struct fsk_link *link, u32 hash);
void fsk_table_del(struct fsk_table *table, struct fsk_link *link);

/*
 * A hash of what nobody but this kernel chooses: ids and cookies.  The
 * secret keeps those apart that a peer has picked from many, and costs less
 * than the siphash that chosen keys need.
 */
static inline u32 fsk_table_hash(const struct fsk_table *table, u64 key)
{
	return key * table->secret >> 32;
}

/* The object around the link @node in which is @member. */
#define fsk_table_entry(node, buckets, type, member)			\
	container_of((node) - (buckets)->side, type, member.in[0])

/*
 * Where the links with a hash are, and others: the object's own key decides.
 * To be read by __hlist_for_each_rcu().
 */
static inline const struct hlist_head *
fsk_table_bucket(const struct fsk_buckets *buckets, u32 hash)
{
	return &buckets->heads[hash >> buckets->shift];
}

#endif /* _FSK_TABLE_H */
