// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: why something was refused, and the tracepoints.
 */

#include "fuse_i.h"
#include "backing_reject.h"

#define CREATE_TRACE_POINTS
#include "backing_trace.h"

/**
 * fuse_backing_reject - report why something is refused
 * @fc: the connection
 * @id: backing id, 0 if there is none yet
 * @err: negative errno for the caller
 * @reason: the check that failed
 *
 * Context: any.
 * Return: @err.
 */
int fuse_backing_reject(struct fuse_conn *fc, int id, int err,
			enum fuse_backing_reason reason)
{
	trace_fuse_backing_reject(fc, id, err, reason);
	return err;
}
