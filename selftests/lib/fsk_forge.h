/* SPDX-License-Identifier: GPL-2.0 */
/* Frames as tests read and forge them, between namespaces a and b. */
#ifndef FSK_FORGE_H
#define FSK_FORGE_H

#include "fsk_test.h"

#include <linux/fastsock_wire.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stddef.h>

enum { FRAME_MAX = 2048 };

/* One end of the connection as frames to it must name it. */
struct target {
	uint32_t id;
	uint32_t key;
	uint32_t seq;		/* it expects this next */
	uint32_t ack;		/* it has sent so far */
	uint8_t mac[6];
	uint8_t peer_mac[6];
};

struct frame {
	size_t len;
	uint8_t data[FRAME_MAX];
};

/* A packet socket on eth0 of a namespace, which hears of a protocol or none. */
static FSK_UNUSED int wire(const char *ns, uint16_t protocol)
{
	struct sockaddr_ll name = {
		.sll_family = AF_PACKET, .sll_protocol = htons(protocol),
	};
	int fd, big = 8 << 20;

	if (fsk_enter(ns))
		return -1;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	name.sll_ifindex = if_nametoindex("eth0");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big));
	return bind(fd, (void *)&name, sizeof(name)) ? -1 : fd;
}

static FSK_UNUSED void mac_of(const char *ns, uint8_t *mac)
{
	struct ifreq request = { .ifr_name = "eth0" };
	int fd;

	fsk_enter(ns);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	ioctl(fd, SIOCGIFHWADDR, &request);
	close(fd);
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
}

/* The next frame on the wire; *in tells whether it came from the peer. */
static FSK_UNUSED bool next_frame(int fd, struct frame *f, bool *in)
{
	struct sockaddr_ll from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(fd, f->data, sizeof(f->data), 0, (void *)&from,
			     &len);

	if (n < 0)
		return false;
	f->len = n;
	*in = from.sll_pkttype != PACKET_OUTGOING;
	return true;
}

static FSK_UNUSED uint16_t proto_of(const struct frame *f)
{
	return f->len < 14 ? 0 : f->data[12] << 8 | f->data[13];
}

static FSK_UNUSED const struct fsk_hdr *hdr_of(const struct frame *f)
{
	if (proto_of(f) != FSK_ETHERTYPE ||
	    f->len < 14 + sizeof(struct fsk_hdr))
		return NULL;
	return (const struct fsk_hdr *)(f->data + 14);
}

/* What SYN and CONFIRM say, in frames of one family or the other. */
static FSK_UNUSED bool is_ipv6(uint8_t type)
{
	return type == FSK_T_SYN6 || type == FSK_T_CONFIRM6;
}

static FSK_UNUSED bool is_syn(uint8_t type)
{
	return type == FSK_T_SYN || type == FSK_T_SYN6;
}

static FSK_UNUSED bool is_confirm(uint8_t type)
{
	return type == FSK_T_CONFIRM || type == FSK_T_CONFIRM6;
}

static FSK_UNUSED uint16_t call_len(uint8_t type)
{
	return is_ipv6(type) ? sizeof(struct fsk_syn6) : sizeof(struct fsk_syn);
}

/* What the addresses of this program ask for. */
static FSK_UNUSED uint8_t call_type(bool confirm)
{
	if (FSK_NATIVE)
		return confirm ? FSK_T_CONFIRM6 : FSK_T_SYN6;
	return confirm ? FSK_T_CONFIRM : FSK_T_SYN;
}

/* As the kernel's header describes it; written again, to check that. */
static FSK_UNUSED uint32_t digest(const struct fsk_hdr *hdr, size_t body)
{
	const uint8_t *at = (const uint8_t *)(hdr + 1);
	uint32_t first = hdr->type << 24 | hdr->flags << 16 | ntohs(hdr->len);
	uint32_t sum = 0, word;

	if (hdr->type == FSK_T_DATA)
		body = 0;
	if (is_confirm(hdr->type) && body > call_len(hdr->type))
		body = call_len(hdr->type);
	for (; body >= 4; body -= 4, at += 4) {
		memcpy(&word, at, 4);
		sum = (sum + ntohl(word)) * 0x165667b1u;
	}
	return sum ^ (first * 0x9e3779b1u + ntohl(hdr->seq) * 0x85ebca6bu +
		      ntohl(hdr->ack) * 0xc2b2ae35u +
		      ntohl(hdr->win) * 0x27d4eb2fu);
}

/* Remembers what a frame tells about the end it is sent to. */
static FSK_UNUSED void learn(struct target *to, const struct fsk_hdr *hdr)
{
	uint32_t body = ntohs(hdr->len), end;

	if (hdr->type != FSK_T_DATA && !is_confirm(hdr->type))
		return;
	if (is_confirm(hdr->type))
		body -= call_len(hdr->type);
	end = ntohl(hdr->seq) + body;
	if (!to->id || (int32_t)(end - to->seq) > 0)
		to->seq = end;
	if (!to->id || (int32_t)(ntohl(hdr->ack) - to->ack) > 0)
		to->ack = ntohl(hdr->ack);
	to->id = ntohl(hdr->id);
	to->key = ntohl(hdr->key) ^ digest(hdr, ntohs(hdr->len));
}

static FSK_UNUSED void put_eth(struct frame *f, const uint8_t *to,
			       const uint8_t *from, uint16_t proto)
{
	memset(f, 0, sizeof(*f));
	memcpy(f->data, to, 6);
	memcpy(f->data + 6, from, 6);
	f->data[12] = proto >> 8;
	f->data[13] = proto;
	f->len = 14;
}

static FSK_UNUSED struct fsk_hdr *put_hdr(struct frame *f,
					  const struct target *to, uint8_t type,
					  uint16_t body)
{
	struct fsk_hdr *hdr = (void *)(f->data + 14);

	put_eth(f, to->mac, to->peer_mac, FSK_ETHERTYPE);
	f->len = 14 + sizeof(*hdr) + body;
	hdr->type = type;
	hdr->len = htons(body);
	hdr->id = htonl(to->id);
	hdr->key = htonl(to->key);
	hdr->seq = htonl(to->seq);
	hdr->ack = htonl(to->ack);
	hdr->win = htonl(65536);
	return hdr;
}

static FSK_UNUSED struct fsk_hello *put_hello(struct frame *f,
					      const struct target *to,
					      uint8_t type, uint8_t version)
{
	struct fsk_hello *hello;
	struct fsk_hdr *hdr;

	hdr = put_hdr(f, to, type, sizeof(*hello));
	hdr->id = 0;
	hdr->key = 0;
	hello = (void *)(hdr + 1);
	hello->version = version;
	return hello;
}

/* Sends a frame as it is. */
static FSK_UNUSED int replay(int fd, const struct frame *f)
{
	struct pollfd poller = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	do {
		n = send(fd, f->data, f->len, 0);
	} while (n < 0 && (errno == EAGAIN || errno == ENOBUFS) &&
		 poll(&poller, 1, 1000) >= 0);
	return n == (ssize_t)f->len ? 0 : -1;
}

/* A fastsock frame is sealed, so that all else counts. */
static FSK_UNUSED void seal(struct frame *f)
{
	const size_t head = 14 + sizeof(struct fsk_hdr);
	struct fsk_hdr *hdr = (void *)(f->data + 14);

	if (hdr_of(f))
		hdr->key ^= htonl(digest(hdr, f->len - head));
}

/* Sends a forged frame. */
static FSK_UNUSED int inject(int fd, const struct frame *f)
{
	struct frame sealed = *f;

	seal(&sealed);
	return replay(fd, &sealed);
}

/* Says it in a frame; @call has addresses of IPv4 as IPv6 writes them. */
static FSK_UNUSED void put_call(struct frame *f, const struct target *to,
				uint8_t type, const struct fsk_syn6 *call)
{
	struct fsk_hdr *hdr = put_hdr(f, to, type, call_len(type));
	struct fsk_syn *syn = (void *)(hdr + 1);

	if (is_ipv6(type)) {
		memcpy(syn, call, sizeof(*call));
		return;
	}
	syn->version = call->version;
	syn->reserved = call->reserved;
	syn->mss = call->mss;
	memcpy(&syn->saddr, call->saddr + 12, 4);
	memcpy(&syn->daddr, call->daddr + 12, 4);
	/* All else lies behind them in one order. */
	memcpy(&syn->sport, &call->sport,
	       sizeof(*syn) - offsetof(struct fsk_syn, sport));
}

static FSK_UNUSED struct fsk_syn6 read_call(const struct fsk_hdr *hdr)
{
	const struct fsk_syn *syn = (const void *)(hdr + 1);
	struct fsk_syn6 call = {};

	if (is_ipv6(hdr->type)) {
		memcpy(&call, syn, sizeof(call));
		return call;
	}
	call.version = syn->version;
	call.reserved = syn->reserved;
	call.mss = syn->mss;
	memset(call.saddr + 10, 0xff, 2);
	memset(call.daddr + 10, 0xff, 2);
	memcpy(call.saddr + 12, &syn->saddr, 4);
	memcpy(call.daddr + 12, &syn->daddr, 4);
	memcpy(&call.sport, &syn->sport,
	       sizeof(*syn) - offsetof(struct fsk_syn, sport));
	return call;
}

/* A client's, from a to b or other addresses of theirs. */
static FSK_UNUSED struct fsk_syn6 true_call(const char *from, const char *to)
{
	struct in6_addr saddr = fsk_addr6(from, 0).sin6_addr;
	struct in6_addr daddr = fsk_addr6(to, 0).sin6_addr;
	struct fsk_syn6 call = {
		.version = FSK_WIRE_VERSION, .mss = htons(1476),
		.win = htonl(65536),
	};

	memcpy(call.saddr, &saddr, sizeof(call.saddr));
	memcpy(call.daddr, &daddr, sizeof(call.daddr));
	return call;
}

/* SYN has neither id nor key in the header. */
static FSK_UNUSED void put_syn_of(struct frame *f, const struct target *to,
				  const struct fsk_syn6 *call)
{
	struct target nobody = *to;

	nobody.id = 0;
	nobody.key = 0;
	put_call(f, &nobody, call_type(false), call);
}

/* The CONFIRM of who has got this answer. */
static FSK_UNUSED void put_confirm(struct frame *f, const struct target *b,
				   const struct fsk_syn6 *call,
				   const struct fsk_synack *sa)
{
	struct target to = *b;

	to.id = ntohl(sa->id);
	to.key = ntohl(sa->key);
	to.seq = ntohl(call->key);
	to.ack = ntohl(sa->key);
	put_call(f, &to, call_type(true), call);
}

/* The next SYNACK from the peer. */
static FSK_UNUSED bool next_synack(int fd, struct fsk_synack *sa)
{
	const struct fsk_hdr *hdr;
	struct frame f;
	bool in;

	while (next_frame(fd, &f, &in)) {
		hdr = hdr_of(&f);
		if (in && hdr && hdr->type == FSK_T_SYNACK) {
			memcpy(sa, hdr + 1, sizeof(*sa));
			return true;
		}
	}
	return false;
}

/* Frames of a type that have come from the peer. */
static FSK_UNUSED int frames_of(int fd, uint8_t type)
{
	const struct fsk_hdr *hdr;
	struct frame f;
	int n = 0;
	bool in;

	while (next_frame(fd, &f, &in)) {
		hdr = hdr_of(&f);
		n += in && hdr && hdr->type == type;
	}
	return n;
}

/* Counters that begin with a prefix. */
struct counts {
	unsigned int n;
	char names[64][40];
	long values[64];
};

static FSK_UNUSED void count(const char *ns, const char *prefix,
			     struct counts *c)
{
	char name[40];
	long value;
	FILE *file;

	c->n = 0;
	if (fsk_enter(ns))
		return;
	file = fopen("/proc/thread-self/net/fastsock_stat", "re");
	while (file && fscanf(file, "%39s %ld", name, &value) == 2)
		if (!strncmp(name, prefix, strlen(prefix)) && c->n < 64) {
			strcpy(c->names[c->n], name);
			c->values[c->n++] = value;
		}
	if (file)
		fclose(file);
}

/* What moved since, as "Name+1 Name+2"; prefix left out. */
static FSK_UNUSED const char *moved(const char *ns, const char *prefix,
				    const struct counts *before)
{
	static char text[512];
	struct counts now;
	unsigned int i;
	char *at = text;

	count(ns, prefix, &now);
	*text = 0;
	for (i = 0; i < now.n; i++)
		if (now.values[i] != before->values[i])
			at += sprintf(at, "%s%s+%ld", at == text ? "" : " ",
				      now.names[i] + strlen(prefix),
				      now.values[i] - before->values[i]);
	return text;
}

/* Fastsock's frames do not reach that fastsock; a test can see them. */
static FSK_UNUSED int deafen(const char *ns)
{
	char command[200];

	snprintf(command, sizeof(command),
		 "./helper_at %s tc qdisc add dev eth0 clsact && "
		 "./helper_at %s tc filter add dev eth0 ingress "
		 "protocol 0x88b5 matchall action drop", ns, ns);
	return fsk_run(command);
}

static FSK_UNUSED int hear(const char *ns)
{
	char command[80];

	snprintf(command, sizeof(command),
		 "./helper_at %s tc qdisc del dev eth0 clsact", ns);
	return fsk_run(command);
}

#endif /* FSK_FORGE_H */
