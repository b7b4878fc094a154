// SPDX-License-Identifier: GPL-2.0
/*
 * A server of 32 bits on a kernel of 64.
 *
 * Proves: each ioctl does from a program of 32 bits what it does from one of 64: ids name
 * files, what is attached is opened without the server, extents are where the program says,
 * directories and rules of names are those that it meant, and a list has the same bytes;
 * numbers that have 64 bits have all of them; errors have the same errno and word. An
 * address that such a program can't have is none.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "helper.h"
#include "tree_env.h"

#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define BELOW		(FUSE_BACKING_OPS_LOOKUP | FUSE_BACKING_OPS_ATTR |	\
			 FUSE_BACKING_OPS_LIST | FUSE_BACKING_OPS_OPEN)
#define HIGH		0x100000000ULL
#define ENTRIES		5
#define PART		4096	/* bytes that extents move */

FIXTURE(compat) {
	struct env env;
	struct fuse_server *srv;
	int dev;
	int for_all;		/* dev for programs that are executed */
	char said[4096];
};

/* A shell says 126 where the kernel has no such programs */
static bool is_executed(const char *path)
{
	char command[PATH_MAX + 20];
	int status;

	snprintf(command, sizeof(command), "exec %s 2>/dev/null", path);
	status = system(command);
	return !WIFEXITED(status) || WEXITSTATUS(status) != 126;
}

FIXTURE_SETUP(compat)
{
	int err = tree_env_setup(&self->env, SCRATCH_TMPFS, NULL);
	char path[PATH_MAX];

	if (err == -EOPNOTSUPP)
		SKIP(return, "needs root, FUSE passthrough");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, helper_path("client32", path, sizeof(path)));
	if (access(path, X_OK))
		SKIP(return, "no compiler for 32 bits");
	if (!is_executed(path))
		SKIP(return, "needs CONFIG_IA32_EMULATION");
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
	self->for_all = dup(self->dev);
	ASSERT_LE(0, self->for_all);
}

FIXTURE_TEARDOWN(compat)
{
	if (self->for_all > 0)
		close(self->for_all);
	tree_end(_metadata, &self->env);
}

/* What the program says to this call; "" if it didn't run */
static const char *say(struct _test_data_compat *self, const char *format, ...)
{
	char path[PATH_MAX], call[512], command[PATH_MAX + 600];
	va_list args;

	va_start(args, format);
	vsnprintf(call, sizeof(call), format, args);
	va_end(args);
	if (helper_path("client32", path, sizeof(path)))
		return "";
	snprintf(command, sizeof(command), "%s %d %s", path, self->for_all, call);
	if (command_output(command, self->said, sizeof(self->said)))
		return "";
	return self->said;
}

static int register_file(struct _test_data_compat *self, const char *name, int flags,
			 unsigned int map_flags)
{
	return atoi(say(self, "open %s %d %u", scratch_path(name), flags, map_flags));
}

static unsigned long long node_of(const char *name)
{
	struct stat st;

	return stat(tree_at(name), &st) ? 0 : st.st_ino;
}

/* Does it read as @from bytes and more of the backing file @name? */
static bool reads_as(int fd, const char *name, off_t from)
{
	char buf[PART];

	return pread(fd, buf, PART, 0) == PART &&
	       !scratch_compare(name, buf, PART, from);
}

TEST_F(compat, ids)
{
	int id = register_file(self, "a", O_RDWR, 0), fd;

	ASSERT_LT(0, id);
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(reads_as(fd, "a", 0));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	close(fd);
	EXPECT_STREQ("0", say(self, "close %d", id));
	EXPECT_EQ(-ENOENT, fuse_backing_close(self->dev, id));
	EXPECT_STREQ("-2 unknown-id", say(self, "close %d", id));
	EXPECT_STREQ("-22 bad-argument", say(self, "close -3"));
	EXPECT_STREQ("-9 bad-descriptor", say(self, "open /nothing 0 0"));
	EXPECT_STREQ("-21 file-type", say(self, "open / 0 0"));
	EXPECT_STREQ("-22 bad-argument", say(self, "open /proc/self/exe 0 %u", 1U << 31));
}

TEST_F(compat, close_all)
{
	ASSERT_LT(0, register_file(self, "a", O_RDWR, 0));
	ASSERT_LT(0, register_file(self, "b", O_RDWR, FUSE_BACKING_MAP_AUTO_CLOSE));
	EXPECT_STREQ("-22 bad-argument", say(self, "close_all 1"));
	EXPECT_EQ(2, env_count(self->srv));
	EXPECT_STREQ("0", say(self, "close_all 0"));
	EXPECT_EQ(0, env_count(self->srv));
}

TEST_F(compat, attached)
{
	const unsigned long long node = node_of("a"), ops = FUSE_BACKING_OPS_FILE;
	int id = register_file(self, "a", O_RDWR, 0), fd;

	ASSERT_LT(0, id);
	EXPECT_STREQ("-2 no-inode",
		     say(self, "attach %llu 0 %d %d %llu", node | HIGH, id, BOTH, ops));
	/* FUSE_STATX, in the high half, goes with FUSE_GETATTR */
	EXPECT_STREQ("-22 bad-argument", say(self, "attach %llu 0 %d %d %u", node, id, BOTH,
					     (__u32)ops));
	EXPECT_STREQ("-95 operations",
		     say(self, "attach %llu 0 %d %d %llu", node, id, BOTH, 1ULL << 63));
	ASSERT_STREQ("0", say(self, "attach %llu 0 %d %d %llu", node, id, BOTH, ops));
	fd = open(tree_at("a"), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(reads_as(fd, "a", 0));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_OPEN));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	EXPECT_STREQ("-17 attached",
		     say(self, "attach %llu 0 %d %d 0", node,
			 register_file(self, "a", O_RDWR, 0), BOTH));
	EXPECT_STREQ("-2 not-attached", say(self, "detach %llu 0 0", node | HIGH));
	EXPECT_STREQ("0", say(self, "detach %llu 0 %d", node, FUSE_BACKING_DETACH_REVOKE));
	EXPECT_TRUE(reads_as(fd, "a", 0));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_OPEN));
	EXPECT_LT(0, fuse_server_data_ops(self->srv));
	close(fd);
}

TEST_F(compat, extents)
{
	const unsigned long long node = node_of("a");
	int id = register_file(self, "b", O_RDWR, 0), fd;

	ASSERT_LT(0, id);
	EXPECT_STREQ("-34 extent",
		     say(self, "extents %llu %d 0 0 %d %llu %d", node, FUSE_BACKING_READ,
			 PART, HIGH, id));
	EXPECT_STREQ("-14 ",
		     say(self, "extents %llu %d %llu 0 %d 0 %d", node, FUSE_BACKING_READ,
			 HIGH, PART, id));
	ASSERT_STREQ("0",
		     say(self, "extents %llu %d 0 0 100 %d %d 100 %d %d %d", node,
			 FUSE_BACKING_READ, PART, id, PART, PART + 100, id));
	fd = open(tree_at("a"), O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(reads_as(fd, "b", PART));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_OPEN));
	close(fd);
}

TEST_F(compat, trees_and_rules)
{
	int id = register_file(self, "", O_RDONLY | O_DIRECTORY, FUSE_BACKING_MAP_DIR);

	ASSERT_LT(0, id);
	EXPECT_STREQ("-2 not-attached", say(self, "rules 1 %d", FUSE_BACKING_PASS));
	ASSERT_STREQ("0", say(self, "tree 1 0 %d %d %llu", id, BOTH, BELOW));
	ASSERT_EQ(0, access(SCRATCH_FUSE, F_OK));
	fuse_server_new_requests(self->srv);
	EXPECT_TRUE(tree_same_stat("a"));
	EXPECT_TRUE(tree_same_stat("d"));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));

	ASSERT_STREQ("0", say(self, "rules 1 %d %d a %d nothing-of-8 %d d",
			      FUSE_BACKING_PASS, FUSE_BACKING_HIDE, FUSE_BACKING_HIDE,
			      FUSE_BACKING_SERVER));
	EXPECT_NE(0, access(tree_at("a"), F_OK));
	EXPECT_EQ(0, access(tree_at("b"), F_OK));
	EXPECT_EQ(0, fuse_server_new_requests(self->srv));
	EXPECT_EQ(0, access(tree_at("d"), F_OK));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_LOOKUP));
	EXPECT_STREQ("-22 bad-argument", say(self, "rules 1 7"));
	EXPECT_STREQ("0", say(self, "rules 1 %d", FUSE_BACKING_PASS));
	EXPECT_EQ(0, access(tree_at("a"), F_OK));
}

/* In hexadecimal, as the program does */
static void print(char *text, const void *bytes, size_t size)
{
	const unsigned char *byte = bytes;

	while (size--)
		text += sprintf(text, "%02x", *byte++);
}

TEST_F(compat, list)
{
	const unsigned long long node = node_of("a");
	struct fuse_backing_entry entry[ENTRIES + 1] = {};
	char want[2 * sizeof(entry) + 1] = "";

	EXPECT_STREQ("", say(self, "list"));
	for (int i = 1; i < ENTRIES; i++)
		ASSERT_LT(0, register_file(self, "b", O_RDONLY, 0));
	ASSERT_EQ(0, fuse_attach_backing(self->dev, node, 0,
					 register_file(self, "a", O_RDWR, 0), BOTH));
	ASSERT_EQ(ENTRIES, fuse_list_backing(self->dev, entry, ENTRIES + 1));
	EXPECT_EQ(node, entry[ENTRIES - 1].nodeid[0]);
	print(want, entry, ENTRIES * sizeof(entry[0]));
	EXPECT_STREQ(want, say(self, "list"));
}

TEST_HARNESS_MAIN
