// SPDX-License-Identifier: GPL-2.0
/*
 * A tree with rules, against a model of it.
 *
 * Proves: whatever is made, moved, linked and removed in the backing directory or through
 * the mount, whatever rules there are in the root and in a directory below, which moves as
 * any other, and however often the tree is detached and attached again, each name of a
 * small set, at three depths, is what the backing directory has or isn't there, as the
 * rules say; so is what a listing says. What is changed through the mount ends as the same
 * in a copy that nobody passes through, without the server. SEED= and STEPS= in the
 * environment repeat a run, or make it longer.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "dir_lister.h"
#include "rules.h"
#include "tree_env.h"

#define BELOW	(FUSE_BACKING_OPS_LOOKUP | FUSE_BACKING_OPS_ATTR |	\
		 FUSE_BACKING_OPS_LIST | FUSE_BACKING_OPS_READLINK |	\
		 FUSE_BACKING_OPS_OPEN | FUSE_BACKING_OPS_NAMES)
#define BOTH	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
/* All that is done in the backing directory is done there, too */
#define COPY	SCRATCH_OTHER "/copy"
/* So few that the server can know all paths */
#define NAMES	3
#define DEPTH	3

static const char *const names[NAMES] = { "x", "yz", "v.w" };

FIXTURE(tree_model) {
	struct env env;
	struct fuse_server *srv;
	int dev;
	int id;
	unsigned int seed;
	unsigned int step;
	const char *what;	/* was done last */
	char name[64];		/* with what */
	struct rule rule[NAMES];	/* of the root; all that is not said is PASS */
	bool detached;
	/* A directory below that has some, with its number; it is open */
	struct rule below[NAMES];
	int ruled;
	__u64 node;
	ino_t ino;
	/* What directories were that the server was told of: it knows them by their paths */
	ino_t told[FUSE_SERVER_FILES];
};

static void pass_all(struct rule *rule)
{
	for (int i = 0; i < NAMES; i++)
		rule[i] = (struct rule)RULE_PASS(names[i]);
}

FIXTURE_SETUP(tree_model)
{
	self->ruled = -1;
	self->id = tree_start(_metadata, &self->env, SCRATCH_TMPFS, NULL, BELOW, BOTH);
	if (!self->id)
		return;
	/* as if this had no others, either */
	for (char name[] = "a"; name[0] <= 'd'; name[0]++)
		ASSERT_EQ(0, unlink(scratch_path(name)));
	ASSERT_EQ(0, mount("x", SCRATCH_OTHER, "tmpfs", 0, ""));
	ASSERT_EQ(0, mkdir(COPY, 0755));
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
	/* what it says of its names is good for no longer than it takes */
	self->srv->sh->entry_valid = 0;
	pass_all(self->rule);
	pass_all(self->below);
	self->seed = tree_number("SEED", time(NULL));
	TH_LOG("SEED=%u", self->seed);
}

FIXTURE_TEARDOWN(tree_model)
{
	close(self->ruled);
	umount(SCRATCH_OTHER);
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

static int make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

/* What can be done with a name, or with two, below @top: 0 or -errno */
static int change(unsigned int what, const char *top, const char *name, const char *other)
{
	const char *path = tree_under(top, name), *to = tree_under(top, other);
	int err;

	switch (what) {
	case 0:
		err = mkdir(path, 0755);
		break;
	case 1:
		err = make_file(path);
		break;
	case 2:
		/* to a name that others make would be another rule's */
		err = symlink("nowhere", path);
		break;
	case 3:
		err = remove(path);
		break;
	case 4:
		err = link(path, to);
		break;
	default:
		err = rename(path, to);
	}
	return err ? -errno : 0;
}

static const char *choose_change(FIXTURE_DATA(tree_model) * self, unsigned int *what,
				 const char **name, const char **other)
{
	static const char * const words[] = {
		"mkdir", "file", "symlink", "remove", "link", "rename", "rename",
	};

	*what = below(self, 7);
	*name = some_name(self);
	*other = some_name(self);
	snprintf(self->name, sizeof(self->name), "%s %s", *name, *what > 3 ? *other : "");
	return words[*what];
}

/* Whether it can be done is no matter: what becomes of it is looked at */
static void change_backing(FIXTURE_DATA(tree_model) * self)
{
	const char *name, *other;
	unsigned int what;

	self->what = choose_change(self, &what, &name, &other);
	change(what, SCRATCH_BACKING, name, other);
	change(what, COPY, name, other);
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

/* What there is of a directory has rules of its own, wherever it is by now */
static bool is_ruled(const FIXTURE_DATA(tree_model) * self, const char *path)
{
	struct stat st;

	return self->ruled >= 0 && !lstat(tree_under(SCRATCH_BACKING, path), &st) &&
	       st.st_ino == self->ino;
}

static const struct rule *rule_of_name(const struct rule *rules, const char *name)
{
	size_t len = strcspn(name, "/");

	for (int i = 0; i < NAMES; i++)
		if (strlen(names[i]) == len && !strncmp(names[i], name, len))
			return &rules[i];
	return NULL;
}

/* The names on the way down @path, up to @len, and at last all of it; false at its end */
static bool next_on_way(const char *path, size_t *len, char dir[64])
{
	if (*len && !path[*len])
		return false;
	*len += *len > 0;
	*len += strcspn(path + *len, "/");
	snprintf(dir, 64, "%.*s", (int)*len, path);
	return true;
}

/* Of the names on the way, too: the first that isn't passed through */
static __u32 verdict_of(const FIXTURE_DATA(tree_model) * self, const char *path)
{
	__u32 verdict = rule_of_name(self->rule, path)->verdict;
	size_t len = 0;
	char dir[64];

	while (verdict == FUSE_BACKING_PASS && next_on_way(path, &len, dir) && path[len])
		if (is_ruled(self, dir))
			verdict = rule_of_name(self->below, path + len + 1)->verdict;
	return self->detached ? FUSE_BACKING_SERVER : verdict;
}

/* Of what the server knows a directory by, or NULL */
static ino_t *told(FIXTURE_DATA(tree_model) * self, const char *dir)
{
	const struct fuse_server_file *file = server_shared_find(self->srv->sh, dir);

	return file ? &self->told[file - self->srv->sh->file] : NULL;
}

/* It was told of all on the way; some may have been known before, as others */
static void tell(FIXTURE_DATA(tree_model) * self, const char *path, bool anew)
{
	struct stat st;
	size_t len = 0;
	char dir[64];
	ino_t *ino;

	while (next_on_way(path, &len, dir)) {
		ino = told(self, dir);
		if (ino && (anew || !*ino) && !lstat(scratch_path(dir), &st))
			*ino = st.st_ino;
	}
}

/*
 * Does the server take another directory, which was there, for one on the way? Or the one
 * that has rules for itself: by its old name it is the same node, and keeps them.
 */
static bool is_taken_for_another(FIXTURE_DATA(tree_model) * self, const char *path)
{
	const ino_t *ino;
	struct stat st;
	size_t len = 0;
	char dir[64];

	while (next_on_way(path, &len, dir)) {
		ino = told(self, dir);
		if (is_ruled(self, dir) ||
		    (ino && *ino && !lstat(scratch_path(dir), &st) && st.st_ino != *ino))
			return true;
	}
	return false;
}

/* Does the server have this directory by another name?  What it says of that is put here */
static bool is_told_elsewhere(const FIXTURE_DATA(tree_model) * self, const char *name,
			      ino_t ino)
{
	for (unsigned int i = 0; i < FUSE_SERVER_FILES; i++)
		if (self->told[i] == ino && strcmp(self->srv->sh->file[i].name, name))
			return true;
	return false;
}

static bool is_same(struct __test_metadata *_metadata,
		    FIXTURE_DATA(tree_model) * self, const char *name)
{
	const __u32 verdict = verdict_of(self, name);
	__u32 before = fuse_server_ops(self->srv, FUSE_LOOKUP);
	struct stat a = {}, b = {};
	int there, seen;

	seen = lstat(tree_under(SCRATCH_FUSE, name), &a) ? errno : 0;
	there = lstat(tree_under(SCRATCH_BACKING, name), &b) ? errno : 0;
	if (verdict == FUSE_BACKING_HIDE)
		return seen == ENOENT;
	if (!seen && !there && is_told_elsewhere(self, name, b.st_ino))
		return S_ISDIR(a.st_mode);
	/* the server reads no symbolic links, where one is on the way: it doesn't know how */
	if (verdict == FUSE_BACKING_SERVER &&
	    (seen == ENOSYS || is_taken_for_another(self, name)))
		return true;
	/* what the server says is good for no longer than it takes */
	if (verdict == FUSE_BACKING_SERVER &&
	    fuse_server_ops(self->srv, FUSE_LOOKUP) == before)
		return false;
	if (seen == there && a.st_ino == b.st_ino &&
	    (a.st_mode & S_IFMT) == (b.st_mode & S_IFMT))
		return true;
	TH_LOG("%s: %s, not %s; number %lu, not %lu; mode %o, not %o; verdict %u", name,
	       strerror(seen), strerror(there), a.st_ino, b.st_ino, a.st_mode,
	       b.st_mode, verdict);
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

static bool is_entry_shown(const FIXTURE_DATA(tree_model) * self, const char *dir,
			   const char *name)
{
	/* nobody has rules for what a symbolic link made */
	return !is_ruled(self, dir) || !rule_of_name(self->below, name) ||
	       rule_of_name(self->below, name)->verdict == FUSE_BACKING_PASS;
}

/* A directory that is passed through, with all that is in there but what is hidden */
static bool is_dir_listed(const FIXTURE_DATA(tree_model) * self, const char *name)
{
	struct dir_list direct = {}, seen = {};
	bool good = true;
	size_t shown = 0;

	if (verdict_of(self, name) != FUSE_BACKING_PASS ||
	    dir_list_path(&direct, tree_under(SCRATCH_BACKING, name)))
		return true;
	good = !dir_list_path(&seen, tree_under(SCRATCH_FUSE, name));
	for (size_t i = 0; good && i < direct.count; i++) {
		if (!is_entry_shown(self, name, direct.entry[i].name))
			continue;
		shown++;
		good = dir_list_count(&seen, direct.entry[i].name) == 1;
	}
	good = good && seen.count == shown;
	dir_list_free(&direct);
	dir_list_free(&seen);
	return good;
}

static __u32 changes_asked_for(const FIXTURE_DATA(tree_model) * self)
{
	static const __u32 ops[] = {
		FUSE_CREATE, FUSE_MKNOD, FUSE_MKDIR, FUSE_SYMLINK, FUSE_LINK,
		FUSE_UNLINK, FUSE_RMDIR, FUSE_RENAME, FUSE_RENAME2,
	};
	__u32 sum = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++)
		sum += fuse_server_ops(self->srv, ops[i]);
	return sum;
}

/* It ends as in the copy, and the server doesn't hear of it */
static bool change_mount(struct __test_metadata *_metadata, FIXTURE_DATA(tree_model) * self)
{
	__u32 before = changes_asked_for(self);
	const char *name, *other;
	unsigned int what;
	int err, wanted;

	self->what = choose_change(self, &what, &name, &other);
	/* what others say of names is not what the backing directory has */
	if (verdict_of(self, name) != FUSE_BACKING_PASS ||
	    (what > 3 && verdict_of(self, other) != FUSE_BACKING_PASS))
		return true;
	/* nor is it known there whether a directory with rules is empty */
	if (what > 2 && is_ruled(self, what == 3 ? name : other))
		return true;
	err = change(what, SCRATCH_FUSE, name, other);
	wanted = change(what, COPY, name, other);
	if (err == wanted && changes_asked_for(self) == before)
		return true;
	TH_LOG("%d, not %d; %u requests", err, wanted, changes_asked_for(self) - before);
	return false;
}

static int end_below(FIXTURE_DATA(tree_model) * self)
{
	int err = 0;

	if (self->ruled < 0)
		return 0;
	pass_all(self->below);
	/* the directory may have been removed */
	if (!self->detached)
		err = rules_set(self->dev, self->node, NULL, 0, FUSE_BACKING_PASS);
	close(self->ruled);
	self->ruled = -1;
	return err;
}

/*
 * Some of what is in another directory is hidden. The server has to know it: what it can't
 * be told, as it knows another by that name, is left as it is.
 */
static int rule_below(FIXTURE_DATA(tree_model) * self)
{
	const char *name = some_name(self);
	int err = end_below(self);
	struct stat st;

	self->what = "rule below";
	snprintf(self->name, sizeof(self->name), "%s", name);
	if (err || verdict_of(self, name) != FUSE_BACKING_PASS ||
	    lstat(scratch_path(name), &st) || !S_ISDIR(st.st_mode) ||
	    is_told_elsewhere(self, name, st.st_ino))
		return err;
	err = chmod(tree_at(name), 0755);
	tell(self, name, !err);
	if (err)
		return 0;
	self->ruled = open(tree_at(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (self->ruled < 0)
		return -errno;
	self->ino = st.st_ino;
	self->node = fuse_server_node(self->srv, server_shared_find(self->srv->sh, name));
	for (int i = 0; i < NAMES; i++)
		self->below[i].verdict = below(self, 2) ? FUSE_BACKING_HIDE :
							  FUSE_BACKING_PASS;
	return rules_set(self->dev, self->node, self->below, NAMES, FUSE_BACKING_PASS);
}

/* What the server has said of names isn't what is below */
static int drop_names(const FIXTURE_DATA(tree_model) * self)
{
	int err = 0;

	for (int i = 0; i < NAMES && !err; i++) {
		err = fuse_server_drop_name(self->srv, names[i]);
		if (err == -ENOENT)
			err = 0;
	}
	return err;
}

/* With all rules: they go with it */
static int detach_or_attach(FIXTURE_DATA(tree_model) * self)
{
	int err;

	self->what = self->detached ? "attach" : "detach";
	self->name[0] = '\0';
	if (!self->detached) {
		err = end_below(self);
		if (!err)
			err = fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0);
		self->detached = !err;
		return err;
	}
	err = drop_names(self);
	if (!err)
		err = tree_attach(self->dev, FUSE_ROOT_ID, self->id, BELOW, BOTH);
	self->detached = err;
	pass_all(self->rule);
	return err;
}

static bool do_step(struct __test_metadata *_metadata, FIXTURE_DATA(tree_model) * self)
{
	switch (below(self, 16)) {
	case 0:
		return self->detached || !set_rules(self);
	case 1:
		return self->detached || !rule_below(self);
	case 2:
		return below(self, 4) || !detach_or_attach(self);
	case 3 ... 8:
		return change_mount(_metadata, self);
	default:
		change_backing(self);
		return true;
	}
}

TEST_F_TIMEOUT(tree_model, agrees, 200)
{
	unsigned int steps = tree_number("STEPS", 3000);
	const char *name;

	for (self->step = 0; self->step < steps; self->step++) {
		ASSERT_TRUE(do_step(_metadata, self))
			TH_LOG("step %u: %s %s", self->step, self->what, self->name);
		for (int i = 0; i < 4; i++) {
			name = some_name(self);
			ASSERT_TRUE(is_same(_metadata, self, name))
				TH_LOG("%s, step %u: after %s %s", name, self->step,
				       self->what, self->name);
		}
		if (self->detached || below(self, 8))
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
