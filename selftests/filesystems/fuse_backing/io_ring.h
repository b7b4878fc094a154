/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An io_uring by its system calls, one submission at a time.
 */
#ifndef IO_RING_H
#define IO_RING_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/io_uring.h>

struct io_ring {
	int fd;
	struct io_uring_params params;
	size_t size;		/* of the mapping that holds both queues */
	void *queues;
	void *sqes;
};

/*
 * With room for at least @entries completions; @flags are IORING_SETUP_*. 0,
 * -EOPNOTSUPP if there is no io_uring or the administrator forbids it, or -errno.
 */
int io_ring_setup(struct io_ring *ring, unsigned int entries, __u32 flags);
void io_ring_exit(struct io_ring *ring);

/* What io_ring_submit() will send, to be filled in: all of it is 0. */
struct io_uring_sqe *io_ring_sqe(struct io_ring *ring);

/* Send it, and wait until there are @wait completions: 0 or -errno. */
int io_ring_submit(struct io_ring *ring, unsigned int wait);

/* Take the next completion, if there is one. */
bool io_ring_complete(struct io_ring *ring, struct io_uring_cqe *cqe);

#endif /* IO_RING_H */
