/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: reads and writes of them.
 */

#ifndef _FS_FUSE_BACKING_RW_H
#define _FS_FUSE_BACKING_RW_H

#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/uio.h>

#include "backing_extents.h"
#include "backing_io.h"
#include "backing_trace.h"
#include "backing_types.h"

/*
 * What a client asks of one read or write, as opposed to what its submitter
 * keeps in the flags for itself.
 */
#define FUSE_BACKING_IOCB_FLAGS	(IOCB_HIPRI | IOCB_DSYNC | IOCB_SYNC | \
				 IOCB_NOWAIT | IOCB_DIRECT | IOCB_NOIO | \
				 IOCB_WRITE)

/**
 * struct fuse_backing_rw - a read or write that may be completed later
 * @fb: the mapping
 * @file: the backing file
 * @cred: whose credentials it is done with; good until it is submitted
 * @range: what it belongs to of a file with extents; %NULL for a whole file
 * @pos: where in the backing file
 * @len: how many bytes were asked for
 * @keeps_privs: the client may leave suid and sgid bits where they are
 * @end: called once for what was tried, with the position in the backing file after it
 *	and the result; moves the client's position, and returns what it is told.  May be
 *	an interrupt if it is a read; may sleep if it is a write to an extent
 */
struct fuse_backing_rw {
	struct fuse_backing *fb;
	struct file *file;
	const struct cred *cred;
	const struct fuse_range *range;
	loff_t pos;
	size_t len;
	bool keeps_privs;
	ssize_t (*end)(struct kiocb *iocb, const struct fuse_backing_rw *rw,
		       loff_t pos, ssize_t res);
};

ssize_t fuse_backing_read_async(struct kiocb *iocb, struct iov_iter *iter,
				const struct fuse_backing_rw *rw);
ssize_t fuse_backing_write_async(struct kiocb *iocb, struct iov_iter *iter,
				 const struct fuse_backing_rw *rw);
ssize_t fuse_backing_write_iter(struct kiocb *kiocb, struct iov_iter *iter);
ssize_t fuse_backing_read(struct kiocb *iocb, struct iov_iter *iter);
ssize_t fuse_backing_write(struct kiocb *iocb, struct iov_iter *iter);
ssize_t fuse_backing_splice_read(struct file *in, loff_t *ppos,
				 struct pipe_inode_info *pipe, size_t len,
				 unsigned int flags);
void fuse_backing_accessed(struct file *file);

/**
 * fuse_backing_is_async - need nobody wait for a read or write
 * @iocb: the client's
 *
 * Only direct I/O is completed by interrupts; for the rest a stack will do.
 *
 * Context: any.
 * Return: whether it may be completed later.
 */
static inline bool fuse_backing_is_async(struct kiocb *iocb)
{
	return (iocb->ki_flags & IOCB_DIRECT) && !is_sync_kiocb(iocb);
}

/**
 * fuse_backing_init_kiocb - prepare a read's or write's own kiocb
 * @kiocb: on the backing file
 * @orig: the client's
 * @file: the backing file
 * @pos: where in it
 * @flags: IOCB_* of the client's that count
 *
 * Context: any.
 */
static inline void fuse_backing_init_kiocb(struct kiocb *kiocb,
					   const struct kiocb *orig,
					   struct file *file, loff_t pos,
					   int flags)
{
	*kiocb = (struct kiocb) {
		.ki_filp = file,
		.ki_pos = pos,
		.ki_flags = orig->ki_flags & flags,
		.ki_ioprio = orig->ki_ioprio,
	};
}

/**
 * fuse_backing_call_read - have the backing filesystem read
 * @orig: the client's kiocb, for tracepoints
 * @kiocb: on the backing file
 * @iter: where to
 * @fb: the mapping
 *
 * Context: process context; may sleep unless IOCB_NOWAIT is set.
 * Return: as ->read_iter() of the backing file.
 */
static __always_inline ssize_t
fuse_backing_call_read(const struct kiocb *orig, struct kiocb *kiocb,
		       struct iov_iter *iter, const struct fuse_backing *fb)
{
	ssize_t ret;

	fuse_backing_trace(fuse_passthrough_backing_enter,
			   file_inode(orig->ki_filp), fb->id, orig,
			   kiocb->ki_pos, iov_iter_count(iter));
	scoped_with_creds(fb->cred)
		ret = vfs_iocb_iter_read(kiocb->ki_filp, kiocb, iter);
	fuse_backing_trace(fuse_passthrough_backing_exit,
			   file_inode(orig->ki_filp), fb->id, orig, ret);
	return ret;
}

/**
 * fuse_backing_call_write - have the backing filesystem write
 * @orig: the client's kiocb, for tracepoints
 * @kiocb: on the backing file
 * @iter: where from
 * @fb: the mapping
 * @cred: whose credentials it is done with
 *
 * Context: process context; may sleep unless IOCB_NOWAIT is set.
 * Return: as ->write_iter() of the backing file.
 */
static __always_inline ssize_t
fuse_backing_call_write(const struct kiocb *orig, struct kiocb *kiocb,
			struct iov_iter *iter, const struct fuse_backing *fb,
			const struct cred *cred)
{
	ssize_t ret;

	fuse_backing_trace(fuse_passthrough_backing_enter,
			   file_inode(orig->ki_filp), fb->id, orig,
			   kiocb->ki_pos, iov_iter_count(iter));
	scoped_with_creds(cred)
		ret = fuse_backing_write_iter(kiocb, iter);
	fuse_backing_trace(fuse_passthrough_backing_exit,
			   file_inode(orig->ki_filp), fb->id, orig, ret);
	return ret;
}

#endif /* _FS_FUSE_BACKING_RW_H */
