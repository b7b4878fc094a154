/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Output columns: one row of a table says all there is to know about one.
 */
#ifndef LSFUSEBACKING_COLUMNS_H
#define LSFUSEBACKING_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "connection.h"

enum column {
	COL_TARGET,
	COL_SOURCE,
	COL_FSTYPE,
	COL_MAJMIN,
	COL_CONN,
	COL_PID,
	COL_SERVER,
	COL_COMMAND,
	COL_USER,
	COL_UID,
	COL_FILES,
	COL_LIMIT,
	COL_FILTER,
	COL_ID,
	COL_MODE,
	COL_ACCESS,
	COL_STATE,
	COL_OPENS,
	COL_MMAPS,
	COL_ATTACHED,
	COL_PENDING,
	COL_USES,
	COL_EXTENTS,
	COL_EXTENT_BYTES,
	COL_NODES,
	COL_MORENODES,
	COL_SIZE,
	COL_READ,
	COL_WRITTEN,
	COL_READ_RATE,
	COL_WRITTEN_RATE,
	COL_DEV,
	COL_INO,
	COL_DELETED,
	COL_ERROR,
	COL_NAME,
	NR_COLUMNS
};

struct column_info {
	const char *name;
	double width;		/* hint for libsmartcols */
	int flags;		/* SCOLS_FL_* */
	int json;		/* SCOLS_JSON_* */
	enum fact fact;		/* if it is just one of these */
	bool bytes;		/* for people, unless asked otherwise */
	const char *help;
};

extern const struct column_info infos[NR_COLUMNS];

struct columns {
	enum column *list;
	size_t nr;
};

void columns_add(struct columns *columns, enum column column);
bool columns_have(const struct columns *columns, enum column column);

/* Names with commas between them; ends the program if it knows one not */
void columns_parse(struct columns *columns, const char *list);

/* Where it is among them, which it must be */
size_t columns_index(const struct columns *columns, enum column column);

/* By its name; ends the program if there is none */
enum column column_find(const char *name, size_t length);

/* Its values are numbers, whatever of them is printed */
bool column_is_number(enum column column);

/* --list-columns: name, type and description */
void columns_print(bool json);

#endif
