/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Filter expressions (--filter), which are libsmartcols' own. It has them since
 * 2.40; this program also builds and runs with older ones.
 */
#ifndef LSFUSEBACKING_QUERY_H
#define LSFUSEBACKING_QUERY_H

#include <stdbool.h>

#include "columns.h"

struct libscols_filter;
struct libscols_line;
struct libscols_table;

/* Ends the program if it isn't an expression, or if the library has no filters */
struct libscols_filter *query_new(const char *text);
void query_free(struct libscols_filter *query);

/* Add to @columns what the expression names and isn't there yet */
void query_add_columns(struct libscols_filter *query, struct columns *columns);

/*
 * Tell it where its columns are in @table, which are @columns in this order. A
 * cell's user data is its value: an uint64_t, or a string.
 */
void query_bind(struct libscols_filter *query, struct libscols_table *table,
		const struct columns *columns);

bool query_matches(struct libscols_filter *query, struct libscols_line *line);

#endif
