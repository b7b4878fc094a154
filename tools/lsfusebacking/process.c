// SPDX-License-Identifier: GPL-2.0
#include "process.h"

#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "root.h"
#include "xalloc.h"

/* The kernel's flag of its own threads in /proc/PID/stat */
#define PF_KTHREAD 0x00200000

#define THREAD_PREFIX "fuse/"

static void add(struct sightings *seen, const struct sighting *one)
{
	seen->list = xgrow(seen->list, seen->nr, sizeof(*one));
	seen->list[seen->nr++] = *one;
}

/* Anybody may call a process fuse/0:45; only the kernel has kernel threads. */
static bool is_kernel_thread(pid_t pid)
{
	char *line = root_line("/proc/%d/stat", pid);
	char *name_end = line ? strrchr(line, ')') : NULL;
	unsigned long flags;
	bool is = false;

	if (name_end && sscanf(name_end + 1, " %*c %*d %*d %*d %*d %*d %lu",
			       &flags) == 1)
		is = flags & PF_KTHREAD;
	free(line);
	return is;
}

static void look_for_thread(struct sightings *seen, pid_t pid)
{
	char *comm = root_line("/proc/%d/comm", pid);
	struct sighting one = { .pid = pid };

	if (comm && !strncmp(comm, THREAD_PREFIX, strlen(THREAD_PREFIX)) &&
	    connection_parse(comm + strlen(THREAD_PREFIX), &one.number) &&
	    is_kernel_thread(pid))
		add(seen, &one);
	free(comm);
}

/* The name depends on where devtmpfs is mounted; fdinfo decides. */
static bool may_be_fuse(const char *link)
{
	const char *name = strrchr(link, '/');

	return name && (!strcmp(name, "/fuse") ||
			!strcmp(name, "/fuse (deleted)"));
}

static bool parse_fdinfo(FILE *file, struct sighting *one)
{
	unsigned long long files, limit, thread;
	bool connected = false;
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, file) > 0) {
		if (sscanf(line, "fuse_connection: %u", &one->number) == 1)
			connected = true;
		if (sscanf(line, "backing_thread: %llu", &thread) == 1)
			one->thread = thread;
		if (sscanf(line, "backing_files: %llu %llu", &files,
			   &limit) == 2) {
			one->aware = true;
			one->files = files;
			one->limit = limit;
		}
	}
	free(line);
	return connected;
}

static void look_at_descriptor(struct sightings *seen, pid_t pid, uint64_t fd)
{
	struct sighting one = { .pid = pid, .server = true };
	unsigned long long n = fd;
	char path[PATH_MAX];
	FILE *file = NULL;
	char *link;

	link = root_readlink(root_path(path, "/proc/%d/fd/%llu", pid, n));
	if (link && may_be_fuse(link))
		file = root_open("/proc/%d/fdinfo/%llu", pid, n);
	if (file) {
		if (parse_fdinfo(file, &one))
			add(seen, &one);
		fclose(file);
	}
	free(link);
}

static void look_for_server(struct sightings *seen, pid_t pid)
{
	DIR *dir = root_opendir("/proc/%d/fd", pid);
	uint64_t fd;

	if (!dir)
		return;
	while (root_next_number(dir, &fd))
		look_at_descriptor(seen, pid, fd);
	closedir(dir);
}

void processes_scan(struct sightings *seen)
{
	DIR *dir = root_opendir("/proc");
	uint64_t pid;

	if (!dir)
		return;
	while (root_next_number(dir, &pid)) {
		look_for_thread(seen, pid);
		look_for_server(seen, pid);
	}
	closedir(dir);
}

bool process_uid(pid_t pid, uid_t *uid)
{
	FILE *file = root_open("/proc/%d/status", pid);
	bool found = false;
	char *line = NULL;
	size_t room = 0;

	if (!file)
		return false;
	while (!found && getline(&line, &room, file) > 0)
		found = sscanf(line, "Uid: %u", uid) == 1;
	free(line);
	fclose(file);
	return found;
}
