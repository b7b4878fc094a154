// SPDX-License-Identifier: GPL-2.0
/*
 * A mapping lives as long as something has it open or mapped, and no longer.
 *
 * Proves: a backing file stays in the table while any part of it is mapped, after
 * its FUSE file and its id were closed, by whoever got that by fork(2), mremap(2) or
 * execve(2), privately or not, and goes with the last munmap(2) or exit, also one
 * that leaves a core dump; a FUSE file that io_uring or a message in a socket keeps
 * open keeps it, too. Then nothing is left in the table, of disk space or of what
 * REVOKE says EBUSY for. Files that are mapped and closed one after the other don't
 * fill a table. The same where the backing filesystem is an overlayfs or another
 * FUSE, which map a file of their own.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <linux/io_uring.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "env.h"
#include "fd_pass.h"
#include "wait_until.h"

#define PAGE	4096
#define MAPPED	(2 * PAGE)
#define LAYERS	SCRATCH_BACKING "/layers"
#define BOTH	(PROT_READ | PROT_WRITE)
#define REVOKE	FUSE_BACKING_DETACH_REVOKE
#define FEW	64

FIXTURE(mapped) {
	struct env env;
	struct fuse_server *srv;
	pid_t thread;
	int id;
	int fd;			/* "a", on the id */
};

/* "a" is open, and nothing but that keeps its mapping */
static int open_a(FIXTURE_DATA(mapped) * self, const char *backing)
{
	self->id = fuse_backing_open_path(self->srv->fd, backing, O_RDWR);
	if (self->id < 0)
		return self->id;
	self->fd = fuse_server_open_id(self->srv, "a", O_RDWR, self->id);
	if (self->fd < 0)
		return self->fd;
	self->thread = thread_find(self->srv->dev);
	return fuse_backing_close(self->srv->fd, self->id);
}

FIXTURE_SETUP(mapped)
{
	self->fd = -1;
	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->srv = &self->env.srv;
	ASSERT_EQ(0, open_a(self, scratch_path("a")));
}

FIXTURE_TEARDOWN(mapped)
{
	env_teardown(&self->env);
}

static bool is_there(const FIXTURE_DATA(mapped) * self)
{
	return table_has(self->thread, self->id);
}

/* At once, by who closes it */
static bool is_gone(const FIXTURE_DATA(mapped) * self)
{
	return !is_there(self);
}

/* "a" is mapped and closed */
static char *map_a(FIXTURE_DATA(mapped) * self, int prot, int flags)
{
	char *map = mmap(NULL, MAPPED, prot, flags, self->fd, 0);

	close(self->fd);
	self->fd = -1;
	return map;
}

static int take_away(const FIXTURE_DATA(mapped) * self)
{
	__u64 node = fuse_server_node(self->srv, &self->srv->sh->file[0]);

	return fuse_detach_backing(self->srv->fd, node, 0, REVOKE);
}

/* What is executed, or killed, is somebody else */
static pid_t start(void (*work)(void *), void *data)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		work(data);
		_exit(0);
	}
	return pid;
}

static bool ends(pid_t pid, int signal)
{
	int status;

	return waitpid(pid, &status, 0) == pid &&
	       (signal ? WIFSIGNALED(status) && WTERMSIG(status) == signal :
			 !status);
}

static void wait_for_signal(void *data)
{
	(void)data;
	pause();
}

TEST_F(mapped, not_at_all)
{
	EXPECT_TRUE(is_there(self));
	close(self->fd);
	EXPECT_FALSE(is_there(self));
}

TEST_F(mapped, unmapped_before_it_is_closed)
{
	char *map = mmap(NULL, MAPPED, BOTH, MAP_SHARED, self->fd, 0);

	ASSERT_NE(MAP_FAILED, map);
	munmap(map, MAPPED);
	EXPECT_TRUE(is_there(self));
	close(self->fd);
	EXPECT_TRUE(is_gone(self));
}

TEST_F(mapped, part_by_part)
{
	char *map = map_a(self, BOTH, MAP_SHARED);

	ASSERT_NE(MAP_FAILED, map);
	munmap(map, PAGE);
	EXPECT_TRUE(is_there(self));
	map[PAGE] = 'p';
	EXPECT_EQ(0, scratch_compare("a", "p", 1, PAGE));
	munmap(map + PAGE, PAGE);
	EXPECT_TRUE(is_gone(self));
}

TEST_F(mapped, twice)
{
	char *one = mmap(NULL, MAPPED, PROT_READ, MAP_SHARED, self->fd, 0);
	char *two = map_a(self, PROT_READ, MAP_SHARED);

	ASSERT_NE(MAP_FAILED, one);
	ASSERT_NE(MAP_FAILED, two);
	munmap(one, MAPPED);
	EXPECT_TRUE(is_there(self));
	munmap(two, MAPPED);
	EXPECT_TRUE(is_gone(self));
}

TEST_F(mapped, inherited)
{
	char *map = map_a(self, BOTH, MAP_SHARED);
	pid_t pid = start(wait_for_signal, NULL);

	ASSERT_NE(MAP_FAILED, map);
	munmap(map, MAPPED);
	EXPECT_TRUE(is_there(self));
	EXPECT_EQ(-EBUSY, take_away(self));
	kill(pid, SIGKILL);
	EXPECT_TRUE(ends(pid, SIGKILL));
	EXPECT_TRUE(is_gone(self));
}

TEST_F(mapped, moved)
{
	char *map = map_a(self, BOTH, MAP_SHARED), *moved;

	ASSERT_NE(MAP_FAILED, map);
	moved = mmap(NULL, 2 * MAPPED, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0);
	ASSERT_EQ(moved, mremap(map, MAPPED, 2 * MAPPED,
				MREMAP_MAYMOVE | MREMAP_FIXED, moved));
	EXPECT_TRUE(is_there(self));
	moved[3 * PAGE] = 'm';
	EXPECT_EQ(0, scratch_compare("a", "m", 1, 3 * PAGE));
	munmap(moved, 2 * MAPPED);
	EXPECT_TRUE(is_gone(self));
}

TEST_F(mapped, privately)
{
	char *map = map_a(self, BOTH, MAP_PRIVATE);

	ASSERT_NE(MAP_FAILED, map);
	map[0]++;
	EXPECT_TRUE(is_there(self));
	munmap(map, MAPPED);
	EXPECT_TRUE(is_gone(self));
}

static void crash(void *map)
{
	const struct rlimit rlimit = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_CORE, &rlimit);
	/* where it leaves its core */
	if (chdir(SCRATCH_ROOT))
		_exit(1);
	((char *)map)[0] = 'c';
}

TEST_F(mapped, by_who_leaves_a_core)
{
	char *map = map_a(self, PROT_READ, MAP_SHARED);
	pid_t pid = start(crash, map);

	ASSERT_NE(MAP_FAILED, map);
	munmap(map, MAPPED);
	EXPECT_TRUE(ends(pid, SIGSEGV));
	EXPECT_TRUE(is_gone(self));
}

static void execute(void *path)
{
	execl(path, path, "1000", NULL);
	_exit(1);
}

/* Has it come to be another program, with its file open? */
static bool is_running(pid_t pid, const char *program)
{
	char path[64], name[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, name, sizeof(name) - 1) < 0)
		return false;
	close(fd);
	return !strncmp(name, program, strlen(program));
}

TEST_F(mapped, executed)
{
	struct fuse_server_file *file;
	pid_t pid;

	ASSERT_EQ(0, scratch_copy("sleep", "/bin/sleep"));
	file = fuse_server_add(self->srv, "sleep");
	ASSERT_NE(NULL, file);
	close(self->fd);
	self->id = env_register(&self->env, "sleep", O_RDONLY);
	ASSERT_LT(0, self->id);
	file->backing_id = self->id;
	file->open_flags = FOPEN_PASSTHROUGH;

	pid = start(execute, SCRATCH_FUSE "/sleep");
	EXPECT_TRUE(wait_until(is_running(pid, "sleep")));
	EXPECT_EQ(0, fuse_backing_close(self->srv->fd, self->id));
	EXPECT_TRUE(is_there(self));
	kill(pid, SIGKILL);
	EXPECT_TRUE(ends(pid, SIGKILL));
	EXPECT_TRUE(is_gone(self));
	/* it isn't "text file busy" for good, either */
	EXPECT_EQ(-ENOENT, fuse_detach_backing(self->srv->fd,
					       fuse_server_node(self->srv, file),
					       0, REVOKE));
}

TEST_F(mapped, kept_open_by_io_uring)
{
	struct io_uring_params params = {};
	int ring = syscall(__NR_io_uring_setup, 1, &params);

	if (ring < 0)
		SKIP(return, "no io_uring");
	ASSERT_EQ(0, syscall(__NR_io_uring_register, ring,
			     IORING_REGISTER_FILES, &self->fd, 1));
	close(self->fd);
	EXPECT_TRUE(is_there(self));
	ASSERT_EQ(0, syscall(__NR_io_uring_register, ring,
			     IORING_UNREGISTER_FILES, NULL, 0));
	EXPECT_TRUE(is_gone(self));
	close(ring);
}

TEST_F(mapped, kept_open_by_a_message)
{
	int pair[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	ASSERT_EQ(0, fd_send(pair[0], self->fd));
	close(self->fd);
	EXPECT_TRUE(is_there(self));
	self->fd = fd_receive(pair[1]);
	EXPECT_LE(0, self->fd);
	close(self->fd);
	EXPECT_TRUE(is_gone(self));
	close(pair[0]);
	close(pair[1]);
}

/* Not for longer than it is */
TEST_F(mapped, revoked)
{
	char *map = mmap(NULL, MAPPED, BOTH, MAP_SHARED, self->fd, 0);

	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(-EBUSY, take_away(self));
	close(self->fd);
	EXPECT_EQ(-EBUSY, take_away(self));
	munmap(map, MAPPED);
	EXPECT_TRUE(is_gone(self));
	/* nothing is open, and nothing attached */
	EXPECT_EQ(-ENOENT, take_away(self));
}

/* One of two files is mapped, and closed; the other one never was. */
TEST_F(mapped, revoked_beside_another)
{
	int id = env_register(&self->env, "a", O_RDWR), fd;
	char *map;

	ASSERT_LT(0, id);
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	map = map_a(self, BOTH, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(-EBUSY, take_away(self));
	munmap(map, MAPPED);
	EXPECT_EQ(0, take_away(self));
	close(fd);
}

static int map_and_close(FIXTURE_DATA(mapped) * self)
{
	char *map;
	int err = open_a(self, scratch_path("b"));

	if (err)
		return err;
	map = map_a(self, PROT_READ, MAP_PRIVATE);
	return map == MAP_FAILED ? -errno : munmap(map, MAPPED);
}

/* As a linker does */
TEST_F(mapped, more_than_a_table_holds)
{
	const struct rlimit few = { FEW, FEW };
	int err = 0;

	close(self->fd);
	ASSERT_EQ(0, prlimit(self->thread, RLIMIT_NOFILE, &few, NULL));
	for (int i = 0; i < 4 * FEW && !err; i++)
		err = map_and_close(self);
	EXPECT_EQ(0, err);
}

static unsigned long free_blocks(void)
{
	struct statfs st;

	return statfs(SCRATCH_BACKING, &st) ? 0 : st.f_bfree;
}

TEST_F(mapped, unlinked)
{
	unsigned long blocks = free_blocks();
	char *map = map_a(self, PROT_READ, MAP_SHARED);

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, unlink(scratch_path("a")));
	EXPECT_EQ(blocks, free_blocks());
	munmap(map, MAPPED);
	EXPECT_TRUE(wait_until(free_blocks() > blocks));
}

/* Where what is mapped is below the backing file */

FIXTURE(stacked) {
	FIXTURE_DATA(mapped) top;
	struct env env;
	struct fuse_server lower;
	struct fuse_server upper;
};

FIXTURE_VARIANT(stacked) {
	bool fuse;
};

FIXTURE_VARIANT_ADD(stacked, on_overlayfs) {};

FIXTURE_VARIANT_ADD(stacked, on_fuse) {
	.fuse = true,
};

static int mount_overlay(void)
{
	if (mkdir(LAYERS, 0755) < 0 || mkdir(LAYERS "/upper", 0755) < 0 ||
	    mkdir(LAYERS "/lower", 0755) < 0 || mkdir(LAYERS "/work", 0755) < 0 ||
	    scratch_file("layers/lower/a", FILE_SIZE, 0))
		return -EIO;
	return mount("overlay", SCRATCH_OTHER, "overlay", 0,
		     "lowerdir=" LAYERS "/lower,upperdir=" LAYERS
		     "/upper,workdir=" LAYERS "/work") < 0 ? -errno : 0;
}

/* What "a" is there is passed through, too */
static int serve_lower(FIXTURE_DATA(stacked) * self)
{
	const struct fuse_server_opts opts = { .mountpoint = SCRATCH_FUSE2 };
	int err = env_serve(&self->env, &self->lower, &opts), id;

	if (err)
		return err;
	id = fuse_backing_open_path(self->lower.fd, scratch_path("a"), O_RDWR);
	self->lower.sh->file[0].backing_id = id;
	self->lower.sh->file[0].open_flags = FOPEN_PASSTHROUGH;
	/* nothing but the file that is registered above keeps the inode */
	self->lower.sh->entry_valid = 0;
	return id < 0 ? id : 0;
}

FIXTURE_SETUP(stacked)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_ROOT "/top",
		.backing = variant->fuse ? SCRATCH_FUSE2 : SCRATCH_OTHER,
		.max_stack_depth = 2,
	};
	int err;

	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	err = variant->fuse ? serve_lower(self) : mount_overlay();
	if (err == -ENODEV)
		SKIP(return, "needs overlayfs");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, mkdir(opts.mountpoint, 0755));
	ASSERT_EQ(0, env_serve(&self->env, &self->upper, &opts));
	self->top.srv = &self->upper;
	ASSERT_EQ(0, open_a(&self->top, variant->fuse ? SCRATCH_FUSE2 "/a" :
							SCRATCH_OTHER "/a"));
}

FIXTURE_TEARDOWN(stacked)
{
	if (self->upper.sh)
		fuse_server_stop(&self->upper);
	if (self->lower.sh)
		fuse_server_stop(&self->lower);
	env_teardown(&self->env);
}

TEST_F(stacked, mapped_and_closed)
{
	char *map = map_a(&self->top, PROT_READ, MAP_SHARED);

	ASSERT_NE(MAP_FAILED, map);
	EXPECT_TRUE(is_there(&self->top));
	EXPECT_EQ(-EBUSY, take_away(&self->top));
	munmap(map, MAPPED);
	EXPECT_TRUE(wait_until(is_gone(&self->top)));
}

/* Each time both mounts have owners of the same file, and both inodes go */
TEST_F(stacked, mapped_and_closed_many_times)
{
	const char *path = variant->fuse ? SCRATCH_FUSE2 "/a" :
					   SCRATCH_OTHER "/a";
	char *map;

	for (int i = 0; i < 100; i++) {
		map = map_a(&self->top, PROT_READ, MAP_SHARED);
		ASSERT_NE(MAP_FAILED, map);
		munmap(map, MAPPED);
		ASSERT_EQ(0, open_a(&self->top, path));
	}
	close(self->top.fd);
}

TEST_F(stacked, mapped_again_and_again)
{
	char *map;

	for (int i = 0; i < 100; i++) {
		map = mmap(NULL, MAPPED, PROT_READ, MAP_SHARED, self->top.fd, 0);
		ASSERT_NE(MAP_FAILED, map);
		munmap(map, MAPPED);
	}
	EXPECT_TRUE(is_there(&self->top));
	close(self->top.fd);
	EXPECT_TRUE(wait_until(is_gone(&self->top)));
}

/* What is below knows which path the user opened */
TEST_F(stacked, keeps_the_mount)
{
	char *map = map_a(&self->top, PROT_READ, MAP_SHARED);

	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(-EBUSY, fuse_server_umount(&self->upper));
	munmap(map, MAPPED);
	EXPECT_EQ(0, fuse_server_umount(&self->upper));
	EXPECT_TRUE(wait_until(!thread_exists(self->top.thread)));
}

TEST_HARNESS_MAIN
