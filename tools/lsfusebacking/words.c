// SPDX-License-Identifier: GPL-2.0
#include "words.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

static void *words;

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

const char *word_intern(const char *text)
{
	void *found = tfind(text, &words, compare);
	char *copy;

	if (found)
		return *(const char **)found;
	copy = xstrdup(text);
	if (!tsearch(copy, &words, compare))
		abort();
	return copy;
}

void words_free(void)
{
	tdestroy(words, free);
	words = NULL;
}
