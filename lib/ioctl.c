// SPDX-License-Identifier: LGPL-2.1
/*
 * The ioctls of FUSE backing files, as functions. See fuse_backing.h.
 */

#include <fcntl.h>

#include "device.h"
#include "fuse_backing.h"

#define KNOWN	(FUSEBACKING_ONCE | FUSEBACKING_COPY_SPLICE | \
		 FUSEBACKING_MORE_MODES | FUSEBACKING_DIR)

static int open_with(int dev, int fd, uint32_t flags)
{
	struct fuse_backing_map map = { .fd = fd, .flags = flags };

	return device_ioctl(dev, FUSE_DEV_IOC_BACKING_OPEN, &map);
}

static int has_path_only(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && flags & O_PATH;
}

/*
 * Is it to be good for what the descriptor is open for, and no more? Not a directory: who has
 * it open may list it, and what is in there nobody has opened.
 */
static int is_good_as_opened(int fd, unsigned int flags)
{
	return !(flags & (FUSEBACKING_MORE_MODES | FUSEBACKING_DIR)) && !has_path_only(fd);
}

static uint32_t map_flags_of(unsigned int flags)
{
	uint32_t map_flags = 0;

	if (flags & FUSEBACKING_ONCE)
		map_flags |= FUSE_BACKING_MAP_AUTO_CLOSE;
	if (flags & FUSEBACKING_COPY_SPLICE)
		map_flags |= FUSE_BACKING_MAP_COPY_SPLICE;
	if (flags & FUSEBACKING_DIR)
		map_flags |= FUSE_BACKING_MAP_DIR;
	return map_flags;
}

int fusebacking_register(int dev, int fd, unsigned int flags)
{
	const uint32_t map_flags = map_flags_of(flags);
	int id = -EINVAL;

	if (flags & ~KNOWN)
		return -EINVAL;
	if (is_good_as_opened(fd, flags))
		id = open_with(dev, fd, map_flags | FUSE_BACKING_MAP_AS_OPENED);
	/* of an older kernel, or whatever the flags are */
	if (id == -EINVAL)
		id = open_with(dev, fd, map_flags);
	return id;
}

int fusebacking_close(int dev, int id)
{
	uint32_t arg = id;

	return device_ioctl(dev, FUSE_DEV_IOC_BACKING_CLOSE, &arg);
}

int fusebacking_close_all(int dev)
{
	struct fuse_backing_close_all arg = {};

	return device_ioctl(dev, FUSE_DEV_IOC_BACKING_CLOSE_ALL, &arg);
}

int fusebacking_attach_ops(int dev, uint64_t nodeid, uint64_t generation, int id,
			   unsigned int flags, uint64_t ops)
{
	struct fuse_backing_attach arg = {
		.nodeid = nodeid,
		.generation = generation,
		.backing_id = id,
		.flags = flags,
		.ops = ops,
	};

	return device_ioctl(dev, FUSE_DEV_IOC_BACKING_ATTACH, &arg);
}

int fusebacking_attach(int dev, uint64_t nodeid, uint64_t generation, int id,
		       unsigned int flags)
{
	return fusebacking_attach_ops(dev, nodeid, generation, id, flags, 0);
}

/* Is this the reason of what a call has just returned? */
static int is_because(int dev, int err, const char *word)
{
	const int reason = fusebacking_why(dev, err);

	return reason && reason == fusebacking_reason(word);
}

/*
 * An attachment that fails has consumed the id, but where the kernel doesn't look for it:
 * it has no such ioctl, or checks caller, mount and arguments first. Closed in any other
 * case, the number might be somebody else's already; and the reason of the first refusal
 * would be lost. Two errnos are of checks before and after that.
 */
static int consumes(int dev, int err)
{
	switch (err) {
	case -ENOTTY:
	case -EACCES:
	case -EOPNOTSUPP:
		return 0;
	case -EPERM:
		return is_because(dev, err, "brokered");
	case -EINVAL:
		return is_because(dev, err, "file-type");
	default:
		return 1;
	}
}

int fusebacking_attach_fd_ops(int dev, uint64_t nodeid, uint64_t generation, int fd,
			      unsigned int fd_flags, unsigned int flags, uint64_t ops)
{
	int id = fusebacking_register(dev, fd, fd_flags | FUSEBACKING_ONCE);
	int err;

	if (id < 0)
		return id;
	err = fusebacking_attach_ops(dev, nodeid, generation, id, flags, ops);
	if (!consumes(dev, err))
		fusebacking_close(dev, id);
	return err;
}

int fusebacking_attach_fd(int dev, uint64_t nodeid, uint64_t generation, int fd,
			  unsigned int fd_flags, unsigned int flags)
{
	return fusebacking_attach_fd_ops(dev, nodeid, generation, fd, fd_flags, flags, 0);
}

int fusebacking_attach_dir(int dev, uint64_t nodeid, uint64_t generation, int id,
			   unsigned int flags, uint64_t ops)
{
	struct fuse_backing_tree arg = {
		.nodeid = nodeid,
		.generation = generation,
		.backing_id = id,
		.flags = flags,
		.ops = ops,
	};

	return device_ioctl(dev, FUSE_DEV_IOC_BACKING_TREE, &arg);
}

int fusebacking_extents(int dev, uint64_t nodeid, uint64_t generation,
			const struct fuse_backing_extent *extents, uint32_t count,
			unsigned int flags)
{
	struct fuse_backing_extents arg = {
		.nodeid = nodeid,
		.generation = generation,
		.extents = (uintptr_t)extents,
		.count = count,
		.flags = flags,
	};

	return device_ioctl(dev, FUSE_DEV_IOC_BACKING_EXTENTS, &arg);
}

static int detach_with(int dev, uint64_t nodeid, uint64_t generation, uint32_t flags)
{
	struct fuse_backing_detach arg = {
		.nodeid = nodeid,
		.generation = generation,
		.flags = flags,
	};

	return device_ioctl(dev, FUSE_DEV_IOC_BACKING_DETACH, &arg);
}

int fusebacking_detach(int dev, uint64_t nodeid, uint64_t generation)
{
	return detach_with(dev, nodeid, generation, 0);
}

int fusebacking_revoke(int dev, uint64_t nodeid, uint64_t generation)
{
	return detach_with(dev, nodeid, generation, FUSE_BACKING_DETACH_REVOKE);
}

int fusebacking_list(int dev, uint32_t *start, struct fuse_backing_entry *entries,
		     uint32_t room)
{
	struct fuse_backing_list arg = {
		.start = *start,
		.count = room,
		.entries = (uintptr_t)entries,
	};
	int err = device_ioctl(dev, FUSE_DEV_IOC_BACKING_LIST, &arg);

	if (err)
		return err;
	*start = arg.start;
	return arg.count;
}
