// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: FUSE files that the server doesn't know of.
 *
 * The kernel opens a file on its own where the inode has a backing file attached
 * that is good for it.  The backing file does what it can, and for the rest the
 * server is asked to open the file after all: see backing_handle.c.
 */

#include "fuse_i.h"
#include "backing_access.h"
#include "backing_attachment.h"
#include "backing_below.h"
#include "backing_bpf.h"
#include "backing_extents.h"
#include "backing_extents_file.h"
#include "backing_freeze.h"
#include "backing_handle.h"
#include "backing_inode.h"
#include "backing_io.h"
#include "backing_mapping.h"
#include "backing_privs.h"
#include "backing_reject.h"
#include "backing_revoke.h"
#include "backing_server.h"
#include "backing_tree.h"
#include "backing_usage.h"

#include <linux/cred.h>
#include <linux/fadvise.h>
#include <linux/fsnotify.h>
#include <linux/pagemap.h>
#include <linux/security.h>

/*
 * Open a FUSE file on the mapping that it has got.
 *
 * -EBUSY and -ETXTBSY say that the inode is open otherwise.
 */
static int open_mapping(struct inode *inode, struct file *file,
			struct fuse_file *ff)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	int err;

	err = fuse_passthrough_open(file, ff->passthrough->fb->id);
	if (err)
		return fuse_passthrough_open_error(ff, err);

	err = fuse_backing_enter(ff, fi);
	if (err) {
		fuse_passthrough_release(ff, fi);
		/* the server opens it now, in whatever mode */
		file->f_op = inode->i_fop;
		file->f_mode &= ~FMODE_NOWAIT;
	}
	return err;
}

/* Is this an open that only the server can do? */
static bool is_for_server(struct inode *inode, const struct file *file)
{
	return ((file->f_flags & O_TRUNC) && get_fuse_conn(inode)->atomic_o_trunc) ||
	       READ_ONCE(get_fuse_inode(inode)->iocachectr) > 0;
}

/* Is there anything to be passed through, if a program, that is asked later, has no objection? */
static bool may_be_passed(struct inode *inode, const struct file *file, bool filtered)
{
	return fuse_inode_is_passed(get_fuse_inode(inode)) &&
	       fuse_backing_has_server(get_fuse_conn(inode)) &&
	       (filtered || !is_for_server(inode, file));
}

/*
 * Get what a program has chosen.  What it chose by mistake, or before the server closed
 * it, leaves the file to the server.
 */
static bool use_chosen(struct inode *inode, int id, struct fuse_passthrough *pt)
{
	struct fuse_conn *fc = get_fuse_conn(inode);

	pt->fb = fuse_backing_lookup(fc, id);
	if (!pt->fb)
		fuse_backing_reject(fc, id, -ENOENT, FUSE_BACKING_UNKNOWN_ID);
	return pt->fb;
}

/* Of what is below a tree: who has just made it has it open already */
static struct fuse_backing *get_below(struct inode *inode, struct file *file)
{
	struct fuse_backing *made = file->private_data;

	if (!made)
		return fuse_node_map(inode, file->f_path.dentry,
				     fuse_backing_modes(file));
	refcount_inc(&made->count);
	return made;
}

/* Get what is attached, or what is below a tree */
static bool use_own(struct inode *inode, struct file *file,
		    struct fuse_passthrough *pt, int *err)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	struct fuse_backing *fb;

	if (!rcu_access_pointer(fi->backing.node))
		return fuse_inode_use_attached(fi, fuse_backing_modes(file), pt);
	fb = get_below(inode, file);
	/* a table that is full leaves the file to the server */
	if (!fb || fb == ERR_PTR(-EMFILE))
		return false;
	if (IS_ERR(fb))
		*err = PTR_ERR(fb);
	else
		pt->fb = fb;
	return true;
}

/* Get what a program says; what is hidden is so, too, where only the server could open it */
static bool use_filtered(struct inode *inode, struct file *file,
			 struct fuse_passthrough *pt, int *err)
{
	int id;

	switch (fuse_filter_open(file, &id)) {
	case FUSE_BACKING_PASS:
		if (is_for_server(inode, file))
			return false;
		return id ? use_chosen(inode, id, pt) : use_own(inode, file, pt, err);
	case FUSE_BACKING_HIDE:
		*err = -ENOENT;
		return true;
	default:
		return false;
	}
}

/*
 * Get what a file that is being opened is to be opened on.
 * Returns false if nothing is good for it; @err is set to 0 or an errno.
 */
static bool use_passed(struct inode *inode, struct file *file, bool filtered,
		       struct fuse_passthrough *pt, int *err)
{
	*err = 0;
	return filtered ? use_filtered(inode, file, pt, err) :
			  use_own(inode, file, pt, err);
}

/**
 * fuse_backing_open_attached - open a file without the server, if possible
 * @inode: the FUSE inode
 * @file: the FUSE file that is being opened; private_data is %NULL, or the mapping of what
 *	was made for it below a tree
 * @err: set to the result: 0, or a negative errno
 *
 * While the inode is open through the server in cached mode, or on another
 * backing inode, further opens are the server's too.  A program may hide the file from
 * these, so it is asked before; but not before the file has its age: what it has said by
 * the time of a revocation is taken away.
 *
 * Context: process context; may sleep.
 * Return: false if the server is to be asked.
 */
bool fuse_backing_open_attached(struct inode *inode, struct file *file,
				int *err)
{
	bool filtered = fuse_is_filtered(get_fuse_conn(inode));
	struct fuse_inode *fi = get_fuse_inode(inode);
	struct fuse_passthrough *pt;
	struct fuse_file *ff;
	bool first;

	if (!may_be_passed(inode, file, filtered))
		return !fuse_node_may_ask(inode, err);

	*err = -ENOMEM;
	ff = fuse_backing_alloc_local(inode, sizeof(*pt));
	if (!ff)
		return true;
	pt = ff->passthrough;
	/* as if a reply had claimed it; the file has its age by now */
	if (!use_passed(inode, file, filtered, pt, err))
		goto out_ask;
	if (*err)
		goto out_free;
	first = !READ_ONCE(fi->backing.files);
	file->private_data = ff;
	*err = pt->extents ? fuse_extents_open(file) :
			     open_mapping(inode, file, ff);
	if (!*err) {
		/*
		 * What others cached, who are closed now, is not seen again.
		 * Where there are extents, those who aren't closed use it.
		 */
		if ((first || !pt->extents) && !mapping_empty(inode->i_mapping))
			invalidate_inode_pages2(inode->i_mapping);
		return true;
	}
	if (*err == -EBUSY || *err == -ETXTBSY)
		goto out_ask;
out_free:
	fuse_file_free(ff);
	return true;

out_ask:
	fuse_file_free(ff);
	file->private_data = NULL;
	return !fuse_node_may_ask(inode, err);
}

/*
 * Flush what was written to the backing file: network filesystems tell only then
 * that it couldn't be.  Where nothing could be written, nothing is flushed, and
 * who closes the file doesn't wait for others.
 */
static int flush_backing(struct file *file)
{
	const struct fuse_passthrough *pt = fuse_passthrough_of(file);
	int err;

	if (!fuse_backing_is_local(file) || !(file->f_mode & FMODE_WRITE))
		return 0;
	/* taken away: the server has heard of what was written since */
	if (!fuse_backing_io_start(file))
		return 0;
	err = pt->extents ? fuse_extents_flush(pt->extents) :
			    fuse_backing_flush_file(pt->fb, pt->file);
	fuse_backing_io_end(file);
	return err;
}

static int flush_server(struct file *file, fl_owner_t id)
{
	struct inode *inode = file_inode(file);
	int err;

	if (fuse_backing_has_no_handle(file->private_data)) {
		if (!READ_ONCE(get_fuse_inode(inode)->backing.remote_locks))
			return 0;
		err = fuse_backing_need_handle(file);
		if (err)
			return err;
	}
	return fuse_flush(file, id);
}

/**
 * fuse_backing_flush - flush a file, which the server may not know of
 * @file: a FUSE file open in passthrough mode
 * @id: owner of the locks that go, at the server
 *
 * If the kernel opened it by itself, the backing file is flushed as well.
 *
 * Context: process context without locks; may sleep, killable but for a backing
 *	filesystem that is no FUSE.
 * Return: 0, as fuse_backing_flush_file(), or else as fuse_flush() or
 *	fuse_backing_need_handle().
 */
int fuse_backing_flush(struct file *file, fl_owner_t id)
{
	int err, ret;

	if (fuse_is_bad(file_inode(file)))
		return -EIO;
	err = flush_backing(file);
	ret = flush_server(file, id);
	return err ?: ret;
}

/**
 * fuse_backing_release - release a file, which the server may not know of
 * @inode: the FUSE inode
 * @file: a FUSE file open in passthrough mode
 *
 * Context: process context without locks; may sleep.
 * Return: as fuse_release().
 */
int fuse_backing_release(struct inode *inode, struct file *file)
{
	struct fuse_file *ff = file->private_data;

	if (!fuse_backing_has_no_handle(ff))
		return fuse_release(inode, file);
	/* no request was ever made that would keep it, or come with it */
	fuse_passthrough_release(ff, get_fuse_inode(inode));
	fuse_file_free(ff);
	return 0;
}

/* Does the backing file do what is not a read or write, too? */
enum doer {
	/* it does, and fuse_backing_io_end() must be called */
	BACKING_FILE,
	/* the server is to be asked */
	SERVER,
	/* nobody can */
	NOBODY,
};

/* Is the backing file to be asked?  @ops: what it may have said of others' files */
static bool is_answered(const struct file *file, u64 ops)
{
	const struct fuse_file *ff = file->private_data;

	if (fuse_backing_is_local(file))
		return true;
	/* beside a backing file that is only mapped, the server has the data */
	return (READ_ONCE(get_fuse_inode(file_inode(file))->backing.ops) & ops) &&
	       ff->passthrough && !(READ_ONCE(ff->open_flags) & FOPEN_DIRECT_IO);
}

/* @err is set if nobody can */
static enum doer find_doer(struct file *file, u64 ops, int *err)
{
	if (!is_answered(file, ops))
		return SERVER;
	*err = -EIO;
	if (fuse_is_bad(file_inode(file)))
		return NOBODY;
	if (fuse_backing_io_start(file))
		return BACKING_FILE;
	*err = fuse_backing_failover(file);
	return *err ? NOBODY : SERVER;
}

/**
 * fuse_backing_may_copy - may the server be asked to copy
 * @in: an open FUSE file
 * @out: another, or the same
 *
 * Context: any.
 * Return: 0, or -EOPNOTSUPP if the bytes must go through the kernel.
 */
int fuse_backing_may_copy(struct file *in, struct file *out)
{
	if (fuse_backing_is_local(in) || fuse_backing_is_local(out))
		return -EOPNOTSUPP;
	return 0;
}

/**
 * fuse_backing_fsync - fsync(2) by the backing file
 * @file: an open FUSE file
 * @start: first byte
 * @end: last byte
 * @datasync: data and what is needed to find it only
 * @err: set to the result
 *
 * Context: process context without locks; may sleep.
 * Return: false if the server is to be asked.
 */
bool fuse_backing_fsync(struct file *file, loff_t start, loff_t end,
			int datasync, int *err)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(file);

	switch (find_doer(file, FUSE_BACKING_OPS_FSYNC, err)) {
	case SERVER:
		return false;
	case NOBODY:
		return true;
	case BACKING_FILE:
		break;
	}
	scoped_with_creds(pt->fb->cred) {
		*err = vfs_fsync_range(pt->file, start, end, datasync);
	}
	fuse_backing_io_end(file);
	return true;
}

/**
 * fuse_backing_lseek - SEEK_DATA and SEEK_HOLE by the backing file
 * @file: an open FUSE file
 * @offset: where from
 * @whence: which of the two
 * @pos: set to the result, which is the file's position now, or an error
 *
 * Context: process context; may sleep.
 * Return: false if the server is to be asked.
 */
bool fuse_backing_lseek(struct file *file, loff_t offset, int whence,
			loff_t *pos)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(file);
	int err;

	switch (find_doer(file, 0, &err)) {
	case SERVER:
		return false;
	case NOBODY:
		*pos = err;
		return true;
	case BACKING_FILE:
		break;
	}
	scoped_with_creds(pt->fb->cred) {
		*pos = vfs_llseek(pt->file, offset, whence);
	}
	fuse_backing_io_end(file);
	if (*pos >= 0)
		*pos = vfs_setpos(file, *pos, file_inode(file)->i_sb->s_maxbytes);
	return true;
}

/* In place of vfs_fallocate(), which waits for a thaw for good */
static int fallocate(struct file *backing, int mode, loff_t offset, loff_t len)
{
	struct inode *inode = file_inode(backing);
	int err;

	if (offset + len > inode->i_sb->s_maxbytes)
		return -EFBIG;
	if (!backing->f_op->fallocate)
		return -EOPNOTSUPP;
	/* of the length it takes what fits in ssize_t */
	err = rw_verify_area(WRITE, backing, &offset,
			     min_t(loff_t, len, SSIZE_MAX)) ?:
	      fuse_backing_start_fs(backing, false);
	if (err)
		return err;
	err = backing->f_op->fallocate(backing, mode, offset, len);
	if (!err)
		fsnotify_modify(backing);
	file_end_write(backing);
	return err;
}

static int allocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(file);
	const struct cred *cred;
	int err;

	cred = fuse_backing_start_write(file, 0, true);
	if (IS_ERR(cred))
		return PTR_ERR(cred);

	scoped_with_creds(cred)
		err = fallocate(pt->file, mode, offset, len);
	fuse_backing_end_write(file, cred);
	return err;
}

/* The FUSE inode is locked exclusively */
static int allocate_backing(struct file *file, int mode, loff_t offset,
			    loff_t len)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(file);
	struct inode *inode = file_inode(file);
	bool hidden;
	int err;

	hidden = fuse_backing_hide_superblock(inode->i_sb, pt->file);
	err = allocate(file, mode, offset, len);
	fuse_backing_show_superblock(inode->i_sb, hidden);
	if (unlikely(is_sxid(inode->i_mode)))
		fuse_backing_end_privs(inode, fuse_backing_keeps_privs());

	fuse_inode_backing_resized(inode, err ? NULL :
					  file_inode(pt->file));
	return err;
}

/**
 * fuse_backing_fallocate - fallocate(2) by the backing file
 * @file: an open FUSE file
 * @mode: FALLOC_FL_*
 * @offset: first byte
 * @len: how many
 * @err: set to the result
 *
 * Context: process context without locks; may sleep.
 * Return: false if the server is to be asked.
 */
bool fuse_backing_fallocate(struct file *file, int mode, loff_t offset,
			    loff_t len, int *err)
{
	struct fuse_file *ff = file->private_data;
	struct inode *inode = file_inode(file);

	if (!fuse_backing_is_local(file))
		return false;
	*err = fuse_is_bad(inode) ? -EIO : fuse_backing_lock(inode, 0, true);
	if (*err)
		return true;
	if (!fuse_backing_io_start(file)) {
		fuse_backing_unlock(inode, true);
		*err = fuse_backing_failover(file);
		return *err != 0;
	}
	*err = fuse_backing_may_allocate(ff, mode);
	if (!*err)
		*err = allocate_backing(file, mode, offset, len);
	fuse_backing_io_end(file);
	fuse_backing_unlock(inode, true);
	return true;
}

/* ftruncate(2), and nothing that others must hear of */
static bool is_truncation(const struct file *file, const struct iattr *attr)
{
	const struct fuse_passthrough *pt = fuse_passthrough_of(file);

	return (attr->ia_valid & ATTR_SIZE) && !(attr->ia_valid & ATTR_MODE) &&
	       !pt->extents && !is_sxid(file_inode(file)->i_mode |
					file_inode(pt->file)->i_mode);
}

/* As who registered it, who may have less power over the file than the client */
static int truncate_backing(struct fuse_passthrough *pt, loff_t size)
{
	struct file *backing = pt->file;
	struct inode *inode = file_inode(backing);
	struct iattr attr = {
		.ia_valid = ATTR_SIZE | ATTR_MTIME | ATTR_CTIME | ATTR_FILE |
			    ATTR_KILL_PRIV,
		.ia_size = size,
		.ia_file = backing,
	};
	int err;

	err = fuse_backing_start_fs(backing, false);
	if (err)
		return err;
	scoped_with_creds(fuse_backing_write_cred(pt->fb)) {
		/* may be a FUSE inode too, below ours */
		inode_lock_nested(inode, I_MUTEX_CHILD);
		err = notify_change(file_mnt_idmap(backing),
				    file_dentry(backing), &attr, NULL);
		inode_unlock(inode);
	}
	file_end_write(backing);

	return err;
}

/* ftruncate(2) has asked of the FUSE file.  Writing may be allowed where this isn't. */
static int may_truncate(const struct fuse_passthrough *pt)
{
	int err = 0;

	scoped_with_creds(fuse_backing_write_cred(pt->fb))
		err = security_file_truncate(pt->file);
	return err;
}

static int truncate_file(struct file *file, loff_t size)
{
	struct fuse_file *ff = file->private_data;
	struct fuse_passthrough *pt = ff->passthrough;
	struct inode *inode = file_inode(file);
	bool hidden;
	int err;

	err = fuse_backing_may_write(ff, false) ?: may_truncate(pt);
	if (err)
		return err;

	hidden = fuse_backing_hide_superblock(inode->i_sb, pt->file);
	err = truncate_backing(pt, size);
	fuse_backing_show_superblock(inode->i_sb, hidden);

	fuse_inode_backing_resized(inode, err ? NULL :
					  file_inode(pt->file));
	return err;
}

/**
 * fuse_backing_setattr - attributes are changed by a file descriptor
 * @file: an open FUSE file, or %NULL
 * @attr: which attributes, and how
 * @err: set to the result
 *
 * The backing file is open for what its FUSE file is; a server that would have to
 * find the file by name, and have the right to, may not be able to truncate it any
 * more.  For the rest it gets a handle, if it opens the file; suid and sgid bits,
 * and what has extents, are a part of that.
 *
 * Context: process context with the FUSE inode locked; may sleep, killable.
 * Return: false if the server is to be asked.
 */
bool fuse_backing_setattr(struct file *file, const struct iattr *attr,
			  int *err)
{
	bool done;

	/* what open(2) empties was checked by another rule than the open */
	if (!file || !fuse_backing_is_local(file) ||
	    (attr->ia_valid & ATTR_OPEN))
		return false;
	if (fuse_backing_io_start(file)) {
		done = is_truncation(file, attr);
		if (done)
			*err = truncate_file(file, attr->ia_size);
		fuse_backing_io_end(file);
		if (done)
			return true;
	}
	/* who doesn't open it may find it by its node */
	*err = fuse_backing_need_handle(file);
	return *err == -EINTR;
}

/**
 * fuse_backing_fadvise - posix_fadvise(2) and readahead(2)
 * @file: an open FUSE file
 * @offset: first byte
 * @len: how many
 * @advice: POSIX_FADV_*
 *
 * What passes through must not be read into the cache of the FUSE inode, and
 * the server can't be asked for what it has no handle of.
 *
 * Context: process context; may sleep.
 * Return: 0 or a negative errno.
 */
int fuse_backing_fadvise(struct file *file, loff_t offset, loff_t len,
			 int advice)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(file);
	int err;

	if (!pt)
		return generic_fadvise(file, offset, len, advice);
	if (fuse_is_bad(file_inode(file)))
		return -EIO;
	/* taken away: advice is only that, and nothing to ask the server for */
	if (!fuse_backing_io_start(file))
		return 0;
	scoped_with_creds(pt->fb->cred)
		err = vfs_fadvise(pt->file, offset, len, advice);
	fuse_backing_io_end(file);
	return err;
}
