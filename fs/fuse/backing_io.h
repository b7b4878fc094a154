/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: what is in flight on an open file.
 *
 * In a header of its own, to be included after fuse_i.h: each read and write
 * goes through here.
 */

#ifndef _FS_FUSE_BACKING_IO_H
#define _FS_FUSE_BACKING_IO_H

#include <linux/atomic.h>
#include <linux/limits.h>

/* Added to fuse_file::backing_io when the backing file is taken away */
#define FUSE_BACKING_REVOKED	INT_MIN

void fuse_backing_io_idle(struct file *file);

/**
 * fuse_backing_io_end - something was done with the backing file
 * @file: the FUSE file
 *
 * Context: any; may be an interrupt.
 */
static inline void fuse_backing_io_end(struct file *file)
{
	struct fuse_file *ff = file->private_data;

	if (unlikely(atomic_dec_return(&ff->backing_io) ==
		     FUSE_BACKING_REVOKED))
		fuse_backing_io_idle(file);
}

/**
 * fuse_backing_io_start - something is about to be done with the backing file
 * @file: a FUSE file open in passthrough mode
 *
 * Context: any.
 * Return: whether it may, and fuse_backing_io_end() must be called when it is
 *	done; false if the backing file was taken away.
 */
static inline bool fuse_backing_io_start(struct file *file)
{
	struct fuse_file *ff = file->private_data;

	if (likely(atomic_inc_return(&ff->backing_io) > 0))
		return true;
	fuse_backing_io_end(file);
	return false;
}

/**
 * fuse_backing_io_get - something goes on after its submission has returned
 * @file: a FUSE file between fuse_backing_io_start() and _end()
 *
 * Another fuse_backing_io_end() must be called when it is done.
 *
 * Context: any.
 */
static inline void fuse_backing_io_get(struct file *file)
{
	struct fuse_file *ff = file->private_data;

	atomic_inc(&ff->backing_io);
}

#endif /* _FS_FUSE_BACKING_IO_H */
