// SPDX-License-Identifier: GPL-2.0
/*
 * Names below an attached directory are passed through.
 *
 * Proves: what is below is found, read, written, listed and checked as in the backing
 * directory, at any depth, without a request; what changes there by another way is seen
 * at once; permissions are those of the backing files for the client, and of the
 * registration; what isn't passed through is asked of the server, who is told the names
 * first and never sees a node that it didn't name; detaching makes all of it the
 * server's; nothing below is pinned but directories, and nothing at all when the mount
 * is gone.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "dir_lister.h"
#include "env.h"
#include "wait_until.h"

#define BOTH	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define BELOW	(FUSE_BACKING_OPS_LOOKUP | FUSE_BACKING_OPS_ATTR |	\
		 FUSE_BACKING_OPS_LIST | FUSE_BACKING_OPS_READLINK |	\
		 FUSE_BACKING_OPS_XATTR | FUSE_BACKING_OPS_OPEN)
#define TEXT	"some text"

FIXTURE(tree) {
	struct env env;
	struct fuse_server *srv;
	int dev;
	int id;
	__u32 before;
	struct dir_list direct;
	struct dir_list seen;
};

FIXTURE_VARIANT(tree) {
	enum scratch_fs fs;
};

FIXTURE_VARIANT_ADD(tree, tmpfs) {
	.fs = SCRATCH_TMPFS,
};

FIXTURE_VARIANT_ADD(tree, ext4) {
	.fs = SCRATCH_EXT4,
};

static const char *at(const char *name)
{
	static char path[2][PATH_MAX];
	static int turn;

	turn = !turn;
	snprintf(path[turn], PATH_MAX, SCRATCH_FUSE "/%s", name);
	return path[turn];
}

static int write_text(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, TEXT, strlen(TEXT));
	close(fd);
	return n == (ssize_t)strlen(TEXT) ? 0 : -EIO;
}

/* one/two/three/file, one/link, one/two/secret of root's, one/closed/file */
static int make_tree(void)
{
	int err;

	mkdir(scratch_path("one"), 0755);
	mkdir(scratch_path("one/two"), 0755);
	mkdir(scratch_path("one/two/three"), 0755);
	mkdir(scratch_path("one/closed"), 0700);
	err = write_text(scratch_path("one/two/three/file"));
	if (!err)
		err = write_text(scratch_path("one/two/secret"));
	if (!err)
		err = write_text(scratch_path("one/closed/file"));
	if (err)
		return err;
	if (chmod(scratch_path("one/two/secret"), 0600) < 0 ||
	    symlink("two/three/file", scratch_path("one/link")) < 0)
		return -errno;
	return 0;
}

static int attach(FIXTURE_DATA(tree) * self, __u64 ops, __u32 modes)
{
	struct fuse_backing_tree tree = {
		.nodeid = FUSE_ROOT_ID,
		.backing_id = self->id,
		.flags = modes,
		.ops = ops,
	};

	return ioctl(self->dev, FUSE_DEV_IOC_BACKING_TREE, &tree) < 0 ? -errno : 0;
}

FIXTURE_SETUP(tree)
{
	static const struct fuse_server_opts opts = {
		.mount_opts = "default_permissions",
	};
	int err;

	if (geteuid())
		SKIP(return, "needs root");
	err = scratch_setup(&self->env.scratch, variant->fs);
	if (err == -EOPNOTSUPP)
		SKIP(return, "needs loop devices, mkfs.ext4");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, env_files());
	ASSERT_EQ(0, make_tree());
	self->srv = &self->env.srv;
	ASSERT_EQ(0, env_serve(&self->env, self->srv, &opts));
	if (!self->srv->sh->passthrough)
		SKIP(return, "needs FUSE passthrough");
	self->srv->sh->deep = true;
	self->dev = self->srv->fd;
	self->id = fuse_backing_open_with(self->dev, SCRATCH_BACKING,
					  O_RDONLY | O_DIRECTORY,
					  FUSE_BACKING_MAP_DIR);
	ASSERT_LT(0, self->id);
	ASSERT_EQ(0, attach(self, BELOW, BOTH));
	/* the root itself is the server's */
	ASSERT_EQ(0, access(SCRATCH_FUSE, F_OK));
	self->before = fuse_server_requests(self->srv);
}

FIXTURE_TEARDOWN(tree)
{
	dir_list_free(&self->direct);
	dir_list_free(&self->seen);
	EXPECT_EQ(0, self->srv->sh->no_node);
	EXPECT_EQ(0, self->srv->sh->bad_fh)
		TH_LOG("opcode %u", self->srv->sh->bad_op);
	env_teardown(&self->env);
}

static __u32 new_requests(FIXTURE_DATA(tree) * self)
{
	__u32 before = self->before;

	self->before = fuse_server_requests(self->srv);
	return self->before - before;
}

static int reads(const char *path)
{
	char buf[sizeof(TEXT)] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, sizeof(buf));
	close(fd);
	return n == (ssize_t)strlen(TEXT) && !strcmp(buf, TEXT) ? 0 : -EILSEQ;
}

static bool same_stat(const char *name)
{
	struct stat a, b;

	return !lstat(at(name), &a) && !lstat(scratch_path(name), &b) &&
	       a.st_mode == b.st_mode && a.st_ino == b.st_ino &&
	       a.st_nlink == b.st_nlink && a.st_uid == b.st_uid &&
	       a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
	       a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

TEST_F(tree, asks_nobody)
{
	char buf[100] = "";

	EXPECT_TRUE(same_stat("one"));
	EXPECT_TRUE(same_stat("one/two/three"));
	EXPECT_TRUE(same_stat("one/two/three/file"));
	EXPECT_TRUE(same_stat("one/link"));
	EXPECT_TRUE(same_stat("a"));
	EXPECT_EQ(0, reads(at("one/two/three/file")));
	EXPECT_EQ(0, reads(at("one/link")));
	EXPECT_EQ(14, readlink(at("one/link"), buf, sizeof(buf)));
	EXPECT_STREQ("two/three/file", buf);
	EXPECT_EQ(-1, access(at("one/nothing"), F_OK));
	EXPECT_EQ(ENOENT, errno);
	ASSERT_EQ(0, dir_list_path(&self->direct, scratch_path("one/two")));
	ASSERT_EQ(0, dir_list_path(&self->seen, at("one/two")));
	EXPECT_TRUE(dir_list_equal(&self->direct, &self->seen));
	EXPECT_EQ(0, new_requests(self));
}

TEST_F(tree, written_to)
{
	int fd = open(at("one/two/three/file"), O_RDWR | O_CLOEXEC);
	char *map;

	ASSERT_LE(0, fd);
	ASSERT_EQ(3, pwrite(fd, "xyz", 3, 100));
	EXPECT_EQ(103, lseek(fd, 0, SEEK_END));
	EXPECT_EQ(0, scratch_compare("one/two/three/file", "xyz", 3, 100));
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ('x', map[100]);
	map[100] = 'X';
	EXPECT_EQ(0, munmap(map, 4096));
	EXPECT_EQ(0, scratch_compare("one/two/three/file", "Xyz", 3, 100));
	EXPECT_EQ(0, ftruncate(fd, 5));
	EXPECT_EQ(5, scratch_size("one/two/three/file"));
	EXPECT_EQ(0, fsync(fd));
	close(fd);
	EXPECT_EQ(0, new_requests(self));
}

/* An open file is in the thread's table as long as it is open, and counted */
TEST_F(tree, counted)
{
	int fd;

	EXPECT_EQ(1, table_count(thread_find(self->srv->dev)));
	fd = open(at("one/two/three/file"), O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(2, table_count(thread_find(self->srv->dev)));
	close(fd);
	EXPECT_EQ(1, table_count(thread_find(self->srv->dev)));
}

/* However often, and in whatever way */
TEST_F(tree, counted_once)
{
	const char *path = SCRATCH_FUSE "/one/two/three/file";
	pid_t thread = thread_find(self->srv->dev);
	char *map = MAP_FAILED;
	int fd[8], other, i;

	ASSERT_EQ(0, link(scratch_path("one/two/three/file"), scratch_path("one/name")));
	for (i = 0; i < 8; i++) {
		fd[i] = open(i % 2 ? path : SCRATCH_FUSE "/one/name",
			     (i & 2 ? O_RDWR : O_RDONLY) | O_CLOEXEC);
		ASSERT_LE(0, fd[i]);
		EXPECT_EQ(2, table_count(thread));
	}
	/* another file has its own */
	other = open(at("one/two/secret"), O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, other);
	EXPECT_EQ(3, table_count(thread));
	close(other);
	/* each is open for what it was opened for */
	EXPECT_EQ(-1, pwrite(fd[0], "x", 1, 0));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(1, pwrite(fd[2], TEXT, 1, 0));
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd[0], 0);
	ASSERT_NE(MAP_FAILED, map);
	for (i = 0; i < 8; i++) {
		EXPECT_EQ(2, table_count(thread));
		close(fd[i]);
	}
	EXPECT_EQ(2, table_count(thread));
	EXPECT_EQ(TEXT[0], map[0]);
	EXPECT_EQ(0, reads(path));
	EXPECT_EQ(2, table_count(thread));
	EXPECT_EQ(0, munmap(map, 4096));
	EXPECT_EQ(1, table_count(thread));
	EXPECT_EQ(0, reads(path));
	EXPECT_EQ(1, table_count(thread));
	EXPECT_EQ(0, new_requests(self));
}

/* What changes by another way is seen by the next who looks */
TEST_F(tree, changes_below)
{
	EXPECT_EQ(-ENOENT, reads(at("one/new")));
	ASSERT_EQ(0, write_text(scratch_path("one/new")));
	EXPECT_EQ(0, reads(at("one/new")));
	ASSERT_EQ(0, rename(scratch_path("one/new"), scratch_path("one/other")));
	EXPECT_EQ(-ENOENT, reads(at("one/new")));
	EXPECT_EQ(0, reads(at("one/other")));
	ASSERT_EQ(0, unlink(scratch_path("one/other")));
	EXPECT_EQ(-ENOENT, reads(at("one/other")));

	/* another file under the same name, which the kernel knows */
	EXPECT_EQ(0, reads(at("one/two/three/file")));
	EXPECT_TRUE(same_stat("one/two/three/file"));
	ASSERT_EQ(0, unlink(scratch_path("one/two/three/file")));
	ASSERT_EQ(0, symlink("../secret", scratch_path("one/two/three/file")));
	EXPECT_TRUE(same_stat("one/two/three/file"));
	EXPECT_EQ(0, reads(at("one/two/three/file")));

	/* a directory that goes elsewhere, and one that comes */
	ASSERT_EQ(0, rename(scratch_path("one/two"), scratch_path("moved")));
	EXPECT_EQ(-ENOENT, reads(at("one/two/secret")));
	EXPECT_EQ(0, reads(at("moved/secret")));
	EXPECT_EQ(0, new_requests(self));
}

TEST_F(tree, hard_links)
{
	struct stat a, b;
	int fd;

	ASSERT_EQ(0, link(scratch_path("a"), scratch_path("one/a2")));
	fd = open(at("a"), O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, stat(at("a"), &a));
	ASSERT_EQ(0, stat(at("one/a2"), &b));
	EXPECT_EQ(a.st_ino, b.st_ino);
	EXPECT_EQ(2, b.st_nlink);
	ASSERT_EQ(1, pwrite(fd, "x", 1, 0));
	EXPECT_EQ(0, scratch_compare("one/a2", "x", 1, 0));
	close(fd);

	/* one of the names goes */
	ASSERT_EQ(0, unlink(scratch_path("a")));
	EXPECT_EQ(-1, stat(at("a"), &a));
	EXPECT_EQ(0, stat(at("one/a2"), &b));
	EXPECT_EQ(1, b.st_nlink);
	EXPECT_EQ(0, new_requests(self));
}

/* A file that was looked at is not kept: its space is free when it is removed */
TEST_F(tree, removed_files_are_gone)
{
	struct statfs before, after;

	ASSERT_EQ(0, scratch_file("large", 1 << 20, 1));
	sync();
	ASSERT_EQ(0, statfs(SCRATCH_BACKING, &before));
	EXPECT_TRUE(same_stat("large"));
	ASSERT_EQ(0, unlink(scratch_path("large")));
	sync();
	ASSERT_EQ(0, statfs(SCRATCH_BACKING, &after));
	EXPECT_LE(before.f_bfree + 200, after.f_bfree);
}

/* Open files go on, whatever becomes of their names */
TEST_F(tree, open_and_removed)
{
	int fd = open(at("one/two/three/file"), O_RDWR | O_CLOEXEC);
	struct stat st;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, unlink(scratch_path("one/two/three/file")));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(0, st.st_nlink);
	EXPECT_EQ((off_t)strlen(TEXT), st.st_size);
	EXPECT_EQ(1, pwrite(fd, "x", 1, 50));
	EXPECT_EQ(51, lseek(fd, 0, SEEK_END));
	close(fd);
	EXPECT_EQ(0, new_requests(self));
}

/* The client's own rights, without asking */

static int try_as_user(void *path)
{
	return reads(path);
}

TEST_F(tree, permissions)
{
	const struct creds user = { .uid = 1000, .gid = 1000 };

	EXPECT_EQ(0, creds_call(&user, try_as_user,
				(void *)at("one/two/three/file")));
	EXPECT_EQ(-EACCES, creds_call(&user, try_as_user,
				      (void *)at("one/two/secret")));
	EXPECT_EQ(-EACCES, creds_call(&user, try_as_user,
				      (void *)at("one/closed/file")));
	/* and at once when they change below */
	ASSERT_EQ(0, chmod(scratch_path("one/closed"), 0755));
	EXPECT_EQ(0, creds_call(&user, try_as_user, (void *)at("one/closed/file")));
	ASSERT_EQ(0, chmod(scratch_path("one/closed"), 0700));
	EXPECT_EQ(-EACCES, creds_call(&user, try_as_user,
				      (void *)at("one/closed/file")));
	EXPECT_EQ(0, new_requests(self));
}

/* Nor does anybody get where whoever registered the directory may not, not even root */

static int register_as_user(void *dev)
{
	return fuse_backing_open_with(*(int *)dev, SCRATCH_BACKING,
				      O_RDONLY | O_DIRECTORY,
				      FUSE_BACKING_MAP_DIR);
}

static const char *at2(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), SCRATCH_FUSE2 "/%s", name);
	return path;
}

TEST_F(tree, permissions_of_the_registration)
{
	const struct creds user = { .uid = 1000, .gid = 1000 };
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.mount_opts = "default_permissions",
		.uid = 1000,
	};
	struct fuse_backing_tree tree = {
		.nodeid = FUSE_ROOT_ID,
		.flags = BOTH,
		.ops = BELOW,
	};
	struct fuse_server srv;
	struct dir_list list = {};
	struct stat st;
	int fd;

	ASSERT_EQ(0, env_serve(&self->env, &srv, &opts));
	srv.sh->deep = true;
	tree.backing_id = creds_call(&user, register_as_user, &srv.fd);
	ASSERT_LT(0, tree.backing_id);
	ASSERT_EQ(0, ioctl(srv.fd, FUSE_DEV_IOC_BACKING_TREE, &tree));

	EXPECT_EQ(0, reads(at2("one/two/three/file")));
	EXPECT_EQ(-EACCES, reads(at2("one/closed/file")));
	EXPECT_EQ(-1, stat(at2("one/closed/file"), &st));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0, stat(at2("one/closed"), &st));
	EXPECT_EQ(-EACCES, dir_list_path(&list, at2("one/closed")));
	EXPECT_EQ(0, stat(at2("one/two/secret"), &st));
	EXPECT_EQ(-EACCES, reads(at2("one/two/secret")));

	/* nor if somebody has it open already */
	fd = open(at2("one/two/three/file"), O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, open(at2("one/two/three/file"), O_WRONLY | O_CLOEXEC));
	EXPECT_EQ(EACCES, errno);
	ASSERT_EQ(0, chmod(scratch_path("one/two/three/file"), 0600));
	EXPECT_EQ(-EACCES, reads(at2("one/two/three/file")));
	ASSERT_EQ(0, chmod(scratch_path("one/two/three/file"), 0644));
	EXPECT_EQ(0, reads(at2("one/two/three/file")));
	close(fd);

	/* what the kernel knows already is no exception */
	ASSERT_EQ(0, chmod(scratch_path("one/closed"), 0755));
	EXPECT_EQ(0, reads(at2("one/closed/file")));
	ASSERT_EQ(0, chmod(scratch_path("one/closed"), 0700));
	EXPECT_EQ(-EACCES, reads(at2("one/closed/file")));
	dir_list_free(&list);
	fuse_server_stop(&srv);
}

/* That somebody has a file open gives nobody else a right */

static int try_write_as_user(void *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

TEST_F(tree, permissions_of_each_open)
{
	const struct creds user = { .uid = 1000, .gid = 1000 };
	const char *path = SCRATCH_FUSE "/one/two/three/file";
	int fd = open(path, O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, creds_call(&user, try_as_user, (void *)path));
	EXPECT_EQ(-EACCES, creds_call(&user, try_write_as_user, (void *)path));
	ASSERT_EQ(0, chmod(scratch_path("one/two/three/file"), 0600));
	EXPECT_EQ(-EACCES, creds_call(&user, try_as_user, (void *)path));
	ASSERT_EQ(0, chmod(scratch_path("one/two/three/file"), 0666));
	EXPECT_EQ(0, creds_call(&user, try_as_user, (void *)path));
	EXPECT_EQ(0, creds_call(&user, try_write_as_user, (void *)path));
	EXPECT_EQ(2, table_count(thread_find(self->srv->dev)));
	close(fd);
	EXPECT_EQ(0, new_requests(self));
}

/* What is executed has the bits that its file has, not those that it had */
TEST_F(tree, suid_taken_away)
{
	const char *path = at("one/two/three/file");
	struct stat st;

	ASSERT_EQ(0, chmod(scratch_path("one/two/three/file"), 04755));
	ASSERT_EQ(0, stat(path, &st));
	EXPECT_EQ(04755, st.st_mode & 07777);
	ASSERT_EQ(0, chmod(scratch_path("one/two/three/file"), 0644));
	EXPECT_EQ(-1, access(path, X_OK));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0, new_requests(self));
}

/* What isn't passed through is the server's, who is told the names first */
TEST_F(tree, introduced)
{
	struct stat st;

	ASSERT_EQ(0, chmod(at("one/two/three/file"), 0640));
	ASSERT_EQ(0, stat(scratch_path("one/two/three/file"), &st));
	EXPECT_EQ(0640, st.st_mode & 07777);
	EXPECT_EQ(4, fuse_server_ops(self->srv, FUSE_LOOKUP));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETATTR));
	EXPECT_TRUE(same_stat("one/two/three/file"));
	new_requests(self);

	/* it is known from then on, and passed through still */
	ASSERT_EQ(0, chmod(at("one/two/three/file"), 0644));
	EXPECT_EQ(1, new_requests(self));
	EXPECT_EQ(0, reads(at("one/two/three/file")));
	EXPECT_EQ(0, new_requests(self));
}

TEST_F(tree, introduced_is_forgotten)
{
	ASSERT_EQ(0, chmod(at("one/two/three/file"), 0640));
	new_requests(self);
	scratch_drop_caches();
	EXPECT_TRUE(wait_until(fuse_server_ops(self->srv, FUSE_FORGET) +
			       fuse_server_ops(self->srv, FUSE_BATCH_FORGET)));
}

/* Another file has that name by now, to the server's mind too */
TEST_F(tree, introduced_too_late)
{
	int fd = open(at("one/two/three/file"), O_RDONLY | O_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, unlink(scratch_path("one/two/three/file")));
	EXPECT_EQ(-1, fchmod(fd, 0600));
	EXPECT_EQ(ESTALE, errno);
	ASSERT_EQ(0, write_text(scratch_path("one/two/three/file")));
	EXPECT_EQ(-1, fchmod(fd, 0600));
	EXPECT_EQ(ESTALE, errno);
	close(fd);
}

/* Nobody has opened what is below */
TEST_F(tree, as_opened)
{
	int all = self->id;

	ASSERT_EQ(0, fuse_backing_detach(self->dev, FUSE_ROOT_ID, 0, 0));
	self->id = fuse_backing_open_with(self->dev, SCRATCH_BACKING,
					  O_RDONLY | O_DIRECTORY,
					  FUSE_BACKING_MAP_DIR |
					  FUSE_BACKING_MAP_AS_OPENED);
	ASSERT_LT(0, self->id);
	EXPECT_EQ(-EACCES, attach(self, BELOW, BOTH));
	EXPECT_EQ(0, attach(self, FUSE_BACKING_OPS_LIST, 0));
	ASSERT_EQ(0, fuse_backing_detach(self->dev, FUSE_ROOT_ID, 0, 0));
	self->id = all;
	EXPECT_EQ(0, attach(self, BELOW, BOTH));
}

/* Modes and operations that the tree doesn't have */
TEST_F(tree, read_only)
{
	int fd;

	ASSERT_EQ(0, fuse_backing_detach(self->dev, FUSE_ROOT_ID, 0, 0));
	ASSERT_EQ(0, attach(self, BELOW, FUSE_BACKING_READ));
	EXPECT_EQ(0, reads(at("one/two/three/file")));
	new_requests(self);
	fd = open(at("one/two/three/file"), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_OPEN));
	close(fd);
}

TEST_F(tree, detached)
{
	int fd = open(at("one/two/three/file"), O_RDWR | O_CLOEXEC);
	int dir = open(at("one/two"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ASSERT_LE(0, dir);
	ASSERT_EQ(0, fuse_backing_detach(self->dev, FUSE_ROOT_ID, 0, 0));
	/* what is open stays */
	EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
	ASSERT_EQ(0, dir_list_read(&self->seen, dir, 4096));
	EXPECT_NE(NULL, dir_list_find(&self->seen, "secret"));
	new_requests(self);
	/* what is below a directory that is open is the server's */
	EXPECT_EQ(0, faccessat(dir, "secret", F_OK, 0));
	EXPECT_LE(3, new_requests(self));
	EXPECT_EQ(0, access(at("one/two/secret"), F_OK));
	EXPECT_EQ(0, faccessat(dir, "secret", F_OK, 0));
	close(fd);
	close(dir);
}

/* What nobody has open goes with it, and what that kept */
TEST_F(tree, detached_and_gone)
{
	ASSERT_EQ(0, fuse_backing_close(self->dev, self->id));
	EXPECT_TRUE(same_stat("one/two/three/file"));
	EXPECT_TRUE(same_stat("one/two/secret"));
	EXPECT_EQ(1, table_count(thread_find(self->srv->dev)));
	ASSERT_EQ(0, fuse_backing_detach(self->dev, FUSE_ROOT_ID, 0, 0));
	EXPECT_TRUE(wait_until(!table_count(thread_find(self->srv->dev))));
	EXPECT_EQ(0, scratch_umount_backing());
}

/* A directory that the server has named anew meanwhile is another one */
TEST_F(tree, detached_and_named)
{
	int dir = open(at("one/two"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ASSERT_LE(0, dir);
	ASSERT_EQ(0, fuse_backing_detach(self->dev, FUSE_ROOT_ID, 0, 0));
	new_requests(self);
	EXPECT_EQ(0, access(at("one/two/secret"), F_OK));
	EXPECT_LE(3, new_requests(self));
	EXPECT_EQ(-1, faccessat(dir, "secret", F_OK, 0));
	EXPECT_EQ(ESTALE, errno);
	close(dir);
}

TEST_F(tree, everything_ends)
{
	int fd = open(at("one/two/three/file"), O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	EXPECT_TRUE(same_stat("one/two/secret"));
	close(fd);
	EXPECT_EQ(0, fuse_server_umount(self->srv));
	EXPECT_EQ(0, scratch_umount_backing());
}

TEST_F(tree, server_dies)
{
	int fd = open(at("one/two/three/file"), O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fuse_server_kill(self->srv));
	fuse_server_close_dev(self->srv);
	EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
	EXPECT_EQ(-1, access(at("one/closed/file"), F_OK));
	close(fd);
	EXPECT_EQ(0, fuse_server_umount(self->srv));
	EXPECT_EQ(0, scratch_umount_backing());
}

/* Below a mount point is what the server says, not what is covered */
TEST_F(tree, mount_points)
{
	ASSERT_EQ(0, mount("x", scratch_path("one/closed"), "tmpfs", 0, ""));
	new_requests(self);
	EXPECT_EQ(-ENOENT, reads(at("one/closed/file")));
	EXPECT_LT(0, new_requests(self));
	ASSERT_EQ(0, umount(scratch_path("one/closed")));
}

/* Many, who are reclaimed */
TEST_F(tree, many)
{
	char name[64];
	struct stat st;

	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "one/file%d", i);
		ASSERT_EQ(0, link(scratch_path("b"), scratch_path(name)));
		ASSERT_EQ(0, stat(at(name), &st));
	}
	scratch_drop_caches();
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "one/file%d", i);
		ASSERT_EQ(0, stat(at(name), &st));
	}
	EXPECT_EQ(0, new_requests(self));
}

TEST_HARNESS_MAIN
