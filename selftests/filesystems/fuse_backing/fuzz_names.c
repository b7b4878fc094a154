// SPDX-License-Identifier: GPL-2.0
/*
 * Names on the fuzzer's mounts. See fuzz_names.h.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "fuzz_model.h"
#include "fuzz_model_nodes.h"
#include "fuzz_names.h"
#include "fuzz_random.h"

bool name_is_used(int mount, int name)
{
	for (int i = 0; i < CLIENTS; i++) {
		const struct client *c = &session.client[i];

		if (c->in_use && c->mount == mount && c->name == name)
			return true;
	}
	return false;
}

int stat_name(const struct fuzz_mount *mount, int name, struct stat *st)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", mount->srv.mountpoint,
		 names[name]);
	return stat(path, st) < 0 ? -errno : 0;
}

bool name_is_created(int name)
{
	return name == CREATED || name == CREATED_TOO;
}

/*
 * A lookup of @name fails: the kernel drops its dentry, and evicts the inode as
 * soon as nobody uses it.
 */
static void drop_name(struct fuzz_mount *mount, int name)
{
	mount->dropped |= 1U << name;
}

void evict_dropped(struct fuzz_mount *mount)
{
	for (int name = 0; name < NAMES; name++) {
		if (!(mount->dropped & 1U << name) ||
		    name_is_used(mount - session.mount, name))
			continue;
		mount->dropped &= ~(1U << name);
		model_evict(&mount->model, name);
	}
}

void look_up_name(struct fuzz_mount *mount, int name)
{
	if (mount->model.aborted ||
	    (name_is_created(name) &&
	     !name_is_used(mount - session.mount, name)))
		drop_name(mount, name);
	evict_dropped(mount);
	if (!mount->model.aborted)
		model_look_up(&mount->model, name);
}

void op_forget(struct fuzz_mount *mount)
{
	int name = below(PLAIN);
	struct stat st;

	if (mount->model.aborted || name_is_used(mount - session.mount, name))
		return;
	mount->srv.sh->file[name].in_use = false;
	if (stat_name(mount, name, &st) != -ENOENT)
		fail("stat of \"%s\": errno %d", names[name], errno);
	mount->srv.sh->file[name].in_use = true;
	drop_name(mount, name);
	evict_dropped(mount);
}
