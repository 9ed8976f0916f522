// SPDX-License-Identifier: GPL-2.0
/*
 * Attaches a small BPF program to a cgroup, where it stays.
 *
 *   helper_bpf CGROUP ingress|egress|sock_ops
 *   helper_bpf CGROUP connect_deny PORT
 *   helper_bpf CGROUP connect_rewrite PORT NEW_PORT
 *
 * The first three let everything pass.  The others see connect(): one refuses
 * it for a port, one leads it from a port to another.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOV(to, value) \
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = to, .imm = value }
#define LOAD(to, from, offset) \
	{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = to, .src_reg = from, \
	  .off = offset }
#define STORE(to, from, offset) \
	{ .code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = to, .src_reg = from, \
	  .off = offset }
#define SKIP_UNLESS(reg, value, count) \
	{ .code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = reg, .imm = value, \
	  .off = count }
#define EXIT() { .code = BPF_JMP | BPF_EXIT }

#define USER_PORT offsetof(struct bpf_sock_addr, user_port)

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

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
