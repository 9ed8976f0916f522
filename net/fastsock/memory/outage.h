/* SPDX-License-Identifier: GPL-2.0 */
/* The end of a connection in memory, and ends that do not reach each other. */
#ifndef _FSK_MEM_OUTAGE_H
#define _FSK_MEM_OUTAGE_H

#include <linux/types.h>

struct fsk_memory;
struct fsk_pair;

void fsk_mem_recheck_soon(struct fsk_memory *mem);
void fsk_mem_check_link(struct fsk_memory *mem);
bool fsk_mem_check_link_locked(struct fsk_memory *mem);
void fsk_mem_process_link(struct fsk_pair *pair, unsigned int side);
void fsk_mem_send_fin(struct fsk_memory *mem);
void fsk_mem_send_reset(struct fsk_memory *mem);
void fsk_mem_send_reset_locked(struct fsk_memory *mem);

#endif /* _FSK_MEM_OUTAGE_H */
