/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: extents, the ranges of backing files that are the bytes of
 * a FUSE inode.
 */

#ifndef _FS_FUSE_BACKING_EXTENTS_H
#define _FS_FUSE_BACKING_EXTENTS_H

#include <linux/types.h>

#include "backing_types.h"

struct fuse_backing_extents;
struct fuse_conn;
struct fuse_extents;
struct fuse_extents_map;

/**
 * enum fuse_range_kind - where the bytes of a range are
 * @FUSE_RANGE_FILE: in a backing file
 * @FUSE_RANGE_HOLE: nowhere, they are zeros
 * @FUSE_RANGE_SERVER: in no extent, the server has them
 */
enum fuse_range_kind {
	FUSE_RANGE_FILE,
	FUSE_RANGE_HOLE,
	FUSE_RANGE_SERVER,
};

/**
 * struct fuse_range - what is at a position of a FUSE file
 * @map: what the range belongs to, with a reference
 * @kind: where its bytes are
 * @writable: it may be written to
 * @len: how many bytes from the position on, at least 1
 * @fb: the mapping of the backing file; %NULL if it is in none
 * @file: the backing file, as it was registered
 * @pos: where in the backing file
 */
struct fuse_range {
	struct fuse_extents_map *map;
	enum fuse_range_kind kind;
	bool writable;
	loff_t len;
	struct fuse_backing *fb;
	struct file *file;
	loff_t pos;
};

struct fuse_extents_map *
fuse_extents_map_read(struct fuse_conn *fc,
		      const struct fuse_backing_extents *args);
void fuse_extents_map_abandon(struct fuse_extents_map *map);
struct fuse_extents *fuse_extents_create(struct fuse_conn *fc,
					 struct fuse_extents_map *map);
int fuse_extents_charge(struct fuse_conn *fc, struct fuse_extents *extents);
void fuse_extents_uncharge(struct fuse_extents *extents);
struct fuse_extents *fuse_extents_get(struct fuse_extents *extents);
void fuse_extents_put(struct fuse_extents *extents, bool defer);
void fuse_extents_swap(struct fuse_extents *extents, struct fuse_extents *other,
		       enum fuse_backing_use_kind kind);
bool fuse_extents_are_replaced(const struct fuse_extents *extents);
int fuse_extents_retire(struct fuse_extents *other);
void fuse_extents_cut(struct fuse_extents *extents, loff_t end);

void fuse_extents_use(struct fuse_extents *extents,
		      enum fuse_backing_use_kind kind);
int fuse_extents_id(const struct fuse_extents *extents);
bool fuse_extents_are_closed(struct fuse_extents *extents);
void fuse_extents_find(struct fuse_extents *extents, loff_t pos,
		       struct fuse_range *range);
void fuse_extents_range_get(const struct fuse_range *range);
void fuse_extents_range_put(struct fuse_range *range);
loff_t fuse_extents_next_data(struct fuse_extents *extents, loff_t pos,
			      loff_t end, bool hole);
bool fuse_extents_cover(struct fuse_extents *extents, loff_t pos, loff_t end);
bool fuse_extents_any_file(struct fuse_extents *extents,
			   bool (*test)(const struct file *file));

int fuse_extents_fsync(struct fuse_extents *extents, loff_t start, loff_t end,
		       int datasync);
int fuse_extents_flush(struct fuse_extents *extents);

#endif /* _FS_FUSE_BACKING_EXTENTS_H */
