// SPDX-License-Identifier: GPL-2.0
/*
 * An io_uring by its system calls. See io_ring.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io_ring.h"

static size_t sqe_size(const struct io_ring *ring)
{
	bool twice = ring->params.flags & IORING_SETUP_SQE128;

	return sizeof(struct io_uring_sqe) << twice;
}

static int map_queues(struct io_ring *ring)
{
	struct io_uring_params *p = &ring->params;
	size_t sq = p->sq_off.array + p->sq_entries * sizeof(__u32);
	size_t cq = p->cq_off.cqes +
		    p->cq_entries * sizeof(struct io_uring_cqe);

	ring->size = sq > cq ? sq : cq;
	ring->queues = mmap(NULL, ring->size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_POPULATE, ring->fd,
			    IORING_OFF_SQ_RING);
	if (ring->queues == MAP_FAILED)
		return -errno;
	ring->sqes = mmap(NULL, p->sq_entries * sqe_size(ring),
			  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			  ring->fd, IORING_OFF_SQES);
	if (ring->sqes == MAP_FAILED) {
		munmap(ring->queues, ring->size);
		return -errno;
	}
	return 0;
}

int io_ring_setup(struct io_ring *ring, unsigned int entries, __u32 flags)
{
	int err;

	memset(ring, 0, sizeof(*ring));
	ring->params.flags = flags;
	ring->fd = syscall(SYS_io_uring_setup, entries, &ring->params);
	if (ring->fd < 0)
		return errno == ENOSYS || errno == EPERM ? -EOPNOTSUPP : -errno;
	if (!(ring->params.features & IORING_FEAT_SINGLE_MMAP))
		err = -EOPNOTSUPP;
	else
		err = map_queues(ring);
	if (err)
		close(ring->fd);
	return err;
}

void io_ring_exit(struct io_ring *ring)
{
	munmap(ring->sqes, ring->params.sq_entries * sqe_size(ring));
	munmap(ring->queues, ring->size);
	close(ring->fd);
}

struct io_uring_sqe *io_ring_sqe(struct io_ring *ring)
{
	struct io_uring_params *p = &ring->params;
	__u32 *array = ring->queues + p->sq_off.array;
	__u32 *tail = ring->queues + p->sq_off.tail;
	__u32 slot = *tail & (p->sq_entries - 1);

	array[slot] = slot;
	return memset(ring->sqes + slot * sqe_size(ring), 0, sqe_size(ring));
}

int io_ring_submit(struct io_ring *ring, unsigned int wait)
{
	__u32 *tail = ring->queues + ring->params.sq_off.tail;

	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring->fd, 1, wait,
		    wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0) < 0)
		return -errno;
	return 0;
}

bool io_ring_complete(struct io_ring *ring, struct io_uring_cqe *cqe)
{
	struct io_uring_params *p = &ring->params;
	__u32 *head = ring->queues + p->cq_off.head;
	__u32 *tail = ring->queues + p->cq_off.tail;
	struct io_uring_cqe *cqes = ring->queues + p->cq_off.cqes;

	if (*head == __atomic_load_n(tail, __ATOMIC_ACQUIRE))
		return false;
	memcpy(cqe, &cqes[*head & (p->cq_entries - 1)], sizeof(*cqe));
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return true;
}
