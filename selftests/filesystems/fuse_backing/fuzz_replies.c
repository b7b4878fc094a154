// SPDX-License-Identifier: GPL-2.0
/*
 * What the fuzzer's server answers. See fuzz_replies.h.
 */

#include <errno.h>

#include "fuse_server.h"
#include "fuzz.h"
#include "fuzz_names.h"
#include "fuzz_random.h"
#include "fuzz_replies.h"

struct reply random_reply(const struct fuzz_mount *mount, int name)
{
	struct reply r = {
		.id = random_id(mount),
		.flags = FOPEN_PASSTHROUGH,
	};

	if (chance(15))
		r.flags |= random_u32() & GOOD_FLAGS;
	if (chance(5))
		r.flags |= random_u32();
	if (chance(5))
		r.flags = random_u32();
	/* ENOSYS is for the whole connection, CREATE's error is the server's */
	if (chance(5) && !name_is_created(name))
		r.error = 1 + below(511);
	if (r.error == ENOSYS)
		r.error = EIO;
	return r;
}

void set_reply(struct fuse_server_file *file, const struct reply *r)
{
	file->open_error = r->error;
	file->backing_id = r->id;
	file->open_flags = r->flags;
}
