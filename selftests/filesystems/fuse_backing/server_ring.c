// SPDX-License-Identifier: GPL-2.0
/*
 * The requests that a server's process gets by io_uring. See server_ring.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fuse_uring.h"
#include "io_ring.h"
#include "server_ring.h"

#define POSSIBLE	"/sys/devices/system/cpu/possible"

/* One request, then its answer, then the next request. */
struct ring_entry {
	struct fuse_uring_req_header header;
	struct iovec iov[2];		/* the header, the payload */
	unsigned int queue;
	__u64 unique;			/* of what is being answered, or 0 */
};

struct server_ring {
	struct io_ring io;
	int dev;
	unsigned int entries;		/* of all queues */
	struct ring_entry entry[];
};

/* "0-3" or "0": there is a queue for each, whether it is online or not. */
static unsigned int possible_cpus(void)
{
	int fd = open(POSSIBLE, O_RDONLY | O_CLOEXEC);
	unsigned int last = 0;
	char text[64] = "";
	char *dash;

	if (fd < 0)
		return 1;
	if (read(fd, text, sizeof(text) - 1) > 0) {
		dash = strrchr(text, '-');
		last = strtoul(dash ? dash + 1 : text, NULL, 10);
	}
	close(fd);
	return last + 1;
}

static bool entry_init(struct ring_entry *entry, unsigned int queue,
		       size_t payload)
{
	entry->queue = queue;
	entry->iov[0] = (struct iovec) { &entry->header, sizeof(entry->header) };
	entry->iov[1] = (struct iovec) { malloc(payload), payload };
	return entry->iov[1].iov_base;
}

struct server_ring *server_ring_new(int dev, unsigned int depth,
				    size_t payload)
{
	unsigned int entries = possible_cpus() * depth;
	struct server_ring *ring;

	ring = calloc(1, sizeof(*ring) + entries * sizeof(ring->entry[0]));
	if (!ring)
		return NULL;
	ring->dev = dev;
	ring->entries = entries;
	for (unsigned int i = 0; i < entries; i++)
		if (!entry_init(&ring->entry[i], i / depth, payload))
			return NULL;
	if (io_ring_setup(&ring->io, entries, IORING_SETUP_SQE128))
		return NULL;
	return ring;
}

/* The command is in the half of the submission that plain rings lack. */
static int command(struct server_ring *ring, struct ring_entry *entry, __u32 op)
{
	struct io_uring_sqe *sqe = io_ring_sqe(&ring->io);
	struct fuse_uring_cmd_req *req =
		(void *)sqe + offsetof(struct io_uring_sqe, cmd);

	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = ring->dev;
	sqe->cmd_op = op;
	sqe->user_data = entry - ring->entry;
	if (op == FUSE_IO_URING_CMD_REGISTER) {
		sqe->addr = (uintptr_t)entry->iov;
		sqe->len = 2;
	} else {
		req->commit_id = entry->header.ring_ent_in_out.commit_id;
	}
	req->qid = entry->queue;
	return io_ring_submit(&ring->io, 0);
}

int server_ring_start(struct server_ring *ring)
{
	int err = 0;

	/* who polls both must not wait in a read(2) of one */
	if (fcntl(ring->dev, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	for (unsigned int i = 0; i < ring->entries && !err; i++)
		err = command(ring, &ring->entry[i],
			      FUSE_IO_URING_CMD_REGISTER);
	return err;
}

int server_ring_fd(const struct server_ring *ring)
{
	return ring ? ring->io.fd : -1;
}

/* Header, the request's own header, and what comes after that. */
static size_t gather(struct ring_entry *entry, void *request)
{
	const struct fuse_in_header *in = (void *)entry->header.in_out;
	size_t payload = entry->header.ring_ent_in_out.payload_sz;
	size_t op = in->len - sizeof(*in) - payload;

	entry->unique = in->unique;
	memcpy(request, in, sizeof(*in));
	memcpy(request + sizeof(*in), entry->header.op_in, op);
	memcpy(request + sizeof(*in) + op, entry->iov[1].iov_base, payload);
	return in->len;
}

size_t server_ring_receive(struct server_ring *ring, void *request)
{
	struct io_uring_cqe cqe;

	while (ring && io_ring_complete(&ring->io, &cqe)) {
		if (!cqe.res)
			return gather(&ring->entry[cqe.user_data], request);
		/* the connection ended, which /dev/fuse says, too */
		if (cqe.res != -ENOTCONN)
			fprintf(stderr, "# fuse_server: ring: %s\n",
				strerror(-cqe.res));
	}
	return 0;
}

static struct ring_entry *find(struct server_ring *ring, __u64 unique)
{
	for (unsigned int i = 0; ring && i < ring->entries; i++)
		if (ring->entry[i].unique == unique)
			return &ring->entry[i];
	return NULL;
}

bool server_ring_reply(struct server_ring *ring,
		       const struct fuse_out_header *out, const void *data)
{
	struct ring_entry *entry = find(ring, out->unique);
	size_t payload = out->len - sizeof(*out);
	int err;

	if (!entry)
		return false;
	entry->unique = 0;
	memcpy(entry->header.in_out, out, sizeof(*out));
	entry->header.ring_ent_in_out.payload_sz = payload;
	if (payload)
		memcpy(entry->iov[1].iov_base, data, payload);
	err = command(ring, entry, FUSE_IO_URING_CMD_COMMIT_AND_FETCH);
	if (err)
		fprintf(stderr, "# fuse_server: ring: %s\n", strerror(-err));
	return true;
}
