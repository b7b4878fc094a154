// SPDX-License-Identifier: GPL-2.0
/*
 * What tests of trees start from. See tree_env.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fuse_backing.h>

#include "backing_ioctl.h"
#include "tree_env.h"

const char *tree_under(const char *top, const char *name)
{
	static char path[2][PATH_MAX];
	static int turn;

	turn = !turn;
	snprintf(path[turn], PATH_MAX, "%s/%s", top, name);
	return path[turn];
}

const char *tree_at(const char *name)
{
	return tree_under(SCRATCH_FUSE, name);
}

const char *tree_at2(const char *name)
{
	return tree_under(SCRATCH_FUSE2, name);
}

int tree_write_text(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, TREE_TEXT, strlen(TREE_TEXT));
	close(fd);
	return n == (ssize_t)strlen(TREE_TEXT) ? 0 : -EIO;
}

int tree_make(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int tree_make_read_only(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, "x", 1) != 1)
		err = -errno;
	close(fd);
	return err;
}

int tree_reads(const char *path)
{
	char buf[sizeof(TREE_TEXT)] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, sizeof(buf));
	close(fd);
	return n == (ssize_t)strlen(TREE_TEXT) && !strcmp(buf, TREE_TEXT) ? 0 : -EILSEQ;
}

long tree_number(const char *variable, long otherwise)
{
	const char *value = getenv(variable);

	return value ? strtol(value, NULL, 0) : otherwise;
}

bool tree_same_stat(const char *name)
{
	struct stat a, b;

	return !lstat(tree_at(name), &a) && !lstat(scratch_path(name), &b) &&
	       a.st_mode == b.st_mode && a.st_ino == b.st_ino &&
	       a.st_nlink == b.st_nlink && a.st_uid == b.st_uid &&
	       a.st_gid == b.st_gid && a.st_size == b.st_size &&
	       a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
	       a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

int tree_serve(struct env *env, struct fuse_server *srv,
	       const struct fuse_server_opts *opts)
{
	int err = env_serve(env, srv, opts);

	if (!err)
		srv->sh->deep = true;
	return err;
}

int tree_register(int dev, const char *path)
{
	return fuse_backing_open_with(dev, path, O_RDONLY | O_DIRECTORY,
				      FUSE_BACKING_MAP_DIR);
}

static int register_backing(void *dev)
{
	return tree_register(*(int *)dev, SCRATCH_BACKING);
}

int tree_register_as(const struct creds *who, int dev)
{
	return creds_call(who, register_backing, &dev);
}

int tree_attach(int dev, __u64 nodeid, int id, __u64 ops, __u32 flags)
{
	const struct fuse_backing_tree tree = {
		.nodeid = nodeid,
		.backing_id = id,
		.flags = flags,
		.ops = ops,
	};

	return ioctl(dev, FUSE_DEV_IOC_BACKING_TREE, &tree) < 0 ? -errno : 0;
}

int tree_env_setup(struct env *env, enum scratch_fs fs, int (*make)(void))
{
	static const struct fuse_server_opts opts = {
		.mount_opts = "default_permissions",
	};
	int err = env_setup_with(env, fs, make, &opts);

	if (!err)
		env->srv.sh->deep = true;
	return err;
}
