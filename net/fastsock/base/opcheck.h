/* SPDX-License-Identifier: GPL-2.0 */
/* Does fastsock know all operations of the tables that it copies from TCP? */
#ifndef _FSK_OPCHECK_H
#define _FSK_OPCHECK_H

struct inet_connection_sock_af_ops;
struct proto;
struct proto_ops;

int fsk_opcheck_proto(const struct proto *prot);
int fsk_opcheck_ops(const struct proto_ops *ops);
int fsk_opcheck_af_ops(const struct inet_connection_sock_af_ops *ops);

#endif /* _FSK_OPCHECK_H */
