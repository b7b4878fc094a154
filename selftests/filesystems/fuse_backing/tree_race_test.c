// SPDX-License-Identifier: GPL-2.0
/*
 * Names below an attached directory, while others move them.
 *
 * Proves: whoever looks, opens, lists and changes what is below, while the backing
 * directory is turned over, rules of names are replaced, and the tree is detached and
 * attached, sees something that was there, or one of a few errors; the server is never
 * asked about a node that it didn't name; and all of it ends with the mount, also what was
 * left by who was killed. Who asks for rights keeps the mapping that says them; and what
 * comes into being while its name is looked up isn't there for who looked.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "dir_lister.h"
#include "hold_task.h"
#include "rules.h"
#include "tree_env.h"
#include "wait_until.h"

#define BOTH	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define BELOW	(FUSE_BACKING_OPS_LOOKUP | FUSE_BACKING_OPS_ATTR |	\
		 FUSE_BACKING_OPS_LIST | FUSE_BACKING_OPS_READLINK |	\
		 FUSE_BACKING_OPS_XATTR | FUSE_BACKING_OPS_OPEN)
#define STEPS	1500
#define DIRS	3
#define FILES	4

FIXTURE(tree_race) {
	struct env env;
	struct fuse_server *srv;
	int dev;
	int id;
	pid_t child[8];
	int children;
};

/* One of the names that files and directories get, at any depth */
static const char *some_name(unsigned int *seed, const char *top)
{
	static char path[2][256];
	static int turn;
	int n;

	turn = !turn;
	n = snprintf(path[turn], sizeof(path[turn]), "%s", top);
	do {
		n += snprintf(path[turn] + n, sizeof(path[turn]) - n, "/d%d",
			      rand_r(seed) % DIRS);
	} while (rand_r(seed) % 2 && n < 100);
	if (rand_r(seed) % 4)
		snprintf(path[turn] + n, sizeof(path[turn]) - n, "/f%d",
			 rand_r(seed) % FILES);
	return path[turn];
}

static int make_names(void)
{
	char path[256];
	int fd;

	for (int d = 0; d < DIRS; d++) {
		snprintf(path, sizeof(path), SCRATCH_BACKING "/d%d", d);
		if (mkdir(path, 0755) < 0)
			return -errno;
		for (int f = 0; f < FILES; f++) {
			snprintf(path, sizeof(path), SCRATCH_BACKING "/d%d/f%d", d,
				 f);
			fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
			if (fd < 0)
				return -errno;
			close(fd);
		}
	}
	return 0;
}

FIXTURE_SETUP(tree_race)
{
	self->id = tree_start(_metadata, &self->env, SCRATCH_TMPFS, make_names, BELOW, BOTH);
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
}

FIXTURE_TEARDOWN(tree_race)
{
	hold_task_stop();
	tree_end(_metadata, &self->env);
}

static bool is_expected(int err)
{
	switch (err) {
	/* the server goes by names: to it, a node may have become a directory, and then
	 * FUSE has no use for the inode any more
	 */
	case EIO:
	case ENOENT:
	case ESTALE:
	case ENOTDIR:
	case EISDIR:
	case EEXIST:
	case ENOTEMPTY:
	case EINVAL:	/* a directory into itself */
	case ELOOP:
	case EBUSY:
		return true;
	default:
		return false;
	}
}

static int report(const char *what, const char *path, int ret)
{
	if (!ret || is_expected(errno))
		return 0;
	fprintf(stderr, "# %s %s: %s\n", what, path, strerror(errno));
	return 1;
}

/* Turns the backing directory over */
static int move(unsigned int *seed)
{
	const char *from = some_name(seed, SCRATCH_BACKING);
	const char *to = some_name(seed, SCRATCH_BACKING);

	return report("rename", from, rename(from, to));
}

static int link_some(unsigned int *seed)
{
	const char *from = some_name(seed, SCRATCH_BACKING);
	const char *to = some_name(seed, SCRATCH_BACKING);
	int ret = link(from, to);

	/* of directories there are none */
	return ret && errno == EPERM ? 0 : report("link", from, ret);
}

static int look(unsigned int *seed)
{
	const char *path = some_name(seed, SCRATCH_FUSE);
	struct stat st;

	return report("stat", path, stat(path, &st));
}

static int open_some(unsigned int *seed)
{
	const char *path = some_name(seed, SCRATCH_FUSE);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int bad;

	if (fd < 0)
		return report("open", path, -1);
	bad = report("fstat", path, fstat(fd, &st));
	close(fd);
	return bad;
}

static int list_some(unsigned int *seed)
{
	const char *path = some_name(seed, SCRATCH_FUSE);
	struct dir_list list = {};
	int err = dir_list_path(&list, path);

	dir_list_free(&list);
	errno = -err;
	return report("list", path, err);
}

/* Has the server know it */
static int change(unsigned int *seed)
{
	const char *path = some_name(seed, SCRATCH_FUSE);

	return report("chmod", path, chmod(path, 0755));
}

/* What the server, which has no such requests, says where it is asked */
static int report_change(const char *what, const char *path, int ret)
{
	return ret && (errno == ENOSYS || errno == EPERM || errno == ENOSPC) ?
	       0 : report(what, path, ret);
}

static int move_below(unsigned int *seed)
{
	const char *from = some_name(seed, SCRATCH_FUSE);
	const char *to = some_name(seed, SCRATCH_FUSE);
	unsigned int flags = rand_r(seed) % 3;

	return report_change("rename below", from,
			     renameat2(AT_FDCWD, from, AT_FDCWD, to, flags));
}

static int link_below(unsigned int *seed)
{
	const char *from = some_name(seed, SCRATCH_FUSE);
	const char *to = some_name(seed, SCRATCH_FUSE);

	return report_change("link below", from, link(from, to));
}

static int make_below(unsigned int *seed)
{
	const char *path = some_name(seed, SCRATCH_FUSE);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	int bad;

	if (fd < 0)
		return report_change("create", path, -1);
	bad = report_change("write", path, write(fd, "text", 4) == 4 ? 0 : -1);
	bad |= report_change("ftruncate", path, ftruncate(fd, 2));
	close(fd);
	return bad;
}

static int make_dir_below(unsigned int *seed)
{
	const char *path = some_name(seed, SCRATCH_FUSE);

	return report_change("mkdir", path, mkdir(path, 0755));
}

static int remove_below(unsigned int *seed)
{
	const char *path = some_name(seed, SCRATCH_FUSE);

	return report_change("remove", path, rand_r(seed) % 3 ? unlink(path) : rmdir(path));
}

static int set_below(unsigned int *seed)
{
	const char *path = some_name(seed, SCRATCH_FUSE);

	if (rand_r(seed) % 2)
		return report_change("chmod", path, chmod(path, 0755));
	return report_change("truncate", path, truncate(path, 3));
}

static int (* const steps_below[])(unsigned int *seed) = {
	move_below, link_below, make_below, make_dir_below, remove_below, set_below,
};

static int change_below(unsigned int *seed)
{
	return steps_below[rand_r(seed) % ARRAY_SIZE(steps_below)](seed);
}

static int drop(unsigned int *seed)
{
	return rand_r(seed) % 50 ? 0 : scratch_drop_caches();
}

/* Rules of the root, or of a directory that the server may know by now */
static int set_rules(int dev, unsigned int *seed)
{
	static const char *const names[] = { "d0", "d1", "d2", "f0", "f1", "own" };
	const __u64 node = rand_r(seed) % 2 ? FUSE_ROOT_ID : 2 + rand_r(seed) % 60;
	struct rule rules[6];
	size_t count = 0;
	int err;

	for (size_t i = 0; i < 6; i++) {
		if (rand_r(seed) % 2)
			continue;
		rules[count] = (struct rule)RULE_PASS(names[i]);
		rules[count].verdict = rand_r(seed) % 3;
		if (rules[count].verdict == FUSE_BACKING_SERVER)
			rules[count].type = rand_r(seed) % 2 ? DT_REG : 0;
		rules[count].ino = rules[count].type;
		count++;
	}
	err = rules_set(dev, node, rules, count, rand_r(seed) % 3);
	errno = -err;
	return report("rules", "", err);
}

static void start(FIXTURE_DATA(tree_race) * self, int (*step)(unsigned int *seed))
{
	unsigned int seed = self->children + 1;
	int bad = 0;
	pid_t pid = fork();

	if (pid) {
		self->child[self->children++] = pid;
		return;
	}
	for (int i = 0; i < STEPS; i++)
		bad |= step(&seed);
	_exit(bad);
}

static int finish(FIXTURE_DATA(tree_race) * self)
{
	int status, bad = 0;

	for (int i = 0; i < self->children; i++) {
		if (waitpid(self->child[i], &status, 0) != self->child[i] || status)
			bad++;
	}
	return bad;
}

TEST_F_TIMEOUT(tree_race, moved, 120)
{
	start(self, move);
	start(self, link_some);
	start(self, look);
	start(self, open_some);
	start(self, list_some);
	start(self, change);
	start(self, drop);
	EXPECT_EQ(0, finish(self));
	EXPECT_EQ(0, fuse_server_umount(self->srv));
	EXPECT_EQ(0, scratch_umount_backing());
}

TEST_F_TIMEOUT(tree_race, detached, 120)
{
	unsigned int seed = 77;
	int err = 0, bad = 0;

	start(self, move);
	start(self, look);
	start(self, open_some);
	start(self, list_some);
	start(self, change);
	for (int i = 0; i < STEPS / 5 && !err; i++) {
		bad |= set_rules(self->dev, &seed);
		err = fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0) ?:
		      tree_attach(self->dev, FUSE_ROOT_ID, self->id, BELOW, BOTH);
		usleep(1000);
	}
	EXPECT_EQ(0, err);
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, finish(self));
	EXPECT_EQ(0, fuse_server_umount(self->srv));
	EXPECT_EQ(0, scratch_umount_backing());
}

TEST_F_TIMEOUT(tree_race, ruled, 120)
{
	unsigned int seed = 99;
	int bad = 0;

	start(self, move);
	start(self, look);
	start(self, open_some);
	start(self, list_some);
	start(self, change);
	start(self, drop);
	for (int i = 0; i < STEPS && !bad; i++)
		bad = set_rules(self->dev, &seed);
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, finish(self));
	EXPECT_EQ(0, fuse_server_umount(self->srv));
	EXPECT_EQ(0, scratch_umount_backing());
}

/* By the kernel itself, and by the server, whoever has the tree at that moment */
TEST_F_TIMEOUT(tree_race, changed, 240)
{
	unsigned int seed = 55;
	int err, bad = 0;

	err = fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0);
	start(self, move);
	start(self, look);
	start(self, open_some);
	start(self, list_some);
	start(self, change_below);
	start(self, change_below);
	start(self, change_below);
	start(self, drop);
	for (int i = 0; i < STEPS / 5 && !err; i++) {
		err = tree_attach(self->dev, FUSE_ROOT_ID, self->id, TREE_OPS, BOTH);
		usleep(20000);
		bad |= set_rules(self->dev, &seed);
		err = err ?: fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0);
	}
	EXPECT_EQ(0, err);
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, finish(self));
	EXPECT_EQ(0, fuse_server_umount(self->srv));
	EXPECT_EQ(0, scratch_umount_backing());
}

/* Changes one after the other for a moment, and is killed in the middle of one */
static pid_t start_changing(unsigned int seed)
{
	pid_t pid = fork();

	while (!pid)
		change_below(&seed);
	return pid;
}

static int attach_anew(FIXTURE_DATA(tree_race) * self)
{
	self->id = tree_register(self->dev, SCRATCH_BACKING);
	return self->id < 0 ? self->id :
	       tree_attach(self->dev, FUSE_ROOT_ID, self->id, TREE_OPS, BOTH);
}

TEST_F_TIMEOUT(tree_race, killed, 120)
{
	unsigned int seed = 11;
	int err = 0;
	pid_t pid;

	start(self, move);
	start(self, look);
	start(self, open_some);
	for (int i = 0; i < STEPS / 5 && !err; i++) {
		pid = start_changing(i);
		ASSERT_LT(0, pid);
		usleep(rand_r(&seed) % 4000);
		err = set_rules(self->dev, &seed);
		if (i % 3 == 0)
			err |= fuse_backing_close_all(self->dev);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (i % 3 == 0)
			err |= attach_anew(self);
	}
	EXPECT_EQ(0, err);
	EXPECT_EQ(0, finish(self));
	EXPECT_EQ(0, fuse_server_umount(self->srv));
	EXPECT_EQ(0, scratch_umount_backing());
}

static int may_read(void *path)
{
	return access(path, R_OK) ? -errno : 0;
}

/* It goes on: with what it exits */
static int let_go(pid_t client)
{
	int status;

	if (hold_task_go(0) || waitpid(client, &status, 0) != client || !WIFEXITED(status))
		return -ECHILD;
	return WEXITSTATUS(status);
}

TEST_F(tree_race, detached_while_asked)
{
	pid_t client = hold_task_run("fuse_backing_check_mount", 1, NULL, may_read,
				     SCRATCH_FUSE);
	pid_t thread = thread_find(self->srv->dev);

	if (client < 0)
		SKIP(return, "needs the module that holds tasks");
	ASSERT_TRUE(hold_task_is_held(0));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	ASSERT_EQ(0, fuse_backing_close(self->dev, self->id));
	EXPECT_EQ(1, table_count(thread));
	EXPECT_EQ(0, let_go(client));
	EXPECT_TRUE(wait_until(!table_count(thread)));
}

TEST_F(tree_race, made_while_looked_up)
{
	pid_t client = hold_task_run("fuse_tree_is_numbered", 1, NULL, may_read,
				     tree_at("pipe"));

	if (client < 0)
		SKIP(return, "needs the module that holds tasks");
	ASSERT_TRUE(hold_task_is_held(0));
	ASSERT_EQ(0, mkfifo(scratch_path("pipe"), 0600));
	EXPECT_EQ(ENOENT, let_go(client));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	/* control: what it is then is the server's */
	may_read((void *)tree_at("pipe"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_LOOKUP));
}

TEST_HARNESS_MAIN
