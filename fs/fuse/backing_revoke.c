// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: taken away from open files.
 *
 * A server that migrates a file takes its backing file away from the FUSE inode
 * and from every file that is open on it.  What is in flight is waited for;
 * whatever follows goes to the server, which is asked to open the file if the
 * kernel opened it by itself, and is direct I/O.
 */

#include "fuse_i.h"
#include "backing_bpf.h"
#include "backing_inode.h"
#include "backing_io.h"
#include "backing_mmap.h"
#include "backing_revoke.h"

#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/wait_bit.h>

/**
 * fuse_backing_failover - have the server do what the backing file can't
 * @file: a FUSE file whose backing file was taken away
 *
 * Context: process context without locks, but maybe mmap_lock; may sleep,
 *	killable.
 * Return: 0, and I/O on @file is direct I/O from now on; -EINTR, or -EIO if the
 *	server doesn't open the file.
 */
int fuse_backing_failover(struct file *file)
{
	struct fuse_file *ff = file->private_data;
	int err;

	err = fuse_backing_need_handle(file);
	if (err)
		return err == -EINTR ? err : -EIO;
	if (READ_ONCE(ff->open_flags) & FOPEN_DIRECT_IO)
		return 0;

	/* also of what is given extents later */
	if (file->f_mode & FMODE_WRITE)
		fuse_inode_backing_note_server(file_inode(file));
	spin_lock(&file->f_lock);
	/* the server takes its time */
	file->f_mode &= ~FMODE_NOWAIT;
	WRITE_ONCE(ff->open_flags, (ff->open_flags & FOPEN_NOFLUSH) |
				   FOPEN_DIRECT_IO);
	spin_unlock(&file->f_lock);
	return 0;
}

static int failover_io(struct kiocb *iocb)
{
	/* that asks the server, and waits */
	if (iocb->ki_flags & IOCB_NOWAIT)
		return -EAGAIN;
	return fuse_backing_failover(iocb->ki_filp);
}

/**
 * fuse_backing_revoked_read - read a file whose backing file was taken away
 * @iocb: position and flags
 * @iter: where to
 *
 * Context: process context; may sleep.
 * Return: as ->read_iter() of a FUSE file, or fuse_backing_failover().
 */
ssize_t fuse_backing_revoked_read(struct kiocb *iocb, struct iov_iter *iter)
{
	int err = failover_io(iocb);

	/* it is dispatched anew */
	return err ?: iocb->ki_filp->f_op->read_iter(iocb, iter);
}

/**
 * fuse_backing_revoked_write - write a file whose backing file was taken away
 * @iocb: position and flags
 * @iter: where from
 *
 * Context: process context; may sleep.
 * Return: as ->write_iter() of a FUSE file, or fuse_backing_failover().
 */
ssize_t fuse_backing_revoked_write(struct kiocb *iocb, struct iov_iter *iter)
{
	int err = failover_io(iocb);

	return err ?: iocb->ki_filp->f_op->write_iter(iocb, iter);
}

/**
 * fuse_backing_revoked_splice_read - splice from such a file
 * @in: the FUSE file
 * @ppos: position, moved on
 * @pipe: where to
 * @len: bytes at most
 * @flags: SPLICE_F_*
 *
 * Context: process context; may sleep.
 * Return: bytes spliced, what the server says, or fuse_backing_failover().
 */
ssize_t fuse_backing_revoked_splice_read(struct file *in, loff_t *ppos,
					 struct pipe_inode_info *pipe,
					 size_t len, unsigned int flags)
{
	int err = fuse_backing_failover(in);

	return err ?: copy_splice_read(in, ppos, pipe, len, flags);
}

/**
 * fuse_backing_bypasses_cache - must a splice not be served from the cache
 * @file: an open FUSE file
 *
 * Context: any.
 * Return: whether it is direct I/O beside a backing file, or after one; or where a program
 *	decides who gets what, and one may not see what was read for another.
 */
bool fuse_backing_bypasses_cache(struct file *file)
{
	struct fuse_inode *fi = get_fuse_inode(file_inode(file));
	struct fuse_file *ff = file->private_data;

	return (READ_ONCE(ff->open_flags) & FOPEN_DIRECT_IO) &&
	       (fuse_file_passthrough(ff) || fuse_inode_backing(fi) ||
		fuse_filter_has_opens(ff->fm->fc));
}

/**
 * fuse_backing_revoked_mmap - map a file whose backing file was taken away
 * @file: the FUSE file
 * @vma: where to
 *
 * As files with FOPEN_DIRECT_IO, of servers without
 * FUSE_DIRECT_IO_ALLOW_MMAP: only privately.  The server is not asked here: a file
 * that it hasn't opened must have been read or written before.
 *
 * Context: process context with mmap_lock held for writing; may sleep.
 * Return: 0, or -ENODEV.
 */
int fuse_backing_revoked_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct fuse_inode *fi = get_fuse_inode(file_inode(file));
	int err;

	if (vma->vm_flags & VM_MAYSHARE)
		return -ENODEV;
	/* whatever waits for mmap_lock would wait for the server, too */
	if (!fuse_backing_handle_file(file))
		return -ENODEV;
	/* what is written to a backing file is not seen in the cache */
	if (fuse_inode_backing(fi))
		return -ENODEV;
	err = fuse_backing_failover(file);
	if (err)
		return err;
	invalidate_inode_pages2(file->f_mapping);
	return generic_file_mmap(file, vma);
}

/**
 * fuse_backing_revoke_start - take the backing file away from all open files
 * @fi: the FUSE inode
 *
 * They are yet to be told, by fuse_inode_backing_revoke(): none is mapped until then.
 *
 * Context: fi->lock is held, and i_mmap_rwsem of the inode's pages.
 * Return: 1 if files are open that have lost it now or before, 0 if none is; -EBUSY if
 *	something of it is mapped, and nothing is done; -EAGAIN if that isn't known before
 *	others had the locks.
 */
int fuse_backing_revoke_start(struct fuse_inode *fi)
{
	struct fuse_conn *fc = get_fuse_conn(&fi->inode);
	int mapped;

	lockdep_assert_held(&fi->lock);
	mapped = fuse_inode_backing_is_mapped(fi);
	if (mapped)
		return mapped < 0 ? mapped : -EBUSY;

	fi->backing.revoked_at = atomic64_inc_return(&fc->khctr);
	return !list_empty(&fi->backing.open) ||
	       !list_empty(&fi->backing.revoked);
}

/**
 * fuse_backing_revoke_finish - wait for what is in flight, and let go
 * @fi: the FUSE inode, that the caller holds a reference on
 * @queued: set if the thread is left files to close, for which the caller waits when it
 *	has given up that reference, and what keeps superblocks from ending meanwhile
 *
 * Clients may make it wait for as long as they like: so any signal ends that.
 *
 * Context: process context without locks but killsb; may sleep, interruptible.
 * Return: 0, and nothing reaches the backing file through @fi any more; -EINTR,
 *	and this may be called again.
 */
int fuse_backing_revoke_finish(struct fuse_inode *fi, bool *queued)
{
	int ret;

	/* who comes too late for I/O counts for a moment, too: it may be busy again */
	while ((ret = fuse_inode_backing_retire(fi, queued))) {
		if (ret == -EBUSY &&
		    wait_var_event_interruptible(&fi->backing,
						 !fuse_inode_backing_is_busy(fi)))
			return -EINTR;
		cond_resched();
	}
	return 0;
}
