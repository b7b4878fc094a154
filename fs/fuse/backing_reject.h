/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: why something was refused.
 */

#ifndef _FS_FUSE_BACKING_REJECT_H
#define _FS_FUSE_BACKING_REJECT_H

#include "backing_reasons.h"

struct fuse_backing_refusal;
struct fuse_conn;

int fuse_backing_reject(struct fuse_conn *fc, int id, int err,
			enum fuse_backing_reason reason);
void fuse_backing_ioctl_refusal(struct fuse_conn *fc,
				struct fuse_backing_refusal *refusal);

#endif /* _FS_FUSE_BACKING_REJECT_H */
