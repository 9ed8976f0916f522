/* SPDX-License-Identifier: GPL-2.0 */
/* Loading and attaching what rows bring to run inside the kernel. */
#ifndef BEHAVIOUR_BPF_H
#define BEHAVIOUR_BPF_H

#include "behaviour.h"
#include "fsk_bpf.h"

#include <stddef.h>
#include <sys/stat.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static FSK_UNUSED int bpf_load(enum bpf_prog_type type,
			       enum bpf_attach_type expected,
			       const struct bpf_insn *program,
			       unsigned int count)
{
	static char log[65536];
	union bpf_attr attr = {
		.prog_type = type, .insns = (unsigned long)program,
		.insn_cnt = count, .license = (unsigned long)"GPL",
		.expected_attach_type = expected,
		.log_buf = (unsigned long)log, .log_size = sizeof(log),
		.log_level = 1,
	};
	int fd = bpf(BPF_PROG_LOAD, &attr);

	if (fd < 0) {
		note("%s", log);
		broken("BPF_PROG_LOAD");
	}
	return fd;
}

/* Moves this process to a new cgroup; its path in *name. */
static FSK_UNUSED void enter_cgroup(char *name, size_t size)
{
	char path[128];
	FILE *file;

	snprintf(name, size, "/sys/fs/cgroup/row%d", getpid());
	snprintf(path, sizeof(path), "%s/cgroup.procs", name);
	if (mkdir(name, 0755))
		broken("mkdir in cgroup");
	file = fopen(path, "we");
	if (!file || fprintf(file, "0\n") < 0 || fclose(file))
		broken("enter cgroup");
}

static FSK_UNUSED void leave_cgroup(const char *name)
{
	FILE *file = fopen("/sys/fs/cgroup/cgroup.procs", "we");

	if (!file || fprintf(file, "0\n") < 0 || fclose(file) || rmdir(name))
		broken("leave cgroup");
}

static FSK_UNUSED void attach_to_cgroup(const char *name, int program,
					enum bpf_attach_type type)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	union bpf_attr attr = {
		.target_fd = fd, .attach_bpf_fd = program, .attach_type = type,
	};

	if (fd < 0 || bpf(BPF_PROG_ATTACH, &attr))
		broken("BPF_PROG_ATTACH");
	close(fd);
}

#endif /* BEHAVIOUR_BPF_H */
