// SPDX-License-Identifier: GPL-2.0
/*
 * What a server, its clients and its user can do at the same time.
 *
 * Proves, where the kernel has KASAN, lockdep and kmemleak: each two of
 * registering, closing ids, opening, reading and writing, mapping, splicing,
 * changing the limit and looking at the table can run against each other, and
 * each of them against the end of the connection, be it an abort, a lost
 * server, an unmount, or all of them; afterwards everything unmounts and the
 * thread is gone.
 *
 * Results of single operations are other tests' business, but none may be an
 * error that isn't documented.
 *
 * ROUNDS=N says how often the actions of a pair run, ENDS=N how many mounts
 * come to each kind of end.
 *
 * Privilege: root, to mount and unmount; the threads that race are an ordinary
 * user's without capabilities.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "harness.h"

#include "backing_files.h"
#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "env.h"
#include "wait_until.h"

#define OWNER		1000	/* a uid and a gid */
#define SLOTS		8
#define MAP_SIZE	4096
#define DEFAULT_ROUNDS	200
#define DEFAULT_ENDS	24

/* What the two threads of a race share */
struct race {
	struct env *env;
	int dev;
	int id[SLOTS];		/* registered, or closed meanwhile; 0: none */
	int client;		/* a file that stays open, or -1 */
	pid_t thread;
	int rounds;
	bool stop;
	pthread_barrier_t start;
	int failed;		/* an errno that nobody expected */
};

struct racer {
	struct race *race;
	void (*action)(struct race *race, unsigned int round);
	pthread_t thread;
};

static bool is_documented(int err)
{
	switch (err) {
	case 0:
	case -EMFILE:
	case -ENOTCONN:
	case -ECONNABORTED:
	case -ENOENT:
	case -EINTR:
	case -EAGAIN:
	case -ENOTTY:		/* /dev/fuse was replaced */
	case -ESRCH:		/* the thread is gone */
	case -ENODEV:		/* unmounted */
		return true;
	default:
		return false;
	}
}

static void result(struct race *race, int res)
{
	if (!is_documented(res < 0 ? res : 0))
		race->failed = -res;
}

/* Actions */

static void act_register(struct race *race, unsigned int round)
{
	int id = fuse_backing_open_path(race->dev, scratch_path("a"),
					O_RDWR);

	result(race, id);
	if (id > 0)
		race->id[round % SLOTS] = id;
}

static void act_close(struct race *race, unsigned int round)
{
	int id = race->id[round % SLOTS];

	if (id > 0)
		result(race, fuse_backing_close(race->dev, id));
}

static void act_register_and_close(struct race *race, unsigned int round)
{
	int id;

	(void)round;
	id = fuse_backing_open_path(race->dev, scratch_path("a"), O_RDONLY);
	result(race, id);
	if (id > 0)
		result(race, fuse_backing_close(race->dev, id));
}

static int open_a(struct race *race, int flags)
{
	return fuse_server_open(&race->env->srv, "a", flags);
}

static void act_open(struct race *race, unsigned int round)
{
	struct fuse_server_file *file = &race->env->srv.sh->file[0];
	int fd;

	file->backing_id = race->id[round % SLOTS] ?: 1;
	fd = open_a(race, O_RDWR);
	result(race, fd);
	if (fd >= 0)
		close(fd);
}

static void act_io(struct race *race, unsigned int round)
{
	char buf[512];

	if (race->client < 0)
		return;
	if (pread(race->client, buf, sizeof(buf), 0) < 0 ||
	    pwrite(race->client, buf, sizeof(buf), 512 * (round % 8)) < 0)
		result(race, -errno);
}

static void act_map(struct race *race, unsigned int round)
{
	char *map;

	if (race->client < 0)
		return;
	map = mmap(NULL, MAP_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		   race->client, 0);
	if (map == MAP_FAILED)
		return result(race, -errno);
	map[round % MAP_SIZE]++;
	munmap(map, MAP_SIZE);
}

static void act_splice(struct race *race, unsigned int round)
{
	loff_t pos = 512 * (round % 8);
	int pipefd[2];

	if (race->client < 0 || pipe2(pipefd, O_CLOEXEC) < 0)
		return;
	if (splice(race->client, &pos, pipefd[1], NULL, 512, 0) == 512 &&
	    splice(pipefd[0], NULL, race->client, &pos, 512, 0) < 0)
		result(race, -errno);
	close(pipefd[0]);
	close(pipefd[1]);
}

static void act_limit(struct race *race, unsigned int round)
{
	struct rlimit limit = { 2 + round % 64, 0 };

	if (!race->thread)
		return;
	if (prlimit(race->thread, RLIMIT_NOFILE, NULL, &limit) < 0)
		return result(race, -errno);
	limit.rlim_cur = 2 + round % 64;
	if (prlimit(race->thread, RLIMIT_NOFILE, &limit, NULL) < 0)
		result(race, -errno);
}

static void act_look(struct race *race, unsigned int round)
{
	struct backing_files files;
	struct dev_fdinfo info;
	int fd, err;

	(void)round;
	dev_fdinfo_read(race->dev, &info);
	fd = fuse_server_control(&race->env->srv, "backing_files", O_RDONLY);
	if (fd < 0)
		return;
	err = backing_files_read_fd(fd, 4096, &files);
	if (err) {
		result(race, err);
	} else {
		if (!backing_files_ascend(&files))
			result(race, -EILSEQ);
		backing_files_free(&files);
	}
	close(fd);
}

static const struct {
	const char *name;
	void (*action)(struct race *race, unsigned int round);
} actions[] = {
	{ "register", act_register },
	{ "close", act_close },
	{ "register and close", act_register_and_close },
	{ "open", act_open },
	{ "read and write", act_io },
	{ "map", act_map },
	{ "splice", act_splice },
	{ "limit", act_limit },
	{ "look", act_look },
};

/* Ends of the connection; by root, or by the server's user */

static void end_abort(struct race *race)
{
	fuse_server_abort(&race->env->srv);
}

/* The last close of /dev/fuse: its number becomes another file's. */
static void end_server(struct race *race)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	fuse_server_kill(&race->env->srv);
	dup3(null, race->dev, O_CLOEXEC);
	close(null);
}

static void end_umount(struct race *race)
{
	(void)race;
	umount2(SCRATCH_FUSE, MNT_DETACH);
}

static void end_all(struct race *race)
{
	end_umount(race);
	end_server(race);
}

static const struct {
	const char *name;
	void (*end)(struct race *race);
} ends[] = {
	{ "abort", end_abort },
	{ "lost server", end_server },
	{ "umount", end_umount },
	{ "umount and lost server", end_all },
};

/* Races */

/* This thread only, which the C library's wrappers would not do. */
static int drop_thread(void)
{
	if (syscall(SYS_setgroups, 0, NULL) < 0 ||
	    syscall(SYS_setresgid, OWNER, OWNER, OWNER) < 0 ||
	    syscall(SYS_setresuid, OWNER, OWNER, OWNER) < 0)
		return -errno;
	return 0;
}

static void *racer_thread(void *arg)
{
	struct racer *racer = arg;
	struct race *race = racer->race;

	if (drop_thread())
		race->failed = EPERM;
	pthread_barrier_wait(&race->start);
	for (int i = 0; i < race->rounds; i++) {
		racer->action(race, i);
		if (__atomic_load_n(&race->stop, __ATOMIC_RELAXED))
			break;
	}
	return NULL;
}

static int setup_race(struct env *env, struct race *race)
{
	static const struct fuse_server_opts opts = { .uid = OWNER };
	static const struct creds owner = { .uid = OWNER, .gid = OWNER };
	struct fuse_server_file *file;
	struct dev_fdinfo info;
	int fd, err;

	*race = (struct race) { .env = env, .client = -1 };
	err = env_serve(env, &env->srv, &opts);
	if (err)
		return err;
	race->dev = env->srv.fd;
	fd = open(scratch_path("a"), O_RDWR | O_CLOEXEC);
	race->id[0] = creds_register(&owner, race->dev, fd);
	close(fd);
	if (race->id[0] < 0)
		return race->id[0];
	file = &env->srv.sh->file[0];
	file->backing_id = race->id[0];
	file->open_flags = FOPEN_PASSTHROUGH;
	race->client = open_a(race, O_RDWR);
	if (race->client < 0)
		return race->client;
	if (!dev_fdinfo_read(race->dev, &info))
		race->thread = info.thread;
	return 0;
}

/* Everything goes, whatever happened before. */
static int teardown_race(struct env *env, struct race *race)
{
	int err = 0;

	close(race->client);
	/* what the threads closed last may still be on its way */
	if (!wait_until(!umount2(SCRATCH_FUSE, 0) || errno == EINVAL))
		err = -errno;
	fuse_server_stop(&env->srv);
	if (!wait_until(!thread_count()))
		err = err ?: -ETIMEDOUT;
	return err;
}

static int run(struct race *race, struct racer *racers, int n,
	       void (*end)(struct race *race))
{
	pthread_barrier_init(&race->start, NULL, n + 1);
	for (int i = 0; i < n; i++) {
		racers[i].race = race;
		if (pthread_create(&racers[i].thread, NULL, racer_thread,
				   &racers[i]))
			return -EAGAIN;
	}
	pthread_barrier_wait(&race->start);
	if (end) {
		usleep(500 + rand() % 3000);
		end(race);
		usleep(1000);
		__atomic_store_n(&race->stop, true, __ATOMIC_RELAXED);
	}
	for (int i = 0; i < n; i++)
		pthread_join(racers[i].thread, NULL);
	pthread_barrier_destroy(&race->start);
	return -race->failed;
}

static int number_from(const char *variable, int otherwise)
{
	const char *text = getenv(variable);

	return text ? atoi(text) : otherwise;
}

FIXTURE(races) {
	struct env env;
	struct race race;
};

FIXTURE_SETUP(races)
{
	int err;

	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, scratch_setup(&self->env.scratch, SCRATCH_TMPFS));
	ASSERT_EQ(0, env_files());
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, chown(scratch_path((char[]){ 'a' + i, 0 }),
				   OWNER, OWNER));
	err = setup_race(&self->env, &self->race);
	if (err == -EPERM)
		SKIP(return, "needs unprivileged FUSE passthrough");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, teardown_race(&self->env, &self->race));
}

FIXTURE_TEARDOWN(races)
{
	EXPECT_EQ(0, scratch_umount_backing());
}

TEST_F_TIMEOUT(races, pairs, 1200)
{
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		for (size_t j = i; j < ARRAY_SIZE(actions); j++) {
			struct racer racers[2] = {
				{ .action = actions[i].action },
				{ .action = actions[j].action },
			};

			ASSERT_EQ(0, setup_race(&self->env, &self->race));
			self->race.rounds = number_from("ROUNDS",
							DEFAULT_ROUNDS);
			err = run(&self->race, racers, 2, NULL);
			EXPECT_EQ(0, err)
				TH_LOG("%s against %s", actions[i].name,
				       actions[j].name);
			EXPECT_EQ(0, fuse_server_data_ops(&self->env.srv));
			ASSERT_EQ(0, teardown_race(&self->env, &self->race));
		}
	}
}

/* All at once, and in the midst of it the end */
TEST_F_TIMEOUT(races, ends, 1200)
{
	int count = number_from("ENDS", DEFAULT_ENDS), err;

	for (int i = 0; i < count * (int)ARRAY_SIZE(ends); i++) {
		struct racer racers[3];

		/* Three neighbours: over the rounds each meets each end. */
		for (int j = 0; j < 3; j++)
			racers[j].action = actions[(i / ARRAY_SIZE(ends) + 3 * j) %
						   ARRAY_SIZE(actions)].action;
		ASSERT_EQ(0, setup_race(&self->env, &self->race));
		self->race.rounds = INT_MAX;
		err = run(&self->race, racers, 3,
			  ends[i % ARRAY_SIZE(ends)].end);
		EXPECT_EQ(0, err)
			TH_LOG("round %d, %s", i, ends[i % ARRAY_SIZE(ends)].name);
		ASSERT_EQ(0, teardown_race(&self->env, &self->race))
			TH_LOG("round %d, %s", i, ends[i % ARRAY_SIZE(ends)].name);
	}
}

/*
 * One pipe, spliced to two files of one inode, one of which is FOPEN_DIRECT_IO:
 * both take the inode's lock and the pipe's, and must do it in one order.
 */
static int splice_file[2];
static int splice_pipe[2];

static void splice_to(struct race *race, int which)
{
	loff_t pos = 512;
	char buf[64] = {};

	(void)race;
	if (write(splice_pipe[1], buf, sizeof(buf)) < 0 && errno != EAGAIN)
		result(race, -errno);
	splice(splice_pipe[0], NULL, splice_file[which], &pos, 16,
	       SPLICE_F_NONBLOCK);
}

static void act_splice_direct(struct race *race, unsigned int round)
{
	(void)round;
	splice_to(race, 0);
}

static void act_splice_passthrough(struct race *race, unsigned int round)
{
	(void)round;
	splice_to(race, 1);
}

TEST_F_TIMEOUT(races, splice_direct_and_passthrough, 600)
{
	struct racer racers[4] = {
		{ .action = act_splice_direct },
		{ .action = act_splice_passthrough },
		{ .action = act_splice_direct },
		{ .action = act_splice_passthrough },
	};
	struct fuse_server_file *file;

	ASSERT_EQ(0, setup_race(&self->env, &self->race));
	file = &self->env.srv.sh->file[0];
	file->open_flags = FOPEN_PASSTHROUGH | FOPEN_DIRECT_IO;
	splice_file[0] = open_a(&self->race, O_RDWR);
	splice_file[1] = self->race.client;
	ASSERT_LE(0, splice_file[0]);
	ASSERT_EQ(0, pipe2(splice_pipe, O_CLOEXEC | O_NONBLOCK));
	self->race.rounds = 10 * number_from("ROUNDS", DEFAULT_ROUNDS);
	EXPECT_EQ(0, run(&self->race, racers, 4, NULL));
	close(splice_pipe[0]);
	close(splice_pipe[1]);
	close(splice_file[0]);
	ASSERT_EQ(0, teardown_race(&self->env, &self->race));
}

TEST_HARNESS_MAIN
