// SPDX-License-Identifier: GPL-2.0
/*
 * The thread of a mount, where processors come and go.
 *
 * Proves: the thread may run wherever kernel threads may, and nobody can say
 * otherwise; when a processor goes offline and comes back, the kernel has
 * nothing to complain of, and the thread does what it is for.
 *
 * Privilege: root, to take a processor offline.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/klog.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "env.h"
#include "text_file.h"
#include "wait_until.h"

#define ONLINE	"/sys/devices/system/cpu/cpu1/online"
#define KTHREADD	2
/* of syslog(2) */
#define READ_ALL	3

FIXTURE(thread_cpu) {
	struct env env;
	int id;
	pid_t pid;	/* of the thread */
};

FIXTURE_SETUP(thread_cpu)
{
	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->id = env_register(&self->env, "a", O_RDONLY);
	ASSERT_LT(0, self->id);
	self->pid = thread_find(self->env.srv.dev);
	ASSERT_LT(0, self->pid);
}

FIXTURE_TEARDOWN(thread_cpu)
{
	env_teardown(&self->env);
}

/* How often the kernel has complained */
static int warnings(void)
{
	static char log[1 << 20];
	int len = klogctl(READ_ALL, log, sizeof(log) - 1), n = 0;

	if (len < 0)
		return -errno;
	log[len] = '\0';
	for (const char *at = log; (at = strstr(at, "WARNING:")); at++)
		n++;
	return n;
}

TEST_F(thread_cpu, runs_where_kernel_threads_may)
{
	cpu_set_t its, theirs;

	ASSERT_EQ(0, sched_getaffinity(self->pid, sizeof(its), &its));
	ASSERT_EQ(0, sched_getaffinity(KTHREADD, sizeof(theirs), &theirs));
	EXPECT_TRUE(CPU_EQUAL(&its, &theirs));
	/* the control: of kthreadd itself root may say so */
	EXPECT_EQ(0, sched_setaffinity(KTHREADD, sizeof(theirs), &theirs));
	EXPECT_EQ(-1, sched_setaffinity(self->pid, sizeof(its), &its));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(thread_cpu, comes_and_goes)
{
	int before = warnings();

	if (access(ONLINE, W_OK) < 0)
		SKIP(return, "no processor can go offline");
	ASSERT_LE(0, before);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, text_file_write(ONLINE, "0"));
		ASSERT_EQ(0, text_file_write(ONLINE, "1"));
	}
	EXPECT_EQ(before, warnings());
	EXPECT_EQ(0, fuse_backing_close(self->env.srv.fd, self->id));
	EXPECT_TRUE(wait_until(!table_count(self->pid)));
	EXPECT_LT(0, env_register(&self->env, "b", O_RDONLY));
}

TEST_HARNESS_MAIN
