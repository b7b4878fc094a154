/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: what each read and write goes through.
 *
 * In a header of its own, to be included after fuse_i.h.
 */

#ifndef _FS_FUSE_BACKING_IO_H
#define _FS_FUSE_BACKING_IO_H

#include <linux/atomic.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/rwsem.h>
#include <linux/sched.h>

#include "backing_privs.h"
#include "backing_types.h"
#include "backing_usage.h"

/* Added to &fuse_passthrough.io when the backing file is taken away */
#define FUSE_BACKING_REVOKED	INT_MIN

void fuse_backing_io_idle(struct file *file);
void fuse_inode_backing_grown(struct inode *inode, const struct fuse_passthrough *pt);

/**
 * fuse_passthrough_of - what a FUSE file in passthrough mode has
 * @file: the FUSE file
 *
 * Context: any.
 * Return: that; %NULL if the file is in another mode, and no reply claimed an id for it.
 */
static inline struct fuse_passthrough *fuse_passthrough_of(const struct file *file)
{
	const struct fuse_file *ff = file->private_data;

	return ff->passthrough;
}

/**
 * fuse_backing_is_revoked - was a file's backing file taken away
 * @pt: of a FUSE file in passthrough mode
 *
 * Context: any; it stays as it is while fuse_inode::lock is held.
 * Return: whether it was, or is being.
 */
static inline bool fuse_backing_is_revoked(const struct fuse_passthrough *pt)
{
	return atomic_read(&pt->io) < 0;
}

/**
 * fuse_backing_is_too_old - is a file one of those that lose their backing file
 * @fi: its inode
 * @pt: of the file
 *
 * It may not have been told yet.
 *
 * Context: fuse_inode::lock is held.
 * Return: whether it was opened before that was taken away.
 */
static inline bool fuse_backing_is_too_old(const struct fuse_inode *fi,
					   const struct fuse_passthrough *pt)
{
	return pt->ff->kh < fi->backing.revoked_at;
}

/**
 * fuse_backing_is_idle - has a file that lost its backing file done its last I/O
 * @pt: of a FUSE file in passthrough mode
 *
 * Context: any.
 * Return: whether the backing file was taken away, and nothing is in flight.
 */
static inline bool fuse_backing_is_idle(const struct fuse_passthrough *pt)
{
	return atomic_read(&pt->io) == FUSE_BACKING_REVOKED;
}

/**
 * fuse_backing_io_end - something was done with the backing file
 * @file: the FUSE file
 *
 * Context: any; may be an interrupt.
 */
static inline void fuse_backing_io_end(struct file *file)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(file);

	if (unlikely(atomic_dec_return(&pt->io) ==
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
	struct fuse_passthrough *pt = fuse_passthrough_of(file);

	if (likely(atomic_inc_return(&pt->io) > 0))
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
	struct fuse_passthrough *pt = fuse_passthrough_of(file);

	atomic_inc(&pt->io);
}

/**
 * fuse_backing_lock - keep FUSE's own changes of the size out
 * @inode: the FUSE inode
 * @flags: IOCB_*
 * @exclusive: keep other writers out, too
 *
 * FUSE takes the size in a reply to LINK, SETATTR and others as it is, because who
 * asks holds the inode's lock, and no write can have ended since the server looked.
 * So whatever may make a file longer or shorter without the server holds it, too:
 * shared is enough for that.  They may wait for the server then, so a signal that
 * kills ends it.
 *
 * Order: this lock, then fuse_backing_io_start(), then the locks of the backing
 * filesystem.  Who takes the backing file away waits for what has started, and may be
 * the server, answering somebody who holds this lock.
 *
 * Context: process context; may sleep unless IOCB_NOWAIT is set, killable.
 * Return: 0, and fuse_backing_unlock() must be called; -EAGAIN or -EINTR.
 */
static inline int fuse_backing_lock(struct inode *inode, int flags,
				    bool exclusive)
{
	struct rw_semaphore *lock = &inode->i_rwsem;

	if (!(flags & IOCB_NOWAIT))
		return exclusive ? down_write_killable(lock) :
				   down_read_killable(lock);
	if (exclusive ? down_write_trylock(lock) : down_read_trylock(lock))
		return 0;
	return -EAGAIN;
}

/**
 * fuse_backing_unlock - the counterpart of fuse_backing_lock()
 * @inode: the FUSE inode
 * @exclusive: as it was said there
 *
 * Context: process context.
 */
static inline void fuse_backing_unlock(struct inode *inode, bool exclusive)
{
	if (exclusive)
		inode_unlock(inode);
	else
		inode_unlock_shared(inode);
}

/**
 * fuse_backing_write_start - a write is about to be passed through
 * @iocb: on the FUSE file
 * @exclusive: keep other writers out
 *
 * Context: process context; may sleep unless IOCB_NOWAIT is set, killable.
 * Return: 0, and fuse_backing_write_end() must be called; -ESTALE if the backing file
 *	was taken away, and the FUSE inode is not locked; or as fuse_backing_lock().
 */
static inline int fuse_backing_write_start(const struct kiocb *iocb,
					   bool exclusive)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	int err;

	err = fuse_backing_lock(inode, iocb->ki_flags, exclusive);
	if (unlikely(err))
		return err;
	if (likely(fuse_backing_io_start(iocb->ki_filp)))
		return 0;
	fuse_backing_unlock(inode, exclusive);
	return -ESTALE;
}

/**
 * fuse_backing_write_end - a write was passed through, or is in flight
 * @file: the FUSE file
 * @exclusive: as it was said to fuse_backing_write_start()
 *
 * Context: process context.
 */
static inline void fuse_backing_write_end(struct file *file, bool exclusive)
{
	fuse_backing_io_end(file);
	fuse_backing_unlock(file_inode(file), exclusive);
}

/**
 * fuse_backing_invalidate - have attributes fetched before they are used
 * @inode: the FUSE inode
 * @mask: STATX_*
 *
 * Doesn't write to what other CPUs share if they are invalid already.
 *
 * Context: any; may be an interrupt.
 */
static inline void fuse_backing_invalidate(struct inode *inode, u32 mask)
{
	if (~READ_ONCE(get_fuse_inode(inode)->inval_mask) & mask)
		fuse_invalidate_attr_mask(inode, mask);
}

/**
 * fuse_backing_must_be_alone - does a write have to exclude others
 * @file: a FUSE file between fuse_backing_io_start() and _end()
 *
 * Context: process context.
 * Return: whether it removes suid or sgid bits.
 */
static inline bool fuse_backing_must_be_alone(struct file *file)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(file);

	return unlikely(is_sxid(file_inode(file)->i_mode |
				file_inode(pt->file)->i_mode)) &&
	       fuse_backing_removes_privs(file);
}

/**
 * fuse_backing_start_write - what has to be done before a write
 * @file: a FUSE file open in passthrough mode
 * @flags: IOCB_*
 * @exclusive: how the FUSE inode is locked
 *
 * Which is nothing for most files.
 *
 * A client without CAP_FSETID must not keep suid and sgid bits of the backing
 * file just because the server could, not even those that somebody sets
 * meanwhile.
 *
 * Context: process context with the FUSE inode locked; may sleep unless IOCB_NOWAIT
 *	is set.
 * Return: credentials to write with, for fuse_backing_end_write(), or as
 *	fuse_backing_remove_privs().
 */
static inline const struct cred *fuse_backing_start_write(struct file *file,
							  int flags,
							  bool exclusive)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(file);

	if (likely(!is_sxid(file_inode(file)->i_mode |
			    file_inode(pt->file)->i_mode)))
		return fuse_backing_write_cred(pt->fb);
	return fuse_backing_remove_privs(file, flags, exclusive);
}

/**
 * fuse_backing_end_write - done with the credentials of a write
 * @file: a FUSE file open in passthrough mode
 * @cred: from fuse_backing_start_write()
 *
 * Context: process context.
 */
static inline void fuse_backing_end_write(struct file *file,
					  const struct cred *cred)
{
	const struct fuse_passthrough *pt = fuse_passthrough_of(file);

	/* the mapping keeps its own */
	if (unlikely(cred != fuse_backing_write_cred(pt->fb) && cred != pt->fb->cred))
		put_cred(cred);
}

/**
 * fuse_backing_hide_superblock - write to a backing file below a FUSE file
 * @sb: superblock of the FUSE file
 * @backing: the backing file
 *
 * The caller keeps our superblock from being frozen, the backing filesystem will
 * keep itself.  To lockdep all FUSE superblocks are the same, but those of backing
 * files are below ours: don't tell it that ours is held.
 *
 * Context: process context.
 * Return: whether it was, for fuse_backing_show_superblock().
 */
static inline bool fuse_backing_hide_superblock(struct super_block *sb,
						const struct file *backing)
{
	const struct super_block *below = file_inode(backing)->i_sb;

	if (!IS_ENABLED(CONFIG_LOCKDEP) || !sb_write_started(sb) ||
	    (below->s_type != sb->s_type && !below->s_stack_depth))
		return false;
	__sb_writers_release(sb, SB_FREEZE_WRITE);
	return true;
}

/**
 * fuse_backing_show_superblock - the write to the backing file is over
 * @sb: superblock of the FUSE file
 * @hidden: from fuse_backing_hide_superblock()
 *
 * Context: process context.
 */
static inline void fuse_backing_show_superblock(struct super_block *sb,
						bool hidden)
{
	if (hidden)
		__sb_writers_acquired(sb, SB_FREEZE_WRITE);
}

#endif /* _FS_FUSE_BACKING_IO_H */
