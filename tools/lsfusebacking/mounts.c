// SPDX-License-Identifier: GPL-2.0
#include "mounts.h"

#include <err.h>
#include <libmount.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "connection.h"
#include "root.h"
#include "status.h"
#include "xalloc.h"

struct libmnt_table *mounts_load(void)
{
	struct libmnt_table *mounts = mnt_new_table();
	char path[PATH_MAX];
	FILE *file;

	if (!mounts)
		err(EXIT_TROUBLE, "cannot allocate memory");
	file = root_open("/proc/self/mountinfo");
	if (!file)
		err(EXIT_TROUBLE,
		    "cannot see any mounts; mount proc on /proc (%s)",
		    root_path(path, "/proc/self/mountinfo"));
	if (mnt_table_parse_stream(mounts, file, "mountinfo") < 0)
		errx(EXIT_TROUBLE, "cannot understand %s",
		     root_path(path, "/proc/self/mountinfo"));
	fclose(file);
	return mounts;
}

struct libmnt_table *mounts_of(pid_t pid)
{
	struct libmnt_table *mounts = mnt_new_table();
	FILE *file = root_open("/proc/%d/mountinfo", pid);

	if (!mounts)
		err(EXIT_TROUBLE, "cannot allocate memory");
	if (!file || mnt_table_parse_stream(mounts, file, "mountinfo") < 0) {
		mnt_unref_table(mounts);
		mounts = NULL;
	}
	if (file)
		fclose(file);
	return mounts;
}

unsigned int mount_number(struct libmnt_fs *fs)
{
	dev_t dev = mnt_fs_get_devno(fs);

	return connection_number(major(dev), minor(dev));
}

bool mount_is_fuse(struct libmnt_fs *fs)
{
	const char *type = mnt_fs_get_fstype(fs);

	return type && (!strcmp(type, "fuse") || !strcmp(type, "fuseblk") ||
			!strncmp(type, "fuse.", 5) ||
			!strncmp(type, "fuseblk.", 8));
}

struct libmnt_fs *mount_at(struct libmnt_table *mounts, const char *path)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_BACKWARD);
	struct libmnt_fs *fs, *found = NULL;

	while (!found && mnt_table_next_fs(mounts, iter, &fs) == 0) {
		const char *target = mnt_fs_get_target(fs);

		if (target && !strcmp(target, path))
			found = fs;
	}
	mnt_free_iter(iter);
	return found;
}

bool path_is_below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	if (!strcmp(directory, "/"))
		return *path == '/';
	return !strncmp(path, directory, length) &&
	       (!path[length] || path[length] == '/');
}

struct libmnt_fs *mount_of(struct libmnt_table *mounts, const char *path)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_BACKWARD);
	struct libmnt_fs *fs, *found = NULL;
	size_t longest = 0;

	while (mnt_table_next_fs(mounts, iter, &fs) == 0) {
		const char *target = mnt_fs_get_target(fs);

		if (!target || strlen(target) <= longest ||
		    !path_is_below(path, target))
			continue;
		longest = strlen(target);
		found = fs;
	}
	mnt_free_iter(iter);
	return found;
}

struct libmnt_fs *mount_by_id(struct libmnt_table *mounts, int id)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs, *found = NULL;

	while (!found && mnt_table_next_fs(mounts, iter, &fs) == 0)
		if (mnt_fs_get_id(fs) == id)
			found = fs;
	mnt_free_iter(iter);
	return found;
}

/* Append the components of @path, without those that say nothing */
static char *append(char *to, const char *path)
{
	while (*path) {
		size_t length = strcspn(path, "/");

		if (length && !(length == 1 && *path == '.')) {
			*to++ = '/';
			to = mempcpy(to, path, length);
		}
		path += length;
		path += *path == '/';
	}
	return to;
}

char *path_absolute(const char *path)
{
	char *here = NULL, *absolute, *end;

	/* It may be longer than PATH_MAX */
	if (*path != '/' && !root_recorded())
		here = getcwd(NULL, 0);
	absolute = xcalloc(1, (here ? strlen(here) : 0) + strlen(path) + 3);
	end = append(append(absolute, here ? here : ""), path);
	if (end == absolute)
		*end = '/';
	free(here);
	return absolute;
}
