// SPDX-License-Identifier: GPL-2.0
/*
 * What every test starts from. See env.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backing_ioctl.h"
#include "backing_table.h"
#include "env.h"
#include "wait_until.h"

int env_files(void)
{
	static const char * const names[] = { "a", "b", "c", "d" };
	int err = 0;

	for (unsigned int i = 0; i < 4 && !err; i++)
		err = scratch_file(names[i], FILE_SIZE, i);
	return err;
}

int env_serve(struct env *env, struct fuse_server *srv,
	      const struct fuse_server_opts *opts)
{
	struct fuse_server_opts o = *opts;
	static const char * const names[] = { "a", "b", "c", "d" };
	int err;

	(void)env;
	if (!o.mountpoint)
		o.mountpoint = SCRATCH_FUSE;
	if (!o.backing)
		o.backing = SCRATCH_BACKING;
	err = fuse_server_start(srv, &o);
	for (unsigned int i = 0; i < 4 && !err; i++)
		if (!fuse_server_add(srv, names[i]))
			err = -ENOSPC;
	return err;
}

int env_setup_with(struct env *env, enum scratch_fs fs, int (*make)(void),
		   const struct fuse_server_opts *opts)
{
	int err;

	if (geteuid())
		return -EOPNOTSUPP;
	err = scratch_setup(&env->scratch, fs);
	if (!err)
		err = env_files();
	if (!err && make)
		err = make();
	if (!err)
		err = env_serve(env, &env->srv, opts);
	if (!err && !env->srv.sh->passthrough)
		err = -EOPNOTSUPP;
	return err;
}

int env_setup(struct env *env, enum scratch_fs fs)
{
	static const struct fuse_server_opts opts;

	return env_setup_with(env, fs, NULL, &opts);
}

/*
 * The next test's mount may get the same device number, and its thread the
 * same name: see this one off first. A test that failed may have left a file
 * open, and then it stays until the test's process has ended.
 */
void env_teardown(struct env *env)
{
	dev_t dev = env->srv.dev;

	fuse_server_stop(&env->srv);
	if (dev && !wait_until(!thread_find(dev)))
		fputs("# the thread of the mount stays: a file was left open\n",
		      stderr);
}

int env_count(const struct fuse_server *srv)
{
	return table_count(thread_find(srv->dev));
}

int env_register(struct env *env, const char *name, int flags)
{
	return fuse_backing_open_path(env->srv.fd, scratch_path(name), flags);
}

int env_open(struct env *env, int *id, int *fd, char **buf)
{
	*id = env_register(env, "a", O_RDWR);
	if (*id < 0)
		return *id;
	*fd = fuse_server_open_id(&env->srv, "a", O_RDWR, *id);
	if (*fd < 0)
		return *fd;
	*buf = aligned_alloc(ENV_ALIGN, FILE_SIZE);
	return *buf ? 0 : -ENOMEM;
}

off_t env_copy_range(int from, int to)
{
	off_t all = 0;
	ssize_t n;

	do {
		n = copy_file_range(from, NULL, to, NULL, 1 << 30, 0);
		if (n < 0)
			return -errno;
		all += n;
	} while (n);
	return all;
}

int env_attach_to(struct fuse_server *srv, int id, bool extents)
{
	const __u32 modes = FUSE_BACKING_READ | FUSE_BACKING_WRITE;
	const struct fuse_backing_extent all = {
		.length = FILE_SIZE,
		.backing_id = id,
		.flags = FUSE_BACKING_EXTENT_WRITE,
	};
	__u64 node = fuse_server_node(srv, &srv->sh->file[0]);
	struct stat st;

	if (stat(SCRATCH_FUSE "/a", &st) < 0)
		return -errno;
	return extents ?
	       fuse_backing_set_extents(srv->fd, node, &all, 1, modes) :
	       fuse_attach_backing(srv->fd, node, 0, id, modes);
}

int env_attach(struct env *env, int id, bool extents)
{
	return env_attach_to(&env->srv, id, extents);
}
