// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzer's operations on attachments. See fuzz_attach.h.
 */

#include <errno.h>
#include <sys/ioctl.h>

#include "kselftest.h"

#include "fuzz.h"
#include "fuzz_attach.h"
#include "fuzz_clients.h"
#include "fuzz_model.h"
#include "fuzz_model_attach.h"
#include "fuzz_random.h"

/* Some of what can be said of a file, and at times what can't */
static __u64 random_ops(void)
{
	static const __u64 wholes[] = {
		FUSE_BACKING_OPS_ATTR, FUSE_BACKING_OPS_XATTR,
		FUSE_BACKING_OPS_ACCESS, FUSE_BACKING_OPS_FSYNC,
		FUSE_BACKING_OPS_TIMES,
	};
	__u64 ops = 0;

	for (size_t i = 0; i < ARRAY_SIZE(wholes); i++)
		if (chance(30))
			ops |= wholes[i];
	if (chance(4))
		ops ^= 1ULL << below(64);
	return ops;
}

void op_attach(struct fuzz_mount *mount)
{
	struct fuse_backing_attach args = {
		.backing_id = random_id(mount),
		.flags = random_attach_flags(),
	};
	int dev = random_dev(mount), want, got;

	random_node(&args.nodeid, &args.generation);
	if (chance(2))
		args.reserved = 1ULL << below(64);
	if (chance(50))
		args.ops = random_ops();
	if (dev < 0)
		return;
	if (chance(1)) {
		dev = session.unmounted;
		want = -EPERM;
	} else {
		want = model_attach(&mount->model, &args);
	}
	got = do_ioctl(dev, FUSE_DEV_IOC_BACKING_ATTACH, &args);
	if (got)
		totals->not_attached++;
	else
		totals->attached++;
	if (got != want)
		fail("BACKING_ATTACH of %d to node %llu generation %llu flags %#x: %d, expected %d",
		     args.backing_id, args.nodeid, args.generation, args.flags,
		     got, want);
}

static void count_revocations(const struct model *m, __u32 *revocations)
{
	for (int name = 0; name < NAMES; name++)
		revocations[name] = m->node[name].revocations;
}

void op_detach(struct fuzz_mount *mount)
{
	__u32 flags = chance(50) ? FUSE_BACKING_DETACH_REVOKE : 0;
	struct fuse_backing_detach args = { .flags = flags };
	int dev = random_dev(mount), want = -EPERM, got;
	__u32 before[NAMES], after[NAMES];

	random_node(&args.nodeid, &args.generation);
	if (chance(2))
		args.flags ^= 1U << below(32);
	if (chance(1))
		args.padding = 1U << below(32);
	if (chance(2))
		args.reserved[below(2)] = 1ULL << below(64);
	if (dev < 0)
		return;
	count_revocations(&mount->model, before);
	if (chance(1))
		dev = session.unmounted;
	else
		want = model_detach(&mount->model, &args);
	count_revocations(&mount->model, after);
	got = do_ioctl(dev, FUSE_DEV_IOC_BACKING_DETACH, &args);
	if (got)
		totals->not_detached++;
	else
		totals->detached++;
	/* the worker may not have come to it yet */
	if (got != want && !(mount->model.aborted && mount->model.settling &&
			     want == -ENOENT && !got))
		fail("BACKING_DETACH of node %llu generation %llu flags %#x: %d, expected %d",
		     args.nodeid, args.generation, args.flags, got, want);
	for (int name = 0; name < NAMES; name++)
		if (before[name] != after[name])
			revoke_clients(mount, name);
}
