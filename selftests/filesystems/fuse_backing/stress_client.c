// SPDX-License-Identifier: GPL-2.0
/*
 * The stress test's workers that have files on the mounts: they open, read,
 * write, map, splice and close.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "async_io.h"
#include "scratch.h"
#include "stress.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define FILES		8
#define REUSE_DISTANCE	255
#define BYTES		512

struct client_file {
	int fd;			/* -1: not open */
	int mount;
	int file;		/* what it must read like, -1: anything */
	char *map;
};

static struct client_file files[FILES];
static int pipes[2];

static struct client_file *some_file(struct stress_self *self)
{
	return &files[stress_below(self, FILES)];
}

/* The errors of a file are those of its mount */
static void begin_on(struct stress_self *self, const struct client_file *f)
{
	self->worker->log[self->worker->ops % STRESS_LOG].mount = f->mount;
	stress_begin(self, f - files);
}

static void unmap(struct client_file *f)
{
	if (f->map)
		munmap(f->map, STRESS_SIZE);
	f->map = NULL;
}

static void release(struct client_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

static void act_release(struct stress_self *self, int mount)
{
	struct client_file *f = some_file(self);

	(void)mount;
	begin_on(self, f);
	release(f);
	if (stress_chance(self, 80))
		unmap(f);
}

static bool reads_like(const struct client_file *f)
{
	__u32 number;

	return pread(f->fd, &number, sizeof(number), 0) != sizeof(number) ||
	       number == (__u32)f->file;
}

static int open_modes(struct stress_self *self)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDWR };

	return modes[stress_below(self, ARRAY_SIZE(modes))];
}

static struct client_file *empty_file(struct stress_self *self, int mount)
{
	struct client_file *f = some_file(self);

	release(f);
	unmap(f);
	*f = (struct client_file) { .fd = -1, .mount = mount, .file = -1 };
	return f;
}

/*
 * A name that is nobody else's, on an id of which we know what file it names:
 * unless so many were handed out since that it may have been used again.
 */
static void act_open_own(struct stress_self *self, int mount)
{
	int name = self->worker - self->shared->worker - STRESS_SERVERS;
	struct stress_id id = stress_get(self, mount,
					 stress_below(self, STRESS_SLOTS));
	struct fuse_server_file *file = &self->srv[mount].sh->file[name];
	struct client_file *f = empty_file(self, mount);

	if (!id.id)
		return;
	stress_begin(self, id.id);
	file->backing_id = id.id;
	file->open_flags = FOPEN_PASSTHROUGH;
	f->fd = stress_end(self, fuse_server_open(&self->srv[mount],
						  stress_name(name),
						  open_modes(self)),
			   ENOENT, EBUSY);
	if (f->fd < 0 || !self->shared->mount[mount].strict)
		return;
	if (stress_handed_out(self, mount) - id.at < REUSE_DISTANCE)
		f->file = id.file;
	if (f->file >= 0 && !reads_like(f))
		stress_fail(self, "the id is another file's");
}

/*
 * Whatever comes along: a server that is at its limit answers with nonsense, and
 * opens of one inode in different modes exclude each other.
 */
static void act_open(struct stress_self *self, int mount)
{
	int name = STRESS_BY_ID + stress_below(self, STRESS_MADE - STRESS_BY_ID);
	struct client_file *f = empty_file(self, mount);

	stress_begin(self, name);
	f->fd = stress_end(self, fuse_server_open(&self->srv[mount],
						  stress_name(name),
						  open_modes(self)),
			   ENOENT, EBUSY, ETXTBSY, EINVAL, EIO);
}

static void act_make(struct stress_self *self, int mount)
{
	struct client_file *f = empty_file(self, mount);
	const char *name = stress_name(STRESS_MADE);

	if (stress_chance(self, 50))
		unlink(scratch_path(name));
	f->fd = stress_end(self, fuse_server_open(&self->srv[mount], name,
						  O_RDWR | O_CREAT),
			   ENOENT, EBUSY, ETXTBSY, EINVAL, EIO, ESTALE);
}

static off_t some_offset(struct stress_self *self)
{
	return STRESS_KEPT + BYTES * stress_below(self, 16);
}

static long result_of(ssize_t n)
{
	return n < 0 ? -errno : n;
}

/*
 * I/O ended: besides with one more, if it is not 0, it may with the wrong mode, or
 * because the server has to open the file anew or to read it, and it is gone.
 */
static long end_io(struct stress_self *self, long result, int allowed)
{
	return stress_end(self, result, EBADF, EIO, EINTR, ENOENT, allowed);
}

static void act_read(struct stress_self *self, int mount)
{
	struct client_file *f = some_file(self);
	char buf[BYTES];

	(void)mount;
	if (f->fd < 0)
		return;
	begin_on(self, f);
	if (f->file >= 0 && !reads_like(f))
		stress_fail(self, "the file has become another one");
	end_io(self, result_of(pread(f->fd, buf, sizeof(buf),
				     some_offset(self))), 0);
}

static void act_write(struct stress_self *self, int mount)
{
	struct client_file *f = some_file(self);
	char buf[BYTES] = {};

	(void)mount;
	if (f->fd < 0)
		return;
	begin_on(self, f);
	end_io(self, result_of(pwrite(f->fd, buf, sizeof(buf),
				      some_offset(self))), 0);
}

static void act_async(struct stress_self *self, int mount)
{
	struct client_file *f = some_file(self);
	bool write = stress_chance(self, 50);
	off_t offset = some_offset(self);
	char buf[BYTES] = {};

	(void)mount;
	if (f->fd < 0)
		return;
	begin_on(self, f);
	end_io(self, stress_chance(self, 50) ?
		     aio_rw(f->fd, buf, sizeof(buf), offset, write) :
		     uring_rw(f->fd, buf, sizeof(buf), offset, write), 0);
}

static int make_pipe(void)
{
	return pipe2(pipes, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
}

/*
 * A page of a file that was truncated after it was spliced can't be read, now or
 * later, and nothing behind it can.
 */
static void drain_pipe(struct stress_self *self)
{
	char buf[4096];

	while (read(pipes[0], buf, sizeof(buf)) > 0)
		;
	if (errno != ENODATA)
		return;
	close(pipes[0]);
	close(pipes[1]);
	if (make_pipe())
		stress_fail(self, "no pipe");
}

static void act_splice(struct stress_self *self, int mount)
{
	struct client_file *f = some_file(self);
	loff_t pos = some_offset(self);
	long n;

	(void)mount;
	if (f->fd < 0)
		return;
	begin_on(self, f);
	n = splice(f->fd, &pos, pipes[1], NULL, BYTES, SPLICE_F_NONBLOCK);
	if (end_io(self, result_of(n), 0) > 0) {
		n = splice(pipes[0], NULL, f->fd, &pos, n, SPLICE_F_NONBLOCK);
		end_io(self, result_of(n), EAGAIN);
	}
	drain_pipe(self);
}

/* Through a pipe: a page that can't be had is an error then, not a signal */
static void touch(struct stress_self *self, struct client_file *f)
{
	char *at = f->map + some_offset(self);
	long n;

	n = write(pipes[1], at, 16);
	stress_end(self, result_of(n), EFAULT);
	if (n > 0 && stress_chance(self, 50))
		stress_end(self, result_of(read(pipes[0], at, 16)), EFAULT);
	drain_pipe(self);
}

/* After a revocation, and beside direct I/O, files are not to be mapped */
static void act_map(struct stress_self *self, int mount)
{
	struct client_file *f = some_file(self);
	void *map;

	(void)mount;
	begin_on(self, f);
	if (f->fd >= 0 && !f->map) {
		map = mmap(NULL, STRESS_SIZE, PROT_READ | PROT_WRITE,
			   stress_chance(self, 60) ? MAP_SHARED : MAP_PRIVATE,
			   f->fd, 0);
		if (map != MAP_FAILED)
			f->map = map;
		stress_end(self, map == MAP_FAILED ? -errno : 0, EACCES,
			   ENODEV, EIO);
	}
	if (f->map)
		touch(self, f);
}

static void act_fsync(struct stress_self *self, int mount)
{
	struct client_file *f = some_file(self);

	(void)mount;
	if (f->fd < 0)
		return;
	begin_on(self, f);
	end_io(self, result_of(fsync(f->fd)), 0);
}

static void act_seek(struct stress_self *self, int mount)
{
	struct client_file *f = some_file(self);

	(void)mount;
	if (f->fd < 0)
		return;
	begin_on(self, f);
	/* ENXIO: it is empty */
	end_io(self, lseek(f->fd, 0, SEEK_HOLE) < 0 ? -errno : 0, ENXIO);
	posix_fadvise(f->fd, 0, STRESS_SIZE, POSIX_FADV_WILLNEED);
}

static void act_stat(struct stress_self *self, int mount)
{
	struct client_file *f = some_file(self);
	struct stat st;

	(void)mount;
	if (f->fd < 0)
		return;
	begin_on(self, f);
	stress_end(self, result_of(fstat(f->fd, &st)), ENOENT);
}

static void act_truncate(struct stress_self *self, int mount)
{
	struct client_file *f = some_file(self);
	off_t size = STRESS_SIZE + stress_below(self, STRESS_SIZE);

	(void)mount;
	if (f->fd < 0)
		return;
	begin_on(self, f);
	end_io(self, result_of(ftruncate(f->fd, size)), EINVAL);
}

static const struct stress_action actions[] = {
	{ "open one's own", 25, act_open_own },
	{ "open", 25, act_open },
	{ "make", 4, act_make },
	{ "read", 15, act_read },
	{ "write", 15, act_write },
	{ "read or write asynchronously", 6, act_async },
	{ "splice", 6, act_splice },
	{ "map", 8, act_map },
	{ "fsync", 2, act_fsync },
	{ "seek", 3, act_seek },
	{ "stat", 3, act_stat },
	{ "truncate", 2, act_truncate },
	{ "release", 15, act_release },
};

void stress_be_client(struct stress_self *self)
{
	for (int i = 0; i < FILES; i++)
		files[i].fd = -1;
	if (make_pipe())
		stress_fail(self, "no pipe");
	stress_work(self, actions, ARRAY_SIZE(actions));
}
