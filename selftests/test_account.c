// SPDX-License-Identifier: GPL-2.0
// What memory is charged for, to whom, and what is left when there is none.
// fastsock: timeout=300

#include <sys/stat.h>

#include "fsk_test.h"

#define MANY		100	/* connections */

static const char *cgroup_root = "/sys/fs/cgroup";

FIXTURE(account)
{
	char cgroup[64];
};

FIXTURE_VARIANT(account)
{
	const struct fsk_link *link;
	int same_host;
};

FIXTURE_VARIANT_ADD(account, veth)
{
	.link = &fsk_veth, .same_host = 1,
};

FIXTURE_VARIANT_ADD(account, lo)
{
	.link = &fsk_lo, .same_host = 1,
};

FIXTURE_VARIANT_ADD(account, shared)
{
	.link = &fsk_veth, .same_host = 2,
};

static int put(const char *dir, const char *file, const char *text)
{
	char path[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -1 : 0;
}

FIXTURE_SETUP(account)
{
	ASSERT_EQ(0, fsk_same_host(variant->same_host));
	snprintf(self->cgroup, sizeof(self->cgroup), "%s/account-%d",
		 cgroup_root, getpid());
	if (put(cgroup_root, "cgroup.subtree_control", "+memory"))
		SKIP(return, "no memory cgroups");
	ASSERT_EQ(0, mkdir(self->cgroup, 0755));
}

FIXTURE_TEARDOWN(account)
{
	rmdir(self->cgroup);
	fsk_same_host(1);
}

/* A number of the cgroup's memory.stat, -1 if there is none. */
static long charged(const char *cgroup, const char *what)
{
	char path[128], format[32];

	snprintf(path, sizeof(path), "%s/memory.stat", cgroup);
	snprintf(format, sizeof(format), "%s %%ld", what);
	return fsk_number_in(path, format);
}

/*
 * Connections whose bytes are there before accept(); each ends by a reset.
 * Return: what their sockets are charged for while @held are unread, or -1.
 */
static long talk_before_accept(struct __test_metadata *_metadata,
			       const char *cgroup, const struct fsk_link *link)
{
	int listener, client, server, i;
	char buf[5000] = "";

	if (put(cgroup, "cgroup.procs", "0"))
		return -1;
	listener = fsk_listen(_metadata, link, MANY);
	for (i = 0; i < MANY; i++) {
		client = fsk_dial(_metadata, link, fsk_port(listener));
		if (send(client, buf, sizeof(buf), 0) != sizeof(buf))
			return -1;
		server = fsk_accept(_metadata, listener);
		/* Half of them end with bytes unread. */
		if (i & 1 && fsk_recv_all(server, buf, sizeof(buf)) < 0)
			return -1;
		fsk_set_linger(client, 0);
		close(client);
		close(server);
	}
	close(listener);
	return 0;
}

/* What came before accept() is not charged for ever. */
TEST_F(account, bytes_before_accept)
{
	pid_t pid = fsk_fork();

	if (!pid)
		_exit(talk_before_accept(_metadata, self->cgroup,
					 variant->link) < 0);
	EXPECT_EQ(0, fsk_reap(pid));
	EXPECT_TRUE(FSK_UNTIL(!charged(self->cgroup, "sock"))) {
		TH_LOG("%ld bytes are still charged",
		       charged(self->cgroup, "sock"));
	}
}

FSK_TEST_MAIN
