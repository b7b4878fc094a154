/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: what a server finds, and how it starts afresh.
 */

#ifndef _FS_FUSE_BACKING_LIST_H
#define _FS_FUSE_BACKING_LIST_H

#include <linux/fuse_backing.h>

#include "backing_types.h"

struct fuse_conn;

enum fuse_backing_mode fuse_backing_mode(const struct fuse_backing *fb,
					 const struct file *file);
enum fuse_backing_state
fuse_backing_state(const struct fuse_backing *fb,
		   const struct fuse_backing_users *users);
int fuse_backing_ioctl_list(struct fuse_conn *fc, struct fuse_backing_list *list);
int fuse_backing_ioctl_close_all(struct fuse_conn *fc,
				 const struct fuse_backing_close_all *args);

#endif /* _FS_FUSE_BACKING_LIST_H */
