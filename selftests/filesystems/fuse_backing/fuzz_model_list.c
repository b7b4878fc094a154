// SPDX-License-Identifier: GPL-2.0
/*
 * What is listed, in the model. See fuzz_model_list.h.
 */

#include <string.h>

#include <linux/fuse_backing.h>

#include "backing_files.h"
#include "fuzz_model.h"
#include "fuzz_model_list.h"
#include "fuzz_model_sets.h"
#include "fuzz_model_uses.h"

static __u32 state_of(const struct model *m, int id)
{
	const struct model_mapping *map = &m->map[id];

	if (model_count_attached(m, id))
		return FUSE_BACKING_STATE_LIVE;
	if (model_count_pending(m, id))
		return FUSE_BACKING_STATE_PENDING;
	if (map->per_open && !map->per_inode)
		return map->closed ? FUSE_BACKING_STATE_LIVE :
				     FUSE_BACKING_STATE_PENDING;
	return map->closed ? FUSE_BACKING_STATE_CLOSING :
			     FUSE_BACKING_STATE_LIVE;
}

static __u32 mode_of(const struct model_mapping *map)
{
	if (map->block)
		return FUSE_BACKING_MODE_BLOCK;
	if (map->per_inode)
		return FUSE_BACKING_MODE_INODE;
	return map->per_open ? FUSE_BACKING_MODE_OPEN : FUSE_BACKING_MODE_ID;
}

/* Open files of a detached set count as one. */
static unsigned int count_files(const struct model *m, int id)
{
	return m->map[id].users + model_count_sets(m, id, MODEL_SET_DETACHED);
}

static const char *line_differs(const struct model *m,
				const struct backing_line *line)
{
	static const char * const modes[] = { "id", "open", "inode", "block" };
	static const char * const states[] = { "live", "closing", "pending" };
	static const char * const access[] = { "-", "r", "w", "rw" };
	const struct model_mapping *map = &m->map[line->id];
	unsigned long long extents, bytes;

	if (!map->in_table)
		return "an id that is not in the table";
	if (strcmp(line->mode, modes[mode_of(map)]))
		return "mode";
	if (strcmp(line->state, states[state_of(m, line->id)]))
		return "state";
	if (strcmp(line->access, access[map->mode & (MODEL_READ | MODEL_WRITE)]))
		return "access";
	if (line->files != count_files(m, line->id))
		return "files";
	if (line->mmaps != map->pins)
		return "mmaps";
	if (line->attached != model_count_attached(m, line->id))
		return "attached";
	if (line->pending != model_count_pending(m, line->id))
		return "pending";
	if (!strcmp(line->nodes, "-") == model_is_used(m, line->id))
		return "nodes";
	model_count_extents(m, line->id, &extents, &bytes);
	if (line->extents != extents)
		return "extents";
	if (line->extent_bytes != bytes)
		return "bytes in extents";
	return NULL;
}

const char *model_differs(const struct model *m,
			  const struct backing_files *files)
{
	const char *wrong = NULL;

	if ((unsigned int)files->count != m->count)
		return "number of lines";
	if (!backing_files_ascend(files))
		return "order";
	for (int i = 0; i < files->count && !wrong; i++)
		wrong = files->line[i].id >= MODEL_IDS ? "id out of range" :
			line_differs(m, &files->line[i]);
	return wrong;
}

__u32 model_next(const struct model *m, __u32 start)
{
	for (__u32 id = start ?: 1; id < MODEL_IDS; id++)
		if (m->map[id].in_table)
			return id;
	return 0;
}

static bool uses_node(const struct model *m, int id, __u64 node)
{
	const struct model_mapping *map = &m->map[id];
	__u64 name = node - MODEL_FIRST_NODE;

	for (unsigned int i = 0; i < m->pendings; i++)
		if (m->pending[i].id == id && m->pending[i].node == node)
			return true;
	for (unsigned int i = 0; i < m->sets; i++)
		if (m->set[i].kind && m->set[i].node == node &&
		    model_set_has(&m->set[i], id))
			return true;
	return name < MODEL_NODES &&
	       (map->users_of[name] || map->pins_of[name] ||
		m->node[name].attached == id);
}

static bool nodes_differ(const struct model *m,
			 const struct fuse_backing_entry *entry)
{
	if (entry->nr_nodes > FUSE_BACKING_ENTRY_NODES ||
	    !entry->nr_nodes == model_is_used(m, entry->id) ||
	    entry->flags & ~FUSE_BACKING_ENTRY_MORE_NODES)
		return true;
	for (__u32 i = 0; i < entry->nr_nodes; i++)
		if (!uses_node(m, entry->id, entry->nodeid[i]))
			return true;
	return false;
}

const char *model_entry_differs(const struct model *m, __u32 start,
				const struct fuse_backing_entry *entry)
{
	__u32 id = model_next(m, start);
	const struct model_mapping *map = &m->map[id];
	unsigned long long extents, bytes;

	if (!id || (__u32)entry->id != id)
		return "id";
	if (entry->mode != mode_of(map))
		return "mode";
	if (entry->state != state_of(m, id))
		return "state";
	if (entry->access != (map->mode & (MODEL_READ | MODEL_WRITE)))
		return "access";
	if (entry->files != count_files(m, id))
		return "files";
	if (entry->mmaps != map->pins)
		return "mmaps";
	if (entry->attached != model_count_attached(m, id))
		return "attached";
	if (entry->pending != model_count_pending(m, id))
		return "pending";
	if (nodes_differ(m, entry))
		return "nodes";
	model_count_extents(m, id, &extents, &bytes);
	if (entry->extents != extents)
		return "extents";
	if (entry->extent_bytes != bytes)
		return "bytes in extents";
	return entry->reserved ? "reserved" : NULL;
}
