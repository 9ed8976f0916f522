// SPDX-License-Identifier: GPL-2.0
/*
 * The cookie: how a server keeps no state for a SYN.
 *
 * Its id and key are a keyed hash of what the SYN said and of the time; CONFIRM
 * repeats the SYN, is addressed to them, and so proves that the client got the
 * SYNACK.  A cookie is good once: see tomb.c.
 */

#include <linux/etherdevice.h>
#include <linux/jiffies.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <net/netns/hash.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/call.h"
#include "base/pernet.h"
#include "frames/cookie.h"
#include "frames/tomb.h"
#include "frames/waiting.h"

static siphash_aligned_key_t cookie_secret;
static siphash_aligned_key_t fresh_secret;
/* Counts clients' ends; each processor begins elsewhere. */
static DEFINE_PER_CPU(u64, fresh_count);

/* The server's id and key: a hash of the SYN, the client's place, and time. */
static u64 cookie(const struct fsk_call *call, const struct net_device *dev,
		  const u8 *mac, u32 slot)
{
	const __be32 *s = call->t.saddr.s6_addr32;
	const __be32 *d = call->t.daddr.s6_addr32;
	struct {
		__be32 prefixes[6];
		__be32 saddr, daddr;
		__be32 id, key;
		__be16 sport, dport;
		u32 slot;
		u32 net;
		u32 ifindex;
		u8 mac[ETH_ALEN];
		__be16 mss;
	} __packed __aligned(SIPHASH_ALIGNMENT) in = {
		.prefixes = { s[0], s[1], s[2], d[0], d[1], d[2] },
		.saddr = s[3], .daddr = d[3],
		.id = call->id, .key = call->key,
		.sport = call->t.sport, .dport = call->t.dport,
		.slot = slot, .net = net_hash_mix(dev_net(dev)),
		.ifindex = dev->ifindex, .mss = call->mss,
	};
	/* Those of IPv4 are all alike. */
	bool is_short = ipv6_addr_v4mapped(&call->t.daddr);
	size_t skipped = is_short ? sizeof(in.prefixes) : 0;
	u64 hash;

	ether_addr_copy(in.mac, mac);
	hash = siphash((u8 *)&in + skipped, sizeof(in) - skipped,
		       &cookie_secret);
	return upper_32_bits(hash) ? hash : hash | BIT_ULL(32);	/* id not 0 */
}

/**
 * fsk_cookie_fresh - id and key of a client's end
 *
 * A hash with a secret key of what never comes twice: as hard to foresee as
 * random numbers, and cheaper than two of them.
 *
 * Context: any.
 * Return: the id, not 0, in the upper half and the key in the lower one.
 */
u64 fsk_cookie_fresh(void)
{
	u64 hash = siphash_1u64(this_cpu_inc_return(fresh_count),
				&fresh_secret);

	return upper_32_bits(hash) ? hash : hash | BIT_ULL(32);
}

static u32 cookie_slot(void)
{
	u64 now = get_jiffies_64();

	return now >> FSK_COOKIE_SHIFT;
}

/**
 * fsk_cookie_make - id and key of the server's end that a SYN may become
 * @call: what the client says
 * @dev: device that answers it
 * @mac: client's address
 *
 * Context: any.
 * Return: the id, not 0, in the upper half and the key in the lower one.
 */
u64 fsk_cookie_make(const struct fsk_call *call, const struct net_device *dev,
		    const u8 *mac)
{
	return cookie(call, dev, mac, cookie_slot());
}

/**
 * fsk_cookie_body - what a cookie vouches for, whenever it was made
 * @call: what the client says
 * @dev: device that answers it
 * @mac: client's address
 *
 * The same hash, for a time that no clock shows.
 *
 * Context: any.
 * Return: the hash.
 */
u64 fsk_cookie_body(const struct fsk_call *call, const struct net_device *dev,
		    const u8 *mac)
{
	return cookie(call, dev, mac, U32_MAX);
}

static bool cookie_ok(u32 id, u32 key, const struct fsk_call *call,
		      const struct net_device *dev, const u8 *mac)
{
	u64 got = (u64)id << 32 | key;
	u32 slot = cookie_slot();

	return got == cookie(call, dev, mac, slot) ||
	       got == cookie(call, dev, mac, slot - 1);
}

/**
 * fsk_cookie_good - did this device make this cookie, not long ago?
 * @id: first half of the cookie, host order
 * @key: second half
 * @call: what the client says
 * @dev: device it came to
 * @mac: client's address
 *
 * Not long ago, or it is that of a client that was told to wait.
 *
 * Context: RCU read section.
 * Return: true if so.
 */
bool fsk_cookie_good(u32 id, u32 key, const struct fsk_call *call,
		     struct net_device *dev, const u8 *mac)
{
	struct fsk_net *fn = fsk_net(dev_net(dev));

	return cookie_ok(id, key, call, dev, mac) ||
	       (fsk_waiting_any(fn) &&
		fsk_waiting_find(fn, (u64)id << 32 | key,
				 fsk_cookie_body(call, dev, mac), false));
}

/**
 * fsk_cookie_answered - did this device of ours answer this SYN?
 * @dev: device
 * @call: what the client says
 * @mac: client's address
 * @id: id in SYNACK, host order
 * @key: key in SYNACK, host order
 *
 * Nobody but this kernel can make the cookie, and it is good for one connection
 * once and for some seconds.
 *
 * Context: RCU read section.
 * Return: true if so.
 */
bool fsk_cookie_answered(const struct net_device *dev,
			 const struct fsk_call *call, const u8 *mac, u32 id,
			 u32 key)
{
	return cookie_ok(id, key, call, dev, mac) &&
	       !fsk_tomb_find(dev_net(dev), id, key);
}

/**
 * fsk_cookie_init - choose the secrets
 *
 * Context: process, module load.
 * Return: 0.
 */
int fsk_cookie_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		per_cpu(fresh_count, cpu) = (u64)cpu << 48;
	get_random_bytes(&cookie_secret, sizeof(cookie_secret));
	get_random_bytes(&fresh_secret, sizeof(fresh_secret));
	return 0;
}

/**
 * fsk_cookie_reserve - prepare to take up an offer otherwise than by CONFIRM
 * @gfp: allocation flags
 *
 * Context: as @gfp allows.
 * Return: for fsk_cookie_spend() or fsk_cookie_release(); NULL without memory.
 */
struct fsk_tomb *fsk_cookie_reserve(gfp_t gfp)
{
	return fsk_tomb_alloc(gfp);
}

/**
 * fsk_cookie_release - the offer was not taken up
 * @tomb: from fsk_cookie_reserve(), or NULL
 *
 * Context: any.
 */
void fsk_cookie_release(struct fsk_tomb *tomb)
{
	fsk_tomb_free(tomb);
}

/**
 * fsk_cookie_spend - from now on nobody else can take up the offer
 * @net: the server's namespace
 * @tomb: from fsk_cookie_reserve()
 * @id: id in SYNACK, host order
 * @key: key in SYNACK, host order
 *
 * Context: any but hard interrupt.
 */
void fsk_cookie_spend(struct net *net, struct fsk_tomb *tomb, u32 id, u32 key)
{
	fsk_tomb_add(net, tomb, id, key);
}
