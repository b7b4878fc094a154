// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE_DEV_IOC_BACKING_REFUSAL: why the last call of this thread was refused.
 *
 * Proves: it says errno and word of each ioctl that is refused, those of the tracepoint;
 * also to who isn't permitted to call any of the others. What succeeds, and errors that
 * are no refusals, leave what was before. Each thread hears of its own calls, on this
 * connection, and of no others'; and nothing if it made none. More threads at once than
 * the kernel remembers hear the truth or nothing.
 *
 * Privilege: root, to mount, and to switch fuse.unprivileged_passthrough off.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "harness.h"

#include "attack.h"
#include "backing_ioctl.h"
#include "creds.h"
#include "fuse_server.h"
#include "module_param.h"
#include "reject_trace.h"
#include "scratch.h"

#define NODE		4242
#define SLOTS		8	/* of the kernel's memory */
#define THREADS		32
#define ROUNDS		200

FIXTURE(refusal) {
	struct attack attack;
	int dev;
};

FIXTURE_SETUP(refusal)
{
	int err = attack_setup(&self->attack, SCRATCH_TMPFS, false);

	self->dev = self->attack.srv->fd;
	attack_ready(_metadata, err);
}

FIXTURE_TEARDOWN(refusal)
{
	attack_teardown(&self->attack);
}

/* Is it this errno, negative, and this word? */
static bool is_refusal(int dev, int err, const char *reason)
{
	struct fuse_backing_refusal refusal;

	memset(&refusal, 0xff, sizeof(refusal));
	if (fuse_backing_last_refusal(dev, &refusal) < 0)
		return false;
	return refusal.error == (__u32)-err && !refusal.reserved &&
	       !strncmp(refusal.reason, reason, sizeof(refusal.reason));
}

static bool is_none(int dev)
{
	return is_refusal(dev, 0, "");
}

static int attach(int dev, int id)
{
	return fuse_attach_backing(dev, NODE, 0, id, FUSE_BACKING_READ);
}

TEST_F(refusal, of_each_call)
{
	struct reject_trace *trace = &self->attack.trace;
	const dev_t st_dev = self->attack.srv->dev;
	const int dev = self->dev;

	EXPECT_TRUE(is_none(dev));
	EXPECT_EQ(-EBADF, fuse_backing_open(dev, -1));
	EXPECT_TRUE(is_refusal(dev, -EBADF, "bad-descriptor"));
	EXPECT_TRUE(reject_trace_has(trace, st_dev, 0, -EBADF, "bad-descriptor"));
	EXPECT_EQ(-EISDIR, fuse_backing_open_path(dev, "/", O_RDONLY));
	EXPECT_TRUE(is_refusal(dev, -EISDIR, "file-type"));
	EXPECT_EQ(-EINVAL, fuse_backing_close(dev, -3));
	EXPECT_TRUE(is_refusal(dev, -EINVAL, "bad-argument"));
	EXPECT_EQ(-ENOENT, fuse_detach_backing(dev, NODE, 0, 0));
	EXPECT_TRUE(is_refusal(dev, -ENOENT, "not-attached"));
	EXPECT_EQ(-ENOENT, attach(dev, 77));
	EXPECT_TRUE(is_refusal(dev, -ENOENT, "unknown-id"));
	EXPECT_TRUE(reject_trace_has(trace, st_dev, 77, -ENOENT, "unknown-id"));
	/* asking takes nothing away */
	EXPECT_TRUE(is_refusal(dev, -ENOENT, "unknown-id"));
}

TEST_F(refusal, stays_until_the_next)
{
	const int dev = self->dev;
	int id;

	EXPECT_EQ(-EBADF, fuse_backing_open(dev, -1));
	id = fuse_backing_open_path(dev, scratch_path("own"), O_RDWR);
	ASSERT_LT(0, id);
	EXPECT_EQ(0, fuse_backing_close(dev, id));
	EXPECT_EQ(-1, ioctl(dev, FUSE_DEV_IOC_BACKING_OPEN, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_TRUE(is_refusal(dev, -EBADF, "bad-descriptor"));
}

static int ask_when_not_permitted(void *arg)
{
	const int dev = *(int *)arg;

	if (fuse_backing_close(dev, 1) != -EPERM)
		return -EBADE;
	return is_refusal(dev, -EPERM, "switched-off") ? 0 : -EBADMSG;
}

TEST_F(refusal, who_is_not_permitted_hears_it)
{
	int err;

	ASSERT_EQ(0, switch_passthrough(false));
	err = creds_call(&owner, ask_when_not_permitted, &self->dev);
	ASSERT_EQ(0, switch_passthrough(true));
	EXPECT_EQ(0, err);
}

TEST_F(refusal, of_another_connection)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_BACKING,
	};
	struct fuse_server other;

	ASSERT_EQ(0, fuse_server_start(&other, &opts));
	EXPECT_EQ(-EBADF, fuse_backing_open(self->dev, -1));
	EXPECT_TRUE(is_none(other.fd));
	EXPECT_EQ(-EINVAL, fuse_backing_close(other.fd, -3));
	EXPECT_TRUE(is_refusal(other.fd, -EINVAL, "bad-argument"));
	EXPECT_TRUE(is_refusal(self->dev, -EBADF, "bad-descriptor"));
	fuse_server_stop(&other);
}

static void *hear_nothing(void *arg)
{
	return (void *)(uintptr_t)is_none(*(int *)arg);
}

/* Numbers follow each other, so some of them share the slot of this one. */
TEST_F(refusal, of_another_thread)
{
	pthread_t thread;
	void *none;
	int i;

	EXPECT_EQ(-EBADF, fuse_backing_open(self->dev, -1));
	for (i = 0; i < 2 * SLOTS; i++) {
		ASSERT_EQ(0, pthread_create(&thread, NULL, hear_nothing,
					    &self->dev));
		ASSERT_EQ(0, pthread_join(thread, &none));
		EXPECT_NE(NULL, none);
	}
	EXPECT_TRUE(is_refusal(self->dev, -EBADF, "bad-descriptor"));
}

struct crowd {
	int dev;
	unsigned int number;
	unsigned int known;
	unsigned int wrong;
	pthread_t thread;
};

/* Threads that share a slot are refused different things. */
static void *be_refused(void *arg)
{
	struct crowd *crowd = arg;
	const bool odd = crowd->number / SLOTS % 2;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		if (odd)
			fuse_backing_open(crowd->dev, -1);
		else
			fuse_backing_close(crowd->dev, -3);
		if (is_refusal(crowd->dev, odd ? -EBADF : -EINVAL,
			       odd ? "bad-descriptor" : "bad-argument"))
			crowd->known++;
		else if (!is_none(crowd->dev))
			crowd->wrong++;
	}
	return NULL;
}

TEST_F_TIMEOUT(refusal, of_many_threads, 120)
{
	struct crowd crowd[THREADS] = {};
	unsigned int known = 0, wrong = 0;
	int i;

	for (i = 0; i < THREADS; i++) {
		crowd[i].dev = self->dev;
		crowd[i].number = i;
		ASSERT_EQ(0, pthread_create(&crowd[i].thread, NULL, be_refused,
					    &crowd[i]));
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(crowd[i].thread, NULL);
		known += crowd[i].known;
		wrong += crowd[i].wrong;
	}
	TH_LOG("known to %u of %u", known, THREADS * ROUNDS);
	EXPECT_EQ(0, wrong);
	EXPECT_LT(0, known);
}

TEST_F(refusal, arguments)
{
	struct fuse_backing_refusal *nowhere;
	int unmounted;

	nowhere = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, nowhere);
	EXPECT_EQ(-EFAULT, fuse_backing_last_refusal(self->dev, nowhere));
	munmap(nowhere, 4096);
	unmounted = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, unmounted);
	EXPECT_FALSE(is_none(unmounted));
	EXPECT_EQ(EPERM, errno);
	close(unmounted);
}

TEST_HARNESS_MAIN
