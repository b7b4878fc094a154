// SPDX-License-Identifier: GPL-2.0
/*
 * Ids, in the model. See fuzz_model_ids.h.
 */

#include <errno.h>
#include <string.h>

#include "fuzz_model.h"
#include "fuzz_model_ids.h"
#include "fuzz_model_pending.h"
#include "fuzz_model_uses.h"

/* An id that was closed stays unused while fewer were handed out since. */
#define REUSE_DISTANCE	255

void model_init(struct model *m, unsigned int limit)
{
	memset(m, 0, sizeof(*m));
	m->next = 1;
	m->limit = limit;
}

bool model_live(const struct model *m, int id)
{
	return id > 0 && id < MODEL_IDS && m->map[id].in_table &&
	       !m->map[id].closed;
}

int model_register_result(const struct model *m)
{
	if (m->aborted)
		return -ENOTCONN;
	return m->count + 1 >= m->limit ? -EMFILE : 0;
}

const char *model_registered(struct model *m, int id,
			     const struct model_mapping *new)
{
	struct model_mapping *map = &m->map[id];

	if (id <= 0 || id >= MODEL_IDS)
		return "id out of range";
	if ((unsigned int)id >= m->limit)
		return "id beyond the limit";
	if (map->in_table)
		return "id is in use";
	if ((unsigned int)id > m->next)
		return "id left out others that were never used";
	if ((unsigned int)id < m->next && m->next < m->limit &&
	    m->handed_out - map->removed_at < REUSE_DISTANCE)
		return "id was used a moment ago";
	if ((unsigned int)id == m->next)
		m->next++;
	m->handed_out++;
	m->count++;
	*map = *new;
	map->in_table = true;
	return NULL;
}

void model_close(struct model *m, int id)
{
	m->map[id].closed = true;
	model_drop_pending_of(m, id);
	model_remove_unused(m, id);
}

void model_close_all(struct model *m)
{
	m->pendings = 0;
	for (int i = 0; i < MODEL_NODES; i++) {
		m->node[i].attached = 0;
		m->node[i].set = NULL;
	}
	for (unsigned int i = 0; i < m->sets; i++)
		if (m->set[i].kind)
			model_drop_set(m, &m->set[i]);
	for (int id = 1; id < MODEL_IDS; id++) {
		m->map[id].closed = true;
		model_remove_unused(m, id);
	}
}

void model_claim(struct model *m, int id)
{
	if (!model_live(m, id) || !m->map[id].per_open)
		return;
	m->map[id].closed = true;
	model_remove_unused(m, id);
}

void model_abort(struct model *m)
{
	model_close_all(m);
	m->aborted = true;
	m->settling = true;
}
