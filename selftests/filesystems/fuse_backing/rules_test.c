// SPDX-License-Identifier: GPL-2.0
/*
 * Rules of what becomes of names in a directory below a tree.
 *
 * Proves: a name that is the server's is asked for, one that is hidden isn't there, and
 * any other is passed through; for what the kernel had cached as for what it hadn't, and
 * the other way round when rules go, or the tree is detached, also for who was looking
 * then; a listing leaves out what is hidden, says what rules say, and has each name once,
 * whatever the caller's memory, wherever it is taken up, and however rules change meanwhile;
 * rules are the directory's, and go with it; they may come before the inode; what isn't one
 * is refused, and what is too large.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "dir_lister.h"
#include "hold_task.h"
#include "reject_trace.h"
#include "rules.h"
#include "tree_env.h"
#include "wait_until.h"

#define BELOW	(FUSE_BACKING_OPS_LOOKUP | FUSE_BACKING_OPS_ATTR |	\
		 FUSE_BACKING_OPS_LIST | FUSE_BACKING_OPS_READLINK |	\
		 FUSE_BACKING_OPS_OPEN)
#define PASS	FUSE_BACKING_PASS
#define HIDE	FUSE_BACKING_HIDE
#define SERVER	FUSE_BACKING_SERVER
#define MANY	300

FIXTURE(rules) {
	struct env env;
	struct fuse_server *srv;
	int dev;
	int id;
	struct dir_list direct;
	struct dir_list seen;
};

FIXTURE_VARIANT(rules) {
	enum scratch_fs fs;
};

FIXTURE_VARIANT_ADD(rules, tmpfs) {
	.fs = SCRATCH_TMPFS,
};

FIXTURE_VARIANT_ADD(rules, ext4) {
	.fs = SCRATCH_EXT4,
};

static bool exists(const char *name)
{
	return !access(tree_at(name), F_OK);
}

/* one/x, one/two/y, beside a, b and so on */
static int make_tree(void)
{
	mkdir(scratch_path("one"), 0755);
	mkdir(scratch_path("one/two"), 0755);
	return scratch_file("one/x", 1, 1) ?: scratch_file("one/two/y", 1, 1);
}

FIXTURE_SETUP(rules)
{
	self->id = tree_start(_metadata, &self->env, variant->fs, make_tree, BELOW,
			      FUSE_BACKING_READ);
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
}

FIXTURE_TEARDOWN(rules)
{
	hold_task_stop();
	dir_list_free(&self->direct);
	dir_list_free(&self->seen);
	tree_end(_metadata, &self->env);
}

#define set(self, otherwise, ...)						\
({										\
	const struct rule __rules[] = { __VA_ARGS__ };				\
										\
	rules_set((self)->dev, FUSE_ROOT_ID, __rules,				\
		  ARRAY_SIZE(__rules), otherwise);		\
})

#define unset(self)	rules_set((self)->dev, FUSE_ROOT_ID, NULL, 0, PASS)

TEST_F(rules, the_servers)
{
	/* known already */
	EXPECT_TRUE(exists("a"));
	EXPECT_FALSE(exists("nothing"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));

	ASSERT_EQ(0, set(self, PASS, RULE_SERVER("a"), RULE_SERVER("nothing")));
	EXPECT_TRUE(exists("a"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_LOOKUP));
	EXPECT_FALSE(exists("nothing"));
	EXPECT_EQ(2, fuse_server_ops(self->srv, FUSE_LOOKUP));
	fuse_server_new_requests(self->srv);
	EXPECT_TRUE(exists("b"));
	EXPECT_TRUE(exists("one/two/y"));
	EXPECT_FALSE(exists("nor this"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* And what the server named is passed through again when its rule goes */
TEST_F(rules, the_servers_no_more)
{
	ASSERT_EQ(0, set(self, PASS, RULE_SERVER("nothing")));
	EXPECT_FALSE(exists("nothing"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_LOOKUP));
	ASSERT_EQ(0, unset(self));
	fuse_server_new_requests(self->srv);
	EXPECT_FALSE(exists("nothing"));
	ASSERT_EQ(0, scratch_file("nothing", 1, 1));
	EXPECT_TRUE(exists("nothing"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

TEST_F(rules, hidden)
{
	int fd, dir;
	char byte;

	fd = open(tree_at("a"), O_RDONLY | O_CLOEXEC);
	dir = open(tree_at("one"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_LE(0, dir);
	ASSERT_EQ(0, set(self, PASS, RULE_HIDE("a"), RULE_HIDE("one")));
	EXPECT_FALSE(exists("a"));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_FALSE(exists("one"));
	EXPECT_FALSE(exists("one/x"));
	EXPECT_TRUE(exists("b"));
	/* who has it open keeps it */
	EXPECT_EQ(1, pread(fd, &byte, 1, 0));
	EXPECT_EQ(0, faccessat(dir, "x", F_OK, 0));
	EXPECT_EQ(-1, open(tree_at("a"), O_RDONLY | O_CLOEXEC));
	EXPECT_EQ(ENOENT, errno);
	close(fd);
	close(dir);

	ASSERT_EQ(0, unset(self));
	EXPECT_TRUE(exists("a"));
	EXPECT_TRUE(exists("one/x"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

TEST_F(rules, only_what_is_named)
{
	ASSERT_EQ(0, set(self, HIDE, RULE_PASS("a"), RULE_SERVER("b")));
	EXPECT_TRUE(exists("a"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	EXPECT_TRUE(exists("b"));
	EXPECT_EQ(1, fuse_server_new_requests(self->srv));
	EXPECT_FALSE(exists("one"));
	ASSERT_EQ(0, dir_list_path(&self->seen, SCRATCH_FUSE));
	EXPECT_EQ(4, self->seen.count);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));

	ASSERT_EQ(0, set(self, SERVER, RULE_PASS("a")));
	EXPECT_TRUE(exists("a"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	EXPECT_TRUE(exists("one"));
	EXPECT_EQ(1, fuse_server_new_requests(self->srv));
}

static int open_it(void *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

#define DETACH	3

/* Other rules of @name, or none: 0 or -errno */
static int say(FIXTURE_DATA(rules) * self, const char *name, int verdict)
{
	if (verdict == DETACH)
		return fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0);
	return set(self, PASS, { name, verdict, 0, 0 }, RULE_HIDE("another"));
}

static int say_no_more(FIXTURE_DATA(rules) * self, int verdict)
{
	if (verdict == DETACH)
		return tree_attach(self->dev, FUSE_ROOT_ID, self->id, BELOW,
				   FUSE_BACKING_READ);
	return unset(self);
}

/* Who looks for a name, or whether it is there still, when something else is said of it */
TEST_F(rules, said_meanwhile)
{
	static const struct {
		const char *function;
		bool known;
		int verdict;
		int err;
		bool asked;
	} looks[] = {
		/* control */
		{ "fuse_tree_get_inode", false, PASS, 0, false },
		{ "fuse_tree_get_inode", false, HIDE, ENOENT, false },
		{ "fuse_tree_get_inode", false, SERVER, 0, true },
		{ "fuse_tree_get_inode", false, DETACH, 0, true },
		{ "fuse_tree_lookup", false, HIDE, ENOENT, false },
		{ "fuse_tree_lookup", true, PASS, 0, false },
		{ "fuse_tree_lookup", true, HIDE, ENOENT, false },
		{ "fuse_tree_lookup", true, SERVER, 0, true },
		{ "fuse_tree_lookup", true, DETACH, 0, true },
	};
	char name[16];
	int status;
	pid_t pid;

	for (unsigned int i = 0; i < ARRAY_SIZE(looks); i++) {
		snprintf(name, sizeof(name), "secret%u", i);
		ASSERT_EQ(0, scratch_file(name, 1, 1));
		EXPECT_TRUE(!looks[i].known || exists(name));
		/* more than a look is needed, to tell of its mode */
		ASSERT_EQ(0, chmod(scratch_path(name), 0640));
		fuse_server_new_requests(self->srv);
		pid = hold_task_run(looks[i].function, 1, NULL, open_it, tree_at(name));
		if (pid < 0)
			SKIP(return, "needs the module that holds tasks");
		ASSERT_TRUE(hold_task_is_held(0));
		ASSERT_EQ(0, say(self, name, looks[i].verdict));
		EXPECT_EQ(0, hold_task_go(0));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(looks[i].err, WEXITSTATUS(status)) TH_LOG("%u", i);
		EXPECT_EQ(looks[i].asked, !!fuse_server_new_requests(self->srv))
			TH_LOG("%u", i);
		hold_task_stop();
		ASSERT_EQ(0, say_no_more(self, looks[i].verdict));
	}
}

/* Creating what is hidden is the server's, as any other */
TEST_F(rules, created)
{
	ASSERT_EQ(0, set(self, PASS, RULE_HIDE("new")));
	EXPECT_FALSE(exists("new"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	EXPECT_EQ(-1, mkdir(tree_at("new"), 0755));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_MKDIR));
}

static bool listed_as(const struct dir_list *list, const char *name, __u64 ino,
		      unsigned int type)
{
	const struct dir_entry *entry = dir_list_find(list, name);

	return entry && dir_list_count(list, name) == 1 && entry->ino == ino &&
	       entry->type == type;
}

TEST_F(rules, listed)
{
	ASSERT_EQ(0, dir_list_path(&self->direct, SCRATCH_BACKING));
	/* what the kernel knows of it is not that any more */
	EXPECT_TRUE(exists("b"));
	ASSERT_EQ(0, set(self, PASS, RULE_HIDE("a"), RULE_ADD("b", DT_DIR, 77),
			 RULE_ADD("own", DT_LNK, 78), RULE_SERVER("unsaid"),
			 RULE_SERVER("one")));
	ASSERT_EQ(0, dir_list_path(&self->seen, SCRATCH_FUSE));
	EXPECT_EQ(NULL, dir_list_find(&self->seen, "a"));
	EXPECT_TRUE(listed_as(&self->seen, "b", 77, DT_DIR));
	EXPECT_TRUE(listed_as(&self->seen, "own", 78, DT_LNK));
	EXPECT_EQ(NULL, dir_list_find(&self->seen, "unsaid"));
	EXPECT_EQ(1, dir_list_count(&self->seen, "one"));
	/* a less, own more */
	EXPECT_EQ(self->direct.count, self->seen.count);

	ASSERT_EQ(0, unset(self));
	ASSERT_EQ(0, dir_list_path(&self->seen, SCRATCH_FUSE));
	EXPECT_TRUE(dir_list_equal(&self->direct, &self->seen));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
}

/* Names that rules add, own0 and so on, beside MANY of the backing directory */
static int many_rules(FIXTURE_DATA(rules) * self, int first, int end)
{
	struct rule rule[MANY];
	char name[MANY][16];
	int err = 0;

	for (int i = first; i < end; i++) {
		snprintf(name[i], sizeof(name[i]), "own%d", i);
		rule[i] = (struct rule)RULE_ADD(name[i], DT_REG, 1000 + i);
	}
	err = rules_set(self->dev, FUSE_ROOT_ID, rule + first, end - first, PASS);
	return err;
}

static int make_many(void)
{
	char name[16];

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		if (link(scratch_path("b"), scratch_path(name)))
			return -errno;
	}
	return 0;
}

static int count_of(const struct dir_list *list, const char *format)
{
	char name[32];
	int count = 0;

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), format, i);
		count += dir_list_count(list, name);
	}
	return count;
}

TEST_F(rules, listed_in_pieces)
{
	static const size_t sizes[] = { 64, 300, 4096, 32768 };
	int dir;

	ASSERT_EQ(0, make_many());
	ASSERT_EQ(0, many_rules(self, 0, MANY));
	ASSERT_EQ(0, dir_list_path(&self->direct, SCRATCH_FUSE));
	EXPECT_EQ(MANY, count_of(&self->direct, "own%d"));
	EXPECT_EQ(MANY, count_of(&self->direct, "file%d"));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		dir = open(SCRATCH_FUSE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ASSERT_LE(0, dir);
		dir_list_free(&self->seen);
		ASSERT_EQ(0, dir_list_read(&self->seen, dir, sizes[i]));
		EXPECT_TRUE(dir_list_equal(&self->direct, &self->seen));
		close(dir);
	}
}

/* From each position on, in any order, as from there in one go */
TEST_F(rules, listed_from_anywhere)
{
	const struct dir_entry *entry;
	struct dir_list rest = {};
	int dir;

	ASSERT_EQ(0, make_many());
	ASSERT_EQ(0, many_rules(self, 0, MANY));
	dir = open(SCRATCH_FUSE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, dir);
	ASSERT_EQ(0, dir_list_read(&self->seen, dir, 4096));
	for (size_t i = self->seen.count; i-- > 0; i -= i > 7 ? 7 : 0) {
		entry = &self->seen.entry[i];
		ASSERT_EQ(entry->next, lseek(dir, entry->next, SEEK_SET));
		dir_list_free(&rest);
		ASSERT_EQ(0, dir_list_read(&rest, dir, 4096));
		ASSERT_EQ(self->seen.count - i - 1, rest.count);
		if (rest.count)
			EXPECT_STREQ(entry[1].name, rest.entry[0].name);
	}
	dir_list_free(&rest);
	close(dir);
}

/* Who removes what is listed, while it is, gets to see the rest */
TEST_F(rules, change_while_listed)
{
	int dir, first = 0;
	ssize_t n;

	ASSERT_EQ(0, many_rules(self, 0, MANY));
	dir = open(SCRATCH_FUSE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, dir);
	while ((n = dir_list_read_some(&self->seen, dir, 512)) > 0) {
		/* those that were listed, and others that were not */
		first = first < MANY - 10 ? first + 10 : first;
		ASSERT_EQ(0, many_rules(self, first, MANY));
	}
	ASSERT_EQ(0, n);
	EXPECT_LE(10, count_of(&self->seen, "own%d"));
	for (int i = MANY - 10; i < MANY; i++) {
		char name[16];

		snprintf(name, sizeof(name), "own%d", i);
		EXPECT_EQ(1, dir_list_count(&self->seen, name));
	}
	close(dir);
}

/* A name as long as can be, beside others: none is missed */
TEST_F(rules, listed_long_name)
{
	static char name[1025];
	char buf[8192];
	int dir;

	memset(name, 'n', sizeof(name) - 1);
	ASSERT_EQ(0, set(self, HIDE, RULE_ADD(name, DT_REG, 7), RULE_ADD("x", DT_REG, 8),
			 RULE_ADD("y", DT_REG, 9), RULE_ADD("z", DT_REG, 10)));
	dir = open(SCRATCH_FUSE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, dir);
	/* the lister has no room for it */
	ASSERT_LT(1024, syscall(SYS_getdents64, dir, buf, sizeof(buf)));
	EXPECT_NE(NULL, memmem(buf, sizeof(buf), name, sizeof(name)));
	close(dir);
}

/* Rules that go while somebody is in what they added: there is nothing more */
TEST_F(rules, gone_while_listed)
{
	int dir;

	ASSERT_EQ(0, many_rules(self, 0, MANY));
	dir = open(SCRATCH_FUSE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, dir);
	do {
		ASSERT_LT(0, dir_list_read_some(&self->seen, dir, 512));
	} while (count_of(&self->seen, "own%d") < 10);
	ASSERT_EQ(0, unset(self));
	ASSERT_EQ(0, dir_list_read(&self->seen, dir, 512));
	EXPECT_EQ(1, dir_list_count(&self->seen, "a"));
	/* but what was read already */
	EXPECT_GT(MANY, count_of(&self->seen, "own%d"));
	/* nor is there if they went after it was looked for there */
	ASSERT_EQ(0, many_rules(self, 0, MANY));
	ASSERT_LT(0, lseek(dir, self->seen.entry[self->seen.count - 1].next, SEEK_SET));
	ASSERT_EQ(0, unset(self));
	dir_list_free(&self->seen);
	ASSERT_EQ(0, dir_list_read(&self->seen, dir, 512));
	EXPECT_EQ(0, self->seen.count);
	close(dir);
}

/* Who waits for the end of a directory of which little is left over can be killed */
TEST_F(rules, listed_and_killed)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, make_many());
	ASSERT_EQ(0, set(self, HIDE, RULE_PASS("a")));
	pid = fork();
	if (!pid) {
		for (;;)
			dir_list_path(&self->seen, SCRATCH_FUSE);
	}
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
}

/* A directory that was opened before goes by the rules, too, and to its end */
TEST_F(rules, open_directory)
{
	int dir = open(SCRATCH_FUSE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ASSERT_LE(0, dir);
	ASSERT_EQ(0, set(self, PASS, RULE_HIDE("a")));
	ASSERT_EQ(0, dir_list_read(&self->seen, dir, 4096));
	EXPECT_EQ(NULL, dir_list_find(&self->seen, "a"));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	ASSERT_EQ(0, lseek(dir, 0, SEEK_SET));
	dir_list_free(&self->seen);
	ASSERT_EQ(0, dir_list_read(&self->seen, dir, 4096));
	EXPECT_EQ(NULL, dir_list_find(&self->seen, "a"));
	EXPECT_NE(NULL, dir_list_find(&self->seen, "b"));
	close(dir);
}

/* A directory below, which the server is told of first */
TEST_F(rules, of_a_directory_below)
{
	const struct rule hide = RULE_HIDE("y");
	struct fuse_server_file *two;
	__u64 node;

	EXPECT_TRUE(exists("one/two/y"));
	ASSERT_EQ(0, chmod(tree_at("one/two"), 0700));
	two = server_shared_find(self->srv->sh, "one/two");
	ASSERT_NE(NULL, two);
	node = fuse_server_node(self->srv, two);
	fuse_server_new_requests(self->srv);
	ASSERT_EQ(0, rules_set(self->dev, node, &hide, 1, PASS));
	EXPECT_FALSE(exists("one/two/y"));
	ASSERT_EQ(0, dir_list_path(&self->seen, tree_at("one/two")));
	EXPECT_EQ(2, self->seen.count);
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));

	/* they go with the inode */
	scratch_drop_caches();
	EXPECT_TRUE(exists("one/two/y"));
	ASSERT_TRUE(wait_until(fuse_server_ops(self->srv, FUSE_FORGET) +
			       fuse_server_ops(self->srv, FUSE_BATCH_FORGET)));
	EXPECT_EQ(-ENOENT, rules_set(self->dev, node, &hide, 1, PASS));
}

/* A file has none */
TEST_F(rules, of_a_file_below)
{
	const struct rule hide = RULE_HIDE("y");
	struct fuse_server_file *file;
	struct reject_trace trace;

	ASSERT_EQ(0, chmod(tree_at("one/x"), 0600));
	file = server_shared_find(self->srv->sh, "one/x");
	ASSERT_NE(NULL, file);
	ASSERT_EQ(0, reject_trace_start(&trace));
	EXPECT_EQ(-ENOTDIR, rules_set(self->dev, fuse_server_node(self->srv, file),
				      &hide, 1, PASS));
	EXPECT_TRUE(reject_trace_has(&trace, self->srv->dev, 0, -ENOTDIR,
				     "file-type"));
	reject_trace_stop(&trace);
}

/* What waits for its inode has them already when that comes */
TEST_F(rules, of_a_directory_to_come)
{
	const struct rule hide = RULE_HIDE("x");
	struct fuse_server_file *one;
	__u64 node;
	int id;

	ASSERT_EQ(0, set(self, PASS, RULE_SERVER("one")));
	one = fuse_server_add(self->srv, "one");
	ASSERT_NE(NULL, one);
	node = fuse_server_node(self->srv, one);
	id = tree_register(self->dev, scratch_path("one"));
	ASSERT_LT(0, id);
	EXPECT_EQ(-ENOENT, rules_set(self->dev, node, &hide, 1, PASS));
	ASSERT_EQ(0, tree_attach(self->dev, node, id, BELOW,
				 FUSE_BACKING_READ | FUSE_BACKING_ATTACH_PENDING));
	ASSERT_EQ(0, rules_set(self->dev, node, &hide, 1, PASS));
	EXPECT_FALSE(exists("one/x"));
	EXPECT_TRUE(exists("one/two/y"));
	EXPECT_EQ(1, fuse_server_new_requests(self->srv));
	/* and others when they are replaced */
	ASSERT_EQ(0, rules_set(self->dev, node, NULL, 0, PASS));
	EXPECT_TRUE(exists("one/x"));
}

/* Taken away, who has it open keeps nothing of it */
TEST_F(rules, revoked)
{
	int dir = open(SCRATCH_FUSE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ASSERT_LE(0, dir);
	ASSERT_EQ(0, set(self, PASS, RULE_HIDE("a")));
	ASSERT_EQ(0, dir_list_read(&self->seen, dir, 4096));
	ASSERT_EQ(0, fuse_backing_close(self->dev, self->id));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0,
					 FUSE_BACKING_DETACH_REVOKE));
	EXPECT_TRUE(wait_until(!table_count(thread_find(self->srv->dev))));
	EXPECT_EQ(0, scratch_umount_backing());
	close(dir);
}

/* Of a directory whose tree is detached nothing can be said any more */
TEST_F(rules, of_a_directory_below_that_was_detached)
{
	const struct rule hide = RULE_HIDE("y");
	int dir = open(tree_at("one/two"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	__u64 node;

	ASSERT_LE(0, dir);
	ASSERT_EQ(0, chmod(tree_at("one/two"), 0700));
	node = fuse_server_node(self->srv,
				server_shared_find(self->srv->sh, "one/two"));
	ASSERT_EQ(0, rules_set(self->dev, node, NULL, 0, PASS));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	EXPECT_EQ(-ENOENT, rules_set(self->dev, node, &hide, 1, PASS));
	close(dir);
}

TEST_F(rules, detached)
{
	ASSERT_EQ(0, set(self, PASS, RULE_HIDE("a")));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	EXPECT_TRUE(exists("a"));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_LOOKUP));
	EXPECT_EQ(-ENOENT, set(self, PASS, RULE_HIDE("a")));
	/* nor are they there when it is attached again */
	ASSERT_EQ(0, tree_attach(self->dev, FUSE_ROOT_ID, self->id, BELOW,
				 FUSE_BACKING_READ));
	ASSERT_EQ(0, dir_list_path(&self->seen, SCRATCH_FUSE));
	EXPECT_NE(NULL, dir_list_find(&self->seen, "a"));
}

/* Where names aren't passed through there is nothing to say of them */
TEST_F(rules, listings_only)
{
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	ASSERT_EQ(0, fuse_backing_attach_dir(self->dev, FUSE_ROOT_ID, self->id, 0,
					     FUSE_BACKING_OPS_LIST));
	EXPECT_EQ(-ENOENT, set(self, PASS, RULE_HIDE("a")));
}

TEST_F(rules, bad_input)
{
	static const struct rule bad[] = {
		RULE_HIDE(""), RULE_HIDE("."), RULE_HIDE(".."), RULE_HIDE("a/b"),
		{ "a", 3, 0, 0 }, { "a", HIDE, DT_REG, 0 }, { "a", PASS, 0, 1 },
		RULE_ADD("a", 16, 1), RULE_ADD("a", 3, 1), RULE_ADD("a", 0, 1),
	};
	static char too_long[1026];
	struct fuse_backing_rules args = { .nodeid = FUSE_ROOT_ID };
	char text[64] = "";
	size_t size;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, rules_set(self->dev, FUSE_ROOT_ID, &bad[i], 1,
					     PASS));
	memset(too_long, 'n', sizeof(too_long) - 1);
	EXPECT_EQ(-EINVAL, set(self, PASS, RULE_HIDE(too_long)));
	EXPECT_EQ(-EINVAL, set(self, PASS, RULE_HIDE("a"), RULE_HIDE("b"),
			       RULE_SERVER("a")));
	EXPECT_EQ(-EINVAL, set(self, 3, RULE_HIDE("a")));
	EXPECT_EQ(-EINVAL, rules_set(self->dev, 0, NULL, 0, PASS));
	EXPECT_EQ(-ENOENT, rules_set(self->dev, 12345, NULL, 0, HIDE));
	EXPECT_EQ(-EFAULT, rules_set_text(self->dev, FUSE_ROOT_ID, NULL, 24, PASS));
	EXPECT_EQ(-E2BIG, rules_set_text(self->dev, FUSE_ROOT_ID, NULL,
					 FUSE_BACKING_RULES_SIZE + 8, PASS));
	args.reserved[1] = 1;
	EXPECT_EQ(-1, ioctl(self->dev, FUSE_DEV_IOC_BACKING_RULES, &args));
	EXPECT_EQ(EINVAL, errno);

	/* one that isn't whole, and a name that goes beyond the end */
	size = rules_write(&(struct rule)RULE_HIDE("abc"), 1, text, sizeof(text));
	EXPECT_EQ(-EINVAL, rules_set_text(self->dev, FUSE_ROOT_ID, text, size - 1,
					  PASS));
	EXPECT_EQ(-EINVAL, rules_set_text(self->dev, FUSE_ROOT_ID, text, 8, PASS));
	((struct fuse_backing_rule *)text)->namelen = 0xfffffff0;
	EXPECT_EQ(-EINVAL, rules_set_text(self->dev, FUSE_ROOT_ID, text, size,
					  PASS));

	/* none of it did anything */
	EXPECT_TRUE(exists("a"));
	EXPECT_TRUE(exists("b"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	EXPECT_EQ(0, set(self, PASS, RULE_HIDE("a")));
	EXPECT_FALSE(exists("a"));
}

/* As many as there may be, under limits of locked memory */

struct large {
	int dev;
	size_t size;
	char *text;
	unsigned long limit;
	int times;
};

static int set_large(void *arg)
{
	const struct large *large = arg;
	const struct rlimit limit = { large->limit, large->limit };
	int err = setrlimit(RLIMIT_MEMLOCK, &limit) ? -errno : 0;

	for (int i = 0; !err && i < large->times; i++)
		err = rules_set_text(large->dev, FUSE_ROOT_ID, large->text,
				     large->size, PASS);
	return err;
}

static size_t write_many(char *text, size_t size)
{
	char name[16];
	size_t used = 0, n;
	int i = 0;

	do {
		snprintf(name, sizeof(name), "r%d", i++);
		n = rules_write(&(struct rule)RULE_HIDE(name), 1, text + used,
				size - used);
		used += n;
	} while (n);
	return used;
}

/* Twenty times what fills a call takes long where each access is watched */
TEST_F_TIMEOUT(rules, limit, 120)
{
	const struct creds user = { .uid = 1000, .gid = 1000 };
	struct large large = { .dev = self->dev, .times = 1 };
	struct reject_trace trace;

	large.text = malloc(FUSE_BACKING_RULES_SIZE);
	ASSERT_NE(NULL, large.text);
	large.size = write_many(large.text, FUSE_BACKING_RULES_SIZE);
	ASSERT_LT(FUSE_BACKING_RULES_SIZE - 64, large.size);
	ASSERT_EQ(0, reject_trace_start(&trace));
	EXPECT_EQ(-ENOBUFS, creds_call(&user, set_large, &large));
	EXPECT_TRUE(reject_trace_has(&trace, self->srv->dev, 0, -ENOBUFS,
				     "memlock"));
	reject_trace_stop(&trace);
	EXPECT_TRUE(exists("a"));

	/* room for two at a time: those that are replaced are free again */
	large.limit = 4 << 20;
	large.times = 20;
	EXPECT_EQ(0, creds_call(&user, set_large, &large));
	EXPECT_FALSE(exists("r7"));
	EXPECT_TRUE(exists("a"));
	/* and when they go with the attachment */
	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	ASSERT_EQ(0, tree_attach(self->dev, FUSE_ROOT_ID, self->id, BELOW,
				 FUSE_BACKING_READ));
	large.limit = 2 << 20;
	large.times = 1;
	EXPECT_TRUE(wait_until(!creds_call(&user, set_large, &large)));
	/* a few are nobody's */
	large.limit = 0;
	large.size = rules_write(&(struct rule)RULE_HIDE("a"), 1, large.text, 64);
	EXPECT_EQ(0, creds_call(&user, set_large, &large));
	EXPECT_FALSE(exists("a"));
	free(large.text);
}

/* Few rules each, for many directories that never come */

#define NOBODY		1000
#define FREE_REST	(16 * 4096)	/* bytes that are nobody's */

/* For how many directories there may be such rules; -errno if it ends otherwise. */
static int set_many(void *arg)
{
	const struct large *large = arg;
	const struct rlimit limit = { large->limit, large->limit };
	int err = setrlimit(RLIMIT_MEMLOCK, &limit) ? -errno : 0;
	int i;

	for (i = 0; !err && i < large->times; i++)
		err = rules_set_text(large->dev, NOBODY + i, large->text, large->size, PASS);
	if (err && err != -ENOBUFS)
		return err;
	/* those of one that is there go with it */
	return rules_set_text(large->dev, FUSE_ROOT_ID, large->text, large->size, PASS) ?:
	       err ? i - 1 : i;
}

TEST_F(rules, of_those_that_wait)
{
	const struct creds user = { .uid = 1000, .gid = 1000 };
	struct large large = { .dev = self->dev, .limit = FREE_REST, .times = 100 };
	struct reject_trace trace;
	char text[2048];

	large.text = text;
	large.size = write_many(text, sizeof(text));
	for (int i = 0; i < large.times; i++)
		ASSERT_EQ(0, tree_attach(self->dev, NOBODY + i, self->id, BELOW,
					 FUSE_BACKING_READ | FUSE_BACKING_ATTACH_PENDING));
	ASSERT_EQ(0, reject_trace_start(&trace));
	for (int i = 0; i < 2; i++) {
		/* each takes more than its text, and less than a page */
		int n = creds_call(&user, set_many, &large);

		EXPECT_LT(2 * FREE_REST / 4096 - 1, n);
		EXPECT_GT(2 * FREE_REST / (int)large.size, n);
		EXPECT_TRUE(reject_trace_has(&trace, self->srv->dev, 0, -ENOBUFS, "memlock"));
		/* what took the place of some is none, and leaves room for one */
		EXPECT_EQ(0, rules_set(self->dev, NOBODY, NULL, 0, PASS));
		EXPECT_EQ(1, creds_call(&user, set_many, &large));
		for (int j = 0; j < large.times; j++)
			EXPECT_EQ(0, fuse_detach_backing(self->dev, NOBODY + j, 0, 0));
		for (int j = 0; j < large.times; j++)
			ASSERT_EQ(0, tree_attach(self->dev, NOBODY + j, self->id, BELOW,
						 FUSE_BACKING_READ |
						 FUSE_BACKING_ATTACH_PENDING));
	}
	/* root's are nobody's */
	EXPECT_EQ(large.times, set_many(&large));
	reject_trace_stop(&trace);
}

TEST_HARNESS_MAIN
