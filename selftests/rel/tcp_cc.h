/* SPDX-License-Identifier: GPL-2.0 */
/* Congestion controls that go by loss alone, as TCP's: competitors in tests. */
#ifndef _TCP_CC_H
#define _TCP_CC_H

#include "rel/cc.h"

extern const struct fsk_cc_ops tcp_reno;
extern const struct fsk_cc_ops tcp_cubic;

#endif /* _TCP_CC_H */
