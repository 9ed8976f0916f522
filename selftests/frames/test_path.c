// SPDX-License-Identifier: GPL-2.0
// Addresses, neighbours, routes, policies and devices that change while a
// connection lives.  Each case also runs with TCP, whose way it is.
// fastsock: timeout=600

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>

#include "fsk_test.h"

#define SHARED	"10.77.0.100"	/* the address that moves between b and c */
#define PORT	4700
#define SOON	10000		/* ms; a machine that emulates is slow */

enum kind { PLAIN, FRAMES, MEMORY };

FIXTURE(path)
{
	int listener;
	int client;
	int server;
};

FIXTURE_VARIANT(path)
{
	enum kind kind;
};

FIXTURE_VARIANT_ADD(path, tcp)
{
	.kind = PLAIN,
};

FIXTURE_VARIANT_ADD(path, frames)
{
	.kind = FRAMES,
};

FIXTURE_VARIANT_ADD(path, memory)
{
	.kind = MEMORY,
};

/* ip(8) in a namespace: set_ip("a", "route del ..."). */
static int set_ip(const char *ns, const char *format, ...)
{
	char what[200], command[260];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	snprintf(command, sizeof(command), "ip -n %s %s", ns, what);
	return fsk_run(command);
}

static int at(const char *ns, const char *command)
{
	char all[260];

	snprintf(all, sizeof(all), "./helper_at %s %s", ns, command);
	return fsk_run(all);
}

/* What the host that takes an address over says to the others. */
static int announce(const char *ns, const char *address)
{
	struct sockaddr_ll from = {}, to = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP),
		.sll_halen = ETH_ALEN,
		.sll_addr = { 255, 255, 255, 255, 255, 255 },
	};
	struct {
		uint16_t hw, proto;
		uint8_t hlen, plen;
		uint16_t op;
		uint8_t sha[6], spa[4], tha[6], tpa[4];
	} __attribute__((packed)) arp = {
		htons(1), htons(ETH_P_IP), 6, 4,
	};
	socklen_t len = sizeof(from);
	int fd, i, err = 0;

	if (fsk_enter(ns))
		return -1;
	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ARP));
	to.sll_ifindex = if_nametoindex("eth0");
	if (fd < 0 || bind(fd, (void *)&to, sizeof(to)) ||
	    getsockname(fd, (void *)&from, &len))
		return -1;
	memcpy(arp.sha, from.sll_addr, 6);
	inet_pton(AF_INET, address, arp.spa);
	memset(arp.tha, 255, 6);
	inet_pton(AF_INET, address, arp.tpa);
	for (i = 1; i <= 2; i++) {
		arp.op = htons(i);
		err |= sendto(fd, &arp, sizeof(arp), 0, (void *)&to,
			      sizeof(to)) != sizeof(arp);
	}
	close(fd);
	return err ? -1 : 0;
}

static int has_address(const char *ns, const char *address)
{
	if (set_ip(ns, "addr add %s/32 dev eth0", address))
		return -1;
	return announce(ns, address);
}

static int moves(const char *from, const char *to, const char *address)
{
	return set_ip(from, "addr del %s/32 dev eth0", address) ||
	       has_address(to, address) ? -1 : 0;
}

static int listen_in(const char *ns)
{
	int fd = fsk_socket(ns, SOCK_CLOEXEC);

	if (fd < 0 || fsk_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) ||
	    fsk_bind(fd, "0.0.0.0", PORT) || listen(fd, 8))
		return -1;
	return fd;
}

static int dial(enum kind kind, const char *ns, const char *from,
		const char *to)
{
	int fd = fsk_socket(ns, SOCK_CLOEXEC);

	if (fd < 0 || (from && fsk_bind(fd, from, 0)))
		return -1;
	if (kind == PLAIN && fsk_stay_with_tcp(fd))
		return -1;
	if (fsk_connect(fd, to, PORT))
		return -1;
	return fd;
}

/* Sends, and sees whether it arrives within so many ms. */
static bool passes(int from, int to, int ms)
{
	struct pollfd pfd = { .fd = to, .events = POLLIN };
	char byte;

	return send(from, "x", 1, MSG_NOSIGNAL) == 1 &&
	       poll(&pfd, 1, ms) == 1 && pfd.revents == POLLIN &&
	       recv(to, &byte, 1, MSG_DONTWAIT) == 1;
}

/* What ends a connection within so many ms; 0 if nothing does. */
static int ends(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char byte;

	if (poll(&pfd, 1, ms) != 1 || recv(fd, &byte, 1, MSG_DONTWAIT) >= 0)
		return 0;
	return errno;
}

/* What was held arrives.  Return: 1. */
static ssize_t take_byte(int fd)
{
	char byte;

	return fsk_recv_all(fd, &byte, 1);
}

static bool both_ways(int one, int other)
{
	return passes(one, other, SOON) && passes(other, one, SOON);
}

static bool is_kind(enum kind kind, int fd)
{
	return fsk_is_fast(fd) == (kind != PLAIN);
}

static int share_memory(const char *ns, int value)
{
	FILE *file;
	int old = -1;

	if (fsk_enter(ns))
		return -1;
	file = fopen("/proc/sys/net/fastsock/same_host", "r+");
	if (!file)
		return -1;
	if (fscanf(file, "%d", &old) == 1 && old != value) {
		rewind(file);
		fprintf(file, "%d", value);
	}
	return fclose(file);
}

/* Without a peer an orderly end would take its time, and keep the module. */
static void give_up(int fd)
{
	if (fd < 0)
		return;
	fsk_set_linger(fd, 0);
	close(fd);
}

FIXTURE_SETUP(path)
{
	int value = variant->kind == MEMORY ? 2 : 1;

	ASSERT_EQ(0, share_memory("a", value));
	ASSERT_EQ(0, share_memory("b", value));
	ASSERT_EQ(0, share_memory("c", value));
	self->listener = listen_in("b");
	ASSERT_LE(0, self->listener);
	self->client = -1;
	self->server = -1;
}

FIXTURE_TEARDOWN(path)
{
	give_up(self->client);
	give_up(self->server);
	close(self->listener);
	fsk_run("for ns in a b c; do ip -n $ns addr del " SHARED
		"/32 dev eth0; ip -n $ns neigh del " SHARED " dev eth0; done 2> /dev/null; true");
}

/* Neighbours may have to meet again first. */
static int meet(enum kind kind, const char *ns, const char *from,
		const char *to)
{
	int fd, i;

	for (i = 0; i < 5; i++) {
		fd = dial(kind, ns, from, to);
		if (fd < 0 || is_kind(kind, fd))
			return fd;
		close(fd);
		fsk_run("bash ./lan.sh lan_ready a b c");
	}
	return -1;
}

/*
 * The last one in the queue: others were TCP's.  It may come a moment after its
 * client was told that it is connected.
 */
static int accept_last(enum kind kind, int listener)
{
	struct pollfd pfd = { .fd = listener, .events = POLLIN };
	int last = -1, fd;

	while (poll(&pfd, 1, last < 0 || !is_kind(kind, last) ? SOON : 0) == 1) {
		fd = accept(listener, NULL, NULL);
		if (last >= 0)
			close(last);
		last = fd;
	}
	fsk_set_timeout(last, SO_RCVTIMEO, 2 * SOON);
	return last;
}

#define CONNECT(from, to) do {						\
	self->client = meet(variant->kind, "a", from, to);		\
	ASSERT_LE(0, self->client);					\
	self->server = accept_last(variant->kind, self->listener);	\
	ASSERT_LE(0, self->server);					\
	ASSERT_TRUE(both_ways(self->client, self->server));		\
} while (0)

/* Keepalived, pacemaker: whoever has it now says that he knows nothing. */
TEST_F(path, servers_address_moves)
{
	int heir = listen_in("c");

	ASSERT_EQ(0, has_address("b", SHARED));
	ASSERT_EQ(0, at("a", "ping -c 1 -W 5 " SHARED " > /dev/null"));
	CONNECT(NULL, SHARED);
	ASSERT_EQ(0, moves("b", "c", SHARED));
	fsk_sleep_ms(200);
	EXPECT_FALSE(passes(self->client, self->server, 300));
	EXPECT_EQ(ECONNRESET, ends(self->client, SOON));
	EXPECT_EQ(0, fsk_unread(self->server));
	close(heir);
}

/* Likewise, when nobody writes. */
TEST_F(path, servers_address_moves_from_idle)
{
	ASSERT_EQ(0, has_address("b", SHARED));
	ASSERT_EQ(0, at("a", "ping -c 1 -W 5 " SHARED " > /dev/null"));
	CONNECT(NULL, SHARED);
	fsk_set_int(self->client, SOL_TCP, TCP_KEEPIDLE, 1);
	fsk_set_int(self->client, SOL_TCP, TCP_KEEPINTVL, 1);
	fsk_set_int(self->client, SOL_SOCKET, SO_KEEPALIVE, 1);
	ASSERT_EQ(0, moves("b", "c", SHARED));
	EXPECT_EQ(ECONNRESET, ends(self->client, 2 * SOON));
}

/* Who lost the address is heard no more. */
TEST_F(path, old_holder_sends_in_vain)
{
	ASSERT_EQ(0, has_address("b", SHARED));
	ASSERT_EQ(0, at("a", "ping -c 1 -W 5 " SHARED " > /dev/null"));
	CONNECT(NULL, SHARED);
	fsk_set_int(self->server, SOL_TCP, TCP_USER_TIMEOUT, 1500);
	ASSERT_EQ(0, set_ip("b", "addr del " SHARED "/32 dev eth0"));
	EXPECT_FALSE(passes(self->server, self->client, 500));
	EXPECT_EQ(ETIMEDOUT, ends(self->server, 2 * SOON));
	EXPECT_EQ(0, fsk_unread(self->client));
}

/* The address comes back before patience ends. */
TEST_F(path, address_returns)
{
	ASSERT_EQ(0, has_address("b", SHARED));
	ASSERT_EQ(0, at("a", "ping -c 1 -W 5 " SHARED " > /dev/null"));
	CONNECT(NULL, SHARED);
	ASSERT_EQ(0, set_ip("b", "addr del " SHARED "/32 dev eth0"));
	EXPECT_FALSE(passes(self->client, self->server, 300));
	ASSERT_EQ(0, has_address("b", SHARED));
	EXPECT_EQ(1, take_byte(self->server));
	EXPECT_TRUE(both_ways(self->client, self->server));
}

/* A client that takes over another's address is served, not the old one. */
TEST_F(path, clients_address_moves)
{
	ASSERT_EQ(0, has_address("a", SHARED));
	ASSERT_EQ(0, at("b", "ping -c 1 -W 5 " SHARED " > /dev/null"));
	CONNECT(SHARED, "10.77.0.2");
	ASSERT_EQ(0, moves("a", "c", SHARED));
	fsk_sleep_ms(200);
	EXPECT_FALSE(passes(self->client, self->server, 300));
	EXPECT_FALSE(passes(self->server, self->client, 300));
	EXPECT_EQ(ECONNRESET, ends(self->server, SOON));
}

/* A route, policy or rule that refuses, and that goes again. */
static void refused_for_a_while(struct __test_metadata *_metadata, int from,
				int to, const char *ns, const char *refuse,
				const char *relent)
{
	ASSERT_EQ(0, set_ip(ns, "%s", refuse));
	EXPECT_FALSE(passes(from, to, 500));
	ASSERT_EQ(0, set_ip(ns, "%s", relent));
	EXPECT_EQ(1, take_byte(to));
	EXPECT_TRUE(both_ways(from, to));
}

TEST_F(path, blackhole_route)
{
	CONNECT(NULL, "10.77.0.2");
	refused_for_a_while(_metadata, self->client, self->server, "a",
			    "route add blackhole 10.77.0.2/32",
			    "route del blackhole 10.77.0.2/32");
}

TEST_F(path, ipsec_policy_out)
{
	CONNECT(NULL, "10.77.0.2");
	refused_for_a_while(_metadata, self->client, self->server, "a",
			    "xfrm policy add src 10.77.0.1/32 dst 10.77.0.2/32 proto tcp dir out action block",
			    "xfrm policy flush");
}

TEST_F(path, ipsec_policy_in)
{
	if (variant->kind == MEMORY)
		SKIP(return, "noticed when this end sends");
	CONNECT(NULL, "10.77.0.2");
	refused_for_a_while(_metadata, self->client, self->server, "b",
			    "xfrm policy add src 10.77.0.1/32 dst 10.77.0.2/32 proto tcp dir in action block",
			    "xfrm policy flush");
}

TEST_F(path, patience_ends_without_a_route)
{
	CONNECT(NULL, "10.77.0.2");
	fsk_set_int(self->client, SOL_TCP, TCP_USER_TIMEOUT, 1500);
	ASSERT_EQ(0, set_ip("a", "route add prohibit 10.77.0.2/32"));
	EXPECT_FALSE(passes(self->client, self->server, 300));
	EXPECT_EQ(ETIMEDOUT, ends(self->client, 2 * SOON));
	ASSERT_EQ(0, set_ip("a", "route del prohibit 10.77.0.2/32"));
}

/* Frames do not pass routers: it ends, and soon. */
TEST_F(path, router_comes_between)
{
	if (variant->kind == PLAIN)
		SKIP(return, "TCP goes on");
	CONNECT(NULL, "10.77.0.2");
	ASSERT_EQ(0, set_ip("a", "route add 10.77.0.2/32 via 10.77.0.3"));
	EXPECT_EQ(1, send(self->client, "x", 1, MSG_NOSIGNAL));
	EXPECT_EQ(ECONNRESET, ends(self->client, 3 * SOON));
	EXPECT_EQ(ECONNRESET, ends(self->server, SOON));
	ASSERT_EQ(0, set_ip("a", "route del 10.77.0.2/32 via 10.77.0.3"));
}

/* As one does over ssh: the address moves to a bridge of which eth0 is a port. */
static int make_bridge(const char *ns, int n)
{
	char command[400];

	snprintf(command, sizeof(command),
		 "mac=$(ip -n %s -o link show dev eth0 | sed 's|.*link/ether \\([^ ]*\\).*|\\1|'); (echo link add br1 address $mac type bridge; echo link set br1 up; echo addr flush dev eth0; echo link set eth0 master br1; echo addr add 10.77.0.%d/24 dev br1) | ip -n %s -batch -",
		 ns, n, ns);
	return fsk_run(command);
}

static int unmake_bridge(const char *ns, int n)
{
	return set_ip(ns, "link del br1") ||
	       set_ip(ns, "addr add 10.77.0.%d/24 dev eth0", n);
}

TEST_F(path, bridge_made_at_server)
{
	CONNECT(NULL, "10.77.0.2");
	ASSERT_EQ(0, make_bridge("b", 2));
	EXPECT_TRUE(both_ways(self->client, self->server));
	EXPECT_TRUE(both_ways(self->client, self->server));
	ASSERT_EQ(0, unmake_bridge("b", 2));
	EXPECT_TRUE(both_ways(self->server, self->client));
}

TEST_F(path, bridge_made_at_client)
{
	CONNECT(NULL, "10.77.0.2");
	ASSERT_EQ(0, make_bridge("a", 1));
	EXPECT_TRUE(both_ways(self->client, self->server));
	EXPECT_TRUE(both_ways(self->client, self->server));
	ASSERT_EQ(0, unmake_bridge("a", 1));
	EXPECT_TRUE(both_ways(self->server, self->client));
}

static int make_vlan(const char *ns, int n)
{
	return set_ip(ns, "link add link eth0 name v5 type vlan id 5") ||
	       set_ip(ns, "link set v5 up") ||
	       set_ip(ns, "addr add 10.78.0.%d/24 dev v5", n);
}

static int knows_on_vlan(const char *ns)
{
	char command[150];

	snprintf(command, sizeof(command),
		 "bash ./lan.sh until_true 20 ./helper_at %s grep -q '^v5 .* capable' /proc/net/fastsock_peers",
		 ns);
	return fsk_run(command);
}

TEST_F(path, vlan_made_again)
{
	ASSERT_EQ(0, make_vlan("a", 1));
	ASSERT_EQ(0, make_vlan("b", 2));
	ASSERT_EQ(0, at("a", "ping -c 1 -W 5 10.78.0.2 > /dev/null"));
	ASSERT_EQ(0, knows_on_vlan("a"));
	ASSERT_EQ(0, knows_on_vlan("b"));
	CONNECT(NULL, "10.78.0.2");
	ASSERT_EQ(0, set_ip("a", "link del v5"));
	ASSERT_EQ(0, make_vlan("a", 1));
	EXPECT_TRUE(both_ways(self->client, self->server));
	ASSERT_EQ(0, set_ip("b", "link del v5"));
	EXPECT_FALSE(passes(self->client, self->server, 100));
	ASSERT_EQ(0, make_vlan("b", 2));
	EXPECT_EQ(1, take_byte(self->server));
	EXPECT_TRUE(both_ways(self->server, self->client));
	set_ip("a", "link del v5");
	set_ip("b", "link del v5");
}

/* The new holder, or the peer after a reboot, lacks the module. */
static int without_module(const char *ns)
{
	char command[100];

	snprintf(command, sizeof(command),
		 "bash ./lan.sh lan_sysctl %s enable 0", ns);
	return fsk_run(command);
}

static int with_module(const char *ns)
{
	char command[100];

	snprintf(command, sizeof(command),
		 "bash ./lan.sh lan_sysctl %s enable 1", ns);
	return fsk_run(command);
}

/*
 * It ends as if its host had lost power: nobody hears of it, and nothing of it
 * is left.
 */
static int vanish(const char *ns, int *fd)
{
	if (set_ip("switch", "link set to-%s down", ns))
		return -1;
	fsk_sleep_ms(1500);	/* the carrier's loss is told */
	fsk_set_linger(*fd, 0);
	fsk_close(fd);
	*fd = -1;
	fsk_sleep_ms(100);
	return set_ip("switch", "link set to-%s up", ns);
}

TEST_F(path, server_came_back_without_module)
{
	if (variant->kind != FRAMES)
		SKIP(return, "for hosts that speak frames");
	CONNECT(NULL, "10.77.0.2");
	ASSERT_EQ(0, vanish("b", &self->server));
	ASSERT_EQ(0, without_module("b"));
	fsk_sleep_ms(500);
	EXPECT_EQ(1, send(self->client, "x", 1, MSG_NOSIGNAL));
	EXPECT_EQ(ECONNRESET, ends(self->client, SOON));
	ASSERT_EQ(0, with_module("b"));
}

static int dial_from_port(int port)
{
	int fd = fsk_socket("a", SOCK_CLOEXEC);

	if (fd < 0 || fsk_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) ||
	    fsk_stay_with_tcp(fd) || fsk_bind(fd, "10.77.0.1", port))
		return -1;
	return fsk_connect(fd, "10.77.0.2", PORT) ? -1 : fd;
}

/* An idle connection whose client now speaks TCP from the same port. */
TEST_F(path, client_came_back_as_tcp)
{
	uint64_t start;
	int port, again;

	if (variant->kind == MEMORY)
		SKIP(return, "the other end is a socket of this kernel");
	CONNECT(NULL, "10.77.0.2");
	port = fsk_port(self->client);
	ASSERT_EQ(0, vanish("a", &self->client));
	ASSERT_EQ(0, at("a", "ping -c 1 -W 5 10.77.0.2 > /dev/null"));
	start = fsk_now_ms();
	again = dial_from_port(port);
	EXPECT_LE(0, again);
	TH_LOG("connected after %d ms", (int)(fsk_now_ms() - start));
	EXPECT_GT(start + 1500, fsk_now_ms());
	EXPECT_EQ(ECONNRESET, ends(self->server, SOON));
	close(again);
}

/* A TCP segment from a stranger, for a connection between a and b. */
static int forge(const char *ns, const char *from, int sport, const char *to,
		 int dport, uint8_t flags, uint32_t seq)
{
	struct sockaddr_in where = fsk_addr(to, 0);
	struct {
		uint32_t saddr, daddr;
		uint8_t zero, proto;
		uint16_t len;
		uint16_t sport, dport;
		uint32_t seq, ack;
		uint8_t doff, flags;
		uint16_t window, check, urgent;
	} __attribute__((packed)) s = {
		.proto = IPPROTO_TCP, .len = htons(20),
		.sport = htons(sport), .dport = htons(dport),
		.seq = htonl(seq), .doff = 5 << 4, .flags = flags,
	};
	const int one = 1;
	uint8_t packet[40] = { 0x45, 0, 0, 40, 0, 0, 0, 0, 64, IPPROTO_TCP };
	uint32_t sum = 0;
	int fd, i, err;

	s.saddr = fsk_addr(from, 0).sin_addr.s_addr;
	s.daddr = where.sin_addr.s_addr;
	for (i = 0; i < (int)sizeof(s) / 2; i++)
		sum += ((uint16_t *)&s)[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	s.check = ~sum;
	memcpy(packet + 12, &s.saddr, 8);
	memcpy(packet + 20, &s.sport, 20);
	if (fsk_enter(ns))
		return -1;
	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_HDRINCL, &one, sizeof(one)))
		return -1;
	err = sendto(fd, packet, sizeof(packet), 0, (void *)&where,
		     sizeof(where)) != sizeof(packet);
	close(fd);
	return err ? -1 : 0;
}

/* SYNs and resets of a stranger end nothing and draw next to nothing. */
TEST_F(path, strangers_segments)
{
	long frames, asked, i;
	int port;

	if (variant->kind == PLAIN)
		SKIP(return, "TCP has its own tests");
	CONNECT(NULL, "10.77.0.2");
	port = fsk_port(self->client);
	frames = fsk_stat("b", "FskOutFrames");
	asked = fsk_stat("b", "FskChallenges");
	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, forge("a", "10.77.0.1", port, "10.77.0.2", PORT,
				   0x02, i));
		ASSERT_EQ(0, forge("a", "10.77.0.1", port, "10.77.0.2", PORT,
				   0x04, i << 20));
		fsk_sleep_ms(5);
	}
	EXPECT_GE(frames + 12, fsk_stat("b", "FskOutFrames"));
	/* Those, and what ends of earlier tests still ask. */
	EXPECT_GE(asked + 12, fsk_stat("b", "FskChallenges"));
	EXPECT_TRUE(both_ways(self->client, self->server));
}

/* Frames or packets that the next device did not take. */
static long too_long(const char *ns)
{
	if (fsk_enter(ns))
		return -1;
	return fsk_number_in("/proc/net/dev",
			     " eth0: %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %ld");
}

/* The segment takes 1400 bytes, and only one end's route says so. */
static void narrow_segment(struct __test_metadata *_metadata, const char *ns,
			   int n, int listener, enum kind kind)
{
	const ssize_t total = 200000;
	static char buf[200000];
	int client, server;
	long dropped;
	pid_t pid;

	ASSERT_EQ(0, set_ip("switch", "link set to-a mtu 1400"));
	ASSERT_EQ(0, set_ip("switch", "link set to-b mtu 1400"));
	ASSERT_EQ(0, set_ip(ns, "route replace 10.77.0.0/24 dev eth0 src 10.77.0.%d mtu lock 1400", n));
	client = meet(kind, "a", NULL, "10.77.0.2");
	ASSERT_LE(0, client);
	server = accept_last(kind, listener);
	ASSERT_LE(0, server);
	dropped = too_long("a") + too_long("b");
	ASSERT_LE(0, dropped);
	pid = fsk_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		fsk_send_all(client, buf, total);
		_exit(fsk_recv_all(client, buf, total) != total);
	}
	EXPECT_EQ(total, fsk_recv_all(server, buf, total));
	EXPECT_EQ(total, fsk_send_all(server, buf, total));
	EXPECT_EQ(0, fsk_reap(pid));
	EXPECT_EQ(dropped, too_long("a") + too_long("b"));
	close(client);
	close(server);
	set_ip("switch", "link set to-a mtu 1500");
	set_ip("switch", "link set to-b mtu 1500");
	set_ip(ns, "route replace 10.77.0.0/24 dev eth0 src 10.77.0.%d", n);
}

TEST_F(path, clients_route_has_an_mtu)
{
	if (variant->kind != FRAMES)
		SKIP(return, "TCP has it, memory needs none");
	narrow_segment(_metadata, "a", 1, self->listener, variant->kind);
}

TEST_F(path, servers_route_has_an_mtu)
{
	if (variant->kind != FRAMES)
		SKIP(return, "TCP has it, memory needs none");
	narrow_segment(_metadata, "b", 2, self->listener, variant->kind);
}

/* A route that becomes narrow under a running connection. */
TEST_F(path, route_gets_an_mtu)
{
	const ssize_t total = 100000;
	static char buf[100000];
	int mtu;

	CONNECT(NULL, "10.77.0.2");
	ASSERT_EQ(0, set_ip("a", "route replace 10.77.0.0/24 dev eth0 src 10.77.0.1 mtu lock 1000"));
	EXPECT_EQ(total, fsk_send_all(self->client, buf, total));
	EXPECT_EQ(total, fsk_recv_all(self->server, buf, total));
	mtu = fsk_int_option(self->client, IPPROTO_IP, IP_MTU);
	if (variant->kind != MEMORY)
		EXPECT_EQ(1000, mtu);
	set_ip("a", "route replace 10.77.0.0/24 dev eth0 src 10.77.0.1");
}

/* Within a namespace; TCP's is the first. */
FIXTURE(within)
{
	int listener;
	int client;
	int server;
};

FIXTURE_VARIANT(within)
{
	enum kind kind;
};

FIXTURE_VARIANT_ADD(within, tcp)
{
	.kind = PLAIN,
};

FIXTURE_VARIANT_ADD(within, memory)
{
	.kind = MEMORY,
};

FIXTURE_SETUP(within)
{
	self->listener = listen_in("b");
	ASSERT_LE(0, self->listener);
	self->client = -1;
	self->server = -1;
}

FIXTURE_TEARDOWN(within)
{
	give_up(self->client);
	give_up(self->server);
	close(self->listener);
	fsk_run("for ns in b c; do ip -n $ns addr del " SHARED
		"/32 dev eth0; ip -n $ns neigh del " SHARED " dev eth0; done 2> /dev/null; true");
}

#define CONNECT_WITHIN(from, to) do {					\
	self->client = dial(variant->kind, "b", from, to);		\
	ASSERT_LE(0, self->client);					\
	ASSERT_TRUE(is_kind(variant->kind, self->client));		\
	self->server = accept_last(variant->kind, self->listener);	\
	ASSERT_LE(0, self->server);					\
	ASSERT_TRUE(both_ways(self->client, self->server));		\
} while (0)

/* A program on the active host talks to the address; it moves away. */
TEST_F(within, servers_address_moves)
{
	int heir = listen_in("c");

	ASSERT_EQ(0, has_address("b", SHARED));
	CONNECT_WITHIN("10.77.0.2", SHARED);
	ASSERT_EQ(0, moves("b", "c", SHARED));
	EXPECT_FALSE(passes(self->client, self->server, 300));
	EXPECT_EQ(ECONNRESET, ends(self->client, SOON));
	close(heir);
}

TEST_F(within, both_addresses_leave_and_return)
{
	ASSERT_EQ(0, has_address("b", SHARED));
	CONNECT_WITHIN(NULL, SHARED);
	ASSERT_EQ(0, set_ip("b", "addr del " SHARED "/32 dev eth0"));
	EXPECT_FALSE(passes(self->client, self->server, 300));
	EXPECT_EQ(0, ends(self->client, 300));
	ASSERT_EQ(0, set_ip("b", "addr add " SHARED "/32 dev eth0"));
	EXPECT_EQ(1, take_byte(self->server));
	EXPECT_TRUE(both_ways(self->client, self->server));
}

TEST_F(within, loopback_down_and_up)
{
	CONNECT_WITHIN(NULL, "127.0.0.1");
	refused_for_a_while(_metadata, self->client, self->server, "b",
			    "link set lo down", "link set lo up");
}

static int main_lan(void)
{
	return fsk_run("bash ./lan.sh lan_up a b c") ||
	       fsk_run("bash ./lan.sh lan_ready a b c");
}

int main(int argc, char **argv)
{
	int status = 1;

	setlinebuf(stdout);
	if (!main_lan())
		status = test_harness_run(argc, argv);
	fsk_run("bash ./lan.sh lan_down a b c switch");
	return status;
}
