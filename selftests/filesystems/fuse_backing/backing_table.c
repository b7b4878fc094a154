// SPDX-License-Identifier: GPL-2.0
/*
 * The file table of a mount's kernel thread. See backing_table.h.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backing_table.h"

#define PREFIX	"fuse/"

void thread_name(dev_t dev, char *name, size_t size)
{
	snprintf(name, size, PREFIX "%u:%u", major(dev), minor(dev));
}

static int read_comm(const char *pid, char *comm, size_t size)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	if (!fgets(comm, size, f))
		*comm = '\0';
	fclose(f);
	comm[strcspn(comm, "\n")] = '\0';
	return 0;
}

/*
 * The number of threads whose names match, the last one's pid in *@pid.
 * The comparison is by prefix if @prefix says so.
 */
static int scan(const char *name, bool prefix, pid_t *pid)
{
	size_t len = prefix ? strlen(name) : strlen(name) + 1;
	struct dirent *dent;
	char comm[64];
	int count = 0;
	DIR *dir = opendir("/proc");

	if (!dir)
		return -errno;
	while ((dent = readdir(dir))) {
		if (*dent->d_name < '1' || *dent->d_name > '9')
			continue;
		if (read_comm(dent->d_name, comm, sizeof(comm)) < 0 ||
		    strncmp(comm, name, len))
			continue;
		*pid = atoi(dent->d_name);
		count++;
	}
	closedir(dir);
	return count;
}

pid_t thread_find(dev_t dev)
{
	char name[32];
	pid_t pid = 0;

	thread_name(dev, name, sizeof(name));
	scan(name, false, &pid);
	return pid;
}

int thread_count(void)
{
	pid_t pid;

	return scan(PREFIX, true, &pid);
}

bool thread_exists(pid_t pid)
{
	return !kill(pid, 0) || errno != ESRCH;
}

/* The first line of @path that starts with @key; what follows the key. */
static int find_line(const char *path, const char *key, char *value,
		     size_t size)
{
	size_t len = strlen(key);
	char line[512];
	int err = -ENOENT;
	FILE *f = fopen(path, "re");

	if (!f)
		return -errno;
	while (err && fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, len))
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(value, size, "%s", line + len);
		err = 0;
	}
	fclose(f);
	return err;
}

int thread_status(pid_t pid, const char *key, char *value, size_t size)
{
	char path[64], with_colon[32];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	snprintf(with_colon, sizeof(with_colon), "%s:\t", key);
	return find_line(path, with_colon, value, size);
}

static unsigned long limit_value(const char *text)
{
	return !strcmp(text, "unlimited") ? -1UL : strtoul(text, NULL, 10);
}

int thread_nofile(pid_t pid, unsigned long *soft, unsigned long *hard)
{
	char path[64], value[128], s[32], h[32];
	int err;

	snprintf(path, sizeof(path), "/proc/%d/limits", pid);
	err = find_line(path, "Max open files", value, sizeof(value));
	if (err)
		return err;
	if (sscanf(value, "%31s %31s", s, h) != 2)
		return -EINVAL;
	*soft = limit_value(s);
	*hard = limit_value(h);
	return 0;
}

static int compare_ints(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int table_list(pid_t pid, int *fds, int max)
{
	struct dirent *dent;
	char path[64];
	int count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((dent = readdir(dir))) {
		if (*dent->d_name == '.')
			continue;
		if (count < max)
			fds[count] = atoi(dent->d_name);
		count++;
	}
	closedir(dir);
	qsort(fds, count < max ? count : max, sizeof(*fds), compare_ints);
	return count;
}

int table_count(pid_t pid)
{
	int fds[1];

	return table_list(pid, fds, 0);
}

bool table_has(pid_t pid, int fd)
{
	char path[PATH_MAX];

	return table_path(pid, fd, path, sizeof(path)) == 0;
}

int table_path(pid_t pid, int fd, char *path, size_t size)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid, fd);
	n = readlink(link, path, size - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	return 0;
}

int dev_fdinfo_read(int dev, struct dev_fdinfo *info)
{
	char path[64], value[64];
	int err;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dev);
	err = find_line(path, "fuse_connection:\t", value, sizeof(value));
	if (err)
		return err;
	info->connection = strtoul(value, NULL, 10);
	err = find_line(path, "backing_thread:\t", value, sizeof(value));
	if (err)
		return err;
	info->thread = atoi(value);
	err = find_line(path, "backing_files:\t", value, sizeof(value));
	if (err)
		return err;
	if (sscanf(value, "%lu %lu", &info->count, &info->limit) != 2)
		return -EINVAL;
	return 0;
}

int command_output(const char *command, char *out, size_t size)
{
	FILE *f = popen(command, "re");
	size_t n = 0, got;
	int status;

	if (!f)
		return -1;
	while (n < size - 1 && (got = fread(out + n, 1, size - 1 - n, f)) > 0)
		n += got;
	out[n] = '\0';
	status = pclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
