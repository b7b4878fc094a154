// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE inodes and their open files, in the model. See fuzz_model_nodes.h.
 */

#include <stddef.h>

#include "fuzz_model.h"
#include "fuzz_model_nodes.h"
#include "fuzz_model_pending.h"
#include "fuzz_model_uses.h"

struct model_node *model_find_node(struct model *m, __u64 node,
				   __u64 generation)
{
	if (node < MODEL_FIRST_NODE || node >= MODEL_FIRST_NODE + MODEL_NODES ||
	    (__u32)generation || !m->node[node - MODEL_FIRST_NODE].known)
		return NULL;
	return &m->node[node - MODEL_FIRST_NODE];
}

void model_look_up(struct model *m, unsigned int name)
{
	struct model_pending *pending =
		model_find_pending(m, MODEL_FIRST_NODE + name, 0);

	m->node[name].known = true;
	if (!pending)
		return;
	m->node[name].attached = pending->id;
	m->node[name].modes = pending->modes;
	m->node[name].set = pending->set;
	if (pending->set)
		pending->set->kind = MODEL_SET_ATTACHED;
	model_remove_pending(m, pending);
}

void model_open(struct model *m, int id, unsigned int name)
{
	m->map[id].users++;
	m->map[id].users_of[name]++;
	m->node[name].opens++;
	m->node[name].file = m->map[id].file;
}

void model_release(struct model *m, int id, unsigned int name)
{
	m->map[id].users--;
	m->map[id].users_of[name]--;
	m->node[name].opens--;
	model_remove_unused(m, id);
}

void model_open_extents(struct model *m, struct model_set *set,
			unsigned int name)
{
	if (!m->node[name].opens)
		set->filled = false;
	set->opens++;
	m->node[name].opens++;
	m->node[name].file = MODEL_OWN_EXTENTS;
}

void model_release_extents(struct model *m, struct model_set *set,
			   unsigned int name)
{
	set->opens--;
	m->node[name].opens--;
	model_remove_closed_set(m, set);
}

void model_pin(struct model *m, int id, unsigned int name)
{
	m->map[id].pins++;
	m->map[id].pins_of[name]++;
}

void model_unpin(struct model *m, int id, unsigned int name)
{
	m->map[id].pins--;
	m->map[id].pins_of[name]--;
	model_remove_unused(m, id);
	/* the thread gives it up */
	m->settling = true;
}

void model_evict(struct model *m, unsigned int name)
{
	struct model_node *node = &m->node[name];
	int attached = node->attached;

	if (node->set) {
		model_drop_set(m, node->set);
		m->settling = true;
	}
	*node = (struct model_node) { .cached = node->cached };
	if (attached) {
		model_remove_unused(m, attached);
		m->settling = true;
	}
}
