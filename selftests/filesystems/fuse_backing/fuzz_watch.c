// SPDX-License-Identifier: GPL-2.0
/*
 * What a server is asked for. See fuzz_watch.h.
 */

#include "fuse_server.h"
#include "fuzz.h"
#include "fuzz_clients.h"
#include "fuzz_model_ids.h"
#include "fuzz_replies.h"
#include "fuzz_watch.h"

struct watch watch_server(const struct client *c)
{
	struct fuzz_mount *mount = &session.mount[c->mount];
	struct watch watch = {
		.reply = random_reply(mount, c->name),
		.opens = fuse_server_ops(&mount->srv, FUSE_OPEN),
		.data = fuse_server_data_ops(&mount->srv),
	};

	set_reply(&mount->srv.sh->file[c->name], &watch.reply);
	return watch;
}

void check_server(struct client *c, const struct watch *watch, bool asks,
		  bool maybe)
{
	struct fuzz_mount *mount = &session.mount[c->mount];
	bool want = asks && has_no_handle(c) && !mount->model.aborted;
	__u32 opens = fuse_server_ops(&mount->srv, FUSE_OPEN) - watch->opens;
	__u32 data = fuse_server_data_ops(&mount->srv) - watch->data;

	if (opens && !want)
		fail("the server had to open \"%s\"", names[c->name]);
	if (data && !asks)
		fail("the server had to read or write \"%s\"",
		     names[c->name]);
	if (!opens && want && !maybe)
		fail("the server was not asked to open \"%s\"",
		     names[c->name]);
	if (!opens)
		return;
	c->has_handle = !watch->reply.error;
	if (c->has_handle && watch->reply.flags & FOPEN_PASSTHROUGH)
		model_claim(&mount->model, watch->reply.id);
}
