// SPDX-License-Identifier: GPL-2.0
#include "xalloc.h"

#include <err.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "status.h"

static void *checked(void *p)
{
	if (!p)
		err(EXIT_TROUBLE, "cannot allocate memory");
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	return checked(calloc(n, size));
}

char *xstrdup(const char *s)
{
	return checked(strdup(s));
}

char *xasprintf(const char *format, ...)
{
	va_list args;
	char *s;

	va_start(args, format);
	if (vasprintf(&s, format, args) < 0)
		s = NULL;
	va_end(args);
	return checked(s);
}

/* The capacity is the power of two that holds @nr, so it isn't stored. */
void *xgrow(void *array, size_t nr, size_t size)
{
	size_t room = nr ? nr * 2 : 1;

	if (nr & (nr - 1))
		return array;
	if (room > SIZE_MAX / 2 / size)
		errx(EXIT_TROUBLE, "cannot allocate memory: too many entries");
	return checked(realloc(array, room * size));
}
