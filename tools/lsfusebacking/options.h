/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the command line asks for.
 */
#ifndef LSFUSEBACKING_OPTIONS_H
#define LSFUSEBACKING_OPTIONS_H

#include <stdbool.h>

#include "columns.h"
#include "select.h"

struct options {
	bool json, raw, noheadings, bytes, notruncate;
	bool tree, summary, watch;
	double interval;		/* seconds */
	const char *holders;		/* path, or NULL */
	struct columns columns;
	struct selection selection;
};

/* Ends the program if something is wrong, or all was said */
void options_parse(struct options *options, int argc, char **argv);
void options_free(struct options *options);

#endif
