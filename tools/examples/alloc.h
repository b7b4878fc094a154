/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory for an index, which is made before anything is mounted: without it the
 * program ends.
 */
#ifndef ALLOC_H
#define ALLOC_H

#include <err.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static inline void *need(void *memory)
{
	if (!memory)
		err(EXIT_FAILURE, "index");
	return memory;
}

/* Room for one more in an array; its size doubles when it is a power of two */
static inline void *grow(void *array, uint32_t count, size_t size)
{
	if (count == UINT32_MAX)
		errx(EXIT_FAILURE, "too many members");
	if (count & (count - 1))
		return array;
	return need(reallocarray(array, count ? 2 * (size_t)count : 1, size));
}

#endif /* ALLOC_H */
