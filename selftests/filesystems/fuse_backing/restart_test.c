// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings outlive the server that made them, if somebody keeps /dev/fuse.
 *
 * Proves: FUSE_DEV_IOC_BACKING_LIST says what is mapped, how, and for whom, in
 * any number of calls; FUSE_DEV_IOC_BACKING_CLOSE_ALL closes all of it. When a
 * server is killed under passthrough load, no client sees an error, and a new
 * server on the kept descriptor finds the mappings, names them in its replies
 * and closes them. Requests that were in the dead server's hands wait for the
 * new one to ask for them.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "env.h"
#include "held_page.h"
#include "wait_until.h"

#define ENTRIES		64
#define BLOCK		4096
#define LOADERS		2

/* What the threads share */
#define GET(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define SET(x, to)	__atomic_store_n(&(x), to, __ATOMIC_RELAXED)

static const struct fuse_server_opts as_before;

FIXTURE(restart) {
	struct env env;
	struct fuse_server *srv;
	int dev;
};

FIXTURE_SETUP(restart)
{
	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
	/* no request but those that the tests make */
	self->srv->sh->getxattr_error = ENOSYS;
	ASSERT_EQ(0, fuse_server_standby(self->srv, &as_before));
}

FIXTURE_TEARDOWN(restart)
{
	EXPECT_EQ(0, self->srv->sh->bad_fh);
	env_teardown(&self->env);
}

static int once(struct env *env, const char *name, int flags)
{
	return fuse_backing_open_once(env->srv.fd, scratch_path(name), flags);
}

/* What the ioctl says of one id, or NULL. */
static const struct fuse_backing_entry *entry_of(int dev, int id)
{
	static struct fuse_backing_entry entries[ENTRIES];
	int n = fuse_list_backing(dev, entries, ENTRIES);

	for (int i = 0; i < n; i++)
		if (entries[i].id == id)
			return &entries[i];
	return NULL;
}

TEST_F(restart, list_of_nothing)
{
	struct fuse_backing_entry entry;
	int id;

	EXPECT_EQ(0, fuse_list_backing(self->dev, &entry, 1));
	id = env_register(&self->env, "a", O_RDWR);
	ASSERT_LT(0, id);
	EXPECT_EQ(1, fuse_list_backing(self->dev, &entry, 1));
	EXPECT_EQ(0, fuse_backing_close(self->dev, id));
	EXPECT_EQ(0, fuse_list_backing(self->dev, &entry, 1));
}

TEST_F(restart, list_says_what_is_mapped)
{
	const struct fuse_backing_entry *entry;
	struct stat st;
	int id, fd;

	id = env_register(&self->env, "b", O_RDONLY);
	ASSERT_LT(0, id);
	entry = entry_of(self->dev, id);
	ASSERT_NE(NULL, entry);
	EXPECT_EQ(FUSE_BACKING_MODE_ID, entry->mode);
	EXPECT_EQ(FUSE_BACKING_STATE_LIVE, entry->state);
	EXPECT_EQ(FUSE_BACKING_READ, entry->access);
	EXPECT_EQ(0, entry->files);
	EXPECT_EQ(0, entry->nr_nodes);
	ASSERT_EQ(0, stat(scratch_path("b"), &st));
	EXPECT_EQ(major(st.st_dev), entry->dev_major);
	EXPECT_EQ(minor(st.st_dev), entry->dev_minor);
	EXPECT_EQ(st.st_ino, entry->ino);

	fd = fuse_server_open_id(self->srv, "b", O_RDONLY, id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fuse_backing_close(self->dev, id));
	entry = entry_of(self->dev, id);
	ASSERT_NE(NULL, entry);
	EXPECT_EQ(FUSE_BACKING_STATE_CLOSING, entry->state);
	EXPECT_EQ(1, entry->files);
	EXPECT_EQ(0, entry->mmaps);
	ASSERT_EQ(1, entry->nr_nodes);
	EXPECT_EQ(FUSE_ROOT_ID + 2, entry->nodeid[0]);
	EXPECT_EQ(0, entry->flags);
	close(fd);
	EXPECT_EQ(NULL, entry_of(self->dev, id));
}

TEST_F(restart, list_of_one_open)
{
	const struct fuse_backing_entry *entry;
	int id, fd;

	id = once(&self->env, "a", O_RDWR);
	ASSERT_LT(0, id);
	entry = entry_of(self->dev, id);
	ASSERT_NE(NULL, entry);
	EXPECT_EQ(FUSE_BACKING_MODE_OPEN, entry->mode);
	EXPECT_EQ(FUSE_BACKING_STATE_PENDING, entry->state);
	EXPECT_EQ(FUSE_BACKING_READ | FUSE_BACKING_WRITE, entry->access);
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	entry = entry_of(self->dev, id);
	ASSERT_NE(NULL, entry);
	EXPECT_EQ(FUSE_BACKING_STATE_LIVE, entry->state);
	EXPECT_EQ(1, entry->files);
	close(fd);
}

/* More node ids than an entry holds. */
TEST_F(restart, list_of_many_nodes)
{
	const struct fuse_backing_entry *entry;
	char name[FUSE_SERVER_NAME];
	int fd[FUSE_BACKING_ENTRY_NODES + 1];
	int id = env_register(&self->env, "a", O_RDWR);

	ASSERT_LT(0, id);
	for (int i = 0; i <= FUSE_BACKING_ENTRY_NODES; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		ASSERT_EQ(0, scratch_file(name, BLOCK, i));
		ASSERT_NE(NULL, fuse_server_add(self->srv, name));
		entry = entry_of(self->dev, id);
		ASSERT_NE(NULL, entry);
		EXPECT_EQ(i, entry->nr_nodes);
		EXPECT_EQ(0, entry->flags);
		fd[i] = fuse_server_open_id(self->srv, name, O_RDWR, id);
		ASSERT_LE(0, fd[i]);
	}
	entry = entry_of(self->dev, id);
	ASSERT_NE(NULL, entry);
	EXPECT_EQ(FUSE_BACKING_ENTRY_NODES, entry->nr_nodes);
	EXPECT_EQ(FUSE_BACKING_ENTRY_MORE_NODES, entry->flags);
	EXPECT_EQ(FUSE_BACKING_ENTRY_NODES + 1, entry->files);
	for (int i = 0; i <= FUSE_BACKING_ENTRY_NODES; i++)
		close(fd[i]);
}

/* Any number of calls, each with room for a few. */
TEST_F(restart, list_goes_on_where_it_stopped)
{
	struct fuse_backing_entry entry[3];
	struct fuse_backing_list list = {
		.entries = (unsigned long)entry,
	};
	int seen = 0, id;

	for (int i = 0; i < 10; i++)
		ASSERT_LT(0, env_register(&self->env, "a", O_RDWR));
	ASSERT_EQ(0, fuse_backing_close(self->dev, 4));
	do {
		list.count = 3;
		ASSERT_EQ(0, ioctl(self->dev, FUSE_DEV_IOC_BACKING_LIST,
				   &list));
		for (__u32 i = 0; i < list.count; i++) {
			id = entry[i].id;
			EXPECT_FALSE(seen & 1 << id);
			seen |= 1 << id;
		}
	} while (list.start);
	EXPECT_EQ(0x7ee, seen);	/* 1 to 10, but for 4 */

	/* without room, it says whether there is something */
	list.count = 0;
	ASSERT_EQ(0, ioctl(self->dev, FUSE_DEV_IOC_BACKING_LIST, &list));
	EXPECT_EQ(1, list.start);
	EXPECT_EQ(0, list.count);
}

/* Whoever asks may take forever to take it. */
TEST_F(restart, list_into_memory_that_waits)
{
	struct fuse_backing_list list = { .count = 1 };
	struct held_page page;
	pid_t lister, umounter;
	int status;

	ASSERT_LT(0, env_register(&self->env, "a", O_RDWR));
	ASSERT_EQ(0, held_page_start(&page, "b"));
	list.entries = (unsigned long)page.addr;
	fflush(NULL);
	lister = fork();
	if (!lister)
		_exit(ioctl(self->dev, FUSE_DEV_IOC_BACKING_LIST, &list) < 0);
	EXPECT_TRUE(wait_until(held_page_is_wanted(&page)));
	umounter = fork();
	if (!umounter)
		_exit(-fuse_server_umount(self->srv));
	EXPECT_TRUE(wait_until(waitpid(umounter, &status, WNOHANG) ==
			       umounter)) {
		held_page_release(&page);
		waitpid(umounter, &status, 0);
	}
	EXPECT_EQ(0, status);
	EXPECT_TRUE(sleeps_in(lister, SYS_ioctl));
	held_page_release(&page);
	/* it was there when it was looked at */
	EXPECT_EQ(lister, waitpid(lister, &status, 0));
	EXPECT_EQ(0, status);
	held_page_stop(&page);
}

TEST_F(restart, bad_arguments)
{
	struct fuse_backing_entry entry;
	struct fuse_backing_list list = { .count = 1 };
	struct fuse_backing_close_all all = {};
	int unmounted = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	ASSERT_LT(0, env_register(&self->env, "a", O_RDWR));
	for (int i = 0; i < 2; i++) {
		list.reserved[i] = 1;
		EXPECT_EQ(-1, ioctl(self->dev, FUSE_DEV_IOC_BACKING_LIST,
				    &list));
		EXPECT_EQ(EINVAL, errno);
		list.reserved[i] = 0;
	}
	EXPECT_EQ(-1, ioctl(self->dev, FUSE_DEV_IOC_BACKING_LIST, &list));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->dev, FUSE_DEV_IOC_BACKING_LIST, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-EPERM, fuse_list_backing(unmounted, &entry, 1));

	all.flags = 1;
	EXPECT_EQ(-1, ioctl(self->dev, FUSE_DEV_IOC_BACKING_CLOSE_ALL, &all));
	EXPECT_EQ(EINVAL, errno);
	all.flags = 0;
	all.padding = 1;
	EXPECT_EQ(-1, ioctl(self->dev, FUSE_DEV_IOC_BACKING_CLOSE_ALL, &all));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(self->dev, FUSE_DEV_IOC_BACKING_CLOSE_ALL, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-EPERM, fuse_backing_close_all(unmounted));
	EXPECT_EQ(1, env_count(self->srv));
	close(unmounted);
}

TEST_F(restart, close_all)
{
	int fd, id;

	EXPECT_EQ(0, fuse_backing_close_all(self->dev));
	id = env_register(&self->env, "a", O_RDWR);
	ASSERT_LT(0, id);
	ASSERT_LT(0, env_register(&self->env, "b", O_RDWR));
	ASSERT_LT(0, once(&self->env, "c", O_RDWR));
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(3, env_count(self->srv));

	EXPECT_EQ(0, fuse_backing_close_all(self->dev));
	EXPECT_EQ(1, env_count(self->srv));
	EXPECT_EQ(-ENOENT, fuse_server_open(self->srv, "a", O_RDWR));
	EXPECT_EQ(1, pwrite(fd, "x", 1, 0));
	close(fd);
	EXPECT_EQ(0, env_count(self->srv));

	/* and life goes on */
	id = env_register(&self->env, "a", O_RDWR);
	ASSERT_LT(0, id);
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id);
	EXPECT_LE(0, fd);
	close(fd);
}

/* Reads and writes through @fd until told to stop. */
struct load {
	int fd;
	pthread_t thread;
	unsigned long rounds;
	bool stop;
	int error;
};

static int load_once(int fd, unsigned long round)
{
	char out[BLOCK], in[BLOCK];
	off_t at = round % 8 * BLOCK;

	memset(out, round, sizeof(out));
	if (pwrite(fd, out, BLOCK, at) != BLOCK ||
	    pread(fd, in, BLOCK, at) != BLOCK)
		return errno ?: EIO;
	return memcmp(in, out, BLOCK) ? EILSEQ : 0;
}

static void *load_thread(void *arg)
{
	struct load *load = arg;

	while (!GET(load->stop) && !load->error) {
		SET(load->error, load_once(load->fd, load->rounds));
		SET(load->rounds, load->rounds + 1);
	}
	return NULL;
}

static int load_start(struct load *load, int fd)
{
	memset(load, 0, sizeof(*load));
	load->fd = fd;
	return pthread_create(&load->thread, NULL, load_thread, load);
}

/* It goes on now, not only before. */
static bool load_runs(struct load *load)
{
	unsigned long rounds = GET(load->rounds);

	return wait_until(GET(load->rounds) > rounds + 10 ||
			  GET(load->error));
}

static int load_end(struct load *load)
{
	SET(load->stop, true);
	pthread_join(load->thread, NULL);
	return load->error;
}

TEST_F(restart, by_id_under_load)
{
	const struct fuse_backing_entry *entry;
	struct load load[LOADERS];
	int id[LOADERS], fd;

	for (int i = 0; i < LOADERS; i++) {
		const char *name = i ? "b" : "a";

		id[i] = env_register(&self->env, name, O_RDWR);
		ASSERT_LT(0, id[i]);
		fd = fuse_server_open_id(self->srv, name, O_RDWR, id[i]);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, load_start(&load[i], fd));
		ASSERT_TRUE(load_runs(&load[i]));
	}
	ASSERT_EQ(0, fuse_server_kill(self->srv));
	for (int i = 0; i < LOADERS; i++)
		EXPECT_TRUE(load_runs(&load[i]));
	EXPECT_EQ(LOADERS, env_count(self->srv));

	ASSERT_EQ(0, fuse_server_restart(self->srv));
	for (int i = 0; i < LOADERS; i++) {
		entry = entry_of(self->dev, id[i]);
		ASSERT_NE(NULL, entry);
		EXPECT_EQ(1, entry->files);
		EXPECT_EQ(FUSE_BACKING_STATE_LIVE, entry->state);
	}
	/* it goes on using what it found, and closes it in the end */
	fd = fuse_server_open_id(self->srv, "a", O_RDWR, id[0]);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, pwrite(fd, "x", 1, 50000));
	close(fd);
	for (int i = 0; i < LOADERS; i++) {
		EXPECT_EQ(0, fuse_backing_close(self->dev, id[i]));
		EXPECT_EQ(0, load_end(&load[i]));
		close(load[i].fd);
	}
	EXPECT_EQ(0, env_count(self->srv));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
}

TEST_F(restart, per_open_under_load)
{
	struct load load[LOADERS];
	int fd, unused;

	self->srv->sh->file[0].per_open = true;
	for (int i = 0; i < LOADERS; i++) {
		fd = fuse_server_open(self->srv, "a", O_RDWR);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, load_start(&load[i], fd));
		/* they share a file: one at a time */
		ASSERT_TRUE(load_runs(&load[i]));
		if (!i)
			ASSERT_EQ(0, load_end(&load[i]));
	}
	unused = once(&self->env, "b", O_RDWR);
	ASSERT_LT(0, unused);
	ASSERT_EQ(0, fuse_server_kill(self->srv));
	EXPECT_TRUE(load_runs(&load[1]));
	EXPECT_EQ(LOADERS + 1, env_count(self->srv));

	ASSERT_EQ(0, fuse_server_restart(self->srv));
	/* an id that the dead server never named */
	fd = fuse_server_open_id(self->srv, "b", O_RDWR, unused);
	ASSERT_LE(0, fd);
	close(fd);
	EXPECT_EQ(LOADERS, env_count(self->srv));
	EXPECT_EQ(0, load_end(&load[1]));
	for (int i = 0; i < LOADERS; i++)
		close(load[i].fd);
	EXPECT_EQ(0, env_count(self->srv));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
}

TEST_F(restart, per_inode_under_load)
{
	struct fuse_server_file *file = &self->srv->sh->file[0];
	__u64 node = fuse_server_node(self->srv, file);
	const struct fuse_backing_entry *entry;
	struct load load;
	int id, fd;

	file->attach = FUSE_BACKING_READ | FUSE_BACKING_WRITE;
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, load_start(&load, fd));
	ASSERT_TRUE(load_runs(&load));
	id = env_register(&self->env, "b", O_RDWR);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_attach_backing(self->dev, node + 1, 0, id,
					 FUSE_BACKING_READ |
					 FUSE_BACKING_ATTACH_PENDING));
	ASSERT_EQ(0, fuse_server_kill(self->srv));
	EXPECT_TRUE(load_runs(&load));

	/* nobody answers, and nobody is asked */
	fd = fuse_server_open(self->srv, "a", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, pwrite(fd, "x", 1, 50000));
	close(fd);

	ASSERT_EQ(0, fuse_server_restart(self->srv));
	entry = entry_of(self->dev, id);
	ASSERT_NE(NULL, entry);
	EXPECT_EQ(FUSE_BACKING_MODE_INODE, entry->mode);
	EXPECT_EQ(FUSE_BACKING_STATE_PENDING, entry->state);
	EXPECT_EQ(1, entry->pending);
	EXPECT_EQ(node + 1, entry->nodeid[0]);
	fd = fuse_server_open(self->srv, "b", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_OPEN));
	close(fd);

	EXPECT_EQ(0, fuse_detach_backing(self->dev, node, 0, 0));
	EXPECT_EQ(0, load_end(&load));
	close(load.fd);
	EXPECT_EQ(1, env_count(self->srv));
	EXPECT_EQ(0, fuse_backing_close_all(self->dev));
	EXPECT_EQ(0, env_count(self->srv));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
}

static void *open_thread(void *arg)
{
	struct fuse_server *srv = arg;

	return (void *)(long)fuse_server_open(srv, "a", O_RDWR);
}

/* A request in the dead server's hands: the new one asks for it. */
TEST_F(restart, requests_are_sent_again)
{
	struct fuse_server_file *file = &self->srv->sh->file[0];
	pthread_t thread;
	void *result;

	file->per_open = true;
	file->hold_open = true;
	ASSERT_EQ(0, pthread_create(&thread, NULL, open_thread, self->srv));
	ASSERT_TRUE(wait_until(self->srv->sh->held_count));
	ASSERT_EQ(0, fuse_server_kill(self->srv));
	file->hold_open = false;
	ASSERT_EQ(0, fuse_server_restart(self->srv));
	EXPECT_EQ(0, thread_find(self->srv->dev));
	ASSERT_EQ(0, fuse_server_resend(self->srv));
	pthread_join(thread, &result);
	ASSERT_LE(0, (long)result);
	EXPECT_EQ(1, env_count(self->srv));
	EXPECT_EQ(1, pwrite((long)result, "x", 1, 0));
	close((long)result);
	EXPECT_EQ(0, env_count(self->srv));
}

TEST_HARNESS_MAIN
