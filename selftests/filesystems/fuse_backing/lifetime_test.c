// SPDX-License-Identifier: GPL-2.0
/*
 * A backing file is held as long as it is used, and not a moment longer.
 *
 * Proves: when umount(2) of the FUSE mount returns, nothing of it pins the
 * backing filesystem; when the server is gone (killed, or its connection
 * aborted) idle mappings go although the mount stays, while open and mapped
 * files stay, work and are visible until they are closed; nothing can be
 * registered on a connection that has ended, and no thread comes back; each
 * mount has its own thread.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "harness.h"

#include "async_io.h"
#include "backing_ioctl.h"
#include "backing_table.h"
#include "env.h"
#include "wait_until.h"

#define MAP_SIZE	4096
#define DIO_ALIGN	4096

FIXTURE(lifetime) {
	struct env env;
};

FIXTURE_VARIANT(lifetime) {
	enum scratch_fs fs;
	int rounds;		/* of umount after umount */
};

FIXTURE_VARIANT_ADD(lifetime, tmpfs) {
	.fs = SCRATCH_TMPFS,
	.rounds = 200,
};

FIXTURE_VARIANT_ADD(lifetime, ext4) {
	.fs = SCRATCH_EXT4,
	.rounds = 20,
};

FIXTURE_SETUP(lifetime)
{
	if (!env_start(_metadata, &self->env, variant->fs))
		return;
}

FIXTURE_TEARDOWN(lifetime)
{
	env_teardown(&self->env);
}

/* "a" is registered and open; what the tests below start from. */
struct opened {
	int id;
	int fd;
	pid_t thread;
};

static int open_a(struct env *env, struct opened *o, int flags)
{
	o->id = env_register(env, "a", O_RDWR);
	if (o->id < 0)
		return o->id;
	o->thread = thread_find(env->srv.dev);
	if (!o->thread)
		return -ESRCH;
	o->fd = fuse_server_open_id(&env->srv, "a", flags, o->id);
	return o->fd < 0 ? o->fd : 0;
}

/* Last close of /dev/fuse: only the server's process has it open now. */
static void lose_server(struct env *env)
{
	fuse_server_close_dev(&env->srv);
	fuse_server_kill(&env->srv);
}

/* Read and write through @fd, compared with the backing file. */
static int file_works(int fd)
{
	static const char text[] = "still here";
	char buf[sizeof(text)];

	if (pwrite(fd, text, sizeof(text), 100) != sizeof(text))
		return -errno;
	if (pread(fd, buf, sizeof(buf), 100) != sizeof(buf))
		return -errno;
	if (memcmp(buf, text, sizeof(text)))
		return -EILSEQ;
	return scratch_compare("a", text, sizeof(text), 100);
}

/*
 * For a mount that something asynchronous of the VFS still pins: a file that
 * aio or io_uring puts a moment after its completion. Ours must not add to it.
 */
static int umount_fuse_soon(struct env *env)
{
	int err = -EBUSY;

	wait_until((err = fuse_server_umount(&env->srv)) != -EBUSY);
	return err;
}

TEST_F(lifetime, umount_leaves_nothing)
{
	struct opened o;

	ASSERT_EQ(0, open_a(&self->env, &o, O_RDWR));
	ASSERT_LT(0, env_register(&self->env, "b", O_RDONLY));
	EXPECT_EQ(0, file_works(o.fd));
	EXPECT_EQ(-EBUSY, scratch_umount_backing());
	EXPECT_EQ(-EBUSY, fuse_server_umount(&self->env.srv));
	close(o.fd);
	EXPECT_EQ(0, fuse_server_umount(&self->env.srv));
	EXPECT_EQ(0, scratch_umount_backing());
	EXPECT_TRUE(wait_until(!thread_exists(o.thread)));
}

/* The states in which a mount can be left, in turn. */
static int leave_something(struct env *env, int round)
{
	struct opened o;
	char *map;
	int err;

	err = open_a(env, &o, O_RDWR);
	if (err)
		return err;
	if (round % 2)
		env_register(env, "b", O_RDONLY);
	if (round % 3 == 1)
		fuse_backing_close(env->srv.fd, o.id);
	err = file_works(o.fd);
	if (round % 4 > 1) {
		map = mmap(NULL, MAP_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			   o.fd, 0);
		if (map == MAP_FAILED)
			return -errno;
		map[1]++;
		munmap(map, MAP_SIZE);
	}
	close(o.fd);
	return err;
}

TEST_F_TIMEOUT(lifetime, umount_after_umount, 240)
{
	static const struct fuse_server_opts opts;
	int err;

	for (int i = 0; i < variant->rounds; i++) {
		err = leave_something(&self->env, i);
		ASSERT_EQ(0, err) TH_LOG("round %d", i);
		ASSERT_EQ(0, fuse_server_umount(&self->env.srv))
			TH_LOG("umount of FUSE, round %d", i);
		ASSERT_EQ(0, scratch_umount_backing())
			TH_LOG("umount of the backing filesystem, round %d", i);
		fuse_server_stop(&self->env.srv);
		ASSERT_EQ(0, scratch_mount_backing(&self->env.scratch));
		ASSERT_EQ(0, env_files());
		ASSERT_EQ(0, env_serve(&self->env, &self->env.srv, &opts));
	}
	EXPECT_TRUE(wait_until(!thread_count()));
}

TEST_F(lifetime, killed_server_frees_idle_mappings)
{
	pid_t pid;

	ASSERT_LT(0, env_register(&self->env, "a", O_RDWR));
	ASSERT_LT(0, env_register(&self->env, "b", O_RDONLY));
	pid = thread_find(self->env.srv.dev);
	ASSERT_NE(0, pid);
	EXPECT_EQ(-EBUSY, scratch_umount_backing());

	lose_server(&self->env);
	EXPECT_TRUE(wait_until(table_count(pid) <= 0));
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));

	/* The FUSE mount is still there, and goes as ever. */
	EXPECT_EQ(0, fuse_server_umount(&self->env.srv));
	EXPECT_TRUE(wait_until(!thread_exists(pid)));
}

/* A second descriptor of the connection keeps it and its mappings alive. */
TEST_F(lifetime, killed_server_with_dev_open)
{
	struct opened o;

	ASSERT_EQ(0, open_a(&self->env, &o, O_RDWR));
	ASSERT_LT(0, env_register(&self->env, "b", O_RDONLY));
	fuse_server_kill(&self->env.srv);
	EXPECT_EQ(2, table_count(o.thread));
	EXPECT_LT(0, env_register(&self->env, "c", O_RDONLY));
	EXPECT_EQ(3, table_count(o.thread));

	/* Nobody answers FLUSH and RELEASE: end it before the close. */
	fuse_server_close_dev(&self->env.srv);
	EXPECT_TRUE(wait_until(table_count(o.thread) == 1));
	close(o.fd);
	EXPECT_TRUE(wait_until(!table_count(o.thread)));
}

TEST_F(lifetime, killed_server_leaves_open_files)
{
	struct opened o;
	int idle;

	ASSERT_EQ(0, open_a(&self->env, &o, O_RDWR));
	idle = env_register(&self->env, "b", O_RDONLY);
	ASSERT_LT(0, idle);
	lose_server(&self->env);

	EXPECT_TRUE(wait_until(!table_has(o.thread, idle)));
	EXPECT_TRUE(table_has(o.thread, o.id));
	EXPECT_EQ(0, file_works(o.fd));
	EXPECT_EQ(-EBUSY, scratch_umount_backing());
	EXPECT_TRUE(table_has(o.thread, o.id));

	close(o.fd);
	EXPECT_TRUE(wait_until(!table_count(o.thread)));
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
}

/* An id that was closed before the server went: the same. */
TEST_F(lifetime, killed_server_leaves_closed_ids_in_use)
{
	struct opened o;

	ASSERT_EQ(0, open_a(&self->env, &o, O_RDWR));
	ASSERT_EQ(0, fuse_backing_close(self->env.srv.fd, o.id));
	lose_server(&self->env);
	EXPECT_TRUE(table_has(o.thread, o.id));
	EXPECT_EQ(0, file_works(o.fd));
	close(o.fd);
	EXPECT_TRUE(wait_until(!table_count(o.thread)));
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
}

TEST_F(lifetime, abort_frees_idle_mappings)
{
	struct opened o;
	int idle;

	ASSERT_EQ(0, open_a(&self->env, &o, O_RDWR));
	idle = env_register(&self->env, "b", O_RDONLY);
	ASSERT_LT(0, idle);
	ASSERT_EQ(0, fuse_server_abort(&self->env.srv));

	EXPECT_TRUE(wait_until(!table_has(o.thread, idle)));
	EXPECT_TRUE(table_has(o.thread, o.id));
	EXPECT_EQ(0, file_works(o.fd));
	close(o.fd);
	EXPECT_TRUE(wait_until(!table_count(o.thread)));
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
	EXPECT_EQ(0, fuse_server_umount(&self->env.srv));
	EXPECT_TRUE(wait_until(!thread_exists(o.thread)));
}

TEST_F(lifetime, register_after_abort)
{
	struct fuse_server *srv = &self->env.srv;
	struct dev_fdinfo info;
	pid_t pid;
	int id;

	id = env_register(&self->env, "a", O_RDWR);
	ASSERT_LT(0, id);
	pid = thread_find(srv->dev);
	ASSERT_NE(0, pid);
	ASSERT_EQ(0, fuse_server_abort(srv));
	EXPECT_EQ(-ENOTCONN, env_register(&self->env, "a", O_RDWR));
	EXPECT_TRUE(wait_until(!table_count(pid)));

	/* An emptied table doesn't fill again. */
	EXPECT_EQ(-ENOTCONN, env_register(&self->env, "b", O_RDWR));
	EXPECT_EQ(-ENOENT, fuse_backing_close(srv->fd, id));
	EXPECT_EQ(0, table_count(pid));
	EXPECT_GE(1, thread_count());
	if (!dev_fdinfo_read(srv->fd, &info))
		EXPECT_EQ(0, info.count);
}

/* The first registration comes too late: there never is a thread. */
TEST_F(lifetime, first_register_after_abort)
{
	ASSERT_EQ(0, fuse_server_abort(&self->env.srv));
	EXPECT_EQ(-ENOTCONN, env_register(&self->env, "a", O_RDWR));
	EXPECT_EQ(0, thread_find(self->env.srv.dev));
}

TEST_F(lifetime, register_after_umount)
{
	struct fuse_server *srv = &self->env.srv;
	struct dev_fdinfo info;
	pid_t pid;

	ASSERT_LT(0, env_register(&self->env, "a", O_RDWR));
	pid = thread_find(srv->dev);
	ASSERT_NE(0, pid);
	ASSERT_EQ(0, fuse_server_umount(srv));
	EXPECT_EQ(-ENOTCONN, env_register(&self->env, "a", O_RDWR));
	EXPECT_TRUE(wait_until(!thread_exists(pid)));
	EXPECT_EQ(-ENOTCONN, env_register(&self->env, "a", O_RDWR));
	EXPECT_EQ(0, thread_find(srv->dev));
	EXPECT_EQ(0, dev_fdinfo_read(srv->fd, &info));
	EXPECT_EQ(0, info.thread);
	EXPECT_EQ(0, info.count);
	EXPECT_EQ(0, scratch_umount_backing());
}

TEST_F(lifetime, first_register_after_umount)
{
	ASSERT_EQ(0, fuse_server_umount(&self->env.srv));
	EXPECT_EQ(-ENOTCONN, env_register(&self->env, "a", O_RDWR));
	EXPECT_EQ(0, thread_find(self->env.srv.dev));
	EXPECT_EQ(0, scratch_umount_backing());
}

/* Write with @rw, then take both mounts down as fast as it goes. */
static int umount_after_async(struct env *env, async_rw *rw)
{
	struct opened o;
	ssize_t n;
	void *buf;
	int err;

	err = open_a(env, &o, O_RDWR | O_DIRECT);
	if (err)
		return err;
	buf = aligned_alloc(DIO_ALIGN, FILE_SIZE);
	scratch_pattern(buf, FILE_SIZE, 99);
	n = rw(o.fd, buf, FILE_SIZE, 0, true);
	close(o.fd);
	if (n != FILE_SIZE) {
		free(buf);
		return n < 0 ? n : -EIO;
	}
	err = scratch_compare("a", buf, FILE_SIZE, 0);
	free(buf);
	return err ?: umount_fuse_soon(env);
}

TEST_F(lifetime, umount_after_aio)
{
	int err = umount_after_async(&self->env, aio_rw);

	if (err == -EOPNOTSUPP)
		SKIP(return, "no aio");
	ASSERT_EQ(0, err);
	EXPECT_EQ(0, scratch_umount_backing());
}

TEST_F(lifetime, umount_after_io_uring)
{
	int err = umount_after_async(&self->env, uring_rw);

	if (err == -EOPNOTSUPP)
		SKIP(return, "no io_uring");
	ASSERT_EQ(0, err);
	EXPECT_EQ(0, scratch_umount_backing());
}

/* "a" mapped, its file closed, its id closed, all of its OPENs released. */
static int map_a(struct env *env, struct opened *o, char **map)
{
	struct fuse_server_file *file = &env->srv.sh->file[0];
	int err = open_a(env, o, O_RDWR);

	if (err)
		return err;
	*map = mmap(NULL, MAP_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, o->fd,
		    0);
	if (*map == MAP_FAILED)
		return -errno;
	close(o->fd);
	/* The vma holds the backing file, nothing holds the FUSE file. */
	if (!wait_until(file->releases == file->opens))
		return -ETIMEDOUT;
	return 0;
}

static bool is_gone(pid_t thread, int id)
{
	return wait_until(!table_has(thread, id));
}

TEST_F(lifetime, mapped_file_stays_until_munmap)
{
	struct opened o;
	char *map;

	ASSERT_EQ(0, map_a(&self->env, &o, &map));
	EXPECT_TRUE(table_has(o.thread, o.id));
	ASSERT_EQ(0, fuse_backing_close(self->env.srv.fd, o.id));
	EXPECT_TRUE(table_has(o.thread, o.id));

	map[7] = 'm';
	EXPECT_EQ(0, scratch_compare("a", map, MAP_SIZE, 0));
	munmap(map, MAP_SIZE);
	EXPECT_TRUE(is_gone(o.thread, o.id));
	/* the thread closes the file once it is out of the table */
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
}

/* Not closed by the server: an idle mapping like any other afterwards. */
TEST_F(lifetime, mapped_file_with_live_id)
{
	struct opened o;
	char *map;
	int fd;

	ASSERT_EQ(0, map_a(&self->env, &o, &map));
	munmap(map, MAP_SIZE);
	EXPECT_TRUE(table_has(o.thread, o.id));
	fd = fuse_server_open_id(&self->env.srv, "a", O_RDWR, o.id);
	EXPECT_LE(0, fd);
	EXPECT_EQ(0, file_works(fd));
	close(fd);
	EXPECT_EQ(0, fuse_backing_close(self->env.srv.fd, o.id));
	EXPECT_TRUE(is_gone(o.thread, o.id));
}

TEST_F(lifetime, mapped_file_goes_with_umount)
{
	struct opened o;
	char *map;

	ASSERT_EQ(0, map_a(&self->env, &o, &map));
	ASSERT_EQ(0, fuse_backing_close(self->env.srv.fd, o.id));
	munmap(map, MAP_SIZE);
	EXPECT_EQ(0, fuse_server_umount(&self->env.srv));
	EXPECT_EQ(0, scratch_umount_backing());
	EXPECT_TRUE(wait_until(!thread_exists(o.thread)));
}

TEST_F(lifetime, mapped_file_survives_the_server)
{
	struct opened o;
	char *map;
	int idle;

	ASSERT_EQ(0, map_a(&self->env, &o, &map));
	idle = env_register(&self->env, "b", O_RDONLY);
	ASSERT_LT(0, idle);
	lose_server(&self->env);
	EXPECT_TRUE(wait_until(!table_has(o.thread, idle)));
	EXPECT_TRUE(table_has(o.thread, o.id));
	map[9] = 'k';
	EXPECT_EQ(0, scratch_compare("a", map, MAP_SIZE, 0));

	munmap(map, MAP_SIZE);
	EXPECT_TRUE(is_gone(o.thread, o.id));
	EXPECT_TRUE(wait_until(!scratch_umount_backing()));
}

/*
 * The kernel's own file behind the vma knows the path that the user opened:
 * that is what holds the FUSE mount, and with it the mapping in the table.
 */
TEST_F(lifetime, mapping_holds_the_mount)
{
	struct opened o;
	char *map;

	ASSERT_EQ(0, map_a(&self->env, &o, &map));
	EXPECT_EQ(-EBUSY, fuse_server_umount(&self->env.srv));
	EXPECT_EQ(-EBUSY, scratch_umount_backing());
	EXPECT_TRUE(table_has(o.thread, o.id));
	munmap(map, MAP_SIZE);
	EXPECT_EQ(0, fuse_server_umount(&self->env.srv));
	EXPECT_EQ(0, scratch_umount_backing());
}

TEST_F(lifetime, lazy_umount_with_mapping)
{
	struct opened o;
	char *map;

	ASSERT_EQ(0, map_a(&self->env, &o, &map));
	ASSERT_EQ(0, fuse_backing_close(self->env.srv.fd, o.id));
	ASSERT_EQ(0, umount2(SCRATCH_FUSE, MNT_DETACH));
	EXPECT_TRUE(table_has(o.thread, o.id));
	map[11] = 'o';
	EXPECT_EQ(0, scratch_compare("a", map, MAP_SIZE, 0));
	EXPECT_EQ(-EBUSY, scratch_umount_backing());
	munmap(map, MAP_SIZE);
	EXPECT_EQ(0, scratch_umount_backing());
	EXPECT_TRUE(wait_until(!thread_exists(o.thread)));
}

TEST_F(lifetime, lazy_umount)
{
	struct opened o;

	ASSERT_EQ(0, open_a(&self->env, &o, O_RDWR));
	ASSERT_EQ(0, umount2(SCRATCH_FUSE, MNT_DETACH));
	EXPECT_TRUE(thread_exists(o.thread));
	EXPECT_TRUE(table_has(o.thread, o.id));
	EXPECT_EQ(0, file_works(o.fd));
	EXPECT_EQ(-EBUSY, scratch_umount_backing());

	/* The superblock ends with the last file, in this close. */
	close(o.fd);
	EXPECT_EQ(0, scratch_umount_backing());
	EXPECT_TRUE(wait_until(!thread_exists(o.thread)));
	EXPECT_EQ(-ENOTCONN, fuse_backing_open_path(self->env.srv.fd,
						    "/proc/self/exe",
						    O_RDONLY));
}

/* The superblock has one mount more: the first umount ends nothing. */
TEST_F(lifetime, bind_mount)
{
	pid_t pid;

	ASSERT_LT(0, env_register(&self->env, "a", O_RDWR));
	pid = thread_find(self->env.srv.dev);
	ASSERT_NE(0, pid);
	ASSERT_EQ(0, mount(SCRATCH_FUSE, SCRATCH_OTHER, NULL, MS_BIND, NULL));
	ASSERT_EQ(0, fuse_server_umount(&self->env.srv));
	EXPECT_EQ(1, table_count(pid));
	ASSERT_EQ(0, umount(SCRATCH_OTHER));
	EXPECT_EQ(0, scratch_umount_backing());
	EXPECT_TRUE(wait_until(!thread_exists(pid)));
}

TEST_F(lifetime, two_mounts_two_threads)
{
	const struct fuse_server_opts opts = { .mountpoint = SCRATCH_FUSE2 };
	struct fuse_server *one = &self->env.srv, two;
	pid_t first, second;

	ASSERT_EQ(0, env_serve(&self->env, &two, &opts));
	ASSERT_EQ(1, fuse_backing_open_path(one->fd, scratch_path("a"),
					    O_RDWR));
	first = thread_find(one->dev);
	ASSERT_NE(0, first);
	EXPECT_EQ(0, thread_find(two.dev));

	/* Each counts from one, for a table of its own. */
	ASSERT_EQ(1, fuse_backing_open_path(two.fd, scratch_path("a"),
					    O_RDWR));
	ASSERT_EQ(2, fuse_backing_open_path(two.fd, scratch_path("b"),
					    O_RDWR));
	second = thread_find(two.dev);
	ASSERT_NE(0, second);
	EXPECT_NE(first, second);
	EXPECT_EQ(1, table_count(first));
	EXPECT_EQ(2, table_count(second));

	ASSERT_EQ(0, fuse_server_umount(one));
	EXPECT_TRUE(wait_until(!thread_exists(first)));
	EXPECT_EQ(2, table_count(second));
	EXPECT_EQ(-EBUSY, scratch_umount_backing());
	ASSERT_EQ(0, fuse_server_umount(&two));
	EXPECT_EQ(0, scratch_umount_backing());
	EXPECT_TRUE(wait_until(!thread_exists(second)));
	fuse_server_stop(&two);
}

/* A file that is never registered, opened and read: nothing to see. */
TEST_F(lifetime, without_registration)
{
	char buf[64];
	int fd;

	fd = fuse_server_open(&self->env.srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(sizeof(buf), read(fd, buf, sizeof(buf)));
	EXPECT_EQ(0, thread_count());
	close(fd);
	lose_server(&self->env);
	EXPECT_EQ(0, thread_count());
	EXPECT_EQ(0, fuse_server_umount(&self->env.srv));
	EXPECT_EQ(0, thread_count());
}

TEST_HARNESS_MAIN
