// SPDX-License-Identifier: GPL-2.0
/*
 * Reading backing_files while mappings come and go, and when all of them do.
 *
 * Proves: with reads of any size, and at any offset, each mapping that is there
 * all the time is read once, in the order of the ids; a reader gets to the end
 * when the server is lost, or its connection aborted or unmounted, and keeps
 * neither the mount nor the backing filesystem nor the thread; a hundred
 * thousand mappings are all there, and no more than a page of them is in memory.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>

#include "harness.h"

#include "backing_files.h"
#include "backing_ioctl.h"
#include "backing_table.h"
#include "env.h"
#include "wait_until.h"

#define SOME		1000
#define PASSES		6	/* for each size of reads */
#define MOST		100000
#define ROUNDS		20
#define LARGE		(1024 * 1024)
#define ROOM		4

FIXTURE(control_walk) {
	struct env env;
	struct fuse_server *srv;
	struct backing_files files;
	int fd;			/* a backing file, opened once */
};

FIXTURE_SETUP(control_walk)
{
	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->srv = &self->env.srv;
	self->fd = open(scratch_path("a"), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(control_walk)
{
	backing_files_free(&self->files);
	if (self->fd >= 0)
		close(self->fd);
	env_teardown(&self->env);
}

/* Register one file so many times, as ids 1 to @count: 0 or -errno. */
static int register_many(int dev, int fd, int count)
{
	struct rlimit limit = { count + 2 * SOME, count + 2 * SOME };
	int id;

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	for (int i = 1; i <= count; i++) {
		id = fuse_backing_open(dev, fd);
		if (id != i)
			return id < 0 ? id : -EILSEQ;
	}
	return 0;
}

static int open_files(const struct fuse_server *srv)
{
	return fuse_server_control(srv, "backing_files", O_RDONLY);
}

/* How many mappings there are to be read, from the start. */
static int count_from_start(int fd)
{
	struct backing_files files;
	int err;

	if (lseek(fd, 0, SEEK_SET))
		return -errno;
	err = backing_files_read_fd(fd, 4096, &files);
	if (err)
		return err;
	err = files.count;
	backing_files_free(&files);
	return err;
}

TEST_F(control_walk, seek_and_read_again)
{
	char *first, *second;
	ssize_t len;
	int fd;

	ASSERT_EQ(0, register_many(self->srv->fd, self->fd, SOME));
	fd = open_files(self->srv);
	ASSERT_LE(0, fd);
	len = backing_files_text(fd, 4096, &first);
	ASSERT_LT(SOME, len);
	EXPECT_EQ(0, read(fd, first, 1));
	ASSERT_EQ(0, lseek(fd, 0, SEEK_SET));
	ASSERT_EQ(len, backing_files_text(fd, 77, &second));
	EXPECT_EQ(0, memcmp(first, second, len));
	free(first);
	free(second);
	EXPECT_EQ(SOME, count_from_start(fd));
	close(fd);
}

TEST_F(control_walk, read_at_any_offset)
{
	static const off_t odd[] = { 1, 94, 95, 96, 4095, 4096, 4097, 9999 };
	char *text, buf[5000];
	ssize_t len, n;
	off_t pos;
	int fd;

	ASSERT_EQ(0, register_many(self->srv->fd, self->fd, SOME));
	fd = open_files(self->srv);
	ASSERT_LE(0, fd);
	len = backing_files_text(fd, 4096, &text);
	ASSERT_LT(SOME, len);
	for (unsigned int i = 0; i < 40; i++) {
		pos = i < ARRAY_SIZE(odd) ? odd[i] : i * 7919 % len;
		n = pread(fd, buf, 1 + i * 613 % sizeof(buf), pos);
		ASSERT_LT(0, n) TH_LOG("offset %ld", (long)pos);
		EXPECT_EQ(0, memcmp(buf, text + pos, n))
			TH_LOG("offset %ld", (long)pos);
	}
	EXPECT_EQ(0, pread(fd, buf, sizeof(buf), len));
	EXPECT_EQ(0, pread(fd, buf, sizeof(buf), 10 * len));
	EXPECT_EQ(-1, pread(fd, buf, sizeof(buf), -1));
	/* at the end of the text, and nothing is repeated after it */
	EXPECT_EQ(1, pread(fd, buf, sizeof(buf), len - 1));
	EXPECT_EQ('\n', buf[0]);
	free(text);
	close(fd);
}

/* Somebody who closes every second id, and registers others instead. */
struct churn {
	pthread_t thread;
	int dev;
	int fd;
	int id[SOME / 2];
	bool stop;
	int err;
	unsigned long done;
};

static bool stopped(const bool *stop)
{
	return __atomic_load_n(stop, __ATOMIC_ACQUIRE);
}

static void stop(bool *flag)
{
	__atomic_store_n(flag, true, __ATOMIC_RELEASE);
}

static void *churn_ids(void *arg)
{
	struct churn *churn = arg;
	int *id;

	for (unsigned int i = 0; !stopped(&churn->stop) && !churn->err; i++) {
		id = &churn->id[i * 37 % (SOME / 2)];
		churn->err = fuse_backing_close(churn->dev, *id);
		*id = fuse_backing_open(churn->dev, churn->fd);
		if (!churn->err && *id < 0)
			churn->err = *id;
		churn->done++;
	}
	return NULL;
}

static int churn_start(struct churn *churn, int dev, int fd)
{
	*churn = (struct churn) { .dev = dev, .fd = fd };
	for (int i = 0; i < SOME / 2; i++)
		churn->id[i] = 2 * i + 1;
	return -pthread_create(&churn->thread, NULL, churn_ids, churn);
}

/* NULL, or what is wrong with a listing of those that stay and others. */
static const char *wrong_with(const struct backing_files *files)
{
	if (!backing_files_ascend(files))
		return "not in ascending order";
	for (int id = 2; id <= SOME; id += 2)
		if (!backing_files_find(files, id))
			return "a mapping that stays is missing";
	return NULL;
}

TEST_F_TIMEOUT(control_walk, while_mappings_come_and_go, 240)
{
	static const size_t sizes[] = { 64, 100, 333, 1024, 4096, 65536 };
	static struct churn churn;
	const char *wrong;
	int fd;

	ASSERT_EQ(0, register_many(self->srv->fd, self->fd, SOME));
	fd = open_files(self->srv);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, churn_start(&churn, self->srv->fd, self->fd));
	for (size_t i = 0; i < PASSES * ARRAY_SIZE(sizes); i++) {
		EXPECT_EQ(0, lseek(fd, 0, SEEK_SET));
		ASSERT_EQ(0, backing_files_read_fd(fd, sizes[i / PASSES],
						   &self->files));
		wrong = wrong_with(&self->files);
		EXPECT_EQ(NULL, wrong) TH_LOG("reads of %zu bytes: %s",
					      sizes[i / PASSES], wrong);
		backing_files_free(&self->files);
	}
	stop(&churn.stop);
	pthread_join(churn.thread, NULL);
	EXPECT_EQ(0, churn.err);
	EXPECT_LT(0, churn.done);
	TH_LOG("%lu mappings came and went", churn.done);
	EXPECT_EQ(SOME, count_from_start(fd));
	close(fd);
}

TEST_F_TIMEOUT(control_walk, any_offset_while_mappings_come_and_go, 120)
{
	static struct churn churn;
	char buf[5000];
	int fd;

	ASSERT_EQ(0, register_many(self->srv->fd, self->fd, SOME));
	fd = open_files(self->srv);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, churn_start(&churn, self->srv->fd, self->fd));
	for (unsigned int i = 0; i < 200; i++)
		EXPECT_LE(0, pread(fd, buf, 1 + i * 613 % sizeof(buf),
				   i * 7919 % (SOME * 80)));
	stop(&churn.stop);
	pthread_join(churn.thread, NULL);
	EXPECT_EQ(0, churn.err);
	close(fd);
}

/* A reader in the middle of all mappings, when they end. */

static void lose_server(struct fuse_server *srv)
{
	fuse_server_close_dev(srv);
	fuse_server_kill(srv);
}

/* The reader has read a part and got no further yet. */
static int read_a_part(const struct fuse_server *srv)
{
	int fd = open_files(srv);
	char buf[1000];

	if (fd >= 0 && read(fd, buf, sizeof(buf)) != sizeof(buf)) {
		close(fd);
		return -EIO;
	}
	return fd;
}

/* What is left to read, which was in the kernel's buffer at most. */
static ssize_t read_the_rest(int fd)
{
	ssize_t len;
	char *text;

	len = backing_files_text(fd, 100, &text);
	if (len >= 0)
		free(text);
	return len;
}

TEST_F(control_walk, lost_server)
{
	pid_t pid;
	int fd;

	ASSERT_EQ(0, register_many(self->srv->fd, self->fd, SOME));
	pid = thread_find(self->srv->dev);
	ASSERT_NE(0, pid);
	fd = read_a_part(self->srv);
	ASSERT_LE(0, fd);
	close(self->fd);
	self->fd = -1;
	lose_server(self->srv);
	EXPECT_TRUE(wait_until(!table_count(pid)));
	EXPECT_GT(4096, read_the_rest(fd));
	EXPECT_EQ(0, count_from_start(fd));
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
	/* the thread is the mount's, and so is the limit */
	EXPECT_EQ(pid, backing_number(self->srv, "backing_thread"));
	EXPECT_LT(0, backing_number(self->srv, "backing_limit"));
	close(fd);
}

TEST_F(control_walk, aborted)
{
	int fd, used;

	ASSERT_EQ(0, register_many(self->srv->fd, self->fd, SOME));
	used = fuse_server_open_id(self->srv, "a", O_RDWR, SOME / 2);
	ASSERT_LE(0, used);
	fd = read_a_part(self->srv);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fuse_server_abort(self->srv));
	EXPECT_TRUE(wait_until(count_from_start(fd) == 1));
	ASSERT_EQ(0, backing_files_read(self->srv, &self->files));
	ASSERT_EQ(1, self->files.count);
	EXPECT_EQ(SOME / 2, self->files.line->id);
	EXPECT_STREQ("closing", self->files.line->state);
	EXPECT_EQ(1, self->files.line->files);
	EXPECT_EQ(3, write(used, "abc", 3));
	backing_files_free(&self->files);
	ASSERT_EQ(0, backing_files_read(self->srv, &self->files));
	EXPECT_EQ(3, self->files.line->written);
	close(used);
	EXPECT_TRUE(wait_until(!count_from_start(fd)));
	EXPECT_LE(0, read_the_rest(fd));
	close(fd);
}

/* All of it is gone when umount(2) returns, whoever has the files open. */
TEST_F(control_walk, unmounted)
{
	int part, unread, thread;
	char buf[16];
	pid_t pid;

	ASSERT_EQ(0, register_many(self->srv->fd, self->fd, SOME));
	pid = thread_find(self->srv->dev);
	ASSERT_NE(0, pid);
	part = read_a_part(self->srv);
	unread = open_files(self->srv);
	thread = fuse_server_control(self->srv, "backing_thread", O_RDONLY);
	ASSERT_LE(0, part);
	ASSERT_LE(0, unread);
	ASSERT_LE(0, thread);
	close(self->fd);
	self->fd = -1;

	ASSERT_EQ(0, fuse_server_umount(self->srv));
	EXPECT_EQ(0, scratch_umount_backing());
	EXPECT_TRUE(wait_until(!thread_exists(pid)));
	EXPECT_GT(4096, read_the_rest(part));
	EXPECT_EQ(0, read_the_rest(part));
	EXPECT_EQ(0, count_from_start(part));
	EXPECT_EQ(0, count_from_start(unread));
	EXPECT_EQ(0, read(thread, buf, sizeof(buf)));
	close(part);
	close(unread);
	close(thread);
}

/* Reads on and on */
struct reader {
	pthread_t thread;
	int fd;
	bool stop;
	unsigned long passes;
	int err;
};

static void *read_on(void *arg)
{
	struct reader *reader = arg;
	struct backing_files files;

	while (!stopped(&reader->stop) && !reader->err) {
		if (lseek(reader->fd, 0, SEEK_SET))
			reader->err = -errno;
		else
			reader->err = backing_files_read_fd(reader->fd, 200,
							    &files);
		if (!reader->err) {
			if (!backing_files_ascend(&files))
				reader->err = -EILSEQ;
			backing_files_free(&files);
			__atomic_add_fetch(&reader->passes, 1,
					   __ATOMIC_RELEASE);
		}
	}
	return NULL;
}

static int reader_start(struct reader *reader, const struct fuse_server *srv)
{
	*reader = (struct reader) { .fd = open_files(srv) };
	if (reader->fd < 0)
		return reader->fd;
	return -pthread_create(&reader->thread, NULL, read_on, reader);
}

static int reader_stop(struct reader *reader)
{
	stop(&reader->stop);
	pthread_join(reader->thread, NULL);
	close(reader->fd);
	return reader->err;
}

static bool has_read(const struct reader *reader)
{
	return __atomic_load_n(&reader->passes, __ATOMIC_ACQUIRE);
}

/* A mount with some mappings and a reader who never stops. */
static int start_round(FIXTURE_DATA(control_walk) * self, struct reader *reader)
{
	int fd = open(scratch_path("a"), O_RDWR | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = register_many(self->srv->fd, fd, SOME / 4);
	close(fd);
	return err ?: reader_start(reader, self->srv);
}

static int start_again(FIXTURE_DATA(control_walk) * self)
{
	static const struct fuse_server_opts opts;
	int err;

	fuse_server_stop(self->srv);
	err = scratch_mount_backing(&self->env.scratch);
	if (!err)
		err = env_files();
	return err ?: env_serve(&self->env, self->srv, &opts);
}

TEST_F_TIMEOUT(control_walk, unmounted_under_a_reader, 240)
{
	struct reader reader;

	close(self->fd);
	self->fd = -1;
	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, start_round(self, &reader));
		EXPECT_TRUE(wait_until(has_read(&reader)));
		if (i % 3 == 1)
			fuse_server_abort(self->srv);
		if (i % 3 == 2)
			lose_server(self->srv);
		ASSERT_EQ(0, fuse_server_umount(self->srv))
			TH_LOG("umount of FUSE, round %d", i);
		ASSERT_EQ(0, scratch_umount_backing())
			TH_LOG("umount of the backing filesystem, round %d", i);
		EXPECT_EQ(0, reader_stop(&reader));
		ASSERT_EQ(0, start_again(self));
	}
	EXPECT_TRUE(wait_until(!thread_count()));
}

/* Closing an id takes its file out, also when a reader looks at it just now. */
TEST_F_TIMEOUT(control_walk, closed_under_a_reader, 120)
{
	struct reader reader;
	int dev = self->srv->fd, id;
	pid_t pid;

	ASSERT_EQ(0, start_round(self, &reader));
	pid = thread_find(self->srv->dev);
	ASSERT_NE(0, pid);
	for (int i = 0; i < 2000; i++) {
		id = fuse_backing_open(dev, self->fd);
		ASSERT_LT(0, id);
		ASSERT_EQ(0, fuse_backing_close(dev, id));
	}
	for (id = 1; id <= SOME / 4; id++)
		ASSERT_EQ(0, fuse_backing_close(dev, id));
	EXPECT_EQ(0, reader_stop(&reader));
	EXPECT_TRUE(wait_until(!table_count(pid)));
}

/*
 * At the limit, close an id and register another one, many times over: how
 * often there was no room yet, or -errno.
 */
static int count_full(int dev, int fd, int *id)
{
	int full = 0, err;

	for (int i = 0; i < 20000; i++) {
		int *one = &id[i % ROOM];

		err = fuse_backing_close(dev, *one);
		if (err)
			return err;
		*one = fuse_backing_open(dev, fd);
		full += *one == -EMFILE;
		wait_until(*one != -EMFILE ||
			   (*one = fuse_backing_open(dev, fd)) > 0);
		if (*one < 0)
			return *one;
	}
	return full;
}

TEST_F_TIMEOUT(control_walk, closed_id_makes_room, 240)
{
	struct rlimit limit = { ROOM + 1, ROOM + 1 };
	int dev = self->srv->fd, id[ROOM];
	struct reader reader;
	pid_t pid;

	for (int i = 0; i < ROOM; i++) {
		id[i] = fuse_backing_open(dev, self->fd);
		ASSERT_LT(0, id[i]);
	}
	pid = thread_find(self->srv->dev);
	ASSERT_NE(0, pid);
	ASSERT_EQ(0, prlimit(pid, RLIMIT_NOFILE, &limit, NULL));
	ASSERT_EQ(-EMFILE, fuse_backing_open(dev, self->fd));
	ASSERT_EQ(0, count_full(dev, self->fd, id));

	ASSERT_EQ(0, reader_start(&reader, self->srv));
	EXPECT_EQ(0, count_full(dev, self->fd, id));
	EXPECT_TRUE(has_read(&reader));
	EXPECT_EQ(0, reader_stop(&reader));
}

/*
 * Register a file, close its id, and unmount its filesystem, many times over:
 * how often that was busy, or -errno.
 */
static int count_busy(struct env *env)
{
	int busy = 0, id, err;

	for (int i = 0; i < 500; i++) {
		id = env_register(env, "a", O_RDWR);
		err = id < 0 ? id : fuse_backing_close(env->srv.fd, id);
		if (err)
			return err;
		err = scratch_umount_backing();
		busy += err == -EBUSY;
		wait_until(err != -EBUSY || !(err = scratch_umount_backing()));
		if (!err)
			err = scratch_mount_backing(&env->scratch);
		if (!err)
			err = scratch_file("a", 1, 0);
		if (err)
			return err;
	}
	return busy;
}

TEST_F_TIMEOUT(control_walk, closed_id_pins_nothing, 240)
{
	struct reader reader;

	close(self->fd);
	self->fd = -1;
	ASSERT_EQ(0, count_busy(&self->env));
	ASSERT_EQ(0, reader_start(&reader, self->srv));
	EXPECT_EQ(0, count_busy(&self->env));
	EXPECT_TRUE(has_read(&reader));
	EXPECT_EQ(0, reader_stop(&reader));
}

/* Many */

/* The largest of reads that may each return all there is; or -errno. */
static ssize_t largest_read(int fd)
{
	ssize_t n, most = 0;
	char *buf = malloc(LARGE);

	while ((n = read(fd, buf, LARGE)) > 0)
		if (n > most)
			most = n;
	free(buf);
	return n < 0 ? -errno : most;
}

TEST_F_TIMEOUT(control_walk, a_hundred_thousand, 600)
{
	static const size_t sizes[] = { 4096, LARGE };
	int fd, id;

	ASSERT_EQ(0, register_many(self->srv->fd, self->fd, MOST));
	fd = open_files(self->srv);
	ASSERT_LE(0, fd);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		EXPECT_EQ(0, lseek(fd, 0, SEEK_SET));
		ASSERT_EQ(0, backing_files_read_fd(fd, sizes[i],
						   &self->files));
		ASSERT_EQ(MOST, self->files.count);
		for (id = 1; id <= MOST; id++)
			if (self->files.line[id - 1].id != id)
				break;
		EXPECT_EQ(MOST + 1, id);
		backing_files_free(&self->files);
	}
	/* what is formatted at a time is a buffer of a page, not the table */
	EXPECT_EQ(0, lseek(fd, 0, SEEK_SET));
	EXPECT_GE(2 * 4096, largest_read(fd));
	close(fd);

	/* and they go as quickly as they came */
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(0, fuse_server_umount(self->srv));
	EXPECT_EQ(0, scratch_umount_backing());
}

TEST_HARNESS_MAIN
