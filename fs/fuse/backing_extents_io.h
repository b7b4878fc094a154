/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: reads and writes of a file that has extents.
 */

#ifndef _FS_FUSE_BACKING_EXTENTS_IO_H
#define _FS_FUSE_BACKING_EXTENTS_IO_H

#include <linux/types.h>

struct file;
struct inode;
struct iov_iter;
struct kiocb;

bool fuse_extents_has_pages(const struct file *backing);
ssize_t fuse_extents_read(struct kiocb *iocb, struct iov_iter *iter);

#endif /* _FS_FUSE_BACKING_EXTENTS_IO_H */
