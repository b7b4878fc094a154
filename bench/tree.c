// SPDX-License-Identifier: GPL-2.0
/*
 * A tree of files, and the ways to it. See tree.h.
 */

#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backing.h"
#include "filter.h"
#include "program.h"
#include "record.h"
#include "tree.h"

#define FILES		50000
#define FILES_QUICK	5000
#define TOP		BACKING_DIR "/tree"
#define UPPER		BACKING_DIR "/upper"
#define WORK		BACKING_DIR "/work"
#define EXAMPLES	"/tmp/examples"
#define SERVER_PROGRAM	EXAMPLES "/passthrough_modes"
#define BRANCH_PROGRAM	EXAMPLES "/fuse-branchfs"
#define OURS		"/sys/module/fuse/parameters/unprivileged_passthrough"
/* what was looked at is known, whether it is there or not */
#define CACHED		"timeout=100000,negative_timeout=100000"
#define DESCRIPTORS	200000	/* the server has one for each file */

static const char *const options_of_way[WAYS] = {
	[PASSTHROUGH] = "mode=id," CACHED,
	[PER_OPEN] = "mode=open," CACHED,
	[PER_INODE] = "mode=inode," CACHED,
	[ANSWERED] = "mode=inode,listings," CACHED,
	[SERVER] = "mode=none," CACHED,
	[TREE] = "mode=tree,timeout=100000",
	[CHANGES] = "mode=tree,changes,timeout=100000",
	[ASKED] = "mode=tree,timeout=100000",
	[BY_USER] = "mode=tree,timeout=100000",
	[BY_PATTERN] = "mode=tree,timeout=100000",
};

static const char *wanted = "*";

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	static char text[TREE_FILE_SIZE];

	must(fd >= 0);
	must(write(fd, text, sizeof(text)) == sizeof(text));
	close(fd);
}

static void make_files(unsigned int files)
{
	char path[PATH_MAX];
	unsigned int dir;

	must(!mkdir(TOP, 0755));
	for (unsigned int i = 0; i < files; i++) {
		dir = i / TREE_IN_DIRECTORY;
		snprintf(path, sizeof(path), TOP "/%u", dir);
		if (!(i % TREE_IN_DIRECTORY))
			must(!mkdir(path, 0755));
		snprintf(path, sizeof(path), TOP "/%u/%u", dir, i);
		make_file(path);
	}
}

static void build_server(void)
{
	must(!system("make -s -C /repo/tools/examples O=" EXAMPLES
		     " passthrough_modes fuse-branchfs"));
}

static void allow_descriptors(void)
{
	const struct rlimit limit = { DESCRIPTORS, DESCRIPTORS };

	must(!setrlimit(RLIMIT_NOFILE, &limit));
}

unsigned int tree_make(bool quick)
{
	unsigned int files = quick ? FILES_QUICK : FILES;

	build_server();
	allow_descriptors();
	make_files(files);
	return files;
}

void tree_only(const char *pattern)
{
	wanted = pattern;
}

static bool is_filtered(enum way way)
{
	return way == ASKED || way == BY_USER || way == BY_PATTERN;
}

bool tree_has(enum way way)
{
	if (fnmatch(wanted, way_names[way], 0) || (is_filtered(way) && !filter_is_there()))
		return false;
	return way == DIRECT || way == PASSTHROUGH || way == SERVER ||
	       !access(OURS, F_OK);
}

const char *tree_path(enum way way)
{
	return way == DIRECT ? TOP : PROGRAM_MOUNT;
}

bool tree_is_served(enum way way)
{
	return way != DIRECT && way != OVERLAY;
}

/* Beside what both show, with nothing in it yet but what has changed */
static void make_upper(enum way way)
{
	if (way == CHANGED)
		must(!system("cp -a " TREE_CHANGED " " UPPER));
	else
		must(!mkdir(UPPER, 0755));
	must(!mkdir(WORK, 0755));
}

static void remove_upper(void)
{
	must(!system("rm -r " UPPER " " WORK));
}

static void mount_overlay(void)
{
	mkdir(PROGRAM_MOUNT, 0755);
	make_upper(OVERLAY);
	must(!mount("bench", PROGRAM_MOUNT, "overlay", 0,
		    "lowerdir=" TOP ",upperdir=" UPPER ",workdir=" WORK));
}

static void umount_overlay(void)
{
	must(!umount2(PROGRAM_MOUNT, 0));
	remove_upper();
}

static bool is_branch(enum way way)
{
	return way == BRANCH || way == CHANGED;
}

static pid_t start_branch(enum way way, bool log)
{
	static const char *const argv[] = {
		BRANCH_PROGRAM, TOP, UPPER, PROGRAM_MOUNT, NULL
	};

	make_upper(way);
	return program_start(argv, log);
}

/* All that is asked for is passed through */
static void start_filter(enum way way)
{
	if (way == ASKED)
		filter_start("least", NULL);
	else if (way == BY_USER)
		filter_start("uid", "0=pass");
	else if (way == BY_PATTERN)
		filter_start("pattern", "*.tmp");
}

pid_t tree_start(enum way way, bool log)
{
	const char *const argv[] = {
		SERVER_PROGRAM, "-o", options_of_way[way], TOP, PROGRAM_MOUNT,
		NULL
	};
	pid_t pid;

	if (way == OVERLAY)
		mount_overlay();
	if (is_branch(way))
		return start_branch(way, log);
	pid = tree_is_served(way) ? program_start(argv, log) : 0;
	start_filter(way);
	return pid;
}

void tree_stop(enum way way, pid_t pid)
{
	if (is_filtered(way))
		filter_stop();
	if (way == OVERLAY)
		umount_overlay();
	else if (pid)
		program_stop(pid);
	if (is_branch(way))
		remove_upper();
}
