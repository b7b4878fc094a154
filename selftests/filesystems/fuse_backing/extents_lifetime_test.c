// SPDX-License-Identifier: GPL-2.0
/*
 * From when to when an inode has extents, and who sees it.
 *
 * Proves: open(2) of an inode with extents asks nobody, whether they were given
 * before or after it was named, until they are taken away, it is forgotten, or
 * the server is gone; an image is in the thread's table once for any number of
 * inodes, and counted right through replacing and taking away; who replaces or
 * takes extents away waits for what is in flight, and nothing reaches the old
 * ones then; a file that the server opens beside them sees what the server says
 * and is not cached; nothing is left over.
 *
 * Each test fails if the server sees a handle that it never gave out.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/aio_abi.h>
#include <linux/fs.h>

#include "harness.h"

#include "async_io.h"
#include "backing_files.h"
#include "backing_ioctl.h"
#include "backing_table.h"
#include "env.h"
#include "held_page.h"
#include "io_load.h"
#include "reject_trace.h"
#include "wait_until.h"

#define READ		FUSE_BACKING_READ
#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define PENDING		FUSE_BACKING_ATTACH_PENDING
#define REVOKE		FUSE_BACKING_DETACH_REVOKE
#define HOLE		FUSE_BACKING_EXTENT_HOLE
#define WRITE		FUSE_BACKING_EXTENT_WRITE
#define IMAGE_SIZE	(4 * FILE_SIZE)
#define SEED		77
#define AT		1000	/* where in the image */
#define LEN		5000
#define OLD		0	/* parts of the image under load */
#define NEW		(2 * FILE_SIZE)
#define PAGE		4096
#define NOBODY		40	/* a node that there isn't */
#define ENTRIES		32
#define IOCTL		_IO('t', 1)
#define ROUNDS		10

FIXTURE(life) {
	struct env env;
	struct fuse_server *srv;
	struct fuse_server_file *file;	/* "a" */
	__u64 node;
	int dev;
	int id;			/* of the image */
	char *image;		/* its bytes */
};

FIXTURE_SETUP(life)
{
	if (!env_start(_metadata, &self->env, SCRATCH_EXT4))
		return;
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
	self->file = &self->srv->sh->file[0];
	self->node = fuse_server_node(self->srv, self->file);
	self->image = malloc(IMAGE_SIZE);
	scratch_pattern(self->image, IMAGE_SIZE, SEED);
	ASSERT_EQ(0, scratch_file("image", IMAGE_SIZE, SEED));
	self->id = env_register(&self->env, "image", O_RDWR);
	ASSERT_LT(0, self->id);
}

FIXTURE_TEARDOWN(life)
{
	EXPECT_EQ(0, self->srv->sh->bad_fh)
		TH_LOG("opcode %u", self->srv->sh->bad_op);
	env_teardown(&self->env);
	/* whatever the test did */
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
	free(self->image);
}

#define self_t FIXTURE_DATA(life)

static int look_up(const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), SCRATCH_FUSE "/%s", name);
	return stat(path, &st) < 0 ? -errno : 0;
}

/* One extent from the start of the file on. */
static int set(self_t *self, __u64 node, __u64 length, __u64 from,
	       __u32 extent_flags, __u32 flags)
{
	const struct fuse_backing_extent extent = {
		0, length, from, self->id, extent_flags
	};

	return fuse_backing_set_extents(self->dev, node, &extent, 1, flags);
}

/* The typical case: "a" is known. */
static int set_a(self_t *self)
{
	int err = look_up("a");

	return err ?: set(self, self->node, LEN, AT, WRITE, BOTH);
}

static bool reads(self_t *self, int fd, off_t from)
{
	char got[LEN];

	return pread(fd, got, LEN, 0) == LEN &&
	       !memcmp(got, self->image + from, LEN);
}

static __u32 asked(const struct fuse_server *srv)
{
	return fuse_server_ops(srv, FUSE_OPEN) +
	       fuse_server_ops(srv, FUSE_FLUSH) +
	       fuse_server_ops(srv, FUSE_RELEASE) +
	       fuse_server_data_ops(srv);
}

static bool look_at(int dev, int id, struct fuse_backing_entry *found)
{
	struct fuse_backing_entry entry[ENTRIES];
	int n = fuse_list_backing(dev, entry, ENTRIES);

	for (int i = 0; i < n; i++)
		if (entry[i].id == id) {
			*found = entry[i];
			return true;
		}
	return false;
}

/* Is the mapping @id in this state, and used by so many? */
static bool is_used(self_t *self, int id, __u32 state, __u32 attached,
		    __u32 pending)
{
	struct fuse_backing_entry e;

	return look_at(self->dev, id, &e) &&
	       e.mode == FUSE_BACKING_MODE_BLOCK && e.state == state &&
	       e.attached == attached && e.pending == pending;
}

static bool is_counted(self_t *self, int id, __u64 extents, __u64 bytes)
{
	struct fuse_backing_entry e;

	return look_at(self->dev, id, &e) && e.extents == extents &&
	       e.extent_bytes == bytes;
}

TEST_F(life, open_asks_nobody)
{
	static const int flags[] = { O_RDONLY, O_WRONLY, O_RDWR, O_ACCMODE,
				     O_RDWR | O_APPEND, O_RDONLY | O_DIRECT };
	__u32 before;
	int fd;

	ASSERT_EQ(0, set_a(self));
	before = fuse_server_requests(self->srv);
	for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
		fd = fuse_server_open(self->srv, "a", flags[i]);
		ASSERT_LE(0, fd) TH_LOG("flags %o", flags[i]);
		close(fd);
	}
	EXPECT_EQ(before, fuse_server_requests(self->srv));
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(reads(self, fd, AT));
	close(fd);
	EXPECT_EQ(before, fuse_server_requests(self->srv));
	/* the control: a file beside it */
	fd = fuse_server_open(self->srv, "b", O_RDONLY);
	ASSERT_LE(0, fd);
	close(fd);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_OPEN));
}

/* Visible and counted */

TEST_F(life, one_image_for_many)
{
	static const char * const names[] = { "a", "b", "c", "d" };
	struct fuse_backing_entry e;

	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, look_up(names[i]));
		ASSERT_EQ(0, set(self, self->node + i, 100 * (i + 1), i, 0,
				 BOTH));
	}
	EXPECT_EQ(1, env_count(self->srv));
	EXPECT_TRUE(is_used(self, self->id, FUSE_BACKING_STATE_LIVE, 4, 0));
	EXPECT_TRUE(is_counted(self, self->id, 4, 1000));
	ASSERT_TRUE(look_at(self->dev, self->id, &e));
	EXPECT_EQ(BOTH, e.access);
	EXPECT_EQ(4, e.nr_nodes);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(self->node + i, e.nodeid[i]);
	/* closing the id leaves them */
	ASSERT_EQ(0, fuse_backing_close(self->dev, self->id));
	EXPECT_TRUE(is_used(self, self->id, FUSE_BACKING_STATE_LIVE, 4, 0));
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(1, env_count(self->srv));
		ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node + i, 0,
						 0));
	}
	EXPECT_EQ(0, env_count(self->srv));
}

TEST_F(life, control_file)
{
	const struct backing_line *line;
	struct backing_files files = {};
	int fd;

	ASSERT_EQ(0, set_a(self));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_TRUE(reads(self, fd, AT));
	ASSERT_EQ(7, pwrite(fd, self->image, 7, 0));
	line = backing_files_look(self->srv, &files, self->id);
	ASSERT_NE(NULL, line);
	EXPECT_STREQ("block", line->mode);
	EXPECT_STREQ("live", line->state);
	EXPECT_STREQ("rw", line->access);
	EXPECT_EQ(IMAGE_SIZE, line->size);
	EXPECT_EQ(LEN, line->read);
	EXPECT_EQ(7, line->written);
	backing_files_free(&files);
	close(fd);
}

/* Those of one inode, in two files and none, replaced and taken away */
TEST_F(life, counted_through_replacing)
{
	int other = env_register(&self->env, "b", O_RDONLY);
	const struct fuse_backing_extent extent[] = {
		{ 0, 10, 0, self->id, 0 },
		{ 10, 20, 0, other, 0 },
		{ 30, 40, 0, 0, HOLE },
		{ 70, 80, 5, self->id, WRITE },
	};
	int fd;

	ASSERT_EQ(0, look_up("a"));
	ASSERT_EQ(0, fuse_backing_set_extents(self->dev, self->node, extent, 4,
					      BOTH));
	EXPECT_TRUE(is_counted(self, self->id, 2, 90));
	EXPECT_TRUE(is_counted(self, other, 1, 20));
	EXPECT_TRUE(is_used(self, other, FUSE_BACKING_STATE_LIVE, 1, 0));
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);

	/* one of the files isn't needed any more, and is gone with its id */
	ASSERT_EQ(0, fuse_backing_close(self->dev, other));
	EXPECT_EQ(2, env_count(self->srv));
	ASSERT_EQ(0, set(self, self->node, 7, 0, 0, BOTH));
	EXPECT_TRUE(is_counted(self, self->id, 1, 7));
	EXPECT_TRUE(is_used(self, self->id, FUSE_BACKING_STATE_LIVE, 1, 0));
	EXPECT_EQ(1, env_count(self->srv));

	/* nothing but holes: nothing to count */
	ASSERT_EQ(0, fuse_backing_set_extents(self->dev, self->node, extent + 2,
					      1, BOTH));
	EXPECT_TRUE(is_counted(self, self->id, 0, 0));
	EXPECT_TRUE(is_used(self, self->id, FUSE_BACKING_STATE_LIVE, 0, 0));
	ASSERT_EQ(0, set(self, self->node, 9, 0, 0, BOTH));
	EXPECT_TRUE(is_counted(self, self->id, 1, 9));

	/* taken away: the open file has them still */
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, 0));
	EXPECT_TRUE(is_used(self, self->id, FUSE_BACKING_STATE_LIVE, 0, 0));
	EXPECT_TRUE(is_counted(self, self->id, 1, 9));
	close(fd);
	EXPECT_TRUE(is_counted(self, self->id, 0, 0));
	EXPECT_EQ(0, fuse_backing_close(self->dev, self->id));
	EXPECT_EQ(0, env_count(self->srv));
}

/* Before the inode is there */

TEST_F(life, pending_until_looked_up)
{
	int fd;

	ASSERT_EQ(0, set(self, self->node, LEN, AT, 0, BOTH | PENDING));
	EXPECT_TRUE(is_used(self, self->id, FUSE_BACKING_STATE_PENDING, 0, 1));
	EXPECT_TRUE(is_counted(self, self->id, 1, LEN));
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(is_used(self, self->id, FUSE_BACKING_STATE_LIVE, 1, 0));
	EXPECT_TRUE(reads(self, fd, AT));
	close(fd);
	EXPECT_EQ(0, asked(self->srv));
}

/* CREATE opens the file, too: that open is the server's. */
TEST_F(life, pending_until_created)
{
	struct fuse_server_file *file = fuse_server_add(self->srv, "new");
	__u64 node = fuse_server_node(self->srv, file);
	int created, fd;

	ASSERT_EQ(0, set(self, node, LEN, AT, 0, BOTH | PENDING));
	created = fuse_server_open(self->srv, "new", O_RDWR | O_CREAT);
	ASSERT_LE(0, created);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_CREATE));
	EXPECT_TRUE(is_used(self, self->id, FUSE_BACKING_STATE_LIVE, 1, 0));
	EXPECT_EQ(1, pwrite(created, "x", 1, LEN - 1));
	EXPECT_EQ(LEN, scratch_size("new"));
	close(created);
	fd = fuse_server_open(self->srv, "new", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_OPEN));
	/* it was empty when they were given; now that it isn't, once more */
	EXPECT_FALSE(reads(self, fd, AT));
	ASSERT_EQ(0, set(self, node, LEN, AT, 0, BOTH));
	EXPECT_TRUE(reads(self, fd, AT));
	close(fd);
}

/* There is nobody to wait for: the latest counts. */
TEST_F(life, replaced_while_pending)
{
	int fd;

	ASSERT_EQ(0, set(self, self->node, LEN, 0, 0, READ | PENDING));
	ASSERT_EQ(0, set(self, self->node, LEN + 1, AT, 0, BOTH | PENDING));
	EXPECT_TRUE(is_used(self, self->id, FUSE_BACKING_STATE_PENDING, 0, 1));
	EXPECT_TRUE(is_counted(self, self->id, 1, LEN + 1));
	/* without the flag there is nothing to replace */
	EXPECT_EQ(-ENOENT, set(self, self->node, LEN, 0, 0, BOTH));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, self->file->opens);
	EXPECT_TRUE(reads(self, fd, AT));
	/* it is there by now, and is replaced */
	EXPECT_EQ(0, set(self, self->node, LEN, 7, 0, BOTH | PENDING));
	EXPECT_TRUE(reads(self, fd, 7));
	EXPECT_TRUE(is_used(self, self->id, FUSE_BACKING_STATE_LIVE, 1, 0));
	close(fd);
}

TEST_F(life, pending_dropped)
{
	struct fuse_backing_entry e;
	int other = env_register(&self->env, "b", O_RDONLY);
	const struct fuse_backing_extent extent[] = {
		{ 0, 10, 0, self->id, 0 },
		{ 10, 20, 0, other, 0 },
	};

	for (int i = 0; i < 20; i++)
		ASSERT_EQ(0, fuse_backing_set_extents(self->dev, NOBODY + i,
						      extent, i % 2 + 1,
						      BOTH | PENDING));
	EXPECT_TRUE(is_used(self, self->id, FUSE_BACKING_STATE_PENDING, 0, 20));
	EXPECT_TRUE(is_used(self, other, FUSE_BACKING_STATE_PENDING, 0, 10));
	ASSERT_TRUE(look_at(self->dev, self->id, &e));
	EXPECT_EQ(FUSE_BACKING_ENTRY_MORE_NODES, e.flags);
	EXPECT_EQ(FUSE_BACKING_ENTRY_NODES, e.nr_nodes);

	EXPECT_EQ(0, fuse_detach_backing(self->dev, NOBODY + 1, 0, 0));
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, NOBODY + 1, 0, 0));
	EXPECT_TRUE(is_used(self, other, FUSE_BACKING_STATE_PENDING, 0, 9));
	/* closing an id drops those that are in its file, too */
	EXPECT_EQ(0, fuse_backing_close(self->dev, other));
	EXPECT_FALSE(look_at(self->dev, other, &e));
	EXPECT_TRUE(is_used(self, self->id, FUSE_BACKING_STATE_PENDING, 0, 10));
	EXPECT_TRUE(is_counted(self, self->id, 10, 100));
	EXPECT_EQ(0, fuse_backing_close_all(self->dev));
	EXPECT_EQ(0, env_count(self->srv));
}

/* A directory is named by what waited for a file. */
TEST_F(life, pending_for_no_file)
{
	ASSERT_EQ(0, unlink(scratch_path("a")));
	ASSERT_EQ(0, mkdir(scratch_path("a"), 0755));
	ASSERT_EQ(0, set(self, self->node, LEN, AT, 0, BOTH | PENDING));
	ASSERT_EQ(0, fuse_attach_backing(self->dev, NOBODY, 0, self->id,
					 BOTH | PENDING));
	EXPECT_EQ(0, look_up("a"));
	EXPECT_TRUE(is_used(self, self->id, FUSE_BACKING_STATE_PENDING, 0, 1));
	EXPECT_TRUE(wait_until(is_counted(self, self->id, 0, 0)));
}

/* The ends */

TEST_F(life, forgotten)
{
	int fd;

	ASSERT_EQ(0, set_a(self));
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fuse_backing_close(self->dev, self->id));
	close(fd);
	EXPECT_EQ(1, env_count(self->srv));
	scratch_drop_caches();
	EXPECT_TRUE(wait_until(self->file->forgets));
	EXPECT_TRUE(wait_until(!env_count(self->srv)));
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, self->node, 0, 0));
}

TEST_F(life, detached_while_open)
{
	int local, fd;

	ASSERT_EQ(0, set_a(self));
	local = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, local);
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, 0));
	ASSERT_EQ(0, fuse_backing_close(self->dev, self->id));
	EXPECT_TRUE(is_used(self, self->id, FUSE_BACKING_STATE_CLOSING, 0, 0));
	EXPECT_TRUE(reads(self, local, AT));
	EXPECT_EQ(0, asked(self->srv));
	/* later opens are the server's, and not cached beside this one */
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, self->file->opens);
	EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
	EXPECT_EQ(0, scratch_compare("a", "x", 1, 0));
	EXPECT_TRUE(reads(self, local, AT));
	close(fd);
	EXPECT_EQ(1, env_count(self->srv));
	close(local);
	EXPECT_EQ(0, env_count(self->srv));
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, self->node, 0, 0));
}

/* Again, while a file has the old ones: each keeps its own. */
TEST_F(life, attached_anew)
{
	int old, new;

	ASSERT_EQ(0, set_a(self));
	old = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, old);
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, 0));
	/* the two would share the inode's pages */
	EXPECT_EQ(-EBUSY, set(self, self->node, LEN, 2 * AT, 0, BOTH));
	EXPECT_TRUE(reads(self, old, AT));
	EXPECT_TRUE(is_counted(self, self->id, 1, LEN));
	close(old);
	EXPECT_TRUE(wait_until(!set(self, self->node, LEN, 2 * AT, 0, BOTH)));
	new = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, new);
	EXPECT_TRUE(reads(self, new, 2 * AT));
	EXPECT_TRUE(is_counted(self, self->id, 1, LEN));
	close(new);
	EXPECT_EQ(0, asked(self->srv));
}

TEST_F(life, revoked_while_open)
{
	char c = 0;
	int fd;

	ASSERT_EQ(0, set_a(self));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(reads(self, fd, AT));
	ASSERT_EQ(0, fuse_backing_close(self->dev, self->id));
	EXPECT_EQ(-EBUSY, scratch_umount_backing());
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	EXPECT_EQ(0, env_count(self->srv));
	/* nothing pins it, with the FUSE file open */
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
	ASSERT_EQ(0, scratch_mount_backing(&self->env.scratch));
	ASSERT_EQ(0, scratch_file("a", FILE_SIZE, 0));
	ASSERT_EQ(0, scratch_file("image", IMAGE_SIZE, SEED));
	EXPECT_EQ(1, pwrite(fd, "s", 1, 3));
	EXPECT_EQ(1, pread(fd, &c, 1, 3));
	EXPECT_EQ('s', c);
	EXPECT_EQ(0, scratch_compare("a", "s", 1, 3));
	EXPECT_EQ(0, scratch_compare("image", self->image, IMAGE_SIZE, 0));
	EXPECT_EQ(1, self->file->opens);
	/* what is as with any file that lost its backing file */
	EXPECT_EQ(0, lseek(fd, 0, SEEK_DATA));
	EXPECT_EQ(0, fsync(fd));
	self->srv->sh->fallocates = true;
	EXPECT_EQ(0, fallocate(fd, 0, 0, FILE_SIZE));
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, self->node, 0,
					       REVOKE));
	close(fd);
	EXPECT_TRUE(wait_until(self->file->releases == 1));
}

TEST_F(life, revoked_without_io)
{
	int fd;

	ASSERT_EQ(0, set_a(self));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
	EXPECT_EQ(ENODEV, errno);
	self->file->open_error = EACCES;
	EXPECT_EQ(-1, pwrite(fd, "x", 1, 0));
	EXPECT_EQ(EIO, errno);
	close(fd);
	EXPECT_EQ(0, self->file->releases);
}

/* No page of it is in memory any more */
static int uncache(const char *name)
{
	int fd = open(scratch_path(name), O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = fsync(fd) < 0 ? -errno :
	      -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
	return err;
}

TEST_F(life, mmapped)
{
	static struct reject_trace trace;
	char *map;
	int fd;

	ASSERT_EQ(0, set_a(self));
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	close(fd);
	/* pages that are filled from some that have to be read themselves */
	ASSERT_EQ(0, uncache("image"));
	ASSERT_EQ(0, reject_trace_start(&trace));
	EXPECT_EQ(-EBUSY, fuse_detach_backing(self->dev, self->node, 0,
					      REVOKE));
	EXPECT_TRUE(reject_trace_has(&trace, self->srv->dev, 0, -EBUSY,
				     "mmapped"));
	reject_trace_stop(&trace);
	/* nothing was done */
	EXPECT_TRUE(is_used(self, self->id, FUSE_BACKING_STATE_LIVE, 1, 0));
	EXPECT_EQ(0, memcmp(map, self->image + AT, PAGE));

	/* but they can be replaced under it, and detached */
	ASSERT_EQ(0, set(self, self->node, LEN, 2 * AT, 0, BOTH));
	EXPECT_EQ(0, memcmp(map, self->image + 2 * AT, PAGE));
	EXPECT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, 0));
	EXPECT_EQ(0, fuse_backing_close(self->dev, self->id));
	EXPECT_EQ(0, memcmp(map, self->image + 2 * AT, PAGE));
	/* what a mapping needs is shown as long as there is the mapping */
	EXPECT_EQ(1, env_count(self->srv));
	EXPECT_TRUE(is_counted(self, self->id, 1, LEN));
	munmap(map, PAGE);
	EXPECT_TRUE(wait_until(!env_count(self->srv)));
	EXPECT_EQ(0, asked(self->srv));
}

TEST_F(life, server_gone)
{
	pid_t thread;

	ASSERT_EQ(0, set_a(self));
	ASSERT_EQ(0, set(self, NOBODY, LEN, AT, 0, BOTH | PENDING));
	thread = thread_find(self->srv->dev);
	fuse_server_close_dev(self->srv);
	fuse_server_kill(self->srv);
	EXPECT_TRUE(wait_until(table_count(thread) <= 0));
	EXPECT_EQ(-ENOTCONN, fuse_server_open(self->srv, "a", O_RDWR));
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
	ASSERT_EQ(0, scratch_mount_backing(&self->env.scratch));
}

TEST_F(life, aborted_while_open)
{
	char *map, c;
	pid_t thread;
	int fd;

	ASSERT_EQ(0, set_a(self));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	map = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	thread = thread_find(self->srv->dev);
	ASSERT_EQ(0, fuse_server_abort(self->srv));
	/* files that are open have what they need, but for the server's part */
	EXPECT_TRUE(reads(self, fd, AT));
	EXPECT_EQ(0, memcmp(map, self->image + AT, PAGE));
	EXPECT_EQ(1, pwrite(fd, self->image + AT, 1, 0));
	EXPECT_EQ(-1, pread(fd, &c, 1, LEN));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-ENOTCONN, fuse_server_open(self->srv, "a", O_RDONLY));
	EXPECT_EQ(1, table_count(thread));
	munmap(map, PAGE);
	close(fd);
	EXPECT_TRUE(wait_until(!table_count(thread)));
}

TEST_F(life, unmounted)
{
	int fd, p[2];
	loff_t pos = 0;
	char *map;

	ASSERT_EQ(0, set_a(self));
	ASSERT_EQ(0, set(self, NOBODY, LEN, AT, 0, BOTH | PENDING));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(self->image[AT], map[0]);
	ASSERT_EQ(0, pipe(p));
	EXPECT_EQ(PAGE, splice(fd, &pos, p[1], NULL, PAGE, 0));
	EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
	EXPECT_EQ(1, aio_rw(fd, map, 1, 0, false) ? 1 : 0);
	EXPECT_EQ(-EBUSY, fuse_server_umount(self->srv));
	munmap(map, PAGE);
	close(fd);
	close(p[0]);
	close(p[1]);
	EXPECT_TRUE(wait_until(!fuse_server_umount(self->srv)));
	/* at once: what was to be waited for, that was */
	EXPECT_EQ(0, scratch_umount_backing());
	ASSERT_EQ(0, scratch_mount_backing(&self->env.scratch));
}

/* What is in flight */

static void do_nothing(int sig)
{
	(void)sig;
}

enum how { REPLACE, TAKE_AWAY };

static int end_extents(self_t *self, enum how how)
{
	return how == REPLACE ?
	       set(self, self->node, LEN, NEW, WRITE, BOTH) :
	       fuse_detach_backing(self->dev, self->node, 0, REVOKE);
}

/* The first time it is interrupted; the second time, after @ready, not. */
static int end_twice(self_t *self, enum how how, int ready)
{
	const struct sigaction action = { .sa_handler = do_nothing };
	char c;

	if (sigaction(SIGALRM, &action, NULL) < 0)
		return -errno;
	if (end_extents(self, how) != -EINTR)
		return -ENODATA;
	if (read(ready, &c, 1) != 1)
		return -errno;
	return end_extents(self, how);
}

static pid_t write_in_child(int fd, const char *buf)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(pwrite(fd, buf, PAGE, 0) == PAGE ? 0 : errno);
	return pid;
}

static pid_t end_in_child(self_t *self, enum how how, int ready)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(-(ready < 0 ? end_extents(self, how) :
				    end_twice(self, how, ready)));
	return pid;
}

/* A client takes its time for its own memory; it is waited for. */
static void wait_for_write(struct __test_metadata *_metadata, self_t *self,
			   enum how how)
{
	struct held_page page;
	pid_t writer, ender;
	char want[PAGE];
	int status, fd;

	ASSERT_EQ(0, set(self, self->node, LEN, OLD, WRITE, BOTH));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, held_page_start(&page, "b"));
	writer = write_in_child(fd, page.addr);
	EXPECT_TRUE(wait_until(held_page_is_wanted(&page)));
	ender = end_in_child(self, how, -1);
	EXPECT_TRUE(wait_until(sleeps_in(ender, SYS_ioctl)));
	usleep(100000);
	EXPECT_EQ(0, waitpid(ender, &status, WNOHANG));
	EXPECT_TRUE(sleeps_in(writer, SYS_pwrite64));
	held_page_release(&page);
	EXPECT_EQ(ender, waitpid(ender, &status, 0));
	EXPECT_EQ(0, status);
	/* it was waited for, so it is done, where it was begun */
	scratch_pattern(want, PAGE, 1);
	EXPECT_EQ(0, scratch_compare("image", want, PAGE, OLD));
	EXPECT_EQ(0, scratch_compare("image", self->image + NEW, PAGE, NEW));
	EXPECT_EQ(writer, waitpid(writer, &status, 0));
	EXPECT_EQ(0, status);
	held_page_stop(&page);
	close(fd);
}

TEST_F(life, replacing_waits_for_a_write)
{
	ASSERT_EQ(0, look_up("a"));
	wait_for_write(_metadata, self, REPLACE);
	EXPECT_TRUE(is_counted(self, self->id, 1, LEN));
	EXPECT_EQ(0, asked(self->srv));
}

TEST_F(life, revoking_waits_for_a_write)
{
	ASSERT_EQ(0, look_up("a"));
	wait_for_write(_metadata, self, TAKE_AWAY);
	EXPECT_TRUE(is_counted(self, self->id, 0, 0));
}

/* Who waits for a client need not. */
static void interrupt(struct __test_metadata *_metadata, self_t *self,
		      enum how how)
{
	struct held_page page;
	pid_t writer, ender;
	int status, fd, ready[2];

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, set(self, self->node, LEN, OLD, WRITE, BOTH));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, held_page_start(&page, "b"));
	writer = write_in_child(fd, page.addr);
	EXPECT_TRUE(wait_until(held_page_is_wanted(&page)));
	ender = end_in_child(self, how, ready[0]);
	EXPECT_TRUE(wait_until(sleeps_in(ender, SYS_ioctl)));
	EXPECT_EQ(0, kill(ender, SIGALRM));
	EXPECT_TRUE(wait_until(sleeps_in(ender, SYS_read))) {
		kill(ender, SIGKILL);
	}
	EXPECT_TRUE(sleeps_in(writer, SYS_pwrite64));
	/* the old ones are counted as long as they are used */
	EXPECT_TRUE(is_counted(self, self->id, how == REPLACE ? 2 : 1,
			       how == REPLACE ? 2 * LEN : LEN));
	/* who calls again waits for the same */
	EXPECT_EQ(1, write(ready[1], "", 1));
	EXPECT_TRUE(wait_until(sleeps_in(ender, SYS_ioctl)));
	usleep(100000);
	EXPECT_EQ(0, waitpid(ender, &status, WNOHANG));
	held_page_release(&page);
	EXPECT_EQ(ender, waitpid(ender, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(writer, waitpid(writer, &status, 0));
	EXPECT_EQ(0, status);
	held_page_stop(&page);
	close(fd);
	close(ready[0]);
	close(ready[1]);
}

TEST_F(life, replacing_can_be_interrupted)
{
	ASSERT_EQ(0, look_up("a"));
	interrupt(_metadata, self, REPLACE);
	EXPECT_TRUE(wait_until(is_counted(self, self->id, 1, LEN)));
}

TEST_F(life, revoking_can_be_interrupted)
{
	ASSERT_EQ(0, look_up("a"));
	interrupt(_metadata, self, TAKE_AWAY);
	EXPECT_TRUE(wait_until(is_counted(self, self->id, 0, 0)));
}

struct async_write {
	pthread_t thread;
	int fd;
	aio_context_t ctx;
	struct iocb iocb;
	char buf[2 * PAGE];
	long submitted;
};

static void *submit_thread(void *arg)
{
	struct async_write *w = arg;
	struct iocb *list[] = { &w->iocb };

	w->submitted = syscall(SYS_io_submit, w->ctx, 1, list);
	return NULL;
}

static void start_submitting(struct __test_metadata *_metadata, struct async_write *w)
{
	w->iocb.aio_lio_opcode = IOCB_CMD_PWRITE;
	w->iocb.aio_fildes = w->fd;
	w->iocb.aio_buf = (uintptr_t)w->buf;
	w->iocb.aio_nbytes = sizeof(w->buf);
	ASSERT_EQ(0, syscall(SYS_io_setup, 4, &w->ctx));
	ASSERT_EQ(0, pthread_create(&w->thread, NULL, submit_thread, w));
}

/*
 * The first page is in an extent, the second the server's, which has yet to open the file
 * when the extents go.  What is left of the write may be left out, but can't be queued: it
 * would end once more.
 */
TEST_F(life, async_write_ends_once)
{
	const struct fuse_server_opts opts = { .init_flags = FUSE_ASYNC_DIO };
	struct async_write w = { .ctx = 0 };
	struct timespec a_moment = { .tv_nsec = 200000000 };
	struct io_event events[4];
	void *result;

	fuse_server_stop(self->srv);
	ASSERT_EQ(0, env_serve(&self->env, self->srv, &opts));
	self->dev = self->srv->fd;
	self->file = &self->srv->sh->file[0];
	self->id = env_register(&self->env, "image", O_RDWR);
	ASSERT_LT(0, self->id);
	ASSERT_EQ(0, look_up("a"));
	ASSERT_EQ(0, set(self, self->node, PAGE, OLD, WRITE, BOTH));
	w.fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, w.fd);
	self->file->hold_open = true;
	start_submitting(_metadata, &w);
	ASSERT_TRUE(wait_until(self->srv->sh->held_count));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	self->srv->sh->release_held = true;
	pthread_join(w.thread, &result);
	self->file->hold_open = false;
	EXPECT_EQ(1, w.submitted);
	EXPECT_EQ(1, syscall(SYS_io_getevents, w.ctx, 1, 4, events, NULL));
	EXPECT_EQ(PAGE, events[0].res);
	EXPECT_EQ(0, syscall(SYS_io_getevents, w.ctx, 1, 4, events, &a_moment));
	EXPECT_EQ(0, scratch_compare("image", w.buf, PAGE, OLD));
	EXPECT_EQ(0, syscall(SYS_io_destroy, w.ctx));
	close(w.fd);
}

static void *write_two_pages(void *arg)
{
	static const char zeros[2 * PAGE];

	return (void *)pwrite((long)arg, zeros, sizeof(zeros), 0);
}

/* The control: who waits for it itself gets all of it written */
TEST_F(life, write_goes_on_at_the_server)
{
	static const char zeros[PAGE];
	pthread_t thread;
	void *result;
	int fd;

	ASSERT_EQ(0, look_up("a"));
	ASSERT_EQ(0, set(self, self->node, PAGE, OLD, WRITE, BOTH));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	self->file->hold_open = true;
	ASSERT_EQ(0, pthread_create(&thread, NULL, write_two_pages, (void *)(long)fd));
	ASSERT_TRUE(wait_until(self->srv->sh->held_count));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	self->srv->sh->release_held = true;
	pthread_join(thread, &result);
	self->file->hold_open = false;
	EXPECT_EQ(2 * PAGE, (long)result);
	EXPECT_EQ(0, scratch_compare("image", zeros, PAGE, OLD));
	EXPECT_EQ(0, scratch_compare("a", zeros, PAGE, PAGE));
	close(fd);
}

/* Opens "a" as the kernel or the server does, for fsync(2) alone */
static int sync_a(self_t *self)
{
	int fd = fuse_server_open(self->srv, "a", O_RDONLY);
	int err = fd < 0 ? fd : fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

/* What was written to the server, before there were extents or beside them */
TEST_F(life, fsync_of_what_others_wrote)
{
	int fd;

	ASSERT_EQ(0, look_up("a"));
	/* control: nobody wrote anything, and the extents are all there is */
	ASSERT_EQ(0, set(self, self->node, FILE_SIZE, OLD, 0, FUSE_BACKING_READ));
	EXPECT_EQ(0, sync_a(self));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_FSYNC));
	/* a part of it is the server's */
	ASSERT_EQ(0, set(self, self->node, LEN, OLD, 0, FUSE_BACKING_READ));
	EXPECT_EQ(0, sync_a(self));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_FSYNC));
	ASSERT_EQ(0, set(self, self->node, FILE_SIZE, OLD, 0, FUSE_BACKING_READ));
	EXPECT_EQ(0, sync_a(self));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_FSYNC));

	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, 0));
	self->file->open_flags = FOPEN_DIRECT_IO;
	fd = fuse_server_open(self->srv, "a", O_WRONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
	close(fd);
	ASSERT_EQ(0, set(self, self->node, FILE_SIZE, OLD, 0, FUSE_BACKING_READ));
	EXPECT_EQ(0, sync_a(self));
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_FSYNC));
}

/* By who lost the backing file, by an open that cuts, and by truncate(2) */
TEST_F(life, fsync_of_what_came_before_extents)
{
	int fd;

	ASSERT_EQ(0, look_up("a"));
	ASSERT_EQ(0, fuse_attach_backing(self->dev, self->node, 0, self->id, BOTH));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
	close(fd);
	ASSERT_EQ(0, set(self, self->node, FILE_SIZE, OLD, 0, FUSE_BACKING_READ));
	EXPECT_EQ(0, sync_a(self));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_FSYNC));
}

TEST_F(life, fsync_of_what_was_cut_before_extents)
{
	ASSERT_EQ(0, look_up("a"));
	ASSERT_EQ(0, truncate(SCRATCH_FUSE "/a", FILE_SIZE / 2));
	ASSERT_EQ(0, set(self, self->node, FILE_SIZE, OLD, 0, FUSE_BACKING_READ));
	EXPECT_EQ(0, sync_a(self));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_FSYNC));
}

/* The guest's root image, on a disk of its own */
static int mount_without_fsync(const char *dir)
{
	char disk[] = "/dev/vda";

	for (; disk[7] <= 'f'; disk[7]++)
		if (!mount(disk, dir, "squashfs", MS_RDONLY, NULL))
			return 0;
	return -errno;
}

/* A filesystem that nobody writes to needs no fsync, and may have none */
TEST_F(life, fsync_that_a_filesystem_lacks)
{
	struct fuse_backing_extent extent[] = {
		{ 0, PAGE, OLD, self->id, WRITE }, { PAGE, 1, 0, 0, 0 },
	};
	int fd, passwd;

	if (mount_without_fsync(SCRATCH_OTHER))
		SKIP(return, "no disk with a squashfs");
	passwd = open(SCRATCH_OTHER "/etc/passwd", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, passwd);
	/* control: it has none */
	EXPECT_EQ(-1, fsync(passwd));
	EXPECT_EQ(EINVAL, errno);
	extent[1].backing_id = fuse_backing_open(self->dev, passwd);
	ASSERT_LT(0, extent[1].backing_id);
	close(passwd);
	ASSERT_EQ(0, look_up("a"));
	ASSERT_EQ(0, fuse_backing_set_extents(self->dev, self->node, extent, 2, BOTH));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
	EXPECT_EQ(0, fsync(fd));
	close(fd);
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, 0));
	ASSERT_EQ(0, fuse_backing_close(self->dev, extent[1].backing_id));
	EXPECT_TRUE(wait_until(!umount(SCRATCH_OTHER)));
}

static pid_t touch_in_child(char *page)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(madvise(page, PAGE, MADV_POPULATE_READ) < 0 ? errno : 0);
	return pid;
}

/* A page is being filled, partly by the server: who waits for that can be killed */
TEST_F(life, replacing_can_be_killed)
{
	pid_t reader, ender;
	int status, fd;
	char *map;

	ASSERT_EQ(0, set_a(self));
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	map = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_TRUE(wait_until(!fuse_server_waiting(self->srv)));
	ASSERT_EQ(0, fuse_server_pause(self->srv));
	reader = touch_in_child(map + PAGE);
	EXPECT_TRUE(wait_until(fuse_server_waiting(self->srv)));
	ender = end_in_child(self, REPLACE, -1);
	EXPECT_TRUE(wait_until(sleeps_in(ender, SYS_ioctl)));
	usleep(100000);
	EXPECT_EQ(0, waitpid(ender, &status, WNOHANG));
	EXPECT_EQ(0, kill(ender, SIGKILL));
	EXPECT_TRUE(wait_until(waitpid(ender, &status, WNOHANG) == ender));
	fuse_server_resume(self->srv);
	EXPECT_EQ(reader, waitpid(reader, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(0, set(self, self->node, LEN, NEW, WRITE, BOTH));
	EXPECT_TRUE(reads(self, fd, NEW));
	munmap(map, 2 * PAGE);
	close(fd);
}

/* Whatever still goes to a part of the image is seen there after this. */
static int clear(off_t part)
{
	static const char zeros[4 * PAGE];
	int fd = open(scratch_path("image"), O_RDWR | O_CLOEXEC);
	ssize_t n = pwrite(fd, zeros, sizeof(zeros), part);

	close(fd);
	return n == sizeof(zeros) ? 0 : -EIO;
}

static int is_clear(off_t part)
{
	static const char zeros[4 * PAGE];

	return scratch_compare("image", zeros, sizeof(zeros), part);
}

TEST_F_TIMEOUT(life, replaced_under_load, 400)
{
	static const off_t part[2] = { OLD, NEW };
	struct io_load loads[IO_LOADS];
	int fd;

	ASSERT_EQ(0, look_up("a"));
	ASSERT_EQ(0, set(self, self->node, FILE_SIZE, OLD, WRITE, BOTH));
	for (int round = 0; round < ROUNDS; round++) {
		/* in the middle of it the other kind */
		fd = fuse_server_open(self->srv, "a",
				      O_RDWR | (round & 2 ? O_DIRECT : 0));
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, io_loads_start(loads, fd));
		ASSERT_TRUE(io_loads_run(loads));
		ASSERT_EQ(0, set(self, self->node, FILE_SIZE,
				 part[(round + 1) % 2], WRITE, BOTH));
		ASSERT_EQ(0, clear(part[round % 2]));
		EXPECT_TRUE(io_loads_run(loads));
		EXPECT_EQ(0, io_loads_end(loads)) TH_LOG("round %d", round);
		EXPECT_EQ(0, is_clear(part[round % 2])) TH_LOG("round %d",
							       round);
		close(fd);
	}
	EXPECT_EQ(0, asked(self->srv));
	EXPECT_TRUE(is_counted(self, self->id, 1, FILE_SIZE));
}

/* Beside what the server opens */

/* A byte, by way of a pipe: a splice that may take pages from the cache. */
static int spliced_byte(int fd, loff_t at)
{
	int pipefd[2], byte = -1;
	char c;

	if (pipe(pipefd) < 0)
		return -1;
	if (splice(fd, &at, pipefd[1], NULL, 1, 0) == 1 &&
	    read(pipefd[0], &c, 1) == 1)
		byte = c;
	close(pipefd[0]);
	close(pipefd[1]);
	return byte;
}

TEST_F(life, wider_mode_is_the_servers)
{
	static struct reject_trace trace;
	struct fuse_backing_extent extent = { 0, FILE_SIZE, 0, 0, 0 };
	int b, local, wide;
	char c, *map;

	/* the bytes are the same ones for the server */
	ASSERT_EQ(0, look_up("a"));
	extent.backing_id = env_register(&self->env, "a", O_RDONLY);
	b = env_register(&self->env, "a", O_RDWR);
	ASSERT_EQ(0, fuse_backing_set_extents(self->dev, self->node, &extent, 1,
					      READ));
	local = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, local);
	map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, local, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(1, pread(local, &c, 1, 9));
	EXPECT_EQ(c, map[9]);
	EXPECT_EQ(0, asked(self->srv));

	/* whatever the reply says, it isn't cached */
	self->file->open_flags = FOPEN_KEEP_CACHE;
	wide = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, wide);
	EXPECT_EQ(1, self->file->opens);
	for (char x = 'a'; x < 'e'; x++) {
		EXPECT_EQ(1, pwrite(wide, &x, 1, 9));
		EXPECT_EQ(1, pread(local, &c, 1, 9));
		EXPECT_EQ(x, c);
		EXPECT_EQ(1, pread(wide, &c, 1, 9));
		EXPECT_EQ(x, c);
		EXPECT_EQ(x, map[9]);
		EXPECT_EQ(x, spliced_byte(local, 9));
		EXPECT_EQ(x, spliced_byte(wide, 9));
	}
	EXPECT_EQ(8, fuse_server_ops(self->srv, FUSE_READ));
	EXPECT_EQ(4, fuse_server_ops(self->srv, FUSE_WRITE));
	close(wide);

	/* passthrough would be another backing inode, even if it is that one */
	self->file->open_flags = 0;
	ASSERT_EQ(0, reject_trace_start(&trace));
	EXPECT_EQ(-EBUSY, fuse_server_open_id(self->srv, "a", O_RDWR, b));
	EXPECT_TRUE(reject_trace_has(&trace, self->srv->dev, b, -EBUSY,
				     "other-inode"));
	reject_trace_stop(&trace);
	munmap(map, PAGE);
	close(local);
	EXPECT_TRUE(wait_until(self->file->releases == self->file->opens));
	wide = fuse_server_open_id(self->srv, "a", O_RDWR, b);
	EXPECT_LE(0, wide);
	close(wide);
}

/* As long as the server serves it cached, it serves all opens. */
TEST_F(life, cached_open_first)
{
	int cached, fd;

	ASSERT_EQ(0, look_up("a"));
	ASSERT_EQ(0, set(self, self->node, LEN, AT, 0, READ));
	cached = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, cached);
	EXPECT_EQ(1, self->file->opens);
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(2, self->file->opens);
	EXPECT_FALSE(reads(self, fd, AT));
	/* nobody uses them, so they can be replaced */
	EXPECT_EQ(0, set(self, self->node, LEN, 0, 0, READ));
	close(fd);
	close(cached);
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(2, self->file->opens);
	/* and what was cached isn't seen */
	EXPECT_TRUE(reads(self, fd, 0));
	close(fd);
}

TEST_F(life, passthrough_open_first)
{
	int other, fd;

	ASSERT_EQ(0, look_up("a"));
	ASSERT_EQ(0, set(self, self->node, LEN, AT, 0, READ));
	other = fuse_server_open_id(self->srv, "a", O_RDWR, self->id);
	ASSERT_LE(0, other);
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(2, self->file->opens);
	close(fd);
	close(other);
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(2, self->file->opens);
	close(fd);
}

TEST_F(life, truncated_by_open)
{
	int fd;

	ASSERT_EQ(0, set_a(self));
	fd = fuse_server_open(self->srv, "a", O_RDWR | O_TRUNC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, self->file->opens);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETATTR));
	EXPECT_EQ(0, scratch_size("a"));
	EXPECT_FALSE(reads(self, fd, AT));
	/* what the extents have isn't there once the file is that long again */
	EXPECT_EQ(0, ftruncate(fd, LEN));
	EXPECT_FALSE(reads(self, fd, AT));
	EXPECT_EQ(0, set_a(self));
	EXPECT_TRUE(reads(self, fd, AT));
	close(fd);
	EXPECT_EQ(0, scratch_compare("image", self->image, IMAGE_SIZE, 0));
}

TEST_F(life, truncated_by_open_of_the_server)
{
	const struct fuse_server_opts opts = {
		.init_flags = FUSE_ATOMIC_O_TRUNC
	};
	int fd;

	fuse_server_stop(self->srv);
	ASSERT_EQ(0, env_serve(&self->env, self->srv, &opts));
	self->dev = self->srv->fd;
	self->file = &self->srv->sh->file[0];
	self->id = env_register(&self->env, "image", O_RDWR);
	ASSERT_EQ(0, set_a(self));
	fd = fuse_server_open(self->srv, "a", O_RDWR | O_TRUNC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, self->file->opens);
	EXPECT_EQ(O_TRUNC, self->file->seen_flags & O_TRUNC);
	close(fd);
}

/* Requests that carry a handle: with one that the server gave, or without */

static int posix_lock(int fd, int cmd, int type)
{
	struct flock lock = { .l_type = type };

	return fcntl(fd, cmd, &lock) < 0 ? -errno : lock.l_type;
}

FIXTURE(handle) {
	struct env env;
	struct fuse_server *srv;
	struct fuse_server_file *file;
	int fd;
};

FIXTURE_VARIANT(handle) {
	__u64 init_flags;
	bool remote;
};

FIXTURE_VARIANT_ADD(handle, local_locks) {
	.remote = false,
};

FIXTURE_VARIANT_ADD(handle, remote_locks) {
	.init_flags = FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS,
	.remote = true,
};

FIXTURE_SETUP(handle)
{
	const struct fuse_server_opts opts = {
		.init_flags = variant->init_flags
	};
	struct fuse_backing_extent extent = { 0, FILE_SIZE, 0, 0, WRITE };

	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->srv = &self->env.srv;
	fuse_server_stop(self->srv);
	ASSERT_EQ(0, env_serve(&self->env, self->srv, &opts));
	self->srv->sh->attr_valid = 0;
	self->file = &self->srv->sh->file[0];
	extent.backing_id = env_register(&self->env, "b", O_RDWR);
	ASSERT_EQ(0, fuse_backing_set_extents(self->srv->fd, FUSE_ROOT_ID + 1,
					      &extent, 1, BOTH | PENDING));
	self->fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, self->file->opens);
}

FIXTURE_TEARDOWN(handle)
{
	close(self->fd);
	EXPECT_TRUE(wait_until(self->file->opens == self->file->releases));
	EXPECT_EQ(0, self->srv->sh->bad_fh)
		TH_LOG("opcode %u", self->srv->sh->bad_op);
	env_teardown(&self->env);
}

TEST_F(handle, not_needed)
{
	const struct timespec times[2] = { { 11, 0 }, { 12, 0 } };
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN | POLLOUT };
	struct statx stx;
	struct stat st;

	EXPECT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(FILE_SIZE, st.st_size);
	EXPECT_EQ(0, statx(self->fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC,
			   STATX_BASIC_STATS | STATX_BTIME, &stx));
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, fdatasync(self->fd));
	EXPECT_EQ(0, truncate(SCRATCH_FUSE "/a", 100));
	EXPECT_EQ(0, fchmod(self->fd, 0640));
	EXPECT_EQ(0, futimens(self->fd, times));
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(100, st.st_size);
	EXPECT_EQ(S_IFREG | 0640, st.st_mode);
	EXPECT_EQ(12, st.st_mtime);
	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(POLLIN | POLLOUT, pfd.revents);
	EXPECT_EQ(1, pwrite(self->fd, "x", 1, 0));
	EXPECT_EQ(0, sync_file_range(self->fd, 0, PAGE,
				     SYNC_FILE_RANGE_WRITE));
	EXPECT_EQ(100, lseek(self->fd, 0, SEEK_HOLE));
	EXPECT_EQ(0, readahead(self->fd, 0, FILE_SIZE));
	EXPECT_EQ(-1, fallocate(self->fd, 0, 0, PAGE));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(0, asked(self->srv));
}

/* The server truncates the file, which may have no name any more. */
TEST_F(handle, truncated)
{
	struct stat st;

	EXPECT_EQ(0, ftruncate(self->fd, 100));
	EXPECT_EQ(1, self->file->opens);
	EXPECT_EQ(self->srv->sh->next_fh, self->file->seen_fh);
	EXPECT_EQ(0, ftruncate(self->fd, 50));
	EXPECT_EQ(1, self->file->opens);
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(50, st.st_size);
}

TEST_F(handle, asked_for)
{
	unsigned int flags;

	self->file->open_error = EACCES;
	EXPECT_EQ(-1, ioctl(self->fd, IOCTL));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, pwrite(self->fd, "x", 1, FILE_SIZE));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(2, self->file->opens);
	self->file->opens = 0;
	self->file->open_error = 0;
	EXPECT_EQ(FUSE_SERVER_IOCTL, ioctl(self->fd, IOCTL));
	EXPECT_EQ(1, self->file->opens);
	EXPECT_EQ(1, pwrite(self->fd, "x", 1, FILE_SIZE));
	EXPECT_EQ(0, scratch_compare("a", "x", 1, FILE_SIZE));
	EXPECT_EQ(1, self->file->opens);
	/* the OPEN of an ioctl that the kernel knows is the kernel's own */
	ioctl(self->fd, FS_IOC_GETFLAGS, &flags);
	EXPECT_TRUE(wait_until(self->file->releases == self->file->opens - 1));
	close(self->fd);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_FLUSH));
	EXPECT_TRUE(wait_until(self->file->releases == self->file->opens));
	self->fd = -1;
}

TEST_F(handle, fsync_of_what_the_server_has)
{
	EXPECT_EQ(1, pwrite(self->fd, "x", 1, FILE_SIZE));
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_FSYNC));
}

/* The size is the server's, whoever has the data */
TEST_F(handle, fsync_of_the_size)
{
	EXPECT_EQ(1, pwrite(self->fd, "x", 1, 0));
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_FSYNC));
	EXPECT_EQ(0, ftruncate(self->fd, 100));
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_FSYNC));
}

/* It is told once that the server has no such thing. */
TEST_F(handle, fsync_that_the_server_lacks)
{
	self->srv->sh->fsync_error = ENOSYS;
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(1, pwrite(self->fd, "x", 1, FILE_SIZE));
		EXPECT_EQ(0, fsync(self->fd));
	}
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_FSYNC));
}

TEST_F(handle, locks)
{
	EXPECT_EQ(F_WRLCK, posix_lock(self->fd, F_SETLK, F_WRLCK));
	EXPECT_EQ(variant->remote, self->file->opens);
	EXPECT_EQ(variant->remote, fuse_server_ops(self->srv, FUSE_SETLK));
	EXPECT_EQ(F_UNLCK, posix_lock(self->fd, F_GETLK, F_WRLCK));
	EXPECT_EQ(F_UNLCK, posix_lock(self->fd, F_SETLKW, F_UNLCK));
	EXPECT_EQ(0, flock(self->fd, LOCK_EX));
	EXPECT_EQ(0, flock(self->fd, LOCK_UN));
	EXPECT_EQ(variant->remote, self->file->opens);
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
}

TEST_HARNESS_MAIN
