/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every test starts from: a scratch backing filesystem and a server.
 *
 * Tests include it after harness.h.
 */
#ifndef ENV_H
#define ENV_H

#include <errno.h>
#include <stdbool.h>

#include "fuse_server.h"
#include "scratch.h"

#define FILE_SIZE	(64 * 1024)
#define ENV_ALIGN	4096

struct env {
	struct scratch scratch;
	struct fuse_server srv;
};

/* All of it: 0; -EOPNOTSUPP if the system lacks something; or -errno. */
int env_setup(struct env *env, enum scratch_fs fs);

/*
 * The same with a server that is told otherwise; @make makes what is in the backing
 * directory beside env_files(), or is NULL.
 */
int env_setup_with(struct env *env, enum scratch_fs fs, int (*make)(void),
		   const struct fuse_server_opts *opts);
void env_teardown(struct env *env);

/* How many files the table of the mount's thread has. */
int env_count(const struct fuse_server *srv);

/* Backing files "a" to "d", each with contents of its own: 0 or -errno. */
int env_files(void);

/* A server that has these names; its directories are scratch.h's unless told. */
int env_serve(struct env *env, struct fuse_server *srv,
	      const struct fuse_server_opts *opts);

/* Register the backing file @name through the test's own /dev/fuse. */
int env_register(struct env *env, const char *name, int flags);

/*
 * "a", open for reading and writing in passthrough mode, with its id and a page
 * aligned buffer of FILE_SIZE bytes: 0 or -errno.
 */
int env_open(struct env *env, int *id, int *fd, char **buf);

/*
 * Copy with copy_file_range(2) until there is no more, as who doesn't ask how long the file
 * is: bytes or -errno.
 */
off_t env_copy_range(int from, int to);

/* The kernel opens "a" from now on: on what @id maps, or on all of its bytes. */
int env_attach(struct env *env, int id, bool extents);

/* The same of another server, which is the one that is mounted at SCRATCH_FUSE. */
int env_attach_to(struct fuse_server *srv, int id, bool extents);

/* Only one object of a program, the test itself, can include the harness. */
#ifdef HARNESS_H

/* For a fixture's setup, which is to end if this says false. */
static inline bool env_start(struct __test_metadata *_metadata,
			     struct env *env, enum scratch_fs fs)
{
	int err = env_setup(env, fs);

	if (err == -EOPNOTSUPP)
		SKIP(return false, "needs root, FUSE passthrough%s",
		     fs == SCRATCH_EXT4 ? ", loop devices, mkfs.ext4" : "");
	ASSERT_EQ(0, err);
	return true;
}

#endif /* HARNESS_H */

#endif /* ENV_H */
