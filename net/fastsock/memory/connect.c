// SPDX-License-Identifier: GPL-2.0
/* Within a namespace: both ends at once. */

#include <linux/netdevice.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/pernet.h"
#include "core/conn.h"
#include "memory/connect.h"

/* What TCP's headers take of a segment on the loopback device, bytes. */
#define FSK_LOOP_TCP_HEADERS	52

/**
 * fsk_loop_usable - do connections over a device stay in memory?
 * @dev: device that a route names
 *
 * Context: any; the caller keeps @dev alive.
 * Return: true if @dev is loopback and settings allow it.
 */
bool fsk_loop_usable(const struct net_device *dev)
{
	const struct fsk_net *fn = fsk_net(dev_net(dev));

	return dev->flags & IFF_LOOPBACK && READ_ONCE(dev->flags) & IFF_UP &&
	       READ_ONCE(fn->same_host) && !READ_ONCE(fn->loopback_frames);
}

/**
 * fsk_loop_mtu - what a frame would take if it were one
 * @dev: loopback device
 *
 * So that programs see the segments that TCP would make.
 *
 * Context: any.
 * Return: bytes, struct fsk_hdr included.
 */
u32 fsk_loop_mtu(const struct net_device *dev)
{
	return min_t(u32, READ_ONCE(dev->mtu), U16_MAX + 1) -
	       FSK_LOOP_TCP_HEADERS + sizeof(struct fsk_hdr);
}
