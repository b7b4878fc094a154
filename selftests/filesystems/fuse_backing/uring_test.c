// SPDX-License-Identifier: GPL-2.0
/*
 * Passthrough doesn't depend on how requests and replies travel.
 *
 * Proves: a server that answers over io_uring registers and attaches backing
 * files, and names them in its replies, as one that reads /dev/fuse: clients
 * read and write without asking it, and the thread's table shows what is open.
 * When the connection is aborted or the server is killed, with requests in its
 * hands, on the way to it and waiting for their turn, clients get errors, what
 * is idle leaves the table, open files work until they are closed, and umount(2)
 * returns.
 *
 * Each test is run on a server without a ring, too, and counts how requests came.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness.h"

#include "backing_files.h"
#include "backing_ioctl.h"
#include "backing_table.h"
#include "env.h"
#include "text_file.h"
#include "wait_until.h"

#define SWITCH		"/sys/module/fuse/parameters/enable_uring"
#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define DEPTH		2
#define OPENERS		6	/* more than that */
#define LOADERS		4
#define ENOUGH		100	/* opens, for a load */

FIXTURE(uring) {
	struct env env;
	struct fuse_server *srv;
	int dev;
};

FIXTURE_VARIANT(uring) {
	__u32 depth;
};

FIXTURE_VARIANT_ADD(uring, ring) {
	.depth = DEPTH,
};

FIXTURE_VARIANT_ADD(uring, dev) {
	.depth = 0,
};

static int start(struct env *env, __u32 depth)
{
	const struct fuse_server_opts opts = {
		.ring_depth = depth,
		/* when the connection ends under load */
		.may_be_refused = true,
	};
	int err = scratch_setup(&env->scratch, SCRATCH_TMPFS);

	return err ?: env_files() ?: env_serve(env, &env->srv, &opts);
}

/* A connection stays what it was when it began: the switch needn't stay on. */
static int start_over_ring(struct env *env, __u32 depth)
{
	char was[8] = "";
	int fd, err;

	fd = open(SWITCH, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -EOPNOTSUPP : -errno;
	err = read(fd, was, sizeof(was) - 1) < 0 ? -errno : 0;
	close(fd);
	err = err ?: text_file_write(SWITCH, "Y") ?: start(env, depth);
	return text_file_write(SWITCH, was) ?: err;
}

FIXTURE_SETUP(uring)
{
	int err;

	self->srv = &self->env.srv;
	if (geteuid())
		SKIP(return, "needs root");
	err = variant->depth ? start_over_ring(&self->env, variant->depth) :
			       start(&self->env, 0);
	if (err == -EOPNOTSUPP)
		SKIP(return, "needs FUSE over io_uring");
	ASSERT_EQ(0, err);
	if (!self->srv->sh->passthrough)
		SKIP(return, "needs FUSE passthrough");
	ASSERT_EQ(!!variant->depth, self->srv->sh->over_ring);
	self->dev = self->srv->fd;
}

FIXTURE_TEARDOWN(uring)
{
	EXPECT_EQ(0, self->srv->sh->bad_fh)
		TH_LOG("opcode %u", self->srv->sh->bad_op);
	/* FORGET and INTERRUPT come by the device, and so does INIT */
	EXPECT_EQ(0, self->srv->sh->ring_ops[FUSE_INIT]);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_INIT));
	env_teardown(&self->env);
}

/* Were there @n of these requests, and all of them by the ring, if there is one? */
static bool came(const struct fuse_server *srv, __u32 opcode, __u32 n)
{
	return fuse_server_ops(srv, opcode) == n &&
	       srv->sh->ring_ops[opcode] == (srv->sh->over_ring ? n : 0);
}

static int once(struct env *env, const char *name)
{
	return fuse_backing_open_once(env->srv.fd, scratch_path(name), O_RDWR);
}

/* Have the kernel know the node. */
static int look_up(const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), SCRATCH_FUSE "/%s", name);
	return stat(path, &st) < 0 ? -errno : 0;
}

/* Does "a", open as @fd, read and write its backing file? */
static bool works(int fd)
{
	char c;

	return pwrite(fd, "x", 1, 7) == 1 && pread(fd, &c, 1, 7) == 1 &&
	       c == 'x' && !scratch_compare("a", "x", 1, 7);
}

/* Nothing pins anything any more. */
static bool ends(struct fuse_server *srv, pid_t thread)
{
	return wait_until(table_count(thread) <= 0) &&
	       !fuse_server_umount(srv) && !scratch_umount_backing() &&
	       wait_until(!thread_exists(thread));
}

/* Registered */

TEST_F(uring, named_in_a_reply)
{
	int id = env_register(&self->env, "a", O_RDWR), fd;
	pid_t thread = thread_find(self->srv->dev);
	char path[PATH_MAX];

	ASSERT_LT(0, id);
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(came(self->srv, FUSE_LOOKUP, 1));
	EXPECT_TRUE(came(self->srv, FUSE_OPEN, 1));
	ASSERT_EQ(0, table_path(thread, id, path, sizeof(path)));
	EXPECT_STREQ(scratch_path("a"), path);
	EXPECT_TRUE(works(fd));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));

	close(fd);
	EXPECT_TRUE(came(self->srv, FUSE_FLUSH, 1));
	EXPECT_TRUE(wait_until(came(self->srv, FUSE_RELEASE, 1)));
	EXPECT_EQ(1, env_count(self->srv));
	EXPECT_EQ(0, fuse_backing_close(self->dev, id));
	EXPECT_TRUE(ends(self->srv, thread));
}

TEST_F(uring, registered_for_a_reply)
{
	int fd;

	self->srv->sh->file[0].per_open = true;
	for (__u32 i = 1; i < 5; i++) {
		fd = fuse_server_open(self->srv, "a", O_RDWR);
		ASSERT_LE(0, fd);
		EXPECT_TRUE(came(self->srv, FUSE_OPEN, i));
		EXPECT_EQ(1, env_count(self->srv));
		EXPECT_TRUE(works(fd));
		close(fd);
		EXPECT_EQ(0, env_count(self->srv));
	}
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
}

TEST_F(uring, created)
{
	struct fuse_server_file *file = fuse_server_add(self->srv, "new");
	int fd;

	ASSERT_NE(NULL, file);
	file->per_open = true;
	fd = fuse_server_open(self->srv, "new", O_RDWR | O_CREAT);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(came(self->srv, FUSE_CREATE, 1));
	EXPECT_EQ(1, env_count(self->srv));
	EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
	EXPECT_EQ(0, scratch_compare("new", "x", 1, 0));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	close(fd);
	EXPECT_EQ(0, env_count(self->srv));
}

/* The control: data of a file without a backing file go the requests' way. */
TEST_F(uring, others_ask_for_data)
{
	static char buf[FILE_SIZE], back[FILE_SIZE];
	int fd;

	self->srv->sh->file[1].open_flags = FOPEN_DIRECT_IO;
	fd = fuse_server_open(self->srv, "b", O_RDWR);
	ASSERT_LE(0, fd);
	scratch_pattern(buf, sizeof(buf), 1);
	ASSERT_EQ(FILE_SIZE, pread(fd, back, sizeof(back), 0));
	EXPECT_EQ(0, memcmp(buf, back, sizeof(buf)));
	scratch_pattern(buf, sizeof(buf), 77);
	ASSERT_EQ(FILE_SIZE, pwrite(fd, buf, sizeof(buf), 0));
	EXPECT_EQ(0, scratch_compare("b", buf, sizeof(buf), 0));
	EXPECT_TRUE(came(self->srv, FUSE_READ, 1));
	EXPECT_TRUE(came(self->srv, FUSE_WRITE, 1));
	EXPECT_EQ(0, thread_find(self->srv->dev));
	close(fd);
}

static int go_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}

/* There is a queue for each. */
TEST_F(uring, opened_on_each_processor)
{
	int fd[CPU_SETSIZE];
	cpu_set_t set;

	ASSERT_EQ(0, sched_getaffinity(0, sizeof(set), &set));
	self->srv->sh->file[0].per_open = true;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		ASSERT_EQ(0, go_to(cpu));
		fd[cpu] = fuse_server_open(self->srv, "a", O_RDWR);
		ASSERT_LE(0, fd[cpu]);
	}
	EXPECT_TRUE(came(self->srv, FUSE_OPEN, CPU_COUNT(&set)));
	EXPECT_EQ(CPU_COUNT(&set), env_count(self->srv));
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		EXPECT_TRUE(works(fd[cpu]));
		close(fd[cpu]);
	}
	EXPECT_EQ(0, env_count(self->srv));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
}

/* Attached */

static __u32 asked(const struct fuse_server *srv)
{
	return fuse_server_ops(srv, FUSE_OPEN) +
	       fuse_server_ops(srv, FUSE_FLUSH) +
	       fuse_server_ops(srv, FUSE_RELEASE) + fuse_server_data_ops(srv);
}

static int open_and_close_a(const struct fuse_server *srv)
{
	int fd = fuse_server_open(srv, "a", O_RDWR);
	bool ok;

	if (fd < 0)
		return fd;
	ok = works(fd);
	close(fd);
	return ok ? 0 : -EIO;
}

TEST_F(uring, attached)
{
	__u64 node = fuse_server_node(self->srv, &self->srv->sh->file[0]);
	int id;

	ASSERT_EQ(0, look_up("a"));
	EXPECT_TRUE(came(self->srv, FUSE_LOOKUP, 1));
	id = once(&self->env, "a");
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_attach_backing(self->dev, node, 0, id, BOTH));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, open_and_close_a(self->srv));
	EXPECT_EQ(0, asked(self->srv));
	EXPECT_TRUE(table_has(thread_find(self->srv->dev), id));
	ASSERT_EQ(0, fuse_detach_backing(self->dev, node, 0, 0));
	EXPECT_EQ(0, env_count(self->srv));

	/* and then it is the server's again */
	EXPECT_EQ(0, open_and_close_a(self->srv));
	EXPECT_TRUE(came(self->srv, FUSE_OPEN, 1));
}

/* By the server, before its reply names the node. */
TEST_F(uring, attached_by_the_lookup)
{
	struct fuse_server_file *file = &self->srv->sh->file[0];

	file->attach = BOTH;
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, open_and_close_a(self->srv));
	EXPECT_TRUE(came(self->srv, FUSE_LOOKUP, 1));
	EXPECT_EQ(0, asked(self->srv));
	EXPECT_EQ(1, env_count(self->srv));
	EXPECT_EQ(0, fuse_detach_backing(self->dev,
					 fuse_server_node(self->srv, file), 0,
					 0));
	EXPECT_EQ(0, env_count(self->srv));
}

/* Opens that wait for the server: those of "c", one in a thread each. */

struct opener {
	const struct fuse_server *srv;
	pthread_t thread;
	int fd;
};

static void *open_c(void *arg)
{
	struct opener *opener = arg;

	opener->fd = fuse_server_open(opener->srv, "c", O_RDWR);
	return NULL;
}

/* All from this processor, whose queue has fewer entries. */
static int openers_start(const struct fuse_server *srv, struct opener *opener,
			 int n)
{
	int err = go_to(sched_getcpu());

	for (int i = 0; i < n && !err; i++) {
		opener[i].srv = srv;
		err = -pthread_create(&opener[i].thread, NULL, open_c,
				      &opener[i]);
	}
	if (!err && !wait_until(backing_number(srv, "waiting") == n))
		err = -ETIMEDOUT;
	return err;
}

/* What is cancelled was on its way to a task that has ended. */
static bool was_cut_off(int err)
{
	return err == -ECONNABORTED || err == -ENOTCONN || err == -ECANCELED;
}

static bool openers_fail(struct opener *opener, int n)
{
	bool ok = true;

	for (int i = 0; i < n; i++) {
		pthread_join(opener[i].thread, NULL);
		ok = ok && was_cut_off(opener[i].fd);
	}
	return ok;
}

/* "a" is open, "b" is idle, and clients wait for "c". */
struct busy {
	int fd;			/* of "a" */
	int id;
	pid_t thread;
	struct opener opener[OPENERS];
};

static int get_ready(struct env *env, struct busy *busy)
{
	struct fuse_server *srv = &env->srv;
	struct fuse_server_file *c = &srv->sh->file[2];
	int err = look_up("b") ?: look_up("c");

	busy->id = env_register(env, "a", O_RDWR);
	busy->thread = thread_find(srv->dev);
	busy->fd = fuse_server_open_id(srv, "a", O_RDWR, busy->id);
	c->backing_id = once(env, "c");
	c->open_flags = FOPEN_PASSTHROUGH;
	c->hold_open = true;
	if (err || busy->fd < 0 || env_register(env, "b", O_RDWR) < 0)
		return err ?: -EIO;
	return table_count(busy->thread) == 3 ? 0 : -EBADF;
}

/* As many requests as it takes are in the server's hands. */
static int get_busy(struct env *env, struct busy *busy)
{
	struct fuse_server *srv = &env->srv;
	__u32 hands = srv->sh->over_ring ? DEPTH : OPENERS;
	int err = get_ready(env, busy) ?:
		  openers_start(srv, busy->opener, OPENERS);

	if (!err && !wait_until(came(srv, FUSE_OPEN, 1 + hands)))
		err = -ETIMEDOUT;
	return err;
}

/* None is: it stands still, and they are on their way. */
static int get_stuck(struct env *env, struct busy *busy)
{
	int err = get_ready(env, busy) ?: fuse_server_pause(&env->srv);

	if (err)
		return err;
	return openers_start(&env->srv, busy->opener, OPENERS);
}

/* What is there of it, in the end. */
static bool only_a_is_left(const struct busy *busy)
{
	return wait_until(table_count(busy->thread) == 1) &&
	       table_has(busy->thread, busy->id) && works(busy->fd);
}

static bool server_ends(struct fuse_server *srv)
{
	bool ended = wait_until(waitpid(srv->pid, NULL, WNOHANG) == srv->pid);

	if (ended)
		srv->pid = 0;
	return ended;
}

TEST_F(uring, abort)
{
	static struct busy busy;

	ASSERT_EQ(0, get_busy(&self->env, &busy));
	ASSERT_EQ(0, fuse_server_abort(self->srv));
	EXPECT_TRUE(openers_fail(busy.opener, OPENERS));
	EXPECT_TRUE(only_a_is_left(&busy));
	EXPECT_TRUE(server_ends(self->srv));
	EXPECT_EQ(-ENOTCONN, fuse_server_open(self->srv, "b", O_RDWR));
	EXPECT_EQ(-ENOTCONN, env_register(&self->env, "b", O_RDWR));
	EXPECT_TRUE(only_a_is_left(&busy));
	close(busy.fd);
	EXPECT_TRUE(ends(self->srv, busy.thread));
}

/*
 * With a ring, clients whose requests are on their way to the server's task
 * learn of the end when that goes on. The table doesn't wait for it.
 */
TEST_F(uring, abort_beside_a_stopped_server)
{
	static struct busy busy;

	ASSERT_EQ(0, get_stuck(&self->env, &busy));
	ASSERT_EQ(0, fuse_server_abort(self->srv));
	EXPECT_TRUE(only_a_is_left(&busy));
	ASSERT_EQ(0, fuse_server_resume(self->srv));
	EXPECT_TRUE(openers_fail(busy.opener, OPENERS));
	EXPECT_TRUE(server_ends(self->srv));
	close(busy.fd);
	EXPECT_TRUE(ends(self->srv, busy.thread));
}

TEST_F(uring, killed_server)
{
	static struct busy busy;

	ASSERT_EQ(0, get_busy(&self->env, &busy));
	fuse_server_close_dev(self->srv);
	ASSERT_EQ(0, fuse_server_kill(self->srv));
	EXPECT_TRUE(openers_fail(busy.opener, OPENERS));
	EXPECT_TRUE(only_a_is_left(&busy));
	EXPECT_EQ(-ENOTCONN, fuse_server_open(self->srv, "b", O_RDWR));
	close(busy.fd);
	EXPECT_TRUE(ends(self->srv, busy.thread));
}

TEST_F(uring, killed_stopped_server)
{
	static struct busy busy;

	ASSERT_EQ(0, get_stuck(&self->env, &busy));
	fuse_server_close_dev(self->srv);
	ASSERT_EQ(0, fuse_server_kill(self->srv));
	EXPECT_TRUE(openers_fail(busy.opener, OPENERS));
	EXPECT_TRUE(only_a_is_left(&busy));
	close(busy.fd);
	EXPECT_TRUE(ends(self->srv, busy.thread));
}

/* Nobody takes requests, which nobody knows as long as the device is open. */
TEST_F(uring, killed_server_with_dev_open)
{
	static struct busy busy;
	struct opener late;

	ASSERT_EQ(0, get_busy(&self->env, &busy));
	ASSERT_EQ(0, fuse_server_kill(self->srv));
	late.srv = self->srv;
	ASSERT_EQ(0, pthread_create(&late.thread, NULL, open_c, &late));
	EXPECT_TRUE(wait_until(backing_number(self->srv, "waiting") ==
			       OPENERS + 1));
	EXPECT_LT(0, env_register(&self->env, "d", O_RDWR));
	EXPECT_EQ(4, table_count(busy.thread));
	EXPECT_TRUE(works(busy.fd));

	fuse_server_close_dev(self->srv);
	EXPECT_TRUE(openers_fail(busy.opener, OPENERS));
	EXPECT_TRUE(openers_fail(&late, 1));
	EXPECT_TRUE(only_a_is_left(&busy));
	close(busy.fd);
	EXPECT_TRUE(ends(self->srv, busy.thread));
}

/* Its reply comes nevertheless, and consumes what it names. */
TEST_F(uring, killed_client)
{
	struct fuse_server_file *file = &self->srv->sh->file[0];
	int status;
	pid_t pid;

	file->per_open = true;
	file->hold_open = true;
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(fuse_server_open(self->srv, "a", O_RDWR) < 0);
	ASSERT_TRUE(wait_until(self->srv->sh->held_count));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_TRUE(wait_until(fuse_server_ops(self->srv, FUSE_INTERRUPT)));
	EXPECT_EQ(0, self->srv->sh->ring_ops[FUSE_INTERRUPT]);
	self->srv->sh->release_held = true;
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_TRUE(came(self->srv, FUSE_OPEN, 1));
	EXPECT_TRUE(wait_until(came(self->srv, FUSE_RELEASE, 1)));
	EXPECT_TRUE(wait_until(!env_count(self->srv)));
}

/* The end comes at any time: requests and replies are on their way. */

struct loader {
	const struct fuse_server *srv;
	pthread_t thread;
	int err;
};

static void *open_all_the_time(void *arg)
{
	struct loader *loader = arg;

	do {
		loader->err = open_and_close_a(loader->srv);
	} while (!loader->err);
	return NULL;
}

static int load_start(struct fuse_server *srv, struct loader *loader)
{
	struct fuse_server_file *file = &srv->sh->file[0];
	int err = 0;

	file->per_open = true;
	for (int i = 0; i < LOADERS && !err; i++) {
		loader[i].srv = srv;
		err = -pthread_create(&loader[i].thread, NULL,
				      open_all_the_time, &loader[i]);
	}
	if (!err && !wait_until(file->opens >= ENOUGH))
		err = -ETIMEDOUT;
	return err;
}

/* Did all of them end because the connection, or the id in a reply, did? */
static bool load_ended(struct loader *loader)
{
	bool ok = true;

	for (int i = 0; i < LOADERS; i++) {
		pthread_join(loader[i].thread, NULL);
		ok = ok && (was_cut_off(loader[i].err) ||
			    loader[i].err == -ENOENT);
	}
	return ok;
}

TEST_F(uring, abort_under_load)
{
	struct loader loader[LOADERS];
	pid_t thread;

	ASSERT_LT(0, env_register(&self->env, "b", O_RDWR));
	thread = thread_find(self->srv->dev);
	ASSERT_EQ(0, load_start(self->srv, loader));
	ASSERT_EQ(0, fuse_server_abort(self->srv));
	EXPECT_TRUE(load_ended(loader));
	EXPECT_TRUE(server_ends(self->srv));
	EXPECT_TRUE(ends(self->srv, thread));
}

TEST_F(uring, killed_under_load)
{
	struct loader loader[LOADERS];
	pid_t thread;

	ASSERT_LT(0, env_register(&self->env, "b", O_RDWR));
	thread = thread_find(self->srv->dev);
	ASSERT_EQ(0, load_start(self->srv, loader));
	fuse_server_close_dev(self->srv);
	ASSERT_EQ(0, fuse_server_kill(self->srv));
	EXPECT_TRUE(load_ended(loader));
	EXPECT_TRUE(ends(self->srv, thread));
}

TEST_HARNESS_MAIN
