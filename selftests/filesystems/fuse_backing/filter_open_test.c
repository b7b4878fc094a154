// SPDX-License-Identifier: GPL-2.0
/*
 * A BPF program chooses what each open is on.
 *
 * Proves: where a file is attached, or where the server's reply says so, the program has
 * the file opened as it is, on any file that the server registered, by the server, or not
 * at all; for one caller otherwise than for another, at the same time, and whoever comes
 * first: what the server opens isn't cached; what is hidden isn't opened for being open by
 * the server; what it was asked is what was opened; and it grants nothing: an id that isn't
 * the connection's, or can't be named any more, leaves the file to the server, and what the
 * server couldn't open isn't opened.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "creds.h"
#include "env.h"
#include "event_trace.h"
#include "filter.h"
#include "reject_trace.h"
#include "wait_until.h"

#define NONE		(-1)	/* bpf_fuse_use() isn't called */
#define HEAD		64
#define ALICE		1000
#define NEGATIVE	(-2)

FIXTURE(open) {
	struct env env;
	struct fuse_server *srv;
	struct fuse_server_file *file;	/* "a" */
	struct filter filter;
	struct filter_state *state;
	int dev;
	int a, b;	/* ids */
};

FIXTURE_SETUP(open)
{
	if (access("/sys/kernel/btf/vmlinux", F_OK))
		SKIP(return, "the kernel has no BTF");
	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
	self->file = &self->srv->sh->file[0];
	self->a = env_register(&self->env, "a", O_RDWR);
	self->b = env_register(&self->env, "b", O_RDWR);
	ASSERT_LT(0, self->a);
	ASSERT_LT(0, self->b);
	ASSERT_EQ(0, filter_start(&self->filter, "answers",
				  &(struct filter_opts){ .fuse_fd = self->dev }));
	self->state = self->filter.state;
}

FIXTURE_TEARDOWN(open)
{
	EXPECT_EQ(0, self->srv->sh->bad_fh);
	filter_close(&self->filter);
	env_teardown(&self->env);
}

/* Which backing file an open file is on: its name; or a negative errno */
static int letter_of(int fd)
{
	char got[HEAD], want[HEAD];

	if (pread(fd, got, HEAD, 0) != HEAD)
		return -errno ?: -EIO;
	for (int i = 0; i < 4; i++) {
		scratch_pattern(want, HEAD, i);
		if (!memcmp(got, want, HEAD))
			return 'a' + i;
	}
	return -EILSEQ;
}

/* The same of a name of the mount that is opened for this, and closed */
static int open_and_read(const struct fuse_server *srv, const char *name, int flags)
{
	int fd = fuse_server_open(srv, name, flags);
	int letter;

	if (fd < 0)
		return fd;
	letter = letter_of(fd);
	close(fd);
	return letter;
}

static int read_a(const struct fuse_server *srv)
{
	return open_and_read(srv, "a", O_RDONLY);
}

static int read_a_of(void *srv)
{
	return read_a(srv);
}

static int read_as(uid_t uid, const struct fuse_server *srv)
{
	const struct creds who = { uid, uid, 0 };

	return creds_call(&who, read_a_of, (void *)srv);
}

static void say(struct filter_state *state, int verdict, int id)
{
	state->verdict = verdict;
	state->id = id;
}

static __u32 opens(const struct fuse_server *srv)
{
	return fuse_server_ops(srv, FUSE_OPEN);
}

TEST_F(open, verdicts)
{
	ASSERT_EQ(0, env_attach(&self->env, self->a, false));
	say(self->state, FUSE_BACKING_PASS, NONE);
	EXPECT_EQ('a', read_a(self->srv));
	EXPECT_EQ(0, opens(self->srv));
	say(self->state, FUSE_BACKING_HIDE, NONE);
	EXPECT_EQ(-ENOENT, read_a(self->srv));
	EXPECT_EQ(0, opens(self->srv));
	say(self->state, FUSE_BACKING_SERVER, NONE);
	EXPECT_EQ('a', read_a(self->srv));
	EXPECT_EQ(1, opens(self->srv));
	EXPECT_LT(0, fuse_server_data_ops(self->srv));
	/* what has no meaning */
	say(self->state, 3, NONE);
	EXPECT_EQ('a', read_a(self->srv));
	say(self->state, -EPERM, NONE);
	EXPECT_EQ('a', read_a(self->srv));
	EXPECT_EQ(3, opens(self->srv));
	EXPECT_EQ(5, self->state->calls[FILTER_OPEN]);
	EXPECT_EQ(0, self->state->calls[FILTER_LOOKUP]);
}

TEST_F(open, extents)
{
	ASSERT_EQ(0, env_attach(&self->env, self->a, true));
	say(self->state, FUSE_BACKING_PASS, NONE);
	EXPECT_EQ('a', read_a(self->srv));
	say(self->state, FUSE_BACKING_HIDE, NONE);
	EXPECT_EQ(-ENOENT, read_a(self->srv));
	EXPECT_EQ(0, opens(self->srv));
	say(self->state, FUSE_BACKING_PASS, self->b);
	EXPECT_EQ('b', read_a(self->srv));
	EXPECT_EQ(0, opens(self->srv));
	say(self->state, FUSE_BACKING_SERVER, NONE);
	EXPECT_EQ('a', read_a(self->srv));
	EXPECT_EQ(1, opens(self->srv));
}

TEST_F(open, chooses)
{
	ASSERT_EQ(0, env_attach(&self->env, self->a, false));
	say(self->state, FUSE_BACKING_PASS, self->b);
	EXPECT_EQ('b', read_a(self->srv));
	EXPECT_EQ(0, self->state->use_error);
	EXPECT_EQ(0, opens(self->srv));
	/* none of them */
	say(self->state, FUSE_BACKING_PASS, 0);
	EXPECT_EQ('a', read_a(self->srv));
	EXPECT_EQ(1, opens(self->srv));
	/* the verdict is what counts */
	say(self->state, FUSE_BACKING_SERVER, self->b);
	EXPECT_EQ('a', read_a(self->srv));
	EXPECT_EQ(2, opens(self->srv));
	say(self->state, FUSE_BACKING_HIDE, self->b);
	EXPECT_EQ(-ENOENT, read_a(self->srv));
	/* as if it hadn't been called */
	say(self->state, FUSE_BACKING_PASS, NEGATIVE);
	EXPECT_EQ('a', read_a(self->srv));
	EXPECT_EQ(-EINVAL, self->state->use_error);
	EXPECT_EQ(2, opens(self->srv));
}

/* What is written goes to what was chosen */
TEST_F(open, writes)
{
	int fd;

	ASSERT_EQ(0, env_attach(&self->env, self->a, false));
	say(self->state, FUSE_BACKING_PASS, self->b);
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(5, pwrite(fd, "bytes", 5, 0));
	close(fd);
	EXPECT_EQ(0, scratch_compare("b", "bytes", 5, 0));
	EXPECT_NE(0, scratch_compare("a", "bytes", 5, 0));
	EXPECT_EQ(0, opens(self->srv));
}

TEST_F(open, foreign)
{
	const struct fuse_server_opts server = { .mountpoint = SCRATCH_FUSE2 };
	struct reject_trace *trace = calloc(1, sizeof(*trace));
	struct fuse_server srv;
	int closed, theirs, once, dir, tries[5];

	ASSERT_NE(NULL, trace);
	ASSERT_EQ(0, reject_trace_start(trace));
	ASSERT_EQ(0, env_attach(&self->env, self->a, false));
	ASSERT_EQ(0, env_serve(&self->env, &srv, &server));
	/* an id that only the other connection has */
	for (int i = 0; i < 8; i++)
		theirs = fuse_backing_open_path(srv.fd, scratch_path("b"), O_RDWR);
	closed = env_register(&self->env, "b", O_RDWR);
	ASSERT_EQ(0, fuse_backing_close(self->dev, closed));
	once = fuse_backing_open_once(self->dev, scratch_path("b"), O_RDWR);
	dir = fuse_backing_open_with(self->dev, SCRATCH_BACKING, O_RDONLY,
				     FUSE_BACKING_MAP_DIR);
	ASSERT_LT(0, once);
	ASSERT_LT(dir, theirs);

	memcpy(tries, (int[]){ theirs, closed, once, 12345, INT_MAX }, sizeof(tries));
	for (int i = 0; i < 5; i++) {
		say(self->state, FUSE_BACKING_PASS, tries[i]);
		EXPECT_EQ('a', read_a(self->srv)) TH_LOG("try %d", i);
		EXPECT_EQ(i + 1, opens(self->srv));
		EXPECT_TRUE(reject_trace_has(trace, self->srv->dev, tries[i], -ENOENT,
					     "unknown-id"));
	}
	/* the one for one open is there still, and what is no file is none to open */
	EXPECT_EQ(0, fuse_backing_close(self->dev, once));
	say(self->state, FUSE_BACKING_PASS, dir);
	EXPECT_EQ(-EISDIR, read_a(self->srv));
	/* the control: one of the connection's own */
	say(self->state, FUSE_BACKING_PASS, self->b);
	EXPECT_EQ('b', read_a(self->srv));
	fuse_server_stop(&srv);
	reject_trace_stop(trace);
	free(trace);
}

/* What the server could not have opened itself */
TEST_F(open, grants_nothing)
{
	int readable = fuse_backing_open_with(self->dev, scratch_path("b"), O_RDONLY,
					      FUSE_BACKING_MAP_AS_OPENED);
	int fd;

	ASSERT_LT(0, readable);
	ASSERT_EQ(0, env_attach(&self->env, self->a, false));
	say(self->state, FUSE_BACKING_PASS, readable);
	EXPECT_EQ('b', read_a(self->srv));
	EXPECT_EQ(-EACCES, fuse_server_open(self->srv, "a", O_RDWR));
	/* the control */
	say(self->state, FUSE_BACKING_PASS, self->b);
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	EXPECT_LE(0, fd);
	close(fd);
}

/* For what isn't attached: the server's, whatever a program would say */
static int open_cached(FIXTURE_DATA(open) * self)
{
	int err = access(SCRATCH_FUSE "/a", F_OK) ? -errno : 0;

	err = err ?: fuse_attach_backing(self->dev,
					 fuse_server_node(self->srv, self->file), 0,
					 self->a, FUSE_BACKING_READ);
	return err ?: fuse_server_open(self->srv, "a", O_RDWR);
}

/* Others have it open by the server, and cached, since there was no program */
TEST_F(open, hidden_while_cached)
{
	int fd;

	ASSERT_EQ(0, filter_detach(&self->filter));
	fd = open_cached(self);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, filter_attach(&self->filter));
	say(self->state, FUSE_BACKING_HIDE, NONE);
	EXPECT_EQ(-ENOENT, read_a(self->srv));
	EXPECT_EQ(1, opens(self->srv));
	/* the control: what isn't hidden is as for those */
	say(self->state, FUSE_BACKING_PASS, NONE);
	EXPECT_EQ('a', read_a(self->srv));
	say(self->state, FUSE_BACKING_SERVER, NONE);
	EXPECT_EQ('a', read_a(self->srv));
	EXPECT_EQ(3, opens(self->srv));
	EXPECT_EQ(3, self->state->calls[FILTER_OPEN]);
	close(fd);
}

/* What the server is to open, as it is to truncate it */
TEST_F(open, hidden_and_truncated)
{
	const struct fuse_server_opts server = {
		.mountpoint = SCRATCH_FUSE2,
		.init_flags = FUSE_ATOMIC_O_TRUNC,
	};
	struct fuse_server srv;
	struct filter filter;
	int fd;

	ASSERT_EQ(0, env_serve(&self->env, &srv, &server));
	ASSERT_EQ(0, access(SCRATCH_FUSE2 "/a", F_OK));
	ASSERT_EQ(0, fuse_attach_backing(srv.fd, fuse_server_node(&srv, srv.sh->file), 0,
					 fuse_backing_open_path(srv.fd, scratch_path("a"),
								O_RDWR),
					 FUSE_BACKING_READ | FUSE_BACKING_WRITE));
	ASSERT_EQ(0, filter_start(&filter, "opens",
				  &(struct filter_opts){ .fuse_fd = srv.fd }));
	say(filter.state, FUSE_BACKING_HIDE, NONE);
	EXPECT_EQ(-ENOENT, fuse_server_open(&srv, "a", O_WRONLY | O_TRUNC));
	EXPECT_EQ(0, opens(&srv));
	/* the control */
	say(filter.state, FUSE_BACKING_PASS, NONE);
	fd = fuse_server_open(&srv, "a", O_WRONLY | O_TRUNC);
	EXPECT_LE(0, fd);
	EXPECT_EQ(1, opens(&srv));
	close(fd);
	filter_close(&filter);
	fuse_server_stop(&srv);
}

/* What is attached for reading only doesn't bind what is chosen for writing */
TEST_F(open, what_was_asked)
{
	struct stat st;
	int fd;

	ASSERT_EQ(0, stat(SCRATCH_FUSE "/a", &st));
	ASSERT_EQ(0, fuse_attach_backing(self->dev,
					 fuse_server_node(self->srv, self->file), 0,
					 self->a, FUSE_BACKING_READ));
	EXPECT_EQ('a', read_a(self->srv));
	EXPECT_EQ(fuse_server_node(self->srv, self->file), self->state->nodeid);
	EXPECT_EQ(st.st_ino, self->state->ino);
	EXPECT_EQ(FUSE_BACKING_READ, self->state->modes);
	EXPECT_EQ(O_RDONLY, self->state->open_flags & O_ACCMODE);
	EXPECT_EQ(1, self->state->name_len);
	EXPECT_STREQ("a", self->state->name);
	EXPECT_EQ(1, self->state->short_len);

	say(self->state, FUSE_BACKING_PASS, self->b);
	fd = fuse_server_open(self->srv, "a", O_WRONLY | O_APPEND);
	ASSERT_LE(0, fd);
	close(fd);
	EXPECT_EQ(FUSE_BACKING_WRITE, self->state->modes);
	EXPECT_EQ(O_WRONLY | O_APPEND,
		  self->state->open_flags & (O_ACCMODE | O_APPEND));
	EXPECT_EQ(0, opens(self->srv));
}

/* Of a name that is longer than there is room for, there is none */
TEST_F(open, long_name)
{
	struct fuse_server_file *file = fuse_server_add(self->srv, "longer");
	char none[sizeof(self->state->short_name)] = "";
	struct stat st;

	ASSERT_NE(NULL, file);
	ASSERT_EQ(0, scratch_file("longer", FILE_SIZE, 2));
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/longer", &st));
	ASSERT_EQ(0, fuse_attach_backing(self->dev, fuse_server_node(self->srv, file), 0,
					 self->a, FUSE_BACKING_READ));
	EXPECT_EQ('a', open_and_read(self->srv, "longer", O_RDONLY));
	EXPECT_EQ(6, self->state->name_len);
	EXPECT_STREQ("longer", self->state->name);
	EXPECT_EQ(-E2BIG, self->state->short_len);
	EXPECT_EQ(0, memcmp(none, self->state->short_name, sizeof(none)));
}

/* One caller gets the file, and others what the server, or another file, has */
TEST_F(open, callers)
{
	int fd;

	ASSERT_EQ(0, env_attach(&self->env, self->a, false));
	self->state->uid = ALICE;
	self->state->uid_verdict = FUSE_BACKING_PASS;
	self->state->uid_id = self->b;
	EXPECT_EQ('a', read_a(self->srv));
	EXPECT_EQ('b', read_as(ALICE, self->srv));
	EXPECT_EQ('a', read_as(ALICE + 1, self->srv));
	EXPECT_EQ(0, opens(self->srv));
	self->state->uid_id = NONE;
	self->state->uid_verdict = FUSE_BACKING_HIDE;
	EXPECT_EQ(-ENOENT, read_as(ALICE, self->srv));
	EXPECT_EQ('a', read_a(self->srv));

	/* at the same time */
	self->state->uid_verdict = FUSE_BACKING_SERVER;
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, opens(self->srv));
	EXPECT_EQ('a', read_as(ALICE, self->srv));
	EXPECT_EQ(1, opens(self->srv));
	EXPECT_EQ(1, fuse_server_data_ops(self->srv));
	/* an inode is on one backing file at a time: others are the server's */
	self->state->uid_verdict = FUSE_BACKING_PASS;
	self->state->uid_id = self->b;
	EXPECT_EQ('a', read_as(ALICE, self->srv));
	EXPECT_EQ(2, opens(self->srv));
	EXPECT_EQ('a', letter_of(fd));
	EXPECT_EQ(2, fuse_server_data_ops(self->srv));
	close(fd);
	EXPECT_EQ('b', read_as(ALICE, self->srv));
	EXPECT_EQ(2, opens(self->srv));
}

/* What the server opens beside it is not cached, and not to be mapped */
TEST_F(open, server_beside)
{
	int fd, other;

	ASSERT_EQ(0, env_attach(&self->env, self->a, false));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	say(self->state, FUSE_BACKING_SERVER, NONE);
	other = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, other);
	EXPECT_EQ(1, opens(self->srv));
	EXPECT_EQ(5, pwrite(fd, "first", 5, 0));
	EXPECT_EQ(6, pwrite(other, "second", 6, 8));
	EXPECT_EQ(0, scratch_compare("a", "first", 5, 0));
	EXPECT_EQ(0, scratch_compare("a", "second", 6, 8));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, other, 0));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, other, 0));
	EXPECT_EQ(ENODEV, errno);
	close(other);
	close(fd);
}

/* 0 or -errno */
static int splice_some(int fd)
{
	loff_t pos = 0;
	int pipefd[2];
	ssize_t n;

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return -errno;
	n = splice(fd, &pos, pipefd[1], NULL, HEAD, 0);
	close(pipefd[0]);
	close(pipefd[1]);
	return n == HEAD ? 0 : -EIO;
}

/* What is read, or spliced, several times: is it asked for each time? */
static bool is_direct(const struct fuse_server *srv, int fd)
{
	__u32 before = fuse_server_data_ops(srv);

	return letter_of(fd) == 'a' && letter_of(fd) == 'a' && !splice_some(fd) &&
	       !splice_some(fd) && fuse_server_data_ops(srv) == before + 4;
}

static bool is_cached(const struct fuse_server *srv, int fd)
{
	__u32 before;

	if (letter_of(fd) != 'a')
		return false;
	before = fuse_server_data_ops(srv);
	return letter_of(fd) == 'a' && !splice_some(fd) &&
	       fuse_server_data_ops(srv) == before;
}

/* What the server has opened first keeps nobody from what is passed through */
TEST_F(open, server_before)
{
	void *map;
	int fd;

	ASSERT_EQ(0, env_attach(&self->env, self->a, false));
	say(self->state, FUSE_BACKING_SERVER, NONE);
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, opens(self->srv));
	EXPECT_TRUE(is_direct(self->srv, fd));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
	EXPECT_EQ(ENODEV, errno);
	map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	EXPECT_NE(MAP_FAILED, map);
	munmap(map, 4096);
	say(self->state, FUSE_BACKING_PASS, NONE);
	EXPECT_EQ('a', read_a(self->srv));
	say(self->state, FUSE_BACKING_PASS, self->b);
	EXPECT_EQ('b', read_a(self->srv));
	EXPECT_EQ(1, opens(self->srv));
	EXPECT_TRUE(is_direct(self->srv, fd));
	close(fd);
}

/* Where one caller is the server's, and comes first */
TEST_F(open, callers_before)
{
	int fd;

	ASSERT_EQ(0, env_attach(&self->env, self->a, false));
	say(self->state, FUSE_BACKING_SERVER, NONE);
	self->state->uid = ALICE;
	self->state->uid_verdict = FUSE_BACKING_PASS;
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ('a', read_as(ALICE, self->srv));
	EXPECT_EQ(1, opens(self->srv));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	/* nor from what another is told to have instead */
	self->state->uid_id = self->b;
	EXPECT_EQ('b', read_as(ALICE, self->srv));
	EXPECT_EQ(1, opens(self->srv));
	EXPECT_TRUE(is_direct(self->srv, fd));
	close(fd);
}

/* Nor does what it opened when a sticky program was detached */
TEST_F(open, server_before_another)
{
	const struct filter_opts opts = {
		.fuse_fd = self->dev,
		.flags = FUSE_BACKING_FILTER_STICKY,
	};
	int fd;

	ASSERT_EQ(0, env_attach(&self->env, self->a, false));
	filter_close(&self->filter);
	ASSERT_EQ(0, filter_start(&self->filter, "lookups", &opts));
	ASSERT_EQ(0, filter_detach(&self->filter));
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, opens(self->srv));
	EXPECT_TRUE(is_direct(self->srv, fd));
	ASSERT_EQ(0, filter_attach(&self->filter));
	EXPECT_EQ('a', read_a(self->srv));
	EXPECT_EQ(1, opens(self->srv));
	close(fd);
}

/* The control: where no program decides about opens, what is the server's is cached */
TEST_F(open, servers_alone)
{
	const struct filter_opts opts = { .fuse_fd = self->dev };
	int fd;

	filter_close(&self->filter);
	ASSERT_EQ(0, filter_start(&self->filter, "lookups", &opts));
	fd = open_cached(self);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, opens(self->srv));
	EXPECT_TRUE(is_cached(self->srv, fd));
	close(fd);
}

/* Without a program, and with one that is asked, by the server's reply */
static int reply(struct fuse_server_file *file, __u32 flags, int id)
{
	file->open_flags = flags;
	file->backing_id = id;
	return 0;
}

#define ASK	(FOPEN_PASSTHROUGH | FOPEN_BACKING_FILTER)

TEST_F(open, replies)
{
	reply(self->file, ASK, self->a);
	EXPECT_EQ('a', read_a(self->srv));
	EXPECT_EQ(1, self->state->calls[FILTER_OPEN]);
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	say(self->state, FUSE_BACKING_PASS, self->b);
	EXPECT_EQ('b', read_a(self->srv));
	/* no id but the program's */
	reply(self->file, ASK, 0);
	EXPECT_EQ('b', read_a(self->srv));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	say(self->state, FUSE_BACKING_PASS, NONE);
	EXPECT_EQ(-EINVAL, read_a(self->srv));

	reply(self->file, ASK, self->a);
	say(self->state, FUSE_BACKING_HIDE, NONE);
	EXPECT_EQ(-ENOENT, read_a(self->srv));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	say(self->state, FUSE_BACKING_SERVER, self->b);
	EXPECT_EQ('a', read_a(self->srv));
	EXPECT_LT(0, fuse_server_data_ops(self->srv));
	/* what has no meaning */
	say(self->state, 77, NONE);
	EXPECT_EQ('a', read_a(self->srv));
	say(self->state, -ENOENT, NONE);
	EXPECT_EQ('a', read_a(self->srv));
	say(self->state, FUSE_BACKING_PASS, 54321);
	EXPECT_EQ(-ENOENT, read_a(self->srv));
	/* each was opened, and released */
	EXPECT_TRUE(wait_until(self->file->releases == self->file->opens));

	/* who doesn't ask isn't told */
	reply(self->file, FOPEN_PASSTHROUGH, self->a);
	self->state->calls[FILTER_OPEN] = 0;
	EXPECT_EQ('a', read_a(self->srv));
	EXPECT_EQ(0, self->state->calls[FILTER_OPEN]);
}

/* What isn't passed through is nobody's to decide: that is the reason, and the only one */
TEST_F(open, replies_that_only_ask)
{
	struct reject_trace *trace = calloc(1, sizeof(*trace));

	ASSERT_NE(NULL, trace);
	ASSERT_EQ(0, reject_trace_start(trace));
	reply(self->file, FOPEN_BACKING_FILTER, self->a);
	EXPECT_EQ(-EIO, read_a(self->srv));
	EXPECT_TRUE(reject_trace_has(trace, self->srv->dev, self->a, -EINVAL, "open-flags"));
	EXPECT_FALSE(reject_trace_has(trace, self->srv->dev, 0, -EIO, "mixed-open"));
	reject_trace_stop(trace);
	free(trace);
}

/* Here, too, what the server has opened keeps nobody from the backing file */
TEST_F(open, replies_after_the_server)
{
	int fd;

	reply(self->file, ASK, self->a);
	say(self->state, FUSE_BACKING_SERVER, NONE);
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(is_direct(self->srv, fd));
	say(self->state, FUSE_BACKING_PASS, NONE);
	EXPECT_EQ('a', read_a(self->srv));
	say(self->state, FUSE_BACKING_PASS, self->b);
	EXPECT_EQ('b', read_a(self->srv));
	EXPECT_TRUE(is_direct(self->srv, fd));
	close(fd);
	/* the control: who doesn't ask is cached */
	reply(self->file, 0, 0);
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(is_cached(self->srv, fd));
	close(fd);
}

TEST_F(open, replies_without_program)
{
	reply(self->file, ASK, self->b);
	say(self->state, FUSE_BACKING_HIDE, NONE);
	ASSERT_EQ(0, filter_detach(&self->filter));
	EXPECT_EQ('b', read_a(self->srv));
	EXPECT_EQ(0, self->state->calls[FILTER_OPEN]);
}

/* An id for one open is consumed by its reply, whatever the program makes of it */
TEST_F(open, once)
{
	int id = fuse_backing_open_once(self->dev, scratch_path("c"), O_RDWR);

	ASSERT_LT(0, id);
	reply(self->file, ASK, id);
	EXPECT_EQ('c', read_a(self->srv));
	EXPECT_EQ(-ENOENT, fuse_backing_close(self->dev, id));

	id = fuse_backing_open_once(self->dev, scratch_path("c"), O_RDWR);
	ASSERT_LT(0, id);
	reply(self->file, ASK, id);
	say(self->state, FUSE_BACKING_PASS, self->b);
	EXPECT_EQ('b', read_a(self->srv));
	EXPECT_EQ(-ENOENT, fuse_backing_close(self->dev, id));

	id = fuse_backing_open_once(self->dev, scratch_path("c"), O_RDWR);
	ASSERT_LT(0, id);
	reply(self->file, ASK, id);
	say(self->state, FUSE_BACKING_SERVER, NONE);
	EXPECT_EQ('a', read_a(self->srv));
	EXPECT_EQ(-ENOENT, fuse_backing_close(self->dev, id));
}

/* What it said can be seen */
TEST_F(open, traced)
{
	struct event_trace *trace = calloc(1, sizeof(*trace));
	char want[EVENT_TRACE_LINE];
	struct stat st;

	ASSERT_NE(NULL, trace);
	ASSERT_EQ(0, event_trace_start(trace));
	ASSERT_EQ(0, env_attach(&self->env, self->a, false));
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/a", &st));
	say(self->state, FUSE_BACKING_PASS, self->b);
	EXPECT_EQ('b', read_a(self->srv));
	say(self->state, 99, NONE);
	EXPECT_EQ('a', read_a(self->srv));
	snprintf(want, sizeof(want),
		 "connection=%u nodeid=%llu ino=%llu asked=open said=0 verdict=pass id=%d",
		 minor(self->srv->dev), fuse_server_node(self->srv, self->file),
		 (unsigned long long)st.st_ino, self->b);
	EXPECT_STREQ(want, event_trace_fields(trace, "fuse_backing_filter", 0));
	snprintf(want, sizeof(want),
		 "connection=%u nodeid=%llu ino=%llu asked=open said=99 verdict=server id=0",
		 minor(self->srv->dev), fuse_server_node(self->srv, self->file),
		 (unsigned long long)st.st_ino);
	EXPECT_STREQ(want, event_trace_fields(trace, "fuse_backing_filter", 1));
	EXPECT_EQ(2, event_trace_count(trace, "fuse_backing_filter"));
	event_trace_stop(trace);
	free(trace);
}

TEST_F(open, creates)
{
	struct fuse_server_file *file = fuse_server_add(self->srv, "new");
	int fd;

	ASSERT_NE(NULL, file);
	reply(file, ASK, self->a);
	say(self->state, FUSE_BACKING_PASS, self->b);
	fd = fuse_server_open(self->srv, "new", O_CREAT | O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ('b', letter_of(fd));
	EXPECT_STREQ("new", self->state->name);
	EXPECT_EQ(FUSE_BACKING_READ | FUSE_BACKING_WRITE, self->state->modes);
	close(fd);
}

TEST_HARNESS_MAIN
