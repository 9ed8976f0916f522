/* SPDX-License-Identifier: GPL-2.0 */
/* What rows about socket options share. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "behaviour.h"

#include <sys/mman.h>
#include <sys/time.h>

/* The name of what went wrong, "ok" if nothing did. */
static FSK_UNUSED const char *outcome(long value)
{
	return value == -1 ? strerrorname_np(errno) : "ok";
}

/* As say(), with a name in two parts. */
static FSK_UNUSED long tell(const char *who, const char *what, long value)
{
	if (value == -1)
		note("%s: %s: -1 %s", who, what, outcome(value));
	else
		note("%s: %s: %ld", who, what, value);
	return value;
}

#define TELL(who, call)	tell(who, #call, (errno = 0, (long)(call)))

static FSK_UNUSED void say_int(const char *who, int fd, int level, int name,
			       const char *text)
{
	int value = -77;
	socklen_t len = sizeof(value);
	const char *got = outcome(getsockopt(fd, level, name, &value, &len));

	note("%s: %s reads %s %d (%u bytes)", who, text, got, value, len);
}

#define GET(who, fd, level, name)	say_int(who, fd, level, name, #name)

static FSK_UNUSED void set_get(const char *who, int fd, int level, int name,
			       const char *text, int value)
{
	note("%s: %s = %d: %s", who, text, value,
	     outcome(setsockopt(fd, level, name, &value, sizeof(value))));
	say_int(who, fd, level, name, text);
}

/* Sets an int and reads it back. */
#define SET_GET(who, fd, level, name, value)				\
	set_get(who, fd, level, name, #name, value)

/* Where no byte can be read or written; the 4096 before it can. */
static FSK_UNUSED char *hole(void)
{
	char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || mprotect(map + 4096, 4096, PROT_NONE))
		broken("mmap");
	return map + 4096;
}

/* Bytes go both ways, none missing before them. */
static FSK_UNUSED void say_alive(int one, int other)
{
	char there[6] = "", again[6] = "";

	if (send(one, "there", 5, MSG_NOSIGNAL) != 5 ||
	    fsk_recv_all(other, there, 5) != 5 ||
	    send(other, "again", 5, MSG_NOSIGNAL) != 5 ||
	    fsk_recv_all(one, again, 5) != 5)
		say("alive", -1);
	note("alive: %s %s", there, again);
}

/* A connection that its peer has reset, the error already read. */
static FSK_UNUSED int ended(void)
{
	int client, server;

	pair(&client, &server);
	fsk_set_linger(server, 0);
	close(server);
	AWAIT(fsk_events(client) & POLLHUP);
	fsk_int_option(client, SOL_SOCKET, SO_ERROR);
	return client;
}

/* The same look at a socket in every state that options may depend on. */
static FSK_UNUSED void in_every_state(void (*look)(const char *who, int fd))
{
	int client, server, fd;
	uint16_t port;

	fd = client_socket(0);
	look("fresh", fd);
	close(fd);
	fd = listener(1, &port);
	look("listener", fd);
	close(fd);
	pair(&client, &server);
	look("client", client);
	look("server", server);
	say_alive(client, server);
	fd = ended();
	look("ended", fd);
	close(fd);
}

/* Gives up, or takes back, what root may. */
static FSK_UNUSED void be_root(bool root)
{
	if (seteuid(root ? 0 : 65534))
		broken("seteuid");
}

static FSK_UNUSED bool on_lo(void)
{
	return !strcmp(here->client_ip, here->server_ip);
}

/* The device that the connection runs over. */
static FSK_UNUSED const char *device(void)
{
	return on_lo() ? "lo" : "eth0";
}

/* A command in a namespace of the row; 0 or -1. */
static FSK_UNUSED int command_in(const char *ns, const char *command)
{
	char line[512];

	snprintf(line, sizeof(line), "./helper_at %s %s > /dev/null 2>&1", ns,
		 command);
	return system(line) ? -1 : 0;
}

/* On, nothing that the client sends arrives; for a WIRE row. */
static FSK_UNUSED void cut(bool on)
{
	char command[80];

	/* Frames that take RDMA devices do not pass a qdisc. */
	if (getenv("LAN_RDMA") && !strcmp(here->client_ns, "a")) {
		snprintf(command, sizeof(command), "echo %d > /sys/module/"
			 "fsk_rdma_device/parameters/cut", on);
		if (fsk_run(command))
			broken(command);
	}
	snprintf(command, sizeof(command), "tc qdisc %s dev %s root netem %s",
		 on ? "add" : "del", device(), on ? "loss 100%" : "");
	if (command_in(here->client_ns, command))
		broken(command);
}

/* Was this time of day a moment ago? */
static FSK_UNUSED bool recent(long seconds)
{
	return labs(time(NULL) - seconds) < 100;
}

/* What a control message says that every run of TCP says. */
static FSK_UNUSED void say_control(const char *who, const struct cmsghdr *c)
{
	size_t bytes = c->cmsg_len - CMSG_LEN(0);
	long long stamp[6] = {};
	int value = 0;

	if (c->cmsg_level == SOL_SOCKET) {
		memcpy(stamp, CMSG_DATA(c), bytes < sizeof(stamp) ? bytes :
		       sizeof(stamp));
		note("%s: stamp of type %d, %zu bytes, recent %d, rest %d", who,
		     c->cmsg_type, bytes, recent(stamp[0]),
		     stamp[2] || stamp[3] || stamp[4] || stamp[5]);
		return;
	}
	if (bytes >= sizeof(value))
		memcpy(&value, CMSG_DATA(c), sizeof(value));
	note("%s: level %d type %d, %zu bytes, %d", who, c->cmsg_level,
	     c->cmsg_type, bytes, value);
}

/* recvmsg() with so much room for control messages; says all that came. */
static FSK_UNUSED long say_recvmsg(const char *who, int fd, size_t len,
				   int flags, size_t room)
{
	char data[64] = "", control[512];
	struct iovec iov = { data, len < 64 ? len : 63 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = room,
	};
	struct cmsghdr *c;
	long n = recvmsg(fd, &msg, flags);

	say_bytes(who, data, n);
	if (n < 0)
		return n;
	note("%s: flags %x, control %zu", who, msg.msg_flags,
	     msg.msg_controllen);
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		say_control(who, c);
	return n;
}

#endif /* OPTIONS_H */
