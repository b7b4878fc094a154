/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory, or the end of the program.
 */
#ifndef LSFUSEBACKING_XALLOC_H
#define LSFUSEBACKING_XALLOC_H

#include <stddef.h>

#include "compiler.h"

void *xcalloc(size_t n, size_t size);
char *xstrdup(const char *s);
char *xasprintf(const char *format, ...) __printf(1, 2);

/* Make room for one more element in an array that has @nr of them */
void *xgrow(void *array, size_t nr, size_t size);

#endif
