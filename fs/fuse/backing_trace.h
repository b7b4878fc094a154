/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of FUSE backing files.
 *
 * Scripts rely on names and fields: what is there stays, new fields come last.
 * Documentation/filesystems/fuse/fuse-backing-tracing.rst describes them.
 *
 * Fields have C's own types: who reads a format file may have no header at hand
 * that says what a loff_t is.
 *
 * Whatever isn't at hand is looked at only if somebody listens: in the events
 * themselves, and by fuse_backing_trace().
 */

#undef TRACE_SYSTEM
#define TRACE_SYSTEM fuse

#if !defined(_FS_FUSE_BACKING_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _FS_FUSE_BACKING_TRACE_H

#include <linux/fs.h>
#include <linux/fuse_backing.h>
#include <linux/kthread_files.h>
#include <linux/mman.h>
#include <linux/tracepoint.h>

#include "backing_reasons.h"
#include "backing_types.h"

/* Of a backing file's name, with that of its directory */
#define FUSE_BACKING_NAME_SIZE	64

TRACE_DEFINE_ENUM(FUSE_BACKING_CLOSED_BY_ID);
TRACE_DEFINE_ENUM(FUSE_BACKING_CLOSED_BY_CLAIM);
TRACE_DEFINE_ENUM(FUSE_BACKING_CLOSED_WITH_ALL);
TRACE_DEFINE_ENUM(FUSE_BACKING_PASS);
TRACE_DEFINE_ENUM(FUSE_BACKING_HIDE);
TRACE_DEFINE_ENUM(FUSE_BACKING_SERVER);
TRACE_DEFINE_ENUM(FUSE_FILTER_LOOKUP);
TRACE_DEFINE_ENUM(FUSE_FILTER_DIRENT);
TRACE_DEFINE_ENUM(FUSE_FILTER_OPEN);

#define show_fuse_backing_closed_by(by)					\
	__print_symbolic(by,						\
		{ FUSE_BACKING_CLOSED_BY_ID,	"close" }, \
		{ FUSE_BACKING_CLOSED_BY_CLAIM,	"claim" }, \
		{ FUSE_BACKING_CLOSED_WITH_ALL,	"close-all" })

#define show_fuse_backing_access(flags)					\
	__print_flags(flags, "|",					\
		{ FUSE_BACKING_READ,	"read" }, \
		{ FUSE_BACKING_WRITE,	"write" }, \
		{ FUSE_BACKING_ATTACH_PENDING,	"pending" })

#undef EM
#undef EMe
#define EM(reason, word)	TRACE_DEFINE_ENUM(reason);
#define EMe(reason, word)	TRACE_DEFINE_ENUM(reason);
FUSE_BACKING_REASONS
#undef EM
#undef EMe

#define EM(reason, word)	{ reason, word },
#define EMe(reason, word)	{ reason, word }
#define show_fuse_backing_reason(reason)				\
	__print_symbolic(reason, FUSE_BACKING_REASONS)

/*
 * fuse_backing_open - a backing file was registered
 *
 * id: what FUSE_DEV_IOC_BACKING_OPEN returns
 * dev, ino, name: the backing file; the last two components of its path
 * access: FUSE_BACKING_READ and _WRITE, what the descriptor is open for
 * per_open: whether the id is for one open
 */
TRACE_EVENT(fuse_backing_open,
	TP_PROTO(const struct fuse_conn *fc, int id, const struct file *file,
		 bool per_open),
	TP_ARGS(fc, id, file, per_open),
	TP_STRUCT__entry(
		__field(unsigned int, connection)
		__field(int, id)
		__field(unsigned int, dev)
		__field(unsigned int, access)
		__field(int, per_open)
		__field(unsigned long long, ino)
		__array(char, name, FUSE_BACKING_NAME_SIZE)
	),
	TP_fast_assign(
		__entry->connection = fc->dev;
		__entry->id = id;
		__entry->dev = file_inode(file)->i_sb->s_dev;
		__entry->access =
			(file->f_mode & FMODE_READ ? FUSE_BACKING_READ : 0) |
			(file->f_mode & FMODE_WRITE ? FUSE_BACKING_WRITE : 0);
		__entry->per_open = per_open;
		__entry->ino = file_inode(file)->i_ino;
		snprintf(__entry->name, FUSE_BACKING_NAME_SIZE, "%pD2", file);
	),
	TP_printk("connection=%u id=%d dev=%u:%u ino=%llu access=%s per_open=%d name=%s",
		  __entry->connection, __entry->id, MAJOR(__entry->dev),
		  MINOR(__entry->dev), __entry->ino,
		  show_fuse_backing_access(__entry->access), __entry->per_open,
		  __entry->name)
);

/*
 * fuse_backing_close - an id is not good for opens any more
 *
 * by: FUSE_DEV_IOC_BACKING_CLOSE, the one open that it was for, or whatever
 *	closes all: FUSE_DEV_IOC_BACKING_CLOSE_ALL, or the end of the server
 */
TRACE_EVENT(fuse_backing_close,
	TP_PROTO(const struct fuse_conn *fc, int id,
		 enum fuse_backing_closed_by by),
	TP_ARGS(fc, id, by),
	TP_STRUCT__entry(
		__field(unsigned int, connection)
		__field(int, id)
		__field(int, by)
	),
	TP_fast_assign(
		__entry->connection = fc->dev;
		__entry->id = id;
		__entry->by = by;
	),
	TP_printk("connection=%u id=%d by=%s", __entry->connection, __entry->id,
		  show_fuse_backing_closed_by(__entry->by))
);

/*
 * id: 0 for extents
 * flags: FUSE_BACKING_READ and _WRITE, what may be opened without the server;
 *	and FUSE_BACKING_ATTACH_PENDING, if it waits for its inode
 */
DECLARE_EVENT_CLASS(fuse_backing_node,
	TP_PROTO(const struct fuse_conn *fc, unsigned long long nodeid, int id,
		 unsigned int flags),
	TP_ARGS(fc, nodeid, id, flags),
	TP_STRUCT__entry(
		__field(unsigned int, connection)
		__field(unsigned long long, nodeid)
		__field(int, id)
		__field(unsigned int, flags)
	),
	TP_fast_assign(
		__entry->connection = fc->dev;
		__entry->id = id;
		__entry->nodeid = nodeid;
		__entry->flags = flags;
	),
	TP_printk("connection=%u nodeid=%llu id=%d flags=%s",
		  __entry->connection, __entry->nodeid, __entry->id,
		  show_fuse_backing_access(__entry->flags))
);

/* A backing file was attached to an inode, or waits for it */
DEFINE_EVENT(fuse_backing_node, fuse_backing_attach,
	TP_PROTO(const struct fuse_conn *fc, unsigned long long nodeid, int id,
		 unsigned int flags),
	TP_ARGS(fc, nodeid, id, flags));

/* An attachment is gone, whatever for */
DEFINE_EVENT(fuse_backing_node, fuse_backing_detach,
	TP_PROTO(const struct fuse_conn *fc, unsigned long long nodeid, int id,
		 unsigned int flags),
	TP_ARGS(fc, nodeid, id, flags));

/*
 * What becomes of names in a directory below a tree was said
 * count: how many names there are rules for; 0 if there are none any more
 * otherwise: enum fuse_backing_verdict, of all other names
 */
TRACE_EVENT(fuse_backing_rules,
	TP_PROTO(const struct fuse_conn *fc, unsigned long long nodeid,
		 unsigned int count, unsigned int otherwise),
	TP_ARGS(fc, nodeid, count, otherwise),
	TP_STRUCT__entry(
		__field(unsigned int, connection)
		__field(unsigned long long, nodeid)
		__field(unsigned int, count)
		__field(unsigned int, otherwise)
	),
	TP_fast_assign(
		__entry->connection = fc->dev;
		__entry->nodeid = nodeid;
		__entry->count = count;
		__entry->otherwise = otherwise;
	),
	TP_printk("connection=%u nodeid=%llu count=%u otherwise=%s",
		  __entry->connection, __entry->nodeid, __entry->count,
		  __print_symbolic(__entry->otherwise,
				   { FUSE_BACKING_PASS, "pass" },
				   { FUSE_BACKING_HIDE, "hide" },
				   { FUSE_BACKING_SERVER, "server" }))
);

/*
 * fuse_backing_introduce - the server was told the name of an inode below a tree
 *
 * nodeid: what it named it; 0 if there is an error
 * ino: number of the inode
 * error: 0, or what became of the LOOKUP: -ESTALE if the server has another by this name
 */
TRACE_EVENT(fuse_backing_introduce,
	TP_PROTO(const struct fuse_conn *fc, unsigned long long nodeid,
		 unsigned long long ino, int error),
	TP_ARGS(fc, nodeid, ino, error),
	TP_STRUCT__entry(
		__field(unsigned int, connection)
		__field(unsigned long long, nodeid)
		__field(unsigned long long, ino)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->connection = fc->dev;
		__entry->nodeid = nodeid;
		__entry->ino = ino;
		__entry->error = error;
	),
	TP_printk("connection=%u nodeid=%llu ino=%llu error=%d", __entry->connection,
		  __entry->nodeid, __entry->ino, __entry->error)
);

/*
 * fuse_backing_filter - a BPF program was asked, or would be, if there were one
 *
 * nodeid: of the directory, or of the inode that is opened; 0 if the server knows none
 * ino: number of the same
 * asked: which function
 * said: what it returned; the verdict if nobody was there to be asked
 * verdict: what was made of it
 * id: that it chose, else 0
 */
TRACE_EVENT(fuse_backing_filter,
	TP_PROTO(const struct fuse_conn *fc, unsigned long long nodeid,
		 unsigned long long ino, enum fuse_filter_asked asked, int said,
		 enum fuse_backing_verdict verdict, int id),
	TP_ARGS(fc, nodeid, ino, asked, said, verdict, id),
	TP_STRUCT__entry(
		__field(unsigned int, connection)
		__field(unsigned long long, nodeid)
		__field(unsigned long long, ino)
		__field(unsigned int, asked)
		__field(int, said)
		__field(unsigned int, verdict)
		__field(int, id)
	),
	TP_fast_assign(
		__entry->connection = fc->dev;
		__entry->nodeid = nodeid;
		__entry->ino = ino;
		__entry->asked = asked;
		__entry->said = said;
		__entry->verdict = verdict;
		__entry->id = id;
	),
	TP_printk("connection=%u nodeid=%llu ino=%llu asked=%s said=%d verdict=%s id=%d",
		  __entry->connection, __entry->nodeid, __entry->ino,
		  __print_symbolic(__entry->asked,
				   { FUSE_FILTER_LOOKUP, "lookup" },
				   { FUSE_FILTER_DIRENT, "dirent" },
				   { FUSE_FILTER_OPEN, "open" }),
		  __entry->said,
		  __print_symbolic(__entry->verdict,
				   { FUSE_BACKING_PASS, "pass" },
				   { FUSE_BACKING_HIDE, "hide" },
				   { FUSE_BACKING_SERVER, "server" }),
		  __entry->id)
);

/* files: how many there are in the table, with this one */
DECLARE_EVENT_CLASS(fuse_backing_table,
	TP_PROTO(const struct fuse_conn *fc, int id,
		 const struct kthread_files *files),
	TP_ARGS(fc, id, files),
	TP_STRUCT__entry(
		__field(unsigned int, connection)
		__field(int, id)
		__field(unsigned int, files)
	),
	TP_fast_assign(
		__entry->connection = fc->dev;
		__entry->id = id;
		__entry->files = kthread_files_count(files);
	),
	TP_printk("connection=%u id=%d files=%u", __entry->connection,
		  __entry->id, __entry->files)
);

/* A file got into the thread's table: lsof shows it, and it counts */
DEFINE_EVENT(fuse_backing_table, fuse_backing_install,
	TP_PROTO(const struct fuse_conn *fc, int id,
		 const struct kthread_files *files),
	TP_ARGS(fc, id, files));

/* It leaves the table, and is closed: its last user is gone */
DEFINE_EVENT(fuse_backing_table, fuse_backing_remove,
	TP_PROTO(const struct fuse_conn *fc, int id,
		 const struct kthread_files *files),
	TP_ARGS(fc, id, files));

/* thread: its pid, in the initial pid namespace */
DECLARE_EVENT_CLASS(fuse_backing_thread,
	TP_PROTO(const struct fuse_conn *fc, pid_t thread),
	TP_ARGS(fc, thread),
	TP_STRUCT__entry(
		__field(unsigned int, connection)
		__field(int, thread)
	),
	TP_fast_assign(
		__entry->connection = fc->dev;
		__entry->thread = thread;
	),
	TP_printk("connection=%u thread=%d", __entry->connection,
		  __entry->thread)
);

DEFINE_EVENT(fuse_backing_thread, fuse_backing_thread_start,
	TP_PROTO(const struct fuse_conn *fc, pid_t thread),
	TP_ARGS(fc, thread));

DEFINE_EVENT(fuse_backing_thread, fuse_backing_thread_exit,
	TP_PROTO(const struct fuse_conn *fc, pid_t thread),
	TP_ARGS(fc, thread));

/*
 * fuse_backing_reject - something was refused
 *
 * id: 0 if there is none yet
 * error: negative errno that the caller gets
 * reason: the check that failed, see enum fuse_backing_reason
 */
TRACE_EVENT(fuse_backing_reject,
	TP_PROTO(const struct fuse_conn *fc, int id, int error,
		 enum fuse_backing_reason reason),
	TP_ARGS(fc, id, error, reason),
	TP_STRUCT__entry(
		__field(unsigned int, connection)
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

/*
 * fuse_passthrough_open - a FUSE file was opened on a backing file, or not
 *
 * id: 0 if it has extents
 * dev, ino, name: the backing file, as in fuse_backing_open; 0 and "" if it
 *	failed, or has extents
 * flags: O_* of the FUSE file
 * asked: whether the server was, by OPEN, CREATE or TMPFILE
 * result: 0 or a negative errno
 */
TRACE_EVENT(fuse_passthrough_open,
	TP_PROTO(const struct file *file, int id, const struct file *backing,
		 bool asked, int result),
	TP_ARGS(file, id, backing, asked, result),
	TP_STRUCT__entry(
		__field(unsigned int, connection)
		__field(unsigned long long, nodeid)
		__field(int, id)
		__field(unsigned int, dev)
		__field(unsigned int, flags)
		__field(unsigned long long, ino)
		__field(int, asked)
		__field(int, result)
		__array(char, name, FUSE_BACKING_NAME_SIZE)
	),
	TP_fast_assign(
		__entry->connection = get_fuse_conn(file_inode(file))->dev;
		__entry->id = id;
		__entry->nodeid = get_node_id(file_inode(file));
		__entry->dev = backing ? file_inode(backing)->i_sb->s_dev : 0;
		__entry->flags = file->f_flags;
		__entry->ino = backing ? file_inode(backing)->i_ino : 0;
		__entry->asked = asked;
		__entry->result = result;
		__entry->name[0] = '\0';
		if (backing)
			snprintf(__entry->name, FUSE_BACKING_NAME_SIZE, "%pD2",
				 backing);
	),
	TP_printk("connection=%u nodeid=%llu id=%d dev=%u:%u ino=%llu flags=%#o asked=%d result=%d name=%s",
		  __entry->connection, __entry->nodeid, __entry->id,
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->flags, __entry->asked, __entry->result,
		  __entry->name)
);

/*
 * fuse_passthrough_release - a FUSE file gave up its backing file
 *
 * asked: whether the server is to hear of it, by RELEASE; it doesn't if it
 *	never opened the file, or has taken the backing file away
 */
TRACE_EVENT(fuse_passthrough_release,
	TP_PROTO(struct inode *inode, int id, bool asked),
	TP_ARGS(inode, id, asked),
	TP_STRUCT__entry(
		__field(unsigned int, connection)
		__field(unsigned long long, nodeid)
		__field(int, id)
		__field(int, asked)
	),
	TP_fast_assign(
		__entry->connection = get_fuse_conn(inode)->dev;
		__entry->id = id;
		__entry->nodeid = get_node_id(inode);
		__entry->asked = asked;
	),
	TP_printk("connection=%u nodeid=%llu id=%d asked=%d",
		  __entry->connection, __entry->nodeid, __entry->id,
		  __entry->asked)
);

/*
 * fuse_passthrough_mmap - a FUSE file was mapped, or not
 *
 * offset, length: bytes in the file
 * prot: PROT_*
 * flags: MAP_SHARED or MAP_PRIVATE
 * result: 0 or a negative errno
 */
TRACE_EVENT(fuse_passthrough_mmap,
	TP_PROTO(struct inode *inode, int id, const struct vm_area_struct *vma,
		 int result),
	TP_ARGS(inode, id, vma, result),
	TP_STRUCT__entry(
		__field(unsigned int, connection)
		__field(unsigned long long, nodeid)
		__field(int, id)
		__field(long long, offset)
		__field(unsigned long, length)
		__field(unsigned int, prot)
		__field(unsigned int, flags)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->connection = get_fuse_conn(inode)->dev;
		__entry->id = id;
		__entry->nodeid = get_node_id(inode);
		__entry->offset = (long long)vma->vm_pgoff << PAGE_SHIFT;
		__entry->length = vma->vm_end - vma->vm_start;
		__entry->prot = (vma->vm_flags & VM_READ ? PROT_READ : 0) |
				(vma->vm_flags & VM_WRITE ? PROT_WRITE : 0) |
				(vma->vm_flags & VM_EXEC ? PROT_EXEC : 0);
		/* of a file that is open to be read only, VM_SHARED is not set */
		__entry->flags = vma->vm_flags & VM_MAYSHARE ? MAP_SHARED :
							       MAP_PRIVATE;
		__entry->result = result;
	),
	TP_printk("connection=%u nodeid=%llu id=%d offset=%lld length=%lu prot=%#x flags=%#x result=%d",
		  __entry->connection, __entry->nodeid, __entry->id,
		  __entry->offset, __entry->length, __entry->prot,
		  __entry->flags, __entry->result)
);

/*
 * Reads, writes and splices. What is in flight is known by its request, a number
 * that no other of the same connection has until it has ended:
 *
 *	read_enter, write_enter or splice_enter
 *		backing_enter, backing_exit	for each backing file
 *		queued				if it goes on without its caller
 *	read_exit, write_exit or splice_exit
 *
 * An I/O that is queued ends anywhere, maybe in an interrupt, and maybe before
 * it is said to be queued.
 *
 * id: 0 if more than one backing file may take part
 */
DECLARE_EVENT_CLASS(fuse_passthrough_enter,
	TP_PROTO(struct inode *inode, int id, const void *request,
		 loff_t offset, size_t length),
	TP_ARGS(inode, id, request, offset, length),
	TP_STRUCT__entry(
		__field(unsigned int, connection)
		__field(unsigned long long, nodeid)
		__field(int, id)
		__field(const void *, request)
		__field(long long, offset)
		__field(unsigned long, length)
	),
	TP_fast_assign(
		__entry->connection = get_fuse_conn(inode)->dev;
		__entry->id = id;
		__entry->nodeid = get_node_id(inode);
		__entry->request = request;
		__entry->offset = offset;
		__entry->length = length;
	),
	TP_printk("connection=%u nodeid=%llu id=%d request=%p offset=%lld length=%lu",
		  __entry->connection, __entry->nodeid, __entry->id,
		  __entry->request, __entry->offset, __entry->length)
);

DEFINE_EVENT(fuse_passthrough_enter, fuse_passthrough_read_enter,
	TP_PROTO(struct inode *inode, int id, const void *request,
		 loff_t offset, size_t length),
	TP_ARGS(inode, id, request, offset, length));

DEFINE_EVENT(fuse_passthrough_enter, fuse_passthrough_write_enter,
	TP_PROTO(struct inode *inode, int id, const void *request,
		 loff_t offset, size_t length),
	TP_ARGS(inode, id, request, offset, length));

/* From the file into a pipe; what is spliced into a file is written */
DEFINE_EVENT(fuse_passthrough_enter, fuse_passthrough_splice_enter,
	TP_PROTO(struct inode *inode, int id, const void *request,
		 loff_t offset, size_t length),
	TP_ARGS(inode, id, request, offset, length));

/* The backing filesystem's turn; id and offset are those in the backing file */
DEFINE_EVENT(fuse_passthrough_enter, fuse_passthrough_backing_enter,
	TP_PROTO(struct inode *inode, int id, const void *request,
		 loff_t offset, size_t length),
	TP_ARGS(inode, id, request, offset, length));

/* result: bytes or a negative errno */
DECLARE_EVENT_CLASS(fuse_passthrough_exit,
	TP_PROTO(struct inode *inode, int id, const void *request,
		 ssize_t result),
	TP_ARGS(inode, id, request, result),
	TP_STRUCT__entry(
		__field(unsigned int, connection)
		__field(unsigned long long, nodeid)
		__field(int, id)
		__field(const void *, request)
		__field(long, result)
	),
	TP_fast_assign(
		__entry->connection = get_fuse_conn(inode)->dev;
		__entry->id = id;
		__entry->nodeid = get_node_id(inode);
		__entry->request = request;
		__entry->result = result;
	),
	TP_printk("connection=%u nodeid=%llu id=%d request=%p result=%ld",
		  __entry->connection, __entry->nodeid, __entry->id,
		  __entry->request, __entry->result)
);

/* What a call returns is the end of the I/O, unless that goes on */
#define DEFINE_FUSE_PASSTHROUGH_EXIT(event)				\
DEFINE_EVENT_CONDITION(fuse_passthrough_exit, event,			\
	TP_PROTO(struct inode *inode, int id, const void *request,	\
		 ssize_t result),					\
	TP_ARGS(inode, id, request, result),				\
	TP_CONDITION(result != -EIOCBQUEUED))

DEFINE_FUSE_PASSTHROUGH_EXIT(fuse_passthrough_read_exit);
DEFINE_FUSE_PASSTHROUGH_EXIT(fuse_passthrough_write_exit);
DEFINE_FUSE_PASSTHROUGH_EXIT(fuse_passthrough_splice_exit);
DEFINE_FUSE_PASSTHROUGH_EXIT(fuse_passthrough_backing_exit);

/* fuse_passthrough_queued - who submitted an I/O goes on before it has ended */
TRACE_EVENT(fuse_passthrough_queued,
	TP_PROTO(struct inode *inode, int id, const void *request),
	TP_ARGS(inode, id, request),
	TP_STRUCT__entry(
		__field(unsigned int, connection)
		__field(unsigned long long, nodeid)
		__field(int, id)
		__field(const void *, request)
	),
	TP_fast_assign(
		__entry->connection = get_fuse_conn(inode)->dev;
		__entry->id = id;
		__entry->nodeid = get_node_id(inode);
		__entry->request = request;
	),
	TP_printk("connection=%u nodeid=%llu id=%d request=%p",
		  __entry->connection, __entry->nodeid, __entry->id,
		  __entry->request)
);

/**
 * fuse_backing_trace - call a tracepoint that has to look for its arguments
 * @event: its name
 *
 * Where nobody listens, the arguments that follow are not evaluated.
 *
 * Context: any.
 */
#define fuse_backing_trace(event, ...)					\
do {									\
	if (trace_##event##_enabled())					\
		trace_##event(__VA_ARGS__);				\
} while (0)

#endif /* _FS_FUSE_BACKING_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE backing_trace
#include <trace/define_trace.h>
