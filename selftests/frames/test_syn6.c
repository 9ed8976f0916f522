// SPDX-License-Identifier: GPL-2.0
/*
 * SYN6 and CONFIRM6 that no client sends, or whose addresses are not what they
 * say: of another host, device or scope, not yet there or there no more.
 */
#define FSK_NATIVE	true

#include <linux/ipv6.h>

#include "fsk_forge.h"

#include <linux/fastsock.h>

#define A		"fd77::1"
#define B		"fd77::2"
#define LOCAL_A		"fe80::a:1"	/* a's and b's of eth0 */
#define LOCAL_B		"fe80::b:1"
#define LOCAL_OTHER	"fe80::b:2"	/* b's of another device */
#define LOCAL_FAR	"fe80::c:1"	/* on the link of that device */

#define ERRNO(call)	((call) < 0 ? errno : 0)

/* What to send from a, whose fastsock hears nothing; b knows that host. */
FIXTURE(syn6)
{
	int listener;
	int at_a;
	struct target b;
	uint16_t port;
};

/* An address that need not be asked for first. */
#define NEW_ADDRESS(ns, ip) \
	"ip -n " ns " addr replace " ip "/64 dev eth0 nodad"

#define PING	"./helper_at a ping -c 1 -w 10 "

FIXTURE_SETUP(syn6)
{
	self->at_a = wire("a", ETH_P_ALL);
	ASSERT_LE(0, self->at_a);
	mac_of("a", self->b.peer_mac);
	mac_of("b", self->b.mac);
	ASSERT_EQ(0, fsk_run(NEW_ADDRESS("a", LOCAL_A) " && "
			     NEW_ADDRESS("b", LOCAL_B) " && "
			     NEW_ADDRESS("b", B) " && "
			     PING B " > /dev/null && "
			     PING "-I " LOCAL_A "%eth0 " LOCAL_B "%eth0 "
			     "> /dev/null"));
	self->listener = fsk_socket("b", SOCK_NONBLOCK | SOCK_CLOEXEC);
	ASSERT_LE(0, self->listener);
	ASSERT_EQ(0, fsk_bind(self->listener, "::", 0));
	ASSERT_EQ(0, listen(self->listener, 8));
	self->port = fsk_port(self->listener);
	ASSERT_EQ(0, deafen("a"));
}

FIXTURE_TEARDOWN(syn6)
{
	hear("a");
	close(self->listener);
	close(self->at_a);
}

static struct fsk_syn6 call_to(const FIXTURE_DATA(syn6) *self, const char *from,
			       const char *to)
{
	struct fsk_syn6 call = true_call(from, to);

	call.sport = htons(7777);
	call.dport = htons(self->port);
	call.id = htonl(1);
	call.key = htonl(2);
	return call;
}

/* No answer, SYNACK, or REJECT for FSK_REASON_*. */
enum { NO_ANSWER = -2, SYNACK };

/* b's answer that has come by now; @sa: where to put SYNACK. */
static int next_answer(int fd, struct fsk_synack *sa)
{
	const struct fsk_reject *reject;
	const struct fsk_hdr *hdr;
	struct frame f;
	bool in;

	while (next_frame(fd, &f, &in)) {
		hdr = hdr_of(&f);
		if (!in || !hdr)
			continue;
		if (hdr->type == FSK_T_SYNACK) {
			memcpy(sa, hdr + 1, sizeof(*sa));
			return SYNACK;
		}
		reject = (const void *)(hdr + 1);
		if (hdr->type == FSK_T_REJECT)
			return ntohl(reject->reason);
	}
	return NO_ANSWER;
}

/* What b says to that SYN6. */
static int ask(const FIXTURE_DATA(syn6) *self, const struct fsk_syn6 *call,
	       struct fsk_synack *sa)
{
	int answer = NO_ANSWER;
	struct frame f;

	put_syn_of(&f, &self->b, call);
	inject(self->at_a, &f);
	FSK_UNTIL((answer = next_answer(self->at_a, sa)) != NO_ANSWER);
	return answer;
}

/* What is wrong with a SYN6 whose addresses are right. */
static void reserved(struct fsk_syn6 *call)
{
	call->reserved = 1;
}

static void no_id(struct fsk_syn6 *call)
{
	call->id = 0;
}

static void no_sport(struct fsk_syn6 *call)
{
	call->sport = 0;
}

static void no_dport(struct fsk_syn6 *call)
{
	call->dport = 0;
}

static void no_room(struct fsk_syn6 *call)
{
	call->mss = htons(1);
}

static const struct {
	const char *from;
	const char *to;
	void (*spoil)(struct fsk_syn6 *call);
} insane[] = {
	{ "::ffff:10.77.0.1", B }, { A, "::ffff:10.77.0.2" },
	{ "::ffff:10.77.0.1", "::ffff:10.77.0.2" },
	{ "ff02::1", B }, { A, "ff02::1" }, { "ff0e::1", B },
	{ "::", B }, { A, "::" }, { "::1", B }, { A, "::1" },
	{ A, B, reserved }, { A, B, no_id }, { A, B, no_sport },
	{ A, B, no_dport }, { A, B, no_room },
};

/* One frame is sent, and these counters tell of it. */
#define EXPECT_DROPPED(drops, f, ...) do {				\
	struct counts _before;						\
	count("b", "FskDrop", &_before);				\
	ASSERT_EQ(0, inject(self->at_a, f));				\
	FSK_UNTIL(!strcmp(drops, moved("b", "FskDrop", &_before)));	\
	EXPECT_STREQ(drops, moved("b", "FskDrop", &_before)) {		\
		TH_LOG(__VA_ARGS__);					\
	}								\
} while (0)

/* CONFIRM6 that makes no connection: it is of no other, either. */
#define NO_COOKIE	"Id+1 Cookie+1"

TEST_F(syn6, what_no_client_says_is_dropped)
{
	struct fsk_synack sa;
	struct fsk_syn6 call;
	struct frame f;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(insane); i++) {
		call = call_to(self, insane[i].from, insane[i].to);
		if (insane[i].spoil)
			insane[i].spoil(&call);
		put_syn_of(&f, &self->b, &call);
		EXPECT_DROPPED("Length+1", &f, "SYN6 %d", (int)i);
		sa = (struct fsk_synack){ .id = htonl(77) };
		put_confirm(&f, &self->b, &call, &sa);
		EXPECT_DROPPED(NO_COOKIE, &f, "CONFIRM6 %d", (int)i);
	}
	EXPECT_EQ(NO_ANSWER, next_answer(self->at_a, &sa));
}

TEST_F(syn6, what_has_not_its_length_is_dropped)
{
	static const struct {
		uint8_t type;
		int len;
	} wrong[] = {
		{ FSK_T_SYN6, 0 }, { FSK_T_SYN6, sizeof(struct fsk_syn) },
		{ FSK_T_SYN6, sizeof(struct fsk_syn6) - 1 },
		{ FSK_T_SYN6, sizeof(struct fsk_syn6) + 1 },
		{ FSK_T_SYN, sizeof(struct fsk_syn6) },
		{ FSK_T_CONFIRM6, 0 },
		{ FSK_T_CONFIRM6, sizeof(struct fsk_syn) },
		{ FSK_T_CONFIRM6, sizeof(struct fsk_syn6) - 1 },
	};
	struct fsk_syn6 call = call_to(self, A, B);
	struct target nobody = self->b;
	struct fsk_synack sa;
	struct frame f;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		memcpy(put_hdr(&f, &nobody, wrong[i].type, wrong[i].len) + 1,
		       &call, sizeof(call));
		EXPECT_DROPPED("Length+1", &f, "type %d of %d", wrong[i].type,
			       wrong[i].len);
	}
	for (i = 1; i < sizeof(call); i += 13) {
		put_syn_of(&f, &self->b, &call);
		f.len -= i;
		EXPECT_DROPPED("Short+1", &f, "without %d", (int)i);
	}
	EXPECT_EQ(NO_ANSWER, next_answer(self->at_a, &sa));
	EXPECT_EQ(SYNACK, ask(self, &call, &sa));
}

/* b has another device, and knows of neighbours there and at other places. */
static int other_device(const struct target *b)
{
	const uint8_t *mac = b->peer_mac;
	char command[400];

	snprintf(command, sizeof(command),
		 "printf '%%s\\n' 'link add eth1 type dummy' "
		 "'link set eth1 arp on up' "
		 "'addr add " LOCAL_OTHER "/64 dev eth1 nodad' "
		 "'addr add fd78::2/64 dev eth1 nodad' "
		 "'neigh add " LOCAL_FAR " dev eth1 "
		 "lladdr %02x:%02x:%02x:%02x:%02x:%02x' "
		 "'neigh add fd77::3 lladdr 02:00:00:00:00:03 dev eth0' | "
		 "ip -n b -batch -",
		 mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return fsk_run(command);
}

TEST_F(syn6, addresses_of_others_are_not_answered)
{
	static const struct {
		const char *from;
		const char *to;
		int answer;
	} cases[] = {
		{ A, B, SYNACK }, { LOCAL_A, LOCAL_B, SYNACK },
		/* Nobody's, another host's, the server's own. */
		{ "fd77::77", B, FSK_REASON_UNKNOWN_PEER },
		{ "fd77::3", B, FSK_REASON_UNKNOWN_PEER },
		{ B, B, FSK_REASON_UNKNOWN_PEER },
		{ LOCAL_B, LOCAL_B, FSK_REASON_UNKNOWN_PEER },
		{ "::10.77.0.1", B, FSK_REASON_UNKNOWN_PEER },
		/* A neighbour with that MAC address, but elsewhere. */
		{ LOCAL_FAR, LOCAL_B, FSK_REASON_UNKNOWN_PEER },
		{ LOCAL_FAR, LOCAL_OTHER, FSK_REASON_UNKNOWN_PEER },
		/* Not this host's, or not on this link. */
		{ A, "fd77::99", FSK_REASON_NOROUTE },
		{ A, "fd99::99", FSK_REASON_NOROUTE },
		{ LOCAL_A, "fe80::99", FSK_REASON_NOROUTE },
		{ LOCAL_A, LOCAL_OTHER, FSK_REASON_NOROUTE },
		{ A, LOCAL_OTHER, FSK_REASON_NOROUTE },
	};
	struct fsk_synack sa;
	struct fsk_syn6 call;
	size_t i;

	ASSERT_EQ(0, other_device(&self->b));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		call = call_to(self, cases[i].from, cases[i].to);
		EXPECT_EQ(cases[i].answer, ask(self, &call, &sa)) {
			TH_LOG("%s to %s", cases[i].from, cases[i].to);
		}
	}
	/* What else is not as it should be has its reason, too. */
	call = call_to(self, A, B);
	call.version++;
	EXPECT_EQ(FSK_REASON_VERSION, ask(self, &call, &sa));
	call.version = FSK_WIRE_REFUSED;
	EXPECT_EQ(FSK_REASON_NETFILTER, ask(self, &call, &sa));
	call = call_to(self, A, B);
	call.dport ^= htons(1);
	EXPECT_EQ(FSK_REASON_NO_LISTENER, ask(self, &call, &sa));
	EXPECT_EQ(0, fsk_run("ip -n b link del eth1 && "
			     "ip -n b neigh del fd77::3 dev eth0"));
}

/* The cookie in SYNACK is for those addresses, and for one connection. */
TEST_F(syn6, a_cookie_is_for_all_of_its_addresses)
{
	struct fsk_syn6 call = call_to(self, A, B), other;
	long opens = fsk_stat("b", "FskPassiveOpens");
	struct sockaddr_in6 name, want;
	socklen_t len = sizeof(name);
	struct fsk_synack sa;
	struct fsk_syn syn;
	struct frame f;
	size_t i;
	int fd;

	ASSERT_EQ(SYNACK, ask(self, &call, &sa));
	for (i = 0; i < 2 * sizeof(call.saddr); i++) {
		other = call;
		*(i % 2 ? &other.saddr[i / 2] : &other.daddr[i / 2]) ^= 4;
		put_confirm(&f, &self->b, &other, &sa);
		EXPECT_DROPPED(NO_COOKIE, &f, "byte %d", (int)i);
	}
	/* Nor for a connection of IPv4. */
	put_confirm(&f, &self->b, &call, &sa);
	syn = (struct fsk_syn) {
		.version = FSK_WIRE_VERSION, .mss = call.mss,
		.sport = call.sport, .dport = call.dport, .id = call.id,
		.key = call.key, .win = call.win,
		.saddr = htonl(0x0a4d0001), .daddr = htonl(0x0a4d0002),
	};
	((struct fsk_hdr *)(f.data + 14))->type = FSK_T_CONFIRM;
	((struct fsk_hdr *)(f.data + 14))->len = htons(sizeof(syn));
	memcpy(f.data + 14 + sizeof(struct fsk_hdr), &syn, sizeof(syn));
	f.len = 14 + sizeof(struct fsk_hdr) + sizeof(syn);
	EXPECT_DROPPED(NO_COOKIE, &f, "CONFIRM");
	EXPECT_EQ(opens, fsk_stat("b", "FskPassiveOpens"));
	EXPECT_EQ(EAGAIN, ERRNO(accept(self->listener, NULL, NULL)));

	/* Of all these the true one alone is good, and once. */
	put_confirm(&f, &self->b, &call, &sa);
	ASSERT_EQ(0, inject(self->at_a, &f));
	EXPECT_TRUE(FSK_UNTIL((fd = accept(self->listener, (void *)&name,
					   &len)) >= 0));
	EXPECT_TRUE(fsk_is_fast(fd));
	want = fsk_addr6(A, 7777);
	EXPECT_EQ(0, memcmp(&want, &name, sizeof(want)));
	EXPECT_EQ(opens + 1, fsk_stat("b", "FskPassiveOpens"));
	fsk_set_linger(fd, 0);
	close(fd);
	ASSERT_TRUE(FSK_UNTIL(!fsk_stat("b", "FskCurrEstab")));
	put_confirm(&f, &self->b, &call, &sa);
	EXPECT_DROPPED(NO_COOKIE, &f, "once more");
	EXPECT_EQ(EAGAIN, ERRNO(accept(self->listener, NULL, NULL)));
}

/* Without its address the server cannot be spoken to, as with TCP. */
TEST_F(syn6, the_address_of_the_server_goes_before_confirm)
{
	struct fsk_syn6 call = call_to(self, A, B);
	long opens = fsk_stat("b", "FskPassiveOpens");
	struct fsk_synack sa;
	struct frame f;
	int fd;

	ASSERT_EQ(SYNACK, ask(self, &call, &sa));
	ASSERT_EQ(0, fsk_run("ip -n b addr del " B "/64 dev eth0"));
	put_confirm(&f, &self->b, &call, &sa);
	ASSERT_EQ(0, inject(self->at_a, &f));
	fsk_sleep_ms(200);
	EXPECT_EQ(EAGAIN, ERRNO(accept(self->listener, NULL, NULL)));
	EXPECT_EQ(opens, fsk_stat("b", "FskPassiveOpens"));
	ASSERT_EQ(0, fsk_run(NEW_ADDRESS("b", B)));
	ASSERT_EQ(0, inject(self->at_a, &f));
	EXPECT_TRUE(FSK_UNTIL((fd = accept(self->listener, NULL, NULL)) >= 0));
	EXPECT_TRUE(fsk_is_fast(fd));
	fsk_set_linger(fd, 0);
	close(fd);
}

/* Sets how often a namespace asks whether others have its new address. */
static int set_dad(const char *ns, int times)
{
	char command[120];

	snprintf(command, sizeof(command), "./helper_at %s sh -c 'echo %d > "
		 "/proc/sys/net/ipv6/conf/eth0/dad_transmits'", ns, times);
	return fsk_run(command);
}

/* Until it has asked, it has not the address. */
TEST_F(syn6, an_address_that_others_may_have_is_not_answered)
{
	struct fsk_syn6 call = call_to(self, A, "fd77::8");
	struct fsk_synack sa;

	ASSERT_EQ(0, set_dad("b", 60));
	ASSERT_EQ(0, fsk_run("ip -n b addr add fd77::8/64 dev eth0"));
	EXPECT_EQ(FSK_REASON_NOROUTE, ask(self, &call, &sa));
	ASSERT_EQ(0, set_dad("b", 1));
	ASSERT_EQ(0, fsk_run("ip -n b addr del fd77::8/64 dev eth0 && "
			     NEW_ADDRESS("b", "fd77::8")));
	EXPECT_EQ(SYNACK, ask(self, &call, &sa));
	EXPECT_EQ(0, fsk_run("ip -n b addr del fd77::8/64 dev eth0"));
}

/* A client that knows where it would be. */
TEST(a_client_of_an_address_that_others_may_have)
{
	int listener = fsk_socket("b", SOCK_NONBLOCK), fd, server;
	struct counts before;
	char command[200];
	uint8_t mac[6];

	ASSERT_EQ(0, fsk_bind(listener, "::", 0));
	ASSERT_EQ(0, listen(listener, 8));
	mac_of("b", mac);
	snprintf(command, sizeof(command), "ip -n a neigh add fd77::8 dev eth0 "
		 "lladdr %02x:%02x:%02x:%02x:%02x:%02x",
		 mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	ASSERT_EQ(0, fsk_run(command));
	ASSERT_EQ(0, set_dad("b", 60));
	ASSERT_EQ(0, fsk_run("ip -n b addr add fd77::8/64 dev eth0"));
	count("a", "FskDelegated", &before);
	fd = fsk_socket("a", SOCK_NONBLOCK);
	EXPECT_EQ(EINPROGRESS,
		  ERRNO(fsk_connect(fd, "fd77::8", fsk_port(listener))));
	fsk_sleep_ms(300);
	EXPECT_STREQ("NoRoute+1", moved("a", "FskDelegated", &before));
	EXPECT_EQ(EAGAIN, ERRNO(accept(listener, NULL, NULL)));
	ASSERT_EQ(0, set_dad("b", 1));
	ASSERT_EQ(0, fsk_run("ip -n b addr del fd77::8/64 dev eth0 && "
			     NEW_ADDRESS("b", "fd77::8")));
	/* TCP has gone on asking. */
	EXPECT_TRUE(FSK_UNTIL((server = accept(listener, NULL, NULL)) >= 0));
	EXPECT_FALSE(fsk_is_fast(server));
	EXPECT_FALSE(fsk_is_fast(fd));
	EXPECT_EQ(0, fsk_nonblock(fd, false));
	FSK_EXPECT_ALIVE(fd, server);
	close(fd);
	close(server);
	fd = fsk_socket("a", 0);
	EXPECT_EQ(0, fsk_connect(fd, "fd77::8", fsk_port(listener)));
	EXPECT_TRUE(fsk_is_fast(fd));
	close(fd);
	close(listener);
	EXPECT_EQ(0, fsk_run("ip -n b addr del fd77::8/64 dev eth0 && "
			     "ip -n a neigh del fd77::8 dev eth0"));
}

/* Takes an address of a away, without the time that a program would take. */
static int drop_address(const char *ip)
{
	struct in6_ifreq request = { .ifr6_prefixlen = 64 };
	int fd, err;

	fsk_enter("a");
	fd = socket(AF_INET6, SOCK_DGRAM, 0);
	inet_pton(AF_INET6, ip, &request.ifr6_addr);
	request.ifr6_ifindex = if_nametoindex("eth0");
	err = ioctl(fd, SIOCDIFADDR, &request);
	close(fd);
	return err;
}

/* SYN is on its way when the client's address goes. */
static void expect_no_answer(struct __test_metadata *_metadata, int listener,
			     bool by_tcp)
{
	struct pollfd pfd = { .events = POLLOUT };
	int fd, server;

	ASSERT_EQ(0, fsk_run(NEW_ADDRESS("a", "fd77::9")));
	fd = fsk_socket("a", SOCK_NONBLOCK);
	pfd.fd = fd;
	if (by_tcp)
		ASSERT_EQ(0, fsk_stay_with_tcp(fd));
	ASSERT_EQ(0, fsk_bind(fd, "fd77::9", 0));
	EXPECT_EQ(EINPROGRESS, ERRNO(fsk_connect(fd, B, fsk_port(listener))));
	EXPECT_EQ(0, drop_address("fd77::9"));
	EXPECT_EQ(0, poll(&pfd, 1, 500)) {
		TH_LOG("%s: events %x", by_tcp ? "TCP" : "fastsock",
		       pfd.revents);
	}
	EXPECT_EQ(EAGAIN, ERRNO(accept(listener, NULL, NULL)));
	ASSERT_EQ(0, fsk_run(NEW_ADDRESS("a", "fd77::9")));
	EXPECT_TRUE(FSK_UNTIL((server = accept(listener, NULL, NULL)) >= 0));
	EXPECT_FALSE(fsk_is_fast(fd));
	EXPECT_EQ(0, fsk_nonblock(fd, false));
	FSK_EXPECT_ALIVE(fd, server);
	close(fd);
	close(server);
}

TEST(the_address_of_the_client_goes_before_synack)
{
	int listener = fsk_socket("b", SOCK_NONBLOCK);

	ASSERT_EQ(0, fsk_bind(listener, "::", 0));
	ASSERT_EQ(0, listen(listener, 8));
	ASSERT_EQ(0, fsk_run("bash ./lan.sh lan_sysctl a handshake_ms 50 && "
			     "tc -n b qdisc add dev eth0 root netem "
			     "delay 20ms"));
	expect_no_answer(_metadata, listener, true);
	expect_no_answer(_metadata, listener, false);
	EXPECT_EQ(0, fsk_run("tc -n b qdisc del dev eth0 root"));
	close(listener);
}

FSK_TEST_MAIN
