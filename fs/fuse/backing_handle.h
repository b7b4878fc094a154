/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: who has a handle of the server's.
 */

#ifndef _FS_FUSE_BACKING_HANDLE_H
#define _FS_FUSE_BACKING_HANDLE_H

#include <linux/types.h>

#include "backing_types.h"

struct file;
struct fuse_file;
struct inode;

struct fuse_passthrough *fuse_passthrough_alloc(struct fuse_file *ff, gfp_t gfp);
struct fuse_file *fuse_backing_alloc_local(struct inode *inode, size_t size);
bool fuse_backing_is_local(const struct file *file);
bool fuse_backing_has_no_handle(const struct fuse_file *ff);

#endif /* _FS_FUSE_BACKING_HANDLE_H */
