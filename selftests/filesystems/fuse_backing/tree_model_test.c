// SPDX-License-Identifier: GPL-2.0
/*
 * A tree with rules, against a model of it.
 *
 * Proves: whatever is made, moved, linked and removed in the backing directory, and
 * whatever rules there are in the root, each name of a small set, at three depths, is what
 * the backing directory has or isn't there, as the rules say; so is what a listing says.
 * SEED= and STEPS= in the environment repeat a run, or make it longer.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "dir_lister.h"
#include "rules.h"
#include "tree_env.h"

#define BELOW	(FUSE_BACKING_OPS_LOOKUP | FUSE_BACKING_OPS_ATTR |	\
		 FUSE_BACKING_OPS_LIST | FUSE_BACKING_OPS_READLINK |	\
		 FUSE_BACKING_OPS_OPEN)
/* So few that the server can know all paths */
#define NAMES	3
#define DEPTH	3

static const char *const names[NAMES] = { "x", "yz", "v.w" };

FIXTURE(tree_model) {
	struct env env;
	struct fuse_server *srv;
	int dev;
	unsigned int seed;
	unsigned int step;
	const char *what;	/* was done last */
	char name[64];		/* with what */
	struct rule rule[NAMES];	/* of the root; all that is not said is PASS */
};

static unsigned int number(const char *name, unsigned int otherwise)
{
	const char *value = getenv(name);

	return value ? strtoul(value, NULL, 0) : otherwise;
}

FIXTURE_SETUP(tree_model)
{
	if (!tree_start(_metadata, &self->env, SCRATCH_TMPFS, NULL, BELOW,
			FUSE_BACKING_READ | FUSE_BACKING_WRITE))
		return;
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
	/* what it says of its names is good for no longer than it takes */
	self->srv->sh->entry_valid = 0;
	for (int i = 0; i < NAMES; i++)
		self->rule[i] = (struct rule)RULE_PASS(names[i]);
	self->seed = number("SEED", time(NULL));
	TH_LOG("SEED=%u", self->seed);
}

FIXTURE_TEARDOWN(tree_model)
{
	tree_end(_metadata, &self->env);
}

static unsigned int below(FIXTURE_DATA(tree_model) * self, unsigned int limit)
{
	return rand_r(&self->seed) % limit;
}

/* A path of up to DEPTH names, from the root */
static const char *some_name(FIXTURE_DATA(tree_model) * self)
{
	static char name[2][64];
	static int turn;
	unsigned int depth = 1 + below(self, DEPTH);
	size_t n = 0;

	turn = !turn;
	for (unsigned int i = 0; i < depth; i++)
		n += snprintf(name[turn] + n, sizeof(name[turn]) - n, "%s%s",
			      i ? "/" : "", names[below(self, NAMES)]);
	return name[turn];
}

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd >= 0)
		close(fd);
}

/* Whether it can be done is no matter: what becomes of it is looked at */
static void change_backing(FIXTURE_DATA(tree_model) * self)
{
	const char *name = tree_under(SCRATCH_BACKING, some_name(self));
	const char *other = tree_under(SCRATCH_BACKING, some_name(self));

	snprintf(self->name, sizeof(self->name), "%s", name + strlen(SCRATCH_BACKING));
	switch (below(self, 7)) {
	case 0:
		self->what = "mkdir";
		mkdir(name, 0755);
		break;
	case 1:
		self->what = "file";
		make_file(name);
		break;
	case 2:
		self->what = "symlink";
		/* to a name that others make would be another rule's */
		if (symlink("nowhere", name))
			break;
		break;
	case 3:
		self->what = "remove";
		remove(name);
		break;
	case 4:
		self->what = "link";
		if (link(name, other))
			break;
		break;
	default:
		self->what = "rename";
		rename(name, other);
	}
}

static int set_rules(FIXTURE_DATA(tree_model) * self)
{
	struct rule *rule = &self->rule[below(self, NAMES)];
	bool was_named = rule->verdict == FUSE_BACKING_SERVER;
	int err;

	self->what = "rule";
	snprintf(self->name, sizeof(self->name), "%s", rule->name);
	rule->verdict = below(self, 3);
	rule->type = rule->verdict == FUSE_BACKING_SERVER && below(self, 2) ?
		     DT_FIFO : 0;
	rule->ino = rule->type ? 4242 : 0;
	err = rules_set(self->dev, FUSE_ROOT_ID, self->rule, NAMES,
			FUSE_BACKING_PASS);
	if (!err && was_named)
		err = fuse_server_drop_name(self->srv, rule->name);
	/* which the kernel may not know */
	return err == -ENOENT ? 0 : err;
}

/* Of the first name of a path */
static const struct rule *rule_of(const FIXTURE_DATA(tree_model) * self,
				  const char *path)
{
	size_t len = strcspn(path, "/");

	for (int i = 0; i < NAMES; i++)
		if (strlen(names[i]) == len && !strncmp(names[i], path, len))
			return &self->rule[i];
	return NULL;
}

static bool is_same(struct __test_metadata *_metadata,
		    const FIXTURE_DATA(tree_model) * self, const char *name)
{
	const struct rule *rule = rule_of(self, name);
	__u32 before = fuse_server_ops(self->srv, FUSE_LOOKUP);
	struct stat a = {}, b = {};
	int there, seen;

	seen = lstat(tree_under(SCRATCH_FUSE, name), &a) ? errno : 0;
	there = lstat(tree_under(SCRATCH_BACKING, name), &b) ? errno : 0;
	if (rule->verdict == FUSE_BACKING_HIDE)
		return seen == ENOENT;
	/* the server reads no symbolic links, where one is on the way: it doesn't know how */
	if (rule->verdict == FUSE_BACKING_SERVER && seen == ENOSYS)
		return true;
	/* what the server says is good for no longer than it takes */
	if (rule->verdict == FUSE_BACKING_SERVER &&
	    fuse_server_ops(self->srv, FUSE_LOOKUP) == before)
		return false;
	if (seen == there && a.st_ino == b.st_ino &&
	    (a.st_mode & S_IFMT) == (b.st_mode & S_IFMT))
		return true;
	TH_LOG("%s: %s, not %s; number %lu, not %lu; mode %o, not %o; verdict %u", name,
	       strerror(seen), strerror(there), a.st_ino, b.st_ino, a.st_mode,
	       b.st_mode, rule->verdict);
	return false;
}

/* Of one name in the root: once, or not at all */
static bool is_listed(const struct rule *rule, const struct dir_list *direct,
		      const struct dir_list *seen)
{
	const struct dir_entry *entry = dir_list_find(seen, rule->name);
	const struct dir_entry *there = dir_list_find(direct, rule->name);

	if (dir_list_count(seen, rule->name) > 1)
		return false;
	if (rule->verdict == FUSE_BACKING_HIDE)
		return !entry;
	/* what the kernel has looked up is listed as that */
	if (rule->type)
		return entry && (entry->ino == rule->ino ||
				 (there && entry->ino == there->ino));
	return !entry == !there && (!entry || entry->ino == there->ino);
}

static bool is_root_listed(const FIXTURE_DATA(tree_model) * self)
{
	struct dir_list direct = {}, seen = {};
	struct stat st;
	bool good;

	/* what the server named is listed as it was when somebody looked */
	for (int i = 0; i < NAMES; i++)
		lstat(tree_under(SCRATCH_FUSE, names[i]), &st);
	good = !dir_list_path(&direct, SCRATCH_BACKING) &&
	       !dir_list_path(&seen, SCRATCH_FUSE);
	for (int i = 0; good && i < NAMES; i++)
		good = is_listed(&self->rule[i], &direct, &seen);
	dir_list_free(&direct);
	dir_list_free(&seen);
	return good;
}

/* A directory that is passed through, with all that is in there */
static bool is_dir_listed(const FIXTURE_DATA(tree_model) * self, const char *name)
{
	struct dir_list direct = {}, seen = {};
	bool good = true;

	if (rule_of(self, name)->verdict != FUSE_BACKING_PASS ||
	    dir_list_path(&direct, tree_under(SCRATCH_BACKING, name)))
		return true;
	good = !dir_list_path(&seen, tree_under(SCRATCH_FUSE, name)) &&
	       direct.count == seen.count;
	for (size_t i = 0; good && i < direct.count; i++)
		good = dir_list_count(&seen, direct.entry[i].name) == 1;
	dir_list_free(&direct);
	dir_list_free(&seen);
	return good;
}

TEST_F_TIMEOUT(tree_model, agrees, 200)
{
	unsigned int steps = number("STEPS", 3000);
	const char *name;

	for (self->step = 0; self->step < steps; self->step++) {
		if (below(self, 8))
			change_backing(self);
		else
			ASSERT_EQ(0, set_rules(self));
		for (int i = 0; i < 4; i++) {
			name = some_name(self);
			ASSERT_TRUE(is_same(_metadata, self, name))
				TH_LOG("%s, step %u: after %s %s", name, self->step,
				       self->what, self->name);
		}
		if (below(self, 8))
			continue;
		ASSERT_TRUE(is_root_listed(self))
			TH_LOG("step %u: after %s %s", self->step, self->what,
			       self->name);
		name = some_name(self);
		ASSERT_TRUE(is_dir_listed(self, name))
			TH_LOG("%s, step %u: after %s %s", name, self->step,
			       self->what, self->name);
	}
}

TEST_HARNESS_MAIN
