// SPDX-License-Identifier: GPL-2.0
/*
 * A tree in which a name has several spellings.
 *
 * Proves: where a filesystem finds a name by other spellings of it, which neither rules nor a
 * program know, all names are the server's: those that rules are of, by whatever spelling, and
 * those that they aren't; for who looks, opens, makes and removes. Where it doesn't, they
 * aren't.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fs.h>

#include "harness.h"

#include "filter.h"
#include "rules.h"
#include "tree_env.h"

#define BOTH	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)

FIXTURE(spelling) {
	struct env env;
	struct fuse_server *srv;
	struct filter filter;
};

FIXTURE_VARIANT(spelling) {
	int (*make)(void);
	bool folds;
};

static int make_names(void)
{
	return tree_write_text(scratch_path("secret")) ?:
	       tree_write_text(scratch_path("hidden")) ?:
	       tree_write_text(scratch_path("plain"));
}

static int make_folded(void)
{
	if (mount("spelling", SCRATCH_BACKING, "tmpfs", 0, "casefold") < 0)
		return -errno;
	return scratch_flags("", FS_CASEFOLD_FL) ?: make_names();
}

FIXTURE_VARIANT_ADD(spelling, several) {
	.make = make_folded,
	.folds = true,
};

/* control */
FIXTURE_VARIANT_ADD(spelling, one) {
	.make = make_names,
};

FIXTURE_SETUP(spelling)
{
	if (access("/sys/fs/tmpfs/features/casefold", F_OK))
		SKIP(return, "names on tmpfs have one spelling here");
	tree_start(_metadata, &self->env, SCRATCH_TMPFS, variant->make, TREE_OPS, BOTH);
	self->srv = &self->env.srv;
}

FIXTURE_TEARDOWN(spelling)
{
	filter_close(&self->filter);
	tree_end(_metadata, &self->env);
	umount(SCRATCH_BACKING);
}

/* Is the server asked for it? Whatever it says. */
static bool asks_for(struct fuse_server *srv, const char *name)
{
	__u32 before = fuse_server_ops(srv, FUSE_LOOKUP);

	access(tree_at(name), F_OK);
	return fuse_server_ops(srv, FUSE_LOOKUP) != before;
}

TEST_F(spelling, looked_up)
{
	EXPECT_EQ(variant->folds, asks_for(self->srv, "plain"));
	EXPECT_EQ(variant->folds, asks_for(self->srv, "PLAIN"));
	EXPECT_EQ(variant->folds, asks_for(self->srv, "nothing"));
	/* control: that is how it is found */
	EXPECT_EQ(variant->folds, !access(scratch_path("PLAIN"), F_OK));
}

TEST_F(spelling, rules)
{
	static const struct rule rules[] = { RULE_SERVER("secret"), RULE_HIDE("hidden") };

	ASSERT_EQ(0, rules_set(self->srv->fd, FUSE_ROOT_ID, rules, ARRAY_SIZE(rules),
			       FUSE_BACKING_PASS));
	EXPECT_EQ(variant->folds, asks_for(self->srv, "SECRET"));
	EXPECT_EQ(variant->folds, asks_for(self->srv, "Hidden"));
	/* control: so they were written */
	EXPECT_TRUE(asks_for(self->srv, "secret"));
	EXPECT_FALSE(asks_for(self->srv, "hidden"));
}

/* It hides "secret", as that is spelled */
TEST_F(spelling, program)
{
	const struct filter_opts opts = { .fuse_fd = self->srv->fd };
	__u32 asked;

	if (access("/sys/kernel/btf/vmlinux", F_OK))
		SKIP(return, "the kernel has no BTF");
	ASSERT_EQ(0, filter_start(&self->filter, "lookups", &opts));
	memcpy(self->filter.state->only, "secret", sizeof("secret"));
	self->filter.state->verdict = FUSE_BACKING_HIDE;
	/* found as "secret", which it hides, by a spelling that it doesn't */
	EXPECT_EQ(variant->folds, asks_for(self->srv, "SECRET"));
	EXPECT_EQ(variant->folds, !access(scratch_path("SECRET"), F_OK));
	asked = self->filter.state->calls[FILTER_LOOKUP];
	/* control: it is asked */
	EXPECT_FALSE(asks_for(self->srv, "secret"));
	EXPECT_LT(asked, self->filter.state->calls[FILTER_LOOKUP]);
}

TEST_F(spelling, opened)
{
	int fd = open(tree_at("Plain"), O_RDONLY | O_CLOEXEC);

	close(fd);
	EXPECT_EQ(variant->folds, fuse_server_ops(self->srv, FUSE_LOOKUP) == 1);
}

TEST_F(spelling, changed)
{
	static const struct rule rules[] = { RULE_SERVER("secret") };

	ASSERT_EQ(0, rules_set(self->srv->fd, FUSE_ROOT_ID, rules, ARRAY_SIZE(rules),
			       FUSE_BACKING_PASS));
	unlink(tree_at("SECRET"));
	EXPECT_EQ(0, access(scratch_path("secret"), F_OK));
	mkdir(tree_at("Other"), 0755);
	EXPECT_EQ(variant->folds, fuse_server_ops(self->srv, FUSE_MKDIR) == 1);
	unlink(tree_at("plain"));
	EXPECT_EQ(variant->folds, fuse_server_ops(self->srv, FUSE_UNLINK) >= 1);
}

TEST_HARNESS_MAIN
