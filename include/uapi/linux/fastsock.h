/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Numbers that fastsock shares with programs: the explicit family and the
 * reasons for delegating a connection to TCP or dropping a frame.
 */
#ifndef _UAPI_LINUX_FASTSOCK_H
#define _UAPI_LINUX_FASTSOCK_H

/*
 * Econet's number, retired in Linux 3.5.  It exists only if the module's
 * parameter "family" says so, and has the number that this says.
 */
#define AF_FASTSOCK		19

/*
 * Why a connection went to TCP.  Name as in /proc/net/fastsock_stat after the
 * prefix "FskDelegated"; the order is the value on the wire (REJECT) and in
 * the tracepoint fastsock:fastsock_delegate.
 */
#define FSK_REASONS(R)							\
	R(DISABLED,	Disabled)	/* enable=0 here or there */	\
	R(FASTOPEN,	Fastopen)	/* MSG_FASTOPEN or TCP_FASTOPEN* */ \
	R(REPAIR,	Repair)		/* TCP_REPAIR */		\
	R(MD5,		Md5)		/* TCP_MD5SIG or TCP-AO */	\
	R(IPOPTIONS,	IpOptions)	/* IP_OPTIONS */		\
	R(OPTION,	Option)		/* another option only TCP has */ \
	R(FILTER,	Filter)		/* socket filter attached */	\
	R(ULP,		Ulp)		/* upper layer protocol attached */ \
	R(NOROUTE,	NoRoute)	/* no route: TCP reports the error */ \
	R(GATEWAY,	Gateway)	/* next hop is a router */	\
	R(LOCALHOST,	Localhost)	/* own address, no frames there */ \
	R(DEVICE,	Device)		/* device is not Ethernet-like */ \
	R(UNKNOWN_PEER,	UnknownPeer)	/* never heard of the neighbour */ \
	R(NEGATIVE_PEER, NegativePeer)	/* failed lately, backing off */ \
	R(NO_LISTENER,	NoListener)	/* nobody listens: TCP refuses */ \
	R(UNCLAIMED,	Unclaimed)	/* listener is not claimed */	\
	R(LISTENER,	Listener)	/* listener has TCP-only options */ \
	R(BACKLOG,	Backlog)	/* accept queue or tables full */ \
	R(NETFILTER,	Netfilter)	/* a hook did not plainly accept */ \
	R(LSM,		Lsm)		/* security module refused */	\
	R(CGROUP,	Cgroup)		/* cgroup BPF in the way */	\
	R(XFRM,		Xfrm)		/* IPsec policy applies */	\
	R(TIMEOUT,	Timeout)	/* no answer to SYN */		\
	R(VERSION,	Version)	/* peer speaks another version */ \
	R(NOMEM,	NoMem)		/* out of memory */		\
	R(SELFCONNECT,	SelfConnect)	/* a socket to itself */	\
	R(PEER_RESET,	PeerReset)	/* reset during the handshake */ \
	R(IPV6,		Ipv6)		/* the peer takes no IPv6 */

/*
 * Why a frame was dropped.  Name as in /proc/net/fastsock_stat after the
 * prefix "FskDrop", value as in the tracepoint fastsock:fastsock_drop.
 */
#define FSK_DROPS(D)							\
	D(NOT_FOR_US,	NotForUs)	/* other host's, or disabled */	\
	D(SHORT,	Short)		/* shorter than its header says */ \
	D(LENGTH,	Length)		/* body length wrong for the type */ \
	D(TYPE,		Type)		/* unknown type */		\
	D(FLAGS,	Flags)		/* unknown flags */		\
	D(VERSION,	Version)	/* unknown version */		\
	D(ID,		Id)		/* no such connection */	\
	D(KEY,		Key)		/* id known, key wrong */	\
	D(SOURCE,	Source)		/* wrong MAC or device */	\
	D(SEQ,		Seq)		/* outside the window */	\
	D(ACK,		Ack)		/* acknowledges unsent bytes */	\
	D(STATE,	State)		/* not in this state */		\
	D(COOKIE,	Cookie)		/* stale or false CONFIRM */	\
	D(RCVBUF,	Rcvbuf)		/* receive buffer full */	\
	D(BACKLOG,	Backlog)	/* socket backlog full */	\
	D(RATE,		Rate)		/* rate limit */		\
	D(NOMEM,	NoMem)		/* out of memory */		\
	D(NO_ROUTE,	NoRoute)	/* not sent: no way to the peer */ \
	D(NOT_OURS,	NotOurs)	/* its address has left this host */ \
	D(PLACED,	Placed)		/* bytes where no buffer waits */

enum fsk_reason {
#define FSK_R(id, name) FSK_REASON_##id,
	FSK_REASONS(FSK_R)
#undef FSK_R
	FSK_REASON_MAX,
};

enum fsk_drop {
#define FSK_D(id, name) FSK_DROP_##id,
	FSK_DROPS(FSK_D)
#undef FSK_D
	FSK_DROP_MAX,
};

#endif /* _UAPI_LINUX_FASTSOCK_H */
