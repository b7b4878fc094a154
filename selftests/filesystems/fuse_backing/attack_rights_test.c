// SPDX-License-Identifier: GPL-2.0
/*
 * What clients do below a tree, beside the same done directly.
 *
 * Proves: for owners, modes, sticky and other directories, and clients with more, less and
 * other power than whoever registered the tree: whatever the kernel does without asking the
 * server, the client could do itself, and the server could, and what comes of it is the same.
 *
 * Privilege: root, for a user's server and all of its clients; or a user, as root of a user
 * namespace of its own.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "harness.h"

#include "attack.h"
#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "text_file.h"
#include "tree_env.h"
#include "wait_until.h"

#define BOTH	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)

/* What there is, in each of which are all files */
static const struct {
	uid_t uid;
	mode_t mode;
} dirs[] = {
	{ OWNER, 0755 }, { 0, 01777 }, { OWNER, 01777 }, { STRANGER, 02777 }, { 0, 0711 },
};

static const uid_t uids[] = { 0, OWNER, STRANGER };
static const mode_t modes[] = { 0600, 0646, 06775 };

/* Of a path */
#define NAME	128

#define FILES	(ARRAY_SIZE(uids) * ARRAY_SIZE(modes))

static int close_opened(int fd)
{
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int result(int ret)
{
	return ret < 0 ? -errno : 0;
}

static const char *beside(const char *path)
{
	static char other[NAME + 8];

	snprintf(other, sizeof(other), "%s.new", path);
	return other;
}

/* As make_over() has it */
static const char *place_of(const char *path)
{
	static char other[NAME + 8];

	snprintf(other, sizeof(other), "%s.over", path);
	return other;
}

static int do_read(const char *path)
{
	return close_opened(open(path, O_RDONLY | O_CLOEXEC));
}

static int do_noatime(const char *path)
{
	return close_opened(open(path, O_RDONLY | O_NOATIME | O_CLOEXEC));
}

static int do_write(const char *path)
{
	return text_file_write(path, "wr");
}

static int do_append(const char *path)
{
	int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, "wr", 2) != 2)
		err = -errno;
	close(fd);
	return err;
}

static int do_trunc(const char *path)
{
	return close_opened(open(path, O_WRONLY | O_TRUNC | O_CLOEXEC));
}

static int do_creat_over(const char *path)
{
	return close_opened(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
}

static int do_mode3(const char *path)
{
	return close_opened(open(path, O_ACCMODE | O_CLOEXEC));
}

static int do_chmod(const char *path)
{
	return result(chmod(path, 0777));
}

static int do_suid(const char *path)
{
	return result(chmod(path, 06755));
}

static int do_chown(const char *path)
{
	return result(chown(path, STRANGER, -1));
}

static int do_take(const char *path)
{
	return result(chown(path, OWNER, OWNER));
}

static int do_chgrp(const char *path)
{
	return result(chown(path, -1, OWNER));
}

static int do_chnone(const char *path)
{
	return result(chown(path, -1, -1));
}

static int do_touch(const char *path)
{
	return result(utimensat(AT_FDCWD, path, NULL, 0));
}

static int do_times(const char *path)
{
	const struct timespec times[] = { { 1000, 0 }, { 2000, 0 } };

	return result(utimensat(AT_FDCWD, path, times, 0));
}

static int do_truncate(const char *path)
{
	return result(truncate(path, 3));
}

static int do_setxattr(const char *path)
{
	return result(setxattr(path, "user.x", "x", 1, 0));
}

static int do_removexattr(const char *path)
{
	return result(removexattr(path, "user.there"));
}

static int do_getxattr(const char *path)
{
	return result(getxattr(path, "user.there", NULL, 0));
}

static int do_link(const char *path)
{
	return result(link(path, beside(path)));
}

static int do_unlink(const char *path)
{
	return result(unlink(path));
}

static int do_rename(const char *path)
{
	return result(rename(path, beside(path)));
}

static int do_over(const char *path)
{
	return result(rename(path, place_of(path)));
}

static int do_exchange(const char *path)
{
	return result(renameat2(AT_FDCWD, path, AT_FDCWD, place_of(path), RENAME_EXCHANGE));
}

static int do_create(const char *path)
{
	return close_opened(open(beside(path), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 06777));
}

static int do_create_none(const char *path)
{
	return close_opened(open(beside(path), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0));
}

static int do_mkdir(const char *path)
{
	return result(mkdir(beside(path), 07777));
}

static int do_mknod(const char *path)
{
	return result(mknod(beside(path), S_IFREG | 06644, 0));
}

static int do_symlink(const char *path)
{
	return result(symlink("text", beside(path)));
}

static int do_access_r(const char *path)
{
	return result(access(path, R_OK));
}

static int do_access_w(const char *path)
{
	return result(access(path, W_OK));
}

static int do_access_x(const char *path)
{
	return result(access(path, X_OK));
}

static int do_list(const char *path)
{
	char dir[NAME];

	snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = 0;
	return close_opened(open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

#define OP(name)	{ #name, do_##name }

static const struct {
	const char *name;
	int (*call)(const char *path);
} ops[] = {
	OP(read), OP(noatime), OP(write), OP(append), OP(trunc), OP(creat_over), OP(mode3),
	OP(chmod), OP(suid), OP(chown), OP(take), OP(chgrp), OP(chnone), OP(touch), OP(times),
	OP(truncate), OP(setxattr), OP(removexattr), OP(getxattr), OP(link), OP(unlink),
	OP(rename), OP(over), OP(exchange), OP(create), OP(create_none), OP(mkdir), OP(mknod),
	OP(symlink), OP(access_r), OP(access_w), OP(access_x), OP(list),
};

static int make_owned(const char *path, uid_t uid, mode_t mode)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, "contents", 8) != 8 || fsetxattr(fd, "user.there", "t", 1, 0) ||
	    fchown(fd, uid, uid) || fchmod(fd, mode))
		err = -errno;
	close(fd);
	return err;
}

/* What a file may take the place of */
static int make_over(const char *dir)
{
	char path[NAME + 64];
	int err = 0;

	for (unsigned int i = 0; i < FILES && !err; i++) {
		snprintf(path, sizeof(path), "%s/f%u.over", dir, i);
		err = make_owned(path, uids[i / 3 % 3], 0644);
	}
	return err;
}

static int make_dir(const char *dir, unsigned int which, unsigned int op)
{
	char path[NAME + 64];
	int err = 0;

	if (mkdir(dir, 0700))
		return -errno;
	for (unsigned int i = 0; i < FILES && !err; i++) {
		snprintf(path, sizeof(path), "%s/f%u", dir, i);
		err = make_owned(path, uids[i % 3], modes[i / 3]);
	}
	if (ops[op].call == do_over || ops[op].call == do_exchange)
		err = err ?: make_over(dir);
	return err ?: (chown(dir, dirs[which].uid, dirs[which].uid) ||
		       chmod(dir, dirs[which].mode) ? -errno : 0);
}

/* For one client: two of each directory for each operation */
static int make_all(const char *client)
{
	char path[NAME];
	int err = 0;

	if (mkdir(scratch_path(client), 0755))
		return -errno;
	for (unsigned int op = 0; op < ARRAY_SIZE(ops) && !err; op++)
		for (unsigned int d = 0; d < 2 * ARRAY_SIZE(dirs) && !err; d++) {
			snprintf(path, sizeof(path), SCRATCH_BACKING "/%s/%c%u.%u", client,
				 d % 2 ? 'x' : 'y', op, d / 2);
			err = make_dir(path, d / 2, op);
		}
	return err;
}

/* A client, who may have just the power of whoever registered the tree */
struct run {
	const struct fuse_server *srv;
	const char *client;
	bool same;
};

/* Who has more power may keep bits that below the tree he doesn't */
static bool is_same_mode(mode_t below, mode_t direct, bool same)
{
	mode_t bits = same ? 0 : S_ISUID | S_ISGID;

	return !(below & ~direct) && !((below ^ direct) & ~bits);
}

static bool is_same(const char *below, const char *direct, bool same)
{
	struct stat a = {}, b = {};

	return !lstat(below, &a) == !lstat(direct, &b) &&
	       is_same_mode(a.st_mode, b.st_mode, same) && a.st_uid == b.st_uid &&
	       a.st_gid == b.st_gid && a.st_nlink == b.st_nlink && a.st_size == b.st_size;
}

/* Of the file itself, and what was made beside it */
static bool is_alike(const char *below, const char *direct, bool same)
{
	char other[NAME + 8];

	snprintf(other, sizeof(other), "%s", beside(below));
	return is_same(below, direct, same) && is_same(other, beside(direct), same);
}

/* Whether the client has got something by the tree that it hasn't without, or another */
static int compare(const struct run *run, unsigned int op, unsigned int d, unsigned int f,
		   unsigned int *done)
{
	char fuse[NAME], below[NAME], direct[NAME];
	__u32 before = fuse_server_requests(run->srv);
	int got, may;

	snprintf(fuse, NAME, SCRATCH_FUSE "/%s/x%u.%u/f%u", run->client, op, d, f);
	snprintf(below, NAME, SCRATCH_BACKING "/%s/x%u.%u/f%u", run->client, op, d, f);
	snprintf(direct, NAME, SCRATCH_BACKING "/%s/y%u.%u/f%u", run->client, op, d, f);
	got = ops[op].call(fuse);
	may = ops[op].call(direct);
	/* what the server does, it does as it likes */
	if (fuse_server_requests(run->srv) != before)
		return 0;
	++*done;
	if (got ? !run->same || may : !may && is_alike(below, direct, run->same))
		return 0;
	fprintf(stderr, "# %s: %s in %u's %o, of %u's %o: %d, directly %d\n", run->client,
		ops[op].name, dirs[d].uid, dirs[d].mode, uids[f % 3], modes[f / 3], got, may);
	return 1;
}

/* How often that is so; -ENODATA if it was seldom looked at */
static int compare_all(void *arg)
{
	const struct run *run = arg;
	unsigned int done = 0;
	int bad = 0;

	for (unsigned int op = 0; op < ARRAY_SIZE(ops); op++)
		for (unsigned int d = 0; d < ARRAY_SIZE(dirs); d++)
			for (unsigned int f = 0; f < FILES; f++)
				bad += compare(run, op, d, f, &done);
	return bad ?: done < ARRAY_SIZE(ops) * ARRAY_SIZE(dirs) * FILES / 5 ? -ENODATA : 0;
}

FIXTURE(rights) {
	struct attack attack;
	struct fuse_server *srv;
};

FIXTURE_SETUP(rights)
{
	umask(0);
	if (!attack_ready(_metadata, attack_prepare(&self->attack, SCRATCH_TMPFS)))
		return;
	self->srv = self->attack.srv;
}

FIXTURE_TEARDOWN(rights)
{
	if (self->srv && self->srv->sh) {
		EXPECT_EQ(0, self->srv->sh->no_node);
		/* the tree is all that is left; in a user namespace, nobody may look */
		EXPECT_TRUE(self->attack.userns ||
			    wait_until(table_count(thread_find(self->srv->dev)) == 1));
	}
	attack_teardown(&self->attack);
}

static int register_it(void *dev)
{
	return tree_register(*(int *)dev, SCRATCH_BACKING);
}

static int serve(struct attack *attack, bool userns, uid_t uid)
{
	const struct fuse_server_opts opts = {
		.mount_opts = "default_permissions",
		.mountpoint = SCRATCH_FUSE,
		.backing = SCRATCH_BACKING,
	};
	int id, err;

	err = uid || userns ? attack_serve(attack, userns, &opts) :
			      fuse_server_start(attack->srv, &opts);
	if (err)
		return err;
	attack->srv->sh->deep = true;
	id = uid ? creds_call(&owner, register_it, &attack->srv->fd) :
		   register_it(&attack->srv->fd);
	return id < 0 ? id : tree_attach(attack->srv->fd, FUSE_ROOT_ID, id, TREE_OPS, BOTH);
}

#define ALL_CAPS	(~0ULL >> 23)

static const struct {
	const char *name;
	struct creds who;
} clients[] = {
	{ "user", { .uid = OWNER, .gid = OWNER } },
	{ "stranger", { .uid = STRANGER, .gid = STRANGER } },
	{ "fowner", { .uid = OWNER, .gid = OWNER, .caps = CREDS_CAP(CAP_FOWNER) |
		CREDS_CAP(CAP_CHOWN) | CREDS_CAP(CAP_FSETID) } },
	{ "admin", { .caps = ALL_CAPS } },
	{ "weak", { } },
	{ "group", { .uid = STRANGER } },
};

static int make_clients(void)
{
	int err = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(clients) && !err; i++)
		err = make_all(clients[i].name);
	return err;
}

static int compare_clients(const struct fuse_server *srv, const struct creds *registered)
{
	struct run run = { .srv = srv };
	int ret = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(clients) && !ret; i++) {
		run.client = clients[i].name;
		run.same = !memcmp(&clients[i].who, registered, sizeof(*registered));
		ret = creds_call(&clients[i].who, compare_all, &run);
	}
	return ret;
}

TEST_F_TIMEOUT(rights, of_a_user, 120)
{
	ASSERT_EQ(0, make_clients());
	ASSERT_EQ(0, serve(&self->attack, false, OWNER));
	EXPECT_EQ(0, compare_clients(self->srv, &owner));
}

TEST_F_TIMEOUT(rights, of_root, 120)
{
	const struct creds root = { .caps = ALL_CAPS };

	ASSERT_EQ(0, make_clients());
	ASSERT_EQ(0, serve(&self->attack, false, 0));
	EXPECT_EQ(0, compare_clients(self->srv, &root));
}

/* What belongs to whom the namespace doesn't know, FUSE refuses to change */
TEST_F_TIMEOUT(rights, of_a_user_namespace, 120)
{
	struct run run = { .srv = self->srv, .client = "itself" };

	ASSERT_EQ(0, make_all(run.client));
	ASSERT_EQ(0, serve(&self->attack, true, 0));
	EXPECT_EQ(0, compare_all(&run));
}

TEST_HARNESS_MAIN
