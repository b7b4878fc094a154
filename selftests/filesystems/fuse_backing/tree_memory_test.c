// SPDX-License-Identifier: GPL-2.0
/*
 * How much memory names below an attached directory take, and whose.
 *
 * Proves: who looks at more names than the memory of their cgroup has room for is charged
 * for inodes and names that the kernel keeps, and they are reclaimed; nobody is killed, in
 * the cgroup or elsewhere, no name fails, and the server hears of none. FILES= in the
 * environment says how many names there are, and LIMIT= for how many MiB; a tmpfs has an
 * inode for every other page of the guest's.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/membarrier.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "cgroup.h"
#include "tree_env.h"
#include "wait_until.h"

#define BELOW	(FUSE_BACKING_OPS_LOOKUP | FUSE_BACKING_OPS_ATTR |	\
		 FUSE_BACKING_OPS_LIST | FUSE_BACKING_OPS_OPEN)
/* An inode with its node and its name is a KiB and more: three times what there is */
#define FILES	40000
#define LIMIT	16
#define GRACE	500

FIXTURE(tree_memory) {
	struct env env;
};

static int files(void)
{
	return tree_number("FILES", FILES);
}

static int make_files(void)
{
	char name[64];
	int fd;

	for (int i = 0; i < files(); i++) {
		snprintf(name, sizeof(name), SCRATCH_BACKING "/%d", i);
		fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0)
			return -errno;
		close(fd);
	}
	return 0;
}

FIXTURE_SETUP(tree_memory)
{
	if (!cgroup_start(_metadata))
		return;
	ASSERT_EQ(0, cgroup_write("memory.max", tree_number("LIMIT", LIMIT) << 20));
	tree_start(_metadata, &self->env, SCRATCH_TMPFS, make_files, BELOW, FUSE_BACKING_READ);
}

FIXTURE_TEARDOWN(tree_memory)
{
	tree_end(_metadata, &self->env);
	cgroup_write("memory.max", -1);
	wait_until(cgroup_remove() != -EBUSY);
}

static int look_at_all(void)
{
	char name[64];
	struct stat st;

	for (int i = 0; i < files(); i++) {
		snprintf(name, sizeof(name), SCRATCH_FUSE "/%d", i);
		if (stat(name, &st))
			return errno;
		/* what is reclaimed is free after a grace period of RCU: late on a busy machine */
		if (i % GRACE == 0 && syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
			return errno;
	}
	return 0;
}

/* What @fn returns in the cgroup, or -1 if it was killed */
static int in_cgroup(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(cgroup_join() ? 255 : fn());
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* In the whole system, ever */
static long killed(void)
{
	FILE *stat = fopen("/proc/vmstat", "r");
	char line[128];
	long count = -1;

	while (stat && fgets(line, sizeof(line), stat))
		if (sscanf(line, "oom_kill %ld", &count) == 1)
			break;
	if (stat)
		fclose(stat);
	return count;
}

TEST_F_TIMEOUT(tree_memory, reclaimed, 300)
{
	long before = killed();

	ASSERT_LE(0, before);
	EXPECT_EQ(0, in_cgroup(look_at_all));
	EXPECT_EQ(0, cgroup_event("oom_kill"));
	EXPECT_EQ(before, killed());
	/* it was theirs, and there was not enough for all of it */
	EXPECT_LT(0, cgroup_event("max"));
	EXPECT_EQ(0, fuse_server_new_requests(&self->env.srv));
}

TEST_HARNESS_MAIN
