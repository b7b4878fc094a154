// SPDX-License-Identifier: GPL-2.0
#include "table.h"

#include <err.h>
#include <libsmartcols.h>
#include <obstack.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cells.h"
#include "escape.h"
#include "fit.h"
#include "options.h"
#include "query.h"
#include "snapshot.h"
#include "status.h"
#include "xalloc.h"

#define obstack_chunk_alloc malloc
#define obstack_chunk_free free

struct table {
	struct libscols_table *scols;
	const struct options *options;
	struct style style;
	/* Those of the output, and then those that are needed and hidden */
	struct columns columns;
	struct libscols_filter *query;	/* NULL: everything */
	bool keyed;			/* cells have their value beside the text */
	bool fitted;			/* NAME is set when it is known what is left */
	struct obstack keys;
};

static void out_of_memory(void)
{
	err(EXIT_TROUBLE, "cannot allocate memory");
}

static void set_style(struct table *table)
{
	const struct options *options = table->options;

	table->style.bytes = options->bytes || options->json;
	table->style.tree = options->tree;
	if (options->json)
		table->style.audience = FOR_PARSERS;
	else if (options->raw || options->pairs)
		table->style.audience = FOR_SCRIPTS;
	table->fitted = table->style.audience == FOR_PEOPLE &&
			!options->notruncate && isatty(STDOUT_FILENO) &&
			columns_have(&options->columns, COL_NAME);
}

static void set_columns(struct table *table)
{
	const struct options *options = table->options;
	size_t i;

	for (i = 0; i < options->columns.nr; i++)
		columns_add(&table->columns, options->columns.list[i]);
	if (options->sorted && !columns_have(&table->columns, options->sort))
		columns_add(&table->columns, options->sort);
	if (options->filter) {
		table->query = query_new(options->filter);
		query_add_columns(table->query, &table->columns);
	}
	table->keyed = options->sorted || options->filter;
}

/* The tree is drawn in NAME, or in the first column. */
static size_t tree_column(const struct columns *columns)
{
	return columns_have(columns, COL_NAME) ?
		columns_index(columns, COL_NAME) : 0;
}

/* What isn't known comes first, and numbers in a text count as such. */
static int compare(struct libscols_cell *a, struct libscols_cell *b, void *data)
{
	const void *one = scols_cell_get_userdata(a);
	const void *other = scols_cell_get_userdata(b);
	const bool *numbers = data;

	if (!one || !other)
		return !!one - !!other;
	if (!*numbers)
		return strverscmp(one, other);
	return (*(const uint64_t *)one > *(const uint64_t *)other) -
	       (*(const uint64_t *)one < *(const uint64_t *)other);
}

static void add_column(struct table *table, size_t n)
{
	const struct options *options = table->options;
	const struct column_info *info = &infos[table->columns.list[n]];
	struct libscols_column *column;
	int flags = info->flags;

	if (options->tree && n == tree_column(&options->columns))
		flags = SCOLS_FL_TREE | (flags & SCOLS_FL_TRUNC);
	if (n >= options->columns.nr)
		flags |= SCOLS_FL_HIDDEN;
	column = scols_table_new_column(table->scols, info->name, info->width,
					flags);
	if (!column)
		out_of_memory();
	if (options->json)
		scols_column_set_json_type(column, info->json);
}

static void create(struct table *table)
{
	const struct options *options = table->options;
	struct libscols_table *scols = scols_new_table();
	size_t i;

	if (!scols)
		out_of_memory();
	table->scols = scols;
	scols_table_set_name(scols, options->summary || options->tree ?
			     "mounts" : "mappings");
	scols_table_enable_raw(scols, options->raw);
	scols_table_enable_json(scols, options->json);
	scols_table_enable_export(scols, options->pairs);
	scols_table_enable_shellvar(scols, options->shellvar);
	scols_table_enable_ascii(scols, options->ascii);
	scols_table_enable_colors(scols, options->colors);
	/* Not even libsmartcols' own idea of a line that is too long */
	if (options->notruncate)
		scols_table_set_termforce(scols, SCOLS_TERMFORCE_NEVER);
	scols_table_enable_noheadings(scols, options->noheadings);
	for (i = 0; i < table->columns.nr; i++)
		add_column(table, i);
	if (table->query)
		query_bind(table->query, scols, &table->columns);
}

static char *clean_text(const struct table *table, const struct row *row,
			enum column column)
{
	char *text = cell_text(row, column, &table->style);
	char *clean;

	if (!text || !table->options->json)
		return text;
	clean = utf8_clean(text);
	free(text);
	return clean;
}

static void set_color(const struct table *table, struct libscols_line *line,
		      size_t n, const struct row *row)
{
	enum color color = cell_color(row, table->columns.list[n]);

	if (table->options->colors && color != NO_COLOR)
		scols_cell_set_color(scols_line_get_cell(line, n),
				     color_text(color));
}

/* A value to compare, which doesn't depend on how it is printed */
static void *key(struct table *table, const struct row *row, enum column column)
{
	static const struct style plain = { .audience = FOR_SCRIPTS };
	uint64_t number;
	char *text;
	void *copy = NULL;

	if (column_is_number(column))
		return cell_number(row, column, &number) ?
			obstack_copy(&table->keys, &number, sizeof(number)) :
			NULL;
	text = cell_text(row, column, &plain);
	if (text)
		copy = obstack_copy(&table->keys, text, strlen(text) + 1);
	free(text);
	return copy;
}

static void set_cell(struct table *table, struct libscols_line *line, size_t n,
		     const struct row *row)
{
	enum column column = table->columns.list[n];
	char *text = clean_text(table, row, column);

	if (table->fitted && column == COL_NAME && n < table->options->columns.nr)
		scols_line_set_userdata(line, text);
	else if (text && scols_line_refer_data(line, n, text))
		out_of_memory();
	set_color(table, line, n, row);
	if (table->keyed)
		scols_cell_set_userdata(scols_line_get_cell(line, n),
					key(table, row, column));
}

static void remove_line(struct table *table, struct libscols_line *line)
{
	struct libscols_line *parent = scols_line_get_parent(line);

	free(scols_line_get_userdata(line));
	scols_line_set_userdata(line, NULL);
	if (parent)
		scols_line_remove_child(parent, line);
	scols_table_remove_line(table->scols, line);
}

static struct libscols_line *add_row(struct table *table,
				     struct libscols_line *parent,
				     const struct connection *conn,
				     const struct mapping *map)
{
	struct row row = { .conn = conn, .map = map };
	struct libscols_line *line;
	size_t i;

	line = scols_table_new_line(table->scols, parent);
	if (!line)
		out_of_memory();
	for (i = 0; i < table->columns.nr; i++)
		set_cell(table, line, i, &row);
	return line;
}

/* The filter is about files, or about mounts where these are all there is. */
static void add_if_wanted(struct table *table, struct libscols_line *parent,
			  const struct connection *conn,
			  const struct mapping *map)
{
	struct libscols_line *line = add_row(table, parent, conn, map);

	if (table->query && !query_matches(table->query, line))
		remove_line(table, line);
}

static void add_mappings(struct table *table, struct libscols_line *parent,
			 const struct connection *conn)
{
	struct mapping unread = { .problem = conn->problem };
	size_t i;

	for (i = 0; i < conn->nr_maps; i++)
		add_if_wanted(table, parent, conn, &conn->maps[i]);
	if (connection_unread(conn) && !table->options->holders)
		add_if_wanted(table, parent, conn, &unread);
}

static void add_tree(struct table *table, const struct connection *conn)
{
	struct libscols_line *mount = add_row(table, NULL, conn, NULL);

	add_mappings(table, mount, conn);
	if (table->query && !scols_line_has_children(mount))
		remove_line(table, mount);
}

static void add_connection(struct table *table, const struct connection *conn)
{
	const struct options *options = table->options;

	if (options->holders && !conn->nr_maps)
		return;
	if (options->summary)
		add_if_wanted(table, NULL, conn, NULL);
	else if (options->tree)
		add_tree(table, conn);
	else
		add_mappings(table, NULL, conn);
}

static void sort(struct table *table)
{
	enum column column = table->options->sort;
	bool numbers = column_is_number(column);
	struct libscols_column *scols;

	scols = scols_table_get_column(table->scols,
				       columns_index(&table->columns, column));
	scols_column_set_cmpfunc(scols, compare, &numbers);
	scols_sort_table(table->scols, scols);
}

static void print_table(struct table *table)
{
	const struct options *options = table->options;
	struct fit fit = {
		.table = table->scols,
		.tree = options->tree,
		.ascii = options->ascii,
	};

	if (table->fitted) {
		fit.name = columns_index(&options->columns, COL_NAME);
		fit_names(&fit);
	}
	if (options->watch && isatty(STDOUT_FILENO))
		fit_screen(table->scols);
	else if (scols_print_table(table->scols))
		errx(EXIT_TROUBLE, "cannot print the table");
}

static void destroy(struct table *table)
{
	scols_unref_table(table->scols);
	query_free(table->query);
	obstack_free(&table->keys, NULL);
	free(table->columns.list);
}

size_t table_print(const struct snapshot *snap, const struct options *options)
{
	struct table table = { .options = options };
	size_t i, lines;

	obstack_init(&table.keys);
	set_style(&table);
	set_columns(&table);
	create(&table);
	for (i = 0; i < snap->nr; i++)
		add_connection(&table, &snap->conns[i]);
	if (options->sorted)
		sort(&table);
	print_table(&table);
	lines = scols_table_get_nlines(table.scols);
	destroy(&table);
	return lines;
}
