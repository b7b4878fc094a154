/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the command line asks for.
 */
#ifndef LSFUSEBACKING_OPTIONS_H
#define LSFUSEBACKING_OPTIONS_H

#include <stdbool.h>

#include "colors.h"
#include "columns.h"
#include "select.h"

struct options {
	bool json, raw, pairs, shellvar, ascii, noheadings, bytes, notruncate;
	bool tree, summary, watch, colors;
	bool list_columns, all_columns;
	double interval;		/* seconds */
	const char *holders;		/* path, or NULL */
	const char *filter;		/* expression, or NULL */
	const char *record;		/* file, or NULL */
	enum color_mode color_mode;
	bool sorted;
	enum column sort;
	struct columns columns;
	struct selection selection;
};

/* Ends the program if something is wrong, or all was said */
void options_parse(struct options *options, int argc, char **argv);
void options_free(struct options *options);

#endif
