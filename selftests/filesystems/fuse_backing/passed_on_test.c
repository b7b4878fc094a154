// SPDX-License-Identifier: GPL-2.0
/*
 * What is neither read nor write, on a file that has no server, by the backing file.
 *
 * Proves: close(2) of a file that was open for writing calls the backing file's
 * flush and reports its errors, whether it is a backing file of its own or has
 * extents; where nothing could be written it doesn't; and locks that the client has
 * on the backing file itself stay. ftruncate(2) needs nothing but the open file, as
 * POSIX has it: neither the right to the file nor its name; where the backing file
 * can only be appended to it is refused; suid and sgid bits, and files with extents,
 * are left to the server, which gets a handle.
 *
 * Other such operations are in no_handle_test.c.
 *
 * Privilege: root, to mount for an ordinary user and as a client.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "harness.h"

#include "attack.h"
#include "backing_ioctl.h"
#include "wait_until.h"

/* Backing files are on another FUSE, which knows who flushes. */
FIXTURE(flush) {
	struct env env;
	struct fuse_server lower;
	int id;
};

FIXTURE_VARIANT(flush) {
	bool extents;
};

FIXTURE_VARIANT_ADD(flush, backing_file) {
	.extents = false,
};

FIXTURE_VARIANT_ADD(flush, extents) {
	.extents = true,
};

FIXTURE_SETUP(flush)
{
	const struct fuse_server_opts lower = {
		.mountpoint = SCRATCH_FUSE2,
		.no_passthrough = true,
		.init_flags = FUSE_POSIX_LOCKS,
	};

	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	ASSERT_EQ(0, env_serve(&self->env, &self->lower, &lower));
	self->env.srv.sh->getxattr_error = ENOSYS;
	self->lower.sh->getxattr_error = ENOSYS;
	self->id = fuse_backing_open_path(self->env.srv.fd, SCRATCH_FUSE2 "/a",
					  O_RDWR);
	ASSERT_LT(0, self->id);
	ASSERT_EQ(0, env_attach(&self->env, self->id, variant->extents));
	/* by who registered it */
	self->lower.sh->ops[FUSE_FLUSH] = 0;
}

FIXTURE_TEARDOWN(flush)
{
	env_teardown(&self->env);
	fuse_server_stop(&self->lower);
}

TEST_F(flush, reports_the_error)
{
	struct fuse_server *srv = &self->env.srv;
	int fd = fuse_server_open(srv, "a", O_RDWR);
	int second;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fuse_server_ops(srv, FUSE_OPEN));
	second = dup(fd);
	EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
	EXPECT_EQ(0, close(second));
	EXPECT_EQ(1, fuse_server_ops(&self->lower, FUSE_FLUSH));
	self->lower.sh->flush_error = ENOSPC;
	EXPECT_EQ(-1, close(fd));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(2, fuse_server_ops(&self->lower, FUSE_FLUSH));
	EXPECT_EQ(0, fuse_server_ops(srv, FUSE_FLUSH));
	EXPECT_EQ(0, fuse_server_data_ops(srv));
	self->lower.sh->flush_error = 0;
}

/* A file of the lower mount is closed like this, too. */
TEST_F(flush, as_the_backing_file)
{
	int fd = open(SCRATCH_FUSE2 "/a", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	self->lower.sh->flush_error = ENOSPC;
	EXPECT_EQ(-1, close(fd));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(1, fuse_server_ops(&self->lower, FUSE_FLUSH));
	self->lower.sh->flush_error = 0;
}

TEST_F(flush, not_of_readers)
{
	int fd = fuse_server_open(&self->env.srv, "a", O_RDONLY);
	char c;

	ASSERT_LE(0, fd);
	self->lower.sh->flush_error = ENOSPC;
	EXPECT_EQ(1, pread(fd, &c, 1, 0));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, fuse_server_ops(&self->lower, FUSE_FLUSH));
	self->lower.sh->flush_error = 0;
}

/* The server has a handle as well: both hear of it, and the first error counts. */
TEST_F(flush, and_the_server)
{
	struct fuse_server *srv = &self->env.srv;
	struct fuse_server_file *file = &srv->sh->file[0];
	int fd = fuse_server_open(srv, "a", O_RDWR);

	ASSERT_LE(0, fd);
	EXPECT_EQ(FUSE_SERVER_IOCTL, ioctl(fd, _IO('t', 1)));
	EXPECT_EQ(1, file->opens);
	self->lower.sh->flush_error = ENOSPC;
	srv->sh->flush_error = EDQUOT;
	EXPECT_EQ(-1, close(dup(fd)));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(1, fuse_server_ops(&self->lower, FUSE_FLUSH));
	EXPECT_EQ(1, fuse_server_ops(srv, FUSE_FLUSH));
	self->lower.sh->flush_error = 0;
	EXPECT_EQ(-1, close(fd));
	EXPECT_EQ(EDQUOT, errno);
	srv->sh->flush_error = 0;
	EXPECT_TRUE(wait_until(file->releases == 1));
}

/* FLUSH says whose locks on the file are to be dropped. */
TEST_F(flush, not_the_clients_locks)
{
	const struct fuse_server_shared *lower = self->lower.sh;
	struct flock lock = { .l_type = F_WRLCK };
	int own = open(SCRATCH_FUSE2 "/a", O_RDWR | O_CLOEXEC);
	int fd = fuse_server_open(&self->env.srv, "a", O_RDWR);

	ASSERT_LE(0, own);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fcntl(own, F_SETLK, &lock));
	ASSERT_EQ(1, fuse_server_ops(&self->lower, FUSE_SETLK));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(1, fuse_server_ops(&self->lower, FUSE_FLUSH));
	EXPECT_NE(lower->lock_owner, lower->flush_owner);
	/* the control */
	EXPECT_EQ(0, close(own));
	EXPECT_EQ(2, fuse_server_ops(&self->lower, FUSE_FLUSH));
	EXPECT_EQ(lower->lock_owner, lower->flush_owner);
}

/* Truncated by the server below, which opened the file. */
TEST_F(flush, of_what_was_truncated)
{
	struct fuse_server *srv = &self->env.srv;
	int fd = fuse_server_open(srv, "a", O_RDWR);

	ASSERT_LE(0, fd);
	if (variant->extents)
		SKIP(goto out, "that is left to the server");
	EXPECT_EQ(0, ftruncate(fd, 100));
	EXPECT_EQ(100, scratch_size("a"));
	EXPECT_EQ(100, lseek(fd, 0, SEEK_END));
	EXPECT_EQ(1, fuse_server_ops(&self->lower, FUSE_SETATTR));
	EXPECT_EQ(self->lower.sh->next_fh, self->lower.sh->file[0].seen_fh);
	EXPECT_EQ(0, fuse_server_ops(srv, FUSE_SETATTR));
out:
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(1, fuse_server_ops(&self->lower, FUSE_FLUSH));
}

/* A server that is an ordinary user's finds files by their names. */
FIXTURE(truncate) {
	struct attack attack;
	struct fuse_server *srv;
	struct fuse_server_file *file;	/* "own" */
	__u64 node;
	int fd;				/* it, opened by the kernel */
};

FIXTURE_SETUP(truncate)
{
	int id, err = attack_setup(&self->attack, SCRATCH_EXT4, false);

	if (!attack_ready(_metadata, err))
		return;
	self->srv = self->attack.srv;
	self->attack.attached = true;
	self->file = attack_file(&self->attack, "own");
	self->node = fuse_server_node(self->srv, self->file);
	id = attack_register_path(&self->attack, scratch_path("own"), O_RDWR);
	ASSERT_LT(0, id);
	self->fd = attack_open(&self->attack, "own", O_RDWR, id);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(truncate)
{
	close(self->fd);
	EXPECT_TRUE(wait_until(self->file->opens == self->file->releases));
	EXPECT_EQ(0, self->srv->sh->bad_fh)
		TH_LOG("opcode %u", self->srv->sh->bad_op);
	attack_teardown(&self->attack);
}

static off_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? -errno : st.st_size;
}

TEST_F(truncate, needs_no_right)
{
	char buf[8] = "";

	ASSERT_EQ(0, fchmod(self->fd, 0444));
	EXPECT_EQ(0, ftruncate(self->fd, 100));
	EXPECT_EQ(100, size_of(self->fd));
	EXPECT_EQ(100, scratch_size("own"));
	EXPECT_EQ(100, lseek(self->fd, 0, SEEK_END));
	EXPECT_EQ(0, pread(self->fd, buf, 1, 100));
	EXPECT_EQ(0, ftruncate(self->fd, FILE_SIZE));
	EXPECT_EQ(4, pread(self->fd, buf, 4, 200));
	EXPECT_EQ(0, memcmp(buf, "\0\0\0\0", 4));
	EXPECT_EQ(FILE_SIZE, size_of(self->fd));
	/* that of the mode only */
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETATTR));
	EXPECT_EQ(0, self->file->opens);

	/* Whoever names the file needs the server, and that needs the right. */
	EXPECT_EQ(-1, truncate(SCRATCH_FUSE "/own", 50));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(FILE_SIZE, scratch_size("own"));
	ASSERT_EQ(0, fchmod(self->fd, 0644));
	EXPECT_EQ(0, truncate(SCRATCH_FUSE "/own", 50));
	EXPECT_EQ(50, scratch_size("own"));
}

TEST_F(truncate, needs_no_name)
{
	char buf[400];

	ASSERT_EQ(0, unlink(scratch_path("own")));
	EXPECT_EQ(0, ftruncate(self->fd, 100));
	EXPECT_EQ(100, pread(self->fd, buf, sizeof(buf), 0));
	EXPECT_EQ(0, ftruncate(self->fd, 300));
	EXPECT_EQ(300, pread(self->fd, buf, sizeof(buf), 0));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_SETATTR));
	/* the control */
	EXPECT_EQ(-1, truncate(SCRATCH_FUSE "/own", 50));
	EXPECT_EQ(ENOENT, errno);
}

/* Only what is open for writing; and no further than the client's own limit. */
TEST_F(truncate, within_limits)
{
	const struct rlimit rlimit = { FILE_SIZE, FILE_SIZE };
	int fd = fuse_server_open(self->srv, "own", O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, self->file->opens);
	EXPECT_EQ(-1, ftruncate(fd, 0));
	EXPECT_EQ(EINVAL, errno);
	close(fd);
	signal(SIGXFSZ, SIG_IGN);
	ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &rlimit));
	EXPECT_EQ(-1, ftruncate(self->fd, FILE_SIZE + 1));
	EXPECT_EQ(EFBIG, errno);
	EXPECT_EQ(FILE_SIZE, scratch_size("own"));
	EXPECT_EQ(0, ftruncate(self->fd, FILE_SIZE - 1));
	EXPECT_EQ(FILE_SIZE - 1, scratch_size("own"));
}

/* The owner was given a descriptor that can only append. */
TEST_F(truncate, not_of_append_only)
{
	struct attack *attack = &self->attack;
	int file, id, fd;

	file = open(scratch_path("root"), O_RDWR | O_APPEND | O_CLOEXEC);
	ASSERT_LE(0, file);
	id = attack_register(attack, file);
	close(file);
	ASSERT_LT(0, id);
	fd = attack_open(attack, "root", O_RDWR | O_APPEND, id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, ftruncate(fd, 0));
	EXPECT_EQ(EPERM, errno);
	EXPECT_TRUE(attack_rejected(attack, id, -EPERM, "append-only"));
	EXPECT_EQ(1, write(fd, "x", 1));
	EXPECT_EQ(FILE_SIZE + 1, scratch_size("root"));
	close(fd);
}

/* O_TRUNC without the right to write is for the server to judge. */
TEST_F(truncate, not_by_open)
{
	int fd;

	ASSERT_EQ(0, chmod(scratch_path("own"), 0444));
	fd = fuse_server_open(self->srv, "own", O_RDONLY | O_TRUNC);
	EXPECT_EQ(-EACCES, fd);
	EXPECT_EQ(FILE_SIZE, scratch_size("own"));
	ASSERT_EQ(0, chmod(scratch_path("own"), 0644));
	fd = fuse_server_open(self->srv, "own", O_RDONLY | O_TRUNC);
	EXPECT_LE(0, fd);
	EXPECT_EQ(0, scratch_size("own"));
	close(fd);
}

/* The server may keep such bits elsewhere: it is told, with a handle. */
TEST_F(truncate, suid)
{
	struct stat st;

	ASSERT_EQ(0, fchmod(self->fd, 04755));
	EXPECT_EQ(0, ftruncate(self->fd, 100));
	EXPECT_EQ(1, self->file->opens);
	EXPECT_EQ(self->srv->sh->next_fh, self->file->seen_fh);
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_SETATTR));
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(100, st.st_size);
}

/* And one that doesn't open the file finds it by the node, as before. */
TEST_F(truncate, suid_without_handle)
{
	ASSERT_EQ(0, fchmod(self->fd, 04755));
	self->file->open_error = EACCES;
	EXPECT_EQ(0, ftruncate(self->fd, 100));
	EXPECT_EQ(100, scratch_size("own"));
	self->file->opens = 0;
}

/* What was taken away is the server's. */
TEST_F(truncate, revoked)
{
	ASSERT_EQ(0, fuse_detach_backing(self->srv->fd, self->node, 0,
					 FUSE_BACKING_DETACH_REVOKE));
	EXPECT_EQ(0, ftruncate(self->fd, 100));
	EXPECT_EQ(100, scratch_size("own"));
	EXPECT_EQ(1, self->file->opens);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETATTR));
}

TEST_HARNESS_MAIN
