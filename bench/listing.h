/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What it costs to list a directory of 1,000 entries, once its names are known. Nothing
 * is done with them: see workload.h for that.
 */
#ifndef LISTING_H
#define LISTING_H

#include <stdbool.h>

void listing_measure(const char *fs, bool reverse);

#endif /* LISTING_H */
