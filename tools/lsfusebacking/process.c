// SPDX-License-Identifier: GPL-2.0
#include "process.h"

#include <errno.h>
#include <libmount.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "mounts.h"
#include "root.h"
#include "xalloc.h"

/* The kernel's flag of its own threads in /proc/PID/stat */
#define PF_KTHREAD 0x00200000

/* The kernel's first thread but init, which only the initial pid namespace has */
#define KTHREADD 2

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

	if (comm && connection_parse_thread(comm, &one.number) &&
	    is_kernel_thread(pid))
		add(seen, &one);
	free(comm);
}

/* The name depends on where devtmpfs is mounted. */
bool names_fuse_device(const char *link)
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
	char name[16];
	unsigned int id;
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
		if (sscanf(line, "backing_filter: %u %15s", &id, name) == 2)
			snprintf(one->filter, sizeof(one->filter), "%s/%u",
				 name, id);
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
	if (link && names_fuse_device(link))
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

	if (!dir) {
		if (errno == EACCES || errno == EPERM)
			seen->complete = false;
		return;
	}
	while (root_next_number(dir, &fd))
		look_at_descriptor(seen, pid, fd);
	closedir(dir);
}

static void add_mounted(struct sightings *seen, unsigned int number)
{
	seen->mounted = xgrow(seen->mounted, seen->nr_mounted, sizeof(number));
	seen->mounted[seen->nr_mounted++] = number;
}

/* False if the process is gone */
static bool read_mounts(struct sightings *seen, pid_t pid)
{
	struct libmnt_table *mounts = mounts_of(pid);
	struct libmnt_iter *iter;
	struct libmnt_fs *fs;

	if (!mounts)
		return false;
	iter = mnt_new_iter(MNT_ITER_FORWARD);
	while (mnt_table_next_fs(mounts, iter, &fs) == 0)
		if (mount_is_fuse(fs))
			add_mounted(seen, mount_number(fs));
	mnt_free_iter(iter);
	mnt_unref_table(mounts);
	return true;
}

/* Mount namespaces that were looked into, by what /proc calls them */
struct spaces {
	char **names;
	size_t nr;
};

static bool is_known(const struct spaces *spaces, const char *name)
{
	size_t i;

	for (i = 0; i < spaces->nr; i++)
		if (!strcmp(spaces->names[i], name))
			return true;
	return false;
}

static void look_for_mounts(struct sightings *seen, struct spaces *spaces,
			    pid_t pid)
{
	char path[PATH_MAX];
	char *name = root_readlink(root_path(path, "/proc/%d/ns/mnt", pid));

	if (!name && (errno == EACCES || errno == EPERM))
		seen->complete = false;
	if (!name || is_known(spaces, name) || !read_mounts(seen, pid)) {
		free(name);
		return;
	}
	spaces->names = xgrow(spaces->names, spaces->nr, sizeof(name));
	spaces->names[spaces->nr++] = name;
	seen->witnesses = xgrow(seen->witnesses, seen->nr_witnesses, sizeof(pid));
	seen->witnesses[seen->nr_witnesses++] = pid;
}

static void spaces_free(struct spaces *spaces)
{
	while (spaces->nr)
		free(spaces->names[--spaces->nr]);
	free(spaces->names);
}

void processes_scan(struct sightings *seen)
{
	DIR *dir = root_opendir("/proc");
	struct spaces spaces = { };
	uint64_t pid;

	if (!dir)
		return;
	seen->complete = is_kernel_thread(KTHREADD);
	while (root_next_number(dir, &pid)) {
		look_for_thread(seen, pid);
		look_for_server(seen, pid);
		look_for_mounts(seen, &spaces, pid);
	}
	/* Not even our own: this /proc doesn't tell */
	if (!spaces.nr)
		seen->complete = false;
	spaces_free(&spaces);
	closedir(dir);
}

bool sightings_mounted(const struct sightings *seen, unsigned int number)
{
	size_t i;

	for (i = 0; i < seen->nr_mounted; i++)
		if (seen->mounted[i] == number)
			return true;
	return false;
}

void sightings_free(struct sightings *seen)
{
	free(seen->list);
	free(seen->mounted);
	free(seen->witnesses);
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
