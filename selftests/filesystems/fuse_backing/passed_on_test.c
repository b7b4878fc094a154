// SPDX-License-Identifier: GPL-2.0
/*
 * What is neither read nor write, on a file that has no server, by the backing file.
 *
 * Proves: close(2) of a file that was open for writing calls the backing file's
 * flush and reports its errors, whether it is a backing file of its own or has
 * extents; where nothing could be written it doesn't.
 *
 * Other such operations are in no_handle_test.c.
 *
 * Privilege: root, to mount for an ordinary user and as a client.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "kselftest_harness.h"

#include "attack.h"

#define BOTH	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)

/* Backing files are on another FUSE, which knows who flushes. */
FIXTURE(flush) {
	struct env env;
	struct fuse_server lower;
	int id;
};

FIXTURE_VARIANT(flush) {
	bool extents;
};

FIXTURE_VARIANT_ADD(flush, backing_file) {
	.extents = false,
};

FIXTURE_VARIANT_ADD(flush, extents) {
	.extents = true,
};

/* "a" is opened by the kernel, on the lower "a" or on all of its bytes. */
static int attach_a(struct env *env, int id, bool extents)
{
	const struct fuse_backing_extent all = {
		.length = FILE_SIZE,
		.backing_id = id,
		.flags = FUSE_BACKING_EXTENT_WRITE,
	};
	__u64 node = fuse_server_node(&env->srv, &env->srv.sh->file[0]);
	struct stat st;

	if (stat(SCRATCH_FUSE "/a", &st) < 0)
		return -errno;
	return extents ?
	       fuse_backing_set_extents(env->srv.fd, node, &all, 1, BOTH) :
	       fuse_backing_attach(env->srv.fd, node, 0, id, BOTH);
}

FIXTURE_SETUP(flush)
{
	const struct fuse_server_opts lower = {
		.mountpoint = SCRATCH_FUSE2,
		.no_passthrough = true,
	};

	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	ASSERT_EQ(0, env_serve(&self->env, &self->lower, &lower));
	self->env.srv.sh->getxattr_error = ENOSYS;
	self->lower.sh->getxattr_error = ENOSYS;
	self->id = fuse_backing_open_path(self->env.srv.fd, SCRATCH_FUSE2 "/a",
					  O_RDWR);
	ASSERT_LT(0, self->id);
	ASSERT_EQ(0, attach_a(&self->env, self->id, variant->extents));
	/* by who registered it */
	self->lower.sh->ops[FUSE_FLUSH] = 0;
}

FIXTURE_TEARDOWN(flush)
{
	env_teardown(&self->env);
	fuse_server_stop(&self->lower);
}

TEST_F(flush, reports_the_error)
{
	struct fuse_server *srv = &self->env.srv;
	int fd = fuse_server_open(srv, "a", O_RDWR);
	int second;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fuse_server_ops(srv, FUSE_OPEN));
	second = dup(fd);
	EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
	EXPECT_EQ(0, close(second));
	EXPECT_EQ(1, fuse_server_ops(&self->lower, FUSE_FLUSH));
	self->lower.sh->flush_error = ENOSPC;
	EXPECT_EQ(-1, close(fd));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(2, fuse_server_ops(&self->lower, FUSE_FLUSH));
	EXPECT_EQ(0, fuse_server_ops(srv, FUSE_FLUSH));
	EXPECT_EQ(0, fuse_server_data_ops(srv));
	self->lower.sh->flush_error = 0;
}

/* A file of the lower mount is closed like this, too. */
TEST_F(flush, as_the_backing_file)
{
	int fd = open(SCRATCH_FUSE2 "/a", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	self->lower.sh->flush_error = ENOSPC;
	EXPECT_EQ(-1, close(fd));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(1, fuse_server_ops(&self->lower, FUSE_FLUSH));
	self->lower.sh->flush_error = 0;
}

TEST_F(flush, not_of_readers)
{
	int fd = fuse_server_open(&self->env.srv, "a", O_RDONLY);
	char c;

	ASSERT_LE(0, fd);
	self->lower.sh->flush_error = ENOSPC;
	EXPECT_EQ(1, pread(fd, &c, 1, 0));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, fuse_server_ops(&self->lower, FUSE_FLUSH));
	self->lower.sh->flush_error = 0;
}

/* The server has a handle as well: both hear of it, and the first error counts. */
TEST_F(flush, and_the_server)
{
	struct fuse_server *srv = &self->env.srv;
	struct fuse_server_file *file = &srv->sh->file[0];
	int fd = fuse_server_open(srv, "a", O_RDWR);

	ASSERT_LE(0, fd);
	EXPECT_EQ(FUSE_SERVER_IOCTL, ioctl(fd, _IO('t', 1)));
	EXPECT_EQ(1, file->opens);
	self->lower.sh->flush_error = ENOSPC;
	srv->sh->flush_error = EDQUOT;
	EXPECT_EQ(-1, close(dup(fd)));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(1, fuse_server_ops(&self->lower, FUSE_FLUSH));
	EXPECT_EQ(1, fuse_server_ops(srv, FUSE_FLUSH));
	self->lower.sh->flush_error = 0;
	EXPECT_EQ(-1, close(fd));
	EXPECT_EQ(EDQUOT, errno);
	srv->sh->flush_error = 0;
	EXPECT_TRUE(wait_until(file->releases == 1));
}

TEST_HARNESS_MAIN
