// SPDX-License-Identifier: GPL-2.0
/*
 * How long a lock is held doesn't depend on how much a user piles up.
 *
 * Proves: who asks for the attributes of a file that somebody stores to by a mapping
 * doesn't go through all files that are open on it. Control: the time when it is open
 * once.
 *
 * Privilege: root, for limits.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "harness.h"

#include <linux/fuse_backing.h>

#include "env.h"

#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define BLOCK		4096
#define FILES		100000
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

/* Calls of statx(2) in a millisecond, by somebody who doesn't ask the server */
static double stats_per_ms(int fd)
{
	double start = now_ms(), end;
	struct statx stx;
	int calls = 0;

	do {
		if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
			  STATX_BASIC_STATS, &stx))
			return 0;
		calls++;
		end = now_ms();
	} while (end - start < MEASURED_MS);
	return calls / (end - start);
}

/* The most of some tries: the machine may have been busy */
static double most_stats_per_ms(int fd)
{
	double most = 0, rate;

	for (int i = 0; i < TRIES; i++) {
		rate = stats_per_ms(fd);
		if (rate > most)
			most = rate;
	}
	return most;
}

TEST_F_TIMEOUT(pile, open_files, 200)
{
	double alone, crowded;
	char *addr;
	int fd;

	self->srv->sh->file[0].attach = BOTH;
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	addr = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, addr);
	*addr = 1;
	alone = most_stats_per_ms(fd);
	for (int i = 0; i < FILES; i++)
		ASSERT_LE(0, fuse_server_open(self->srv, "a", O_RDONLY));
	crowded = most_stats_per_ms(fd);
	EXPECT_LT(alone / 3, crowded);
	TH_LOG("%.2f in a millisecond, and %.2f", alone, crowded);
	ASSERT_EQ(0, close_range(fd + 1, ~0U, 0));
	munmap(addr, BLOCK);
	close(fd);
}

TEST_HARNESS_MAIN
