/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files of /proc and /sys, or of a recorded tree (--sysroot).
 */
#ifndef LSFUSEBACKING_ROOT_H
#define LSFUSEBACKING_ROOT_H

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "compiler.h"

int root_set(const char *dir);
bool root_recorded(void);

/* Paths are given without the root. @path takes PATH_MAX bytes. */
const char *root_path(char *path, const char *format, ...) __printf(2, 3);
FILE *root_open(const char *format, ...) __printf(1, 2);
DIR *root_opendir(const char *format, ...) __printf(1, 2);

/* The next entry whose name is a decimal number; NULL at the end */
struct dirent *root_next_number(DIR *dir, uint64_t *number);

/* The text of a link, NULL with errno; the caller must free it */
char *root_readlink(const char *path);

/*
 * The first line of a small file without its newline; NULL with errno, which is
 * ENODATA if it is empty
 */
char *root_line(const char *format, ...) __printf(1, 2);

/* The whole of @s is a decimal number */
bool parse_number(const char *s, uint64_t *number);

/* MAJOR:MINOR */
bool parse_device(const char *s, unsigned int *major, unsigned int *minor);

#endif
