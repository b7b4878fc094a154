// SPDX-License-Identifier: GPL-2.0
/*
 * A BPF program decides about names below a tree.
 *
 * Proves: a name is passed through, isn't there, or is the server's, as the program says, each
 * time it is used; after the rules, which it is not asked to overrule; for one caller otherwise
 * than for another, without taking away what the other has, and nothing that the server said for
 * one is kept for all; the server is asked in no directory that it doesn't know; a listing shows
 * what may be looked up; what the program was asked is what was used; a program that goes leaves
 * all names there, and one that is sticky none, not even those that the server was told of;
 * nothing is asked of a program about what isn't below a tree.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "creds.h"
#include "filter.h"
#include "rules.h"
#include "tree_env.h"

#define BELOW	(FUSE_BACKING_OPS_LOOKUP | FUSE_BACKING_OPS_ATTR |	\
		 FUSE_BACKING_OPS_LIST | FUSE_BACKING_OPS_READLINK |	\
		 FUSE_BACKING_OPS_OPEN)
#define PASS	FUSE_BACKING_PASS
#define HIDE	FUSE_BACKING_HIDE
#define SERVER	FUSE_BACKING_SERVER
#define ALICE	1000

FIXTURE(names) {
	struct env env;
	struct fuse_server *srv;
	struct filter filter;
	struct filter_state *state;
	int dev;
};

/* one/x, one/two/y, beside a, b and so on */
static int make_tree(void)
{
	mkdir(scratch_path("one"), 0755);
	mkdir(scratch_path("one/two"), 0755);
	return scratch_file("one/x", 1, 1) ?: scratch_file("one/two/y", 1, 1);
}

static int start(FIXTURE_DATA(names) * self, const char *ops, __u32 flags)
{
	const struct filter_opts opts = { .fuse_fd = self->dev, .flags = flags };
	int err = filter_start(&self->filter, ops, &opts);

	self->state = self->filter.state;
	return err;
}

FIXTURE_SETUP(names)
{
	if (access("/sys/kernel/btf/vmlinux", F_OK))
		SKIP(return, "the kernel has no BTF");
	tree_start(_metadata, &self->env, SCRATCH_TMPFS, make_tree, BELOW, FUSE_BACKING_READ);
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
}

FIXTURE_TEARDOWN(names)
{
	filter_close(&self->filter);
	tree_end(_metadata, &self->env);
}

/* 0 or -errno */
static int look(const char *name)
{
	return access(tree_at(name), F_OK) < 0 ? -errno : 0;
}

static int look_it_up(void *name)
{
	return look(name);
}

static int look_as(uid_t uid, const char *name)
{
	const struct creds who = { uid, uid, 0 };

	return creds_call(&who, look_it_up, (void *)name);
}

/* About @name alone; NULL is any */
static void say(struct filter_state *state, const char *name, int verdict)
{
	memset(state->only, 0, sizeof(state->only));
	if (name)
		memcpy(state->only, name, strlen(name));
	state->verdict = verdict;
}

/* The same for ALICE alone */
static void say_of_alice(struct filter_state *state, const char *name, int verdict)
{
	say(state, name, PASS);
	state->uid = ALICE;
	state->uid_verdict = verdict;
}

/* Is @name listed in @dir? or -errno */
static int lists(const char *dir, const char *name)
{
	struct dirent *entry;
	int found = 0;
	DIR *d = opendir(dir);

	if (!d)
		return -errno;
	while ((entry = readdir(d)))
		found += !strcmp(entry->d_name, name);
	closedir(d);
	return found;
}

TEST_F(names, verdicts)
{
	/* known before there is a program, and cached */
	EXPECT_EQ(0, look("a"));
	EXPECT_EQ(0, look("one/x"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	ASSERT_EQ(0, start(self, "answers", 0));
	EXPECT_EQ(0, look("a"));
	EXPECT_LT(0, self->state->calls[FILTER_LOOKUP]);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));

	say(self->state, "a", HIDE);
	EXPECT_EQ(-ENOENT, look("a"));
	EXPECT_EQ(0, look("b"));
	EXPECT_EQ(-ENOENT, open(tree_at("a"), O_RDONLY) < 0 ? -errno : 0);
	say(self->state, "one", HIDE);
	EXPECT_EQ(0, look("a"));
	EXPECT_EQ(-ENOENT, look("one/x"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));

	say(self->state, "a", SERVER);
	EXPECT_EQ(0, look("a"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_LOOKUP));
	EXPECT_EQ(0, look("one/x"));
	/* what has no meaning is the server's */
	say(self->state, "b", 77);
	EXPECT_EQ(0, look("b"));
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_LOOKUP));
	/* and not there at the server */
	say(self->state, "nothing", SERVER);
	EXPECT_EQ(-ENOENT, look("nothing"));
	EXPECT_EQ(3, fuse_server_ops(self->srv, FUSE_LOOKUP));
}

/* What is hidden stays so for who looks for it the first time */
TEST_F(names, hidden_from_the_start)
{
	ASSERT_EQ(0, start(self, "lookups", 0));
	say(self->state, "a", HIDE);
	EXPECT_EQ(-ENOENT, look("a"));
	EXPECT_EQ(-ENOENT, look("a"));
	EXPECT_EQ(0, lists(SCRATCH_FUSE, "a"));
	EXPECT_EQ(1, lists(SCRATCH_FUSE, "b"));
	say(self->state, NULL, PASS);
	EXPECT_EQ(0, look("a"));
	EXPECT_EQ(1, lists(SCRATCH_FUSE, "a"));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_LOOKUP));
}

TEST_F(names, listing)
{
	ASSERT_EQ(0, start(self, "answers", 0));
	say(self->state, "b", HIDE);
	EXPECT_EQ(0, lists(SCRATCH_FUSE, "b"));
	EXPECT_EQ(1, lists(SCRATCH_FUSE, "a"));
	EXPECT_EQ(1, lists(SCRATCH_FUSE, "one"));
	EXPECT_EQ(1, lists(SCRATCH_FUSE, "."));
	EXPECT_EQ(1, lists(SCRATCH_FUSE, ".."));
	EXPECT_LT(0, self->state->calls[FILTER_DIRENT]);
	/* below, too */
	say(self->state, "y", HIDE);
	EXPECT_EQ(0, lists(SCRATCH_FUSE "/one/two", "y"));
	EXPECT_EQ(DT_REG, self->state->type);
	/* a name that is the server's is listed as it is */
	say(self->state, "b", SERVER);
	EXPECT_EQ(1, lists(SCRATCH_FUSE, "b"));
	/* as is what has no meaning */
	say(self->state, "b", 77);
	EXPECT_EQ(1, lists(SCRATCH_FUSE, "b"));
	say(self->state, NULL, HIDE);
	EXPECT_EQ(0, lists(SCRATCH_FUSE, "a"));
	EXPECT_EQ(1, lists(SCRATCH_FUSE, "."));
}

/* What rules say is settled */
TEST_F(names, rules_first)
{
	const struct rule rules[] = { RULE_SERVER("a"), RULE_HIDE("b") };

	ASSERT_EQ(0, start(self, "answers", 0));
	ASSERT_EQ(0, rules_set(self->dev, FUSE_ROOT_ID, rules, 2, PASS));
	EXPECT_EQ(0, look("a"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_LOOKUP));
	EXPECT_EQ(-ENOENT, look("b"));
	EXPECT_EQ(0, self->state->calls[FILTER_LOOKUP]);
	say(self->state, "c", HIDE);
	EXPECT_EQ(-ENOENT, look("c"));
	EXPECT_EQ(1, self->state->calls[FILTER_LOOKUP]);
	EXPECT_EQ(0, lists(SCRATCH_FUSE, "b"));
	EXPECT_EQ(0, lists(SCRATCH_FUSE, "c"));
	/* nor is it in a listing */
	say(self->state, "a", HIDE);
	EXPECT_EQ(1, lists(SCRATCH_FUSE, "a"));
	EXPECT_EQ(0, lists(SCRATCH_FUSE, "b"));
	EXPECT_EQ(1, lists(SCRATCH_FUSE, "c"));
}

TEST_F(names, what_was_asked)
{
	struct stat st;

	ASSERT_EQ(0, stat(SCRATCH_FUSE, &st));
	ASSERT_EQ(0, start(self, "answers", 0));
	self->state->id = 1;
	EXPECT_EQ(0, look("b"));
	EXPECT_STREQ("b", self->state->name);
	EXPECT_EQ(1, self->state->name_len);
	EXPECT_EQ(FUSE_ROOT_ID, self->state->nodeid);
	EXPECT_EQ(st.st_ino, self->state->ino);
	EXPECT_EQ(DT_UNKNOWN, self->state->type);
	EXPECT_EQ(0, self->state->open_flags);
	/* there is nothing to choose for a name */
	EXPECT_EQ(-EINVAL, self->state->use_error);
	/* the server doesn't know that directory */
	ASSERT_EQ(0, stat(tree_at("one"), &st));
	EXPECT_EQ(-ENOENT, look("one/longer"));
	EXPECT_EQ(-E2BIG, self->state->short_len);
	EXPECT_EQ(0, self->state->nodeid);
	EXPECT_EQ(st.st_ino, self->state->ino);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* How often it is asked when the name is used */
static __u32 calls_of(struct filter_state *state, const char *name)
{
	__u32 before = state->calls[FILTER_LOOKUP];

	look(name);
	return state->calls[FILTER_LOOKUP] - before;
}

TEST_F(names, calls)
{
	ASSERT_EQ(0, start(self, "answers", 0));
	/* to be looked up, and known */
	EXPECT_EQ(2, calls_of(self->state, "b"));
	EXPECT_EQ(1, calls_of(self->state, "b"));
	/* known as well, but tmpfs keeps no names of what isn't there */
	EXPECT_EQ(2, calls_of(self->state, "nothing"));
	EXPECT_EQ(3, calls_of(self->state, "nothing"));
}

/* Hidden from one, there for another: who has it keeps it, and what is below */
TEST_F(names, callers)
{
	char here[PATH_MAX];

	ASSERT_EQ(0, start(self, "answers", FUSE_BACKING_FILTER_PER_CALLER));
	say_of_alice(self->state, "one", HIDE);
	ASSERT_EQ(0, chdir(tree_at("one/two")));
	EXPECT_EQ(-ENOENT, look_as(ALICE, "one/x"));
	EXPECT_EQ(0, look_as(ALICE + 1, "one/x"));
	EXPECT_EQ(0, look("one/x"));
	ASSERT_NE(NULL, getcwd(here, sizeof(here)));
	EXPECT_STREQ(SCRATCH_FUSE "/one/two", here);
	EXPECT_EQ(-ENOENT, look_as(ALICE, "one"));
	ASSERT_NE(NULL, getcwd(here, sizeof(here)));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	ASSERT_EQ(0, chdir("/"));

	/* whoever comes first */
	say_of_alice(self->state, "d", HIDE);
	EXPECT_EQ(-ENOENT, look_as(ALICE, "d"));
	EXPECT_EQ(0, look("d"));
	EXPECT_EQ(-ENOENT, look_as(ALICE, "d"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* What the server said for one is not kept for all */
TEST_F(names, callers_and_the_server)
{
	int fd;

	self->srv->sh->entry_valid = 1000;
	ASSERT_EQ(0, start(self, "answers", FUSE_BACKING_FILTER_PER_CALLER));
	say_of_alice(self->state, "c", SERVER);
	EXPECT_EQ(0, look("c"));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_LOOKUP));
	EXPECT_EQ(0, look_as(ALICE, "c"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_LOOKUP));
	fuse_server_new_requests(self->srv);
	EXPECT_EQ(0, look("c"));
	fd = open(tree_at("c"), O_RDONLY | O_CLOEXEC);
	EXPECT_LE(0, fd);
	close(fd);
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_OPEN));
	EXPECT_EQ(0, look_as(ALICE, "c"));
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_LOOKUP));
}

/* Nor what it said when it was told of a name for the other */
TEST_F(names, callers_and_an_introduced_name)
{
	self->srv->sh->entry_valid = 1000;
	ASSERT_EQ(0, start(self, "answers", FUSE_BACKING_FILTER_PER_CALLER));
	ASSERT_EQ(0, chmod(tree_at("c"), 0604));
	ASSERT_EQ(1, fuse_server_ops(self->srv, FUSE_LOOKUP));
	say_of_alice(self->state, "c", SERVER);
	EXPECT_EQ(0, look("c"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_LOOKUP));
	EXPECT_EQ(0, look_as(ALICE, "c"));
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_LOOKUP));
	EXPECT_EQ(0, look_as(ALICE, "c"));
	EXPECT_EQ(3, fuse_server_ops(self->srv, FUSE_LOOKUP));
	EXPECT_EQ(0, look("c"));
	EXPECT_EQ(3, fuse_server_ops(self->srv, FUSE_LOOKUP));
}

/* By another name, the server is told of the directory first */
TEST_F(names, introduced_elsewhere)
{
	ASSERT_EQ(0, mkdir(scratch_path("other"), 0755));
	ASSERT_EQ(0, link(scratch_path("one/x"), scratch_path("other/also")));
	ASSERT_EQ(0, start(self, "answers", 0));
	ASSERT_EQ(0, chmod(tree_at("one/x"), 0604));
	ASSERT_EQ(2, fuse_server_ops(self->srv, FUSE_LOOKUP));
	EXPECT_EQ(0, look("other/also"));
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_LOOKUP));
	say(self->state, "also", SERVER);
	EXPECT_EQ(0, look("other/also"));
	EXPECT_EQ(4, fuse_server_ops(self->srv, FUSE_LOOKUP));
}

/* What somebody mounted is not for others to unmount */
TEST_F(names, mount_point)
{
	ASSERT_EQ(0, start(self, "answers", FUSE_BACKING_FILTER_PER_CALLER));
	ASSERT_EQ(0, mount("tmpfs", tree_at("one"), "tmpfs", 0, NULL));
	say_of_alice(self->state, "one", SERVER);
	EXPECT_EQ(0, look_as(ALICE, "one"));
	EXPECT_EQ(-ENOENT, look("one/x"));
	say_of_alice(self->state, "one", HIDE);
	EXPECT_EQ(-ENOENT, look_as(ALICE, "one"));
	EXPECT_EQ(-ENOENT, look("one/x"));
	EXPECT_EQ(0, umount(tree_at("one")));
	EXPECT_EQ(0, look("one/x"));
}

/* An open of what is below a tree is asked about, too */
TEST_F(names, open_below)
{
	int id = env_register(&self->env, "d", O_RDONLY);
	char got[8], want[8];
	int fd;

	ASSERT_LT(0, id);
	ASSERT_EQ(0, start(self, "opens", 0));
	fd = open(tree_at("b"), O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	close(fd);
	EXPECT_EQ(1, self->state->calls[FILTER_OPEN]);
	EXPECT_EQ(0, self->state->calls[FILTER_LOOKUP]);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	self->state->id = id;
	fd = open(tree_at("b"), O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(sizeof(got), pread(fd, got, sizeof(got), 0));
	scratch_pattern(want, sizeof(want), 3);
	EXPECT_EQ(0, memcmp(got, want, sizeof(got)));
	close(fd);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	self->state->id = -1;
	say(self->state, NULL, SERVER);
	fd = open(tree_at("b"), O_RDONLY | O_CLOEXEC);
	EXPECT_LE(0, fd);
	close(fd);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_OPEN));
}

TEST_F(names, detached)
{
	ASSERT_EQ(0, start(self, "answers", 0));
	say(self->state, "a", HIDE);
	EXPECT_EQ(-ENOENT, look("a"));
	ASSERT_EQ(0, filter_detach(&self->filter));
	EXPECT_EQ(0, look("a"));
	EXPECT_EQ(1, lists(SCRATCH_FUSE, "a"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* The server has what it is asked for: but it is asked */
TEST_F(names, sticky)
{
	struct dirent *entry;
	int names = 0;
	DIR *d;

	ASSERT_EQ(0, start(self, "answers", FUSE_BACKING_FILTER_STICKY));
	say(self->state, "a", HIDE);
	EXPECT_EQ(0, look("one/x"));
	d = opendir(SCRATCH_FUSE);
	ASSERT_NE(NULL, d);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));

	ASSERT_EQ(0, filter_detach(&self->filter));
	EXPECT_EQ(0, look("b"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_LOOKUP));
	EXPECT_EQ(0, look("one/x"));
	EXPECT_LT(2, fuse_server_ops(self->srv, FUSE_LOOKUP));
	/* and a listing that had begun shows nothing that was hidden */
	while ((entry = readdir(d)))
		names += entry->d_name[0] != '.';
	EXPECT_EQ(0, names);
	closedir(d);
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_OPENDIR));
	d = opendir(SCRATCH_FUSE);
	ASSERT_NE(NULL, d);
	closedir(d);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_OPENDIR));
}

/* What the server said of a name, for who had it, is nothing that others find by */
TEST_F(names, sticky_and_an_introduced_name)
{
	self->srv->sh->entry_valid = 1000;
	ASSERT_EQ(0, start(self, "answers", FUSE_BACKING_FILTER_PER_CALLER |
					    FUSE_BACKING_FILTER_STICKY));
	say_of_alice(self->state, "c", HIDE);
	ASSERT_EQ(0, chmod(tree_at("c"), 0604));
	ASSERT_EQ(1, fuse_server_ops(self->srv, FUSE_LOOKUP));
	EXPECT_EQ(-ENOENT, look_as(ALICE, "c"));
	/* the control: who isn't hidden from finds it without the server */
	EXPECT_EQ(0, look("c"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_LOOKUP));
	ASSERT_EQ(0, filter_detach(&self->filter));
	EXPECT_EQ(0, look_as(ALICE, "c"));
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_LOOKUP));
	EXPECT_EQ(0, look("c"));
	EXPECT_EQ(3, fuse_server_ops(self->srv, FUSE_LOOKUP));
}

TEST_HARNESS_MAIN
