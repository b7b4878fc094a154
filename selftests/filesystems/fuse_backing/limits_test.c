// SPDX-License-Identifier: GPL-2.0
/*
 * Backing files are limited as open files are.
 *
 * Proves: RLIMIT_NOFILE of the mount's kernel thread is a copy of the first
 * registrant's hard limit, soft and hard; with a limit of N exactly N-1 files can
 * be registered, the next one fails with EMFILE and leaves nothing behind;
 * prlimit(2) on the thread changes the limit at once and evicts nothing; the thread
 * counts as a process of its user. With fuse.unprivileged_passthrough off who lacks
 * CAP_SYS_ADMIN registers nothing more.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "env.h"
#include "leaks.h"
#include "light_mount.h"
#include "module_param.h"
#include "wait_until.h"

#define OTHER_UID	4321
#define MANY_REFUSALS	20
#define OTHER_GID	4322
#define FIRSTS		4	/* who all register first, of as many mounts */
#define MOUNTS		20

/* A leak of one object per refusal would far exceed LEAKS_OBJECTS. */
#define REFUSALS	10000

FIXTURE(limits) {
	struct env env;
	int fd;			/* a backing file, opened once */
};

FIXTURE_SETUP(limits)
{
	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->fd = open(scratch_path("a"), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(limits)
{
	close(self->fd);
	env_teardown(&self->env);
}

static int set_nofile(pid_t pid, unsigned long soft, unsigned long hard)
{
	struct rlimit limit = { soft, hard };

	return prlimit(pid, RLIMIT_NOFILE, &limit, NULL) < 0 ? -errno : 0;
}

/* Register until it fails: the number that worked, the error in *@err. */
static int register_until_error(int dev, int fd, int max, int *err)
{
	int id;

	*err = 0;
	for (int i = 0; i < max; i++) {
		id = fuse_backing_open(dev, fd);
		if (id < 0) {
			*err = id;
			return i;
		}
	}
	return max;
}

TEST_F(limits, limit_is_the_first_registrants)
{
	unsigned long soft, hard;
	pid_t pid;

	ASSERT_EQ(0, set_nofile(0, 77, 99));
	ASSERT_LT(0, fuse_backing_open(self->env.srv.fd, self->fd));
	pid = thread_find(self->env.srv.dev);
	ASSERT_NE(0, pid);
	ASSERT_EQ(0, thread_nofile(pid, &soft, &hard));
	EXPECT_EQ(99, soft);
	EXPECT_EQ(99, hard);

	/* A copy: what becomes of the registrant's limit is its own affair. */
	ASSERT_EQ(0, set_nofile(0, 88, 88));
	ASSERT_LT(0, fuse_backing_open(self->env.srv.fd, self->fd));
	ASSERT_EQ(0, thread_nofile(pid, &soft, &hard));
	EXPECT_EQ(99, soft);
	EXPECT_EQ(99, hard);
}

TEST_F(limits, emfile_exactly_at_the_limit)
{
	struct fuse_server *srv = &self->env.srv;
	struct dev_fdinfo info;
	int err;

	ASSERT_EQ(0, set_nofile(0, 16, 32));
	EXPECT_EQ(31, register_until_error(srv->fd, self->fd, 100, &err));
	EXPECT_EQ(-EMFILE, err);
	EXPECT_EQ(31, table_count(thread_find(srv->dev)));
	ASSERT_EQ(0, dev_fdinfo_read(srv->fd, &info));
	EXPECT_EQ(31, info.count);
	EXPECT_EQ(32, info.limit);

	/* One out, one in. */
	ASSERT_EQ(0, fuse_backing_close(srv->fd, 7));
	EXPECT_EQ(1, register_until_error(srv->fd, self->fd, 100, &err));
	EXPECT_EQ(-EMFILE, err);
	EXPECT_EQ(31, table_count(thread_find(srv->dev)));
}

TEST_F(limits, beyond_the_first_table)
{
	struct fuse_server *srv = &self->env.srv;
	int err;

	ASSERT_EQ(0, set_nofile(0, 2500, 2500));
	EXPECT_EQ(2499, register_until_error(srv->fd, self->fd, 3000, &err));
	EXPECT_EQ(-EMFILE, err);
	EXPECT_EQ(2499, table_count(thread_find(srv->dev)));
}

TEST_F(limits, prlimit_raises_at_once)
{
	struct fuse_server *srv = &self->env.srv;
	pid_t pid;
	int err;

	ASSERT_EQ(0, set_nofile(0, 16, 16));
	EXPECT_EQ(15, register_until_error(srv->fd, self->fd, 100, &err));
	EXPECT_EQ(-EMFILE, err);
	pid = thread_find(srv->dev);
	ASSERT_NE(0, pid);

	ASSERT_EQ(0, set_nofile(pid, 20, 1024));
	EXPECT_EQ(4, register_until_error(srv->fd, self->fd, 100, &err));
	EXPECT_EQ(-EMFILE, err);

	/* Past the size of a first table of 64. */
	ASSERT_EQ(0, set_nofile(pid, 300, 1024));
	EXPECT_EQ(280, register_until_error(srv->fd, self->fd, 400, &err));
	EXPECT_EQ(-EMFILE, err);
	EXPECT_EQ(299, table_count(pid));
}

TEST_F(limits, prlimit_lowers_and_evicts_nothing)
{
	struct fuse_server *srv = &self->env.srv;
	pid_t pid;
	int fd;

	for (int id = 1; id <= 20; id++)
		ASSERT_EQ(id, fuse_backing_open(srv->fd, self->fd));
	pid = thread_find(srv->dev);
	ASSERT_NE(0, pid);
	ASSERT_EQ(0, set_nofile(pid, 10, 1024));

	/* All of them stay and go on to work, those above the limit too. */
	EXPECT_EQ(20, table_count(pid));
	EXPECT_EQ(-EMFILE, fuse_backing_open(srv->fd, self->fd));
	fd = fuse_server_open_id(srv, "a", O_RDWR, 20);
	EXPECT_LE(0, fd);
	EXPECT_EQ(1, write(fd, "x", 1));
	close(fd);

	/* EMFILE until fewer than nine are left, whatever their numbers. */
	for (int id = 1; id <= 11; id++) {
		ASSERT_EQ(0, fuse_backing_close(srv->fd, id));
		EXPECT_EQ(-EMFILE, fuse_backing_open(srv->fd, self->fd))
			TH_LOG("%d mappings", 20 - id);
	}
	ASSERT_EQ(0, fuse_backing_close(srv->fd, 12));
	EXPECT_EQ(8, table_count(pid));
	EXPECT_LT(0, fuse_backing_open(srv->fd, self->fd));
	EXPECT_EQ(-EMFILE, fuse_backing_open(srv->fd, self->fd));
	EXPECT_EQ(9, table_count(pid));
}

TEST_F(limits, zero_and_one)
{
	struct fuse_server *srv = &self->env.srv;
	pid_t pid;

	ASSERT_LT(0, fuse_backing_open(srv->fd, self->fd));
	pid = thread_find(srv->dev);
	ASSERT_NE(0, pid);
	ASSERT_EQ(0, set_nofile(pid, 1, 1024));
	EXPECT_EQ(-EMFILE, fuse_backing_open(srv->fd, self->fd));
	ASSERT_EQ(0, set_nofile(pid, 0, 1024));
	EXPECT_EQ(-EMFILE, fuse_backing_open(srv->fd, self->fd));
	ASSERT_EQ(0, fuse_backing_close(srv->fd, 1));
	EXPECT_EQ(-EMFILE, fuse_backing_open(srv->fd, self->fd));
	EXPECT_EQ(0, table_count(pid));
	ASSERT_EQ(0, set_nofile(pid, 2, 1024));
	EXPECT_LT(0, fuse_backing_open(srv->fd, self->fd));
	EXPECT_EQ(-EMFILE, fuse_backing_open(srv->fd, self->fd));
}

/* A registrant whose own limit leaves no room for a single file. */
TEST_F(limits, first_registrant_without_room)
{
	struct fuse_server *srv = &self->env.srv;

	ASSERT_EQ(0, set_nofile(0, 1, 1));
	EXPECT_EQ(-EMFILE, fuse_backing_open(srv->fd, self->fd));
	EXPECT_EQ(-EMFILE, fuse_backing_open(srv->fd, self->fd));
	ASSERT_EQ(0, set_nofile(0, 1024, 1024));
	EXPECT_GE(1, thread_count());
}

/* A slot that only an open FUSE file keeps is counted like the others. */
TEST_F(limits, used_slots_count_after_close)
{
	struct fuse_server *srv = &self->env.srv;
	int err, fd;

	ASSERT_EQ(0, set_nofile(0, 16, 16));
	ASSERT_EQ(15, register_until_error(srv->fd, self->fd, 100, &err));
	fd = fuse_server_open_id(srv, "a", O_RDONLY, 3);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fuse_backing_close(srv->fd, 3));
	EXPECT_EQ(-EMFILE, fuse_backing_open(srv->fd, self->fd));
	close(fd);
	EXPECT_TRUE(wait_until(fuse_backing_open(srv->fd, self->fd) > 0));
	EXPECT_EQ(-EMFILE, fuse_backing_open(srv->fd, self->fd));
}

static int prlimit_as(uid_t uid, gid_t gid, pid_t pid, unsigned long soft,
		      unsigned long hard)
{
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (!child) {
		if (creds_become(uid, gid) || creds_drop_all())
			_exit(255);
		_exit(-set_nofile(pid, soft, hard));
	}
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -ECHILD;
	return -WEXITSTATUS(status);
}

/* The thread's user may move the limit, up to the hard one. */
TEST_F(limits, owner_may_prlimit)
{
	unsigned long soft, hard;
	pid_t pid;

	ASSERT_EQ(0, set_nofile(0, 256, 512));
	ASSERT_LT(0, creds_register_as(OTHER_UID, OTHER_GID,
				       self->env.srv.fd, scratch_path("a"),
				       O_RDONLY));
	pid = thread_find(self->env.srv.dev);
	ASSERT_NE(0, pid);
	EXPECT_EQ(0, prlimit_as(OTHER_UID, OTHER_GID, pid, 512, 512));
	EXPECT_EQ(0, prlimit_as(OTHER_UID, OTHER_GID, pid, 64, 512));
	EXPECT_EQ(-EPERM, prlimit_as(OTHER_UID, OTHER_GID, pid, 64, 513));
	EXPECT_EQ(-EPERM, prlimit_as(OTHER_UID + 1, OTHER_GID, pid, 64, 512));
	ASSERT_EQ(0, thread_nofile(pid, &soft, &hard));
	EXPECT_EQ(64, soft);
	EXPECT_EQ(512, hard);
}

/*
 * One of the ways to be refused, and none of them may cost anything: the
 * limit, a bad descriptor, a file that can't be one, an unknown id.
 */
static int refuse(int dev, int file, int dir, int i)
{
	switch (i % 4) {
	case 0:
	case 1:
		return fuse_backing_open(dev, file) == -EMFILE;
	case 2:
		return fuse_backing_open(dev, dir) == -EISDIR;
	default:
		return fuse_backing_open(dev, -1) == -EBADF &&
		       fuse_backing_close(dev, 12345) == -ENOENT;
	}
}

TEST_F_TIMEOUT(limits, refusals_leak_nothing, 120)
{
	struct fuse_server *srv = &self->env.srv;
	static struct leaks before;
	int dir, err, refused = 0;

	ASSERT_EQ(0, set_nofile(0, 16, 16));
	ASSERT_EQ(15, register_until_error(srv->fd, self->fd, 100, &err));
	dir = open(SCRATCH_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, dir);
	for (int i = 0; i < 100; i++)
		refuse(srv->fd, self->fd, dir, i);

	leaks_begin(&before);
	for (int i = 0; i < REFUSALS; i++)
		refused += refuse(srv->fd, self->fd, dir, i);
	EXPECT_EQ(REFUSALS, refused);
	EXPECT_EQ(15, table_count(thread_find(srv->dev)));
	EXPECT_EQ(1, thread_count());

	leaks_end(_metadata, &before);
	close(dir);
}

TEST_F_TIMEOUT(limits, registrations_leak_nothing, 120)
{
	struct fuse_server *srv = &self->env.srv;
	static struct leaks before;
	int id;

	id = fuse_backing_open(srv->fd, self->fd);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_backing_close(srv->fd, id));
	leaks_begin(&before);
	for (int i = 0; i < REFUSALS; i++) {
		id = fuse_backing_open(srv->fd, self->fd);
		ASSERT_LT(0, id);
		ASSERT_EQ(0, fuse_backing_close(srv->fd, id));
	}
	EXPECT_EQ(0, table_count(thread_find(srv->dev)));
	leaks_end(_metadata, &before);
}

/*
 * fork(2) as a counter: with RLIMIT_NPROC at @limit it fails when the user
 * has that many processes already. 1 if it worked, 0 if not, or -errno.
 */
static int can_fork(unsigned long limit)
{
	struct rlimit rlimit = { limit, 1000 };
	pid_t pid;

	if (setrlimit(RLIMIT_NPROC, &rlimit) < 0)
		return -errno;
	pid = fork();
	if (!pid)
		_exit(0);
	if (pid < 0)
		return errno == EAGAIN ? 0 : -errno;
	waitpid(pid, NULL, 0);
	return 1;
}

/* Runs as a user of its own, so the only other process is the thread. */
static int count_processes(struct env *env, int fd, int *result)
{
	int id;

	if (creds_become(OTHER_UID, OTHER_GID) || creds_sys_admin(false))
		return 2;
	/* CAP_SYS_ADMIN is off: it would exempt from the limit. */
	if (can_fork(1) != 0 || can_fork(2) != 1)
		return 3;
	creds_sys_admin(true);
	id = fuse_backing_open(env->srv.fd, fd);
	creds_sys_admin(false);
	if (id <= 0)
		return 4;
	*result = can_fork(2);
	if (can_fork(3) != 1)
		return 5;
	return 0;
}

TEST_F(limits, thread_counts_as_a_process)
{
	int *result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, result);
	*result = -1;
	fflush(NULL);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(count_processes(&self->env, self->fd, result));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	ASSERT_EQ(0, WEXITSTATUS(status));
	EXPECT_EQ(0, *result)
		TH_LOG("a fork that the thread should have left no room for");
}

static int fork_after_umount(void)
{
	if (creds_become(OTHER_UID, OTHER_GID) || creds_drop_all())
		return 2;
	return wait_until(can_fork(2) == 1) ? 0 : 3;
}

/* And no longer when it is gone. */
TEST_F(limits, thread_uncounted_after_umount)
{
	int status;
	pid_t pid;

	ASSERT_LT(0, creds_register_as(OTHER_UID, OTHER_GID,
				       self->env.srv.fd, scratch_path("a"),
				       O_RDONLY));
	ASSERT_EQ(0, fuse_server_umount(&self->env.srv));
	fflush(NULL);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(fork_after_umount());
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

/* Under this limit, as the only process of a user without capabilities. */
static int register_under_nproc(const struct env *env, int fd,
				unsigned long limit)
{
	struct rlimit rlimit = { limit, 1000 };

	if (setrlimit(RLIMIT_NPROC, &rlimit) < 0)
		return -errno;
	return fuse_backing_open(env->srv.fd, fd);
}

struct nproc {
	struct env *env;
	int fd;
};

/* Refused, many times over, and then let through: 0, or which went wrong. */
static int nproc_raised(void *arg)
{
	const struct nproc *n = arg;

	for (int i = 0; i < MANY_REFUSALS; i++)
		if (register_under_nproc(n->env, n->fd, 1) != -EAGAIN)
			return -1;
	/* A thread that was leaked would still count. */
	if (!wait_until(can_fork(2) == 1))
		return -3;
	if (register_under_nproc(n->env, n->fd, 2) <= 0)
		return -4;
	if (can_fork(2) != 0)
		return -5;
	/* The limit is the thread's: what is in its table is another one's. */
	if (register_under_nproc(n->env, n->fd, 1) <= 0)
		return -6;
	return 0;
}

TEST_F(limits, nproc_refuses_the_thread)
{
	const struct creds nobody = { .uid = OTHER_UID, .gid = OTHER_GID };
	struct nproc nproc = { &self->env, self->fd };

	EXPECT_EQ(0, creds_call(&nobody, nproc_raised, &nproc));
	EXPECT_EQ(1, thread_count());
	EXPECT_EQ(2, table_count(thread_find(self->env.srv.dev)));
}

TEST_F(limits, switched_off_live)
{
	const struct creds nobody = { .uid = OTHER_UID, .gid = OTHER_GID };
	struct fuse_server *srv = &self->env.srv;
	int id, without, with, file;

	id = creds_register(&nobody, srv->fd, self->fd);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, switch_passthrough(false));
	without = creds_register(&nobody, srv->fd, self->fd);
	with = fuse_backing_open(srv->fd, self->fd);
	file = fuse_server_open_id(srv, "a", O_RDWR, id);
	ASSERT_EQ(0, switch_passthrough(true));
	EXPECT_EQ(-EPERM, without);
	EXPECT_LT(0, with);
	/* What was registered before stays. */
	EXPECT_LE(0, file);
	close(file);
	EXPECT_LT(0, creds_register(&nobody, srv->fd, self->fd));
}

/* Several register first, and there is room for the one thread that it takes. */

struct firsts {
	int dev[MOUNTS];
	int fd;
	pthread_barrier_t start;
	int err;
};

/* For who they are, who started them, and the thread of this and earlier mounts. */
static int leave_room(int mounts)
{
	const struct rlimit rlimit = { FIRSTS + 1 + mounts, 1000 };

	return setrlimit(RLIMIT_NPROC, &rlimit) < 0 ? -errno : 0;
}

static void *register_firsts(void *arg)
{
	struct firsts *f = arg;
	int err, id;

	for (int i = 0; i < MOUNTS; i++) {
		err = leave_room(i + 1);
		pthread_barrier_wait(&f->start);
		id = fuse_backing_open(f->dev[i], f->fd);
		if (err || id <= 0)
			f->err = err ?: id;
		pthread_barrier_wait(&f->start);
	}
	return NULL;
}

static int run_firsts(void *arg)
{
	pthread_t thread[FIRSTS];
	struct firsts *f = arg;

	pthread_barrier_init(&f->start, NULL, FIRSTS);
	for (int i = 0; i < FIRSTS; i++)
		if (pthread_create(&thread[i], NULL, register_firsts, f))
			return -EAGAIN;
	for (int i = 0; i < FIRSTS; i++)
		pthread_join(thread[i], NULL);
	return f->err;
}

TEST_F(limits, one_thread_for_many_firsts)
{
	const struct creds nobody = { .uid = OTHER_UID, .gid = OTHER_GID };
	struct firsts f = { .fd = self->fd };
	char path[64];

	for (int i = 0; i < MOUNTS; i++) {
		snprintf(path, sizeof(path), SCRATCH_ROOT "/mount%d", i);
		f.dev[i] = light_mount(path, 0);
		ASSERT_LE(0, f.dev[i]);
	}
	EXPECT_EQ(0, creds_call(&nobody, run_firsts, &f));
	EXPECT_EQ(MOUNTS, thread_count());
	for (int i = 0; i < MOUNTS; i++) {
		snprintf(path, sizeof(path), SCRATCH_ROOT "/mount%d", i);
		close(f.dev[i]);
		EXPECT_EQ(0, umount(path));
	}
	EXPECT_TRUE(wait_until(!thread_count()));
}

TEST_HARNESS_MAIN
