// SPDX-License-Identifier: GPL-2.0
/*
 * What the server hears of passthrough I/O: nothing.
 *
 * Proves: reads, writes, splices, aio, io_uring and page faults cause no
 * request of any kind, neither does asking for the size afterwards, and what
 * is answered is right. What only the server knows, as times, is asked of it.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "harness.h"

#include "async_io.h"
#include "env.h"

#define ALIGN		ENV_ALIGN

/* What stays known after reading and after writing. */
#define KEPT_BY_WRITE	(STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_UID | \
			 STATX_GID | STATX_INO | STATX_SIZE | STATX_ATIME)
#define KEPT_BY_READ	(STATX_BASIC_STATS & ~STATX_ATIME)
#define LOST_BY_WRITE	(STATX_BASIC_STATS & ~KEPT_BY_WRITE)

FIXTURE(requests) {
	struct env env;
	struct fuse_server *srv;
	int fd;			/* "a", open for reading and writing */
	char *buf;		/* aligned, FILE_SIZE bytes */
};

FIXTURE_VARIANT(requests) {
	enum scratch_fs fs;
};

FIXTURE_VARIANT_ADD(requests, tmpfs) {
	.fs = SCRATCH_TMPFS,
};

FIXTURE_VARIANT_ADD(requests, ext4) {
	.fs = SCRATCH_EXT4,
};

FIXTURE_SETUP(requests)
{
	struct stat st;
	int id;

	self->fd = -1;
	if (!env_start(_metadata, &self->env, variant->fs))
		return;
	self->srv = &self->env.srv;
	self->srv->sh->attr_valid = 1000000;
	ASSERT_EQ(0, env_open(&self->env, &id, &self->fd, &self->buf));
	scratch_pattern(self->buf, FILE_SIZE, 3);
	ASSERT_EQ(0, fstat(self->fd, &st));
	fuse_server_new_requests(self->srv);
}

FIXTURE_TEARDOWN(requests)
{
	free(self->buf);
	if (self->fd >= 0)
		close(self->fd);
	env_teardown(&self->env);
}

/* Ask for some attributes: the size, or -errno. */
static off_t size_by_statx(int fd, unsigned int mask)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, mask, &st) < 0)
		return -errno;
	return st.stx_size;
}

TEST_F(requests, read)
{
	struct iovec iov[2] = { { self->buf, 10 }, { self->buf + 20, 10 } };

	ASSERT_EQ(FILE_SIZE, read(self->fd, self->buf, FILE_SIZE));
	ASSERT_EQ(0, read(self->fd, self->buf, 1));
	ASSERT_EQ(1, pread(self->fd, self->buf, 1, 77));
	ASSERT_EQ(20, preadv(self->fd, iov, 2, 3));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

TEST_F(requests, write)
{
	struct iovec iov[2] = { { self->buf, 10 }, { self->buf + 20, 10 } };

	ASSERT_EQ(FILE_SIZE, write(self->fd, self->buf, FILE_SIZE));
	ASSERT_EQ(1, pwrite(self->fd, self->buf, 1, 77));
	ASSERT_EQ(20, pwritev(self->fd, iov, 2, 3));
	ASSERT_EQ(100, pwrite(self->fd, self->buf, 100, 3 * FILE_SIZE));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_APPEND));
	ASSERT_EQ(100, write(self->fd, self->buf, 100));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	EXPECT_EQ(0, scratch_compare("a", self->buf, 100, 3 * FILE_SIZE + 100));
}

/* The same descriptor without passthrough: the counter counts. */
TEST_F(requests, control_without_passthrough)
{
	int fd;

	self->srv->sh->file[1].open_flags = FOPEN_DIRECT_IO;
	fd = fuse_server_open(self->srv, "b", O_RDWR);
	ASSERT_LE(0, fd);
	fuse_server_new_requests(self->srv);
	ASSERT_EQ(1, pread(fd, self->buf, 1, 0));
	EXPECT_EQ(1, fuse_server_new_requests(self->srv));
	ASSERT_EQ(1, pwrite(fd, self->buf, 1, 0));
	EXPECT_LE(1, fuse_server_new_requests(self->srv));
	close(fd);
}

TEST_F(requests, splice)
{
	int out = open(scratch_path("b"), O_RDWR | O_CLOEXEC);
	loff_t pos = 100;
	int pipefd[2];

	ASSERT_LE(0, out);
	ASSERT_EQ(0, pipe(pipefd));
	ASSERT_EQ(1000, splice(self->fd, &pos, pipefd[1], NULL, 1000, 0));
	pos = FILE_SIZE;
	ASSERT_EQ(1000, splice(pipefd[0], NULL, self->fd, &pos, 1000, 0));
	ASSERT_EQ(1000, sendfile(out, self->fd, NULL, 1000));
	ASSERT_EQ(0, lseek(out, 0, SEEK_SET));
	ASSERT_EQ(1000, sendfile(self->fd, out, NULL, 1000));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	EXPECT_EQ(FILE_SIZE + 1000, scratch_size("a"));
	close(pipefd[0]);
	close(pipefd[1]);
	close(out);
}

/* Read, overwrite and extend, all bytes of which are checked elsewhere. */
static ssize_t async_io(FIXTURE_DATA(requests) * self, async_rw *rw)
{
	ssize_t n = rw(self->fd, self->buf, FILE_SIZE, 0, false);

	if (n == FILE_SIZE)
		n = rw(self->fd, self->buf, ALIGN, ALIGN, true);
	if (n == ALIGN)
		n = rw(self->fd, self->buf, ALIGN, FILE_SIZE, true);
	return n;
}

static void try_async(struct __test_metadata *_metadata,
		      FIXTURE_DATA(requests) * self, async_rw *rw, int flags)
{
	ssize_t n;

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, flags));
	n = async_io(self, rw);
	if (n == -EOPNOTSUPP)
		SKIP(return, "not supported here");
	ASSERT_EQ(ALIGN, n);
	EXPECT_EQ(FILE_SIZE + ALIGN, size_by_statx(self->fd, STATX_SIZE));
	EXPECT_EQ(FILE_SIZE + ALIGN, scratch_size("a"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

TEST_F(requests, aio)
{
	try_async(_metadata, self, aio_rw, 0);
}

TEST_F(requests, aio_direct)
{
	try_async(_metadata, self, aio_rw, O_DIRECT);
}

TEST_F(requests, io_uring)
{
	try_async(_metadata, self, uring_rw, 0);
}

TEST_F(requests, io_uring_direct)
{
	try_async(_metadata, self, uring_rw, O_DIRECT);
}

TEST_F(requests, mmap)
{
	char *map = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 self->fd, 0);
	unsigned int sum = 0;

	ASSERT_NE(MAP_FAILED, map);
	for (int i = 0; i < FILE_SIZE; i += ALIGN)
		sum += map[i];
	EXPECT_NE(0, sum);
	for (int i = 0; i < FILE_SIZE; i += ALIGN)
		map[i] = 'x';
	EXPECT_EQ(0, msync(map, FILE_SIZE, MS_SYNC));
	EXPECT_EQ(0, munmap(map, FILE_SIZE));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	EXPECT_EQ(0, scratch_compare("a", "x", 1, FILE_SIZE - ALIGN));
}

/* As on the backing file: it can be told not to wait, or can't. */
TEST_F(requests, nowait)
{
	struct iovec iov = { self->buf, 1 };
	int direct = open(scratch_path("a"), O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, direct);
	ASSERT_EQ(1, pread(direct, self->buf, 1, 0));
	EXPECT_EQ(preadv2(direct, &iov, 1, 0, RWF_NOWAIT),
		  preadv2(self->fd, &iov, 1, 0, RWF_NOWAIT));
	EXPECT_EQ(pwritev2(direct, &iov, 1, 0, RWF_NOWAIT),
		  pwritev2(self->fd, &iov, 1, 0, RWF_NOWAIT));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	close(direct);
}

/* A file is always ready, as the backing file. */
TEST_F(requests, poll)
{
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN | POLLOUT };

	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(POLLIN | POLLOUT, pfd.revents);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* O_APPEND and RWF_NOAPPEND are what they are now, not at open. */
TEST_F(requests, append_flags)
{
	struct iovec iov = { self->buf, 5 };

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_APPEND));
	ASSERT_EQ(5, pwritev2(self->fd, &iov, 1, 50, RWF_NOAPPEND));
	EXPECT_EQ(0, scratch_compare("a", self->buf, 5, 50));
	EXPECT_EQ(FILE_SIZE, scratch_size("a"));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	ASSERT_EQ(5, pwritev2(self->fd, &iov, 1, 0, RWF_APPEND));
	EXPECT_EQ(FILE_SIZE + 5, scratch_size("a"));
	ASSERT_EQ(5, pwrite(self->fd, self->buf, 5, 60));
	EXPECT_EQ(FILE_SIZE + 5, size_by_statx(self->fd, STATX_SIZE));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

TEST_F(requests, attributes_after_write)
{
	struct stat st, want;

	ASSERT_EQ(100, pwrite(self->fd, self->buf, 100, FILE_SIZE + 1));
	EXPECT_EQ(FILE_SIZE + 101, size_by_statx(self->fd, STATX_SIZE));
	EXPECT_EQ(FILE_SIZE + 101, size_by_statx(self->fd, KEPT_BY_WRITE));
	EXPECT_EQ(FILE_SIZE + 101, lseek(self->fd, 0, SEEK_END));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));

	/* Times and blocks are the server's to say, once. */
	EXPECT_EQ(FILE_SIZE + 101, size_by_statx(self->fd, LOST_BY_WRITE));
	EXPECT_EQ(1, fuse_server_new_requests(self->srv));
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	ASSERT_EQ(0, stat(scratch_path("a"), &want));
	EXPECT_EQ(want.st_size, st.st_size);
	EXPECT_EQ(want.st_blocks, st.st_blocks);
	EXPECT_EQ(want.st_mtim.tv_sec, st.st_mtim.tv_sec);
	EXPECT_EQ(want.st_mtim.tv_nsec, st.st_mtim.tv_nsec);

	/* Each of them, and after each write. */
	for (__u32 mask = 1; mask <= LOST_BY_WRITE; mask <<= 1) {
		if (!(mask & LOST_BY_WRITE))
			continue;
		ASSERT_EQ(1, pwrite(self->fd, "x", 1, 0));
		EXPECT_EQ(FILE_SIZE + 101, size_by_statx(self->fd, mask));
		EXPECT_EQ(1, fuse_server_new_requests(self->srv)) TH_LOG("statx %#x", mask);
	}
}

TEST_F(requests, attributes_after_read)
{
	ASSERT_EQ(100, pread(self->fd, self->buf, 100, 0));
	EXPECT_EQ(FILE_SIZE, size_by_statx(self->fd, KEPT_BY_READ));
	EXPECT_EQ(FILE_SIZE, lseek(self->fd, 0, SEEK_END));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	EXPECT_EQ(FILE_SIZE, size_by_statx(self->fd, STATX_ATIME));
	EXPECT_EQ(1, fuse_server_new_requests(self->srv));
}

static int set_old(void)
{
	const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	return utimensat(AT_FDCWD, scratch_path("a"), old, 0) ? -errno : 0;
}

/* Does the mount say of times and blocks what the backing file does? */
static bool is_as_backing(int fd)
{
	struct stat st, want;

	return !fstat(fd, &st) && !stat(scratch_path("a"), &want) &&
	       st.st_mtim.tv_sec == want.st_mtim.tv_sec &&
	       st.st_mtim.tv_nsec == want.st_mtim.tv_nsec &&
	       st.st_ctim.tv_sec == want.st_ctim.tv_sec &&
	       st.st_ctim.tv_nsec == want.st_ctim.tv_nsec &&
	       st.st_blocks == want.st_blocks;
}

/* Who maps a hole and stores to it changes times and blocks, unheard. */
TEST_F(requests, attributes_after_store)
{
	int fd = fuse_server_open(self->srv, "a", O_RDONLY);
	char *map;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(self->fd, 2 * FILE_SIZE));
	map = mmap(NULL, 2 * FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		   self->fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	close(self->fd);
	self->fd = -1;

	/* as long as it is there */
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, set_old());
		map[FILE_SIZE + i * ALIGN] = 'x';
		ASSERT_EQ(0, msync(map, 2 * FILE_SIZE, MS_SYNC));
		EXPECT_TRUE(is_as_backing(fd));
	}
	fuse_server_new_requests(self->srv);
	/* the size is known nevertheless */
	EXPECT_EQ(2 * FILE_SIZE, size_by_statx(fd, STATX_SIZE));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));

	/* and once afterwards */
	ASSERT_EQ(0, set_old());
	map[FILE_SIZE + 10 * ALIGN] = 'x';
	ASSERT_EQ(0, msync(map, 2 * FILE_SIZE, MS_SYNC));
	ASSERT_EQ(0, munmap(map, 2 * FILE_SIZE));
	EXPECT_TRUE(is_as_backing(fd));
	fuse_server_new_requests(self->srv);
	EXPECT_TRUE(is_as_backing(fd));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	close(fd);
}

/* A child has the mapping, too, when its parent has none any more. */
TEST_F(requests, attributes_after_store_by_child)
{
	char *map = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 self->fd, 0);
	int fd, pipefd[2], status;
	char byte;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, map);
	close(self->fd);
	self->fd = -1;
	ASSERT_EQ(0, pipe2(pipefd, O_CLOEXEC));
	pid = fork();
	if (!pid) {
		close(pipefd[1]);
		if (read(pipefd[0], &byte, 1) != 1)
			_exit(1);
		map[0]++;
		_exit(0);
	}
	munmap(map, FILE_SIZE);
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(is_as_backing(fd));
	ASSERT_EQ(0, set_old());
	EXPECT_TRUE(is_as_backing(fd));
	ASSERT_EQ(1, write(pipefd[1], "", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(is_as_backing(fd));
	fuse_server_new_requests(self->srv);
	EXPECT_TRUE(is_as_backing(fd));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	close(pipefd[0]);
	close(pipefd[1]);
	close(fd);
}

/* What nobody can store to changes nothing. */
TEST_F(requests, attributes_of_mappings_that_are_read)
{
	int fd = fuse_server_open(self->srv, "a", O_RDONLY);
	char *map[2];

	ASSERT_LE(0, fd);
	map[0] = mmap(NULL, FILE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	map[1] = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE,
		      self->fd, 0);
	ASSERT_NE(MAP_FAILED, map[0]);
	ASSERT_NE(MAP_FAILED, map[1]);
	map[1][0] = map[0][0] + 1;
	/* mmap(2) is an access */
	EXPECT_TRUE(is_as_backing(fd));
	fuse_server_new_requests(self->srv);
	EXPECT_TRUE(is_as_backing(fd));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	munmap(map[0], FILE_SIZE);
	munmap(map[1], FILE_SIZE);
	close(fd);
}

/* What fails may have changed anything: the size is asked for again. */
TEST_F(requests, failed_write)
{
	const struct rlimit limit = { FILE_SIZE, FILE_SIZE };

	signal(SIGXFSZ, SIG_IGN);
	ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &limit));
	EXPECT_EQ(-1, pwrite(self->fd, self->buf, 10, FILE_SIZE));
	EXPECT_EQ(EFBIG, errno);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	EXPECT_EQ(FILE_SIZE, size_by_statx(self->fd, STATX_SIZE));
	EXPECT_EQ(1, fuse_server_new_requests(self->srv));
	/* up to the limit, as on any file */
	EXPECT_EQ(10, pwrite(self->fd, self->buf, 100, FILE_SIZE - 10));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* A write ends where the file does, not where it did. */
TEST_F(requests, truncate)
{
	ASSERT_EQ(0, ftruncate(self->fd, 1000));
	ASSERT_EQ(10, pwrite(self->fd, self->buf, 10, 2000));
	fuse_server_new_requests(self->srv);
	EXPECT_EQ(2010, size_by_statx(self->fd, STATX_SIZE));
	EXPECT_EQ(2010, lseek(self->fd, 0, SEEK_END));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	EXPECT_EQ(2010, scratch_size("a"));
}

TEST_HARNESS_MAIN
