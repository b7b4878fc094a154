// SPDX-License-Identifier: GPL-2.0
/*
 * Leases of files that are passed through.
 *
 * Proves: fcntl(2) gives a lease on a file whatever its data comes from, and whoever
 * opens the file for writing breaks it.
 *
 * Privilege: root, to mount.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "harness.h"

#include "env.h"

FIXTURE(lease) {
	struct env env;
	int fd;		/* "a", open for reading */
};

enum from { SERVER, BACKING_FILE, ATTACHED, EXTENTS };

FIXTURE_VARIANT(lease) {
	enum from from;
};

/* The control */
FIXTURE_VARIANT_ADD(lease, server) {
	.from = SERVER,
};

FIXTURE_VARIANT_ADD(lease, backing_file) {
	.from = BACKING_FILE,
};

FIXTURE_VARIANT_ADD(lease, attached) {
	.from = ATTACHED,
};

FIXTURE_VARIANT_ADD(lease, extents) {
	.from = EXTENTS,
};

static int open_a(struct env *env, enum from from)
{
	int id = from == SERVER ? 0 : env_register(env, "a", O_RDWR);
	int err = 0;

	if (id < 0)
		return id;
	if (from == BACKING_FILE)
		return fuse_server_open_id(&env->srv, "a", O_RDONLY, id);
	if (from != SERVER)
		err = env_attach(env, id, from == EXTENTS);
	return err ?: fuse_server_open(&env->srv, "a", O_RDONLY);
}

FIXTURE_SETUP(lease)
{
	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->fd = open_a(&self->env, variant->from);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(lease)
{
	close(self->fd);
	env_teardown(&self->env);
}

TEST_F(lease, is_given_and_broken)
{
	sigset_t io;

	sigemptyset(&io);
	sigaddset(&io, SIGIO);
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &io, NULL));

	ASSERT_EQ(0, fcntl(self->fd, F_SETLEASE, F_RDLCK))
		TH_LOG("errno %d", errno);
	EXPECT_EQ(F_RDLCK, fcntl(self->fd, F_GETLEASE));
	EXPECT_EQ(-1, open(SCRATCH_FUSE "/a", O_WRONLY | O_NONBLOCK));
	EXPECT_EQ(EWOULDBLOCK, errno);
	EXPECT_EQ(SIGIO, sigwaitinfo(&io, NULL));
	EXPECT_EQ(0, fcntl(self->fd, F_SETLEASE, F_UNLCK));
}

TEST_HARNESS_MAIN
