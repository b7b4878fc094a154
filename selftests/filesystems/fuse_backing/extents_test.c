// SPDX-License-Identifier: GPL-2.0
/*
 * The bytes of a FUSE file are ranges of an image.
 *
 * Proves: what is read, spliced, mapped, or read asynchronously is what the
 * extents say, at each of their edges, and never a byte of a neighbour; what is
 * written lands in a writable extent or at the server, never makes an image
 * longer, and is seen by whoever has the file open or mapped; extents are replaced
 * under load; the server is asked for nothing but what is in no extent.
 *
 * Each test fails if the server sees a handle that it never gave out.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "harness.h"

#include "async_io.h"
#include "backing_ioctl.h"
#include "env.h"
#include "reject_trace.h"
#include "wait_until.h"

#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define HOLE		FUSE_BACKING_EXTENT_HOLE
#define WRITE		FUSE_BACKING_EXTENT_WRITE
#define IMAGE_SIZE	(4 * FILE_SIZE)
#define IMAGE		"image"
#define OTHER		"c"		/* another image */
#define SERVER_FROM	10000		/* what is in no extent */
#define SERVER_TO	20000

FIXTURE(extents) {
	struct env env;
	struct fuse_server *srv;
	__u64 node;	/* of "a" */
	int dev;
	int image;	/* ids */
	int other;
	char *want;
	char *got;
	char *image_bytes;
	char *other_bytes;
};

FIXTURE_VARIANT(extents) {
	enum scratch_fs fs;
};

FIXTURE_VARIANT_ADD(extents, tmpfs) {
	.fs = SCRATCH_TMPFS,
};

FIXTURE_VARIANT_ADD(extents, ext4) {
	.fs = SCRATCH_EXT4,
};

FIXTURE_SETUP(extents)
{
	struct stat st;

	if (!env_start(_metadata, &self->env, variant->fs))
		return;
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
	self->node = fuse_server_node(self->srv, &self->srv->sh->file[0]);
	self->want = malloc(FILE_SIZE);
	self->got = malloc(FILE_SIZE + 1);
	self->image_bytes = malloc(IMAGE_SIZE);
	self->other_bytes = malloc(FILE_SIZE);
	ASSERT_EQ(0, scratch_file(IMAGE, IMAGE_SIZE, 77));
	scratch_pattern(self->image_bytes, IMAGE_SIZE, 77);
	scratch_pattern(self->other_bytes, FILE_SIZE, 2);
	scratch_pattern(self->want, FILE_SIZE, 0);
	self->image = env_register(&self->env, IMAGE, O_RDWR);
	self->other = env_register(&self->env, OTHER, O_RDWR);
	ASSERT_LT(0, self->image);
	ASSERT_LT(0, self->other);
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/a", &st));
	ASSERT_EQ(FILE_SIZE, st.st_size);
}

FIXTURE_TEARDOWN(extents)
{
	EXPECT_EQ(0, self->srv->sh->bad_fh)
		TH_LOG("opcode %u", self->srv->sh->bad_op);
	env_teardown(&self->env);
	free(self->want);
	free(self->got);
	free(self->image_bytes);
	free(self->other_bytes);
}

#define self_t FIXTURE_DATA(extents)

/* What the client is to see of an extent. */
static void expect_extent(self_t *self, const struct fuse_backing_extent *e)
{
	size_t len = e->length;

	if (e->offset + len > FILE_SIZE)
		len = FILE_SIZE - e->offset;
	if (e->flags & HOLE)
		memset(self->want + e->offset, 0, len);
	else
		memcpy(self->want + e->offset,
		       (e->backing_id == self->image ? self->image_bytes :
						       self->other_bytes) +
		       e->backing_offset, len);
}

static int set(self_t *self, const struct fuse_backing_extent *extent,
	       int count, __u32 flags)
{
	int err = fuse_backing_set_extents(self->dev, self->node, extent, count,
					   flags);

	for (int i = 0; !err && i < count; i++)
		expect_extent(self, &extent[i]);
	return err;
}

/*
 * Of each kind: at the start and the end of either file, odd and even, next to each
 * other and not, across the end of the file. [10000, 20000) is the server's unless
 * @whole.
 */
static int set_typical(self_t *self, __u32 extent_flags, bool whole)
{
	struct fuse_backing_extent extent[] = {
		{ 0, 512, 1024, self->image, extent_flags },
		{ 512, 3584, 0, 0, HOLE },
		{ 4096, SERVER_FROM - 4096, 513, self->image, extent_flags },
		{ SERVER_FROM, SERVER_TO - SERVER_FROM, 0, self->other,
		  extent_flags },
		{ SERVER_TO, 10000, IMAGE_SIZE - 10000, self->image,
		  extent_flags },
		{ 30000, 1, FILE_SIZE - 1, self->other, extent_flags },
		{ 30001, 9999, 0, 0, HOLE },
		{ 40000, FILE_SIZE - 40000 + 1234, 100001, self->image,
		  extent_flags },
	};

	if (!whole) {
		memmove(&extent[3], &extent[4], 4 * sizeof(extent[0]));
		return set(self, extent, 7, BOTH);
	}
	return set(self, extent, 8, BOTH);
}

static const off_t edges[] = {
	0, 511, 512, 513, 4095, 4096, 4097, 8191, 8192, 9999, 10000, 10001,
	19999, 20000, 20001, 20480, 29999, 30000, 30001, 39999, 40000, 40001,
	FILE_SIZE - 4097, FILE_SIZE - 4096, FILE_SIZE - 512, FILE_SIZE - 1,
	FILE_SIZE,
};

static const size_t lengths[] = { 1, 2, 3, 511, 512, 513, 4095, 4096, 4097,
				  10000, FILE_SIZE };

#define NR(array)	(sizeof(array) / sizeof((array)[0]))

static int open_a(self_t *self, int flags)
{
	return fuse_server_open(self->srv, "a", flags);
}

/* All that a read from @pos on can return */
static ssize_t most(off_t pos, size_t len)
{
	if (pos >= FILE_SIZE)
		return 0;
	return pos + len > FILE_SIZE ? FILE_SIZE - pos : (off_t)len;
}

static __u32 asked(const struct fuse_server *srv)
{
	return fuse_server_ops(srv, FUSE_OPEN) +
	       fuse_server_ops(srv, FUSE_FLUSH) +
	       fuse_server_ops(srv, FUSE_RELEASE) +
	       fuse_server_data_ops(srv);
}

/* Read all of it in pieces that start and end at each edge */
static void check_edges(struct __test_metadata *_metadata, self_t *self, int fd)
{
	for (unsigned int i = 0; i < NR(edges); i++)
		for (unsigned int j = 0; j < NR(lengths); j++) {
			off_t pos = edges[i];
			size_t len = most(pos, lengths[j]);

			memset(self->got, 0xee, len + 1);
			ASSERT_EQ((ssize_t)len,
				  pread(fd, self->got, lengths[j], pos))
				TH_LOG("%zu at %ld", lengths[j], pos);
			ASSERT_EQ(0, memcmp(self->got, self->want + pos, len))
				TH_LOG("%zu at %ld", lengths[j], pos);
			ASSERT_EQ((char)0xee, self->got[len]);
		}
}

TEST_F(extents, edges)
{
	int fd;

	ASSERT_EQ(0, set_typical(self, 0, true));
	fd = open_a(self, O_RDONLY);
	ASSERT_LE(0, fd);
	check_edges(_metadata, self, fd);
	close(fd);
	EXPECT_EQ(0, asked(self->srv));
}

TEST_F(extents, edges_beside_the_server)
{
	__u32 requests;
	int fd;

	ASSERT_EQ(0, set_typical(self, 0, false));
	fd = open_a(self, O_RDONLY);
	ASSERT_LE(0, fd);
	/* up to where it begins, and from where it ends */
	EXPECT_EQ(SERVER_FROM, pread(fd, self->got, SERVER_FROM, 0));
	EXPECT_EQ(100, pread(fd, self->got, 100, SERVER_TO));
	EXPECT_EQ(0, asked(self->srv));
	EXPECT_EQ(1, pread(fd, self->got, 1, SERVER_TO - 1));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_OPEN));
	requests = fuse_server_data_ops(self->srv);
	EXPECT_EQ(1, requests);
	check_edges(_metadata, self, fd);
	/* opened once */
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_OPEN));
	close(fd);
	EXPECT_TRUE(wait_until(fuse_server_ops(self->srv, FUSE_RELEASE) == 1));
}

TEST_F(extents, vectors)
{
	struct iovec iov[4];
	char *at = self->got;
	int fd;

	ASSERT_EQ(0, set_typical(self, 0, true));
	fd = open_a(self, O_RDONLY);
	for (int i = 0; i < 4; i++) {
		iov[i].iov_base = at;
		iov[i].iov_len = i < 3 ? 333 + i * 4001 : 1000;
		at += iov[i].iov_len;
	}
	ASSERT_EQ(at - self->got, preadv(fd, iov, 4, 300));
	EXPECT_EQ(0, memcmp(self->got, self->want + 300, at - self->got));
	/* the position is the client's */
	EXPECT_EQ(0, lseek(fd, 0, SEEK_CUR));
	ASSERT_EQ(FILE_SIZE, read(fd, self->got, FILE_SIZE));
	EXPECT_EQ(FILE_SIZE, lseek(fd, 0, SEEK_CUR));
	EXPECT_EQ(0, read(fd, self->got, 1));
	close(fd);
	EXPECT_EQ(0, asked(self->srv));
}

static bool drain(int from, char *buf, size_t len)
{
	while (len) {
		ssize_t n = read(from, buf, len);

		if (n <= 0)
			return false;
		buf += n;
		len -= n;
	}
	return true;
}

TEST_F(extents, splice)
{
	int pipefd[2], fd;
	loff_t pos;

	ASSERT_EQ(0, set_typical(self, 0, true));
	fd = open_a(self, O_RDONLY);
	ASSERT_EQ(0, pipe(pipefd));
	for (unsigned int i = 0; i < NR(edges); i++) {
		ssize_t n;

		pos = edges[i];
		n = splice(fd, &pos, pipefd[1], NULL, 8192, 0);
		if (edges[i] == FILE_SIZE) {
			EXPECT_EQ(0, n);
			continue;
		}
		ASSERT_LT(0, n);
		ASSERT_EQ(edges[i] + n, pos);
		ASSERT_TRUE(drain(pipefd[0], self->got, n));
		ASSERT_EQ(0, memcmp(self->got, self->want + edges[i], n))
			TH_LOG("%zd at %ld", n, edges[i]);
	}
	close(pipefd[0]);
	close(pipefd[1]);
	close(fd);
	EXPECT_EQ(0, asked(self->srv));
}

TEST_F(extents, sendfile)
{
	int fd, to = memfd_create("to", 0);
	off_t pos = 0;

	ASSERT_EQ(0, set_typical(self, 0, false));
	fd = open_a(self, O_RDONLY);
	while (pos < FILE_SIZE) {
		ASSERT_LT(0, sendfile(to, fd, &pos, FILE_SIZE));
	}
	ASSERT_EQ(FILE_SIZE, pread(to, self->got, FILE_SIZE, 0));
	EXPECT_EQ(0, memcmp(self->got, self->want, FILE_SIZE));
	close(to);
	close(fd);
}

TEST_F(extents, copy_file_range)
{
	int fd, to = fuse_server_open(self->srv, "b", O_WRONLY);
	loff_t pos = 0;

	ASSERT_EQ(0, set_typical(self, 0, true));
	fd = open_a(self, O_RDONLY);
	while (pos < FILE_SIZE) {
		ASSERT_LT(0, copy_file_range(fd, &pos, to, NULL, FILE_SIZE, 0));
	}
	close(to);
	close(fd);
	EXPECT_EQ(0, scratch_compare("b", self->want, FILE_SIZE, 0));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_READ));
}

static void check_async(struct __test_metadata *_metadata, self_t *self,
			async_rw *rw)
{
	int fd = open_a(self, O_RDONLY);

	for (unsigned int i = 0; i < NR(edges); i++) {
		ssize_t len = most(edges[i], 5000);
		ssize_t n = rw(fd, self->got, 5000, edges[i], false);

		if (n == -EOPNOTSUPP)
			SKIP(return, "not in this kernel");
		ASSERT_EQ(len, n) TH_LOG("at %ld", edges[i]);
		ASSERT_EQ(0, memcmp(self->got, self->want + edges[i], len));
	}
	close(fd);
	EXPECT_EQ(0, asked(self->srv));
}

TEST_F(extents, aio)
{
	ASSERT_EQ(0, set_typical(self, 0, true));
	check_async(_metadata, self, aio_rw);
}

TEST_F(extents, uring)
{
	ASSERT_EQ(0, set_typical(self, 0, true));
	check_async(_metadata, self, uring_rw);
}

/* Where the image is on tmpfs, any alignment will do for direct I/O. */
TEST_F(extents, direct)
{
	struct fuse_backing_extent extent[] = {
		{ 0, 8192, 4096, self->image, WRITE },
		{ 8192, 1000, 65536, self->image, WRITE },
	};
	char *buf = aligned_alloc(4096, 16384);
	struct stat st;
	int fd;

	/* what comes after it is nobody's */
	ASSERT_EQ(0, truncate(SCRATCH_FUSE "/a", 9192));
	ASSERT_EQ(0, fuse_backing_set_extents(self->dev, self->node, extent, 2,
					      BOTH));
	expect_extent(self, &extent[0]);
	expect_extent(self, &extent[1]);
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/a", &st));
	ASSERT_EQ(9192, st.st_size);
	fd = open_a(self, O_RDWR | O_DIRECT);
	ASSERT_LE(0, fd);

	/* in one extent, synchronously or not */
	ASSERT_EQ(4096, pread(fd, buf, 4096, 4096));
	EXPECT_EQ(0, memcmp(buf, self->want + 4096, 4096));
	ASSERT_EQ(4096, aio_rw(fd, buf, 4096, 0, false));
	EXPECT_EQ(0, memcmp(buf, self->want, 4096));
	/* the tail is not aligned, and shows no neighbour */
	memset(buf, 0xee, 16384);
	ASSERT_EQ(1000, pread(fd, buf, 4096, 8192));
	EXPECT_EQ(0, memcmp(buf, self->want + 8192, 1000));
	EXPECT_EQ((char)0xee, buf[1000]);
	ASSERT_EQ(1000, aio_rw(fd, buf, 4096, 8192, false));
	/* across */
	ASSERT_EQ(9192, pread(fd, buf, 16384, 0));
	EXPECT_EQ(0, memcmp(buf, self->want, 9192));
	/* and written */
	memset(buf, 'x', 4096);
	ASSERT_EQ(4096, aio_rw(fd, buf, 4096, 4096, true));
	EXPECT_EQ(0, scratch_compare(IMAGE, buf, 4096, 8192));
	EXPECT_EQ(0, scratch_compare(IMAGE, self->image_bytes + 12288, 4096,
				     12288));
	close(fd);
	free(buf);
	EXPECT_EQ(0, asked(self->srv));
}

static int seen(const char *map, const char *want, size_t len)
{
	return memcmp(map, want, len);
}

TEST_F(extents, mmap)
{
	__u32 requests;
	char *map;
	int fd;

	ASSERT_EQ(0, set_typical(self, 0, true));
	fd = open_a(self, O_RDWR);
	for (int shared = 0; shared < 2; shared++) {
		map = mmap(NULL, FILE_SIZE, PROT_READ,
			   shared ? MAP_SHARED : MAP_PRIVATE, fd, 0);
		ASSERT_NE(MAP_FAILED, map);
		EXPECT_EQ(0, seen(map, self->want, FILE_SIZE));
		/* nor can it be made writable if it is shared */
		EXPECT_EQ(shared ? -1 : 0,
			  mprotect(map, FILE_SIZE, PROT_READ | PROT_WRITE));
		if (!shared) {
			memset(map, 0, FILE_SIZE);
			EXPECT_EQ(0, scratch_compare(IMAGE, self->image_bytes,
						     IMAGE_SIZE, 0));
		}
		munmap(map, FILE_SIZE);
	}
	EXPECT_EQ(MAP_FAILED, mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_SHARED, fd, 0));
	EXPECT_EQ(ENODEV, errno);
	requests = fuse_server_data_ops(self->srv);
	EXPECT_EQ(0, requests);
	close(fd);
}

/* A page that is partly the server's */
TEST_F(extents, mmap_beside_the_server)
{
	char *map;
	int fd;

	ASSERT_EQ(0, set_typical(self, 0, false));
	fd = open_a(self, O_RDONLY);
	map = mmap(NULL, FILE_SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, seen(map, self->want, FILE_SIZE));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_OPEN));
	munmap(map, FILE_SIZE);
	close(fd);
}

/* Behind the end of the file is nothing, whatever the image has there */
TEST_F(extents, mmap_of_the_end)
{
	struct fuse_backing_extent extent = {
		0, 100000, 100, self->image, 0
	};
	struct stat st;
	char *map, *all;
	int fd;

	ASSERT_EQ(0, truncate(SCRATCH_FUSE "/a", 5000));
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/a", &st));
	ASSERT_EQ(5000, st.st_size);
	ASSERT_EQ(0, fuse_backing_set_extents(self->dev, self->node, &extent, 1,
					      BOTH));
	fd = open_a(self, O_RDONLY);
	map = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, seen(map, self->image_bytes + 100, 5000));
	for (int i = 5000; i < 8192; i++) {
		ASSERT_EQ(0, map[i]);
	}
	/* nor can the mapping be moved or made longer to reach it */
	all = mremap(map, 8192, 65536, MREMAP_MAYMOVE);
	if (all != MAP_FAILED) {
		EXPECT_EQ(0, seen(all, self->image_bytes + 100, 5000));
		map = all;
	}
	munmap(map, 65536);
	EXPECT_EQ(5000, pread(fd, self->got, FILE_SIZE, 0));
	EXPECT_EQ(0, pread(fd, self->got, 1, 5000));
	close(fd);
	EXPECT_EQ(0, asked(self->srv));
}

/* How the server opened the image is not how clients opened their files. */
TEST_F(extents, image_opened_for_direct_io)
{
	struct fuse_backing_extent extent = { 0, FILE_SIZE, 513, 0, WRITE };
	int direct = env_register(&self->env, IMAGE,
				  O_RDWR | O_DIRECT | O_SYNC);
	int fd, pipefd[2];
	loff_t pos = 3;
	char *map;

	ASSERT_LT(0, direct);
	extent.backing_id = direct;
	ASSERT_EQ(0, fuse_backing_set_extents(self->dev, self->node, &extent, 1,
					      BOTH));
	memcpy(self->want, self->image_bytes + 513, FILE_SIZE);
	fd = open_a(self, O_RDWR);
	ASSERT_LE(0, fd);
	check_edges(_metadata, self, fd);
	ASSERT_EQ(0, pipe(pipefd));
	EXPECT_EQ(1000, splice(fd, &pos, pipefd[1], NULL, 1000, 0));
	EXPECT_EQ(1003, pos);
	ASSERT_TRUE(drain(pipefd[0], self->got, 1000));
	EXPECT_EQ(0, memcmp(self->got, self->want + 3, 1000));
	map = mmap(NULL, FILE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, seen(map, self->want, FILE_SIZE));
	EXPECT_EQ(3, pwrite(fd, "www", 3, 5));
	EXPECT_EQ(0, memcmp(map + 5, "www", 3));
	munmap(map, FILE_SIZE);
	close(pipefd[0]);
	close(pipefd[1]);
	close(fd);
	EXPECT_EQ(0, asked(self->srv));
}

/* What is behind the end when it moves on is the server's, in mappings, too. */
TEST_F(extents, end_moves_on)
{
	struct fuse_backing_extent extent = {
		0, FILE_SIZE, 100, self->image, 0
	};
	char *map;
	int fd;

	ASSERT_EQ(0, truncate(SCRATCH_FUSE "/a", 5000));
	ASSERT_EQ(0, fuse_backing_set_extents(self->dev, self->node, &extent, 1,
					      BOTH));
	fd = open_a(self, O_RDWR);
	ASSERT_LE(0, fd);
	map = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(self->image_bytes[100 + 4999], map[4999]);
	EXPECT_EQ(0, map[5000]);
	EXPECT_EQ(1, pwrite(fd, "x", 1, 20000));
	memset(self->image_bytes + 100 + 5000, 0, 8192 - 5000);
	EXPECT_EQ(8192, pread(fd, self->got, 8192, 0));
	EXPECT_EQ(0, memcmp(self->got, self->image_bytes + 100, 8192));
	EXPECT_EQ(0, seen(map, self->image_bytes + 100, 8192));
	munmap(map, 8192);
	close(fd);
}

static bool image_is(const char *bytes)
{
	return !scratch_compare(IMAGE, bytes, IMAGE_SIZE, 0) &&
	       scratch_size(IMAGE) == IMAGE_SIZE;
}

TEST_F(extents, write)
{
	struct fuse_backing_extent extent[] = {
		{ 0, 1000, 5000, self->image, WRITE },
		{ 1000, 1000, 3000, self->image, WRITE },
		{ 2000, 1000, 9000, self->image, 0 },
		{ 3000, 1096, 0, 0, HOLE },
	};
	char *map, byte;
	int fd;

	ASSERT_EQ(0, set(self, extent, 4, BOTH));
	fd = open_a(self, O_RDWR);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, seen(map, self->want, 4000));

	/* the edges of the first two, and across */
	memset(self->got, 'w', 2000);
	EXPECT_EQ(1, pwrite(fd, self->got, 1, 0));
	EXPECT_EQ(1, pwrite(fd, self->got, 1, 1999));
	EXPECT_EQ(20, pwrite(fd, self->got, 20, 990));
	memset(self->want, 'w', 1);
	memset(self->want + 1999, 'w', 1);
	memset(self->want + 990, 'w', 20);
	memset(self->image_bytes + 5000, 'w', 1);
	memset(self->image_bytes + 3999, 'w', 1);
	memset(self->image_bytes + 5990, 'w', 10);
	memset(self->image_bytes + 3000, 'w', 10);
	EXPECT_TRUE(image_is(self->image_bytes));
	EXPECT_EQ(0, seen(map, self->want, 4000));
	EXPECT_EQ(4000, pread(fd, self->got, 4000, 0));
	EXPECT_EQ(0, memcmp(self->got, self->want, 4000));

	/* a write ends where it may not go on */
	memset(self->got, 'v', 100);
	EXPECT_EQ(50, pwrite(fd, self->got, 100, 1950));
	memset(self->image_bytes + 3950, 'v', 50);
	EXPECT_EQ(-1, pwrite(fd, &byte, 1, 2000));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(-1, pwrite(fd, &byte, 1, 3999));
	EXPECT_EQ(EPERM, errno);
	EXPECT_TRUE(image_is(self->image_bytes));
	EXPECT_EQ(0, msync(map, 4096, MS_SYNC));
	EXPECT_EQ(0, asked(self->srv));
	/* what is in no extent may have been written before */
	EXPECT_EQ(0, fsync(fd));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_FSYNC));
	munmap(map, 4096);
	close(fd);
}

/* What is in another image has no part in it */
TEST_F(extents, msync_of_a_part)
{
	struct fuse_backing_extent extent[] = {
		{ 0, 4096, 0, self->image, WRITE },
		{ 4096, 4096, 0, self->other, WRITE },
	};
	char *map;
	int fd;

	ASSERT_EQ(0, set(self, extent, 2, BOTH));
	fd = open_a(self, O_RDWR);
	map = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(2, pwrite(fd, "ab", 2, 4095));
	EXPECT_EQ(0, msync(map, 4096, MS_SYNC));
	EXPECT_EQ(0, msync(map + 4096, 4096, MS_SYNC));
	EXPECT_EQ(0, scratch_compare(IMAGE, "a", 1, 4095));
	EXPECT_EQ(0, scratch_compare(OTHER, "b", 1, 0));
	EXPECT_EQ(0, asked(self->srv));
	munmap(map, 8192);
	close(fd);
}

TEST_F(extents, write_aio)
{
	struct fuse_backing_extent extent[] = {
		{ 0, 5000, 100, self->image, WRITE },
		{ 5000, 5000, 10000, self->image, WRITE },
	};
	int fd;

	ASSERT_EQ(0, set(self, extent, 2, BOTH));
	fd = open_a(self, O_RDWR);
	memset(self->got, 'a', 1000);
	ASSERT_EQ(1000, aio_rw(fd, self->got, 1000, 4500, true));
	memset(self->image_bytes + 4600, 'a', 500);
	memset(self->image_bytes + 10000, 'a', 500);
	EXPECT_TRUE(image_is(self->image_bytes));
	close(fd);
	EXPECT_EQ(0, asked(self->srv));
}

/* What makes a file longer, and what is in no extent, is the server's */
TEST_F(extents, write_to_the_server)
{
	struct stat st;
	int fd;

	ASSERT_EQ(0, set_typical(self, WRITE, false));
	fd = open_a(self, O_RDWR);
	memset(self->got, 's', 300);
	/* before, in and behind: three parts, of which the server gets one */
	ASSERT_EQ(200, pwrite(fd, self->got, 200, SERVER_FROM - 100));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_OPEN));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_WRITE));
	EXPECT_EQ(0, scratch_compare("a", self->got, 100, SERVER_FROM));
	memset(self->image_bytes + 513 + SERVER_FROM - 4096 - 100, 's', 100);
	EXPECT_TRUE(image_is(self->image_bytes));
	memset(self->want + SERVER_FROM - 100, 's', 200);

	/* the extent goes on behind the end of the file; the write doesn't there */
	ASSERT_EQ(300, pwrite(fd, self->got, 300, FILE_SIZE - 100));
	memset(self->image_bytes + 100001 + FILE_SIZE - 100 - 40000, 's', 100);
	EXPECT_TRUE(image_is(self->image_bytes));
	EXPECT_EQ(0, scratch_compare("a", self->got, 200, FILE_SIZE));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(FILE_SIZE + 200, st.st_size);
	close(fd);

	fd = open_a(self, O_WRONLY | O_APPEND);
	ASSERT_EQ(300, write(fd, self->got, 300));
	EXPECT_EQ(0, scratch_compare("a", self->got, 300, FILE_SIZE + 200));
	EXPECT_TRUE(image_is(self->image_bytes));
	close(fd);
}

/* The image was cut off: no zeros, and no end of file that there isn't */
TEST_F(extents, short_image)
{
	struct fuse_backing_extent extent = {
		0, FILE_SIZE, IMAGE_SIZE - FILE_SIZE, self->image, WRITE
	};
	struct reject_trace trace;
	int fd, pipefd[2];
	loff_t pos;

	ASSERT_EQ(0, set(self, &extent, 1, BOTH));
	ASSERT_EQ(0, pipe(pipefd));
	fd = open_a(self, O_RDWR);
	ASSERT_EQ(0, reject_trace_start(&trace));
	ASSERT_EQ(0, truncate(scratch_path(IMAGE), IMAGE_SIZE - 1000));
	EXPECT_EQ(FILE_SIZE - 1000, pread(fd, self->got, FILE_SIZE, 0));
	EXPECT_EQ(0, memcmp(self->got, self->want, FILE_SIZE - 1000));
	EXPECT_EQ(-1, pread(fd, self->got, 1, FILE_SIZE - 1000));
	EXPECT_EQ(EIO, errno);
	EXPECT_TRUE(reject_trace_has(&trace, self->srv->dev, self->image, -EIO,
				     "short-file"));
	pos = FILE_SIZE - 1000;
	EXPECT_EQ(-1, splice(fd, &pos, pipefd[1], NULL, 1, 0));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-EIO, aio_rw(fd, self->got, 1, FILE_SIZE - 1000, false));
	/* nor is it made longer again */
	EXPECT_EQ(100, pwrite(fd, self->got, 200, FILE_SIZE - 1100));
	EXPECT_EQ(-1, pwrite(fd, self->got, 1, FILE_SIZE - 1000));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(IMAGE_SIZE - 1000, scratch_size(IMAGE));
	/* all of it at the backing filesystem, which may complete it later */
	ASSERT_EQ(0, fcntl(fd, F_SETFL, O_DIRECT));
	EXPECT_EQ(-EIO, aio_rw(fd, self->got, 1, FILE_SIZE - 1, false));
	reject_trace_stop(&trace);
	close(pipefd[0]);
	close(pipefd[1]);
	close(fd);
	EXPECT_EQ(0, asked(self->srv));
}

static sigjmp_buf bus;

static void on_sigbus(int sig)
{
	(void)sig;
	siglongjmp(bus, 1);
}

/* Or -EFAULT for one that can't be read */
static int byte_at(const char *address)
{
	return sigsetjmp(bus, 1) ? -EFAULT : (unsigned char)*address;
}

TEST_F(extents, short_image_mapped)
{
	struct fuse_backing_extent extent = {
		0, FILE_SIZE, 0, self->image, 0
	};
	char *map;
	int fd;

	ASSERT_EQ(0, set(self, &extent, 1, BOTH));
	fd = open_a(self, O_RDONLY);
	map = mmap(NULL, FILE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, truncate(scratch_path(IMAGE), 8192));
	signal(SIGBUS, on_sigbus);
	EXPECT_EQ(self->want[0], map[0]);
	EXPECT_EQ(-EFAULT, byte_at(&map[FILE_SIZE - 1]));
	signal(SIGBUS, SIG_DFL);
	munmap(map, FILE_SIZE);
	close(fd);
}

TEST_F(extents, near_the_largest_offset)
{
	const __u64 max = LLONG_MAX;
	struct fuse_backing_extent extent[] = {
		{ 0, 1, 0, self->image, 0 },
		{ max - 10, 10, 7, self->image, 0 },
	};
	int fd;

	EXPECT_EQ(0, set(self, extent, 1, BOTH));
	EXPECT_EQ(0, fuse_backing_set_extents(self->dev, self->node, extent, 2,
					      BOTH));
	extent[1].offset++;
	EXPECT_EQ(-EINVAL, fuse_backing_set_extents(self->dev, self->node,
						    extent, 2, BOTH));
	extent[1].length = ~0ULL;
	EXPECT_EQ(-EINVAL, fuse_backing_set_extents(self->dev, self->node,
						    extent, 2, BOTH));
	fd = open_a(self, O_RDONLY);
	EXPECT_EQ(1, pread(fd, self->got, 1, 0));
	EXPECT_EQ(self->want[0], self->got[0]);
	EXPECT_EQ(0, pread(fd, self->got, 1, LLONG_MAX - 5));
	EXPECT_EQ(0, asked(self->srv));
	close(fd);
}

/* Each block of the file somewhere else in the image */
TEST_F(extents, many)
{
	const int block = 16, count = FILE_SIZE / block;
	struct fuse_backing_extent *extent = calloc(count, sizeof(*extent));
	int fd;

	for (int i = 0; i < count; i++)
		extent[i] = (struct fuse_backing_extent) {
			.offset = i * block,
			.length = block,
			.backing_offset = (i * 7919L % count) * block * 4,
			.backing_id = self->image,
		};
	ASSERT_EQ(0, set(self, extent, count, FUSE_BACKING_READ));
	fd = open_a(self, O_RDONLY);
	ASSERT_EQ(FILE_SIZE, pread(fd, self->got, FILE_SIZE, 0));
	EXPECT_EQ(0, memcmp(self->got, self->want, FILE_SIZE));
	EXPECT_EQ(100, pread(fd, self->got, 100, 12345));
	EXPECT_EQ(0, memcmp(self->got, self->want + 12345, 100));
	close(fd);
	free(extent);
	EXPECT_EQ(0, asked(self->srv));
}

TEST_F(extents, seek)
{
	int fd;

	ASSERT_EQ(0, set_typical(self, 0, false));
	fd = open_a(self, O_RDONLY);
	EXPECT_EQ(0, lseek(fd, 0, SEEK_DATA));
	EXPECT_EQ(512, lseek(fd, 0, SEEK_HOLE));
	EXPECT_EQ(600, lseek(fd, 600, SEEK_HOLE));
	EXPECT_EQ(4096, lseek(fd, 600, SEEK_DATA));
	/* what the server has counts as data */
	EXPECT_EQ(15000, lseek(fd, 15000, SEEK_DATA));
	EXPECT_EQ(30001, lseek(fd, 4096, SEEK_HOLE));
	EXPECT_EQ(40000, lseek(fd, 30001, SEEK_DATA));
	EXPECT_EQ(FILE_SIZE, lseek(fd, 40000, SEEK_HOLE));
	EXPECT_EQ(-1, lseek(fd, FILE_SIZE, SEEK_DATA));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(123, lseek(fd, 123, SEEK_SET));
	EXPECT_EQ(FILE_SIZE - 1, lseek(fd, -1, SEEK_END));
	close(fd);
	EXPECT_EQ(0, asked(self->srv));
}

TEST_F(extents, other_operations)
{
	int fd;

	ASSERT_EQ(0, set_typical(self, WRITE, true));
	fd = open_a(self, O_RDWR);
	EXPECT_EQ(-1, fallocate(fd, 0, 0, 4096));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(0, posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED));
	EXPECT_EQ(0, posix_fadvise(fd, 100, 9000, POSIX_FADV_DONTNEED));
	EXPECT_EQ(0, posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM));
	EXPECT_EQ(EINVAL, posix_fadvise(fd, 0, 0, 99));
	EXPECT_EQ(0, fdatasync(fd));
	EXPECT_EQ(0, asked(self->srv));
	close(fd);
}

/* Who has spliced a page doesn't see what its place is used for later */
TEST_F(extents, spliced_and_replaced)
{
	struct fuse_backing_extent extent = { 0, 4096, 8192, self->image, 0 };
	int pipefd[2], fd, image;
	loff_t pos = 0;

	ASSERT_EQ(0, set(self, &extent, 1, BOTH));
	fd = open_a(self, O_RDONLY);
	ASSERT_EQ(0, pipe(pipefd));
	ASSERT_EQ(4096, splice(fd, &pos, pipefd[1], NULL, 4096, 0));
	extent.backing_offset = 65536;
	ASSERT_EQ(0, fuse_backing_set_extents(self->dev, self->node, &extent, 1,
					      BOTH));
	image = open(scratch_path(IMAGE), O_WRONLY);
	memset(self->got, '!', 4096);
	ASSERT_EQ(4096, pwrite(image, self->got, 4096, 8192));
	close(image);
	ASSERT_TRUE(drain(pipefd[0], self->got, 4096));
	EXPECT_EQ(0, memcmp(self->got, self->want, 4096));
	close(pipefd[0]);
	close(pipefd[1]);
	close(fd);
}

/* Memory that is part of the same image can be written to it */
TEST_F(extents, write_what_is_mapped)
{
	struct fuse_backing_extent extent[] = {
		{ 0, 4096, 0, self->image, WRITE },
		{ 4096, 200 * 100, 100001, self->image, 0 },
	};
	char *map;
	int fd;

	ASSERT_EQ(0, set(self, extent, 2, BOTH));
	fd = open_a(self, O_RDWR);
	map = mmap(NULL, FILE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(4096, pwrite(fd, map + 4096, 4096, 0));
	EXPECT_EQ(0, memcmp(map, self->image_bytes + 100001, 4096));
	/* and onto itself */
	ASSERT_EQ(4000, pwrite(fd, map, 4000, 96));
	EXPECT_EQ(0, memcmp(map + 96, self->image_bytes + 100001, 4000));
	munmap(map, FILE_SIZE);
	close(fd);
	EXPECT_EQ(0, asked(self->srv));
}

/* A write that has to wait for a page of the same file, which is the server's */
TEST_F(extents, write_what_the_server_has)
{
	struct fuse_backing_extent extent = {
		0, 4096, 0, self->image, WRITE
	};
	char *map;
	int fd;

	ASSERT_EQ(0, set(self, &extent, 1, BOTH));
	fd = open_a(self, O_RDWR);
	map = mmap(NULL, FILE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	/* into an extent, and to the server */
	ASSERT_EQ(4096, pwrite(fd, map + 8192, 4096, 0));
	ASSERT_EQ(4096, pwrite(fd, map + 16384, 4096, 32768));
	EXPECT_EQ(0, memcmp(map, map + 8192, 4096));
	EXPECT_EQ(0, memcmp(map + 32768, map + 16384, 4096));
	munmap(map, FILE_SIZE);
	close(fd);
}

/* What is appended goes behind what others have appended, at the server */
TEST_F(extents, append_where_extents_go_on)
{
	struct fuse_backing_extent extent = {
		0, IMAGE_SIZE, 0, self->image, WRITE
	};
	int one, two;

	ASSERT_EQ(0, set(self, &extent, 1, BOTH));
	one = open_a(self, O_WRONLY | O_APPEND);
	two = open_a(self, O_WRONLY | O_APPEND);
	EXPECT_EQ(3, write(one, "one", 3));
	EXPECT_EQ(3, write(two, "two", 3));
	EXPECT_EQ(0, scratch_compare("a", "onetwo", 6, FILE_SIZE));
	EXPECT_EQ(0, scratch_compare(IMAGE, self->image_bytes, IMAGE_SIZE, 0));
	EXPECT_EQ(0, fsync(one));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_FSYNC));
	close(one);
	close(two);
}

/* Nobody knows what an open file without them keeps from being replaced */
TEST_F(extents, detached_are_in_the_way)
{
	struct fuse_backing_extent extent = { 0, 4096, 0, self->image, 0 };
	int fd;

	ASSERT_EQ(0, set(self, &extent, 1, BOTH));
	fd = open_a(self, O_RDONLY);
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, 0));
	EXPECT_EQ(-EBUSY, fuse_backing_set_extents(self->dev, self->node,
						   &extent, 1, BOTH));
	EXPECT_EQ(1, pread(fd, self->got, 1, 0));
	close(fd);
	EXPECT_TRUE(wait_until(!fuse_backing_set_extents(self->dev, self->node,
							 &extent, 1, BOTH)));
}

struct reader {
	pthread_t thread;
	int fd;
	bool stop;
	long reads;
	const char *one;
	const char *two;
};

/* Each read is either of the old ones or of the new ones, and so is a page */
static void *keep_reading(void *arg)
{
	struct reader *r = arg;
	char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, r->fd, 0);
	char buf[512];

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		if (pread(r->fd, buf, sizeof(buf), 1024) != sizeof(buf))
			return "short";
		if (memcmp(buf, r->one + 1024, sizeof(buf)) &&
		    memcmp(buf, r->two + 1024, sizeof(buf)))
			return "mixed";
		memcpy(buf, map, sizeof(buf));
		if (buf[0] != r->one[0] && buf[0] != r->two[0])
			return "page";
		__atomic_add_fetch(&r->reads, 1, __ATOMIC_RELAXED);
	}
	munmap(map, 4096);
	return NULL;
}

TEST_F(extents, replace_under_load)
{
	struct fuse_backing_extent one = { 0, FILE_SIZE, 0, self->image, 0 };
	struct fuse_backing_extent two = { 0, FILE_SIZE, FILE_SIZE, self->image,
					   0 };
	struct reader reader = {
		.one = self->image_bytes,
		.two = self->image_bytes + FILE_SIZE,
	};
	void *failed;

	ASSERT_EQ(0, set(self, &one, 1, BOTH));
	reader.fd = open_a(self, O_RDONLY);
	ASSERT_EQ(0, pthread_create(&reader.thread, NULL, keep_reading,
				    &reader));
	for (int i = 0; i < 200; i++) {
		ASSERT_EQ(0, fuse_backing_set_extents(self->dev, self->node,
						      i & 1 ? &one : &two, 1,
						      BOTH));
		/* whoever reads from now on sees the new ones */
		ASSERT_EQ(512, pread(reader.fd, self->got, 512, 1024));
		ASSERT_EQ(0, memcmp(self->got, (i & 1 ? reader.one : reader.two)
				    + 1024, 512));
	}
	EXPECT_TRUE(wait_until(__atomic_load_n(&reader.reads,
					       __ATOMIC_RELAXED)));
	reader.stop = true;
	pthread_join(reader.thread, &failed);
	EXPECT_EQ(NULL, failed) TH_LOG("%s", (char *)failed);
	close(reader.fd);
	EXPECT_EQ(0, asked(self->srv));
}

TEST_HARNESS_MAIN
