// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks on changes below a tree, which are made without the server.
 *
 * Proves: who makes a file may write to it whatever its mode is, also where the server has
 * no CREATE, the table is full or the tree is detached in the middle, and never finds a
 * file of its own in its way; others who have it open aren't writers by that; a name that
 * the server hides is nobody's to find, to make or to move to, also where nothing is to be
 * replaced; what the server is about to write isn't there again after a file was cut off,
 * and what it has opened in a file's stead is cut off instead of that; what is sticky by
 * now protects what is in there; times of the tree's root are the server's; when the server
 * has said that a name is its own, nobody makes, removes or changes that any more, and when
 * it has detached the tree, nobody changes anything; what is refused below leaves no lock;
 * who has a lease or a delegation, or is to be asked before content is changed, is waited
 * for by nobody but the server.
 *
 * Privilege: root, for whose server, or a user's, clients of the same user change names.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <linux/fs.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "delegation.h"
#include "held_page.h"
#include "hold_task.h"
#include "rules.h"
#include "text_file.h"
#include "tree_env.h"
#include "wait_until.h"

#define BOTH	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
/* Of which our server knows nothing: it has more bytes than that keeps */
#define HIDDEN	"a-name-with-more-than-31-bytes-in-it"

static const struct creds user = { .uid = 1000, .gid = 1000 };

FIXTURE(change) {
	struct env env;
	struct fuse_server *srv;
	int id;
};

FIXTURE_VARIANT(change) {
	enum scratch_fs fs;
	uid_t uid;
};

FIXTURE_VARIANT_ADD(change, tmpfs_root) {
	.fs = SCRATCH_TMPFS,
};

FIXTURE_VARIANT_ADD(change, ext4_user) {
	.fs = SCRATCH_EXT4,
	.uid = 1000,
};

static int register_it(void *dev)
{
	return tree_register(*(int *)dev, SCRATCH_BACKING);
}

/* A server of @uid's that has all names below its root passed through */
static bool start(FIXTURE_DATA(change) * self, uid_t uid)
{
	const struct fuse_server_opts opts = {
		.mount_opts = "default_permissions",
		.uid = uid,
	};

	if (env_serve(&self->env, self->srv, &opts))
		return false;
	self->srv->sh->deep = true;
	self->id = uid ? creds_call(&user, register_it, &self->srv->fd) :
			 register_it(&self->srv->fd);
	return self->id > 0 &&
	       !tree_attach(self->srv->fd, FUSE_ROOT_ID, self->id, TREE_OPS, BOTH) &&
	       !access(SCRATCH_FUSE, F_OK);
}

FIXTURE_SETUP(change)
{
	int err;

	if (geteuid())
		SKIP(return, "needs root");
	err = scratch_setup(&self->env.scratch, variant->fs);
	if (err == -EOPNOTSUPP)
		SKIP(return, "needs loop devices, mkfs.ext4");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, chmod(SCRATCH_BACKING, 0755));
	ASSERT_EQ(0, chown(SCRATCH_BACKING, variant->uid, variant->uid));
	ASSERT_EQ(0, mkdir(scratch_path("dir"), 0755));
	ASSERT_EQ(0, chown(scratch_path("dir"), variant->uid, variant->uid));
	ASSERT_EQ(0, scratch_owned("dir/file", 100, 1, variant->uid, 0644));
	self->srv = &self->env.srv;
	ASSERT_TRUE(start(self, variant->uid));
}

FIXTURE_TEARDOWN(change)
{
	hold_task_stop();
	if (self->srv && self->srv->sh) {
		EXPECT_EQ(0, self->srv->sh->no_node);
		EXPECT_EQ(0, self->srv->sh->bad_fh);
	}
	env_teardown(&self->env);
}

/* As the server's user, in a process of its own */
static int as(uid_t uid, int (*fn)(void *), const void *arg)
{
	const struct creds root = { .caps = ~0ULL >> 23 };

	return creds_call(uid ? &user : &root, fn, (void *)arg);
}

static int make_read_only(void *path)
{
	return tree_make_read_only(path);
}

/* Somewhere else the server has said that it has no CREATE */
TEST_F(change, server_without_create)
{
	static const struct rule rules[] = { RULE_SERVER("own") };
	int fd;

	ASSERT_EQ(0, as(variant->uid, make_read_only, tree_at("dir/before")));
	ASSERT_EQ(0, rules_set(self->srv->fd, FUSE_ROOT_ID, rules, 1, FUSE_BACKING_PASS));
	self->srv->sh->no_create = true;
	fd = open(tree_at("own"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	EXPECT_EQ(-1, fd);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_CREATE));
	EXPECT_EQ(0, as(variant->uid, make_read_only, tree_at("dir/after")));
}

static int make(void *path)
{
	return tree_make(path);
}

/* A table that is full leaves to the server what was made, and that is there */
TEST_F(change, full_table)
{
	pid_t thread = thread_find(self->srv->dev);
	struct rlimit limit = { 3, 3 };

	ASSERT_EQ(0, prlimit(thread, RLIMIT_NOFILE, &limit, NULL));
	ASSERT_EQ(0, as(variant->uid, make, tree_at("dir/before")));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_OPEN));
	ASSERT_EQ(1, table_count(thread));
	limit.rlim_cur = 2;
	ASSERT_EQ(0, prlimit(thread, RLIMIT_NOFILE, &limit, NULL));
	EXPECT_EQ(0, as(variant->uid, make, tree_at("dir/after")));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_OPEN));
}

static int make_late(void *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* What the server says of a file that was made already is no reason to make it again */
TEST_F(change, server_that_opens_later)
{
	const struct rlimit limit = { 2, 2 };
	struct fuse_server_file *file = fuse_server_add(self->srv, "dir/made");
	struct stat st;

	ASSERT_NE(NULL, file);
	file->open_error = EAGAIN;
	ASSERT_EQ(0, prlimit(thread_find(self->srv->dev), RLIMIT_NOFILE, &limit, NULL));
	EXPECT_EQ(-EAGAIN, as(variant->uid, make, tree_at("dir/made")));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_OPEN));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_CREATE));
	EXPECT_EQ(0, stat(scratch_path("dir/made"), &st));
	/* control */
	file->open_error = 0;
	EXPECT_EQ(0, as(variant->uid, make_late, tree_at("dir/made")));
}

static int move_here(void *to)
{
	return rename(tree_at("dir/file"), to) < 0 ? -errno : 0;
}

static int make_dir(void *path)
{
	return mkdir(path, 0700) < 0 ? -errno : 0;
}

/*
 * A fifo that the server says isn't there: not even that somebody has made one is to be
 * seen.  It knows no such names, and makes none; nor directories, nor does it move.
 */
TEST_F(change, hidden_by_the_server)
{
	ASSERT_EQ(0, mkfifo(scratch_path("dir/" HIDDEN), 0666));
	EXPECT_EQ(-ENOSPC, as(variant->uid, make_late, tree_at("dir/" HIDDEN)));
	EXPECT_EQ(-ENOSPC, as(variant->uid, make, tree_at("dir/" HIDDEN)));
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_CREATE));
	EXPECT_EQ(-ENOSYS, as(variant->uid, move_here, tree_at("dir/" HIDDEN)));
	EXPECT_EQ(-ENOSYS, as(variant->uid, make_dir, tree_at("dir/" HIDDEN)));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_MKDIR));

	/* control: nobody hides a file */
	ASSERT_EQ(0, unlink(scratch_path("dir/" HIDDEN)));
	EXPECT_EQ(0, as(variant->uid, make, tree_at("dir/" HIDDEN)));
	EXPECT_EQ(-EEXIST, as(variant->uid, make, tree_at("dir/" HIDDEN)));
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_CREATE));
}

#define TRY(expr)	((expr) < 0 && errno == EPERM)

/* The number of what isn't refused */
static int change_immutable(void *arg)
{
	const char *dir = arg;
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const bool refused[] = {
		TRY(mkdirat(fd, "new", 0700)),
		TRY(openat(fd, "new", O_CREAT | O_RDWR | O_CLOEXEC, 0600)),
		TRY(symlinkat("x", fd, "new")),
		TRY(mknodat(fd, "new", S_IFREG | 0600, 0)),
		TRY(linkat(fd, "file", fd, "new", 0)),
		TRY(renameat(fd, "file", fd, "new")),
		TRY(unlinkat(fd, "file", 0)),
		TRY(unlinkat(fd, "sub", AT_REMOVEDIR)),
	};

	close(fd);
	for (unsigned int i = 0; i < ARRAY_SIZE(refused); i++)
		if (!refused[i])
			return i + 1;
	return 0;
}

/* Which FUSE doesn't know: the backing filesystem refuses, and is left unlocked */
TEST_F(change, immutable_directory)
{
	ASSERT_EQ(0, mkdir(scratch_path("dir/sub"), 0755));
	ASSERT_EQ(0, chown(scratch_path("dir/sub"), variant->uid, variant->uid));
	ASSERT_EQ(0, scratch_flags("dir", FS_IMMUTABLE_FL));
	EXPECT_EQ(0, as(variant->uid, change_immutable, tree_at("dir")));
	EXPECT_EQ(0, scratch_flags("dir", 0));
	EXPECT_EQ(0, as(variant->uid, make_dir, tree_at("dir/new")));
	EXPECT_EQ(0, as(variant->uid, move_here, tree_at("dir/moved")));
}

static int open_in(int dir, const char *name, int flags)
{
	int fd = openat(dir, name, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int make_theirs(void *dir)
{
	return open_in(*(int *)dir, "theirs", O_CREAT | O_RDWR);
}

static int follow_theirs(void *dir)
{
	return open_in(*(int *)dir, "link", O_RDONLY);
}

/* In a directory that somebody has open there is another's file, and a link to that */
static int make_others(const char *dir)
{
	char file[64], link[64];

	snprintf(file, sizeof(file), "%s/theirs", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	return scratch_owned(file, 10, 1, 2000, 0666) ?:
	       (symlink("theirs", scratch_path(link)) ||
		lchown(scratch_path(link), 2000, 2000) ? -errno : 0);
}

/* The directory is found to be sticky, and everybody's, by who only searches it */
TEST_F(change, sticky_since)
{
	static const char * const dirs[] = { ".", "dir" };
	int fd, direct;

	ASSERT_EQ(0, text_file_write("/proc/sys/fs/protected_regular", "1"));
	ASSERT_EQ(0, text_file_write("/proc/sys/fs/protected_symlinks", "1"));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, make_others(dirs[i]));
		fd = open(tree_at(dirs[i]), O_PATH | O_DIRECTORY | O_CLOEXEC);
		direct = open(scratch_path(dirs[i]), O_PATH | O_DIRECTORY | O_CLOEXEC);
		ASSERT_LE(0, fd);
		ASSERT_LE(0, direct);
		/* control */
		EXPECT_EQ(0, as(variant->uid, make_theirs, &fd));
		EXPECT_EQ(0, as(variant->uid, follow_theirs, &fd));

		ASSERT_EQ(0, chmod(scratch_path(dirs[i]), 01777));
		EXPECT_EQ(-EACCES, as(variant->uid, make_theirs, &direct));
		EXPECT_EQ(-EACCES, as(variant->uid, follow_theirs, &direct));
		EXPECT_EQ(-EACCES, as(variant->uid, make_theirs, &fd));
		EXPECT_EQ(-EACCES, as(variant->uid, follow_theirs, &fd));

		/* and it may be another's again */
		ASSERT_EQ(0, chmod(scratch_path(dirs[i]), 0755));
		EXPECT_EQ(0, as(variant->uid, make_theirs, &fd));
		close(fd);
		close(direct);
	}
}

/* Somebody has to give the directory back first */
TEST_F(change, delegated_directory)
{
	int dir = open(scratch_path("dir"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ASSERT_LE(0, dir);
	ASSERT_EQ(0, text_file_write("/proc/sys/fs/lease-break-time", "1"));
	if (delegation_keep(dir))
		SKIP(return, "needs delegations of directories");
	EXPECT_EQ(0, as(variant->uid, make, tree_at("dir/new")));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_CREATE));
	close(dir);
	EXPECT_EQ(0, as(variant->uid, make, tree_at("dir/other")));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_CREATE));
}

static int lease_made(void *arg)
{
	const char *backing = arg;
	int fd, rd, lease, err;

	fd = open(tree_at("dir/made"), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0755);
	rd = open(tree_at("dir/made"), O_RDONLY | O_CLOEXEC);
	lease = open(backing, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || rd < 0 || lease < 0)
		return -errno;
	/* control: there is a writer */
	if (!fcntl(lease, F_SETLEASE, F_RDLCK))
		return -EEXIST;
	close(fd);
	err = fcntl(lease, F_SETLEASE, F_RDLCK) ? -errno : 0;
	close(lease);
	close(rd);
	return err;
}

/* Who still has open for reading what somebody else made is no writer */
TEST_F(change, made_and_closed)
{
	__u32 before = fuse_server_requests(self->srv);

	EXPECT_EQ(0, as(variant->uid, lease_made, scratch_path("dir/made")));
	EXPECT_EQ(before, fuse_server_requests(self->srv));
}

static int status_of(pid_t pid)
{
	int st;

	return waitpid(pid, &st, 0) == pid && WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}

/* For a moment, or until it is */
static void wait_until_cut(off_t size)
{
	for (int i = 0; i < 300 && scratch_size("dir/file") != size; i++)
		usleep(WAIT_STEP_US);
}

static int do_truncate(void *path)
{
	return truncate(path, 10) ? -errno : 0;
}

/* What the server is still about to write isn't there again after a truncation */
TEST_F(change, truncated_beside_the_server)
{
	struct rlimit limit = { 2, 2 };
	const size_t size = 3 * 4096;
	pid_t cut;
	char *map;
	int fd;

	ASSERT_EQ(0, prlimit(thread_find(self->srv->dev), RLIMIT_NOFILE, &limit, NULL));
	ASSERT_EQ(0, truncate(scratch_path("dir/file"), size));
	fd = open(tree_at("dir/file"), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, fuse_server_ops(self->srv, FUSE_OPEN));
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	map[size - 1] = 'x';

	ASSERT_EQ(0, fuse_server_pause(self->srv));
	ASSERT_EQ(0, sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	ASSERT_TRUE(wait_until(fuse_server_waiting(self->srv) == 1));
	fflush(NULL);
	cut = fork();
	if (!cut)
		_exit(-as(variant->uid, do_truncate, tree_at("dir/file")));
	/* it is either cut off by now, or waits for the server */
	wait_until_cut(10);
	ASSERT_EQ(0, fuse_server_resume(self->srv));
	EXPECT_EQ(0, status_of(cut));
	EXPECT_EQ(10, scratch_size("dir/file"));
	munmap(map, size);
	close(fd);
}

/* Nor is the file itself cut off while the server has opened another in its stead */
TEST_F(change, truncated_while_another_is_open)
{
	struct fuse_server_file *file = fuse_server_add(self->srv, "dir/file");
	const char *path = tree_at("dir/file");
	int fd;

	ASSERT_NE(NULL, file);
	ASSERT_EQ(0, scratch_owned("dir/other", 100, 1, variant->uid, 0644));
	ASSERT_EQ(0, fuse_detach_backing(self->srv->fd, FUSE_ROOT_ID, 0, 0));
	ASSERT_EQ(0, tree_attach(self->srv->fd, FUSE_ROOT_ID, self->id,
				 TREE_OPS, FUSE_BACKING_WRITE));
	file->open_flags = FOPEN_PASSTHROUGH;
	file->backing_id = fuse_backing_open_path(self->srv->fd,
						  scratch_path("dir/other"), O_RDONLY);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, file->opens);
	as(variant->uid, do_truncate, path);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETATTR));
	close(fd);
	ASSERT_TRUE(wait_until(file->releases == 1));

	/* control */
	EXPECT_EQ(0, as(variant->uid, do_truncate, path));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETATTR));
	EXPECT_EQ(10, scratch_size("dir/file"));
}

/* Who fills files when they are asked for is to be asked first: by the server, not below */
TEST_F(change, truncated_where_somebody_fills)
{
	const char *path = tree_at("dir/file");
	int watch = fanotify_init(FAN_CLASS_PRE_CONTENT | FAN_CLOEXEC, O_RDONLY);

	if (watch < 0)
		SKIP(return, "needs fanotify");
	ASSERT_EQ(0, fanotify_mark(watch, FAN_MARK_ADD, FAN_CLOSE_WRITE, AT_FDCWD,
				   scratch_path("dir/file")));
	as(variant->uid, do_truncate, path);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETATTR));
	close(watch);
	EXPECT_EQ(0, as(variant->uid, do_truncate, path));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETATTR));
	EXPECT_EQ(10, scratch_size("dir/file"));
}

/* Somebody has to give the file back first, for which the server waits */
TEST_F(change, leased_file)
{
	const char *path = tree_at("dir/file");
	int fd = open(scratch_path("dir/file"), O_RDONLY | O_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, text_file_write("/proc/sys/fs/lease-break-time", "1"));
	signal(SIGIO, SIG_IGN);
	ASSERT_EQ(0, fcntl(fd, F_SETLEASE, F_RDLCK));
	as(variant->uid, do_truncate, path);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETATTR));
	close(fd);
	EXPECT_EQ(0, as(variant->uid, do_truncate, path));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETATTR));
	EXPECT_EQ(10, scratch_size("dir/file"));
}

static int change_mode(void *path)
{
	return chmod(path, 0600) ? -errno : 0;
}

static int set_user_xattr(void *path)
{
	return setxattr(path, "user.x", "y", 1, 0) ? -errno : 0;
}

static int remove_user_xattr(void *path)
{
	return removexattr(path, "user.x") ? -errno : 0;
}

/* The same of a delegation, for whatever else changes the file */
TEST_F(change, delegated_file)
{
	const char *path = tree_at("dir/file");
	int fd = open(scratch_path("dir/file"), O_RDONLY | O_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, setxattr(scratch_path("dir/file"), "user.x", "z", 1, 0));
	ASSERT_EQ(0, text_file_write("/proc/sys/fs/lease-break-time", "5"));
	if (delegation_keep(fd))
		SKIP(return, "needs delegations");
	as(variant->uid, set_user_xattr, path);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETXATTR));
	as(variant->uid, remove_user_xattr, path);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_REMOVEXATTR));
	as(variant->uid, change_mode, path);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETATTR));
	close(fd);
	/* control */
	fuse_server_new_requests(self->srv);
	EXPECT_EQ(0, as(variant->uid, change_mode, path));
	EXPECT_EQ(0, as(variant->uid, set_user_xattr, path));
	EXPECT_EQ(0, as(variant->uid, remove_user_xattr, path));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

static int touch(void *path)
{
	return utimensat(AT_FDCWD, path, NULL, 0) < 0 ? -errno : 0;
}

/* By whoever may write to it: what is above the names that are passed is the server's */
TEST_F(change, times_of_the_root)
{
	const struct creds other = { .uid = 2000, .gid = 2000 };

	ASSERT_EQ(0, chmod(SCRATCH_BACKING, 0777));
	creds_call(&other, touch, SCRATCH_FUSE);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETATTR));
	as(variant->uid, touch, SCRATCH_FUSE);
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_SETATTR));
	/* control */
	EXPECT_EQ(0, as(variant->uid, touch, tree_at("dir")));
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_SETATTR));
}

static pid_t call_held(uid_t uid, const char *function, int nth, int (*call)(void *),
		       const char *path)
{
	return hold_task_run(function, nth, uid ? &user : NULL, call, path);
}

static pid_t make_held(uid_t uid, const char *function, const char *path)
{
	return call_held(uid, function, 1, make, path);
}

enum end { NONE, DETACHED, REVOKED, CLOSED, UNMOUNTED, ENDS };

static int finish(struct fuse_server *srv, enum end how)
{
	switch (how) {
	case DETACHED:
		return fuse_detach_backing(srv->fd, FUSE_ROOT_ID, 0, 0);
	case REVOKED:
		return fuse_detach_backing(srv->fd, FUSE_ROOT_ID, 0,
					   FUSE_BACKING_DETACH_REVOKE);
	case CLOSED:
		return fuse_backing_close_all(srv->fd);
	case UNMOUNTED:
		return umount2(SCRATCH_FUSE, MNT_DETACH);
	default:
		return 0;
	}
}

static pid_t finish_beside(struct fuse_server *srv, enum end how)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(-finish(srv, how));
	return pid;
}

/* Until it has, or waits for who is held, who is changing something */
static void finish_or_wait(struct fuse_server *srv, enum end how, pid_t *pid, bool waits)
{
	siginfo_t info;

	*pid = finish_beside(srv, how);
	if (waits)
		wait_until(sleeps_in(*pid, SYS_ioctl));
	else
		waitid(P_PID, *pid, &info, WEXITED | WNOWAIT);
}

/* Who was told that a file is there already thinks that somebody else has made it */
TEST_F(change, detached_in_the_middle)
{
	static const char * const functions[] = {
		"vfs_create", "fuse_tree_get_inode", "fuse_backing_install_made",
	};
	pid_t pid, finisher;
	enum end how;
	char name[32];
	struct stat st;

	for (int i = 0; i < 3 * ENDS; i++) {
		how = i % ENDS;
		ASSERT_EQ(0, stat(tree_at("dir"), &st));
		snprintf(name, sizeof(name), "dir/made%d", i);
		pid = make_held(variant->uid, functions[i / ENDS], tree_at(name));
		if (pid < 0)
			SKIP(return, "needs the module that holds tasks");
		EXPECT_TRUE(hold_task_is_held(0));
		finish_or_wait(self->srv, how, &finisher,
			       i < ENDS && how != NONE && how != UNMOUNTED);
		EXPECT_EQ(0, hold_task_go(0));
		EXPECT_EQ(0, status_of(pid))
			TH_LOG("%s, end %d", functions[i / ENDS], how);
		EXPECT_EQ(0, status_of(finisher));
		EXPECT_EQ(0, stat(scratch_path(name), &st));
		hold_task_stop();
		if (how) {
			fuse_server_stop(self->srv);
			ASSERT_TRUE(start(self, variant->uid));
		}
	}
}

static int make_link(void *path)
{
	return symlink("x", path) ? -errno : 0;
}

static int remove_it(void *path)
{
	return unlink(path) ? -errno : 0;
}

static int move_away(void *path)
{
	return rename(path, tree_at("dir/moved")) ? -errno : 0;
}

static int make_second(void *path)
{
	return link(tree_at("dir/file"), path) ? -errno : 0;
}

static int remove_dir(void *path)
{
	return rmdir(path) ? -errno : 0;
}

static int replace_nothing(void *to)
{
	return renameat2(AT_FDCWD, tree_at("dir/file"), AT_FDCWD, to, RENAME_NOREPLACE) ?
	       -errno : 0;
}

/* Nor is it to be seen by who wants to replace nothing, or has another kind of file made */
TEST_F(change, hidden_from_who_replaces_nothing)
{
	const char *hidden = tree_at("dir/" HIDDEN);

	ASSERT_EQ(0, mkfifo(scratch_path("dir/" HIDDEN), 0666));
	EXPECT_EQ(-EINVAL, as(variant->uid, replace_nothing, hidden));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_RENAME2));
	EXPECT_EQ(-ENOSYS, as(variant->uid, make_link, hidden));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SYMLINK));
	EXPECT_NE(-EEXIST, as(variant->uid, make_second, tree_at("dir/" HIDDEN)));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_LINK));

	/* control: nobody hides a file */
	ASSERT_EQ(0, unlink(scratch_path("dir/" HIDDEN)));
	ASSERT_EQ(0, scratch_owned("dir/" HIDDEN, 1, 1, variant->uid, 0644));
	hidden = tree_at("dir/" HIDDEN);
	EXPECT_EQ(-EEXIST, as(variant->uid, replace_nothing, hidden));
	ASSERT_EQ(0, unlink(scratch_path("dir/" HIDDEN)));
	EXPECT_EQ(0, as(variant->uid, replace_nothing, hidden));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_RENAME2));
	EXPECT_EQ(100, scratch_size("dir/" HIDDEN));
}

static int move_up(void *dir)
{
	return renameat2(*(int *)dir, "file", AT_FDCWD, tree_at(HIDDEN), 0) ? -errno : 0;
}

static int move_up_to_nothing(void *dir)
{
	return renameat2(*(int *)dir, "file", AT_FDCWD, tree_at(HIDDEN), RENAME_NOREPLACE) ?
	       -errno : 0;
}

/*
 * The same of a mount point, also by who is below it still: the server knows no such
 * directory, out of which it could move anything.
 */
TEST_F(change, mount_point_hidden_by_the_server)
{
	int dir;

	ASSERT_EQ(0, mkdir(scratch_path(HIDDEN), 0755));
	ASSERT_EQ(0, chown(scratch_path(HIDDEN), variant->uid, variant->uid));
	ASSERT_EQ(0, scratch_owned(HIDDEN "/file", 100, 1, variant->uid, 0644));
	dir = open(tree_at(HIDDEN), O_PATH | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, dir);
	ASSERT_EQ(0, mount(SCRATCH_OTHER, scratch_path(HIDDEN), NULL, MS_BIND, NULL));
	ASSERT_EQ(-1, access(tree_at(HIDDEN), F_OK));
	ASSERT_EQ(ENOENT, errno);
	EXPECT_EQ(-EINVAL, as(variant->uid, replace_nothing, tree_at(HIDDEN)));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_RENAME2));
	EXPECT_EQ(-ESTALE, as(variant->uid, move_up, &dir));
	EXPECT_EQ(-ESTALE, as(variant->uid, move_up_to_nothing, &dir));
	ASSERT_EQ(0, umount(scratch_path(HIDDEN)));

	/* control: it is seen */
	EXPECT_EQ(-EEXIST, as(variant->uid, replace_nothing, tree_at(HIDDEN)));
	EXPECT_EQ(-ENOTEMPTY, as(variant->uid, move_up, &dir));
	EXPECT_EQ(-EEXIST, as(variant->uid, move_up_to_nothing, &dir));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_RENAME2));
	close(dir);
}

static bool is_made(const char *path)
{
	return !faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

static bool is_removed(const char *path)
{
	return !is_made(path);
}

static bool is_changed(const char *path)
{
	struct stat st;

	return !stat(path, &st) && (st.st_mode & 0777) == 0600;
}

static bool is_cut(const char *path)
{
	struct stat st;

	return !stat(path, &st) && st.st_size == 10;
}

static bool has_xattr(const char *path)
{
	return getxattr(path, "user.x", NULL, 0) == 1;
}

/*
 * What is done below, where it is held, what shows that it is done, and its request. Most
 * functions are called for what the client names first.
 */
struct change {
	const char *name;
	int (*call)(void *path);
	const char *function;
	int nth;
	bool (*is_done)(const char *path);
	unsigned int op;
};

static const struct change changes[] = {
	{ "dir/new", make, "vfs_create", 1, is_made, FUSE_CREATE },
	{ "dir/new", make_dir, "vfs_mkdir", 2, is_made, FUSE_MKDIR },
	{ "dir/new", make_link, "vfs_symlink", 2, is_made, FUSE_SYMLINK },
	{ "dir/new", make_second, "vfs_link", 2, is_made, FUSE_LINK },
	{ "dir/file", remove_it, "vfs_unlink", 2, is_removed, FUSE_UNLINK },
	{ "dir/empty", remove_dir, "vfs_rmdir", 2, is_removed, FUSE_RMDIR },
	{ "dir/file", move_away, "vfs_rename", 2, is_removed, FUSE_RENAME },
	{ "dir/file", change_mode, "notify_change", 2, is_changed, FUSE_SETATTR },
	{ "dir/file", do_truncate, "notify_change", 2, is_cut, FUSE_SETATTR },
	{ "dir/file", set_user_xattr, "__vfs_setxattr_locked", 2, has_xattr, FUSE_SETXATTR },
};

/* Detach, and see whether what is held is done by then */
static pid_t detach_beside(struct fuse_server *srv, enum end how,
			   const struct change *change)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (finish(srv, how))
			_exit(EIO);
		_exit(change->is_done(scratch_path(change->name)) ? 0 : EINPROGRESS);
	}
	return pid;
}

static bool start_anew(FIXTURE_DATA(change) * self, uid_t uid)
{
	hold_task_stop();
	fuse_server_stop(self->srv);
	unlink(scratch_path("dir/moved"));
	remove(scratch_path("dir/new"));
	rmdir(scratch_path("dir/empty"));
	return !mkdir(scratch_path("dir/empty"), 0755) &&
	       !chown(scratch_path("dir/empty"), uid, uid) &&
	       !scratch_owned("dir/file", 100, 1, uid, 0644) && start(self, uid) &&
	       !access(tree_at("dir/file"), F_OK) && !access(tree_at("dir/empty"), F_OK);
}

/* When there is no tree any more, what was begun without the server is done */
TEST_F(change, detach_waits)
{
	const struct change *change;
	pid_t client, detacher;

	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(changes); i++) {
		change = &changes[i / 2];
		ASSERT_TRUE(start_anew(self, variant->uid));
		client = call_held(variant->uid, change->function, change->nth,
				   change->call, tree_at(change->name));
		if (client < 0)
			SKIP(return, "needs the module that holds tasks");
		ASSERT_TRUE(hold_task_is_held(0)) TH_LOG("%s", change->function);
		detacher = detach_beside(self->srv, i % 2 ? CLOSED : DETACHED, change);
		usleep(50 * WAIT_STEP_US);
		EXPECT_EQ(0, hold_task_go(0));
		EXPECT_EQ(0, status_of(client)) TH_LOG("%s", change->function);
		EXPECT_EQ(0, status_of(detacher)) TH_LOG("%s, %u", change->function, i % 2);
		EXPECT_EQ(0, fuse_server_ops(self->srv, change->op));
		/* nor is anything left of what was found, or made, meanwhile, but the id */
		EXPECT_TRUE(wait_until(table_count(thread_find(self->srv->dev)) == !(i % 2)))
			TH_LOG("%s, %u", change->function, i % 2);
	}
}

static bool is_killed(pid_t pid)
{
	int status;

	return waitpid(pid, &status, WNOHANG) == pid && WIFSIGNALED(status);
}

/* Not longer than its caller does */
TEST_F(change, detach_killed)
{
	pid_t client = make_held(variant->uid, "vfs_create", tree_at("dir/new"));
	pid_t detacher;

	if (client < 0)
		SKIP(return, "needs the module that holds tasks");
	ASSERT_TRUE(hold_task_is_held(0));
	detacher = finish_beside(self->srv, DETACHED);
	EXPECT_TRUE(wait_until(sleeps_in(detacher, SYS_ioctl)));
	kill(detacher, SIGKILL);
	EXPECT_TRUE(wait_until(is_killed(detacher)));
	EXPECT_EQ(0, hold_task_go(0));
	EXPECT_EQ(0, status_of(client));
	/* it was done */
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->srv->fd, FUSE_ROOT_ID, 0, 0));
}

/* Who is about to asks the server then, whatever that answers */
TEST_F(change, detached_before)
{
	pid_t client;

	for (unsigned int i = 0; i < ARRAY_SIZE(changes); i++) {
		ASSERT_TRUE(start_anew(self, variant->uid));
		client = call_held(variant->uid, "fuse_change_start", 1,
				   changes[i].call, tree_at(changes[i].name));
		if (client < 0)
			SKIP(return, "needs the module that holds tasks");
		ASSERT_TRUE(hold_task_is_held(0)) TH_LOG("%s", changes[i].function);
		EXPECT_EQ(EINPROGRESS,
			  status_of(detach_beside(self->srv, DETACHED, &changes[i])));
		EXPECT_EQ(0, hold_task_go(0));
		EXPECT_NE(-1, status_of(client));
		EXPECT_EQ(1, fuse_server_ops(self->srv, changes[i].op))
			TH_LOG("%s", changes[i].function);
	}
}

/* Have the server name what it didn't know: its node, or 0 */
static __u64 introduce(FIXTURE_DATA(change) * self, const char *name)
{
	const struct creds other = { .uid = 2000, .gid = 2000 };
	struct fuse_server_file *file;

	if (chmod(scratch_path(name), 0777))
		return 0;
	creds_call(&other, touch, (void *)tree_at(name));
	file = server_shared_find(self->srv->sh, name);
	return file ? fuse_server_node(self->srv, file) : 0;
}

static int leave_to_server(const struct fuse_server *srv, __u64 dir)
{
	static const struct rule rules[] = {
		RULE_SERVER("new"), RULE_SERVER("file"), RULE_SERVER("empty"),
	};

	return rules_set(srv->fd, dir, rules, ARRAY_SIZE(rules), FUSE_BACKING_PASS);
}

/* Say that what is held is the server's, and see whether it is done by then */
static pid_t rule_beside(const struct fuse_server *srv, __u64 dir,
			 const struct change *change)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (leave_to_server(srv, dir))
			_exit(EIO);
		_exit(change->is_done(scratch_path(change->name)) ? 0 : EINPROGRESS);
	}
	return pid;
}

/* Who is held in a change in @dir, which the server knows, asked for those @before */
struct ruled {
	pid_t client;
	__u64 dir;
	__u32 before;
};

static bool start_to_rule(FIXTURE_DATA(change) * self, uid_t uid,
			  const struct change *change, struct ruled *ruled)
{
	if (!start_anew(self, uid))
		return false;
	ruled->dir = introduce(self, "dir");
	ruled->before = fuse_server_ops(self->srv, change->op);
	return ruled->dir;
}

/* Who is at it by the rules that there were is done when there are others */
TEST_F(change, ruled_in_the_middle)
{
	const struct change *change;
	struct ruled ruled;
	pid_t ruler;

	for (unsigned int i = 0; i < ARRAY_SIZE(changes); i++) {
		change = &changes[i];
		ASSERT_TRUE(start_to_rule(self, variant->uid, change, &ruled));
		ruled.client = call_held(variant->uid, change->function, change->nth,
					 change->call, tree_at(change->name));
		if (ruled.client < 0)
			SKIP(return, "needs the module that holds tasks");
		ASSERT_TRUE(hold_task_is_held(0)) TH_LOG("%s", change->function);
		ruler = rule_beside(self->srv, ruled.dir, change);
		usleep(50 * WAIT_STEP_US);
		EXPECT_EQ(0, hold_task_go(0));
		EXPECT_EQ(0, status_of(ruled.client)) TH_LOG("%s", change->function);
		EXPECT_EQ(0, status_of(ruler)) TH_LOG("%s", change->function);
		EXPECT_EQ(ruled.before, fuse_server_ops(self->srv, change->op));
	}
}

/* Who comes later asks the server */
TEST_F(change, ruled_before)
{
	const struct change *change;
	struct ruled ruled;

	for (unsigned int i = 0; i < ARRAY_SIZE(changes); i++) {
		change = &changes[i];
		ASSERT_TRUE(start_to_rule(self, variant->uid, change, &ruled));
		ruled.client = call_held(variant->uid, "fuse_change_start", 1,
					 change->call, tree_at(change->name));
		if (ruled.client < 0)
			SKIP(return, "needs the module that holds tasks");
		ASSERT_TRUE(hold_task_is_held(0)) TH_LOG("%s", change->function);
		EXPECT_EQ(EINPROGRESS, status_of(rule_beside(self->srv, ruled.dir, change)));
		EXPECT_EQ(0, hold_task_go(0));
		EXPECT_NE(-1, status_of(ruled.client));
		EXPECT_EQ(ruled.before + 1, fuse_server_ops(self->srv, change->op))
			TH_LOG("%s", change->function);
	}
}

/* A directory, too, in which the server has got a name meanwhile */
TEST_F(change, ruled_inside_before)
{
	static const struct rule rules[] = { RULE_SERVER("notes") };
	pid_t client;
	__u64 dir;

	ASSERT_TRUE(start_anew(self, variant->uid));
	dir = introduce(self, "dir/empty");
	ASSERT_NE(0, dir);
	client = call_held(variant->uid, "fuse_change_start", 1, remove_dir,
			   tree_at("dir/empty"));
	if (client < 0)
		SKIP(return, "needs the module that holds tasks");
	ASSERT_TRUE(hold_task_is_held(0));
	ASSERT_EQ(0, rules_set(self->srv->fd, dir, rules, 1, FUSE_BACKING_PASS));
	EXPECT_EQ(0, hold_task_go(0));
	EXPECT_NE(-1, status_of(client));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_RMDIR));
	EXPECT_TRUE(is_made(scratch_path("dir/empty")));
}

/* What the server has named is the backing file's inode still, but the server's to change */
TEST_F(change, ruled_after_it_was_named)
{
	const char *path = tree_at("dir/file");
	__u32 before;
	__u64 dir;

	dir = introduce(self, "dir");
	ASSERT_NE(0, dir);
	ASSERT_NE(0, introduce(self, "dir/file"));
	before = fuse_server_ops(self->srv, FUSE_SETATTR);
	/* control */
	EXPECT_EQ(0, as(variant->uid, do_truncate, path));
	EXPECT_EQ(0, as(variant->uid, set_user_xattr, path));
	EXPECT_EQ(0, as(variant->uid, make_second, tree_at("dir/second")));
	EXPECT_EQ(before, fuse_server_ops(self->srv, FUSE_SETATTR));

	ASSERT_EQ(0, leave_to_server(self->srv, dir));
	as(variant->uid, do_truncate, path);
	EXPECT_EQ(before + 1, fuse_server_ops(self->srv, FUSE_SETATTR));
	as(variant->uid, set_user_xattr, path);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETXATTR));
	as(variant->uid, make_second, tree_at("dir/third"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_LINK));
	EXPECT_FALSE(is_made(scratch_path("dir/third")));
	/* control: by another name, of which nothing was said */
	EXPECT_EQ(0, as(variant->uid, change_mode, tree_at("dir/second")));
	EXPECT_EQ(before + 1, fuse_server_ops(self->srv, FUSE_SETATTR));
}

TEST_HARNESS_MAIN
