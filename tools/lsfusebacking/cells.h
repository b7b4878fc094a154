/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is in a cell of the output.
 */
#ifndef LSFUSEBACKING_CELLS_H
#define LSFUSEBACKING_CELLS_H

#include <stdbool.h>

#include "colors.h"
#include "columns.h"

enum audience {
	FOR_PEOPLE,
	FOR_SCRIPTS,		/* --raw */
	FOR_PARSERS,		/* --json */
};

struct style {
	enum audience audience;
	bool bytes;		/* sizes as plain numbers */
	bool tree;		/* a mount's NAME is where it is mounted */
};

/* A mapping, or the mount itself if @map is NULL */
struct row {
	const struct connection *conn;
	const struct mapping *map;
};

/* A number that is known, before it is made text */
bool cell_number(const struct row *row, enum column column, uint64_t *number);

/* What is to be coloured there, NO_COLOR if nothing is */
enum color cell_color(const struct row *row, enum column column);

/* The text of a cell, NULL if it isn't known; the caller must free it */
char *cell_text(const struct row *row, enum column column,
		const struct style *style);

#endif
