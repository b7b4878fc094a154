/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: what is done with names and inodes below a tree.
 */

#ifndef _FS_FUSE_BACKING_BELOW_H
#define _FS_FUSE_BACKING_BELOW_H

#include <linux/fuse_backing.h>
#include <linux/types.h>

struct dentry;
struct fuse_backing;
struct fuse_tree_dir;
struct inode;
struct path;
struct qstr;

enum fuse_backing_verdict fuse_below_verdict(const struct fuse_tree_dir *at,
					     struct inode *dir, const struct qstr *name);
struct fuse_backing *fuse_node_map(struct inode *inode, struct dentry *dentry,
				   u32 modes);

#endif /* _FS_FUSE_BACKING_BELOW_H */
