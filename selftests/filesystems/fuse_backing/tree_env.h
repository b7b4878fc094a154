/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What tests of trees start from: a mount with default_permissions, whose server goes by
 * the names of the backing directory, at any depth.
 *
 * Tests include it after harness.h.
 */
#ifndef TREE_ENV_H
#define TREE_ENV_H

#include <linux/fuse_backing.h>

#include "creds.h"
#include "env.h"

#define TREE_TEXT	"some text"

/* All that is done below a tree, changes too */
#define TREE_OPS	(FUSE_BACKING_OPS_LOOKUP | FUSE_BACKING_OPS_ATTR |	\
			 FUSE_BACKING_OPS_LIST | FUSE_BACKING_OPS_READLINK |	\
			 FUSE_BACKING_OPS_XATTR | FUSE_BACKING_OPS_OPEN |	\
			 FUSE_BACKING_OPS_CHANGE)

/* Below a directory, the mount point, or the second one, in one of two buffers. */
const char *tree_under(const char *top, const char *name);
const char *tree_at(const char *name);
const char *tree_at2(const char *name);

/* A file of TREE_TEXT: 0 or -errno; does it read as that? 0, -EILSEQ or -errno. */
int tree_write_text(const char *path);
int tree_reads(const char *path);

/*
 * A file that wasn't there: 0 or -errno. One that nobody may write has something from who
 * made it.
 */
int tree_make(const char *path);
int tree_make_read_only(const char *path);

/* What a variable of the environment says, as SEED=, or else. */
long tree_number(const char *variable, long otherwise);

/* Does the mount say of @name what the backing directory does? */
bool tree_same_stat(const char *name);

/* A server that goes by names at any depth: 0 or -errno. */
int tree_serve(struct env *env, struct fuse_server *srv,
	       const struct fuse_server_opts *opts);

/* The id of a directory, or of the backing directory for @who, or -errno. */
int tree_register(int dev, const char *path);
int tree_register_as(const struct creds *who, int dev);

/* Attach it to a directory node: 0 or -errno. @flags are FUSE_BACKING_*. */
int tree_attach(int dev, __u64 nodeid, int id, __u64 ops, __u32 flags);

/*
 * All of it: 0; -EOPNOTSUPP if the system lacks something; or -errno. @make makes what is
 * in the backing directory beside env_files(), or is NULL.
 */
int tree_env_setup(struct env *env, enum scratch_fs fs, int (*make)(void));

/* Only one object of a program, the test itself, can include the harness. */
#ifdef HARNESS_H

/*
 * For a fixture's setup: the backing directory is attached to the root, which itself is
 * the server's, and requests from now on are new. Its id; 0 if the setup is to end.
 */
static inline int tree_start(struct __test_metadata *_metadata, struct env *env,
			     enum scratch_fs fs, int (*make)(void), __u64 ops, __u32 modes)
{
	int err = tree_env_setup(env, fs, make), id;

	if (err == -EOPNOTSUPP)
		SKIP(return 0, "needs root, FUSE passthrough%s",
		     fs == SCRATCH_EXT4 ? ", loop devices, mkfs.ext4" : "");
	ASSERT_EQ(0, err);
	id = tree_register(env->srv.fd, SCRATCH_BACKING);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, tree_attach(env->srv.fd, FUSE_ROOT_ID, id, ops, modes));
	ASSERT_EQ(0, access(SCRATCH_FUSE, F_OK));
	fuse_server_new_requests(&env->srv);
	return id;
}

/* And for its teardown: the server saw no node that it didn't name, and no such file. */
static inline void tree_end(struct __test_metadata *_metadata, struct env *env)
{
	/* where a test ended early, there may be none */
	if (env->srv.sh) {
		EXPECT_EQ(0, env->srv.sh->no_node);
		EXPECT_EQ(0, env->srv.sh->bad_fh)
			TH_LOG("opcode %u", env->srv.sh->bad_op);
	}
	env_teardown(env);
}

#endif /* HARNESS_H */

#endif /* TREE_ENV_H */
