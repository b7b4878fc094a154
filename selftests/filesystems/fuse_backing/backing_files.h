/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a connection's directory in the control filesystem says of its backing
 * files: /sys/fs/fuse/connections/N/backing_{files,limit,thread}.
 */
#ifndef BACKING_FILES_H
#define BACKING_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct fuse_server;

/* A mapping. Texts are as they were printed. */
struct backing_line {
	int id;
	const char *mode;
	const char *access;
	const char *state;
	unsigned int files;
	unsigned int mmaps;
	unsigned int attached;
	unsigned int pending;
	unsigned long long extents;
	unsigned long long extent_bytes;
	const char *nodes;
	dev_t dev;
	unsigned long long ino;
	unsigned long long size;
	unsigned long long read;
	unsigned long long written;
	bool deleted;
	const char *path;
};

struct backing_files {
	char *header;		/* the first line, "" if there was nothing */
	struct backing_line *line;
	int count;
	char *text;		/* what the lines point into */
};

/*
 * Read a backing_files from where @fd is to its end, with read(2)s of @chunk
 * bytes, and take it apart: fields are found by their names in the header, so
 * the reading must start there. 0, -EPROTO for text that is not of the format,
 * or -errno. @files is to be freed only after success.
 */
int backing_files_read_fd(int fd, size_t chunk, struct backing_files *files);
int backing_files_read(const struct fuse_server *srv,
		       struct backing_files *files);
void backing_files_free(struct backing_files *files);

/* The line of @id, or NULL. Needs the order of the ids, as it is printed. */
const struct backing_line *backing_files_find(const struct backing_files *files,
					      int id);

/* The same of what there is now; good until the next time. */
const struct backing_line *backing_files_look(const struct fuse_server *srv,
					      struct backing_files *files,
					      int id);

bool backing_files_ascend(const struct backing_files *files);

/* Everything from where @fd is to its end, with a final NUL; or -errno. */
ssize_t backing_files_text(int fd, size_t chunk, char **text);

/* A path without its octal numbers: its length, -EILSEQ or -ENAMETOOLONG. */
ssize_t backing_files_decode(const char *printed, char *path, size_t size);

/* backing_thread or backing_limit; -ENODATA if that is empty, or -errno. */
long backing_number(const struct fuse_server *srv, const char *name);

#endif /* BACKING_FILES_H */
