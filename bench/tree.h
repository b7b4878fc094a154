/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A tree of files, and the ways to it.
 *
 * It is served by the example server in tools/examples, which is built in the
 * guest: one on the bare protocol has no directories.
 */
#ifndef TREE_H
#define TREE_H

#include <stdbool.h>
#include <sys/types.h>

#include "mount.h"

#define TREE_FILE_SIZE		2000
#define TREE_IN_DIRECTORY	100

/* How many files are there then, in directories named 0, 1 and so on. */
unsigned int tree_make(bool quick);

/* Has the kernel this way? Upstream maps files by id only. */
bool tree_has(enum way way);

/* Where it is by this way. */
const char *tree_path(enum way way);

/*
 * The server, which keeps names and attributes cached, and with @log counts its
 * requests, see program.h; 0 and no server for DIRECT.
 */
pid_t tree_start(enum way way, bool log);
void tree_stop(pid_t pid);

#endif /* TREE_H */
