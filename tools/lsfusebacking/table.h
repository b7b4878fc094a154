/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The output.
 */
#ifndef LSFUSEBACKING_TABLE_H
#define LSFUSEBACKING_TABLE_H

struct options;
struct snapshot;

void table_print(const struct snapshot *snap, const struct options *options);

#endif
