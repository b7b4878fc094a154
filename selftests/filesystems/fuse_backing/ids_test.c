// SPDX-License-Identifier: GPL-2.0
/*
 * A backing id means one file, also to a reply that comes late.
 *
 * Proves: ids start at 1 and never are 0; they are handed out in order by a
 * cursor that does not fall back when one is closed; a closed number isn't
 * handed out again while fewer than 255 others were, unless the limit leaves
 * no choice, and then it is the one closed longest ago; numbers stay small;
 * an OPEN reply with the id of a mapping that was closed meanwhile fails with
 * ENOENT and never opens somebody else's file.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "env.h"
#include "wait_until.h"

#define REUSE_DISTANCE	255	/* others between close and reuse */
#define COMPACT		1024	/* no id is above, with few mappings */

FIXTURE(ids) {
	struct env env;
	int fd;
};

FIXTURE_SETUP(ids)
{
	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->fd = open(scratch_path("a"), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(ids)
{
	close(self->fd);
	env_teardown(&self->env);
}

static int set_own_nofile(unsigned long files)
{
	struct rlimit limit = { files, files };

	return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

/* When each number was handed out and closed, in registrations so far. */
struct history {
	long handed_out;
	int max_id;
	bool live[TABLE_MAX];
	long closed_at[TABLE_MAX];
};

/* NULL, or what is wrong with getting @id now. */
static const char *history_take(struct history *h, int id)
{
	const char *error = NULL;

	if (id <= 0)
		return "refused";
	if (id >= TABLE_MAX)
		return "number far beyond what is in use";
	if (h->live[id])
		error = "number in use";
	else if (h->closed_at[id] &&
		 h->handed_out - (h->closed_at[id] - 1) < REUSE_DISTANCE)
		error = "number closed a short while ago";
	h->live[id] = true;
	h->handed_out++;
	if (id > h->max_id)
		h->max_id = id;
	return error;
}

/* One more than the count, for 0 means never. */
static void history_drop(struct history *h, int id)
{
	h->live[id] = false;
	h->closed_at[id] = h->handed_out + 1;
}

TEST_F(ids, start_at_one_and_rise)
{
	for (int i = 1; i <= 10; i++)
		EXPECT_EQ(i, fuse_backing_open(self->env.srv.fd, self->fd));
}

TEST_F(ids, cursor_does_not_fall_back)
{
	int dev = self->env.srv.fd;

	for (int i = 1; i <= 3; i++)
		ASSERT_EQ(i, fuse_backing_open(dev, self->fd));
	for (int i = 1; i <= 3; i++)
		ASSERT_EQ(0, fuse_backing_close(dev, i));
	EXPECT_EQ(4, fuse_backing_open(dev, self->fd));
	ASSERT_EQ(0, fuse_backing_close(dev, 4));
	EXPECT_EQ(5, fuse_backing_open(dev, self->fd));
}

TEST_F(ids, reuse_takes_255_others)
{
	static struct history history;
	int dev = self->env.srv.fd;
	const char *error;
	int id;

	ASSERT_EQ(0, set_own_nofile(4096));
	for (int i = 0; i < 3000; i++) {
		id = fuse_backing_open(dev, self->fd);
		error = history_take(&history, id);
		ASSERT_EQ(NULL, error)
			TH_LOG("registration %d, id %d: %s", i, id, error);
		ASSERT_EQ(0, fuse_backing_close(dev, id));
		history_drop(&history, id);
	}
	EXPECT_GE(COMPACT, history.max_id);
	/* Enough others can't have been handed out with fewer numbers. */
	EXPECT_LE(REUSE_DISTANCE, history.max_id);
}

TEST_F(ids, live_numbers_are_passed_over)
{
	static struct history history;
	static int live[600];
	int dev = self->env.srv.fd;
	unsigned int x = 1, count = 0;
	const char *error;
	int id;

	ASSERT_EQ(0, set_own_nofile(4096));
	for (int i = 0; i < 4000; i++) {
		x = x * 1664525u + 1013904223u;
		if (count == ARRAY_SIZE(live) || (count && x >> 30 == 0)) {
			unsigned int victim = (x >> 8) % count;

			id = live[victim];
			live[victim] = live[--count];
			ASSERT_EQ(0, fuse_backing_close(dev, id));
			history_drop(&history, id);
			continue;
		}
		id = fuse_backing_open(dev, self->fd);
		error = history_take(&history, id);
		ASSERT_EQ(NULL, error)
			TH_LOG("step %d, id %d: %s", i, id, error);
		live[count++] = id;
	}
	EXPECT_EQ(count, table_count(thread_find(self->env.srv.dev)));
	EXPECT_GE(4 * COMPACT, history.max_id);
}

/* A table that once was large shrinks its range of numbers again. */
TEST_F(ids, numbers_come_down_again)
{
	int dev = self->env.srv.fd;
	int id = 0;

	ASSERT_EQ(0, set_own_nofile(8192));
	for (int i = 1; i <= 2000; i++)
		ASSERT_LT(0, fuse_backing_open(dev, self->fd));
	for (int i = 1; i <= 2000; i++)
		ASSERT_EQ(0, fuse_backing_close(dev, i));
	for (int i = 0; i < 4000; i++) {
		id = fuse_backing_open(dev, self->fd);
		ASSERT_LT(0, id);
		ASSERT_EQ(0, fuse_backing_close(dev, id));
	}
	EXPECT_GE(2 * COMPACT, id);
}

/* The limit leaves only closed numbers: oldest first, whatever their order. */
TEST_F(ids, limit_forces_the_oldest)
{
	static const int order[] = { 9, 3, 14, 1, 7, 15 };
	int dev = self->env.srv.fd;

	ASSERT_EQ(0, set_own_nofile(16));
	for (int i = 1; i <= 15; i++)
		ASSERT_EQ(i, fuse_backing_open(dev, self->fd));
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		ASSERT_EQ(0, fuse_backing_close(dev, order[i]));
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		EXPECT_EQ(order[i], fuse_backing_open(dev, self->fd));
	EXPECT_EQ(-EMFILE, fuse_backing_open(dev, self->fd));
}

/* With room below the limit, unused numbers go before closed ones. */
TEST_F(ids, unused_before_closed)
{
	int dev = self->env.srv.fd;

	ASSERT_EQ(0, set_own_nofile(16));
	for (int i = 1; i <= 5; i++)
		ASSERT_EQ(i, fuse_backing_open(dev, self->fd));
	ASSERT_EQ(0, fuse_backing_close(dev, 4));
	ASSERT_EQ(0, fuse_backing_close(dev, 2));
	for (int i = 6; i <= 15; i++)
		ASSERT_EQ(i, fuse_backing_open(dev, self->fd));
	EXPECT_EQ(4, fuse_backing_open(dev, self->fd));
	EXPECT_EQ(2, fuse_backing_open(dev, self->fd));
	EXPECT_EQ(-EMFILE, fuse_backing_open(dev, self->fd));
}

/* One number left: it is taken again and again. */
TEST_F(ids, limit_forces_the_only_one)
{
	int dev = self->env.srv.fd;

	ASSERT_EQ(0, set_own_nofile(16));
	for (int i = 1; i <= 15; i++)
		ASSERT_EQ(i, fuse_backing_open(dev, self->fd));
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, fuse_backing_close(dev, 8));
		ASSERT_EQ(8, fuse_backing_open(dev, self->fd));
	}
}

/* A lowered limit bounds the numbers too: none is handed out above it. */
TEST_F(ids, lowered_limit_bounds_the_numbers)
{
	int dev = self->env.srv.fd;
	struct rlimit limit = { 32, 65536 };
	pid_t pid;
	int id;

	ASSERT_EQ(0, set_own_nofile(4096));
	for (int i = 1; i <= 200; i++)
		ASSERT_EQ(i, fuse_backing_open(dev, self->fd));
	for (int i = 1; i <= 200; i++)
		ASSERT_EQ(0, fuse_backing_close(dev, i));
	pid = thread_find(self->env.srv.dev);
	ASSERT_NE(0, pid);
	ASSERT_EQ(0, prlimit(pid, RLIMIT_NOFILE, &limit, NULL));
	for (int i = 0; i < 31; i++) {
		id = fuse_backing_open(dev, self->fd);
		EXPECT_LT(0, id);
		EXPECT_GT(32, id);
	}
	EXPECT_EQ(-EMFILE, fuse_backing_open(dev, self->fd));
}

/* A closed id whose file is open keeps its number from everybody else. */
TEST_F(ids, used_number_is_not_handed_out)
{
	struct fuse_server *srv = &self->env.srv;
	int fd;

	ASSERT_EQ(0, set_own_nofile(16));
	for (int i = 1; i <= 15; i++)
		ASSERT_EQ(i, fuse_backing_open(srv->fd, self->fd));
	fd = fuse_server_open_id(srv, "a", O_RDWR, 5);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fuse_backing_close(srv->fd, 5));
	EXPECT_EQ(-EMFILE, fuse_backing_open(srv->fd, self->fd));
	ASSERT_EQ(0, fuse_backing_close(srv->fd, 9));
	EXPECT_EQ(9, fuse_backing_open(srv->fd, self->fd));
	EXPECT_EQ(-EMFILE, fuse_backing_open(srv->fd, self->fd));
	close(fd);
	EXPECT_TRUE(wait_until(fuse_backing_open(srv->fd, self->fd) == 5));
}

/* An open(2) that waits for a held OPEN reply, in a thread of its own. */
struct late_open {
	struct fuse_server *srv;
	const char *name;
	int result;
	pthread_t thread;
};

static void *late_open_thread(void *arg)
{
	struct late_open *late = arg;

	late->result = fuse_server_open(late->srv, late->name, O_RDWR);
	return NULL;
}

static int late_open_start(struct late_open *late, struct fuse_server *srv,
			   struct fuse_server_file *file, int id)
{
	late->srv = srv;
	late->name = file->name;
	late->result = -EINPROGRESS;
	file->backing_id = id;
	file->open_flags = FOPEN_PASSTHROUGH;
	file->hold_open = true;
	if (pthread_create(&late->thread, NULL, late_open_thread, late))
		return -EAGAIN;
	return wait_until(srv->sh->held_count) ? 0 : -ETIMEDOUT;
}

static int late_open_finish(struct late_open *late)
{
	late->srv->sh->release_held = true;
	pthread_join(late->thread, NULL);
	return late->result;
}

TEST_F(ids, late_reply_in_time)
{
	struct fuse_server *srv = &self->env.srv;
	struct late_open late;
	int id;

	id = env_register(&self->env, "a", O_RDWR);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, late_open_start(&late, srv, &srv->sh->file[0], id));
	ASSERT_LE(0, late_open_finish(&late));
	EXPECT_EQ(1, write(late.result, "x", 1));
	EXPECT_EQ(0, scratch_compare("a", "x", 1, 0));
	close(late.result);
}

TEST_F(ids, late_reply_with_closed_id)
{
	struct fuse_server *srv = &self->env.srv;
	struct late_open late;
	int id;

	id = env_register(&self->env, "a", O_RDWR);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, late_open_start(&late, srv, &srv->sh->file[0], id));
	ASSERT_EQ(0, fuse_backing_close(srv->fd, id));
	EXPECT_EQ(-ENOENT, late_open_finish(&late));
}

TEST_F(ids, late_reply_never_opens_another_file)
{
	struct fuse_server *srv = &self->env.srv;
	struct late_open late;
	int id, other;

	ASSERT_EQ(0, set_own_nofile(4096));
	id = env_register(&self->env, "a", O_RDWR);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, late_open_start(&late, srv, &srv->sh->file[0], id));
	ASSERT_EQ(0, fuse_backing_close(srv->fd, id));

	/* As many others as the promise is made for, half of them closed. */
	for (int i = 0; i < REUSE_DISTANCE - 1; i++) {
		other = env_register(&self->env, "b", O_RDWR);
		ASSERT_LT(0, other);
		ASSERT_NE(id, other);
		if (i % 2)
			ASSERT_EQ(0, fuse_backing_close(srv->fd, other));
	}
	EXPECT_EQ(-ENOENT, late_open_finish(&late));
	EXPECT_EQ(0, fuse_server_data_ops(srv));
}

/* The mapping lives on through another file, its id does not. */
TEST_F(ids, late_reply_with_closed_id_in_use)
{
	struct fuse_server *srv = &self->env.srv;
	struct late_open late;
	int id, fd;

	id = env_register(&self->env, "a", O_RDWR);
	ASSERT_LT(0, id);
	fd = fuse_server_open_id(srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, late_open_start(&late, srv, &srv->sh->file[0], id));
	ASSERT_EQ(0, fuse_backing_close(srv->fd, id));
	EXPECT_EQ(-ENOENT, late_open_finish(&late));
	EXPECT_EQ(1, write(fd, "x", 1));
	close(fd);
}

TEST_HARNESS_MAIN
