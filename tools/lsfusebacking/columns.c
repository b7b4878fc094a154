// SPDX-License-Identifier: GPL-2.0
#include "columns.h"

#include <err.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "status.h"
#include "xalloc.h"

#define TEXT SCOLS_JSON_STRING
#define NUMBER SCOLS_JSON_NUMBER
#define BOOLEAN SCOLS_JSON_BOOLEAN_OPTIONAL
#define RIGHT SCOLS_FL_RIGHT
#define TRUNC SCOLS_FL_TRUNC

const struct column_info infos[NR_COLUMNS] = {
	[COL_TARGET] = { "TARGET", 0.30, TRUNC, TEXT, NO_FACT, false,
		"mount point, the first one in mountinfo" },
	[COL_SOURCE] = { "SOURCE", 0.20, TRUNC, TEXT, NO_FACT, false,
		"source of the mount" },
	[COL_FSTYPE] = { "FSTYPE", 10, TRUNC, TEXT, NO_FACT, false,
		"filesystem type of the mount" },
	[COL_MAJMIN] = { "MAJ:MIN", 6, RIGHT, TEXT, NO_FACT, false,
		"device number of the mount" },
	[COL_CONN] = { "CONN", 4, RIGHT, NUMBER, NO_FACT, false,
		"number of the connection in /sys/fs/fuse/connections" },
	[COL_PID] = { "PID", 5, RIGHT, NUMBER, NO_FACT, false,
		"kernel thread whose table has the files" },
	[COL_SERVER] = { "SERVER", 5, RIGHT, NUMBER, NO_FACT, false,
		"process that serves the mount, the lowest pid of several" },
	[COL_COMMAND] = { "COMMAND", 0.10, TRUNC, TEXT, NO_FACT, false,
		"command of the server" },
	[COL_USER] = { "USER", 5, 0, TEXT, NO_FACT, false,
		"user that the thread counts for" },
	[COL_UID] = { "UID", 5, RIGHT, NUMBER, NO_FACT, false,
		"user id of USER" },
	[COL_FILES] = { "FILES", 5, RIGHT, NUMBER, FACT_FILES, false,
		"backing files of the mount" },
	[COL_LIMIT] = { "LIMIT", 5, RIGHT, NUMBER, FACT_LIMIT, false,
		"open files limit of the thread, one more than FILES may be" },
	[COL_FILTER] = { "FILTER", 6, TRUNC, TEXT, NO_FACT, false,
		"BPF program that decides what is passed through, and its map's id" },
	[COL_ID] = { "ID", 2, RIGHT, NUMBER, FACT_ID, false,
		"backing id, the file's descriptor in the thread" },
	[COL_MODE] = { "MODE", 5, 0, TEXT, NO_FACT, false,
		"how the file was mapped" },
	[COL_ACCESS] = { "ACCESS", 2, 0, TEXT, NO_FACT, false,
		"access mode of the registered descriptor, - for O_PATH" },
	[COL_STATE] = { "STATE", 5, 0, TEXT, NO_FACT, false,
		"state of the mapping, or of the mount" },
	[COL_OPENS] = { "OPENS", 5, RIGHT, NUMBER, FACT_OPENS, false,
		"open FUSE files that use the file" },
	[COL_MMAPS] = { "MMAPS", 5, RIGHT, NUMBER, FACT_MMAPS, false,
		"open FUSE files that were mmapped, and closed ones that still are" },
	[COL_ATTACHED] = { "ATTACHED", 5, RIGHT, NUMBER, FACT_ATTACHED, false,
		"FUSE inodes that the file, or parts of it, are attached to" },
	[COL_PENDING] = { "PENDING", 5, RIGHT, NUMBER, FACT_PENDING, false,
		"attachments that wait for their inode" },
	[COL_USES] = { "USES", 4, RIGHT, NUMBER, FACT_USES, false,
		"OPENS, MMAPS, ATTACHED and PENDING together" },
	[COL_EXTENTS] = { "EXTENTS", 5, RIGHT, NUMBER, FACT_EXTENTS, false,
		"extents of FUSE inodes that are parts of the file" },
	[COL_EXTENT_BYTES] = { "EXTENT-BYTES", 5, RIGHT, NUMBER,
		FACT_EXTENT_BYTES, true, "bytes in EXTENTS" },
	[COL_NODES] = { "NODES", 5, 0, NUMBER, NO_FACT, false,
		"FUSE node ids that use the file" },
	[COL_MORENODES] = { "MORENODES", 1, RIGHT, BOOLEAN, FACT_MORE_NODES,
		false, "there may be more than NODES" },
	[COL_SIZE] = { "SIZE", 5, RIGHT, NUMBER, FACT_SIZE, true,
		"size of the file" },
	[COL_READ] = { "READ", 5, RIGHT, NUMBER, FACT_READ, true,
		"bytes read through the mapping" },
	[COL_WRITTEN] = { "WRITTEN", 5, RIGHT, NUMBER, FACT_WRITTEN, true,
		"bytes written through the mapping" },
	[COL_READ_RATE] = { "READ/s", 5, RIGHT, NUMBER, FACT_READ_RATE, true,
		"bytes read per second (--watch)" },
	[COL_WRITTEN_RATE] = { "WRITTEN/s", 5, RIGHT, NUMBER,
		FACT_WRITTEN_RATE, true,
		"bytes written per second (--watch)" },
	[COL_DEV] = { "DEV", 6, RIGHT, TEXT, NO_FACT, false,
		"device number of the backing filesystem" },
	[COL_INO] = { "INO", 5, RIGHT, NUMBER, FACT_INO, false,
		"inode number on the backing filesystem" },
	[COL_DELETED] = { "DELETED", 1, RIGHT, BOOLEAN, FACT_DELETED, false,
		"the file was deleted" },
	[COL_ERROR] = { "ERROR", 0.20, TRUNC, TEXT, NO_FACT, false,
		"why this could not be read" },
	[COL_NAME] = { "NAME", 4, 0, TEXT, NO_FACT, false,
		"path of the file" },
};

void columns_add(struct columns *columns, enum column column)
{
	columns->list = xgrow(columns->list, columns->nr, sizeof(column));
	columns->list[columns->nr++] = column;
}

bool columns_have(const struct columns *columns, enum column column)
{
	size_t i;

	for (i = 0; i < columns->nr; i++)
		if (columns->list[i] == column)
			return true;
	return false;
}

size_t columns_index(const struct columns *columns, enum column column)
{
	size_t i;

	for (i = 0; columns->list[i] != column; i++)
		continue;
	return i;
}

enum column column_find(const char *name, size_t length)
{
	enum column column;

	for (column = 0; column < NR_COLUMNS; column++)
		if (!strncasecmp(infos[column].name, name, length) &&
		    !infos[column].name[length])
			return column;
	errx(EXIT_TROUBLE, "unknown column: %.*s; --list-columns shows them",
	     (int)length, name);
}

void columns_parse(struct columns *columns, const char *list)
{
	for (;;) {
		size_t length = strcspn(list, ",");

		columns_add(columns, column_find(list, length));
		if (!list[length])
			break;
		list += length + 1;
	}
}

/* NODES are several, with commas between them */
bool column_is_number(enum column column)
{
	return infos[column].json != TEXT && column != COL_NODES;
}

static const char *type_name(enum column column)
{
	if (column == COL_NODES)
		return "numbers";
	switch (infos[column].json) {
	case NUMBER:
		return "number";
	case BOOLEAN:
		return "boolean";
	}
	return "string";
}

static void print_json(void)
{
	struct libscols_table *table = scols_new_table();
	enum column column;

	if (!table || !scols_table_new_column(table, "HOLDER", 0, 0) ||
	    !scols_table_new_column(table, "TYPE", 0, 0) ||
	    !scols_table_new_column(table, "DESCRIPTION", 0, 0))
		err(EXIT_TROUBLE, "cannot allocate memory");
	scols_table_enable_json(table, true);
	scols_table_set_name(table, "lsfusebacking-columns");
	for (column = 0; column < NR_COLUMNS; column++) {
		struct libscols_line *line = scols_table_new_line(table, NULL);

		if (!line || scols_line_set_data(line, 0, infos[column].name) ||
		    scols_line_set_data(line, 1, type_name(column)) ||
		    scols_line_set_data(line, 2, infos[column].help))
			err(EXIT_TROUBLE, "cannot allocate memory");
	}
	scols_print_table(table);
	scols_unref_table(table);
}

void columns_print(bool json)
{
	enum column column;

	if (json) {
		print_json();
		return;
	}
	for (column = 0; column < NR_COLUMNS; column++)
		printf("%-12s %-8s %s\n", infos[column].name,
		       type_name(column), infos[column].help);
}
