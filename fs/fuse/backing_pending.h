/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: attachments that wait for their inode.
 */

#ifndef _FS_FUSE_BACKING_PENDING_H
#define _FS_FUSE_BACKING_PENDING_H

#include <linux/types.h>

struct fuse_attachment;
struct fuse_attachments;
struct fuse_backing;
struct fuse_conn;

struct fuse_attachment *
fuse_pending_find(struct fuse_attachments *all, u64 nodeid, u32 generation);
void fuse_pending_add(struct fuse_attachments *all, struct fuse_attachment *att);
void fuse_pending_remove(struct fuse_attachments *all, struct fuse_attachment *att);
struct fuse_attachment *
fuse_pending_take(struct fuse_attachments *all, u64 nodeid, u32 generation,
		  u64 serial);
void fuse_pending_refuse(struct fuse_conn *fc, u64 nodeid, u32 generation);
int fuse_pending_drop(struct fuse_attachments *all, struct fuse_backing *fb,
		      u64 latest);

#endif /* _FS_FUSE_BACKING_PENDING_H */
