// SPDX-License-Identifier: GPL-2.0
/*
 * A FUSE mount that costs little. See light_mount.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fuse.h>

#include "light_mount.h"

/* The kernel has sent INIT when it is mounted, or had no memory for that */
static int answer_init(int dev)
{
	char request[FUSE_MIN_READ_BUFFER];
	const struct fuse_in_header *in = (const void *)request;
	struct {
		struct fuse_out_header header;
		struct fuse_init_out init;
	} reply = {
		.header = { .len = sizeof(reply) },
		.init = {
			.major = FUSE_KERNEL_VERSION,
			.minor = FUSE_KERNEL_MINOR_VERSION,
			.flags = FUSE_INIT_EXT,
			.flags2 = FUSE_PASSTHROUGH >> 32,
			.max_write = 4096,
			.max_stack_depth = 1,
		},
	};

	if (read(dev, request, sizeof(request)) < 0)
		return errno == EAGAIN ? -ENOMEM : -errno;
	if (in->opcode != FUSE_INIT)
		return -EPROTO;
	reply.header.unique = in->unique;
	return write(dev, &reply, sizeof(reply)) < 0 ? -errno : 0;
}

int light_mount(const char *mountpoint, uid_t uid)
{
	int dev = open("/dev/fuse", O_RDWR | O_NONBLOCK | O_CLOEXEC), err;
	char data[128];

	if (dev < 0)
		return -errno;
	snprintf(data, sizeof(data),
		 "fd=%d,rootmode=40000,user_id=%u,group_id=%u", dev, uid, uid);
	if ((mkdir(mountpoint, 0755) < 0 && errno != EEXIST) ||
	    mount("light", mountpoint, "fuse", MS_NODEV | MS_NOSUID, data) < 0)
		err = -errno;
	else
		err = answer_init(dev);
	if (!err)
		return dev;
	close(dev);
	return err;
}
