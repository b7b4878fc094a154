/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: who uses a mapping, and how much.
 */

#ifndef _FS_FUSE_BACKING_USAGE_H
#define _FS_FUSE_BACKING_USAGE_H

#include <linux/compiler.h>

#include "backing_types.h"

int fuse_backing_first_use(struct fuse_backing *fb);
void fuse_backing_usage_free(struct fuse_backing *fb);
void fuse_backing_use(struct fuse_backing *fb, struct fuse_backing_use *use,
		      enum fuse_backing_use_kind kind, u64 nodeid);
void fuse_backing_unuse(struct fuse_backing *fb, struct fuse_backing_use *use);
const struct fuse_backing_use *
fuse_backing_first_pending(const struct fuse_backing *fb);
void fuse_backing_count_extents(struct fuse_backing *fb, long extents,
				s64 bytes);
void fuse_backing_count_read(struct fuse_backing *fb, ssize_t bytes);
void fuse_backing_count_written(struct fuse_backing *fb, ssize_t bytes);
void fuse_backing_get_users(struct fuse_backing *fb,
			    struct fuse_backing_users *users);

/**
 * fuse_backing_start_use - a mapping is about to have another user
 * @fb: a mapping that the caller holds a reference on
 *
 * Context: process context; may sleep.
 * Return: as fuse_backing_first_use().
 */
static inline int fuse_backing_start_use(struct fuse_backing *fb)
{
	return READ_ONCE(fb->usage) ? 0 : fuse_backing_first_use(fb);
}

/**
 * fuse_backing_any_pending - does an attachment of a mapping wait
 * @fb: the mapping
 *
 * Context: process context with fuse_backing_nodes::lock held, which keeps what is
 *	returned.
 * Return: as fuse_backing_first_pending().
 */
static inline const struct fuse_backing_use *
fuse_backing_any_pending(const struct fuse_backing *fb)
{
	return READ_ONCE(fb->usage) ? fuse_backing_first_pending(fb) : NULL;
}

#endif /* _FS_FUSE_BACKING_USAGE_H */
