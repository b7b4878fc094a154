// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks by directories and attributes that the kernel answers for by itself.
 *
 * Proves: a directory is listed only if the descriptor, or the registration's
 * credentials, allow it, whoever the client is and whatever it may do; a helper's
 * power isn't lent to the clients of a lesser user's server, neither for directories
 * nor for what no descriptor is opened for; pseudo filesystems, what overlayfs hides,
 * the mount's own directories and stacks that are too deep are refused; who lists into
 * memory that doesn't come holds up nobody; a server that died doesn't keep the backing
 * filesystem busy; trusted. is for those who may see it twice; ids that the
 * connection's user namespace doesn't know are nobody's.
 *
 * Privilege: root, to mount for an ordinary user, and to be the client and the helper.
 * The server has no capabilities, in one half of the tests but for those in a user
 * namespace of its own, in which it is its own client.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "harness.h"

#include "attack.h"
#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "dir_lister.h"
#include "held_page.h"
#include "wait_until.h"

#define LIST		FUSE_BACKING_OPS_LIST
#define ATTR		FUSE_BACKING_OPS_ATTR
#define XATTR		FUSE_BACKING_OPS_XATTR
#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)

/* In the backing filesystem, each with a file of the same name */
#define MINE		SCRATCH_BACKING "/mine"		/* the owner's, 0700 */
#define READABLE	SCRATCH_BACKING "/readable"	/* root's, 0755 */
#define PASSABLE	SCRATCH_BACKING "/passable"	/* root's, 0711 */
#define LAYERS		SCRATCH_ROOT "/layers"

FIXTURE(tree) {
	struct attack attack;
	struct fuse_server *srv;
	struct fuse_server lower;
	struct dir_list list;
	int dev;
};

FIXTURE_VARIANT(tree) {
	bool userns;
};

FIXTURE_VARIANT_ADD(tree, user) {
	.userns = false,
};

FIXTURE_VARIANT_ADD(tree, user_namespace) {
	.userns = true,
};

/* A directory with a file of the same name in it: 0 or -errno */
static int make_dir(const char *path, uid_t uid, mode_t mode)
{
	char file[PATH_MAX];
	int fd;

	snprintf(file, sizeof(file), "%s%s", path, strrchr(path, '/'));
	if (mkdir(path, 0755) < 0)
		return -errno;
	fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	close(fd);
	if (chown(path, uid, uid) < 0 || chmod(path, mode) < 0)
		return -errno;
	return 0;
}

/* What root makes, and the server: as attack_setup() */
static int set_up(struct attack *attack, bool userns)
{
	const struct fuse_server_opts opts = { .max_stack_depth = 1 };
	int err = attack_prepare(attack, SCRATCH_TMPFS);

	if (err)
		return err;
	err = make_dir(MINE, OWNER, 0700) ?: make_dir(READABLE, 0, 0755) ?:
	      make_dir(PASSABLE, 0, 0711);
	if (err)
		return err;
	if (setxattr(MINE, "user.seen", "s", 1, 0) < 0 ||
	    setxattr(MINE, "trusted.hidden", "h", 1, 0) < 0 ||
	    mkdir(LAYERS, 0777) < 0)
		return -errno;
	return attack_serve(attack, userns, &opts);
}

FIXTURE_SETUP(tree)
{
	if (!attack_ready(_metadata, set_up(&self->attack, variant->userns)))
		return;
	self->srv = self->attack.srv;
	self->dev = self->srv->fd;
}

FIXTURE_TEARDOWN(tree)
{
	dir_list_free(&self->list);
	EXPECT_EQ(0, self->srv->sh->bad_fh)
		TH_LOG("opcode %u", self->srv->sh->bad_op);
	attack_teardown(&self->attack);
	/* what is on top of it has to go first */
	fuse_server_stop(&self->lower);
}

/* A user's server, with others beside it: clients, a helper, who unmounts */
FIXTURE(user) {
	struct attack attack;
	struct fuse_server *srv;
	struct fuse_server private;
	struct held_page page;
	struct dir_list list;
	int dev;
};

FIXTURE_SETUP(user)
{
	if (!attack_ready(_metadata, set_up(&self->attack, false)))
		return;
	self->srv = self->attack.srv;
	self->dev = self->srv->fd;
}

FIXTURE_TEARDOWN(user)
{
	if (self->page.addr)
		held_page_stop(&self->page);
	dir_list_free(&self->list);
	fuse_server_stop(&self->private);
	EXPECT_EQ(0, self->srv->sh->bad_fh)
		TH_LOG("opcode %u", self->srv->sh->bad_op);
	attack_teardown(&self->attack);
}

/* The server's calls */

struct registration {
	int dev;
	const char *path;
	int flags;
	__u32 map_flags;
};

static int do_register(void *arg)
{
	const struct registration *r = arg;

	return fuse_backing_open_with(r->dev, r->path, r->flags | O_DIRECTORY,
				      r->map_flags | FUSE_BACKING_MAP_DIR);
}

/* The server registers a directory: its id, or -errno, also of the open */
static int register_dir(struct attack *attack, const char *path, int flags,
			__u32 map_flags)
{
	struct registration r = { attack->srv->fd, path, flags, map_flags };

	return attack->userns ? do_register(&r) :
				creds_call(&owner, do_register, &r);
}

/* Who attaches has no part in it: 0 or -errno */
static int attach_root(struct attack *attack, int id, __u64 ops)
{
	fuse_detach_backing(attack->srv->fd, FUSE_ROOT_ID, 0, 0);
	return fuse_backing_attach_dir(attack->srv->fd, FUSE_ROOT_ID, id, 0, ops);
}

/* What the mount's root lists when it is on @path: 0 or -errno of any of it */
static int list_as(struct attack *attack, struct dir_list *list, const char *path,
		   int flags, __u32 map_flags)
{
	int id = register_dir(attack, path, flags, map_flags);
	int err;

	if (id < 0)
		return id;
	err = attach_root(attack, id, LIST) ?: dir_list_path(list, SCRATCH_FUSE);
	if (err == -EACCES &&
	    !attack_rejected(attack, id, -EACCES, "permission"))
		return -EPROTO;
	return err;
}

static bool nobody_asked(const struct fuse_server *srv)
{
	return !fuse_server_ops(srv, FUSE_OPENDIR) &&
	       !fuse_server_ops(srv, FUSE_READDIR) &&
	       !fuse_server_ops(srv, FUSE_RELEASEDIR);
}

/* Whose right it is to list a directory */

/* Anybody can get such a descriptor, and it can be opened anew by its path */
TEST_F(tree, o_path_of_what_may_not_be_listed)
{
	struct attack *attack = &self->attack;

	EXPECT_EQ(-EACCES, register_dir(attack, PASSABLE, O_RDONLY, 0));
	EXPECT_EQ(-EACCES, list_as(attack, &self->list, PASSABLE, O_PATH, 0));
	EXPECT_EQ(-EACCES, list_as(attack, &self->list, PASSABLE, O_PATH,
				   FUSE_BACKING_MAP_AS_OPENED));
	EXPECT_EQ(0, self->list.count);

	/* its neighbours may be */
	EXPECT_EQ(0, list_as(attack, &self->list, READABLE, O_PATH, 0));
	EXPECT_NE(NULL, dir_list_find(&self->list, "readable"));
	EXPECT_EQ(0, list_as(attack, &self->list, MINE, O_PATH, 0));
	EXPECT_NE(NULL, dir_list_find(&self->list, "mine"));
	EXPECT_TRUE(nobody_asked(self->srv));
}

TEST_F(tree, o_path_as_opened)
{
	struct attack *attack = &self->attack;

	EXPECT_EQ(-EACCES, list_as(attack, &self->list, MINE, O_PATH,
				   FUSE_BACKING_MAP_AS_OPENED));
	EXPECT_EQ(0, self->list.count);
	EXPECT_EQ(0, list_as(attack, &self->list, MINE, O_RDONLY,
			     FUSE_BACKING_MAP_AS_OPENED));
	EXPECT_NE(NULL, dir_list_find(&self->list, "mine"));
	EXPECT_TRUE(nobody_asked(self->srv));
}

/* What the server may do at the time of the open counts, or its descriptor */
TEST_F(tree, right_taken_away)
{
	struct attack *attack = &self->attack;
	int path = register_dir(attack, MINE, O_PATH, 0);
	int opened = register_dir(attack, MINE, O_RDONLY, 0);

	ASSERT_LT(0, path);
	ASSERT_LT(0, opened);
	ASSERT_EQ(0, attach_root(attack, path, LIST));
	EXPECT_EQ(0, dir_list_path(&self->list, SCRATCH_FUSE));
	ASSERT_EQ(0, chmod(MINE, 0300));
	/* in a user namespace, its root may list all that is its own */
	EXPECT_EQ(variant->userns ? 0 : -EACCES,
		  dir_list_path(&self->list, SCRATCH_FUSE));
	ASSERT_EQ(0, attach_root(attack, opened, LIST));
	EXPECT_EQ(0, dir_list_path(&self->list, SCRATCH_FUSE));
	EXPECT_NE(NULL, dir_list_find(&self->list, "mine"));
}

static int list_mount(void *arg)
{
	return dir_list_path(arg, SCRATCH_FUSE);
}

static int list_mine(void *arg)
{
	return dir_list_path(arg, MINE);
}

/* Clients with less and with more rights than the server see the same */
TEST_F(user, other_clients)
{
	struct attack *attack = &self->attack;

	ASSERT_EQ(0, list_as(attack, &self->list, MINE, O_PATH, 0));
	EXPECT_NE(NULL, dir_list_find(&self->list, "mine"));
	EXPECT_EQ(0, creds_call(&stranger, list_mount, &self->list));
	EXPECT_EQ(-EACCES, creds_call(&stranger, list_mine, &self->list));
	ASSERT_EQ(-EACCES, list_as(attack, &self->list, PASSABLE, O_PATH, 0));
	EXPECT_EQ(0, access(PASSABLE "/passable", F_OK));
}

/* A helper's power */

TEST_F(user, helper_registers_a_directory)
{
	struct attack *attack = &self->attack;
	struct registration r = { self->dev, PASSABLE, O_RDONLY, 0 };
	const struct creds admin = {
		.uid = OWNER,
		.gid = OWNER,
		.caps = CREDS_CAP(CAP_DAC_OVERRIDE),
	};

	EXPECT_EQ(-EPERM, do_register(&r));
	EXPECT_TRUE(attack_rejected(attack, 0, -EPERM, "brokered"));
	EXPECT_EQ(-EPERM, creds_call(&stranger, do_register,
				     &(struct registration) {
					.dev = self->dev,
					.path = READABLE,
				     }));
	EXPECT_EQ(-EPERM, creds_call(&admin, do_register, &r));
	EXPECT_EQ(0, thread_find(self->srv->dev));
	r.path = MINE;
	EXPECT_LT(0, creds_call(&owner, do_register, &r));
}

/* What no descriptor is opened for would be done with the helper's credentials */
TEST_F(user, helper_registers_a_file)
{
	static const __u64 refused[] = {
		XATTR, FUSE_BACKING_OPS_ACCESS, FUSE_BACKING_OPS_TIMES,
		ATTR | FUSE_BACKING_OPS_TIMES,
	};
	struct attack *attack = &self->attack;
	__u64 node = fuse_server_node(self->srv, attack_file(attack, "secret"));
	struct stat st;
	int id, own;

	ASSERT_EQ(0, stat(SCRATCH_FUSE "/secret", &st));
	id = fuse_backing_open_path(self->dev, scratch_path("secret"), O_RDONLY);
	own = attack_register_path(attack, scratch_path("own"), O_RDONLY);
	ASSERT_LT(0, id);
	ASSERT_LT(0, own);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		EXPECT_EQ(-EPERM, fuse_backing_attach_ops(self->dev, node, id,
							  BOTH, refused[i]));
		EXPECT_TRUE(attack_rejected(attack, id, -EPERM, "brokered"));
		EXPECT_EQ(0, fuse_backing_attach_ops(self->dev, node, own, BOTH,
						     refused[i]));
		ASSERT_EQ(0, fuse_detach_backing(self->dev, node, 0, 0));
	}
	/* and what there are descriptors for */
	EXPECT_EQ(0, fuse_backing_attach_ops(self->dev, node, id, BOTH,
					     ATTR | FUSE_BACKING_OPS_FSYNC));
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/secret", &st));
	EXPECT_EQ(S_IFREG | 0600, st.st_mode);
}

/* Extended attributes: the client must have the right to see them, and the server */

static int is_listed(const char *name)
{
	char list[256];
	ssize_t n = listxattr(SCRATCH_FUSE, list, sizeof(list));

	if (n < 0)
		return -errno;
	for (ssize_t i = 0; i < n; i += strlen(list + i) + 1)
		if (!strcmp(list + i, name))
			return 1;
	return 0;
}

TEST_F(tree, trusted_attributes)
{
	int id = register_dir(&self->attack, MINE, O_RDONLY, 0);
	char value[8];

	ASSERT_LT(0, id);
	ASSERT_EQ(0, attach_root(&self->attack, id, XATTR));
	/* the client is root, in one variant: the server isn't */
	EXPECT_EQ(0, is_listed("trusted.hidden"));
	EXPECT_EQ(-1, getxattr(SCRATCH_FUSE, "trusted.hidden", value, 8));
	EXPECT_EQ(ENODATA, errno);
	EXPECT_EQ(1, is_listed("user.seen"));
	EXPECT_EQ(1, getxattr(SCRATCH_FUSE, "user.seen", value, 8));
	/* it is there */
	EXPECT_EQ(variant->userns ? -1 : 1,
		  getxattr(MINE, "trusted.hidden", value, 8));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_GETXATTR));
}

/* Root's, without allow_other: 0 or -errno */
static int mount_private(int dev)
{
	char options[128];

	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0", dev);
	return mount("private", SCRATCH_FUSE2, "fuse", MS_NODEV | MS_NOSUID,
		     options) < 0 ? -errno : 0;
}

static int get_security(void *arg)
{
	(void)arg;
	return getxattr(SCRATCH_FUSE2, "security.test", NULL, 0) < 0 ? -errno : 0;
}

/* The root of a mount that isn't for everybody is there for everybody to ask */
TEST_F(user, attributes_of_a_private_mount)
{
	struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_BACKING,
	};
	char value[8];
	int id;

	ASSERT_EQ(0, setxattr(READABLE, "security.test", "s", 1, 0));
	opts.dev_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, opts.dev_fd);
	ASSERT_EQ(0, mount_private(opts.dev_fd));
	ASSERT_EQ(0, fuse_server_start(&self->private, &opts));
	id = fuse_backing_open_with(self->private.fd, READABLE,
				    O_RDONLY | O_DIRECTORY, FUSE_BACKING_MAP_DIR);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_backing_attach_dir(self->private.fd, FUSE_ROOT_ID, id, 0,
					     XATTR));
	EXPECT_EQ(1, getxattr(SCRATCH_FUSE2, "security.test", value, 8));
	EXPECT_EQ(0, fuse_server_ops(&self->private, FUSE_GETXATTR));
	/* asked as ever, which has the server see who it is */
	EXPECT_EQ(-ENODATA, creds_call(&stranger, get_security, NULL));
	EXPECT_EQ(1, fuse_server_ops(&self->private, FUSE_GETXATTR));
}

/* Ids that the connection's namespace doesn't know */
TEST_F(tree, owners)
{
	struct attack *attack = &self->attack;
	__u64 own = fuse_server_node(self->srv, attack_file(attack, "own"));
	struct stat st;
	int id;

	ASSERT_EQ(0, stat(SCRATCH_FUSE "/own", &st));
	id = attack_register_path(attack, scratch_path("own"), O_RDONLY);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_backing_attach_ops(self->dev, own, id, BOTH, ATTR));
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/own", &st));
	EXPECT_EQ(variant->userns ? 0 : OWNER, st.st_uid);
	EXPECT_EQ(variant->userns ? 0 : OWNER, st.st_gid);
	ASSERT_EQ(0, fuse_detach_backing(self->dev, own, 0, 0));

	id = attack_register_path(attack, scratch_path("root"), O_RDONLY);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_backing_attach_ops(self->dev, own, id, BOTH, ATTR));
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/own", &st));
	EXPECT_EQ(variant->userns ? 65534 : 0, st.st_uid);
	EXPECT_EQ(variant->userns ? 65534 : 0, st.st_gid);
}

/* Directories that are none to pass through */

TEST_F(tree, pseudo_filesystems)
{
	static const char * const dirs[] = {
		"/proc", "/proc/self", "/proc/self/fd", "/proc/self/ns",
		"/sys", "/sys/fs/cgroup", "/sys/kernel/tracing", "/dev",
	};
	static const int flags[] = { O_RDONLY, O_PATH };
	struct attack *attack = &self->attack;
	int refused = 0, err;

	for (size_t i = 0; i < ARRAY_SIZE(dirs) * ARRAY_SIZE(flags); i++) {
		err = register_dir(attack, dirs[i / 2], flags[i % 2], 0);
		/* it isn't there, or not for the user; or /dev is a tmpfs */
		if (err == -ENOENT || err == -EACCES || err > 0)
			continue;
		EXPECT_EQ(-EOPNOTSUPP, err) TH_LOG("%s", dirs[i / 2]);
		refused++;
	}
	EXPECT_LE(10, refused);
	EXPECT_TRUE(attack_rejected(attack, 0, -EOPNOTSUPP, "filesystem"));
	EXPECT_LT(0, register_dir(attack, MINE, O_RDONLY, 0));
}

static int mount_overlay(const char *lower)
{
	char options[PATH_MAX];

	snprintf(options, sizeof(options), "lowerdir=%s:%s", lower, LAYERS);
	return mount("overlay", SCRATCH_OTHER, "overlay", 0, options) < 0 ?
		       -errno : 0;
}

/* What is below it isn't told, and may be this very mount */
TEST_F(tree, directory_of_an_overlay)
{
	static const char * const lower[] = {
		"/sys/fs/cgroup", SCRATCH_FUSE, READABLE,
	};
	struct attack *attack = &self->attack;
	int mounted = 0;

	for (size_t i = 0; i < ARRAY_SIZE(lower); i++) {
		if (mount_overlay(lower[i]))
			continue;
		EXPECT_EQ(-EOPNOTSUPP, register_dir(attack, SCRATCH_OTHER,
						    O_RDONLY, 0))
			TH_LOG("%s", lower[i]);
		EXPECT_EQ(-EOPNOTSUPP, register_dir(attack, SCRATCH_OTHER,
						    O_PATH, 0));
		ASSERT_EQ(0, umount2(SCRATCH_OTHER, 0));
		mounted++;
	}
	EXPECT_LE(2, mounted);
	EXPECT_TRUE(attack_rejected(attack, 0, -EOPNOTSUPP, "filesystem"));
	EXPECT_EQ(0, thread_find(self->srv->dev));
	EXPECT_LT(0, register_dir(attack, READABLE, O_RDONLY, 0));
}

/* Root answers for what it registers on a connection of its own */
TEST_F(user, directory_of_an_overlay_by_root)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_BACKING,
		.max_stack_depth = 2,
	};
	struct dir_list direct = {};
	int id;

	ASSERT_EQ(0, fuse_server_start(&self->private, &opts));
	ASSERT_EQ(0, mount_overlay(READABLE ":" PASSABLE));
	id = fuse_backing_open_with(self->private.fd, SCRATCH_OTHER,
				    O_RDONLY | O_DIRECTORY, FUSE_BACKING_MAP_DIR);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_backing_attach_dir(self->private.fd, FUSE_ROOT_ID, id,
					     0, LIST | ATTR));
	EXPECT_EQ(0, dir_list_path(&direct, SCRATCH_OTHER));
	EXPECT_EQ(0, dir_list_path(&self->list, SCRATCH_FUSE2));
	EXPECT_TRUE(dir_list_equal(&direct, &self->list));
	EXPECT_NE(NULL, dir_list_find(&self->list, "readable"));
	EXPECT_NE(NULL, dir_list_find(&self->list, "passable"));
	dir_list_free(&direct);
}

/* Another FUSE, on which nothing or something may be stacked: 0 or -errno */
static int serve_lower(struct attack *attack, struct fuse_server *lower,
		       __u32 depth)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_BACKING,
		.no_passthrough = !depth,
		.max_stack_depth = depth,
		.uid = attack->userns ? 0 : OWNER,
	};
	int err = fuse_server_start(lower, &opts);

	return err ?: fuse_server_add(lower, "own") ? 0 : -ENOSPC;
}

TEST_F(tree, directory_of_another_fuse)
{
	struct attack *attack = &self->attack;

	ASSERT_EQ(0, serve_lower(attack, &self->lower, 0));
	EXPECT_EQ(0, list_as(attack, &self->list, SCRATCH_FUSE2, O_RDONLY, 0));
	EXPECT_NE(NULL, dir_list_find(&self->list, "own"));
	EXPECT_EQ(NULL, dir_list_find(&self->list, "root"));
	EXPECT_TRUE(nobody_asked(self->srv));
	EXPECT_LE(1, fuse_server_ops(&self->lower, FUSE_READDIR));
}

/* A name that is too long to be kept isn't where the directory ends */
TEST_F(tree, name_that_is_too_long)
{
	struct attack *attack = &self->attack;
	struct dir_list direct = {};
	int err;

	ASSERT_EQ(0, serve_lower(attack, &self->lower, 0));
	self->lower.sh->long_name = 200;
	EXPECT_EQ(0, list_as(attack, &self->list, SCRATCH_FUSE2, O_RDONLY, 0));
	EXPECT_EQ(2, self->list.count);
	/* Linux 6.12 takes none of more than 1024 bytes from a server */
	self->lower.sh->long_name = 4000;
	err = dir_list_path(&direct, SCRATCH_FUSE2);
	EXPECT_EQ(err ?: -ENAMETOOLONG,
		  list_as(attack, &self->list, SCRATCH_FUSE2, O_RDONLY, 0));
	EXPECT_EQ(err ? 0 : 1, self->list.count);
	dir_list_free(&direct);
}

TEST_F(tree, stack_that_is_too_deep)
{
	struct attack *attack = &self->attack;

	ASSERT_EQ(0, serve_lower(attack, &self->lower, 1));
	EXPECT_EQ(-ELOOP, register_dir(attack, SCRATCH_FUSE2, O_RDONLY, 0));
	EXPECT_EQ(-ELOOP, register_dir(attack, SCRATCH_FUSE2, O_PATH, 0));
	EXPECT_EQ(-ELOOP, register_dir(attack, SCRATCH_FUSE, O_RDONLY, 0));
	EXPECT_EQ(-ELOOP, register_dir(attack, SCRATCH_FUSE, O_PATH, 0));
	EXPECT_TRUE(attack_rejected(attack, 0, -ELOOP, "stack-depth"));
	EXPECT_LT(0, register_dir(attack, READABLE, O_RDONLY, 0));
}

/* Holding others up */

static pid_t list_into(void *memory)
{
	pid_t pid;
	int fd;

	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	fd = open(SCRATCH_FUSE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_exit(fd < 0 || syscall(SYS_getdents64, fd, memory, 4096) <= 0);
}

/* Whose process is returned when it waits for the memory */
static pid_t list_and_wait(struct __test_metadata *_metadata, FIXTURE_DATA(user) * self)
{
	struct attack *attack = &self->attack;
	pid_t pid;
	int id;

	ASSERT_EQ(0, held_page_start(&self->page, "root"));
	id = register_dir(attack, READABLE, O_RDONLY, 0);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, attach_root(attack, id, LIST));
	pid = list_into(self->page.addr);
	ASSERT_TRUE(wait_until(held_page_is_wanted(&self->page)));
	return pid;
}

TEST_F(user, listed_into_memory_that_does_not_come)
{
	struct dir_list direct = {};
	int status;
	pid_t pid;

	pid = list_and_wait(_metadata, self);

	/* whoever uses the directory, exclusively and by the mount too */
	EXPECT_EQ(0, mkdir(READABLE "/new", 0755));
	EXPECT_EQ(0, rename(READABLE "/new", READABLE "/newer"));
	EXPECT_EQ(0, dir_list_path(&direct, READABLE));
	EXPECT_EQ(0, dir_list_path(&self->list, SCRATCH_FUSE));
	EXPECT_NE(NULL, dir_list_find(&direct, "newer"));
	EXPECT_NE(NULL, dir_list_find(&self->list, "newer"));
	EXPECT_EQ(0, rmdir(READABLE "/newer"));
	dir_list_free(&direct);

	EXPECT_TRUE(sleeps_in(pid, SYS_getdents64));
	held_page_release(&self->page);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* It can be killed, as anybody who waits for a server */
TEST_F(user, killed_while_memory_does_not_come)
{
	int status;
	pid_t pid;

	pid = list_and_wait(_metadata, self);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(0, dir_list_path(&self->list, SCRATCH_FUSE));
}

/* Keeping the backing filesystem */

TEST_F(user, server_that_died)
{
	struct attack *attack = &self->attack;
	int id, fd;

	id = register_dir(attack, MINE, O_RDONLY, 0);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, attach_root(attack, id, LIST | ATTR | XATTR));
	fd = open(SCRATCH_FUSE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_LT(0, dir_list_read_some(&self->list, fd, 100));
	ASSERT_EQ(0, fuse_server_kill(self->srv));
	fuse_server_close_dev(self->srv);
	/* the control: who has it open keeps it */
	EXPECT_EQ(-EBUSY, scratch_umount_backing());
	EXPECT_EQ(-EBUSY, fuse_server_umount(self->srv));
	close(fd);
	EXPECT_EQ(0, fuse_server_umount(self->srv));
	EXPECT_EQ(0, scratch_umount_backing());
}

/* What is attached and nobody has open goes with the server */
TEST_F(user, server_that_died_alone)
{
	struct attack *attack = &self->attack;
	int id;

	id = register_dir(attack, MINE, O_RDONLY, 0);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, attach_root(attack, id, LIST | ATTR | XATTR));
	EXPECT_EQ(-EBUSY, scratch_umount_backing());
	ASSERT_EQ(0, fuse_server_kill(self->srv));
	fuse_server_close_dev(self->srv);
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
	EXPECT_EQ(0, fuse_server_umount(self->srv));
}

TEST_HARNESS_MAIN
