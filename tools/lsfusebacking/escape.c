// SPDX-License-Identifier: GPL-2.0
#include "escape.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "xalloc.h"

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

void unescape_octal(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' &&
		    is_octal(s[2]) && is_octal(s[3])) {
			*to++ = (s[1] - '0') << 6 | (s[2] - '0') << 3 |
				(s[3] - '0');
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

void cut_deleted(char *path)
{
	static const char suffix[] = " (deleted)";
	size_t length = strlen(path), cut = strlen(suffix);

	if (length >= cut && !strcmp(path + length - cut, suffix))
		path[length - cut] = '\0';
}

static bool continues(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/*
 * Length of the character at @s, 0 if it isn't UTF-8: overlong forms,
 * surrogates and what is beyond Unicode are not.
 */
static size_t utf8_length(const unsigned char *s)
{
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4 || !continues(s[1]))
		return 0;
	if (s[0] < 0xe0)
		return 2;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    !continues(s[2]))
		return 0;
	if (s[0] < 0xf0)
		return 3;
	if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f) ||
	    !continues(s[3]))
		return 0;
	return 4;
}

char *utf8_clean(const char *s)
{
	static const char replacement[] = "\xef\xbf\xbd";
	char *clean = xcalloc(strlen(s) + 1, 3);
	char *to = clean;

	while (*s) {
		size_t length = utf8_length((const unsigned char *)s);

		if (length) {
			to = mempcpy(to, s, length);
			s += length;
		} else {
			to = mempcpy(to, replacement, 3);
			s++;
		}
	}
	return clean;
}
