/* SPDX-License-Identifier: GPL-2.0 */
/* The end of a connection in memory, and ends that do not reach each other. */
#ifndef _FSK_MEM_OUTAGE_H
#define _FSK_MEM_OUTAGE_H

#include <linux/types.h>

struct fsk_memory;
struct fsk_pair;

bool fsk_mem_link_is_down(const struct fsk_pair *pair);
void fsk_mem_recheck_soon(struct fsk_memory *mem);
void fsk_mem_check_link(struct fsk_memory *mem);
bool fsk_loop_look(struct fsk_memory *mem);
void fsk_mem_link_changed(struct fsk_pair *pair, unsigned int side);
void fsk_loop_fin(struct fsk_memory *mem);
void fsk_loop_reset(struct fsk_memory *mem);
void fsk_loop_reset_later(struct fsk_memory *mem);

#endif /* _FSK_MEM_OUTAGE_H */
