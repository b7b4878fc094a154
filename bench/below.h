/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a name in a tree costs: to look it up, to walk over it, and to open what it stands
 * for.
 */
#ifndef BELOW_H
#define BELOW_H

#include <stdbool.h>

void below_measure(const char *fs, bool reverse);

/* The same of a tree alone, and where BPF programs decide, if the kernel has those. */
void below_measure_filters(const char *fs);

#endif /* BELOW_H */
