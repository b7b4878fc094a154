/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a walk through a tree of files costs.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stdbool.h>

/*
 * Values for each of the @files of the tree: "per file" and "requests per file".
 */
void workload_measure(const char *fs, unsigned int files, bool reverse);

#endif /* WORKLOAD_H */
