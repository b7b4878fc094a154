// SPDX-License-Identifier: GPL-2.0
/*
 * Random ioctls and OPEN replies of a server without privileges.
 *
 * Proves: whatever ids, nodes, flags, padding and descriptors a server comes
 * with, in whatever order, it gets documented results only; what it may not pass
 * through is never opened; an id never names two files; the thread's table holds
 * what a model says that it holds, and backing_files and BACKING_LIST tell the
 * same; what is attached is opened without the server and what was revoked is
 * the server's again, and no request has a handle that it never gave; aborts and
 * lost servers at any time leave nothing: at the end of each session everything
 * unmounts at once, the thread is gone, and the number of open files in the
 * system is what it was.
 *
 * The operations are those of one user: several mounts, their server's ioctls,
 * and clients that open, read, write, map, truncate, splice, close and forget.
 * All are listed in fuzz_ops.c, and what must come of them is in fuzz_model.h.
 *
 * SEED=N repeats a run, OPS=N says how many operations there are.
 *
 * Privilege: root, to mount and unmount in the name of an ordinary user without
 * capabilities, who does everything else.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness.h"

#include "backing_table.h"
#include "fuzz.h"
#include "fuzz_files.h"
#include "fuzz_session.h"
#include "leaks.h"
#include "scratch.h"
#include "wait_until.h"

#define DEFAULT_SEED	20251
#define DEFAULT_OPS	100000
#define SESSIONS	20

/* Each processor counts up to so many files before file-nr shows them. */
static long file_nr_error(void)
{
	return 2 * 32 * sysconf(_SC_NPROCESSORS_CONF);
}

static bool is_all_gone(long files)
{
	if (!wait_until(!thread_count())) {
		fail("a thread is left");
		return false;
	}
	if (!wait_until(file_nr() <= files + file_nr_error())) {
		fail("%ld files are open, and were %ld", file_nr(), files);
		return false;
	}
	return true;
}

static bool unmount_all(void)
{
	bool ok = true;

	for (int i = 0; i < MOUNTS; i++) {
		if (!umount2(mountpoints[i], 0))
			continue;
		fail("umount of mount %d: errno %d", i, errno);
		ok = false;
	}
	if (ok && scratch_umount_backing()) {
		fail("umount of the backing filesystem: errno %d", errno);
		ok = false;
	}
	return ok;
}

static pid_t fork_session(unsigned long ops, const int *to, const int *from)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		close(from[0]);
		close(to[1]);
		session_run(ops, from[1], to[0]);
	}
	close(from[1]);
	close(to[0]);
	return pid;
}

static bool one_session(struct scratch *scratch, unsigned long ops, bool first)
{
	int to[2], from[2], status;
	char byte = 0;
	bool ok;
	pid_t pid;

	if ((!first && scratch_mount_backing(scratch)) || make_files() ||
	    pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
		return false;
	pid = fork_session(ops, to, from);
	ok = read(from[0], &byte, 1) == 1 && unmount_all();
	if (write(to[1], &byte, 1) != 1)
		ok = false;
	if (waitpid(pid, &status, 0) != pid || status)
		ok = false;
	close(to[1]);
	close(from[0]);
	return ok;
}

static unsigned long number_from(const char *variable, unsigned long otherwise)
{
	const char *text = getenv(variable);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

FIXTURE(fuzz) {
	struct scratch scratch;
};

FIXTURE_SETUP(fuzz)
{
	int fd;

	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, scratch_setup(&self->scratch, SCRATCH_TMPFS));
	ASSERT_EQ(0, mkdir(mountpoints[2], 0755));
	fd = open(SCRATCH_ROOT "/regular", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	ASSERT_LE(0, fd);
	close(fd);
	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, totals);
}

FIXTURE_TEARDOWN(fuzz)
{
}

TEST_F_TIMEOUT(fuzz, operations, 1800)
{
	unsigned long ops = number_from("OPS", DEFAULT_OPS);
	unsigned long each = (ops + SESSIONS - 1) / SESSIONS;
	long files = file_nr();
	bool ok = true;

	seed = number_from("SEED", DEFAULT_SEED);
	TH_LOG("SEED=%llu OPS=%lu", (unsigned long long)seed, ops);
	for (int i = 0; i < SESSIONS && ok; i++) {
		session.random = (seed * SESSIONS + i + 1) *
				 0x9e3779b97f4a7c15ULL;
		session.op = i * each;
		ok = one_session(&self->scratch, each, !i) &&
		     is_all_gone(files);
	}
	EXPECT_TRUE(ok);
	TH_LOG("%lu operations", totals->done);
	TH_LOG("BACKING_OPEN: %lu registered, %lu refused", totals->registered,
	       totals->not_registered);
	TH_LOG("BACKING_CLOSE: %lu closed, %lu refused", totals->closed,
	       totals->not_closed);
	TH_LOG("BACKING_ATTACH: %lu attached, %lu refused", totals->attached,
	       totals->not_attached);
	TH_LOG("BACKING_EXTENTS: %lu set, %lu refused, %lu times I/O",
	       totals->extents, totals->not_extents, totals->extents_io);
	TH_LOG("BACKING_DETACH: %lu detached, %lu refused, %lu files revoked",
	       totals->detached, totals->not_detached, totals->revoked);
	TH_LOG("open: %lu opened, %lu refused, %lu of them late, %lu without the server",
	       totals->opened, totals->not_opened, totals->late, totals->local);
	TH_LOG("%lu times I/O, %lu servers lost or aborted", totals->io,
	       totals->aborts);
}

TEST_HARNESS_MAIN
