// SPDX-License-Identifier: GPL-2.0
/*
 * Sizes of nodes that have extents. See fuzz_sizes.h.
 */

#include <sys/stat.h>

#include "fuzz.h"
#include "fuzz_model.h"
#include "fuzz_model_sets.h"
#include "fuzz_names.h"
#include "fuzz_sizes.h"
#include "scratch.h"

static struct client *client_of(int mount, int name)
{
	struct client *c;

	for (c = session.client; c < session.client + CLIENTS; c++)
		if (c->in_use && c->fd >= 0 && c->mount == mount &&
		    c->name == name)
			return c;
	return NULL;
}

/* Without a file that is open; 0 if that would change what the kernel knows */
static bool can_stat(const struct fuzz_mount *mount, int name)
{
	return mount->model.node[name].known && name < CREATED &&
	       !(mount->dropped & 1U << name) && !mount->model.aborted;
}

/* A lookup would tell the kernel nothing: the server's file is as it was. */
static bool is_as_seen(const struct model_set *set, int name)
{
	struct stat st;

	return set->size_known && !stat(scratch_path(names[name]), &st) &&
	       (__u64)st.st_size == set->size;
}

static void see_node(struct fuzz_mount *mount, int name)
{
	struct model_set *set = mount->model.node[name].set;
	struct client *c = client_of(mount - session.mount, name);
	struct stat st;

	if (c && c->set)
		set = c->set;
	if (!set || mount->model.aborted)
		return;
	if (c ? !fstat(c->fd, &st) :
		can_stat(mount, name) && !stat_name(mount, name, &st))
		model_see_size(set, st.st_size);
	else
		set->unsure = true;
}

/* Of a file that is open, the kernel's own changes; of others, the server's */
static void see_change(struct fuzz_mount *mount, int name)
{
	const struct model_set *set = mount->model.node[name].set;

	if (client_of(mount - session.mount, name) ||
	    (set && !is_as_seen(set, name)))
		see_node(mount, name);
}

void see_sizes(void)
{
	for (int i = 0; i < MOUNTS; i++)
		for (int name = 0; name < NAMES; name++)
			see_change(&session.mount[i], name);
}

bool see_before(struct fuzz_mount *mount, __u64 name)
{
	struct stat st;

	if (name >= NAMES || !mount->model.node[name].known)
		return true;
	if (!can_stat(mount, name) || stat_name(mount, name, &st))
		return false;
	see_node(mount, name);
	return true;
}
