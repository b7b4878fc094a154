// SPDX-License-Identifier: GPL-2.0
/*
 * Extents that a server names, in the model. See fuzz_model_extents.h.
 */

#include <errno.h>
#include <limits.h>
#include <stddef.h>

#include <linux/fuse.h>
#include <linux/fuse_backing.h>

#include "fuzz_model.h"
#include "fuzz_model_extents.h"
#include "fuzz_model_ids.h"
#include "fuzz_model_nodes.h"
#include "fuzz_model_pending.h"
#include "fuzz_model_sets.h"
#include "fuzz_model_uses.h"

static bool is_hole(const struct fuse_backing_extent *extent)
{
	return extent->flags & FUSE_BACKING_EXTENT_HOLE;
}

static bool is_extent_valid(const struct fuse_backing_extent *extent, __u64 min)
{
	const __u64 largest = LLONG_MAX;

	if (extent->flags & ~(FUSE_BACKING_EXTENT_HOLE |
			      FUSE_BACKING_EXTENT_WRITE) ||
	    !extent->length || extent->length > largest ||
	    extent->offset < min || extent->offset > largest - extent->length)
		return false;
	if (is_hole(extent))
		return extent->flags == FUSE_BACKING_EXTENT_HOLE &&
		       !extent->backing_id && !extent->backing_offset;
	return extent->backing_id > 0;
}

/* The first extent of its backing file: may there be another one? */
static int check_id(const struct model *m, const struct model_set *before,
		    int id, unsigned int *ids)
{
	if (id < MODEL_IDS && model_set_has(before, id))
		return 0;
	if (*ids == FUSE_BACKING_EXTENTS_FILES)
		return -E2BIG;
	++*ids;
	return model_live(m, id) && !m->map[id].per_open ? 0 : -ENOENT;
}

static int check_backing(const struct model *m,
			 const struct fuse_backing_extent *extent,
			 const struct model_file *file)
{
	const struct model_mapping *map = &m->map[extent->backing_id];
	bool write = extent->flags & FUSE_BACKING_EXTENT_WRITE;

	if (!(map->mode & MODEL_READ) || (write && !(map->mode & MODEL_WRITE)))
		return -EBADF;
	file += map->file;
	if (write && (file->append_only || map->mode & MODEL_APPEND))
		return -EPERM;
	return extent->length > file->size ||
	       extent->backing_offset > file->size - extent->length ?
	       -ERANGE : 0;
}

static int check_extents(const struct model *m, __u32 count,
			 const struct fuse_backing_extent *extent,
			 const struct model_file *file)
{
	struct model_set before = {};
	unsigned int ids = 0;
	__u64 min = 0;
	int err = 0;

	for (__u32 i = 0; i < count && !err; i++, extent++) {
		if (!is_extent_valid(extent, min))
			return -EINVAL;
		if (!is_hole(extent))
			err = check_id(m, &before, extent->backing_id, &ids);
		if (!err && !is_hole(extent))
			err = check_backing(m, extent, file);
		min = extent->offset + extent->length;
		if (!err)
			model_set_add(&before, extent);
	}
	return err;
}

static void note_block(struct model *m, __u32 count,
		       const struct fuse_backing_extent *extent)
{
	for (__u32 i = 0; i < count; i++)
		m->map[extent[i].backing_id].block = true;
}

static void fill_set(struct model *m, struct model_set *set,
		     const struct fuse_backing_extents *args,
		     const struct fuse_backing_extent *extent)
{
	model_remove_extents(m, set);
	set->modes = args->flags & (MODEL_READ | MODEL_WRITE);
	set->filled = false;
	set->end = LLONG_MAX;
	set->unsure = false;
	for (__u32 i = 0; i < args->count; i++)
		model_set_add(set, &extent[i]);
}

/* Where the extents go, or NULL and an errno in *err. */
static struct model_set *set_of_known(struct model *m, struct model_node *node,
				      __u64 nodeid, int *err)
{
	*err = 0;
	if (node->set)
		return node->set;
	if (node->cached)
		*err = -ETXTBSY;
	else if (node->attached)
		*err = -EEXIST;
	else if (node->opens)
		*err = -EBUSY;
	else
		node->set = model_add_set(m, MODEL_SET_ATTACHED, nodeid);
	return node->set;
}

static struct model_set *set_of_later(struct model *m,
				      const struct fuse_backing_extents *args,
				      int *err)
{
	struct model_pending *there =
		model_find_pending(m, args->nodeid, args->generation);

	*err = 0;
	if (!(args->flags & FUSE_BACKING_ATTACH_PENDING))
		*err = -ENOENT;
	else if (there && !there->set)
		*err = -EEXIST;
	else if (!there && m->pendings >= m->limit)
		*err = -EMFILE;
	if (*err)
		return NULL;
	if (there)
		return there->set;
	there = &m->pending[m->pendings++];
	*there = (struct model_pending) {
		.node = args->nodeid,
		.generation = args->generation,
		.set = model_add_set(m, MODEL_SET_PENDING, args->nodeid),
	};
	return there->set;
}

static int put_extents(struct model *m, const struct fuse_backing_extents *args,
		       const struct fuse_backing_extent *extent)
{
	struct model_node *node =
		model_find_node(m, args->nodeid, args->generation);
	struct model_set *set;
	int err;

	if (args->nodeid == FUSE_ROOT_ID && !(__u32)args->generation)
		return -EISDIR;
	set = node ? set_of_known(m, node, args->nodeid, &err) :
		     set_of_later(m, args, &err);
	if (set)
		fill_set(m, set, args, extent);
	return err;
}

static bool are_extents_valid(const struct fuse_backing_extents *args)
{
	const __u32 modes = FUSE_BACKING_READ | FUSE_BACKING_WRITE;

	return args->nodeid && args->count && args->flags & modes &&
	       !(args->flags & ~(modes | FUSE_BACKING_ATTACH_PENDING |
				 FUSE_BACKING_ATTACH_UNCHECKED)) &&
	       !args->reserved[0] && !args->reserved[1];
}

int model_set_extents(struct model *m, const struct fuse_backing_extents *args,
		      const struct fuse_backing_extent *extent,
		      const struct model_file *file)
{
	int err;

	if (args->count > FUSE_BACKING_EXTENTS_MAX)
		return -E2BIG;
	if (!are_extents_valid(args))
		return -EINVAL;
	if (!(args->flags & FUSE_BACKING_ATTACH_UNCHECKED))
		return -EACCES;
	if (args->extents != (unsigned long)extent)
		return -EFAULT;
	if (m->aborted)
		return -ENOTCONN;
	/* without a table there is nothing to look at */
	if (!m->handed_out)
		return -ENOENT;
	err = check_extents(m, args->count, extent, file);
	if (err)
		return err;
	note_block(m, args->count, extent);
	return put_extents(m, args, extent);
}
