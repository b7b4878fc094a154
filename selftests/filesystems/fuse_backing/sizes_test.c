// SPDX-License-Identifier: GPL-2.0
/*
 * The size of a file that is written beside what changes it at the server.
 *
 * Proves: a reply to LINK, chmod or truncate that was made before a write doesn't
 * take the file's size back, however the write is made: it waits, as long as the
 * server takes to answer, or says EAGAIN if it must not wait; whoever waits can be
 * killed; a server that takes the backing file away while it answers doesn't wait
 * for who waits for the answer.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <linux/fuse_backing.h>

#include "harness.h"

#include "async_io.h"
#include "env.h"
#include "held_page.h"
#include "wait_until.h"

#define BOTH	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define BLOCK	4096

/* What threads share */
#define GET(x)		__atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define SET(x, to)	__atomic_store_n(&(x), to, __ATOMIC_RELEASE)

FIXTURE(sizes) {
	struct env env;
	struct fuse_server *srv;
	struct fuse_server_file *file;	/* "a" */
	int fd;				/* it, open in passthrough mode */
};

FIXTURE_VARIANT(sizes) {
	bool attached;
};

FIXTURE_VARIANT_ADD(sizes, opened_by_kernel) {
	.attached = true,
};

FIXTURE_VARIANT_ADD(sizes, opened_by_server) {
	.attached = false,
};

FIXTURE_SETUP(sizes)
{
	if (!env_start(_metadata, &self->env, SCRATCH_EXT4))
		return;
	self->srv = &self->env.srv;
	self->srv->sh->attr_valid = 1000000;
	self->srv->sh->entry_valid = 1000000;
	self->file = &self->srv->sh->file[0];
	self->file->attach = variant->attached ? BOTH : 0;
	self->file->per_open = !variant->attached;
	self->fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(!variant->attached, self->file->opens);
}

FIXTURE_TEARDOWN(sizes)
{
	close(self->fd);
	EXPECT_EQ(0, self->srv->sh->bad_fh)
		TH_LOG("opcode %u", self->srv->sh->bad_op);
	env_teardown(&self->env);
}

#define self_t FIXTURE_DATA(sizes)

/* A thread's part: what it does, and how far it got. */
struct part {
	int fd;
	int (*fn)(int fd);
	pid_t tid;
	bool done;
	int err;
	pthread_t thread;
};

static void *part_thread(void *arg)
{
	struct part *part = arg;

	SET(part->tid, gettid());
	part->err = part->fn(part->fd);
	SET(part->done, true);
	return NULL;
}

static int part_start(struct part *part, int fd, int (*fn)(int fd))
{
	*part = (struct part) { .fd = fd, .fn = fn };
	return -pthread_create(&part->thread, NULL, part_thread, part);
}

static int part_end(struct part *part)
{
	pthread_join(part->thread, NULL);
	return part->err;
}

/* Ways to change something at the server: 0 or -errno. */

static int by_link(int fd)
{
	(void)fd;
	return link(SCRATCH_FUSE "/a", SCRATCH_FUSE "/linked") ? -errno : 0;
}

static int by_chmod(int fd)
{
	return fchmod(fd, 0600) ? -errno : 0;
}

/* By its name: what the kernel has opened, it truncates itself */
static int by_truncate(int fd)
{
	(void)fd;
	return truncate(SCRATCH_FUSE "/a", 0) ? -errno : 0;
}

/* Ways to make the file a block longer than FILE_SIZE: 0 or -errno. */

static int error_of(ssize_t n, ssize_t want)
{
	return n == want ? 0 : n < 0 ? -errno : -EIO;
}

static int by_write(int fd)
{
	static const char block[BLOCK];

	return error_of(pwrite(fd, block, BLOCK, FILE_SIZE), BLOCK);
}

static int by_append(int fd)
{
	static const char block[BLOCK];
	struct iovec iov = { (void *)block, BLOCK };

	return error_of(pwritev2(fd, &iov, 1, -1, RWF_APPEND), BLOCK);
}

static int by_splice(int fd)
{
	static const char block[BLOCK];
	loff_t pos = FILE_SIZE;
	int pipefd[2];
	int err;

	if (pipe2(pipefd, O_CLOEXEC) < 0 ||
	    write(pipefd[1], block, BLOCK) != BLOCK)
		return -errno;
	err = error_of(splice(pipefd[0], NULL, fd, &pos, BLOCK, 0), BLOCK);
	close(pipefd[0]);
	close(pipefd[1]);
	return err;
}

static int by_async(int fd, async_rw *rw, bool direct)
{
	char *block = aligned_alloc(BLOCK, BLOCK);
	ssize_t n = -ENOMEM;

	if (block && fcntl(fd, F_SETFL, direct ? O_DIRECT : 0) == 0) {
		memset(block, 0, BLOCK);
		n = rw(fd, block, BLOCK, FILE_SIZE, true);
	}
	free(block);
	return n == BLOCK ? 0 : n < 0 ? n : -EIO;
}

static int by_aio(int fd)
{
	return by_async(fd, aio_rw, false);
}

static int by_direct_aio(int fd)
{
	return by_async(fd, aio_rw, true);
}

static int by_direct_uring(int fd)
{
	return by_async(fd, uring_rw, true);
}

static int by_fallocate(int fd)
{
	return fallocate(fd, 0, FILE_SIZE, BLOCK) ? -errno : 0;
}

static const struct way {
	const char *name;
	int (*fn)(int fd);
	long nr;		/* the system call that waits */
} ways[] = {
	{ "write", by_write, SYS_pwrite64 },
	{ "append", by_append, SYS_pwritev2 },
	{ "splice", by_splice, SYS_splice },
	{ "aio", by_aio, SYS_io_submit },
	{ "direct aio", by_direct_aio, SYS_io_submit },
	{ "direct io_uring", by_direct_uring, SYS_io_uring_enter },
	{ "fallocate", by_fallocate, SYS_fallocate },
};

/* As the kernel knows it without asking, and as it says when it is asked. */
static off_t size_by_mount(int flags)
{
	struct statx st;

	return statx(AT_FDCWD, SCRATCH_FUSE "/a", flags, STATX_SIZE, &st) ?
		       -errno : (off_t)st.stx_size;
}

/* The server has made its reply to @change, and keeps it. */
static int start_change(self_t *self, struct part *part, int (*change)(int fd))
{
	int err;

	self->srv->sh->hold_changes = true;
	err = part_start(part, self->fd, change);
	if (err)
		return err;
	return wait_until(self->srv->sh->held_count) ? 0 : -ETIMEDOUT;
}

static int end_change(self_t *self, struct part *part)
{
	self->srv->sh->hold_changes = false;
	self->srv->sh->release_held = true;
	return part_end(part);
}

/* Whoever writes now has done it, or waits. */
static bool has_tried(struct part *part, long nr)
{
	return wait_until(GET(part->done) ||
			  (GET(part->tid) && sleeps_in(GET(part->tid), nr)));
}

static void write_beside(struct __test_metadata *_metadata, self_t *self,
			 int (*change)(int fd), const struct way *way)
{
	bool passed = __test_passed(_metadata);
	struct part changing, writing;

	ASSERT_EQ(0, truncate(SCRATCH_FUSE "/a", FILE_SIZE));
	unlink(scratch_path("linked"));
	ASSERT_EQ(0, start_change(self, &changing, change));
	ASSERT_EQ(0, part_start(&writing, self->fd, way->fn));
	EXPECT_TRUE(has_tried(&writing, way->nr));
	EXPECT_EQ(0, end_change(self, &changing));
	EXPECT_EQ(0, part_end(&writing));
	EXPECT_EQ(FILE_SIZE + BLOCK, size_by_mount(AT_STATX_DONT_SYNC));
	EXPECT_EQ(FILE_SIZE + BLOCK, size_by_mount(0));
	EXPECT_EQ(FILE_SIZE + BLOCK, lseek(self->fd, 0, SEEK_END));
	EXPECT_EQ(FILE_SIZE + BLOCK, scratch_size("a"));
	if (passed && !__test_passed(_metadata))
		TH_LOG("%s", way->name);
}

/* A file that the server opened is its to allocate, not to be passed through. */
static bool is_passed_through(const self_t *self, const struct way *way)
{
	return way->fn != by_fallocate || self->file->attach;
}

static void all_ways_beside(struct __test_metadata *_metadata, self_t *self,
			    int (*change)(int fd))
{
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (is_passed_through(self, &ways[i]))
			write_beside(_metadata, self, change, &ways[i]);
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
}

TEST_F(sizes, beside_link)
{
	all_ways_beside(_metadata, self, by_link);
}

TEST_F(sizes, beside_chmod)
{
	all_ways_beside(_metadata, self, by_chmod);
}

/* What is written at the end that was is behind a hole then. */
TEST_F(sizes, beside_truncate)
{
	struct part changing, writing;

	ASSERT_EQ(0, start_change(self, &changing, by_truncate));
	EXPECT_EQ(0, scratch_size("a"));
	ASSERT_EQ(0, part_start(&writing, self->fd, by_write));
	EXPECT_TRUE(has_tried(&writing, SYS_pwrite64));
	EXPECT_EQ(0, end_change(self, &changing));
	EXPECT_EQ(0, part_end(&writing));
	EXPECT_EQ(FILE_SIZE + BLOCK, size_by_mount(AT_STATX_DONT_SYNC));
	EXPECT_EQ(FILE_SIZE + BLOCK, size_by_mount(0));
	EXPECT_EQ(FILE_SIZE + BLOCK, scratch_size("a"));
}

static int by_open(int fd)
{
	(void)fd;
	fd = open(SCRATCH_FUSE "/a", O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/*
 * The server has truncated it, with open(2), before it was written, and says so when
 * it was.
 */
TEST_F(sizes, beside_truncating_open)
{
	const struct fuse_server_opts opts = {
		.init_flags = FUSE_ATOMIC_O_TRUNC
	};
	struct part opening;

	if (variant->attached)
		SKIP(return, "the server's in any case");
	close(self->fd);
	fuse_server_stop(self->srv);
	ASSERT_EQ(0, env_serve(&self->env, self->srv, &opts));
	self->file = &self->srv->sh->file[0];
	self->file->per_open = true;
	self->srv->sh->attr_valid = 1000000;
	self->fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(FILE_SIZE, size_by_mount(0));

	self->file->hold_open = true;
	ASSERT_EQ(0, part_start(&opening, self->fd, by_open));
	ASSERT_TRUE(wait_until(self->srv->sh->held_count));
	ASSERT_EQ(0, truncate(scratch_path("a"), 0));
	ASSERT_EQ(3, pwrite(self->fd, "abc", 3, 0));
	self->srv->sh->release_held = true;
	EXPECT_EQ(0, part_end(&opening));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_SETATTR));
	EXPECT_EQ(3, size_by_mount(AT_STATX_DONT_SYNC));
	EXPECT_EQ(3, size_by_mount(0));
}

/* Nobody writes: it is what the reply says. */
TEST_F(sizes, nothing_beside)
{
	struct part changing;

	ASSERT_EQ(0, by_write(self->fd));
	ASSERT_EQ(0, start_change(self, &changing, by_link));
	EXPECT_EQ(0, end_change(self, &changing));
	EXPECT_EQ(FILE_SIZE + BLOCK, size_by_mount(AT_STATX_DONT_SYNC));
	ASSERT_EQ(0, start_change(self, &changing, by_truncate));
	EXPECT_EQ(0, end_change(self, &changing));
	EXPECT_EQ(0, size_by_mount(AT_STATX_DONT_SYNC));
}

/* Reads don't change the size, and wait for nobody. */
TEST_F(sizes, read_beside_chmod)
{
	struct part changing;
	char byte;

	ASSERT_EQ(0, start_change(self, &changing, by_chmod));
	EXPECT_EQ(1, pread(self->fd, &byte, 1, 0));
	EXPECT_EQ(0, end_change(self, &changing));
}

/*
 * Where nothing is to be waited for: the backing filesystem may have to write the times
 * down, but not twice at once.
 */
static bool writes_at_once(int fd, const struct iovec *iov)
{
	return pwritev2(fd, iov, 1, 0, 0) == BLOCK &&
	       pwritev2(fd, iov, 1, 0, RWF_NOWAIT) == BLOCK;
}

/* What must not wait doesn't, whether it would make the file longer or not. */
TEST_F(sizes, nowait)
{
	char *block = aligned_alloc(BLOCK, BLOCK);
	struct iovec iov = { block, BLOCK };
	struct part changing;
	int fd, held[2];

	ASSERT_NE(NULL, block);
	memset(block, 1, BLOCK);
	fd = fuse_server_open(self->srv, "a", O_RDWR | O_DIRECT);
	ASSERT_LE(0, fd);
	ASSERT_EQ(BLOCK, pwrite(fd, block, BLOCK, 0));

	ASSERT_EQ(0, start_change(self, &changing, by_chmod));
	held[0] = error_of(pwritev2(fd, &iov, 1, 0, RWF_NOWAIT), BLOCK);
	held[1] = error_of(pwritev2(fd, &iov, 1, FILE_SIZE, RWF_NOWAIT), BLOCK);
	EXPECT_EQ(0, end_change(self, &changing));
	EXPECT_EQ(-EAGAIN, held[0]);
	EXPECT_EQ(-EAGAIN, held[1]);
	EXPECT_EQ(FILE_SIZE, scratch_size("a"));

	EXPECT_TRUE(wait_until(writes_at_once(fd, &iov)));
	close(fd);
	free(block);
}

/* A server that doesn't answer doesn't keep others from going. */
TEST_F(sizes, who_waits_can_be_killed)
{
	struct part changing;
	int status = -1;
	pid_t pid;

	ASSERT_EQ(0, start_change(self, &changing, by_chmod));
	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(-by_write(self->fd));
	EXPECT_TRUE(wait_until(sleeps_in(pid, SYS_pwrite64)));
	kill(pid, SIGKILL);
	EXPECT_TRUE(wait_until(waitpid(pid, &status, WNOHANG) == pid));
	EXPECT_EQ(0, end_change(self, &changing));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(FILE_SIZE, scratch_size("a"));
	EXPECT_EQ(0, by_write(self->fd));
}

/* Before it answers the server takes the backing file away. */
static void revoke_beside(struct __test_metadata *_metadata, self_t *self,
			  const struct way *way)
{
	struct fuse_server_shared *sh = self->srv->sh;
	struct part changing, writing;

	ASSERT_EQ(0, start_change(self, &changing, by_chmod));
	ASSERT_EQ(0, part_start(&writing, self->fd, way->fn));
	EXPECT_TRUE(has_tried(&writing, way->nr));
	EXPECT_FALSE(GET(writing.done));
	self->file->attach = 0;
	self->file->per_open = false;
	self->file->open_flags = FOPEN_DIRECT_IO;
	sh->fallocates = true;
	sh->revoke_error = -1;
	sh->revoke_node = fuse_server_node(self->srv, self->file);
	sh->hold_changes = false;
	sh->release_held = true;
	EXPECT_TRUE(wait_until(sh->revoke_error != -1));
	/* or each would wait for the other for good */
	if (sh->revoke_error == -1)
		fuse_server_kill(self->srv);
	EXPECT_EQ(0, sh->revoke_error);
	EXPECT_EQ(0, part_end(&changing));
	EXPECT_EQ(0, part_end(&writing));
	EXPECT_EQ(FILE_SIZE + BLOCK, size_by_mount(0));
	EXPECT_EQ(FILE_SIZE + BLOCK, scratch_size("a"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, way->fn == by_fallocate ?
						FUSE_FALLOCATE : FUSE_WRITE));
}

TEST_F(sizes, revoke_beside_write)
{
	revoke_beside(_metadata, self, &ways[0]);
}

TEST_F(sizes, revoke_beside_fallocate)
{
	if (!variant->attached)
		SKIP(return, "the server's in any case");
	revoke_beside(_metadata, self, &ways[ARRAY_SIZE(ways) - 1]);
}

TEST_HARNESS_MAIN
