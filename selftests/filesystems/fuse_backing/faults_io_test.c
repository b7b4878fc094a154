// SPDX-License-Identifier: GPL-2.0
/*
 * What a client calls, with every allocation and every copy failing once.
 *
 * Proves: open, close, read, write, splice, mapped memory, aio, io_uring, fsync,
 * lseek and stat of a file that is passed through by id, by an attachment or by
 * extents end with ENOMEM or EFAULT, or work, whichever allocation fails. What was
 * read is right as far as it goes; then the file can be read and written, all
 * that tell of the mappings agree, and after the test nothing keeps the backing
 * filesystem busy.
 *
 * Privilege: root. Needs a kernel with fault injection.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "harness.h"

#include "async_io.h"
#include "backing_ioctl.h"
#include "backing_table.h"
#include "env.h"
#include "fault_places.h"
#include "mount_check.h"
#include "wait_until.h"

#define BOTH	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define PAGE	4096
#define LEN	(2 * PAGE)

enum kind {
	BY_ID,
	ATTACHED,
	EXTENTS,	/* as they are in the backing file, in one piece */
	PIECES,		/* and in two */
};

struct io {
	struct env env;
	struct fuse_server *srv;
	enum kind kind;
	int id;
	int fd;			/* of "a", always open */
	int opened;		/* by the call */
	int fault;
	int pipe[2];
	int count;		/* of mappings */
	char *map;		/* the start of "a" */
	char *buf;		/* LEN, aligned */
	char want[FILE_SIZE];	/* what "a" has */
};

FIXTURE(faults_io) {
	struct io io;
};

FIXTURE_VARIANT(faults_io) {
	enum kind kind;
};

static int set_extents(struct io *io, __u64 node, unsigned int count)
{
	const __u32 length = FILE_SIZE / count;
	struct fuse_backing_extent extent[2];

	for (unsigned int i = 0; i < count; i++)
		extent[i] = (struct fuse_backing_extent) {
			.offset = i * length,
			.length = length,
			.backing_offset = i * length,
			.backing_id = io->id,
			.flags = FUSE_BACKING_EXTENT_WRITE,
		};
	return fuse_backing_set_extents(io->srv->fd, node, extent, count, BOTH);
}

static int open_file(struct io *io)
{
	if (io->kind == BY_ID)
		return fuse_server_open_id(io->srv, "a", O_RDWR, io->id);
	return fuse_server_open(io->srv, "a", O_RDWR);
}

/* Everything that opening "a" needs */
static int set_up(struct io *io)
{
	__u64 node = fuse_server_node(io->srv, &io->srv->sh->file[0]);
	struct stat st;

	io->id = env_register(&io->env, "a", O_RDWR);
	if (io->id < 0)
		return io->id;
	if (stat(SCRATCH_FUSE "/a", &st) < 0)
		return -errno;
	switch (io->kind) {
	case BY_ID:
		return 0;
	case ATTACHED:
		return fuse_attach_backing(io->srv->fd, node, 0, io->id, BOTH);
	case EXTENTS:
		return set_extents(io, node, 1);
	default:
		return set_extents(io, node, 2);
	}
}

FIXTURE_SETUP(faults_io)
{
	struct io *io = &self->io;

	if (!fault_ready(_metadata) ||
	    !env_start(_metadata, &io->env, SCRATCH_TMPFS))
		return;
	io->srv = &io->env.srv;
	io->kind = variant->kind;
	ASSERT_EQ(0, set_up(io));
	scratch_pattern(io->want, FILE_SIZE, 0);
	io->buf = aligned_alloc(PAGE, LEN);
	ASSERT_EQ(0, pipe(io->pipe));
	io->fd = open_file(io);
	ASSERT_LE(0, io->fd);
	io->map = mmap(NULL, FILE_SIZE, PROT_READ, MAP_PRIVATE, io->fd, 0);
	ASSERT_NE(MAP_FAILED, io->map);
	io->count = table_count(thread_find(io->srv->dev));
	io->fault = fault_open(0);
	ASSERT_LE(0, io->fault);
}

FIXTURE_TEARDOWN(faults_io)
{
	struct io *io = &self->io;

	EXPECT_EQ(0, io->srv->sh->bad_fh)
		TH_LOG("opcode %u", io->srv->sh->bad_op);
	munmap(io->map, FILE_SIZE);
	close(io->fd);
	env_teardown(&io->env);
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
}

/* The file has its bytes, and none are lost that were written */
static const char *io_fails(struct io *io, int fd)
{
	static char got[FILE_SIZE];

	if (pread(fd, got, FILE_SIZE, 0) != FILE_SIZE)
		return "the file can't be read";
	if (memcmp(got, io->want, FILE_SIZE))
		return "the file has other bytes";
	if (pwrite(fd, got + PAGE, PAGE, PAGE) != PAGE)
		return "the file can't be written";
	if (scratch_compare("a", io->want, FILE_SIZE, 0))
		return "the backing file has other bytes";
	return NULL;
}

static const char *wrong(void *fixture)
{
	struct io *io = fixture;
	const char *what;
	int fd;

	wait_until(!(what = mount_check(io->srv)));
	if (what)
		return what;
	if (table_count(thread_find(io->srv->dev)) != io->count)
		return "not as many files in the table as before";
	fd = open_file(io);
	if (fd < 0)
		return "the file can't be opened";
	what = io_fails(io, fd);
	close(fd);
	return what;
}

/* Bytes that were transferred are those of the file, from @at on */
static long checked(struct io *io, const char *buf, ssize_t n, off_t at)
{
	if (n < 0)
		return -errno;
	return memcmp(buf, io->want + at, n) ? -EILSEQ : n;
}

static long call_open(void *fixture)
{
	struct io *io = fixture;

	io->opened = open_file(io);
	return io->opened;
}

static int undo_open(void *fixture, long result)
{
	struct io *io = fixture;

	return result >= 0 && close(io->opened) < 0 ? -errno : 0;
}

static int prepare_close(void *fixture)
{
	long fd = call_open(fixture);

	return fd < 0 ? fd : 0;
}

static long call_close(void *fixture)
{
	struct io *io = fixture;

	return close(io->opened) < 0 ? -errno : 0;
}

static long call_read(void *fixture)
{
	struct io *io = fixture;

	return checked(io, io->buf, pread(io->fd, io->buf, LEN, 100), 100);
}

/* Over the edge of pieces */
static long call_read_edge(void *fixture)
{
	struct io *io = fixture;
	off_t at = FILE_SIZE / 2 - 100;

	return checked(io, io->buf, pread(io->fd, io->buf, LEN, at), at);
}

/* What is there already, so that nobody sees how far it got */
static long call_write(void *fixture)
{
	struct io *io = fixture;
	ssize_t n = pwrite(io->fd, io->want + 100, LEN, 100);

	return n < 0 ? -errno : n;
}

static long call_splice(void *fixture)
{
	struct io *io = fixture;
	loff_t at = 0;
	ssize_t n = splice(io->fd, &at, io->pipe[1], NULL, PAGE, 0);

	return n < 0 ? -errno : n;
}

static int undo_splice(void *fixture, long result)
{
	struct io *io = fixture;

	if (result <= 0)
		return 0;
	if (read(io->pipe[0], io->buf, result) != result)
		return -EPIPE;
	return memcmp(io->buf, io->want, result) ? -EILSEQ : 0;
}

/* So that they are read again */
static int prepare_pages(void *fixture)
{
	struct io *io = fixture;

	if (madvise(io->map, FILE_SIZE, MADV_DONTNEED) < 0 ||
	    posix_fadvise(io->fd, 0, 0, POSIX_FADV_DONTNEED))
		return -errno;
	return 0;
}

/* By a system call: a fault of its own would end in a signal */
static long call_pages(void *fixture)
{
	struct io *io = fixture;
	ssize_t n = write(io->pipe[1], io->map, PAGE);

	return n < 0 ? -errno : n;
}

static long call_mmap(void *fixture)
{
	struct io *io = fixture;
	char *map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, io->fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	munmap(map, PAGE);
	return 0;
}

static long call_aio_read(void *fixture)
{
	struct io *io = fixture;
	ssize_t n = aio_rw(io->fd, io->buf, LEN, 0, false);

	return n < 0 ? n : checked(io, io->buf, n, 0);
}

static long call_aio_write(void *fixture)
{
	struct io *io = fixture;

	return aio_rw(io->fd, io->want, LEN, 0, true);
}

/* Asynchronous for the backing file, too: the kernel keeps the request */
static int prepare_direct(void *fixture)
{
	struct io *io = fixture;

	memcpy(io->buf, io->want, LEN);
	return fcntl(io->fd, F_SETFL, O_DIRECT) < 0 ? -errno : 0;
}

static int undo_direct(void *fixture, long result)
{
	struct io *io = fixture;

	(void)result;
	return fcntl(io->fd, F_SETFL, 0) < 0 ? -errno : 0;
}

static long call_direct_write(void *fixture)
{
	struct io *io = fixture;

	return aio_rw(io->fd, io->buf, LEN, 0, true);
}

static long call_uring_read(void *fixture)
{
	struct io *io = fixture;
	ssize_t n = uring_rw(io->fd, io->buf, LEN, 0, false);

	return n < 0 ? n : checked(io, io->buf, n, 0);
}

static long call_fsync(void *fixture)
{
	struct io *io = fixture;

	return fsync(io->fd) < 0 ? -errno : 0;
}

static long call_seek(void *fixture)
{
	struct io *io = fixture;
	off_t at = lseek(io->fd, 0, SEEK_HOLE);

	return at < 0 ? -errno : at;
}

static long call_stat(void *fixture)
{
	struct io *io = fixture;
	struct stat st;

	return fstat(io->fd, &st) < 0 ? -errno : 0;
}

static void everywhere(struct __test_metadata *_metadata, struct io *io,
		       const struct fault_call *call)
{
	fault_places(_metadata, io->fault, call, io, wrong);
}

FIXTURE_VARIANT_ADD(faults_io, by_id) { .kind = BY_ID };
FIXTURE_VARIANT_ADD(faults_io, attached) { .kind = ATTACHED };
FIXTURE_VARIANT_ADD(faults_io, extents) { .kind = EXTENTS };
FIXTURE_VARIANT_ADD(faults_io, pieces) { .kind = PIECES };

TEST_F_TIMEOUT(faults_io, open, 300)
{
	everywhere(_metadata, &self->io, &(const struct fault_call) {
		.call = call_open,
		.undo = undo_open,
	});
}

TEST_F_TIMEOUT(faults_io, close, 300)
{
	everywhere(_metadata, &self->io, &(const struct fault_call) {
		.prepare = prepare_close,
		.call = call_close,
	});
}

TEST_F_TIMEOUT(faults_io, read, 300)
{
	everywhere(_metadata, &self->io, &(const struct fault_call) {
		.call = call_read,
	});
}

TEST_F_TIMEOUT(faults_io, read_edge, 300)
{
	everywhere(_metadata, &self->io, &(const struct fault_call) {
		.call = call_read_edge,
	});
}

TEST_F_TIMEOUT(faults_io, write, 300)
{
	everywhere(_metadata, &self->io, &(const struct fault_call) {
		.call = call_write,
	});
}

TEST_F_TIMEOUT(faults_io, splice, 300)
{
	everywhere(_metadata, &self->io, &(const struct fault_call) {
		.call = call_splice,
		.undo = undo_splice,
	});
}

TEST_F_TIMEOUT(faults_io, pages, 300)
{
	everywhere(_metadata, &self->io, &(const struct fault_call) {
		.prepare = prepare_pages,
		.call = call_pages,
		.undo = undo_splice,
	});
}

TEST_F_TIMEOUT(faults_io, mmap, 300)
{
	everywhere(_metadata, &self->io, &(const struct fault_call) {
		.call = call_mmap,
	});
}

TEST_F_TIMEOUT(faults_io, aio_read, 300)
{
	everywhere(_metadata, &self->io, &(const struct fault_call) {
		.call = call_aio_read,
		.also = { EAGAIN },
	});
}

TEST_F_TIMEOUT(faults_io, aio_write, 300)
{
	everywhere(_metadata, &self->io, &(const struct fault_call) {
		.call = call_aio_write,
		.also = { EAGAIN },
	});
}

TEST_F_TIMEOUT(faults_io, direct_read, 300)
{
	everywhere(_metadata, &self->io, &(const struct fault_call) {
		.prepare = prepare_direct,
		.call = call_aio_read,
		.undo = undo_direct,
		.also = { EAGAIN },
	});
}

TEST_F_TIMEOUT(faults_io, direct_write, 300)
{
	everywhere(_metadata, &self->io, &(const struct fault_call) {
		.prepare = prepare_direct,
		.call = call_direct_write,
		.undo = undo_direct,
		.also = { EAGAIN },
	});
}

TEST_F_TIMEOUT(faults_io, uring_read, 300)
{
	everywhere(_metadata, &self->io, &(const struct fault_call) {
		.call = call_uring_read,
		/* io_uring made no worker: those of Linux 7.3 end with their ring */
		.also = { EAGAIN, ECANCELED },
	});
}

TEST_F_TIMEOUT(faults_io, fsync, 300)
{
	everywhere(_metadata, &self->io, &(const struct fault_call) {
		.call = call_fsync,
	});
}

TEST_F_TIMEOUT(faults_io, seek, 300)
{
	everywhere(_metadata, &self->io, &(const struct fault_call) {
		.call = call_seek,
	});
}

TEST_F_TIMEOUT(faults_io, stat, 300)
{
	everywhere(_metadata, &self->io, &(const struct fault_call) {
		.call = call_stat,
	});
}

TEST_HARNESS_MAIN
