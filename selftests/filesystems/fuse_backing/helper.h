/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a test runs or loads itself is beside the test.
 */
#ifndef HELPER_H
#define HELPER_H

#include <stddef.h>

/* The path of @name there: 0 or -errno. */
int helper_path(const char *name, char *path, size_t size);

#endif /* HELPER_H */
