/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the table of a mount costs as it grows: registration, unregistration,
 * open by id, emptying, memory.
 */
#ifndef MAPPINGS_H
#define MAPPINGS_H

#include <stdbool.h>

/* At 1, 1,000, 100,000 and, unless @quick, 1,000,000 mappings. */
void mappings_measure(const char *fs, bool quick);

#endif /* MAPPINGS_H */
