// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks on a security module that goes by paths: changes below a tree, which are made
 * without a system call on the backing filesystem.
 *
 * Proves: what Landlock forbids to whoever registered the tree, nobody has done by that:
 * names are made, removed and moved, and files cut off, only where a domain has no say or
 * allows it. What is refused changes nothing, and the server isn't asked instead.
 *
 * Privilege: root, who restricts a process of its own, and clients that aren't restricted.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "creds.h"
#include "tree_env.h"

#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE	0x4000ULL
#endif

/* The first version that knows of TRUNCATE */
#define LANDLOCK_ABI	3

#define CHANGES	(LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |	\
		 LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REMOVE_FILE |	\
		 LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REFER |	\
		 LANDLOCK_ACCESS_FS_TRUNCATE)

#define BOTH	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)

enum domain { UNRESTRICTED, FORBIDDEN, ALLOWED };

FIXTURE(lsm) {
	struct env env;
	struct fuse_server *srv;
};

FIXTURE_VARIANT(lsm) {
	enum domain domain;
};

/* Controls: nobody is restricted, or the domain allows it */
FIXTURE_VARIANT_ADD(lsm, unrestricted) {
	.domain = UNRESTRICTED,
};

FIXTURE_VARIANT_ADD(lsm, allowed) {
	.domain = ALLOWED,
};

FIXTURE_VARIANT_ADD(lsm, forbidden) {
	.domain = FORBIDDEN,
};

static int landlock_abi(void)
{
	return syscall(__NR_landlock_create_ruleset, NULL, 0,
		       LANDLOCK_CREATE_RULESET_VERSION);
}

static int allow(int ruleset, int dir)
{
	const struct landlock_path_beneath_attr beneath = {
		.allowed_access = CHANGES,
		.parent_fd = dir,
	};

	return syscall(__NR_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
		       &beneath, 0) < 0 ? -errno : 0;
}

/* For good, whoever calls: changes are forbidden, but below @dir if there is one */
static int restrict_self(int dir)
{
	const struct landlock_ruleset_attr attr = { .handled_access_fs = CHANGES };
	int ruleset, err;

	ruleset = syscall(__NR_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return -errno;
	err = dir < 0 ? 0 : allow(ruleset, dir);
	if (!err && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		     syscall(__NR_landlock_restrict_self, ruleset, 0) < 0))
		err = -errno;
	close(ruleset);
	return err;
}

struct registration {
	int dev;
	enum domain domain;
};

static int register_restricted(void *arg)
{
	const struct registration *reg = arg;
	int dir = open(SCRATCH_BACKING, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int err;

	if (dir < 0)
		return -errno;
	err = reg->domain == UNRESTRICTED ? 0 :
	      restrict_self(reg->domain == ALLOWED ? dir : -1);
	close(dir);
	return err ?: tree_register(reg->dev, SCRATCH_BACKING);
}

/* Of the same power as the test: a domain isn't a part of that */
static int register_as(enum domain domain, int dev)
{
	const struct creds root = { .caps = ~0ULL >> 23 };
	struct registration reg = { dev, domain };

	return creds_call(&root, register_restricted, &reg);
}

/* What the attempts below need, each a name of its own */
static int make_tree(void)
{
	static const char * const files[] = {
		"dir/cut", "dir/cut-open", "dir/cut-by-open", "dir/linked", "dir/moved",
		"dir/moved-away", "dir/replacing", "dir/replaced", "dir/one", "dir/other",
		"dir/removed",
	};
	int err = 0;

	if (mkdir(scratch_path("dir"), 0755) < 0 ||
	    mkdir(scratch_path("dir/sub"), 0755) < 0 ||
	    mkdir(scratch_path("dir/moved-dir"), 0755) < 0)
		return -errno;
	for (unsigned int i = 0; i < ARRAY_SIZE(files) && !err; i++)
		err = scratch_file(files[i], 100 + i, 1);
	return err;
}

FIXTURE_SETUP(lsm)
{
	int err, id;

	if (variant->domain != UNRESTRICTED && landlock_abi() < LANDLOCK_ABI)
		SKIP(return, "needs Landlock of version %d", LANDLOCK_ABI);
	err = tree_env_setup(&self->env, SCRATCH_TMPFS, make_tree);
	if (err == -EOPNOTSUPP)
		SKIP(return, "needs root, FUSE passthrough");
	ASSERT_EQ(0, err);
	self->srv = &self->env.srv;
	id = register_as(variant->domain, self->srv->fd);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, tree_attach(self->srv->fd, FUSE_ROOT_ID, id, TREE_OPS, BOTH));
	ASSERT_EQ(0, access(SCRATCH_FUSE, F_OK));
	fuse_server_new_requests(self->srv);
}

FIXTURE_TEARDOWN(lsm)
{
	tree_end(_metadata, &self->env);
}

static int try_create(void)
{
	int fd = open(tree_at("dir/created"), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 ? -1 : close(fd);
}

static int try_mknod(void)
{
	return mknod(tree_at("dir/node"), S_IFREG | 0600, 0);
}

static int try_mkdir(void)
{
	return mkdir(tree_at("dir/new"), 0700);
}

static int try_symlink(void)
{
	return symlink("removed", tree_at("dir/symlink"));
}

static int try_link(void)
{
	return link(tree_at("dir/linked"), tree_at("dir/link"));
}

static int try_link_elsewhere(void)
{
	return link(tree_at("dir/linked"), tree_at("link"));
}

static int try_move(void)
{
	return rename(tree_at("dir/moved"), tree_at("dir/to"));
}

static int try_move_away(void)
{
	return rename(tree_at("dir/moved-away"), tree_at("to"));
}

static int try_move_dir(void)
{
	return rename(tree_at("dir/moved-dir"), tree_at("dir/to-dir"));
}

static int try_replace(void)
{
	return rename(tree_at("dir/replacing"), tree_at("dir/replaced"));
}

static int try_exchange(void)
{
	return renameat2(AT_FDCWD, tree_at("dir/one"), AT_FDCWD, tree_at("dir/other"),
			 RENAME_EXCHANGE);
}

static int try_unlink(void)
{
	return unlink(tree_at("dir/removed"));
}

static int try_rmdir(void)
{
	return rmdir(tree_at("dir/sub"));
}

static int try_truncate(void)
{
	return truncate(tree_at("dir/cut"), 1);
}

static int try_ftruncate(void)
{
	int fd = open(tree_at("dir/cut-open"), O_RDWR | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -1;
	err = ftruncate(fd, 1) < 0 ? errno : 0;
	close(fd);
	errno = err;
	return err ? -1 : 0;
}

static int try_open_empty(void)
{
	int fd = open(tree_at("dir/cut-by-open"), O_RDWR | O_TRUNC | O_CLOEXEC);

	return fd < 0 ? -1 : close(fd);
}

static const struct {
	const char *name;
	int (*try)(void);
} attempts[] = {
	{ "create", try_create },
	{ "mknod", try_mknod },
	{ "mkdir", try_mkdir },
	{ "symlink", try_symlink },
	{ "link", try_link },
	{ "link elsewhere", try_link_elsewhere },
	{ "rename", try_move },
	{ "rename elsewhere", try_move_away },
	{ "rename a directory", try_move_dir },
	{ "replace", try_replace },
	{ "exchange", try_exchange },
	{ "unlink", try_unlink },
	{ "rmdir", try_rmdir },
	{ "truncate", try_truncate },
	{ "ftruncate", try_ftruncate },
	{ "open with O_TRUNC", try_open_empty },
};

/* Names, and what they stand for */
static void look_at(const char *dir, FILE *out)
{
	struct dirent **entries;
	char path[PATH_MAX];
	struct stat st;
	int n = scandir(dir, &entries, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
		if (!lstat(path, &st))
			fprintf(out, "%s %lu %ld\n", path, st.st_ino, st.st_size);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

/* All that is in the backing directory, to be freed */
static char *look_below(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	look_at(SCRATCH_BACKING, out);
	look_at(scratch_path("dir"), out);
	fclose(out);
	return text;
}

TEST_F(lsm, changes)
{
	bool forbidden = variant->domain == FORBIDDEN;
	char *before, *after;
	int err;

	for (unsigned int i = 0; i < ARRAY_SIZE(attempts); i++) {
		before = look_below();
		err = attempts[i].try() < 0 ? errno : 0;
		after = look_below();
		ASSERT_NE(NULL, before);
		ASSERT_NE(NULL, after);
		EXPECT_EQ(forbidden ? EACCES : 0, err)
			TH_LOG("%s", attempts[i].name);
		EXPECT_EQ(forbidden, !strcmp(before, after))
			TH_LOG("%s", attempts[i].name);
		free(before);
		free(after);
	}
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* What the domain has no say in goes on */
TEST_F(lsm, what_is_no_change_of_names)
{
	int fd = open(tree_at("dir/cut"), O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	EXPECT_EQ(4, pwrite(fd, "text", 4, 0));
	close(fd);
	EXPECT_EQ(0, scratch_compare("dir/cut", "text", 4, 0));
	EXPECT_EQ(0, utimensat(AT_FDCWD, tree_at("dir/cut"), NULL, 0));
	EXPECT_EQ(0, chmod(tree_at("dir/cut"), 0600));
	EXPECT_EQ(0, chown(tree_at("dir/cut"), 1234, 1234));
	EXPECT_TRUE(tree_same_stat("dir/cut"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* Control: a domain forbids the same to whoever is in it, by a system call */
static int make_directly(void *path)
{
	int err = restrict_self(-1);

	return err ?: mkdir(path, 0700) < 0 ? -errno : 0;
}

TEST_F(lsm, system_call)
{
	const struct creds root = { .caps = ~0ULL >> 23 };

	if (landlock_abi() < LANDLOCK_ABI)
		SKIP(return, "needs Landlock of version %d", LANDLOCK_ABI);
	EXPECT_EQ(-EACCES, creds_call(&root, make_directly,
				      (void *)scratch_path("dir/direct")));
}

TEST_HARNESS_MAIN
