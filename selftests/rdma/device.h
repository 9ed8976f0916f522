/* SPDX-License-Identifier: GPL-2.0 */
/* An RDMA device without a wire, for tests. */
#ifndef FSKT_DEVICE_H
#define FSKT_DEVICE_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <rdma/ib_verbs.h>

#define FSKT_SGE_MAX	32
#define FSKT_LKEY_LOCAL	1	/* of all memory of the kernel */

/**
 * struct fskt_device - an RDMA device
 * @ib: what the kernel sees
 * @mac: of its net_device
 * @up: the net_device is; fskt_lock
 */
struct fskt_device {
	struct ib_device ib;
	u8 mac[ETH_ALEN] __aligned(2);
	bool up;
};

struct fskt_pd {
	struct ib_pd ib;
};

/**
 * struct fskt_cq - a completion queue
 * @ib: what the kernel sees
 * @ring: what was not fetched yet begins at @first
 * @size: of @ring
 * @first: index
 * @num: how many
 * @armed: the next one is to be told
 */
struct fskt_cq {
	struct ib_cq ib;
	struct ib_wc *ring;
	unsigned int size;
	unsigned int first;
	unsigned int num;
	bool armed;
};

/**
 * struct fskt_region - memory that may be registered
 * @ib: what the kernel sees
 * @list: in fskt_regions
 * @pages: addresses
 * @num: of @pages
 * @max: of @pages, at most
 * @valid: @key may be used
 * @key: by which the other end names it
 * @access: what it may do
 */
struct fskt_region {
	struct ib_mr ib;
	struct list_head list;
	u64 *pages;
	unsigned int num;
	unsigned int max;
	bool valid;
	u32 key;
	int access;
};

/* A work request, of either queue. */
struct fskt_request {
	struct ib_cqe *cqe;
	enum ib_wr_opcode opcode;
	int flags;
	int num_sge;
	struct ib_sge sge[FSKT_SGE_MAX];
	union {
		__be32 imm_data;
		u32 invalidate;
		struct {
			struct fskt_region *mr;
			u32 key;
			int access;
		} reg;
	};
	u64 remote;
	u32 rkey;
};

struct fskt_queue {
	struct fskt_request *ring;
	unsigned int size;
	unsigned int first;
	unsigned int num;
};

/**
 * struct fskt_pair - a queue pair
 * @ib: what the kernel sees
 * @list: in fskt_pairs
 * @timer: looks again at what could not be done
 * @tries: of the first request of @sq
 * @state: IB_QPS_*
 * @access: what the other end may do
 * @dest: number of its queue pair
 * @dmac: its device's
 * @mtu: of the path, as set
 * @sq: requests to send
 * @rq: buffers
 */
struct fskt_pair {
	struct ib_qp ib;
	struct list_head list;
	struct timer_list timer;
	unsigned int tries;
	enum ib_qp_state state;
	int access;
	u32 dest;
	u8 dmac[ETH_ALEN] __aligned(2);
	enum ib_mtu mtu;
	struct fskt_queue sq;
	struct fskt_queue rq;
};

extern spinlock_t fskt_lock;	/* everything here; interrupts off */
extern struct list_head fskt_pairs;
extern struct list_head fskt_regions;

#define as_device(x)		container_of(x, struct fskt_device, ib)
#define as_completions(x)	container_of(x, struct fskt_cq, ib)
#define as_region(x)		container_of(x, struct fskt_region, ib)
#define as_pair(x)		container_of(x, struct fskt_pair, ib)

/* requests.c; the lock is held. */
struct fskt_request *fskt_add(struct fskt_queue *q);
void fskt_flush(struct fskt_pair *qp);
void fskt_run(struct fskt_pair *qp);
void fskt_retry(struct timer_list *t);	/* and here it is not */

#endif /* FSKT_DEVICE_H */
