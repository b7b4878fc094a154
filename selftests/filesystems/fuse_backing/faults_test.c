// SPDX-License-Identifier: GPL-2.0
/*
 * What a server calls, with every allocation and every copy failing once.
 *
 * Proves: registering, closing, attaching, extents, listing, the start of a thread,
 * mounting and unmounting, and what clients ask for that is answered by a directory or a
 * file that is attached, or done below a tree, end with ENOMEM or EFAULT, or work,
 * whichever allocation fails; then everything is as if the call had not been made, all that tell of
 * the mappings agree, another file can be registered, opened and read, and after the
 * test nothing keeps the backing filesystem busy.
 *
 * Privilege: root. Needs a kernel with fault injection.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "dir_lister.h"
#include "env.h"
#include "fault_places.h"
#include "light_mount.h"
#include "mount_check.h"
#include "rules.h"
#include "tree_env.h"
#include "wait_until.h"

#define BOTH	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define PENDING	FUSE_BACKING_ATTACH_PENDING
#define REVOKE	FUSE_BACKING_DETACH_REVOKE
#define NOBODY	40	/* a node that there isn't */
#define OLD	0	/* where extents are in the backing file */
#define NEW	8192
#define LEN	4096
#define ENTRIES	256
#define FULL	63	/* files in a table that has to grow for one more */
#define LIGHT	SCRATCH_ROOT "/light"
#define KTHREADD 2
/* Modes aren't passed through, so that who changes one has the server told of the names */
#define BELOW	(TREE_OPS & ~FUSE_BACKING_OPS_SETATTR)

struct calls {
	struct env env;
	struct fuse_server *srv;
	int dev;
	int file;		/* a descriptor of the backing file "b" */
	int fault;		/* of the task */
	int count;		/* of what is mapped all the time */
	__u64 node;		/* of "a" */
	int id;			/* what the call is about */
	int fd;
	struct fuse_server light;	/* only the descriptor and the device */
	char want[FILE_SIZE];	/* what "b" has */
};

FIXTURE(faults) {
	struct calls c;
};

FIXTURE_VARIANT(faults) {
	const struct fault_call *call;
	pid_t task;		/* that it is to fail in, 0 for the caller */
	bool tree;		/* the server goes by names, for trees */
};

FIXTURE_SETUP(faults)
{
	/* what is charged to a user needs memory itself */
	const struct creds charged = { .caps = ~CREDS_CAP(CAP_IPC_LOCK) };
	struct calls *c = &self->c;
	struct stat st;

	if (!fault_ready(_metadata))
		return;
	if (variant->tree) {
		ASSERT_EQ(0, tree_env_setup(&c->env, SCRATCH_TMPFS, NULL));
	} else if (!env_start(_metadata, &c->env, SCRATCH_TMPFS)) {
		return;
	}
	c->srv = &c->env.srv;
	c->dev = c->srv->fd;
	c->node = fuse_server_node(c->srv, &c->srv->sh->file[0]);
	c->light.fd = -1;
	scratch_pattern(c->want, FILE_SIZE, 1);
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/a", &st));
	ASSERT_EQ(0, mkdir(LIGHT, 0755));
	c->file = open(scratch_path("b"), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, c->file);
	ASSERT_EQ(0, creds_set(&charged));
	c->fault = fault_open(variant->task);
	ASSERT_LE(0, c->fault);
}

FIXTURE_TEARDOWN(faults)
{
	struct calls *c = &self->c;

	EXPECT_EQ(0, c->srv->sh->bad_fh);
	close(c->file);
	env_teardown(&c->env);
	/* whatever the test did */
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
}

static int map(struct calls *c, int dev, __u32 flags)
{
	struct fuse_backing_map map = { .fd = c->file, .flags = flags };
	int id = ioctl(dev, FUSE_DEV_IOC_BACKING_OPEN, &map);

	return id < 0 ? -errno : id;
}

static bool reads(struct calls *c, int fd, off_t from)
{
	char got[LEN];

	return pread(fd, got, LEN, 0) == LEN &&
	       !memcmp(got, c->want + from, LEN);
}

/* The typical case, after what failed */
static bool works(struct calls *c)
{
	int id = map(c, c->dev, FUSE_BACKING_MAP_AUTO_CLOSE);
	int fd = fuse_server_open_id(c->srv, "b", O_RDWR, id);
	bool works = id > 0 && fd >= 0 && reads(c, fd, 0);

	close(fd);
	return works;
}

static const char *wrong(void *fixture)
{
	struct calls *c = fixture;
	pid_t thread = thread_find(c->srv->dev);
	const char *what;

	wait_until(!(what = mount_check(c->srv)));
	if (what)
		return what;
	if (thread && !wait_until(table_count(thread) == c->count))
		return "not as many files in the table as before";
	return works(c) ? NULL : "the mount does not work";
}

static int close_id(struct calls *c)
{
	return fuse_backing_close(c->dev, c->id);
}

/* Registering */

static long call_map(void *fixture)
{
	struct calls *c = fixture;

	return map(c, c->dev, 0);
}

static long call_map_once(void *fixture)
{
	struct calls *c = fixture;

	return map(c, c->dev, FUSE_BACKING_MAP_AUTO_CLOSE);
}

static int undo_map(void *fixture, long result)
{
	struct calls *c = fixture;

	return result > 0 ? fuse_backing_close(c->dev, result) : 0;
}

static const struct fault_call map_id = {
	.call = call_map,
	.undo = undo_map,
};

static const struct fault_call map_once = {
	.call = call_map_once,
	.undo = undo_map,
};

/* Closing */

static int prepare_id(void *fixture)
{
	struct calls *c = fixture;

	c->id = map(c, c->dev, 0);
	return c->id < 0 ? c->id : 0;
}

static long call_close(void *fixture)
{
	return close_id(fixture);
}

/* What was not closed still is there to be */
static int undo_close(void *fixture, long result)
{
	return result ? close_id(fixture) : 0;
}

static const struct fault_call close_one = {
	.prepare = prepare_id,
	.call = call_close,
	.undo = undo_close,
};

static long call_close_all(void *fixture)
{
	struct calls *c = fixture;

	return fuse_backing_close_all(c->dev);
}

static const struct fault_call close_all = {
	.prepare = prepare_id,
	.call = call_close_all,
	.undo = undo_close,
};

/* Directories */

static int prepare_dir(void *fixture)
{
	struct calls *c = fixture;

	c->id = fuse_backing_open_with(c->dev, SCRATCH_BACKING,
				       O_RDONLY | O_DIRECTORY,
				       FUSE_BACKING_MAP_DIR);
	return c->id < 0 ? c->id : 0;
}

static long call_attach_dir(void *fixture)
{
	struct calls *c = fixture;

	return fuse_backing_attach_dir(c->dev, FUSE_ROOT_ID, c->id, 0,
				       FUSE_BACKING_OPS_DIR);
}

static int undo_attach_dir(void *fixture, long result)
{
	struct calls *c = fixture;

	if (!result && fuse_detach_backing(c->dev, FUSE_ROOT_ID, 0, 0))
		return -ENOENT;
	return close_id(c);
}

static const struct fault_call attach_dir = {
	.prepare = prepare_dir,
	.call = call_attach_dir,
	.undo = undo_attach_dir,
};

static int prepare_attached_dir(void *fixture)
{
	int err = prepare_dir(fixture);

	return err ?: call_attach_dir(fixture);
}

static long call_list_dir(void *fixture)
{
	struct dir_list list = {};
	int err = dir_list_path(&list, SCRATCH_FUSE);
	bool all = dir_list_find(&list, "a") && dir_list_find(&list, "d");

	(void)fixture;
	dir_list_free(&list);
	return err ?: all ? 0 : -EILSEQ;
}

static int undo_attached_dir(void *fixture, long result)
{
	(void)result;
	return undo_attach_dir(fixture, 0);
}

static const struct fault_call list_dir = {
	.prepare = prepare_attached_dir,
	.call = call_list_dir,
	.undo = undo_attached_dir,
};

/* Trees */

static long call_attach_tree(void *fixture)
{
	struct calls *c = fixture;

	return tree_attach(c->dev, FUSE_ROOT_ID, c->id, BELOW, BOTH);
}

static const struct fault_call attach_tree = {
	.prepare = prepare_dir,
	.call = call_attach_tree,
	.undo = undo_attach_dir,
};

static int prepare_tree(void *fixture)
{
	int err = prepare_dir(fixture);

	if (!err)
		err = call_attach_tree(fixture);
	if (!err && mkdir(scratch_path("dir"), 0755) < 0)
		err = -errno;
	if (!err)
		err = scratch_file("dir/file", 100, 1);
	/* so that nothing of it is known any more */
	scratch_drop_caches();
	return err;
}

/* Whatever was made, and what was there before */
static void remove_made(void)
{
	static const char * const names[] = {
		"dir/new/file", "dir/new", "dir/moved/file", "dir/moved", "dir/file", "dir",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		remove(scratch_path(names[i]));
}

static int undo_tree(void *fixture, long result)
{
	(void)result;
	remove_made();
	return undo_attach_dir(fixture, 0);
}

static long call_look(void *fixture)
{
	struct stat st;

	(void)fixture;
	if (stat(tree_at("dir/file"), &st) < 0)
		return -errno;
	return access(tree_at("dir/file"), R_OK) < 0 ? -errno : 0;
}

static const struct fault_call look_below = {
	.prepare = prepare_tree,
	.call = call_look,
	.undo = undo_tree,
};

static long call_change(void *fixture)
{
	int err;

	(void)fixture;
	if (mkdir(tree_at("dir/new"), 0755) < 0)
		return -errno;
	err = tree_make(tree_at("dir/new/file"));
	if (err)
		return err;
	if (setxattr(tree_at("dir/new/file"), "user.x", "y", 1, 0) < 0 ||
	    truncate(tree_at("dir/new/file"), 1) < 0 ||
	    rename(tree_at("dir/new"), tree_at("dir/moved")) < 0 ||
	    unlink(tree_at("dir/moved/file")) < 0 || rmdir(tree_at("dir/moved")) < 0)
		return -errno;
	return 0;
}

static const struct fault_call change_below = {
	.prepare = prepare_tree,
	.call = call_change,
	.undo = undo_tree,
	.also = { ENOSPC },	/* of a tmpfs that gets no inode */
};

/* The server is told of both names before it is asked */
static long call_introduce(void *fixture)
{
	(void)fixture;
	return chmod(tree_at("dir/file"), 0600) < 0 ? -errno : 0;
}

static const struct fault_call introduce_below = {
	.prepare = prepare_tree,
	.call = call_introduce,
	.undo = undo_tree,
};

static long call_tree_rules(void *fixture)
{
	static const struct rule rules[] = {
		RULE_HIDE("file"), RULE_ADD("another", DT_REG, 1),
	};
	const struct calls *c = fixture;

	return rules_set(c->dev, FUSE_ROOT_ID, rules, 2, FUSE_BACKING_PASS);
}

static const struct fault_call rule_tree = {
	.prepare = prepare_tree,
	.call = call_tree_rules,
	.undo = undo_tree,
};

static int prepare_used_tree(void *fixture)
{
	return prepare_tree(fixture) ?: call_change(fixture) ?: call_introduce(fixture);
}

static long call_detach_tree(void *fixture)
{
	struct calls *c = fixture;

	return fuse_detach_backing(c->dev, FUSE_ROOT_ID, 0, 0);
}

static int undo_detach_tree(void *fixture, long result)
{
	int err = result ? call_detach_tree(fixture) : 0;

	remove_made();
	return err ?: close_id(fixture);
}

static const struct fault_call detach_tree = {
	.prepare = prepare_used_tree,
	.call = call_detach_tree,
	.undo = undo_detach_tree,
};

/* Read and sorted, and then there is nothing that names are passed through of */
static long call_rules(void *fixture)
{
	long err = call_tree_rules(fixture);

	return err == -ENOENT ? 0 : err;
}

static const struct fault_call set_rules = {
	.call = call_rules,
};

/* What a file has the answer to */

static int prepare_answers(void *fixture)
{
	struct calls *c = fixture;
	int err = prepare_id(c);

	if (!err && fsetxattr(c->file, "user.test", "value", 5, 0) < 0)
		err = -errno;
	return err ?: fuse_backing_attach_ops(c->dev, c->node, c->id, BOTH,
					      FUSE_BACKING_OPS_FILE);
}

static long call_answers(void *fixture)
{
	static const char path[] = SCRATCH_FUSE "/a";
	struct stat st;
	char buf[64];

	(void)fixture;
	if (stat(path, &st) < 0 || utimensat(AT_FDCWD, path, NULL, 0) < 0 ||
	    getxattr(path, "user.test", buf, sizeof(buf)) < 0 ||
	    listxattr(path, buf, sizeof(buf)) < 0 || access(path, R_OK) < 0)
		return -errno;
	return 0;
}

static int undo_answers(void *fixture, long result)
{
	struct calls *c = fixture;
	int err = fuse_detach_backing(c->dev, c->node, 0, 0);

	(void)result;
	return err ?: close_id(c);
}

static const struct fault_call answers = {
	.prepare = prepare_answers,
	.call = call_answers,
	.undo = undo_answers,
};

/* Attaching */

static long call_attach(void *fixture)
{
	struct calls *c = fixture;

	return fuse_attach_backing(c->dev, c->node, 0, c->id, BOTH);
}

/* It is attached if and only if the call said so */
static int detach_made(struct calls *c, __u64 node, long result)
{
	int err = fuse_detach_backing(c->dev, node, 0, 0);

	if (err != (result ? -ENOENT : 0))
		return err ?: -EEXIST;
	return close_id(c);
}

static int undo_attach(void *fixture, long result)
{
	struct calls *c = fixture;

	return detach_made(c, c->node, result);
}

static const struct fault_call attach = {
	.prepare = prepare_id,
	.call = call_attach,
	.undo = undo_attach,
};

static long call_attach_pending(void *fixture)
{
	struct calls *c = fixture;

	return fuse_attach_backing(c->dev, NOBODY, 0, c->id, BOTH | PENDING);
}

static int undo_attach_pending(void *fixture, long result)
{
	return detach_made(fixture, NOBODY, result);
}

static const struct fault_call attach_pending = {
	.prepare = prepare_id,
	.call = call_attach_pending,
	.undo = undo_attach_pending,
};

static int prepare_attached(void *fixture)
{
	int err = prepare_id(fixture);

	return err ?: call_attach(fixture);
}

static long call_detach(void *fixture)
{
	struct calls *c = fixture;

	return fuse_detach_backing(c->dev, c->node, 0, 0);
}

static int undo_detach(void *fixture, long result)
{
	int err = result ? call_detach(fixture) : 0;

	return err ?: close_id(fixture);
}

static const struct fault_call detach = {
	.prepare = prepare_attached,
	.call = call_detach,
	.undo = undo_detach,
};

static int prepare_open(void *fixture)
{
	struct calls *c = fixture;
	int err = prepare_attached(c);

	if (err)
		return err;
	c->fd = fuse_server_open(c->srv, "a", O_RDWR);
	return c->fd < 0 ? c->fd : 0;
}

static long call_revoke(void *fixture)
{
	struct calls *c = fixture;

	return fuse_detach_backing(c->dev, c->node, 0, REVOKE);
}

static int undo_revoke(void *fixture, long result)
{
	struct calls *c = fixture;
	int err = result ? call_revoke(c) : 0;

	/* the call may have got as far as it had to */
	if (err == -ENOENT)
		err = 0;
	close(c->fd);
	return err ?: close_id(c);
}

static const struct fault_call revoke_file = {
	.prepare = prepare_open,
	.call = call_revoke,
	.undo = undo_revoke,
};

/* Extents */

static int set(struct calls *c, __u64 node, __u64 from, __u32 flags)
{
	const struct fuse_backing_extent extent[] = {
		{ 0, LEN, from, c->id, FUSE_BACKING_EXTENT_WRITE },
		{ 2 * LEN, LEN, 0, 0, FUSE_BACKING_EXTENT_HOLE },
	};

	return fuse_backing_set_extents(c->dev, node, extent, 2, flags);
}

static long call_extents(void *fixture)
{
	struct calls *c = fixture;

	return set(c, c->node, NEW, BOTH);
}

static const struct fault_call extents = {
	.prepare = prepare_id,
	.call = call_extents,
	.undo = undo_attach,
};

static long call_extents_pending(void *fixture)
{
	struct calls *c = fixture;

	return set(c, NOBODY, NEW, BOTH | PENDING);
}

static const struct fault_call extents_pending = {
	.prepare = prepare_id,
	.call = call_extents_pending,
	.undo = undo_attach_pending,
};

static int prepare_extents(void *fixture)
{
	struct calls *c = fixture;
	int err = prepare_id(c);

	if (!err)
		err = set(c, c->node, OLD, BOTH);
	if (err)
		return err;
	c->fd = fuse_server_open(c->srv, "a", O_RDWR);
	return c->fd < 0 ? c->fd : 0;
}

static int undo_replace(void *fixture, long result)
{
	struct calls *c = fixture;
	int err = reads(c, c->fd, result ? OLD : NEW) ? 0 : -EILSEQ;

	close(c->fd);
	if (!err)
		err = call_detach(c);
	return err ?: close_id(c);
}

static const struct fault_call extents_replace = {
	.prepare = prepare_extents,
	.call = call_extents,
	.undo = undo_replace,
};

static const struct fault_call extents_detach = {
	.prepare = prepare_extents,
	.call = call_detach,
	.undo = undo_revoke,
};

static const struct fault_call extents_revoke = {
	.prepare = prepare_extents,
	.call = call_revoke,
	.undo = undo_revoke,
};

/* Looking */

static long call_list(void *fixture)
{
	static struct fuse_backing_entry entry[ENTRIES];
	struct calls *c = fixture;

	return fuse_list_backing(c->dev, entry, ENTRIES);
}

static const struct fault_call list = {
	.prepare = prepare_extents,
	.call = call_list,
	.undo = undo_revoke,
};

static long call_control(void *fixture)
{
	static char text[4096];
	struct calls *c = fixture;
	int fd = fuse_server_control(c->srv, "backing_files", O_RDONLY);
	long ret;

	if (fd < 0)
		return fd;
	ret = read(fd, text, sizeof(text));
	if (ret < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static const struct fault_call control = {
	.prepare = prepare_extents,
	.call = call_control,
	.undo = undo_revoke,
};

/* Mounts of their own */

static long call_mount(void *fixture)
{
	struct calls *c = fixture;

	c->light.fd = light_mount(LIGHT, 0);
	return c->light.fd;
}

/* Also a mount that failed after all may be there */
static int undo_mount(void *fixture, long result)
{
	struct calls *c = fixture;

	(void)result;
	if (c->light.fd >= 0)
		close(c->light.fd);
	c->light.fd = -1;
	umount2(LIGHT, 0);
	return umount2(LIGHT, 0) < 0 && errno == EINVAL ? 0 : -EBUSY;
}

static const struct fault_call mount_light = {
	.call = call_mount,
	.undo = undo_mount,
	.also = { ENOTCONN },	/* INIT could not be sent: since Linux 7.3 */
};

static int prepare_mount(void *fixture)
{
	struct calls *c = fixture;
	struct dev_fdinfo info;
	int err = call_mount(c);

	if (err >= 0)
		err = dev_fdinfo_read(c->light.fd, &info);
	if (!err)
		c->light.dev = makedev(0, info.connection);
	return err;
}

static long call_first(void *fixture)
{
	struct calls *c = fixture;

	return map(c, c->light.fd, 0);
}

/* Whether there is a thread now or not, it is one that the next call can use */
static int undo_first(void *fixture, long result)
{
	struct calls *c = fixture;
	int err;

	if (mount_check(&c->light))
		return -EUCLEAN;
	err = map(c, c->light.fd, 0);
	if (err < 0)
		return err;
	if (table_count(thread_find(c->light.dev)) != (result < 0 ? 1 : 2))
		return -ENOENT;
	err = undo_mount(c, result);
	if (!err && !wait_until(!thread_find(c->light.dev)))
		err = -EEXIST;
	return err;
}

static const struct fault_call first = {
	.prepare = prepare_mount,
	.call = call_first,
	.undo = undo_first,
	.also = { EAGAIN },	/* of the thread's creation */
};

static int prepare_full(void *fixture)
{
	struct calls *c = fixture;
	int err = prepare_mount(c);

	for (int i = 0; i < FULL && err >= 0; i++)
		err = map(c, c->light.fd, 0);
	return err < 0 ? err : 0;
}

static int undo_full(void *fixture, long result)
{
	struct calls *c = fixture;

	if (mount_check(&c->light))
		return -EUCLEAN;
	if (map(c, c->light.fd, 0) != (result < 0 ? FULL + 1 : FULL + 2))
		return -ENOENT;
	return undo_mount(c, result);
}

static const struct fault_call growth = {
	.prepare = prepare_full,
	.call = call_first,
	.undo = undo_full,
};

static long call_umount(void *fixture)
{
	(void)fixture;
	return umount2(LIGHT, 0) < 0 ? -errno : 0;
}

static const struct fault_call umount_full = {
	.prepare = prepare_full,
	.call = call_umount,
	.undo = undo_mount,
};

FIXTURE_VARIANT_ADD(faults, map_id) { .call = &map_id };
FIXTURE_VARIANT_ADD(faults, map_once) { .call = &map_once };
FIXTURE_VARIANT_ADD(faults, close_one) { .call = &close_one };
FIXTURE_VARIANT_ADD(faults, close_all) { .call = &close_all };
FIXTURE_VARIANT_ADD(faults, attach_dir) { .call = &attach_dir };
FIXTURE_VARIANT_ADD(faults, list_dir) { .call = &list_dir };
FIXTURE_VARIANT_ADD(faults, attach_tree) { .call = &attach_tree, .tree = true };
FIXTURE_VARIANT_ADD(faults, look_below) { .call = &look_below, .tree = true };
FIXTURE_VARIANT_ADD(faults, change_below) { .call = &change_below, .tree = true };
FIXTURE_VARIANT_ADD(faults, introduce_below) { .call = &introduce_below, .tree = true };
FIXTURE_VARIANT_ADD(faults, rule_tree) { .call = &rule_tree, .tree = true };
FIXTURE_VARIANT_ADD(faults, detach_tree) { .call = &detach_tree, .tree = true };
FIXTURE_VARIANT_ADD(faults, set_rules) { .call = &set_rules };
FIXTURE_VARIANT_ADD(faults, answers) { .call = &answers };
FIXTURE_VARIANT_ADD(faults, attach) { .call = &attach };
FIXTURE_VARIANT_ADD(faults, attach_pending) { .call = &attach_pending };
FIXTURE_VARIANT_ADD(faults, detach) { .call = &detach };
FIXTURE_VARIANT_ADD(faults, revoke_file) { .call = &revoke_file };
FIXTURE_VARIANT_ADD(faults, extents) { .call = &extents };
FIXTURE_VARIANT_ADD(faults, extents_pending) { .call = &extents_pending };
FIXTURE_VARIANT_ADD(faults, extents_replace) { .call = &extents_replace };
FIXTURE_VARIANT_ADD(faults, extents_detach) { .call = &extents_detach };
FIXTURE_VARIANT_ADD(faults, extents_revoke) { .call = &extents_revoke };
FIXTURE_VARIANT_ADD(faults, list) { .call = &list };
FIXTURE_VARIANT_ADD(faults, control) { .call = &control };
FIXTURE_VARIANT_ADD(faults, mount_light) { .call = &mount_light };
FIXTURE_VARIANT_ADD(faults, first) { .call = &first };
FIXTURE_VARIANT_ADD(faults, growth) { .call = &growth };
FIXTURE_VARIANT_ADD(faults, umount_full) { .call = &umount_full };

/* What is done there for the thread of the mount */
FIXTURE_VARIANT_ADD(faults, first_in_kthreadd)
{
	.call = &first,
	.task = KTHREADD,
};

TEST_F_TIMEOUT(faults, places, 300)
{
	fault_places(_metadata, self->c.fault, variant->call, &self->c, wrong);
}

TEST_HARNESS_MAIN
