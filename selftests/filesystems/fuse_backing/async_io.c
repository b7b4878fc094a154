// SPDX-License-Identifier: GPL-2.0
/*
 * Linux aio and io_uring by their system calls. See async_io.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/aio_abi.h>

#include "async_io.h"
#include "io_ring.h"

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
		return errno == ENOSYS ? -EOPNOTSUPP : -errno;
	ret = aio_one(ctx, &iocb);
	syscall(SYS_io_destroy, ctx);
	return ret;
}

/* Of a ring that serves no other request. */
static ssize_t ring_one(struct io_ring *ring)
{
	struct io_uring_cqe cqe;
	int err = io_ring_submit(ring, 1);

	if (err)
		return err;
	return io_ring_complete(ring, &cqe) ? cqe.res : -EAGAIN;
}

ssize_t uring_rw(int fd, void *buf, size_t size, off_t offset, bool write)
{
	struct io_uring_sqe *sqe;
	struct io_ring ring;
	ssize_t ret;

	ret = io_ring_setup(&ring, 2, 0);
	if (ret)
		return ret;
	sqe = io_ring_sqe(&ring);
	sqe->opcode = write ? IORING_OP_WRITE : IORING_OP_READ;
	sqe->fd = fd;
	sqe->addr = (uintptr_t)buf;
	sqe->len = size;
	sqe->off = offset;
	ret = ring_one(&ring);
	io_ring_exit(&ring);
	return ret;
}
