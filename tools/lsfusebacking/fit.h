/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a terminal has room for.
 */
#ifndef LSFUSEBACKING_FIT_H
#define LSFUSEBACKING_FIT_H

#include <stdbool.h>
#include <stddef.h>

struct libscols_table;

/* NAME is the column @name of @table, and empty; a line's user data is its text. */
struct fit {
	struct libscols_table *table;
	size_t name;
	bool tree, ascii;
};

/* Set the names, cut at the left to what the other columns leave of a line */
void fit_names(const struct fit *fit);

/* Print the lines that a screen has room for, and how many others there are */
void fit_screen(struct libscols_table *table);

#endif
