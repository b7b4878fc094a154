// SPDX-License-Identifier: GPL-2.0
/*
 * Very many attachments that wait, and what is done beside them.
 *
 * Proves: closing an id drops what waits for it, whole files and extents, and
 * nothing of others; closing all ids drops what there is when it begins and
 * not what others attach meanwhile; who closes all can be killed, and what is
 * left then is as it was.
 *
 * What an unrelated call costs beside them is in the benchmark.
 *
 * Privilege: root.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "env.h"
#include "wait_until.h"

#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define PENDING		FUSE_BACKING_ATTACH_PENDING
#define NOBODY		1000	/* nodes from here on never come */
#define MANY		100000
#define ENTRIES		8

FIXTURE(pending) {
	struct env env;
	int dev;
	int id;
};

FIXTURE_SETUP(pending)
{
	const struct rlimit limit = { 2 * MANY, 2 * MANY };

	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->dev = self->env.srv.fd;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	self->id = env_register(&self->env, "a", O_RDWR);
	ASSERT_LT(0, self->id);
}

FIXTURE_TEARDOWN(pending)
{
	EXPECT_EQ(0, fuse_server_umount(&self->env.srv));
	EXPECT_EQ(0, scratch_umount_backing());
	env_teardown(&self->env);
}

/* Where kmemleak looks at all of them, a tenth has to do. */
static unsigned int many(void)
{
	return access("/sys/kernel/debug/kmemleak", F_OK) ? MANY : MANY / 10;
}

static int pend(int dev, __u64 node, int id)
{
	return fuse_attach_backing(dev, node, 0, id, BOTH | PENDING);
}

static int pend_extents(int dev, __u64 node, int id, int other)
{
	const struct fuse_backing_extent extent[] = {
		{ 0, 10, 0, id, 0 }, { 10, 10, 0, other, 0 },
	};

	return fuse_backing_set_extents(dev, node, extent, 2, BOTH | PENDING);
}

static int pend_many(int dev, int id)
{
	int err = 0;

	for (unsigned int i = 0; i < many() && !err; i++)
		err = pend(dev, NOBODY + i, id);
	return err;
}

/* How many wait for @id; 0 if there is no such mapping. */
static __u32 waiting(int dev, int id)
{
	struct fuse_backing_entry entry[ENTRIES];
	int n = fuse_list_backing(dev, entry, ENTRIES);

	for (int i = 0; i < n; i++)
		if (entry[i].id == id)
			return entry[i].pending;
	return 0;
}

/* Whole files and extents of two ids, in turn: each goes with either of its own. */
TEST_F(pending, close_one_of_several)
{
	int dev = self->dev;
	int b = env_register(&self->env, "b", O_RDWR);
	int c = env_register(&self->env, "c", O_RDWR);
	const int nodes = 120;

	ASSERT_LT(0, b);
	ASSERT_LT(0, c);
	for (int i = 0; i < nodes; i += 4) {
		ASSERT_EQ(0, pend(dev, NOBODY + i, b));
		ASSERT_EQ(0, pend(dev, NOBODY + i + 1, c));
		ASSERT_EQ(0, pend_extents(dev, NOBODY + i + 2, b, c));
		/* what takes its place is of other ids */
		ASSERT_EQ(0, pend_extents(dev, NOBODY + i + 3, self->id, b));
		ASSERT_EQ(0, pend_extents(dev, NOBODY + i + 3, self->id, c));
	}
	EXPECT_EQ(nodes / 4, waiting(dev, self->id));
	EXPECT_EQ(nodes / 2, waiting(dev, b));
	EXPECT_EQ(nodes / 4 * 3, waiting(dev, c));
	EXPECT_EQ(0, fuse_backing_close(dev, b));
	EXPECT_EQ(0, waiting(dev, b));
	EXPECT_EQ(nodes / 4, waiting(dev, self->id));
	EXPECT_EQ(nodes / 2, waiting(dev, c));
	for (int i = 0; i < nodes; i++) {
		EXPECT_EQ(i & 1 ? 0 : -ENOENT,
			  fuse_detach_backing(dev, NOBODY + i, 0, 0))
			TH_LOG("node %d", i);
	}
	EXPECT_EQ(0, waiting(dev, c));
}

/* One generation of a node is not another. */
TEST_F(pending, generations)
{
	const __u64 generation[] = { 7, 0, 0x80000000, 0xffffffff, 8 };

	for (size_t i = 0; i < ARRAY_SIZE(generation); i++) {
		EXPECT_EQ(0, fuse_attach_backing(self->dev, NOBODY,
						 generation[i], self->id,
						 BOTH | PENDING));
		EXPECT_EQ(-EEXIST, fuse_attach_backing(self->dev, NOBODY,
						       generation[i], self->id,
						       BOTH | PENDING));
	}
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, NOBODY, 9, 0));
	for (size_t i = 0; i < ARRAY_SIZE(generation); i++) {
		EXPECT_EQ(0, fuse_detach_backing(self->dev, NOBODY,
						 generation[i], 0));
		EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, NOBODY,
						       generation[i], 0));
	}
}

/* A process that closes all ids, and has dropped some of what waits. */
static pid_t start_closing(int dev, int id)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(-fuse_backing_close_all(dev));
	if (pid > 0 && wait_until(waiting(dev, id) < many()))
		return pid;
	return -ECHILD;
}

TEST_F_TIMEOUT(pending, close_all_is_killed, 300)
{
	__u32 left;
	int status;
	pid_t pid;

	ASSERT_EQ(0, pend_many(self->dev, self->id));
	ASSERT_EQ(many(), waiting(self->dev, self->id));
	pid = start_closing(self->dev, self->id);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status)) TH_LOG("it was too fast");
	left = waiting(self->dev, self->id);
	EXPECT_LT(0, left);

	/* the rest is as it was, and goes with another call */
	EXPECT_EQ(0, fuse_detach_backing(self->dev, NOBODY + many() - 1, 0, 0));
	EXPECT_EQ(left - 1, waiting(self->dev, self->id));
	EXPECT_EQ(0, fuse_backing_close_all(self->dev));
	EXPECT_EQ(0, table_count(thread_find(self->env.srv.dev)));
}

TEST_F_TIMEOUT(pending, close_all_ends, 300)
{
	int id, status;
	pid_t pid;

	ASSERT_EQ(0, pend_many(self->dev, self->id));
	pid = start_closing(self->dev, self->id);
	ASSERT_LT(0, pid);
	/* before all that is there: so it is not by its place that it stays */
	id = env_register(&self->env, "b", O_RDWR);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, pend(self->dev, NOBODY - 1, id));
	ASSERT_LT(0, waiting(self->dev, self->id)) TH_LOG("it was too fast");
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_EQ(0, waiting(self->dev, self->id));
	EXPECT_EQ(1, waiting(self->dev, id));
	EXPECT_EQ(1, table_count(thread_find(self->env.srv.dev)));

	/* the control: nothing that was there before stays */
	EXPECT_EQ(0, fuse_backing_close_all(self->dev));
	EXPECT_EQ(0, table_count(thread_find(self->env.srv.dev)));
}

TEST_HARNESS_MAIN
