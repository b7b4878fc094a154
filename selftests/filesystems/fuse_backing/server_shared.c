// SPDX-License-Identifier: GPL-2.0
/*
 * What a FUSE server and its test share. See server_shared.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <linux/fuse.h>

#include "server_shared.h"

#define FIRST_NODE	(FUSE_ROOT_ID + 1)

struct fuse_server_shared *server_shared_new(void)
{
	struct fuse_server_shared *sh;

	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED)
		return NULL;
	sh->getxattr_error = ENODATA;
	sh->entry_valid = 60;
	sh->attr_valid = 60;
	return sh;
}

void server_shared_free(struct fuse_server_shared *sh)
{
	munmap(sh, sizeof(*sh));
}

struct fuse_server_file *server_shared_find(struct fuse_server_shared *sh,
					    const char *name)
{
	for (int i = 0; i < FUSE_SERVER_FILES; i++)
		if (sh->file[i].in_use && !strcmp(sh->file[i].name, name))
			return &sh->file[i];
	return NULL;
}

struct fuse_server_file *server_shared_at(struct fuse_server_shared *sh,
					  __u64 node)
{
	if (node < FIRST_NODE || node >= FIRST_NODE + FUSE_SERVER_FILES ||
	    !sh->file[node - FIRST_NODE].in_use)
		return NULL;
	return &sh->file[node - FIRST_NODE];
}

__u64 server_shared_node(const struct fuse_server_shared *sh,
			 const struct fuse_server_file *file)
{
	return file - sh->file + FIRST_NODE;
}

struct fuse_server_file *server_shared_add(struct fuse_server_shared *sh,
					   const char *name)
{
	struct fuse_server_file *file;

	if (strlen(name) >= FUSE_SERVER_NAME)
		return NULL;
	for (int i = 0; i < FUSE_SERVER_FILES; i++) {
		file = &sh->file[i];
		if (file->in_use)
			continue;
		memset(file, 0, sizeof(*file));
		snprintf(file->name, sizeof(file->name), "%s", name);
		file->in_use = true;
		return file;
	}
	return NULL;
}
