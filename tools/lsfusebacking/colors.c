// SPDX-License-Identifier: GPL-2.0
#include "colors.h"

#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "status.h"
#include "words.h"
#include "xalloc.h"

#define PROGRAM "lsfusebacking"
#define SYSTEM_DIR "/etc/terminal-colors.d"

static const char escape = '\033';

static const char *const names[NR_COLORS] = {
	[COLOR_DEAD] = "dead",
	[COLOR_DETACHED] = "detached",
	[COLOR_CLOSING] = "closing",
	[COLOR_DELETED] = "deleted",
};

static const char *colors[NR_COLORS] = {
	[COLOR_DEAD] = "red",
	[COLOR_DETACHED] = "magenta",
	[COLOR_CLOSING] = "brown",
	[COLOR_DELETED] = "brown",
};

const char *color_text(enum color color)
{
	return colors[color];
}

enum color_mode color_mode_parse(const char *when)
{
	if (!when || !strcmp(when, "auto"))
		return COLORS_AUTO;
	if (!strcmp(when, "always"))
		return COLORS_ALWAYS;
	if (!strcmp(when, "never"))
		return COLORS_NEVER;
	errx(EXIT_TROUBLE, "cannot colour '%s'; say auto, never or always",
	     when);
}

/* Files of the directory are called [PROGRAM][@TERMINAL].TYPE, or TYPE alone. */
struct choice {
	int enable, disable, scheme;	/* how well the best one fits, 0: none */
	char *scheme_file;
};

/*
 * How well what comes before the type fits: the program's name counts more than the
 * terminal's. 0 if it is for others.
 */
static int rank(const char *name, size_t length)
{
	const char *at = memchr(name, '@', length);
	size_t before = at ? (size_t)(at - name) : length;
	const char *terminal = getenv("TERM");
	int value = 1;

	if (before) {
		if (before != strlen(PROGRAM) || strncmp(name, PROGRAM, before))
			return 0;
		value += 20;
	}
	if (at) {
		size_t left = length - before - 1;

		if (!terminal || left != strlen(terminal) ||
		    strncmp(at + 1, terminal, left))
			return 0;
		value += 10;
	}
	return value;
}

static void consider(struct choice *choice, const char *dir, const char *name)
{
	const char *dot = strrchr(name, '.');
	const char *type = dot ? dot + 1 : name;
	int value = rank(name, dot ? (size_t)(dot - name) : 0);

	if (!strcmp(type, "enable") && value > choice->enable)
		choice->enable = value;
	if (!strcmp(type, "disable") && value > choice->disable)
		choice->disable = value;
	if (!strcmp(type, "scheme") && value > choice->scheme) {
		choice->scheme = value;
		free(choice->scheme_file);
		choice->scheme_file = xasprintf("%s/%s", dir, name);
	}
}

static bool read_directory(struct choice *choice, const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir)
		return false;
	while ((entry = readdir(dir)))
		if (*entry->d_name != '.')
			consider(choice, path, entry->d_name);
	closedir(dir);
	return true;
}

/* The user's directory, if there is one, hides the system's. */
static void read_configuration(struct choice *choice)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	char *path = NULL;

	if (config)
		path = xasprintf("%s/terminal-colors.d", config);
	else if (home)
		path = xasprintf("%s/.config/terminal-colors.d", home);
	if (!path || !read_directory(choice, path))
		read_directory(choice, SYSTEM_DIR);
	free(path);
}

/* red, 1;31 or \e[1;31m */
static const char *sequence(const char *word)
{
	char text[160];

	if (isdigit((unsigned char)*word))
		snprintf(text, sizeof(text), "%c[%sm", escape, word);
	else if (!strncmp(word, "\\e", 2))
		snprintf(text, sizeof(text), "%c%s", escape, word + 2);
	else
		snprintf(text, sizeof(text), "%s", word);
	return word_intern(text);
}

static void set_color(const char *name, const char *word)
{
	enum color color;

	for (color = 0; color < NR_COLORS; color++)
		if (!strcmp(names[color], name))
			colors[color] = sequence(word);
}

static void read_scheme(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[256], name[64], word[128];

	if (!file)
		return;
	while (fgets(line, sizeof(line), file))
		if (*line != '#' && sscanf(line, "%63s %127s", name, word) == 2)
			set_color(name, word);
	fclose(file);
}

bool colors_init(enum color_mode mode)
{
	struct choice choice = { };
	bool wanted = mode == COLORS_ALWAYS;

	if (mode == COLORS_NEVER)
		return false;
	read_configuration(&choice);
	if (mode == COLORS_AUTO)
		wanted = isatty(STDOUT_FILENO) && !getenv("NO_COLOR") &&
			 (choice.enable || !choice.disable);
	if (wanted && choice.scheme_file)
		read_scheme(choice.scheme_file);
	free(choice.scheme_file);
	return wanted;
}
