// SPDX-License-Identifier: GPL-2.0
/* Frames as a transport. */

#include "claim.h"
#include "conn.h"
#include "frames.h"
#include "rx.h"
#include "transport.h"

static void frames_kill(struct fsk_conn *conn)
{
	fsk_frames_leave(fsk_frames(conn));
}

static void frames_free(struct fsk_conn *conn)
{
	fsk_frames_free(fsk_frames(conn));
}

static const struct fsk_transport_ops frames_ops = {
	.kill		= frames_kill,
	.free		= frames_free,
};

const struct fsk_transport fsk_frames_transport = {
	.ops		= &frames_ops,
	.proto_ops	= &fsk_stream_ops,
	.backlog_rcv	= fsk_backlog_rcv,
};
