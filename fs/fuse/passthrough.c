// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE passthrough to backing file.
 *
 * Copyright (c) 2023 CTERA Networks.
 *
 * What file.c and iomode.c call; how it is done is in backing_rw.c, backing_mmap.c and
 * backing_open.c.
 */

#include "fuse_i.h"
#include "backing_access.h"
#include "backing_handle.h"
#include "backing_inode.h"
#include "backing_io.h"
#include "backing_mmap.h"
#include "backing_open.h"
#include "backing_revoke.h"
#include "backing_rw.h"
#include "backing_trace.h"

#include <linux/backing-file.h>
#include <linux/splice.h>

/**
 * fuse_passthrough_read_iter - read from the backing file
 * @iocb: position and flags; its file is open in passthrough mode
 * @iter: where to
 *
 * Context: process context; may sleep unless IOCB_NOWAIT is set.
 * Return: bytes read, -EIOCBQUEUED, or the error of the backing filesystem.
 */
ssize_t fuse_passthrough_read_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	pr_debug("%s: file=0x%p, pos=%lld, len=%zu\n", __func__,
		 iocb->ki_filp, iocb->ki_pos, iov_iter_count(iter));

	return fuse_backing_read(iocb, iter);
}

/**
 * fuse_passthrough_write_iter - write to the backing file
 * @iocb: position and flags; its file is open in passthrough mode
 * @iter: where from
 *
 * Context: process context; may sleep unless IOCB_NOWAIT is set, killable until it
 *	writes.  Takes the FUSE inode's lock, exclusively if suid or sgid bits are to
 *	be removed, from it or from the backing inode, else shared.
 * Return: as fuse_backing_write(); -EINTR.
 */
ssize_t fuse_passthrough_write_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	pr_debug("%s: file=0x%p, pos=%lld, len=%zu\n", __func__,
		 iocb->ki_filp, iocb->ki_pos, iov_iter_count(iter));

	return fuse_backing_write(iocb, iter);
}

/**
 * fuse_passthrough_splice_read - splice from the backing file to a pipe
 * @in: a FUSE file open in passthrough mode
 * @ppos: position, moved on
 * @pipe: where to
 * @len: bytes at most
 * @flags: SPLICE_F_*
 *
 * A pipe, or a socket behind it, that gets pages of the backing file shows what
 * is written there for as long as it has them, even after the file was taken
 * away, or closed.  Where the server has said so it gets copies.
 *
 * Context: process context; may sleep.
 * Return: bytes spliced, or the error of the backing filesystem.
 */
ssize_t fuse_passthrough_splice_read(struct file *in, loff_t *ppos,
				     struct pipe_inode_info *pipe,
				     size_t len, unsigned int flags)
{
	pr_debug("%s: file=0x%p, pos=%lld, len=%zu, flags=0x%x\n", __func__, in,
		 *ppos, len, flags);

	return fuse_backing_splice_read(in, ppos, pipe, len, flags);
}

/**
 * fuse_passthrough_splice_write - splice from a pipe to the backing file
 * @pipe: where from
 * @out: a FUSE file open in passthrough mode
 * @ppos: position, moved on
 * @len: bytes at most
 * @flags: SPLICE_F_*
 *
 * Writes through the FUSE file, which dispatches to the backing file: the pipe
 * must be locked before the FUSE inode, as for files of the same inode that
 * are written through the server, and what a write ends with must be done.
 *
 * Context: process context; may sleep; takes the pipe's lock.
 * Return: bytes spliced, or as fuse_passthrough_write_iter().
 */
ssize_t fuse_passthrough_splice_write(struct pipe_inode_info *pipe,
				      struct file *out, loff_t *ppos,
				      size_t len, unsigned int flags)
{
	pr_debug("%s: file=0x%p, pos=%lld, len=%zu, flags=0x%x\n", __func__,
		 out, *ppos, len, flags);

	return iter_file_splice_write(pipe, out, ppos, len, flags);
}

static int call_mmap_of(struct file *file, struct vm_area_struct *vma)
{
	struct fuse_file *ff = file->private_data;
	struct fuse_passthrough *pt = ff->passthrough;
	struct backing_file_ctx ctx = {
		.cred = pt->fb->cred,
		.accessed = fuse_backing_accessed,
	};

	if (vma_is_shared_maywrite(vma))
		fuse_inode_backing_store(ff, get_fuse_inode(file_inode(file)));
	return backing_file_mmap(pt->file, vma, &ctx);
}

/* @taken: the backing file was just taken away, and nothing was done */
static int map_backing(struct file *file, struct vm_area_struct *vma,
		       bool *taken)
{
	struct fuse_backing_mapped *mapped;
	int err;

	*taken = false;
	err = fuse_backing_may_mmap(file->private_data, vma) ?:
	      fuse_backing_map_start(file, &mapped, taken);
	if (err || *taken)
		return err;
	err = call_mmap_of(file, vma);
	fuse_backing_map_end(mapped, file, err ? NULL : vma->vm_file);
	return err;
}

/**
 * fuse_passthrough_mmap - map the backing file
 * @file: a FUSE file open in passthrough mode
 * @vma: where to; its file becomes the backing file
 *
 * Context: process context with mmap_lock held for writing; may sleep.
 * Return: 0, -ENOMEM, an error of fuse_backing_may_mmap(), or that of the
 *	backing filesystem.
 */
ssize_t fuse_passthrough_mmap(struct file *file, struct vm_area_struct *vma)
{
	bool taken = true;
	int err = 0;

	pr_debug("%s: file=0x%p, start=%lu, end=%lu\n", __func__, file,
		 vma->vm_start, vma->vm_end);

	if (fuse_backing_io_start(file)) {
		err = map_backing(file, vma, &taken);
		if (!taken)
			fuse_backing_trace(fuse_passthrough_mmap,
					   file_inode(file),
					   fuse_passthrough_of(file)->fb->id,
					   vma, err);
		fuse_backing_io_end(file);
	}
	return taken ? fuse_backing_revoked_mmap(file, vma) : err;
}

/**
 * fuse_passthrough_open - open the backing file of a FUSE file
 * @file: the FUSE file, opened by the server
 * @backing_id: from the server's reply
 *
 * If the reply claimed the id, that mapping is used, and given up when this
 * fails.
 *
 * Context: process context; may sleep.
 * Return: 0, to be undone with fuse_passthrough_release(); -EINVAL if
 *	@backing_id is not positive, -ENOENT if it is closed or was never
 *	registered, -ENOMEM, or why the backing file can't be opened.
 */
int fuse_passthrough_open(struct file *file, int backing_id)
{
	int err = fuse_backing_open_file(file, backing_id);

	pr_debug("%s: backing_id=%d, err=%i\n", __func__, backing_id, err);
	fuse_backing_trace(fuse_passthrough_open, file, backing_id,
			   err ? NULL : fuse_passthrough_of(file)->file,
			   !fuse_backing_is_local(file), err);
	return err;
}

/**
 * fuse_passthrough_release - undo fuse_passthrough_open()
 * @ff: file data of the FUSE file
 * @fi: its inode, or %NULL
 *
 * The backing file is closed before the mapping is given up, both before this
 * returns: afterwards the FUSE file doesn't pin the backing filesystem.  If the
 * caller is killed, that comes later.
 *
 * Context: process context; may sleep.
 */
void fuse_passthrough_release(struct fuse_file *ff, struct fuse_inode *fi)
{
	pr_debug("%s: ff=0x%p\n", __func__, ff);

	/* none on the error path of fuse_create_open(), which opens nothing */
	if (fi)
		fuse_backing_leave(ff, fi);
}
