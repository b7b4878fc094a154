/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A FUSE mount over the backing directory, and the ways to a file.
 *
 * Each backing file has a second name for each way through the mount, so that
 * all ways lead to the same inode and the same pages.
 */
#ifndef MOUNT_H
#define MOUNT_H

#include <limits.h>

#include "fuse_server.h"

enum way {
	DIRECT,		/* the backing file itself */
	PASSTHROUGH,	/* the mount, by an id that is there already */
	PER_OPEN,	/* the mount, an id for each open */
	PER_INODE,	/* the mount, attached: opens don't ask the server */
	ANSWERED,	/* the mount, attached with all ops; in a tree, directories */
	SERVER,		/* the mount, each operation a request (direct I/O) */
	FILE_WAYS,
	/* Of whole trees only */
	TREE = FILE_WAYS,	/* the mount, whose root is attached with all below */
	CHANGES,	/* the same, for changes, too */
	OVERLAY,	/* an overlayfs on the directory, without a server */
	BRANCH,		/* fuse-branchfs on the directory, as that is */
	COMMAND_WAYS,
	/* Not of commands */
	CHANGED = COMMAND_WAYS,	/* fuse-branchfs, where some files have changed */
	ASKED,		/* a tree, and a BPF program that passes all through */
	BY_USER,	/* one that goes by who asks */
	BY_PATTERN,	/* and one that compares names */
	WAYS
};

extern const char *const way_names[WAYS];

void mount_start(struct fuse_server *srv);
void mount_stop(struct fuse_server *srv);

/* A backing id for each file; without it PASSTHROUGH asks the server too. */
void mount_register(struct fuse_server *srv);

/* Prepare PER_OPEN, PER_INODE and ANSWERED; false if the kernel has none of them. */
bool mount_modes(struct fuse_server *srv);

/* Where "data", "other" or "log" is; in a buffer of the caller's. */
void mount_path(char path[PATH_MAX], enum way way, const char *name);

/* The server's entry of a file. */
struct fuse_server_file *mount_file(struct fuse_server *srv, enum way way,
				    const char *name);

#endif /* MOUNT_H */
