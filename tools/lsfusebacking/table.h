/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The output.
 */
#ifndef LSFUSEBACKING_TABLE_H
#define LSFUSEBACKING_TABLE_H

#include <stddef.h>

struct options;
struct snapshot;

/* Returns how many lines there were, without headings */
size_t table_print(const struct snapshot *snap, const struct options *options);

#endif
