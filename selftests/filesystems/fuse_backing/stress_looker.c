// SPDX-License-Identifier: GPL-2.0
/*
 * The stress test's worker that looks: at what lsof(8) reads, at the control
 * filesystem, and now and then with the commands themselves.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backing_files.h"
#include "backing_table.h"
#include "stress.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MAX_FDS		1024

static char tool[PATH_MAX];

/* Beside the directory of built selftests */
static void find_tool(void)
{
	char self[PATH_MAX - 64];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	snprintf(tool, sizeof(tool), "%s/../tools/lsfusebacking/lsfusebacking",
		 dirname(self));
}

/* What is gone when it is looked at is no error */
static void act_walk(struct stress_self *self, int mount)
{
	pid_t thread = self->shared->mount[mount].thread;
	int fds[MAX_FDS], n;
	char path[PATH_MAX];

	if (!thread)
		return;
	n = stress_end(self, table_list(thread, fds, MAX_FDS), ENOENT, ESRCH);
	for (int i = 0; i < n && i < MAX_FDS; i++)
		stress_end(self, table_path(thread, fds[i], path, sizeof(path)),
			   ENOENT, ESRCH);
}

static void act_fdinfo(struct stress_self *self, int mount)
{
	char path[64], text[512];
	int fd, nr = 1 + stress_below(self, 64);

	stress_begin(self, nr);
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d",
		 self->shared->mount[mount].thread, nr);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	stress_end(self, read(fd, text, sizeof(text)) < 0 ? -errno : 0, ENOENT,
		   ESRCH);
	close(fd);
}

static void act_files(struct stress_self *self, int mount)
{
	struct backing_files files;

	if (stress_end(self, backing_files_read(&self->srv[mount], &files), 0))
		return;
	if (!backing_files_ascend(&files))
		stress_fail(self, "ids do not ascend");
	backing_files_free(&files);
}

static void act_numbers(struct stress_self *self, int mount)
{
	stress_end(self, backing_number(&self->srv[mount], "backing_thread"),
		   ENODATA);
	stress_end(self, backing_number(&self->srv[mount], "backing_limit"),
		   ENODATA);
}

static void run(struct stress_self *self, const char *command, int most)
{
	static char out[256 * 1024];
	int status = command_output(command, out, sizeof(out));

	stress_begin(self, status);
	if (status < 0 || status > most)
		stress_fail(self, command);
}

/* It exits with 1 if there is nothing to list */
static void act_lsof(struct stress_self *self, int mount)
{
	char command[64];

	snprintf(command, sizeof(command), "lsof -w -n +c0 -p %d 2>&1",
		 self->shared->mount[mount].thread ?: 1);
	run(self, command, 1);
}

/* It exits with 64 if some of what it was asked for isn't there */
static void act_tool(struct stress_self *self, int mount)
{
	char command[PATH_MAX + 64];

	(void)mount;
	if (access(tool, X_OK))
		return;
	snprintf(command, sizeof(command), "%s %s 2>&1", tool,
		 stress_chance(self, 50) ? "--json" : "--summary");
	run(self, command, 64);
}

static bool drop(const char *what)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, what, 1) == 1;

	close(fd);
	return ok;
}

/* Inodes that nobody uses are evicted */
static void act_evict(struct stress_self *self, int mount)
{
	(void)mount;
	if (!drop("2"))
		stress_fail(self, "drop_caches");
}

static const struct stress_action actions[] = {
	{ "walk through the table", 30, act_walk },
	{ "fdinfo in the table", 30, act_fdinfo },
	{ "backing_files", 30, act_files },
	{ "backing_thread and backing_limit", 10, act_numbers },
	{ "lsof", 1, act_lsof },
	{ "lsfusebacking", 2, act_tool },
	{ "evict", 4, act_evict },
};

void stress_be_looker(struct stress_self *self)
{
	find_tool();
	/* the kernel need not log it each time */
	drop("4");
	stress_work(self, actions, ARRAY_SIZE(actions));
}
