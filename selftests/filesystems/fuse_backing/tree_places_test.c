// SPDX-License-Identifier: GPL-2.0
/*
 * Where the backing directory of a tree may be.
 *
 * Proves: on tmpfs, ext4, XFS, Btrfs, an overlayfs and another FUSE, names below, numbers,
 * links, contents and listings are those of the directory itself, from the first look on,
 * without the server; what isn't changed directly there, as on stacked filesystems, is the
 * server's. So is what is on another device than the directory, a volume or in another
 * layer, as numbers are of one device. A volume that is read-only is so for access(2), too.
 * Where each lookup finds another inode, as on 9p, there is no tree.
 * What is at a file's name, has it open by its path, or watches it, keeps it when its inode
 * is read from disk anew.
 * By an idmapped mount, owners and rights are those that this shows, and so is what may be
 * changed, and what is refused, also while a file is open by another mount. What is mounted
 * below in the backing filesystem, directories and files, is the server's, and what is
 * mounted on the FUSE mount below stays as long as the name, also when who looked whether
 * that is there still was killed before it was told. A directory that is moved is followed,
 * one that is removed is empty, another one in its place is not it; what is moved out of it
 * isn't found any more. A tree in a tree is of a name that is the server's: it passes
 * through by itself, also when the outer one is detached, and what is moved into it, too;
 * where names are passed through none is attached, and no name is ever listed that isn't
 * found.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <linux/btrfs.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "dir_lister.h"
#include "hold_task.h"
#include "rules.h"
#include "shifted.h"
#include "text_file.h"
#include "tree_env.h"
#include "wait_until.h"

#define BOTH	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define PENDING	FUSE_BACKING_ATTACH_PENDING
#define MANY	30	/* there is no room for more inodes */

/* one/{two/{file,other},link,again,empty/}, where again is another name of two/other */
static int make_names(const char *top)
{
	char path[64];
	int err;

	snprintf(path, sizeof(path), "%s/one", top);
	if (mkdir(path, 0755) < 0 || mkdir(tree_under(path, "two"), 0750) < 0 ||
	    mkdir(tree_under(path, "empty"), 01777) < 0 ||
	    symlink("two/file", tree_under(path, "link")) < 0)
		return -errno;
	err = tree_write_text(tree_under(path, "two/file")) ?:
	      tree_write_text(tree_under(path, "two/other"));
	if (!err && link(tree_under(path, "two/other"), tree_under(path, "again")) < 0)
		err = -errno;
	return err;
}

static bool is_stat_same(const char *a, const char *b)
{
	struct stat x, y;

	return !lstat(a, &x) && !lstat(b, &y) && x.st_mode == y.st_mode &&
	       x.st_ino == y.st_ino && x.st_nlink == y.st_nlink &&
	       x.st_uid == y.st_uid && x.st_gid == y.st_gid &&
	       x.st_size == y.st_size && x.st_blocks == y.st_blocks &&
	       x.st_mtim.tv_sec == y.st_mtim.tv_sec &&
	       x.st_mtim.tv_nsec == y.st_mtim.tv_nsec &&
	       x.st_ctim.tv_nsec == y.st_ctim.tv_nsec;
}

static bool is_listed_same(const char *a, const char *b)
{
	struct dir_list x = {}, y = {};
	bool same = !dir_list_path(&x, a) && !dir_list_path(&y, b) && dir_list_equal(&x, &y);

	/* the mount's own numbers are those of . and .. of its root */
	for (size_t i = 0; same && i < x.count; i++)
		if (x.entry[i].name[0] != '.')
			same = x.entry[i].ino == y.entry[i].ino;
	dir_list_free(&x);
	dir_list_free(&y);
	return same;
}

/* On several filesystems */

FIXTURE(places) {
	struct env env;
	struct fuse_server *srv;
	const char *top;
};

FIXTURE_VARIANT(places) {
	enum scratch_fs fs;
	const char *top;
	int (*make)(void);
	bool asked;	/* for changes */
};

static struct fuse_server lower;

static int make_plain(void)
{
	return make_names(SCRATCH_BACKING);
}

/* Some is in the one, and some in the other layer */
static int make_overlay(void)
{
	static const char * const dirs[] = { "lower", "upper", "work", "upper/one" };

	for (int i = 0; i < 4; i++)
		if (mkdir(scratch_path(dirs[i]), 0755) < 0)
			return -errno;
	return make_names(SCRATCH_BACKING "/lower") ?:
	       tree_write_text(scratch_path("upper/one/upper")) ?:
	       mount("overlay", SCRATCH_OTHER, "overlay", 0,
		     "lowerdir=" SCRATCH_BACKING "/lower,upperdir=" SCRATCH_BACKING
		     "/upper,workdir=" SCRATCH_BACKING "/work") ? -EOPNOTSUPP : 0;
}

/* Its server reads no symbolic links, and lists its root only */
static int make_fuse(void)
{
	static const char * const names[] = { "one", "one/two" };
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_BACKING,
		.no_passthrough = true,
	};
	int err = make_names(SCRATCH_BACKING) ?: fuse_server_start(&lower, &opts);

	if (err)
		return err;
	lower.sh->deep = true;
	for (int i = 0; i < 2; i++)
		if (!fuse_server_add(&lower, names[i]))
			return -ENOSPC;
	return 0;
}

FIXTURE_VARIANT_ADD(places, tmpfs) {
	.fs = SCRATCH_TMPFS,
	.top = SCRATCH_BACKING,
	.make = make_plain,
};

FIXTURE_VARIANT_ADD(places, ext4) {
	.fs = SCRATCH_EXT4,
	.top = SCRATCH_BACKING,
	.make = make_plain,
};

FIXTURE_VARIANT_ADD(places, xfs) {
	.fs = SCRATCH_XFS,
	.top = SCRATCH_BACKING,
	.make = make_plain,
};

FIXTURE_VARIANT_ADD(places, btrfs) {
	.fs = SCRATCH_BTRFS,
	.top = SCRATCH_BACKING,
	.make = make_plain,
};

FIXTURE_VARIANT_ADD(places, overlay) {
	.fs = SCRATCH_EXT4,
	.top = SCRATCH_OTHER,
	.make = make_overlay,
	.asked = true,
};

FIXTURE_VARIANT_ADD(places, fuse) {
	.fs = SCRATCH_TMPFS,
	.top = SCRATCH_FUSE2,
	.make = make_fuse,
	.asked = true,
};

static int serve_from(struct env *env, enum scratch_fs fs, int (*make)(void),
		      const char *top, uid_t uid)
{
	const struct fuse_server_opts opts = {
		.mount_opts = "default_permissions",
		.max_stack_depth = 2,
		.backing = top,
		.uid = uid,
	};
	int err = env_setup_with(env, fs, make, &opts);

	if (!err)
		env->srv.sh->deep = true;
	return err;
}

FIXTURE_SETUP(places)
{
	int id, err = serve_from(&self->env, variant->fs, variant->make, variant->top, 0);

	if (err == -EOPNOTSUPP)
		SKIP(return, "needs root, FUSE passthrough, such a filesystem");
	ASSERT_EQ(0, err);
	self->srv = &self->env.srv;
	self->top = variant->top;
	id = tree_register(self->srv->fd, self->top);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, tree_attach(self->srv->fd, FUSE_ROOT_ID, id, TREE_OPS, BOTH));
	ASSERT_EQ(0, access(SCRATCH_FUSE, F_OK));
	fuse_server_new_requests(self->srv);
}

FIXTURE_TEARDOWN(places)
{
	tree_end(_metadata, &self->env);
	if (lower.sh)
		fuse_server_stop(&lower);
	lower = (struct fuse_server) {};
	umount(SCRATCH_OTHER);
}

TEST_F(places, names)
{
	static const char * const names[] = {
		"one", "one/two", "one/two/file", "one/two/other", "one/again", "one/empty",
	};

	/* once as it is found, once as it is known */
	for (int i = 0; i < 2 * 6; i++) {
		EXPECT_TRUE(is_stat_same(tree_at(names[i / 2]),
					 tree_under(self->top, names[i / 2])))
			TH_LOG("%s", names[i / 2]);
	}
	EXPECT_EQ(0, tree_reads(tree_at("one/two/file")));
	EXPECT_EQ(-1, access(tree_at("one/two/nothing"), F_OK));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

TEST_F(places, listed)
{
	static const char * const names[] = { "one", "one/two", "one/empty" };

	if (lower.sh)
		SKIP(return, "of the other FUSE only the root is listed");
	for (int i = 0; i < 3; i++) {
		EXPECT_TRUE(is_listed_same(tree_at(names[i]), tree_under(self->top, names[i])))
			TH_LOG("%s", names[i]);
	}
	EXPECT_EQ(0, tree_reads(tree_at("one/link")));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* access(2) has the backing filesystem asked for rights, which may have to ask a server */
TEST_F(places, asked_for_rights)
{
	int fd = open(tree_at("one/two/file"), O_RDONLY | O_CLOEXEC);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, access(SCRATCH_FUSE, R_OK | X_OK));
	EXPECT_EQ(0, access(tree_at("one"), R_OK | X_OK));
	/* open, and not */
	EXPECT_EQ(0, access(tree_at("one/two/file"), R_OK));
	EXPECT_EQ(0, access(tree_at("one/two/other"), R_OK));
	EXPECT_EQ(-1, access(tree_at("one/two/file"), X_OK));
	EXPECT_EQ(EACCES, errno);
	close(fd);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* By the one name, read by the other, wherever that is kept from then on */
TEST_F(places, written)
{
	int fd = open(tree_at("one/two/other"), O_RDWR | O_CLOEXEC);
	struct stat st;
	char byte;

	ASSERT_LE(0, fd);
	EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
	EXPECT_EQ(1, pread(fd, &byte, 1, 0));
	EXPECT_EQ('x', byte);
	close(fd);
	ASSERT_EQ(0, stat(tree_under(self->top, "one/two/other"), &st));
	EXPECT_EQ((off_t)strlen(TREE_TEXT), st.st_size);
	EXPECT_EQ(-EILSEQ, tree_reads(tree_under(self->top, "one/two/other")));
	EXPECT_EQ(-EILSEQ, tree_reads(tree_at("one/two/other")));
	EXPECT_EQ(tree_reads(tree_under(self->top, "one/again")),
		  tree_reads(tree_at("one/again")));
	EXPECT_EQ(0, tree_reads(tree_at("one/two/file")));
}

TEST_F(places, changed)
{
	/* what the server says of it is no matter */
	mkdir(tree_at("one/new"), 0755);
	EXPECT_EQ(variant->asked, fuse_server_ops(self->srv, FUSE_MKDIR));
	chmod(tree_at("one/two/file"), 0600);
	EXPECT_EQ(variant->asked, fuse_server_ops(self->srv, FUSE_SETATTR));
	EXPECT_TRUE(is_stat_same(tree_at("one/two/file"),
				 tree_under(self->top, "one/two/file")));
}

/* Others change it where it is, and who looks sees that at once */
TEST_F(places, changed_there)
{
	EXPECT_EQ(0, tree_reads(tree_at("one/two/file")));
	EXPECT_EQ(-1, access(tree_at("one/two/new"), F_OK));
	if (lower.sh)
		SKIP(return, "the other FUSE has no such changes");
	ASSERT_EQ(0, rename(tree_under(self->top, "one/two/file"),
			    tree_under(self->top, "one/two/new")));
	EXPECT_EQ(0, tree_reads(tree_at("one/two/new")));
	EXPECT_EQ(-ENOENT, tree_reads(tree_at("one/two/file")));
	ASSERT_EQ(0, chmod(tree_under(self->top, "one/two"), 0700));
	EXPECT_TRUE(is_stat_same(tree_at("one/two"), tree_under(self->top, "one/two")));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* Inodes go from memory, and what is read then has their places */
static int read_anew(const char *top)
{
	char path[64];
	int err;

	/* not those that have pages, or are dirty */
	sync();
	err = text_file_write("/proc/sys/vm/drop_caches", "3");
	for (int i = 0; i < MANY && !err; i++) {
		snprintf(path, sizeof(path), "%s/of%d", top, i);
		err = access(path, F_OK) ? -errno : 0;
	}
	return err;
}

static int make_many(const char *top)
{
	char path[64];
	int err = 0;

	for (int i = 0; i < MANY && !err; i++) {
		snprintf(path, sizeof(path), "%s/of%d", top, i);
		err = tree_write_text(path);
	}
	return err;
}

/* What is at a file's name, or has it, stays when the backing inode is read from disk anew */
TEST_F(places, read_anew)
{
	struct stat before, after;
	int fd, watch, notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char event[128];

	if (variant->asked)
		SKIP(return, "inodes are known by their addresses there");
	ASSERT_EQ(0, make_many(self->top));
	ASSERT_EQ(0, close(creat(SCRATCH_ROOT "/mask", 0644)));
	ASSERT_EQ(0, truncate(tree_under(self->top, "one/two/other"), 2));
	ASSERT_EQ(0, mount(SCRATCH_ROOT "/mask", tree_at("one/two/file"), NULL, MS_BIND, NULL));
	fd = open(tree_at("one/two/other"), O_PATH | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fstat(fd, &before));
	ASSERT_LE(0, notify);
	watch = inotify_add_watch(notify, tree_at("one/again"), IN_ATTRIB);
	ASSERT_LE(0, watch);

	ASSERT_EQ(0, read_anew(self->top));
	EXPECT_EQ(-EILSEQ, tree_reads(tree_at("one/two/file")));
	EXPECT_EQ(0, fstat(fd, &after));
	EXPECT_EQ(before.st_ino, after.st_ino);
	EXPECT_EQ(2, after.st_size);
	EXPECT_EQ(0, chmod(tree_at("one/two/other"), 0640));
	EXPECT_LT(0, read(notify, event, sizeof(event)));

	/* control: another file of that name is another */
	ASSERT_EQ(0, unlink(tree_under(self->top, "one/two/file")));
	ASSERT_EQ(0, tree_write_text(tree_under(self->top, "one/two/file")));
	EXPECT_EQ(0, tree_reads(tree_at("one/two/file")));
	close(fd);
	close(notify);
}

/* An ioctl(2) of Btrfs on the directory at the top: 0 or -errno */
static int call_top(unsigned long request, void *arg)
{
	int fd = open(SCRATCH_BACKING, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = ioctl(fd, request, arg) < 0 ? -errno : 0;
	close(fd);
	return err;
}

static int set_volume_flags(__u64 flags)
{
	return call_top(BTRFS_IOC_SUBVOL_SETFLAGS, &flags);
}

static int may_write(const char *name)
{
	return access(tree_at(name), W_OK) < 0 ? -errno : 0;
}

/* access(2) says what opening would, though neither the mount nor its filesystem is it */
TEST_F(places, read_only_volume)
{
	if (variant->fs != SCRATCH_BTRFS)
		SKIP(return, "has no volumes");
	/* control */
	EXPECT_EQ(0, may_write("one/two/file"));
	EXPECT_EQ(0, may_write("one/two"));
	ASSERT_EQ(0, set_volume_flags(BTRFS_SUBVOL_RDONLY));
	EXPECT_EQ(-1, open(tree_at("one/two/file"), O_WRONLY | O_CLOEXEC));
	EXPECT_EQ(EROFS, errno);
	EXPECT_EQ(-EROFS, may_write("one/two/file"));
	EXPECT_EQ(-EROFS, may_write("one/two"));
	EXPECT_EQ(0, tree_reads(tree_at("one/two/file")));
	EXPECT_EQ(0, access(tree_at("one/two/file"), R_OK));
	ASSERT_EQ(0, set_volume_flags(0));
	EXPECT_EQ(0, may_write("one/two/file"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

static pid_t look_beside(const char *name)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(access(tree_at(name), F_OK) ? errno : 0);
	return pid;
}

/* Who is killed while it looks whether a name is there still has seen nothing of it */
TEST_F(places, killed)
{
	pid_t client;
	int status;

	if (!lower.sh)
		SKIP(return, "there is no server that may be waited for");
	lower.sh->entry_valid = 0;
	ASSERT_EQ(0, mount("x", tree_at("one/empty"), "tmpfs", 0, ""));
	ASSERT_EQ(0, tree_write_text(tree_at("one/empty/mounted")));
	ASSERT_EQ(0, fuse_server_pause(&lower));
	client = look_beside("one/empty/nothing");
	ASSERT_LT(0, client);
	EXPECT_TRUE(wait_until(fuse_server_waiting(&lower) == 1));
	ASSERT_EQ(0, kill(client, SIGKILL));
	ASSERT_EQ(client, waitpid(client, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	ASSERT_EQ(0, fuse_server_resume(&lower));
	EXPECT_EQ(0, tree_reads(tree_at("one/empty/mounted")));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));

	/* control: who sees that it isn't takes along what is mounted there */
	ASSERT_EQ(0, rename(scratch_path("one/empty"), scratch_path("one/full")));
	EXPECT_EQ(-ENOENT, tree_reads(tree_at("one/empty/mounted")));
	ASSERT_EQ(0, rename(scratch_path("one/full"), scratch_path("one/empty")));
	EXPECT_EQ(-ENOENT, tree_reads(tree_at("one/empty/mounted")));
	EXPECT_EQ(-1, umount(tree_at("one/empty")));
}

/* What stat(2) says is on another device, whose numbers aren't ours */

FIXTURE(devices) {
	struct env env;
	struct fuse_server *srv;
};

FIXTURE_VARIANT(devices) {
	enum scratch_fs fs;
	const char *top;
	int (*make)(void);
};

/* A file in each layer, which are filesystems of their own */
static int make_layers(void)
{
	if (mkdir(SCRATCH_ROOT "/upper", 0755) < 0 || mkdir(SCRATCH_ROOT "/work", 0755) < 0 ||
	    mkdir(scratch_path("plain"), 0755) < 0)
		return -errno;
	return tree_write_text(scratch_path("one")) ?:
	       tree_write_text(SCRATCH_ROOT "/upper/two") ?:
	       mount("overlay", SCRATCH_OTHER, "overlay", 0, "lowerdir=" SCRATCH_BACKING
		     ",upperdir=" SCRATCH_ROOT "/upper,workdir=" SCRATCH_ROOT
		     "/work,xino=off") ? -EOPNOTSUPP : 0;
}

FIXTURE_VARIANT_ADD(devices, layers) {
	.fs = SCRATCH_EXT4,
	.top = SCRATCH_OTHER,
	.make = make_layers,
};

static int make_volume(const char *name)
{
	struct btrfs_ioctl_vol_args args = {};

	snprintf(args.name, sizeof(args.name), "%s", name);
	return call_top(BTRFS_IOC_SUBVOL_CREATE, &args);
}

static int make_volumes(void)
{
	if (mkdir(scratch_path("plain"), 0755) < 0)
		return -errno;
	return make_volume("one") ?: make_volume("two");
}

FIXTURE_VARIANT_ADD(devices, volumes) {
	.fs = SCRATCH_BTRFS,
	.top = SCRATCH_BACKING,
	.make = make_volumes,
};

FIXTURE_SETUP(devices)
{
	int id, err = serve_from(&self->env, variant->fs, variant->make, variant->top, 0);

	if (err == -EOPNOTSUPP)
		SKIP(return, "needs root, FUSE passthrough, such a filesystem");
	ASSERT_EQ(0, err);
	self->srv = &self->env.srv;
	id = tree_register(self->srv->fd, variant->top);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, tree_attach(self->srv->fd, FUSE_ROOT_ID, id, TREE_OPS, BOTH));
	ASSERT_EQ(0, access(SCRATCH_FUSE, F_OK));
}

FIXTURE_TEARDOWN(devices)
{
	tree_end(_metadata, &self->env);
	umount(SCRATCH_OTHER);
}

/* Is it on the device of the directory that is attached? */
static bool is_on_top(const char *top, const char *name)
{
	struct stat x, y;

	return !stat(top, &x) && !stat(tree_under(top, name), &y) && x.st_dev == y.st_dev;
}

TEST_F(devices, others_are_the_servers)
{
	static const char * const others[] = { "one", "two" };

	for (int i = 0; i < 2; i++) {
		ASSERT_FALSE(is_on_top(variant->top, others[i]));
		EXPECT_EQ(0, access(tree_at(others[i]), F_OK));
		EXPECT_EQ(i + 1, fuse_server_ops(self->srv, FUSE_LOOKUP));
	}
	/* control */
	ASSERT_TRUE(is_on_top(variant->top, "plain"));
	EXPECT_EQ(0, access(tree_at("plain"), F_OK));
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_LOOKUP));
}

#define HIDDEN	"a-name-with-more-than-31-bytes-in-it"	/* which the server doesn't know */

/* One that the server says isn't there: not even that there is one is to be seen */
TEST_F(devices, hidden_by_the_server)
{
	if (variant->fs != SCRATCH_BTRFS)
		SKIP(return, "has no volumes");
	ASSERT_EQ(0, make_volume(HIDDEN));
	EXPECT_EQ(-1, mkdir(tree_at(HIDDEN), 0755));
	EXPECT_EQ(ENOSYS, errno);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_MKDIR));
	EXPECT_EQ(-1, symlink("x", tree_at(HIDDEN)));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SYMLINK));
	EXPECT_EQ(-1, rename(tree_at("plain"), tree_at(HIDDEN)));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_RENAME));
	/* control: nobody hides a directory of the same volume */
	ASSERT_EQ(0, mkdir(scratch_path(HIDDEN "2"), 0755));
	EXPECT_EQ(-1, mkdir(tree_at(HIDDEN "2"), 0755));
	EXPECT_EQ(EEXIST, errno);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_MKDIR));
}

/* Through an idmapped mount */

FIXTURE(shifted) {
	struct env env;
	struct fuse_server *srv;
};

/* Of two users of the mount's, and of one that it doesn't know */
static int make_owned(void)
{
	static const uid_t owners[] = { 5, 6, 20000 };
	char name[32];
	int err = 0;

	if (chmod(SCRATCH_BACKING, 0777) < 0)
		return -errno;
	for (int i = 0; i < 3 && !err; i++) {
		snprintf(name, sizeof(name), "of%d", owners[i]);
		err = scratch_owned(name, 100, 1, owners[i], 0600);
	}
	return err ?: shifted_mount();
}

static int register_other(void *dev)
{
	return tree_register(*(int *)dev, SCRATCH_OTHER);
}

FIXTURE_SETUP(shifted)
{
	const struct creds owner = { .uid = SHIFTED + 5, .gid = SHIFTED + 5 };
	int id, err = serve_from(&self->env, SCRATCH_TMPFS, make_owned, SCRATCH_OTHER,
				 SHIFTED + 5);

	if (err == -EOPNOTSUPP)
		SKIP(return, "needs root, FUSE passthrough");
	ASSERT_EQ(0, err);
	self->srv = &self->env.srv;
	id = creds_call(&owner, register_other, &self->srv->fd);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, tree_attach(self->srv->fd, FUSE_ROOT_ID, id, TREE_OPS, BOTH));
	ASSERT_EQ(0, access(SCRATCH_FUSE, F_OK));
	fuse_server_new_requests(self->srv);
}

FIXTURE_TEARDOWN(shifted)
{
	tree_end(_metadata, &self->env);
	umount(SCRATCH_OTHER);
}

TEST_F(shifted, shown)
{
	static const struct {
		const char *name;
		uid_t owner;
	} files[] = { { "of5", SHIFTED + 5 }, { "of6", SHIFTED + 6 }, { "of20000", 65534 } };
	struct stat st;

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, stat(tree_at(files[i].name), &st));
		EXPECT_EQ(files[i].owner, st.st_uid);
		EXPECT_EQ(files[i].owner, st.st_gid);
		EXPECT_TRUE(is_stat_same(tree_at(files[i].name),
					 tree_under(SCRATCH_OTHER, files[i].name)));
	}
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int do_open_read(const char *path)
{
	return try_open(path, O_RDONLY);
}

static int do_open_write(const char *path)
{
	return try_open(path, O_RDWR);
}

static int do_access(const char *path)
{
	return access(path, W_OK) ? -errno : 0;
}

static int do_chmod(const char *path)
{
	return chmod(path, 0640) ? -errno : 0;
}

static int do_chown(const char *path)
{
	return chown(path, SHIFTED + 7, SHIFTED + 7) ? -errno : 0;
}

static int do_truncate(const char *path)
{
	return truncate(path, 10) ? -errno : 0;
}

static int do_link(const char *path)
{
	char other[64];

	snprintf(other, sizeof(other), "%s.link", path);
	return link(path, other) ? -errno : 0;
}

static int do_rename(const char *path)
{
	char other[64];

	snprintf(other, sizeof(other), "%s.moved", path);
	return rename(path, other) ? -errno : 0;
}

static int do_unlink(const char *path)
{
	return unlink(path) ? -errno : 0;
}

struct attempt {
	int (*call)(const char *path);
	const char *path;
};

static int attempt(void *arg)
{
	const struct attempt *what = arg;

	return what->call(what->path);
}

static int attempt_as(uid_t uid, int (*call)(const char *path), const char *path)
{
	const struct creds who = { .uid = uid, .gid = uid };
	struct attempt what = { call, path };

	return creds_call(&who, attempt, &what);
}

TEST_F(shifted, rights)
{
	EXPECT_EQ(0, attempt_as(SHIFTED + 5, do_open_read, tree_at("of5")));
	EXPECT_EQ(-EACCES, attempt_as(5, do_open_read, tree_at("of5")));
	EXPECT_EQ(-EACCES, attempt_as(SHIFTED + 5, do_open_read, tree_at("of6")));
	/* who may, but for whoever registered it, who may not */
	EXPECT_EQ(0, attempt_as(SHIFTED + 6, do_open_read,
				tree_under(SCRATCH_OTHER, "of6")));
	EXPECT_EQ(-EACCES, attempt_as(SHIFTED + 6, do_open_read, tree_at("of6")));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/*
 * Whatever is refused there is refused below, and by the same word: but that an owner is
 * nobody is said otherwise of a file than of one that is nobody's.
 */
static bool is_refused_alike(int there, int below)
{
	return there < 0 && (there == below || (there == -EOVERFLOW && below == -EPERM));
}

TEST_F(shifted, refused)
{
	static const struct {
		const char *name;
		int (*call)(const char *path);
	} calls[] = {
		{ "of6", do_open_write }, { "of6", do_access }, { "of6", do_chmod },
		{ "of6", do_chown }, { "of6", do_truncate },
		{ "of20000", do_open_read }, { "of20000", do_open_write },
		{ "of20000", do_access }, { "of20000", do_chmod },
		{ "of20000", do_chown }, { "of20000", do_truncate },
		{ "of20000", do_link }, { "of20000", do_rename },
		{ "of20000", do_unlink }, { "of5", do_chown },
	};
	int there, below;

	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		there = attempt_as(SHIFTED + 5, calls[i].call,
				   tree_under(SCRATCH_OTHER, calls[i].name));
		below = attempt_as(SHIFTED + 5, calls[i].call, tree_at(calls[i].name));
		EXPECT_TRUE(is_refused_alike(there, below))
			TH_LOG("%s, call %u: %d, not %d", calls[i].name, i, below, there);
	}
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

static int do_mkdir(const char *path)
{
	return mkdir(path, 0755) ? -errno : 0;
}

/* What is made is of whoever that is, in the filesystem and as it is shown */
TEST_F(shifted, made)
{
	struct stat st;

	EXPECT_EQ(0, attempt_as(SHIFTED + 5, do_mkdir, tree_at("new")));
	EXPECT_EQ(0, attempt_as(SHIFTED + 5, do_chmod, tree_at("of5")));
	EXPECT_EQ(0, attempt_as(SHIFTED + 5, do_rename, tree_at("of5")));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	ASSERT_EQ(0, stat(scratch_path("new"), &st));
	EXPECT_EQ(5, st.st_uid);
	ASSERT_EQ(0, stat(tree_at("new"), &st));
	EXPECT_EQ(SHIFTED + 5, st.st_uid);
	ASSERT_EQ(0, stat(scratch_path("of5.moved"), &st));
	EXPECT_EQ(0640, st.st_mode & 07777);
	/* the server is asked for anybody else */
	attempt_as(SHIFTED + 6, do_mkdir, tree_at("other"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_MKDIR));
}

static int register_unshifted(void *dev)
{
	return fuse_backing_open_path(*(int *)dev, scratch_path("of5"), O_RDONLY);
}

/* A file is whose the tree's mount says, also while it is open by another */
TEST_F(shifted, opened_by_another_mount)
{
	struct fuse_server_file *file = fuse_server_add(self->srv, "of5");
	const struct creds owner = { .uid = SHIFTED + 5, .gid = SHIFTED + 5 };
	struct stat st;
	int id, fd;

	ASSERT_NE(NULL, file);
	ASSERT_EQ(0, chmod(scratch_path("of5"), 0644));
	ASSERT_EQ(0, fuse_detach_backing(self->srv->fd, FUSE_ROOT_ID, 0, 0));
	id = creds_call(&owner, register_other, &self->srv->fd);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, tree_attach(self->srv->fd, FUSE_ROOT_ID, id, TREE_OPS,
				 FUSE_BACKING_WRITE));
	file->open_flags = FOPEN_PASSTHROUGH;
	file->backing_id = creds_call(&owner, register_unshifted, &self->srv->fd);
	ASSERT_LT(0, file->backing_id);
	fd = open(tree_at("of5"), O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, file->opens);
	ASSERT_EQ(0, stat(tree_at("of5"), &st));
	EXPECT_EQ(SHIFTED + 5, st.st_uid);
	EXPECT_EQ(0, attempt_as(SHIFTED + 5, do_chmod, tree_at("of5")));
	EXPECT_EQ(-EPERM, attempt_as(5, do_chmod, tree_at("of5")));
	close(fd);
}

/* A directory that moves, and one that is a tree in another */

#define TOP	SCRATCH_BACKING "/top"
#define INNER	SCRATCH_BACKING "/inner"

FIXTURE(moving) {
	struct env env;
	struct fuse_server *srv;
	int dev;
	int id, inner;
};

static int make_two(void)
{
	if (mkdir(TOP, 0755) < 0 || mkdir(INNER, 0755) < 0)
		return -errno;
	return make_names(TOP) ?: tree_write_text(INNER "/file") ?:
	       tree_write_text(TOP "/one/empty/covered");
}

FIXTURE_SETUP(moving)
{
	int err = serve_from(&self->env, SCRATCH_TMPFS, make_two, TOP, 0);

	if (err == -EOPNOTSUPP)
		SKIP(return, "needs root, FUSE passthrough");
	ASSERT_EQ(0, err);
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
	self->id = tree_register(self->dev, TOP);
	ASSERT_LT(0, self->id);
	self->inner = tree_register(self->dev, INNER);
	ASSERT_LT(0, self->inner);
	ASSERT_EQ(0, tree_attach(self->dev, FUSE_ROOT_ID, self->id, TREE_OPS, BOTH));
	ASSERT_EQ(0, access(SCRATCH_FUSE, F_OK));
	fuse_server_new_requests(self->srv);
}

FIXTURE_TEARDOWN(moving)
{
	hold_task_stop();
	tree_end(_metadata, &self->env);
}

TEST_F(moving, root)
{
	struct dir_list list = {};

	EXPECT_EQ(0, tree_reads(tree_at("one/two/file")));
	ASSERT_EQ(0, rename(TOP, SCRATCH_BACKING "/elsewhere"));
	ASSERT_EQ(0, mkdir(TOP, 0755));
	ASSERT_EQ(0, tree_write_text(TOP "/another"));
	EXPECT_EQ(0, tree_reads(tree_at("one/two/file")));
	EXPECT_EQ(0, tree_reads(tree_at("one/again")));
	EXPECT_EQ(-ENOENT, tree_reads(tree_at("another")));
	EXPECT_EQ(0, mkdir(tree_at("new"), 0755));
	EXPECT_EQ(0, access(SCRATCH_BACKING "/elsewhere/new", F_OK));
	EXPECT_EQ(0, dir_list_path(&list, SCRATCH_FUSE));
	EXPECT_NE(NULL, dir_list_find(&list, "new"));
	dir_list_free(&list);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

static int remove_names(void)
{
	static const char * const names[] = {
		"one/two/file", "one/two/other", "one/again", "one/link",
		"one/empty/covered", "one/two", "one/empty", "one", "",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (remove(tree_under(TOP, names[i])) < 0)
			return -errno;
	return 0;
}

TEST_F(moving, root_removed)
{
	struct dir_list list = {};

	EXPECT_EQ(0, tree_reads(tree_at("one/two/file")));
	ASSERT_EQ(0, remove_names());
	ASSERT_EQ(0, mkdir(TOP, 0755));
	ASSERT_EQ(0, mkdir(TOP "/one", 0755));
	EXPECT_EQ(-1, access(tree_at("one"), F_OK));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(-1, mkdir(tree_at("one"), 0755));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(-1, open(tree_at("new"), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(-ENOENT, dir_list_path(&list, SCRATCH_FUSE));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	/* control: the server knows the other one */
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	EXPECT_EQ(0, access(tree_at("one"), F_OK));
	EXPECT_EQ(0, fuse_backing_close_all(self->dev));
}

/* Who is in there stays */
TEST_F(moving, out_of_it)
{
	int dir = open(tree_at("one/two"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ASSERT_LE(0, dir);
	EXPECT_EQ(0, tree_reads(tree_at("one/two/file")));
	ASSERT_EQ(0, rename(TOP "/one/two", SCRATCH_BACKING "/outside"));
	EXPECT_EQ(-ENOENT, tree_reads(tree_at("one/two/file")));
	EXPECT_EQ(0, faccessat(dir, "file", F_OK, 0));
	ASSERT_EQ(0, rename(SCRATCH_BACKING "/outside", TOP "/one/back"));
	EXPECT_EQ(0, tree_reads(tree_at("one/back/file")));
	close(dir);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* The server goes by paths, and sees what is mounted */
TEST_F(moving, bind_mounts)
{
	ASSERT_EQ(0, truncate(TOP "/one/two/other", 2));
	ASSERT_EQ(0, mount(INNER, TOP "/one/empty", NULL, MS_BIND, NULL));
	ASSERT_EQ(0, mount(TOP "/one/two/other", TOP "/one/two/file", NULL, MS_BIND, NULL));
	EXPECT_EQ(-1, access(tree_at("one/empty/covered"), F_OK));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(0, access(tree_at("one/empty/file"), F_OK));
	EXPECT_LT(0, fuse_server_new_requests(self->srv));
	EXPECT_TRUE(is_stat_same(tree_at("one/two/file"), TOP "/one/two/other"));
	EXPECT_LT(0, fuse_server_new_requests(self->srv));
	/* nothing there is changed without the server */
	rmdir(tree_at("one/empty"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_RMDIR));
	unlink(tree_at("one/two/file"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_UNLINK));
	ASSERT_EQ(0, umount(TOP "/one/empty"));
	ASSERT_EQ(0, umount(TOP "/one/two/file"));
	/* control; what the server said of the names is good for a while */
	EXPECT_EQ(0, access(TOP "/one/empty/covered", F_OK));
	EXPECT_EQ(0, tree_reads(TOP "/one/two/file"));
}

/* A part of the mount is another's root, and something is mounted on one */
TEST_F(moving, mounted_elsewhere)
{
	ASSERT_EQ(0, mount(tree_at("one/two"), SCRATCH_OTHER, NULL, MS_BIND, NULL));
	EXPECT_EQ(0, tree_reads(SCRATCH_OTHER "/file"));
	EXPECT_EQ(0, mkdir(SCRATCH_OTHER "/new", 0755));
	EXPECT_EQ(0, access(TOP "/one/two/new", F_OK));
	ASSERT_EQ(0, umount(SCRATCH_OTHER));

	ASSERT_EQ(0, mount("x", tree_at("one/empty"), "tmpfs", 0, ""));
	EXPECT_EQ(0, tree_write_text(tree_at("one/empty/mounted")));
	EXPECT_EQ(-1, access(TOP "/one/empty/mounted", F_OK));
	EXPECT_EQ(-1, rmdir(tree_at("one/empty")));
	EXPECT_EQ(EBUSY, errno);
	/* it goes with the name, as on any filesystem that others change */
	ASSERT_EQ(0, rename(TOP "/one/empty", TOP "/one/full"));
	EXPECT_EQ(-1, access(tree_at("one/empty/mounted"), F_OK));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(-1, umount(tree_at("one/empty")));
	EXPECT_EQ(0, access(tree_at("one/full/covered"), F_OK));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* One of its names goes, or another file takes it, whichever of them is known */
TEST_F(moving, hard_links)
{
	struct stat a, b;

	ASSERT_EQ(0, link(TOP "/one/two/other", INNER "/third"));
	ASSERT_EQ(0, stat(tree_at("one/again"), &a));
	EXPECT_EQ(3, a.st_nlink);
	ASSERT_EQ(0, rename(TOP "/one/two/file", TOP "/one/again"));
	ASSERT_EQ(0, stat(tree_at("one/again"), &a));
	ASSERT_EQ(0, stat(tree_at("one/two/other"), &b));
	EXPECT_NE(a.st_ino, b.st_ino);
	EXPECT_EQ(1, a.st_nlink);
	EXPECT_EQ(2, b.st_nlink);
	/* back in by another way, and through the mount */
	ASSERT_EQ(0, link(tree_at("one/two/other"), tree_at("one/more")));
	ASSERT_EQ(0, rename(INNER "/third", TOP "/one/third"));
	ASSERT_EQ(0, unlink(tree_at("one/two/other")));
	EXPECT_TRUE(is_stat_same(tree_at("one/third"), TOP "/one/third"));
	EXPECT_TRUE(is_stat_same(tree_at("one/more"), TOP "/one/third"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* Have the server know the node of a directory below: its number */
static __u64 introduced(FIXTURE_DATA(moving) * self, const char *name)
{
	setxattr(tree_at(name), "trusted.x", "x", 1, 0);
	return fuse_server_node(self->srv, server_shared_find(self->srv->sh, name));
}

/* What is listed would not be what is found */
TEST_F(moving, tree_below)
{
	__u64 node = introduced(self, "one");

	EXPECT_EQ(-EEXIST, tree_attach(self->dev, node, self->inner, TREE_OPS, BOTH));
	EXPECT_EQ(-EEXIST, fuse_backing_attach_dir(self->dev, node, self->inner, 0,
						   FUSE_BACKING_OPS_LIST));
	EXPECT_TRUE(is_listed_same(tree_at("one"), TOP "/one"));
	EXPECT_EQ(0, tree_reads(tree_at("one/two/file")));
}

/* Files are opened on what the tree has, so that what is attached would never be */
TEST_F(moving, file_below)
{
	static const struct rule rules[] = { RULE_SERVER("served") };
	__u64 node;
	int id;

	ASSERT_EQ(0, rules_set(self->dev, FUSE_ROOT_ID, rules, 1, FUSE_BACKING_PASS));
	ASSERT_EQ(0, tree_write_text(TOP "/file"));
	ASSERT_EQ(0, tree_write_text(TOP "/served"));
	id = fuse_backing_open_path(self->dev, TOP "/file", O_RDWR);
	ASSERT_LT(0, id);
	node = introduced(self, "file");
	EXPECT_EQ(-EEXIST, fuse_attach_backing(self->dev, node, 0, id, BOTH));
	EXPECT_EQ(0, tree_reads(tree_at("file")));
	/* control: the server's */
	EXPECT_EQ(0, access(tree_at("served"), F_OK));
	node = fuse_server_node(self->srv, server_shared_find(self->srv->sh, "served"));
	EXPECT_EQ(0, fuse_attach_backing(self->dev, node, 0, id, BOTH));
	fuse_backing_close(self->dev, id);
}

/* Nor does it wait for one, if it was attached before the kernel asked for the name */
TEST_F(moving, waiting_below)
{
	static const char *const below[] = { "file", "one" };
	const __u64 last = FUSE_ROOT_ID + FUSE_SERVER_FILES;
	__u64 node;
	int ids[2];

	ASSERT_EQ(0, tree_write_text(TOP "/file"));
	ids[0] = fuse_backing_open_path(self->dev, TOP "/file", O_RDWR);
	ids[1] = self->inner;
	for (int i = 0; i < 2; i++) {
		/* whichever the server gives it */
		for (node = FUSE_ROOT_ID + 1; node <= last; node++) {
			if (i)
				tree_attach(self->dev, node, ids[i], TREE_OPS, BOTH | PENDING);
			else
				fuse_attach_backing(self->dev, node, 0, ids[i], BOTH | PENDING);
		}
		node = introduced(self, below[i]);
		ASSERT_LT(FUSE_ROOT_ID, node);
		EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, node, 0, 0));
		/* control: for what nobody has named */
		EXPECT_EQ(0, fuse_detach_backing(self->dev, last, 0, 0));
		for (node = FUSE_ROOT_ID + 1; node < last; node++)
			fuse_detach_backing(self->dev, node, 0, 0);
	}
	EXPECT_EQ(0, tree_reads(tree_at("file")));
	EXPECT_TRUE(is_listed_same(tree_at("one"), TOP "/one"));
	fuse_backing_close(self->dev, ids[0]);
}

/* Where the name is the server's there may be one: it is another, and outlives the outer */
TEST_F(moving, tree_in_tree)
{
	static const struct rule rules[] = { RULE_SERVER("one") };
	__u32 lookups;
	__u64 node;
	int dir;

	ASSERT_EQ(0, rules_set(self->dev, FUSE_ROOT_ID, rules, 1, FUSE_BACKING_PASS));
	/* what nobody uses is forgotten when the outer one is detached */
	dir = open(tree_at("one"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, dir);
	node = fuse_server_node(self->srv, server_shared_find(self->srv->sh, "one"));
	ASSERT_EQ(0, tree_attach(self->dev, node, self->inner, TREE_OPS, BOTH));
	fuse_server_new_requests(self->srv);
	EXPECT_EQ(0, tree_reads(tree_at("one/file")));
	EXPECT_EQ(-ENOENT, tree_reads(tree_at("one/two/file")));
	EXPECT_TRUE(is_listed_same(tree_at("one"), INNER));
	EXPECT_EQ(0, mkdir(tree_at("one/made"), 0755));
	EXPECT_EQ(0, access(INNER "/made", F_OK));
	EXPECT_EQ(0, mkdir(tree_at("outer"), 0755));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	/* from the one into the other it is the server's */
	rename(tree_at("one/file"), tree_at("outer/file"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_RENAME));
	EXPECT_EQ(0, tree_reads(tree_at("one/file")));

	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	lookups = fuse_server_ops(self->srv, FUSE_LOOKUP);
	EXPECT_EQ(0, tree_reads(tree_at("one/file")));
	EXPECT_EQ(0, mkdir(tree_at("one/also"), 0755));
	/* for its own name */
	EXPECT_GE(lookups + 1, fuse_server_ops(self->srv, FUSE_LOOKUP));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_MKDIR));
	fuse_server_new_requests(self->srv);
	EXPECT_EQ(0, access(tree_at("outer"), F_OK));
	EXPECT_LT(0, fuse_server_new_requests(self->srv));

	ASSERT_EQ(0, fuse_detach_backing(self->dev, node, 0, 0));
	EXPECT_EQ(-ENOENT, tree_reads(tree_at("one/file")));
	EXPECT_EQ(0, access(tree_at("one/two/file"), F_OK));
	EXPECT_LT(0, fuse_server_new_requests(self->srv));
	close(dir);
}

static int move_in(void *from)
{
	return rename(from, tree_at("one/moved")) ? -errno : 0;
}

/* What was moved into another tree is passed through for what that one is for */
TEST_F(moving, from_tree_to_tree)
{
	static const struct rule rules[] = { RULE_SERVER("one") };
	__u32 lookups;
	pid_t client;
	__u64 node;
	int fd;

	ASSERT_EQ(0, tree_write_text(TOP "/file"));
	introduced(self, "file");
	ASSERT_EQ(0, rules_set(self->dev, FUSE_ROOT_ID, rules, 1, FUSE_BACKING_PASS));
	ASSERT_EQ(0, access(tree_at("one"), F_OK));
	node = fuse_server_node(self->srv, server_shared_find(self->srv->sh, "one"));
	ASSERT_EQ(0, tree_attach(self->dev, node, self->inner, TREE_OPS, FUSE_BACKING_READ));
	fd = open(tree_at("file"), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	close(fd);
	self->srv->sh->has_renamed = true;
	client = hold_task_run("vfs_rename", 1, NULL, move_in, tree_at("file"));
	if (client < 0)
		SKIP(return, "needs the module that holds tasks");
	ASSERT_TRUE(hold_task_is_held(0));
	ASSERT_EQ(0, rename(TOP "/file", INNER "/moved"));
	EXPECT_EQ(0, hold_task_go(0));
	ASSERT_EQ(client, waitpid(client, NULL, 0));
	ASSERT_EQ(1, fuse_server_ops(self->srv, FUSE_RENAME));

	lookups = fuse_server_ops(self->srv, FUSE_LOOKUP);
	EXPECT_EQ(0, tree_reads(tree_at("one/moved")));
	EXPECT_EQ(lookups, fuse_server_ops(self->srv, FUSE_LOOKUP));
	fd = open(tree_at("one/moved"), O_RDWR | O_CLOEXEC);
	EXPECT_LT(lookups, fuse_server_ops(self->srv, FUSE_LOOKUP));
	close(fd);
}

#define ON_TOP	SCRATCH_OTHER "/merged"

static int mount_on_top(void)
{
	static const char * const dirs[] = { "/upper", "/work", "/merged" };
	char path[64];

	if (mount("on_top", SCRATCH_OTHER, "tmpfs", 0, "") < 0)
		return -errno;
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), SCRATCH_OTHER "%s", dirs[i]);
		if (mkdir(path, 0755) < 0)
			return -errno;
	}
	return mount("overlay", ON_TOP, "overlay", 0, "lowerdir=" SCRATCH_FUSE ",upperdir="
		     SCRATCH_OTHER "/upper,workdir=" SCRATCH_OTHER "/work,index=on") < 0 ?
	       -errno : 0;
}

/* An overlayfs on top copies files up that the server never named */
FIXTURE(on_top) {
	struct env env;
	struct fuse_server *srv;
};

FIXTURE_SETUP(on_top)
{
	tree_start(_metadata, &self->env, SCRATCH_TMPFS, make_plain, TREE_OPS, BOTH);
	self->srv = &self->env.srv;
}

FIXTURE_TEARDOWN(on_top)
{
	umount(ON_TOP);
	umount(SCRATCH_OTHER);
	tree_end(_metadata, &self->env);
}

TEST_F(on_top, overlay)
{
	if (access("/sys/module/overlay", F_OK))
		SKIP(return, "the kernel has no overlayfs");
	ASSERT_EQ(0, mount_on_top());
	EXPECT_EQ(0, tree_reads(ON_TOP "/one/two/file"));
	EXPECT_EQ(0, chmod(ON_TOP "/one/two/file", 0600));
	EXPECT_EQ(0, tree_write_text(ON_TOP "/one/two/new"));
	EXPECT_EQ(0, mkdir(ON_TOP "/one/empty/dir", 0755));
	EXPECT_EQ(0, tree_reads(ON_TOP "/one/again"));
	EXPECT_EQ(0, access(SCRATCH_OTHER "/upper/one/two/file", F_OK));
	/* and what is below is as it was */
	EXPECT_EQ(0, tree_reads(tree_at("one/two/file")));
	EXPECT_EQ(-1, access(tree_at("one/two/new"), F_OK));
}

/* There each lookup finds another inode */
FIXTURE(p9) {
	struct env env;
	char dir[PATH_MAX];
};

FIXTURE_SETUP(p9)
{
	int err;

	if (!scratch_find_mount("9p", true, self->dir))
		SKIP(return, "needs a 9p mount that can be written to");
	err = serve_from(&self->env, SCRATCH_TMPFS, NULL, self->dir, 0);
	if (err == -EOPNOTSUPP)
		SKIP(return, "needs root, FUSE passthrough");
	ASSERT_EQ(0, err);
}

FIXTURE_TEARDOWN(p9)
{
	tree_end(_metadata, &self->env);
}

TEST_F(p9, has_no_tree)
{
	const int dev = self->env.srv.fd;
	int id = tree_register(dev, self->dir);

	ASSERT_LT(0, id);
	EXPECT_EQ(-EOPNOTSUPP, tree_attach(dev, FUSE_ROOT_ID, id, TREE_OPS, BOTH));
	/* control */
	EXPECT_EQ(0, tree_attach(dev, FUSE_ROOT_ID, id, FUSE_BACKING_OPS_LIST, 0));
}

static int drop_one(void *srv)
{
	return fuse_server_drop_name(srv, "one");
}

/* What the server moved out of a directory goes with its tree, also while that is evicted */
TEST_F(moving, left_of_what_is_evicted)
{
	pid_t thread = thread_find(self->srv->dev), dropper;
	__u64 node;

	/* who detaches that would wait for the eviction */
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	ASSERT_EQ(0, access(tree_at("one"), F_OK));
	node = fuse_server_node(self->srv, server_shared_find(self->srv->sh, "one"));
	ASSERT_EQ(0, tree_attach(self->dev, node, self->inner, TREE_OPS, BOTH));
	EXPECT_EQ(0, tree_reads(tree_at("one/file")));
	self->srv->sh->has_renamed = true;
	ASSERT_EQ(0, rename(tree_at("one/file"), tree_at("moved")));
	dropper = hold_task_run("fuse_inode_backing_evict", 1, NULL, drop_one, self->srv);
	if (dropper < 0)
		SKIP(return, "needs the module that holds tasks");
	ASSERT_TRUE(hold_task_is_held(0));
	EXPECT_EQ(0, fuse_backing_close_all(self->dev));
	EXPECT_EQ(0, hold_task_go(0));
	ASSERT_EQ(dropper, waitpid(dropper, NULL, 0));
	EXPECT_TRUE(wait_until(!table_count(thread)));
}

/* The inner one first */
TEST_F(moving, tree_in_tree_detached)
{
	static const struct rule rules[] = { RULE_SERVER("one") };
	__u32 lookups;
	struct stat st;
	__u64 node;

	ASSERT_EQ(0, rules_set(self->dev, FUSE_ROOT_ID, rules, 1, FUSE_BACKING_PASS));
	ASSERT_EQ(0, stat(tree_at("one"), &st));
	node = fuse_server_node(self->srv, server_shared_find(self->srv->sh, "one"));
	ASSERT_EQ(0, tree_attach(self->dev, node, self->inner, TREE_OPS, BOTH));
	EXPECT_EQ(0, tree_reads(tree_at("one/file")));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, node, 0, 0));
	EXPECT_EQ(-ENOENT, tree_reads(tree_at("one/file")));
	fuse_server_new_requests(self->srv);
	EXPECT_EQ(0, mkdir(tree_at("outer"), 0755));
	EXPECT_EQ(0, access(tree_at("outer"), F_OK));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	/* and that one's, once the rule is gone */
	ASSERT_EQ(0, rules_set(self->dev, FUSE_ROOT_ID, rules, 0, FUSE_BACKING_PASS));
	ASSERT_EQ(0, fuse_server_drop_name(self->srv, "one"));
	lookups = fuse_server_ops(self->srv, FUSE_LOOKUP);
	EXPECT_EQ(0, tree_reads(tree_at("one/two/file")));
	EXPECT_EQ(lookups, fuse_server_ops(self->srv, FUSE_LOOKUP));
}

/* A directory that was below the outer one, and somebody has open, may have one then */
TEST_F(moving, tree_after_tree)
{
	int dir = open(tree_at("one"), O_RDONLY | O_DIRECTORY | O_CLOEXEC), again;
	static const struct rule rules[] = { RULE_HIDE("made") };
	__u64 node = introduced(self, "one");
	struct dir_list list = {};

	ASSERT_LE(0, dir);
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	ASSERT_EQ(0, tree_attach(self->dev, node, self->inner, TREE_OPS, BOTH));
	fuse_server_new_requests(self->srv);
	EXPECT_EQ(0, faccessat(dir, "file", F_OK, 0));
	EXPECT_EQ(-1, faccessat(dir, "two", F_OK, 0));
	EXPECT_EQ(0, mkdirat(dir, "made", 0755));
	EXPECT_EQ(0, access(INNER "/made", F_OK));
	again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	EXPECT_EQ(0, dir_list_read(&list, again, 4096));
	EXPECT_NE(NULL, dir_list_find(&list, "file"));
	EXPECT_EQ(NULL, dir_list_find(&list, "two"));
	EXPECT_EQ(0, rules_set(self->dev, node, rules, 1, FUSE_BACKING_PASS));
	EXPECT_EQ(-1, faccessat(dir, "made", F_OK, 0));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	EXPECT_EQ(0, tree_reads(tree_at("one/file")));
	dir_list_free(&list);
	close(again);
	close(dir);
}

/* The same one again: who has something of the first open keeps nobody from the second */
TEST_F(moving, tree_anew)
{
	int dir = open(tree_at("one/two"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ASSERT_LE(0, dir);
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	ASSERT_EQ(0, tree_attach(self->dev, FUSE_ROOT_ID, self->id, TREE_OPS, BOTH));
	fuse_server_new_requests(self->srv);
	EXPECT_EQ(0, tree_reads(tree_at("one/two/file")));
	EXPECT_EQ(0, mkdir(tree_at("one/two/new"), 0755));
	EXPECT_TRUE(is_stat_same(tree_at("one/two"), TOP "/one/two"));
	EXPECT_TRUE(is_listed_same(tree_at("one/two"), TOP "/one/two"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	close(dir);
}

TEST_HARNESS_MAIN
