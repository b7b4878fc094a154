// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of FUSE backing files. See backing.h.
 */

#define FUSE_USE_VERSION 317

#include <errno.h>
#include <fuse_lowlevel.h>
#include <linux/fuse_backing.h>
#include <sys/ioctl.h>

#include "backing.h"

static int device_ioctl(struct fuse_session *session, unsigned long request,
			const void *arg)
{
	int res = ioctl(fuse_session_fd(session), request, arg);

	return res < 0 ? -errno : res;
}

int backing_open(struct fuse_session *session, int fd)
{
	const struct fuse_backing_map map = { .fd = fd };

	return device_ioctl(session, FUSE_DEV_IOC_BACKING_OPEN, &map);
}

int backing_close(struct fuse_session *session, int id)
{
	const uint32_t arg = id;

	return device_ioctl(session, FUSE_DEV_IOC_BACKING_CLOSE, &arg);
}

int backing_open_once(struct fuse_session *session, int fd)
{
	const struct fuse_backing_map map = {
		.fd = fd,
		.flags = FUSE_BACKING_MAP_AUTO_CLOSE,
	};

	return device_ioctl(session, FUSE_DEV_IOC_BACKING_OPEN, &map);
}

int backing_attach(struct fuse_session *session, uint64_t node,
		   uint64_t generation, int fd)
{
	struct fuse_backing_attach attach = {
		.nodeid = node,
		.generation = generation,
		.flags = FUSE_BACKING_READ | FUSE_BACKING_WRITE |
			 FUSE_BACKING_ATTACH_PENDING,
	};
	int id = backing_open_once(session, fd);
	int err;

	if (id < 0)
		return id;
	attach.backing_id = id;
	err = device_ioctl(session, FUSE_DEV_IOC_BACKING_ATTACH, &attach);
	/* refused as such, by the kernel or for this mount: the id isn't consumed */
	if (err == -ENOTTY || err == -EACCES)
		backing_close(session, id);
	return err;
}

int backing_set_extents(struct fuse_session *session, uint64_t node,
			uint64_t generation,
			const struct fuse_backing_extent *extents,
			uint32_t count, bool pending)
{
	const struct fuse_backing_extents arg = {
		.nodeid = node,
		.generation = generation,
		.extents = (uintptr_t)extents,
		.count = count,
		.flags = FUSE_BACKING_READ |
			 (pending ? FUSE_BACKING_ATTACH_PENDING : 0),
	};

	return device_ioctl(session, FUSE_DEV_IOC_BACKING_EXTENTS, &arg);
}

int backing_try_extents(struct fuse_session *session)
{
	/* of no node, which is invalid where the ioctl is known */
	int err = backing_set_extents(session, 0, 0, NULL, 0, false);

	return err == -EINVAL ? 0 : err;
}

int backing_detach(struct fuse_session *session, uint64_t node,
		   uint64_t generation)
{
	const struct fuse_backing_detach detach = {
		.nodeid = node,
		.generation = generation,
	};

	return device_ioctl(session, FUSE_DEV_IOC_BACKING_DETACH, &detach);
}
