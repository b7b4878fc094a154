// SPDX-License-Identifier: GPL-2.0
/*
 * Extents of nodes, in the model. See fuzz_model_sets.h.
 */

#include <limits.h>
#include <stddef.h>

#include <linux/fuse_backing.h>

#include "fuzz_model.h"
#include "fuzz_model_sets.h"

bool model_set_has(const struct model_set *set, int id)
{
	return set->ids[id / 64] >> id % 64 & 1;
}

void model_set_add(struct model_set *set,
		   const struct fuse_backing_extent *extent)
{
	int id = extent->backing_id;

	set->extent[set->count++] = *extent;
	if (id)
		set->ids[id / 64] |= 1ULL << id % 64;
}

struct model_set *model_add_set(struct model *m, enum model_set_kind kind,
				__u64 node)
{
	struct model_set *set = m->set;

	while (set->kind)
		set++;
	if (set == m->set + m->sets)
		m->sets++;
	*set = (struct model_set) { .kind = kind, .node = node };
	return set;
}

unsigned int model_count_sets(const struct model *m, int id,
			      enum model_set_kind kind)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < m->sets; i++)
		count += m->set[i].kind == kind &&
			 model_set_has(&m->set[i], id);
	return count;
}

void model_count_extents(const struct model *m, int id,
			 unsigned long long *extents,
			 unsigned long long *bytes)
{
	const struct model_set *set;

	*extents = 0;
	*bytes = 0;
	for (set = m->set; set < m->set + m->sets; set++) {
		if (!set->kind || !model_set_has(set, id))
			continue;
		for (__u32 i = 0; i < set->count; i++) {
			if (set->extent[i].backing_id != id)
				continue;
			++*extents;
			*bytes += set->extent[i].length;
		}
	}
}

void model_see_size(struct model_set *set, __u64 size)
{
	if (set->size_known && size > set->size && set->size < set->end)
		set->end = set->size;
	set->size_known = true;
	set->size = size;
}

const struct fuse_backing_extent *
model_find_extent(const struct model_set *set, __u64 pos, __u64 *len)
{
	const struct fuse_backing_extent *extent = set->extent;

	if (pos >= set->end) {
		*len = LLONG_MAX - pos;
		return NULL;
	}
	while (extent < set->extent + set->count &&
	       extent->offset + extent->length <= pos)
		extent++;
	if (extent == set->extent + set->count) {
		*len = LLONG_MAX - pos;
		return NULL;
	}
	if (extent->offset > pos) {
		*len = extent->offset - pos;
		return NULL;
	}
	*len = extent->offset + extent->length - pos;
	if (*len > set->end - pos)
		*len = set->end - pos;
	return extent;
}
