// SPDX-License-Identifier: GPL-2.0
/*
 * An id that belongs to one open needs no bookkeeping and leaks nothing.
 *
 * Proves: an id registered with FUSE_BACKING_MAP_AUTO_CLOSE is consumed by the
 * first OPEN, CREATE or TMPFILE reply that names it, and its mapping goes with
 * that FUSE file; at once where the open fails in the kernel after the reply;
 * with BACKING_CLOSE, the server or the mount if no reply names it. A second
 * reply that names it is refused with ENOENT, whichever of several comes
 * first. Ids of one inode may be as many as it has opens.
 *
 * Each test ends with an empty table.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <linux/fs.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "env.h"
#include "reject_trace.h"
#include "wait_until.h"

#define MAP_SIZE	4096
#define CONNECTIONS	"/sys/fs/fuse/connections"

FIXTURE(per_open) {
	struct env env;
	struct fuse_server *srv;
};

FIXTURE_SETUP(per_open)
{
	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->srv = &self->env.srv;
}

FIXTURE_TEARDOWN(per_open)
{
	env_teardown(&self->env);
}

static int once(struct env *env, const char *name, int flags)
{
	return fuse_backing_open_once(env->srv.fd, scratch_path(name), flags);
}

/* Wait a bit: whoever opens learns of the reply after the server sent it. */
static bool empties(const struct fuse_server *srv)
{
	return wait_until(!env_count(srv));
}

/* Does the id's line in backing_files have this mode and state? */
static bool is_shown_as(const struct fuse_server *srv, int id,
			const char *mode, const char *state)
{
	char path[64], line[512], words[2][16];
	bool found = false;
	FILE *file;
	int n;

	/* it may be mounted already */
	mount("fusectl", CONNECTIONS, "fusectl", 0, NULL);
	snprintf(path, sizeof(path), CONNECTIONS "/%u/backing_files",
		 minor(srv->dev));
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%d %15s %*s %15s", &n, words[0],
			   words[1]) == 3 && n == id)
			found = !strcmp(words[0], mode) &&
				!strcmp(words[1], state);
	if (file)
		fclose(file);
	return found;
}

TEST_F(per_open, goes_with_its_file)
{
	int id, fd;

	id = once(&self->env, "a", O_RDWR);
	ASSERT_LT(0, id);
	EXPECT_EQ(1, env_count(self->srv));
	EXPECT_TRUE(is_shown_as(self->srv, id, "open", "pending"));

	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(table_has(thread_find(self->srv->dev), id));
	EXPECT_TRUE(is_shown_as(self->srv, id, "open", "live"));
	EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
	EXPECT_EQ(0, scratch_compare("a", "x", 1, 0));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));

	close(fd);
	EXPECT_EQ(0, env_count(self->srv));
}

TEST_F(per_open, closed_id_is_closed)
{
	int id = once(&self->env, "a", O_RDWR);
	int fd;

	ASSERT_LT(0, id);
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-ENOENT, fuse_backing_close(self->srv->fd, id));
	EXPECT_EQ(1, env_count(self->srv));
	close(fd);
	EXPECT_EQ(-ENOENT, fuse_backing_close(self->srv->fd, id));
	EXPECT_EQ(0, env_count(self->srv));
}

TEST_F(per_open, second_reply_is_refused)
{
	static struct reject_trace trace;
	int id = once(&self->env, "a", O_RDWR);
	int fd;

	ASSERT_LT(0, id);
	ASSERT_EQ(0, reject_trace_start(&trace));
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	EXPECT_FALSE(reject_trace_has_any(&trace));
	EXPECT_EQ(-ENOENT, fuse_server_open(self->srv, "a", O_RDWR));
	EXPECT_TRUE(reject_trace_has(&trace, self->srv->dev, id, -ENOENT,
				     "unknown-id"));
	EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
	close(fd);
	EXPECT_EQ(-ENOENT, fuse_server_open(self->srv, "a", O_RDWR));
	EXPECT_EQ(0, env_count(self->srv));
	reject_trace_stop(&trace);
}

/* The control: an id without the flag may be named as often as one likes. */
TEST_F(per_open, others_may_be_named_again)
{
	int id = env_register(&self->env, "a", O_RDWR);
	int first, second;

	ASSERT_LT(0, id);
	first = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, first);
	second = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, second);
	close(first);
	close(second);
	EXPECT_EQ(1, env_count(self->srv));
	EXPECT_EQ(0, fuse_backing_close(self->srv->fd, id));
	EXPECT_EQ(0, env_count(self->srv));
}

TEST_F(per_open, several_opens_of_one_inode)
{
	int fd[5];

	self->srv->sh->file[0].per_open = true;
	for (int i = 0; i < 5; i++) {
		fd[i] = fuse_server_open(self->srv, "a", O_RDWR);
		ASSERT_LE(0, fd[i]);
		EXPECT_EQ(i + 1, env_count(self->srv));
	}
	for (int i = 0; i < 5; i++) {
		EXPECT_EQ(1, pwrite(fd[i], &"12345"[i], 1, i));
		close(fd[i]);
		EXPECT_EQ(4 - i, env_count(self->srv));
	}
	EXPECT_EQ(0, scratch_compare("a", "12345", 5, 0));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
}

/* Both modes of mapping may be mixed, the backing inode may not. */
TEST_F(per_open, beside_an_id_that_stays)
{
	int plain = env_register(&self->env, "a", O_RDWR);
	int first, second;

	ASSERT_LT(0, plain);
	first = fuse_server_open_id(self->srv, "a", O_RDWR, plain);
	ASSERT_LE(0, first);
	second = fuse_server_open_id(self->srv, "a", O_RDWR,
				     once(&self->env, "a", O_RDWR));
	ASSERT_LE(0, second);
	EXPECT_EQ(2, env_count(self->srv));
	EXPECT_EQ(-EBUSY, fuse_server_open_id(self->srv, "a", O_RDWR,
					      once(&self->env, "b", O_RDWR)));
	EXPECT_EQ(2, env_count(self->srv));
	close(second);
	EXPECT_EQ(1, env_count(self->srv));
	close(first);
	EXPECT_EQ(0, fuse_backing_close(self->srv->fd, plain));
	EXPECT_EQ(0, env_count(self->srv));
}

TEST_F(per_open, mmapped_stays_until_munmap)
{
	int id = once(&self->env, "a", O_RDWR);
	char *map;
	int fd;

	ASSERT_LT(0, id);
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	map = mmap(NULL, MAP_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	close(fd);
	EXPECT_EQ(1, env_count(self->srv));
	map[0] = 'y';
	munmap(map, MAP_SIZE);
	EXPECT_EQ(0, scratch_compare("a", "y", 1, 0));
	EXPECT_TRUE(wait_until(!env_count(self->srv)));
	EXPECT_EQ(0, fuse_server_umount(self->srv));
	EXPECT_EQ(0, scratch_umount_backing());
}

/* Opens that fail after the reply: the mapping goes at once. */

TEST_F(per_open, failed_no_permission)
{
	int id = once(&self->env, "a", O_RDWR);

	ASSERT_LT(0, id);
	ASSERT_EQ(0, scratch_flags("a", FS_IMMUTABLE_FL));
	EXPECT_EQ(-EPERM, fuse_server_open_id(self->srv, "a", O_RDWR, id));
	EXPECT_EQ(0, env_count(self->srv));
	EXPECT_EQ(0, scratch_flags("a", 0));
}

TEST_F(per_open, failed_flags)
{
	struct fuse_server_file *file = &self->srv->sh->file[0];

	file->per_open = true;
	file->open_flags = FOPEN_KEEP_CACHE;
	EXPECT_EQ(-EINVAL, fuse_server_open(self->srv, "a", O_RDWR));
	EXPECT_EQ(0, env_count(self->srv));
	EXPECT_EQ(1, file->opens);
	EXPECT_EQ(1, file->releases);
}

TEST_F(per_open, failed_cached_open)
{
	struct fuse_server_file *file = &self->srv->sh->file[0];
	int cached;

	cached = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, cached);
	file->per_open = true;
	EXPECT_EQ(-ETXTBSY, fuse_server_open(self->srv, "a", O_RDWR));
	EXPECT_EQ(0, env_count(self->srv));
	close(cached);
}

TEST_F(per_open, create)
{
	struct fuse_server_file *file = fuse_server_add(self->srv, "new");
	int fd;

	ASSERT_NE(NULL, file);
	ASSERT_EQ(0, scratch_file("new", 0, 0));
	ASSERT_EQ(0, unlink(scratch_path("new")));
	file->per_open = true;
	fd = fuse_server_open(self->srv, "new", O_RDWR | O_CREAT);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_CREATE));
	EXPECT_EQ(1, env_count(self->srv));
	EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
	close(fd);
	EXPECT_EQ(0, env_count(self->srv));
}

static const char nameless[] = ".";

TEST_F(per_open, tmpfile)
{
	struct fuse_server_file *file;
	int fd;

	file = fuse_server_add(self->srv, FUSE_SERVER_TMPFILE);
	ASSERT_NE(NULL, file);
	file->per_open = true;
	fd = fuse_server_open(self->srv, nameless, O_RDWR | O_TMPFILE);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_TMPFILE));
	EXPECT_EQ(1, env_count(self->srv));
	close(fd);
	EXPECT_EQ(0, env_count(self->srv));

	file->bad_node = true;
	EXPECT_EQ(-EIO, fuse_server_open(self->srv, nameless,
					 O_RDWR | O_TMPFILE));
	EXPECT_EQ(0, env_count(self->srv));
}

TEST_F(per_open, failed_create_bad_node)
{
	struct fuse_server_file *file = fuse_server_add(self->srv, "new");

	ASSERT_NE(NULL, file);
	file->per_open = true;
	file->bad_node = true;
	EXPECT_EQ(-EIO, fuse_server_open(self->srv, "new", O_RDWR | O_CREAT));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_CREATE));
	EXPECT_EQ(0, env_count(self->srv));
}

TEST_F(per_open, failed_create_finish)
{
	struct fuse_server_file *file = fuse_server_add(self->srv, "new");

	ASSERT_NE(NULL, file);
	file->per_open = true;
	file->open_flags = FOPEN_KEEP_CACHE;
	EXPECT_EQ(-EINVAL, fuse_server_open(self->srv, "new",
					    O_RDWR | O_CREAT));
	EXPECT_EQ(1, fuse_server_ops(self->srv, FUSE_CREATE));
	EXPECT_EQ(0, env_count(self->srv));
}

/* The opener is killed while the server has its request. */
TEST_F(per_open, killed_opener)
{
	struct fuse_server_file *file = &self->srv->sh->file[0];
	int status;
	pid_t pid;

	file->per_open = true;
	file->hold_open = true;
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(fuse_server_open(self->srv, "a", O_RDWR) < 0);
	ASSERT_TRUE(wait_until(self->srv->sh->held_count));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	usleep(10000);
	self->srv->sh->release_held = true;
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_TRUE(wait_until(self->srv->sh->next_fh));
	EXPECT_TRUE(empties(self->srv));
}

/* FS_IOC_GETFLAGS has the server open the file for the kernel. */
TEST_F(per_open, opened_for_an_ioctl)
{
	struct fuse_server_file *file = &self->srv->sh->file[0];
	unsigned int flags;
	int fd;

	file->per_open = true;
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	/* the server has no ioctls; what matters is what it was asked */
	EXPECT_NE(0, ioctl(fd, FS_IOC_GETFLAGS, &flags));
	EXPECT_EQ(2, file->opens);
	EXPECT_EQ(1, env_count(self->srv));
	close(fd);
	EXPECT_EQ(0, env_count(self->srv));
}

/* Opens that ask nobody consume nothing. */
TEST_F(per_open, o_path_consumes_nothing)
{
	int id = once(&self->env, "a", O_RDWR);
	int path, fd;

	ASSERT_LT(0, id);
	path = fuse_server_open_id(self->srv, "a", O_PATH, id);
	ASSERT_LE(0, path);
	EXPECT_EQ(0, self->srv->sh->file[0].opens);
	EXPECT_EQ(1, env_count(self->srv));
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	close(path);
	close(fd);
	EXPECT_EQ(0, env_count(self->srv));
}

/* A reply that fails, or that doesn't ask for passthrough, names no id. */
TEST_F(per_open, other_replies_name_nothing)
{
	struct fuse_server_file *file = &self->srv->sh->file[0];
	int id = once(&self->env, "a", O_RDWR);
	int fd;

	ASSERT_LT(0, id);
	file->backing_id = id;
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	close(fd);
	EXPECT_EQ(1, env_count(self->srv));

	file->open_error = EACCES;
	EXPECT_EQ(-EACCES, fuse_server_open_id(self->srv, "a", O_RDWR, id));
	EXPECT_EQ(1, env_count(self->srv));

	file->open_error = 0;
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	EXPECT_LE(0, fd);
	close(fd);
	EXPECT_EQ(0, env_count(self->srv));
}

/* Ids that no reply ever names. */

TEST_F(per_open, closed_before_use)
{
	int id = once(&self->env, "a", O_RDWR);

	ASSERT_LT(0, id);
	EXPECT_EQ(0, fuse_backing_close(self->srv->fd, id));
	EXPECT_EQ(0, env_count(self->srv));
	EXPECT_EQ(-ENOENT, fuse_server_open_id(self->srv, "a", O_RDWR, id));
}

TEST_F(per_open, server_gone_before_use)
{
	pid_t thread;

	ASSERT_LT(0, once(&self->env, "a", O_RDWR));
	ASSERT_LT(0, once(&self->env, "b", O_RDWR));
	thread = thread_find(self->srv->dev);
	fuse_server_close_dev(self->srv);
	fuse_server_kill(self->srv);
	EXPECT_TRUE(wait_until(table_count(thread) <= 0));
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
}

TEST_F(per_open, server_gone_in_use)
{
	int fd, id = once(&self->env, "a", O_RDWR);
	pid_t thread;

	ASSERT_LT(0, id);
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	thread = thread_find(self->srv->dev);
	ASSERT_LT(0, once(&self->env, "b", O_RDWR));
	fuse_server_close_dev(self->srv);
	fuse_server_kill(self->srv);
	EXPECT_TRUE(wait_until(table_count(thread) == 1));
	EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
	close(fd);
	EXPECT_TRUE(wait_until(!table_count(thread)));
}

TEST_F(per_open, umount_before_use)
{
	ASSERT_LT(0, once(&self->env, "a", O_RDWR));
	EXPECT_EQ(0, fuse_server_umount(self->srv));
	EXPECT_EQ(0, scratch_umount_backing());
}

/* Flags that don't exist are refused as ever. */
TEST_F(per_open, unknown_flags)
{
	struct fuse_backing_map map = {
		.fd = open(scratch_path("a"), O_RDWR | O_CLOEXEC),
	};
	int dev = self->srv->fd;

	for (int bit = 0; bit < 32; bit++) {
		map.flags = 1U << bit;
		if (map.flags & FUSE_BACKING_MAP_KNOWN)
			continue;
		EXPECT_EQ(-1, ioctl(dev, FUSE_DEV_IOC_BACKING_OPEN, &map));
		EXPECT_EQ(EINVAL, errno);
		map.flags |= FUSE_BACKING_MAP_AUTO_CLOSE;
		EXPECT_EQ(-1, ioctl(dev, FUSE_DEV_IOC_BACKING_OPEN, &map));
		EXPECT_EQ(EINVAL, errno);
	}
	close(map.fd);
	EXPECT_EQ(0, thread_find(self->srv->dev));
}

/* Many replies name one id at once: one of them gets it. */

#define RACERS	4
#define ROUNDS	50

struct racer {
	struct fuse_server *srv;
	pthread_t thread;
	int result;
};

static void *race_open(void *arg)
{
	struct racer *racer = arg;

	racer->result = fuse_server_open(racer->srv, "a", O_RDWR);
	return NULL;
}

static int race_once(struct fuse_server *srv, int *won, int *lost)
{
	struct racer racer[RACERS];

	for (int i = 0; i < RACERS; i++) {
		racer[i].srv = srv;
		if (pthread_create(&racer[i].thread, NULL, race_open,
				   &racer[i]))
			return -EAGAIN;
	}
	if (!wait_until(srv->sh->held_count == RACERS))
		return -ETIMEDOUT;
	srv->sh->release_held = true;
	for (int i = 0; i < RACERS; i++) {
		pthread_join(racer[i].thread, NULL);
		if (racer[i].result >= 0) {
			close(racer[i].result);
			++*won;
		} else if (racer[i].result == -ENOENT) {
			++*lost;
		}
	}
	return 0;
}

TEST_F(per_open, one_of_many_gets_it)
{
	struct fuse_server_file *file = &self->srv->sh->file[0];
	int won, lost;

	file->open_flags = FOPEN_PASSTHROUGH;
	file->hold_open = true;
	for (int i = 0; i < ROUNDS; i++) {
		won = 0;
		lost = 0;
		file->backing_id = once(&self->env, "a", O_RDWR);
		ASSERT_LT(0, file->backing_id);
		ASSERT_EQ(0, race_once(self->srv, &won, &lost));
		ASSERT_EQ(1, won) TH_LOG("round %d", i);
		ASSERT_EQ(RACERS - 1, lost) TH_LOG("round %d", i);
		ASSERT_EQ(0, env_count(self->srv));
	}
}

TEST_HARNESS_MAIN
