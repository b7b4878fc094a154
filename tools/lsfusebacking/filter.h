/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which mappings are kept in memory.
 */
#ifndef LSFUSEBACKING_FILTER_H
#define LSFUSEBACKING_FILTER_H

#include <stdbool.h>

struct connection;
struct holders;
struct mapping;

struct filter {
	bool sums_only;			/* none */
	const struct holders *holders;	/* those of this; NULL: all */
};

bool filter_passes(const struct filter *filter, const struct mapping *map);

/* Note it if @map, which doesn't pass, would perhaps if all of it could be read */
void filter_leave_out(const struct filter *filter, struct connection *conn,
		      const struct mapping *map);

#endif
