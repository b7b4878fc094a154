// SPDX-License-Identifier: GPL-2.0
/*
 * Linux aio and io_uring by their system calls. See async_io.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/aio_abi.h>
#include <linux/io_uring.h>

#include "async_io.h"

/* Not configured, or forbidden by the administrator. */
static ssize_t setup_error(int err)
{
	return err == ENOSYS || err == EPERM ? -EOPNOTSUPP : -err;
}

static ssize_t aio_one(aio_context_t ctx, struct iocb *iocb)
{
	struct iocb *list[] = { iocb };
	struct io_event event;

	if (syscall(SYS_io_submit, ctx, 1, list) != 1)
		return -errno;
	while (syscall(SYS_io_getevents, ctx, 1, 1, &event, NULL) != 1)
		if (errno != EINTR)
			return -errno;
	return event.res;
}

ssize_t aio_rw(int fd, void *buf, size_t size, off_t offset, bool write)
{
	struct iocb iocb = {
		.aio_lio_opcode = write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
		.aio_fildes = fd,
		.aio_buf = (uintptr_t)buf,
		.aio_nbytes = size,
		.aio_offset = offset,
	};
	aio_context_t ctx = 0;
	ssize_t ret;

	if (syscall(SYS_io_setup, 1, &ctx) < 0)
		return setup_error(errno);
	ret = aio_one(ctx, &iocb);
	syscall(SYS_io_destroy, ctx);
	return ret;
}

struct ring {
	int fd;
	struct io_uring_params params;
	size_t size;		/* of the mapping that holds both queues */
	void *queues;
	struct io_uring_sqe *sqes;
};

static int ring_map(struct ring *ring)
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
	ring->sqes = mmap(NULL, p->sq_entries * sizeof(*ring->sqes),
			  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			  ring->fd, IORING_OFF_SQES);
	if (ring->sqes == MAP_FAILED) {
		munmap(ring->queues, ring->size);
		return -errno;
	}
	return 0;
}

static int ring_setup(struct ring *ring)
{
	int err;

	memset(ring, 0, sizeof(*ring));
	ring->fd = syscall(SYS_io_uring_setup, 2, &ring->params);
	if (ring->fd < 0)
		return setup_error(errno);
	if (!(ring->params.features & IORING_FEAT_SINGLE_MMAP))
		err = -EOPNOTSUPP;
	else
		err = ring_map(ring);
	if (err)
		close(ring->fd);
	return err;
}

static void ring_exit(struct ring *ring)
{
	munmap(ring->sqes, ring->params.sq_entries * sizeof(*ring->sqes));
	munmap(ring->queues, ring->size);
	close(ring->fd);
}

/* Slot 0 is the only one ever used: each ring serves one request. */
static ssize_t ring_one(struct ring *ring)
{
	struct io_uring_params *p = &ring->params;
	__u32 *array = ring->queues + p->sq_off.array;
	__u32 *sq_tail = ring->queues + p->sq_off.tail;
	__u32 *cq_head = ring->queues + p->cq_off.head;
	__u32 *cq_tail = ring->queues + p->cq_off.tail;
	struct io_uring_cqe *cqe = ring->queues + p->cq_off.cqes;
	ssize_t ret;

	array[0] = 0;
	__atomic_store_n(sq_tail, 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring->fd, 1, 1,
		    IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -errno;
	if (!__atomic_load_n(cq_tail, __ATOMIC_ACQUIRE))
		return -EAGAIN;
	ret = cqe->res;
	__atomic_store_n(cq_head, 1, __ATOMIC_RELEASE);
	return ret;
}

ssize_t uring_rw(int fd, void *buf, size_t size, off_t offset, bool write)
{
	struct ring ring;
	ssize_t ret;

	ret = ring_setup(&ring);
	if (ret)
		return ret;
	ring.sqes[0] = (struct io_uring_sqe) {
		.opcode = write ? IORING_OP_WRITE : IORING_OP_READ,
		.fd = fd,
		.addr = (uintptr_t)buf,
		.len = size,
		.off = offset,
	};
	ret = ring_one(&ring);
	ring_exit(&ring);
	return ret;
}
