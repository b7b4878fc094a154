// SPDX-License-Identifier: GPL-2.0
/*
 * No request with a file handle that does not exist.
 *
 * Proves, for each request that carries one: on a file that the kernel opened
 * by itself it is either not sent, or sent without the handle, or sent after an
 * OPEN that the server answered, and then FLUSH and RELEASE are sent too; and
 * the call that caused it does what it does on any file. The server fails the
 * run if it ever sees a handle that it did not give out.
 *
 * The tests are in the order of the table in
 * Documentation/filesystems/fuse/fuse-backing-servers.rst.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/fuse_backing.h>

#include "harness.h"

#include "creds.h"
#include "env.h"
#include "leaks.h"
#include "wait_until.h"

#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define IOCTL		_IO('t', 1)
#define BLOCK		4096
#define OTHER		1000
#define HOLE		(16 * BLOCK)
/* Files opened and closed to see whether something stays, and what else comes and goes */
#define OPENS		3000
#define SLAB_NOISE	(OPENS / 2)

FIXTURE(no_handle) {
	struct env env;
	struct fuse_server *srv;
	struct fuse_server_file *file;	/* "a" */
	int fd;				/* it, opened by the kernel */
};

FIXTURE_VARIANT(no_handle) {
	__u64 init_flags;
	bool remote_locks;
};

FIXTURE_VARIANT_ADD(no_handle, local_locks) {
	.init_flags = 0,
};

FIXTURE_VARIANT_ADD(no_handle, remote_locks) {
	.init_flags = FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS,
	.remote_locks = true,
};

FIXTURE_SETUP(no_handle)
{
	struct fuse_server_opts opts = { .init_flags = variant->init_flags };

	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->srv = &self->env.srv;
	if (variant->init_flags) {
		fuse_server_stop(self->srv);
		ASSERT_EQ(0, env_serve(&self->env, self->srv, &opts));
	}
	self->srv->sh->attr_valid = 0;
	for (int i = 0; i < 2; i++)
		self->srv->sh->file[i].attach = BOTH;
	self->file = &self->srv->sh->file[0];
	self->fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, self->file->opens);
}

FIXTURE_TEARDOWN(no_handle)
{
	close(self->fd);
	EXPECT_TRUE(wait_until(self->file->opens == self->file->releases));
	EXPECT_EQ(0, self->srv->sh->bad_fh)
		TH_LOG("opcode %u", self->srv->sh->bad_op);
	env_teardown(&self->env);
}

/* The server saw none of what the test just did. */
static bool is_unknown(const struct fuse_server *srv)
{
	return !fuse_server_ops(srv, FUSE_OPEN) && !fuse_server_data_ops(srv);
}

/* READ, WRITE */

TEST_F(no_handle, read_and_write)
{
	struct stat st;
	char c;

	EXPECT_EQ(1, pwrite(self->fd, "x", 1, FILE_SIZE + 9));
	EXPECT_EQ(1, pread(self->fd, &c, 1, FILE_SIZE + 9));
	EXPECT_EQ('x', c);
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(FILE_SIZE + 10, st.st_size);
	EXPECT_EQ(FILE_SIZE + 10, lseek(self->fd, 0, SEEK_END));
	EXPECT_TRUE(is_unknown(self->srv));
}

TEST_F(no_handle, splice)
{
	char in[BLOCK], out[BLOCK];
	off_t from = 0;
	int p[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(BLOCK, pread(self->fd, in, BLOCK, 0));
	EXPECT_EQ(BLOCK, sendfile(p[1], self->fd, &from, BLOCK));
	EXPECT_EQ(BLOCK, read(p[0], out, BLOCK));
	EXPECT_EQ(0, memcmp(in, out, BLOCK));
	EXPECT_EQ(BLOCK, write(p[1], in, BLOCK));
	from = 3 * BLOCK;
	EXPECT_EQ(BLOCK, splice(p[0], NULL, self->fd, &from, BLOCK, 0));
	EXPECT_EQ(0, scratch_compare("a", in, BLOCK, 3 * BLOCK));
	EXPECT_TRUE(is_unknown(self->srv));
	close(p[0]);
	close(p[1]);
}

TEST_F(no_handle, read_ahead)
{
	static const int advice[] = {
		POSIX_FADV_NORMAL, POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM,
		POSIX_FADV_WILLNEED, POSIX_FADV_NOREUSE, POSIX_FADV_DONTNEED,
	};

	EXPECT_EQ(0, readahead(self->fd, 0, FILE_SIZE));
	for (size_t i = 0; i < ARRAY_SIZE(advice); i++)
		EXPECT_EQ(0, posix_fadvise(self->fd, 0, FILE_SIZE, advice[i]));
	EXPECT_TRUE(is_unknown(self->srv));
}

/* The same on files that the server opened: nothing is cached behind it. */
TEST_F(no_handle, read_ahead_with_handle)
{
	int fd = fuse_server_open(self->srv, "c", O_RDWR);

	/* the control: a cached file is read ahead from the server */
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, readahead(fd, 0, FILE_SIZE));
	EXPECT_TRUE(wait_until(fuse_server_ops(self->srv, FUSE_READ)));
	close(fd);
	fd = fuse_server_open_id(self->srv, "d", O_RDWR,
				 env_register(&self->env, "d", O_RDWR));
	ASSERT_LE(0, fd);
	self->srv->sh->ops[FUSE_READ] = 0;
	EXPECT_EQ(0, readahead(fd, 0, FILE_SIZE));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_READ));
	close(fd);
}

/* GETATTR, STATX, SETATTR: without the handle */

TEST_F(no_handle, getattr)
{
	struct statx stx;
	struct stat st;
	__u32 before = fuse_server_ops(self->srv, FUSE_GETATTR);

	EXPECT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(FILE_SIZE, st.st_size);
	EXPECT_EQ(before + 1, fuse_server_ops(self->srv, FUSE_GETATTR));
	EXPECT_EQ(0, statx(self->fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC,
			   STATX_BASIC_STATS | STATX_BTIME, &stx));
	EXPECT_EQ(FILE_SIZE, stx.stx_size);
	/* the server appends, or somebody else does */
	EXPECT_EQ(0, truncate(scratch_path("a"), 3 * FILE_SIZE));
	EXPECT_EQ(3 * FILE_SIZE, lseek(self->fd, 0, SEEK_END));
	EXPECT_TRUE(is_unknown(self->srv));
}

TEST_F(no_handle, setattr)
{
	const struct timespec times[2] = { { 11, 0 }, { 12, 0 } };
	struct stat st;
	char c;

	EXPECT_EQ(0, ftruncate(self->fd, 100));
	EXPECT_EQ(100, scratch_size("a"));
	EXPECT_EQ(0, pread(self->fd, &c, 1, 100));
	EXPECT_EQ(0, ftruncate(self->fd, 200));
	EXPECT_EQ(0, fchmod(self->fd, 0640));
	EXPECT_EQ(0, futimens(self->fd, times));
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(200, st.st_size);
	EXPECT_EQ(S_IFREG | 0640, st.st_mode);
	EXPECT_EQ(12, st.st_mtime);
	/* not the size, which is the backing file's */
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_SETATTR));
	EXPECT_TRUE(is_unknown(self->srv));
}

/* FSYNC, FALLOCATE, LSEEK, COPY_FILE_RANGE: not sent */

TEST_F(no_handle, fsync)
{
	EXPECT_EQ(1, pwrite(self->fd, "x", 1, 0));
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, fdatasync(self->fd));
	EXPECT_EQ(0, sync_file_range(self->fd, 0, BLOCK,
				     SYNC_FILE_RANGE_WRITE));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_FSYNC));
	EXPECT_TRUE(is_unknown(self->srv));
}

TEST_F(no_handle, fallocate)
{
	static const char zeros[BLOCK];
	char buf[BLOCK];
	struct stat st;

	EXPECT_EQ(0, fallocate(self->fd, 0, 0, FILE_SIZE + BLOCK));
	EXPECT_EQ(FILE_SIZE + BLOCK, scratch_size("a"));
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(FILE_SIZE + BLOCK, st.st_size);
	EXPECT_EQ(BLOCK, pread(self->fd, buf, BLOCK, FILE_SIZE));
	EXPECT_EQ(0, fallocate(self->fd, FALLOC_FL_PUNCH_HOLE |
			       FALLOC_FL_KEEP_SIZE, BLOCK, BLOCK));
	EXPECT_EQ(0, scratch_compare("a", zeros, BLOCK, BLOCK));
	EXPECT_EQ(BLOCK, pread(self->fd, buf, BLOCK, BLOCK));
	EXPECT_EQ(0, memcmp(buf, zeros, BLOCK));
	/* what the backing filesystem can't do */
	EXPECT_EQ(-1, fallocate(self->fd, FALLOC_FL_COLLAPSE_RANGE, 0, BLOCK));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_FALLOCATE));
	EXPECT_TRUE(is_unknown(self->srv));
}

TEST_F(no_handle, lseek)
{
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	ASSERT_EQ(0, ftruncate(self->fd, 2 * HOLE));
	ASSERT_EQ(1, pwrite(self->fd, "x", 1, HOLE));
	EXPECT_EQ(HOLE, lseek(self->fd, 0, SEEK_DATA));
	EXPECT_EQ(HOLE, lseek(self->fd, 0, SEEK_CUR));
	EXPECT_EQ(HOLE + BLOCK, lseek(self->fd, HOLE, SEEK_HOLE));
	EXPECT_EQ(-1, lseek(self->fd, HOLE + BLOCK, SEEK_DATA));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_LSEEK));
	EXPECT_TRUE(is_unknown(self->srv));
}

static int copy(int in, int out)
{
	off_t from = BLOCK, to = 2 * BLOCK;
	ssize_t n = copy_file_range(in, &from, out, &to, BLOCK, 0);

	return n < 0 ? -errno : n;
}

TEST_F(no_handle, copy_file_range)
{
	char buf[BLOCK];
	int b, server;

	b = fuse_server_open(self->srv, "b", O_RDWR);
	ASSERT_LE(0, b);
	ASSERT_EQ(BLOCK, pread(b, buf, BLOCK, BLOCK));
	EXPECT_EQ(BLOCK, copy(b, self->fd));
	EXPECT_EQ(0, scratch_compare("a", buf, BLOCK, 2 * BLOCK));
	EXPECT_TRUE(is_unknown(self->srv));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_COPY_FILE_RANGE));

	/* from and to files that the server opened */
	server = fuse_server_open(self->srv, "c", O_RDWR);
	ASSERT_LE(0, server);
	EXPECT_EQ(BLOCK, copy(server, self->fd));
	ASSERT_EQ(BLOCK, pread(server, buf, BLOCK, BLOCK));
	EXPECT_EQ(0, scratch_compare("a", buf, BLOCK, 2 * BLOCK));
	EXPECT_EQ(BLOCK, copy(self->fd, server));
	ASSERT_EQ(BLOCK, pread(self->fd, buf, BLOCK, BLOCK));
	EXPECT_EQ(0, scratch_compare("c", buf, BLOCK, 2 * BLOCK));
	EXPECT_EQ(0, self->file->opens);
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_COPY_FILE_RANGE));
	close(server);
	close(b);
}

/* POLL: always ready */

TEST_F(no_handle, poll)
{
	struct pollfd pfd = {
		.fd = self->fd,
		.events = POLLIN | POLLOUT,
	};

	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(POLLIN | POLLOUT, pfd.revents);
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_POLL));
	EXPECT_TRUE(is_unknown(self->srv));
}

static int add_to_epoll(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int err = epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;

	close(epoll);
	return err;
}

/* As the backing file; only a file that is not passed through can be added. */
TEST_F(no_handle, epoll)
{
	int backing = open(scratch_path("a"), O_RDWR | O_CLOEXEC);
	int passed, served;

	EXPECT_EQ(-EPERM, add_to_epoll(self->fd));
	EXPECT_EQ(-EPERM, add_to_epoll(backing));
	passed = fuse_server_open_id(self->srv, "c", O_RDWR,
				     env_register(&self->env, "c", O_RDWR));
	ASSERT_LE(0, passed);
	EXPECT_EQ(-EPERM, add_to_epoll(passed));
	served = fuse_server_open(self->srv, "d", O_RDWR);
	ASSERT_LE(0, served);
	EXPECT_EQ(0, add_to_epoll(served));
	close(served);
	close(passed);
	close(backing);
}

/* IOCTL: OPEN first */

TEST_F(no_handle, ioctl)
{
	char c;

	EXPECT_EQ(FUSE_SERVER_IOCTL, ioctl(self->fd, IOCTL));
	EXPECT_EQ(1, self->file->opens);
	EXPECT_EQ(FUSE_SERVER_IOCTL, ioctl(self->fd, IOCTL));
	EXPECT_EQ(1, self->file->opens);
	EXPECT_EQ(1, pwrite(self->fd, "x", 1, 0));
	EXPECT_EQ(1, pread(self->fd, &c, 1, 0));
	EXPECT_EQ(0, scratch_compare("a", "x", 1, 0));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	close(self->fd);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_FLUSH));
	EXPECT_TRUE(wait_until(self->file->releases == 1));
	EXPECT_EQ(1, env_count(self->srv));
	self->fd = -1;
}

/* The OPEN of an ioctl that the kernel knows is the kernel's own. */
TEST_F(no_handle, ioctl_of_the_vfs)
{
	unsigned int flags;

	ioctl(self->fd, FS_IOC_GETFLAGS, &flags);
	EXPECT_TRUE(wait_until(self->file->releases == 1));
	EXPECT_EQ(1, self->file->opens);
	EXPECT_EQ(1, pwrite(self->fd, "x", 1, 0));
	close(self->fd);
	EXPECT_EQ(1, self->file->releases);
	self->fd = -1;
}

TEST_F(no_handle, open_says_no)
{
	self->file->open_error = EACCES;
	EXPECT_EQ(-1, ioctl(self->fd, IOCTL));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(1, pwrite(self->fd, "x", 1, 0));
	self->file->open_error = 0;
	EXPECT_EQ(FUSE_SERVER_IOCTL, ioctl(self->fd, IOCTL));
	/* it was asked twice, and gave one handle */
	EXPECT_EQ(2, self->file->opens--);
	close(self->fd);
	EXPECT_TRUE(wait_until(self->file->releases == 1));
	self->fd = -1;
}

/* What created, emptied or owned the file stays out of it. */
TEST_F(no_handle, open_flags)
{
	const int masked = O_CREAT | O_EXCL | O_TRUNC | O_NOCTTY;
	int fd;

	fd = fuse_server_open(self->srv, "b", O_RDWR | O_CREAT | O_TRUNC |
			      O_APPEND | O_NOCTTY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, write(fd, "x", 1));
	EXPECT_EQ(FUSE_SERVER_IOCTL, ioctl(fd, IOCTL));
	EXPECT_EQ(0, self->srv->sh->file[1].seen_flags & masked);
	EXPECT_EQ(O_RDWR, self->srv->sh->file[1].seen_flags & O_ACCMODE);
	EXPECT_EQ(O_APPEND, self->srv->sh->file[1].seen_flags & O_APPEND);
	EXPECT_EQ(1, scratch_size("b"));
	close(fd);
}

static int ioctl_of(void *fd)
{
	return ioctl(*(int *)fd, IOCTL);
}

/* A file is its opener's, whoever needs the handle. */
TEST_F(no_handle, open_as_the_opener)
{
	const struct creds other = { .uid = OTHER, .gid = OTHER + 1 };
	struct fuse_server_file *b = &self->srv->sh->file[1];
	int fd;

	self->file->seen_uid = ~0U;
	self->file->seen_gid = ~0U;
	EXPECT_EQ(FUSE_SERVER_IOCTL, creds_call(&other, ioctl_of, &self->fd));
	EXPECT_EQ(1, self->file->opens);
	EXPECT_EQ(0, self->file->seen_uid);
	EXPECT_EQ(0, self->file->seen_gid);

	ASSERT_EQ(0, setegid(OTHER + 1));
	ASSERT_EQ(0, seteuid(OTHER));
	fd = fuse_server_open(self->srv, "b", O_RDWR);
	ASSERT_EQ(0, seteuid(0));
	ASSERT_EQ(0, setegid(0));
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, b->opens);
	EXPECT_EQ(FUSE_SERVER_IOCTL, ioctl(fd, IOCTL));
	EXPECT_EQ(1, b->opens);
	EXPECT_EQ(OTHER, b->seen_uid);
	EXPECT_EQ(OTHER + 1, b->seen_gid);
	close(fd);
	EXPECT_TRUE(wait_until(b->releases));
}

/* An id that the reply to such an OPEN brings is taken, and not used. */
TEST_F(no_handle, open_brings_an_id)
{
	char c;

	self->file->per_open = true;
	EXPECT_EQ(FUSE_SERVER_IOCTL, ioctl(self->fd, IOCTL));
	EXPECT_EQ(1, env_count(self->srv));
	EXPECT_EQ(1, pread(self->fd, &c, 1, 0));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
}

static void *do_ioctl(void *arg)
{
	return (void *)(long)ioctl(*(int *)arg, IOCTL);
}

TEST_F(no_handle, open_once)
{
	pthread_t thread[4];
	void *result;

	self->file->hold_open = true;
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, do_ioctl,
					    &self->fd));
	ASSERT_TRUE(wait_until(self->srv->sh->held_count));
	usleep(50000);
	self->srv->sh->release_held = true;
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], &result);
		EXPECT_EQ(FUSE_SERVER_IOCTL, (long)result);
	}
	EXPECT_EQ(1, self->file->opens);
}

/* GETLK, SETLK, SETLKW, flock: the VFS's, or OPEN first */

static int posix_lock(int fd, int cmd, int type)
{
	struct flock lock = { .l_type = type };

	if (fcntl(fd, cmd, &lock) < 0)
		return -errno;
	return lock.l_type;
}

/* What another process sees of a lock on the file. */
static int others_lock(const struct fuse_server *srv)
{
	int fd, status, type = 99;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		fd = fuse_server_open(srv, "a", O_RDWR);
		if (fd >= 0)
			type = posix_lock(fd, F_GETLK, F_WRLCK);
		_exit(type);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return WEXITSTATUS(status);
}

TEST_F(no_handle, posix_locks)
{
	bool remote = variant->remote_locks;

	EXPECT_EQ(F_WRLCK, posix_lock(self->fd, F_SETLK, F_WRLCK));
	EXPECT_EQ(remote, self->file->opens);
	EXPECT_EQ(remote, fuse_server_ops(self->srv, FUSE_SETLK));
	/* this server never says that a lock is taken */
	EXPECT_EQ(remote ? F_UNLCK : F_WRLCK, others_lock(self->srv));
	EXPECT_EQ(F_RDLCK, posix_lock(self->fd, F_SETLKW, F_RDLCK));
	EXPECT_EQ(F_UNLCK, posix_lock(self->fd, F_SETLK, F_UNLCK));
	EXPECT_EQ(F_UNLCK, others_lock(self->srv));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	EXPECT_EQ(remote, fuse_server_ops(self->srv, FUSE_GETLK) > 0);
	EXPECT_EQ(remote, !is_unknown(self->srv));
	EXPECT_TRUE(wait_until(self->file->releases ==
			       self->file->opens - remote));
}

TEST_F(no_handle, flock)
{
	bool remote = variant->remote_locks;
	int other = fuse_server_open(self->srv, "a", O_RDWR);

	ASSERT_LE(0, other);
	EXPECT_EQ(0, flock(self->fd, LOCK_EX));
	EXPECT_EQ(remote, self->file->opens);
	if (!remote) {
		EXPECT_EQ(-1, flock(other, LOCK_EX | LOCK_NB));
		EXPECT_EQ(EWOULDBLOCK, errno);
	}
	close(self->fd);
	EXPECT_TRUE(wait_until(self->file->releases == remote));
	EXPECT_EQ(0, flock(other, LOCK_EX | LOCK_NB));
	close(other);
	self->fd = -1;
	EXPECT_TRUE(wait_until(self->file->releases == self->file->opens));
}

/* A lock of flock(2) goes with its own file: nobody hears of others that are closed */
TEST_F(no_handle, flock_and_another)
{
	int other = fuse_server_open(self->srv, "a", O_RDWR);

	ASSERT_LE(0, other);
	EXPECT_EQ(0, flock(other, LOCK_SH));
	self->file->open_error = EACCES;
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(variant->remote_locks, self->file->opens);
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_FLUSH));
	close(other);
}

/*
 * A process that closes any file of an inode loses its POSIX locks there: if
 * the server keeps those, it has to hear of it.
 */
TEST_F(no_handle, closing_drops_locks)
{
	int other = fuse_server_open(self->srv, "a", O_RDWR);

	ASSERT_LE(0, other);
	EXPECT_EQ(F_WRLCK, posix_lock(other, F_SETLK, F_WRLCK));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_FLUSH));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(variant->remote_locks,
		  fuse_server_ops(self->srv, FUSE_FLUSH));
	if (!variant->remote_locks)
		EXPECT_EQ(F_UNLCK, others_lock(self->srv));
	close(other);
}

/* FLUSH, RELEASE: not sent */

TEST_F(no_handle, close)
{
	int copy = dup(self->fd);

	close(copy);
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_FLUSH));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_RELEASE));
	EXPECT_TRUE(is_unknown(self->srv));
}

/* The server is asked to open the file if @handle, by an ioctl that it doesn't know */
static int open_and_close(struct fuse_server *srv, bool handle)
{
	int fd = fuse_server_open(srv, "a", O_RDONLY);

	if (fd < 0)
		return -errno;
	if (handle)
		ioctl(fd, IOCTL);
	return close(fd);
}

/* Proves: what is made with an open file goes when it is closed, handle or not. */
TEST_F_TIMEOUT(no_handle, opens_leave_nothing, 120)
{
	static struct slabs before;
	const char *name = "";
	int err;

	for (int i = 0; i < 100; i++)
		ASSERT_EQ(0, open_and_close(self->srv, i % 2));
	err = slabs_read(&before);
	if (err)
		SKIP(return, "slabs not compared: error %d", err);
	for (int i = 0; i < OPENS; i++)
		ASSERT_EQ(0, open_and_close(self->srv, false));
	EXPECT_TRUE(wait_until(slabs_growth(&before, &name) < SLAB_NOISE))
		TH_LOG("%s grew without a handle", name);
	for (int i = 0; i < OPENS; i++)
		ASSERT_EQ(0, open_and_close(self->srv, true));
	EXPECT_TRUE(wait_until(slabs_growth(&before, &name) < SLAB_NOISE))
		TH_LOG("%s grew with a handle", name);
}

TEST_HARNESS_MAIN
