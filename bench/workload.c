// SPDX-License-Identifier: GPL-2.0
/*
 * What a walk through a tree of files costs. See workload.h.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"
#include "sample.h"
#include "tree.h"
#include "workload.h"

static const enum way ways[] = {
	DIRECT, PASSTHROUGH, PER_INODE, ANSWERED, TREE, OVERLAY
};

/* The walks: what is done with each file, after a stat */

static void no_more(const char *path)
{
	(void)path;
}

static void read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[4096];

	must(fd >= 0);
	must(read(fd, text, sizeof(text)) == TREE_FILE_SIZE);
	must(!close(fd));
}

struct walk {
	const char *name;
	void (*visit)(const char *path);
};

#define READ_EACH	{ "stat and read each", read_file }

static const struct walk read_each = READ_EACH;
static const struct walk walks[] = {
	{ "stat each", no_more },
	READ_EACH,
	{ "and again", read_file },
};

#define WALKS	(sizeof(walks) / sizeof(*walks))

static const struct walk *walking;
static unsigned int visited;

static int visit(const char *path, const struct stat *st, int type,
		 struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (type == FTW_F) {
		walking->visit(path);
		visited++;
	}
	return type == FTW_F || type == FTW_D ? 0 : -1;
}

static void walk_tree(const struct walk *walk, const char *top,
		      unsigned int files)
{
	walking = walk;
	visited = 0;
	must(!nftw(top, visit, 16, FTW_PHYS));
	must(visited == files);
}

static void measure_instructions(const char *fs, enum way way,
				 unsigned int files)
{
	pid_t pid = tree_start(way, false);

	for (size_t i = 0; i < WALKS; i++) {
		const struct record rec = {
			fs, way_names[way], walks[i].name, files
		};
		double start = now();

		if (!record_wants(walks[i].name))
			continue;
		walk_tree(&walks[i], tree_path(way), files);
		record(&rec, "per file", (now() - start) / files);
	}
	tree_stop(way, pid);
}

/* Of one directory, all of them being alike: the log costs more than the walk */
static void measure_requests(const char *fs, enum way way, unsigned int files)
{
	pid_t pid = tree_start(way, true);
	unsigned int before = program_requests(NULL), after;

	for (size_t i = 0; i < WALKS; i++) {
		const struct record rec = {
			fs, way_names[way], walks[i].name, files
		};

		if (!record_wants(walks[i].name))
			continue;
		walk_tree(&walks[i], PROGRAM_MOUNT "/0", TREE_IN_DIRECTORY);
		after = program_requests(NULL);
		record(&rec, "requests per file",
		       (after - before) / (double)TREE_IN_DIRECTORY);
		before = after;
	}
	tree_stop(way, pid);
}

#define IN_EACH_FIFTH	"for dir in *[05]; do "
#define MAKE_DIRECTORY	"mkdir -p " TREE_CHANGED "/$dir; "
#define COPY_FIRST	"cp -p $dir/$(ls $dir | head -n 1) " TREE_CHANGED "/$dir; "

/* One name in each fifth directory */
static void make_changed(void)
{
	char line[512];

	snprintf(line, sizeof(line), "cd %s && " IN_EACH_FIFTH MAKE_DIRECTORY COPY_FIRST
		 "done", tree_path(DIRECT));
	must(!system(line));
}

static unsigned int requests_of_walk(const char *top, unsigned int files)
{
	unsigned int before = program_requests(NULL);

	walk_tree(&read_each, top, files);
	return program_requests(NULL) - before;
}

/* What a branch is asked for where nothing changed, and for each name that did */
static void measure_changed(const char *fs, unsigned int files)
{
	const unsigned int changed = files / TREE_IN_DIRECTORY / 5;
	const struct record rec = {
		fs, way_names[CHANGED], read_each.name, changed
	};
	pid_t pid;

	if (!tree_has(CHANGED) || !record_wants(read_each.name))
		return;
	make_changed();
	pid = tree_start(CHANGED, true);
	record(&rec, "requests for others",
	       requests_of_walk(PROGRAM_MOUNT "/1", TREE_IN_DIRECTORY));
	record(&rec, "requests per changed name",
	       requests_of_walk(PROGRAM_MOUNT, files) / (double)changed);
	tree_stop(CHANGED, pid);
	must(!system("rm -r " TREE_CHANGED));
}

void workload_measure(const char *fs, unsigned int files, bool reverse)
{
	size_t n = sizeof(ways) / sizeof(*ways);
	enum way way;

	for (size_t i = 0; i < n; i++) {
		way = ways[reverse ? n - 1 - i : i];
		if (!tree_has(way))
			continue;
		measure_instructions(fs, way, files);
		if (tree_is_served(way))
			measure_requests(fs, way, files);
	}
	measure_changed(fs, files);
}
