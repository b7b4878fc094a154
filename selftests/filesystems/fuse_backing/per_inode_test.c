// SPDX-License-Identifier: GPL-2.0
/*
 * What is attached to an inode is opened without asking the server.
 *
 * Proves: from attaching to detaching, forgetting, or the server's end, open(2)
 * of the inode causes no OPEN, FLUSH or RELEASE, and only opens that are covered
 * do without the server; an attachment may wait for an inode that is about to be
 * named; each transition between opens of the server's and the kernel's is
 * either seen to be consistent or refused with its reason; permissions are
 * checked if the mount says so; nothing is left over.
 *
 * Each test fails if the server sees a handle that it never gave out.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "env.h"
#include "reject_trace.h"
#include "wait_until.h"

#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define PENDING		FUSE_BACKING_ATTACH_PENDING
#define UNCHECKED	FUSE_BACKING_ATTACH_UNCHECKED
#define MAP_SIZE	4096
#define ENTRIES		8
#define LIMIT		32

FIXTURE(per_inode) {
	struct env env;
	struct fuse_server *srv;
	struct fuse_server_file *file;	/* "a" */
	__u64 node;
	int dev;
};

FIXTURE_SETUP(per_inode)
{
	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
	self->file = &self->srv->sh->file[0];
	self->node = fuse_server_node(self->srv, self->file);
}

FIXTURE_TEARDOWN(per_inode)
{
	EXPECT_EQ(0, self->srv->sh->bad_fh)
		TH_LOG("opcode %u", self->srv->sh->bad_op);
	env_teardown(&self->env);
}

static int once(struct env *env, const char *name, int flags)
{
	return fuse_backing_open_once(env->srv.fd, scratch_path(name), flags);
}

static const char *in_mount(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), SCRATCH_FUSE "/%s", name);
	return path;
}

/* Have the kernel know the node. */
static int look_up(const char *name)
{
	struct stat st;

	return stat(in_mount(name), &st) < 0 ? -errno : 0;
}

/* "a" is known and has @flags attached, by an id that nobody has to close. */
static int attach_a(struct env *env, __u64 node, __u32 flags)
{
	int err = look_up("a");
	int id;

	if (err)
		return err;
	id = once(env, "a", O_RDWR);
	return id < 0 ? id : fuse_attach_backing(env->srv.fd, node, 0, id,
						 flags);
}

/* How often the server was asked for anything that a file's life is made of. */
static __u32 asked(const struct fuse_server *srv)
{
	return fuse_server_ops(srv, FUSE_OPEN) +
	       fuse_server_ops(srv, FUSE_FLUSH) +
	       fuse_server_ops(srv, FUSE_RELEASE) +
	       fuse_server_data_ops(srv);
}

static bool is_entry(int dev, const struct fuse_backing_entry *want)
{
	struct fuse_backing_entry entry[ENTRIES];
	int n = fuse_list_backing(dev, entry, ENTRIES);

	for (int i = 0; i < n; i++)
		if (entry[i].mode == want->mode &&
		    entry[i].state == want->state &&
		    entry[i].files == want->files &&
		    entry[i].attached == want->attached &&
		    entry[i].pending == want->pending &&
		    entry[i].nr_nodes == want->nr_nodes &&
		    entry[i].nodeid[0] == want->nodeid[0])
			return true;
	return false;
}

/* Is there a mapping like this, of "a"? */
static bool is_listed(int dev, __u32 state, __u32 attached, __u32 pending,
		      __u32 files)
{
	struct fuse_backing_entry want = {
		.mode = FUSE_BACKING_MODE_INODE,
		.state = state,
		.attached = attached,
		.pending = pending,
		.files = files,
		.nr_nodes = 1,
		.nodeid = { FUSE_ROOT_ID + 1 },
	};

	return is_entry(dev, &want);
}

static bool works(int fd)
{
	char c;

	return pwrite(fd, "x", 1, 7) == 1 && pread(fd, &c, 1, 7) == 1 &&
	       c == 'x' && !scratch_compare("a", "x", 1, 7);
}

TEST_F(per_inode, asks_nobody)
{
	int fd;

	ASSERT_EQ(0, attach_a(&self->env, self->node, BOTH));
	EXPECT_TRUE(is_listed(self->dev, FUSE_BACKING_STATE_LIVE, 1, 0, 0));
	for (int i = 0; i < 5; i++) {
		fd = fuse_server_open(self->srv, "a", O_RDWR);
		ASSERT_LE(0, fd);
		EXPECT_TRUE(works(fd));
		EXPECT_TRUE(is_listed(self->dev, FUSE_BACKING_STATE_LIVE, 1, 0,
				      1));
		close(fd);
	}
	EXPECT_EQ(0, asked(self->srv));
	EXPECT_EQ(1, env_count(self->srv));
	EXPECT_EQ(0, fuse_server_umount(self->srv));
	EXPECT_EQ(0, scratch_umount_backing());
}

TEST_F(per_inode, several_opens_at_once)
{
	int fd[4];

	ASSERT_EQ(0, attach_a(&self->env, self->node, BOTH));
	for (int i = 0; i < 4; i++) {
		fd[i] = fuse_server_open(self->srv, "a", O_RDWR);
		ASSERT_LE(0, fd[i]);
	}
	for (int i = 0; i < 4; i++) {
		EXPECT_TRUE(works(fd[i]));
		close(fd[i]);
	}
	EXPECT_EQ(0, asked(self->srv));
}

/* Only what is covered. */

TEST_F(per_inode, wider_modes_are_the_servers)
{
	static const struct {
		__u32 attached;
		int flags;
		bool asks;
	} opens[] = {
		{ FUSE_BACKING_READ, O_RDONLY, false },
		{ FUSE_BACKING_READ, O_WRONLY, true },
		{ FUSE_BACKING_READ, O_RDWR, true },
		{ FUSE_BACKING_WRITE, O_RDONLY, true },
		{ FUSE_BACKING_WRITE, O_WRONLY, false },
		{ FUSE_BACKING_WRITE, O_RDWR, true },
		{ BOTH, O_RDONLY, false },
		{ BOTH, O_WRONLY, false },
		{ BOTH, O_RDWR, false },
		{ FUSE_BACKING_READ, O_ACCMODE, true },
		{ BOTH, O_ACCMODE, false },
	};
	__u32 before;
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(opens); i++) {
		ASSERT_EQ(0, attach_a(&self->env, self->node,
				      opens[i].attached));
		before = self->file->opens;
		fd = fuse_server_open(self->srv, "a", opens[i].flags);
		ASSERT_LE(0, fd);
		EXPECT_EQ(opens[i].asks, self->file->opens - before)
			TH_LOG("case %zu", i);
		close(fd);
		EXPECT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, 0));
		EXPECT_EQ(0, env_count(self->srv));
	}
}

/* The server may serve the wider ones with the same backing file. */
TEST_F(per_inode, wider_mode_beside_attached)
{
	static struct reject_trace trace;
	int local, wide;

	ASSERT_EQ(0, attach_a(&self->env, self->node, FUSE_BACKING_READ));
	local = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, local);
	wide = fuse_server_open_id(self->srv, "a", O_RDWR,
				   once(&self->env, "a", O_RDWR));
	ASSERT_LE(0, wide);
	EXPECT_TRUE(works(wide));
	close(wide);

	/* another backing inode, or none, would be other bytes */
	ASSERT_EQ(0, reject_trace_start(&trace));
	EXPECT_EQ(-EBUSY, fuse_server_open_id(self->srv, "a", O_RDWR,
					      once(&self->env, "b", O_RDWR)));
	self->file->open_flags = 0;
	EXPECT_EQ(-EIO, fuse_server_open(self->srv, "a", O_RDWR));
	EXPECT_TRUE(reject_trace_has(&trace, self->srv->dev, 0, -EIO,
				     "mixed-open"));
	self->file->open_flags = FOPEN_DIRECT_IO;
	EXPECT_EQ(-EIO, fuse_server_open(self->srv, "a", O_RDWR));
	reject_trace_stop(&trace);
	close(local);

	/* the control: with nothing open, each of them may be */
	self->file->open_flags = 0;
	wide = fuse_server_open(self->srv, "a", O_RDWR);
	EXPECT_LE(0, wide);
	close(wide);
}

/* As long as the server serves a file in another mode, it serves all opens. */
TEST_F(per_inode, cached_open_beside_attached)
{
	int cached, fd;

	ASSERT_EQ(0, attach_a(&self->env, self->node, FUSE_BACKING_READ));
	cached = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, cached);
	EXPECT_EQ(1, self->file->opens);
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(2, self->file->opens);
	close(fd);
	close(cached);
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(2, self->file->opens);
	close(fd);
}

TEST_F(per_inode, other_inode_beside_attached)
{
	int other, fd;

	ASSERT_EQ(0, attach_a(&self->env, self->node, FUSE_BACKING_READ));
	other = fuse_server_open_id(self->srv, "a", O_RDWR,
				    env_register(&self->env, "b", O_RDWR));
	ASSERT_LE(0, other);
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(2, self->file->opens);
	close(fd);
	close(other);
}

/* The ends of an attachment. */

TEST_F(per_inode, forgotten)
{
	ASSERT_EQ(0, attach_a(&self->env, self->node, BOTH));
	EXPECT_EQ(1, env_count(self->srv));
	scratch_drop_caches();
	EXPECT_TRUE(wait_until(self->file->forgets));
	EXPECT_TRUE(wait_until(!env_count(self->srv)));
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, self->node, 0, 0));
}

TEST_F(per_inode, detached)
{
	int local, fd;

	ASSERT_EQ(0, attach_a(&self->env, self->node, BOTH));
	local = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, local);
	EXPECT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, 0));
	EXPECT_TRUE(is_listed(self->dev, FUSE_BACKING_STATE_CLOSING, 0, 0, 1));
	EXPECT_TRUE(works(local));
	fd = fuse_server_open_id(self->srv, "a", O_RDWR,
				 once(&self->env, "a", O_RDWR));
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, self->file->opens);
	close(fd);
	close(local);
	EXPECT_EQ(0, env_count(self->srv));
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, self->node, 0, 0));
}

/* Another backing inode: for files that are opened once the old are closed. */
TEST_F(per_inode, attached_to_another_file)
{
	int local, id, fd;
	char c;

	ASSERT_EQ(0, attach_a(&self->env, self->node, BOTH));
	EXPECT_EQ(-EEXIST, attach_a(&self->env, self->node, BOTH));
	local = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, local);
	EXPECT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, 0));
	id = env_register(&self->env, "b", O_RDWR);
	ASSERT_LT(0, id);
	EXPECT_EQ(-EBUSY, fuse_attach_backing(self->dev, self->node, 0, id,
					      BOTH));
	close(local);
	EXPECT_EQ(0, fuse_attach_backing(self->dev, self->node, 0, id, BOTH));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, pread(fd, &c, 1, 0));
	EXPECT_EQ(0, scratch_compare("b", &c, 1, 0));
	close(fd);
	EXPECT_EQ(0, asked(self->srv));
}

TEST_F(per_inode, closing_the_id_leaves_it)
{
	int id, fd;

	ASSERT_EQ(0, look_up("a"));
	id = env_register(&self->env, "a", O_RDWR);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_attach_backing(self->dev, self->node, 0, id, BOTH));
	EXPECT_EQ(0, fuse_backing_close(self->dev, id));
	EXPECT_EQ(-ENOENT, fuse_attach_backing(self->dev, self->node, 0, id,
					       BOTH));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, self->file->opens);
	close(fd);
	EXPECT_EQ(1, env_count(self->srv));
	EXPECT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, 0));
	EXPECT_EQ(0, env_count(self->srv));
}

TEST_F(per_inode, auto_close_id_is_consumed)
{
	int id = once(&self->env, "a", O_RDWR);

	ASSERT_LT(0, id);
	ASSERT_EQ(0, look_up("a"));
	ASSERT_EQ(0, fuse_attach_backing(self->dev, self->node, 0, id, BOTH));
	EXPECT_EQ(-ENOENT, fuse_backing_close(self->dev, id));
	EXPECT_EQ(-ENOENT, fuse_attach_backing(self->dev, self->node, 0, id,
					       BOTH));
	/* also by a call that fails */
	EXPECT_EQ(-EEXIST, attach_a(&self->env, self->node, BOTH));
	EXPECT_EQ(1, env_count(self->srv));
	/* but not by one that is refused as such */
	id = once(&self->env, "a", O_RDWR);
	ASSERT_LT(0, id);
	EXPECT_EQ(-EINVAL, fuse_attach_backing(self->dev, self->node, 0, id,
					       0));
	EXPECT_EQ(0, fuse_backing_close(self->dev, id));
}

TEST_F(per_inode, close_all)
{
	int fd;

	ASSERT_EQ(0, attach_a(&self->env, self->node, BOTH));
	ASSERT_EQ(0, fuse_attach_backing(self->dev, 40, 0,
					 once(&self->env, "b", O_RDWR),
					 BOTH | PENDING));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(2, env_count(self->srv));
	EXPECT_EQ(0, fuse_backing_close_all(self->dev));
	EXPECT_EQ(1, env_count(self->srv));
	EXPECT_TRUE(works(fd));
	close(fd);
	EXPECT_EQ(0, env_count(self->srv));
}

TEST_F(per_inode, server_gone)
{
	pid_t thread;

	ASSERT_EQ(0, attach_a(&self->env, self->node, BOTH));
	ASSERT_EQ(0, fuse_attach_backing(self->dev, 40, 0,
					 once(&self->env, "b", O_RDWR),
					 BOTH | PENDING));
	thread = thread_find(self->srv->dev);
	fuse_server_close_dev(self->srv);
	fuse_server_kill(self->srv);
	EXPECT_TRUE(wait_until(table_count(thread) <= 0));
	EXPECT_EQ(-ENOTCONN, fuse_server_open(self->srv, "a", O_RDWR));
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
}

TEST_F(per_inode, server_gone_with_files_open)
{
	pid_t thread;
	int fd;

	ASSERT_EQ(0, attach_a(&self->env, self->node, BOTH));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	thread = thread_find(self->srv->dev);
	ASSERT_EQ(0, fuse_server_abort(self->srv));
	EXPECT_TRUE(works(fd));
	EXPECT_EQ(-ENOTCONN, fuse_server_open(self->srv, "a", O_RDWR));
	EXPECT_EQ(1, table_count(thread));
	close(fd);
	EXPECT_TRUE(wait_until(!table_count(thread)));
	EXPECT_GT(0, attach_a(&self->env, self->node, BOTH));
}

TEST_F(per_inode, mmapped_and_closed)
{
	char *map;
	int fd;

	ASSERT_EQ(0, attach_a(&self->env, self->node, BOTH));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	map = mmap(NULL, MAP_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	close(fd);
	map[0] = 'z';
	EXPECT_EQ(0, scratch_compare("a", "z", 1, 0));
	munmap(map, MAP_SIZE);
	EXPECT_EQ(0, asked(self->srv));
	EXPECT_EQ(0, fuse_server_umount(self->srv));
	EXPECT_EQ(0, scratch_umount_backing());
}

/* Before the inode is there. */

TEST_F(per_inode, pending_until_looked_up)
{
	int fd;

	ASSERT_EQ(0, fuse_attach_backing(self->dev, self->node, 0,
					 once(&self->env, "a", O_RDWR),
					 BOTH | PENDING));
	EXPECT_TRUE(is_listed(self->dev, FUSE_BACKING_STATE_PENDING, 0, 1, 0));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(works(fd));
	EXPECT_TRUE(is_listed(self->dev, FUSE_BACKING_STATE_LIVE, 1, 0, 1));
	close(fd);
	EXPECT_EQ(0, asked(self->srv));
}

TEST_F(per_inode, attached_by_lookup)
{
	int fd;

	self->file->attach = BOTH;
	for (int i = 0; i < 3; i++) {
		fd = fuse_server_open(self->srv, "a", O_RDWR);
		ASSERT_LE(0, fd);
		EXPECT_TRUE(works(fd));
		close(fd);
		scratch_drop_caches();
		EXPECT_TRUE(wait_until(self->file->forgets == i + 1U));
		EXPECT_TRUE(wait_until(!env_count(self->srv)));
	}
	EXPECT_EQ(0, asked(self->srv));
	EXPECT_EQ(3, fuse_server_ops(self->srv, FUSE_LOOKUP));
}

/* CREATE opens the file, too: that open is the server's. */
TEST_F(per_inode, attached_by_create)
{
	struct fuse_server_file *file = fuse_server_add(self->srv, "new");
	int created, fd;

	ASSERT_NE(NULL, file);
	file->attach = BOTH;
	file->per_open = true;
	created = fuse_server_open(self->srv, "new", O_RDWR | O_CREAT);
	ASSERT_LE(0, created);
	fd = fuse_server_open(self->srv, "new", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_CREATE));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_OPEN));
	EXPECT_EQ(1, pwrite(created, "x", 1, 0));
	EXPECT_EQ(0, scratch_compare("new", "x", 1, 0));
	close(created);
	close(fd);
	EXPECT_TRUE(wait_until(file->releases == 1));
	EXPECT_EQ(1, env_count(self->srv));
}

/* Nodes are reused; what waits for one generation isn't for another. */
TEST_F(per_inode, pending_for_another_generation)
{
	int id = env_register(&self->env, "a", O_RDWR);
	int fd;

	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_attach_backing(self->dev, self->node, 5, id,
					 BOTH | PENDING));
	EXPECT_EQ(-EEXIST, fuse_attach_backing(self->dev, self->node, 5, id,
					       BOTH | PENDING));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, self->file->opens);
	close(fd);
	EXPECT_TRUE(is_listed(self->dev, FUSE_BACKING_STATE_PENDING, 0, 1, 0));
	EXPECT_EQ(-ENOENT, fuse_attach_backing(self->dev, self->node, 5, id,
					       BOTH));
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, self->node, 0, 0));

	/* the node's next life */
	self->file->generation = 5;
	scratch_drop_caches();
	EXPECT_TRUE(wait_until(self->file->forgets));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, self->file->opens);
	close(fd);
	EXPECT_EQ(0, fuse_detach_backing(self->dev, self->node, 5, 0));
	EXPECT_EQ(0, fuse_backing_close(self->dev, id));
	EXPECT_EQ(0, env_count(self->srv));
}

TEST_F(per_inode, pending_dropped)
{
	int id = env_register(&self->env, "a", O_RDWR);

	ASSERT_LT(0, id);
	for (int node = 20; node < 40; node++)
		ASSERT_EQ(0, fuse_attach_backing(self->dev, node, 0, id,
						 BOTH | PENDING));
	ASSERT_EQ(0, fuse_attach_backing(self->dev, 40, 0,
					 once(&self->env, "b", O_RDWR),
					 BOTH | PENDING));
	EXPECT_EQ(2, env_count(self->srv));
	EXPECT_EQ(0, fuse_detach_backing(self->dev, 30, 0, 0));
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, 30, 0, 0));
	EXPECT_EQ(0, fuse_backing_close(self->dev, id));
	EXPECT_EQ(1, env_count(self->srv));
	EXPECT_EQ(0, fuse_detach_backing(self->dev, 40, 0, 0));
	EXPECT_EQ(0, env_count(self->srv));
}

/* They cost memory: as many as the thread may have files. */
TEST_F(per_inode, pending_limit)
{
	const struct rlimit limit = { LIMIT, LIMIT };
	int id = env_register(&self->env, "a", O_RDWR);
	__u64 node = 1000;
	int err;

	ASSERT_LT(0, id);
	ASSERT_EQ(0, prlimit(thread_find(self->srv->dev), RLIMIT_NOFILE,
			     &limit, NULL));
	do {
		err = fuse_attach_backing(self->dev, node, 0, id,
					  BOTH | PENDING);
	} while (!err && ++node <= 1000 + LIMIT);
	EXPECT_EQ(-EMFILE, err);
	EXPECT_EQ(1000 + LIMIT, node);

	/* what is there already needs no room among them */
	ASSERT_EQ(0, look_up("a"));
	EXPECT_EQ(0, fuse_attach_backing(self->dev, self->node, 0, id, BOTH));
	/* each that is gone makes room for one */
	EXPECT_EQ(0, fuse_detach_backing(self->dev, 1000, 0, 0));
	EXPECT_EQ(0, fuse_attach_backing(self->dev, node, 0, id,
					 BOTH | PENDING));
	EXPECT_EQ(-EMFILE, fuse_attach_backing(self->dev, node + 1, 0, id,
					       BOTH | PENDING));
}

/* A directory is named by what waited for a file. */
TEST_F(per_inode, pending_for_no_file)
{
	ASSERT_EQ(0, unlink(scratch_path("a")));
	ASSERT_EQ(0, mkdir(scratch_path("a"), 0755));
	ASSERT_EQ(0, fuse_attach_backing(self->dev, self->node, 0,
					 once(&self->env, "b", O_RDWR),
					 BOTH | PENDING));
	EXPECT_EQ(0, look_up("a"));
	EXPECT_TRUE(wait_until(!env_count(self->srv)));
}

/* Attach and lookup at once: one of them must find the other. */

#define RACES	40

struct race {
	struct env *env;
	pthread_barrier_t start;
	char name[FUSE_SERVER_NAME];
	__u64 node;
	int result;
};

static void *race_attach(void *arg)
{
	struct race *race = arg;
	int id = once(race->env, race->name, O_RDWR);

	pthread_barrier_wait(&race->start);
	race->result = fuse_attach_backing(race->env->srv.fd, race->node, 0, id,
					   BOTH | PENDING);
	return NULL;
}

TEST_F(per_inode, attach_races_lookup)
{
	struct race race = { .env = &self->env };
	struct fuse_server_file *file;
	pthread_t thread;
	int fd;

	ASSERT_EQ(0, pthread_barrier_init(&race.start, NULL, 2));
	for (int i = 0; i < RACES; i++) {
		snprintf(race.name, sizeof(race.name), "r%d", i);
		ASSERT_EQ(0, scratch_file(race.name, 1, i));
		file = fuse_server_add(self->srv, race.name);
		ASSERT_NE(NULL, file);
		race.node = fuse_server_node(self->srv, file);
		ASSERT_EQ(0, pthread_create(&thread, NULL, race_attach, &race));
		pthread_barrier_wait(&race.start);
		ASSERT_EQ(0, look_up(race.name));
		pthread_join(thread, NULL);
		ASSERT_EQ(0, race.result);
		fd = fuse_server_open(self->srv, race.name, O_RDWR);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, file->opens) TH_LOG("round %d", i);
		close(fd);
	}
	EXPECT_EQ(RACES, env_count(self->srv));
	scratch_drop_caches();
	EXPECT_TRUE(wait_until(!env_count(self->srv)));
}

/* What is refused. */

TEST_F(per_inode, bad_arguments)
{
	struct fuse_backing_attach attach = {};
	struct fuse_backing_detach detach = {};
	int id = env_register(&self->env, "a", O_RDWR);
	int dev = self->dev, unmounted;

	ASSERT_LT(0, id);
	EXPECT_EQ(-EINVAL, fuse_attach_backing(dev, 0, 0, id, BOTH));
	EXPECT_EQ(-EINVAL, fuse_attach_backing(dev, 9, 0, 0, BOTH | PENDING));
	EXPECT_EQ(-EINVAL, fuse_attach_backing(dev, 9, 0, -1, BOTH | PENDING));
	EXPECT_EQ(-EINVAL, fuse_attach_backing(dev, 9, 0, id, PENDING));
	for (int bit = 0; bit < 32; bit++)
		if (!((BOTH | PENDING | UNCHECKED) & 1U << bit))
			EXPECT_EQ(-EINVAL,
				  fuse_attach_backing(dev, 9, 0, id, BOTH |
						      PENDING | 1U << bit));
	attach.nodeid = 9;
	attach.backing_id = id;
	attach.flags = BOTH | PENDING | UNCHECKED;
	attach.reserved = 1;
	EXPECT_EQ(-1, ioctl(dev, FUSE_DEV_IOC_BACKING_ATTACH, &attach));
	EXPECT_EQ(EINVAL, errno);
	attach.reserved = 0;
	EXPECT_EQ(-ENOENT, fuse_attach_backing(dev, 9, 0, id + 1, BOTH));
	EXPECT_EQ(-ENOENT, fuse_attach_backing(dev, 9, 0, id, BOTH));
	EXPECT_EQ(-EISDIR, fuse_attach_backing(dev, FUSE_ROOT_ID, 0, id, BOTH));
	EXPECT_EQ(-1, ioctl(dev, FUSE_DEV_IOC_BACKING_ATTACH, NULL));
	EXPECT_EQ(EFAULT, errno);

	detach.nodeid = 9;
	detach.padding = 1;
	EXPECT_EQ(-1, ioctl(dev, FUSE_DEV_IOC_BACKING_DETACH, &detach));
	EXPECT_EQ(EINVAL, errno);
	detach.padding = 0;
	for (int i = 0; i < 2; i++) {
		detach.reserved[i] = 1;
		EXPECT_EQ(-1, ioctl(dev, FUSE_DEV_IOC_BACKING_DETACH, &detach));
		EXPECT_EQ(EINVAL, errno);
		detach.reserved[i] = 0;
	}
	EXPECT_EQ(-EINVAL, fuse_detach_backing(dev, 9, 0, 1U << 31));
	EXPECT_EQ(-ENOENT, fuse_detach_backing(dev, 9, 0, 0));
	EXPECT_EQ(-1, ioctl(dev, FUSE_DEV_IOC_BACKING_DETACH, NULL));
	EXPECT_EQ(EFAULT, errno);

	unmounted = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	EXPECT_EQ(-EPERM, fuse_attach_backing(unmounted, 9, 0, id, BOTH));
	EXPECT_EQ(-EPERM, fuse_detach_backing(unmounted, 9, 0, 0));
	close(unmounted);
	EXPECT_EQ(1, env_count(self->srv));
}

TEST_F(per_inode, attach_with_other_opens)
{
	static struct reject_trace trace;
	int id = env_register(&self->env, "a", O_RDWR);
	int other, fd;

	ASSERT_LT(0, id);
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, reject_trace_start(&trace));
	EXPECT_EQ(-ETXTBSY, fuse_attach_backing(self->dev, self->node, 0, id,
						BOTH));
	EXPECT_TRUE(reject_trace_has(&trace, self->srv->dev, id, -ETXTBSY,
				     "cached-open"));
	close(fd);

	other = env_register(&self->env, "b", O_RDWR);
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, other);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBUSY, fuse_attach_backing(self->dev, self->node, 0, id,
					      BOTH));
	EXPECT_TRUE(reject_trace_has(&trace, self->srv->dev, id, -EBUSY,
				     "other-inode"));
	close(fd);

	/* the control: open on the same one */
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fuse_attach_backing(self->dev, self->node, 0, id, BOTH));
	EXPECT_EQ(-EEXIST, fuse_attach_backing(self->dev, self->node, 0, id,
					       BOTH));
	EXPECT_TRUE(reject_trace_has(&trace, self->srv->dev, id, -EEXIST,
				     "attached"));
	close(fd);
	EXPECT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, 0));
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, self->node, 0, 0));
	EXPECT_TRUE(reject_trace_has(&trace, self->srv->dev, 0, -ENOENT,
				     "not-attached"));
	EXPECT_EQ(-ENOENT, fuse_attach_backing(self->dev, 50, 0, id, BOTH));
	EXPECT_TRUE(reject_trace_has(&trace, self->srv->dev, id, -ENOENT,
				     "no-inode"));
	reject_trace_stop(&trace);
}

/* Pages that were cached before are seen neither now nor later. */
TEST_F(per_inode, cached_pages)
{
	char c = 0;
	int fd;

	self->file->open_flags = FOPEN_KEEP_CACHE;
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, pread(fd, &c, 1, 0));
	close(fd);

	ASSERT_EQ(0, attach_a(&self->env, self->node, BOTH));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, pwrite(fd, "#", 1, 0));
	EXPECT_EQ(1, pread(fd, &c, 1, 0));
	EXPECT_EQ('#', c);
	close(fd);

	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, 0));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, pread(fd, &c, 1, 0));
	EXPECT_EQ('#', c);
	close(fd);
}

/* Pages that get cached between attaching and opening. */
TEST_F(per_inode, cached_pages_after_attach)
{
	char c = 0;
	int fd;

	ASSERT_EQ(0, attach_a(&self->env, self->node, FUSE_BACKING_READ));
	self->file->open_flags = FOPEN_KEEP_CACHE;
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, pread(fd, &c, 1, 0));
	close(fd);
	ASSERT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, 0));
	ASSERT_EQ(0, attach_a(&self->env, self->node, FUSE_BACKING_WRITE));
	fd = fuse_server_open(self->srv, "a", O_WRONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, pwrite(fd, "#", 1, 0));
	close(fd);
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, pread(fd, &c, 1, 0));
	EXPECT_EQ('#', c);
	close(fd);
}

/* Flags of open(2). */

TEST_F(per_inode, flags)
{
	struct stat st;
	char c;
	int fd;

	ASSERT_EQ(0, attach_a(&self->env, self->node, BOTH));
	EXPECT_EQ(-EEXIST, fuse_server_open(self->srv, "a", O_RDWR | O_CREAT |
					    O_EXCL));
	fd = fuse_server_open(self->srv, "a", O_RDWR | O_CREAT);
	ASSERT_LE(0, fd);
	close(fd);

	fd = fuse_server_open(self->srv, "a", O_RDWR | O_APPEND);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, write(fd, "e", 1));
	EXPECT_EQ(FILE_SIZE + 1, scratch_size("a"));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(FILE_SIZE + 1, st.st_size);
	EXPECT_EQ(FILE_SIZE + 1, lseek(fd, 0, SEEK_END));
	EXPECT_EQ(1, pread(fd, &c, 1, FILE_SIZE));
	EXPECT_EQ('e', c);
	close(fd);

	/* a server without FUSE_ATOMIC_O_TRUNC gets a SETATTR */
	fd = fuse_server_open(self->srv, "a", O_RDWR | O_TRUNC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, scratch_size("a"));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(0, st.st_size);
	EXPECT_TRUE(works(fd));
	close(fd);
	EXPECT_EQ(0, asked(self->srv));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_SETATTR));
}

TEST_F(per_inode, o_direct)
{
	static char page[2 * 4096];
	char *buf = page + (-(uintptr_t)page & 4095);
	int fd;

	ASSERT_EQ(0, attach_a(&self->env, self->node, BOTH));
	fd = fuse_server_open(self->srv, "a", O_RDWR | O_DIRECT);
	ASSERT_LE(0, fd);
	memset(buf, 'd', 4096);
	EXPECT_EQ(4096, pwrite(fd, buf, 4096, 4096));
	EXPECT_EQ(0, scratch_compare("a", buf, 4096, 4096));
	close(fd);
	EXPECT_EQ(0, asked(self->srv));
}

TEST_F(per_inode, atomic_o_trunc)
{
	struct fuse_server_opts opts = { .init_flags = FUSE_ATOMIC_O_TRUNC };
	int fd;

	fuse_server_stop(self->srv);
	ASSERT_EQ(0, env_serve(&self->env, self->srv, &opts));
	self->dev = self->srv->fd;
	self->file = &self->srv->sh->file[0];
	ASSERT_EQ(0, attach_a(&self->env, self->node, BOTH));
	fd = fuse_server_open(self->srv, "a", O_RDWR | O_TRUNC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, self->file->opens);
	EXPECT_EQ(O_TRUNC, self->file->seen_flags & O_TRUNC);
	close(fd);
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, self->file->opens);
	close(fd);
}

TEST_F(per_inode, execute)
{
	struct fuse_server_file *file = fuse_server_add(self->srv, "program");
	int status;
	pid_t pid;

	ASSERT_NE(NULL, file);
	ASSERT_EQ(0, scratch_copy("program", "/bin/true"));
	file->attach = FUSE_BACKING_READ;
	fflush(NULL);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		execl(in_mount("program"), "true", NULL);
		_exit(errno);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, asked(self->srv));
}

TEST_F(per_inode, lease)
{
	int fd, other;

	/* who breaks it says so */
	signal(SIGIO, SIG_IGN);
	ASSERT_EQ(0, attach_a(&self->env, self->node, BOTH));
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fcntl(fd, F_SETLEASE, F_RDLCK));
	EXPECT_EQ(-EWOULDBLOCK, fuse_server_open(self->srv, "a",
						 O_RDWR | O_NONBLOCK));
	EXPECT_EQ(0, fcntl(fd, F_SETLEASE, F_UNLCK));
	other = fuse_server_open(self->srv, "a", O_RDWR | O_NONBLOCK);
	EXPECT_LE(0, other);
	EXPECT_EQ(-1, fcntl(fd, F_SETLEASE, F_RDLCK));
	EXPECT_EQ(EAGAIN, errno);
	close(other);
	close(fd);
}

/* Permission */

static int open_as(const struct fuse_server *srv, uid_t uid)
{
	const struct creds who = { .uid = uid, .gid = uid };
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(creds_set(&who) ? 99 :
		      fuse_server_open(srv, "a", O_RDWR) < 0 ? errno : 0);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return -WEXITSTATUS(status);
}

/* Just these flags. */
static int attach_raw(struct env *env, __u32 flags)
{
	struct fuse_backing_attach args = {
		.nodeid = FUSE_ROOT_ID + 1,
		.flags = flags,
	};

	if (look_up("a"))
		return -ENOENT;
	args.backing_id = env_register(env, "a", O_RDWR);
	if (ioctl(env->srv.fd, FUSE_DEV_IOC_BACKING_ATTACH, &args) < 0)
		return -errno;
	return 0;
}

TEST_F(per_inode, default_permissions)
{
	struct fuse_server_opts opts = { .mount_opts = "default_permissions" };
	static struct reject_trace trace;

	ASSERT_EQ(0, chmod(scratch_path("a"), 0600));
	/* without, the server has to say that everybody may, and to mean it */
	ASSERT_EQ(0, reject_trace_start(&trace));
	EXPECT_EQ(-EACCES, attach_raw(&self->env, BOTH));
	EXPECT_EQ(-EACCES, attach_raw(&self->env, BOTH | PENDING));
	EXPECT_TRUE(reject_trace_has(&trace, self->srv->dev, 1, -EACCES,
				     "unchecked"));
	reject_trace_stop(&trace);
	self->file->open_error = EACCES;
	EXPECT_EQ(-EACCES, open_as(self->srv, 1000));
	EXPECT_EQ(1, self->file->opens);
	ASSERT_EQ(0, attach_raw(&self->env, BOTH | UNCHECKED));
	EXPECT_EQ(0, open_as(self->srv, 1000));
	EXPECT_EQ(1, self->file->opens);

	fuse_server_stop(self->srv);
	ASSERT_EQ(0, env_serve(&self->env, self->srv, &opts));
	ASSERT_EQ(0, attach_raw(&self->env, BOTH));
	EXPECT_EQ(-EACCES, open_as(self->srv, 1000));
	EXPECT_EQ(0, open_as(self->srv, 0));
	EXPECT_EQ(0, asked(self->srv));
}

/* Nobody gets more than the registration has. */
TEST_F(per_inode, no_more_than_registered)
{
	struct fuse_server_opts opts = { .uid = 1000 };
	int id, fd;

	fuse_server_stop(self->srv);
	ASSERT_EQ(0, env_serve(&self->env, self->srv, &opts));
	ASSERT_EQ(0, look_up("a"));
	/* by root, for a server of a user's: what the descriptor is good for */
	id = env_register(&self->env, "a", O_RDONLY);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_attach_backing(self->srv->fd, self->node, 0, id,
					 BOTH));
	EXPECT_EQ(-EACCES, fuse_server_open(self->srv, "a", O_RDWR));
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	EXPECT_LE(0, fd);
	close(fd);
	EXPECT_EQ(0, asked(self->srv));
}

TEST_HARNESS_MAIN
