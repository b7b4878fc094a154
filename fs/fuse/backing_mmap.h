/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: what is mapped.
 */

#ifndef _FS_FUSE_BACKING_MMAP_H
#define _FS_FUSE_BACKING_MMAP_H

#include <linux/types.h>

struct file;
struct fuse_backing_mapped;
struct fuse_inode;
struct fuse_passthrough;

int fuse_backing_map_start(struct file *file,
			   struct fuse_backing_mapped **mapped, bool *taken);
void fuse_backing_map_end(struct fuse_backing_mapped *mapped, struct file *file,
			  struct file *vm_file);
void fuse_backing_unmap(struct fuse_passthrough *pt);
int fuse_inode_backing_is_mapped(struct fuse_inode *fi);
bool fuse_inode_backing_is_stored_to(struct fuse_inode *fi);
void fuse_inode_backing_evict_mapped(struct fuse_inode *fi);

#endif /* _FS_FUSE_BACKING_MMAP_H */
