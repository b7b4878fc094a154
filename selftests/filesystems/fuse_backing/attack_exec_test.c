// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks by executing: code from a backing mount that forbids it.
 *
 * Proves: on a noexec backing mount nothing is executed or mapped executable
 * through a FUSE mount that allows it, neither at once nor with mprotect(2)
 * later, whether a reply names the file or it is attached. On one that allows
 * it, all of it works.
 *
 * Privilege: root, to mount for an ordinary user. The server is that user,
 * without capabilities.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "harness.h"

#include "attack.h"
#include "backing_ioctl.h"
#include "reject_trace.h"

#define PROGRAM	"/bin/true"
#define PSEUDO	"/sys/kernel/uevent_seqnum"
#define PAGE	4096

FIXTURE(exec) {
	struct attack attack;
	struct fuse_server *srv;
	int id;
};

FIXTURE_VARIANT(exec) {
	bool noexec;
	bool attached;
};

FIXTURE_VARIANT_ADD(exec, forbidden) {
	.noexec = true,
};

FIXTURE_VARIANT_ADD(exec, allowed) {
	.noexec = false,
};

FIXTURE_VARIANT_ADD(exec, forbidden_attached) {
	.noexec = true,
	.attached = true,
};

FIXTURE_VARIANT_ADD(exec, allowed_attached) {
	.noexec = false,
	.attached = true,
};

FIXTURE_SETUP(exec)
{
	int err = attack_setup(&self->attack, SCRATCH_TMPFS, false);

	if (!attack_ready(_metadata, err))
		return;
	self->srv = self->attack.srv;
	self->attack.attached = variant->attached;
	ASSERT_EQ(0, scratch_copy("program", PROGRAM));
	ASSERT_EQ(0, chown(scratch_path("program"), OWNER, OWNER));
	ASSERT_EQ(0, chmod(scratch_path("program"), 0755));
	if (variant->noexec)
		ASSERT_EQ(0, mount(NULL, SCRATCH_BACKING, NULL,
				   MS_REMOUNT | MS_BIND | MS_NOEXEC, NULL));
	ASSERT_NE(NULL, fuse_server_add(self->srv, "program"));
	self->id = attack_register_path(&self->attack, scratch_path("program"),
					O_RDWR);
	ASSERT_LT(0, self->id);
}

FIXTURE_TEARDOWN(exec)
{
	attack_teardown(&self->attack);
}

TEST_F(exec, map)
{
	static const int flags[] = { MAP_PRIVATE, MAP_SHARED };
	static const int modes[] = { O_RDONLY, O_RDWR };
	int now = variant->noexec ? -EPERM : 0;
	int later = variant->noexec ? -EACCES : 0;
	int fd;

	for (int i = 0; i < 4; i++) {
		fd = attack_open(&self->attack, "program", modes[i / 2],
				 self->id);
		ASSERT_LE(0, fd);
		EXPECT_EQ(now, attack_map_exec(fd, flags[i % 2], false));
		EXPECT_EQ(later, attack_map_exec(fd, flags[i % 2], true));
		EXPECT_EQ(0, fuse_server_data_ops(self->srv));
		close(fd);
	}
	if (variant->noexec)
		EXPECT_TRUE(attack_rejected(&self->attack, self->id, -EPERM,
					    "noexec"));
}

TEST_F(exec, execute)
{
	struct fuse_server_file *file = attack_file(&self->attack, "program");

	ASSERT_EQ(0, attack_use(&self->attack, "program", self->id));
	EXPECT_EQ(variant->noexec ? -EACCES : 0,
		  attack_execute(SCRATCH_FUSE "/program"));
	EXPECT_EQ(!variant->attached, file->opens);
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	if (variant->noexec)
		EXPECT_TRUE(attack_rejected(&self->attack, self->id, -EACCES,
					    "noexec"));
}

/*
 * A filesystem that never lets anything be executed, whatever its mount: only
 * who has CAP_SYS_ADMIN gets that far.
 */
TEST_F(exec, filesystem_without_execution)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_BACKING,
	};
	struct fuse_server_file *file;
	struct fuse_server srv;

	ASSERT_EQ(0, fuse_server_start(&srv, &opts));
	file = fuse_server_add(&srv, "program");
	file->backing_id = fuse_backing_open_path(srv.fd, PSEUDO, O_RDONLY);
	file->open_flags = FOPEN_PASSTHROUGH;
	ASSERT_LT(0, file->backing_id);
	EXPECT_EQ(-EACCES, attack_execute(SCRATCH_FUSE2 "/program"));
	EXPECT_TRUE(reject_trace_has(&self->attack.trace, srv.dev,
				     file->backing_id, -EACCES, "noexec"));
	fuse_server_stop(&srv);
}

TEST_HARNESS_MAIN
