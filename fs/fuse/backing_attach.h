/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: attached to inodes.
 */

#ifndef _FS_FUSE_BACKING_ATTACH_H
#define _FS_FUSE_BACKING_ATTACH_H

#include "backing_types.h"

struct fuse_backing_attach;
struct fuse_backing_detach;
struct fuse_backing_extents;
struct fuse_backing_rules;
struct fuse_backing_tree;
struct fuse_conn;

void fuse_attachments_init(struct fuse_attachments *all,
			   const struct fuse_conn *fc);
int fuse_backing_ioctl_attach(struct fuse_conn *fc,
			      const struct fuse_backing_attach *args);
int fuse_backing_ioctl_tree(struct fuse_conn *fc,
			    const struct fuse_backing_tree *tree);
int fuse_backing_ioctl_rules(struct fuse_conn *fc,
			     const struct fuse_backing_rules *args);
int fuse_backing_ioctl_detach(struct fuse_conn *fc,
			      const struct fuse_backing_detach *args);
int fuse_backing_ioctl_extents(struct fuse_conn *fc,
			       const struct fuse_backing_extents *args);
void fuse_attachments_close(struct fuse_attachments *all);
int fuse_attachments_detach_all(struct fuse_attachments *all);

#endif /* _FS_FUSE_BACKING_ATTACH_H */
