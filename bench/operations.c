// SPDX-License-Identifier: GPL-2.0
/*
 * What clients do with a file. See operations.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "operations.h"

#define SIZES		{ 1, 4096, 1 << 20 }
#define ONE_PAGE	{ 4096 }
#define COUNTED		64	/* operations that requests are counted of */
#define COUNTED_BYTES	(8 << 20)	/* but no more than this */
#define SETTLE_US	20000

/* The operations */

static void op_read(struct target *t)
{
	must(pread(t->fd, t->buffer, t->size, 0) == (ssize_t)t->size);
}

static void op_write(struct target *t)
{
	must(pwrite(t->fd, t->buffer, t->size, 0) == (ssize_t)t->size);
}

static void op_append(struct target *t)
{
	must(write(t->fd, t->buffer, t->size) == (ssize_t)t->size);
}

static void op_splice_read(struct target *t)
{
	loff_t pos = 0;

	must(splice(t->fd, &pos, t->pipe[1], NULL, t->size, 0) ==
	     (ssize_t)t->size);
	must(splice(t->pipe[0], NULL, t->null, NULL, t->size, 0) ==
	     (ssize_t)t->size);
}

static void op_splice_write(struct target *t)
{
	loff_t pos = 0;

	must(write(t->pipe[1], t->buffer, t->size) == (ssize_t)t->size);
	must(splice(t->pipe[0], NULL, t->fd, &pos, t->size, 0) ==
	     (ssize_t)t->size);
}

static void op_mmap(struct target *t)
{
	char *page = mmap(NULL, t->size, PROT_READ, MAP_PRIVATE, t->fd, 0);

	must(page != MAP_FAILED);
	__atomic_load_n(page, __ATOMIC_RELAXED);
	must(!munmap(page, t->size));
}

static void op_fsync(struct target *t)
{
	must(!fsync(t->fd));
}

static void op_open(struct target *t)
{
	int fd = open(t->path, O_RDWR | O_CLOEXEC);

	must(fd >= 0);
	must(!close(fd));
}

static void op_open_read(struct target *t)
{
	int fd = open(t->path, O_RDONLY | O_CLOEXEC);

	must(fd >= 0);
	must(read(fd, t->buffer, t->size) == (ssize_t)t->size);
	must(!close(fd));
}

static void op_stat_read(struct target *t)
{
	struct stat st;

	op_read(t);
	must(!fstat(t->fd, &st));
}

static void op_stat_write(struct target *t)
{
	struct stat st;

	op_write(t);
	must(!fstat(t->fd, &st));
}

/* The same way that it grew: FUSE has a size of its own */
static void empty_file(struct target *t)
{
	must(!truncate(t->path, 0));
}

static const struct operation operations[] = {
	{ "read", "data", O_RDONLY, SIZES, op_read },
	{ "write", "data", O_WRONLY, SIZES, op_write },
	{ "append", "log", O_WRONLY | O_APPEND, SIZES, op_append, empty_file },
	{ "splice read", "data", O_RDONLY, ONE_PAGE, op_splice_read },
	{ "splice write", "data", O_WRONLY, ONE_PAGE, op_splice_write },
	{ "mmap, fault", "data", O_RDONLY, ONE_PAGE, op_mmap },
	{ "fsync", "data", O_WRONLY, {}, op_fsync, .answers = true },
	{ "open, close", "data", NO_FD, {}, op_open, .modes = true },
	{ "open, read, close", "data", NO_FD, ONE_PAGE, op_open_read,
	  .modes = true },
	{ "read, stat", "data", O_RDONLY, ONE_PAGE, op_stat_read, .answers = true },
	{ "write, stat", "data", O_WRONLY, ONE_PAGE, op_stat_write, .answers = true },
};

#define OPERATIONS	(sizeof(operations) / sizeof(*operations))

const struct operation *operation_find(const char *name)
{
	for (size_t i = 0; i < OPERATIONS; i++)
		if (!strcmp(operations[i].name, name))
			return &operations[i];
	errno = ENOENT;
	die(name);
}

/* Their targets */

void target_open(struct target *t, const struct operation *op,
		 enum way way, size_t size)
{
	size_t room = size ?: 1;

	memset(t, 0, sizeof(*t));
	mount_path(t->path, way, op->file);
	t->size = size;
	t->fd = -1;
	if (op->flags != NO_FD) {
		t->fd = open(t->path, op->flags | O_CLOEXEC);
		must(t->fd >= 0);
	}
	t->buffer = aligned_alloc(4096, (room + 4095) & ~4095UL);
	must(t->buffer);
	memset(t->buffer, 'y', room);
	must(!pipe2(t->pipe, O_CLOEXEC));
	t->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	must(t->null >= 0);
}

void target_close(struct target *t)
{
	if (t->fd >= 0)
		close(t->fd);
	close(t->pipe[0]);
	close(t->pipe[1]);
	close(t->null);
	free(t->buffer);
}

/* Instructions */

struct operation_call {
	const struct operation *op;
	struct target *t;
};

static void call_run(void *arg)
{
	struct operation_call *call = arg;

	call->op->run(call->t);
}

static void call_tidy(void *arg)
{
	struct operation_call *call = arg;

	if (call->op->tidy)
		call->op->tidy(call->t);
}

void operation_sample(struct sample *sample, const struct operation *op,
		      struct target *t)
{
	struct operation_call arg = { op, t };
	const struct call call = {
		.run = call_run,
		.arg = &arg,
		.tidy = call_tidy,
	};

	sample_call(sample, &call);
}

/* Requests */

static const char *opcode_name(unsigned int opcode)
{
	static char number[16];

	switch (opcode) {
	case FUSE_LOOKUP: return "LOOKUP";
	case FUSE_FORGET: return "FORGET";
	case FUSE_GETATTR: return "GETATTR";
	case FUSE_SETATTR: return "SETATTR";
	case FUSE_OPEN: return "OPEN";
	case FUSE_READ: return "READ";
	case FUSE_WRITE: return "WRITE";
	case FUSE_RELEASE: return "RELEASE";
	case FUSE_FSYNC: return "FSYNC";
	case FUSE_GETXATTR: return "GETXATTR";
	case FUSE_FLUSH: return "FLUSH";
	}
	snprintf(number, sizeof(number), "%u", opcode);
	return number;
}

static unsigned long all_requests(const struct fuse_server *srv)
{
	unsigned long sum = 0;

	for (unsigned int i = 0; i < FUSE_SERVER_OPS; i++)
		sum += fuse_server_ops(srv, i);
	return sum;
}

/* Nobody waits for the answer to some requests, RELEASE for one */
static void settle(const struct fuse_server *srv)
{
	unsigned long before;

	do {
		before = all_requests(srv);
		usleep(SETTLE_US);
	} while (all_requests(srv) != before);
}

static void record_requests(const struct record *rec,
			    const struct fuse_server *srv,
			    const __u32 *before, double count)
{
	char metric[32];
	unsigned int sum = 0, diff;

	for (unsigned int i = 0; i < FUSE_SERVER_OPS; i++) {
		diff = fuse_server_ops(srv, i) - before[i];
		sum += diff;
		if (!diff)
			continue;
		snprintf(metric, sizeof(metric), "requests.%s", opcode_name(i));
		record(rec, metric, diff / count);
	}
	record(rec, "requests", sum / count);
}

static void count_requests(const struct record *rec,
			   const struct fuse_server *srv,
			   const struct operation *op, struct target *t)
{
	__u32 before[FUSE_SERVER_OPS];
	unsigned int count = COUNTED;

	if (count * t->size > COUNTED_BYTES)
		count = COUNTED_BYTES / t->size;
	settle(srv);
	memcpy(before, srv->sh->ops, sizeof(before));
	for (unsigned int i = 0; i < count; i++)
		op->run(t);
	settle(srv);
	record_requests(rec, srv, before, count);
	if (op->tidy)
		op->tidy(t);
}

/* All of it */

static void measure(const char *fs, struct fuse_server *srv,
		    const struct operation *op, size_t size, enum way way)
{
	const struct record rec = { fs, way_names[way], op->name, size };
	struct sample sample;
	struct target t;

	target_open(&t, op, way, size);
	operation_sample(&sample, op, &t);
	record_sample(&rec, "instructions", &sample);
	count_requests(&rec, srv, op, &t);
	target_close(&t);
}

static bool has_way(enum way way, const struct operation *op, bool modes)
{
	switch (way) {
	case PER_OPEN:
	case PER_INODE:
		return modes && op->modes;
	case ANSWERED:
		return modes && op->answers;
	default:
		return true;
	}
}

static void measure_ways(const char *fs, struct fuse_server *srv,
			 const struct operation *op, size_t size, bool modes,
			 bool reverse)
{
	enum way way;

	for (int i = 0; i < FILE_WAYS; i++) {
		way = reverse ? FILE_WAYS - 1 - i : i;
		if (has_way(way, op, modes))
			measure(fs, srv, op, size, way);
	}
}

void operations_measure(const char *fs, bool reverse)
{
	struct fuse_server srv;
	bool modes;

	mount_start(&srv);
	mount_register(&srv);
	modes = mount_modes(&srv);
	for (size_t i = 0; i < OPERATIONS; i++) {
		const size_t *size = operations[i].sizes;

		if (!record_wants(operations[i].name))
			continue;
		/* no sizes at all are one */
		for (int j = 0; j < OPERATION_SIZES && (!j || size[j]); j++)
			measure_ways(fs, &srv, &operations[i], size[j], modes,
				     reverse);
	}
	mount_stop(&srv);
}
