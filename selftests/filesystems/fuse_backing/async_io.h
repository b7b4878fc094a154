/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Linux aio and io_uring by their system calls, one request at a time.
 */
#ifndef ASYNC_IO_H
#define ASYNC_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Submit one read or write, wait for its completion and take the context
 * down. Bytes transferred or -errno; -EOPNOTSUPP where there is none of it.
 *
 * The completion is all that these wait for: the kernel may drop its
 * reference to the file a moment later.
 */
typedef ssize_t async_rw(int fd, void *buf, size_t size, off_t offset,
			 bool write);

async_rw aio_rw;
async_rw uring_rw;

#endif /* ASYNC_IO_H */
