// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks on a file that is a range of an image: there are neighbours.
 *
 * Proves: whatever a client does with a FUSE file that has extents, it sees no
 * byte of the image that is in none of them, and changes none; by each way to
 * read and to write, at and across the edges, by what moves, widens or advises
 * mappings, and when the file becomes longer. Privileges are taken away by a write;
 * nothing is executed from a noexec backing mount; nothing is written through a
 * descriptor, or a mount, that couldn't itself.
 *
 * The bytes of neighbours are all NEIGHBOUR, and nothing else is.
 *
 * Privilege: root, to mount for an ordinary user. The server is that user,
 * without capabilities; the client is root where nothing else is said.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <linux/falloc.h>
#include <linux/fiemap.h>
#include <linux/fs.h>

#include "harness.h"

#include "async_io.h"
#include "attack.h"
#include "backing_ioctl.h"
#include "creds.h"
#include "module_param.h"

#define READ		FUSE_BACKING_READ
#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define WRITE		FUSE_BACKING_EXTENT_WRITE
#define IMAGE_SIZE	(16 * PAGE)
#define AT		5632		/* where members of archives begin */
#define LEN		9000		/* ends within a page */
#define PAGE		4096
#define MOST		(16 * PAGE)
#define ROOM		(MOST + PAGE)
#define NEIGHBOUR	'S'
#define OF_SERVER	'M'		/* what the server has of the file */
#define UNTOUCHED	0xee
#define PROGRAM		"/bin/true"
#define NR(array)	(sizeof(array) / sizeof((array)[0]))

FIXTURE(member) {
	struct attack attack;
	struct fuse_server *srv;
	__u64 node;			/* of "member" */
	int dev;
	int id;				/* of the image */
	int fd;				/* the member */
	int direct;			/* it, with O_DIRECT */
	char *want;			/* what is in the member */
	char *buf;			/* ROOM bytes, aligned */
};

FIXTURE_VARIANT(member) {
	enum scratch_fs fs;
	__u64 length;		/* of the extent: the file ends there, or before */
};

FIXTURE_VARIANT_ADD(member, tmpfs) {
	.fs = SCRATCH_TMPFS,
	.length = LEN,
};

FIXTURE_VARIANT_ADD(member, tmpfs_behind_the_end) {
	.fs = SCRATCH_TMPFS,
	.length = 2 * LEN,
};

FIXTURE_VARIANT_ADD(member, ext4) {
	.fs = SCRATCH_EXT4,
	.length = LEN,
};

FIXTURE_VARIANT_ADD(member, ext4_behind_the_end) {
	.fs = SCRATCH_EXT4,
	.length = 2 * LEN,
};

/* A file of the server's user, of one byte over and over */
static int fill_file(const char *name, size_t size, char byte)
{
	char *bytes = malloc(size);
	int fd, err;

	memset(bytes, byte, size);
	err = scratch_owned(name, 0, 0, OWNER, 0644);
	fd = open(scratch_path(name), O_WRONLY | O_CLOEXEC);
	if (!err && write(fd, bytes, size) != (ssize_t)size)
		err = -EIO;
	close(fd);
	free(bytes);
	return err;
}

static int put(const char *name, const char *bytes, size_t size, off_t at)
{
	int fd = open(scratch_path(name), O_WRONLY | O_CLOEXEC);
	ssize_t n = pwrite(fd, bytes, size, at);

	close(fd);
	return n == (ssize_t)size ? 0 : -EIO;
}

/* What is in a member is of every kind but that of its neighbours. */
static void member_bytes(char *bytes, size_t size)
{
	scratch_pattern(bytes, size, 7);
	for (size_t i = 0; i < size; i++)
		if (bytes[i] == NEIGHBOUR)
			bytes[i]++;
}

/* An image with a member in it, and the FUSE file that the member is to be */
static int make_image(const char *image, const char *member, char *bytes,
		      size_t size)
{
	int err = fill_file(image, IMAGE_SIZE, NEIGHBOUR);

	err = err ?: put(image, bytes, size, AT);
	return err ?: fill_file(member, size, OF_SERVER);
}

static int set(struct attack *attack, __u64 node, int id, __u64 from,
	       __u64 length, __u32 extent_flags, __u32 flags)
{
	const struct fuse_backing_extent extent = {
		0, length, from, id, extent_flags
	};

	return fuse_backing_set_extents(attack->srv->fd, node, &extent, 1,
					flags | FUSE_BACKING_ATTACH_PENDING);
}

FIXTURE_SETUP(member)
{
	int err = attack_setup(&self->attack, variant->fs, false);

	if (!attack_ready(_metadata, err))
		return;
	self->srv = self->attack.srv;
	self->dev = self->srv->fd;
	self->want = malloc(LEN);
	self->buf = mmap(NULL, ROOM, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->buf);
	member_bytes(self->want, LEN);
	ASSERT_EQ(0, make_image("image", "member", self->want, LEN));
	self->node = fuse_server_node(self->srv,
				      fuse_server_add(self->srv, "member"));
	self->id = attack_register_path(&self->attack, scratch_path("image"),
					O_RDWR);
	ASSERT_LT(0, self->id);
	ASSERT_EQ(0, set(&self->attack, self->node, self->id, AT,
			 variant->length, WRITE, BOTH));
	self->fd = fuse_server_open(self->srv, "member", O_RDWR);
	ASSERT_LE(0, self->fd);
	self->direct = fuse_server_open(self->srv, "member",
					O_RDWR | O_DIRECT);
	ASSERT_LE(0, self->direct);
	ASSERT_EQ(0, fuse_server_ops(self->srv, FUSE_OPEN));
}

FIXTURE_TEARDOWN(member)
{
	close(self->fd);
	close(self->direct);
	EXPECT_EQ(0, self->srv->sh->bad_fh);
	attack_teardown(&self->attack);
	munmap(self->buf, ROOM);
	free(self->want);
}

#define self_t FIXTURE_DATA(member)

/* Are all of the image's bytes but [AT, AT + length) as they were? */
static bool neighbours_are_intact(const char *image, size_t length)
{
	char bytes[IMAGE_SIZE + 1];
	int fd = open(scratch_path(image), O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, bytes, sizeof(bytes));

	close(fd);
	if (n != IMAGE_SIZE)
		return false;
	for (size_t i = 0; i < IMAGE_SIZE; i++)
		if ((i < AT || i >= AT + length) && bytes[i] != NEIGHBOUR)
			return false;
	return true;
}

/* Ways to read: bytes in @buf, or -errno */

typedef ssize_t read_way(int fd, char *buf, size_t len, off_t at);

static ssize_t result(ssize_t n)
{
	return n < 0 ? -errno : n;
}

static ssize_t by_pread(int fd, char *buf, size_t len, off_t at)
{
	return result(pread(fd, buf, len, at));
}

static ssize_t by_read(int fd, char *buf, size_t len, off_t at)
{
	if (lseek(fd, at, SEEK_SET) != at)
		return -errno;
	return result(read(fd, buf, len));
}

static ssize_t by_readv(int fd, char *buf, size_t len, off_t at)
{
	struct iovec iov[3] = {
		{ buf, len / 3 },
		{ buf + len / 3, 1 },
		{ buf + len / 3 + 1, len - len / 3 - 1 },
	};

	return result(preadv(fd, iov, 3, at));
}

static ssize_t with_flags(int fd, char *buf, size_t len, off_t at, int flags)
{
	struct iovec iov = { buf, len };

	return result(preadv2(fd, &iov, 1, at, flags));
}

static ssize_t by_hipri(int fd, char *buf, size_t len, off_t at)
{
	return with_flags(fd, buf, len, at, RWF_HIPRI);
}

static ssize_t by_nowait(int fd, char *buf, size_t len, off_t at)
{
	return with_flags(fd, buf, len, at, RWF_NOWAIT);
}

static ssize_t by_aio(int fd, char *buf, size_t len, off_t at)
{
	return aio_rw(fd, buf, len, at, false);
}

static ssize_t by_uring(int fd, char *buf, size_t len, off_t at)
{
	return uring_rw(fd, buf, len, at, false);
}

/* Everything that is in a pipe, and not what is longer than it should be */
static ssize_t drain(int pipe, char *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while ((n = read(pipe, buf + done, len - done)) > 0)
		done += n;
	return done;
}

static ssize_t by_splice(int fd, char *buf, size_t len, off_t at)
{
	ssize_t n = -1;
	int p[2];

	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	n = splice(fd, &at, p[1], NULL, len, SPLICE_F_MOVE);
	if (n > 0)
		n = drain(p[0], buf, MOST);
	close(p[0]);
	close(p[1]);
	return result(n);
}

/* And what is written to the pipe then isn't merged into a page of the image */
static ssize_t by_tee(int fd, char *buf, size_t len, off_t at)
{
	int p[2], q[2];
	ssize_t n;

	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0 ||
	    pipe2(q, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	n = splice(fd, &at, p[1], NULL, len, 0);
	if (n > 0)
		n = tee(p[0], q[1], MOST, 0);
	if (n > 0 && (write(p[1], "x", 1) != 1 || write(q[1], "x", 1) != 1))
		n = -1;
	if (n > 0)
		n = drain(q[0], buf, MOST) - 1;
	if (n >= 0)
		buf[n] = UNTOUCHED;
	close(p[0]);
	close(p[1]);
	close(q[0]);
	close(q[1]);
	return result(n);
}

static ssize_t by_sendfile(int fd, char *buf, size_t len, off_t at)
{
	int to = memfd_create("to", MFD_CLOEXEC);
	ssize_t n = sendfile(to, fd, &at, len);

	if (n > 0)
		n = pread(to, buf, MOST, 0);
	close(to);
	return result(n);
}

static ssize_t by_copy(int fd, char *buf, size_t len, off_t at)
{
	int to = open(SCRATCH_FUSE "/own", O_RDWR | O_TRUNC | O_CLOEXEC);
	ssize_t n = copy_file_range(fd, &at, to, NULL, len, 0);

	if (n > 0)
		n = pread(to, buf, MOST, 0);
	close(to);
	return result(n);
}

static read_way *const read_ways[] = {
	by_pread, by_read, by_readv, by_hipri, by_nowait, by_aio, by_uring,
	by_splice, by_tee, by_sendfile, by_copy,
};

static const off_t places[] = {
	0, 1, 511, 512, PAGE - AT % PAGE, PAGE, 2 * PAGE, LEN - PAGE, LEN - 512,
	LEN - 1, LEN, LEN + 1, 3 * PAGE, 2 * LEN, IMAGE_SIZE - AT, IMAGE_SIZE,
	INT_MAX, LLONG_MAX - MOST,
};

static const size_t sizes[] = { 1, 512, PAGE, LEN, MOST };

/* What comes is what is there, and nothing comes from behind the end. */
static bool is_right(self_t *self, read_way *way, int fd, size_t len, off_t at,
		     bool may_fail)
{
	ssize_t most = at < LEN ? LEN - at : 0, n;

	if (most > (ssize_t)len)
		most = len;
	memset(self->buf, UNTOUCHED, ROOM);
	n = way(fd, self->buf, len, at);
	/* also not where it doesn't say that there is anything */
	if (memchr(self->buf, NEIGHBOUR, ROOM))
		return false;
	if (n < 0)
		return may_fail || (most && n == -EAGAIN);
	return n <= most && (n || !most) &&
	       !memcmp(self->buf, self->want + at, n);
}

TEST_F(member, reading)
{
	for (unsigned int way = 0; way < NR(read_ways); way++)
		for (unsigned int i = 0; i < NR(places); i++)
			for (unsigned int j = 0; j < NR(sizes); j++) {
				EXPECT_TRUE(is_right(self, read_ways[way],
						     self->fd, sizes[j],
						     places[i], false))
					TH_LOG("way %u, %zu at %ld", way,
					       sizes[j], places[i]);
			}
	EXPECT_TRUE(neighbours_are_intact("image", LEN));
	EXPECT_EQ(0, scratch_compare("image", self->want, LEN, AT));
}

/* Alignment is the backing file's: what isn't aligned may be refused. */
TEST_F(member, reading_directly)
{
	for (unsigned int way = 0; way < NR(read_ways); way++)
		for (unsigned int i = 0; i < NR(places); i++)
			for (unsigned int j = 0; j < NR(sizes); j++) {
				EXPECT_TRUE(is_right(self, read_ways[way],
						     self->direct, sizes[j],
						     places[i], true))
					TH_LOG("way %u, %zu at %ld", way,
					       sizes[j], places[i]);
			}
	EXPECT_TRUE(neighbours_are_intact("image", LEN));
}

/* Ways to write */

typedef ssize_t write_way(int fd, const char *buf, size_t len, off_t at);

static ssize_t put_write(int fd, const char *buf, size_t len, off_t at)
{
	return result(pwrite(fd, buf, len, at));
}

static ssize_t put_flags(int fd, const char *buf, size_t len, off_t at,
			 int flags)
{
	struct iovec iov = { (void *)buf, len };

	return result(pwritev2(fd, &iov, 1, at, flags));
}

static ssize_t put_append(int fd, const char *buf, size_t len, off_t at)
{
	return put_flags(fd, buf, len, at, RWF_APPEND);
}

static ssize_t put_noappend(int fd, const char *buf, size_t len, off_t at)
{
	return put_flags(fd, buf, len, at, 0x20 /* RWF_NOAPPEND */);
}

static ssize_t put_sync(int fd, const char *buf, size_t len, off_t at)
{
	return put_flags(fd, buf, len, at, RWF_SYNC | RWF_DSYNC);
}

static ssize_t put_nowait(int fd, const char *buf, size_t len, off_t at)
{
	return put_flags(fd, buf, len, at, RWF_NOWAIT);
}

static ssize_t put_aio(int fd, const char *buf, size_t len, off_t at)
{
	return aio_rw(fd, (void *)buf, len, at, true);
}

static ssize_t put_uring(int fd, const char *buf, size_t len, off_t at)
{
	return uring_rw(fd, (void *)buf, len, at, true);
}

static ssize_t put_splice(int fd, const char *buf, size_t len, off_t at)
{
	struct iovec iov = { (void *)buf, len };
	ssize_t n = -1;
	int p[2];

	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	n = vmsplice(p[1], &iov, 1, SPLICE_F_GIFT);
	if (n > 0)
		n = splice(p[0], NULL, fd, &at, n, SPLICE_F_MOVE);
	close(p[0]);
	close(p[1]);
	return result(n);
}

static ssize_t put_sendfile(int fd, const char *buf, size_t len, off_t at)
{
	int from = memfd_create("from", MFD_CLOEXEC);
	off_t start = 0;
	ssize_t n = -1;

	if (write(from, buf, len) == (ssize_t)len &&
	    lseek(fd, at, SEEK_SET) == at)
		n = sendfile(fd, from, &start, len);
	close(from);
	return result(n);
}

static ssize_t put_copy(int fd, const char *buf, size_t len, off_t at)
{
	int from = open(SCRATCH_FUSE "/own", O_RDWR | O_TRUNC | O_CLOEXEC);
	off_t start = 0;
	ssize_t n = -1;

	if (write(from, buf, len) == (ssize_t)len)
		n = copy_file_range(from, &start, fd, &at, len, 0);
	close(from);
	return result(n);
}

static write_way *const write_ways[] = {
	put_write, put_append, put_noappend, put_sync, put_nowait, put_aio,
	put_uring, put_splice, put_sendfile, put_copy,
};

static bool writes_where_it_may(self_t *self, write_way *way, int fd,
				size_t len, off_t at, __u64 length)
{
	memset(self->buf, 'w', MOST);
	way(fd, self->buf, len, at);
	return neighbours_are_intact("image", length);
}

/* The control: none of the ways is one that never works. */
TEST_F(member, ways_to_write)
{
	for (unsigned int way = 0; way < NR(write_ways); way++) {
		bool append = write_ways[way] == put_append;
		char byte = 'a' + way, got = 0;

		/* for direct I/O only, and that is aligned */
		if (write_ways[way] == put_nowait)
			continue;
		EXPECT_EQ(1, write_ways[way](self->fd, &byte, 1, 100))
			TH_LOG("way %u", way);
		/* what makes the file longer is the server's */
		if (append) {
			EXPECT_EQ(0, scratch_compare("member", &byte, 1, LEN));
			continue;
		}
		EXPECT_EQ(0, scratch_compare("image", &byte, 1, AT + 100));
		EXPECT_EQ(1, pread(self->fd, &got, 1, 100));
		EXPECT_EQ(byte, got) TH_LOG("way %u", way);
	}
}

static void write_everywhere(struct __test_metadata *_metadata, self_t *self,
			     int fd, __u64 length)
{
	for (unsigned int way = 0; way < NR(write_ways); way++)
		for (unsigned int i = 0; places[i] < IMAGE_SIZE - AT; i++) {
			EXPECT_TRUE(writes_where_it_may(self, write_ways[way],
							fd,
							sizes[i % NR(sizes)],
							places[i], length))
				TH_LOG("way %u, at %ld", way, places[i]);
		}
}

TEST_F(member, writing)
{
	int append = fuse_server_open(self->srv, "member", O_RDWR | O_APPEND);

	write_everywhere(_metadata, self, self->fd, variant->length);
	write_everywhere(_metadata, self, self->direct, variant->length);
	write_everywhere(_metadata, self, append, variant->length);
	EXPECT_EQ(IMAGE_SIZE, scratch_size("image"));
	/* the control: something was written, to either side of the end */
	memset(self->want, 'w', LEN);
	EXPECT_EQ(0, scratch_compare("image", self->want, LEN, AT));
	EXPECT_LT(LEN, scratch_size("member"));
	close(append);
}

TEST_F(member, other_ways_to_change_it)
{
	static const int modes[] = {
		0, FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE, FALLOC_FL_COLLAPSE_RANGE,
		FALLOC_FL_INSERT_RANGE, FALLOC_FL_UNSHARE_RANGE,
	};
	static char space[PAGE];
	struct file_clone_range clone = { .src_length = PAGE };
	struct file_dedupe_range *dedupe = (void *)space;
	struct fiemap *map = (void *)space;
	int other = open(scratch_path("own"), O_RDWR | O_CLOEXEC);
	int block = 0;

	for (unsigned int i = 0; i < NR(modes); i++) {
		EXPECT_EQ(-1, fallocate(self->fd, modes[i], 0, MOST));
		EXPECT_EQ(EOPNOTSUPP, errno);
	}
	clone.src_fd = other;
	EXPECT_EQ(-1, ioctl(self->fd, FICLONERANGE, &clone));
	EXPECT_EQ(-1, ioctl(self->fd, FICLONE, other));
	EXPECT_EQ(-1, ioctl(other, FICLONE, self->fd));
	clone.src_fd = self->fd;
	EXPECT_EQ(-1, ioctl(self->direct, FICLONERANGE, &clone));
	dedupe->src_length = PAGE;
	dedupe->dest_count = 1;
	dedupe->info[0].dest_fd = self->direct;
	EXPECT_FALSE(ioctl(self->fd, FIDEDUPERANGE, dedupe) == 0 &&
		     dedupe->info[0].status == FILE_DEDUPE_RANGE_SAME);
	/* where it is on the disk is nobody's business either */
	EXPECT_FALSE(ioctl(self->fd, FIBMAP, &block) == 0 && block);
	memset(space, 0, sizeof(space));
	map->fm_length = MOST;
	map->fm_extent_count = 8;
	EXPECT_EQ(-1, ioctl(self->fd, FS_IOC_FIEMAP, map));
	/* the size is the FUSE file's */
	EXPECT_EQ(0, ftruncate(self->fd, 100));
	EXPECT_EQ(0, ftruncate(self->fd, MOST));
	EXPECT_EQ(0, ftruncate(self->fd, LEN));
	EXPECT_TRUE(neighbours_are_intact("image", LEN));
	EXPECT_EQ(0, scratch_compare("image", self->want, LEN, AT));
	close(other);
}

/* Two members, one of them at the end of the other */
TEST_F(member, copy_within_an_image)
{
	struct fuse_server_file *file = fuse_server_add(self->srv, "next");
	off_t from = 0, to = 0;
	int next;

	ASSERT_EQ(0, set(&self->attack, self->node, self->id, AT, LEN, WRITE,
			 BOTH));
	ASSERT_EQ(0, fill_file("next", PAGE, OF_SERVER));
	ASSERT_EQ(0, set(&self->attack, fuse_server_node(self->srv, file),
			 self->id, AT + LEN, PAGE, WRITE, BOTH));
	next = fuse_server_open(self->srv, "next", O_RDWR);
	ASSERT_LE(0, next);
	EXPECT_EQ(PAGE, copy_file_range(self->fd, &from, next, &to, PAGE, 0));
	EXPECT_EQ(0, scratch_compare("image", self->want, LEN, AT));
	EXPECT_EQ(0, scratch_compare("image", self->want, PAGE, AT + LEN));
	EXPECT_TRUE(neighbours_are_intact("image", LEN + PAGE));
	/* and one behind itself */
	from = 0;
	to = LEN - 1000;
	EXPECT_LE(1000, copy_file_range(self->fd, &from, self->fd, &to, 1000,
					0));
	EXPECT_EQ(0, scratch_compare("image", self->want, 1000,
				     AT + LEN - 1000));
	EXPECT_EQ(0, scratch_compare("image", self->want, PAGE, AT + LEN));
	EXPECT_TRUE(neighbours_are_intact("image", LEN + PAGE));
	close(next);
}

/* Ways to make it MOST bytes long, some of which make it shorter first */

static int longer_by_write(self_t *self)
{
	return pwrite(self->fd, "", 1, MOST - 1) == 1 ? 0 : -errno;
}

static int longer_by_direct_write(self_t *self)
{
	memset(self->buf, 0, PAGE);
	return pwrite(self->direct, self->buf, PAGE, MOST - PAGE) == PAGE ?
		       0 : -errno;
}

static int longer_by_truncate(self_t *self)
{
	return ftruncate(self->fd, MOST) ? -errno : 0;
}

static int shorter_and_longer(self_t *self)
{
	return ftruncate(self->fd, 100) || ftruncate(self->fd, MOST) ? -errno :
									0;
}

static int shorter_and_written(self_t *self)
{
	return ftruncate(self->fd, 100) ? -errno : longer_by_write(self);
}

/* The server makes it longer, and says so when it is asked. */
static int longer_by_server(self_t *self)
{
	struct statx st;

	(void)self;
	return truncate(scratch_path("member"), MOST) ||
	       statx(AT_FDCWD, SCRATCH_FUSE "/member", AT_STATX_FORCE_SYNC,
		     STATX_SIZE, &st) ? -errno : 0;
}

/* By a file that the server has opened; those that are open keep their extents. */
static int longer_by_servers_file(self_t *self)
{
	int err = fuse_detach_backing(self->dev, self->node, 0, 0);
	int fd = fuse_server_open(self->srv, "member", O_RDWR);

	if (err || fd < 0)
		return err ?: fd;
	if (pwrite(fd, "", 1, MOST - 1) != 1)
		err = -errno;
	close(fd);
	return err;
}

static const struct longer {
	int (*by)(self_t *self);
	size_t left;		/* how much of the member is there */
} longer[] = {
	{ longer_by_write, LEN },
	{ longer_by_direct_write, LEN },
	{ longer_by_truncate, LEN },
	{ longer_by_server, LEN },
	{ shorter_and_longer, 100 },
	{ shorter_and_written, 100 },
	{ longer_by_servers_file, LEN },	/* the last one: it detaches */
};

/* The first @left bytes of the member, and zeros */
static bool is_left(self_t *self, const char *bytes, size_t left)
{
	static const char zeros[MOST];

	return !memcmp(bytes, self->want, left) &&
	       !memcmp(bytes + left, zeros, MOST - left);
}

static int make_short(self_t *self, __u64 length)
{
	struct statx st;

	if (truncate(scratch_path("member"), LEN) ||
	    statx(AT_FDCWD, SCRATCH_FUSE "/member", AT_STATX_FORCE_SYNC,
		  STATX_SIZE, &st))
		return -errno;
	return set(&self->attack, self->node, self->id, AT, length, WRITE,
		   BOTH);
}

/* What the image has behind the end is never seen, by no way to make it longer. */
TEST_F(member, made_longer)
{
	char *map;

	for (size_t i = 0; i < NR(longer); i++) {
		ASSERT_EQ(0, make_short(self, variant->length));
		ASSERT_EQ(LEN, pread(self->fd, self->buf, ROOM, 0));
		EXPECT_EQ(0, memcmp(self->buf, self->want, LEN));
		map = mmap(NULL, MOST, PROT_READ, MAP_SHARED, self->fd, 0);
		ASSERT_NE(MAP_FAILED, map);
		EXPECT_EQ(self->want[LEN - 1], map[LEN - 1]);
		ASSERT_EQ(0, longer[i].by(self));
		memset(self->buf, UNTOUCHED, ROOM);
		EXPECT_EQ(MOST, pread(self->fd, self->buf, ROOM, 0));
		EXPECT_TRUE(is_left(self, self->buf, longer[i].left))
			TH_LOG("way %zu: read", i);
		EXPECT_TRUE(is_left(self, map, longer[i].left))
			TH_LOG("way %zu: mapped", i);
		EXPECT_EQ(MOST, lseek(self->fd, 0, SEEK_HOLE));
		EXPECT_EQ(2, pwrite(self->fd, "zz", 2, LEN + 1));
		EXPECT_TRUE(neighbours_are_intact("image", LEN));
		EXPECT_EQ(0, scratch_compare("member", "zz", 2, LEN + 1));
		munmap(map, MOST);
	}
}

/* Extents that the server gives afterwards count, to their end. */
TEST_F(member, made_longer_and_given_anew)
{
	__u32 asked;

	ASSERT_EQ(0, longer_by_truncate(self));
	ASSERT_EQ(0, set(&self->attack, self->node, self->id, 0, IMAGE_SIZE,
			 0, BOTH));
	asked = fuse_server_data_ops(self->srv);
	EXPECT_EQ(MOST, pread(self->fd, self->buf, ROOM, 0));
	EXPECT_EQ(0, scratch_compare("image", self->buf, MOST, 0));
	EXPECT_EQ(asked, fuse_server_data_ops(self->srv));
}

/* Mappings */

static sigjmp_buf bus;

static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(bus, 1);
}

/* A byte, or -1 if there is nothing */
static int byte_at(const char *p)
{
	if (sigsetjmp(bus, 1))
		return -1;
	return (unsigned char)__atomic_load_n(p, __ATOMIC_RELAXED);
}

/* Is what can be seen from @map on, which is at @at in the file, the member? */
static bool shows_member(self_t *self, const char *map, size_t size, off_t at)
{
	for (size_t i = 0; i < size; i++) {
		int byte = byte_at(map + i);
		off_t pos = at + i;

		if (byte < 0) {
			/* the rest of the page is the same */
			i |= PAGE - 1;
			if (pos < LEN)
				return false;
		} else if (byte != (pos < LEN ?
				    (unsigned char)self->want[pos] : 0)) {
			return false;
		}
	}
	return true;
}

static void catch_faults(void)
{
	signal(SIGBUS, on_fault);
	signal(SIGSEGV, on_fault);
}

TEST_F(member, mapping)
{
	static const int flags[] = { MAP_SHARED, MAP_PRIVATE,
				     MAP_SHARED | MAP_POPULATE };
	char *map, *grown, *copy;

	catch_faults();
	for (unsigned int i = 0; i < NR(flags); i++) {
		for (off_t at = 0; at < MOST; at += PAGE) {
			map = mmap(NULL, PAGE, PROT_READ, flags[i], self->fd,
				   at);
			ASSERT_NE(MAP_FAILED, map);
			EXPECT_TRUE(shows_member(self, map, PAGE, at));
			/* moved, grown, and mapped once more */
			grown = mremap(map, PAGE, MOST, MREMAP_MAYMOVE);
			ASSERT_NE(MAP_FAILED, grown);
			EXPECT_TRUE(shows_member(self, grown, MOST, at));
			copy = mremap(grown, 0, MOST, MREMAP_MAYMOVE);
			if (copy != MAP_FAILED) {
				EXPECT_TRUE(shows_member(self, copy, MOST, at));
				munmap(copy, MOST);
			}
			munmap(grown, MOST);
		}
	}
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
}

TEST_F(member, remapping)
{
	char *map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, self->fd, 0);

	catch_faults();
	ASSERT_NE(MAP_FAILED, map);
	for (int page = 0; page < IMAGE_SIZE / PAGE; page++) {
		if (remap_file_pages(map, PAGE, 0, page, 0))
			continue;
		EXPECT_TRUE(shows_member(self, map, PAGE, page * PAGE));
	}
	EXPECT_EQ(-1, mprotect(map, PAGE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	munmap(map, PAGE);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				   MAP_SHARED, self->fd, 0));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED_VALIDATE,
				   self->fd, 0));
}

/* The pages that are mapped are nobody's but the FUSE inode's. */
TEST_F(member, file_of_the_mapping)
{
	char path[96], *map;
	struct stat st, fuse;
	int fd;

	map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx",
		 (unsigned long)map, (unsigned long)map + PAGE);
	ASSERT_EQ(0, fstat(self->fd, &fuse));
	ASSERT_EQ(0, stat(path, &st));
	EXPECT_EQ(fuse.st_dev, st.st_dev);
	EXPECT_EQ(fuse.st_ino, st.st_ino);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(is_right(self, by_pread, fd, MOST, 0, false));
	EXPECT_TRUE(writes_where_it_may(self, put_write, fd, MOST, 0,
					variant->length));
	close(fd);
	munmap(map, PAGE);
}

/* As a debugger, who alone may write past protections in every configuration */
static ssize_t poke_parent(const char *map, const char *bytes, size_t len)
{
	char path[32];
	int mem;

	snprintf(path, sizeof(path), "/proc/%d/mem", getppid());
	mem = open(path, O_RDWR | O_CLOEXEC);
	if (mem < 0 || ptrace(PTRACE_SEIZE, getppid(), NULL, NULL) != 0)
		return -errno;
	return pwrite(mem, bytes, len, (unsigned long)map);
}

/* How many bytes of our own were written, -1 if the mapping is closed to that */
static ssize_t poke(const char *map, const char *bytes, size_t len)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit((__u8)poke_parent(map, bytes, len));
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -ECHILD;
	return (__s8)WEXITSTATUS(status);
}

static ssize_t peek(const char *map, char *bytes, size_t len)
{
	struct iovec to = { bytes, len }, from = { (void *)map, len };
	ssize_t n = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
	int mem;

	if (n >= 0 || errno != ENOSYS)
		return n;
	mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	n = pread(mem, bytes, len, (unsigned long)map);
	close(mem);
	return n;
}

/* What a debugger may do to memory that can't be written to */
TEST_F(member, memory_of_the_process)
{
	char *shared, *private, bytes[3 * PAGE];

	shared = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, self->fd, 0);
	private = mmap(NULL, 3 * PAGE, PROT_READ, MAP_PRIVATE, self->fd, 0);
	ASSERT_NE(MAP_FAILED, shared);
	ASSERT_NE(MAP_FAILED, private);
	EXPECT_EQ(3 * PAGE, peek(shared, bytes, 3 * PAGE));
	EXPECT_EQ(0, memcmp(bytes, self->want, LEN));
	EXPECT_EQ(NULL, memchr(bytes + LEN, NEIGHBOUR, 3 * PAGE - LEN));
	EXPECT_EQ(-1, poke(shared, "xxx", 3));
	EXPECT_EQ(-1, poke(shared + LEN - 1, "xxx", 3));
	/* a copy of the process's own */
	EXPECT_EQ(3, poke(private, "xxx", 3));
	EXPECT_EQ(0, memcmp(private, "xxx", 3));
	EXPECT_EQ(0, memcmp(shared, self->want, LEN));
	EXPECT_TRUE(neighbours_are_intact("image", LEN));
	EXPECT_EQ(0, scratch_compare("image", self->want, LEN, AT));
	munmap(shared, 3 * PAGE);
	munmap(private, 3 * PAGE);
}

TEST_F(member, advice_on_memory)
{
	static const int flags[] = { MAP_SHARED, MAP_PRIVATE };
	char *map;

	catch_faults();
	for (unsigned int i = 0; i < NR(flags); i++)
		for (int advice = 0; advice < 32; advice++) {
			map = mmap(NULL, 4 * PAGE, PROT_READ, flags[i],
				   self->fd, 0);
			ASSERT_NE(MAP_FAILED, map);
			ASSERT_EQ(self->want[0], map[0]);
			madvise(map, 4 * PAGE, advice);
			EXPECT_TRUE(shows_member(self, map, 4 * PAGE, 0))
				TH_LOG("advice %d", advice);
			munmap(map, 4 * PAGE);
		}
	map = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, self->fd, 0);
	EXPECT_EQ(-1, madvise(map, PAGE, MADV_REMOVE));
	EXPECT_EQ(0, msync(map, 3 * PAGE, MS_SYNC | MS_INVALIDATE));
	munmap(map, 4 * PAGE);
	EXPECT_TRUE(neighbours_are_intact("image", LEN));
	EXPECT_EQ(0, scratch_compare("image", self->want, LEN, AT));
}

/* Flags of the image that came after it was registered count. */
TEST_F(member, image_gets_flags)
{
	static const int flags[] = { FS_APPEND_FL, FS_IMMUTABLE_FL };
	static const char * const reasons[] = { "append-only", "immutable" };

	if (variant->fs != SCRATCH_EXT4)
		SKIP(return, "needs a filesystem with inode flags");
	for (unsigned int i = 0; i < NR(flags); i++) {
		ASSERT_EQ(0, scratch_flags("image", flags[i]));
		for (unsigned int way = 0; way < NR(write_ways); way++)
			write_ways[way](self->fd, "w", 1, 0);
		EXPECT_EQ(-EPERM, put_write(self->fd, "w", 1, 0));
		EXPECT_TRUE(attack_rejected(&self->attack, self->id, -EPERM,
					    reasons[i]));
		EXPECT_TRUE(is_right(self, by_pread, self->fd, LEN, 0, false) ||
			    variant->length > LEN);
	}
	ASSERT_EQ(0, scratch_flags("image", 0));
	EXPECT_EQ(0, scratch_compare("image", self->want, LEN, AT));
	EXPECT_EQ(1, put_write(self->fd, "w", 1, 0));
}

static int write_within_limit(void *arg)
{
	const struct rlimit *limit = arg;
	int fd, err = 0;

	signal(SIGXFSZ, SIG_IGN);
	fd = open(SCRATCH_FUSE "/member", O_RDWR | O_CLOEXEC);
	if (setrlimit(RLIMIT_FSIZE, limit) < 0 || pwrite(fd, "w", 1, 100) != 1)
		err = -errno;
	close(fd);
	return err;
}

/* The limit counts in the FUSE file, and where that is in the image. */
TEST_F(member, file_size_limit)
{
	struct rlimit limit = { 100, RLIM_INFINITY };

	EXPECT_EQ(-EFBIG, creds_call(&stranger, write_within_limit, &limit));
	limit.rlim_cur = AT + 100;
	EXPECT_EQ(-EFBIG, creds_call(&stranger, write_within_limit, &limit));
	limit.rlim_cur = AT + 101;
	EXPECT_EQ(0, creds_call(&stranger, write_within_limit, &limit));
}

/* What a write has to take away */

static mode_t privileges(const char *path)
{
	struct statx st;

	return statx(AT_FDCWD, path, AT_STATX_FORCE_SYNC, STATX_MODE, &st) < 0 ?
		       0 : st.stx_mode & 06000;
}

struct writer {
	write_way *way;
	const char *path;
};

static int write_as_client(void *arg)
{
	const struct writer *writer = arg;
	int fd = open(writer->path, O_RDWR | O_CLOEXEC);
	ssize_t n = fd < 0 ? -errno : writer->way(fd, "w", 1, 3);

	close(fd);
	return n == 1 ? 0 : n ?: -EIO;
}

TEST_F(member, privileges)
{
	static write_way *const ways[] = { put_write, put_splice, put_aio };
	const struct creds fsetid = { STRANGER, STRANGER,
				      CREDS_CAP(CAP_FSETID) };
	struct fuse_server_file *file = &self->srv->sh->file[3];
	struct writer writer = { .path = SCRATCH_FUSE "/member" };

	ASSERT_STREQ("member", file->name);
	file->invent = true;
	for (unsigned int i = 0; i < NR(ways); i++) {
		writer.way = ways[i];
		file->invented_mode = 06777;
		ASSERT_EQ(0, chmod(scratch_path("image"), 06777));
		ASSERT_EQ(06000, privileges(writer.path));
		/* who may keep them does; the server couldn't on its image */
		EXPECT_EQ(0, creds_call(&fsetid, write_as_client, &writer));
		EXPECT_EQ(06000, privileges(writer.path));
		EXPECT_EQ(0, creds_call(&stranger, write_as_client, &writer));
		EXPECT_EQ(0, privileges(writer.path)) TH_LOG("way %u", i);
		EXPECT_EQ(0777, file->invented_mode) TH_LOG("way %u", i);
		EXPECT_EQ(0, privileges(scratch_path("image")))
			TH_LOG("way %u", i);
	}
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
}

/* A program in an image, at an odd place */

FIXTURE(program) {
	struct attack attack;
	struct fuse_server *srv;
	__u64 node;
	off_t size;
};

FIXTURE_VARIANT(program) {
	bool noexec;
};

FIXTURE_VARIANT_ADD(program, forbidden) {
	.noexec = true,
};

FIXTURE_VARIANT_ADD(program, allowed) {
	.noexec = false,
};

FIXTURE_SETUP(program)
{
	int err = attack_setup(&self->attack, SCRATCH_TMPFS, false);
	int id, image, program;

	if (!attack_ready(_metadata, err))
		return;
	self->srv = self->attack.srv;
	ASSERT_EQ(0, scratch_copy("program", PROGRAM));
	self->size = scratch_size("program");
	ASSERT_EQ(0, fill_file("image", AT, NEIGHBOUR));
	image = open(scratch_path("image"), O_WRONLY | O_CLOEXEC);
	program = open(scratch_path("program"), O_RDWR | O_CLOEXEC);
	ASSERT_EQ(AT, lseek(image, AT, SEEK_SET));
	ASSERT_EQ(self->size, sendfile(image, program, NULL, self->size));
	/* what the server has doesn't run */
	ASSERT_EQ(0, ftruncate(program, 0));
	ASSERT_EQ(0, ftruncate(program, self->size));
	ASSERT_EQ(0, fchmod(program, 0755));
	close(program);
	close(image);
	if (variant->noexec)
		ASSERT_EQ(0, mount(NULL, SCRATCH_BACKING, NULL,
				   MS_REMOUNT | MS_BIND | MS_NOEXEC, NULL));
	self->node = fuse_server_node(self->srv,
				      fuse_server_add(self->srv, "program"));
	id = attack_register_path(&self->attack, scratch_path("image"),
				  O_RDONLY);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, set(&self->attack, self->node, id, AT, self->size, 0,
			 READ));
}

FIXTURE_TEARDOWN(program)
{
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_OPEN));
	attack_teardown(&self->attack);
}

TEST_F(program, execute)
{
	EXPECT_EQ(variant->noexec ? -EACCES : 0,
		  attack_execute(SCRATCH_FUSE "/program"));
	if (variant->noexec)
		EXPECT_TRUE(attack_rejected(&self->attack, 0, -EACCES,
					    "noexec"));
}

TEST_F(program, map)
{
	int fd = fuse_server_open(self->srv, "program", O_RDONLY);

	ASSERT_LE(0, fd);
	EXPECT_EQ(variant->noexec ? -EPERM : 0, attack_map_exec(fd, MAP_PRIVATE, false));
	EXPECT_EQ(variant->noexec ? -EPERM : 0, attack_map_exec(fd, MAP_SHARED, false));
	EXPECT_EQ(variant->noexec ? -EACCES : 0, attack_map_exec(fd, MAP_PRIVATE, true));
	EXPECT_EQ(variant->noexec ? -EACCES : 0, attack_map_exec(fd, MAP_SHARED, true));
	close(fd);
}

/* One of several backing files is enough. */
TEST_F(program, one_file_of_two)
{
	struct fuse_backing_extent extent[] = {
		{ 0, PAGE, 0, 0, 0 },
		{ PAGE, PAGE, AT, 0, 0 },
	};
	int fd;

	ASSERT_EQ(0, mount("other", SCRATCH_OTHER, "tmpfs", 0, "mode=777"));
	fd = open(SCRATCH_OTHER "/file", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	ASSERT_EQ(0, ftruncate(fd, PAGE));
	extent[0].backing_id = attack_register(&self->attack, fd);
	ASSERT_LT(0, extent[0].backing_id);
	close(fd);
	extent[1].backing_id = attack_register_path(&self->attack,
						    scratch_path("image"),
						    O_RDONLY);
	ASSERT_EQ(0, fuse_backing_set_extents(self->srv->fd, self->node, extent,
					      1, READ |
					      FUSE_BACKING_ATTACH_PENDING));
	fd = fuse_server_open(self->srv, "program", O_RDONLY);
	EXPECT_EQ(0, attack_map_exec(fd, MAP_PRIVATE, false));
	ASSERT_EQ(0, fuse_backing_set_extents(self->srv->fd, self->node, extent,
					      2, READ));
	EXPECT_EQ(variant->noexec ? -EPERM : 0, attack_map_exec(fd, MAP_PRIVATE, false));
	close(fd);
}

/* Who registers, and what */

FIXTURE(rights) {
	struct attack attack;
	struct fuse_server *srv;
	int dev;
	__u64 node;		/* of "own" */
};

FIXTURE_SETUP(rights)
{
	const struct fuse_server_opts opts = { .max_stack_depth = 2 };
	int err = attack_prepare(&self->attack, SCRATCH_TMPFS);

	err = err ?: attack_serve(&self->attack, false, &opts);
	if (!attack_ready(_metadata, err))
		return;
	self->srv = self->attack.srv;
	self->dev = self->srv->fd;
	self->node = FUSE_ROOT_ID + 1;
}

FIXTURE_TEARDOWN(rights)
{
	attack_teardown(&self->attack);
}

/* Do extents of "own" in @id read what a file was made with? */
static int reads_as(struct attack *attack, int id, unsigned int seed)
{
	int err, fd;

	err = set(attack, FUSE_ROOT_ID + 1, id, 0, FILE_SIZE, 0, READ);
	if (err)
		return err;
	fd = fuse_server_open(attack->srv, "own", O_RDONLY);
	if (fd < 0)
		return fd;
	err = attack_reads(fd, seed);
	close(fd);
	return err;
}

static int may_write(struct attack *attack, int id)
{
	return set(attack, FUSE_ROOT_ID + 1, id, 0, FILE_SIZE, WRITE, BOTH);
}

/* A descriptor is what counts, and what the server could besides doesn't. */
TEST_F(rights, servers_files)
{
	struct attack *attack = &self->attack;
	int id = attack_register_path(attack, scratch_path("own"), O_RDONLY);

	EXPECT_EQ(0, reads_as(attack, id, SEED_OWN));
	EXPECT_EQ(-EBADF, may_write(attack, id));
	EXPECT_TRUE(attack_rejected(attack, id, -EBADF, "permission"));
	id = attack_register_path(attack, scratch_path("root"), O_RDONLY);
	EXPECT_EQ(0, reads_as(attack, id, SEED_ROOT));
	EXPECT_EQ(-EBADF, may_write(attack, id));
	id = attack_register_path(attack, scratch_path("secret"), O_PATH);
	EXPECT_EQ(-EBADF, reads_as(attack, id, SEED_SECRET));
	id = attack_register_path(attack, scratch_path("own"), O_RDWR);
	EXPECT_EQ(0, may_write(attack, id));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_OPEN));
}

/* Somebody with more power lends a descriptor, and no more. */
TEST_F(rights, broker)
{
	struct attack *attack = &self->attack;
	int id = fuse_backing_open_path(self->dev, scratch_path("secret"),
					O_RDONLY);
	int fd;

	EXPECT_EQ(0, reads_as(attack, id, SEED_SECRET));
	EXPECT_EQ(-EBADF, may_write(attack, id));
	/* an inode that may be opened for writing has nothing to write to */
	ASSERT_EQ(0, set(attack, self->node, id, 0, FILE_SIZE, 0, BOTH));
	fd = fuse_server_open(self->srv, "own", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EPERM, put_write(fd, "w", 1, 0));
	EXPECT_TRUE(attack_rejected(attack, id, -EPERM, "read-only-extent"));
	close(fd);
	id = fuse_backing_open_path(self->dev, scratch_path("secret"), O_PATH);
	EXPECT_EQ(-EBADF, reads_as(attack, id, SEED_SECRET));
	EXPECT_EQ(0, attack_untouched("secret", SEED_SECRET));
}

/* A mount that is read-only, and one that can't be made so any more */
TEST_F(rights, read_only_mount)
{
	struct attack *attack = &self->attack;
	int id;

	ASSERT_EQ(0, mount(SCRATCH_BACKING, SCRATCH_OTHER, NULL, MS_BIND,
			   NULL));
	ASSERT_EQ(0, mount(NULL, SCRATCH_OTHER, NULL,
			   MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	EXPECT_EQ(-EROFS, attack_register_path(attack, SCRATCH_OTHER "/own",
					       O_RDWR));
	id = attack_register_path(attack, SCRATCH_OTHER "/own", O_RDONLY);
	EXPECT_EQ(0, reads_as(attack, id, SEED_OWN));
	EXPECT_EQ(-EBADF, may_write(attack, id));
	ASSERT_EQ(0, mount(NULL, SCRATCH_OTHER, NULL, MS_REMOUNT | MS_BIND,
			   NULL));
	EXPECT_EQ(-EBADF, may_write(attack, id));
	id = attack_register_path(attack, SCRATCH_OTHER "/own", O_RDWR);
	EXPECT_EQ(0, may_write(attack, id));
	EXPECT_EQ(-1, mount(NULL, SCRATCH_OTHER, NULL,
			    MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	EXPECT_EQ(EBUSY, errno);
}

static int call_set(void *arg)
{
	struct fuse_backing_extent extent = { 0, 1, 0, 1, 0 };

	return fuse_backing_set_extents(*(int *)arg, FUSE_ROOT_ID + 1, &extent,
					1, READ | FUSE_BACKING_ATTACH_PENDING);
}

static int call_set_in_userns(void *arg)
{
	return creds_enter_userns() ?: call_set(arg);
}

TEST_F(rights, switched_off)
{
	int id = attack_register_path(&self->attack, scratch_path("own"),
				      O_RDONLY);
	int as_owner, as_root, err;

	ASSERT_EQ(1, id);
	ASSERT_EQ(0, switch_passthrough(false));
	as_owner = creds_call(&owner, call_set, &self->dev);
	as_root = call_set(&self->dev);
	err = switch_passthrough(true);
	ASSERT_EQ(0, err);
	EXPECT_EQ(-EPERM, as_owner);
	EXPECT_EQ(0, as_root);
	EXPECT_TRUE(attack_rejected(&self->attack, 0, -EPERM, "switched-off"));
	EXPECT_EQ(0, creds_call(&owner, call_set, &self->dev));
	/* whoever has /dev/fuse speaks for the server; from within, too */
	EXPECT_EQ(0, creds_call(&stranger, call_set, &self->dev));
	EXPECT_EQ(0, creds_call(&owner, call_set_in_userns, &self->dev));
}

/* Images on filesystems of other kinds */

static void use_image_at(struct __test_metadata *_metadata,
			 struct attack *attack, const char *path)
{
	char *want = malloc(FILE_SIZE), *map;
	int id, fd, p[2];
	loff_t pos = 100;

	scratch_pattern(want, FILE_SIZE, SEED_OWN);
	id = attack_register_path(attack, path, O_RDWR);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, set(attack, FUSE_ROOT_ID + 1, id, AT, 2 * PAGE, WRITE, BOTH));
	fd = fuse_server_open(attack->srv, "own", O_RDWR);
	ASSERT_LE(0, fd);
	memmove(want, want + AT, 2 * PAGE);
	ASSERT_EQ(0, pipe(p));
	map = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, memcmp(map, want, 2 * PAGE));
	EXPECT_EQ(200, splice(fd, &pos, p[1], NULL, 200, 0));
	EXPECT_EQ(200, read(p[0], want + FILE_SIZE / 2, 200));
	EXPECT_EQ(0, memcmp(want + FILE_SIZE / 2, want + 100, 200));
	EXPECT_EQ(3, pwrite(fd, "www", 3, 4095));
	EXPECT_EQ(0, memcmp(map + 4095, "www", 3));
	EXPECT_EQ(3, aio_rw(fd, p, 3, 4095, false));
	EXPECT_EQ(0, memcmp(p, "www", 3));
	munmap(map, 2 * PAGE);
	close(fd);
	EXPECT_EQ(0, fuse_server_data_ops(attack->srv));
	free(want);
}

TEST_F(rights, image_on_overlayfs)
{
	ASSERT_EQ(0, mount("other", SCRATCH_OTHER, "tmpfs", 0, "mode=777"));
	ASSERT_EQ(0, mkdir(SCRATCH_OTHER "/upper", 0755));
	ASSERT_EQ(0, mkdir(SCRATCH_OTHER "/work", 0755));
	ASSERT_EQ(0, mount("overlay", SCRATCH_FUSE2, "overlay", 0,
			   "lowerdir=" SCRATCH_BACKING ",upperdir="
			   SCRATCH_OTHER "/upper,workdir="
			   SCRATCH_OTHER "/work"));
	use_image_at(_metadata, &self->attack, SCRATCH_FUSE2 "/own");
	/* what was written is above */
	EXPECT_EQ(0, attack_untouched("own", SEED_OWN));
	close(open(SCRATCH_OTHER "/upper/own", O_RDONLY));
	EXPECT_EQ(0, access(SCRATCH_OTHER "/upper/own", F_OK));
}

TEST_F(rights, image_on_fuse)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_BACKING,
		.no_passthrough = true,
	};
	struct fuse_server lower;

	ASSERT_EQ(0, fuse_server_start(&lower, &opts));
	ASSERT_NE(NULL, fuse_server_add(&lower, "own"));
	use_image_at(_metadata, &self->attack, SCRATCH_FUSE2 "/own");
	EXPECT_LT(0, fuse_server_data_ops(&lower));
	EXPECT_EQ(0, scratch_compare("own", "www", 3, AT + 4095));
	fuse_server_stop(&lower);
}

TEST_HARNESS_MAIN
