// SPDX-License-Identifier: GPL-2.0
#include "fit.h"

#include <err.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elide.h"
#include "status.h"

/*
 * Of a name, what tells one file from another; and what other columns are cut for,
 * unless a mount point is among them
 */
#define SHORTEST_NAME 16
#define GOOD_NAME 32
#define HEADING strlen("NAME")

/* What a branch of the tree takes before a name */
#define BRANCH 2

static size_t art_width(const struct fit *fit, struct libscols_line *line)
{
	return fit->tree && scols_line_get_parent(line) ? BRANCH : 0;
}

static size_t longest_name(const struct fit *fit)
{
	struct libscols_iter *iter = scols_new_iter(SCOLS_ITER_FORWARD);
	struct libscols_line *line;
	size_t longest = HEADING;

	while (scols_table_next_line(fit->table, iter, &line) == 0) {
		const char *name = scols_line_get_userdata(line);
		size_t width = name ? elide_width(name) : 0;

		width += art_width(fit, line);
		if (width > longest)
			longest = width;
	}
	scols_free_iter(iter);
	return longest;
}

static char *print_to_string(struct libscols_table *table)
{
	char *text = NULL;

	if (scols_print_table_to_string(table, &text))
		errx(EXIT_TROUBLE, "cannot print the table");
	return text;
}

static size_t width_of_others(const struct fit *fit)
{
	size_t columns = scols_table_get_ncols(fit->table), width = 0, i;

	for (i = 0; i < columns; i++) {
		struct libscols_column *column =
			scols_table_get_column(fit->table, i);

		if (i != fit->name && !scols_column_is_hidden(column))
			width += scols_column_get_width(column) + 1;
	}
	return width;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * What is left for names when libsmartcols has laid out the others beside a name
 * that is good enough, which may be less than they are wide.
 */
static size_t room(const struct fit *fit, size_t longest)
{
	size_t terminal = scols_table_get_termwidth(fit->table), others;
	size_t least = smaller(longest, SHORTEST_NAME);
	size_t good = fit->tree ? smaller(longest, GOOD_NAME) : least;

	if (terminal > good)
		scols_table_set_termwidth(fit->table, terminal + HEADING - good);
	free(print_to_string(fit->table));
	scols_table_set_termwidth(fit->table, terminal);
	others = width_of_others(fit);
	return terminal > others + least ? terminal - others : least;
}

void fit_names(const struct fit *fit)
{
	struct libscols_iter *iter = scols_new_iter(SCOLS_ITER_FORWARD);
	size_t left = room(fit, longest_name(fit));
	struct libscols_line *line;

	while (scols_table_next_line(fit->table, iter, &line) == 0) {
		char *name = scols_line_get_userdata(line);

		if (!name)
			continue;
		scols_line_refer_data(line, fit->name,
				      elide_left(name, left - art_width(fit, line),
						 fit->ascii));
		free(name);
		scols_line_set_userdata(line, NULL);
	}
	scols_free_iter(iter);
}

/* The last one has no newline: libsmartcols adds it when it prints by itself. */
static size_t count_lines(const char *text)
{
	size_t lines = *text != '\0';

	while ((text = strchr(text, '\n'))) {
		lines++;
		text++;
	}
	return lines;
}

void fit_screen(struct libscols_table *table)
{
	size_t height = scols_table_get_termheight(table), lines, i;
	char *text = print_to_string(table), *end = text;

	lines = count_lines(text);
	/* The cursor needs the last one */
	if (lines + 1 <= height || height < 3) {
		printf("%s%s", text, lines ? "\n" : "");
		free(text);
		return;
	}
	for (i = 0; i + 2 < height; i++)
		end = strchr(end, '\n') + 1;
	fwrite(text, 1, end - text, stdout);
	printf("... and %zu more\n", lines - i);
	free(text);
}
