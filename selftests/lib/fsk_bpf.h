/* SPDX-License-Identifier: GPL-2.0 */
/* Instructions of BPF programs that the tests bring, and bpf(2). */
#ifndef FSK_BPF_H
#define FSK_BPF_H

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOV(to, value) \
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = to, .imm = value }
#define COPY(to, from) \
	{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = to, .src_reg = from }
#define ADD(to, value) \
	{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = to, .imm = value }
#define LOAD(to, from, offset) \
	{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = to, .src_reg = from, \
	  .off = offset }
#define LOAD_POINTER(to, from, offset) \
	{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = to, .src_reg = from, \
	  .off = offset }
#define STORE(to, from, offset) \
	{ .code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = to, .src_reg = from, \
	  .off = offset }
#define SKIP_UNLESS(reg, value, count) \
	{ .code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = reg, .imm = value, \
	  .off = count }
#define SKIP_IF(reg, value, count) \
	{ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = reg, .imm = value, \
	  .off = count }
#define CALL(function) { .code = BPF_JMP | BPF_CALL, .imm = function }
#define EXIT() { .code = BPF_JMP | BPF_EXIT }

static inline int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

#endif /* FSK_BPF_H */
