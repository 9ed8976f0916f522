/* SPDX-License-Identifier: GPL-2.0 */
/* Pages that were sent and come back. */
#ifndef _FSK_PAGES_H
#define _FSK_PAGES_H

#include <linux/types.h>

struct page_frag;
struct sock;

bool fsk_pages_refill(struct sock *sk, struct page_frag *pfrag);
int fsk_pages_init(void);
void fsk_pages_exit(void);

#endif /* _FSK_PAGES_H */
