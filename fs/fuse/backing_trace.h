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

TRACE_DEFINE_ENUM(FUSE_BACKING_NOT_NEGOTIATED);
TRACE_DEFINE_ENUM(FUSE_BACKING_SWITCHED_OFF);
TRACE_DEFINE_ENUM(FUSE_BACKING_USERNS);
TRACE_DEFINE_ENUM(FUSE_BACKING_BAD_ARGUMENT);
TRACE_DEFINE_ENUM(FUSE_BACKING_BAD_FD);
TRACE_DEFINE_ENUM(FUSE_BACKING_FILE_TYPE);
TRACE_DEFINE_ENUM(FUSE_BACKING_STACK_DEPTH);
TRACE_DEFINE_ENUM(FUSE_BACKING_INTERNAL_MOUNT);
TRACE_DEFINE_ENUM(FUSE_BACKING_FILESYSTEM);
TRACE_DEFINE_ENUM(FUSE_BACKING_THREAD);
TRACE_DEFINE_ENUM(FUSE_BACKING_TABLE);
TRACE_DEFINE_ENUM(FUSE_BACKING_UNKNOWN_ID);
TRACE_DEFINE_ENUM(FUSE_BACKING_PERMISSION);
TRACE_DEFINE_ENUM(FUSE_BACKING_IMMUTABLE);
TRACE_DEFINE_ENUM(FUSE_BACKING_APPEND_ONLY);
TRACE_DEFINE_ENUM(FUSE_BACKING_NOEXEC);
TRACE_DEFINE_ENUM(FUSE_BACKING_REOPEN);
TRACE_DEFINE_ENUM(FUSE_BACKING_OPEN_FLAGS);
TRACE_DEFINE_ENUM(FUSE_BACKING_OTHER_INODE);
TRACE_DEFINE_ENUM(FUSE_BACKING_CACHED_OPEN);
TRACE_DEFINE_ENUM(FUSE_BACKING_MIXED_OPEN);
TRACE_DEFINE_ENUM(FUSE_BACKING_NO_INODE);
TRACE_DEFINE_ENUM(FUSE_BACKING_ATTACHED);
TRACE_DEFINE_ENUM(FUSE_BACKING_NOT_ATTACHED);
TRACE_DEFINE_ENUM(FUSE_BACKING_MMAPPED);

#define show_fuse_backing_reason(reason)				\
	__print_symbolic(reason,					\
		{ FUSE_BACKING_NOT_NEGOTIATED,	"not-negotiated" }, \
		{ FUSE_BACKING_SWITCHED_OFF,	"switched-off" }, \
		{ FUSE_BACKING_USERNS,	"user-namespace" }, \
		{ FUSE_BACKING_BAD_ARGUMENT,	"bad-argument" }, \
		{ FUSE_BACKING_BAD_FD,	"bad-descriptor" }, \
		{ FUSE_BACKING_FILE_TYPE,	"file-type" }, \
		{ FUSE_BACKING_STACK_DEPTH,	"stack-depth" }, \
		{ FUSE_BACKING_INTERNAL_MOUNT,	"internal-mount" }, \
		{ FUSE_BACKING_FILESYSTEM,	"filesystem" }, \
		{ FUSE_BACKING_THREAD,	"no-thread" }, \
		{ FUSE_BACKING_TABLE,	"table" }, \
		{ FUSE_BACKING_UNKNOWN_ID,	"unknown-id" }, \
		{ FUSE_BACKING_PERMISSION,	"permission" }, \
		{ FUSE_BACKING_IMMUTABLE,	"immutable" }, \
		{ FUSE_BACKING_APPEND_ONLY,	"append-only" }, \
		{ FUSE_BACKING_NOEXEC,	"noexec" }, \
		{ FUSE_BACKING_REOPEN,	"reopen" }, \
		{ FUSE_BACKING_OPEN_FLAGS,	"open-flags" }, \
		{ FUSE_BACKING_OTHER_INODE,	"other-inode" }, \
		{ FUSE_BACKING_CACHED_OPEN,	"cached-open" }, \
		{ FUSE_BACKING_MIXED_OPEN,	"mixed-open" }, \
		{ FUSE_BACKING_NO_INODE,	"no-inode" }, \
		{ FUSE_BACKING_ATTACHED,	"attached" }, \
		{ FUSE_BACKING_NOT_ATTACHED,	"not-attached" }, \
		{ FUSE_BACKING_MMAPPED,	"mmapped" })

/*
 * fuse_backing_reject - something was refused
 *
 * connection: as in /sys/fs/fuse/connections
 * id: backing id, 0 if there is none yet
 * error: negative errno that the caller gets
 * reason: the check that failed, see enum fuse_backing_reason
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
		  show_fuse_backing_reason(__entry->reason))
);

#endif /* _FS_FUSE_BACKING_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE backing_trace
#include <trace/define_trace.h>
