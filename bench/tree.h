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

#include "backing.h"
#include "mount.h"

#define TREE_FILE_SIZE		2000
#define TREE_IN_DIRECTORY	100

/* What differs from the tree at first, for CHANGED: to be made before it is started */
#define TREE_CHANGED		BACKING_DIR "/changed"

/* How many files are there then, in directories named 0, 1 and so on. */
unsigned int tree_make(bool quick);

/* Only ways whose names match the pattern, those of a shell. */
void tree_only(const char *pattern);

/* Is this way wanted, and has the kernel it? Upstream maps files by id only. */
bool tree_has(enum way way);

/* Where it is by this way. */
const char *tree_path(enum way way);

/* Is there a server, whose requests can be counted? */
bool tree_is_served(enum way way);

/*
 * The server, which keeps names and attributes cached, and with @log counts its
 * requests, see program.h; 0 where there is none. An overlayfs is mounted anew.
 */
pid_t tree_start(enum way way, bool log);
void tree_stop(enum way way, pid_t pid);

#endif /* TREE_H */
