// SPDX-License-Identifier: GPL-2.0
/* I: options of level SOL_SOCKET. */
#include "bpf.h"
#include "options.h"

#include <limits.h>
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <linux/types.h>
#include <net/if.h>

/* What the C library's headers may not know. */
enum {
	PEERPIDFD = 77, PASSPIDFD = 76, RESERVE_MEM = 73, TXREHASH = 74,
	RCVMARK = 75, TIMESTAMP_NEW = 63, TIMESTAMPNS_NEW = 64,
	TIMESTAMPING_NEW = 65, RCVTIMEO_NEW = 66, SNDTIMEO_NEW = 67,
};

static const int stamps_in = SOF_TIMESTAMPING_RX_SOFTWARE |
			     SOF_TIMESTAMPING_SOFTWARE;
static const int stamps_out = SOF_TIMESTAMPING_TX_SOFTWARE |
			      SOF_TIMESTAMPING_TX_ACK |
			      SOF_TIMESTAMPING_SOFTWARE |
			      SOF_TIMESTAMPING_OPT_ID |
			      SOF_TIMESTAMPING_OPT_TSONLY;

static void look_unknown(const char *who, int fd)
{
	static const int levels[] = { -1, 17, 41, 255, 12345 };
	static const int known[] = { SOL_SOCKET, SOL_IP, SOL_TCP };
	int value = 1;
	socklen_t len;
	size_t i;

	for (i = 0; i < COUNT(levels); i++) {
		len = sizeof(value);
		note("%s: level %d: %s", who, levels[i],
		     outcome(setsockopt(fd, levels[i], 1, &value, len)));
		note("%s: level %d: get %s", who, levels[i],
		     outcome(getsockopt(fd, levels[i], 1, &value, &len)));
	}
	for (i = 0; i < COUNT(known); i++) {
		len = sizeof(value);
		note("%s: option 9999 of %d: %s", who, known[i],
		     outcome(setsockopt(fd, known[i], 9999, &value, len)));
		note("%s: option 9999 of %d: get %s", who, known[i],
		     outcome(getsockopt(fd, known[i], 9999, &value, &len)));
	}
}

FAST("I1", "unknown levels and options are refused in every state")
{
	in_every_state(look_unknown);
}

static void try_length(const char *who, int fd, int level, int name,
		       int length)
{
	int value = 1;

	note("%s: level %d option %d, %d bytes: %s", who, level, name, length,
	     outcome(setsockopt(fd, level, name, &value, length)));
}

static void look_lengths(const char *who, int fd)
{
	static const int lengths[] = { -1, 0, 1, 3 };
	size_t i;

	for (i = 0; i < COUNT(lengths); i++) {
		try_length(who, fd, SOL_SOCKET, SO_OOBINLINE, lengths[i]);
		try_length(who, fd, SOL_SOCKET, SO_LINGER, lengths[i]);
		try_length(who, fd, SOL_SOCKET, SO_RCVTIMEO, lengths[i]);
		try_length(who, fd, SOL_TCP, TCP_NODELAY, lengths[i]);
		try_length(who, fd, SOL_TCP, TCP_KEEPIDLE, lengths[i]);
		try_length(who, fd, SOL_TCP, TCP_QUICKACK, lengths[i]);
		try_length(who, fd, SOL_IP, IP_TTL, lengths[i]);
	}
}

FAST("I1", "values that are too short are refused in every state")
{
	in_every_state(look_lengths);
}

static void look_pointers(const char *who, int fd)
{
	char *bad = hole();
	int value = 7;
	socklen_t len = sizeof(value);

	TELL(who, setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, bad, 4));
	TELL(who, setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, bad - 2, 4));
	TELL(who, setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, NULL, 4));
	TELL(who, setsockopt(fd, SOL_SOCKET, SO_LINGER, bad - 4, 8));
	TELL(who, setsockopt(fd, SOL_TCP, TCP_NODELAY, bad - 2, 4));
	TELL(who, setsockopt(fd, SOL_TCP, TCP_KEEPIDLE, bad, 4));
	TELL(who, setsockopt(fd, SOL_TCP, TCP_QUICKACK, bad - 1, 4));
	TELL(who, setsockopt(fd, SOL_IP, IP_TOS, bad - 2, 4));
	TELL(who, getsockopt(fd, SOL_SOCKET, SO_TYPE, bad, &len));
	TELL(who, getsockopt(fd, SOL_SOCKET, SO_TYPE, bad - 2, &len));
	TELL(who, getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, (void *)bad));
	TELL(who, getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, NULL));
	TELL(who, getsockopt(fd, SOL_TCP, TCP_NODELAY, bad, &len));
	TELL(who, getsockopt(fd, SOL_TCP, TCP_NODELAY, &value, NULL));
	TELL(who, getsockopt(fd, SOL_IP, IP_TTL, bad - 2, &len));
	note("%s: %d %u", who, value, len);
}

FAST("I1", "bad pointers give EFAULT in every state")
{
	in_every_state(look_pointers);
}

static void look_truncation(const char *who, int fd)
{
	static const int lengths[] = { 0, 1, 2, 4, 100, -1 };
	unsigned char value[128];
	socklen_t len;
	size_t i;

	for (i = 0; i < COUNT(lengths); i++) {
		memset(value, 0xee, sizeof(value));
		len = lengths[i];
		TELL(who, getsockopt(fd, SOL_SOCKET, SO_TYPE, value, &len));
		note("%s: %d: %02x %02x %02x %02x %02x", who, (int)len,
		     value[0], value[1], value[2], value[3], value[4]);
		memset(value, 0xee, sizeof(value));
		len = lengths[i];
		TELL(who, getsockopt(fd, SOL_TCP, TCP_KEEPCNT, value, &len));
		note("%s: %d: %02x %02x %02x %02x %02x", who, (int)len,
		     value[0], value[1], value[2], value[3], value[4]);
	}
}

FAST("I1", "a value read is cut to the room there is")
{
	in_every_state(look_truncation);
}

FAST("I1", "wrong options lose no queued byte")
{
	int client, server;
	char bytes[16];

	pair(&client, &server);
	send(client, "queued", 6, 0);
	AWAIT(fsk_unread(server) == 6);
	look_pointers("server", server);
	look_lengths("server", server);
	say_bytes("server", bytes, recv(server, bytes, sizeof(bytes), 0));
	say_alive(client, server);
}

ALONE("I1", "no option of a descriptor that is no socket")
{
	int value = 0, ends[2];
	socklen_t len = sizeof(value);

	SAY(setsockopt(-1, SOL_SOCKET, SO_KEEPALIVE, &value, 4));
	SAY(getsockopt(-1, SOL_SOCKET, SO_KEEPALIVE, &value, &len));
	SAY(pipe(ends));
	SAY(setsockopt(ends[0], SOL_SOCKET, SO_KEEPALIVE, &value, 4));
}

static void look_buffers(const char *who, int fd)
{
	static const int values[] = { 40000, 1, 0, -1, 2304, 100000000 };
	size_t i;

	for (i = 0; i < COUNT(values); i++) {
		SET_GET(who, fd, SOL_SOCKET, SO_SNDBUF, values[i]);
		SET_GET(who, fd, SOL_SOCKET, SO_RCVBUF, values[i]);
	}
	fsk_set_int(fd, SOL_SOCKET, SO_RCVBUF, 100000);
}

FAST("I2", "buffer sizes are doubled and kept within limits")
{
	in_every_state(look_buffers);
}

static void look_forced_buffers(const char *who, int fd)
{
	int big = 1 << 24;

	be_root(false);
	TELL(who, fsk_set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, big));
	TELL(who, fsk_set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, big));
	be_root(true);
	TELL(who, fsk_set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, big));
	TELL(who, fsk_set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, big));
	GET(who, fd, SOL_SOCKET, SO_SNDBUF);
	GET(who, fd, SOL_SOCKET, SO_RCVBUF);
}

FAST("I2", "only an administrator passes the limits of buffers")
{
	in_every_state(look_forced_buffers);
}

static void *send_half_a_megabyte(void *fd)
{
	fsk_send_pattern(*(int *)fd, 1, 0, 500000);
	return NULL;
}

FAST("I2", "a size that was set is not tuned any more")
{
	int client, server;
	pthread_t id;

	pair(&client, &server);
	SAY(fsk_set_int(client, SOL_SOCKET, SO_SNDBUF, 30000));
	SAY(fsk_set_int(server, SOL_SOCKET, SO_RCVBUF, 30000));
	id = thread(send_half_a_megabyte, &client);
	SAY(fsk_recv_pattern(server, 1, 0, 500000));
	await_thread(id);
	GET("client", client, SOL_SOCKET, SO_SNDBUF);
	GET("server", server, SOL_SOCKET, SO_RCVBUF);
}

FAST("I2", "sizes set before connect stay")
{
	int listening = server_socket(0), client = client_socket(0), server;
	uint16_t port;

	fsk_set_int(listening, SOL_SOCKET, SO_SNDBUF, 20000);
	fsk_set_int(listening, SOL_SOCKET, SO_RCVBUF, 24000);
	fsk_set_int(client, SOL_SOCKET, SO_SNDBUF, 22000);
	fsk_set_int(client, SOL_SOCKET, SO_RCVBUF, 26000);
	port = listen_on(listening, 1);
	pair_on(client, listening, port, &server);
	GET("client", client, SOL_SOCKET, SO_SNDBUF);
	GET("client", client, SOL_SOCKET, SO_RCVBUF);
	GET("server", server, SOL_SOCKET, SO_SNDBUF);
	GET("server", server, SOL_SOCKET, SO_RCVBUF);
	say_alive(client, server);
}

FAST("I2", "the smallest buffers carry everything, slowly")
{
	int client, server;
	char got[3000];
	ssize_t done = 0, n;
	size_t sent = 0;

	pair(&client, &server);
	SAY(fsk_set_int(client, SOL_SOCKET, SO_SNDBUF, 1));
	SAY(fsk_set_int(server, SOL_SOCKET, SO_RCVBUF, 1));
	fsk_fill(got, sizeof(got), 3, 0);
	while (sent < sizeof(got)) {
		n = send(client, got + sent, 100, 0);
		if (n <= 0)
			broken("send");
		sent += n;
		AWAIT(fsk_unread(server) > 0);
		done += fsk_recv_pattern(server, 3, done, fsk_unread(server));
	}
	while (done < (ssize_t)sizeof(got)) {
		AWAIT(fsk_unread(server) > 0);
		done += fsk_recv_pattern(server, 3, done, fsk_unread(server));
	}
	SAY(done);
}

ALONE("I3", "a fresh socket has the default buffers")
{
	int fd = client_socket(0);

	GET("fresh", fd, SOL_SOCKET, SO_SNDBUF);
	GET("fresh", fd, SOL_SOCKET, SO_RCVBUF);
}

FAST("I3", "traffic does not shrink buffers")
{
	int client, server, sndbuf, rcvbuf;
	pthread_t id;

	pair(&client, &server);
	sndbuf = fsk_int_option(client, SOL_SOCKET, SO_SNDBUF);
	rcvbuf = fsk_int_option(server, SOL_SOCKET, SO_RCVBUF);
	id = thread(send_half_a_megabyte, &client);
	SAY(fsk_recv_pattern(server, 1, 0, 500000));
	await_thread(id);
	SAY(fsk_int_option(client, SOL_SOCKET, SO_SNDBUF) >= sndbuf);
	SAY(fsk_int_option(server, SOL_SOCKET, SO_RCVBUF) >= rcvbuf);
}

static void look_error(const char *who, int fd)
{
	GET(who, fd, SOL_SOCKET, SO_ERROR);
	TELL(who, fsk_set_int(fd, SOL_SOCKET, SO_ERROR, 1));
}

FAST("I4", "without an error SO_ERROR is 0, and nobody sets it")
{
	in_every_state(look_error);
}

FAST("I4", "SO_ERROR tells a reset once")
{
	int client, server, value = -1;
	socklen_t len = sizeof(value);
	char byte;

	pair(&client, &server);
	fsk_set_linger(server, 0);
	close(server);
	AWAIT(fsk_events(client) & POLLERR);
	/* The error is taken before the value is delivered. */
	SAY(getsockopt(client, SOL_SOCKET, SO_ERROR, &value, &len));
	SAY(value);
	GET("client", client, SOL_SOCKET, SO_ERROR);
	say_events("afterwards", fsk_events(client));
	SAY(recv(client, &byte, 1, 0));
	SAY(send(client, "x", 1, MSG_NOSIGNAL));
}

FAST("I4", "reading SO_ERROR to a bad address takes the error, too")
{
	int client, server;
	socklen_t len = 4;

	pair(&client, &server);
	fsk_set_linger(server, 0);
	close(server);
	AWAIT(fsk_events(client) & POLLERR);
	SAY(getsockopt(client, SOL_SOCKET, SO_ERROR, hole(), &len));
	GET("client", client, SOL_SOCKET, SO_ERROR);
}

ALONE("I4", "SO_ERROR tells a refusal once")
{
	int fd = client_socket(SOCK_NONBLOCK), closed;
	uint16_t port;

	closed = listener(1, &port);
	close(closed);
	SAY(dial(fd, port));
	AWAIT(fsk_events(fd) & POLLERR);
	GET("client", fd, SOL_SOCKET, SO_ERROR);
	GET("client", fd, SOL_SOCKET, SO_ERROR);
}

static void look_flags(const char *who, int fd)
{
	static const int values[] = { 1, 0, 5, -1, 0 };
	size_t i;

	for (i = 0; i < COUNT(values); i++) {
		SET_GET(who, fd, SOL_SOCKET, SO_KEEPALIVE, values[i]);
		SET_GET(who, fd, SOL_SOCKET, SO_OOBINLINE, values[i]);
		SET_GET(who, fd, SOL_SOCKET, SO_REUSEADDR, values[i]);
		SET_GET(who, fd, SOL_SOCKET, SO_REUSEPORT, values[i]);
	}
}

FAST("I5", "flags read back as they were set")
{
	in_every_state(look_flags);
}

static void look_linger(const char *who, int fd)
{
	static const struct linger values[] = {
		{ 1, 5 }, { 0, 7 }, { 1, 0 }, { 2, 9 }, { 1, 1 << 20 },
		{ 0, 0 },
	};
	struct linger value;
	socklen_t len;
	size_t i;

	for (i = 0; i < COUNT(values); i++) {
		TELL(who, setsockopt(fd, SOL_SOCKET, SO_LINGER, &values[i],
				     sizeof(values[i])));
		len = sizeof(value);
		TELL(who, getsockopt(fd, SOL_SOCKET, SO_LINGER, &value, &len));
		note("%s: %d %d (%u bytes)", who, value.l_onoff,
		     value.l_linger, len);
	}
}

FAST("I5", "SO_LINGER reads back as it was set")
{
	in_every_state(look_linger);
}

static void try_timeout(const char *who, int fd, int name, long seconds,
			long micros)
{
	struct timeval tv = { seconds, micros };
	const char *set;
	socklen_t len = sizeof(tv);

	set = outcome(setsockopt(fd, SOL_SOCKET, name, &tv, sizeof(tv)));
	memset(&tv, 0xee, sizeof(tv));
	getsockopt(fd, SOL_SOCKET, name, &tv, &len);
	note("%s: timeout %d %ld.%ld: %s, reads %ld.%ld (%u bytes)", who, name,
	     seconds, micros, set, tv.tv_sec, tv.tv_usec, len);
}

static void look_timeouts(const char *who, int fd)
{
	static const int names[] = { SO_RCVTIMEO, SO_SNDTIMEO, RCVTIMEO_NEW,
				     SNDTIMEO_NEW };
	size_t i;

	for (i = 0; i < COUNT(names); i++) {
		try_timeout(who, fd, names[i], 0, 0);
		try_timeout(who, fd, names[i], 1, 500000);
		try_timeout(who, fd, names[i], 3, 1);
		try_timeout(who, fd, names[i], 0, 1000000);
		try_timeout(who, fd, names[i], 0, -1);
		try_timeout(who, fd, names[i], LONG_MAX / 8, 0);
		try_timeout(who, fd, names[i], -1, 0);
		try_length(who, fd, SOL_SOCKET, names[i], 15);
		try_timeout(who, fd, names[i], 0, 0);
	}
}

FAST("I6", "time-outs in old and new layout read back, bad ones are refused")
{
	in_every_state(look_timeouts);
}

FAST("I6", "a time-out set in either layout ends a wait")
{
	struct timeval negative = { -1, 0 };
	struct { long long s, us; } short_new = { 0, 60000 }, none = { 0, 0 };
	int client, server;
	uint64_t before;
	char byte;

	pair(&client, &server);
	fsk_set_timeout(server, SO_RCVTIMEO, 60);
	before = fsk_now_ms();
	SAY(recv(server, &byte, 1, 0));
	SAY(fsk_now_ms() - before >= 50);
	SAY(setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &negative,
		       sizeof(negative)));
	SAY(recv(server, &byte, 1, 0));
	SAY(setsockopt(server, SOL_SOCKET, RCVTIMEO_NEW, &short_new,
		       sizeof(short_new)));
	before = fsk_now_ms();
	SAY(recv(server, &byte, 1, 0));
	SAY(fsk_now_ms() - before >= 50);
	SAY(setsockopt(server, SOL_SOCKET, RCVTIMEO_NEW, &none, sizeof(none)));
	say_alive(client, server);
	fsk_stuff(client, 1);
	fsk_set_timeout(client, SO_SNDTIMEO, 60);
	SAY(send(client, "xxxxxxxx", 8, 0) == 8 ||
	    errno == EAGAIN);
}

static void look_lowat(const char *who, int fd)
{
	SET_GET(who, fd, SOL_SOCKET, SO_RCVLOWAT, 0);
	SET_GET(who, fd, SOL_SOCKET, SO_RCVLOWAT, 100);
	SET_GET(who, fd, SOL_SOCKET, SO_RCVLOWAT, 1 << 30);
	SET_GET(who, fd, SOL_SOCKET, SO_RCVLOWAT, -5);
	SET_GET(who, fd, SOL_SOCKET, SO_SNDLOWAT, 100);
	fsk_set_int(fd, SOL_SOCKET, SO_RCVBUF, 50000);
	SET_GET(who, fd, SOL_SOCKET, SO_RCVLOWAT, 1 << 30);
	GET(who, fd, SOL_SOCKET, SO_RCVBUF);
	SET_GET(who, fd, SOL_SOCKET, SO_RCVLOWAT, 1);
}

FAST("I7", "SO_RCVLOWAT is at least 1 and at most half the buffer")
{
	in_every_state(look_lowat);
}

FAST("I7", "SO_RCVLOWAT takes effect at once on what is queued")
{
	int client, server;
	char bytes[64];

	pair(&client, &server);
	SAY(fsk_set_int(server, SOL_SOCKET, SO_RCVLOWAT, 50));
	send(client, bytes, 40, 0);
	AWAIT(fsk_unread(server) == 40);
	say_events("40 of 50", fsk_events(server));
	SAY(recv(server, bytes, 10, MSG_DONTWAIT));
	SAY(fsk_set_int(server, SOL_SOCKET, SO_RCVLOWAT, 20));
	say_events("30 of 20", fsk_events(server));
	SAY(fsk_set_int(server, SOL_SOCKET, SO_RCVLOWAT, 60));
	say_events("30 of 60", fsk_events(server));
	send(client, bytes, 30, 0);
	AWAIT(fsk_unread(server) == 60);
	say_events("60 of 60", fsk_events(server));
	SAY(recv(server, bytes, 64, 0));
}

static void *poll_one(void *fd)
{
	struct pollfd pfd = { .fd = *(int *)fd, .events = POLLIN };

	poll(&pfd, 1, 20000);
	return (void *)(long)pfd.revents;
}

FAST("I7", "lowering SO_RCVLOWAT wakes a poll that waits")
{
	int client, server;
	void *events;
	pthread_t id;

	pair(&client, &server);
	fsk_set_int(server, SOL_SOCKET, SO_RCVLOWAT, 50);
	send(client, "1234567890", 10, 0);
	AWAIT(fsk_unread(server) == 10);
	id = thread(poll_one, &server);
	fsk_sleep_ms(50);
	fsk_set_int(server, SOL_SOCKET, SO_RCVLOWAT, 5);
	pthread_join(id, &events);
	say_events("woken", (long)events);
}

FAST("I7", "with a large SO_RCVLOWAT that much fits")
{
	static char bytes[200000];
	int client, server;
	pthread_t id;

	pair(&client, &server);
	SAY(fsk_set_int(server, SOL_SOCKET, SO_RCVLOWAT, sizeof(bytes)));
	SAY(fsk_int_option(server, SOL_SOCKET, SO_RCVBUF) >=
	    (int)sizeof(bytes));
	id = thread(send_half_a_megabyte, &client);
	AWAIT(fsk_events(server) & POLLIN);
	SAY(fsk_unread(server) >= (int)sizeof(bytes));
	SAY(recv(server, bytes, sizeof(bytes), 0));
	SAY(fsk_wrong(bytes, sizeof(bytes), 1, 0));
	SAY(fsk_set_int(server, SOL_SOCKET, SO_RCVLOWAT, 1));
	SAY(fsk_recv_pattern(server, 1, sizeof(bytes), 300000));
	await_thread(id);
}

static void look_peer(const char *who, int fd)
{
	struct ucred cred = { 1, 1, 1 };
	char text[64] = "";
	socklen_t len = sizeof(cred);

	TELL(who, getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len));
	note("%s: %d %d %d (%u bytes)", who, cred.pid, (int)cred.uid,
	     (int)cred.gid, len);
	TELL(who, setsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, len));
	len = sizeof(text);
	TELL(who, getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, text, &len));
	len = sizeof(text);
	TELL(who, getsockopt(fd, SOL_SOCKET, SO_PEERSEC, text, &len));
	note("%s: %.60s", who, text);
	len = sizeof(int);
	TELL(who, getsockopt(fd, SOL_SOCKET, PEERPIDFD, text, &len));
	len = sizeof(text);
	TELL(who, getsockopt(fd, SOL_SOCKET, SO_PEERNAME, text, &len) != 0);
}

FAST("I8", "a stream has no credentials of its peer")
{
	in_every_state(look_peer);
}

static void look_pass(const char *who, int fd)
{
	SET_GET(who, fd, SOL_SOCKET, SO_PASSCRED, 1);
	SET_GET(who, fd, SOL_SOCKET, SO_PASSSEC, 1);
	SET_GET(who, fd, SOL_SOCKET, PASSPIDFD, 1);
	SET_GET(who, fd, SOL_SOCKET, SO_PASSCRED, 0);
}

FAST("I9", "SO_PASSCRED and its like are kept")
{
	in_every_state(look_pass);
}

FAST("I9", "SO_PASSCRED adds nothing to what is received")
{
	int client, server;

	pair(&client, &server);
	fsk_set_int(server, SOL_SOCKET, SO_PASSCRED, 1);
	fsk_set_int(server, SOL_SOCKET, SO_PASSSEC, 1);
	send(client, "bytes", 5, 0);
	AWAIT(fsk_unread(server) == 5);
	say_recvmsg("server", server, 16, 0, 256);
}

static void look_priority(const char *who, int fd)
{
	be_root(false);
	SET_GET(who, fd, SOL_SOCKET, SO_PRIORITY, 6);
	SET_GET(who, fd, SOL_SOCKET, SO_PRIORITY, 7);
	SET_GET(who, fd, SOL_SOCKET, SO_PRIORITY, -1);
	SET_GET(who, fd, SOL_SOCKET, SO_MARK, 5);
	be_root(true);
	SET_GET(who, fd, SOL_SOCKET, SO_PRIORITY, 7);
	SET_GET(who, fd, SOL_SOCKET, SO_PRIORITY, 100);
	SET_GET(who, fd, SOL_SOCKET, SO_PRIORITY, 0);
	SET_GET(who, fd, SOL_SOCKET, SO_MARK, 5);
	SET_GET(who, fd, SOL_SOCKET, SO_MARK, -1);
	SET_GET(who, fd, SOL_SOCKET, RCVMARK, 1);
}

FAST("I10", "high priorities and marks are for administrators")
{
	in_every_state(look_priority);
}

FAST("I10", "a connection with priority and mark works")
{
	int fd = client_socket(0), listening, server;
	uint16_t port;

	listening = listener(1, &port);
	SAY(fsk_set_int(fd, SOL_SOCKET, SO_MARK, 77));
	SAY(fsk_set_int(fd, SOL_SOCKET, SO_PRIORITY, 5));
	pair_on(fd, listening, port, &server);
	say_alive(fd, server);
	GET("client", fd, SOL_SOCKET, SO_MARK);
	GET("client", fd, SOL_SOCKET, SO_PRIORITY);
	GET("server", server, SOL_SOCKET, SO_MARK);
	GET("server", server, SOL_SOCKET, SO_PRIORITY);
}

/*
 * On the loopback device the client's own mark arrives, and counts unless a
 * rule has another.
 */
ALONE("I10", "a connection has the mark of its SYN if the host wants that")
{
	const char *accept = "sh -c 'echo 1 > /proc/sys/net/ipv4/tcp_fwmark_accept'";
	int fd = client_socket(0), other = client_socket(0), listening, server;
	char command[256];
	uint16_t port;

	listening = listener(2, &port);
	if (command_in(here->server_ns, accept))
		skip("no tcp_fwmark_accept");
	SAY(fsk_set_int(fd, SOL_SOCKET, SO_MARK, 77));
	pair_on(fd, listening, port, &server);
	GET("client's mark", server, SOL_SOCKET, SO_MARK);
	snprintf(command, sizeof(command),
		 "nft 'table ip row { chain pre { type filter hook prerouting priority 0; tcp dport %u meta mark set 9; }; }'",
		 port);
	if (command_in(here->server_ns, command))
		skip("no nft");
	pair_on(other, listening, port, &server);
	GET("rule's mark", server, SOL_SOCKET, SO_MARK);
	say_alive(other, server);
	command_in(here->server_ns, "nft delete table ip row");
	command_in(here->server_ns,
		   "sh -c 'echo 0 > /proc/sys/net/ipv4/tcp_fwmark_accept'");
}

static int bind_device(int fd, const char *name)
{
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, strlen(name));
}

static void say_device(const char *who, int fd)
{
	char name[IFNAMSIZ] = "";
	socklen_t len = sizeof(name);
	int index = -1;

	TELL(who, getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len));
	note("%s: bound to '%s' (%u bytes)", who, name, len);
	len = sizeof(index);
	TELL(who, getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &index, &len));
	note("%s: an index %d", who, index > 0);
}

static void look_device(const char *who, int fd)
{
	char name[IFNAMSIZ] = "";
	socklen_t len = 4;

	TELL(who, bind_device(fd, "nosuch0"));
	TELL(who, fsk_set_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX, 9999));
	TELL(who, fsk_set_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX, -1));
	say_device(who, fd);
	be_root(false);
	TELL(who, bind_device(fd, device()));
	TELL(who, bind_device(fd, device()));
	be_root(true);
	TELL(who, bind_device(fd, device()));
	say_device(who, fd);
	/* Too little room, then a bad address. */
	TELL(who, getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len));
	TELL(who, setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, hole() - 1, 4));
}

FAST("I11", "binding to a device and reading which it is")
{
	in_every_state(look_device);
}

ALONE("I11", "a connection of sockets that are bound to its device")
{
	int listening = server_socket(0), fd, server;
	uint16_t port;

	SAY(bind_device(listening, device()));
	port = listen_on(listening, 1);
	fd = client_socket(0);
	SAY(bind_device(fd, device()));
	pair_on(fd, listening, port, &server);
	say_alive(fd, server);
	say_device("server", server);
	say_device("client", fd);
	SAY(bind_device(fd, ""));
	say_alive(fd, server);
}

ALONE("I11", "a listener bound to another device is not there")
{
	int listening = server_socket(0);
	uint16_t port;

	if (on_lo())
		skip("lo has no other device");
	SAY(bind_device(listening, "lo"));
	port = listen_on(listening, 1);
	SAY(dial(client_socket(0), port));
}

FAST("I12", "a socket's cookie is its own and lasts")
{
	uint64_t before = 0, after = 0, other = 0, net_one = 0, net_two = 0;
	int listening, fd, server;
	socklen_t len = 8;
	uint16_t port;

	listening = listener(1, &port);
	fd = client_socket(0);
	SAY(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &before, &len));
	SAY(getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &net_one, &len));
	pair_on(fd, listening, port, &server);
	SAY(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &after, &len));
	SAY(getsockopt(server, SOL_SOCKET, SO_COOKIE, &other, &len));
	SAY(getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &net_two, &len));
	note("nonzero %d, same %d, unlike the peer's %d, %u bytes", !!before,
	     before == after, before != other, len);
	note("namespace: nonzero %d, same %d", !!net_one, net_one == net_two);
	len = 4;
	SAY(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &before, &len));
	SAY(getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &before, &len));
	SAY(setsockopt(fd, SOL_SOCKET, SO_COOKIE, &before, 8));
	SAY(setsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &before, 8));
}

static void look_processor(const char *who, int fd)
{
	TELL(who, fsk_set_int(fd, SOL_SOCKET, SO_INCOMING_CPU, 0));
	TELL(who, fsk_int_option(fd, SOL_SOCKET, SO_INCOMING_CPU) >= -1);
	TELL(who, fsk_set_int(fd, SOL_SOCKET, SO_INCOMING_NAPI_ID, 1));
	TELL(who, fsk_int_option(fd, SOL_SOCKET, SO_INCOMING_NAPI_ID) >= 0);
}

FAST("I12", "the processor and the NAPI instance of what comes in")
{
	in_every_state(look_processor);
}

static void look_memory(const char *who, int fd)
{
	uint32_t info[16] = {};
	socklen_t len = sizeof(info);

	TELL(who, getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len));
	note("%s: %u bytes, limits %d %d, backlog %u", who, len,
	     (int)info[1] == fsk_int_option(fd, SOL_SOCKET, SO_RCVBUF),
	     (int)info[3] == fsk_int_option(fd, SOL_SOCKET, SO_SNDBUF),
	     info[7]);
	len = 4;
	TELL(who, getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len));
	note("%s: %u bytes", who, len);
	TELL(who, setsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, 4));
}

FAST("I12", "SO_MEMINFO in every state")
{
	in_every_state(look_memory);
}

static void look_stamp_flags(const char *who, int fd)
{
	SET_GET(who, fd, SOL_SOCKET, SO_TIMESTAMP, 1);
	SET_GET(who, fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	GET(who, fd, SOL_SOCKET, SO_TIMESTAMP);
	SET_GET(who, fd, SOL_SOCKET, TIMESTAMP_NEW, 1);
	GET(who, fd, SOL_SOCKET, SO_TIMESTAMP);
	GET(who, fd, SOL_SOCKET, SO_TIMESTAMPNS);
	SET_GET(who, fd, SOL_SOCKET, TIMESTAMPNS_NEW, 1);
	SET_GET(who, fd, SOL_SOCKET, SO_TIMESTAMP, 0);
	SET_GET(who, fd, SOL_SOCKET, SO_TIMESTAMPING, stamps_in);
	SET_GET(who, fd, SOL_SOCKET, TIMESTAMPING_NEW, stamps_in);
	SET_GET(who, fd, SOL_SOCKET, SO_TIMESTAMPING, 1 << 30);
	SET_GET(who, fd, SOL_SOCKET, SO_TIMESTAMPING, -1);
	SET_GET(who, fd, SOL_SOCKET, SO_TIMESTAMPING, 0);
}

FAST("I13", "options for time stamps read back")
{
	in_every_state(look_stamp_flags);
}

/* A byte goes over; did it bring a control message? */
static bool stamped(int from, int to)
{
	char byte, control[256];
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};

	if (send(from, "x", 1, 0) != 1 || recvmsg(to, &msg, 0) != 1)
		broken("a byte over");
	return msg.msg_controllen;
}

static void receive_stamps(int client, int server)
{
	/* The kernel begins to stamp a while after it was asked to. */
	AWAIT(stamped(client, server));
	send(client, "stamps", 6, 0);
	AWAIT(fsk_unread(server) == 6);
	say_recvmsg("peek", server, 4, MSG_PEEK, 256);
	say_recvmsg("part", server, 4, 0, 256);
	say_recvmsg("none", server, 1, 0, 0);
	say_recvmsg("little", server, 1, 0, 20);
	send(client, "dropped", 7, 0);
	AWAIT(fsk_unread(server) == 7);
	say_recvmsg("trunc", server, 7, MSG_TRUNC, 256);
	say_recvmsg("empty", server, 7, MSG_DONTWAIT, 256);
}

static void stamps_of(int name, int value, bool before)
{
	int listening = server_socket(0), client, server;
	uint16_t port;

	if (before)
		SAY(fsk_set_int(listening, SOL_SOCKET, name, value));
	port = listen_on(listening, 1);
	client = client_socket(0);
	if (before)
		SAY(fsk_set_int(client, SOL_SOCKET, name, value));
	pair_on(client, listening, port, &server);
	if (!before)
		SAY(fsk_set_int(server, SOL_SOCKET, name, value));
	receive_stamps(client, server);
	if (!before)
		SAY(fsk_set_int(client, SOL_SOCKET, name, value));
	AWAIT(stamped(server, client));
	send(client, "end", 3, 0);
	close(client);
	AWAIT(fsk_events(server) & POLLRDHUP);
	say_recvmsg("last", server, 16, 0, 256);
	say_recvmsg("end", server, 16, 0, 256);
}

FAST("I13", "SO_TIMESTAMP set before connect")
{
	stamps_of(SO_TIMESTAMP, 1, true);
}

FAST("I13", "SO_TIMESTAMP set after connect")
{
	stamps_of(SO_TIMESTAMP, 1, false);
}

FAST("I13", "SO_TIMESTAMP in its new layout")
{
	stamps_of(TIMESTAMP_NEW, 1, false);
}

FAST("I13", "SO_TIMESTAMPNS set before connect")
{
	stamps_of(SO_TIMESTAMPNS, 1, true);
}

FAST("I13", "SO_TIMESTAMPNS set after connect")
{
	stamps_of(SO_TIMESTAMPNS, 1, false);
}

FAST("I13", "SO_TIMESTAMPNS in its new layout")
{
	stamps_of(TIMESTAMPNS_NEW, 1, true);
}

FAST("I13", "SO_TIMESTAMPING of what comes in, set before connect")
{
	stamps_of(SO_TIMESTAMPING, stamps_in, true);
}

FAST("I13", "SO_TIMESTAMPING of what comes in, set after connect")
{
	stamps_of(SO_TIMESTAMPING, stamps_in, false);
}

FAST("I13", "SO_TIMESTAMPING in its new layout")
{
	stamps_of(TIMESTAMPING_NEW, stamps_in, false);
}

FAST("I13", "two kinds of stamps at once, and none any more")
{
	int client, server;

	pair(&client, &server);
	fsk_set_int(server, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	fsk_set_int(server, SOL_SOCKET, SO_TIMESTAMPING, stamps_in);
	receive_stamps(client, server);
	fsk_set_int(server, SOL_SOCKET, SO_TIMESTAMPNS, 0);
	fsk_set_int(server, SOL_SOCKET, SO_TIMESTAMPING, 0);
	send(client, "plain", 5, 0);
	AWAIT(fsk_unread(server) == 5);
	say_recvmsg("off", server, 16, 0, 256);
}

FAST("I13", "stamps that are made but not asked for are not delivered")
{
	int client, server;

	pair(&client, &server);
	fsk_set_int(server, SOL_SOCKET, SO_TIMESTAMPING,
		    SOF_TIMESTAMPING_RX_SOFTWARE);
	fsk_sleep_ms(50);
	send(client, "plain", 5, 0);
	AWAIT(fsk_unread(server) == 5);
	say_recvmsg("server", server, 16, 0, 256);
}

static void *receive_late(void *fd)
{
	say_recvmsg("late", *(int *)fd, 16, 0, 256);
	return NULL;
}

FAST("I13", "a receiver that waits gets a stamp, too")
{
	int client, server;
	pthread_t id;

	pair(&client, &server);
	fsk_set_int(server, SOL_SOCKET, SO_TIMESTAMP, 1);
	AWAIT(stamped(client, server));
	id = thread(receive_late, &server);
	fsk_sleep_ms(50);
	send(client, "awaited", 7, 0);
	await_thread(id);
}

/* The next message of the error queue; false if there is none. */
static bool error_message(int fd, struct sock_extended_err *error)
{
	char control[512];
	struct msghdr msg = {
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;

	if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;
	memset(error, 0, sizeof(*error));
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR)
			memcpy(error, CMSG_DATA(c), sizeof(*error));
	return true;
}

/* Sends five bytes and says which stamps of them come back. */
static void say_stamps_out(int fd)
{
	struct sock_extended_err error;
	unsigned int seen = 0;

	SAY(send(fd, "stamp", 5, 0));
	while (seen != 5) {
		AWAIT(fsk_events(fd) & POLLERR);
		while (error_message(fd, &error)) {
			seen |= 1 << error.ee_info;
			if (error.ee_data != 4 || error.ee_errno != ENOMSG ||
			    error.ee_origin != SO_EE_ORIGIN_TIMESTAMPING)
				broken("not the stamp expected");
		}
	}
	note("sent and acknowledged");
	SAY(recv(fd, &error, 1, MSG_ERRQUEUE | MSG_DONTWAIT));
}

LEFT_TO_TCP("I13", "stamps of what is sent, asked for before connect")
{
	int fd, listening, server;
	uint16_t port;

	listening = listener(1, &port);
	fd = client_socket(0);
	/* With an id the connection has to be there. */
	SAY(fsk_set_int(fd, SOL_SOCKET, SO_TIMESTAMPING,
			stamps_out & ~SOF_TIMESTAMPING_OPT_ID));
	pair_on(fd, listening, port, &server);
	SAY(fsk_set_int(fd, SOL_SOCKET, SO_TIMESTAMPING, stamps_out));
	say_stamps_out(fd);
	say_alive(fd, server);
}

KNOWN("I13", "stamps of what is sent, asked for after connect")
{
	int client, server;

	pair(&client, &server);
	if (SAY(fsk_set_int(client, SOL_SOCKET, SO_TIMESTAMPING, stamps_out)))
		return;
	if (SAY(send(client, "first", 5, 0)) == 5 &&
	    FSK_UNTIL(fsk_events(client) & POLLERR))
		note("there are stamps");
}

static struct sock_filter pass_all[] = {
	BPF_STMT(BPF_RET | BPF_K, 0x7fffffff),
};

static int attach_filter(int fd)
{
	struct sock_fprog program = { COUNT(pass_all), pass_all };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
			  sizeof(program));
}

static void look_no_filter(const char *who, int fd)
{
	struct sock_filter code[4];
	socklen_t len = COUNT(code);

	TELL(who, setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &len, 4));
	GET(who, fd, SOL_SOCKET, SO_LOCK_FILTER);
	TELL(who, getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, code, &len));
	note("%s: length %u", who, len);
	TELL(who, fsk_set_int(fd, SOL_SOCKET, SO_LOCK_FILTER, 0));
}

KNOWN("I14", "a socket without a filter says so")
{
	in_every_state(look_no_filter);
}

/* As CRIU dumps a socket: how many instructions, and then these. */
static void look_dump_filter(const char *who, int fd)
{
	struct sock_filter code[4];
	socklen_t len = 0;

	TELL(who, getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &len));
	note("%s: %u instructions", who, len);
	len = COUNT(code);
	TELL(who, getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, code, &len));
	note("%s: %u instructions", who, len);
}

FAST("I14", "a socket without a filter has none to dump")
{
	in_every_state(look_dump_filter);
}

static void look_bad_filter(const char *who, int fd)
{
	struct sock_fprog program = { 0, pass_all };

	TELL(who, setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
			     sizeof(program)));
	TELL(who, setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, 4));
	program.len = 1;
	program.filter = (void *)hole();
	TELL(who, setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
			     sizeof(program)));
	TELL(who, fsk_set_int(fd, SOL_SOCKET, SO_ATTACH_BPF, -1));
	TELL(who, fsk_set_int(fd, SOL_SOCKET, SO_ATTACH_BPF, fd));
}

KNOWN("I14", "a bad filter is refused in every state")
{
	in_every_state(look_bad_filter);
}

LEFT_TO_TCP("I14", "a filter set before connect filters packets")
{
	struct sock_filter code[4] = {};
	int fd, listening, server;
	socklen_t len = COUNT(code);
	uint16_t port;

	listening = listener(1, &port);
	fd = client_socket(0);
	SAY(attach_filter(fd));
	SAY(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, code, &len));
	note("%u: %x %x", len, code[0].code, code[0].k);
	pair_on(fd, listening, port, &server);
	say_alive(fd, server);
	SAY(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &len, 4));
	SAY(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &len, 4));
	say_alive(fd, server);
}

LEFT_TO_TCP("I14", "a listener's filter judges its connections' packets")
{
	int listening = server_socket(0), fd, server;
	uint16_t port;

	SAY(attach_filter(listening));
	SAY(fsk_set_int(listening, SOL_SOCKET, SO_LOCK_FILTER, 1));
	SAY(fsk_set_int(listening, SOL_SOCKET, SO_LOCK_FILTER, 0));
	SAY(attach_filter(listening));
	port = listen_on(listening, 1);
	fd = client_socket(0);
	pair_on(fd, listening, port, &server);
	say_alive(fd, server);
	GET("server", server, SOL_SOCKET, SO_LOCK_FILTER);
	SAY(attach_filter(server));
}

KNOWN("I14", "a filter set after connect")
{
	int client, server;
	socklen_t len = 4;

	pair(&client, &server);
	SAY(attach_filter(client));
	say_alive(client, server);
	SAY(setsockopt(client, SOL_SOCKET, SO_DETACH_FILTER, &len, 4));
	say_alive(client, server);
}

ALONE("I14", "a filter locked after connect")
{
	int client, server;

	pair(&client, &server);
	SAY(fsk_set_int(client, SOL_SOCKET, SO_LOCK_FILTER, 1));
	GET("client", client, SOL_SOCKET, SO_LOCK_FILTER);
	SAY(fsk_set_int(client, SOL_SOCKET, SO_LOCK_FILTER, 0));
	SAY(attach_filter(client));
	say_alive(client, server);
}

static void look_reuseport_program(const char *who, int fd)
{
	struct sock_fprog program = { COUNT(pass_all), pass_all };

	TELL(who, setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF,
			     &program, sizeof(program)));
	TELL(who, fsk_set_int(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, -1));
	TELL(who, fsk_set_int(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0));
}

KNOWN("I15", "programs that choose a listener want a shared port")
{
	in_every_state(look_reuseport_program);
}

ALONE("I15", "a program chooses the listener of each connection")
{
	struct sock_filter second[] = { BPF_STMT(BPF_RET | BPF_K, 1) };
	struct sock_fprog program = { COUNT(second), second };
	int one = server_socket(SOCK_NONBLOCK), two, fd, i;
	uint16_t port;

	fsk_set_int(one, SOL_SOCKET, SO_REUSEPORT, 1);
	port = listen_on(one, 8);
	two = server_socket(SOCK_NONBLOCK);
	fsk_set_int(two, SOL_SOCKET, SO_REUSEPORT, 1);
	SAY(fsk_bind(two, here->server_ip, port));
	SAY(listen(two, 8));
	SAY(setsockopt(one, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
		       sizeof(program)));
	for (i = 0; i < 4; i++) {
		if (dial(client_socket(0), port))
			broken("connect");
		AWAIT((fsk_events(one) | fsk_events(two)) & POLLIN);
		SAY(accept(one, NULL, NULL));
		fd = accept(two, NULL, NULL);
		SAY(fd >= 0);
		close(fd);
	}
}

static void look_rates(const char *who, int fd)
{
	uint64_t rate = 1ULL << 40;
	socklen_t len = sizeof(rate);

	GET(who, fd, SOL_SOCKET, SO_MAX_PACING_RATE);
	SET_GET(who, fd, SOL_SOCKET, SO_MAX_PACING_RATE, 1 << 30);
	TELL(who, setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, len));
	rate = 0;
	TELL(who, getsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, &len));
	note("%s: %llx", who, (unsigned long long)rate);
	SET_GET(who, fd, SOL_SOCKET, SO_BUSY_POLL, 50);
	SET_GET(who, fd, SOL_SOCKET, SO_BUSY_POLL, -1);
	SET_GET(who, fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, 1);
	SET_GET(who, fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, 2);
	SET_GET(who, fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, 8);
	SET_GET(who, fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, 1 << 20);
	SET_GET(who, fd, SOL_SOCKET, RESERVE_MEM, 8192);
	SET_GET(who, fd, SOL_SOCKET, TXREHASH, 0);
	SET_GET(who, fd, SOL_SOCKET, TXREHASH, 7);
}

FAST("I15", "pacing, busy polling and reserved memory")
{
	in_every_state(look_rates);
}

FAST("I15", "unprivileged, busy polling is for others")
{
	int client, server;

	pair(&client, &server);
	be_root(false);
	SET_GET("client", client, SOL_SOCKET, SO_BUSY_POLL, 50);
	SET_GET("client", client, SOL_SOCKET, SO_PREFER_BUSY_POLL, 1);
	SET_GET("client", client, SOL_SOCKET, SO_BUSY_POLL_BUDGET, 200);
	be_root(true);
	say_alive(client, server);
}

FAST("I15", "paced data arrives complete")
{
	int client, server;
	pthread_t id;

	pair(&client, &server);
	SAY(fsk_set_int(client, SOL_SOCKET, SO_MAX_PACING_RATE, 20000000));
	id = thread(send_half_a_megabyte, &client);
	SAY(fsk_recv_pattern(server, 1, 0, 500000));
	await_thread(id);
}

struct txtime {
	int clock;
	uint32_t flags;
};

static void look_txtime(const char *who, int fd)
{
	static const struct txtime values[] = {
		{ CLOCK_MONOTONIC, 0 }, { CLOCK_MONOTONIC, 4 }, { 99, 0 },
		{ CLOCK_TAI, 3 },
	};
	struct txtime value = {};
	socklen_t len = sizeof(value);
	size_t i;

	for (i = 0; i < COUNT(values); i++)
		note("%s: clock %d flags %u: %s", who, values[i].clock,
		     values[i].flags,
		     outcome(setsockopt(fd, SOL_SOCKET, SO_TXTIME, &values[i],
					sizeof(value))));
	TELL(who, setsockopt(fd, SOL_SOCKET, SO_TXTIME, &value, 4));
	TELL(who, getsockopt(fd, SOL_SOCKET, SO_TXTIME, &value, &len));
	note("%s: clock %d flags %u", who, value.clock, value.flags);
}

FAST("I15", "SO_TXTIME checks what it is given")
{
	in_every_state(look_txtime);
}

ALONE("I15", "a connection with SO_TXTIME set before")
{
	struct txtime value = { CLOCK_MONOTONIC, 0 };
	int fd, listening, server;
	uint16_t port;

	listening = listener(1, &port);
	fd = client_socket(0);
	SAY(setsockopt(fd, SOL_SOCKET, SO_TXTIME, &value, sizeof(value)));
	pair_on(fd, listening, port, &server);
	say_alive(fd, server);
}

static void look_zerocopy(const char *who, int fd)
{
	SET_GET(who, fd, SOL_SOCKET, SO_ZEROCOPY, 1);
	SET_GET(who, fd, SOL_SOCKET, SO_ZEROCOPY, 2);
	SET_GET(who, fd, SOL_SOCKET, SO_ZEROCOPY, -1);
	SET_GET(who, fd, SOL_SOCKET, SO_ZEROCOPY, 0);
}

FAST("I16", "SO_ZEROCOPY is 0 or 1")
{
	in_every_state(look_zerocopy);
}

/* Reads notices until that many sends are complete; says what is odd. */
static void await_completions(int fd, unsigned int count)
{
	struct sock_extended_err error;
	unsigned int next = 0;

	while (next < count) {
		AWAIT(fsk_events(fd) & POLLERR);
		while (error_message(fd, &error)) {
			if (error.ee_origin != SO_EE_ORIGIN_ZEROCOPY ||
			    error.ee_errno || error.ee_info != next)
				note("notice %u %u..%u", error.ee_origin,
				     error.ee_info, error.ee_data);
			next = error.ee_data + 1;
		}
	}
	note("%u complete", next);
}

FAST("I16", "zero-copy sends complete in order")
{
	static char bytes[20000];
	int client, server, i;

	pair(&client, &server);
	SAY(fsk_set_int(client, SOL_SOCKET, SO_ZEROCOPY, 1));
	fsk_fill(bytes, sizeof(bytes), 5, 0);
	for (i = 0; i < 5; i++)
		SAY(send(client, bytes + 4000 * i, 4000, MSG_ZEROCOPY));
	SAY(fsk_recv_pattern(server, 5, 0, sizeof(bytes)));
	await_completions(client, 5);
	say_events("read all", fsk_events(client));
	SAY(recv(client, bytes, 1, MSG_ERRQUEUE));
	SAY(send(client, "plain", 5, 0));
	SAY(send(client, "one more", 8, MSG_ZEROCOPY));
	SAY(recv(server, bytes, 13, MSG_WAITALL));
	AWAIT(fsk_events(client) & POLLERR);
	say_events("one notice", fsk_events(client));
}

FAST("I16", "without consent MSG_ZEROCOPY is a plain send")
{
	int client, server;
	char bytes[16];

	pair(&client, &server);
	SAY(send(client, "zero copy", 9, MSG_ZEROCOPY));
	say_bytes("server", bytes, recv(server, bytes, 9, MSG_WAITALL));
	fsk_sleep_ms(50);
	say_events("client", fsk_events(client));
	SAY(recv(client, bytes, 1, MSG_ERRQUEUE));
}

FAST("I16", "zero-copy sends that fail leave no notice")
{
	int client, server;
	char byte;

	pair(&client, &server);
	SAY(fsk_set_int(client, SOL_SOCKET, SO_ZEROCOPY, 1));
	SAY(send(client, hole(), 100, MSG_ZEROCOPY));
	shutdown(client, SHUT_WR);
	SAY(send(client, "x", 1, MSG_ZEROCOPY | MSG_NOSIGNAL));
	fsk_sleep_ms(50);
	SAY(recv(client, &byte, 1, MSG_ERRQUEUE));
	SAY(recv(server, &byte, 1, 0));
}

static void look_accepted(const char *who, int fd)
{
	SET_GET(who, fd, SOL_SOCKET, SO_BROADCAST, 1);
	SET_GET(who, fd, SOL_SOCKET, SO_DEBUG, 1);
	SET_GET(who, fd, SOL_SOCKET, SO_DEBUG, 0);
	SET_GET(who, fd, SOL_SOCKET, SO_NO_CHECK, 1);
	SET_GET(who, fd, SOL_SOCKET, SO_BSDCOMPAT, 1);
	SET_GET(who, fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	SET_GET(who, fd, SOL_SOCKET, SO_WIFI_STATUS, 1);
	SET_GET(who, fd, SOL_SOCKET, SO_NOFCS, 1);
	SET_GET(who, fd, SOL_SOCKET, SO_SELECT_ERR_QUEUE, 1);
	SET_GET(who, fd, SOL_SOCKET, SO_CNX_ADVICE, 1);
	SET_GET(who, fd, SOL_SOCKET, SO_BPF_EXTENSIONS, 1);
	SET_GET(who, fd, SOL_SOCKET, SO_DONTROUTE, 1);
	SET_GET(who, fd, SOL_SOCKET, SO_DONTROUTE, 0);
	be_root(false);
	SET_GET(who, fd, SOL_SOCKET, SO_DEBUG, 1);
	be_root(true);
}

FAST("I17", "old and odd options are accepted as TCP does")
{
	in_every_state(look_accepted);
}

ALONE("I17", "a connection with SO_DONTROUTE and its like")
{
	int fd, listening, server;
	uint16_t port;

	listening = listener(1, &port);
	fd = client_socket(0);
	SAY(fsk_set_int(fd, SOL_SOCKET, SO_DONTROUTE, 1));
	SAY(fsk_set_int(fd, SOL_SOCKET, SO_BROADCAST, 1));
	SAY(fsk_set_int(fd, SOL_SOCKET, SO_NO_CHECK, 1));
	pair_on(fd, listening, port, &server);
	say_alive(fd, server);
}

/* Refuses SO_KEEPALIVE, to set or to get. */
static const struct bpf_insn no_keepalive[] = {
	COPY(BPF_REG_6, BPF_REG_1),
	MOV(BPF_REG_0, 1),
	LOAD(BPF_REG_2, BPF_REG_6, offsetof(struct bpf_sockopt, level)),
	SKIP_UNLESS(BPF_REG_2, SOL_SOCKET, 3),
	LOAD(BPF_REG_2, BPF_REG_6, offsetof(struct bpf_sockopt, optname)),
	SKIP_UNLESS(BPF_REG_2, SO_KEEPALIVE, 1),
	MOV(BPF_REG_0, 0),
	EXIT(),
};

FAST("I18", "programs of a cgroup judge options")
{
	static const enum bpf_attach_type types[] = {
		BPF_CGROUP_SETSOCKOPT, BPF_CGROUP_GETSOCKOPT,
	};
	int client, server, program;
	char cgroup[64];
	size_t i;

	enter_cgroup(cgroup, sizeof(cgroup));
	for (i = 0; i < COUNT(types); i++) {
		program = bpf_load(BPF_PROG_TYPE_CGROUP_SOCKOPT, types[i],
				   no_keepalive, COUNT(no_keepalive));
		attach_to_cgroup(cgroup, program, types[i]);
	}
	pair(&client, &server);
	SET_GET("fresh", client_socket(0), SOL_SOCKET, SO_KEEPALIVE, 1);
	SET_GET("client", client, SOL_SOCKET, SO_KEEPALIVE, 1);
	SET_GET("server", server, SOL_SOCKET, SO_KEEPALIVE, 1);
	SET_GET("client", client, SOL_SOCKET, SO_OOBINLINE, 1);
	SET_GET("server", server, SOL_TCP, TCP_NODELAY, 1);
	say_alive(client, server);
	leave_cgroup(cgroup);
}
