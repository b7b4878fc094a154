// SPDX-License-Identifier: GPL-2.0
/*
 * What the control filesystem says of backing files. See backing_files.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "backing_files.h"
#include "fuse_server.h"

#define NAME		"backing_files"
#define VERSION		"1"
#define MAX_FIELDS	32
#define CHUNK		65536

enum field {
	ID, MODE, ACCESS, STATE, FILES, MMAPS, ATTACHED, PENDING, EXTENTS,
	EXTENT_BYTES, NODES, DEV, INO, SIZE, READ, WRITTEN, DELETED, PATH,
	FIELDS,
	UNKNOWN = FIELDS
};

static const char * const field_names[FIELDS] = {
	"id", "mode", "access", "state", "files", "mmaps", "attached",
	"pending", "extents", "extent_bytes", "nodes", "dev", "ino", "size",
	"read", "written", "deleted", "path",
};

/* The columns, in the order of the header. */
struct format {
	enum field column[MAX_FIELDS];
	int columns;
};

static enum field field_named(const char *name)
{
	int field;

	for (field = 0; field < FIELDS; field++)
		if (!strcmp(field_names[field], name))
			break;
	return field;
}

static int parse_header(const char *header, struct format *format)
{
	char *copy = strdup(header), *save = NULL, *word;
	unsigned int seen = 0;

	if (!copy)
		return -ENOMEM;
	format->columns = 0;
	word = strtok_r(copy, " ", &save);
	if (!word || strcmp(word, NAME))
		goto out;
	word = strtok_r(NULL, " ", &save);
	if (!word || strcmp(word, VERSION))
		goto out;
	while ((word = strtok_r(NULL, " ", &save)) &&
	       format->columns < MAX_FIELDS) {
		seen |= 1U << field_named(word);
		format->column[format->columns++] = field_named(word);
	}
out:
	free(copy);
	if ((seen & ((1U << FIELDS) - 1)) != (1U << FIELDS) - 1 ||
	    format->column[format->columns - 1] != PATH)
		return -EPROTO;
	return 0;
}

static int parse_number(const char *text, unsigned long long *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	return errno || *end || *text < '0' || *text > '9' ? -EPROTO : 0;
}

static int parse_dev(const char *text, dev_t *dev)
{
	unsigned int maj, min;
	int end = 0;

	if (sscanf(text, "%u:%u%n", &maj, &min, &end) != 2 || text[end])
		return -EPROTO;
	*dev = makedev(maj, min);
	return 0;
}

static int parse_text(struct backing_line *line, enum field field,
		      const char *text)
{
	switch (field) {
	case MODE:
		line->mode = text;
		return 0;
	case ACCESS:
		line->access = text;
		return 0;
	case STATE:
		line->state = text;
		return 0;
	case NODES:
		line->nodes = text;
		return 0;
	case PATH:
		line->path = text;
		return 0;
	default:
		return -EPROTO;
	}
}

static int parse_field(struct backing_line *line, enum field field,
		       const char *text)
{
	unsigned long long number;

	if (field == UNKNOWN)
		return 0;
	if (field == DEV)
		return parse_dev(text, &line->dev);
	if (!parse_text(line, field, text))
		return 0;
	if (parse_number(text, &number))
		return -EPROTO;
	switch (field) {
	case ID:
		line->id = number;
		return 0;
	case FILES:
		line->files = number;
		return 0;
	case MMAPS:
		line->mmaps = number;
		return 0;
	case ATTACHED:
		line->attached = number;
		return 0;
	case PENDING:
		line->pending = number;
		return 0;
	case EXTENTS:
		line->extents = number;
		return 0;
	case EXTENT_BYTES:
		line->extent_bytes = number;
		return 0;
	case INO:
		line->ino = number;
		return 0;
	case SIZE:
		line->size = number;
		return 0;
	case READ:
		line->read = number;
		return 0;
	case WRITTEN:
		line->written = number;
		return 0;
	case DELETED:
		line->deleted = number;
		return number > 1 ? -EPROTO : 0;
	default:
		return -EPROTO;
	}
}

/* Cuts @text into its fields; the last one may contain anything. */
static int parse_line(const struct format *format, char *text,
		      struct backing_line *line)
{
	char *next;
	int err;

	for (int i = 0; i < format->columns; i++) {
		next = strchr(text, ' ');
		if (i == format->columns - 1)
			next = NULL;
		else if (!next)
			return -EPROTO;
		if (next)
			*next++ = '\0';
		err = parse_field(line, format->column[i], text);
		if (err)
			return err;
		text = next;
	}
	return 0;
}

static int count_lines(const char *text)
{
	int count = 0;

	for (; (text = strchr(text, '\n')); text++)
		count++;
	return count;
}

static int parse(struct backing_files *files)
{
	int lines = count_lines(files->text), err;
	char *text = files->text, *end;
	struct format format = { .columns = 0 };

	if (!*text) {
		files->header = text;
		return 0;
	}
	files->line = calloc(lines + 1, sizeof(*files->line));
	if (!files->line)
		return -ENOMEM;
	for (; *text; text = end + 1) {
		end = strchr(text, '\n');
		if (!end)
			return -EPROTO;
		*end = '\0';
		if (!files->header) {
			files->header = text;
			err = parse_header(text, &format);
		} else {
			err = parse_line(&format, text,
					 &files->line[files->count++]);
		}
		if (err)
			return err;
	}
	return 0;
}

ssize_t backing_files_text(int fd, size_t chunk, char **text)
{
	size_t len = 0, room = 2 * chunk + 1;
	char *more;
	ssize_t n;

	*text = malloc(room);
	while (*text && (n = read(fd, *text + len, chunk)) > 0) {
		len += n;
		if (len + chunk < room)
			continue;
		room *= 2;
		more = realloc(*text, room);
		if (!more)
			free(*text);
		*text = more;
	}
	if (!*text)
		return -ENOMEM;
	(*text)[len] = '\0';
	if (n == 0)
		return len;
	n = -errno;
	free(*text);
	return n;
}

int backing_files_read_fd(int fd, size_t chunk, struct backing_files *files)
{
	ssize_t len;
	int err;

	memset(files, 0, sizeof(*files));
	len = backing_files_text(fd, chunk, &files->text);
	if (len < 0)
		return len;
	/* a NUL would hide what comes after it */
	err = strlen(files->text) == (size_t)len ? parse(files) : -EPROTO;
	if (err)
		backing_files_free(files);
	return err;
}

int backing_files_read(const struct fuse_server *srv,
		       struct backing_files *files)
{
	int fd = fuse_server_control(srv, NAME, O_RDONLY);
	int err;

	if (fd < 0)
		return fd;
	err = backing_files_read_fd(fd, CHUNK, files);
	close(fd);
	return err;
}

void backing_files_free(struct backing_files *files)
{
	free(files->line);
	free(files->text);
	memset(files, 0, sizeof(*files));
}

static int compare_id(const void *id, const void *line)
{
	return *(const int *)id - ((const struct backing_line *)line)->id;
}

const struct backing_line *backing_files_find(const struct backing_files *files,
					      int id)
{
	if (!files->count)
		return NULL;
	return bsearch(&id, files->line, files->count, sizeof(*files->line),
		       compare_id);
}

const struct backing_line *backing_files_look(const struct fuse_server *srv,
					      struct backing_files *files,
					      int id)
{
	int err;

	backing_files_free(files);
	err = backing_files_read(srv, files);
	if (err) {
		fprintf(stderr, "# backing_files: %s\n", strerror(-err));
		return NULL;
	}
	return backing_files_find(files, id);
}

bool backing_files_ascend(const struct backing_files *files)
{
	for (int i = 1; i < files->count; i++)
		if (files->line[i].id <= files->line[i - 1].id)
			return false;
	return !files->count || files->line[0].id > 0;
}

static bool is_octal(const char *p)
{
	return p[0] >= '0' && p[0] <= '3' && p[1] >= '0' && p[1] <= '7' &&
	       p[2] >= '0' && p[2] <= '7';
}

ssize_t backing_files_decode(const char *printed, char *path, size_t size)
{
	size_t len = 0;

	for (; *printed; printed++) {
		if (len + 1 >= size)
			return -ENAMETOOLONG;
		if (*printed != '\\') {
			path[len++] = *printed;
			continue;
		}
		if (!is_octal(printed + 1))
			return -EILSEQ;
		path[len++] = (printed[1] - '0') << 6 |
			      (printed[2] - '0') << 3 | (printed[3] - '0');
		printed += 3;
	}
	path[len] = '\0';
	return len;
}

long backing_number(const struct fuse_server *srv, const char *name)
{
	int fd = fuse_server_control(srv, name, O_RDONLY);
	unsigned long long number;
	char text[32];
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text));
	close(fd);
	if (n <= 0)
		return n ? -errno : -ENODATA;
	if (text[n - 1] != '\n')
		return -EPROTO;
	text[n - 1] = '\0';
	return parse_number(text, &number) ?: (long)number;
}
