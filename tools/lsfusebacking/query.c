// SPDX-License-Identifier: GPL-2.0
#include "query.h"

#include <err.h>
#include <libsmartcols.h>
#include <string.h>

#include "smartcols_filter.h"
#include "status.h"

struct libscols_filter *query_new(const char *text)
{
	struct libscols_filter *query;
	const char *version;

	if (!scols_new_filter) {
		scols_get_library_version(&version);
		errx(EXIT_TROUBLE,
		     "cannot filter: libsmartcols %s has no expressions; install 2.40 or newer",
		     version);
	}
	query = scols_new_filter(NULL);
	if (!query)
		err(EXIT_TROUBLE, "cannot allocate memory");
	if (scols_filter_parse_string(query, text)) {
		const char *why = scols_filter_get_errmsg(query);

		errx(EXIT_TROUBLE,
		     "cannot parse '%s' as a filter: %s; see scols-filter(5)",
		     text, why ? why : "syntax error");
	}
	return query;
}

void query_free(struct libscols_filter *query)
{
	if (query)
		scols_unref_filter(query);
}

static struct libscols_iter *new_iter(void)
{
	struct libscols_iter *iter = scols_new_iter(SCOLS_ITER_FORWARD);

	if (!iter)
		err(EXIT_TROUBLE, "cannot allocate memory");
	return iter;
}

void query_add_columns(struct libscols_filter *query, struct columns *columns)
{
	struct libscols_iter *iter = new_iter();
	const char *name;

	while (scols_filter_next_holder(query, iter, &name, 0) == 0) {
		enum column column = column_find(name, strlen(name));

		if (!columns_have(columns, column))
			columns_add(columns, column);
	}
	scols_free_iter(iter);
}

/* The text of a cell may be for people: 1.2M */
static void *value_of(const struct libscols_column *column,
		      struct libscols_cell *cell, void *data)
{
	(void)column;
	(void)data;
	return scols_cell_get_userdata(cell);
}

static void bind_column(struct libscols_column *scols, enum column column)
{
	scols_column_set_data_type(scols, column_is_number(column) ?
				   SCOLS_DATA_U64 : SCOLS_DATA_STRING);
	scols_column_set_data_func(scols, value_of, NULL);
}

void query_bind(struct libscols_filter *query, struct libscols_table *table,
		const struct columns *columns)
{
	struct libscols_iter *iter = new_iter();
	const char *name;

	while (scols_filter_next_holder(query, iter, &name, 0) == 0) {
		enum column column = column_find(name, strlen(name));
		struct libscols_column *scols =
			scols_table_get_column(table,
					       columns_index(columns, column));

		bind_column(scols, column);
		scols_filter_assign_column(query, iter, name, scols);
	}
	scols_free_iter(iter);
}

bool query_matches(struct libscols_filter *query, struct libscols_line *line)
{
	int matches = 0;

	if (scols_line_apply_filter(line, query, &matches))
		errx(EXIT_TROUBLE,
		     "cannot apply the filter; see scols-filter(5) for what can be compared");
	return matches;
}
