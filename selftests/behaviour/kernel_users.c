// SPDX-License-Identifier: GPL-2.0
/*
 * N and O: parts of the kernel that take a program's TCP descriptor and use
 * it themselves, and what tools see of a connection.
 *
 * Those of group N may refuse a fastsock connection or work with it; so a row
 * says what reaches the other end, not whether the kernel took the descriptor.
 */
#include "bpf.h"
#include "options.h"

#include <linux/inet_diag.h>
#include <linux/kcm.h>
#include <linux/nbd.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/stat.h>

/* A message is all that arrived: KCM's framing is this program's word. */
static const struct bpf_insn ten_bytes[] = { MOV(BPF_REG_0, 10), EXIT() };

static int kcm_socket(void)
{
	int fd = socket(AF_KCM, SOCK_DGRAM, KCMPROTO_CONNECTED);

	if (fd < 0)
		skip("no KCM");
	return fd;
}

static int kcm_attach(int kcm, int fd)
{
	struct kcm_attach attach = {
		.fd = fd,
		.bpf_fd = bpf_load(BPF_PROG_TYPE_SOCKET_FILTER, 0, ten_bytes,
				   COUNT(ten_bytes)),
	};

	return ioctl(kcm, SIOCKCMATTACH, &attach);
}

ALONE("N1", "KCM takes a connection or leaves it as it is")
{
	int client, server, kcm, reader;
	char bytes[16] = "";

	kcm = kcm_socket();
	pair(&client, &server);
	reader = kcm_attach(kcm, server) ? server : kcm;
	SAY(send(client, "0123456789", 10, 0));
	say_bytes("message", bytes, recv(reader, bytes, 10, 0));
	SAY(send(reader, "abcdefghij", 10, 0));
	say_bytes("answer", bytes, recv(client, bytes, 10, MSG_WAITALL));
	close(kcm);
	close(server);
	SAY(recv(client, bytes, 1, 0));
}

ALONE("N1", "KCM takes no socket without a connection")
{
	int kcm = kcm_socket();
	uint16_t port;

	SAY(kcm_attach(kcm, client_socket(0)));
	SAY(kcm_attach(kcm, listener(1, &port)));
	SAY(kcm_attach(kcm, ended()));
}

/* Answers reads of a network block device with the pattern, till the end. */
static void *serve_blocks(void *data)
{
	int fd = *(int *)data;
	struct nbd_request request;
	struct nbd_reply reply = { .magic = htonl(NBD_REPLY_MAGIC) };
	uint64_t from;

	while (fsk_recv_all(fd, &request, sizeof(request)) ==
	       sizeof(request)) {
		if (ntohl(request.type) != NBD_CMD_READ)
			break;
		from = be64toh(request.from);
		memcpy(reply.handle, request.handle, sizeof(reply.handle));
		if (fsk_send_all(fd, &reply, sizeof(reply)) < 0 ||
		    fsk_send_pattern(fd, 1, from, ntohl(request.len)))
			break;
	}
	return NULL;
}

static void *run_device(void *data)
{
	ioctl(*(int *)data, NBD_DO_IT);
	return NULL;
}

ALONE("N1", "a network block device reads through a connection")
{
	static char block[65536] __attribute__((aligned(4096)));
	int client, server, control, device, i;
	pthread_t blocks, runner;

	if (system("modprobe -q nbd nbds_max=1 max_part=0"))
		skip("no nbd");
	AWAIT((control = open("/dev/nbd0", O_RDWR)) >= 0);
	pair(&client, &server);
	blocks = thread(serve_blocks, &server);
	SAY(ioctl(control, NBD_SET_BLKSIZE, 4096));
	SAY(ioctl(control, NBD_SET_SIZE_BLOCKS, 64));
	SAY(ioctl(control, NBD_SET_SOCK, client_socket(0)) <= 0);
	ioctl(control, NBD_CLEAR_SOCK);
	if (SAY(ioctl(control, NBD_SET_SOCK, client)))
		return;
	runner = thread(run_device, &control);
	device = open("/dev/nbd0", O_RDONLY | O_DIRECT);
	for (i = 0; i < 3; i++) {
		SAY(pread(device, block, sizeof(block), 65536 * i));
		SAY(fsk_wrong(block, sizeof(block), 1, 65536 * i));
	}
	close(device);
	SAY(ioctl(control, NBD_DISCONNECT));
	await_thread(runner);
	SAY(ioctl(control, NBD_CLEAR_SOCK));
	close(control);
	await_thread(blocks);
}

static int sockmap(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_SOCKMAP, .key_size = 4,
		.value_size = 4, .max_entries = 4,
	};
	int fd = bpf(BPF_MAP_CREATE, &attr);

	if (fd < 0)
		skip("no sockmap");
	return fd;
}

static int put_in_map(int map, uint32_t key, int fd)
{
	uint32_t value = fd;
	union bpf_attr attr = {
		.map_fd = map, .key = (unsigned long)&key,
		.value = (unsigned long)&value,
	};

	return bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

ALONE("N1", "a connection that was put into a sockmap goes on")
{
	int client, server, map = sockmap();
	char bytes[16];

	pair(&client, &server);
	put_in_map(map, 0, client);
	put_in_map(map, 1, server);
	say_alive(client, server);
	send(client, "unread", 6, 0);
	AWAIT(fsk_unread(server) == 6);
	close(map);
	fsk_sleep_ms(50);
	say_bytes("server", bytes, recv(server, bytes, 16, 0));
	say_alive(client, server);
	close(client);
	SAY(recv(server, bytes, 1, 0));
}

ALONE("N1", "a sockmap takes listeners, and nothing unconnected")
{
	int map = sockmap(), listening, client, server;
	uint16_t port;

	SAY(put_in_map(map, 0, client_socket(0)));
	SAY(put_in_map(map, 0, ended()));
	listening = listener(1, &port);
	SAY(put_in_map(map, 0, listening));
	client = client_socket(0);
	pair_on(client, listening, port, &server);
	say_alive(client, server);
	close(map);
	say_alive(client, server);
	close(client);
	close(server);
	client = client_socket(0);
	pair_on(client, listening, port, &server);
	say_alive(client, server);
}

/* Sends what a socket of the map receives to entry 1 of the map. */
static int redirecting_program(int map)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = BPF_REG_2,
		  .src_reg = BPF_PSEUDO_MAP_FD, .imm = map },
		{ },
		MOV(BPF_REG_3, 1),
		MOV(BPF_REG_4, 0),
		CALL(BPF_FUNC_sk_redirect_map),
		EXIT(),
	};

	return bpf_load(BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_STREAM_VERDICT,
			program, COUNT(program));
}

ALONE("N1", "a sockmap with a verdict program, if it takes connections")
{
	int one, one_end, two, two_end, map = sockmap();
	union bpf_attr attr = {
		.target_fd = map, .attach_bpf_fd = redirecting_program(map),
		.attach_type = BPF_SK_SKB_STREAM_VERDICT,
	};
	char bytes[16];
	ssize_t n;

	SAY(bpf(BPF_PROG_ATTACH, &attr));
	pair(&one, &one_end);
	pair(&two, &two_end);
	if (put_in_map(map, 0, one_end) || put_in_map(map, 1, two)) {
		/* What the kernel does not do, the program has to. */
		send(one, "proxied", 7, 0);
		n = recv(one_end, bytes, 7, MSG_WAITALL);
		send(two, bytes, n, 0);
	} else {
		send(one, "proxied", 7, 0);
	}
	say_bytes("other end", bytes, recv(two_end, bytes, 7, MSG_WAITALL));
}

/* Lets setsockopt() pass if the socket is TCP's to the helper. */
static const struct bpf_insn ask_for_tcp[] = {
	LOAD_POINTER(BPF_REG_1, BPF_REG_1, offsetof(struct bpf_sockopt, sk)),
	SKIP_UNLESS(BPF_REG_1, 0, 2),
	MOV(BPF_REG_0, 0),
	EXIT(),
	CALL(BPF_FUNC_tcp_sock),
	SKIP_UNLESS(BPF_REG_0, 0, 2),
	MOV(BPF_REG_0, 0),
	EXIT(),
	LOAD(BPF_REG_1, BPF_REG_0, offsetof(struct bpf_tcp_sock, snd_cwnd)),
	LOAD(BPF_REG_1, BPF_REG_0, offsetof(struct bpf_tcp_sock, rtt_min)),
	LOAD(BPF_REG_1, BPF_REG_0, offsetof(struct bpf_tcp_sock, mss_cache)),
	SKIP_UNLESS(BPF_REG_1, 0, 2),
	MOV(BPF_REG_0, 0),
	EXIT(),
	MOV(BPF_REG_0, 1),
	EXIT(),
};

FAST("N2", "a program that asks for a tcp_sock finds one it can read")
{
	int client, server;
	char cgroup[64];

	enter_cgroup(cgroup, sizeof(cgroup));
	attach_to_cgroup(cgroup, bpf_load(BPF_PROG_TYPE_CGROUP_SOCKOPT,
					  BPF_CGROUP_SETSOCKOPT, ask_for_tcp,
					  COUNT(ask_for_tcp)),
			 BPF_CGROUP_SETSOCKOPT);
	pair(&client, &server);
	SAY(fsk_set_int(client, SOL_SOCKET, SO_KEEPALIVE, 1));
	SAY(fsk_set_int(server, SOL_SOCKET, SO_KEEPALIVE, 1));
	say_alive(client, server);
	leave_cgroup(cgroup);
}

static int repair(int fd, int on)
{
	return fsk_set_int(fd, SOL_TCP, TCP_REPAIR, on);
}

ALONE("N4", "a connection goes on after TCP_REPAIR was tried on it")
{
	int client, server;

	pair(&client, &server);
	if (!repair(client, 1) && repair(client, 0))
		broken("repair mode cannot be left");
	if (!repair(server, 1) && repair(server, -1))
		broken("repair mode cannot be left");
	say_alive(client, server);
}

ALONE("N4", "TCP_REPAIR of a fresh socket, and who may")
{
	int fd = client_socket(0), value = 0;
	socklen_t len = sizeof(value);
	uint16_t port;

	be_root(false);
	SAY(repair(fd, 1));
	be_root(true);
	SAY(repair(fd, 1));
	SAY(getsockopt(fd, SOL_TCP, TCP_REPAIR, &value, &len));
	SAY(value);
	SAY(fsk_set_int(fd, SOL_TCP, TCP_REPAIR_QUEUE, 1));
	SAY(fsk_set_int(fd, SOL_TCP, TCP_REPAIR_QUEUE, 3));
	SAY(fsk_set_int(fd, SOL_TCP, TCP_QUEUE_SEQ, 1234));
	SAY(getsockopt(fd, SOL_TCP, TCP_QUEUE_SEQ, &value, &len));
	SAY(value);
	SAY(repair(fd, 0));
	SAY(repair(listener(1, &port), 1));
}

/* Binds a socket in repair mode and sets where its two queues stand. */
static uint16_t restore(int fd, const char *ip, int sent, int received)
{
	if (repair(fd, 1) || fsk_bind(fd, ip, 0) ||
	    fsk_set_int(fd, SOL_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE) ||
	    fsk_set_int(fd, SOL_TCP, TCP_QUEUE_SEQ, sent) ||
	    fsk_set_int(fd, SOL_TCP, TCP_REPAIR_QUEUE, TCP_RECV_QUEUE) ||
	    fsk_set_int(fd, SOL_TCP, TCP_QUEUE_SEQ, received))
		broken("repair");
	return fsk_port(fd);
}

LEFT_TO_TCP("N4", "a connection restored from nothing")
{
	int one = client_socket(0), two = server_socket(0);
	uint16_t port_one, port_two;

	port_one = restore(one, here->client_ip, 1000, 2000);
	port_two = restore(two, here->server_ip, 2000, 1000);
	SAY(fsk_connect(one, here->server_ip, port_two));
	SAY(fsk_connect(two, here->client_ip, port_one));
	SAY(repair(one, 0));
	SAY(repair(two, 0));
	say_alive(one, two);
}

/* A line of /proc/net/tcp. */
struct line {
	unsigned int local, local_port, remote, remote_port, state, sent;
	unsigned int received, timer, when, retransmits, uid, probes;
	unsigned long inode;
};

/* The line with these ports in a namespace; false if there is none. */
static bool find_line(const char *ns, unsigned int local, unsigned int remote,
		      struct line *l)
{
	bool found = false;
	char text[256];
	FILE *file;

	fsk_enter(ns);
	file = fopen("/proc/thread-self/net/tcp", "re");
	while (file && !found && fgets(text, sizeof(text), file))
		found = sscanf(text, " %*d: %x:%x %x:%x %x %x:%x %x:%x %x %u %u %lu",
			       &l->local, &l->local_port, &l->remote,
			       &l->remote_port, &l->state, &l->sent,
			       &l->received, &l->timer, &l->when,
			       &l->retransmits, &l->uid, &l->probes,
			       &l->inode) == 13 &&
			l->local_port == local && l->remote_port == remote;
	if (file)
		fclose(file);
	return found;
}

static unsigned long inode_of(int fd)
{
	struct stat st = {};

	fstat(fd, &st);
	return st.st_ino;
}

static void say_line(const char *who, const char *ns, int fd,
		     unsigned int remote)
{
	struct line l;

	if (!find_line(ns, fsk_port(fd), remote, &l)) {
		note("%s: not listed", who);
		return;
	}
	note("%s: %s", who, inet_ntoa((struct in_addr){ l.local }));
	note("%s: to %s", who, inet_ntoa((struct in_addr){ l.remote }));
	note("%s: state %x sends %u received %u uid %u probes %u inode %d", who,
	     l.state, l.sent, l.received, l.uid, l.probes,
	     l.inode == inode_of(fd));
}

/* Has everything that was sent been acknowledged? */
static bool drained(int fd)
{
	int n = -1;

	return !ioctl(fd, TIOCOUTQ, &n) && !n;
}

FAST("O1", "/proc/net/tcp lists both ends and their queues")
{
	int listening, client, server;
	uint16_t port;

	listening = listener(3, &port);
	say_line("listener", here->server_ns, listening, 0);
	client = client_socket(0);
	be_root(false);
	say_line("fresh", here->client_ns, client, 0);
	be_root(true);
	if (dial(client, port))
		broken("connect");
	AWAIT(fsk_events(listening) & POLLIN);
	say_line("listener", here->server_ns, listening, 0);
	server = accept(listening, NULL, NULL);
	say_line("listener", here->server_ns, listening, 0);
	say_line("client", here->client_ns, client, port);
	say_line("server", here->server_ns, server, fsk_port(client));
	send(client, "seven b", 7, 0);
	AWAIT(fsk_unread(server) == 7 && drained(client));
	say_line("client", here->client_ns, client, port);
	say_line("server", here->server_ns, server, fsk_port(client));
	say_alive(server, client);
}

FAST("O1", "/proc/net/tcp lists the states of a connection that ends")
{
	unsigned int remote, local;
	int client, server;
	struct line l;

	pair(&client, &server);
	local = fsk_port(client);
	remote = fsk_port(server);
	shutdown(client, SHUT_WR);
	AWAIT(fsk_events(server) & POLLRDHUP);
	AWAIT(find_line(here->client_ns, local, remote, &l) && l.state == 5);
	say_line("client", here->client_ns, client, remote);
	say_line("server", here->server_ns, server, local);
	fsk_set_linger(server, 0);
	close(server);
	AWAIT(!find_line(here->client_ns, local, remote, &l));
	AWAIT(!find_line(here->server_ns, remote, local, &l));
	note("both gone");
}

FAST("O1", "/proc/net/tcp shows what waits to be sent")
{
	int client, server;
	struct line l;

	pair(&client, &server);
	fsk_stuff(client, 1);
	SAY(find_line(here->client_ns, fsk_port(client), fsk_port(server),
		      &l));
	SAY(l.sent > 0);
	SAY(find_line(here->server_ns, fsk_port(server), fsk_port(client),
		      &l));
	SAY(l.received > 0);
	SAY((int)l.received == fsk_unread(server));
}

FAST("O1", "/proc/net/tcp shows the user who made the socket")
{
	int listening, client, server;
	uint16_t port;

	listening = listener(3, &port);
	fsk_enter(here->client_ns);
	be_root(false);
	client = socket(AF_INET, SOCK_STREAM, 0);
	be_root(true);
	pair_on(client, listening, port, &server);
	say_line("client", here->client_ns, client, port);
	say_line("server", here->server_ns, server, fsk_port(client));
}

struct diag_request {
	struct nlmsghdr head;
	struct inet_diag_req_v2 body;
};

/* Asks sock_diag for one socket, or to destroy it; the answer's length. */
static ssize_t diag(const char *ns, int fd, uint16_t remote, int type,
		    void *answer, size_t room)
{
	struct sockaddr_in name = {};
	socklen_t len = sizeof(name);
	struct diag_request r = {
		.head = { .nlmsg_len = sizeof(r), .nlmsg_type = type,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.body = { .sdiag_family = AF_INET,
			  .sdiag_protocol = IPPROTO_TCP,
			  .idiag_ext = 0xff, .idiag_states = -1 },
	};
	ssize_t n;
	int nl;

	getsockname(fd, (void *)&name, &len);
	r.body.id.idiag_sport = name.sin_port;
	r.body.id.idiag_src[0] = name.sin_addr.s_addr;
	if (remote) {
		getpeername(fd, (void *)&name, &len);
		r.body.id.idiag_dport = name.sin_port;
		r.body.id.idiag_dst[0] = name.sin_addr.s_addr;
	}
	memset(r.body.id.idiag_cookie, 0xff, sizeof(r.body.id.idiag_cookie));
	fsk_enter(ns);
	nl = socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
	if (nl < 0 || send(nl, &r, sizeof(r), 0) != sizeof(r))
		broken("sock_diag");
	n = recv(nl, answer, room, 0);
	close(nl);
	return n;
}

static void say_attributes(const char *who, const struct nlmsghdr *head)
{
	const char *at = (const char *)head + NLMSG_LENGTH(sizeof(struct
							   inet_diag_msg));
	const char *end = (const char *)head + head->nlmsg_len;
	const struct nlattr *a;

	for (; at + sizeof(*a) <= end; at += NLA_ALIGN(a->nla_len)) {
		a = (const void *)at;
		if (a->nla_len < sizeof(*a))
			break;
		/* What tells the upper layer tells fastsock, too. */
		if (a->nla_type == INET_DIAG_ULP_INFO)
			continue;
		if (a->nla_type == INET_DIAG_CONG)
			note("%s: congestion control %s", who, at + NLA_HDRLEN);
		else
			note("%s: attribute %u of %u bytes", who, a->nla_type,
			     a->nla_len);
	}
}

static void say_diag(const char *who, const char *ns, int fd, uint16_t remote)
{
	char answer[4096] __attribute__((aligned(8)));
	const struct nlmsghdr *head = (void *)answer;
	const struct inet_diag_msg *m = NLMSG_DATA(head);

	if (diag(ns, fd, remote, SOCK_DIAG_BY_FAMILY, answer,
		 sizeof(answer)) < 0)
		broken("answer of sock_diag");
	if (head->nlmsg_type != SOCK_DIAG_BY_FAMILY) {
		note("%s: not listed", who);
		return;
	}
	note("%s: family %u state %u queues %u %u uid %u inode %d device %u",
	     who, m->idiag_family, m->idiag_state, m->idiag_rqueue,
	     m->idiag_wqueue, m->idiag_uid, m->idiag_inode == inode_of(fd),
	     m->id.idiag_if);
	note("%s: timer %u retransmits %u", who,
	     m->idiag_timer == 1, m->idiag_retrans);
	say_attributes(who, head);
}

FAST("O1", "sock_diag tells of both ends what it tells of TCP")
{
	int listening, client, server;
	uint16_t port;

	listening = listener(3, &port);
	say_diag("listener", here->server_ns, listening, 0);
	client = client_socket(0);
	pair_on(client, listening, port, &server);
	send(client, "bytes", 5, 0);
	AWAIT(fsk_unread(server) == 5 && drained(client));
	say_diag("client", here->client_ns, client, port);
	say_diag("server", here->server_ns, server, fsk_port(client));
	shutdown(server, SHUT_WR);
	AWAIT(fsk_events(client) & POLLRDHUP);
	say_diag("client", here->client_ns, client, port);
}

FAST("O2", "SO_MEMINFO counts what is queued")
{
	uint32_t before[9] = {}, after[9] = {};
	socklen_t len = sizeof(before);
	int client, server;
	char bytes[1000];

	pair(&client, &server);
	SAY(getsockopt(server, SOL_SOCKET, SO_MEMINFO, before, &len));
	fsk_send_pattern(client, 1, 0, 30000);
	AWAIT(fsk_unread(server) == 30000 && drained(client));
	SAY(getsockopt(server, SOL_SOCKET, SO_MEMINFO, after, &len));
	note("empty %u, full %d", before[0], after[0] >= 30000);
	note("limits %d %d, drops %u", before[1] == after[1], before[3] ==
	     after[3], after[8]);
	SAY(getsockopt(client, SOL_SOCKET, SO_MEMINFO, after, &len));
	note("client: allocated %u queued %u", after[0], after[5]);
	SAY(fsk_recv_pattern(server, 1, 0, 30000));
	SAY(getsockopt(server, SOL_SOCKET, SO_MEMINFO, after, &len));
	note("read: %u", after[0]);
	SAY(recv(server, bytes, sizeof(bytes), MSG_DONTWAIT));
}

/* TCP's numbers in /proc/net/sockstat. */
struct counts {
	long used, orphans, waiting, allocated;
};

static struct counts counts(const char *ns)
{
	struct counts c = {};
	char text[256];
	FILE *file;

	fsk_enter(ns);
	file = fopen("/proc/thread-self/net/sockstat", "re");
	while (file && fgets(text, sizeof(text), file))
		sscanf(text, "TCP: inuse %ld orphan %ld tw %ld alloc %ld",
		       &c.used, &c.orphans, &c.waiting, &c.allocated);
	if (file)
		fclose(file);
	return c;
}

static long used_more_than(struct counts before)
{
	return counts(here->client_ns).used - before.used;
}

/* Not its pages: they are counted by processor first, and seen much later. */
FAST("O2", "/proc/net/sockstat counts connections")
{
	struct counts before = counts(here->client_ns), now;
	int client, server;

	pair(&client, &server);
	now = counts(here->client_ns);
	note("used %ld", now.used - before.used);
	note("allocated %d", now.allocated - before.allocated >= 2);
	fsk_set_linger(client, 0);
	fsk_set_linger(server, 0);
	close(client);
	close(server);
	AWAIT(!used_more_than(before));
	note("given back");
}

FAST("O3", "an administrator ends a connection")
{
	char answer[4096] __attribute__((aligned(8)));
	int client, server;
	char byte;

	pair(&client, &server);
	SAY(diag(here->client_ns, client, fsk_port(server), SOCK_DESTROY,
		 answer, sizeof(answer)) > 0);
	AWAIT(fsk_events(client) & POLLERR);
	SAY(recv(client, &byte, 1, 0));
	SAY(recv(client, &byte, 1, 0));
	AWAIT(fsk_events(server) & POLLERR);
	SAY(recv(server, &byte, 1, 0));
}

ALONE("O4", "a rule that rejects the port rejects the connection")
{
	char command[256];
	uint16_t port;
	int fd;

	listener(1, &port);
	snprintf(command, sizeof(command),
		 "nft 'table ip row { chain out { type filter hook output priority 0; tcp dport %u reject with tcp reset; }; }'",
		 port);
	if (command_in(here->client_ns, command))
		skip("no nft");
	fd = client_socket(0);
	SAY(dial(fd, port));
	command_in(here->client_ns, "nft delete table ip row");
	fd = client_socket(0);
	SAY(dial(fd, port));
}

FAST("O6", "a socket stays in the namespace it was made in")
{
	uint64_t before = 0, after = 0;
	int listening, client, server;
	socklen_t len = 8;
	uint16_t port;

	listening = listener(1, &port);
	client = client_socket(0);
	SAY(getsockopt(client, SOL_SOCKET, SO_NETNS_COOKIE, &before, &len));
	SAY(fsk_enter(here->server_ns));
	pair_on(client, listening, port, &server);
	SAY(fsk_enter("lo1"));
	say_alive(client, server);
	SAY(getsockopt(client, SOL_SOCKET, SO_NETNS_COOKIE, &after, &len));
	SAY(before == after);
}
