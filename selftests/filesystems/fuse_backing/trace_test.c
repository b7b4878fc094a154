// SPDX-License-Identifier: GPL-2.0
/*
 * Tracepoints: each fires when it should, with the fields that it should have.
 *
 * Proves: a mapping's life is told from the start of the thread to its end, that
 * of an attachment from waiting to gone; opens, releases and mmaps say which file
 * and id, and what came of them; entry and exit of a read, write or splice, and of
 * the backing filesystem's part, share a number and say where, how much and what
 * came of it; so they do if the I/O is asynchronous, and then it is said to be
 * queued, and for each backing file that an inode with extents has bytes in; that the
 * server is told of an inode below a tree, with what became of that; nothing is told any
 * more when nobody listens.
 *
 * Privilege: root, to trace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "harness.h"

#include "async_io.h"
#include "backing_files.h"
#include "backing_ioctl.h"
#include "env.h"
#include "event_trace.h"
#include "rules.h"
#include "tree_env.h"
#include "wait_until.h"

#define ALIGN	4096
#define AIO_TRIES 100

FIXTURE(trace) {
	struct env env;
	struct fuse_server *srv;
	struct event_trace *trace;
	unsigned int connection;
	struct stat st;		/* of the backing file "a" */
	__u64 node;		/* of "a" */
	char *buf;
};

FIXTURE_VARIANT(trace) {
	enum scratch_fs fs;
};

FIXTURE_VARIANT_ADD(trace, tmpfs) {
	.fs = SCRATCH_TMPFS,
};

FIXTURE_VARIANT_ADD(trace, ext4) {
	.fs = SCRATCH_EXT4,
};

FIXTURE_SETUP(trace)
{
	int err;

	self->trace = calloc(1, sizeof(*self->trace));
	ASSERT_NE(NULL, self->trace);
	self->trace->pipe = -1;
	if (!env_start(_metadata, &self->env, variant->fs))
		return;
	self->srv = &self->env.srv;
	self->connection = minor(self->srv->dev);
	self->node = fuse_server_node(self->srv, &self->srv->sh->file[0]);
	ASSERT_EQ(0, stat(scratch_path("a"), &self->st));
	self->buf = aligned_alloc(ALIGN, FILE_SIZE);
	ASSERT_NE(NULL, self->buf);
	err = event_trace_start(self->trace);
	if (err == -EOPNOTSUPP)
		SKIP(return, "no tracepoints");
	ASSERT_EQ(0, err);
}

FIXTURE_TEARDOWN(trace)
{
	event_trace_stop(self->trace);
	free(self->buf);
	free(self->trace);
	env_teardown(&self->env);
}

/* Does the @nth event of this name have these fields? "*" is anything. */
static bool shows(FIXTURE_DATA(trace) * self, const char *name, int nth,
		  const char *format, ...)
{
	const char *fields = event_trace_fields(self->trace, name, nth);
	char pattern[EVENT_TRACE_LINE];
	va_list args;
	int n;

	n = snprintf(pattern, sizeof(pattern), "connection=%u ",
		     self->connection);
	va_start(args, format);
	vsnprintf(pattern + n, sizeof(pattern) - n, format, args);
	va_end(args);
	if (!fnmatch(pattern, fields, 0))
		return true;
	printf("# %s: wanted \"%s\", got \"%s\"\n", name, pattern, fields);
	return false;
}

static int count(FIXTURE_DATA(trace) * self, const char *name)
{
	return event_trace_count(self->trace, name);
}

/* A mapping of "a", and the file that a client has open through it */
static int open_mapped(FIXTURE_DATA(trace) * self, int flags, int *id)
{
	*id = env_register(&self->env, "a", O_RDWR);
	if (*id < 0)
		return *id;
	return fuse_server_open_id(self->srv, "a", flags, *id);
}

TEST_F(trace, mapping)
{
	unsigned int thread;
	int id;

	id = env_register(&self->env, "a", O_RDONLY);
	ASSERT_LT(0, id);
	thread = backing_number(self->srv, "backing_thread");
	EXPECT_TRUE(shows(self, "fuse_backing_thread_start", 0, "thread=%u",
			  thread));
	EXPECT_TRUE(shows(self, "fuse_backing_install", 0, "id=%d files=1",
			  id));
	EXPECT_TRUE(shows(self, "fuse_backing_open", 0,
			  "id=%d dev=%u:%u ino=%llu access=read per_open=0 name=*/a",
			  id, major(self->st.st_dev), minor(self->st.st_dev),
			  (unsigned long long)self->st.st_ino));
	EXPECT_EQ(0, count(self, "fuse_backing_close"));

	ASSERT_EQ(0, fuse_backing_close(self->srv->fd, id));
	EXPECT_TRUE(shows(self, "fuse_backing_close", 0, "id=%d by=close", id));
	EXPECT_TRUE(shows(self, "fuse_backing_remove", 0, "id=%d files=1", id));
	ASSERT_EQ(-ENOENT, fuse_backing_close(self->srv->fd, id));
	EXPECT_TRUE(shows(self, "fuse_backing_reject", 0,
			  "id=%d error=%d reason=unknown-id", id, -ENOENT));
	EXPECT_EQ(1, count(self, "fuse_backing_close"));

	EXPECT_EQ(0, count(self, "fuse_backing_thread_exit"));
	fuse_server_stop(self->srv);
	EXPECT_TRUE(shows(self, "fuse_backing_thread_exit", 0, "thread=%u",
			  thread));
}

TEST_F(trace, all_closed)
{
	int id = env_register(&self->env, "a", O_RDWR);

	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_backing_close_all(self->srv->fd));
	EXPECT_TRUE(shows(self, "fuse_backing_close", 0, "id=%d by=close-all",
			  id));
	EXPECT_EQ(1, count(self, "fuse_backing_remove"));
}

TEST_F(trace, for_one_open)
{
	int id, fd;

	id = fuse_backing_open_once(self->srv->fd, scratch_path("a"), O_RDWR);
	ASSERT_LT(0, id);
	EXPECT_TRUE(shows(self, "fuse_backing_open", 0, "id=%d * per_open=1 *",
			  id));
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(shows(self, "fuse_backing_close", 0, "id=%d by=claim", id));
	EXPECT_EQ(0, count(self, "fuse_backing_remove"));
	close(fd);
	EXPECT_TRUE(wait_until(count(self, "fuse_backing_remove") == 1));
}

TEST_F(trace, open)
{
	int id, fd;

	fd = open_mapped(self, O_RDWR, &id);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(shows(self, "fuse_passthrough_open", 0,
			  "nodeid=%llu id=%d dev=%u:%u ino=%llu flags=*2 asked=1 result=0 name=*/a",
			  self->node, id, major(self->st.st_dev),
			  minor(self->st.st_dev),
			  (unsigned long long)self->st.st_ino));
	EXPECT_EQ(0, count(self, "fuse_passthrough_release"));
	close(fd);
	EXPECT_TRUE(wait_until(count(self, "fuse_passthrough_release") == 1));
	EXPECT_TRUE(shows(self, "fuse_passthrough_release", 0,
			  "nodeid=%llu id=%d asked=1", self->node, id));
}

TEST_F(trace, open_refused)
{
	ASSERT_EQ(-ENOENT, fuse_server_open_id(self->srv, "a", O_RDWR, 999));
	EXPECT_TRUE(shows(self, "fuse_passthrough_open", 0,
			  "nodeid=%llu id=999 dev=0:0 ino=0 flags=* asked=1 result=%d name=",
			  self->node, -ENOENT));
	EXPECT_EQ(0, count(self, "fuse_passthrough_release"));
}

TEST_F(trace, attachment)
{
	int id, fd;

	id = env_register(&self->env, "a", O_RDWR);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_attach_backing(self->srv->fd, self->node, 0, id,
					 FUSE_BACKING_READ |
					 FUSE_BACKING_ATTACH_PENDING));
	EXPECT_TRUE(shows(self, "fuse_backing_attach", 0,
			  "nodeid=%llu id=%d flags=read|pending", self->node,
			  id));
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(shows(self, "fuse_backing_attach", 1,
			  "nodeid=%llu id=%d flags=read", self->node, id));
	EXPECT_TRUE(shows(self, "fuse_passthrough_open", 0,
			  "nodeid=%llu id=%d * asked=0 result=0 name=*/a",
			  self->node, id));
	close(fd);
	EXPECT_TRUE(wait_until(count(self, "fuse_passthrough_release") == 1));
	EXPECT_TRUE(shows(self, "fuse_passthrough_release", 0,
			  "nodeid=%llu id=%d asked=0", self->node, id));

	EXPECT_EQ(0, count(self, "fuse_backing_detach"));
	ASSERT_EQ(0, fuse_detach_backing(self->srv->fd, self->node, 0, 0));
	EXPECT_TRUE(shows(self, "fuse_backing_detach", 0,
			  "nodeid=%llu id=%d flags=read", self->node, id));
}

TEST_F(trace, mmap)
{
	int id, fd;
	void *map;

	fd = open_mapped(self, O_RDWR, &id);
	ASSERT_LE(0, fd);
	map = mmap(NULL, 2 * ALIGN, PROT_READ, MAP_SHARED, fd, ALIGN);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_TRUE(shows(self, "fuse_passthrough_mmap", 0,
			  "nodeid=%llu id=%d offset=%d length=%d prot=0x1 flags=0x1 result=0",
			  self->node, id, ALIGN, 2 * ALIGN));
	munmap(map, 2 * ALIGN);
	close(fd);
}

/*
 * What one I/O through @id told, which the backing filesystem ended with @result;
 * @what is read, write or splice.
 */
static bool shows_io(FIXTURE_DATA(trace) * self, const char *what, int id,
		     off_t offset, size_t length, ssize_t result)
{
	char name[64], request[64];
	const char *fields;

	snprintf(name, sizeof(name), "fuse_passthrough_%s_enter", what);
	fields = event_trace_fields(self->trace, name, 0);
	if (sscanf(fields, "%*s %*s %*s %63s", request) != 1)
		return false;
	if (!shows(self, name, 0, "nodeid=%llu id=%d %s offset=%ld length=%zu",
		   self->node, id, request, offset, length) ||
	    !shows(self, "fuse_passthrough_backing_enter", 0,
		   "nodeid=%llu id=%d %s offset=%ld length=%zu", self->node, id,
		   request, offset, length) ||
	    !shows(self, "fuse_passthrough_backing_exit", 0,
		   "nodeid=%llu id=%d %s result=%zd", self->node, id, request,
		   result))
		return false;
	snprintf(name, sizeof(name), "fuse_passthrough_%s_exit", what);
	return shows(self, name, 0, "nodeid=%llu id=%d %s result=%zd",
		     self->node, id, request, result) &&
	       count(self, name) == 1 &&
	       count(self, "fuse_passthrough_backing_enter") == 1 &&
	       count(self, "fuse_passthrough_backing_exit") == 1;
}

TEST_F(trace, read)
{
	int id, fd;

	fd = open_mapped(self, O_RDWR, &id);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1000, pread(fd, self->buf, 1000, 100));
	EXPECT_TRUE(shows_io(self, "read", id, 100, 1000, 1000));
	EXPECT_EQ(0, count(self, "fuse_passthrough_queued"));

	event_trace_clear(self->trace);
	ASSERT_EQ(0, pread(fd, self->buf, 1000, FILE_SIZE));
	EXPECT_TRUE(shows_io(self, "read", id, FILE_SIZE, 1000, 0));
	close(fd);
}

TEST_F(trace, write)
{
	int id, fd;

	fd = open_mapped(self, O_RDWR, &id);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1000, pwrite(fd, self->buf, 1000, 100));
	EXPECT_TRUE(shows_io(self, "write", id, 100, 1000, 1000));
	EXPECT_EQ(0, count(self, "fuse_passthrough_read_enter"));
	close(fd);
}

/* The backing filesystem's error, and ours: it is not even asked. */
TEST_F(trace, errors)
{
	char *closed = mmap(NULL, ALIGN, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int id, fd;

	ASSERT_NE(MAP_FAILED, closed);
	fd = open_mapped(self, O_RDWR, &id);
	ASSERT_LE(0, fd);
	ASSERT_EQ(-1, pread(fd, closed, 1000, 0));
	EXPECT_TRUE(shows_io(self, "read", id, 0, 1000, -EFAULT));

	event_trace_clear(self->trace);
	ASSERT_EQ(0, write(fd, self->buf, 0));
	EXPECT_TRUE(shows(self, "fuse_passthrough_write_exit", 0,
			  "* id=%d request=* result=0", id));
	EXPECT_EQ(0, count(self, "fuse_passthrough_backing_enter"));
	close(fd);
	munmap(closed, ALIGN);
}

TEST_F(trace, splice)
{
	int id, fd, pipefd[2];
	loff_t pos = 100;

	fd = open_mapped(self, O_RDWR, &id);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, pipe(pipefd));
	ASSERT_EQ(1000, splice(fd, &pos, pipefd[1], NULL, 1000, 0));
	EXPECT_TRUE(shows_io(self, "splice", id, 100, 1000, 1000));

	/* back to the file it is a write */
	event_trace_clear(self->trace);
	pos = 0;
	ASSERT_EQ(1000, splice(pipefd[0], NULL, fd, &pos, 1000, 0));
	EXPECT_TRUE(shows_io(self, "write", id, 0, 1000, 1000));
	EXPECT_EQ(0, count(self, "fuse_passthrough_splice_enter"));
	close(pipefd[0]);
	close(pipefd[1]);
	close(fd);
}

/*
 * Events of one request. If it is to be @queued and the disk was done before it
 * could be, that is no request to look at: here is another.
 */
static ssize_t aio_events(FIXTURE_DATA(trace) * self, int fd, size_t size,
			  off_t offset, bool write, bool queued)
{
	ssize_t n;

	for (int i = 0; i < AIO_TRIES; i++) {
		event_trace_clear(self->trace);
		n = aio_rw(fd, self->buf, size, offset, write);
		if (n != (ssize_t)size || !queued ||
		    count(self, "fuse_passthrough_queued"))
			break;
	}
	return n;
}

/* Buffered, it is done when the call returns; direct, somebody else ends it. */
TEST_F(trace, asynchronous)
{
	int id, fd, direct = variant->fs == SCRATCH_EXT4;
	ssize_t n;

	fd = open_mapped(self, O_RDWR | (direct ? O_DIRECT : 0), &id);
	ASSERT_LE(0, fd);
	n = aio_events(self, fd, 2 * ALIGN, ALIGN, false, direct);
	if (n == -EOPNOTSUPP)
		SKIP(close(fd); return, "no aio");
	ASSERT_EQ(2 * ALIGN, n);
	EXPECT_TRUE(shows_io(self, "read", id, ALIGN, 2 * ALIGN, 2 * ALIGN));
	EXPECT_EQ(direct, count(self, "fuse_passthrough_queued"));

	ASSERT_EQ(ALIGN, aio_events(self, fd, ALIGN, 2 * ALIGN, true, direct));
	EXPECT_TRUE(shows_io(self, "write", id, 2 * ALIGN, ALIGN, ALIGN));
	EXPECT_EQ(direct, count(self, "fuse_passthrough_queued"));
	close(fd);
}

/*
 * "a" is a page of itself and one of "b": ids of both, and a client's descriptor to
 * read, or with O_RDWR to write too.
 */
static int open_extents(FIXTURE_DATA(trace) * self, int flags, int id[2])
{
	struct fuse_backing_extent extent[2] = {
		{ .length = ALIGN, .backing_offset = 2 * ALIGN },
		{ .offset = ALIGN, .length = ALIGN },
	};
	int access = FUSE_BACKING_READ;
	int err;

	if (flags & O_RDWR)
		access |= FUSE_BACKING_WRITE;
	for (int i = 0; i < 2; i++) {
		id[i] = env_register(&self->env, i ? "b" : "a", O_RDWR);
		if (id[i] < 0)
			return id[i];
		extent[i].backing_id = id[i];
		if (access & FUSE_BACKING_WRITE)
			extent[i].flags = FUSE_BACKING_EXTENT_WRITE;
	}
	err = fuse_backing_set_extents(self->srv->fd, self->node, extent, 2,
				       access | FUSE_BACKING_ATTACH_PENDING);
	return err ? err : fuse_server_open(self->srv, "a", flags);
}

/* What I/O of both pages told; @what is read or write */
static bool shows_both(FIXTURE_DATA(trace) * self, const char *what,
		       const int id[2])
{
	char name[64];
	bool as_wanted = true;

	snprintf(name, sizeof(name), "fuse_passthrough_%s_enter", what);
	as_wanted &= shows(self, name, 0,
			   "nodeid=%llu id=0 request=* offset=0 length=%d",
			   self->node, 2 * ALIGN);
	for (int i = 0; i < 2; i++) {
		as_wanted &= shows(self, "fuse_passthrough_backing_enter", i,
				   "nodeid=%llu id=%d request=* offset=%d length=%d",
				   self->node, id[i], i ? 0 : 2 * ALIGN,
				   ALIGN);
		as_wanted &= shows(self, "fuse_passthrough_backing_exit", i,
				   "nodeid=%llu id=%d request=* result=%d",
				   self->node, id[i], ALIGN);
	}
	snprintf(name, sizeof(name), "fuse_passthrough_%s_exit", what);
	as_wanted &= shows(self, name, 0, "nodeid=%llu id=0 request=* result=%d",
			   self->node, 2 * ALIGN);
	return as_wanted;
}

/* As a whole it has no id, each part has one. */
TEST_F(trace, extents)
{
	int id[2], fd;

	fd = open_extents(self, O_RDONLY, id);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(shows(self, "fuse_backing_attach", 1,
			  "nodeid=%llu id=0 flags=read", self->node));
	EXPECT_TRUE(shows(self, "fuse_passthrough_open", 0,
			  "nodeid=%llu id=0 dev=0:0 ino=0 flags=* asked=0 result=0 name=",
			  self->node));
	ASSERT_EQ(2 * ALIGN, pread(fd, self->buf, 2 * ALIGN, 0));
	EXPECT_TRUE(shows_both(self, "read", id));
	close(fd);
	EXPECT_TRUE(wait_until(count(self, "fuse_passthrough_release") == 1));
	EXPECT_TRUE(shows(self, "fuse_passthrough_release", 0,
			  "nodeid=%llu id=0 asked=0", self->node));
}

TEST_F(trace, extents_write)
{
	int id[2], fd;

	fd = open_extents(self, O_RDWR, id);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(shows(self, "fuse_backing_attach", 1,
			  "nodeid=%llu id=0 flags=read|write", self->node));
	ASSERT_EQ(2 * ALIGN, pwrite(fd, self->buf, 2 * ALIGN, 0));
	EXPECT_TRUE(shows_both(self, "write", id));
	EXPECT_EQ(0, count(self, "fuse_passthrough_read_enter"));
	close(fd);
}

TEST_F(trace, extents_mmap)
{
	int id[2], fd;
	void *map;

	fd = open_extents(self, O_RDONLY, id);
	ASSERT_LE(0, fd);
	map = mmap(NULL, ALIGN, PROT_READ, MAP_SHARED, fd, ALIGN);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_TRUE(shows(self, "fuse_passthrough_mmap", 0,
			  "nodeid=%llu id=0 offset=%d length=%d prot=0x1 flags=0x1 result=0",
			  self->node, ALIGN, ALIGN));
	munmap(map, ALIGN);
	close(fd);
}

/* One that is within an extent may be queued; its end says through which id. */
static void check_extent_aio(struct __test_metadata *_metadata,
			     FIXTURE_DATA(trace) * self, int fd, bool direct,
			     bool write, int id)
{
	const char *enter = write ? "fuse_passthrough_write_enter" :
				    "fuse_passthrough_read_enter";
	const char *exit = write ? "fuse_passthrough_write_exit" :
				   "fuse_passthrough_read_exit";

	ASSERT_EQ(ALIGN, aio_events(self, fd, ALIGN, ALIGN, write, direct));
	EXPECT_EQ(direct, count(self, "fuse_passthrough_queued"));
	EXPECT_EQ(1, count(self, enter));
	EXPECT_TRUE(shows(self, "fuse_passthrough_backing_exit", 0,
			  "nodeid=%llu id=%d request=* result=%d", self->node,
			  id, ALIGN));
	EXPECT_EQ(1, count(self, exit));
	EXPECT_TRUE(shows(self, exit, 0, "nodeid=%llu id=%d request=* result=%d",
			  self->node, direct ? id : 0, ALIGN));
}

TEST_F(trace, extents_asynchronous)
{
	int id[2], fd, direct = variant->fs == SCRATCH_EXT4;

	fd = open_extents(self, O_RDWR | (direct ? O_DIRECT : 0), id);
	ASSERT_LE(0, fd);
	if (aio_rw(fd, self->buf, ALIGN, 0, false) == -EOPNOTSUPP)
		SKIP(close(fd); return, "no aio");
	check_extent_aio(_metadata, self, fd, direct, false, id[1]);
	check_extent_aio(_metadata, self, fd, direct, true, id[1]);
	close(fd);
}

/* Below a tree, when the server is asked for what it doesn't know */
TEST_F(trace, introduce)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.mount_opts = "default_permissions",
	};
	struct fuse_server_file *file;
	struct fuse_server srv;
	int id;

	ASSERT_EQ(0, mkdir(scratch_path("dir"), 0755));
	ASSERT_EQ(0, tree_serve(&self->env, &srv, &opts));
	self->connection = minor(srv.dev);
	id = tree_register(srv.fd, SCRATCH_BACKING);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, tree_attach(srv.fd, FUSE_ROOT_ID, id,
				 FUSE_BACKING_OPS_LOOKUP | FUSE_BACKING_OPS_ATTR, 0));
	ASSERT_EQ(0, access(tree_at2("a"), F_OK));
	EXPECT_EQ(0, count(self, "fuse_backing_introduce"));
	ASSERT_EQ(0, chmod(tree_at2("a"), 0600));
	file = server_shared_find(srv.sh, "a");
	ASSERT_NE(NULL, file);
	EXPECT_TRUE(shows(self, "fuse_backing_introduce", 0, "nodeid=%llu ino=%llu error=0",
			  fuse_server_node(&srv, file),
			  (unsigned long long)self->st.st_ino));
	ASSERT_EQ(0, chmod(tree_at2("a"), 0644));
	EXPECT_EQ(1, count(self, "fuse_backing_introduce"));

	/* of which it says that it is a file */
	file = fuse_server_add(&srv, "dir");
	ASSERT_NE(NULL, file);
	file->invent = true;
	file->invented_mode = 0644;
	EXPECT_EQ(-1, chmod(tree_at2("dir"), 0700));
	EXPECT_EQ(ESTALE, errno);
	EXPECT_TRUE(shows(self, "fuse_backing_introduce", 1, "nodeid=0 ino=* error=%d",
			  -ESTALE));
	fuse_server_stop(&srv);
}

/* What becomes of names, and how many rules say so */
TEST_F(trace, rules)
{
	static const struct rule rules[] = { RULE_SERVER("a"), RULE_HIDE("b") };
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.mount_opts = "default_permissions",
	};
	struct fuse_server srv;
	int id;

	ASSERT_EQ(0, tree_serve(&self->env, &srv, &opts));
	self->connection = minor(srv.dev);
	id = tree_register(srv.fd, SCRATCH_BACKING);
	ASSERT_LT(0, id);
	EXPECT_EQ(-ENOENT, rules_set(srv.fd, FUSE_ROOT_ID, rules, 2, FUSE_BACKING_PASS));
	EXPECT_EQ(0, count(self, "fuse_backing_rules"));
	ASSERT_EQ(0, tree_attach(srv.fd, FUSE_ROOT_ID, id,
				 FUSE_BACKING_OPS_LOOKUP | FUSE_BACKING_OPS_ATTR, 0));
	ASSERT_EQ(0, rules_set(srv.fd, FUSE_ROOT_ID, rules, 2, FUSE_BACKING_HIDE));
	EXPECT_TRUE(shows(self, "fuse_backing_rules", 0,
			  "nodeid=%d count=2 otherwise=hide", FUSE_ROOT_ID));
	ASSERT_EQ(0, rules_set(srv.fd, FUSE_ROOT_ID, NULL, 0, FUSE_BACKING_PASS));
	EXPECT_TRUE(shows(self, "fuse_backing_rules", 1,
			  "nodeid=%d count=0 otherwise=pass", FUSE_ROOT_ID));
	fuse_server_stop(&srv);
}

TEST_F(trace, nobody_listens)
{
	int id, fd;

	event_trace_stop(self->trace);
	fd = open_mapped(self, O_RDWR, &id);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, pread(fd, self->buf, 1, 0));
	ASSERT_EQ(0, event_trace_start(self->trace));
	EXPECT_EQ(0, self->trace->len);
	ASSERT_EQ(1, pread(fd, self->buf, 1, 0));
	EXPECT_EQ(1, count(self, "fuse_passthrough_read_exit"));
	EXPECT_EQ(0, count(self, "fuse_passthrough_open"));
	close(fd);
}

TEST_HARNESS_MAIN
