/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ioctls of /dev/fuse on backing files, each as a call that returns an id, a
 * count or 0, or -errno. @dev is a descriptor of /dev/fuse, whoever mounted it.
 */
#ifndef BACKING_IOCTL_H
#define BACKING_IOCTL_H

#include <linux/types.h>

#include <linux/fuse_backing.h>

#define FUSE_BACKING_MAP_KNOWN	(FUSE_BACKING_MAP_AUTO_CLOSE | \
				 FUSE_BACKING_MAP_COPY_SPLICE | \
				 FUSE_BACKING_MAP_AS_OPENED | \
				 FUSE_BACKING_MAP_DIR)

/*
 * Register a file: the id. Of a path, it is opened with @flags, those of open(2);
 * _once is with FUSE_BACKING_MAP_AUTO_CLOSE.
 */
int fuse_backing_open(int dev, int fd);
int fuse_backing_open_path(int dev, const char *path, int flags);
int fuse_backing_open_once(int dev, const char *path, int flags);
int fuse_backing_open_with(int dev, const char *path, int flags,
			   __u32 map_flags);
int fuse_backing_close(int dev, int id);
int fuse_backing_close_all(int dev);

/*
 * Attach to a node, with FUSE_BACKING_*; detach.  Mounts of tests are without
 * default_permissions: FUSE_BACKING_ATTACH_UNCHECKED is added here, and for
 * extents and directories. @ops are FUSE_BACKING_OPS_*.
 */
int fuse_attach_backing(int dev, __u64 nodeid, __u64 generation, int id,
			__u32 flags);
int fuse_backing_attach_ops(int dev, __u64 nodeid, int id, __u32 flags,
			    __u64 ops);
int fuse_backing_attach_dir(int dev, __u64 nodeid, int id, __u32 flags,
			    __u64 ops);
int fuse_detach_backing(int dev, __u64 nodeid, __u64 generation, __u32 flags);

/* Where a node's bytes are, with FUSE_BACKING_* */
int fuse_backing_set_extents(int dev, __u64 nodeid,
			     const struct fuse_backing_extent *extent,
			     __u32 count, __u32 flags);

/* What is mapped, at most @room: the number of entries. */
int fuse_list_backing(int dev, struct fuse_backing_entry *entry, __u32 room);

/* Why the last of these that was refused to this thread was: 0 or -errno. */
int fuse_backing_last_refusal(int dev, struct fuse_backing_refusal *refusal);

#endif /* BACKING_IOCTL_H */
