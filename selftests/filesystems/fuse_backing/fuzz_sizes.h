/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sizes of nodes that have extents, as the kernel knows them now.
 */
#ifndef FUZZ_SIZES_H
#define FUZZ_SIZES_H

#include <stdbool.h>

#include <linux/types.h>

struct fuzz_mount;

/* After each operation: where extents end is seen when a node becomes longer. */
void see_sizes(void);

/* The kernel may know an old size of what gets extents; true if it doesn't now. */
bool see_before(struct fuzz_mount *mount, __u64 name);

#endif /* FUZZ_SIZES_H */
