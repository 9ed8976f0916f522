/* SPDX-License-Identifier: GPL-2.0 */
/* What a client says when it asks for a connection. */
#ifndef _FSK_CALL_H
#define _FSK_CALL_H

#include <linux/types.h>

#include "base/tuple.h"

/**
 * struct fsk_call - what SYN and CONFIRM say, and SYN6 and CONFIRM6
 * @t: addresses
 * @id: client's connection id
 * @key: client's key
 * @win: its receive window, bytes
 * @mss: what it takes in one frame, bytes
 * @version: of the protocol
 */
struct fsk_call {
	struct fsk_tuple t;
	__be32 id;
	__be32 key;
	__be32 win;
	__be16 mss;
	u8 version;
};

#endif /* _FSK_CALL_H */
