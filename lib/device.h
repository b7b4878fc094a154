/* SPDX-License-Identifier: LGPL-2.1 */
/*
 * ioctl(2) on /dev/fuse, with -errno for an error; and what linux/fuse.h has of it since
 * Linux 6.9, so that the library can be built where the headers are older.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <errno.h>
#include <linux/fuse.h>
#include <stdint.h>
#include <sys/ioctl.h>

#ifndef FUSE_DEV_IOC_BACKING_OPEN
struct fuse_backing_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};

#define FUSE_DEV_IOC_BACKING_OPEN	_IOW(FUSE_DEV_IOC_MAGIC, 1, struct fuse_backing_map)
#define FUSE_DEV_IOC_BACKING_CLOSE	_IOW(FUSE_DEV_IOC_MAGIC, 2, uint32_t)
#endif

static inline int device_ioctl(int dev, unsigned long request, void *arg)
{
	int res = ioctl(dev, request, arg);

	return res < 0 ? -errno : res;
}

#endif /* DEVICE_H */
