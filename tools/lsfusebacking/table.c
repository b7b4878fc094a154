// SPDX-License-Identifier: GPL-2.0
#include "table.h"

#include <err.h>
#include <libsmartcols.h>
#include <stdlib.h>

#include "cells.h"
#include "escape.h"
#include "options.h"
#include "snapshot.h"

struct table {
	struct libscols_table *scols;
	const struct options *options;
	struct style style;
};

static void out_of_memory(void)
{
	err(EXIT_FAILURE, "cannot allocate memory");
}

static void set_style(struct table *table)
{
	const struct options *options = table->options;

	table->style.bytes = options->bytes || options->json;
	table->style.tree = options->tree;
	if (options->json)
		table->style.audience = FOR_PARSERS;
	else if (options->raw)
		table->style.audience = FOR_SCRIPTS;
}

/* The tree is drawn in NAME, or in the first column. */
static size_t tree_column(const struct columns *columns)
{
	size_t i;

	for (i = 0; i < columns->nr; i++)
		if (columns->list[i] == COL_NAME)
			return i;
	return 0;
}

static void add_column(struct table *table, size_t n)
{
	const struct options *options = table->options;
	const struct column_info *info = &infos[options->columns.list[n]];
	struct libscols_column *column;
	int flags = info->flags;

	if (options->tree && n == tree_column(&options->columns))
		flags = SCOLS_FL_TREE | (flags & SCOLS_FL_TRUNC);
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
	size_t i;

	table->scols = scols_new_table();
	if (!table->scols)
		out_of_memory();
	scols_table_set_name(table->scols, options->summary || options->tree ?
			     "mounts" : "mappings");
	scols_table_enable_raw(table->scols, options->raw);
	scols_table_enable_json(table->scols, options->json);
	/* Not even libsmartcols' own idea of a line that is too long */
	if (options->notruncate)
		scols_table_set_termforce(table->scols, SCOLS_TERMFORCE_NEVER);
	scols_table_enable_noheadings(table->scols, options->noheadings);
	for (i = 0; i < options->columns.nr; i++)
		add_column(table, i);
}

static void set_cell(struct table *table, struct libscols_line *line, size_t n,
		     const struct row *row)
{
	char *text = cell_text(row, table->options->columns.list[n],
			       &table->style);

	if (text && table->options->json) {
		char *clean = utf8_clean(text);

		free(text);
		text = clean;
	}
	if (text && scols_line_refer_data(line, n, text))
		out_of_memory();
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
	for (i = 0; i < table->options->columns.nr; i++)
		set_cell(table, line, i, &row);
	return line;
}

static void add_mappings(struct table *table, struct libscols_line *parent,
			 const struct connection *conn)
{
	struct mapping unread = { .problem = conn->problem };
	size_t i;

	for (i = 0; i < conn->nr_maps; i++)
		add_row(table, parent, conn, &conn->maps[i]);
	if (connection_unread(conn) && !table->options->holders)
		add_row(table, parent, conn, &unread);
}

static void add_connection(struct table *table, const struct connection *conn)
{
	const struct options *options = table->options;
	struct libscols_line *mount = NULL;

	if (options->holders && !conn->nr_maps)
		return;
	if (options->summary || options->tree)
		mount = add_row(table, NULL, conn, NULL);
	if (!options->summary)
		add_mappings(table, mount, conn);
}

void table_print(const struct snapshot *snap, const struct options *options)
{
	struct table table = { .options = options };
	size_t i;

	set_style(&table);
	create(&table);
	for (i = 0; i < snap->nr; i++)
		add_connection(&table, &snap->conns[i]);
	if (scols_print_table(table.scols))
		errx(EXIT_FAILURE, "cannot print the table");
	scols_unref_table(table.scols);
}
