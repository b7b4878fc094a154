/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: changes below a tree, made without the server.
 */

#ifndef _FS_FUSE_BACKING_CHANGE_H
#define _FS_FUSE_BACKING_CHANGE_H

#include <linux/types.h>

struct dentry;
struct fuse_tree;

bool fuse_change_is_passed(const struct fuse_tree *tree, u64 ops);
int fuse_change_start(struct fuse_tree *tree);
void fuse_change_end(struct fuse_tree *tree);
bool fuse_change_is_servers(struct dentry *entry);

#endif /* _FS_FUSE_BACKING_CHANGE_H */
