// SPDX-License-Identifier: GPL-2.0
/*
 * The control filesystem says how much was read and written.
 *
 * Proves: of each mapping exactly the bytes are counted that read(2), write(2),
 * splice(2), aio, io_uring and the like moved through it and through no other
 * mapping, on whatever processor, and that errors did not; they are there until
 * the mapping goes, and a mapping that comes later starts from nothing.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "harness.h"

#include "async_io.h"
#include "backing_files.h"
#include "backing_ioctl.h"
#include "env.h"
#include "wait_until.h"

#define MAP_SIZE	4096
#define CHUNK		4096

FIXTURE(control_bytes) {
	struct env env;
	struct fuse_server *srv;
	struct backing_files files;
	char text[64];
	int id;			/* of "a", registered read-write */
	int fd;			/* "a", opened with it */
	char *buf;		/* aligned, FILE_SIZE bytes */
};

FIXTURE_VARIANT(control_bytes) {
	enum scratch_fs fs;
};

FIXTURE_VARIANT_ADD(control_bytes, tmpfs) {
	.fs = SCRATCH_TMPFS,
};

FIXTURE_VARIANT_ADD(control_bytes, ext4) {
	.fs = SCRATCH_EXT4,
};

FIXTURE_SETUP(control_bytes)
{
	if (!env_start(_metadata, &self->env, variant->fs))
		return;
	self->srv = &self->env.srv;
	ASSERT_EQ(0, env_open(&self->env, &self->id, &self->fd, &self->buf));
	memset(self->buf, 'x', FILE_SIZE);
}

FIXTURE_TEARDOWN(control_bytes)
{
	close(self->fd);
	free(self->buf);
	backing_files_free(&self->files);
	env_teardown(&self->env);
}

/* "read written" of @id, or "none". */
static const char *bytes_of(FIXTURE_DATA(control_bytes) * self, int id)
{
	const struct backing_line *l = backing_files_look(self->srv, &self->files, id);

	if (l)
		snprintf(self->text, sizeof(self->text), "%llu %llu", l->read,
			 l->written);
	return l ? self->text : "none";
}

#define EXPECT_BYTES(want) EXPECT_STREQ(want, bytes_of(self, self->id))

TEST_F(control_bytes, read)
{
	EXPECT_BYTES("0 0");
	ASSERT_EQ(100, read(self->fd, self->buf, 100));
	EXPECT_BYTES("100 0");
	ASSERT_EQ(7, pread(self->fd, self->buf, 7, 5000));
	EXPECT_BYTES("107 0");
	/* what was read, not what was asked for */
	ASSERT_EQ(3, pread(self->fd, self->buf, 100, FILE_SIZE - 3));
	EXPECT_BYTES("110 0");
	ASSERT_EQ(0, pread(self->fd, self->buf, 100, FILE_SIZE));
	ASSERT_EQ(0, pread(self->fd, self->buf, 0, 0));
	EXPECT_BYTES("110 0");
}

TEST_F(control_bytes, write)
{
	ASSERT_EQ(100, write(self->fd, self->buf, 100));
	EXPECT_BYTES("0 100");
	ASSERT_EQ(7, pwrite(self->fd, self->buf, 7, FILE_SIZE));
	EXPECT_BYTES("0 107");
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, ftruncate(self->fd, 1));
	EXPECT_BYTES("0 107");
}

TEST_F(control_bytes, vectors)
{
	struct iovec iov[3] = {
		{ self->buf, 10 }, { self->buf, 0 }, { self->buf + 99, 20 },
	};

	ASSERT_EQ(30, readv(self->fd, iov, 3));
	ASSERT_EQ(30, pwritev(self->fd, iov, 3, 17));
	EXPECT_BYTES("30 30");
}

TEST_F(control_bytes, append)
{
	int fd = fuse_server_open_id(self->srv, "a", O_WRONLY | O_APPEND,
				     self->id);

	ASSERT_LE(0, fd);
	ASSERT_EQ(12, write(fd, self->buf, 12));
	EXPECT_BYTES("0 12");
	close(fd);
	EXPECT_EQ(FILE_SIZE + 12, scratch_size("a"));
}

TEST_F(control_bytes, splice)
{
	loff_t pos = 0;
	int pipefd[2];

	ASSERT_EQ(0, pipe2(pipefd, O_CLOEXEC));
	ASSERT_EQ(CHUNK, splice(self->fd, &pos, pipefd[1], NULL, CHUNK, 0));
	EXPECT_BYTES("4096 0");
	pos = 8192;
	ASSERT_EQ(1000, splice(pipefd[0], NULL, self->fd, &pos, 1000, 0));
	EXPECT_BYTES("4096 1000");
	/* from the pipe to the file in two, past what it holds */
	ASSERT_EQ(CHUNK - 1000, splice(pipefd[0], NULL, self->fd, &pos,
				       FILE_SIZE, 0));
	EXPECT_BYTES("4096 4096");
	close(pipefd[0]);
	close(pipefd[1]);
}

TEST_F(control_bytes, sendfile)
{
	int fd = open(SCRATCH_ROOT "/plain", O_RDWR | O_CREAT | O_CLOEXEC,
		      0644);
	off_t pos = 0;

	ASSERT_LE(0, fd);
	ASSERT_EQ(FILE_SIZE, sendfile(fd, self->fd, &pos, FILE_SIZE));
	EXPECT_BYTES("65536 0");
	pos = 0;
	ASSERT_EQ(5000, sendfile(self->fd, fd, &pos, 5000));
	EXPECT_BYTES("65536 5000");
	close(fd);
}

TEST_F(control_bytes, copy_file_range)
{
	int id = env_register(&self->env, "b", O_RDWR), fd;
	loff_t in = 0, out = 0;

	ASSERT_LT(0, id);
	fd = fuse_server_open_id(self->srv, "b", O_RDWR, id);
	ASSERT_LE(0, fd);
	ASSERT_EQ(5000, copy_file_range(self->fd, &in, fd, &out, 5000, 0));
	EXPECT_BYTES("5000 0");
	EXPECT_STREQ("0 5000", bytes_of(self, id));
	close(fd);
}

/* Read and write with @rw, by O_DIRECT: the bytes, 0, or -errno. */
static ssize_t read_and_write(FIXTURE_DATA(control_bytes) * self, async_rw *rw,
			      int flags)
{
	int fd = fuse_server_open_id(self->srv, "a", O_RDWR | flags, self->id);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = rw(fd, self->buf, 2 * CHUNK, 0, false);
	if (n == 2 * CHUNK)
		n = rw(fd, self->buf, CHUNK, 3 * CHUNK, true);
	close(fd);
	return n;
}

/* What was counted, if there is @rw in this kernel. */
static void check_async(struct __test_metadata *_metadata,
			FIXTURE_DATA(control_bytes) * self, async_rw *rw,
			int flags)
{
	ssize_t n = read_and_write(self, rw, flags);

	if (n == -EOPNOTSUPP)
		SKIP(return, "not in this kernel");
	ASSERT_EQ(CHUNK, n);
	EXPECT_BYTES("8192 4096");
}

TEST_F(control_bytes, aio)
{
	check_async(_metadata, self, aio_rw, 0);
}

TEST_F(control_bytes, aio_direct)
{
	check_async(_metadata, self, aio_rw, O_DIRECT);
}

TEST_F(control_bytes, io_uring)
{
	check_async(_metadata, self, uring_rw, 0);
}

TEST_F(control_bytes, io_uring_direct)
{
	check_async(_metadata, self, uring_rw, O_DIRECT);
}

TEST_F(control_bytes, errors_count_nothing)
{
	struct rlimit limit = { FILE_SIZE, FILE_SIZE };
	void *nowhere = mmap(NULL, MAP_SIZE, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int reader, writer;

	ASSERT_NE(MAP_FAILED, nowhere);
	reader = fuse_server_open_id(self->srv, "a", O_RDONLY, self->id);
	writer = fuse_server_open_id(self->srv, "a", O_WRONLY, self->id);
	ASSERT_LE(0, reader);
	ASSERT_LE(0, writer);
	EXPECT_EQ(-1, pread(self->fd, nowhere, 100, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, pwrite(self->fd, nowhere, 100, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, pread(writer, self->buf, 100, 0));
	EXPECT_EQ(-1, pwrite(reader, self->buf, 100, 0));
	EXPECT_EQ(-1, pread(self->fd, self->buf, 100, -1));
	signal(SIGXFSZ, SIG_IGN);
	ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &limit));
	EXPECT_EQ(-1, pwrite(self->fd, self->buf, 100, FILE_SIZE));
	EXPECT_EQ(EFBIG, errno);
	EXPECT_BYTES("0 0");
	/* and a part of what was asked for is just that */
	EXPECT_EQ(10, pwrite(self->fd, self->buf, 100, FILE_SIZE - 10));
	EXPECT_BYTES("0 10");
	close(reader);
	close(writer);
}

TEST_F(control_bytes, mappings_are_not_counted)
{
	char *map = mmap(NULL, MAP_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 self->fd, 0);

	ASSERT_NE(MAP_FAILED, map);
	memset(map, map[17], MAP_SIZE);
	EXPECT_EQ(0, msync(map, MAP_SIZE, MS_SYNC));
	munmap(map, MAP_SIZE);
	EXPECT_BYTES("0 0");
}

TEST_F(control_bytes, counted_by_mapping)
{
	int other = env_register(&self->env, "a", O_RDWR), fd;

	ASSERT_LT(0, other);
	ASSERT_NE(self->id, other);
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, other);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, pread(self->fd, self->buf, 1, 0));
	ASSERT_EQ(20, pread(fd, self->buf, 20, 0));
	ASSERT_EQ(300, pwrite(self->fd, self->buf, 300, 0));
	ASSERT_EQ(4000, pwrite(fd, self->buf, 4000, 0));
	EXPECT_BYTES("1 300");
	EXPECT_STREQ("20 4000", bytes_of(self, other));
	close(fd);
	EXPECT_STREQ("20 4000", bytes_of(self, other));
}

TEST_F(control_bytes, survive_the_file)
{
	ASSERT_EQ(5, write(self->fd, self->buf, 5));
	close(self->fd);
	EXPECT_BYTES("0 5");
	self->fd = fuse_server_open_id(self->srv, "a", O_RDWR, self->id);
	ASSERT_LE(0, self->fd);
	EXPECT_BYTES("0 5");
	ASSERT_EQ(5, write(self->fd, self->buf, 5));
	ASSERT_EQ(0, fuse_backing_close(self->srv->fd, self->id));
	EXPECT_BYTES("0 10");
	/* the last file of a closed id takes them along */
	close(self->fd);
	EXPECT_TRUE(wait_until(!strcmp("none", bytes_of(self, self->id))));
	self->fd = -1;
}

/* An id that is used again starts from nothing. */
TEST_F(control_bytes, new_mapping_starts_at_zero)
{
	int id, last = 0;

	ASSERT_EQ(5, write(self->fd, self->buf, 5));
	close(self->fd);
	self->fd = -1;
	ASSERT_EQ(0, fuse_backing_close(self->srv->fd, self->id));
	do {
		id = env_register(&self->env, "b", O_RDWR);
		ASSERT_LT(0, id);
		EXPECT_STREQ("0 0", bytes_of(self, id));
		ASSERT_EQ(0, fuse_backing_close(self->srv->fd, id));
	} while (id != self->id && ++last < 1000);
	EXPECT_EQ(self->id, id);
}

#define READS	20000

struct reader {
	pthread_t thread;
	int cpu;
	int fd;
	unsigned long done;
};

static void *read_bytes(void *arg)
{
	struct reader *reader = arg;
	cpu_set_t cpus;
	char byte;

	CPU_ZERO(&cpus);
	CPU_SET(reader->cpu, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	for (int i = 0; i < READS; i++)
		reader->done += pread(reader->fd, &byte, 1, i) == 1;
	return NULL;
}

TEST_F_TIMEOUT(control_bytes, two_processors, 120)
{
	struct reader reader[2];
	char want[32];

	for (int i = 0; i < 2; i++) {
		reader[i] = (struct reader) {
			.cpu = i,
			.fd = fuse_server_open_id(self->srv, "a", O_RDONLY,
						  self->id),
		};
		ASSERT_LE(0, reader[i].fd);
		ASSERT_EQ(0, pthread_create(&reader[i].thread, NULL,
					    read_bytes, &reader[i]));
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(reader[i].thread, NULL);
		EXPECT_EQ(READS, reader[i].done);
		close(reader[i].fd);
	}
	snprintf(want, sizeof(want), "%d 0", 2 * READS);
	EXPECT_BYTES(want);
}

TEST_HARNESS_MAIN
