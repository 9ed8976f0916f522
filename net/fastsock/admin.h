/* SPDX-License-Identifier: GPL-2.0 */
/* What an administrator sees of each namespace. */
#ifndef _FSK_ADMIN_H
#define _FSK_ADMIN_H

struct net;

int fsk_sysctl_init_net(struct net *net);
void fsk_sysctl_exit_net(struct net *net);
int fsk_proc_init_net(struct net *net);
void fsk_proc_exit_net(struct net *net);

#endif /* _FSK_ADMIN_H */
