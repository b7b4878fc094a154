// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once, on several mounts, until it ends in the midst of it.
 *
 * Proves, by KASAN, lockdep and kmemleak where the kernel has them: processes
 * that register, close, attach, detach, revoke, list, close all, change limits,
 * open, read, write, map, splice, forget, evict, look with lsof and lsfusebacking,
 * and then abort, unmount, kill the servers or all that have /dev/fuse, at any
 * time, get documented results only. Whenever they pause, fdinfo, the list, the
 * control filesystem and the thread's table have the same mappings, each id one
 * file, and none is kept without a use. An id that was handed out is not another
 * file's soon after. At the end of each round everything unmounts and no thread
 * is left; at the end of all, as many files and slab objects as at first.
 *
 * STRESS_SEED=N says what is done, STRESS_ROUNDS=N how often, and STRESS_SECONDS=N
 * that it goes on until then; STRESS_FIRST=N begins with a later round.
 *
 * Privilege: root, to mount; the workers are users without capabilities.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <linux/fuse_backing.h>

#include "harness.h"

#include "backing_table.h"
#include "creds.h"
#include "leaks.h"
#include "mount_check.h"
#include "scratch.h"
#include "stress.h"
#include "wait_until.h"

#define OWNER		1000	/* of the mounts: a uid and a gid */
#define CLIENT		2000
#define DEFAULT_SEED	9
#define DEFAULT_ROUNDS	6
#define ROUND_OPS	1500	/* of the clients */
#define PAUSES		3
#define LAST_OPS	150	/* while the mounts end, and afterwards */
#define FIRST_LIMIT	1024

/* Whoever does nothing for so long is stuck, even if all others wait for it */
#define STUCK_STEPS	(12 * WAIT_STEPS)
#define SOON_STEPS	500

enum end { END_ABORT, END_DETACH, END_FORCE, END_SERVER, END_NONE, ENDS };

static const char * const end_names[ENDS] = {
	"abort", "umount -l", "umount -f", "lost server", "none",
};

static const char * const mountpoints[STRESS_MOUNTS] = {
	SCRATCH_FUSE, SCRATCH_FUSE2, SCRATCH_ROOT "/fuse3",
};

struct round {
	struct stress *shared;
	struct fuse_server srv[STRESS_MOUNTS];
	enum end end[STRESS_MOUNTS];
	bool all_lost;		/* the workers with /dev/fuse are killed */
	const char *wrong;
};

static unsigned long number_from(const char *variable, unsigned long otherwise)
{
	const char *text = getenv(variable);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

static void wrong(struct round *r, const char *what)
{
	if (!r->wrong)
		r->wrong = what;
}

/* The backing filesystem and the mounts */

static int make_file(int name)
{
	int fd = open(scratch_path(stress_name(name)),
		      O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	__u32 number = name;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, &number, sizeof(number)) != sizeof(number) ||
	    ftruncate(fd, STRESS_SIZE) < 0 || fchown(fd, OWNER, OWNER) < 0 ||
	    fchmod(fd, 0666) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int make_files(void)
{
	int err = chmod(SCRATCH_BACKING, 0777) < 0 ? -errno : 0;

	for (int name = 0; name < STRESS_MADE && !err; name++)
		err = make_file(name);
	return err;
}

static void set_knobs(struct fuse_server_shared *sh, int mount)
{
	sh->file[STRESS_PER_OPEN].per_open = true;
	sh->file[STRESS_MADE].per_open = true;
	sh->file[STRESS_ATTACHED].attach = FUSE_BACKING_READ |
					   FUSE_BACKING_WRITE;
	/* one that looks names up each time, one that doesn't */
	if (mount == 1)
		sh->entry_valid = 0;
}

static int start_mount(struct round *r, int mount)
{
	const struct fuse_server_opts opts = {
		.mountpoint = mountpoints[mount],
		.backing = SCRATCH_BACKING,
		.uid = OWNER,
		.may_be_refused = true,
	};
	struct fuse_server *srv = &r->srv[mount];
	int err = fuse_server_start(srv, &opts);

	for (int name = 0; name < STRESS_NAMES && !err; name++)
		if (!fuse_server_add(srv, stress_name(name)))
			err = -ENOSPC;
	if (!err)
		set_knobs(srv->sh, mount);
	if (!err && !srv->sh->passthrough)
		err = -EOPNOTSUPP;
	r->shared->mount[mount].strict = !mount;
	return err;
}

/* The workers */

static void close_devs(struct round *r)
{
	for (int i = 0; i < STRESS_MOUNTS; i++)
		fuse_server_close_dev(&r->srv[i]);
}

static bool is_server(int worker)
{
	return worker < STRESS_SERVERS;
}

static bool is_looker(int worker)
{
	return worker >= STRESS_SERVERS + STRESS_CLIENTS;
}

/* A change of credentials clears what the parent's death is to do */
static void become(int worker)
{
	static const struct creds owner = { .uid = OWNER, .gid = OWNER };
	static const struct creds client = { .uid = CLIENT, .gid = CLIENT };

	if (!is_looker(worker) &&
	    creds_set(is_server(worker) ? &owner : &client))
		_exit(1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, is_server(worker) ? "stress_server" :
			   is_looker(worker) ? "stress_looker" :
					       "stress_client");
}

static void be_worker(struct round *r, int worker)
{
	struct stress_self self = {
		.shared = r->shared,
		.worker = &r->shared->worker[worker],
		.srv = r->srv,
	};

	become(worker);
	if (is_server(worker)) {
		stress_be_server(&self);
	} else {
		/* the last close of /dev/fuse is that of those who serve */
		close_devs(r);
		if (is_looker(worker))
			stress_be_looker(&self);
		else
			stress_be_client(&self);
	}
	_exit(0);
}

static int start_workers(struct round *r, __u64 seed)
{
	pid_t pid;

	fflush(NULL);
	for (int i = 0; i < STRESS_WORKERS; i++) {
		struct stress_worker *worker = &r->shared->worker[i];

		worker->random = (seed * STRESS_WORKERS + i + 1) *
				 0x9e3779b97f4a7c15ULL;
		pid = fork();
		if (pid < 0)
			return -errno;
		if (!pid)
			be_worker(r, i);
		worker->pid = pid;
	}
	return 0;
}

static unsigned long ops_done(const struct stress *shared, int from, int to)
{
	unsigned long ops = 0;

	for (int i = from; i < to; i++)
		ops += __atomic_load_n(&shared->worker[i].ops,
				       __ATOMIC_RELAXED);
	return ops;
}

/* Theirs take longest, as they ask the servers: so they are what is counted */
static unsigned long clients_done(const struct stress *shared)
{
	return ops_done(shared, STRESS_SERVERS, STRESS_SERVERS + STRESS_CLIENTS);
}

static bool has_failed(const struct round *r)
{
	return r->wrong ||
	       __atomic_load_n(&r->shared->failed, __ATOMIC_SEQ_CST);
}

static void let_run(struct round *r, unsigned long ops)
{
	unsigned long to = clients_done(r->shared) + ops, last = 0, now;
	int still = 0;

	while ((now = clients_done(r->shared)) < to && !has_failed(r)) {
		usleep(WAIT_STEP_US);
		still = now == last ? still + 1 : 0;
		last = now;
		if (still == STUCK_STEPS)
			wrong(r, "all clients are stuck");
	}
}

static bool all_paused(const struct stress *shared)
{
	for (int i = 0; i < STRESS_WORKERS; i++)
		if (!__atomic_load_n(&shared->worker[i].paused,
				     __ATOMIC_SEQ_CST))
			return false;
	return true;
}

static void check_mounts(struct round *r)
{
	const char *differs;

	for (int i = 0; i < STRESS_MOUNTS && !r->wrong; i++) {
		wait_until(!mount_check(&r->srv[i]));
		differs = mount_check(&r->srv[i]);
		if (!differs)
			continue;
		wrong(r, differs);
		fprintf(stderr, "# mount %d: %s\n", i, differs);
	}
}

static void pause_and_check(struct round *r)
{
	int left = STUCK_STEPS;

	__atomic_store_n(&r->shared->pause, true, __ATOMIC_SEQ_CST);
	while (!all_paused(r->shared) && !has_failed(r) && --left)
		usleep(WAIT_STEP_US);
	if (!left)
		wrong(r, "a worker is stuck");
	if (!has_failed(r))
		check_mounts(r);
	__atomic_store_n(&r->shared->pause, false, __ATOMIC_SEQ_CST);
}

/* The end, while the workers go on */

static void nap(struct stress_self *self)
{
	usleep(stress_below(self, 30000));
}

/* Who waits for a server that is gone waits until somebody aborts */
static void lose_server(struct round *r, int mount, struct stress_self *self)
{
	fuse_server_kill(&r->srv[mount]);
	nap(self);
	fuse_server_abort(&r->srv[mount]);
}

static void end_mount(struct round *r, int mount, struct stress_self *self)
{
	enum end end = stress_below(self, ENDS);

	r->end[mount] = end;
	if (end == END_NONE)
		return;
	__atomic_store_n(&r->shared->mount[mount].over, true, __ATOMIC_SEQ_CST);
	if (end == END_ABORT)
		fuse_server_abort(&r->srv[mount]);
	else if (end == END_SERVER)
		lose_server(r, mount, self);
	else
		umount2(mountpoints[mount],
			end == END_FORCE ? MNT_FORCE | MNT_DETACH : MNT_DETACH);
	nap(self);
}

static bool has_ended(pid_t *pid, int *status)
{
	if (*pid && waitpid(*pid, status, WNOHANG) == *pid)
		*pid = 0;
	return !*pid;
}

static void abort_all(struct round *r)
{
	for (int i = 0; i < STRESS_MOUNTS; i++)
		fuse_server_abort(&r->srv[i]);
}

/* True as soon as it has; it may as well never end on its own, which takes no longer */
static bool ends_soon(pid_t *pid)
{
	int left = SOON_STEPS, status;

	while (!has_ended(pid, &status) && --left)
		usleep(WAIT_STEP_US);
	return !*pid;
}

/*
 * All that have /dev/fuse die, as they do with a multithreaded server, and the
 * last of them ends the connections. One of them may wait for a lock that a
 * client has, who waits for the server (NOTIFY_INVAL_ENTRY locks the directory
 * that is being looked up in): then somebody has to abort.
 */
static void lose_all(struct round *r)
{
	int status;

	for (int i = 0; i < STRESS_MOUNTS; i++) {
		__atomic_store_n(&r->shared->mount[i].over, true,
				 __ATOMIC_SEQ_CST);
		fuse_server_close_dev(&r->srv[i]);
	}
	for (int i = 0; i < STRESS_MOUNTS; i++)
		fuse_server_kill(&r->srv[i]);
	for (int i = 0; i < STRESS_SERVERS; i++)
		kill(r->shared->worker[i].pid, SIGKILL);
	for (int i = 0; i < STRESS_SERVERS; i++) {
		if (ends_soon(&r->shared->worker[i].pid))
			continue;
		abort_all(r);
		if (!wait_until(has_ended(&r->shared->worker[i].pid, &status)))
			wrong(r, "a killed worker doesn't end");
	}
}

static void end_workers(struct round *r)
{
	int status;

	__atomic_store_n(&r->shared->stop, true, __ATOMIC_SEQ_CST);
	for (int i = 0; i < STRESS_WORKERS; i++) {
		pid_t *pid = &r->shared->worker[i].pid;

		if (!*pid)
			continue;
		status = 0;
		if (!wait_until(has_ended(pid, &status))) {
			wrong(r, "a worker doesn't end");
			abort_all(r);
			kill(*pid, SIGKILL);
			wait_until(has_ended(pid, &status));
		}
		if (status)
			wrong(r, "a worker died");
	}
}

/* Everything unmounts; what is detached goes as soon as nobody uses it. */
static void unmount_all(struct round *r)
{
	bool detached = false;

	for (int i = 0; i < STRESS_MOUNTS; i++) {
		if (r->end[i] == END_DETACH || r->end[i] == END_FORCE)
			detached = true;
		else if (!wait_until(!umount2(mountpoints[i], 0)))
			wrong(r, "a mount doesn't unmount");
	}
	if (detached && !wait_until(!thread_count()))
		wrong(r, "the thread of a detached mount is left");
	if (scratch_umount_backing())
		wrong(r, "the backing filesystem is pinned");
	if (!wait_until(!thread_count()))
		wrong(r, "a thread is left");
}

static void stop_servers(struct round *r)
{
	for (int i = 0; i < STRESS_MOUNTS; i++) {
		if (r->srv[i].sh && r->srv[i].sh->bad_fh)
			wrong(r, "the server got a handle that it never gave");
		fuse_server_stop(&r->srv[i]);
	}
}

static void act(struct round *r, struct stress_self *self)
{
	for (int i = 0; i < PAUSES && !has_failed(r); i++) {
		let_run(r, ROUND_OPS / PAUSES);
		pause_and_check(r);
	}
	for (int i = 0; i < STRESS_MOUNTS && !has_failed(r); i++)
		end_mount(r, i, self);
	let_run(r, LAST_OPS);
	r->all_lost = stress_chance(self, 40);
	if (r->all_lost && !has_failed(r))
		lose_all(r);
	end_workers(r);
}

static void print_round(const struct round *r, unsigned long nr, __u64 seed)
{
	fprintf(stderr, "# STRESS_SEED=%llu STRESS_FIRST=%lu: %s; ends:",
		(unsigned long long)seed, nr, r->wrong ?: "failed");
	for (int i = 0; i < STRESS_MOUNTS; i++)
		fprintf(stderr, " %s", end_names[r->end[i]]);
	fprintf(stderr, "%s\n", r->all_lost ? ", all lost" : "");
	stress_print_logs(r->shared);
}

/* 0, or -errno of what could not even begin. */
static int start_round(struct round *r, __u64 seed)
{
	int err = make_files();

	for (int i = 0; i < STRESS_MOUNTS && !err; i++)
		err = start_mount(r, i);
	return err ?: start_workers(r, seed);
}

static bool one_round(struct round *r, unsigned long nr, __u64 seed)
{
	__u64 round_seed = seed * 1000 + nr;
	struct stress_worker me = {
		.random = (round_seed + 1) * 0xbf58476d1ce4e5b9ULL,
	};
	struct stress_self self = { r->shared, &me, r->srv };
	int err = start_round(r, round_seed);

	if (err)
		wrong(r, strerror(-err));
	act(r, &self);
	if (!has_failed(r))
		unmount_all(r);
	stop_servers(r);
	if (has_failed(r))
		print_round(r, nr, seed);
	return !has_failed(r);
}

FIXTURE(stress) {
	struct scratch scratch;
	struct round round;
};

FIXTURE_SETUP(stress)
{
	const struct rlimit limit = { FIRST_LIMIT, FIRST_LIMIT };
	struct round *r = &self->round;
	int err;

	if (geteuid())
		SKIP(return, "needs root");
	err = scratch_setup(&self->scratch, SCRATCH_EXT4);
	if (err == -EOPNOTSUPP)
		SKIP(return, "needs loop devices, mkfs.ext4");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, mkdir(mountpoints[2], 0755));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	r->shared = mmap(NULL, sizeof(*r->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, r->shared);
}

FIXTURE_TEARDOWN(stress)
{
}

static bool is_time_up(time_t start, unsigned long rounds)
{
	return rounds >= number_from("STRESS_ROUNDS", DEFAULT_ROUNDS) &&
	       time(NULL) >= start + (time_t)number_from("STRESS_SECONDS", 0);
}

TEST_F_TIMEOUT(stress, everything_at_once, 36000)
{
	__u64 seed = number_from("STRESS_SEED", DEFAULT_SEED);
	unsigned long first = number_from("STRESS_FIRST", 0), ops = 0;
	struct round *r = &self->round;
	static struct leaks before;
	time_t start = time(NULL);
	unsigned long nr = 0;

	TH_LOG("STRESS_SEED=%llu", (unsigned long long)seed);
	do {
		struct stress *shared = r->shared;

		memset(shared, 0, sizeof(*shared));
		*r = (struct round) { .shared = shared };
		if (nr) {
			/* ext4 and tmpfs by turns */
			self->scratch.fs = nr % 2 ? SCRATCH_TMPFS : SCRATCH_EXT4;
			ASSERT_EQ(0, scratch_mount_backing(&self->scratch));
		}
		ASSERT_TRUE(one_round(r, first + nr, seed));
		ops += ops_done(shared, 0, STRESS_WORKERS);
		/* the first one has filled all caches */
		if (!nr)
			leaks_begin(&before);
	} while (!is_time_up(start, ++nr));
	TH_LOG("%lu rounds, %lu operations", nr, ops);
	leaks_end(_metadata, &before);
}

TEST_HARNESS_MAIN
