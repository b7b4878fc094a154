/* SPDX-License-Identifier: LGPL-2.1 */
/*
 * libfusebacking with libfuse's low-level API: include fuse_lowlevel.h before this.
 *
 * All of it is inline, so that the library goes with any libfuse, and asks libfuse for
 * the session's descriptor at each call: it changes when the session is mounted, and
 * with cloned devices it is still the one for ioctls. With libfuse's rings of io_uring,
 * which came with its version 3.18, nobody has tried it.
 */
#ifndef LIBFUSEBACKING_FUSE_BACKING_LOWLEVEL_H
#define LIBFUSEBACKING_FUSE_BACKING_LOWLEVEL_H

#include <fuse_lowlevel.h>
#include <stdbool.h>

#include "fuse_backing.h"

#ifndef FUSE_CAP_PASSTHROUGH
#error "this needs libfuse 3.17; older ones can't ask for passthrough"
#endif

/* The device of a policy whose data is a session */
static inline int fusebacking_session_device(void *session)
{
	return fuse_session_fd((struct fuse_session *)session);
}

/* A policy for libfuse's session: what is in the man page of fusebacking_policy_new() holds */
static inline struct fusebacking_policy *
fusebacking_session_policy(struct fuse_session *session, enum fusebacking_way way,
			   unsigned int flags)
{
	return fusebacking_policy_new(fusebacking_session_device, session, way, flags);
}

/*
 * Ask for passthrough, in the answer to INIT, if @way needs it; false if the kernel has
 * none. Backing files may then be on an overlayfs or a FUSE. It doesn't go with a
 * writeback cache, which is switched off.
 */
static inline bool fusebacking_negotiate(struct fuse_conn_info *conn,
					 enum fusebacking_way way)
{
	if (way == FUSEBACKING_SERVE)
		return true;
	if (!fuse_set_feature_flag(conn, FUSE_CAP_PASSTHROUGH))
		return false;
	fuse_unset_feature_flag(conn, FUSE_CAP_WRITEBACK_CACHE);
	conn->max_backing_stack_depth = 1;
	/* the kernel opens the file by itself, and has the server empty it */
	if (way == FUSEBACKING_PER_INODE)
		fuse_unset_feature_flag(conn, FUSE_CAP_ATOMIC_O_TRUNC);
	return true;
}

/*
 * Before a reply with @fi: 0, or an errno to be replied. If that reply fails, with @fi
 * as it is, fusebacking_cancel_file() instead of a RELEASE.
 */
static inline int fusebacking_open_file(struct fusebacking_policy *policy,
					struct fusebacking_node *node, int fd,
					struct fuse_file_info *fi)
{
	int id = fusebacking_node_open(policy, node, fd);

	fi->backing_id = id > 0 ? id : 0;
	return id < 0 ? -id : 0;
}

static inline void fusebacking_cancel_file(struct fusebacking_policy *policy,
					   struct fusebacking_node *node,
					   const struct fuse_file_info *fi)
{
	fusebacking_node_cancel(policy, node, fi->backing_id);
}

/*
 * As fuse_reply_open(), by fusebacking_filter_reply() with @fi->backing_id. It has no
 * counterpart for CREATE; a server without that is asked for MKNOD and OPEN.
 */
static inline int fusebacking_reply_filtered(fuse_req_t req,
					     const struct fuse_file_info *fi)
{
	struct fuse_open_out reply = { .fh = fi->fh };

	if (fi->direct_io)
		reply.open_flags |= FOPEN_DIRECT_IO;
	if (fi->noflush)
		reply.open_flags |= FOPEN_NOFLUSH;
#ifdef FOPEN_PARALLEL_DIRECT_WRITES
	if (fi->parallel_direct_writes)
		reply.open_flags |= FOPEN_PARALLEL_DIRECT_WRITES;
#endif
	fusebacking_filter_reply(&reply, fi->backing_id);
	return fuse_reply_buf(req, (const char *)&reply, sizeof(reply));
}

/* fusebacking_probe() and so on, of a session */

static inline int fusebacking_session_probe(struct fuse_session *session)
{
	return fusebacking_probe(fuse_session_fd(session));
}

static inline int fusebacking_session_why(struct fuse_session *session, int err)
{
	return fusebacking_why(fuse_session_fd(session), err);
}

static inline int fusebacking_session_register(struct fuse_session *session, int fd,
					       unsigned int flags)
{
	return fusebacking_register(fuse_session_fd(session), fd, flags);
}

static inline int fusebacking_session_close(struct fuse_session *session, int id)
{
	return fusebacking_close(fuse_session_fd(session), id);
}

static inline int fusebacking_session_close_all(struct fuse_session *session)
{
	return fusebacking_close_all(fuse_session_fd(session));
}

static inline int fusebacking_session_attach(struct fuse_session *session,
					     uint64_t nodeid, uint64_t generation,
					     int id, unsigned int flags)
{
	return fusebacking_attach(fuse_session_fd(session), nodeid, generation, id,
				  flags);
}

static inline int fusebacking_session_attach_fd(struct fuse_session *session,
						uint64_t nodeid, uint64_t generation,
						int fd, unsigned int fd_flags,
						unsigned int flags)
{
	return fusebacking_attach_fd(fuse_session_fd(session), nodeid, generation, fd,
				     fd_flags, flags);
}

static inline int fusebacking_session_attach_ops(struct fuse_session *session,
						 uint64_t nodeid, uint64_t generation,
						 int id, unsigned int flags,
						 uint64_t ops)
{
	return fusebacking_attach_ops(fuse_session_fd(session), nodeid, generation, id,
				      flags, ops);
}

static inline int fusebacking_session_attach_fd_ops(struct fuse_session *session,
						    uint64_t nodeid,
						    uint64_t generation, int fd,
						    unsigned int fd_flags,
						    unsigned int flags, uint64_t ops)
{
	return fusebacking_attach_fd_ops(fuse_session_fd(session), nodeid, generation,
					 fd, fd_flags, flags, ops);
}

static inline int fusebacking_session_attach_dir(struct fuse_session *session,
						 uint64_t nodeid, uint64_t generation,
						 int id, unsigned int flags,
						 uint64_t ops)
{
	return fusebacking_attach_dir(fuse_session_fd(session), nodeid, generation, id,
				      flags, ops);
}

static inline int fusebacking_session_rules(struct fuse_session *session,
					    uint64_t nodeid, uint64_t generation,
					    const struct fusebacking_rule *rules,
					    uint32_t count,
					    enum fuse_backing_verdict otherwise)
{
	return fusebacking_rules(fuse_session_fd(session), nodeid, generation, rules,
				 count, otherwise);
}

static inline int fusebacking_session_extents(struct fuse_session *session,
					      uint64_t nodeid, uint64_t generation,
					      const struct fuse_backing_extent *extents,
					      uint32_t count, unsigned int flags)
{
	return fusebacking_extents(fuse_session_fd(session), nodeid, generation,
				   extents, count, flags);
}

static inline int fusebacking_session_detach(struct fuse_session *session,
					     uint64_t nodeid, uint64_t generation)
{
	return fusebacking_detach(fuse_session_fd(session), nodeid, generation);
}

static inline int fusebacking_session_revoke(struct fuse_session *session,
					     uint64_t nodeid, uint64_t generation)
{
	return fusebacking_revoke(fuse_session_fd(session), nodeid, generation);
}

static inline int fusebacking_session_list(struct fuse_session *session,
					   uint32_t *start,
					   struct fuse_backing_entry *entries,
					   uint32_t room)
{
	return fusebacking_list(fuse_session_fd(session), start, entries, room);
}

#endif /* LIBFUSEBACKING_FUSE_BACKING_LOWLEVEL_H */
