/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names with unusual characters.
 */
#ifndef LSFUSEBACKING_ESCAPE_H
#define LSFUSEBACKING_ESCAPE_H

/* Turn \040 into a blank and so on, in place */
void unescape_octal(char *s);

/* What the kernel puts behind the path of a deleted file, off again */
void cut_deleted(char *path);

/* Put U+FFFD for every byte that isn't UTF-8; the caller must free it */
char *utf8_clean(const char *s);

#endif
