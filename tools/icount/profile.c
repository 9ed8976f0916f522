// SPDX-License-Identifier: GPL-2.0
/*
 * Plugin of QEMU's emulator that counts the instructions of every block of
 * code which a guest runs between profile_begin() and profile_end() of
 * bench.c.  It appends to a file:  -plugin profile.so,out=NAME
 *
 *   begin
 *   ADDRESS INSTRUCTIONS TIMES	(hex, of one run of the block, decimal)
 *   end
 */
#include <err.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is used of version 1 of QEMU's interface; Debian ships no header. */
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void on_translation(uint64_t id, struct qemu_plugin_tb *tb);
typedef void on_execution(unsigned int vcpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, on_translation *call);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb,
					      int op, void *counter,
					      uint64_t operand);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    on_execution *call, int registers,
					    void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *
qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

#define OP_ADD		0
#define NO_REGISTERS	0

int qemu_plugin_version = 1;

/* A translation; the emulator may make several of the same code. */
struct block {
	struct block *next;
	uint64_t address;
	uint64_t insns;
	uint64_t times;
};

static struct block *blocks;
static FILE *output;

static void begin(unsigned int vcpu, void *data)
{
	struct block *b;

	(void)vcpu;
	(void)data;
	for (b = blocks; b; b = b->next)
		b->times = 0;
}

static void end(unsigned int vcpu, void *data)
{
	struct block *b;

	(void)vcpu;
	(void)data;
	fprintf(output, "begin\n");
	for (b = blocks; b; b = b->next)
		if (b->times)
			fprintf(output, "%llx %llu %llu\n",
				(unsigned long long)b->address,
				(unsigned long long)b->insns,
				(unsigned long long)b->times);
	fprintf(output, "end\n");
	fflush(output);
}

static on_execution *marked(const struct qemu_plugin_insn *insn)
{
	if (qemu_plugin_insn_size(insn) != 3)
		return NULL;
	if (!memcmp(qemu_plugin_insn_data(insn), "\x48\x87\xdb", 3))
		return begin;
	if (!memcmp(qemu_plugin_insn_data(insn), "\x48\x87\xc9", 3))
		return end;
	return NULL;
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	struct block *b = calloc(1, sizeof(*b));
	struct qemu_plugin_insn *insn;
	on_execution *call;
	size_t i;

	(void)id;
	if (!b)
		err(1, "profile");
	b->address = qemu_plugin_tb_vaddr(tb);
	b->insns = qemu_plugin_tb_n_insns(tb);
	b->next = blocks;
	blocks = b;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, OP_ADD, &b->times, 1);
	for (i = 0; i < b->insns; i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		call = marked(insn);
		if (call)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, call,
							       NO_REGISTERS,
							       NULL);
	}
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4))
		return -1;
	output = fopen(argv[0] + 4, "we");
	if (!output)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
