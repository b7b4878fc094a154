// SPDX-License-Identifier: GPL-2.0
#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <libmount.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "connection.h"
#include "escape.h"
#include "mounts.h"
#include "root.h"
#include "words.h"

/* As x86 and most others have it, without _FILE_OFFSET_BITS' own ideas */
#define FLAG_PATH 010000000

static const char *access_word(unsigned int flags)
{
	if (flags & FLAG_PATH)
		return word_intern("-");
	switch (flags & O_ACCMODE) {
	case O_RDONLY:
		return word_intern("r");
	case O_WRONLY:
		return word_intern("w");
	}
	return word_intern("rw");
}

/* Mounts, and the one that was asked for last: files are often on one mount */
struct devices {
	struct libmnt_table *mounts;
	struct libmnt_fs *last;
};

/* The superblock's device, which stat(2) doesn't tell on btrfs */
static void set_device(struct mapping *map, struct devices *devices,
		       int mount_id)
{
	dev_t dev;

	if (!devices->last || mnt_fs_get_id(devices->last) != mount_id)
		devices->last = mount_by_id(devices->mounts, mount_id);
	if (!devices->last)
		return;
	dev = mnt_fs_get_devno(devices->last);
	map->dev_major = major(dev);
	map->dev_minor = minor(dev);
	map->dev_known = true;
}

static void read_fdinfo(struct mapping *map, struct devices *devices,
			FILE *file)
{
	unsigned long long ino;
	unsigned int flags;
	char *line = NULL;
	size_t room = 0;
	int mount_id;

	while (getline(&line, &room, file) > 0) {
		if (sscanf(line, "flags: %o", &flags) == 1)
			map->access = access_word(flags);
		if (sscanf(line, "mnt_id: %d", &mount_id) == 1)
			set_device(map, devices, mount_id);
		if (sscanf(line, "ino: %llu", &ino) == 1)
			fact_set(&map->facts, FACT_INO, ino);
	}
	free(line);
}

/* The links of a recorded tree lead to files of this system, not of that. */
static void read_inode(struct mapping *map, const char *link)
{
	struct stat st;

	if (root_recorded() || stat(link, &st) < 0)
		return;
	if (!map->dev_known) {
		map->dev_major = major(st.st_dev);
		map->dev_minor = minor(st.st_dev);
		map->dev_known = true;
	}
	fact_set(&map->facts, FACT_INO, st.st_ino);
	fact_set(&map->facts, FACT_SIZE, st.st_size);
	fact_set(&map->facts, FACT_DELETED, !st.st_nlink);
}

/*
 * False if it was closed meanwhile, or the thread has ended: then nothing is left of the
 * link. A path that doesn't fit into PATH_MAX is one that the kernel doesn't tell.
 */
static bool read_name(struct mapping *map, const char *link)
{
	struct stat st;

	map->name = root_readlink(link);
	if (map->name)
		return true;
	if (errno == ENOENT || lstat(link, &st) < 0)
		return false;
	map->problem = "cannot read its path in /proc; fusectl has it";
	return true;
}

/* False if it was closed meanwhile */
static bool read_mapping(const struct connection *conn, uint64_t id,
			 struct devices *devices, struct mapping *map)
{
	unsigned long long fd = id;
	char link[PATH_MAX];
	FILE *file;

	root_path(link, "/proc/%d/fd/%llu", conn->thread, fd);
	if (!read_name(map, link))
		return false;
	fact_set(&map->facts, FACT_ID, id);
	file = root_open("/proc/%d/fdinfo/%llu", conn->thread, fd);
	if (file) {
		read_fdinfo(map, devices, file);
		fclose(file);
	}
	read_inode(map, link);
	if (map->name && map->facts.value[FACT_DELETED])
		cut_deleted(map->name);
	return true;
}

int thread_read_table(struct connection *conn, struct libmnt_table *mounts,
		      const struct filter *filter)
{
	DIR *dir = root_opendir("/proc/%d/fd", conn->thread);
	struct devices devices = { .mounts = mounts };
	uint64_t id;

	if (!dir)
		return -errno;
	fact_set(&conn->facts, FACT_FILES, 0);
	while (root_next_number(dir, &id)) {
		struct mapping map = { };

		if (!read_mapping(conn, id, &devices, &map))
			continue;
		conn->facts.value[FACT_FILES]++;
		connection_count(conn, &map.facts);
		if (filter_passes(filter, &map)) {
			connection_add(conn, &map);
		} else {
			filter_leave_out(filter, conn, &map);
			mapping_free(&map);
		}
	}
	closedir(dir);
	connection_sort(conn);
	return 0;
}

void thread_read_limit(struct connection *conn)
{
	FILE *file = root_open("/proc/%d/limits", conn->thread);
	unsigned long long limit;
	char *line = NULL;
	size_t room = 0;

	if (!file)
		return;
	while (getline(&line, &room, file) > 0)
		if (sscanf(line, "Max open files %llu", &limit) == 1)
			fact_set(&conn->facts, FACT_LIMIT, limit);
	free(line);
	fclose(file);
}
