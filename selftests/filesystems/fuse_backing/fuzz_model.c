// SPDX-License-Identifier: GPL-2.0
/*
 * What a mount's table of backing files must look like. See fuzz_model.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "backing_files.h"
#include "fuzz_model.h"

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

const char *model_registered(struct model *m, int id, __u8 file, __u8 mode)
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
	*map = (struct model_mapping) {
		.in_table = true,
		.file = file,
		.mode = mode,
	};
	return NULL;
}

static void remove_unused(struct model *m, struct model_mapping *map)
{
	if (!map->in_table || !map->closed || map->users || map->pins)
		return;
	map->in_table = false;
	map->removed_at = m->handed_out;
	m->count--;
}

void model_close(struct model *m, int id)
{
	m->map[id].closed = true;
	remove_unused(m, &m->map[id]);
}

void model_open(struct model *m, int id)
{
	m->map[id].users++;
}

void model_release(struct model *m, int id)
{
	m->map[id].users--;
	remove_unused(m, &m->map[id]);
}

void model_pin(struct model *m, int id, unsigned int name)
{
	m->map[id].pins |= 1U << name;
}

void model_evict(struct model *m, unsigned int name)
{
	for (int id = 1; id < MODEL_IDS; id++) {
		if (!(m->map[id].pins & 1U << name))
			continue;
		m->map[id].pins &= ~(1U << name);
		remove_unused(m, &m->map[id]);
		m->settling = true;
	}
}

void model_abort(struct model *m)
{
	for (int id = 1; id < MODEL_IDS; id++) {
		m->map[id].closed = true;
		remove_unused(m, &m->map[id]);
	}
	m->aborted = true;
	m->settling = true;
}

static const char *access_of(const struct model_mapping *map)
{
	static const char * const names[] = { "-", "r", "w", "rw" };

	return names[map->mode & (MODEL_READ | MODEL_WRITE)];
}

static const char *line_differs(const struct model_mapping *map,
				const struct backing_line *line)
{
	if (!map->in_table)
		return "an id that is not in the table";
	if (strcmp(line->state, map->closed ? "closing" : "live"))
		return "state";
	if (strcmp(line->access, access_of(map)))
		return "access";
	if (line->files != map->users)
		return "files";
	if (line->mmaps != (unsigned int)__builtin_popcount(map->pins))
		return "mmaps";
	if (!strcmp(line->nodes, "-") == (map->users || map->pins))
		return "nodes";
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
	for (int i = 0; i < files->count && !wrong; i++) {
		const struct backing_line *line = &files->line[i];

		wrong = line->id >= MODEL_IDS ? "id out of range" :
			line_differs(&m->map[line->id], line);
	}
	return wrong;
}

static bool wants(int flags, int mode)
{
	return (flags & O_ACCMODE) == mode || (flags & O_ACCMODE) == O_RDWR;
}

int model_permission(const struct model_mapping *map, __u8 rights, int flags,
		     bool *append_only)
{
	*append_only = false;
	if (wants(flags, O_RDONLY) && !((map->mode | rights) & MODEL_READ))
		return -EACCES;
	if (!wants(flags, O_WRONLY))
		return 0;
	if (!((map->mode | rights) & MODEL_WRITE))
		return -EACCES;
	*append_only = (rights & MODEL_APPEND) ||
		       (!(rights & MODEL_WRITE) && (map->mode & MODEL_APPEND));
	return *append_only && !(flags & O_APPEND) ? -EPERM : 0;
}
