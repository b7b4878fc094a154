// SPDX-License-Identifier: GPL-2.0
/*
 * Closing a backing file keeps nobody waiting who can't give up.
 *
 * Proves: a server that withholds an answer, while a backing file on its own
 * filesystem is flushed or closed, stops neither what the machine's workers do for all,
 * nor umount(2), close(2) and FUSE_DEV_IOC_BACKING_CLOSE of somebody who is killed,
 * nor the end of a process or of a mount namespace; other mounts, and files of the
 * same mount on other filesystems, are closed meanwhile; what was left behind is
 * bounded, and gone when the answer can't come any more. With a server that
 * answers, all of them wait until the file is closed.
 *
 * The lower server has FUSE_WRITEBACK_CACHE, so closing a file that was written
 * to sends it the file's times and waits for its answer, and no signal ends that.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <linux/fuse.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "cgroup.h"
#include "env.h"
#include "light_mount.h"
#include "tree_env.h"
#include "wait_until.h"

/* More than a workqueue that everybody uses has workers for */
#define MANY_MOUNTS	540
#define SMALL_LIMIT	8
#define MANY_CLOSERS	512
/* bytes of slab for each that the thread is to flush, and for what waits for it */
#define LEFT_BEHIND	128

struct mounts {
	struct env env;		/* the lower filesystem */
	struct fuse_server *lower;
	struct fuse_server upper;
	pid_t writer;		/* keeps a file of the lower one dirty */
};

FIXTURE(closing) {
	struct mounts m;
};

/* False if the setup is to end. */
static bool mounts_start(struct __test_metadata *_metadata, struct mounts *m)
{
	const struct fuse_server_opts lower = {
		.mountpoint = SCRATCH_FUSE2,
		.no_passthrough = true,
		.init_flags = FUSE_WRITEBACK_CACHE,
	};
	const struct fuse_server_opts upper = {
		.mountpoint = SCRATCH_FUSE,
		.backing = SCRATCH_FUSE2,
		.mount_opts = "default_permissions",
	};

	m->lower = &m->env.srv;
	if (geteuid())
		SKIP(return false, "needs root");
	ASSERT_EQ(0, scratch_setup(&m->env.scratch, SCRATCH_TMPFS));
	ASSERT_EQ(0, env_files());
	ASSERT_EQ(0, env_serve(&m->env, m->lower, &lower));
	ASSERT_EQ(0, env_serve(&m->env, &m->upper, &upper));
	if (!m->upper.sh->passthrough)
		SKIP(return false, "needs FUSE passthrough");
	return true;
}

FIXTURE_SETUP(closing)
{
	mounts_start(_metadata, &self->m);
}

/* Ends whatever waits for an answer. */
static int lower_gives_up(struct fuse_server *lower)
{
	return fuse_server_abort(lower);
}

static void mounts_end(struct mounts *m)
{
	if (m->lower->sh)
		lower_gives_up(m->lower);
	if (m->writer > 0) {
		kill(m->writer, SIGKILL);
		waitpid(m->writer, NULL, 0);
	}
	fuse_server_stop(&m->upper);
	env_teardown(&m->env);
}

FIXTURE_TEARDOWN(closing)
{
	mounts_end(&self->m);
}

static int lower_register(struct mounts *m)
{
	return fuse_backing_open_path(m->upper.fd, SCRATCH_FUSE2 "/a",
				      O_RDWR);
}

/* Without descriptors of others: a server ends with the last one of /dev/fuse */
static void write_and_pause(int report)
{
	static char page[4096];
	int fd;
	bool ok;

	close_range(STDERR_FILENO + 1, report - 1, 0);
	close_range(report + 1, ~0U, 0);
	fd = open(SCRATCH_FUSE2 "/a", O_RDWR);
	ok = fd >= 0 && pwrite(fd, page, sizeof(page), 0) ==
			(ssize_t)sizeof(page);
	if (write(report, &ok, sizeof(ok)) == sizeof(ok))
		pause();
	_exit(1);
}

/*
 * From now on, who closes the last of several descriptors of the lower "a" asks
 * its server something, and isn't answered. The writer has one that it doesn't
 * close, and nobody inherits it.
 */
static int lower_withholds(struct mounts *m)
{
	bool ok = false;
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	m->writer = fork();
	if (!m->writer)
		write_and_pause(p[1]);
	close(p[1]);
	if (read(p[0], &ok, sizeof(ok)) != sizeof(ok))
		ok = false;
	close(p[0]);
	m->lower->sh->mute_setattr = true;
	return ok ? 0 : -EIO;
}

/* Does somebody wait for the answer? */
static bool lower_was_asked(struct mounts *m)
{
	return fuse_server_ops(m->lower, FUSE_SETATTR) > 0;
}

/* What @fn returns, 0 or -errno, is a process' exit status. */
static pid_t start(int (*fn)(struct mounts *m, int arg),
		   struct mounts *m, int arg)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(-fn(m, arg));
	return pid;
}

static bool has_ended(pid_t pid, int *status)
{
	return wait_until(waitpid(pid, status, WNOHANG) == pid);
}

/* It waits, can be killed, and is gone then. */
static bool can_be_killed(struct mounts *m, pid_t pid)
{
	int status;

	if (!wait_until(lower_was_asked(m)) ||
	    waitpid(pid, &status, WNOHANG) || kill(pid, SIGKILL) < 0)
		return false;
	return has_ended(pid, &status) && WIFSIGNALED(status);
}

/* How many threads of the process wait in the kernel for what only a kill ends? */
static int waiting(pid_t pid)
{
	char path[64], state[32];
	struct dirent *entry;
	int nr = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (!thread_status(atoi(entry->d_name), "State", state,
				   sizeof(state)) && *state == 'D')
			nr++;
	if (dir)
		closedir(dir);
	return nr;
}

static int do_umount(struct mounts *m, int unused)
{
	(void)unused;
	return fuse_server_umount(&m->upper);
}

static int do_backing_close(struct mounts *m, int id)
{
	return fuse_backing_close(m->upper.fd, id);
}

static int do_open_close(struct mounts *m, int id)
{
	int fd = fuse_server_open_id(&m->upper, "a", O_RDWR, id);

	if (fd < 0)
		return fd;
	return close(fd) < 0 ? -errno : 0;
}

static int do_open_exit(struct mounts *m, int id)
{
	int fd = fuse_server_open_id(&m->upper, "a", O_RDWR, id);

	return fd < 0 ? fd : 0;
}

static int do_open_stop(struct mounts *m, int id)
{
	int fd = fuse_server_open_id(&m->upper, "a", O_RDWR, id);

	return fd < 0 ? fd : raise(SIGSTOP);
}

static int do_open_stop_close(struct mounts *m, int id)
{
	int fd = fuse_server_open_id(&m->upper, "a", O_RDWR, id);

	if (fd < 0 || raise(SIGSTOP))
		return fd < 0 ? fd : -errno;
	return close(fd) < 0 ? -errno : 0;
}

/* It does what @fn does up to where it stops: 0 or what is wrong. */
static int start_to_stop(int (*fn)(struct mounts *m, int arg), struct mounts *m, int arg,
			 pid_t *pid)
{
	int status;

	*pid = start(fn, m, arg);
	if (waitpid(*pid, &status, WUNTRACED) != *pid)
		return -errno;
	return WIFSTOPPED(status) ? 0 : -status;
}

/* It has the file open: 0 or what is wrong. */
static int start_with_file(struct mounts *m, int id, pid_t *pid)
{
	return start_to_stop(do_open_stop, m, id, pid);
}

TEST_F(closing, umount_can_be_killed)
{
	pid_t thread, pid;

	ASSERT_LT(0, lower_register(&self->m));
	thread = thread_find(self->m.upper.dev);
	ASSERT_NE(0, thread);
	ASSERT_EQ(0, lower_withholds(&self->m));
	pid = start(do_umount, &self->m, 0);
	EXPECT_TRUE(can_be_killed(&self->m, pid));

	/* The thread still has something to do, and ends with it. */
	EXPECT_TRUE(thread_exists(thread));
	ASSERT_EQ(0, lower_gives_up(self->m.lower));
	EXPECT_TRUE(wait_until(!thread_exists(thread)));
}

TEST_F(closing, close_can_be_killed)
{
	int id = lower_register(&self->m);
	pid_t thread = thread_find(self->m.upper.dev);

	ASSERT_LT(0, id);
	ASSERT_EQ(0, lower_withholds(&self->m));
	EXPECT_TRUE(can_be_killed(&self->m, start(do_open_close, &self->m, id)));
	EXPECT_TRUE(table_has(thread, id));
	ASSERT_EQ(0, lower_gives_up(self->m.lower));
	EXPECT_TRUE(wait_until(!fuse_server_umount(&self->m.upper)));
	EXPECT_TRUE(wait_until(!thread_exists(thread)));
}

TEST_F(closing, backing_close_can_be_killed)
{
	int id = lower_register(&self->m);
	pid_t thread = thread_find(self->m.upper.dev);

	ASSERT_LT(0, id);
	ASSERT_EQ(0, lower_withholds(&self->m));
	EXPECT_TRUE(can_be_killed(&self->m, start(do_backing_close, &self->m, id)));
	ASSERT_EQ(0, lower_gives_up(self->m.lower));
	EXPECT_EQ(0, fuse_server_umount(&self->m.upper));
	EXPECT_TRUE(wait_until(!thread_exists(thread)));
}

static int do_replace(struct mounts *m, int unused)
{
	const struct fuse_backing_extent hole = {
		.length = FILE_SIZE,
		.flags = FUSE_BACKING_EXTENT_HOLE,
	};
	__u64 node = fuse_server_node(&m->upper, &m->upper.sh->file[0]);

	(void)unused;
	return fuse_backing_set_extents(m->upper.fd, node, &hole, 1,
					FUSE_BACKING_READ | FUSE_BACKING_WRITE);
}

/* The server lets go of a file, and somebody unmounts meanwhile. */
TEST_F(closing, umount_beside_extents_can_be_killed)
{
	pid_t replacing, unmounting, thread;
	struct mounts *m = &self->m;
	int id, status;

	id = lower_register(m);
	ASSERT_LT(0, id);
	thread = thread_find(m->upper.dev);
	ASSERT_EQ(0, env_attach_to(&m->upper, id, true));
	ASSERT_EQ(0, fuse_backing_close(m->upper.fd, id));
	ASSERT_EQ(0, lower_withholds(m));
	replacing = start(do_replace, m, 0);
	ASSERT_TRUE(wait_until(lower_was_asked(m)));
	unmounting = start(do_umount, m, 0);
	EXPECT_TRUE(wait_until(waiting(unmounting)));
	EXPECT_TRUE(can_be_killed(m, unmounting));
	EXPECT_EQ(0, waitpid(replacing, &status, WNOHANG));
	ASSERT_EQ(0, lower_gives_up(m->lower));
	ASSERT_TRUE(has_ended(replacing, &status));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(wait_until(!thread_exists(thread)));
}

static int do_detach(struct mounts *m, int flags)
{
	__u64 node = fuse_server_node(&m->upper, &m->upper.sh->file[0]);

	return fuse_detach_backing(m->upper.fd, node, 0, flags);
}

/*
 * The server takes away what a client has open who is the last to have the mount, extents
 * or a file that is attached whole, and waits for what the thread closes.
 */
static void start_revoking(struct __test_metadata *_metadata, struct mounts *m,
			   bool extents, pid_t *client, pid_t *revoking)
{
	int id = lower_register(m);

	ASSERT_LT(0, id);
	ASSERT_EQ(0, env_attach_to(&m->upper, id, extents));
	ASSERT_EQ(0, start_to_stop(do_open_stop_close, m, 0, client));
	ASSERT_EQ(0, do_detach(m, 0));
	ASSERT_EQ(0, fuse_backing_close(m->upper.fd, id));
	ASSERT_EQ(0, lower_withholds(m));
	ASSERT_EQ(0, umount2(SCRATCH_FUSE, MNT_DETACH));
	*revoking = start(do_detach, m, FUSE_BACKING_DETACH_REVOKE);
	ASSERT_TRUE(wait_until(lower_was_asked(m)));
	kill(*client, SIGCONT);
}

static void end_revoking(struct __test_metadata *_metadata, struct mounts *m,
			 pid_t revoking)
{
	pid_t thread = thread_find(m->upper.dev);
	int status;

	ASSERT_NE(0, thread);
	EXPECT_EQ(0, waitpid(revoking, &status, WNOHANG));
	ASSERT_EQ(0, lower_gives_up(m->lower));
	ASSERT_TRUE(has_ended(revoking, &status));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(wait_until(!thread_exists(thread)));
}

/* The client gives up the mount */
TEST_F(closing, client_beside_revoked_extents_can_be_killed)
{
	pid_t client, revoking;

	start_revoking(_metadata, &self->m, true, &client, &revoking);
	EXPECT_TRUE(wait_until(waiting(client)));
	EXPECT_TRUE(can_be_killed(&self->m, client));
	end_revoking(_metadata, &self->m, revoking);
}

/* What is to be closed was opened for the mount, and has it until then */
TEST_F(closing, client_beside_revoked_file_ends)
{
	pid_t client, revoking;
	int status;

	start_revoking(_metadata, &self->m, false, &client, &revoking);
	ASSERT_TRUE(has_ended(client, &status));
	EXPECT_EQ(0, status);
	end_revoking(_metadata, &self->m, revoking);
}

/* Opened without the server, it is flushed by the kernel */

FIXTURE(flushing) {
	struct mounts m;
	pid_t thread;
	int fd;
};

FIXTURE_VARIANT(flushing) {
	bool extents;
};

FIXTURE_VARIANT_ADD(flushing, backing_file) {
	.extents = false,
};

FIXTURE_VARIANT_ADD(flushing, extents) {
	.extents = true,
};

FIXTURE_SETUP(flushing)
{
	struct mounts *m = &self->m;
	int id;

	if (!mounts_start(_metadata, m))
		return;
	id = lower_register(m);
	ASSERT_LT(0, id);
	self->thread = thread_find(m->upper.dev);
	ASSERT_EQ(0, env_attach_to(&m->upper, id, variant->extents));
	self->fd = fuse_server_open(&m->upper, "a", O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, lower_withholds(m));
}

FIXTURE_TEARDOWN(flushing)
{
	mounts_end(&self->m);
	wait_until(cgroup_remove() != -EBUSY);
}

static int do_close(struct mounts *m, int fd)
{
	(void)m;
	return close(fd) < 0 ? -errno : 0;
}

TEST_F(flushing, can_be_killed)
{
	EXPECT_TRUE(can_be_killed(&self->m, start(do_close, &self->m, self->fd)));
	ASSERT_EQ(0, lower_gives_up(self->m.lower));
	EXPECT_EQ(-1, close(self->fd));
	EXPECT_EQ(ENOTCONN, errno);
	EXPECT_TRUE(wait_until(!fuse_server_umount(&self->m.upper)));
	EXPECT_TRUE(wait_until(!thread_exists(self->thread)));
}

static void *close_one(void *fd)
{
	close((long)fd);
	return NULL;
}

/* Each by a thread of its own, in the cgroup. */
static int do_close_many(struct mounts *m, int fd)
{
	int err = cgroup_join();
	pthread_t thread;

	(void)m;
	for (int i = 0; !err && i < MANY_CLOSERS; i++)
		err = -pthread_create(&thread, NULL, close_one,
				      (void *)(long)dup(fd));
	return err ?: pause();
}

/* All of them wait, and are gone then. */
static bool many_can_be_killed(struct mounts *m, int fd)
{
	pid_t pid = start(do_close_many, m, fd);
	bool all = wait_until(waiting(pid) == MANY_CLOSERS);
	int status;

	kill(pid, SIGKILL);
	return has_ended(pid, &status) && all;
}

static long slab(void)
{
	return cgroup_value("memory.stat", "slab");
}

/* What goes late is gone, and counted, some time */
static bool slab_gets_below(long bytes)
{
	for (int left = WAIT_STEPS; --left;) {
		if (slab() < bytes)
			return true;
		if (!(left % 1000) && cgroup_stir())
			return false;
		usleep(WAIT_STEP_US);
	}
	return false;
}

/* Whoever gave up has left something to do, which counts. */
TEST_F_TIMEOUT(flushing, leftovers_are_limited, 120)
{
	const struct rlimit small = { SMALL_LIMIT, SMALL_LIMIT };
	const struct rlimit large = { 2 * MANY_CLOSERS, 2 * MANY_CLOSERS };
	struct mounts *m = &self->m;
	int id = fuse_backing_open_path(m->upper.fd, SCRATCH_FUSE2 "/b", O_RDWR);
	int fd;

	if (!cgroup_start(_metadata))
		return;
	ASSERT_LT(0, id);
	ASSERT_EQ(0, prlimit(self->thread, RLIMIT_NOFILE, &small, NULL));
	fd = fuse_server_open_id(&m->upper, "b", O_RDWR, id);
	ASSERT_LE(0, fd);
	for (int i = 0; i < 2 * SMALL_LIMIT; i++)
		EXPECT_TRUE(can_be_killed(m, start(do_close, m, self->fd)));
	EXPECT_EQ(-EMFILE, fuse_server_open_id(&m->upper, "b", O_RDWR, id));

	/* those who wait for others to be flushed first leave nothing */
	EXPECT_TRUE(many_can_be_killed(m, self->fd));
	EXPECT_TRUE(slab_gets_below(MANY_CLOSERS * LEFT_BEHIND / 4))
		TH_LOG("%ld bytes", slab());
	/* the control: those who don't have to, with what is freed late gone */
	ASSERT_EQ(0, prlimit(self->thread, RLIMIT_NOFILE, &large, NULL));
	EXPECT_TRUE(many_can_be_killed(m, self->fd));
	EXPECT_TRUE(slab_gets_below(MANY_CLOSERS * LEFT_BEHIND * 4));
	EXPECT_LE(MANY_CLOSERS * LEFT_BEHIND, slab());
}

/* Who waits for others to be flushed is flushed when they are. */
TEST_F(flushing, limit_is_waited_for)
{
	const struct rlimit none = { 0, 0 };
	int status;
	pid_t pid;

	ASSERT_EQ(0, prlimit(self->thread, RLIMIT_NOFILE, &none, NULL));
	EXPECT_TRUE(can_be_killed(&self->m, start(do_close, &self->m, self->fd)));
	pid = start(do_close, &self->m, self->fd);
	EXPECT_TRUE(wait_until(waiting(pid)));
	ASSERT_EQ(0, lower_gives_up(self->m.lower));
	ASSERT_TRUE(has_ended(pid, &status));
	EXPECT_EQ(ENOTCONN, WEXITSTATUS(status));
}

static int attach_tree(struct mounts *m)
{
	int id = tree_register(m->upper.fd, SCRATCH_BACKING);

	return id < 0 ? id :
	       tree_attach(m->upper.fd, FUSE_ROOT_ID, id,
			   FUSE_BACKING_OPS_LOOKUP | FUSE_BACKING_OPS_ATTR, 0);
}

/* The inode of a name below a tree comes and goes. */
static int do_look(struct mounts *m, int times)
{
	int err = 0;

	for (int i = 0; !err && i < times; i++) {
		err = access(SCRATCH_FUSE "/d", F_OK) < 0 ? -errno :
		      fuse_server_drop_name(&m->upper, "d");
	}
	return err;
}

/* With a file to flush, for ever, and the one node to free that there may be. */
static int occupy_thread(struct mounts *m, pid_t thread, int fd)
{
	const struct rlimit none = { 0, 0 };
	int err = attach_tree(m);

	if (err)
		return err;
	if (prlimit(thread, RLIMIT_NOFILE, &none, NULL) < 0)
		return -errno;
	return can_be_killed(m, start(do_close, m, fd)) ? do_look(m, 1) : -ETIME;
}

/*
 * What @fn makes goes, and is the thread's to free: nobody makes more than that of it
 * while the thread waits, and all go on when it does.
 */
static void make_with_limit(struct __test_metadata *_metadata, struct mounts *m,
			    pid_t thread, int fd, int (*fn)(struct mounts *m, int times))
{
	const struct rlimit small = { SMALL_LIMIT, SMALL_LIMIT };
	int status;
	pid_t pid;

	ASSERT_EQ(0, prlimit(thread, RLIMIT_NOFILE, &small, NULL));
	/* the control: a thread that has nothing else to do */
	pid = start(fn, m, 4 * SMALL_LIMIT);
	ASSERT_TRUE(has_ended(pid, &status));
	EXPECT_EQ(0, status);

	EXPECT_TRUE(can_be_killed(m, start(do_close, m, fd)));
	pid = start(fn, m, 4 * SMALL_LIMIT);
	EXPECT_TRUE(wait_until(waiting(pid)));
	usleep(100000);
	EXPECT_EQ(1, waiting(pid));
	kill(pid, SIGKILL);
	EXPECT_TRUE(has_ended(pid, &status));
	EXPECT_TRUE(WIFSIGNALED(status));
	/* and as soon as that goes on, so does who makes more */
	pid = start(fn, m, 4 * SMALL_LIMIT);
	EXPECT_TRUE(wait_until(waiting(pid)));
	ASSERT_EQ(0, lower_gives_up(m->lower));
	ASSERT_TRUE(has_ended(pid, &status));
	EXPECT_EQ(0, status);
}

TEST_F(flushing, nodes_that_went_are_limited)
{
	ASSERT_EQ(0, attach_tree(&self->m));
	make_with_limit(_metadata, &self->m, self->thread, self->fd, do_look);
}

/* The server has a directory, and hasn't it. */
static int do_attach_trees(struct mounts *m, int times)
{
	int id = tree_register(m->upper.fd, SCRATCH_BACKING);
	int err = id < 0 ? id : 0;

	for (int i = 0; !err && i < times; i++)
		err = tree_attach(m->upper.fd, FUSE_ROOT_ID, id,
				  FUSE_BACKING_OPS_LOOKUP | FUSE_BACKING_OPS_ATTR, 0) ?:
		      fuse_detach_backing(m->upper.fd, FUSE_ROOT_ID, 0, 0);
	return err ?: fuse_backing_close(m->upper.fd, id);
}

TEST_F(flushing, trees_that_went_are_limited)
{
	make_with_limit(_metadata, &self->m, self->thread, self->fd, do_attach_trees);
}

static int do_look_once(struct mounts *m, int name)
{
	char path[] = SCRATCH_FUSE "/?";

	(void)m;
	path[sizeof(path) - 2] = name;
	return access(path, F_OK) < 0 ? -errno : 0;
}

/* All who wait go on, be they more than what they wait for */
TEST_F(flushing, all_who_look_go_on)
{
	struct mounts *m = &self->m;
	pid_t pid[3];
	int status;

	ASSERT_EQ(0, occupy_thread(m, self->thread, self->fd));
	for (int i = 0; i < 3; i++) {
		pid[i] = start(do_look_once, m, 'b' + i);
		EXPECT_TRUE(wait_until(waiting(pid[i])));
	}
	ASSERT_EQ(0, lower_gives_up(m->lower));
	for (int i = 0; i < 3; i++) {
		ASSERT_TRUE(has_ended(pid[i], &status));
		EXPECT_EQ(0, status);
	}
}

/* The name is the server's by the time that who waited with it is killed. */
TEST_F(flushing, who_looks_is_killed_without_the_tree)
{
	struct mounts *m = &self->m;
	int status;
	pid_t pid;

	ASSERT_EQ(0, occupy_thread(m, self->thread, self->fd));
	pid = start(do_look_once, m, 'b');
	EXPECT_TRUE(wait_until(waiting(pid)));
	ASSERT_EQ(0, fuse_detach_backing(m->upper.fd, FUSE_ROOT_ID, 0, 0));
	kill(pid, SIGKILL);
	ASSERT_TRUE(has_ended(pid, &status));
	EXPECT_TRUE(WIFSIGNALED(status));
	/* the directory isn't locked any more */
	EXPECT_EQ(0, do_look_once(m, 'c'));
	ASSERT_EQ(0, lower_gives_up(m->lower));
	close(self->fd);
	EXPECT_EQ(0, do_umount(m, 0));
	EXPECT_TRUE(wait_until(!thread_exists(self->thread)));
}

/* Who waits for fewer of them goes on when there may be more, too. */
TEST_F(flushing, limit_is_raised)
{
	const struct rlimit more = { SMALL_LIMIT, SMALL_LIMIT };
	struct mounts *m = &self->m;
	int status;
	pid_t pid;

	ASSERT_EQ(0, occupy_thread(m, self->thread, self->fd));
	pid = start(do_look_once, m, 'b');
	EXPECT_TRUE(wait_until(waiting(pid)));
	ASSERT_EQ(0, prlimit(self->thread, RLIMIT_NOFILE, &more, NULL));
	ASSERT_TRUE(has_ended(pid, &status));
	EXPECT_EQ(0, status);
}

/* A server that answers is waited for, and what it says is what close(2) says. */
TEST_F(flushing, answers_are_waited_for)
{
	__u32 before = fuse_server_ops(self->m.lower, FUSE_FLUSH);

	self->m.lower->sh->mute_setattr = false;
	self->m.lower->sh->flush_error = ENOSPC;
	EXPECT_EQ(-1, close(self->fd));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(before + 1, fuse_server_ops(self->m.lower, FUSE_FLUSH));
	self->m.lower->sh->flush_error = 0;
}

/* Also where the thread may have nothing open: one at a time. */
TEST_F(flushing, without_any_room)
{
	const struct rlimit none = { 0, 0 };
	__u32 before = fuse_server_ops(self->m.lower, FUSE_FLUSH);

	self->m.lower->sh->mute_setattr = false;
	ASSERT_EQ(0, prlimit(self->thread, RLIMIT_NOFILE, &none, NULL));
	EXPECT_EQ(0, close(dup(self->fd)));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(before + 2, fuse_server_ops(self->m.lower, FUSE_FLUSH));
}

static long kernel_memory(void)
{
	return cgroup_value("memory.stat", "kernel");
}

/* In the cgroup, from where it stops: what is written is more than pages of the file. */
static int do_stop_write(struct mounts *m, int fd)
{
	static char text[FILE_SIZE - 4096];
	int err = cgroup_join();

	(void)m;
	memset(text, 1, sizeof(text));
	if (err || raise(SIGSTOP))
		return err ?: -errno;
	return pwrite(fd, text, sizeof(text), 1000) < 0 ? -errno : 0;
}

/* What is copied to be written to an extent is the writer's, as long as that takes. */
TEST_F(closing, copies_are_charged)
{
	struct mounts *m = &self->m;
	int id, fd, status;
	long before;
	pid_t pid;

	if (!cgroup_start(_metadata))
		return;
	id = lower_register(m);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, env_attach_to(&m->upper, id, true));
	fd = fuse_server_open(&m->upper, "a", O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, start_to_stop(do_stop_write, m, fd, &pid));
	before = kernel_memory();
	/* it has to be read where the first page is written in part */
	ASSERT_EQ(0, fuse_server_pause(m->lower));
	kill(pid, SIGCONT);
	ASSERT_TRUE(wait_until(fuse_server_waiting(m->lower)));
	EXPECT_TRUE(wait_until(kernel_memory() - before >= FILE_SIZE - 4096))
		TH_LOG("%ld bytes", kernel_memory() - before);
	ASSERT_EQ(0, fuse_server_resume(m->lower));
	ASSERT_TRUE(has_ended(pid, &status));
	EXPECT_EQ(0, status);
	close(fd);
	EXPECT_TRUE(wait_until(cgroup_remove() != -EBUSY));
}

/* It has the file open when it is killed: nothing can end it twice. */
TEST_F(closing, killed_client_ends)
{
	int id = lower_register(&self->m), status;
	pid_t pid;

	ASSERT_LT(0, id);
	ASSERT_EQ(0, start_with_file(&self->m, id, &pid));
	ASSERT_EQ(0, lower_withholds(&self->m));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_TRUE(has_ended(pid, &status));
}

/* And so does one that ends by itself, when it has waited for a while. */
TEST_F(closing, client_exits)
{
	int id = lower_register(&self->m), status;
	pid_t pid;

	ASSERT_LT(0, id);
	ASSERT_EQ(0, lower_withholds(&self->m));
	pid = start(do_open_exit, &self->m, id);
	EXPECT_TRUE(wait_until(lower_was_asked(&self->m)));
	ASSERT_TRUE(has_ended(pid, &status));
	EXPECT_EQ(0, status);
}

/* A mount that is gone with its namespace, and that with its last process. */
static int mount_for_itself(struct mounts *m, int unused)
{
	int dev;

	(void)m;
	(void)unused;
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	dev = light_mount(SCRATCH_OTHER, 0);
	if (dev < 0)
		return dev;
	if (fuse_backing_open_path(dev, SCRATCH_FUSE2 "/a", O_RDWR) != 1)
		return -EPROTO;
	return raise(SIGSTOP) ? -EINTR : 0;
}

TEST_F(closing, namespace_ends)
{
	int status;
	pid_t pid;

	mkdir(SCRATCH_OTHER, 0755);
	pid = start(mount_for_itself, &self->m, 0);
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status)) TH_LOG("status %x", status);
	ASSERT_EQ(0, lower_withholds(&self->m));
	ASSERT_EQ(0, kill(pid, SIGCONT));
	ASSERT_TRUE(has_ended(pid, &status));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(wait_until(lower_was_asked(&self->m)));
	ASSERT_EQ(0, lower_gives_up(self->m.lower));
	EXPECT_TRUE(wait_until(!thread_count()));
}

/* The thread closes nothing but what may have to wait. */
TEST_F(closing, others_of_the_mount_go)
{
	int id = lower_register(&self->m), fd;
	int other = fuse_backing_open_path(self->m.upper.fd, scratch_path("b"),
					   O_RDWR);
	pid_t thread = thread_find(self->m.upper.dev);

	ASSERT_LT(0, id);
	ASSERT_LT(0, other);
	ASSERT_EQ(0, lower_withholds(&self->m));
	EXPECT_TRUE(can_be_killed(&self->m, start(do_backing_close, &self->m, id)));

	fd = fuse_server_open_id(&self->m.upper, "b", O_RDWR, other);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fuse_backing_close(self->m.upper.fd, other));
	EXPECT_TRUE(table_has(thread, other));
	EXPECT_EQ(0, close(fd));
	EXPECT_TRUE(wait_until(!table_has(thread, other)));
}

/* Each mount has a thread of its own. */
TEST_F(closing, other_mounts_go)
{
	int id = lower_register(&self->m), dev;

	mkdir(SCRATCH_OTHER, 0755);
	ASSERT_LT(0, id);
	dev = light_mount(SCRATCH_OTHER, 0);
	ASSERT_LE(0, dev);
	ASSERT_EQ(1, fuse_backing_open_path(dev, scratch_path("b"), O_RDWR));
	ASSERT_EQ(0, lower_withholds(&self->m));
	EXPECT_TRUE(can_be_killed(&self->m, start(do_umount, &self->m, 0)));
	EXPECT_EQ(1, thread_count() - 1);

	close(dev);
	EXPECT_EQ(0, umount2(SCRATCH_OTHER, 0));
	EXPECT_TRUE(wait_until(thread_count() == 1));
}

/* What nobody waits for any more is no way around limits. */
TEST_F(closing, leftovers_are_limited)
{
	const struct rlimit small = { SMALL_LIMIT, SMALL_LIMIT };
	int id = lower_register(&self->m), status, fd;
	pid_t thread = thread_find(self->m.upper.dev), pid;

	ASSERT_LT(0, id);
	ASSERT_EQ(0, prlimit(thread, RLIMIT_NOFILE, &small, NULL));
	ASSERT_EQ(0, lower_withholds(&self->m));
	for (int i = 0; i < SMALL_LIMIT; i++) {
		ASSERT_EQ(0, start_with_file(&self->m, id, &pid));
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_TRUE(has_ended(pid, &status));
	}
	EXPECT_TRUE(wait_until(lower_was_asked(&self->m)));
	fd = fuse_server_open_id(&self->m.upper, "a", O_RDWR, id);
	EXPECT_EQ(-EMFILE, fd);
}

/* Who can't be stopped gets all that others are refused. */
TEST_F(closing, answers_are_waited_for)
{
	int id = lower_register(&self->m), status;
	pid_t thread = thread_find(self->m.upper.dev);

	ASSERT_LT(0, id);
	ASSERT_EQ(0, lower_withholds(&self->m));
	self->m.lower->sh->mute_setattr = false;
	ASSERT_TRUE(has_ended(start(do_open_close, &self->m, id), &status));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(lower_was_asked(&self->m));
	EXPECT_EQ(0, fuse_backing_close(self->m.upper.fd, id));
	EXPECT_EQ(0, table_count(thread));
	EXPECT_EQ(0, fuse_server_umount(&self->m.upper));
	EXPECT_TRUE(wait_until(!thread_exists(thread)));
	kill(self->m.writer, SIGKILL);
	waitpid(self->m.writer, NULL, 0);
	self->m.writer = 0;
	/* nothing of the upper one pins it */
	EXPECT_EQ(0, fuse_server_umount(self->m.lower));
}

/* The machine's workers carry what is written to a terminal to its other end. */
static bool pty_works(void)
{
	struct pollfd pfd = { .fd = -1, .events = POLLIN };
	int slave = -1;
	bool works = false;

	pfd.fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (pfd.fd >= 0 && !grantpt(pfd.fd) && !unlockpt(pfd.fd))
		slave = open(ptsname(pfd.fd), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave >= 0 && write(slave, "x\n", 2) == 2)
		works = wait_until(poll(&pfd, 1, 0) == 1);
	close(slave);
	close(pfd.fd);
	return works;
}

TEST_F_TIMEOUT(closing, workers_go_on, 240)
{
	static int dev[MANY_MOUNTS];
	const struct rlimit limit = { 2 * MANY_MOUNTS, 2 * MANY_MOUNTS };
	char path[64];

	if (!pty_works())
		SKIP(return, "needs /dev/pts");
	mkdir(SCRATCH_OTHER, 0755);
	ASSERT_EQ(0, mount("t", SCRATCH_OTHER, "tmpfs", 0, NULL));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	for (int i = 0; i < MANY_MOUNTS; i++) {
		snprintf(path, sizeof(path), SCRATCH_OTHER "/%d", i);
		dev[i] = light_mount(path, 0);
		ASSERT_LE(0, dev[i]);
		ASSERT_EQ(1, fuse_backing_open_path(dev[i], SCRATCH_FUSE2 "/a",
						    O_RDWR));
	}
	ASSERT_EQ(0, lower_withholds(&self->m));
	for (int i = 0; i < MANY_MOUNTS; i++)
		close(dev[i]);
	EXPECT_TRUE(wait_until(lower_was_asked(&self->m)));
	EXPECT_TRUE(pty_works());
}

TEST_HARNESS_MAIN
