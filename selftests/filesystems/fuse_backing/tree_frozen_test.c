// SPDX-License-Identifier: GPL-2.0
/*
 * Changing what is below a tree while its filesystem is frozen.
 *
 * Who waits for the thaw holds the lock of the FUSE inode, which the VFS took: of the
 * directory, if it is a name that is changed.
 *
 * Proves, for whatever is changed below: as long as the filesystem is frozen it waits, and a
 * signal that kills ends that, whenever it was frozen; who finds what is in that directory by
 * names that are cached goes on meanwhile, and who has to wait for its lock goes on when the
 * one who waits is killed. Control: once thawed, it succeeds, without the server; and a tree
 * that is detached meanwhile leaves it to that.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <linux/fs.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "held_page.h"
#include "hold_task.h"
#include "tree_env.h"
#include "wait_until.h"

#define BOTH	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)

#define variant_t FIXTURE_VARIANT(tree_frozen)

FIXTURE(tree_frozen) {
	struct env env;
	struct fuse_server *srv;
};

FIXTURE_VARIANT(tree_frozen) {
	int (*call)(void);
	long nr;
	unsigned int op;	/* at the server */
};

static int result(int ret)
{
	return ret < 0 ? -errno : 0;
}

static int call_mkdir(void)
{
	return result(mkdirat(AT_FDCWD, tree_at("dir/new"), 0700));
}

static int call_create(void)
{
	return tree_make(tree_at("dir/new"));
}

static int call_symlink(void)
{
	return result(symlinkat("x", AT_FDCWD, tree_at("dir/new")));
}

static int call_link(void)
{
	return result(linkat(AT_FDCWD, tree_at("dir/file"), AT_FDCWD, tree_at("dir/new"), 0));
}

static int call_unlink(void)
{
	return result(unlinkat(AT_FDCWD, tree_at("dir/other"), 0));
}

static int call_rename(void)
{
	return result(renameat(AT_FDCWD, tree_at("dir/other"), AT_FDCWD, tree_at("new")));
}

static int call_chmod(void)
{
	return result(fchmodat(AT_FDCWD, tree_at("dir/file"), 0600, 0));
}

static int call_truncate(void)
{
	return result(truncate(tree_at("dir/file"), 10));
}

static int call_setxattr(void)
{
	return result(setxattr(tree_at("dir/file"), "user.x", "y", 1, 0));
}

FIXTURE_VARIANT_ADD(tree_frozen, mkdir) {
	.call = call_mkdir,
	.nr = SYS_mkdirat,
	.op = FUSE_MKDIR,
};

FIXTURE_VARIANT_ADD(tree_frozen, create) {
	.call = call_create,
	.nr = SYS_openat,
	.op = FUSE_CREATE,
};

FIXTURE_VARIANT_ADD(tree_frozen, symlink) {
	.call = call_symlink,
	.nr = SYS_symlinkat,
	.op = FUSE_SYMLINK,
};

FIXTURE_VARIANT_ADD(tree_frozen, link) {
	.call = call_link,
	.nr = SYS_linkat,
	.op = FUSE_LINK,
};

FIXTURE_VARIANT_ADD(tree_frozen, unlink) {
	.call = call_unlink,
	.nr = SYS_unlinkat,
	.op = FUSE_UNLINK,
};

FIXTURE_VARIANT_ADD(tree_frozen, rename) {
	.call = call_rename,
	.nr = SYS_renameat,
	.op = FUSE_RENAME,
};

FIXTURE_VARIANT_ADD(tree_frozen, chmod) {
	.call = call_chmod,
	.nr = SYS_fchmodat,
	.op = FUSE_SETATTR,
};

FIXTURE_VARIANT_ADD(tree_frozen, truncate) {
	.call = call_truncate,
	.nr = SYS_truncate,
	.op = FUSE_SETATTR,
};

FIXTURE_VARIANT_ADD(tree_frozen, setxattr) {
	.call = call_setxattr,
	.nr = SYS_setxattr,
	.op = FUSE_SETXATTR,
};

/* Two files, of which nobody has looked for more */
static int make_tree(void)
{
	if (mkdir(scratch_path("dir"), 0755) < 0)
		return -errno;
	return scratch_file("dir/file", 100, 1) ?: scratch_file("dir/other", 100, 2);
}

FIXTURE_SETUP(tree_frozen)
{
	struct stat st;

	if (!tree_start(_metadata, &self->env, SCRATCH_EXT4, make_tree, TREE_OPS, BOTH))
		return;
	self->srv = &self->env.srv;
	ASSERT_EQ(0, stat(tree_at("dir/file"), &st));
	ASSERT_EQ(0, stat(tree_at("dir/other"), &st));
}

FIXTURE_TEARDOWN(tree_frozen)
{
	hold_task_stop();
	tree_end(_metadata, &self->env);
}

static int freeze(int how)
{
	int fd = open(SCRATCH_BACKING, O_RDONLY | O_CLOEXEC);
	int err = ioctl(fd, how, 0) < 0 ? -errno : 0;

	close(fd);
	return err;
}

static pid_t in_child(int (*call)(void))
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(-call());
	return pid;
}

static bool is_reaped(pid_t pid, int *status)
{
	return waitpid(pid, status, WNOHANG) == pid;
}

/* Who has called, and waits; it may be killed */
static pid_t call_frozen(struct __test_metadata *_metadata, const variant_t *variant)
{
	pid_t pid;

	ASSERT_EQ(0, freeze(FIFREEZE));
	pid = in_child(variant->call);
	EXPECT_TRUE(wait_until(sleeps_in(pid, variant->nr)));
	return pid;
}

static int use_cached(void)
{
	struct stat st;
	int fd;

	if (stat(tree_at("dir/file"), &st) || stat(tree_at("dir"), &st))
		return -errno;
	fd = open(tree_at("dir/file"), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int look_for_another(void)
{
	struct stat st;

	return stat(tree_at("dir/another"), &st) ? -errno : 0;
}

TEST_F(tree_frozen, waits_until_killed)
{
	pid_t pid = call_frozen(_metadata, variant), cached, other;
	int status = 0;

	cached = in_child(use_cached);
	EXPECT_TRUE(wait_until(is_reaped(cached, &status)));
	EXPECT_EQ(0, status);
	/* whether or not it waits for the lock of the directory */
	other = in_child(look_for_another);

	kill(pid, SIGKILL);
	EXPECT_TRUE(wait_until(is_reaped(pid, &status)));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_TRUE(wait_until(is_reaped(other, &status)));
	EXPECT_EQ(ENOENT, WEXITSTATUS(status));
	EXPECT_EQ(0, freeze(FITHAW));
	/* nothing is held any more */
	EXPECT_EQ(0, variant->call());
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

TEST_F(tree_frozen, control_waits_for_the_thaw)
{
	pid_t pid = call_frozen(_metadata, variant);
	int status;

	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	EXPECT_EQ(0, freeze(FITHAW));
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

static int call_of(void *variant)
{
	return ((const variant_t *)variant)->call();
}

static int freeze_it(void)
{
	return freeze(FIFREEZE);
}

/* Who writes nothing, again and again: it sleeps when nobody may begin to write any more */
static int write_nothing(void)
{
	int fd = open(scratch_path("dir/file"), O_RDWR | O_CLOEXEC);

	while (getppid() != 1)
		pwrite(fd, "", 0, 0);
	return 0;
}

/* By who freezes while it is changed: what isn't done by then waits no other way */
TEST_F(tree_frozen, frozen_in_the_middle)
{
	/* which gives the right to write back, of the backing mount first */
	pid_t pid = hold_task_run("mnt_put_write_access", 1, NULL, call_of, variant);
	pid_t freezer, writer;
	int status;

	if (pid < 0)
		SKIP(return, "needs the module that holds tasks");
	EXPECT_TRUE(hold_task_is_held(0));
	writer = in_child(write_nothing);
	freezer = in_child(freeze_it);
	EXPECT_TRUE(wait_until(sleeps_in(writer, SYS_pwrite64)));
	/* control: it waits for who is held */
	EXPECT_EQ(0, waitpid(freezer, &status, WNOHANG));
	EXPECT_EQ(0, hold_task_go(0));
	EXPECT_EQ(freezer, waitpid(freezer, &status, 0));
	EXPECT_EQ(0, status);
	kill(pid, SIGKILL);
	EXPECT_TRUE(wait_until(is_reaped(pid, &status)));
	EXPECT_EQ(0, freeze(FITHAW));
	kill(writer, SIGKILL);
	EXPECT_EQ(writer, waitpid(writer, &status, 0));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* Nobody waits for the thaw to detach, and then it is the server's, whatever that says */
TEST_F(tree_frozen, detached_meanwhile)
{
	pid_t pid = call_frozen(_metadata, variant);
	int status;

	EXPECT_EQ(0, fuse_detach_backing(self->srv->fd, FUSE_ROOT_ID, 0, 0));
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	EXPECT_EQ(0, freeze(FITHAW));
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(1, fuse_server_ops(self->srv, variant->op));
}

TEST_HARNESS_MAIN
