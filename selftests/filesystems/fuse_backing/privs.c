// SPDX-License-Identifier: GPL-2.0
/*
 * Privileges of a backing file that writes take away. See privs.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/capability.h>

#include "backing_ioctl.h"
#include "creds.h"
#include "privs.h"

int privs_serve(struct env *env, const char *name,
		const struct fuse_server_opts *opts)
{
	const struct creds who = { .uid = opts->uid, .gid = opts->uid };
	struct fuse_server *srv = &env->srv;
	int err = fuse_server_start(srv, opts);
	struct fuse_server_file *file;
	int fd, id;

	if (err)
		return err;
	if (!srv->sh->passthrough)
		return -EOPNOTSUPP;
	file = fuse_server_add(srv, name);
	fd = open(scratch_path(name), O_RDWR | O_CLOEXEC);
	if (!file || fd < 0)
		return file ? -errno : -ENOSPC;
	id = opts->uid ? creds_register(&who, srv->fd, fd) :
			 fuse_backing_open(srv->fd, fd);
	close(fd);
	file->backing_id = id;
	file->open_flags = FOPEN_PASSTHROUGH;
	return id;
}

int privs_give_caps(const char *path)
{
	const struct vfs_cap_data caps = {
		.magic_etc = VFS_CAP_REVISION_2,
		.data[0].permitted = 1 << CAP_CHOWN,
	};

	return setxattr(path, PRIVS_CAPABILITY, &caps, sizeof(caps), 0) ?
		       -errno : 0;
}

bool privs_has_caps(const char *path)
{
	return getxattr(path, PRIVS_CAPABILITY, NULL, 0) > 0;
}
