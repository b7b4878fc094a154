// SPDX-License-Identifier: GPL-2.0
/*
 * Files that somebody else opened for the server.
 *
 * Proves: a file that an unprivileged server got over a socket (SCM_RIGHTS),
 * and could not open by its path, passes through with the modes of the
 * descriptor and never with others; a descriptor that can only append stays
 * one; O_PATH gives nothing. Controls: the same modes are no limit where the
 * server could open the file itself, unless it registers with
 * FUSE_BACKING_MAP_AS_OPENED.
 *
 * Privilege: root, to mount and to open the files; the server, the client and
 * the ioctls are an ordinary user's without capabilities.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "creds.h"
#include "env.h"
#include "fd_pass.h"

#define OWNER	1000	/* a uid and a gid */
#define SEED	5
#define MAX	16

/* Root's part: opens "secret" and "own" as it is told, and sends them. */
struct request {
	char name[16];
	int flags;
};

FIXTURE(passed) {
	struct env env;
	struct fuse_server *srv;
	int broker;		/* socket */
};

static void broker_process(int socket)
{
	struct request r;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (recv(socket, &r, sizeof(r), 0) == sizeof(r)) {
		fd = open(scratch_path(r.name), r.flags | O_CLOEXEC);
		if (fd < 0 || fd_send(socket, fd))
			_exit(1);
		close(fd);
	}
	_exit(0);
}

/* A descriptor that root opened, or -errno. */
static int get_passed(int broker, const char *name, int flags)
{
	struct request r = { .flags = flags };

	snprintf(r.name, sizeof(r.name), "%s", name);
	if (send(broker, &r, sizeof(r), 0) != sizeof(r))
		return -errno;
	return fd_receive(broker);
}

/* Its id; the server keeps no descriptor of its own. */
static int register_passed(int broker, int dev, const char *name, int flags)
{
	int fd = get_passed(broker, name, flags);
	int id;

	if (fd < 0)
		return fd;
	id = fuse_backing_open(dev, fd);
	close(fd);
	return id;
}

FIXTURE_SETUP(passed)
{
	static const struct fuse_server_opts opts = { .uid = OWNER };
	static const struct creds owner = { .uid = OWNER, .gid = OWNER };

	if (geteuid())
		SKIP(return, "needs root");
	self->srv = &self->env.srv;
	ASSERT_EQ(0, scratch_setup(&self->env.scratch, SCRATCH_TMPFS));
	ASSERT_EQ(0, scratch_owned("secret", FILE_SIZE, SEED, 0, 0600));
	ASSERT_EQ(0, scratch_owned("own", FILE_SIZE, SEED, OWNER, 0600));
	ASSERT_EQ(0, env_serve(&self->env, self->srv, &opts));
	if (!self->srv->sh->passthrough)
		SKIP(return, "needs FUSE passthrough");
	ASSERT_NE(NULL, fuse_server_add(self->srv, "secret"));
	ASSERT_NE(NULL, fuse_server_add(self->srv, "own"));
	self->broker = fd_fork(broker_process);
	ASSERT_LE(0, self->broker);
	ASSERT_EQ(0, creds_set(&owner));
}

FIXTURE_TEARDOWN(passed)
{
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	close(self->broker);
	fuse_server_stop(self->srv);
}

static bool reads(int fd)
{
	char buf[MAX], want[MAX];

	scratch_pattern(want, sizeof(want), SEED);
	return pread(fd, buf, sizeof(buf), 0) == sizeof(buf) &&
	       !memcmp(buf, want, sizeof(buf));
}

static bool writes(int fd)
{
	return pwrite(fd, "written", 7, FILE_SIZE - 7) == 7;
}

/* Open with @id, and use the file for what it was opened for; 0 or -errno. */
static int use(struct fuse_server *srv, const char *name, int flags, int id)
{
	int fd = fuse_server_open_id(srv, name, flags, id);
	int err = 0;

	if (fd < 0)
		return fd;
	if ((flags & O_ACCMODE) != O_WRONLY && !reads(fd))
		err = -EILSEQ;
	if ((flags & O_ACCMODE) != O_RDONLY && !writes(fd))
		err = -EIO;
	close(fd);
	return err;
}

TEST_F(passed, server_cannot_open_it)
{
	EXPECT_EQ(-1, open(scratch_path("secret"), O_RDONLY));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, open(scratch_path("secret"), O_WRONLY));
	EXPECT_EQ(EACCES, errno);
}

TEST_F(passed, read_only)
{
	int id = register_passed(self->broker, self->srv->fd, "secret", O_RDONLY);

	ASSERT_LT(0, id);
	EXPECT_EQ(0, use(self->srv, "secret", O_RDONLY, id));
	EXPECT_EQ(-EACCES, use(self->srv, "secret", O_WRONLY, id));
	EXPECT_EQ(-EACCES, use(self->srv, "secret", O_RDWR, id));
	EXPECT_EQ(-EACCES, use(self->srv, "secret", O_WRONLY | O_APPEND, id));
}

TEST_F(passed, write_only)
{
	int id = register_passed(self->broker, self->srv->fd, "secret", O_WRONLY);

	ASSERT_LT(0, id);
	EXPECT_EQ(0, use(self->srv, "secret", O_WRONLY, id));
	EXPECT_EQ(-EACCES, use(self->srv, "secret", O_RDONLY, id));
	EXPECT_EQ(-EACCES, use(self->srv, "secret", O_RDWR, id));
}

TEST_F(passed, read_write)
{
	int id = register_passed(self->broker, self->srv->fd, "secret", O_RDWR);
	char *map;
	int fd;

	ASSERT_LT(0, id);
	EXPECT_EQ(0, use(self->srv, "secret", O_RDONLY, id));
	EXPECT_EQ(0, use(self->srv, "secret", O_WRONLY, id));
	EXPECT_EQ(0, use(self->srv, "secret", O_RDWR, id));

	fd = fuse_server_open_id(self->srv, "secret", O_RDWR, id);
	ASSERT_LE(0, fd);
	map = mmap(NULL, MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	map[0]++;
	EXPECT_FALSE(reads(fd));
	map[0]--;
	EXPECT_TRUE(reads(fd));
	munmap(map, MAX);
	close(fd);
}

/* A file of the server's own that it doesn't mean to be written to */
TEST_F(passed, own_as_opened)
{
	int dev = self->srv->fd;
	int id = fuse_backing_open_with(dev, scratch_path("own"), O_RDONLY,
					FUSE_BACKING_MAP_AS_OPENED);
	int path = fuse_backing_open_with(dev, scratch_path("own"), O_PATH,
					  FUSE_BACKING_MAP_AS_OPENED);
	int log = fuse_backing_open_with(dev, scratch_path("own"),
					 O_WRONLY | O_APPEND,
					 FUSE_BACKING_MAP_AS_OPENED);
	int any = fuse_backing_open_path(dev, scratch_path("own"), O_RDONLY);

	ASSERT_LT(0, id);
	ASSERT_LT(0, path);
	ASSERT_LT(0, log);
	ASSERT_LT(0, any);
	EXPECT_EQ(0, use(self->srv, "own", O_RDONLY, id));
	EXPECT_EQ(-EACCES, use(self->srv, "own", O_WRONLY, id));
	EXPECT_EQ(-EACCES, use(self->srv, "own", O_RDWR, id));
	EXPECT_EQ(-EACCES, use(self->srv, "own", O_RDONLY, path));
	EXPECT_EQ(-EPERM, use(self->srv, "own", O_WRONLY, log));
	EXPECT_EQ(-EACCES, use(self->srv, "own", O_RDONLY, log));
	EXPECT_EQ(0, use(self->srv, "own", O_RDWR, any));
}

/* As an attachment */
TEST_F(passed, own_as_opened_attached)
{
	__u32 both = FUSE_BACKING_READ | FUSE_BACKING_WRITE;
	struct fuse_server_file *own = &self->srv->sh->file[5];
	int dev = self->srv->fd, fd;
	int id = fuse_backing_open_with(dev, scratch_path("own"), O_RDONLY,
					FUSE_BACKING_MAP_AS_OPENED);

	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_attach_backing(dev, fuse_server_node(self->srv, own),
					 0, id, both |
					 FUSE_BACKING_ATTACH_PENDING));
	fd = fuse_server_open(self->srv, "own", O_RDONLY);
	EXPECT_LE(0, fd);
	EXPECT_TRUE(reads(fd));
	close(fd);
	EXPECT_EQ(-EACCES, fuse_server_open(self->srv, "own", O_RDWR));
	EXPECT_EQ(0, own->opens);
}

/* One descriptor for reading and one for writing don't add up. */
TEST_F(passed, two_halves)
{
	int in = register_passed(self->broker, self->srv->fd, "secret", O_RDONLY);
	int out = register_passed(self->broker, self->srv->fd, "secret", O_WRONLY);

	ASSERT_LT(0, in);
	ASSERT_LT(0, out);
	EXPECT_EQ(-EACCES, use(self->srv, "secret", O_RDWR, in));
	EXPECT_EQ(-EACCES, use(self->srv, "secret", O_RDWR, out));
	EXPECT_EQ(0, use(self->srv, "secret", O_RDONLY, in));
	EXPECT_EQ(0, use(self->srv, "secret", O_WRONLY, out));
}

TEST_F(passed, append_only)
{
	int id = register_passed(self->broker, self->srv->fd, "secret",
				 O_WRONLY | O_APPEND);
	int fd;

	ASSERT_LT(0, id);
	EXPECT_EQ(-EPERM, use(self->srv, "secret", O_WRONLY, id));
	EXPECT_EQ(-EACCES, use(self->srv, "secret", O_RDONLY, id));

	fd = fuse_server_open_id(self->srv, "secret", O_WRONLY | O_APPEND, id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(4, write(fd, "more", 4));
	EXPECT_EQ(FILE_SIZE + 4, scratch_size("secret"));
	ASSERT_EQ(0, fcntl(fd, F_SETFL, 0));
	EXPECT_EQ(-1, pwrite(fd, "x", 1, 0));
	EXPECT_EQ(EPERM, errno);
	close(fd);
	EXPECT_EQ(FILE_SIZE + 4, scratch_size("secret"));
}

TEST_F(passed, path_only)
{
	int id = register_passed(self->broker, self->srv->fd, "secret", O_PATH);

	ASSERT_LT(0, id);
	EXPECT_EQ(-EACCES, use(self->srv, "secret", O_RDONLY, id));
	EXPECT_EQ(-EACCES, use(self->srv, "secret", O_WRONLY, id));
	EXPECT_EQ(-EACCES, use(self->srv, "secret", O_RDWR, id));
}

/* The modes of the descriptor don't matter where the server has others. */
TEST_F(passed, control_own_file)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR, O_PATH };

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		int id = register_passed(self->broker, self->srv->fd, "own", modes[i]);

		ASSERT_LT(0, id);
		EXPECT_EQ(0, use(self->srv, "own", O_RDONLY, id));
		EXPECT_EQ(0, use(self->srv, "own", O_WRONLY, id));
		EXPECT_EQ(0, use(self->srv, "own", O_RDWR, id));
	}
}

/* The permission that counts is the one at the time of the open. */
TEST_F(passed, permission_taken_away)
{
	int id = register_passed(self->broker, self->srv->fd, "own", O_RDONLY);

	ASSERT_LT(0, id);
	EXPECT_EQ(0, use(self->srv, "own", O_RDWR, id));
	ASSERT_EQ(0, chmod(scratch_path("own"), 0400));
	EXPECT_EQ(-EACCES, use(self->srv, "own", O_RDWR, id));
	EXPECT_EQ(0, use(self->srv, "own", O_RDONLY, id));
	ASSERT_EQ(0, chmod(scratch_path("own"), 0000));
	EXPECT_EQ(0, use(self->srv, "own", O_RDONLY, id));
}

TEST_HARNESS_MAIN
