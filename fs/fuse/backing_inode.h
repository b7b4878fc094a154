/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: the state of an inode, and who is open on it.
 */

#ifndef _FS_FUSE_BACKING_INODE_H
#define _FS_FUSE_BACKING_INODE_H

#include <linux/types.h>

struct fuse_file;
struct fuse_inode;
struct inode;

void fuse_backing_enter_dir(struct fuse_file *ff, struct fuse_inode *fi);
void fuse_backing_leave(struct fuse_file *ff, struct fuse_inode *fi);
int fuse_inode_backing_retire(struct fuse_inode *fi, bool *queued);
bool fuse_inode_backing_is_taken(struct fuse_inode *fi);
bool fuse_inode_backing_is_busy(struct fuse_inode *fi);
void fuse_inode_backing_revoke(struct fuse_inode *fi);
void fuse_inode_backing_note_server(struct inode *inode);
void fuse_inode_backing_resized(struct inode *inode, struct inode *backing);
void fuse_inode_backing_store(struct fuse_file *ff, struct fuse_inode *fi);

#endif /* _FS_FUSE_BACKING_INODE_H */
