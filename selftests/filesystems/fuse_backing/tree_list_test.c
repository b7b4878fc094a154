// SPDX-License-Identifier: GPL-2.0
/*
 * A directory that has one attached is listed without asking the server.
 *
 * Proves: names, types, order and positions are those of the backing directory,
 * numbers are the mount's; whatever the caller's memory, whoever else reads, and
 * however the directory changes meanwhile, each name that stays is there once; the
 * server is asked for none of it, and for what needs a handle it is asked once;
 * detaching leaves open directories alone, revoking has them start at the server;
 * what isn't a directory isn't taken for one, nor the other way round. Where the server
 * lists a directory whose names are a tree's, it is asked for no nodes of them.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "dir_lister.h"
#include "env.h"
#include "reject_trace.h"
#include "tree_env.h"
#include "wait_until.h"

#define LIST		FUSE_BACKING_OPS_LIST
#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define MANY		2000
/* So many that no table of a backing filesystem is small; fewer if that takes long */
#define VERY_MANY	(patience() > 2 ? 10000 : 100000)

FIXTURE(tree_list) {
	struct env env;
	struct fuse_server *srv;
	int dev;
	int id;			/* of the backing directory */
	struct dir_list direct;
	struct dir_list seen;
};

FIXTURE_VARIANT(tree_list) {
	enum scratch_fs fs;
};

FIXTURE_VARIANT_ADD(tree_list, tmpfs) {
	.fs = SCRATCH_TMPFS,
};

FIXTURE_VARIANT_ADD(tree_list, ext4) {
	.fs = SCRATCH_EXT4,
};

static int register_dir(int dev, const char *path, int flags)
{
	return fuse_backing_open_with(dev, path, flags | O_DIRECTORY,
				      FUSE_BACKING_MAP_DIR);
}

FIXTURE_SETUP(tree_list)
{
	if (!env_start(_metadata, &self->env, variant->fs))
		return;
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
	self->id = register_dir(self->dev, SCRATCH_BACKING, O_RDONLY);
	ASSERT_LT(0, self->id);
	ASSERT_EQ(0, fuse_backing_attach_dir(self->dev, FUSE_ROOT_ID, self->id, 0,
					     LIST));
}

FIXTURE_TEARDOWN(tree_list)
{
	dir_list_free(&self->direct);
	dir_list_free(&self->seen);
	EXPECT_EQ(0, self->srv->sh->bad_fh)
		TH_LOG("opcode %u", self->srv->sh->bad_op);
	env_teardown(&self->env);
}

static __u32 asked(const struct fuse_server *srv)
{
	return fuse_server_ops(srv, FUSE_OPENDIR) +
	       fuse_server_ops(srv, FUSE_READDIR) +
	       fuse_server_ops(srv, FUSE_READDIRPLUS) +
	       fuse_server_ops(srv, FUSE_RELEASEDIR) +
	       fuse_server_ops(srv, FUSE_FSYNCDIR);
}

static int open_dir(void)
{
	int fd = open(SCRATCH_FUSE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Short ones and long ones */
static const char *name_of(unsigned int i)
{
	static char name[64];

	snprintf(name, sizeof(name), "name%0*u", 1 + i % 40, i);
	return name;
}

/* Of one file: there may be fewer inodes than names. 0 or -errno. */
static int make_names(unsigned int from, unsigned int to)
{
	for (unsigned int i = from; i < to; i++)
		if (link(SCRATCH_BACKING "/a", scratch_path(name_of(i))) < 0)
			return -errno;
	return 0;
}

TEST_F(tree_list, asks_nobody)
{
	struct stat st;

	ASSERT_EQ(0, mkdir(scratch_path("dir"), 0755));
	ASSERT_EQ(0, symlink("a", scratch_path("link")));
	ASSERT_EQ(0, dir_list_path(&self->direct, SCRATCH_BACKING));
	ASSERT_EQ(0, dir_list_path(&self->seen, SCRATCH_FUSE));
	EXPECT_TRUE(dir_list_equal(&self->direct, &self->seen));
	EXPECT_EQ(0, asked(self->srv));

	/* what the kernel doesn't know has the number of the backing file */
	ASSERT_EQ(0, stat(scratch_path("b"), &st));
	ASSERT_NE(NULL, dir_list_find(&self->seen, "b"));
	EXPECT_EQ(st.st_ino, dir_list_find(&self->seen, "b")->ino);
	EXPECT_EQ(DT_LNK, dir_list_find(&self->seen, "link")->type);
}

/* Numbers are what stat(2) says, of the directory itself too */
TEST_F(tree_list, numbers)
{
	struct stat a, root;

	ASSERT_EQ(0, stat(SCRATCH_FUSE "/a", &a));
	ASSERT_EQ(0, stat(SCRATCH_FUSE, &root));
	ASSERT_EQ(0, dir_list_path(&self->seen, SCRATCH_FUSE));
	EXPECT_EQ(a.st_ino, dir_list_find(&self->seen, "a")->ino);
	EXPECT_EQ(root.st_ino, dir_list_find(&self->seen, ".")->ino);
	EXPECT_EQ(root.st_ino, dir_list_find(&self->seen, "..")->ino);
	EXPECT_EQ(0, asked(self->srv));
}

/* The control: without what is attached, the server lists what it has */
TEST_F(tree_list, control_detached)
{
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	ASSERT_EQ(0, make_names(0, 1));
	ASSERT_EQ(0, dir_list_path(&self->seen, SCRATCH_FUSE));
	EXPECT_EQ(NULL, dir_list_find(&self->seen, name_of(0)));
	EXPECT_NE(NULL, dir_list_find(&self->seen, "a"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_OPENDIR));
	EXPECT_LE(1, fuse_server_ops(self->srv, FUSE_READDIR));
}

TEST_F(tree_list, in_small_pieces)
{
	static const size_t sizes[] = { 72, 100, 333, 4096, 32768 };
	int fd;

	ASSERT_EQ(0, make_names(0, MANY));
	ASSERT_EQ(0, dir_list_path(&self->direct, SCRATCH_BACKING));
	EXPECT_LT(MANY, self->direct.count);
	fd = open_dir();
	ASSERT_LE(0, fd);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		ASSERT_EQ(0, lseek(fd, 0, SEEK_SET));
		self->seen.count = 0;
		ASSERT_EQ(0, dir_list_read(&self->seen, fd, sizes[i]));
		EXPECT_TRUE(dir_list_equal(&self->direct, &self->seen))
			TH_LOG("%zu bytes", sizes[i]);
	}
	close(fd);
	EXPECT_EQ(0, asked(self->srv));
}

/* No memory for an entry: an error, and it is there for the next call */
TEST_F(tree_list, no_room)
{
	int fd = open_dir();

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, dir_list_read_some(&self->seen, fd, 16));
	ASSERT_EQ(0, dir_list_read(&self->seen, fd, 4096));
	ASSERT_EQ(0, dir_list_path(&self->direct, SCRATCH_BACKING));
	EXPECT_TRUE(dir_list_equal(&self->direct, &self->seen));
	close(fd);
}

/* seekdir(3) to where each entry said that the next one is */
TEST_F(tree_list, positions)
{
	struct dir_list one = {};
	int fd;

	ASSERT_EQ(0, make_names(0, 300));
	ASSERT_EQ(0, dir_list_path(&self->seen, SCRATCH_FUSE));
	fd = open_dir();
	ASSERT_LE(0, fd);
	for (size_t i = 0; i + 1 < self->seen.count; i = (i * 7 + 3)) {
		ASSERT_EQ(self->seen.entry[i].next,
			  lseek(fd, self->seen.entry[i].next, SEEK_SET));
		one.count = 0;
		ASSERT_LT(0, dir_list_read_some(&one, fd, 4096));
		EXPECT_STREQ(self->seen.entry[i + 1].name, one.entry[0].name);
	}
	dir_list_free(&one);
	close(fd);
	EXPECT_EQ(0, asked(self->srv));
}

/* What the backing directory refuses is refused */
TEST_F(tree_list, bad_positions)
{
	int direct = open(SCRATCH_BACKING, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = open_dir();

	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, lseek(fd, -1, SEEK_SET));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, lseek(fd, 0, SEEK_DATA));
	EXPECT_EQ(lseek(direct, 3, SEEK_SET), lseek(fd, 3, SEEK_SET));
	EXPECT_EQ(3, lseek(fd, 0, SEEK_CUR));
	close(fd);
	close(direct);
}

TEST_F(tree_list, rewound)
{
	int fd = open_dir();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, dir_list_read(&self->seen, fd, 4096));
	EXPECT_EQ(0, dir_list_count(&self->seen, name_of(7)));
	ASSERT_EQ(0, make_names(7, 8));
	ASSERT_EQ(0, lseek(fd, 0, SEEK_SET));
	self->seen.count = 0;
	ASSERT_EQ(0, dir_list_read(&self->seen, fd, 4096));
	EXPECT_EQ(1, dir_list_count(&self->seen, name_of(7)));
	close(fd);
}

/* Half of it goes, and as much comes, while it is read */
TEST_F(tree_list, changes_meanwhile)
{
	int fd;

	ASSERT_EQ(0, make_names(0, MANY));
	fd = open_dir();
	ASSERT_LE(0, fd);
	ASSERT_LT(0, dir_list_read_some(&self->seen, fd, 1000));
	for (int i = 0; i < MANY; i += 2)
		ASSERT_EQ(0, unlink(scratch_path(name_of(i))));
	ASSERT_EQ(0, make_names(MANY, 2 * MANY));
	ASSERT_EQ(0, dir_list_read(&self->seen, fd, 1000));
	for (int i = 0; i < 2 * MANY; i++) {
		size_t n = dir_list_count(&self->seen, name_of(i));

		/* what stays is there once, what comes or goes at most once */
		EXPECT_GE(1, n) TH_LOG("%s", name_of(i));
		if (i < MANY && i % 2)
			EXPECT_EQ(1, n) TH_LOG("%s", name_of(i));
	}
	close(fd);
}

/* Two who read the same open directory get each name once between them */
TEST_F(tree_list, shared_by_two_readers)
{
	struct dir_list other = {};
	int fd, second;

	ASSERT_EQ(0, make_names(0, MANY));
	ASSERT_EQ(0, dir_list_path(&self->direct, SCRATCH_BACKING));
	fd = open_dir();
	second = dup(fd);
	ASSERT_LE(0, second);
	while (dir_list_read_some(&self->seen, fd, 500) > 0 &&
	       dir_list_read_some(&other, second, 700) > 0)
		;
	EXPECT_EQ(self->direct.count, self->seen.count + other.count);
	dir_list_free(&other);
	close(fd);
	close(second);
}

/* Two that opened it don't disturb each other */
TEST_F(tree_list, opened_twice)
{
	struct dir_list other = {};
	int fd, second;
	ssize_t n, m;

	ASSERT_EQ(0, make_names(0, MANY));
	ASSERT_EQ(0, dir_list_path(&self->direct, SCRATCH_BACKING));
	fd = open_dir();
	second = open_dir();
	ASSERT_LE(0, second);
	do {
		n = dir_list_read_some(&self->seen, fd, 500);
		m = dir_list_read_some(&other, second, 700);
	} while (n > 0 || m > 0);
	EXPECT_TRUE(dir_list_equal(&self->direct, &self->seen));
	EXPECT_TRUE(dir_list_equal(&self->direct, &other));
	dir_list_free(&other);
	close(fd);
	close(second);
}

TEST_F(tree_list, very_many)
{
	unsigned int names = VERY_MANY;

	if (variant->fs != SCRATCH_TMPFS)
		SKIP(return, "one filesystem is enough");
	ASSERT_EQ(0, make_names(0, names));
	ASSERT_EQ(0, dir_list_path(&self->direct, SCRATCH_BACKING));
	ASSERT_EQ(0, dir_list_path(&self->seen, SCRATCH_FUSE));
	EXPECT_LE(names, self->seen.count);
	EXPECT_TRUE(dir_list_equal(&self->direct, &self->seen));
	EXPECT_EQ(0, asked(self->srv));
}

TEST_F(tree_list, synced)
{
	int fd = open_dir();

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fsync(fd));
	EXPECT_EQ(0, fdatasync(fd));
	close(fd);
	EXPECT_EQ(0, asked(self->srv));

	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	fd = open_dir();
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fsync(fd));
	close(fd);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_FSYNCDIR));
}

/* What only the server can do has it open the directory, once */
TEST_F(tree_list, needs_a_handle)
{
	int fd = open_dir();

	ASSERT_LE(0, fd);
	EXPECT_EQ(FUSE_SERVER_IOCTL, ioctl(fd, _IO('x', 1)));
	EXPECT_EQ(FUSE_SERVER_IOCTL, ioctl(fd, _IO('x', 1)));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_OPENDIR));
	/* and the listing is the backing directory's still */
	ASSERT_EQ(0, make_names(0, 1));
	ASSERT_EQ(0, dir_list_read(&self->seen, fd, 4096));
	EXPECT_EQ(1, dir_list_count(&self->seen, name_of(0)));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_READDIR));
	close(fd);
	/* nobody waits for the answer to that, nor does umount(2) */
	EXPECT_TRUE(wait_until(fuse_server_ops(self->srv, FUSE_RELEASEDIR)));
	EXPECT_EQ(0, fuse_server_umount(self->srv));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_RELEASEDIR));
}

static bool is_listed(int dev, __u32 state, __u32 attached, __u32 files)
{
	struct fuse_backing_entry entry[2];

	return fuse_list_backing(dev, entry, 2) == 1 &&
	       entry[0].mode == FUSE_BACKING_MODE_TREE &&
	       entry[0].state == state && entry[0].attached == attached &&
	       entry[0].files == files && entry[0].nodeid[0] == FUSE_ROOT_ID;
}

/* An attachment keeps the directory in the table, and so does who has it open */
TEST_F(tree_list, counted)
{
	int fd;

	EXPECT_TRUE(is_listed(self->dev, FUSE_BACKING_STATE_LIVE, 1, 0));
	fd = open_dir();
	ASSERT_LE(0, fd);
	EXPECT_TRUE(is_listed(self->dev, FUSE_BACKING_STATE_LIVE, 1, 1));
	ASSERT_EQ(0, fuse_backing_close(self->dev, self->id));
	EXPECT_TRUE(is_listed(self->dev, FUSE_BACKING_STATE_LIVE, 1, 1));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	EXPECT_TRUE(is_listed(self->dev, FUSE_BACKING_STATE_CLOSING, 0, 1));

	/* open directories keep what they were opened on */
	ASSERT_EQ(0, dir_list_read(&self->seen, fd, 4096));
	EXPECT_EQ(0, asked(self->srv));
	close(fd);
	EXPECT_EQ(0, table_count(thread_find(self->srv->dev)));
	EXPECT_EQ(0, scratch_umount_backing());
}

TEST_F(tree_list, revoked)
{
	static struct reject_trace trace;
	int fd;

	ASSERT_EQ(0, make_names(0, MANY));
	fd = open_dir();
	ASSERT_LE(0, fd);
	ASSERT_LT(0, dir_list_read_some(&self->seen, fd, 1000));
	ASSERT_EQ(0, fuse_backing_close(self->dev, self->id));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0,
					 FUSE_BACKING_DETACH_REVOKE));
	EXPECT_EQ(0, table_count(thread_find(self->srv->dev)));

	/* positions are not the server's */
	ASSERT_EQ(0, reject_trace_start(&trace));
	EXPECT_EQ(-ESTALE, dir_list_read_some(&self->seen, fd, 1000));
	EXPECT_TRUE(reject_trace_has(&trace, self->srv->dev, 0, -ESTALE,
				     "taken-away"));
	reject_trace_stop(&trace);
	EXPECT_EQ(0, asked(self->srv));
	ASSERT_EQ(0, lseek(fd, 0, SEEK_SET));
	self->seen.count = 0;
	ASSERT_EQ(0, dir_list_read(&self->seen, fd, 4096));
	EXPECT_EQ(0, dir_list_count(&self->seen, name_of(0)));
	EXPECT_EQ(1, dir_list_count(&self->seen, "a"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_OPENDIR));
	EXPECT_EQ(0, fsync(fd));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_FSYNCDIR));
	close(fd);
}

TEST_F(tree_list, revoked_lets_go_of_the_filesystem)
{
	int fd = open_dir();

	ASSERT_LE(0, fd);
	ASSERT_LT(0, dir_list_read_some(&self->seen, fd, 100));
	ASSERT_EQ(0, fuse_backing_close(self->dev, self->id));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0,
					 FUSE_BACKING_DETACH_REVOKE));
	EXPECT_EQ(0, scratch_umount_backing());
	close(fd);
}

/* The server's end: who has the directory open reads on, and then it is gone */
TEST_F(tree_list, server_dies)
{
	int fd = open_dir();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fuse_server_kill(self->srv));
	fuse_server_close_dev(self->srv);
	EXPECT_EQ(0, dir_list_read(&self->seen, fd, 4096));
	EXPECT_LT(4, self->seen.count);
	EXPECT_EQ(-ENOTCONN, open_dir());
	close(fd);
	EXPECT_EQ(0, fuse_server_umount(self->srv));
	EXPECT_EQ(0, scratch_umount_backing());
}

/* A directory that is removed from below lists nothing, as the directory itself */
TEST_F(tree_list, removed_below)
{
	int id, fd;

	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	ASSERT_EQ(0, mkdir(scratch_path("gone"), 0755));
	id = register_dir(self->dev, scratch_path("gone"), O_RDONLY);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_backing_attach_dir(self->dev, FUSE_ROOT_ID, id, 0,
					     LIST));
	fd = open_dir();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, rmdir(scratch_path("gone")));
	EXPECT_EQ(-ENOENT, dir_list_read_some(&self->seen, fd, 4096));
	close(fd);
}

/* What is no directory, and what a directory is no good for. */

TEST_F(tree_list, bad_registrations)
{
	static const __u32 others[] = {
		FUSE_BACKING_MAP_AUTO_CLOSE, FUSE_BACKING_MAP_COPY_SPLICE,
	};
	const char *file = scratch_path("a");

	EXPECT_EQ(-EISDIR, fuse_backing_open_path(self->dev, SCRATCH_BACKING,
						  O_RDONLY));
	EXPECT_EQ(-ENOTDIR, fuse_backing_open_with(self->dev, file, O_RDONLY,
						   FUSE_BACKING_MAP_DIR));
	EXPECT_EQ(-EINVAL, fuse_backing_open_with(self->dev, "/dev/null", O_RDONLY,
						  FUSE_BACKING_MAP_DIR));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		EXPECT_EQ(-EINVAL,
			  fuse_backing_open_with(self->dev, SCRATCH_BACKING,
						 O_RDONLY | O_DIRECTORY,
						 FUSE_BACKING_MAP_DIR |
						 others[i]));
}

TEST_F(tree_list, is_no_file)
{
	struct fuse_backing_extent extent = {
		.length = 10,
		.backing_id = self->id,
	};
	__u64 a = fuse_server_node(self->srv, &self->srv->sh->file[0]);
	struct stat st;

	EXPECT_EQ(-EISDIR, fuse_server_open_id(self->srv, "a", O_RDONLY, self->id));
	EXPECT_EQ(-EISDIR, fuse_server_open_id(self->srv, "a", O_RDWR, self->id));
	self->srv->sh->file[0].open_flags = 0;
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/a", &st));
	EXPECT_EQ(-EISDIR, fuse_attach_backing(self->dev, a, 0, self->id, BOTH));
	EXPECT_EQ(-EISDIR, fuse_backing_set_extents(self->dev, a, &extent, 1,
						    FUSE_BACKING_READ));
}

TEST_F(tree_list, is_no_directory)
{
	int file = env_register(&self->env, "a", O_RDWR);
	__u64 a = fuse_server_node(self->srv, &self->srv->sh->file[0]);
	struct stat st;

	ASSERT_LT(0, file);
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/a", &st));
	EXPECT_EQ(-ENOTDIR, fuse_backing_attach_dir(self->dev, a, self->id, 0,
						    LIST));
	EXPECT_EQ(-ENOTDIR, fuse_backing_attach_dir(self->dev, FUSE_ROOT_ID, file,
						    0, LIST));
	EXPECT_EQ(-EISDIR, fuse_attach_backing(self->dev, FUSE_ROOT_ID, 0, file,
					       BOTH));
}

/* One that waits is told when its inode turns out to be no directory */
TEST_F(tree_list, waits_for_a_file)
{
	__u64 a = fuse_server_node(self->srv, &self->srv->sh->file[0]);
	static struct reject_trace trace;
	struct stat st;

	ASSERT_EQ(0, fuse_backing_attach_dir(self->dev, a, self->id,
					     FUSE_BACKING_ATTACH_PENDING, LIST));
	ASSERT_EQ(0, reject_trace_start(&trace));
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/a", &st));
	EXPECT_TRUE(reject_trace_has(&trace, self->srv->dev, self->id, -ENOTDIR,
				     "file-type"));
	reject_trace_stop(&trace);
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, a, 0, 0));
}

TEST_F(tree_list, bad_arguments)
{
	struct fuse_backing_tree tree = {
		.nodeid = FUSE_ROOT_ID,
		.backing_id = self->id,
		.flags = FUSE_BACKING_ATTACH_UNCHECKED,
		.ops = LIST,
	};
	const __u64 node = FUSE_ROOT_ID;
	int dev = self->dev, id = self->id;

	EXPECT_EQ(-EEXIST, fuse_backing_attach_dir(dev, node, id, 0, LIST));
	ASSERT_EQ(0, fuse_detach_backing(dev, node, 0, 0));
	EXPECT_EQ(-EINVAL, fuse_backing_attach_dir(dev, node, id, 0, 0));
	EXPECT_EQ(-EINVAL, fuse_backing_attach_dir(dev, 0, id, 0, LIST));
	EXPECT_EQ(-EINVAL, fuse_backing_attach_dir(dev, node, 0, 0, LIST));
	EXPECT_EQ(-EINVAL, fuse_backing_attach_dir(dev, node, id, 0,
						   FUSE_BACKING_OP(FUSE_OPENDIR)));
	EXPECT_EQ(-EINVAL, fuse_backing_attach_dir(dev, node, id, 0,
						   FUSE_BACKING_OP(FUSE_GETATTR)));
	EXPECT_EQ(-EOPNOTSUPP,
		  fuse_backing_attach_dir(dev, node, id, 0,
					  LIST | FUSE_BACKING_OP(FUSE_SETLK)));
	/* names without attributes, files without names, modes without files */
	EXPECT_EQ(-EINVAL, fuse_backing_attach_dir(dev, node, id, 0, LIST |
						   FUSE_BACKING_OPS_LOOKUP));
	EXPECT_EQ(-EINVAL, fuse_backing_attach_dir(dev, node, id, BOTH, LIST |
						   FUSE_BACKING_OPS_OPEN));
	EXPECT_EQ(-EINVAL, fuse_backing_attach_dir(dev, node, id, 0, LIST |
						   FUSE_BACKING_OPS_READLINK));
	EXPECT_EQ(-EINVAL, fuse_backing_attach_dir(dev, node, id, BOTH, LIST |
						   FUSE_BACKING_OPS_ATTR |
						   FUSE_BACKING_OPS_LOOKUP));
	EXPECT_EQ(-EINVAL, fuse_backing_attach_dir(dev, node, id, 0, LIST |
						   FUSE_BACKING_OPS_ATTR |
						   FUSE_BACKING_OPS_LOOKUP |
						   FUSE_BACKING_OPS_OPEN));
	/* nobody but the kernel would check who sees names: it must */
	EXPECT_EQ(-EACCES, fuse_backing_attach_dir(dev, node, id, 0, LIST |
						   FUSE_BACKING_OPS_ATTR |
						   FUSE_BACKING_OPS_LOOKUP));
	EXPECT_EQ(-EOPNOTSUPP,
		  fuse_backing_attach_dir(dev, node, id, 0,
					  LIST | FUSE_BACKING_OPS_FSYNC));
	for (int bit = 0; bit < 32; bit++)
		if (!((FUSE_BACKING_ATTACH_PENDING |
		       FUSE_BACKING_ATTACH_UNCHECKED) & 1U << bit))
			EXPECT_EQ(-EINVAL, fuse_backing_attach_dir(dev, node, id,
								   1U << bit,
								   LIST));
	for (int i = 0; i < 4; i++) {
		tree.reserved[i] = 1ULL << 63;
		EXPECT_EQ(-1, ioctl(dev, FUSE_DEV_IOC_BACKING_TREE, &tree));
		EXPECT_EQ(EINVAL, errno);
		tree.reserved[i] = 0;
	}
	tree.flags = 0;
	EXPECT_EQ(-1, ioctl(dev, FUSE_DEV_IOC_BACKING_TREE, &tree));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, ioctl(dev, FUSE_DEV_IOC_BACKING_TREE, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-ENOENT, fuse_backing_attach_dir(dev, 9, id, 0, LIST));
	EXPECT_EQ(-ENOENT, fuse_backing_attach_dir(dev, node, id + 1, 0, LIST));
	EXPECT_EQ(0, fuse_backing_attach_dir(dev, node, id, 0, LIST));
}

/*
 * What is found below a tree has no number that an entry of the server's could be compared
 * with: where it lists, it names no nodes.
 */

FIXTURE(served_list) {
	struct env env;
	struct fuse_server *srv;
};

FIXTURE_SETUP(served_list)
{
	const struct fuse_server_opts opts = {
		.mount_opts = "default_permissions",
		.backing = SCRATCH_BACKING,
		.init_flags = FUSE_DO_READDIRPLUS,
	};
	int err = env_setup_with(&self->env, SCRATCH_TMPFS, NULL, &opts);

	if (err == -EOPNOTSUPP)
		SKIP(return, "needs root, FUSE passthrough");
	ASSERT_EQ(0, err);
	self->srv = &self->env.srv;
	self->srv->sh->deep = true;
}

FIXTURE_TEARDOWN(served_list)
{
	tree_end(_metadata, &self->env);
}

static void list_root(void)
{
	struct dir_list list = {};

	/* the server may not know how */
	dir_list_path(&list, SCRATCH_FUSE);
	dir_list_free(&list);
}

/* What the kernel has of the server's listing isn't good any more when it has changed one */
TEST_F(served_list, changed)
{
	int id = tree_register(self->srv->fd, SCRATCH_BACKING);
	__u32 before;

	ASSERT_LT(0, id);
	self->srv->sh->dir_flags = FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE;
	ASSERT_EQ(0, tree_attach(self->srv->fd, FUSE_ROOT_ID, id, FUSE_BACKING_OPS_LOOKUP |
				 FUSE_BACKING_OPS_ATTR | FUSE_BACKING_OPS_NAMES, 0));
	list_root();
	before = fuse_server_ops(self->srv, FUSE_READDIR);
	EXPECT_LT(0, before);
	/* control */
	list_root();
	EXPECT_EQ(before, fuse_server_ops(self->srv, FUSE_READDIR));
	ASSERT_EQ(0, mkdir(SCRATCH_FUSE "/new", 0755));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_MKDIR));
	list_root();
	EXPECT_LT(before, fuse_server_ops(self->srv, FUSE_READDIR));
}

TEST_F(served_list, names_no_nodes)
{
	int id = tree_register(self->srv->fd, SCRATCH_BACKING);

	/* control: before it is a tree's */
	list_root();
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_READDIRPLUS));

	ASSERT_LT(0, id);
	ASSERT_EQ(0, tree_attach(self->srv->fd, FUSE_ROOT_ID, id, FUSE_BACKING_OPS_LOOKUP |
				 FUSE_BACKING_OPS_ATTR, 0));
	EXPECT_EQ(0, access(SCRATCH_FUSE "/a", F_OK));
	list_root();
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_READDIRPLUS));
	EXPECT_LT(0, fuse_server_ops(self->srv, FUSE_READDIR));
}

TEST_HARNESS_MAIN
