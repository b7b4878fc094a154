// SPDX-License-Identifier: GPL-2.0
/*
 * What FUSE_DEV_IOC_BACKING_EXTENTS takes, and what it refuses.
 *
 * Proves: each errno that the interface promises comes for what it says, just
 * beside something that is accepted; limits are where they are said to be; what
 * was refused leaves nothing behind: no extent counted, nothing in the thread's
 * table once the ids are closed, and the backing filesystem unmounts. Memory of lists is
 * the caller's: many short ones that wait count as a long one does, with their arrays of
 * backing files; controls are those that don't wait, and that go.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/fs.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "env.h"
#include "held_page.h"
#include "reject_trace.h"
#include "text_file.h"
#include "wait_until.h"

#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define PENDING		FUSE_BACKING_ATTACH_PENDING
#define UNCHECKED	FUSE_BACKING_ATTACH_UNCHECKED
#define HOLE		FUSE_BACKING_EXTENT_HOLE
#define WRITE		FUSE_BACKING_EXTENT_WRITE
#define MAX		FUSE_BACKING_EXTENTS_MAX
#define PAGE		4096
#define LIMIT		32
#define USER		1000	/* without capabilities: a uid and a gid */
#define LARGEST		(2 << 20)	/* bytes of the longest list, and those */
#define ROOM		4		/* that there is room for */
#define IN_A_PAGE	120		/* extents, and somewhat less than a page */
#define FREE_REST	(16 * PAGE)	/* bytes of short lists that are nobody's */
#define SHORT_ROOM	(64 * PAGE)	/* and those that there is room for besides */
#define FILES		FUSE_BACKING_EXTENTS_FILES
#define NOBODY		40	/* a node that there isn't */
#define NR(array)	(sizeof(array) / sizeof((array)[0]))

FIXTURE(attach) {
	struct env env;
	struct fuse_server *srv;
	struct fuse_server_file *file;	/* "a" */
	__u64 node;
	int dev;
	int id;		/* of "b" */
	struct reject_trace trace;
};

FIXTURE_SETUP(attach)
{
	struct stat st;

	/* tmpfs knows of no immutable files */
	if (!env_start(_metadata, &self->env, SCRATCH_EXT4))
		return;
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
	self->file = &self->srv->sh->file[0];
	self->node = fuse_server_node(self->srv, self->file);
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/a", &st));
	self->id = env_register(&self->env, "b", O_RDWR);
	ASSERT_LT(0, self->id);
	ASSERT_EQ(0, reject_trace_start(&self->trace));
}

FIXTURE_TEARDOWN(attach)
{
	EXPECT_EQ(0, self->srv->sh->bad_fh)
		TH_LOG("opcode %u", self->srv->sh->bad_op);
	reject_trace_stop(&self->trace);
	if (self->dev >= 0) {
		EXPECT_EQ(0, fuse_backing_close_all(self->dev));
		EXPECT_EQ(0, env_count(self->srv));
		EXPECT_EQ(0, fuse_server_umount(self->srv));
		EXPECT_EQ(0, scratch_umount_backing());
	}
	env_teardown(&self->env);
}

#define self_t FIXTURE_DATA(attach)

static bool rejected(self_t *self, int id, int err, const char *reason)
{
	return reject_trace_has(&self->trace, self->srv->dev, id, err, reason);
}

/* Extents of "a"; they are taken away again if they were accepted. */
static int try(self_t *self, const struct fuse_backing_extent *extent,
	       __u32 nr)
{
	int err = fuse_backing_set_extents(self->dev, self->node, extent, nr,
					   BOTH);

	return err ?: fuse_detach_backing(self->dev, self->node, 0, 0);
}

static int try_one(self_t *self, __u64 offset, __u64 length, __u64 from, int id,
		   __u32 flags)
{
	const struct fuse_backing_extent extent = {
		offset, length, from, id, flags
	};

	return try(self, &extent, 1);
}

static int set_raw(int dev, const struct fuse_backing_extents *args)
{
	return ioctl(dev, FUSE_DEV_IOC_BACKING_EXTENTS, args) < 0 ? -errno : 0;
}

/* Is nothing counted for the mapping @id? */
static bool counts_nothing(int dev, int id)
{
	struct fuse_backing_entry entry[2 * LIMIT];
	int n = fuse_list_backing(dev, entry, NR(entry));

	for (int i = 0; i < n; i++)
		if (entry[i].id == id)
			return !entry[i].extents && !entry[i].extent_bytes &&
			       !entry[i].attached && !entry[i].pending &&
			       !entry[i].files;
	return false;
}

TEST_F(attach, header)
{
	const struct fuse_backing_extent extent = { 0, PAGE, 0, self->id, 0 };
	const struct fuse_backing_extents good = {
		.nodeid = self->node,
		.extents = (unsigned long)&extent,
		.count = 1,
		.flags = BOTH | UNCHECKED,
	};
	struct fuse_backing_extents args = good;

	args.nodeid = 0;
	EXPECT_EQ(-EINVAL, set_raw(self->dev, &args));
	args = good;
	args.count = 0;
	EXPECT_EQ(-EINVAL, set_raw(self->dev, &args));
	args = good;
	args.flags = 0;
	EXPECT_EQ(-EINVAL, set_raw(self->dev, &args));
	args.flags = PENDING;
	EXPECT_EQ(-EINVAL, set_raw(self->dev, &args));
	for (int bit = 0; bit < 32; bit++) {
		if ((BOTH | PENDING | UNCHECKED) & 1U << bit)
			continue;
		args.flags = BOTH | UNCHECKED | 1U << bit;
		EXPECT_EQ(-EINVAL, set_raw(self->dev, &args))
			TH_LOG("bit %d", bit);
	}
	args = good;
	for (int i = 0; i < 2; i++) {
		args.reserved[i] = 1ULL << 63;
		EXPECT_EQ(-EINVAL, set_raw(self->dev, &args));
		args.reserved[i] = 0;
	}
	EXPECT_TRUE(rejected(self, 0, -EINVAL, "bad-argument"));
	args.flags = BOTH;
	EXPECT_EQ(-EACCES, set_raw(self->dev, &args));
	args.flags = BOTH | PENDING;
	EXPECT_EQ(-EACCES, set_raw(self->dev, &args));
	EXPECT_TRUE(rejected(self, 0, -EACCES, "unchecked"));
	EXPECT_EQ(-EFAULT, set_raw(self->dev, NULL));
	EXPECT_TRUE(counts_nothing(self->dev, self->id));
	EXPECT_EQ(0, set_raw(self->dev, &good));
}

TEST_F(attach, invalid_extents)
{
	const __u64 max = LLONG_MAX;
	const int id = self->id;
	const struct fuse_backing_extent bad[][2] = {
		/* empty */
		{ { 0, 0, 0, id, 0 } },
		{ { 0, 0, 0, 0, HOLE } },
		/* not behind the one before it */
		{ { 0, 10, 0, id, 0 }, { 9, 10, 0, id, 0 } },
		{ { 0, 10, 0, id, 0 }, { 0, 10, 0, id, 0 } },
		{ { 10, 10, 0, id, 0 }, { 0, 10, 0, id, 0 } },
		{ { 10, 10, 0, id, 0 }, { 0, 30, 0, 0, HOLE } },
		{ { 0, 10, 0, 0, HOLE }, { 9, 1, 0, 0, HOLE } },
		/* beyond the largest offset */
		{ { max, 1, 0, id, 0 } },
		{ { max - 9, 10, 0, id, 0 }, { max, 1, 0, 0, HOLE } },
		{ { max - 9, 11, 0, 0, HOLE } },
		{ { 1, max, 0, 0, HOLE } },
		{ { 0, max + 1, 0, 0, HOLE } },
		{ { 0, ~0ULL, 0, 0, HOLE } },
		{ { 0, ~0ULL, 0, id, 0 } },
		{ { ~0ULL, 1, 0, id, 0 } },
		{ { ~0ULL, 2, 0, id, 0 } },
		{ { max + 1, 1, 0, 0, HOLE } },
		/* neither a hole nor in a file, or both */
		{ { 0, 10, 0, 0, 0 } },
		{ { 0, 10, 0, -1, 0 } },
		{ { 0, 10, 0, INT_MIN, 0 } },
		{ { 0, 10, 0, id, HOLE } },
		{ { 0, 10, 1, 0, HOLE } },
		{ { 0, 10, 0, 0, HOLE | WRITE } },
	};

	for (unsigned int i = 0; i < NR(bad); i++) {
		EXPECT_EQ(-EINVAL, try(self, bad[i], 1 + !!bad[i][1].length))
			TH_LOG("case %u", i);
	}
	for (int bit = 2; bit < 32; bit++) {
		EXPECT_EQ(-EINVAL, try_one(self, 0, 1, 0, id, 1U << bit))
			TH_LOG("bit %d", bit);
	}
	EXPECT_TRUE(rejected(self, id, -EINVAL, "extent"));
	EXPECT_TRUE(counts_nothing(self->dev, id));
}

/* The neighbours of what is refused above */
TEST_F(attach, valid_extents)
{
	const __u64 max = LLONG_MAX;
	const int id = self->id;
	const struct fuse_backing_extent good[][2] = {
		{ { 0, 1, 0, id, 0 } },
		{ { 0, 1, 0, 0, HOLE } },
		{ { 0, 10, 0, id, 0 }, { 10, 10, 0, id, 0 } },
		{ { 0, 10, 0, id, WRITE }, { 10, 10, 0, 0, HOLE } },
		{ { 0, 10, 0, id, 0 }, { 1ULL << 40, 10, 5, id, WRITE } },
		{ { max - 1, 1, 0, id, 0 } },
		{ { max - 10, 10, 0, id, 0 } },
		{ { 0, max, 0, 0, HOLE } },
		{ { 1, max - 1, 0, 0, HOLE } },
	};

	for (unsigned int i = 0; i < NR(good); i++) {
		EXPECT_EQ(0, try(self, good[i], 1 + !!good[i][1].length))
			TH_LOG("case %u", i);
	}
}

TEST_F(attach, beyond_the_end)
{
	const int id = self->id;
	int empty;

	EXPECT_EQ(0, try_one(self, 0, FILE_SIZE, 0, id, 0));
	EXPECT_EQ(0, try_one(self, 0, 1, FILE_SIZE - 1, id, 0));
	EXPECT_EQ(-ERANGE, try_one(self, 0, FILE_SIZE + 1, 0, id, 0));
	EXPECT_EQ(-ERANGE, try_one(self, 0, FILE_SIZE, 1, id, 0));
	EXPECT_EQ(-ERANGE, try_one(self, 0, 1, FILE_SIZE, id, 0));
	EXPECT_EQ(-ERANGE, try_one(self, 0, 1, ~0ULL, id, 0));
	EXPECT_EQ(-ERANGE, try_one(self, 0, 2, ~0ULL, id, 0));
	EXPECT_EQ(-ERANGE, try_one(self, 0, LLONG_MAX, 1, id, 0));
	EXPECT_EQ(-ERANGE, try_one(self, 0, 1, 1ULL << 63, id, 0));
	EXPECT_TRUE(rejected(self, id, -ERANGE, "extent"));

	/* its size of now counts */
	ASSERT_EQ(0, truncate(scratch_path("b"), 100));
	EXPECT_EQ(-ERANGE, try_one(self, 0, 1, 100, id, 0));
	EXPECT_EQ(0, try_one(self, 0, 1, 99, id, 0));
	ASSERT_EQ(0, truncate(scratch_path("b"), FILE_SIZE + 1));
	EXPECT_EQ(0, try_one(self, 0, 1, FILE_SIZE, id, 0));

	ASSERT_EQ(0, scratch_file("empty", 0, 0));
	empty = env_register(&self->env, "empty", O_RDONLY);
	ASSERT_LT(0, empty);
	EXPECT_EQ(-ERANGE, try_one(self, 0, 1, 0, empty, 0));
	EXPECT_TRUE(counts_nothing(self->dev, id));
}

/* The first extent was good: nothing of it stays */
TEST_F(attach, second_extent_is_bad)
{
	struct fuse_backing_extent extent[] = {
		{ 0, 10, 0, self->id, WRITE },
		{ 10, 10, FILE_SIZE, self->id, 0 },
	};

	EXPECT_EQ(-ERANGE, try(self, extent, 2));
	extent[1].backing_id = self->id + 1;
	EXPECT_EQ(-ENOENT, try(self, extent, 2));
	extent[1].offset = 9;
	EXPECT_EQ(-EINVAL, try(self, extent, 2));
	EXPECT_TRUE(counts_nothing(self->dev, self->id));
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, self->node, 0, 0));
}

/* What is refused leaves the extents that there are */
TEST_F(attach, refused_replacement)
{
	struct fuse_backing_extent extent = { 0, 10, 7, self->id, 0 };
	char want[10], got[10];
	int fd;

	ASSERT_EQ(0, fuse_backing_set_extents(self->dev, self->node, &extent, 1,
					      FUSE_BACKING_READ));
	fd = open(scratch_path("b"), O_RDONLY | O_CLOEXEC);
	ASSERT_EQ(10, pread(fd, want, 10, 7));
	close(fd);
	extent.backing_offset = FILE_SIZE;
	EXPECT_EQ(-ERANGE, fuse_backing_set_extents(self->dev, self->node,
						    &extent, 1, BOTH));
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(10, pread(fd, got, 10, 0));
	EXPECT_EQ(0, memcmp(got, want, 10));
	close(fd);
	EXPECT_EQ(0, self->file->opens);
	/* nor does it widen the modes */
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, self->file->opens);
	close(fd);
}

TEST_F(attach, number_of_extents)
{
	struct fuse_backing_extent *extent = calloc(MAX + 1, sizeof(*extent));
	char *want = malloc(FILE_SIZE), *got = malloc(FILE_SIZE);
	int fd;

	/* each byte is one, from the last on */
	for (int i = 0; i <= MAX; i++)
		extent[i] = (struct fuse_backing_extent) {
			.offset = i,
			.length = 1,
			.backing_offset = (FILE_SIZE - 1 - i) % FILE_SIZE,
			.backing_id = self->id,
		};
	EXPECT_EQ(-E2BIG, try(self, extent, MAX + 1));
	EXPECT_EQ(-E2BIG, try(self, extent, ~0U));
	EXPECT_EQ(-E2BIG, try(self, NULL, MAX + 1));
	EXPECT_TRUE(rejected(self, 0, -E2BIG, "extent"));
	EXPECT_EQ(0, fuse_backing_set_extents(self->dev, self->node, extent,
					      MAX, FUSE_BACKING_READ));

	scratch_pattern(want, FILE_SIZE, 1);
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(MAX, pread(fd, got, MAX, 0));
	for (int i = 0; i < FILE_SIZE / 2; i++) {
		char swap = want[i];

		want[i] = want[FILE_SIZE - 1 - i];
		want[FILE_SIZE - 1 - i] = swap;
	}
	EXPECT_EQ(0, memcmp(got, want, MAX));
	close(fd);
	EXPECT_EQ(0, self->file->opens);
	free(extent);
	free(want);
	free(got);
}

TEST_F(attach, number_of_files)
{
	const int max = FUSE_BACKING_EXTENTS_FILES;
	struct fuse_backing_extent extent[max + 1];
	int last;

	for (int i = 0; i <= max; i++) {
		extent[i] = (struct fuse_backing_extent) {
			.offset = i,
			.length = 1,
			.backing_id = env_register(&self->env, "c", O_RDONLY),
		};
		ASSERT_LT(0, extent[i].backing_id);
	}
	last = extent[max].backing_id;
	EXPECT_EQ(-E2BIG, try(self, extent, max + 1));
	EXPECT_TRUE(rejected(self, last, -E2BIG, "extent"));
	EXPECT_EQ(0, try(self, extent, max));
	/* any number of extents in them */
	extent[max].backing_id = extent[0].backing_id;
	EXPECT_EQ(0, try(self, extent, max + 1));
	/* and of holes */
	extent[max].backing_id = 0;
	extent[max].flags = HOLE;
	EXPECT_EQ(0, try(self, extent, max + 1));
	EXPECT_EQ(max + 2, env_count(self->srv));
}

TEST_F(attach, descriptors)
{
	static const struct {
		int open_flags;
		__u32 flags;
		int want;
		const char *reason;
	} cases[] = {
		{ O_RDONLY, 0, 0, NULL },
		{ O_RDWR, WRITE, 0, NULL },
		{ O_PATH, 0, -EBADF, "permission" },
		{ O_PATH, WRITE, -EBADF, "permission" },
		{ O_WRONLY, 0, -EBADF, "permission" },
		{ O_WRONLY, WRITE, -EBADF, "permission" },
		{ O_RDONLY, WRITE, -EBADF, "permission" },
		{ O_RDONLY | O_APPEND, WRITE, -EBADF, "permission" },
		{ O_RDWR | O_APPEND, WRITE, -EPERM, "append-only" },
		{ O_RDWR | O_APPEND, 0, 0, NULL },
	};

	for (unsigned int i = 0; i < NR(cases); i++) {
		int id = env_register(&self->env, "b", cases[i].open_flags);

		ASSERT_LT(0, id) TH_LOG("case %u", i);
		EXPECT_EQ(cases[i].want, try_one(self, 0, 1, 0, id,
						 cases[i].flags))
			TH_LOG("case %u", i);
		if (cases[i].want)
			EXPECT_TRUE(rejected(self, id, cases[i].want,
					     cases[i].reason));
	}
}

TEST_F(attach, inode_flags)
{
	static const struct {
		int flag;
		const char *reason;
	} cases[] = {
		{ FS_APPEND_FL, "append-only" },
		{ FS_IMMUTABLE_FL, "immutable" },
	};

	for (unsigned int i = 0; i < NR(cases); i++) {
		ASSERT_EQ(0, scratch_flags("b", cases[i].flag));
		EXPECT_EQ(-EPERM, try_one(self, 0, 1, 0, self->id, WRITE));
		EXPECT_TRUE(rejected(self, self->id, -EPERM, cases[i].reason));
		EXPECT_EQ(0, try_one(self, 0, 1, 0, self->id, 0));
	}
	ASSERT_EQ(0, scratch_flags("b", 0));
	EXPECT_EQ(0, try_one(self, 0, 1, 0, self->id, WRITE));
}

TEST_F(attach, ids)
{
	struct fuse_backing_extent extent = { 0, 1, 0, 0, 0 };
	int once, closed;

	EXPECT_EQ(-ENOENT, try_one(self, 0, 1, 0, self->id + 1, 0));
	EXPECT_EQ(-ENOENT, try_one(self, 0, 1, 0, INT_MAX, 0));
	EXPECT_TRUE(rejected(self, INT_MAX, -ENOENT, "unknown-id"));

	closed = env_register(&self->env, "c", O_RDWR);
	ASSERT_LT(0, closed);
	EXPECT_EQ(0, try_one(self, 0, 1, 0, closed, 0));
	EXPECT_EQ(0, fuse_backing_close(self->dev, closed));
	EXPECT_EQ(-ENOENT, try_one(self, 0, 1, 0, closed, 0));

	/* not even while something uses it */
	closed = env_register(&self->env, "c", O_RDWR);
	ASSERT_EQ(0, fuse_attach_backing(self->dev, NOBODY, 0, self->id,
					 BOTH | PENDING));
	extent.backing_id = closed;
	ASSERT_EQ(0, fuse_backing_set_extents(self->dev, NOBODY + 1, &extent, 1,
					      BOTH | PENDING));
	EXPECT_EQ(0, fuse_backing_close(self->dev, closed));
	EXPECT_EQ(-ENOENT, try_one(self, 0, 1, 0, closed, 0));

	/* one that belongs to an open is not for this, and stays that open's */
	once = fuse_backing_open_once(self->dev, scratch_path("b"), O_RDWR);
	ASSERT_LT(0, once);
	EXPECT_EQ(-ENOENT, try_one(self, 0, 1, 0, once, 0));
	EXPECT_TRUE(rejected(self, once, -ENOENT, "unknown-id"));
	EXPECT_EQ(0, fuse_backing_close(self->dev, once));
}

TEST_F(attach, nodes)
{
	const struct fuse_backing_extent extent = { 0, 1, 0, self->id, 0 };
	const struct fuse_backing_extents other_generation = {
		.nodeid = self->node,
		.generation = 1,
		.extents = (unsigned long)&extent,
		.count = 1,
		.flags = BOTH | UNCHECKED,
	};
	struct fuse_server_file *fifo = fuse_server_add(self->srv, "fifo");
	__u64 node = fuse_server_node(self->srv, fifo);
	struct stat st;

	EXPECT_EQ(-ENOENT, fuse_backing_set_extents(self->dev, NOBODY, &extent,
						    1, BOTH));
	EXPECT_TRUE(rejected(self, self->id, -ENOENT, "no-inode"));
	EXPECT_EQ(-ENOENT, fuse_backing_set_extents(self->dev, ~0ULL, &extent,
						    1, BOTH));
	EXPECT_EQ(-ENOENT, set_raw(self->dev, &other_generation));
	EXPECT_EQ(-EISDIR, fuse_backing_set_extents(self->dev, FUSE_ROOT_ID,
						    &extent, 1, BOTH));
	EXPECT_TRUE(rejected(self, self->id, -EISDIR, "file-type"));
	ASSERT_EQ(0, mkfifo(scratch_path("fifo"), 0644));
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/fifo", &st));
	ASSERT_TRUE(S_ISFIFO(st.st_mode));
	EXPECT_EQ(-EINVAL, fuse_backing_set_extents(self->dev, node, &extent, 1,
						    BOTH));
	EXPECT_TRUE(rejected(self, self->id, -EINVAL, "file-type"));
	EXPECT_TRUE(counts_nothing(self->dev, self->id));
	EXPECT_EQ(0, try(self, &extent, 1));
}

/* A whole file and extents exclude each other. */
TEST_F(attach, whole_file)
{
	const struct fuse_backing_extent extent = { 0, 1, 0, self->id, 0 };
	static const struct {
		__u64 node;
		__u32 flags;
	} where[] = {
		{ FUSE_ROOT_ID + 1, BOTH },
		{ FUSE_ROOT_ID + 1, BOTH | PENDING },
		{ NOBODY, BOTH | PENDING },
	};

	for (unsigned int i = 0; i < NR(where); i++) {
		__u64 node = where[i].node;
		__u32 flags = where[i].flags;

		ASSERT_EQ(0, fuse_attach_backing(self->dev, node, 0, self->id,
						 flags));
		EXPECT_EQ(-EEXIST, fuse_backing_set_extents(self->dev, node,
							    &extent, 1, flags));
		EXPECT_TRUE(rejected(self, self->id, -EEXIST, "attached"));
		ASSERT_EQ(0, fuse_detach_backing(self->dev, node, 0, 0));

		ASSERT_EQ(0, fuse_backing_set_extents(self->dev, node, &extent,
						      1, flags));
		EXPECT_EQ(-EEXIST, fuse_attach_backing(self->dev, node, 0,
						       self->id, flags));
		EXPECT_EQ(0, fuse_backing_set_extents(self->dev, node, &extent,
						      1, flags));
		EXPECT_EQ(0, fuse_detach_backing(self->dev, node, 0, 0));
		EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, node, 0, 0));
	}
}

TEST_F(attach, open_otherwise)
{
	int fd = fuse_server_open(self->srv, "a", O_RDONLY);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-ETXTBSY, try_one(self, 0, 1, 0, self->id, 0));
	EXPECT_TRUE(rejected(self, self->id, -ETXTBSY, "cached-open"));
	close(fd);

	fd = fuse_server_open_id(self->srv, "a", O_RDWR, self->id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBUSY, try_one(self, 0, 1, 0, self->id, 0));
	EXPECT_TRUE(rejected(self, self->id, -EBUSY, "other-inode"));
	close(fd);

	/* direct I/O is in nobody's way */
	self->file->open_flags = FOPEN_DIRECT_IO;
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, try_one(self, 0, 1, 0, self->id, 0));
	close(fd);
	EXPECT_TRUE(wait_until(self->file->opens == self->file->releases));
	EXPECT_EQ(0, try_one(self, 0, 1, 0, self->id, 0));
}

/* Those that wait are counted together, whatever they are. */
TEST_F(attach, pending_limit)
{
	const struct rlimit limit = { LIMIT, LIMIT };
	struct fuse_backing_extent extent = { 0, 1, 0, self->id, 0 };

	ASSERT_EQ(0, prlimit(thread_find(self->srv->dev), RLIMIT_NOFILE,
			     &limit, NULL));
	for (int i = 0; i < LIMIT; i++)
		ASSERT_EQ(0, i % 2 ?
			  fuse_attach_backing(self->dev, NOBODY + i, 0,
					      self->id, BOTH | PENDING) :
			  fuse_backing_set_extents(self->dev, NOBODY + i,
						   &extent, 1, BOTH | PENDING));
	EXPECT_EQ(-EMFILE, fuse_backing_set_extents(self->dev, NOBODY + LIMIT,
						    &extent, 1,
						    BOTH | PENDING));
	EXPECT_TRUE(rejected(self, self->id, -EMFILE, "table"));
	/* one in place of another is none more */
	extent.offset = 1;
	EXPECT_EQ(0, fuse_backing_set_extents(self->dev, NOBODY, &extent, 1,
					      BOTH | PENDING));
	/* nor is what doesn't wait */
	EXPECT_EQ(0, fuse_backing_set_extents(self->dev, self->node, &extent, 1,
					      BOTH | PENDING));
	EXPECT_EQ(0, fuse_detach_backing(self->dev, NOBODY + 1, 0, 0));
	EXPECT_EQ(0, fuse_backing_set_extents(self->dev, NOBODY + LIMIT,
					      &extent, 1, BOTH | PENDING));
}

TEST_F(attach, memory_that_is_not_there)
{
	const size_t size = sizeof(struct fuse_backing_extent);
	struct fuse_backing_extent *end;
	char *map;

	map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, munmap(map + PAGE, PAGE));
	end = (void *)(map + PAGE - 2 * size);
	end[0] = (struct fuse_backing_extent){ 0, 1, 0, self->id, WRITE };
	end[1] = (struct fuse_backing_extent){ 1, 1, 0, 0, HOLE };
	EXPECT_EQ(-EFAULT, try(self, NULL, 1));
	EXPECT_EQ(-EFAULT, try(self, (void *)(map + PAGE), 1));
	EXPECT_EQ(-EFAULT, try(self, (void *)~0UL, 1));
	EXPECT_EQ(-EFAULT, try(self, (void *)-PAGE, 1));
	EXPECT_EQ(-EFAULT, try(self, end, 3));
	EXPECT_EQ(-EFAULT, try(self, end + 1, 2));
	EXPECT_TRUE(counts_nothing(self->dev, self->id));
	EXPECT_EQ(0, try(self, end, 2));
	munmap(map, PAGE);
}

TEST_F(attach, who_may)
{
	const struct fuse_backing_extent extent = { 0, 1, 0, self->id, 0 };
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.no_passthrough = true,
	};
	int unmounted = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	struct fuse_server other;

	EXPECT_EQ(-EPERM, fuse_backing_set_extents(unmounted, self->node,
						   &extent, 1, BOTH));
	close(unmounted);
	ASSERT_EQ(0, env_serve(&self->env, &other, &opts));
	EXPECT_EQ(-EPERM, fuse_backing_set_extents(other.fd, FUSE_ROOT_ID,
						   &extent, 1, BOTH));
	EXPECT_TRUE(reject_trace_has(&self->trace, other.dev, 0, -EPERM,
				     "not-negotiated"));
	fuse_server_stop(&other);
}

/* Where nothing was ever registered there is nothing to have extents in. */
TEST_F(attach, nothing_registered)
{
	const struct fuse_server_opts opts = { .mountpoint = SCRATCH_FUSE2 };
	struct fuse_backing_extent extent = { 0, 1, 0, 1, 0 };
	struct fuse_server other;
	struct stat st;

	ASSERT_EQ(0, env_serve(&self->env, &other, &opts));
	ASSERT_EQ(0, stat(SCRATCH_FUSE2 "/a", &st));
	EXPECT_EQ(-ENOENT, fuse_backing_set_extents(other.fd, FUSE_ROOT_ID + 1,
						    &extent, 1, BOTH));
	EXPECT_EQ(0, thread_find(other.dev));
	ASSERT_EQ(1, fuse_backing_open_path(other.fd, scratch_path("b"),
					    O_RDONLY));
	EXPECT_EQ(0, fuse_backing_set_extents(other.fd, FUSE_ROOT_ID + 1,
					      &extent, 1, BOTH));
	fuse_server_stop(&other);
	EXPECT_TRUE(wait_until(!thread_find(other.dev)));
}

TEST_F(attach, connection_gone)
{
	const struct fuse_backing_extent extent = { 0, 1, 0, self->id, 0 };

	ASSERT_EQ(0, fuse_backing_set_extents(self->dev, self->node, &extent, 1,
					      BOTH));
	ASSERT_EQ(0, fuse_server_abort(self->srv));
	EXPECT_EQ(-ENOTCONN, fuse_backing_set_extents(self->dev, self->node,
						      &extent, 1, BOTH));
	EXPECT_EQ(-ENOTCONN, fuse_backing_set_extents(self->dev, NOBODY,
						      &extent, 1,
						      BOTH | PENDING));
	EXPECT_TRUE(wait_until(!env_count(self->srv)));
}

/* The array takes its time to come; who waits for it can be killed. */
TEST_F(attach, killed)
{
	struct fuse_backing_extents args = {
		.nodeid = self->node,
		.count = MAX,
		.flags = BOTH | UNCHECKED,
	};
	struct held_page page;
	int status;
	pid_t pid;

	ASSERT_EQ(0, held_page_start(&page, "b"));
	args.extents = (unsigned long)page.addr;
	fflush(NULL);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(-set_raw(self->dev, &args));
	EXPECT_TRUE(wait_until(held_page_is_wanted(&page)));
	EXPECT_TRUE(wait_until(sleeps_in(pid, SYS_ioctl)));
	kill(pid, SIGKILL);
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	held_page_stop(&page);
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, self->node, 0, 0));
}

static void holes(struct fuse_backing_extent *extent, int n)
{
	for (int i = 0; i < n; i++)
		extent[i] = (struct fuse_backing_extent) { i, 1, 0, 0, HOLE };
}

/* Memory is the caller's cgroup's. */

#define CGROUP		"/sys/fs/cgroup"
#define GROUP		CGROUP "/extents"
#define GROUP_LIMIT	"8388608"

/* How many inodes' extents there is room for in the group, or -errno. */
static int fill_group(int dev, const struct fuse_backing_extent *extent)
{
	int err, n = 0;

	/* what little else the call needs must not get the test killed */
	err = text_file_write("/proc/self/oom_score_adj", "-1000") ?:
	      text_file_write(GROUP "/cgroup.procs", "0");
	while (!err && n < 100) {
		err = fuse_backing_set_extents(dev, NOBODY + n, extent, MAX,
					       BOTH | PENDING);
		if (!err)
			n++;
	}
	return err == -ENOMEM ? n : -EINVAL;
}

/* Did anybody come near to being killed for memory? */
static bool group_was_out_of_memory(void)
{
	char events[512] = "";
	int fd = open(GROUP "/memory.events", O_RDONLY | O_CLOEXEC);

	if (read(fd, events, sizeof(events) - 1) < 0)
		events[0] = 0;
	close(fd);
	return !strstr(events, "\noom 0\n");
}

TEST_F(attach, memory_cgroup)
{
	struct fuse_backing_extent *extent = calloc(MAX, sizeof(*extent));
	int status;
	pid_t pid;

	if (text_file_write(CGROUP "/cgroup.subtree_control", "+memory") ||
	    (mkdir(GROUP, 0755) && errno != EEXIST))
		SKIP(return, "needs cgroup2 with the memory controller");
	ASSERT_EQ(0, text_file_write(GROUP "/memory.max", GROUP_LIMIT));
	holes(extent, MAX);
	fflush(NULL);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(fill_group(self->dev, extent) & 127);
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	/* what is in there is the program, too */
	EXPECT_LE(1, WEXITSTATUS(status));
	EXPECT_GE(4, WEXITSTATUS(status));
	EXPECT_FALSE(group_was_out_of_memory());
	/* others have all they want */
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(0, fuse_backing_set_extents(self->dev, NOBODY + i,
						      extent, MAX,
						      BOTH | PENDING));
	EXPECT_EQ(0, fuse_backing_close_all(self->dev));
	EXPECT_EQ(0, rmdir(GROUP));
	free(extent);
}

/* Long lists are locked memory of the user's. */

struct lists {
	int dev;
	int other;		/* /dev/fuse of another mount */
	__u64 node;		/* that is there */
	struct fuse_backing_extent *extent;
};

static int limit_memlock(unsigned long bytes)
{
	const struct rlimit limit = { bytes, bytes };

	return setrlimit(RLIMIT_MEMLOCK, &limit);
}

static int pend(const struct lists *l, __u64 node, __u32 nr)
{
	return fuse_backing_set_extents(l->dev, node, l->extent, nr,
					BOTH | PENDING);
}

static int fill_room(const struct lists *l)
{
	int err = 0;

	for (int i = 0; i < ROOM && !err; i++)
		err = pend(l, NOBODY + i, MAX);
	return err ?: pend(l, NOBODY + ROOM, MAX) == -ENOBUFS ? 0 : -EINVAL;
}

/* 0, or the step that went wrong. */
static int fill_memlock(void *arg)
{
	struct lists *l = arg, other = *l;

	if (limit_memlock(ROOM * LARGEST) || fill_room(l))
		return 1;
	/* whatever the mount, and whatever is more than a page */
	other.dev = l->other;
	if (pend(&other, NOBODY, MAX) != -ENOBUFS ||
	    pend(&other, NOBODY, 2 * IN_A_PAGE) != -ENOBUFS)
		return 2;
	if (pend(l, NOBODY + ROOM, IN_A_PAGE) || pend(&other, NOBODY, 1))
		return 3;
	/* what is attached counts like what waits */
	if (fuse_detach_backing(l->dev, NOBODY, 0, 0) ||
	    pend(l, l->node, MAX) || pend(l, NOBODY, MAX) != -ENOBUFS)
		return 4;
	/* what is refused for another reason, or replaced, doesn't */
	if (fuse_detach_backing(l->dev, l->node, 0, 0))
		return 5;
	for (int i = 0; i < 2 * ROOM; i++)
		if (fuse_backing_set_extents(l->dev, FUSE_ROOT_ID, l->extent,
					     MAX, BOTH) != -EISDIR ||
		    fuse_backing_set_extents(l->dev, NOBODY, NULL, MAX,
					     BOTH | PENDING) != -EFAULT)
			return 6;
	if (pend(l, NOBODY, MAX) || pend(l, NOBODY, 1) != 0)
		return 7;
	for (int i = 0; i < 2 * ROOM; i++)
		if (pend(l, NOBODY, MAX) || pend(l, NOBODY, 1))
			return 8;
	if (fuse_backing_close_all(l->dev) || fill_room(l))
		return 9;
	return 0;
}

TEST_F(attach, memlock)
{
	const struct creds user = { .uid = USER, .gid = USER };
	const struct fuse_server_opts opts = { .mountpoint = SCRATCH_FUSE2 };
	const struct rlimit none = { 0, ROOM * LARGEST };
	struct fuse_server other;
	struct lists l = {
		.dev = self->dev,
		.node = self->node,
		.extent = calloc(MAX, sizeof(*l.extent)),
	};

	holes(l.extent, MAX);
	ASSERT_EQ(0, env_serve(&self->env, &other, &opts));
	ASSERT_LT(0, fuse_backing_open_path(other.fd, scratch_path("b"),
					    O_RDONLY));
	l.other = other.fd;
	EXPECT_EQ(0, creds_call(&user, fill_memlock, &l));
	EXPECT_TRUE(rejected(self, 0, -ENOBUFS, "memlock"));

	/* not with CAP_IPC_LOCK */
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &none));
	EXPECT_EQ(0, pend(&l, NOBODY + ROOM, MAX));
	/* nor does it count for others of that user */
	EXPECT_EQ(0, fuse_backing_close_all(self->dev));
	EXPECT_EQ(0, creds_call(&user, fill_memlock, &l));
	fuse_server_stop(&other);
	free(l.extent);
}

/* How many lists of @nr extents can wait, of nodes from @node on, or -errno. */
static int fill_short(const struct lists *l, __u64 node, __u32 nr)
{
	int err, n = 0;

	do {
		err = pend(l, node + n, nr);
	} while (!err && ++n < MAX);
	return err == -ENOBUFS ? n : -EINVAL;
}

static int drop_short(const struct lists *l, __u64 node, int n)
{
	int err = 0;

	while (n-- && !err)
		err = fuse_detach_backing(l->dev, node + n, 0, 0);
	return err;
}

/* Do @n lists take what there is room for, if each takes from @min to @max bytes? */
static bool is_room(int n, size_t min, size_t max)
{
	return n * min <= SHORT_ROOM + FREE_REST &&
	       (n + 1) * max > SHORT_ROOM + FREE_REST;
}

/* 0, or the step that went wrong. */
static int fill_with_short(void *arg)
{
	struct lists *l = arg, other = *l;
	int n;

	other.dev = l->other;
	if (limit_memlock(SHORT_ROOM))
		return 1;
	n = fill_short(l, NOBODY, IN_A_PAGE);
	if (!is_room(n, IN_A_PAGE * sizeof(*l->extent), PAGE))
		return 2;
	/* whatever the mount, and however long: the last page has room for less */
	if (pend(&other, NOBODY, IN_A_PAGE) != -ENOBUFS ||
	    pend(&other, NOBODY, 2 * IN_A_PAGE) != -ENOBUFS)
		return 3;
	/* what is attached goes with its inode */
	if (pend(l, l->node, IN_A_PAGE) || fuse_detach_backing(l->dev, l->node, 0, 0))
		return 4;
	/* each that goes makes room for one, and no more */
	for (int i = 0; i < 2 * n; i++)
		if (fuse_detach_backing(l->dev, NOBODY, 0, 0) ||
		    pend(&other, NOBODY, IN_A_PAGE) ||
		    pend(l, NOBODY, IN_A_PAGE) != -ENOBUFS ||
		    fuse_detach_backing(l->other, NOBODY, 0, 0) ||
		    pend(l, NOBODY, IN_A_PAGE))
			return 5;
	/* one in place of another needs room for both, and keeps no more than its own */
	if (pend(l, NOBODY, IN_A_PAGE) != -ENOBUFS ||
	    drop_short(l, NOBODY + 1, 1))
		return 6;
	for (int i = 0; i < 2 * n; i++)
		if (pend(l, NOBODY, IN_A_PAGE))
			return 7;
	if (pend(l, NOBODY + 1, IN_A_PAGE) || pend(l, NOBODY + n, IN_A_PAGE) != -ENOBUFS)
		return 8;
	if (drop_short(l, NOBODY, n))
		return 9;
	/* the shortest, in thousands */
	n = fill_short(l, NOBODY, 1);
	if (!is_room(n, sizeof(*l->extent), 4 * sizeof(*l->extent)))
		return 10;
	return drop_short(l, NOBODY, n) ? 11 : 0;
}

/* What is charged after all this: to the page. */
static int fill_exactly(void *arg)
{
	struct lists *l = arg;
	int err = limit_memlock(ROOM * LARGEST) ?: fill_room(l);

	for (int i = 0; i < ROOM && !err; i++)
		err = fuse_detach_backing(l->dev, NOBODY + i, 0, 0);
	return err;
}

/* Lists that wait until the mount goes. */
static int leave_short(void *arg)
{
	struct lists *l = arg, other = *l;

	other.dev = l->other;
	return limit_memlock(SHORT_ROOM) ||
	       !is_room(fill_short(&other, NOBODY, IN_A_PAGE),
			IN_A_PAGE * sizeof(*l->extent), PAGE);
}

/* One that becomes an inode's. */
static int let_one_come(void *arg)
{
	struct lists *l = arg;
	struct stat st;
	int n;

	if (limit_memlock(SHORT_ROOM) || pend(l, l->node, IN_A_PAGE))
		return 1;
	n = fill_short(l, NOBODY, IN_A_PAGE);
	if (stat(SCRATCH_FUSE2 "/c", &st) || pend(l, NOBODY + n, IN_A_PAGE))
		return 2;
	if (pend(l, NOBODY + n + 1, IN_A_PAGE) != -ENOBUFS)
		return 3;
	return drop_short(l, NOBODY, n + 1) || fuse_detach_backing(l->dev, l->node, 0, 0) ?
	       4 : 0;
}

TEST_F(attach, memlock_of_short_lists)
{
	const struct creds user = { .uid = USER, .gid = USER };
	const struct rlimit none = { 0, ROOM * LARGEST };
	const struct rlimit many = { MAX, MAX };
	const struct fuse_server_opts opts = { .mountpoint = SCRATCH_FUSE2 };
	struct lists l = {
		.dev = self->dev,
		.node = self->node,
		.extent = calloc(MAX, sizeof(*l.extent)),
	};
	struct fuse_server other;
	struct lists come;

	holes(l.extent, MAX);
	ASSERT_EQ(0, prlimit(thread_find(self->srv->dev), RLIMIT_NOFILE, &many, NULL));
	for (int aborted = 0; aborted < 2; aborted++) {
		ASSERT_EQ(0, env_serve(&self->env, &other, &opts));
		ASSERT_LT(0, fuse_backing_open_path(other.fd, scratch_path("b"), O_RDONLY));
		l.other = other.fd;
		EXPECT_EQ(0, creds_call(&user, fill_with_short, &l));
		EXPECT_TRUE(rejected(self, 0, -ENOBUFS, "memlock"));
		EXPECT_EQ(0, creds_call(&user, fill_exactly, &l));
		/* not with CAP_IPC_LOCK */
		ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &none));
		for (int i = 0; i < 2 * (SHORT_ROOM + FREE_REST) / PAGE; i++)
			ASSERT_EQ(0, pend(&l, NOBODY + i, IN_A_PAGE));
		EXPECT_EQ(0, creds_call(&user, fill_exactly, &(struct lists) {
			.dev = l.other, .extent = l.extent,
		}));
		EXPECT_EQ(0, drop_short(&l, NOBODY, 2 * (SHORT_ROOM + FREE_REST) / PAGE));

		come = l;
		come.dev = other.fd;
		come.node = fuse_server_node(&other, &other.sh->file[2]);
		EXPECT_EQ(0, creds_call(&user, let_one_come, &come));
		EXPECT_EQ(0, creds_call(&user, fill_exactly, &l));

		/* what waits goes with the mount, and at the latest with the connection */
		EXPECT_EQ(0, creds_call(&user, leave_short, &l));
		EXPECT_NE(0, creds_call(&user, fill_exactly, &l));
		if (aborted) {
			ASSERT_EQ(0, fuse_server_abort(&other));
			EXPECT_TRUE(wait_until(!creds_call(&user, fill_exactly, &l)));
		}
		fuse_server_stop(&other);
		EXPECT_TRUE(wait_until(!creds_call(&user, fill_exactly, &l)));
	}
	free(l.extent);
}

/* An extent in each of as many files as there may be. */
static int fill_with_files(void *arg)
{
	const struct lists *l = arg;
	int n;

	if (limit_memlock(SHORT_ROOM))
		return 1;
	n = fill_short(l, NOBODY, FILES);
	/* the array is as long as the list, and not what is allocated for it */
	if (!is_room(n, FILES * 2 * sizeof(*l->extent), 2 * PAGE) ||
	    n > (SHORT_ROOM + FREE_REST) / (PAGE + PAGE / 2))
		return 2;
	/* together more than a page: an inode's, too */
	if (pend(l, l->node, FILES) != -ENOBUFS || pend(l, l->node, 1))
		return 3;
	/* one that is refused for its last file */
	l->extent[FILES - 1].backing_id = MAX;
	for (int i = 0; i < n; i++)
		if (pend(l, l->node, FILES) != -ENOENT)
			return 4;
	return fuse_backing_close_all(l->dev) ? 5 : 0;
}

TEST_F(attach, memlock_of_files)
{
	const struct creds user = { .uid = USER, .gid = USER };
	struct lists l = {
		.dev = self->dev,
		.node = self->node,
		.extent = calloc(MAX, sizeof(*l.extent)),
	};

	for (int i = 0; i < FILES; i++)
		l.extent[i] = (struct fuse_backing_extent) {
			i, 1, 0, env_register(&self->env, "b", O_RDONLY), 0
		};
	EXPECT_EQ(0, creds_call(&user, fill_with_files, &l));
	holes(l.extent, MAX);
	EXPECT_EQ(0, creds_call(&user, fill_exactly, &l));
	free(l.extent);
}

TEST_HARNESS_MAIN
