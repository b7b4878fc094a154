// SPDX-License-Identifier: GPL-2.0
/*
 * What a walk through a tree of files costs. See workload.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backing.h"
#include "mount.h"
#include "sample.h"
#include "workload.h"

#define FILES		50000
#define FILES_QUICK	10000
#define IN_DIRECTORY	100
#define FILE_SIZE	2000
#define TREE		BACKING_DIR "/tree"
#define MOUNT_DIR	"/tmp/walk"
#define EXAMPLES	"/tmp/examples"
#define LOG		"/tmp/walk.log"
#define DESCRIPTORS	200000	/* the server has one for each file */
#define SETTLE_US	50000

static const enum way ways[] = { DIRECT, PASSTHROUGH, PER_INODE };

static const char *const mode_of_way[WAYS] = {
	[PASSTHROUGH] = "mode=id",
	[PER_INODE] = "mode=inode",
};

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	static char text[FILE_SIZE];

	must(fd >= 0);
	must(write(fd, text, sizeof(text)) == sizeof(text));
	close(fd);
}

static void make_tree(unsigned int files)
{
	char path[PATH_MAX];

	must(!mkdir(TREE, 0755));
	for (unsigned int i = 0; i < files; i++) {
		snprintf(path, sizeof(path), TREE "/%u", i / IN_DIRECTORY);
		if (!(i % IN_DIRECTORY))
			must(!mkdir(path, 0755));
		snprintf(path, sizeof(path), TREE "/%u/%u", i / IN_DIRECTORY, i);
		make_file(path);
	}
}

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
	must(read(fd, text, sizeof(text)) == FILE_SIZE);
	must(!close(fd));
}

static const struct walk {
	const char *name;
	void (*visit)(const char *path);
} walks[] = {
	{ "stat each", no_more },
	{ "stat and read each", read_file },
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

/* The server */

static bool is_mounted(void)
{
	struct stat here, above;

	must(!stat(MOUNT_DIR, &here) && !stat(MOUNT_DIR "/..", &above));
	return here.st_dev != above.st_dev;
}

static pid_t start_server(enum way way, bool log)
{
	char options[64];
	pid_t pid;

	snprintf(options, sizeof(options), "%s,timeout=100000",
		 mode_of_way[way]);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		int fd = open(LOG, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND,
			      0644);

		dup2(fd, STDERR_FILENO);
		execl(EXAMPLES "/passthrough_modes", "passthrough_modes",
		      log ? "-d" : "-f", "-o", options, TREE, MOUNT_DIR, NULL);
		_exit(1);
	}
	while (!is_mounted())
		usleep(SETTLE_US);
	return pid;
}

static void stop_server(pid_t pid)
{
	must(!umount2(MOUNT_DIR, 0));
	must(waitpid(pid, NULL, 0) == pid);
}

/* Requests in the log; nobody waits for the answer to some */
static unsigned int count_requests(void)
{
	unsigned int count = 0;
	char line[512];
	FILE *log;

	usleep(SETTLE_US);
	log = fopen(LOG, "re");
	must(log);
	while (fgets(line, sizeof(line), log))
		count += !!strstr(line, ", opcode: ");
	fclose(log);
	return count;
}

/* All of it */

static void measure_instructions(const char *fs, enum way way,
				 unsigned int files)
{
	const char *top = way == DIRECT ? TREE : MOUNT_DIR;
	pid_t pid = way == DIRECT ? 0 : start_server(way, false);

	for (size_t i = 0; i < WALKS; i++) {
		const struct record rec = {
			fs, way_names[way], walks[i].name, files
		};
		double start = now();

		walk_tree(&walks[i], top, files);
		record(&rec, "per file", (now() - start) / files);
	}
	if (pid)
		stop_server(pid);
}

/* Of one directory, all of them being alike: the log costs more than the walk */
static void measure_requests(const char *fs, enum way way, unsigned int files)
{
	pid_t pid = start_server(way, true);
	unsigned int before = count_requests(), after;

	for (size_t i = 0; i < WALKS; i++) {
		const struct record rec = {
			fs, way_names[way], walks[i].name, files
		};

		walk_tree(&walks[i], MOUNT_DIR "/0", IN_DIRECTORY);
		after = count_requests();
		record(&rec, "requests per file",
		       (after - before) / (double)IN_DIRECTORY);
		before = after;
	}
	stop_server(pid);
}

static void build_server(void)
{
	must(!system("make -s -C /repo/tools/examples O=" EXAMPLES));
}

static void allow_descriptors(void)
{
	const struct rlimit limit = { DESCRIPTORS, DESCRIPTORS };

	must(!setrlimit(RLIMIT_NOFILE, &limit));
}

void workload_measure(const char *fs, bool quick, bool reverse)
{
	unsigned int files = quick ? FILES_QUICK : FILES;
	size_t n = sizeof(ways) / sizeof(*ways);
	enum way way;

	build_server();
	allow_descriptors();
	mkdir(MOUNT_DIR, 0755);
	make_tree(files);
	for (size_t i = 0; i < n; i++) {
		way = ways[reverse ? n - 1 - i : i];
		measure_instructions(fs, way, files);
		if (way != DIRECT)
			measure_requests(fs, way, files);
	}
}
