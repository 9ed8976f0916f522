// SPDX-License-Identifier: GPL-2.0
/* Two ranks exchange messages of many sizes and sum a vector. */
#include <mpi.h>
#include <stdio.h>
#include <string.h>

static char out[1 << 20], in[1 << 20];

int main(int argc, char **argv)
{
	int rank, size, wrong = 0;
	long mine, all;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	for (size = 1; size <= (int)sizeof(out); size *= 4) {
		memset(out, size % 251 + rank, size);
		MPI_Sendrecv(out, size, MPI_CHAR, !rank, 1, in, size, MPI_CHAR,
			     !rank, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
		wrong += in[size - 1] != (char)(size % 251 + !rank);
	}
	for (size = 0; size < 100; size++) {
		mine = rank + size;
		MPI_Allreduce(&mine, &all, 1, MPI_LONG, MPI_SUM,
			      MPI_COMM_WORLD);
		wrong += all != 2 * size + 1;
	}
	if (!rank)
		printf("%d wrong\n", wrong);
	MPI_Finalize();
	return wrong != 0;
}
