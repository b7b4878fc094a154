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
	/* a kernel that doesn't know the ioctl has not consumed the id */
	if (err == -ENOTTY)
		backing_close(session, id);
	return err;
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
