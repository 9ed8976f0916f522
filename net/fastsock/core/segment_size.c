// SPDX-License-Identifier: GPL-2.0
/* How large segments are, and what TCP's own code is to see of it. */

#include <linux/export.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <net/inet_connection_sock.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <uapi/linux/fastsock_wire.h>

#include "core/conn.h"
#include "core/segment_size.h"

/**
 * fsk_mss_own - what an end takes in one frame
 * @sk: its socket, which may have TCP_MAXSEG
 * @mtu: bytes of frame (struct fsk_hdr included) that the way takes
 *
 * Context: any.
 * Return: bytes.
 */
u16 fsk_mss_own(const struct sock *sk, u32 mtu)
{
	u32 mss = min_t(u32, mtu, U16_MAX) - sizeof(struct fsk_hdr);
	u32 user_mss = READ_ONCE(tcp_sk(sk)->rx_opt.user_mss);

	return user_mss ? min(mss, max_t(u32, user_mss, FSK_MSS_MIN)) : mss;
}
EXPORT_SYMBOL_NS_GPL(fsk_mss_own, FASTSOCK);

/**
 * fsk_mss_fit - a route may be narrower than its device
 * @mss: what fits the device, bytes
 * @mtu: of the route, bytes; less than the least segment needs is not obeyed
 *
 * Context: any.
 * Return: what fits both, bytes.
 */
u16 fsk_mss_fit(u16 mss, u32 mtu)
{
	const u32 least = FSK_MSS_MIN + sizeof(struct fsk_hdr);

	return min_t(u32, mss, max(mtu, least) - sizeof(struct fsk_hdr));
}

/**
 * fsk_mss_init_buffer - the send buffer that TCP would give a new connection
 * @sk: its socket, with TCP's mss_cache
 *
 * Room for two initial windows of segments, each at its dearest.
 *
 * Context: socket lock held in either form.
 */
void fsk_mss_init_buffer(struct sock *sk)
{
	int max = READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_wmem[2]);
	int size;

	if (sk->sk_userlocks & SOCK_SNDBUF_LOCK)
		return;
	size = tcp_sk(sk)->mss_cache + MAX_TCP_HEADER +
	       SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	size = roundup_pow_of_two(size) +
	       SKB_DATA_ALIGN(sizeof(struct sk_buff));
	size = min(2 * TCP_INIT_CWND * size, max);
	if (READ_ONCE(sk->sk_sndbuf) < size)
		WRITE_ONCE(sk->sk_sndbuf, size);
}
