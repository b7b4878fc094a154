// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE passthrough: I/O of a FUSE file on its backing file.
 *
 * A FUSE file that is open in passthrough mode has a backing file of its own,
 * reopened through the mapping that the server named in its reply.  It is never
 * in a file table: there is one for each FUSE file, which the opener's own
 * limit counts.
 *
 * References: fuse_file::passthrough is the backing file, fuse_file::fb keeps
 * the mapping.  Both go with fuse_passthrough_release().
 */

#include "fuse_i.h"
#include "backing_access.h"
#include "backing_inode.h"
#include "backing_io.h"
#include "backing_mapping.h"
#include "backing_mmap.h"
#include "backing_privs.h"
#include "backing_reject.h"
#include "backing_revoke.h"
#include "backing_trace.h"
#include "backing_usage.h"

#include <linux/backing-file.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/workqueue.h>

/*
 * What a client asks of one read or write, as opposed to what its submitter
 * keeps in the flags for itself.
 */
#define PASSED_IOCB_FLAGS	(IOCB_HIPRI | IOCB_DSYNC | IOCB_SYNC | \
				 IOCB_NOWAIT | IOCB_APPEND | IOCB_DIRECT | \
				 IOCB_NOIO | IOCB_WRITE)

/* A read or write that the backing filesystem may complete later */
struct passthrough_aio {
	/* ours, on the backing file */
	struct kiocb iocb;
	/* the submitter's, on the FUSE file, which it keeps until completion */
	struct kiocb *orig;
	/* the FUSE file: what is in flight keeps its backing file */
	struct file *file;
	/* one of the submission, one of the completion */
	refcount_t count;
	/* the client may leave suid and sgid bits where they are */
	bool keeps_privs;
	long res;
	struct work_struct work;
};

static void accessed(struct file *file)
{
	struct inode *inode = file_inode(file);

	if (!IS_RDONLY(inode))
		fuse_backing_invalidate(inode, STATX_ATIME);
}

/* Every read ends here, with what it returns; may be an interrupt */
static void end_read(struct file *file, ssize_t res)
{
	struct fuse_file *ff = file->private_data;

	fuse_backing_count_read(ff->fb, res);
	accessed(file);
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

/* Every write ends here, with what it returns and where; not in interrupts */
static void end_write(struct file *file, loff_t end, ssize_t res)
{
	struct fuse_file *ff = file->private_data;
	struct inode *inode = file_inode(file);
	struct fuse_inode *fi = get_fuse_inode(inode);

	/* it was not even tried */
	if (res == -EAGAIN)
		return;

	fuse_backing_count_written(ff->fb, res);

	spin_lock(&fi->lock);
	/* attributes that were asked for before are not to be believed */
	fi->attr_version = atomic64_inc_return(&ff->fm->fc->attr_version);
	if (res > 0 && end > inode->i_size)
		update_size_locked(inode, ff->passthrough, end);
	spin_unlock(&fi->lock);

	/* who fails may have changed the size nevertheless */
	fuse_backing_invalidate(inode, res < 0 ? FUSE_STATX_MODSIZE :
						 FUSE_STATX_MODIFY);
}

/* Returns the backing file; to be called with the mapping's credentials */
static struct file *reopen_file(struct file *file, struct fuse_backing *fb)
{
	struct fuse_file *ff = file->private_data;
	struct file *backing;
	int flags, err;

	err = fuse_backing_may_open(fb, file);
	if (err)
		return ERR_PTR(err);

	flags = fuse_backing_open_flags(fb, file->f_flags);
	backing = backing_file_open(file, flags, &fb->file->f_path, fb->cred);
	if (IS_ERR(backing))
		fuse_backing_reject(ff->fm->fc, fb->id, PTR_ERR(backing),
				    FUSE_BACKING_REOPEN);
	return backing;
}

/* Open what @fb maps as @file was opened, as whoever registered it */
static struct file *reopen(struct file *file, struct fuse_backing *fb)
{
	const struct cred *old_cred;
	struct file *backing;

	old_cred = fuse_backing_override_creds(fb->cred);
	backing = reopen_file(file, fb);
	fuse_backing_revert_creds(old_cred);

	return backing;
}

static int open_id(struct file *file, int backing_id)
{
	struct fuse_file *ff = file->private_data;
	struct fuse_conn *fc = ff->fm->fc;
	struct fuse_backing *fb;
	struct file *backing;
	int err;

	if (backing_id <= 0)
		return fuse_backing_reject(fc, backing_id, -EINVAL,
					   FUSE_BACKING_BAD_ARGUMENT);

	fb = ff->fb ?: fuse_backing_lookup(fc, backing_id);
	if (!fb)
		return fuse_backing_reject(fc, backing_id, -ENOENT,
					   FUSE_BACKING_UNKNOWN_ID);

	err = fuse_backing_may_reopen(fb) ?: fuse_backing_start_use(fb);
	if (err)
		goto out_put;

	backing = reopen(file, fb);
	err = PTR_ERR_OR_ZERO(backing);
	if (err)
		goto out_put;

	/* else the server does I/O, and only mmap(2) is passed through */
	if (!(ff->open_flags & FOPEN_DIRECT_IO)) {
		file->f_op = &fuse_passthrough_file_operations;
		file->f_mode |= backing->f_mode & FMODE_NOWAIT;
	}
	ff->passthrough = backing;
	ff->fb = fb;
	INIT_LIST_HEAD(&ff->backing_link);
	fuse_backing_use(fb, &ff->backing_use, FUSE_BACKING_FILE, ff->nodeid);
	return 0;

out_put:
	ff->fb = NULL;
	fuse_backing_put(fb);
	return err;
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
	struct fuse_file *ff = file->private_data;
	int err = open_id(file, backing_id);

	fuse_backing_trace(fuse_passthrough_open, file, backing_id,
			   ff->passthrough, !ff->local, err);
	return err;
}

/**
 * fuse_passthrough_bad_flags - refuse a reply whose flags don't go together
 * @ff: file data of the FUSE file
 *
 * Context: any.
 * Return: -EINVAL.
 */
int fuse_passthrough_bad_flags(struct fuse_file *ff)
{
	struct fuse_conn *fc = ff->fm->fc;

	return fuse_backing_reject(fc, ff->args->open_outarg.backing_id, -EINVAL,
				   fc->passthrough ? FUSE_BACKING_OPEN_FLAGS :
						     FUSE_BACKING_NOT_NEGOTIATED);
}

/**
 * fuse_passthrough_open_failed - the FUSE inode doesn't take another such file
 * @ff: file data of the FUSE file, opened with fuse_passthrough_open()
 * @fi: its inode
 * @err: -EBUSY or -ETXTBSY, see the I/O modes of an inode
 *
 * Context: process context; may sleep.
 */
void fuse_passthrough_open_failed(struct fuse_file *ff, struct fuse_inode *fi,
				  int err)
{
	fuse_backing_reject(ff->fm->fc, ff->fb->id, err,
			    err == -EBUSY ? FUSE_BACKING_OTHER_INODE :
					    FUSE_BACKING_CACHED_OPEN);
	fuse_passthrough_release(ff, fi);
}

/**
 * fuse_passthrough_open_error - what open(2) says of a file that has no I/O mode
 * @ff: file data of the FUSE file
 * @err: why
 *
 * A server that asks for passthrough gets the reason to its clients' side, so
 * that it can be found.  To all others the reason is a mistake of the server's
 * that has always been -EIO.  So is -ENOSYS of a backing filesystem: callers
 * would take it for the server's, which doesn't implement the operation.
 *
 * Context: any.
 * Return: a negative errno.
 */
int fuse_passthrough_open_error(const struct fuse_file *ff, int err)
{
	if (ff->fm->fc->passthrough && !(ff->open_flags & FOPEN_PASSTHROUGH))
		fuse_backing_reject(ff->fm->fc, 0, -EIO,
				    FUSE_BACKING_MIXED_OPEN);
	if (err == -ENOSYS || !ff->fm->fc->passthrough ||
	    !(ff->open_flags & FOPEN_PASSTHROUGH))
		return -EIO;
	return err;
}

/**
 * fuse_passthrough_is_uncached - has a file's inode no pages that are to be written
 * @ff: file data of an open FUSE file
 *
 * Then closing the file has nothing to wait for, and must not: whoever writes through
 * another file of the inode holds the inode's lock for as long as that takes.
 *
 * Context: any.
 * Return: whether it is so.
 */
bool fuse_passthrough_is_uncached(const struct fuse_file *ff)
{
	return ff->iomode == IOM_UNCACHED;
}

/**
 * fuse_passthrough_release - undo fuse_passthrough_open()
 * @ff: file data of the FUSE file
 * @fi: its inode
 *
 * The backing file is closed before the mapping is given up, both before this
 * returns: afterwards the FUSE file doesn't pin the backing filesystem.  If the
 * caller is killed, that comes later.
 *
 * Context: process context; may sleep.
 */
void fuse_passthrough_release(struct fuse_file *ff, struct fuse_inode *fi)
{
	fuse_backing_leave(ff, fi);
}

/* For tracepoints */
static int id_of(const struct file *file)
{
	const struct fuse_file *ff = file->private_data;

	return ff->fb->id;
}

/* An I/O's own kiocb on the backing file */
static void init_kiocb(struct kiocb *kiocb, const struct kiocb *orig,
		       struct file *backing)
{
	*kiocb = (struct kiocb) {
		.ki_filp = backing,
		.ki_pos = orig->ki_pos,
		.ki_flags = orig->ki_flags & PASSED_IOCB_FLAGS,
		.ki_ioprio = orig->ki_ioprio,
	};
}

/* Only direct I/O is completed by interrupts; for the rest our stack will do */
static bool is_async(struct kiocb *iocb)
{
	return (iocb->ki_flags & IOCB_DIRECT) && !is_sync_kiocb(iocb);
}

/* The FUSE file may have been told O_DIRECT after it was opened */
static bool can_do(const struct kiocb *iocb, const struct file *backing)
{
	return !(iocb->ki_flags & IOCB_DIRECT) ||
	       (backing->f_mode & FMODE_CAN_ODIRECT);
}

/* May it make the file longer?  The FUSE inode is locked */
static bool extends(const struct kiocb *iocb, const struct iov_iter *iter)
{
	return (iocb->ki_flags & IOCB_APPEND) ||
	       iocb->ki_pos + iov_iter_count(iter) >
	       i_size_read(file_inode(iocb->ki_filp));
}

/*
 * The backing file may be in use until the submission returns, even if the I/O
 * was completed by then.  The submitter keeps the FUSE file for as long, as for
 * any ->read_iter() and ->write_iter(), and what is counted as in flight keeps
 * the backing file.
 */
static struct passthrough_aio *alloc_aio(struct kiocb *iocb,
					 struct file *backing)
{
	struct passthrough_aio *aio;

	aio = kmalloc(sizeof(*aio),
		      iocb->ki_flags & IOCB_NOWAIT ? GFP_NOWAIT : GFP_KERNEL);
	if (!aio)
		return NULL;
	init_kiocb(&aio->iocb, iocb, backing);
	/* nobody is going to poll for it */
	aio->iocb.ki_flags &= ~IOCB_HIPRI;
	aio->orig = iocb;
	aio->file = iocb->ki_filp;
	fuse_backing_io_get(aio->file);
	refcount_set(&aio->count, 2);
	return aio;
}

static int no_memory(const struct kiocb *iocb)
{
	return iocb->ki_flags & IOCB_NOWAIT ? -EAGAIN : -ENOMEM;
}

static void put_aio(struct passthrough_aio *aio)
{
	struct file *file = aio->file;

	if (refcount_dec_and_test(&aio->count)) {
		kfree(aio);
		fuse_backing_io_end(file);
	}
}

static void end_read_aio(struct passthrough_aio *aio, long res)
{
	aio->orig->ki_pos = aio->iocb.ki_pos;
	end_read(aio->orig->ki_filp, res);
}

/* Called by the backing filesystem, maybe in an interrupt */
static void complete_read(struct kiocb *iocb, long res)
{
	struct passthrough_aio *aio =
		container_of(iocb, struct passthrough_aio, iocb);
	struct kiocb *orig = aio->orig;
	struct file *file = aio->file;

	fuse_backing_trace(fuse_passthrough_backing_exit, file_inode(file),
			   id_of(file), orig, res);
	end_read_aio(aio, res);
	fuse_backing_trace(fuse_passthrough_read_exit, file_inode(file),
			   id_of(file), orig, res);
	put_aio(aio);
	orig->ki_complete(orig, res);
}

/* Call the backing filesystem on behalf of @orig */
static __always_inline ssize_t call_read(struct file *file,
					 const struct kiocb *orig,
					 struct kiocb *iocb,
					 struct iov_iter *iter)
{
	struct fuse_file *ff = file->private_data;
	const struct cred *old_cred;
	ssize_t ret;

	fuse_backing_trace(fuse_passthrough_backing_enter, file_inode(file),
			   ff->fb->id, orig, iocb->ki_pos,
			   iov_iter_count(iter));
	old_cred = fuse_backing_override_creds(ff->fb->cred);
	ret = vfs_iocb_iter_read(ff->passthrough, iocb, iter);
	fuse_backing_revert_creds(old_cred);
	fuse_backing_trace(fuse_passthrough_backing_exit, file_inode(file),
			   ff->fb->id, orig, ret);

	return ret;
}

static ssize_t read_async(struct kiocb *iocb, struct iov_iter *iter)
{
	struct file *file = iocb->ki_filp;
	struct fuse_file *ff = file->private_data;
	struct passthrough_aio *aio = alloc_aio(iocb, ff->passthrough);
	ssize_t ret;

	if (!aio)
		return no_memory(iocb);
	aio->iocb.ki_complete = complete_read;

	ret = call_read(file, iocb, &aio->iocb, iter);
	if (ret != -EIOCBQUEUED) {
		end_read_aio(aio, ret);
		put_aio(aio);
	} else {
		fuse_backing_trace(fuse_passthrough_queued, file_inode(file),
				   id_of(file), iocb);
	}
	put_aio(aio);
	return ret;
}

static ssize_t read_backing(struct kiocb *iocb, struct iov_iter *iter)
{
	struct file *file = iocb->ki_filp;
	struct fuse_file *ff = file->private_data;
	struct kiocb kiocb;
	ssize_t ret;

	if (unlikely(!can_do(iocb, ff->passthrough)))
		return -EINVAL;
	if (is_async(iocb))
		return read_async(iocb, iter);

	init_kiocb(&kiocb, iocb, ff->passthrough);
	ret = call_read(file, iocb, &kiocb, iter);

	iocb->ki_pos = kiocb.ki_pos;
	end_read(file, ret);
	return ret;
}

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
	struct file *file = iocb->ki_filp;
	ssize_t ret;

	if (!fuse_backing_io_start(file))
		return fuse_backing_revoked_read(iocb, iter);
	fuse_backing_trace(fuse_passthrough_read_enter, file_inode(file),
			   id_of(file), iocb, iocb->ki_pos,
			   iov_iter_count(iter));
	ret = read_backing(iocb, iter);
	fuse_backing_trace(fuse_passthrough_read_exit, file_inode(file),
			   id_of(file), iocb, ret);
	fuse_backing_io_end(file);
	return ret;
}

static void end_write_aio(struct passthrough_aio *aio, long res)
{
	struct file *file = aio->orig->ki_filp;

	aio->orig->ki_pos = aio->iocb.ki_pos;
	end_write(file, aio->iocb.ki_pos, res);
	if (unlikely(is_sxid(file_inode(file)->i_mode)))
		fuse_backing_end_privs(file_inode(file), aio->keeps_privs);
}

static void finish_write(struct passthrough_aio *aio)
{
	struct kiocb *orig = aio->orig;
	struct file *file = aio->file;
	long res = aio->res;

	kiocb_end_write(&aio->iocb);
	end_write_aio(aio, res);
	fuse_backing_trace(fuse_passthrough_write_exit, file_inode(file),
			   id_of(file), orig, res);
	put_aio(aio);
	orig->ki_complete(orig, res);
}

static void finish_write_work(struct work_struct *work)
{
	finish_write(container_of(work, struct passthrough_aio, work));
}

/* Called by the backing filesystem, maybe in an interrupt */
static void complete_write(struct kiocb *iocb, long res)
{
	struct passthrough_aio *aio =
		container_of(iocb, struct passthrough_aio, iocb);

	fuse_backing_trace(fuse_passthrough_backing_exit, file_inode(aio->file),
			   id_of(aio->file), aio->orig, res);
	aio->res = res;
	/* fuse_inode::lock is not for interrupts */
	if (in_task() && !irqs_disabled()) {
		finish_write(aio);
		return;
	}
	INIT_WORK(&aio->work, finish_write_work);
	queue_work(file_inode(aio->orig->ki_filp)->i_sb->s_dio_done_wq,
		   &aio->work);
}

/* The workqueue for completions; made once for each FUSE superblock */
static int init_workqueue(const struct kiocb *iocb)
{
	struct super_block *sb = file_inode(iocb->ki_filp)->i_sb;

	if (sb->s_dio_done_wq)
		return 0;
	return iocb->ki_flags & IOCB_NOWAIT ? -EAGAIN :
					      fuse_backing_init_completions(sb);
}

/* Call the backing filesystem on behalf of @orig */
static __always_inline ssize_t call_write(struct file *file,
					  const struct kiocb *orig,
					  struct kiocb *iocb,
					  struct iov_iter *iter,
					  const struct cred *cred)
{
	struct fuse_file *ff = file->private_data;
	const struct cred *old_cred;
	ssize_t ret;

	fuse_backing_trace(fuse_passthrough_backing_enter, file_inode(file),
			   ff->fb->id, orig, iocb->ki_pos,
			   iov_iter_count(iter));
	old_cred = fuse_backing_override_creds(cred);
	ret = vfs_iocb_iter_write(ff->passthrough, iocb, iter);
	fuse_backing_revert_creds(old_cred);
	fuse_backing_trace(fuse_passthrough_backing_exit, file_inode(file),
			   ff->fb->id, orig, ret);

	return ret;
}

static ssize_t write_async(struct kiocb *iocb, struct iov_iter *iter,
			   const struct cred *cred)
{
	struct file *file = iocb->ki_filp;
	struct fuse_file *ff = file->private_data;
	struct passthrough_aio *aio;
	ssize_t ret;

	ret = init_workqueue(iocb);
	if (ret)
		return ret;
	aio = alloc_aio(iocb, ff->passthrough);
	if (!aio)
		return no_memory(iocb);
	aio->iocb.ki_complete = complete_write;
	aio->keeps_privs = fuse_backing_keeps_privs();

	ret = call_write(file, iocb, &aio->iocb, iter, cred);
	if (ret != -EIOCBQUEUED) {
		end_write_aio(aio, ret);
		put_aio(aio);
	} else {
		fuse_backing_trace(fuse_passthrough_queued, file_inode(file),
				   id_of(file), iocb);
	}
	put_aio(aio);
	return ret;
}

static ssize_t write_sync(struct kiocb *iocb, struct iov_iter *iter,
			  const struct cred *cred)
{
	struct file *file = iocb->ki_filp;
	struct fuse_file *ff = file->private_data;
	struct kiocb kiocb;
	ssize_t ret;

	init_kiocb(&kiocb, iocb, ff->passthrough);
	ret = call_write(file, iocb, &kiocb, iter, cred);

	iocb->ki_pos = kiocb.ki_pos;
	end_write(file, kiocb.ki_pos, ret);
	if (unlikely(is_sxid(file_inode(file)->i_mode)))
		fuse_backing_end_privs(file_inode(file),
				       fuse_backing_keeps_privs());
	return ret;
}

/*
 * What makes the file longer is waited for: the FUSE inode is locked until this
 * returns only.
 */
static ssize_t write_backing(struct kiocb *iocb, struct iov_iter *iter,
			     bool exclusive)
{
	struct file *file = iocb->ki_filp;
	struct fuse_file *ff = file->private_data;
	bool async = is_async(iocb) && !extends(iocb, iter);
	const struct cred *cred;
	ssize_t ret;

	if (!iov_iter_count(iter))
		return 0;
	ret = fuse_backing_may_write(ff, iocb->ki_flags & IOCB_APPEND);
	if (ret)
		return ret;
	if (unlikely(!can_do(iocb, ff->passthrough)))
		return -EINVAL;
	if (unlikely(fuse_backing_would_wait(iocb, ff->passthrough)))
		return -EAGAIN;
	if (unlikely(is_async(iocb) && !async &&
		     (iocb->ki_flags & IOCB_NOWAIT)))
		return -EAGAIN;

	cred = fuse_backing_start_write(file, iocb->ki_flags, exclusive);
	if (IS_ERR(cred))
		return PTR_ERR(cred);
	ret = async ? write_async(iocb, iter, cred) :
		      write_sync(iocb, iter, cred);
	fuse_backing_end_write(file, cred);
	return ret;
}

/* The FUSE inode is locked, and fuse_backing_io_start() has said yes */
static ssize_t write_started(struct kiocb *iocb, struct iov_iter *iter,
			     bool exclusive)
{
	struct file *file = iocb->ki_filp;
	struct fuse_file *ff = file->private_data;
	struct super_block *sb = file_inode(file)->i_sb;
	ssize_t ret;
	bool hidden;

	fuse_backing_trace(fuse_passthrough_write_enter, file_inode(file),
			   id_of(file), iocb, iocb->ki_pos,
			   iov_iter_count(iter));
	hidden = fuse_backing_hide_superblock(sb, ff->passthrough);
	ret = write_backing(iocb, iter, exclusive);
	fuse_backing_show_superblock(sb, hidden);
	fuse_backing_trace(fuse_passthrough_write_exit, file_inode(file),
			   id_of(file), iocb, ret);
	return ret;
}

/**
 * fuse_passthrough_write_iter - write to the backing file
 * @iocb: position and flags; its file is open in passthrough mode
 * @iter: where from
 *
 * Context: process context; may sleep unless IOCB_NOWAIT is set, killable until it
 *	writes.  Takes the FUSE inode's lock, exclusively if suid or sgid bits are to
 *	be removed, from it or from the backing inode, else shared.
 * Return: bytes written, -EIOCBQUEUED, -EPERM if the file can only be appended
 *	to, -EAGAIN, -EINTR, an error if privileges can't be removed, or that of the
 *	backing filesystem.
 */
ssize_t fuse_passthrough_write_iter(struct kiocb *iocb, struct iov_iter *iter)
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

/* As vfs_splice_read(), but the pipe gets pages of its own */
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

static __always_inline ssize_t call_splice(struct file *in, loff_t *ppos,
					   struct pipe_inode_info *pipe,
					   size_t len, unsigned int flags)
{
	struct fuse_file *ff = in->private_data;
	const struct cred *old_cred;
	ssize_t ret;

	fuse_backing_trace(fuse_passthrough_backing_enter, file_inode(in),
			   ff->fb->id, pipe, *ppos, len);
	old_cred = fuse_backing_override_creds(ff->fb->cred);
	ret = ff->fb->copies ?
	      copy_splice(ff->passthrough, ppos, pipe, len, flags) :
	      vfs_splice_read(ff->passthrough, ppos, pipe, len, flags);
	fuse_backing_revert_creds(old_cred);
	fuse_backing_trace(fuse_passthrough_backing_exit, file_inode(in),
			   ff->fb->id, pipe, ret);

	return ret;
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
	ssize_t ret;

	if (!fuse_backing_io_start(in))
		return fuse_backing_revoked_splice_read(in, ppos, pipe, len,
							flags);
	/* one at a time: the pipe is locked, or its only user's */
	fuse_backing_trace(fuse_passthrough_splice_enter, file_inode(in),
			   id_of(in), pipe, *ppos, len);
	ret = call_splice(in, ppos, pipe, len, flags);
	end_read(in, ret);
	fuse_backing_trace(fuse_passthrough_splice_exit, file_inode(in),
			   id_of(in), pipe, ret);
	fuse_backing_io_end(in);
	return ret;
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
	return iter_file_splice_write(pipe, out, ppos, len, flags);
}

static int call_mmap_of(struct file *file, struct vm_area_struct *vma)
{
	struct fuse_file *ff = file->private_data;
	struct backing_file_ctx ctx = {
		.cred = ff->fb->cred,
		.user_file = file,
		.accessed = accessed,
	};

	if (vma_is_shared_maywrite(vma))
		fuse_inode_backing_store(ff, get_fuse_inode(file_inode(file)));
	return backing_file_mmap(ff->passthrough, vma, &ctx);
}

/* Returns 1 if the backing file was just taken away */
static int map_backing(struct file *file, struct vm_area_struct *vma)
{
	struct fuse_backing_mapped *mapped;
	int err;

	err = fuse_backing_may_mmap(file->private_data, vma) ?:
	      fuse_backing_map_start(file, &mapped);
	if (err)
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
int fuse_passthrough_mmap(struct file *file, struct vm_area_struct *vma)
{
	int err = 1;

	if (fuse_backing_io_start(file)) {
		err = map_backing(file, vma);
		if (err <= 0)
			fuse_backing_trace(fuse_passthrough_mmap,
					   file_inode(file), id_of(file), vma,
					   err);
		fuse_backing_io_end(file);
	}
	return err > 0 ? fuse_backing_revoked_mmap(file, vma) : err;
}

static int allocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	struct fuse_file *ff = file->private_data;
	const struct cred *cred, *old_cred;
	int err;

	cred = fuse_backing_start_write(file, 0, true);
	if (IS_ERR(cred))
		return PTR_ERR(cred);

	old_cred = fuse_backing_override_creds(cred);
	err = vfs_fallocate(ff->passthrough, mode, offset, len);
	fuse_backing_revert_creds(old_cred);
	fuse_backing_end_write(file, cred);
	return err;
}

/**
 * fuse_passthrough_fallocate - allocate, or free, space of the backing file
 * @file: a FUSE file open in passthrough mode
 * @mode: FALLOC_FL_*
 * @offset: first byte
 * @len: how many
 *
 * Context: process context with the FUSE inode locked exclusively, between
 *	fuse_backing_io_start() and _end(); may sleep.
 * Return: 0, or the error of the backing filesystem.
 */
int fuse_passthrough_fallocate(struct file *file, int mode, loff_t offset,
			       loff_t len)
{
	struct fuse_file *ff = file->private_data;
	struct inode *inode = file_inode(file);
	bool hidden;
	int err;

	hidden = fuse_backing_hide_superblock(inode->i_sb, ff->passthrough);
	err = allocate(file, mode, offset, len);
	fuse_backing_show_superblock(inode->i_sb, hidden);
	if (unlikely(is_sxid(inode->i_mode)))
		fuse_backing_end_privs(inode, fuse_backing_keeps_privs());

	fuse_inode_backing_resized(inode, err ? NULL :
					  file_inode(ff->passthrough));
	return err;
}
