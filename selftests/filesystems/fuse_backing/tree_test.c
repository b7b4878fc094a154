// SPDX-License-Identifier: GPL-2.0
/*
 * Names below an attached directory are passed through.
 *
 * Proves: what is below is found, read, written, listed and checked as in the backing
 * directory, at any depth, without a request; what changes there by another way is seen at
 * once, its size by whoever opens it; permissions are those of the backing files for the
 * client, and of the registration, as access(2) says them; a link that is followed has been
 * read; what isn't passed through is asked of the server, who is told the names first and
 * never sees a node that it didn't name; detaching makes all of it the server's; nothing
 * below is pinned but directories, and nothing at all when the mount is gone.
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
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "dir_lister.h"
#include "tree_env.h"
#include "wait_until.h"

#define BOTH	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define BELOW	(FUSE_BACKING_OPS_LOOKUP | FUSE_BACKING_OPS_ATTR |	\
		 FUSE_BACKING_OPS_LIST | FUSE_BACKING_OPS_READLINK |	\
		 FUSE_BACKING_OPS_XATTR | FUSE_BACKING_OPS_OPEN)

FIXTURE(tree) {
	struct env env;
	struct fuse_server *srv;
	int dev;
	int id;
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

/* one/two/three/file, one/link, one/two/secret of root's, one/closed/file */
static int make_tree(void)
{
	int err;

	mkdir(scratch_path("one"), 0755);
	mkdir(scratch_path("one/two"), 0755);
	mkdir(scratch_path("one/two/three"), 0755);
	mkdir(scratch_path("one/closed"), 0700);
	err = tree_write_text(scratch_path("one/two/three/file"));
	if (!err)
		err = tree_write_text(scratch_path("one/two/secret"));
	if (!err)
		err = tree_write_text(scratch_path("one/closed/file"));
	if (err)
		return err;
	if (chmod(scratch_path("one/two/secret"), 0600) < 0 ||
	    symlink("two/three/file", scratch_path("one/link")) < 0)
		return -errno;
	return 0;
}

FIXTURE_SETUP(tree)
{
	self->id = tree_start(_metadata, &self->env, variant->fs, make_tree, BELOW, BOTH);
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
}

FIXTURE_TEARDOWN(tree)
{
	dir_list_free(&self->direct);
	dir_list_free(&self->seen);
	tree_end(_metadata, &self->env);
}

TEST_F(tree, asks_nobody)
{
	char buf[100] = "";

	EXPECT_TRUE(tree_same_stat("one"));
	EXPECT_TRUE(tree_same_stat("one/two/three"));
	EXPECT_TRUE(tree_same_stat("one/two/three/file"));
	EXPECT_TRUE(tree_same_stat("one/link"));
	EXPECT_TRUE(tree_same_stat("a"));
	EXPECT_EQ(0, tree_reads(tree_at("one/two/three/file")));
	EXPECT_EQ(0, tree_reads(tree_at("one/link")));
	EXPECT_EQ(14, readlink(tree_at("one/link"), buf, sizeof(buf)));
	EXPECT_STREQ("two/three/file", buf);
	EXPECT_EQ(-1, access(tree_at("one/nothing"), F_OK));
	EXPECT_EQ(ENOENT, errno);
	ASSERT_EQ(0, dir_list_path(&self->direct, scratch_path("one/two")));
	ASSERT_EQ(0, dir_list_path(&self->seen, tree_at("one/two")));
	EXPECT_TRUE(dir_list_equal(&self->direct, &self->seen));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

TEST_F(tree, written_to)
{
	int fd = open(tree_at("one/two/three/file"), O_RDWR | O_CLOEXEC);
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
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* An open file is in the thread's table as long as it is open, and counted */
TEST_F(tree, counted)
{
	int fd;

	EXPECT_EQ(1, table_count(thread_find(self->srv->dev)));
	fd = open(tree_at("one/two/three/file"), O_RDONLY | O_CLOEXEC);
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
	other = open(tree_at("one/two/secret"), O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, other);
	EXPECT_EQ(3, table_count(thread));
	close(other);
	/* each is open for what it was opened for */
	EXPECT_EQ(-1, pwrite(fd[0], "x", 1, 0));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(1, pwrite(fd[2], TREE_TEXT, 1, 0));
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd[0], 0);
	ASSERT_NE(MAP_FAILED, map);
	for (i = 0; i < 8; i++) {
		EXPECT_EQ(2, table_count(thread));
		close(fd[i]);
	}
	EXPECT_EQ(2, table_count(thread));
	EXPECT_EQ(TREE_TEXT[0], map[0]);
	EXPECT_EQ(0, tree_reads(path));
	EXPECT_EQ(2, table_count(thread));
	EXPECT_EQ(0, munmap(map, 4096));
	EXPECT_EQ(1, table_count(thread));
	EXPECT_EQ(0, tree_reads(path));
	EXPECT_EQ(1, table_count(thread));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* What changes by another way is seen by the next who looks */
TEST_F(tree, changes_below)
{
	EXPECT_EQ(-ENOENT, tree_reads(tree_at("one/new")));
	ASSERT_EQ(0, tree_write_text(scratch_path("one/new")));
	EXPECT_EQ(0, tree_reads(tree_at("one/new")));
	ASSERT_EQ(0, rename(scratch_path("one/new"), scratch_path("one/other")));
	EXPECT_EQ(-ENOENT, tree_reads(tree_at("one/new")));
	EXPECT_EQ(0, tree_reads(tree_at("one/other")));
	ASSERT_EQ(0, unlink(scratch_path("one/other")));
	EXPECT_EQ(-ENOENT, tree_reads(tree_at("one/other")));

	/* another file under the same name, which the kernel knows */
	EXPECT_EQ(0, tree_reads(tree_at("one/two/three/file")));
	EXPECT_TRUE(tree_same_stat("one/two/three/file"));
	ASSERT_EQ(0, unlink(scratch_path("one/two/three/file")));
	ASSERT_EQ(0, symlink("../secret", scratch_path("one/two/three/file")));
	EXPECT_TRUE(tree_same_stat("one/two/three/file"));
	EXPECT_EQ(0, tree_reads(tree_at("one/two/three/file")));

	/* a directory that goes elsewhere, and one that comes */
	ASSERT_EQ(0, rename(scratch_path("one/two"), scratch_path("moved")));
	EXPECT_EQ(-ENOENT, tree_reads(tree_at("one/two/secret")));
	EXPECT_EQ(0, tree_reads(tree_at("moved/secret")));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

#define FILE_BELOW	"one/two/three/file"
#define TEXT_SIZE	((off_t)strlen(TREE_TEXT))
#define GROWN		((off_t)1 << 20)

/* What copy_file_range(2) makes of a file, in "b", or -errno */
static off_t copied(int fd)
{
	int to = open(tree_at("b"), O_WRONLY | O_TRUNC | O_CLOEXEC);
	off_t all;

	if (to < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	all = env_copy_range(fd, to);
	close(to);
	return all;
}

static off_t copied_from(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t all;

	if (fd < 0)
		return -errno;
	all = copied(fd);
	close(fd);
	return all;
}

/* Where a lock of the last two bytes of @fd begins, or -errno */
static off_t locked_from_end(int fd)
{
	struct flock last = {
		.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -2, .l_len = 2,
	};
	struct flock found = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct flock none = { .l_type = F_UNLCK, .l_whence = SEEK_SET };
	char path[32];
	int other;

	if (fcntl(fd, F_OFD_SETLK, &last) < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	other = open(path, O_RDWR | O_CLOEXEC);
	if (other < 0 || fcntl(other, F_OFD_GETLK, &found) < 0)
		return -errno;
	close(other);
	return fcntl(fd, F_OFD_SETLK, &none) < 0 ? -errno : found.l_start;
}

/* Bytes that are left to read, from the beginning, or -errno */
static off_t left_of(int fd)
{
	int left;

	return ioctl(fd, FIONREAD, &left) < 0 ? -errno : left;
}

/* What the VFS takes for the end of a file is that of what is opened, whoever wrote to it */
TEST_F(tree, grown_by_others)
{
	static char text[GROWN];
	int fd;

	EXPECT_EQ(TEXT_SIZE, copied_from(tree_at(FILE_BELOW)));
	EXPECT_TRUE(tree_same_stat(FILE_BELOW));
	ASSERT_EQ(0, scratch_file(FILE_BELOW, GROWN, 7));
	EXPECT_EQ(GROWN, copied_from(tree_at(FILE_BELOW)));
	scratch_pattern(text, GROWN, 7);
	EXPECT_EQ(0, scratch_compare("b", text, GROWN, 0));

	ASSERT_EQ(0, truncate(scratch_path(FILE_BELOW), 2 * GROWN));
	fd = open(tree_at(FILE_BELOW), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(2 * GROWN, left_of(fd));
	EXPECT_EQ(2 * GROWN - 2, locked_from_end(fd));
	close(fd);
}

TEST_F(tree, cut_by_others)
{
	int fd;

	ASSERT_EQ(0, scratch_file(FILE_BELOW, GROWN, 7));
	EXPECT_TRUE(tree_same_stat(FILE_BELOW));
	ASSERT_EQ(0, truncate(scratch_path(FILE_BELOW), 10));
	fd = open(tree_at(FILE_BELOW), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(10, left_of(fd));
	EXPECT_EQ(8, locked_from_end(fd));
	EXPECT_EQ(10, copied(fd));
	close(fd);
}

/* While it is open, by whoever has read what they wrote, or asks how long it is */
TEST_F(tree, grown_while_open)
{
	static char text[GROWN];
	int fd = open(tree_at(FILE_BELOW), O_RDWR | O_CLOEXEC);
	struct stat st;

	ASSERT_LE(0, fd);
	EXPECT_EQ(TEXT_SIZE, copied(fd));
	ASSERT_EQ(0, scratch_file(FILE_BELOW, GROWN, 7));
	EXPECT_EQ(GROWN, pread(fd, text, GROWN, 0));
	EXPECT_EQ(GROWN, copied(fd));
	EXPECT_EQ(GROWN - 2, locked_from_end(fd));
	ASSERT_EQ(0, truncate(scratch_path(FILE_BELOW), 10));
	EXPECT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(8, locked_from_end(fd));
	close(fd);
}

/* Or by who opens it once more, by a descriptor: it has no name any more */
TEST_F(tree, grown_without_a_name)
{
	int fd = open(tree_at(FILE_BELOW), O_RDWR | O_CLOEXEC);
	int backing = open(scratch_path(FILE_BELOW), O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_LE(0, backing);
	ASSERT_EQ(0, unlink(scratch_path(FILE_BELOW)));
	EXPECT_EQ(TEXT_SIZE - 2, locked_from_end(fd));
	ASSERT_EQ(0, ftruncate(backing, GROWN));
	/* opens it once more, to find the lock */
	locked_from_end(fd);
	EXPECT_EQ(GROWN - 2, locked_from_end(fd));
	close(backing);
	close(fd);
}

/* Also where the server opens what is below */
TEST_F(tree, grown_and_opened_by_the_server)
{
	int fd;

	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	ASSERT_EQ(0, tree_attach(self->dev, FUSE_ROOT_ID, self->id, BELOW, FUSE_BACKING_READ));
	EXPECT_TRUE(tree_same_stat(FILE_BELOW));
	fuse_server_new_requests(self->srv);
	ASSERT_EQ(0, scratch_file(FILE_BELOW, GROWN, 7));
	fd = open(tree_at(FILE_BELOW), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(GROWN, left_of(fd));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_OPEN));
	close(fd);
}

TEST_F(tree, hard_links)
{
	struct stat a, b;
	int fd;

	ASSERT_EQ(0, link(scratch_path("a"), scratch_path("one/a2")));
	fd = open(tree_at("a"), O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, stat(tree_at("a"), &a));
	ASSERT_EQ(0, stat(tree_at("one/a2"), &b));
	EXPECT_EQ(a.st_ino, b.st_ino);
	EXPECT_EQ(2, b.st_nlink);
	ASSERT_EQ(1, pwrite(fd, "x", 1, 0));
	EXPECT_EQ(0, scratch_compare("one/a2", "x", 1, 0));
	close(fd);

	/* one of the names goes */
	ASSERT_EQ(0, unlink(scratch_path("a")));
	EXPECT_EQ(-1, stat(tree_at("a"), &a));
	EXPECT_EQ(0, stat(tree_at("one/a2"), &b));
	EXPECT_EQ(1, b.st_nlink);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* Of the filesystem, the nearest directory is asked that the server knows */
TEST_F(tree, statfs)
{
	struct statfs st;
	int fd = open(tree_at(FILE_BELOW), O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, statfs(tree_at(FILE_BELOW), &st));
	ASSERT_EQ(0, unlink(scratch_path(FILE_BELOW)));
	EXPECT_EQ(-1, access(tree_at(FILE_BELOW), F_OK));
	EXPECT_EQ(0, fstatfs(fd, &st));
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_STATFS));
	EXPECT_EQ(2, fuse_server_new_requests(self->srv));
	close(fd);
}

/* Which file it is can be told, but it isn't found by that */
TEST_F(tree, handles)
{
	char space[2][sizeof(struct file_handle) + MAX_HANDLE_SZ];
	struct file_handle *one = (void *)space[0], *other = (void *)space[1];
	int mount, fd = open(SCRATCH_FUSE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ASSERT_LE(0, fd);
	one->handle_bytes = MAX_HANDLE_SZ;
	other->handle_bytes = MAX_HANDLE_SZ;
	ASSERT_EQ(0, name_to_handle_at(AT_FDCWD, tree_at(FILE_BELOW), one, &mount, 0));
	ASSERT_EQ(0, name_to_handle_at(AT_FDCWD, tree_at("a"), other, &mount, 0));
	EXPECT_EQ(one->handle_type, other->handle_type);
	ASSERT_EQ(one->handle_bytes, other->handle_bytes);
	EXPECT_NE(0, memcmp(one->f_handle, other->f_handle, one->handle_bytes));
	EXPECT_EQ(-1, open_by_handle_at(fd, one, O_RDONLY));
	EXPECT_EQ(ESTALE, errno);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	/* control: what the server knows */
	one->handle_bytes = MAX_HANDLE_SZ;
	EXPECT_EQ(0, name_to_handle_at(AT_FDCWD, SCRATCH_FUSE, one, &mount, 0));
	EXPECT_NE(one->handle_type, other->handle_type);
	close(fd);
}

/* A file that was looked at is not kept: its space is free when it is removed */
TEST_F(tree, removed_files_are_gone)
{
	struct statfs before, after;

	ASSERT_EQ(0, scratch_file("large", 1 << 20, 1));
	sync();
	ASSERT_EQ(0, statfs(SCRATCH_BACKING, &before));
	EXPECT_TRUE(tree_same_stat("large"));
	ASSERT_EQ(0, unlink(scratch_path("large")));
	sync();
	ASSERT_EQ(0, statfs(SCRATCH_BACKING, &after));
	EXPECT_LE(before.f_bfree + 200, after.f_bfree);
}

/* Open files go on, whatever becomes of their names */
TEST_F(tree, open_and_removed)
{
	int fd = open(tree_at("one/two/three/file"), O_RDWR | O_CLOEXEC);
	struct stat st;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, unlink(scratch_path("one/two/three/file")));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(0, st.st_nlink);
	EXPECT_EQ((off_t)strlen(TREE_TEXT), st.st_size);
	EXPECT_EQ(1, pwrite(fd, "x", 1, 50));
	EXPECT_EQ(51, lseek(fd, 0, SEEK_END));
	close(fd);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* The client's own rights, without asking */

static int try_as_user(void *path)
{
	return tree_reads(path);
}

TEST_F(tree, permissions)
{
	const struct creds user = { .uid = 1000, .gid = 1000 };

	EXPECT_EQ(0, creds_call(&user, try_as_user,
				(void *)tree_at("one/two/three/file")));
	EXPECT_EQ(-EACCES, creds_call(&user, try_as_user,
				      (void *)tree_at("one/two/secret")));
	EXPECT_EQ(-EACCES, creds_call(&user, try_as_user,
				      (void *)tree_at("one/closed/file")));
	/* and at once when they change below */
	ASSERT_EQ(0, chmod(scratch_path("one/closed"), 0755));
	EXPECT_EQ(0, creds_call(&user, try_as_user, (void *)tree_at("one/closed/file")));
	ASSERT_EQ(0, chmod(scratch_path("one/closed"), 0700));
	EXPECT_EQ(-EACCES, creds_call(&user, try_as_user,
				      (void *)tree_at("one/closed/file")));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* Nor does anybody get where whoever registered the directory may not, not even root */

TEST_F(tree, permissions_of_the_registration)
{
	const struct creds user = { .uid = 1000, .gid = 1000 };
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.mount_opts = "default_permissions",
		.uid = 1000,
	};
	struct fuse_server srv;
	struct dir_list list = {};
	struct stat st;
	int fd, id;

	ASSERT_EQ(0, tree_serve(&self->env, &srv, &opts));
	id = tree_register_as(&user, srv.fd);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, tree_attach(srv.fd, FUSE_ROOT_ID, id, BELOW, BOTH));

	EXPECT_EQ(0, tree_reads(tree_at2("one/two/three/file")));
	EXPECT_EQ(-EACCES, tree_reads(tree_at2("one/closed/file")));
	EXPECT_EQ(-1, stat(tree_at2("one/closed/file"), &st));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0, stat(tree_at2("one/closed"), &st));
	EXPECT_EQ(-EACCES, dir_list_path(&list, tree_at2("one/closed")));
	EXPECT_EQ(0, stat(tree_at2("one/two/secret"), &st));
	EXPECT_EQ(-EACCES, tree_reads(tree_at2("one/two/secret")));

	/* nor if somebody has it open already */
	fd = open(tree_at2("one/two/three/file"), O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, open(tree_at2("one/two/three/file"), O_WRONLY | O_CLOEXEC));
	EXPECT_EQ(EACCES, errno);
	ASSERT_EQ(0, chmod(scratch_path("one/two/three/file"), 0600));
	EXPECT_EQ(-EACCES, tree_reads(tree_at2("one/two/three/file")));
	ASSERT_EQ(0, chmod(scratch_path("one/two/three/file"), 0644));
	EXPECT_EQ(0, tree_reads(tree_at2("one/two/three/file")));
	close(fd);

	/* what the kernel knows already is no exception */
	ASSERT_EQ(0, chmod(scratch_path("one/closed"), 0755));
	EXPECT_EQ(0, tree_reads(tree_at2("one/closed/file")));
	ASSERT_EQ(0, chmod(scratch_path("one/closed"), 0700));
	EXPECT_EQ(-EACCES, tree_reads(tree_at2("one/closed/file")));
	dir_list_free(&list);
	fuse_server_stop(&srv);
}

/* access(2) says what opening would, of whoever registered the directory too */
TEST_F(tree, access_of_the_registration)
{
	const struct creds user = { .uid = 1000, .gid = 1000 };
	const char *path;
	int id;

	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	id = tree_register_as(&user, self->dev);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, tree_attach(self->dev, FUSE_ROOT_ID, id, BELOW, BOTH));
	path = tree_at("one/two/three/file");
	EXPECT_EQ(0, access(path, R_OK));
	EXPECT_EQ(-1, access(path, W_OK));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-EACCES, tree_reads(tree_at("one/two/secret")));
	EXPECT_EQ(-1, access(tree_at("one/two/secret"), R_OK));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, access(tree_at("one/closed"), R_OK));
	EXPECT_EQ(EACCES, errno);
	/* what isn't passed through the server may do otherwise, and the root is open */
	EXPECT_EQ(0, access(tree_at("one/two"), R_OK | W_OK));
	ASSERT_EQ(0, chmod(SCRATCH_BACKING, 0711));
	EXPECT_EQ(0, dir_list_path(&self->seen, SCRATCH_FUSE));
	EXPECT_EQ(0, access(SCRATCH_FUSE, R_OK));

	/* control */
	ASSERT_EQ(0, chmod(scratch_path("one/two/secret"), 0606));
	EXPECT_EQ(0, access(tree_at("one/two/secret"), R_OK | W_OK));
	ASSERT_EQ(0, chmod(scratch_path("one/closed"), 0705));
	EXPECT_EQ(0, access(tree_at("one/closed"), R_OK));
}

/* Who follows a link has read it, as who reads it */
TEST_F(tree, links_are_used)
{
	const unsigned long flags[] = { 0, MS_NOATIME };
	char text[32];

	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, mount(NULL, SCRATCH_BACKING, NULL,
				   MS_REMOUNT | MS_BIND | flags[i], NULL));
		ASSERT_EQ(0, scratch_make_old("one/link"));
		ASSERT_TRUE(scratch_is_old("one/link"));
		EXPECT_EQ(0, tree_reads(tree_at("one/link")));
		EXPECT_EQ(!!i, scratch_is_old("one/link"));
		ASSERT_EQ(0, scratch_make_old("one/link"));
		ASSERT_TRUE(scratch_is_old("one/link"));
		EXPECT_EQ(14, readlink(tree_at("one/link"), text, sizeof(text)));
		EXPECT_EQ(!!i, scratch_is_old("one/link"));
	}
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* Without READLINK the server is told of the link, and asked for its text: ours has none */
TEST_F(tree, links_that_the_server_is_asked_for)
{
	char text[32];

	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	ASSERT_EQ(0, tree_attach(self->dev, FUSE_ROOT_ID, self->id,
				 BELOW & ~FUSE_BACKING_OPS_READLINK, BOTH));
	EXPECT_EQ(-1, readlink(tree_at("one/link"), text, sizeof(text)));
	EXPECT_EQ(ENOSYS, errno);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_READLINK));
	EXPECT_EQ(0, tree_reads(tree_at("one/two/three/file")));
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
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* What is executed has the bits that its file has, not those that it had */
TEST_F(tree, suid_taken_away)
{
	const char *path = tree_at("one/two/three/file");
	struct stat st;

	ASSERT_EQ(0, chmod(scratch_path("one/two/three/file"), 04755));
	ASSERT_EQ(0, stat(path, &st));
	EXPECT_EQ(04755, st.st_mode & 07777);
	ASSERT_EQ(0, chmod(scratch_path("one/two/three/file"), 0644));
	EXPECT_EQ(-1, access(path, X_OK));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* What isn't passed through is the server's, who is told the names first */
TEST_F(tree, introduced)
{
	struct stat st;

	ASSERT_EQ(0, chmod(tree_at("one/two/three/file"), 0640));
	ASSERT_EQ(0, stat(scratch_path("one/two/three/file"), &st));
	EXPECT_EQ(0640, st.st_mode & 07777);
	EXPECT_EQ(4, fuse_server_ops(self->srv, FUSE_LOOKUP));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETATTR));
	EXPECT_TRUE(tree_same_stat("one/two/three/file"));
	fuse_server_new_requests(self->srv);

	/* it is known from then on, and passed through still */
	ASSERT_EQ(0, chmod(tree_at("one/two/three/file"), 0644));
	EXPECT_EQ(1, fuse_server_new_requests(self->srv));
	EXPECT_EQ(0, tree_reads(tree_at("one/two/three/file")));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

TEST_F(tree, introduced_is_forgotten)
{
	ASSERT_EQ(0, chmod(tree_at("one/two/three/file"), 0640));
	fuse_server_new_requests(self->srv);
	scratch_drop_caches();
	EXPECT_TRUE(wait_until(fuse_server_ops(self->srv, FUSE_FORGET) +
			       fuse_server_ops(self->srv, FUSE_BATCH_FORGET)));
}

/* Another file has that name by now, to the server's mind too */
TEST_F(tree, introduced_too_late)
{
	int fd = open(tree_at("one/two/three/file"), O_RDONLY | O_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, unlink(scratch_path("one/two/three/file")));
	EXPECT_EQ(-1, fchmod(fd, 0600));
	EXPECT_EQ(ESTALE, errno);
	ASSERT_EQ(0, tree_write_text(scratch_path("one/two/three/file")));
	EXPECT_EQ(-1, fchmod(fd, 0600));
	EXPECT_EQ(ESTALE, errno);
	close(fd);
}

/* Nobody has opened what is below */
TEST_F(tree, as_opened)
{
	int all = self->id;

	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	self->id = fuse_backing_open_with(self->dev, SCRATCH_BACKING,
					  O_RDONLY | O_DIRECTORY,
					  FUSE_BACKING_MAP_DIR |
					  FUSE_BACKING_MAP_AS_OPENED);
	ASSERT_LT(0, self->id);
	EXPECT_EQ(-EACCES, tree_attach(self->dev, FUSE_ROOT_ID, self->id, BELOW, BOTH));
	EXPECT_EQ(0, tree_attach(self->dev, FUSE_ROOT_ID, self->id, FUSE_BACKING_OPS_LIST, 0));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	self->id = all;
	EXPECT_EQ(0, tree_attach(self->dev, FUSE_ROOT_ID, self->id, BELOW, BOTH));
}

/* Modes and operations that the tree doesn't have */
TEST_F(tree, read_only)
{
	int fd;

	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	ASSERT_EQ(0, tree_attach(self->dev, FUSE_ROOT_ID, self->id, BELOW, FUSE_BACKING_READ));
	EXPECT_EQ(0, tree_reads(tree_at("one/two/three/file")));
	fuse_server_new_requests(self->srv);
	fd = open(tree_at("one/two/three/file"), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_OPEN));
	close(fd);
}

TEST_F(tree, detached)
{
	int fd = open(tree_at("one/two/three/file"), O_RDWR | O_CLOEXEC);
	int dir = open(tree_at("one/two"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ASSERT_LE(0, dir);
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	/* what is open stays */
	EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
	ASSERT_EQ(0, dir_list_read(&self->seen, dir, 4096));
	EXPECT_NE(NULL, dir_list_find(&self->seen, "secret"));
	fuse_server_new_requests(self->srv);
	/* what is below a directory that is open is the server's */
	EXPECT_EQ(0, faccessat(dir, "secret", F_OK, 0));
	EXPECT_LE(3, fuse_server_new_requests(self->srv));
	EXPECT_EQ(0, access(tree_at("one/two/secret"), F_OK));
	EXPECT_EQ(0, faccessat(dir, "secret", F_OK, 0));
	close(fd);
	close(dir);
}

/* What nobody has open goes with it, and what that kept */
TEST_F(tree, detached_and_gone)
{
	ASSERT_EQ(0, fuse_backing_close(self->dev, self->id));
	EXPECT_TRUE(tree_same_stat("one/two/three/file"));
	EXPECT_TRUE(tree_same_stat("one/two/secret"));
	EXPECT_EQ(1, table_count(thread_find(self->srv->dev)));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	EXPECT_TRUE(wait_until(!table_count(thread_find(self->srv->dev))));
	EXPECT_EQ(0, scratch_umount_backing());
}

/* A directory that the server has named anew meanwhile is another one */
TEST_F(tree, detached_and_named)
{
	int dir = open(tree_at("one/two"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ASSERT_LE(0, dir);
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	fuse_server_new_requests(self->srv);
	EXPECT_EQ(0, access(tree_at("one/two/secret"), F_OK));
	EXPECT_LE(3, fuse_server_new_requests(self->srv));
	EXPECT_EQ(-1, faccessat(dir, "secret", F_OK, 0));
	EXPECT_EQ(ESTALE, errno);
	close(dir);
}

TEST_F(tree, everything_ends)
{
	int fd = open(tree_at("one/two/three/file"), O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	EXPECT_TRUE(tree_same_stat("one/two/secret"));
	close(fd);
	EXPECT_EQ(0, fuse_server_umount(self->srv));
	EXPECT_EQ(0, scratch_umount_backing());
}

TEST_F(tree, server_dies)
{
	int fd = open(tree_at("one/two/three/file"), O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fuse_server_kill(self->srv));
	fuse_server_close_dev(self->srv);
	EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
	EXPECT_EQ(-1, access(tree_at("one/closed/file"), F_OK));
	close(fd);
	EXPECT_EQ(0, fuse_server_umount(self->srv));
	EXPECT_EQ(0, scratch_umount_backing());
}

/* Below a mount point is what the server says, not what is covered */
TEST_F(tree, mount_points)
{
	ASSERT_EQ(0, mount("x", scratch_path("one/closed"), "tmpfs", 0, ""));
	fuse_server_new_requests(self->srv);
	EXPECT_EQ(-ENOENT, tree_reads(tree_at("one/closed/file")));
	EXPECT_LT(0, fuse_server_new_requests(self->srv));
	ASSERT_EQ(0, umount(scratch_path("one/closed")));
}

/* What is more than a file is what the server says, and nothing that is opened below */
TEST_F(tree, devices)
{
	pid_t thread = thread_find(self->srv->dev);
	char text[1];
	int fd;

	ASSERT_EQ(0, mknod(scratch_path("one/device"), S_IFCHR | 0666, makedev(1, 5)));
	EXPECT_TRUE(tree_same_stat("one/device"));
	/* of "one", too, and before "one/device" is looked at */
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_LOOKUP));
	EXPECT_EQ(-1, open(tree_at("one/device"), O_RDWR | O_CLOEXEC));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(1, table_count(thread));
	/* control: by itself it is one that reads as zeros, and what is beside it is opened */
	fd = open(scratch_path("one/device"), O_RDWR | O_CLOEXEC);
	EXPECT_EQ(1, read(fd, text, 1));
	close(fd);
	fuse_server_new_requests(self->srv);
	EXPECT_EQ(0, tree_reads(tree_at("one/link")));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* Many, who are reclaimed */
TEST_F(tree, many)
{
	char name[64];
	struct stat st;

	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "one/file%d", i);
		ASSERT_EQ(0, link(scratch_path("b"), scratch_path(name)));
		ASSERT_EQ(0, stat(tree_at(name), &st));
	}
	scratch_drop_caches();
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "one/file%d", i);
		ASSERT_EQ(0, stat(tree_at(name), &st));
	}
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

TEST_HARNESS_MAIN
