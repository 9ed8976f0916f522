// SPDX-License-Identifier: GPL-2.0
/*
 * Attaches a small BPF program to a cgroup, where it stays.
 *
 *   helper_bpf CGROUP ingress|egress|sock_ops
 *   helper_bpf CGROUP connect_deny PORT
 *   helper_bpf CGROUP connect_rewrite PORT NEW_PORT
 *   helper_bpf lsm COUNT
 *   helper_bpf destroy PORT
 *
 * The first three let everything pass.  The next two see connect(): one refuses
 * it for a port, one leads it from a port to another.  The next is no cgroup's
 * but a security module: it refuses the first COUNT requests for a connection
 * that reach a listener, says "ready", and stays until it is killed.  The last
 * visits the TCP sockets of this network namespace and destroys those that are
 * established on the local port PORT.  Status 4: the kernel cannot do that.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fsk_bpf.h"

#define USER_PORT offsetof(struct bpf_sock_addr, user_port)

static int load(enum bpf_prog_type type, enum bpf_attach_type expected,
		const struct bpf_insn *program, unsigned int count)
{
	static char log[65536];
	union bpf_attr attr = {
		.prog_type = type, .insns = (unsigned long)program,
		.insn_cnt = count, .license = (unsigned long)"GPL",
		.log_buf = (unsigned long)log, .log_size = sizeof(log),
		.log_level = 1,
	};
	int fd;

	if (type == BPF_PROG_TYPE_CGROUP_SOCK_ADDR)
		attr.expected_attach_type = expected;
	fd = bpf(BPF_PROG_LOAD, &attr);
	if (fd < 0)
		fprintf(stderr, "%s\n", log);
	return fd;
}

/* How many bytes follow a type in the kernel's description of itself. */
static size_t type_rest(const struct btf_type *t)
{
	size_t n = BTF_INFO_VLEN(t->info);

	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return n * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return n * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return n * 12;
	case BTF_KIND_FUNC_PROTO:
		return n * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return n * sizeof(struct btf_var_secinfo);
	}
	return 0;
}

/* The number of a function there; 0 if there is none. */
static unsigned int function_id(const char *name)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY);
	const struct btf_header *h;
	const struct btf_type *t;
	const char *end, *names;
	size_t done = 0;
	struct stat st;
	unsigned int id;
	ssize_t n = 1;
	char *all;

	if (fd < 0 || fstat(fd, &st))
		return 0;
	all = malloc(st.st_size);
	/* Such files are read by the page. */
	for (; all && n > 0 && done < (size_t)st.st_size; done += n)
		n = read(fd, all + done, st.st_size - done);
	if (!all || n <= 0)
		return 0;
	h = (void *)all;
	names = all + h->hdr_len + h->str_off;
	t = (void *)(all + h->hdr_len + h->type_off);
	end = (const char *)t + h->type_len;
	for (id = 1; (const char *)t < end; id++) {
		if (BTF_INFO_KIND(t->info) == BTF_KIND_FUNC &&
		    !strcmp(names + t->name_off, name))
			return id;
		t = (void *)((const char *)(t + 1) + type_rest(t));
	}
	return 0;
}

/* Refuses as many requests as entry 0 of a map says; returns a status. */
static int refuse(int count)
{
	union bpf_attr map = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4,
		.value_size = 4, .max_entries = 1,
	};
	union bpf_attr entry = {}, attr = {}, link = {};
	unsigned int key = 0;
	int fd = bpf(BPF_MAP_CREATE, &map);
	const struct bpf_insn program[] = {
		{ .code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = BPF_REG_10,
		  .off = -4 },
		COPY(BPF_REG_2, BPF_REG_10),
		ADD(BPF_REG_2, -4),
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = BPF_REG_1,
		  .src_reg = BPF_PSEUDO_MAP_FD, .imm = fd },
		{ },
		CALL(BPF_FUNC_map_lookup_elem),
		SKIP_IF(BPF_REG_0, 0, 6),
		LOAD(BPF_REG_1, BPF_REG_0, 0),
		SKIP_IF(BPF_REG_1, 0, 4),
		ADD(BPF_REG_1, -1),
		STORE(BPF_REG_0, BPF_REG_1, 0),
		MOV(BPF_REG_0, -1),
		EXIT(),
		MOV(BPF_REG_0, 0),
		EXIT(),
	};
	static char log[65536];

	entry.map_fd = fd;
	entry.key = (unsigned long)&key;
	entry.value = (unsigned long)&count;
	attr.prog_type = BPF_PROG_TYPE_LSM;
	attr.expected_attach_type = BPF_LSM_MAC;
	attr.attach_btf_id = function_id("bpf_lsm_inet_conn_request");
	attr.insns = (unsigned long)program;
	attr.insn_cnt = sizeof(program) / sizeof(*program);
	attr.license = (unsigned long)"GPL";
	attr.log_buf = (unsigned long)log;
	attr.log_size = sizeof(log);
	attr.log_level = 1;
	if (!attr.attach_btf_id) {
		puts("this kernel has no such security modules");
		return 4;
	}
	link.raw_tracepoint.prog_fd = bpf(BPF_PROG_LOAD, &attr);
	if (fd < 0 || bpf(BPF_MAP_UPDATE_ELEM, &entry) ||
	    (int)link.raw_tracepoint.prog_fd < 0 ||
	    bpf(BPF_RAW_TRACEPOINT_OPEN, &link) < 0) {
		fprintf(stderr, "%s\n", log);
		perror("helper_bpf: lsm");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	return pause();
}

/* Runs a program once over all TCP sockets of this namespace; 0 or a status. */
static int iterate(int program)
{
	union bpf_attr link = {}, iter = {};
	char buf[64];
	ssize_t n;
	int fd;

	link.link_create.prog_fd = program;
	link.link_create.attach_type = BPF_TRACE_ITER;
	iter.iter_create.link_fd = bpf(BPF_LINK_CREATE, &link);
	fd = bpf(BPF_ITER_CREATE, &iter);
	if (fd < 0) {
		perror("helper_bpf: iterator");
		return 1;
	}
	do
		n = read(fd, buf, sizeof(buf));
	while (n > 0);
	if (n < 0)
		perror("helper_bpf: read");
	return n < 0;
}

/* Destroys the established TCP sockets of a local port; returns a status. */
static int destroy(int port)
{
	const int kfunc = function_id("bpf_sock_destroy");
	const struct bpf_insn program[] = {
		/* struct bpf_iter__tcp: the socket follows the meta data. */
		LOAD_POINTER(BPF_REG_1, BPF_REG_1, 8),
		SKIP_IF(BPF_REG_1, 0, 5),
		/* struct sock_common: skc_num and skc_state. */
		{ .code = BPF_LDX | BPF_MEM | BPF_H, .dst_reg = BPF_REG_2,
		  .src_reg = BPF_REG_1, .off = 14 },
		SKIP_UNLESS(BPF_REG_2, port, 3),
		{ .code = BPF_LDX | BPF_MEM | BPF_B, .dst_reg = BPF_REG_2,
		  .src_reg = BPF_REG_1, .off = 18 },
		SKIP_UNLESS(BPF_REG_2, TCP_ESTABLISHED, 1),
		{ .code = BPF_JMP | BPF_CALL, .imm = kfunc,
		  .src_reg = BPF_PSEUDO_KFUNC_CALL },
		MOV(BPF_REG_0, 0),
		EXIT(),
	};
	static char log[65536];
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_TRACING,
		.expected_attach_type = BPF_TRACE_ITER,
		.attach_btf_id = function_id("bpf_iter_tcp"),
		.insns = (unsigned long)program,
		.insn_cnt = sizeof(program) / sizeof(*program),
		.license = (unsigned long)"GPL",
		.log_buf = (unsigned long)log, .log_size = sizeof(log),
		.log_level = 1,
	};
	int fd;

	if (!kfunc || !attr.attach_btf_id) {
		puts("this kernel destroys no sockets for BPF");
		return 4;
	}
	fd = bpf(BPF_PROG_LOAD, &attr);
	if (fd < 0) {
		fprintf(stderr, "%s\n", log);
		perror("helper_bpf: destroy");
		return 1;
	}
	return iterate(fd);
}

int main(int argc, char **argv)
{
	const char *kind = argc > 2 ? argv[2] : "";
	int port = argc > 3 ? htons(atoi(argv[3])) : 0;
	int new_port = argc > 4 ? htons(atoi(argv[4])) : port;
	const struct bpf_insn pass[] = { MOV(BPF_REG_0, 1), EXIT() };
	const struct bpf_insn deny[] = {
		MOV(BPF_REG_0, 1),
		LOAD(BPF_REG_2, BPF_REG_1, USER_PORT),
		SKIP_UNLESS(BPF_REG_2, port, 1),
		MOV(BPF_REG_0, 0),
		EXIT(),
	};
	const struct bpf_insn rewrite[] = {
		LOAD(BPF_REG_2, BPF_REG_1, USER_PORT),
		SKIP_UNLESS(BPF_REG_2, port, 2),
		MOV(BPF_REG_2, new_port),
		STORE(BPF_REG_1, BPF_REG_2, USER_PORT),
		MOV(BPF_REG_0, 1),
		EXIT(),
	};
	const struct {
		const char *name;
		enum bpf_prog_type type;
		enum bpf_attach_type attach;
		const struct bpf_insn *program;
		unsigned int count;
	} kinds[] = {
		{ "ingress", BPF_PROG_TYPE_CGROUP_SKB,
		  BPF_CGROUP_INET_INGRESS, pass, 2 },
		{ "egress", BPF_PROG_TYPE_CGROUP_SKB,
		  BPF_CGROUP_INET_EGRESS, pass, 2 },
		{ "sock_ops", BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_SOCK_OPS,
		  pass, 2 },
		{ "connect_deny", BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		  BPF_CGROUP_INET4_CONNECT, deny, 5 },
		{ "connect_rewrite", BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		  BPF_CGROUP_INET4_CONNECT, rewrite, 6 },
	};
	union bpf_attr attr = {};
	unsigned int i;
	int fd;

	if (argc == 3 && !strcmp(argv[1], "lsm"))
		return refuse(atoi(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "destroy"))
		return destroy(atoi(argv[2]));
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(kind, kinds[i].name))
			continue;
		fd = load(kinds[i].type, kinds[i].attach, kinds[i].program,
			  kinds[i].count);
		attr.target_fd = open(argv[1], O_RDONLY);
		attr.attach_bpf_fd = fd;
		attr.attach_type = kinds[i].attach;
		if (fd >= 0 && !bpf(BPF_PROG_ATTACH, &attr))
			return 0;
		perror("helper_bpf");
		return 1;
	}
	fprintf(stderr, "helper_bpf: what is '%s'?\n", kind);
	return 2;
}
