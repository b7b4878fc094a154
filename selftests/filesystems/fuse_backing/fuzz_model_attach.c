// SPDX-License-Identifier: GPL-2.0
/*
 * Attaching and detaching, in the model. See fuzz_model_attach.h.
 */

#include <errno.h>
#include <stddef.h>

#include <linux/fuse.h>
#include <linux/fuse_backing.h>

#include "fuzz_model.h"
#include "fuzz_model_attach.h"
#include "fuzz_model_ids.h"
#include "fuzz_model_nodes.h"
#include "fuzz_model_pending.h"
#include "fuzz_model_uses.h"

static bool is_whole(__u64 ops, __u64 whole)
{
	return !(ops & whole) || (ops & whole) == whole;
}

static bool are_ops_whole(__u64 ops)
{
	return is_whole(ops, FUSE_BACKING_OPS_ATTR) &&
	       is_whole(ops, FUSE_BACKING_OPS_XATTR) &&
	       is_whole(ops, FUSE_BACKING_OPS_LIST) &&
	       is_whole(ops, FUSE_BACKING_OPS_SETXATTR) &&
	       is_whole(ops, FUSE_BACKING_OPS_NAMES);
}

static bool is_attach_valid(const struct fuse_backing_attach *args)
{
	const __u32 modes = FUSE_BACKING_READ | FUSE_BACKING_WRITE;

	return args->nodeid && args->backing_id > 0 && args->flags & modes &&
	       !(args->flags & ~(modes | FUSE_BACKING_ATTACH_PENDING |
				 FUSE_BACKING_ATTACH_UNCHECKED)) &&
	       !args->reserved && are_ops_whole(args->ops);
}

static int attach_known(struct model *m, struct model_node *node,
			const struct fuse_backing_attach *args)
{
	if (node->cached)
		return -ETXTBSY;
	if (node->attached || node->set)
		return -EEXIST;
	if (node->opens && node->file != m->map[args->backing_id].file)
		return -EBUSY;
	node->attached = args->backing_id;
	node->modes = args->flags & (MODEL_READ | MODEL_WRITE);
	return 0;
}

static int attach_later(struct model *m, const struct fuse_backing_attach *args)
{
	if (!(args->flags & FUSE_BACKING_ATTACH_PENDING))
		return -ENOENT;
	if (model_find_pending(m, args->nodeid, args->generation))
		return -EEXIST;
	if (m->pendings >= m->limit)
		return -EMFILE;
	m->pending[m->pendings++] = (struct model_pending) {
		.node = args->nodeid,
		.generation = args->generation,
		.id = args->backing_id,
		.modes = args->flags & (MODEL_READ | MODEL_WRITE),
	};
	return 0;
}

static int attach(struct model *m, const struct fuse_backing_attach *args)
{
	struct model_node *node =
		model_find_node(m, args->nodeid, args->generation);

	if (args->nodeid == FUSE_ROOT_ID && !(__u32)args->generation)
		return -EISDIR;
	return node ? attach_known(m, node, args) : attach_later(m, args);
}

int model_attach(struct model *m, const struct fuse_backing_attach *args)
{
	struct model_mapping *map;
	int err;

	if (!is_attach_valid(args))
		return -EINVAL;
	if (args->ops & ~FUSE_BACKING_OPS_FILE)
		return -EOPNOTSUPP;
	if (!(args->flags & FUSE_BACKING_ATTACH_UNCHECKED))
		return -EACCES;
	if (m->aborted)
		return -ENOTCONN;
	if (!model_live(m, args->backing_id))
		return -ENOENT;
	map = &m->map[args->backing_id];
	map->per_inode = true;
	err = attach(m, args);
	if (map->per_open)
		map->closed = true;
	model_remove_unused(m, args->backing_id);
	return err;
}

static bool detach_node(struct model *m, struct model_node *node)
{
	struct model_set *set = node->set;
	int id = node->attached;

	if (!id && !set)
		return false;
	node->attached = 0;
	node->set = NULL;
	model_remove_unused(m, id);
	model_drop_set(m, set);
	return true;
}

int model_detach(struct model *m, const struct fuse_backing_detach *args)
{
	struct model_node *node =
		model_find_node(m, args->nodeid, args->generation);
	bool done;

	if (args->flags & ~FUSE_BACKING_DETACH_REVOKE || args->padding ||
	    args->reserved[0] || args->reserved[1])
		return -EINVAL;
	done = model_detach_pending(m, args->nodeid, args->generation);
	if (node && args->flags & FUSE_BACKING_DETACH_REVOKE) {
		if (node->maps)
			return -EBUSY;
		node->revocations++;
		done |= node->opens;
	}
	if (node)
		done |= detach_node(m, node);
	return done ? 0 : -ENOENT;
}
