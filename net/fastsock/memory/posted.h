/* SPDX-License-Identifier: GPL-2.0 */
/* Bytes that go straight into the buffer that a reader waits with. */
#ifndef _FSK_MEM_POSTED_H
#define _FSK_MEM_POSTED_H

#include <linux/socket.h>
#include <linux/types.h>

struct fsk_memory;

int fsk_mem_write_posted(struct fsk_memory *mem, struct msghdr *msg,
			 size_t len);

#endif /* _FSK_MEM_POSTED_H */
