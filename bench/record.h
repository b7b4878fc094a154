/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the program says: one line for each value, fields separated by tabs.
 *
 *	fs way operation size metric value
 *
 * fs is the backing filesystem, way one of way_names in mount.c (or "-" where
 * nothing is opened), size what the operation is scaled by: bytes, or mappings in
 * the table.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdnoreturn.h>

struct record {
	const char *fs;
	const char *way;
	const char *operation;
	size_t size;
};

void record(const struct record *rec, const char *metric, double value);

/* Measure only operations whose names match the pattern, those of a shell. */
void record_only(const char *pattern);
bool record_wants(const char *operation);

/* Print what failed, with errno, and end the program. */
noreturn void die(const char *what);

/* The same for functions that return -errno; @res comes back if it isn't. */
int check(int res, const char *what);

#define must(cond) ({ if (!(cond)) die(#cond); })

#endif /* RECORD_H */
