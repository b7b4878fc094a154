// SPDX-License-Identifier: GPL-2.0
/*
 * How the fuzzer's connections end. See fuzz_abort.h.
 */

#include <unistd.h>

#include "fuse_server.h"
#include "fuzz.h"
#include "fuzz_abort.h"
#include "fuzz_model_ids.h"
#include "fuzz_random.h"

void abort_mount(struct fuzz_mount *mount)
{
	int err = fuse_server_abort(&mount->srv);

	if (err)
		fail("abort: %d", err);
	model_abort(&mount->model);
	totals->aborts++;
}

/* The server dies, and all descriptors of the connection with it. */
static void lose_server(struct fuzz_mount *mount)
{
	fuse_server_kill(&mount->srv);
	fuse_server_close_dev(&mount->srv);
	if (mount->clone >= 0)
		close(mount->clone);
	mount->clone = -1;
	model_abort(&mount->model);
	totals->aborts++;
}

void op_abort(struct fuzz_mount *mount)
{
	if (mount->model.aborted || chance(60))
		return;
	if (chance(50))
		abort_mount(mount);
	else
		lose_server(mount);
}
