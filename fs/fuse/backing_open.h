/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: opened for a FUSE file.
 */

#ifndef _FS_FUSE_BACKING_OPEN_H
#define _FS_FUSE_BACKING_OPEN_H

struct file;

int fuse_backing_open_file(struct file *file, int backing_id);

#endif /* _FS_FUSE_BACKING_OPEN_H */
