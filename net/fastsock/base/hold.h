/* SPDX-License-Identifier: GPL-2.0 */
/* What keeps the module, counted where it happens. */
#ifndef _FSK_HOLD_H
#define _FSK_HOLD_H

#include <linux/compiler.h>
#include <linux/percpu.h>
#include <linux/preempt.h>

DECLARE_PER_CPU(long, fsk_holds);
extern bool fsk_holds_apart;

void fsk_hold_shared(void);
void fsk_hold_drop_shared(void);
void fsk_hold_split(void);
void fsk_hold_join(void);
void fsk_hold_fold(void);

/**
 * fsk_hold - keep the module loaded
 *
 * The caller knows that it stays until then: it comes from somebody who holds
 * it, or from the hook.  Preemption is off so that fsk_claim_disable() can wait
 * for those who count on their processor.
 *
 * Context: any.
 */
static inline void fsk_hold(void)
{
	preempt_disable();
	if (likely(READ_ONCE(fsk_holds_apart)))
		this_cpu_inc(fsk_holds);
	else
		fsk_hold_shared();
	preempt_enable();
}

/**
 * fsk_hold_drop - undo fsk_hold(), on whichever processor
 *
 * The module may be unloaded from here on, except that its exit waits for who
 * has not slept since: for softirqs and for tasks.
 *
 * Context: any.
 */
static inline void fsk_hold_drop(void)
{
	preempt_disable();
	if (likely(READ_ONCE(fsk_holds_apart)))
		this_cpu_dec(fsk_holds);
	else
		fsk_hold_drop_shared();
	preempt_enable();
}

#endif /* _FSK_HOLD_H */
