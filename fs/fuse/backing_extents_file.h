/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: open files that have extents.
 */

#ifndef _FS_FUSE_BACKING_EXTENTS_FILE_H
#define _FS_FUSE_BACKING_EXTENTS_FILE_H

struct file;

int fuse_extents_open(struct file *file);

#endif /* _FS_FUSE_BACKING_EXTENTS_FILE_H */
