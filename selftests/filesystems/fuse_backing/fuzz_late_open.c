// SPDX-License-Identifier: GPL-2.0
/*
 * An open that the server answers late. See fuzz_late_open.h.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>

#include "fuse_server.h"
#include "fuzz.h"
#include "fuzz_abort.h"
#include "fuzz_attach.h"
#include "fuzz_clients.h"
#include "fuzz_extents.h"
#include "fuzz_ids.h"
#include "fuzz_late_open.h"
#include "fuzz_model.h"
#include "fuzz_names.h"
#include "fuzz_opens.h"
#include "fuzz_random.h"
#include "fuzz_replies.h"

/* Somebody who opens while the main thread goes on. */
struct late {
	pthread_t thread;
	const struct fuse_server *srv;
	int name;
	int flags;
	__u32 revocations;	/* when it began */
	int result;
	bool done;
};

static void *late_open(void *arg)
{
	struct late *late = arg;

	late->result = fuse_server_open(late->srv, names[late->name],
					late->flags);
	__atomic_store_n(&late->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool late_done(const struct late *late)
{
	return __atomic_load_n(&late->done, __ATOMIC_ACQUIRE);
}

/* The server goes on before it answers. */
static void between(struct fuzz_mount *mount)
{
	for (int i = below(8); i; i--) {
		switch (below(9)) {
		case 0 ... 2:
			op_register(mount);
			break;
		case 3 ... 5:
			op_close_id(mount);
			break;
		case 6:
			op_attach(mount);
			break;
		case 7:
			op_extents(mount);
			break;
		default:
			op_detach(mount);
		}
	}
	if (chance(2))
		abort_mount(mount);
}

void op_late_open(struct fuzz_mount *mount)
{
	struct late late = {
		.srv = &mount->srv,
		.name = below(EMPTIED),
	};
	struct fuse_server_file *file = &mount->srv.sh->file[late.name];
	const struct model_node *node = &mount->model.node[late.name];
	bool append_only;
	struct client *c;
	struct reply r;
	struct stat st;
	int result;

	if (!free_client() || mount->model.aborted)
		return;
	late.flags = random_open_flags(late.name);
	if (stat_name(mount, late.name, &st))
		fail("stat of \"%s\": errno %d", names[late.name], errno);
	look_up_name(mount, late.name);
	late.revocations = node->revocations;
	if (is_local_open(mount, late.name, late.flags, &result, &append_only))
		return;
	file->open_error = 0;
	file->hold_open = true;
	if (pthread_create(&late.thread, NULL, late_open, &late))
		return;
	while (!late_done(&late) && !mount->srv.sh->held_count)
		sched_yield();
	between(mount);
	file->hold_open = false;
	r = random_reply(mount, late.name);
	r.error = 0;
	set_reply(file, &r);
	mount->srv.sh->release_held = true;
	pthread_join(late.thread, NULL);
	totals->late++;
	c = judge_open(mount, late.name, late.flags, &r, late.result);
	if (c && late.revocations != node->revocations)
		revoke_client(c);
	if (c)
		check_client(c);
}
