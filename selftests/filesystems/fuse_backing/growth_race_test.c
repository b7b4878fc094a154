// SPDX-License-Identifier: GPL-2.0
/*
 * Two servers' threads that need the same file table to grow.
 *
 * Proves: who waited for another one to make it larger picks a number anew. Both had
 * picked the same, and a file that is put where another one is, is another file by
 * that one's id.
 *
 * The table is filled up to its first size. A registers, and is held while it
 * allocates a larger one; D registers, and waits for A.
 *
 * Privilege: root, and a kernel that takes the modules in test_modules.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "env.h"
#include "hold_task.h"
#include "wait_until.h"

/* what a file table has room for before it grows, less the number 0 */
#define FIRST_SIZE	63
#define POINTS		"function=alloc_fdtable comm=task-A nth=1"
enum { A };

FIXTURE(growth_race) {
	struct env env;
	pid_t pid;	/* of the thread */
};

#define self_t FIXTURE_DATA(growth_race)

FIXTURE_SETUP(growth_race)
{
	int err;

	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	for (int i = 0; i < FIRST_SIZE; i++)
		ASSERT_LT(0, env_register(&self->env, "a", O_RDONLY));
	self->pid = thread_find(self->env.srv.dev);
	err = hold_task_start(POINTS);
	if (err == -EOPNOTSUPP)
		SKIP(return, "needs a module for this kernel");
	ASSERT_EQ(0, err);
}

FIXTURE_TEARDOWN(growth_race)
{
	hold_task_stop();
	env_teardown(&self->env);
}

/* Exits with the id, by a name that the module knows it by */
static pid_t register_as(self_t *self, const char *name, const char *file)
{
	pid_t pid;
	int id;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_NAME, name);
		id = env_register(&self->env, file, O_RDONLY);
		_exit(id < 0 ? 0 : id);
	}
	return pid;
}

static int id_of(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return WEXITSTATUS(status);
}

static bool waits_for_others(pid_t pid)
{
	char state[32];

	return !thread_status(pid, "State", state, sizeof(state)) &&
	       state[0] == 'D';
}

static bool is_file(self_t *self, int id, const char *name)
{
	struct stat st, its;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", self->pid, id);
	return stat(path, &its) == 0 && stat(scratch_path(name), &st) == 0 &&
	       its.st_ino == st.st_ino;
}

TEST_F(growth_race, two_numbers)
{
	pid_t a, d;
	int ids[2];

	a = register_as(self, "task-A", "b");
	ASSERT_TRUE(hold_task_is_held(A));
	d = register_as(self, "task-D", "c");
	/* it sleeps: that table is being made larger by somebody else */
	ASSERT_TRUE(wait_until(waits_for_others(d)));
	ASSERT_EQ(0, hold_task_go(A));
	ids[0] = id_of(a);
	ids[1] = id_of(d);
	EXPECT_LT(0, ids[0]);
	EXPECT_LT(0, ids[1]);
	EXPECT_NE(ids[0], ids[1]);
	EXPECT_TRUE(is_file(self, ids[0], "b"));
	EXPECT_TRUE(is_file(self, ids[1], "c"));
	EXPECT_EQ(FIRST_SIZE + 2, table_count(self->pid));
}

/* The control: one after the other */
TEST_F(growth_race, one_after_the_other)
{
	int id;

	ASSERT_EQ(0, hold_task_go(A));
	id = id_of(register_as(self, "task-A", "b"));
	EXPECT_EQ(FIRST_SIZE + 1, id);
	EXPECT_TRUE(is_file(self, id, "b"));
	EXPECT_EQ(FIRST_SIZE + 2, id_of(register_as(self, "task-D", "c")));
}

TEST_HARNESS_MAIN
