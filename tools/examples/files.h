/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files that the kernel doesn't open by itself, as they are opened. With branchfs.lock.
 */
#ifndef FILES_H
#define FILES_H

#include <fuse_lowlevel.h>

#include "nodes.h"

/* What this process opens: names were followed, and direct I/O is the kernel's */
int file_flags(const struct fuse_file_info *fi);

/* A descriptor, or -errno */
int file_open(struct node *node, const struct fuse_file_info *fi);

/* Before the reply: 0 or an errno; the descriptor is the file's if it is 0 */
int file_start(struct node *node, struct fuse_file_info *fi, int fd);

/* Nobody waits for the reply any more */
void file_cancel(struct node *node, const struct fuse_file_info *fi);

#endif /* FILES_H */
