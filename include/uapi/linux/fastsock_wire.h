/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The frames of the fastsock protocol as they stand on the wire.
 *
 * Every multi-byte field is big-endian.  A frame follows a plain Ethernet
 * header (or whatever link header the route's device builds) and begins with
 * struct fsk_hdr.  Frames may be padded by the link: only @len says where the
 * body ends.
 */
#ifndef _UAPI_LINUX_FASTSOCK_WIRE_H
#define _UAPI_LINUX_FASTSOCK_WIRE_H

#include <linux/types.h>

#define FSK_WIRE_VERSION	3
/* In SYN: a bridge on the way has rules against it.  To be rejected. */
#define FSK_WIRE_REFUSED	0
#define FSK_ETHERTYPE		0x88B5	/* IEEE 802 local experimental 1 */
/* Group address that HELLO and BYE are sent to: locally administered. */
#define FSK_MCAST_ADDR		{ 0x03, 0x46, 0x53, 0x4b, 0x00, 0x01 }
#define FSK_HOSTID_LEN		16	/* bytes */

/**
 * enum fsk_type - the handler a frame is for
 * @FSK_T_DATA: stream bytes, acknowledgment and window; no bytes is a pure ack
 * @FSK_T_SACK: as DATA without bytes; the body is an array of struct fsk_range
 * @FSK_T_PROBE: asks for an immediate acknowledgment (zero window, keepalive)
 * @FSK_T_RESET: ends the connection that id and key name at the receiver
 * @FSK_T_UNKNOWN: id and key, echoed, are unknown to the sender of this frame
 * @FSK_T_SYN: struct fsk_syn; asks for a connection, id and key are zero
 * @FSK_T_SYNACK: struct fsk_synack; the stateless answer to SYN
 * @FSK_T_CONFIRM: struct fsk_syn, then stream bytes; creates the connection
 * @FSK_T_REJECT: struct fsk_reject; use TCP for this connection
 * @FSK_T_HELLO: struct fsk_hello; "I speak fastsock", wants a HELLO_ACK
 * @FSK_T_HELLO_ACK: struct fsk_hello; answers HELLO, wants nothing
 * @FSK_T_BYE: struct fsk_hello; "I no longer take new connections"
 * @FSK_T_URGENT: as DATA without bytes; urgent data will come, up to @seq
 * @FSK_T_CHANNEL: struct fsk_channel_setup; about another way for frames
 * @FSK_T_ADVERT: as DATA without bytes; struct fsk_advert: a reader waits with
 *	a buffer that the channel which this came over can write to
 * @FSK_T_PLACED: as DATA; struct fsk_placed: the bytes are in that buffer
 * @FSK_T_SYN6: struct fsk_syn6; as SYN, with addresses of IPv6; only to whom
 *	has said FSK_HELLO_IPV6
 * @FSK_T_CONFIRM6: struct fsk_syn6, then stream bytes; likewise
 * @FSK_T_MAX: number of types, not on the wire
 */
enum fsk_type {
	FSK_T_DATA,
	FSK_T_SACK,
	FSK_T_PROBE,
	FSK_T_RESET,
	FSK_T_UNKNOWN,
	FSK_T_SYN,
	FSK_T_SYNACK,
	FSK_T_CONFIRM,
	FSK_T_REJECT,
	FSK_T_HELLO,
	FSK_T_HELLO_ACK,
	FSK_T_BYE,
	FSK_T_URGENT,
	FSK_T_CHANNEL,
	FSK_T_ADVERT,
	FSK_T_PLACED,
	FSK_T_SYN6,
	FSK_T_CONFIRM6,
	FSK_T_MAX,
};

#define FSK_F_FIN	0x01	/* the stream ends behind this frame */
#define FSK_F_ACK	0x02	/* the sender can go on only after an ack */
#define FSK_F_URG	0x04	/* the last byte of the body is urgent */
#define FSK_F_TWICE	0x08	/* something came that had come before */
#define FSK_F_PATIENCE	0x70	/* an ack may wait 0.5 ms, doubled so often */
#define FSK_F_PATIENCE_SHIFT	4
#define FSK_F_DATA	0x7f	/* all of them, as in DATA, CONFIRM, CONFIRM6 */

/**
 * struct fsk_hdr - what every frame begins with
 * @type: enum fsk_type
 * @flags: FSK_F_*
 * @len: bytes of body after this header
 * @id: the receiver's connection id; 0 in SYN and HELLO-like frames
 * @key: the receiver's key for that id (0 in SYN and HELLO-like frames), plus
 *	what the sender's epochs add, exclusive or a digest of the other words
 *	of the header; see below
 * @seq: sequence number of the first stream byte of the body; in URGENT that of
 *	the urgent byte
 * @ack: next sequence number the sender expects
 * @win: bytes beyond @ack that the sender is ready to take
 */
struct fsk_hdr {
	__u8	type;
	__u8	flags;
	__be16	len;
	__be32	id;
	__be32	key;
	__be32	seq;
	__be32	ack;
	__be32	win;
};

/*
 * The digest, modulo 2^32, all words read as big-endian numbers:
 *
 *	(type << 24 | flags << 16 | len) * 0x9e3779b1 + seq * 0x85ebca6b +
 *	ack * 0xc2b2ae35 + win * 0x27d4eb2f
 *
 * and, for types other than DATA, exclusive or the body's digest: starting from
 * 0, for each word of the body (in CONFIRM of struct fsk_syn only, in CONFIRM6
 * of struct fsk_syn6), in order,
 *
 *	sum = (sum + word) * 0x165667b1
 *
 * A frame with a damaged header so has a wrong key.
 *
 * Epochs count the boundaries between quarters of the 2^32 sequence numbers.
 * With those that its oldest unacknowledged number has passed since the
 * beginning, and those that the next number it expects has, an end adds to the
 * receiver's key, but for PROBE, modulo 2^32:
 *
 *	una's * 0xcc9e2d51 + next's * 0x1b873593
 */

/**
 * struct fsk_range - sequence numbers received beyond the cumulative ack
 * @start: first sequence number of the range
 * @end: first sequence number after it
 */
struct fsk_range {
	__be32	start;
	__be32	end;
};

#define FSK_SACK_MAX	8	/* ranges in one SACK */

/**
 * struct fsk_syn - body of SYN, and head of the body of CONFIRM
 * @version: FSK_WIRE_VERSION, or FSK_WIRE_REFUSED
 * @reserved: zero
 * @mss: largest body of a DATA frame the client takes, bytes
 * @saddr: client's IPv4 address
 * @daddr: server's IPv4 address
 * @sport: client's port
 * @dport: server's port
 * @id: client's connection id, not 0
 * @key: client's key, and its initial sequence number
 * @win: client's receive window, bytes
 * @hostid: client's host identity
 */
struct fsk_syn {
	__u8	version;
	__u8	reserved;
	__be16	mss;
	__be32	saddr;
	__be32	daddr;
	__be16	sport;
	__be16	dport;
	__be32	id;
	__be32	key;
	__be32	win;
	__u8	hostid[FSK_HOSTID_LEN];
};

/**
 * struct fsk_syn6 - body of SYN6, and head of the body of CONFIRM6
 * @version: FSK_WIRE_VERSION, or FSK_WIRE_REFUSED
 * @reserved: zero
 * @mss: largest body of a DATA frame the client takes, bytes
 * @saddr: client's IPv6 address
 * @daddr: server's IPv6 address; link-local ones are of the segment
 * @sport: client's port
 * @dport: server's port
 * @id: client's connection id, not 0
 * @key: client's key, and its initial sequence number
 * @win: client's receive window, bytes
 * @hostid: client's host identity
 */
struct fsk_syn6 {
	__u8	version;
	__u8	reserved;
	__be16	mss;
	__u8	saddr[16];
	__u8	daddr[16];
	__be16	sport;
	__be16	dport;
	__be32	id;
	__be32	key;
	__be32	win;
	__u8	hostid[FSK_HOSTID_LEN];
};

/**
 * struct fsk_synack - body of SYNACK
 * @version: FSK_WIRE_VERSION
 * @reserved: zero
 * @mss: largest body of a DATA frame the server takes, bytes
 * @id: server's connection id, not 0: first half of the cookie
 * @key: server's key and initial sequence number: second half of the cookie
 * @win: server's receive window, bytes
 */
struct fsk_synack {
	__u8	version;
	__u8	reserved;
	__be16	mss;
	__be32	id;
	__be32	key;
	__be32	win;
};

/**
 * struct fsk_reject - body of REJECT
 * @reason: enum fsk_reason of the server
 */
struct fsk_reject {
	__be32	reason;
};

/**
 * struct fsk_advert - body of ADVERT
 * @token: what the receiver of the bytes calls the buffer
 * @seq: sequence number of the byte that comes first in it
 * @len: bytes that it takes, not 0
 *
 * The byte with number n has its place n - @seq bytes behind the beginning.
 */
struct fsk_advert {
	__be32	token;
	__be32	seq;
	__be32	len;
};

/**
 * struct fsk_placed - body of PLACED
 * @token: of the ADVERT
 * @len: so many bytes, from the sequence number in the header on; not 0
 */
struct fsk_placed {
	__be32	token;
	__be32	len;
};

#define FSK_HELLO_RDMA	0x01	/* see struct fsk_channel_setup */
#define FSK_HELLO_IPV6	0x02	/* takes SYN6 and CONFIRM6 */

/**
 * struct fsk_hello - body of HELLO, HELLO_ACK and BYE
 * @version: FSK_WIRE_VERSION
 * @features: FSK_HELLO_*; what a receiver does not know means nothing
 * @reserved: zero
 * @hostid: random at module load: who the sender's kernel is
 */
struct fsk_hello {
	__u8	version;
	__u8	features;
	__u8	reserved[2];
	__u8	hostid[FSK_HOSTID_LEN];
};

#define FSK_CHANNEL_VERSION	1
#define FSK_CHANNEL_PLACES	0x01	/* knows ADVERT, REVOKE and VOID */
#define FSK_CHANNEL_ADVERTS	16	/* buffers that an end offers at most */

/**
 * enum fsk_channel_op - what a CHANNEL frame says
 * @FSK_CHANNEL_REQ: the sender has a queue pair for the receiver and wants one
 * @FSK_CHANNEL_ACK: the answer: here it is, ready to send and to receive
 * @FSK_CHANNEL_DOWN: the channel that both nonces name is no more
 */
enum fsk_channel_op {
	FSK_CHANNEL_REQ	= 1,
	FSK_CHANNEL_ACK,
	FSK_CHANNEL_DOWN,
};

/**
 * struct fsk_channel_setup - body of CHANNEL
 * @version: FSK_CHANNEL_VERSION
 * @op: enum fsk_channel_op
 * @mtu: largest path MTU of the sender's port, as enum ib_mtu numbers them
 * @features: FSK_CHANNEL_PLACES; what a receiver does not know means nothing
 * @credits: messages with frames that the sender has buffers for
 * @max: bytes that each of them takes, struct fsk_channel_hdr included
 * @qpn: the sender's queue pair, of the type RC
 * @psn: the first packet number that it will send
 * @nonce: chosen by the sender for this channel, not 0
 * @peer_nonce: chosen by the receiver; 0 in REQ
 * @gid: the sender's address, RoCE version 2
 */
struct fsk_channel_setup {
	__u8	version;
	__u8	op;
	__u8	mtu;
	__u8	features;
	__be16	credits;
	__be16	max;
	__be32	qpn;
	__be32	psn;
	__be32	nonce;
	__be32	peer_nonce;
	__u8	gid[16];
};

/**
 * enum fsk_channel_type - what a message of a queue pair is
 * @FSK_CHANNEL_FRAME: a frame follows, of a connection
 * @FSK_CHANNEL_HELLO: asks whether the other end hears this; wants HEARD
 * @FSK_CHANNEL_HEARD: answers HELLO
 * @FSK_CHANNEL_CREDIT: says nothing but what all say
 * @FSK_CHANNEL_ADVERT: struct fsk_channel_advert, and an ADVERT frame
 * @FSK_CHANNEL_REVOKE: struct fsk_channel_token: write there no longer; wants
 *	VOID, unless the last bytes of that buffer are on their way
 * @FSK_CHANNEL_VOID: nothing is written any more with the key that this
 *	message invalidates
 *
 * FRAME, ADVERT, REVOKE and VOID need a credit each.  The FRAME with the PLACED
 * that fills a buffer invalidates its key.
 */
enum fsk_channel_type {
	FSK_CHANNEL_FRAME,
	FSK_CHANNEL_HELLO,
	FSK_CHANNEL_HEARD,
	FSK_CHANNEL_CREDIT,
	FSK_CHANNEL_ADVERT,
	FSK_CHANNEL_REVOKE,
	FSK_CHANNEL_VOID,
};

/**
 * struct fsk_channel_hdr - what every message of a queue pair begins with
 * @type: enum fsk_channel_type
 * @reserved: zero
 * @credits: so many more messages with frames may be sent than before
 * @nonce: the receiver's, of the channel; in HELLO and HEARD only, otherwise 0
 */
struct fsk_channel_hdr {
	__u8	type;
	__u8	reserved;
	__be16	credits;
	__be32	nonce;
};

/**
 * struct fsk_channel_advert - what the device has to know of a buffer
 * @token: as in struct fsk_advert
 * @rkey: for RDMA WRITE
 * @addr: where the buffer begins
 * @len: bytes
 * @reserved: zero
 */
struct fsk_channel_advert {
	__be32	token;
	__be32	rkey;
	__be64	addr;
	__be32	len;
	__be32	reserved;
};

/**
 * struct fsk_channel_token - body of REVOKE
 * @token: of an ADVERT of the sender
 */
struct fsk_channel_token {
	__be32	token;
};

#ifdef __KERNEL__
#include <linux/build_bug.h>
static_assert(sizeof(struct fsk_hdr) == 24);
static_assert(sizeof(struct fsk_range) == 8);
static_assert(sizeof(struct fsk_syn) == 44);
static_assert(sizeof(struct fsk_syn6) == 68);
static_assert(sizeof(struct fsk_synack) == 16);
static_assert(sizeof(struct fsk_reject) == 4);
static_assert(sizeof(struct fsk_hello) == 20);
static_assert(sizeof(struct fsk_advert) == 12);
static_assert(sizeof(struct fsk_placed) == 8);
static_assert(sizeof(struct fsk_channel_setup) == 40);
static_assert(sizeof(struct fsk_channel_advert) == 24);
static_assert(sizeof(struct fsk_channel_hdr) == 8);
#endif

#endif /* _UAPI_LINUX_FASTSOCK_WIRE_H */
