// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks by attaching, giving extents, detaching, revoking, listing and closing
 * all.
 *
 * Proves: with fuse.unprivileged_passthrough off, without passthrough and
 * without a mount these are refused; who holds /dev/fuse may call them, and
 * reaches nothing of another connection; what is no regular file, no inode or
 * another generation gets nothing attached; a connection that was aborted or
 * unmounted takes nothing, and what a flood of attachments that wait left behind
 * goes with the server; clients, a revocation and the server's other calls may
 * run against each other. Each of these has a neighbour that works.
 *
 * Privilege: root, to mount for ordinary users. The servers are those, without
 * capabilities.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "harness.h"

#include "attack.h"
#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "module_param.h"
#include "reject_trace.h"
#include "wait_until.h"

#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define PENDING		FUSE_BACKING_ATTACH_PENDING
#define REVOKE		FUSE_BACKING_DETACH_REVOKE
#define NOWHERE		1000	/* node ids that no server knows */
#define LIMIT		32
#define BLOCK		4096

FIXTURE(calls) {
	struct attack attack;
	struct fuse_server *srv;
	__u64 node;		/* of "own", which the kernel knows */
	int dev;
};

FIXTURE_SETUP(calls)
{
	int err = attack_setup(&self->attack, SCRATCH_TMPFS, false);
	struct stat st;

	if (!attack_ready(_metadata, err))
		return;
	self->srv = self->attack.srv;
	self->dev = self->srv->fd;
	self->node = fuse_server_node(self->srv,
				      attack_file(&self->attack, "own"));
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/own", &st));
}

FIXTURE_TEARDOWN(calls)
{
	EXPECT_EQ(0, self->srv->sh->bad_fh)
		TH_LOG("opcode %u", self->srv->sh->bad_op);
	attack_teardown(&self->attack);
}

/* One call each, in an order in which all of them succeed. */

struct args {
	int dev;
	__u64 node;
	int id;
};

static int call_attach(void *arg)
{
	const struct args *a = arg;

	return fuse_attach_backing(a->dev, a->node, 0, a->id, BOTH);
}

static int call_detach(void *arg)
{
	const struct args *a = arg;

	return fuse_detach_backing(a->dev, a->node, 0, 0);
}

static int call_revoke(void *arg)
{
	const struct args *a = arg;

	return fuse_detach_backing(a->dev, a->node, 0, REVOKE);
}

/* "own", all of which is what the id maps. */
static int set_extents(int dev, __u64 node, int id, __u32 flags)
{
	const struct fuse_backing_extent extent = {
		.length = FILE_SIZE,
		.backing_id = id,
	};

	return fuse_backing_set_extents(dev, node, &extent, 1, flags);
}

static int call_extents(void *arg)
{
	const struct args *a = arg;

	return set_extents(a->dev, a->node, a->id, BOTH);
}

static int call_list(void *arg)
{
	const struct args *a = arg;

	return fuse_list_backing(a->dev, NULL, 0);
}

static int call_close_all(void *arg)
{
	const struct args *a = arg;

	return fuse_backing_close_all(a->dev);
}

static int (*const calls[])(void *arg) = {
	call_attach, call_detach, call_attach, call_revoke, call_extents,
	call_detach, call_list, call_close_all,
};

#define CALLS	ARRAY_SIZE(calls)

/* What each of them says to @who. */
static void call_all(const struct creds *who, int dev, __u64 node, int id,
		     int *results)
{
	struct args args = { dev, node, id };

	for (size_t i = 0; i < CALLS; i++)
		results[i] = creds_call(who, calls[i], &args);
}

static bool all_say(const int *results, int want)
{
	bool all = true;

	for (size_t i = 0; i < CALLS; i++) {
		if (results[i] == want)
			continue;
		fprintf(stderr, "# call %zu: %d, expected %d\n", i, results[i],
			want);
		all = false;
	}
	return all;
}

static int register_own(struct attack *attack)
{
	return attack_register_path(attack, scratch_path("own"), O_RDWR);
}

/* Who may call */

TEST_F(calls, switched_off)
{
	const struct creds root = { 0, 0, CREDS_CAP(CAP_SYS_ADMIN) };
	struct attack *attack = &self->attack;
	int id = register_own(attack);
	int off[CALLS], by_root[CALLS], on[CALLS];
	int err;

	ASSERT_LT(0, id);
	err = switch_passthrough(false);
	if (!err) {
		call_all(&owner, self->dev, self->node, id, off);
		call_all(&root, self->dev, self->node, id, by_root);
		err = switch_passthrough(true);
	}
	ASSERT_EQ(0, err);
	EXPECT_TRUE(all_say(off, -EPERM));
	EXPECT_TRUE(attack_rejected(attack, id, -EPERM, "switched-off"));
	EXPECT_TRUE(attack_rejected(attack, 0, -EPERM, "switched-off"));
	EXPECT_TRUE(all_say(by_root, 0));

	id = register_own(attack);
	ASSERT_LT(0, id);
	call_all(&owner, self->dev, self->node, id, on);
	EXPECT_TRUE(all_say(on, 0));
}

TEST_F(calls, not_negotiated)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_BACKING,
		.no_passthrough = true,
		.uid = OWNER,
	};
	struct fuse_server srv;
	int results[CALLS];

	ASSERT_EQ(0, fuse_server_start(&srv, &opts));
	call_all(&owner, srv.fd, self->node, 1, results);
	EXPECT_TRUE(all_say(results, -EPERM));
	EXPECT_TRUE(reject_trace_has(&self->attack.trace, srv.dev, 1, -EPERM,
				     "not-negotiated"));
	fuse_server_stop(&srv);
}

TEST_F(calls, before_mount)
{
	int dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	int results[CALLS];

	ASSERT_LE(0, dev);
	call_all(&owner, dev, self->node, 1, results);
	EXPECT_TRUE(all_say(results, -EPERM));
	close(dev);
}

/* Holding /dev/fuse is the right to it, as it is to all a server does. */
TEST_F(calls, inherited)
{
	int id = register_own(&self->attack);
	int results[CALLS];

	ASSERT_LT(0, id);
	call_all(&stranger, self->dev, self->node, id, results);
	EXPECT_TRUE(all_say(results, 0));
}

/* What they reach */

/* The same node and the same id are other ones there. */
TEST_F(calls, other_connection)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_BACKING,
		.uid = STRANGER,
	};
	struct fuse_backing_entry entry[4];
	struct fuse_server other;
	struct stat st;
	int id, fd;

	ASSERT_EQ(0, fuse_server_start(&other, &opts));
	ASSERT_NE(NULL, fuse_server_add(&other, "own"));
	ASSERT_EQ(0, stat(SCRATCH_FUSE2 "/own", &st));
	id = register_own(&self->attack);
	for (int i = 1; i <= 3; i++)
		ASSERT_EQ(i, fuse_backing_open_path(other.fd,
						    scratch_path("root"),
						    O_RDONLY));
	ASSERT_EQ(1, id);
	EXPECT_EQ(-ENOENT, attack_attach(&self->attack, self->node, 3));
	EXPECT_EQ(-ENOENT, set_extents(self->dev, self->node, 3, BOTH));
	EXPECT_TRUE(attack_rejected(&self->attack, 3, -ENOENT, "unknown-id"));
	ASSERT_EQ(0, attack_attach(&self->attack, self->node, id));
	ASSERT_EQ(0, fuse_attach_backing(other.fd, self->node, 0, id, BOTH));
	fd = fuse_server_open(self->srv, "own", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, attack_reads(fd, SEED_OWN));

	ASSERT_EQ(3, fuse_list_backing(other.fd, entry, ARRAY_SIZE(entry)));
	EXPECT_EQ(0, fuse_detach_backing(other.fd, self->node, 0, REVOKE));
	EXPECT_EQ(0, fuse_backing_close_all(other.fd));
	EXPECT_EQ(0, fuse_list_backing(other.fd, entry, ARRAY_SIZE(entry)));
	ASSERT_EQ(1, fuse_list_backing(self->dev, entry, ARRAY_SIZE(entry)));
	EXPECT_EQ(1, entry[0].attached);
	EXPECT_EQ(1, entry[0].files);
	close(fd);
	fd = fuse_server_open(self->srv, "own", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, attack_reads(fd, SEED_OWN));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_OPEN));
	close(fd);
	fuse_server_stop(&other);
}

TEST_F(calls, wrong_generation)
{
	int id = register_own(&self->attack);

	ASSERT_LT(0, id);
	EXPECT_EQ(-ENOENT, fuse_attach_backing(self->dev, self->node, 1, id,
					       BOTH));
	EXPECT_TRUE(attack_rejected(&self->attack, id, -ENOENT, "no-inode"));
	EXPECT_EQ(-ENOENT, fuse_attach_backing(self->dev, NOWHERE, 0, id,
					       BOTH));
	ASSERT_EQ(0, fuse_attach_backing(self->dev, self->node, 0, id, BOTH));
	EXPECT_EQ(-EEXIST, fuse_attach_backing(self->dev, self->node, 0, id,
					       BOTH));
	EXPECT_TRUE(attack_rejected(&self->attack, id, -EEXIST, "attached"));
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, self->node, 1, 0));
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, self->node, 1,
					       REVOKE));
	EXPECT_TRUE(attack_rejected(&self->attack, 0, -ENOENT, "not-attached"));
	EXPECT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
}

/* Something of that type in the directory, which the kernel gets to know. */
static int show(struct fuse_server *srv, const char *name, mode_t type)
{
	char path[PATH_MAX + 32];
	struct stat st;
	int err;

	if (type == S_IFDIR)
		err = mkdir(scratch_path(name), 0755);
	else if (type == S_IFLNK)
		err = symlink("own", scratch_path(name));
	else
		err = mknod(scratch_path(name), type | 0644, makedev(1, 3));
	if (err < 0)
		return -errno;
	if (!fuse_server_add(srv, name))
		return -ENOSPC;
	snprintf(path, sizeof(path), "%s/%s", srv->mountpoint, name);
	if (lstat(path, &st) < 0)
		return -errno;
	return (st.st_mode & S_IFMT) == type ? 0 : -ENOTSUP;
}

TEST_F(calls, no_regular_file)
{
	static const struct {
		const char *name;
		mode_t type;
		int result;
	} kinds[] = {
		{ "file", S_IFREG, 0 },
		{ "directory", S_IFDIR, -EISDIR },
		{ "link", S_IFLNK, -EINVAL },
		{ "pipe", S_IFIFO, -EINVAL },
		{ "socket", S_IFSOCK, -EINVAL },
		{ "device", S_IFCHR, -EINVAL },
		{ "block device", S_IFBLK, -EINVAL },
	};
	struct attack *attack = &self->attack;
	int id = register_own(attack), result;
	int dev = self->dev;
	__u64 node;

	ASSERT_LT(0, id);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		ASSERT_EQ(0, show(self->srv, kinds[i].name, kinds[i].type))
			TH_LOG("%s", kinds[i].name);
		node = fuse_server_node(self->srv,
					attack_file(attack, kinds[i].name));
		result = fuse_attach_backing(dev, node, 0, id, BOTH | PENDING);
		EXPECT_EQ(kinds[i].result, result)
			TH_LOG("%s", kinds[i].name);
		fuse_detach_backing(dev, node, 0, 0);
		result = set_extents(dev, node, id, BOTH | PENDING);
		EXPECT_EQ(kinds[i].result, result)
			TH_LOG("%s, extents", kinds[i].name);
	}
	EXPECT_TRUE(attack_rejected(attack, id, -EISDIR, "file-type"));
	EXPECT_TRUE(attack_rejected(attack, id, -EINVAL, "file-type"));
	EXPECT_EQ(-EISDIR, fuse_attach_backing(dev, FUSE_ROOT_ID, 0, id, BOTH));
	EXPECT_EQ(-EISDIR, set_extents(dev, FUSE_ROOT_ID, id, BOTH));
	EXPECT_EQ(-EINVAL, fuse_attach_backing(dev, 0, 0, id, BOTH));
	EXPECT_EQ(-EINVAL, set_extents(dev, 0, id, BOTH));
}

/* After the end */

TEST_F(calls, aborted)
{
	struct attack *attack = &self->attack;
	int id = register_own(attack), fd;
	struct fuse_backing_entry entry[2];

	ASSERT_LT(0, id);
	ASSERT_EQ(0, attack_attach(attack, self->node, id));
	fd = fuse_server_open(self->srv, "own", O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fuse_server_abort(self->srv));

	EXPECT_EQ(-ENOTCONN, attack_attach(attack, self->node, id));
	EXPECT_EQ(-ENOTCONN, fuse_attach_backing(self->dev, NOWHERE, 0, id,
						 BOTH | PENDING));
	EXPECT_EQ(-ENOTCONN, set_extents(self->dev, self->node, id, BOTH));
	EXPECT_TRUE(attack_rejected(attack, id, -ENOTCONN, "table"));
	EXPECT_EQ(0, fuse_backing_close_all(self->dev));
	EXPECT_TRUE(wait_until(fuse_detach_backing(self->dev, self->node, 0,
						   0) == -ENOENT));

	/* What is open stays, until it is taken away or closed. */
	EXPECT_EQ(0, attack_reads(fd, SEED_OWN));
	ASSERT_EQ(1, fuse_list_backing(self->dev, entry, ARRAY_SIZE(entry)));
	EXPECT_EQ(FUSE_BACKING_STATE_CLOSING, entry[0].state);
	EXPECT_EQ(0, fuse_detach_backing(self->dev, self->node, 0, REVOKE));
	EXPECT_EQ(0, fuse_list_backing(self->dev, entry, ARRAY_SIZE(entry)));
	EXPECT_EQ(-EIO, attack_reads(fd, SEED_OWN));
	close(fd);
}

TEST_F(calls, unmounted)
{
	struct attack *attack = &self->attack;
	int id = register_own(attack);

	ASSERT_LT(0, id);
	ASSERT_EQ(0, attack_attach(attack, self->node, id));
	ASSERT_EQ(0, fuse_attach_backing(self->dev, NOWHERE, 0, id,
					 BOTH | PENDING));
	ASSERT_EQ(0, umount2(SCRATCH_FUSE, 0));
	EXPECT_EQ(-ENOTCONN, attack_attach(attack, self->node, id));
	EXPECT_EQ(-ENOTCONN, fuse_attach_backing(self->dev, NOWHERE, 0, id,
						 BOTH | PENDING));
	EXPECT_EQ(-ENOTCONN, set_extents(self->dev, self->node, id, BOTH));
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, self->node, 0, 0));
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->dev, self->node, 0,
					       REVOKE));
	EXPECT_EQ(0, fuse_list_backing(self->dev, NULL, 0));
	EXPECT_EQ(0, fuse_backing_close_all(self->dev));
	EXPECT_EQ(0, scratch_umount_backing());
}

/* Attach, for nodes that never come, until there is no more room: how many. */
static int flood(int dev, bool one_id)
{
	int id = fuse_backing_open_path(dev, scratch_path("own"), O_RDWR);
	int err = 0, n = 0;

	while (id > 0 && !err && n <= 2 * LIMIT) {
		err = fuse_attach_backing(dev, NOWHERE + n, 0, id,
					  BOTH | PENDING);
		if (err)
			break;
		n++;
		if (!one_id)
			id = fuse_backing_open_once(dev, scratch_path("own"),
						    O_RDWR);
	}
	return (err ?: id) == -EMFILE ? n : err;
}

TEST_F(calls, flood)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_BACKING,
		.uid = OWNER,
	};
	const struct rlimit limit = { LIMIT, LIMIT };
	struct fuse_backing_entry entry[LIMIT];
	struct fuse_server other;
	pid_t thread;
	int id;

	ASSERT_EQ(0, fuse_server_start(&other, &opts));
	ASSERT_LT(0, register_own(&self->attack));
	ASSERT_EQ(0, fuse_backing_close_all(self->dev));
	thread = thread_find(self->srv->dev);
	ASSERT_EQ(0, prlimit(thread, RLIMIT_NOFILE, &limit, NULL));

	/* By one id, and with an id for each, as many as there may be files. */
	EXPECT_EQ(LIMIT, flood(self->dev, true));
	EXPECT_EQ(1, fuse_list_backing(self->dev, entry, LIMIT));
	EXPECT_EQ(LIMIT, entry[0].pending);
	EXPECT_EQ(0, fuse_backing_close(self->dev, entry[0].id));
	EXPECT_EQ(0, fuse_list_backing(self->dev, entry, LIMIT));
	EXPECT_EQ(LIMIT - 1, flood(self->dev, false));
	EXPECT_EQ(LIMIT - 1, fuse_list_backing(self->dev, entry, LIMIT));
	EXPECT_EQ(LIMIT - 1, table_count(thread));

	/* The neighbour has its own limit. */
	id = fuse_backing_open_path(other.fd, scratch_path("own"), O_RDWR);
	ASSERT_LT(0, id);
	EXPECT_EQ(0, fuse_attach_backing(other.fd, NOWHERE, 0, id,
					 BOTH | PENDING));
	fuse_server_stop(&other);

	ASSERT_EQ(0, fuse_server_kill(self->srv));
	fuse_server_close_dev(self->srv);
	EXPECT_TRUE(wait_until(!table_count(thread)));
	EXPECT_EQ(0, umount2(SCRATCH_FUSE, 0));
	EXPECT_EQ(0, scratch_umount_backing());
}

/* Revocations against clients, attachments and the end of everything */

#define CLIENTS	2
#define ROUNDS	150

#define GET(x)		__atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define SET(x, to)	__atomic_store_n(&(x), to, __ATOMIC_RELEASE)

struct race {
	const struct fuse_server *srv;
	__u64 node;
	int rounds;		/* of one client */
	bool stop;
	bool ended;		/* anything may fail from now on */
	int failed;		/* an errno that nobody expected */
	pthread_t thread[CLIENTS + 2];
};

/* One of the calls came to @result, which may also be @other or @another. */
static void judge(struct race *race, int result, int other, int another)
{
	if (result < 0 && result != other && result != another &&
	    !GET(race->ended))
		SET(race->failed, result);
}

/* Read what is there, and write the same. */
static int use_file(int fd)
{
	char want[BLOCK], got[BLOCK];

	scratch_pattern(want, sizeof(want), SEED_OWN);
	if (pread(fd, got, sizeof(got), 0) != sizeof(got))
		return -errno;
	if (memcmp(want, got, sizeof(want)))
		return -EILSEQ;
	return pwrite(fd, got, sizeof(got), 0) == sizeof(got) ? 0 : -errno;
}

/* An id that comes with a reply may be closed before it arrives. */
static void *race_client(void *arg)
{
	struct race *race = arg;
	int fd;

	while (!GET(race->stop)) {
		fd = fuse_server_open(race->srv, "own", O_RDWR);
		judge(race, fd, -ENOENT, 0);
		__atomic_add_fetch(&race->rounds, 1, __ATOMIC_ACQ_REL);
		if (fd < 0)
			continue;
		for (int i = 0; i < 4; i++)
			judge(race, use_file(fd), 0, 0);
		close(fd);
	}
	return NULL;
}

static void *race_attach(void *arg)
{
	struct race *race = arg;
	int dev = race->srv->fd, id;

	for (unsigned int i = 0; !GET(race->stop); i++) {
		id = fuse_backing_open_once(dev, scratch_path("own"), O_RDWR);
		judge(race, id, 0, 0);
		judge(race, fuse_attach_backing(dev, race->node, 0, id, BOTH),
		      -EEXIST, -ENOENT);
		judge(race, fuse_detach_backing(dev, race->node, 0,
						i % 3 ? REVOKE : 0),
		      -ENOENT, 0);
	}
	return NULL;
}

static void *race_close(void *arg)
{
	struct race *race = arg;
	struct fuse_backing_entry entry[8];
	int dev = race->srv->fd;

	while (!GET(race->stop)) {
		judge(race, fuse_list_backing(dev, entry, ARRAY_SIZE(entry)), 0,
		      0);
		judge(race, fuse_detach_backing(dev, race->node, 0, REVOKE),
		      -ENOENT, 0);
		judge(race, fuse_backing_close_all(dev), 0, 0);
	}
	return NULL;
}

static int race_start(struct race *race)
{
	int n = 0, err = 0;

	for (; n < CLIENTS && !err; n++)
		err = pthread_create(&race->thread[n], NULL, race_client, race);
	err = err ?: pthread_create(&race->thread[n++], NULL, race_attach,
				    race);
	return err ?: pthread_create(&race->thread[n], NULL, race_close, race);
}

static bool race_goes_on(struct race *race)
{
	int rounds = GET(race->rounds);

	return wait_until(GET(race->rounds) > rounds + ROUNDS ||
			  GET(race->failed));
}

static void race_end(struct race *race)
{
	SET(race->stop, true);
	for (int i = 0; i < CLIENTS + 2; i++)
		pthread_join(race->thread[i], NULL);
}

TEST_F_TIMEOUT(calls, races, 200)
{
	struct race race = { .srv = self->srv, .node = self->node };

	/* Every reply brings an id of its own. */
	attack_file(&self->attack, "own")->per_open = true;
	ASSERT_EQ(0, race_start(&race));
	EXPECT_TRUE(race_goes_on(&race));
	race_end(&race);
	EXPECT_EQ(0, race.failed);
	fuse_detach_backing(self->dev, self->node, 0, 0);
	EXPECT_EQ(0, fuse_backing_close_all(self->dev));
	EXPECT_EQ(0, fuse_list_backing(self->dev, NULL, 0));
	EXPECT_TRUE(wait_until(!table_count(thread_find(self->srv->dev))));
	EXPECT_EQ(0, attack_untouched("own", SEED_OWN));
}

TEST_F_TIMEOUT(calls, races_against_the_end, 200)
{
	struct race race = { .srv = self->srv, .node = self->node };

	attack_file(&self->attack, "own")->per_open = true;
	ASSERT_EQ(0, race_start(&race));
	EXPECT_TRUE(race_goes_on(&race));
	SET(race.ended, true);
	EXPECT_EQ(0, fuse_server_abort(self->srv));
	EXPECT_TRUE(race_goes_on(&race));
	race_end(&race);
	EXPECT_EQ(0, race.failed);
	EXPECT_EQ(0, umount2(SCRATCH_FUSE, 0));
	EXPECT_EQ(0, scratch_umount_backing());
}

TEST_HARNESS_MAIN
