// SPDX-License-Identifier: GPL-2.0
/*
 * Which files an unprivileged server can pass through, by filesystem and type.
 *
 * Proves: files on ext4, tmpfs, overlayfs, 9p and another FUSE pass through,
 * with their data and without one READ or WRITE at the server; pseudo
 * filesystems, internal mounts and all that isn't a regular file is refused
 * with its errno; a stack that is too deep is, too. What could hang on itself
 * doesn't: a file of the mount's own, of a server that doesn't answer, a loop
 * device on FUSE on a loop device. Registering until the limit and with an
 * inherited or left over /dev/fuse does what it should.
 *
 * Privilege: root, to make filesystems and mount for an ordinary user without
 * capabilities, who is server and client.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <linux/loop.h>

#include "fd_pass.h"
#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "env.h"
#include "wait_until.h"

#define OWNER		1000	/* a uid and a gid */
#define LIMIT		40
#define MAP_SIZE	4096

#define LAYERS		SCRATCH_BACKING "/layers"

static const struct creds owner = { .uid = OWNER, .gid = OWNER };

/* Two mounts at most: one on top, which is tested, and one below. */
struct stack {
	struct env env;
	struct fuse_server *srv;
	struct fuse_server lower;
	int root;		/* socket to a process that stays root */
};

FIXTURE(filesystems) {
	struct stack stack;
};

/* Unmounts the top mount whenever it is told to. */
static void root_process(int socket)
{
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (recv(socket, &byte, 1, 0) == 1) {
		byte = umount2(SCRATCH_FUSE, 0) < 0 ? errno : 0;
		if (send(socket, &byte, 1, 0) != 1)
			break;
	}
	_exit(0);
}

static int umount_as_root(int socket)
{
	char byte = 0;

	if (send(socket, &byte, 1, 0) != 1 || recv(socket, &byte, 1, 0) != 1)
		return -EPIPE;
	return -byte;
}

FIXTURE_SETUP(filesystems)
{
	if (geteuid())
		SKIP(return, "needs root");
	self->stack.srv = &self->stack.env.srv;
	ASSERT_EQ(0, scratch_setup(&self->stack.env.scratch, SCRATCH_TMPFS));
	self->stack.root = fd_fork(root_process);
	ASSERT_LE(0, self->stack.root);
}

FIXTURE_TEARDOWN(filesystems)
{
	fuse_server_stop(self->stack.srv);
	fuse_server_stop(&self->stack.lower);
	close(self->stack.root);
}

/* The mount on top of what is in @backing, and no more privileges. */
static int serve(struct stack *stack, const char *backing,
		 __u32 depth)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE,
		.backing = backing,
		.max_stack_depth = depth,
		.uid = OWNER,
	};
	int err = fuse_server_start(stack->srv, &opts);

	if (!err && !stack->srv->sh->passthrough)
		err = -EOPNOTSUPP;
	if (!err && !fuse_server_add(stack->srv, "file"))
		err = -ENOSPC;
	return err ?: creds_set(&owner);
}

/* "file" in a directory, with FILE_SIZE bytes of a pattern */
static int make_file(const char *dir, uid_t uid)
{
	char path[PATH_MAX];
	char *buf = malloc(FILE_SIZE);
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/file", dir);
	scratch_pattern(buf, FILE_SIZE, 1);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, buf, FILE_SIZE) != FILE_SIZE ||
	    fchown(fd, uid, uid) < 0)
		err = -errno;
	free(buf);
	if (fd >= 0)
		close(fd);
	return err;
}

static int compare(int fd, const char *want, size_t size, off_t offset)
{
	char buf[MAP_SIZE];

	if (pread(fd, buf, size, offset) != (ssize_t)size)
		return -errno ?: -EIO;
	return memcmp(buf, want, size) ? -EILSEQ : 0;
}

/* Each of these compares with the backing file, open as @direct. */

static int do_read(int fd, int direct)
{
	char want[MAP_SIZE];

	scratch_pattern(want, sizeof(want), 1);
	return compare(fd, want, sizeof(want), 0) ?:
	       compare(direct, want, sizeof(want), 0);
}

static int do_write(int fd, int direct)
{
	if (pwrite(fd, "written", 7, MAP_SIZE + 5) != 7)
		return -errno;
	return compare(fd, "written", 7, MAP_SIZE + 5) ?:
	       compare(direct, "written", 7, MAP_SIZE + 5);
}

static int do_map(int fd, int direct)
{
	char *map = mmap(NULL, MAP_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 fd, 2 * MAP_SIZE);
	int err = 0;

	if (map == MAP_FAILED)
		return -errno;
	memcpy(map, "mapped", 6);
	if (msync(map, MAP_SIZE, MS_SYNC) < 0)
		err = -errno;
	munmap(map, MAP_SIZE);
	return err ?: compare(direct, "mapped", 6, 2 * MAP_SIZE);
}

static int do_append(struct fuse_server *srv, int id, int direct)
{
	int fd = fuse_server_open_id(srv, "file", O_WRONLY | O_APPEND, id);
	int err;

	if (fd < 0)
		return fd;
	err = write(fd, "appended", 8) == 8 ? 0 : -errno;
	close(fd);
	return err ?: compare(direct, "appended", 8, FILE_SIZE);
}

/* Register @path, open "file" with it, and do everything. */
static void pass_through(struct __test_metadata *_metadata,
			 struct stack *stack, const char *path,
			 int flags)
{
	int id = fuse_backing_open_path(stack->srv->fd, path, flags);
	int fd, direct;

	ASSERT_LT(0, id);
	fd = fuse_server_open_id(stack->srv, "file", O_RDWR, id);
	ASSERT_LE(0, fd);
	direct = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, direct);
	EXPECT_EQ(0, do_read(fd, direct));
	EXPECT_EQ(0, do_write(fd, direct));
	EXPECT_EQ(0, do_map(fd, direct));
	EXPECT_EQ(0, do_append(stack->srv, id, direct));
	EXPECT_EQ(0, fsync(fd));
	close(direct);
	close(fd);
	EXPECT_EQ(0, fuse_server_data_ops(stack->srv));
	EXPECT_EQ(0, fuse_backing_close(stack->srv->fd, id));
}

TEST_F(filesystems, tmpfs)
{
	ASSERT_EQ(0, make_file(SCRATCH_BACKING, OWNER));
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_BACKING, 0));
	pass_through(_metadata, &self->stack, scratch_path("file"), O_RDWR);
}

TEST_F(filesystems, ext4)
{
	int err;

	ASSERT_EQ(0, scratch_umount_backing());
	err = scratch_setup(&self->stack.env.scratch, SCRATCH_EXT4);
	if (err == -EOPNOTSUPP)
		SKIP(return, "needs loop devices and mkfs.ext4");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, make_file(SCRATCH_BACKING, OWNER));
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_BACKING, 0));
	pass_through(_metadata, &self->stack, scratch_path("file"), O_RDWR);
}

static int mount_overlay(void)
{
	if (mkdir(LAYERS, 0755) < 0 || mkdir(LAYERS "/lower", 0755) < 0 ||
	    mkdir(LAYERS "/upper", 0755) < 0 || mkdir(LAYERS "/work", 0755) < 0)
		return -errno;
	if (make_file(LAYERS "/lower", OWNER))
		return -EIO;
	if (mount("overlay", SCRATCH_OTHER, "overlay", 0,
		  "lowerdir=" LAYERS "/lower,upperdir=" LAYERS
		  "/upper,workdir=" LAYERS "/work") < 0)
		return -errno;
	return 0;
}

TEST_F(filesystems, overlayfs)
{
	int err = mount_overlay();

	if (err == -ENODEV)
		SKIP(return, "needs overlayfs");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_OTHER, 2));
	pass_through(_metadata, &self->stack, SCRATCH_OTHER "/file", O_RDWR);
}

/* The first open for writing copies the file up: the server could, too. */
TEST_F(filesystems, overlayfs_copies_up)
{
	int err = mount_overlay();

	if (err == -ENODEV)
		SKIP(return, "needs overlayfs");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_OTHER, 2));
	pass_through(_metadata, &self->stack, SCRATCH_OTHER "/file", O_RDONLY);
	EXPECT_EQ(0, access(LAYERS "/upper/file", F_OK));
}

TEST_F(filesystems, overlayfs_eloop)
{
	int err = mount_overlay();

	if (err == -ENODEV)
		SKIP(return, "needs overlayfs");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_OTHER, 1));
	EXPECT_EQ(-ELOOP, fuse_backing_open_path(self->stack.srv->fd,
						 SCRATCH_OTHER "/file",
						 O_RDWR));
}

TEST_F(filesystems, p9)
{
	char dir[PATH_MAX], path[PATH_MAX + 8];

	if (!scratch_find_mount("9p", true, dir))
		SKIP(return, "needs a 9p mount that can be written to");
	if (make_file(dir, OWNER))
		SKIP(return, "can't make a file of the user's there");
	ASSERT_EQ(0, serve(&self->stack, dir, 0));
	snprintf(path, sizeof(path), "%s/file", dir);
	pass_through(_metadata, &self->stack, path, O_RDWR);
	unlink(path);
}

static char any_file[PATH_MAX];

static int take_regular(const char *path, const struct stat *st, int type,
			struct FTW *ftw)
{
	(void)ftw;
	if (type != FTW_F || !S_ISREG(st->st_mode) || !(st->st_mode & 0444))
		return 0;
	snprintf(any_file, sizeof(any_file), "%s", path);
	return 1;
}

/* Some regular file on the filesystem that is mounted at @dir, or NULL. */
static const char *find_file(const char *dir)
{
	return nftw(dir, take_regular, 8, FTW_PHYS | FTW_MOUNT) == 1 ?
	       any_file : NULL;
}

/* The client reads what is there, and writers get EROFS. */
TEST_F(filesystems, p9_read_only)
{
	char dir[PATH_MAX], want[64], got[64];
	int id, fd, direct;
	ssize_t n;

	if (!scratch_find_mount("9p", false, dir) || !find_file(dir))
		SKIP(return, "needs a 9p mount that can't be written to");
	ASSERT_EQ(0, make_file(SCRATCH_BACKING, OWNER));
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_BACKING, 0));
	id = fuse_backing_open_path(self->stack.srv->fd, any_file, O_RDONLY);
	ASSERT_LT(0, id) TH_LOG("%s", any_file);
	fd = fuse_server_open_id(self->stack.srv, "file", O_RDONLY, id);
	ASSERT_LE(0, fd);
	direct = open(any_file, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, direct);
	n = read(direct, want, sizeof(want));
	EXPECT_EQ(n, read(fd, got, sizeof(got)));
	EXPECT_EQ(0, memcmp(want, got, n));
	close(direct);
	close(fd);
	EXPECT_EQ(0, fuse_server_data_ops(self->stack.srv));
	EXPECT_EQ(-EROFS, fuse_server_open_id(self->stack.srv, "file", O_RDWR, id));
	EXPECT_EQ(-EROFS, fuse_server_open_id(self->stack.srv, "file", O_WRONLY,
					      id));
}

/* A mount that is read-only, of a filesystem that isn't. */
TEST_F(filesystems, read_only_mount)
{
	int id;

	ASSERT_EQ(0, make_file(SCRATCH_BACKING, OWNER));
	ASSERT_EQ(0, mount(SCRATCH_BACKING, SCRATCH_OTHER, NULL, MS_BIND,
			   NULL));
	ASSERT_EQ(0, mount(NULL, SCRATCH_OTHER, NULL,
			   MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_BACKING, 0));
	id = fuse_backing_open_path(self->stack.srv->fd, SCRATCH_OTHER "/file",
				    O_RDONLY);
	ASSERT_LT(0, id);
	EXPECT_EQ(-EROFS, fuse_server_open_id(self->stack.srv, "file", O_RDWR, id));
	pass_through(_metadata, &self->stack, scratch_path("file"), O_RDONLY);
}

/* Another FUSE, whose server reads and writes as ever. */
static int serve_lower(struct stack *stack)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_BACKING,
		.no_passthrough = true,
		.uid = OWNER,
	};
	int err = make_file(SCRATCH_BACKING, OWNER);

	if (!err)
		err = fuse_server_start(&stack->lower, &opts);
	if (!err && !fuse_server_add(&stack->lower, "file"))
		err = -ENOSPC;
	return err;
}

TEST_F(filesystems, fuse)
{
	ASSERT_EQ(0, serve_lower(&self->stack));
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_FUSE2, 0));
	pass_through(_metadata, &self->stack, SCRATCH_FUSE2 "/file", O_RDWR);
	EXPECT_LT(0, fuse_server_data_ops(&self->stack.lower));
}

/*
 * The server of the lower mount doesn't answer, as if it was the one that is
 * just calling the ioctls: they do no I/O.
 */
TEST_F(filesystems, fuse_of_the_same_server)
{
	int fd, id;

	ASSERT_EQ(0, serve_lower(&self->stack));
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_FUSE2, 0));
	fd = open(SCRATCH_FUSE2 "/file", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(3, pwrite(fd, "new", 3, 0));
	ASSERT_EQ(0, fuse_server_pause(&self->stack.lower));
	for (int i = 0; i < 100; i++) {
		id = fuse_backing_open(self->stack.srv->fd, fd);
		EXPECT_LT(0, id);
		EXPECT_EQ(0, fuse_backing_close(self->stack.srv->fd, id));
	}
	id = fuse_backing_open(self->stack.srv->fd, fd);
	EXPECT_LT(0, id);
	ASSERT_EQ(0, fuse_server_resume(&self->stack.lower));
	close(fd);

	/* Control: it was just stopped. The last close is the ioctl's. */
	fd = fuse_server_open_id(self->stack.srv, "file", O_RDWR, id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, compare(fd, "new", 3, 0));
	close(fd);
	ASSERT_EQ(0, fuse_server_pause(&self->stack.lower));
	EXPECT_EQ(0, fuse_backing_close(self->stack.srv->fd, id));
	ASSERT_EQ(0, fuse_server_resume(&self->stack.lower));
}

/* A server whose backing file is on its own mount */
TEST_F(filesystems, own_mount)
{
	ASSERT_EQ(0, make_file(SCRATCH_BACKING, OWNER));
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_BACKING, 1));
	EXPECT_EQ(-ELOOP, fuse_backing_open_path(self->stack.srv->fd,
						 SCRATCH_FUSE "/file",
						 O_RDONLY));
	EXPECT_EQ(-ELOOP, fuse_backing_open_path(self->stack.srv->fd,
						 SCRATCH_FUSE "/file",
						 O_PATH));
	pass_through(_metadata, &self->stack, scratch_path("file"), O_RDWR);
}

TEST_F(filesystems, own_mount_deepest)
{
	ASSERT_EQ(0, make_file(SCRATCH_BACKING, OWNER));
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_BACKING, 2));
	EXPECT_EQ(-ELOOP, fuse_backing_open_path(self->stack.srv->fd,
						 SCRATCH_FUSE "/file",
						 O_RDONLY));
}

/* What isn't a regular file */
TEST_F(filesystems, refused_types)
{
	int fds[16], n = 0;

	ASSERT_EQ(0, scratch_umount_backing());
	ASSERT_EQ(0, scratch_setup(&self->stack.env.scratch, SCRATCH_TMPFS));
	ASSERT_EQ(0, mkfifo(scratch_path("fifo"), 0666));
	ASSERT_EQ(0, symlink("file", scratch_path("link")));
	ASSERT_EQ(0, mknod(scratch_path("block"), S_IFBLK | 0666, 7 << 8));
	ASSERT_EQ(0, mknod(scratch_path("char"), S_IFCHR | 0666, 1 << 8 | 3));
	ASSERT_EQ(0, make_file(SCRATCH_BACKING, OWNER));
	/* root's, as a broker hands them on */
	fds[n++] = open(scratch_path("block"), O_RDONLY | O_CLOEXEC);
	fds[n++] = open(scratch_path("block"), O_PATH | O_CLOEXEC);
	fds[n++] = open(scratch_path("char"), O_RDWR | O_CLOEXEC);
	fds[n++] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fds[n++] = open(scratch_path("fifo"), O_RDWR | O_CLOEXEC);
	fds[n++] = open(scratch_path("fifo"), O_PATH | O_CLOEXEC);
	fds[n++] = open(scratch_path("link"), O_PATH | O_NOFOLLOW | O_CLOEXEC);
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_BACKING, 0));
	fds[n++] = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	fds[n++] = eventfd(0, EFD_CLOEXEC);
	fds[n++] = self->stack.srv->fd;
	for (int i = 0; i < n; i++) {
		if (fds[i] < 0)
			continue;
		EXPECT_EQ(-EINVAL, fuse_backing_open(self->stack.srv->fd, fds[i]))
			TH_LOG("descriptor %d", i);
	}
	EXPECT_EQ(-EISDIR, fuse_backing_open_path(self->stack.srv->fd,
						  SCRATCH_BACKING, O_RDONLY));
	EXPECT_EQ(-EISDIR, fuse_backing_open_path(self->stack.srv->fd, "/", O_PATH));
	pass_through(_metadata, &self->stack, scratch_path("file"), O_RDWR);
}

/* A file on the kernel's own mount of shared memory, which root can open. */
static int open_shm(void)
{
	char path[64];
	int id = shmget(IPC_PRIVATE, MAP_SIZE, 0600);
	char *map = shmat(id, NULL, 0);
	int fd;

	shmctl(id, IPC_RMID, NULL);
	if (map == (void *)-1)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx",
		 (unsigned long)map, (unsigned long)map + MAP_SIZE);
	fd = open(path, O_RDWR | O_CLOEXEC);
	shmdt(map);
	return fd;
}

TEST_F(filesystems, refused_internal_mounts)
{
	int fds[8], n = 0;

	ASSERT_EQ(0, make_file(SCRATCH_BACKING, OWNER));
	fds[n] = open_shm();
	ASSERT_LE(0, fds[n]);
	n++;
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_BACKING, 0));
	fds[n] = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ASSERT_LE(0, fds[n]);
	n++;
	fds[n++] = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	fds[n++] = syscall(SYS_pidfd_open, getpid(), 0);
	for (int i = 0; i < n; i++) {
		if (fds[i] < 0)
			continue;
		EXPECT_EQ(-EOPNOTSUPP,
			  fuse_backing_open(self->stack.srv->fd, fds[i]))
			TH_LOG("descriptor %d", i);
	}
}

/* Pseudo filesystems, each mounted anew; any file of theirs will do. */
static const struct {
	const char *type;
	int result;
	bool must_exist;
} pseudo[] = {
	{ "proc", -EOPNOTSUPP, true },
	{ "sysfs", -EOPNOTSUPP, true },
	{ "cgroup2", -EOPNOTSUPP, false },
	{ "debugfs", -EOPNOTSUPP, false },
	{ "tracefs", -EOPNOTSUPP, false },
	{ "securityfs", -EOPNOTSUPP, false },
	{ "configfs", -EOPNOTSUPP, false },
	{ "bpf", -EOPNOTSUPP, false },
	{ "fusectl", -EOPNOTSUPP, false },
	{ "mqueue", -EOPNOTSUPP, false },
	{ "ramfs", -EOPNOTSUPP, false },
};

/* O_PATH: opening some of these files does things. */
static int open_pseudo(const char *type)
{
	char dir[PATH_MAX], path[PATH_MAX + 8];
	const char *file;

	snprintf(dir, sizeof(dir), SCRATCH_BACKING "/%s", type);
	if (mkdir(dir, 0755) < 0 || mount(type, dir, type, 0, NULL) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/file", dir);
	close(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666));
	file = find_file(dir);
	return file ? open(file, O_PATH | O_CLOEXEC) : -1;
}

TEST_F(filesystems, refused_pseudo)
{
	int fds[ARRAY_SIZE(pseudo)];

	ASSERT_EQ(0, make_file(SCRATCH_BACKING, OWNER));
	for (size_t i = 0; i < ARRAY_SIZE(pseudo); i++) {
		fds[i] = open_pseudo(pseudo[i].type);
		if (pseudo[i].must_exist)
			EXPECT_LE(0, fds[i]) TH_LOG("no %s", pseudo[i].type);
	}
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_BACKING, 0));
	for (size_t i = 0; i < ARRAY_SIZE(pseudo); i++) {
		if (fds[i] < 0) {
			TH_LOG("no file on %s", pseudo[i].type);
			continue;
		}
		EXPECT_EQ(pseudo[i].result,
			  fuse_backing_open(self->stack.srv->fd, fds[i]))
			TH_LOG("%s", pseudo[i].type);
	}
	pass_through(_metadata, &self->stack, scratch_path("file"), O_RDWR);
}

/* Limits: the descriptor is closed each time, and counts all the same. */

static int set_limit(int resource, rlim_t soft)
{
	struct rlimit limit = { soft, soft };

	return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

TEST_F(filesystems, register_until_emfile)
{
	struct dev_fdinfo info;
	int first, id;

	ASSERT_EQ(0, make_file(SCRATCH_BACKING, OWNER));
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_BACKING, 0));
	ASSERT_EQ(0, set_limit(RLIMIT_NOFILE, LIMIT));
	first = fuse_backing_open_path(self->stack.srv->fd, scratch_path("file"),
				       O_RDONLY);
	ASSERT_LT(0, first);
	for (int i = 2; i < LIMIT; i++)
		ASSERT_LT(0, fuse_backing_open_path(self->stack.srv->fd,
						    scratch_path("file"),
						    O_RDONLY));
	for (int i = 0; i < 1000; i++)
		ASSERT_EQ(-EMFILE, fuse_backing_open_path(self->stack.srv->fd,
							  scratch_path("file"),
							  O_RDONLY));
	ASSERT_EQ(0, dev_fdinfo_read(self->stack.srv->fd, &info));
	EXPECT_EQ(LIMIT - 1, info.count);
	EXPECT_EQ(LIMIT, info.limit);

	EXPECT_EQ(0, fuse_backing_close(self->stack.srv->fd, first));
	id = fuse_backing_open_path(self->stack.srv->fd, scratch_path("file"),
				    O_RDONLY);
	EXPECT_LT(0, id);
	EXPECT_EQ(-EMFILE, fuse_backing_open_path(self->stack.srv->fd,
						  scratch_path("file"),
						  O_RDONLY));
}

/* The user's processes are one more than there may be. */
TEST_F(filesystems, register_eagain)
{
	struct rlimit limit;
	rlim_t soft;

	ASSERT_EQ(0, make_file(SCRATCH_BACKING, OWNER));
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_BACKING, 0));
	ASSERT_EQ(0, getrlimit(RLIMIT_NPROC, &limit));
	soft = limit.rlim_cur;
	limit.rlim_cur = 0;
	ASSERT_EQ(0, setrlimit(RLIMIT_NPROC, &limit));
	EXPECT_EQ(-EAGAIN, fuse_backing_open_path(self->stack.srv->fd,
						  scratch_path("file"),
						  O_RDONLY));
	limit.rlim_cur = soft;
	ASSERT_EQ(0, setrlimit(RLIMIT_NPROC, &limit));
	pass_through(_metadata, &self->stack, scratch_path("file"), O_RDWR);
}

/* /dev/fuse in other hands, and at other times */

static int close_odd_ids(void *arg)
{
	int dev = *(int *)arg;
	static const int odd[] = { 0, -1, INT_MIN, 1, 2, 1000, INT_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
		if (fuse_backing_close(dev, odd[i]) !=
		    (odd[i] <= 0 ? -EINVAL : -ENOENT))
			return i + 1;
	return 0;
}

static int in_child(int (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(-fn(arg));
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return -WEXITSTATUS(status);
}

struct inherited {
	int dev;
	int id;
};

static int close_inherited_id(void *arg)
{
	struct inherited *in = arg;

	return fuse_backing_close(in->dev, in->id);
}

TEST_F(filesystems, close_with_inherited_dev)
{
	struct inherited in;

	ASSERT_EQ(0, make_file(SCRATCH_BACKING, OWNER));
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_BACKING, 0));
	in.dev = self->stack.srv->fd;
	EXPECT_EQ(0, in_child(close_odd_ids, &in.dev));
	in.id = fuse_backing_open_path(in.dev, scratch_path("file"), O_RDWR);
	ASSERT_EQ(1, in.id);
	ASSERT_EQ(0, fuse_backing_close(in.dev, in.id));
	EXPECT_EQ(0, in_child(close_odd_ids, &in.dev));

	/* Holding /dev/fuse is the right to do it. */
	in.id = fuse_backing_open_path(in.dev, scratch_path("file"), O_RDWR);
	ASSERT_LT(0, in.id);
	EXPECT_EQ(0, in_child(close_inherited_id, &in));
	EXPECT_EQ(-ENOENT, in_child(close_inherited_id, &in));
	EXPECT_EQ(-ENOENT, fuse_backing_close(in.dev, in.id));
}

static int open_file(void *arg)
{
	const struct fuse_server *srv = arg;
	int fd = fuse_server_open(srv, "file", O_RDWR);

	return fd < 0 ? fd : 0;
}

/* The id is closed when its OPEN reply is on the way. */
TEST_F(filesystems, close_while_open_is_in_flight)
{
	struct fuse_server_file *file;
	int id, status;
	pid_t pid;

	ASSERT_EQ(0, make_file(SCRATCH_BACKING, OWNER));
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_BACKING, 0));
	id = fuse_backing_open_path(self->stack.srv->fd, scratch_path("file"),
				    O_RDWR);
	ASSERT_LT(0, id);
	file = &self->stack.srv->sh->file[0];
	file->hold_open = true;
	file->open_flags = FOPEN_PASSTHROUGH;
	file->backing_id = id;
	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(-open_file(self->stack.srv));
	ASSERT_TRUE(wait_until(self->stack.srv->sh->held_count));
	EXPECT_EQ(0, fuse_backing_close(self->stack.srv->fd, id));
	self->stack.srv->sh->release_held = true;
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(ENOENT, WEXITSTATUS(status));
}

TEST_F(filesystems, register_after_abort)
{
	int id;

	ASSERT_EQ(0, make_file(SCRATCH_BACKING, OWNER));
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_BACKING, 0));
	id = fuse_backing_open_path(self->stack.srv->fd, scratch_path("file"),
				    O_RDWR);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_server_abort(self->stack.srv));
	EXPECT_EQ(-ENOTCONN, fuse_backing_open_path(self->stack.srv->fd,
						    scratch_path("file"),
						    O_RDWR));
	EXPECT_TRUE(wait_until(fuse_backing_close(self->stack.srv->fd, id) ==
			       -ENOENT));
}

TEST_F(filesystems, register_after_umount)
{
	ASSERT_EQ(0, make_file(SCRATCH_BACKING, OWNER));
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_BACKING, 0));
	pass_through(_metadata, &self->stack, scratch_path("file"), O_RDWR);
	ASSERT_EQ(0, umount_as_root(self->stack.root));
	EXPECT_EQ(-ENOTCONN, fuse_backing_open_path(self->stack.srv->fd,
						    scratch_path("file"),
						    O_RDWR));
	EXPECT_EQ(-ENOENT, fuse_backing_close(self->stack.srv->fd, 1));
}

TEST_F(filesystems, first_register_after_umount)
{
	ASSERT_EQ(0, make_file(SCRATCH_BACKING, OWNER));
	ASSERT_EQ(0, serve(&self->stack, SCRATCH_BACKING, 0));
	ASSERT_EQ(0, umount_as_root(self->stack.root));
	EXPECT_EQ(-ENOTCONN, fuse_backing_open_path(self->stack.srv->fd,
						    scratch_path("file"),
						    O_RDWR));
}

/*
 * A loop device on a FUSE file on a loop device. The server is the user's; root
 * is a client who sets up a filesystem on it, and must get rid of all of it.
 */
FIXTURE(loop) {
	struct stack stack;
};

FIXTURE_SETUP(loop)
{
	static const struct fuse_server_opts opts = {
		.uid = OWNER,
		.auto_register = true,
		.mountpoint = SCRATCH_FUSE,
		.backing = SCRATCH_BACKING,
	};
	int err;

	if (geteuid())
		SKIP(return, "needs root");
	self->stack.srv = &self->stack.env.srv;
	err = scratch_setup(&self->stack.env.scratch, SCRATCH_EXT4);
	if (err == -EOPNOTSUPP)
		SKIP(return, "needs loop devices and mkfs.ext4");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, scratch_owned("image", 0, 0, OWNER, 0600));
	ASSERT_EQ(0, truncate(scratch_path("image"), 4 << 20));
	ASSERT_EQ(0, fuse_server_start(self->stack.srv, &opts));
	ASSERT_NE(NULL, fuse_server_add(self->stack.srv, "image"));
}

FIXTURE_TEARDOWN(loop)
{
	fuse_server_stop(self->stack.srv);
}

/* The device, kept by a descriptor; it goes with its last user. */
static int loop_on(int file, char *name, size_t size)
{
	struct loop_config config = {
		.fd = file,
		.info = { .lo_flags = LO_FLAGS_AUTOCLEAR },
	};
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int fd = -1, keep;

	snprintf(name, size, "/dev/loop%d",
		 ioctl(control, LOOP_CTL_GET_FREE));
	close(control);
	fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, LOOP_CONFIGURE, &config) < 0)
		return -errno;
	keep = open(name, O_RDONLY | O_CLOEXEC);
	close(fd);
	return keep;
}

static int mount_loop(const char *name)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "mkfs.ext4 -q -F -b 1024 -N 64 %s >/dev/null 2>&1", name);
	if (system(command))
		return -EIO;
	return mount(name, SCRATCH_OTHER, "ext4", 0, NULL) < 0 ? -errno : 0;
}

static bool umounted(const char *dir)
{
	return !umount2(dir, 0) || errno == EINVAL;
}

static void stack_and_tear_down(struct __test_metadata *_metadata,
				struct stack *stack, bool kill_server)
{
	int file, loop, fd;
	char name[32];

	file = fuse_server_open(stack->srv, "image", O_RDWR);
	ASSERT_LE(0, file);
	loop = loop_on(file, name, sizeof(name));
	ASSERT_LE(0, loop);
	close(file);
	ASSERT_EQ(0, mount_loop(name));
	fd = open(SCRATCH_OTHER "/f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd);
	EXPECT_EQ(4, write(fd, "data", 4));
	if (kill_server) {
		fuse_server_close_dev(stack->srv);
		fuse_server_kill(stack->srv);
	}
	EXPECT_EQ(4, pwrite(fd, "more", 4, 4));
	/* FUSE asks the server, also for passthrough files */
	EXPECT_EQ(kill_server ? -1 : 0, fsync(fd));
	close(fd);
	EXPECT_EQ(0, fuse_server_data_ops(stack->srv));

	/* udev and others may look at a device for a moment */
	EXPECT_TRUE(wait_until(umounted(SCRATCH_OTHER)));
	close(loop);
	EXPECT_TRUE(wait_until(umounted(SCRATCH_FUSE)));
	EXPECT_TRUE(wait_until(umounted(SCRATCH_BACKING)));
	EXPECT_TRUE(wait_until(!thread_count()));
}

TEST_F(loop, tear_down)
{
	stack_and_tear_down(_metadata, &self->stack, false);
}

TEST_F(loop, tear_down_without_server)
{
	stack_and_tear_down(_metadata, &self->stack, true);
}

TEST_HARNESS_MAIN
