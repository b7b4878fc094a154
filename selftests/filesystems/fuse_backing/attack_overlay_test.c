// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks by an overlayfs: what is below it is not what it looks like.
 *
 * Proves: a file on an overlayfs is refused to servers without CAP_SYS_ADMIN if
 * what is below isn't fit, at registration and at each open, because files are
 * copied up meanwhile; and if it is, or may be open, on a FUSE, which has a reason
 * of its own. Overlays on what is fit are accepted before and after a file was
 * copied up, and so is a FUSE itself.
 *
 * Privilege: root, to mount for an ordinary user. The server has no capabilities,
 * in one half of the tests but for those in a user namespace of its own, where the
 * overlayfs is its own, too.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "harness.h"

#include "attack.h"
#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"

#define MERGED		SCRATCH_OTHER
#define OWN		MERGED "/own"
#define LAYERS		SCRATCH_ROOT "/layers"
#define UPPER		LAYERS "/upper"
#define WORK		LAYERS "/work"
#define SECOND		LAYERS "/second"	/* there must be two, or an upper one */

FIXTURE(overlay) {
	struct attack attack;
	struct fuse_server *srv;
	struct fuse_server lower;
};

FIXTURE_VARIANT(overlay) {
	bool userns;
};

FIXTURE_VARIANT_ADD(overlay, user) {
	.userns = false,
};

FIXTURE_VARIANT_ADD(overlay, user_namespace) {
	.userns = true,
};

FIXTURE_SETUP(overlay)
{
	const struct fuse_server_opts opts = { .max_stack_depth = 2 };
	int err = attack_prepare(&self->attack, SCRATCH_TMPFS);

	if (!attack_ready(_metadata, err))
		return;
	self->srv = self->attack.srv;
	ASSERT_EQ(0, mkdir(LAYERS, 0755));
	err = attack_serve(&self->attack, variant->userns, &opts);
	ASSERT_EQ(0, err);
}

FIXTURE_TEARDOWN(overlay)
{
	fuse_server_stop(&self->lower);
	attack_teardown(&self->attack);
}

/* Room for the layers that are not tested, on a filesystem of @type. */
static int make_layers(const char *type)
{
	static const char * const dirs[] = { UPPER, WORK, SECOND };

	if (mount("layers", LAYERS, type, 0, "mode=777") < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (mkdir(dirs[i], 0777) < 0 || chmod(dirs[i], 0777) < 0)
			return -errno;
	return 0;
}

static int mount_read_only(const char *lower)
{
	char options[PATH_MAX];

	snprintf(options, sizeof(options), "lowerdir=%s:" SECOND, lower);
	return mount("overlay", MERGED, "overlay", 0, options) < 0 ? -errno : 0;
}

static int mount_writable(const char *lower)
{
	char options[PATH_MAX];

	snprintf(options, sizeof(options),
		 "lowerdir=%s,upperdir=" UPPER ",workdir=" WORK, lower);
	return mount("overlay", MERGED, "overlay", 0, options) < 0 ? -errno : 0;
}

static int change_mode(void *path)
{
	return chmod(path, 0640) < 0 ? -errno : 0;
}

/* From now on it is a file of the upper layer. */
static int copy_up(struct attack *attack)
{
	char path[] = OWN;
	int err = attack->userns ? change_mode(path) :
				   creds_call(&owner, change_mode, path);

	return err ?: access(UPPER "/own", F_OK) < 0 ? -errno : 0;
}

static int register_own(struct attack *attack, int flags)
{
	return attack_register_path(attack, OWN, flags);
}

/* Each with a file; /proc can't be a layer, it is as deep as can be. */
static const struct {
	const char *dir;
	const char *file;
} pseudo[] = {
	{ "/sys/fs/cgroup", MERGED "/cgroup.procs" },
	{ "/sys/kernel/tracing", MERGED "/trace_clock" },
	{ "/sys/kernel", MERGED "/uevent_seqnum" },
};

/* What registering a file on a layer of a pseudo filesystem says. */
static int register_pseudo(struct attack *attack, size_t i, int flags)
{
	int err;

	/* other mounts are below it, which the user can't have away */
	if (mount_read_only(pseudo[i].dir))
		return -ENOENT;
	err = attack_register_path(attack, pseudo[i].file, flags);
	if (umount2(MERGED, 0) < 0)
		return -errno;
	return err;
}

TEST_F(overlay, of_pseudo_filesystems)
{
	struct attack *attack = &self->attack;
	int layers = 0, err;

	ASSERT_EQ(0, make_layers("tmpfs"));
	for (size_t i = 0; i < ARRAY_SIZE(pseudo); i++) {
		err = register_pseudo(attack, i, O_PATH);
		/* the user can't even see it */
		if (err == -EACCES || err == -ENOENT)
			continue;
		EXPECT_EQ(-EOPNOTSUPP, err) TH_LOG("%s", pseudo[i].file);
		err = register_pseudo(attack, i, O_RDONLY);
		EXPECT_EQ(-EOPNOTSUPP, err) TH_LOG("%s", pseudo[i].file);
		layers++;
	}
	EXPECT_LE(variant->userns ? 1 : 2, layers);
	EXPECT_TRUE(attack_rejected(attack, 0, -EOPNOTSUPP, "filesystem"));
	EXPECT_EQ(0, thread_find(self->srv->dev));

	ASSERT_EQ(0, mount_read_only(SCRATCH_BACKING));
	EXPECT_LT(0, register_own(attack, O_RDONLY));
}

/* Root answers for what it registers on a connection of its own. */
TEST_F(overlay, of_a_pseudo_filesystem_by_root)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_BACKING,
		.max_stack_depth = 2,
	};
	int id;

	if (variant->userns)
		SKIP(return, "root of a user namespace is nobody");
	ASSERT_EQ(0, fuse_server_start(&self->lower, &opts));
	ASSERT_NE(NULL, fuse_server_add(&self->lower, "own"));
	ASSERT_EQ(0, make_layers("tmpfs"));
	ASSERT_EQ(0, mount_read_only(pseudo[0].dir));
	id = fuse_backing_open_path(self->lower.fd, pseudo[0].file, O_RDONLY);
	EXPECT_LT(0, id);
	EXPECT_LE(0, fuse_server_open_id(&self->lower, "own", O_RDONLY, id));
}

/* What is fit when it is registered isn't when it is opened. */
TEST_F(overlay, that_copies_up_to_what_is_not_fit)
{
	struct attack *attack = &self->attack;
	int id;

	/* files can be made there, and it is in no list */
	ASSERT_EQ(0, make_layers("ramfs"));
	ASSERT_EQ(0, mount_writable(SCRATCH_BACKING));
	id = register_own(attack, O_RDONLY);
	ASSERT_LT(0, id);
	EXPECT_EQ(0, attack_try_open(attack, id, O_RDONLY));
	ASSERT_EQ(0, copy_up(attack));
	EXPECT_EQ(-EOPNOTSUPP, attack_try_open(attack, id, O_RDONLY));
	EXPECT_TRUE(attack_rejected(attack, id, -EOPNOTSUPP, "filesystem"));
	EXPECT_EQ(-EOPNOTSUPP, register_own(attack, O_RDONLY));
}

/* Nor is it when it is asked for what it has the answer to */
TEST_F(overlay, that_answers_and_copies_up_to_what_is_not_fit)
{
	struct attack *attack = &self->attack;
	__u64 node = fuse_server_node(self->srv, attack_file(attack, "own"));
	struct stat st;
	__u32 asked;
	int id;

	ASSERT_EQ(0, make_layers("ramfs"));
	ASSERT_EQ(0, mount_writable(SCRATCH_BACKING));
	id = register_own(attack, O_RDONLY);
	ASSERT_LT(0, id);
	self->srv->sh->attr_valid = 0;
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/own", &st));
	ASSERT_EQ(0, fuse_backing_attach_ops(self->srv->fd, node, id,
					     FUSE_BACKING_READ,
					     FUSE_BACKING_OPS_ATTR));
	asked = fuse_server_ops(self->srv, FUSE_GETATTR);
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/own", &st));
	EXPECT_EQ(asked, fuse_server_ops(self->srv, FUSE_GETATTR));
	ASSERT_EQ(0, copy_up(attack));
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/own", &st));
	EXPECT_EQ(asked + 1, fuse_server_ops(self->srv, FUSE_GETATTR));
	EXPECT_TRUE(attack_rejected(attack, id, -EOPNOTSUPP, "filesystem"));
}

TEST_F(overlay, that_copies_up)
{
	struct attack *attack = &self->attack;
	int before, after;

	ASSERT_EQ(0, make_layers("tmpfs"));
	ASSERT_EQ(0, mount_writable(SCRATCH_BACKING));
	before = register_own(attack, O_RDONLY);
	ASSERT_LT(0, before);
	ASSERT_EQ(0, copy_up(attack));
	after = register_own(attack, O_RDONLY);
	ASSERT_LT(0, after);
	EXPECT_EQ(0, attack_try_open(attack, before, O_RDONLY));
	EXPECT_EQ(0, attack_try_open(attack, after, O_RDWR));
}

/* Another FUSE, with "own" on it, to be the lower layer. */
static int serve_lower(struct fuse_server *lower)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_BACKING,
		.no_passthrough = true,
	};
	int err = fuse_server_start(lower, &opts);

	if (err)
		return err;
	lower->sh->getxattr_error = ENODATA;
	return fuse_server_add(lower, "own") ? 0 : -ENOSPC;
}

TEST_F(overlay, of_a_fuse)
{
	struct attack *attack = &self->attack;
	int id;

	ASSERT_EQ(0, serve_lower(&self->lower));
	ASSERT_EQ(0, make_layers("tmpfs"));
	ASSERT_EQ(0, mount_read_only(SCRATCH_FUSE2));
	EXPECT_EQ(-EOPNOTSUPP, register_own(attack, O_RDONLY));
	EXPECT_TRUE(attack_rejected(attack, 0, -EOPNOTSUPP,
				    "overlay-on-fuse"));
	EXPECT_EQ(-EOPNOTSUPP, register_own(attack, O_PATH));
	EXPECT_EQ(0, thread_find(self->srv->dev));
	ASSERT_EQ(0, umount2(MERGED, 0));

	/* The FUSE itself, whose files the mount's thread can close. */
	id = attack_register_path(attack, SCRATCH_FUSE2 "/own", O_RDONLY);
	EXPECT_LT(0, id);
	EXPECT_EQ(0, attack_try_open(attack, id, O_RDONLY));
}

/* Copied up since it was opened: it stays open on the FUSE. */
TEST_F(overlay, that_copied_up_from_a_fuse)
{
	struct attack *attack = &self->attack;
	int fd, id;

	ASSERT_EQ(0, serve_lower(&self->lower));
	ASSERT_EQ(0, make_layers("tmpfs"));
	ASSERT_EQ(0, mount_writable(SCRATCH_FUSE2));
	fd = open(OWN, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, copy_up(attack));
	EXPECT_EQ(-EOPNOTSUPP, attack_register(attack, fd));
	EXPECT_TRUE(attack_rejected(attack, 0, -EOPNOTSUPP,
				    "overlay-on-fuse"));
	EXPECT_EQ(0, thread_find(self->srv->dev));
	close(fd);

	/* Open for writing, and not open at all: on the upper layer, for sure. */
	id = register_own(attack, O_RDWR);
	EXPECT_LT(0, id);
	EXPECT_EQ(0, attack_try_open(attack, id, O_RDWR));
	id = register_own(attack, O_PATH);
	EXPECT_LT(0, id);
	EXPECT_EQ(0, attack_try_open(attack, id, O_RDONLY));
}

/*
 * "own" with what is known of it in SECOND, and its bytes in another layer, of which
 * nothing else is seen. Linux 6.12 leaves those to who has CAP_SYS_ADMIN.
 */
static int mount_data_only(const char *lower, const char *redirect)
{
	static const char file[] = SECOND "/own";
	int fd = open(file, O_CREAT | O_RDWR | O_CLOEXEC, 0666);
	int fs;

	if (fd < 0 || fchmod(fd, 0666) < 0 || ftruncate(fd, 16) < 0)
		return -errno;
	close(fd);
	if (setxattr(file, "user.overlay.metacopy", "", 0, 0) < 0 ||
	    setxattr(file, "user.overlay.redirect", redirect,
		     strlen(redirect), 0) < 0)
		return -errno;

	fs = fsopen("overlay", FSOPEN_CLOEXEC);
	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir+", SECOND, 0) ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "datadir+", lower, 0) ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -EOPNOTSUPP;
	fd = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (fd < 0 || move_mount(fd, "", AT_FDCWD, MERGED,
				 MOVE_MOUNT_F_EMPTY_PATH))
		return -errno;
	close(fd);
	close(fs);
	return 0;
}

/* Refused once it is open: to see where the bytes are takes that. */
static void expect_no_data(struct __test_metadata *_metadata,
			   struct attack *attack, const char *reason)
{
	int id = register_own(attack, O_PATH);

	EXPECT_EQ(-EOPNOTSUPP, register_own(attack, O_RDONLY));
	EXPECT_TRUE(attack_rejected(attack, 0, -EOPNOTSUPP, reason));
	ASSERT_LT(0, id);
	EXPECT_EQ(-EOPNOTSUPP, attack_try_open(attack, id, O_RDONLY));
	EXPECT_TRUE(attack_rejected(attack, id, -EOPNOTSUPP, reason));
}

TEST_F(overlay, whose_data_is_on_a_pseudo_filesystem)
{
	int err;

	ASSERT_EQ(0, make_layers("tmpfs"));
	err = mount_data_only("/sys/fs/cgroup", "/cgroup.procs");
	if (err == -EOPNOTSUPP)
		SKIP(return, "no layers for data only without privileges");
	ASSERT_EQ(0, err);
	expect_no_data(_metadata, &self->attack, "filesystem");
}

TEST_F(overlay, whose_data_is_on_a_fuse)
{
	int err;

	ASSERT_EQ(0, serve_lower(&self->lower));
	ASSERT_EQ(0, make_layers("tmpfs"));
	err = mount_data_only(SCRATCH_FUSE2, "/own");
	if (err == -EOPNOTSUPP)
		SKIP(return, "no layers for data only without privileges");
	ASSERT_EQ(0, err);
	expect_no_data(_metadata, &self->attack, "overlay-on-fuse");
}

/* The control */
TEST_F(overlay, whose_data_is_on_what_is_fit)
{
	struct attack *attack = &self->attack;
	int opened, closed, err;

	ASSERT_EQ(0, make_layers("tmpfs"));
	err = mount_data_only(SCRATCH_BACKING, "/own");
	if (err == -EOPNOTSUPP)
		SKIP(return, "no layers for data only without privileges");
	ASSERT_EQ(0, err);
	opened = register_own(attack, O_RDONLY);
	closed = register_own(attack, O_PATH);
	ASSERT_LT(0, opened);
	ASSERT_LT(0, closed);
	EXPECT_EQ(0, attack_try_open(attack, opened, O_RDONLY));
	EXPECT_EQ(0, attack_try_open(attack, closed, O_RDONLY));
}

TEST_HARNESS_MAIN
