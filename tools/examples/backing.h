/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ioctls of FUSE backing files, as functions for a server on libfuse.
 *
 * All of them return an id or 0, or -errno. What the errors mean is said in
 * linux/fuse_backing.h.
 */
#ifndef BACKING_H
#define BACKING_H

#include <stdbool.h>
#include <stdint.h>

struct fuse_backing_extent;
struct fuse_session;

/* An id that may be named in replies until it is closed. */
int backing_open(struct fuse_session *session, int fd);
int backing_close(struct fuse_session *session, int id);

/* An id for one reply, or one attachment; nobody has to close it. */
int backing_open_once(struct fuse_session *session, int fd);

/*
 * From now on, or as soon as the kernel knows the node, the kernel opens it on
 * this file, for reading and writing as far as the server may do that.
 */
int backing_attach(struct fuse_session *session, uint64_t node,
		   uint64_t generation, int fd);

/*
 * From now on the kernel opens the node and reads it where these extents say;
 * @pending: or as soon as it knows the node.
 */
int backing_set_extents(struct fuse_session *session, uint64_t node,
			uint64_t generation,
			const struct fuse_backing_extent *extents,
			uint32_t count, bool pending);

/* 0, or -ENOTTY if the kernel has no such thing. */
int backing_try_extents(struct fuse_session *session);

/* Neither a backing file nor extents any more. */
int backing_detach(struct fuse_session *session, uint64_t node,
		   uint64_t generation);

#endif /* BACKING_H */
