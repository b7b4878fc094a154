/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The requests that a server's process gets by io_uring, and answers there.
 *
 * Some never come by it, and have to be read from /dev/fuse: INIT, which says
 * that others may, FORGET and INTERRUPT.
 */
#ifndef SERVER_RING_H
#define SERVER_RING_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/fuse.h>

struct server_ring;

/*
 * For as many requests at a time as @depth, of each processor's queue, with as
 * many bytes as @payload, beside headers, in each or its answer. @dev is
 * /dev/fuse. NULL if there is no io_uring; the kernel knows nothing of it yet.
 */
struct server_ring *server_ring_new(int dev, unsigned int depth,
				    size_t payload);

/* INIT was answered: requests come here from now on. 0 or -errno. */
int server_ring_start(struct server_ring *ring);

/* The others take NULL for a ring that no request comes by. */

/* What to poll for requests, or -1. */
int server_ring_fd(const struct server_ring *ring);

/* The next one, as read(2) would have it: how long it is, 0 if there is none. */
size_t server_ring_receive(struct server_ring *ring, void *request);

/* False if what this answers didn't come by the ring. */
bool server_ring_reply(struct server_ring *ring,
		       const struct fuse_out_header *out, const void *data);

#endif /* SERVER_RING_H */
