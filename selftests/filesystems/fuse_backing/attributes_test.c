// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes of what is attached are the backing file's, without asking the server.
 *
 * Proves: stat(2), statx(2), getxattr(2), listxattr(2), access(2), fsync(2) and
 * utimensat(2) send no request where the server said so, and did before; what they
 * show is the backing file as it is now, whoever changed it, and number, device and
 * links of the FUSE inode; times are set as whoever registered the file; what isn't
 * said, ACLs, changes of owner and mode, and times of what somebody has a delegation of,
 * are the server's; detaching and revoking give it all back.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "creds.h"
#include "delegation.h"
#include "env.h"
#include "held_page.h"
#include "privs.h"
#include "reject_trace.h"
#include "shifted.h"
#include "text_file.h"
#include "wait_until.h"

#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define ATTR		FUSE_BACKING_OPS_ATTR
#define XATTR		FUSE_BACKING_OPS_XATTR
#define ACCESS		FUSE_BACKING_OPS_ACCESS
#define FSYNC		FUSE_BACKING_OPS_FSYNC
#define TIMES		FUSE_BACKING_OPS_TIMES
#define A		SCRATCH_FUSE "/a"
#define OTHER		1000	/* a uid and a gid */
#define VALUE		"a value"

FIXTURE(attributes) {
	struct env env;
	struct fuse_server *srv;
	struct fuse_server_file *file;	/* "a" */
	__u64 node;			/* of it, which the kernel knows */
	int dev;
	__u32 seen;			/* requests up to now */
};

FIXTURE_VARIANT(attributes) {
	enum scratch_fs fs;
};

FIXTURE_VARIANT_ADD(attributes, tmpfs) {
	.fs = SCRATCH_TMPFS,
};

FIXTURE_VARIANT_ADD(attributes, ext4) {
	.fs = SCRATCH_EXT4,
};

FIXTURE_SETUP(attributes)
{
	struct stat st;

	if (!env_start(_metadata, &self->env, variant->fs))
		return;
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
	self->file = &self->srv->sh->file[0];
	self->node = fuse_server_node(self->srv, self->file);
	/* else it would be the kernel that knows */
	self->srv->sh->attr_valid = 0;
	ASSERT_EQ(0, stat(A, &st));
}

FIXTURE_TEARDOWN(attributes)
{
	EXPECT_EQ(0, self->srv->sh->bad_fh)
		TH_LOG("opcode %u", self->srv->sh->bad_op);
	env_teardown(&self->env);
}

/* Register "a" and attach it to its node: 0 or -errno */
static int attach(const struct env *env, __u32 modes, __u64 ops)
{
	int dev = env->srv.fd;
	int id = fuse_backing_open_path(dev, scratch_path("a"), O_RDWR);

	return id < 0 ? id :
	       fuse_backing_attach_ops(dev,
				       fuse_server_node(&env->srv,
							&env->srv.sh->file[0]),
				       id, modes, ops);
}

static int open_a(int flags)
{
	int fd = open(A, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Requests since this was asked last, for which there is @seen */
static __u32 asked(const struct fuse_server *srv, __u32 *seen)
{
	__u32 before = *seen;

	*seen = fuse_server_requests(srv);
	return *seen - before;
}

static bool same_time(const struct statx_timestamp *a,
		      const struct statx_timestamp *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* What the backing file says of itself; @a's may be of a FUSE inode */
static bool same_file(const struct statx *a, const struct statx *b)
{
	return a->stx_mode == b->stx_mode && a->stx_uid == b->stx_uid &&
	       a->stx_gid == b->stx_gid && a->stx_size == b->stx_size &&
	       a->stx_blocks == b->stx_blocks &&
	       a->stx_blksize == b->stx_blksize &&
	       same_time(&a->stx_atime, &b->stx_atime) &&
	       same_time(&a->stx_mtime, &b->stx_mtime) &&
	       same_time(&a->stx_ctime, &b->stx_ctime);
}

#define ALL	(STATX_BASIC_STATS | STATX_BTIME)

/* Does the mount show what the backing file is? */
static bool shows(const char *path, const char *backing)
{
	struct statx below, seen;

	return !statx(AT_FDCWD, backing, 0, ALL, &below) &&
	       !statx(AT_FDCWD, path, 0, ALL, &seen) &&
	       same_file(&seen, &below);
}

static bool shows_a(void)
{
	return shows(A, scratch_path("a"));
}

/* stat(2) */

TEST_F(attributes, read_write_and_stat)
{
	struct stat st;
	char c;
	int fd;

	ASSERT_EQ(0, attach(&self->env, BOTH, ATTR));
	fd = open_a(O_RDWR);
	ASSERT_LE(0, fd);
	asked(self->srv, &self->seen);
	EXPECT_EQ(1, read(fd, &c, 1));
	EXPECT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(1, write(fd, "x", 1));
	EXPECT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(1, pwrite(fd, "x", 1, 2 * FILE_SIZE));
	EXPECT_EQ(0, stat(A, &st));
	EXPECT_EQ(2 * FILE_SIZE + 1, st.st_size);
	EXPECT_TRUE(shows_a());
	EXPECT_EQ(0, fsync(fd));
	EXPECT_EQ(0, asked(self->srv, &self->seen));
	close(fd);
}

TEST_F(attributes, control_without_ops)
{
	struct stat st;
	int fd;

	ASSERT_EQ(0, attach(&self->env, BOTH, 0));
	fd = open_a(O_RDWR);
	ASSERT_LE(0, fd);
	asked(self->srv, &self->seen);
	EXPECT_EQ(1, write(fd, "x", 1));
	EXPECT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(1, asked(self->srv, &self->seen));
	close(fd);
}

/* As somebody changes it who knows nothing of the mount */
TEST_F(attributes, changed_below)
{
	const struct timespec times[] = { { 1000000, 5 }, { 2000000, 7 } };
	const char *a = scratch_path("a");

	self->srv->sh->attr_valid = 3600;
	ASSERT_EQ(0, attach(&self->env, BOTH, ATTR));
	EXPECT_TRUE(shows_a());
	asked(self->srv, &self->seen);
	ASSERT_EQ(0, chmod(a, 04640));
	EXPECT_TRUE(shows_a());
	ASSERT_EQ(0, chown(a, 17, 19));
	EXPECT_TRUE(shows_a());
	ASSERT_EQ(0, truncate(a, 5));
	EXPECT_TRUE(shows_a());
	ASSERT_EQ(0, truncate(a, 5000000000));
	EXPECT_TRUE(shows_a());
	ASSERT_EQ(0, utimensat(AT_FDCWD, a, times, 0));
	EXPECT_TRUE(shows_a());
	EXPECT_EQ(0, asked(self->srv, &self->seen));
}

/* The control: the server is asked when its word is old, and not before */
TEST_F(attributes, control_changed_below)
{
	struct stat st;

	self->srv->sh->attr_valid = 3600;
	ASSERT_EQ(0, attach(&self->env, BOTH, 0));
	ASSERT_EQ(0, stat(A, &st));
	ASSERT_EQ(0, truncate(scratch_path("a"), 5));
	EXPECT_FALSE(shows_a());
}

/* The FUSE inode's own are not those of the backing file */
TEST_F(attributes, identity)
{
	struct stat before, after, below;

	ASSERT_EQ(0, stat(A, &before));
	ASSERT_EQ(0, link(scratch_path("a"), scratch_path("another")));
	ASSERT_EQ(0, attach(&self->env, BOTH, ATTR));
	asked(self->srv, &self->seen);
	ASSERT_EQ(0, stat(A, &after));
	ASSERT_EQ(0, stat(scratch_path("a"), &below));
	EXPECT_EQ(0, asked(self->srv, &self->seen));
	EXPECT_EQ(before.st_ino, after.st_ino);
	EXPECT_EQ(before.st_dev, after.st_dev);
	EXPECT_EQ(before.st_nlink, after.st_nlink);
	EXPECT_NE(below.st_dev, after.st_dev);
	EXPECT_NE(below.st_nlink, after.st_nlink);
}

TEST_F(attributes, masks)
{
	static const int flags[] = { 0, AT_STATX_DONT_SYNC, AT_STATX_FORCE_SYNC };
	const char *a = scratch_path("a");
	struct statx below, seen;

	ASSERT_EQ(0, attach(&self->env, BOTH, ATTR));
	asked(self->srv, &self->seen);
	ASSERT_EQ(0, chmod(a, 0600));
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		for (__u32 bit = 1; bit <= STATX_BTIME; bit <<= 1) {
			ASSERT_EQ(0, statx(AT_FDCWD, a, 0, ALL, &below));
			ASSERT_EQ(0, statx(AT_FDCWD, A, flags[i], bit, &seen));
			EXPECT_EQ(bit, seen.stx_mask & bit);
			EXPECT_TRUE(same_file(&seen, &below))
				TH_LOG("flags %x mask %x", flags[i], bit);
		}
		/* the birth of the file, not of what the server says */
		EXPECT_TRUE(same_time(&seen.stx_btime, &below.stx_btime));
		EXPECT_LT(0, seen.stx_btime.tv_sec);
	}
	EXPECT_EQ(0, asked(self->srv, &self->seen));
}

/* Owner and mode are the server's to change, and to see then */
TEST_F(attributes, changed_by_the_server)
{
	struct stat st;

	ASSERT_EQ(0, attach(&self->env, BOTH, FUSE_BACKING_OPS_FILE));
	asked(self->srv, &self->seen);
	ASSERT_EQ(0, chmod(A, 0604));
	ASSERT_EQ(0, chown(A, 21, 22));
	ASSERT_EQ(0, truncate(A, 100));
	EXPECT_EQ(3, fuse_server_ops(self->srv, FUSE_SETATTR));
	EXPECT_EQ(3, asked(self->srv, &self->seen));
	ASSERT_EQ(0, stat(A, &st));
	EXPECT_EQ(S_IFREG | 0604, st.st_mode);
	EXPECT_EQ(21, st.st_uid);
	EXPECT_EQ(22, st.st_gid);
	EXPECT_EQ(100, st.st_size);
	EXPECT_TRUE(shows_a());
	EXPECT_EQ(0, asked(self->srv, &self->seen));
}

/* Who asks for the end of the file gets the end that it has now */
TEST_F(attributes, end_of_file)
{
	int fd, log;

	ASSERT_EQ(0, attach(&self->env, BOTH, ATTR));
	fd = open_a(O_RDWR);
	log = open_a(O_WRONLY | O_APPEND);
	ASSERT_LE(0, fd);
	ASSERT_LE(0, log);
	asked(self->srv, &self->seen);
	ASSERT_EQ(0, truncate(scratch_path("a"), 3 * FILE_SIZE));
	EXPECT_EQ(3 * FILE_SIZE, lseek(fd, 0, SEEK_END));
	ASSERT_EQ(0, truncate(scratch_path("a"), 10));
	EXPECT_EQ(10, lseek(fd, 0, SEEK_END));
	ASSERT_EQ(0, truncate(scratch_path("a"), 20));
	EXPECT_EQ(4, write(log, "more", 4));
	EXPECT_EQ(24, lseek(log, 0, SEEK_CUR));
	EXPECT_EQ(24, scratch_size("a"));
	EXPECT_EQ(0, asked(self->srv, &self->seen));
	close(log);
	close(fd);
}

/* Bytes of "a" that copy_file_range(2) finds in a file that was just opened, or -errno */
static off_t copied(void)
{
	int from = open_a(O_RDONLY), to = open(SCRATCH_FUSE "/b", O_WRONLY | O_CLOEXEC);
	off_t all;

	if (from < 0 || to < 0)
		return -EBADF;
	all = env_copy_range(from, to);
	close(from);
	close(to);
	return all;
}

/* As good as it gets where the server has the answer: for as long as it said */
TEST_F(attributes, size_of_the_server)
{
	struct stat st;

	self->srv->sh->attr_valid = 1000000;
	ASSERT_EQ(0, attach(&self->env, BOTH, 0));
	ASSERT_EQ(0, stat(A, &st));
	ASSERT_EQ(0, truncate(scratch_path("a"), 3 * FILE_SIZE));
	EXPECT_EQ(FILE_SIZE, copied());
}

/* Where the backing file has it, it is that of each open, and of who read beyond it */
TEST_F(attributes, size_of_what_is_opened)
{
	int fd, left;
	char byte;
	struct stat st;

	self->srv->sh->attr_valid = 1000000;
	ASSERT_EQ(0, stat(A, &st));
	ASSERT_EQ(0, attach(&self->env, BOTH, ATTR));
	ASSERT_EQ(0, stat(A, &st));
	ASSERT_EQ(0, truncate(scratch_path("a"), 3 * FILE_SIZE));
	EXPECT_EQ(3 * FILE_SIZE, copied());
	ASSERT_EQ(0, truncate(scratch_path("a"), 10));
	EXPECT_EQ(10, copied());
	fd = open_a(O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, truncate(scratch_path("a"), 20));
	EXPECT_EQ(1, pread(fd, &byte, 1, 19));
	ASSERT_EQ(0, ioctl(fd, FIONREAD, &left));
	EXPECT_EQ(20, left);
	close(fd);
}

TEST_F(attributes, mapped_beyond_the_old_end)
{
	char *map;
	int fd;

	ASSERT_EQ(0, truncate(scratch_path("a"), 4096));
	ASSERT_EQ(0, attach(&self->env, BOTH, ATTR));
	fd = open_a(O_RDWR);
	ASSERT_LE(0, fd);
	asked(self->srv, &self->seen);
	ASSERT_EQ(0, truncate(scratch_path("a"), 3 * 4096));
	map = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	map[2 * 4096 + 1] = 'm';
	EXPECT_EQ(0, scratch_compare("a", "m", 1, 2 * 4096 + 1));
	EXPECT_TRUE(shows_a());
	EXPECT_EQ(0, asked(self->srv, &self->seen));
	munmap(map, 3 * 4096);
	close(fd);
}

/* A file that the server opened, with its data cached beside what is attached */
TEST_F(attributes, cached_beside)
{
	struct stat st;
	char buf[8];
	int fd;

	ASSERT_EQ(0, attach(&self->env, FUSE_BACKING_READ, ATTR));
	fd = open_a(O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, self->file->opens);
	ASSERT_EQ(8, pread(fd, buf, 8, 0));
	ASSERT_EQ(0, truncate(scratch_path("a"), 0));
	ASSERT_EQ(0, truncate(scratch_path("a"), 4));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(4, st.st_size);
	EXPECT_EQ(4, pread(fd, buf, 8, 0));
	EXPECT_EQ(0, memcmp(buf, "\0\0\0\0", 4));
	EXPECT_LE(2, fuse_server_ops(self->srv, FUSE_READ));
	close(fd);
}

/* Is it the server's again, which invents the owner? */
static bool is_the_servers(struct fuse_server *srv)
{
	__u32 asked = fuse_server_ops(srv, FUSE_GETATTR);
	struct stat st;

	return !stat(A, &st) && st.st_uid == 77 && !access(A, F_OK) &&
	       fuse_server_ops(srv, FUSE_GETATTR) > asked;
}

static bool is_the_backing_files(struct fuse_server *srv)
{
	__u32 asked = fuse_server_requests(srv);
	struct stat st;

	return !stat(A, &st) && st.st_uid == 0 &&
	       asked == fuse_server_requests(srv);
}

/* However long the server had said that what it says is good */
TEST_F(attributes, given_back)
{
	int fd;

	self->file->invent = true;
	self->file->invented_uid = 77;
	EXPECT_TRUE(is_the_servers(self->srv));
	self->srv->sh->attr_valid = 3600;
	EXPECT_TRUE(is_the_servers(self->srv));

	ASSERT_EQ(0, attach(&self->env, BOTH, ATTR));
	EXPECT_TRUE(is_the_backing_files(self->srv));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, 0));
	EXPECT_TRUE(is_the_servers(self->srv));

	ASSERT_EQ(0, attach(&self->env, BOTH, ATTR));
	fd = open_a(O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(is_the_backing_files(self->srv));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0,
					 FUSE_BACKING_DETACH_REVOKE));
	EXPECT_TRUE(is_the_servers(self->srv));
	close(fd);
}

/* The same while a FUSE below takes its time to answer */
TEST_F(attributes, given_back_meanwhile)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_BACKING,
		.no_passthrough = true,
	};
	struct fuse_server lower;
	struct stat st;
	int id, status;
	pid_t pid;

	self->file->invent = true;
	self->file->invented_uid = 77;
	self->srv->sh->attr_valid = 3600;
	EXPECT_TRUE(is_the_servers(self->srv));
	ASSERT_EQ(0, fuse_server_start(&lower, &opts));
	ASSERT_NE(NULL, fuse_server_add(&lower, "a"));
	lower.sh->attr_valid = 0;
	id = fuse_backing_open_path(self->dev, SCRATCH_FUSE2 "/a", O_RDONLY);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_backing_attach_ops(self->dev, self->node, id, BOTH,
					     ATTR));
	EXPECT_TRUE(is_the_backing_files(self->srv));

	ASSERT_EQ(0, fuse_server_pause(&lower));
	pid = fork();
	if (!pid)
		_exit(stat(A, &st) < 0);
	ASSERT_TRUE(wait_until(sleeps_in(pid, SYS_newfstatat)));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, 0));
	ASSERT_EQ(0, fuse_server_resume(&lower));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(is_the_servers(self->srv));
	fuse_server_stop(&lower);
}

/* Times */

static bool has_times(long atime, long mtime)
{
	struct stat st;

	return !stat(scratch_path("a"), &st) && st.st_atim.tv_sec == atime &&
	       st.st_mtim.tv_sec == mtime;
}

static bool is_now(const struct timespec *ts)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return ts->tv_sec > now.tv_sec - 1000 && ts->tv_sec <= now.tv_sec;
}

static bool has_mtime_now(void)
{
	struct stat st;

	return !stat(scratch_path("a"), &st) && is_now(&st.st_mtim);
}

TEST_F(attributes, times)
{
	const struct timespec both[] = { { 1000000, 5 }, { 2000000, 7 } };
	const struct timespec mtime[] = { { 0, UTIME_OMIT }, { 3000000, 0 } };
	const struct timespec atime[] = { { 4000000, 0 }, { 0, UTIME_OMIT } };
	const struct timespec now[] = { { 0, UTIME_OMIT }, { 0, UTIME_NOW } };
	int fd;

	ASSERT_EQ(0, attach(&self->env, BOTH, ATTR | TIMES));
	fd = open_a(O_WRONLY);
	ASSERT_LE(0, fd);
	asked(self->srv, &self->seen);
	EXPECT_EQ(0, futimens(fd, both));
	EXPECT_TRUE(has_times(1000000, 2000000));
	EXPECT_TRUE(shows_a());
	EXPECT_EQ(0, futimens(fd, mtime));
	EXPECT_TRUE(has_times(1000000, 3000000));
	EXPECT_EQ(0, utimensat(AT_FDCWD, A, atime, 0));
	EXPECT_TRUE(has_times(4000000, 3000000));
	EXPECT_TRUE(shows_a());
	EXPECT_EQ(0, futimens(fd, now));
	EXPECT_TRUE(has_mtime_now());
	EXPECT_EQ(0, futimens(fd, both));
	EXPECT_EQ(0, futimens(fd, NULL));
	EXPECT_TRUE(has_mtime_now());
	EXPECT_TRUE(shows_a());
	EXPECT_EQ(0, asked(self->srv, &self->seen));
	close(fd);
}

TEST_F(attributes, control_times)
{
	const struct timespec both[] = { { 1000000, 5 }, { 2000000, 7 } };
	int fd;

	ASSERT_EQ(0, attach(&self->env, BOTH, ATTR));
	fd = open_a(O_WRONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, futimens(fd, both));
	EXPECT_EQ(0, utimensat(AT_FDCWD, A, both, 0));
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_SETATTR));
	EXPECT_TRUE(has_times(1000000, 2000000));
	close(fd);
}

/* The server isn't told, so without ATTR it says what it sees when it is asked */
TEST_F(attributes, times_alone)
{
	const struct timespec both[] = { { 1000000, 5 }, { 2000000, 7 } };

	self->srv->sh->attr_valid = 3600;
	ASSERT_EQ(0, attach(&self->env, BOTH, TIMES));
	EXPECT_TRUE(shows_a());
	EXPECT_EQ(0, utimensat(AT_FDCWD, A, both, 0));
	EXPECT_TRUE(shows_a());
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_SETATTR));
}

/* Times that come with anything else are the server's */
TEST_F(attributes, truncated_by_path)
{
	ASSERT_EQ(0, attach(&self->env, BOTH, TIMES));
	EXPECT_EQ(0, truncate(A, 10));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETATTR));
}

static int register_a(void *arg)
{
	return fuse_backing_open_path(*(int *)arg, scratch_path("a"), O_RDONLY);
}

/* Who registered the file may do less than the client */
TEST_F(attributes, times_of_others)
{
	const struct timespec both[] = { { 1000000, 5 }, { 2000000, 7 } };
	const struct creds who = { .uid = OTHER, .gid = OTHER };
	int dev = self->dev, id;

	ASSERT_EQ(0, chmod(scratch_path("a"), 0644));
	id = creds_call(&who, register_a, &dev);
	ASSERT_LT(0, id);
	/* root's connection, so this is no helper; but the user's power counts */
	ASSERT_EQ(0, fuse_backing_attach_ops(dev, self->node, id, BOTH, TIMES));
	EXPECT_EQ(-1, utimensat(AT_FDCWD, A, both, 0));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(-1, utimensat(AT_FDCWD, A, NULL, 0));
	EXPECT_EQ(EACCES, errno);
	/* controls: the right to write, and the file itself */
	ASSERT_EQ(0, chmod(scratch_path("a"), 0646));
	EXPECT_EQ(0, utimensat(AT_FDCWD, A, NULL, 0));
	EXPECT_EQ(-1, utimensat(AT_FDCWD, A, both, 0));
	EXPECT_EQ(EPERM, errno);
	ASSERT_EQ(0, chown(scratch_path("a"), OTHER, OTHER));
	EXPECT_EQ(0, utimensat(AT_FDCWD, A, both, 0));
	EXPECT_TRUE(has_times(1000000, 2000000));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_SETATTR));
}

static int remount(const char *path, unsigned long flags)
{
	if (mount(scratch_path(""), path, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | flags, NULL) < 0)
		return -errno;
	return 0;
}

/* A backing mount that is read-only, of a filesystem that isn't */
TEST_F(attributes, times_on_a_read_only_mount)
{
	int id;

	ASSERT_EQ(0, remount(SCRATCH_OTHER, MS_RDONLY));
	id = fuse_backing_open_path(self->dev, SCRATCH_OTHER "/a", O_RDONLY);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_backing_attach_ops(self->dev, self->node, id, BOTH,
					     TIMES | ACCESS));
	EXPECT_EQ(-1, utimensat(AT_FDCWD, A, NULL, 0));
	EXPECT_EQ(EROFS, errno);
	EXPECT_TRUE(reject_trace_access(A, W_OK, self->srv->dev, id,
					-EROFS, "read-only-mount"));
	EXPECT_EQ(0, access(A, R_OK));
	ASSERT_EQ(0, mount(NULL, SCRATCH_OTHER, NULL, MS_BIND | MS_REMOUNT, NULL));
	EXPECT_EQ(0, utimensat(AT_FDCWD, A, NULL, 0));
	EXPECT_EQ(0, access(A, W_OK));
}

/* Somebody has to give the file back first, for which the server waits */
TEST_F(attributes, times_of_a_delegated_file)
{
	const struct timespec both[] = { { 1000000, 5 }, { 2000000, 7 } };
	const struct timespec later[] = { { 3000000, 5 }, { 4000000, 7 } };
	int fd, id = register_a(&self->dev);

	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_backing_attach_ops(self->dev, self->node, id, FUSE_BACKING_READ,
					     TIMES));
	fd = open(scratch_path("a"), O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, text_file_write("/proc/sys/fs/lease-break-time", "1"));
	if (delegation_keep(fd))
		SKIP(return, "needs delegations");
	EXPECT_EQ(0, utimensat(AT_FDCWD, A, both, 0));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETATTR));
	EXPECT_TRUE(has_times(1000000, 2000000));
	/* control */
	close(fd);
	EXPECT_EQ(0, utimensat(AT_FDCWD, A, later, 0));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETATTR));
	EXPECT_TRUE(has_times(3000000, 4000000));
}

/* fsync(2) of a file that the server opened */

TEST_F(attributes, synced)
{
	int id = env_register(&self->env, "a", O_RDWR);
	int fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fuse_backing_attach_ops(self->dev, self->node, id, BOTH,
					     FSYNC));
	EXPECT_EQ(1, write(fd, "x", 1));
	asked(self->srv, &self->seen);
	EXPECT_EQ(0, fsync(fd));
	EXPECT_EQ(0, fdatasync(fd));
	EXPECT_EQ(0, asked(self->srv, &self->seen));

	/* and when it is taken away, the server's again */
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, 0));
	EXPECT_EQ(0, fsync(fd));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_FSYNC));
	close(fd);
}

TEST_F(attributes, control_synced)
{
	int id = env_register(&self->env, "a", O_RDWR);
	int fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fuse_backing_attach_ops(self->dev, self->node, id, BOTH,
					     ATTR));
	EXPECT_EQ(0, fsync(fd));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_FSYNC));
	close(fd);
}

/* Opened in direct mode, beside what is attached: the data is the server's */
TEST_F(attributes, synced_by_the_server)
{
	int fd;

	ASSERT_EQ(0, attach(&self->env, FUSE_BACKING_READ, FSYNC));
	self->file->open_flags = FOPEN_DIRECT_IO;
	fd = open_a(O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fsync(fd));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_FSYNC));
	close(fd);
}

/* Extended attributes */

static int set_attributes(void)
{
	const char *a = scratch_path("a");

	if (setxattr(a, "user.one", VALUE, sizeof(VALUE), 0) < 0 ||
	    setxattr(a, "trusted.two", VALUE, sizeof(VALUE), 0) < 0 ||
	    setxattr(a, "user.three", "", 0, 0) < 0)
		return -errno;
	return privs_give_caps(a);
}

/* The value's length, or -errno */
static int get(const char *name, size_t size)
{
	char value[256];
	ssize_t n = getxattr(A, name, value, size);

	if (n > 0 && size && memcmp(value, VALUE, n))
		return -EILSEQ;
	return n < 0 ? -errno : n;
}

/* Is the name there, of the list that whoever calls gets? @size: its room */
static int is_listed(const char *name, size_t size)
{
	char list[1024];
	ssize_t n = listxattr(A, list, size);

	if (n < 0)
		return -errno;
	for (ssize_t i = 0; i < n; i += strlen(list + i) + 1)
		if (!strcmp(list + i, name))
			return 1;
	return 0;
}

TEST_F(attributes, xattrs)
{
	char below[1024], seen[1024];
	ssize_t n;

	ASSERT_EQ(0, set_attributes());
	ASSERT_EQ(0, attach(&self->env, BOTH, XATTR));
	asked(self->srv, &self->seen);
	EXPECT_EQ(sizeof(VALUE), get("user.one", 256));
	EXPECT_EQ(sizeof(VALUE), get("user.one", sizeof(VALUE)));
	EXPECT_EQ(sizeof(VALUE), get("user.one", 0));
	EXPECT_EQ(-ERANGE, get("user.one", sizeof(VALUE) - 1));
	EXPECT_EQ(0, get("user.three", 256));
	EXPECT_EQ(-ENODATA, get("user.none", 256));
	EXPECT_EQ(sizeof(VALUE), get("trusted.two", 256));
	EXPECT_TRUE(privs_has_caps(A));

	n = listxattr(scratch_path("a"), below, sizeof(below));
	ASSERT_LT(0, n);
	EXPECT_EQ(n, listxattr(A, NULL, 0));
	EXPECT_EQ(n, listxattr(A, seen, n));
	EXPECT_EQ(0, memcmp(below, seen, n));
	EXPECT_EQ(-1, listxattr(A, seen, n - 1));
	EXPECT_EQ(ERANGE, errno);
	EXPECT_EQ(0, asked(self->srv, &self->seen));
}

/* The control: the server has none */
TEST_F(attributes, control_xattrs)
{
	char list[64];

	ASSERT_EQ(0, set_attributes());
	ASSERT_EQ(0, attach(&self->env, BOTH, ATTR));
	EXPECT_EQ(-ENODATA, get("user.one", 256));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_GETXATTR));
	EXPECT_EQ(-1, listxattr(A, list, sizeof(list)));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_LISTXATTR));
}

static int look_for_trusted(void *arg)
{
	(void)arg;
	if (get("user.one", 256) != sizeof(VALUE) ||
	    is_listed("user.one", 1024) != 1 ||
	    is_listed("user.three", 1024) != 1)
		return -EINVAL;
	if (is_listed("trusted.two", 1024))
		return -EEXIST;
	return get("trusted.two", 256);
}

TEST_F(attributes, trusted_is_not_for_everybody)
{
	const struct creds who = { .uid = OTHER, .gid = OTHER };
	const struct creds admin = {
		.uid = OTHER,
		.gid = OTHER,
		.caps = CREDS_CAP(CAP_SYS_ADMIN),
	};

	ASSERT_EQ(0, set_attributes());
	ASSERT_EQ(0, attach(&self->env, BOTH, XATTR));
	asked(self->srv, &self->seen);
	EXPECT_EQ(-ENODATA, creds_call(&who, look_for_trusted, NULL));
	EXPECT_EQ(1, is_listed("trusted.two", 1024));
	EXPECT_EQ(sizeof(VALUE), get("trusted.two", 256));
	EXPECT_EQ(-EEXIST, creds_call(&admin, look_for_trusted, NULL));
	EXPECT_EQ(0, asked(self->srv, &self->seen));
}

TEST_F(attributes, acls_are_the_servers)
{
	ASSERT_EQ(0, attach(&self->env, BOTH, XATTR));
	EXPECT_EQ(-ENODATA, get("system.posix_acl_access", 256));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_GETXATTR));
	EXPECT_EQ(-ENODATA, get("user.one", 256));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_GETXATTR));
}

/* Changes are the server's, and seen where they were made */
TEST_F(attributes, xattrs_set)
{
	ASSERT_EQ(0, attach(&self->env, BOTH, XATTR));
	EXPECT_EQ(-1, setxattr(A, "user.one", VALUE, sizeof(VALUE), 0));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETXATTR));
	ASSERT_EQ(0, setxattr(scratch_path("a"), "user.one", VALUE,
			      sizeof(VALUE), 0));
	EXPECT_EQ(sizeof(VALUE), get("user.one", 256));
	ASSERT_EQ(0, removexattr(scratch_path("a"), "user.one"));
	EXPECT_EQ(-ENODATA, get("user.one", 256));
}

/* access(2) */

static int do_access(void *arg)
{
	return access(A, *(int *)arg) < 0 ? -errno : 0;
}

static int access_as(uid_t uid, int mode)
{
	const struct creds who = { .uid = uid, .gid = uid };

	return creds_call(&who, do_access, &mode);
}

TEST_F(attributes, access)
{
	ASSERT_EQ(0, chown(scratch_path("a"), OTHER, OTHER));
	ASSERT_EQ(0, chmod(scratch_path("a"), 0640));
	ASSERT_EQ(0, attach(&self->env, BOTH, ACCESS));
	asked(self->srv, &self->seen);
	EXPECT_EQ(0, access_as(OTHER, R_OK | W_OK));
	EXPECT_EQ(0, access_as(OTHER + 1, F_OK));
	EXPECT_EQ(-EACCES, access_as(OTHER + 1, R_OK));
	EXPECT_EQ(-EACCES, access_as(OTHER, X_OK));
	ASSERT_EQ(0, chmod(scratch_path("a"), 0744));
	EXPECT_EQ(0, access_as(OTHER + 1, R_OK));
	EXPECT_EQ(-EACCES, access_as(OTHER + 1, R_OK | W_OK));
	/* of FUSE inodes the kernel itself looks who may execute any */
	ASSERT_EQ(0, fuse_server_ops(self->srv, FUSE_ACCESS));
}

/* The control: the server knows no access rights */
TEST_F(attributes, control_access)
{
	ASSERT_EQ(0, chmod(scratch_path("a"), 0600));
	ASSERT_EQ(0, attach(&self->env, BOTH, ATTR));
	EXPECT_EQ(0, access_as(OTHER, R_OK | W_OK));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_ACCESS));
}

/* What the registration must not, nobody may */
TEST_F(attributes, access_of_the_registration)
{
	const struct creds who = { .uid = OTHER, .gid = OTHER };
	int dev = self->dev, id;

	ASSERT_EQ(0, chmod(scratch_path("a"), 0644));
	id = creds_call(&who, register_a, &dev);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_backing_attach_ops(dev, self->node, id, BOTH, ACCESS));
	EXPECT_EQ(-1, access(A, W_OK));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0, access(A, R_OK));
	ASSERT_EQ(0, chmod(scratch_path("a"), 0646));
	EXPECT_EQ(0, access(A, W_OK));
}

TEST_F(attributes, access_on_a_noexec_mount)
{
	int id;

	ASSERT_EQ(0, chmod(scratch_path("a"), 0755));
	ASSERT_EQ(0, remount(SCRATCH_OTHER, MS_NOEXEC));
	id = fuse_backing_open_path(self->dev, SCRATCH_OTHER "/a", O_RDONLY);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_backing_attach_ops(self->dev, self->node, id, BOTH,
					     ACCESS | ATTR));
	EXPECT_TRUE(reject_trace_access(A, X_OK, self->srv->dev, id,
					-EACCES, "noexec"));
	EXPECT_EQ(0, access(A, R_OK));
	ASSERT_EQ(0, mount(NULL, SCRATCH_OTHER, NULL, MS_BIND | MS_REMOUNT, NULL));
	EXPECT_EQ(0, access(A, X_OK));
}

/* Privileges that writes take away */

static int write_a(void *arg)
{
	int fd = open_a(O_WRONLY);
	int n;

	(void)arg;
	if (fd < 0)
		return fd;
	n = write(fd, "x", 1);
	close(fd);
	return n == 1 ? 0 : -errno;
}

TEST_F(attributes, suid_goes_with_a_write)
{
	const struct creds who = { .uid = OTHER, .gid = OTHER };
	struct stat st;

	ASSERT_EQ(0, chmod(scratch_path("a"), 06777));
	ASSERT_EQ(0, attach(&self->env, BOTH, FUSE_BACKING_OPS_FILE));
	ASSERT_EQ(0, stat(A, &st));
	EXPECT_EQ(S_IFREG | 06777, st.st_mode);
	ASSERT_EQ(0, creds_call(&who, write_a, NULL));
	ASSERT_EQ(0, stat(scratch_path("a"), &st));
	EXPECT_EQ(S_IFREG | 0777, st.st_mode);
	EXPECT_TRUE(shows_a());
}

TEST_F(attributes, capabilities_go_with_a_write)
{
	const struct creds who = { .uid = OTHER, .gid = OTHER };

	ASSERT_EQ(0, chmod(scratch_path("a"), 0777));
	ASSERT_EQ(0, privs_give_caps(scratch_path("a")));
	ASSERT_EQ(0, attach(&self->env, BOTH, FUSE_BACKING_OPS_FILE));
	EXPECT_TRUE(privs_has_caps(A));
	ASSERT_EQ(0, creds_call(&who, write_a, NULL));
	EXPECT_FALSE(privs_has_caps(scratch_path("a")));
	EXPECT_FALSE(privs_has_caps(A));
}

/* Directories */

static int attach_root(struct env *env, __u64 ops)
{
	int id = fuse_backing_open_with(env->srv.fd, SCRATCH_BACKING,
					O_RDONLY | O_DIRECTORY,
					FUSE_BACKING_MAP_DIR);

	return id < 0 ? id : fuse_backing_attach_dir(env->srv.fd, FUSE_ROOT_ID,
						     id, 0, ops);
}

static int chdir_there(void *arg)
{
	(void)arg;
	return chdir(SCRATCH_FUSE) < 0 ? -errno : 0;
}

TEST_F(attributes, directory)
{
	const struct creds who = { .uid = OTHER, .gid = OTHER };
	struct stat before, after, want;
	char value[16];

	ASSERT_EQ(0, setxattr(SCRATCH_BACKING, "trusted.one", VALUE,
			      sizeof(VALUE), 0));
	ASSERT_EQ(0, chmod(SCRATCH_BACKING, 01750));
	ASSERT_EQ(0, stat(SCRATCH_FUSE, &before));
	ASSERT_EQ(0, attach_root(&self->env, ATTR | XATTR | ACCESS));
	asked(self->srv, &self->seen);
	EXPECT_TRUE(shows(SCRATCH_FUSE, SCRATCH_BACKING));
	ASSERT_EQ(0, stat(SCRATCH_FUSE, &after));
	ASSERT_EQ(0, stat(SCRATCH_BACKING, &want));
	EXPECT_EQ(before.st_ino, after.st_ino);
	/* how many directories are in one only the backing directory knows */
	EXPECT_EQ(want.st_nlink, after.st_nlink);
	EXPECT_EQ(sizeof(VALUE), getxattr(SCRATCH_FUSE, "trusted.one", value,
					  sizeof(value)));
	EXPECT_EQ(-EACCES, creds_call(&who, chdir_there, NULL));
	ASSERT_EQ(0, chmod(SCRATCH_BACKING, 0755));
	EXPECT_EQ(0, creds_call(&who, chdir_there, NULL));
	EXPECT_TRUE(shows(SCRATCH_FUSE, SCRATCH_BACKING));
	EXPECT_EQ(0, asked(self->srv, &self->seen));
	/* names in it are asked for as ever */
	EXPECT_EQ(0, access(SCRATCH_FUSE "/b", F_OK));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_LOOKUP) - 1);
}

TEST_F(attributes, control_directory)
{
	struct statx stx;
	char value[16];

	ASSERT_EQ(0, attach_root(&self->env, FUSE_BACKING_OPS_LIST));
	asked(self->srv, &self->seen);
	ASSERT_EQ(0, statx(AT_FDCWD, SCRATCH_FUSE, AT_STATX_FORCE_SYNC, ALL,
			   &stx));
	EXPECT_EQ(-1, getxattr(SCRATCH_FUSE, "trusted.one", value,
			       sizeof(value)));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_GETXATTR));
	EXPECT_LE(2, asked(self->srv, &self->seen));
}

/*
 * A mount with default_permissions: the kernel looks who may open.
 */
FIXTURE(permissions) {
	struct env env;
	struct fuse_server *srv;
	struct fuse_server_file *file;
	__u32 seen;
};

FIXTURE_SETUP(permissions)
{
	static const struct fuse_server_opts opts = {
		.mount_opts = "default_permissions",
	};

	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->srv = &self->env.srv;
	fuse_server_stop(self->srv);
	ASSERT_EQ(0, env_serve(&self->env, self->srv, &opts));
	self->file = &self->srv->sh->file[0];
}

FIXTURE_TEARDOWN(permissions)
{
	env_teardown(&self->env);
}

static int do_open(void *arg)
{
	int fd = open_a(*(int *)arg);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int open_as(uid_t uid, int flags)
{
	const struct creds who = { .uid = uid, .gid = uid };

	return creds_call(&who, do_open, &flags);
}

/* The server's word is old at once: it is the backing file that says */
TEST_F(permissions, of_the_backing_file)
{
	struct stat st;

	self->srv->sh->attr_valid = 0;
	ASSERT_EQ(0, stat(A, &st));
	ASSERT_EQ(0, attach(&self->env, BOTH, ATTR));
	asked(self->srv, &self->seen);
	ASSERT_EQ(0, chmod(scratch_path("a"), 0600));
	EXPECT_EQ(-EACCES, open_as(OTHER, O_RDONLY));
	ASSERT_EQ(0, chmod(scratch_path("a"), 0604));
	EXPECT_EQ(0, open_as(OTHER, O_RDONLY));
	EXPECT_EQ(-EACCES, open_as(OTHER, O_RDWR));
	ASSERT_EQ(0, chown(scratch_path("a"), OTHER, 0));
	EXPECT_EQ(0, open_as(OTHER, O_RDWR));
	EXPECT_EQ(-EACCES, open_as(OTHER + 1, O_RDWR));
	EXPECT_EQ(0, asked(self->srv, &self->seen));
	EXPECT_EQ(0, self->file->opens);
}

/* It is good still, and nobody has looked */
TEST_F(permissions, of_the_server)
{
	struct stat st;

	self->srv->sh->attr_valid = 3600;
	ASSERT_EQ(0, stat(A, &st));
	ASSERT_EQ(0, attach(&self->env, BOTH, ATTR));
	asked(self->srv, &self->seen);
	ASSERT_EQ(0, chmod(scratch_path("a"), 0600));
	EXPECT_EQ(0, open_as(OTHER, O_RDONLY));
	/* now somebody has */
	ASSERT_EQ(0, stat(A, &st));
	EXPECT_EQ(-EACCES, open_as(OTHER, O_RDONLY));
	/* what is denied is looked at again */
	ASSERT_EQ(0, chmod(scratch_path("a"), 0604));
	EXPECT_EQ(0, open_as(OTHER, O_RDONLY));
	EXPECT_EQ(0, asked(self->srv, &self->seen));
}

static int touch(void *arg)
{
	return utimensat(AT_FDCWD, A, arg, 0) < 0 ? -errno : 0;
}

/* The client must be the owner of what it sees, the registration of what there is */
TEST_F(permissions, times)
{
	struct timespec both[] = { { 1000000, 5 }, { 2000000, 7 } };
	const struct creds who = { .uid = OTHER, .gid = OTHER };
	struct stat st;

	self->srv->sh->attr_valid = 0;
	ASSERT_EQ(0, stat(A, &st));
	ASSERT_EQ(0, attach(&self->env, BOTH, ATTR | TIMES));
	EXPECT_EQ(-EPERM, creds_call(&who, touch, both));
	EXPECT_EQ(-EACCES, creds_call(&who, touch, NULL));
	EXPECT_FALSE(has_times(1000000, 2000000));
	ASSERT_EQ(0, chown(scratch_path("a"), OTHER, OTHER));
	ASSERT_EQ(0, stat(A, &st));
	EXPECT_EQ(0, creds_call(&who, touch, both));
	EXPECT_TRUE(has_times(1000000, 2000000));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_SETATTR));
}

/* Owners that are others below, by the mount that the file was registered on */

TEST_F(attributes, idmapped_backing_mount)
{
	struct stat st;
	int id;

	ASSERT_EQ(0, chown(scratch_path("a"), 5, 7));
	ASSERT_EQ(0, shifted_mount());
	id = fuse_backing_open_path(self->dev, SCRATCH_OTHER "/a", O_RDONLY);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_backing_attach_ops(self->dev, self->node, id, BOTH,
					     ATTR | ACCESS));
	ASSERT_EQ(0, stat(A, &st));
	EXPECT_EQ(SHIFTED + 5, st.st_uid);
	EXPECT_EQ(SHIFTED + 7, st.st_gid);
	EXPECT_TRUE(shows(A, SCRATCH_OTHER "/a"));
	ASSERT_EQ(0, chmod(scratch_path("a"), 0600));
	EXPECT_EQ(0, access_as(SHIFTED + 5, R_OK));
	EXPECT_EQ(-EACCES, access_as(5, R_OK));
	/* ids that the mount doesn't know are nobody's, as on the mount itself */
	ASSERT_EQ(0, chown(scratch_path("a"), 20000, 20000));
	EXPECT_TRUE(shows(A, SCRATCH_OTHER "/a"));
	ASSERT_EQ(0, stat(A, &st));
	EXPECT_EQ(65534, st.st_uid);
}

TEST_HARNESS_MAIN
