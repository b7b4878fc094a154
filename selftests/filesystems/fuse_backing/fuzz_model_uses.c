// SPDX-License-Identifier: GPL-2.0
/*
 * What a mapping is used by, in the model. See fuzz_model_uses.h.
 */

#include <string.h>

#include "fuzz_model.h"
#include "fuzz_model_sets.h"
#include "fuzz_model_uses.h"

unsigned int model_count_attached(const struct model *m, int id)
{
	unsigned int count = model_count_sets(m, id, MODEL_SET_ATTACHED);

	for (int i = 0; i < MODEL_NODES; i++)
		count += m->node[i].attached == id;
	return count;
}

unsigned int model_count_pending(const struct model *m, int id)
{
	unsigned int count = model_count_sets(m, id, MODEL_SET_PENDING);

	for (unsigned int i = 0; i < m->pendings; i++)
		count += m->pending[i].id == id;
	return count;
}

bool model_is_used(const struct model *m, int id)
{
	const struct model_mapping *map = &m->map[id];

	return map->users || map->pins || model_count_attached(m, id) ||
	       model_count_pending(m, id) ||
	       model_count_sets(m, id, MODEL_SET_DETACHED);
}

void model_remove_unused(struct model *m, int id)
{
	struct model_mapping *map = &m->map[id];

	if (!map->in_table || !map->closed || model_is_used(m, id))
		return;
	map->in_table = false;
	map->removed_at = m->handed_out;
	m->count--;
}

void model_remove_extents(struct model *m, struct model_set *set)
{
	__u32 count = set->count;

	set->count = 0;
	memset(set->ids, 0, sizeof(set->ids));
	for (__u32 i = 0; i < count; i++)
		if (set->extent[i].backing_id)
			model_remove_unused(m, set->extent[i].backing_id);
}

void model_remove_closed_set(struct model *m, struct model_set *set)
{
	if (set->kind != MODEL_SET_DETACHED || set->opens)
		return;
	set->kind = MODEL_SET_UNUSED;
	model_remove_extents(m, set);
}

void model_drop_set(struct model *m, struct model_set *set)
{
	if (!set)
		return;
	set->kind = MODEL_SET_DETACHED;
	model_remove_closed_set(m, set);
}
