/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What commands cost that work on a tree of files: git status, and a compile.
 *
 * For a new row of the report, add a line to the table in commands.c.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <stdbool.h>

/*
 * Values for each command: "per command" and "requests per command". The tree,
 * of @files, becomes a git repository, with a program's source in it.
 */
void commands_measure(const char *fs, unsigned int files, bool quick,
		      bool reverse);

#endif /* COMMANDS_H */
