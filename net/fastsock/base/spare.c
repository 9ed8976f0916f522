// SPDX-License-Identifier: GPL-2.0
/*
 * Skbs of no more than a frame that are used again.
 *
 * To find memory for an skb, to clear it and to give it back costs more than to
 * write a frame into it.  So each processor keeps a few of those that came to
 * their end here: packets that only judges have seen, segments that were
 * acknowledged, and frames, which virtual devices hand over to their receiver
 * as they are.
 *
 * Whoever sends one writes all of it that is sent.
 */

#include <linux/export.h>
#include <linux/percpu.h>
#include <linux/skbuff.h>
#include <linux/smp.h>
#include <net/dst.h>

#include "base/spare.h"

#define SPARES		8	/* of each kind, on each processor */
#define SPARE_ROOM	2048	/* bytes; longer ones are not kept */

/*
 * Small ones, so that what waits long does not take much memory, and others.
 * By xchg() and cmpxchg(): whoever moves to another processor takes of its.
 */
static DEFINE_PER_CPU(struct sk_buff *, spares[2][SPARES]);
static unsigned int small_room __read_mostly;	/* bytes, of small ones */

/* Is nothing left of those who had @skb but what renew() overwrites? */
static bool is_reusable(struct sk_buff *skb)
{
	return !skb->head_frag && !skb->pp_recycle && !skb->pfmemalloc &&
	       skb->fclone == SKB_FCLONE_UNAVAILABLE &&
	       !skb_is_nonlinear(skb) && !skb_shared(skb) &&
	       !skb_cloned(skb) && !skb_nfct(skb) &&
	       !skb_has_extensions(skb) && !skb_has_frag_list(skb) &&
	       !skb_zcopy(skb) && skb_end_offset(skb) <= SPARE_ROOM;
}

/* As alloc_skb() returns it. */
static void renew(struct sk_buff *skb)
{
	struct skb_shared_info *shinfo = skb_shinfo(skb);

	memset(skb, 0, offsetof(struct sk_buff, tail));
	skb->data = skb->head;
	skb_reset_tail_pointer(skb);
	skb->truesize = SKB_TRUESIZE(skb_end_offset(skb));
	skb_unset_mac_header(skb);
	skb->transport_header = (typeof(skb->transport_header))~0U;
	skb->alloc_cpu = raw_smp_processor_id();
	memset(shinfo, 0, offsetof(struct skb_shared_info, dataref));
	atomic_set(&shinfo->dataref, 1);
}

/**
 * fsk_spare_get - as alloc_skb()
 * @room: bytes
 * @gfp: allocation flags
 *
 * Context: as @gfp allows; not hard interrupt.
 * Return: an skb, to be freed as any other or by fsk_spare_put(); NULL without
 * memory.
 */
struct sk_buff *fsk_spare_get(unsigned int room, gfp_t gfp)
{
	bool large = room > small_room;
	struct sk_buff *skb;
	int i;

	for (i = 0; i < SPARES; i++) {
		if (!this_cpu_read(spares[large][i]))
			continue;
		skb = this_cpu_xchg(spares[large][i], NULL);
		if (unlikely(!skb))
			continue;
		if (likely(skb_end_offset(skb) >= room)) {
			renew(skb);
			return skb;
		}
		/* It makes room for one that will do another time. */
		consume_skb(skb);
		break;
	}
	return alloc_skb(room, gfp);
}
EXPORT_SYMBOL_NS_GPL(fsk_spare_get, FASTSOCK);

/**
 * fsk_spare_put - free an skb that has served its purpose
 * @skb: skb, or NULL
 *
 * Context: any but hard interrupt.
 */
void fsk_spare_put(struct sk_buff *skb)
{
	bool large;
	int i;

	if (!skb)
		return;
	if (is_reusable(skb)) {
		large = skb_end_offset(skb) > small_room;
		skb_orphan(skb);
		skb_dst_drop(skb);
		for (i = 0; i < SPARES; i++)
			if (!this_cpu_read(spares[large][i]) &&
			    !this_cpu_cmpxchg(spares[large][i], NULL, skb))
				return;
	}
	consume_skb(skb);
}
EXPORT_SYMBOL_NS_GPL(fsk_spare_put, FASTSOCK);

/**
 * fsk_spare_init - find out what the allocator takes for small
 *
 * Context: process, module load.
 * Return: 0 or -ENOMEM.
 */
int fsk_spare_init(void)
{
	struct sk_buff *skb = alloc_skb(128, GFP_KERNEL);

	if (!skb)
		return -ENOMEM;
	small_room = skb_end_offset(skb);
	kfree_skb(skb);
	return 0;
}

/**
 * fsk_spare_exit - free what is kept; nobody sends or receives any more
 *
 * Context: process, module unload.
 */
void fsk_spare_exit(void)
{
	int cpu, i;

	for_each_possible_cpu(cpu) {
		for (i = 0; i < SPARES; i++) {
			consume_skb(per_cpu(spares[0][i], cpu));
			consume_skb(per_cpu(spares[1][i], cpu));
		}
	}
}
