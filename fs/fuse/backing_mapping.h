/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: mappings, and the ids that they are known by.
 */

#ifndef _FS_FUSE_BACKING_MAPPING_H
#define _FS_FUSE_BACKING_MAPPING_H

#include "backing_table.h"
#include "backing_trace.h"
#include "backing_types.h"

struct file;
struct fuse_backing_table;
struct fuse_conn;
struct path;

int fuse_backing_install(struct fuse_backing_table *table, struct file *file,
			 bool brokered, u32 flags);
struct fuse_backing *fuse_backing_install_path(struct fuse_backing_table *table,
					       const struct path *path,
					       struct fuse_backing_place *place);
struct fuse_backing *fuse_backing_install_made(struct fuse_backing_table *table,
					       const struct path *path, int flags);
struct fuse_backing *fuse_backing_find_at(struct fuse_backing_place *place);
struct fuse_backing *fuse_backing_lookup(struct fuse_conn *fc, int backing_id);
struct fuse_backing *fuse_backing_claim(struct fuse_conn *fc, int backing_id);
bool fuse_backing_get_to_close(void *data);
void fuse_backing_unreferenced(struct fuse_backing *fb);
void fuse_backing_put_deferred(struct fuse_backing *fb);
void fuse_backing_close_file(struct fuse_backing *fb, struct file *file);
bool fuse_backing_queue_file(struct fuse_backing *fb, struct file *file);
int fuse_backing_flush_file(struct fuse_backing *fb, struct file *file);
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
 * Context: process context without locks but that of a FUSE inode, or killsb; may sleep,
 *	because the last reference closes the backing file.  Where that can take for ever,
 *	the caller can be killed, and the file is closed later.
 */
static inline void fuse_backing_put(struct fuse_backing *fb)
{
	if (refcount_dec_and_test(&fb->count))
		fuse_backing_unreferenced(fb);
}

/**
 * fuse_backing_close_id - close an id
 * @table: a table that the caller holds a reference on
 * @id: any number
 * @by: what closes it, for the tracepoint
 *
 * Context: process context; doesn't sleep.
 * Return: the mapping with the reference that the id held; %NULL if it is closed or
 *	unknown.
 */
static inline struct fuse_backing *
fuse_backing_close_id(struct fuse_backing_table *table, int id,
		      enum fuse_backing_closed_by by)
{
	struct fuse_backing *fb;

	fb = kthread_files_find(table->files, id, fuse_backing_get_to_close);
	if (fb)
		trace_fuse_backing_close(table->fc, id, by);
	return fb;
}

#endif /* _FS_FUSE_BACKING_MAPPING_H */
