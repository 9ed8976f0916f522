/* SPDX-License-Identifier: GPL-2.0 */
/* The writing end of a connection in memory. */
#ifndef _FSK_MEM_SEND_H
#define _FSK_MEM_SEND_H

#include <linux/socket.h>
#include <linux/types.h>
#include <net/sock.h>

struct fsk_memory;

/*
 * After so many bytes TCP_INFO's counters, which have 64 bits, are brought up
 * to date, before the ring's numbers, which have 32, wrap around.
 */
#define FSK_MEM_REPORT	0x40000000U

int fsk_mem_write(struct fsk_memory *mem, struct msghdr *msg, long *timeo,
		  size_t *copied);
int fsk_mem_send(struct sock *sk, struct msghdr *msg, size_t size);
void fsk_mem_urgent(struct fsk_memory *mem);
void fsk_mem_retry(struct fsk_memory *mem);
bool fsk_mem_push_withheld(struct fsk_memory *mem, u32 n);
bool fsk_mem_send_withheld(struct fsk_memory *mem, bool fin);

#endif /* _FSK_MEM_SEND_H */
