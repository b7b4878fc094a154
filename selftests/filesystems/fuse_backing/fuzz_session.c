// SPDX-License-Identifier: GPL-2.0
/*
 * A session of the fuzzer's. See fuzz_session.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "fuse_server.h"
#include "fuzz.h"
#include "fuzz_clients.h"
#include "fuzz_descriptors.h"
#include "fuzz_model.h"
#include "fuzz_model_ids.h"
#include "fuzz_ops.h"
#include "fuzz_session.h"
#include "fuzz_sizes.h"
#include "fuzz_table.h"
#include "scratch.h"

/* What it starts from */

static int add_mount(struct fuzz_mount *mount, const char *mountpoint)
{
	struct fuse_server_opts opts = {
		.mountpoint = mountpoint,
		.backing = SCRATCH_BACKING,
		.uid = OWNER,
	};
	int err = fuse_server_start(&mount->srv, &opts);

	if (err)
		return err;
	mount->srv.sh->entry_valid = 0;
	for (int i = 0; i < NAMES; i++)
		if (!fuse_server_add(&mount->srv, names[i]))
			return -ENOSPC;
	model_init(&mount->model, HARD_LIMIT);
	mount->model.node[PLAIN].cached = true;
	return 0;
}

static int add_clone(struct fuzz_mount *mount)
{
	__u32 fd = mount->srv.fd;

	mount->clone = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (mount->clone >= 0 && ioctl(mount->clone, FUSE_DEV_IOC_CLONE, &fd))
		return -errno;
	return 0;
}

static int drop_privileges(void)
{
	static const struct creds owner = { .uid = OWNER, .gid = OWNER };
	struct rlimit limit = { SOFT_LIMIT, HARD_LIMIT };

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	return creds_set(&owner);
}

static int session_start(void)
{
	int err = 0;

	for (int i = 0; i < MOUNTS && !err; i++)
		err = add_mount(&session.mount[i], mountpoints[i]);
	add_given_descriptors();
	if (!err)
		err = drop_privileges();
	session.unmounted = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (session.unmounted < 0 || pipe2(session.pipe, O_CLOEXEC) < 0)
		return -errno;
	for (int i = 0; i < MOUNTS && !err; i++) {
		err = add_clone(&session.mount[i]);
		if (!err)
			add_descriptors_of(&session.mount[i]);
	}
	add_own_descriptors();
	add_special_descriptors();
	return err;
}

/* and how it ends */

static void close_all(void)
{
	for (int i = 0; i < CLIENTS; i++) {
		struct client *c = &session.client[i];

		if (c->in_use && c->map)
			client_unmap(c);
		if (c->in_use && c->fd >= 0)
			client_close(c);
	}
	for (int i = 0; i < MOUNTS; i++) {
		const struct fuse_server_shared *sh = session.mount[i].srv.sh;

		check_table(&session.mount[i]);
		if (sh->bad_fh)
			fail("mount %d: opcode %u has a handle that was never given",
			     i, sh->bad_op);
	}
	for (int i = 0; i < session.descriptors; i++)
		close(session.descriptor[i].fd);
}

/* All is unmounted, but /dev/fuse is still open. */
static void check_after_umount(void)
{
	static const struct fuse_backing_extent hole = {
		.length = 1,
		.flags = FUSE_BACKING_EXTENT_HOLE,
	};
	struct fuse_backing_entry entry;
	struct dev_fdinfo info;

	for (int i = 0; i < MOUNTS; i++) {
		int dev = session.mount[i].srv.fd;

		if (dev < 0)
			continue;
		if (fuse_backing_open_path(dev, SCRATCH_ROOT "/regular",
					   O_RDONLY) != -ENOTCONN ||
		    fuse_backing_close(dev, 1) != -ENOENT ||
		    fuse_attach_backing(dev, MODEL_FIRST_NODE, 0, 1,
					MODEL_READ) != -ENOTCONN ||
		    fuse_backing_set_extents(dev, MODEL_FIRST_NODE, &hole, 1,
					     MODEL_READ) != -ENOTCONN ||
		    fuse_detach_backing(dev, MODEL_FIRST_NODE, 0, 0) != -ENOENT ||
		    fuse_list_backing(dev, &entry, 1) ||
		    fuse_backing_close_all(dev) ||
		    dev_fdinfo_read(dev, &info) || info.thread || info.count)
			fail("mount %d is not gone", i);
	}
}

static bool handshake(int to, int from)
{
	char byte = 0;

	return write(to, &byte, 1) == 1 && read(from, &byte, 1) == 1;
}

void session_run(unsigned long ops, int to, int from)
{
	int err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	err = session_start();
	if (err)
		fail("start: %d", err);
	for (unsigned long i = 0; i < ops && !session.failed; i++) {
		one_op();
		see_sizes();
		session.op++;
		totals->done++;
	}
	if (!err)
		close_all();
	if (!handshake(to, from))
		fail("the parent is gone");
	if (!session.failed)
		check_after_umount();
	_exit(session.failed);
}
