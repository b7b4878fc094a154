// SPDX-License-Identifier: GPL-2.0
/*
 * What the table of a mount costs as it grows. See mappings.h.
 *
 * The same descriptor is registered again and again, so that a mapping is all
 * that is added: the backing files themselves cost the same everywhere.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backing_ioctl.h"
#include "idle.h"
#include "mappings.h"
#include "memory.h"
#include "operations.h"

#define LIMIT		1100000
#define BATCH		1000	/* registrations, then as many the other way */
#define BATCHES_MAX	15
#define CYCLES		10000
#define DEFERRED_US	1000000	/* and more for each mapping */
#define DEFERRED_EACH_US	4
#define MEMORY_FROM	100000	/* below, the noise is larger */
#define WAITING		100000	/* attachments */
#define NOBODY		1000000	/* nodes from here on never come */
#define NAMES		32	/* looked up, then forgotten */

struct table {
	struct fuse_server srv;
	int fd;			/* what is registered */
	size_t size;
	int middle;		/* an id that is neither the first nor the last */
	const char *fs;
};

static void record_table(const struct table *table, const char *way,
			 const char *operation, const char *metric, double value)
{
	const struct record rec = { table->fs, way, operation, table->size };

	record(&rec, metric, value);
}

static void raise_limits(void)
{
	const struct rlimit limit = { LIMIT, LIMIT };
	FILE *nr_open = fopen("/proc/sys/fs/nr_open", "we");

	must(nr_open);
	must(fprintf(nr_open, "%u", LIMIT + BATCH) > 0);
	must(!fclose(nr_open));
	must(!setrlimit(RLIMIT_NOFILE, &limit));
}

struct busy {
	double cost;
	double waited;
};

static void do_nothing(struct table *table)
{
	(void)table;
}

/* @run, then @later microseconds in which what it put off is done, too */
static struct busy time_once(void (*run)(struct table *table),
			     struct table *table, unsigned int later)
{
	struct idle idle;
	struct busy busy;
	double start;

	idle_start(&idle);
	start = now();
	run(table);
	busy.waited = idle_time(&idle);
	if (later)
		usleep(later);
	busy.cost = now() - start - idle_time(&idle);
	idle_stop(&idle);
	return busy;
}

/*
 * What @run costs, not counting the time that somebody waits, together with
 * what the kernel puts off for later, such as RCU callbacks. That is divided by
 * the number of mappings: a single one would be lost in the noise of the wait.
 */
static struct busy time_busy(void (*run)(struct table *table),
			     struct table *table)
{
	unsigned int later = DEFERRED_US + DEFERRED_EACH_US * table->size;
	struct busy busy = time_once(run, table, later);

	busy.cost -= time_once(do_nothing, table, later).cost;
	return busy;
}

static int register_one(struct table *table)
{
	return check(fuse_backing_open(table->srv.fd, table->fd), "register");
}

static void unregister_one(struct table *table, int id)
{
	check(fuse_backing_close(table->srv.fd, id), "unregister");
}

static void register_first(struct table *table)
{
	table->middle = register_one(table);
}

static void register_rest(struct table *table)
{
	for (size_t i = 1; i < table->size; i++)
		if (i == table->size / 2)
			table->middle = register_one(table);
		else
			register_one(table);
}

static void fill_table(struct table *table)
{
	struct memory before, after;
	struct busy busy;

	busy = time_once(register_first, table, 0);
	record_table(table, "-", "register the first", "instructions",
		     busy.cost);
	if (table->size == 1)
		return;
	memory_read(&before);
	busy = time_busy(register_rest, table);
	record_table(table, "-", "register all", "instructions",
		     busy.cost / (table->size - 1));
	record_table(table, "-", "register all, waiting", "ns", busy.waited);
	memory_read(&after);
	if (table->size < MEMORY_FROM)
		return;
	record_table(table, "-", "memory", "bytes",
		     (after.kernel - before.kernel) / (table->size - 1));
	record_table(table, "-", "memory, all", "bytes",
		     (after.used - before.used) / (table->size - 1));
}

/* At this size of the table, which is the same again afterwards */
static void measure_changes(struct table *table)
{
	double in[BATCHES_MAX], out[BATCHES_MAX], start;
	const struct record reg = { table->fs, "-", "register", table->size };
	const struct record unreg = { table->fs, "-", "unregister",
				      table->size };
	unsigned int batches = sample_batches();
	struct sample sample;
	int ids[BATCH];

	for (unsigned int i = 0; i < batches; i++) {
		start = now();
		for (unsigned int j = 0; j < BATCH; j++)
			ids[j] = register_one(table);
		in[i] = (now() - start) / BATCH;
		start = now();
		for (unsigned int j = 0; j < BATCH; j++)
			unregister_one(table, ids[j]);
		out[i] = (now() - start) / BATCH;
	}
	sample_values(&sample, in, batches);
	record_sample(&reg, "instructions", &sample);
	sample_values(&sample, out, batches);
	record_sample(&unreg, "instructions", &sample);
}

static void register_and_unregister(struct table *table)
{
	for (unsigned int i = 0; i < CYCLES; i++)
		unregister_one(table, register_one(table));
}

/* The cheapest batch has no RCU callback in it: here they all count */
static void measure_cycles(struct table *table)
{
	struct busy busy = time_busy(register_and_unregister, table);

	record_table(table, "-", "register, unregister, all in", "instructions",
		     busy.cost / CYCLES);
}

/* open(2) with an id of the table */
static void measure_lookup(struct table *table)
{
	const struct operation *op = operation_find("open, close");
	const struct record rec = { table->fs, way_names[PASSTHROUGH],
				    "open by id, close", table->size };
	struct fuse_server_file *file = mount_file(&table->srv, PASSTHROUGH,
						   op->file);
	struct sample sample;
	struct target t;

	file->backing_id = table->middle;
	file->open_flags = FOPEN_PASSTHROUGH;
	target_open(&t, op, PASSTHROUGH, 0);
	operation_sample(&sample, op, &t);
	record_sample(&rec, "instructions", &sample);
	target_close(&t);
}

/*
 * Without the server's own end, which has nothing to do with the table. When
 * umount(2) returns, all mappings are gone, as they are upstream once both the
 * mount and /dev/fuse are closed.
 */
static void empty_table(struct table *table)
{
	fuse_server_close_dev(&table->srv);
	check(fuse_server_umount(&table->srv), "umount");
}

static void measure_emptying(struct table *table)
{
	struct busy busy;

	check(fuse_server_kill(&table->srv), "kill");
	busy = table->size == 1 ? time_once(empty_table, table, 0) :
				  time_busy(empty_table, table);
	record_table(table, "-", "empty", "instructions",
		     busy.cost / table->size);
	record_table(table, "-", "empty, waiting", "ns", busy.waited);
}

static void measure_table(const char *fs, size_t size)
{
	struct table table = { .fs = fs, .size = size };
	char path[PATH_MAX];

	mount_path(path, DIRECT, "data");
	table.fd = open(path, O_RDWR | O_CLOEXEC);
	must(table.fd >= 0);
	mount_start(&table.srv);
	fill_table(&table);
	measure_changes(&table);
	measure_cycles(&table);
	measure_lookup(&table);
	measure_emptying(&table);
	fuse_server_stop(&table.srv);
	close(table.fd);
}

/* False if the kernel has no attachments */
static bool attach_waiting(struct table *table)
{
	int id = register_one(table);
	int err;

	for (size_t i = 0; i < table->size; i++) {
		err = fuse_attach_backing(table->srv.fd, NOBODY + i, 0, id,
					  FUSE_BACKING_READ |
					  FUSE_BACKING_ATTACH_PENDING);
		if (err == -ENOTTY)
			return false;
		check(err, "attach");
	}
	return true;
}

/* Of ids that nothing waits for */
static void measure_unrelated(struct table *table)
{
	const struct record rec = { table->fs, "-", "unregister, beside waiting",
				    table->size };
	unsigned int batches = sample_batches();
	double out[BATCHES_MAX], start;
	struct sample sample;
	int ids[BATCH];

	for (unsigned int i = 0; i < batches; i++) {
		for (unsigned int j = 0; j < BATCH; j++)
			ids[j] = register_one(table);
		start = now();
		for (unsigned int j = 0; j < BATCH; j++)
			unregister_one(table, ids[j]);
		out[i] = (now() - start) / BATCH;
	}
	sample_values(&sample, out, batches);
	record_sample(&rec, "instructions", &sample);
}

static void name_of(char name[FUSE_SERVER_NAME], unsigned int i)
{
	snprintf(name, FUSE_SERVER_NAME, "name%u", i);
}

static void add_names(struct table *table)
{
	char from[PATH_MAX], to[PATH_MAX], name[FUSE_SERVER_NAME];

	mount_path(from, DIRECT, "data");
	for (unsigned int i = 0; i < NAMES; i++) {
		name_of(name, i);
		mount_path(to, DIRECT, name);
		must(!link(from, to) || errno == EEXIST);
		must(fuse_server_add(&table->srv, name));
	}
}

static double look_up_names(struct table *table)
{
	char path[NAMES][PATH_MAX], name[FUSE_SERVER_NAME];
	struct stat st;
	double start, cost;

	for (unsigned int i = 0; i < NAMES; i++) {
		name_of(name, i);
		must(snprintf(path[i], PATH_MAX, "%s/%s",
			      table->srv.mountpoint, name) > 0);
	}
	start = now();
	for (unsigned int i = 0; i < NAMES; i++)
		must(!stat(path[i], &st));
	cost = now() - start;
	for (unsigned int i = 0; i < NAMES; i++) {
		name_of(name, i);
		check(fuse_server_drop_name(&table->srv, name), "forget");
	}
	return cost / NAMES;
}

/* LOOKUP of nodes that nothing waits for, and that the kernel doesn't know yet */
static void measure_look_up(struct table *table)
{
	const struct record rec = { table->fs, "-", "LOOKUP, beside waiting",
				    table->size };
	unsigned int batches = sample_batches();
	double values[BATCHES_MAX];
	struct sample sample;

	add_names(table);
	look_up_names(table);
	for (unsigned int i = 0; i < batches; i++)
		values[i] = look_up_names(table);
	sample_values(&sample, values, batches);
	record_sample(&rec, "instructions", &sample);
}

/* What others cost beside so many attachments that wait for their inode */
static void measure_waiting(const char *fs, size_t waiting)
{
	struct table table = { .fs = fs, .size = waiting };
	char path[PATH_MAX];

	mount_path(path, DIRECT, "data");
	table.fd = open(path, O_RDWR | O_CLOEXEC);
	must(table.fd >= 0);
	mount_start(&table.srv);
	if (attach_waiting(&table)) {
		measure_unrelated(&table);
		measure_look_up(&table);
	}
	mount_stop(&table.srv);
	close(table.fd);
}

void mappings_measure(const char *fs, bool quick)
{
	static const size_t sizes[] = { 1, 1000, 100000, 1000000 };

	raise_limits();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		if (!quick || sizes[i] < 1000000)
			measure_table(fs, sizes[i]);
	measure_waiting(fs, 0);
	measure_waiting(fs, WAITING);
}
