// SPDX-License-Identifier: GPL-2.0
/*
 * Prints words of kernel memory, one a line, from a symbol on.
 *
 *   helper_kernel_words SYMBOL COUNT
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned long address_of(const char *wanted)
{
	unsigned long address, found = 0;
	char name[256], rest[256], kind;
	FILE *file = fopen("/proc/kallsyms", "r");

	while (file && fscanf(file, "%lx %c %255s%255[^\n]", &address, &kind,
			      name, rest) >= 3)
		if (!strcmp(name, wanted))
			found = address;
	return found;
}

/* Where /proc/kcore has an address, -1 if nowhere. */
static long offset_of(int fd, unsigned long address)
{
	Elf64_Phdr segment;
	Elf64_Ehdr head;
	int i;

	if (pread(fd, &head, sizeof(head), 0) != sizeof(head))
		return -1;
	for (i = 0; i < head.e_phnum; i++) {
		if (pread(fd, &segment, sizeof(segment),
			  head.e_phoff + i * sizeof(segment)) !=
		    sizeof(segment))
			return -1;
		if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
		    address - segment.p_vaddr < segment.p_memsz)
			return segment.p_offset + address - segment.p_vaddr;
	}
	return -1;
}

int main(int argc, char **argv)
{
	unsigned long address = argc > 2 ? address_of(argv[1]) : 0, word;
	int fd = open("/proc/kcore", O_RDONLY);
	long offset = address ? offset_of(fd, address) : -1;
	int i;

	if (offset < 0) {
		fprintf(stderr, "helper_kernel_words: no such memory\n");
		return 1;
	}
	for (i = 0; i < atoi(argv[2]); i++) {
		if (pread(fd, &word, sizeof(word), offset + i * sizeof(word)) !=
		    sizeof(word))
			return 1;
		printf("%d %016lx\n", i, word);
	}
	return 0;
}
