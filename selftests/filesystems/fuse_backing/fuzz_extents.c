// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzer's operation on extents. See fuzz_extents.h.
 */

#include <errno.h>
#include <sys/ioctl.h>

#include "fuzz.h"
#include "fuzz_descriptors.h"
#include "fuzz_extents.h"
#include "fuzz_model.h"
#include "fuzz_model_extents.h"
#include "fuzz_random.h"
#include "fuzz_random_extents.h"
#include "fuzz_sizes.h"

static void be_unsure(struct fuzz_mount *mount, __u64 name)
{
	struct model_set *set = mount->model.node[name].set;

	/* else another generation of the node waits */
	if (set)
		set->unsure = true;
}

static int expect_extents(struct fuzz_mount *mount,
			  const struct fuse_backing_extents *args,
			  const struct fuse_backing_extent *extent)
{
	struct model_file file[FILES];

	for (int i = 0; i < FILES; i++) {
		file[i].size = file_size(i);
		file[i].append_only = rights[i] & MODEL_APPEND;
	}
	return model_set_extents(&mount->model, args, extent, file);
}

void op_extents(struct fuzz_mount *mount)
{
	struct fuse_backing_extent extent[MODEL_EXTENTS];
	struct fuse_backing_extents args = {
		.extents = (unsigned long)extent,
		.flags = random_attach_flags(),
	};
	int dev = random_dev(mount), want = -EPERM, got;
	bool sure;

	random_node(&args.nodeid, &args.generation);
	if (chance(60))
		args.flags |= FUSE_BACKING_ATTACH_PENDING;
	args.count = chance(2) ? many_extents(mount, extent) :
				 random_extents(mount, extent);
	if (chance(8))
		spoil(extent, args.count);
	if (chance(5))
		spoil_args(&args);
	if (dev < 0)
		return;
	sure = see_before(mount, args.nodeid - MODEL_FIRST_NODE);
	if (chance(1))
		dev = session.unmounted;
	else
		want = expect_extents(mount, &args, extent);
	if (!want && !sure)
		be_unsure(mount, args.nodeid - MODEL_FIRST_NODE);
	got = do_ioctl(dev, FUSE_DEV_IOC_BACKING_EXTENTS, &args);
	if (got)
		totals->not_extents++;
	else
		totals->extents++;
	if (got != want)
		fail("BACKING_EXTENTS of node %llu.%llu flags %#x, %u extents: %d, expected %d",
		     args.nodeid, args.generation, args.flags, args.count, got,
		     want);
}
