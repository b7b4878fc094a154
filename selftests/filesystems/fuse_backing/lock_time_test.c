// SPDX-License-Identifier: GPL-2.0
/*
 * How long a lock is held doesn't depend on how much a user piles up.
 *
 * Proves: who asks for the attributes of a file that somebody stores to by a mapping
 * doesn't go through all files that are open on it, or, when that one is gone, through all
 * that are mapped; and is told the truth in the end. Nor does who takes its backing file
 * away keep others from names, be it that some of them are at it or have it mapped; nor who
 * registers a file after the limit was lowered keep others from ids. Control: what can be
 * done in the same time where the file is open once.
 *
 * Privilege: root, for limits.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "env.h"
#include "held_page.h"
#include "wait_until.h"

#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define BLOCK		4096
#define PENDING		FUSE_BACKING_ATTACH_PENDING
#define REVOKE		FUSE_BACKING_DETACH_REVOKE
#define NOBODY		1000	/* a node that there isn't */
#define UNKNOWN		1000000	/* an id that there never was */
#define IDS		99000
#define LET_IN		100	/* times, of thousands, or of two or three */
#define FEW		64
#define REVOKERS	16
#define SLOWER		6	/* a busy machine is three times, who walks at least ten */
#define OFTEN		1000000	/* ns */
#define FILES		100000
#define MAPPED		50000	/* a process may have 65,530 of these */
#define LIMIT		(FILES + 100)
#define TRIES		10
#define MEASURED_MS	300	/* the clock may be one of some milliseconds */

FIXTURE(pile) {
	struct env env;
	struct fuse_server *srv;
};

static int raise_nofile(void)
{
	struct rlimit limit = { LIMIT, LIMIT };

	return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

FIXTURE_SETUP(pile)
{
	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->srv = &self->env.srv;
	ASSERT_EQ(0, raise_nofile());
}

FIXTURE_TEARDOWN(pile)
{
	env_teardown(&self->env);
}

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

/* What is done as often as it can be; false if it fails */
struct measured {
	bool (*once)(struct measured *m);
	struct fuse_server *srv;
	int fd;
};

/* By somebody who doesn't ask the server */
static bool stat_once(struct measured *m)
{
	struct statx stx;

	return !statx(m->fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS,
		      &stx);
}

/* The server names "c", and something may wait for that */
static bool lookup_once(struct measured *m)
{
	return !access(SCRATCH_FUSE "/c", F_OK) && !fuse_server_drop_name(m->srv, "c");
}

/* How often in a millisecond */
static double per_ms(struct measured *m)
{
	double start = now_ms(), end;
	int calls = 0;

	do {
		if (!m->once(m))
			return 0;
		calls++;
		end = now_ms();
	} while (end - start < MEASURED_MS);
	return calls / (end - start);
}

/* The most of some tries: the machine may have been busy */
static double most_per_ms(struct measured *m)
{
	double most = 0, rate;

	for (int i = 0; i < TRIES; i++) {
		rate = per_ms(m);
		if (rate > most)
			most = rate;
	}
	return most;
}

/* What somebody else does meanwhile, again and again */
struct other {
	int (*again)(struct other *o);
	struct fuse_server *srv;
	__u64 node;
	int expected;
	int threads;		/* how many do, 0 is one */
	bool interrupted;
	pthread_t thread[REVOKERS];
	int running;
	bool stop;
	int times;
	int err;
};

/* Who waits is interrupted, again and again: a timer of the calling thread's, or -errno */
static int interrupt_often(timer_t *timer)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGALRM,
	};
	const struct itimerspec often = {
		.it_interval.tv_nsec = OFTEN,
		.it_value.tv_nsec = OFTEN,
	};

	event._sigev_un._tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, timer) < 0)
		return -errno;
	return timer_settime(*timer, 0, &often, NULL);
}

static void *go_on(void *arg)
{
	struct other *o = arg;
	timer_t timer;

	if (o->interrupted && interrupt_often(&timer))
		o->err = -1;
	while (!__atomic_load_n(&o->stop, __ATOMIC_RELAXED) && !o->err)
		if (o->again(o) == o->expected)
			__atomic_fetch_add(&o->times, 1, __ATOMIC_RELAXED);
		else
			o->err = -1;
	if (o->interrupted)
		timer_delete(timer);
	return NULL;
}

static void do_nothing(int sig)
{
	(void)sig;
}

static int start_other(struct other *o)
{
	const struct sigaction action = { .sa_handler = do_nothing };

	o->stop = false;
	o->err = 0;
	o->times = 0;
	o->running = 0;
	if (sigaction(SIGALRM, &action, NULL) < 0)
		return -errno;
	do {
		if (pthread_create(&o->thread[o->running], NULL, go_on, o))
			return -EAGAIN;
	} while (++o->running < o->threads);
	return 0;
}

static int stop_other(struct other *o)
{
	__atomic_store_n(&o->stop, true, __ATOMIC_RELAXED);
	while (o->running)
		pthread_join(o->thread[--o->running], NULL);
	return o->err;
}

static int revoke_again(struct other *o)
{
	return fuse_detach_backing(o->srv->fd, o->node, 0, REVOKE);
}

static int set_limit(pid_t pid, rlim_t limit)
{
	const struct rlimit rlim = { limit, LIMIT };

	return prlimit(pid, RLIMIT_NOFILE, &rlim, NULL);
}

static int find_id_again(struct other *o)
{
	return fuse_attach_backing(o->srv->fd, NOBODY, 0, UNKNOWN, BOTH);
}

/*
 * All closed numbers but a few are parked, and come back.  How often @finder did what it
 * does meanwhile, or -errno.
 */
static int register_below(struct other *finder, pid_t files, int backing)
{
	int dev = finder->srv->fd, before, times, low, high;

	if (set_limit(files, FEW))
		return -errno;
	before = __atomic_load_n(&finder->times, __ATOMIC_RELAXED);
	low = fuse_backing_open(dev, backing);
	times = __atomic_load_n(&finder->times, __ATOMIC_RELAXED) - before;
	if (set_limit(files, LIMIT))
		return -errno;
	high = fuse_backing_open(dev, backing);
	if (low <= 0 || low >= FEW || high <= 0)
		return -EINVAL;
	return fuse_backing_close(dev, low) ?: fuse_backing_close(dev, high) ?: times;
}

/* The same beside what somebody else does; 0 if that failed */
static double most_beside(struct measured *m, struct other *o)
{
	double most;

	if (start_other(o))
		return 0;
	most = most_per_ms(m);
	return stop_other(o) ? 0 : most;
}

/*
 * Once more, if that isn't @enough because the machine had something else to do: who walks
 * is as slow each time.
 */
static double most_in_the_end(struct measured *m, struct other *o, double enough)
{
	double most = 0, next;

	for (int i = 0; i < TRIES && most <= enough; i++) {
		next = most_beside(m, o);
		if (next > most)
			most = next;
	}
	return most;
}

/* Something waits, so that whoever names a node looks whether it is for that */
static int have_one_wait(struct env *env)
{
	int id = env_register(env, "b", O_RDONLY);

	return id < 0 ? id : fuse_attach_backing(env->srv.fd, NOBODY, 0, id,
						 FUSE_BACKING_READ | PENDING);
}

TEST_F_TIMEOUT(pile, open_files, 200)
{
	struct measured stats = { .once = stat_once };
	double alone, crowded;
	char *addr;
	int fd;

	self->srv->sh->file[0].attach = BOTH;
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	addr = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, addr);
	*addr = 1;
	stats.fd = fd;
	alone = most_per_ms(&stats);
	for (int i = 0; i < FILES; i++)
		ASSERT_LE(0, fuse_server_open(self->srv, "a", O_RDONLY));
	crowded = most_per_ms(&stats);
	EXPECT_LT(alone / 3, crowded);
	TH_LOG("%.2f in a millisecond, and %.2f", alone, crowded);
	ASSERT_EQ(0, close_range(fd + 1, ~0U, 0));
	munmap(addr, BLOCK);
	close(fd);
}

/* Somebody stores, and is gone: nothing is there that could be found at once */
static bool store_and_stat(struct measured *m)
{
	int fd = fuse_server_open(m->srv, "a", O_RDWR);
	char *addr = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (addr == MAP_FAILED)
		return false;
	*addr = 1;
	return !munmap(addr, BLOCK) && !close(fd) && stat_once(m);
}

/* Each opened by itself */
static int map_to_read(struct fuse_server *srv, char *addr)
{
	int fd = fuse_server_open(srv, "a", O_RDONLY);

	if (fd < 0)
		return fd;
	addr = mmap(addr, BLOCK, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
	return addr == MAP_FAILED ? -errno : fd;
}

/* Until nothing has to be asked for any more; what the server is asked for, or -errno */
static int stats_until_believed(struct fuse_server *srv, int fd)
{
	struct stat st;
	__u32 before;

	for (int i = 0; i < FILES; i++) {
		before = fuse_server_ops(srv, FUSE_GETATTR);
		if (fstat(fd, &st) < 0)
			return -errno;
		if (fuse_server_ops(srv, FUSE_GETATTR) == before)
			return i;
	}
	return FILES;
}

TEST_F_TIMEOUT(pile, mapped_files, 200)
{
	struct measured stores = { .once = store_and_stat, .srv = self->srv };
	char *room = mmap(NULL, MAPPED * BLOCK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	double alone, crowded;
	int fd, asked;

	ASSERT_NE(MAP_FAILED, room);
	self->srv->sh->attr_valid = 3600;
	self->srv->sh->file[0].attach = BOTH;
	fd = fuse_server_open(self->srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	stores.fd = fd;
	alone = most_per_ms(&stores);
	for (int i = 0; i < MAPPED; i++)
		ASSERT_LE(0, map_to_read(self->srv, room + i * BLOCK));
	crowded = most_per_ms(&stores);
	EXPECT_LT(0, crowded);
	EXPECT_LT(alone / SLOWER, crowded);
	TH_LOG("%.2f in a millisecond, and %.2f", alone, crowded);
	asked = stats_until_believed(self->srv, fd);
	EXPECT_LE(0, asked);
	EXPECT_GT(MAPPED / FEW + 10, asked);
	munmap(room, MAPPED * BLOCK);
	ASSERT_EQ(0, close_range(fd, ~0U, 0));
}

/* One of the files is mapped, so each call gives up */
TEST_F_TIMEOUT(pile, revoke_of_mapped, 200)
{
	struct measured lookups = { .once = lookup_once, .srv = self->srv };
	struct other revoker = { .again = revoke_again, .srv = self->srv, .expected = -EBUSY };
	double alone, crowded;
	char *addr;
	int fd;

	ASSERT_EQ(0, have_one_wait(&self->env));
	self->srv->sh->file[0].attach = BOTH;
	revoker.node = fuse_server_node(self->srv, &self->srv->sh->file[0]);
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	addr = mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, addr);
	alone = most_beside(&lookups, &revoker);
	for (int i = 0; i < FILES; i++)
		ASSERT_LE(0, fuse_server_open(self->srv, "a", O_RDONLY));
	crowded = most_in_the_end(&lookups, &revoker, alone / SLOWER);
	EXPECT_LT(0, crowded);
	EXPECT_LT(alone / SLOWER, crowded);
	TH_LOG("%.2f in a millisecond, and %.2f", alone, crowded);

	/* once it isn't any more, all of them lose it */
	munmap(addr, BLOCK);
	EXPECT_EQ(0, revoke_again(&revoker));
	EXPECT_TRUE(wait_until(env_count(self->srv) == 1));
	ASSERT_EQ(0, close_range(fd, ~0U, 0));
}

/* One is being written to, the first that was opened, so each call waits and gives up */
TEST_F_TIMEOUT(pile, revoke_of_busy, 200)
{
	struct measured lookups = { .once = lookup_once, .srv = self->srv };
	struct other revoker = {
		.again = revoke_again,
		.srv = self->srv,
		.expected = -EINTR,
		.threads = REVOKERS,
		.interrupted = true,
	};
	double alone, crowded;
	struct held_page page;
	pid_t pid;
	int fd, id;

	ASSERT_EQ(0, held_page_start(&page, "b"));
	ASSERT_EQ(0, have_one_wait(&self->env));
	self->srv->sh->file[0].attach = BOTH;
	revoker.node = fuse_server_node(self->srv, &self->srv->sh->file[0]);
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	fflush(NULL);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(pwrite(fd, page.addr, 1, 0) != 1);
	ASSERT_TRUE(wait_until(held_page_is_wanted(&page)));
	alone = most_beside(&lookups, &revoker);

	id = fuse_backing_open_once(self->srv->fd, scratch_path("a"), O_RDWR);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_attach_backing(self->srv->fd, revoker.node, 0, id, BOTH));
	for (int i = 0; i < FILES; i++)
		ASSERT_LE(0, fuse_server_open(self->srv, "a", O_RDONLY));
	crowded = most_in_the_end(&lookups, &revoker, alone / SLOWER);
	EXPECT_LT(0, crowded);
	EXPECT_LT(alone / SLOWER, crowded);
	TH_LOG("%.2f in a millisecond, and %.2f", alone, crowded);

	/* all of them, once that is done */
	held_page_release(&page);
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(0, revoke_again(&revoker));
	EXPECT_TRUE(wait_until(env_count(self->srv) == 1));
	ASSERT_EQ(0, close_range(fd, ~0U, 0));
	held_page_stop(&page);
}

static int compare_ints(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Whatever it is that others do, they do it while the numbers are parked */
TEST_F_TIMEOUT(pile, limit_lowered, 200)
{
	struct other finder = { .again = find_id_again, .srv = self->srv, .expected = -ENOENT };
	int backing = open(scratch_path("a"), O_RDONLY | O_CLOEXEC);
	int dev = self->srv->fd, times[TRIES];
	pid_t files;

	ASSERT_LE(0, backing);
	for (int i = 1; i <= IDS; i++)
		ASSERT_EQ(i, fuse_backing_open(dev, backing));
	/* those that a low limit allows were closed last */
	for (int i = IDS; i; i--)
		ASSERT_EQ(0, fuse_backing_close(dev, i));
	files = thread_find(self->srv->dev);
	ASSERT_EQ(0, start_other(&finder));
	for (int i = 0; i < TRIES; i++) {
		times[i] = register_below(&finder, files, backing);
		EXPECT_LE(0, times[i]);
	}
	EXPECT_EQ(0, stop_other(&finder));
	/* who was not running for a while may have let them, or they themselves were not */
	qsort(times, TRIES, sizeof(times[0]), compare_ints);
	EXPECT_LT(LET_IN, times[TRIES / 2]);
	TH_LOG("%d to %d times, and mostly %d", times[0], times[TRIES - 1],
	       times[TRIES / 2]);
	close(backing);
}

TEST_HARNESS_MAIN
