// SPDX-License-Identifier: GPL-2.0
/*
 * What must hold of a mount while nobody changes it. See mount_check.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "backing_files.h"
#include "backing_ioctl.h"
#include "backing_table.h"
#include "mount_check.h"

#define ENTRIES	4096

/* The same mappings, as all ways to look at them have it */
struct views {
	struct dev_fdinfo info;
	struct backing_files files;
	struct fuse_backing_entry entry[ENTRIES];
	int entries;
};

static const char *read_views(const struct fuse_server *srv,
			      struct views *v)
{
	if (dev_fdinfo_read(srv->fd, &v->info))
		return "fdinfo can't be read";
	v->entries = fuse_list_backing(srv->fd, v->entry, ENTRIES);
	if (v->entries < 0)
		return "mappings can't be listed";
	if (backing_files_read(srv, &v->files))
		return "backing_files can't be read";
	return NULL;
}

static bool is_used(const struct fuse_backing_entry *e)
{
	return e->files || e->mmaps || e->attached || e->pending ||
	       e->extents;
}

/* The inode behind /proc/PID/fd is the one that the others tell */
static bool is_in_table(pid_t thread, const struct fuse_backing_entry *e)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", thread, e->id);
	return !stat(path, &st) && st.st_ino == e->ino &&
	       st.st_dev == makedev(e->dev_major, e->dev_minor);
}

static const char *entry_differs(pid_t thread,
				 const struct fuse_backing_entry *e,
				 const struct backing_line *line)
{
	if (line->id != e->id)
		return "ids differ";
	if (line->ino != e->ino)
		return "inodes differ";
	if (line->files != e->files || line->mmaps != e->mmaps)
		return "users differ";
	if (e->state == FUSE_BACKING_STATE_CLOSING && !is_used(e))
		return "a closed id without users";
	if (!is_in_table(thread, e))
		return "the table has another file";
	return NULL;
}

static const char *views_differ(const struct views *v)
{
	const char *wrong = NULL;

	if ((unsigned long)v->entries != v->info.count)
		return "fdinfo counts others than are listed";
	if (v->files.count != v->entries)
		return "backing_files has others than are listed";
	if (v->info.thread && table_count(v->info.thread) != v->entries)
		return "the table has others than are listed";
	for (int i = 0; i < v->entries && !wrong; i++)
		wrong = entry_differs(v->info.thread, &v->entry[i],
				      &v->files.line[i]);
	return wrong;
}

const char *mount_check(const struct fuse_server *srv)
{
	static struct views v;
	const char *wrong;

	v.files = (struct backing_files) {};
	wrong = read_views(srv, &v);
	if (!wrong)
		wrong = views_differ(&v);
	backing_files_free(&v.files);
	return wrong;
}
