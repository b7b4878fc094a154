// SPDX-License-Identifier: GPL-2.0
#include "elide.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "xalloc.h"

/* \xNN, as libsmartcols prints a byte that it doesn't trust */
#define ESCAPED 4

/* Bytes of the character at @s, and the cells that it takes */
static size_t measure(const char *s, size_t *cells)
{
	mbstate_t state = { };
	wchar_t wide;
	size_t length = mbrtowc(&wide, s, strlen(s), &state);

	if (length == (size_t)-1 || length == (size_t)-2 || !length)
		length = 1;
	else if (iswprint(wide) && strncmp(s, "\\x", 2)) {
		*cells = wcwidth(wide) > 0 ? wcwidth(wide) : 0;
		return length;
	}
	*cells = ESCAPED * length;
	return length;
}

size_t elide_width(const char *text)
{
	size_t width = 0, cells;

	while (*text) {
		text += measure(text, &cells);
		width += cells;
	}
	return width;
}

static const char *ellipsis(bool ascii)
{
	return ascii || strcmp(nl_langinfo(CODESET), "UTF-8") ? "..." : "…";
}

char *elide_left(const char *text, size_t room, bool ascii)
{
	const char *mark = ellipsis(ascii);
	size_t left = elide_width(text), taken = elide_width(mark), cells;

	if (left <= room)
		return xstrdup(text);
	while (*text && left + taken > room) {
		text += measure(text, &cells);
		left -= cells;
	}
	return xasprintf("%s%s", mark, text);
}
