// SPDX-License-Identifier: GPL-2.0
/*
 * Says what socket(AF_FASTSOCK) gives: as it is, and to a task with a filter of
 * system calls that allows everything but AF_INET.
 */
#define FSK_NO_HARNESS
#define _GNU_SOURCE
#include "fsk_test.h"

#include <linux/fastsock.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

/* Does a connection between two sockets of this family run fastsock? */
static bool is_fast(int listener)
{
	int client = socket(AF_FASTSOCK, SOCK_STREAM, 0);
	bool fast;

	if (fsk_bind(listener, "127.0.0.1", 0) || listen(listener, 1) ||
	    fsk_connect(client, "127.0.0.1", fsk_port(listener)))
		perror("connect");
	fast = fsk_is_fast(client);
	close(client);
	return fast;
}

static void say(const char *how)
{
	int fd = socket(AF_FASTSOCK, SOCK_STREAM, 0);

	if (fd < 0) {
		printf("%s: %s\n", how, errno == EAFNOSUPPORT ?
		       "EAFNOSUPPORT" : strerror(errno));
		return;
	}
	printf("%s: %s, %s\n", how,
	       fsk_int_option(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET ?
	       "AF_INET" : "another family",
	       is_fast(fd) ? "fastsock" : "not fastsock");
	close(fd);
}

static int forbid_inet(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 0, 1),
		BPF_STMT(BPF_RET | BPF_K,
			 SECCOMP_RET_ERRNO | EAFNOSUPPORT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(void)
{
	say("socket");
	if (forbid_inet()) {
		perror("seccomp");
		return 1;
	}
	say("filtered");
	return 0;
}
