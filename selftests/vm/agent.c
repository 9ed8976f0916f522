// SPDX-License-Identifier: GPL-2.0
/*
 * First process of a test guest: runs the shell commands that the host sends
 * over a virtio-serial port, several at once, and sends back what they print.
 *
 * From the host:  "run ID LENGTH\n" and LENGTH bytes of shell text,
 *                 "kill ID\n", "reap\n" (kills every other process),
 *                 "poweroff\n".  A host that is gone for some seconds means
 *                 the same, so that no guest outlives who asked for it.
 * To the host:    "ready\n", "out ID LENGTH\n" and LENGTH bytes,
 *                 "end ID STATUS\n" with STATUS as a shell's $?.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_JOBS	64
#define PATIENCE	100	/* tenths of a second without a host */
#define SHELL		"/bin/bash"

/* A command; its pipe may outlive it in the hands of its children. */
struct job {
	int id;		/* the host's name for it */
	pid_t pid;	/* 0 once it was reported as ended */
	int fd;		/* what it prints; -1 is a free slot */
};

static struct job jobs[MAX_JOBS];
static int port;

static void die(const char *what)
{
	perror(what);
	exit(1);	/* the kernel panics and the host sees it */
}

/* To write while the host is away would take for ever. */
static void await_host(void)
{
	struct pollfd fd = { .fd = port };
	int i;

	for (i = 0; poll(&fd, 1, 0) > 0 && fd.revents & POLLHUP; i++) {
		if (i == PATIENCE)
			reboot(RB_POWER_OFF);
		usleep(100000);
	}
}

static void send_all(const char *data, size_t len)
{
	while (len) {
		ssize_t n;

		await_host();
		n = write(port, data, len);
		if (n < 0) {
			if (errno != EINTR && errno != EAGAIN)
				die("write to the host");
			continue;
		}
		data += n;
		len -= n;
	}
}

static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	char line[64];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	send_all(line, len);
}

/* Returns false at the end of the pipe or when it is empty for now. */
static int forward(struct job *job)
{
	char data[16384];
	ssize_t n = read(job->fd, data, sizeof(data));

	if (n > 0) {
		/* After the end only the pipe's emptiness matters. */
		if (job->pid) {
			say("out %d %zd\n", job->id, n);
			send_all(data, n);
		}
		return 1;
	}
	if (!n) {
		close(job->fd);
		job->fd = -1;
	}
	return 0;
}

static void reap(void)
{
	int status, i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < MAX_JOBS; i++)
			if (jobs[i].pid == pid)
				break;
		if (i == MAX_JOBS)
			continue;
		while (jobs[i].fd >= 0 && forward(&jobs[i]))
			;
		jobs[i].pid = 0;
		say("end %d %d\n", jobs[i].id, WIFEXITED(status) ?
		    WEXITSTATUS(status) : 128 + WTERMSIG(status));
	}
}

static void run_child(int out, const char *command)
{
	sigset_t none;
	int null = open("/dev/null", O_RDONLY);

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(null, 0);
	dup2(out, 1);
	dup2(out, 2);
	execl(SHELL, SHELL, "-c", command, NULL);
	perror(SHELL);
	_exit(127);
}

static void start(int id, const char *command)
{
	int i, fds[2];

	for (i = 0; i < MAX_JOBS; i++)
		if (!jobs[i].pid && jobs[i].fd < 0)
			break;
	if (i == MAX_JOBS || pipe2(fds, O_CLOEXEC)) {
		say("end %d %d\n", id, 126);
		return;
	}
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	jobs[i].id = id;
	jobs[i].fd = fds[0];
	jobs[i].pid = fork();
	if (jobs[i].pid < 0)
		die("fork");
	if (!jobs[i].pid)
		run_child(fds[1], command);
	close(fds[1]);
}

static void stop(int id)
{
	int i;

	for (i = 0; i < MAX_JOBS; i++)
		if (jobs[i].pid && jobs[i].id == id)
			kill(-jobs[i].pid, SIGKILL);
}

static void command(const char *line, FILE *in)
{
	char *text;
	size_t len;
	int id;

	if (sscanf(line, "run %d %zu", &id, &len) == 2) {
		text = calloc(1, len + 1);
		if (!text || fread(text, 1, len, in) != len)
			die("command");
		start(id, text);
		free(text);
	} else if (sscanf(line, "kill %d", &id) == 1) {
		stop(id);
	} else if (!strcmp(line, "reap\n")) {
		kill(-1, SIGKILL);
	} else if (!strcmp(line, "poweroff\n")) {
		sync();
		reboot(RB_POWER_OFF);
	}
}

/* The port blocks, so a whole line is there soon after its first byte. */
static void loop(FILE *in, int children)
{
	struct pollfd fds[MAX_JOBS + 2];
	struct signalfd_siginfo info;
	char line[64];
	int i;

	for (;;) {
		fds[0] = (struct pollfd){ .fd = port, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = children, .events = POLLIN };
		for (i = 0; i < MAX_JOBS; i++)
			fds[i + 2] = (struct pollfd){ .fd = jobs[i].fd,
						      .events = POLLIN };
		if (poll(fds, MAX_JOBS + 2, -1) < 0 && errno != EINTR)
			die("poll");
		for (i = 0; i < MAX_JOBS; i++)
			if (fds[i + 2].revents)
				forward(&jobs[i]);
		if (fds[1].revents && read(children, &info, sizeof(info)) > 0)
			reap();
		if (fds[0].revents & POLLIN && fgets(line, sizeof(line), in))
			command(line, in);
		else if (fds[0].revents & POLLHUP)
			await_host();
	}
}

int main(int argc, char **argv)
{
	sigset_t mask;
	FILE *in;
	int i;

	if (argc != 2)
		return 2;
	port = open(argv[1], O_RDWR | O_CLOEXEC);
	if (port < 0)
		die(argv[1]);
	in = fdopen(port, "r");
	if (!in)
		die("fdopen");
	/* poll() must not miss bytes that stdio has read ahead. */
	setvbuf(in, NULL, _IONBF, 0);
	for (i = 0; i < MAX_JOBS; i++)
		jobs[i].fd = -1;
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	say("ready\n");
	loop(in, signalfd(-1, &mask, SFD_CLOEXEC));
	return 0;
}
