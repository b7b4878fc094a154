// SPDX-License-Identifier: GPL-2.0
/*
 * What tests of trees start from. See tree_env.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/fuse_backing.h>

#include "backing_ioctl.h"
#include "tree_env.h"

const char *tree_at(const char *name)
{
	static char path[2][PATH_MAX];
	static int turn;

	turn = !turn;
	snprintf(path[turn], PATH_MAX, SCRATCH_FUSE "/%s", name);
	return path[turn];
}

int tree_register(int dev, const char *path)
{
	return fuse_backing_open_with(dev, path, O_RDONLY | O_DIRECTORY,
				      FUSE_BACKING_MAP_DIR);
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

static int serve(struct env *env)
{
	static const struct fuse_server_opts opts = {
		.mount_opts = "default_permissions",
	};
	int err = env_serve(env, &env->srv, &opts);

	if (err)
		return err;
	env->srv.sh->deep = true;
	return env->srv.sh->passthrough ? 0 : -EOPNOTSUPP;
}

int tree_env_setup(struct env *env, enum scratch_fs fs, int (*make)(void))
{
	int err;

	if (geteuid())
		return -EOPNOTSUPP;
	err = scratch_setup(&env->scratch, fs);
	if (!err)
		err = env_files();
	if (!err && make)
		err = make();
	return err ?: serve(env);
}
