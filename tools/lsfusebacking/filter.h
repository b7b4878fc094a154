/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which mappings are kept in memory.
 */
#ifndef LSFUSEBACKING_FILTER_H
#define LSFUSEBACKING_FILTER_H

#include <stdbool.h>

struct holders;
struct mapping;

struct filter {
	bool sums_only;			/* none */
	const struct holders *holders;	/* those of this; NULL: all */
};

bool filter_passes(const struct filter *filter, const struct mapping *map);

#endif
