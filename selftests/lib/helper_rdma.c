// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a channel (Documentation/rdma.rst) of a neighbour that misbehaves.
 *
 *   helper_rdma DEV RDMADEV MAC WAY
 *
 * asks the neighbour MAC behind DEV for a channel as fastsock_rdma.ko would,
 * which must not be loaded here and whose host has to be the one that begins.
 * It says HELLO, waits for HEARD, and does what WAY names.  After that it looks
 * for some seconds whether the neighbour says DOWN, and prints what it saw, one
 * thing a line:
 *
 *	up		HEARD came
 *	sent N		messages that the device has delivered
 *	status TEXT	of the first one that it has not
 *	down | stays	whether DOWN came
 *
 * HELLOs are answered and credits given back all the while, but for the ways
 * that are about that: so DOWN does not come because of silence.  Frames that
 * the neighbour sends over the channel are lost here.
 *
 * The ways that begin with "place_" need a reader there that waits with a big
 * buffer, and traffic of its connection on DEV; they wait for the buffer that
 * is offered, and print:
 *
 *	offered N	its bytes
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <infiniband/verbs.h>
#include <linux/fastsock_wire.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CREDITS		64
#define RECVS		(CREDITS + 8)
#define SENDS		64
#define WINDOW		16	/* messages on their way */
#define RECV_SIZE	4096
#define SEND_SIZE	8192
#define FLOOD		100000
#define FLOOD_TIME	60	/* seconds, if they do not suffice */
#define WATCH		4	/* seconds; well below a HELLO without answer */

/* It begins on the wire with @eth; @pad aligns what follows. */
struct frame {
	__u8 pad[2];
	struct ether_header eth;
	struct fsk_hdr hdr;
	struct fsk_channel_setup setup;
};

#define FRAME_LEN	(sizeof(struct frame) - offsetof(struct frame, eth))

struct end {
	int index;			/* of the network device */
	__u8 mac[ETH_ALEN];
	__u8 peer_mac[ETH_ALEN];
	int wire;			/* packet socket */
	struct ibv_context *context;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_qp *qp;
	struct ibv_mr *mr;
	__u8 *recvs;
	__u8 *sends;
	int gid_index;
	union ibv_gid gid;
	__u32 psn;
	__u32 nonce;
	struct fsk_channel_setup peer;	/* its ACK */
	bool places;			/* says that it knows of buffers */
	bool keeps;			/* gives none back */
	bool offered;			/* a buffer, which @advert is of */
	struct fsk_channel_advert advert;
	struct fsk_advert stream;
	bool revoked;
	unsigned int posted;		/* messages, altogether */
	unsigned int done;
	unsigned int delivered;
	unsigned int owed;		/* credits */
	bool up;
	bool failed;			/* a message was not delivered */
	bool answers;			/* HELLOs, and gives credits back */
	bool generous;
	bool reposts;
	bool down;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static __u32 random32(void)
{
	__u32 value;

	if (getrandom(&value, sizeof(value), 0) != sizeof(value))
		die("getrandom");
	return value;
}

/* By Ethernet */

static __u32 digest(const struct fsk_hdr *hdr, const void *body, size_t len)
{
	const __u32 *words = body;
	__u32 first, sum = 0;
	size_t i;

	memcpy(&first, hdr, sizeof(first));
	for (i = 0; i < len / 4; i++)
		sum = (sum + ntohl(words[i])) * 0x165667b1;
	return sum ^ (ntohl(first) * 0x9e3779b1 + ntohl(hdr->seq) * 0x85ebca6b +
		      ntohl(hdr->ack) * 0xc2b2ae35 +
		      ntohl(hdr->win) * 0x27d4eb2f);
}

static void tell(struct end *e, __u8 op, __u32 qpn, __u32 nonce,
		 __u32 peer_nonce)
{
	struct fsk_channel_setup setup = {
		.version = FSK_CHANNEL_VERSION,
		.op = op,
		.mtu = IBV_MTU_4096,
		.features = e->places ? FSK_CHANNEL_PLACES : 0,
		.credits = htons(CREDITS),
		.max = htons(RECV_SIZE),
		.qpn = htonl(qpn),
		.psn = htonl(e->psn),
		.nonce = nonce,
		.peer_nonce = peer_nonce,
	};
	struct frame frame = {
		.eth.ether_type = htons(FSK_ETHERTYPE),
		.hdr.type = FSK_T_CHANNEL,
		.hdr.len = htons(sizeof(setup)),
	};

	memcpy(setup.gid, e->gid.raw, sizeof(setup.gid));
	memcpy(frame.eth.ether_dhost, e->peer_mac, ETH_ALEN);
	memcpy(frame.eth.ether_shost, e->mac, ETH_ALEN);
	frame.setup = setup;
	frame.hdr.key = htonl(digest(&frame.hdr, &setup, sizeof(setup)));
	/* A queue that is full loses it, as a wire would. */
	if (send(e->wire, &frame.eth, FRAME_LEN, 0) < 0)
		usleep(1000);
}

/* Return: false if no CHANNEL frame for this end has come. */
static bool hear(struct end *e, struct fsk_channel_setup *setup)
{
	struct frame frame;
	ssize_t n;

	for (;;) {
		n = recv(e->wire, &frame.eth, FRAME_LEN, MSG_DONTWAIT);
		if (n < 0)
			return false;
		if (n < (ssize_t)FRAME_LEN ||
		    frame.hdr.type != FSK_T_CHANNEL ||
		    memcmp(frame.eth.ether_shost, e->peer_mac, ETH_ALEN))
			continue;
		*setup = frame.setup;
		return true;
	}
}

static int packet_socket(int index, int protocol)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = index,
	};
	int fd = socket(AF_PACKET, SOCK_RAW, htons(protocol));

	if (fd < 0 || bind(fd, (void *)&address, sizeof(address)))
		die("packet socket");
	return fd;
}

/* The queue pair */

static void post_recv(struct end *e, int i)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)(e->recvs + i * RECV_SIZE),
		.length = RECV_SIZE,
		.lkey = e->mr->lkey,
	};
	struct ibv_recv_wr *bad, wr = {
		.wr_id = i,
		.sg_list = &sge,
		.num_sge = 1,
	};

	/* What came before do_close() is still looked at. */
	if (e->qp && ibv_post_recv(e->qp, &wr, &bad))
		die("ibv_post_recv");
}

static void look(struct end *e);

/* What stands in the buffer that comes next, or zeros. */
static void *buffer(struct end *e)
{
	__u8 *data;

	/*
	 * This may say something by itself.  What waits before it delays it,
	 * and a HELLO is to be answered in time.
	 */
	while (e->posted - e->done >= WINDOW)
		look(e);
	data = e->sends + e->posted % SENDS * SEND_SIZE;
	memset(data, 0, SEND_SIZE);
	return data;
}

static void post_at(struct end *e, enum ibv_wr_opcode opcode, size_t len,
		    __u32 rkey, __u64 addr)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)(e->sends + e->posted % SENDS * SEND_SIZE),
		.length = len,
		.lkey = e->mr->lkey,
	};
	struct ibv_send_wr *bad, wr = {
		.wr_id = RECVS,
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = opcode,
		.send_flags = IBV_SEND_SIGNALED,
	};

	if (!e->qp)
		return;
	if (opcode == IBV_WR_SEND_WITH_INV) {
		wr.invalidate_rkey = rkey;
	} else {
		wr.wr.rdma.remote_addr = addr;
		wr.wr.rdma.rkey = rkey;
	}
	if (ibv_post_send(e->qp, &wr, &bad))
		die("ibv_post_send");
	e->posted++;
}

static void post(struct end *e, enum ibv_wr_opcode opcode, size_t len,
		 __u32 rkey)
{
	post_at(e, opcode, len, rkey, (uintptr_t)e->mr->addr);
}

static void say(struct end *e, __u8 type, __u32 nonce,
		unsigned int credits)
{
	struct fsk_channel_hdr *hdr = buffer(e);

	hdr->type = type;
	hdr->nonce = nonce;
	hdr->credits = htons(credits);
	post(e, IBV_WR_SEND, sizeof(*hdr), 0);
}

/* VOID, which is to invalidate a key. */
static void give_back(struct end *e, __u32 rkey)
{
	struct fsk_channel_hdr *hdr = buffer(e);

	hdr->type = FSK_CHANNEL_VOID;
	post(e, IBV_WR_SEND_WITH_INV, sizeof(*hdr), rkey);
}

/* The first buffer is kept for what is to be tried with it. */
static void message_advert(struct end *e, const struct fsk_channel_hdr *hdr)
{
	const struct fsk_channel_advert *advert = (const void *)(hdr + 1);
	const struct fsk_hdr *frame = (const void *)(advert + 1);

	if (e->offered) {
		if (!e->keeps && !e->failed)
			give_back(e, ntohl(advert->rkey));
		return;
	}
	e->advert = *advert;
	memcpy(&e->stream, frame + 1, sizeof(e->stream));
	e->offered = true;
}

/* A message has come. */
static void message(struct end *e, const struct fsk_channel_hdr *hdr)
{
	unsigned int owed;

	if (hdr->type == FSK_CHANNEL_HEARD)
		e->up = true;
	if (hdr->type == FSK_CHANNEL_FRAME ||
	    hdr->type >= FSK_CHANNEL_ADVERT)
		e->owed++;
	if (hdr->type == FSK_CHANNEL_ADVERT)
		message_advert(e, hdr);
	if (hdr->type == FSK_CHANNEL_REVOKE) {
		e->revoked = true;
		if (!e->keeps && !e->failed)
			give_back(e, ntohl(e->advert.rkey));
	}
	if (e->failed)
		return;
	if (hdr->type == FSK_CHANNEL_HELLO && e->answers)
		say(e, FSK_CHANNEL_HEARD, e->peer.nonce, 0);
	if (e->owed >= CREDITS / 2 && e->generous) {
		/* What comes while this waits is given back by itself. */
		owed = e->owed;
		e->owed = 0;
		say(e, FSK_CHANNEL_CREDIT, 0, owed);
	}
}

/* What has been done, and what has come. */
static void look(struct end *e)
{
	struct fsk_channel_setup setup;
	struct ibv_wc wc;
	bool idle = true;

	while (ibv_poll_cq(e->cq, 1, &wc) > 0) {
		idle = false;
		if (wc.wr_id == RECVS) {
			e->done++;
			if (!wc.status) {
				e->delivered++;
			} else if (!e->failed) {
				e->failed = true;
				printf("status %s\n",
				       ibv_wc_status_str(wc.status));
			}
		} else if (!wc.status) {
			message(e, (void *)(e->recvs + wc.wr_id * RECV_SIZE));
			if (e->reposts)
				post_recv(e, wc.wr_id);
		}
	}
	while (hear(e, &setup))
		if (setup.op == FSK_CHANNEL_DOWN &&
		    setup.peer_nonce == e->nonce)
			e->down = true;
	if (idle)
		usleep(1000);
}

static void find_gid(struct end *e)
{
	static const __u8 mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct ibv_gid_entry entry;
	int i;

	for (i = 0; i < 64; i++)
		if (!ibv_query_gid_ex(e->context, 1, i, &entry, 0) &&
		    entry.gid_type == IBV_GID_TYPE_ROCE_V2 &&
		    !memcmp(entry.gid.raw, mapped, sizeof(mapped))) {
			e->gid_index = i;
			e->gid = entry.gid;
			return;
		}
	die("no address of RoCE 2 and IPv4");
}

static void open_end(struct end *e, const char *dev, const char *rdma,
		     const char *mac)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ether_addr *peer = ether_aton(mac);
	size_t size = RECVS * RECV_SIZE + SENDS * SEND_SIZE;
	struct ifreq request = { 0 };

	e->index = if_nametoindex(dev);
	if (!e->index || !peer)
		die(dev);
	memcpy(e->peer_mac, peer, ETH_ALEN);
	e->wire = packet_socket(e->index, FSK_ETHERTYPE);
	snprintf(request.ifr_name, IFNAMSIZ, "%s", dev);
	if (ioctl(e->wire, SIOCGIFHWADDR, &request))
		die("SIOCGIFHWADDR");
	memcpy(e->mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
	while (list && *list && strcmp(ibv_get_device_name(*list), rdma))
		list++;
	if (!list || !*list)
		die(rdma);
	e->context = ibv_open_device(*list);
	if (!e->context)
		die("ibv_open_device");
	find_gid(e);
	e->pd = ibv_alloc_pd(e->context);
	e->cq = ibv_create_cq(e->context, 2 * (RECVS + SENDS), NULL, NULL, 0);
	e->recvs = aligned_alloc(4096, size);
	e->sends = e->recvs + RECVS * RECV_SIZE;
	if (!e->pd || !e->cq || !e->recvs)
		die("verbs");
	memset(e->recvs, 0, size);
	e->mr = ibv_reg_mr(e->pd, e->recvs, size, IBV_ACCESS_LOCAL_WRITE);
	if (!e->mr)
		die("ibv_reg_mr");
}

static void make_qp(struct end *e)
{
	struct ibv_qp_init_attr init = {
		.qp_type = IBV_QPT_RC,
		.send_cq = e->cq,
		.recv_cq = e->cq,
		.cap = {
			.max_send_wr = SENDS,
			.max_recv_wr = RECVS,
			.max_send_sge = 1,
			.max_recv_sge = 1,
		},
	};
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_INIT,
		.port_num = 1,
	};
	int i;

	e->qp = ibv_create_qp(e->pd, &init);
	if (!e->qp || ibv_modify_qp(e->qp, &attr, IBV_QP_STATE | IBV_QP_PORT |
				    IBV_QP_PKEY_INDEX | IBV_QP_ACCESS_FLAGS))
		die("ibv_create_qp");
	for (i = 0; i < RECVS; i++)
		post_recv(e, i);
	e->psn = random32() & 0xffffff;
	e->nonce = random32() | 1;
}

static void connect_qp(struct end *e)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTR,
		.path_mtu = IBV_MTU_1024,
		.dest_qp_num = ntohl(e->peer.qpn),
		.rq_psn = ntohl(e->peer.psn),
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = 12,
		.ah_attr = {
			.is_global = 1,
			.port_num = 1,
			.grh.sgid_index = e->gid_index,
			.grh.hop_limit = 1,
		},
	};

	memcpy(attr.ah_attr.grh.dgid.raw, e->peer.gid, 16);
	if (ibv_modify_qp(e->qp, &attr, IBV_QP_STATE | IBV_QP_AV |
			  IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
			  IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER))
		die("ready to receive");
	attr.qp_state = IBV_QPS_RTS;
	attr.timeout = 15;
	attr.retry_cnt = 5;	/* 7 is for ever */
	attr.rnr_retry = 7;
	attr.sq_psn = e->psn;
	attr.max_rd_atomic = 1;
	if (ibv_modify_qp(e->qp, &attr, IBV_QP_STATE | IBV_QP_TIMEOUT |
			  IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN |
			  IBV_QP_MAX_QP_RD_ATOMIC))
		die("ready to send");
}

/* What is left of an earlier channel may have to end first. */
static void ask(struct end *e)
{
	double late = now() + 60, again = 0;

	while (now() < late) {
		if (now() > again) {
			tell(e, FSK_CHANNEL_REQ, e->qp->qp_num, e->nonce, 0);
			again = now() + 0.3;
		}
		while (hear(e, &e->peer))
			if (e->peer.op == FSK_CHANNEL_ACK &&
			    e->peer.peer_nonce == e->nonce)
				return;
		usleep(1000);
	}
	die("no ACK");
}

static void wait_until(struct end *e, const bool *what, double seconds)
{
	double late = now() + seconds;

	while (!*what && now() < late)
		look(e);
}

static void greet(struct end *e)
{
	say(e, FSK_CHANNEL_HELLO, e->peer.nonce, 0);
	wait_until(e, &e->up, 20);
	if (!e->up)
		die("no HEARD");
	puts("up");
}

/* What may be done wrong */

static void send_bytes(struct end *e, size_t len)
{
	buffer(e);
	post(e, IBV_WR_SEND, len, 0);
}

static void do_short(struct end *e)
{
	struct fsk_channel_hdr *hdr = buffer(e);

	/* But for its length it would do. */
	hdr->type = FSK_CHANNEL_CREDIT;
	post(e, IBV_WR_SEND, sizeof(*hdr) - 1, 0);
}

static void do_empty(struct end *e)
{
	send_bytes(e, 0);
}

static void do_type(struct end *e)
{
	say(e, FSK_CHANNEL_VOID + 1, 0, 0);
}

static void do_nonce(struct end *e)
{
	say(e, FSK_CHANNEL_HELLO, e->peer.nonce ^ htonl(2), 0);
}

static void do_heard(struct end *e)
{
	say(e, FSK_CHANNEL_HEARD, e->peer.nonce ^ htonl(2), 0);
}

static void do_credits(struct end *e)
{
	say(e, FSK_CHANNEL_CREDIT, 0, CREDITS + 1);
}

/* Sums must not wrap either. */
static void do_credits_many(struct end *e)
{
	say(e, FSK_CHANNEL_CREDIT, 0, 65535);
}

static void do_bare(struct end *e)
{
	say(e, FSK_CHANNEL_FRAME, 0, 0);
}

static void do_stub(struct end *e)
{
	send_bytes(e, sizeof(struct fsk_channel_hdr) + sizeof(struct fsk_hdr) -
		   1);
}

static void do_long(struct end *e)
{
	send_bytes(e, SEND_SIZE);
}

static void do_write(struct end *e)
{
	buffer(e);
	post(e, IBV_WR_RDMA_WRITE, 64, random32());
}

static void do_write0(struct end *e)
{
	buffer(e);
	post(e, IBV_WR_RDMA_WRITE, 64, 0);
}

static void do_read(struct end *e)
{
	buffer(e);
	post(e, IBV_WR_RDMA_READ, 64, random32());
}

/* Random bytes after the header, of every length. */
static void do_garbage(struct end *e)
{
	size_t len, max = RECV_SIZE - sizeof(struct fsk_channel_hdr);
	__u8 *data;
	int i;

	for (i = 0; i < 1000 && !e->failed; i++) {
		data = buffer(e);
		len = sizeof(struct fsk_hdr) + random32() %
		      (max - sizeof(struct fsk_hdr) + 1);
		getrandom(data + sizeof(struct fsk_channel_hdr), len, 0);
		/* Random types are rarely ones that exist. */
		data[sizeof(struct fsk_channel_hdr)] %= FSK_T_MAX;
		post(e, IBV_WR_SEND, sizeof(struct fsk_channel_hdr) + len, 0);
	}
}

/* Does a frame carry what the buffer that was offered waits for, or nearly? */
static bool is_reader(const struct end *e, const struct fsk_hdr *hdr)
{
	__u32 off = ntohl(hdr->seq) - ntohl(e->stream.seq);

	return !e->offered || off + (1 << 22) < 1 << 23;
}

/*
 * The header of a frame from this host to the neighbour, of a connection of
 * which that has offered a buffer, if it has.
 */
static struct fsk_hdr find_frame(struct end *e)
{
	int fd = packet_socket(e->index, ETH_P_ALL);
	double late = now() + 20;
	struct fsk_hdr hdr = { 0 };
	struct frame frame;

	while (!hdr.id && now() < late) {
		if (recv(fd, &frame.eth, FRAME_LEN, MSG_DONTWAIT) <
		    (ssize_t)(sizeof(frame.eth) + sizeof(frame.hdr))) {
			look(e);
			continue;
		}
		if (frame.eth.ether_type == htons(FSK_ETHERTYPE) &&
		    !memcmp(frame.eth.ether_dhost, e->peer_mac, ETH_ALEN) &&
		    frame.hdr.type == FSK_T_DATA && is_reader(e, &frame.hdr))
			hdr = frame.hdr;
	}
	close(fd);
	if (!hdr.id)
		die("no connection");
	return hdr;
}

static __u32 find_id(struct end *e)
{
	return find_frame(e).id;
}

static void do_flood(struct end *e)
{
	__u32 id = find_id(e);
	double late = now() + FLOOD_TIME;
	struct fsk_hdr *hdr;
	size_t len;
	int i;

	for (i = 0; i < FLOOD && now() < late && !e->failed; i++) {
		hdr = (void *)((__u8 *)buffer(e) +
			       sizeof(struct fsk_channel_hdr));
		len = i % 64 * 8;
		hdr->type = FSK_T_DATA;
		hdr->id = id;
		hdr->key = random32();
		hdr->len = htons(len);
		hdr->seq = random32();
		hdr->ack = random32();
		post(e, IBV_WR_SEND, sizeof(struct fsk_channel_hdr) +
		     sizeof(*hdr) + len, 0);
	}
}

/* Write nothing, with 32 bits that take a buffer: what stood there counts? */
static void do_write_imm(struct end *e)
{
	buffer(e);
	post(e, IBV_WR_RDMA_WRITE_WITH_IMM, 0, 0);
}

/* For the whole host, in words that need no key. */
static void do_bye(struct end *e)
{
	__u8 *data = buffer(e);
	struct fsk_hello hello = { .version = FSK_WIRE_VERSION };
	struct fsk_hdr hdr = {
		.type = FSK_T_BYE,
		.len = htons(sizeof(hello)),
	};

	memset(hello.hostid, 1, sizeof(hello.hostid));
	hdr.key = htonl(digest(&hdr, &hello, sizeof(hello)));
	data += sizeof(struct fsk_channel_hdr);
	memcpy(data, &hdr, sizeof(hdr));
	memcpy(data + sizeof(hdr), &hello, sizeof(hello));
	post(e, IBV_WR_SEND, sizeof(struct fsk_channel_hdr) + sizeof(hdr) +
	     sizeof(hello), 0);
}

/* Neither receives nor answers. */
static void do_mute(struct end *e)
{
	e->reposts = false;
	e->answers = false;
	e->generous = false;
	wait_until(e, &e->down, 20);
}

/* Answers, and lets nothing come. */
static void do_stingy(struct end *e)
{
	e->generous = false;
	wait_until(e, &e->down, 20);
}

static void do_close(struct end *e)
{
	ibv_destroy_qp(e->qp);
	e->qp = NULL;
	e->failed = true;
	wait_until(e, &e->down, 30);
}

static void do_down(struct end *e)
{
	tell(e, FSK_CHANNEL_DOWN, e->qp->qp_num, e->nonce, e->peer.nonce);
}

static void do_down_wrong(struct end *e)
{
	int i;

	for (i = 0; i < 20; i++) {
		tell(e, FSK_CHANNEL_DOWN, e->qp->qp_num, random32(),
		     e->peer.nonce);
		tell(e, FSK_CHANNEL_DOWN, e->qp->qp_num, e->nonce, random32());
		tell(e, FSK_CHANNEL_DOWN, e->qp->qp_num, random32(),
		     random32());
		/* More often than that nobody listens. */
		usleep(50000);
	}
}

/* Each time a queue pair that exists, and another one. */
static void do_req(struct end *e)
{
	struct end other = *e;
	double late = now() + 8;
	int i;

	for (i = 0; now() < late; i++) {
		if (i % 64 == 0)
			make_qp(&other);
		tell(&other, FSK_CHANNEL_REQ, other.qp->qp_num, random32() | 1,
		     0);
		look(e);
		if (i % 64 == 63)
			ibv_destroy_qp(other.qp);
	}
}

/* A buffer is offered, which nobody gives back. */
static void wait_offer(struct end *e)
{
	e->keeps = true;
	wait_until(e, &e->offered, 30);
	if (!e->offered)
		die("no buffer");
	printf("offered %u\n", ntohl(e->advert.len));
}

static void write_at(struct end *e, __s64 off, size_t len)
{
	memset(buffer(e), 0xee, len);
	post_at(e, IBV_WR_RDMA_WRITE, len, ntohl(e->advert.rkey),
		be64toh(e->advert.addr) + off);
}

/* Until what was posted has been done. */
static void settle(struct end *e)
{
	double late = now() + 10;

	while (e->done < e->posted && now() < late)
		look(e);
}

static void do_place_beyond(struct end *e)
{
	wait_offer(e);
	write_at(e, ntohl(e->advert.len), 64);
}

static void do_place_across(struct end *e)
{
	wait_offer(e);
	write_at(e, ntohl(e->advert.len) - 63, 64);
}

static void do_place_before(struct end *e)
{
	wait_offer(e);
	write_at(e, -64, 64);
}

static void do_place_read(struct end *e)
{
	wait_offer(e);
	buffer(e);
	post_at(e, IBV_WR_RDMA_READ, 64, ntohl(e->advert.rkey),
		be64toh(e->advert.addr));
}

/* The key was right, but is no more. */
static void do_place_stale(struct end *e)
{
	wait_offer(e);
	give_back(e, ntohl(e->advert.rkey));
	settle(e);
	write_at(e, 0, 64);
}

/* The reader wants its buffer back, does not get it, and returns. */
static void do_place_keep(struct end *e)
{
	wait_offer(e);
	write_at(e, 0, 4096);
	wait_until(e, &e->revoked, 20);
	if (!e->revoked)
		die("no REVOKE");
	wait_until(e, &e->down, 20);
	write_at(e, 0, 4096);
}

/* What is written and not spoken of is no part of the stream. */
static void do_place_scribble(struct end *e)
{
	__u32 off, len;

	wait_offer(e);
	e->keeps = false;
	for (off = 0; off < ntohl(e->advert.len); off += len) {
		len = ntohl(e->advert.len) - off;
		if (len > 4096)
			len = 4096;
		write_at(e, off, len);
	}
	give_back(e, ntohl(e->advert.rkey));
}

/* Of nothing that was offered. */
static void do_place_void(struct end *e)
{
	wait_offer(e);
	give_back(e, ntohl(e->advert.rkey) ^ 1);
}

/* It gives nothing back. */
static void do_place_plain_void(struct end *e)
{
	wait_offer(e);
	say(e, FSK_CHANNEL_VOID, 0, 0);
}

static __u32 digest_of(const struct fsk_hdr *hdr)
{
	return digest(hdr, NULL, 0);
}

/* A frame for the reader's connection, with its key. */
static void frame_for_reader(struct end *e, __u8 type, __u32 seq,
			     const void *body, size_t len)
{
	struct fsk_hdr like = find_frame(e), hdr = like;
	__u32 key = ntohl(like.key) ^ digest_of(&like);
	__u8 *data = buffer(e);

	hdr.type = type;
	hdr.flags = 0;
	hdr.len = htons(len);
	hdr.seq = seq;
	hdr.key = htonl(key ^ digest(&hdr, body, len));
	data += sizeof(struct fsk_channel_hdr);
	memcpy(data, &hdr, sizeof(hdr));
	memcpy(data + sizeof(hdr), body, len);
	post(e, IBV_WR_SEND, sizeof(struct fsk_channel_hdr) + sizeof(hdr) +
	     len, 0);
}

static void say_placed(struct end *e, __u32 token, __u32 seq, __u32 len)
{
	struct fsk_placed placed = {
		.token = token,
		.len = htonl(len),
	};

	frame_for_reader(e, FSK_T_PLACED, htonl(seq), &placed, sizeof(placed));
}

static void do_place_lie_long(struct end *e)
{
	wait_offer(e);
	say_placed(e, e->advert.token, ntohl(e->stream.seq),
		   ntohl(e->advert.len) + 1);
}

static void do_place_lie_wrap(struct end *e)
{
	wait_offer(e);
	say_placed(e, e->advert.token, ntohl(e->stream.seq) + 64, 0xffffffff);
}

static void do_place_lie_before(struct end *e)
{
	wait_offer(e);
	say_placed(e, e->advert.token, ntohl(e->stream.seq) - 1, 64);
}

static void do_place_lie_none(struct end *e)
{
	wait_offer(e);
	say_placed(e, e->advert.token, ntohl(e->stream.seq), 0);
}

/* Of another buffer, and of bytes that are not expected next. */
static void do_place_odd(struct end *e)
{
	wait_offer(e);
	e->keeps = false;
	say_placed(e, e->advert.token ^ 1, ntohl(e->stream.seq), 64);
	say_placed(e, e->advert.token, ntohl(e->stream.seq) +
		   ntohl(e->advert.len) - 64, 64);
}

static void advert(struct end *e, __u32 token, size_t less)
{
	struct fsk_channel_hdr *hdr = buffer(e);
	struct fsk_channel_advert *body = (void *)(hdr + 1);
	struct fsk_hdr *frame = (void *)(body + 1);

	hdr->type = FSK_CHANNEL_ADVERT;
	body->token = htonl(token);
	body->rkey = htonl(random32());
	body->addr = htobe64(4096);
	body->len = htonl(262144);
	frame->type = FSK_T_ADVERT;
	frame->len = htons(sizeof(struct fsk_advert));
	frame->id = htonl(random32());
	post(e, IBV_WR_SEND, sizeof(*hdr) + sizeof(*body) + sizeof(*frame) +
	     sizeof(struct fsk_advert) - less, 0);
}

static void do_advert_many(struct end *e)
{
	int i;

	for (i = 0; i < FSK_CHANNEL_ADVERTS + 1; i++)
		advert(e, i, 0);
}

static void do_advert_twice(struct end *e)
{
	advert(e, 1, 0);
	advert(e, 1, 0);
}

static void do_advert_short(struct end *e)
{
	advert(e, 1, sizeof(struct fsk_advert) + 1);
}

/* As many as may be, and all are asked back. */
static void do_revoke(struct end *e)
{
	struct fsk_channel_hdr *hdr;
	struct fsk_channel_token *body;
	int i;

	for (i = 0; i < 4; i++) {
		hdr = buffer(e);
		body = (void *)(hdr + 1);
		hdr->type = FSK_CHANNEL_REVOKE;
		body->token = htonl(i);
		post(e, IBV_WR_SEND, sizeof(*hdr) + sizeof(*body), 0);
	}
}

static void do_revoke_short(struct end *e)
{
	say(e, FSK_CHANNEL_REVOKE, 0, 0);
}

static const struct {
	const char *name;
	void (*what)(struct end *e);
	bool first;		/* before HELLO */
} ways[] = {
	{ "place_beyond", do_place_beyond },
	{ "place_across", do_place_across },
	{ "place_before", do_place_before },
	{ "place_read", do_place_read },
	{ "place_stale", do_place_stale },
	{ "place_keep", do_place_keep },
	{ "place_scribble", do_place_scribble },
	{ "place_void", do_place_void },
	{ "place_plain_void", do_place_plain_void },
	{ "place_lie_long", do_place_lie_long },
	{ "place_lie_wrap", do_place_lie_wrap },
	{ "place_lie_before", do_place_lie_before },
	{ "place_lie_none", do_place_lie_none },
	{ "place_odd", do_place_odd },
	{ "advert_many", do_advert_many },
	{ "advert_twice", do_advert_twice },
	{ "advert_short", do_advert_short },
	{ "revoke", do_revoke },
	{ "revoke_short", do_revoke_short },
	{ "short", do_short },
	{ "empty", do_empty },
	{ "type", do_type },
	{ "nonce", do_nonce, true },
	{ "heard", do_heard },
	{ "credits", do_credits },
	{ "credits_many", do_credits_many },
	{ "bare", do_bare },
	{ "stub", do_stub },
	{ "garbage", do_garbage },
	{ "flood", do_flood },
	{ "long", do_long },
	{ "write", do_write },
	{ "write0", do_write0 },
	{ "write_imm", do_write_imm },
	{ "read", do_read },
	{ "bye", do_bye },
	{ "mute", do_mute },
	{ "stingy", do_stingy },
	{ "close", do_close },
	{ "down", do_down },
	{ "down_wrong", do_down_wrong },
	{ "req", do_req },
	{ "req_first", do_req, true },
	{ NULL },
};

int main(int argc, char **argv)
{
	struct end e = { .answers = true, .generous = true, .reposts = true };
	unsigned int i;
	double late;

	if (argc != 5)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; strcmp(ways[i].name, argv[4]);)
		if (!ways[++i].name)
			return 2;
	e.places = !strncmp(argv[4], "place_", 6);
	open_end(&e, argv[1], argv[2], argv[3]);
	make_qp(&e);
	ask(&e);
	connect_qp(&e);
	if (!ways[i].first)
		greet(&e);
	ways[i].what(&e);
	late = now() + 10;
	while (e.done < e.posted && e.qp && now() < late)
		look(&e);
	wait_until(&e, &e.down, WATCH);
	printf("sent %u\n", e.delivered);
	puts(e.down ? "down" : "stays");
	if (e.qp && !e.down)
		do_down(&e);
	return 0;
}
