/* SPDX-License-Identifier: GPL-2.0 */
/* Is the peer still there, or a TCP that knows nothing of the connection? */
#ifndef _FSK_CHALLENGE_H
#define _FSK_CHALLENGE_H

#include <linux/types.h>

struct fsk_conn;
struct sk_buff;
struct sock;

/**
 * struct fsk_challenge - a question to whoever has the peer's address
 * @seq: sequence number that a reset must have to be an answer; random
 * @wrong: resets since then that had another
 * @rounds: questions in a row, each later than the one before
 * @open: an answer counts
 * @asked_at: ns, when the last question was asked; 0 never
 * @due_at: ns, when to send a TCP segment unless the peer is heard; 0 off
 */
struct fsk_challenge {
	u32 seq;
	u8 wrong;
	u8 rounds;
	bool open;
	u64 asked_at;
	u64 due_at;
};

void fsk_challenge_segment(struct sock *sk, struct sk_buff *skb);
void fsk_challenge_suspect(struct fsk_conn *conn);
void fsk_challenge_refused(struct fsk_conn *conn);
void fsk_challenge_run(struct fsk_conn *conn, u64 now);
void fsk_challenge_silence(struct fsk_conn *conn, u64 now);

#endif /* _FSK_CHALLENGE_H */
