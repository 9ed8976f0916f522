// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that were sent and come back.
 *
 * A new page has to be found, is often cleared first (init_on_alloc), and is
 * found in no cache.  All that costs as much as a copy of what is sent in it.
 * So each processor remembers the blocks that it has sent from lately, and
 * takes the first of them again when everybody else is done with it: sender,
 * device and reader.  It is written before it is sent, so that nothing shows of
 * what it was used for.
 *
 * A processor remembers no more blocks than were under way at once, and 1 MiB
 * at most.  When memory is short it forgets them.
 */

#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/shrinker.h>
#include <linux/spinlock.h>
#include <net/sock.h>

#include "base/compat.h"
#include "frames/pages.h"

#define FSK_BLOCKS		32
/* What skb_page_frag_refill() takes if it can: 32 KiB. */
#define FSK_BLOCK_ORDER	3
#define FSK_BLOCK_SIZE	(PAGE_SIZE << FSK_BLOCK_ORDER)

/**
 * struct blocks - what one processor has sent from lately
 * @lock: protects the others: its own thread's, or who shrinks; in process
 *	context
 * @nr: entries of @page
 * @next: the one that was sent from longest ago
 * @page: a reference on each
 */
struct blocks {
	spinlock_t lock;	/* of the others */
	unsigned int nr;
	unsigned int next;
	struct page *page[FSK_BLOCKS];
};

static DEFINE_PER_CPU(struct blocks, blocks);
static struct shrinker *shrinker;

static void step(struct blocks *b)
{
	if (++b->next >= b->nr)
		b->next = 0;
}

/* A block that is no longer used, with a reference; NULL if there is none. */
static struct page *take(void)
{
	struct blocks *b = raw_cpu_ptr(&blocks);
	struct page *page = NULL;

	spin_lock(&b->lock);
	if (b->nr && page_ref_count(b->page[b->next]) == 1) {
		page = b->page[b->next];
		get_page(page);
		step(b);
	}
	spin_unlock(&b->lock);
	return page;
}

/* Remember a new block, as the one that was sent from last. */
static void keep(struct page *page)
{
	struct blocks *b = raw_cpu_ptr(&blocks);
	struct page *old = NULL;

	get_page(page);
	spin_lock(&b->lock);
	if (b->nr < FSK_BLOCKS)
		b->page[b->nr++] = b->page[b->next];
	else
		old = b->page[b->next];
	b->page[b->next] = page;
	step(b);
	spin_unlock(&b->lock);
	if (old)
		put_page(old);
}

/**
 * fsk_pages_refill - as sk_page_frag_refill()
 * @sk: socket that sends
 * @pfrag: sk_page_frag() of it
 *
 * Context: process; socket lock held, in the form that may not sleep only if
 * @pfrag has room.
 * Return: false without memory.
 */
bool fsk_pages_refill(struct sock *sk, struct page_frag *pfrag)
{
	struct page *page = pfrag->page;

	if (page && (pfrag->offset < pfrag->size || page_ref_count(page) == 1))
		return sk_page_frag_refill(sk, pfrag);
	page = take();
	if (page) {
		if (pfrag->page)
			put_page(pfrag->page);
		pfrag->page = page;
		pfrag->offset = 0;
		pfrag->size = FSK_BLOCK_SIZE;
		return true;
	}
	if (!sk_page_frag_refill(sk, pfrag))
		return false;
	if (pfrag->size == FSK_BLOCK_SIZE && !page_is_pfmemalloc(pfrag->page))
		keep(pfrag->page);
	return true;
}

static unsigned long count(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(blocks, cpu).nr);
	return sum << FSK_BLOCK_ORDER ?: SHRINK_EMPTY;
}

/* Forget what a processor remembers.  Return: how many pages. */
static unsigned long forget(struct blocks *b)
{
	struct page *page[FSK_BLOCKS];
	unsigned int i, nr;

	spin_lock(&b->lock);
	nr = b->nr;
	memcpy(page, b->page, nr * sizeof(page[0]));
	b->nr = 0;
	b->next = 0;
	spin_unlock(&b->lock);
	for (i = 0; i < nr; i++)
		put_page(page[i]);
	return nr << FSK_BLOCK_ORDER;
}

static unsigned long scan(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long freed = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		if (freed >= sc->nr_to_scan)
			break;
		freed += forget(per_cpu_ptr(&blocks, cpu));
	}
	return freed ?: SHRINK_STOP;
}

/**
 * fsk_pages_init - prepare to remember what is sent
 *
 * Context: process, module load.
 * Return: 0 or -ENOMEM.
 */
int fsk_pages_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		spin_lock_init(&per_cpu(blocks, cpu).lock);
	shrinker = fsk_shrinker_add("fastsock-pages", count, scan);
	return shrinker ? 0 : -ENOMEM;
}

/**
 * fsk_pages_exit - forget all; nobody sends any more
 *
 * Context: process, module unload.
 */
void fsk_pages_exit(void)
{
	int cpu;

	fsk_shrinker_remove(shrinker);
	for_each_possible_cpu(cpu)
		forget(per_cpu_ptr(&blocks, cpu));
}
