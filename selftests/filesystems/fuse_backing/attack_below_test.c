// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks on what the kernel finds by itself below a tree.
 *
 * Proves: what the VFS decides by owner and mode it decides by those of the backing file,
 * also where a client used the name before they changed; a file is found by any of its
 * names, whichever are gone, and is the server's if none is left; a listing, and an ACL,
 * are those of now; a listing leaves no trace in a directory's access time only where
 * whoever registered the tree owns that directory; what a helper opened is no way to more,
 * where the server says that a file below was opened on it, nor lets the mode of that
 * anybody in; what the kernel found below isn't believed when the tree is detached, however
 * long what the server had said before was good; no names are passed through where an
 * idmapped mount would have other owners; what nobody has open keeps no filesystem busy
 * when the server is gone, or all ids are closed, wherever it has its names, nor does what
 * somebody had open then, once it is closed; directories below are removed and moved in the
 * order of locks that they have in any filesystem.
 *
 * Privilege: root, for whose server clients of lesser users are let through or not.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "creds.h"
#include "dir_lister.h"
#include "event_trace.h"
#include "tree_env.h"
#include "wait_until.h"

#define BOTH	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define BELOW	(FUSE_BACKING_OPS_LOOKUP | FUSE_BACKING_OPS_ATTR |	\
		 FUSE_BACKING_OPS_LIST | FUSE_BACKING_OPS_XATTR |	\
		 FUSE_BACKING_OPS_OPEN)
#define ACL	"system.posix_acl_access"

static const struct creds user = { .uid = 1000, .gid = 1000 };
static const struct creds other = { .uid = 2000, .gid = 2000 };

FIXTURE(below) {
	struct env env;
	struct fuse_server *srv;
	struct dir_list list;
	int id;
};

FIXTURE_VARIANT(below) {
	__u64 init_flags;
	uid_t server;
};

FIXTURE_VARIANT_ADD(below, root) {
	.server = 0,
};

FIXTURE_VARIANT_ADD(below, root_acl) {
	.init_flags = FUSE_POSIX_ACL,
};

FIXTURE_VARIANT_ADD(below, user) {
	.server = 1000,
};

static int make_file(const char *name, uid_t uid, mode_t mode)
{
	const char *path = scratch_path(name);
	int err = tree_write_text(path);

	if (!err && (chown(path, uid, uid) < 0 || chmod(path, mode) < 0))
		err = -errno;
	return err;
}

static int make_dir(const char *name, uid_t uid, mode_t mode)
{
	const char *path = scratch_path(name);

	return mkdir(path, 0700) < 0 || chown(path, uid, uid) < 0 ||
	       chmod(path, mode) < 0 ? -errno : 0;
}

/*
 * dir/file is open to all, dir/mine and dir/sub are the user's, dir/theirs another's; what
 * is closed is root's
 */
static int make_names(void)
{
	return make_dir("dir", 0, 0777) ?: make_file("dir/file", user.uid, 0666) ?:
	       make_file("dir/mine", user.uid, 0644) ?:
	       make_file("dir/theirs", other.uid, 0644) ?:
	       make_file("dir/roots", 0, 0644) ?:
	       make_dir("dir/sub", user.uid, 0777) ?: make_dir("closed", 0, 0700) ?:
	       make_file("closed/file", 0, 0666);
}

static int attach(FIXTURE_DATA(below) * self, __u64 ops, __u32 modes)
{
	return tree_attach(self->srv->fd, FUSE_ROOT_ID, self->id, ops, modes);
}

/* A server, which hasn't attached anything: 0 or -errno */
static int serve(FIXTURE_DATA(below) * self, uid_t uid, __u64 init_flags)
{
	const struct creds who = { .uid = uid, .gid = uid };
	const struct fuse_server_opts opts = {
		.mount_opts = "default_permissions",
		.init_flags = init_flags,
		.uid = uid,
	};
	int err = tree_serve(&self->env, self->srv, &opts);

	if (err)
		return err;
	self->id = uid ? tree_register_as(&who, self->srv->fd) :
			 tree_register(self->srv->fd, SCRATCH_BACKING);
	return self->id < 0 ? self->id : 0;
}

FIXTURE_SETUP(below)
{
	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, scratch_setup(&self->env.scratch, SCRATCH_TMPFS));
	ASSERT_EQ(0, chmod(SCRATCH_BACKING, 0755));
	ASSERT_EQ(0, make_names());
	self->srv = &self->env.srv;
	ASSERT_EQ(0, serve(self, variant->server, variant->init_flags));
	if (!self->srv->sh->passthrough)
		SKIP(return, "needs FUSE passthrough");
	ASSERT_EQ(0, attach(self, BELOW, BOTH));
}

FIXTURE_TEARDOWN(below)
{
	dir_list_free(&self->list);
	tree_end(_metadata, &self->env);
}

/* What a client does: a path, or a name in an open directory, or an open file */
struct call {
	int fd;
	const char *path;
};

static int do_unlink(void *arg)
{
	const struct call *c = arg;

	return unlinkat(c->fd, c->path, 0) < 0 ? -errno : 0;
}

static int do_chmod(void *arg)
{
	const struct call *c = arg;
	int ret = c->path ? chmod(c->path, 0777) : fchmod(c->fd, 0777);

	return ret < 0 ? -errno : 0;
}

/* A directory that got its sticky bit after it was used: for whoever owns a file in it */
TEST_F(below, sticky_since)
{
	int dir = open(tree_at("dir"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct call by_path = { AT_FDCWD, tree_at("dir/theirs") };
	struct call by_name = { dir, "theirs" };
	struct stat st;

	ASSERT_LE(0, dir);
	ASSERT_EQ(0, stat(by_path.path, &st));
	/* control: the server is asked, which has no UNLINK */
	EXPECT_EQ(-ENOSYS, creds_call(&user, do_unlink, &by_path));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_UNLINK));

	ASSERT_EQ(0, chmod(scratch_path("dir"), 01777));
	EXPECT_EQ(-EPERM, creds_call(&user, do_unlink, &by_name));
	EXPECT_EQ(-EPERM, creds_call(&user, do_unlink, &by_path));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_UNLINK));
	EXPECT_EQ(-ENOSYS, creds_call(&other, do_unlink, &by_path));
	close(dir);
}

/* The same where the file changed hands */
TEST_F(below, sticky_and_given_away)
{
	struct call mine = { AT_FDCWD, tree_at("dir/mine") };
	struct stat st;

	ASSERT_EQ(0, chmod(scratch_path("dir"), 01777));
	ASSERT_EQ(0, stat(mine.path, &st));
	EXPECT_EQ(-ENOSYS, creds_call(&user, do_unlink, &mine));
	ASSERT_EQ(0, chown(scratch_path("dir/mine"), other.uid, other.gid));
	EXPECT_EQ(-EPERM, creds_call(&user, do_unlink, &mine));
}

/* Who owned a file may change its mode no more */
TEST_F(below, given_away)
{
	int fd = open(tree_at("dir/mine"), O_RDONLY | O_CLOEXEC);
	struct call by_fd = { fd, NULL };
	struct call by_path = { -1, tree_at("dir/mine") };
	struct stat st;
	__u32 before;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, stat(by_path.path, &st));
	EXPECT_EQ(0, creds_call(&user, do_chmod, &by_path));
	EXPECT_EQ(0, creds_call(&user, do_chmod, &by_fd));
	before = fuse_server_ops(self->srv, FUSE_SETATTR);
	EXPECT_LT(0, before);

	ASSERT_EQ(0, chmod(scratch_path("dir/mine"), 0644));
	ASSERT_EQ(0, chown(scratch_path("dir/mine"), 0, 0));
	EXPECT_EQ(-EPERM, creds_call(&user, do_chmod, &by_fd));
	EXPECT_EQ(-EPERM, creds_call(&user, do_chmod, &by_path));
	EXPECT_EQ(before, fuse_server_ops(self->srv, FUSE_SETATTR));
	ASSERT_EQ(0, stat(scratch_path("dir/mine"), &st));
	EXPECT_EQ(0644, st.st_mode & 07777);
	close(fd);
}

/* One of two names goes, the one that was used first or the other */
TEST_F(below, names_that_go)
{
	static const char * const names[][2] = {
		{ "dir/gone", "dir/left" }, { "dir/kept", "dir/lost" },
	};
	struct stat st;

	for (int i = 0; i < 2; i++) {
		const char *gone = names[i][i], *left = names[i][!i];

		ASSERT_EQ(0, make_file(names[i][0], user.uid, 0666));
		ASSERT_EQ(0, link(scratch_path(names[i][0]),
				  scratch_path(names[i][1])));
		ASSERT_EQ(0, stat(tree_at(names[i][0]), &st));
		ASSERT_EQ(0, stat(tree_at(names[i][1]), &st));
		ASSERT_EQ(0, unlink(scratch_path(gone)));

		EXPECT_EQ(0, tree_reads(tree_at(left)))
			TH_LOG("%s is gone", gone);
		EXPECT_EQ(0, access(tree_at(left), W_OK));
		EXPECT_EQ(-1, getxattr(tree_at(left), "user.none", NULL, 0));
		EXPECT_NE(ESTALE, errno);
		EXPECT_EQ(0, chmod(tree_at(left), 0666));
		EXPECT_EQ(-ENOENT, tree_reads(tree_at(gone)));
	}
}

/* What the server opened is the server's to tell of once nobody has it by name */
TEST_F(below, opened_by_the_server)
{
	struct stat st;
	__u32 before;
	int fd;

	ASSERT_EQ(0, fuse_detach_backing(self->srv->fd, FUSE_ROOT_ID, 0, 0));
	ASSERT_EQ(0, attach(self, BELOW, FUSE_BACKING_READ));
	fd = open(tree_at("dir/file"), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, fuse_server_ops(self->srv, FUSE_OPEN));
	before = fuse_server_ops(self->srv, FUSE_GETATTR);
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(before, fuse_server_ops(self->srv, FUSE_GETATTR));
	ASSERT_EQ(0, rename(scratch_path("dir/file"), scratch_path("moved")));
	/* our server goes by names: there has to be one */
	ASSERT_EQ(0, make_file("dir/file", user.uid, 0666));
	EXPECT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(before + 1, fuse_server_ops(self->srv, FUSE_GETATTR));
	close(fd);
}

/* Type and number of what is there, not of what was when somebody looked */
TEST_F(below, listed_since)
{
	const struct dir_entry *entry;
	struct stat st;

	ASSERT_EQ(0, stat(tree_at("dir/file"), &st));
	ASSERT_EQ(0, unlink(scratch_path("dir/file")));
	ASSERT_EQ(0, make_dir("dir/file", 0, 0755));
	ASSERT_EQ(0, stat(scratch_path("dir/file"), &st));
	ASSERT_EQ(0, dir_list_path(&self->list, tree_at("dir")));
	entry = dir_list_find(&self->list, "file");
	ASSERT_NE(NULL, entry);
	EXPECT_EQ(DT_DIR, entry->type);
	EXPECT_EQ(st.st_ino, entry->ino);
}

/* Does listing a directory without a trace leave none? */
static int lists_unseen(const char *name)
{
	int fd = open(tree_at(name), O_RDONLY | O_DIRECTORY | O_NOATIME | O_CLOEXEC);
	int err = fd < 0 ? -errno : scratch_make_old(name);
	DIR *dir;

	if (err)
		return err;
	dir = fdopendir(fd);
	if (!dir || !readdir(dir) || closedir(dir) < 0)
		return -errno;
	return scratch_is_old(name);
}

static int register_unseen(void *dev)
{
	return fuse_backing_open_with(*(int *)dev, SCRATCH_BACKING,
				      O_RDONLY | O_DIRECTORY | O_NOATIME,
				      FUSE_BACKING_MAP_DIR);
}

/*
 * By whoever registered the tree, if the directory is theirs: whose the root is says nothing,
 * nor how that was opened
 */
TEST_F(below, listed_unseen)
{
	const uid_t owners[] = { 0, user.uid };
	int dev = self->srv->fd;

	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, chown(SCRATCH_BACKING, owners[i], owners[i]));
		EXPECT_EQ(1, lists_unseen("dir/sub"));
		EXPECT_EQ(!variant->server, lists_unseen("dir"));
	}
	ASSERT_EQ(0, fuse_detach_backing(dev, FUSE_ROOT_ID, 0, 0));
	self->id = variant->server ? creds_call(&user, register_unseen, &dev) :
				     register_unseen(&dev);
	ASSERT_LT(0, self->id);
	ASSERT_EQ(0, attach(self, BELOW, BOTH));
	EXPECT_EQ(!variant->server, lists_unseen("dir"));
	EXPECT_EQ(1, lists_unseen("dir/sub"));
}

/* user::rw-, user:2000:PERM, group::r--, mask::rwx, other::--- */
static int set_acl(const char *path, __u16 perm)
{
	const struct {
		__u32 version;
		struct {
			__u16 tag;
			__u16 perm;
			__u32 id;
		} entry[5];
	} acl = {
		.version = 2,
		.entry = {
			{ 0x01, 6, ~0U }, { 0x02, perm, other.uid },
			{ 0x04, 4, ~0U }, { 0x10, 7, ~0U }, { 0x20, 0, ~0U },
		},
	};

	return setxattr(path, ACL, &acl, sizeof(acl), 0) < 0 ? -errno : 0;
}

static int try_read(void *path)
{
	return tree_reads(path);
}

TEST_F(below, acl_since)
{
	char now[128], seen[128];
	ssize_t len;

	if (variant->server)
		SKIP(return, "the server may not read what it lets others read");
	ASSERT_EQ(0, set_acl(scratch_path("dir/roots"), 4));
	EXPECT_EQ(0, creds_call(&other, try_read, (void *)tree_at("dir/roots")));
	EXPECT_EQ(-EACCES, creds_call(&user, try_read, (void *)tree_at("dir/roots")));
	len = getxattr(tree_at("dir/roots"), ACL, seen, sizeof(seen));
	if (len < 0)
		EXPECT_EQ(ENODATA, errno);

	ASSERT_EQ(0, set_acl(scratch_path("dir/roots"), 1));
	EXPECT_EQ(-EACCES, creds_call(&other, try_read, (void *)tree_at("dir/roots")));
	if (!variant->init_flags)
		return;
	ASSERT_LT(0, len);
	ASSERT_EQ(len, getxattr(scratch_path("dir/roots"), ACL, now, sizeof(now)));
	ASSERT_EQ(len, getxattr(tree_at("dir/roots"), ACL, seen, sizeof(seen)));
	EXPECT_EQ(0, memcmp(now, seen, len));
}

/*
 * A helper registers a file for reading, which nobody else could open by its path. The
 * server says that a file below its tree is open on that, and the kernel opens it again.
 */
TEST_F(below, by_what_a_helper_opened)
{
	struct fuse_server_file *file = fuse_server_add(self->srv, "dir/file");
	int id, first, second;

	ASSERT_NE(NULL, file);
	if (!variant->server)
		SKIP(return, "root's helper is root");
	ASSERT_EQ(0, fuse_detach_backing(self->srv->fd, FUSE_ROOT_ID, 0, 0));
	ASSERT_EQ(0, attach(self, BELOW, FUSE_BACKING_WRITE));
	/* control: the file itself is opened for writing, without asking */
	second = open(tree_at("dir/file"), O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, second);
	EXPECT_EQ(1, pwrite(second, "s", 1, 0));
	close(second);
	ASSERT_EQ(0, file->opens);

	id = fuse_backing_open_path(self->srv->fd, scratch_path("closed/file"),
				    O_RDONLY);
	ASSERT_LT(0, id);
	file->open_flags = FOPEN_PASSTHROUGH;
	file->backing_id = id;
	first = open(tree_at("dir/file"), O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, first);
	ASSERT_EQ(1, file->opens);

	second = open(tree_at("dir/file"), O_WRONLY | O_CLOEXEC);
	EXPECT_EQ(-1, second);
	EXPECT_EQ(EACCES, errno);
	if (second >= 0)
		EXPECT_EQ(-1, pwrite(second, "x", 1, 0));
	EXPECT_EQ(0, scratch_compare("closed/file", TREE_TEXT, strlen(TREE_TEXT), 0));
	close(second);
	close(first);
}

static int may_read(void *path)
{
	return faccessat(*(int *)path, "", R_OK, AT_EMPTY_PATH | AT_EACCESS) ? -errno : 0;
}

/* What the server has opened instead says nothing of who may read the file itself */
TEST_F(below, other_file_opened_by_the_server)
{
	struct fuse_server_file *file = fuse_server_add(self->srv, "dir/roots");
	int path, fd;

	ASSERT_NE(NULL, file);
	ASSERT_EQ(0, make_file("dir/other", 0, 0644));
	ASSERT_EQ(0, fuse_detach_backing(self->srv->fd, FUSE_ROOT_ID, 0, 0));
	ASSERT_EQ(0, attach(self, BELOW, FUSE_BACKING_WRITE));
	file->open_flags = FOPEN_PASSTHROUGH;
	file->backing_id = fuse_backing_open_path(self->srv->fd,
						  scratch_path("dir/other"), O_RDONLY);
	fd = open(tree_at("dir/roots"), O_RDONLY | O_CLOEXEC);
	path = open(tree_at("dir/roots"), O_PATH | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_LE(0, path);
	ASSERT_EQ(1, file->opens);
	/* control */
	EXPECT_EQ(0, creds_call(&other, may_read, &path));

	ASSERT_EQ(0, chmod(scratch_path("dir/roots"), 0600));
	EXPECT_EQ(-EACCES, creds_call(&other, may_read, &path));
	close(fd);
	EXPECT_EQ(-EACCES, creds_call(&other, may_read, &path));
	close(path);
}

static uid_t owner_of(int fd)
{
	struct stat st = { .st_uid = -1 };

	fstat(fd, &st);
	return st.st_uid;
}

/*
 * However long the server had said that what it says is good: what the kernel has found
 * since isn't that, and lets nobody in once the tree is detached
 */
TEST_F(below, attributes_given_back)
{
	struct fuse_server_file *file = fuse_server_add(self->srv, "dir/roots");
	int path;

	ASSERT_NE(NULL, file);
	file->invent = true;
	file->invented_uid = 77;
	file->invented_mode = 0600;
	self->srv->sh->entry_valid = 3600;
	self->srv->sh->attr_valid = 3600;
	/* which is the server's to do: it says what the file is then */
	ASSERT_EQ(0, chmod(tree_at("dir/roots"), 0600));
	ASSERT_EQ(1, fuse_server_ops(self->srv, FUSE_SETATTR));
	ASSERT_EQ(0, chmod(scratch_path("dir/roots"), 0644));
	path = open(tree_at("dir/roots"), O_PATH | O_CLOEXEC);
	ASSERT_LE(0, path);
	/* control */
	EXPECT_EQ(0, owner_of(path));
	EXPECT_EQ(0, creds_call(&other, may_read, &path));

	ASSERT_EQ(0, chmod(tree_at("dir/roots"), 0600));
	ASSERT_EQ(2, fuse_server_ops(self->srv, FUSE_SETATTR));
	ASSERT_EQ(0, chmod(scratch_path("dir/roots"), 0644));
	EXPECT_EQ(0, owner_of(path));
	ASSERT_EQ(0, fuse_detach_backing(self->srv->fd, FUSE_ROOT_ID, 0, 0));
	EXPECT_EQ(-EACCES, creds_call(&other, may_read, &path));
	EXPECT_EQ(77, owner_of(path));
	close(path);
}

/* Mounts that show other owners than the files below have */
TEST_F(below, idmapped)
{
	EXPECT_EQ(0, fuse_server_umount(self->srv));
	fuse_server_stop(self->srv);
	ASSERT_EQ(0, serve(self, variant->server, FUSE_ALLOW_IDMAP));
	if (!(self->srv->sh->offered & FUSE_ALLOW_IDMAP))
		SKIP(return, "needs idmapped mounts of FUSE");
	EXPECT_EQ(-EOPNOTSUPP, attach(self, BELOW, BOTH));
	/* who lists it is asked for by the FUSE directory's mode */
	EXPECT_EQ(0, attach(self, FUSE_BACKING_OPS_LIST, 0));
}

static int look_around(void)
{
	struct stat st;

	return stat(tree_at("dir/sub"), &st) || stat(tree_at("dir/file"), &st) ||
	       chmod(tree_at("dir/sub"), 0777) ? -errno : 0;
}

/* The server is gone, its mount is there still: names keep nothing busy */
TEST_F(below, server_gone)
{
	ASSERT_EQ(0, look_around());
	ASSERT_EQ(-EBUSY, scratch_umount_backing());
	ASSERT_EQ(0, fuse_server_kill(self->srv));
	fuse_server_close_dev(self->srv);
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
}

TEST_F(below, all_ids_closed)
{
	ASSERT_EQ(0, look_around());
	ASSERT_LE(0, fuse_backing_close_all(self->srv->fd));
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
}

/* Wait until what was attached isn't any more, with the server gone */
static bool is_detached(FIXTURE_DATA(below) * self)
{
	static struct event_trace trace;
	bool detached;

	if (event_trace_start(&trace))
		return false;
	detached = !fuse_server_kill(self->srv);
	fuse_server_close_dev(self->srv);
	detached = detached && wait_until(event_trace_count(&trace, "fuse_backing_detach"));
	event_trace_stop(&trace);
	return detached;
}

/* What is open when the server goes keeps it busy, and nothing does once that is closed */
static bool is_busy_while_open(FIXTURE_DATA(below) * self, const char *name)
{
	int fd = open(tree_at(name), O_RDONLY | O_CLOEXEC);
	bool busy;

	if (fd < 0)
		return false;
	busy = is_detached(self) && scratch_umount_backing() == -EBUSY;
	close(fd);
	return busy && wait_until(!scratch_umount_backing());
}

TEST_F(below, server_gone_and_file_closed)
{
	EXPECT_TRUE(is_busy_while_open(self, "dir/file"));
}

TEST_F(below, server_gone_and_directory_closed)
{
	ASSERT_EQ(0, look_around());
	EXPECT_TRUE(is_busy_while_open(self, "dir/sub"));
}

TEST_F(below, server_gone_and_file_of_root_closed)
{
	ASSERT_EQ(0, make_file("file", 0, 0644));
	EXPECT_TRUE(is_busy_while_open(self, "file"));
}

/* Nor do names that the server says since, in what was open, and may be kept for long */
TEST_F(below, named_since)
{
	struct stat st;
	int dir;

	ASSERT_EQ(0, make_file("dir/sub/file", user.uid, 0644));
	ASSERT_EQ(0, look_around());
	dir = open(tree_at("dir/sub"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, dir);
	ASSERT_LE(0, fuse_backing_close_all(self->srv->fd));
	fuse_server_new_requests(self->srv);
	EXPECT_EQ(0, fstatat(dir, "file", &st, 0));
	EXPECT_LT(0, fuse_server_new_requests(self->srv));
	EXPECT_EQ(-EBUSY, scratch_umount_backing());
	close(dir);
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
}

/* A tree at "dir", of which a file and a directory are moved to the root: 0 or -errno */
static int move_out(FIXTURE_DATA(below) * self)
{
	const struct fuse_server_file *dir;
	int id, err;

	err = fuse_detach_backing(self->srv->fd, FUSE_ROOT_ID, 0, 0);
	if (err)
		return err;
	if (access(tree_at("dir"), F_OK))
		return -errno;
	dir = server_shared_find(self->srv->sh, "dir");
	id = tree_register(self->srv->fd, scratch_path("dir"));
	if (id < 0)
		return id;
	err = tree_attach(self->srv->fd, fuse_server_node(self->srv, dir), id, BELOW, BOTH);
	/* it is to know them; and says that it has moved them, as it goes by their names */
	self->srv->sh->has_renamed = true;
	if (!err && (chmod(tree_at("dir/file"), 0644) || chmod(tree_at("dir/sub"), 0755) ||
		     rename(tree_at("dir/file"), tree_at("file")) ||
		     rename(tree_at("dir/sub"), tree_at("sub"))))
		err = -errno;
	return err;
}

/* What the server knows may have got a name elsewhere, which somebody uses: that goes, too */
TEST_F(below, named_elsewhere)
{
	int path;

	if (variant->server)
		SKIP(return, "only the backing directory is registered as a user");
	ASSERT_EQ(0, move_out(self));
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_RENAME));
	EXPECT_EQ(0, access(tree_at("file"), F_OK));
	EXPECT_EQ(-1, access(tree_at("sub/nothing"), F_OK));
	EXPECT_EQ(ENOENT, errno);
	path = open(tree_at("file"), O_PATH | O_CLOEXEC);
	ASSERT_LE(0, path);
	ASSERT_LE(0, fuse_backing_close_all(self->srv->fd));
	EXPECT_EQ(-EBUSY, scratch_umount_backing());
	close(path);
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
}

/* Names elsewhere that nobody uses by then */
TEST_F(below, unused_elsewhere)
{
	if (variant->server)
		SKIP(return, "only the backing directory is registered as a user");
	ASSERT_EQ(0, move_out(self));
	EXPECT_EQ(0, access(tree_at("file"), F_OK));
	EXPECT_EQ(-1, access(tree_at("sub/nothing"), F_OK));
	EXPECT_EQ(0, access(tree_at("closed"), F_OK));
	ASSERT_LE(0, fuse_backing_close_all(self->srv->fd));
	/* control: what the server named, and nothing else is, stays known */
	fuse_server_new_requests(self->srv);
	EXPECT_EQ(0, access(tree_at("closed"), F_OK));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
}

/* Or where the directory was forgotten before, which is not attached any more then */
TEST_F(below, unused_elsewhere_of_nowhere)
{
	if (variant->server)
		SKIP(return, "only the backing directory is registered as a user");
	ASSERT_EQ(0, move_out(self));
	EXPECT_EQ(0, access(tree_at("file"), F_OK));
	ASSERT_EQ(0, fuse_server_drop_name(self->srv, "dir"));
	ASSERT_LE(0, fuse_backing_close_all(self->srv->fd));
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
}

/* Of locks of directories lockdep knows an order: in the debug kernel, it says so */
TEST_F(below, directories_change)
{
	ASSERT_EQ(0, look_around());
	EXPECT_EQ(-1, rmdir(tree_at("dir/sub")));
	EXPECT_EQ(ENOSYS, errno);
	EXPECT_EQ(-1, rename(tree_at("dir/sub"), tree_at("sub")));
	EXPECT_EQ(ENOSYS, errno);
	EXPECT_EQ(-1, rename(tree_at("dir/sub"), tree_at("dir/sub2")));
	EXPECT_EQ(ENOSYS, errno);
	EXPECT_EQ(-1, mkdir(tree_at("dir/sub/new"), 0700));
	EXPECT_EQ(ENOSYS, errno);
}

TEST_HARNESS_MAIN
