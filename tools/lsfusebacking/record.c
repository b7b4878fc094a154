// SPDX-License-Identifier: GPL-2.0
#include "record.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "escape.h"
#include "root.h"
#include "status.h"
#include "words.h"
#include "xalloc.h"

#define VERSION 1
#define MAX_FIELDS 64

/* Fields whose value isn't just a number */
enum {
	FIELD_NUMBER,
	FIELD_UNKNOWN,
	FIELD_MODE,
	FIELD_ACCESS,
	FIELD_STATE,
	FIELD_NODES,
	FIELD_DEV,
};

struct field {
	const char *name;
	int kind;
	enum fact fact;
};

static const struct field fields[] = {
	{ "id", FIELD_NUMBER, FACT_ID },
	{ "mode", FIELD_MODE, NO_FACT },
	{ "access", FIELD_ACCESS, NO_FACT },
	{ "state", FIELD_STATE, NO_FACT },
	{ "files", FIELD_NUMBER, FACT_OPENS },
	{ "mmaps", FIELD_NUMBER, FACT_MMAPS },
	{ "attached", FIELD_NUMBER, FACT_ATTACHED },
	{ "pending", FIELD_NUMBER, FACT_PENDING },
	{ "extents", FIELD_NUMBER, FACT_EXTENTS },
	{ "extent_bytes", FIELD_NUMBER, FACT_EXTENT_BYTES },
	{ "nodes", FIELD_NODES, NO_FACT },
	{ "dev", FIELD_DEV, NO_FACT },
	{ "ino", FIELD_NUMBER, FACT_INO },
	{ "size", FIELD_NUMBER, FACT_SIZE },
	{ "read", FIELD_NUMBER, FACT_READ },
	{ "written", FIELD_NUMBER, FACT_WRITTEN },
	{ "deleted", FIELD_NUMBER, FACT_DELETED },
};

static const struct field unknown_field = { "", FIELD_UNKNOWN, NO_FACT };

/* The order of the fields before the path, which is the last */
struct layout {
	const struct field *order[MAX_FIELDS];
	size_t nr;
};

static const struct field *find_field(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (!strcmp(fields[i].name, name))
			return &fields[i];
	return &unknown_field;
}

static void check_version(const char *word)
{
	uint64_t version;

	if (word && parse_number(word, &version) && version == VERSION)
		return;
	errx(EXIT_TROUBLE,
	     "cannot understand backing_files: it has version %s and this command knows %d; install the lsfusebacking of this kernel",
	     word ? word : "none", VERSION);
}

static int parse_header(char *line, struct layout *layout)
{
	const char *word, *last = NULL;

	word = strsep(&line, " ");
	if (strcmp(word, "backing_files"))
		return -EPROTO;
	check_version(strsep(&line, " "));
	layout->nr = 0;
	while ((word = strsep(&line, " "))) {
		if (layout->nr == MAX_FIELDS)
			return -EPROTO;
		layout->order[layout->nr++] = find_field(word);
		last = word;
	}
	if (!last || strcmp(last, "path"))
		return -EPROTO;
	layout->nr--;
	return 0;
}

static bool are_numbers(const char *list)
{
	for (;;) {
		size_t digits = strspn(list, "0123456789");

		if (!digits)
			return false;
		list += digits;
		if (!*list)
			return true;
		if (*list++ != ',')
			return false;
	}
}

/* "+" as the last one means that there may be more */
static bool set_nodes(struct mapping *map, char *value)
{
	size_t length = strlen(value);
	bool more = length > 1 && !strcmp(value + length - 2, ",+");

	fact_set(&map->facts, FACT_MORE_NODES, more);
	if (more)
		value[length - 2] = '\0';
	free(map->nodes);
	map->nodes = NULL;
	if (!strcmp(value, "-"))
		return true;
	if (!are_numbers(value))
		return false;
	map->nodes = xstrdup(value);
	return true;
}

static bool set_field(struct mapping *map, const struct field *field,
		      char *value)
{
	uint64_t number;

	switch (field->kind) {
	case FIELD_NUMBER:
		if (!parse_number(value, &number))
			return false;
		fact_set(&map->facts, field->fact, number);
		break;
	case FIELD_MODE:
		map->mode = word_intern(value);
		break;
	case FIELD_ACCESS:
		map->access = word_intern(value);
		break;
	case FIELD_STATE:
		map->state = word_intern(value);
		break;
	case FIELD_NODES:
		return set_nodes(map, value);
	case FIELD_DEV:
		map->dev_known = parse_device(value, &map->dev_major,
					      &map->dev_minor);
		return map->dev_known;
	}
	return true;
}

/* A kernel that doesn't attach files has no words for that. */
static void set_uses(struct facts *facts)
{
	if (fact_known(facts, FACT_OPENS) && fact_known(facts, FACT_MMAPS))
		fact_set(facts, FACT_USES, facts->value[FACT_OPENS] +
			 facts->value[FACT_MMAPS] +
			 facts->value[FACT_ATTACHED] +
			 facts->value[FACT_PENDING]);
}

static bool parse_record(char *line, const struct layout *layout,
			 struct mapping *map)
{
	size_t i;

	for (i = 0; i < layout->nr; i++) {
		char *value = strsep(&line, " ");

		if (!value || !set_field(map, layout->order[i], value))
			return false;
	}
	if (!line || !fact_known(&map->facts, FACT_ID))
		return false;
	set_uses(&map->facts);
	unescape_octal(line);
	if (map->facts.value[FACT_DELETED])
		cut_deleted(line);
	map->name = line;
	return true;
}

static void keep(struct connection *conn, struct mapping *map)
{
	/* It points into the line */
	if (map->name)
		map->name = xstrdup(map->name);
	connection_add(conn, map);
}

/* A record that isn't understood is shown as one that can't be read. */
static void forget(struct mapping *map)
{
	struct mapping empty = { .facts = map->facts };

	free(map->nodes);
	empty.facts.known &= 1U << FACT_ID;
	empty.problem = "cannot understand this record";
	*map = empty;
}

static void add_record(struct connection *conn, char *line,
		       const struct layout *layout,
		       const struct filter *filter)
{
	struct mapping map = { };

	if (!parse_record(line, layout, &map))
		forget(&map);
	conn->facts.value[FACT_FILES]++;
	connection_count(conn, &map.facts);
	if (filter_passes(filter, &map)) {
		keep(conn, &map);
	} else {
		filter_leave_out(filter, conn, &map);
		free(map.nodes);
	}
}

static ssize_t next_line(FILE *file, char **line, size_t *room)
{
	ssize_t length;

	errno = 0;
	length = getline(line, room, file);
	if (length > 0 && (*line)[length - 1] == '\n')
		(*line)[--length] = '\0';
	return length;
}

/* An empty table has no bytes, which is known. */
static void zero_sums(struct connection *conn, const struct layout *layout)
{
	struct facts none = { };
	size_t i;

	for (i = 0; i < layout->nr; i++)
		if (layout->order[i]->kind == FIELD_NUMBER)
			fact_set(&none, layout->order[i]->fact, 0);
	set_uses(&none);
	fact_set(&conn->facts, FACT_FILES, 0);
	connection_count(conn, &none);
}

int records_read(FILE *file, struct connection *conn,
		 const struct filter *filter)
{
	struct layout layout;
	char *line = NULL;
	size_t room = 0;
	int error = 0;

	if (next_line(file, &line, &room) < 0) {
		error = errno ? -errno : -ENODATA;
		goto out;
	}
	error = parse_header(line, &layout);
	if (error)
		goto out;
	zero_sums(conn, &layout);
	while (next_line(file, &line, &room) >= 0)
		add_record(conn, line, &layout, filter);
	if (errno)
		error = -errno;
out:
	free(line);
	return error;
}
