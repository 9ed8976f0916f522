/* SPDX-License-Identifier: GPL-2.0 */
/* The client's half of the handshake. */
#ifndef _FSK_CLIENT_H
#define _FSK_CLIENT_H

#include <linux/types.h>
#include <uapi/linux/fastsock.h>

struct fsk_call;
struct fsk_conn;
struct fsk_frames;
struct fsk_synack;
struct fsk_tuple;
struct net_device;
struct sock;

/* So long CONFIRM waits for data. */
#define FSK_CONFIRM_NS		200000ULL
/* Or so long, as TCP's delayed ack, if the program wants it to wait. */
#define FSK_CONFIRM_LATE_NS	200000000ULL
/* SYN or CONFIRM again, then doubled. */
#define FSK_HS_RETRY_NS		5000000ULL

int fsk_client_connect(struct sock *sk, struct net_device *dev, const u8 *mac,
		       const struct fsk_tuple *t);
void fsk_client_timeout(struct fsk_frames *fr, u64 now);
void fsk_client_fallback(struct fsk_frames *fr, enum fsk_reason reason);
void fsk_client_resume(struct fsk_conn *conn, const struct fsk_synack *sa);
void fsk_client_call(const struct fsk_frames *fr, struct fsk_call *call);
void fsk_rcv_synack(struct fsk_frames *fr, const struct fsk_synack *sa);

#endif /* _FSK_CLIENT_H */
