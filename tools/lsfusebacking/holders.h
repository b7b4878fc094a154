/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who holds a file, a directory or a filesystem (--holders).
 */
#ifndef LSFUSEBACKING_HOLDERS_H
#define LSFUSEBACKING_HOLDERS_H

#include <stdbool.h>
#include <stdint.h>

struct libmnt_table;
struct mapping;

struct holders {
	char *path;
	bool exists;
	bool whole_device;		/* every file of the filesystem */
	bool by_inode;
	bool single;			/* nothing lies below it */
	unsigned int dev_major, dev_minor;
	/* What stat(2) says, where it isn't the superblock's device */
	unsigned int stat_major, stat_minor;
	uint64_t ino;
};

/*
 * What is asked for: a mount point or a block device (or MAJOR:MINOR) means
 * all files of that filesystem, another directory those that lie below it.
 */
void holders_init(struct holders *holders, const char *path,
		  struct libmnt_table *mounts);
void holders_free(struct holders *holders);

bool holders_match(const struct holders *holders, const struct mapping *map);

/* What is known of a mapping that doesn't match isn't enough to say that it is no holder */
bool holders_may_match(const struct holders *holders,
		       const struct mapping *map);

#endif
