// SPDX-License-Identifier: GPL-2.0
/*
 * A BPF program is asked about names below a tree that are made, removed and moved.
 *
 * Proves: what is passed through is changed without the server; what is hidden is nobody's
 * to remove or to move, and isn't replaced by what is made or moved there; what is the
 * server's isn't made, removed or moved without it, under the old name or the new one, nor
 * if it is so only when the change is about to be made, nor cut off by a file that it has
 * opened; nor are its attributes changed, or links made to it, though it was passed through
 * when the server was told of it; nor is a directory removed, or replaced; the program sees
 * who asks, not who registered the tree; what is hidden from one caller is there for another
 * all the while.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "harness.h"

#include "creds.h"
#include "filter.h"
#include "hold_task.h"
#include "tree_env.h"

#define BOTH	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define ALICE	1000

FIXTURE(changes) {
	struct env env;
	struct fuse_server *srv;
	struct filter filter;
	struct filter_state *state;
};

/* What is in there is what it is called */
static int make_text(const char *name)
{
	int fd = open(scratch_path(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, name, strlen(name)) != (ssize_t)strlen(name))
		err = -EIO;
	close(fd);
	return err;
}

static int make_tree(void)
{
	if (mkdir(scratch_path("dir"), 0777) || chmod(scratch_path("dir"), 0777))
		return -errno;
	return make_text("dir/file") ?: make_text("dir/other");
}

FIXTURE_SETUP(changes)
{
	struct filter_opts opts = { .flags = FUSE_BACKING_FILTER_PER_CALLER };

	if (access("/sys/kernel/btf/vmlinux", F_OK))
		SKIP(return, "the kernel has no BTF");
	tree_start(_metadata, &self->env, SCRATCH_TMPFS, make_tree, TREE_OPS, BOTH);
	self->srv = &self->env.srv;
	opts.fuse_fd = self->srv->fd;
	ASSERT_EQ(0, filter_start(&self->filter, "lookups", &opts));
	self->state = self->filter.state;
}

FIXTURE_TEARDOWN(changes)
{
	hold_task_stop();
	filter_close(&self->filter);
	tree_end(_metadata, &self->env);
}

static void say(FIXTURE_DATA(changes) * self, const char *name, int verdict)
{
	memset(self->state->only, 0, sizeof(self->state->only));
	memcpy(self->state->only, name, strlen(name));
	self->state->verdict = verdict;
	fuse_server_new_requests(self->srv);
}

/* All of these: 0 or -errno */
static int make(const char *name)
{
	return tree_make(tree_at(name));
}

static int make_dir(const char *name)
{
	return mkdir(tree_at(name), 0755) ? -errno : 0;
}

static int take(void *name)
{
	return unlink(tree_at(name)) ? -errno : 0;
}

static int move(const char *from, const char *to)
{
	return rename(tree_at(from), tree_at(to)) ? -errno : 0;
}

static int also(const char *from, const char *to)
{
	return link(tree_at(from), tree_at(to)) ? -errno : 0;
}

static int take_as_alice(const char *name)
{
	const struct creds alice = { ALICE, ALICE, 0 };

	return creds_call(&alice, take, (void *)name);
}

static bool is_there(const char *name)
{
	return !access(scratch_path(name), F_OK);
}

/* As it was made */
static bool is_whole(const char *name)
{
	return !scratch_compare(name, name, strlen(name), 0);
}

static __u32 asked(FIXTURE_DATA(changes) * self, __u32 opcode)
{
	return fuse_server_ops(self->srv, opcode);
}

/* The server is told of it */
static int introduce(const char *name)
{
	int fd = open(tree_at(name), O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = ioctl(fd, _IO('f', 1)) == FUSE_SERVER_IOCTL ? 0 : -EIO;
	close(fd);
	return err;
}

static int change_mode(void *name)
{
	return chmod(tree_at(name), 0604) ? -errno : 0;
}

static int set_attribute(const char *name)
{
	return setxattr(tree_at(name), "user.a", "b", 1, 0) ? -errno : 0;
}

/* With the power of root, as a program of root's that Alice runs has it */
static int change_mode_for_alice(void *name)
{
	return setresuid(ALICE, 0, 0) ? -errno : change_mode(name);
}

/* The control of all others */
TEST_F(changes, passed_through)
{
	say(self, "nothing", FUSE_BACKING_HIDE);
	EXPECT_EQ(0, make("dir/new"));
	EXPECT_EQ(0, make_dir("dir/newdir"));
	EXPECT_EQ(0, also("dir/new", "dir/newer"));
	EXPECT_EQ(0, move("dir/newer", "dir/newest"));
	EXPECT_EQ(0, move("dir/other", "dir/file"));
	EXPECT_EQ(0, take("dir/file"));
	EXPECT_TRUE(is_there("dir/newest"));
	EXPECT_FALSE(is_there("dir/file"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	EXPECT_LT(0, self->state->calls[FILTER_LOOKUP]);
}

TEST_F(changes, hidden_before_it_is_known)
{
	say(self, "file", FUSE_BACKING_HIDE);
	EXPECT_EQ(-ENOENT, take("dir/file"));
	EXPECT_EQ(-ENOENT, move("dir/file", "dir/x"));
	EXPECT_EQ(-ENOENT, also("dir/file", "dir/x"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	/* to make it is the server's to refuse, which can't, or has it already */
	EXPECT_EQ(-ENOSYS, move("dir/other", "dir/file"));
	EXPECT_EQ(-ENOSYS, make_dir("dir/file"));
	EXPECT_EQ(1, asked(self, FUSE_MKDIR));
	make("dir/file");
	EXPECT_EQ(1, asked(self, FUSE_CREATE));
	EXPECT_TRUE(is_whole("dir/file"));
	EXPECT_TRUE(is_whole("dir/other"));
}

/* Others have it in the dcache, where it stays */
TEST_F(changes, hidden_while_it_is_known)
{
	ASSERT_EQ(0, access(tree_at("dir/file"), F_OK));
	say(self, "file", FUSE_BACKING_HIDE);
	EXPECT_EQ(-ENOENT, take("dir/file"));
	EXPECT_EQ(-ENOENT, move("dir/file", "dir/x"));
	EXPECT_GT(0, move("dir/other", "dir/file"));
	EXPECT_GT(0, make_dir("dir/file"));
	EXPECT_GT(0, make("dir/file"));
	EXPECT_TRUE(is_whole("dir/file"));
	EXPECT_TRUE(is_whole("dir/other"));
	say(self, "nothing", FUSE_BACKING_HIDE);
	EXPECT_EQ(0, access(tree_at("dir/file"), F_OK));
	EXPECT_EQ(0, take("dir/file"));
}

TEST_F(changes, the_servers)
{
	say(self, "new", FUSE_BACKING_SERVER);
	EXPECT_EQ(-ENOSYS, make_dir("dir/new"));
	EXPECT_EQ(1, asked(self, FUSE_MKDIR));
	EXPECT_EQ(-ENOSYS, move("dir/other", "dir/new"));
	also("dir/other", "dir/new");
	EXPECT_EQ(1, asked(self, FUSE_LINK));
	EXPECT_FALSE(is_there("dir/new"));
	say(self, "other", FUSE_BACKING_SERVER);
	EXPECT_EQ(-ENOSYS, take("dir/other"));
	EXPECT_EQ(1, asked(self, FUSE_UNLINK));
	EXPECT_EQ(-ENOSYS, move("dir/other", "dir/new"));
	EXPECT_TRUE(is_whole("dir/other"));
	EXPECT_FALSE(is_there("dir/new"));
	/* and beside it */
	EXPECT_EQ(0, take("dir/file"));
}

/* Nobody can ask for all names that may be in there */
TEST_F(changes, directories)
{
	say(self, "nothing", FUSE_BACKING_HIDE);
	ASSERT_EQ(0, make_dir("dir/empty"));
	ASSERT_EQ(0, make_dir("dir/newdir"));
	EXPECT_EQ(-1, rmdir(tree_at("dir/empty")));
	EXPECT_EQ(ENOSYS, errno);
	EXPECT_EQ(1, asked(self, FUSE_RMDIR));
	EXPECT_EQ(-ENOSYS, move("dir/newdir", "dir/empty"));
	EXPECT_TRUE(is_there("dir/newdir"));
	/* control */
	fuse_server_new_requests(self->srv);
	EXPECT_EQ(0, move("dir/newdir", "dir/moved"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

static int make_file(void *name)
{
	return make(name);
}

/* What is said while the change waits to be made counts */
TEST_F(changes, the_servers_by_then)
{
	pid_t maker;

	say(self, "new", FUSE_BACKING_PASS);
	/* control */
	EXPECT_EQ(0, make("dir/newer"));
	EXPECT_EQ(0, asked(self, FUSE_CREATE));
	maker = hold_task_run("fuse_change_start", 1, NULL, make_file, "dir/new");
	if (maker < 0)
		SKIP(return, "needs the module that holds tasks");
	ASSERT_TRUE(hold_task_is_held(0));
	say(self, "new", FUSE_BACKING_SERVER);
	EXPECT_EQ(0, hold_task_go(0));
	ASSERT_EQ(maker, waitpid(maker, NULL, 0));
	EXPECT_EQ(1, asked(self, FUSE_CREATE));
}

/* Even of what it was told of while the name was another's to decide about */
static void change_what_is_the_servers(struct __test_metadata *_metadata,
				       FIXTURE_DATA(changes) * self)
{
	say(self, "nothing", FUSE_BACKING_HIDE);
	ASSERT_EQ(0, introduce("dir/file"));
	/* the control: it is passed through still */
	EXPECT_EQ(0, change_mode("dir/file"));
	EXPECT_EQ(0, truncate(tree_at("dir/file"), 8));
	EXPECT_EQ(0, set_attribute("dir/file"));
	EXPECT_EQ(0, also("dir/file", "dir/also"));
	EXPECT_EQ(0, asked(self, FUSE_SETATTR) + asked(self, FUSE_SETXATTR) +
		     asked(self, FUSE_LINK));

	say(self, "file", FUSE_BACKING_SERVER);
	EXPECT_EQ(0, change_mode("dir/file"));
	EXPECT_EQ(1, asked(self, FUSE_SETATTR));
	EXPECT_EQ(0, truncate(tree_at("dir/file"), 7));
	EXPECT_EQ(2, asked(self, FUSE_SETATTR));
	EXPECT_EQ(-EOPNOTSUPP, set_attribute("dir/file"));
	EXPECT_EQ(1, asked(self, FUSE_SETXATTR));
	also("dir/file", "dir/other name");
	EXPECT_EQ(1, asked(self, FUSE_LINK));
	EXPECT_FALSE(is_there("dir/other name"));
}

TEST_F(changes, attributes_of_the_servers)
{
	change_what_is_the_servers(_metadata, self);
}

/* Nor does it depend on the server being asked anew */
TEST_F(changes, attributes_of_the_servers_for_all)
{
	const struct filter_opts opts = { .fuse_fd = self->srv->fd };

	self->srv->sh->entry_valid = 1000;
	filter_close(&self->filter);
	ASSERT_EQ(0, filter_start(&self->filter, "lookups", &opts));
	self->state = self->filter.state;
	change_what_is_the_servers(_metadata, self);
}

/* What the server has opened it cuts off, who knows which file that is */
TEST_F(changes, cut_off_by_the_server)
{
	const struct filter_opts opts = { .fuse_fd = self->srv->fd };
	int fd;

	filter_close(&self->filter);
	ASSERT_EQ(0, filter_start(&self->filter, "opens", &opts));
	self->state = self->filter.state;
	say(self, "file", FUSE_BACKING_SERVER);
	fd = open(tree_at("dir/file"), O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, asked(self, FUSE_OPEN));
	EXPECT_EQ(0, ftruncate(fd, 4));
	EXPECT_EQ(1, asked(self, FUSE_SETATTR));
	/* the control: the name is passed through */
	EXPECT_EQ(0, truncate(tree_at("dir/file"), 3));
	EXPECT_EQ(1, asked(self, FUSE_SETATTR));
	close(fd);
	fd = open(tree_at("dir/file"), O_WRONLY | O_TRUNC | O_CLOEXEC);
	EXPECT_LE(0, fd);
	EXPECT_EQ(2, asked(self, FUSE_SETATTR));
	close(fd);
}

/* The program sees who asks, not who registered the tree */
TEST_F(changes, asked_of_the_client)
{
	const struct creds root = { 0, 0, ~0ULL };

	self->state->uid = ALICE;
	self->state->uid_verdict = FUSE_BACKING_PASS;
	say(self, "file", FUSE_BACKING_SERVER);
	EXPECT_EQ(0, creds_call(&root, change_mode_for_alice, "dir/file"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	/* the control */
	EXPECT_EQ(0, change_mode("dir/file"));
	EXPECT_EQ(1, asked(self, FUSE_SETATTR));
}

TEST_F(changes, callers)
{
	self->state->uid = ALICE;
	self->state->uid_verdict = FUSE_BACKING_HIDE;
	say(self, "file", FUSE_BACKING_PASS);
	ASSERT_EQ(0, access(tree_at("dir/file"), F_OK));
	EXPECT_EQ(-ENOENT, take_as_alice("dir/file"));
	EXPECT_EQ(0, asked(self, FUSE_UNLINK));
	/* who may do less than the server is asked about, where it isn't hidden */
	EXPECT_EQ(-ENOSYS, take_as_alice("dir/other"));
	EXPECT_EQ(1, asked(self, FUSE_UNLINK));
	EXPECT_TRUE(is_there("dir/file"));
	EXPECT_EQ(0, take("dir/file"));
	EXPECT_FALSE(is_there("dir/file"));
}

TEST_HARNESS_MAIN
