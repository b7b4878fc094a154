// SPDX-License-Identifier: GPL-2.0
/*
 * Many write one file at once, and its size is what it should be.
 *
 * Proves: concurrent overwrites, extending writes, appends, truncations and
 * stores to mappings end with the bytes that they should, and with one size,
 * which the mount tells as the backing file has it; a direct write that waits
 * for its data keeps no other waiting where the backing filesystem wouldn't.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/userfaultfd.h>

#include "harness.h"

#include "async_io.h"
#include "env.h"

#define ALIGN		4096
#define WRITERS		4
#define ROUNDS		200
#define CHUNK		64
#define PATIENCE	240	/* seconds, emulated and under KASAN */

FIXTURE(parallel) {
	struct env env;
	struct fuse_server *srv;
	int id;
};

FIXTURE_VARIANT(parallel) {
	enum scratch_fs fs;
};

FIXTURE_VARIANT_ADD(parallel, tmpfs) {
	.fs = SCRATCH_TMPFS,
};

FIXTURE_VARIANT_ADD(parallel, ext4) {
	.fs = SCRATCH_EXT4,
};

FIXTURE_SETUP(parallel)
{
	if (!env_start(_metadata, &self->env, variant->fs))
		return;
	self->srv = &self->env.srv;
	self->srv->sh->attr_valid = 1000000;
	self->id = env_register(&self->env, "a", O_RDWR);
	ASSERT_LT(0, self->id);
}

FIXTURE_TEARDOWN(parallel)
{
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	env_teardown(&self->env);
}

/* One thread's part; all of them share the file. */
struct part {
	int fd;
	int index;
	char *map;
	int err;
};

static void start_all(struct __test_metadata *_metadata, pthread_t *threads,
		      struct part *parts, void *(*fn)(void *arg))
{
	for (int i = 0; i < WRITERS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, fn, &parts[i]));
}

static void join_all(struct __test_metadata *_metadata, pthread_t *threads,
		     struct part *parts)
{
	for (int i = 0; i < WRITERS; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, parts[i].err);
	}
}

static void open_all(struct __test_metadata *_metadata,
		     FIXTURE_DATA(parallel) * self, struct part *parts,
		     int flags)
{
	for (int i = 0; i < WRITERS; i++) {
		parts[i] = (struct part) { .index = i };
		parts[i].fd = fuse_server_open_id(self->srv, "a", flags,
						  self->id);
		ASSERT_LE(0, parts[i].fd);
	}
}

static void run_all(struct __test_metadata *_metadata,
		    FIXTURE_DATA(parallel) * self, int flags,
		    void *(*fn)(void *arg))
{
	pthread_t threads[WRITERS];
	struct part parts[WRITERS];

	open_all(_metadata, self, parts, flags);
	start_all(_metadata, threads, parts, fn);
	join_all(_metadata, threads, parts);
	for (int i = 0; i < WRITERS; i++)
		close(parts[i].fd);
}

static off_t size_by_mount(unsigned int mask)
{
	struct statx st;

	return statx(AT_FDCWD, SCRATCH_FUSE "/a", 0, mask, &st) < 0 ? -errno :
								      (off_t)st.stx_size;
}

/* Without asking the server, and after asking it. */
#define EXPECT_SIZE(want) do {						\
	off_t __want = want;						\
									\
	EXPECT_EQ(__want, scratch_size("a"));				\
	EXPECT_EQ(__want, size_by_mount(STATX_SIZE));			\
	EXPECT_EQ(__want, size_by_mount(STATX_BASIC_STATS));		\
} while (0)

static void fill(char *chunk, int index)
{
	memset(chunk, 'a' + index, CHUNK);
}

/* Chunks take turns: thread by thread, round by round. */
static off_t offset_of(int index, int round)
{
	return (off_t)(round * WRITERS + index) * CHUNK;
}

static void *write_chunks(void *arg)
{
	struct part *part = arg;
	char chunk[CHUNK];

	fill(chunk, part->index);
	for (int i = 0; i < ROUNDS; i++)
		if (pwrite(part->fd, chunk, CHUNK,
			   offset_of(part->index, i)) != CHUNK)
			part->err = -errno;
	return NULL;
}

static int check_chunks(void)
{
	char chunk[CHUNK];
	int err = 0;

	for (int i = 0; i < ROUNDS; i++)
		for (int index = 0; index < WRITERS && !err; index++) {
			fill(chunk, index);
			err = scratch_compare("a", chunk, CHUNK,
					      offset_of(index, i));
		}
	return err;
}

TEST_F_TIMEOUT(parallel, overwrite, PATIENCE)
{
	ASSERT_EQ(0, truncate(scratch_path("a"), 2 * ROUNDS * WRITERS * CHUNK));
	run_all(_metadata, self, O_WRONLY, write_chunks);
	EXPECT_EQ(0, check_chunks());
	size_by_mount(STATX_BASIC_STATS);
	EXPECT_EQ(2 * ROUNDS * WRITERS * CHUNK, scratch_size("a"));
}

TEST_F_TIMEOUT(parallel, extend, PATIENCE)
{
	ASSERT_EQ(0, truncate(SCRATCH_FUSE "/a", 0));
	run_all(_metadata, self, O_WRONLY, write_chunks);
	EXPECT_EQ(0, check_chunks());
	EXPECT_SIZE(ROUNDS * WRITERS * CHUNK);
}

static void *append_chunks(void *arg)
{
	struct part *part = arg;
	char chunk[CHUNK];

	fill(chunk, part->index);
	for (int i = 0; i < ROUNDS; i++)
		if (write(part->fd, chunk, CHUNK) != CHUNK)
			part->err = -errno;
	return NULL;
}

/* None overwrote another, none was torn. */
static int check_appended(off_t from)
{
	int fd = open(scratch_path("a"), O_RDONLY | O_CLOEXEC);
	int count[WRITERS] = {}, bad = 0;
	char chunk[CHUNK], want[CHUNK];

	for (; pread(fd, chunk, CHUNK, from) == CHUNK; from += CHUNK) {
		int index = chunk[0] - 'a';

		if (index < 0 || index >= WRITERS) {
			bad++;
			continue;
		}
		fill(want, index);
		bad += !!memcmp(chunk, want, CHUNK);
		count[index]++;
	}
	close(fd);
	for (int i = 0; i < WRITERS; i++)
		bad += count[i] != ROUNDS;
	return bad;
}

TEST_F_TIMEOUT(parallel, append, PATIENCE)
{
	run_all(_metadata, self, O_WRONLY | O_APPEND, append_chunks);
	EXPECT_SIZE(FILE_SIZE + ROUNDS * WRITERS * CHUNK);
	EXPECT_EQ(0, check_appended(FILE_SIZE));
}

/* The first one truncates, the others write past the end. */
static void *truncate_or_extend(void *arg)
{
	struct part *part = arg;
	char chunk[CHUNK];

	fill(chunk, part->index);
	for (int i = 0; i < ROUNDS; i++) {
		if (!part->index && ftruncate(part->fd, i % 7) < 0)
			part->err = -errno;
		if (part->index && pwrite(part->fd, chunk, CHUNK,
					  offset_of(part->index, i % 5)) !=
					  CHUNK)
			part->err = -errno;
	}
	return NULL;
}

TEST_F_TIMEOUT(parallel, truncate, PATIENCE)
{
	for (int i = 0; i < 3; i++) {
		run_all(_metadata, self, O_RDWR, truncate_or_extend);
		EXPECT_SIZE(scratch_size("a"));
	}
}

static void *truncate_or_append(void *arg)
{
	struct part *part = arg;
	char chunk[CHUNK];

	fill(chunk, part->index);
	for (int i = 0; i < ROUNDS; i++) {
		if (!part->index && ftruncate(part->fd, i * 3) < 0)
			part->err = -errno;
		if (part->index && write(part->fd, chunk, CHUNK) != CHUNK)
			part->err = -errno;
	}
	return NULL;
}

TEST_F_TIMEOUT(parallel, truncate_and_append, PATIENCE)
{
	for (int i = 0; i < 3; i++) {
		run_all(_metadata, self, O_RDWR | O_APPEND, truncate_or_append);
		EXPECT_SIZE(scratch_size("a"));
	}
}

/* Direct, and completed by whoever: pages of their own, and a truncation. */
static void *write_async(void *arg)
{
	struct part *part = arg;
	char *page = aligned_alloc(ALIGN, ALIGN);

	memset(page, 'a' + part->index, ALIGN);
	for (int i = 0; i < ROUNDS / 10; i++) {
		off_t at = (off_t)((i % 4) * WRITERS + part->index) * ALIGN;

		if (!part->index && ftruncate(part->fd, i * ALIGN) < 0)
			part->err = -errno;
		if (part->index &&
		    aio_rw(part->fd, page, ALIGN, at, true) != ALIGN)
			part->err = -EIO;
	}
	free(page);
	return NULL;
}

TEST_F_TIMEOUT(parallel, truncate_and_async, PATIENCE)
{
	for (int i = 0; i < 3; i++) {
		run_all(_metadata, self, O_RDWR | O_DIRECT, write_async);
		EXPECT_SIZE(scratch_size("a"));
	}
}

/* Odd chunks by store, even ones by write. */
static void *store_chunks(void *arg)
{
	struct part *part = arg;
	char chunk[CHUNK];

	part->map = mmap(NULL, ROUNDS * WRITERS * CHUNK, PROT_READ | PROT_WRITE,
			 MAP_SHARED, part->fd, 0);
	if (part->map == MAP_FAILED) {
		part->err = -errno;
		return NULL;
	}
	fill(chunk, part->index);
	for (int i = 0; i < ROUNDS; i++) {
		off_t at = offset_of(part->index, i);

		if (i % 2)
			memcpy(part->map + at, chunk, CHUNK);
		else if (pwrite(part->fd, chunk, CHUNK, at) != CHUNK)
			part->err = -errno;
	}
	munmap(part->map, ROUNDS * WRITERS * CHUNK);
	return NULL;
}

TEST_F_TIMEOUT(parallel, mmap, PATIENCE)
{
	ASSERT_EQ(0, truncate(SCRATCH_FUSE "/a", ROUNDS * WRITERS * CHUNK));
	run_all(_metadata, self, O_RDWR, store_chunks);
	EXPECT_EQ(0, check_chunks());
	EXPECT_SIZE(ROUNDS * WRITERS * CHUNK);
}

/* A page whose contents are late: whoever reads it waits for give_page(). */
struct late_page {
	int uffd;
	char *page;
};

static int late_page_make(struct late_page *late)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	late->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (late->uffd < 0)
		return errno == ENOSYS || errno == EPERM ? -EOPNOTSUPP : -errno;
	late->page = mmap(NULL, ALIGN, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (unsigned long)late->page;
	reg.range.len = ALIGN;
	if (late->page == MAP_FAILED || ioctl(late->uffd, UFFDIO_API, &api) ||
	    ioctl(late->uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	return 0;
}

/* Returns when somebody waits for the page. */
static int late_page_wait(struct late_page *late)
{
	struct uffd_msg msg;

	return read(late->uffd, &msg, sizeof(msg)) == sizeof(msg) ? 0 : -errno;
}

static int late_page_give(struct late_page *late, const char *contents)
{
	struct uffdio_copy copy = {
		.dst = (unsigned long)late->page,
		.src = (unsigned long)contents,
		.len = ALIGN,
	};

	return ioctl(late->uffd, UFFDIO_COPY, &copy) ? -errno : 0;
}

struct late_write {
	struct late_page late;
	int fd;
	ssize_t written;
};

static void *write_late(void *arg)
{
	struct late_write *w = arg;

	w->written = pwrite(w->fd, w->late.page, ALIGN, 0);
	return NULL;
}

static int sync_backing(void)
{
	int fd = open(scratch_path("a"), O_RDONLY | O_CLOEXEC);
	int err = fsync(fd) ? -errno : 0;

	close(fd);
	return err;
}

/* If one write kept the other waiting, this would not end. */
static void overlap(struct __test_metadata *_metadata, struct late_write *w)
{
	char *page = aligned_alloc(ALIGN, ALIGN);
	pthread_t thread;
	int err;

	/* blocks that are not allocated yet would make it no overwrite */
	ASSERT_EQ(0, sync_backing());
	err = late_page_make(&w->late);
	if (err == -EOPNOTSUPP)
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, err);
	memset(page, 'l', ALIGN);
	ASSERT_EQ(0, pthread_create(&thread, NULL, write_late, w));
	ASSERT_EQ(0, late_page_wait(&w->late));
	EXPECT_EQ(ALIGN, pwrite(w->fd, page, ALIGN, 2 * ALIGN));
	EXPECT_EQ(0, late_page_give(&w->late, page));
	pthread_join(thread, NULL);
	EXPECT_EQ(ALIGN, w->written);
	EXPECT_EQ(0, scratch_compare("a", page, ALIGN, 0));
	EXPECT_EQ(0, scratch_compare("a", page, ALIGN, 2 * ALIGN));
	close(w->late.uffd);
	free(page);
}

/* ext4 takes its lock shared for direct overwrites. */
TEST_F(parallel, direct_writes_overlap)
{
	struct late_write w = {};

	if (variant->fs != SCRATCH_EXT4)
		SKIP(return, "the filesystem serializes writes");
	w.fd = fuse_server_open_id(self->srv, "a", O_RDWR | O_DIRECT, self->id);
	ASSERT_LE(0, w.fd);
	overlap(_metadata, &w);
	close(w.fd);
}

TEST_F(parallel, control_direct_writes_overlap_without_fuse)
{
	struct late_write w = {};

	if (variant->fs != SCRATCH_EXT4)
		SKIP(return, "the filesystem serializes writes");
	w.fd = open(scratch_path("a"), O_RDWR | O_DIRECT | O_CLOEXEC);
	ASSERT_LE(0, w.fd);
	overlap(_metadata, &w);
	close(w.fd);
}

TEST_HARNESS_MAIN
