/* SPDX-License-Identifier: GPL-2.0 */
/* The bodies of SYN and CONFIRM, and of SYN6 and CONFIRM6. */
#ifndef _FSK_FRAMES_CALL_H
#define _FSK_FRAMES_CALL_H

#include <linux/types.h>
#include <uapi/linux/fastsock_wire.h>

struct fsk_call;
struct fsk_tuple;
struct net_device;

/* The longest of them. */
#define FSK_CALL_MAX	sizeof(struct fsk_syn6)

static inline bool fsk_call_is_confirm(u8 type)
{
	return type == FSK_T_CONFIRM || type == FSK_T_CONFIRM6;
}

/* Bytes that SYN and CONFIRM say of the connection; @type: one of the four. */
static inline u32 fsk_call_len(u8 type)
{
	return type == FSK_T_SYN6 || type == FSK_T_CONFIRM6 ?
	       sizeof(struct fsk_syn6) : sizeof(struct fsk_syn);
}

u8 fsk_call_type(const struct fsk_tuple *t, bool confirm);
void fsk_call_write(const struct fsk_call *call, void *body);
bool fsk_call_usable(const struct fsk_call *call);
bool fsk_call_read(u8 type, const void *body, const struct net_device *dev,
		   struct fsk_call *call);

#endif /* _FSK_FRAMES_CALL_H */
