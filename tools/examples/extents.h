/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the bytes of files are in an archive.
 *
 * All extents of all files are in one array; those of a file follow each other,
 * by ascending offset. What is in none of them is a hole, up to the file's size.
 */
#ifndef EXTENTS_H
#define EXTENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct extent {
	uint64_t offset;	/* in the file */
	uint64_t length;
	uint64_t where;		/* in the archive */
};

struct extents {
	struct extent *list;
	uint32_t count;
};

/* Those of one file, and how large that is */
struct layout {
	const struct extent *list;
	uint32_t count;
	uint64_t size;
};

/*
 * Append one to those of a file that begin with number @first; false if it
 * overlaps the last one.
 */
bool extents_add(struct extents *extents, uint32_t first,
		 const struct extent *extent);

uint64_t layout_bytes(const struct layout *layout);

/*
 * At most @size bytes at @pos of a file whose archive is open as @fd: how many,
 * fewer only at the end of the file, or -errno.
 */
ssize_t layout_read(const struct layout *layout, int fd, char *buf, size_t size,
		    uint64_t pos);

/* As lseek(2) with SEEK_DATA or SEEK_HOLE: the offset, or -errno. */
off_t layout_seek(const struct layout *layout, uint64_t pos, int whence);

#endif /* EXTENTS_H */
