// SPDX-License-Identifier: GPL-2.0
/*
 * Why something was refused: the words that the tracepoint prints.
 *
 * Proves: fuse:fuse_backing_reject fires with connection, id, errno and reason
 * for each reason that there is; those that the other attack tests look for
 * (permission, append-only, immutable, noexec, user-namespace, internal-mount,
 * filesystem) are left to them. Nothing is reported that wasn't refused.
 *
 * Privilege: root, to mount for an ordinary user, to switch
 * fuse.unprivileged_passthrough off, and to lower limits of others.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "harness.h"

#include "attack.h"
#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "module_param.h"
#include "reject_trace.h"
#include "wait_until.h"

FIXTURE(reasons) {
	struct attack attack;
	struct fuse_server *srv;
};

FIXTURE_SETUP(reasons)
{
	int err = attack_setup(&self->attack, SCRATCH_TMPFS, false);

	self->srv = self->attack.srv;
	attack_ready(_metadata, err);
}

FIXTURE_TEARDOWN(reasons)
{
	attack_teardown(&self->attack);
}

static int register_own(struct attack *attack)
{
	return attack_register_path(attack, scratch_path("own"), O_RDWR);
}

TEST_F(reasons, none)
{
	struct attack *attack = &self->attack;
	int id = register_own(attack);

	ASSERT_LT(0, id);
	EXPECT_EQ(0, attack_try_open(attack, id, O_RDWR));
	EXPECT_EQ(0, fuse_backing_close(self->srv->fd, id));
	EXPECT_FALSE(reject_trace_has_any(&attack->trace));
}

TEST_F(reasons, not_negotiated)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_BACKING,
		.no_passthrough = true,
		.uid = OWNER,
	};
	struct reject_trace *trace = &self->attack.trace;
	struct fuse_server srv;
	int fd;

	ASSERT_EQ(0, fuse_server_start(&srv, &opts));
	ASSERT_NE(NULL, fuse_server_add(&srv, "own"));
	fd = open(scratch_path("own"), O_RDONLY | O_CLOEXEC);
	EXPECT_EQ(-EPERM, creds_register(&owner, srv.fd, fd));
	EXPECT_TRUE(reject_trace_has(trace, srv.dev, 0, -EPERM,
				     "not-negotiated"));
	EXPECT_GT(0, fuse_server_open_id(&srv, "own", O_RDONLY, 7));
	EXPECT_TRUE(reject_trace_has(trace, srv.dev, 7, -EINVAL,
				     "not-negotiated"));
	close(fd);
	fuse_server_stop(&srv);
}

static int close_id(void *arg)
{
	const int *args = arg;

	return fuse_backing_close(args[0], args[1]);
}

/* Whoever has CAP_SYS_ADMIN is not concerned. */
TEST_F(reasons, switched_off)
{
	struct attack *attack = &self->attack;
	int id = register_own(attack);
	int args[] = { self->srv->fd, id };
	int err, opened, closed, by_root;

	ASSERT_LT(0, id);
	err = switch_passthrough(false);
	if (!err) {
		opened = register_own(attack);
		closed = creds_call(&owner, close_id, args);
		by_root = fuse_backing_open_path(self->srv->fd,
						 scratch_path("own"), O_RDWR);
		err = switch_passthrough(true);
	}
	ASSERT_EQ(0, err);
	EXPECT_EQ(-EPERM, opened);
	EXPECT_TRUE(attack_rejected(attack, 0, -EPERM, "switched-off"));
	EXPECT_EQ(-EPERM, closed);
	EXPECT_TRUE(attack_rejected(attack, id, -EPERM, "switched-off"));
	EXPECT_LT(0, by_root);
	EXPECT_LT(0, register_own(attack));
	EXPECT_EQ(0, creds_call(&owner, close_id, args));
}

TEST_F(reasons, bad_argument)
{
	struct attack *attack = &self->attack;
	struct fuse_backing_map map = { .flags = 1 };

	EXPECT_EQ(-1, ioctl(self->srv->fd, FUSE_DEV_IOC_BACKING_OPEN, &map));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_TRUE(attack_rejected(attack, 0, -EINVAL, "bad-argument"));
	EXPECT_EQ(-EINVAL, fuse_backing_close(self->srv->fd, -3));
	EXPECT_TRUE(attack_rejected(attack, -3, -EINVAL, "bad-argument"));
	EXPECT_EQ(-EINVAL, attack_try_open(attack, -5, O_RDONLY));
	EXPECT_TRUE(attack_rejected(attack, -5, -EINVAL, "bad-argument"));
}

TEST_F(reasons, bad_descriptor)
{
	EXPECT_EQ(-EBADF, attack_register(&self->attack, -1));
	EXPECT_TRUE(attack_rejected(&self->attack, 0, -EBADF,
				    "bad-descriptor"));
}

TEST_F(reasons, file_type)
{
	EXPECT_EQ(-EINVAL, attack_register_path(&self->attack, "/dev/null",
						O_RDONLY));
	EXPECT_TRUE(attack_rejected(&self->attack, 0, -EINVAL, "file-type"));
}

TEST_F(reasons, stack_depth)
{
	EXPECT_EQ(-ELOOP, attack_register_path(&self->attack,
					       SCRATCH_FUSE "/own", O_RDONLY));
	EXPECT_TRUE(attack_rejected(&self->attack, 0, -ELOOP, "stack-depth"));
}

/* Nobody else is that user, so one process is one too many with its thread. */
static int register_under_nproc(void *arg)
{
	struct rlimit rlimit = { 1, 1 };

	if (setrlimit(RLIMIT_NPROC, &rlimit) < 0)
		return -errno;
	return attack_do_register_path(arg);
}

TEST_F(reasons, no_thread)
{
	struct attack_path p = { self->srv->fd, scratch_path("own"), O_RDONLY };

	EXPECT_EQ(-EAGAIN, creds_call(&stranger, register_under_nproc, &p));
	EXPECT_TRUE(attack_rejected(&self->attack, 0, -EAGAIN, "no-thread"));
	/* the one that was too many may not have left /proc yet */
	EXPECT_TRUE(wait_until(!thread_find(self->srv->dev)));
}

TEST_F(reasons, table)
{
	const struct rlimit rlimit = { 2, 2 };
	struct attack *attack = &self->attack;
	pid_t pid;

	ASSERT_LT(0, register_own(attack));
	pid = thread_find(self->srv->dev);
	ASSERT_EQ(0, prlimit(pid, RLIMIT_NOFILE, &rlimit, NULL));
	EXPECT_EQ(-EMFILE, register_own(attack));
	EXPECT_TRUE(attack_rejected(attack, 0, -EMFILE, "table"));
}

TEST_F(reasons, unknown_id)
{
	struct attack *attack = &self->attack;

	EXPECT_EQ(-ENOENT, attack_try_open(attack, 9, O_RDONLY));
	EXPECT_TRUE(attack_rejected(attack, 9, -ENOENT, "unknown-id"));
	EXPECT_EQ(-ENOENT, fuse_backing_close(self->srv->fd, 11));
	EXPECT_TRUE(attack_rejected(attack, 11, -ENOENT, "unknown-id"));
}

TEST_F(reasons, reopen)
{
	struct attack *attack = &self->attack;
	int id = attack_register_path(attack, scratch_path("own"), O_RDONLY);

	ASSERT_LT(0, id);
	ASSERT_EQ(0, mount(NULL, SCRATCH_BACKING, NULL,
			   MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	EXPECT_EQ(-EROFS, attack_try_open(attack, id, O_RDWR));
	EXPECT_TRUE(attack_rejected(attack, id, -EROFS, "reopen"));
	EXPECT_EQ(0, attack_try_open(attack, id, O_RDONLY));
}

TEST_F(reasons, open_flags)
{
	struct attack *attack = &self->attack;
	int id = register_own(attack);

	ASSERT_LT(0, id);
	self->srv->sh->file[0].open_flags = FOPEN_KEEP_CACHE;
	EXPECT_EQ(-EINVAL, attack_try_open(attack, id, O_RDONLY));
	EXPECT_TRUE(attack_rejected(attack, id, -EINVAL, "open-flags"));
}

TEST_F(reasons, other_inode)
{
	struct attack *attack = &self->attack;
	int first = register_own(attack);
	int second = attack_register_path(attack, scratch_path("root"),
					  O_RDONLY);
	int fd = fuse_server_open_id(self->srv, "own", O_RDONLY, first);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBUSY, attack_try_open(attack, second, O_RDONLY));
	EXPECT_TRUE(attack_rejected(attack, second, -EBUSY, "other-inode"));
	close(fd);
}

TEST_F(reasons, cached_open)
{
	struct attack *attack = &self->attack;
	int fd = fuse_server_open(self->srv, "own", O_RDONLY);
	int id = register_own(attack);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-ETXTBSY, attack_try_open(attack, id, O_RDONLY));
	EXPECT_TRUE(attack_rejected(attack, id, -ETXTBSY, "cached-open"));
	close(fd);
}

TEST_HARNESS_MAIN
