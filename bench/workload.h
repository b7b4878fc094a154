/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a walk through a tree of files costs.
 *
 * The tree is served by the example server in tools/examples, which is built in
 * the guest: one on the bare protocol has no directories.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stdbool.h>

/* Values for each file of the tree: "per file" and "requests per file". */
void workload_measure(const char *fs, bool quick, bool reverse);

#endif /* WORKLOAD_H */
