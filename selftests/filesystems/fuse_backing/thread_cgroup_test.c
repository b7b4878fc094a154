// SPDX-License-Identifier: GPL-2.0
/*
 * A mount's kernel thread is paid for by the cgroup of who had it started.
 *
 * Proves: the pids controller counts the thread as it counts a process, and
 * pids.max refuses it with EAGAIN where it refuses fork(2); memory of the thread
 * is charged; both are returned when the thread ends, or never came to be. The
 * thread is no member of the cgroup: while it lives, that is empty, can be
 * removed, killed and frozen, which is all that service managers look at.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/fuse_backing.h>

#include "harness.h"

#include "async_io.h"
#include "backing_ioctl.h"
#include "backing_table.h"
#include "cgroup.h"
#include "creds.h"
#include "env.h"
#include "held_page.h"
#include "light_mount.h"
#include "text_file.h"
#include "wait_until.h"

#define MOUNTS		64
#define OTHER_UID	4321
/* memory for a few threads, but not for all */
#define ROOM		(256 * 1024)
#define STACK_SIZE	16384	/* and less than a thread: CPUs keep charges */
#define PIDS_MAX	10
#define RACERS		4
#define RACES		50
#define KILLS		30
#define CONTROL		"/sys/fs/cgroup/fuse_backing/cgroup.subtree_control"
#define INNER		"/sys/fs/cgroup/fuse_backing/inner"

struct group {
	struct scratch scratch;
	int fd;			/* a backing file, opened once */
	int dev[MOUNTS];
};

FIXTURE(thread_cgroup) {
	struct group m;
};

static const char *mountpoint(int i)
{
	static char path[64];

	snprintf(path, sizeof(path), SCRATCH_OTHER "/%d", i);
	return path;
}

FIXTURE_SETUP(thread_cgroup)
{
	if (!cgroup_start(_metadata))
		return;
	ASSERT_EQ(0, scratch_setup(&self->m.scratch, SCRATCH_TMPFS));
	ASSERT_EQ(0, scratch_file("a", FILE_SIZE, 0));
	mkdir(SCRATCH_OTHER, 0755);
	ASSERT_EQ(0, mount("t", SCRATCH_OTHER, "tmpfs", 0, NULL));
	self->m.fd = open(scratch_path("a"), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->m.fd);
	for (int i = 0; i < MOUNTS; i++) {
		self->m.dev[i] = light_mount(mountpoint(i), OTHER_UID);
		ASSERT_LE(0, self->m.dev[i]);
	}
}

static int umount_all(struct group *m)
{
	int err = 0;

	for (int i = 0; i < MOUNTS; i++) {
		close(m->dev[i]);
		if (umount2(mountpoint(i), 0) < 0)
			err = -errno;
	}
	return err;
}

FIXTURE_TEARDOWN(thread_cgroup)
{
	umount_all(&self->m);
	wait_until(!thread_count());
	cgroup_write("pids.max", -1);
	rmdir(INNER);
	wait_until(cgroup_remove() != -EBUSY);
}

static long counted(void)
{
	return cgroup_read("pids.current");
}

/* @fn in a process that is in the cgroup: its result, 0 to 255. */
static pid_t member_start(int (*fn)(struct group *m),
			  struct group *m)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (cgroup_join())
			_exit(254);
		_exit(fn(m));
	}
	return pid;
}

static int member_end(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int member(int (*fn)(struct group *m),
		  struct group *m)
{
	return member_end(member_start(fn, m));
}

static int register_one(struct group *m)
{
	return fuse_backing_open(m->dev[0], m->fd) != 1;
}

static int register_all(struct group *m)
{
	for (int i = 0; i < MOUNTS; i++)
		if (fuse_backing_open(m->dev[i], m->fd) != 1)
			return 1;
	return 0;
}

/* How many threads there can be; 255 for an error other than EAGAIN */
static int register_until_refused(struct group *m)
{
	int id = 1, i;

	for (i = 0; i < MOUNTS; i++) {
		id = fuse_backing_open(m->dev[i], m->fd);
		if (id < 0)
			break;
	}
	return id == -EAGAIN ? i : 255;
}

/* The same for processes */
static int fork_until_refused(struct group *m)
{
	pid_t pid[MOUNTS];
	int n, err;

	(void)m;
	for (n = 0; n < MOUNTS; n++) {
		pid[n] = fork();
		if (pid[n] < 0)
			break;
		if (!pid[n])
			_exit(pause());
	}
	err = errno;
	for (int i = 0; i < n; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	return err == EAGAIN ? n : 255;
}

/* Of what cgroup is the thread a member? */
static bool is_at_the_top(int dev)
{
	char command[64], out[64];
	struct dev_fdinfo info;

	if (dev_fdinfo_read(dev, &info))
		return false;
	snprintf(command, sizeof(command), "cat /proc/%d/cgroup", info.thread);
	return !command_output(command, out, sizeof(out)) &&
	       !strcmp(out, "0::/\n");
}

TEST_F(thread_cgroup, counted_and_returned)
{
	ASSERT_EQ(0, counted());
	ASSERT_EQ(0, member(register_one, &self->m));
	EXPECT_EQ(1, thread_count());
	EXPECT_EQ(1, counted());
	EXPECT_TRUE(is_at_the_top(self->m.dev[0]));

	/* Each mount's thread, and each once. */
	ASSERT_EQ(1, member(register_all, &self->m));
	EXPECT_EQ(1, counted());
	EXPECT_EQ(0, umount_all(&self->m));
	EXPECT_TRUE(wait_until(!counted()));
}

TEST_F(thread_cgroup, pids_max)
{
	ASSERT_EQ(0, cgroup_write("pids.max", PIDS_MAX));
	/* One is the caller itself. */
	ASSERT_EQ(PIDS_MAX - 1, member(fork_until_refused, &self->m));
	EXPECT_EQ(1, cgroup_value("pids.events", "max"));
	EXPECT_EQ(PIDS_MAX - 1, member(register_until_refused, &self->m));
	EXPECT_EQ(2, cgroup_value("pids.events", "max"));
	EXPECT_EQ(PIDS_MAX - 1, thread_count());
	EXPECT_EQ(PIDS_MAX - 1, counted());

	/* Those that are there leave the less room for others. */
	EXPECT_EQ(0, member(fork_until_refused, &self->m));
	EXPECT_EQ(0, umount2(mountpoint(0), 0));
	EXPECT_TRUE(wait_until(counted() == PIDS_MAX - 2));
	EXPECT_EQ(1, member(fork_until_refused, &self->m));

	/* One that is there takes files as ever. */
	EXPECT_EQ(2, fuse_backing_open(self->m.dev[1], self->m.fd));
	EXPECT_EQ(0, cgroup_write("pids.max", -1));
	EXPECT_EQ(1, fuse_backing_open(self->m.dev[MOUNTS - 1], self->m.fd));
}

TEST_F(thread_cgroup, memory)
{
	long before = cgroup_read("memory.current"), with;

	ASSERT_LE(0, before);
	ASSERT_EQ(0, member(register_all, &self->m));
	with = cgroup_read("memory.current");
	TH_LOG("%ld bytes for each thread and its table",
	       (with - before) / MOUNTS);
	EXPECT_LT(MOUNTS * STACK_SIZE, with - before);
	EXPECT_EQ(0, umount_all(&self->m));
	EXPECT_TRUE(wait_until(cgroup_read("memory.current") <
			       before + MOUNTS * STACK_SIZE));
}

TEST_F(thread_cgroup, removed_while_it_lives)
{
	ASSERT_EQ(0, member(register_one, &self->m));
	EXPECT_EQ(0, cgroup_value("cgroup.events", "populated"));
	EXPECT_EQ(0, cgroup_remove());
	EXPECT_EQ(1, thread_count());
	EXPECT_EQ(2, fuse_backing_open(self->m.dev[0], self->m.fd));

	/* The next one of this name has nothing to do with it. */
	ASSERT_EQ(0, cgroup_make());
	EXPECT_EQ(0, counted());
	ASSERT_EQ(1, member(register_one, &self->m));
	EXPECT_EQ(0, umount_all(&self->m));
	EXPECT_TRUE(wait_until(!thread_count()));
	EXPECT_EQ(0, counted());
}

static int register_in_inner(struct group *m)
{
	if (text_file_write(INNER "/cgroup.procs", "0"))
		return 1;
	return register_one(m);
}

/* Those above have it in their numbers until it ends. */
TEST_F(thread_cgroup, counted_above)
{
	ASSERT_EQ(0, text_file_write(CONTROL, "+memory +pids"));
	ASSERT_EQ(0, mkdir(INNER, 0755));
	fflush(NULL);
	ASSERT_EQ(0, member_end(({
		pid_t pid = fork();

		if (!pid)
			_exit(register_in_inner(&self->m));
		pid;
	})));
	EXPECT_EQ(1, counted());
	EXPECT_EQ(0, rmdir(INNER));
	EXPECT_EQ(1, counted());
	EXPECT_EQ(0, umount_all(&self->m));
	EXPECT_TRUE(wait_until(!counted()));
	EXPECT_EQ(0, text_file_write(CONTROL, "-memory -pids"));
}

static int register_and_stop(struct group *m)
{
	return register_one(m) ?: raise(SIGSTOP) ?: pause();
}

/* A member that has registered, and does nothing more */
static pid_t member_with_thread(struct group *m)
{
	pid_t pid = member_start(register_and_stop, m);
	int status;

	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) ||
	    kill(pid, SIGCONT) < 0)
		return -1;
	return pid;
}

TEST_F(thread_cgroup, killed)
{
	pid_t pid = member_with_thread(&self->m);
	int status;

	ASSERT_LT(0, pid);
	ASSERT_EQ(2, counted());
	ASSERT_EQ(0, cgroup_write("cgroup.kill", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_TRUE(wait_until(!cgroup_value("cgroup.events", "populated")));

	/* The thread is the mount's, and goes with it. */
	EXPECT_EQ(1, thread_count());
	EXPECT_EQ(2, fuse_backing_open(self->m.dev[0], self->m.fd));
	EXPECT_EQ(1, counted());
}

TEST_F(thread_cgroup, frozen)
{
	pid_t pid = member_with_thread(&self->m);

	ASSERT_LT(0, pid);
	ASSERT_EQ(2, counted());
	ASSERT_EQ(0, cgroup_write("cgroup.freeze", 1));
	EXPECT_TRUE(wait_until(cgroup_value("cgroup.events", "frozen") == 1));
	EXPECT_EQ(2, fuse_backing_open(self->m.dev[0], self->m.fd));
	ASSERT_EQ(0, cgroup_write("cgroup.freeze", 0));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	EXPECT_EQ(1, counted());
}

/* A user with no room for another process; the thread is there, and goes again. */
static int refused_by_nproc(struct group *m)
{
	const struct creds who = { .uid = OTHER_UID, .gid = OTHER_UID };
	const struct rlimit one = { 1, 1 };

	if (creds_set(&who) || setrlimit(RLIMIT_NPROC, &one) < 0)
		return 1;
	for (int i = 0; i < MOUNTS; i++)
		if (fuse_backing_open(m->dev[i], m->fd) != -EAGAIN)
			return 2;
	return 0;
}

TEST_F(thread_cgroup, returned_when_refused)
{
	long before = cgroup_read("memory.current");

	EXPECT_EQ(0, member(refused_by_nproc, &self->m));
	EXPECT_TRUE(wait_until(!thread_count()));
	EXPECT_TRUE(wait_until(!counted()));
	EXPECT_TRUE(wait_until(cgroup_read("memory.current") <
			       before + MOUNTS * STACK_SIZE));
}

/* What a thread costs isn't to be had: ENOMEM, or the caller is killed for it. */
static int register_beyond_memory(struct group *m)
{
	if (cgroup_write("memory.max", cgroup_read("memory.current") + ROOM))
		return 2;
	return register_all(m);
}

TEST_F(thread_cgroup, returned_without_memory)
{
	int err = member(register_beyond_memory, &self->m);

	cgroup_write("memory.max", -1);
	EXPECT_TRUE(err == 1 || err == -1) TH_LOG("ended with %d", err);
	EXPECT_GT(MOUNTS, thread_count());
	EXPECT_TRUE(wait_until(counted() == thread_count()));
}

struct racer {
	pthread_t thread;
	pthread_barrier_t *start;
	int dev, fd, id;
};

static void *race(void *arg)
{
	struct racer *r = arg;

	pthread_barrier_wait(r->start);
	r->id = fuse_backing_open(r->dev, r->fd);
	return NULL;
}

/* Several find no thread and start one; all but one of these go again. */
static int race_for_all(struct group *m)
{
	struct racer racer[RACERS];
	pthread_barrier_t start;
	int won = 0;

	pthread_barrier_init(&start, NULL, RACERS);
	for (int i = 0; i < RACES; i++) {
		for (int j = 0; j < RACERS; j++) {
			racer[j] = (struct racer){ .start = &start,
						   .dev = m->dev[i],
						   .fd = m->fd };
			if (pthread_create(&racer[j].thread, NULL, race,
					   &racer[j]))
				return 1;
		}
		for (int j = 0; j < RACERS; j++) {
			pthread_join(racer[j].thread, NULL);
			won += racer[j].id > 0;
		}
	}
	return won < RACES ? 2 : 0;
}

TEST_F(thread_cgroup, returned_after_races)
{
	EXPECT_EQ(0, member(race_for_all, &self->m));
	EXPECT_TRUE(wait_until(thread_count() == RACES));
	EXPECT_TRUE(wait_until(counted() == RACES));
}

static int register_forever(struct group *m)
{
	for (int i = 0;; i = (i + 1) % MOUNTS)
		fuse_backing_open(m->dev[i], m->fd);
	return 0;
}

/* Killed anywhere, also where the thread is being made. */
TEST_F(thread_cgroup, returned_when_killed)
{
	pid_t pid;

	for (int i = 0; i < KILLS; i++) {
		pid = member_start(register_forever, &self->m);
		ASSERT_TRUE(wait_until(thread_count() > i));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (thread_count() == MOUNTS)
			break;
	}
	EXPECT_TRUE(wait_until(counted() == thread_count()));
	EXPECT_EQ(0, umount_all(&self->m));
	EXPECT_TRUE(wait_until(!counted()));
}

/* On a filesystem that completes direct I/O later. */
FIXTURE(completions) {
	struct env env;
};

FIXTURE_SETUP(completions)
{
	if (!env_start(_metadata, &self->env, SCRATCH_EXT4))
		return;
}

FIXTURE_TEARDOWN(completions)
{
	env_teardown(&self->env);
}

/* How many kernel threads there are that rescue a workqueue of this name */
static int rescuers(const char *name)
{
	char command[128], out[64];

	snprintf(command, sizeof(command),
		 "cat /proc/[0-9]*/comm 2>/dev/null | grep -c '^kworker/R-%s'",
		 name);
	return command_output(command, out, sizeof(out)) < 0 ? -1 : atoi(out);
}

/* What ends asynchronous writes is not another thread for each mount. */
TEST_F(completions, no_thread_of_their_own)
{
	int id, fd;
	char *buf;

	ASSERT_EQ(0, env_open(&self->env, &id, &fd, &buf));
	close(fd);
	fd = fuse_server_open_id(&self->env.srv, "a", O_RDWR | O_DIRECT, id);
	ASSERT_LE(0, fd);
	ASSERT_EQ(FILE_SIZE, aio_rw(fd, buf, FILE_SIZE, 0, true));
	EXPECT_EQ(0, rescuers("fuse_backing"));
	EXPECT_LT(0, rescuers(""));
	close(fd);
	free(buf);
}

/* What the server has of "a", at its begin; the rest is the same bytes of "b" */
#define SERVERS		512
#define WRITERS		8

static int attach_extent(struct env *env)
{
	struct fuse_server *srv = &env->srv;
	struct fuse_backing_extent extent = {
		.offset = SERVERS,
		.length = FILE_SIZE - SERVERS,
		.backing_offset = SERVERS,
		.flags = FUSE_BACKING_EXTENT_WRITE,
	};
	struct stat st;
	int id;

	if (stat(SCRATCH_FUSE "/a", &st))
		return -errno;
	id = env_register(env, "b", O_RDWR);
	if (id < 0)
		return id;
	extent.backing_id = id;
	return fuse_backing_set_extents(srv->fd,
					fuse_server_node(srv, &srv->sh->file[0]),
					&extent, 1,
					FUSE_BACKING_READ | FUSE_BACKING_WRITE);
}

/* Waits for the first page, which takes the server */
static pid_t look_in_child(int fd)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		char *page = mmap(NULL, FILE_SIZE, PROT_READ, MAP_PRIVATE, fd, 0);

		_exit(page == MAP_FAILED || page[0] == 1);
	}
	return pid;
}

/* A direct write to that page, which ends behind the caller's back */
static pid_t write_in_child(int fd, char *buf)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(aio_rw(fd, buf, SERVERS, SERVERS, true) != SERVERS);
	return pid;
}

static int busy_workers(void)
{
	char out[64];

	if (command_output("cat /proc/[0-9]*/comm 2>/dev/null | grep -c '+fuse_backing'",
			   out, sizeof(out)) < 0)
		return -1;
	return atoi(out);
}

/*
 * Proves: writes whose ends wait for a page of the mount's server take one kernel thread
 * for all.
 */
TEST_F_TIMEOUT(completions, one_worker_for_a_mount, 120)
{
	struct fuse_server *srv = &self->env.srv;
	pid_t looker, writer[WRITERS];
	int fd, status;
	char *buf;

	buf = aligned_alloc(4096, 4096);
	ASSERT_EQ(0, attach_extent(&self->env));
	fd = fuse_server_open(srv, "a", O_RDWR | O_DIRECT);
	ASSERT_LE(0, fd);
	/* control: with the server at it, all of them end */
	writer[0] = write_in_child(fd, buf);
	EXPECT_EQ(writer[0], waitpid(writer[0], &status, 0));
	EXPECT_EQ(0, status);

	ASSERT_EQ(0, fuse_server_pause(srv));
	looker = look_in_child(fd);
	EXPECT_TRUE(wait_until(sleeps_in(looker, -1)));
	for (int i = 0; i < WRITERS; i++)
		writer[i] = write_in_child(fd, buf);
	/* where the disk was faster than who asked it, that one ends the write itself */
	for (int i = 0; i < WRITERS; i++)
		EXPECT_TRUE(wait_until(sleeps_in(writer[i], SYS_io_getevents) ||
				       sleeps_in(writer[i], SYS_io_submit)));
	EXPECT_GE(1, busy_workers());
	ASSERT_EQ(0, fuse_server_resume(srv));
	for (int i = 0; i < WRITERS; i++) {
		EXPECT_EQ(writer[i], waitpid(writer[i], &status, 0));
		EXPECT_EQ(0, status);
	}
	EXPECT_EQ(looker, waitpid(looker, &status, 0));
	close(fd);
	free(buf);
}

TEST_HARNESS_MAIN
