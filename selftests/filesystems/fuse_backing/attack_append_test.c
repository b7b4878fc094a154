// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks on what can only be appended to.
 *
 * Proves: neither a file with the append-only attribute nor a descriptor that
 * somebody opened with O_APPEND and passed on lets anybody write elsewhere
 * than at the end: not by an open without O_APPEND, not after fcntl(2) took
 * that away, not by RWF_NOAPPEND, splice, aio, io_uring or a shared mapping,
 * and not when the attribute comes after the open. An immutable file can't be
 * opened for writing, and gets no more room if it is open already. Appending,
 * reading and private mappings work. All of this holds for files that are opened
 * on what is attached, and for what the backing file of those does in place of
 * the server.
 *
 * Privilege: root, to set attributes and to mount for an ordinary user. The
 * server is that user, without capabilities.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <linux/fs.h>

#include "harness.h"

#include "async_io.h"
#include "attack.h"
#include "fd_pass.h"

#define PUNCH_HOLE (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define TEXT	"appended"
#define SIZE	(sizeof(TEXT) - 1)

/* Where an append-only mapping comes from. */
enum source {
	BY_ATTRIBUTE,		/* the owner's file, chattr +a */
	BY_DESCRIPTOR,		/* root's file, opened with O_APPEND */
};

FIXTURE(append) {
	struct attack attack;
	struct fuse_server *srv;
	const char *name;	/* of the backing file */
	int root_fd;		/* of the same, opened by root */
	int id;
};

FIXTURE_VARIANT(append) {
	enum source source;
	bool userns;
	bool attached;
};

FIXTURE_VARIANT_ADD(append, attribute) {
	.source = BY_ATTRIBUTE,
};

FIXTURE_VARIANT_ADD(append, descriptor) {
	.source = BY_DESCRIPTOR,
};

FIXTURE_VARIANT_ADD(append, attribute_user_namespace) {
	.source = BY_ATTRIBUTE,
	.userns = true,
};

FIXTURE_VARIANT_ADD(append, descriptor_user_namespace) {
	.source = BY_DESCRIPTOR,
	.userns = true,
};

FIXTURE_VARIANT_ADD(append, attribute_attached) {
	.source = BY_ATTRIBUTE,
	.attached = true,
};

FIXTURE_VARIANT_ADD(append, descriptor_attached) {
	.source = BY_DESCRIPTOR,
	.attached = true,
};

static int pass_on(int fd)
{
	int pair[2], received;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	received = fd_send(pair[0], fd) ?: fd_receive(pair[1]);
	close(pair[0]);
	close(pair[1]);
	return received;
}

FIXTURE_SETUP(append)
{
	static const struct fuse_server_opts opts;
	int err, passed;

	err = attack_prepare(&self->attack, SCRATCH_EXT4);
	if (!err)
		err = scratch_owned("log", FILE_SIZE, 0, OWNER, 0644);
	if (!err)
		err = scratch_owned("roots_log", FILE_SIZE, 0, 0, 0644);
	if (!err)
		err = scratch_flags("log", FS_APPEND_FL);
	if (!attack_ready(_metadata, err))
		return;

	self->srv = self->attack.srv;
	self->attack.attached = variant->attached;
	self->name = variant->source == BY_ATTRIBUTE ? "log" : "roots_log";
	self->root_fd = open(scratch_path(self->name),
			     O_RDWR | O_APPEND | O_CLOEXEC);
	ASSERT_LE(0, self->root_fd);
	err = attack_serve(&self->attack, variant->userns, &opts);
	ASSERT_EQ(0, err);
	passed = variant->source == BY_DESCRIPTOR ? pass_on(self->root_fd) :
		open(scratch_path("log"), O_RDWR | O_APPEND | O_CLOEXEC);
	ASSERT_LE(0, passed);
	self->id = attack_register(&self->attack, passed);
	close(passed);
	ASSERT_LT(0, self->id);
}

FIXTURE_TEARDOWN(append)
{
	close(self->root_fd);
	attack_teardown(&self->attack);
}

/* The file begins as it was made; how much was added to that. */
static int appended(const char *name)
{
	static char want[FILE_SIZE];
	int err;

	scratch_pattern(want, sizeof(want), 0);
	err = scratch_compare(name, want, sizeof(want), 0);
	return err ?: (int)(scratch_size(name) - FILE_SIZE);
}

/* Open for appending, and with @clear take O_APPEND away from the file. */
static int open_append(struct attack *attack, int id, bool clear)
{
	int fd = attack_open(attack, "own", O_RDWR | O_APPEND, id);

	if (fd >= 0 && clear && fcntl(fd, F_SETFL, 0) < 0)
		return -errno;
	return fd;
}

TEST_F(append, open_without_append)
{
	struct attack *attack = &self->attack;

	EXPECT_EQ(-EPERM, attack_try_open(attack, self->id, O_WRONLY));
	EXPECT_TRUE(attack_rejected(attack, self->id, -EPERM, "append-only"));
	EXPECT_EQ(-EPERM, attack_try_open(attack, self->id, O_RDWR));
	EXPECT_EQ(0, attack_try_open(attack, self->id, O_WRONLY | O_APPEND));
	EXPECT_EQ(0, attack_try_open(attack, self->id, O_RDWR | O_APPEND));
	EXPECT_EQ(0, attack_try_open(attack, self->id, O_RDONLY));
}

TEST_F(append, append_appends)
{
	int fd = open_append(&self->attack, self->id, false);
	struct iovec iov = { TEXT, SIZE };

	ASSERT_LE(0, fd);
	EXPECT_EQ(SIZE, write(fd, TEXT, SIZE));
	EXPECT_EQ(SIZE, pwrite(fd, TEXT, SIZE, 0));
	EXPECT_EQ(2 * SIZE, appended(self->name));

	/* Just as well for this write only. */
	ASSERT_EQ(0, fcntl(fd, F_SETFL, 0));
	EXPECT_EQ(SIZE, pwritev2(fd, &iov, 1, 0, RWF_APPEND));
	EXPECT_EQ(3 * SIZE, appended(self->name));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	close(fd);
}

TEST_F(append, write_after_append_is_cleared)
{
	int fd = open_append(&self->attack, self->id, true);
	struct iovec iov = { TEXT, SIZE };

	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, write(fd, TEXT, SIZE));
	EXPECT_EQ(EPERM, errno);
	EXPECT_TRUE(attack_rejected(&self->attack, self->id, -EPERM,
				    "append-only"));
	EXPECT_EQ(-1, pwrite(fd, TEXT, SIZE, 0));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(-1, writev(fd, &iov, 1));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(-1, pwritev2(fd, &iov, 1, FILE_SIZE, RWF_DSYNC));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(0, appended(self->name));

	/* And again after it is set. */
	ASSERT_EQ(0, fcntl(fd, F_SETFL, O_APPEND));
	EXPECT_EQ(SIZE, write(fd, TEXT, SIZE));
	EXPECT_EQ(SIZE, appended(self->name));
	close(fd);
}

TEST_F(append, write_with_noappend)
{
	int fd = open_append(&self->attack, self->id, false);
	struct iovec iov = { TEXT, SIZE };

	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, pwritev2(fd, &iov, 1, 0, RWF_NOAPPEND));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(0, appended(self->name));
	close(fd);
}

static ssize_t splice_to(int fd, loff_t offset)
{
	int pipefd[2];
	ssize_t n;

	if (pipe2(pipefd, O_CLOEXEC) < 0 ||
	    write(pipefd[1], TEXT, SIZE) != SIZE)
		return -errno;
	n = splice(pipefd[0], NULL, fd, &offset, SIZE, 0);
	if (n < 0)
		n = -errno;
	close(pipefd[0]);
	close(pipefd[1]);
	return n;
}

TEST_F(append, splice)
{
	int fd = open_append(&self->attack, self->id, true);
	off_t offset = 0;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EPERM, splice_to(fd, 0));
	EXPECT_EQ(-EPERM, splice_to(fd, FILE_SIZE));
	EXPECT_EQ(-1, sendfile(fd, self->root_fd, &offset, SIZE));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(0, appended(self->name));

	/* Set afterwards, it doesn't make splice(2) append. */
	ASSERT_EQ(0, fcntl(fd, F_SETFL, O_APPEND));
	EXPECT_GT(0, splice_to(fd, 0));
	EXPECT_EQ(0, appended(self->name));
	close(fd);
}

static void async_write(struct __test_metadata *_metadata,
			const char *name, int fd, async_rw *rw)
{
	char text[] = TEXT;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EPERM, rw(fd, text, SIZE, 0, true));
	EXPECT_EQ(0, appended(name));
	ASSERT_EQ(0, fcntl(fd, F_SETFL, O_APPEND));
	EXPECT_EQ(SIZE, rw(fd, text, SIZE, 0, true));
	EXPECT_EQ(SIZE, appended(name));
	close(fd);
}

TEST_F(append, aio)
{
	async_write(_metadata, self->name,
		    open_append(&self->attack, self->id, true), aio_rw);
}

TEST_F(append, io_uring)
{
	async_write(_metadata, self->name,
		    open_append(&self->attack, self->id, true), uring_rw);
}

static int try_map(int fd, int prot, int flags)
{
	void *map = mmap(NULL, 4096, prot, flags, fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	munmap(map, 4096);
	return 0;
}

TEST_F(append, shared_mapping)
{
	int fd = open_append(&self->attack, self->id, false);
	void *map;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EACCES, try_map(fd, PROT_READ | PROT_WRITE, MAP_SHARED));
	EXPECT_TRUE(attack_rejected(&self->attack, self->id, -EACCES,
				    "append-only"));
	/* mprotect(2) would do the rest. */
	EXPECT_EQ(-EACCES, try_map(fd, PROT_READ, MAP_SHARED));
	EXPECT_EQ(-EACCES, try_map(fd, PROT_NONE, MAP_SHARED));
	EXPECT_EQ(-EACCES, try_map(fd, PROT_READ, MAP_SHARED_VALIDATE));
	EXPECT_EQ(0, try_map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE));
	close(fd);

	fd = attack_open(&self->attack, "own", O_RDONLY, self->id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EACCES, try_map(fd, PROT_READ | PROT_WRITE, MAP_SHARED));
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(-1, mprotect(map, 4096, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	munmap(map, 4096);
	close(fd);
}

/*
 * Neither the server's own requests are a way round it, nor what the backing
 * file does instead: reserving space is all that changes nothing.
 */
TEST_F(append, other_ways)
{
	int fd = open_append(&self->attack, self->id, true);
	loff_t in = 0, out = 0;

	ASSERT_LE(0, fd);
	EXPECT_GT(0, copy_file_range(self->root_fd, &in, fd, &out, SIZE, 0));
	EXPECT_GT(0, fallocate(fd, PUNCH_HOLE, 0, 4096));
	if (variant->attached) {
		EXPECT_EQ(EPERM, errno);
		EXPECT_EQ(0, fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4096));
	}
	EXPECT_EQ(0, appended(self->name));
	close(fd);
}

/* What comes after the open, and what has nothing to do with append-only. */
FIXTURE(attribute) {
	struct attack attack;
	struct fuse_server *srv;
};

FIXTURE_VARIANT(attribute) {
	bool attached;
};

FIXTURE_VARIANT_ADD(attribute, named) {
	.attached = false,
};

FIXTURE_VARIANT_ADD(attribute, attached) {
	.attached = true,
};

FIXTURE_SETUP(attribute)
{
	int err = attack_setup(&self->attack, SCRATCH_EXT4, false);

	self->attack.attached = variant->attached;
	self->srv = self->attack.srv;
	attack_ready(_metadata, err);
}

FIXTURE_TEARDOWN(attribute)
{
	scratch_flags("own", 0);
	attack_teardown(&self->attack);
}

TEST_F(attribute, append_only_after_open)
{
	struct attack *attack = &self->attack;
	char text[] = TEXT;
	int id, fd;

	id = attack_register_path(attack, scratch_path("own"), O_RDWR);
	ASSERT_LT(0, id);
	fd = attack_open(attack, "own", O_RDWR, id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(SIZE, pwrite(fd, TEXT, SIZE, 0));
	EXPECT_EQ(0, try_map(fd, PROT_READ, MAP_SHARED));

	ASSERT_EQ(0, scratch_flags("own", FS_APPEND_FL));
	EXPECT_EQ(-1, pwrite(fd, TEXT, SIZE, 0));
	EXPECT_EQ(EPERM, errno);
	EXPECT_TRUE(attack_rejected(attack, id, -EPERM, "append-only"));
	EXPECT_EQ(-EPERM, splice_to(fd, 0));
	EXPECT_EQ(-EPERM, aio_rw(fd, text, SIZE, 0, true));
	EXPECT_EQ(-EPERM, uring_rw(fd, text, SIZE, 0, true));
	EXPECT_EQ(-EACCES, try_map(fd, PROT_READ, MAP_SHARED));
	EXPECT_EQ(0, try_map(fd, PROT_READ, MAP_PRIVATE));
	EXPECT_EQ(-EPERM, attack_try_open(attack, id, O_RDWR));
	EXPECT_EQ(FILE_SIZE, scratch_size("own"));

	/* The file may still be appended to, and written once it may be. */
	ASSERT_EQ(0, fcntl(fd, F_SETFL, O_APPEND));
	EXPECT_EQ(SIZE, write(fd, TEXT, SIZE));
	EXPECT_EQ(FILE_SIZE + (off_t)SIZE, scratch_size("own"));
	ASSERT_EQ(0, fcntl(fd, F_SETFL, 0));
	ASSERT_EQ(0, scratch_flags("own", 0));
	EXPECT_EQ(SIZE, pwrite(fd, TEXT, SIZE, 0));
	close(fd);
}

/* The owner's own O_APPEND doesn't bind it: it could open the file again. */
TEST_F(attribute, own_append_descriptor)
{
	struct attack *attack = &self->attack;
	int id, fd;

	id = attack_register_path(attack, scratch_path("own"),
				  O_RDWR | O_APPEND);
	ASSERT_LT(0, id);
	fd = attack_open(attack, "own", O_RDWR, id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(SIZE, pwrite(fd, TEXT, SIZE, 0));
	EXPECT_EQ(SIZE, splice_to(fd, 0));
	EXPECT_EQ(0, try_map(fd, PROT_READ | PROT_WRITE, MAP_SHARED));
	EXPECT_EQ(FILE_SIZE, scratch_size("own"));
	EXPECT_EQ(0, scratch_compare("own", TEXT, SIZE, 0));
	close(fd);
}

/* Only to write: root's descriptor without reading. */
TEST_F(attribute, write_only_append_descriptor)
{
	struct attack *attack = &self->attack;
	int id, fd;

	fd = open(scratch_path("secret"), O_WRONLY | O_APPEND | O_CLOEXEC);
	ASSERT_LE(0, fd);
	id = attack_register(attack, fd);
	close(fd);
	ASSERT_LT(0, id);
	EXPECT_EQ(-EPERM, attack_try_open(attack, id, O_WRONLY));
	EXPECT_EQ(-EACCES, attack_try_open(attack, id, O_RDWR | O_APPEND));
	fd = attack_open(attack, "own", O_WRONLY | O_APPEND, id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(SIZE, pwrite(fd, TEXT, SIZE, 0));
	ASSERT_EQ(0, fcntl(fd, F_SETFL, 0));
	EXPECT_EQ(-1, pwrite(fd, TEXT, SIZE, 0));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(FILE_SIZE + (off_t)SIZE, scratch_size("secret"));
	close(fd);
}

TEST_F(attribute, immutable)
{
	struct attack *attack = &self->attack;
	int before, after, fd;

	before = attack_register_path(attack, scratch_path("own"), O_RDWR);
	ASSERT_LT(0, before);
	EXPECT_EQ(0, attack_try_open(attack, before, O_RDWR));
	ASSERT_EQ(0, scratch_flags("own", FS_IMMUTABLE_FL));
	after = attack_register_path(attack, scratch_path("own"), O_RDONLY);
	ASSERT_LT(0, after);

	EXPECT_EQ(-EPERM, attack_try_open(attack, before, O_RDWR));
	EXPECT_TRUE(attack_rejected(attack, before, -EPERM, "immutable"));
	EXPECT_EQ(-EPERM, attack_try_open(attack, before, O_WRONLY));
	EXPECT_EQ(-EPERM, attack_try_open(attack, before, O_WRONLY | O_APPEND));
	EXPECT_EQ(-EPERM, attack_try_open(attack, after, O_RDWR));
	EXPECT_EQ(0, attack_untouched("own", SEED_OWN));

	fd = attack_open(attack, "own", O_RDONLY, before);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, attack_reads(fd, SEED_OWN));
	close(fd);
}

/* Who has it open for writing goes on, but the file gets no more room, and loses none */
TEST_F(attribute, immutable_after_open)
{
	struct attack *attack = &self->attack;
	int fd, id;

	id = attack_register_path(attack, scratch_path("own"), O_RDWR);
	ASSERT_LT(0, id);
	fd = attack_open(attack, "own", O_RDWR, id);
	ASSERT_LE(0, fd);
	if (variant->attached)
		EXPECT_EQ(0, fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4096));
	ASSERT_EQ(0, scratch_flags("own", FS_IMMUTABLE_FL));
	EXPECT_EQ(-1, fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4096));
	EXPECT_EQ(-1, fallocate(fd, PUNCH_HOLE, 0, 4096));
	if (variant->attached) {
		EXPECT_EQ(EPERM, errno);
		EXPECT_TRUE(attack_rejected(attack, id, -EPERM, "immutable"));
	}
	EXPECT_EQ(0, attack_untouched("own", SEED_OWN));
	close(fd);
}

TEST_HARNESS_MAIN
