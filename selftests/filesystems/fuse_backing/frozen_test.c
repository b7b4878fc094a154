// SPDX-License-Identifier: GPL-2.0
/*
 * Writing to a backing file whose filesystem is frozen.
 *
 * Who waits for the thaw holds locks that others wait for, and a freeze waits for some
 * of those.
 *
 * Proves, for whatever changes a backing file: as long as the filesystem is frozen it waits,
 * and a signal that kills ends that. Control: once thawed, it succeeds; and a file of the
 * inode works as before after somebody was killed. A freeze doesn't wait for the server,
 * which has the ends of writes wait that are on the disk: what it is asked for belongs to a
 * page that such an end is to forget. Control: those ends do wait.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/fuse_backing.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "env.h"
#include "held_page.h"
#include "io_ring.h"
#include "wait_until.h"

#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define BLOCK		4096
#define ROUNDS		10
#define NOT_MAPPED	128	/* of a byte that is to be something else */
#define WRITERS		8	/* one that isn't done when it was submitted is enough */

#define self_t FIXTURE_DATA(frozen)
#define ends_t FIXTURE_DATA(ends)
#define variant_t FIXTURE_VARIANT(frozen)

FIXTURE(frozen) {
	struct env env;
	struct fuse_server *srv;
	int pipe[2];
	int fd;
};

FIXTURE_VARIANT(frozen) {
	int (*call)(const self_t *self);
	long nr;
	bool extents;
};

static int call_write(const self_t *self)
{
	return pwrite(self->fd, "frozen", 6, 0) == 6 ? 0 : -errno;
}

static int call_splice(const self_t *self)
{
	loff_t pos = 0;

	return splice(self->pipe[0], NULL, self->fd, &pos, 6, 0) == 6 ?
		       0 : -errno;
}

static int call_ftruncate(const self_t *self)
{
	return ftruncate(self->fd, BLOCK) ? -errno : 0;
}

static int call_fallocate(const self_t *self)
{
	return fallocate(self->fd, FALLOC_FL_ZERO_RANGE, 0, BLOCK) ?
		       -errno : 0;
}

FIXTURE_VARIANT_ADD(frozen, write) {
	.call = call_write,
	.nr = SYS_pwrite64,
};

FIXTURE_VARIANT_ADD(frozen, splice) {
	.call = call_splice,
	.nr = SYS_splice,
};

FIXTURE_VARIANT_ADD(frozen, ftruncate) {
	.call = call_ftruncate,
	.nr = SYS_ftruncate,
};

FIXTURE_VARIANT_ADD(frozen, fallocate) {
	.call = call_fallocate,
	.nr = SYS_fallocate,
};

FIXTURE_VARIANT_ADD(frozen, write_to_extent) {
	.call = call_write,
	.nr = SYS_pwrite64,
	.extents = true,
};

FIXTURE_VARIANT_ADD(frozen, splice_to_extent) {
	.call = call_splice,
	.nr = SYS_splice,
	.extents = true,
};

/* "a" becomes the first block of "b" */
static int attach_extent(struct env *env)
{
	struct fuse_server *srv = &env->srv;
	struct fuse_backing_extent extent = {
		.length = BLOCK,
		.flags = FUSE_BACKING_EXTENT_WRITE,
	};
	int id = env_register(env, "b", O_RDWR);

	if (id < 0)
		return id;
	extent.backing_id = id;
	return fuse_backing_set_extents(srv->fd,
					fuse_server_node(srv, &srv->sh->file[0]),
					&extent, 1, BOTH);
}

FIXTURE_SETUP(frozen)
{
	struct stat st;

	if (!env_start(_metadata, &self->env, SCRATCH_EXT4))
		return;
	self->srv = &self->env.srv;
	if (variant->extents) {
		ASSERT_EQ(0, stat(SCRATCH_FUSE "/a", &st));
		ASSERT_EQ(0, attach_extent(&self->env));
	} else {
		self->srv->sh->file[0].attach = BOTH;
	}
	self->fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, self->srv->sh->file[0].opens);
	ASSERT_EQ(0, pipe2(self->pipe, O_CLOEXEC));
	ASSERT_EQ(12, write(self->pipe[1], "frozenfrozen", 12));
}

FIXTURE_TEARDOWN(frozen)
{
	close(self->pipe[0]);
	close(self->pipe[1]);
	close(self->fd);
	env_teardown(&self->env);
}

static int freeze(int how)
{
	int fd = open(SCRATCH_BACKING, O_RDONLY | O_CLOEXEC);
	int err = ioctl(fd, how, 0) < 0 ? -errno : 0;

	close(fd);
	return err;
}

static pid_t call_in_child(self_t *self,
			   const variant_t *variant)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(-variant->call(self));
	return pid;
}

static bool is_reaped(pid_t pid, int *status)
{
	return waitpid(pid, status, WNOHANG) == pid;
}

TEST_F(frozen, waits_until_killed)
{
	int status = 0;
	bool reaped;
	pid_t pid;

	ASSERT_EQ(0, freeze(FIFREEZE));
	pid = call_in_child(self, variant);
	EXPECT_TRUE(wait_until(sleeps_in(pid, variant->nr)));
	kill(pid, SIGKILL);
	reaped = wait_until(is_reaped(pid, &status));
	EXPECT_TRUE(reaped);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(0, freeze(FITHAW));
	if (!reaped)
		waitpid(pid, &status, 0);
	/* nothing is held any more */
	EXPECT_EQ(0, variant->call(self));
}

/* More than once: who thaws wakes up those who wait before they can go on */
TEST_F(frozen, control_waits_for_the_thaw)
{
	int status;
	pid_t pid;

	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(6, write(self->pipe[1], "frozen", 6));
		ASSERT_EQ(0, freeze(FIFREEZE));
		pid = call_in_child(self, variant);
		EXPECT_TRUE(wait_until(sleeps_in(pid, variant->nr)));
		EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
		EXPECT_EQ(0, freeze(FITHAW));
		EXPECT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
	}
}

FIXTURE(ends) {
	struct env env;
	struct fuse_server *srv;
	int direct, fd;
	char *page;
	pid_t toucher, writer[WRITERS], last;
};

/* The first page of "a" is half the server's; the third is not */
static int attach_halves(struct env *env)
{
	struct fuse_server *srv = &env->srv;
	int id = env_register(env, "b", O_RDWR);
	const struct fuse_backing_extent extent[] = {
		{ BLOCK / 2, BLOCK, 0, id, FUSE_BACKING_EXTENT_WRITE },
		{ 2 * BLOCK, BLOCK, 2 * BLOCK, id, FUSE_BACKING_EXTENT_WRITE },
	};

	return id < 0 ? id :
	       fuse_backing_set_extents(srv->fd,
					fuse_server_node(srv, &srv->sh->file[0]),
					extent, ARRAY_SIZE(extent), BOTH);
}

FIXTURE_SETUP(ends)
{
	struct stat st;

	if (!env_start(_metadata, &self->env, SCRATCH_EXT4))
		return;
	self->srv = &self->env.srv;
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/a", &st));
	ASSERT_EQ(0, attach_halves(&self->env));
	self->direct = fuse_server_open(self->srv, "a", O_RDWR | O_DIRECT);
	ASSERT_LE(0, self->direct);
	self->fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, self->fd);
	self->page = aligned_alloc(BLOCK, BLOCK);
	ASSERT_NE(NULL, self->page);
	/* the server is asked for what a write removes, once */
	ASSERT_EQ(BLOCK, pwrite(self->direct, self->page, BLOCK, BLOCK / 2));
}

FIXTURE_TEARDOWN(ends)
{
	free(self->page);
	close(self->fd);
	close(self->direct);
	env_teardown(&self->env);
}

static pid_t touch_in_child(ends_t *self)
{
	pid_t pid;
	char *page;

	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	page = mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, self->fd, 0);
	/* what is there is needed, or no compiler would look */
	_exit(page == MAP_FAILED ? NOT_MAPPED : *page & ~NOT_MAPPED);
}

/* A child that has written, and sleeps until it is killed, once that is under way */
static pid_t write_in_child(ends_t *self, off_t pos)
{
	struct io_uring_sqe *sqe;
	struct io_ring ring;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	if (io_ring_setup(&ring, 1, 0))
		_exit(1);
	sqe = io_ring_sqe(&ring);
	sqe->opcode = IORING_OP_WRITE;
	sqe->fd = self->direct;
	sqe->addr = (unsigned long)self->page;
	sqe->len = BLOCK;
	sqe->off = pos;
	if (io_ring_submit(&ring, 0))
		_exit(1);
	pause();
	_exit(0);
}

static bool is_server_asked(const ends_t *self)
{
	const struct held_page page = { .srv = *self->srv };

	return held_page_is_wanted(&page);
}

static bool any_is_under_way(const ends_t *self)
{
	for (int i = 0; i < WRITERS; i++)
		if (sleeps_in(self->writer[i], SYS_pause))
			return true;
	return false;
}

static pid_t freeze_in_child(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(-freeze(FIFREEZE));
	return pid;
}

static void end_children(ends_t *self)
{
	kill(self->last, SIGKILL);
	waitpid(self->last, NULL, 0);
	for (int i = 0; i < WRITERS; i++) {
		kill(self->writer[i], SIGKILL);
		waitpid(self->writer[i], NULL, 0);
	}
}

TEST_F_TIMEOUT(ends, freeze_does_not_wait_for_the_server, 200)
{
	int status = -1;
	bool frozen;
	pid_t pid;

	ASSERT_EQ(0, fuse_server_pause(self->srv));
	self->toucher = touch_in_child(self);
	EXPECT_TRUE(wait_until(is_server_asked(self)));
	for (int i = 0; i < WRITERS; i++)
		self->writer[i] = write_in_child(self, BLOCK / 2);
	EXPECT_TRUE(wait_until(any_is_under_way(self)));
	self->last = write_in_child(self, 2 * BLOCK);
	EXPECT_TRUE(wait_until(sleeps_in(self->last, SYS_pause)));

	pid = freeze_in_child();
	frozen = wait_until(is_reaped(pid, &status));
	EXPECT_TRUE(frozen);
	/* control: they do wait */
	EXPECT_EQ(0, waitpid(self->toucher, NULL, WNOHANG));
	if (frozen)
		EXPECT_EQ(0, status);
	if (frozen)
		EXPECT_EQ(0, freeze(FITHAW));
	fuse_server_resume(self->srv);
	if (!frozen) {
		waitpid(pid, &status, 0);
		freeze(FITHAW);
	}
	EXPECT_EQ(self->toucher, waitpid(self->toucher, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_NE(NOT_MAPPED, WEXITSTATUS(status));
	end_children(self);
}

TEST_HARNESS_MAIN
