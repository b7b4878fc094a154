/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: taken away from open files.
 */

#ifndef _FS_FUSE_BACKING_REVOKE_H
#define _FS_FUSE_BACKING_REVOKE_H

#include <linux/types.h>

struct file;
struct fuse_inode;
struct iov_iter;
struct kiocb;
struct pipe_inode_info;
struct vm_area_struct;

int fuse_backing_failover(struct file *file);
ssize_t fuse_backing_revoked_read(struct kiocb *iocb, struct iov_iter *iter);
ssize_t fuse_backing_revoked_write(struct kiocb *iocb, struct iov_iter *iter);
ssize_t fuse_backing_revoked_splice_read(struct file *in, loff_t *ppos,
					 struct pipe_inode_info *pipe,
					 size_t len, unsigned int flags);
int fuse_backing_revoked_mmap(struct file *file, struct vm_area_struct *vma);
int fuse_backing_revoke_start(struct fuse_inode *fi);
int fuse_backing_revoke_finish(struct fuse_inode *fi, bool *queued);

#endif /* _FS_FUSE_BACKING_REVOKE_H */
