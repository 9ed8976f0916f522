/* SPDX-License-Identifier: GPL-2.0 */
/* Bytes that a program has written and its peer does not get yet. */
#ifndef _FSK_MEM_CORK_H
#define _FSK_MEM_CORK_H

#include <linux/socket.h>
#include <linux/types.h>

struct fsk_memory;

void fsk_mem_withhold(struct fsk_memory *mem, u32 n, bool is_urgent);
void fsk_mem_cork_written(struct fsk_memory *mem, const struct msghdr *msg,
			  bool is_urgent);
void fsk_mem_cork(struct fsk_memory *mem);
void fsk_mem_uncork(struct fsk_memory *mem);
void fsk_mem_uncork_later(struct fsk_memory *mem);
void fsk_mem_cork_expired(struct fsk_memory *mem);

#endif /* _FSK_MEM_CORK_H */
