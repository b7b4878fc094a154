// SPDX-License-Identifier: GPL-2.0
/*
 * What a name in a tree costs. See below.h.
 *
 * A directory is nested in others, and has files that are all alike: what is done with a
 * new one is done with the next one each time.
 */

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "below.h"
#include "sample.h"
#include "tree.h"

#define FILES		1000
#define BATCH		50	/* so that there are enough files */
#define CHANGED_FIRST	900	/* others than are new to anybody */
#define NESTED		"/below"
#define DEEPER		"/a/b/c/d/e/f/g/h"

static const enum way ways[] = {
	DIRECT, ANSWERED, TREE, OVERLAY, BRANCH, CHANGED
};

static const enum way filtered[] = { TREE, ASKED, BY_USER, BY_PATTERN };

/* In the directory that the operation is done in */
static char directory[PATH_MAX / 2];
static unsigned int next;

static const char *file_path(char path[PATH_MAX], unsigned int i)
{
	must(i < FILES);
	snprintf(path, PATH_MAX, "%s/%u", directory, i);
	return path;
}

static void stat_file(unsigned int i)
{
	char path[PATH_MAX];
	struct stat st;

	must(!stat(file_path(path, i), &st));
}

static void read_file(unsigned int i)
{
	char path[PATH_MAX], text[4096];
	int fd = open(file_path(path, i), O_RDONLY | O_CLOEXEC);

	must(fd >= 0);
	must(read(fd, text, sizeof(text)) == TREE_FILE_SIZE);
	must(!close(fd));
}

static void stat_next(void *arg)
{
	(void)arg;
	stat_file(next++);
}

static void read_next(void *arg)
{
	(void)arg;
	read_file(next++);
}

static void stat_same(void *arg)
{
	(void)arg;
	stat_file(0);
}

static void read_same(void *arg)
{
	(void)arg;
	read_file(0);
}

/* In this order: the first finds names that nobody knows */
static const struct operation_below {
	const char *name;
	void (*run)(void *arg);
	const char *inside;	/* of the directory */
	bool is_open;		/* all the while, by somebody else */
	bool is_inside;		/* the caller's working directory */
} operations[] = {
	{ "stat, new name", stat_next, "" },
	{ "open, read, close, new file", read_next, "" },
	{ "stat", stat_same, "" },
	{ "stat, 8 directories deeper", stat_same, DEEPER },
	{ "stat, from inside", stat_same, "", .is_inside = true },
	{ "open, read, close", read_same, "" },
	{ "open, read, close, while open", read_same, "", true },
};

#define OPERATIONS	(sizeof(operations) / sizeof(*operations))

static void enter(enum way way, const char *inside)
{
	snprintf(directory, sizeof(directory), "%s" NESTED "%s", tree_path(way),
		 inside);
}

/* So that a name is looked up in there, and nowhere else */
static void go_inside(void)
{
	must(!chdir(directory));
	snprintf(directory, sizeof(directory), ".");
}

static void make_file(unsigned int i)
{
	static const char text[TREE_FILE_SIZE];
	char path[PATH_MAX];
	int fd = open(file_path(path, i), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	must(fd >= 0);
	must(write(fd, text, sizeof(text)) == sizeof(text));
	close(fd);
}

static void make_directories(void)
{
	char line[PATH_MAX];

	enter(DIRECT, DEEPER);
	snprintf(line, sizeof(line), "mkdir -p %s", directory);
	must(!system(line));
	make_file(0);
	enter(DIRECT, "");
	for (unsigned int i = 0; i < FILES; i++)
		make_file(i);
}

/* A directory with rules, that say which of its names have changed */
static void make_changed(void)
{
	must(!system("mkdir -p " TREE_CHANGED NESTED));
	snprintf(directory, sizeof(directory), TREE_CHANGED NESTED);
	for (unsigned int i = CHANGED_FIRST; i < FILES; i++)
		make_file(i);
}

static void remove_directories(void)
{
	char line[PATH_MAX];

	enter(DIRECT, "");
	snprintf(line, sizeof(line), "rm -r %s", directory);
	must(!system(line));
}

static void remove_changed(void)
{
	must(!system("rm -r " TREE_CHANGED));
}

static void measure_operation(const char *fs, enum way way, const char *metric,
			      const struct operation_below *op)
{
	const struct record rec = { fs, way_names[way], op->name, TREE_FILE_SIZE };
	const struct call call = { .run = op->run, .batch = BATCH };
	struct sample sample;
	char path[PATH_MAX];
	int fd = -1;

	enter(way, op->inside);
	next = 0;
	if (op->is_inside)
		go_inside();
	if (op->is_open)
		fd = open(file_path(path, 0), O_RDONLY | O_CLOEXEC);
	must(fd >= 0 || !op->is_open);
	sample_call(&sample, &call);
	record(&rec, metric, sample.min);
	if (op->is_open)
		close(fd);
	must(!chdir("/"));
}

/* Or the first name pays for it, and there are fewer in a batch */
static void find_directory(enum way way)
{
	struct stat st;

	enter(way, "");
	must(!stat(directory, &st));
}

static void measure(const char *fs, enum way way, const char *metric)
{
	pid_t pid = tree_start(way, false);

	find_directory(way);
	for (size_t i = 0; i < OPERATIONS; i++)
		measure_operation(fs, way, metric, &operations[i]);
	tree_stop(way, pid);
}

void below_measure(const char *fs, bool reverse)
{
	size_t n = sizeof(ways) / sizeof(*ways);
	enum way way;

	if (!record_wants("below"))
		return;
	make_directories();
	make_changed();
	for (size_t i = 0; i < n; i++) {
		way = ways[reverse ? n - 1 - i : i];
		if (tree_has(way))
			measure(fs, way, "per name");
	}
	remove_changed();
	remove_directories();
}

void below_measure_filters(const char *fs)
{
	make_directories();
	for (size_t i = 0; i < sizeof(filtered) / sizeof(*filtered); i++)
		if (tree_has(filtered[i]))
			measure(fs, filtered[i], "per filtered name");
	remove_directories();
}
