// SPDX-License-Identifier: GPL-2.0
/*
 * An attachment that is left to wait, and another in its place before the call that
 * made it has looked for its inode.
 *
 * Proves: that call has nothing to do with the other one, which may have the memory
 * that the first had, and doesn't attach, refuse or free it.
 *
 * Three tasks: A attaches to a node that isn't there yet, and is held when it has
 * left the attachment to wait. Its id is closed, which frees the attachment, and
 * something else is attached to the same node. D makes the inode and is held
 * before it looks for what waits. A goes on, then D. The node is a directory, so
 * that whoever takes an attachment has to free it.
 *
 * Nor does one that waits stay for good, when newer extents were attached before who made
 * the inode has looked.
 *
 * Privilege: root, and a kernel that takes the modules in test_modules.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "env.h"
#include "hold_task.h"
#include "wait_until.h"

#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define PENDING		FUSE_BACKING_ATTACH_PENDING
#define OTHER_NODE	1000
#define POINTS		"function=fuse_ilookup,fuse_backing_inode_made " \
			"comm=task-A,task-D nth=2,1"
enum { A, D };

FIXTURE(pending_race) {
	struct env env;
	int dev;
	__u64 node;	/* a directory */
	int first;	/* ids */
	int second;
};

#define self_t FIXTURE_DATA(pending_race)

/* What one processor frees is what it is given next. */
static int one_processor(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}

static int pend(self_t *self, __u64 node, int id)
{
	return fuse_attach_backing(self->dev, node, 0, id, BOTH | PENDING);
}

/* What a mapping needs for its first user is not to come in between. */
static int use_once(self_t *self, int id)
{
	return pend(self, OTHER_NODE, id) ?:
	       fuse_detach_backing(self->dev, OTHER_NODE, 0, 0);
}

FIXTURE_SETUP(pending_race)
{
	int err;

	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->dev = self->env.srv.fd;
	self->node = fuse_server_node(&self->env.srv,
				      &self->env.srv.sh->file[0]);
	ASSERT_EQ(0, unlink(scratch_path("a")));
	ASSERT_EQ(0, mkdir(scratch_path("a"), 0755));
	self->first = env_register(&self->env, "b", O_RDWR);
	self->second = env_register(&self->env, "c", O_RDWR);
	ASSERT_LT(0, self->first);
	ASSERT_LT(0, self->second);
	ASSERT_EQ(0, use_once(self, self->first));
	ASSERT_EQ(0, use_once(self, self->second));
	ASSERT_EQ(0, one_processor());
	err = hold_task_start(POINTS);
	if (err == -EOPNOTSUPP)
		SKIP(return, "needs a module for this kernel");
	ASSERT_EQ(0, err);
}

FIXTURE_TEARDOWN(pending_race)
{
	hold_task_stop();
	EXPECT_EQ(0, fuse_server_umount(&self->env.srv));
	EXPECT_EQ(0, scratch_umount_backing());
	env_teardown(&self->env);
}

static pid_t attach_as_a(self_t *self)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_NAME, "task-A");
		_exit(-pend(self, self->node, self->first));
	}
	return hold_task_is_held(A) ? pid : -ECHILD;
}

static pid_t look_up_as_d(const char *name)
{
	char path[64];
	struct stat st;
	pid_t pid;

	snprintf(path, sizeof(path), SCRATCH_FUSE "/%s", name);

	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_NAME, "task-D");
		_exit(stat(path, &st) < 0 ? errno : 0);
	}
	return hold_task_is_held(D) ? pid : -ECHILD;
}

/* Has it go on: with what it exits. */
static int finish(unsigned int point, pid_t pid)
{
	int status;

	if (hold_task_go(point) || waitpid(pid, &status, 0) != pid ||
	    !WIFEXITED(status))
		return -ECHILD;
	return WEXITSTATUS(status);
}

static int count(self_t *self)
{
	return table_count(thread_find(self->env.srv.dev));
}

static __u32 waiting(int dev, int id)
{
	struct fuse_backing_entry entry[4];
	int n = fuse_list_backing(dev, entry, ARRAY_SIZE(entry));

	for (int i = 0; i < n; i++)
		if (entry[i].id == id)
			return entry[i].pending;
	return 0;
}

TEST_F(pending_race, another_in_its_place)
{
	pid_t a, d;

	a = attach_as_a(self);
	ASSERT_LT(0, a);
	ASSERT_EQ(0, fuse_backing_close(self->dev, self->first));
	ASSERT_EQ(1, count(self));
	ASSERT_EQ(0, pend(self, self->node, self->second));
	d = look_up_as_d("a");
	ASSERT_LT(0, d);

	EXPECT_EQ(0, finish(A, a));
	/* it still waits for whom it was made for, who refuses it */
	EXPECT_EQ(1, waiting(self->dev, self->second));
	EXPECT_EQ(0, finish(D, d));
	EXPECT_TRUE(wait_until(!waiting(self->dev, self->second)));
	EXPECT_EQ(0, fuse_backing_close(self->dev, self->second));
	EXPECT_TRUE(wait_until(!count(self)));
}

/* The control: what it finds is its own, and it hears what is wrong with it. */
TEST_F(pending_race, its_own)
{
	pid_t a, d;

	a = attach_as_a(self);
	ASSERT_LT(0, a);
	EXPECT_EQ(1, waiting(self->dev, self->first));
	d = look_up_as_d("a");
	ASSERT_LT(0, d);
	EXPECT_EQ(EISDIR, finish(A, a));
	EXPECT_EQ(0, waiting(self->dev, self->first));
	EXPECT_EQ(0, finish(D, d));
	EXPECT_EQ(0, fuse_backing_close(self->dev, self->first));
	EXPECT_EQ(0, fuse_backing_close(self->dev, self->second));
	EXPECT_TRUE(wait_until(!count(self)));
}

static int pend_extents(self_t *self, int id, __u32 flags)
{
	const struct fuse_backing_extent all = {
		.length = FILE_SIZE,
		.backing_id = id,
	};

	return fuse_backing_set_extents(self->dev,
					fuse_server_node(&self->env.srv,
							 &self->env.srv.sh->file[1]),
					&all, 1, FUSE_BACKING_READ | flags);
}

/*
 * What waits has gone before, and the inode is there when others are attached: who made
 * it finds them, and nobody is left who would have what waits replace them.
 */
TEST_F(pending_race, newer_extents_are_attached)
{
	pid_t d;

	ASSERT_EQ(0, pend_extents(self, self->first, PENDING));
	EXPECT_EQ(1, waiting(self->dev, self->first));
	d = look_up_as_d("b");
	ASSERT_LT(0, d);
	ASSERT_EQ(0, pend_extents(self, self->second, PENDING));
	EXPECT_EQ(1, waiting(self->dev, self->first));
	EXPECT_EQ(0, finish(D, d));
	EXPECT_TRUE(wait_until(!waiting(self->dev, self->first)));
	EXPECT_EQ(0, fuse_backing_close(self->dev, self->first));
	EXPECT_TRUE(wait_until(count(self) == 1));
	EXPECT_EQ(0, fuse_backing_close(self->dev, self->second));
}

TEST_HARNESS_MAIN
