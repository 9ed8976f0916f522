// SPDX-License-Identifier: GPL-2.0
/* J and K: options of levels SOL_IP and SOL_TCP. */
#include "options.h"

#include <linux/tls.h>
#include <linux/xfrm.h>

/* What the C library's headers may not know. */
enum {
	LOCAL_PORT_RANGE = 51, ORIGINAL_DST = 80, TX_DELAY = 37, AO_FIRST = 38,
	AO_LAST = 42, IS_MPTCP = 43,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void look_tos(const char *who, int fd)
{
	static const int values[] = { 0x10, 0x08, 0x13, 0xb8, 256, -1, 0 };
	unsigned char byte = 0x20;
	socklen_t len = 1;
	size_t i;

	for (i = 0; i < COUNT(values); i++) {
		SET_GET(who, fd, SOL_IP, IP_TOS, values[i]);
		GET(who, fd, SOL_SOCKET, SO_PRIORITY);
	}
	TELL(who, setsockopt(fd, SOL_IP, IP_TOS, &byte, 1));
	byte = 0;
	TELL(who, getsockopt(fd, SOL_IP, IP_TOS, &byte, &len));
	note("%s: %x (%u bytes)", who, byte, len);
	TELL(who, setsockopt(fd, SOL_IP, IP_TOS, &byte, 0));
}

FAST("J1", "IP_TOS reads back and sets the priority")
{
	in_every_state(look_tos);
}

static void look_ttl(const char *who, int fd)
{
	static const int values[] = { 1, 255, 0, 256, -2, 64, -1 };
	size_t i;

	GET(who, fd, SOL_IP, IP_TTL);
	for (i = 0; i < COUNT(values); i++)
		SET_GET(who, fd, SOL_IP, IP_TTL, values[i]);
	SET_GET(who, fd, SOL_IP, IP_MINTTL, 0);
	SET_GET(who, fd, SOL_IP, IP_MINTTL, 256);
}

FAST("J1", "IP_TTL is 1 to 255 or -1")
{
	in_every_state(look_ttl);
}

FAST("J1", "an accepted socket inherits TOS and TTL")
{
	int listening = server_socket(0), fd, server;
	uint16_t port;

	SAY(fsk_set_int(listening, SOL_IP, IP_TOS, 0x10));
	SAY(fsk_set_int(listening, SOL_IP, IP_TTL, 33));
	port = listen_on(listening, 1);
	fd = client_socket(0);
	SAY(fsk_set_int(fd, SOL_IP, IP_TOS, 0x08));
	pair_on(fd, listening, port, &server);
	GET("server", server, SOL_IP, IP_TOS);
	GET("server", server, SOL_IP, IP_TTL);
	GET("server", server, SOL_SOCKET, SO_PRIORITY);
	GET("client", fd, SOL_IP, IP_TOS);
	say_alive(fd, server);
	SAY(fsk_set_int(fd, SOL_IP, IP_TOS, 0x10));
	SAY(fsk_set_int(server, SOL_IP, IP_TOS, 0));
	say_alive(fd, server);
}

static void look_receive_options(const char *who, int fd)
{
	SET_GET(who, fd, SOL_IP, IP_RECVTOS, 1);
	SET_GET(who, fd, SOL_IP, IP_RECVTTL, 1);
	SET_GET(who, fd, SOL_IP, IP_PKTINFO, 1);
	SET_GET(who, fd, SOL_IP, IP_RECVOPTS, 1);
	SET_GET(who, fd, SOL_IP, IP_RETOPTS, 1);
	SET_GET(who, fd, SOL_IP, IP_PASSSEC, 1);
	SET_GET(who, fd, SOL_IP, IP_RECVORIGDSTADDR, 1);
	SET_GET(who, fd, SOL_IP, IP_CHECKSUM, 1);
	SET_GET(who, fd, SOL_IP, IP_RECVFRAGSIZE, 1);
	SET_GET(who, fd, SOL_IP, IP_HDRINCL, 1);
	SET_GET(who, fd, SOL_IP, IP_ROUTER_ALERT, 1);
	SET_GET(who, fd, SOL_IP, IP_NODEFRAG, 1);
}

FAST("J1", "options about received packets read back")
{
	in_every_state(look_receive_options);
}

FAST("J1", "options about received packets have no effect on a stream")
{
	int client, server;

	pair(&client, &server);
	fsk_set_int(server, SOL_IP, IP_RECVTOS, 1);
	fsk_set_int(server, SOL_IP, IP_RECVTTL, 1);
	fsk_set_int(server, SOL_IP, IP_PKTINFO, 1);
	send(client, "bytes", 5, 0);
	AWAIT(fsk_unread(server) == 5);
	say_recvmsg("server", server, 16, 0, 256);
}

FAST("J1", "IP_PKTOPTIONS tells of a stream what was asked for")
{
	int client, server;
	char bytes[256];
	socklen_t len = sizeof(bytes);

	pair(&client, &server);
	SAY(getsockopt(server, SOL_IP, IP_PKTOPTIONS, bytes, &len));
	note("%u bytes", len);
	fsk_set_int(server, SOL_IP, IP_PKTINFO, 1);
	len = sizeof(bytes);
	SAY(getsockopt(server, SOL_IP, IP_PKTOPTIONS, bytes, &len));
	note("%u bytes", len);
	len = 1;
	SAY(getsockopt(server, SOL_IP, IP_PKTOPTIONS, bytes, &len));
}

static void look_mtu(const char *who, int fd)
{
	static const int values[] = { 0, 1, 2, 3, 4, 5, 6, -1, 1 };
	size_t i;

	GET(who, fd, SOL_IP, IP_MTU);
	TELL(who, fsk_set_int(fd, SOL_IP, IP_MTU, 1000));
	GET(who, fd, SOL_IP, IP_MTU_DISCOVER);
	for (i = 0; i < COUNT(values); i++)
		SET_GET(who, fd, SOL_IP, IP_MTU_DISCOVER, values[i]);
}

FAST("J2", "IP_MTU of a connection, and IP_MTU_DISCOVER")
{
	in_every_state(look_mtu);
}

static void look_special(const char *who, int fd)
{
	unsigned char options[64];
	socklen_t len = sizeof(options);

	SET_GET(who, fd, SOL_IP, IP_FREEBIND, 1);
	SET_GET(who, fd, SOL_IP, IP_RECVERR, 1);
	SET_GET(who, fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	SET_GET(who, fd, SOL_IP, LOCAL_PORT_RANGE, 40010 << 16 | 40000);
	SET_GET(who, fd, SOL_IP, LOCAL_PORT_RANGE, 40000 << 16 | 40010);
	SET_GET(who, fd, SOL_IP, LOCAL_PORT_RANGE, 0);
	be_root(false);
	TELL(who, fsk_set_int(fd, SOL_IP, IP_TRANSPARENT, 1));
	TELL(who, setsockopt(fd, SOL_IP, IP_XFRM_POLICY, options, 4));
	be_root(true);
	GET(who, fd, SOL_IP, IP_TRANSPARENT);
	TELL(who, setsockopt(fd, SOL_IP, IP_XFRM_POLICY, options, 4));
	TELL(who, getsockopt(fd, SOL_IP, IP_OPTIONS, options, &len));
	note("%s: %u bytes of options", who, len);
	memset(options, 200, sizeof(options));
	TELL(who, setsockopt(fd, SOL_IP, IP_OPTIONS, options, 41));
	TELL(who, setsockopt(fd, SOL_IP, IP_OPTIONS, options, 8));
	TELL(who, setsockopt(fd, SOL_IP, IP_OPTIONS, hole(), 8));
	len = sizeof(options);
	TELL(who, getsockopt(fd, SOL_IP, ORIGINAL_DST, options, &len));
}

FAST("J3", "options for special routing are checked and read back")
{
	in_every_state(look_special);
}

LEFT_TO_TCP("J3", "a transparent socket has any address")
{
	int fd, listening, server;
	uint16_t port;

	listening = listener(1, &port);
	fd = client_socket(0);
	SAY(fsk_set_int(fd, SOL_IP, IP_TRANSPARENT, 1));
	GET("client", fd, SOL_IP, IP_TRANSPARENT);
	pair_on(fd, listening, port, &server);
	say_alive(fd, server);
	fd = client_socket(0);
	fsk_set_int(fd, SOL_IP, IP_TRANSPARENT, 1);
	SAY(fsk_bind(fd, "192.0.2.7", 0));
}

ALONE("J3", "IP_FREEBIND allows an address that is not local")
{
	int one = client_socket(0), two = client_socket(0);

	SAY(fsk_bind(one, "192.0.2.7", 0));
	SAY(fsk_set_int(two, SOL_IP, IP_FREEBIND, 1));
	SAY(fsk_bind(two, "192.0.2.7", 0));
	SAY(listen(two, 1));
}

ALONE("J3", "a connection with IP_FREEBIND and IP_RECVERR")
{
	int fd, listening, server;
	uint16_t port;
	char byte;

	listening = listener(1, &port);
	fd = client_socket(0);
	SAY(fsk_set_int(fd, SOL_IP, IP_FREEBIND, 1));
	SAY(fsk_set_int(fd, SOL_IP, IP_RECVERR, 1));
	pair_on(fd, listening, port, &server);
	say_alive(fd, server);
	SAY(recv(fd, &byte, 1, MSG_ERRQUEUE));
}

static const unsigned char no_operation[4] = { 1, 1, 1, 0 };

LEFT_TO_TCP("J3", "IP options set before connect go with each packet")
{
	unsigned char options[64];
	int fd, listening, server;
	socklen_t len = sizeof(options);
	uint16_t port;

	listening = listener(1, &port);
	fd = client_socket(0);
	SAY(setsockopt(fd, SOL_IP, IP_OPTIONS, no_operation, 4));
	pair_on(fd, listening, port, &server);
	say_alive(fd, server);
	SAY(getsockopt(fd, SOL_IP, IP_OPTIONS, options, &len));
	note("%u: %u %u %u %u", len, options[0], options[1], options[2],
	     options[3]);
}

ALONE("J3", "IP options set after connect")
{
	unsigned char options[64];
	int client, server;
	socklen_t len = sizeof(options);

	pair(&client, &server);
	SAY(setsockopt(client, SOL_IP, IP_OPTIONS, no_operation, 4));
	SAY(getsockopt(client, SOL_IP, IP_OPTIONS, options, &len));
	SAY(len);
	say_alive(client, server);
	SAY(setsockopt(client, SOL_IP, IP_OPTIONS, NULL, 0));
	say_alive(client, server);
}

LEFT_TO_TCP("J3", "an IPsec policy of the socket itself")
{
	struct xfrm_userpolicy_info policy = {
		.sel.family = AF_INET, .dir = XFRM_POLICY_OUT,
		.action = XFRM_POLICY_ALLOW,
		.lft.hard_byte_limit = XFRM_INF,
		.lft.soft_byte_limit = XFRM_INF,
		.lft.hard_packet_limit = XFRM_INF,
		.lft.soft_packet_limit = XFRM_INF,
	};
	int fd, listening, server;
	uint16_t port;

	if (system("modprobe -q xfrm_user"))
		skip("no xfrm_user");
	listening = listener(1, &port);
	fd = client_socket(0);
	if (SAY(setsockopt(fd, SOL_IP, IP_XFRM_POLICY, &policy,
			   sizeof(policy))) && errno == EOPNOTSUPP)
		skip("not for programs of 32 bits");
	pair_on(fd, listening, port, &server);
	say_alive(fd, server);
}

ALONE("J3", "IP_LOCAL_PORT_RANGE narrows the choice of ports")
{
	int fd, listening, server;
	uint16_t port;

	listening = listener(1, &port);
	fd = client_socket(0);
	SAY(fsk_set_int(fd, SOL_IP, LOCAL_PORT_RANGE, 40009 << 16 | 40000));
	pair_on(fd, listening, port, &server);
	SAY(fsk_port(fd) >= 40000 && fsk_port(fd) <= 40009);
	say_alive(fd, server);
}

/* Has TCP to this port led to another; taken back by forget_rules(). */
static int redirect(uint16_t from, uint16_t to)
{
	char command[400];

	snprintf(command, sizeof(command),
		 "nft 'table ip row { chain pre { type nat hook prerouting priority -100; tcp dport %u redirect to :%u; }; chain out { type nat hook output priority -100; tcp dport %u redirect to :%u; }; }'",
		 from, to, from, to);
	return command_in(here->server_ns, command);
}

static void forget_rules(void)
{
	command_in(here->server_ns, "nft delete table ip row");
}

LEFT_TO_TCP("J3", "SO_ORIGINAL_DST where a rule led the connection elsewhere")
{
	struct sockaddr_in address = {};
	socklen_t len = sizeof(address);
	int fd, other, listening, server;
	uint16_t port, announced;

	listening = listener(1, &port);
	other = server_socket(0);
	fsk_bind(other, here->server_ip, 0);
	announced = fsk_port(other);
	if (redirect(announced, port))
		skip("no nft redirect");
	fd = client_socket(0);
	if (!dial(fd, announced)) {
		server = accept(listening, NULL, NULL);
		SAY(getsockopt(server, SOL_IP, ORIGINAL_DST, &address, &len));
		SAY(ntohs(address.sin_port) == announced);
		say_alive(fd, server);
	}
	forget_rules();
}

static void look_multicast(const char *who, int fd)
{
	struct ip_mreqn group = { .imr_multiaddr.s_addr = htonl(0xe0000101) };

	SET_GET(who, fd, SOL_IP, IP_MULTICAST_TTL, 3);
	SET_GET(who, fd, SOL_IP, IP_MULTICAST_LOOP, 0);
	SET_GET(who, fd, SOL_IP, IP_MULTICAST_ALL, 0);
	SET_GET(who, fd, SOL_IP, IP_UNICAST_IF, 0);
	TELL(who, setsockopt(fd, SOL_IP, IP_MULTICAST_IF, &group,
			     sizeof(group)));
	TELL(who, setsockopt(fd, SOL_IP, IP_ADD_MEMBERSHIP, &group,
			     sizeof(group)));
	TELL(who, setsockopt(fd, SOL_IP, IP_DROP_MEMBERSHIP, &group,
			     sizeof(group)));
}

FAST("J4", "multicast options of a stream")
{
	in_every_state(look_multicast);
}

static void look_segmentation(const char *who, int fd)
{
	static const int values[] = { 1, 0, 5, -1, 0 };
	size_t i;

	for (i = 0; i < COUNT(values); i++) {
		SET_GET(who, fd, SOL_TCP, TCP_NODELAY, values[i]);
		SET_GET(who, fd, SOL_TCP, TCP_CORK, values[i]);
		SET_GET(who, fd, SOL_TCP, TCP_QUICKACK, values[i]);
	}
}

FAST("K1", "NODELAY, CORK and QUICKACK read back as they were set")
{
	in_every_state(look_segmentation);
}

FAST("K1", "an accepted socket inherits NODELAY")
{
	int listening = server_socket(0), fd, server;
	uint16_t port;

	fsk_set_int(listening, SOL_TCP, TCP_NODELAY, 1);
	port = listen_on(listening, 1);
	fd = client_socket(0);
	fsk_set_int(fd, SOL_TCP, TCP_NODELAY, 1);
	pair_on(fd, listening, port, &server);
	GET("client", fd, SOL_TCP, TCP_NODELAY);
	GET("server", server, SOL_TCP, TCP_NODELAY);
}

FAST("K1", "what is held by a cork arrives")
{
	int client, server;
	char bytes[16];

	pair(&client, &server);
	SAY(fsk_set_int(client, SOL_TCP, TCP_CORK, 1));
	send(client, "corked ", 7, 0);
	send(client, "twice ", 6, 0);
	SAY(fsk_set_int(client, SOL_TCP, TCP_CORK, 0));
	say_bytes("pulled", bytes, recv(server, bytes, 13, MSG_WAITALL));
	fsk_set_int(client, SOL_TCP, TCP_CORK, 1);
	send(client, "patience", 8, 0);
	say_bytes("timer", bytes, recv(server, bytes, 8, MSG_WAITALL));
	send(client, "nodelay", 7, 0);
	fsk_set_int(client, SOL_TCP, TCP_NODELAY, 1);
	say_bytes("nodelay", bytes, recv(server, bytes, 7, MSG_WAITALL));
	send(client, "more", 4, MSG_MORE);
	send(client, "close", 5, 0);
	close(client);
	say_bytes("close", bytes, recv(server, bytes, 9, MSG_WAITALL));
	SAY(recv(server, bytes, 1, 0));
}

static void look_maxseg(const char *who, int fd)
{
	static const int values[] = { 87, 88, 32767, 32768, -1, 700, 0 };
	size_t i;
	int now;

	for (i = 0; i < COUNT(values); i++)
		note("%s: maxseg = %d: %s", who, values[i],
		     outcome(fsk_set_int(fd, SOL_TCP, TCP_MAXSEG, values[i])));
	now = fsk_int_option(fd, SOL_TCP, TCP_MAXSEG);
	note("%s: plausible %d", who, now >= 88 && now <= 65535);
}

FAST("K2", "TCP_MAXSEG has a range, and is plausible when read")
{
	in_every_state(look_maxseg);
}

ALONE("K2", "TCP_MAXSEG of a fresh socket and of a listener")
{
	uint16_t port;
	int fd = client_socket(0), listening;

	GET("fresh", fd, SOL_TCP, TCP_MAXSEG);
	SET_GET("fresh", fd, SOL_TCP, TCP_MAXSEG, 700);
	listening = listener(1, &port);
	GET("listener", listening, SOL_TCP, TCP_MAXSEG);
	SET_GET("listener", listening, SOL_TCP, TCP_MAXSEG, 600);
}

FAST("K2", "a TCP_MAXSEG set before connect is not exceeded")
{
	int fd, listening, server, mss;
	uint16_t port;

	listening = listener(1, &port);
	fd = client_socket(0);
	SAY(fsk_set_int(fd, SOL_TCP, TCP_MAXSEG, 600));
	pair_on(fd, listening, port, &server);
	mss = fsk_int_option(fd, SOL_TCP, TCP_MAXSEG);
	SAY(mss > 500 && mss <= 600);
	mss = fsk_int_option(server, SOL_TCP, TCP_MAXSEG);
	SAY(mss > 500 && mss <= 600);
	say_alive(fd, server);
}

static void look_clamp(const char *who, int fd)
{
	SET_GET(who, fd, SOL_TCP, TCP_WINDOW_CLAMP, 100);
	SET_GET(who, fd, SOL_TCP, TCP_WINDOW_CLAMP, 20000);
	SET_GET(who, fd, SOL_TCP, TCP_WINDOW_CLAMP, -1);
	TELL(who, fsk_set_int(fd, SOL_TCP, TCP_WINDOW_CLAMP, 0));
	SET_GET(who, fd, SOL_TCP, TCP_WINDOW_CLAMP, 30000);
}

FAST("K2", "TCP_WINDOW_CLAMP has a minimum, and no zero once connected")
{
	in_every_state(look_clamp);
}

static void try_range(const char *who, int fd, int name, int max)
{
	const int values[] = { 0, 1, max, max + 1, -1 };
	size_t i;

	say_int(who, fd, SOL_TCP, name, "default");
	for (i = 0; i < COUNT(values); i++)
		set_get(who, fd, SOL_TCP, name, "value", values[i]);
}

static void look_keepalive(const char *who, int fd)
{
	try_range(who, fd, TCP_KEEPIDLE, 32767);
	try_range(who, fd, TCP_KEEPINTVL, 32767);
	try_range(who, fd, TCP_KEEPCNT, 127);
	try_range(who, fd, TCP_SYNCNT, 127);
}

FAST("K3", "keepalive times and counts have ranges")
{
	in_every_state(look_keepalive);
}

static void keep_alive(int fd, int idle)
{
	SAY(fsk_set_int(fd, SOL_TCP, TCP_KEEPIDLE, idle));
	SAY(fsk_set_int(fd, SOL_TCP, TCP_KEEPINTVL, 1));
	SAY(fsk_set_int(fd, SOL_TCP, TCP_KEEPCNT, 1));
	SAY(fsk_set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1));
}

FAST("K3", "keepalive leaves a peer that answers alone")
{
	int client, server;
	char byte;

	pair(&client, &server);
	keep_alive(client, 1);
	keep_alive(server, 1);
	fsk_set_timeout(client, SO_RCVTIMEO, 2500);
	SAY(recv(client, &byte, 1, 0));
	say_events("client", fsk_events(client));
	say_alive(client, server);
}

WIRE("K3", "keepalive ends a connection to a peer that does not answer")
{
	int client, server;
	char byte;

	pair(&client, &server);
	say_alive(client, server);
	keep_alive(client, 1);
	cut(true);
	FSK_UNTIL(fsk_events(client) & POLLERR);
	cut(false);
	say_events("client", fsk_events(client));
	SAY(recv(client, &byte, 1, 0));
	SAY(recv(client, &byte, 1, 0));
	SAY(send(client, "x", 1, MSG_NOSIGNAL));
}

static void look_user_timeout(const char *who, int fd)
{
	SET_GET(who, fd, SOL_TCP, TCP_USER_TIMEOUT, 5000);
	SET_GET(who, fd, SOL_TCP, TCP_USER_TIMEOUT, -1);
	SET_GET(who, fd, SOL_TCP, TCP_USER_TIMEOUT, 1 << 30);
	SET_GET(who, fd, SOL_TCP, TCP_USER_TIMEOUT, 0);
}

FAST("K4", "TCP_USER_TIMEOUT reads back")
{
	in_every_state(look_user_timeout);
}

WIRE("K4", "TCP_USER_TIMEOUT ends a connection that gets no answer")
{
	int client, server;
	char byte;

	pair(&client, &server);
	say_alive(client, server);
	SAY(fsk_set_int(client, SOL_TCP, TCP_USER_TIMEOUT, 500));
	cut(true);
	SAY(send(client, "lost", 4, 0));
	FSK_UNTIL(fsk_events(client) & POLLERR);
	cut(false);
	say_events("client", fsk_events(client));
	SAY(recv(client, &byte, 1, 0));
	SAY(send(client, "x", 1, MSG_NOSIGNAL));
}

/* A peer that lives and reads nothing: it answers probes, and takes no more. */
FAST("K4", "TCP_USER_TIMEOUT ends a connection to who reads nothing")
{
	struct pollfd pfd = {};
	uint64_t start, took;
	char buf[65536] = {};
	int client, server;

	pair(&client, &server);
	say_alive(client, server);
	SAY(fsk_set_int(client, SOL_TCP, TCP_USER_TIMEOUT, 1000));
	fsk_set_int(server, SOL_SOCKET, SO_RCVBUF, 1);
	fsk_set_int(client, SOL_SOCKET, SO_SNDBUF, 65536);
	fsk_nonblock(client, true);
	start = fsk_now_ms();
	while (send(client, buf, sizeof(buf), 0) > 0)
		;
	pfd.fd = client;
	say("poll", poll(&pfd, 1, 20000));
	took = fsk_now_ms() - start;
	note("in time: %d", took >= 900 && took < 5000);
	say_events("client", fsk_events(client));
	SAY(recv(client, buf, 1, 0));
	SAY(recv(client, buf, 1, 0));
	SAY(send(client, "x", 1, MSG_NOSIGNAL));
}

/* struct tcp_info goes on after what the C library knows of it. */
struct info {
	struct tcp_info old;
	uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
	uint32_t segs_out, segs_in, notsent_bytes, min_rtt, data_segs_in;
	uint32_t data_segs_out;
	uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
	uint32_t delivered, delivered_ce;
	uint64_t bytes_sent, bytes_retrans;
	uint32_t dsack_dups, reord_seen, rcv_ooopack, snd_wnd;
};

static int state_of(int fd)
{
	struct info info = {};
	socklen_t len = sizeof(info);

	if (getsockopt(fd, SOL_TCP, TCP_INFO, &info, &len))
		return -1;
	return info.old.tcpi_state;
}

static void look_info(const char *who, int fd)
{
	static const int lengths[] = { 0, 1, 8, 104, 232, 1000, -1 };
	char info[1000], *bad = hole();
	socklen_t len;
	size_t i;

	for (i = 0; i < COUNT(lengths); i++) {
		memset(info, 0xee, sizeof(info));
		len = lengths[i];
		TELL(who, getsockopt(fd, SOL_TCP, TCP_INFO, info, &len));
		note("%s: %d, state %d", who, (int)len, info[0]);
	}
	len = 104;
	TELL(who, getsockopt(fd, SOL_TCP, TCP_INFO, bad, &len));
	TELL(who, getsockopt(fd, SOL_TCP, TCP_INFO, bad - 20, &len));
	TELL(who, setsockopt(fd, SOL_TCP, TCP_INFO, info, 104));
}

FAST("K5", "TCP_INFO takes any length")
{
	in_every_state(look_info);
}

FAST("K5", "TCP_INFO knows the states of a connection that ends")
{
	int client, server;

	pair(&client, &server);
	note("%d %d", state_of(client), state_of(server));
	shutdown(client, SHUT_WR);
	AWAIT(fsk_events(server) & POLLRDHUP);
	AWAIT(state_of(client) != TCP_FIN_WAIT1);
	note("half closed: %d %d", state_of(client), state_of(server));
	fsk_set_linger(server, 0);
	close(server);
	AWAIT(fsk_events(client) & POLLERR);
	note("reset: %d", state_of(client));
}

FAST("K5", "TCP_INFO of a connection that was disconnected")
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int client, server;

	pair(&client, &server);
	SAY(connect(client, &none, sizeof(none)));
	AWAIT(fsk_events(server) & POLLERR);
	note("%d %d", state_of(client), state_of(server));
}

static void get_info(int fd, struct info *info)
{
	socklen_t len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	if (getsockopt(fd, SOL_TCP, TCP_INFO, info, &len))
		broken("TCP_INFO");
}

static bool acked(int fd, uint64_t bytes)
{
	struct info info;

	get_info(fd, &info);
	return info.bytes_acked >= bytes;
}

/* The SYN may count, too. */
static bool about(uint64_t value, uint64_t bytes)
{
	return value >= bytes && value <= bytes + 2;
}

static void say_numbers(const char *who, int fd, uint64_t sent,
			uint64_t received)
{
	struct info i;

	AWAIT(acked(fd, sent));
	get_info(fd, &i);
	note("%s: acked %d received %d sent %d", who,
	     about(i.bytes_acked, sent), about(i.bytes_received, received),
	     i.bytes_sent >= sent);
	note("%s: unacked %u notsent %u probes %u backoff %u state %u ca %u",
	     who, i.old.tcpi_unacked, i.notsent_bytes, i.old.tcpi_probes,
	     i.old.tcpi_backoff, i.old.tcpi_state, i.old.tcpi_ca_state);
	note("%s: var %d rto %d", who, i.old.tcpi_rttvar > 0,
	     i.old.tcpi_rto > 0 && i.old.tcpi_rto < 120000000);
	/*
	 * TCP times its handshake, too; and its time stamps tell a repeated
	 * segment from the first, which alone gives fastsock a sample.
	 */
	if (sent && received)
		note("%s: rtt %d min %d", who, i.old.tcpi_total_retrans ||
		     (i.old.tcpi_rtt > 0 && i.old.tcpi_rtt < 10000000),
		     i.old.tcpi_total_retrans ||
		     (i.min_rtt > 0 && i.min_rtt < 10000000));
	note("%s: mss %d %d advertised %d pmtu %d", who,
	     i.old.tcpi_snd_mss >= 500 && i.old.tcpi_snd_mss <= 65535,
	     i.old.tcpi_rcv_mss > 0, i.old.tcpi_advmss >= 500,
	     i.old.tcpi_pmtu >= 576);
	note("%s: cwnd %d window %d space %d pacing %d", who,
	     i.old.tcpi_snd_cwnd > 0, i.snd_wnd > 0,
	     i.old.tcpi_rcv_space > 0, i.max_pacing_rate == ~0ULL);
	if (sent && received)
		note("%s: segments %d %d", who, i.segs_out > 0, i.segs_in > 0);
	note("%s: with data %d %d", who, !i.data_segs_out == !sent,
	     !i.data_segs_in == !received);
	note("%s: retransmitted little %d, delivered %d, times %d", who,
	     i.old.tcpi_total_retrans < 50, i.delivered > 0 || !sent,
	     i.old.tcpi_last_data_sent < 600000 &&
	     i.old.tcpi_last_data_recv < 600000);
}

FAST("K5", "the numbers of TCP_INFO make sense")
{
	int client, server;

	pair(&client, &server);
	SAY(fsk_send_pattern(client, 1, 0, 100000));
	SAY(fsk_recv_pattern(server, 1, 0, 100000));
	SAY(fsk_send_pattern(server, 2, 0, 50));
	SAY(fsk_recv_pattern(client, 2, 0, 50));
	say_numbers("client", client, 100000, 50);
	say_numbers("server", server, 50, 100000);
}

FAST("K5", "TCP_INFO of a connection that has carried nothing")
{
	int client, server;

	pair(&client, &server);
	say_numbers("client", client, 0, 0);
	say_numbers("server", server, 0, 0);
}

FAST("K5", "TCP_INFO tells what waits for a reader who is asleep")
{
	int client, server;
	struct info info;

	pair(&client, &server);
	fsk_stuff(client, 1);
	get_info(client, &info);
	SAY(info.notsent_bytes > 0);
	SAY(info.old.tcpi_state);
	get_info(server, &info);
	SAY(info.bytes_received > 0);
}

static void try_congestion(const char *who, int fd, const char *name)
{
	char now[16] = "";
	socklen_t len = sizeof(now);

	note("%s: '%s': %s", who, name,
	     outcome(setsockopt(fd, SOL_TCP, TCP_CONGESTION, name,
				strlen(name))));
	getsockopt(fd, SOL_TCP, TCP_CONGESTION, now, &len);
	note("%s: is '%.16s' (%u bytes)", who, now, len);
}

static void look_congestion(const char *who, int fd)
{
	char info[64];
	socklen_t len = sizeof(info);

	try_congestion(who, fd, "reno");
	try_congestion(who, fd, "nosuch");
	try_congestion(who, fd, "");
	try_congestion(who, fd, "a_name_that_is_far_too_long");
	try_congestion(who, fd, "cubic");
	TELL(who, setsockopt(fd, SOL_TCP, TCP_CONGESTION, hole(), 4));
	TELL(who, getsockopt(fd, SOL_TCP, TCP_CONGESTION, hole(), &len));
	TELL(who, getsockopt(fd, SOL_TCP, TCP_CC_INFO, info, &len));
	note("%s: %u bytes of information", who, len);
	len = 3;
	TELL(who, getsockopt(fd, SOL_TCP, TCP_CONGESTION, info, &len));
	note("%s: %.3s (%u bytes)", who, info, len);
	be_root(false);
	try_congestion(who, fd, "reno");
	be_root(true);
}

FAST("K6", "TCP_CONGESTION takes and tells names")
{
	in_every_state(look_congestion);
}

FAST("K6", "an accepted socket inherits TCP_CONGESTION")
{
	int listening = server_socket(0), fd, server;
	uint16_t port;

	try_congestion("listener", listening, "reno");
	port = listen_on(listening, 1);
	fd = client_socket(0);
	try_congestion("fresh", fd, "reno");
	pair_on(fd, listening, port, &server);
	try_congestion("server", server, "");
	try_congestion("client", fd, "");
	SAY(fsk_send_pattern(fd, 1, 0, 50000));
	SAY(fsk_recv_pattern(server, 1, 0, 50000));
	try_congestion("client", fd, "cubic");
	SAY(fsk_send_pattern(fd, 1, 0, 50000));
	SAY(fsk_recv_pattern(server, 1, 0, 50000));
}

static void look_queueing(const char *who, int fd)
{
	SET_GET(who, fd, SOL_TCP, TCP_NOTSENT_LOWAT, 10000);
	SET_GET(who, fd, SOL_TCP, TCP_NOTSENT_LOWAT, -1);
	SET_GET(who, fd, SOL_TCP, TCP_NOTSENT_LOWAT, 0);
	SET_GET(who, fd, SOL_TCP, TCP_INQ, 1);
	SET_GET(who, fd, SOL_TCP, TCP_INQ, 2);
	SET_GET(who, fd, SOL_TCP, TCP_INQ, -1);
	SET_GET(who, fd, SOL_TCP, TCP_INQ, 0);
	GET(who, fd, SOL_TCP, TCP_LINGER2);
	SET_GET(who, fd, SOL_TCP, TCP_LINGER2, 5);
	SET_GET(who, fd, SOL_TCP, TCP_LINGER2, -7);
	SET_GET(who, fd, SOL_TCP, TCP_LINGER2, 100000);
	SET_GET(who, fd, SOL_TCP, TCP_LINGER2, 0);
	SET_GET(who, fd, SOL_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1);
	SET_GET(who, fd, SOL_TCP, TCP_THIN_LINEAR_TIMEOUTS, 2);
	SET_GET(who, fd, SOL_TCP, TCP_THIN_DUPACK, 1);
}

FAST("K7", "NOTSENT_LOWAT, INQ and LINGER2 read back")
{
	in_every_state(look_queueing);
}

FAST("K7", "TCP_NOTSENT_LOWAT decides what is writable")
{
	int client, server;

	pair(&client, &server);
	fsk_stuff(client, 1);
	say_events("full", fsk_events(client));
	SAY(fsk_set_int(client, SOL_TCP, TCP_NOTSENT_LOWAT, 1));
	say_events("low mark", fsk_events(client));
	SAY(fsk_set_int(client, SOL_TCP, TCP_NOTSENT_LOWAT, -1));
	say_events("no mark", fsk_events(client));
}

static void receive_inq(int client, int server)
{
	send(client, "0123456789", 10, 0);
	AWAIT(fsk_unread(server) == 10);
	say_recvmsg("peek", server, 4, MSG_PEEK, 256);
	say_recvmsg("four", server, 4, 0, 256);
	say_recvmsg("little room", server, 1, 0, 17);
	say_recvmsg("no room", server, 1, 0, 0);
	say_recvmsg("trunc", server, 2, MSG_TRUNC, 256);
	say_recvmsg("rest", server, 16, 0, 256);
	say_recvmsg("empty", server, 16, MSG_DONTWAIT, 256);
	send(client, "abc", 3, 0);
	close(client);
	AWAIT(fsk_events(server) & POLLRDHUP);
	say_recvmsg("two", server, 2, 0, 256);
	say_recvmsg("last", server, 16, 0, 256);
	say_recvmsg("end", server, 16, 0, 256);
}

FAST("K7", "TCP_INQ set after connect tells how many bytes are left")
{
	int client, server;

	pair(&client, &server);
	SAY(fsk_set_int(server, SOL_TCP, TCP_INQ, 1));
	receive_inq(client, server);
}

FAST("K7", "TCP_INQ is inherited from the listener")
{
	int listening = server_socket(0), fd, server;
	uint16_t port;

	SAY(fsk_set_int(listening, SOL_TCP, TCP_INQ, 1));
	port = listen_on(listening, 1);
	fd = client_socket(0);
	SAY(fsk_set_int(fd, SOL_TCP, TCP_INQ, 1));
	pair_on(fd, listening, port, &server);
	GET("server", server, SOL_TCP, TCP_INQ);
	send(server, "reverse", 7, 0);
	AWAIT(fsk_unread(fd) == 7);
	say_recvmsg("client", fd, 3, 0, 256);
	say_recvmsg("client", fd, 16, 0, 256);
	receive_inq(fd, server);
}

static bool has_control(int from, int to, size_t bytes)
{
	char byte, control[256];
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};

	if (send(from, "x", 1, 0) != 1 || recvmsg(to, &msg, 0) != 1)
		broken("a byte over");
	return msg.msg_controllen > bytes;
}

FAST("K7", "TCP_INQ comes after the time stamp")
{
	int client, server;

	pair(&client, &server);
	SAY(fsk_set_int(server, SOL_TCP, TCP_INQ, 1));
	SAY(fsk_set_int(server, SOL_SOCKET, SO_TIMESTAMPNS, 1));
	AWAIT(has_control(client, server, 24));
	receive_inq(client, server);
}

FAST("K7", "TCP_INQ with a reader that waits, and after a reset")
{
	int client, server;

	pair(&client, &server);
	SAY(fsk_set_int(client, SOL_TCP, TCP_INQ, 1));
	send(server, "abc", 3, 0);
	say_recvmsg("waited", client, 3, MSG_WAITALL, 256);
	fsk_set_linger(server, 0);
	close(server);
	AWAIT(fsk_events(client) & POLLERR);
	say_recvmsg("reset", client, 3, 0, 256);
	say_recvmsg("then", client, 3, 0, 256);
}

static int set_ulp(int fd, const char *name)
{
	return setsockopt(fd, SOL_TCP, TCP_ULP, name, strlen(name));
}

static void look_ulp(const char *who, int fd)
{
	TELL(who, set_ulp(fd, "nosuch"));
	TELL(who, set_ulp(fd, ""));
	TELL(who, setsockopt(fd, SOL_TCP, TCP_ULP, hole(), 4));
	TELL(who, set_ulp(fd, "espintcp"));
}

FAST("K8", "an unknown upper layer is refused in every state")
{
	in_every_state(look_ulp);
}

KNOWN("K8", "kernel TLS wants a connection")
{
	uint16_t port;
	int fd = client_socket(0);

	SAY(set_ulp(fd, "tls"));
	fd = listener(1, &port);
	SAY(set_ulp(fd, "tls"));
	SAY(set_ulp(ended(), "tls"));
}

static int set_keys(int fd, int direction)
{
	struct tls12_crypto_info_aes_gcm_128 keys = {
		.info.version = TLS_1_2_VERSION,
		.info.cipher_type = TLS_CIPHER_AES_GCM_128,
		.key = "0123456789abcde", .iv = "0123456", .salt = "abc",
		.rec_seq = "0000000",
	};

	return setsockopt(fd, SOL_TLS, direction, &keys, sizeof(keys));
}

KNOWN("K8", "kernel TLS encrypts a connection")
{
	int client, server;
	char bytes[16];

	pair(&client, &server);
	if (SAY(set_ulp(client, "tls")) || SAY(set_ulp(server, "tls")))
		return;
	SAY(set_keys(client, TLS_TX));
	SAY(set_keys(server, TLS_RX));
	SAY(send(client, "secret", 6, 0));
	say_bytes("server", bytes, recv(server, bytes, sizeof(bytes), 0));
	SAY(set_ulp(client, "tls"));
}

static void look_tcp_alone(const char *who, int fd)
{
	char bytes[64] = "";
	socklen_t len;
	int name;

	for (name = AO_FIRST; name <= AO_LAST; name++) {
		len = sizeof(bytes);
		note("%s: set %d: %s", who, name,
		     outcome(setsockopt(fd, SOL_TCP, name, bytes, len)));
		note("%s: get %d: %s", who, name,
		     outcome(getsockopt(fd, SOL_TCP, name, bytes, &len)));
	}
	TELL(who, setsockopt(fd, SOL_TCP, TCP_MD5SIG, bytes, 4));
	TELL(who, setsockopt(fd, SOL_TCP, TCP_MD5SIG, hole(), 300));
	TELL(who, setsockopt(fd, SOL_TCP, TCP_MD5SIG_EXT, bytes, 4));
	len = sizeof(bytes);
	TELL(who, getsockopt(fd, SOL_TCP, TCP_MD5SIG, bytes, &len));
}

FAST("K9", "keys for signing are checked")
{
	in_every_state(look_tcp_alone);
}

static void look_repair(const char *who, int fd)
{
	static const int names[] = {
		TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ,
		TCP_REPAIR_OPTIONS, TCP_TIMESTAMP, TCP_REPAIR_WINDOW,
	};
	char bytes[64];
	socklen_t len;
	size_t i;

	be_root(false);
	for (i = 0; i < COUNT(names); i++) {
		note("%s: set %d: %s", who, names[i],
		     outcome(fsk_set_int(fd, SOL_TCP, names[i], 1)));
		len = sizeof(bytes);
		note("%s: get %d: %s", who, names[i],
		     outcome(getsockopt(fd, SOL_TCP, names[i], bytes, &len)));
	}
	be_root(true);
	TELL(who, fsk_set_int(fd, SOL_TCP, TCP_REPAIR, 7));
	TELL(who, fsk_set_int(fd, SOL_TCP, TCP_QUEUE_SEQ, 1));
	TELL(who, fsk_set_int(fd, SOL_TCP, TCP_REPAIR_QUEUE, 1));
}

FAST("K9", "without repair mode its options are refused")
{
	in_every_state(look_repair);
}

static void look_fastopen(const char *who, int fd)
{
	char bytes[64] = "";
	socklen_t len = sizeof(bytes);

	SET_GET(who, fd, SOL_TCP, TCP_FASTOPEN, -1);
	SET_GET(who, fd, SOL_TCP, TCP_FASTOPEN_NO_COOKIE, 2);
	SET_GET(who, fd, SOL_TCP, TCP_FASTOPEN_CONNECT, 2);
	SET_GET(who, fd, SOL_TCP, TCP_FASTOPEN_CONNECT, 0);
	TELL(who, getsockopt(fd, SOL_TCP, TCP_FASTOPEN_KEY, bytes, &len));
	TELL(who, setsockopt(fd, SOL_TCP, TCP_FASTOPEN_KEY, bytes, 5));
	SET_GET(who, fd, SOL_TCP, TCP_FASTOPEN_NO_COOKIE, 1);
	SET_GET(who, fd, SOL_TCP, TCP_FASTOPEN_NO_COOKIE, 0);
	SET_GET(who, fd, SOL_TCP, TCP_SAVE_SYN, 3);
	len = sizeof(bytes);
	TELL(who, getsockopt(fd, SOL_TCP, TCP_SAVED_SYN, bytes, &len));
	note("%s: %u bytes of SYN", who, len);
	TELL(who, fsk_set_int(fd, SOL_TCP, TCP_SAVED_SYN, 1));
	GET(who, fd, SOL_TCP, TX_DELAY);
}

FAST("K9", "fast open and saved SYN in every state")
{
	in_every_state(look_fastopen);
}

static int sign(int fd, const char *peer)
{
	struct tcp_md5sig key = { .tcpm_keylen = 6, .tcpm_key = "secret" };
	struct sockaddr_in address = fsk_addr(peer, 0);

	memcpy(&key.tcpm_addr, &address, sizeof(address));
	return setsockopt(fd, SOL_TCP, TCP_MD5SIG, &key, sizeof(key));
}

LEFT_TO_TCP("K9", "a connection that is signed with MD5")
{
	int listening = server_socket(0), fd, server;
	uint16_t port;

	SAY(sign(listening, here->client_ip));
	port = listen_on(listening, 1);
	fd = client_socket(0);
	SAY(sign(fd, here->server_ip));
	pair_on(fd, listening, port, &server);
	say_alive(fd, server);
}

KNOWN("K9", "a connection that is signed with MD5 from now on")
{
	int client, server;

	pair(&client, &server);
	SAY(sign(server, here->client_ip));
	SAY(sign(client, here->server_ip));
	say_alive(client, server);
}

LEFT_TO_TCP("K9", "a listener that saves the SYN")
{
	int listening = server_socket(0), fd, server;
	unsigned char bytes[200] = "";
	socklen_t len = sizeof(bytes);
	uint16_t port;

	SAY(fsk_set_int(listening, SOL_TCP, TCP_SAVE_SYN, 1));
	port = listen_on(listening, 1);
	fd = client_socket(0);
	pair_on(fd, listening, port, &server);
	SAY(getsockopt(server, SOL_TCP, TCP_SAVED_SYN, bytes, &len));
	note("%u bytes, begins with %x", len, bytes[0]);
	SAY(getsockopt(server, SOL_TCP, TCP_SAVED_SYN, bytes, &len));
	SAY(len);
	say_alive(fd, server);
}

LEFT_TO_TCP("K9", "a delay set before connect")
{
	int fd, listening, server;
	uint16_t port;

	listening = listener(1, &port);
	fd = client_socket(0);
	SET_GET("client", fd, SOL_TCP, TX_DELAY, 1000);
	SET_GET("client", fd, SOL_TCP, TX_DELAY, -1);
	pair_on(fd, listening, port, &server);
	say_alive(fd, server);
}

KNOWN("K9", "a delay set after connect")
{
	int client, server;

	pair(&client, &server);
	SET_GET("client", client, SOL_TCP, TX_DELAY, 1000);
	say_alive(client, server);
	SET_GET("client", client, SOL_TCP, TX_DELAY, 0);
	say_alive(client, server);
}

LEFT_TO_TCP("K9", "TCP_FASTOPEN_CONNECT puts connect() off")
{
	int listening = server_socket(0), fd, server;
	uint16_t port;

	port = listen_on(listening, 1);
	fd = client_socket(0);
	SAY(fsk_set_int(fd, SOL_TCP, TCP_FASTOPEN_CONNECT, 1));
	SAY(dial(fd, port));
	SAY(send(fd, "there", 5, 0));
	server = accept(listening, NULL, NULL);
	SAY(recv(server, (char [5]) {}, 5, MSG_WAITALL));
	say_alive(fd, server);
}

/* The first fields of struct tcp_zerocopy_receive. */
struct zerocopy {
	uint64_t address;
	uint32_t length;
	uint32_t skip;
};

KNOWN("K9", "TCP_ZEROCOPY_RECEIVE tells what has to be copied")
{
	struct zerocopy z = {};
	socklen_t len = sizeof(z);
	int client, server;
	uint16_t port;

	SAY(getsockopt(client_socket(0), SOL_TCP, TCP_ZEROCOPY_RECEIVE, &z,
		       &len));
	SAY(getsockopt(listener(1, &port), SOL_TCP, TCP_ZEROCOPY_RECEIVE, &z,
		       &len));
	pair(&client, &server);
	send(client, "bytes", 5, 0);
	AWAIT(fsk_unread(server) == 5);
	SAY(getsockopt(server, SOL_TCP, TCP_ZEROCOPY_RECEIVE, &z, &len));
	note("%u bytes mapped, %u to copy", z.length, z.skip);
	say_recvmsg("server", server, 16, 0, 0);
}

static void look_rest(const char *who, int fd)
{
	int stamp;
	socklen_t len = sizeof(stamp);

	GET(who, fd, SOL_TCP, IS_MPTCP);
	TELL(who, fsk_set_int(fd, SOL_TCP, IS_MPTCP, 1));
	TELL(who, fsk_set_int(fd, SOL_TCP, 0, 1));
	TELL(who, fsk_set_int(fd, SOL_TCP, 15, 1));
	TELL(who, getsockopt(fd, SOL_TCP, 999, &stamp, &len));
	TELL(who, getsockopt(fd, SOL_TCP, TCP_TIMESTAMP, &stamp, &len));
	SET_GET(who, fd, SOL_TCP, TCP_DEFER_ACCEPT, 5);
	SET_GET(who, fd, SOL_TCP, TCP_DEFER_ACCEPT, -1);
	SET_GET(who, fd, SOL_TCP, TCP_DEFER_ACCEPT, 0);
}

FAST("K10", "no MPTCP, and unknown options")
{
	in_every_state(look_rest);
}
