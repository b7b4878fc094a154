/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: mappings, and the ids that they are known by.
 */

#ifndef _FS_FUSE_BACKING_MAPPING_H
#define _FS_FUSE_BACKING_MAPPING_H

#include "backing_types.h"

struct file;
struct fuse_backing_table;
struct fuse_conn;

int fuse_backing_install(struct fuse_backing_table *table, struct file *file,
			 bool brokered, u32 flags);
struct fuse_backing *fuse_backing_lookup(struct fuse_conn *fc, int backing_id);
struct fuse_backing *fuse_backing_claim(struct fuse_conn *fc, int backing_id);
struct fuse_backing *fuse_backing_close_id(struct fuse_backing_table *table,
					   int id,
					   enum fuse_backing_closed_by by);
void fuse_backing_unreferenced(struct fuse_backing *fb);
void fuse_backing_put_deferred(struct fuse_backing *fb);
void fuse_backing_close_file(struct fuse_backing *fb, struct file *file);
int fuse_backing_may_reopen(const struct fuse_backing *fb);
unsigned int fuse_backing_next(struct fuse_backing_table *table,
			       unsigned int id);
bool fuse_backing_visit(struct fuse_backing_table *table, unsigned int id,
			void (*visit)(struct file *file, void *fb, void *arg),
			void *arg);

/**
 * fuse_backing_put - drop a reference on a mapping
 * @fb: the mapping
 *
 * Context: process context without locks; may sleep, because the last reference
 *	closes the backing file.  Where that can take for ever, the caller can be
 *	killed, and the file is closed later.
 */
static inline void fuse_backing_put(struct fuse_backing *fb)
{
	if (refcount_dec_and_test(&fb->count))
		fuse_backing_unreferenced(fb);
}

#endif /* _FS_FUSE_BACKING_MAPPING_H */
