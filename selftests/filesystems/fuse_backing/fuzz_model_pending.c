// SPDX-License-Identifier: GPL-2.0
/*
 * Attachments that wait, in the model. See fuzz_model_pending.h.
 */

#include <stddef.h>

#include "fuzz_model.h"
#include "fuzz_model_pending.h"
#include "fuzz_model_sets.h"
#include "fuzz_model_uses.h"

struct model_pending *model_find_pending(struct model *m, __u64 node,
					 __u32 generation)
{
	for (unsigned int i = 0; i < m->pendings; i++)
		if (m->pending[i].node == node &&
		    m->pending[i].generation == generation)
			return &m->pending[i];
	return NULL;
}

void model_remove_pending(struct model *m, struct model_pending *pending)
{
	*pending = m->pending[--m->pendings];
}

static bool is_pending_of(const struct model_pending *pending, int id)
{
	return pending->set ? model_set_has(pending->set, id) :
			      pending->id == id;
}

void model_drop_pending_of(struct model *m, int id)
{
	struct model_set *set;

	for (unsigned int i = m->pendings; i--; ) {
		if (!is_pending_of(&m->pending[i], id))
			continue;
		set = m->pending[i].set;
		model_remove_pending(m, &m->pending[i]);
		model_drop_set(m, set);
	}
}

bool model_detach_pending(struct model *m, __u64 node, __u32 generation)
{
	struct model_pending *pending = model_find_pending(m, node, generation);
	struct model_set *set;
	int id;

	if (!pending)
		return false;
	id = pending->id;
	set = pending->set;
	model_remove_pending(m, pending);
	model_remove_unused(m, id);
	model_drop_set(m, set);
	return true;
}
