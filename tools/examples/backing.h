/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ioctls of FUSE backing files, as functions for a server on libfuse.
 *
 * All of them return an id or 0, or -errno. What the errors mean is said in
 * linux/fuse_backing.h.
 */
#ifndef BACKING_H
#define BACKING_H

#include <stdint.h>

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
int backing_detach(struct fuse_session *session, uint64_t node,
		   uint64_t generation);

#endif /* BACKING_H */
