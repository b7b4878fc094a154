/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names that are too long for a terminal.
 */
#ifndef LSFUSEBACKING_ELIDE_H
#define LSFUSEBACKING_ELIDE_H

#include <stdbool.h>
#include <stddef.h>

/* How many cells of a terminal libsmartcols takes for @text */
size_t elide_width(const char *text);

/*
 * The end of @text after an ellipsis, in @room cells; all of it if that fits. The
 * caller must free it.
 */
char *elide_left(const char *text, size_t room, bool ascii);

#endif
