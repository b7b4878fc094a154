// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks by opening: more access through the mount than the server has.
 *
 * Proves: a descriptor is good for its own access modes and no others, unless
 * the server could open the file like that itself, whether a reply names it or
 * it is attached for more; a descriptor of O_PATH is good for nothing; whoever
 * the client is, the backing file is opened as its server, never to be
 * truncated, and without O_NOATIME unless it is the server's. What the server
 * may do itself works.
 *
 * Privilege: root, to mount for an ordinary user and to become it. The server
 * has no capabilities, in one half of the tests but for those in a user
 * namespace of its own.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "harness.h"

#include "attack.h"
#include "backing_ioctl.h"
#include "creds.h"
#include "fd_pass.h"

FIXTURE(attack_open) {
	struct attack attack;
	struct fuse_server *srv;
	int reader;		/* of "secret", opened by root */
	int writer;
};

FIXTURE_VARIANT(attack_open) {
	bool userns;
	bool attached;
};

FIXTURE_VARIANT_ADD(attack_open, user) {
	.userns = false,
};

FIXTURE_VARIANT_ADD(attack_open, user_namespace) {
	.userns = true,
};

FIXTURE_VARIANT_ADD(attack_open, user_attached) {
	.attached = true,
};

FIXTURE_VARIANT_ADD(attack_open, user_namespace_attached) {
	.userns = true,
	.attached = true,
};

FIXTURE_SETUP(attack_open)
{
	static const struct fuse_server_opts opts;
	int err = attack_prepare(&self->attack, SCRATCH_TMPFS);

	self->srv = self->attack.srv;
	self->attack.attached = variant->attached;
	self->reader = open(scratch_path("secret"), O_RDONLY | O_CLOEXEC);
	self->writer = open(scratch_path("secret"), O_WRONLY | O_CLOEXEC);
	if (!err)
		err = attack_serve(&self->attack, variant->userns, &opts);
	if (!attack_ready(_metadata, err))
		return;
	ASSERT_LE(0, self->reader);
	ASSERT_LE(0, self->writer);
}

FIXTURE_TEARDOWN(attack_open)
{
	close(self->reader);
	close(self->writer);
	attack_teardown(&self->attack);
}

TEST_F(attack_open, read_only_descriptor)
{
	struct attack *attack = &self->attack;
	int id, fd;

	id = attack_register_path(attack, scratch_path("root"), O_RDONLY);
	ASSERT_LT(0, id);
	EXPECT_EQ(-EACCES, attack_try_open(attack, id, O_RDWR));
	EXPECT_TRUE(attack_rejected(attack, id, -EACCES, "permission"));
	EXPECT_EQ(-EACCES, attack_try_open(attack, id, O_WRONLY));
	EXPECT_EQ(-EACCES, attack_try_open(attack, id, O_WRONLY | O_APPEND));
	EXPECT_EQ(-EACCES, attack_try_open(attack, id, O_RDWR | O_TRUNC));
	EXPECT_EQ(0, attack_untouched("root", SEED_ROOT));

	fd = attack_open(attack, "own", O_RDONLY, id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, attack_reads(fd, SEED_ROOT));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	close(fd);
}

TEST_F(attack_open, write_only_descriptor)
{
	struct attack *attack = &self->attack;
	int id = attack_register(attack, self->writer);
	char byte;
	int fd;

	ASSERT_LT(0, id);
	EXPECT_EQ(-EACCES, attack_try_open(attack, id, O_RDONLY));
	EXPECT_TRUE(attack_rejected(attack, id, -EACCES, "permission"));
	EXPECT_EQ(-EACCES, attack_try_open(attack, id, O_RDWR));

	fd = attack_open(attack, "own", O_WRONLY, id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
	EXPECT_EQ(1, pread(self->reader, &byte, 1, 0));
	EXPECT_EQ('x', byte);
	close(fd);
}

/* A file that the server can't open by its path, received from who can. */
TEST_F(attack_open, received_descriptor)
{
	struct attack *attack = &self->attack;
	int pair[2], fd, id;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	ASSERT_EQ(0, fd_send(pair[0], self->reader));
	fd = fd_receive(pair[1]);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EACCES, attack_register_path(attack, scratch_path("secret"),
						O_RDONLY));
	id = attack_register(attack, fd);
	close(fd);
	ASSERT_LT(0, id);
	EXPECT_EQ(-EACCES, attack_try_open(attack, id, O_RDWR));
	EXPECT_EQ(-EACCES, attack_try_open(attack, id, O_WRONLY));
	EXPECT_EQ(0, attack_reads(self->reader, SEED_SECRET));

	fd = attack_open(attack, "own", O_RDONLY, id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, attack_reads(fd, SEED_SECRET));
	close(fd);
}

TEST_F(attack_open, path_descriptor)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	struct attack *attack = &self->attack;
	int id, fd;

	id = attack_register_path(attack, scratch_path("secret"), O_PATH);
	ASSERT_LT(0, id);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		EXPECT_EQ(-EACCES, attack_try_open(attack, id, modes[i]))
			TH_LOG("mode %d", modes[i]);
	}
	EXPECT_TRUE(attack_rejected(attack, id, -EACCES, "permission"));
	EXPECT_EQ(0, attack_reads(self->reader, SEED_SECRET));

	/* Where the server may, the kernel may. */
	id = attack_register_path(attack, scratch_path("root"), O_PATH);
	ASSERT_LT(0, id);
	EXPECT_EQ(-EACCES, attack_try_open(attack, id, O_RDWR));
	EXPECT_EQ(0, attack_try_open(attack, id, O_RDONLY));
	id = attack_register_path(attack, scratch_path("own"), O_PATH);
	ASSERT_LT(0, id);
	fd = attack_open(attack, "own", O_RDWR, id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, attack_reads(fd, SEED_OWN));
	EXPECT_EQ(1, write(fd, "x", 1));
	close(fd);
}

/* Open for neither, which takes the right to do both. */
TEST_F(attack_open, access_mode_three)
{
	struct attack *attack = &self->attack;
	int id;

	id = attack_register_path(attack, scratch_path("secret"), O_PATH);
	ASSERT_LT(0, id);
	EXPECT_EQ(-EACCES, attack_try_open(attack, id, O_ACCMODE));
	id = attack_register_path(attack, scratch_path("root"), O_RDONLY);
	ASSERT_LT(0, id);
	EXPECT_EQ(-EACCES, attack_try_open(attack, id, O_ACCMODE));
	id = attack_register_path(attack, scratch_path("own"), O_RDONLY);
	ASSERT_LT(0, id);
	EXPECT_EQ(0, attack_try_open(attack, id, O_ACCMODE));
}

/* What servers do that register the first open's descriptor for all. */
TEST_F(attack_open, own_file_opens_wider)
{
	struct attack *attack = &self->attack;
	int id, fd;

	id = attack_register_path(attack, scratch_path("own"), O_RDONLY);
	ASSERT_LT(0, id);
	EXPECT_EQ(0, attack_try_open(attack, id, O_WRONLY));
	fd = attack_open(attack, "own", O_RDWR, id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, write(fd, "x", 1));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	close(fd);

	id = attack_register_path(attack, scratch_path("own"), O_WRONLY);
	ASSERT_LT(0, id);
	EXPECT_EQ(0, attack_try_open(attack, id, O_RDONLY));
	EXPECT_EQ(0, attack_try_open(attack, id, O_RDWR));
}

/* Permission is that of now, as if the server opened the file now. */
TEST_F(attack_open, permission_taken_away)
{
	struct attack *attack = &self->attack;
	int id;

	if (attack->userns)
		SKIP(return, "the test isn't root any more");
	id = attack_register_path(attack, scratch_path("own"), O_RDONLY);
	ASSERT_LT(0, id);
	EXPECT_EQ(0, attack_try_open(attack, id, O_RDWR));
	ASSERT_EQ(0, chown(scratch_path("own"), 0, 0));
	EXPECT_EQ(-EACCES, attack_try_open(attack, id, O_RDWR));
	EXPECT_EQ(0, attack_try_open(attack, id, O_RDONLY));
}

static int try_open(void *arg)
{
	const struct attack_path *p = arg;
	int fd = open(p->path, p->flags | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

TEST_F(attack_open, clients_rights_are_not_the_servers)
{
	struct attack_path p = { -1, SCRATCH_FUSE "/own", O_RDWR };
	struct attack *attack = &self->attack;
	int id;

	if (attack->userns)
		SKIP(return, "the test can't be any other client");
	ASSERT_EQ(0, scratch_owned("theirs", 16, 0, STRANGER, 0644));
	id = attack_register_path(attack, scratch_path("theirs"), O_RDONLY);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, attack_use(attack, "own", id));
	EXPECT_EQ(-EACCES, creds_call(&stranger, try_open, &p));
	p.flags = O_RDONLY;
	EXPECT_EQ(0, creds_call(&stranger, try_open, &p));

	/* And the server's are its to share. */
	ASSERT_EQ(0, chmod(scratch_path("own"), 0600));
	id = attack_register_path(attack, scratch_path("own"), O_RDWR);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, attack_use(attack, "own", id));
	p.flags = O_RDWR;
	EXPECT_EQ(0, creds_call(&stranger, try_open, &p));
}

/* Read "own" on the mapping @id without leaving a trace: did it? */
static int reads_unseen(struct attack *attack, const char *name, int id,
			int open_flags, int set_flags)
{
	struct fuse_server_file *file = &attack->srv->sh->file[0];
	char byte;
	int fd;

	/* may_open() wants O_NOATIME's user to own the file: be it so. */
	file->invent = true;
	file->invented_uid = geteuid();
	fd = attack_open(attack, "own", open_flags, id);
	if (fd < 0)
		return fd;
	if (set_flags && fcntl(fd, F_SETFL, set_flags) < 0)
		return -errno;
	if (read(fd, &byte, 1) != 1)
		return -EIO;
	close(fd);
	return scratch_is_old(name);
}

FIXTURE(attack_atime) {
	struct attack attack;
};

FIXTURE_VARIANT(attack_atime) {
	bool userns;
	bool attached;
};

FIXTURE_VARIANT_ADD(attack_atime, user) {
	.userns = false,
};

FIXTURE_VARIANT_ADD(attack_atime, user_namespace) {
	.userns = true,
};

FIXTURE_VARIANT_ADD(attack_atime, user_attached) {
	.attached = true,
};

FIXTURE_VARIANT_ADD(attack_atime, user_namespace_attached) {
	.userns = true,
	.attached = true,
};

FIXTURE_SETUP(attack_atime)
{
	static const char * const names[] = { "own", "root" };
	static const struct fuse_server_opts opts;
	int err = attack_prepare(&self->attack, SCRATCH_TMPFS);

	self->attack.attached = variant->attached;
	if (!err && mount(NULL, SCRATCH_BACKING, NULL,
			  MS_REMOUNT | MS_STRICTATIME, NULL) < 0)
		err = -errno;
	for (int i = 0; i < 2 && !err; i++)
		err = scratch_make_old(names[i]);
	if (!err)
		err = attack_serve(&self->attack, variant->userns, &opts);
	attack_ready(_metadata, err);
}

FIXTURE_TEARDOWN(attack_atime)
{
	attack_teardown(&self->attack);
}

TEST_F(attack_atime, of_roots_file)
{
	struct attack *attack = &self->attack;
	int id;

	id = attack_register_path(attack, scratch_path("root"), O_RDONLY);
	ASSERT_LT(0, id);
	EXPECT_EQ(0, reads_unseen(attack, "root", id, O_RDONLY | O_NOATIME, 0));
}

TEST_F(attack_atime, of_roots_file_after_open)
{
	struct attack *attack = &self->attack;
	int id;

	id = attack_register_path(attack, scratch_path("root"), O_RDONLY);
	ASSERT_LT(0, id);
	EXPECT_EQ(0, reads_unseen(attack, "root", id, O_RDONLY, O_NOATIME));
}

TEST_F(attack_atime, of_own_file)
{
	struct attack *attack = &self->attack;
	int id;

	id = attack_register_path(attack, scratch_path("own"), O_RDONLY);
	ASSERT_LT(0, id);
	EXPECT_EQ(1, reads_unseen(attack, "own", id, O_RDONLY | O_NOATIME, 0));
	EXPECT_EQ(0, reads_unseen(attack, "own", id, O_RDONLY, 0));
}

/* Root may for itself, but registers for the user. */
TEST_F(attack_atime, of_roots_file_by_broker)
{
	struct attack *attack = &self->attack;
	int id;

	if (attack->userns)
		SKIP(return, "the test isn't root any more");
	id = fuse_backing_open_path(attack->srv->fd, scratch_path("root"),
				    O_RDONLY);
	ASSERT_LT(0, id);
	EXPECT_EQ(0, reads_unseen(attack, "root", id, O_RDONLY | O_NOATIME, 0));
}

/*
 * The backing filesystem is another FUSE, of root's, that truncates in its
 * OPEN: what the kernel does to the backing file arrives there.
 */
FIXTURE(attack_stacked) {
	struct attack attack;
	struct fuse_server lower;
	struct fuse_server_file *lower_file;	/* "own" of the lower one */
};

FIXTURE_VARIANT(attack_stacked) {
	bool attached;
};

FIXTURE_VARIANT_ADD(attack_stacked, named) {
	.attached = false,
};

FIXTURE_VARIANT_ADD(attack_stacked, attached) {
	.attached = true,
};

/*
 * What empties a file is the server's, as far as it wants to open the file for
 * that: so the server of attached files doesn't.
 */
FIXTURE_SETUP(attack_stacked)
{
	const struct fuse_server_opts lower = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_BACKING,
		.no_passthrough = true,
		.init_flags = FUSE_ATOMIC_O_TRUNC,
	};
	const struct fuse_server_opts upper = {
		.backing = SCRATCH_FUSE2,
		.init_flags = variant->attached ? 0 : FUSE_ATOMIC_O_TRUNC,
	};
	int err = attack_prepare(&self->attack, SCRATCH_TMPFS);

	self->attack.attached = variant->attached;
	if (!err)
		err = fuse_server_start(&self->lower, &lower);
	if (!err) {
		self->lower_file = fuse_server_add(&self->lower, "own");
		fuse_server_add(&self->lower, "root");
		err = attack_serve(&self->attack, false, &upper);
	}
	attack_ready(_metadata, err);
}

FIXTURE_TEARDOWN(attack_stacked)
{
	attack_teardown(&self->attack);
	fuse_server_stop(&self->lower);
}

/* "own" of the lower one, as "root" of the upper one, which gets emptied. */
static int try_truncate(struct attack *attack, int id, int flags)
{
	int fd = attack_open(attack, "root", flags | O_TRUNC, id);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

TEST_F(attack_stacked, truncate_with_a_read_only_descriptor)
{
	const __u32 masked = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC;
	struct attack *attack = &self->attack;
	struct fuse_server_file *upper = attack_file(attack, "root");
	int id, fd;

	id = attack_register_path(attack, SCRATCH_FUSE2 "/own", O_RDONLY);
	ASSERT_LT(0, id);
	EXPECT_EQ(1, self->lower_file->opens);
	EXPECT_EQ(0, try_truncate(attack, id, O_RDONLY));
	EXPECT_EQ(variant->attached ? 0 : O_TRUNC,
		  upper->seen_flags & O_TRUNC);
	EXPECT_EQ(2, self->lower_file->opens);
	EXPECT_EQ(0, self->lower_file->seen_flags & masked);

	EXPECT_EQ(0, try_truncate(attack, id, O_RDWR | O_CREAT | O_NOCTTY));
	EXPECT_EQ(3, self->lower_file->opens);
	EXPECT_EQ(0, self->lower_file->seen_flags & masked);
	EXPECT_EQ(0, attack_untouched("own", SEED_OWN));

	/* It does arrive from who may. */
	fd = open(SCRATCH_FUSE2 "/own", O_RDONLY | O_TRUNC | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(O_TRUNC, self->lower_file->seen_flags & O_TRUNC);
	close(fd);
}

/* The client is root, and may do anything to the lower filesystem. */
TEST_F(attack_stacked, opened_as_the_server)
{
	struct attack *attack = &self->attack;
	int id;

	id = attack_register_path(attack, SCRATCH_FUSE2 "/own", O_RDONLY);
	ASSERT_LT(0, id);
	EXPECT_EQ(0, attack_try_open(attack, id, O_RDWR));
	EXPECT_EQ(2, self->lower_file->opens);
	EXPECT_EQ(OWNER, self->lower_file->seen_uid);
	EXPECT_EQ(OWNER, self->lower_file->seen_gid);
}

TEST_HARNESS_MAIN
