// SPDX-License-Identifier: GPL-2.0
/*
 * Changes below an attached directory are made without the server.
 *
 * Proves: what is made, removed, moved and changed through the mount is so in the backing
 * directory at once, with modes, owners and errors as there, without a request; only for
 * clients who have all the power of the registration, and for others the server is asked;
 * what rules leave to the server, what it named, a directory with names of its own in it, and
 * what is neither file, directory nor symbolic link are the server's; what changed below
 * meanwhile is noticed; access(2) says whether there may be changes; who watches a file is
 * told when its last name is removed.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <linux/fs.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "reject_trace.h"
#include "rules.h"
#include "tree_env.h"

#define BOTH	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)

FIXTURE(tree_change) {
	struct env env;
	struct fuse_server *srv;
	int dev;
	int id;
};

FIXTURE_VARIANT(tree_change) {
	enum scratch_fs fs;
};

FIXTURE_VARIANT_ADD(tree_change, tmpfs) {
	.fs = SCRATCH_TMPFS,
};

FIXTURE_VARIANT_ADD(tree_change, ext4) {
	.fs = SCRATCH_EXT4,
};

/* dir/file */
static int make_tree(void)
{
	if (mkdir(scratch_path("dir"), 0755) < 0)
		return -errno;
	return scratch_file("dir/file", 100, 1);
}

FIXTURE_SETUP(tree_change)
{
	self->id = tree_start(_metadata, &self->env, variant->fs, make_tree, TREE_OPS, BOTH);
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
}

FIXTURE_TEARDOWN(tree_change)
{
	tree_end(_metadata, &self->env);
}

static bool is_there(const char *name)
{
	struct stat st;

	return !lstat(scratch_path(name), &st);
}

TEST_F(tree_change, made)
{
	char text[16] = "";
	int fd;

	ASSERT_EQ(0, mkdir(tree_at("dir/new"), 0750));
	EXPECT_TRUE(tree_same_stat("dir/new"));
	EXPECT_TRUE(tree_same_stat("dir"));
	fd = open(tree_at("dir/new/file"), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	ASSERT_LE(0, fd);
	EXPECT_EQ(4, write(fd, "text", 4));
	EXPECT_EQ(0, scratch_compare("dir/new/file", "text", 4, 0));
	EXPECT_EQ(4, pread(fd, text, sizeof(text), 0));
	close(fd);
	EXPECT_TRUE(tree_same_stat("dir/new/file"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	ASSERT_EQ(0, symlink("file", tree_at("dir/new/symlink")));
	EXPECT_TRUE(tree_same_stat("dir/new/symlink"));
	EXPECT_EQ(4, readlink(tree_at("dir/new/symlink"), text, sizeof(text)));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	ASSERT_EQ(0, link(tree_at("dir/new/file"), tree_at("link")));
	EXPECT_TRUE(tree_same_stat("dir/new/file"));
	EXPECT_TRUE(tree_same_stat("link"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	ASSERT_EQ(0, mknod(tree_at("node"), S_IFREG | 0600, 0));
	EXPECT_TRUE(tree_same_stat("node"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	/* in the root, too, and cut off if it is there */
	fd = open(tree_at("link"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd);
	close(fd);
	EXPECT_EQ(0, scratch_size("dir/new/file"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* By the umask, and in a directory that hands its group on, as directly */
TEST_F(tree_change, made_with_modes)
{
	static const mode_t masks[] = { 0, 022, 077 };
	char name[32], direct[32];
	struct stat a, b;

	ASSERT_EQ(0, chown(scratch_path("dir"), 0, 1234));
	ASSERT_EQ(0, chmod(scratch_path("dir"), 02777));
	for (int i = 0; i < 3; i++) {
		umask(masks[i]);
		snprintf(name, sizeof(name), "dir/fuse%d", i);
		snprintf(direct, sizeof(direct), "dir/direct%d", i);
		ASSERT_EQ(0, mkdir(tree_at(name), 01777));
		ASSERT_EQ(0, mkdir(scratch_path(direct), 01777));
		ASSERT_EQ(0, stat(scratch_path(name), &a));
		ASSERT_EQ(0, stat(scratch_path(direct), &b));
		EXPECT_EQ(b.st_mode, a.st_mode);
		EXPECT_EQ(b.st_gid, a.st_gid);
		strcat(name, "/f");
		strcat(direct, "/f");
		ASSERT_EQ(0, close(open(tree_at(name), O_CREAT | O_WRONLY, 02777)));
		ASSERT_EQ(0, close(open(scratch_path(direct), O_CREAT | O_WRONLY,
					02777)));
		ASSERT_EQ(0, stat(scratch_path(name), &a));
		ASSERT_EQ(0, stat(scratch_path(direct), &b));
		EXPECT_EQ(b.st_mode, a.st_mode);
		EXPECT_EQ(b.st_gid, a.st_gid);
	}
	umask(022);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

TEST_F(tree_change, made_that_is_there)
{
	int fd;

	EXPECT_EQ(-1, mkdir(tree_at("dir"), 0755));
	EXPECT_EQ(EEXIST, errno);
	/* since the kernel looked */
	EXPECT_EQ(-1, access(tree_at("dir/late"), F_OK));
	ASSERT_EQ(0, scratch_file("dir/late", 7, 1));
	EXPECT_EQ(-1, open(tree_at("dir/late"), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
	EXPECT_EQ(EEXIST, errno);
	fd = open(tree_at("dir/late"), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd);
	EXPECT_EQ(7, lseek(fd, 0, SEEK_END));
	close(fd);
	EXPECT_EQ(-1, symlink("x", tree_at("dir/late")));
	EXPECT_EQ(EEXIST, errno);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* Which nobody has looked for: it is made if it isn't there, and whose it is stays so */
TEST_F(tree_change, made_without_a_look)
{
	static const struct rule rules[] = { RULE_SERVER("own") };

	ASSERT_EQ(0, access(tree_at("dir"), F_OK));
	ASSERT_EQ(0, symlink("nowhere", scratch_path("dir/symlink")));
	EXPECT_EQ(0, tree_make(tree_at("dir/new")));
	EXPECT_TRUE(tree_same_stat("dir/new"));
	EXPECT_EQ(-EEXIST, tree_make(tree_at("dir/file")));
	EXPECT_EQ(100, scratch_size("dir/file"));
	EXPECT_TRUE(tree_same_stat("dir/file"));
	EXPECT_EQ(-EEXIST, tree_make(tree_at("dir/symlink")));
	EXPECT_EQ(-EEXIST, tree_make(tree_at("dir")));
	EXPECT_FALSE(is_there("nowhere"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));

	ASSERT_EQ(0, rules_set(self->dev, FUSE_ROOT_ID, rules, 1, FUSE_BACKING_PASS));
	tree_make(tree_at("own"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_LOOKUP));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_CREATE));
}

TEST_F(tree_change, removed)
{
	int fd = open(tree_at("dir/file"), O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, rmdir(tree_at("dir")));
	EXPECT_EQ(ENOTEMPTY, errno);
	ASSERT_EQ(0, unlink(tree_at("dir/file")));
	EXPECT_FALSE(is_there("dir/file"));
	EXPECT_EQ(-1, access(tree_at("dir/file"), F_OK));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
	close(fd);
	EXPECT_EQ(-1, unlink(tree_at("dir/file")));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(-1, rmdir(tree_at("a")));
	EXPECT_EQ(ENOTDIR, errno);
	ASSERT_EQ(0, rmdir(tree_at("dir")));
	EXPECT_FALSE(is_there("dir"));
	ASSERT_EQ(0, mkdir(tree_at("dir"), 0700));
	EXPECT_TRUE(tree_same_stat("dir"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* What has become another since the kernel looked is looked at again */
TEST_F(tree_change, removed_what_was_replaced)
{
	struct stat st;

	ASSERT_EQ(0, stat(tree_at("dir/file"), &st));
	ASSERT_EQ(0, unlink(scratch_path("dir/file")));
	ASSERT_EQ(0, mkdir(scratch_path("dir/file"), 0755));
	EXPECT_EQ(-1, unlink(tree_at("dir/file")));
	EXPECT_EQ(EISDIR, errno);
	ASSERT_EQ(0, rmdir(tree_at("dir/file")));
	EXPECT_FALSE(is_there("dir/file"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

TEST_F(tree_change, moved)
{
	ASSERT_EQ(0, mkdir(tree_at("other"), 0755));
	ASSERT_EQ(0, rename(tree_at("dir/file"), tree_at("dir/file2")));
	EXPECT_FALSE(is_there("dir/file"));
	EXPECT_TRUE(tree_same_stat("dir/file2"));
	ASSERT_EQ(0, rename(tree_at("dir/file2"), tree_at("other/file")));
	EXPECT_TRUE(tree_same_stat("other/file"));
	EXPECT_EQ(-1, access(tree_at("dir/file2"), F_OK));
	/* onto another, and a directory with what is in it */
	ASSERT_EQ(0, rename(tree_at("a"), tree_at("other/file")));
	EXPECT_EQ(-1, access(tree_at("a"), F_OK));
	ASSERT_EQ(0, rename(tree_at("other"), tree_at("dir/other")));
	EXPECT_TRUE(tree_same_stat("dir/other/file"));
	EXPECT_EQ(-1, renameat2(AT_FDCWD, tree_at("b"), AT_FDCWD, tree_at("dir/other/file"),
				RENAME_NOREPLACE));
	EXPECT_EQ(EEXIST, errno);
	ASSERT_EQ(0, renameat2(AT_FDCWD, tree_at("b"), AT_FDCWD, tree_at("dir/other"),
			       RENAME_EXCHANGE));
	EXPECT_TRUE(tree_same_stat("b/file"));
	EXPECT_TRUE(tree_same_stat("dir/other"));
	ASSERT_EQ(0, mkdir(tree_at("b/deeper"), 0755));
	EXPECT_EQ(-1, rename(tree_at("b"), tree_at("b/deeper/b")));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, rename(tree_at("b/deeper"), tree_at("b")));
	EXPECT_EQ(ENOTEMPTY, errno);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

TEST_F(tree_change, attributes)
{
	const struct timespec times[2] = { { 1000, 5 }, { 2000, 6 } };
	struct stat st;
	char value[8];

	ASSERT_EQ(0, chmod(tree_at("dir/file"), 04711));
	EXPECT_TRUE(tree_same_stat("dir/file"));
	ASSERT_EQ(0, chown(tree_at("dir/file"), 1000, 1001));
	ASSERT_EQ(0, stat(scratch_path("dir/file"), &st));
	EXPECT_EQ(1000, st.st_uid);
	EXPECT_EQ(1001, st.st_gid);
	/* as with any file */
	EXPECT_EQ(0711, st.st_mode & 07777);
	EXPECT_TRUE(tree_same_stat("dir/file"));
	ASSERT_EQ(0, utimensat(AT_FDCWD, tree_at("dir/file"), times, 0));
	ASSERT_EQ(0, stat(scratch_path("dir/file"), &st));
	EXPECT_EQ(2000, st.st_mtim.tv_sec);
	EXPECT_TRUE(tree_same_stat("dir/file"));
	ASSERT_EQ(0, truncate(tree_at("dir/file"), 12345));
	EXPECT_EQ(12345, scratch_size("dir/file"));
	EXPECT_TRUE(tree_same_stat("dir/file"));
	ASSERT_EQ(0, chmod(tree_at("dir"), 0700));
	EXPECT_TRUE(tree_same_stat("dir"));
	ASSERT_EQ(0, setxattr(tree_at("dir/file"), "user.x", "value", 5, 0));
	EXPECT_EQ(5, getxattr(scratch_path("dir/file"), "user.x", value, sizeof(value)));
	EXPECT_EQ(-1, setxattr(tree_at("dir/file"), "user.x", "", 0, XATTR_CREATE));
	EXPECT_EQ(EEXIST, errno);
	ASSERT_EQ(0, removexattr(tree_at("dir/file"), "user.x"));
	EXPECT_EQ(-1, getxattr(scratch_path("dir/file"), "user.x", value, 1));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* Who gets a file gets no bits of who had it, whatever FUSE leaves to the server */
TEST_F(tree_change, owners_lose_bits)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.mount_opts = "default_permissions",
		.init_flags = FUSE_HANDLE_KILLPRIV_V2,
	};
	struct fuse_server srv;
	struct stat st;
	int id;

	ASSERT_EQ(0, tree_serve(&self->env, &srv, &opts));
	id = tree_register(srv.fd, SCRATCH_BACKING);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, tree_attach(srv.fd, FUSE_ROOT_ID, id, TREE_OPS, BOTH));
	ASSERT_EQ(0, access(SCRATCH_FUSE2, F_OK));
	ASSERT_EQ(0, chown(scratch_path("dir/file"), 1000, 1000));
	ASSERT_EQ(0, chmod(scratch_path("dir/file"), 06755));
	ASSERT_EQ(0, chown(SCRATCH_FUSE2 "/dir/file", 0, 0));
	ASSERT_EQ(0, stat(scratch_path("dir/file"), &st));
	EXPECT_EQ(0, st.st_uid);
	EXPECT_EQ(0755, st.st_mode & 07777);
	EXPECT_EQ(0, fuse_server_ops(&srv, FUSE_SETATTR));
	fuse_server_stop(&srv);
}

/* A size that is cut off while somebody has the file mapped, by another name */
TEST_F(tree_change, truncated_while_open)
{
	int fd = open(tree_at("dir/file"), O_RDWR | O_CLOEXEC);
	char *map;

	ASSERT_LE(0, fd);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, truncate(tree_at("dir/file"), 10));
	EXPECT_EQ(10, lseek(fd, 0, SEEK_END));
	EXPECT_EQ(0, map[50]);
	munmap(map, 4096);
	close(fd);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* Who has less power than the registration is the server's */

static int make_dir(void *path)
{
	return mkdir(path, 0755) ? -errno : 0;
}

TEST_F(tree_change, others_ask)
{
	const struct creds user = { .uid = 1000, .gid = 1000 };
	const struct creds weak = { .uid = 0, .gid = 0 };
	const struct creds strong = { .uid = 0, .gid = 0, .caps = ~0ULL >> 23 };

	ASSERT_EQ(0, chmod(scratch_path("dir"), 0777));
	creds_call(&user, make_dir, (void *)tree_at("dir/of_user"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_MKDIR));
	creds_call(&weak, make_dir, (void *)tree_at("dir/of_weak"));
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_MKDIR));
	EXPECT_EQ(0, creds_call(&strong, make_dir, (void *)tree_at("dir/of_strong")));
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_MKDIR));
	EXPECT_TRUE(is_there("dir/of_strong"));
}

/* A tree of a user's, who is no more than that below it */

static int write_read_only(void *path)
{
	int fd, err = tree_make_read_only(path);

	if (err)
		return err;
	/* and from then on not any more */
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		err = -EEXIST;
	return err;
}

static int chown_it(void *path)
{
	return chown(path, 0, 0) ? -errno : 0;
}

TEST_F(tree_change, of_a_user)
{
	const struct creds user = { .uid = 1000, .gid = 1000 };
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.mount_opts = "default_permissions",
		.uid = 1000,
	};
	struct fuse_server srv;
	__u32 before;
	int id;

	ASSERT_EQ(0, mkdir(scratch_path("mine"), 0755));
	ASSERT_EQ(0, chown(scratch_path("mine"), 1000, 1000));
	ASSERT_EQ(0, tree_serve(&self->env, &srv, &opts));
	id = tree_register_as(&user, srv.fd);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, tree_attach(srv.fd, FUSE_ROOT_ID, id, TREE_OPS, BOTH));
	ASSERT_EQ(0, access(SCRATCH_FUSE2, F_OK));
	before = fuse_server_requests(&srv);

	EXPECT_EQ(0, creds_call(&user, write_read_only, (void *)tree_at2("mine/file")));
	EXPECT_EQ(0, scratch_compare("mine/file", "x", 1, 0));
	EXPECT_EQ(-EACCES, creds_call(&user, make_dir, (void *)tree_at2("dir/new")));
	EXPECT_EQ(-EPERM, creds_call(&user, chown_it, (void *)tree_at2("mine/file")));
	EXPECT_EQ(before, fuse_server_requests(&srv));
	/* root is another, who has more power but isn't the same */
	mkdir(tree_at2("mine/of_root"), 0755);
	EXPECT_EQ(1, fuse_server_ops(&srv, FUSE_MKDIR));
	fuse_server_stop(&srv);
}

TEST_F(tree_change, ruled)
{
	static const struct rule rules[] = {
		RULE_HIDE("hidden"), RULE_SERVER("own"), RULE_SERVER("a"),
	};

	ASSERT_EQ(0, rules_set(self->dev, FUSE_ROOT_ID, rules, 3, FUSE_BACKING_PASS));
	mkdir(tree_at("hidden"), 0755);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_MKDIR));
	mkdir(tree_at("own"), 0755);
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_MKDIR));
	unlink(tree_at("a"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_UNLINK));
	rename(tree_at("b"), tree_at("own"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_RENAME) +
		     fuse_server_ops(self->srv, FUSE_RENAME2));
	fuse_server_new_requests(self->srv);
	ASSERT_EQ(0, mkdir(tree_at("passed"), 0755));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* The node of a directory below, which the server is told of first; 0 if it isn't */
static __u64 introduce(struct fuse_server *srv, const char *name)
{
	struct fuse_server_file *file;

	setxattr(tree_at(name), "trusted.x", "x", 1, 0);
	file = server_shared_find(srv->sh, name);
	fuse_server_new_requests(srv);
	return file ? fuse_server_node(srv, file) : 0;
}

/* Whether a directory is empty is the server's to say, if it has names in there, or hides some */
TEST_F(tree_change, ruled_inside)
{
	static const struct rule notes[] = { RULE_ADD("notes", DT_REG, 77) };
	static const struct rule hidden[] = { RULE_HIDE("core") };
	__u64 node;

	ASSERT_EQ(0, mkdir(tree_at("empty"), 0755));
	ASSERT_EQ(0, mkdir(tree_at("other"), 0755));
	node = introduce(self->srv, "empty");
	ASSERT_NE(0, node);
	ASSERT_EQ(0, rules_set(self->dev, node, notes, 1, FUSE_BACKING_PASS));
	rmdir(tree_at("empty"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_RMDIR));
	rename(tree_at("other"), tree_at("empty"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_RENAME));
	EXPECT_TRUE(is_there("empty"));
	EXPECT_TRUE(is_there("other"));

	ASSERT_EQ(0, rules_set(self->dev, node, hidden, 1, FUSE_BACKING_PASS));
	ASSERT_EQ(0, scratch_file("empty/core", 1, 1));
	rmdir(tree_at("empty"));
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_RMDIR));
	rename(tree_at("other"), tree_at("empty"));
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_RENAME));

	/* control: what stays, under whatever name, and what has no rules */
	EXPECT_EQ(0, renameat2(AT_FDCWD, tree_at("other"), AT_FDCWD, tree_at("empty"),
			       RENAME_EXCHANGE));
	EXPECT_EQ(0, rename(tree_at("other"), tree_at("moved")));
	EXPECT_EQ(0, rules_set(self->dev, node, NULL, 0, FUSE_BACKING_PASS));
	EXPECT_EQ(-1, rmdir(tree_at("moved")));
	EXPECT_EQ(ENOTEMPTY, errno);
	ASSERT_EQ(0, unlink(scratch_path("moved/core")));
	EXPECT_EQ(0, rename(tree_at("empty"), tree_at("moved")));
	EXPECT_EQ(0, rmdir(tree_at("moved")));
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_RMDIR));
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_RENAME));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_RENAME2));
}

TEST_F(tree_change, others_are_the_servers)
{
	mkfifo(tree_at("fifo"), 0600);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_MKNOD));
	setxattr(tree_at("dir/file"), "trusted.x", "x", 1, 0);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETXATTR));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	mkdir(tree_at("new"), 0755);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_MKDIR));
}

TEST_F(tree_change, read_only)
{
	ASSERT_EQ(0, mount("", SCRATCH_BACKING, NULL,
			   MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	EXPECT_EQ(-1, mkdir(tree_at("new"), 0755));
	EXPECT_EQ(EROFS, errno);
	EXPECT_EQ(-1, unlink(tree_at("dir/file")));
	EXPECT_EQ(EROFS, errno);
	EXPECT_EQ(-1, chmod(tree_at("dir/file"), 0600));
	EXPECT_EQ(EROFS, errno);
	EXPECT_EQ(-1, truncate(tree_at("dir/file"), 1));
	EXPECT_EQ(EROFS, errno);
	EXPECT_EQ(-1, open(tree_at("new"), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	EXPECT_EQ(EROFS, errno);
	ASSERT_EQ(0, mount("", SCRATCH_BACKING, NULL, MS_REMOUNT | MS_BIND, NULL));
	EXPECT_EQ(0, mkdir(tree_at("new"), 0755));
}

/* What access(2) says of @path, for each of the modes that may be asked for, one after another */
static int access_all(void *path)
{
	int all = 0, mode;

	for (mode = 0; mode < 8; mode++) {
		if (!access(path, mode))
			continue;
		all |= (errno == EACCES ? 1 : errno == EPERM ? 2 : 3) << (2 * mode);
		if (errno != EACCES && errno != EPERM && errno != EROFS)
			return -errno;
	}
	return all;
}

/* Is that the same below as there, for root and for a user? */
static bool is_access_same(struct __test_metadata *_metadata, const char *state)
{
	static const char * const names[] = { "dir", "dir/file", "dir/text" };
	const struct creds user = { .uid = 1000, .gid = 1000 };
	const struct creds root = { .caps = ~0ULL >> 23 };
	const struct creds *who;
	int direct, below;

	for (int i = 0; i < 2 * 3; i++) {
		who = i % 2 ? &user : &root;
		direct = creds_call(who, access_all, (void *)scratch_path(names[i / 2]));
		below = creds_call(who, access_all, (void *)tree_at(names[i / 2]));
		if (direct >= 0 && direct == below)
			continue;
		TH_LOG("%s, %s, uid %u: %#x, not %#x", state, names[i / 2], who->uid,
		       below, direct);
		return false;
	}
	return true;
}

static int set_flags(int flags)
{
	return scratch_flags("dir", flags) ?: scratch_flags("dir/file", flags);
}

static int remount(unsigned long flags)
{
	return mount("", SCRATCH_BACKING, NULL, MS_REMOUNT | flags, NULL) ? -errno : 0;
}

/* Before anybody has tried to write */
TEST_F(tree_change, access)
{
	ASSERT_EQ(0, scratch_owned("dir/text", 10, 1, 1000, 0755));
	EXPECT_TRUE(is_access_same(_metadata, "as it is"));
	ASSERT_EQ(0, set_flags(FS_IMMUTABLE_FL));
	EXPECT_EQ(-1, access(tree_at("dir"), W_OK));
	EXPECT_EQ(EPERM, errno);
	EXPECT_TRUE(is_access_same(_metadata, "immutable"));
	ASSERT_EQ(0, set_flags(FS_APPEND_FL));
	EXPECT_TRUE(is_access_same(_metadata, "append-only"));
	ASSERT_EQ(0, set_flags(0));
	ASSERT_EQ(0, remount(MS_BIND | MS_RDONLY | MS_NOEXEC));
	EXPECT_EQ(-1, access(tree_at("dir/file"), W_OK));
	EXPECT_EQ(EROFS, errno);
	EXPECT_TRUE(is_access_same(_metadata, "mounted read-only and noexec"));
	ASSERT_EQ(0, remount(MS_BIND));
	ASSERT_EQ(0, remount(MS_RDONLY));
	EXPECT_TRUE(is_access_same(_metadata, "read-only filesystem"));
	ASSERT_EQ(0, remount(0));
	EXPECT_TRUE(is_access_same(_metadata, "as it was"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

static bool is_allowed(int mode)
{
	static struct reject_trace trace;
	bool allowed;

	if (reject_trace_start(&trace))
		return false;
	allowed = !access(tree_at("dir/file"), mode) && !reject_trace_has_any(&trace);
	reject_trace_stop(&trace);
	return allowed;
}

TEST_F(tree_change, access_reasons)
{
	EXPECT_TRUE(is_allowed(W_OK));
	ASSERT_EQ(0, set_flags(FS_IMMUTABLE_FL));
	EXPECT_TRUE(reject_trace_access(tree_at("dir/file"), W_OK, self->srv->dev, self->id,
					-EPERM, "immutable"));
	EXPECT_TRUE(is_allowed(R_OK));
	ASSERT_EQ(0, set_flags(0));
	ASSERT_EQ(0, remount(MS_BIND | MS_RDONLY | MS_NOEXEC));
	EXPECT_TRUE(reject_trace_access(tree_at("dir/file"), W_OK, self->srv->dev, self->id,
					-EROFS, "read-only-mount"));
	EXPECT_TRUE(reject_trace_access(tree_at("dir/file"), X_OK, self->srv->dev, self->id,
					-EACCES, "noexec"));
	EXPECT_TRUE(is_allowed(R_OK));
	ASSERT_EQ(0, remount(MS_BIND));
	ASSERT_EQ(0, remount(MS_RDONLY));
	EXPECT_TRUE(reject_trace_access(tree_at("dir/file"), W_OK, self->srv->dev, self->id,
					-EROFS, "read-only-mount"));
	ASSERT_EQ(0, remount(0));
	EXPECT_TRUE(is_allowed(W_OK));
}

/* The server may have another place for what isn't written below */
TEST_F(tree_change, access_elsewhere)
{
	ASSERT_EQ(0, set_flags(FS_IMMUTABLE_FL));
	EXPECT_EQ(-1, access(tree_at("dir/file"), W_OK));
	EXPECT_EQ(-1, access(tree_at("dir"), W_OK));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	ASSERT_EQ(0, tree_attach(self->dev, FUSE_ROOT_ID, self->id,
				 TREE_OPS & ~FUSE_BACKING_OPS_CHANGE, FUSE_BACKING_READ));
	EXPECT_EQ(0, access(tree_at("dir/file"), W_OK));
	EXPECT_EQ(0, access(tree_at("dir"), W_OK));
	EXPECT_EQ(0, set_flags(0));
}

/* Sizes are for who may write */
TEST_F(tree_change, modes)
{
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	ASSERT_EQ(0, tree_attach(self->dev, FUSE_ROOT_ID, self->id, TREE_OPS, FUSE_BACKING_READ));
	truncate(tree_at("dir/file"), 1);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETATTR));
	EXPECT_EQ(0, chmod(tree_at("dir/file"), 0600));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETATTR));
}

/* Is who watches @name told that it is gone, when @call has removed it, or a name of it? */
static bool is_told_gone(const char *name, int (*call)(void))
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	union {
		struct inotify_event event;
		char room[256];
	} got = {};
	bool told = false;

	if (inotify_add_watch(fd, tree_at(name), IN_DELETE_SELF) >= 0 && !call())
		told = read(fd, &got, sizeof(got)) > 0 && (got.event.mask & IN_DELETE_SELF);
	close(fd);
	return told;
}

static int remove_first(void)
{
	return unlink(tree_at("dir/file"));
}

static int remove_second(void)
{
	return unlink(tree_at("dir/second"));
}

static int remove_dir(void)
{
	return rmdir(tree_at("dir/sub"));
}

static int replace_it(void)
{
	return rename(tree_at("dir/new"), tree_at("dir/old"));
}

/* With its last name, by whatever that goes */
TEST_F(tree_change, watched)
{
	ASSERT_EQ(0, link(scratch_path("dir/file"), scratch_path("dir/second")));
	EXPECT_FALSE(is_told_gone("dir/file", remove_first));
	EXPECT_TRUE(tree_same_stat("dir/second"));
	EXPECT_TRUE(is_told_gone("dir/second", remove_second));
	ASSERT_EQ(0, mkdir(tree_at("dir/sub"), 0755));
	EXPECT_TRUE(is_told_gone("dir/sub", remove_dir));
	ASSERT_EQ(0, tree_write_text(tree_at("dir/old")));
	ASSERT_EQ(0, tree_write_text(tree_at("dir/new")));
	EXPECT_TRUE(is_told_gone("dir/old", replace_it));
	EXPECT_TRUE(tree_same_stat("dir/old"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* What goes together, and what needs the names */
TEST_F(tree_change, refused)
{
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	EXPECT_EQ(-EINVAL, tree_attach(self->dev, FUSE_ROOT_ID, self->id,
				       FUSE_BACKING_OPS_NAMES, 0));
	EXPECT_EQ(-EINVAL, tree_attach(self->dev, FUSE_ROOT_ID, self->id,
				       FUSE_BACKING_OPS_ATTR | FUSE_BACKING_OPS_LOOKUP |
				       FUSE_BACKING_OP(FUSE_MKDIR), 0));
	EXPECT_EQ(0, tree_attach(self->dev, FUSE_ROOT_ID, self->id,
				 FUSE_BACKING_OPS_ATTR | FUSE_BACKING_OPS_LOOKUP |
				 FUSE_BACKING_OPS_NAMES, 0));
	EXPECT_EQ(0, mkdir(tree_at("new"), 0755));
	EXPECT_TRUE(is_there("new"));
}

/* Who makes a file has a slot of its own, and who opens it too: they go with the last */
TEST_F(tree_change, slots)
{
	pid_t thread = thread_find(self->srv->dev);
	int fd[2];

	fd[0] = open(tree_at("new"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd[0]);
	fd[1] = open(tree_at("new"), O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd[1]);
	EXPECT_EQ(3, table_count(thread));
	close(fd[0]);
	EXPECT_EQ(2, table_count(thread));
	close(fd[1]);
	EXPECT_EQ(1, table_count(thread));
	ASSERT_EQ(0, unlink(tree_at("new")));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

TEST_HARNESS_MAIN
