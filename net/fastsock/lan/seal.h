/* SPDX-License-Identifier: GPL-2.0 */
/* The key in a frame's header, sealed with a digest of the header itself. */
#ifndef _FSK_SEAL_H
#define _FSK_SEAL_H

#include <asm/byteorder.h>
#include <linux/types.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/compat.h"

/*
 * Odd multipliers: a single flipped bit always changes the sum.  This is no
 * checksum of the stream, which the link has; it keeps a damaged header from
 * being believed.
 */
static inline u32 fsk_digest(const struct fsk_hdr *hdr)
{
	u32 first = (u32)hdr->type << 24 | (u32)hdr->flags << 16 |
		    be16_to_cpu(hdr->len);

	return first * 0x9e3779b1u + be32_to_cpu(hdr->seq) * 0x85ebca6bu +
	       be32_to_cpu(hdr->ack) * 0xc2b2ae35u +
	       be32_to_cpu(hdr->win) * 0x27d4eb2fu;
}

/* How much of a body is control information; all multiples of four. */
static inline u32 fsk_digest_len(u8 type, u16 len)
{
	if (type == FSK_T_DATA)
		return 0;
	if (type == FSK_T_CONFIRM)
		return sizeof(struct fsk_syn);
	return type == FSK_T_CONFIRM6 ? sizeof(struct fsk_syn6) : len;
}

static inline u32 fsk_digest_body(const void *body, u32 len)
{
	u32 sum = 0, i;

	for (i = 0; i + 4 <= len; i += 4)
		sum = (sum + get_unaligned_be32(body + i)) * 0x165667b1u;
	return sum;
}

/**
 * fsk_seal - put a key into a header that is otherwise complete
 * @hdr: header, its body behind it
 * @key: receiver's key, host order
 *
 * Context: any; the control part of the body is linear.
 */
static inline void fsk_seal(struct fsk_hdr *hdr, u32 key)
{
	u32 len = fsk_digest_len(hdr->type, be16_to_cpu(hdr->len));

	key ^= fsk_digest(hdr);
	if (unlikely(len))
		key ^= fsk_digest_body(hdr + 1, len);
	hdr->key = cpu_to_be32(key);
}

/**
 * fsk_unseal - the key that a header was sealed with
 * @hdr: header, its body behind it
 *
 * Context: any; the control part of the body is linear.
 * Return: key, host order; a wrong one if the frame was damaged.
 */
static inline u32 fsk_unseal(const struct fsk_hdr *hdr)
{
	u32 len = fsk_digest_len(hdr->type, be16_to_cpu(hdr->len));
	u32 key = be32_to_cpu(hdr->key) ^ fsk_digest(hdr);

	if (unlikely(len))
		key ^= fsk_digest_body(hdr + 1, len);
	return key;
}

#endif /* _FSK_SEAL_H */
