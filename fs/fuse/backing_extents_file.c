// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: open files that have extents.
 *
 * The server doesn't know of them until something is asked that is in no extent.
 * fuse_passthrough::extents is in use between fuse_backing_io_start() and _end() only;
 * after it was taken away a file is as any other that lost its backing file.
 */

#include "fuse_i.h"
#include "backing_access.h"
#include "backing_attachment.h"
#include "backing_bpf.h"
#include "backing_extents.h"
#include "backing_extents_file.h"
#include "backing_inode.h"
#include "backing_io.h"
#include "backing_trace.h"

#include <linux/fadvise.h>
#include <linux/fs.h>
#include <linux/sched/signal.h>

static bool is_noexec(const struct file *file)
{
	return fuse_extents_any_file(fuse_passthrough_of(file)->extents,
				     fuse_backing_is_noexec);
}

/**
 * fuse_extents_open - open a FUSE file on the extents that it has got
 * @file: the FUSE file that is being opened
 *
 * Context: process context; may sleep.
 * Return: 0, to be undone with fuse_backing_release(); -EBUSY or -ETXTBSY if
 *	the inode is open otherwise, and the server is to be asked; -EACCES if it is
 *	to be executed from a mount that forbids it.
 */
int fuse_extents_open(struct file *file)
{
	struct fuse_file *ff = file->private_data;
	int err;

	if (file->f_flags & __FMODE_EXEC) {
		err = fuse_backing_may_exec(ff->fm->fc, is_noexec(file));
		if (err)
			return err;
	}
	err = fuse_backing_enter(ff, get_fuse_inode(file_inode(file)));
	if (err)
		return err;
	file->f_op = &fuse_extents_file_operations;
	/* each range knows whether its backing file can */
	file->f_mode |= FMODE_NOWAIT;
	trace_fuse_passthrough_open(file, 0, NULL, false, 0);
	return 0;
}

/*
 * May others have it passed through later?  They couldn't while it is cached; and of what
 * the server reads for one, another would get what is cached.
 */
static bool is_choosy(const struct fuse_inode *fi, const struct fuse_conn *fc)
{
	return fuse_inode_is_passed(fi) && fuse_filter_has_opens(fc);
}

/**
 * fuse_extents_exclude - may the server not open a file like this
 * @fi: the FUSE inode
 * @file: a FUSE file that the server has opened
 *
 * Files of an inode that others have open in passthrough mode must be so, too: unless
 * there is a program that decides who gets what, or all of them are about to lose the
 * backing file.  Then, and beside files with extents, what the server reads and writes
 * must not be cached: that is seen to.  So it is before anybody else has it open, if that
 * program decides about opens.
 *
 * Context: process context; doesn't sleep.
 * Return: whether the open fails.
 */
bool fuse_extents_exclude(struct fuse_inode *fi, struct file *file)
{
	const struct inode *backing = fuse_inode_backing(fi);
	struct fuse_file *ff = file->private_data;

	/* also if there are no extents yet */
	if ((file->f_mode & FMODE_WRITE) || (file->f_flags & O_TRUNC))
		fuse_inode_backing_note_server(&fi->inode);
	if (ff->open_flags & FOPEN_PASSTHROUGH)
		return false;
	if (backing && backing != &fi->inode && !fuse_is_filtered(ff->fm->fc) &&
	    !fuse_inode_backing_is_taken(fi))
		return true;
	if (backing || is_choosy(fi, ff->fm->fc))
		ff->open_flags |= FOPEN_DIRECT_IO;
	return false;
}

/*
 * May the server have something of [start, end] that isn't on its disk, or the size?  Of
 * what is in no extent it may have had it since before the inode was known.
 */
static bool is_servers_too(struct file *file, loff_t start, loff_t end)
{
	struct inode *inode = file_inode(file);

	return READ_ONCE(get_fuse_inode(inode)->backing.remote_data) ||
	       !fuse_extents_cover(fuse_passthrough_of(file)->extents, start,
				   min(end, i_size_read(inode) - 1) + 1);
}

static int fsync_server(struct file *file, loff_t start, loff_t end,
			int datasync)
{
	struct inode *inode = file_inode(file);
	struct fuse_conn *fc = get_fuse_conn(inode);
	int err;

	if (fc->no_fsync)
		return 0;
	err = fuse_backing_need_handle(file);
	if (err)
		return err;
	inode_lock(inode);
	err = fuse_fsync_common(file, start, end, datasync, FUSE_FSYNC);
	inode_unlock(inode);
	if (err == -ENOSYS) {
		fc->no_fsync = 1;
		err = 0;
	}
	return err;
}

/**
 * fuse_extents_fsync_file - fsync(2) of a file that has extents
 * @file: the FUSE file
 * @start: first byte
 * @end: last byte
 * @datasync: data and what is needed to find it only
 *
 * Context: process context without locks; may sleep.
 * Return: 0, or the error of a backing filesystem or the server.
 */
int fuse_extents_fsync_file(struct file *file, loff_t start, loff_t end,
			    int datasync)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(file);
	bool ask;
	int err;

	if (fuse_is_bad(file_inode(file)))
		return -EIO;
	if (!fuse_backing_io_start(file))
		return fuse_passthrough_file_operations.fsync(file, start, end,
							      datasync);
	err = fuse_extents_fsync(pt->extents, start, end, datasync);
	ask = is_servers_too(file, start, end);
	fuse_backing_io_end(file);
	if (err || !ask)
		return err;
	return fsync_server(file, start, end, datasync);
}

static loff_t seek(struct file *file, loff_t offset, bool hole)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(file);
	struct inode *inode = file_inode(file);
	loff_t size = i_size_read(inode);

	if (offset < 0 || offset >= size)
		return -ENXIO;
	offset = fuse_extents_next_data(pt->extents, offset, size, hole);
	if (offset == size && !hole)
		return -ENXIO;
	return vfs_setpos(file, offset, inode->i_sb->s_maxbytes);
}

/**
 * fuse_extents_llseek - lseek(2) of a file that has extents
 * @file: the FUSE file
 * @offset: where to, or where from
 * @whence: SEEK_*
 *
 * Context: process context; may sleep.
 * Return: the position, or a negative errno.
 */
loff_t fuse_extents_llseek(struct file *file, loff_t offset, int whence)
{
	if ((whence == SEEK_DATA || whence == SEEK_HOLE) &&
	    fuse_backing_io_start(file)) {
		offset = seek(file, offset, whence == SEEK_HOLE);
		fuse_backing_io_end(file);
		return offset;
	}
	return fuse_passthrough_file_operations.llseek(file, offset, whence);
}

/**
 * fuse_extents_fallocate - fallocate(2) of a file that has extents
 * @file: the FUSE file
 * @mode: FALLOC_FL_*
 * @offset: first byte
 * @len: how many
 *
 * Context: process context; may sleep.
 * Return: -EOPNOTSUPP as long as it has them.
 */
long fuse_extents_fallocate(struct file *file, int mode, loff_t offset,
			    loff_t len)
{
	if (!fuse_backing_io_start(file))
		return fuse_passthrough_file_operations.fallocate(file, mode,
								  offset, len);
	fuse_backing_io_end(file);
	return -EOPNOTSUPP;
}

/* Have the backing files take the advice for what is in [pos, end) */
static int advise(struct file *file, loff_t pos, loff_t end, int advice)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(file);
	struct fuse_range range;
	int err = 0;

	while (!err && pos < end) {
		fuse_extents_find(pt->extents, pos, &range);
		range.len = min(range.len, end - pos);
		if (range.kind == FUSE_RANGE_FILE) {
			scoped_with_creds(range.fb->cred)
				err = vfs_fadvise(range.file, range.pos,
						  range.len, advice);
		}
		pos += range.len;
		fuse_extents_range_put(&range);
		/* there may be tens of thousands */
		cond_resched();
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
	}
	return err;
}

/**
 * fuse_extents_fadvise - posix_fadvise(2) and readahead(2) of a file with extents
 * @file: the FUSE file
 * @offset: first byte
 * @len: how many, 0 for all
 * @advice: POSIX_FADV_*
 *
 * What is about the file as a whole, and not its bytes, is not for files that
 * others use as well.
 *
 * Context: process context; may sleep.
 * Return: 0 or a negative errno.
 */
int fuse_extents_fadvise(struct file *file, loff_t offset, loff_t len,
			 int advice)
{
	loff_t end = i_size_read(file_inode(file));
	int err;

	if (offset < 0 || len < 0 || advice < POSIX_FADV_NORMAL ||
	    advice > POSIX_FADV_NOREUSE)
		return -EINVAL;
	if (advice != POSIX_FADV_WILLNEED && advice != POSIX_FADV_DONTNEED)
		return 0;
	if (!fuse_backing_io_start(file))
		return 0;
	if (len && len < end - offset)
		end = offset + len;
	err = advise(file, offset, end, advice);
	fuse_backing_io_end(file);
	return err;
}
