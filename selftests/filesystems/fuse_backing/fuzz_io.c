// SPDX-License-Identifier: GPL-2.0
/*
 * I/O of the fuzzer's clients. See fuzz_io.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fuse_server.h"
#include "fuzz.h"
#include "fuzz_clients.h"
#include "fuzz_extents_io.h"
#include "fuzz_files.h"
#include "fuzz_io.h"
#include "fuzz_model_ids.h"
#include "fuzz_model_nodes.h"
#include "fuzz_random.h"
#include "fuzz_replies.h"

static void client_read(struct client *c)
{
	if (may_read(c) && !c->direct && !is_file(c->fd, c->file))
		fail("\"%s\" does not read as \"%s\"", names[c->name],
		     names[c->file]);
}

/* Without O_APPEND, or in spite of it. */
static void client_write(struct client *c)
{
	char data[] = "some bytes";
	struct iovec iov = { data, 1 + below(sizeof(data)) };
	int rwf = chance(10) ? RWF_NOAPPEND : 0;
	bool append = (c->flags & O_APPEND) && !rwf;
	ssize_t n;

	n = pwritev2(c->fd, &iov, 1, KEPT + below(KEPT), rwf);
	if (c->direct || (n < 0 && errno == EINVAL && (c->flags & O_DIRECT)))
		return;
	if (!may_write(c) ? n != -1 || errno != EBADF :
	    c->append_only && !append ? n != -1 || errno != EPERM :
	    n != (ssize_t)iov.iov_len)
		fail("write to \"%s\" flags %#o rwf %#x: %zd, errno %d",
		     names[c->file], c->flags, rwf, n, errno);
}

/* Only privately, if the server has opened it, and if nobody writes elsewhere. */
static bool may_map_revoked(const struct client *c, bool shared)
{
	return !shared && !has_no_handle(c) &&
	       !session.mount[c->mount].model.node[c->name].opens;
}

static void client_map_revoked(struct client *c)
{
	bool shared = chance(50);
	int want = !may_read(c) ? EACCES :
		   !may_map_revoked(c, shared) ? ENODEV : 0;
	void *map;

	map = mmap(NULL, PAGE, PROT_READ, shared ? MAP_SHARED : MAP_PRIVATE,
		   c->fd, 0);
	if (want ? map != MAP_FAILED || errno != want : map == MAP_FAILED)
		fail("mmap of \"%s\", revoked, shared %d: %p, errno %d, expected %d",
		     names[c->name], shared, map, errno, want);
	if (map != MAP_FAILED)
		c->map = map;
}

static void client_map(struct client *c)
{
	int prot = may_write(c) && chance(70) ? PROT_READ | PROT_WRITE :
						PROT_READ;
	bool shared = chance(60);
	bool refused = c->append_only && shared && may_write(c);
	void *map;

	if (c->map)
		return client_unmap(c);
	if (c->revoked)
		return client_map_revoked(c);
	map = mmap(NULL, PAGE, prot, shared ? MAP_SHARED : MAP_PRIVATE, c->fd,
		   0);
	if (!may_read(c) ? map != MAP_FAILED || errno != EACCES :
	    refused ? map != MAP_FAILED || errno != EACCES : map == MAP_FAILED)
		fail("mmap of \"%s\" flags %#o: %p, errno %d", names[c->file],
		     c->flags, map, errno);
	if (map == MAP_FAILED)
		return;
	client_mapped(c, map);
	if (!c->pinned)
		model_pin(&session.mount[c->mount].model, c->id, c->name);
	c->pinned = true;
	if (*(__u32 *)map != c->file)
		fail("mapping of \"%s\" is not \"%s\"", names[c->name],
		     names[c->file]);
	if (prot & PROT_WRITE)
		c->map[64 + below(1024)]++;
}

static void client_splice(struct client *c)
{
	loff_t pos = KEPT;
	char byte = 0;
	ssize_t n;

	if (chance(50)) {
		n = splice(c->fd, &pos, session.pipe[1], NULL, 1, 0);
	} else {
		n = write(session.pipe[1], &byte, 1);
		if (n == 1 && splice(session.pipe[0], NULL, c->fd, &pos, 1,
				     0) == 1)
			n = 0;
	}
	if (n > 0 && read(session.pipe[0], &byte, 1) != 1)
		fail("pipe: errno %d", errno);
}

static void client_misc(struct client *c)
{
	struct stat st;

	switch (below(4)) {
	case 0:
		/* of what is open, or what the server finds by the name */
		if (ftruncate(c->fd, KEPT + below(KEPT)) < 0)
			break;
		break;
	case 1:
		fstat(c->fd, &st);
		break;
	case 2:
		fsync(c->fd);
		break;
	case 3:
		lseek(c->fd, below(START_SIZE), SEEK_SET);
		break;
	}
}

static void client_do(struct client *c)
{
	switch (below(8)) {
	case 0 ... 1:
		client_read(c);
		break;
	case 2 ... 3:
		client_write(c);
		break;
	case 4:
		client_map(c);
		break;
	case 5:
		client_splice(c);
		break;
	case 6:
		client_flags(c);
		break;
	default:
		client_misc(c);
	}
}

/* The first I/O of what was revoked opens it at the server, or fails. */
static void client_get_handle(struct client *c)
{
	struct fuzz_mount *mount = &session.mount[c->mount];
	struct reply r = random_reply(mount, c->name);
	bool gone = mount->model.aborted;
	__u32 opens = fuse_server_ops(&mount->srv, FUSE_OPEN);
	int want = 0, got;

	if (gone || r.error)
		want = !gone && r.error == EINTR ? -EINTR : -EIO;
	set_reply(&mount->srv.sh->file[c->name], &r);
	got = fsync(c->fd) < 0 ? -errno : 0;
	opens = fuse_server_ops(&mount->srv, FUSE_OPEN) - opens;
	if (got != want || opens != !gone)
		fail("first I/O of \"%s\", revoked: %d and %u requests, expected %d",
		     names[c->name], got, opens, want);
	if (want)
		return;
	c->has_handle = true;
	if (r.flags & FOPEN_PASSTHROUGH)
		model_claim(&mount->model, r.id);
}

static void client_io(struct client *c)
{
	const struct fuse_server *srv = &session.mount[c->mount].srv;
	__u32 data = fuse_server_data_ops(srv);
	__u32 opens = fuse_server_ops(srv, FUSE_OPEN);

	totals->io++;
	if (c->set)
		return extents_client_io(c);
	if (c->revoked && has_no_handle(c) && chance(60))
		client_get_handle(c);
	else if (c->revoked && has_no_handle(c))
		client_map_revoked(c);
	else
		client_do(c);
	if (!c->direct && fuse_server_data_ops(srv) != data)
		fail("the server had to read or write \"%s\"", names[c->name]);
	if (!c->revoked && fuse_server_ops(srv, FUSE_OPEN) != opens)
		fail("the server had to open \"%s\"", names[c->name]);
}

void op_client(void)
{
	struct client *c = &session.client[below(CLIENTS)];

	if (!c->in_use)
		return;
	if (c->fd < 0)
		client_unmap(c);
	else if (chance(30))
		client_close(c);
	else
		client_io(c);
}
