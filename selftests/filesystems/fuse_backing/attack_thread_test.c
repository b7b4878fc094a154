// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks on the thread that holds the backing files.
 *
 * Proves: whoever lacks CAP_SYS_PTRACE in the initial user namespace gets
 * nothing out of the thread's file table, by /proc, pidfd_getfd(2) or
 * ptrace(2): not the same user, not another one, not root of a user namespace
 * of theirs, nor of the one that the connection belongs to. Signals of its
 * own user don't stop the thread, and it can't be bound to a processor. Root
 * sees what is in there.
 *
 * Privilege: root, to mount for an ordinary user and to become the attackers,
 * who have no capabilities or those in a user namespace of their own.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <linux/kcmp.h>

#include "harness.h"

#include "attack.h"
#include "backing_table.h"
#include "creds.h"

FIXTURE(thread) {
	struct attack attack;
	struct fuse_server *srv;
	pid_t pid;		/* of the thread */
	int id;			/* of "secret", its only file */
	int fd;			/* a FUSE file that is open on it */
};

FIXTURE_VARIANT(thread) {
	struct creds who;
	bool own_userns;	/* the attacker makes a user namespace */
	bool served_in_userns;	/* the attacker is root of the server's */
};

FIXTURE_VARIANT_ADD(thread, same_user) {
	.who = { .uid = OWNER, .gid = OWNER },
};

FIXTURE_VARIANT_ADD(thread, another_user) {
	.who = { .uid = STRANGER, .gid = STRANGER },
};

FIXTURE_VARIANT_ADD(thread, same_user_in_user_namespace) {
	.who = { .uid = OWNER, .gid = OWNER },
	.own_userns = true,
};

FIXTURE_VARIANT_ADD(thread, another_user_in_user_namespace) {
	.who = { .uid = STRANGER, .gid = STRANGER },
	.own_userns = true,
};

FIXTURE_VARIANT_ADD(thread, root_of_the_servers_user_namespace) {
	.who = { .uid = OWNER, .gid = OWNER },
	.served_in_userns = true,
};

FIXTURE_SETUP(thread)
{
	static const struct fuse_server_opts opts;
	int err = attack_prepare(&self->attack, SCRATCH_TMPFS);
	int secret = open(scratch_path("secret"), O_RDONLY | O_CLOEXEC);

	if (!err)
		err = attack_serve(&self->attack, variant->served_in_userns,
				   &opts);
	if (!attack_ready(_metadata, err))
		return;
	self->srv = self->attack.srv;
	self->id = attack_register(&self->attack, secret);
	ASSERT_LT(0, self->id);
	close(secret);
	self->pid = thread_find(self->srv->dev);
	ASSERT_LT(0, self->pid);
	self->fd = fuse_server_open_id(self->srv, "own", O_RDONLY, self->id);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(thread)
{
	close(self->fd);
	attack_teardown(&self->attack);
}

struct attacker {
	int (*attempt)(pid_t pid, int arg);
	pid_t pid;
	int arg;
	bool userns;
};

static int attack_from_inside(void *arg)
{
	const struct attacker *a = arg;
	int err = a->userns ? creds_enter_userns() : 0;

	return err ?: a->attempt(a->pid, a->arg);
}

/* What the attempt comes to, made by whom the variant says. */
#define ATTEMPT(_fn, _arg) ({						\
	struct attacker __a = {						\
		.attempt = (_fn),					\
		.pid = self->pid,					\
		.arg = (_arg),						\
		.userns = variant->own_userns,				\
	};								\
									\
	variant->served_in_userns ? attack_from_inside(&__a) :		\
		creds_call(&variant->who, attack_from_inside, &__a);	\
})

static const char * const dirs[] = { "fd", "fdinfo", "map_files" };

static int list_dir(pid_t pid, int which)
{
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, dirs[which]);
	dir = opendir(path);
	if (!dir)
		return -errno;
	closedir(dir);
	return 0;
}

static int open_fd(pid_t pid, int id)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, id);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int read_fdinfo(pid_t pid, int id)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, id);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int read_link(pid_t pid, int id)
{
	char path[64], target[256];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, id);
	return readlink(path, target, sizeof(target)) < 0 ? -errno : 0;
}

TEST_F(thread, proc)
{
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		EXPECT_EQ(-EACCES, ATTEMPT(list_dir, i))
			TH_LOG("%s", dirs[i]);
	}
	EXPECT_EQ(-EACCES, ATTEMPT(open_fd, self->id));
	EXPECT_EQ(-EACCES, ATTEMPT(read_fdinfo, self->id));
	EXPECT_EQ(-EACCES, ATTEMPT(read_link, self->id));
}

static int get_fd(pid_t pid, int id)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	int fd;

	if (pidfd < 0)
		return -1000 - errno;
	fd = syscall(SYS_pidfd_getfd, pidfd, id, 0);
	return fd < 0 ? -errno : fd;
}

TEST_F(thread, pidfd_getfd)
{
	EXPECT_EQ(-EPERM, ATTEMPT(get_fd, self->id));
}

static int trace(pid_t pid, int request)
{
	if (ptrace(request, pid, NULL, NULL) < 0)
		return -errno;
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return 0;
}

static int compare_files(pid_t pid, int id)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	return syscall(SYS_kcmp, pid, getpid(), KCMP_FILE, id, fd) < 0 ?
		       -errno : 0;
}

static int read_memory(pid_t pid, int unused)
{
	char byte;
	struct iovec to = { &byte, 1 }, from = { &byte, 1 };

	(void)unused;
	return process_vm_readv(pid, &to, 1, &from, 1, 0) < 0 ? -errno : 0;
}

TEST_F(thread, ptrace)
{
	EXPECT_EQ(-EPERM, ATTEMPT(trace, PTRACE_ATTACH));
	EXPECT_EQ(-EPERM, ATTEMPT(trace, PTRACE_SEIZE));
	EXPECT_EQ(-EPERM, ATTEMPT(compare_files, self->id));
	EXPECT_GT(0, ATTEMPT(read_memory, 0));
}

static int send_signal(pid_t pid, int sig)
{
	return kill(pid, sig) < 0 ? -errno : 0;
}

/* The same as a signal that only this thread could take. */
static int send_thread_signal(pid_t pid, int sig)
{
	return syscall(SYS_tgkill, pid, pid, sig) < 0 ? -errno : 0;
}

TEST_F(thread, signals)
{
	static const int sigs[] = { SIGSTOP, SIGTERM, SIGINT, SIGKILL, SIGCONT };
	const bool own = variant->who.uid == OWNER && !variant->own_userns;
	char state[32];

	for (size_t i = 0; i < ARRAY_SIZE(sigs); i++) {
		int err = ATTEMPT(send_signal, sigs[i]);

		ATTEMPT(send_thread_signal, sigs[i]);
		if (own)
			EXPECT_EQ(0, err) TH_LOG("signal %d", sigs[i]);
		if (variant->who.uid != OWNER)
			EXPECT_EQ(-EPERM, err) TH_LOG("signal %d", sigs[i]);
	}
	ASSERT_EQ(self->pid, thread_find(self->srv->dev));
	ASSERT_EQ(0, thread_status(self->pid, "State", state, sizeof(state)));
	EXPECT_EQ('I', state[0]) TH_LOG("state %s", state);

	/* It still does what it is for. */
	EXPECT_EQ(0, attack_reads(self->fd, SEED_SECRET));
	EXPECT_EQ(0, attack_try_open(&self->attack, self->id, O_RDONLY));
	EXPECT_LT(0, attack_register_path(&self->attack, scratch_path("own"),
					  O_RDONLY));
}

static int set_affinity(pid_t pid, int unused)
{
	cpu_set_t cpus;

	(void)unused;
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	return sched_setaffinity(pid, sizeof(cpus), &cpus) < 0 ? -errno : 0;
}

TEST_F(thread, affinity)
{
	EXPECT_EQ(-EINVAL, ATTEMPT(set_affinity, 0));
}

/* All of these are there to be had, by root. */
TEST_F(thread, root_may)
{
	int fd;

	if (variant->served_in_userns)
		SKIP(return, "the test isn't root any more");
	EXPECT_EQ(0, list_dir(self->pid, 0));
	EXPECT_EQ(0, list_dir(self->pid, 1));
	EXPECT_EQ(0, read_link(self->pid, self->id));
	fd = get_fd(self->pid, self->id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, attack_reads(fd, SEED_SECRET));
	close(fd);
}

TEST_HARNESS_MAIN
