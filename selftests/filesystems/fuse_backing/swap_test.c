// SPDX-License-Identifier: GPL-2.0
/*
 * Swap areas in files that are passed through.
 *
 * Proves: swapon(2) refuses them, in whichever way they are passed through, as it
 * does any file of a FUSE server that has no block device; what it reads to find
 * out is asked of the server with a handle or not at all; the file can be used
 * after that. Who has a file open that is swapped to by its own path neither
 * makes room in it nor takes some away.
 *
 * Each test fails if the server sees a handle that it never gave out.
 *
 * Privilege: root. Needs a kernel with CONFIG_SWAP.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/sysmacros.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "env.h"
#include "reject_trace.h"
#include "wait_until.h"

#define BOTH	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define PAGE	4096
#define PATH	SCRATCH_FUSE "/a"

/* As mkswap(8) makes it */
struct swap_header {
	char boot[1024];
	__u32 version;
	__u32 last_page;
	__u32 nr_badpages;
	char rest[PAGE - 1024 - 3 * sizeof(__u32) - 10];
	char magic[10];
};

FIXTURE(swap) {
	struct env env;
	struct fuse_server *srv;
	__u64 node;
	int id;
};

static int make_swap(const char *name)
{
	const struct swap_header header = {
		.version = 1,
		.last_page = FILE_SIZE / PAGE - 1,
		.magic = { 'S', 'W', 'A', 'P', 'S', 'P', 'A', 'C', 'E', '2' },
	};
	int fd = open(scratch_path(name), O_WRONLY | O_CLOEXEC);
	bool done = pwrite(fd, &header, sizeof(header), 0) == sizeof(header);

	close(fd);
	return done ? 0 : -EIO;
}

FIXTURE_SETUP(swap)
{
	struct stat st;

	if (access("/proc/swaps", F_OK))
		SKIP(return, "no CONFIG_SWAP");
	if (!env_start(_metadata, &self->env, SCRATCH_EXT4))
		return;
	self->srv = &self->env.srv;
	self->node = fuse_server_node(self->srv, &self->srv->sh->file[0]);
	ASSERT_EQ(0, make_swap("a"));
	ASSERT_EQ(0, stat(PATH, &st));
	self->id = env_register(&self->env, "a", O_RDWR);
	ASSERT_LT(0, self->id);
}

FIXTURE_TEARDOWN(swap)
{
	EXPECT_EQ(0, self->srv->sh->bad_fh)
		TH_LOG("opcode %u", self->srv->sh->bad_op);
	env_teardown(&self->env);
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
}

#define self_t FIXTURE_DATA(swap)

static int try_swapon(void)
{
	return swapon(PATH, 0) < 0 ? -errno : 0;
}

/* It is no swap area, to which nobody may write */
static bool is_writable(self_t *self)
{
	int fd = fuse_server_open(self->srv, "a", O_RDWR);
	bool written = pwrite(fd, "x", 1, PAGE) == 1;

	close(fd);
	return written;
}

/* Else EINVAL below might be of anything */
TEST_F(swap, control)
{
	ASSERT_EQ(0, swapon(scratch_path("a"), 0))
		TH_LOG("%s", strerror(errno));
	EXPECT_EQ(0, swapoff(scratch_path("a")));
}

TEST_F(swap, by_id)
{
	self->srv->sh->file[0].backing_id = self->id;
	self->srv->sh->file[0].open_flags |= FOPEN_PASSTHROUGH;
	EXPECT_EQ(-EINVAL, try_swapon());
	EXPECT_TRUE(is_writable(self));
}

TEST_F(swap, attached)
{
	ASSERT_EQ(0, fuse_attach_backing(self->srv->fd, self->node, 0, self->id,
					 BOTH));
	/* the first page would be the server's, who has not opened the file */
	EXPECT_EQ(-EIO, try_swapon());
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_READ));
	EXPECT_TRUE(is_writable(self));
}

TEST_F(swap, extents)
{
	const struct fuse_backing_extent extent = {
		0, FILE_SIZE, 0, self->id, FUSE_BACKING_EXTENT_WRITE
	};

	ASSERT_EQ(0, fuse_backing_set_extents(self->srv->fd, self->node, &extent,
					      1, BOTH));
	EXPECT_EQ(-EINVAL, try_swapon());
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_READ));
	EXPECT_TRUE(is_writable(self));
}

/* While another file of the inode is open that lost its backing file */
TEST_F(swap, revoked)
{
	int fd;

	ASSERT_EQ(0, fuse_attach_backing(self->srv->fd, self->node, 0, self->id,
					 BOTH));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fuse_detach_backing(self->srv->fd, self->node, 0,
					 FUSE_BACKING_DETACH_REVOKE));
	EXPECT_EQ(-EINVAL, try_swapon());
	EXPECT_TRUE(is_writable(self));
	close(fd);
}

TEST_F(swap, allocated)
{
	static struct reject_trace trace;
	int fd;

	ASSERT_EQ(0, fuse_attach_backing(self->srv->fd, self->node, 0, self->id,
					 BOTH));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, swapon(scratch_path("a"), 0));
	ASSERT_EQ(0, reject_trace_start(&trace));
	EXPECT_EQ(-1, fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 2 * FILE_SIZE));
	EXPECT_EQ(ETXTBSY, errno);
	EXPECT_TRUE(reject_trace_has(&trace, self->srv->dev, self->id, -ETXTBSY,
				     "swap-area"));
	reject_trace_stop(&trace);
	ASSERT_EQ(0, swapoff(scratch_path("a")));
	EXPECT_EQ(0, fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 2 * FILE_SIZE));
	close(fd);
}

TEST_HARNESS_MAIN
