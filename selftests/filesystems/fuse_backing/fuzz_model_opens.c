// SPDX-License-Identifier: GPL-2.0
/*
 * What opens come to, in the model. See fuzz_model_opens.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>

#include "fuzz_model.h"
#include "fuzz_model_opens.h"

static bool wants(int flags, int mode)
{
	return (flags & O_ACCMODE) == mode || (flags & O_ACCMODE) == O_RDWR;
}

static bool is_good_for(__u8 modes, int flags)
{
	return (!wants(flags, O_RDONLY) || modes & MODEL_READ) &&
	       (!wants(flags, O_WRONLY) || modes & MODEL_WRITE);
}

int model_attached(const struct model *m, unsigned int name, int flags)
{
	const struct model_node *node = &m->node[name];

	if (node->cached || m->aborted || !is_good_for(node->modes, flags))
		return 0;
	return node->attached;
}

struct model_set *model_extents(const struct model *m, unsigned int name,
				int flags)
{
	const struct model_node *node = &m->node[name];

	if (node->cached || m->aborted || !node->set ||
	    !is_good_for(node->set->modes, flags))
		return NULL;
	return node->set;
}

bool model_fits(const struct model *m, unsigned int name, int id)
{
	return !m->node[name].opens || m->node[name].file == m->map[id].file;
}

bool model_fits_extents(const struct model *m, unsigned int name)
{
	return !m->node[name].opens || m->node[name].file == MODEL_OWN_EXTENTS;
}

int model_permission(const struct model_mapping *map, __u8 rights, int flags,
		     bool *append_only)
{
	*append_only = false;
	if (map->as_opened)
		rights &= MODEL_APPEND;
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
