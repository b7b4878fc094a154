/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of FUSE backing files.
 */

#undef TRACE_SYSTEM
#define TRACE_SYSTEM fuse

#if !defined(_FS_FUSE_BACKING_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _FS_FUSE_BACKING_TRACE_H

#include <linux/kdev_t.h>
#include <linux/tracepoint.h>

#include "backing_reject.h"

#undef EM
#undef EMe
#define EM(a, b)	TRACE_DEFINE_ENUM(a);
#define EMe(a, b)	TRACE_DEFINE_ENUM(a);
FUSE_BACKING_REASONS

#undef EM
#undef EMe
#define EM(a, b)	{ a, b },
#define EMe(a, b)	{ a, b }

/*
 * fuse_backing_reject - something was refused
 *
 * connection: as in /sys/fs/fuse/connections
 * id: backing id, 0 if there is none yet
 * error: negative errno that the caller gets
 * reason: the check that failed, see FUSE_BACKING_REASONS
 */
TRACE_EVENT(fuse_backing_reject,
	TP_PROTO(const struct fuse_conn *fc, int id, int error,
		 enum fuse_backing_reason reason),
	TP_ARGS(fc, id, error, reason),
	TP_STRUCT__entry(
		__field(dev_t, connection)
		__field(int, id)
		__field(int, error)
		__field(int, reason)
	),
	TP_fast_assign(
		__entry->connection = fc->dev;
		__entry->id = id;
		__entry->error = error;
		__entry->reason = reason;
	),
	TP_printk("connection=%u id=%d error=%d reason=%s",
		  __entry->connection, __entry->id, __entry->error,
		  __print_symbolic(__entry->reason, FUSE_BACKING_REASONS))
);

#endif /* _FS_FUSE_BACKING_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE backing_trace
#include <trace/define_trace.h>
