// SPDX-License-Identifier: GPL-2.0
/*
 * Opens of the fuzzer's clients. See fuzz_opens.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "fuse_server.h"
#include "fuzz.h"
#include "fuzz_clients.h"
#include "fuzz_extents_io.h"
#include "fuzz_files.h"
#include "fuzz_model.h"
#include "fuzz_model_ids.h"
#include "fuzz_model_opens.h"
#include "fuzz_names.h"
#include "fuzz_opens.h"
#include "fuzz_random.h"
#include "fuzz_replies.h"
#include "scratch.h"

int random_open_flags(int name)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	int flags = modes[below(3)] | O_CLOEXEC;

	if (chance(25))
		flags |= O_APPEND;
	if (chance(5))
		flags |= O_DIRECT;
	/* may_open() looks at the owner that the server tells */
	if (name <= OWN_LAST && chance(5))
		flags |= O_NOATIME;
	if (name == EMPTIED)
		flags |= O_TRUNC;
	if (name_is_created(name))
		flags |= O_CREAT | (chance(50) ? O_EXCL : 0);
	return flags;
}

static int expect_open(const struct fuzz_mount *mount, int name, int flags,
		       const struct reply *r, bool *append_only)
{
	const struct model_mapping *map;
	int err;

	if (mount->model.aborted)
		return -ENOTCONN;
	if (r->error)
		return -r->error;
	if (!(r->flags & FOPEN_PASSTHROUGH))
		return model_fits_extents(&mount->model, name) ? 0 : -EIO;
	if (r->flags & ~GOOD_FLAGS || r->id <= 0)
		return -EINVAL;
	if (!model_live(&mount->model, r->id))
		return -ENOENT;
	map = &mount->model.map[r->id];
	err = model_permission(map, rights[map->file], flags, append_only);
	if (err)
		return err;
	if (name == PLAIN)
		return -ETXTBSY;
	return model_fits(&mount->model, name, r->id) ? 0 : -EBUSY;
}

bool is_local_open(const struct fuzz_mount *mount, int name, int flags,
		   int *result, bool *append_only)
{
	const struct model *m = &mount->model;
	int id = model_attached(m, name, flags);

	/* what is created was opened by who made it */
	if (name_is_created(name))
		return false;
	*result = 0;
	if (model_extents(m, name, flags))
		return model_fits_extents(m, name);
	if (!id)
		return false;
	*result = model_permission(&m->map[id], rights[m->map[id].file], flags,
				   append_only);
	return *result || model_fits(m, name, id);
}

void check_client(struct client *c)
{
	if (c->set)
		return extents_client_read(c);
	if ((c->flags & O_ACCMODE) != O_WRONLY && !c->direct &&
	    !is_file(c->fd, c->file))
		fail("id %d of \"%s\" is not \"%s\"", c->id, names[c->name],
		     names[c->file]);
}

static void count_open(int got)
{
	if (got < 0)
		totals->not_opened++;
	else
		totals->opened++;
}

struct client *judge_open(struct fuzz_mount *mount, int name, int flags,
			  const struct reply *r, int got)
{
	struct client *c = NULL;
	bool append_only = false;
	int want = expect_open(mount, name, flags, r, &append_only);

	count_open(got);
	if (want ? got != want : got < 0) {
		/* requests in flight are aborted with another error */
		if (want != -ENOTCONN || got != -ECONNABORTED)
			fail("open of \"%s\" flags %#o, reply id %d flags %#x: %d, expected %d",
			     names[name], flags, r->id, r->flags, got, want);
		if (got >= 0)
			close(got);
	} else if (got >= 0 && !(r->flags & FOPEN_PASSTHROUGH)) {
		close(got);
	} else if (got >= 0) {
		c = note_client(mount, got, name, flags, r->id);
		c->direct = r->flags & FOPEN_DIRECT_IO;
		c->append_only = append_only;
	}
	if (!r->error && r->flags & FOPEN_PASSTHROUGH)
		model_claim(&mount->model, r->id);
	return c;
}

/* The same for an open without the server. */
static void judge_local(struct fuzz_mount *mount, int name, int flags,
			bool append_only, int want, int got)
{
	struct client *c;

	count_open(got);
	totals->local++;
	if (want ? got != want : got < 0)
		fail("open of \"%s\", attached, flags %#o: %d, expected %d",
		     names[name], flags, got, want);
	if (want || got < 0)
		return;
	c = note_client(mount, got, name, flags,
			mount->model.node[name].attached);
	c->local = true;
	c->append_only = append_only;
	check_client(c);
}

/* One that has extents, rather than not. */
static int random_name(const struct fuzz_mount *mount)
{
	int name = below(NAMES);

	for (int i = 0; i < 4 && !mount->model.node[name].set && chance(60); i++)
		name = below(NAMES);
	return name;
}

void op_open(struct fuzz_mount *mount)
{
	int name = random_name(mount), flags, got, want;
	bool append_only = false, local;
	struct client *c;
	struct reply r;
	__u32 opens;

	if (!free_client())
		return;
	flags = random_open_flags(name);
	r = random_reply(mount, name);
	set_reply(&mount->srv.sh->file[name], &r);
	opens = fuse_server_ops(&mount->srv, FUSE_OPEN);
	got = fuse_server_open(&mount->srv, names[name], flags);
	opens = fuse_server_ops(&mount->srv, FUSE_OPEN) - opens;
	if (name_is_created(name))
		unlink(scratch_path(names[name]));
	look_up_name(mount, name);
	local = is_local_open(mount, name, flags, &want, &append_only);
	if (local !=
	    (!opens && !name_is_created(name) && !mount->model.aborted))
		fail("open of \"%s\" flags %#o: %u requests, expected %s",
		     names[name], flags, opens, local ? "none" : "one");
	if (local) {
		judge_local(mount, name, flags, append_only, want, got);
	} else {
		c = judge_open(mount, name, flags, &r, got);
		if (c)
			check_client(c);
	}
}
