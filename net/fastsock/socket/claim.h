/* SPDX-License-Identifier: GPL-2.0 */
/* The hook in TCP's init, and AF_FASTSOCK. */
#ifndef _FSK_CLAIM_H
#define _FSK_CLAIM_H

int fsk_claim_init(void);
void fsk_claim_exit(void);
int fsk_claim_enable(void);
void fsk_claim_disable(void);
void fsk_claim_settle(void);

#endif /* _FSK_CLAIM_H */
