// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzer's random numbers. See fuzz_random.h.
 */

#include <limits.h>

#include <linux/fuse_backing.h>

#include "kselftest.h"

#include "fuzz.h"
#include "fuzz_model.h"
#include "fuzz_model_ids.h"
#include "fuzz_random.h"

__u32 random_u32(void)
{
	__u64 x = session.random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	session.random = x;
	return x >> 32;
}

__u32 below(__u32 n)
{
	return random_u32() % n;
}

bool chance(__u32 percent)
{
	return below(100) < percent;
}

int random_id(const struct fuzz_mount *mount)
{
	static const int odd[] = {
		0, -1, INT_MIN, INT_MAX, -4096, MODEL_IDS, 65536, 0x40000000,
	};
	int id = 1 + below(HARD_LIMIT);

	if (chance(5))
		return odd[below(ARRAY_SIZE(odd))];
	if (chance(2))
		return random_u32();
	for (int i = 0; i < 40 && chance(97); i++) {
		if (model_live(&mount->model, id))
			break;
		id = 1 + below(mount->model.next);
	}
	return id;
}

int random_dev(const struct fuzz_mount *mount)
{
	return mount->clone >= 0 && chance(30) ? mount->clone : mount->srv.fd;
}

void random_node(__u64 *node, __u64 *generation)
{
	*node = MODEL_FIRST_NODE + below(NAMES);
	*generation = 0;
	if (chance(10))
		*node = below(2 * MODEL_NODES);
	if (chance(2))
		*node = (__u64)random_u32() << 32 | random_u32();
	if (chance(10))
		*generation = below(3);
	/* this half is nobody's */
	if (chance(10))
		*generation |= (__u64)random_u32() << 32;
}

__u32 random_attach_flags(void)
{
	__u32 flags = 1 + below(3);

	if (chance(50))
		flags = FUSE_BACKING_READ | FUSE_BACKING_WRITE;
	if (chance(40))
		flags |= FUSE_BACKING_ATTACH_PENDING;
	if (chance(97))
		flags |= FUSE_BACKING_ATTACH_UNCHECKED;
	if (chance(3))
		flags ^= chance(50) ? 1U << below(32) : random_u32();
	return flags;
}
