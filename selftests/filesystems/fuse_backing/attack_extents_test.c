// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks by extents: more of a backing file than its descriptor gives.
 *
 * Proves: extents are read and written through descriptors that are open for
 * that, and through no others, whatever the server could open; what is
 * append-only or immutable, or becomes it, is not written to; nothing is executed
 * from a backing mount that forbids it. What a descriptor is good for works.
 *
 * Privilege: root, to mount for an ordinary user and to set attributes. The
 * server is that user, without capabilities.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <linux/fs.h>

#include "harness.h"

#include "attack.h"
#include "backing_ioctl.h"

#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define WRITE		FUSE_BACKING_EXTENT_WRITE
#define PROGRAM		"/bin/true"
#define PAGE		4096

FIXTURE(attack_extents) {
	struct attack attack;
	struct fuse_server *srv;
};

FIXTURE_SETUP(attack_extents)
{
	int err = attack_setup(&self->attack, SCRATCH_EXT4, false);

	self->srv = self->attack.srv;
	attack_ready(_metadata, err);
}

FIXTURE_TEARDOWN(attack_extents)
{
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_OPEN));
	scratch_flags("own", 0);
	attack_teardown(&self->attack);
}

/* All of the FUSE file @name is the beginning of what @id maps. */
static int set_extent(struct attack *attack, const char *name, int id,
		      __u32 flags)
{
	struct fuse_backing_extent extent = {
		.length = scratch_size(name),
		.backing_id = id,
		.flags = flags,
	};
	char path[PATH_MAX + 32];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", attack->srv->mountpoint, name);
	if (stat(path, &st) < 0)
		return -errno;
	return fuse_backing_set_extents(attack->srv->fd,
					fuse_server_node(attack->srv,
							 attack_file(attack, name)),
					&extent, 1, BOTH);
}

static int set_own(struct attack *attack, int id, __u32 flags)
{
	return set_extent(attack, "own", id, flags);
}

static int write_byte(int fd)
{
	return pwrite(fd, "x", 1, 0) == 1 ? 0 : -errno;
}

TEST_F(attack_extents, read_only_descriptor)
{
	struct attack *attack = &self->attack;
	int id = attack_register_path(attack, scratch_path("root"), O_RDONLY);
	int fd;

	ASSERT_LT(0, id);
	EXPECT_EQ(-EBADF, set_own(attack, id, WRITE));
	ASSERT_EQ(0, set_own(attack, id, 0));
	fd = fuse_server_open(self->srv, "own", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, attack_reads(fd, SEED_ROOT));
	EXPECT_EQ(-EPERM, write_byte(fd));
	EXPECT_EQ(0, attack_untouched("root", SEED_ROOT));
	close(fd);
}

/* Not even the owner's own file, which it could open for that. */
TEST_F(attack_extents, own_file)
{
	struct attack *attack = &self->attack;
	int id = attack_register_path(attack, scratch_path("own"), O_RDONLY);
	int fd;

	ASSERT_LT(0, id);
	EXPECT_EQ(-EBADF, set_own(attack, id, WRITE));
	id = attack_register_path(attack, scratch_path("own"), O_RDWR);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, set_own(attack, id, WRITE));
	fd = fuse_server_open(self->srv, "own", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, write_byte(fd));
	EXPECT_EQ(0, scratch_compare("own", "x", 1, 0));
	close(fd);
}

TEST_F(attack_extents, path_descriptor)
{
	static const char * const names[] = { "own", "root", "secret" };
	struct attack *attack = &self->attack;
	int id;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		id = attack_register_path(attack, scratch_path(names[i]),
					  O_PATH);
		ASSERT_LT(0, id);
		EXPECT_EQ(-EBADF, set_own(attack, id, 0));
		EXPECT_EQ(-EBADF, set_own(attack, id, WRITE));
	}
}

/* Opened by root, and passed on. */
TEST_F(attack_extents, received_descriptors)
{
	static const struct {
		int flags;
		int reading;
		int writing;
	} kinds[] = {
		{ O_RDONLY, 0, -EBADF },
		{ O_WRONLY, -EBADF, -EBADF },
		{ O_RDWR | O_APPEND, 0, -EPERM },
		{ O_RDWR, 0, 0 },
	};
	struct attack *attack = &self->attack;
	int fd, id;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		fd = open(scratch_path("secret"), kinds[i].flags | O_CLOEXEC);
		ASSERT_LE(0, fd);
		id = attack_register(attack, fd);
		close(fd);
		ASSERT_LT(0, id);
		EXPECT_EQ(kinds[i].reading, set_own(attack, id, 0))
			TH_LOG("flags %#o", kinds[i].flags);
		EXPECT_EQ(kinds[i].writing, set_own(attack, id, WRITE))
			TH_LOG("flags %#o", kinds[i].flags);
	}
}

/* Set before the extents, and while a file is open on them. */
static void attribute(struct __test_metadata *_metadata, struct attack *attack,
		      int flags, const char *reason)
{
	int id = attack_register_path(attack, scratch_path("own"), O_RDWR), fd;

	ASSERT_LT(0, id);
	ASSERT_EQ(0, scratch_flags("own", flags));
	EXPECT_EQ(-EPERM, set_own(attack, id, WRITE));
	EXPECT_TRUE(attack_rejected(attack, id, -EPERM, reason));
	EXPECT_EQ(0, set_own(attack, id, 0));
	ASSERT_EQ(0, scratch_flags("own", 0));
	ASSERT_EQ(0, set_own(attack, id, WRITE));
	fd = fuse_server_open(attack->srv, "own", O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, scratch_flags("own", flags));
	EXPECT_EQ(-EPERM, write_byte(fd));
	EXPECT_EQ(0, attack_reads(fd, SEED_OWN));
	EXPECT_EQ(0, attack_untouched("own", SEED_OWN));
	ASSERT_EQ(0, scratch_flags("own", 0));
	EXPECT_EQ(0, write_byte(fd));
	close(fd);
}

TEST_F(attack_extents, append_only)
{
	attribute(_metadata, &self->attack, FS_APPEND_FL, "append-only");
}

TEST_F(attack_extents, immutable)
{
	attribute(_metadata, &self->attack, FS_IMMUTABLE_FL, "immutable");
}

static int set_noexec(bool on)
{
	return mount(NULL, SCRATCH_BACKING, NULL,
		     MS_REMOUNT | MS_BIND | (on ? MS_NOEXEC : 0), NULL) < 0 ?
		       -errno : 0;
}

TEST_F(attack_extents, noexec)
{
	struct attack *attack = &self->attack;
	int id, fd;

	ASSERT_EQ(0, scratch_copy("program", PROGRAM));
	ASSERT_EQ(0, chown(scratch_path("program"), OWNER, OWNER));
	ASSERT_NE(NULL, fuse_server_add(self->srv, "program"));
	id = attack_register_path(attack, scratch_path("program"), O_RDONLY);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, set_extent(attack, "program", id, 0));

	for (int forbidden = 1; forbidden >= 0; forbidden--) {
		ASSERT_EQ(0, set_noexec(forbidden));
		fd = fuse_server_open(self->srv, "program", O_RDONLY);
		ASSERT_LE(0, fd);
		EXPECT_EQ(forbidden ? -EPERM : 0, attack_map_exec(fd, MAP_PRIVATE, false));
		EXPECT_EQ(forbidden ? -EACCES : 0, attack_map_exec(fd, MAP_PRIVATE, true));
		close(fd);
		EXPECT_EQ(forbidden ? -EACCES : 0,
			  attack_execute(SCRATCH_FUSE "/program"));
	}
	EXPECT_TRUE(attack_rejected(attack, 0, -EPERM, "noexec"));
	EXPECT_TRUE(attack_rejected(attack, 0, -EACCES, "noexec"));
}

TEST_HARNESS_MAIN
