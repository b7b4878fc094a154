// SPDX-License-Identifier: GPL-2.0
/*
 * Every way to get at a file's data leads straight to the backing file.
 *
 * Proves: read, write, append, vectors, splice in both directions, sendfile,
 * copy_file_range, shared and private mappings, O_DIRECT, aio, io_uring and
 * execve move the right bytes, as the backing file itself confirms, and the
 * server sees no READ and no WRITE, nor any request with a file handle that
 * it never gave.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "harness.h"

#include "async_io.h"
#include "backing_ioctl.h"
#include "backing_table.h"
#include "env.h"
#include "wait_until.h"

#define ALIGN		4096
#define PIPE_CHUNK	4096
#define APPENDERS	4
#define APPENDS		50

FIXTURE(data) {
	struct env env;
	struct fuse_server *srv;
	int id;			/* of "a", registered read-write */
	char *want;		/* what "a" holds in the beginning */
	char *buf;		/* aligned, FILE_SIZE bytes */
};

FIXTURE_VARIANT(data) {
	enum scratch_fs fs;
};

FIXTURE_VARIANT_ADD(data, tmpfs) {
	.fs = SCRATCH_TMPFS,
};

FIXTURE_VARIANT_ADD(data, ext4) {
	.fs = SCRATCH_EXT4,
};

FIXTURE_SETUP(data)
{
	if (!env_start(_metadata, &self->env, variant->fs))
		return;
	self->srv = &self->env.srv;
	self->id = env_register(&self->env, "a", O_RDWR);
	ASSERT_LT(0, self->id);
	self->want = aligned_alloc(ALIGN, FILE_SIZE);
	self->buf = aligned_alloc(ALIGN, FILE_SIZE);
	ASSERT_NE(NULL, self->want);
	ASSERT_NE(NULL, self->buf);
	scratch_pattern(self->want, FILE_SIZE, 0);
	memset(self->buf, 0, FILE_SIZE);
}

FIXTURE_TEARDOWN(data)
{
	EXPECT_EQ(0, self->srv->sh->bad_fh);
	free(self->want);
	free(self->buf);
	env_teardown(&self->env);
}

/* "a" through the mount; every open of these tests is a passthrough one. */
#define open_a(self, flags) ({						\
	FIXTURE_DATA(data) * __self = self;				\
	int __fd = fuse_server_open_id(__self->srv, "a", flags,		\
				       __self->id);			\
									\
	ASSERT_LE(0, __fd);						\
	__fd;								\
})

#define EXPECT_NO_DATA_OPS(self)					\
	EXPECT_EQ(0, fuse_server_data_ops((self)->srv))

TEST_F(data, read)
{
	int fd = open_a(self, O_RDONLY);

	ASSERT_EQ(FILE_SIZE, read(fd, self->buf, FILE_SIZE));
	EXPECT_EQ(0, memcmp(self->buf, self->want, FILE_SIZE));
	EXPECT_EQ(0, read(fd, self->buf, 1));
	EXPECT_EQ(5000, lseek(fd, 5000, SEEK_SET));
	ASSERT_EQ(333, read(fd, self->buf, 333));
	EXPECT_EQ(0, memcmp(self->buf, self->want + 5000, 333));
	EXPECT_EQ(100, pread(fd, self->buf, 4096, FILE_SIZE - 100));
	EXPECT_EQ(0, memcmp(self->buf, self->want + FILE_SIZE - 100, 100));
	EXPECT_EQ(0, pread(fd, self->buf, 1, FILE_SIZE + 1));
	EXPECT_EQ(0, pread(fd, self->buf, 0, 0));
	close(fd);
	EXPECT_NO_DATA_OPS(self);
}

/* What changes in the backing file is there at the next read. */
TEST_F(data, read_sees_backing_changes)
{
	int fd = open_a(self, O_RDONLY);
	int backing = open(scratch_path("a"), O_WRONLY | O_CLOEXEC);

	ASSERT_LE(0, backing);
	ASSERT_EQ(16, pread(fd, self->buf, 16, 64));
	ASSERT_EQ(16, pwrite(backing, "0123456789abcdef", 16, 64));
	ASSERT_EQ(16, pread(fd, self->buf, 16, 64));
	EXPECT_EQ(0, memcmp(self->buf, "0123456789abcdef", 16));
	close(backing);
	close(fd);
	EXPECT_NO_DATA_OPS(self);
}

TEST_F(data, write)
{
	int fd = open_a(self, O_RDWR);

	scratch_pattern(self->buf, FILE_SIZE, 42);
	ASSERT_EQ(FILE_SIZE, write(fd, self->buf, FILE_SIZE));
	EXPECT_EQ(0, scratch_compare("a", self->buf, FILE_SIZE, 0));
	ASSERT_EQ(777, pwrite(fd, self->want, 777, 12345));
	EXPECT_EQ(0, scratch_compare("a", self->want, 777, 12345));
	EXPECT_EQ(0, scratch_compare("a", self->buf, 12345, 0));
	EXPECT_EQ(FILE_SIZE, scratch_size("a"));
	EXPECT_EQ(0, fsync(fd));
	close(fd);
	EXPECT_NO_DATA_OPS(self);
}

TEST_F(data, write_extends)
{
	int fd = open_a(self, O_RDWR);
	struct stat st;

	ASSERT_EQ(10, pwrite(fd, "0123456789", 10, 2 * FILE_SIZE));
	EXPECT_EQ(2 * FILE_SIZE + 10, scratch_size("a"));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(2 * FILE_SIZE + 10, st.st_size);
	EXPECT_EQ(2 * FILE_SIZE + 10, lseek(fd, 0, SEEK_END));

	/* The hole before it reads as zeros. */
	ASSERT_EQ(FILE_SIZE, pread(fd, self->buf, FILE_SIZE, FILE_SIZE));
	memset(self->want, 0, FILE_SIZE);
	EXPECT_EQ(0, memcmp(self->buf, self->want, FILE_SIZE));
	close(fd);
	EXPECT_NO_DATA_OPS(self);
}

TEST_F(data, vectors)
{
	char one[100], two[200];
	struct iovec iov[2] = { { one, sizeof(one) }, { two, sizeof(two) } };
	int fd = open_a(self, O_RDWR);

	ASSERT_EQ(300, preadv(fd, iov, 2, 50));
	EXPECT_EQ(0, memcmp(one, self->want + 50, 100));
	EXPECT_EQ(0, memcmp(two, self->want + 150, 200));
	ASSERT_EQ(300, pwritev(fd, iov, 2, 1000));
	EXPECT_EQ(0, scratch_compare("a", self->want + 50, 300, 1000));
	close(fd);
	EXPECT_NO_DATA_OPS(self);
}

TEST_F(data, append)
{
	int fd = open_a(self, O_WRONLY | O_APPEND);
	int backing;

	ASSERT_EQ(3, write(fd, "one", 3));
	EXPECT_EQ(0, scratch_compare("a", "one", 3, FILE_SIZE));

	/* The end is the backing file's, not what FUSE last heard of. */
	backing = open(scratch_path("a"), O_WRONLY | O_APPEND | O_CLOEXEC);
	ASSERT_LE(0, backing);
	ASSERT_EQ(3, write(backing, "two", 3));
	ASSERT_EQ(5, write(fd, "three", 5));
	EXPECT_EQ(0, scratch_compare("a", "onetwothree", 11, FILE_SIZE));
	EXPECT_EQ(FILE_SIZE + 11, scratch_size("a"));
	close(backing);
	close(fd);
	EXPECT_NO_DATA_OPS(self);
}

TEST_F(data, append_set_later)
{
	int fd = open_a(self, O_WRONLY);

	ASSERT_EQ(0, fcntl(fd, F_SETFL, O_APPEND));
	ASSERT_EQ(3, write(fd, "end", 3));
	EXPECT_EQ(0, scratch_compare("a", "end", 3, FILE_SIZE));
	EXPECT_EQ(0, scratch_compare("a", self->want, FILE_SIZE, 0));
	close(fd);
	EXPECT_NO_DATA_OPS(self);
}

static void *append_lines(void *arg)
{
	char line[64];
	int fd = *(int *)arg;

	memset(line, 'a' + fd % 26, sizeof(line));
	for (int i = 0; i < APPENDS; i++)
		if (write(fd, line, sizeof(line)) != sizeof(line))
			return arg;
	return NULL;
}

TEST_F(data, parallel_appends)
{
	pthread_t thread[APPENDERS];
	int fd[APPENDERS];
	void *failed;

	for (int i = 0; i < APPENDERS; i++)
		fd[i] = open_a(self, O_WRONLY | O_APPEND);
	for (int i = 0; i < APPENDERS; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, append_lines,
					    &fd[i]));
	for (int i = 0; i < APPENDERS; i++) {
		pthread_join(thread[i], &failed);
		EXPECT_EQ(NULL, failed);
		close(fd[i]);
	}
	/* None overwrote another. */
	EXPECT_EQ(FILE_SIZE + APPENDERS * APPENDS * 64, scratch_size("a"));
	EXPECT_NO_DATA_OPS(self);
}

TEST_F(data, truncate)
{
	int fd = open_a(self, O_RDWR);

	ASSERT_EQ(0, ftruncate(fd, 1000));
	EXPECT_EQ(1000, scratch_size("a"));
	EXPECT_EQ(1000, read(fd, self->buf, FILE_SIZE));
	ASSERT_EQ(0, ftruncate(fd, 3000));
	EXPECT_EQ(2000, read(fd, self->buf, FILE_SIZE));
	memset(self->want, 0, 2000);
	EXPECT_EQ(0, memcmp(self->buf, self->want, 2000));
	close(fd);

	fd = open_a(self, O_WRONLY | O_TRUNC);
	EXPECT_EQ(0, scratch_size("a"));
	EXPECT_EQ(3, write(fd, "new", 3));
	EXPECT_EQ(0, scratch_compare("a", "new", 3, 0));
	close(fd);
	EXPECT_NO_DATA_OPS(self);
}

TEST_F(data, splice_to_pipe)
{
	int fd = open_a(self, O_RDONLY);
	loff_t pos = 2000;
	int pipefd[2];
	ssize_t n;

	ASSERT_EQ(0, pipe(pipefd));
	while (pos < FILE_SIZE) {
		loff_t from = pos;

		n = splice(fd, &pos, pipefd[1], NULL, PIPE_CHUNK, 0);
		ASSERT_LT(0, n);
		EXPECT_EQ(from + n, pos);
		ASSERT_EQ(n, read(pipefd[0], self->buf, n));
		ASSERT_EQ(0, memcmp(self->buf, self->want + from, n));
	}
	EXPECT_EQ(0, splice(fd, &pos, pipefd[1], NULL, PIPE_CHUNK, 0));

	/* And by the file's own position. */
	ASSERT_EQ(100, splice(fd, NULL, pipefd[1], NULL, 100, 0));
	EXPECT_EQ(100, lseek(fd, 0, SEEK_CUR));
	close(pipefd[0]);
	close(pipefd[1]);
	close(fd);
	EXPECT_NO_DATA_OPS(self);
}

TEST_F(data, splice_from_pipe)
{
	int fd = open_a(self, O_RDWR);
	loff_t pos = 3000;
	int pipefd[2];

	ASSERT_EQ(0, pipe(pipefd));
	scratch_pattern(self->buf, FILE_SIZE, 7);
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(PIPE_CHUNK, write(pipefd[1],
					    self->buf + i * PIPE_CHUNK,
					    PIPE_CHUNK));
		ASSERT_EQ(PIPE_CHUNK, splice(pipefd[0], NULL, fd, &pos,
					     PIPE_CHUNK, 0));
	}
	EXPECT_EQ(3000 + 4 * PIPE_CHUNK, pos);
	EXPECT_EQ(0, scratch_compare("a", self->buf, 4 * PIPE_CHUNK, 3000));
	EXPECT_EQ(0, scratch_compare("a", self->want, 3000, 0));
	close(pipefd[0]);
	close(pipefd[1]);
	close(fd);
	EXPECT_NO_DATA_OPS(self);
}

/* Beyond the end: what FUSE says of the size follows. */
TEST_F(data, splice_extends)
{
	int fd = open_a(self, O_RDWR);
	loff_t pos = FILE_SIZE;
	int pipefd[2];
	struct stat st;

	ASSERT_EQ(0, pipe(pipefd));
	ASSERT_EQ(500, write(pipefd[1], self->want, 500));
	ASSERT_EQ(500, splice(pipefd[0], NULL, fd, &pos, 500, 0));
	EXPECT_EQ(FILE_SIZE + 500, scratch_size("a"));
	EXPECT_EQ(0, scratch_compare("a", self->want, 500, FILE_SIZE));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(FILE_SIZE + 500, st.st_size);
	close(pipefd[0]);
	close(pipefd[1]);
	close(fd);
	EXPECT_NO_DATA_OPS(self);
}

TEST_F(data, sendfile)
{
	int out = open(scratch_path("out"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int fd = open_a(self, O_RDWR);
	int in = open(scratch_path("b"), O_RDONLY | O_CLOEXEC);
	off_t left = FILE_SIZE;
	ssize_t n;

	ASSERT_LE(0, out);
	ASSERT_LE(0, in);
	while (left) {
		n = sendfile(out, fd, NULL, left);
		ASSERT_LT(0, n);
		left -= n;
	}
	EXPECT_EQ(0, scratch_compare("out", self->want, FILE_SIZE, 0));

	scratch_pattern(self->buf, FILE_SIZE, 1);
	ASSERT_EQ(0, lseek(fd, 0, SEEK_SET));
	for (left = FILE_SIZE; left; left -= n) {
		n = sendfile(fd, in, NULL, left);
		ASSERT_LT(0, n);
	}
	EXPECT_EQ(0, scratch_compare("a", self->buf, FILE_SIZE, 0));
	close(in);
	close(fd);
	close(out);
	EXPECT_NO_DATA_OPS(self);
}

TEST_F(data, copy_file_range)
{
	int out, fd = open_a(self, O_RDONLY);
	off_t left = FILE_SIZE;
	ssize_t n;
	int id;

	id = env_register(&self->env, "b", O_RDWR);
	ASSERT_LT(0, id);
	out = fuse_server_open_id(self->srv, "b", O_WRONLY, id);
	ASSERT_LE(0, out);
	while (left) {
		n = copy_file_range(fd, NULL, out, NULL, left, 0);
		ASSERT_LT(0, n);
		left -= n;
	}
	EXPECT_EQ(0, scratch_compare("b", self->want, FILE_SIZE, 0));
	close(out);
	close(fd);
	EXPECT_NO_DATA_OPS(self);
}

TEST_F(data, shared_mapping)
{
	int fd = open_a(self, O_RDWR);
	int backing = open(scratch_path("a"), O_RDWR | O_CLOEXEC);
	char *map;

	ASSERT_LE(0, backing);
	map = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, memcmp(map, self->want, FILE_SIZE));

	/* One page cache, seen from all sides. */
	memcpy(map + 9000, "mapped", 6);
	EXPECT_EQ(0, scratch_compare("a", "mapped", 6, 9000));
	ASSERT_EQ(6, pread(fd, self->buf, 6, 9000));
	EXPECT_EQ(0, memcmp(self->buf, "mapped", 6));
	ASSERT_EQ(7, pwrite(backing, "written", 7, 20000));
	EXPECT_EQ(0, memcmp(map + 20000, "written", 7));
	ASSERT_EQ(5, pwrite(fd, "other", 5, 30000));
	EXPECT_EQ(0, memcmp(map + 30000, "other", 5));
	EXPECT_EQ(0, msync(map, FILE_SIZE, MS_SYNC));

	/* It works on when both descriptors are closed. */
	close(backing);
	close(fd);
	map[40000] = 'z';
	EXPECT_EQ(0, scratch_compare("a", map, FILE_SIZE, 0));
	munmap(map, FILE_SIZE);
	EXPECT_NO_DATA_OPS(self);
}

TEST_F(data, private_mapping)
{
	int fd = open_a(self, O_RDONLY);
	char *map;

	map = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, memcmp(map, self->want, FILE_SIZE));
	memset(map, 0, FILE_SIZE);
	EXPECT_EQ(0, scratch_compare("a", self->want, FILE_SIZE, 0));
	munmap(map, FILE_SIZE);

	/* A file opened for reading can't be mapped for writing. */
	EXPECT_EQ(MAP_FAILED, mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_SHARED, fd, 0));
	EXPECT_EQ(EACCES, errno);
	close(fd);
	EXPECT_NO_DATA_OPS(self);
}

TEST_F(data, direct)
{
	int fd = open_a(self, O_RDWR | O_DIRECT);

	ASSERT_EQ(FILE_SIZE, pread(fd, self->buf, FILE_SIZE, 0));
	EXPECT_EQ(0, memcmp(self->buf, self->want, FILE_SIZE));
	scratch_pattern(self->buf, FILE_SIZE, 5);
	ASSERT_EQ(2 * ALIGN, pwrite(fd, self->buf, 2 * ALIGN, 4 * ALIGN));
	EXPECT_EQ(0, scratch_compare("a", self->buf, 2 * ALIGN, 4 * ALIGN));
	EXPECT_EQ(0, scratch_compare("a", self->want, 4 * ALIGN, 0));
	ASSERT_EQ(ALIGN, pwrite(fd, self->buf, ALIGN, FILE_SIZE));
	EXPECT_EQ(FILE_SIZE + ALIGN, scratch_size("a"));
	EXPECT_EQ(FILE_SIZE + ALIGN, lseek(fd, 0, SEEK_END));
	close(fd);
	EXPECT_NO_DATA_OPS(self);
}

/* Buffered and direct, both directions and past the end: 0 or -errno. */
static int async_roundtrip(FIXTURE_DATA(data) * self, int fd, async_rw *rw)
{
	ssize_t n;

	n = rw(fd, self->buf, FILE_SIZE, 0, false);
	if (n != FILE_SIZE)
		return n < 0 ? n : -EIO;
	if (memcmp(self->buf, self->want, FILE_SIZE))
		return -EILSEQ;
	scratch_pattern(self->buf, FILE_SIZE, 11);
	n = rw(fd, self->buf, FILE_SIZE, FILE_SIZE, true);
	if (n != FILE_SIZE)
		return n < 0 ? n : -EIO;
	if (scratch_size("a") != 2 * FILE_SIZE)
		return -ERANGE;
	return scratch_compare("a", self->buf, FILE_SIZE, FILE_SIZE);
}

static void asynchronous(struct __test_metadata *_metadata, FIXTURE_DATA(data) * self,
			 int flags, async_rw *rw)
{
	int fd = open_a(self, O_RDWR | flags);
	int err = async_roundtrip(self, fd, rw);
	struct stat st;

	if (err == -EOPNOTSUPP)
		SKIP(return, "the kernel has no such calls");
	EXPECT_EQ(0, err);
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(2 * FILE_SIZE, st.st_size);
	close(fd);
	EXPECT_NO_DATA_OPS(self);
}

TEST_F(data, aio)
{
	asynchronous(_metadata, self, 0, aio_rw);
}

TEST_F(data, aio_direct)
{
	asynchronous(_metadata, self, O_DIRECT, aio_rw);
}

TEST_F(data, io_uring)
{
	asynchronous(_metadata, self, 0, uring_rw);
}

TEST_F(data, io_uring_direct)
{
	asynchronous(_metadata, self, O_DIRECT, uring_rw);
}

/* The first open's descriptor is read-only, the second open writes. */
TEST_F(data, wider_second_open)
{
	int id = env_register(&self->env, "b", O_RDONLY);
	int fd, wider;

	ASSERT_LT(0, id);
	fd = fuse_server_open_id(self->srv, "b", O_RDONLY, id);
	ASSERT_LE(0, fd);
	wider = fuse_server_open_id(self->srv, "b", O_RDWR, id);
	ASSERT_LE(0, wider);
	ASSERT_EQ(4, pwrite(wider, "wide", 4, 10));
	EXPECT_EQ(0, scratch_compare("b", "wide", 4, 10));
	ASSERT_EQ(4, pread(fd, self->buf, 4, 10));
	EXPECT_EQ(0, memcmp(self->buf, "wide", 4));
	EXPECT_EQ(-1, pwrite(fd, "x", 1, 0));
	EXPECT_EQ(EBADF, errno);
	close(wider);
	close(fd);
	EXPECT_NO_DATA_OPS(self);
}

/* A server that registers at each open needs no table of its own. */
TEST_F(data, two_ids_of_one_inode)
{
	int other = env_register(&self->env, "a", O_RDWR);
	pid_t pid = thread_find(self->srv->dev);
	int one, two;

	ASSERT_LT(0, other);
	ASSERT_NE(self->id, other);
	one = open_a(self, O_RDWR);
	two = fuse_server_open_id(self->srv, "a", O_RDWR, other);
	ASSERT_LE(0, two);
	ASSERT_EQ(3, pwrite(one, "one", 3, 100));
	ASSERT_EQ(3, pread(two, self->buf, 3, 100));
	EXPECT_EQ(0, memcmp(self->buf, "one", 3));

	/* Each file holds the mapping that it was opened with. */
	ASSERT_EQ(0, fuse_backing_close(self->srv->fd, self->id));
	ASSERT_EQ(0, fuse_backing_close(self->srv->fd, other));
	EXPECT_TRUE(table_has(pid, self->id));
	EXPECT_TRUE(table_has(pid, other));
	close(one);
	EXPECT_TRUE(wait_until(!table_has(pid, self->id)));
	EXPECT_TRUE(table_has(pid, other));
	ASSERT_EQ(3, pwrite(two, "two", 3, 100));
	EXPECT_EQ(0, scratch_compare("a", "two", 3, 100));
	close(two);
	EXPECT_TRUE(wait_until(!table_has(pid, other)));
	EXPECT_NO_DATA_OPS(self);
}

/* One backing inode by two names is one inode. */
TEST_F(data, two_names_of_one_inode)
{
	int other, one, two;

	ASSERT_EQ(0, link(scratch_path("a"), scratch_path("hard")));
	other = env_register(&self->env, "hard", O_RDWR);
	ASSERT_LT(0, other);
	one = open_a(self, O_RDWR);
	two = fuse_server_open_id(self->srv, "a", O_RDWR, other);
	ASSERT_LE(0, two);
	ASSERT_EQ(3, pwrite(two, "two", 3, 0));
	EXPECT_EQ(0, scratch_compare("a", "two", 3, 0));
	close(one);
	close(two);
	EXPECT_NO_DATA_OPS(self);
}

/* FOPEN_DIRECT_IO with passthrough: the server reads, mappings don't. */
TEST_F(data, direct_io_flag_keeps_the_server)
{
	struct fuse_server_file *file = &self->srv->sh->file[0];
	char *map;
	int fd;

	file->open_flags = FOPEN_DIRECT_IO;
	fd = open_a(self, O_RDWR);
	ASSERT_EQ(100, pread(fd, self->buf, 100, 0));
	EXPECT_EQ(0, memcmp(self->buf, self->want, 100));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_READ));
	ASSERT_EQ(5, pwrite(fd, "bytes", 5, 0));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_WRITE));
	map = mmap(NULL, ALIGN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, memcmp(map, "bytes", 5));
	map[0] = 'B';
	EXPECT_EQ(0, scratch_compare("a", "Bytes", 5, 0));
	munmap(map, ALIGN);
	close(fd);
	EXPECT_EQ(2, fuse_server_data_ops(self->srv));
}

/* A server that registers in CREATE and OPEN, closes at the last RELEASE. */
TEST_F(data, create)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.auto_register = true,
	};
	struct fuse_server srv;
	int fd, again;
	pid_t pid;

	ASSERT_EQ(0, env_serve(&self->env, &srv, &opts));
	fd = fuse_server_open(&srv, "new", O_RDWR | O_CREAT | O_EXCL);
	ASSERT_LE(0, fd);
	pid = thread_find(srv.dev);
	ASSERT_NE(0, pid);
	EXPECT_EQ(1, table_count(pid));
	ASSERT_EQ(7, write(fd, "created", 7));
	EXPECT_EQ(0, scratch_compare("new", "created", 7, 0));
	again = fuse_server_open(&srv, "new", O_RDONLY);
	ASSERT_LE(0, again);
	ASSERT_EQ(7, read(again, self->buf, 100));
	EXPECT_EQ(0, memcmp(self->buf, "created", 7));
	EXPECT_EQ(1, table_count(pid));
	close(fd);
	close(again);
	EXPECT_TRUE(wait_until(!table_count(pid)));
	EXPECT_EQ(0, fuse_server_data_ops(&srv));
	EXPECT_EQ(0, srv.sh->bad_fh);
	EXPECT_EQ(0, fuse_server_umount(&srv));
	fuse_server_stop(&srv);
}

static int copy_self(const char *to)
{
	char command[PATH_MAX + 64];

	snprintf(command, sizeof(command), "cp /proc/%d/exe %s", getpid(), to);
	return system(command);
}

/* Text and data of a program come in by kernel_read() and mappings. */
TEST_F(data, execve)
{
	int id, status;
	pid_t pid;

	ASSERT_EQ(0, copy_self(scratch_path("b")));
	ASSERT_EQ(0, chmod(scratch_path("b"), 0755));
	id = env_register(&self->env, "b", O_RDONLY);
	ASSERT_LT(0, id);
	self->srv->sh->file[1].backing_id = id;
	self->srv->sh->file[1].open_flags = FOPEN_PASSTHROUGH;
	fflush(NULL);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		/* -l lists the tests to stderr and exits with KSFT_SKIP. */
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		execl(SCRATCH_FUSE "/b", "b", "-l", NULL);
		_exit(127);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(KSFT_SKIP, WEXITSTATUS(status));
	EXPECT_NO_DATA_OPS(self);
}

TEST_HARNESS_MAIN
