// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of /dev/fuse on backing files. See backing_ioctl.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "backing_ioctl.h"

static int backing_open(int dev, int fd, __u32 flags)
{
	struct fuse_backing_map map = { .fd = fd, .flags = flags };
	int id = ioctl(dev, FUSE_DEV_IOC_BACKING_OPEN, &map);

	return id < 0 ? -errno : id;
}

int fuse_backing_open(int dev, int fd)
{
	return backing_open(dev, fd, 0);
}

/* As servers do: the descriptor is closed once the kernel has the file. */
int fuse_backing_open_with(int dev, const char *path, int flags,
			   __u32 map_flags)
{
	int fd = open(path, flags | O_CLOEXEC);
	int id;

	if (fd < 0)
		return -errno;
	id = backing_open(dev, fd, map_flags);
	close(fd);
	return id;
}

int fuse_backing_open_path(int dev, const char *path, int flags)
{
	return fuse_backing_open_with(dev, path, flags, 0);
}

int fuse_backing_open_once(int dev, const char *path, int flags)
{
	return fuse_backing_open_with(dev, path, flags,
				      FUSE_BACKING_MAP_AUTO_CLOSE);
}

int fuse_backing_close(int dev, int id)
{
	__u32 arg = id;

	return ioctl(dev, FUSE_DEV_IOC_BACKING_CLOSE, &arg) < 0 ? -errno : 0;
}

int fuse_backing_close_all(int dev)
{
	struct fuse_backing_close_all args = {};

	if (ioctl(dev, FUSE_DEV_IOC_BACKING_CLOSE_ALL, &args) < 0)
		return -errno;
	return 0;
}

static int attach(int dev, const struct fuse_backing_attach *args)
{
	return ioctl(dev, FUSE_DEV_IOC_BACKING_ATTACH, args) < 0 ? -errno : 0;
}

int fuse_attach_backing(int dev, __u64 nodeid, __u64 generation, int id,
			__u32 flags)
{
	const struct fuse_backing_attach args = {
		.nodeid = nodeid,
		.generation = generation,
		.backing_id = id,
		.flags = flags | FUSE_BACKING_ATTACH_UNCHECKED,
	};

	return attach(dev, &args);
}

int fuse_backing_attach_ops(int dev, __u64 nodeid, int id, __u32 flags,
			    __u64 ops)
{
	const struct fuse_backing_attach args = {
		.nodeid = nodeid,
		.backing_id = id,
		.flags = flags | FUSE_BACKING_ATTACH_UNCHECKED,
		.ops = ops,
	};

	return attach(dev, &args);
}

int fuse_backing_attach_dir(int dev, __u64 nodeid, int id, __u32 flags,
			    __u64 ops)
{
	const struct fuse_backing_tree args = {
		.nodeid = nodeid,
		.backing_id = id,
		.flags = flags | FUSE_BACKING_ATTACH_UNCHECKED,
		.ops = ops,
	};

	return ioctl(dev, FUSE_DEV_IOC_BACKING_TREE, &args) < 0 ? -errno : 0;
}

int fuse_detach_backing(int dev, __u64 nodeid, __u64 generation, __u32 flags)
{
	struct fuse_backing_detach args = {
		.nodeid = nodeid,
		.generation = generation,
		.flags = flags,
	};

	return ioctl(dev, FUSE_DEV_IOC_BACKING_DETACH, &args) < 0 ? -errno : 0;
}

int fuse_backing_set_extents(int dev, __u64 nodeid,
			     const struct fuse_backing_extent *extent,
			     __u32 count, __u32 flags)
{
	struct fuse_backing_extents args = {
		.nodeid = nodeid,
		.extents = (unsigned long)extent,
		.count = count,
		.flags = flags | FUSE_BACKING_ATTACH_UNCHECKED,
	};

	return ioctl(dev, FUSE_DEV_IOC_BACKING_EXTENTS, &args) < 0 ? -errno : 0;
}

int fuse_backing_last_refusal(int dev, struct fuse_backing_refusal *refusal)
{
	return ioctl(dev, FUSE_DEV_IOC_BACKING_REFUSAL, refusal) < 0 ? -errno : 0;
}

int fuse_list_backing(int dev, struct fuse_backing_entry *entry, __u32 room)
{
	struct fuse_backing_list list = {};
	int count = 0;

	do {
		list.entries = (unsigned long)(entry + count);
		list.count = room - count;
		if (ioctl(dev, FUSE_DEV_IOC_BACKING_LIST, &list) < 0)
			return -errno;
		count += list.count;
	} while (list.start && list.count);
	return count;
}
