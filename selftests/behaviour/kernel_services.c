// SPDX-License-Identifier: GPL-2.0
/*
 * N: services inside the kernel that are given a program's descriptor: the NFS
 * server, USB over IP and iSCSI.  The rows speak the other end's part of the
 * protocol, as little of it as shows that bytes pass both ways.
 */
#include "options.h"

#include <inttypes.h>
#include <linux/netlink.h>
#include <linux/types.h>
#include <sys/mount.h>
#include <sys/stat.h>

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), n;

	if (fd < 0)
		broken(path);
	n = write(fd, text, strlen(text));
	close(fd);	/* which leaves errno */
	return n;
}

/* nfsd's files are those of the namespace they were mounted in. */
static int nfsd(const char *file, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/mnt/%s", file);
	return write_text(path, text);
}

static void mount_nfsd(void)
{
	if (system("modprobe -q nfsd"))
		skip("no nfsd");
	mkdir("/mnt", 0755);
	fsk_enter(here->server_ns);
	if (unshare(CLONE_NEWNS) ||
	    mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("nfsd", "/mnt", "nfsd", 0, NULL))
		broken("mount nfsd");
}

enum { CALLS = 3000 };

/* NFS 4, procedure 0: does nothing and answers. */
static void *call_nfs(void *data)
{
	uint32_t call[11] = {
		htonl(0x80000000 | 40), 0, 0, htonl(2), htonl(100003),
		htonl(4), 0, 0, 0, 0, 0,
	};
	int i;

	for (i = 0; i < CALLS; i++) {
		call[1] = htonl(i);
		if (fsk_send_all(*(int *)data, call, sizeof(call)) < 0)
			break;
	}
	return NULL;
}

static int nfs_answers(int fd)
{
	uint32_t answer[7];
	int i;

	for (i = 0; i < CALLS; i++)
		if (fsk_recv_all(fd, answer, sizeof(answer)) !=
		    sizeof(answer) || answer[0] != htonl(0x80000000 | 24) ||
		    answer[1] != htonl(i) || answer[2] != htonl(1) ||
		    answer[3] || answer[6])
			break;
	return i;
}

FAST("N1", "the NFS server takes a listener, and serves whom it accepts")
{
	int client, server, listening;
	pthread_t caller;
	char text[32];
	uint16_t port;

	mount_nfsd();
	SAY(nfsd("versions", "-2 -3 +4\n"));
	pair(&client, &server);
	snprintf(text, sizeof(text), "%d\n", server);
	SAY(nfsd("portlist", text));
	say_alive(client, server);
	listening = listener(8, &port);
	snprintf(text, sizeof(text), "%d\n", listening);
	SAY(nfsd("portlist", text));
	SAY(nfsd("threads", "1\n"));
	close(client);
	client = client_socket(0);
	SAY(dial(client, port));
	caller = thread(call_nfs, &client);
	SAY(nfs_answers(client));
	await_thread(caller);
	SAY(nfsd("threads", "0\n"));
	SAY(recv(client, text, 1, 0));
}

/* What USB over IP says first of a request, and last of an answer. */
struct usb_message {
	uint32_t command, number, device, direction, endpoint;
	uint32_t flags_or_status, length, first, packets, interval_or_errors;
	unsigned char setup[8];
};

enum { USB_SUBMIT = 1, USB_ANSWER = 3, USB_DEVICE = 77 };

static int attach_usb(int fd)
{
	char text[64];
	int port, n = -1;

	for (port = 0; port < 8 && n < 0; port++) {
		snprintf(text, sizeof(text), "%d %d %d 2", port, fd,
			 USB_DEVICE);
		n = write_text("/sys/devices/platform/vhci_hcd.0/attach", text);
		if (n < 0 && errno != EBUSY)
			break;
	}
	return n;
}

static void say_request(int fd, struct usb_message *m)
{
	int i;

	SAY(fsk_recv_all(fd, m, sizeof(*m)));
	note("command %u device %u direction %u endpoint %u length %u",
	     ntohl(m->command), ntohl(m->device), ntohl(m->direction),
	     ntohl(m->endpoint), ntohl(m->length));
	for (i = 0; i < 8; i++)
		note("setup %x", m->setup[i]);
}

/* The host asks twice for the description of a new device, first for part. */
FAST("N1", "USB over IP asks a new device through a connection")
{
	static const unsigned char description[18] = {
		18, 1, 0, 2, 0, 0, 0, 64, 0x6b, 0x1d, 4, 1, 0, 1, 0, 0, 0, 1,
	};
	struct usb_message m;
	int client, server;

	if (system("modprobe -q vhci-hcd"))
		skip("no vhci-hcd");
	pair(&client, &server);
	SAY(attach_usb(client));
	say_request(server, &m);
	m.command = htonl(USB_ANSWER);
	m.device = 0;
	m.direction = 0;
	m.flags_or_status = 0;
	m.length = htonl(sizeof(description));
	memset(m.setup, 0, sizeof(m.setup));
	SAY(fsk_send_all(server, &m, sizeof(m)));
	SAY(fsk_send_all(server, description, sizeof(description)));
	say_request(server, &m);
	shutdown(server, SHUT_WR);
	close(client);
	while (recv(server, &m, sizeof(m), 0) > 0)
		;
	note("detached");
}

/* scsi/iscsi_if.h, which is not among the headers for programs. */
enum {
	CREATE_SESSION = 11, DESTROY_SESSION, CREATE_CONN, DESTROY_CONN,
	BIND_CONN, START_CONN = 17, STOP_CONN, KERNEL_EVENTS = 100,
	STOP_TERM = 1,
};

struct iscsi_event {
	uint32_t type, error;
	__aligned_u64 transport;
	struct {
		uint32_t session, connection;
		__aligned_u64 fd;
		uint32_t flag, unused;
	} request;
	struct {
		uint32_t session, connection, unused[2];
	} answer;
};

struct iscsi {
	int netlink;
	uint32_t session;
	uint64_t transport;
};

/* Asks the transport, which knows the first namespace only. */
static int iscsi(struct iscsi *to, int type, uint64_t fd, uint32_t flag)
{
	struct {
		struct nlmsghdr head;
		struct iscsi_event body;
	} m = {
		.head = {
			.nlmsg_len = sizeof(m), .nlmsg_type = type,
			.nlmsg_flags = NLM_F_REQUEST,
		},
		.body = {
			.type = type, .transport = to->transport,
			.request = {
				.session = to->session, .fd = fd, .flag = flag,
			},
		},
	};

	/* Queue depths come in the place of the second number. */
	if (type == CREATE_SESSION) {
		m.body.request.session = 0;
		m.body.request.connection = 32 << 16 | 32;
	}
	if (send(to->netlink, &m, sizeof(m), 0) != sizeof(m))
		broken("netlink");
	do {
		if (recv(to->netlink, &m, sizeof(m), 0) < 0)
			broken("answer of netlink");
	} while (m.head.nlmsg_type != type);
	if (m.body.type >= KERNEL_EVENTS) {
		errno = -m.body.error;
		return -1;
	}
	if (type == CREATE_SESSION)
		to->session = m.body.answer.session;
	else if (type == BIND_CONN || type == START_CONN)
		return m.body.answer.session;
	return 0;
}

static void iscsi_open(struct iscsi *to)
{
	FILE *file;
	int ns;

	if (system("modprobe -q iscsi_tcp"))
		skip("no iscsi_tcp");
	file = fopen("/sys/class/iscsi_transport/tcp/handle", "re");
	if (!file || fscanf(file, "%" SCNu64, &to->transport) != 1)
		broken("handle");
	fclose(file);
	ns = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET))
		broken("setns");
	close(ns);
	to->netlink = socket(AF_NETLINK, SOCK_RAW, NETLINK_ISCSI);
	if (to->netlink < 0)
		broken("netlink");
	to->session = 0;
}

/* A target's ping; one with a tag is answered. */
static void fill_ping(uint32_t *ping, uint32_t tag)
{
	memset(ping, 0, 48);
	ping[0] = htonl(0x20800000);
	ping[4] = 0xffffffff;
	ping[5] = htonl(tag);
}

enum { PINGS = 40000, NO_TAG = -1 };

static void *ping_much(void *data)
{
	uint32_t pings[100][12];
	int i;

	for (i = 0; i < 100; i++)
		fill_ping(pings[i], NO_TAG);
	for (i = 0; i < PINGS; i += 100)
		if (fsk_send_all(*(int *)data, pings, sizeof(pings)) < 0)
			break;
	fill_ping(pings[0], 78);
	fsk_send_all(*(int *)data, pings[0], sizeof(pings[0]));
	return NULL;
}

static void say_ping(int fd)
{
	uint32_t answer[12] = {};

	SAY(fsk_recv_all(fd, answer, sizeof(answer)));
	note("operation %x for tag %u", ntohl(answer[0]) >> 24,
	     ntohl(answer[5]));
}

FAST("N1", "iSCSI receives much through a connection, and answers")
{
	uint32_t ping[12];
	struct iscsi to;
	int client, server;
	pthread_t pings;

	iscsi_open(&to);
	pair(&client, &server);
	SAY(iscsi(&to, CREATE_SESSION, 0, 0));
	SAY(iscsi(&to, CREATE_CONN, 0, 0));
	SAY(iscsi(&to, BIND_CONN, client, 1));
	SAY(iscsi(&to, START_CONN, 0, 0));
	fill_ping(ping, 77);
	SAY(fsk_send_all(server, ping, sizeof(ping)));
	say_ping(server);
	pings = thread(ping_much, &server);
	say_ping(server);
	await_thread(pings);
	SAY(iscsi(&to, STOP_CONN, 0, STOP_TERM));
	SAY(iscsi(&to, DESTROY_CONN, 0, 0));
	SAY(iscsi(&to, DESTROY_SESSION, 0, 0));
	close(client);
	SAY(recv(server, ping, sizeof(ping), 0));
}

ALONE("N1", "iSCSI and sockets without connection")
{
	struct iscsi to;
	uint16_t port;

	iscsi_open(&to);
	SAY(iscsi(&to, CREATE_SESSION, 0, 0));
	SAY(iscsi(&to, CREATE_CONN, 0, 0));
	SAY(iscsi(&to, BIND_CONN, 9999, 1));
	SAY(iscsi(&to, BIND_CONN, to.netlink, 1));
	SAY(iscsi(&to, BIND_CONN, listener(1, &port), 1));
	SAY(iscsi(&to, STOP_CONN, 0, STOP_TERM));
	SAY(iscsi(&to, BIND_CONN, ended(), 1));
	SAY(iscsi(&to, STOP_CONN, 0, STOP_TERM));
	SAY(iscsi(&to, DESTROY_CONN, 0, 0));
	SAY(iscsi(&to, DESTROY_SESSION, 0, 0));
}
