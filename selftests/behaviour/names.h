/* SPDX-License-Identifier: GPL-2.0 */
/* What the rows about names and about connect() share. */
#ifndef BEHAVIOUR_NAMES_H
#define BEHAVIOUR_NAMES_H

#include "behaviour.h"

static FSK_UNUSED void say_address(const char *what, int result,
				   const struct sockaddr_in *addr,
				   socklen_t len)
{
	char text[INET_ADDRSTRLEN] = "";

	if (result < 0) {
		say(what, result);
		return;
	}
	inet_ntop(AF_INET, &addr->sin_addr, text, sizeof(text));
	note("%s: family %d, %s, port %s, %u bytes", what, addr->sin_family,
	     text, addr->sin_port ? "chosen" : "0", len);
}

/* The port itself would differ from run to run. */
static FSK_UNUSED void say_name(const char *what, int fd)
{
	struct sockaddr_in addr = {};
	socklen_t len = sizeof(addr);
	int result = getsockname(fd, (void *)&addr, &len);

	say_address(what, result, &addr, len);
}

static FSK_UNUSED void say_peer(const char *what, int fd)
{
	struct sockaddr_in addr = {};
	socklen_t len = sizeof(addr);
	int result = getpeername(fd, (void *)&addr, &len);

	say_address(what, result, &addr, len);
}

static FSK_UNUSED uint16_t peer_port(int fd)
{
	struct sockaddr_in addr = {};
	socklen_t len = sizeof(addr);

	getpeername(fd, (void *)&addr, &len);
	return ntohs(addr.sin_port);
}

static FSK_UNUSED void write_sysctl(const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		broken(name);
	close(fd);
}

/*
 * A namespace of the row's own, because it changes sysctls or routes: fastsock
 * is in it what it is where the row runs.
 */
static FSK_UNUSED void own_namespace(void)
{
	char path[] = "/proc/sys/net/fastsock/enable", enable[2] = "0";
	int fd;

	fsk_enter(here->client_ns);
	fd = open(path, O_RDONLY);
	if (fd >= 0 && read(fd, enable, 1) != 1)
		broken("read");
	close(fd);
	if (unshare(CLONE_NEWNET) || fsk_run("ip link set lo up"))
		broken("unshare");
	if (*enable == '0')
		return;
	write_sysctl("fastsock/enable", "1");
}

#endif /* BEHAVIOUR_NAMES_H */
