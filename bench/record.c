// SPDX-License-Identifier: GPL-2.0
/*
 * What the program says. See record.h.
 */

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

static const char *wanted = "*";

void record_only(const char *pattern)
{
	wanted = pattern;
}

bool record_wants(const char *operation)
{
	return !fnmatch(wanted, operation, 0);
}

void record(const struct record *rec, const char *metric, double value)
{
	printf("%s\t%s\t%s\t%zu\t%s\t%.3f\n", rec->fs, rec->way,
	       rec->operation, rec->size, metric, value);
}

void die(const char *what)
{
	fprintf(stderr, "fuse_bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

int check(int res, const char *what)
{
	if (res < 0) {
		errno = -res;
		die(what);
	}
	return res;
}
