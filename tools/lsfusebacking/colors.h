/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Colours (--color), which terminal-colors.d(5) may change or switch off.
 */
#ifndef LSFUSEBACKING_COLORS_H
#define LSFUSEBACKING_COLORS_H

#include <stdbool.h>

enum color {
	COLOR_DEAD,
	COLOR_DETACHED,
	COLOR_CLOSING,
	COLOR_DELETED,
	NR_COLORS,
	NO_COLOR = NR_COLORS
};

enum color_mode {
	COLORS_AUTO,		/* at a terminal, unless the configuration says otherwise */
	COLORS_NEVER,
	COLORS_ALWAYS,
};

/* Ends the program if it is none; NULL is "auto" */
enum color_mode color_mode_parse(const char *when);

/* Whether there are any; reads the configuration */
bool colors_init(enum color_mode mode);

/* A name or an escape sequence for libsmartcols */
const char *color_text(enum color color);

#endif
