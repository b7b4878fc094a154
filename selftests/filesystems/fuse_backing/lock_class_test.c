// SPDX-License-Identifier: GPL-2.0
/*
 * What lockdep makes of directories on top of each other.
 *
 * Proves: who waits for the lock of a directory, while one on another FUSE filesystem becomes
 * its tree, goes on below that, and to lockdep the two locks aren't one: be it the root, whose
 * lock is there before anybody knows how deep it is stacked, or a directory in it. What
 * lockdep says fails the guest. Control: somebody waits, and is answered from below. Classes
 * of directories have one name, which lockdep may compare while the root's becomes another.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#include "held_page.h"
#include "tree_env.h"
#include "wait_until.h"

#define DIR	"dir"
#define BELOW	(FUSE_BACKING_OPS_LOOKUP | FUSE_BACKING_OPS_ATTR | FUSE_BACKING_OPS_OPEN)

FIXTURE(stacked) {
	struct env env;
	struct fuse_server *srv;
	struct fuse_server lower;
};

FIXTURE_VARIANT(stacked) {
	const char *dir;	/* in the mount; the root is without a name */
};

FIXTURE_VARIANT_ADD(stacked, root) {
	.dir = "",
};

FIXTURE_VARIANT_ADD(stacked, directory) {
	.dir = DIR,
};

static int make_dir(void)
{
	return mkdir(scratch_path(DIR), 0755) < 0 ? -errno : 0;
}

FIXTURE_SETUP(stacked)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_BACKING,
		.no_passthrough = true,
	};
	int err = tree_env_setup(&self->env, SCRATCH_TMPFS, make_dir);

	if (err == -EOPNOTSUPP)
		SKIP(return, "needs root, FUSE passthrough");
	ASSERT_EQ(0, err);
	self->srv = &self->env.srv;
	ASSERT_EQ(0, fuse_server_start(&self->lower, &opts));
}

FIXTURE_TEARDOWN(stacked)
{
	fuse_server_stop(&self->lower);
	env_teardown(&self->env);
}

/* A child that makes a file, if the name isn't there: it looks with the directory locked */
static pid_t look_for(const char *dir, const char *name)
{
	char path[128];
	pid_t pid;

	snprintf(path, sizeof(path), SCRATCH_FUSE "/%s/%s", dir, name);
	pid = fork();
	if (!pid)
		_exit(open(path, O_RDWR | O_CREAT, 0644) < 0 ? errno : 0);
	return pid;
}

static __u64 node_of(struct fuse_server *srv, const char *dir)
{
	return *dir ? fuse_server_node(srv, fuse_server_add(srv, dir)) : FUSE_ROOT_ID;
}

/* Of locks that were taken; negative if the kernel doesn't tell */
static int classes_of_directories(void)
{
	FILE *classes = fopen("/proc/lockdep", "re");
	char line[256];
	int nr = 0;

	if (!classes)
		return -errno;
	while (fgets(line, sizeof(line), classes))
		nr += !!strstr(line, ": fuse_dir_key");
	fclose(classes);
	return nr;
}

TEST_F(stacked, while_somebody_waits)
{
	const __u64 node = node_of(self->srv, variant->dir);
	pid_t first, second;
	int id, status, classes;
	__u32 before;

	/* nothing is asked for on the way there */
	self->srv->sh->entry_valid = 3600;
	self->srv->sh->attr_valid = 3600;
	ASSERT_EQ(0, access(tree_at(variant->dir), R_OK | W_OK | X_OK));
	id = tree_register(self->srv->fd, SCRATCH_FUSE2);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_server_pause(self->srv));
	first = look_for(variant->dir, "first");
	ASSERT_TRUE(wait_until(fuse_server_waiting(self->srv) == 1));
	second = look_for(variant->dir, "second");
	ASSERT_TRUE(wait_until(sleeps_in(second, SYS_openat)));
	EXPECT_EQ(1, fuse_server_waiting(self->srv));
	ASSERT_EQ(0, tree_attach(self->srv->fd, node, id, BELOW,
				 FUSE_BACKING_READ | FUSE_BACKING_WRITE));
	before = fuse_server_ops(&self->lower, FUSE_LOOKUP);
	ASSERT_EQ(0, fuse_server_resume(self->srv));
	EXPECT_EQ(first, waitpid(first, &status, 0));
	EXPECT_EQ(second, waitpid(second, &status, 0));
	EXPECT_LT(before, fuse_server_ops(&self->lower, FUSE_LOOKUP));

	/* of one on which nothing is stacked, and of one that is on it */
	classes = classes_of_directories();
	EXPECT_TRUE(classes >= 2 || classes == -ENOENT)
		TH_LOG("%d classes", classes);
}

TEST_HARNESS_MAIN
