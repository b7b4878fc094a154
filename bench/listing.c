// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs to list a directory. See listing.h.
 */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "listing.h"
#include "program.h"
#include "sample.h"
#include "tree.h"

#define NAME	"list a directory"
#define LISTED	"listed"
#define ENTRIES	1000
#define COUNTED	8	/* listings that requests are counted of */

static const enum way ways[] = {
	DIRECT, PASSTHROUGH, PER_INODE, ANSWERED, TREE, OVERLAY
};

static void entry_path(char path[PATH_MAX], unsigned int i)
{
	snprintf(path, PATH_MAX, "%s/" LISTED "/%u", tree_path(DIRECT), i);
}

static void make_directory(void)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/" LISTED, tree_path(DIRECT));
	must(!mkdir(path, 0755));
	for (unsigned int i = 0; i < ENTRIES; i++) {
		entry_path(path, i);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		must(fd >= 0);
		close(fd);
	}
}

static void remove_directory(void)
{
	char path[PATH_MAX];

	for (unsigned int i = 0; i < ENTRIES; i++) {
		entry_path(path, i);
		must(!unlink(path));
	}
	snprintf(path, sizeof(path), "%s/" LISTED, tree_path(DIRECT));
	must(!rmdir(path));
}

static void list(void *path)
{
	DIR *dir = opendir(path);
	unsigned int count = 0;

	must(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	/* with . and .. */
	must(count == ENTRIES + 2);
}

static void measure_instructions(const struct record *rec, enum way way, char *path)
{
	const struct call call = { .run = list, .arg = path, .batch = COUNTED };
	pid_t pid = tree_start(way, false);
	struct sample sample;

	list(path);
	sample_call(&sample, &call);
	record(rec, "per listing", sample.min);
	tree_stop(way, pid);
}

static void measure_requests(const struct record *rec, enum way way, char *path)
{
	pid_t pid = tree_start(way, true);
	unsigned int before;

	list(path);
	before = program_requests(NULL);
	for (int i = 0; i < COUNTED; i++)
		list(path);
	record(rec, "requests per listing",
	       (program_requests(NULL) - before) / (double)COUNTED);
	tree_stop(way, pid);
}

static void measure(const char *fs, enum way way)
{
	const struct record rec = { fs, way_names[way], NAME, ENTRIES };
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/" LISTED, tree_path(way));
	measure_instructions(&rec, way, path);
	if (tree_is_served(way))
		measure_requests(&rec, way, path);
}

void listing_measure(const char *fs, bool reverse)
{
	size_t n = sizeof(ways) / sizeof(*ways);
	enum way way;

	if (!record_wants(NAME))
		return;
	make_directory();
	for (size_t i = 0; i < n; i++) {
		way = ways[reverse ? n - 1 - i : i];
		if (tree_has(way))
			measure(fs, way);
	}
	remove_directory();
}
