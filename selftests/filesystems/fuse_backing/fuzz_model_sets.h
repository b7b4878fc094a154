/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fuzzer's model: the extents of nodes.
 */
#ifndef FUZZ_MODEL_SETS_H
#define FUZZ_MODEL_SETS_H

#include <stdbool.h>

#include <linux/types.h>

#include "fuzz_model.h"

struct fuse_backing_extent;

/* Is @id named in there? One more extent, of whatever id. */
bool model_set_has(const struct model_set *set, int id);
void model_set_add(struct model_set *set,
		   const struct fuse_backing_extent *extent);

/* A new one, without extents. */
struct model_set *model_add_set(struct model *m, enum model_set_kind kind,
				__u64 node);

/* How many of this kind name @id; and the extents of all that are of it. */
unsigned int model_count_sets(const struct model *m, int id,
			      enum model_set_kind kind);
void model_count_extents(const struct model *m, int id,
			 unsigned long long *extents,
			 unsigned long long *bytes);

/* What the node's size is now: if it became longer, extents end at the old one. */
void model_see_size(struct model_set *set, __u64 size);

/* The extent that @pos is in, or NULL; *len is set to how far that is true. */
const struct fuse_backing_extent *
model_find_extent(const struct model_set *set, __u64 pos, __u64 *len);

#endif /* FUZZ_MODEL_SETS_H */
