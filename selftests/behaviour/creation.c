// SPDX-License-Identifier: GPL-2.0
/* A: creation and identity. */
#include "behaviour.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <termios.h>

ALONE("A1", "which types and protocols there are")
{
	SAY(socket(AF_INET, SOCK_STREAM, 6) >= 0);
	SAY(socket(AF_INET, SOCK_STREAM, 99));
	SAY(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
	SAY(socket(AF_INET, SOCK_STREAM, 256 + 6));
	SAY(socket(AF_INET, SOCK_STREAM, -1));
	SAY(socket(AF_INET, SOCK_SEQPACKET, 0));
}

FAST("A5", "fstat and /proc know a socket with a lasting inode")
{
	char path[64], before[64] = "", after[64] = "";
	struct stat one, two;
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0), server;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	SAY(fstat(fd, &one));
	SAY(readlink(path, before, sizeof(before) - 1) > 8);
	pair_on(fd, lfd, port, &server);
	SAY(fstat(fd, &two));
	SAY(readlink(path, after, sizeof(after) - 1) > 8);
	note("mode %o, same inode %d, same link %d, %.8s", one.st_mode,
	     one.st_ino == two.st_ino, !strcmp(before, after), before);
}

ALONE("A1", "types that do not exist, and flags that no type has")
{
	SAY(socket(AF_INET, SOCK_STREAM, 0) >= 0);
	SAY(socket(AF_INET, 0, 0));
	SAY(socket(AF_INET, SOCK_RDM, 0));
	SAY(socket(AF_INET, 11, 0));
	SAY(socket(AF_INET, -1, 0));
	SAY(socket(AF_INET, SOCK_STREAM | 0x100, 0));
	SAY(socket(AF_INET, SOCK_STREAM | O_APPEND, 0));
}

FAST("A2", "SOCK_NONBLOCK and SOCK_CLOEXEC hold from the creation on")
{
	uint16_t port;
	int lfd = listener(1, &port), server;
	int plain = client_socket(0), cloexec = client_socket(SOCK_CLOEXEC);
	int fd = client_socket(SOCK_NONBLOCK | SOCK_CLOEXEC);
	char byte;

	SAY(fcntl(plain, F_GETFL) & (O_NONBLOCK | O_ACCMODE));
	SAY(fcntl(plain, F_GETFD));
	SAY(fcntl(cloexec, F_GETFL) & (O_NONBLOCK | O_ACCMODE));
	SAY(fcntl(cloexec, F_GETFD));
	SAY(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE));
	SAY(fcntl(fd, F_GETFD));
	SAY(dial(fd, port));
	AWAIT(fsk_events(fd) == POLLOUT);
	server = accept(lfd, NULL, NULL);
	SAY(recv(fd, &byte, 1, 0));
	SAY(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE));
	SAY(fcntl(fd, F_GETFD));
	SAY(fcntl(server, F_GETFL) & (O_NONBLOCK | O_ACCMODE));
	SAY(fcntl(server, F_GETFD));
}

static void say_identity(const char *which, int fd)
{
	static const int names[] = {
		SO_TYPE, SO_PROTOCOL, SO_DOMAIN, SO_ACCEPTCONN,
	};
	size_t i;

	note("%s", which);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		SAY(fsk_int_option(fd, SOL_SOCKET, names[i]));
		SAY(fsk_set_int(fd, SOL_SOCKET, names[i], 1));
		SAY(fsk_int_option(fd, SOL_SOCKET, names[i]));
	}
}

FAST("A3", "what a socket is can be read and not be set")
{
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0), server;

	say_identity("fresh", fd);
	say_identity("listening", lfd);
	pair_on(fd, lfd, port, &server);
	say_identity("client", fd);
	say_identity("server", server);
	SAY(shutdown(lfd, SHUT_RD));
	say_identity("listening no more", lfd);
}

ALONE("A4", "there are no pairs of internet sockets")
{
	int fds[2] = { -7, -7 };

	SAY(fsk_enter(here->client_ns));
	SAY(socketpair(AF_INET, SOCK_STREAM, 0, fds));
	SAY(socketpair(AF_INET, SOCK_STREAM, 6, fds));
	SAY(socketpair(AF_INET, SOCK_STREAM, 17, fds));
	SAY(socketpair(AF_INET, SOCK_STREAM, 0, NULL));
	note("%d %d", fds[0], fds[1]);
	/* Nor were descriptors leaked: the next one is the lowest. */
	SAY(dup(0) == dup(0) - 1);
}

LEFT_TO_TCP("A5", "the inode stays when TCP gets the socket")
{
	struct stat one, two;
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0), server;

	SAY(fstat(fd, &one));
	SAY(fsk_set_int(fd, SOL_IP, IP_TRANSPARENT, 1));
	pair_on(fd, lfd, port, &server);
	SAY(fstat(fd, &two));
	note("mode %o, same inode %d, same device %d", two.st_mode,
	     one.st_ino == two.st_ino, one.st_dev == two.st_dev);
	SAY(fstat(server, &two));
	note("mode %o, same inode %d, same device %d", two.st_mode,
	     one.st_ino == two.st_ino, one.st_dev == two.st_dev);
}

FAST("A5", "both ends of a connection are files of their own")
{
	struct stat one, two;
	struct statfs fs;
	int client, server;
	char name[16] = "";

	pair(&client, &server);
	SAY(fstat(client, &one));
	SAY(fstat(server, &two));
	note("mode %o %o, same inode %d", one.st_mode, two.st_mode,
	     one.st_ino == two.st_ino);
	note("size %ld, links %ld, uid %d", (long)one.st_size,
	     (long)one.st_nlink, one.st_uid);
	SAY(fstatfs(client, &fs));
	note("type %lx", (long)fs.f_type);
	SAY(fchmod(client, 0600));
	SAY(fchown(client, 65534, 65534));
	SAY(fstat(client, &one));
	note("mode %o, uid %d", one.st_mode, one.st_uid);
	say_bytes("protocol", name, fgetxattr(client, "system.sockprotoname",
					      name, sizeof(name)));
}

/* What a file can do and a socket cannot. */
static void say_file_calls(const char *which, int fd)
{
	struct termios tio;
	char buf[64] = "", path[64];
	int value = 0;
	loff_t at = 0;
	int file = memfd_create("file", MFD_CLOEXEC);

	note("%s", which);
	SAY(lseek(fd, 0, SEEK_SET));
	SAY(lseek(fd, 0, SEEK_CUR));
	SAY(lseek(fd, 0, SEEK_END));
	SAY(lseek(fd, 0, SEEK_DATA));
	SAY(pread(fd, buf, 1, 0));
	SAY(pwrite(fd, buf, 1, 0));
	SAY(ftruncate(fd, 0));
	SAY(fsync(fd));
	SAY(fdatasync(fd));
	SAY(syncfs(fd));
	SAY(sync_file_range(fd, 0, 1, 0));
	SAY(fallocate(fd, 0, 0, 1));
	errno = posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL);
	note("advice %s", strerrorname_np(errno));
	SAY(readahead(fd, 0, 1));
	SAY(copy_file_range(fd, NULL, file, NULL, 1, 0));
	SAY(copy_file_range(file, &at, fd, NULL, 1, 0));
	SAY(sendfile(file, fd, NULL, 1));
	SAY(fchdir(fd));
	SAY(ioctl(fd, TCGETS, &tio));
	SAY(ioctl(fd, TIOCGWINSZ, buf));
	SAY(isatty(fd));
	SAY(ioctl(fd, FIOQSIZE, buf));
	SAY(ioctl(fd, 0x12345678, buf));
	SAY(fcntl(fd, F_GETPIPE_SZ));
	SAY(fcntl(fd, F_SETLEASE, F_RDLCK));
	SAY(fcntl(fd, F_GET_SEALS));
	SAY(fcntl(fd, F_NOTIFY, DN_MODIFY));
	SAY(flock(fd, LOCK_EX | LOCK_NB));
	SAY(flock(fd, LOCK_UN));
	SAY(ioctl(fd, FIONBIO, &value));
	SAY(ioctl(fd, FIOCLEX));
	SAY(fcntl(fd, F_GETFD));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	SAY(open(path, O_RDWR));
	SAY(execveat(fd, "", (char *[]){ "x", NULL }, environ,
		     AT_EMPTY_PATH));
	close(file);
}

FAST("A6", "a socket is no seekable file and no terminal")
{
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0), server;
	char buf[8];

	say_file_calls("fresh", fd);
	say_file_calls("listening", lfd);
	pair_on(fd, lfd, port, &server);
	say_file_calls("client", fd);
	say_file_calls("server", server);
	/* None of that was an input or an output. */
	SAY(send(fd, "ab", 2, 0));
	say_bytes("arrives", buf, recv(server, buf, sizeof(buf), 0));
	SAY(send(server, "cd", 2, 0));
	say_bytes("arrives", buf, recv(fd, buf, sizeof(buf), 0));
}

static void say_mmaps(const char *which, int fd)
{
	static const int prots[] = {
		PROT_NONE, PROT_READ, PROT_WRITE, PROT_READ | PROT_WRITE,
		PROT_READ | PROT_EXEC,
	};
	size_t i;
	void *p;

	note("%s", which);
	for (i = 0; i < sizeof(prots) / sizeof(*prots); i++) {
		p = mmap(NULL, 4096, prots[i], MAP_SHARED, fd, 0);
		say("shared", p == MAP_FAILED ? -1 : 0);
		p = mmap(NULL, 4096, prots[i], MAP_PRIVATE, fd, 0);
		say("private", p == MAP_FAILED ? -1 : 0);
	}
}

ALONE("A7", "a fresh or listening socket can be mapped to be read")
{
	uint16_t port;

	say_mmaps("fresh", client_socket(0));
	say_mmaps("listening", listener(1, &port));
}

FAST("A7", "a connected socket can be mapped to be read")
{
	int client, server;

	pair(&client, &server);
	say_mmaps("client", client);
	say_mmaps("server", server);
}
