/* SPDX-License-Identifier: GPL-2.0 */
/* Connections in frames. */
#ifndef _FSK_FRAMES_H
#define _FSK_FRAMES_H

#include <linux/types.h>
#include <net/net_namespace.h>

struct fsk_conn;
struct fsk_net;
struct fsk_transport_ops;
struct net_device;
struct sock;

int fsk_frames_init_net(struct net *net);
void fsk_frames_exit_net(struct net *net);
int fsk_frames_init(void);
void fsk_frames_exit(void);
struct fsk_conn *fsk_frames_alloc(struct sock *sk,
				  const struct fsk_transport_ops *xport,
				  struct net_device *dev, const u8 *mac,
				  gfp_t gfp);
void fsk_frames_hash(struct fsk_conn *conn);
void fsk_frames_hash_peer(struct fsk_conn *conn);
struct fsk_conn *fsk_frames_find(const struct fsk_net *fn, u32 id, u32 key);
struct fsk_conn *fsk_frames_find_other(const struct fsk_net *fn, u32 id,
				       u32 key, bool probe,
				       const struct net_device *dev,
				       const u8 *mac);
struct fsk_conn *fsk_frames_find_peer(const struct fsk_net *fn, u32 peer_id,
				      u32 peer_key);
void fsk_frames_keys(struct fsk_conn *conn);
void fsk_frames_rekey(struct fsk_conn *conn);
bool fsk_frames_set_dev(struct fsk_conn *conn, struct net_device *dev);
void fsk_frames_drop_dev(struct net_device *dev);
void fsk_frames_info(struct fsk_conn *conn);
void fsk_frames_leave(struct fsk_conn *conn);
void fsk_frames_discard(struct fsk_conn *conn);
void fsk_frames_free(struct fsk_conn *conn);

#endif /* _FSK_FRAMES_H */
