/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What tests of trees start from: a mount with default_permissions, whose server goes by
 * the names of the backing directory, at any depth.
 *
 * Tests include it after harness.h.
 */
#ifndef TREE_ENV_H
#define TREE_ENV_H

#include "env.h"

/* Below the mount point, in one of two buffers. */
const char *tree_at(const char *name);

/* A directory's id, good for trees, or -errno. */
int tree_register(int dev, const char *path);

/* Attach it to a directory node: 0 or -errno. @flags are FUSE_BACKING_*. */
int tree_attach(int dev, __u64 nodeid, int id, __u64 ops, __u32 flags);

/*
 * All of it: 0; -EOPNOTSUPP if the system lacks something; or -errno. @make makes what is
 * in the backing directory beside env_files(), or is NULL.
 */
int tree_env_setup(struct env *env, enum scratch_fs fs, int (*make)(void));

/* Only one object of a program, the test itself, can include the harness. */
#ifdef HARNESS_H

/* For a fixture's setup: the id of the backing directory; 0 if the setup is to end. */
static inline int tree_start(struct __test_metadata *_metadata, struct env *env,
			     enum scratch_fs fs, int (*make)(void))
{
	int err = tree_env_setup(env, fs, make), id;

	if (err == -EOPNOTSUPP)
		SKIP(return 0, "needs root, FUSE passthrough%s",
		     fs == SCRATCH_EXT4 ? ", loop devices, mkfs.ext4" : "");
	ASSERT_EQ(0, err);
	id = tree_register(env->srv.fd, SCRATCH_BACKING);
	ASSERT_LT(0, id);
	return id;
}

/* Attach it to the root, which itself is the server's. */
static inline void tree_attach_root(struct __test_metadata *_metadata, struct env *env,
				    int id, __u64 ops, __u32 modes)
{
	ASSERT_EQ(0, tree_attach(env->srv.fd, FUSE_ROOT_ID, id, ops, modes));
	ASSERT_EQ(0, access(SCRATCH_FUSE, F_OK));
}

#endif /* HARNESS_H */

#endif /* TREE_ENV_H */
