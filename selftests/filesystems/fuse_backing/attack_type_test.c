// SPDX-License-Identifier: GPL-2.0
/*
 * A tree on a FUSE whose server says of another inode that it is one that is known.
 *
 * What is below a tree is known by the backing inode's address, which nothing keeps from
 * being another's, by its number and its generation, which the FUSE's server makes up. So
 * it has inodes made, all of that number, until one has the address, and then says that
 * this is what the name stands for.
 *
 * Proves: it can be another file then, which it could have been anyway; but no device,
 * which nobody has looked for a mount's nodev with, and no fifo.
 *
 * Privilege: root, to mount for an ordinary user who has both servers and is the client.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "harness.h"

#include "attack.h"
#include "backing_ioctl.h"
#include "creds.h"
#include "wait_until.h"

#define LOWER	SCRATCH_OTHER
#define NAME	"known"
#define INODES	300		/* that are made at a time */
#define FIRST	1000		/* their node ids */
#define INO	42
#define ROUNDS	20

#define BELOW	(FUSE_BACKING_OPS_LOOKUP | FUSE_BACKING_OPS_ATTR |	\
		 FUSE_BACKING_OPS_OPEN)

/* What the server below says, in memory that it shares with the test */
struct lower {
	bool ready;
	__u64 node;	/* that NAME stands for */
	__u32 mode;	/* of all that are FIRST and above */
};

FIXTURE(type) {
	struct attack attack;
	struct lower *lower;
	pid_t pid;
	int known;	/* what the client has */
	int made[INODES];
};

static __u32 mode_of(const struct lower *lower, __u64 node)
{
	if (node == FUSE_ROOT_ID)
		return S_IFDIR | 0755;
	return node >= FIRST ? lower->mode : S_IFREG | 0666;
}

static void fill_attr(const struct lower *lower, __u64 node, struct fuse_attr *attr)
{
	*attr = (struct fuse_attr) {
		.ino = node == FUSE_ROOT_ID ? node : INO,
		.mode = mode_of(lower, node),
		.nlink = 1,
		.uid = OWNER,
		.gid = OWNER,
		.rdev = makedev(1, 5),	/* /dev/zero */
		.blksize = 4096,
	};
}

static void answer(int dev, __u64 unique, int error, const void *data, size_t len)
{
	struct fuse_out_header out = {
		.len = sizeof(out) + len,
		.error = error,
		.unique = unique,
	};
	struct iovec iov[] = { { &out, sizeof(out) }, { (void *)data, len } };

	if (writev(dev, iov, len ? 2 : 1) < 0 && errno != ENOENT)
		_exit(1);
}

static void do_lookup(int dev, const struct lower *lower,
		      const struct fuse_in_header *in, const char *name)
{
	struct fuse_entry_out entry = { .generation = 7 };

	/* "known" is forgotten as soon as nobody uses it */
	entry.nodeid = lower->node;
	if (strcmp(name, NAME))
		entry.nodeid = FIRST + atoi(name);
	fill_attr(lower, entry.nodeid, &entry.attr);
	answer(dev, in->unique, 0, &entry, sizeof(entry));
}

static void do_init(int dev, struct lower *lower, const struct fuse_in_header *in)
{
	const struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_write = 4096,
	};

	answer(dev, in->unique, 0, &out, sizeof(out));
	lower->ready = true;
}

static void do_getattr(int dev, const struct lower *lower,
		       const struct fuse_in_header *in)
{
	struct fuse_attr_out out = {};

	fill_attr(lower, in->nodeid, &out.attr);
	answer(dev, in->unique, 0, &out, sizeof(out));
}

static void do_open(int dev, const struct fuse_in_header *in)
{
	const struct fuse_open_out out = { .fh = 1 };

	answer(dev, in->unique, 0, &out, sizeof(out));
}

static void handle(int dev, struct lower *lower, const struct fuse_in_header *in)
{
	switch (in->opcode) {
	case FUSE_INIT:
		return do_init(dev, lower, in);
	case FUSE_LOOKUP:
		return do_lookup(dev, lower, in, (const char *)(in + 1));
	case FUSE_GETATTR:
		return do_getattr(dev, lower, in);
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		return do_open(dev, in);
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return;
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_FLUSH:
		return answer(dev, in->unique, 0, NULL, 0);
	default:
		return answer(dev, in->unique, -ENOSYS, NULL, 0);
	}
}

static void serve(int dev, struct lower *lower)
{
	static char request[64 * 1024];
	ssize_t n;

	if (creds_set(&owner))
		_exit(1);
	for (;;) {
		n = read(dev, request, sizeof(request));
		if (n > 0)
			handle(dev, lower, (const void *)request);
		else if (errno != EINTR && errno != ENOENT)
			_exit(0);
	}
}

static int start_lower(FIXTURE_DATA(type) * self)
{
	int dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char data[128];

	if (dev < 0)
		return -errno;
	snprintf(data, sizeof(data),
		 "fd=%d,rootmode=40000,user_id=%u,group_id=%u,allow_other", dev,
		 OWNER, OWNER);
	if (mount("lower", LOWER, "fuse", MS_NODEV | MS_NOSUID, data) < 0)
		return -errno;
	self->lower = mmap(NULL, sizeof(*self->lower), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (self->lower == MAP_FAILED)
		return -errno;
	self->lower->node = 2;
	self->pid = fork();
	if (!self->pid)
		serve(dev, self->lower);
	close(dev);
	return self->pid < 0 ? -errno : wait_until(self->lower->ready) ? 0 :
								      -ETIMEDOUT;
}

static int register_lower(void *dev)
{
	return fuse_backing_open_with(*(int *)dev, LOWER, O_RDONLY | O_DIRECTORY,
				      FUSE_BACKING_MAP_DIR);
}

static int start_upper(FIXTURE_DATA(type) * self)
{
	const struct fuse_server_opts opts = {
		.mount_opts = "default_permissions",
		.max_stack_depth = 2,
		.backing = LOWER,
	};
	struct fuse_backing_tree tree = {
		.nodeid = FUSE_ROOT_ID,
		.flags = FUSE_BACKING_READ | FUSE_BACKING_WRITE,
		.ops = BELOW,
	};
	int err = attack_serve(&self->attack, false, &opts);

	if (err)
		return err;
	tree.backing_id = creds_call(&owner, register_lower, &self->attack.srv->fd);
	if (tree.backing_id < 0)
		return tree.backing_id;
	return ioctl(self->attack.srv->fd, FUSE_DEV_IOC_BACKING_TREE, &tree) < 0 ?
		       -errno : 0;
}

FIXTURE_SETUP(type)
{
	for (int i = 0; i < INODES; i++)
		self->made[i] = -1;
	self->known = -1;
	if (!attack_ready(_metadata, attack_prepare(&self->attack, SCRATCH_TMPFS)))
		return;
	ASSERT_EQ(0, start_lower(self));
	if (!attack_ready(_metadata, start_upper(self)))
		return;
}

static void forget_made(FIXTURE_DATA(type) * self)
{
	for (int i = 0; i < INODES; i++) {
		if (self->made[i] >= 0)
			close(self->made[i]);
		self->made[i] = -1;
	}
}

FIXTURE_TEARDOWN(type)
{
	forget_made(self);
	if (self->known >= 0)
		close(self->known);
	attack_teardown(&self->attack);
	umount2(LOWER, MNT_DETACH);
	if (self->pid > 0) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
}

/* The client has the name, and whatever it stands for is made anew, many times: 0 or -errno */
static int make(FIXTURE_DATA(type) * self, __u32 mode)
{
	char path[PATH_MAX];

	if (self->known >= 0)
		close(self->known);
	forget_made(self);
	self->lower->mode = mode;
	self->lower->node = 2;
	self->known = open(SCRATCH_FUSE "/" NAME, O_PATH | O_CLOEXEC);
	if (self->known < 0)
		return -errno;
	/* so that what was forgotten is free */
	usleep(100000);
	for (int i = 0; i < INODES; i++) {
		snprintf(path, sizeof(path), LOWER "/%d", i);
		self->made[i] = open(path, O_PATH | O_CLOEXEC);
		if (self->made[i] < 0)
			return -errno;
	}
	return 0;
}

/* How often it was opened as one of them */
static int open_all(void *arg)
{
	FIXTURE_DATA(type) * self = arg;
	char path[64];
	int fd, opened = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->known);
	for (int i = 0; i < INODES; i++) {
		self->lower->node = FIRST + i;
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			continue;
		opened++;
		close(fd);
	}
	return opened;
}

static int try_type(FIXTURE_DATA(type) * self, __u32 mode, int *opened)
{
	int err = make(self, mode);

	if (!err)
		*opened = creds_call(&owner, open_all, self);
	return err;
}

TEST_F_TIMEOUT(type, other_than_known, 120)
{
	int opened = 0, tries;

	/* control: of the type that it was, one has the address some time */
	for (tries = 0; !opened && tries < ROUNDS; tries++)
		ASSERT_EQ(0, try_type(self, S_IFREG | 0666, &opened));
	if (!opened)
		SKIP(return, "no inode is made where another was");
	TH_LOG("the address came back at the %d. try", tries);

	for (int i = 0; i < 3 * tries; i++) {
		ASSERT_EQ(0, try_type(self, S_IFCHR | 0666, &opened));
		ASSERT_EQ(0, opened);
		ASSERT_EQ(0, try_type(self, S_IFIFO | 0666, &opened));
		ASSERT_EQ(0, opened);
	}
}

TEST_HARNESS_MAIN
