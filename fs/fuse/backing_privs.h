/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: suid and sgid bits that a write removes.
 */

#ifndef _FS_FUSE_BACKING_PRIVS_H
#define _FS_FUSE_BACKING_PRIVS_H

#include <linux/types.h>

struct cred;
struct file;
struct inode;

bool fuse_backing_keeps_privs(void);
bool fuse_backing_removes_privs(struct file *file);
const struct cred *fuse_backing_remove_privs(struct file *file, int flags,
					     bool exclusive);
int fuse_backing_clear_privs(struct file *file, int flags);
void fuse_backing_end_privs(struct inode *inode, bool keeps);

#endif /* _FS_FUSE_BACKING_PRIVS_H */
