// SPDX-License-Identifier: LGPL-2.1
/*
 * What a kernel has, found out by calls that can't do anything, and by its types. See
 * fuse_backing.h.
 */

#include <stddef.h>

#include "device.h"
#include "filter.h"
#include "fuse_backing.h"

/* What FUSE_HAS_BACKING_TABLE stands for: all that has no configuration of its own */
#define WITH_TABLE	(FUSEBACKING_HAS_ID | FUSEBACKING_HAS_ONCE | \
			 FUSEBACKING_HAS_COPY_SPLICE | FUSEBACKING_HAS_AS_OPENED | \
			 FUSEBACKING_HAS_ATTACH | FUSEBACKING_HAS_REVOKE | \
			 FUSEBACKING_HAS_EXTENTS | FUSEBACKING_HAS_LIST | \
			 FUSEBACKING_HAS_CLOSE_ALL | FUSEBACKING_HAS_OPS | \
			 FUSEBACKING_HAS_DIR | FUSEBACKING_HAS_REFUSAL | \
			 FUSEBACKING_HAS_RULES)

/* Flags are looked at before the descriptor */
static int open_nothing(int dev, uint32_t flags)
{
	struct fuse_backing_map map = { .fd = -1, .flags = flags };

	return device_ioctl(dev, FUSE_DEV_IOC_BACKING_OPEN, &map);
}

static int close_nothing(int dev)
{
	uint32_t id = 0;

	return device_ioctl(dev, FUSE_DEV_IOC_BACKING_CLOSE, &id);
}

static int attach_nothing(int dev)
{
	struct fuse_backing_attach arg = {};

	return device_ioctl(dev, FUSE_DEV_IOC_BACKING_ATTACH, &arg);
}

/* No file has the answer to INIT, which is looked at before id and node */
static int attach_for_init(int dev)
{
	struct fuse_backing_attach arg = {
		.nodeid = FUSE_ROOT_ID,
		.backing_id = 1,
		.flags = FUSE_BACKING_READ | FUSE_BACKING_ATTACH_UNCHECKED,
		.ops = FUSE_BACKING_OP(FUSE_INIT),
	};

	return device_ioctl(dev, FUSE_DEV_IOC_BACKING_ATTACH, &arg);
}

static int attach_no_dir(int dev)
{
	struct fuse_backing_tree arg = {};

	return device_ioctl(dev, FUSE_DEV_IOC_BACKING_TREE, &arg);
}

/* no node is 0 */
static int say_no_rules(int dev)
{
	struct fuse_backing_rules arg = {};

	return device_ioctl(dev, FUSE_DEV_IOC_BACKING_RULES, &arg);
}

static int revoke_nothing(int dev)
{
	/* no node is 0 */
	struct fuse_backing_detach arg = { .flags = FUSE_BACKING_DETACH_REVOKE };

	return device_ioctl(dev, FUSE_DEV_IOC_BACKING_DETACH, &arg);
}

static int give_no_extents(int dev)
{
	struct fuse_backing_extents arg = {};

	return device_ioctl(dev, FUSE_DEV_IOC_BACKING_EXTENTS, &arg);
}

static int list_nothing(int dev)
{
	struct fuse_backing_list arg = { .reserved[0] = 1 };

	return device_ioctl(dev, FUSE_DEV_IOC_BACKING_LIST, &arg);
}

static int close_all_of_nothing(int dev)
{
	struct fuse_backing_close_all arg = { .padding = 1 };

	return device_ioctl(dev, FUSE_DEV_IOC_BACKING_CLOSE_ALL, &arg);
}

static int ask_why(int dev)
{
	struct fuse_backing_refusal refusal;

	return device_ioctl(dev, FUSE_DEV_IOC_BACKING_REFUSAL, &refusal);
}

static const struct {
	int (*call)(int dev);
	int says;		/* a kernel that has it */
	unsigned int feature;
} calls[] = {
	{ attach_nothing, -EINVAL, FUSEBACKING_HAS_ATTACH },
	{ revoke_nothing, -ENOENT, FUSEBACKING_HAS_REVOKE },
	{ give_no_extents, -EINVAL, FUSEBACKING_HAS_EXTENTS },
	{ list_nothing, -EINVAL, FUSEBACKING_HAS_LIST },
	{ close_all_of_nothing, -EINVAL, FUSEBACKING_HAS_CLOSE_ALL },
	{ attach_for_init, -EOPNOTSUPP, FUSEBACKING_HAS_OPS },
	{ attach_no_dir, -EINVAL, FUSEBACKING_HAS_DIR },
	{ ask_why, 0, FUSEBACKING_HAS_REFUSAL },
	{ say_no_rules, -EINVAL, FUSEBACKING_HAS_RULES },
};

static const struct {
	uint32_t flag;
	unsigned int feature;
} flags[] = {
	{ FUSE_BACKING_MAP_AUTO_CLOSE, FUSEBACKING_HAS_ONCE },
	{ FUSE_BACKING_MAP_COPY_SPLICE, FUSEBACKING_HAS_COPY_SPLICE },
	{ FUSE_BACKING_MAP_AS_OPENED, FUSEBACKING_HAS_AS_OPENED },
};

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

int fusebacking_probe(int dev)
{
	int features = FUSEBACKING_HAS_ID;
	int err = close_nothing(dev);

	/* it looks at the id when all else is well */
	if (err != -EINVAL)
		return err ?: -EOPNOTSUPP;
	for (size_t i = 0; i < COUNT(flags); i++)
		if (open_nothing(dev, flags[i].flag) == -EBADF)
			features |= flags[i].feature;
	for (size_t i = 0; i < COUNT(calls); i++)
		if (calls[i].call(dev) == calls[i].says)
			features |= calls[i].feature;
	/* programs came with rules, or after them */
	if (features & FUSEBACKING_HAS_RULES && kernel_has_filters())
		features |= FUSEBACKING_HAS_FILTER;
	return features;
}

unsigned int fusebacking_features_of_init(uint64_t flags)
{
	return flags & FUSE_HAS_BACKING_TABLE ? WITH_TABLE : 0;
}
