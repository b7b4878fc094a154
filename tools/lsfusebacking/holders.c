// SPDX-License-Identifier: GPL-2.0
#include "holders.h"

#include <errno.h>
#include <libmount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "connection.h"
#include "mounts.h"
#include "root.h"

static void set_device(struct holders *holders, dev_t dev)
{
	holders->dev_major = major(dev);
	holders->dev_minor = minor(dev);
}

/*
 * A path that isn't there may still be that of a deleted file, or one of
 * another mount namespace.
 */
static char *canonical(const char *path)
{
	char *real = NULL;

	if (!root_recorded())
		real = realpath(path, NULL);
	return real ? real : path_absolute(path);
}

/* By the text that was given: an absolute path may not fit into PATH_MAX. */
static bool look(const struct holders *holders, const char *text,
		 struct stat *st)
{
	char path[PATH_MAX];

	if (root_recorded())
		text = root_path(path, "%s", holders->path);
	return stat(text, st) == 0;
}

static void set_inode(struct holders *holders, const struct stat *st,
		      struct libmnt_table *mounts)
{
	struct libmnt_fs *fs = mount_of(mounts, holders->path);

	holders->by_inode = true;
	holders->single = !S_ISDIR(st->st_mode);
	holders->ino = st->st_ino;
	holders->stat_major = major(st->st_dev);
	holders->stat_minor = minor(st->st_dev);
	set_device(holders, fs ? mnt_fs_get_devno(fs) : st->st_dev);
}

void holders_init(struct holders *holders, const char *path,
		  struct libmnt_table *mounts)
{
	struct libmnt_fs *fs;
	struct stat st = { };

	memset(holders, 0, sizeof(*holders));
	if (parse_device(path, &holders->dev_major, &holders->dev_minor)) {
		holders->whole_device = true;
		holders->exists = true;
		return;
	}
	holders->path = canonical(path);
	holders->exists = look(holders, path, &st);
	fs = mount_at(mounts, holders->path);
	if (fs && (!holders->exists || S_ISDIR(st.st_mode))) {
		holders->whole_device = true;
		set_device(holders, mnt_fs_get_devno(fs));
	} else if (holders->exists && S_ISBLK(st.st_mode)) {
		holders->whole_device = true;
		set_device(holders, st.st_rdev);
	} else if (holders->exists) {
		set_inode(holders, &st, mounts);
	}
}

void holders_free(struct holders *holders)
{
	free(holders->path);
	holders->path = NULL;
}

static bool same_inode(const struct holders *holders,
		       const struct mapping *map)
{
	if (!map->dev_known || !fact_known(&map->facts, FACT_INO) ||
	    map->facts.value[FACT_INO] != holders->ino)
		return false;
	return (map->dev_major == holders->dev_major &&
		map->dev_minor == holders->dev_minor) ||
	       (map->dev_major == holders->stat_major &&
		map->dev_minor == holders->stat_minor);
}

bool holders_match(const struct holders *holders, const struct mapping *map)
{
	if (holders->whole_device)
		return map->dev_known &&
		       map->dev_major == holders->dev_major &&
		       map->dev_minor == holders->dev_minor;
	if (holders->by_inode && same_inode(holders, map))
		return true;
	return map->name && path_is_below(map->name, holders->path);
}

bool holders_may_match(const struct holders *holders,
		       const struct mapping *map)
{
	if (holders->whole_device)
		return !map->dev_known;
	if (holders->single && map->dev_known &&
	    fact_known(&map->facts, FACT_INO))
		return false;
	return !map->name;
}
