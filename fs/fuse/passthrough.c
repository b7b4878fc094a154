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
#include "backing_reject.h"

#include <linux/backing-file.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/splice.h>

static void accessed(struct file *file)
{
	fuse_invalidate_atime(file_inode(file));
}

static void end_write(struct file *file, loff_t pos, ssize_t written)
{
	struct fuse_file *ff = file->private_data;

	fuse_backing_count_written(ff->fb, written);
	fuse_write_update_attr(file_inode(file), pos, written);
}

static struct backing_file_ctx read_ctx(struct file *file)
{
	struct fuse_file *ff = file->private_data;

	return (struct backing_file_ctx) {
		.cred = ff->fb->cred,
		.user_file = file,
		.accessed = accessed,
	};
}

/*
 * Credentials to write with.  A client without CAP_FSETID must not keep suid
 * and sgid bits of the backing file just because the server could.
 */
static const struct cred *write_cred(const struct fuse_file *ff)
{
	const struct fuse_backing *fb = ff->fb;

	if (is_sxid(file_inode(ff->passthrough)->i_mode) && capable(CAP_FSETID))
		return fb->cred;
	return fb->write_cred;
}

/* Clear the bits that exec reads, as the client's write does */
static void clear_mode(struct inode *inode)
{
	struct fuse_conn *fc = get_fuse_conn(inode);
	struct fuse_inode *fi = get_fuse_inode(inode);
	int kill = setattr_should_drop_suidgid(&nop_mnt_idmap, inode);

	spin_lock(&fi->lock);
	/* attributes that were asked for before are not to be believed */
	fi->attr_version = atomic64_inc_return(&fc->attr_version);
	if (kill & ATTR_KILL_SUID)
		inode->i_mode &= ~S_ISUID;
	if (kill & ATTR_KILL_SGID)
		inode->i_mode &= ~S_ISGID;
	spin_unlock(&fi->lock);
	fuse_invalidate_attr_mask(inode, STATX_MODE);
}

/*
 * A write is about to remove privileges.  A server that handles their removal
 * never sees the write, so the FUSE inode is for us to change; other servers
 * are told.  Returns whether there are any, for end_privs().
 */
static bool start_privs(struct inode *inode, const struct fuse_file *ff)
{
	struct fuse_conn *fc = get_fuse_conn(inode);

	if (!is_sxid(inode->i_mode) &&
	    !is_sxid(file_inode(ff->passthrough)->i_mode))
		return false;
	if (fc->handle_killpriv || fc->handle_killpriv_v2)
		clear_mode(inode);
	return true;
}

/* An answer of before the write may have brought the bits back meanwhile */
static void end_privs(struct inode *inode, bool had_privs)
{
	if (had_privs)
		clear_mode(inode);
}

static struct backing_file_ctx write_ctx(struct file *file)
{
	struct fuse_file *ff = file->private_data;

	return (struct backing_file_ctx) {
		.cred = write_cred(ff),
		.user_file = file,
		.end_write = end_write,
	};
}

/* Returns the backing file; to be called with the mapping's credentials */
static struct file *reopen_file(struct file *file, struct fuse_backing *fb,
				const struct file *registered)
{
	struct fuse_file *ff = file->private_data;
	struct file *backing;
	int flags, err;

	err = fuse_backing_may_open(fb, registered, file);
	if (err)
		return ERR_PTR(err);

	flags = fuse_backing_open_flags(fb, registered, file->f_flags);
	backing = backing_file_open(file, flags, &registered->f_path, fb->cred);
	if (IS_ERR(backing))
		fuse_backing_reject(ff->fm->fc, fb->id, PTR_ERR(backing),
				    FUSE_BACKING_REOPEN);
	return backing;
}

/* Open what @fb maps as @file was opened, as whoever registered it */
static struct file *reopen(struct file *file, struct fuse_backing *fb)
{
	struct file *registered = fuse_backing_file(fb);
	const struct cred *old_cred;
	struct file *backing;

	old_cred = override_creds(fb->cred);
	backing = reopen_file(file, fb, registered);
	revert_creds(old_cred);
	fput(registered);

	return backing;
}

/**
 * fuse_passthrough_open - open the backing file of a FUSE file
 * @file: the FUSE file, opened by the server
 * @backing_id: from the server's reply
 *
 * Context: process context; may sleep.
 * Return: 0, to be undone with fuse_passthrough_release(); -EINVAL if
 *	@backing_id is not positive, -ENOENT if it is closed or was never
 *	registered, -ENOMEM, or why the backing file can't be opened.
 */
int fuse_passthrough_open(struct file *file, int backing_id)
{
	struct fuse_file *ff = file->private_data;
	struct fuse_conn *fc = ff->fm->fc;
	struct fuse_backing *fb;
	struct file *backing;
	int err;

	if (backing_id <= 0)
		return fuse_backing_reject(fc, backing_id, -EINVAL,
					   FUSE_BACKING_BAD_ARGUMENT);

	fb = fuse_backing_lookup(fc, backing_id);
	if (!fb)
		return fuse_backing_reject(fc, backing_id, -ENOENT,
					   FUSE_BACKING_UNKNOWN_ID);

	err = fuse_backing_usage_start(fb);
	if (err)
		goto out_put;

	backing = reopen(file, fb);
	err = PTR_ERR_OR_ZERO(backing);
	if (err)
		goto out_put;

	ff->passthrough = backing;
	ff->fb = fb;
	fuse_backing_use(fb, &ff->backing_use, FUSE_BACKING_FILE, ff->nodeid);
	return 0;

out_put:
	fuse_backing_put(fb);
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
	if (err == -ENOSYS || !ff->fm->fc->passthrough ||
	    !(ff->open_flags & FOPEN_PASSTHROUGH))
		return -EIO;
	return err;
}

/**
 * fuse_passthrough_release - undo fuse_passthrough_open()
 * @ff: file data of the FUSE file
 * @fi: its inode
 *
 * The backing file is closed before the mapping is given up, both before this
 * returns: afterwards the FUSE file doesn't pin the backing filesystem.
 *
 * Context: process context; may sleep.
 */
void fuse_passthrough_release(struct fuse_file *ff, struct fuse_inode *fi)
{
	if (ff->iomode == IOM_UNCACHED)
		fuse_inode_backing_end(fi);

	__fput_sync(ff->passthrough);
	ff->passthrough = NULL;
	fuse_backing_unuse(ff->fb, &ff->backing_use);
	fuse_backing_put(ff->fb);
	ff->fb = NULL;
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
	struct fuse_file *ff = file->private_data;
	struct backing_file_ctx ctx = read_ctx(file);
	ssize_t read;

	read = backing_file_read_iter(ff->passthrough, iter, iocb,
				      iocb->ki_flags, &ctx);
	fuse_backing_count_read(ff->fb, read);
	return read;
}

/**
 * fuse_passthrough_write_iter - write to the backing file
 * @iocb: position and flags; its file is open in passthrough mode
 * @iter: where from
 *
 * Context: process context; may sleep; takes the FUSE inode's lock.
 * Return: bytes written, -EIOCBQUEUED, -EPERM if the file can only be appended
 *	to, or the error of the backing filesystem.
 */
ssize_t fuse_passthrough_write_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	struct file *file = iocb->ki_filp;
	struct fuse_file *ff = file->private_data;
	struct inode *inode = file_inode(file);
	struct backing_file_ctx ctx;
	ssize_t written;
	bool privs;

	written = fuse_backing_may_write(ff, iocb->ki_flags & IOCB_APPEND);
	if (written)
		return written;

	inode_lock(inode);
	privs = start_privs(inode, ff);
	ctx = write_ctx(file);
	written = backing_file_write_iter(ff->passthrough, iter, iocb,
					  iocb->ki_flags, &ctx);
	end_privs(inode, privs);
	inode_unlock(inode);

	return written;
}

/**
 * fuse_passthrough_splice_read - splice from the backing file to a pipe
 * @in: a FUSE file open in passthrough mode
 * @ppos: position, moved on
 * @pipe: where to
 * @len: bytes at most
 * @flags: SPLICE_F_*
 *
 * Context: process context; may sleep.
 * Return: bytes spliced, or the error of the backing filesystem.
 */
ssize_t fuse_passthrough_splice_read(struct file *in, loff_t *ppos,
				     struct pipe_inode_info *pipe,
				     size_t len, unsigned int flags)
{
	struct fuse_file *ff = in->private_data;
	struct backing_file_ctx ctx = read_ctx(in);
	ssize_t read;

	read = backing_file_splice_read(ff->passthrough, ppos, pipe, len, flags,
					&ctx);
	fuse_backing_count_read(ff->fb, read);
	return read;
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
 * are written through the server.
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
	struct fuse_file *ff = file->private_data;
	struct backing_file_ctx ctx = read_ctx(file);
	int err;

	err = fuse_backing_may_mmap(ff, vma);
	if (err)
		return err;
	/* before, because a mapping that exists can't fail to be pinned */
	err = fuse_inode_backing_pin(get_fuse_inode(file_inode(file)), ff->fb);
	if (err)
		return err;
	return backing_file_mmap(ff->passthrough, vma, &ctx);
}
