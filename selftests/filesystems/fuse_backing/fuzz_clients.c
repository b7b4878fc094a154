// SPDX-License-Identifier: GPL-2.0
/*
 * Open files of the fuzzer's clients. See fuzz_clients.h.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "fuzz_clients.h"
#include "fuzz_model.h"
#include "fuzz_model_nodes.h"
#include "fuzz_names.h"

struct client *free_client(void)
{
	for (int i = 0; i < CLIENTS; i++)
		if (!session.client[i].in_use)
			return &session.client[i];
	return NULL;
}

struct client *note_client(struct fuzz_mount *mount, int fd, int name,
			   int flags, int id)
{
	struct client *c = free_client();

	*c = (struct client) {
		.in_use = true,
		.fd = fd,
		.mount = mount - session.mount,
		.name = name,
		.id = id,
		.flags = flags,
		.file = mount->model.map[id].file,
	};
	if (id) {
		model_open(&mount->model, id, name);
	} else {
		c->set = mount->model.node[name].set;
		model_open_extents(&mount->model, c->set, name);
	}
	return c;
}

bool may_read(const struct client *c)
{
	return (c->flags & O_ACCMODE) != O_WRONLY;
}

bool may_write(const struct client *c)
{
	return (c->flags & O_ACCMODE) != O_RDONLY;
}

bool has_no_handle(const struct client *c)
{
	return c->local && !c->has_handle;
}

/* It has nothing without the server any more. */
static void release_client(struct client *c)
{
	struct model *m = &session.mount[c->mount].model;

	if (c->set)
		model_release_extents(m, c->set, c->name);
	else
		model_release(m, c->id, c->name);
	c->set = NULL;
}

/* Nobody has the backing file any more, which was mapped. */
static void unpin_client(struct client *c)
{
	if (!c->pinned || c->mapped || (c->fd >= 0 && !c->revoked))
		return;
	c->pinned = false;
	model_unpin(&session.mount[c->mount].model, c->id, c->name);
}

void revoke_client(struct client *c)
{
	release_client(c);
	c->revoked = true;
	c->direct = true;
	unpin_client(c);
	totals->revoked++;
}

void revoke_clients(struct fuzz_mount *mount, int name)
{
	for (int i = 0; i < CLIENTS; i++) {
		struct client *c = &session.client[i];

		if (c->in_use && c->fd >= 0 && !c->revoked && c->name == name &&
		    c->mount == mount - session.mount)
			revoke_client(c);
	}
}

static void drop_client(struct client *c)
{
	if (c->fd >= 0 || c->map)
		return;
	c->in_use = false;
	evict_dropped(&session.mount[c->mount]);
}

void client_close(struct client *c)
{
	close(c->fd);
	c->fd = -1;
	if (!c->revoked && !(c->set && c->map))
		release_client(c);
	unpin_client(c);
	drop_client(c);
}

void client_mapped(struct client *c, void *map)
{
	c->map = map;
	c->mapped = true;
	session.mount[c->mount].model.node[c->name].maps++;
}

void client_unmap(struct client *c)
{
	munmap(c->map, PAGE);
	c->map = NULL;
	if (c->mapped)
		session.mount[c->mount].model.node[c->name].maps--;
	c->mapped = false;
	if (c->set && c->fd < 0)
		release_client(c);
	unpin_client(c);
	drop_client(c);
}

void client_flags(struct client *c)
{
	int flags = c->flags ^ O_APPEND;

	if (!fcntl(c->fd, F_SETFL, flags & (O_APPEND | O_DIRECT)))
		c->flags = flags;
}
