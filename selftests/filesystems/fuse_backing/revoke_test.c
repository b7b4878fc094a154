// SPDX-License-Identifier: GPL-2.0
/*
 * A backing file can be taken away from open files.
 *
 * Proves: when FUSE_DEV_IOC_BACKING_DETACH with FUSE_BACKING_DETACH_REVOKE
 * returns, nothing of the inode pins the old file and no byte goes there any
 * more, whatever was in flight; files that are open go on through the server,
 * with a handle that it gave out, or fail with EIO if it gives none; an inode
 * that is mmapped keeps its backing file (EBUSY); waiting can be interrupted by
 * a signal to the caller; a file that is opened meanwhile is the server's.
 *
 * "Migrating" a file below means to put another one in its place.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <linux/falloc.h>
#include <linux/fs.h>

#include "harness.h"

#include "async_io.h"
#include "backing_ioctl.h"
#include "env.h"
#include "held_page.h"
#include "io_load.h"
#include "reject_trace.h"
#include "wait_until.h"

#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define REVOKE		FUSE_BACKING_DETACH_REVOKE
#define BLOCK		4096
#define ROUNDS		10
#define MANY		150	/* more than are looked at with a lock held */
#define LATE		2	/* threads */
#define LATE_ROUNDS	100
#define EXT4_SHUTDOWN	_IOR('X', 125, __u32)

/* What threads share */
#define GET(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define SET(x, to)	__atomic_store_n(&(x), to, __ATOMIC_RELAXED)

/* What threads do that come too late */
struct late {
	int fd;
	bool stop;
	unsigned long reads;	/* that didn't */
	bool refused;		/* one that did */
	char byte;
};

FIXTURE(revoke) {
	struct env env;
	struct fuse_server *srv;
	struct fuse_server_file *file;	/* "a" */
	__u64 node;
	int dev;
	int fd;				/* it, open in passthrough mode */
};

FIXTURE_VARIANT(revoke) {
	bool attached;
};

FIXTURE_VARIANT_ADD(revoke, opened_by_kernel) {
	.attached = true,
};

FIXTURE_VARIANT_ADD(revoke, opened_by_server) {
	.attached = false,
};

/* "a" as the variant opens it. */
static int open_a(struct fuse_server *srv, struct fuse_server_file *file,
		  bool attached)
{
	file->attach = attached ? BOTH : 0;
	file->per_open = !attached;
	return fuse_server_open(srv, "a", O_RDWR);
}

/* From now on the server serves the file itself. */
static void serve_directly(struct fuse_server_file *file)
{
	file->attach = 0;
	file->per_open = false;
	file->open_flags = FOPEN_DIRECT_IO;
}

FIXTURE_SETUP(revoke)
{
	if (!env_start(_metadata, &self->env, SCRATCH_EXT4))
		return;
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
	self->file = &self->srv->sh->file[0];
	self->node = fuse_server_node(self->srv, self->file);
	self->srv->sh->getxattr_error = ENOSYS;
	self->fd = open_a(self->srv, self->file, variant->attached);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(!variant->attached, self->file->opens);
	serve_directly(self->file);
}

FIXTURE_TEARDOWN(revoke)
{
	if (self->fd >= 0)
		close(self->fd);
	EXPECT_TRUE(wait_until(self->file->opens == self->file->releases));
	EXPECT_EQ(0, self->srv->sh->bad_fh)
		TH_LOG("opcode %u", self->srv->sh->bad_op);
	env_teardown(&self->env);
}

/* Another file takes the place of "a", at once: the server opens it by name. */
static int migrate(void)
{
	char a[PATH_MAX], new[PATH_MAX];
	int err = scratch_file("a.new", FILE_SIZE, 77);

	if (err)
		return err;
	snprintf(a, sizeof(a), "%s", scratch_path("a"));
	snprintf(new, sizeof(new), "%s", scratch_path("a.new"));
	if (link(a, scratch_path("a.old")) < 0 || rename(new, a) < 0)
		return -errno;
	return 0;
}

/* To whatever "a" is by now. */
static int attach_again(int dev, __u64 node)
{
	int id = fuse_backing_open_once(dev, scratch_path("a"), O_RDWR);

	return id < 0 ? id : fuse_attach_backing(dev, node, 0, id, BOTH);
}

/* Bytes go to the new file, and come from it. */
static bool is_served(int fd)
{
	char c = 0;

	return pwrite(fd, "s", 1, 3) == 1 && pread(fd, &c, 1, 3) == 1 &&
	       c == 's' && !scratch_compare("a", "s", 1, 3);
}

TEST_F(revoke, goes_on_through_the_server)
{
	EXPECT_EQ(1, pwrite(self->fd, "o", 1, 3));
	EXPECT_EQ(1, env_count(self->srv));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	EXPECT_EQ(0, env_count(self->srv));
	ASSERT_EQ(0, migrate());
	EXPECT_TRUE(is_served(self->fd));
	EXPECT_EQ(0, scratch_compare("a.old", "o", 1, 3));
	EXPECT_EQ(1, self->file->opens);
	EXPECT_EQ(2, fuse_server_data_ops(self->srv));
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, self->node, 0,
					       REVOKE));
}

/* The backing filesystem is free, with the FUSE file open. */
TEST_F(revoke, nothing_is_pinned)
{
	EXPECT_EQ(-EBUSY, scratch_umount_backing());
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
	ASSERT_EQ(0, scratch_mount_backing(&self->env.scratch));
	ASSERT_EQ(0, scratch_file("a", FILE_SIZE, 77));
	EXPECT_TRUE(is_served(self->fd));
}

/* The control: to detach only, without the flag, changes nothing for it. */
TEST_F(revoke, detach_leaves_it)
{
	EXPECT_EQ(variant->attached ? 0 : -ENOENT,
		  fuse_detach_backing(self->dev, self->node, 0, 0));
	ASSERT_EQ(0, migrate());
	EXPECT_EQ(1, pwrite(self->fd, "o", 1, 3));
	EXPECT_EQ(0, scratch_compare("a.old", "o", 1, 3));
	EXPECT_EQ(1, env_count(self->srv));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	/* and it can still be taken away */
	EXPECT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	EXPECT_TRUE(is_served(self->fd));
}

/* What is neither attached nor open can't be taken away. */
TEST_F(revoke, nothing_there)
{
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(variant->attached ? 0 : -ENOENT,
		  fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, 40, 0, REVOKE));
	EXPECT_EQ(0, env_count(self->srv));
}

TEST_F(revoke, server_does_not_open)
{
	char c;

	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	if (!variant->attached)
		return;
	self->file->open_error = EACCES;
	EXPECT_EQ(-1, pwrite(self->fd, "x", 1, 0));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-1, pread(self->fd, &c, 1, 0));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-1, fsync(self->fd));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-1, lseek(self->fd, 0, SEEK_HOLE));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(4, self->file->opens);
	self->file->opens = 0;
	self->file->open_error = 0;
	EXPECT_TRUE(is_served(self->fd));
}

/* Asking the server is waiting. */
TEST_F(revoke, nowait)
{
	char c;
	struct iovec iov = { &c, 1 };

	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	EXPECT_EQ(-1, preadv2(self->fd, &iov, 1, 0, RWF_NOWAIT));
	EXPECT_TRUE(errno == EAGAIN || errno == EOPNOTSUPP);
	EXPECT_TRUE(is_served(self->fd));
}

TEST_F(revoke, all_kinds_of_io)
{
	static char buf[BLOCK], in[BLOCK];
	off_t at = BLOCK;
	int p[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	ASSERT_EQ(0, migrate());
	memset(buf, 'k', sizeof(buf));
	EXPECT_EQ(BLOCK, aio_rw(self->fd, buf, BLOCK, 0, true));
	EXPECT_EQ(BLOCK, aio_rw(self->fd, in, BLOCK, 0, false));
	EXPECT_EQ(0, memcmp(in, buf, BLOCK));
	EXPECT_EQ(BLOCK, write(p[1], buf, BLOCK));
	EXPECT_EQ(BLOCK, splice(p[0], NULL, self->fd, &at, BLOCK, 0));
	at = BLOCK;
	EXPECT_EQ(BLOCK, splice(self->fd, &at, p[1], NULL, BLOCK, 0));
	EXPECT_EQ(BLOCK, read(p[0], in, BLOCK));
	EXPECT_EQ(0, memcmp(in, buf, BLOCK));
	EXPECT_EQ(0, scratch_compare("a", buf, BLOCK, 0));
	EXPECT_EQ(0, scratch_compare("a", buf, BLOCK, BLOCK));
	close(p[0]);
	close(p[1]);
}

/* What the pages of the FUSE inode hold, if anything, is not what is read. */
TEST_F(revoke, splice_reads_what_read_does)
{
	char in[BLOCK], out[BLOCK];
	off_t at;
	int p[2], fd;

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	ASSERT_EQ(0, migrate());
	at = 0;
	EXPECT_EQ(BLOCK, splice(self->fd, &at, p[1], NULL, BLOCK, 0));
	EXPECT_EQ(BLOCK, read(p[0], out, BLOCK));
	fd = open_a(self->srv, self->file, false);
	ASSERT_LE(0, fd);
	for (int i = 0; i < 2; i++) {
		memset(in, 'p' + i, BLOCK);
		EXPECT_EQ(BLOCK, pwrite(fd, in, BLOCK, 0));
		EXPECT_EQ(BLOCK, pread(self->fd, out, BLOCK, 0));
		EXPECT_EQ(0, memcmp(in, out, BLOCK));
		at = 0;
		EXPECT_EQ(BLOCK, splice(self->fd, &at, p[1], NULL, BLOCK, 0));
		EXPECT_EQ(BLOCK, read(p[0], out, BLOCK));
		EXPECT_EQ(0, memcmp(in, out, BLOCK));
		at = 0;
		EXPECT_EQ(BLOCK, sendfile(p[1], self->fd, &at, BLOCK));
		EXPECT_EQ(BLOCK, read(p[0], out, BLOCK));
		EXPECT_EQ(0, memcmp(in, out, BLOCK));
	}
	serve_directly(self->file);
	close(fd);
	close(p[0]);
	close(p[1]);
}

/* "a" as the variant opens it, registered with @map_flags. */
static int open_with(struct fuse_server *srv, struct fuse_server_file *file,
		     bool attached, __u32 map_flags)
{
	int id = fuse_backing_open_with(srv->fd, scratch_path("a"), O_RDWR,
					FUSE_BACKING_MAP_AUTO_CLOSE | map_flags);
	__u64 node = fuse_server_node(srv, file);
	int err;

	if (id < 0)
		return id;
	file->open_flags = 0;
	if (!attached)
		return fuse_server_open_id(srv, "a", O_RDWR, id);
	err = fuse_detach_backing(srv->fd, node, 0, 0);
	if (!err)
		err = fuse_attach_backing(srv->fd, node, 0, id, BOTH);
	return err ?: fuse_server_open(srv, "a", O_RDWR);
}

#define SPLICED		(2 * BLOCK + 1000)

/* The server has the file for itself: it frees the bytes, and uses them again. */
static int reuse(void)
{
	const char *path = scratch_path("a");
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char other[BLOCK];
	int err = 0;

	memset(other, 'o', sizeof(other));
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, BLOCK,
		      SPLICED - BLOCK) < 0 ||
	    pwrite(fd, other, BLOCK, 0) != BLOCK)
		err = -errno;
	close(fd);
	return err;
}

static int empty(void)
{
	return truncate(scratch_path("a"), 0) < 0 ? -errno : 0;
}

/*
 * Are bytes of "a" that are in a pipe when it is taken away the same after the
 * server did something to it?
 */
static int pipe_keeps(FIXTURE_DATA(revoke) * self, int fd, int (*change)(void))
{
	static char want[SPLICED], got[SPLICED];
	off_t at = 0;
	int p[2];

	if (fd < 0 || pipe(p) < 0 || pread(fd, want, SPLICED, 0) != SPLICED ||
	    splice(fd, &at, p[1], NULL, SPLICED, 0) != SPLICED)
		return -EIO;
	serve_directly(self->file);
	if (fuse_detach_backing(self->dev, self->node, 0, REVOKE) || change() ||
	    read(p[0], got, SPLICED) != SPLICED)
		return -EIO;
	close(fd);
	close(p[0]);
	close(p[1]);
	return !memcmp(want, got, SPLICED);
}

TEST_F(revoke, splice_copies)
{
	int fd = open_with(self->srv, self->file, variant->attached,
			   FUSE_BACKING_MAP_COPY_SPLICE);

	EXPECT_EQ(1, pipe_keeps(self, fd, reuse));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	EXPECT_EQ(0, env_count(self->srv));
}

/* Not promised without the flag: the pages are the file's. */
TEST_F(revoke, splice_gives_pages)
{
	int fd = open_with(self->srv, self->file, variant->attached, 0);

	EXPECT_EQ(0, pipe_keeps(self, fd, reuse));
	EXPECT_EQ(0, env_count(self->srv));
}

/* But who only empties the file, or unlinks it, takes them away from nobody. */
TEST_F(revoke, splice_outlives_the_file)
{
	int fd = open_with(self->srv, self->file, variant->attached, 0);

	EXPECT_EQ(1, pipe_keeps(self, fd, empty));
	EXPECT_EQ(0, env_count(self->srv));
}

/* What else carries a handle goes to the server now, with one. */
TEST_F(revoke, other_requests)
{
	struct fuse_server *srv = self->srv;
	struct stat st;

	srv->sh->fallocates = true;
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	ASSERT_EQ(0, migrate());
	EXPECT_EQ(0, fallocate(self->fd, 0, 0, FILE_SIZE + BLOCK));
	EXPECT_EQ(1, fuse_server_ops(srv, FUSE_FALLOCATE));
	EXPECT_EQ(FILE_SIZE + BLOCK, scratch_size("a"));
	EXPECT_EQ(0, lseek(self->fd, 0, SEEK_DATA));
	EXPECT_EQ(1, fuse_server_ops(srv, FUSE_LSEEK));
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(1, fuse_server_ops(srv, FUSE_FSYNC));
	EXPECT_EQ(0, ftruncate(self->fd, 100));
	EXPECT_EQ(100, scratch_size("a"));
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(100, st.st_size);
	EXPECT_EQ(0, posix_fadvise(self->fd, 0, 0, POSIX_FADV_WILLNEED));
	EXPECT_EQ(1, self->file->opens);
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(1, fuse_server_ops(srv, FUSE_FLUSH));
}

/* Advice asks nobody, not even where nothing has a handle yet. */
TEST_F(revoke, advice)
{
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	EXPECT_EQ(0, posix_fadvise(self->fd, 0, 0, POSIX_FADV_WILLNEED));
	EXPECT_EQ(0, readahead(self->fd, 0, FILE_SIZE));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
}

TEST_F(revoke, closed_without_io)
{
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(!variant->attached, self->file->opens);
}

/* mmap(2) */

TEST_F(revoke, mmapped)
{
	static struct reject_trace trace;
	char *map;

	map = mmap(NULL, BLOCK, PROT_READ, MAP_PRIVATE, self->fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, reject_trace_start(&trace));
	EXPECT_EQ(-EBUSY, fuse_detach_backing(self->dev, self->node, 0,
					      REVOKE));
	EXPECT_TRUE(reject_trace_has(&trace, self->srv->dev, 0, -EBUSY,
				     "mmapped"));
	reject_trace_stop(&trace);
	EXPECT_EQ(1, pwrite(self->fd, "x", 1, 0));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	EXPECT_LE(1, env_count(self->srv));

	/* not longer than that, though the file is open */
	munmap(map, BLOCK);
	serve_directly(self->file);
	EXPECT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	EXPECT_TRUE(is_served(self->fd));
	EXPECT_TRUE(wait_until(!env_count(self->srv)));
}

/* Files that were mapped are many, and one that is comes last, or was found not to be. */
TEST_F(revoke, mapped_and_unmapped)
{
	int fd[MANY];
	char *map, *again;

	map = mmap(NULL, BLOCK, PROT_READ, MAP_PRIVATE, self->fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	for (int i = 0; i < MANY; i++) {
		fd[i] = open_a(self->srv, self->file, variant->attached);
		ASSERT_LE(0, fd[i]);
		again = mmap(NULL, BLOCK, PROT_READ, MAP_PRIVATE, fd[i], 0);
		ASSERT_NE(MAP_FAILED, again);
		munmap(again, BLOCK);
	}
	serve_directly(self->file);
	EXPECT_EQ(-EBUSY, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	again = mmap(NULL, BLOCK, PROT_READ, MAP_PRIVATE, fd[0], 0);
	ASSERT_NE(MAP_FAILED, again);
	munmap(map, BLOCK);
	EXPECT_EQ(-EBUSY, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	close(fd[0]);
	EXPECT_EQ(-EBUSY, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	munmap(again, BLOCK);
	EXPECT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	EXPECT_TRUE(wait_until(!env_count(self->srv)));
	ASSERT_EQ(0, migrate());
	for (int i = 1; i < MANY; i++) {
		EXPECT_TRUE(is_served(fd[i]));
		close(fd[i]);
	}
	EXPECT_TRUE(is_served(self->fd));
}

/* Nothing was mapped, so it can be taken away. */
TEST_F(revoke, mmap_fails)
{
	__u32 how = 2;	/* EXT4_GOING_FLAGS_NOLOGFLUSH */
	int fs = open(SCRATCH_BACKING, O_RDONLY | O_CLOEXEC);

	ASSERT_LE(0, fs);
	ASSERT_EQ(0, ioctl(fs, EXT4_SHUTDOWN, &how));
	close(fs);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, BLOCK, PROT_READ, MAP_PRIVATE,
				   self->fd, 0));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	EXPECT_EQ(0, env_count(self->srv));
}

/* mmap(2) holds a lock that readers of /proc wait for: it asks nobody. */
TEST_F(revoke, mmap_afterwards)
{
	__u32 before;
	char *map, c;

	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	ASSERT_EQ(0, migrate());
	before = fuse_server_requests(self->srv);
	if (variant->attached) {
		map = mmap(NULL, BLOCK, PROT_READ, MAP_PRIVATE, self->fd, 0);
		EXPECT_EQ(MAP_FAILED, map);
		EXPECT_EQ(ENODEV, errno);
		EXPECT_EQ(before, fuse_server_requests(self->srv));
		/* somebody else does, so there is a handle then */
		EXPECT_EQ(1, pread(self->fd, &c, 1, 0));
		EXPECT_EQ(1, self->file->opens);
	}
	map = mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, self->fd, 0);
	EXPECT_EQ(MAP_FAILED, map);
	EXPECT_EQ(ENODEV, errno);
	map = mmap(NULL, BLOCK, PROT_READ, MAP_PRIVATE, self->fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, scratch_compare("a", map, BLOCK, 0));
	munmap(map, BLOCK);
}

/* Opens before, during and after */

TEST_F(revoke, several_files)
{
	int fd[3];

	for (int i = 0; i < 3; i++) {
		fd[i] = open_a(self->srv, self->file, variant->attached);
		ASSERT_LE(0, fd[i]);
	}
	serve_directly(self->file);
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	EXPECT_EQ(0, env_count(self->srv));
	ASSERT_EQ(0, migrate());
	close(fd[0]);
	for (int i = 1; i < 3; i++) {
		EXPECT_TRUE(is_served(fd[i]));
		close(fd[i]);
	}
	EXPECT_TRUE(is_served(self->fd));
}

TEST_F(revoke, later_opens)
{
	int fd;

	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	ASSERT_EQ(0, migrate());
	/* in whatever mode the server likes: direct, and cached */
	for (int i = 0; i < 2; i++) {
		fd = fuse_server_open(self->srv, "a", O_RDWR);
		ASSERT_LE(0, fd);
		EXPECT_TRUE(is_served(fd));
		EXPECT_TRUE(is_served(self->fd));
		close(fd);
		self->file->open_flags = 0;
	}
	/* and on what it migrated to */
	fd = open_a(self->srv, self->file, false);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, env_count(self->srv));
	EXPECT_TRUE(is_served(fd));
	EXPECT_TRUE(is_served(self->fd));
	close(fd);
	EXPECT_EQ(0, attach_again(self->dev, self->node));
	self->file->per_open = false;
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(is_served(fd));
	EXPECT_TRUE(is_served(self->fd));
	close(fd);
}

static void *open_thread(void *arg)
{
	return (void *)(long)fuse_server_open(arg, "a", O_RDWR);
}

/* The reply was on its way: it names what is taken away. */
TEST_F(revoke, opened_meanwhile)
{
	pthread_t thread;
	void *result;

	/* wider than what may be attached: the server is asked in any case */
	ASSERT_EQ(0, variant->attached ?
		  fuse_detach_backing(self->dev, self->node, 0, 0) : 0);
	self->file->hold_open = true;
	self->file->open_flags = 0;
	self->file->per_open = true;
	ASSERT_EQ(0, pthread_create(&thread, NULL, open_thread, self->srv));
	ASSERT_TRUE(wait_until(self->srv->sh->held_count));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	self->srv->sh->release_held = true;
	pthread_join(thread, &result);
	ASSERT_LE(0, (long)result);
	self->file->hold_open = false;
	serve_directly(self->file);
	EXPECT_EQ(0, env_count(self->srv));
	ASSERT_EQ(0, migrate());
	EXPECT_TRUE(is_served((long)result));
	close((long)result);
}

/* What is in flight */

struct blocked {
	int fd;
	pthread_t thread;
	bool started;
	ssize_t result;
};

static void *write_thread(void *arg)
{
	struct blocked *b = arg;

	SET(b->started, true);
	SET(b->result, pwrite(b->fd, "f", 1, 9));
	return NULL;
}

static int freeze(int how)
{
	int fd = open(SCRATCH_BACKING, O_RDONLY | O_CLOEXEC);
	int err = ioctl(fd, how, 0) < 0 ? -errno : 0;

	close(fd);
	return err;
}

/* A write that waits for the backing filesystem to thaw. */
static int block_write(struct blocked *b, int fd)
{
	int err = freeze(FIFREEZE);

	if (err)
		return err;
	b->fd = fd;
	b->started = false;
	b->result = -2;
	if (pthread_create(&b->thread, NULL, write_thread, b))
		return -EAGAIN;
	wait_until(GET(b->started));
	usleep(100000);
	return 0;
}

static pid_t revoke_in_child(int dev, __u64 node)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(-fuse_detach_backing(dev, node, 0, REVOKE));
	return pid;
}

/* A revocation that waits for such a write: its pid, or -errno. */
static pid_t revoke_behind_write(FIXTURE_DATA(revoke) * self, struct blocked *b)
{
	int err = block_write(b, self->fd);
	pid_t pid;

	if (err)
		return err;
	pid = revoke_in_child(self->dev, self->node);
	return wait_until(sleeps_in(pid, SYS_ioctl)) ? pid : -ETIMEDOUT;
}

TEST_F(revoke, waits_for_what_is_in_flight)
{
	struct blocked b;
	int status;
	pid_t pid;

	pid = revoke_behind_write(self, &b);
	ASSERT_LT(0, pid);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	EXPECT_EQ(-2, GET(b.result));
	EXPECT_EQ(1, env_count(self->srv));
	EXPECT_EQ(0, freeze(FITHAW));
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	/* it was waited for, so it is done */
	EXPECT_EQ(0, scratch_compare("a", "f", 1, 9));
	EXPECT_EQ(0, env_count(self->srv));
	pthread_join(b.thread, NULL);
	EXPECT_EQ(1, b.result);
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	EXPECT_TRUE(is_served(self->fd));
}

TEST_F(revoke, waiting_can_be_killed)
{
	struct blocked b;
	int status;
	pid_t pid;

	pid = revoke_behind_write(self, &b);
	ASSERT_LT(0, pid);
	EXPECT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(-2, GET(b.result));
	EXPECT_EQ(0, freeze(FITHAW));
	pthread_join(b.thread, NULL);
	EXPECT_EQ(1, b.result);
	/* the files are cut off already; the second call lets go of the old */
	EXPECT_TRUE(is_served(self->fd));
	EXPECT_EQ(2, fuse_server_data_ops(self->srv));
	EXPECT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	EXPECT_EQ(0, env_count(self->srv));
}

static void do_nothing(int sig)
{
	(void)sig;
}

static int revoke_twice(int dev, __u64 node, int ready)
{
	const struct sigaction action = { .sa_handler = do_nothing };
	char c;

	if (sigaction(SIGALRM, &action, NULL) < 0)
		return -errno;
	if (fuse_detach_backing(dev, node, 0, REVOKE) != -EINTR)
		return -ENODATA;
	if (read(ready, &c, 1) != 1)
		return -errno;
	return fuse_detach_backing(dev, node, 0, REVOKE);
}

static pid_t revoke_twice_in_child(int dev, __u64 node, int ready)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(-revoke_twice(dev, node, ready));
	return pid;
}

static pid_t write_in_child(int fd, const char *buf)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(pwrite(fd, buf, 1, 9) == 1 ? 0 : errno);
	return pid;
}

/* A client takes its time for its own memory; who waits for it need not. */
TEST_F(revoke, waiting_can_be_interrupted)
{
	struct held_page page;
	pid_t writer, revoker;
	int status, ready[2], fd[2];

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, held_page_start(&page, "b"));
	writer = write_in_child(self->fd, page.addr);
	EXPECT_TRUE(wait_until(held_page_is_wanted(&page)));
	revoker = revoke_twice_in_child(self->dev, self->node, ready[0]);
	EXPECT_TRUE(wait_until(sleeps_in(revoker, SYS_ioctl)));
	EXPECT_EQ(0, kill(revoker, SIGALRM));
	EXPECT_TRUE(wait_until(sleeps_in(revoker, SYS_read))) {
		kill(revoker, SIGKILL);
	}
	EXPECT_TRUE(sleeps_in(writer, SYS_pwrite64));
	EXPECT_EQ(1, env_count(self->srv));
	/* others go to the server meanwhile, whatever flags that has for them */
	fd[0] = fuse_server_open(self->srv, "a", O_RDWR);
	EXPECT_LE(0, fd[0]);
	self->file->open_flags = 0;
	fd[1] = fuse_server_open(self->srv, "a", O_RDWR);
	EXPECT_LE(0, fd[1]);
	held_page_release(&page);
	EXPECT_EQ(1, write(ready[1], "", 1));
	EXPECT_EQ(revoker, waitpid(revoker, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, env_count(self->srv));
	EXPECT_EQ(writer, waitpid(writer, &status, 0));
	EXPECT_EQ(0, status);
	held_page_stop(&page);
	/* close(2) may wait for the inode's lock, and so for who writes */
	close(fd[0]);
	close(fd[1]);
	ASSERT_EQ(0, migrate());
	EXPECT_TRUE(is_served(self->fd));
	close(ready[0]);
	close(ready[1]);
}

/* Whatever still goes to the old file is seen there after this. */
static int clear_old(void)
{
	static const char zeros[4 * BLOCK];
	int fd = open(scratch_path("a.old"), O_RDWR | O_CLOEXEC);
	ssize_t n = pwrite(fd, zeros, sizeof(zeros), 0);

	close(fd);
	return n == sizeof(zeros) ? 0 : -EIO;
}

static int old_is_clear(void)
{
	static const char zeros[4 * BLOCK];

	return scratch_compare("a.old", zeros, sizeof(zeros), 0);
}

TEST_F_TIMEOUT(revoke, under_load, 400)
{
	struct io_load loads[IO_LOADS];
	__u32 served;

	for (int round = 0; round < ROUNDS; round++) {
		close(self->fd);
		if (variant->attached && round)
			ASSERT_EQ(0, attach_again(self->dev, self->node));
		self->fd = open_a(self->srv, self->file, variant->attached);
		ASSERT_LE(0, self->fd);
		if (round % 2)
			ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_DIRECT));
		EXPECT_EQ(1, env_count(self->srv));
		serve_directly(self->file);

		ASSERT_EQ(0, io_loads_start(loads, self->fd));
		ASSERT_TRUE(io_loads_run(loads));
		ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0,
						 REVOKE));
		EXPECT_EQ(0, env_count(self->srv));
		ASSERT_EQ(0, migrate());
		/* the server may have opened the old one for a request */
		served = fuse_server_data_ops(self->srv);
		ASSERT_TRUE(wait_until(fuse_server_data_ops(self->srv) >
				       served + 1));
		ASSERT_EQ(0, clear_old());
		EXPECT_TRUE(io_loads_run(loads));
		EXPECT_EQ(0, io_loads_end(loads)) TH_LOG("round %d", round);
		EXPECT_EQ(0, old_is_clear()) TH_LOG("round %d", round);
		ASSERT_EQ(0, unlink(scratch_path("a.old")));
	}
	EXPECT_EQ(0, env_count(self->srv));
}

/* Who comes too late, again and again, without ever waiting for the server */
static void *come_late(void *arg)
{
	struct late *late = arg;
	struct iovec iov = { .iov_base = &late->byte, .iov_len = 1 };

	while (!GET(late->stop)) {
		if (preadv2(late->fd, &iov, 1, 0, RWF_NOWAIT) == 1)
			SET(late->reads, late->reads + 1);
		else if (errno == EAGAIN)
			SET(late->refused, true);
	}
	return NULL;
}

/* Each of them is in the way for a moment, and keeps nothing */
TEST_F_TIMEOUT(revoke, too_late, 400)
{
	struct late late = {};
	pthread_t thread[LATE];

	for (int round = 0; round < LATE_ROUNDS; round++) {
		close(self->fd);
		if (variant->attached && round)
			ASSERT_EQ(0, attach_again(self->dev, self->node));
		self->file->per_open = !variant->attached;
		self->file->open_flags = 0;
		self->fd = fuse_server_open(self->srv, "a", O_RDWR);
		ASSERT_LE(0, self->fd);
		ASSERT_EQ(1, env_count(self->srv));

		late = (struct late){ .fd = self->fd };
		for (int i = 0; i < LATE; i++)
			ASSERT_EQ(0, pthread_create(&thread[i], NULL, come_late,
						    &late));
		EXPECT_TRUE(wait_until(GET(late.reads) > 2 * LATE));
		EXPECT_EQ(0, fuse_detach_backing(self->dev, self->node, 0,
						 REVOKE));
		EXPECT_EQ(0, env_count(self->srv)) TH_LOG("round %d", round);
		EXPECT_TRUE(wait_until(GET(late.refused)));
		SET(late.stop, true);
		for (int i = 0; i < LATE; i++)
			pthread_join(thread[i], NULL);
	}
}

TEST_HARNESS_MAIN
