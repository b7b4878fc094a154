// SPDX-License-Identifier: GPL-2.0
#include "root.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xalloc.h"

/* What the longest of our own paths needs after the root */
#define OWN_PATH 128

static const char *root = "";

int root_set(const char *dir)
{
	size_t length = strlen(dir);

	if (!length || length > PATH_MAX - OWN_PATH) {
		errno = length ? ENAMETOOLONG : ENOENT;
		return -1;
	}
	if (access(dir, X_OK) < 0)
		return -1;
	root = dir;
	return 0;
}

bool root_recorded(void)
{
	return *root;
}

static void vpath(char *path, const char *format, va_list args)
{
	size_t length = strlen(root);

	memcpy(path, root, length);
	vsnprintf(path + length, PATH_MAX - length, format, args);
}

const char *root_path(char *path, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vpath(path, format, args);
	va_end(args);
	return path;
}

FILE *root_open(const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, format);
	vpath(path, format, args);
	va_end(args);
	return fopen(path, "re");
}

DIR *root_opendir(const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, format);
	vpath(path, format, args);
	va_end(args);
	return opendir(path);
}

struct dirent *root_next_number(DIR *dir, uint64_t *number)
{
	struct dirent *entry;

	do
		entry = readdir(dir);
	while (entry && !parse_number(entry->d_name, number));
	return entry;
}

/* What a link's size says is not true in /proc. */
char *root_readlink(const char *path)
{
	size_t room = 256;
	ssize_t length;
	char *text;

	for (;;) {
		text = xcalloc(1, room);
		length = readlink(path, text, room);
		if (length >= 0 && (size_t)length < room)
			return text;
		free(text);
		if (length < 0)
			return NULL;
		room *= 2;
	}
}

char *root_line(const char *format, ...)
{
	char path[PATH_MAX];
	char *line = NULL;
	size_t room = 0;
	va_list args;
	FILE *file;

	va_start(args, format);
	vpath(path, format, args);
	va_end(args);
	file = fopen(path, "re");
	if (!file)
		return NULL;
	errno = 0;
	if (getline(&line, &room, file) < 0) {
		int error = errno ? errno : ENODATA;

		free(line);
		fclose(file);
		errno = error;
		return NULL;
	}
	fclose(file);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

bool parse_number(const char *s, uint64_t *number)
{
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*number = strtoull(s, &end, 10);
	return !*end && !errno;
}

bool parse_device(const char *s, unsigned int *major, unsigned int *minor)
{
	const char *colon = strchr(s, ':');
	uint64_t high, low;
	char digits[12];

	if (!colon || colon == s || colon - s >= (int)sizeof(digits))
		return false;
	memcpy(digits, s, colon - s);
	digits[colon - s] = '\0';
	if (!parse_number(digits, &high) || !parse_number(colon + 1, &low) ||
	    high > UINT_MAX || low > UINT_MAX)
		return false;
	*major = high;
	*minor = low;
	return true;
}
