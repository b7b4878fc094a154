// SPDX-License-Identifier: GPL-2.0
/*
 * The control filesystem says what the kernel does with backing files.
 *
 * Proves: backing_thread and backing_limit are those of the mount's kernel
 * thread; backing_files has a header as documented, and a line for each
 * mapping whose every field is right: who uses it, which file it is, how much
 * was read and written through it and through no other mapping, whatever the
 * file is called; the owner of the mount and root can read all of it, and
 * nobody else anything.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "harness.h"

#include "backing_files.h"
#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "env.h"
#include "text_file.h"
#include "wait_until.h"

#define HEADER		"backing_files 1 id mode access state files mmaps attached pending extents extent_bytes nodes dev ino size read written deleted path"
#define CONTROL		"/sys/fs/fuse/connections"
#define OWNER		1000	/* a uid and a gid */
#define OTHER		2000
#define MAP_SIZE	4096
#define CHUNK		4096
#define MAX_NODES	16
#define MOST_FAULTS	1000

FIXTURE(control) {
	struct env env;
	struct fuse_server *srv;
	struct backing_files files;
	char text[512];
};

FIXTURE_SETUP(control)
{
	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->srv = &self->env.srv;
}

FIXTURE_TEARDOWN(control)
{
	backing_files_free(&self->files);
	env_teardown(&self->env);
}

/* "mode access state files mmaps nodes" of @id, or "none". */
static const char *use_of(FIXTURE_DATA(control) * self, int id)
{
	const struct backing_line *l = backing_files_look(self->srv, &self->files, id);

	if (l)
		snprintf(self->text, sizeof(self->text), "%s %s %s %u %u %s",
			 l->mode, l->access, l->state, l->files, l->mmaps,
			 l->nodes);
	return l ? self->text : "none";
}

static const char *path_of(FIXTURE_DATA(control) * self, int id)
{
	const struct backing_line *l = backing_files_look(self->srv, &self->files, id);

	return l ? l->path : "none";
}

static int set_nofile(pid_t pid, unsigned long soft, unsigned long hard)
{
	struct rlimit limit = { soft, hard };

	return prlimit(pid, RLIMIT_NOFILE, &limit, NULL) < 0 ? -errno : 0;
}

/* The thread and its limit */

TEST_F(control, without_a_thread)
{
	int fd = fuse_server_open(self->srv, "a", O_RDONLY);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, backing_number(self->srv, "backing_thread"));
	EXPECT_EQ(0, backing_number(self->srv, "backing_limit"));
	ASSERT_EQ(0, backing_files_read(self->srv, &self->files));
	EXPECT_EQ(0, self->files.count);
	EXPECT_STREQ(HEADER, self->files.header);
	close(fd);
}

TEST_F(control, header_is_as_documented)
{
	char *text;
	int fd;

	ASSERT_LT(0, env_register(&self->env, "a", O_RDWR));
	fd = fuse_server_control(self->srv, "backing_files", O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_LT(0, backing_files_text(fd, CHUNK, &text));
	EXPECT_EQ(0, strncmp(text, HEADER "\n1 ", strlen(HEADER "\n1 ")));
	free(text);
	close(fd);
}

TEST_F(control, thread_and_limit)
{
	unsigned long soft, hard;
	pid_t pid;

	ASSERT_LT(0, env_register(&self->env, "a", O_RDWR));
	pid = thread_find(self->srv->dev);
	ASSERT_NE(0, pid);
	EXPECT_EQ(pid, backing_number(self->srv, "backing_thread"));
	ASSERT_EQ(0, thread_nofile(pid, &soft, &hard));
	EXPECT_EQ(soft, backing_number(self->srv, "backing_limit"));
}

TEST_F(control, limit_follows_prlimit)
{
	pid_t pid;

	ASSERT_EQ(0, set_nofile(0, 77, 999));
	ASSERT_LT(0, env_register(&self->env, "a", O_RDWR));
	EXPECT_EQ(999, backing_number(self->srv, "backing_limit"));
	pid = thread_find(self->srv->dev);
	ASSERT_NE(0, pid);
	ASSERT_EQ(0, set_nofile(pid, 888, 999));
	EXPECT_EQ(888, backing_number(self->srv, "backing_limit"));
	ASSERT_EQ(0, set_nofile(pid, 0, 999));
	EXPECT_EQ(0, backing_number(self->srv, "backing_limit"));
	ASSERT_EQ(0, set_nofile(0, 66, 999));
	EXPECT_EQ(0, backing_number(self->srv, "backing_limit"));
	EXPECT_STREQ("id rw live 0 0 -", use_of(self, 1));
}

/* A pid of the initial namespace would be somebody else's in there. */
TEST_F(control, thread_in_another_pid_namespace)
{
	int status;
	pid_t pid;

	ASSERT_LT(0, env_register(&self->env, "a", O_RDWR));
	fflush(NULL);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (unshare(CLONE_NEWPID) < 0)
			_exit(255);
		pid = fork();
		if (!pid)
			_exit(backing_number(self->srv, "backing_thread"));
		_exit(waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) :
							254);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

TEST_F(control, fdinfo_names_the_directory)
{
	struct dev_fdinfo info;
	char path[64];
	struct stat st;

	ASSERT_EQ(0, dev_fdinfo_read(self->srv->fd, &info));
	EXPECT_EQ(minor(self->srv->dev), info.connection);
	EXPECT_EQ(0, backing_number(self->srv, "backing_thread"));
	snprintf(path, sizeof(path), CONTROL "/%u/backing_files",
		 info.connection);
	EXPECT_EQ(0, stat(path, &st));
	EXPECT_EQ(S_IFREG | 0400, st.st_mode);

	ASSERT_EQ(0, fuse_server_umount(self->srv));
	EXPECT_EQ(-1, stat(path, &st));
	ASSERT_EQ(0, dev_fdinfo_read(self->srv->fd, &info));
	EXPECT_EQ(minor(self->srv->dev), info.connection);
}

TEST_F(control, two_mounts_are_two_directories)
{
	const struct fuse_server_opts opts = { .mountpoint = SCRATCH_FUSE2 };
	struct fuse_server two;

	ASSERT_EQ(0, env_serve(&self->env, &two, &opts));
	ASSERT_EQ(1, env_register(&self->env, "a", O_RDONLY));
	ASSERT_EQ(1, fuse_backing_open_path(two.fd, scratch_path("b"),
					    O_WRONLY));
	EXPECT_STREQ(scratch_path("a"), path_of(self, 1));
	EXPECT_EQ(1, self->files.count);
	ASSERT_NE(NULL, backing_files_look(&two, &self->files, 1));
	EXPECT_STREQ(scratch_path("b"), self->files.line->path);
	EXPECT_EQ(1, self->files.count);
	fuse_server_stop(&two);
}

/* Fields */

TEST_F(control, access_is_the_registered_descriptors)
{
	int id[4];

	id[0] = env_register(&self->env, "a", O_RDONLY);
	id[1] = env_register(&self->env, "a", O_WRONLY);
	id[2] = env_register(&self->env, "a", O_RDWR);
	id[3] = env_register(&self->env, "a", O_PATH);
	EXPECT_STREQ("id r live 0 0 -", use_of(self, id[0]));
	EXPECT_STREQ("id w live 0 0 -", use_of(self, id[1]));
	EXPECT_STREQ("id rw live 0 0 -", use_of(self, id[2]));
	EXPECT_STREQ("id - live 0 0 -", use_of(self, id[3]));
	EXPECT_EQ(4, self->files.count);
	EXPECT_TRUE(backing_files_ascend(&self->files));
}

/* Node ids: "a" has 2, "b" has 3, and so on. */
TEST_F(control, files_and_nodes)
{
	int id = env_register(&self->env, "a", O_RDWR), fd[3];

	ASSERT_LT(0, id);
	fd[0] = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd[0]);
	EXPECT_STREQ("id rw live 1 0 2", use_of(self, id));
	fd[1] = fuse_server_open_id(self->srv, "b", O_RDONLY, id);
	ASSERT_LE(0, fd[1]);
	EXPECT_STREQ("id rw live 2 0 2,3", use_of(self, id));
	fd[2] = fuse_server_open_id(self->srv, "a", O_RDONLY, id);
	ASSERT_LE(0, fd[2]);
	EXPECT_STREQ("id rw live 3 0 2,3", use_of(self, id));
	close(fd[0]);
	close(fd[2]);
	EXPECT_STREQ("id rw live 1 0 3", use_of(self, id));
	close(fd[1]);
	EXPECT_STREQ("id rw live 0 0 -", use_of(self, id));
}

/* A file that is open twice by dup(2) or fork(2) is one. */
TEST_F(control, duplicates_are_one_file)
{
	int id = env_register(&self->env, "a", O_RDWR), fd, copy;

	ASSERT_LT(0, id);
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	copy = dup(fd);
	EXPECT_STREQ("id rw live 1 0 2", use_of(self, id));
	close(fd);
	EXPECT_STREQ("id rw live 1 0 2", use_of(self, id));
	close(copy);
	EXPECT_STREQ("id rw live 0 0 -", use_of(self, id));
}

static int count_of(const char *text, char c)
{
	int count = 0;

	while (*text)
		count += *text++ == c;
	return count;
}

TEST_F(control, many_nodes)
{
	int id = env_register(&self->env, "a", O_RDWR), fd[MAX_NODES + 1];
	const struct backing_line *l;
	char name[16];

	ASSERT_LT(0, id);
	for (int i = 0; i <= MAX_NODES; i++) {
		snprintf(name, sizeof(name), "node%d", i);
		ASSERT_EQ(0, scratch_file(name, 1, i));
		ASSERT_NE(NULL, fuse_server_add(self->srv, name));
		fd[i] = fuse_server_open_id(self->srv, name, O_RDONLY, id);
		ASSERT_LE(0, fd[i]);
		l = backing_files_look(self->srv, &self->files, id);
		ASSERT_NE(NULL, l);
		EXPECT_EQ(i + 1, l->files);
		if (i == MAX_NODES)
			break;
		EXPECT_EQ(i, count_of(l->nodes, ','));
		EXPECT_EQ(0, count_of(l->nodes, '+'));
	}
	EXPECT_EQ(MAX_NODES, count_of(l->nodes, ','));
	EXPECT_STREQ(",+", strchr(l->nodes, '\0') - 2);
	EXPECT_EQ(0, strncmp("6,7,8,", l->nodes, 6)) TH_LOG("%s", l->nodes);
	for (int i = 0; i <= MAX_NODES; i++)
		close(fd[i]);
	EXPECT_STREQ("id rw live 0 0 -", use_of(self, id));
}

/* Another file of an id that is used many times: some nodes, quickly. */
TEST_F(control, many_files_of_one_node)
{
	int id = env_register(&self->env, "a", O_RDWR), fd[200];
	const struct backing_line *l;

	ASSERT_LT(0, id);
	for (int i = 0; i < 200; i++) {
		fd[i] = fuse_server_open_id(self->srv, i < 199 ? "a" : "b",
					    O_RDONLY, id);
		ASSERT_LE(0, fd[i]);
	}
	l = backing_files_look(self->srv, &self->files, id);
	ASSERT_NE(NULL, l);
	EXPECT_EQ(200, l->files);
	EXPECT_TRUE(!strcmp("2,3", l->nodes) || !strcmp("2,+", l->nodes))
		TH_LOG("%s", l->nodes);
	for (int i = 0; i < 200; i++)
		close(fd[i]);
}

TEST_F(control, closing)
{
	int id = env_register(&self->env, "a", O_RDWR), idle, fd;

	ASSERT_LT(0, id);
	idle = env_register(&self->env, "b", O_RDWR);
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fuse_backing_close(self->srv->fd, id));
	EXPECT_STREQ("id rw closing 1 0 2", use_of(self, id));
	ASSERT_EQ(0, fuse_backing_close(self->srv->fd, idle));
	EXPECT_STREQ("none", use_of(self, idle));
	EXPECT_STREQ("id rw closing 1 0 2", use_of(self, id));
	close(fd);
	EXPECT_TRUE(wait_until(!strcmp("none", use_of(self, id))));
	EXPECT_EQ(0, self->files.count);
	EXPECT_STREQ(HEADER, self->files.header);
}

static char *map(int fd)
{
	return mmap(NULL, MAP_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

/* The thread gives it up, a moment later */
static bool becomes(FIXTURE_DATA(control) * self, int id, const char *use)
{
	return wait_until(!strcmp(use, use_of(self, id)));
}

TEST_F(control, mmaps)
{
	int id = env_register(&self->env, "a", O_RDWR), fd;
	char *one, *two;

	ASSERT_LT(0, id);
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	one = map(fd);
	ASSERT_NE(MAP_FAILED, one);
	EXPECT_STREQ("id rw live 1 1 2", use_of(self, id));
	/* they are backing files, not vmas */
	two = map(fd);
	ASSERT_NE(MAP_FAILED, two);
	EXPECT_STREQ("id rw live 1 1 2", use_of(self, id));
	close(fd);
	EXPECT_STREQ("id rw live 0 1 2", use_of(self, id));
	munmap(one, MAP_SIZE);
	EXPECT_STREQ("id rw live 0 1 2", use_of(self, id));
	munmap(two, MAP_SIZE);
	EXPECT_TRUE(becomes(self, id, "id rw live 0 0 -"));
}

TEST_F(control, mmaps_of_two_inodes)
{
	int id = env_register(&self->env, "a", O_RDWR), a, b;
	char *one, *two;

	ASSERT_LT(0, id);
	a = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	b = fuse_server_open_id(self->srv, "b", O_RDWR, id);
	ASSERT_LE(0, a);
	ASSERT_LE(0, b);
	one = map(a);
	two = map(b);
	close(a);
	EXPECT_STREQ("id rw live 1 2 3,2", use_of(self, id));
	close(b);
	EXPECT_STREQ("id rw live 0 2 2,3", use_of(self, id));
	ASSERT_EQ(0, fuse_backing_close(self->srv->fd, id));
	EXPECT_STREQ("id rw closing 0 2 2,3", use_of(self, id));
	munmap(one, MAP_SIZE);
	EXPECT_TRUE(becomes(self, id, "id rw closing 0 1 3"));
	munmap(two, MAP_SIZE);
	EXPECT_TRUE(becomes(self, id, "none"));
}

/* "mode state attached pending extents extent_bytes nodes" of @id, or "none". */
static const char *attached_of(FIXTURE_DATA(control) * self, int id)
{
	const struct backing_line *l = backing_files_look(self->srv, &self->files, id);

	if (l)
		snprintf(self->text, sizeof(self->text),
			 "%s %s %u %u %llu %llu %s", l->mode, l->state,
			 l->attached, l->pending, l->extents, l->extent_bytes,
			 l->nodes);
	return l ? self->text : "none";
}

/* Node 2 is "a" and known, node 3 is "b" and isn't yet. */
TEST_F(control, attached_and_pending)
{
	const __u32 wait = FUSE_BACKING_READ | FUSE_BACKING_ATTACH_PENDING;
	int id = env_register(&self->env, "a", O_RDWR);
	int dev = self->srv->fd;
	struct stat st;

	ASSERT_LT(0, id);
	EXPECT_STREQ("id live 0 0 0 0 -", attached_of(self, id));
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/a", &st));
	ASSERT_EQ(0, fuse_attach_backing(dev, 2, 0, id, FUSE_BACKING_READ));
	EXPECT_STREQ("inode live 1 0 0 0 2", attached_of(self, id));
	ASSERT_EQ(0, fuse_attach_backing(dev, 3, 0, id, wait));
	EXPECT_STREQ("inode live 1 1 0 0 2,3", attached_of(self, id));
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/b", &st));
	EXPECT_STREQ("inode live 2 0 0 0 2,3", attached_of(self, id));
	ASSERT_EQ(0, fuse_detach_backing(dev, 2, 0, 0));
	ASSERT_EQ(0, fuse_detach_backing(dev, 3, 0, 0));
	EXPECT_STREQ("inode live 0 0 0 0 -", attached_of(self, id));
	ASSERT_EQ(0, fuse_attach_backing(dev, 4, 0, id, wait));
	EXPECT_STREQ("inode pending 0 1 0 0 4", attached_of(self, id));
}

/* A file below that can't be mapped shared, and "a" is on it. */
static int open_on_direct_io(FIXTURE_DATA(control) * self,
			     struct fuse_server *lower, int *id)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.no_passthrough = true,
	};
	int err = env_serve(&self->env, lower, &opts);

	if (err)
		return err;
	lower->sh->file[0].open_flags = FOPEN_DIRECT_IO;
	*id = fuse_backing_open_path(self->srv->fd, SCRATCH_FUSE2 "/a", O_RDWR);
	if (*id < 0)
		return *id;
	return fuse_server_open_id(self->srv, "a", O_RDWR, *id);
}

/* Where nothing was mapped there is no mmap, but those that succeeded stay. */
TEST_F(control, mmaps_that_fail)
{
	struct fuse_server lower = {};
	int id = 0, fd;
	char *one;

	fd = open_on_direct_io(self, &lower, &id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(MAP_FAILED, map(fd));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_STREQ("id rw live 1 0 2", use_of(self, id));
	one = mmap(NULL, MAP_SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
	ASSERT_NE(MAP_FAILED, one);
	EXPECT_STREQ("id rw live 1 1 2", use_of(self, id));
	EXPECT_EQ(MAP_FAILED, map(fd));
	EXPECT_EQ(ENODEV, errno);
	close(fd);
	EXPECT_STREQ("id rw live 0 1 2", use_of(self, id));
	munmap(one, MAP_SIZE);
	EXPECT_TRUE(becomes(self, id, "id rw live 0 0 -"));

	fd = fuse_server_open_id(self->srv, "b", O_RDWR, id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(MAP_FAILED, map(fd));
	ASSERT_EQ(0, fuse_backing_close(self->srv->fd, id));
	EXPECT_STREQ("id rw closing 1 0 3", use_of(self, id));
	close(fd);
	EXPECT_TRUE(becomes(self, id, "none"));
	fuse_server_stop(&lower);
}

TEST_F(control, device_inode_and_size)
{
	int id = env_register(&self->env, "a", O_RDWR), fd;
	const struct backing_line *l;
	struct stat st;

	ASSERT_LT(0, id);
	ASSERT_EQ(0, stat(scratch_path("a"), &st));
	l = backing_files_look(self->srv, &self->files, id);
	ASSERT_NE(NULL, l);
	EXPECT_EQ(st.st_dev, l->dev);
	EXPECT_EQ(st.st_ino, l->ino);
	EXPECT_EQ(FILE_SIZE, l->size);
	EXPECT_FALSE(l->deleted);
	EXPECT_STREQ(scratch_path("a"), l->path);

	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, pwrite(fd, "x", 1, 5000000000));
	l = backing_files_look(self->srv, &self->files, id);
	ASSERT_NE(NULL, l);
	EXPECT_EQ(5000000001, l->size);
	close(fd);

	ASSERT_EQ(0, truncate(scratch_path("a"), 17));
	l = backing_files_look(self->srv, &self->files, id);
	ASSERT_NE(NULL, l);
	EXPECT_EQ(17, l->size);
}

/* Names */

/* A file called @name in the backing directory, registered: its id or -errno */
static int register_new(FIXTURE_DATA(control) * self, const char *name)
{
	int err = scratch_file(name, 1, 0);

	return err ?: env_register(&self->env, name, O_RDWR);
}

TEST_F(control, deleted)
{
	int id = register_new(self, "gone");
	const struct backing_line *l;

	ASSERT_LT(0, id);
	l = backing_files_look(self->srv, &self->files, id);
	ASSERT_NE(NULL, l);
	EXPECT_FALSE(l->deleted);
	ASSERT_EQ(0, unlink(scratch_path("gone")));
	l = backing_files_look(self->srv, &self->files, id);
	ASSERT_NE(NULL, l);
	EXPECT_TRUE(l->deleted);
	EXPECT_STREQ(SCRATCH_BACKING "/gone\\040(deleted)", l->path);
}

TEST_F(control, name_that_looks_deleted)
{
	int id = register_new(self, "kept (deleted)");
	const struct backing_line *l;

	ASSERT_LT(0, id);
	l = backing_files_look(self->srv, &self->files, id);
	ASSERT_NE(NULL, l);
	EXPECT_FALSE(l->deleted);
	EXPECT_STREQ(SCRATCH_BACKING "/kept\\040(deleted)", l->path);
	ASSERT_EQ(0, unlink(scratch_path("kept (deleted)")));
	l = backing_files_look(self->srv, &self->files, id);
	ASSERT_NE(NULL, l);
	EXPECT_TRUE(l->deleted);
	EXPECT_STREQ(SCRATCH_BACKING "/kept\\040(deleted)\\040(deleted)",
		     l->path);
}

TEST_F(control, renamed)
{
	int id = register_new(self, "before");

	ASSERT_LT(0, id);
	ASSERT_EQ(0, rename(scratch_path("before"), scratch_path("after")));
	EXPECT_STREQ(SCRATCH_BACKING "/after", path_of(self, id));
	ASSERT_EQ(0, link(scratch_path("after"), scratch_path("other")));
	ASSERT_EQ(0, unlink(scratch_path("after")));
	EXPECT_STREQ(SCRATCH_BACKING "/after\\040(deleted)",
		     path_of(self, id));
}

TEST_F(control, odd_names)
{
	static const struct {
		const char *name;
		const char *printed;
	} odd[] = {
		{ "new\nline", "new\\012line" },
		{ "tab\tulator", "tab\\011ulator" },
		{ " blank ", "\\040blank\\040" },
		{ "back\\slash\\040", "back\\134slash\\134040" },
		{ "\1\33[31m\37\177", "\\001\\033[31m\\037\\177" },
		{ "\n1 id rw live - 0:1 ",
		  "\\0121\\040id\\040rw\\040live\\040-\\0400:1\\040" },
		{ "gr\303\274n", "gr\303\274n" },
		{ "\200\377\240", "\200\377\240" },
		{ "#!\"$%&'()*+,-.;<=>?@[]^_`{|}~",
		  "#!\"$%&'()*+,-.;<=>?@[]^_`{|}~" },
	};
	char path[PATH_MAX], want[PATH_MAX];
	const struct backing_line *l;
	int id;

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		id = register_new(self, odd[i].name);
		ASSERT_LT(0, id);
		l = backing_files_look(self->srv, &self->files, id);
		ASSERT_NE(NULL, l);
		snprintf(want, sizeof(want), SCRATCH_BACKING "/%s",
			 odd[i].printed);
		EXPECT_STREQ(want, l->path);
		EXPECT_LT(0, backing_files_decode(l->path, path, PATH_MAX));
		EXPECT_STREQ(scratch_path(odd[i].name), path);
		EXPECT_FALSE(l->deleted);
	}
	EXPECT_EQ(ARRAY_SIZE(odd), self->files.count);
}

#define DEEP_NAME	"directory with some blanks\n"
#define DEEP_PRINTED	"directory\\040with\\040some\\040blanks\\012"
#define DEPTH		400

/* An open file below directories whose names no single path can hold. */
static int open_deep(void)
{
	int dir = open(SCRATCH_BACKING, O_PATH | O_CLOEXEC), next;

	for (int i = 0; i < DEPTH && dir >= 0; i++) {
		if (mkdirat(dir, DEEP_NAME, 0755) < 0)
			return -errno;
		next = openat(dir, DEEP_NAME, O_PATH | O_CLOEXEC);
		close(dir);
		dir = next;
	}
	if (dir < 0)
		return -errno;
	next = openat(dir, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	close(dir);
	return next < 0 ? -errno : next;
}

TEST_F(control, path_longer_than_a_page)
{
	static char want[DEPTH * sizeof(DEEP_PRINTED) + PATH_MAX];
	int fd = open_deep(), id, after;
	size_t len;

	ASSERT_LE(0, fd);
	id = fuse_backing_open(self->srv->fd, fd);
	close(fd);
	ASSERT_LT(0, id);
	after = env_register(&self->env, "b", O_RDONLY);
	len = snprintf(want, sizeof(want), SCRATCH_BACKING);
	for (int i = 0; i < DEPTH; i++)
		len += sprintf(want + len, "/" DEEP_PRINTED);
	sprintf(want + len, "/file");
	ASSERT_LT(3 * PATH_MAX, len);
	EXPECT_STREQ(want, path_of(self, id));
	EXPECT_STREQ(scratch_path("b"), path_of(self, after));
	EXPECT_EQ(2, self->files.count);
}

/* Paths are those of the reader's root, as everywhere in /proc. */
static int read_in_chroot(const struct fuse_server *srv)
{
	int fd = fuse_server_control(srv, "backing_files", O_RDONLY);
	struct backing_files files;

	if (fd < 0 || chroot(SCRATCH_BACKING) < 0 ||
	    backing_files_read_fd(fd, CHUNK, &files) || files.count != 1)
		return 1;
	return strcmp("/a", files.line[0].path) ? 2 : 0;
}

TEST_F(control, path_of_a_reader_in_a_chroot)
{
	int status;
	pid_t pid;

	ASSERT_LT(0, env_register(&self->env, "a", O_RDWR));
	fflush(NULL);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(read_in_chroot(self->srv));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

/* Permissions */

static const char * const control_names[] = {
	"backing_files", "backing_limit", "backing_thread",
};

struct permission {
	const struct fuse_server *srv;
	int want;		/* of open(2): 0 or -errno */
};

/* By their paths; 0, or the number of the one that went wrong. */
static int open_all(void *arg)
{
	const struct permission *p = arg;
	char path[64];
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(control_names); i++) {
		snprintf(path, sizeof(path), CONTROL "/%u/%s",
			 minor(p->srv->dev), control_names[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if ((fd < 0 ? -errno : 0) != p->want)
			return i + 1;
		close(fd);
	}
	snprintf(path, sizeof(path), CONTROL "/%u", minor(p->srv->dev));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return (fd < 0 ? -errno : 0) != p->want;
}

/* By descriptors of O_PATH that are handed out, which is past the directory. */
static int open_given(void *arg)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", *(int *)arg);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : 0;
}

static int read_as_owner(void *arg)
{
	const struct fuse_server *srv = arg;
	struct backing_files files;

	if (backing_number(srv, "backing_thread") <= 0)
		return 1;
	if (backing_number(srv, "backing_limit") <= 0)
		return 2;
	if (backing_files_read(srv, &files))
		return 3;
	return files.count != 1 || strcmp(scratch_path("own"),
					  files.line->path);
}

TEST_F(control, permissions)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.uid = OWNER,
	};
	const struct creds owner = { .uid = OWNER, .gid = OWNER };
	const struct creds other = { .uid = OTHER, .gid = OTHER };
	struct fuse_server two;
	struct permission p = { .srv = &two };
	int fd, given;

	ASSERT_EQ(0, env_serve(&self->env, &two, &opts));
	ASSERT_EQ(0, scratch_owned("own", 1, 0, OWNER, 0600));
	fd = open(scratch_path("own"), O_RDWR | O_CLOEXEC);
	ASSERT_LT(0, creds_register(&owner, two.fd, fd));
	close(fd);

	EXPECT_EQ(0, open_all(&p));
	EXPECT_EQ(0, creds_call(&owner, open_all, &p));
	EXPECT_EQ(0, read_as_owner(&two));
	EXPECT_EQ(0, creds_call(&owner, read_as_owner, &two));
	p.want = -EACCES;
	EXPECT_EQ(0, creds_call(&other, open_all, &p));
	for (size_t i = 0; i < ARRAY_SIZE(control_names); i++) {
		given = fuse_server_control(&two, control_names[i], O_PATH);
		ASSERT_LE(0, given);
		EXPECT_EQ(0, creds_call(&owner, open_given, &given));
		EXPECT_EQ(-EACCES, creds_call(&other, open_given, &given));
		close(given);
	}
	/* root's mount is not the user's */
	p.srv = self->srv;
	EXPECT_EQ(0, creds_call(&owner, open_all, &p));
	fuse_server_stop(&two);
}

TEST_F(control, nothing_can_be_written)
{
	for (size_t i = 0; i < ARRAY_SIZE(control_names); i++) {
		int fd = fuse_server_control(self->srv, control_names[i],
					     O_RDWR);

		/* root may open it, but there is nothing to write to */
		ASSERT_LE(0, fd);
		EXPECT_EQ(-1, write(fd, "1\n", 2));
		EXPECT_EQ(EINVAL, errno);
		close(fd);
	}
}

/* Memory that isn't there */

/* The next calls' @nth allocation fails; 0 ends that. */
static int fail_nth(int nth)
{
	char text[16];
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	int len = snprintf(text, sizeof(text), "%d", nth), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != len)
		err = -errno;
	close(fd);
	return err;
}

/* Whether it came to that; ends it. */
static bool has_failed(void)
{
	char text[16] = "";
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	bool failed = read(fd, text, sizeof(text) - 1) > 0 && !atoi(text);

	if (write(fd, "0", 1) < 0)
		failed = false;
	close(fd);
	return failed;
}

static int allow_failures(void)
{
	return text_file_write("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
}

/* The first open of a mapping allocates what counts its users. */
TEST_F(control, open_without_memory)
{
	int id, fd = -1, n;
	bool failed = true;

	if (allow_failures() || fail_nth(0))
		SKIP(return, "no fault injection");
	for (n = 1; n < MOST_FAULTS && failed; n++) {
		id = env_register(&self->env, "a", O_RDWR);
		ASSERT_LT(0, id);
		ASSERT_EQ(0, fail_nth(n));
		fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
		failed = has_failed();
		/* the path that open(2) copies is one that may fail, too */
		if (fd < 0)
			ASSERT_TRUE(fd == -ENOMEM || fd == -EFAULT)
				TH_LOG("fault %d: %d", n, fd);
		EXPECT_STREQ(fd < 0 ? "id rw live 0 0 -" : "id rw live 1 0 2",
			     use_of(self, id))
			TH_LOG("fault %d", n);
		if (fd >= 0)
			close(fd);
		ASSERT_EQ(0, fuse_backing_close(self->srv->fd, id));
		EXPECT_STREQ("none", use_of(self, id));
	}
	EXPECT_LE(0, fd);
	EXPECT_FALSE(failed);
	TH_LOG("%d faults", n - 2);
}

TEST_HARNESS_MAIN
