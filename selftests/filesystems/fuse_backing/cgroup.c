// SPDX-License-Identifier: GPL-2.0
/*
 * A cgroup of a test's own. See cgroup.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "text_file.h"

#define TOP	"/sys/fs/cgroup"
#define GROUP	TOP "/fuse_backing"

int cgroup_make(void)
{
	if (text_file_write(TOP "/cgroup.subtree_control", "+memory +pids"))
		return -EOPNOTSUPP;
	return mkdir(GROUP, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

int cgroup_join(void)
{
	return text_file_write(GROUP "/cgroup.procs", "0");
}

int cgroup_write(const char *name, long value)
{
	char path[128], text[32] = "max";

	snprintf(path, sizeof(path), GROUP "/%s", name);
	if (value >= 0)
		snprintf(text, sizeof(text), "%ld", value);
	return text_file_write(path, text);
}

/* The number after @key on the line that starts with it; "" is the first line */
static long number_of(const char *name, const char *key)
{
	char path[128], line[128];
	long value = -ENODATA;
	FILE *f;

	snprintf(path, sizeof(path), GROUP "/%s", name);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (value == -ENODATA && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			value = atol(line + strlen(key));
	fclose(f);
	return value;
}

long cgroup_read(const char *name)
{
	return number_of(name, "");
}

long cgroup_value(const char *name, const char *key)
{
	char start[64];

	snprintf(start, sizeof(start), "%s ", key);
	return number_of(name, start);
}

static int join_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return -errno;
	return cgroup_join();
}

int cgroup_stir(void)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN), err = 0, status;

	for (int i = 0; !err && i < cpus; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(-join_on(i));
		err = waitpid(pid, &status, 0) == pid ? -WEXITSTATUS(status) : -errno;
	}
	return err;
}

long cgroup_event(const char *name)
{
	return cgroup_value("memory.events", name);
}

int cgroup_remove(void)
{
	return rmdir(GROUP) < 0 ? -errno : 0;
}
