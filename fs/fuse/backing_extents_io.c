// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: reads and writes of a file that has extents.
 *
 * A call is done range by range: in a backing file, with a kiocb of its own so
 * that the client's position never is the backing file's; as zeros; or by the
 * server.  Nothing that is in no extent, or behind the size of the FUSE inode, is
 * read from a backing file or written to it.
 *
 * Direct I/O that is all in one extent stays asynchronous.  Where a range ends
 * before the call does, its end needs not be aligned, and the range is done
 * through the page cache of the backing file.
 *
 * The FUSE inode is locked for writing, shared unless the server is asked: neither may
 * the size change meanwhile, nor may what was behind the end of the file by then be
 * written to.  Direct I/O that is in flight when the call returns isn't waited for by who
 * truncates, but by who replaces the extents or takes them away.
 *
 * The backing file is everybody's, so a write must not hold its inode's lock while
 * the client's memory is faulted in, which takes as long as the client likes and
 * may want pages of this very filesystem: what is written through the page cache
 * is copied first, and so is what is written directly where filling such a page takes
 * that lock, too.  Nor are pages of the backing file ever handed out: who spliced
 * them would see what is written there later, for somebody else.
 */

#include "fuse_i.h"
#include "backing_access.h"
#include "backing_extents.h"
#include "backing_extents_io.h"
#include "backing_inode.h"
#include "backing_io.h"
#include "backing_privs.h"
#include "backing_reject.h"
#include "backing_rw.h"
#include "backing_trace.h"
#include "backing_usage.h"

#include <linux/pagemap.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uio.h>

/* A write copies that much of the client's memory before it takes any lock */
#define COPIED_AT_ONCE	SZ_64K

/*
 * How the FUSE inode is locked for writing: with other writers; alone, where
 * privileges go; or alone, and the server has opened the file, where it gets the data.
 * Each is good for what the one before is.
 */
enum write_lock {
	WRITE_SHARED,
	WRITE_ALONE,
	WRITE_SERVER,
};

static struct fuse_extents *extents_of(const struct file *file)
{
	const struct fuse_passthrough *pt = fuse_passthrough_of(file);

	return pt->extents;
}

static struct fuse_conn *conn_of(const struct file *file)
{
	const struct fuse_file *ff = file->private_data;

	return ff->fm->fc;
}

static int reject(const struct file *file, const struct fuse_range *range,
		  int err, enum fuse_backing_reason reason)
{
	return fuse_backing_reject(conn_of(file),
				   range->fb ? range->fb->id : 0, err, reason);
}

/**
 * fuse_extents_has_pages - can the pages of a backing file be copied
 * @backing: the backing file
 *
 * As those of any file on a device.  Reading it may take the inode's lock, and who
 * holds that may wait for the page that is to be filled.  Other filesystems have it
 * no other way; NFS, 9p, CIFS and Ceph do take the lock, and so may what is below an
 * overlayfs.  There, who writes to the backing file by its own path from a page that
 * is filled from it waits for itself until killed, as with a server that reads it.
 *
 * Context: any.
 * Return: whether they can, and no lock is needed to fill a page.
 */
bool fuse_extents_has_pages(const struct file *backing)
{
	const struct inode *inode = file_inode(backing);

	return (inode->i_sb->s_type->fs_flags & FS_REQUIRES_DEV) &&
	       backing->f_mapping->a_ops->read_folio && !IS_DAX(inode);
}

/* Can the backing file do what the flags ask for? */
static int check_flags(const struct kiocb *iocb, const struct file *backing)
{
	if ((iocb->ki_flags & IOCB_DIRECT) &&
	    !(backing->f_mode & FMODE_CAN_ODIRECT))
		return -EINVAL;
	if ((iocb->ki_flags & IOCB_NOWAIT) &&
	    !(backing->f_mode & FMODE_NOWAIT))
		return -EAGAIN;
	return 0;
}

/* The backing file has become shorter than its extent */
static ssize_t end_of_file(const struct file *file,
			   const struct fuse_range *range)
{
	return reject(file, range, -EIO, FUSE_BACKING_SHORT_FILE);
}

/* What is done with a range of a backing file; at most @iter */
static void init_rw(struct fuse_backing_rw *rw, const struct iov_iter *iter,
		    const struct fuse_range *range)
{
	*rw = (struct fuse_backing_rw) {
		.fb = range->fb,
		.file = range->file,
		.cred = fuse_backing_write_cred(range->fb),
		.range = range,
		.pos = range->pos,
		.len = iov_iter_count(iter),
	};
}

/* The kiocb on the backing file; @direct says whether the client's O_DIRECT counts */
static void init_kiocb(struct kiocb *kiocb, const struct kiocb *orig,
		       const struct fuse_backing_rw *rw, bool direct)
{
	fuse_backing_init_kiocb(kiocb, orig, rw->file, rw->pos,
				FUSE_BACKING_IOCB_FLAGS &
				~(direct ? 0 : IOCB_DIRECT));
}

/* Every read from an extent ends here; may be an interrupt */
static ssize_t end_read(struct kiocb *iocb, const struct fuse_backing_rw *rw,
			loff_t pos, ssize_t res)
{
	if (!res)
		res = end_of_file(iocb->ki_filp, rw->range);
	if (res > 0)
		iocb->ki_pos += res;
	fuse_backing_count_read(rw->fb, res);
	return res;
}

static ssize_t read_sync(struct kiocb *iocb, struct iov_iter *iter,
			 const struct fuse_backing_rw *rw, bool direct)
{
	struct kiocb kiocb;
	ssize_t ret;

	init_kiocb(&kiocb, iocb, rw, direct);
	ret = fuse_backing_call_read(iocb, &kiocb, iter, rw->fb);
	return end_read(iocb, rw, kiocb.ki_pos, ret);
}

/* The server is going to be asked; without locks */
static int start_server(const struct kiocb *iocb)
{
	int err;

	if (iocb->ki_flags & IOCB_NOWAIT)
		return -EAGAIN;
	err = fuse_backing_need_handle(iocb->ki_filp);
	return err && err != -EINTR ? -EIO : err;
}

static ssize_t read_server(struct kiocb *iocb, struct iov_iter *iter)
{
	struct fuse_io_priv io = FUSE_IO_PRIV_SYNC(iocb);
	int err = start_server(iocb);

	return err ?: fuse_direct_io(&io, iter, &iocb->ki_pos, 0);
}

static ssize_t read_hole(struct kiocb *iocb, struct iov_iter *iter)
{
	/* not all of a large hole at once: a signal may come */
	size_t zeros = iov_iter_zero(min_t(size_t, iov_iter_count(iter), SZ_1M),
				     iter);

	iocb->ki_pos += zeros;
	return zeros ?: -EFAULT;
}

/* @whole: it is all that the call asked for */
static ssize_t read_file(struct kiocb *iocb, struct iov_iter *iter,
			 const struct fuse_range *range, bool whole)
{
	int err = check_flags(iocb, range->file);
	struct fuse_backing_rw rw;

	if (err)
		return err;
	init_rw(&rw, iter, range);
	rw.end = end_read;
	if (whole && fuse_backing_is_async(iocb))
		return fuse_backing_read_async(iocb, iter, &rw);
	return read_sync(iocb, iter, &rw, whole);
}

/* What is where @iocb is, at most what @iter has room for */
static ssize_t read_range(struct kiocb *iocb, struct iov_iter *iter,
			  loff_t left, bool first)
{
	size_t count = iov_iter_count(iter);
	struct fuse_range range;
	ssize_t ret;
	size_t len;

	fuse_extents_find(extents_of(iocb->ki_filp), iocb->ki_pos, &range);
	len = min3((u64)count, (u64)left, (u64)range.len);
	iov_iter_truncate(iter, len);
	switch (range.kind) {
	case FUSE_RANGE_FILE:
		ret = read_file(iocb, iter, &range, first && len == count);
		break;
	case FUSE_RANGE_HOLE:
		ret = read_hole(iocb, iter);
		break;
	case FUSE_RANGE_SERVER:
		/* who replaces extents doesn't wait for the server */
		fuse_extents_range_put(&range);
		ret = read_server(iocb, iter);
		goto out;
	}
	fuse_extents_range_put(&range);
out:
	iov_iter_reexpand(iter, iov_iter_count(iter) + count - len);
	return ret;
}

/* Between two of what may be tens of thousands of ranges */
static bool may_go_on(ssize_t *ret)
{
	cond_resched();
	if (!fatal_signal_pending(current))
		return true;
	*ret = -EINTR;
	return false;
}

/**
 * fuse_extents_read - read a file that has extents
 * @iocb: position and flags; between fuse_backing_io_start() and _end() of its file
 * @iter: where to
 *
 * Context: process context; may sleep unless IOCB_NOWAIT is set; may ask the
 *	server for what is in no extent.
 * Return: bytes read, 0 behind the end of the FUSE inode, -EIOCBQUEUED, -EIO if a
 *	backing file has become shorter than its extents, or the error of the
 *	backing filesystem or the server.
 */
ssize_t fuse_extents_read(struct kiocb *iocb, struct iov_iter *iter)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret = 0, done = 0;
	loff_t left;

	while (iov_iter_count(iter)) {
		left = i_size_read(inode) - iocb->ki_pos;
		if (left <= 0)
			break;
		ret = read_range(iocb, iter, left, !done);
		if (ret <= 0)
			break;
		done += ret;
		if (iov_iter_count(iter) && !may_go_on(&ret))
			break;
	}
	return done ?: ret;
}

/**
 * fuse_extents_read_iter - read(2) of a file that has extents
 * @iocb: position and flags
 * @iter: where to
 *
 * Context: process context; may sleep unless IOCB_NOWAIT is set.
 * Return: as fuse_extents_read(); as any FUSE file if its extents were taken away.
 */
ssize_t fuse_extents_read_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	struct file *file = iocb->ki_filp;
	ssize_t ret;

	if (unlikely(fuse_is_bad(file_inode(file))))
		return -EIO;
	if (!fuse_backing_io_start(file))
		return fuse_passthrough_file_operations.read_iter(iocb, iter);
	fuse_backing_trace(fuse_passthrough_read_enter, file_inode(file), 0,
			   iocb, iocb->ki_pos, iov_iter_count(iter));
	ret = fuse_extents_read(iocb, iter);
	fuse_backing_trace(fuse_passthrough_read_exit, file_inode(file), 0,
			   iocb, ret);
	fuse_backing_io_end(file);
	return ret;
}

/* What was written is not to be seen from pages filled before; may sleep */
static void forget_pages(struct inode *inode, loff_t pos, loff_t end)
{
	if (pos < end && inode->i_mapping->nrpages)
		invalidate_inode_pages2_range(inode->i_mapping,
					      pos >> PAGE_SHIFT,
					      (end - 1) >> PAGE_SHIFT);
}

/* Every write to an extent ends here; may sleep */
static ssize_t end_write(struct kiocb *iocb, const struct fuse_backing_rw *rw,
			 loff_t pos, ssize_t res)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	struct fuse_inode *fi = get_fuse_inode(inode);

	/* it was not even tried */
	if (res == -EAGAIN)
		return res;
	fuse_backing_count_written(rw->fb, res);
	/* who fails may have written something nevertheless */
	forget_pages(inode, iocb->ki_pos, iocb->ki_pos + rw->len);
	if (unlikely(is_sxid(inode->i_mode)))
		fuse_backing_end_privs(inode, rw->keeps_privs);
	spin_lock(&fi->lock);
	/* attributes that were asked for before are not to be believed */
	fi->attr_version =
		atomic64_inc_return(&get_fuse_conn(inode)->attr_version);
	spin_unlock(&fi->lock);
	fuse_backing_invalidate(inode, FUSE_STATX_MODIFY);
	if (res > 0)
		iocb->ki_pos += res;
	return res;
}

static ssize_t write_sync(struct kiocb *iocb, struct iov_iter *iter,
			  const struct fuse_range *range, bool direct)
{
	struct fuse_backing_rw rw;
	struct kiocb kiocb;
	ssize_t ret;

	init_rw(&rw, iter, range);
	rw.keeps_privs = fuse_backing_keeps_privs();
	init_kiocb(&kiocb, iocb, &rw, direct);
	ret = fuse_backing_call_write(iocb, &kiocb, iter, rw.fb, rw.cred);
	return end_write(iocb, &rw, kiocb.ki_pos, ret);
}

static ssize_t write_async(struct kiocb *iocb, struct iov_iter *iter,
			   const struct fuse_range *range)
{
	struct fuse_backing_rw rw;

	init_rw(&rw, iter, range);
	rw.end = end_write;
	return fuse_backing_write_async(iocb, iter, &rw);
}

/* Write what the client has, as far as it can be copied at once */
static ssize_t write_copied(struct kiocb *iocb, struct iov_iter *iter,
			    const struct fuse_range *range)
{
	size_t len = min_t(size_t, iov_iter_count(iter), COPIED_AT_ONCE);
	struct iov_iter copy;
	struct kvec kvec;
	ssize_t ret;

	kvec.iov_base = kvmalloc(len, GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL |
				      __GFP_NOWARN);
	if (!kvec.iov_base)
		return -ENOMEM;
	kvec.iov_len = copy_from_iter(kvec.iov_base, len, iter);
	ret = -EFAULT;
	if (kvec.iov_len) {
		iov_iter_kvec(&copy, ITER_SOURCE, &kvec, 1, kvec.iov_len);
		ret = write_sync(iocb, &copy, range, false);
		iov_iter_revert(iter, kvec.iov_len - max(ret, 0L));
	}
	kvfree(kvec.iov_base);
	return ret;
}

/* @whole: it is all that the call asked for */
static ssize_t write_file(struct kiocb *iocb, struct iov_iter *iter,
			  const struct fuse_range *range, bool whole)
{
	struct super_block *sb = file_inode(iocb->ki_filp)->i_sb;
	bool direct = whole && (iocb->ki_flags & IOCB_DIRECT);
	bool hidden;
	ssize_t ret;

	ret = fuse_backing_may_write_extent(conn_of(iocb->ki_filp), range->fb) ?:
	      check_flags(iocb, range->file);
	if (ret)
		return ret;
	if (user_backed_iter(iter) && !fuse_extents_has_pages(range->file))
		direct = false;
	/* the page cache would wait, and so would memory to copy to */
	if ((iocb->ki_flags & IOCB_NOWAIT) && !direct)
		return -EAGAIN;

	hidden = fuse_backing_hide_superblock(sb, range->file);
	if (direct && fuse_backing_is_async(iocb))
		ret = write_async(iocb, iter, range);
	else if (direct)
		ret = write_sync(iocb, iter, range, true);
	else if (user_backed_iter(iter))
		ret = write_copied(iocb, iter, range);
	else
		ret = write_sync(iocb, iter, range, false);
	fuse_backing_show_superblock(sb, hidden);
	return ret;
}

/* Returns whether the lock that is held is not enough, and says so */
static bool must_relock(enum write_lock *lock, enum write_lock needed)
{
	if (*lock >= needed)
		return false;
	*lock = needed;
	return true;
}

static ssize_t write_server(struct kiocb *iocb, struct iov_iter *iter,
			    enum write_lock *lock)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	struct fuse_io_priv io = FUSE_IO_PRIV_SYNC(iocb);
	loff_t from;
	ssize_t ret;

	if (must_relock(lock, WRITE_SERVER))
		return 0;
	/* pages between the end that was and @iocb show what the server has now */
	from = min(iocb->ki_pos, i_size_read(inode));
	ret = fuse_direct_io(&io, iter, &iocb->ki_pos, FUSE_DIO_WRITE);
	fuse_write_update_attr(inode, iocb->ki_pos, ret);
	forget_pages(inode, from, iocb->ki_pos);
	fuse_inode_backing_note_server(inode);
	return ret;
}

/* How much of a range may be written without making anything longer */
static loff_t room(const struct fuse_range *range, loff_t left)
{
	if (range->kind != FUSE_RANGE_FILE)
		return range->len;
	return min3(left, range->len,
		    i_size_read(file_inode(range->file)) - range->pos);
}

/* @len is what room() says of a range in an extent */
static ssize_t write_extent(struct kiocb *iocb, struct iov_iter *iter,
			    const struct fuse_range *range, loff_t len,
			    bool first)
{
	size_t count = iov_iter_count(iter);
	ssize_t ret;

	if (!range->writable)
		return reject(iocb->ki_filp, range, -EPERM,
			      FUSE_BACKING_READ_ONLY);
	if (len <= 0)
		return end_of_file(iocb->ki_filp, range);
	iov_iter_truncate(iter, len);
	ret = write_file(iocb, iter, range, first && len >= count);
	iov_iter_reexpand(iter, iov_iter_count(iter) +
				(len < count ? count - len : 0));
	return ret;
}

/* What comes next of @iter, to where @iocb is; 0 if it needs another @lock */
static ssize_t write_range(struct kiocb *iocb, struct iov_iter *iter,
			   bool first, enum write_lock *lock)
{
	loff_t left = i_size_read(file_inode(iocb->ki_filp)) - iocb->ki_pos;
	size_t count = iov_iter_count(iter);
	struct fuse_range range;
	ssize_t ret;
	size_t len;

	/* what makes the file longer is the server's, all of it */
	if (left <= 0 || (iocb->ki_flags & IOCB_APPEND))
		return write_server(iocb, iter, lock);
	fuse_extents_find(extents_of(iocb->ki_filp), iocb->ki_pos, &range);
	if (range.kind != FUSE_RANGE_SERVER) {
		ret = write_extent(iocb, iter, &range, room(&range, left),
				   first);
		fuse_extents_range_put(&range);
		return ret;
	}
	/* who replaces extents doesn't wait for the server */
	fuse_extents_range_put(&range);
	len = min_t(u64, count, range.len);
	iov_iter_truncate(iter, len);
	ret = write_server(iocb, iter, lock);
	iov_iter_reexpand(iter, iov_iter_count(iter) + count - len);
	return ret;
}

/*
 * Before the first byte is written.  Only who has nothing to remove may find that out
 * with others about.
 */
static int clear_privs(struct kiocb *iocb, enum write_lock *lock)
{
	const struct inode *inode = file_inode(iocb->ki_filp);

	if (likely(!is_sxid(inode->i_mode) && IS_NOSEC(inode)) ||
	    must_relock(lock, WRITE_ALONE))
		return 0;
	return fuse_backing_clear_privs(iocb->ki_filp, iocb->ki_flags);
}

/*
 * As far as it goes with the lock that is held.  If that is not to the end, @lock says
 * which one the rest needs.  @first: nothing was written before.
 */
static ssize_t write_ranges(struct kiocb *iocb, struct iov_iter *iter,
			    bool first, enum write_lock *lock)
{
	const enum write_lock held = *lock;
	ssize_t ret, done = 0;

	/* the page cache would wait */
	if ((iocb->ki_flags & (IOCB_NOWAIT | IOCB_DIRECT)) == IOCB_NOWAIT)
		return -EAGAIN;
	ret = generic_write_checks(iocb, iter);
	if (ret <= 0)
		return ret;
	ret = first ? clear_privs(iocb, lock) : 0;
	while (!ret && *lock == held && iov_iter_count(iter)) {
		ret = write_range(iocb, iter, first && !done, lock);
		if (ret <= 0)
			break;
		done += ret;
		ret = 0;
		if (iov_iter_count(iter) && !may_go_on(&ret))
			break;
	}
	return done ?: ret;
}

/* The server is opened before the FUSE inode is locked */
static int relock(const struct kiocb *iocb, enum write_lock lock)
{
	int err = lock == WRITE_SERVER ? start_server(iocb) : 0;

	return err ?: fuse_backing_write_start(iocb, lock != WRITE_SHARED);
}

/* The backing files were taken away when @done bytes were written */
static ssize_t write_rest(struct kiocb *iocb, struct iov_iter *iter, ssize_t done)
{
	ssize_t ret;

	/* what is queued tells of itself, and can't be a part of what is told now */
	if (done && !is_sync_kiocb(iocb))
		return done;
	ret = fuse_passthrough_file_operations.write_iter(iocb, iter);
	return ret > 0 ? done + ret : done ?: ret;
}

/* The FUSE inode is locked shared, and isn't any more when this returns */
static ssize_t write_started(struct kiocb *iocb, struct iov_iter *iter)
{
	enum write_lock held, lock = WRITE_SHARED;
	ssize_t ret, done = 0;
	ssize_t err;

	do {
		held = lock;
		ret = write_ranges(iocb, iter, !done, &lock);
		fuse_backing_write_end(iocb->ki_filp, held != WRITE_SHARED);
		if (ret > 0)
			done += ret;
		if (ret < 0 || lock == held)
			return done ?: ret;
		err = relock(iocb, lock);
	} while (!err);

	if (err == -ESTALE)
		return write_rest(iocb, iter, done);
	return done ?: err;
}

/**
 * fuse_extents_write_iter - write(2) to a file that has extents
 * @iocb: position and flags
 * @iter: where from
 *
 * Context: process context; may sleep unless IOCB_NOWAIT is set; may ask the
 *	server for what is in no extent, or makes the file longer.  Takes the FUSE
 *	inode's lock, exclusively then, or if privileges may have to go, else shared.
 * Return: bytes written, -EIOCBQUEUED; -EPERM if an extent, or its backing file, is
 *	not to be written to; -EIO if the backing file has become shorter than its
 *	extents; the error of the backing filesystem or the server.
 */
ssize_t fuse_extents_write_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	struct file *file = iocb->ki_filp;
	ssize_t ret;

	if (unlikely(fuse_is_bad(file_inode(file))))
		return -EIO;
	ret = fuse_backing_write_start(iocb, false);
	if (ret == -ESTALE)
		return fuse_passthrough_file_operations.write_iter(iocb, iter);
	if (ret)
		return ret;
	fuse_backing_trace(fuse_passthrough_write_enter, file_inode(file), 0,
			   iocb, iocb->ki_pos, iov_iter_count(iter));
	ret = write_started(iocb, iter);
	fuse_backing_trace(fuse_passthrough_write_exit, file_inode(file), 0,
			   iocb, ret);
	return ret;
}
