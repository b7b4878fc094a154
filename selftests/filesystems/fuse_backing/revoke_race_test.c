// SPDX-License-Identifier: GPL-2.0
/*
 * A backing file that is taken away while a file is being closed, or mapped.
 *
 * Proves: who closes a file that was mapped is not one who has it mapped, however long
 * closing takes; and a mapping that is made of extents while they are taken away isn't
 * seen by who takes them, and gets the server's pages, not SIGBUS.
 *
 * A client is held in the middle of close(2), or of mmap(2), and goes on later.
 *
 * Privilege: root, and a kernel that takes the modules in test_modules.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "env.h"
#include "hold_task.h"
#include "wait_until.h"

#define PAGE		4096
#define CLIENT		"task-A"
#define REVOKE		FUSE_BACKING_DETACH_REVOKE
#define THE_IMAGES	'i'
#define THE_SERVERS	's'
#define LOST		1	/* exits; a byte of a file is none of those */
enum { A };

FIXTURE(revoke_race) {
	struct env env;
	int dev;
	int id;
	int fd;		/* "a" */
};

#define self_t FIXTURE_DATA(revoke_race)

/* Backing file "b" has other bytes than what the server has for "a" */
static int fill(const char *name, char c)
{
	static char page[PAGE];
	int fd = open(scratch_path(name), O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	memset(page, c, sizeof(page));
	if (pwrite(fd, page, PAGE, 0) != PAGE)
		err = -EIO;
	close(fd);
	return err;
}

FIXTURE_SETUP(revoke_race)
{
	self->fd = -1;
	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->dev = self->env.srv.fd;
	ASSERT_EQ(0, fill("a", THE_SERVERS));
	ASSERT_EQ(0, fill("b", THE_IMAGES));
	self->id = env_register(&self->env, "b", O_RDWR);
	ASSERT_LT(0, self->id);
}

FIXTURE_TEARDOWN(revoke_race)
{
	hold_task_stop();
	if (self->fd >= 0)
		close(self->fd);
	env_teardown(&self->env);
}

/* The next client is held where it calls @function first */
static int hold(const char *function)
{
	char parameters[128];

	snprintf(parameters, sizeof(parameters),
		 "function=%s comm=" CLIENT " nth=1", function);
	return hold_task_start(parameters);
}

/* Exits with what it has to say */
static pid_t start(int (*work)(self_t *self), self_t *self)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_NAME, CLIENT);
		_exit(work(self));
	}
	return pid;
}

/* -ECHILD if it was killed, by SIGBUS for instance */
static int said(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return WEXITSTATUS(status);
}

static int take_away(self_t *self)
{
	__u64 node = fuse_server_node(&self->env.srv,
				      &self->env.srv.sh->file[0]);

	return fuse_detach_backing(self->dev, node, 0, REVOKE);
}

static pid_t take_away_beside(self_t *self)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(-take_away(self));
	return pid;
}

/* "a" by the id, mapped: nobody else has it open */
static char *map_a(self_t *self)
{
	char *map;

	self->fd = fuse_server_open_id(&self->env.srv, "a", O_RDWR, self->id);
	map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, self->fd, 0);
	return map == MAP_FAILED || *map != THE_IMAGES ? NULL : map;
}

static int unmap_and_close(self_t *self)
{
	char *map = map_a(self);

	return !map || munmap(map, PAGE) < 0 || close(self->fd) < 0 ? LOST : 0;
}

static int close_and_look(self_t *self)
{
	char *map = map_a(self);

	return !map || close(self->fd) < 0 ? LOST : *map;
}

TEST_F(revoke_race, closing)
{
	pid_t client;
	int err = hold("fuse_backing_close_file");

	if (err == -EOPNOTSUPP)
		SKIP(return, "needs a module for this kernel");
	ASSERT_EQ(0, err);
	client = start(unmap_and_close, self);
	ASSERT_TRUE(hold_task_is_held(A));
	/* it has given up the backing file, and not closed it yet */
	EXPECT_EQ(-ENOENT, take_away(self));
	ASSERT_EQ(0, hold_task_go(A));
	EXPECT_EQ(0, said(client));
}

/* The control: what goes on in close(2) is mapped still. */
TEST_F(revoke_race, closing_what_is_mapped)
{
	pid_t client;
	int err = hold("fuse_backing_close_file");

	if (err == -EOPNOTSUPP)
		SKIP(return, "needs a module for this kernel");
	ASSERT_EQ(0, err);
	client = start(close_and_look, self);
	ASSERT_TRUE(hold_task_is_held(A));
	EXPECT_EQ(-EBUSY, take_away(self));
	ASSERT_EQ(0, hold_task_go(A));
	EXPECT_EQ(THE_IMAGES, said(client));
	EXPECT_EQ(-ENOENT, take_away(self));
}

/* Says whose the first byte is */
static int map_extents(self_t *self)
{
	char *map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, self->fd, 0);

	return map == MAP_FAILED ? LOST : *map;
}

/* "a" is open on extents, and a client held in the middle of mapping it */
static int map_beside(self_t *self, pid_t *client)
{
	int err = env_attach(&self->env, self->id, true);

	if (err)
		return err;
	self->fd = fuse_server_open(&self->env.srv, "a", O_RDWR);
	if (self->fd < 0)
		return self->fd;
	/* a file that is mapped is accessed, before its mapping can be found */
	err = hold("touch_atime");
	if (err)
		return err;
	*client = start(map_extents, self);
	return hold_task_is_held(A) ? 0 : -ECHILD;
}

static bool waits(pid_t pid)
{
	char state[32];

	return !thread_status(pid, "State", state, sizeof(state)) &&
	       state[0] == 'S';
}

TEST_F(revoke_race, mapping)
{
	pid_t client = -1, server;
	int err = map_beside(self, &client);

	if (err == -EOPNOTSUPP)
		SKIP(return, "needs a module for this kernel");
	ASSERT_EQ(0, err);
	server = take_away_beside(self);
	ASSERT_TRUE(wait_until(waits(server)));
	ASSERT_EQ(0, hold_task_go(A));
	EXPECT_EQ(0, said(server));
	EXPECT_EQ(THE_SERVERS, said(client));
}

/* The control: nobody takes them away. */
TEST_F(revoke_race, mapping_only)
{
	pid_t client = -1;
	int err = map_beside(self, &client);

	if (err == -EOPNOTSUPP)
		SKIP(return, "needs a module for this kernel");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, hold_task_go(A));
	EXPECT_EQ(THE_IMAGES, said(client));
	EXPECT_EQ(0, fuse_server_data_ops(&self->env.srv));
}

TEST_HARNESS_MAIN
