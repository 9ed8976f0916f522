/* SPDX-License-Identifier: GPL-2.0 */
/* Connections in memory between network namespaces of this kernel. */
#ifndef _FSK_ACROSS_H
#define _FSK_ACROSS_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <net/sock.h>

#include "base/pernet.h"
#include "frames/frames.h"

struct fsk_synack;

/* Does this end's namespace allow it?  Socket lock held in either form. */
static inline bool fsk_across_wanted(const struct fsk_frames *fr)
{
	return READ_ONCE(fsk_net(sock_net(fr->conn.sk))->same_host) ==
	       FSK_SAME_HOST_ALL;
}

bool fsk_across_leads(const struct fsk_frames *fr, const struct fsk_synack *sa);
bool fsk_across_join(struct fsk_frames *fr, const struct fsk_synack *sa);

#endif /* _FSK_ACROSS_H */
