// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: reads and writes of them.
 *
 * What an interrupt completes, of a whole file or of an extent, is one struct
 * fuse_backing_aio.  What the caller waits for is on its stack.
 *
 * References: a read or write that is in flight is counted as such, and that keeps the
 * backing file, or the extents, of its FUSE file; the submitter keeps the FUSE file until
 * completion.
 *
 * Each table has a queue for the ends of writes: those may wait for a page of the FUSE
 * inode, and that for a read from a backing file of a user's own.
 */

#include "fuse_i.h"
#include "backing_access.h"
#include "backing_freeze.h"
#include "backing_io.h"
#include "backing_privs.h"
#include "backing_revoke.h"
#include "backing_rw.h"
#include "backing_table.h"
#include "backing_trace.h"
#include "backing_usage.h"

#include <linux/fsnotify.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/workqueue.h>

/* Of a whole file, whose end is also the FUSE file's */
#define WHOLE_IOCB_FLAGS	(FUSE_BACKING_IOCB_FLAGS | IOCB_APPEND)

/**
 * fuse_backing_write_iter - write to a backing file
 * @kiocb: on the backing file
 * @iter: where from
 *
 * In place of vfs_iocb_iter_write(): if the filesystem is frozen, a signal that kills ends
 * the wait.
 *
 * Context: process context with the mapping's credentials; may sleep unless IOCB_NOWAIT is
 *	set.
 * Return: as ->write_iter(), and kiocb_end_write() is for who completes what is queued;
 *	-EAGAIN or -EINTR if the filesystem is frozen; why the backing file can't be
 *	written to.
 */
ssize_t fuse_backing_write_iter(struct kiocb *kiocb, struct iov_iter *iter)
{
	struct file *backing = kiocb->ki_filp;
	ssize_t ret;

	if (!(backing->f_mode & FMODE_CAN_WRITE))
		return -EINVAL;
	ret = rw_verify_area(WRITE, backing, &kiocb->ki_pos,
			     iov_iter_count(iter)) ?:
	      fuse_backing_start_fs(backing, kiocb->ki_flags & IOCB_NOWAIT);
	if (ret)
		return ret;
	/* whoever completes it lets go of the filesystem: for lockdep, nobody holds it */
	__sb_writers_release(file_inode(backing)->i_sb, SB_FREEZE_WRITE);
	ret = backing->f_op->write_iter(kiocb, iter);
	if (ret != -EIOCBQUEUED)
		kiocb_end_write(kiocb);
	if (ret > 0)
		fsnotify_modify(backing);
	return ret;
}

/* A read or write that the backing filesystem may complete later */
struct fuse_backing_aio {
	/* ours, on the backing file */
	struct kiocb iocb;
	/* the submitter's, on the FUSE file */
	struct kiocb *orig;
	struct file *file;
	struct fuse_backing_rw rw;
	struct fuse_range range;
	/* one of the submission, one of the completion */
	refcount_t count;
	long res;
	struct work_struct work;
};

/* For tracepoints */
static int id_of(const struct file *file)
{
	return fuse_passthrough_of(file)->fb->id;
}

static struct inode *inode_of(const struct fuse_backing_aio *aio)
{
	return file_inode(aio->file);
}

static struct fuse_backing_aio *alloc_aio(struct kiocb *iocb,
					  const struct fuse_backing_rw *rw)
{
	struct fuse_backing_aio *aio;

	aio = kmalloc_obj(*aio, iocb->ki_flags & IOCB_NOWAIT ?
				GFP_NOWAIT | __GFP_ACCOUNT : GFP_KERNEL_ACCOUNT);
	if (!aio)
		return NULL;
	/* nobody is going to poll for it */
	fuse_backing_init_kiocb(&aio->iocb, iocb, rw->file, rw->pos,
				FUSE_BACKING_IOCB_FLAGS & ~IOCB_HIPRI);
	aio->orig = iocb;
	aio->file = iocb->ki_filp;
	aio->rw = *rw;
	aio->rw.cred = NULL;
	if (rw->range) {
		aio->range = *rw->range;
		fuse_extents_range_get(rw->range);
		aio->rw.range = &aio->range;
	}
	fuse_backing_io_get(aio->file);
	refcount_set(&aio->count, 2);
	return aio;
}

static int no_memory(const struct kiocb *iocb)
{
	return iocb->ki_flags & IOCB_NOWAIT ? -EAGAIN : -ENOMEM;
}

static void put_aio(struct fuse_backing_aio *aio)
{
	struct file *file = aio->file;

	if (!refcount_dec_and_test(&aio->count))
		return;
	if (aio->rw.range)
		fuse_extents_range_put(&aio->range);
	kfree(aio);
	fuse_backing_io_end(file);
}

static ssize_t end_aio(struct fuse_backing_aio *aio, ssize_t res)
{
	return aio->rw.end(aio->orig, &aio->rw, aio->iocb.ki_pos, res);
}

/* What became of a submission; it may have been completed by now */
static ssize_t submitted(struct fuse_backing_aio *aio, struct kiocb *iocb,
			 ssize_t ret)
{
	if (ret != -EIOCBQUEUED) {
		ret = end_aio(aio, ret);
		put_aio(aio);
	} else {
		fuse_backing_trace(fuse_passthrough_queued, inode_of(aio),
				   aio->rw.fb->id, iocb);
	}
	put_aio(aio);
	return ret;
}

/* Called by the backing filesystem, maybe in an interrupt */
static void complete_read(struct kiocb *iocb, long res)
{
	struct fuse_backing_aio *aio =
		container_of(iocb, struct fuse_backing_aio, iocb);
	struct kiocb *orig = aio->orig;

	fuse_backing_trace(fuse_passthrough_backing_exit, inode_of(aio),
			   aio->rw.fb->id, orig, res);
	res = end_aio(aio, res);
	fuse_backing_trace(fuse_passthrough_read_exit, inode_of(aio),
			   aio->rw.fb->id, orig, res);
	put_aio(aio);
	orig->ki_complete(orig, res);
}

/**
 * fuse_backing_read_async - read, and don't wait for it
 * @iocb: the client's, for direct I/O
 * @iter: where to
 * @rw: what it is a read of
 *
 * Context: process context between fuse_backing_io_start() and _end(); may sleep
 *	unless IOCB_NOWAIT is set.
 * Return: -EIOCBQUEUED; what &fuse_backing_rw.end returns; -ENOMEM or -EAGAIN.
 */
ssize_t fuse_backing_read_async(struct kiocb *iocb, struct iov_iter *iter,
				const struct fuse_backing_rw *rw)
{
	struct fuse_backing_aio *aio = alloc_aio(iocb, rw);

	if (!aio)
		return no_memory(iocb);
	aio->iocb.ki_complete = complete_read;
	return submitted(aio, iocb,
			 fuse_backing_call_read(iocb, &aio->iocb, iter,
						rw->fb));
}

static void finish_write(struct fuse_backing_aio *aio)
{
	struct kiocb *orig = aio->orig;
	long res = end_aio(aio, aio->res);

	fuse_backing_trace(fuse_passthrough_write_exit, inode_of(aio),
			   aio->rw.fb->id, orig, res);
	put_aio(aio);
	orig->ki_complete(orig, res);
}

static void finish_write_work(struct work_struct *work)
{
	finish_write(container_of(work, struct fuse_backing_aio, work));
}

/* Called by the backing filesystem, maybe in an interrupt */
static void complete_write(struct kiocb *iocb, long res)
{
	struct fuse_backing_aio *aio =
		container_of(iocb, struct fuse_backing_aio, iocb);

	fuse_backing_trace(fuse_passthrough_backing_exit, inode_of(aio),
			   aio->rw.fb->id, aio->orig, res);
	/* what is left may wait for the server: a freeze is not to wait for that */
	kiocb_end_write(iocb);
	aio->res = res;
	/* fuse_inode::lock is not for interrupts, and at an extent the end may sleep */
	if (in_task() && !irqs_disabled() && !aio->rw.range) {
		finish_write(aio);
		return;
	}
	INIT_WORK(&aio->work, finish_write_work);
	queue_work(aio->rw.fb->table->ends, &aio->work);
}

/*
 * Not sb_init_dio_done_wq(), which has a rescuer: that is a kernel thread for each
 * mount that a user makes, and nobody would pay for it.  It would be for work that
 * memory reclaim waits for, and that doesn't wait for direct I/O on FUSE files.
 * Nor does anybody pay for workers: a write that ends may wait for a page that the
 * server is to fill, so the writes of one mount end one after the other.
 */
static int create_queue(struct fuse_backing_table *table)
{
	struct workqueue_struct *wq;

	wq = alloc_ordered_workqueue("fuse_backing/%u:%u", 0,
				     MAJOR(table->fc->dev),
				     MINOR(table->fc->dev));
	if (!wq)
		return -ENOMEM;
	/* somebody else may have been faster */
	if (cmpxchg(&table->ends, NULL, wq))
		destroy_workqueue(wq);
	return 0;
}

/* The queue for ends of writes; made once for each table */
static int init_queue(struct fuse_backing_table *table, bool nowait)
{
	/* what cmpxchg() published */
	if (READ_ONCE(table->ends))
		return 0;
	return nowait ? -EAGAIN : create_queue(table);
}

/**
 * fuse_backing_write_async - write, and don't wait for it
 * @iocb: the client's, for direct I/O
 * @iter: where from
 * @rw: what it is a write of
 *
 * Context: process context between fuse_backing_io_start() and _end(); may sleep
 *	unless IOCB_NOWAIT is set.
 * Return: -EIOCBQUEUED; what &fuse_backing_rw.end returns; -ENOMEM or -EAGAIN.
 */
ssize_t fuse_backing_write_async(struct kiocb *iocb, struct iov_iter *iter,
				 const struct fuse_backing_rw *rw)
{
	struct fuse_backing_aio *aio;
	int err;

	err = init_queue(rw->fb->table, iocb->ki_flags & IOCB_NOWAIT);
	if (err)
		return err;
	aio = alloc_aio(iocb, rw);
	if (!aio)
		return no_memory(iocb);
	aio->iocb.ki_complete = complete_write;
	aio->rw.keeps_privs = fuse_backing_keeps_privs();
	return submitted(aio, iocb,
			 fuse_backing_call_write(iocb, &aio->iocb, iter, rw->fb,
						 rw->cred));
}

static void accessed(struct inode *inode)
{
	if (!IS_RDONLY(inode))
		fuse_backing_invalidate(inode, STATX_ATIME);
}

/**
 * fuse_backing_accessed - a FUSE file was read from its backing file
 * @file: the FUSE file
 *
 * Context: any; may be an interrupt.
 */
void fuse_backing_accessed(struct file *file)
{
	accessed(file_inode(file));
}

/* Every read of a whole file ends here; may be an interrupt */
static __always_inline void end_read(struct file *file, ssize_t res)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(file);

	fuse_backing_count_read(pt->fb, res);
	accessed(file_inode(file));
}

/* No interrupt: the inode can be told that others made the file longer */
static __always_inline void end_read_now(struct file *file, loff_t pos, ssize_t res)
{
	end_read(file, res);
	if (unlikely(pos > i_size_read(file_inode(file))))
		fuse_inode_backing_grown(file_inode(file), fuse_passthrough_of(file));
}

/* The FUSE file may have been told O_DIRECT after it was opened */
static bool can_do(const struct kiocb *iocb, const struct file *backing)
{
	return !(iocb->ki_flags & IOCB_DIRECT) ||
	       (backing->f_mode & FMODE_CAN_ODIRECT);
}

static ssize_t end_read_later(struct kiocb *iocb,
			      const struct fuse_backing_rw *rw, loff_t pos,
			      ssize_t res)
{
	iocb->ki_pos = pos;
	end_read(iocb->ki_filp, res);
	return res;
}

static ssize_t read_later(struct kiocb *iocb, struct iov_iter *iter)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(iocb->ki_filp);
	const struct fuse_backing_rw rw = {
		.fb = pt->fb,
		.file = pt->file,
		.pos = iocb->ki_pos,
		.end = end_read_later,
	};

	return fuse_backing_read_async(iocb, iter, &rw);
}

static ssize_t read_file(struct kiocb *iocb, struct iov_iter *iter)
{
	struct file *file = iocb->ki_filp;
	struct fuse_passthrough *pt = fuse_passthrough_of(file);
	struct kiocb kiocb;
	ssize_t ret;

	if (unlikely(!can_do(iocb, pt->file)))
		return -EINVAL;
	if (fuse_backing_is_async(iocb))
		return read_later(iocb, iter);

	fuse_backing_init_kiocb(&kiocb, iocb, pt->file, iocb->ki_pos,
				WHOLE_IOCB_FLAGS);
	ret = fuse_backing_call_read(iocb, &kiocb, iter, pt->fb);
	iocb->ki_pos = kiocb.ki_pos;
	end_read_now(file, kiocb.ki_pos, ret);
	return ret;
}

/**
 * fuse_backing_read - read from the backing file
 * @iocb: position and flags; its file is open in passthrough mode
 * @iter: where to
 *
 * Context: process context; may sleep unless IOCB_NOWAIT is set.
 * Return: bytes read, -EIOCBQUEUED, or the error of the backing filesystem; as
 *	fuse_backing_revoked_read() if the backing file was taken away.
 */
ssize_t fuse_backing_read(struct kiocb *iocb, struct iov_iter *iter)
{
	struct file *file = iocb->ki_filp;
	ssize_t ret;

	if (!fuse_backing_io_start(file))
		return fuse_backing_revoked_read(iocb, iter);
	fuse_backing_trace(fuse_passthrough_read_enter, file_inode(file),
			   id_of(file), iocb, iocb->ki_pos,
			   iov_iter_count(iter));
	ret = read_file(iocb, iter);
	fuse_backing_trace(fuse_passthrough_read_exit, file_inode(file),
			   id_of(file), iocb, ret);
	fuse_backing_io_end(file);
	return ret;
}

/*
 * The size after a write up to @end.  Others may have truncated the file since,
 * so the backing inode has the last word on how long it became.
 *
 * Only what makes the file no longer may get here without the FUSE inode's lock,
 * which keeps out those who take the size from a reply: see fuse_backing_lock().
 */
static void update_size_locked(struct inode *inode, struct file *backing,
			       loff_t end)
{
	end = min(end, i_size_read(file_inode(backing)));
	if (end > inode->i_size) {
		fuse_inode_backing_size(inode, end);
		i_size_write(inode, end);
	}
}

/* Every write to a whole file ends here, with what it returns and where */
static void end_write(struct file *file, loff_t end, ssize_t res)
{
	struct fuse_file *ff = file->private_data;
	struct fuse_passthrough *pt = ff->passthrough;
	struct inode *inode = file_inode(file);
	struct fuse_inode *fi = get_fuse_inode(inode);

	/* it was not even tried */
	if (res == -EAGAIN)
		return;

	fuse_backing_count_written(pt->fb, res);

	spin_lock(&fi->lock);
	/* attributes that were asked for before are not to be believed */
	fi->attr_version = atomic64_inc_return(&ff->fm->fc->attr_version);
	if (res > 0 && end > inode->i_size)
		update_size_locked(inode, pt->file, end);
	spin_unlock(&fi->lock);

	/* who fails may have changed the size nevertheless */
	fuse_backing_invalidate(inode, res < 0 ? FUSE_STATX_MODSIZE :
						 FUSE_STATX_MODIFY);
}

static ssize_t end_write_later(struct kiocb *iocb,
			       const struct fuse_backing_rw *rw, loff_t pos,
			       ssize_t res)
{
	struct inode *inode = file_inode(iocb->ki_filp);

	iocb->ki_pos = pos;
	end_write(iocb->ki_filp, pos, res);
	if (unlikely(is_sxid(inode->i_mode)))
		fuse_backing_end_privs(inode, rw->keeps_privs);
	return res;
}

static ssize_t write_later(struct kiocb *iocb, struct iov_iter *iter,
			   const struct cred *cred)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(iocb->ki_filp);
	const struct fuse_backing_rw rw = {
		.fb = pt->fb,
		.file = pt->file,
		.cred = cred,
		.pos = iocb->ki_pos,
		.end = end_write_later,
	};

	return fuse_backing_write_async(iocb, iter, &rw);
}

static ssize_t write_now(struct kiocb *iocb, struct iov_iter *iter,
			 const struct cred *cred)
{
	struct file *file = iocb->ki_filp;
	struct fuse_passthrough *pt = fuse_passthrough_of(file);
	struct kiocb kiocb;
	ssize_t ret;

	fuse_backing_init_kiocb(&kiocb, iocb, pt->file, iocb->ki_pos,
				WHOLE_IOCB_FLAGS);
	ret = fuse_backing_call_write(iocb, &kiocb, iter, pt->fb, cred);

	iocb->ki_pos = kiocb.ki_pos;
	end_write(file, kiocb.ki_pos, ret);
	if (unlikely(is_sxid(file_inode(file)->i_mode)))
		fuse_backing_end_privs(file_inode(file),
				       fuse_backing_keeps_privs());
	return ret;
}

/* May it make the file longer?  The FUSE inode is locked */
static bool extends(const struct kiocb *iocb, const struct iov_iter *iter)
{
	return (iocb->ki_flags & IOCB_APPEND) ||
	       iocb->ki_pos + iov_iter_count(iter) >
	       i_size_read(file_inode(iocb->ki_filp));
}

/*
 * What makes the file longer is waited for: the FUSE inode is locked until this
 * returns only.
 */
static ssize_t write_checked(struct kiocb *iocb, struct iov_iter *iter,
			     bool exclusive)
{
	struct file *file = iocb->ki_filp;
	struct fuse_passthrough *pt = fuse_passthrough_of(file);
	bool async = fuse_backing_is_async(iocb);
	bool later = async && !extends(iocb, iter);
	const struct cred *cred;
	ssize_t ret;

	if (unlikely(!can_do(iocb, pt->file)))
		return -EINVAL;
	if (unlikely(async && !later && (iocb->ki_flags & IOCB_NOWAIT)))
		return -EAGAIN;

	cred = fuse_backing_start_write(file, iocb->ki_flags, exclusive);
	if (IS_ERR(cred))
		return PTR_ERR(cred);
	ret = later ? write_later(iocb, iter, cred) :
		      write_now(iocb, iter, cred);
	fuse_backing_end_write(file, cred);
	return ret;
}

static ssize_t write_file(struct kiocb *iocb, struct iov_iter *iter,
			  bool exclusive)
{
	struct fuse_file *ff = iocb->ki_filp->private_data;
	struct super_block *sb = file_inode(iocb->ki_filp)->i_sb;
	ssize_t ret;
	bool hidden;

	if (!iov_iter_count(iter))
		return 0;
	ret = fuse_backing_may_write(ff, iocb->ki_flags & IOCB_APPEND);
	if (ret)
		return ret;
	hidden = fuse_backing_hide_superblock(sb, ff->passthrough->file);
	ret = write_checked(iocb, iter, exclusive);
	fuse_backing_show_superblock(sb, hidden);
	return ret;
}

/* Between fuse_backing_write_start() and _end() */
static ssize_t write_started(struct kiocb *iocb, struct iov_iter *iter,
			     bool exclusive)
{
	struct file *file = iocb->ki_filp;
	ssize_t ret;

	fuse_backing_trace(fuse_passthrough_write_enter, file_inode(file),
			   id_of(file), iocb, iocb->ki_pos,
			   iov_iter_count(iter));
	ret = write_file(iocb, iter, exclusive);
	fuse_backing_trace(fuse_passthrough_write_exit, file_inode(file),
			   id_of(file), iocb, ret);
	return ret;
}

/**
 * fuse_backing_write - write to the backing file
 * @iocb: position and flags; its file is open in passthrough mode
 * @iter: where from
 *
 * Context: process context; may sleep unless IOCB_NOWAIT is set, killable until it
 *	writes.  Takes the FUSE inode's lock, exclusively if suid or sgid bits are to
 *	be removed, from it or from the backing inode, else shared.
 * Return: bytes written, -EIOCBQUEUED, -EPERM if the file can only be appended to,
 *	-EAGAIN, -EINTR, an error if privileges can't be removed, or that of the backing
 *	filesystem; as fuse_backing_revoked_write() if the backing file was taken away.
 */
ssize_t fuse_backing_write(struct kiocb *iocb, struct iov_iter *iter)
{
	struct file *file = iocb->ki_filp;
	bool exclusive = false;
	ssize_t ret;

	ret = fuse_backing_write_start(iocb, exclusive);
	if (!ret && fuse_backing_must_be_alone(file)) {
		fuse_backing_write_end(file, exclusive);
		exclusive = true;
		ret = fuse_backing_write_start(iocb, exclusive);
	}
	/* who asks the server instead takes the lock itself */
	if (unlikely(ret == -ESTALE))
		return fuse_backing_revoked_write(iocb, iter);
	if (unlikely(ret))
		return ret;
	ret = write_started(iocb, iter, exclusive);
	fuse_backing_write_end(file, exclusive);
	return ret;
}

/* The pipe gets pages of its own */
static ssize_t copy_splice(struct file *backing, loff_t *ppos,
			   struct pipe_inode_info *pipe, size_t len,
			   unsigned int flags)
{
	ssize_t err;

	if (!backing->f_op->read_iter)
		return -EINVAL;
	err = rw_verify_area(READ, backing, ppos, len);
	return err ?: copy_splice_read(backing, ppos, pipe, len, flags);
}

static ssize_t splice_file(struct file *in, loff_t *ppos,
			   struct pipe_inode_info *pipe, size_t len,
			   unsigned int flags)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(in);
	ssize_t ret;

	fuse_backing_trace(fuse_passthrough_backing_enter, file_inode(in),
			   pt->fb->id, pipe, *ppos, len);
	scoped_with_creds(pt->fb->cred)
		ret = pt->fb->copies ?
		      copy_splice(pt->file, ppos, pipe, len, flags) :
		      vfs_splice_read(pt->file, ppos, pipe, len, flags);
	fuse_backing_trace(fuse_passthrough_backing_exit, file_inode(in),
			   pt->fb->id, pipe, ret);
	return ret;
}

/**
 * fuse_backing_splice_read - splice from the backing file to a pipe
 * @in: a FUSE file open in passthrough mode
 * @ppos: position, moved on
 * @pipe: where to
 * @len: bytes at most
 * @flags: SPLICE_F_*
 *
 * Context: process context; may sleep.
 * Return: bytes spliced, or the error of the backing filesystem; as
 *	fuse_backing_revoked_splice_read() if the backing file was taken away.
 */
ssize_t fuse_backing_splice_read(struct file *in, loff_t *ppos,
				 struct pipe_inode_info *pipe, size_t len,
				 unsigned int flags)
{
	ssize_t ret;

	if (!fuse_backing_io_start(in))
		return fuse_backing_revoked_splice_read(in, ppos, pipe, len,
							flags);
	/* one at a time: the pipe is locked, or its only user's */
	fuse_backing_trace(fuse_passthrough_splice_enter, file_inode(in),
			   id_of(in), pipe, *ppos, len);
	ret = splice_file(in, ppos, pipe, len, flags);
	end_read_now(in, *ppos, ret);
	fuse_backing_trace(fuse_passthrough_splice_exit, file_inode(in),
			   id_of(in), pipe, ret);
	fuse_backing_io_end(in);
	return ret;
}
