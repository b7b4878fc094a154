// SPDX-License-Identifier: GPL-2.0
/*
 * What the ioctls and the opens refuse, and with which error.
 *
 * Proves: each documented errno of FUSE_DEV_IOC_BACKING_OPEN and of
 * FUSE_DEV_IOC_BACKING_CLOSE (but ENOMEM and EINTR, which take fault
 * injection, and those of limits_test and lifetime_test), and each error of
 * open(2) on the mount when the server's reply doesn't fit; a refusal leaves
 * nothing behind; the backing file is opened as the registrant, whoever the
 * client is, and never to be created or truncated.
 *
 * Privilege: root, to mount, and to switch fuse.unprivileged_passthrough off.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "env.h"
#include "module_param.h"
#include "wait_until.h"

#define OTHER_UID	4321
#define OTHER_GID	4322
#define MANY		200

FIXTURE(badinput) {
	struct env env;
	struct fuse_server *srv;
	int dev;
	int fd;			/* of backing file "a", read-write */
};

FIXTURE_SETUP(badinput)
{
	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
	self->fd = open(scratch_path("a"), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(badinput)
{
	EXPECT_EQ(0, self->srv->sh->bad_fh);
	close(self->fd);
	env_teardown(&self->env);
}

static int register_map(int dev, int fd, __u32 flags, __u64 padding)
{
	struct fuse_backing_map map = {
		.fd = fd,
		.flags = flags,
		.padding = padding,
	};
	int id = ioctl(dev, FUSE_DEV_IOC_BACKING_OPEN, &map);

	return id < 0 ? -errno : id;
}

static int open_fd(void *arg)
{
	const int *args = arg;

	return fuse_backing_open(args[0], args[1]);
}

static int close_id(void *arg)
{
	const int *args = arg;

	return fuse_backing_close(args[0], args[1]);
}

/* Both ioctls by who has no capability, under the old rule. */
static int switched_off(int (*fn)(void *arg), int dev, int arg)
{
	const struct creds nobody = { .uid = OTHER_UID, .gid = OTHER_GID };
	int args[] = { dev, arg };
	int result, err;

	err = switch_passthrough(false);
	result = creds_call(&nobody, fn, args);
	return err ?: switch_passthrough(true) ?: result;
}

TEST_F(badinput, open_eperm_switched_off)
{
	int id;

	EXPECT_EQ(-EPERM, switched_off(open_fd, self->dev, self->fd));
	EXPECT_EQ(0, thread_find(self->srv->dev));

	/* As ever with CAP_SYS_ADMIN. */
	ASSERT_EQ(0, switch_passthrough(false));
	id = creds_register_as(OTHER_UID, OTHER_GID, self->dev,
			       scratch_path("a"), O_RDWR);
	ASSERT_EQ(0, switch_passthrough(true));
	EXPECT_LT(0, id);
}

TEST_F(badinput, open_without_capability)
{
	const struct creds nobody = { .uid = OTHER_UID, .gid = OTHER_GID };
	int fd, id;

	id = creds_register(&nobody, self->dev, self->fd);
	ASSERT_LT(0, id);
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	EXPECT_LE(0, fd);
	close(fd);
}

/* A namespace within the connection's has no more rights than its own. */
static int open_in_userns(void *arg)
{
	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	return open_fd(arg);
}

TEST_F(badinput, open_in_user_namespace)
{
	const struct creds nobody = { .uid = OTHER_UID, .gid = OTHER_GID };
	int args[] = { self->dev, self->fd };
	int id = creds_call(&nobody, open_in_userns, args);

	ASSERT_LT(0, id);
	EXPECT_EQ(0, fuse_backing_close(self->dev, id));
}

TEST_F(badinput, close_eperm_switched_off)
{
	int id = fuse_backing_open(self->dev, self->fd);

	ASSERT_LT(0, id);
	EXPECT_EQ(-EPERM, switched_off(close_id, self->dev, id));
	EXPECT_EQ(0, fuse_backing_close(self->dev, id));
}

TEST_F(badinput, eperm_without_negotiation)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.no_passthrough = true,
	};
	struct fuse_server srv;
	int fd;

	ASSERT_EQ(0, env_serve(&self->env, &srv, &opts));
	EXPECT_EQ(-EPERM, fuse_backing_open(srv.fd, self->fd));
	EXPECT_EQ(-EPERM, fuse_backing_close(srv.fd, 1));
	EXPECT_EQ(0, thread_find(srv.dev));

	/* And an OPEN reply that speaks of it is a mistake of the server. */
	fd = fuse_server_open_id(&srv, "a", O_RDONLY, 1);
	EXPECT_TRUE(fd == -EINVAL || fd == -EIO) TH_LOG("open: %d", fd);
	fuse_server_stop(&srv);
}

TEST_F(badinput, eperm_before_mount)
{
	int dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, dev);
	EXPECT_EQ(-EPERM, fuse_backing_open(dev, self->fd));
	EXPECT_EQ(-EPERM, fuse_backing_close(dev, 1));
	close(dev);
}

TEST_F(badinput, open_efault)
{
	EXPECT_EQ(-1, ioctl(self->dev, FUSE_DEV_IOC_BACKING_OPEN, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->dev, FUSE_DEV_IOC_BACKING_OPEN, -4096L));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(badinput, open_einval_reserved)
{
	for (int bit = 0; bit < 32; bit++)
		if (!(1U << bit & FUSE_BACKING_MAP_KNOWN))
			EXPECT_EQ(-EINVAL, register_map(self->dev, self->fd,
							1U << bit, 0));
	for (int bit = 0; bit < 64; bit++)
		EXPECT_EQ(-EINVAL, register_map(self->dev, self->fd, 0,
						1ULL << bit));
	EXPECT_EQ(-EINVAL, register_map(self->dev, self->fd, ~0U, ~0ULL));
	EXPECT_EQ(0, thread_find(self->srv->dev));
}

TEST_F(badinput, open_ebadf)
{
	int closed = dup(self->fd);

	close(closed);
	EXPECT_EQ(-EBADF, fuse_backing_open(self->dev, -1));
	EXPECT_EQ(-EBADF, fuse_backing_open(self->dev, INT_MIN));
	EXPECT_EQ(-EBADF, fuse_backing_open(self->dev, INT_MAX));
	EXPECT_EQ(-EBADF, fuse_backing_open(self->dev, closed));
	EXPECT_EQ(-EBADF, fuse_backing_open(self->dev, AT_FDCWD));
	EXPECT_EQ(0, thread_find(self->srv->dev));
}

TEST_F(badinput, open_eisdir)
{
	int dir = open(SCRATCH_BACKING, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int path = open(SCRATCH_BACKING, O_PATH | O_CLOEXEC);

	ASSERT_LE(0, dir);
	ASSERT_LE(0, path);
	EXPECT_EQ(-EISDIR, fuse_backing_open(self->dev, dir));
	EXPECT_EQ(-EISDIR, fuse_backing_open(self->dev, path));
	close(dir);
	close(path);
	EXPECT_EQ(0, thread_find(self->srv->dev));
}

TEST_F(badinput, open_einval_not_regular)
{
	int fds[8], n = 0;

	ASSERT_EQ(0, mkfifo(scratch_path("fifo"), 0600));
	ASSERT_EQ(0, symlink("a", scratch_path("link")));
	fds[n++] = open(scratch_path("fifo"), O_RDWR | O_CLOEXEC);
	fds[n++] = open(scratch_path("link"),
			O_PATH | O_NOFOLLOW | O_CLOEXEC);
	fds[n++] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fds[n++] = eventfd(0, EFD_CLOEXEC);
	fds[n++] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fds[n++] = self->dev;
	for (int i = 0; i < n; i++) {
		ASSERT_LE(0, fds[i]);
		EXPECT_EQ(-EINVAL, fuse_backing_open(self->dev, fds[i]))
			TH_LOG("descriptor %d", i);
	}
	EXPECT_EQ(0, thread_find(self->srv->dev));
}

/* A FUSE that passes through itself is one level deep already. */
TEST_F(badinput, open_eloop)
{
	struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_FUSE,
	};
	struct fuse_server srv;
	char buf[16];
	int id, fd;

	ASSERT_EQ(0, env_serve(&self->env, &srv, &opts));
	EXPECT_EQ(-ELOOP, fuse_backing_open_path(srv.fd, SCRATCH_FUSE "/a",
						 O_RDONLY));
	EXPECT_EQ(-ELOOP, fuse_backing_open_path(srv.fd, SCRATCH_FUSE2 "/a",
						 O_RDONLY));
	EXPECT_EQ(0, thread_find(srv.dev));
	fuse_server_stop(&srv);

	/* Two levels on purpose. */
	opts.max_stack_depth = 2;
	ASSERT_EQ(0, env_serve(&self->env, &srv, &opts));
	id = fuse_backing_open_path(srv.fd, SCRATCH_FUSE "/a", O_RDONLY);
	ASSERT_LT(0, id);
	fd = fuse_server_open_id(&srv, "a", O_RDONLY, id);
	ASSERT_LE(0, fd);
	ASSERT_EQ(sizeof(buf), read(fd, buf, sizeof(buf)));
	EXPECT_EQ(0, scratch_compare("a", buf, sizeof(buf), 0));
	EXPECT_EQ(0, fuse_server_data_ops(&srv));
	close(fd);
	EXPECT_EQ(0, fuse_server_umount(&srv));
	fuse_server_stop(&srv);
}

TEST_F(badinput, close_efault)
{
	EXPECT_EQ(-1, ioctl(self->dev, FUSE_DEV_IOC_BACKING_CLOSE, NULL));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(badinput, close_einval)
{
	EXPECT_EQ(-EINVAL, fuse_backing_close(self->dev, 0));
	EXPECT_EQ(-EINVAL, fuse_backing_close(self->dev, -1));
	EXPECT_EQ(-EINVAL, fuse_backing_close(self->dev, INT_MIN));
	ASSERT_LT(0, fuse_backing_open(self->dev, self->fd));
	EXPECT_EQ(-EINVAL, fuse_backing_close(self->dev, 0));
	EXPECT_EQ(-EINVAL, fuse_backing_close(self->dev, -1));
}

TEST_F(badinput, close_enoent)
{
	int id, fd;

	/* Before there is a table, and then beyond it. */
	EXPECT_EQ(-ENOENT, fuse_backing_close(self->dev, 1));
	EXPECT_EQ(-ENOENT, fuse_backing_close(self->dev, INT_MAX));
	id = fuse_backing_open(self->dev, self->fd);
	ASSERT_LT(0, id);
	EXPECT_EQ(-ENOENT, fuse_backing_close(self->dev, id + 1));
	EXPECT_EQ(-ENOENT, fuse_backing_close(self->dev, 100000));
	EXPECT_EQ(-ENOENT, fuse_backing_close(self->dev, INT_MAX));

	/* Twice. */
	EXPECT_EQ(0, fuse_backing_close(self->dev, id));
	EXPECT_EQ(-ENOENT, fuse_backing_close(self->dev, id));

	/* Twice, with the mapping still in use. */
	id = fuse_backing_open(self->dev, self->fd);
	ASSERT_LT(0, id);
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fuse_backing_close(self->dev, id));
	EXPECT_EQ(-ENOENT, fuse_backing_close(self->dev, id));
	EXPECT_EQ(1, write(fd, "x", 1));
	close(fd);
	EXPECT_EQ(-ENOENT, fuse_backing_close(self->dev, id));
}

TEST_F(badinput, unknown_ioctl)
{
	__u64 arg[8] = {};

	EXPECT_EQ(-1, ioctl(self->dev, _IOW(FUSE_DEV_IOC_MAGIC, 20, arg),
			    arg));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(-1, ioctl(self->dev, _IOW(FUSE_DEV_IOC_MAGIC, 1, __u32),
			    arg));
	EXPECT_EQ(ENOTTY, errno);
}

/* Proves: who has seen INIT needn't probe for ioctls. */
TEST_F(badinput, init_says_what_there_is)
{
	__u64 arg[8] = {};

	EXPECT_NE(0, self->srv->sh->offered & FUSE_HAS_BACKING_TABLE);
	/* a number that is ours, as it is refused */
	arg[0] = ~0ULL;
	arg[1] = ~0ULL;
	EXPECT_EQ(-1, ioctl(self->dev, FUSE_DEV_IOC_BACKING_CLOSE_ALL, arg));
	EXPECT_EQ(EINVAL, errno);
}

/* open(2) through the mount */

TEST_F(badinput, reply_enoent)
{
	int id;

	EXPECT_EQ(-ENOENT, fuse_server_open_id(self->srv, "a", O_RDONLY, 1));
	id = fuse_backing_open(self->dev, self->fd);
	ASSERT_LT(0, id);
	EXPECT_EQ(-ENOENT,
		  fuse_server_open_id(self->srv, "a", O_RDONLY, id + 1));
	EXPECT_EQ(-ENOENT,
		  fuse_server_open_id(self->srv, "a", O_RDONLY, INT_MAX));
	ASSERT_EQ(0, fuse_backing_close(self->dev, id));
	EXPECT_EQ(-ENOENT, fuse_server_open_id(self->srv, "a", O_RDONLY, id));
}

/* In use by one file, closed for the next. */
TEST_F(badinput, reply_enoent_closed_in_use)
{
	int id = fuse_backing_open(self->dev, self->fd);
	int fd;

	ASSERT_LT(0, id);
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fuse_backing_close(self->dev, id));
	EXPECT_EQ(-ENOENT, fuse_server_open_id(self->srv, "a", O_RDONLY, id));
	EXPECT_EQ(1, write(fd, "x", 1));
	close(fd);
}

TEST_F(badinput, reply_einval_id)
{
	ASSERT_LT(0, fuse_backing_open(self->dev, self->fd));
	EXPECT_EQ(-EINVAL, fuse_server_open_id(self->srv, "a", O_RDONLY, 0));
	EXPECT_EQ(-EINVAL, fuse_server_open_id(self->srv, "a", O_RDONLY, -1));
	EXPECT_EQ(-EINVAL,
		  fuse_server_open_id(self->srv, "a", O_RDONLY, INT_MIN));
}

TEST_F(badinput, reply_einval_flags)
{
	static const __u32 flags[] = {
		FOPEN_KEEP_CACHE, FOPEN_NONSEEKABLE, FOPEN_CACHE_DIR,
		FOPEN_STREAM,
	};
	int id = fuse_backing_open(self->dev, self->fd);
	int fd;

	ASSERT_LT(0, id);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		self->srv->sh->file[0].open_flags = flags[i];
		EXPECT_EQ(-EINVAL, fuse_server_open_id(self->srv, "a",
						       O_RDONLY, id))
			TH_LOG("flags %#x", flags[i]);
	}

	/* These do go with it. */
	self->srv->sh->file[0].open_flags = FOPEN_NOFLUSH |
					    FOPEN_PARALLEL_DIRECT_WRITES;
	fd = fuse_server_open_id(self->srv, "a", O_RDONLY, id);
	EXPECT_LE(0, fd);
	close(fd);
}

TEST_F(badinput, reply_ebusy)
{
	int a = fuse_backing_open(self->dev, self->fd);
	int b = env_register(&self->env, "b", O_RDWR);
	char buf[16];
	int fd;

	ASSERT_LT(0, a);
	ASSERT_LT(0, b);
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, a);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBUSY, fuse_server_open_id(self->srv, "a", O_RDWR, b));

	/* The same file with the same contents is not the same inode. */
	ASSERT_EQ(sizeof(buf), read(fd, buf, sizeof(buf)));
	EXPECT_EQ(0, scratch_compare("a", buf, sizeof(buf), 0));
	close(fd);

	/* Once the last open is gone it may become another one. */
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, b);
	ASSERT_LE(0, fd);
	ASSERT_EQ(sizeof(buf), read(fd, buf, sizeof(buf)));
	EXPECT_EQ(0, scratch_compare("b", buf, sizeof(buf), 0));
	close(fd);
}

/*
 * The inode number alone doesn't make it the same: another filesystem has a
 * file of that number, too.
 */
TEST_F(badinput, reply_ebusy_same_number)
{
	int a = fuse_backing_open(self->dev, self->fd);
	struct stat want, st;
	char path[64];
	int fd, id = 0;

	ASSERT_LT(0, a);
	ASSERT_EQ(0, fstat(self->fd, &want));
	ASSERT_EQ(0, mount("other", SCRATCH_OTHER, "tmpfs", 0, NULL));
	for (int i = 0; i < 100 && !id; i++) {
		snprintf(path, sizeof(path), SCRATCH_OTHER "/%d", i);
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, fstat(fd, &st));
		if (st.st_ino == want.st_ino)
			id = fuse_backing_open(self->dev, fd);
		close(fd);
	}
	if (!id)
		SKIP(return, "no file with the same inode number");
	ASSERT_LT(0, id);
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, a);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBUSY, fuse_server_open_id(self->srv, "a", O_RDWR, id));
	close(fd);
}

TEST_F(badinput, reply_etxtbsy)
{
	int id = fuse_backing_open(self->dev, self->fd);
	int cached, fd;

	ASSERT_LT(0, id);
	cached = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, cached);
	EXPECT_EQ(-ETXTBSY, fuse_server_open_id(self->srv, "a", O_RDWR, id));
	close(cached);
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	EXPECT_LE(0, fd);
	close(fd);
}

/* A server that mixes the modes gets what it gets from Linux 6.12. */
TEST_F(badinput, reply_eio_without_passthrough)
{
	struct fuse_server_file *file = &self->srv->sh->file[0];
	int id = fuse_backing_open(self->dev, self->fd);
	int fd;

	ASSERT_LT(0, id);
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	file->open_flags = 0;
	EXPECT_EQ(-EIO, fuse_server_open(self->srv, "a", O_RDWR));
	file->open_flags = FOPEN_DIRECT_IO;
	EXPECT_EQ(-EIO, fuse_server_open(self->srv, "a", O_RDWR));
	EXPECT_EQ(1, write(fd, "x", 1));
	close(fd);
	file->open_flags = 0;
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	EXPECT_LE(0, fd);
	close(fd);
}

TEST_F(badinput, reply_erofs)
{
	int id, fd;

	ASSERT_EQ(0, mount(SCRATCH_BACKING, SCRATCH_OTHER, NULL, MS_BIND,
			   NULL));
	ASSERT_EQ(0, mount(NULL, SCRATCH_OTHER, NULL,
			   MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	id = fuse_backing_open_path(self->dev, SCRATCH_OTHER "/a", O_RDONLY);
	ASSERT_LT(0, id);
	EXPECT_EQ(-EROFS, fuse_server_open_id(self->srv, "a", O_RDWR, id));
	EXPECT_EQ(-EROFS, fuse_server_open_id(self->srv, "a", O_WRONLY, id));
	fd = fuse_server_open_id(self->srv, "a", O_RDONLY, id);
	EXPECT_LE(0, fd);
	close(fd);
	EXPECT_EQ(0, fuse_backing_close(self->dev, id));
	EXPECT_EQ(0, umount(SCRATCH_OTHER));
}

/*
 * Two of our servers in a row: what the upper one's kernel does to its
 * backing file arrives at the lower one as requests.
 */
FIXTURE(stacked) {
	struct env env;
	struct fuse_server upper;
	struct fuse_server_file *lower_file;	/* "a" of the lower one */
};

FIXTURE_SETUP(stacked)
{
	const struct fuse_server_opts lower = {
		.mountpoint = SCRATCH_FUSE2,
		.no_passthrough = true,
		.init_flags = FUSE_ATOMIC_O_TRUNC,
	};
	const struct fuse_server_opts upper = {
		.mountpoint = SCRATCH_FUSE,
		.backing = SCRATCH_FUSE2,
		.init_flags = FUSE_ATOMIC_O_TRUNC,
	};

	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, scratch_setup(&self->env.scratch, SCRATCH_TMPFS));
	ASSERT_EQ(0, env_files());
	ASSERT_EQ(0, env_serve(&self->env, &self->env.srv, &lower));
	ASSERT_EQ(0, env_serve(&self->env, &self->upper, &upper));
	if (!self->upper.sh->passthrough)
		SKIP(return, "needs FUSE passthrough");
	self->lower_file = &self->env.srv.sh->file[0];
}

FIXTURE_TEARDOWN(stacked)
{
	fuse_server_stop(&self->upper);
	env_teardown(&self->env);
}

TEST_F(stacked, reply_with_reopens_error)
{
	int id = fuse_backing_open_path(self->upper.fd, SCRATCH_FUSE2 "/a",
					O_RDWR);
	static const int errors[] = { EACCES, EPERM, ENOSPC, ETXTBSY };

	ASSERT_LT(0, id);
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		self->lower_file->open_error = errors[i];
		EXPECT_EQ(-errors[i], fuse_server_open_id(&self->upper, "a",
							  O_RDWR, id));
	}
}

TEST_F(stacked, reopen_is_the_registrants)
{
	int id, fd;

	id = creds_register_as(OTHER_UID, OTHER_GID, self->upper.fd,
			       SCRATCH_FUSE2 "/a", O_RDWR);
	ASSERT_LT(0, id);
	EXPECT_EQ(0, self->lower_file->seen_uid);
	fd = fuse_server_open_id(&self->upper, "a", O_RDONLY, id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(2, self->lower_file->opens);
	EXPECT_EQ(OTHER_UID, self->lower_file->seen_uid);
	EXPECT_EQ(OTHER_GID, self->lower_file->seen_gid);
	close(fd);
}

/* Each mapping keeps the credentials of its own registration. */
TEST_F(stacked, reopen_is_each_registrants)
{
	int ids[2], fd;

	for (int i = 0; i < 2; i++) {
		ids[i] = creds_register_as(OTHER_UID + i, OTHER_GID,
					   self->upper.fd, SCRATCH_FUSE2 "/a",
					   O_RDWR);
		ASSERT_LT(0, ids[i]);
	}
	for (int i = 1; i >= 0; i--) {
		fd = fuse_server_open_id(&self->upper, "a", O_RDONLY, ids[i]);
		ASSERT_LE(0, fd);
		EXPECT_EQ(OTHER_UID + i, self->lower_file->seen_uid);
		close(fd);
	}
}

TEST_F(stacked, reopen_neither_creates_nor_truncates)
{
	const __u32 masked = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC |
				(O_TMPFILE & ~O_DIRECTORY);
	int id, fd;

	id = fuse_backing_open_path(self->upper.fd, SCRATCH_FUSE2 "/a",
				    O_RDWR);
	ASSERT_LT(0, id);
	fd = fuse_server_open_id(&self->upper, "a",
				 O_RDWR | O_CREAT | O_TRUNC | O_NOCTTY, id);
	ASSERT_LE(0, fd);

	/* The upper server is told, the backing file is left alone. */
	EXPECT_EQ(O_TRUNC, self->upper.sh->file[0].seen_flags & O_TRUNC);
	EXPECT_EQ(0, self->lower_file->seen_flags & masked);
	EXPECT_EQ(O_RDWR, self->lower_file->seen_flags & O_ACCMODE);
	EXPECT_EQ(FILE_SIZE, scratch_size("a"));
	close(fd);
}

/* O_RDONLY with O_TRUNC truncates for those who may write: not through us. */
TEST_F(stacked, reopen_does_not_truncate_for_readers)
{
	int id, fd;

	id = fuse_backing_open_path(self->upper.fd, SCRATCH_FUSE2 "/a",
				    O_RDONLY);
	ASSERT_LT(0, id);
	fd = fuse_server_open_id(&self->upper, "a", O_RDONLY | O_TRUNC, id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, self->lower_file->seen_flags & O_TRUNC);
	close(fd);
}

/* Refusals */

/* Every wrong reply, many times over: nothing of it may stick. */
TEST_F(badinput, refused_opens_leave_nothing)
{
	int a = fuse_backing_open(self->dev, self->fd);
	int b = env_register(&self->env, "b", O_RDWR);
	struct fuse_server *srv = self->srv;
	pid_t pid = thread_find(srv->dev);
	int fd, cached;

	ASSERT_LT(0, a);
	ASSERT_LT(0, b);
	fd = fuse_server_open_id(srv, "a", O_RDWR, a);
	ASSERT_LE(0, fd);
	cached = fuse_server_open(srv, "c", O_RDONLY);
	ASSERT_LE(0, cached);
	for (int i = 0; i < MANY; i++) {
		ASSERT_GT(0, fuse_server_open_id(srv, "a", O_RDWR, b));
		ASSERT_GT(0, fuse_server_open_id(srv, "c", O_RDWR, a));
		ASSERT_GT(0, fuse_server_open_id(srv, "b", O_RDWR, 0));
		ASSERT_GT(0, fuse_server_open_id(srv, "b", O_RDWR, 999));
	}
	EXPECT_EQ(2, table_count(pid));

	/* A mapping that a refused open still used would keep its slot. */
	EXPECT_EQ(0, fuse_backing_close(self->dev, b));
	EXPECT_FALSE(table_has(pid, b));
	close(cached);
	close(fd);
	EXPECT_EQ(0, fuse_backing_close(self->dev, a));
	EXPECT_TRUE(wait_until(!table_count(pid)));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(0, fuse_server_umount(srv));
	EXPECT_EQ(0, scratch_umount_backing());
}

TEST_HARNESS_MAIN
