// SPDX-License-Identifier: GPL-2.0
/*
 * As many mounts and mappings as there may be, and one more.
 *
 * Proves: a thousand mounts have a thousand threads with a file each, which end
 * with their mounts; RLIMIT_NPROC limits how many mounts of a user have one, and
 * one that ends leaves room for another. A table takes a million mappings, to the
 * exact limit, hands out those numbers again that were closed, and empties. Who
 * reaches the limit of its memory cgroup gets ENOMEM, and can go on with what it
 * has, or is killed itself and nobody else is; memory comes back when the mount
 * ends.
 *
 * Privilege: root, to mount and for cgroups.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "cgroup.h"
#include "creds.h"
#include "env.h"
#include "light_mount.h"
#include "wait_until.h"

#define OWNER		1000	/* of mounts: a uid and a gid */
#define MOUNTS		1000
#define USER_MOUNTS	12
#define USER_PROCESSES	8
#define MAPPINGS	1000000
#define ROOM		(2 << 20)	/* bytes, of a cgroup */
#define TOO_MANY	500000		/* mappings, for that */

/* Where kmemleak looks after all of them, a fiftieth has to do */
static int scaled(int count)
{
	return access("/sys/kernel/debug/kmemleak", F_OK) ? count : count / 50;
}

static int set_nofile(unsigned long limit)
{
	struct rlimit rlim = { limit, limit };

	return setrlimit(RLIMIT_NOFILE, &rlim) < 0 ? -errno : 0;
}

/* Many mounts */

FIXTURE(mounts) {
	struct scratch scratch;
	int file;
	int dev[MOUNTS];
};

FIXTURE_SETUP(mounts)
{
	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, scratch_setup(&self->scratch, SCRATCH_TMPFS));
	ASSERT_EQ(0, scratch_owned("file", FILE_SIZE, 1, OWNER, 0644));
	ASSERT_EQ(0, set_nofile(2 * MOUNTS));
	self->file = open(scratch_path("file"), O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->file);
}

FIXTURE_TEARDOWN(mounts)
{
}

static const char *mountpoint(int i)
{
	static char path[64];

	snprintf(path, sizeof(path), SCRATCH_ROOT "/mount%d", i);
	return path;
}

TEST_F_TIMEOUT(mounts, thousand, 1200)
{
	const int mounts = scaled(MOUNTS);
	struct dev_fdinfo info;

	for (int i = 0; i < mounts; i++) {
		self->dev[i] = light_mount(mountpoint(i), 0);
		ASSERT_LE(0, self->dev[i])
			TH_LOG("mount %d: %s", i, strerror(-self->dev[i]));
		ASSERT_EQ(1, fuse_backing_open(self->dev[i], self->file));
	}
	EXPECT_EQ(mounts, thread_count());
	for (int i = 0; i < mounts; i++) {
		ASSERT_EQ(0, dev_fdinfo_read(self->dev[i], &info));
		ASSERT_EQ(1, info.count);
		ASSERT_EQ(1, table_count(info.thread));
	}

	/* One half unmounts, the other half loses who has /dev/fuse */
	for (int i = 0; i < mounts; i += 2)
		ASSERT_EQ(0, umount(mountpoint(i)));
	EXPECT_TRUE(wait_until(thread_count() == mounts / 2));
	for (int i = 0; i < mounts; i++)
		close(self->dev[i]);
	for (int i = 1; i < mounts; i += 2)
		ASSERT_EQ(0, umount(mountpoint(i)));
	close(self->file);
	EXPECT_EQ(0, scratch_umount_backing());
	EXPECT_TRUE(wait_until(!thread_count()));
}

struct user {
	int *dev;
	int file;
	int first;		/* mounts to register on, from here on */
	unsigned long processes;
};

/* How many mounts get a thread, or -errno if it is not EAGAIN that ends it */
static int start_threads(void *arg)
{
	const struct user *user = arg;
	struct rlimit limit = { user->processes, user->processes };
	int i, id;

	if (setrlimit(RLIMIT_NPROC, &limit) < 0)
		return -errno;
	for (i = user->first; i < USER_MOUNTS; i++) {
		id = fuse_backing_open(user->dev[i], user->file);
		if (id == -EAGAIN)
			break;
		if (id < 0)
			return id;
	}
	return i - user->first;
}

TEST_F_TIMEOUT(mounts, of_one_user, 120)
{
	const struct creds owner = { .uid = OWNER, .gid = OWNER };
	struct user user = {
		.dev = self->dev,
		.file = self->file,
		.processes = USER_PROCESSES,
	};

	for (int i = 0; i < USER_MOUNTS; i++) {
		self->dev[i] = light_mount(mountpoint(i), OWNER);
		ASSERT_LE(0, self->dev[i]);
	}
	/* one process is the user's own */
	EXPECT_EQ(USER_PROCESSES - 1,
		  creds_call(&owner, start_threads, &user));
	EXPECT_TRUE(wait_until(thread_count() == USER_PROCESSES - 1));
	user.first = USER_PROCESSES - 1;
	EXPECT_EQ(0, creds_call(&owner, start_threads, &user));

	/* Two that end make room for two */
	ASSERT_EQ(0, umount(mountpoint(0)));
	ASSERT_EQ(0, umount(mountpoint(1)));
	ASSERT_TRUE(wait_until(thread_count() == USER_PROCESSES - 3));
	EXPECT_EQ(2, creds_call(&owner, start_threads, &user));
	for (int i = 2; i < USER_MOUNTS; i++)
		ASSERT_EQ(0, umount(mountpoint(i)));
	close(self->file);
	EXPECT_EQ(0, scratch_umount_backing());
	EXPECT_TRUE(wait_until(!thread_count()));
}

/* Many mappings */

FIXTURE(mappings) {
	struct env env;
	struct fuse_server *srv;
	int file;
};

FIXTURE_SETUP(mappings)
{
	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->srv = &self->env.srv;
	self->file = open(scratch_path("a"), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->file);
}

FIXTURE_TEARDOWN(mappings)
{
	close(self->file);
	env_teardown(&self->env);
}

static int opens(struct fuse_server *srv, int id)
{
	int fd = fuse_server_open_id(srv, "a", O_RDWR, id);
	char byte;
	int err = 0;

	if (fd < 0)
		return fd;
	if (pread(fd, &byte, 1, 0) != 1)
		err = -EIO;
	close(fd);
	return err;
}

/* Every second id is handed out again, in the order in which they were closed */
static int register_again(struct fuse_server *srv, int file, int mappings)
{
	int err = 0, id;

	for (id = 2; id <= mappings && !err; id += 2)
		err = fuse_backing_close(srv->fd, id);
	for (id = 2; id <= mappings && !err; id += 2)
		if (fuse_backing_open(srv->fd, file) != id)
			err = -EILSEQ;
	return err;
}

TEST_F_TIMEOUT(mappings, million, 1200)
{
	const int mappings = scaled(MAPPINGS);
	struct fuse_server *srv = self->srv;
	struct dev_fdinfo info;
	int id = 0;

	ASSERT_EQ(0, set_nofile(mappings + 1));
	for (int i = 1; i <= mappings; i++) {
		id = fuse_backing_open(srv->fd, self->file);
		ASSERT_EQ(i, id);
	}
	EXPECT_EQ(-EMFILE, fuse_backing_open(srv->fd, self->file));
	ASSERT_EQ(0, dev_fdinfo_read(srv->fd, &info));
	EXPECT_EQ(mappings, info.count);
	EXPECT_EQ(0, opens(srv, 1));
	EXPECT_EQ(0, opens(srv, mappings));

	EXPECT_EQ(0, register_again(srv, self->file, mappings));
	EXPECT_EQ(-EMFILE, fuse_backing_open(srv->fd, self->file));
	EXPECT_EQ(0, opens(srv, mappings / 2));

	close(self->file);
	ASSERT_EQ(0, fuse_server_umount(srv));
	EXPECT_EQ(0, scratch_umount_backing());
}

/* Memory of a cgroup */

struct registrant {
	const struct fuse_server *srv;
	int file;
	bool unkillable;	/* by who is out of memory */
	int registered;
	int err;
	int closed;		/* an error of closing, under the same limit */
	bool released;		/* the limit was raised */
	int again;		/* an id after that */
};

static int make_unkillable(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	int err = write(fd, "-1000", 5) == 5 ? 0 : -errno;

	close(fd);
	return err;
}

static int register_until_error(struct registrant *r)
{
	int id = 0;

	for (r->registered = 0; r->registered < TOO_MANY; r->registered++) {
		id = fuse_backing_open(r->srv->fd, r->file);
		if (id < 0)
			break;
	}
	return id;
}

/* In a process of its own, in the cgroup */
static void be_registrant(struct registrant *r)
{
	if (cgroup_join() || (r->unkillable && make_unkillable()))
		_exit(1);
	cgroup_write("memory.max", cgroup_read("memory.current") + ROOM);
	r->err = register_until_error(r);
	r->closed = fuse_backing_close(r->srv->fd, r->registered / 2);
	while (!__atomic_load_n(&r->released, __ATOMIC_SEQ_CST))
		usleep(WAIT_STEP_US);
	r->again = fuse_backing_open(r->srv->fd, r->file);
	_exit(0);
}

FIXTURE(memory) {
	struct env env;
	struct registrant *r;
	int file;
};

FIXTURE_SETUP(memory)
{
	if (!cgroup_start(_metadata))
		return;
	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	ASSERT_EQ(0, set_nofile(TOO_MANY));
	self->file = open(scratch_path("a"), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->file);
	self->r = mmap(NULL, sizeof(*self->r), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->r);
	self->r->srv = &self->env.srv;
	self->r->file = self->file;
}

FIXTURE_TEARDOWN(memory)
{
	close(self->file);
	env_teardown(&self->env);
	EXPECT_TRUE(wait_until(!cgroup_remove()));
}

static pid_t fork_registrant(struct registrant *r)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		be_registrant(r);
	return pid;
}

/* Who can't be killed gets an error, and keeps what it has */
TEST_F_TIMEOUT(memory, enomem, 300)
{
	struct fuse_server *srv = &self->env.srv;
	struct registrant *r = self->r;
	struct dev_fdinfo info;
	int status;
	pid_t pid;

	r->unkillable = true;
	pid = fork_registrant(r);
	ASSERT_TRUE(wait_until(r->err));
	EXPECT_EQ(-ENOMEM, r->err);
	EXPECT_LT(ROOM / 1024, r->registered);
	TH_LOG("%d mappings in %d KiB", r->registered, ROOM / 1024);
	EXPECT_TRUE(wait_until(!dev_fdinfo_read(srv->fd, &info) &&
			       (int)info.count == r->registered - 1));
	EXPECT_EQ(0, opens(srv, r->registered));
	EXPECT_EQ(-ENOENT, opens(srv, r->registered / 2));

	ASSERT_EQ(0, cgroup_write("memory.max", -1));
	__atomic_store_n(&r->released, true, __ATOMIC_SEQ_CST);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, cgroup_event("oom_kill"));
	EXPECT_EQ(0, r->closed);
	EXPECT_LT(0, r->again);
	EXPECT_EQ(0, opens(srv, r->again));
	ASSERT_EQ(0, dev_fdinfo_read(srv->fd, &info));
	EXPECT_EQ(r->registered, info.count);

	/* What was charged comes back with the end of the mount */
	close(self->file);
	EXPECT_LT(ROOM / 2, cgroup_read("memory.current"));
	ASSERT_EQ(0, fuse_server_umount(srv));
	EXPECT_TRUE(wait_until(cgroup_read("memory.current") < ROOM / 4));
	EXPECT_EQ(0, scratch_umount_backing());
}

/* Who can be killed is: the mount, and what it has, is others' business */
TEST_F_TIMEOUT(memory, killed, 300)
{
	struct fuse_server *srv = &self->env.srv;
	struct registrant *r = self->r;
	struct dev_fdinfo info;
	int status;
	pid_t pid;

	pid = fork_registrant(r);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
	EXPECT_EQ(1, cgroup_event("oom_kill"));
	ASSERT_EQ(0, dev_fdinfo_read(srv->fd, &info));
	EXPECT_LE(r->registered, (int)info.count);

	EXPECT_EQ(0, opens(srv, r->registered));
	EXPECT_LT(0, fuse_backing_open(srv->fd, self->file));
	close(self->file);
	ASSERT_EQ(0, fuse_server_umount(srv));
	EXPECT_TRUE(wait_until(cgroup_read("memory.current") < ROOM / 4));
	EXPECT_EQ(0, scratch_umount_backing());
}

TEST_HARNESS_MAIN
